/* Registry entries of this runtime's hyperties and objects, kept until they are struck off, to
 * register them again where the registry has forgotten them or given them up. A hyperty's address
 * is claimed before: it was allocated by a node that may have lost its memory. */
#include "../base/mem.h"
#include "sync.h"

typedef struct {
    hy_job_t job;
    hy_str_t *url;
    hy_value_t entry;
    bool is_hyperty, is_routed; /* claimed by a route, which is to be taken down */
} registration_t;

static void registration_free(registration_t *r) {
    hy__job_cancel(&r->job);
    hy_value_drop(r->entry);
    hy_str_unref(r->url);
    hy_free(r);
}

/* --- again ------------------------------------------------------------------------------------ */

static void on_registered(void *registration, int http, hy_msg_t *answer) {
    registration_t *r = registration;
    (void)answer;
    if (hy__is_passing(http) || http == 403) { /* 403: its object is not held again yet */
        hy__job_retry(&r->job);
    } else {
        hy__job_end(&r->job);
    }
}

static void enter(registration_t *r) {
    hy_manager_t *m = r->job.manager;
    hy_value_t copy, body = hy_absent();
    if (hy_value_copy(r->entry, &copy) == 0) body = hy__body1("value", copy);
    hy__job_ask(&r->job, HY_MSG_CREATE, m->sm, hy_str_ref(m->node_registry), body, on_registered);
}

static void on_claimed(void *registration, int http, hy_msg_t *answer) {
    registration_t *r = registration;
    if (http < 300) {
        r->is_routed = true;
        enter(r);
    } else if (http == 403 || http == 409 || http == 410) {
        hy_log(hy_bus_log(r->job.manager->bus), HY_LOG_ERROR, "sync", "%s is lost: %s",
               r->url->bytes, hy_msg_desc(answer));
        hy__job_end(&r->job);
    } else {
        hy__job_retry(&r->job);
    }
}

static void run(void *registration) {
    registration_t *r = registration;
    hy_manager_t *m = r->job.manager;
    if (!r->is_hyperty) {
        enter(r);
        return;
    }
    hy_value_t resources = hy__list2(hy_str_ref(r->url), NULL);
    hy__job_ask(&r->job, HY_MSG_SUBSCRIBE, m->sm, hy_str_ref(m->node_sm),
                hy__route_body(resources, r->url), on_claimed);
}

void hy__registration_renew(hy_manager_t *m, const hy_str_t *url) {
    registration_t *r = hy__part_find(&m->registrations, url);
    if (r) hy__job_want(&r->job);
}

void hy__registrations_renew(hy_manager_t *m) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->registrations, &pos));) {
        registration_t *r = e->part;
        if (r->is_hyperty) hy__job_want(&r->job);
    }
}

/* --- first and last --------------------------------------------------------------------------- */

typedef struct {
    hy_manager_t *manager;
    registration_t *registration; /* its own until it is registered */
    uint64_t session;
    hy_domain_cb done;
    void *arg;
} adding_t;

static void on_added(void *arg, int code, const char *desc, hy_node_t *body) {
    adding_t *a = arg;
    hy_manager_t *m = a->manager;
    registration_t *r = a->registration;
    if (code == 0) code = hy__part_add(&m->registrations, r->url, r);
    bool is_stale = a->session != m->sessions; /* half of it was said to a node that forgot */
    if (code < 0) {
        registration_free(r);
    } else if (is_stale && r->is_hyperty) {
        hy__job_want(&r->job);
    }
    a->done(a->arg, code, desc, body);
    hy_free(a);
}

int hy__registration_add(hy_manager_t *m, hy_str_t *url, hy_value_t entry, bool is_hyperty,
                         hy_domain_cb done, void *arg) {
    adding_t *a = entry.kind == HY_OBJECT ? hy_alloc(sizeof *a) : NULL;
    registration_t *r = a ? hy_alloc_zero(sizeof *r) : NULL;
    hy_value_t copy;
    int rc = r ? hy_value_copy(entry, &copy) : HY_ENOMEM;
    if (rc == 0) {
        *a = (adding_t){
            .manager = m, .registration = r, .session = m->sessions, .done = done, .arg = arg};
        r->url = hy_str_ref(url);
        r->entry = entry;
        r->is_hyperty = is_hyperty;
        hy__job_init(&r->job, m, m->node_registry, run, r);
        rc = hy__domain_register(m, copy, on_added, a);
        if (rc == 0) return 0;
        registration_free(r);
    } else {
        hy_value_drop(entry);
        hy_free(r);
    }
    hy_free(a);
    return rc;
}

int hy__registration_change(hy_manager_t *m, const hy_str_t *url, hy_value_t entry) {
    registration_t *r = hy__part_find(&m->registrations, url);
    if (!r || entry.kind != HY_OBJECT || hy_value_equal(r->entry, entry)) {
        hy_value_drop(entry);
        return r && entry.kind != HY_OBJECT ? HY_ENOMEM : 0;
    }
    hy_value_drop(r->entry);
    r->entry = entry;
    hy__job_want(&r->job);
    return 0;
}

int hy__registration_take(hy_manager_t *m, hy_str_t *url, hy_value_t entry) {
    registration_t *r = entry.kind == HY_OBJECT ? hy_alloc_zero(sizeof *r) : NULL;
    if (!r || hy__part_add(&m->registrations, url, r) < 0) {
        hy_value_drop(entry);
        hy_free(r);
        return HY_ENOMEM;
    }
    r->url = hy_str_ref(url);
    r->entry = entry;
    hy__job_init(&r->job, m, m->node_registry, run, r);
    hy__job_want(&r->job);
    return 0;
}

void hy__registration_end(hy_manager_t *m, hy_str_t *url, bool is_told) {
    registration_t *r = hy__part_find(&m->registrations, url);
    if (!r) return;
    hy__part_remove(&m->registrations, url);
    if (is_told) hy__domain_unregister(m, url);
    if (r->is_routed) hy__domain_unroute(m, hy__list2(hy_str_ref(url), NULL), r->url, r->url);
    registration_free(r);
}

void hy__registration_rest(hy_manager_t *m, hy_str_t *url) {
    registration_t *r = hy__part_find(&m->registrations, url);
    if (!r) return;
    hy__registration_end(m, url, false);
    hy_value_t body = hy__body1("resource", hy__string_ref(url));
    if (body.kind != HY_OBJECT) return;
    int rc = hy_put(body.as.n, "attribute", hy_text("status"));
    if (rc == 0) rc = hy_put(body.as.n, "value", hy_text("disconnected"));
    if (rc < 0) {
        hy_value_drop(body);
        return;
    }
    hy__lasting_send(m, "rest", url, NULL, HY_MSG_UPDATE, NULL, hy_str_ref(m->node_registry), body,
                     NULL, NULL);
}

void hy__registrations_free(hy_manager_t *m) {
    hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->registrations, &pos));) {
        registration_free(e->part);
    }
    hy_dict_deinit(&m->registrations);
}
