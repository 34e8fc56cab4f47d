/* What the store keeps for a hyperty: its part in objects, as rows and as a syncher knows them.
 * They are read once, when it first asks. */
#include "../base/json.h"
#include "../base/mem.h"
#include "call.h"

/* --- known ------------------------------------------------------------------------------------ */

void hy__kept_init(hy_syncher_t *s) {
    hy_dict_init(&s->kept, sizeof(hy_kept_t));
    const hy_address_kept_t *known = hy_dict_get(&s->manager->kept, s->url);
    s->life = known ? known->life : 0;
}

static void release(hy_kept_t *k) {
    hy_str_unref(k->schema);
    hy_str_unref(k->name);
    k->schema = k->name = NULL;
}

void hy__kept_deinit(hy_syncher_t *s) {
    hy_kept_t *k;
    for (uint32_t pos = 0; (k = hy_dict_next(&s->kept, &pos));) {
        release(k);
    }
    hy_dict_deinit(&s->kept);
}

static int know(hy_syncher_t *s, hy_str_t *object, bool is_reporter, hy_store_level_t level,
                hy_str_t *schema, hy_str_t *name) {
    hy_kept_t *k = hy_dict_put(&s->kept, object, NULL);
    if (!k) return HY_ENOMEM;
    release(k);
    k->is_reporter = is_reporter;
    k->level = level;
    k->schema = schema ? hy_str_ref(schema) : NULL;
    k->name = name ? hy_str_ref(name) : NULL;
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

static void write_party(const hy_object_t *o, bool is_reporter, hy_store_level_t level,
                        hy_buf_t *b) {
    hy_str_t *schema = hy_get_str(o->metadata, "schema"), *name = hy_get_str(o->metadata, "name");
    hy_buf_text(b, is_reporter ? "{\"role\":\"reporter\"" : "{\"role\":\"observer\"");
    if (schema) {
        hy_buf_text(b, ",\"schema\":");
        hy_json_write_str(b, schema->bytes, schema->len);
    }
    if (name) {
        hy_buf_text(b, ",\"name\":");
        hy_json_write_str(b, name->bytes, name->len);
    }
    hy_buf_text(b, level == HY_STORE_SYNCED ? ",\"level\":\"sync\"}" : ",\"level\":true}");
}

/* Its part as a reporter is the one that counts. */
int hy__party_keep(hy_manager_t *m, hy_str_t *hyperty, hy_object_t *o, bool is_reporter,
                   hy_store_level_t level) {
    hy_syncher_t *s = hy__manager_find_syncher(m, hyperty);
    const hy_kept_t *known = s ? hy_dict_get(&s->kept, o->url) : NULL;
    if (!m->store || (known && known->is_reporter && !is_reporter)) return 0;
    hy_buf_t b;
    hy_buf_init(&b);
    write_party(o, is_reporter, level, &b);
    int rc = b.failed ? HY_ENOMEM
                      : hy_store_put(m->store, HY_TABLE_PARTIES, hyperty, o->url, b.bytes, b.len);
    hy_buf_deinit(&b);
    if (rc == 0 && is_reporter) hy__buried_drop(m, o->url);
    if (rc == 0 && s)
        rc = know(s, o->url, is_reporter, level, hy_get_str(o->metadata, "schema"),
                  hy_get_str(o->metadata, "name"));
    return rc;
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

static int take_row(hy_syncher_t *s, const hy_row_t *row) {
    hy_value_t v;
    int rc = hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, &v, NULL);
    if (rc < 0) return rc == HY_ENOMEM ? rc : 0;
    const hy_node_t *n = v.kind == HY_OBJECT ? v.as.n : NULL;
    hy_str_t *object = hy_str_new(row->key, row->key_len);
    if (!object) rc = HY_ENOMEM;
    if (n && object && !hy_dict_get(&s->kept, object))
        rc = know(s, object, hy_str_is(hy_get_str(n, "role"), "reporter"),
                  hy__level_read(hy_get(n, "level")), hy_get_str(n, "schema"),
                  hy_get_str(n, "name"));
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
        hy__call_end(c, code, "what the store keeps cannot be read", NULL, hy_absent());
        return;
    }
    s->knows_kept = true;
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
        return hy__call_answer_now(c);
    }
    int rc = hy_store_read(s->manager->store, 1u << HY_TABLE_PARTIES, s->url, on_rows, c, &c->rows);
    if (rc < 0) hy__call_free(c);
    return rc;
}
