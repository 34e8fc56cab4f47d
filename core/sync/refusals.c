/* Refusals: the last of them, each once for who asked what of which object and was refused by what;
 * that is how often they are in the log, too. And why: what is known of an object and somebody.
 *
 * Who makes up addresses to be refused under pushes older ones out, and is in the log with as many
 * lines a minute as HY_REFUSAL_LINES_MAX allows. */
#include "../base/buf.h"
#include "handover.h"

typedef struct {
    hy_str_t *key; /* what makes it one and the same */
    hy_action_t action;
    hy_str_t *url, *who, *user, *text;
    int64_t wall_ms; /* of the last time */
    uint64_t count;
    bool strikes;
} refusal_t;

static void let_go(refusal_t *r) {
    hy_str_unref(r->url);
    hy_str_unref(r->who);
    hy_str_unref(r->user);
    hy_str_unref(r->text);
}

/* --- the log ---------------------------------------------------------------------------------- */

static const char *what_of(hy_action_t action) {
    static const char *const words[] = {[HY_ACTION_CREATE] = "create",
                                        [HY_ACTION_OBSERVE] = "observe",
                                        [HY_ACTION_READ] = "read",
                                        [HY_ACTION_CHILD] = "write children",
                                        [HY_ACTION_EXECUTE] = "execute"};
    return words[action];
}

/* True if one more line may be written in this minute. */
static bool may_log(hy_manager_t *m) {
    hy_judging_t *j = &m->judging;
    uint64_t now_ms = hy_clock_now(hy_bus_clock(m->bus));
    if (j->lines == 0 || now_ms >= j->lines_from_ms + 60000) {
        j->lines_from_ms = now_ms;
        j->lines = 0;
    }
    if (j->lines > HY_REFUSAL_LINES_MAX) return false;
    if (++j->lines <= HY_REFUSAL_LINES_MAX) return true;
    hy_log(hy_bus_log(m->bus), HY_LOG_WARN, "policy",
           "%u refusals in a minute; further ones are not logged until it is over",
           HY_REFUSAL_LINES_MAX);
    return false;
}

static void log_refusal(hy_manager_t *m, const hy_refusal_t *f) {
    if (!may_log(m)) return;
    hy_log(hy_bus_log(m->bus), HY_LOG_INFO, "policy", "%s: %s may not %s%s: %s", f->url->bytes,
           f->who ? f->who->bytes : "somebody", what_of(f->action), f->strikes ? " any more" : "",
           f->text);
}

/* --- memory ----------------------------------------------------------------------------------- */

static hy_str_t *key_of(const hy_refusal_t *f) {
    return hy_str_format("%s %s %d %s", f->url->bytes, f->who ? f->who->bytes : "", f->action,
                         f->by);
}

static hy_str_t *copy(const hy_str_t *s) {
    return s ? hy_str_new(s->bytes, s->len) : NULL;
}

static void forget_oldest(hy_dict_t *refusals) {
    uint32_t pos = 0;
    refusal_t *r = hy_dict_next(refusals, &pos);
    let_go(r);
    hy_dict_remove(refusals, r);
}

/* Out of memory it is in the log, and nowhere else. */
void hy__refusal_note(hy_manager_t *m, const hy_refusal_t *f) {
    hy_dict_t *refusals = &m->judging.refusals;
    hy_str_t *key = key_of(f);
    refusal_t *r = key ? hy_dict_get(refusals, key) : NULL;
    if (!r) log_refusal(m, f);
    if (key && !r) {
        if (refusals->count >= HY_REFUSALS_MAX) forget_oldest(refusals);
        r = hy_dict_add(refusals, key);
        if (r) {
            r->action = f->action;
            r->url = copy(f->url);
            r->who = copy(f->who);
            r->user = copy(f->user);
        }
    }
    hy_str_unref(key);
    if (!r) return;
    hy_str_t *text = hy_str_from(f->text);
    hy_str_unref(r->text);
    r->text = text;
    r->wall_ms = hy_clock_wall(hy_bus_clock(m->bus));
    r->strikes = f->strikes;
    r->count++;
}

void hy__refusals_init(hy_judging_t *j) {
    hy_dict_init(&j->refusals, sizeof(refusal_t));
}

void hy__refusals_deinit(hy_judging_t *j) {
    refusal_t *r;
    for (uint32_t pos = 0; (r = hy_dict_next(&j->refusals, &pos));) {
        let_go(r);
    }
    hy_dict_deinit(&j->refusals);
}

/* --- why -------------------------------------------------------------------------------------- */

static hy_value_t time_of(int64_t wall_ms) {
    char text[25];
    hy_clock_iso(wall_ms, text);
    return hy_text(text);
}

/* One more object of a list; NULL when out of memory. */
static hy_node_t *append(hy_node_t *list) {
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    if (!entry || hy_node_insert(list, hy_node_count(list), hy_node_value(entry)) < 0) return NULL;
    return entry;
}

static bool is_of(const refusal_t *r, const hy_str_t *url, const hy_str_t *who) {
    bool is_who = (r->who && hy_str_equal(r->who, who)) || (r->user && hy_str_equal(r->user, who));
    return is_who && r->url && hy_str_equal(r->url, url);
}

