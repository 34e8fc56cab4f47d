/* Requests that outlive a session: letting in, giving back, leaving, striking off. Who leaves while
 * there is no connection has left: what the node and others must hear of it is said when there is
 * one again, so that nothing comes back to life (rejoin.h). */
#include "../base/mem.h"
#include "sync.h"

typedef struct {
    hy_job_t job;
    hy_str_t *object;   /* one to be buried: claimed, told as deleted, then given back; else NULL */
    bool is_held;       /* it need not be claimed: this session holds it */
    bool is_introduced; /* to a node of another domain */
    hy_str_t *key, *from, *to;
    hy_msg_type_t type;
    uint32_t tries; /* in vain, of those who may be away */
    hy_value_t body;
    hy_domain_cb done;
    void *arg;
} lasting_t;

static void tell(lasting_t *l, int code, const char *desc, hy_node_t *body) {
    hy_domain_cb done = l->done;
    l->done = NULL;
    if (done) done(l->arg, code, desc, body);
}

/* --- abroad ----------------------------------------------------------------------------------- */

/* What an object's sync manager says to hyperties of another domain goes by the node of that one,
 * which does not know who speaks for the object: so its address is claimed there for as long as
 * something of it is under way. */
static bool is_abroad(const lasting_t *l) {
    return l->from != l->job.manager->sm && !hy_address_same_domain(l->from, l->to);
}

/* False if another one still needs the claim. */
static bool is_last_abroad(const lasting_t *l) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&l->job.manager->lasting, &pos));) {
        const lasting_t *other = e->part;
        if (other != l && hy_str_equal(other->from, l->from) &&
            hy_address_same_domain(other->to, l->to))
            return false;
    }
    return true;
}

static void leave_abroad(const lasting_t *l) {
    hy_manager_t *m = l->job.manager;
    hy_value_t body = hy__route_body(hy__list2(hy_str_ref(l->from), NULL), m->sm);
    hy__domain_ask(m, HY_MSG_UNSUBSCRIBE, hy__domain_sm(m, l->to), body, NULL, NULL);
}

/* --- life ------------------------------------------------------------------------------------- */

static void lasting_free(lasting_t *l) {
    hy__job_cancel(&l->job);
    if (l->is_introduced && is_last_abroad(l)) leave_abroad(l);
    hy_str_unref(l->object);
    hy_str_unref(l->key);
    hy_str_unref(l->from);
    hy_str_unref(l->to);
    hy_value_drop(l->body);
    hy_free(l);
}

static bool is_to_node(const lasting_t *l) {
    return strncmp(l->to->bytes, "domain://", strlen("domain://")) == 0;
}

/* The node answers for good, unless it is too much; others may be away for a while. */
static bool is_to_be_repeated(lasting_t *l, int http) {
    if (http == 429 || http == 503) return true;
    bool is_node = is_to_node(l);
    bool is_invitation = l->type == HY_MSG_CREATE; /* it may have been seen, and declined */
    bool is_passing = http == 404 || (!is_invitation && http == 408);
    if (is_node) return http == 408;
    return is_passing && ++l->tries < HY_LASTING_TRIES_MAX;
}

static void on_answer(void *lasting, int http, hy_msg_t *answer) {
    lasting_t *l = lasting;
    hy_manager_t *m = l->job.manager;
    hy_msg_ref(answer);
    bool is_repeated = is_to_be_repeated(l, http);
    bool is_told =
        !is_repeated || http != 408 || is_to_node(l) || l->tries >= HY_LASTING_TRIES_TOLD;
    hy_domain_cb done = is_told ? l->done : NULL;
    void *arg = l->arg;
    if (is_told) l->done = NULL;
    if (is_repeated) {
        hy__job_retry(&l->job);
    } else {
        bool is_invitation = l->type == HY_MSG_CREATE;
        if (l->object) hy__buried_add(m, l->object);
        hy__part_remove(&m->lasting, l->key);
        lasting_free(l);
        if (is_invitation) hy__hosted_invited(m, answer);
    }
    if (done)
        done(arg, hy_error_from_http(http), http < 300 ? "" : hy_msg_desc(answer),
             hy_msg_body(answer));
    hy_msg_unref(answer);
}

static void transmit(lasting_t *l) {
    hy_value_t body;
    if (hy_value_copy(l->body, &body) < 0) body = hy_absent();
    hy__job_ask(&l->job, l->type, l->from, hy_str_ref(l->to), body, on_answer);
}

/* The observers that are there hear it now, whether or not they were admitted; the others are told
 * 410 when they ask. */
static void on_claimed(void *lasting, int http, hy_msg_t *answer) {
    lasting_t *l = lasting;
    (void)answer;
    if (hy__is_passing(http)) {
        hy__job_retry(&l->job);
        return;
    }
    if (http < 300) hy__publish_delete(l->job.manager, l->object);
    transmit(l);
}

static void on_introduced(void *lasting, int http, hy_msg_t *answer) {
    lasting_t *l = lasting;
    (void)answer;
    if (http == 408 || http == 503) {
        hy__job_retry(&l->job);
    } else {
        l->is_introduced = http < 300;
        transmit(l);
    }
}

