/* The compiler's frame: sites, rules that are asked for, the queue of those that are to be filled,
 * and taking a compiled document apart again. */
#include "rules_compile.h"

#include "../base/mem.h"

#include <math.h>
#include <stdio.h>

/* --- a compiled document ---------------------------------------------------------------------- */

static void place_free(hy__place_rules_t *place) {
    if (!place) return;
    hy_free(place->all_of.items);
    hy_free(place->any_of.items);
    hy_free(place->one_of.items);
    hy_str_unref(place->dynamic_anchor);
    hy_free(place);
}

static void string_free(hy__string_rules_t *string) {
    if (!string) return;
    hy_regex_free(string->regex);
    hy_str_unref(string->pattern);
    hy_str_unref(string->format);
    hy_free(string);
}

static void array_free(hy__array_rules_t *array) {
    if (!array) return;
    hy_free(array->prefix.items);
    hy_free(array);
}

static void object_free(hy__object_rules_t *object) {
    if (!object) return;
    for (uint32_t i = 0; i < object->pattern_count; i++) {
        hy_regex_free(object->patterns[i].regex);
        hy_str_unref(object->patterns[i].pattern);
    }
    for (uint32_t i = 0; i < object->dependency_count; i++) {
        hy__dependency_t *d = &object->dependencies[i];
        for (uint32_t k = 0; k < d->required.count; k++)
            hy_str_unref(d->required.items[k]);
        hy_free(d->required.items);
        hy_str_unref(d->key);
    }
    hy_dict_deinit(&object->members);
    hy_free(object->patterns);
    hy_free(object->dependencies);
    hy_free(object);
}

static void rule_free(hy_rule_t *rule) {
    hy_value_drop(rule->constant);
    if (rule->enumerated) hy_node_unref(rule->enumerated);
    hy_free(rule->table);
    place_free(rule->place);
    hy_free(rule->number);
    string_free(rule->string);
    array_free(rule->array);
    object_free(rule->object);
    hy_free(rule);
}

void hy_rules_free(hy_rules_t *rules) {
    if (!rules) return;
    for (uint32_t i = 0; i < rules->rule_count; i++)
        rule_free(rules->rules[i]);
    for (uint32_t i = 0; i < rules->resource_count; i++) {
        hy_str_unref(rules->resources[i]->uri);
        hy_dict_deinit(&rules->resources[i]->dynamic);
        hy_free(rules->resources[i]);
    }
    hy_free(rules->rules);
    hy_free(rules->resources);
    hy_dict_deinit(&rules->also);
    hy_regexes_free(rules->regexes);
    hy_free(rules);
}

const hy_rule_t *hy_rules_root(const hy_rules_t *rules) {
    return rules->root;
}

const hy_rule_t *hy_rules_also(const hy_rules_t *rules, const char *name, size_t len) {
    const hy__member_rule_t *m = hy_dict_find(&rules->also, name, len, hy_hash(name, len));
    return m ? m->rule : NULL;
}

/* --- rules ------------------------------------------------------------------------------------ */

bool hy__compile_room(void *list, uint32_t count, uint32_t *room, size_t bytes) {
    if (count < *room) return true;
    uint32_t wanted = *room ? 2 * *room : 16;
    void *grown = hy_realloc(*(void **)list, wanted * bytes);
    if (!grown) return false;
    *(void **)list = grown;
    *room = wanted;
    return true;
}

int hy__compile_work(hy__compiler_t *c, size_t steps) {
    if (steps > HY_RULES_COMPILE_STEPS_MAX - c->steps)
        return hy_fail(c->err, HY_ETOO_LARGE,
                       "it takes too much work to compile: more than %u steps",
                       HY_RULES_COMPILE_STEPS_MAX);
    c->steps += (uint32_t)steps;
    return 0;
}

