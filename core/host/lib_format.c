/* string.format of hyperties: Lua's, item by item with a look at the budget. Numbers are written by
 * the C library, whose format is checked before it is handed on: flags of that conversion, a width
 * and a precision of two digits at most. */
#include "internal.h"

#include "budget.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define SPEC_BYTES 32                     /* "%-+ #099.99lld", and what is refused */
#define ITEM_BYTES (DBL_MAX_10_EXP + 110) /* the longest is "%99.99f" */
#define LONG_BYTES 100                    /* from here on a width does not matter */

typedef struct {
    lua_State *L;
    luaL_Buffer b;
    const volatile sig_atomic_t *is_due;
    int arg;
    char spec[SPEC_BYTES]; /* "%5.2f" */
} formatting_t;

/* --- the conversion --------------------------------------------------------------------------- */

/* Copies it to `spec`, from behind the '%'; gives where it ends. */
static const char *read_spec(formatting_t *f, const char *at) {
    size_t len = strspn(at, "-+ #0123456789.") + 1; /* with its letter */
    if (len >= SPEC_BYTES - 10) luaL_error(f->L, "invalid format (too long)");
    f->spec[0] = '%';
    memcpy(f->spec + 1, at, len);
    f->spec[len + 1] = '\0';
    return at + len;
}

static const char *skip_digits(const char *at) {
    for (int i = 0; i < 2 && *at >= '0' && *at <= '9'; i++) {
        at++;
    }
    return at;
}

/* Raises unless it has these flags only. */
static void check_spec(const formatting_t *f, const char *flags, bool may_have_precision) {
    const char *at = f->spec + 1;
    at += strspn(at, flags);
    if (*at != '0') at = skip_digits(at);
    if (*at == '.' && may_have_precision) at = skip_digits(at + 1);
    char letter = (char)(*at | 32);
    if (letter < 'a' || letter > 'z') {
        luaL_error(f->L, "invalid conversion specification: '%s'", f->spec);
    }
}

/* "%5d" → "%5lld" */
static void widen(formatting_t *f) {
    size_t len = strlen(f->spec), more = sizeof LUA_INTEGER_FRMLEN - 1;
    char letter = f->spec[len - 1];
    memcpy(f->spec + len - 1, LUA_INTEGER_FRMLEN, more);
    f->spec[len - 1 + more] = letter;
    f->spec[len + more] = '\0';
}

/* --- items ------------------------------------------------------------------------------------ */

