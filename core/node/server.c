/* The message node as a whole: made from its parts and taken down again, and what all parts use:
 * dictionaries of pointers, and answers.
 *
 * The functions of the node (routing, allocation, registry) are topics that serve instead of having
 * subscribers; so a message finds them by the same look-up as everything else. The server owns all
 * that lives in its dictionaries. */
#include "internal.h"

static const struct {
    const char *address; /* before the domain, after it */
    const char *path;
    hy__serve_cb serve;
} FUNCTIONS[] = {
    {"domain://msg-node.", "/sm", hy__serve_sm},
    {"domain://msg-node.", "/address-allocation", hy__serve_allocation},
    {"domain://msg-node.", "/hyperty-address-allocation", hy__serve_allocation},
    {"domain://msg-node.", "/object-address-allocation", hy__serve_allocation},
    {"domain://registry.", "", hy__serve_registry},
};
#define FUNCTIONS_COUNT (sizeof FUNCTIONS / sizeof *FUNCTIONS)

/* --- dictionaries of pointers ----------------------------------------------------------------- */

void *hy__slot_find(const hy_dict_t *d, const char *bytes, size_t len) {
    const hy__slot_t *slot = hy_dict_find(d, bytes, len, d->index ? hy_hash(bytes, len) : 0);
    return slot ? slot->item : NULL;
}

void *hy__slot_get(const hy_dict_t *d, hy_str_t *key) {
    const hy__slot_t *slot = hy_dict_get(d, key);
    return slot ? slot->item : NULL;
}

int hy__slot_put(hy_dict_t *d, hy_str_t *key, void *item) {
    hy__slot_t *slot = hy_dict_put(d, key, NULL);
    if (!slot) return HY_ENOMEM;
    slot->item = item;
    return 0;
}

void hy__slot_remove(hy_dict_t *d, hy_str_t *key) {
    void *slot = hy_dict_get(d, key);
    if (slot) hy_dict_remove(d, slot);
}

/* --- answers ---------------------------------------------------------------------------------- */

void hy__reply(hy_session_t *s, hy_msg_t *m, int code, const char *desc, hy_value_t value) {
    if (m->type == HY_MSG_RESPONSE || !hy_msg_has_id(m)) {
        hy_value_drop(value);
        return;
    }
    hy_node_server_t *n = s->server;
    bool is_served = n->serving == m;
    if (is_served && code == 200 && hy__keep_is_torn(n)) {
        hy_value_drop(value);
        value = hy_absent();
        code = 503;
        desc = "the node has no memory to store what was asked for";
    }
    hy_msg_t *answer = hy_msg_response(m, NULL, code, desc, value);
    if (!answer) {
        hy_log(n->log, HY_LOG_ERROR, "node", "no memory to answer %s", m->from->bytes);
        return;
    }
    bool is_passing = code == 429 || code == 503; /* nothing was done, and the next try may do it */
    if (is_served && !is_passing) hy__answers_keep(n, m, answer);
    if (is_served) {
        bool is_bound = m->type == HY_MSG_EXECUTE || hy__keep_written(n) != n->serving_written;
        hy__keep_hand(s, answer, is_bound);
    } else {
        hy__deliver(s, answer);
    }
    hy_msg_unref(answer);
}

void hy__refuse(hy_session_t *s, hy_msg_t *m, const hy_error_t *err) {
    hy_node_server_t *n = s->server;
    n->stats.refused++;
    hy_log(n->log, HY_LOG_DEBUG, "node", "%s from %s to %s refused: %s", hy_msg_type_text(m->type),
           m->from->bytes, m->to->bytes, err->text);
    hy__reply(s, m, hy_error_http(err->code), err->text, hy_absent());
}

void hy__refuse_slow(hy_session_t *s, hy_msg_t *m) {
    hy_error_t err;
    hy_fail(&err, HY_EFULL, "who has %s does not keep up with what is sent to it", m->to->bytes);
    hy__refuse(s, m, &err);
}

/* --- life ------------------------------------------------------------------------------------- */