static void introduce(lasting_t *l) {
    hy_manager_t *m = l->job.manager;
    hy_value_t resources = hy__list2(hy_str_ref(l->from), NULL);
    hy__job_ask(&l->job, HY_MSG_SUBSCRIBE, m->sm, hy__domain_sm(m, l->to),
                hy__route_body(resources, m->sm), on_introduced);
}

static void run(void *lasting) {
    lasting_t *l = lasting;
    hy_manager_t *m = l->job.manager;
    if (l->from != m->sm && !hy__hosted_may_send(m, l->from)) {
        hy__job_retry(&l->job);
        return;
    }
    if (is_abroad(l)) {
        introduce(l);
        return;
    }
    if (!l->object || l->is_held) {
        l->is_held = false; /* should it come here again, there was a loss */
        transmit(l);
        return;
    }
    hy_value_t resources = hy__list2(hy_str_ref(l->object), NULL);
    hy__job_ask(&l->job, HY_MSG_SUBSCRIBE, m->sm, hy__domain_sm(m, l->object),
                hy__route_body(resources, NULL), on_claimed);
}

static hy_str_t *key_of(const char *what, const hy_str_t *a, const hy_str_t *b) {
    return hy_str_format("%s %s %s", what, a->bytes, b ? b->bytes : "");
}

/* Nothing to keep it with: it is said once. */
static int send_once(hy_manager_t *m, hy_msg_type_t type, hy_str_t *from, hy_str_t *to,
                     hy_value_t body) {
    int rc = to ? hy__manager_send(m, type, from ? from : m->sm, to, body) : HY_ENOMEM;
    if (!to) hy_value_drop(body);
    hy_str_unref(to);
    return rc;
}

static lasting_t *lasting_new(hy_manager_t *m, hy_str_t *key) {
    lasting_t *l = m->lasting.count < HY_LASTING_MAX ? hy_alloc_zero(sizeof *l) : NULL;
    if (!l || hy__part_add(&m->lasting, key, l) == 0) return l;
    hy_free(l);
    return NULL;
}

static int start(hy_manager_t *m, const char *what, hy_str_t *a, hy_str_t *b, bool is_held,
                 hy_str_t *buried, hy_msg_type_t type, hy_str_t *from, hy_str_t *to,
                 hy_value_t body, hy_domain_cb done, void *arg) {
    hy__lasting_drop(m, what, a, b);
    hy_str_t *key = to && body.kind == HY_OBJECT ? key_of(what, a, b) : NULL;
    lasting_t *l = key ? lasting_new(m, key) : NULL;
    if (!l) {
        hy_str_unref(key);
        int rc = send_once(m, type, from, to, body);
        return done ? HY_ENOMEM : rc;
    }
    hy__job_init(&l->job, m, to, run, l);
    l->object = buried ? hy_str_ref(buried) : NULL;
    l->is_held = is_held;
    l->key = key;
    l->from = hy_str_ref(from ? from : m->sm);
    l->to = to;
    l->type = type;
    l->body = body;
    l->done = done;
    l->arg = arg;
    hy__job_begin(&l->job);
    return 0;
}

int hy__lasting_send(hy_manager_t *m, const char *what, hy_str_t *a, hy_str_t *b,
                     hy_msg_type_t type, hy_str_t *from, hy_str_t *to, hy_value_t body,
                     hy_domain_cb done, void *arg) {
    return start(m, what, a, b, false, NULL, type, from, to, body, done, arg);
}

void hy__lasting_bury(hy_manager_t *m, hy_str_t *object, bool is_held) {
    hy_value_t body = hy__body1("childrenResources", hy__list2(hy_str_ref(object), NULL));
    start(m, "deallocate", object, NULL, is_held, object, HY_MSG_DELETE, NULL,
          hy_str_ref(m->node_allocation), body, NULL, NULL);
}

bool hy__lasting_drop(hy_manager_t *m, const char *what, hy_str_t *a, hy_str_t *b) {
    hy_str_t *key = m->lasting.count > 0 ? key_of(what, a, b) : NULL;
    lasting_t *l = key ? hy__part_find(&m->lasting, key) : NULL;
    if (l) {
        hy__part_remove(&m->lasting, key);
        tell(l, HY_ECONFLICT, "it was taken back", NULL);
        lasting_free(l);
    }
    hy_str_unref(key);
    return l != NULL;
}

void hy__lasting_again(hy_manager_t *m, const char *what, const hy_str_t *a, const hy_str_t *b) {
    hy_str_t *key = m->lasting.count > 0 ? key_of(what, a, b) : NULL;
    lasting_t *l = key ? hy__part_find(&m->lasting, key) : NULL;
    if (l) hy__job_begin(&l->job);
    hy_str_unref(key);
}

bool hy__lasting_has(const hy_manager_t *m, const char *what, const hy_str_t *a,
                     const hy_str_t *b) {
    hy_str_t *key = m->lasting.count > 0 ? key_of(what, a, b) : NULL;
    bool has = key && hy__part_find(&m->lasting, key);
    hy_str_unref(key);
    return has;
}

void hy__lasting_free(hy_manager_t *m) {
    hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->lasting, &pos));) {
        lasting_t *l = e->part;
        tell(l, HY_ECLOSED, "the runtime ends", NULL);
        l->is_introduced = false; /* the session ends, and the claim with it */
        lasting_free(l);
    }
    hy_dict_deinit(&m->lasting);
}
