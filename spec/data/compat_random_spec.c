/* core/data/compat.h beside what data says: where a reader is said to read all of a writer, no data
 * that the writer may write fails at the reader.
 *
 * The reader is the writer's document with some change to it, as versions of a schema are. */
#include "random_schema.h"

#include "data/compat.h"

#include <stdlib.h>

typedef struct {
    hy_random_t random;
    hy_value_t writer, reader; /* documents */
    hy_schema_t writing, reading;
    uint32_t yes, no, tried;
    uint32_t kept; /* said to be broken, and no data found that shows it */
} world_t;

static uint64_t roll(world_t *w, uint64_t n) {
    return hy_random_below(&w->random, n);
}

/* --- another version -------------------------------------------------------------------------- */

static hy_node_t *some_node(world_t *w, hy_node_t *n, hy_str_t **key) {
    for (;;) {
        uint64_t skip = roll(w, hy_node_count(n));
        hy_value_t v = hy_node_at(n, skip);
        *key = NULL;
        if (hy_node_kind(n) == HY_OBJECT) {
            for (uint32_t pos = 0; hy_node_next(n, &pos, key, &v) && skip > 0; skip--) {
            }
        }
        if (!hy_is_node(v) || hy_node_count(v.as.n) == 0 || roll(w, 5) == 0) return n;
        n = v.as.n;
    }
}

static hy_value_t some_schema(world_t *w) {
    hy_str_t *text = random_schema(&w->random, 1);
    hy_value_t v = value_of(text->bytes);
    const char *const of_documents[] = {"$schema", "$defs"};
    for (size_t i = 0; i < COUNT_OF(of_documents); i++) {
        hy_str_t *key = str_of(of_documents[i]);
        hy_node_unset(v.as.n, key, NULL);
        hy_str_unref(key);
    }
    hy_str_unref(text);
    return v;
}

/* A field goes, or what other fields are is said. */
static void change_fields(world_t *w, hy_node_t *document) {
    hy_node_t *fields = hy_get_object(document, "properties");
    hy_str_t *key = schema_key(&w->random);
    if (roll(w, 2) == 0) {
        hy_put(document, "additionalProperties", some_schema(w));
    } else if (fields) {
        hy_node_unset(fields, key, NULL);
    }
    hy_str_unref(key);
}

/* Takes something out of the document, changes a number, or puts a schema somewhere. */
static void change_document(world_t *w, hy_value_t document) {
    hy_str_t *key;
    if (roll(w, 4) == 0) {
        change_fields(w, document.as.n);
        return;
    }
    hy_node_t *n = some_node(w, document.as.n, &key);
    if (!key || hy_str_is(key, "$schema") || hy_str_is(key, "$defs")) return;
    hy_value_t v = hy_node_find(n, key);
    if (v.kind == HY_INT) {
        hy_node_set(n, key, hy_int(v.as.i + (roll(w, 2) ? 1 : -1)), NULL);
    } else if (roll(w, 3) > 0) {
        hy_node_unset(n, key, NULL);
    } else if (v.kind == HY_OBJECT && !hy_str_is(key, "properties")) {
        hy_node_set(n, key, some_schema(w), NULL);
    }
}

static bool compile(hy_schema_t *s, hy_value_t document, const char *digest) {
    *s = (hy_schema_t){.rules = NULL};
    if (hy_rules_compile(document, NULL, NULL, NULL, &s->rules, NULL) < 0) return false;
    s->scheme = str_of("resource");
    s->digest = str_of(digest);
    return true;
}

static void end_schema(hy_schema_t *s) {
    hy_rules_free(s->rules);
    hy_str_unref(s->scheme);
    hy_str_unref(s->digest);
}

/* --- what a schema names ---------------------------------------------------------------------- */

enum { SCHEMAS_MAX = 2000 };

/* Schemas that speak of one value. */
typedef struct {
    const hy_node_t *items[SCHEMAS_MAX];
    uint32_t count;
    const hy_node_t *document;
} speaking_t;

