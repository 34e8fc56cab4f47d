/* Watching the domain registry for hyperties: what matches some criteria comes and goes, and each
 * is told so, once (core/node/watches.c has the other side).
 *
 *      asked ─► subscribe ─► list ───────────► what differs from what is known is told
 *        ▲                     └► events 1, 2 … ─► told in order
 *        └── a number is missing, "lost", silence, connected again
 *
 * What is known is what the hyperty was told; so whatever happens on the way (another node, another
 * session, messages that are lost or come twice) it is told the differences and nothing else.
 * Asking again says up to which number was heard: if there was nothing else, no list comes back.
 * While it is asked, events are let go by: the list is newer.
 *
 * A list that is not complete leaves out some that are disconnected: one that was live, and is not
 * in it, is told as disconnected. */
#include "watching.h"
#include "../base/mem.h"
#include "call.h"

#include <inttypes.h>

struct hy_watching {
    uint32_t refs;
    hy_syncher_t *syncher; /* NULL once closed */
    hy_link_t link;        /* in the manager's */
    int64_t id;            /* as the registry knows it */
    hy_str_t *registry;
    hy_value_t criteria;
    hy_job_t job;    /* asking */
    hy_dict_t known; /* entry URL → what its hyperty was told */
    uint64_t n;      /* number of the last event */
    uint64_t heard_ms;
    uint64_t turn; /* counts lists */
    bool has_list;
    bool is_tried;  /* on trial */
    bool is_warned; /* it was told that it takes long */
};

typedef struct {
    hy_str_t *key;
    hy_node_t *entry;
    bool is_live;
    uint64_t turn; /* the list that had it last */
} known_t;

static const char *const words[] = {
#define X(name, word) word,
    HY_REGISTERED_MAP(X)
#undef X
};

const char *hy_registered_word(hy_registered_t kind) {
    return words[kind];
}

/* --- life ------------------------------------------------------------------------------------- */

hy_watching_t *hy_watching_ref(hy_watching_t *w) {
    w->refs++;
    return w;
}

void hy_watching_unref(hy_watching_t *w) {
    if (!w || --w->refs > 0) return;
    const known_t *k;
    for (uint32_t pos = 0; (k = hy_dict_next(&w->known, &pos));) {
        hy_node_unref(k->entry);
    }
    hy_dict_deinit(&w->known);
    hy_value_drop(w->criteria);
    hy_str_unref(w->registry);
    hy_free(w);
}

void hy_watching_close(hy_watching_t *w) {
    hy_syncher_t *s = w->syncher;
    if (!s) return;
    hy_manager_t *m = s->manager;
    hy_str_t *id = hy_str_format("%" PRId64, w->id);
    w->syncher = NULL;
    hy__job_cancel(&w->job);
    hy_list_remove(&w->link);
    if (id)
        hy__lasting_send(m, "unwatch", w->registry, id, HY_MSG_UNSUBSCRIBE, NULL,
                         hy_str_ref(w->registry), hy__body1("watch", hy_int(w->id)), NULL, NULL);
    hy_str_unref(id);
    hy_watching_unref(w);
}

/* Those of a syncher, all or of one life of its hyperty. */
static void close_some(hy_syncher_t *s, bool tried, bool others) {
    hy_link_t *list = &s->manager->watchings;
    for (hy_link_t *l = list->next; l != list;) {
        hy_watching_t *w = hy_link_owner(l, hy_watching_t, link);
        l = l->next;
        if (w->syncher == s && (w->is_tried ? tried : others)) hy_watching_close(w);
    }
}

void hy__watchings_close(hy_syncher_t *s) {
    close_some(s, true, true);
}

void hy__watchings_undo(hy_syncher_t *s) {
    close_some(s, true, false);
}

void hy__watchings_keep(hy_syncher_t *s) {
    close_some(s, false, true);
    for (hy_link_t *l = s->manager->watchings.next; l != &s->manager->watchings; l = l->next) {
        hy_watching_t *w = hy_link_owner(l, hy_watching_t, link);
        if (w->syncher == s) w->is_tried = false;
    }
}

/* --- telling ---------------------------------------------------------------------------------- */

/* What is told after a trial. */
typedef struct {
    hy_watching_t *watching;
    hy_registered_t kind;
    hy_node_t *entry;
    bool is_first;
} later_t;

static void tell_later(void *later) {
    later_t *told = later;
    hy_syncher_t *s = told->watching->syncher;
    if (s) s->events->registered(s->arg, told->watching, told->kind, told->entry, told->is_first);
    hy_watching_unref(told->watching);
    hy_node_unref(told->entry);
    hy_free(told);
}

/* False: it could not be, for want of memory. May end the watching. */
static bool tell(hy_watching_t *w, hy_registered_t kind, hy_node_t *entry, bool is_first) {
    hy_syncher_t *s = w->syncher;
    if (!hy__trial_delays(s)) {
        s->events->registered(s->arg, w, kind, entry, is_first);
        return true;
    }
    later_t *told = hy_alloc(sizeof *told);
    if (!told) return false;
    *told = (later_t){hy_watching_ref(w), kind, hy_node_ref(entry), is_first};
    if (hy__telling_defer(s, tell_later, told)) return true;
    hy_watching_unref(w);
    hy_node_unref(entry);
    hy_free(told);
    return false;
}

