/* Subscriptions to mutual objects at the door (secret_door.c): neither who asks nor who is asked
 * knows of it, but for the longer time that it takes.
 *
 *      observer's side                                    reporter's side
 *      subscribe, kept here ────────────────────────────► held up: 401 with a challenge
 *      held up: checked, signed ◄───────────────────────
 *      the same subscribe with a proof ─────────────────► checked: let in to the sync manager
 *      opened, with the key of all ◄───────────────────── 200, sealed
 *
 * A challenge is used once. A yes is sealed with what both have agreed on, so who can open it has
 * the private part of the share that was signed. */
#include "../base/mem.h"
#include "secret_parts.h"

enum { PASSES = 0, ENDS = 1, NONE = 2 };

/* --- those under way -------------------------------------------------------------------------- */

static uint64_t now(const hy__secrets_t *all) {
    return hy_clock_now(hy_bus_clock(all->manager->bus));
}

static void knock_end(hy__knock_t *k, uint32_t *count) {
    hy_list_remove(&k->link);
    hy__line_deinit(&k->line);
    hy_msg_unref(k->request);
    hy_str_unref(k->object);
    hy_free(k);
    (*count)--;
}

static void challenge_end(hy__secrets_t *all, hy__challenge_t *c) {
    hy_list_remove(&c->link);
    hy_str_unref(c->object);
    hy_str_unref(c->subscriber);
    hy_free(c);
    all->challenge_count--;
}

/* All live equally long, so the oldest are first. */
static void knocks_expire(hy__secrets_t *all, hy_link_t *list, uint32_t *count) {
    while (!hy_list_is_empty(list)) {
        hy__knock_t *k = hy_link_owner(list->next, hy__knock_t, link);
        if (*count < HY_CHALLENGES_MAX && k->until_ms > now(all)) return;
        knock_end(k, count);
    }
}

static void challenges_expire(hy__secrets_t *all) {
    while (!hy_list_is_empty(&all->challenges)) {
        hy__challenge_t *c = hy_link_owner(all->challenges.next, hy__challenge_t, link);
        if (all->challenge_count < HY_CHALLENGES_MAX && c->until_ms > now(all)) return;
        challenge_end(all, c);
    }
}

static hy__knock_t *knock_find(const hy_link_t *list, const hy_msg_t *m, const hy_str_t *from,
                               const hy_str_t *to) {
    for (hy_link_t *l = list->prev; m->id.kind == HY_INT && l != list; l = l->prev) {
        hy__knock_t *k = hy_link_owner(l, hy__knock_t, link);
        if (k->request->id.as.i == m->id.as.i && hy_str_equal(k->request->from, from) &&
            hy_str_equal(k->request->to, to))
            return k;
    }
    return NULL;
}

static hy__knock_t *knock_new(hy__secrets_t *all, hy_link_t *list, uint32_t *count, hy_msg_t *m,
                              uint64_t life_ms) {
    knocks_expire(all, list, count);
    hy_span_t object = hy_address_object(m->to);
    hy__knock_t *k = hy_alloc_zero(sizeof *k);
    hy_str_t *url = k ? hy_str_new(object.bytes, object.len) : NULL;
    if (!url) {
        hy_free(k);
        return NULL;
    }
    *k = (hy__knock_t){.request = hy_msg_ref(m), .object = url, .until_ms = now(all) + life_ms};
    k->subscriber = hy_get_str(hy_msg_body(m), "subscriber");
    hy__line_init(&k->line, NULL);
    hy_list_append(list, &k->link);
    (*count)++;
    return k;
}

void hy__knocks_free(hy__secrets_t *all) {
    while (!hy_list_is_empty(&all->knocks))
        knock_end(hy_link_owner(all->knocks.next, hy__knock_t, link), &all->knock_count);
    while (!hy_list_is_empty(&all->let_in))
        knock_end(hy_link_owner(all->let_in.next, hy__knock_t, link), &all->let_in_count);
    while (!hy_list_is_empty(&all->challenges))
        challenge_end(all, hy_link_owner(all->challenges.next, hy__challenge_t, link));
}