static int rule_new(hy__compiler_t *c, hy__resource_t *resource, hy_rule_t **out) {
    hy_rules_t *r = c->rules;
    if (r->rule_count >= HY_RULES_MAX)
        return hy_fail(c->err, HY_ETOO_LARGE, "it has more than %u schemas", HY_RULES_MAX);
    if (!hy__compile_room(&r->rules, r->rule_count, &r->rule_room, sizeof *r->rules))
        return HY_ENOMEM;
    hy_rule_t *rule = hy_alloc_zero(sizeof *rule);
    if (!rule) return HY_ENOMEM;
    rule->resource = resource;
    rule->types = HY__TYPES_ALL;
    r->rules[r->rule_count++] = rule;
    *out = rule;
    return 0;
}

hy__place_rules_t *hy__rule_place(hy_rule_t *rule) {
    if (!rule->place) rule->place = hy_alloc_zero(sizeof *rule->place);
    return rule->place;
}

hy__number_rules_t *hy__rule_number(hy_rule_t *rule) {
    if (!rule->number) rule->number = hy_alloc_zero(sizeof *rule->number);
    return rule->number;
}

hy__string_rules_t *hy__rule_string(hy_rule_t *rule) {
    if (rule->string) return rule->string;
    rule->string = hy_alloc_zero(sizeof *rule->string);
    if (rule->string) rule->string->length_max = UINT64_MAX;
    return rule->string;
}

hy__array_rules_t *hy__rule_array(hy_rule_t *rule) {
    if (rule->array) return rule->array;
    rule->array = hy_alloc_zero(sizeof *rule->array);
    if (rule->array) rule->array->count_max = rule->array->contains_max = UINT64_MAX;
    return rule->array;
}

hy__object_rules_t *hy__rule_object(hy_rule_t *rule) {
    if (rule->object) return rule->object;
    rule->object = hy_alloc_zero(sizeof *rule->object);
    if (!rule->object) return NULL;
    rule->object->count_max = UINT64_MAX;
    hy_dict_init(&rule->object->members, sizeof(hy__member_rule_t));
    return rule->object;
}

/* --- what keywords use ------------------------------------------------------------------------ */

static int fail(hy__compiler_t *c, int code, const char *lead, const char *what) {
    char place[HY_ERROR_TEXT_BYTES / 3];
    hy__site_place(c->site, place, sizeof place);
    return hy_fail(c->err, code, "%s%s%s: %s%s", place, *place ? "." : "", c->keyword, lead, what);
}

int hy__compile_fail(hy__compiler_t *c, const char *what) {
    return fail(c, HY_EINVALID, "", what);
}

int hy__compile_fail_on(hy__compiler_t *c, int code, const hy_str_t *text, const char *what) {
    char lead[HY_ERROR_TEXT_BYTES / 3];
    hy__value_write(hy_string((hy_str_t *)text), lead, sizeof lead - 1);
    strcat(lead, " ");
    return fail(c, code, lead, what);
}

int hy__compile_ask(hy__compiler_t *c, hy_value_t schema, const hy_rule_t **out) {
    if (schema.kind == HY_BOOL) {
        *out = schema.as.b ? c->any : c->never;
        return 0;
    }
    hy__site_t *site = schema.kind == HY_OBJECT ? hy__site_find(c, schema.as.n) : NULL;
    if (!site) return hy__compile_fail(c, "has what is no schema");
    return hy__compile_ask_site(c, site, out);
}

int hy__compile_ask_site(hy__compiler_t *c, hy__site_t *site, const hy_rule_t **out) {
    if (!site->rule) {
        if (!hy__compile_room(&c->queue, c->queue_count, &c->queue_room, sizeof *c->queue))
            return HY_ENOMEM;
        int rc = rule_new(c, site->resource, &site->rule);
        if (rc < 0) return rc;
        c->queue[c->queue_count++] = site;
    }
    *out = site->rule;
    return 0;
}

int hy__compile_list(hy__compiler_t *c, hy_value_t schemas, hy__rule_list_t *out) {
    if (schemas.kind != HY_ARRAY) return hy__compile_fail(c, "is no list of schemas");
    size_t count = hy_node_count(schemas.as.n);
    out->items = hy_alloc_zero((count + 1) * sizeof *out->items);
    if (!out->items) return HY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int rc = hy__compile_ask(c, hy_node_at(schemas.as.n, i), &out->items[i]);
        if (rc < 0) return rc;
        out->count++;
    }
    return 0;
}

