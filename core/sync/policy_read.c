/* Reading rules (policy.h) from a tree of values. What is wrong is told with the place: the rule by
 * its name or number, target or condition, the key; and what would be right. Nothing of what the
 * policy has is touched before all is read. */
#include "../base/mem.h"
#include "../base/similar.h"
#include "policy_private.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct {
    const hy_policy_t *policy; /* for its groups */
    hy__rules_t *rules;
    const char *label, *place; /* rule, target or condition; NULL: none */
    uint32_t terms, depth;
    hy_error_t *err;
} reading_t;

static const struct {
    const char *word;
    hy__part_kind_t kind;
    bool in_target, in_condition;
} parts[] = {
#define X(name, word, kind, in_target, in_condition)                                               \
    [HY_PART_##name] = {word, HY_PART_##kind, in_target, in_condition},
    HY_PART_MAP(X)
#undef X
};
#define PART_COUNT (sizeof parts / sizeof parts[0])

/* A table of words, NULL at its end. */
static const char *const policy_words[] = {"combining", "zone", "rules", NULL};
static const char *const rule_words[] = {"name", "effect", "target", "condition", NULL};
static const char *const effect_words[] = {"allow", "deny", NULL};
static const char *const combining_words[] = {
#define X(name, word) word,
    HY_COMBINING_MAP(X)
#undef X
        NULL};
static const char *const action_words[] = {
#define X(name, word) word,
    HY_ACTION_MAP(X)
#undef X
        NULL};
static const char *const weekday_words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

/* --- what is wrong ---------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int fail(reading_t *rd, int code, const char *format,
                                                      ...) {
    char text[HY_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return hy_fail(rd->err, code, "policy: %s%s%s%s%s", rd->label ? rd->label : "",
                   rd->label ? ": " : "", rd->place ? rd->place : "", rd->place ? ": " : "", text);
}

static int out_of_memory(reading_t *rd) {
    return fail(rd, HY_ENOMEM, "out of memory");
}

/* "there is no "tiem"; did you mean time?", or which there are. `what` stands before, may be "". */
static int fail_word(reading_t *rd, const char *what, const char *word, const char *const *words) {
    char list[HY_ERROR_TEXT_BYTES / 2] = "";
    hy_similar_t similar;
    size_t len = 0;
    hy_similar_init(&similar, word);
    for (size_t i = 0; words[i]; i++) {
        hy_similar_offer(&similar, words[i]);
        int more = snprintf(list + len, sizeof list - len, "%s%s", len > 0 ? ", " : "", words[i]);
        if (more > 0 && len + (size_t)more < sizeof list) len += (size_t)more;
    }
    const char *best = hy_similar_best(&similar);
    if (best)
        return fail(rd, HY_EINVALID, "%sthere is no \"%s\"; did you mean %s?", what, word, best);
    return fail(rd, HY_EINVALID, "%sthere is no \"%s\"; there are %s", what, word, list);
}

static int find_word(const hy_str_t *word, const char *const *words) {
    for (int i = 0; words[i]; i++) {
        if (hy_str_is(word, words[i])) return i;
    }
    return -1;
}

/* Keys must be among the words. */
static int check_keys(reading_t *rd, const hy_node_t *n, const char *const *words) {
    hy_str_t *key;
    for (uint32_t pos = 0; hy_node_next(n, &pos, &key, NULL);) {
        if (find_word(key, words) < 0) return fail_word(rd, "", key->bytes, words);
    }
    return 0;
}

static int count_terms(reading_t *rd, size_t more) {
    if (more > HY_POLICY_TERMS_MAX - rd->terms)
        return fail(rd, HY_ETOO_LARGE, "there are more than %u texts and conditions",
                    HY_POLICY_TERMS_MAX);
    rd->terms += (uint32_t)more;
    return 0;
}

/* --- texts ------------------------------------------------------------------------------------ */

/* An object that is empty may be meant as an empty list. */
static bool is_list(hy_value_t v) {
    return v.kind == HY_ARRAY || (v.kind == HY_OBJECT && hy_node_count(v.as.n) == 0);
}

static size_t item_count(hy_value_t v) {
    return is_list(v) ? hy_node_count(v.as.n) : 1;
}

static hy_value_t item_at(hy_value_t v, size_t i) {
    return is_list(v) ? hy_node_at(v.as.n, i) : v;
}

/* One or more texts. */
static int check_texts(reading_t *rd, const char *word, hy_value_t v) {
    size_t count = item_count(v);
    if (count == 0) return fail(rd, HY_EINVALID, "%s: the list is empty", word);
    for (size_t i = 0; i < count; i++) {
        hy_value_t item = item_at(v, i);
        bool is_text =
            item.kind == HY_STR && item.as.s->len > 0 && strlen(item.as.s->bytes) == item.as.s->len;
        if (!is_text) return fail(rd, HY_EINVALID, "%s must be a text or a list of texts", word);
    }
    return count_terms(rd, count);
}

static bool needs_url(hy__part_what_t what) {
    return what == HY_PART_SOURCE || what == HY_PART_RESOURCE;
}

static int check_text(reading_t *rd, hy__part_what_t what, const char *text) {
    const char *word = parts[what].word, *star = strchr(text, '*');
    bool is_url = strstr(text, "://") != NULL;
    if (star && star[1])
        return fail(rd, HY_EINVALID, "%s: \"%s\": * stands for the rest at the end", word, text);
    if (needs_url(what) && !is_url && !star)
        return fail(rd, HY_EINVALID, "%s: \"%s\" is no URL", word, text);
    if (!needs_url(what) && is_url)
        return fail(rd, HY_EINVALID, "%s: \"%s\" is a URL; give the %s alone", word, text, word);
    return 0;
}

static int check_group(reading_t *rd, const hy_str_t *name) {
    hy_similar_t similar;
    const hy__group_t *g;
    if (hy_policy_has_group(rd->policy, name)) return 0;
    hy_similar_init(&similar, name->bytes);
    for (uint32_t pos = 0; (g = hy_dict_next(&rd->policy->groups, &pos));) {
        hy_similar_offer(&similar, g->key->bytes);
    }
    const char *best = hy_similar_best(&similar);
    if (best)
        return fail(rd, HY_EINVALID, "group: there is no \"%s\"; did you mean %s?", name->bytes,
                    best);
    return fail(rd, HY_EINVALID, "group: there is no \"%s\"; add it to the groups first",
                name->bytes);
}

static int read_texts(reading_t *rd, hy__part_t *p, hy_value_t v) {
    size_t count = item_count(v);
    p->of.texts = hy_alloc(count * sizeof *p->of.texts);
    if (!p->of.texts) return out_of_memory(rd);
    for (size_t i = 0; i < count; i++) {
        hy_str_t *text = item_at(v, i).as.s;
        int rc = 0;
        if (parts[p->what].kind == HY_PART_GROUPS) {
            rc = check_group(rd, text);
        } else if (parts[p->what].kind == HY_PART_TEXTS) {
            rc = check_text(rd, p->what, text->bytes);
        } else if (find_word(text, action_words) < 0) {
            rc = fail_word(rd, "action: ", text->bytes, action_words);
        }
        if (rc < 0) return rc;
        p->of.texts[p->count++] = hy_str_ref(text);
    }
    return 0;
}

/* --- stretches -------------------------------------------------------------------------------- */

static int read_stretch(reading_t *rd, hy__part_kind_t kind, const char *text, hy__stretch_t *out) {
    if (kind == HY_PART_TIMES) {
        if (hy__read_time(text, out) == 0) return 0;
        return fail(rd, HY_EINVALID, "time: \"%s\" is not like \"08:00-18:30\"", text);
    }
    if (kind == HY_PART_DATES) {
        if (hy__read_date(text, out) == 0) return 0;
        return fail(rd, HY_EINVALID,
                    "date: \"%s\" is not like \"2026-12-24\" or \"2026-12-24/2027-01-06\"", text);
    }
    if (hy__read_weekday(text, out) == 0) return 0;
    if (!strchr(text, '-')) return fail_word(rd, "weekday: ", text, weekday_words);
    return fail(rd, HY_EINVALID, "weekday: \"%s\" is not like \"mon-fri\"", text);
}

static int read_stretches(reading_t *rd, hy__part_t *p, hy_value_t v) {
    size_t count = item_count(v);
    p->of.stretches = hy_alloc(count * sizeof *p->of.stretches);
    if (!p->of.stretches) return out_of_memory(rd);
    for (size_t i = 0; i < count; i++) {
        int rc =
            read_stretch(rd, parts[p->what].kind, item_at(v, i).as.s->bytes, &p->of.stretches[i]);
        if (rc < 0) return rc;
        p->count++;
    }
    rd->rules->is_timed = true;
    return 0;
}

/* --- conditions ------------------------------------------------------------------------------- */

static int read_object(reading_t *rd, hy__part_t *p, hy_value_t v, bool is_target);

/* Of `all`, `any` and `none`. */
static int read_conditions(reading_t *rd, hy__part_t *p, hy_value_t v) {
    const char *word = parts[p->what].word;
    bool is_one = p->what == HY_PART_NONE && v.kind == HY_OBJECT && hy_node_count(v.as.n) > 0;
    size_t count = is_one ? 1 : is_list(v) ? hy_node_count(v.as.n) : 0;
    if (count == 0)
        return fail(rd, HY_EINVALID, "%s must be a list of conditions, and not an empty one", word);
    if (rd->depth >= HY_POLICY_DEPTH_MAX)
        return fail(rd, HY_ETOO_LARGE, "conditions nest more than %u deep", HY_POLICY_DEPTH_MAX);
    int rc = count_terms(rd, count);
    if (rc < 0) return rc;
    p->of.parts = hy_alloc_zero(count * sizeof *p->of.parts);
    if (!p->of.parts) return out_of_memory(rd);
    rd->depth++;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        p->count++;
        rc = read_object(rd, &p->of.parts[i], is_one ? v : hy_node_at(v.as.n, i), false);
    }
    rd->depth--;
    return rc;
}

