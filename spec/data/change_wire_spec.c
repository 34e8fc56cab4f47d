/* core/data/change_wire.c: every form of an update's body (PROTOCOL.md section 5, Change). */
#include "support.h"

/* --- forms ------------------------------------------------------------------------------------ */

typedef struct {
    const char *body;    /* is read, */
    const char *written; /* written as this (NULL: the same) */
    const char *before;  /* and applied to this tree, */
    const char *after;   /* gives that one */
} form_t;

#define V "{\"version\":1,"

static const form_t forms[] = {
    /* paths */
    {V "\"attribute\":\"a\",\"value\":1}", NULL, "{}", "{\"a\":1}"},
    {V "\"attribute\":\"a.b.c\",\"value\":1}", NULL, "{\"a\":{\"b\":{\"d\":0}}}",
     "{\"a\":{\"b\":{\"d\":0,\"c\":1}}}"},
    {V "\"attribute\":\"l.1.x\",\"value\":1}", NULL, "{\"l\":[0,{\"x\":0}]}",
     "{\"l\":[0,{\"x\":1}]}"},
    {V "\"attribute\":\"1\",\"value\":1}", NULL, "[0,0]", "[0,1]"},
    {V "\"attribute\":\"m.0\",\"value\":1}", NULL, "{\"m\":{}}", "{\"m\":{\"0\":1}}"},
    {V "\"attribute\":[\"a.b\",\"c\"],\"value\":1}", NULL, "{\"a.b\":{}}", "{\"a.b\":{\"c\":1}}"},
    {V "\"attribute\":[\"\"],\"value\":1}", NULL, "{}", "{\"\":1}"},
    {V "\"attribute\":[\"l\",\"0\",\".\"],\"value\":1}", NULL, "{\"l\":[{}]}",
     "{\"l\":[{\".\":1}]}"},
    {V "\"attribute\":[\"a\",\"b\"],\"value\":1}", V "\"attribute\":\"a.b\",\"value\":1}",
     "{\"a\":{}}", "{\"a\":{\"b\":1}}"},
    {V "\"attribute\":[\"l\",0],\"value\":1}", V "\"attribute\":\"l.0\",\"value\":1}",
     "{\"l\":[0]}", "{\"l\":[1]}"},
    {V "\"attribute\":[\"l\",0],\"value\":1}", V "\"attribute\":\"l.0\",\"value\":1}", "{\"l\":{}}",
     "{\"l\":{\"0\":1}}"},
    {V "\"attribute\":[],\"value\":{\"b\":1}}", NULL, "{\"a\":1}", "{\"b\":1}"},
    {V "\"attribute\":[],\"value\":[1]}", NULL, "{\"a\":1}", "[1]"},
    {V "\"attribute\":\"\\u0000.\\u00e9.\xf0\x9f\x98\x80\",\"value\":1}",
     V "\"attribute\":\"\\u0000.\xc3\xa9.\xf0\x9f\x98\x80\",\"value\":1}",
     "{\"\\u0000\":{\"\xc3\xa9\":{}}}", "{\"\\u0000\":{\"\xc3\xa9\":{\"\xf0\x9f\x98\x80\":1}}}"},
    /* values */
    {V "\"attribute\":\"a\",\"value\":false}", NULL, "{}", "{\"a\":false}"},
    {V "\"attribute\":\"a\",\"value\":0}", NULL, "{}", "{\"a\":0}"},
    {V "\"attribute\":\"a\",\"value\":\"\"}", NULL, "{}", "{\"a\":\"\"}"},
    {V "\"attribute\":\"a\",\"value\":null}", NULL, "{\"a\":1}", "{\"a\":null}"},
    {V "\"attribute\":\"a\",\"value\":[]}", NULL, "{}", "{\"a\":[]}"},
    {V "\"attribute\":\"a\",\"value\":{}}", NULL, "{}", "{\"a\":{}}"},
    {V "\"attribute\":\"a\",\"value\":9223372036854775807}", NULL, "{}",
     "{\"a\":9223372036854775807}"},
    {V "\"attribute\":\"a\",\"value\":-9223372036854775808}", NULL, "{}",
     "{\"a\":-9223372036854775808}"},
    {V "\"attribute\":\"a\",\"value\":-0.0}", NULL, "{}", "{\"a\":-0.0}"},
    {V "\"attribute\":\"a\",\"value\":1.0}", NULL, "{}", "{\"a\":1.0}"},
    {V "\"attribute\":\"a\",\"value\":\"\\u0000\xe2\x82\xac\\\"\\\\\\n\"}", NULL, "{}",
     "{\"a\":\"\\u0000\xe2\x82\xac\\\"\\\\\\n\"}"},
    {V "\"attribute\":\"a\",\"value\":{\"x\":[null,{\"y\":[]}]}}", NULL, "{\"a\":5}",
     "{\"a\":{\"x\":[null,{\"y\":[]}]}}"},
    /* removal */
    {V "\"attribute\":\"a\"}", NULL, "{\"a\":1,\"b\":2}", "{\"b\":2}"},
    {V "\"attribute\":\"a.b\"}", NULL, "{\"a\":{\"b\":{\"c\":1}}}", "{\"a\":{}}"},
/* arrays */
#define ADD    "\",\"attributeType\":\"array\",\"operation\":\"add\",\"value\":"
#define REMOVE "\",\"attributeType\":\"array\",\"operation\":\"remove\",\"value\":"
    {V "\"attribute\":\"l.0" ADD "[1]}", NULL, "{\"l\":[]}", "{\"l\":[1]}"},
    {V "\"attribute\":\"l.1" ADD "[[8],9]}", NULL, "{\"l\":[0,1]}", "{\"l\":[0,[8],9,1]}"},
    {V "\"attribute\":\"2" ADD "[null]}", NULL, "[0,1]", "[0,1,null]"},
    {V "\"attribute\":\"0" ADD "[]}", NULL, "[0,1]", "[0,1]"},
    {V "\"attribute\":\"l.1" REMOVE "1}", NULL, "{\"l\":[0,1,2]}", "{\"l\":[0,2]}"},
    {V "\"attribute\":\"0" REMOVE "3}", NULL, "[0,1,2]", "[]"},
    {V "\"attribute\":\"l.0\",\"operation\":\"remove\",\"value\":1}",
     V "\"attribute\":\"l.0" REMOVE "1}", "{\"l\":[0]}", "{\"l\":[]}"},
    {V "\"attribute\":\"l.0\",\"attributeType\":\"array\",\"value\":5}",
     V "\"attribute\":\"l.0\",\"value\":5}", "{\"l\":[0]}", "{\"l\":[5]}"},
    /* batches */
    {V "\"changes\":[]}", NULL, "{\"a\":1}", "{\"a\":1}"},
    {V "\"changes\":[{\"attribute\":\"a\",\"value\":1}]}", NULL, "{}", "{\"a\":1}"},
    {V "\"changes\":[{\"attribute\":\"l\",\"value\":[0]},{\"attribute\":\"l.1" ADD
       "[1,2]},{\"attribute\":\"l.0" REMOVE "1},{\"attribute\":\"b\"}]}",
     NULL, "{\"b\":1}", "{\"l\":[1,2]}"},
    {V "\"changes\":[{\"attribute\":[],\"value\":[1]},{\"attribute\":\"0\",\"value\":2}]}", NULL,
     "{}", "[2]"},
    {V "\"changes\":[{\"attribute\":\"a\",\"value\":1}],\"attribute\":\"b\",\"value\":2}",
     V "\"changes\":[{\"attribute\":\"a\",\"value\":1}]}", "{}", "{\"a\":1}"},
    /* around them */
    {"{\"resource\":\"a#1\",\"epoch\":\"1-x\",\"version\":9223372036854775807,\"source\":"
     "\"hyperty://d/a\",\"lastModified\":\"2026-11-23T02:49:03.120Z\",\"metadata\":true,"
     "\"attribute\":\"a\",\"value\":1}",
     NULL, "{}", "{\"a\":1}"},
    {"{\"epoch\":null,\"version\":0,\"source\":null,\"resource\":null,\"lastModified\":null,"
     "\"metadata\":false,\"operation\":null,\"attribute\":\"a\",\"value\":1,\"unknown\":[1]}",
     "{\"version\":0,\"attribute\":\"a\",\"value\":1}", "{}", "{\"a\":1}"},
    {"{\"version\":1,\"lastModified\":\"yesterday\",\"attribute\":\"a\"}",
     "{\"version\":1,\"attribute\":\"a\"}", "{\"a\":1}", "{}"},
};

