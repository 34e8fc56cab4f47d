/* Fuzz target: schemas, data and changes. Bytes that begin with "{" are lines: a document, data,
 * and bodies of updates; all others are choices of what is drawn here, so that most of it compiles
 * and fits. A document compiles, or it is told why not; a check says the same with and without a
 * text. And what was touched by a change to data that fitted must fit if and only if all of it
 * does; nothing may be left. Built and run by tools/fuzz/run. */
#include "rows.h"

#include "base/buf.h"
#include "data/change.h"
#include "data/rules.h"

#define DEPTH 3 /* of what is drawn */

static hy_value_t value_of(const hy_buf_t *b) {
    hy_value_t v;
    MUST(!b->failed && hy_json_read(b->bytes, b->len, HY_JSON_DEPTH_MAX, &v, NULL) == 0);
    return v;
}

/* --- choices ---------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *at, *end;
} choices_t;

/* The next byte as a number below that; 0 once there is none. */
static unsigned below(choices_t *c, unsigned count) {
    return c->at < c->end ? *c->at++ % count : 0;
}

static const char *one_of(choices_t *c, const char *const *texts, unsigned count) {
    return texts[below(c, count)];
}

#define ONE_OF(c, texts) one_of((c), (texts), sizeof(texts) / sizeof *(texts))

static const char *const keys[] = {"a", "b", "c", "x1", "x2", ""};
#define KEYS (sizeof keys / sizeof *keys)
static const char *const scalars[] = {"1",     "0",     "2",      "1.0",  "0.5",
                                      "\"\"",  "\"a\"", "\"b\"",  "null", "true",
                                      "false", "3",     "\"x1\"", "-1",   "1e300"};

static void draw_value(choices_t *c, hy_buf_t *b, unsigned depth) {
    unsigned kind = depth ? below(c, 4) : 0;
    if (kind < 2) {
        hy_buf_text(b, ONE_OF(c, scalars));
        return;
    }
    hy_buf_char(b, kind == 2 ? '[' : '{');
    unsigned count = below(c, 5), first = count > 0 ? below(c, KEYS) : 0;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) hy_buf_char(b, ',');
        if (kind == 3) hy_buf_format(b, "\"%s\":", keys[(first + i) % KEYS]);
        draw_value(c, b, depth - 1);
    }
    hy_buf_char(b, kind == 2 ? ']' : '}');
}

/* --- documents -------------------------------------------------------------------------------- */

/* What is put in for each: % a schema, # a value, ~ a small number, $ a key. */
static const char *const keywords[] = {
    "\"type\":\"object\"",
    "\"type\":\"array\"",
    "\"type\":[\"integer\",\"string\",\"object\",\"array\"]",
    "\"properties\":{\"a\":%,\"b\":%}",
    "\"properties\":{\"$\":%}",
    "\"patternProperties\":{\"^x\":%}",
    "\"patternProperties\":{\"[ab]\":%,\"1$\":%}",
    "\"additionalProperties\":%",
    "\"required\":[\"$\"]",
    "\"minProperties\":~",
    "\"maxProperties\":~",
    "\"propertyNames\":%",
    "\"dependentRequired\":{\"a\":[\"$\"]}",
    "\"dependentSchemas\":{\"$\":%}",
    "\"dependencies\":{\"a\":[\"$\"],\"b\":%}",
    "\"items\":%",
    "\"prefixItems\":[%,%]",
    "\"items\":[%,%],\"additionalItems\":%",
    "\"contains\":%",
    "\"contains\":%,\"minContains\":~,\"maxContains\":~",
    "\"uniqueItems\":true",
    "\"minItems\":~",
    "\"maxItems\":~",
    "\"enum\":[#,#,#]",
    "\"const\":#",
    "\"minimum\":~",
    "\"exclusiveMaximum\":~",
    "\"multipleOf\":2",
    "\"minLength\":1",
    "\"pattern\":\"^[a-x]\"",
    "\"format\":\"date\"",
    "\"allOf\":[%,%]",
    "\"anyOf\":[%,%]",
    "\"oneOf\":[%,%]",
    "\"not\":%",
    "\"if\":%,\"then\":%,\"else\":%",
    "\"unevaluatedProperties\":%",
    "\"unevaluatedItems\":%",
    "\"$ref\":\"#/$defs/d\"",
    "\"$dynamicRef\":\"#n\"",
};

