/* Striking a hyperty off, so that not one more byte of the object reaches it (PROTOCOL.md section
 * 5, Evict).
 *
 *      expel ─► the node purges what waits for its session, and shuts the routes ─┐
 *      unsubscribe ─► its own sync manager cuts it off ───────────────────────────┴► done
 *
 * The second one is waited for only where another hyperty of the session goes on hearing the
 * object, or may (the node that answers is still being told who observes): else nothing of it gets
 * there any more. A runtime without a session is told when it subscribes again. One that has a
 * session and does not answer may let the hyperty hear more, which is told as a failure; it is
 * told again until it answers. One of this runtime is cut off by a message that is before all that
 * is written later.
 *
 * Of a stored object answers may be waiting for a commit: what of them has reached the node since
 * is purged by another expel, which is the one that counts then. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "answering.h"
#include "hosted.h"

typedef struct {
    hy_manager_t *manager;
    hy_str_t *url, *hyperty;
    uint32_t open;      /* callbacks to come */
    bool is_cut;        /* the hyperty's runtime has answered, or will not: */
    int cut;            /* how that went */
    hy_commit_t stored; /* what is written now */
    hy_domain_cb done;
    void *arg;
} evicting_t;

static evicting_t *evicting_new(hy_hosted_t *h, hy_str_t *hyperty, hy_domain_cb done, void *arg) {
    evicting_t *e = hy_alloc(sizeof *e);
    if (!e) return NULL;
    *e = (evicting_t){.manager = h->manager, .url = hy_str_ref(h->url), .open = 1, .is_cut = true};
    e->hyperty = hy_str_ref(hyperty);
    e->done = done;
    e->arg = arg;
    return e;
}

static void evicting_free(evicting_t *e) {
    if (!e) return;
    hy_str_unref(e->url);
    hy_str_unref(e->hyperty);
    hy_free(e);
}

static void evicting_tell(evicting_t *e, int code, const char *desc) {
    hy_domain_cb done = e->done;
    e->done = NULL;
    if (done) done(e->arg, code, desc, NULL);
}

static void tell_cut(evicting_t *e) {
    evicting_tell(e, e->cut,
                  e->cut < 0 ? "it is struck off, but its runtime, where others "
                               "observe, does not answer: it may hear more"
                             : "");
}

static void on_cut(void *evicting, int code, const char *desc, hy_node_t *body) {
    evicting_t *e = evicting;
    bool is_gone = code == HY_ENOT_FOUND && hy_address_same_domain(e->url, e->hyperty);
    (void)desc;
    (void)body;
    e->is_cut = true;
    e->cut = is_gone ? 0 : code;
    if (--e->open > 0) return;
    tell_cut(e);
    evicting_free(e);
}

/* The node has not been told again yet who observes. */
static bool is_unsure(const evicting_t *e) {
    const hy_hosted_t *h = hy__part_find(&e->manager->hosted, e->url);
    return h && hy__job_is_wanted(&h->job);
}

static void on_expelled(void *evicting, int code, const char *desc, hy_node_t *body) {
    evicting_t *e = evicting;
    bool is_shared = hy_get_bool(hy_get_object(body, "value"), "shared", false);
    e->open--;
    if (code < 0 || (!is_shared && !is_unsure(e)))
        evicting_tell(e, code, desc);
    else if (e->is_cut)
        tell_cut(e);
    if (e->open == 0) evicting_free(e);
}

hy_str_t *hy__hosted_admission(const hy_hosted_t *h) {
    if (!h->epoch) return NULL;
    return hy_str_format("%s/%llu", h->epoch->bytes, (unsigned long long)h->admissions);
}

/* It may come late, when the hyperty has been let in again: it ends what was admitted until now. */
static hy_value_t evict_body(const hy_hosted_t *h) {
    hy_value_t body = hy__body1("resource", hy__string_ref(h->url));
    hy_str_t *admission = body.kind == HY_OBJECT ? hy__hosted_admission(h) : NULL;
    if (admission) hy_put(body.as.n, "admission", hy_string(admission));
    return body;
}

static void say_at_once(const hy_hosted_t *h, hy_str_t *hyperty) {
    hy__manager_send(h->manager, HY_MSG_UNSUBSCRIBE, h->subscription, hyperty, evict_body(h));
}

hy_value_t hy__hosted_struck(const hy_hosted_t *h, const hy_node_t *hyperties) {
    hy_node_t *list = NULL;
    for (size_t i = 0; hyperties && i < hy_node_count(hyperties); i++) {
        hy_value_t at = hy_node_at(hyperties, i);
        if (at.kind != HY_STR || !hy__hosted_has_evicted(h, at.as.s)) continue;
        if (!list) list = hy_node_new(HY_ARRAY);
        if (list) hy_node_insert(list, hy_node_count(list), hy__string_ref(at.as.s));
        say_at_once(h, at.as.s);
    }
    return list ? hy_node_value(list) : hy_absent();
}

static void on_stored(void *evicting) {
    evicting_t *e = evicting;
    const hy_hosted_t *h = hy__part_find(&e->manager->hosted, e->url);
    bool is_out = h && hy__hosted_has_evicted(h, e->hyperty); /* not let in again meanwhile */
    int rc = is_out ? hy__domain_expel(e->manager, e->url, e->hyperty, on_expelled, e) : 0;
    if (!is_out || rc < 0) on_expelled(e, rc, "", NULL);
}

static void on_dropped(void *evicting) {
    on_expelled(evicting, HY_ECLOSED, "the runtime ends", NULL);
}

