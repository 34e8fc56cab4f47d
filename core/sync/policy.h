/* Policy: who may create, observe, read, write children and execute, as the configuration says it
 * (PROTOCOL.md sections 5 and 10). Of observing and reading it is asked after the pre-authorised of
 * an object and before the hyperty's handler:
 *
 *      authorised? ─► yes
 *           └► rules: allow ─► yes        deny ─► no, and which rule
 *                └► none applies ─► public? ─► yes
 *                         └► handler ─► yes, no        none there ─► no
 *
 * Children and executes are the hyperty's to handle, if no rule denies them; what denies them also
 * denies them to the authorised. Creating is allowed, if no rule denies it.
 *
 * Written down it is an object (in Lua a table):
 *
 *      { combining = "first-applicable" | "allow-overrides" | "deny-overrides",
 *        zone = "+01:00",                         of times and days; default UTC
 *        rules = { { name =, effect = "allow" | "deny", target = {…}, condition = {…} }, … } }
 *
 *      target      which requests a rule is about, all that it names: `action` ("create",
 * "observe", "read", "child", "execute"), `resource` (URL), `schema` (short name), `name`,
 * `scheme`, `method`, `collection`; each a text or a list of them, "*" at the end of a text stands
 * for any rest. Without target: every request
 *      condition   that must hold for it to apply: `source` (hyperty or user URL), `domain` (of the
 * source), `scheme`, `resource`, `group`, `time` ("08:00-18:30", the end left out, also across
 * midnight), `weekday` ("mon-fri", "sat"), `date` ("2026-12-24", "2026-12-24/2027-01-06"),
 * `verified` (boolean); several must all hold; a list holds if one of it does; `all`, `any` (lists
 * of conditions) and `none` (a condition or a list: none of them) nest. Days are those of the
 * moment: a night from Friday to Saturday is of both
 *
 * In the issue of combining, first-applicable takes the first rule that applies, allow-overrides
 * any that allows before those that deny, deny-overrides the reverse. A key that is not known, a
 * value of the wrong kind, a rule without an effect, a group that there is not: refused when it is
 * read, with the name of the rule (or its number) and what would be right.
 *
 * Groups are named lists of user and hyperty URLs ("*" at the end as above), edited at run time.
 * They are there before the rules that name them, and stay when they have no members any more. */
#ifndef HY_SYNC_POLICY_H
#define HY_SYNC_POLICY_H

#include "../base/value.h"

typedef struct hy_policy hy_policy_t;

#define HY_ACTION_MAP(X)                                                                           \
    X(CREATE, "create")                                                                            \
    X(OBSERVE, "observe")                                                                          \
    X(READ, "read")                                                                                \
    X(CHILD, "child")                                                                              \
    X(EXECUTE, "execute")
typedef enum {
#define X(name, word) HY_ACTION_##name,
    HY_ACTION_MAP(X)
#undef X
} hy_action_t;
const char *hy_action_word(hy_action_t action);

typedef enum { HY_RULING_NONE, HY_RULING_ALLOW, HY_RULING_DENY } hy_ruling_t;

/* What is asked; NULL: not known, so that no rule which depends on it applies. All lent. */
typedef struct {
    hy_action_t action;
    const hy_str_t *source;                     /* hyperty URL of who asks */
    const hy_str_t *user;                       /* its user URL; NULL: it has none */
    bool is_verified;                           /* somebody vouches for the user */
    const hy_str_t *resource, *schema, *scheme; /* object URL; short name; of the object's URL */
    const hy_str_t *name;                       /* of the object */
    const hy_str_t *method, *collection;
    int64_t wall_ms;
} hy_question_t;

/* Without rules and groups: every ruling is NONE. */
int hy_policy_new(hy_policy_t **out);
void hy_policy_free(hy_policy_t *p); /* NULL allowed */
/* Takes other rules (an object as above, borrowed; NULL: none); on failure the old ones stay.
 * HY_EINVALID with a text, HY_ETOO_LARGE (HY_POLICY_RULES_MAX, …_TERMS_MAX, …_DEPTH_MAX). */
int hy_policy_read(hy_policy_t *p, const hy_node_t *rules, hy_error_t *err);
/* `rule` (NULL: not wanted) gets the rule that decided as texts name it: rule "no guests", or
 * rule 3 if it has no name; lent until other rules are read; unchanged at NONE. */
hy_ruling_t hy_policy_judge(const hy_policy_t *p, const hy_question_t *q, const char **rule);
/* Without rules, so that nothing needs to be asked. */
bool hy_policy_is_empty(const hy_policy_t *p);
/* True if a ruling may become another one as time goes by. */
bool hy_policy_is_timed(const hy_policy_t *p);

/* Groups. Adding what is in it, and removing what is not, is harmless; the first addition makes
 * it, also one of no member (NULL). HY_EINVALID: no name, no URL of a user or hyperty; HY_EFULL
 * (HY_GROUPS_MAX, HY_GROUP_MEMBERS_MAX). */
int hy_policy_group_add(hy_policy_t *p, hy_str_t *group, hy_str_t *member, hy_error_t *err);
void hy_policy_group_remove(hy_policy_t *p, const hy_str_t *group, const hy_str_t *member);
bool hy_policy_has_group(const hy_policy_t *p, const hy_str_t *group);
/* `source` and `user` may be NULL. */
bool hy_policy_in_group(const hy_policy_t *p, const hy_str_t *group, const hy_str_t *source,
                        const hy_str_t *user);
/* {group: [members]} and the rules as they were read (or an empty object), for the prompt; the
 * caller owns them. */
int hy_policy_groups(const hy_policy_t *p, hy_value_t *out);
int hy_policy_rules(const hy_policy_t *p, hy_value_t *out);

#endif
