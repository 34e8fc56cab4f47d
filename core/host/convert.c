/* Values between Lua and the tree.
 *
 * Out of Lua: without raising and without calling Lua, since it is used outside protected calls
 * too. Tables are read raw; a metatable says nothing but the marks of hyperty.array and
 * hyperty.object. A table is a list if its keys are 1 to n, else an object, whose keys come in
 * order of their bytes: Lua's own order changes from run to run, and a run must be repeatable.
 *
 * Into Lua: plain tables; arrays get the mark, so that an empty one stays what it is.
 *
 * What is refused is told with its place inside the value, kept as a chain on the C stack.
 *
 * States without an instance (plain.c) come through here too, with marks of their own. */
#include "lib_syncher.h"

#include "../base/mem.h"
#include "internal.h"

#include <math.h>
#include <stdlib.h>

typedef struct place {
    const struct place *up; /* NULL: the whole */
    const char *key;        /* NULL: index */
    lua_Integer index;
} place_t;

typedef struct {
    lua_State *L;
    const hy__marks_t *marks;
    hy__refusal_t *why;
    const hy_budget_t *budget; /* NULL: the value is as large as it is */
    size_t *bytes;             /* read so far, of HY_VALUE_BYTES_MAX */
} reading_t;

#define NODE_BYTES 64 /* of a table, beside what is in it */

static int read_value(const reading_t *r, int index, unsigned depth, const place_t *at,
                      hy_value_t *out);

/* --- refusals --------------------------------------------------------------------------------- */

static void write_place(hy_buf_t *b, const place_t *at) {
    if (!at->up) return;
    write_place(b, at->up);
    if (b->len > 0) hy_buf_char(b, '.');
    if (at->key) {
        hy_buf_text(b, at->key);
    } else {
        hy_buf_int(b, at->index);
    }
}

static int refuse(const reading_t *r, int code, const place_t *at, const char *text) {
    hy_buf_t path;
    hy_error_t shown = {0};
    hy_buf_init(&path);
    write_place(&path, at);
    hy_fail(&shown, code, "%.*s", (int)path.len, path.bytes ? path.bytes : ""); /* cut, if long */
    hy_buf_deinit(&path);
    memcpy(r->why->path, shown.text, sizeof shown.text);
    r->why->code = code;
    r->why->text = text;
    return code;
}

static int refuse_type(const reading_t *r, int index, const place_t *at) {
    switch (lua_type(r->L, index)) {
    case LUA_TNIL:
    case LUA_TNONE:
        return refuse(r, HY_EINVALID, at, "nil is not JSON");
    case LUA_TFUNCTION:
        return refuse(r, HY_EINVALID, at, "a function is not JSON");
    case LUA_TTHREAD:
        return refuse(r, HY_EINVALID, at, "a coroutine is not JSON");
    default:
        return refuse(r, HY_EINVALID, at, "a userdata is not JSON");
    }
}

/* A table that is in another one many times is as many values: forty of them can be a million
 * million. In a run that is over its budget nothing is read on; that it is killed shows later. */
static int spend(const reading_t *r, size_t bytes, const place_t *at) {
    const hy_budget_t *b = r->budget;
    if (!b) return 0;
    *r->bytes += bytes;
    if (*r->bytes > HY_VALUE_BYTES_MAX) {
        return refuse(r, HY_ETOO_LARGE, at, "the value is too large");
    }
    return b->is_due && b->depth > 0 ? refuse(r, HY_ETIMEOUT, at, "took too long") : 0;
}

/* --- out of Lua: scalars and objects of ours -------------------------------------------------- */

static int read_string(const reading_t *r, int index, const place_t *at, hy_value_t *out) {
    size_t len;
    const char *bytes = lua_tolstring(r->L, index, &len);
    if (!hy_utf8_is_valid(bytes, len)) {
        return refuse(r, HY_EINVALID, at, "a string that is not UTF-8 is not JSON");
    }
    if (len > HY_STRING_BYTES_MAX) return refuse(r, HY_ETOO_LARGE, at, "the string is too long");
    if (spend(r, len, at) < 0) return r->why->code;
    *out = hy_string(hy_str_new(bytes, len));
    return out->kind == HY_ABSENT ? refuse(r, HY_ENOMEM, at, hy_error_text(HY_ENOMEM)) : 0;
}

