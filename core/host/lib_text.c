/* hyperty.json and hyperty.log. */
#include "lib_syncher.h"

#include "../base/json.h"
#include "internal.h"

/* --- json ------------------------------------------------------------------------------------- */

/* What is not JSON is a mistake of the script, and raises. */
static int json_encode(lua_State *L) {
    hy_buf_t text;
    luaL_checkany(L, 1);
    hy_value_t *held = hy_class_value(L, 1, "json.encode");
    if (hy_value_bytes(*held) > HY_VALUE_BYTES_MAX / 4) {
        hy_value_drop(hy_value_take(held));
        return luaL_error(L, "json.encode: the value is too large");
    }
    hy_buf_init(&text);
    hy_json_write(&text, *held);
    hy_value_drop(hy_value_take(held));
    hy_str_t *s = hy_buf_take(&text);
    if (!s) return luaL_error(L, "json.encode: %s", hy_error_text(HY_ENOMEM));
    *held = hy_string(s);
    lua_pushlstring(L, s->bytes, s->len);
    hy_value_drop(hy_value_take(held));
    return 1;
}

/* What cannot be read came from elsewhere: nil, message, code. */
static int json_decode(lua_State *L) {
    size_t len;
    hy_error_t err = {0};
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *text = lua_tolstring(L, 1, &len);
    if (len > HY_JSON_BYTES_MAX) {
        return hy_push_failure(L, HY_ETOO_LARGE, "json.decode: the text is too long");
    }
    hy_value_t *held = hy_class_hold(L);
    int rc = hy_json_read(text, len, HY_VALUE_DEPTH_MAX, held, &err);
    if (rc < 0) return hy_push_failure(L, rc, err.text);
    hy_value_push(L, *held);
    hy_value_drop(hy_value_take(held));
    return 1;
}

/* --- log -------------------------------------------------------------------------------------- */

/* " key=value" for each field, in order of the keys. */
static void add_fields(hy_buf_t *b, const hy_node_t *fields) {
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t v;
    while (hy_node_next(fields, &pos, &key, &v)) {
        hy_buf_char(b, ' ');
        hy_buf_add(b, key->bytes, key->len);
        hy_buf_char(b, '=');
        hy_json_write(b, v);
    }
}

/* log.<level>(…): the arguments as print shows them, with blanks between; a table at the end gives
 * fields. Upvalue: the level. */
static int log_line(lua_State *L) {
    hy_instance_t *i = hy_instance_of(L);
    hy_log_level_t level = (hy_log_level_t)lua_tointeger(L, lua_upvalueindex(1));
    const hy_log_t *log = i->host->config.log;
    int count = lua_gettop(L), texts = count;
    if (!log || level > log->level) return 0;
    luaL_checkstack(L, 5, NULL);
    hy_value_t *held = hy_class_hold(L);
    if (count > 1 && lua_istable(L, count)) {
        bool is_read = hy_value_from_lua(L, count, held, NULL) == 0 && held->kind == HY_OBJECT;
        if (is_read && hy_value_bytes(*held) <= HY_JSON_BYTES_MAX) texts--;
    }
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int at = 1; at <= texts; at++) {
        if (at > 1) luaL_addchar(&line, ' ');
        luaL_tolstring(L, at, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    hy_buf_t fields;
    hy_buf_init(&fields);
    if (texts < count) add_fields(&fields, held->as.n);
    hy_log(log, level, i->name->bytes, "%s%.*s", lua_tostring(L, -1), (int)fields.len,
           fields.bytes ? fields.bytes : "");
    hy_buf_deinit(&fields);
    hy_value_drop(hy_value_take(held));
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

const hy_method_t hy_lib_json_functions[] = {
    {"encode", json_encode, "value: any", "string", "a value as JSON text", NULL},
    {"decode", json_decode, "text: string", "any" HY_OR_WHY, "the value of a JSON text", NULL},
    {NULL}};
/* One function, made for each level below. */
const hy_method_t hy_lib_log_functions[] = {
    {"error", NULL, "...: any", NULL, "writes to the log; a table at the end gives fields", NULL},
    {"warn", NULL, "...: any", NULL, "the same, as a warning", NULL},
    {"info", NULL, "...: any", NULL, "the same, to be read", NULL},
    {"debug", NULL, "...: any", NULL, "the same, for who looks for a mistake", NULL},
    {NULL}};

void hy__lib_text_open(lua_State *L) {
    static const hy_log_level_t levels[] = {HY_LOG_ERROR, HY_LOG_WARN, HY_LOG_INFO, HY_LOG_DEBUG};
    lua_createtable(L, 0, 2);
    hy_class_functions(L, hy_lib_json_functions);
    lua_setfield(L, -2, "json");
    lua_createtable(L, 0, 4);
    for (size_t at = 0; at < sizeof levels / sizeof *levels; at++) {
        lua_pushinteger(L, levels[at]);
        lua_pushcclosure(L, log_line, 1);
        lua_setfield(L, -2, hy_log_level_name(levels[at]));
    }
    lua_setfield(L, -2, "log");
}
