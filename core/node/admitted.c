/* Whom the holder of an object admits, and who of them is not there any more.
 *
 * A hyperty is admitted for the session that has it: who takes over its address later is not. The
 * holder hears of those who have gone without its knowing:
 *
 *      its session ends ──► told at once ──┐
 *      its route goes; its session begins  ├─► missed ── grace over, nobody listens ──► told, and
 *      anew; nobody has it when admitted ──┘     ▲                                        again
 *                                                └────────────────────────────────────────┘
 *
 * until it expels the hyperty, or that listens again. So it does not matter whether a notice gets
 * lost, nor what the hyperty itself has said before it went. */
#include "internal.h"

#define SWEEP_FIRST 64u

typedef struct {
    hy_str_t *hyperty;
    uint64_t session; /* 0: whoever has it first */
    bool is_missed;   /* it may not listen any more, since then; or the holder was told so then */
    bool is_left;     /* it has taken back its route itself */
    bool is_expected; /* it has not listened yet: in its session it may take its time */
    bool is_gone;     /* nobody has come for it in time: it is not let through any more */
    uint64_t since_ms;
} admission_t;

/* --- admitting -------------------------------------------------------------------------------- */

static void review_session(hy__object_t *o, const hy_session_t *s) {
    for (hy_link_t *l = o->topics.next; l != &o->topics; l = l->next) {
        const hy__topic_t *t = hy_link_owner(l, hy__topic_t, link);
        hy__route_t *r = hy__kind_is_guarded(t->kind) ? hy__route_find(s, t->url) : NULL;
        if (r) hy__route_review(r);
    }
}

/* What an admission costs; the session of the holder is charged with it. */
static size_t admission_bytes(const hy_str_t *hyperty) {
    return sizeof(admission_t) + sizeof(hy_dict_slot_t) + sizeof *hyperty + hyperty->len;
}

static void strike(hy__object_t *o, admission_t *a) {
    o->said->held -= admission_bytes(a->hyperty);
    hy_dict_remove(&o->admitted, a);
}

static void on_absent(void *object);

void hy__admitted_init(hy__object_t *o) {
    hy_dict_init(&o->admitted, sizeof(admission_t));
    hy_timer_init(&o->absent, on_absent, o);
    o->sweep_at = SWEEP_FIRST;
}

void hy__admitted_clear(hy__object_t *o) {
    admission_t *a;
    for (uint32_t pos = 0; (a = hy_dict_next(&o->admitted, &pos));)
        strike(o, a);
    hy_dict_deinit(&o->admitted);
    if (o->said) hy_timer_stop(o->said->server->clock, &o->absent);
    o->sweep_at = SWEEP_FIRST;
}

size_t hy__admitted_bytes(const hy__object_t *o) {
    const admission_t *a;
    size_t bytes = 0;
    for (uint32_t pos = 0; (a = hy_dict_next(&o->admitted, &pos));)
        bytes += admission_bytes(a->hyperty);
    return bytes;
}

bool hy__object_admits(hy__object_t *o, hy_str_t *hyperty, const hy_session_t *s) {
    admission_t *a = hy_dict_get(&o->admitted, hyperty);
    if (a && a->is_gone) return false;
    if (a && a->session == 0) {
        a->session = s->id;
        hy__keep_admission(o, hyperty, s->id);
    }
    return a && a->session == s->id;
}

/* Strikes those whose session has ended, once they may be half of all; so each costs little. */
static void sweep(const hy_node_server_t *n, hy__object_t *o) {
    if (o->admitted.count < o->sweep_at) return;
    admission_t *a;
    for (uint32_t pos = 0; (a = hy_dict_next(&o->admitted, &pos));) {
        const hy_session_t *s = hy__holder_of(n, a->hyperty->bytes, a->hyperty->len);
        if (!a->session || (s && s->id == a->session)) continue;
        hy__keep_admission_end(o, a->hyperty);
        strike(o, a);
    }
    uint32_t twice = o->admitted.count * 2;
    o->sweep_at = twice > SWEEP_FIRST ? twice : SWEEP_FIRST;
}

static bool is_listening(const hy__object_t *o, const hy_session_t *s, const hy_str_t *hyperty) {
    uint32_t hash = hy_hash(hyperty->bytes, hyperty->len);
    for (hy_link_t *l = o->topics.next; l != &o->topics; l = l->next) {
        const hy__topic_t *t = hy_link_owner(l, hy__topic_t, link);
        const hy__route_t *r = hy__kind_is_guarded(t->kind) ? hy__route_find(s, t->url) : NULL;
        if (r && hy_dict_find(&r->sources, hyperty->bytes, hyperty->len, hash)) return true;
    }
    return false;
}

/* Ext: of who is admitted, whether anybody has it ("here"), and has a route for it ("listens") or
 * had one and gave it up ("left"). */
