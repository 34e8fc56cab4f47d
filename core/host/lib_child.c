/* Children in Lua, and the methods of parties that are about them.
 *
 *      weak table: child record ──► userdata        the same one as long as the script holds it
 *
 * The userdata refers to the record of the core and reads it afresh each time, so `.state` and
 * `.order` are what they are now. It owns references to record, party and (once .data was read) the
 * view. */
#include "lib_syncher.h"

typedef struct {
    hy_child_t *child;
    hy_party_t *party;
    hy_view_t *view; /* NULL until asked for */
} lua_child_t;

enum { ID = 1, COLLECTION, DATA, REPORTER, USER, CREATED, ORDER, STATE };
static const hy_field_t fields[] = {
    {"id", ID, "string", "of the child, in its object"},
    {"collection", COLLECTION, "string", "of the object, as its schema names it"},
    {"data", DATA, "table", "its own reporter may write it"},
    {"reporter", REPORTER, "string", "url of the hyperty that made it"},
    {"user", USER, "string|nil", "whom that acts for"},
    {"created", CREATED, "number|nil", "seconds since 1970"},
    {"order", ORDER, "integer|nil", "everybody sees children in this order"},
    {"state", STATE, "hyperty.ChildState",
     "\"pending\", then \"kept\", \"refused\" or \"expired\""},
    {NULL}};

static const char weak_key = 0; /* its address is the registry key of the weak table */

/* --- the userdata ----------------------------------------------------------------------------- */

/* Pushes one without a child yet, so that a raise later on loses no reference. */
static lua_child_t *push_empty(lua_State *L, hy_party_t *party) {
    lua_child_t *c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = (lua_child_t){.child = NULL};
    luaL_setmetatable(L, HY_CHILD_CLASS);
    c->party = hy_party_ref(party);
    return c;
}

/* Enters the userdata on top, which has its child now. */
static void remember(lua_State *L, const hy_child_t *child) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &weak_key);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, child);
    lua_pop(L, 1);
}

void hy_child_push(lua_State *L, hy_party_t *party, hy_child_t *child) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &weak_key);
    if (lua_rawgetp(L, -1, child) == LUA_TUSERDATA) {
        const lua_child_t *there = lua_touserdata(L, -1);
        if (there->party == party) {
            lua_remove(L, -2);
            return;
        }
    }
    lua_pop(L, 2); /* none, or it belongs to a party that ended: the copy lived on for others */
    push_empty(L, party)->child = hy_child_ref(child);
    remember(L, child);
}

static int child_gc(lua_State *L) {
    lua_child_t *c = lua_touserdata(L, 1);
    hy_view_unref(c->view);
    hy_child_unref(c->child);
    hy_party_unref(c->party);
    *c = (lua_child_t){.child = NULL};
    return 0;
}

static int child_tostring(lua_State *L) {
    const lua_child_t *c = luaL_checkudata(L, 1, HY_CHILD_CLASS);
    lua_pushfstring(L, "child %s", c->child->id->bytes);
    return 1;
}

static int push_data(lua_State *L, lua_child_t *c) {
    hy_error_t err = {0};
    if (!c->view) {
        int rc = hy_party_child_view(c->party, c->child, &c->view, &err);
        if (rc < 0) return luaL_error(L, "%s", err.text[0] ? err.text : hy_error_text(rc));
    }
    if (hy_view_check(c->view, c->view->root, &err) < 0) return luaL_error(L, "%s", err.text);
    hy_handle_push(L, c->view, hy_node_value(c->view->root));
    return 1;
}

static int child_index(lua_State *L) {
    lua_child_t *c = lua_touserdata(L, 1);
    const hy_child_t *child = c->child;
    switch (hy_class_field(L, 1)) {
    case ID:
        hy_class_push_str(L, child->id);
        return 1;
    case COLLECTION:
        hy_class_push_str(L, child->collection);
        return 1;
    case DATA:
        return push_data(L, c);
    case REPORTER:
        hy_class_push_str(L, child->reporter);
        return 1;
    case USER:
        hy_class_push_str(L, child->user);
        return 1;
    case CREATED: /* seconds, as hyperty.now() */
        if (child->created_ms == 0) return 0;
        lua_pushnumber(L, (lua_Number)child->created_ms / 1000);
        return 1;
    case ORDER: /* nil until it has a stamp */
        if (child->order == 0) return 0;
        lua_pushinteger(L, (lua_Integer)child->order);
        return 1;
    case STATE:
        lua_pushstring(L, hy_child_state_word(child->state));
        return 1;
    default:
        return 1;
    }
}

/* --- its methods ------------------------------------------------------------------------------ */

static int await_child(lua_State *L) {
    const lua_child_t *c = luaL_checkudata(L, 1, HY_CHILD_CLASS);
    hy_wait_t *w = hy_wait_open(L, "wait");
    hy_error_t err = {0};
    int rc = hy_party_await_child(c->party, c->child, hy_wait_done, w);
    if (rc == HY_ECLOSED) hy_fail(&err, rc, "%s is closed", hy_party_url(c->party)->bytes);
    return hy_wait_end(L, w, rc, &err);
}

