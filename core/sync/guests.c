/* How guests were let in; and those of a stored object as rows: who may observe, does, or was
 * struck off, to be let in again, or not, after a restart. What cannot be written is written with
 * the next one, or in time with the digests. */
#include "../base/json.h"
#include "../base/mem.h"
#include "hosted.h"

void hy__guest_let(hy_hosted_t *h, hy_guest_t *g, const hy_judgement_t *j) {
    hy_str_t *rule = j && j->rule ? hy_str_from(j->rule) : NULL;
    hy_str_unref(g->rule);
    g->rule = rule;
    g->let = j ? j->by : HY_LET_NOT;
    g->let_wall_ms = j ? hy_clock_wall(hy_bus_clock(h->manager->bus)) : 0;
    if (j && hy_policy_is_timed(h->manager->judging.policy)) hy__judging_watch(h->manager);
}

static void write_flag(hy_buf_t *b, const char *key, bool flag) {
    hy_buf_format(b, ",\"%s\":%s", key, flag ? "true" : "false");
}

static int write_row(hy_ledger_t *l, const hy_guest_t *g) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_format(&b, "{\"let\":\"%s\",\"at\":%lld", hy__let_word(g->let),
                  (long long)g->let_wall_ms);
    write_flag(&b, "authorised", g->is_authorised);
    write_flag(&b, "observing", g->is_observing);
    write_flag(&b, "evicted", g->is_evicted);
    write_flag(&b, "gone", g->is_gone);
    if (g->is_listed) write_flag(&b, "listed", true);
    if (g->is_taken_back) write_flag(&b, "back", true);
    if (g->is_verified) write_flag(&b, "verified", true);
    if (g->rule) hy_json_write_text(&b, ",\"rule\":", g->rule);
    hy_json_write_text(&b, ",\"user\":", g->user);
    hy_buf_char(&b, '}');
    return hy__ledger_put(l, HY_TABLE_GUESTS, g->key, &b);
}

static hy_ledger_t *ledger_of(const hy_hosted_t *h) {
    const hy_reporter_t *r = hy__hosted_reporter(h);
    return r && r->ledger && h->manager->store ? r->ledger : NULL;
}

int hy__hosted_write_guests(hy_hosted_t *h, hy_ledger_t *l) {
    hy_store_t *store = h->manager->store;
    size_t mark = hy_store_mark(store);
    int rc = hy_store_remove_all(store, HY_TABLE_GUESTS, h->url);
    const hy_guest_t *g;
    for (uint32_t pos = 0; rc == 0 && (g = hy_dict_next(&h->guests, &pos));) {
        rc = write_row(l, g);
    }
    if (rc < 0) {
        hy__ledger_undo(l, mark);
    } else {
        l->lacks_guests = false;
    }
    return rc;
}

void hy__hosted_save_guests(hy_hosted_t *h) {
    hy_ledger_t *l = ledger_of(h);
    if (l && l->lacks_guests) hy__hosted_write_guests(h, l);
}

void hy__hosted_save_guest(hy_hosted_t *h, hy_str_t *hyperty) {
    hy_ledger_t *l = ledger_of(h);
    if (!l) return;
    const hy_guest_t *g = hy__hosted_guest(h, hyperty);
    int rc =
        g ? write_row(l, g) : hy_store_remove(h->manager->store, HY_TABLE_GUESTS, h->url, hyperty);
    if (rc == 0 && !g) hy__ledger_written(l);
    if (rc < 0) l->lacks_guests = true;
    if (rc == 0) hy__hosted_save_guests(h);
}

/* One that does not say so was let in by who reports the object, as far as is known. */
void hy__guest_read_let(hy_guest_t *g, const hy_node_t *row) {
    hy_str_t *rule = hy_get_str(row, "rule");
    hy_let_t usual = g->is_observing || g->is_gone ? HY_LET_HANDLER : HY_LET_NOT;
    g->is_listed = hy_get_bool(row, "listed", false);
    g->is_taken_back = hy_get_bool(row, "back", false);
    g->is_verified = hy_get_bool(row, "verified", false);
    g->let = hy__let_find(hy_get_str(row, "let"), usual);
    g->let_wall_ms = hy_get_int(row, "at", 0);
    if (!g->rule && rule) g->rule = hy_str_ref(rule);
}

int hy__hosted_restore_guests(hy_hosted_t *h, const hy_node_t *guests) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < hy_node_count(guests); i++) {
        const hy_node_t *row = hy_node_at(guests, i).as.n;
        hy_guest_t *g;
        rc = hy__hosted_put_guest(h, hy_get_str(row, "hyperty"), &g);
        if (rc < 0) return rc;
        g->is_authorised = hy_get_bool(row, "authorised", false);
        g->is_evicted = hy_get_bool(row, "evicted", false);
        g->is_gone = hy_get_bool(row, "gone", false);
        g->is_observing = hy_get_bool(row, "observing", false);
        g->user = hy_get_str(row, "user");
        if (g->user) hy_str_ref(g->user);
        hy__guest_read_let(g, row);
        if (g->is_observing) h->observers++;
    }
    return rc;
}
