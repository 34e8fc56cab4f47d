/* What the store keeps for a hyperty: its part in objects, as rows and as a syncher knows them.
 * They are read once, when it first asks. */
#include "../base/json.h"
#include "../base/mem.h"
#include "call.h"
#include "handover.h"

/* --- known ------------------------------------------------------------------------------------ */

void hy__kept_init(hy_syncher_t *s) {
    hy_dict_init(&s->kept, sizeof(hy_kept_t));
    const hy_address_kept_t *known = hy_dict_get(&s->manager->kept, s->url);
    s->life = known ? known->life : 0;
}

static void release(hy_kept_t *k) {
    hy_str_unref(k->schema);
    hy_str_unref(k->name);
    hy_str_unref(k->handing.peer);
    hy_str_unref(k->handing.sm);
    hy_str_unref(k->handing.epoch);
    k->schema = k->name = NULL;
    k->handing = (hy_handing_t){.peer = NULL};
}

void hy__kept_deinit(hy_syncher_t *s) {
    hy_kept_t *k;
    for (uint32_t pos = 0; (k = hy_dict_next(&s->kept, &pos));) {
        release(k);
    }
    hy_dict_deinit(&s->kept);
}

static hy_str_t *ref(hy_str_t *s) {
    return s ? hy_str_ref(s) : NULL;
}

/* What `what` holds is lent; it may be what is known already. */
static int know(hy_syncher_t *s, hy_str_t *object, const hy_kept_t *what) {
    hy_kept_t *k = hy_dict_put(&s->kept, object, NULL);
    if (!k) return HY_ENOMEM;
    hy_kept_t now = {.key = k->key, .is_reporter = what->is_reporter, .level = what->level};
    now.schema = ref(what->schema);
    now.name = ref(what->name);
    now.handing = what->handing;
    ref(now.handing.peer);
    ref(now.handing.sm);
    ref(now.handing.epoch);
    release(k);
    *k = now;
    return 0;
}

