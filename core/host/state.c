/* One Lua state per hyperty: its memory, its libraries, its script.
 *
 * A state shares nothing with another one, so its libraries are its own to keep. All its memory
 * goes through one allocator that counts, and can be given a bound. The script sees the environment
 * that lib_base.c makes, from an allow list; what Lua's libraries have besides is never reachable.
 *
 * Owns the state and the registry references of the instance. */
#include "internal.h"

#include "../base/mem.h"
#include "own_state.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* --- memory ----------------------------------------------------------------------------------- */

/* Lua gives up an object for good if memory is short just when it is to be finalised, and with it
 * what it holds outside Lua. All that a finaliser here needs is the record of its call: for such
 * small blocks without a kind there is something in reserve. */
static void *take_spare(hy_instance_t *i, size_t size) {
    for (unsigned n = 0; size <= HY_STATE_SPARE_BYTES && n < HY_STATE_SPARES; n++) {
        if (i->spares_used & (1u << n)) continue;
        i->spares_used |= 1u << n;
        return i->spares[n];
    }
    return NULL;
}

static bool is_spare(const hy_instance_t *i, const void *block) {
    uintptr_t at = (uintptr_t)block, first = (uintptr_t)i->spares;
    return at >= first && at < first + sizeof i->spares;
}

static void free_block(hy_instance_t *i, void *block) {
    if (is_spare(i, block)) {
        size_t n = ((uintptr_t)block - (uintptr_t)i->spares) / HY_STATE_SPARE_BYTES;
        i->spares_used &= ~(1u << n);
    } else {
        hy_free(block);
    }
}

/* Lua counts on this: shrinking does not fail. */
static void *move_block(hy_instance_t *i, void *block, size_t old_size, size_t size) {
    if (!is_spare(i, block)) {
        void *moved = hy_realloc(block, size);
        return !moved && size <= old_size ? block : moved;
    }
    if (size <= HY_STATE_SPARE_BYTES) return block;
    void *moved = hy_alloc(size);
    if (!moved) return NULL;
    memcpy(moved, block, old_size);
    free_block(i, block);
    return moved;
}

static void *allocate(void *arg, void *block, size_t old_size, size_t size) {
    hy_instance_t *i = arg;
    size_t kind = block ? 0 : old_size; /* of an object that is new */
    if (!block) old_size = 0;
    if (size == 0) {
        i->memory_bytes -= old_size;
        if (block) free_block(i, block);
        return NULL;
    }
    size_t bytes = i->memory_bytes - old_size + size;
    bool is_full = i->memory_max > 0 && size > old_size && bytes > i->memory_max;
    if (is_full) i->budget.full_turn = i->host->turn + 1;
    void *moved = is_full ? NULL : move_block(i, block, old_size, size);
    if (!moved && !block && kind == 0) moved = take_spare(i, size);
    if (moved) i->memory_bytes = bytes;
    return moved;
}

int hy_ref(lua_State *L) {
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    if (ref != LUA_REFNIL) hy_instance_of(L)->ref_count++;
    return ref;
}

void hy_unref(lua_State *L, int *ref) {
    if (*ref >= 0) {
        assert(hy_instance_of(L)->ref_count > 0);
        hy_instance_of(L)->ref_count--;
        luaL_unref(L, LUA_REGISTRYINDEX, *ref);
    }
    *ref = LUA_NOREF;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void open_libraries(lua_State *L, void *arg) {
    hy_instance_t *i = arg;
    lua_pushliteral(L, "not enough memory");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &hy__memory_text);
    hy_lib_handle_open(L);
    hy_lib_hyperty_open(L);
    hy_lib_syncher_open(L);
    if (!i->is_trusted) hy__lib_hyperty_freeze(L);
    hy_lib_base_open(L);
    hy_lib_table_open(L);
    if (i->is_trusted) {
        hy__trusted_open(L);
    } else {
        hy__frozen_open(L);
    }
    lua_pushglobaltable(L);
    i->env_ref = hy_ref(L);
}

int hy__state_open(hy_instance_t *i, hy_error_t *err) {
    i->env_ref = i->hyperty_ref = i->self_ref = i->api_ref = LUA_NOREF;
    i->L = lua_newstate(allocate, i);
    if (!i->L) return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    *(hy_instance_t **)lua_getextraspace(i->L) = i;
    /* Handles and events hold memory outside Lua, which the collector cannot weigh: it comes
     * sooner. */
    lua_gc(i->L, LUA_GCINC, 150, 200, 13);
    int rc = hy_protected(i->L, open_libraries, i, err);
    if (rc < 0) hy__state_close(i);
    return rc;
}

