/* Addresses of hyperties: allocated by the node and registered, or, for a hyperty whose instance
 * name the store knows, the one that it had before, which is claimed again.
 *
 *      names known? ─no─► read them, once
 *        │ yes
 *        ├─ had one ─► claim ──────┐
 *        └─ new ─► allocate ───────┴─► register ─► kept under its name */
#include "../base/json.h"
#include "../base/mem.h"
#include "sync.h"

typedef struct {
    hy_str_t *key; /* instance name */
    hy_str_t *url;
} name_t;

/* --- what the store keeps --------------------------------------------------------------------- */

void hy__addresses_init(hy_manager_t *m) {
    hy_dict_init(&m->names, sizeof(name_t));
    hy_dict_init(&m->kept, sizeof(hy_address_kept_t));
    hy_link_init(&m->allocations);
}

static int know(hy_manager_t *m, hy_str_t *name, hy_str_t *url, uint32_t life) {
    name_t *n = hy_dict_put(&m->names, name, NULL);
    if (!n) return HY_ENOMEM;
    hy_str_unref(n->url);
    n->url = hy_str_ref(url);
    hy_address_kept_t *k = hy_dict_put(&m->kept, url, NULL);
    if (k) k->life = life;
    return k ? 0 : HY_ENOMEM;
}

/* Of this domain, as those are that it gets: no node would know another. */
static bool is_address(const hy_manager_t *m, const hy_str_t *url) {
    hy_address_t parts;
    return url && hy_address_parse(url->bytes, url->len, &parts, NULL) == 0 &&
           strncmp(url->bytes, "hyperty://", strlen("hyperty://")) == 0 &&
           hy_address_same_domain(url, m->runtime);
}

static int take_row(hy_manager_t *m, const hy_row_t *row) {
    hy_value_t v;
    int rc = hy_json_read(row->value, row->value_len, HY_JSON_DEPTH_MAX, &v, NULL);
    if (rc == HY_ENOMEM) return rc;
    if (rc < 0) v = hy_absent();
    hy_str_t *url = v.kind == HY_OBJECT ? hy_get_str(v.as.n, "url") : NULL;
    uint32_t life = (uint32_t)hy_get_int(v.kind == HY_OBJECT ? v.as.n : NULL, "life", 0);
    hy_str_t *name = hy_str_new(row->key, row->key_len);
    bool is_good = is_address(m, url);
    if (!is_good)
        hy_log(hy_bus_log(m->bus), HY_LOG_ERROR, "sync",
               "%s has no address of this domain for the hyperty %s: it gets a new one, to which "
               "none of its objects belongs; `hyperty store show` lists them",
               hy_store_name(m->store), row->key);
    rc = !name ? HY_ENOMEM : is_good ? know(m, name, url, life) : 0;
    hy_str_unref(name);
    hy_value_drop(v);
    return rc;
}

static int keep_row(hy_manager_t *m, hy_str_t *name, hy_str_t *url, uint32_t life) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"url\":");
    hy_json_write_str(&b, url->bytes, url->len);
    hy_buf_format(&b, ",\"life\":%u}", life);
    int rc = b.failed
                 ? HY_ENOMEM
                 : hy_store_put(m->store, HY_TABLE_HYPERTIES, m->runtime, name, b.bytes, b.len);
    hy_buf_deinit(&b);
    return rc == 0 ? know(m, name, url, life) : rc;
}

/* --- allocation ------------------------------------------------------------------------------- */

typedef struct {
    hy_manager_t *manager;
    hy_value_t entry;
    hy_str_t *url;
    bool may_make_up;
    hy_str_t *instance; /* NULL: none */
    hy_link_t link;     /* in the manager, while names are read */
    hy_commit_t commit; /* of its row */
    uint32_t life;      /* that it begins with this address */
    hy_allocated_cb done;
    void *arg;
} allocation_t;

