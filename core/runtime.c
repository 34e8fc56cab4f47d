/* Puts a runtime together and takes it apart, each part before those that it stands on. Owns bus,
 * schemas, sync manager, host and pair, and the node unless it is shared. */
#include "runtime.h"
#include "base/mem.h"
#include "schema_files.h"

struct hy_runtime {
    hy_node_server_t *own_node;
    hy_bus_t *bus;
    hy_network_t *network;
    hy_pair_t *pair;
    hy_schemas_t *schemas;
    hy_manager_t *manager;
    hy_host_t *host;
    hy_str_t *url;
};

hy_bus_t *hy_runtime_bus(const hy_runtime_t *rt) {
    return rt->bus;
}
hy_host_t *hy_runtime_host(const hy_runtime_t *rt) {
    return rt->host;
}
hy_manager_t *hy_runtime_manager(const hy_runtime_t *rt) {
    return rt->manager;
}
hy_pair_t *hy_runtime_pair(const hy_runtime_t *rt) {
    return rt->pair;
}
hy_str_t *hy_runtime_url(const hy_runtime_t *rt) {
    return rt->url;
}

static int make_url(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *domain,
                    hy_error_t *err) {
    hy_str_t *uuid = hy_random_uuid(config->random);
    if (uuid) rt->url = hy_str_format("hyperty-runtime://%s/%s", domain, uuid->bytes);
    hy_str_unref(uuid);
    if (!rt->url) return HY_ENOMEM;
    hy_address_t parts;
    if (hy_address_parse(rt->url->bytes, rt->url->len, &parts, NULL) != 0 ||
        parts.domain.len != strlen(domain)) {
        return hy_fail(err, HY_EINVALID, "\"%s\" is no domain name; write one like example.com",
                       domain);
    }
    return 0;
}

static int check_user(const char *user, hy_error_t *err) {
    hy_address_t parts;
    if (hy_address_parse(user, strlen(user), &parts, NULL) == 0 && parts.path.len > 1 &&
        parts.scheme.len == strlen("user") && strncmp(user, "user:", strlen("user:")) == 0) {
        return 0;
    }
    return hy_fail(err, HY_EINVALID, "\"%s\" is no user URL; write one like user://localhost/bob",
                   user);
}

static int connect_node(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *domain) {
    hy_node_server_t *node = config->node;
    if (!node) {
        hy_node_config_t node_config = {
            .domain = domain,
            .clock = config->clock,
            .random = config->random,
            .log = config->log,
        };
        int rc = hy_node_server_new(&node_config, &rt->own_node);
        if (rc) return rc;
        node = rt->own_node;
    }
    rt->network = config->network;
    return hy_pair_open(rt->bus, node, rt->url, NULL, rt->network, &rt->pair);
}

void hy_runtime_disconnect(hy_runtime_t *rt) {
    if (!rt->pair) return;
    hy_pair_close(rt->pair);
    rt->pair = NULL;
    hy_manager_offline(rt->manager, NULL);
}

int hy_runtime_connect(hy_runtime_t *rt, hy_node_server_t *node) {
    if (rt->pair) return HY_ECONFLICT;
    int rc = hy_pair_open(rt->bus, node, rt->url, NULL, rt->network, &rt->pair);
    if (rc < 0) return rc;
    hy_manager_online(rt->manager, NULL, true);
    return 0;
}

void hy_runtime_interrupt(hy_runtime_t *rt, bool is_away) {
    if (!rt->pair) return;
    hy_pair_cut(rt->pair, is_away, is_away);
    if (is_away) {
        hy_manager_offline(rt->manager, NULL);
    } else {
        hy_manager_online(rt->manager, NULL, false);
    }
}

