/* Child operations of others at the parent's reporter (PROTOCOL.md section 6).
 *
 *      message ─► participant? collection? ─► seen before: the answer of then
 *                                         ─► something missing: 409
 *                                         ─► the hyperty may refuse ─► keep ─► stamp ─► 200
 *                                                                  └► refuse ─► stamp ─► 403
 *
 * Operations of one child are decided one after the other; those of others go on meanwhile. What
 * was answered is remembered for the last HY_CHILD_ANSWERS_MAX operations, older ones are known by
 * marks and versions. */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "handover.h"

#include <string.h>

#define WAITING_MAX 64

/* Operations of a child that wait behind one in the hands of the hyperty. They go on in a turn of
 * their own, as a decision may be made inside a call of the hyperty. */
typedef struct {
    hy_reporter_t *reporter;
    hy_str_t *key; /* child key; referenced */
    hy_timer_t turn;
    uint32_t count;
    hy_msg_t *messages[WAITING_MAX];
} waiting_t;

typedef struct {
    hy_str_t *key;      /* child key */
    waiting_t *waiting; /* NULL: nothing waits */
} busy_t;

typedef struct {
    hy_str_t *key; /* <child key>@<version> */
    uint32_t digest;
    int code;
} answer_t;

typedef struct {
    hy_childop_t *op;
    hy_str_t *collection;
    uint32_t digest;
} judging_t;

static void take(hy_reporter_t *r, hy_msg_t *m);

/* --- memory of answers ------------------------------------------------------------------------ */

/* The same in every process (FNV-1a): who takes the object over compares with it, too. */
static uint32_t digest_of(const hy_childop_t *op) {
    hy_buf_t text;
    hy_buf_init(&text);
    op->payload.ops->write(&op->payload, &text);
    uint32_t digest = 2166136261u;
    for (size_t i = 0; i < text.len; i++) {
        digest = (digest ^ (unsigned char)text.bytes[i]) * 16777619u;
    }
    hy_buf_deinit(&text);
    return digest;
}

static hy_str_t *answer_key(const hy_str_t *creator, const hy_childop_t *op) {
    return hy_str_format("%s#%s@%llu", creator->bytes, op->id->bytes,
                         (unsigned long long)op->version);
}

static void remember(hy_reporter_t *r, const hy_str_t *creator, const judging_t *j, int code) {
    if (r->answers.count >= HY_CHILD_ANSWERS_MAX) {
        uint32_t pos = 0;
        hy_dict_remove(&r->answers, hy_dict_next(&r->answers, &pos));
    }
    hy_str_t *key = answer_key(creator, j->op);
    answer_t *a = key ? hy_dict_put(&r->answers, key, NULL) : NULL;
    hy_str_unref(key);
    if (!a) return;
    a->digest = j->digest;
    a->code = code;
}

static void respond(hy_reporter_t *r, hy_msg_t *m, int http, const char *desc) {
    hy__ledger_respond(r->ledger, r->party.syncher->manager, m, http, desc, hy_absent());
}

/* 409 with the version that is there; -1: not even the create. */
static void respond_missing(hy_reporter_t *r, hy_msg_t *m, int64_t version) {
    hy_node_t *value = hy_node_new(HY_OBJECT);
    if (!value || hy_put(value, "version", hy_int(version)) < 0) {
        if (value) hy_node_unref(value);
        value = NULL;
    }
    hy__ledger_respond(r->ledger, r->party.syncher->manager, m, 409,
                       "operations before this one are missing",
                       value ? hy_node_value(value) : hy_absent());
}

/* --- one after the other ---------------------------------------------------------------------- */

static hy_clock_t *clock_of(const hy_reporter_t *r) {
    return hy_bus_clock(r->party.syncher->manager->bus);
}

static busy_t *find_busy(const hy_reporter_t *r, const hy_str_t *key) {
    return hy_dict_find(&r->busy, key->bytes, key->len, hy_hash(key->bytes, key->len));
}

static void waiting_free(waiting_t *w, hy_clock_t *clock) {
    hy_timer_stop(clock, &w->turn);
    while (w->count > 0) {
        hy_msg_unref(w->messages[--w->count]);
    }
    hy_str_unref(w->key);
    hy_free(w);
}

