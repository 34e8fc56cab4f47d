/* The output queue of a prompt. Bytes stand in one buffer, which is moved together once all is
 * written or before it grows. */
#include "prompt_queue.h"
#include "clean.h"
#include "frame.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

void hy_prompt_queue_init(hy_prompt_queue_t *q) {
    *q = (hy_prompt_queue_t){0};
    hy_buf_init(&q->bytes);
}

void hy_prompt_queue_deinit(hy_prompt_queue_t *q) {
    hy_buf_deinit(&q->bytes);
    hy_prompt_queue_init(q);
}

static void add(hy_prompt_queue_t *q, hy_value_t object) {
    if (q->at > 0) {
        q->bytes.len -= q->at;
        memmove(q->bytes.bytes, q->bytes.bytes + q->at, q->bytes.len);
        q->at = 0;
    }
    if (hy_frame_append(&q->bytes, object) != 0) q->dropped++;
    /* Out of memory: what is there stays, the next frame may fit again. */
    q->bytes.failed = false;
}

static size_t waiting(const hy_prompt_queue_t *q) {
    return q->bytes.len - q->at;
}

bool hy_prompt_queue_is_full(const hy_prompt_queue_t *q) {
    return waiting(q) > HY_PROMPT_QUEUE_BYTES_MAX;
}

/* Says how many lines are missing, at the place where they are. */
static void tell_dropped(hy_prompt_queue_t *q) {
    hy_node_t *n = hy_node_new(HY_OBJECT);
    hy_value_t frame = hy_node_value(n);
    if (hy_put(n, "is", hy_text("dropped")) || hy_put(n, "lines", hy_int((int64_t)q->dropped))) {
        hy_value_drop(frame);
        return;
    }
    q->dropped = 0;
    add(q, frame);
}

void hy_prompt_queue_add(hy_prompt_queue_t *q, hy_prompt_frame_t frame, const char *text,
                         size_t len) {
    if (frame.is_line && hy_prompt_queue_is_full(q)) {
        q->dropped++;
        hy_value_drop(frame.more);
        return;
    }
    if (q->dropped) tell_dropped(q);
    hy_value_t object =
        frame.more.kind == HY_ABSENT ? hy_node_value(hy_node_new(HY_OBJECT)) : frame.more;
    hy_node_t *n = object.kind == HY_OBJECT ? object.as.n : NULL;
    if (hy_put(n, "is", hy_text(frame.is)) ||
        hy_put(n, "text", hy_string(hy_text_clean(text, len, frame.with_escapes)))) {
        hy_value_drop(object);
        object = hy_absent();
    }
    add(q, object);
}

int hy_prompt_queue_write(hy_prompt_queue_t *q, int fd) {
    while (waiting(q) > 0) {
        ssize_t sent = send(fd, q->bytes.bytes + q->at, waiting(q), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : HY_ECLOSED;
        q->at += (size_t)sent;
        if (q->dropped && waiting(q) < HY_PROMPT_QUEUE_BYTES_MAX / 2) tell_dropped(q);
    }
    q->bytes.len = q->at = 0;
    return 1;
}