static void draw_schema(choices_t *c, hy_buf_t *b, unsigned depth);

static void draw_keyword(choices_t *c, hy_buf_t *b, unsigned depth) {
    for (const char *at = ONE_OF(c, keywords); *at; at++) {
        if (*at == '%') {
            draw_schema(c, b, depth);
        } else if (*at == '#') {
            draw_value(c, b, 2);
        } else if (*at == '~') {
            hy_buf_int(b, below(c, 4));
        } else if (*at == '$' && at[1] == '"') {
            hy_buf_text(b, ONE_OF(c, keys));
        } else {
            hy_buf_char(b, *at);
        }
    }
}

static void draw_schema(choices_t *c, hy_buf_t *b, unsigned depth) {
    unsigned count = depth ? below(c, 6) : 0;
    if (count == 0) {
        hy_buf_text(b, below(c, 5) == 4 ? "false" : "true");
        return;
    }
    hy_buf_char(b, '{');
    for (unsigned i = 0; i < (count + 1) / 2; i++) {
        if (i > 0) hy_buf_char(b, ',');
        draw_keyword(c, b, depth - 1);
    }
    hy_buf_char(b, '}');
}

static hy_value_t draw_document(choices_t *c) {
    static const char *const drafts[] = {"https://json-schema.org/draft/2020-12/schema",
                                         "http://json-schema.org/draft-07/schema#",
                                         "http://json-schema.org/draft-04/schema#"};
    hy_buf_t b;
    hy_value_t v;
    hy_buf_init(&b);
    hy_buf_format(&b, "{\"$schema\":\"%s\",\"$defs\":{\"d\":", ONE_OF(c, drafts));
    draw_schema(c, &b, DEPTH - 1);
    hy_buf_text(&b, ",\"n\":{\"$dynamicAnchor\":\"n\",\"items\":");
    draw_schema(c, &b, DEPTH - 1);
    hy_buf_text(&b, "}}");
    for (unsigned i = below(c, 3) + 1; i > 0; i--) {
        hy_buf_char(&b, ',');
        draw_keyword(c, &b, DEPTH);
    }
    hy_buf_char(&b, '}');
    /* A keyword that is there twice is refused where it is read: another document then. */
    if (hy_json_read(b.bytes, b.len, HY_JSON_DEPTH_MAX, &v, NULL) < 0) v = hy_absent();
    hy_buf_deinit(&b);
    return v;
}

/* --- changes ---------------------------------------------------------------------------------- */

static hy_value_t drawn_value(choices_t *c) {
    hy_buf_t b;
    hy_buf_init(&b);
    draw_value(c, &b, 2);
    hy_value_t v = value_of(&b);
    hy_buf_deinit(&b);
    return v;
}

static hy_value_t drawn_items(choices_t *c) {
    hy_node_t *items = hy_node_new(HY_ARRAY);
    for (unsigned i = below(c, 3) + 1; i > 0; i--)
        MUST(hy_node_insert(items, 0, drawn_value(c)) == 0);
    return hy_node_value(items);
}

/* A node at or below `n`, and the steps to it. */
static hy_node_t *draw_node(choices_t *c, hy_node_t *n, hy_step_t *steps, uint32_t *count) {
    while (hy_node_count(n) > 0 && *count < DEPTH && below(c, 3) > 0) {
        size_t which = below(c, (unsigned)hy_node_count(n));
        hy_value_t v = hy_absent();
        hy_step_t step = {.index = (int64_t)which};
        if (hy_node_kind(n) == HY_ARRAY) {
            v = hy_node_at(n, which);
        } else {
            uint32_t pos = 0;
            for (size_t i = 0; i <= which; i++)
                MUST(hy_node_next(n, &pos, &step.key, &v));
        }
        if (!hy_is_node(v)) break;
        steps[(*count)++] = step;
        n = v.as.n;
    }
    return n;
}