static int read_part(reading_t *rd, hy__part_t *p, hy_value_t v) {
    hy__part_kind_t kind = parts[p->what].kind;
    const char *word = parts[p->what].word;
    if (kind == HY_PART_CONDITIONS) return read_conditions(rd, p, v);
    if (kind == HY_PART_FLAG) {
        if (v.kind != HY_BOOL) return fail(rd, HY_EINVALID, "%s must be true or false", word);
        p->of.flag = v.as.b;
        return count_terms(rd, 1);
    }
    int rc = check_texts(rd, word, v);
    if (rc < 0) return rc;
    bool has_texts = kind == HY_PART_TEXTS || kind == HY_PART_GROUPS || kind == HY_PART_ACTIONS;
    return has_texts ? read_texts(rd, p, v) : read_stretches(rd, p, v);
}

static bool is_allowed(size_t what, bool in_target) {
    return in_target ? parts[what].in_target : parts[what].in_condition;
}

static int find_part(reading_t *rd, const hy_str_t *key, bool in_target) {
    const char *words[PART_COUNT + 1];
    size_t count = 0;
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (!is_allowed(i, in_target)) continue;
        if (hy_str_is(key, parts[i].word)) return (int)i;
        words[count++] = parts[i].word;
    }
    words[count] = NULL;
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (hy_str_is(key, parts[i].word))
            return fail(rd, HY_EINVALID, "\"%s\" belongs into the %s", key->bytes,
                        in_target ? "condition" : "target");
    }
    return fail_word(rd, "", key->bytes, words);
}

