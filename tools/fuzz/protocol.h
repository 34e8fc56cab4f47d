/* For the fuzz targets of protocols: what one says, as a number that tells two runs apart. */
#ifndef TOOLS_FUZZ_PROTOCOL_H
#define TOOLS_FUZZ_PROTOCOL_H

#include "base/error.h"
#include "base/mem.h"
#include "must.h"
#include "net/protocol.h"

typedef struct {
    unsigned opens, texts, closes;
    size_t text_bytes, out_bytes;
    uint32_t text_hash;
    hy_close_code_t code;
    char reason[HY_ERROR_TEXT_BYTES];
} heard_t;

static void on_open(void *arg) {
    heard_t *h = arg;
    MUST(h->opens == 0 && h->closes == 0);
    h->opens++;
}

static void on_text(void *arg, hy_str_t *text) {
    heard_t *h = arg;
    MUST(h->opens == 1 && h->closes == 0);
    MUST(text->len <= HY_MESSAGE_BYTES_MAX && text->bytes[text->len] == '\0');
    h->texts++;
    h->text_bytes += text->len;
    h->text_hash = h->text_hash * 31 + hy_hash(text->bytes, text->len);
}

static void on_output(void *arg, const char *bytes, size_t len) {
    heard_t *h = arg;
    MUST(h->closes == 0 && len > 0);
    h->out_bytes += len;
    (void)hy_hash(bytes, len); /* every byte is read */
}

static void on_closed(void *arg, hy_close_code_t code, const char *reason) {
    heard_t *h = arg;
    MUST(h->closes == 0 && reason[0] && strlen(reason) < sizeof h->reason);
    h->closes++;
    h->code = code;
    strcpy(h->reason, reason);
}

static const char *on_page(void *arg, const char *path, hy_buf_t *body) {
    (void)arg;
    MUST(path[0] == '/');
    if (strcmp(path, "/health") != 0) return NULL;
    hy_buf_text(body, path);
    return "text/plain";
}

static const hy_protocol_events_t HEARD_EVENTS = {
    .open = on_open,
    .text = on_text,
    .output = on_output,
    .closed = on_closed,
    .page = on_page,
};

/* In pieces of `step` bytes, each in memory of its own, so that reading beyond it is seen. */
static void feed(hy_protocol_t *p, const heard_t *h, const char *bytes, size_t len, size_t step) {
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        char *piece = malloc(n);
        memcpy(piece, bytes + at, n);
        int r = p->ops->input(p, piece, n);
        free(piece);
        MUST(r == (h->closes ? HY_ECLOSED : 0));
    }
}

/* What goes out may differ: one pong answers all pings of a piece. */
static void must_be_same(const heard_t *a, const heard_t *b) {
    MUST(a->opens == b->opens && a->texts == b->texts && a->closes == b->closes);
    MUST(a->text_bytes == b->text_bytes && a->text_hash == b->text_hash);
    MUST(a->code == b->code && strcmp(a->reason, b->reason) == 0);
}

typedef hy_protocol_t *(*make_t)(const hy_protocol_events_t *events, void *arg);

/* Every allocation fails in turn, up to a few. */
static void check_failures(make_t make, const char *prefix, const char *bytes, size_t len,
                           size_t step) {
    for (int64_t n = 1; n < 20; n++) {
        heard_t h = {.opens = 0};
        hy_mem_fail_after(n);
        hy_protocol_t *p = make(&HEARD_EVENTS, &h);
        if (p) {
            p->ops->start(p);
            feed(p, &h, prefix, strlen(prefix), SIZE_MAX);
            feed(p, &h, bytes, len, step);
            p->ops->close(p, HY_CLOSE_NORMAL, "done");
            p->ops->free(p);
        }
        hy_mem_fail_after(-1);
        MUST(hy_mem_blocks() == 0);
    }
}

/* All at once and cut, compared; then failing. What was heard is in `whole`. */
static void check(make_t make, const char *prefix, const char *bytes, size_t len, size_t step,
                  heard_t *whole) {
    heard_t cut = {.opens = 0};
    *whole = cut;
    hy_protocol_t *a = make(&HEARD_EVENTS, whole), *b = make(&HEARD_EVENTS, &cut);
    a->ops->start(a);
    b->ops->start(b);
    feed(a, whole, prefix, strlen(prefix), SIZE_MAX);
    feed(a, whole, bytes, len, SIZE_MAX);
    feed(b, &cut, prefix, strlen(prefix), step);
    feed(b, &cut, bytes, len, step);
    if (whole->code != HY_CLOSE_POLICY) must_be_same(whole, &cut); /* else a flood of pings */
    a->ops->free(a);
    b->ops->free(b);
    MUST(hy_mem_blocks() == 0);
    check_failures(make, prefix, bytes, len, step);
}

#endif