static void allocation_end(allocation_t *a, int code, const char *desc) {
    a->done(a->arg, code, desc, a->url);
    hy_list_remove(&a->link);
    hy_value_drop(a->entry);
    hy_str_unref(a->url);
    hy_str_unref(a->instance);
    hy_free(a);
}

/* True if there is no node to ask, and it shall go on without one. */
static bool goes_on(const allocation_t *a, int code) {
    return a->may_make_up && (code == HY_EUNREACHABLE || code == HY_ETIMEOUT);
}

static void on_committed(void *arg) {
    allocation_end(arg, 0, "");
}

static void on_dropped(void *arg) {
    allocation_end(arg, HY_ECLOSED, "the runtime ends");
}

/* A new life must be known for good, and not be lost with power either, before it says anything: or
 * the next would be the same one. A new address that the store forgets is no harm. */
static void keep(allocation_t *a) {
    hy_manager_t *m = a->manager;
    bool is_kept = a->instance && m->store && m->is_lasting;
    int rc = is_kept ? keep_row(m, a->instance, a->url, a->life) : 0;
    if (rc == 0 && is_kept && a->life > 0) {
        hy_store_sync(m->store);
        hy__commit_init(&a->commit, on_committed, a);
        a->commit.dropped = on_dropped;
        rc = hy__commit_wait(m, &a->commit, hy_store_ticket(m->store));
        if (rc == 0) return;
    }
    allocation_end(a, rc, rc < 0 ? "its address cannot be kept in the store" : "");
}

static void on_registered(void *arg, int code, const char *desc, hy_node_t *body) {
    (void)body;
    if (code == 0 || goes_on(arg, code)) {
        keep(arg);
    } else {
        allocation_end(arg, code, desc);
    }
}

/* A hyperty address is also claimed by its first use. */
static int make_up(allocation_t *a) {
    hy_manager_t *m = a->manager;
    hy_span_t domain = hy_address_domain(m->runtime);
    hy_str_t *uuid = hy_random_uuid(hy_bus_random(m->bus));
    if (uuid) {
        a->url = hy_str_format("hyperty://%.*s/%s", (int)domain.len, domain.bytes, uuid->bytes);
    }
    hy_str_unref(uuid);
    return a->url ? 0 : HY_ENOMEM;
}

static int complete(const hy_manager_t *m, hy_node_t *entry, hy_str_t *url) {
    int rc = hy_put(entry, "url", hy__string_ref(url));
    if (rc == 0) rc = hy_put(entry, "type", hy_text("hyperty"));
    if (rc == 0) rc = hy_put(entry, "runtime", hy__string_ref(m->runtime));
    return rc;
}

static void enter(allocation_t *a) {
    int rc = complete(a->manager, a->entry.as.n, a->url);
    if (rc == 0) {
        hy_value_t whole = a->entry;
        a->entry = hy_absent();
        rc = hy__registration_add(a->manager, a->url, whole, true, on_registered, a);
    }
    if (rc < 0) allocation_end(a, rc, hy_error_text(rc));
}

static void on_allocated(void *arg, int code, const char *desc, hy_node_t *body) {
    allocation_t *a = arg;
    if (goes_on(a, code)) code = make_up(a);
    hy_node_t *list = hy_get_array(hy_get_object(body, "value"), "allocated");
    hy_value_t url = list ? hy_node_at(list, 0) : hy_absent();
    if (code < 0 || (url.kind != HY_STR && !a->url)) {
        allocation_end(a, code < 0 ? code : HY_EINVALID, desc);
        return;
    }
    if (!a->url) a->url = hy_str_ref(url.as.s);
    enter(a);
}

static void on_claimed(void *arg, int code, const char *desc, hy_node_t *body) {
    allocation_t *a = arg;
    (void)body;
    if (code == 0 || goes_on(a, code)) {
        enter(a);
    } else {
        allocation_end(a, code, desc);
    }
}