static void draw_op(choices_t *c, hy_change_t *change, hy_node_t *root) {
    hy_step_t steps[DEPTH + 1];
    uint32_t count = 0;
    hy_node_t *n = draw_node(c, root, steps, &count);
    hy_str_t *key = hy_str_from(ONE_OF(c, keys));
    hy_op_kind_t kind = HY_OP_SET;
    hy_value_t v = hy_absent();
    if (hy_node_kind(n) == HY_OBJECT) {
        steps[count] = (hy_step_t){.key = key};
        if (below(c, 3) == 2) kind = HY_OP_REMOVE;
        if (kind == HY_OP_SET) v = drawn_value(c);
    } else {
        static const hy_op_kind_t kinds[] = {HY_OP_SET, HY_OP_INSERT, HY_OP_ERASE};
        kind = kinds[below(c, 3)];
        steps[count] = (hy_step_t){.index = below(c, (unsigned)hy_node_count(n) + 1)};
        if (kind != HY_OP_ERASE) v = kind == HY_OP_SET ? drawn_value(c) : drawn_items(c);
    }
    MUST(hy_change_add(change, kind, steps, count + 1, v, 1 + below(c, 2)) == 0);
    hy_str_unref(key);
}

static hy_change_t *draw_change(choices_t *c, hy_node_t *root) {
    hy_change_t *change = hy_change_new();
    for (unsigned i = below(c, 4) + 1; i > 0; i--)
        draw_op(c, change, root);
    return change;
}

/* --- a finding, as people can read it ----------------------------------------------------------
 */

static void print_value(const char *what, hy_value_t v) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, v);
    fprintf(stderr, "%s %.*s\n", what, (int)b.len, b.bytes);
    hy_buf_deinit(&b);
}

static void print_change(const hy_change_t *change) {
    hy_buf_t b;
    hy_buf_init(&b);
    change->payload.ops->write(&change->payload, &b);
    fprintf(stderr, "change   %.*s\n", (int)b.len, b.bytes);
    hy_buf_deinit(&b);
}

/* --- what must hold --------------------------------------------------------------------------- */

static void check_text(int rc, const hy_error_t *err) {
    if (rc == 0) return;
    MUST(err->code == rc && err->text[0]);
    MUST(hy_utf8_is_valid(err->text, strlen(err->text)));
}

static int check(const hy_rule_t *rule, hy_value_t v) {
    hy_error_t err = {.text = ""};
    int rc = hy_rule_check(rule, v, &err);
    MUST(rc == 0 || rc == HY_ESCHEMA);
    MUST(hy_rule_check(rule, v, NULL) == rc);
    check_text(rc, &err);
    return rc;
}

static int check_effects(const hy_rule_t *rule, hy_node_t *root, const hy_effect_t *effects,
                         uint32_t count) {
    hy_error_t err = {.text = ""};
    int rc = hy_rule_check_effects(rule, root, effects, count, &err);
    MUST(rc == 0 || rc == HY_ESCHEMA);
    MUST(hy_rule_check_effects(rule, root, effects, count, NULL) == rc);
    check_text(rc, &err);
    return rc;
}

/* The tree fits, and so it does afterwards: a change after which it does not is undone. */
static void check_change(hy_value_t document, const hy_rule_t *rule, hy_node_t *root,
                         const hy_change_t *change) {
    hy_effect_t *effects = calloc(change->count + 1, sizeof *effects);
    if (hy_change_apply(change, root, effects, NULL) == 0) {
        int rc = check(rule, hy_node_value(root));
        if (check_effects(rule, root, effects, change->count) != rc) {
            print_value("document", document);
            print_change(change);
            print_value("gives   ", hy_node_value(root));
            MUST(!"what was touched fits if and only if the whole does");
        }
        for (uint32_t i = change->count; i-- > 0;) {
            if (rc == 0) {
                hy_effect_release(&effects[i]);
            } else {
                hy_effect_undo(root, &effects[i]);
            }
        }
        if (rc < 0) MUST(check(rule, hy_node_value(root)) == 0);
    }
    free(effects);
}