static void forget(hy_watching_t *w, known_t *k) {
    hy_node_unref(k->entry);
    hy_dict_remove(&w->known, k);
}

/* It is not there any more. */
static bool take_gone(hy_watching_t *w, known_t *k, hy_node_t *entry) {
    if (!k) return true;
    hy_str_t *url = hy_str_ref(k->key);
    bool is_told = tell(w, HY_REGISTERED_DELETED, entry ? entry : k->entry, false);
    if (is_told && (k = hy_dict_get(&w->known, url))) forget(w, k);
    hy_str_unref(url);
    return is_told;
}

/* It is there, live or not. */
static bool take_there(hy_watching_t *w, hy_str_t *url, hy_node_t *entry, bool is_live,
                       bool is_first) {
    bool is_made;
    if (w->known.count >= HY_WATCHED_MAX && !hy_dict_get(&w->known, url)) return true;
    known_t *k = hy_dict_put(&w->known, url, &is_made);
    if (!k) return false;
    bool is_news = is_made || k->is_live != is_live;
    if (k->entry) hy_node_unref(k->entry);
    k->entry = hy_node_ref(entry);
    k->is_live = is_live;
    k->turn = w->turn;
    if (!is_news) return true;
    if (tell(w, is_live ? HY_REGISTERED_LIVE : HY_REGISTERED_DISCONNECTED, entry, is_first))
        return true;
    k->is_live = !is_live; /* so that it is news the next time */
    if (is_made) forget(w, k);
    return false;
}

static bool take(hy_watching_t *w, hy_node_t *entry, bool is_first) {
    hy_str_t *url = hy_get_str(entry, "url");
    if (!url) return true;
    bool is_live = !hy_str_is(hy_get_str(entry, "status"), "disconnected");
    return take_there(w, url, entry, is_live, is_first);
}

/* What is known and not in the list. */
static bool take_missing(hy_watching_t *w, bool is_complete) {
    known_t *k;
    bool is_whole = true;
    for (uint32_t pos = 0; w->syncher && (k = hy_dict_next(&w->known, &pos));) {
        if (k->turn == w->turn) continue;
        if (is_complete) {
            is_whole = take_gone(w, k, NULL) && is_whole;
        } else if (k->is_live) {
            k->is_live = !tell(w, HY_REGISTERED_DISCONNECTED, k->entry, false);
            is_whole = is_whole && !k->is_live;
        }
    }
    return is_whole;
}

