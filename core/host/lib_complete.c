/* Names for completion. Lists are made anew for each question and are bounded: of a folder no more
 * than HY_PROMPT_ENTRIES_MAX entries are looked at. */
#include "lib_complete.h"
#include "internal.h"
#include "lib_syncher.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

/* Appends a text to the list on top. */
static void add(lua_State *L, const char *text, size_t len) {
    lua_pushlstring(L, text, len);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void push_names(lua_State *L, hy_str_t *const *names, uint32_t count) {
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++)
        add(L, names[i]->bytes, names[i]->len);
}

/* --- objects ---------------------------------------------------------------------------------- */

static void add_fields(lua_State *L, const hy_field_t *fields) {
    for (; fields && fields->name; fields++)
        add(L, fields->name, strlen(fields->name));
}

static void add_methods(lua_State *L, const hy_method_t *methods) {
    for (; methods && methods->name; methods++)
        add(L, methods->name, strlen(methods->name));
}

static int members(lua_State *L) {
    const hy_class_t *class = hy_api_class_of(L, 1);
    if (!class) return 0;
    lua_newtable(L);
    add_fields(L, class->fields);
    add_fields(L, class->more_fields);
    lua_newtable(L);
    add_methods(L, class->methods);
    add_methods(L, class->more_methods);
    return 2;
}

static int events(lua_State *L) {
    const hy_class_t *class = hy_api_class_of(L, 1);
    unsigned role = class ? class->role : 0;
    lua_newtable(L);
#define X(name, word, roles, params, doc)                                                          \
    if ((roles)&role) add(L, word, strlen(word));
    HY_ON_MAP(X)
#undef X
    return 1;
}

/* Of a method of the syncher. */
static int options(lua_State *L) {
    const hy_method_t *m = hy_api_method(&hy_syncher_class, luaL_checkstring(L, 1));
    if (!m || !m->options) return 0;
    lua_newtable(L);
    for (const hy_option_t *o = m->options; o->name; o++)
        add(L, o->name, strlen(o->name));
    return 1;
}

/* --- schemas ---------------------------------------------------------------------------------- */

static const hy_schemas_t *schemas_of(lua_State *L) {
    return hy_manager_schemas(hy_instance_of(L)->host->config.manager);
}

static int schemas(lua_State *L) {
    uint32_t pos = 0;
    lua_newtable(L);
    for (const hy_schema_t *s; (s = hy_schemas_next(schemas_of(L), &pos)) != NULL;)
        add(L, s->name->bytes, s->name->len);
    return 1;
}

static const hy_schema_t *find_schema(lua_State *L) {
    const hy_box_t *b = luaL_testudata(L, 1, HY_PARTY_CLASS);
    uint32_t pos = 0;
    if (b) return hy_party_schema(b->lua.party);
    if (lua_type(L, 1) != LUA_TSTRING) return NULL;
    for (const hy_schema_t *s; (s = hy_schemas_next(schemas_of(L), &pos)) != NULL;) {
        if (strcmp(s->name->bytes, lua_tostring(L, 1)) == 0) return s;
    }
    return NULL;
}

static int schema(lua_State *L) {
    const hy_schema_t *s = find_schema(L);
    if (!s) return 0;
    lua_createtable(L, 0, 2);
    push_names(L, s->fields, s->field_count);
    lua_setfield(L, -2, "fields");
    push_names(L, s->collections, s->collection_count);
    lua_setfield(L, -2, "collections");
    return 1;
}

/* --- files ------------------------------------------------------------------------------------ */

static bool is_lua(const char *name) {
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

/* Appends the name of a hyperty if that entry of a folder of the path is one. */
static void add_loadable(lua_State *L, const char *folder, const char *entry) {
    char path[HY_PATH_BYTES_MAX];
    struct stat s;
    bool is_file = is_lua(entry);
    int len = snprintf(path, sizeof path, "%s/%s%s", folder, entry, is_file ? "" : "/init.lua");
    if (entry[0] == '.' || len < 0 || (size_t)len >= sizeof path) return;
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode)) return;
    add(L, entry, strlen(entry) - (is_file ? 4 : 0));
}