bool hy__kept_is(const hy_kept_t *k, const hy_schemas_t *schemas, hy_str_t *schema,
                 const hy_str_t *name) {
    if (name && !(k->name && hy_str_equal(k->name, name))) return false;
    if (!schema) return true;
    if (!k->schema) return false;
    const hy_schema_t *wanted = hy_schemas_find(schemas, schema);
    return wanted ? wanted == hy_schemas_find(schemas, k->schema) : hy_str_equal(k->schema, schema);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void write_handing(const hy_handing_t *g, hy_buf_t *b) {
    hy_buf_format(b, ",\"handing\":{\"heir\":%s", g->is_heir ? "true" : "false");
    if (g->observes) hy_buf_text(b, ",\"observes\":true");
    hy_json_write_text(b, ",\"peer\":", g->peer);
    hy_json_write_text(b, ",\"sm\":", g->sm);
    hy_json_write_text(b, ",\"epoch\":", g->epoch);
    hy_buf_text(b, "}");
}

/* `epoch`: of a reporter, when it was written. */
static void write_party(const hy_kept_t *k, const hy_str_t *epoch, hy_buf_t *b) {
    hy_buf_text(b, k->is_reporter ? "{\"role\":\"reporter\"" : "{\"role\":\"observer\"");
    hy_json_write_text(b, ",\"schema\":", k->schema);
    hy_json_write_text(b, ",\"name\":", k->name);
    if (k->is_reporter) hy_json_write_text(b, ",\"epoch\":", epoch);
    if (k->handing.peer) write_handing(&k->handing, b);
    hy_buf_text(b, k->level == HY_STORE_SYNCED ? ",\"level\":\"sync\"}" : ",\"level\":true}");
}

static int keep(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *object, const hy_kept_t *k,
                const hy_str_t *epoch) {
    hy_syncher_t *s = hy__manager_find_syncher(m, hyperty);
    hy_buf_t b;
    hy_buf_init(&b);
    write_party(k, epoch, &b);
    int rc = b.failed ? HY_ENOMEM
                      : hy_store_put(m->store, HY_TABLE_PARTIES, hyperty, object, b.bytes, b.len);
    hy_buf_deinit(&b);
    return rc == 0 && s ? know(s, object, k) : rc;
}

static hy_kept_t kept_of(const hy_object_t *o, bool is_reporter, hy_store_level_t level) {
    hy_kept_t k = {.is_reporter = is_reporter, .level = level};
    k.schema = hy_get_str(o->metadata, "schema");
    k.name = hy_get_str(o->metadata, "name");
    return k;
}

/* Its part as a reporter is the one that counts. */
int hy__party_keep(hy_manager_t *m, hy_str_t *hyperty, hy_object_t *o, bool is_reporter,
                   hy_store_level_t level) {
    hy_syncher_t *s = hy__manager_find_syncher(m, hyperty);
    const hy_kept_t *known = s ? hy_dict_get(&s->kept, o->url) : NULL;
    if (!m->store || (known && known->is_reporter && !is_reporter)) return 0;
    hy_kept_t k = kept_of(o, is_reporter, level);
    int rc = keep(m, hyperty, o->url, &k, o->epoch);
    if (rc == 0 && is_reporter) hy__buried_drop(m, o->url);
    return rc;
}

static bool keeps_copy(const hy_syncher_t *s, const hy_str_t *url) {
    const hy_party_t *p = hy__syncher_find_party(s, url, false);
    return p && ((const hy_observer_t *)p)->member->store != HY_STORE_NONE;
}

int hy__party_hand(hy_manager_t *m, hy_str_t *hyperty, hy_object_t *o, hy_store_level_t level,
                   const hy_handing_t *handing) {
    hy_syncher_t *s = hy__manager_find_syncher(m, hyperty);
    const hy_kept_t *known = s ? hy_dict_get(&s->kept, o->url) : NULL;
    if (!m->store) return 0;
    hy_kept_t k = kept_of(o, true, level);
    k.handing = *handing;
    k.handing.observes =
        (s && keeps_copy(s, o->url)) || (known && (!known->is_reporter || known->handing.observes));
    return keep(m, hyperty, o->url, &k, o->epoch);
}

static int keep_copy(hy_syncher_t *s, const hy_kept_t *known) {
    hy_kept_t k = *known;
    k.is_reporter = false;
    k.handing = (hy_handing_t){.peer = NULL};
    return keep(s->manager, s->url, k.key, &k, NULL);
}

int hy__party_hand_back(hy_syncher_t *s, hy_str_t *url) {
    hy_manager_t *m = s->manager;
    const hy_kept_t *known = hy_dict_get(&s->kept, url);
    if (!m->store || !known || !known->handing.peer || !known->handing.is_heir) return 0;
    if (!known->handing.observes && !keeps_copy(s, url)) return hy__party_forget(m, s->url, url);
    return keep_copy(s, known);
}

int hy__party_report_no_more(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *object) {
    hy_syncher_t *s = hy__manager_find_syncher(m, hyperty);
    const hy_kept_t *known = s ? hy_dict_get(&s->kept, object) : NULL;
    bool observes = known && (known->handing.observes || keeps_copy(s, object));
    return observes && m->store ? keep_copy(s, known) : hy__party_forget(m, hyperty, object);
}

int hy__party_observe_no_more(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *object) {
    hy_syncher_t *s = hy__manager_find_syncher(m, hyperty);
    const hy_kept_t *known = s ? hy_dict_get(&s->kept, object) : NULL;
    if (!known || !known->is_reporter) return hy__party_forget(m, hyperty, object);
    if (!known->handing.observes || !m->store) return 0;
    hy_kept_t k = *known;
    k.handing.observes = false;
    return keep(m, hyperty, object, &k, k.handing.epoch); /* above that of the row, as good as it */
}

int hy__party_forget(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *object) {
    hy_syncher_t *s = hy__manager_find_syncher(m, hyperty);
    hy_kept_t *k = s ? hy_dict_get(&s->kept, object) : NULL;
    if (k) {
        release(k);
        hy_dict_remove(&s->kept, k);
    }
    return m->store ? hy_store_remove(m->store, HY_TABLE_PARTIES, hyperty, object) : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

hy_kept_t hy__kept_read(const hy_node_t *row) {
    const hy_node_t *handing = hy_get_object(row, "handing");
    hy_kept_t k = {.is_reporter = hy_str_is(hy_get_str(row, "role"), "reporter")};
    k.level = hy__level_read(hy_get(row, "level"));
    k.schema = hy_get_str(row, "schema");
    k.name = hy_get_str(row, "name");
    k.handing.peer = hy_get_str(handing, "peer");
    k.handing.sm = hy_get_str(handing, "sm");
    k.handing.epoch = hy_get_str(handing, "epoch");
    k.handing.is_heir = hy_get_bool(handing, "heir", false);
    k.handing.observes = hy_get_bool(handing, "observes", false);
    if (!k.handing.sm || !k.handing.epoch) k.handing.peer = NULL;
    return k;
}

static int take_row(hy_syncher_t *s, const hy_row_t *row) {
    hy_value_t v;
    int rc = hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, &v, NULL);
    if (rc < 0) return rc == HY_ENOMEM ? rc : 0;
    const hy_node_t *n = v.kind == HY_OBJECT ? v.as.n : NULL;
    hy_str_t *object = hy_str_new(row->key, row->key_len);
    if (!object) rc = HY_ENOMEM;
    hy_kept_t k = hy__kept_read(n);
    if (n && object && !hy_dict_get(&s->kept, object)) rc = know(s, object, &k);
    hy_str_unref(object);
    hy_value_drop(v);
    return rc;
}

static void on_rows(void *call, int code, const hy_rows_t *rows) {
    hy_call_t *c = call;
    hy_syncher_t *s = c->syncher;
    hy_row_t row;
    c->rows = NULL;
    for (size_t pos = 0; code == 0 && hy_rows_next(rows, &pos, &row);) {
        code = take_row(s, &row);
    }
    if (code < 0) {
        hy_error_t err = {.text = ""};
        hy__fail_read(s->manager, NULL, code, &err);
        hy__call_end_all(c, code, err.text, NULL);
        return;
    }
    s->knows_kept = true;
    const hy_kept_t *k;
    for (uint32_t pos = 0; (k = hy_dict_next(&s->kept, &pos));) {
        hy__handing_clear(s, k);
    }
    c->next(c);
}

static void go_on(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    (void)answer;
    (void)code;
    (void)desc;
    c->next(c);
}

int hy__kept_then(hy_call_t *c, void (*next)(hy_call_t *c)) {
    hy_syncher_t *s = c->syncher;
    c->next = next;
    if (s->knows_kept || !s->manager->store || !s->manager->is_lasting) {
        c->take = go_on;
        return hy__call_take_now(c);
    }
    return hy_store_read(s->manager->store, 1u << HY_TABLE_PARTIES, s->url, on_rows, c, &c->rows);
}

hy_value_t hy__level_value(hy_store_level_t level) {
    return level == HY_STORE_SYNCED ? hy_text("sync") : hy_bool(level == HY_STORE_KEPT);
}

hy_store_level_t hy__level_read(hy_value_t v) {
    if (v.kind == HY_STR) return HY_STORE_SYNCED;
    return v.kind == HY_BOOL && v.as.b ? HY_STORE_KEPT : HY_STORE_NONE;
}
