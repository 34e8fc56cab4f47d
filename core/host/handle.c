/* Data handles: what scripts hold of a tree. A handle is a view and a node, nothing else; what it
 * may do is in the view, where it stands in the tree itself.
 *
 *      registry[&views] ─weak─► cache of a view ─weak─► handle, by node
 *                                     ▲──────────────────── user value
 *
 * So the handle of a node is one userdata as long as one is alive: handles compare equal and a read
 * of `a.b` costs a look-up. A handle keeps its node's memory and the view; Lua's collector ends it.
 *
 * Reading follows plain tables, indices from 1. Writing makes one edit. Every raise names the
 * object and the place in it. */
#include "internal.h"

#include "../base/buf.h"

typedef struct {
    hy_view_t *view;
    hy_node_t *node;
} handle_t;

static const char metatable_key = 0, views_key = 0;

/* --- errors ----------------------------------------------------------------------------------- */

int hy_raise(lua_State *L, const hy_error_t *err) {
    luaL_where(L, 1);
    lua_pushstring(L, err->text);
    lua_concat(L, 2);
    return lua_error(L);
}

#define SHOWN_KEY_BYTES 64 /* of a key in an error text; the rest of the text counts too */

static void write_step(hy_buf_t *b, const char *key, size_t index) {
    if (b->len > 0) hy_buf_char(b, '.');
    if (!key) {
        hy_buf_int(b, (int64_t)index);
        return;
    }
    size_t len = strlen(key), shown = len < SHOWN_KEY_BYTES ? len : SHOWN_KEY_BYTES;
    while (shown < len && shown > 0 && ((unsigned char)key[shown] & 0xc0) == 0x80) {
        shown--; /* not within a character */
    }
    hy_buf_add(b, key, shown);
    if (shown < len) hy_buf_text(b, "...");
}

static void write_node(hy_buf_t *b, hy_node_t *node) {
    hy_node_t *parent = hy_node_parent(node);
    if (!parent) return;
    write_node(b, parent);
    hy_str_t *key = hy_node_key(node);
    write_step(b, key ? key->bytes : NULL, key ? 0 : hy_node_index(node) + 1);
}

int hy__spot_fail(hy_error_t *err, int code, const hy__spot_t *spot, const char *text) {
    hy_buf_t path;
    hy_buf_init(&path);
    write_node(&path, spot->node);
    if (spot->key || spot->index > 0) write_step(&path, spot->key, spot->index);
    if (spot->inner && *spot->inner) {
        if (path.len > 0) hy_buf_char(&path, '.');
        hy_buf_text(&path, spot->inner);
    }
    hy_fail(err, code, "%s: %.*s%s%s", spot->view->name->bytes, (int)path.len,
            path.bytes ? path.bytes : "", path.len > 0 ? ": " : "", text);
    hy_buf_deinit(&path);
    return code;
}

int hy__spot_value(lua_State *L, int index, const hy__spot_t *spot, hy_value_t *out,
                   hy_error_t *err) {
    hy__refusal_t why;
    int rc = hy__value_read(L, index, out, &why);
    if (rc == 0) return 0;
    hy__spot_t inner = *spot;
    inner.inner = why.path;
    return hy__spot_fail(err, rc, &inner, why.text);
}

int hy__spot_edit(const hy__spot_t *spot, hy_edit_t *edit, hy_error_t *err) {
    err->text[0] = '\0';
    int rc = hy_view_edit(spot->view, edit, err);
    if (rc == 0) return 0;
    if (!err->text[0]) return hy__spot_fail(err, rc, spot, hy_error_text(rc));
    if (strstr(err->text, spot->view->name->bytes)) return rc;
    hy_error_t plain = *err;
    return hy__spot_fail(err, rc, spot, plain.text);
}

int hy__spot_insert(const hy__spot_t *spot, hy_value_t item, hy_error_t *err) {
    hy_node_t *items = hy_node_new(HY_ARRAY);
    int rc = HY_ENOMEM;
    if (items) {
        rc = hy_node_insert(items, 0, item);
    } else {
        hy_value_drop(item);
    }
    if (rc < 0) {
        hy_node_unref(items);
        return hy__spot_fail(err, rc, spot, hy_error_text(rc));
    }
    hy_edit_t edit = {.kind = HY_OP_INSERT,
                      .node = spot->node,
                      .index = spot->index - 1,
                      .value = hy_node_value(items)};
    return hy__spot_edit(spot, &edit, err);
}

/* --- pushing ---------------------------------------------------------------------------------- */

static void push_weak_table(lua_State *L) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}

static void push_cache(lua_State *L, const hy_view_t *view) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &views_key);
    if (lua_rawgetp(L, -1, view) == LUA_TNIL) {
        lua_pop(L, 1);
        push_weak_table(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, -3, view);
    }
    lua_remove(L, -2);
}

