/* Judging by rules (policy.h): of each part it is found out whether it holds; what is not known of
 * a request makes that unknown, and a rule applies only where it surely does. */
#include "../base/mem.h"
#include "../bus/address.h"
#include "policy_private.h"

typedef enum { NO, UNKNOWN, YES } truth_t;

/* What is asked, and the moment of it in the rules' zone. */
typedef struct {
    const hy_policy_t *policy;
    const hy_question_t *query;
    int32_t minute, weekday, day;
} asked_t;

#define MINUTE_MS     60000
#define MINUTES_A_DAY (24 * 60)

const char *hy_action_word(hy_action_t action) {
    static const char *const words[] = {
#define X(name, word) word,
        HY_ACTION_MAP(X)
#undef X
    };
    return words[action];
}

/* --- parts ------------------------------------------------------------------------------------ */

bool hy__policy_matches(const hy_str_t *pattern, const hy_str_t *text) {
    uint32_t len = pattern->len;
    if (len == 0 || pattern->bytes[len - 1] != '*') return hy_str_equal(pattern, text);
    return text->len >= len - 1 && memcmp(pattern->bytes, text->bytes, len - 1) == 0;
}

static bool is_one_of(const hy__part_t *p, const hy_str_t *text) {
    for (uint32_t i = 0; i < p->count; i++) {
        if (hy__policy_matches(p->of.texts[i], text)) return true;
    }
    return false;
}

static truth_t text_holds(const hy__part_t *p, const hy_str_t *text) {
    if (!text) return UNKNOWN;
    return is_one_of(p, text) ? YES : NO;
}

/* A part of an address. */
static truth_t span_holds(const hy__part_t *p, hy_span_t span) {
    for (uint32_t i = 0; i < p->count; i++) {
        const hy_str_t *pattern = p->of.texts[i];
        bool has_star = pattern->len > 0 && pattern->bytes[pattern->len - 1] == '*';
        size_t len = has_star ? pattern->len - 1 : pattern->len;
        if (has_star ? span.len < len : span.len != len) continue;
        if (memcmp(pattern->bytes, span.bytes, len) == 0) return YES;
    }
    return NO;
}

static truth_t action_holds(const hy__part_t *p, hy_action_t action) {
    for (uint32_t i = 0; i < p->count; i++) {
        if (hy_str_is(p->of.texts[i], hy_action_word(action))) return YES;
    }
    return NO;
}

static truth_t scheme_holds(const hy__part_t *p, const hy_question_t *q) {
    if (q->scheme || !q->resource) return text_holds(p, q->scheme);
    const char *end = strstr(q->resource->bytes, "://");
    return end ? span_holds(p, (hy_span_t){q->resource->bytes, (size_t)(end - q->resource->bytes)})
               : UNKNOWN;
}

static truth_t source_holds(const hy__part_t *p, const hy_question_t *q) {
    if (q->user && is_one_of(p, q->user)) return YES;
    return text_holds(p, q->source);
}

static truth_t group_holds(const hy__part_t *p, const asked_t *a) {
    const hy_question_t *q = a->query;
    for (uint32_t i = 0; i < p->count; i++) {
        if (hy_policy_in_group(a->policy, p->of.texts[i], q->source, q->user)) return YES;
    }
    return q->source ? NO : UNKNOWN;
}

/* `to` included or not; one that ends before it begins goes round. */
static truth_t stretch_holds(const hy__part_t *p, int32_t at, bool has_end) {
    for (uint32_t i = 0; i < p->count; i++) {
        hy__stretch_t s = p->of.stretches[i];
        bool is_after = at >= s.from, is_before = has_end ? at <= s.to : at < s.to;
        if (s.from <= s.to ? is_after && is_before : is_after || is_before) return YES;
    }
    return NO;
}

static truth_t holds(const hy__part_t *p, const asked_t *a);

/* As sure as the least of them; as the most. */
static truth_t all_hold(const hy__part_t *p, const asked_t *a) {
    truth_t least = YES;
    for (uint32_t i = 0; i < p->count && least != NO; i++) {
        truth_t one = holds(&p->of.parts[i], a);
        if (one < least) least = one;
    }
    return least;
}

static truth_t any_holds(const hy__part_t *p, const asked_t *a) {
    truth_t most = NO;
    for (uint32_t i = 0; i < p->count && most != YES; i++) {
        truth_t one = holds(&p->of.parts[i], a);
        if (one > most) most = one;
    }
    return most;
}

