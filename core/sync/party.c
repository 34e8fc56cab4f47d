/* What reporters and observers share: life, fields, transient events, waiting for a child's stamp.
 */
#include "../base/mem.h"
#include "../base/mutant.h"
#include "sync.h"

typedef struct {
    hy_link_t link; /* in the party */
    hy_child_t *child;
    hy_done_cb done;
    void *arg;
    hy_party_t *party;
    hy_timer_t timer;   /* calls back in the next turn if the child is settled already, */
    hy_commit_t commit; /* or once that is committed */
    hy_told_t *told;    /* room for its end, made when a trial began */
    bool is_tried;      /* who waits is on trial */
} await_t;

const char *hy_party_state_word(hy_party_state_t s) {
    static const char *const words[] = {
#define X(name, word) [HY_PARTY_##name] = word,
        HY_PARTY_STATE_MAP(X)
#undef X
    };
    return words[s];
}

const char *hy_child_event_word(hy_child_event_kind_t kind) {
    static const char *const words[] = {[HY_CHILD_EVENT_CREATE] = "create",
                                        [HY_CHILD_EVENT_UPDATE] = "update",
                                        [HY_CHILD_EVENT_DELETE] = "delete",
                                        [HY_CHILD_EVENT_REFUSED] = "refused",
                                        [HY_CHILD_EVENT_EXPIRED] = "expired"};
    return words[kind];
}

/* --- life ------------------------------------------------------------------------------------- */

void hy__party_init(hy_party_t *p, hy_syncher_t *s, hy_str_t *url, bool is_reporter) {
    p->refs = 1;
    p->is_reporter = is_reporter;
    p->is_open = true;
    p->syncher = s;
    p->url = hy_str_ref(url);
    /* What earlier lives sent lies below, also what nobody answered and no mark knows; who reports
     * the object now may have observed it then. */
    p->next_n = (uint64_t)s->life * HY_CHILD_LIFE;
    hy_link_init(&p->accesses);
    hy_link_init(&p->awaits);
    hy_list_append(&s->parties, &p->link);
    hy__trial_meets(p);
}

static hy_clock_t *clock_of(const hy_party_t *p) {
    return hy_bus_clock(p->syncher->manager->bus);
}

static void await_free(await_t *a) {
    hy_timer_stop(clock_of(a->party), &a->timer);
    hy__commit_cancel(&a->commit);
    hy_list_remove(&a->link);
    hy_child_unref(a->child);
    hy__told_drop(a->told);
    hy_free(a);
}

static void await_end(await_t *a, int code, const char *desc) {
    hy_syncher_t *s = a->party->syncher;
    hy_str_t *reason = a->child->reason;
    hy_ending_t e = {.on_done = a->done, .arg = a->arg, .code = code};
    e.text = reason && code < 0 ? hy_str_ref(reason) : hy_str_from(desc);
    hy_told_t *told = a->told;
    bool is_tried = a->is_tried;
    a->told = NULL;
    await_free(a);
    hy__tell_ending(s, is_tried, told, &e);
}

static await_t *first_await(const hy_party_t *p) {
    return hy_list_is_empty(&p->awaits) ? NULL : hy_link_owner(p->awaits.next, await_t, link);
}

/* The end of closing: nothing is called any more. */
static void detach(hy_party_t *p) {
    for (await_t *a; (a = first_await(p));) {
        await_free(a);
    }
    if (p->is_reporter) {
        hy__reporter_deinit((hy_reporter_t *)p);
    } else {
        hy__observer_deinit((hy_observer_t *)p);
    }
    hy_list_remove(&p->link);
    p->object = NULL;
    p->syncher = NULL;
    hy_party_unref(p);
}

void hy__party_close(hy_party_t *p) {
    hy_party_ref(p);
    if (p->is_open) {
        hy__trial_closes(p);
        p->is_open = false;
        p->version = p->object ? p->object->version : 0;
        if (!p->is_untold) hy_view_close(p->view);
        hy__party_close_child_views(p);
        /* Whoever is called here may close the syncher, which detaches the party. */
        for (await_t *a; p->syncher && !p->syncher->is_closing && (a = first_await(p));) {
            await_end(a, HY_ECLOSED, "the object was closed");
        }
        if (p->is_untold && p->syncher) hy__telling_closed(p);
    }
    if (p->syncher) detach(p);
    hy_party_unref(p);
}

