/* Ports: raw endpoints on a runtime's bus, for specs on the level of messages; and what comes in
 * past them: interceptors, and messages as if from an uplink.
 *
 * A port's userdata has two user values: 1 the runtime's userdata, 2 a table with the functions of
 * its listeners by number. While it is open the registry anchors it. */
#include "base/json.h"
#include "base/mem.h"
#include "module.h"

#include <string.h>

#define USER_RUNTIME   1
#define USER_FUNCTIONS 2
/* Nobody's domain: an uplink that only receives. */
#define RECEIVE_DOMAIN "receive.invalid"

typedef struct {
    hy_link_t link; /* in the runtime */
    hy_module_runtime_t *runtime;
    hy_port_t *port; /* NULL: closed */
    hy_link_t listeners;
    int listener_count; /* ever made */
} port_t;

typedef struct {
    hy_link_t link;
    port_t *port;
    hy_listener_t *listener;
    int number; /* of its function */
} listener_t;

static port_t *check_port(lua_State *L) {
    port_t *p = luaL_checkudata(L, 1, HY_PORT_CLASS);
    if (!p->port) luaL_argerror(L, 1, "the port is closed");
    return p;
}

/* --- messages as tables ----------------------------------------------------------------------- */

/* Builds the message of an object, which is taken over. */
static int message_of(hy_value_t object, int64_t id, hy_str_t *from, hy_msg_t **out,
                      hy_error_t *err) {
    int rc = object.kind == HY_OBJECT ? 0 : hy_fail(err, HY_EINVALID, "a message is an object");
    if (!rc && id) rc = hy_put(object.as.n, "id", hy_int(id));
    if (!rc && from && hy_get(object.as.n, "from").kind == HY_ABSENT) {
        rc = hy_put(object.as.n, "from", hy_string(hy_str_ref(from)));
    }
    if (!rc) {
        hy_buf_t b;
        hy_buf_init(&b);
        hy_json_write(&b, object);
        hy_str_t *text = hy_buf_take(&b);
        rc = text ? hy_msg_parse(text, out, err) : HY_ENOMEM;
        hy_str_unref(text);
    }
    hy_value_drop(object);
    return rc;
}

/* The message that the table or JSON text at `index` says; with `id` unless that is 0, and `from`
 * (NULL: none) unless it has one. A text without id to set goes as it is, however malformed. */
static int read_message(lua_State *L, int index, int64_t id, hy_str_t *from, hy_msg_t **out,
                        hy_error_t *err) {
    hy_value_t object = hy_absent();
    int rc;
    if (lua_type(L, index) != LUA_TSTRING) {
        rc = hy_plain_read(L, index, &object, err);
        return rc ? rc : message_of(object, id, from, out, err);
    }
    size_t len;
    const char *bytes = lua_tolstring(L, index, &len);
    if (id) {
        rc = hy_json_read(bytes, len, HY_JSON_DEPTH_MAX, &object, err);
        return rc ? rc : message_of(object, id, from, out, err);
    }
    hy_str_t *text = hy_str_new(bytes, len);
    rc = text ? hy_msg_parse(text, out, err) : HY_ENOMEM;
    hy_str_unref(text);
    return rc;
}

static void push_message(lua_State *L, hy_msg_t *m) {
    hy_error_t err = {0};
    hy_value_t object = hy_absent();
    hy_str_t *text = hy_msg_text(m, &err);
    if (!text || hy_json_read(text->bytes, text->len, HY_JSON_DEPTH_MAX, &object, &err) != 0) {
        luaL_error(L, "message: %s", err.text);
    }
    hy_module_push_value(L, object);
}

static int sent(lua_State *L, int rc, const hy_error_t *err) {
    if (rc) return hy_module_failure(L, rc, err->text);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- ports ------------------------------------------------------------------------------------ */

int hy_module_port_new(lua_State *L) {
    hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    size_t len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    port_t *p = lua_newuserdatauv(L, sizeof *p, 2);
    *p = (port_t){.runtime = r};
    hy_link_init(&p->link);
    hy_link_init(&p->listeners);
    luaL_setmetatable(L, HY_PORT_CLASS);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, USER_RUNTIME);
    lua_newtable(L);
    lua_setiuservalue(L, -2, USER_FUNCTIONS);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, p);
    hy_str_t *url = hy_str_new(bytes, len);
    int rc = url ? hy_port_open(hy_runtime_bus(r->runtime), url, &p->port) : HY_ENOMEM;
    hy_str_unref(url);
    if (!rc) {
        hy_list_append(&r->ports, &p->link);
        return 1;
    }
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, p);
    return luaL_error(L, "port: %s: %s", bytes, hy_error_text(rc));
}

