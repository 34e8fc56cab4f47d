/* Judging what is asked of objects reported here, and judging guests again (judging.h). */
#include "judging.h"

#include "../base/mem.h"
#include "handover.h"

#include <stdio.h>

#define MINUTE_MS 60000u

const char *hy__let_word(hy_let_t let) {
    static const char *const words[] = {
#define X(name, word) word,
        HY_LET_MAP(X)
#undef X
    };
    return words[let];
}

hy_let_t hy__let_find(const hy_str_t *word, hy_let_t otherwise) {
#define X(name, text)                                                                              \
    if (hy_str_is(word, text)) return HY_LET_##name;
    HY_LET_MAP(X)
#undef X
    return otherwise;
}

/* --- rules ------------------------------------------------------------------------------------ */

static hy_question_t question_of(const hy_manager_t *m, hy_action_t action, const hy_asker_t *who) {
    return (hy_question_t){.action = action,
                           .source = who->url,
                           .user = who->user,
                           .is_verified = who->is_verified,
                           .wall_ms = hy_clock_wall(hy_bus_clock(m->bus))};
}

static hy_question_t question_about(const hy_hosted_t *h, hy_action_t action,
                                    const hy_asker_t *who) {
    const hy_reporter_t *r = hy__hosted_reporter(h);
    hy_question_t q = question_of(h->manager, action, who);
    q.resource = h->url;
    q.schema = h->schema->name;
    q.name = r ? hy_get_str(r->party.object->metadata, "name") : NULL;
    return q;
}

/* Noted and told. */
static void refuse(hy_manager_t *m, const hy_question_t *q, const hy_str_t *about, const char *rule,
                   hy_error_t *err) {
    hy_error_t text;
    hy_fail(&text, HY_EFORBIDDEN, "refused by policy %s", rule);
    hy__refusal_note(m, &(hy_refusal_t){.action = q->action,
                                        .url = about,
                                        .who = q->source,
                                        .user = q->user,
                                        .by = rule,
                                        .text = text.text});
    if (err) *err = text;
}

static bool denies(hy_manager_t *m, const hy_question_t *q, const hy_str_t *about,
                   hy_error_t *err) {
    const char *rule = NULL;
    if (hy_policy_judge(m->judging.policy, q, &rule) != HY_RULING_DENY) return false;
    refuse(m, q, about, rule, err);
    return true;
}

/* Rules say nothing of the hyperty that reports the object: it may observe that, too. */
static bool has_rules_for(const hy_hosted_t *h, const hy_asker_t *who) {
    return !hy_policy_is_empty(h->manager->judging.policy) && !hy_str_equal(who->url, h->reporter);
}

bool hy__judge_denies_call(hy_hosted_t *h, const hy_asker_t *who, const hy_str_t *method,
                           hy_error_t *err) {
    if (!has_rules_for(h, who)) return false;
    hy_question_t q = question_about(h, HY_ACTION_EXECUTE, who);
    q.method = method;
    return denies(h->manager, &q, h->url, err);
}

bool hy__judge_denies_child(hy_hosted_t *h, const hy_asker_t *who, const hy_str_t *collection,
                            hy_error_t *err) {
    if (!has_rules_for(h, who)) return false;
    hy_question_t q = question_about(h, HY_ACTION_CHILD, who);
    q.collection = collection;
    return denies(h->manager, &q, h->url, err);
}

bool hy__judge_denies_hyperty(hy_manager_t *m, const hy_str_t *hyperty, const hy_asker_t *who,
                              const hy_str_t *method, hy_error_t *err) {
    hy_question_t q = question_of(m, HY_ACTION_EXECUTE, who);
    q.resource = hyperty;
    q.method = method;
    return denies(m, &q, hyperty, err);
}

bool hy__judge_denies_create(hy_manager_t *m, const hy_asker_t *who, const hy_schema_t *schema,
                             const hy_node_t *body, hy_error_t *err) {
    hy_question_t q = question_of(m, HY_ACTION_CREATE, who);
    q.resource = hy_get_str(body, "resource");
    q.schema = schema->name;
    q.scheme = schema->scheme;
    q.name = hy_get_str(hy_get_object(body, "value"), "name");
    return denies(m, &q, q.resource ? q.resource : schema->url, err);
}

