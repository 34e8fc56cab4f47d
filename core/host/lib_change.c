/* Change objects: what a handler of "change" gets, one for each item that was set, put in or taken
 * out.
 *
 * There may be millions a second, most are looked at once, and a script may keep them. So one is a
 * userdata that holds all it needs: the keys of its path behind it, plain values in it, short
 * strings as user values. Only objects, arrays and long strings are referenced, and only then it
 * has a finalizer, which would make each of them outlive two cycles of the collector. Path and
 * tables are made when they are read first.
 *
 * Items that were taken out come last first: so every path is right for who repeats the events one
 * by one on a copy of their own. */
#include "lib_syncher.h"

/* Longer strings are referenced: copying them costs more than a finalizer. */
#define COPIED_BYTES_MAX 256u

typedef struct {
    const char *kind;
    uint64_t version;
    uint64_t count; /* items that it stands for */
    /* Nodes and long strings are referenced, not copied: what was sent, and what is out of its
     * tree, does not change any more. A short string is in its user value, and NULL here. */
    hy_value_t value, old;
    uint32_t key_count;
    char keys[]; /* each: 8 bytes, an index, or -1 less the length of the text that follows */
} lua_change_t;

/* user values: what was made of it; the later ones are there if they are needed */
enum { PATH_SLOT = 1, VALUE_SLOT, OLD_SLOT };

enum { PATH = 1, KEYS, VALUE, OLD, KIND, VERSION, COUNT };
static const hy_field_t fields[] = {
    {"path", PATH, "string", "where: \"values.1.unit\""},
    {"keys", KEYS, "(string|integer)[]", "the same as a list"},
    {"value", VALUE, "any", "what is there now"},
    {"old", OLD, "any", "what was there"},
    {"kind", KIND, "\"add\"|\"update\"|\"remove\"", "\"add\", \"update\" or \"remove\""},
    {"version", VERSION, "integer", "of the object, with this change"},
    {"count", COUNT, "integer", "how many items of an array it stands for"},
    {NULL}};

const hy_class_t hy_change_class = {
    .name = "hyperty.Change",
    .noun = "a change",
    .doc = "what a handler of \"change\" gets",
    .metatable = HY_CHANGE_CLASS,
    .fields = fields,
};

/* Their addresses are registry keys of the metatables: without a finalizer, and with one. */
static const char plain_key = 0, owner_key = 0;

/* One item of one op, on its way to be pushed. */
typedef struct {
    uint64_t version;
    hy_place_t place;
    const char *kind;
    hy_value_t value, old;
    uint64_t count;
} item_t;

/* --- making ----------------------------------------------------------------------------------- */

static size_t key_bytes(const hy_place_t *p) {
    size_t bytes = 0;
    int64_t index;
    for (uint32_t i = 0; i < p->count; i++) {
        bytes += sizeof index + (hy_place_index(p, i, &index) ? 0 : p->steps[i].key->len);
    }
    return bytes;
}

static void write_keys(char *to, const hy_place_t *p) {
    int64_t word;
    for (uint32_t i = 0; i < p->count; i++) {
        const hy_str_t *key = hy_place_index(p, i, &word) ? NULL : p->steps[i].key;
        if (key) word = -(int64_t)key->len - 1;
        memcpy(to, &word, sizeof word);
        to += sizeof word;
        if (!key) continue;
        memcpy(to, key->bytes, key->len);
        to += key->len;
    }
}

static bool is_copied(hy_value_t v) {
    return !hy_is_node(v) && (v.kind != HY_STR || v.as.s->len <= COPIED_BYTES_MAX);
}

static bool needs_slot(hy_value_t v) {
    return v.kind == HY_STR || hy_is_node(v);
}

/* The change object is on top, with its metatable. */
static void take_value(lua_State *L, hy_value_t v, int slot, hy_value_t *to) {
    if (v.kind == HY_STR && is_copied(v)) {
        lua_pushlstring(L, v.as.s->bytes, v.as.s->len);
        lua_setiuservalue(L, -2, slot);
        v.as.s = NULL;
    } else if (v.kind == HY_STR) {
        hy_str_ref(v.as.s);
    } else if (hy_is_node(v)) {
        hy_node_ref(v.as.n);
    }
    *to = v;
}