/* --- who observes ----------------------------------------------------------------------------- */

static hy_str_t *user_of(const hy_node_t *body) {
    hy_str_t *user = hy_get_str(hy_get_object(body, "identity"), "user");
    return user && hy__is_user_url(user) ? user : NULL;
}

int hy__knock_leaves(hy__secrets_t *all, hy_msg_t *m) {
    bool is_knock = hy_str_equal(m->from, all->manager->sm) && m->id.kind == HY_INT &&
                    hy_address_object(m->to).len < m->to->len &&
                    hy_get_str(hy_msg_body(m), "subscriber");
    if (!is_knock || knock_find(&all->knocks, m, m->from, m->to)) return 0;
    bool is_kept = knock_new(all, &all->knocks, &all->knock_count, m, HY_CHALLENGE_MS) != NULL;
    return is_kept ? 0 : HY_ENOMEM;
}

/* The hyperty's request ends: it does not observe. */
static int give_up(hy__secrets_t *all, hy__knock_t *k, hy_msg_t **m, const char *why) {
    int rc = hy__secret_strip(m, 403, why, false);
    if (rc == 0) knock_end(k, &all->knock_count);
    return rc;
}

/* It is to ask once more. */
static int put_off(hy__secrets_t *all, hy__knock_t *k, hy_msg_t **m, const char *why) {
    int rc = hy__secret_strip(m, 503, why, true);
    if (rc == 0) knock_end(k, &all->knock_count);
    return rc;
}

static int send_proof(const hy__secrets_t *all, const hy__knock_t *k, const hy__proof_t *p) {
    hy_value_t body = hy_absent(), answer = hy__proof_write_answer(p);
    hy_msg_t *request = k->request;
    hy_value_t lent = {.kind = HY_OBJECT, .as.n = hy_msg_body(request)};
    int rc = answer.kind == HY_OBJECT ? hy_value_copy(lent, &body) : HY_ENOMEM;
    rc = rc == 0 ? hy_put(body.as.n, "mutual", answer) : (hy_value_drop(answer), rc);
    hy_msg_t *m = NULL;
    if (rc == 0) {
        m = hy_msg_new(HY_MSG_SUBSCRIBE, request->id, request->from, request->to, body);
    } else {
        hy_value_drop(body);
    }
    rc = m ? hy_bus_send(all->manager->bus, m) : HY_ENOMEM;
    hy_msg_unref(m);
    return rc;
}

/* What has to be right before anything is proven; NULL, or what is wrong. */
static const char *check_challenge(hy__secrets_t *all, hy__proof_t *p, const hy_node_t *mutual,
                                   hy_error_t *err) {
    hy__keyring_t *keyring = all->manager->keyring;
    if (!p->user) return "a mutual object is observed on behalf of a user, and there is none";
    if (!hy__proof_read_challenge(p, mutual)) return "the reporter's challenge is malformed";
    if (!hy__proof_check_challenge(p)) return "the reporter's proof of who it is is wrong";
    int rc = hy__keyring_meet(keyring, p->reporter_user, p->reporter_key, err);
    if (rc == 0) rc = hy__proof_sign_answer(p, hy__keyring_own(keyring));
    return rc < 0 ? (err->text[0] ? err->text : hy_error_text(rc)) : NULL;
}

/* The secret of an object that was reported here, and is elsewhere now, is another one. */
static hy__secret_t *observed(hy__secrets_t *all, hy_str_t *url) {
    hy__secret_t *s = hy__secret_find(all, url);
    if (s && s->user) hy__secrets_forget(all, s);
    return hy__secret_put(all, url);
}