void hy__state_close(hy_instance_t *i) {
    if (!i->L) return;
    hy_unref(i->L, &i->env_ref);
    hy_unref(i->L, &i->hyperty_ref);
    hy_unref(i->L, &i->self_ref);
    hy_unref(i->L, &i->api_ref);
    assert(i->ref_count == 0);
    lua_close(i->L);
    assert(i->memory_bytes == 0);
    i->L = NULL;
}

/* --- the script ------------------------------------------------------------------------------- */

typedef struct {
    hy_instance_t *instance;
    const char *source; /* NULL: the file */
    size_t len;
    bool is_compiled;
} script_t;

static const char *with_article(lua_State *L, int index) {
    static const char *const names[] = {
        [LUA_TNIL] = "nothing",        [LUA_TBOOLEAN] = "a boolean",
        [LUA_TNUMBER] = "a number",    [LUA_TSTRING] = "a string",
        [LUA_TTABLE] = "a table",      [LUA_TFUNCTION] = "a function",
        [LUA_TUSERDATA] = "an object", [LUA_TTHREAD] = "a coroutine",
        [LUA_TLIGHTUSERDATA] = "null"};
    int type = lua_type(L, index);
    return names[type < 0 ? LUA_TNIL : type];
}

/* Raises unless the field is missing or of that type. */
static void check_field(lua_State *L, const char *file, const char *name, int type,
                        const char *wanted) {
    lua_pushstring(L, name);
    int found = lua_rawget(L, 1);
    if (found != LUA_TNIL && found != type) {
        lua_pushfstring(L, "%s: \"%s\" is %s, expected %s", file, name, with_article(L, -1),
                        wanted);
        lua_error(L);
    }
    lua_pop(L, 1);
}

static void check_name(lua_State *L, const char *file) {
    lua_pushliteral(L, "name");
    bool is_text = lua_rawget(L, 1) == LUA_TSTRING;
    size_t len = 0;
    const char *name = is_text ? lua_tolstring(L, -1, &len) : "";
    if (len == 0 || len > HY_NAME_BYTES_MAX || !hy_utf8_is_valid(name, len) ||
        strlen(name) != len) {
        lua_pushfstring(L, "%s: the table needs a \"name\", a text of at most %d bytes", file,
                        (int)HY_NAME_BYTES_MAX);
        lua_error(L);
    }
    lua_pop(L, 1);
}

static void check_api(lua_State *L, const char *file) {
    lua_pushliteral(L, "api");
    if (lua_rawget(L, 1) == LUA_TTABLE) {
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1)) continue;
            lua_pushfstring(L, "%s: api.%s is %s, expected functions with names", file,
                            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?",
                            with_article(L, -1));
            lua_error(L);
        }
    }
    lua_pop(L, 1);
}

static void check_table(lua_State *L, const char *file) {
    if (!lua_istable(L, 1)) {
        lua_pushfstring(L,
                        "%s returned %s, expected a table with a \"name\" and functions such as "
                        "start and api",
                        file, with_article(L, 1));
        lua_error(L);
    }
    check_name(L, file);
    check_field(L, file, "start", LUA_TFUNCTION, "a function");
    check_field(L, file, "stop", LUA_TFUNCTION, "a function");
    check_field(L, file, "migrate", LUA_TFUNCTION, "a function");
    check_field(L, file, "api", LUA_TTABLE, "a table of functions");
    check_field(L, file, "schemas", LUA_TTABLE, "a list of names");
    check_field(L, file, "resources", LUA_TTABLE, "a list of names");
    check_field(L, file, "version", LUA_TNUMBER, "a number");
    check_api(L, file);
}

int hy__load_failed(lua_State *L, const char *file) {
    if (lua_type(L, -1) == LUA_TSTRING && !strstr(lua_tostring(L, -1), file)) {
        lua_pushfstring(L, "%s: %s", file, lua_tostring(L, -1));
    }
    return lua_error(L);
}

