/* The end of what is stored (PROTOCOL.md section 8): a hyperty that stops leaves its objects to
 * rest, which takes down routes and tells the registry; what it deletes or leaves for good goes
 * from the store, too. */
#include "../base/mem.h"
#include "hosted.h"
#include "takeover.h"

/* --- objects that are reported here ----------------------------------------------------------- */

void hy__hosted_rest(hy_hosted_t *h) {
    hy_manager_t *m = h->manager;
    if (!h->is_replaced) {
        hy__registration_rest(m, h->url);
        hy__domain_unroute(m, hy__hosted_resources(h), h->url, NULL);
    }
    hy__part_remove(&m->hosted, h->url);
    hy__hosted_free(h);
}

void hy__stored_forget(const hy_reporter_t *r) {
    hy_manager_t *m = r->party.syncher->manager;
    hy__ledger_remove(m, r->party.url);
    hy__party_forget(m, r->party.syncher->url, r->party.url);
}

/* A deletion that waits until the store has forgotten the object: or it could come back to life. */
typedef struct {
    hy_commit_t commit;
    hy_manager_t *manager;
    hy_msg_t *request;
    hy_str_t *url;
} deleting_t;

static void deleting_free(void *deleting) {
    deleting_t *d = deleting;
    hy_msg_unref(d->request);
    hy_str_unref(d->url);
    hy_free(d);
}

static void on_forgotten(void *deleting) {
    deleting_t *d = deleting;
    hy_hosted_t *h = hy__part_find(&d->manager->hosted, d->url);
    if (h) hy__hosted_delete(h);
    hy_bus_respond(d->manager->bus, d->request, 200, NULL, hy_absent());
    deleting_free(d);
}

static int forget(hy_reporter_t *r, deleting_t *d) {
    hy_manager_t *m = d->manager;
    if (!m->store) return HY_ECLOSED;
    size_t mark = hy_store_mark(m->store);
    int rc = hy__ledger_remove(m, d->url);
    if (rc == 0) rc = hy__party_forget(m, r->party.syncher->url, d->url);
    if (rc == 0) rc = hy__buried_keep(m, d->url);
    bool is_synced = r->ledger && r->ledger->level == HY_STORE_SYNCED;
    if (rc == 0 && is_synced) hy_store_sync(m->store);
    if (rc == 0) rc = hy__commit_wait(m, &d->commit, hy_store_ticket(m->store));
    if (rc < 0) hy_store_undo(m->store, mark);
    return rc;
}

void hy__stored_delete(hy_reporter_t *r, hy_msg_t *request) {
    hy_manager_t *m = r->party.syncher->manager;
    deleting_t *d = hy_alloc(sizeof *d);
    int rc = d ? 0 : HY_ENOMEM;
    if (d) {
        *d = (deleting_t){.manager = m, .url = hy_str_ref(r->party.url)};
        d->request = hy_msg_ref(request);
        hy__commit_init(&d->commit, on_forgotten, d);
        d->commit.dropped = deleting_free;
        rc = forget(r, d);
    }
    if (rc == 0) { /* what is still written is of no use to anybody */
        hy__ledger_free(r->ledger);
        r->ledger = NULL;
        r->is_ending = true;
        return;
    }
    hy_bus_respond(m->bus, request, hy_error_http(rc), hy_error_text(rc), hy_absent());
    if (d) deleting_free(d);
}

/* --- copies ----------------------------------------------------------------------------------- */

/* The store keeps the original of what this runtime reports; that serves for copies, too. */
static bool is_own(const hy_replica_t *r) {
    const hy_str_t *runtime = hy_get_str(r->object->metadata, "runtime");
    return runtime && hy_str_equal(runtime, r->manager->runtime);
}

void hy__copy_check_owner(hy_replica_t *r) {
    if (!is_own(r)) return;
    hy__ledger_free(r->ledger);
    r->ledger = NULL;
}

static bool has_keeper(const hy_replica_t *r, const hy_member_t *but) {
    for (hy_link_t *l = r->members.next; l != &r->members; l = l->next) {
        const hy_member_t *m = hy_link_owner(l, hy_member_t, link);
        if (m != but && m->state == HY_MEMBER_IN && m->store != HY_STORE_NONE) return true;
    }
    return false;
}

static int begin_copy(hy_replica_t *r, hy_store_level_t level) {
    if (r->ledger || is_own(r)) {
        if (r->ledger && r->ledger->level < level) r->ledger->level = level;
        return 0;
    }
    hy_ledger_t *l;
    int rc = hy__ledger_new(r->manager, r->object, level, false, &l);
    if (rc == 0) rc = hy__ledger_begin(l);
    if (rc == 0) {
        r->ledger = l;
    } else {
        hy__ledger_free(l);
    }
    return rc;
}

void hy__copy_lend(hy_manager_t *m, const hy_str_t *url) {
    hy_replica_t *r = hy__part_find(&m->replicas, url);
    if (!r) return;
    hy__ledger_free(r->ledger);
    r->ledger = NULL;
}