/* Replaces the cache on top by the handle. */
static void push_handle(lua_State *L, hy_view_t *view, hy_node_t *node) {
    if (lua_rawgetp(L, -1, node) == LUA_TUSERDATA) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    handle_t *h = lua_newuserdatauv(L, sizeof *h, 1);
    *h = (handle_t){NULL, NULL};
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
    lua_setmetatable(L, -2);
    h->view = hy_view_ref(view);
    h->node = hy_node_ref(node);
    lua_insert(L, -2); /* handle, cache */
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, node);
    lua_setiuservalue(L, -2, 1);
}

void hy_handle_push(lua_State *L, hy_view_t *view, hy_value_t v) {
    if (hy_is_node(v)) {
        luaL_checkstack(L, 5, NULL);
        push_cache(L, view);
        push_handle(L, view, v.as.n);
    } else {
        hy_value_push(L, v);
    }
}

/* The same for what the handle at 1 leads to. */
static int push_inner(lua_State *L, const handle_t *h, hy_value_t v) {
    if (hy_is_node(v)) {
        lua_getiuservalue(L, 1, 1);
        push_handle(L, h->view, v.as.n);
    } else {
        hy_value_push(L, v);
    }
    return 1;
}

bool hy_handle_test(lua_State *L, int index, hy_view_t **view, hy_node_t **node) {
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
    bool is_handle = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (!is_handle) return false;
    const handle_t *h = lua_touserdata(L, index);
    *view = h->view;
    *node = h->node;
    return true;
}

/* The handle that a metamethod is called with; raises if it is closed or stale. */
static const handle_t *check_handle(lua_State *L) {
    hy_error_t err;
    const handle_t *h = lua_touserdata(L, 1);
    if (hy_view_check(h->view, h->node, &err) < 0) hy_raise(L, &err);
    return h;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The index that a number is, from 1; 0 if it is none. */
static size_t index_at(lua_State *L, int at) {
    int is_integer = 0;
    if (lua_type(L, at) != LUA_TNUMBER) return 0;
    lua_Integer i = lua_tointegerx(L, at, &is_integer);
    return is_integer && i > 0 ? (size_t)i : 0;
}

static int handle_index(lua_State *L) {
    const handle_t *h = check_handle(L);
    hy_value_t v = hy_absent();
    size_t len;
    if (hy_node_kind(h->node) == HY_ARRAY) {
        size_t i = index_at(L, 2);
        if (i > 0) v = hy_node_at(h->node, i - 1);
    } else if (lua_type(L, 2) == LUA_TSTRING) {
        const char *key = lua_tolstring(L, 2, &len);
        v = hy_node_get(h->node, key, len);
    }
    return push_inner(L, h, v);
}

static int handle_len(lua_State *L) {
    const handle_t *h = check_handle(L);
    bool is_array = hy_node_kind(h->node) == HY_ARRAY;
    lua_pushinteger(L, is_array ? (lua_Integer)hy_node_count(h->node) : 0);
    return 1;
}

/* Pushes the pair that *pos stands at and moves on; nil at the end. */
static int push_pair(lua_State *L, const handle_t *h, uint32_t *pos) {
    hy_str_t *key;
    hy_value_t v = hy_absent();
    if (hy_node_kind(h->node) == HY_ARRAY) {
        v = hy_node_at(h->node, *pos);
        lua_pushinteger(L, (lua_Integer)*pos + 1);
        ++*pos;
    } else if (hy_node_next(h->node, pos, &key, &v)) {
        lua_pushlstring(L, key->bytes, key->len);
    }
    if (v.kind == HY_ABSENT) {
        lua_pushnil(L);
        return 1;
    }
    return 1 + push_inner(L, h, v);
}

int hy__handle_next(lua_State *L) {
    const handle_t *h = check_handle(L);
    uint32_t pos = 0;
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) return push_pair(L, h, &pos);
    bool is_there = false;
    if (hy_node_kind(h->node) == HY_ARRAY) {
        size_t i = index_at(L, 2);
        is_there = i > 0 && i <= UINT32_MAX;
        pos = (uint32_t)i;
    } else if (lua_type(L, 2) == LUA_TSTRING) {
        size_t len;
        const char *key = lua_tolstring(L, 2, &len);
        is_there = hy_node_seek(h->node, key, len, &pos);
    }
    if (!is_there) return luaL_error(L, "next: the key is not there any more; walk with pairs");
    return push_pair(L, h, &pos);
}

/* Upvalue: where the walk is. So the key just given may be removed. */
static int walk(lua_State *L) {
    const handle_t *h = check_handle(L);
    uint32_t pos = (uint32_t)lua_tointeger(L, lua_upvalueindex(1));
    int results = push_pair(L, h, &pos);
    lua_pushinteger(L, pos);
    lua_replace(L, lua_upvalueindex(1));
    return results;
}

/* What scripts get as the iterator of pairs; they could call it with anything. */
static int walk_checked(lua_State *L) {
    hy_view_t *view;
    hy_node_t *node;
    if (!hy_handle_test(L, 1, &view, &node)) return luaL_typeerror(L, 1, "data");
    return walk(L);
}