hy_party_t *hy_party_ref(hy_party_t *p) {
    p->refs++;
    return p;
}

void hy_party_unref(hy_party_t *p) {
    if (!p || --p->refs > 0) return;
    hy_str_unref(p->url);
    hy_view_unref(p->view);
    hy_free(p);
}

/* --- fields ----------------------------------------------------------------------------------- */

bool hy_party_is_reporter(const hy_party_t *p) {
    return p->is_reporter;
}
bool hy_party_is_open(const hy_party_t *p) {
    return p->is_open || p->is_untold;
}
bool hy_party_is_resumed(const hy_party_t *p) {
    return p->is_resumed;
}
hy_str_t *hy_party_url(const hy_party_t *p) {
    return p->url;
}
hy_view_t *hy_party_data(const hy_party_t *p) {
    return p->view;
}
void *hy_party_tag(const hy_party_t *p) {
    return p->is_on_trial ? p->tried_tag : p->tag;
}
void *hy_party_settled_tag(const hy_party_t *p) {
    return p->tag;
}
void hy_party_set_tag(hy_party_t *p, void *tag) {
    p->is_known |= tag != NULL;
    *(p->is_on_trial ? &p->tried_tag : &p->tag) = tag;
}

hy_node_t *hy_party_metadata(const hy_party_t *p) {
    return p->object ? hy_object_metadata(p->object) : NULL;
}

const hy_children_t *hy_party_children(const hy_party_t *p) {
    return p->object ? p->object->children : NULL;
}

const hy_schema_t *hy_party_schema(const hy_party_t *p) {
    return p->object ? p->object->schema : NULL;
}

uint64_t hy_party_version(const hy_party_t *p) {
    return p->object ? p->object->version : p->version;
}

hy_str_t *hy_party_epoch(const hy_party_t *p) {
    return p->object ? p->object->epoch : NULL;
}

hy_party_status_t hy_party_status(const hy_party_t *p) {
    if (!p->is_open) return (hy_party_status_t){.state = HY_PARTY_CLOSED, .version = p->version};
    if (p->is_reporter) {
        bool is_replaced = ((const hy_reporter_t *)p)->is_replaced;
        return (hy_party_status_t){.state = is_replaced ? HY_PARTY_REPLACED : HY_PARTY_LIVE,
                                   .version = p->object->version,
                                   .head = p->object->version};
    }
    const hy_observer_t *o = (const hy_observer_t *)p;
    hy_party_status_t status = hy__replica_status(o->member->replica);
    status.pending = o->pending;
    return status;
}

int hy_party_observers(const hy_party_t *p, hy_value_t *out) {
    if (!p->is_open || !p->is_reporter) return HY_ECLOSED;
    const hy_hosted_t *h = hy__reporter_hosted((const hy_reporter_t *)p);
    if (h) return hy__hosted_observers(h, out);
    *out = hy_node_value(hy_node_new(HY_ARRAY)); /* its deletion is under way */
    return out->kind == HY_ARRAY ? 0 : HY_ENOMEM;
}

int hy__send(hy_syncher_t *s, hy_msg_t *m, hy_error_t *err) {
    return hy__trial_holds(s) ? hy__holding_message(s, m) : hy_port_send(s->port, m, err);
}

/* Room in a message for what stands around a body. */
#define ENVELOPE_BYTES (2 * HY_URL_BYTES_MAX + 256)

/* Sealed it is base64, with a little before and behind. */
size_t hy__room_in(const hy_object_t *o) {
    size_t room = HY_MESSAGE_BYTES_MAX - ENVELOPE_BYTES;
    return hy__is_mutual(o->metadata) ? room / 4 * 3 - HY_SECRET_AROUND_BYTES : room;
}

