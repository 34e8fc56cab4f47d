/* Stored objects that were on their way between two reporters when one of them was killed
 * (handover.h). Both have written down, before the node could move the object, that it may be:
 *
 *      heir     accepted: rows of the object, and that they are offered
 *      giver    before the move is sent: to whom, and in which epoch
 *
 * Whoever of them comes back with that written down finds out where the object is, before it goes
 * on: from the node, and if that knows nothing of it (nobody holds it, or it was restarted) from
 * the other one. The heir has acknowledged nothing as long as it is written down there; so it may
 * let go of the object whenever the giver has not given it away for good. The giver may go on only
 * if the heir has let go of it. */
#include "../base/json.h"
#include "../base/mem.h"
#include "handover.h"

struct hy_settling {
    hy_link_t link; /* in the manager */
    hy_job_t job;
    hy_str_t *url, *hyperty, *peer, *sm, *epoch;
    bool is_heir;
    bool asks_node_alone; /* it is the giver who wants to know */
    uint64_t until_ms;
    hy_settled_cb done;
    void *arg;
};

static hy_clock_t *clock_of(const hy_settling_t *g) {
    return hy_bus_clock(g->job.manager->bus);
}

/* --- writing it down -------------------------------------------------------------------------- */

int hy__handing_note_offer(hy_syncher_t *s, hy_object_t *o, hy_store_level_t level,
                           const hy_node_t *offer) {
    hy_handing_t handing = {.is_heir = true, .peer = hy_get_str(offer, "source")};
    handing.epoch = hy_get_str(offer, "epoch");
    handing.sm = hy__handover_giver_sm(o);
    int rc = handing.sm ? hy__party_hand(s->manager, s->url, o, level, &handing) : HY_EINVALID;
    hy_str_unref(handing.sm);
    return rc;
}

/* --- finding out ------------------------------------------------------------------------------ */

static void settling_free(hy_settling_t *g) {
    hy__job_cancel(&g->job);
    hy_list_remove(&g->link);
    hy_str_unref(g->url);
    hy_str_unref(g->hyperty);
    hy_str_unref(g->peer);
    hy_str_unref(g->sm);
    hy_str_unref(g->epoch);
    hy_free(g);
}

static void settled(hy_settling_t *g, hy_settled_t where) {
    hy_settled_cb done = g->done;
    void *arg = g->arg;
    settling_free(g);
    done(arg, where);
}

static void not_yet(hy_settling_t *g, bool is_decided_soon) {
    if (!is_decided_soon && hy_clock_now(clock_of(g)) >= g->until_ms) {
        settled(g, HY_SETTLED_UNKNOWN);
    } else {
        hy__job_retry(&g->job);
    }
}

static void on_peer(void *settling, int http, hy_msg_t *answer) {
    hy_settling_t *g = settling;
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    hy_value_t is_there = hy_get(value, g->is_heir ? "handed" : "taken");
    if (http >= 300 || is_there.kind != HY_BOOL) {
        not_yet(g, hy__asks_again(answer, http));
    } else {
        settled(g, is_there.as.b == g->is_heir ? HY_SETTLED_HERE : HY_SETTLED_ELSEWHERE);
    }
}

static void ask_peer(hy_settling_t *g) {
    hy_manager_t *m = g->job.manager;
    if (g->asks_node_alone) {
        settled(g, HY_SETTLED_ELSEWHERE);
        return;
    }
    hy__job_ask(&g->job, HY_MSG_EXECUTE, m->sm, hy_str_ref(g->sm),
                hy__guard_body(g->is_heir ? "handed" : "delegated", g->url, g->epoch), on_peer);
}

/* An own session that was lost is told as its runtime. */
static bool is_own(const hy_settling_t *g, const hy_str_t *holder) {
    return hy_str_equal(holder, g->hyperty) || hy_str_equal(holder, g->job.manager->runtime);
}

static void on_holder(void *settling, int http, hy_msg_t *answer) {
    hy_settling_t *g = settling;
    const hy_node_t *value = hy_get_object(hy_msg_body(answer), "value");
    const hy_str_t *holder = hy_get_str(value, "holder"), *epoch = hy_get_str(value, "epoch");
    bool is_moved = epoch && hy_epoch_compare(epoch, g->epoch) >= 0;
    if (http == 410) { /* deleted: whoever resumes it is told so */
        settled(g, g->is_heir ? HY_SETTLED_ELSEWHERE : HY_SETTLED_HERE);
    } else if (http == 404) {
        ask_peer(g);
    } else if (http >= 300 || !holder) {
        not_yet(g, false);
    } else if (is_own(g, holder) && (is_moved || !g->is_heir)) {
        settled(g, HY_SETTLED_HERE);
    } else if (is_moved || !g->is_heir) {
        settled(g, HY_SETTLED_ELSEWHERE);
    } else {
        ask_peer(g); /* it may be about to be moved */
    }
}

