/* Sorting of a list: by merging, so that equals keep their order, the same input is sorted the same
 * in every run, no input is slow, and whatever the order function says something comes out.
 *
 *      stack     [ left, sorted | right, sorted ]         left ──► beside
 *      stack  ◄── the smaller of the first of beside and of right, again and again
 *
 * Up to STACK_ITEMS are sorted where Lua compares without fetching them, on the stack; what is
 * longer is made of such pieces, which are merged in the table. Lua's own swaps in place around
 * pivots that it takes by the clock when the list is unkind. */
#include "internal.h"

#include "budget.h"

#define FEW 8 /* items that are sorted by insertion */

typedef struct {
    lua_State *L;
    const volatile sig_atomic_t *is_due;
    int list, order; /* on the stack; order 0: "<" */
    int beside;      /* a slot of the first of many, or a table */
} sorting_t;

/* Does what is in slot `a` come before what is in slot `b`? */
static inline bool is_before(const sorting_t *s, int a, int b) {
    lua_State *L = s->L;
    hy_budget_poll(L, s->is_due);
    if (s->order == 0) return lua_compare(L, a, b, LUA_OPLT);
    lua_pushvalue(L, s->order);
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    bool is = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

/* --- on the stack ----------------------------------------------------------------------------- */

static void insert_slots(const sorting_t *s, int first, int last) {
    for (int next = first + 1; next <= last; next++) {
        int at = next;
        while (at > first && is_before(s, next, at - 1)) {
            at--;
        }
        if (at == next) continue;
        lua_copy(s->L, next, s->beside);
        for (int slot = next; slot > at; slot--) {
            lua_copy(s->L, slot - 1, slot);
        }
        lua_copy(s->L, s->beside, at);
    }
}

/* When all of beside is back, what is left of the right part is in its place. */
static void merge_slots(const sorting_t *s, int first, int middle, int last) {
    int left = s->beside, end = s->beside + (middle - first), right = middle, at = first;
    for (int slot = first; slot < middle; slot++) {
        lua_copy(s->L, slot, s->beside + (slot - first));
    }
    while (left < end) {
        bool is_right = right <= last && is_before(s, right, left);
        lua_copy(s->L, is_right ? right++ : left++, at++);
    }
}

static void sort_slots(const sorting_t *s, int first, int last) {
    if (last - first < FEW) {
        insert_slots(s, first, last);
        return;
    }
    int middle = first + (last - first + 1) / 2; /* the first of the right part */
    sort_slots(s, first, middle - 1);
    sort_slots(s, middle, last);
    if (is_before(s, middle, middle - 1)) merge_slots(s, first, middle, last);
}

/* Takes items of the list to the stack and back. */
static void sort_piece(sorting_t *s, lua_Integer first, lua_Integer last) {
    lua_State *L = s->L;
    int top = lua_gettop(L), count = (int)(last - first + 1);
    if (!lua_checkstack(L, count + count / 2 + FEW)) {
        luaL_error(L, "sort: not enough memory, or too deep inside other calls");
    }
    for (lua_Integer at = first; at <= last; at++) {
        lua_rawgeti(L, s->list, at);
    }
    sorting_t piece = *s;
    piece.beside = top + count + 1;
    lua_settop(L, top + count + count / 2 + 1);
    sort_slots(&piece, top + 1, top + count);
    lua_settop(L, top + count);
    for (lua_Integer at = last; at >= first; at--) {
        lua_rawseti(L, s->list, at);
    }
}

/* --- in the table ----------------------------------------------------------------------------- */

static void load(const sorting_t *s, int slot, int list, lua_Integer at) {
    lua_rawgeti(s->L, list, at);
    lua_replace(s->L, slot);
}

static void store(const sorting_t *s, lua_Integer at, int slot) {
    lua_pushvalue(s->L, slot);
    lua_rawseti(s->L, s->list, at);
}

/* As merge_slots, with the two items that are compared in the slots behind beside. */
static void merge_pieces(const sorting_t *s, lua_Integer first, lua_Integer middle,
                         lua_Integer last) {
    lua_Integer count = middle - first, left = 1, right = middle, at = first;
    int a = s->beside + 1, b = s->beside + 2;
    for (lua_Integer i = 1; i <= count; i++) {
        hy_budget_poll(s->L, s->is_due);
        lua_rawgeti(s->L, s->list, first + i - 1);
        lua_rawseti(s->L, s->beside, i);
    }
    load(s, a, s->beside, left);
    load(s, b, s->list, right);
    while (left <= count) {
        if (right <= last && is_before(s, b, a)) {
            store(s, at++, b);
            if (++right <= last) load(s, b, s->list, right);
        } else {
            store(s, at++, a);
            if (++left <= count) load(s, a, s->beside, left);
        }
    }
}

static void sort_pieces(sorting_t *s, lua_Integer first, lua_Integer last) {
    if (last - first < HY_SORT_STACK_ITEMS) {
        sort_piece(s, first, last);
        return;
    }
    lua_Integer middle = first + (last - first + 1) / 2;
    sort_pieces(s, first, middle - 1);
    sort_pieces(s, middle, last);
    merge_pieces(s, first, middle, last);
}

void hy__sort(lua_State *L, int list, int order, lua_Integer count) {
    sorting_t s = {.L = L,
                   .is_due = hy__budget_flag(L),
                   .list = list,
                   .order = lua_isnoneornil(L, order) ? 0 : order};
    int top = lua_gettop(L);
    luaL_checkstack(L, 8, "sort");
    if (count <= HY_SORT_STACK_ITEMS) {
        sort_piece(&s, 1, count);
        return;
    }
    s.beside = top + 1;
    lua_newtable(L);
    lua_settop(L, s.beside + 2);
    sort_pieces(&s, 1, count);
    lua_settop(L, top);
}