/* True if something of the object has still to leave, and that is waited for. */
static bool waits_for_commit(const hy_hosted_t *h, evicting_t *e) {
    const hy_reporter_t *r = hy__hosted_reporter(h);
    const hy_ledger_t *l = r ? r->ledger : NULL;
    if (!e || !l || l->held <= h->manager->outlet.sent) return false;
    hy__commit_init(&e->stored, on_stored, e);
    e->stored.dropped = on_dropped;
    return hy__commit_wait(h->manager, &e->stored, l->ticket) == 0;
}

/* What one of this runtime is told; made before anything is done, as nobody says it again. */
static hy_msg_t *notice_new(const hy_hosted_t *h, hy_str_t *hyperty) {
    hy_value_t body = evict_body(h);
    if (body.kind == HY_ABSENT) return NULL;
    return hy_msg_new(HY_MSG_UNSUBSCRIBE, hy_int(hy_bus_next_id(h->manager->bus)), h->subscription,
                      hyperty, body);
}

static int expel(hy_hosted_t *h, hy_str_t *hyperty, hy_domain_cb done, void *arg) {
    bool is_here = hy__manager_find_syncher(h->manager, hyperty) != NULL;
    hy_msg_t *notice = is_here ? notice_new(h, hyperty) : NULL;
    evicting_t *e = done ? evicting_new(h, hyperty, done, arg) : NULL;
    if ((done && !e) || (is_here && !notice)) {
        evicting_free(e);
        hy_msg_unref(notice);
        return HY_ENOMEM;
    }
    /* What is lasting waits for the connection; what is written meanwhile may be on its way already
     * when that is back, and so this is before it. */
    if (hy__is_away(h->manager, h->url))
        hy__domain_ask(h->manager, HY_MSG_EXECUTE, hy__domain_sm(h->manager, h->url),
                       hy__guard_body("expel", h->url, hyperty), NULL, NULL);
    bool is_told = e && !waits_for_commit(h, e);
    int rc = hy__domain_expel(h->manager, h->url, hyperty, is_told ? on_expelled : NULL, e);
    if (rc < 0) {
        if (e) hy__commit_cancel(&e->stored);
        evicting_free(e);
        hy_msg_unref(notice);
        return rc;
    }
    hy__lasting_drop(h->manager, "invite", h->url, hyperty);
    if (notice) {
        hy_bus_send(h->manager->bus, notice);
        hy_msg_unref(notice);
        return 0;
    }
    hy_value_t body = evict_body(h);
    if (!e) {
        hy__lasting_send(h->manager, "evict", h->url, hyperty, HY_MSG_UNSUBSCRIBE, h->subscription,
                         hy_str_ref(hyperty), body, NULL, NULL);
        return 0;
    }
    /* What is lasting waits until the node is known to let this session speak for the object, but
     * what is written does not, and would overtake it. */
    if (hy__job_is_wanted(&h->job)) say_at_once(h, hyperty);
    e->open++;
    e->is_cut = false;
    rc = hy__lasting_send(h->manager, "evict", h->url, hyperty, HY_MSG_UNSUBSCRIBE, h->subscription,
                          hy_str_ref(hyperty), body, on_cut, e);
    if (rc < 0) on_cut(e, rc, "", NULL);
    return 0;
}

/* It is being said, by whoever reports or reported the object here. */
static bool is_being_told(const hy_hosted_t *h, const hy_guest_t *g) {
    const hy_manager_t *m = h->manager;
    return hy__lasting_has(m, "expel", h->url, g->key) ||
           hy__lasting_has(m, "evict", h->url, g->key);
}

/* Also of one that was invited since: it observes only once it has asked again. The node may have
 * to expel one that has left, too. */
bool hy__hosted_is_untold(const hy_hosted_t *h, const hy_guest_t *g) {
    return g->is_untold || hy__lasting_has(h->manager, "evict", h->url, g->key) ||
           (g->is_evicted && is_being_told(h, g));
}

void hy__hosted_tell_evicted(hy_hosted_t *h) {
    hy_guest_t *g;
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        if (!g->is_untold) continue;
        g->is_untold = false;
        if (!is_being_told(h, g)) expel(h, g->key, NULL, NULL);
    }
}

/* It stays known as evicted, in case it is not there to hear of it: it will ask to come back. */
static int strike_off(hy_hosted_t *h, hy_guest_t *g, bool is_taken_back, hy_domain_cb done,
                      void *arg) {
    hy_str_t *hyperty = g->key;
    int rc = HY_MUTANT(EVICTED_SERVED)
                 ? hy__domain_ask(h->manager, HY_MSG_EXECUTE, hy__domain_sm(h->manager, h->url),
                                  hy__guard_body("holder", h->url, hyperty), done, arg)
                 : expel(h, hyperty, done, arg);
    if (rc < 0) return rc;
    hy_reporter_t *r = hy__hosted_reporter(h);
    hy__secret_strike(h->manager, h->url, hyperty);
    if (r) hy__answers_end(r, hyperty, "evicted");
    if (g->is_observing) h->observers--;
    g->is_authorised = g->is_observing = g->is_gone = g->is_listed = false;
    g->is_evicted = true;
    g->is_taken_back = is_taken_back;
    hy__guest_let(h, g, NULL);
    hy__hosted_save_guest(h, hyperty);
    return 0;
}

int hy__hosted_evict(hy_hosted_t *h, hy_str_t *hyperty, hy_domain_cb done, void *arg) {
    hy_guest_t *g = hy__hosted_guest(h, hyperty);
    if (!g || g->is_evicted) return HY_ENOT_FOUND;
    return strike_off(h, g, false, done, arg);
}

int hy__hosted_take_back(hy_hosted_t *h, hy_guest_t *g, hy_domain_cb done, void *arg) {
    bool is_observing = g->is_observing;
    int rc = strike_off(h, g, true, done, arg);
    if (rc == 0 && is_observing) hy__hosted_tell_left(h, g->key);
    return rc;
}
