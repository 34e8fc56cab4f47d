/* The functions of the library `table` on handles of arrays (lib_table.c has those on tables).
 *
 * One call is one change: insert and remove are one edit; sort and move gather their values first,
 * where anything may raise, then set the slots that differ as one batch, where nothing does. */
#include "internal.h"

#include "../base/mem.h"
#include "budget.h"

bool hy__array_check(lua_State *L, int arg, hy__spot_t *spot) {
    hy_error_t err;
    *spot = (hy__spot_t){.view = NULL};
    if (lua_type(L, arg) != LUA_TUSERDATA || !hy_handle_test(L, arg, &spot->view, &spot->node)) {
        return false;
    }
    if (hy_view_check(spot->view, spot->node, &err) < 0) hy_raise(L, &err);
    if (hy_node_kind(spot->node) == HY_ARRAY) return true;
    hy__spot_fail(&err, HY_EINVALID, spot,
                  "not an array but an object; hyperty.array{} makes an empty array");
    return hy_raise(L, &err);
}

/* --- insert and remove ------------------------------------------------------------------------ */

int hy__array_insert(lua_State *L, hy__spot_t *spot) {
    hy_value_t item;
    hy_error_t err;
    lua_Integer next = (lua_Integer)hy_node_count(spot->node) + 1, at = next;
    int value = lua_gettop(L);
    if (value == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, at >= 1 && at <= next, 2, "position out of bounds");
    } else if (value != 2) {
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    spot->index = (size_t)at;
    int rc = hy__spot_value(L, value, spot, &item, &err);
    if (rc == 0) rc = hy__spot_insert(spot, item, &err);
    return rc < 0 ? hy_raise(L, &err) : 0;
}

/* Gives what was there as plain Lua, since its handles are stale now. */
int hy__array_remove(lua_State *L, hy__spot_t *spot) {
    hy_error_t err;
    lua_Integer count = (lua_Integer)hy_node_count(spot->node), at = luaL_optinteger(L, 2, count);
    luaL_argcheck(L, at == count || (at >= 1 && at <= count + 1), 2, "position out of bounds");
    if (at == 0 || at > count) {
        lua_pushnil(L);
        return 1;
    }
    spot->index = (size_t)at;
    hy_value_push(L, hy_node_at(spot->node, (size_t)at - 1));
    hy_edit_t edit = {.kind = HY_OP_ERASE, .node = spot->node, .index = (size_t)at - 1, .count = 1};
    return hy__spot_edit(spot, &edit, &err) < 0 ? hy_raise(L, &err) : 1;
}

/* --- many slots at once ----------------------------------------------------------------------- */

typedef struct {
    size_t first, count; /* places, from 0 */
    size_t edits;
    hy_value_t values[]; /* ABSENT: as it is there */
} slots_t;

static void free_slots(slots_t *s) {
    for (size_t i = 0; i < s->count; i++) {
        hy_value_drop(s->values[i]);
    }
    hy_free(s);
}

/* The value on top of the stack for one slot: ABSENT if the same is there. */
static int read_slot(lua_State *L, hy__spot_t *spot, hy_value_t *out, hy_error_t *err) {
    hy_value_t there = hy_node_at(spot->node, spot->index - 1), v;
    hy_view_t *view;
    hy_node_t *node;
    *out = hy_absent();
    if (hy_is_node(there) && hy_handle_test(L, -1, &view, &node) && node == there.as.n) return 0;
    int rc = hy__spot_value(L, -1, spot, &v, err);
    if (rc < 0) return rc;
    if (hy_value_equal(v, there)) {
        hy_value_drop(v);
    } else {
        *out = v;
    }
    return 0;
}

/* Items 1 to `count` of the list at `list`, to be put from place `first` (from 0). */
static int read_slots(lua_State *L, hy__spot_t *spot, int list, size_t first, size_t count,
                      slots_t **out, hy_error_t *err) {
    slots_t *s = hy_alloc(sizeof *s + count * sizeof(hy_value_t));
    if (!s) return hy__spot_fail(err, HY_ENOMEM, spot, hy_error_text(HY_ENOMEM));
    *s = (slots_t){.first = first};
    for (size_t i = 0; i < count; i++) {
        spot->index = first + i + 1;
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        int rc = read_slot(L, spot, &s->values[i], err);
        lua_pop(L, 1);
        if (rc < 0) {
            free_slots(s);
            return rc;
        }
        s->count++;
        if (s->values[i].kind != HY_ABSENT) s->edits++;
    }
    *out = s;
    return 0;
}

