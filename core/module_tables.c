/* Tables of values: options of host.runtime{…} (schemas by name, rules and groups), and policy of a
 * runtime that goes on. */
#include "module.h"

static const char *const names[HY_MODULE_TABLES] = {"schemas", "policy", "groups"};

void hy_module_tables_find(lua_State *L, hy_module_tables_t *t) {
    for (int i = 0; i < HY_MODULE_TABLES; i++) {
        lua_getfield(L, 1, names[i]);
        t->places[i] = lua_gettop(L);
        t->values[i] = hy_absent();
    }
}

int hy_module_tables_read(lua_State *L, hy_module_tables_t *t, hy_runtime_config_t *config,
                          hy_error_t *err) {
    const hy_node_t **nodes[HY_MODULE_TABLES] = {&config->schemas, &config->policy,
                                                 &config->groups};
    for (int i = 0; i < HY_MODULE_TABLES; i++) {
        if (lua_isnil(L, t->places[i])) continue;
        int rc = hy_plain_read(L, t->places[i], &t->values[i], err);
        if (rc < 0) return rc;
        if (t->values[i].kind != HY_OBJECT)
            return hy_fail(err, HY_EINVALID, "%s must be a table of names", names[i]);
        *nodes[i] = t->values[i].as.n;
    }
    return 0;
}

void hy_module_tables_drop(hy_module_tables_t *t) {
    for (int i = 0; i < HY_MODULE_TABLES; i++) {
        hy_value_drop(t->values[i]);
    }
}

/* --- policy ----------------------------------------------------------------------------------- */

static hy_manager_t *manager_of(const hy_module_runtime_t *r) {
    return hy_runtime_manager(r->runtime);
}

/* What was changed; or nil, message, code. */
static int done(lua_State *L, int rc, const hy_error_t *err) {
    if (rc) return hy_module_failure(L, rc, err->text);
    lua_pushboolean(L, 1);
    return 1;
}

static int give(lua_State *L, int rc, hy_value_t value) {
    if (rc) return luaL_error(L, "%s", hy_error_text(rc));
    hy_module_push_value(L, value);
    return 1;
}

int hy_module_policy(lua_State *L) {
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    hy_value_t rules = hy_absent();
    if (lua_isnoneornil(L, 2)) {
        int rc = hy_manager_policy(manager_of(r), &rules);
        return give(L, rc, rules);
    }
    hy_error_t err = {0};
    int rc = hy_plain_read(L, 2, &rules, &err);
    lua_State *before = hy_world_enter(L, r->world, true);
    if (!rc && !hy_is_node(rules)) rc = hy_fail(&err, HY_EINVALID, "policy must be a table");
    if (!rc) rc = hy_manager_set_policy(manager_of(r), rules.as.n, &err);
    hy_world_leave(r->world, before);
    hy_value_drop(rules);
    return done(L, rc, &err);
}

int hy_module_group(lua_State *L) {
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    hy_str_t *name = hy_str_from(luaL_checkstring(L, 2));
    hy_value_t edit = hy_absent();
    hy_error_t err = {0};
    int rc = name ? hy_plain_read(L, 3, &edit, &err) : HY_ENOMEM;
    const hy_node_t *lists = edit.kind == HY_OBJECT ? edit.as.n : NULL;
    lua_State *before = hy_world_enter(L, r->world, true);
    if (!rc)
        rc = hy_manager_group(manager_of(r), name, hy_get_array(lists, "add"),
                              hy_get_array(lists, "remove"), &err);
    hy_world_leave(r->world, before);
    hy_value_drop(edit);
    hy_str_unref(name);
    return done(L, rc, &err);
}

int hy_module_groups(lua_State *L) {
    hy_value_t value = hy_absent();
    int rc = hy_manager_groups(manager_of(hy_module_runtime_check(L, 1)), &value);
    return give(L, rc, value);
}

int hy_module_why(lua_State *L) {
    const hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    const char *object = luaL_checkstring(L, 2), *subject = luaL_checkstring(L, 3);
    hy_str_t *url = hy_str_from(object), *who = hy_str_from(subject);
    hy_value_t value = hy_absent();
    int rc = url && who ? hy_manager_why(manager_of(r), url, who, &value) : HY_ENOMEM;
    hy_str_unref(url);
    hy_str_unref(who);
    return give(L, rc, value);
}