static void run(void *settling) {
    hy_settling_t *g = settling;
    hy_manager_t *m = g->job.manager;
    hy__job_ask(&g->job, HY_MSG_EXECUTE, m->sm, hy__domain_sm(m, g->url),
                hy__guard_body("holder", g->url, NULL), on_holder);
}

static int settle(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *url, const hy_handing_t *handing,
                  bool asks_node_alone, hy_settled_cb done, void *arg) {
    hy_settling_t *g = hy_alloc_zero(sizeof *g);
    if (!g) return HY_ENOMEM;
    *g = (hy_settling_t){.url = hy_str_ref(url), .hyperty = hy_str_ref(hyperty)};
    g->peer = hy_str_ref(handing->peer);
    g->sm = hy_str_ref(handing->sm);
    g->epoch = hy_str_ref(handing->epoch);
    g->is_heir = handing->is_heir;
    g->asks_node_alone = asks_node_alone;
    g->done = done;
    g->arg = arg;
    hy__job_init(&g->job, m, g->url, run, g);
    g->until_ms = hy_clock_now(clock_of(g)) + HY_HANDING_SETTLE_MS;
    hy_list_append(&m->settlings, &g->link);
    hy__job_want(&g->job);
    return 0;
}

int hy__handing_settle(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *url,
                       const hy_handing_t *handing, hy_settled_cb done, void *arg) {
    return settle(m, hyperty, url, handing, false, done, arg);
}

/* --- letting go ------------------------------------------------------------------------------- */

int hy__handing_let_go(hy_syncher_t *s, hy_str_t *url) {
    const hy_kept_t *k = hy_dict_get(&s->kept, url);
    if (!s->manager->store || !k || !k->handing.peer || !k->handing.is_heir) return 0;
    if (hy__takeover_has(s->manager, k)) return 0; /* it was offered once more */
    int rc = hy__party_hand_back(s, url);
    if (rc == 0) hy__rows_release(s->manager, url);
    return rc;
}

/* What was offered to a hyperty that was killed, and that it may not ask for. */
typedef struct {
    hy_manager_t *manager;
    hy_str_t *hyperty, *url;
} offered_t;

static void offered_free(offered_t *o) {
    hy_str_unref(o->hyperty);
    hy_str_unref(o->url);
    hy_free(o);
}

static void on_offered(void *offered, hy_settled_t where) {
    offered_t *o = offered;
    hy_syncher_t *s = hy__manager_find_syncher(o->manager, o->hyperty);
    if (s && where == HY_SETTLED_ELSEWHERE) hy__handing_let_go(s, o->url);
    offered_free(o);
}

void hy__handing_clear(hy_syncher_t *s, const hy_kept_t *k) {
    bool is_left = k->handing.peer && k->handing.is_heir && !hy__takeover_has(s->manager, k);
    offered_t *o = is_left ? hy_alloc(sizeof *o) : NULL;
    if (!o) return;
    *o = (offered_t){.manager = s->manager};
    o->hyperty = hy_str_ref(s->url);
    o->url = hy_str_ref(k->key);
    if (hy__handing_settle(s->manager, s->url, k->key, &k->handing, on_offered, o) < 0)
        offered_free(o);
}

/* --- what the heir is asked ------------------------------------------------------------------- */

/* `delegated` about an object that is not reported here now: its rows tell. */
struct hy_query {
    hy_link_t link; /* in the manager */
    hy_manager_t *manager;
    hy_msg_t *request;
    hy_str_t *url, *epoch, *hyperty;
    bool is_moved; /* the giver knows that it was: it is resumed here, or dropped, by its hyperty */
    hy_store_read_t *read;
    hy_commit_t commit;
};

static void query_free(hy_query_t *q) {
    hy_list_remove(&q->link);
    hy__commit_cancel(&q->commit);
    hy_msg_unref(q->request);
    hy_str_unref(q->url);
    hy_str_unref(q->epoch);
    hy_str_unref(q->hyperty);
    hy_free(q);
}

static void answer(hy_query_t *q, bool is_taken) {
    hy_bus_respond(q->manager->bus, q->request, 200, NULL, hy__body1("taken", hy_bool(is_taken)));
    query_free(q);
}

static void refuse(hy_query_t *q, const char *why) {
    hy_bus_respond(q->manager->bus, q->request, 503, why, hy_absent());
    query_free(q);
}

#define NOT_YET "it was handed over, and is not resumed yet"

static void on_forgotten(void *query) {
    answer(query, false);
}