static void on_turn(void *arg) {
    waiting_t *w = arg;
    hy_reporter_t *r = w->reporter;
    hy_dict_remove(&r->busy, find_busy(r, w->key));
    hy_clock_t *clock = clock_of(r);
    hy_party_ref(&r->party);
    for (uint32_t i = 0; i < w->count; i++) {
        if (!r->party.is_open || !hy__reporter_hosted(r)) continue;
        if (!hy__telling_gate(&r->party, HY_ASKED_CHILDREN, w->messages[i]))
            take(r, w->messages[i]);
    }
    waiting_free(w, clock);
    hy_party_unref(&r->party);
}

/* The child is free again: what waited goes on. */
static void go_on(hy_reporter_t *r, const hy_str_t *key) {
    busy_t *b = find_busy(r, key);
    if (!b) return;
    waiting_t *w = b->waiting;
    if (w && hy_timer_start(clock_of(r), &w->turn, 0) == 0) return;
    hy_dict_remove(&r->busy, b);
    if (w) waiting_free(w, clock_of(r)); /* out of memory: they are sent again */
}

/* Keeps or refuses the operation, which makes a version, and answers. */
static void conclude(hy_reporter_t *r, hy_msg_t *request, hy_child_t *child, const judging_t *j,
                     int code, const char *reason) {
    hy_error_t err = {.text = ""};
    hy_stamp_t *s = hy__reporter_make_stamp(r, j->collection, child, j->op);
    int rc = code;
    bool is_undone = !s, is_refused = s && code < 0;
    if (s && code == 0) {
        rc = hy__reporter_keep(r, s, child, j->op, false, &err);
        is_undone = rc == HY_ENOMEM || rc == HY_EFULL; /* not the operation is at fault */
        is_refused = rc < 0 && !is_undone;
    }
    if (is_refused) {
        s->kind = HY_CHILDOP_REFUSE;
        is_undone = r->ledger && hy__ledger_stamp(r->ledger, s, child, j->op) < 0;
    }
    if (is_undone) { /* to be tried again */
        hy_stamp_unref(s);
        respond(r, request, 503, "the reporter has no room just now");
        return;
    }
    if (rc == HY_EGAP) rc = HY_ESCHEMA;
    if (is_refused) {
        if (j->op->kind == HY_CHILDOP_CREATE) {
            hy_marks_see(hy_children_marks(r->party.object->children), child->reporter, child->n,
                         child->n);
            child->state = HY_CHILD_REFUSED;
        } else {
            hy_children_touch(r->party.object->children, child);
            child->version = j->op->version; /* refused counts as seen */
        }
        if (!reason) reason = err.text[0] ? err.text : "refused by the reporter";
    }
    int http = rc < 0 ? hy_error_http(rc) : 200;
    remember(r, child->reporter, j, http);
    respond(r, request, http, rc < 0 ? reason : NULL); /* before the stamp, which has no reason */
    hy__reporter_stamp(r, s, j->op);
}

static void decided(void *arg, hy_decision_t *d, int code, const char *reason) {
    judging_t *j = arg;
    hy_reporter_t *r = (hy_reporter_t *)d->party;
    const hy_child_t *child = d->child;
    if (r->party.is_open && d->is_cancelled) { /* sent again to who reports it then */
        respond(r, d->request, 503, reason);
    } else if (r->party.is_open && r->is_replaced) {
        respond(r, d->request, 503, "the object is reported elsewhere now");
    } else if (r->party.is_open && hy__delegation_defers(hy__reporter_hosted(r), d->request)) {
        go_on(r, child->key);
    } else if (r->party.is_open && r->party.object) {
        if (j->op->kind != HY_CHILDOP_CREATE && child->state != HY_CHILD_KEPT) {
            respond(r, d->request, 410, "the child was deleted"); /* while the hyperty thought */
        } else {
            conclude(r, d->request, d->child, j, code, reason);
        }
        go_on(r, child->key);
    }
    hy_childop_unref(j->op);
    hy_str_unref(j->collection);
    hy_free(j);
}

static bool is_denied(hy_reporter_t *r, const hy_asker_t *who, const judging_t *j,
                      hy_error_t *err) {
    hy_hosted_t *h = hy__reporter_hosted(r);
    if (!hy__hosted_guest(h, who->url) || hy_str_equal(who->url, r->party.syncher->url))
        return false;
    return hy__judge_denies_child(h, who, j->collection, err);
}

