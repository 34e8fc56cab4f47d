/* Puts a runtime together and takes it apart, each part before those that it stands on. Owns bus,
 * schemas, sync manager, host and stubs, and the node if it is embedded, and the store if none was
 * given. */
#include "runtime.h"
#include "base/json.h"
#include "base/mem.h"
#include "net/pair.h"
#include "schema_folders.h"
#include "store/memory.h"

#include <assert.h>

typedef struct {
    hy_runtime_t *runtime;
    hy_str_t *domain; /* NULL: all */
    hy_stub_t *stub;
} way_t;

struct hy_runtime {
    hy_store_t *store, *own_store; /* own_store NULL: it was given */
    hy_node_server_t *own_node;
    hy_bus_t *bus;
    way_t ways[HY_WAYS_MAX];
    uint32_t way_count;
    /* Whose objects are heard of by the way of all that have none of their own; NULL: all. */
    hy_str_t *default_domain;
    hy_schemas_t *schemas;
    hy_schema_folders_t *schema_folders;
    hy_manager_t *manager;
    hy_host_t *host;
    hy_str_t *url;
    int (*token)(void *token_arg, const char *domain, hy_str_t **out, hy_error_t *err);
    void *token_arg;
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
const hy_node_server_t *hy_runtime_node(const hy_runtime_t *rt) {
    return rt->own_node;
}
hy_str_t *hy_runtime_url(const hy_runtime_t *rt) {
    return rt->url;
}

/* --- its URL ---------------------------------------------------------------------------------- */

static bool is_url_of(const hy_str_t *url, const char *domain) {
    hy_address_t parts;
    return hy_address_parse(url->bytes, url->len, &parts, NULL) == 0 &&
           parts.domain.len == strlen(domain) &&
           memcmp(parts.domain.bytes, domain, parts.domain.len) == 0 && parts.path.len > 1;
}

static int make_url(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *domain,
                    hy_error_t *err) {
    hy_str_t *uuid = hy_random_uuid(config->random);
    if (uuid && config->above) rt->url = hy_str_format("%s/%s", config->above, uuid->bytes);
    if (uuid && !config->above)
        rt->url = hy_str_format("hyperty-runtime://%s/%s", domain, uuid->bytes);
    hy_str_unref(uuid);
    if (!rt->url) return HY_ENOMEM;
    if (is_url_of(rt->url, domain)) return 0;
    return hy_fail(err, HY_EINVALID, "\"%s\" is no domain name; write one like example.com",
                   domain);
}

static int read_url(hy_runtime_t *rt, const hy_str_t *row, const char *domain, hy_error_t *err) {
    hy_value_t value = hy_absent();
    int rc = hy_json_read(row->bytes, row->len, HY_JSON_DEPTH_MAX, &value, NULL);
    if (rc == HY_ENOMEM) return rc;
    hy_str_t *url = value.kind == HY_OBJECT ? hy_get_str(value.as.n, "url") : NULL;
    if (url && is_url_of(url, domain)) rt->url = hy_str_ref(url);
    hy_value_drop(value);
    if (rt->url) return 0;
    return hy_fail(err, HY_EINVALID,
                   "%s: what is kept of the runtime of the domain %s is damaged; \"hyperty store "
                   "check\" tells more",
                   hy_store_name(rt->store), domain);
}

/* It is written before anything else of this runtime, so whatever names it comes after it. */
static int keep_url(hy_runtime_t *rt, const hy_str_t *owner, const hy_str_t *domain) {
    hy_str_t *row = hy_str_format("{\"url\":\"%s\"}", rt->url->bytes);
    int rc = row ? hy_store_put(rt->store, HY_TABLE_RUNTIMES, owner, domain, row->bytes, row->len)
                 : HY_ENOMEM;
    hy_str_unref(row);
    return rc;
}

/* The URL that the store has for this domain, or a new one, which it then has. */
static int find_url(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *domain,
                    hy_error_t *err) {
    hy_str_t *owner = hy_str_from(""), *key = hy_str_from(domain), *row = NULL;
    int rc = owner && key ? 0 : HY_ENOMEM;
    if (!rc) rc = hy_store_find(rt->store, HY_TABLE_RUNTIMES, owner, key, &row);
    if (rc == HY_ENOT_FOUND) {
        rc = make_url(rt, config, domain, err);
        if (!rc) rc = keep_url(rt, owner, key);
    } else if (!rc) {
        rc = read_url(rt, row, domain, err);
    } else if (rc == HY_EINTERNAL) {
        hy_fail(err, rc, "%s cannot be read; \"hyperty store check\" tells more",
                hy_store_name(rt->store));
    }
    hy_str_unref(row);
    hy_str_unref(owner);
    hy_str_unref(key);
    return rc;
}

static int open_store(hy_runtime_t *rt, const hy_runtime_config_t *config) {
    int rc =
        config->store ? 0 : hy_store_open_memory(config->clock, config->log, NULL, &rt->own_store);
    rt->store = config->store ? config->store : rt->own_store;
    return rc;
}

/* --- users ------------------------------------------------------------------------------------ */

static int check_user(const char *user, hy_error_t *err) {
    hy_address_t parts;
    if (hy_address_parse(user, strlen(user), &parts, NULL) == 0 && parts.path.len > 1 &&
        parts.scheme.len == strlen("user") && strncmp(user, "user:", strlen("user:")) == 0) {
        return 0;
    }
    return hy_fail(err, HY_EINVALID, "\"%s\" is no user URL; write one like user://localhost/bob",
                   user);
}

/* --- ways to nodes ---------------------------------------------------------------------------- */

static void on_changed(void *arg, hy_stub_state_t state, bool is_new, const char *why) {
    const way_t *way = arg;
    hy_manager_t *manager = way->runtime->manager;
    const hy_str_t *told = way->domain ? way->domain : way->runtime->default_domain;
    const char *domain = told ? told->bytes : NULL;
    (void)why;
    if (!manager) return; /* not yet, or not any more: there is nothing to set up */
    if (state == HY_STUB_LIVE) {
        hy_manager_online(manager, domain, is_new);
    } else {
        hy_manager_offline(manager, domain);
    }
}

static int get_token(void *arg, hy_str_t **out, hy_error_t *err) {
    const way_t *way = arg;
    const hy_runtime_t *rt = way->runtime;
    return rt->token(rt->token_arg, way->domain ? way->domain->bytes : NULL, out, err);
}

static int open_way(hy_runtime_t *rt, const hy_way_t *given, hy_error_t *err) {
    assert(rt->way_count < HY_WAYS_MAX);
    way_t *way = &rt->ways[rt->way_count];
    way->runtime = rt;
    way->domain = given->domain ? hy_str_from(given->domain) : NULL;
    if (given->domain && !way->domain) {
        given->connector->free(given->connector);
        return HY_ENOMEM;
    }
    hy_stub_config_t config = {
        .bus = rt->bus,
        .runtime = rt->url,
        .domain = given->domain,
        .connector = given->connector,
        .changed = on_changed,
        .arg = way,
        .token = rt->token ? get_token : NULL,
        .token_arg = way,
    };
    int rc = hy_stub_open(&config, &way->stub, err);
    if (rc == 0) {
        rt->way_count++;
    } else {
        hy_str_unref(way->domain);
    }
    return rc;
}

static int embed_node(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *domain,
                      hy_error_t *err) {
    hy_node_config_t node_config = {
        .domain = domain,
        .clock = config->clock,
        .random = config->random,
        .log = config->log,
        .schemas = rt->schemas,
    };
    int rc = hy_node_server_new(&node_config, &rt->own_node);
    hy_pair_t *pair;
    if (!rc) rc = hy_pair_new(rt->own_node, NULL, "the embedded node", &pair);
    if (rc) return rc;
    hy_way_t way = {.connector = hy_pair_connector(pair)};
    return open_way(rt, &way, err);
}

static bool has_default_way(const hy_runtime_config_t *config) {
    for (uint32_t i = 0; i < config->way_count; i++) {
        if (!config->ways[i].domain) return true;
    }
    return false;
}

/* All connectors are taken over, also those that are not reached (`rc`: because it failed before).
 */
static int open_ways(hy_runtime_t *rt, const hy_runtime_config_t *config, int rc, hy_error_t *err) {
    for (uint32_t i = 0; i < config->way_count; i++) {
        if (rc == 0) {
            rc = open_way(rt, &config->ways[i], err);
        } else {
            config->ways[i].connector->free(config->ways[i].connector);
        }
    }
    return rc;
}

void hy_runtime_hurry(hy_runtime_t *rt) {
    for (uint32_t i = 0; i < rt->way_count; i++)
        hy_stub_hurry(rt->ways[i].stub);
}

static void close_ways(hy_runtime_t *rt) {
    while (rt->way_count > 0) {
        way_t *way = &rt->ways[--rt->way_count];
        hy_stub_close(way->stub);
        hy_str_unref(way->domain);
    }
}

/* --- the parts -------------------------------------------------------------------------------- */

static int load_schemas(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *domain,
                        hy_error_t *err) {
    int rc = hy_schemas_new(domain, &rt->schemas);
    if (rc) return rc;
    return hy_schema_folders_open(rt->schemas, config->schemas, config->paths, config->path_count,
                                  config->log, &rt->schema_folders, err);
}

static void before_reload(void *runtime) {
    const hy_runtime_t *rt = runtime;
    hy_schema_folders_read_again(rt->schema_folders);
}

void hy_runtime_each_schema_file(const hy_runtime_t *rt, void (*file)(void *arg, const char *path),
                                 void *arg) {
    hy_schema_folders_each(rt->schema_folders, file, arg);
}

static int open_host(hy_runtime_t *rt, const hy_runtime_config_t *config, const char *user) {
    hy_host_config_t host_config = {
        .manager = rt->manager,
        .store = rt->store,
        .log = config->log,
        .user = user,
        .paths = (const char **)config->paths,
        .path_count = config->path_count,
        .trusted = (const char **)config->trusted,
        .trusted_count = config->trusted_count,
        .budget = config->budget,
        .memory_max = config->memory_max,
        .print = config->print,
        .print_arg = config->print_arg,
        .wake = config->wake,
        .wake_arg = config->wake_arg,
        .before_reload = before_reload,
        .before_reload_arg = rt,
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
    int rc = open_store(rt, config);
    if (!rc) rc = find_url(rt, config, domain, err);
    if (!rc) rc = check_user(user, err);
    if (!rc) rc = hy_bus_new(&bus_config, &rt->bus);
    if (!rc) rc = load_schemas(rt, config, domain, err);
    if (rc) return rc;
    hy_manager_config_t manager_config = {
        .bus = rt->bus,
        .runtime = rt->url,
        .domain = domain,
        .schemas = rt->schemas,
        .store = rt->store,
        .history_bytes = config->history_bytes,
        .seed = config->seed,
    };
    rc = hy_manager_new(&manager_config, &rt->manager);
    if (!rc && config->groups) rc = hy_manager_add_groups(rt->manager, config->groups, err);
    if (!rc && config->policy) rc = hy_manager_set_policy(rt->manager, config->policy, err);
    return rc ? rc : open_host(rt, config, user);
}

int hy_runtime_new(const hy_runtime_config_t *config, hy_runtime_t **out, hy_error_t *err) {
    const char *domain = config->domain ? config->domain : "localhost";
    hy_error_t why = {0};
    hy_runtime_t *rt = hy_alloc_zero(sizeof *rt);
    if (!rt) {
        open_ways(NULL, config, HY_ENOMEM, NULL);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    rt->token = config->token;
    rt->token_arg = config->token_arg;
    hy_str_t *user =
        config->user ? hy_str_from(config->user) : hy_str_format("user://%s/me", domain);
    int rc = user ? assemble(rt, config, domain, user->bytes, &why) : HY_ENOMEM;
    bool is_default_only = config->way_count == (has_default_way(config) ? 1 : 0);
    if (!rc && !is_default_only && !(rt->default_domain = hy_str_from(domain))) rc = HY_ENOMEM;
    if (!rc && !has_default_way(config)) rc = embed_node(rt, config, domain, &why);
    rc = open_ways(rt, config, rc, &why);
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

void hy_runtime_end(hy_runtime_t *rt) {
    if (rt->host) {
        say_farewell(rt);
        hy_host_free(rt->host);
    }
    rt->host = NULL;
    if (rt->bus) hy_bus_end_requests(rt->bus);
    if (rt->manager) hy_manager_free(rt->manager);
    rt->manager = NULL;
}

bool hy_runtime_has_more(const hy_runtime_t *rt) {
    if (hy_bus_stats(rt->bus).queued > 0) return true;
    for (uint32_t i = 0; i < rt->way_count; i++) {
        if (hy_stub_has_more(rt->ways[i].stub)) return true;
    }
    return false;
}

void hy_runtime_free(hy_runtime_t *rt) {
    if (!rt) return;
    hy_runtime_end(rt);
    close_ways(rt);
    if (rt->bus) hy_bus_free(rt->bus);
    if (rt->own_node) hy_node_server_free(rt->own_node);
    hy_schema_folders_close(rt->schema_folders);
    if (rt->schemas) hy_schemas_free(rt->schemas);
    hy_store_close(rt->own_store);
    hy_str_unref(rt->default_domain);
    hy_str_unref(rt->url);
    hy_free(rt);
}

void hy_runtime_crash(hy_runtime_t *rt) {
    if (!rt) return;
    while (rt->way_count > 0) {
        way_t *way = &rt->ways[--rt->way_count];
        hy_stub_crash(way->stub);
        hy_str_unref(way->domain);
    }
    if (rt->manager) hy_manager_crash(rt->manager);
    if (rt->host) hy_host_crash(rt->host);
    rt->host = NULL;
    hy_runtime_free(rt); /* what is said by this goes nowhere: no way is left, no turn comes */
}

bool hy_runtime_turn(hy_runtime_t *rt) {
    bool bus_has_more = hy_bus_turn(rt->bus, HY_BUS_TURN_MESSAGES);
    bool host_has_more = rt->host && hy_host_turn(rt->host);
    /* What the host did may have been sending. */
    return bus_has_more || host_has_more || hy_bus_stats(rt->bus).queued > 0;
}
