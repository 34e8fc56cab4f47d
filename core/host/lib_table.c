/* The library `table` of hyperties: what Lua's own does, but every loop can be stopped, however
 * long a table or its __len says to be; and insert, remove, sort and move know handles of arrays
 * (lib_table_array.c). The other ones read handles as anything else, by its metamethods.
 *
 * The length of a table without a metatable need not be its size either: there are tables of forty
 * items that are a billion long. */
#include "internal.h"

#include "budget.h"

#include <limits.h>

#define READ   1u
#define WRITE  2u
#define LENGTH 4u

#define ROOM_MAX 65536 /* made ahead for a length that nobody has seen */

static bool has_metafield(lua_State *L, int arg, const char *name) {
    if (luaL_getmetafield(L, arg, name) == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

/* Raises unless the argument is a table, or can do what one can. */
static void check_table(lua_State *L, int arg, unsigned needs) {
    if (lua_type(L, arg) == LUA_TTABLE) return;
    if ((needs & READ) && !has_metafield(L, arg, "__index")) needs = 0;
    if ((needs & WRITE) && !has_metafield(L, arg, "__newindex")) needs = 0;
    if ((needs & LENGTH) && !has_metafield(L, arg, "__len")) needs = 0;
    if (!needs) luaL_checktype(L, arg, LUA_TTABLE);
}

static bool is_plain(lua_State *L, int arg) {
    if (lua_type(L, arg) != LUA_TTABLE) return false;
    if (!lua_getmetatable(L, arg)) return true;
    lua_pop(L, 1);
    return false;
}

static lua_Integer length_of(lua_State *L, int arg, unsigned needs) {
    if (is_plain(L, arg)) return (lua_Integer)lua_rawlen(L, arg);
    check_table(L, arg, needs | LENGTH);
    return luaL_len(L, arg);
}

/* to[at] = from[of] */
static inline void copy_item(lua_State *L, int from, lua_Integer of, int to, lua_Integer at) {
    lua_geti(L, from, of);
    lua_seti(L, to, at);
}

/* --- insert, remove, move --------------------------------------------------------------------- */

static int table_insert(lua_State *L) {
    hy__spot_t spot;
    if (hy__array_check(L, 1, &spot)) return hy__array_insert(L, &spot);
    const volatile sig_atomic_t *is_due = hy__budget_flag(L);
    lua_Integer length = length_of(L, 1, READ | WRITE);
    lua_Integer next = (lua_Integer)((lua_Unsigned)length + 1), at = next;
    int count = lua_gettop(L);
    if (count == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)at - 1 < (lua_Unsigned)next, 2, "position out of bounds");
        for (lua_Integer i = next; i > at; i--) {
            hy_budget_poll(L, is_due);
            copy_item(L, 1, i - 1, 1, i);
        }
    } else if (count != 2) {
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_seti(L, 1, at);
    return 0;
}

static int table_remove(lua_State *L) {
    hy__spot_t spot;
    if (hy__array_check(L, 1, &spot)) return hy__array_remove(L, &spot);
    const volatile sig_atomic_t *is_due = hy__budget_flag(L);
    lua_Integer length = length_of(L, 1, READ | WRITE), at = luaL_optinteger(L, 2, length);
    luaL_argcheck(L, at == length || (lua_Unsigned)at - 1 <= (lua_Unsigned)length, 2,
                  "position out of bounds");
    lua_geti(L, 1, at);
    for (; at < length; at++) {
        hy_budget_poll(L, is_due);
        copy_item(L, 1, at + 1, 1, at);
    }
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

/* From 1 to the table at `to`: forwards, or backwards where they overlap that way. */
static void move_items(lua_State *L, lua_Integer from, lua_Integer last, lua_Integer at, int to) {
    const volatile sig_atomic_t *is_due = hy__budget_flag(L);
    bool is_same = to == 1 || lua_compare(L, 1, to, LUA_OPEQ);
    bool is_backwards = is_same && at > from && at <= last;
    lua_Integer count = last - from + 1;
    for (lua_Integer i = 0; i < count; i++) {
        lua_Integer offset = is_backwards ? count - 1 - i : i;
        hy_budget_poll(L, is_due);
        copy_item(L, 1, from + offset, to, at + offset);
    }
}

static int table_move(lua_State *L) {
    hy__spot_t spot;
    int to = lua_isnoneornil(L, 5) ? 1 : 5;
    if (hy__array_check(L, to, &spot)) {
        hy__array_move(L, &spot);
    } else {
        lua_Integer from = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
        lua_Integer at = luaL_checkinteger(L, 4);
        check_table(L, 1, READ);
        check_table(L, to, WRITE);
        if (last >= from) {
            luaL_argcheck(L, from > 0 || last < LUA_MAXINTEGER + from, 3,
                          "too many elements to move");
            luaL_argcheck(L, at <= LUA_MAXINTEGER - (last - from), 4, "destination wrap around");
            move_items(L, from, last, at, to);
        }
    }
    lua_pushvalue(L, to);
    return 1;
}

/* --- sort ------------------------------------------------------------------------------------- */

/* The items are sorted beside the table: when the order function raises, they are as they were. */
static void sort_copy(lua_State *L, lua_Integer count) {
    const volatile sig_atomic_t *is_due = hy__budget_flag(L);
    lua_createtable(L, (int)(count < ROOM_MAX ? count : ROOM_MAX), 0);
    for (lua_Integer i = 1; i <= count; i++) {
        hy_budget_poll(L, is_due);
        lua_geti(L, 1, i);
        lua_rawseti(L, 3, i);
    }
    hy__sort(L, 3, 2, count);
    for (lua_Integer i = 1; i <= count; i++) {
        hy_budget_poll(L, is_due);
        lua_rawgeti(L, 3, i);
        lua_seti(L, 1, i);
    }
}

static int table_sort(lua_State *L) {
    hy__spot_t spot;
    if (hy__array_check(L, 1, &spot)) return hy__array_sort(L, &spot);
    lua_Integer count = length_of(L, 1, READ | WRITE);
    if (count < 2) return 0;
    luaL_argcheck(L, count < INT_MAX, 1, "array too big");
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    if (count <= HY_SORT_STACK_ITEMS && is_plain(L, 1)) {
        hy__sort(L, 1, 2, count);
    } else {
        sort_copy(L, count);
    }
    return 0;
}

/* --- concat and unpack ------------------------------------------------------------------------ */

static void add_item(lua_State *L, luaL_Buffer *b, lua_Integer at) {
    lua_geti(L, 1, at);
    if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1),
                   (LUAI_UACINT)at);
    }
    luaL_addvalue(b);
}

