/* Writing and reading of frames on buffers; who moves the bytes is not known here. */
#include "frame.h"
#include "../base/json.h"

#define HEAD_BYTES 4u

int hy_frame_append(hy_buf_t *b, hy_value_t object) {
    size_t start = b->len;
    if (object.kind == HY_ABSENT || !hy_buf_reserve(b, HEAD_BYTES)) {
        hy_value_drop(object);
        return HY_ENOMEM;
    }
    b->len += HEAD_BYTES;
    hy_json_write(b, object);
    hy_value_drop(object);
    size_t len = b->len - start - HEAD_BYTES;
    if (b->failed || len > HY_PROMPT_FRAME_BYTES_MAX) {
        b->len = start;
        return b->failed ? HY_ENOMEM : HY_ETOO_LARGE;
    }
    unsigned char *head = (unsigned char *)b->bytes + start;
    for (unsigned i = 0; i < HEAD_BYTES; i++)
        head[i] = (unsigned char)(len >> (8 * (HEAD_BYTES - 1 - i)));
    return 0;
}

int hy_frame_take(hy_buf_t *b, hy_value_t *out, hy_error_t *err) {
    if (b->len < HEAD_BYTES) return 0;
    const unsigned char *head = (const unsigned char *)b->bytes;
    size_t len = 0;
    for (unsigned i = 0; i < HEAD_BYTES; i++)
        len = len << 8 | head[i];
    if (len > HY_PROMPT_FRAME_BYTES_MAX) {
        return hy_fail(err, HY_ETOO_LARGE, "a frame of %zu bytes; %u are allowed", len,
                       HY_PROMPT_FRAME_BYTES_MAX);
    }
    if (b->len < HEAD_BYTES + len) return 0;
    hy_value_t object = hy_absent();
    int rc = hy_json_read(b->bytes + HEAD_BYTES, len, HY_JSON_DEPTH_MAX, &object, err);
    if (!rc && object.kind != HY_OBJECT) {
        hy_value_drop(object);
        rc = hy_fail(err, HY_EINVALID, "a frame that is no object");
    }
    if (rc) return rc;
    b->len -= HEAD_BYTES + len;
    memmove(b->bytes, b->bytes + HEAD_BYTES + len, b->len);
    *out = object;
    return 1;
}
