/* What `hyperty check` asks of a hyperty beyond what loading needs: mistakes that would only show
 * as nothing happening. The table may hold functions and methods of one's own, so of functions only
 * those are reported that are named almost like one that the host calls. Owns nothing. */
#include "api.h"
#include "internal.h"

#include "../data/schema_hint.h"

/* Longer names are not taken for misspelt ones; edits that make a misspelling: of a short word only
 * one, or any other short word would be taken for it. */
#define NAME_BYTES_MAX 16u
#define SHORT_BYTES    4u
#define EDITS_MAX      2u

/* What the script's table may have. */
static const hy_field_t fields[] = {
    {"name", 0, "string", "what it is called in the log"},
    {"version", 0, "integer|nil", "of its code; migrate gets that of the code before"},
    {"schemas", 0, "string[]|nil", "of the objects that it makes or observes"},
    {"resources", 0, "string[]|nil", "that it has, for who searches: \"audio\""},
    {"api", 0, "table<string, fun(self: any, ...: any): ...>|nil",
     "functions that the prompt and other hyperties may call"},
    {NULL}};

/* What `self` has beside that, once it starts (state.c). */
static const hy_field_t self_fields[] = {
    {"url", 0, "string", "the address of this instance"},
    {"user", 0, "string|nil", "url of the user it acts for"},
    {"syncher", 0, "hyperty.Syncher", "makes and finds data objects"},
    {"state", 0, "table", "what it keeps for itself: help \"state\""},
    {NULL}};

static const hy_method_t functions[] = {
    {"start", NULL, "config: table", NULL, "it has its address; may wait", NULL},
    {"stop", NULL, NULL, NULL, "it is about to go; the host undoes the rest", NULL},
    {"migrate", NULL, "old: table, version: integer|nil", "table|nil",
     "a reload: the old self.state as the new code wants it", NULL},
    {NULL}};

const hy_class_t hy_hyperty_class = {
    .name = "hyperty.Hyperty",
    .noun = "a hyperty",
    .doc = "the table that a script returns; `self` of an instance has its fields, too",
    .fields = self_fields,
    .more_fields = fields,
    .methods = functions,
};

static bool is_known(const char *name) {
    for (const hy_field_t *f = fields; f->name; f++) {
        if (strcmp(f->name, name) == 0) return true;
    }
    for (const hy_method_t *m = functions; m->name; m++) {
        if (strcmp(m->name, name) == 0) return true;
    }
    return false;
}

/* In the table at 1. */
static bool has(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    bool is_there = lua_rawget(L, 1) != LUA_TNIL;
    lua_pop(L, 1);
    return is_there;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* Letters to put in, take out or replace, two swapped neighbours counting as two. */
static uint32_t edits(const char *a, const char *b) {
    uint32_t row[NAME_BYTES_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > NAME_BYTES_MAX || b_len > NAME_BYTES_MAX) return EDITS_MAX + 1;
    for (uint32_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; i <= a_len; i++) {
        uint32_t corner = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= b_len; j++) {
            uint32_t replaced = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_len];
}

/* The function that is missing in the table at 1 and may be meant. */
static const char *meant(lua_State *L, const char *name) {
    for (const hy_method_t *m = functions; m->name; m++) {
        uint32_t most = strlen(m->name) > SHORT_BYTES ? EDITS_MAX : 1;
        if (edits(name, m->name) <= most && !has(L, m->name)) return m->name;
    }
    return NULL;
}

/* Pushes the names of what is known. */
static const char *push_known(lua_State *L) {
    luaL_Buffer known;
    luaL_buffinit(L, &known);
    for (const hy_field_t *f = fields; f->name; f++) {
        luaL_addstring(&known, f->name);
        luaL_addstring(&known, ", ");
    }
    for (const hy_method_t *m = functions; m->name; m++) {
        luaL_addstring(&known, m->name);
        luaL_addstring(&known, ", ");
    }
    luaL_addstring(&known, "and functions of your own");
    luaL_pushresult(&known);
    return lua_tostring(L, -1);
}

/* The key and the value are on top. */
static void check_key(lua_State *L, const char *file) {
    if (lua_type(L, -2) != LUA_TSTRING) {
        luaL_error(L, "%s: the table has a value without a name", file);
    }
    const char *name = lua_tostring(L, -2);
    if (is_known(name)) return;
    if (!lua_isfunction(L, -1)) {
        luaL_error(L, "%s: there is no field \"%s\" in a hyperty (known: %s)", file, name,
                   push_known(L));
    }
    const char *wanted = meant(L, name);
    if (wanted) {
        luaL_error(L, "%s: has a function \"%s\": did you mean \"%s\"?", file, name, wanted);
    }
}

/* The list of schemas is at 2. */
static void check_schemas(lua_State *L, const hy_instance_t *i, const char *file) {
    const hy_schemas_t *schemas = hy_manager_schemas(i->host->config.manager);
    for (lua_Integer at = 1; lua_rawgeti(L, 2, at) != LUA_TNIL; at++) {
        if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s: schemas is no list of names", file);
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        hy_str_t *name = hy_str_new(text, len);
        bool is_there = name && hy_schemas_find(schemas, name);
        hy_str_unref(name);
        if (!is_there) {
            char hint[HY_ERROR_TEXT_BYTES];
            hy_schemas_hint(schemas, text, hint, sizeof hint);
            luaL_error(L, "%s: schema \"%s\" is not known here (%s)", file, text, hint);
        }
        lua_pop(L, 1);
    }
}

static void check(lua_State *L, void *arg) {
    const hy_instance_t *i = arg;
    const char *file = i->file->bytes;
    lua_rawgeti(L, LUA_REGISTRYINDEX, i->hyperty_ref);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        check_key(L, file);
    }
    lua_pushliteral(L, "schemas");
    if (lua_rawget(L, 1) == LUA_TTABLE) check_schemas(L, i, file);
    if (!has(L, "start") && !has(L, "api")) {
        luaL_error(L, "%s: has neither start nor api: it would do nothing", file);
    }
}

int hy__state_check(hy_instance_t *i, hy_error_t *err) {
    int rc = hy_protected(i->L, check, i, err);
    return rc == HY_EINTERNAL ? hy_fail(err, HY_EINVALID, "%s", err ? err->text : "") : rc;
}
