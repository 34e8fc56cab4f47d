/* Conversion between values and plain Lua tables. Owns nothing; the array metatable is in the
 * registry of each state. */
#include "plain.h"
#include "../base/mem.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ARRAY_META "hyperty.plain.array"

/* Where in the value a refusal is: a chain from the innermost out, on the C stack. */
typedef struct place {
    const struct place *outer;
    const char *key; /* NULL: an index */
    lua_Integer index;
} place_t;

static size_t write_place(const place_t *p, char *text, size_t room) {
    if (!p) return 0;
    size_t at = write_place(p->outer, text, room);
    const char *dot = at ? "." : "";
    int len = p->key ? snprintf(text + at, room - at, "%s%s", dot, p->key)
                     : snprintf(text + at, room - at, "%s%lld", dot, (long long)p->index);
    at += len > 0 ? (size_t)len : 0;
    return at < room ? at : room - 1;
}

static int refuse(const place_t *place, int code, const char *text, hy_error_t *err) {
    char where[128] = "";
    size_t len = write_place(place, where, sizeof where);
    return hy_fail(err, code, "%s%s%s", where, len ? ": " : "", text);
}

static int read_value(lua_State *L, int index, unsigned depth, const place_t *place,
                      hy_value_t *out, hy_error_t *err);

static int read_string(lua_State *L, int index, const place_t *place, hy_value_t *out,
                       hy_error_t *err) {
    size_t len;
    const char *bytes = lua_tolstring(L, index, &len);
    if (!hy_utf8_is_valid(bytes, len)) {
        return refuse(place, HY_EINVALID, "the string is not UTF-8", err);
    }
    *out = hy_string(hy_str_new(bytes, len));
    return out->kind == HY_STR ? 0 : refuse(place, HY_ENOMEM, "out of memory", err);
}

static bool has_array_meta(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) return false;
    lua_getfield(L, LUA_REGISTRYINDEX, ARRAY_META);
    bool is_array = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is_array;
}

static int read_items(lua_State *L, int index, unsigned depth, const place_t *outer, hy_node_t *n,
                      hy_error_t *err) {
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= count; i++) {
        place_t place = {.outer = outer, .index = i};
        hy_value_t item = hy_absent();
        lua_rawgeti(L, index, i);
        int rc = read_value(L, lua_gettop(L), depth, &place, &item, err);
        lua_pop(L, 1);
        if (!rc) rc = hy_node_insert(n, (size_t)i - 1, item);
        if (rc) return rc;
    }
    return 0;
}

/* The pair on top of the stack; the key is at index -2. */
static int read_field(lua_State *L, unsigned depth, const place_t *outer, hy_node_t *n,
                      hy_error_t *err) {
    size_t len;
    if (lua_type(L, -2) != LUA_TSTRING) {
        return refuse(outer, HY_EINVALID, "keys must be strings, or 1 to n for an array", err);
    }
    const char *bytes = lua_tolstring(L, -2, &len);
    place_t place = {.outer = outer, .key = bytes};
    if (!hy_utf8_is_valid(bytes, len)) {
        return refuse(outer, HY_EINVALID, "a key is not UTF-8", err);
    }
    hy_value_t value = hy_absent();
    int rc = read_value(L, lua_gettop(L), depth, &place, &value, err);
    if (rc) return rc;
    hy_str_t *key = hy_str_new(bytes, len);
    if (!key) {
        hy_value_drop(value);
        return refuse(outer, HY_ENOMEM, "out of memory", err);
    }
    rc = hy_node_set(n, key, value, NULL);
    hy_str_unref(key);
    return rc;
}

static int read_fields(lua_State *L, int index, unsigned depth, const place_t *outer, hy_node_t *n,
                       hy_error_t *err) {
    lua_pushnil(L);
    while (lua_next(L, index)) {
        int rc = read_field(L, depth, outer, n, err);
        if (rc) {
            lua_pop(L, 2);
            return rc;
        }
        lua_pop(L, 1);
    }
    return 0;
}

/* More keys than items: an array with other keys beside. */
static bool is_mixed(lua_State *L, int index) {
    lua_Unsigned count = lua_rawlen(L, index), keys = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (++keys > count) {
            lua_pop(L, 1);
            return true;
        }
    }
    return false;
}