static void add_file(lua_State *L, const char *folder, const char *entry) {
    char path[HY_PATH_BYTES_MAX];
    struct stat s;
    int len = snprintf(path, sizeof path, "%s/%s", folder, entry);
    if (entry[0] == '.' || len < 0 || (size_t)len >= sizeof path || stat(path, &s) != 0) return;
    if (S_ISREG(s.st_mode) && is_lua(entry)) add(L, entry, strlen(entry));
    if (!S_ISDIR(s.st_mode)) return;
    len = snprintf(path, sizeof path, "%s/", entry);
    add(L, path, (size_t)len);
}

typedef struct {
    const char *folder; /* NULL: those of the path */
    DIR *open;
} walk_t;

/* Called protected, since a raise would leave the folder open. */
static int walk(lua_State *L) {
    walk_t *w = lua_touserdata(L, 1);
    const hy_host_t *h = hy_instance_of(L)->host;
    uint32_t count = w->folder ? 1 : h->config.path_count, left = HY_PROMPT_ENTRIES_MAX;
    lua_newtable(L);
    for (uint32_t i = 0; i < count; i++) {
        const struct dirent *entry;
        const char *folder = w->folder ? w->folder : h->config.paths[i];
        w->open = opendir(folder);
        while (w->open && left > 0 && (entry = readdir(w->open)) != NULL) {
            left--;
            if (w->folder) {
                add_file(L, folder, entry->d_name);
            } else {
                add_loadable(L, folder, entry->d_name);
            }
        }
        if (w->open) closedir(w->open);
        w->open = NULL;
    }
    return 1;
}

static int walk_folders(lua_State *L, const char *folder) {
    walk_t w = {.folder = folder};
    lua_pushcfunction(L, walk);
    lua_pushlightuserdata(L, &w);
    int status = lua_pcall(L, 1, 1, 0);
    if (w.open) closedir(w.open);
    return status == LUA_OK ? 1 : lua_error(L);
}

static int loadable(lua_State *L) {
    return walk_folders(L, NULL);
}

static int files(lua_State *L) {
    return walk_folders(L, luaL_checkstring(L, 1));
}

void hy_lib_complete_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"members", members}, {"events", events},     {"schemas", schemas}, {"schema", schema},
        {"options", options}, {"loadable", loadable}, {"files", files},     {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

/* --- a question ------------------------------------------------------------------------------- */

typedef struct {
    const void *key;
    const hy_node_t *question;
    hy_value_t answer;
} ask_t;

static void ask(lua_State *L, void *arg) {
    ask_t *a = arg;
    const hy_str_t *code = hy_get_str(a->question, "code");
    hy_error_t err;
    lua_rawgetp(L, LUA_REGISTRYINDEX, a->key);
    lua_getfield(L, -1, "complete");
    lua_pushlstring(L, code ? code->bytes : "", code ? code->len : 0);
    lua_pushinteger(L, HY_PROMPT_COMPLETIONS_MAX);
    lua_call(L, 2, 1);
    if (lua_istable(L, -1)) hy_value_from_lua(L, -1, &a->answer, &err);
}

hy_value_t hy_complete(hy_instance_t *i, const void *key, const hy_node_t *question) {
    ask_t a = {.key = key, .question = question, .answer = hy_absent()};
    hy_error_t err = {0};
    i->busy++;
    int rc = hy_protected(i->L, ask, &a, &err);
    i->busy--;
    if (rc) hy__instance_log(i, HY_LOG_DEBUG, "complete", err.text);
    if (a.answer.kind != HY_OBJECT) {
        hy_value_drop(a.answer);
        a.answer = hy_node_value(hy_node_new(HY_OBJECT));
    }
    return a.answer;
}