static void close_port(port_t *p) {
    if (!p->port) return;
    while (!hy_list_is_empty(&p->listeners)) {
        listener_t *l = hy_link_owner(p->listeners.next, listener_t, link);
        hy_list_remove(&l->link);
        hy_listener_close(l->listener);
        hy_free(l);
    }
    hy_port_close(p->port);
    p->port = NULL;
    hy_list_remove(&p->link);
}

void hy_module_ports_close(hy_module_runtime_t *r) {
    while (!hy_list_is_empty(&r->ports)) {
        port_t *p = hy_link_owner(r->ports.next, port_t, link);
        close_port(p);
        hy_world_unanchor(r->world, p);
    }
}

static int port_close(lua_State *L) {
    port_t *p = luaL_checkudata(L, 1, HY_PORT_CLASS);
    close_port(p);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, p);
    return 0;
}

/* port:send(message) → true; or nil, message, code */
static int port_send(lua_State *L) {
    port_t *p = check_port(L);
    hy_msg_t *m = NULL;
    hy_error_t err = {0};
    lua_State *before = hy_world_enter(L, p->runtime->world, false);
    int rc = read_message(L, 2, 0, hy_port_url(p->port), &m, &err);
    if (!rc) rc = hy_port_send(p->port, m, &err);
    if (m) hy_msg_unref(m);
    hy_world_leave(p->runtime->world, before);
    return sent(L, rc, &err);
}

/* --- requests --------------------------------------------------------------------------------- */

typedef struct {
    hy_world_t *world;
    hy_request_t *request; /* NULL: answered */
    hy_msg_t *answer;
} asking_t;

static void on_answer(void *arg, hy_msg_t *answer, int code) {
    asking_t *a = arg;
    if (code < 200) return;
    a->answer = hy_msg_ref(answer);
    a->request = NULL;
    hy_world_done(a->world);
}

static bool is_answered(void *arg) {
    return ((const asking_t *)arg)->answer != NULL;
}

static int push_answer(lua_State *L) {
    push_message(L, lua_touserdata(L, 1));
    return 1;
}

/* port:request(message) → the final response; or nil, message, code */
static int port_request(lua_State *L) {
    port_t *p = check_port(L);
    hy_world_t *w = p->runtime->world;
    hy_msg_t *m = NULL;
    hy_error_t err = {0};
    asking_t asking = {.world = w};
    lua_State *before = hy_world_enter(L, w, true);
    int64_t id = hy_bus_next_id(hy_runtime_bus(p->runtime->runtime));
    int rc = read_message(L, 2, id, hy_port_url(p->port), &m, &err);
    if (!rc) {
        rc = hy_port_request(p->port, m, 0, on_answer, &asking, NULL, &asking.request, &err);
    }
    if (!rc && !hy_world_drive(w, is_answered, &asking, HY_WORLD_CALL_MAX_MS)) {
        if (asking.request) hy_request_cancel(asking.request);
        rc = hy_fail(&err, HY_ETIMEOUT, "request: did not finish");
    }
    if (m) hy_msg_unref(m);
    int status = LUA_OK;
    if (asking.answer) {
        lua_pushcfunction(L, push_answer);
        lua_pushlightuserdata(L, asking.answer);
        status = lua_pcall(L, 1, 1, 0);
        hy_msg_unref(asking.answer);
    }
    hy_world_leave(w, before);
    if (status != LUA_OK) return lua_error(L);
    return rc ? hy_module_failure(L, rc, err.text) : 1;
}

/* --- listeners -------------------------------------------------------------------------------- */

static int call_listener(lua_State *L) {
    const listener_t *l = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, l->port);
    if (lua_getiuservalue(L, -1, USER_FUNCTIONS) != LUA_TTABLE) return 0;
    lua_rawgeti(L, -1, l->number);
    push_message(L, lua_touserdata(L, 2));
    lua_call(L, 1, 0);
    return 0;
}

static void on_message(void *arg, hy_msg_t *m) {
    listener_t *l = arg;
    hy_world_protect(l->port->runtime->world, call_listener, l, m);
}

