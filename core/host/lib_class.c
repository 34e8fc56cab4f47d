/* Classes of userdata and the checking of arguments, for the Lua side of the syncher.
 *
 * A class has one metatable and no fields of its own in Lua: __index looks the key up in a table of
 * names, which gives a number (a field, read by a switch) or a function (a method). Reading what is
 * unknown raises, so that a slip of the pen in a check of access does not let everybody in; writing
 * anything raises, and scripts never see the metatable; so __index is only ever called with an
 * object of its class. For the text of a raise, the table of names has the class (api.h) at 1.
 *
 * A raise jumps over C code. So arguments are checked before anything of the core is made, and a
 * value that must stay while something may raise is held in a userdata. Owns nothing else. */
#include "lib_syncher.h"

#include "../base/mem.h"

#define HOLD_CLASS "hyperty.held"

/* --- classes ---------------------------------------------------------------------------------- */

int hy_class_read_only(lua_State *L) {
    lua_pushvalue(L, 2);
    lua_gettable(L, 1); /* raises if there is no such name */
    return luaL_error(L, "%s is read-only", luaL_tolstring(L, 1, NULL));
}

static int count_methods(const hy_method_t *methods) {
    int count = 0;
    while (methods && methods[count].name)
        count++;
    return count;
}

static int count_fields(const hy_field_t *fields) {
    int count = 0;
    while (fields && fields[count].name)
        count++;
    return count;
}

static void set_fields(lua_State *L, const hy_field_t *fields) {
    for (; fields && fields->name; fields++) {
        lua_pushinteger(L, fields->number);
        lua_setfield(L, -2, fields->name);
    }
}

void hy_class_functions(lua_State *L, const hy_method_t *functions) {
    for (; functions && functions->name; functions++) {
        if (!functions->function) continue;
        lua_pushcfunction(L, functions->function);
        lua_setfield(L, -2, functions->name);
    }
}

/* Each state has these tables, so they are made at their size and without what errors alone need.
 */
void hy_class_names(lua_State *L, const hy_class_t *class) {
    int count = count_fields(class->fields) + count_fields(class->more_fields) +
                count_methods(class->methods) + count_methods(class->more_methods);
    lua_createtable(L, 1, count);
    lua_pushlightuserdata(L, (void *)class);
    lua_rawseti(L, -2, 1);
    set_fields(L, class->fields);
    hy_class_functions(L, class->methods);
    set_fields(L, class->more_fields);
    hy_class_functions(L, class->more_methods);
}

void hy_class_open(lua_State *L, const char *name, lua_CFunction index, int tables,
                   const luaL_Reg *meta) {
    lua_pushcclosure(L, index, tables);
    luaL_newmetatable(L, name); /* index, metatable */
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, hy_class_read_only);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    if (meta) luaL_setfuncs(L, meta, 0);
    lua_pop(L, 1);
}

static void add_name(luaL_Buffer *known, const char *name) {
    if (luaL_bufflen(known) > 0) luaL_addstring(known, ", ");
    luaL_addstring(known, name);
}

static void add_names(luaL_Buffer *known, const hy_field_t *fields, const hy_method_t *methods) {
    for (; fields && fields->name; fields++)
        add_name(known, fields->name);
    for (; methods && methods->name; methods++)
        add_name(known, methods->name);
}

/* Raises about the key at 2, with the names of the table at `names`. */
static void fail_unknown(lua_State *L, int names) {
    luaL_Buffer known;
    lua_rawgeti(L, names, 1);
    const hy_class_t *class = lua_touserdata(L, -1);
    const char *key = luaL_tolstring(L, 2, NULL);
    luaL_buffinit(L, &known);
    add_names(&known, class->fields, class->methods);
    add_names(&known, class->more_fields, class->more_methods);
    luaL_pushresult(&known);
    luaL_error(L, "%s has no \"%s\" (it has: %s)", class->noun, key, lua_tostring(L, -1));
}

lua_Integer hy_class_field(lua_State *L, int table) {
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, lua_upvalueindex(table));
    if (type == LUA_TFUNCTION) return 0;
    if (type != LUA_TNUMBER) fail_unknown(L, lua_upvalueindex(table));
    lua_Integer number = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return number;
}

/* --- values ----------------------------------------------------------------------------------- */

static int hold_gc(lua_State *L) {
    hy_value_drop(hy_value_take(lua_touserdata(L, 1)));
    return 0;
}

