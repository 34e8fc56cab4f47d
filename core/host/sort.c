/* Sorting of a list: by merging, so that equals keep their order, the same input is sorted the same
 * in every run, no input is slow, and whatever the order function says something comes out.
 *
 *      list      [ left, sorted | right, sorted ]         left ──► beside
 *      list   ◄── the smaller of the first of beside and of right, again and again
 *
 * Lua's own swaps in place around pivots that it takes by the clock when the list is unkind. */
#include "internal.h"

#include "budget.h"

#define FEW      6     /* items that are sorted by insertion */
#define ROOM_MAX 65536 /* made ahead */

typedef struct {
    lua_State *L;
    const volatile sig_atomic_t *is_due;
    int list, order, beside; /* on the stack; order 0: "<" */
    int a, b;                /* slots for two items */
} sorting_t;

/* Does what is in slot b come before what is in slot a? */
static bool is_before(const sorting_t *s) {
    lua_State *L = s->L;
    hy_budget_poll(L, s->is_due);
    if (s->order == 0) return lua_compare(L, s->b, s->a, LUA_OPLT);
    lua_pushvalue(L, s->order);
    lua_pushvalue(L, s->b);
    lua_pushvalue(L, s->a);
    lua_call(L, 2, 1);
    bool is = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

static void load(const sorting_t *s, int slot, int list, lua_Integer at) {
    lua_rawgeti(s->L, list, at);
    lua_replace(s->L, slot);
}

static void store(const sorting_t *s, lua_Integer at, int slot) {
    lua_pushvalue(s->L, slot);
    lua_rawseti(s->L, s->list, at);
}

static void insert(const sorting_t *s, lua_Integer first, lua_Integer last) {
    for (lua_Integer next = first + 1; next <= last; next++) {
        lua_Integer at = next;
        load(s, s->b, s->list, next);
        for (; at > first; at--) {
            load(s, s->a, s->list, at - 1);
            if (!is_before(s)) break;
            store(s, at, s->a);
        }
        if (at < next) store(s, at, s->b);
    }
}

/* What is left beside goes to its place when the right part is used up, and the other way round all
 * is there already. */
static void merge(const sorting_t *s, lua_Integer first, lua_Integer middle, lua_Integer last) {
    lua_Integer count = middle - first, left = 1, right = middle, at = first;
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(s->L, s->list, first + i - 1);
        lua_rawseti(s->L, s->beside, i);
        hy_budget_poll(s->L, s->is_due);
    }
    load(s, s->a, s->beside, left);
    load(s, s->b, s->list, right);
    while (left <= count) {
        if (right <= last && is_before(s)) {
            store(s, at++, s->b);
            if (++right <= last) load(s, s->b, s->list, right);
        } else {
            store(s, at++, s->a);
            if (++left <= count) load(s, s->a, s->beside, left);
        }
    }
}

static void sort(const sorting_t *s, lua_Integer first, lua_Integer last) {
    if (last - first < FEW) {
        insert(s, first, last);
        return;
    }
    lua_Integer middle = first + (last - first + 1) / 2; /* the first of the right part */
    sort(s, first, middle - 1);
    sort(s, middle, last);
    load(s, s->a, s->list, middle - 1);
    load(s, s->b, s->list, middle);
    if (is_before(s)) merge(s, first, middle, last);
}

void hy__sort(lua_State *L, int list, int order, lua_Integer count) {
    luaL_checkstack(L, 8, "sort");
    int top = lua_gettop(L);
    sorting_t s = {.L = L,
                   .is_due = hy__budget_flag(L),
                   .list = list,
                   .order = lua_isnoneornil(L, order) ? 0 : order,
                   .beside = top + 1,
                   .a = top + 2,
                   .b = top + 3};
    lua_createtable(L, (int)(count / 2 < ROOM_MAX ? count / 2 : ROOM_MAX), 0);
    lua_settop(L, s.b);
    sort(&s, 1, count);
    lua_settop(L, top);
}
