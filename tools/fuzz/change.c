/* Fuzz target: any bytes as the body of an update. What is read must be written as a body that is
 * the same change; applied to a tree it must do all or nothing, be undone without trace, and do the
 * same as what was written and as the difference of the two trees; what is refused must say why;
 * nothing may be left. Built and run by
 * tools/fuzz/run. */
#include "data/change.h"
#include "base/json.h"
#include "base/mem.h"
#include "must.h"

static const char tree_text[] = "{\"a\":{\"b\":[0,1,[2],{\"c\":null}],\"\":{}},\"l\":[1,2,3,4],"
                                "\"a.b\":{\"c\":{}},\"0\":\"s\",\"1\":[[],[[]]]}";

static hy_node_t *new_tree(void) {
    hy_value_t v;
    MUST(hy_json_read(tree_text, sizeof tree_text - 1, HY_JSON_DEPTH_MAX, &v, NULL) == 0);
    return v.as.n;
}

static bool is_same(hy_node_t *a, hy_node_t *b) {
    return hy_value_equal(hy_node_value(a), hy_node_value(b));
}

static hy_str_t *text_of(const hy_change_t *c) {
    hy_buf_t b;
    hy_buf_init(&b);
    c->payload.ops->write(&c->payload, &b);
    return hy_buf_take(&b);
}

static hy_change_t *written_and_read(const hy_change_t *c) {
    hy_value_t body;
    hy_change_t *again;
    hy_str_t *text = text_of(c);
    MUST(hy_json_read(text->bytes, text->len, HY_JSON_DEPTH_MAX, &body, NULL) == 0);
    MUST(hy_change_read(body.as.n, &again, NULL) == 0);
    hy_str_t *text_again = text_of(again);
    MUST(hy_str_equal(text, text_again));
    MUST(c->count == again->count && c->version == again->version);
    hy_str_unref(text_again);
    hy_str_unref(text);
    hy_value_drop(body);
    return again;
}

static void check_applying(const hy_change_t *c) {
    hy_error_t err = {.text = ""};
    hy_node_t *before = new_tree(), *tree = new_tree(), *other = new_tree();
    hy_change_t *again = written_and_read(c), *difference = hy_change_new();
    hy_effect_t *effects = calloc(c->count + 1, sizeof *effects);
    int rc = hy_change_apply(c, tree, effects, &err);
    MUST(hy_change_apply(again, other, NULL, NULL) == rc);
    MUST(is_same(tree, other));
    if (rc == 0) {
        MUST(hy_value_depth(hy_node_value(tree)) <= HY_VALUE_DEPTH_MAX);
        MUST(hy_change_diff(difference, before, tree) == 0);
        MUST((difference->count == 0) == is_same(before, tree));
        for (uint32_t i = c->count; i-- > 0;) {
            hy_effect_undo(tree, &effects[i]);
        }
        MUST(hy_change_apply(difference, before, NULL, NULL) == 0);
        MUST(is_same(before, other));
        hy_node_unref(before);
        before = new_tree();
    } else {
        MUST(rc == HY_EGAP || rc == HY_ETOO_LARGE);
        MUST(err.code == rc && err.text[0]);
    }
    MUST(is_same(tree, before));
    free(effects);
    hy_change_unref(again);
    hy_change_unref(difference);
    hy_node_unref(before);
    hy_node_unref(tree);
    hy_node_unref(other);
}

/* Every allocation fails in turn, up to a few. */
static void check_failures(const hy_node_t *body) {
    for (int64_t n = 1; n < 20; n++) {
        hy_change_t *c;
        hy_node_t *tree = new_tree();
        hy_mem_fail_after(n);
        int rc = hy_change_read(body, &c, NULL);
        int applied = rc == 0 ? hy_change_apply(c, tree, NULL, NULL) : rc;
        hy_mem_fail_after(-1);
        if (rc == 0) hy_change_unref(c);
        hy_node_unref(tree);
        if (applied != HY_ENOMEM) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hy_value_t body;
    hy_change_t *c;
    hy_error_t err = {.text = ""};
    if (hy_json_read((const char *)data, size, HY_JSON_DEPTH_MAX, &body, NULL) < 0) return 0;
    if (body.kind == HY_OBJECT) {
        int rc = hy_change_read(body.as.n, &c, &err);
        check_failures(body.as.n);
        if (rc == 0) {
            check_applying(c);
            hy_change_unref(c);
        } else {
            MUST(rc == HY_EINVALID || rc == HY_ETOO_LARGE);
            MUST(err.code == rc && err.text[0]);
            MUST(hy_utf8_is_valid(err.text, strlen(err.text)));
        }
    }
    hy_value_drop(body);
    MUST(hy_mem_blocks() == 0);
    return 0;
}