static void gather(speaking_t *s, hy_value_t schema);

static void gather_list(speaking_t *s, hy_value_t list) {
    for (size_t i = 0; list.kind == HY_ARRAY && i < hy_node_count(list.as.n); i++) {
        gather(s, hy_node_at(list.as.n, i));
    }
}

static void gather(speaking_t *s, hy_value_t schema) {
    static const char *const singles[] = {"if", "then", "else"};
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    if (schema.kind != HY_OBJECT) return;
    assert_true(s->count < SCHEMAS_MAX);
    s->items[s->count++] = schema.as.n;
    for (size_t i = 0; i < COUNT_OF(singles); i++) {
        gather(s, hy_get(schema.as.n, singles[i]));
        gather_list(s, hy_get(schema.as.n, lists[i]));
    }
    hy_str_t *ref = hy_get_str(schema.as.n, "$ref");
    if (ref) gather(s, hy_get(hy_get_object(s->document, "$defs"), strrchr(ref->bytes, '/') + 1));
    hy_node_t *dependent = hy_get_object(schema.as.n, "dependentSchemas");
    hy_value_t v;
    for (uint32_t pos = 0; dependent && hy_node_next(dependent, &pos, NULL, &v);) {
        gather(s, v);
    }
}

static bool holds_only_named(const speaking_t *s, hy_value_t v);

/* One that is there and says something. */
static bool is_said(hy_value_t schema) {
    return schema.kind == HY_OBJECT && hy_node_count(schema.as.n) > 0;
}

static bool has_pattern(const hy_str_t *pattern, const hy_str_t *key) {
    return pattern->bytes[0] == '^' ? key->bytes[0] == 'a' : key->bytes[key->len - 1] == 'b';
}

/* True if the schema names the member; what it says of it is gathered. */
static bool gather_member(speaking_t *in, const hy_node_t *schema, const hy_str_t *key) {
    hy_node_t *properties = hy_get_object(schema, "properties");
    hy_node_t *patterns = hy_get_object(schema, "patternProperties");
    hy_node_t *required = hy_get_array(schema, "required");
    hy_value_t others[] = {hy_get(schema, "additionalProperties"),
                           hy_get(schema, "unevaluatedProperties")};
    hy_value_t v = properties ? hy_node_get(properties, key->bytes, key->len) : hy_absent();
    bool is_named = v.kind != HY_ABSENT, is_required = false;
    gather(in, v);
    hy_str_t *pattern;
    for (uint32_t pos = 0; patterns && hy_node_next(patterns, &pos, &pattern, &v);) {
        if (!has_pattern(pattern, key)) continue;
        is_named = true;
        gather(in, v);
    }
    for (size_t i = 0; required && i < hy_node_count(required); i++) {
        is_required |= hy_str_equal(hy_node_at(required, i).as.s, key);
    }
    for (size_t i = 0; !is_named && i < COUNT_OF(others); i++) {
        if (!is_said(others[i])) continue;
        is_required = true;
        gather(in, others[i]);
    }
    return is_named || is_required;
}

static bool object_holds_only_named(const speaking_t *s, const hy_node_t *n) {
    hy_str_t *key;
    hy_value_t v;
    bool is_named = true;
    speaking_t *in = calloc(1, sizeof *in);
    for (uint32_t pos = 0; is_named && hy_node_next(n, &pos, &key, &v);) {
        *in = (speaking_t){.document = s->document};
        is_named = false;
        for (uint32_t i = 0; i < s->count; i++) {
            is_named |= gather_member(in, s->items[i], key);
        }
        is_named = is_named && holds_only_named(in, v);
    }
    free(in);
    return is_named;
}

