/* Fuzz target: any bytes as a string pattern, then a zero, then the text that it is matched with.
 * Whatever is found lies within the text, captures too; looking for one match after the other comes
 * to an end; a pattern that stands for itself is found where its bytes are. What would take too
 * long is left by the way that a budget takes. Built and run by tools/fuzz/run. */
#define _GNU_SOURCE /* memmem */
#include "host/pattern.h"
#include "must.h"

#include <setjmp.h>
#include <string.h>

#define STEPS_MAX 10000

typedef struct {
    volatile sig_atomic_t is_due;
    unsigned steps;
    jmp_buf out;
} watch_t;

static void count_step(void *arg) {
    watch_t *w = arg;
    if (++w->steps > STEPS_MAX) longjmp(w->out, 1);
}

static void check_match(hy_pattern_t *m, const char *start, const char *end) {
    hy_capture_t c;
    MUST(m->text <= start && start <= end && end <= m->text_end);
    MUST(m->capture_count <= HY_PATTERN_CAPTURES_MAX);
    for (unsigned i = 0; i < m->capture_count; i++) {
        bool is_whole = hy_pattern_capture(m, i, start, end, &c);
        MUST(is_whole == (m->captures[i].len != HY_CAPTURE_OPEN));
        if (!is_whole) continue;
        MUST(c.start >= start && c.start <= end);
        MUST(c.len == HY_CAPTURE_POSITION || (c.len >= 0 && c.len <= end - c.start));
    }
    MUST(!hy_pattern_capture(m, m->capture_count + 1, start, end, &c));
    m->error = NULL;
}

static void check_walk(hy_pattern_t *m) {
    const char *at = m->text, *last = NULL, *end;
    size_t most = (size_t)(m->text_end - m->text) + 1;
    for (const char *start; (start = hy_pattern_find(m, at, last, &end)); at = last = end) {
        MUST(start >= at && most-- > 0);
        check_match(m, start, end);
        if (m->is_anchored) break;
    }
}

static void check_plain(hy_pattern_t *m, const char *pattern, size_t len) {
    const char *end, *found = hy_pattern_find(m, m->text, NULL, &end);
    size_t room = (size_t)(m->text_end - m->text);
    if (memchr(pattern, ')', len)) return; /* for itself only where it is looked for as such */
    MUST(!m->error);
    MUST(found == (len ? memmem(m->text, room, pattern, len) : m->text));
    MUST(!found || end == found + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static watch_t watch;
    static hy_pattern_t m;
    const char *pattern = (const char *)data, *zero = size ? memchr(data, 0, size) : NULL;
    size_t pattern_len = zero ? (size_t)(zero - pattern) : size;
    const char *text = zero ? zero + 1 : pattern + size;
    size_t len = size - (size_t)(text - pattern);
    for (int may_anchor = 0; may_anchor < 2; may_anchor++) {
        hy_pattern_init(&m, text, len, pattern, pattern_len, may_anchor);
        watch = (watch_t){.is_due = 1};
        m.is_due = &watch.is_due;
        m.due = count_step;
        m.arg = &watch;
        if (setjmp(watch.out)) continue;
        check_walk(&m);
        if (hy_pattern_is_plain(pattern, pattern_len)) check_plain(&m, pattern, pattern_len);
    }
    return 0;
}