static int challenged(hy__secrets_t *all, hy__knock_t *k, hy_msg_t **m, const hy_node_t *mutual) {
    hy_error_t err = {.text = ""};
    hy__proof_t p = {.object = k->object, .subscriber = k->subscriber};
    uint8_t key[HY_SECRET_BYTES];
    if (hy__part_find(&all->manager->hosted, k->object)) return ENDS; /* it is reported here */
    if (hy__keyring_ready(all->manager->keyring, &err) < 0) return put_off(all, k, m, err.text);
    if (++k->tries > HY_SECRET_TRIES_MAX) return give_up(all, k, m, "no proof is good enough");
    hy__secret_t *s = observed(all, k->object);
    if (!s) return HY_ENOMEM;
    hy_random_t *random = hy__secret_random(all);
    random->fill(random, p.nonce, sizeof p.nonce);
    memcpy(p.share, s->share, sizeof p.share);
    p.user = user_of(hy_msg_body(k->request));
    const char *why = check_challenge(all, &p, mutual, &err);
    if (why) return give_up(all, k, m, why);
    int rc = hy__proof_agree(&p, s->private, false, key);
    if (rc == HY_EINVALID) return give_up(all, k, m, "the reporter's share is none");
    if (rc == 0) rc = send_proof(all, k, &p);
    if (rc < 0) return rc;
    hy__line_deinit(&k->line);
    hy__line_init(&k->line, key);
    hy_secret_wipe(key, sizeof key);
    memcpy(k->reporter_share, p.reporter_share, sizeof k->reporter_share);
    k->has_line = true;
    return ENDS;
}

/* The line is that of its hyperty from the first yes on. */
static int settle(hy__secret_t *s, hy__knock_t *k, hy_msg_t *opened) {
    if (k->has_line) {
        if (!hy__secret_put_peer(s, k->subscriber, &k->line)) return HY_ENOMEM;
        k->has_line = false;
        bool is_new = memcmp(s->reporter_share, k->reporter_share, HY_SHARE_BYTES) != 0;
        memcpy(s->reporter_share, k->reporter_share, HY_SHARE_BYTES);
        hy__secret_hear(s, opened, is_new);
    } else {
        hy__secret_hear(s, opened, false);
    }
    return 0;
}

static int open_yes(hy__secrets_t *all, hy__knock_t *k, hy_msg_t **m) {
    hy__secret_t *s = hy__secret_find(all, k->object);
    hy__peer_t *p = s ? hy__secret_peer(s, k->subscriber) : NULL;
    hy__line_t *line = k->has_line ? &k->line : p ? &p->line : NULL;
    hy_msg_t *opened;
    if (!s || !line) return ENDS;
    int rc = hy__line_open(line, *m, &opened);
    if (rc == HY_ENOMEM) return rc;
    if (rc < 0) {
        hy__secret_tell(s, *m, "cannot be opened");
        return ENDS;
    }
    rc = settle(s, k, opened);
    if (rc < 0) {
        hy_msg_unref(opened);
        return rc;
    }
    if (hy_msg_code(opened) >= 200) knock_end(k, &all->knock_count);
    hy_msg_unref(*m);
    *m = opened;
    return PASSES;
}

int hy__knock_answered(hy__secrets_t *all, hy_msg_t **m) {
    hy__knock_t *k = knock_find(&all->knocks, *m, (*m)->to, (*m)->from);
    if (!k) return NONE;
    uint32_t generation;
    int code = hy_msg_code(*m);
    const hy_node_t *mutual = code == 401 ? hy_get_object(hy_msg_body(*m), "mutual") : NULL;
    if (mutual) return challenged(all, k, m, mutual);
    if (hy__line_generation(*m, &generation)) return open_yes(all, k, m);
    if (hy__secret_find(all, k->object)) { /* and so every yes is sealed */
        if (code < 200) return ENDS;
        if (code < 300) return give_up(all, k, m, "the answer is not sealed, and the object is");
        int rc = hy__secret_strip(m, code, hy_msg_desc(*m), hy__asks_again(*m, code));
        if (rc < 0) return rc;
    }
    if (code >= 200 || code == 0) knock_end(k, &all->knock_count);
    return PASSES;
}

