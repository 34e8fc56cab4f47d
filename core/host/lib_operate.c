/* What an operator asks. The trace is an interceptor of the bus that passes everything and writes a
 * line about what it is for. It runs no Lua: the line goes where prints go, so that a message never
 * waits for a script. */
#include "lib_operate.h"
#include "../node/inspect.h"
#include "internal.h"
#include "lib_syncher.h"

#define TRACE_CLASS "hyperty.prompt_trace"

/* --- the node --------------------------------------------------------------------------------- */

static int no_node(lua_State *L) {
    return hy_push_failure(
        L, HY_ENOT_FOUND,
        "the message node is in another process: attach to that one, of the kind "
        "\"node\"; hyperty attach lists what runs");
}

/* node(list [, part]) → rows, total; or nil, message, code */
static int operate_node(lua_State *L) {
    const hy_node_server_t *node = lua_touserdata(L, lua_upvalueindex(1));
    const char *word = luaL_checkstring(L, 1), *part = luaL_optstring(L, 2, NULL);
    hy_value_t *value = hy_class_hold(L);
    uint32_t total = 0;
    if (!node) return no_node(L);
    bool is_figures = strcmp(word, "stats") == 0;
    hy_node_list_t list = hy_node_list_find(word);
    if (!is_figures && list == HY_NODE_LISTS) return luaL_error(L, "node: no list \"%s\"", word);
    int rc = is_figures ? hy_node_server_figures(node, value)
                        : hy_node_server_list(node, list, part, value, &total);
    if (rc) return luaL_error(L, "node: %s", hy_error_text(rc));
    hy_value_push(L, *value);
    lua_pushinteger(L, total);
    return 2;
}

/* --- policy ----------------------------------------------------------------------------------- */

static hy_manager_t *manager_of(lua_State *L) {
    return hy_instance_of(L)->host->config.manager;
}

static int push_changed(lua_State *L, int rc, const hy_error_t *err) {
    if (rc) return hy_push_failure(L, rc, err->text[0] ? err->text : hy_error_text(rc));
    lua_pushboolean(L, 1);
    return 1;
}

static int push_read(lua_State *L, int rc, hy_value_t *value) {
    if (rc) return luaL_error(L, "%s", hy_error_text(rc));
    hy_value_push(L, *value);
    return 1;
}

/* policy([rules]) → the rules; or true; or nil, message, code */
static int operate_policy(lua_State *L) {
    hy_error_t err = {0};
    if (lua_isnoneornil(L, 1)) {
        hy_value_t *rules = hy_class_hold(L);
        return push_read(L, hy_manager_policy(manager_of(L), rules), rules);
    }
    const hy_value_t *rules = hy_class_value(L, 1, "policy");
    int rc = hy_is_node(*rules) ? hy_manager_set_policy(manager_of(L), rules->as.n, &err)
                                : hy_fail(&err, HY_EINVALID, "policy: must be a table");
    return push_changed(L, rc, &err);
}

static int operate_groups(lua_State *L) {
    hy_value_t *groups = hy_class_hold(L);
    return push_read(L, hy_manager_groups(manager_of(L), groups), groups);
}

/* group(name, {add =, remove =}) → true; or nil, message, code */
static int operate_group(lua_State *L) {
    hy_error_t err = {0};
    luaL_checkstring(L, 1);
    const hy_value_t *edit = hy_class_value(L, 2, "group");
    const hy_node_t *lists = edit->kind == HY_OBJECT ? edit->as.n : NULL;
    hy_str_t *name = hy_class_str(L, 1);
    int rc = name ? hy_manager_group(manager_of(L), name, hy_get_array(lists, "add"),
                                     hy_get_array(lists, "remove"), &err)
                  : HY_ENOMEM;
    hy_str_unref(name);
    return push_changed(L, rc, &err);
}