/* The body of a task that waits for the child which is its upvalue. */
static int await_upvalue(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    return await_child(L);
}

static int child_wait(lua_State *L) {
    luaL_checkudata(L, 1, HY_CHILD_CLASS);
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        return await_child(L);
    }
    uint64_t timeout_ms = hy__lib_seconds(L, 2, 0);
    lua_settop(L, 1);
    lua_pushcclosure(L, await_upvalue, 1);
    return hy__wait_child(L, timeout_ms);
}

static int child_delete(lua_State *L) {
    const lua_child_t *c = luaL_checkudata(L, 1, HY_CHILD_CLASS);
    hy_error_t err = {0};
    int rc = hy_party_delete_child(c->party, c->child, &err);
    if (rc < 0) return hy_push_failure(L, rc, err.text);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- methods of parties ----------------------------------------------------------------------- */

int hy_box_add_child(lua_State *L) {
    hy_box_t *b = hy_box_check(L, 0, "add_child");
    hy_class_text(L, 2, NULL);
    luaL_checkany(L, 3);
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    hy_value_t *data = hy_class_value(L, 3, "add_child: data");
    luaL_argcheck(L, hy_is_node(*data), 3, "the data of a child is an object or a list");
    lua_child_t *c = push_empty(L, b->lua.party);
    hy_error_t err = {0};
    hy_str_t *collection = hy_class_str(L, 2);
    int rc = HY_ENOMEM;
    if (collection) {
        rc = hy_party_add_child(b->lua.party, collection, hy_value_take(data), &c->child, &err);
        hy_str_unref(collection);
    }
    if (rc < 0) return hy_push_failure(L, rc, err.text);
    remember(L, c->child);
    return 1;
}

int hy_box_children(lua_State *L) {
    hy_box_t *b = hy_box_check(L, 0, "children");
    size_t len = 0;
    const char *name = lua_isnoneornil(L, 2) ? NULL : hy_class_text(L, 2, &len);
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    const hy_schema_t *schema = hy_party_schema(b->lua.party);
    if (name && schema && !hy_schema_has_collection(schema, name, len)) {
        lua_pushfstring(L, "schema %s has no collection \"%s\"", schema->name->bytes, name);
        return hy_push_failure(L, HY_ENOT_FOUND, lua_tostring(L, -1));
    }
    hy_value_t *collection = hy_class_hold(L);
    if (name) *collection = hy_string(hy_class_str(L, 2));
    const hy_str_t *key = collection->kind == HY_STR ? collection->as.s : NULL;
    if (name && !key) return hy_push_failure(L, HY_ENOMEM, NULL);
    const hy_children_t *children = hy_party_children(b->lua.party);
    size_t count = children ? hy_children_count(children, key) : 0, pos = 0; /* NULL: it ended */
    lua_Integer n = 0;
    lua_createtable(L, count < INT32_MAX ? (int)count : 0, 0);
    for (hy_child_t *c; children && (c = hy_children_next(children, key, &pos));) {
        if (c->is_tried && !hy_str_equal(c->reporter, b->lua.instance->url)) continue;
        hy_child_push(L, b->lua.party, c);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

int hy_box_send_event(lua_State *L) {
    hy_box_t *b = hy_box_check(L, 0, "send_event");
    hy_class_text(L, 2, NULL);
    luaL_checkany(L, 3);
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    hy_value_t *value = hy_class_value(L, 3, "send_event: value");
    hy_error_t err = {0};
    hy_str_t *collection = hy_class_str(L, 2);
    int rc = HY_ENOMEM;
    if (collection) {
        rc = hy_party_send_event(b->lua.party, collection, hy_value_take(value), &err);
        hy_str_unref(collection);
    }
    if (rc < 0) return hy_push_failure(L, rc, err.text);
    lua_pushboolean(L, 1);
    return 1;
}

static const hy_method_t methods[] = {
    {"wait", child_wait, "timeout?: number", "true" HY_OR_WHY, "until it is kept", NULL},
    {"delete", child_delete, NULL, "true" HY_OR_WHY, "by its own reporter, or the object's", NULL},
    {NULL}};

const hy_class_t hy_child_class = {
    .name = "hyperty.Child",
    .noun = "a child",
    .doc = "something that anybody may add to a data object, given by :add_child and :children",
    .metatable = HY_CHILD_CLASS,
    .fields = fields,
    .methods = methods,
};

void hy_lib_child_open(lua_State *L) {
    static const luaL_Reg meta[] = {
        {"__gc", child_gc}, {"__tostring", child_tostring}, {NULL, NULL}};
    hy_class_names(L, &hy_child_class);
    hy_class_open(L, HY_CHILD_CLASS, child_index, 1, meta);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &weak_key);
}