/* --- observing and reading -------------------------------------------------------------------- */

static bool is_listed(const hy_hosted_t *h, const hy_str_t *url) {
    const hy_guest_t *g = url ? hy__hosted_guest(h, url) : NULL;
    return g && g->is_listed;
}

/* What its hyperty does itself can be denied, and else is done by it. */
static hy_judgement_t judge_deed(const hy_hosted_t *h, hy_action_t action, const hy_asker_t *who) {
    hy_judgement_t j = {.ruling = HY_RULING_NONE};
    if (!has_rules_for(h, who)) return j;
    hy_question_t q = question_about(h, action, who);
    hy_ruling_t ruling = hy_policy_judge(h->manager->judging.policy, &q, &j.rule);
    if (ruling == HY_RULING_DENY) j.ruling = ruling;
    return j;
}

hy_judgement_t hy__judge_quietly(const hy_hosted_t *h, hy_action_t action, const hy_asker_t *who) {
    if (action != HY_ACTION_OBSERVE && action != HY_ACTION_READ) return judge_deed(h, action, who);
    const hy_guest_t *g = hy__hosted_guest(h, who->url);
    hy_judgement_t j = {.ruling = HY_RULING_ALLOW};
    /* Its reporter itself has struck it off: it is asked about, whatever lets others in. */
    bool is_struck = g && g->is_evicted && !g->is_taken_back;
    if (g && g->is_authorised) {
        j.by = HY_LET_INVITED;
        return j;
    }
    if ((g && g->is_listed) || (!is_struck && is_listed(h, who->user))) {
        j.by = HY_LET_LIST;
        return j;
    }
    j.ruling = HY_RULING_NONE;
    if (has_rules_for(h, who)) {
        hy_question_t q = question_about(h, action, who);
        j.ruling = hy_policy_judge(h->manager->judging.policy, &q, &j.rule);
    }
    if (j.ruling == HY_RULING_DENY) return j;
    if (j.ruling == HY_RULING_ALLOW && !is_struck) {
        j.by = HY_LET_RULE;
        return j;
    }
    j = (hy_judgement_t){.ruling = HY_RULING_NONE};
    if (h->is_public && !is_struck)
        j = (hy_judgement_t){.ruling = HY_RULING_ALLOW, .by = HY_LET_PUBLIC};
    return j;
}

hy_judgement_t hy__judge(hy_hosted_t *h, hy_action_t action, const hy_asker_t *who,
                         hy_error_t *err) {
    hy_judgement_t j = hy__judge_quietly(h, action, who);
    hy_question_t q = {.action = action, .source = who->url, .user = who->user, .resource = h->url};
    if (j.ruling == HY_RULING_DENY) refuse(h->manager, &q, h->url, j.rule, err);
    return j;
}

/* --- taking back ------------------------------------------------------------------------------ */

/* Those of one change who are being cut off. */
typedef struct {
    uint32_t open;
    int code;
    hy_str_t *text;
    hy_domain_cb done;
    void *arg;
} taking_t;

static void release(taking_t *t) {
    if (--t->open > 0) return;
    if (t->done) t->done(t->arg, t->code, t->text ? t->text->bytes : "", NULL);
    hy_str_unref(t->text);
    hy_free(t);
}

static void on_cut(void *taking, int code, const char *desc, hy_node_t *body) {
    taking_t *t = taking;
    (void)body;
    if (code < 0 && t->code == 0) {
        t->code = code;
        t->text = hy_str_from(desc);
    }
    release(t);
}

static bool is_judged(const hy_guest_t *g) {
    bool is_theirs = g->let == HY_LET_NOT || g->let == HY_LET_HANDLER || g->let == HY_LET_BEFORE;
    return (g->is_observing || g->is_gone) && !is_theirs;
}

static void note_struck(hy_hosted_t *h, const hy_guest_t *g, const hy_judgement_t *j) {
    hy_error_t text;
    if (j->rule) {
        hy_fail(&text, HY_EFORBIDDEN, "refused by policy %s", j->rule);
    } else {
        hy_fail(&text, HY_EFORBIDDEN, "what let it in (%s) does not any more",
                g->rule ? g->rule->bytes : hy__let_word(g->let));
    }
    hy__refusal_note(h->manager, &(hy_refusal_t){.action = HY_ACTION_OBSERVE,
                                                 .url = h->url,
                                                 .who = g->key,
                                                 .user = g->user,
                                                 .by = j->rule ? j->rule : "taken back",
                                                 .text = text.text,
                                                 .strikes = true});
}