int hy__payload_check_size(const hy_payload_t *p, const hy_object_t *o, hy_error_t *err) {
    if (p->ops->bytes(p) < HY_MESSAGE_BYTES_MAX / 16) return 0;
    hy_buf_t text;
    hy_buf_init(&text);
    p->ops->write(p, &text);
    size_t len = text.failed ? SIZE_MAX : text.len;
    hy_buf_deinit(&text);
    if (len <= hy__room_in(o)) return 0;
    return hy_fail(err, HY_ETOO_LARGE,
                   "%s: a %s of %zu bytes does not fit into a message of at most %u; write it in "
                   "smaller parts",
                   o->url->bytes, p->ops->name, len, HY_MESSAGE_BYTES_MAX);
}

int hy__message_check_size(hy_msg_t *m, hy_error_t *err) {
    hy_error_t why = {0};
    if (hy_msg_bytes(m) < HY_MESSAGE_BYTES_MAX / 16 || hy_msg_text(m, &why)) return 0;
    return hy_fail(err, why.code, "%s", why.text);
}

/* --- waiting for a stamp ---------------------------------------------------------------------- */

static void settle(await_t *a) {
    switch (a->child->state) {
    case HY_CHILD_PENDING:
        return;
    case HY_CHILD_KEPT:
        await_end(a, 0, "");
        return;
    case HY_CHILD_REFUSED:
        await_end(a, HY_EFORBIDDEN, "refused by the reporter");
        return;
    case HY_CHILD_EXPIRED:
        await_end(a, HY_ETIMEOUT, "no stamp in time");
        return;
    case HY_CHILD_DELETED:
        await_end(a, HY_EDELETED, "the child was deleted");
        return;
    }
}

static void on_timer(void *arg) {
    settle(arg);
}

int hy_party_await_child(hy_party_t *p, hy_child_t *child, hy_done_cb done, void *arg) {
    if (!p->is_open) return HY_ECLOSED;
    await_t *a = hy_alloc_zero(sizeof *a);
    if (!a) return HY_ENOMEM;
    *a = (await_t){.child = hy_child_ref(child), .done = done, .arg = arg, .party = p};
    a->is_tried = hy_syncher_is_on_trial(p->syncher);
    hy_timer_init(&a->timer, on_timer, a);
    hy_list_append(&p->awaits, &a->link);
    hy__commit_init(&a->commit, on_timer, a);
    const hy_ledger_t *ledger = p->is_reporter ? ((hy_reporter_t *)p)->ledger : NULL;
    if (child->state == HY_CHILD_PENDING) return 0;
    int rc = ledger && p->syncher->manager->store
                 ? hy__commit_wait(p->syncher->manager, &a->commit, ledger->ticket)
                 : hy_timer_start(clock_of(p), &a->timer, 0);
    if (rc < 0) await_free(a);
    return rc;
}

void hy__party_drop_awaits(hy_party_t *p) {
    for (hy_link_t *l = p->awaits.next; l != &p->awaits;) {
        await_t *a = hy_link_owner(l, await_t, link);
        l = l->next;
        if (a->is_tried) await_free(a);
    }
}

void hy__party_keep_awaits(hy_party_t *p) {
    for (hy_link_t *l = p->awaits.next; l != &p->awaits; l = l->next) {
        hy_link_owner(l, await_t, link)->is_tried = false;
    }
}

bool hy__party_has_tried_await(const hy_party_t *p) {
    for (const hy_link_t *l = p->awaits.next; l != &p->awaits; l = l->next) {
        const await_t *a = hy_link_owner(l, await_t, link);
        if (a->is_tried && a->child->is_tried) return true;
    }
    return false;
}

int hy__party_reserve_awaits(hy_party_t *p) {
    for (hy_link_t *l = p->awaits.next; l != &p->awaits; l = l->next) {
        await_t *a = hy_link_owner(l, await_t, link);
        if (!a->told && !(a->told = hy__told_new())) return HY_ENOMEM;
    }
    return 0;
}

/* Whoever is called may wait for another child, which goes to the end, or close the syncher, which
 * takes all of them away. */