static int handle_pairs(lua_State *L) {
    check_handle(L);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, walk_checked, 1);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int handle_tostring(lua_State *L) {
    const handle_t *h = lua_touserdata(L, 1);
    hy_error_t err = {0};
    const char *kind = hy_node_kind(h->node) == HY_ARRAY ? "array" : "object";
    if (hy_view_check(h->view, h->node, &err) == 0) {
        hy__spot_fail(&err, 0, &(hy__spot_t){.view = h->view, .node = h->node}, kind);
    }
    lua_pushstring(L, err.text);
    return 1;
}

static int handle_gc(lua_State *L) {
    handle_t *h = lua_touserdata(L, 1);
    hy_view_unref(h->view);
    hy_node_unref(h->node);
    *h = (handle_t){NULL, NULL};
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* h[k] = v with k and v at 2 and 3. None of these raises. */
static int assign_in_object(lua_State *L, hy__spot_t *spot, hy_error_t *err) {
    hy_edit_t edit = {.kind = HY_OP_SET, .node = spot->node};
    size_t len;
    int rc = 0;
    if (lua_type(L, 2) == LUA_TNUMBER) {
        return hy__spot_fail(err, HY_EINVALID, spot,
                             "this is an object, whose keys are text; for an empty list write "
                             "hyperty.array {}");
    }
    if (lua_type(L, 2) != LUA_TSTRING) {
        return hy__spot_fail(err, HY_EINVALID, spot, "keys of an object are text");
    }
    const char *key = lua_tolstring(L, 2, &len);
    bool is_there = hy_node_get(spot->node, key, len).kind != HY_ABSENT;
    if (lua_isnil(L, 3) && !is_there) return 0;
    if (!is_there && !hy_utf8_is_valid(key, len)) {
        return hy__spot_fail(err, HY_EINVALID, spot, "a key is not UTF-8");
    }
    spot->key = key;
    edit.key = hy_str_new(key, len);
    if (!edit.key) return hy__spot_fail(err, HY_ENOMEM, spot, hy_error_text(HY_ENOMEM));
    if (lua_isnil(L, 3)) {
        edit.kind = HY_OP_REMOVE;
    } else {
        rc = hy__spot_value(L, 3, spot, &edit.value, err);
    }
    if (rc == 0) rc = hy__spot_edit(spot, &edit, err);
    hy_str_unref(edit.key);
    return rc;
}

static int fail_index(lua_State *L, const hy__spot_t *spot, size_t count, hy_error_t *err) {
    hy_error_t text;
    if (lua_type(L, 2) != LUA_TNUMBER) {
        return hy__spot_fail(err, HY_EINVALID, spot, "keys of an array are indices from 1");
    }
    hy_fail(&text, HY_EINVALID, "no index %.14g in an array of %zu; the next one is %zu",
            lua_tonumber(L, 2), count, count + 1);
    return hy__spot_fail(err, HY_EINVALID, spot, text.text);
}

static int assign_in_array(lua_State *L, hy__spot_t *spot, hy_error_t *err) {
    hy_edit_t edit = {.kind = HY_OP_SET, .node = spot->node};
    size_t count = hy_node_count(spot->node), i = index_at(L, 2);
    if (i == 0 || i > count + 1) return fail_index(L, spot, count, err);
    spot->index = i;
    edit.index = i - 1;
    if (lua_isnil(L, 3)) {
        edit.kind = HY_OP_ERASE;
        edit.count = 1;
        if (i == count) return hy__spot_edit(spot, &edit, err);
        return hy__spot_fail(err, HY_EINVALID, spot,
                             "nil removes only the last element of an array; use table.remove");
    }
    int rc = hy__spot_value(L, 3, spot, &edit.value, err);
    if (rc < 0) return rc;
    return i <= count ? hy__spot_edit(spot, &edit, err) : hy__spot_insert(spot, edit.value, err);
}

static int handle_newindex(lua_State *L) {
    const handle_t *h = check_handle(L);
    hy__spot_t spot = {.view = h->view, .node = h->node};
    hy_error_t err;
    int rc = hy_node_kind(h->node) == HY_ARRAY ? assign_in_array(L, &spot, &err)
                                               : assign_in_object(L, &spot, &err);
    return rc < 0 ? hy_raise(L, &err) : 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

void hy_lib_handle_open(lua_State *L) {
    static const luaL_Reg methods[] = {{"__index", handle_index},
                                       {"__newindex", handle_newindex},
                                       {"__len", handle_len},
                                       {"__pairs", handle_pairs},
                                       {"__tostring", handle_tostring},
                                       {"__gc", handle_gc},
                                       {NULL, NULL}};
    push_weak_table(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &views_key);
    luaL_newlib(L, methods);
    lua_pushliteral(L, "data");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);
}
