/* Running something in an instance from outside its Lua: a function of its api for a caller (the
 * module, the prompt, another hyperty's execute), or a piece of code. Each runs in a task of the
 * instance and is told once how it ended. */
#include "internal.h"

#include "../base/mem.h"

static const char env_key = 0;

/* A call by whoever holds the instance. */
typedef struct {
    hy_result_cb done;
    void *arg;
} call_t;

/* What is to be pushed and spawned. */
typedef struct {
    hy_instance_t *instance;
    const char *method; /* of the api; NULL: the chunk */
    const char *chunk, *source;
    size_t len;
    const hy_node_t *args; /* NULL: none */
    const char *what;
    const hy_task_end_t *end;
    void *arg;
    int rc;
    hy_error_t *err;
} spawning_t;

/* --- starting --------------------------------------------------------------------------------- */

/* Names of the api, for the text of an unknown one. */
static void push_names(lua_State *L, const hy_instance_t *i) {
    luaL_Buffer names;
    luaL_buffinit(L, &names);
    hy_value_t list = hy_absent();
    int rc = hy_instance_api(i, &list);
    for (size_t k = 0; rc == 0 && k < hy_node_count(list.as.n); k++) {
        const hy_str_t *name = hy_node_at(list.as.n, k).as.s;
        if (k > 0) luaL_addstring(&names, ", ");
        luaL_addlstring(&names, name->bytes, name->len);
    }
    hy_value_drop(list);
    luaL_pushresult(&names);
}

/* Pushes api[method]; false with a text if there is none. */
static bool push_method(lua_State *L, spawning_t *s) {
    const hy_instance_t *i = s->instance;
    bool has_api = i->api_ref != LUA_NOREF && lua_rawgeti(L, LUA_REGISTRYINDEX, i->api_ref);
    if (has_api && lua_istable(L, -1)) {
        lua_pushstring(L, s->method);
        if (lua_rawget(L, -2) == LUA_TFUNCTION) return true;
    }
    push_names(L, i);
    const char *names = lua_tostring(L, -1);
    s->rc = hy_fail(s->err, HY_ENOT_FOUND, "%s has no function \"%s\"%s%s", i->name->bytes,
                    s->method, names[0] ? ": it has " : "", names);
    return false;
}

/* Pushes the environment of code from outside: the script's, where `self` is known too. */
static void push_env(lua_State *L, const hy_instance_t *i) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &env_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, i->self_ref);
    lua_setfield(L, -2, "self");
    lua_createtable(L, 0, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, i->env_ref);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &env_key);
}

/* Pushes the compiled chunk; it gets self as its first argument, as functions of the api do. */
static bool push_chunk(lua_State *L, spawning_t *s) {
    const char *name = lua_pushfstring(L, "=%s", s->chunk);
    if (luaL_loadbufferx(L, s->source, s->len, name, "t") != LUA_OK) {
        s->rc = hy_fail(s->err, HY_EINVALID, "%s", lua_tostring(L, -1));
        return false;
    }
    push_env(L, s->instance);
    lua_setupvalue(L, -2, 1);
    return true;
}

static void spawn(lua_State *L, void *arg) {
    spawning_t *s = arg;
    if (s->method ? !push_method(L, s) : !push_chunk(L, s)) return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->instance->self_ref);
    int nargs = 1 + (s->args ? hy__values_push(L, s->args) : 0);
    s->rc = hy_task_spawn(s->instance, nargs, s->what, s->end, s->arg);
}

static const hy_node_t *list_of(hy_value_t v) {
    return v.kind == HY_ARRAY ? v.as.n : NULL;
}

/* 0: the task runs or has ended, and `end` is or was told. Else it is not told. */
static int start(spawning_t *s, hy_error_t *err) {
    hy_instance_t *i = s->instance;
    s->err = err;
    if (!i->L || i->self_ref == LUA_NOREF || i->state >= HY_STOPPING)
        return hy_fail(err, HY_ECLOSED, "%s is not running", i->name->bytes);
    int rc = hy_protected(i->L, spawn, s, err);
    return rc < 0 ? rc : s->rc;
}