void hy__party_child_settled(hy_party_t *p, hy_child_t *child) {
    for (hy_link_t *l = p->awaits.next; p->is_open && l != &p->awaits;) {
        await_t *a = hy_link_owner(l, await_t, link);
        l = l->next;
        if (a->child == child) settle(a);
    }
}

/* --- child operations ------------------------------------------------------------------------- */

hy_child_event_kind_t hy__childop_event(hy_childop_kind_t kind) {
    static const hy_child_event_kind_t kinds[] = {[HY_CHILDOP_CREATE] = HY_CHILD_EVENT_CREATE,
                                                  [HY_CHILDOP_UPDATE] = HY_CHILD_EVENT_UPDATE,
                                                  [HY_CHILDOP_DELETE] = HY_CHILD_EVENT_DELETE,
                                                  [HY_CHILDOP_REFUSE] = HY_CHILD_EVENT_REFUSED};
    return kinds[kind];
}

hy_msg_t *hy__childop_message(const hy_syncher_t *s, const hy_str_t *children,
                              const hy_str_t *collection, hy_childop_t *op, hy_value_t id) {
    static const hy_msg_type_t types[] = {[HY_CHILDOP_CREATE] = HY_MSG_CREATE,
                                          [HY_CHILDOP_UPDATE] = HY_MSG_UPDATE,
                                          [HY_CHILDOP_DELETE] = HY_MSG_DELETE};
    hy_str_t *to = hy_str_append(children, collection->bytes);
    if (!to) return NULL;
    hy_payload_ref(&op->payload);
    hy_msg_t *m = hy_msg_new_payload(types[op->kind], id, s->url, to, &op->payload);
    hy_str_unref(to);
    return m;
}

/* --- children --------------------------------------------------------------------------------- */

static int check_collection(const hy_party_t *p, const hy_str_t *collection, hy_error_t *err) {
    const hy_schema_t *schema = p->object->schema;
    if (!schema || hy_schema_has_collection(schema, collection->bytes, collection->len)) return 0;
    return hy_fail(err, HY_ENOT_FOUND, "schema %s has no collection \"%s\"", schema->name->bytes,
                   collection->bytes);
}

static uint64_t last_number(const hy_party_t *p) {
    uint64_t n = hy_marks_top(hy_children_marks(p->object->children), p->syncher->url);
    return n < p->next_n ? p->next_n : n;
}

/* The next number of this creator, above all that was ever seen or given. It may both report and
 * observe, and may have observed before. */
static uint64_t next_number(hy_party_t *p) {
    const hy_party_t *other = hy__syncher_find_party(p->syncher, p->url, !p->is_reporter);
    const hy_number_entry_t *before = hy_dict_get(&p->syncher->numbers, p->url);
    uint64_t n = last_number(p), other_n = other ? last_number(other) : 0;
    if (n < other_n) n = other_n;
    if (before && n < before->n) n = before->n;
    if (HY_MUTANT(ID_REUSED) && n > 0 && !hy_children_find(p->object->children, p->syncher->url, n))
        n--;
    return p->next_n = n + 1;
}

static int make_child(hy_party_t *p, hy_str_t *collection, hy_value_t data, hy_child_t **child,
                      hy_childop_t **op, hy_error_t *err) {
    hy_syncher_t *s = p->syncher;
    hy_value_t copy;
    int rc = hy_value_copy(data, &copy);
    if (rc < 0) {
        hy_value_drop(data);
        return rc;
    }
    hy_span_t own = hy_address_identifier(s->url);
    hy_str_t *id =
        hy_str_format("%.*s#%llu", (int)own.len, own.bytes, (unsigned long long)next_number(p));
    rc = id ? hy_child_new(collection, s->url, id, data, child, err) : HY_ENOMEM;
    if (!id) hy_value_drop(data);
    if (rc < 0) {
        hy_str_unref(id);
        hy_value_drop(copy);
        return rc;
    }
    (*child)->user = s->user ? hy_str_ref(s->user) : NULL;
    (*child)->created_ms = hy_clock_wall(clock_of(p));
    (*child)->arrived_ms = hy_clock_now(clock_of(p));
    *op = hy_childop_new(HY_CHILDOP_CREATE, id, 0, s->user, (*child)->created_ms, copy, NULL);
    hy_str_unref(id);
    if (*op) return 0;
    hy_child_unref(*child);
    return HY_ENOMEM;
}

