/* All that the store keeps of a hyperty's objects, taken up again in one call: each as in resume.c.
 */
#include "../base/mem.h"
#include "call.h"
#include "handover.h"

static bool matches(const hy_party_t *p, const hy_schemas_t *schemas, hy_str_t *schema,
                    const hy_str_t *name) {
    hy_kept_t k = {.schema = hy_get_str(p->object->metadata, "schema"),
                   .name = hy_get_str(p->object->metadata, "name")};
    return hy__kept_is(&k, schemas, schema, name);
}

static int add_party(hy_call_t *c, hy_party_t *p) {
    hy_party_t **parties = hy_realloc(c->parties, (c->party_count + 1) * sizeof(hy_party_t *));
    if (!parties) return HY_ENOMEM;
    c->parties = parties;
    parties[c->party_count++] = hy_party_ref(p);
    return 0;
}

/* One may have ended while others were waited for. */
static void drop_closed(hy_call_t *c) {
    uint32_t count = c->party_count;
    c->party_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (c->parties[i]->is_open)
            c->parties[c->party_count++] = c->parties[i];
        else
            hy_party_unref(c->parties[i]);
    }
}

static void all_resumed(hy_call_t *c) {
    drop_closed(c);
    hy_syncher_t *s = c->syncher;
    hy_ending_t e = {.on_parties = c->on_parties,
                     .arg = c->arg,
                     .code = c->party_count == 0 ? c->failure : 0,
                     .parties = c->parties,
                     .party_count = c->party_count};
    if (e.code < 0) e.text = c->why;
    if (e.code < 0) c->why = NULL;
    hy_told_t *told = c->told;
    bool is_tried = c->is_tried;
    c->parties = NULL;
    c->party_count = 0;
    c->told = NULL;
    hy__call_free(c);
    hy__tell_ending(s, is_tried, told, &e);
}

static void on_one(void *call, int code, const char *desc, hy_party_t *party) {
    hy_call_t *c = call;
    c->awaited--;
    if (code == 0 && party) code = add_party(c, party);
    if (code < 0) {
        hy_log(hy_bus_log(c->syncher->manager->bus), HY_LOG_WARN, "sync", "not resumed: %s", desc);
        if (c->failure == 0) {
            c->failure = code;
            c->why = hy_str_from(desc);
        }
    }
    if (c->awaited == 0) all_resumed(c);
}

/* One that calls back to the call for all. */
static int resume_one(hy_call_t *all, hy_str_t *url) {
    hy_syncher_t *s = all->syncher;
    const hy_kept_t *k = hy_dict_get(&s->kept, url);
    if (!k) return 0;
    hy_call_t *c = hy__call_new(s, all);
    if (!c) return HY_ENOMEM;
    c->on_party = on_one;
    c->is_part = true;
    c->is_tried = all->is_tried;
    all->awaited++;
    if (k->is_reporter) {
        hy__resume_reporter(c, k);
        return 0;
    }
    hy__resume_copy(c, k);
    return 0;
}

/* URLs of what is kept, of that schema and name, and not there yet: calls change what is kept. */
static int list_kept(const hy_call_t *c, hy_node_t *list) {
    const hy_syncher_t *s = c->syncher;
    const hy_kept_t *k;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && (k = hy_dict_next(&s->kept, &pos));) {
        if (!hy__kept_is(k, s->manager->schemas, c->create.schema, c->create.name)) continue;
        if (hy__syncher_find_party(s, k->key, k->is_reporter)) continue;
        if (hy__takeover_has(s->manager, k)) continue;
        /* Given away by this very runtime: nobody needs to ask where it is. */
        if (k->is_reporter && hy__handed_by(s->manager, k->key, s->url)) continue;
        rc = hy_node_insert(list, hy_node_count(list), hy__string_ref(k->key));
    }
    return rc;
}

static void resume_all(hy_call_t *c) {
    hy_syncher_t *s = c->syncher;
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list ? list_kept(c, list) : HY_ENOMEM;
    for (hy_link_t *l = s->parties.next; rc == 0 && l != &s->parties; l = l->next) {
        hy_party_t *p = hy_link_owner(l, hy_party_t, link);
        bool is_it = matches(p, s->manager->schemas, c->create.schema, c->create.name);
        if (is_it && !hy__reporter_is_coming(p)) rc = add_party(c, p);
    }
    c->awaited = 1; /* until all have begun */
    for (size_t i = 0; rc == 0 && i < hy_node_count(list); i++) {
        rc = resume_one(c, hy_node_at(list, i).as.s);
    }
    if (list) hy_node_unref(list);
    on_one(c, rc, hy_error_text(rc), NULL);
}

int hy_syncher_resume(hy_syncher_t *s, hy_str_t *schema, hy_str_t *name, hy_parties_cb done,
                      void *arg, hy_error_t *err) {
    hy_call_t *c = hy__call_new(s, arg);
    (void)err;
    if (!c) return HY_ENOMEM;
    c->create.schema = schema ? hy_str_ref(schema) : NULL;
    c->create.name = name ? hy_str_ref(name) : NULL;
    c->on_parties = done;
    int rc = hy__kept_then(c, resume_all);
    if (rc < 0) hy__call_free(c);
    return rc;
}
