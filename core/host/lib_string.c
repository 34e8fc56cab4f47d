/* The library `string` of hyperties, where Lua's own functions could run for long without anything
 * that stops them: find, match, gmatch and gsub on our matcher (pattern.h), rep, and the lengths of
 * formats for pack. (format is in lib_format.c.) What they give and raise is as in Lua.
 *
 * What is left of Lua's own takes time as the length of its strings, which the memory of a state
 * bounds: well below a run's budget. */
#define _GNU_SOURCE /* memmem */
#include "internal.h"

#include "budget.h"
#include "pattern.h"

#include <limits.h>

static void due(void *arg) {
    hy__budget_check(arg);
}

/* --- matching --------------------------------------------------------------------------------- */

static void init_matching(lua_State *L, hy_pattern_t *m, int text, int pattern, bool may_anchor) {
    size_t len, pattern_len;
    const char *bytes = lua_tolstring(L, text, &len);
    const char *pattern_bytes = lua_tolstring(L, pattern, &pattern_len);
    hy_pattern_init(m, bytes, len, pattern_bytes, pattern_len, may_anchor);
    m->is_due = hy__budget_flag(L);
    m->due = due;
    m->arg = L;
}

static int raise_pattern(lua_State *L, const hy_pattern_t *m) {
    return luaL_error(L, m->error, m->error_number);
}

static const char *find(lua_State *L, hy_pattern_t *m, const char *at, const char *except,
                        const char **end) {
    const char *start = hy_pattern_find(m, at, except, end);
    if (m->error) raise_pattern(L, m);
    return start;
}

static hy_capture_t capture_of(lua_State *L, hy_pattern_t *m, unsigned number, const char *start,
                               const char *end) {
    hy_capture_t c;
    if (!hy_pattern_capture(m, number, start, end, &c)) raise_pattern(L, m);
    return c;
}

static void push_capture(lua_State *L, hy_pattern_t *m, unsigned number, const char *start,
                         const char *end) {
    hy_capture_t c = capture_of(L, m, number, start, end);
    if (c.len == HY_CAPTURE_POSITION) {
        lua_pushinteger(L, c.start - m->text + 1);
    } else {
        lua_pushlstring(L, c.start, (size_t)c.len);
    }
}

/* The captures; the whole match, if there are none and it is wanted. */
static int push_captures(lua_State *L, hy_pattern_t *m, const char *start, const char *end,
                         bool wants_whole) {
    unsigned count = m->capture_count == 0 && wants_whole ? 1 : m->capture_count;
    luaL_checkstack(L, (int)count, "too many captures");
    for (unsigned i = 0; i < count; i++) {
        push_capture(L, m, i, start, end);
    }
    return (int)count;
}

/* The place that the argument says, from 0; it may be beyond the text. */
static size_t place_of(lua_State *L, int arg, size_t len) {
    lua_Integer at = luaL_optinteger(L, arg, 1);
    if (at > 0) return (size_t)at - 1;
    if (at == 0 || at < -(lua_Integer)len) return 0;
    return len - (size_t)-at;
}

/* --- find and match --------------------------------------------------------------------------- */

#define SHORT_BYTES 256 /* of a text that is searched before memmem has looked at what it wants */

/* Takes as long as the text is; what is short, at most as many steps as it has pairs. */
static const char *find_bytes(const char *text, size_t len, const char *wanted, size_t wanted_len) {
    if (len > SHORT_BYTES || wanted_len == 0) return memmem(text, len, wanted, wanted_len);
    const char *end = text + len;
    while ((size_t)(end - text) >= wanted_len) {
        text = memchr(text, wanted[0], (size_t)(end - text) - wanted_len + 1);
        if (!text || memcmp(text, wanted, wanted_len) == 0) return text;
        text++;
    }
    return NULL;
}

static int find_plain(lua_State *L, const char *text, size_t len, size_t from) {
    size_t wanted_len;
    const char *wanted = lua_tolstring(L, 2, &wanted_len);
    const char *found = find_bytes(text + from, len - from, wanted, wanted_len);
    if (!found) {
        luaL_pushfail(L);
        return 1;
    }
    lua_pushinteger(L, found - text + 1);
    lua_pushinteger(L, found - text + (lua_Integer)wanted_len);
    return 2;
}

