/* Inside sync/: what a policy is made of.
 *
 *      rule: applies ─► ALL ┬─ target: ACTION, RESOURCE, …
 *                           └─ condition: ALL ─┬─ SOURCE, TIME, …
 *                                              └─ ANY ─► …
 *
 * Each part holds, does not, or it is not known; a rule applies if the whole holds. */
#ifndef HY_SYNC_POLICY_PRIVATE_H
#define HY_SYNC_POLICY_PRIVATE_H

#include "../base/dict.h"
#include "policy.h"

/* How the value of a part is written. */
typedef enum {
    HY_PART_CONDITIONS, /* a list of conditions; `none` also takes one */
    HY_PART_ACTIONS,
    HY_PART_TEXTS,
    HY_PART_GROUPS,
    HY_PART_TIMES,
    HY_PART_WEEKDAYS,
    HY_PART_DATES,
    HY_PART_FLAG
} hy__part_kind_t;

/* name, word, how it is written, in a target, in a condition */
#define HY_PART_MAP(X)                                                                             \
    X(ACTION, "action", ACTIONS, true, false)                                                      \
    X(RESOURCE, "resource", TEXTS, true, true)                                                     \
    X(SCHEMA, "schema", TEXTS, true, false)                                                        \
    X(NAME, "name", TEXTS, true, false)                                                            \
    X(SCHEME, "scheme", TEXTS, true, true)                                                         \
    X(METHOD, "method", TEXTS, true, false)                                                        \
    X(COLLECTION, "collection", TEXTS, true, false)                                                \
    X(SOURCE, "source", TEXTS, false, true)                                                        \
    X(DOMAIN, "domain", TEXTS, false, true)                                                        \
    X(GROUP, "group", GROUPS, false, true)                                                         \
    X(TIME, "time", TIMES, false, true)                                                            \
    X(WEEKDAY, "weekday", WEEKDAYS, false, true)                                                   \
    X(DATE, "date", DATES, false, true)                                                            \
    X(VERIFIED, "verified", FLAG, false, true)                                                     \
    X(ALL, "all", CONDITIONS, false, true)                                                         \
    X(ANY, "any", CONDITIONS, false, true)                                                         \
    X(NONE, "none", CONDITIONS, false, true)

typedef enum {
#define X(name, word, kind, in_target, in_condition) HY_PART_##name,
    HY_PART_MAP(X)
#undef X
} hy__part_what_t;

/* Minutes of a day (`to` left out), weekdays from Monday, days since 1970 (`to` included). */
typedef struct {
    int32_t from, to;
} hy__stretch_t;

typedef struct hy__part hy__part_t;
struct hy__part {
    hy__part_what_t what;
    uint32_t count;
    union {
        hy__part_t *parts;
        hy_str_t **texts;
        hy__stretch_t *stretches;
        bool flag;
    } of;
};

typedef struct {
    hy_str_t *label; /* rule "…", or rule 3 */
    hy_ruling_t effect;
    hy__part_t applies; /* ALL */
} hy__rule_t;

#define HY_COMBINING_MAP(X)                                                                        \
    X(FIRST_APPLICABLE, "first-applicable")                                                        \
    X(ALLOW_OVERRIDES, "allow-overrides")                                                          \
    X(DENY_OVERRIDES, "deny-overrides")
typedef enum {
#define X(name, word) HY_COMBINING_##name,
    HY_COMBINING_MAP(X)
#undef X
} hy__combining_t;

typedef struct {
    hy__combining_t combining;
    int32_t zone_min; /* east of UTC */
    uint32_t count;
    hy__rule_t *rules;
    bool is_timed;
    hy_value_t written; /* as it was read */
} hy__rules_t;

typedef struct {
    hy_str_t *key;     /* name */
    hy_dict_t members; /* URLs */
    uint32_t stars;    /* of them with "*" at the end */
} hy__group_t;

struct hy_policy {
    hy__rules_t rules;
    hy_dict_t groups;
};

/* policy_read.c */
void hy__rules_free(hy__rules_t *rules);
/* policy_groups.c */
void hy__groups_free(hy_policy_t *p);
/* policy.c: `pattern` may end in "*". */
bool hy__policy_matches(const hy_str_t *pattern, const hy_str_t *text);

/* policy_calendar.c: HY_EINVALID if the text is not of that form, or says nothing ("08:00-08:00").
 */
int hy__read_time(const char *text, hy__stretch_t *out);
int hy__read_weekday(const char *text, hy__stretch_t *out);
int hy__read_date(const char *text, hy__stretch_t *out);
int hy__read_zone(const char *text, int32_t *minutes);

#endif