/* --- for who holds the instance --------------------------------------------------------------- */

static int make_text(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/* The value at `index` as people read it; for what is not JSON. */
static hy_value_t text_of(lua_State *L, int index) {
    size_t len = 0;
    if (!lua_checkstack(L, 2)) return hy_absent();
    lua_pushcfunction(L, make_text);
    lua_pushvalue(L, index);
    lua_pcall(L, 1, 1, 0); /* else the error is the text */
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    hy_str_t *s = text && hy_utf8_is_valid(text, len)
                      ? hy_str_new(text, len)
                      : hy_str_format("(a string of %zu bytes that is not UTF-8)", len);
    lua_pop(L, 1);
    return hy_string(s);
}

/* The values from `first` to the top as an array; nil is null. */
static int read_results(lua_State *L, int first, hy_value_t *out) {
    hy_node_t *items = hy_node_new(HY_ARRAY);
    int last = lua_gettop(L), rc = items ? 0 : HY_ENOMEM;
    for (int i = first; rc == 0 && i <= last; i++) {
        hy_value_t v = hy_null();
        if (!lua_isnil(L, i) && hy_value_from_lua(L, i, &v, NULL) < 0) v = text_of(L, i);
        rc = hy_node_insert(items, (size_t)(i - first), v);
    }
    if (rc < 0) {
        hy_node_unref(items);
        return rc;
    }
    *out = hy_node_value(items);
    return 0;
}

static void call_ended(void *arg, lua_State *L, int results, bool failed) {
    call_t call = *(call_t *)arg;
    hy_free(arg);
    hy_value_t values = hy_absent();
    if (failed) {
        call.done(call.arg, HY_EINTERNAL, lua_tostring(L, -1), values);
        return;
    }
    lua_State *before = hy__budget_enter(L); /* a result may have a __tostring */
    int rc = read_results(L, lua_gettop(L) - results + 1, &values);
    hy__budget_leave(L, before);
    call.done(call.arg, rc, rc < 0 ? hy_error_text(rc) : "", values);
    hy_value_drop(values);
}

static void call_dropped(void *arg) {
    call_t call = *(call_t *)arg;
    hy_free(arg);
    call.done(call.arg, HY_ECLOSED, "the hyperty was unloaded", hy_absent());
}

static const hy_task_end_t call_end = {
    .ended = call_ended, .dropped = call_dropped, .takes_errors = true};

static int run(spawning_t *s, hy_value_t args, hy_result_cb done, void *arg, hy_error_t *err) {
    call_t *call = hy_alloc(sizeof *call);
    int rc = call ? 0 : hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    if (call) {
        *call = (call_t){done, arg};
        s->args = list_of(args);
        s->end = &call_end;
        s->arg = call;
        rc = start(s, err);
        if (rc < 0) hy_free(call);
    }
    hy_value_drop(args);
    return rc;
}

int hy_instance_call(hy_instance_t *i, const char *method, hy_value_t args, hy_result_cb done,
                     void *arg, hy_error_t *err) {
    if (i->is_frozen) return hy__reload_call(i, NULL, method, strlen(method), args, done, arg, err);
    spawning_t s = {.instance = i, .method = method, .what = "api"};
    return run(&s, args, done, arg, err);
}

int hy_instance_eval(hy_instance_t *i, const char *chunk, const char *source, size_t len,
                     hy_value_t args, hy_result_cb done, void *arg, hy_error_t *err) {
    if (i->is_frozen) return hy__reload_call(i, chunk, source, len, args, done, arg, err);
    spawning_t s = {.instance = i, .chunk = chunk, .source = source, .len = len, .what = "code"};
    return run(&s, args, done, arg, err);
}

/* --- for another hyperty ---------------------------------------------------------------------- */

/* The code that a word of the API stands for, where several share one the one that a script means;
 * without a word the call was refused. */
static int code_of_word(const char *word) {
    static const struct {
        const char *word;
        int code;
    } words[] = {{"forbidden", HY_EFORBIDDEN}, {"not_found", HY_ENOT_FOUND},
                 {"timeout", HY_ETIMEOUT},     {"invalid", HY_EINVALID},
                 {"conflict", HY_ECONFLICT},   {"too_large", HY_ETOO_LARGE},
                 {"deleted", HY_EDELETED},     {"unreachable", HY_EUNREACHABLE},
                 {"full", HY_EFULL},           {"closed", HY_ECLOSED},
                 {"internal", HY_EINTERNAL}};
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].word, word) == 0) return words[i].code;
    }
    return HY_EFORBIDDEN;
}