static int put_refusals(const hy_manager_t *m, const hy_str_t *url, const hy_str_t *who,
                        hy_node_t *list) {
    const refusal_t *r;
    int rc = list ? 0 : HY_ENOMEM;
    for (uint32_t pos = 0; rc == 0 && (r = hy_dict_next(&m->judging.refusals, &pos));) {
        if (!is_of(r, url, who)) continue;
        hy_node_t *entry = append(list);
        rc = hy_put(entry, "action", hy_text(hy_action_word(r->action)));
        if (rc == 0) rc = hy_put(entry, "text", hy_text(r->text ? r->text->bytes : ""));
        if (rc == 0) rc = hy_put(entry, "at", time_of(r->wall_ms));
        if (rc == 0) rc = hy_put(entry, "count", hy_int((int64_t)r->count));
        if (rc == 0 && r->strikes) rc = hy_put(entry, "struck", hy_bool(true));
    }
    return rc;
}

static int put_guest(const hy_guest_t *g, hy_node_t *entry) {
    int rc = hy_put(entry, "observing", hy_bool(g->is_observing));
    if (rc == 0) rc = hy_put(entry, "listed", hy_bool(g->is_listed || g->is_authorised));
    if (rc == 0) rc = hy_put(entry, "evicted", hy_bool(g->is_evicted && !g->is_taken_back));
    if (rc == 0) rc = hy_put(entry, "by", hy_text(hy__let_word(g->let)));
    if (rc == 0 && g->rule) rc = hy_put(entry, "rule", hy_text(g->rule->bytes));
    if (rc == 0 && g->let_wall_ms) rc = hy_put(entry, "at", time_of(g->let_wall_ms));
    return rc;
}

/* Who that is: as it subscribed or was refused; or it lives here. A user asks for itself. */
static hy_asker_t asker_of(const hy_hosted_t *h, hy_str_t *who) {
    const hy_guest_t *g = hy__hosted_guest(h, who);
    const hy_syncher_t *s = hy__manager_find_syncher(h->manager, who);
    const refusal_t *r;
    hy_asker_t asker = {.url = who};
    if (hy__is_user_url(who)) asker.user = who;
    if (g && g->user) {
        asker = hy__guest_asker(g, NULL);
    } else if (s) {
        asker = hy__asker_own(s, h->url);
    }
    for (uint32_t pos = 0;
         !asker.user && (r = hy_dict_next(&h->manager->judging.refusals, &pos));) {
        if (r->user && r->who && hy_str_equal(r->who, who)) asker.user = r->user;
    }
    return asker;
}

static int put_ruling(hy_node_t *now, hy_action_t action, const hy_judgement_t *j) {
    static const char *const words[] = {
        [HY_RULING_NONE] = "ask", [HY_RULING_ALLOW] = "allow", [HY_RULING_DENY] = "deny"};
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    int rc = entry ? hy_put(entry, "ruling", hy_text(words[j->ruling])) : HY_ENOMEM;
    if (rc == 0 && j->ruling == HY_RULING_ALLOW)
        rc = hy_put(entry, "by", hy_text(hy__let_word(j->by)));
    if (rc == 0 && j->rule) rc = hy_put(entry, "rule", hy_text(j->rule));
    if (rc == 0) return hy_put(now, hy_action_word(action), hy_node_value(entry));
    if (entry) hy_node_unref(entry);
    return rc;
}

static int put_now(hy_hosted_t *h, hy_str_t *who, hy_node_t *now) {
    static const hy_action_t actions[] = {HY_ACTION_OBSERVE, HY_ACTION_READ, HY_ACTION_CHILD,
                                          HY_ACTION_EXECUTE};
    hy_asker_t asker = asker_of(h, who);
    int rc = now ? 0 : HY_ENOMEM;
    for (size_t i = 0; rc == 0 && i < sizeof actions / sizeof actions[0]; i++) {
        hy_judgement_t j = hy__judge_quietly(h, actions[i], &asker);
        rc = put_ruling(now, actions[i], &j);
    }
    return rc;
}

/* A node that `parent` has under that key from now on; NULL when out of memory. */
static hy_node_t *put_node(hy_node_t *parent, const char *key, hy_kind_t kind) {
    hy_node_t *n = hy_node_new(kind);
    if (!n) return NULL;
    return hy_put(parent, key, hy_node_value(n)) == 0 ? n : NULL;
}

int hy_manager_why(const hy_manager_t *m, hy_str_t *url, hy_str_t *who, hy_value_t *out) {
    hy_hosted_t *h = hy__part_find(&m->hosted, url);
    const hy_guest_t *g = h ? hy__hosted_guest(h, who) : NULL;
    hy_node_t *all = hy_node_new(HY_OBJECT);
    if (!all) return HY_ENOMEM;
    int rc = hy_put(all, "here", hy_bool(h != NULL));
    if (rc == 0) rc = put_refusals(m, url, who, put_node(all, "refusals", HY_ARRAY));
    if (rc == 0 && g) rc = put_guest(g, put_node(all, "guest", HY_OBJECT));
    if (rc == 0 && h) rc = put_now(h, who, put_node(all, "now", HY_OBJECT));
    if (rc < 0) {
        hy_node_unref(all);
        return rc;
    }
    *out = hy_node_value(all);
    return 0;
}
