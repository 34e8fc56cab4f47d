/* Change objects: what a handler of "change" gets, one for each item that was set, put in or taken
 * out.
 *
 * There may be millions a second and most are looked at once, so making one is a userdata that
 * refers to the change of the core and nothing else. Path, value and old value become Lua values
 * when they are read first and stay in the user values. Items that were taken out come last first:
 * so every path is right for who repeats the events one by one on a copy of their own.
 *
 * A change object owns a reference to its change (which holds path and value) and one to the old
 * value. */
#include "lib_syncher.h"

typedef struct {
    hy_change_t *change; /* referenced */
    hy_place_t place;    /* lies in the change */
    const char *kind;
    hy_value_t value; /* lies in the change */
    hy_value_t old;   /* referenced, not copied: what is out of its tree does not change any more */
    uint64_t count;   /* items that it stands for */
} lua_change_t;

/* user values: what was made of it */
enum { PATH_SLOT = 1, KEYS_SLOT, VALUE_SLOT, OLD_SLOT, SLOTS = OLD_SLOT };

enum { PATH = 1, KEYS, VALUE, OLD, KIND, VERSION, COUNT };
static const hy_field_t fields[] = {{"path", PATH},   {"keys", KEYS}, {"value", VALUE},
                                    {"old", OLD},     {"kind", KIND}, {"version", VERSION},
                                    {"count", COUNT}, {NULL, 0}};

/* One item of one op, on its way to be pushed. */
typedef struct {
    hy_change_t *change;
    hy_place_t place;
    const char *kind;
    hy_value_t value, old;
    uint64_t count;
} item_t;

static int push_item(lua_State *L, void *arg) {
    const item_t *item = arg;
    lua_change_t *c = lua_newuserdatauv(L, sizeof *c, SLOTS);
    *c = (lua_change_t){.kind = item->kind};
    luaL_setmetatable(L, HY_CHANGE_CLASS);
    c->change = hy_change_ref(item->change);
    c->place = item->place;
    c->value = item->value;
    c->old = item->old;
    c->count = item->count;
    if (c->old.kind == HY_STR) hy_str_ref(c->old.as.s);
    if (hy_is_node(c->old)) hy_node_ref(c->old.as.n);
    return 1;
}

static int change_gc(lua_State *L) {
    lua_change_t *c = lua_touserdata(L, 1);
    hy_value_drop(c->old);
    hy_change_unref(c->change);
    c->old = hy_absent();
    c->change = NULL;
    return 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void push_path(lua_State *L, const hy_place_t *p) {
    luaL_Buffer text;
    int64_t index;
    luaL_buffinit(L, &text);
    for (uint32_t i = 0; i < p->count; i++) {
        if (i > 0) luaL_addchar(&text, '.');
        if (hy_place_index(p, i, &index)) {
            lua_pushinteger(L, index + 1);
            luaL_addvalue(&text);
        } else {
            luaL_addlstring(&text, p->steps[i].key->bytes, p->steps[i].key->len);
        }
    }
    luaL_pushresult(&text);
}

static void push_keys(lua_State *L, const hy_place_t *p) {
    int64_t index;
    lua_createtable(L, (int)p->count, 0);
    for (uint32_t i = 0; i < p->count; i++) {
        if (hy_place_index(p, i, &index)) {
            lua_pushinteger(L, index + 1);
        } else {
            hy_class_push_str(L, p->steps[i].key);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
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
    if (v.kind == HY_ABSENT) {
        lua_pushnil(L);
        return 1;
    }
    if (hy_is_node(v) && push_kept(L, slot)) return 1;
    hy_value_push(L, v);
    return hy_is_node(v) ? keep(L, slot) : 1;
}

static int change_index(lua_State *L) {
    const lua_change_t *c = lua_touserdata(L, 1);
    switch (hy_class_field(L, 1)) {
    case PATH:
        if (push_kept(L, PATH_SLOT)) return 1;
        push_path(L, &c->place);
        return keep(L, PATH_SLOT);
    case KEYS:
        if (push_kept(L, KEYS_SLOT)) return 1;
        push_keys(L, &c->place);
        return keep(L, KEYS_SLOT);
    case VALUE:
        return push_value(L, c->value, VALUE_SLOT);
    case OLD:
        return push_value(L, c->old, OLD_SLOT);
    case KIND:
        lua_pushstring(L, c->kind);
        return 1;
    case VERSION:
        lua_pushinteger(L, (lua_Integer)c->change->version);
        return 1;
    case COUNT:
        lua_pushinteger(L, (lua_Integer)c->count);
        return 1;
    default:
        return 1;
    }
}

static int change_tostring(lua_State *L) {
    const lua_change_t *c = luaL_checkudata(L, 1, HY_CHANGE_CLASS);
    push_path(L, &c->place);
    lua_pushfstring(L, "change: %s \"%s\" (version %I)", c->kind, lua_tostring(L, -1),
                    (lua_Integer)c->change->version);
    return 1;
}

/* --- telling -----------------------------------------------------------------------------------
 */

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
static void each_item(lua_State *L, hy_change_t *change, const hy_op_t *op, const hy_node_t *root,
                      const hy_effect_t *effect, each_cb each, void *arg) {
    item_t item = {.change = change, .count = 1};
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

void hy_lib_change_open(lua_State *L) {
    static const luaL_Reg meta[] = {
        {"__gc", change_gc}, {"__tostring", change_tostring}, {NULL, NULL}};
    lua_newtable(L);
    hy_class_names(L, fields, NULL);
    hy_class_open(L, HY_CHANGE_CLASS, change_index, 1, meta);
}