/* A target or a condition: all of what it names. */
static int read_object(reading_t *rd, hy__part_t *p, hy_value_t v, bool is_target) {
    p->what = HY_PART_ALL;
    if (v.kind != HY_OBJECT)
        return fail(rd, HY_EINVALID, "must be an object%s",
                    v.kind == HY_ARRAY && !is_target ? "; a list goes into all, any or none" : "");
    size_t count = hy_node_count(v.as.n);
    hy_str_t *key;
    hy_value_t value;
    p->of.parts = hy_alloc_zero((count + 1) * sizeof *p->of.parts);
    if (!p->of.parts) return out_of_memory(rd);
    for (uint32_t pos = 0; hy_node_next(v.as.n, &pos, &key, &value);) {
        int what = find_part(rd, key, is_target);
        if (what < 0) return what;
        hy__part_t *part = &p->of.parts[p->count++];
        part->what = (hy__part_what_t)what;
        int rc = read_part(rd, part, value);
        if (rc < 0) return rc;
    }
    return 0;
}

/* --- rules ------------------------------------------------------------------------------------ */

static int read_name(reading_t *rd, hy__rule_t *r, hy_value_t rule, size_t number) {
    hy_value_t name = rule.kind == HY_OBJECT ? hy_get(rule.as.n, "name") : hy_absent();
    bool is_named = name.kind == HY_STR && name.as.s->len > 0 &&
                    name.as.s->len <= HY_NAME_BYTES_MAX &&
                    strlen(name.as.s->bytes) == name.as.s->len;
    r->label = is_named ? hy_str_format("rule \"%s\"", name.as.s->bytes)
                        : hy_str_format("rule %zu", number);
    if (!r->label) return out_of_memory(rd);
    rd->label = r->label->bytes;
    if (rule.kind != HY_OBJECT) return fail(rd, HY_EINVALID, "must be an object");
    if (name.kind != HY_ABSENT && !is_named)
        return fail(rd, HY_EINVALID, "name must be a text of 1 to %u bytes", HY_NAME_BYTES_MAX);
    return 0;
}