static void load_script(lua_State *L, void *arg) {
    const script_t *s = arg;
    hy_instance_t *i = s->instance;
    const char *file = i->file->bytes;
    int status;
    if (s->source) {
        lua_pushfstring(L, "@%s", file);
        const char *mode = s->is_compiled ? "b" : "t";
        status = luaL_loadbufferx(L, s->source, s->len, lua_tostring(L, -1), mode);
        lua_remove(L, -2);
    } else {
        status = luaL_loadfilex(L, file, "t");
    }
    if (status != LUA_OK) hy__load_failed(L, file);
    i->busy++;
    lua_call(L, 0, 1);
    i->busy--;
    check_table(L, file);
    lua_pushliteral(L, "api");
    if (lua_rawget(L, 1) == LUA_TTABLE) {
        i->api_ref = hy_ref(L);
    } else {
        lua_pop(L, 1);
    }
    i->hyperty_ref = hy_ref(L);
}

int hy__state_load(hy_instance_t *i, const char *source, size_t len, bool is_compiled,
                   hy_error_t *err) {
    script_t s = {i, source, len, is_compiled};
    lua_State *before = hy__budget_enter(i->L);
    int rc = hy_protected(i->L, load_script, &s, err);
    hy__budget_leave(i->L, before);
    i->busy = 0; /* also if it raised */
    return rc == HY_EINTERNAL ? hy_fail(err, HY_EINVALID, "%s", err ? err->text : "") : rc;
}

/* --- what the table says ---------------------------------------------------------------------- */

typedef struct {
    hy_instance_t *instance;
    hy_said_t what;
    hy_node_t *list;
    int rc;
} list_t;

static void add_once(list_t *l, hy_str_t *name) {
    for (size_t at = 0; at < hy_node_count(l->list); at++) {
        if (hy_str_equal(hy_node_at(l->list, at).as.s, name)) return;
    }
    l->rc = hy_node_insert(l->list, hy_node_count(l->list), hy_string(hy_str_ref(name)));
}

static void collect(lua_State *L, void *arg) {
    list_t *l = arg;
    const hy_schemas_t *schemas = hy_manager_schemas(l->instance->host->config.manager);
    lua_rawgeti(L, LUA_REGISTRYINDEX, l->instance->hyperty_ref);
    bool is_resources = l->what == HY_SAID_RESOURCES;
    lua_pushstring(L, is_resources ? "resources" : "schemas");
    if (lua_rawget(L, 1) != LUA_TTABLE) return;
    for (lua_Integer at = 1; l->rc == 0 && lua_rawgeti(L, 2, at) == LUA_TSTRING; at++) {
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        hy_str_t *name = hy_utf8_is_valid(text, len) ? hy_str_new(text, len) : NULL;
        const hy_schema_t *schema = name && !is_resources ? hy_schemas_find(schemas, name) : NULL;
        if (schema) {
            add_once(l, l->what == HY_SAID_SCHEMES ? schema->scheme : schema->url);
        } else if (name && is_resources) {
            add_once(l, name);
        }
        hy_str_unref(name);
        lua_pop(L, 1);
    }
}

int hy__state_list(hy_instance_t *i, hy_said_t what, hy_value_t *out) {
    list_t l = {i, what, hy_node_new(HY_ARRAY), 0};
    int rc = l.list ? hy_protected(i->L, collect, &l, NULL) : HY_ENOMEM;
    if (rc == 0) rc = l.rc;
    if (rc == 0) {
        *out = hy_node_value(l.list);
    } else {
        hy_node_unref(l.list);
    }
    return rc;
}

/* --- self ------------------------------------------------------------------------------------- */

static void make_self(lua_State *L, void *arg) {
    hy_instance_t *i = arg;
    lua_newtable(L); /* self */
    lua_pushlstring(L, i->url->bytes, i->url->len);
    lua_setfield(L, 1, "url");
    if (i->user) {
        lua_pushlstring(L, i->user->bytes, i->user->len);
        lua_setfield(L, 1, "user");
    }
    hy_lib_syncher_push(L);
    lua_setfield(L, 1, "syncher");
    hy_view_t *state = hy__own_state_view(i->own_state);
    hy_handle_push(L, state, hy_node_value(state->root));
    lua_setfield(L, 1, "state");
    lua_createtable(L, 0, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, i->hyperty_ref);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, 1);
    i->self_ref = hy_ref(L);
}

int hy__state_make_self(hy_instance_t *i, hy_error_t *err) {
    return hy_protected(i->L, make_self, i, err);
}

bool hy__state_push_method(lua_State *L, hy_instance_t *i, const char *name) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, i->hyperty_ref);
    lua_pushstring(L, name);
    if (lua_rawget(L, -2) != LUA_TFUNCTION) {
        lua_pop(L, 2);
        return false;
    }
    lua_remove(L, -2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, i->self_ref);
    return true;
}