/* Nobody may resume it here, before the giver hears so. */
static void on_settled(void *query, hy_settled_t where) {
    hy_query_t *q = query;
    hy_manager_t *m = q->manager;
    if (where == HY_SETTLED_HERE) { /* it will be resumed here; the giver waits for that */
        refuse(q, NOT_YET);
        return;
    }
    if (where == HY_SETTLED_UNKNOWN || !m->store) {
        refuse(q, "it cannot be found out now");
        return;
    }
    hy_syncher_t *s = hy__manager_find_syncher(m, q->hyperty);
    const hy_kept_t *k = s ? hy_dict_get(&s->kept, q->url) : NULL;
    if (k && hy__takeover_has(m, k)) {
        refuse(q, NOT_YET);
        return;
    }
    bool is_known = s && s->knows_kept;
    int rc = is_known ? hy__handing_let_go(s, q->url) : hy__party_forget(m, q->hyperty, q->url);
    if (rc == 0 && !is_known) hy__rows_release(m, q->url);
    if (rc == 0) rc = hy__commit_wait(m, &q->commit, hy_store_ticket(m->store));
    if (rc < 0) refuse(q, hy_error_text(rc));
}

/* That row tells that the object was offered to its hyperty, or is reported by it. */
static bool tells(const hy_query_t *q, const hy_node_t *row) {
    hy_kept_t k = hy__kept_read(row);
    const hy_str_t *since = hy_get_str(row, "epoch");
    if (!k.is_reporter) return false;
    if (k.handing.peer && k.handing.is_heir) return hy_str_equal(k.handing.epoch, q->epoch);
    return since && hy_epoch_compare(since, q->epoch) >= 0;
}

static bool find_row(hy_query_t *q, const hy_rows_t *rows, hy_value_t *out) {
    hy_row_t row;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row);) {
        bool is_it = row.key_len == q->url->len && !memcmp(row.key, q->url->bytes, row.key_len);
        if (!is_it || hy_json_read(row.value, row.value_len, HY_JSON_DEPTH_MAX, out, NULL) < 0)
            continue;
        if (out->kind == HY_OBJECT && tells(q, out->as.n)) {
            q->hyperty = hy_str_new(row.owner, row.owner_len);
            return true;
        }
        hy_value_drop(*out);
    }
    return false;
}

/* It went on from here, or was deleted, before the giver asked. */
static bool was_taken(const hy_query_t *q, const hy_rows_t *rows) {
    hy_row_t row;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row);) {
        if (hy__taken_is(q->manager, &row, q->url, q->epoch)) return true;
    }
    return false;
}

static void on_parties(void *query, int code, const hy_rows_t *rows) {
    hy_query_t *q = query;
    hy_value_t row;
    q->read = NULL;
    if (code < 0) {
        refuse(q, hy_error_text(code));
        return;
    }
    if (!find_row(q, rows, &row)) {
        answer(q, was_taken(q, rows));
        return;
    }
    hy_kept_t k = hy__kept_read(row.as.n);
    bool is_offered = k.handing.peer && k.handing.is_heir;
    if (is_offered && q->is_moved) {
        refuse(q, NOT_YET);
        hy_value_drop(row);
        return;
    }
    int rc = q->hyperty ? 0 : HY_ENOMEM;
    if (rc == 0 && is_offered)
        rc = settle(q->manager, q->hyperty, q->url, &k.handing, true, on_settled, q);
    hy_value_drop(row);
    if (rc < 0) {
        refuse(q, hy_error_text(rc));
    } else if (!is_offered) {
        answer(q, true);
    }
}

void hy__handing_query(hy_manager_t *m, hy_msg_t *request, hy_str_t *url, hy_str_t *epoch,
                       bool is_moved) {
    hy_query_t *q = m->store ? hy_alloc_zero(sizeof *q) : NULL;
    if (!q) {
        if (m->store)
            hy_bus_respond(m->bus, request, 503, "out of memory", hy_absent());
        else
            hy_bus_respond(m->bus, request, 200, NULL, hy__body1("taken", hy_bool(false)));
        return;
    }
    *q = (hy_query_t){.manager = m, .request = hy_msg_ref(request)};
    q->is_moved = is_moved;
    q->url = hy_str_ref(url);
    q->epoch = hy_str_ref(epoch);
    hy__commit_init(&q->commit, on_forgotten, q);
    hy_list_append(&m->queries, &q->link);
    if (hy_store_read(m->store, 1u << HY_TABLE_PARTIES, NULL, on_parties, q, &q->read) < 0)
        refuse(q, "what is stored cannot be read");
}

/* --- life ------------------------------------------------------------------------------------- */

void hy__handings_free(hy_manager_t *m) {
    while (!hy_list_is_empty(&m->settlings)) {
        hy_settling_t *g = hy_link_owner(m->settlings.next, hy_settling_t, link);
        settled(g, HY_SETTLED_UNKNOWN);
    }
    while (!hy_list_is_empty(&m->queries)) {
        hy_query_t *q = hy_link_owner(m->queries.next, hy_query_t, link);
        if (q->read && m->store) hy_store_read_cancel(q->read);
        query_free(q);
    }
}