static int table_concat(lua_State *L) {
    luaL_Buffer b;
    size_t len;
    const volatile sig_atomic_t *is_due = hy__budget_flag(L);
    lua_Integer last = length_of(L, 1, READ);
    const char *between = luaL_optlstring(L, 2, "", &len);
    lua_Integer at = luaL_optinteger(L, 3, 1);
    last = luaL_optinteger(L, 4, last);
    luaL_buffinit(L, &b);
    for (; at < last; at++) {
        hy_budget_poll(L, is_due);
        add_item(L, &b, at);
        luaL_addlstring(&b, between, len);
    }
    if (at == last) add_item(L, &b, at);
    luaL_pushresult(&b);
    return 1;
}

static int table_unpack(lua_State *L) {
    const volatile sig_atomic_t *is_due = hy__budget_flag(L);
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    if (first > last) return 0;
    lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first + 1;
    if (count == 0 || count > INT_MAX || !lua_checkstack(L, (int)count)) {
        return luaL_error(L, "too many results to unpack");
    }
    for (lua_Unsigned i = 0; i < count; i++) {
        hy_budget_poll(L, is_due);
        lua_geti(L, 1, (lua_Integer)((lua_Unsigned)first + i));
    }
    return (int)count;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* pack is Lua's own: its arguments are there already. */
void hy_lib_table_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"insert", table_insert},
                                         {"remove", table_remove},
                                         {"move", table_move},
                                         {"sort", table_sort},
                                         {"concat", table_concat},
                                         {"unpack", table_unpack},
                                         {NULL, NULL}};
    lua_pushglobaltable(L);
    lua_pushcfunction(L, luaopen_table);
    lua_call(L, 0, 1);
    luaL_setfuncs(L, functions, 0);
    lua_setfield(L, -2, "table");
    lua_pop(L, 1);
}