/* False: it was not taken in whole. */
static bool level(hy_watching_t *w, hy_node_t *list, bool is_complete) {
    bool is_first = !w->has_list, is_whole = true;
    w->has_list = true;
    w->turn++;
    for (size_t i = 0; w->syncher && i < hy_node_count(list); i++) {
        hy_value_t entry = hy_node_at(list, i);
        if (entry.kind == HY_OBJECT) is_whole = take(w, entry.as.n, is_first) && is_whole;
    }
    return take_missing(w, is_complete) && is_whole;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void heard(hy_watching_t *w) {
    hy_manager_t *m = w->syncher->manager;
    w->heard_ms = hy_clock_now(hy_bus_clock(m->bus));
    hy__pulse_start(m);
}

/* The registry says no: it may do so because it does not know what is asked. */
static void refused(hy_watching_t *w, int http, hy_msg_t *answer) {
    const hy_log_t *log = hy_bus_log(w->syncher->manager->bus);
    bool is_passing = hy__is_passing(http);
    if (!is_passing || (!w->is_warned && http != 408))
        hy_log(log, is_passing ? HY_LOG_WARN : HY_LOG_ERROR, "sync",
               "%s is not told what is registered at %s: %s%s", w->syncher->url->bytes,
               w->registry->bytes, hy_msg_desc(answer), is_passing ? "; it is tried again" : "");
    w->is_warned = true;
    if (is_passing) {
        hy__job_retry(&w->job);
    } else {
        hy__job_end(&w->job);
    }
}

static void on_answer(void *watching, int http, hy_msg_t *answer) {
    hy_watching_t *w = watching;
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    hy_node_t *list = hy_get_array(value, "entries");
    int64_t n = hy_get_int(value, "n", 0);
    if (http >= 300 || n <= 0 || (!list && !w->has_list)) {
        refused(w, http < 300 ? 400 : http, answer);
        return;
    }
    hy_watching_ref(w);
    hy_msg_ref(answer);
    w->n = (uint64_t)n;
    w->is_warned = false;
    heard(w);
    bool is_whole = !list || level(w, list, hy_get_bool(value, "complete", true));
    if (w->syncher && is_whole) hy__job_end(&w->job);
    if (w->syncher && !is_whole) {
        w->n = 0;
        hy__job_retry(&w->job);
    }
    hy_msg_unref(answer);
    hy_watching_unref(w);
}

static void ask(void *watching) {
    hy_watching_t *w = watching;
    hy_syncher_t *s = w->syncher;
    hy_value_t criteria = hy_absent();
    hy_value_copy(w->criteria, &criteria);
    hy_value_t body = hy__body1("criteria", criteria);
    int rc = body.kind == HY_OBJECT ? hy_put(body.as.n, "watch", hy_int(w->id)) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(body.as.n, "source", hy__string_ref(s->url));
    if (rc == 0 && w->has_list && w->n) rc = hy_put(body.as.n, "n", hy_int((int64_t)w->n));
    if (rc < 0) {
        hy_value_drop(body);
        body = hy_absent();
    }
    hy__job_ask(&w->job, HY_MSG_SUBSCRIBE, s->manager->sm, hy_str_ref(w->registry), body,
                on_answer);
}

void hy__watchings_renew(hy_manager_t *m, const char *domain) {
    for (hy_link_t *l = m->watchings.next; l != &m->watchings; l = l->next) {
        hy_watching_t *w = hy_link_owner(l, hy_watching_t, link);
        if (hy__is_in(w->registry, domain)) hy__job_want(&w->job);
    }
}

uint64_t hy__watchings_pulse(hy_manager_t *m) {
    uint64_t now_ms = hy_clock_now(hy_bus_clock(m->bus)), next_ms = UINT64_MAX;
    for (hy_link_t *l = m->watchings.next; l != &m->watchings; l = l->next) {
        hy_watching_t *w = hy_link_owner(l, hy_watching_t, link);
        if (!w->has_list) continue;
        uint64_t due_ms = w->heard_ms + HY_SILENCE_MS;
        if (due_ms <= now_ms) {
            if (!hy__job_is_wanted(&w->job)) hy__job_want(&w->job);
            due_ms = now_ms + HY_SILENCE_MS;
        }
        if (due_ms < next_ms) next_ms = due_ms;
    }
    return next_ms;
}

/* --- events ----------------------------------------------------------------------------------- */

static hy_watching_t *find(const hy_manager_t *m, int64_t id) {
    for (hy_link_t *l = m->watchings.next; l != &m->watchings; l = l->next) {
        hy_watching_t *w = hy_link_owner(l, hy_watching_t, link);
        if (w->id == id) return w;
    }
    return NULL;
}

static bool take_event(hy_watching_t *w, const hy_str_t *kind, hy_node_t *entry) {
    hy_str_t *url = hy_get_str(entry, "url");
    if (!url) return true;
    if (hy_str_is(kind, "deleted")) return take_gone(w, hy_dict_get(&w->known, url), entry);
    return take_there(w, url, entry, hy_str_is(kind, "live"), false);
}

void hy__watchings_event(hy_manager_t *m, hy_msg_t *message) {
    const hy_node_t *value = hy_get_object(hy_msg_body(message), "value");
    hy_watching_t *w = find(m, hy_get_int(value, "watch", 0));
    if (!w || !hy_str_equal(message->from, w->registry) || hy__job_is_wanted(&w->job)) return;
    int64_t n = hy_get_int(value, "n", 0);
    const hy_str_t *kind = hy_get_str(value, "kind");
    if (!kind || (n > 0 && (uint64_t)n <= w->n)) return; /* it comes twice */
    if (n <= 0 || (uint64_t)n != w->n + 1) {
        hy__job_want(&w->job);
        return;
    }
    hy_watching_ref(w);
    w->n = (uint64_t)n;
    heard(w);
    if (!take_event(w, kind, hy_get_object(value, "entry")) && w->syncher) {
        w->n = 0;
        hy__job_want(&w->job);
    }
    hy_watching_unref(w);
}

/* --- beginning -------------------------------------------------------------------------------- */

int hy_syncher_watch(hy_syncher_t *s, hy_value_t criteria, hy_watching_t **out, hy_error_t *err) {
    hy_manager_t *m = s->manager;
    int rc = hy__criteria_check(m, criteria.as.n, err);
    hy_watching_t *w = rc == 0 ? hy_alloc_zero(sizeof *w) : NULL;
    hy_str_t *registry = w ? hy__criteria_registry(m, criteria.as.n) : NULL;
    if (!registry) {
        hy_value_drop(criteria);
        hy_free(w);
        return rc < 0 ? rc : HY_ENOMEM;
    }
    *w = (hy_watching_t){.refs = 1,
                         .syncher = s,
                         .id = (int64_t)++m->watchings_made,
                         .registry = registry,
                         .criteria = criteria,
                         .is_tried = hy_syncher_is_on_trial(s)};
    hy_dict_init(&w->known, sizeof(known_t));
    hy_link_init(&w->link);
    hy_list_append(&m->watchings, &w->link);
    hy__job_init(&w->job, m, w->registry, ask, w);
    *out = w;
    hy__job_want(&w->job);
    return 0;
}