hy_value_t *hy_class_hold(lua_State *L) {
    hy_value_t *held = lua_newuserdatauv(L, sizeof *held, 0);
    *held = hy_absent();
    if (luaL_newmetatable(L, HOLD_CLASS)) {
        lua_pushcfunction(L, hold_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return held;
}

hy_value_t *hy_class_value(lua_State *L, int index, const char *what) {
    hy_error_t err = {0};
    index = lua_absindex(L, index);
    hy_value_t *held = hy_class_hold(L);
    int rc = hy_value_from_lua(L, index, held, &err);
    if (rc < 0) {
        hy_fail(&err, rc, "%s: %s", what, err.text[0] ? err.text : hy_error_text(rc));
        hy_raise(L, &err);
    }
    return held;
}

const char *hy_class_text(lua_State *L, int arg, size_t *len) {
    size_t bytes;
    luaL_checktype(L, arg, LUA_TSTRING); /* a number would do for luaL_checklstring */
    const char *text = lua_tolstring(L, arg, &bytes);
    luaL_argcheck(L, hy_utf8_is_valid(text, bytes), arg, "not UTF-8");
    luaL_argcheck(L, strlen(text) == bytes, arg, "a zero byte in it");
    if (len) *len = bytes;
    return text;
}

hy_str_t *hy_class_str(lua_State *L, int index) {
    size_t len;
    const char *text = lua_tolstring(L, index, &len);
    return hy_str_new(text, len);
}

void hy_class_push_str(lua_State *L, const hy_str_t *s) {
    if (s) {
        lua_pushlstring(L, s->bytes, s->len);
    } else {
        lua_pushnil(L);
    }
}

/* --- named arguments -------------------------------------------------------------------------- */

static bool is_text(lua_State *L, int index) {
    size_t len;
    if (lua_type(L, index) != LUA_TSTRING) return false;
    const char *text = lua_tolstring(L, index, &len);
    return hy_utf8_is_valid(text, len) && strlen(text) == len;
}

bool hy_class_is_texts(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE) return false;
    lua_Integer count = 0;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        count++;
    }
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        bool fits = is_text(L, -1);
        lua_pop(L, 1);
        if (!fits) return false;
    }
    return true;
}

int hy_class_strs(lua_State *L, int index, hy_str_t ***out, uint32_t *count) {
    uint32_t n = (uint32_t)lua_rawlen(L, index);
    hy_str_t **strs = hy_alloc_zero(n * sizeof *strs);
    if (!strs) return HY_ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        lua_rawgeti(L, index, i + 1);
        strs[i] = hy_class_str(L, -1);
        lua_pop(L, 1);
        if (strs[i]) continue;
        hy_class_free_strs(strs, i);
        return HY_ENOMEM;
    }
    *out = strs;
    *count = n;
    return 0;
}

void hy_class_free_strs(hy_str_t **strs, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        hy_str_unref(strs[i]);
    }
    hy_free(strs);
}

/* What the option should be, NULL if it is. */
static const char *complaint(lua_State *L, int index, hy_option_kind_t kind) {
    switch (kind) {
    case HY_OPTION_TEXT:
    case HY_OPTION_NEEDED_TEXT:
        return is_text(L, index) ? NULL : "a string (UTF-8)";
    case HY_OPTION_FLAG:
        return lua_isboolean(L, index) ? NULL : "true or false";
    case HY_OPTION_TEXTS:
        return hy_class_is_texts(L, index) ? NULL : "a list of strings (UTF-8)";
    case HY_OPTION_STORE:
        if (lua_isboolean(L, index)) return NULL;
        if (lua_type(L, index) == LUA_TSTRING && strcmp(lua_tostring(L, index), "sync") == 0) {
            return NULL;
        }
        return "false, true or \"sync\"";
    case HY_OPTION_VALUE:
        return NULL;
    }
    return NULL;
}

static int unknown_option(lua_State *L, const char *function, const hy_option_t *options) {
    luaL_Buffer known;
    const char *key = luaL_tolstring(L, -2, NULL);
    luaL_buffinit(L, &known);
    for (const hy_option_t *o = options; o->name; o++) {
        if (o != options) luaL_addstring(&known, ", ");
        luaL_addstring(&known, o->name);
    }
    luaL_pushresult(&known);
    return luaL_error(L, "%s: there is no argument \"%s\" (known: %s)", function, key,
                      lua_tostring(L, -1));
}

int hy_class_options(lua_State *L, int index, const char *function, const hy_option_t *options) {
    luaL_checktype(L, index, LUA_TTABLE);
    index = lua_absindex(L, index);
    int first = lua_gettop(L) + 1, count = 0;
    while (options[count].name) {
        count++;
    }
    luaL_checkstack(L, count + LUA_MINSTACK, NULL);
    lua_settop(L, first - 1 + count);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) { /* options, key, value */
        int at = 0;
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        while (options[at].name && strcmp(options[at].name, key) != 0) {
            at++;
        }
        if (!options[at].name) return unknown_option(L, function, options);
        const char *wanted = complaint(L, -1, options[at].kind);
        if (wanted) {
            return luaL_error(L, "%s: %s must be %s, got %s", function, key, wanted,
                              luaL_typename(L, -1));
        }
        lua_pushvalue(L, -1);
        lua_replace(L, first + at);
    }
    for (int at = 0; at < count; at++) {
        if (options[at].kind != HY_OPTION_NEEDED_TEXT || !lua_isnil(L, first + at)) continue;
        return luaL_error(L, "%s: %s is missing", function, options[at].name);
    }
    return first;
}