/* Those who are away hear of it in time: nobody waits for that. */
static void strike(hy_hosted_t *h, hy_guest_t *g, const hy_judgement_t *j, taking_t *t) {
    bool waits = t && !hy__is_away(h->manager, h->url);
    if (waits) t->open++;
    note_struck(h, g, j);
    int rc = hy__hosted_take_back(h, g, waits ? on_cut : NULL, waits ? t : NULL);
    if (rc == 0) return;
    if (waits) t->open--;
    hy_log(hy_bus_log(h->manager->bus), HY_LOG_ERROR, "sync",
           "%s: %s is still to be struck off: %s; that is tried again", h->url->bytes,
           g->key->bytes, hy_error_text(rc));
    h->is_unjudged = true;
}

/* By something else than before, which may be taken back in its turn. */
static void let_otherwise(hy_hosted_t *h, hy_guest_t *g, const hy_judgement_t *j) {
    bool is_same = g->let == j->by && (j->rule ? g->rule && hy_str_is(g->rule, j->rule) : !g->rule);
    if (is_same) return;
    hy__guest_let(h, g, j);
    hy__hosted_save_guest(h, g->key);
}

static taking_t *taking_new(hy_domain_cb done, void *arg) {
    taking_t *t = hy_alloc(sizeof *t);
    if (t) *t = (taking_t){.open = 1, .done = done, .arg = arg};
    return t;
}

static void judge_guest(hy_hosted_t *h, hy_guest_t *g, taking_t *t) {
    hy_asker_t who = hy__guest_asker(g, NULL);
    hy_judgement_t j = hy__judge_quietly(h, HY_ACTION_OBSERVE, &who);
    if (j.ruling == HY_RULING_ALLOW) {
        let_otherwise(h, g, &j);
    } else {
        strike(h, g, &j, t);
    }
}

int hy__hosted_judge(hy_hosted_t *h, hy_domain_cb done, void *arg, bool *waits) {
    hy_guest_t *g;
    taking_t *t = taking_new(done, arg);
    if (done && !t) return HY_ENOMEM;
    h->is_unjudged = h->delegation != NULL;
    bool is_ours = !h->delegation && !h->is_replaced;
    for (uint32_t pos = 0; is_ours && (g = hy_dict_next(&h->guests, &pos));) {
        if (is_judged(g)) judge_guest(h, g, t);
    }
    if (h->is_unjudged && !h->delegation) hy__judging_watch(h->manager);
    bool is_open = t && t->open > 1; /* else all of it is done */
    if (waits) *waits = is_open;
    if (t && !is_open) t->done = NULL;
    if (t) release(t);
    return 0;
}

void hy__hosted_inherit(hy_hosted_t *h) {
    hy_guest_t *g;
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        if (!is_judged(g)) continue;
        hy_asker_t who = hy__guest_asker(g, NULL);
        hy_judgement_t j = hy__judge_quietly(h, HY_ACTION_OBSERVE, &who);
        if (j.ruling == HY_RULING_NONE) j.by = HY_LET_BEFORE;
        if (j.ruling == HY_RULING_DENY) {
            strike(h, g, &j, NULL);
        } else {
            let_otherwise(h, g, &j);
        }
    }
}

static void judge_all(hy_manager_t *m) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->hosted, &pos));) {
        hy__hosted_judge(e->part, NULL, NULL, NULL);
    }
}

/* --- time ------------------------------------------------------------------------------------- */

static bool needs_watch(const hy_hosted_t *h, bool is_timed) {
    const hy_guest_t *g;
    if (h->is_unjudged && !h->delegation) return true;
    for (uint32_t pos = 0; is_timed && (g = hy_dict_next(&h->guests, &pos));) {
        if (is_judged(g)) return true;
    }
    return false;
}

