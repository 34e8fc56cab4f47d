/* Fuzz target: any bytes as JSON. What is read must be written as text that reads back as the same
 * value and is written the same again; skipping must judge the text as reading does; nothing may be
 * left. Built and run by
 * tools/fuzz/run. */
#include "base/json.h"
#include "base/mem.h"
#include "must.h"

static hy_str_t *text_of(hy_value_t v) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, v);
    return hy_buf_take(&b);
}

/* Reading refuses more than skipping does, in objects only: keys that are long or given twice. */
static void check_skipping(const char *text, size_t len, int read_code,
                           const hy_error_t *read_err) {
    hy_json_scan_t s;
    hy_json_token_t token;
    hy_error_t err;
    hy_json_scan_init(&s, text, len, HY_JSON_DEPTH_MAX);
    int rc = hy_json_scan_next(&s, &token, &err);
    if (rc == 0) rc = hy_json_scan_skip(&s, &token, &token, &err);
    if (rc == 0) rc = hy_json_scan_next(&s, &token, &err);
    if (strstr(read_err->text, "key given twice") || strstr(read_err->text, "JSON key")) return;
    MUST(rc == read_code);
    MUST(rc == 0 || strcmp(err.text, read_err->text) == 0);
}

/* Every allocation fails in turn, up to a few. */
static void check_failures(const char *text, size_t len) {
    for (int64_t n = 1; n < 20; n++) {
        hy_value_t v;
        hy_mem_fail_after(n);
        int rc = hy_json_read(text, len, HY_JSON_DEPTH_MAX, &v, NULL);
        hy_mem_fail_after(-1);
        if (rc == 0) {
            hy_value_drop(v);
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    hy_error_t err = {.text = ""};
    hy_value_t v, again, copy;
    int rc = hy_json_read(text, size, HY_JSON_DEPTH_MAX, &v, &err);
    check_skipping(text, size, rc, &err);
    check_failures(text, size);
    if (rc == 0) {
        hy_str_t *first = text_of(v);
        MUST(hy_utf8_is_valid(first->bytes, first->len));
        MUST(hy_json_read(first->bytes, first->len, HY_JSON_DEPTH_MAX, &again, NULL) == 0);
        MUST(hy_value_equal(v, again));
        MUST(hy_value_depth(v) <= HY_JSON_DEPTH_MAX);
        MUST(hy_value_copy(again, &copy) == 0);
        hy_value_drop(again);
        MUST(hy_value_equal(v, copy));
        hy_str_t *second = text_of(copy);
        MUST(hy_str_equal(first, second));
        hy_value_drop(v);
        hy_value_drop(copy);
        hy_str_unref(first);
        hy_str_unref(second);
    } else {
        MUST(rc == HY_EINVALID || rc == HY_ETOO_LARGE);
        MUST(err.code == rc && err.text[0]);
    }
    MUST(hy_mem_blocks() == 0);
    return 0;
}