static int read_effect(reading_t *rd, hy__rule_t *r, hy_value_t effect) {
    if (effect.kind == HY_ABSENT)
        return fail(rd, HY_EINVALID, "it has no effect; say effect = \"allow\" or \"deny\"");
    int i = effect.kind == HY_STR ? find_word(effect.as.s, effect_words) : -1;
    if (i < 0 && effect.kind == HY_STR)
        return fail_word(rd, "effect: ", effect.as.s->bytes, effect_words);
    if (i < 0) return fail(rd, HY_EINVALID, "effect must be \"allow\" or \"deny\"");
    r->effect = i == 0 ? HY_RULING_ALLOW : HY_RULING_DENY;
    return 0;
}

static int read_place(reading_t *rd, hy__part_t *within, const hy_node_t *rule, const char *word,
                      bool is_target) {
    hy_value_t v = hy_get(rule, word);
    if (v.kind == HY_ABSENT) return 0;
    rd->place = word;
    int rc = read_object(rd, &within->of.parts[within->count++], v, is_target);
    rd->place = NULL;
    return rc;
}

static int read_rule(reading_t *rd, hy__rule_t *r, hy_value_t rule, size_t number) {
    int rc = read_name(rd, r, rule, number);
    if (rc == 0) rc = check_keys(rd, rule.as.n, rule_words);
    if (rc == 0) rc = read_effect(rd, r, hy_get(rule.as.n, "effect"));
    if (rc < 0) return rc;
    r->applies.what = HY_PART_ALL;
    r->applies.of.parts = hy_alloc_zero(2 * sizeof *r->applies.of.parts);
    if (!r->applies.of.parts) return out_of_memory(rd);
    rc = read_place(rd, &r->applies, rule.as.n, "target", true);
    return rc == 0 ? read_place(rd, &r->applies, rule.as.n, "condition", false) : rc;
}