static void answer(hy_decision_t *d, lua_State *L, int first, int results) {
    hy_error_t err = {.text = ""};
    hy_value_t value = hy_absent();
    if (results >= 2 && lua_isnil(L, first) && lua_type(L, first + 1) == LUA_TSTRING) {
        bool has_word = results >= 3 && lua_type(L, first + 2) == LUA_TSTRING;
        const char *word = has_word ? lua_tostring(L, first + 2) : NULL;
        hy_decision_reject(d, code_of_word(word), lua_tostring(L, first + 1));
        return;
    }
    int rc = results > 0 && !lua_isnil(L, first) ? hy_value_from_lua(L, first, &value, &err) : 0;
    if (rc < 0) {
        hy__instance_log(hy_instance_of(L), HY_LOG_ERROR, "api: its result", err.text);
        hy_decision_reject(d, HY_EINTERNAL, err.text);
    } else {
        hy_decision_accept(d, value);
    }
}

static void decision_ended(void *arg, lua_State *L, int results, bool failed) {
    hy_decision_t *d = arg;
    if (failed) {
        const char *text = lua_tostring(L, -1);
        hy_error_t first_line;
        hy_fail(&first_line, HY_EINTERNAL, "%.*s", (int)strcspn(text, "\n"), text);
        hy_decision_reject(d, HY_EINTERNAL, first_line.text);
    } else {
        answer(d, L, lua_gettop(L) - results + 1, results);
    }
    hy_decision_unref(d);
}

static void decision_dropped(void *arg) {
    hy_decision_reject(arg, HY_ECLOSED, "the hyperty was unloaded");
    hy_decision_unref(arg);
}

static const hy_task_end_t decision_end = {.ended = decision_ended, .dropped = decision_dropped};

void hy_instance_decide_call(hy_instance_t *i, hy_decision_t *d) {
    hy_error_t err = {.text = ""};
    spawning_t s = {.instance = i,
                    .method = hy_decision_method(d)->bytes,
                    .args = list_of(hy_decision_params(d)),
                    .what = "api",
                    .end = &decision_end,
                    .arg = hy_decision_ref(d)};
    int rc = start(&s, &err);
    if (rc == 0) return;
    hy_decision_reject(d, rc, err.text);
    hy_decision_unref(d);
}

/* --- the api ---------------------------------------------------------------------------------- */

typedef struct {
    const hy_instance_t *instance;
    hy_node_t *list;
} listing_t;

static void list_names(lua_State *L, void *arg) {
    const listing_t *l = arg;
    if (l->instance->api_ref == LUA_NOREF) return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, l->instance->api_ref);
    if (!lua_istable(L, -1)) return;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TFUNCTION) continue;
        size_t at = 0, count = hy_node_count(l->list);
        const char *name = lua_tostring(L, -2);
        while (at < count && strcmp(hy_node_at(l->list, at).as.s->bytes, name) < 0) {
            at++;
        }
        hy_node_insert(l->list, at, hy_text(name));
    }
}

int hy_instance_api(const hy_instance_t *i, hy_value_t *out) {
    listing_t l = {.instance = i, .list = hy_node_new(HY_ARRAY)};
    if (!l.list) return HY_ENOMEM;
    if (i->L) hy_protected(i->L, list_names, &l, NULL);
    *out = hy_node_value(l.list);
    return 0;
}
