/* Mutual objects that this runtime reports or observes: what is kept of each (secret.h). */
#include "secret.h"

#include "../base/mem.h"
#include "secret_parts.h"

#define WHO "secret"

/* --- one object ------------------------------------------------------------------------------- */

hy_random_t *hy__secret_random(const hy__secrets_t *all) {
    return hy_bus_random(all->manager->bus);
}

static void drop_peer(hy__secret_t *s, hy__peer_t *p) {
    hy__line_deinit(&p->line);
    hy_dict_remove(&s->peers, p);
}

static void drop_peers(hy__secret_t *s) {
    hy__peer_t *p;
    for (uint32_t pos = 0; (p = hy_dict_next(&s->peers, &pos));)
        drop_peer(s, p);
}

static void secret_free(hy__secret_t *s) {
    drop_peers(s);
    hy_dict_deinit(&s->peers);
    hy__line_deinit(&s->line);
    hy_str_unref(s->url);
    hy_str_unref(s->user);
    hy_secret_wipe(s, sizeof *s);
    hy_free(s);
}

static hy__secret_t *secret_new(hy__secrets_t *all, hy_str_t *url) {
    hy__secret_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return NULL;
    s->manager = all->manager;
    s->url = hy_str_ref(url);
    hy_dict_init(&s->peers, sizeof(hy__peer_t));
    hy__line_init(&s->line, NULL);
    hy_share_new(hy__secret_random(all), s->private, s->share);
    if (hy__part_add(&all->objects, url, s) == 0) return s;
    secret_free(s);
    return NULL;
}

void hy__secrets_forget(hy__secrets_t *all, hy__secret_t *s) {
    hy__part_remove(&all->objects, s->url);
    secret_free(s);
}

static bool is_needed(const hy__secret_t *s) {
    const hy_manager_t *m = s->manager;
    return hy__part_find(&m->hosted, s->url) || hy__part_find(&m->creating, s->url) ||
           hy__part_find(&m->replicas, s->url);
}

/* Of those that nobody needs, the one that was used least lately goes. */
static void make_room(hy__secrets_t *all) {
    hy__secret_t *oldest = NULL;
    uint32_t unneeded = 0;
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&all->objects, &pos));) {
        hy__secret_t *s = e->part;
        if (is_needed(s)) continue;
        unneeded++;
        if (!oldest || s->used < oldest->used) oldest = s;
    }
    if (unneeded >= HY_SECRETS_MAX) hy__secrets_forget(all, oldest);
}

hy__secret_t *hy__secret_find(const hy__secrets_t *all, const hy_str_t *address) {
    hy_span_t url = hy_address_object(address);
    const hy_part_entry_t *e =
        hy_dict_find(&all->objects, url.bytes, url.len, hy_hash(url.bytes, url.len));
    return e ? e->part : NULL;
}

hy__secret_t *hy__secret_put(hy__secrets_t *all, hy_str_t *url) {
    hy__secret_t *s = hy__part_find(&all->objects, url);
    if (!s && all->objects.count >= HY_SECRETS_MAX) make_room(all);
    if (!s) s = secret_new(all, url);
    if (s) s->used = ++all->uses;
    return s;
}

void hy__secret_tell(hy__secret_t *s, const hy_msg_t *m, const char *what) {
    hy_log(hy_bus_log(s->manager->bus), s->is_told ? HY_LOG_DEBUG : HY_LOG_WARN, WHO,
           "%s: %s from %s %s; only its participants speak there, with its key", s->url->bytes,
           hy_msg_type_text(m->type), m->from->bytes, what);
    s->is_told = true;
}

/* --- who has what ----------------------------------------------------------------------------- */

hy_hosted_t *hy__secret_hosted(const hy__secret_t *s) {
    return s->user ? hy__part_find(&s->manager->hosted, s->url) : NULL;
}

hy__peer_t *hy__secret_peer(const hy__secret_t *s, const hy_str_t *hyperty) {
    return hy_dict_find(&s->peers, hyperty->bytes, hyperty->len,
                        hy_hash(hyperty->bytes, hyperty->len));
}

bool hy__secret_observes(const hy__secret_t *s, const hy__peer_t *p) {
    const hy_hosted_t *h = hy__secret_hosted(s);
    return h && hy__hosted_has_observer(h, p->key);
}

/* Those who have proven who they are, and were not let in. */
static void drop_strangers(hy__secret_t *s) {
    hy__peer_t *p;
    for (uint32_t pos = 0; (p = hy_dict_next(&s->peers, &pos));)
        if (s->user && !hy__secret_observes(s, p)) drop_peer(s, p);
}