static int compare_keys(const void *a, const void *b) {
    const hy_str_t *x = *(hy_str_t *const *)a, *y = *(hy_str_t *const *)b;
    int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Lua's own order of keys changes from run to run, and a run must be repeatable. */
static int sort_fields(hy_node_t **n) {
    size_t count = hy_node_count(*n), i = 0;
    uint32_t pos = 0;
    hy_str_t **keys = hy_alloc((count + 1) * sizeof *keys);
    hy_node_t *sorted = hy_node_new(HY_OBJECT);
    int rc = keys && sorted ? 0 : HY_ENOMEM;
    while (!rc && hy_node_next(*n, &pos, &keys[i], NULL))
        i++;
    if (!rc) qsort(keys, count, sizeof *keys, compare_keys);
    for (i = 0; !rc && i < count; i++) {
        hy_value_t value = hy_absent();
        hy_str_t *key = hy_str_ref(keys[i]);
        rc = hy_node_unset(*n, key, &value);
        if (!rc) rc = hy_node_set(sorted, key, value, NULL);
        hy_str_unref(key);
    }
    hy_free(keys);
    if (sorted) hy_node_unref(rc ? sorted : *n);
    if (!rc) *n = sorted;
    return rc;
}

static int read_table(lua_State *L, int index, unsigned depth, const place_t *place,
                      hy_value_t *out, hy_error_t *err) {
    if (depth >= HY_VALUE_DEPTH_MAX || !lua_checkstack(L, 4)) {
        return refuse(NULL, HY_ETOO_LARGE, "nested too deep, or in a cycle", err);
    }
    bool is_array = lua_rawlen(L, index) > 0 || has_array_meta(L, index);
    if (is_array && is_mixed(L, index)) {
        return refuse(place, HY_EINVALID, "keys must be strings, or 1 to n for an array", err);
    }
    hy_node_t *n = hy_node_new(is_array ? HY_ARRAY : HY_OBJECT);
    if (!n) return refuse(place, HY_ENOMEM, "out of memory", err);
    int rc = is_array ? read_items(L, index, depth + 1, place, n, err)
                      : read_fields(L, index, depth + 1, place, n, err);
    if (!rc && !is_array && sort_fields(&n) != 0) {
        rc = refuse(place, HY_ENOMEM, "out of memory", err);
    }
    if (rc) {
        hy_node_unref(n);
        return rc;
    }
    *out = hy_node_value(n);
    return 0;
}

/* `index` is absolute. */
static int read_value(lua_State *L, int index, unsigned depth, const place_t *place,
                      hy_value_t *out, hy_error_t *err) {
    char text[64];
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        *out = hy_bool(lua_toboolean(L, index));
        return 0;
    case LUA_TNUMBER:
        *out = lua_isinteger(L, index) ? hy_int(lua_tointeger(L, index))
                                       : hy_real(lua_tonumber(L, index));
        if (out->kind == HY_INT || isfinite(out->as.r)) return 0;
        return refuse(place, HY_EINVALID, "NaN and infinity are not JSON", err);
    case LUA_TSTRING:
        return read_string(L, index, place, out, err);
    case LUA_TTABLE:
        return read_table(L, index, depth, place, out, err);
    case LUA_TNIL:
        *out = hy_null();
        return 0;
    case LUA_TLIGHTUSERDATA:
        *out = hy_null();
        if (!lua_touserdata(L, index)) return 0;
        break;
    default:
        break;
    }
    snprintf(text, sizeof text, "a %s is not JSON", luaL_typename(L, index));
    return refuse(place, HY_EINVALID, text, err);
}

int hy_plain_read(lua_State *L, int index, hy_value_t *out, hy_error_t *err) {
    hy_value_t value = hy_absent();
    int rc = read_value(L, lua_absindex(L, index), 0, NULL, &value, err);
    if (rc == 0) *out = value;
    return rc;
}

void hy_plain_push_array_meta(lua_State *L) {
    if (luaL_newmetatable(L, ARRAY_META)) {
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
}

static void push_array(lua_State *L, const hy_node_t *n) {
    size_t count = hy_node_count(n);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        hy_plain_push(L, hy_node_at(n, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    hy_plain_push_array_meta(L);
    lua_setmetatable(L, -2);
}

static void push_object(lua_State *L, const hy_node_t *n) {
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t value;
    lua_createtable(L, 0, (int)hy_node_count(n));
    while (hy_node_next(n, &pos, &key, &value)) {
        lua_pushlstring(L, key->bytes, key->len);
        hy_plain_push(L, value);
        lua_rawset(L, -3);
    }
}

void hy_plain_push(lua_State *L, hy_value_t v) {
    luaL_checkstack(L, 4, "a value nested too deep");
    switch ((hy_kind_t)v.kind) {
    case HY_ABSENT:
        lua_pushnil(L);
        break;
    case HY_NULL:
        lua_pushlightuserdata(L, NULL);
        break;
    case HY_BOOL:
        lua_pushboolean(L, v.as.b);
        break;
    case HY_INT:
        lua_pushinteger(L, v.as.i);
        break;
    case HY_REAL:
        lua_pushnumber(L, v.as.r);
        break;
    case HY_STR:
        lua_pushlstring(L, v.as.s->bytes, v.as.s->len);
        break;
    case HY_OBJECT:
        push_object(L, v.as.n);
        break;
    case HY_ARRAY:
        push_array(L, v.as.n);
        break;
    }
}