static void every_form_is_read_written_and_applied(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        const form_t *f = &forms[i];
        hy_change_t *c = change_of(f->body);
        hy_node_t *tree = tree_of(f->before);
        assert_payload(&c->payload, f->written ? f->written : f->body);
        hy_change_t *again = change_of(f->written ? f->written : f->body);
        assert_payload(&again->payload, f->written ? f->written : f->body);
        assert_int_equal(hy_change_apply(again, tree, NULL, NULL), 0);
        assert_tree(tree, f->after);
        hy_change_unref(again);
        hy_change_unref(c);
        hy_node_unref(tree);
    }
}

static void the_fields_around_are_kept(void **state) {
    (void)state;
    hy_change_t *c =
        change_of("{\"version\":7,\"epoch\":\"3-r\",\"source\":\"hyperty://d/a\",\"resource\":"
                  "\"a#4\",\"metadata\":true,\"lastModified\":\"1970-01-01T00:00:01.005Z\","
                  "\"attribute\":\"x\",\"value\":1}");
    assert_int_equal(c->version, 7);
    assert_string_equal(c->epoch->bytes, "3-r");
    assert_string_equal(c->source->bytes, "hyperty://d/a");
    assert_string_equal(c->child->bytes, "a#4");
    assert_int_equal(c->modified_ms, 1005);
    assert_true(c->is_metadata);
    assert_false(c->is_batch);
    hy_change_unref(c);
    c = change_of("{\"version\":7,\"changes\":[]}");
    assert_null(c->epoch);
    assert_null(c->source);
    assert_null(c->child);
    assert_int_equal(c->modified_ms, 0);
    assert_false(c->is_metadata);
    assert_true(c->is_batch);
    hy_change_unref(c);
}

