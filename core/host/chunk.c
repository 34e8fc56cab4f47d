/* Lua's own compiler tells: a chunk is unfinished if what it stumbles over is the end; but for a
 * string in quotes, which goes on in another line only after a backslash. It is asked in a state
 * that has no library and is thrown away. */
#include "chunk.h"
#include "../base/mem.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#define EXPRESSION "return "

static void *allocate(void *arg, void *block, size_t old_size, size_t size) {
    (void)arg;
    (void)old_size;
    if (size > 0) return hy_realloc(block, size);
    hy_free(block);
    return NULL;
}

typedef struct {
    const char *parts[2];
    size_t lens[2];
    int at;
} source_t;

static const char *read_part(lua_State *L, void *arg, size_t *len) {
    source_t *s = arg;
    (void)L;
    if (s->at == 2) return NULL;
    *len = s->lens[s->at];
    return s->parts[s->at++];
}

/* "… near <eof>", or '<eof>' within a string or comment. */
static bool ends_at_end(const char *message, const char *code, size_t code_len) {
    static const char end[] = "<eof>";
    bool is_in_quotes = strstr(message, ": unfinished string") != NULL;
    if (is_in_quotes && (code_len == 0 || code[code_len - 1] != '\\')) return false;
    size_t len = strlen(message);
    if (len > 0 && message[len - 1] == '\'') len--;
    return len >= sizeof end - 1 &&
           memcmp(message + len - (sizeof end - 1), end, sizeof end - 1) == 0;
}

/* 0: it compiles; 1: it is unfinished; -1: it is wrong. */
static int compile(lua_State *L, const char *before, const char *code, size_t len) {
    source_t source = {.parts = {before, code}, .lens = {strlen(before), len}};
    /* An empty part would be taken for the end. */
    if (source.lens[0] == 0) source.at = 1;
    int status = lua_load(L, read_part, &source, "=chunk", "t");
    const char *message = status == LUA_ERRSYNTAX ? lua_tostring(L, -1) : NULL;
    int result = status == LUA_OK ? 0 : message && ends_at_end(message, code, len) ? 1 : -1;
    lua_settop(L, 0);
    return result;
}

bool hy_chunk_is_unfinished(const char *code, size_t len) {
    lua_State *L = lua_newstate(allocate, NULL);
    if (!L) return false;
    int as_value = compile(L, EXPRESSION, code, len);
    bool is_unfinished = as_value != 0;
    if (is_unfinished) {
        int as_code = compile(L, "", code, len);
        is_unfinished = as_code == 1 || (as_code == -1 && as_value == 1);
    }
    lua_close(L);
    return is_unfinished;
}