static int write_slots(hy__spot_t *spot, slots_t *s, hy_error_t *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->count; i++) {
        hy_value_t v = s->values[i];
        if (v.kind == HY_ABSENT) continue;
        s->values[i] = hy_absent();
        spot->index = s->first + i + 1;
        hy_edit_t edit = {
            .kind = HY_OP_SET, .node = spot->node, .index = spot->index - 1, .value = v};
        rc = edit.index < hy_node_count(spot->node) ? hy__spot_edit(spot, &edit, err)
                                                    : hy__spot_insert(spot, v, err);
    }
    return rc;
}

/* One change. Inside a batch of the script they are part of that. */
static int write_batch(hy__spot_t *spot, slots_t *s, hy_error_t *err) {
    if (s->edits <= 1) return write_slots(spot, s, err);
    if (s->edits > HY_BATCH_CHANGES_MAX) {
        return hy__spot_fail(err, HY_ETOO_LARGE, spot, "too many elements for one change");
    }
    err->text[0] = '\0';
    int rc = hy_view_begin(spot->view, err);
    if (rc == HY_ECONFLICT) return write_slots(spot, s, err);
    if (rc == 0) {
        rc = write_slots(spot, s, err);
        if (rc == 0) return hy_view_commit(spot->view, err);
        hy_view_rollback(spot->view);
    }
    return rc;
}

static void set_slots(lua_State *L, hy__spot_t *spot, int list, size_t first, size_t count) {
    hy_error_t err;
    slots_t *s = NULL;
    if (hy_view_check(spot->view, spot->node, &err) < 0) hy_raise(L, &err);
    luaL_checkstack(L, 4, NULL);
    int rc = read_slots(L, spot, list, first, count, &s, &err);
    if (rc == 0) {
        rc = write_batch(spot, s, &err);
        free_slots(s);
        if (rc < 0 && !err.text[0]) hy__spot_fail(&err, rc, spot, hy_error_text(rc));
    }
    if (rc < 0) hy_raise(L, &err);
}

int hy__array_sort(lua_State *L, hy__spot_t *spot) {
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    size_t count = hy_node_count(spot->node);
    luaL_argcheck(L, count < INT32_MAX, 1, "array too big");
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        hy_handle_push(L, spot->view, hy_node_at(spot->node, i));
        lua_rawseti(L, 3, (lua_Integer)i + 1);
    }
    hy__sort(L, 3, 2, (lua_Integer)count);
    if (hy_node_kind(spot->node) != HY_ARRAY || hy_node_count(spot->node) != count) {
        return luaL_error(L, "sort: the array was changed while it was being sorted");
    }
    set_slots(L, spot, 3, 0, count);
    return 0;
}

int hy__array_move(lua_State *L, hy__spot_t *spot) {
    const volatile sig_atomic_t *is_due = hy__budget_flag(L);
    lua_Integer from = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
    lua_Integer at = luaL_checkinteger(L, 4);
    lua_settop(L, 5);
    if (last < from) return 0;
    lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)from + 1;
    luaL_argcheck(L, count > 0 && count <= HY_BATCH_CHANGES_MAX, 3, "too many elements to move");
    luaL_argcheck(L, at >= 1 && at <= (lua_Integer)hy_node_count(spot->node) + 1, 4,
                  "position out of bounds");
    lua_createtable(L, (int)count, 0);
    for (lua_Unsigned i = 0; i < count; i++) {
        hy_budget_poll(L, is_due);
        lua_geti(L, 1, from + (lua_Integer)i);
        lua_rawseti(L, 6, (lua_Integer)i + 1);
    }
    /* Reading may have run metamethods of the source. */
    if (hy_node_kind(spot->node) != HY_ARRAY || at > (lua_Integer)hy_node_count(spot->node) + 1) {
        return luaL_error(L, "move: the array was changed meanwhile");
    }
    set_slots(L, spot, 6, (size_t)at - 1, (size_t)count);
    return 0;
}