static int find_or_match(lua_State *L, bool is_find) {
    hy_pattern_t m;
    size_t len, pattern_len;
    const char *text = luaL_checklstring(L, 1, &len), *end;
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    size_t from = place_of(L, 3, len);
    if (from > len) {
        luaL_pushfail(L);
        return 1;
    }
    if (is_find && (lua_toboolean(L, 4) || hy_pattern_is_plain(pattern, pattern_len))) {
        return find_plain(L, text, len, from);
    }
    init_matching(L, &m, 1, 2, true);
    const char *start = find(L, &m, text + from, NULL, &end);
    if (!start) {
        luaL_pushfail(L);
        return 1;
    }
    if (!is_find) return push_captures(L, &m, start, end, true);
    lua_pushinteger(L, start - text + 1);
    lua_pushinteger(L, end - text);
    return push_captures(L, &m, start, end, false) + 2;
}

static int string_find(lua_State *L) {
    return find_or_match(L, true);
}
static int string_match(lua_State *L) {
    return find_or_match(L, false);
}

/* --- gmatch ----------------------------------------------------------------------------------- */

typedef struct {
    size_t at;
    bool has_matched; /* a match ended at `at` */
} walk_t;

/* Upvalues: text, pattern, walk_t. */
static int next_match(lua_State *L) {
    hy_pattern_t m;
    const char *end;
    walk_t *w = lua_touserdata(L, lua_upvalueindex(3));
    init_matching(L, &m, lua_upvalueindex(1), lua_upvalueindex(2), false);
    if (w->at > (size_t)(m.text_end - m.text)) return 0;
    const char *from = m.text + w->at;
    const char *start = find(L, &m, from, w->has_matched ? from : NULL, &end);
    if (!start) return 0;
    *w = (walk_t){(size_t)(end - m.text), true};
    return push_captures(L, &m, start, end, true);
}

static int string_gmatch(lua_State *L) {
    size_t len;
    luaL_checklstring(L, 1, &len);
    luaL_checkstring(L, 2);
    size_t from = place_of(L, 3, len);
    lua_settop(L, 2);
    walk_t *w = lua_newuserdatauv(L, sizeof *w, 0);
    *w = (walk_t){from, false};
    lua_pushcclosure(L, next_match, 3);
    return 1;
}

/* --- gsub ------------------------------------------------------------------------------------- */

/* The replacement is a text, where %0 to %9 stand for captures. */
static void add_text(lua_State *L, luaL_Buffer *b, hy_pattern_t *m, const char *start,
                     const char *end) {
    size_t len;
    const char *at = lua_tolstring(L, 3, &len), *last = at + len;
    for (const char *mark; (mark = memchr(at, '%', (size_t)(last - at))); at = mark + 2) {
        luaL_addlstring(b, at, (size_t)(mark - at));
        char what = mark + 1 < last ? mark[1] : '\0';
        if (what == '%') {
            luaL_addchar(b, '%');
        } else if (what == '0') {
            luaL_addlstring(b, start, (size_t)(end - start));
        } else if (what >= '1' && what <= '9') {
            hy_capture_t c = capture_of(L, m, (unsigned)(what - '1'), start, end);
            if (c.len == HY_CAPTURE_POSITION) {
                lua_pushinteger(L, c.start - m->text + 1);
                luaL_addvalue(b);
            } else {
                luaL_addlstring(b, c.start, (size_t)c.len);
            }
        } else {
            luaL_error(L, "invalid use of '%c' in replacement string", '%');
        }
        hy_budget_poll(L, m->is_due);
    }
    luaL_addlstring(b, at, (size_t)(last - at));
}

/* The value of a table, or what a function gives. False: the match stays as it is. */
static bool push_value(lua_State *L, hy_pattern_t *m, const char *start, const char *end) {
    if (lua_type(L, 3) == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(L, m, start, end, true), 1);
    } else {
        push_capture(L, m, 0, start, end);
        lua_gettable(L, 3);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    return true;
}

