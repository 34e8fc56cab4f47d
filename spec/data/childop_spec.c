/* core/data/childop.c: operations on children and their stamps, as text and back. */
#include "support.h"

#include <stdio.h>

static int read_op(hy_childop_kind_t kind, const char *body, hy_childop_t **out, hy_error_t *err) {
    hy_value_t v = value_of(body);
    int rc = hy_childop_read(kind, v.as.n, out, err);
    hy_value_drop(v);
    return rc;
}

static hy_childop_t *op_of(hy_childop_kind_t kind, const char *body) {
    hy_childop_t *op = NULL;
    hy_error_t err = {.text = ""};
    assert_int_equal(read_op(kind, body, &op, &err), 0);
    assert_non_null(op);
    return op;
}

static int read_stamp(const char *value, hy_stamp_t **out, hy_error_t *err) {
    hy_value_t v = value_of(value);
    int rc = hy_stamp_read(v.as.n, out, err);
    hy_value_drop(v);
    return rc;
}

/* --- operations ------------------------------------------------------------------------------- */

static const struct {
    hy_childop_kind_t kind;
    const char *body, *written; /* NULL: the same */
} forms[] = {
    {HY_CHILDOP_CREATE,
     "{\"resource\":\"a#1\",\"value\":{\"created\":\"2026-11-23T02:49:03.000Z\",\"user\":"
     "\"user://d/u\",\"data\":{\"text\":\"\\u0000\xc3\xa9\"}}}",
     NULL},
    {HY_CHILDOP_CREATE, "{\"value\":{\"data\":[],\"more\":1},\"resource\":\"a#2\",\"version\":5}",
     "{\"resource\":\"a#2\",\"value\":{\"created\":\"1970-01-01T00:00:00.000Z\",\"data\":[]}}"},
    {HY_CHILDOP_UPDATE, "{\"resource\":\"a#1\",\"version\":1,\"attribute\":\"text\",\"value\":0}",
     NULL},
    {HY_CHILDOP_UPDATE,
     "{\"resource\":\"a#1\",\"version\":9223372036854775807,\"changes\":[{\"attribute\":[]"
     ",\"value\":{}}]}",
     NULL},
    {HY_CHILDOP_DELETE, "{\"resource\":\"a#1\",\"version\":3}", NULL},
    {HY_CHILDOP_DELETE, "{\"version\":3,\"resource\":\"a#1\",\"value\":{}}",
     "{\"resource\":\"a#1\",\"version\":3}"},
};

static void every_operation_is_read_and_written(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        const char *written = forms[i].written ? forms[i].written : forms[i].body;
        hy_childop_t *op = op_of(forms[i].kind, forms[i].body);
        assert_int_equal(op->kind, forms[i].kind);
        assert_payload(&op->payload, written);
        hy_childop_t *again = op_of(forms[i].kind, written);
        assert_payload(&again->payload, written);
        hy_childop_unref(op);
        hy_childop_unref(again);
    }
}

static void its_fields_are_those_of_the_body(void **state) {
    (void)state;
    hy_childop_t *op = op_of(forms[0].kind, forms[0].body);
    assert_string_equal(op->id->bytes, "a#1");
    assert_string_equal(op->user->bytes, "user://d/u");
    assert_int_equal(op->version, 0);
    assert_true(op->created_ms > 1700000000000);
    assert_int_equal(op->data.kind, HY_OBJECT);
    assert_null(op->change);
    hy_childop_unref(op);
    op = op_of(forms[2].kind, forms[2].body);
    assert_int_equal(op->version, 1);
    assert_int_equal(op->change->version, 1);
    assert_string_equal(op->change->child->bytes, "a#1");
    assert_int_equal(op->data.kind, HY_ABSENT);
    hy_childop_unref(op);
}