/* Records made here have indices where those from the wire have keys. */
static void indices_of_a_record_are_written_as_digits(void **state) {
    (void)state;
    hy_str_t *dot = str_of(".");
    hy_step_t steps[] = {{.key = dot}, {.index = 12}};
    hy_change_t *c = hy_change_new();
    hy_change_add(c, HY_OP_ERASE, steps + 1, 1, hy_absent(), 3);
    hy_change_add(c, HY_OP_SET, steps, 2, hy_null(), 0);
    assert_payload(&c->payload, "{\"version\":0,\"changes\":[{\"attribute\":\"12" REMOVE
                                "3},{\"attribute\":[\".\",\"12\"],\"value\":null}]}");
    hy_change_unref(c);
    hy_str_unref(dot);
}

/* --- malformed -------------------------------------------------------------------------------- */

static const struct {
    const char *body, *text;
} malformed[] = {
    {"{}", "\"version\" is missing"},
    {"{\"version\":-1,\"attribute\":\"a\"}", "\"version\" is missing"},
    {"{\"version\":1.0,\"attribute\":\"a\"}", "\"version\" is missing"},
    {"{\"version\":\"1\",\"attribute\":\"a\"}", "\"version\" is missing"},
    {V "\"epoch\":1,\"attribute\":\"a\"}", "\"epoch\" is of a wrong kind"},
    {V "\"source\":[],\"attribute\":\"a\"}", "\"source\" is of a wrong kind"},
    {V "\"resource\":{},\"attribute\":\"a\"}", "\"resource\" is of a wrong kind"},
    {V "\"lastModified\":5,\"attribute\":\"a\"}", "\"lastModified\" is of a wrong kind"},
    {V "\"metadata\":1,\"attribute\":\"a\"}", "\"metadata\" is of a wrong kind"},
    {V "\"value\":1}", "\"attribute\" is neither text nor a list of keys"},
    {V "\"attribute\":1}", "\"attribute\" is neither text nor a list of keys"},
    {V "\"attribute\":{},\"value\":1}", "\"attribute\" is neither text nor a list of keys"},
    {V "\"attribute\":null}", "\"attribute\" is neither text nor a list of keys"},
    {V "\"attribute\":\"\"}", "empty key in a path"},
    {V "\"attribute\":\"a.\"}", "empty key in a path"},
    {V "\"attribute\":\".a\"}", "empty key in a path"},
    {V "\"attribute\":\"a..b\"}", "empty key in a path"},
    {V "\"attribute\":[\"a\",null]}", "a key of \"attribute\" is no text"},
    {V "\"attribute\":[\"a\",-1]}", "a key of \"attribute\" is no text"},
    {V "\"attribute\":[[\"a\"]]}", "a key of \"attribute\" is no text"},
    {V "\"attribute\":[\"a\",1.5]}", "a key of \"attribute\" is no text"},
    {V "\"attribute\":\"a\",\"operation\":1,\"value\":[1]}", "\"operation\" is of a wrong kind"},
    {V "\"attribute\":\"a\",\"operation\":\"ADD\"}", "unknown operation \"ADD\""},
    {V "\"attribute\":\"a\",\"operation\":\"add\"}", "add needs an array of items"},
    {V "\"attribute\":\"a\",\"operation\":\"add\",\"value\":1}", "add needs an array of items"},
    {V "\"attribute\":\"a\",\"operation\":\"remove\"}", "remove needs the number of items"},
    {V "\"attribute\":\"a\",\"operation\":\"remove\",\"value\":0}",
     "remove needs the number of items"},
    {V "\"attribute\":\"a\",\"operation\":\"remove\",\"value\":-1}",
     "remove needs the number of items"},
    {V "\"attribute\":\"a\",\"operation\":\"remove\",\"value\":1.0}",
     "remove needs the number of items"},
    {V "\"changes\":{},\"attribute\":\"a\"}", "\"changes\" is of a wrong kind"},
    {V "\"changes\":null,\"attribute\":\"a\"}", "\"changes\" is of a wrong kind"},
    {V "\"changes\":[1]}", "an entry of \"changes\" is no object"},
    {V "\"changes\":[{\"attribute\":\"a\",\"value\":1},{}]}",
     "\"attribute\" is neither text nor a list of keys"},
};