hy__peer_t *hy__secret_put_peer(hy__secret_t *s, hy_str_t *hyperty, hy__line_t *line) {
    hy__peer_t *p = hy__secret_peer(s, hyperty);
    if (p) hy__line_deinit(&p->line);
    if (!p && s->peers.count >= HY_SECRET_OBSERVERS_MAX) drop_strangers(s);
    if (!p && s->peers.count < HY_SECRET_OBSERVERS_MAX) p = hy_dict_put(&s->peers, hyperty, NULL);
    if (!p) return NULL;
    p->line = *line;
    p->generation = 0;
    hy__line_init(line, NULL);
    return p;
}

/* --- generations ------------------------------------------------------------------------------ */

static int put_box(hy_node_t *keys, const hy__secret_t *s, const hy__peer_t *p,
                   hy_random_t *random) {
    uint8_t nonce[HY_NONCE_BYTES];
    random->fill(random, nonce, sizeof nonce);
    hy_str_t *box = hy__box_write(p->line.key, nonce, s->url, p->key, s->generation, s->line.key);
    return hy_put(keys, p->key->bytes, hy_string(box));
}

/* {"mutual": {"generation", "keys"}}; ABSENT: nobody, or no memory. */
static hy_value_t keys_body(const hy__secret_t *s, hy_random_t *random) {
    hy_node_t *keys = hy_node_new(HY_OBJECT), *mutual = hy_node_new(HY_OBJECT);
    int rc = keys && mutual ? 0 : HY_ENOMEM;
    const hy__peer_t *p;
    for (uint32_t pos = 0; rc == 0 && (p = hy_dict_next(&s->peers, &pos));)
        if (hy__secret_observes(s, p)) rc = put_box(keys, s, p, random);
    if (rc == 0 && hy_node_count(keys) == 0) rc = HY_ENOT_FOUND;
    if (rc == 0) rc = hy_put(mutual, "generation", hy_int(s->generation));
    if (rc == 0) {
        rc = hy_put(mutual, "keys", hy_node_value(keys));
        keys = NULL;
    }
    if (keys) hy_node_unref(keys);
    if (rc == 0) return hy__body1("mutual", hy_node_value(mutual));
    if (mutual) hy_node_unref(mutual);
    return hy_absent();
}

hy_msg_t *hy__secret_renew(hy__secret_t *s) {
    hy_random_t *random = hy_bus_random(s->manager->bus);
    uint8_t key[HY_SECRET_BYTES];
    random->fill(random, key, sizeof key);
    hy__secret_take(s, s->generation + 1, key);
    hy_secret_wipe(key, sizeof key);
    s->is_stale = false;
    hy_value_t body = keys_body(s, random);
    hy_str_t *to = body.kind == HY_OBJECT ? hy__url_below(s->url, "/changes") : NULL;
    hy_msg_t *m = to ? hy_msg_new(HY_MSG_EVENT, hy_absent(), s->url, to, body) : NULL;
    if (!to) hy_value_drop(body);
    hy_str_unref(to);
    return m;
}

void hy__secret_take(hy__secret_t *s, uint32_t generation, const uint8_t key[HY_SECRET_BYTES]) {
    bool is_known =
        s->generation == generation && hy_secret_equal(key, s->line.key, HY_SECRET_BYTES);
    if (is_known) return;
    hy__line_deinit(&s->line);
    hy__line_init(&s->line, key);
    s->generation = generation;
}

/* --- all -------------------------------------------------------------------------------------- */

void hy__secrets_free(hy__secrets_t *all) {
    if (!all) return;
    hy_bus_set_door(all->manager->bus, NULL, NULL);
    hy__knocks_free(all);
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&all->objects, &pos));)
        secret_free(e->part);
    hy_dict_deinit(&all->objects);
    hy_free(all);
}

/* --- what the others tell --------------------------------------------------------------------- */

bool hy__is_mutual(const hy_node_t *metadata) {
    return hy_get_bool(metadata, "mutual", false);
}

int hy__secret_begin(hy_manager_t *m, hy_str_t *url, bool is_mutual, hy_str_t *user,
                     hy_error_t *err) {
    hy__secret_t *s = hy__part_find(&m->secrets->objects, url);
    if (s) hy__secrets_forget(m->secrets, s);
    if (!is_mutual) return 0;
    if (!user)
        return hy_fail(err, HY_EINVALID, "%s: who reports a mutual object acts for a user",
                       url->bytes);
    s = hy__secret_put(m->secrets, url);
    if (!s) return HY_ENOMEM;
    s->user = hy_str_ref(user);
    hy_msg_unref(hy__secret_renew(s)); /* nobody is there yet who is to be told */
    return 0;
}

int hy__secret_expect(hy_manager_t *m, hy_str_t *url) {
    return hy__secret_put(m->secrets, url) ? 0 : HY_ENOMEM;
}

void hy__secret_strike(hy_manager_t *m, const hy_str_t *url, const hy_str_t *hyperty) {
    hy__secret_t *s = hy__part_find(&m->secrets->objects, url);
    hy__peer_t *p = s && s->user ? hy__secret_peer(s, hyperty) : NULL;
    if (!p) return;
    drop_peer(s, p);
    s->is_stale = true;
}