static bool holds_only_named(const speaking_t *s, hy_value_t v) {
    if (v.kind == HY_OBJECT) return object_holds_only_named(s, v.as.n);
    if (v.kind != HY_ARRAY) return true;
    bool is_named = true;
    speaking_t *in = calloc(1, sizeof *in);
    for (size_t i = 0; is_named && i < hy_node_count(v.as.n); i++) {
        in->count = 0;
        in->document = s->document;
        for (uint32_t k = 0; k < s->count; k++) {
            hy_node_t *prefix = hy_get_array(s->items[k], "prefixItems");
            bool is_in_prefix = prefix && i < hy_node_count(prefix);
            gather(in, is_in_prefix ? hy_node_at(prefix, i) : hy_get(s->items[k], "items"));
        }
        is_named = holds_only_named(in, hy_node_at(v.as.n, i));
    }
    free(in);
    return is_named;
}

/* --- beside data ------------------------------------------------------------------------------ */

static void show(world_t *w, hy_value_t data) {
    hy_value_t values[] = {w->writer, w->reader, data};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        hy_buf_t b;
        hy_buf_init(&b);
        hy_json_write(&b, values[i]);
        print_error("%.*s\n", (int)b.len, b.bytes);
        hy_buf_deinit(&b);
    }
}

/* True if some data is found that the writer may write and the reader does not take. */
static bool find_misfit(world_t *w, bool can) {
    static speaking_t speaking;
    bool found = false;
    for (int i = 0; i < 80 && !found; i++) {
        hy_value_t v = schema_value(&w->random, 3);
        speaking = (speaking_t){.document = w->writer.as.n};
        gather(&speaking, w->writer);
        if (hy_rule_check(hy_rules_root(w->writing.rules), v, NULL) == 0 &&
            holds_only_named(&speaking, v)) {
            w->tried++;
            found = hy_rule_check(hy_rules_root(w->reading.rules), v, NULL) < 0;
            if (found && can) show(w, v);
        }
        hy_value_drop(v);
    }
    return found;
}

static void take_place(void *arg, const char *place, const char *what) {
    assert_non_null(place);
    assert_true(what[0]);
    ++*(uint32_t *)arg;
}

static void compare(world_t *w) {
    uint32_t places = 0;
    bool can = hy_compat_can_read(&w->reading, &w->writing, take_place, &places);
    assert_int_equal(can, places == 0);
    assert_int_equal(hy_compat_can_read(&w->reading, &w->writing, NULL, NULL), can);
    bool found = find_misfit(w, can);
    assert_false(can && found);
    w->yes += can;
    w->no += !can;
    w->kept += !can && !found;
}

static void play(world_t *w, uint64_t seed, uint64_t changes) {
    hy_random_seed(&w->random, seed);
    hy_str_t *text = random_schema(&w->random, 3);
    w->writer = value_of(text->bytes);
    assert_int_equal(hy_value_copy(w->writer, &w->reader), 0);
    for (uint64_t i = 0; i < changes; i++) {
        change_document(w, roll(w, 2) ? w->reader : w->writer);
    }
    bool is_good = compile(&w->writing, w->writer, "1") & compile(&w->reading, w->reader, "2");
    if (is_good) compare(w);
    end_schema(&w->writing);
    end_schema(&w->reading);
    hy_value_drop(w->writer);
    hy_value_drop(w->reader);
    hy_str_unref(text);
}

static void what_can_be_read_fits(void **state) {
    (void)state;
    world_t w = {.yes = 0};
    for (uint64_t seed = 0; seed < 1500; seed++) {
        play(&w, seed, 1 + seed % 6);
    }
    print_message("%u can be read, %u cannot (%u not seen); %u tried\n", w.yes, w.no, w.kept,
                  w.tried);
    assert_true(w.yes > 500 && w.no > 300);
}

static void a_version_reads_itself(void **state) {
    (void)state;
    world_t w = {.yes = 0};
    for (uint64_t seed = 20000; seed < 20400; seed++) {
        play(&w, seed, 0);
    }
    print_message("%u can be read, %u cannot\n", w.yes, w.no);
    assert_int_equal(w.no, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_can_be_read_fits),
        TEST(a_version_reads_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
