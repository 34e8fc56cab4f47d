/* Random schemas, and data that is near enough to them to fit often: few keys, few values, and
 * keywords that speak of these. */
#ifndef SPEC_DATA_RANDOM_SCHEMA_H
#define SPEC_DATA_RANDOM_SCHEMA_H

#include "support.h"

#include "data/rules.h"

enum { DEFINITIONS = 3 };

typedef struct {
    hy_random_t *random;
    bool is_bound; /* a reference would not have gone down in the data since a definition began */
    hy_buf_t text;
} schema_maker_t;

static inline uint64_t below(schema_maker_t *m, uint64_t n) {
    return hy_random_below(m->random, n);
}

static inline bool one_in(schema_maker_t *m, uint64_t n) {
    return below(m, n) == 0;
}

static const char *const schema_keys[] = {"a", "b", "c", "ab"};
static const char *const schema_values[] = {"0",     "1",    "2.0",       "0.5",     "\"\"",
                                            "\"a\"", "null", "true",      "\"bcd\"", "{}",
                                            "[]",    "[1]",  "{\"a\":1}", "3"};

static inline const char *any_key(schema_maker_t *m) {
    return schema_keys[below(m, COUNT_OF(schema_keys))];
}

static inline void write_schema(schema_maker_t *m, unsigned depth);

static inline void write_key(schema_maker_t *m, const char *keyword) {
    char last = m->text.bytes[m->text.len - 1];
    hy_buf_format(&m->text, "%s\"%s\":", last == '{' ? "" : ",", keyword);
}

static inline void write_list(schema_maker_t *m, const char *keyword, unsigned depth) {
    write_key(m, keyword);
    hy_buf_char(&m->text, '[');
    for (uint64_t i = 0, count = 1 + below(m, 3); i < count; i++) {
        if (i > 0) hy_buf_char(&m->text, ',');
        write_schema(m, depth);
    }
    hy_buf_char(&m->text, ']');
}

static inline void write_sub(schema_maker_t *m, const char *keyword, unsigned depth) {
    write_key(m, keyword);
    write_schema(m, depth);
}

/* The same for what is further down in the data. */
static inline void write_below(schema_maker_t *m, const char *keyword, unsigned depth) {
    bool was_bound = m->is_bound;
    m->is_bound = false;
    write_sub(m, keyword, depth);
    m->is_bound = was_bound;
}

static inline void write_keys(schema_maker_t *m) {
    hy_buf_format(&m->text, "[\"%s\"%s]", any_key(m), one_in(m, 3) ? ",\"a b\"" : "");
}

/* Members of an object whose values are schemas. */
static inline void write_members(schema_maker_t *m, const char *keyword, unsigned depth) {
    write_key(m, keyword);
    hy_buf_char(&m->text, '{');
    for (size_t i = 0; i < COUNT_OF(schema_keys); i++) {
        if (one_in(m, 2)) write_below(m, schema_keys[i], depth);
    }
    hy_buf_char(&m->text, '}');
}

static inline void write_values(schema_maker_t *m) {
    hy_buf_char(&m->text, '[');
    size_t first = below(m, 3), step = 1 + below(m, 3);
    for (size_t i = first; i < COUNT_OF(schema_values); i += step) {
        hy_buf_format(&m->text, "%s%s", i == first ? "" : ",", schema_values[i]);
    }
    hy_buf_char(&m->text, ']');
}

static inline void write_type(schema_maker_t *m) {
    static const char *const types[] = {"\"object\"",  "\"array\"",
                                        "\"string\"",  "[\"object\",\"array\"]",
                                        "\"number\"",  "[\"integer\",\"null\",\"object\"]",
                                        "\"boolean\"", "[\"array\",\"string\",\"number\"]",
                                        "\"integer\"", "[\"object\",\"string\"]"};
    write_key(m, "type");
    hy_buf_text(&m->text, types[below(m, COUNT_OF(types))]);
}

static inline void write_bound(schema_maker_t *m, const char *keyword, uint64_t limit) {
    write_key(m, keyword);
    hy_buf_int(&m->text, (int64_t)below(m, limit));
}

static inline void write_object_keywords(schema_maker_t *m, unsigned depth) {
    if (!one_in(m, 4)) write_members(m, "properties", depth);
    if (one_in(m, 4)) write_below(m, "additionalProperties", depth);
    if (one_in(m, 6)) {
        write_key(m, "patternProperties");
        hy_buf_text(&m->text, "{");
        write_below(m, one_in(m, 2) ? "^a" : "b$", depth);
        hy_buf_text(&m->text, "}");
    }
    if (one_in(m, 4)) {
        write_key(m, "required");
        hy_buf_format(&m->text, "[\"%s\"]", any_key(m));
    }
    if (one_in(m, 8)) write_bound(m, "minProperties", 3);
    if (one_in(m, 8)) write_bound(m, "maxProperties", 5);
    if (one_in(m, 8)) {
        write_key(m, "propertyNames");
        hy_buf_text(&m->text, one_in(m, 2) ? "{\"maxLength\":1}" : "{\"enum\":[\"a\",\"b\"]}");
    }
    if (one_in(m, 8)) {
        write_key(m, "dependentRequired");
        hy_buf_format(&m->text, "{\"%s\":[\"%s\"]}", any_key(m), any_key(m));
    }
    if (one_in(m, 8)) {
        write_key(m, "dependentSchemas");
        hy_buf_format(&m->text, "{");
        write_sub(m, any_key(m), depth);
        hy_buf_text(&m->text, "}");
    }
    if (one_in(m, 10)) write_below(m, "unevaluatedProperties", depth);
}

