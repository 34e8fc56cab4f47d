/* What enters of a mutual object (secret_door.c): opened, or dropped unless it is of those few that
 * a node says, which tell nothing of the object. What cannot be opened for want of the key is taken
 * for lost: then the observer reads, and the answer has the key. */
#include "../base/mem.h"
#include "secret_parts.h"

enum { PASSES = 0, ENDS = 1 };

static int replace(hy_msg_t **m, hy_msg_t *with) {
    hy_msg_unref(*m);
    *m = with;
    return PASSES;
}

/* --- the key of all --------------------------------------------------------------------------- */

void hy__secret_hear(hy__secret_t *s, hy_msg_t *opened, bool is_new) {
    const hy_node_t *mutual = hy_get_object(hy_msg_body(opened), "mutual");
    const hy_str_t *text = hy_get_str(mutual, "key");
    int64_t generation = hy_get_int(mutual, "generation", 0);
    uint8_t key[HY_SECRET_BYTES];
    if (!text || generation < 1 || generation > UINT32_MAX) return;
    bool is_key = hy_base64_read(text->bytes, text->len, key, sizeof key) == sizeof key;
    if (is_key && (is_new || generation > s->generation))
        hy__secret_take(s, (uint32_t)generation, key);
    hy_secret_wipe(key, sizeof key);
}

/* As if the node had dropped it. */
static int lose(const hy__secret_t *s, hy_msg_t **m) {
    hy_str_t *from = hy__domain_sm(s->manager, s->url), *to = hy__url_below(s->url, "/changes");
    hy_value_t body = hy__body1("value", hy__body1("lost", hy_int(1)));
    hy_msg_t *lost = body.kind == HY_OBJECT && from && to
                         ? hy_msg_new(HY_MSG_EVENT, hy_absent(), from, to, body)
                         : NULL;
    if (!lost && !(body.kind == HY_OBJECT && from && to)) hy_value_drop(body);
    hy_str_unref(from);
    hy_str_unref(to);
    return lost ? replace(m, lost) : HY_ENOMEM;
}

/* A new key is told, in a box for each. Who finds none is struck off, or has another line by now:
 * reading tells. */
static int take_boxes(hy__secret_t *s, hy_msg_t **m, const hy_node_t *mutual) {
    const hy_node_t *keys = hy_get_object(mutual, "keys");
    int64_t generation = hy_get_int(mutual, "generation", 0);
    uint8_t key[HY_SECRET_BYTES];
    const hy__peer_t *p;
    if (generation <= s->generation || generation > UINT32_MAX) return ENDS;
    bool is_found = false;
    for (uint32_t pos = 0; !is_found && (p = hy_dict_next(&s->peers, &pos));) {
        const hy_str_t *box = hy_get_str(keys, p->key->bytes);
        is_found = box && hy__box_read(p->line.key, box, s->url, p->key, (uint32_t)generation, key);
    }
    if (!is_found) return lose(s, m);
    hy__secret_take(s, (uint32_t)generation, key);
    hy_secret_wipe(key, sizeof key);
    return ENDS;
}

/* --- for all ---------------------------------------------------------------------------------- */

static bool is_of_node(const hy__secret_t *s, const hy_msg_t *m) {
    hy_str_t *node = hy__domain_sm(s->manager, s->url);
    bool is_it = node && hy_str_equal(m->from, node);
    hy_str_unref(node);
    return is_it;
}

static int drop(hy__secret_t *s, const hy_msg_t *m, const char *what) {
    hy__secret_tell(s, m, what);
    return ENDS;
}

/* By that line; who repeats it says nothing. */
static int open_by(hy__secret_t *s, hy__line_t *line, hy_msg_t **m) {
    hy_msg_t *opened;
    int rc = hy__line_open(line, *m, &opened);
    if (rc == 0) return replace(m, opened);
    if (rc == HY_ENOMEM) return rc;
    return drop(s, *m, rc == HY_ECONFLICT ? "came again" : "cannot be opened");
}

/* Of the reporter's own, an operation of an observer. One with another key is to come again, as its
 * sender has that of now then. */
static int enters_for_all(hy__secret_t *s, hy_msg_t **m, uint32_t generation) {
    hy__peer_t *p = hy__secret_peer(s, (*m)->from);
    if (!p || !hy__secret_observes(s, p)) return drop(s, *m, "is of nobody who observes it");
    if (generation == s->generation && !s->is_stale) {
        p->generation = generation;
        return open_by(s, &s->line, m);
    }
    hy_bus_respond(s->manager->bus, *m, 503, NULL, hy_absent());
    return ENDS;
}

