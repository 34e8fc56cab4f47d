/* <Runtime>/sm: hands each message of the synchers to the part that serves it, and knows all parts.
 */
#include "manager.h"

#include "../base/mem.h"
#include "handover.h"
#include "watching.h"

/* --- life ------------------------------------------------------------------------------------- */

static void on_sm(void *arg, hy_msg_t *m) {
    hy_manager_t *manager = arg;
    const hy_node_t *body = hy_msg_body(m);
    if (m->type == HY_MSG_EXECUTE) {
        hy__takeover_asked(manager, m);
        return;
    }
    if (m->type == HY_MSG_EVENT) {
        hy__watchings_event(manager, m);
        return;
    }
    bool takes_back = m->type == HY_MSG_UNSUBSCRIBE || m->type == HY_MSG_DELETE;
    if (!takes_back && !hy__manager_find_syncher(manager, m->from)) {
        hy_bus_respond(manager->bus, m, 403, "the sync manager serves hyperties of its own runtime",
                       hy_absent());
        return;
    }
    switch (m->type) {
    case HY_MSG_CREATE:
        if (hy_get_array(body, "authorise")) {
            hy__hosting_invite(manager, m);
        } else {
            hy__hosting_create(manager, m);
        }
        return;
    case HY_MSG_SUBSCRIBE:
        hy__replica_subscribe(manager, m);
        return;
    case HY_MSG_UNSUBSCRIBE:
        hy__replica_unsubscribe(manager, m);
        return;
    case HY_MSG_DELETE:
        hy__hosting_delete(manager, m);
        return;
    case HY_MSG_RESPONSE:
        return;
    default:
        hy_bus_respond(manager->bus, m, 400,
                       "the sync manager knows create, subscribe, unsubscribe and delete",
                       hy_absent());
    }
}

static int make_addresses(hy_manager_t *m, const char *domain) {
    m->domain = hy_str_from(domain);
    m->sm = hy__url_below(m->runtime, "/sm");
    m->node_sm = hy_str_format("domain://msg-node.%s/sm", domain);
    m->node_allocation = hy_str_format("domain://msg-node.%s/address-allocation", domain);
    m->node_registry = hy_str_format("domain://registry.%s", domain);
    bool is_whole = m->domain && m->sm && m->node_sm && m->node_allocation && m->node_registry;
    return is_whole ? 0 : HY_ENOMEM;
}

int hy_manager_new(const hy_manager_config_t *config, hy_manager_t **out) {
    hy_manager_t *m = hy_alloc_zero(sizeof *m);
    if (!m) return HY_ENOMEM;
    m->bus = config->bus;
    m->schemas = config->schemas;
    m->store = config->store;
    m->history_bytes = config->history_bytes ? config->history_bytes : HY_HISTORY_BYTES_MAX;
    m->is_lasting = m->store && hy_store_is_lasting(m->store);
    m->runtime = hy_str_ref(config->runtime);
    hy_dict_init(&m->synchers, sizeof(hy_part_entry_t));
    hy_dict_init(&m->hosted, sizeof(hy_part_entry_t));
    hy_dict_init(&m->creating, sizeof(hy_part_entry_t));
    hy_dict_init(&m->replicas, sizeof(hy_part_entry_t));
    hy_dict_init(&m->takeovers, sizeof(hy_part_entry_t));
    hy_dict_init(&m->registrations, sizeof(hy_part_entry_t));
    hy_dict_init(&m->lasting, sizeof(hy_part_entry_t));
    hy_dict_init(&m->away, sizeof(hy_away_t));
    hy_dict_init(&m->buried, sizeof(hy__buried_t));
    hy_link_init(&m->frozen);
    hy_link_init(&m->jobs_queued);
    hy_link_init(&m->jobs);
    hy_link_init(&m->handed);
    hy_link_init(&m->settlings);
    hy_link_init(&m->queries);
    hy__pulse_init(m);
    hy_link_init(&m->watchings);
    hy_link_init(&m->leavings);
    hy__catalogue_init(m);
    hy__addresses_init(m);
    int judging = hy__judging_init(m); /* whatever fails: all of them are deinitialised */
    int rc = hy__outlet_init(m);
    if (rc == 0) rc = judging;
    if (rc == 0) rc = hy__keyring_new(m, config->seed, &m->keyring);
    if (rc == 0) rc = hy__buried_init(m);
    if (rc == 0) rc = make_addresses(m, config->domain);
    if (rc == 0) rc = hy__secrets_new(m, &m->secrets);
    if (rc == 0) rc = hy_bus_listen(m->bus, m->sm, on_sm, m, &m->on_sm);
    if (rc < 0) {
        hy_manager_free(m);
        return rc;
    }
    *out = m;
    return 0;
}

void hy_manager_crash(hy_manager_t *m) {
    if (!m->store) return;
    hy__outlet_clear(m);
    hy_store_unwatch(m->outlet.watch);
    m->store = NULL;
}