int hy__knock_opens(hy__secrets_t *all, hy_msg_t *m, hy_msg_t **out) {
    for (hy_link_t *l = all->knocks.next; l != &all->knocks; l = l->next) {
        hy__knock_t *k = hy_link_owner(l, hy__knock_t, link);
        if (!k->has_line || !hy_str_equal(k->subscriber, m->to)) continue;
        int rc = hy__line_open(&k->line, m, out);
        if (rc != HY_EINVALID) return rc;
    }
    return HY_EINVALID;
}

/* --- who reports ------------------------------------------------------------------------------ */

static int refuse(const hy__secret_t *s, hy_msg_t *m, int code, const char *why) {
    hy_bus_respond(s->manager->bus, m, code, why, hy_absent());
    return ENDS;
}

static hy__challenge_t *challenge_new(hy__secrets_t *all, hy_str_t *object, hy_str_t *subscriber) {
    challenges_expire(all);
    hy__challenge_t *c = hy_alloc_zero(sizeof *c);
    hy_random_t *random = hy__secret_random(all);
    if (!c) return NULL;
    c->object = hy_str_ref(object);
    c->subscriber = hy_str_ref(subscriber);
    c->until_ms = now(all) + HY_CHALLENGE_MS;
    random->fill(random, c->challenge, sizeof c->challenge);
    hy_list_append(&all->challenges, &c->link);
    all->challenge_count++;
    return c;
}

static int challenge(hy__secret_t *s, hy_msg_t *m, hy_str_t *subscriber) {
    hy__secrets_t *all = s->manager->secrets;
    hy__proof_t p = {.object = s->url, .subscriber = subscriber, .reporter_user = s->user};
    hy__challenge_t *c = challenge_new(all, s->url, subscriber);
    if (!c) return HY_ENOMEM;
    memcpy(p.challenge, c->challenge, sizeof p.challenge);
    memcpy(p.reporter_share, s->share, sizeof p.reporter_share);
    hy_value_t mutual = hy__proof_sign_challenge(&p, hy__keyring_own(all->manager->keyring)) == 0
                            ? hy__proof_write_challenge(&p)
                            : hy_absent();
    hy_msg_t *answer = hy_msg_response(
        m, NULL, 401, "only its participants can read it: subscribe with a proof", hy_absent());
    int rc = answer ? hy_put(hy_msg_body(answer), "mutual", mutual) : HY_ENOMEM;
    if (!answer) hy_value_drop(mutual);
    if (rc == 0) rc = hy_bus_send(s->manager->bus, answer);
    hy_msg_unref(answer);
    return rc < 0 ? rc : ENDS;
}

/* Used, whatever comes of it. */
static bool take_challenge(hy__secrets_t *all, const hy__proof_t *p) {
    challenges_expire(all);
    for (hy_link_t *l = all->challenges.next; l != &all->challenges; l = l->next) {
        hy__challenge_t *c = hy_link_owner(l, hy__challenge_t, link);
        bool is_it = hy_secret_equal(c->challenge, p->challenge, sizeof c->challenge) &&
                     hy_str_equal(c->object, p->object) &&
                     hy_str_equal(c->subscriber, p->subscriber);
        if (!is_it) continue;
        challenge_end(all, c);
        return true;
    }
    return false;
}

/* Who observes already, or did, is known by its user: nobody else is let in in its place. */
static bool is_another(const hy__secret_t *s, const hy__proof_t *p) {
    const hy_hosted_t *h = hy__secret_hosted(s);
    const hy_guest_t *g = h ? hy__hosted_guest(h, p->subscriber) : NULL;
    return g && (g->is_observing || g->is_gone) && g->user && !hy_str_equal(g->user, p->user);
}