static void what_is_malformed_is_refused_with_a_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(malformed); i++) {
        hy_change_t *c = NULL;
        hy_error_t err = {.text = ""};
        assert_int_equal(read_change(malformed[i].body, &c, &err), HY_EINVALID);
        assert_null(c);
        assert_int_equal(err.code, HY_EINVALID);
        assert_memory_equal(err.text, "malformed update: ", 18);
        assert_string_equal(err.text + 18, malformed[i].text);
        assert_int_equal(read_change(malformed[i].body, &c, NULL), HY_EINVALID);
    }
}

/* --- hostile ---------------------------------------------------------------------------------- */

static hy_str_t *repeated(const char *head, const char *part, size_t count, const char *tail) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, head);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) hy_buf_char(&b, part[0] == '.' ? '.' : ',');
        hy_buf_text(&b, part[0] == '.' ? part + 1 : part);
    }
    hy_buf_text(&b, tail);
    return hy_buf_take(&b);
}

static void assert_bound(const char *head, const char *part, size_t max, const char *tail,
                         const char *reason) {
    hy_error_t err = {.text = ""};
    hy_change_t *c;
    hy_str_t *body = repeated(head, part, max, tail);
    hy_change_unref(change_of(body->bytes));
    hy_str_unref(body);
    body = repeated(head, part, max + 1, tail);
    assert_int_equal(read_change(body->bytes, &c, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, reason);
    hy_str_unref(body);
}

static void paths_and_batches_have_bounds(void **state) {
    (void)state;
    assert_bound(V "\"attribute\":\"", ".k", HY_PATH_STEPS_MAX, "\"}",
                 "update: a path of more than 120 keys");
    assert_bound(V "\"attribute\":[", "\"k\"", HY_PATH_STEPS_MAX, "]}",
                 "update: a path of more than 120 keys");
    assert_bound(V "\"attribute\":[", "7", HY_PATH_STEPS_MAX, "]}",
                 "update: a path of more than 120 keys");
    assert_bound(V "\"changes\":[", "{\"attribute\":\"a\"}", HY_BATCH_CHANGES_MAX, "]}",
                 "update: 65537 changes in one, at most 65536");
}

static void a_key_of_a_megabyte_is_read_and_not_applied(void **state) {
    (void)state;
    hy_str_t *body =
        repeated(V "\"attribute\":\"", ".0123456789abcdef", 1 << 16, "\",\"value\":1}");
    char *at = body->bytes;
    while ((at = memchr(at, '.', (size_t)(body->bytes + body->len - at)))) {
        *at = '_';
    }
    hy_error_t err;
    hy_node_t *tree = tree_of("{}");
    hy_change_t *c = change_of(body->bytes);
    assert_int_equal(hy_change_apply(c, tree, NULL, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, "key of 1114111 bytes, at most 1024");
    assert_tree(tree, "{}");
    hy_change_unref(c);
    hy_node_unref(tree);
    hy_str_unref(body);
}

/* --- random ----------------------------------------------------------------------------------- */

static hy_change_t *random_change(hy_random_t *r) {
    hy_change_t *c = hy_change_new();
    c->version = hy_random_u64(r) >> 1;
    c->epoch = hy_random_below(r, 2) ? random_string(r) : NULL;
    c->source = hy_random_below(r, 2) ? random_string(r) : NULL;
    c->child = hy_random_below(r, 2) ? random_string(r) : NULL;
    c->modified_ms = (int64_t)hy_random_below(r, 4000000000000);
    c->is_metadata = hy_random_below(r, 2);
    c->is_batch = hy_random_below(r, 2);
    for (uint64_t n = c->is_batch ? hy_random_below(r, 6) : 1; n > 0; n--) {
        hy_op_kind_t kind = (hy_op_kind_t)hy_random_below(r, 4);
        hy_step_t steps[6] = {{0}};
        uint32_t count = (uint32_t)hy_random_below(r, 7);
        for (uint32_t i = 0; i < count; i++) {
            steps[i].key = hy_random_below(r, 2) ? random_key(r) : random_string(r);
        }
        hy_value_t value = kind == HY_OP_SET ? random_value(r, 3) : hy_absent();
        if (kind == HY_OP_INSERT) {
            value = hy_node_value(hy_node_new(HY_ARRAY));
            assert_int_equal(hy_node_insert(value.as.n, 0, random_value(r, 2)), 0);
        }
        uint64_t erased = kind == HY_OP_ERASE ? (hy_random_u64(r) >> 2) + 1 : 0;
        assert_int_equal(hy_change_add(c, kind, steps, count, value, erased), 0);
        while (count > 0) {
            hy_str_unref(steps[--count].key);
        }
    }
    return c;
}

static void assert_same_texts(const hy_str_t *a, const hy_str_t *b) {
    assert_int_equal(a != NULL, b != NULL);
    if (a) assert_true(hy_str_equal(a, b));
}

static void assert_same_change(const hy_change_t *a, const hy_change_t *b) {
    assert_same_texts(a->epoch, b->epoch);
    assert_same_texts(a->source, b->source);
    assert_same_texts(a->child, b->child);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->modified_ms, b->modified_ms);
    assert_int_equal(a->is_metadata, b->is_metadata);
    assert_int_equal(a->is_batch, b->is_batch);
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        const hy_op_t *x = &a->ops[i], *y = &b->ops[i];
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->count, y->count);
        assert_true(hy_value_equal(x->value, y->value));
        assert_int_equal(x->step_count, y->step_count);
        for (uint32_t at = 0; at < x->step_count; at++) {
            assert_true(hy_str_equal(x->steps[at].key, y->steps[at].key));
        }
    }
}