/* The format is ours: it was checked. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void add_char(formatting_t *f) {
    char item[ITEM_BYTES];
    check_spec(f, "-", false);
    int len = snprintf(item, sizeof item, f->spec, (int)luaL_checkinteger(f->L, f->arg));
    luaL_addlstring(&f->b, item, (size_t)len);
}

static void add_integer(formatting_t *f, const char *flags) {
    char item[ITEM_BYTES];
    lua_Integer value = luaL_checkinteger(f->L, f->arg);
    check_spec(f, flags, true);
    widen(f);
    int len = snprintf(item, sizeof item, f->spec, (LUAI_UACINT)value);
    luaL_addlstring(&f->b, item, (size_t)len);
}

static void add_number(formatting_t *f) {
    char item[ITEM_BYTES];
    lua_Number value = luaL_checknumber(f->L, f->arg);
    check_spec(f, "-+ #0", true);
    int len = snprintf(item, sizeof item, f->spec, value);
    luaL_addlstring(&f->b, item, (size_t)len);
}

static void add_pointer(formatting_t *f) {
    char item[ITEM_BYTES];
    const void *value = lua_topointer(f->L, f->arg);
    check_spec(f, "-", false);
    if (!value) {
        value = "(null)";
        f->spec[strlen(f->spec) - 1] = 's';
    }
    int len = snprintf(item, sizeof item, f->spec, value);
    luaL_addlstring(&f->b, item, (size_t)len);
}

static void add_string(formatting_t *f) {
    char item[ITEM_BYTES];
    size_t len;
    const char *value = luaL_tolstring(f->L, f->arg, &len);
    if (f->spec[2] == '\0') {
        luaL_addvalue(&f->b);
        return;
    }
    luaL_argcheck(f->L, len == strlen(value), f->arg, "string contains zeros");
    check_spec(f, "-", true);
    if (len >= LONG_BYTES && !strchr(f->spec, '.')) {
        luaL_addvalue(&f->b);
        return;
    }
    int item_len = snprintf(item, sizeof item, f->spec, value);
    lua_pop(f->L, 1);
    luaL_addlstring(&f->b, item, (size_t)item_len);
}

/* --- %q: what Lua reads as the same value ----------------------------------------------------- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void add_quoted(formatting_t *f, const char *at, const char *end) {
    char escape[8];
    luaL_addchar(&f->b, '"');
    for (; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        hy_budget_poll(f->L, f->is_due);
        if (c == '"' || c == '\\' || c == '\n') {
            luaL_addchar(&f->b, '\\');
            luaL_addchar(&f->b, *at);
        } else if (c < 32 || c == 127) {
            bool is_long = at + 1 < end && is_digit(at[1]);
            int len = snprintf(escape, sizeof escape, is_long ? "\\%03d" : "\\%d", c);
            luaL_addlstring(&f->b, escape, (size_t)len);
        } else {
            luaL_addchar(&f->b, *at);
        }
    }
    luaL_addchar(&f->b, '"');
}

static void add_quoted_number(formatting_t *f) {
    char item[ITEM_BYTES];
    lua_Number value = lua_tonumber(f->L, f->arg);
    int len;
    if (lua_isinteger(f->L, f->arg)) {
        lua_Integer n = lua_tointeger(f->L, f->arg);
        const char *format = n == LUA_MININTEGER ? "0x%" LUA_INTEGER_FRMLEN "x" : LUA_INTEGER_FMT;
        len = snprintf(item, sizeof item, format, (LUAI_UACINT)n);
    } else if (isinf(value)) {
        len = snprintf(item, sizeof item, value > 0 ? "1e9999" : "-1e9999");
    } else if (isnan(value)) {
        len = snprintf(item, sizeof item, "(0/0)");
    } else {
        len = snprintf(item, sizeof item, "%a", value);
    }
    luaL_addlstring(&f->b, item, (size_t)len);
}

static void add_literal(formatting_t *f) {
    size_t len;
    if (f->spec[2] != '\0') luaL_error(f->L, "specifier '%%q' cannot have modifiers");
    switch (lua_type(f->L, f->arg)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(f->L, f->arg, &len);
        add_quoted(f, text, text + len);
        break;
    }
    case LUA_TNUMBER:
        add_quoted_number(f);
        break;
    case LUA_TNIL:
    case LUA_TBOOLEAN:
        luaL_tolstring(f->L, f->arg, NULL);
        luaL_addvalue(&f->b);
        break;
    default:
        luaL_argerror(f->L, f->arg, "value has no literal form");
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static void add_item(formatting_t *f, char letter) {
    switch (letter) {
    case 'c':
        add_char(f);
        break;
    case 'd':
    case 'i':
        add_integer(f, "-+0 ");
        break;
    case 'u':
        add_integer(f, "-0");
        break;
    case 'o':
    case 'x':
    case 'X':
        add_integer(f, "-#0");
        break;
    case 'a':
    case 'A':
        check_spec(f, "-+ #0", true); /* before the number is looked at, as in Lua */
        add_number(f);
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
        add_number(f);
        break;
    case 'p':
        add_pointer(f);
        break;
    case 'q':
        add_literal(f);
        break;
    case 's':
        add_string(f);
        break;
    default:
        luaL_error(f->L, "invalid conversion '%s' to 'format'", f->spec);
    }
}

int hy__string_format(lua_State *L) {
    formatting_t f = {.L = L, .is_due = hy__budget_flag(L), .arg = 1};
    size_t len;
    int last = lua_gettop(L);
    const char *at = luaL_checklstring(L, 1, &len), *end = at + len;
    luaL_buffinit(L, &f.b);
    for (const char *mark; (mark = memchr(at, '%', (size_t)(end - at)));) {
        hy_budget_poll(L, f.is_due);
        luaL_addlstring(&f.b, at, (size_t)(mark - at));
        at = mark + 1;
        if (at < end && *at == '%') {
            luaL_addchar(&f.b, '%');
            at++;
            continue;
        }
        if (++f.arg > last) return luaL_argerror(L, f.arg, "no value");
        at = read_spec(&f, at);
        add_item(&f, at[-1]);
    }
    luaL_addlstring(&f.b, at, (size_t)(end - at));
    luaL_pushresult(&f.b);
    return 1;
}
