/* Fuzz target: any bytes as what is kept of an object: a line with its state (children and marks
 * in it), then a line for each change. What is read must be written as rows that read back as the
 * same; a change is done whole or not at all, and moves the version by one; what is refused must
 * say why; nothing may be left. Built and run by tools/fuzz/run. */
#include "rows.h"

#include "data/rows.h"

static hy_str_t *the_url;

static hy_object_t *read_state(hy_span_t line, int *code) {
    hy_value_t whole;
    hy_error_t err = {.text = ""};
    hy_object_t *o = NULL;
    *code = hy_json_read(line.bytes, line.len, HY_JSON_DEPTH_MAX, &whole, NULL);
    if (*code < 0) return NULL;
    *code = hy_rows_read_object(the_url, NULL, whole, &o, &err);
    MUST(*code == 0 || *code == HY_EINVALID || *code == HY_ETOO_LARGE || *code == HY_ENOMEM);
    if (*code < 0 && *code != HY_ENOMEM) MUST(err.text[0] && err.code == *code);
    return *code == 0 ? o : NULL;
}

static hy_value_t whole_of(hy_object_t *o) {
    hy_value_t v;
    MUST(hy_object_whole(o, &v) == 0);
    return v;
}

/* A state that was read, written and read: the same, apart from what is a row of its own. */
static void check_state(hy_object_t *o) {
    hy_buf_t b;
    int code;
    hy_buf_init(&b);
    hy_rows_write_state(o, &b);
    MUST(!b.failed);
    hy_object_t *again = read_state((hy_span_t){b.bytes, b.len}, &code);
    MUST(again);
    MUST(hy_value_equal(hy_node_value(o->data), hy_node_value(again->data)));
    MUST(o->version == again->version && hy_str_equal(o->epoch, again->epoch));
    MUST(!o->follows_epoch == !again->follows_epoch);
    hy_buf_deinit(&b);
    hy_object_free(again);
    hy_child_t *child;
    for (size_t pos = 0; (child = hy_children_next(o->children, NULL, &pos));) {
        hy_value_t v;
        hy_buf_init(&b);
        hy_rows_write_child(child, &b);
        MUST(hy_json_read(b.bytes, b.len, HY_JSON_DEPTH_MAX, &v, NULL) == 0);
        hy_value_drop(v);
        hy_buf_deinit(&b);
    }
}

/* Whole answers go out to anybody: they must be good ones. */
static void check_whole(hy_object_t *o) {
    hy_value_t whole = whole_of(o), again;
    hy_str_t *text;
    hy_object_t *copy;
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, whole);
    MUST((text = hy_buf_take(&b)));
    int code;
    copy = read_state((hy_span_t){text->bytes, text->len}, &code);
    MUST(copy);
    again = whole_of(copy);
    MUST(hy_value_equal(whole, again));
    hy_object_free(copy);
    hy_value_drop(whole);
    hy_value_drop(again);
    hy_str_unref(text);
}

static void check_stamp(const hy_stamp_t *s, const hy_child_t *child) {
    hy_buf_t b;
    hy_value_t v;
    hy_buf_init(&b);
    hy_rows_write_stamp(s, child, NULL, &b);
    MUST(!b.failed && hy_json_read(b.bytes, b.len, HY_JSON_DEPTH_MAX, &v, NULL) == 0);
    hy_value_drop(v);
    hy_buf_deinit(&b);
}

static int replay(hy_object_t *o, hy_span_t line, bool checks) {
    hy_value_t entry, before = hy_absent();
    hy_stamp_t *stamp = NULL;
    hy_child_t *child = NULL;
    hy_error_t err = {.text = ""};
    uint64_t version = o->version;
    int code = hy_json_read(line.bytes, line.len, HY_JSON_DEPTH_MAX, &entry, NULL);
    if (code < 0) return code;
    if (checks) before = whole_of(o);
    code =
        entry.kind == HY_OBJECT ? hy_rows_replay(o, entry.as.n, &stamp, &child, &err) : HY_EINVALID;
    hy_value_drop(entry);
    MUST(o->version == version || (code == 0 && o->version == version + 1));
    if (code < 0) MUST(!stamp && !child);
    if (checks && stamp) check_stamp(stamp, child);
    hy_stamp_unref(stamp);
    hy_child_unref(child);
    if (checks && code < 0 && err.code) MUST(err.text[0]);
    hy_value_drop(before);
    return code;
}

/* Ends at the first change that cannot be done, as all who read rows do. */
static int read_all(const uint8_t *data, size_t size, bool checks) {
    lines_t l = {(const char *)data, (const char *)data + size};
    hy_span_t line;
    int code = HY_EINVALID;
    hy_object_t *o = next_line(&l, &line) ? read_state(line, &code) : NULL;
    while (o && code == 0 && next_line(&l, &line))
        code = replay(o, line, checks);
    if (o && checks) {
        check_state(o);
        check_whole(o);
    }
    hy_object_free(o);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    the_url = hy_str_from("comm://d/o");
    read_all(data, size, true);
    for (int64_t n = 1; n < 40; n++) {
        hy_mem_fail_after(n);
        int code = read_all(data, size, false);
        hy_mem_fail_after(-1);
        if (code != HY_ENOMEM) break;
    }
    hy_str_unref(the_url);
    MUST(hy_mem_blocks() == 0);
    return 0;
}