/* why(url, who) → as hy_manager_why */
static int operate_why(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    hy_value_t *known = hy_class_hold(L);
    hy_str_t *url = hy_class_str(L, 1), *who = hy_class_str(L, 2);
    int rc = url && who ? hy_manager_why(manager_of(L), url, who, known) : HY_ENOMEM;
    hy_str_unref(url);
    hy_str_unref(who);
    return push_read(L, rc, known);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* keys() → as hy_manager_keys; or nil, message, code */
static int operate_keys(lua_State *L) {
    hy_error_t err = {0};
    hy_value_t *keys = hy_class_hold(L);
    int rc = hy_manager_keys(manager_of(L), keys, &err);
    return rc ? push_changed(L, rc, &err) : push_read(L, rc, keys);
}

static int edit_key(lua_State *L, int (*edit)(hy_manager_t *m, hy_str_t *user,
                                              const char *fingerprint, hy_error_t *err)) {
    hy_error_t err = {0};
    luaL_checkstring(L, 1);
    const char *fingerprint = luaL_optstring(L, 2, NULL);
    hy_str_t *user = hy_class_str(L, 1);
    int rc = user ? edit(manager_of(L), user, fingerprint, &err) : HY_ENOMEM;
    hy_str_unref(user);
    return push_changed(L, rc, &err);
}

/* accept(user [, fingerprint]) → true; or nil, message, code; forget likewise */
static int operate_accept(lua_State *L) {
    return edit_key(L, hy_manager_accept_key);
}
static int operate_forget(lua_State *L) {
    return edit_key(L, hy_manager_forget_key);
}

/* --- traces ----------------------------------------------------------------------------------- */

typedef struct {
    hy_instance_t *instance;
    hy_interceptor_t *interceptor; /* NULL: it has ended */
    hy_str_t *url;
} trace_t;

static bool is_of(const hy_str_t *address, const hy_str_t *url) {
    if (address->len < url->len || memcmp(address->bytes, url->bytes, url->len) != 0) return false;
    return address->len == url->len || address->bytes[url->len] == '/';
}

static void print_line(const trace_t *t, const char *text) {
    const hy_host_config_t *config = &t->instance->host->config;
    if (config->print) {
        config->print(config->print_arg, t->instance->name->bytes, text);
    } else {
        hy_log(config->log, HY_LOG_INFO, t->instance->name->bytes, "%s", text);
    }
}

/* "trace: update version 7, comm://… → comm://…/changes" */
static void print_message(const trace_t *t, hy_msg_t *m) {
    hy_buf_t b;
    hy_buf_init(&b);
    const hy_node_t *body = hy_msg_body(m);
    int64_t version = hy_get_int(body, "version", -1);
    if (version < 0) version = hy_get_int(hy_get_object(body, "value"), "version", -1);
    hy_buf_format(&b, "trace: %s", hy_msg_type_text(m->type));
    if (m->type == HY_MSG_RESPONSE) hy_buf_format(&b, " %d %s", hy_msg_code(m), hy_msg_desc(m));
    if (version >= 0) hy_buf_format(&b, " version %lld", (long long)version);
    const hy_str_t *method = hy_get_str(body, "method");
    if (method) hy_buf_format(&b, " %s", method->bytes);
    hy_buf_format(&b, ", %s \xe2\x86\x92 %s", m->from->bytes, m->to->bytes);
    hy_str_t *line = hy_buf_take(&b);
    if (line) print_line(t, line->bytes);
    hy_str_unref(line);
}

static hy_verdict_t on_message(void *arg, hy_msg_t **m, hy_hold_t *hold) {
    const trace_t *t = arg;
    (void)hold;
    if (is_of((*m)->from, t->url) || is_of((*m)->to, t->url)) print_message(t, *m);
    return HY_PASS;
}

static int trace_end(lua_State *L) {
    trace_t *t = luaL_checkudata(L, 1, TRACE_CLASS);
    hy_interceptor_close(t->interceptor);
    hy_str_unref(t->url);
    t->interceptor = NULL;
    t->url = NULL;
    return 0;
}

static int operate_trace(lua_State *L) {
    size_t len;
    const char *url = hy_class_text(L, 1, &len);
    trace_t *t = lua_newuserdatauv(L, sizeof *t, 0);
    *t = (trace_t){.instance = hy_instance_of(L)};
    luaL_setmetatable(L, TRACE_CLASS);
    t->url = hy_str_new(url, len);
    hy_bus_t *bus = hy__host_bus(t->instance->host);
    int rc = t->url ? hy_bus_intercept(bus, on_message, t, &t->interceptor) : HY_ENOMEM;
    if (rc) return luaL_error(L, "trace: %s", hy_error_text(rc));
    return 1;
}

static const luaL_Reg primitives[] = {{"policy", operate_policy}, {"groups", operate_groups},
                                      {"group", operate_group},   {"why", operate_why},
                                      {"keys", operate_keys},     {"accept", operate_accept},
                                      {"forget", operate_forget}, {"trace", operate_trace},
                                      {"untrace", trace_end},     {NULL, NULL}};

void hy_lib_operate_open(lua_State *L, const hy_node_server_t *node) {
    if (luaL_newmetatable(L, TRACE_CLASS)) {
        lua_pushcfunction(L, trace_end);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    lua_pushlightuserdata(L, (void *)node);
    lua_pushcclosure(L, operate_node, 1);
    lua_setfield(L, -2, "node");
    luaL_setfuncs(L, primitives, 0);
}