static void any_record_survives_the_wire(void **state) {
    (void)state;
    hy_random_t r;
    hy_random_seed(&r, 7);
    for (int i = 0; i < 3000; i++) {
        hy_change_t *c = random_change(&r), *again;
        hy_str_t *text = text_of(&c->payload);
        hy_value_t body;
        assert_int_equal(hy_json_read(text->bytes, text->len, HY_JSON_DEPTH_MAX, &body, NULL), 0);
        assert_int_equal(hy_change_read(body.as.n, &again, NULL), 0);
        assert_same_change(c, again);
        hy_str_t *text_again = text_of(&again->payload);
        assert_true(hy_str_equal(text, text_again));
        hy_str_unref(text);
        hy_str_unref(text_again);
        hy_value_drop(body);
        hy_change_unref(c);
        hy_change_unref(again);
    }
}

/* --- memory runs out -------------------------------------------------------------------------- */

static int try_reading(void *arg) {
    hy_change_t *c = NULL;
    int rc = hy_change_read(arg, &c, NULL);
    assert_int_equal(rc == 0, c != NULL);
    hy_change_unref(c);
    return rc;
}

static void reading_survives_that_memory_runs_out(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        hy_value_t body = value_of(forms[i].body);
        fail_until_it_works(try_reading, body.as.n);
        hy_value_drop(body);
    }
}

static int try_writing(void *arg) {
    const hy_payload_t *p = arg;
    hy_value_t v;
    int rc = p->ops->to_value(p, &v);
    if (rc == 0) hy_value_drop(v);
    return rc;
}

static void writing_survives_that_memory_runs_out(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        hy_change_t *c = change_of(forms[i].body);
        fail_until_it_works(try_writing, &c->payload);
        hy_change_unref(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_form_is_read_written_and_applied),
        TEST(the_fields_around_are_kept),
        TEST(indices_of_a_record_are_written_as_digits),
        TEST(what_is_malformed_is_refused_with_a_reason),
        TEST(paths_and_batches_have_bounds),
        TEST(a_key_of_a_megabyte_is_read_and_not_applied),
        TEST(any_record_survives_the_wire),
        TEST(reading_survives_that_memory_runs_out),
        TEST(writing_survives_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("change_wire", tests, NULL, NULL);
}