/* `child` is borrowed; `j` is taken over. */
static void ask(hy_reporter_t *r, hy_msg_t *m, hy_child_t *child, judging_t *j) {
    busy_t *b = hy_dict_put(&r->busy, child->key, NULL);
    const hy_guest_t *g = hy__hosted_guest(hy__reporter_hosted(r), m->from);
    hy_asker_t who = g ? hy__guest_asker(g, m) : (hy_asker_t){.url = m->from};
    hy_decision_t *d =
        b ? hy__decision_new(r->party.syncher, &r->party, HY_DECIDE_CHILD, m, &who) : NULL;
    if (!d) {
        if (b) hy_dict_remove(&r->busy, b);
        respond(r, m, 503, "out of memory");
        hy_childop_unref(j->op);
        hy_str_unref(j->collection);
        hy_free(j);
        return;
    }
    d->refusal = 0;
    d->child_kind = hy__childop_event(j->op->kind);
    d->child = hy_child_ref(child);
    d->change = j->op->change ? hy_change_ref(j->op->change) : NULL;
    d->decided = decided;
    d->arg = j;
    hy_error_t err;
    if (is_denied(r, &who, j, &err)) {
        hy__decision_deny(d, err.text);
    } else {
        hy__decision_ask(d);
    }
}

/* Answers from memory; false if the operation is new. */
static bool answer_seen(hy_reporter_t *r, hy_msg_t *m, const judging_t *j, uint64_t n) {
    hy_object_t *o = r->party.object;
    hy_str_t *key = answer_key(m->from, j->op);
    answer_t *a = key ? hy_dict_get(&r->answers, key) : NULL;
    hy_str_unref(key);
    if (a && !HY_MUTANT(DOUBLE_CREATE)) {
        bool is_same = a->digest == j->digest;
        respond(r, m, is_same ? a->code : 409,
                is_same ? NULL : "that operation was seen with other content");
        return true;
    }
    const hy_child_t *child = hy_children_find(o->children, m->from, n);
    bool was_made = hy_marks_seen(hy_children_marks(o->children), m->from, n);
    if (HY_MUTANT(DOUBLE_CREATE) && !child) was_made = false;
    if (j->op->kind == HY_CHILDOP_CREATE) {
        if (was_made) respond(r, m, 200, NULL);
        return was_made;
    }
    if (!child) {
        if (was_made) {
            respond(r, m, 410, "the child was deleted");
        } else {
            respond_missing(r, m, -1);
        }
        return true;
    }
    if (j->op->version <= child->version) {
        respond(r, m, 200, NULL);
        return true;
    }
    if (j->op->version == child->version + 1) return false;
    respond_missing(r, m, (int64_t)child->version);
    return true;
}

static int make_child(hy_reporter_t *r, hy_msg_t *m, const judging_t *j, hy_child_t **out,
                      hy_error_t *err) {
    hy_str_t *user = hy__hosted_user(hy__reporter_hosted(r), m->from);
    const hy_childop_t *op = j->op;
    if (op->user && !(user && hy_str_equal(op->user, user)))
        return hy_fail(err, HY_EFORBIDDEN, "%s subscribed as another user than %s", m->from->bytes,
                       op->user->bytes);
    hy_value_t data;
    int rc = hy_value_copy(op->data, &data);
    if (rc == 0) rc = hy_child_new(j->collection, m->from, op->id, data, out, err);
    if (rc < 0) return rc;
    (*out)->user = user ? hy_str_ref(user) : NULL;
    (*out)->created_ms = op->created_ms;
    return 0;
}

/* Data that does not fit is no matter of taste: the hyperty is not asked. */
static int check_fit(const hy_reporter_t *r, const hy_child_t *child, const hy_childop_t *op,
                     hy_error_t *err) {
    const hy_object_t *o = r->party.object;
    if (op->kind == HY_CHILDOP_CREATE)
        return hy__fit_check_new(o, child->collection, op->data, err);
    return op->change ? hy__fit_try(o, child, op->change, err) : 0;
}