static inline void write_array_keywords(schema_maker_t *m, unsigned depth) {
    if (one_in(m, 2)) write_list(m, "prefixItems", depth);
    if (!one_in(m, 3)) write_below(m, "items", depth);
    if (one_in(m, 8)) write_bound(m, "minItems", 3);
    if (one_in(m, 8)) write_bound(m, "maxItems", 6);
    if (one_in(m, 6)) {
        write_key(m, "uniqueItems");
        hy_buf_text(&m->text, "true");
    }
    if (one_in(m, 6)) {
        write_below(m, "contains", depth);
        if (one_in(m, 2)) write_bound(m, "minContains", 3);
        if (one_in(m, 2)) write_bound(m, "maxContains", 4);
    }
    if (one_in(m, 10)) write_below(m, "unevaluatedItems", depth);
}

static inline void write_scalar_keywords(schema_maker_t *m) {
    if (one_in(m, 3)) write_bound(m, "minimum", 2);
    if (one_in(m, 3)) write_bound(m, "exclusiveMaximum", 4);
    if (one_in(m, 6)) write_bound(m, "minLength", 2);
    if (one_in(m, 6)) write_bound(m, "maxLength", 3);
    if (one_in(m, 8)) {
        write_key(m, "multipleOf");
        hy_buf_text(&m->text, one_in(m, 2) ? "1" : "0.5");
    }
    if (one_in(m, 8)) {
        write_key(m, "pattern");
        hy_buf_text(&m->text, one_in(m, 2) ? "\"^a*$\"" : "\"b\"");
    }
}

/* Other schemas for the same value. */
static inline void write_place_keywords(schema_maker_t *m, unsigned depth) {
    if (!m->is_bound && one_in(m, 6)) {
        write_key(m, "$ref");
        hy_buf_format(&m->text, "\"#/$defs/d%d\"", (int)below(m, DEFINITIONS));
    }
    if (one_in(m, 10)) write_list(m, "allOf", depth);
    if (one_in(m, 10)) write_list(m, "anyOf", depth);
    if (one_in(m, 14)) write_list(m, "oneOf", depth);
    if (one_in(m, 20)) write_sub(m, "not", depth);
    if (!one_in(m, 14)) return;
    write_sub(m, "if", depth);
    if (one_in(m, 2)) write_sub(m, "then", depth);
    if (one_in(m, 2)) write_sub(m, "else", depth);
}

static inline void write_keywords(schema_maker_t *m, unsigned depth) {
    if (one_in(m, 3)) write_type(m);
    if (one_in(m, 12)) {
        write_key(m, "enum");
        write_values(m);
    }
    if (one_in(m, 30)) {
        write_key(m, "const");
        hy_buf_text(&m->text, schema_values[below(m, COUNT_OF(schema_values))]);
    }
    if (one_in(m, 2)) write_scalar_keywords(m);
    if (depth == 0) return;
    if (!one_in(m, 3)) write_object_keywords(m, depth - 1);
    if (one_in(m, 2)) write_array_keywords(m, depth - 1);
    write_place_keywords(m, depth - 1);
}

static inline void write_schema(schema_maker_t *m, unsigned depth) {
    if (one_in(m, 12)) {
        hy_buf_text(&m->text, one_in(m, 3) ? "false" : "true");
        return;
    }
    hy_buf_char(&m->text, '{');
    write_keywords(m, depth);
    hy_buf_char(&m->text, '}');
}

/* A document of draft 2020-12; the caller owns it. */
static inline hy_str_t *random_schema(hy_random_t *r, unsigned depth) {
    schema_maker_t m = {.random = r};
    hy_buf_init(&m.text);
    hy_buf_text(&m.text, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"");
    write_keywords(&m, depth);
    write_key(&m, "$defs");
    hy_buf_char(&m.text, '{');
    for (unsigned i = 0; i < DEFINITIONS; i++) {
        char name[8] = {'d', (char)('0' + i)};
        m.is_bound = true;
        write_sub(&m, name, depth > 0 ? depth - 1 : 0);
    }
    hy_buf_text(&m.text, "}}");
    return hy_buf_take(&m.text);
}

static inline hy_rules_t *rules_of(const char *text) {
    hy_rules_t *rules = NULL;
    hy_value_t document = value_of(text);
    hy_error_t err = {.text = ""};
    int rc = hy_rules_compile(document, NULL, NULL, NULL, &rules, &err);
    if (rc) print_error("%s: %s\n", text, err.text);
    assert_int_equal(rc, 0);
    hy_value_drop(document);
    return rules;
}

/* --- data ------------------------------------------------------------------------------------- */

static inline hy_str_t *schema_key(hy_random_t *r) {
    return str_of(schema_keys[hy_random_below(r, COUNT_OF(schema_keys))]);
}

static inline hy_value_t schema_value(hy_random_t *r, unsigned depth) {
    if (depth == 0 || hy_random_below(r, 3) > 0)
        return value_of(schema_values[hy_random_below(r, COUNT_OF(schema_values))]);
    bool is_array = hy_random_below(r, 2);
    hy_node_t *n = hy_node_new(is_array ? HY_ARRAY : HY_OBJECT);
    for (uint64_t i = hy_random_below(r, 4); i > 0; i--) {
        hy_value_t v = schema_value(r, depth - 1);
        if (is_array) {
            assert_int_equal(hy_node_insert(n, hy_node_count(n), v), 0);
        } else {
            hy_str_t *key = schema_key(r);
            assert_int_equal(hy_node_set(n, key, v, NULL), 0);
            hy_str_unref(key);
        }
    }
    return hy_node_value(n);
}

#endif