static int read_rules(reading_t *rd, hy_value_t list) {
    if (list.kind == HY_ABSENT) return 0;
    if (!is_list(list)) return fail(rd, HY_EINVALID, "rules must be a list");
    size_t count = hy_node_count(list.as.n);
    if (count > HY_POLICY_RULES_MAX)
        return fail(rd, HY_ETOO_LARGE, "there are more than %u rules", HY_POLICY_RULES_MAX);
    rd->rules->rules = hy_alloc_zero((count + 1) * sizeof *rd->rules->rules);
    if (!rd->rules->rules) return out_of_memory(rd);
    for (size_t i = 0; i < count; i++) {
        rd->rules->count++;
        int rc = read_rule(rd, &rd->rules->rules[i], hy_node_at(list.as.n, i), i + 1);
        if (rc < 0) return rc;
    }
    rd->label = NULL;
    return 0;
}

static int read_combining(reading_t *rd, hy_value_t v) {
    if (v.kind == HY_ABSENT) return 0;
    if (v.kind != HY_STR) return fail(rd, HY_EINVALID, "combining must be a text");
    int i = find_word(v.as.s, combining_words);
    if (i < 0) return fail_word(rd, "combining: ", v.as.s->bytes, combining_words);
    rd->rules->combining = (hy__combining_t)i;
    return 0;
}

static int read_zone(reading_t *rd, hy_value_t v) {
    if (v.kind == HY_ABSENT) return 0;
    if (v.kind == HY_STR && hy__read_zone(v.as.s->bytes, &rd->rules->zone_min) == 0) return 0;
    return fail(rd, HY_EINVALID, "zone must be like \"+01:00\" or \"UTC\"");
}

static int read_all(reading_t *rd, const hy_node_t *tree) {
    if (hy_node_kind(tree) != HY_OBJECT)
        return fail(rd, HY_EINVALID, "must be an object: { rules = { … } }");
    int rc = check_keys(rd, tree, policy_words);
    if (rc == 0) rc = read_combining(rd, hy_get(tree, "combining"));
    if (rc == 0) rc = read_zone(rd, hy_get(tree, "zone"));
    if (rc == 0) rc = read_rules(rd, hy_get(tree, "rules"));
    hy_value_t lent = {.kind = HY_OBJECT, .as.n = (hy_node_t *)tree};
    if (rc == 0 && hy_value_copy(lent, &rd->rules->written) < 0) rc = out_of_memory(rd);
    return rc;
}

int hy_policy_read(hy_policy_t *p, const hy_node_t *tree, hy_error_t *err) {
    hy__rules_t rules = {.written = hy_absent()};
    reading_t rd = {.policy = p, .rules = &rules, .err = err};
    int rc = tree ? read_all(&rd, tree) : 0;
    if (rc < 0) {
        hy__rules_free(&rules);
        return rc;
    }
    hy__rules_free(&p->rules);
    p->rules = rules;
    return 0;
}

/* --- letting go ------------------------------------------------------------------------------- */

static void part_free(hy__part_t *p) {
    switch (parts[p->what].kind) {
    case HY_PART_CONDITIONS:
        for (uint32_t i = 0; i < p->count; i++) {
            part_free(&p->of.parts[i]);
        }
        hy_free(p->of.parts);
        return;
    case HY_PART_ACTIONS:
    case HY_PART_TEXTS:
    case HY_PART_GROUPS:
        for (uint32_t i = 0; i < p->count; i++) {
            hy_str_unref(p->of.texts[i]);
        }
        hy_free(p->of.texts);
        return;
    case HY_PART_TIMES:
    case HY_PART_WEEKDAYS:
    case HY_PART_DATES:
        hy_free(p->of.stretches);
        return;
    case HY_PART_FLAG:
        return;
    }
}

void hy__rules_free(hy__rules_t *rules) {
    for (uint32_t i = 0; i < rules->count; i++) {
        hy_str_unref(rules->rules[i].label);
        part_free(&rules->rules[i].applies);
    }
    hy_free(rules->rules);
    hy_value_drop(rules->written);
    *rules = (hy__rules_t){.written = hy_absent()};
}