static int add_functions(hy_node_server_t *n) {
    for (size_t i = 0; i < FUNCTIONS_COUNT; i++) {
        hy_str_t *url =
            hy_str_format("%s%s%s", FUNCTIONS[i].address, n->domain->bytes, FUNCTIONS[i].path);
        if (!url) return HY_ENOMEM;
        int r = hy__topic_serve(n, url, FUNCTIONS[i].serve);
        hy_str_unref(url);
        if (r < 0) return r;
    }
    return 0;
}

static int build(hy_node_server_t *n, const char *domain) {
    if (!(n->domain = hy_str_from(domain))) return HY_ENOMEM;
    n->session_url = hy_str_from(HY_SESSION_URL);
    n->sm_url = hy_str_format("domain://msg-node.%s/sm", domain);
    n->registry_url = hy_str_format("domain://registry.%s", domain);
    n->catalogue_url = hy_str_format("hyperty-catalogue://catalogue.%s", domain);
    if (!n->session_url || !n->sm_url || !n->registry_url || !n->catalogue_url) return HY_ENOMEM;
    hy_address_t parts;
    int r = hy_address_parse(n->registry_url->bytes, n->registry_url->len, &parts, NULL);
    if (r < 0 || parts.path.len > 0 || n->domain->len > HY_DOMAIN_BYTES_MAX) return HY_EINVALID;
    if ((r = hy__allocation_new(n)) < 0 || (r = hy__registry_new(n)) < 0) return r;
    return add_functions(n);
}

int hy_node_server_new(const hy_node_config_t *config, hy_node_server_t **out) {
    hy_node_server_t *n = hy_alloc_zero(sizeof *n);
    if (!n) return HY_ENOMEM;
    n->clock = config->clock;
    n->random = config->random;
    n->log = config->log;
    n->limits = config->limits;
    n->schemas = config->schemas;
    n->auth = config->auth;
    if (!n->limits.queue_bytes) n->limits.queue_bytes = HY_SESSION_QUEUE_BYTES_MAX;
    if (!n->limits.grace_ms) n->limits.grace_ms = HY_SESSION_GRACE_MS;
    if (!n->limits.stuck_ms) n->limits.stuck_ms = HY_SESSION_STUCK_MS;
    hy_link_init(&n->peers);
    hy__sessions_init(n);
    hy_dict_t *dicts[] = {&n->owners, &n->addresses, &n->topics, &n->objects};
    for (size_t i = 0; i < sizeof dicts / sizeof *dicts; i++)
        hy_dict_init(dicts[i], sizeof(hy__slot_t));
    hy__tombstones_init(n);
    hy__answers_init(n);
    int r = build(n, config->domain);
    if (r == 0 && config->store) r = hy__keep_open(n, config);
    if (r < 0) {
        hy_node_server_free(n);
        return r;
    }
    *out = n;
    return 0;
}

void hy_node_server_free(hy_node_server_t *n) {
    if (!n) return;
    n->is_closing = true; /* whoever listens may be gone already */
    hy__peers_free(n);
    hy_timer_stop(n->clock, &n->watch);
    hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&n->owners, &pos));) {
        hy__owner_t *owner = slot->item;
        if (owner->session) hy_session_close(owner->session);
    }
    if (n->registry) hy__registry_free(n);
    for (uint32_t pos = 0; (slot = hy_dict_next(&n->owners, &pos));)
        hy__owner_free(n, slot->item);
    if (n->allocation) hy__allocation_free(n);
    for (uint32_t pos = 0; (slot = hy_dict_next(&n->topics, &pos));)
        hy__topic_free(n, slot->item);
    hy_dict_deinit(&n->owners);
    hy_dict_deinit(&n->addresses);
    hy_dict_deinit(&n->topics);
    hy_dict_deinit(&n->objects);
    hy__answers_deinit(n);
    hy__keep_close(n);
    hy_dict_deinit(&n->tombstones);
    hy_str_unref(n->domain);
    hy_str_unref(n->session_url);
    hy_str_unref(n->sm_url);
    hy_str_unref(n->registry_url);
    hy_str_unref(n->catalogue_url);
    hy_free(n);
}

hy_node_stats_t hy_node_server_stats(const hy_node_server_t *n) {
    hy_node_stats_t stats = n->stats;
    stats.objects = n->objects.count;
    return stats;
}

const char *hy_node_server_domain(const hy_node_server_t *n) {
    return n->domain->bytes;
}