static void reply_presence(hy_session_t *s, hy_msg_t *m, bool is_here, bool listens,
                           bool has_left) {
    hy_node_t *value = hy_node_new(HY_OBJECT);
    if (value && hy_put(value, "here", hy_bool(is_here)) == 0 &&
        hy_put(value, "listens", hy_bool(listens)) == 0 &&
        hy_put(value, "left", hy_bool(has_left)) == 0) {
        hy__reply(s, m, 200, NULL, hy_node_value(value));
        return;
    }
    hy_node_unref(value);
    hy__reply(s, m, 200, NULL, hy_absent());
}

/* Ext: whether another one of its session goes on hearing the object when it is expelled
 * ("shared"). */
static void reply_flag(hy_session_t *s, hy_msg_t *m, const char *key, bool is_so) {
    hy_node_t *value = hy_node_new(HY_OBJECT);
    if (value && hy_put(value, key, hy_bool(is_so)) == 0) {
        hy__reply(s, m, 200, NULL, hy_node_value(value));
        return;
    }
    hy_node_unref(value);
    hy__reply(s, m, 200, NULL, hy_absent());
}

/* The whole grace is for whoever may come yet. */
static void miss(hy__object_t *o, admission_t *a, bool is_expected) {
    const hy_node_server_t *n = o->said->server;
    a->is_missed = true;
    a->is_expected = is_expected;
    a->since_ms = hy_clock_now(n->clock);
    if (!hy_timer_is_started(&o->absent)) hy_timer_start(n->clock, &o->absent, n->limits.grace_ms);
}

int hy__object_readmit(hy__object_t *o, hy_str_t *hyperty, uint64_t session) {
    admission_t *a = hy_dict_put(&o->admitted, hyperty, NULL);
    if (!a) return HY_ENOMEM;
    o->said->held += admission_bytes(hyperty);
    a->session = session;
    const hy_session_t *s = hy__holder_of(o->said->server, hyperty->bytes, hyperty->len);
    if (session == 0)
        miss(o, a, true);
    else if (s)
        review_session(o, s);
    return 0;
}

void hy__object_keep_admitted(hy__object_t *o) {
    const admission_t *a;
    for (uint32_t pos = 0; (a = hy_dict_next(&o->admitted, &pos));)
        hy__keep_admission(o, a->hyperty, a->session);
}

void hy__admitted_add(hy_session_t *s, hy_msg_t *m, hy__object_t *o, hy_str_t *hyperty) {
    hy_node_server_t *n = s->server;
    hy_error_t err;
    sweep(n, o);
    bool is_full = o->admitted.count >= HY_OBJECT_ADMITTED_MAX;
    admission_t *a = hy_dict_get(&o->admitted, hyperty);
    int r = a ? 0 : hy__session_check_room(s, admission_bytes(hyperty), &err);
    if (r == 0 && !a && !is_full && (a = hy_dict_put(&o->admitted, hyperty, NULL)))
        s->held += admission_bytes(hyperty);
    if (r == 0 && !a && is_full)
        r = hy__bound_refuse(n, HY__BOUND_ADMITTED, o->url->bytes, hyperty->bytes, &err);
    else if (r == 0 && !a)
        r = hy_fail(&err, HY_ENOMEM, "%s cannot be admitted to %s: out of memory", hyperty->bytes,
                    o->url->bytes);
    if (r < 0) {
        hy__refuse(s, m, &err);
        return;
    }
    const hy_session_t *observer = hy__holder_of(n, hyperty->bytes, hyperty->len);
    bool listens = observer && is_listening(o, observer, hyperty);
    a->is_left = a->is_left && observer && observer->id == a->session && !listens;
    a->session = observer ? observer->id : 0;
    bool is_expected = !a->is_missed || a->is_expected;
    a->is_missed = a->is_gone = false;
    hy__keep_admission(o, hyperty, a->session);
    if (observer) review_session(o, observer);
    if (!listens) miss(o, a, is_expected);
    reply_presence(s, m, observer != NULL, listens, a->is_left);
}

static bool is_reached(const hy__object_t *o, const hy_session_t *s) {
    for (hy_link_t *l = o->topics.next; l != &o->topics; l = l->next) {
        const hy__topic_t *t = hy_link_owner(l, hy__topic_t, link);
        const hy__route_t *r = hy__kind_is_guarded(t->kind) ? hy__route_find(s, t->url) : NULL;
        if (r && hy__route_is_open(r)) return true;
    }
    return false;
}

/* What waits for the hyperty's session goes, unless another one there is admitted; so nothing of
 * the object reaches it after the answer. */