static int read_number(const reading_t *r, int index, const place_t *at, hy_value_t *out) {
    if (lua_isinteger(r->L, index)) {
        *out = hy_int(lua_tointeger(r->L, index));
        return 0;
    }
    double number = lua_tonumber(r->L, index);
    if (isnan(number)) return refuse(r, HY_EINVALID, at, "not-a-number is not JSON");
    if (isinf(number)) return refuse(r, HY_EINVALID, at, "infinity is not JSON");
    *out = hy_real(number);
    return 0;
}

static int read_handle(const reading_t *r, hy_view_t *view, hy_node_t *node, unsigned depth,
                       const place_t *at, hy_value_t *out) {
    hy_value_t v = hy_node_value(node);
    int rc = hy_view_check(view, node, &r->why->detail);
    if (rc < 0) return refuse(r, rc, at, r->why->detail.text);
    if (depth + hy_value_depth(v) > HY_VALUE_DEPTH_MAX) {
        return refuse(r, HY_ETOO_LARGE, at, "nesting deeper than 120");
    }
    rc = spend(r, r->budget ? hy_value_bytes(v) : 0, at);
    if (rc < 0) return rc;
    rc = hy_value_copy(v, out);
    return rc < 0 ? refuse(r, rc, at, hy_error_text(rc)) : 0;
}

static int read_userdata(const reading_t *r, int index, unsigned depth, const place_t *at,
                         hy_value_t *out) {
    hy_view_t *view;
    hy_node_t *node;
    if (lua_touserdata(r->L, index) == r->marks->null) {
        *out = hy_null();
        return 0;
    }
    if (hy_handle_test(r->L, index, &view, &node)) {
        return read_handle(r, view, node, depth, at, out);
    }
    const hy_lua_party_t *party = luaL_testudata(r->L, index, HY_PARTY_CLASS);
    if (!party) return refuse_type(r, index, at);
    *out = hy_string(hy_str_ref(hy_party_url(party->party)));
    return 0;
}

/* --- out of Lua: tables ----------------------------------------------------------------------- */

typedef struct {
    hy_str_t *key;
    hy_value_t value;
} field_t;

typedef struct {
    field_t *items;
    size_t count, room;
    field_t few[16];
} fields_t;

static int compare_fields(const void *a, const void *b) {
    const hy_str_t *x = ((const field_t *)a)->key, *y = ((const field_t *)b)->key;
    int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static field_t *add_field(fields_t *f) {
    if (f->count == f->room) {
        bool is_few = f->items == f->few;
        field_t *more = hy_realloc(is_few ? NULL : f->items, f->room * 2 * sizeof *more);
        if (!more) return NULL;
        if (is_few) memcpy(more, f->few, sizeof f->few);
        f->items = more;
        f->room *= 2;
    }
    return &f->items[f->count];
}

static void drop_fields(fields_t *f) {
    for (size_t i = 0; i < f->count; i++) {
        hy_str_unref(f->items[i].key);
        hy_value_drop(f->items[i].value);
    }
    if (f->items != f->few) hy_free(f->items);
}

/* The pair on top of the stack. */
static int read_field(const reading_t *r, fields_t *f, unsigned depth, const place_t *at) {
    size_t len;
    if (lua_type(r->L, -2) != LUA_TSTRING) {
        bool is_mixed = f->count > 0 || !lua_isinteger(r->L, -2);
        return refuse(r, HY_EINVALID, at,
                      is_mixed ? "mixed keys (neither 1 to n nor text alone)"
                               : "keys of an object are text");
    }
    const char *key = lua_tolstring(r->L, -2, &len);
    place_t inner = {.up = at, .key = key};
    if (len > HY_KEY_BYTES_MAX) return refuse(r, HY_ETOO_LARGE, at, "a key is too long");
    if (!hy_utf8_is_valid(key, len)) return refuse(r, HY_EINVALID, at, "a key is not UTF-8");
    field_t *field = add_field(f);
    if (!field) return refuse(r, HY_ENOMEM, at, hy_error_text(HY_ENOMEM));
    int rc = spend(r, sizeof *field + len, at);
    if (rc == 0) rc = read_value(r, lua_gettop(r->L), depth + 1, &inner, &field->value);
    if (rc < 0) return rc;
    field->key = hy_str_new(key, len);
    if (field->key) {
        f->count++;
        return 0;
    }
    hy_value_drop(field->value);
    return refuse(r, HY_ENOMEM, at, hy_error_text(HY_ENOMEM));
}

static int read_object(const reading_t *r, int index, unsigned depth, const place_t *at,
                       hy_node_t *object) {
    fields_t f = {.count = 0, .room = 16};
    int rc = 0;
    f.items = f.few;
    lua_pushnil(r->L);
    while (rc == 0 && lua_next(r->L, index)) {
        rc = read_field(r, &f, depth, at);
        lua_pop(r->L, 1);
    }
    lua_settop(r->L, lua_gettop(r->L) - (rc < 0 ? 1 : 0));
    if (f.count > 1) qsort(f.items, f.count, sizeof *f.items, compare_fields);
    for (size_t i = 0; rc == 0 && i < f.count; i++) {
        rc = hy_node_set(object, f.items[i].key, f.items[i].value, NULL);
        f.items[i].value = hy_absent();
        if (rc < 0) refuse(r, rc, at, hy_error_text(rc));
    }
    drop_fields(&f);
    return rc;
}

static int read_array(const reading_t *r, int index, unsigned depth, const place_t *at,
                      lua_Integer count, hy_node_t *array) {
    int rc = 0;
    for (lua_Integer i = 1; rc == 0 && i <= count; i++) {
        place_t inner = {.up = at, .index = i};
        hy_value_t v;
        lua_rawgeti(r->L, index, i);
        rc = read_value(r, lua_gettop(r->L), depth + 1, &inner, &v);
        lua_pop(r->L, 1);
        if (rc < 0) return rc;
        rc = hy_node_insert(array, (size_t)i - 1, v);
        if (rc < 0) refuse(r, rc, at, hy_error_text(rc));
    }
    return rc;
}

/* How many items the table has if its keys are 1 to n; -1 if they are not. */
static lua_Integer count_items(lua_State *L, int index) {
    lua_Integer count = 0, highest = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        if (key < 1) {
            lua_pop(L, 2);
            return -1;
        }
        if (key > highest) highest = key;
        count++;
    }
    return count == highest ? count : -1;
}