static int for_all(hy__secret_t *s, hy_msg_t **m) {
    const hy_node_t *body = hy_msg_body(*m);
    const hy_node_t *mutual = hy_get_object(body, "mutual");
    uint32_t generation;
    bool is_change = hy__is_below((*m)->to, s->url, "/changes");
    if (is_of_node(s, *m)) {
        bool is_lost = hy_get_int(hy_get_object(body, "value"), "lost", 0) > 0;
        return is_lost && !s->user ? lose(s, m) : drop(s, *m, "is not sealed");
    }
    bool is_told = mutual && is_change && hy_str_equal((*m)->from, s->url);
    if (is_told && !s->user) return take_boxes(s, m, mutual);
    if (!hy__line_generation(*m, &generation)) return drop(s, *m, "is not sealed");
    if (s->user && is_change) return drop(s, *m, "is another reporter's");
    if (s->user) return enters_for_all(s, m, generation);
    if (s->generation > 0 && generation == s->generation) return open_by(s, &s->line, m);
    return is_change || generation > s->generation ? lose(s, m) : ENDS;
}

/* --- for one ---------------------------------------------------------------------------------- */

static int refuse(const hy__secret_t *s, hy_msg_t *m, bool is_sealed) {
    hy_bus_t *bus = s->manager->bus;
    if (m->type == HY_MSG_READ) {
        hy_bus_respond(bus, m, 401, "only who observes it can read it", hy_absent());
    } else if (is_sealed) { /* its key is of another life: it will come with the one of now */
        hy_bus_respond(bus, m, 503, NULL, hy__body1("again", hy_bool(true)));
    } else {
        hy_bus_respond(bus, m, 403, "only observers of the object may execute", hy_absent());
    }
    return ENDS;
}

static int to_object(hy__secret_t *s, hy_msg_t **m) {
    uint32_t generation;
    hy_msg_t *opened;
    bool is_sealed = hy__line_generation(*m, &generation);
    hy__peer_t *p = hy__secret_peer(s, (*m)->from);
    if (!s->user) return PASSES; /* nobody is there */
    if ((*m)->type == HY_MSG_RESPONSE) return drop(s, *m, "was not asked for");
    if (!is_sealed || !p) return refuse(s, *m, is_sealed);
    int rc = hy__line_open(&p->line, *m, &opened);
    if (rc == HY_ENOMEM) return rc;
    if (rc == HY_ECONFLICT) return drop(s, *m, "came again");
    if (rc < 0) return refuse(s, *m, true);
    p->generation = generation;
    if (!hy__secret_observes(s, p)) opened->is_vouched = false; /* no node has seen its identity */
    return replace(m, opened);
}

/* Those that a node may give in the reporter's place, or a reporter who has not the key. */
static bool may_be_plain(int code) {
    static const int codes[] = {401, 404, 408, 410, 413, 429, 503};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (code == codes[i]) return true;
    return false;
}

static int answer_enters(hy__secret_t *s, hy_msg_t **m) {
    uint32_t generation;
    int code = hy_msg_code(*m);
    bool again = hy__asks_again(*m, code);
    hy_msg_t *opened;
    if (hy__is_below((*m)->from, s->url, "/subscription"))
        return hy__secret_strip(m, code, hy_msg_desc(*m), again); /* nothing waits for more */
    if (!hy__line_generation(*m, &generation))
        return may_be_plain(code) ? hy__secret_strip(m, code, NULL, again)
                                  : drop(s, *m, "is not sealed");
    hy__peer_t *p = hy__secret_peer(s, (*m)->to);
    int rc = p ? hy__line_open(&p->line, *m, &opened) : HY_EINVALID;
    if (rc == HY_EINVALID) rc = hy__knock_opens(s->manager->secrets, *m, &opened);
    if (rc == HY_ENOMEM) return rc;
    if (rc < 0) return drop(s, *m, rc == HY_ECONFLICT ? "came again" : "cannot be opened");
    hy__secret_hear(s, opened, false);
    return replace(m, opened);
}

/* --- all of it -------------------------------------------------------------------------------- */

static int from_object(hy__secret_t *s, hy_msg_t **m) {
    bool is_of_subscription = hy__is_below((*m)->from, s->url, "/subscription");
    hy_msg_type_t type = (*m)->type;
    if (hy__secret_hosted(s)) return drop(s, *m, "is another reporter's");
    if (type == HY_MSG_RESPONSE) return answer_enters(s, m);
    bool is_plain = type == HY_MSG_UNSUBSCRIBE || type == HY_MSG_CREATE;
    return is_of_subscription && is_plain ? PASSES : drop(s, *m, "is not sealed");
}

static int to_subscription(hy__secret_t *s, hy_msg_t **m) {
    if (!s->user) return PASSES;
    if ((*m)->type == HY_MSG_SUBSCRIBE) return hy__knock_enters(s, m);
    if ((*m)->type == HY_MSG_RESPONSE)
        return hy__secret_strip(m, hy_msg_code(*m), hy_msg_desc(*m), false);
    return PASSES;
}

int hy__secret_opens(hy__secret_t *s, hy_msg_t **m) {
    const hy_str_t *to = (*m)->to;
    if (!hy_address_is_under(to, s->url)) return from_object(s, m);
    if (hy_str_equal(to, s->url)) return to_object(s, m);
    if (hy__is_below(to, s->url, "/registration")) return PASSES;
    if (hy__is_below(to, s->url, "/subscription")) return to_subscription(s, m);
    return for_all(s, m);
}
