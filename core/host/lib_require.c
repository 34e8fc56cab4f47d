/* `require` of hyperties: "hyperty", the files that the host carries ("hyperty.…"), and the files
 * of the script's own folder. A name is made of letters, digits and _ between dots, so it cannot
 * lead out, and no link may.
 *
 * Its upvalue holds what was loaded, by name; a name that is being loaded holds false. */
#include "embedded.h"
#include "internal.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_name(const char *name, size_t len) {
    bool is_start = true; /* of a part, which must not be empty */
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c == '.' ? is_start : !(c < 0x80 && (isalnum(c) || c == '_'))) return false;
        is_start = c == '.';
    }
    return len <= HY_NAME_BYTES_MAX && !is_start;
}

static bool is_file(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

/* Raises if the file, once all links are followed, is not in the folder. */
static const char *check_inside(lua_State *L, const char *name, const char *folder,
                                const char *path) {
    char real_folder[PATH_MAX], real_path[PATH_MAX];
    size_t len = realpath(folder, real_folder) ? strlen(real_folder) : 0;
    bool is_root = len == 1;
    bool is_inside = len > 0 && realpath(path, real_path) &&
                     strncmp(real_path, real_folder, len) == 0 &&
                     (is_root || real_path[len] == '/');
    if (!is_inside) {
        luaL_error(L, "require: \"%s\": %s is a link that leads out of the hyperty's folder", name,
                   path);
    }
    return path;
}

/* The script is made of that file; or would be, if it were there. */
static void note_file(lua_State *L, const char *path) {
    int rc = hy__instance_reads(hy_instance_of(L), path);
    if (rc < 0) luaL_error(L, "require: %s", hy_error_text(rc));
}

/* Pushes the path of a file of the script's folder; NULL if there is none, with where it looked. */
static const char *push_path(lua_State *L, const char *name) {
    const char *file = hy_instance_of(L)->file->bytes;
    const char *end = strrchr(file, '/');
    const char *inner = luaL_gsub(L, name, ".", "/");
    if (end) {
        lua_pushlstring(L, file, (size_t)(end - file));
    } else {
        lua_pushliteral(L, ".");
    }
    const char *folder = lua_tostring(L, -1);
    const char *path = lua_pushfstring(L, "%s/%s.lua", folder, inner);
    note_file(L, path);
    if (is_file(path)) return check_inside(L, name, folder, path);
    const char *init = lua_pushfstring(L, "%s/%s/init.lua", folder, inner);
    note_file(L, init);
    if (is_file(init)) return check_inside(L, name, folder, init);
    lua_pushfstring(L, "require: there is no \"%s\": looked for %s and %s", name, path, init);
    return NULL;
}

/* Pushes the compiled chunk and where it came from; false: there is none, with a text. */
static bool push_chunk(lua_State *L, const char *name) {
    for (size_t i = 0; i < hy_embedded_count; i++) {
        const hy_embedded_t *e = &hy_embedded[i];
        if (strcmp(e->name, name) != 0) continue;
        const char *chunk = lua_pushfstring(L, "@%s", name);
        if (luaL_loadbufferx(L, e->source, e->len, chunk, "t") != LUA_OK) lua_error(L);
        lua_pushstring(L, name);
        return true;
    }
    const char *path = push_path(L, name);
    if (!path) return false;
    if (luaL_loadfilex(L, path, "t") != LUA_OK) hy__load_failed(L, path);
    lua_pushstring(L, path);
    return true;
}

/* What is not the hyperty's own: Lua's `require` for a trusted one, else raises the text on top. */
static int require_other(lua_State *L) {
    if (lua_isnil(L, lua_upvalueindex(2))) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
        return lua_error(L);
    }
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int require(lua_State *L) {
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    lua_settop(L, 1);
    if (!is_name(name, len)) {
        luaL_argcheck(L, !lua_isnil(L, lua_upvalueindex(2)), 1,
                      "a module's name is letters, digits and _, with dots between folders");
        return require_other(L);
    }
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
        if (lua_isboolean(L, 2) && !lua_toboolean(L, 2)) {
            return luaL_error(L, "require: \"%s\" is being loaded (two files require each other)",
                              name);
        }
        return 1;
    }
    if (!push_chunk(L, name)) return require_other(L);
    lua_pushvalue(L, 1);
    lua_pushboolean(L, 0);
    lua_rawset(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_insert(L, -2); /* chunk, name, path */
    int status = lua_pcall(L, 2, 1, 0);
    if (status == LUA_OK && lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, 1);
    if (status == LUA_OK) {
        lua_pushvalue(L, -2);
    } else {
        lua_pushnil(L); /* the next one tries again */
    }
    lua_rawset(L, lua_upvalueindex(1));
    return status == LUA_OK ? 1 : lua_error(L);
}

void hy__lib_require_open(lua_State *L) {
    lua_createtable(L, 0, 1);
    hy__lib_hyperty_push(L);
    lua_setfield(L, -2, "hyperty");
    lua_pushnil(L); /* a trusted hyperty has Lua's here (trusted.c) */
    lua_pushcclosure(L, require, 2);
}