static void a_malformed_operation_is_refused_with_a_reason(void **state) {
    (void)state;
    static const struct {
        hy_childop_kind_t kind;
        const char *body, *text;
    } bad[] = {
        {HY_CHILDOP_CREATE, "{}", "malformed child operation: no \"resource\""},
        {HY_CHILDOP_DELETE, "{\"resource\":1,\"version\":1}",
         "malformed child operation: no \"resource\""},
        {HY_CHILDOP_CREATE, "{\"resource\":\"a#1\"}", "malformed create of a#1: no \"value\""},
        {HY_CHILDOP_CREATE, "{\"resource\":\"a#1\",\"value\":[]}",
         "malformed create of a#1: no \"value\""},
        {HY_CHILDOP_CREATE, "{\"resource\":\"a#1\",\"value\":{}}",
         "malformed create of a#1: \"data\" is no object or array"},
        {HY_CHILDOP_CREATE, "{\"resource\":\"a#1\",\"value\":{\"data\":\"text\"}}",
         "malformed create of a#1: \"data\" is no object or array"},
        {HY_CHILDOP_UPDATE, "{\"resource\":\"a#1\",\"attribute\":\"a\"}",
         "malformed update of a#1: no \"version\" from 1"},
        {HY_CHILDOP_UPDATE, "{\"resource\":\"a#1\",\"version\":0,\"attribute\":\"a\"}",
         "malformed update of a#1: no \"version\" from 1"},
        {HY_CHILDOP_UPDATE, "{\"resource\":\"a#1\",\"version\":1}",
         "malformed update: \"attribute\" is neither text nor a list of keys"},
        {HY_CHILDOP_DELETE, "{\"resource\":\"a#1\"}",
         "malformed delete of a#1: no \"version\" from 1"},
        {HY_CHILDOP_DELETE, "{\"resource\":\"a#1\",\"version\":\"1\"}",
         "malformed delete of a#1: no \"version\" from 1"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        hy_childop_t *op = NULL;
        hy_error_t err = {.text = ""};
        assert_int_equal(read_op(bad[i].kind, bad[i].body, &op, &err), HY_EINVALID);
        assert_null(op);
        assert_string_equal(err.text, bad[i].text);
    }
}

static void a_message_says_which_operation_it_is(void **state) {
    (void)state;
    static const struct {
        hy_msg_type_t type;
        hy_childop_kind_t kind;
        const char *body;
    } messages[] = {
        {HY_MSG_CREATE, HY_CHILDOP_CREATE, "{\"resource\":\"a#1\",\"value\":{\"data\":{}}}"},
        {HY_MSG_UPDATE, HY_CHILDOP_UPDATE,
         "{\"resource\":\"a#1\",\"version\":1,\"attribute\":\"a\"}"},
        {HY_MSG_DELETE, HY_CHILDOP_DELETE, "{\"resource\":\"a#1\",\"version\":1}"},
    };
    hy_str_t *from = str_of("hyperty://d/a"), *to = str_of("comm://d/x/children/messages");
    hy_childop_t *op, *again;
    hy_error_t err;
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        hy_msg_t *m = hy_msg_new(messages[i].type, hy_int(1), from, to, value_of(messages[i].body));
        assert_int_equal(hy_childop_of(m, &op, NULL), 0);
        assert_int_equal(op->kind, messages[i].kind);
        hy_msg_unref(m);
        m = hy_msg_new_payload(messages[i].type, hy_int(1), from, to, hy_payload_ref(&op->payload));
        assert_int_equal(hy_childop_of(m, &again, NULL), 0);
        assert_ptr_equal(again, op);
        hy_childop_unref(again);
        hy_childop_unref(op);
        hy_msg_unref(m);
    }
    hy_msg_t *m = hy_msg_new(HY_MSG_CREATE, hy_int(1), from, to, hy_absent());
    assert_int_equal(hy_childop_of(m, &op, &err), HY_EINVALID);
    assert_string_equal(err.text, "malformed child operation: no body");
    hy_msg_unref(m);
    hy_str_unref(from);
    hy_str_unref(to);
}

static void its_memory_counts_all_texts(void **state) {
    (void)state;
    hy_str_t *text = hy_str_reserve(10000);
    memset(text->bytes, 'x', 10000);
    hy_childop_t *op =
        hy_childop_new(HY_CHILDOP_CREATE, text, 0, text, 0, hy_string(hy_str_ref(text)), NULL);
    assert_true(op->payload.ops->bytes(&op->payload) > 30000);
    hy_childop_unref(op);
    hy_change_t *c = hy_change_new();
    c->source = hy_str_ref(text);
    op = hy_childop_new(HY_CHILDOP_UPDATE, text, 1, NULL, 0, hy_absent(), c);
    assert_true(op->payload.ops->bytes(&op->payload) > 20000);
    hy_childop_unref(op);
    hy_stamp_t *s = hy_stamp_new(text, 1, HY_CHILDOP_CREATE, text, text, text, 0);
    assert_true(s->payload.ops->bytes(&s->payload) > 40000);
    hy_stamp_unref(s);
    hy_str_unref(text);
}

/* --- stamps ----------------------------------------------------------------------------------- */

#define STAMP(op, version)                                                                         \
    "{\"epoch\":\"1-a\",\"version\":" version ",\"child\":{\"op\":\"" op                           \
    "\",\"collection\":\"messages\",\"resource\":\"a#1\",\"reporter\":"                            \
    "\"hyperty://d/a\",\"version\":4}}"

