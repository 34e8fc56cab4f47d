/* Fuzz target: any bytes as answers in parts, a line each. Whatever order they come in, what is
 * collected is bounded; once all are there they are an object that can be written and read, or are
 * refused with a reason; taken in by another object they make it the same; nothing may be left.
 * Built and run by tools/fuzz/run. */
#include "rows.h"

#include "data/parts.h"

static void ignore(void *arg, hy_child_difference_t what, hy_child_t *child, hy_change_t *change) {
    (void)arg;
    (void)what;
    (void)child;
    (void)change;
}

static hy_value_t whole_of(hy_object_t *o) {
    hy_value_t v;
    MUST(hy_object_whole(o, &v) == 0);
    return v;
}

/* Those who have a copy already take it over; it must be what came. */
static void check_taking(hy_str_t *url, hy_object_t *from) {
    hy_object_t *o;
    hy_change_t *change;
    hy_effect_t *effects;
    hy_value_t metadata = hy_node_value(hy_node_new(HY_OBJECT)), expected = whole_of(from), got;
    hy_error_t err = {.text = ""};
    MUST(hy_object_check_whole(expected.as.n, &err) == 0);
    MUST(hy_object_new(url, NULL, metadata, hy_absent(), &o) == 0);
    int code = hy_object_take(o, from, &change, &effects, ignore, NULL, &err);
    MUST(code == 0 || (code == HY_EINVALID && err.text[0]));
    if (code == 0) {
        for (uint32_t i = 0; change && i < change->count; i++)
            hy_effect_release(&effects[i]);
        hy_free(effects);
        hy_change_unref(change);
        got = whole_of(o);
        MUST(hy_value_equal(expected, got));
        hy_value_drop(got);
    }
    hy_value_drop(expected);
    hy_object_free(o);
}

static void check_missing(const hy_parts_t *p) {
    hy_value_t missing;
    MUST(hy_parts_missing(p, HY_PARTS_AHEAD, &missing) == 0);
    size_t count = hy_node_count(missing.as.n);
    MUST(count <= HY_PARTS_AHEAD);
    if (hy_parts_is_complete(p)) MUST(count == 0);
    hy_value_drop(missing);
}

static int take_line(hy_parts_t *p, hy_span_t line, bool checks) {
    hy_value_t v;
    hy_error_t err = {.text = ""};
    int code = hy_json_read(line.bytes, line.len, HY_JSON_DEPTH_MAX, &v, NULL);
    if (code < 0) return code;
    if (v.kind == HY_OBJECT && hy_parts_is_part(v.as.n)) {
        code = hy_parts_take(p, v.as.n, &err);
        MUST(code == 0 || code == HY_EINVALID || code == HY_ETOO_LARGE || code == HY_ENOMEM);
        if (code < 0 && code != HY_ENOMEM) MUST(err.text[0]);
        if (code < 0) MUST(hy_parts_count(p) == 0);
        if (checks) check_missing(p);
    }
    hy_value_drop(v);
    return code;
}

static int collect(const uint8_t *data, size_t size, hy_str_t *url, bool checks) {
    lines_t l = {(const char *)data, (const char *)data + size};
    hy_span_t line;
    hy_parts_t *p;
    hy_object_t *o = NULL;
    hy_error_t err = {.text = ""};
    int code = hy_parts_new(url, &p);
    if (code < 0) return code;
    while (code != HY_ENOMEM && !hy_parts_is_complete(p) && next_line(&l, &line))
        code = take_line(p, line, checks);
    if (code == 0) code = hy_parts_finish(p, &o, &err);
    if (o && checks) check_taking(url, o);
    if (code < 0 && code != HY_ENOMEM && !o && err.code) MUST(err.text[0]);
    hy_object_free(o);
    hy_parts_free(p);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hy_str_t *url = hy_str_from("comm://d/o");
    collect(data, size, url, true);
    for (int64_t n = 1; n < 40; n++) {
        hy_mem_fail_after(n);
        int code = collect(data, size, url, false);
        hy_mem_fail_after(-1);
        if (code != HY_ENOMEM) break;
    }
    hy_str_unref(url);
    MUST(hy_mem_blocks() == 0);
    return 0;
}