static int compile(hy_value_t document, hy_rules_t **out) {
    hy_error_t err = {.text = ""};
    int rc = hy_rules_compile(document, NULL, "children", NULL, out, &err);
    MUST(rc == 0 || rc == HY_EINVALID || rc == HY_ENOT_FOUND || rc == HY_ETOO_LARGE);
    check_text(rc, &err);
    return rc;
}

/* Every allocation of compiling and checking fails in turn, up to a few. */
static void check_failures(hy_value_t document, hy_value_t data) {
    for (int64_t n = 1; n < 60; n++) {
        hy_rules_t *rules = NULL;
        hy_mem_fail_after(n);
        int rc = hy_rules_compile(document, NULL, NULL, NULL, &rules, NULL);
        if (rc == 0) rc = hy_rule_check(hy_rules_root(rules), data, NULL);
        hy_mem_fail_after(-1);
        hy_rules_free(rules);
        if (rc != HY_ENOMEM) return;
    }
}

/* --- inputs ----------------------------------------------------------------------------------- */

static void run_lines(const uint8_t *bytes, size_t size) {
    lines_t l = {(const char *)bytes, (const char *)bytes + size};
    hy_span_t line;
    hy_value_t document = hy_absent(), data = hy_absent(), body;
    hy_rules_t *rules = NULL;
    if (next_line(&l, &line))
        (void)hy_json_read(line.bytes, line.len, HY_JSON_DEPTH_MAX, &document, NULL);
    if (next_line(&l, &line))
        (void)hy_json_read(line.bytes, line.len, HY_JSON_DEPTH_MAX, &data, NULL);
    bool is_there = document.kind != HY_ABSENT && compile(document, &rules) == 0;
    const hy_rule_t *rule = is_there ? hy_rules_root(rules) : NULL;
    if (rule && data.kind != HY_ABSENT) {
        check_failures(document, data);
        bool fits = check(rule, data) == 0 && hy_is_node(data);
        while (fits && next_line(&l, &line)) {
            hy_change_t *change;
            if (hy_json_read(line.bytes, line.len, HY_JSON_DEPTH_MAX, &body, NULL) < 0) break;
            if (body.kind == HY_OBJECT && hy_change_read(body.as.n, &change, NULL) == 0) {
                check_change(document, rule, data.as.n, change);
                hy_change_unref(change);
            }
            hy_value_drop(body);
        }
    }
    hy_rules_free(rules);
    hy_value_drop(document);
    hy_value_drop(data);
}

/* Data that fits if any of a few does. */
static hy_value_t draw_data(choices_t *c, const hy_rule_t *rule) {
    hy_value_t v = hy_absent();
    for (int tries = 0; tries < 8; tries++) {
        hy_buf_t b;
        hy_buf_init(&b);
        draw_value(c, &b, DEPTH);
        hy_value_drop(v);
        v = value_of(&b);
        hy_buf_deinit(&b);
        if (check(rule, v) == 0 && hy_is_node(v)) break;
    }
    return v;
}

static void run_choices(const uint8_t *bytes, size_t size) {
    choices_t c = {bytes, bytes + size};
    hy_rules_t *rules = NULL;
    hy_value_t document = draw_document(&c);
    if (document.kind == HY_ABSENT) return;
    if (compile(document, &rules) == 0) {
        const hy_rule_t *rule = hy_rules_root(rules);
        hy_value_t data = draw_data(&c, rule);
        bool fits = check(rule, data) == 0 && hy_is_node(data);
        while (fits && c.at < c.end) {
            hy_change_t *change = draw_change(&c, data.as.n);
            check_change(document, rule, data.as.n, change);
            hy_change_unref(change);
        }
        hy_value_drop(data);
        hy_rules_free(rules);
    }
    hy_value_drop(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] == '{') {
        run_lines(data, size);
    } else {
        run_choices(data, size);
    }
    MUST(hy_mem_blocks() == 0);
    return 0;
}