int hy__compile_count(hy__compiler_t *c, hy_value_t v, uint64_t *out) {
    if (v.kind == HY_INT && v.as.i >= 0) {
        *out = (uint64_t)v.as.i;
    } else if (v.kind == HY_REAL && v.as.r >= 0 && v.as.r == floor(v.as.r)) {
        *out = v.as.r < 0x1p63 ? (uint64_t)v.as.r : UINT64_MAX;
    } else {
        return hy__compile_fail(c, "is no number of things: a whole one from 0");
    }
    return 0;
}

/* Of a pattern; repeats in it may become as much again, many times. */
#define PATTERN_STEPS 30u

int hy__compile_regex(hy__compiler_t *c, const hy_str_t *pattern, hy_regex_t **out) {
    hy_error_t err = {.text = ""};
    int rc = hy__compile_work(c, PATTERN_STEPS + pattern->len);
    if (rc < 0) return rc;
    if (!c->rules->regexes) rc = hy_regexes_new(&c->rules->regexes);
    if (rc == 0) rc = hy_regex_new(c->rules->regexes, pattern->bytes, pattern->len, out, &err);
    if (rc == HY_EINVALID || rc == HY_ETOO_LARGE)
        return hy__compile_fail_on(c, rc, pattern, err.text);
    return rc;
}

int hy__compile_uri(hy__compiler_t *c, const hy_str_t *ref, size_t len, hy_str_t **out) {
    const hy_str_t *base = c->site->resource->uri;
    int rc = hy__compile_work(c, (base->len + len) / HY__URI_STEP_BYTES);
    if (rc < 0) return rc;
    rc = hy__uri_resolve(base->bytes, ref->bytes, len, out);
    if (rc == HY_EINVALID) return hy__compile_fail_on(c, rc, ref, "is no URI reference");
    if (rc != HY_ETOO_LARGE) return rc;
    char what[64];
    snprintf(what, sizeof what, "is a URI of more than %u bytes", HY_URL_BYTES_MAX);
    return fail(c, rc, "", what);
}

/* --- filling ---------------------------------------------------------------------------------- */

/* Before draft 2020-12 what stands beside "$ref" counts for nothing. */
static bool is_counting(const hy__site_t *site, const hy__keyword_t *keyword) {
    return site->draft == HY__DRAFT_2020 || strcmp(keyword->name, "$ref") == 0 ||
           hy_get(site->node, "$ref").kind != HY_STR;
}

static int fill(hy__compiler_t *c, const hy__site_t *site) {
    hy_str_t *key;
    hy_value_t v;
    int rc = hy__compile_work(c, hy_node_count(site->node) + 1);
    c->site = site;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(site->node, &pos, &key, &v);) {
        const hy__keyword_t *keyword = hy__keyword_find(site, key);
        if (!keyword || !keyword->fill || !is_counting(site, keyword)) continue;
        c->keyword = keyword->name;
        rc = keyword->fill(c, site->rule, v);
    }
    return rc;
}

static int fill_all(hy__compiler_t *c) {
    int rc = 0;
    while (rc == 0 && c->queue_done < c->queue_count)
        rc = fill(c, c->queue[c->queue_done++]);
    return rc;
}

static int ask_also(hy__compiler_t *c, const hy__site_t *root) {
    hy_node_t *members = c->also ? hy_get_object(root->node, c->also) : NULL;
    hy_str_t *key;
    hy_value_t schema;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && members && hy_node_next(members, &pos, &key, &schema);) {
        hy__member_rule_t *member = hy_dict_put(&c->rules->also, key, NULL);
        c->site = root;
        c->keyword = c->also;
        rc = member ? hy__compile_ask(c, schema, &member->rule) : HY_ENOMEM;
    }
    return rc;
}