int hy_party_add_child(hy_party_t *p, hy_str_t *collection, hy_value_t data, hy_child_t **out,
                       hy_error_t *err) {
    int rc = p->is_open ? check_collection(p, collection, err)
                        : hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
    if (rc == 0) rc = hy__fit_check_new(p->object, collection, data, err);
    if (rc < 0) {
        hy_value_drop(data);
        return rc;
    }
    hy_child_t *child;
    hy_childop_t *op;
    rc = make_child(p, collection, data, &child, &op, err);
    if (rc < 0) return rc;
    if (p->is_reporter) {
        rc = hy__reporter_child_op((hy_reporter_t *)p, collection, op, child, err);
    } else {
        rc = hy__observer_add_child((hy_observer_t *)p, child, op, err);
    }
    if (rc < 0) {
        hy_child_unref(child);
        return rc;
    }
    *out = child;
    return 0;
}

int hy__check_on_its_way(const hy_child_t *child, hy_error_t *err) {
    if (child->state != HY_CHILD_PENDING || !child->is_given_up) return 0;
    return hy_fail(err, HY_ECONFLICT,
                   "child %s was made before its creator left, and the reporter has not seen it; "
                   "make another",
                   child->id->bytes);
}

int hy_party_delete_child(hy_party_t *p, hy_child_t *child, hy_error_t *err) {
    if (!p->is_open) return hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
    if (child->state != HY_CHILD_KEPT && child->state != HY_CHILD_PENDING)
        return hy_fail(err, HY_EDELETED, "child %s is %s", child->id->bytes,
                       hy_child_state_word(child->state));
    if (!p->is_reporter && !hy_str_equal(child->reporter, p->syncher->url))
        return hy_fail(err, HY_EFORBIDDEN, "only %s and the reporter may delete child %s",
                       child->reporter->bytes, child->id->bytes);
    int rc = p->is_reporter ? 0 : hy__check_on_its_way(child, err);
    if (rc < 0) return rc;
    if (hy__holding_deletes(p, child))
        return hy_fail(err, HY_EDELETED, "child %s is deleted", child->id->bytes);
    hy_childop_t *op = hy_childop_new(HY_CHILDOP_DELETE, child->id, hy__outbox_next(child), NULL, 0,
                                      hy_absent(), NULL);
    if (!op) return HY_ENOMEM;
    if (p->is_reporter)
        return hy__reporter_child_op((hy_reporter_t *)p, child->collection, op, child, err);
    return hy__outbox_send((hy_observer_t *)p, child, op, err);
}

int hy_party_send_event(hy_party_t *p, hy_str_t *collection, hy_value_t value, hy_error_t *err) {
    int rc = p->is_open ? check_collection(p, collection, err)
                        : hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
    if (rc == 0 && p->is_reporter) rc = hy__reporter_check((hy_reporter_t *)p, err);
    hy_node_t *body = rc == 0 ? hy_node_new(HY_OBJECT) : NULL;
    if (!body) {
        hy_value_drop(value);
        return rc < 0 ? rc : HY_ENOMEM;
    }
    hy_str_t *to = hy_str_format("%s/children/%s", p->url->bytes, collection->bytes);
    hy_msg_t *m = NULL;
    if (hy_put(body, "value", value) == 0 && to) {
        m = hy_msg_new(HY_MSG_EVENT, hy_absent(), p->syncher->url, to, hy_node_value(body));
    } else {
        hy_node_unref(body);
    }
    hy_str_unref(to);
    rc = m ? hy__message_check_size(m, err) : HY_ENOMEM;
    if (rc == 0) rc = hy__send(p->syncher, m, err);
    hy_msg_unref(m);
    return rc;
}