static int push_item(lua_State *L, void *arg) {
    const item_t *item = arg;
    bool is_plain = is_copied(item->value) && is_copied(item->old);
    bool has_slots = needs_slot(item->value) || needs_slot(item->old);
    lua_change_t *c =
        lua_newuserdatauv(L, sizeof *c + key_bytes(&item->place), has_slots ? OLD_SLOT : PATH_SLOT);
    *c = (lua_change_t){.kind = item->kind,
                        .version = item->version,
                        .count = item->count,
                        .key_count = item->place.count};
    write_keys(c->keys, &item->place);
    lua_rawgetp(L, LUA_REGISTRYINDEX, is_plain ? &plain_key : &owner_key);
    lua_setmetatable(L, -2);
    take_value(L, item->value, VALUE_SLOT, &c->value);
    take_value(L, item->old, OLD_SLOT, &c->old);
    return 1;
}

static int owner_gc(lua_State *L) {
    lua_change_t *c = lua_touserdata(L, 1);
    hy_value_drop(c->value);
    hy_value_drop(c->old);
    c->value = c->old = hy_absent();
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The key at *at, which moves on: an index from 0 (false), or text. */
static bool next_key(const char **at, int64_t *index, const char **text, size_t *len) {
    memcpy(index, *at, sizeof *index);
    *at += sizeof *index;
    if (*index >= 0) return false;
    *text = *at;
    *len = (size_t)(-*index - 1);
    *at += *len;
    return true;
}

static void push_path(lua_State *L, const lua_change_t *c) {
    luaL_Buffer path;
    const char *at = c->keys, *text;
    int64_t index;
    size_t len;
    luaL_buffinit(L, &path);
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (i > 0) luaL_addchar(&path, '.');
        if (next_key(&at, &index, &text, &len)) {
            luaL_addlstring(&path, text, len);
        } else {
            lua_pushinteger(L, index + 1);
            luaL_addvalue(&path);
        }
    }
    luaL_pushresult(&path);
}

static void push_keys(lua_State *L, const lua_change_t *c) {
    const char *at = c->keys, *text;
    int64_t index;
    size_t len;
    lua_createtable(L, (int)c->key_count, 0);
    for (uint32_t i = 1; i <= c->key_count; i++) {
        if (next_key(&at, &index, &text, &len)) {
            lua_pushlstring(L, text, len);
        } else {
            lua_pushinteger(L, index + 1);
        }
        lua_rawseti(L, -2, i);
    }
}

/* Pushes what the slot of the object at 1 keeps; false, with nothing pushed, if that is not made
 * yet. */
static bool push_kept(lua_State *L, int slot) {
    if (lua_getiuservalue(L, 1, slot) != LUA_TNIL) return true;
    lua_pop(L, 1);
    return false;
}

static int keep(lua_State *L, int slot) {
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, slot);
    return 1;
}

static int push_value(lua_State *L, hy_value_t v, int slot) {
    if (needs_slot(v) && push_kept(L, slot)) return 1;
    if (v.kind == HY_ABSENT) {
        lua_pushnil(L);
    } else {
        hy_value_push(L, v);
    }
    return needs_slot(v) ? keep(L, slot) : 1;
}

static int change_index(lua_State *L) {
    const lua_change_t *c = lua_touserdata(L, 1);
    switch (hy_class_field(L, 1)) {
    case PATH:
        if (push_kept(L, PATH_SLOT)) return 1;
        push_path(L, c);
        return keep(L, PATH_SLOT);
    case KEYS:
        push_keys(L, c);
        return 1;
    case VALUE:
        return push_value(L, c->value, VALUE_SLOT);
    case OLD:
        return push_value(L, c->old, OLD_SLOT);
    case KIND:
        lua_pushstring(L, c->kind);
        return 1;
    case VERSION:
        lua_pushinteger(L, (lua_Integer)c->version);
        return 1;
    case COUNT:
        lua_pushinteger(L, (lua_Integer)c->count);
        return 1;
    default:
        return 1;
    }
}

static int change_tostring(lua_State *L) {
    const lua_change_t *c = lua_touserdata(L, 1);
    push_path(L, c);
    lua_pushfstring(L, "change: %s \"%s\" (version %I)", c->kind, lua_tostring(L, -1),
                    (lua_Integer)c->version);
    return 1;
}

/* --- telling ---------------------------------------------------------------------------------- */

typedef void (*each_cb)(lua_State *L, item_t *item, void *arg);

static void each_inserted(lua_State *L, const hy_op_t *op, item_t *item, each_cb each, void *arg) {
    int64_t first = item->place.last;
    if (op->value.kind != HY_ARRAY) return;
    for (size_t i = 0; i < hy_node_count(op->value.as.n); i++) {
        item->value = hy_node_at(op->value.as.n, i);
        item->place.last = first + (int64_t)i;
        each(L, item, arg);
    }
}

