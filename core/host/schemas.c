/* The schemas that a hyperty's table names: those that are not known here are asked for at the
 * catalogue of their domain before it starts, since what the domain is told of it depends on them.
 * One that is nowhere is no reason not to start: who makes or observes its objects is told then. */
#include "internal.h"

typedef struct {
    const hy_instance_t *instance;
    hy_node_t *names;
    int rc;
} listing_t;

static void list_names(lua_State *L, void *arg) {
    listing_t *l = arg;
    lua_rawgeti(L, LUA_REGISTRYINDEX, l->instance->hyperty_ref);
    lua_pushliteral(L, "schemas");
    if (lua_rawget(L, 1) != LUA_TTABLE) return;
    lua_Integer at = 1, last = HY_CATALOGUE_LOOKUPS_MAX;
    for (; l->rc == 0 && at <= last && lua_rawgeti(L, 2, at) == LUA_TSTRING; at++) {
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        bool is_one = strlen(text) == len && hy_utf8_is_valid(text, len);
        if (is_one) l->rc = hy_node_insert(l->names, hy_node_count(l->names), hy_text(text));
        lua_pop(L, 1);
    }
}

static void on_failed(void *instance, const char *text) {
    hy__instance_log(instance, HY_LOG_WARN, "schemas", text);
}

static void on_done(void *instance) {
    hy_instance_t *i = instance;
    i->learning = NULL;
    hy__instance_knows(i);
}

int hy__schemas_learn(hy_instance_t *i) {
    static const hy_learning_events_t events = {on_failed, on_done};
    listing_t l = {.instance = i, .names = hy_node_new(HY_ARRAY)};
    int rc = l.names ? hy_protected(i->L, list_names, &l, NULL) : HY_ENOMEM;
    if (rc == 0) rc = l.rc;
    if (rc == 0) rc = hy_manager_learn(i->host->config.manager, l.names, &events, i, &i->learning);
    hy_node_unref(l.names);
    return rc;
}