/* The highest level at which an observer that is awake keeps it. */
static hy_store_level_t kept_level(const hy_replica_t *r) {
    hy_store_level_t level = HY_STORE_NONE;
    for (hy_link_t *l = r ? r->members.next : NULL; r && l != &r->members; l = l->next) {
        const hy_member_t *member = hy_link_owner(l, hy_member_t, link);
        if (member->state == HY_MEMBER_IN && member->store > level) level = member->store;
    }
    return level;
}

void hy__copy_take_back(hy_manager_t *m, hy_str_t *url) {
    hy_replica_t *r = hy__part_find(&m->replicas, url);
    hy_store_level_t level = kept_level(r);
    if (!m->store || (level != HY_STORE_NONE && begin_copy(r, level) == 0)) return;
    hy__ledger_remove(m, url);
}

bool hy__copy_inherit(hy_manager_t *m, hy_str_t *url) {
    hy_replica_t *r = hy__part_find(&m->replicas, url);
    hy_store_level_t level = kept_level(r);
    if (!m->store) return true;
    if (level != HY_STORE_NONE) return begin_copy(r, level) == 0 && r->ledger;
    hy__rows_release(m, url);
    return true;
}

/* These rows are the original, of which the copy may not have heard yet (is_own). Should it come to
 * nothing, the copy takes them back. */
static bool is_original(const hy_manager_t *m, const hy_str_t *url) {
    const hy_takeover_t *t = hy__part_find(&m->takeovers, url);
    return hy__part_find(&m->hosted, url) || (t && t->reporter && t->reporter->ledger);
}

int hy__member_keep(hy_member_t *m, hy_store_level_t level, hy_error_t *err) {
    hy_replica_t *r = m->replica;
    if (level == HY_STORE_NONE || !r->manager->store) return 0;
    if (!hy_get_bool(r->object->metadata, "observerStorage", true))
        return hy_fail(err, HY_EFORBIDDEN,
                       "%s does not allow its observers to store it; leave out store",
                       r->url->bytes);
    hy_store_t *store = r->manager->store;
    size_t mark = hy_store_mark(store);
    bool was_kept = r->ledger != NULL;
    int rc = is_original(r->manager, r->url) ? 0 : begin_copy(r, level);
    if (rc == 0) rc = hy__party_keep(r->manager, m->hyperty, r->object, false, level);
    if (rc == 0) {
        m->store = level;
        return 0;
    }
    if (r->ledger) {
        hy__ledger_undo(r->ledger, mark);
    } else {
        hy_store_undo(store, mark);
    }
    if (!was_kept) {
        hy__ledger_free(r->ledger);
        r->ledger = NULL;
    }
    return hy_fail(err, rc, "%s cannot be stored: %s", r->url->bytes, hy_error_text(rc));
}

/* Whether anybody in this runtime keeps a copy that is not awake: then the rows stay. */
typedef struct {
    hy_manager_t *manager;
    hy_str_t *url;
    hy_link_t link; /* in the manager, to be dropped with it */
    hy_store_read_t *read;
} leaving_t;

static void leaving_free(leaving_t *l) {
    hy_list_remove(&l->link);
    hy_str_unref(l->url);
    hy_free(l);
}

/* By now somebody writes these rows, who came after they were to be read. */
static bool is_in_use(const hy_manager_t *m, const hy_str_t *url) {
    const hy_replica_t *r = hy__part_find(&m->replicas, url);
    return (r && r->ledger) || hy__part_find(&m->hosted, url) || hy__part_find(&m->takeovers, url);
}

static void on_parties(void *leaving, int code, const hy_rows_t *rows) {
    leaving_t *l = leaving;
    hy_row_t row;
    bool is_kept = code < 0 || is_in_use(l->manager, l->url);
    for (size_t pos = 0; !is_kept && hy_rows_next(rows, &pos, &row);) {
        is_kept = row.key_len == l->url->len && memcmp(row.key, l->url->bytes, row.key_len) == 0;
    }
    if (!is_kept) hy__ledger_remove(l->manager, l->url);
    leaving_free(l);
}

void hy__leavings_free(hy_manager_t *m) {
    while (!hy_list_is_empty(&m->leavings)) {
        leaving_t *l = hy_link_owner(m->leavings.next, leaving_t, link);
        if (m->store) hy_store_read_cancel(l->read);
        leaving_free(l);
    }
}

/* Out of memory the rows stay, without harm. */
void hy__rows_release(hy_manager_t *m, hy_str_t *url) {
    leaving_t *l = hy_alloc(sizeof *l);
    if (!l) return;
    *l = (leaving_t){.manager = m, .url = hy_str_ref(url)};
    hy_list_append(&m->leavings, &l->link);
    if (hy_store_read(m->store, 1u << HY_TABLE_PARTIES, NULL, on_parties, l, &l->read) < 0)
        leaving_free(l);
}

void hy__member_unkeep(hy_member_t *m, bool rests) {
    hy_replica_t *r = m->replica;
    hy_manager_t *manager = r->manager;
    if (m->store == HY_STORE_NONE || !manager->store) return;
    m->store = HY_STORE_NONE;
    bool is_last = !has_keeper(r, m), is_copy = r->ledger != NULL;
    if (!rests) hy__party_observe_no_more(manager, m->hyperty, r->url);
    if (!is_last) return;
    hy__ledger_free(r->ledger);
    r->ledger = NULL;
    if (is_copy && !rests) hy__rows_release(manager, r->url);
}