static void each_erased(lua_State *L, const hy_effect_t *effect, item_t *item, each_cb each,
                        void *arg) {
    int64_t first = item->place.last;
    for (uint64_t i = effect->count; i-- > 0;) {
        item->old = hy_node_at(effect->old.as.n, (size_t)i);
        item->place.last = first + (int64_t)i;
        each(L, item, arg);
    }
}

/* Calls `each` for the items of an op, in the order in which handlers hear of them. Without an
 * effect what is taken out is one item: the number that the sender wrote proves nothing. */
static void each_item(lua_State *L, const hy_change_t *change, const hy_op_t *op,
                      const hy_node_t *root, const hy_effect_t *effect, each_cb each, void *arg) {
    item_t item = {.version = change->version, .count = 1};
    hy_place_init(&item.place, op, root, effect);
    switch (op->kind) {
    case HY_OP_SET:
        item.kind = effect && effect->old.kind == HY_ABSENT ? "add" : "update";
        item.value = op->value;
        break;
    case HY_OP_REMOVE:
        item.kind = "remove";
        break;
    case HY_OP_INSERT:
        item.kind = "add";
        each_inserted(L, op, &item, each, arg);
        return;
    case HY_OP_ERASE:
        item.kind = "remove";
        item.count = effect ? 1 : op->count;
        if (!effect) break;
        each_erased(L, effect, &item, each, arg);
        return;
    }
    if (effect) item.old = effect->old;
    each(L, &item, arg);
}

typedef struct {
    hy_box_t *box;
    hy_change_t *change;
    const hy_effect_t *effects;
} telling_t;

static void tell(lua_State *L, item_t *item, void *arg) {
    hy_box_t *b = arg;
    hy_firing_t firing = {.instance = b->lua.instance,
                          .set = &b->handlers,
                          .event = HY_ON_CHANGE,
                          .place = &item->place,
                          .push = push_item,
                          .arg = item};
    hy_handlers_fire(L, &firing);
}

static void tell_all(lua_State *L, void *arg) {
    const telling_t *t = arg;
    const hy_node_t *root = hy_party_data(t->box->lua.party)->root;
    for (uint32_t i = 0; i < t->change->count; i++) {
        if (t->box->is_closed) return; /* by a handler: `root` may be gone */
        each_item(L, t->change, &t->change->ops[i], root, &t->effects[i], tell, t->box);
    }
}

void hy_change_fire(hy_box_t *b, hy_change_t *change, const hy_effect_t *effects) {
    /* Changes of the metadata are no changes of .data, whose paths handlers expect. */
    if (change->is_metadata || !hy_handlers_has(&b->handlers, HY_ON_CHANGE)) return;
    telling_t telling = {.box = b, .change = change, .effects = effects};
    hy_instance_t *i = b->lua.instance;
    hy_error_t err; /* not cleared: it is half a kilobyte, and filled when it is needed */
    hy_box_enter(b);
    if (hy_protected(i->L, tell_all, &telling, &err) < 0) {
        hy__instance_log(i, HY_LOG_ERROR, "handlers of change", err.text);
    }
    hy_box_leave(i->L, b);
}

static void list_item(lua_State *L, item_t *item, void *arg) {
    lua_Integer *count = arg;
    push_item(L, item);
    lua_rawseti(L, -2, ++*count);
}

void hy_change_push_list(lua_State *L, hy_change_t *change, const hy_node_t *root) {
    lua_Integer count = 0;
    lua_newtable(L);
    for (uint32_t i = 0; i < change->count; i++) {
        each_item(L, change, &change->ops[i], root, NULL, list_item, &count);
    }
}

/* Makes a metatable over the table of names on top (popped), and keeps it under that key, too. */
static void open_class(lua_State *L, const char *name, const void *key, const luaL_Reg *meta) {
    hy_class_open(L, name, change_index, 1, meta);
    luaL_getmetatable(L, name);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void hy_lib_change_open(lua_State *L) {
    static const luaL_Reg plain[] = {{"__tostring", change_tostring}, {NULL, NULL}};
    static const luaL_Reg owner[] = {
        {"__gc", owner_gc}, {"__tostring", change_tostring}, {NULL, NULL}};
    hy_class_names(L, &hy_change_class);
    lua_pushvalue(L, -1);
    open_class(L, HY_CHANGE_CLASS, &plain_key, plain);
    open_class(L, HY_CHANGE_OWNER_CLASS, &owner_key, owner);
}