static void judge(hy_reporter_t *r, hy_msg_t *m, judging_t *j) {
    hy_error_t err = {.text = ""};
    uint64_t n = hy_child_number(m->from, j->op->id);
    bool is_create = j->op->kind == HY_CHILDOP_CREATE;
    hy_child_t *child = NULL;
    int rc = 0;
    if (n == 0)
        rc = is_create ? hy_fail(&err, HY_EINVALID, "child id \"%s\" is not of %s",
                                 j->op->id->bytes, m->from->bytes)
                       : hy_fail(&err, HY_EFORBIDDEN, "child %s is not of %s", j->op->id->bytes,
                                 m->from->bytes);
    if (rc == 0 && answer_seen(r, m, j, n)) {
        rc = 1;
    } else if (rc == 0 && is_create) {
        rc = make_child(r, m, j, &child, &err);
    } else if (rc == 0) {
        child = hy_child_ref(hy_children_find(r->party.object->children, m->from, n));
    }
    bool is_misfit = rc == 0 && check_fit(r, child, j->op, &err) == HY_ESCHEMA;
    if (is_misfit) conclude(r, m, child, j, HY_ESCHEMA, err.text);
    if (rc == 0 && !is_misfit) {
        ask(r, m, child, j);
    } else {
        if (rc < 0) respond(r, m, hy_error_http(rc), err.text[0] ? err.text : hy_error_text(rc));
        hy_childop_unref(j->op);
        hy_str_unref(j->collection);
        hy_free(j);
    }
    hy_child_unref(child);
}

static waiting_t *waiting_new(hy_reporter_t *r, hy_str_t *key) {
    waiting_t *w = hy_alloc_zero(sizeof *w);
    if (!w) return NULL;
    w->reporter = r;
    w->key = hy_str_ref(key);
    hy_timer_init(&w->turn, on_turn, w);
    return w;
}

/* True if the message has to wait for a decision on its child (or could not even do that). */
static bool put_behind(hy_reporter_t *r, hy_msg_t *m, const hy_childop_t *op) {
    hy_span_t own = hy_address_identifier(m->from);
    if (r->busy.count == 0 || op->id->len <= own.len) return false;
    hy_str_t *key = hy_str_append(m->from, op->id->bytes + own.len);
    busy_t *b = key ? hy_dict_get(&r->busy, key) : NULL;
    hy_str_unref(key);
    if (!b) return false;
    if (!b->waiting) b->waiting = waiting_new(r, b->key);
    if (!b->waiting) {
        respond(r, m, 503, "out of memory");
    } else if (b->waiting->count < WAITING_MAX) {
        b->waiting->messages[b->waiting->count++] = hy_msg_ref(m);
    } else {
        respond(r, m, 429, "too many operations of this child wait for a decision");
    }
    return true;
}

/* The part of <Object>/children/<collection> after the last slash, if the schema has it; else NULL.
 */
static hy_str_t *collection_of(const hy_reporter_t *r, const hy_msg_t *m) {
    const hy_schema_t *schema = r->party.object->schema;
    const char *name = m->to->bytes + r->children->len;
    size_t len = m->to->len - r->children->len;
    return hy_schema_has_collection(schema, name, len) ? hy_str_new(name, len) : NULL;
}

static void take(hy_reporter_t *r, hy_msg_t *m) {
    hy__reporter_tell_own(r, NULL);
    if (!r->party.is_open) return; /* ended by a handler */
    hy_error_t err = {.text = ""};
    hy_childop_t *op;
    int rc = hy__ledger_check(r->ledger, &err);
    if (rc == 0) rc = hy_childop_of(m, &op, &err);
    if (rc < 0) {
        respond(r, m, hy_error_http(rc), err.text);
        return;
    }
    hy_str_t *collection = collection_of(r, m);
    judging_t *j = collection ? hy_alloc(sizeof *j) : NULL;
    if (!j || put_behind(r, m, op)) {
        if (!collection) respond(r, m, 404, "the schema of the object has no such collection");
        hy_free(j);
        hy_str_unref(collection);
        hy_childop_unref(op);
        return;
    }
    *j = (judging_t){.op = op, .collection = collection, .digest = digest_of(op)};
    judge(r, m, j);
}

static void on_event(hy_reporter_t *r, hy_msg_t *m) {
    hy_str_t *collection = collection_of(r, m);
    if (collection) hy__tell_event(&r->party, collection, m->from, hy_get(hy_msg_body(m), "value"));
    hy_str_unref(collection);
}