static void on_minute(void *manager) {
    hy_manager_t *m = manager;
    const hy_part_entry_t *e;
    bool is_timed = hy_policy_is_timed(m->judging.policy), is_watched = false;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->hosted, &pos));) {
        hy_hosted_t *h = e->part;
        if (is_timed || h->is_unjudged) hy__hosted_judge(h, NULL, NULL, NULL);
        is_watched = is_watched || needs_watch(h, is_timed);
    }
    if (is_watched) hy__judging_watch(m);
}

/* The wall clock may be put otherwise: it is looked at each time. */
void hy__judging_watch(hy_manager_t *m) {
    hy_clock_t *clock = hy_bus_clock(m->bus);
    if (hy_timer_is_started(&m->judging.minute)) return;
    int64_t into_ms = hy_clock_wall(clock) % MINUTE_MS;
    if (into_ms < 0) into_ms += MINUTE_MS;
    if (hy_timer_start(clock, &m->judging.minute, MINUTE_MS - (uint64_t)into_ms) < 0)
        hy_log(hy_bus_log(m->bus), HY_LOG_ERROR, "sync",
               "policy: out of memory: rules that know of time are not looked at again");
}

/* --- what is configured ----------------------------------------------------------------------- */

static void changed(hy_manager_t *m) {
    judge_all(m);
    if (hy_policy_is_timed(m->judging.policy)) hy__judging_watch(m);
}

int hy_manager_set_policy(hy_manager_t *m, const hy_node_t *rules, hy_error_t *err) {
    int rc = hy_policy_read(m->judging.policy, rules, err);
    if (rc == 0) changed(m);
    return rc;
}

int hy_manager_policy(const hy_manager_t *m, hy_value_t *out) {
    return hy_policy_rules(m->judging.policy, out);
}

int hy_manager_groups(const hy_manager_t *m, hy_value_t *out) {
    return hy_policy_groups(m->judging.policy, out);
}

static int check_members(const hy_str_t *name, const hy_node_t *list, hy_error_t *err) {
    for (size_t i = 0; list && i < hy_node_count(list); i++) {
        if (hy_node_kind(list) == HY_ARRAY && hy_node_at(list, i).kind == HY_STR) continue;
        return hy_fail(err, HY_EINVALID, "groups: %s must be a list of URLs", name->bytes);
    }
    return 0;
}

int hy_manager_group(hy_manager_t *m, hy_str_t *name, const hy_node_t *add, const hy_node_t *remove,
                     hy_error_t *err) {
    hy_policy_t *p = m->judging.policy;
    int rc = check_members(name, add, err);
    if (rc == 0) rc = check_members(name, remove, err);
    if (rc == 0) rc = hy_policy_group_add(p, name, NULL, err);
    for (size_t i = 0; rc == 0 && add && i < hy_node_count(add); i++) {
        rc = hy_policy_group_add(p, name, hy_node_at(add, i).as.s, err);
    }
    for (size_t i = 0; rc == 0 && remove && i < hy_node_count(remove); i++) {
        hy_policy_group_remove(p, name, hy_node_at(remove, i).as.s);
    }
    judge_all(m);
    return rc;
}

int hy_manager_add_groups(hy_manager_t *m, const hy_node_t *groups, hy_error_t *err) {
    hy_str_t *name;
    hy_value_t members;
    if (hy_node_kind(groups) != HY_OBJECT)
        return hy_fail(err, HY_EINVALID, "groups must be an object: { name = { URLs } }");
    for (uint32_t pos = 0; hy_node_next(groups, &pos, &name, &members);) {
        if (!hy_is_node(members))
            return hy_fail(err, HY_EINVALID, "groups: %s must be a list of URLs", name->bytes);
        int rc = hy_manager_group(m, name, members.as.n, NULL, err);
        if (rc < 0) return rc;
    }
    return 0;
}

int hy__judging_init(hy_manager_t *m) {
    hy_timer_init(&m->judging.minute, on_minute, m);
    hy__refusals_init(&m->judging);
    return hy_policy_new(&m->judging.policy);
}

void hy__judging_deinit(hy_manager_t *m) {
    hy_timer_stop(hy_bus_clock(m->bus), &m->judging.minute);
    hy_policy_free(m->judging.policy);
    hy__refusals_deinit(&m->judging);
}