static int load_schemas(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *domain,
                        hy_error_t *err) {
    int rc = hy_schemas_new(domain, &rt->schemas);
    if (rc) return rc;
    uint32_t pos = 0;
    hy_str_t *name;
    hy_value_t document;
    while (config->schemas && hy_node_next(config->schemas, &pos, &name, &document)) {
        if (document.kind != HY_OBJECT) {
            return hy_fail(err, HY_EINVALID, "schema %s: is no object", name->bytes);
        }
        rc = hy_schemas_add(rt->schemas, name->bytes, document.as.n, err);
        if (rc) return rc;
    }
    return hy_schema_files_load(rt->schemas, config->paths, config->path_count, config->log);
}

static int open_host(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *user) {
    hy_host_config_t host_config = {
        .manager = rt->manager,
        .log = config->log,
        .user = user,
        .paths = (const char **)config->paths,
        .path_count = config->path_count,
        .print = config->print,
        .print_arg = config->print_arg,
        .wake = config->wake,
        .wake_arg = config->wake_arg,
    };
    return hy_host_new(&host_config, &rt->host);
}

static int assemble(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *domain,
                    const char *user, hy_error_t *err) {
    hy_bus_config_t bus_config = {
        .clock = config->clock,
        .random = config->random,
        .log = config->log,
        .wake = config->wake,
        .wake_arg = config->wake_arg,
    };
    int rc = make_url(rt, config, domain, err);
    if (!rc) rc = check_user(user, err);
    if (!rc) rc = hy_bus_new(&bus_config, &rt->bus);
    if (!rc) rc = connect_node(rt, config, domain);
    if (!rc) rc = load_schemas(rt, config, domain, err);
    if (rc) return rc;
    hy_manager_config_t manager_config = {
        .bus = rt->bus,
        .runtime = rt->url,
        .domain = domain,
        .schemas = rt->schemas,
    };
    rc = hy_manager_new(&manager_config, &rt->manager);
    return rc ? rc : open_host(rt, config, user);
}

int hy_runtime_new(const hy_runtime_config_t *config, hy_runtime_t **out, hy_error_t *err) {
    const char *domain = config->domain ? config->domain : "localhost";
    hy_error_t why = {0};
    hy_runtime_t *rt = hy_alloc_zero(sizeof *rt);
    if (!rt) return hy_fail(err, HY_ENOMEM, "out of memory");
    hy_str_t *user =
        config->user ? hy_str_from(config->user) : hy_str_format("user://%s/me", domain);
    int rc = user ? assemble(rt, config, domain, user->bytes, &why) : HY_ENOMEM;
    hy_str_unref(user);
    if (rc) {
        hy_runtime_free(rt);
        return hy_fail(err, rc, "%s", why.code == rc ? why.text : hy_error_text(rc));
    }
    *out = rt;
    return 0;
}

/* Lets the hyperties stop by themselves, so that their `stop` runs and others hear of it; what is
 * still moving after that is cut off. */
static void say_farewell(hy_runtime_t *rt) {
    for (hy_instance_t *i = hy_host_next_instance(rt->host, NULL); i;
         i = hy_host_next_instance(rt->host, i)) {
        hy_instance_unload(i);
    }
    for (unsigned turns = 0; turns < HY_FAREWELL_TURNS_MAX && hy_runtime_turn(rt); turns++) {
    }
}

void hy_runtime_free(hy_runtime_t *rt) {
    if (!rt) return;
    if (rt->host) {
        say_farewell(rt);
        hy_host_free(rt->host);
    }
    if (rt->bus) hy_bus_end_requests(rt->bus);
    if (rt->manager) hy_manager_free(rt->manager);
    if (rt->pair) hy_pair_close(rt->pair);
    if (rt->bus) hy_bus_free(rt->bus);
    if (rt->own_node) hy_node_server_free(rt->own_node);
    if (rt->schemas) hy_schemas_free(rt->schemas);
    hy_str_unref(rt->url);
    hy_free(rt);
}

bool hy_runtime_turn(hy_runtime_t *rt) {
    bool bus_has_more = hy_bus_turn(rt->bus, HY_BUS_TURN_MESSAGES);
    bool host_has_more = hy_host_turn(rt->host);
    /* What the host did may have been sending. */
    return bus_has_more || host_has_more || hy_bus_stats(rt->bus).queued > 0;
}