/* What was said of it when it stopped is not true any more. */
static int claim(allocation_t *a, hy_str_t *url) {
    hy_manager_t *m = a->manager;
    const hy_address_kept_t *k = hy_dict_get(&m->kept, url);
    a->life = k ? k->life + 1 : 0;
    a->url = hy_str_ref(url);
    hy__lasting_drop(m, "rest", url, NULL);
    hy__domain_route_wanted(m, url, url);
    return hy__domain_subscribe(m, hy__list2(hy_str_ref(url), NULL), url, on_claimed, a);
}

static int begin(allocation_t *a) {
    const name_t *n = a->instance ? hy_dict_get(&a->manager->names, a->instance) : NULL;
    return n ? claim(a, n->url) : hy__domain_allocate(a->manager, "hyperty", on_allocated, a);
}

static void on_names(void *manager, int code, const hy_rows_t *rows) {
    hy_manager_t *m = manager;
    hy_row_t row;
    hy_link_t waiting;
    m->names_read = NULL;
    for (size_t pos = 0; code == 0 && hy_rows_next(rows, &pos, &row);) {
        code = take_row(m, &row);
    }
    m->knows_names = code == 0;
    hy_error_t err = {.text = ""};
    if (code < 0) hy__fail_read(m, NULL, code, &err);
    hy_list_take(&m->allocations, &waiting);
    while (!hy_list_is_empty(&waiting)) {
        allocation_t *a = hy_link_owner(waiting.next, allocation_t, link);
        hy_list_remove(&a->link);
        int rc = code < 0 ? code : begin(a);
        if (rc < 0) allocation_end(a, rc, code < 0 ? err.text : hy_error_text(rc));
    }
}

static int read_names(allocation_t *a) {
    hy_manager_t *m = a->manager;
    int rc = m->names_read ? 0
                           : hy_store_read(m->store, 1u << HY_TABLE_HYPERTIES, m->runtime, on_names,
                                           m, &m->names_read);
    if (rc == 0) hy_list_append(&m->allocations, &a->link);
    return rc;
}

void hy__addresses_deinit(hy_manager_t *m) {
    if (m->store) hy_store_read_cancel(m->names_read);
    while (!hy_list_is_empty(&m->allocations)) {
        allocation_t *a = hy_link_owner(m->allocations.next, allocation_t, link);
        allocation_end(a, HY_ECLOSED, "the runtime ends");
    }
    const name_t *n;
    for (uint32_t pos = 0; (n = hy_dict_next(&m->names, &pos));) {
        hy_str_unref(n->url);
    }
    hy_dict_deinit(&m->names);
    hy_dict_deinit(&m->kept);
}

int hy_manager_allocate(hy_manager_t *m, hy_str_t *instance, hy_value_t entry, bool may_make_up,
                        hy_allocated_cb done, void *arg) {
    allocation_t *a = hy_alloc(sizeof *a);
    if (!a) {
        hy_value_drop(entry);
        return HY_ENOMEM;
    }
    *a = (allocation_t){
        .manager = m, .entry = entry, .may_make_up = may_make_up, .done = done, .arg = arg};
    if (instance) a->instance = hy_str_ref(instance);
    hy_link_init(&a->link);
    bool is_known = !m->is_lasting || !instance || m->knows_names;
    int rc = is_known ? begin(a) : read_names(a);
    if (rc < 0) {
        hy_value_drop(entry);
        hy_str_unref(a->instance);
        hy_str_unref(a->url);
        hy_free(a);
    }
    return rc;
}

int hy_manager_describe(hy_manager_t *m, hy_str_t *url, hy_value_t entry) {
    int rc = entry.kind == HY_OBJECT ? complete(m, entry.as.n, url) : HY_ENOMEM;
    if (rc == 0) return hy__registration_change(m, url, entry);
    hy_value_drop(entry);
    return rc;
}

void hy_manager_release(hy_manager_t *m, hy_str_t *url) {
    if (m->store && hy_dict_get(&m->kept, url)) {
        hy__registration_rest(m, url);
        hy__domain_unroute(m, hy__list2(hy_str_ref(url), NULL), url, url);
    } else {
        hy__registration_end(m, url, true);
        hy__domain_deallocate(m, url);
    }
}
