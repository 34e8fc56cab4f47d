/* Events between hyperties: emit publishes to <hyperty>/events, follow listens there. */
#include "../base/mem.h"
#include "call.h"

typedef struct {
    hy_link_t link; /* in the syncher */
    hy_syncher_t *syncher;
    hy_str_t *hyperty, *events;
    hy_listener_t *listener;
    bool is_routed;
    bool is_tried; /* followed on trial */
    hy_job_t job;  /* routing it again */
} follow_t;

static hy_value_t event_body(const char *name, hy_value_t args, bool is_here) {
    hy_value_t value = hy__body1("args", args);
    int rc = value.kind == HY_OBJECT ? hy_put(value.as.n, "name", hy_text(name)) : 0;
    if (rc == 0 && value.kind == HY_OBJECT && is_here)
        rc = hy_put(value.as.n, "here", hy_bool(true));
    if (rc < 0) {
        hy_value_drop(value);
        value = hy_absent();
    }
    return value.kind == HY_OBJECT ? hy__body1("value", value) : hy_absent();
}

int hy_syncher_emit(hy_syncher_t *s, const char *name, hy_value_t args, bool is_here,
                    hy_error_t *err) {
    hy_value_t body = event_body(name, args, is_here);
    hy_str_t *to = hy__url_below(s->url, "/events");
    hy_msg_t *m = NULL;
    if (to && body.kind == HY_OBJECT) {
        m = hy_msg_new(HY_MSG_EVENT, hy_absent(), s->url, to, body);
    } else {
        hy_value_drop(body);
    }
    hy_str_unref(to);
    int rc = m ? hy__message_check_size(m, err) : HY_ENOMEM;
    if (rc == 0) rc = hy__send(s, m, err);
    hy_msg_unref(m);
    return rc;
}

static void on_event(void *arg, hy_msg_t *m) {
    follow_t *f = arg;
    hy_syncher_t *s = f->syncher;
    const hy_node_t *value = hy_get_object(hy_msg_body(m), "value");
    hy_node_t *args = hy_get_array(value, "args");
    hy_str_t *name = hy_get_str(value, "name");
    if (m->type != HY_MSG_EVENT || !name || !args || !hy_str_equal(m->from, f->hyperty)) return;
    hy__tell_emitted(s, f->hyperty, name, args);
}

static follow_t *find(const hy_syncher_t *s, const hy_str_t *hyperty) {
    for (hy_link_t *l = s->follows.next; l != &s->follows; l = l->next) {
        follow_t *f = hy_link_owner(l, follow_t, link);
        if (hy_str_equal(f->hyperty, hyperty)) return f;
    }
    return NULL;
}

void hy__follow_free(hy_link_t *link) {
    follow_t *f = hy_link_owner(link, follow_t, link);
    hy_manager_t *m = f->syncher->manager;
    hy__job_cancel(&f->job);
    if (f->listener)
        hy__domain_unroute(m, hy__list2(hy_str_ref(f->events), NULL), f->events, f->syncher->url);
    hy_listener_close(f->listener);
    hy_list_remove(&f->link);
    hy_str_unref(f->hyperty);
    hy_str_unref(f->events);
    hy_free(f);
}

void hy__follows_undo(hy_syncher_t *s) {
    for (hy_link_t *l = s->follows.next; l != &s->follows;) {
        const follow_t *f = hy_link_owner(l, follow_t, link);
        hy_link_t *link = l;
        l = l->next;
        if (f->is_tried) hy__follow_free(link);
    }
}

void hy__follows_keep(hy_syncher_t *s) {
    for (hy_link_t *l = s->follows.next; l != &s->follows; l = l->next) {
        hy_link_owner(l, follow_t, link)->is_tried = false;
    }
}

static void on_routed_again(void *follow, int http, hy_msg_t *answer) {
    follow_t *f = follow;
    (void)answer;
    if (http < 300) {
        hy__job_end(&f->job);
    } else {
        hy__job_retry(&f->job);
    }
}

static void route_again(void *follow) {
    follow_t *f = follow;
    hy_manager_t *m = f->syncher->manager;
    hy_value_t events = hy__list2(hy_str_ref(f->events), NULL);
    hy__job_ask(&f->job, HY_MSG_SUBSCRIBE, m->sm, hy__domain_sm(m, f->hyperty),
                hy__route_body(events, f->syncher->url), on_routed_again);
}

void hy__follows_renew(hy_syncher_t *s, const char *domain) {
    for (hy_link_t *l = s->follows.next; l != &s->follows; l = l->next) {
        follow_t *f = hy_link_owner(l, follow_t, link);
        if (hy__is_in(f->hyperty, domain)) hy__job_want(&f->job);
    }
}

static int follow_new(hy_syncher_t *s, hy_str_t *hyperty, follow_t **out) {
    follow_t *f = hy_alloc_zero(sizeof *f);
    if (!f) return HY_ENOMEM;
    f->syncher = s;
    f->is_tried = hy_syncher_is_on_trial(s);
    f->hyperty = hy_str_ref(hyperty);
    f->events = hy__url_below(hyperty, "/events");
    hy__job_init(&f->job, s->manager, f->hyperty, route_again, f);
    hy_list_append(&s->follows, &f->link);
    int rc = f->events ? hy_bus_listen(s->manager->bus, f->events, on_event, f, &f->listener)
                       : HY_ENOMEM;
    if (rc < 0) {
        hy__follow_free(&f->link);
        return rc;
    }
    *out = f;
    return 0;
}

static void on_routed(void *arg, int code, const char *desc, hy_node_t *body) {
    hy_call_t **slot = arg, *c = *slot;
    (void)body;
    if (c) { /* else its hyperty has stopped */
        follow_t *f = find(c->syncher, c->followed);
        if (f && code == 0) f->is_routed = true;
        hy__call_end(c, code, desc, NULL, hy_absent());
    }
    hy_free(slot);
}

static int ask_for_route(hy_call_t *c, const follow_t *f) {
    hy_syncher_t *s = c->syncher;
    hy_call_t **slot = hy_alloc(sizeof(hy_call_t *));
    if (!slot) return HY_ENOMEM;
    *slot = c;
    hy__domain_route_wanted(s->manager, f->events, s->url);
    int rc = hy__domain_subscribe(s->manager, hy__list2(hy_str_ref(f->events), NULL), s->url,
                                  on_routed, slot);
    if (rc == 0) {
        c->slot = slot;
    } else {
        hy_free(slot);
    }
    return rc;
}

int hy_syncher_follow(hy_syncher_t *s, hy_str_t *hyperty, hy_done_cb done, void *arg,
                      hy_error_t *err) {
    hy_address_t address;
    int rc = hy_address_parse(hyperty->bytes, hyperty->len, &address, err);
    if (rc < 0) return rc;
    follow_t *f = find(s, hyperty);
    hy_call_t *c = hy__call_new(s, arg);
    if (!c) return HY_ENOMEM;
    c->on_done = done;
    if (f && f->is_routed) return hy__call_answer_now(c);
    c->followed = hy_str_ref(hyperty);
    if (!f) rc = follow_new(s, hyperty, &f);
    if (rc == 0) rc = ask_for_route(c, f);
    if (rc < 0) hy__call_free(c);
    return rc;
}