static void a_stamp_is_read_and_written(void **state) {
    (void)state;
    static const char *const words[] = {"create", "update", "delete", "refuse"};
    static const char *const texts[] = {STAMP("create", "7"), STAMP("update", "7"),
                                        STAMP("delete", "7"), STAMP("refuse", "7")};
    for (int kind = HY_CHILDOP_CREATE; kind <= HY_CHILDOP_REFUSE; kind++) {
        hy_stamp_t *s;
        assert_string_equal(hy_childop_word((hy_childop_kind_t)kind), words[kind]);
        assert_int_equal(read_stamp(texts[kind], &s, NULL), 0);
        assert_int_equal(s->kind, kind);
        assert_int_equal(s->version, 7);
        assert_int_equal(s->child_version, 4);
        assert_string_equal(s->epoch->bytes, "1-a");
        assert_string_equal(s->collection->bytes, "messages");
        assert_string_equal(s->id->bytes, "a#1");
        assert_string_equal(s->reporter->bytes, "hyperty://d/a");
        char body[512];
        snprintf(body, sizeof body, "{\"value\":%s}", texts[kind]);
        assert_payload(&s->payload, body);
        hy_stamp_unref(s);
    }
}

static void a_malformed_stamp_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"epoch\":\"1-a\",\"version\":7}",
        "{\"epoch\":\"1-a\",\"version\":7,\"child\":[]}",
        "{\"epoch\":\"1-a\",\"version\":7,\"child\":{}}",
        STAMP("create", "0"),
        STAMP("create", "-1"),
        STAMP("create", "1.0"),
        STAMP("create", "\"1\""),
        STAMP("made", "1"),
        STAMP("", "1"),
        "{\"version\":7,\"child\":{\"op\":\"create\",\"collection\":\"m\",\"resource\":\"a#1\","
        "\"reporter\":\"r\",\"version\":0}}",
        "{\"epoch\":\"1\",\"version\":7,\"child\":{\"collection\":\"m\",\"resource\":\"a#1\","
        "\"reporter\":\"r\",\"version\":0}}",
        "{\"epoch\":\"1\",\"version\":7,\"child\":{\"op\":\"create\",\"resource\":\"a#1\","
        "\"reporter\":\"r\",\"version\":0}}",
        "{\"epoch\":\"1\",\"version\":7,\"child\":{\"op\":\"create\",\"collection\":\"m\","
        "\"reporter\":\"r\",\"version\":0}}",
        "{\"epoch\":\"1\",\"version\":7,\"child\":{\"op\":\"create\",\"collection\":\"m\","
        "\"resource\":\"a#1\",\"version\":0}}",
        "{\"epoch\":\"1\",\"version\":7,\"child\":{\"op\":\"create\",\"collection\":\"m\","
        "\"resource\":\"a#1\",\"reporter\":\"r\"}}",
        "{\"epoch\":\"1\",\"version\":7,\"child\":{\"op\":\"create\",\"collection\":\"m\","
        "\"resource\":\"a#1\",\"reporter\":\"r\",\"version\":-1}}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        hy_stamp_t *s = NULL;
        hy_error_t err = {.text = ""};
        assert_int_equal(read_stamp(bad[i], &s, &err), HY_EINVALID);
        assert_null(s);
        assert_string_equal(err.text, "malformed stamp: a field is missing or of a wrong type");
    }
}

/* --- memory runs out -------------------------------------------------------------------------- */

static int try_operations(void *arg) {
    hy_node_t *const *bodies = arg;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        hy_childop_t *op;
        hy_value_t v;
        int rc = hy_childop_read(forms[i].kind, bodies[i], &op, NULL);
        if (rc < 0) return rc;
        rc = hy_payload_to_value(&op->payload, &v);
        if (rc == 0) hy_value_drop(v);
        hy_childop_unref(op);
        if (rc < 0) return rc;
    }
    return 0;
}

static int try_stamp(void *arg) {
    hy_stamp_t *s;
    int rc = hy_stamp_read(arg, &s, NULL);
    if (rc == 0) hy_stamp_unref(s);
    return rc;
}

static void reading_survives_that_memory_runs_out(void **state) {
    (void)state;
    hy_node_t *bodies[COUNT_OF(forms)], *stamp = tree_of(STAMP("create", "1"));
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        bodies[i] = tree_of(forms[i].body);
    }
    fail_until_it_works(try_operations, bodies);
    fail_until_it_works(try_stamp, stamp);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        hy_node_unref(bodies[i]);
    }
    hy_node_unref(stamp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_operation_is_read_and_written),
        TEST(its_fields_are_those_of_the_body),
        TEST(a_malformed_operation_is_refused_with_a_reason),
        TEST(a_message_says_which_operation_it_is),
        TEST(its_memory_counts_all_texts),
        TEST(a_stamp_is_read_and_written),
        TEST(a_malformed_stamp_is_refused),
        TEST(reading_survives_that_memory_runs_out),
    };
    return cmocka_run_group_tests_name("childop", tests, NULL, NULL);
}