/* What a metaschema has to say of them says more than what a keyword did. */
static int check_apart(hy__compiler_t *c, int filled) {
    if (filled < 0 && filled != HY_EINVALID) return filled;
    int rc = hy__survey_check(c);
    return rc < 0 ? rc : filled;
}

static int compile_object(hy__compiler_t *c, hy_node_t *document, hy_str_t *uri) {
    hy__site_t *root = NULL;
    int rc = hy__survey(c, document, uri, HY__DRAFT_7, &root);
    if (rc == 0) rc = hy__metaschema_check(c, root);
    if (rc == 0) rc = hy__compile_ask_site(c, root, &c->rules->root);
    if (rc == 0) rc = ask_also(c, root);
    if (rc == 0) rc = check_apart(c, fill_all(c));
    if (rc == 0) rc = hy__refs_finish(c);
    return rc < 0 ? rc : hy__chains_check(c);
}

/* Where a document is that is nowhere: references within it need a place all the same. */
#define NOWHERE "nowhere:/"

static int compile(hy__compiler_t *c, hy_value_t document, const char *uri) {
    int rc = rule_new(c, NULL, &c->any);
    if (rc == 0) rc = rule_new(c, NULL, &c->never);
    if (rc < 0) return rc;
    c->never->types = 0;
    c->never->is_never = true;
    if (document.kind == HY_BOOL) {
        c->rules->root = document.as.b ? c->any : c->never;
        return 0;
    }
    if (document.kind != HY_OBJECT)
        return hy_fail(c->err, HY_EINVALID, "it is no schema, which is an object or a boolean");
    if (!uri) uri = NOWHERE;
    hy_str_t *where;
    rc = hy__uri_resolve(NOWHERE, uri, strcspn(uri, "#"), &where);
    if (rc == HY_EINVALID) return hy_fail(c->err, rc, "it is at \"%s\", which is no URI", uri);
    if (rc == HY_ETOO_LARGE)
        return hy_fail(c->err, rc, "it is at a URI of more than %u bytes", HY_URL_BYTES_MAX);
    if (rc < 0) return rc;
    rc = compile_object(c, document.as.n, where);
    hy_str_unref(where);
    return rc;
}

static void compiler_deinit(hy__compiler_t *c) {
    hy__site_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&c->sites, &pos));)
        hy_free(e->site);
    hy_dict_deinit(&c->sites);
    hy_dict_deinit(&c->named);
    hy__metaschema_checker_t *checker;
    for (uint32_t pos = 0; (checker = hy_dict_next(&c->checkers, &pos));)
        hy_rules_free(checker->rules);
    hy_dict_deinit(&c->checkers);
    if (c->embedded) hy_node_unref(c->embedded);
    hy_free(c->queue);
    hy_free(c->apart);
    hy_free(c->anchors);
    hy_dict_deinit(&c->anchor_names);
}

int hy__rules_compile(hy_value_t document, const char *uri, const char *also,
                      const hy_rules_source_t *source, unsigned flags, hy_rules_t **out,
                      hy_error_t *err) {
    hy__compiler_t c = {.source = source, .also = also, .flags = flags, .err = err};
    c.rules = hy_alloc_zero(sizeof *c.rules);
    if (!c.rules) return HY_ENOMEM;
    hy_dict_init(&c.sites, sizeof(hy__site_entry_t));
    hy_dict_init(&c.named, sizeof(hy__site_entry_t));
    hy_dict_init(&c.anchor_names, sizeof(hy__anchor_name_t));
    hy_dict_init(&c.checkers, sizeof(hy__metaschema_checker_t));
    hy_dict_init(&c.rules->also, sizeof(hy__member_rule_t));
    int rc = compile(&c, document, uri);
    compiler_deinit(&c);
    if (rc < 0) {
        hy_rules_free(c.rules);
        return rc;
    }
    *out = c.rules;
    return 0;
}

int hy_rules_compile(hy_value_t document, const char *uri, const char *also,
                     const hy_rules_source_t *source, hy_rules_t **out, hy_error_t *err) {
    return hy__rules_compile(document, uri, also, source, 0, out, err);
}