static void add_replacement(lua_State *L, luaL_Buffer *b, hy_pattern_t *m, const char *start,
                            const char *end) {
    int type = lua_type(L, 3);
    if (type == LUA_TSTRING || type == LUA_TNUMBER) {
        add_text(L, b, m, start, end);
    } else if (push_value(L, m, start, end)) {
        luaL_addvalue(b);
    } else {
        luaL_addlstring(b, start, (size_t)(end - start));
    }
}

static int string_gsub(lua_State *L) {
    hy_pattern_t m;
    luaL_Buffer b;
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    luaL_checkstring(L, 2);
    int type = lua_type(L, 3);
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)len + 1), count = 0;
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    init_matching(L, &m, 1, 2, true);
    luaL_buffinit(L, &b);
    const char *at = text, *last = NULL, *end; /* at: what is before is in the buffer */
    while (count < most) {
        const char *start = find(L, &m, at, last, &end);
        if (!start) break;
        count++;
        luaL_addlstring(&b, at, (size_t)(start - at));
        add_replacement(L, &b, &m, start, end);
        at = last = end;
        if (m.is_anchored) break;
        hy_budget_poll(L, m.is_due);
    }
    if (count == 0) {
        lua_pushvalue(L, 1);
    } else {
        luaL_addlstring(&b, at, (size_t)(m.text_end - at));
        luaL_pushresult(&b);
    }
    lua_pushinteger(L, count);
    return 2;
}

/* --- rep -------------------------------------------------------------------------------------- */

/* Raises if the state could not have so many bytes if it had nothing else: twice, for as long as
 * they are copied. What it has not room for just now is found out by Lua, which frees what it can.
 */
static void check_room(lua_State *L, size_t bytes) {
    size_t most = hy_instance_of(L)->memory_max;
    if (most > 0 && bytes > most / 2) {
        luaL_error(L, "string.rep: %I bytes are more than this hyperty may have",
                   (LUAI_UACINT)bytes);
    }
}

/* `filled` bytes are there already, and begin what is to be repeated. */
static void fill(lua_State *L, char *bytes, size_t filled, size_t total) {
    const volatile sig_atomic_t *is_due = hy__budget_flag(L);
    for (size_t step; filled < total; filled += step) {
        step = filled < total - filled ? filled : total - filled;
        memcpy(bytes + filled, bytes, step);
        hy_budget_poll(L, is_due);
    }
}

static int string_rep(lua_State *L) {
    luaL_Buffer b;
    size_t len, between_len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_Integer count = luaL_checkinteger(L, 2);
    const char *between = luaL_optlstring(L, 3, "", &between_len);
    if (count <= 0 || len + between_len == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)len + between_len > INT_MAX / (lua_Unsigned)count) {
        return luaL_error(L, "resulting string too large");
    }
    size_t unit = len + between_len, total = unit * (size_t)count - between_len;
    check_room(L, total);
    char *bytes = luaL_buffinitsize(L, &b, total);
    memcpy(bytes, text, len);
    if (count > 1) {
        memcpy(bytes + len, between, between_len);
        fill(L, bytes, unit, total);
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

/* --- pack and unpack -------------------------------------------------------------------------- */

/* Upvalue: Lua's own, which reads all of the format whatever it says. */
static int with_short_format(lua_State *L) {
    size_t len;
    luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, len <= HY_PACK_FORMAT_BYTES, 1, "format too long");
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* --- opening ---------------------------------------------------------------------------------- */

void hy__lib_string_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"find", string_find}, {"match", string_match}, {"gmatch", string_gmatch},
        {"gsub", string_gsub}, {"rep", string_rep},     {"format", hy__string_format},
        {NULL, NULL}};
    static const char *const packing[] = {"pack", "packsize", "unpack"};
    luaL_setfuncs(L, functions, 0);
    for (size_t i = 0; i < sizeof packing / sizeof *packing; i++) {
        lua_getfield(L, -1, packing[i]);
        lua_pushcclosure(L, with_short_format, 1);
        lua_setfield(L, -2, packing[i]);
    }
}
