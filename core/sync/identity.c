/* Who it is that asks, and what is said of oneself (PROTOCOL.md section 10).
 *
 *      syncher ── identity {user, verified} ──► message ──► node: 403 if its token names another
 *                                                              │
 *      asker {user, verified} ◄── vouched for? ◄── uplink ◄────┘
 *
 * The runtime fills in the identity of its hyperties, never they themselves. "verified" is what the
 * sender believes; who receives it counts it only if the message is vouched for: it was made in
 * this process, or came in by a node that checks identities. Of a guest is kept what was true when
 * it subscribed, and counted with each message of its as that is vouched for. */
#include "hosted.h"

hy_asker_t hy__asker(hy_str_t *url, hy_msg_t *m) {
    const hy_node_t *identity = hy_get_object(hy_msg_body(m), "identity");
    hy_asker_t who = {.url = url, .user = hy_get_str(identity, "user")};
    who.is_verified = who.user && m->is_vouched && hy_get_bool(identity, "verified", false);
    return who;
}

hy_asker_t hy__asker_own(const hy_syncher_t *s, const hy_str_t *to) {
    hy_asker_t who = {.url = s->url, .user = s->user};
    who.is_verified = s->user && hy_bus_vouches(s->manager->bus, to, s->user);
    return who;
}

hy_asker_t hy__guest_asker(const hy_guest_t *g, const hy_msg_t *m) {
    return (hy_asker_t){
        .url = g->key, .user = g->user, .is_verified = g->is_verified && (!m || m->is_vouched)};
}

hy_asker_t hy__hosted_asker(const hy_hosted_t *h, hy_msg_t *m) {
    const hy_guest_t *g = h ? hy__hosted_guest(h, m->from) : NULL;
    return g && g->user ? hy__guest_asker(g, m) : hy__asker(m->from, m);
}

int hy__put_asker(hy_node_t *body, const hy_asker_t *who) {
    if (!who->user) return 0;
    hy_node_t *identity = hy_node_new(HY_OBJECT);
    int rc = identity ? hy_put(identity, "user", hy__string_ref(who->user)) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(identity, "verified", hy_bool(who->is_verified));
    if (rc == 0) return hy_put(body, "identity", hy_node_value(identity));
    if (identity) hy_node_unref(identity);
    return rc;
}

int hy__put_identity(hy_node_t *body, const hy_syncher_t *s, const hy_str_t *to) {
    hy_asker_t who = hy__asker_own(s, to);
    return hy__put_asker(body, &who);
}