static const void *mark_of(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) return NULL;
    const void *mark = lua_topointer(L, -1);
    lua_pop(L, 1);
    return mark;
}

/* Does the table look like a list to who did not mark it? */
static bool begins_as_list(lua_State *L, int index) {
    lua_pushnil(L);
    if (!lua_next(L, index)) return false;
    bool is_list = lua_type(L, -2) != LUA_TSTRING;
    lua_pop(L, 2);
    return is_list;
}

static int read_table(const reading_t *r, int index, unsigned depth, const place_t *at,
                      hy_value_t *out) {
    lua_State *L = r->L;
    if (depth >= HY_VALUE_DEPTH_MAX) {
        return refuse(r, HY_ETOO_LARGE, at, "cycle or nesting deeper than 120");
    }
    if (!lua_checkstack(L, LUA_MINSTACK)) {
        return refuse(r, HY_ENOMEM, at, hy_error_text(HY_ENOMEM));
    }
    const void *mark = mark_of(L, index);
    bool is_array =
        mark == r->marks->array || (mark != r->marks->object && begins_as_list(L, index));
    lua_Integer count = is_array ? count_items(L, index) : 0;
    if (count < 0) {
        return refuse(r, HY_EINVALID, at, "mixed keys (neither 1 to n nor text alone)");
    }
    hy_node_t *node = hy_node_new(is_array ? HY_ARRAY : HY_OBJECT);
    if (!node) return refuse(r, HY_ENOMEM, at, hy_error_text(HY_ENOMEM));
    int rc = is_array ? read_array(r, index, depth, at, count, node)
                      : read_object(r, index, depth, at, node);
    if (rc < 0) {
        hy_node_unref(node);
        return rc;
    }
    *out = hy_node_value(node);
    return 0;
}

static int read_value(const reading_t *r, int index, unsigned depth, const place_t *at,
                      hy_value_t *out) {
    int type = lua_type(r->L, index);
    int rc = spend(r, sizeof *out + (type == LUA_TTABLE ? NODE_BYTES : 0), at);
    if (rc < 0) return rc;
    switch (type) {
    case LUA_TBOOLEAN:
        *out = hy_bool(lua_toboolean(r->L, index));
        return 0;
    case LUA_TNUMBER:
        return read_number(r, index, at, out);
    case LUA_TSTRING:
        return read_string(r, index, at, out);
    case LUA_TUSERDATA:
        return read_userdata(r, index, depth, at, out);
    case LUA_TTABLE:
        return read_table(r, index, depth, at, out);
    case LUA_TNIL:
    case LUA_TLIGHTUSERDATA:
        if (r->marks->null || lua_touserdata(r->L, index)) return refuse_type(r, index, at);
        *out = hy_null();
        return 0;
    default:
        return refuse_type(r, index, at);
    }
}