/* The same share: whoever has it has forgotten nothing. Else what was sealed before could be told
 * to it once more. */
static int take_in(hy__secret_t *s, const hy__proof_t *p, const uint8_t key[HY_SECRET_BYTES]) {
    const hy__peer_t *before = hy__secret_peer(s, p->subscriber);
    bool is_new = before && memcmp(before->share, p->share, sizeof p->share) != 0;
    bool observes = before && hy__secret_observes(s, before);
    hy__line_t line;
    hy__line_init(&line, key);
    hy__peer_t *peer = hy__secret_put_peer(s, p->subscriber, &line);
    hy__line_deinit(&line);
    if (!peer) return HY_EFULL;
    memcpy(peer->share, p->share, sizeof peer->share);
    if (is_new && observes) s->is_stale = true;
    return 0;
}

static int prove(hy__secret_t *s, hy_msg_t *m, hy__proof_t *p) {
    hy__secrets_t *all = s->manager->secrets;
    hy_error_t err = {.text = ""};
    hy__keyring_t *keyring = all->manager->keyring;
    uint8_t key[HY_SECRET_BYTES];
    if (!take_challenge(all, p)) return challenge(s, m, p->subscriber);
    p->user = user_of(hy_msg_body(m));
    if (!p->user) return refuse(s, m, 403, "who observes a mutual object acts for a user");
    p->reporter_user = s->user;
    memcpy(p->reporter_share, s->share, sizeof p->reporter_share);
    memcpy(p->reporter_key, hy__keyring_own(keyring)->public, sizeof p->reporter_key);
    if (!hy__proof_check_answer(p)) return refuse(s, m, 403, "the proof is wrong");
    if (is_another(s, p)) return refuse(s, m, 403, "it observes for another user");
    int rc = hy__keyring_meet(keyring, p->user, p->key, &err);
    if (rc < 0) return refuse(s, m, hy_error_http(rc), err.text);
    rc = hy__proof_agree(p, s->private, true, key);
    if (rc == HY_EINVALID) return refuse(s, m, 403, "the share is none");
    if (rc == 0) rc = take_in(s, p, key);
    hy_secret_wipe(key, sizeof key);
    if (rc == HY_EFULL) return refuse(s, m, 503, "too many observe it, as it is mutual");
    bool is_kept = rc == 0 && knock_new(all, &all->let_in, &all->let_in_count, m, UINT32_MAX);
    return is_kept ? PASSES : HY_ENOMEM;
}

int hy__knock_enters(hy__secret_t *s, hy_msg_t **m) {
    const hy_node_t *body = hy_msg_body(*m);
    hy_str_t *subscriber = hy_get_str(body, "subscriber");
    const hy_node_t *mutual = hy_get_object(body, "mutual");
    hy__proof_t p = {.object = s->url, .subscriber = subscriber};
    hy_error_t err;
    if ((*m)->id.kind != HY_INT || !subscriber)
        return refuse(s, *m, 400, "subscribe needs a number as id, and \"subscriber\"");
    if (hy__keyring_ready(s->manager->keyring, &err) < 0) {
        hy_bus_respond(s->manager->bus, *m, 503, err.text, hy__body1("again", hy_bool(true)));
        return ENDS;
    }
    if (!mutual) return challenge(s, *m, subscriber);
    if (!hy__proof_read_answer(&p, mutual)) return refuse(s, *m, 400, "the proof is malformed");
    return prove(s, *m, &p);
}

hy_str_t *hy__knock_subscriber(hy__secrets_t *all, const hy_msg_t *response, int code) {
    hy__knock_t *k = knock_find(&all->let_in, response, response->to, response->from);
    hy_str_t *subscriber = k ? hy_str_ref(k->subscriber) : NULL;
    if (k && (code == 0 || code >= 200)) knock_end(k, &all->let_in_count);
    return subscriber;
}
