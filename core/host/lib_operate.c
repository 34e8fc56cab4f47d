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

void hy_lib_operate_open(lua_State *L, const hy_node_server_t *node) {
    if (luaL_newmetatable(L, TRACE_CLASS)) {
        lua_pushcfunction(L, trace_end);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    lua_pushlightuserdata(L, (void *)node);
    lua_pushcclosure(L, operate_node, 1);
    lua_setfield(L, -2, "node");
    lua_pushcfunction(L, operate_trace);
    lua_setfield(L, -2, "trace");
    lua_pushcfunction(L, trace_end);
    lua_setfield(L, -2, "untrace");
}