static int read_whole(lua_State *L, int index, const hy__marks_t *marks, const hy_budget_t *budget,
                      hy_value_t *out, hy__refusal_t *why) {
    size_t bytes = 0;
    reading_t r = {L, marks, why, budget, &bytes};
    place_t whole = {.up = NULL};
    if (!lua_checkstack(L, 4)) return refuse(&r, HY_ENOMEM, &whole, hy_error_text(HY_ENOMEM));
    return read_value(&r, lua_absindex(L, index), 0, &whole, out);
}

int hy__value_read_marked(lua_State *L, int index, const hy__marks_t *marks, hy_value_t *out,
                          hy__refusal_t *why) {
    return read_whole(L, index, marks, NULL, out, why);
}

int hy__value_read(lua_State *L, int index, hy_value_t *out, hy__refusal_t *why) {
    const hy_instance_t *i = hy_instance_of(L);
    hy__marks_t marks = {.null = i->null_mark, .array = i->array_mark, .object = i->object_mark};
    return read_whole(L, index, &marks, &i->budget, out, why);
}

int hy__refusal_fail(const hy__refusal_t *why, hy_error_t *err) {
    return hy_fail(err, why->code, "%s%s%s", why->path, why->path[0] ? ": " : "", why->text);
}

int hy_value_from_lua(lua_State *L, int index, hy_value_t *out, hy_error_t *err) {
    hy__refusal_t why;
    return hy__value_read(L, index, out, &why) == 0 ? 0 : hy__refusal_fail(&why, err);
}

int hy__values_from_lua(lua_State *L, int first, int last, hy_value_t *out, hy_error_t *err) {
    hy_node_t *items = hy_node_new(HY_ARRAY);
    int rc = items ? 0 : hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    for (int i = first; rc == 0 && i <= last; i++) {
        hy_value_t v = hy_null();
        hy_error_t why = {0};
        if (!lua_isnil(L, i)) rc = hy_value_from_lua(L, i, &v, &why);
        if (rc < 0) {
            hy_fail(err, rc, "argument %d: %s", i - first + 1, why.text);
        } else {
            rc = hy_node_insert(items, (size_t)(i - first), v);
        }
    }
    if (rc < 0) {
        hy_node_unref(items);
        return rc;
    }
    *out = hy_node_value(items);
    return 0;
}

/* --- into Lua --------------------------------------------------------------------------------- */

static void push_node(lua_State *L, const hy_node_t *n, const hy__marks_t *keys) {
    size_t count = hy_node_count(n);
    int hint = count < INT32_MAX ? (int)count : INT32_MAX;
    luaL_checkstack(L, 4, "nesting");
    if (hy_node_kind(n) == HY_ARRAY) {
        lua_createtable(L, hint, 0);
        for (size_t i = 0; i < count; i++) {
            hy__value_push_marked(L, hy_node_at(n, i), keys);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        lua_rawgetp(L, LUA_REGISTRYINDEX, keys->array);
        lua_setmetatable(L, -2);
        return;
    }
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t v;
    lua_createtable(L, 0, hint);
    while (hy_node_next(n, &pos, &key, &v)) {
        lua_pushlstring(L, key->bytes, key->len);
        hy__value_push_marked(L, v, keys);
        lua_rawset(L, -3);
    }
}

void hy__value_push_marked(lua_State *L, hy_value_t v, const hy__marks_t *keys) {
    switch (v.kind) {
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
    case HY_ARRAY:
        push_node(L, v.as.n, keys);
        break;
    case HY_NULL:
        if (keys->null) {
            lua_rawgetp(L, LUA_REGISTRYINDEX, keys->null);
        } else {
            lua_pushlightuserdata(L, NULL);
        }
        break;
    default:
        lua_pushnil(L);
    }
}

void hy_value_push(lua_State *L, hy_value_t v) {
    const hy_instance_t *i = hy_instance_of(L);
    hy__marks_t keys = {.null = &i->null_mark, .array = &i->array_mark};
    hy__value_push_marked(L, v, &keys);
}

int hy__values_push(lua_State *L, const hy_node_t *items) {
    size_t count = hy_node_count(items);
    if (count > INT16_MAX) return luaL_error(L, "too many arguments");
    luaL_checkstack(L, (int)count + 1, "too many arguments");
    for (size_t i = 0; i < count; i++) {
        hy_value_t v = hy_node_at(items, i);
        if (v.kind == HY_NULL) {
            lua_pushnil(L);
        } else {
            hy_value_push(L, v);
        }
    }
    return (int)count;
}