/* port:listen(url, fn): fn(message) for each message to that address */
static int port_listen(lua_State *L) {
    port_t *p = check_port(L);
    size_t len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_getiuservalue(L, 1, USER_FUNCTIONS);
    lua_pushvalue(L, 3);
    lua_rawseti(L, -2, ++p->listener_count);
    hy_str_t *url = hy_str_new(bytes, len);
    listener_t *l = hy_alloc_zero(sizeof *l);
    int rc = HY_ENOMEM;
    if (url && l) {
        *l = (listener_t){.port = p, .number = p->listener_count};
        rc = hy_bus_listen(hy_runtime_bus(p->runtime->runtime), url, on_message, l, &l->listener);
    }
    hy_str_unref(url);
    if (rc) {
        hy_free(l);
        return luaL_error(L, "listen: %s: %s", bytes, hy_error_text(rc));
    }
    hy_list_append(&p->listeners, &l->link);
    return 0;
}

/* --- past the ports --------------------------------------------------------------------------- */

typedef struct {
    hy_msg_t **message;
    hy_verdict_t verdict;
} intercepted_t;

static int call_interceptor(lua_State *L) {
    const hy_module_runtime_t *r = lua_touserdata(L, 1);
    intercepted_t *i = lua_touserdata(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, r);
    lua_getiuservalue(L, -1, HY_RUNTIME_FUNCTIONS);
    lua_rawgeti(L, -1, HY_RUNTIME_INTERCEPT);
    push_message(L, *i->message);
    lua_call(L, 1, 1);
    const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (lua_isnil(L, -1) || (word && strcmp(word, "pass") == 0)) return 0;
    if (word && strcmp(word, "drop") == 0) {
        i->verdict = HY_DROP;
        return 0;
    }
    hy_msg_t *m = NULL;
    hy_error_t err = {0};
    if (!lua_istable(L, -1) || read_message(L, lua_gettop(L), 0, NULL, &m, &err) != 0) {
        return luaL_error(L, "intercept: \"pass\", \"drop\" or a message expected: %s", err.text);
    }
    hy_msg_unref(*i->message);
    *i->message = m;
    return 0;
}

static hy_verdict_t on_intercept(void *arg, hy_msg_t **m, hy_hold_t *hold) {
    hy_module_runtime_t *r = arg;
    intercepted_t i = {.message = m, .verdict = HY_PASS};
    (void)hold;
    hy_world_protect(r->world, call_interceptor, r, &i);
    return i.verdict;
}

/* rt:intercept(fn): fn(message) → "pass", "drop" or another message; nil takes it off */
int hy_module_intercept(lua_State *L) {
    hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_getiuservalue(L, 1, HY_RUNTIME_FUNCTIONS);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, HY_RUNTIME_INTERCEPT);
    bool is_wanted = !lua_isnil(L, 2);
    if (!is_wanted && r->interceptor) {
        hy_interceptor_close(r->interceptor);
        r->interceptor = NULL;
    }
    if (!is_wanted || r->interceptor) return 0;
    int rc = hy_bus_intercept(hy_runtime_bus(r->runtime), on_intercept, r, &r->interceptor);
    return rc ? luaL_error(L, "intercept: %s", hy_error_text(rc)) : 0;
}

static int ignore_uplinked(void *arg, hy_msg_t *m) {
    (void)arg;
    (void)m;
    return HY_EUNREACHABLE;
}

/* rt:receive(message or text): as if it came in by an uplink → true; or nil, message, code */
int hy_module_receive(lua_State *L) {
    hy_module_runtime_t *r = hy_module_runtime_check(L, 1);
    hy_msg_t *m = NULL;
    hy_error_t err = {0};
    int rc = 0;
    lua_State *before = hy_world_enter(L, r->world, false);
    if (!r->uplink) {
        rc = hy_bus_uplink(hy_runtime_bus(r->runtime), RECEIVE_DOMAIN, ignore_uplinked, r,
                           &r->uplink);
    }
    if (!rc) rc = read_message(L, 2, 0, NULL, &m, &err);
    if (!rc) rc = hy_uplink_receive(r->uplink, m);
    if (m) hy_msg_unref(m);
    hy_world_leave(r->world, before);
    return sent(L, rc, &err);
}

static const luaL_Reg methods[] = {
    {"send", port_send}, {"request", port_request}, {"listen", port_listen}, {"close", port_close},
    {NULL, NULL},
};

static const luaL_Reg meta[] = {{"__gc", port_close}, {"__close", port_close}, {NULL, NULL}};

void hy_module_port_open(lua_State *L) {
    luaL_newmetatable(L, HY_PORT_CLASS);
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