void hy_manager_free(hy_manager_t *m) {
    if (!m) return;
    hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->replicas, &pos));) {
        hy__replica_free(e->part);
    }
    for (uint32_t pos = 0; (e = hy_dict_next(&m->hosted, &pos));) {
        hy__hosted_free(e->part);
    }
    hy__registrations_free(m);
    hy__handed_free(m);
    hy__handings_free(m);
    hy__lasting_free(m);
    hy__buried_free(m);
    hy__keyring_free(m->keyring);
    hy__leavings_free(m);
    hy__catalogue_free(m);
    hy__addresses_deinit(m);
    hy__outlet_deinit(m);
    hy__judging_deinit(m);
    hy__secrets_free(m->secrets);
    hy_timer_stop(hy_bus_clock(m->bus), &m->pulse);
    hy_dict_deinit(&m->away);
    hy_dict_deinit(&m->replicas);
    hy_dict_deinit(&m->takeovers);
    hy_dict_deinit(&m->hosted);
    hy_dict_deinit(&m->creating);
    hy_dict_deinit(&m->synchers);
    hy_listener_close(m->on_sm);
    hy_str_unref(m->runtime);
    hy_str_unref(m->sm);
    hy_str_unref(m->domain);
    hy_str_unref(m->node_sm);
    hy_str_unref(m->node_allocation);
    hy_str_unref(m->node_registry);
    hy_free(m);
}

hy_bus_t *hy_manager_bus(const hy_manager_t *m) {
    return m->bus;
}
hy_schemas_t *hy_manager_schemas(const hy_manager_t *m) {
    return m->schemas;
}

void *hy__part_find(const hy_dict_t *parts, const hy_str_t *url) {
    hy_part_entry_t *e = hy_dict_find(parts, url->bytes, url->len, hy_hash(url->bytes, url->len));
    return e ? e->part : NULL;
}

int hy__part_add(hy_dict_t *parts, hy_str_t *url, void *part) {
    hy_part_entry_t *e = hy_dict_put(parts, url, NULL);
    if (!e) return HY_ENOMEM;
    e->part = part;
    return 0;
}

void hy__part_remove(hy_dict_t *parts, hy_str_t *url) {
    hy_part_entry_t *e = hy_dict_get(parts, url);
    if (e) hy_dict_remove(parts, e);
}

hy_syncher_t *hy__manager_find_syncher(const hy_manager_t *m, const hy_str_t *url) {
    return hy__part_find(&m->synchers, url);
}

/* --- for the prompt --------------------------------------------------------------------------- */

static int add_party(hy_node_t *list, hy_party_t *p) {
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    if (!entry) return HY_ENOMEM;
    const char *state = hy_party_state_word(hy_party_status(p).state);
    int rc = hy_put(entry, "url", hy__string_ref(p->url));
    if (rc == 0) rc = hy_put(entry, "role", hy_text(p->is_reporter ? "reporter" : "observer"));
    if (rc == 0) rc = hy_put(entry, "hyperty", hy__string_ref(p->syncher->url));
    if (rc == 0) rc = hy_put(entry, "version", hy_int((int64_t)hy_party_version(p)));
    if (rc == 0) rc = hy_put(entry, "state", hy_text(state));
    if (rc == 0) rc = hy_put(entry, "pending", hy_int((int64_t)hy_party_status(p).pending));
    bool is_kept = p->syncher->manager->is_lasting && hy_party_store(p) != HY_STORE_NONE;
    if (rc == 0 && is_kept) rc = hy_put(entry, "store", hy__level_value(hy_party_store(p)));
    if (rc == 0) return hy_node_insert(list, hy_node_count(list), hy_node_value(entry));
    hy_node_unref(entry);
    return rc;
}

int hy_manager_objects(const hy_manager_t *m, hy_value_t *out) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    if (!list) return HY_ENOMEM;
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->synchers, &pos));) {
        hy_syncher_t *s = e->part;
        for (hy_link_t *l = s->parties.next; l != &s->parties; l = l->next) {
            int rc = add_party(list, hy_link_owner(l, hy_party_t, link));
            if (rc == 0) continue;
            hy_node_unref(list);
            return rc;
        }
    }
    *out = hy_node_value(list);
    return 0;
}

/* `hyperties` is taken over. */
static int add_route(hy_node_t *list, hy_str_t *url, const char *role, hy_value_t hyperties) {
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    int rc = entry ? hy_put(entry, "hyperties", hyperties) : HY_ENOMEM;
    if (!entry) hy_value_drop(hyperties);
    if (rc == 0) rc = hy_put(entry, "url", hy__string_ref(url));
    if (rc == 0) rc = hy_put(entry, "role", hy_text(role));
    if (rc == 0) return hy_node_insert(list, hy_node_count(list), hy_node_value(entry));
    if (entry) hy_node_unref(entry);
    return rc;
}

int hy_manager_routes(const hy_manager_t *m, hy_value_t *out) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list ? 0 : HY_ENOMEM;
    const hy_part_entry_t *e;
    hy_value_t hyperties;
    for (uint32_t pos = 0; rc == 0 && (e = hy_dict_next(&m->hosted, &pos));) {
        rc = hy__hosted_observers(e->part, &hyperties);
        if (rc == 0) rc = add_route(list, e->key, "reported here", hyperties);
    }
    for (uint32_t pos = 0; rc == 0 && (e = hy_dict_next(&m->replicas, &pos));) {
        rc = hy__replica_members(e->part, &hyperties);
        if (rc == 0) rc = add_route(list, e->key, "observed here", hyperties);
    }
    if (rc < 0) {
        if (list) hy_node_unref(list);
        return rc;
    }
    *out = hy_node_value(list);
    return 0;
}