static truth_t holds(const hy__part_t *p, const asked_t *a) {
    const hy_question_t *q = a->query;
    switch (p->what) {
    case HY_PART_ALL:
        return all_hold(p, a);
    case HY_PART_ANY:
        return any_holds(p, a);
    case HY_PART_NONE:
        return (truth_t)(YES - any_holds(p, a));
    case HY_PART_ACTION:
        return action_holds(p, q->action);
    case HY_PART_RESOURCE:
        return text_holds(p, q->resource);
    case HY_PART_SCHEMA:
        return text_holds(p, q->schema);
    case HY_PART_NAME:
        return text_holds(p, q->name);
    case HY_PART_SCHEME:
        return scheme_holds(p, q);
    case HY_PART_METHOD:
        return text_holds(p, q->method);
    case HY_PART_COLLECTION:
        return text_holds(p, q->collection);
    case HY_PART_SOURCE:
        return source_holds(p, q);
    case HY_PART_DOMAIN:
        return q->source ? span_holds(p, hy_address_domain(q->source)) : UNKNOWN;
    case HY_PART_GROUP:
        return group_holds(p, a);
    case HY_PART_TIME:
        return stretch_holds(p, a->minute, false);
    case HY_PART_WEEKDAY:
        return stretch_holds(p, a->weekday, true);
    case HY_PART_DATE:
        return stretch_holds(p, a->day, true);
    case HY_PART_VERIFIED:
        return q->is_verified == p->of.flag ? YES : NO;
    }
    return UNKNOWN;
}

/* --- rules ------------------------------------------------------------------------------------ */

/* Rounds down, also before 1970. */
static int64_t divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

static asked_t ask(const hy_policy_t *p, const hy_question_t *q) {
    int64_t minutes = divide(q->wall_ms, MINUTE_MS) + p->rules.zone_min;
    int64_t days = divide(minutes, MINUTES_A_DAY);
    return (asked_t){.policy = p,
                     .query = q,
                     .minute = (int32_t)(minutes - days * MINUTES_A_DAY),
                     /* 1970 began on a Thursday. */
                     .weekday = (int32_t)(days + 3 - divide(days + 3, 7) * 7),
                     .day = (int32_t)days};
}

hy_ruling_t hy_policy_judge(const hy_policy_t *p, const hy_question_t *q, const char **rule) {
    static const hy_ruling_t first[] = {
        [HY_COMBINING_FIRST_APPLICABLE] = HY_RULING_NONE, /* either */
        [HY_COMBINING_ALLOW_OVERRIDES] = HY_RULING_ALLOW,
        [HY_COMBINING_DENY_OVERRIDES] = HY_RULING_DENY,
    };
    hy_ruling_t wanted = first[p->rules.combining];
    const hy__rule_t *found = NULL;
    if (p->rules.count == 0) return HY_RULING_NONE;
    asked_t a = ask(p, q);
    for (uint32_t i = 0; i < p->rules.count; i++) {
        const hy__rule_t *r = &p->rules.rules[i];
        if ((found && r->effect != wanted) || holds(&r->applies, &a) != YES) continue;
        found = r;
        if (wanted == HY_RULING_NONE || r->effect == wanted) break;
    }
    if (!found) return HY_RULING_NONE;
    if (rule) *rule = found->label->bytes;
    return found->effect;
}

bool hy_policy_is_empty(const hy_policy_t *p) {
    return p->rules.count == 0;
}

bool hy_policy_is_timed(const hy_policy_t *p) {
    return p->rules.is_timed;
}

int hy_policy_rules(const hy_policy_t *p, hy_value_t *out) {
    if (p->rules.written.kind == HY_OBJECT) return hy_value_copy(p->rules.written, out);
    hy_value_t empty = hy_node_value(hy_node_new(HY_OBJECT));
    if (empty.kind == HY_ABSENT) return HY_ENOMEM;
    *out = empty;
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

int hy_policy_new(hy_policy_t **out) {
    hy_policy_t *p = hy_alloc_zero(sizeof *p);
    if (!p) return HY_ENOMEM;
    p->rules.written = hy_absent();
    hy_dict_init(&p->groups, sizeof(hy__group_t));
    *out = p;
    return 0;
}

void hy_policy_free(hy_policy_t *p) {
    if (!p) return;
    hy__rules_free(&p->rules);
    hy__groups_free(p);
    hy_free(p);
}