void hy__reporter_child_message(void *reporter, hy_msg_t *m) {
    hy_reporter_t *r = reporter;
    hy_hosted_t *h = hy__reporter_hosted(r);
    if (m->type == HY_MSG_RESPONSE || !h) return;
    bool is_own = hy_str_equal(m->from, r->party.syncher->url);
    bool is_answered = m->id.kind != HY_ABSENT && m->type != HY_MSG_EVENT;
    if ((!is_own || is_answered) && hy__telling_gate(&r->party, HY_ASKED_CHILDREN, m)) return;
    hy_party_ref(&r->party); /* handlers may end it */
    /* What the reporter does itself asks for no answer; its hyperty may observe, too, and asks. */
    if (is_own && !is_answered) {
        if (m->type != HY_MSG_EVENT) hy__reporter_tell_own(r, m);
    } else if (hy__reporter_returns(r)) {
        respond(r, m, 503, "the object's reporter is not back yet");
    } else if (!hy__hosted_has_observer(h, m->from)) {
        respond(r, m, 403, "only observers of the object write children");
    } else if (m->type == HY_MSG_EVENT) {
        on_event(r, m);
    } else if (m->type <= HY_MSG_DELETE && m->type != HY_MSG_READ) {
        if (!hy__delegation_defers(h, m)) take(r, m);
    } else {
        respond(r, m, 400, "children take create, update, delete and event");
    }
    hy_party_unref(&r->party);
}

/* --- handing over ----------------------------------------------------------------------------- */

static int put_answer(hy_node_t *list, const answer_t *a) {
    hy_node_t *entry = hy_node_new(HY_ARRAY);
    int rc = entry ? hy_node_insert(entry, 0, hy__string_ref(a->key)) : HY_ENOMEM;
    if (rc == 0) rc = hy_node_insert(entry, 1, hy_int(a->digest));
    if (rc == 0) rc = hy_node_insert(entry, 2, hy_int(a->code));
    if (rc == 0) return hy_node_insert(list, hy_node_count(list), hy_node_value(entry));
    if (entry) hy_node_unref(entry);
    return rc;
}

hy_value_t hy__moderation_write(const hy_reporter_t *r) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list ? 0 : HY_ENOMEM;
    const answer_t *a;
    for (uint32_t pos = 0; rc == 0 && (a = hy_dict_next(&r->answers, &pos));) {
        rc = put_answer(list, a);
    }
    if (rc == 0) return hy_node_value(list);
    if (list) hy_node_unref(list);
    return hy_absent();
}

int hy__moderation_read(hy_reporter_t *r, const hy_node_t *answers) {
    for (size_t i = 0; answers && i < hy_node_count(answers); i++) {
        hy_value_t at = hy_node_at(answers, i);
        if (at.kind != HY_ARRAY) return HY_EINVALID;
        hy_value_t key = hy_node_at(at.as.n, 0), digest = hy_node_at(at.as.n, 1);
        hy_value_t code = hy_node_at(at.as.n, 2);
        if (key.kind != HY_STR || digest.kind != HY_INT || code.kind != HY_INT) return HY_EINVALID;
        if (r->answers.count >= HY_CHILD_ANSWERS_MAX) return 0;
        answer_t *a = hy_dict_put(&r->answers, key.as.s, NULL);
        if (!a) return HY_ENOMEM;
        a->digest = (uint32_t)digest.as.i;
        a->code = (int)code.as.i;
    }
    return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

bool hy__moderation_has_from(const hy_reporter_t *r, const hy_str_t *creator) {
    const busy_t *b;
    for (uint32_t pos = 0; (b = hy_dict_next(&r->busy, &pos));) {
        const hy_str_t *key = b->key; /* <creator>#<n> */
        if (key->len > creator->len && key->bytes[creator->len] == '#' &&
            memcmp(key->bytes, creator->bytes, creator->len) == 0)
            return true;
    }
    return false;
}

void hy__moderation_init(hy_reporter_t *r) {
    hy_dict_init(&r->busy, sizeof(busy_t));
    hy_dict_init(&r->answers, sizeof(answer_t));
}

void hy__moderation_deinit(hy_reporter_t *r) {
    const busy_t *b;
    for (uint32_t pos = 0; (b = hy_dict_next(&r->busy, &pos));) {
        if (b->waiting) waiting_free(b->waiting, clock_of(r));
    }
    hy_dict_deinit(&r->busy);
    hy_dict_deinit(&r->answers);
}