void hy__admitted_remove(hy_session_t *s, hy_msg_t *m, hy__object_t *o, hy_str_t *hyperty) {
    admission_t *a = hy_dict_get(&o->admitted, hyperty);
    bool is_shared = false;
    if (a) {
        hy__keep_admission_end(o, hyperty);
        hy__keep_sync(s->server);
        strike(o, a);
    }
    hy_session_t *observer = hy__holder_of(s->server, hyperty->bytes, hyperty->len);
    if (observer) {
        review_session(o, observer);
        is_shared = is_reached(o, observer);
        if (!is_shared) hy__outgoing_purge(observer, o);
    }
    reply_flag(s, m, "shared", is_shared);
}

/* --- who is gone ------------------------------------------------------------------------------ */

/* `is_late`: it has not listened for a while, be it here or not. */
static hy_msg_t *make_gone(const hy_node_server_t *n, const hy__object_t *o, hy_str_t *hyperty,
                           bool is_late) {
    hy_str_t *to = hy_str_append(o->url, "/subscription");
    hy_node_t *body = hy_node_new(HY_OBJECT);
    int rc = to && body ? hy_put(body, "source", hy_string(hy_str_ref(hyperty))) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(body, "gone", hy_bool(true));
    if (rc == 0 && is_late) rc = hy_put(body, "listens", hy_bool(false));
    hy_msg_t *m = NULL;
    if (rc == 0) {
        m = hy_msg_new(HY_MSG_UNSUBSCRIBE, hy_absent(), n->sm_url, to, hy_node_value(body));
    } else if (body) {
        hy_node_unref(body);
    }
    hy_str_unref(to);
    return m;
}

/* Where memory is short the holder hears of it the next time. */
static void tell_gone(hy_session_t *holder, const hy__object_t *o, hy_str_t *hyperty,
                      bool is_late) {
    hy_msg_t *m = make_gone(holder->server, o, hyperty, is_late);
    if (m) hy__deliver(holder, m);
    hy_msg_unref(m);
}

void hy__object_miss(hy__object_t *o, hy_str_t *hyperty, bool has_left) {
    admission_t *a = o->said ? hy_dict_get(&o->admitted, hyperty) : NULL;
    if (!a) return;
    miss(o, a, false);
    a->is_left = has_left;
}

/* All that the hyperties of the session observe. */
static void miss_all(hy_session_t *s, bool is_told) {
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&s->routes, &pos));) {
        const hy__route_t *r = slot->item;
        hy__object_t *o = r->topic->object;
        if (r->topic->kind != HY__CHANGES || !o->is_guarded) continue;
        hy_session_t *holder = hy__object_holder(s->server, o);
        if (!holder || holder == s) continue;
        hy_str_t *const *source;
        for (uint32_t at = 0; (source = hy_dict_next(&r->sources, &at));) {
            if (!hy__object_admits(o, *source, s)) continue;
            hy__object_miss(o, *source, false);
            if (is_told) tell_gone(holder, o, *source, false);
        }
    }
}

void hy__objects_bereave(hy_session_t *s) {
    miss_all(s, true);
}

void hy__objects_miss(hy_session_t *s) {
    miss_all(s, false);
}

/* The holder knows of its own by itself. */
static bool is_there(const hy__object_t *o, const admission_t *a, const hy_session_t *observer) {
    if (!observer || a->is_gone) return false;
    if (observer == o->said) return true;
    return observer->id == a->session && is_listening(o, observer, a->hyperty);
}

static bool is_to_be_told(const admission_t *a, const hy_session_t *observer) {
    return !(a->is_expected && observer && observer->id == a->session);
}

/* The grace is over. */
static void look_for(hy__object_t *o, admission_t *a, const hy_session_t *observer) {
    if (is_to_be_told(a, observer)) tell_gone(o->said, o, a->hyperty, true);
    if (observer || a->is_gone) return;
    a->is_gone = true;
    hy__keep_admission_end(o, a->hyperty);
}

static void on_absent(void *object) {
    hy__object_t *o = object;
    const hy_node_server_t *n = o->said->server;
    uint64_t now_ms = hy_clock_now(n->clock), next_ms = UINT64_MAX;
    admission_t *a;
    for (uint32_t pos = 0; (a = hy_dict_next(&o->admitted, &pos));) {
        if (!a->is_missed) continue;
        const hy_session_t *observer = hy__holder_of(n, a->hyperty->bytes, a->hyperty->len);
        if (observer && a->session == 0) hy__object_admits(o, a->hyperty, observer);
        if (is_there(o, a, observer)) {
            a->is_missed = false;
            continue;
        }
        if (now_ms >= a->since_ms + n->limits.grace_ms) {
            look_for(o, a, observer);
            a->since_ms = now_ms;
        }
        uint64_t end_ms = a->since_ms + n->limits.grace_ms;
        if (end_ms < next_ms) next_ms = end_ms;
    }
    if (next_ms != UINT64_MAX) hy_timer_start(n->clock, &o->absent, next_ms - now_ms);
}
