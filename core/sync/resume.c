/* What a hyperty takes part in, and what the store keeps for it (PROTOCOL.md section 8). */
#include "../base/mem.h"
#include "call.h"

hy_value_t hy__level_value(hy_store_level_t level) {
    return level == HY_STORE_SYNCED ? hy_text("sync") : hy_bool(level == HY_STORE_KEPT);
}

hy_store_level_t hy__level_read(hy_value_t v) {
    if (v.kind == HY_STR) return HY_STORE_SYNCED;
    return v.kind == HY_BOOL && v.as.b ? HY_STORE_KEPT : HY_STORE_NONE;
}

hy_store_level_t hy_party_store(const hy_party_t *p) {
    (void)p;
    return HY_STORE_NONE;
}

int hy_party_saved(hy_party_t *p, hy_value_cb done, void *arg, hy_error_t *err) {
    (void)done;
    (void)arg;
    if (!p->is_open) return hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
    return hy_fail(err, HY_EINVALID, "%s is not stored; create it with store = true",
                   p->url->bytes);
}

static bool matches(const hy_party_t *p, const hy_schema_t *schema, const hy_str_t *name) {
    const hy_str_t *own = hy_get_str(p->object->metadata, "name");
    if (schema && p->object->schema != schema) return false;
    return !name || (own && hy_str_equal(own, name));
}

static void take_resumed(hy_call_t *c, hy_msg_t *answer, int code, const char *desc) {
    hy_syncher_t *s = c->syncher;
    hy_party_t **parties;
    uint32_t count = 0;
    (void)answer;
    (void)desc;
    for (hy_link_t *l = s->parties.next; l != &s->parties; l = l->next)
        count++;
    parties = hy_alloc((count + 1) * sizeof(hy_party_t *));
    if (!parties) code = HY_ENOMEM;
    count = 0;
    for (hy_link_t *l = s->parties.next; parties && l != &s->parties; l = l->next) {
        hy_party_t *p = hy_link_owner(l, hy_party_t, link);
        const hy_schema_t *schema =
            c->create.schema ? hy_schemas_find(s->manager->schemas, c->create.schema) : NULL;
        if (matches(p, schema, c->create.name)) parties[count++] = hy_party_ref(p);
    }
    hy_parties_cb done = c->on_parties;
    void *arg = c->arg;
    hy__call_free(c);
    done(arg, code, code < 0 ? hy_error_text(code) : "", parties, count);
    while (count > 0)
        hy_party_unref(parties[--count]);
    hy_free(parties);
}

int hy_syncher_resume(hy_syncher_t *s, hy_str_t *schema, hy_str_t *name, hy_parties_cb done,
                      void *arg, hy_error_t *err) {
    (void)err;
    hy_call_t *c = hy__call_new(s, arg);
    if (!c) return HY_ENOMEM;
    c->create.schema = schema ? hy_str_ref(schema) : NULL;
    c->create.name = name ? hy_str_ref(name) : NULL;
    c->on_parties = done;
    c->take = take_resumed;
    return hy__call_answer_now(c);
}
