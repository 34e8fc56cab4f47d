/* Parties in Lua: reporters and observers, the objects that create and subscribe give.
 *
 * The userdata (a box) holds a reference to the party and the handlers that the script put on it.
 * While the party is open its tag points to the box and the registry anchors the box: so a party
 * has one object in Lua, and its handlers live as long as it takes part. When the party ends, tag
 * and anchor are taken off, handlers are let go, and what the script still holds answers "closed".
 *
 * During and after a reload a party has a box in each life: that of a life which is tried is the
 * tag of the trial, that of a past one is no tag any more, hears nothing, and is listed until the
 * life is over, so that its tasks can go on with it.
 *
 * Whoever may call handlers enters the box before and leaves it after: an end in between waits for
 * that. What only reporters can is in lib_reporter.c. */
#include "lib_syncher.h"

enum { URL = 1, ROLE, DATA, VERSION, EPOCH, METADATA, RESUMED, OBSERVERS, MISFIT };
static const hy_field_t fields[] = {
    {"url", URL, "string", "the address of the object"},
    {"role", ROLE, "\"reporter\"|\"observer\"", "which end of it this is"},
    {"data", DATA, "table", "its data, to be used like a table; only the reporter writes"},
    {"version", VERSION, "integer", "how many times it was changed"},
    {"epoch", EPOCH, "string", "a new one when it was started anew"},
    {"metadata", METADATA, "hyperty.Metadata|nil", "name, schema, reporter and more"},
    {"resumed", RESUMED, "boolean", "it was there before, and goes on"},
    {NULL}};
static const hy_field_t reporter_fields[] = {
    {"observers", OBSERVERS, "string[]", "urls of the hyperties that observe it"},
    {"misfit", MISFIT, "string|nil", "what of it does not fit its schema any more; nil: all fits"},
    {NULL}};

/* upvalues of __index */
enum { REPORTER_NAMES = 1, OBSERVER_NAMES };

static const char *role_noun(const hy_box_t *b) {
    return hy_party_is_reporter(b->lua.party) ? "a reporter" : "an observer";
}

/* --- the box ---------------------------------------------------------------------------------- */

/* Lets go of the anchor, once nothing needs the box any more. */
static void settle(lua_State *L, hy_box_t *b) {
    if (!b->is_closed || b->handlers.busy > 0 || b->ending) return;
    hy_list_remove(&b->link);
    hy_unref(L, &b->self_ref);
}

static void take_tag_off(const hy_box_t *b) {
    if (hy_party_tag(b->lua.party) == b) hy_party_set_tag(b->lua.party, NULL);
}

void hy_box_close(lua_State *L, hy_box_t *b) {
    if (!b->is_closed) {
        b->is_closed = true;
        take_tag_off(b);
        hy_handlers_cancel(L, &b->handlers);
    }
    settle(L, b);
}

void hy_box_leave(lua_State *L, hy_box_t *b) {
    hy_handlers_leave(L, &b->handlers);
    if (!hy_party_is_open(b->lua.party)) hy_box_close(L, b);
    settle(L, b);
}

/* The box that the instance has of a party; NULL: none. */
static hy_box_t *find_box(lua_State *L, const hy_instance_t *i, const hy_party_t *party) {
    hy_box_t *tag = hy_party_tag(party);
    if (tag && tag->lua.instance == i) return tag;
    if (i->life != HY_LIFE_PAST) return NULL;
    const hy_link_t *boxes = hy_lib_syncher_boxes(L);
    for (const hy_link_t *l = boxes->next; l != boxes; l = l->next) {
        hy_box_t *b = hy_link_owner(l, hy_box_t, link);
        if (b->lua.party == party && !b->is_closed) return b;
    }
    return NULL;
}

void hy_box_push(lua_State *L, hy_instance_t *i, hy_party_t *party) {
    const hy_box_t *there = find_box(L, i, party);
    if (there) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, there->self_ref);
        return;
    }
    hy_box_t *b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = (hy_box_t){.lua = {.instance = i}, .self_ref = LUA_NOREF, .is_closed = true};
    hy_link_init(&b->link);
    hy_handlers_init(&b->handlers);
    luaL_setmetatable(L, HY_PARTY_CLASS);
    b->lua.party = hy_party_ref(party);
    if (!hy_party_is_open(party)) return;
    lua_pushvalue(L, -1);
    b->self_ref = hy_ref(L);
    b->is_closed = false;
    hy_list_append(hy_lib_syncher_boxes(L), &b->link);
    if (i->life != HY_LIFE_PAST) hy_party_set_tag(party, b);
}

void hy_box_detach(lua_State *L, hy_box_t *b) {
    hy_handlers_cancel(L, &b->handlers);
    settle(L, b);
}

/* A box that is still open comes here only when the whole state goes. */
static int box_gc(lua_State *L) {
    hy_box_t *b = lua_touserdata(L, 1);
    if (!b->lua.party) return 0;
    if (!b->is_closed) take_tag_off(b);
    b->is_closed = true;
    hy_list_remove(&b->link);
    hy_party_unref(b->lua.party);
    b->lua.party = NULL;
    return 0;
}

static int box_tostring(lua_State *L) {
    const hy_box_t *b = luaL_checkudata(L, 1, HY_PARTY_CLASS);
    lua_pushfstring(L, "%s %s", hy_party_is_reporter(b->lua.party) ? "reporter" : "observer",
                    hy_party_url(b->lua.party)->bytes);
    return 1;
}

hy_box_t *hy_box_check(lua_State *L, unsigned role, const char *method) {
    hy_box_t *b = luaL_checkudata(L, 1, HY_PARTY_CLASS);
    bool is_reporter = hy_party_is_reporter(b->lua.party);
    if (role && role != (is_reporter ? HY_ROLE_REPORTER : HY_ROLE_OBSERVER)) {
        luaL_error(L, "%s: this is %s", method, role_noun(b));
    }
    return b;
}

int hy_box_closed(lua_State *L, hy_box_t *b) {
    hy_box_close(L, b);
    lua_pushfstring(L, "%s is closed", hy_party_url(b->lua.party)->bytes);
    return hy_push_failure(L, HY_ECLOSED, lua_tostring(L, -1));
}

static void fire(lua_State *L, void *arg) {
    hy_handlers_fire(L, arg);
}

void hy_box_fire(hy_box_t *b, hy_on_t event, int (*push)(lua_State *L, void *arg), void *arg,
                 hy_asked_t *asked) {
    if (!hy_handlers_has(&b->handlers, event)) return;
    hy_instance_t *i = b->lua.instance;
    hy_firing_t firing = {.instance = i,
                          .set = &b->handlers,
                          .event = event,
                          .push = push,
                          .arg = arg,
                          .asked = asked};
    hy_error_t err;
    hy_box_enter(b);
    if (hy_protected(i->L, fire, &firing, &err) < 0) {
        hy__instance_log(i, HY_LOG_ERROR, hy_on_label(event), err.text);
    }
    hy_box_leave(i->L, b);
}

/* --- fields ----------------------------------------------------------------------------------- */

static int push_data(lua_State *L, hy_box_t *b) {
    if (!hy_box_is_open(b)) {
        return luaL_error(L, "%s is closed", hy_party_url(b->lua.party)->bytes);
    }
    hy_view_t *view = hy_party_data(b->lua.party);
    hy_handle_push(L, view, hy_node_value(view->root));
    return 1;
}

static int push_observers(lua_State *L, const hy_box_t *b) {
    if (!hy_box_is_open(b)) return 0;
    hy_value_t *urls = hy_class_hold(L);
    int rc = hy_party_observers(b->lua.party, urls);
    if (rc < 0) return luaL_error(L, "observers: %s", hy_error_text(rc));
    hy_value_push(L, *urls);
    hy_value_drop(hy_value_take(urls));
    return 1;
}

static int box_index(lua_State *L) {
    hy_box_t *b = lua_touserdata(L, 1);
    hy_party_t *p = b->lua.party;
    switch (hy_class_field(L, hy_party_is_reporter(p) ? REPORTER_NAMES : OBSERVER_NAMES)) {
    case URL:
        hy_class_push_str(L, hy_party_url(p));
        return 1;
    case ROLE:
        lua_pushstring(L, hy_party_is_reporter(p) ? "reporter" : "observer");
        return 1;
    case DATA:
        return push_data(L, b);
    case VERSION:
        lua_pushinteger(L, (lua_Integer)hy_party_version(p));
        return 1;
    case EPOCH:
        hy_class_push_str(L, hy_party_epoch(p));
        return 1;
    case METADATA: {
        hy_node_t *metadata = hy_party_metadata(p);
        if (metadata) hy_value_push(L, hy_node_value(metadata));
        return metadata ? 1 : 0;
    }
    case RESUMED:
        lua_pushboolean(L, hy_party_is_resumed(p));
        return 1;
    case OBSERVERS:
        return push_observers(L, b);
    case MISFIT:
        if (!hy_party_misfit(p)) return 0;
        hy_class_push_str(L, hy_party_misfit(p));
        return 1;
    default:
        return 1;
    }
}

static int box_newindex(lua_State *L) {
    const hy_box_t *b = lua_touserdata(L, 1);
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (hy_party_is_reporter(b->lua.party) && strcmp(key, "data") == 0) {
        return luaL_error(L, "data cannot be replaced by assignment: assign to its fields "
                             "(object.data.x = …)");
    }
    return hy_class_read_only(L);
}

/* --- methods of both -------------------------------------------------------------------------- */

static int box_on(lua_State *L) {
    hy_box_t *b = hy_box_check(L, 0, "on");
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    unsigned role = hy_party_is_reporter(b->lua.party) ? HY_ROLE_REPORTER : HY_ROLE_OBSERVER;
    return hy_handlers_on(L, &b->handlers, role, role_noun(b));
}

/* The party is done with, and so is the box: it was anchored until now by `ending`. */
static void ended(void *arg, int code, const char *desc) {
    hy_wait_t *w = arg;
    hy_box_t *b = w->subject; /* NULL: its life is over */
    if (b) {
        hy_instance_t *i = b->lua.instance;
        b->ending = NULL;
        if (i->life == HY_LIFE_PAST) hy_lib_syncher_left(i->heir, b->lua.party);
        if (!hy_party_is_open(b->lua.party)) hy_box_close(i->L, b);
        settle(i->L, b);
    }
    hy_wait_done(w, code, desc);
}

int hy_box_end(lua_State *L, unsigned role, const char *method, hy_box_end_call call) {
    hy_box_t *b = hy_box_check(L, role, method);
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    if (b->ending) {
        lua_pushfstring(L, "%s is being closed", hy_party_url(b->lua.party)->bytes);
        return hy_push_failure(L, HY_ECLOSED, lua_tostring(L, -1));
    }
    hy_error_t err = {0};
    b->ending = hy_wait_open(L, method);
    hy_wait_t *w = b->ending;
    w->subject = b;
    int rc = call(b->lua.party, ended, w, &err);
    if (rc < 0) b->ending = NULL;
    return hy_wait_end(L, w, rc, &err);
}

/* --- methods of observers --------------------------------------------------------------------- */

/* An answer without a value is true, so that it is told from a failure. */
static void executed(void *wait, int code, const char *desc, hy_value_t value) {
    if (code < 0 || value.kind == HY_ABSENT) {
        hy_wait_done(wait, code, desc);
    } else {
        hy_wait_value(wait, code, desc, value);
    }
}

static int observer_execute(lua_State *L) {
    hy_box_t *b = hy_box_check(L, HY_ROLE_OBSERVER, "execute");
    const char *method = hy_class_text(L, 2, NULL);
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    int last = lua_gettop(L);
    hy_value_t *params = hy_class_hold(L);
    hy_error_t err = {0};
    int rc = hy__values_from_lua(L, 3, last, params, &err);
    if (rc < 0) {
        hy_fail(&err, rc, "execute: %s", err.text);
        return hy_raise(L, &err);
    }
    hy_wait_t *w = hy_wait_open(L, "execute");
    rc = hy_syncher_execute(b->lua.instance->syncher, hy_party_url(b->lua.party), method,
                            hy_value_take(params), executed, w, &err);
    return hy_wait_end(L, w, rc, &err);
}

void hy_box_push_status(lua_State *L, hy_party_status_t status) {
    lua_createtable(L, 0, 5);
    lua_pushstring(L, hy_party_state_word(status.state));
    lua_setfield(L, -2, "state");
    lua_pushinteger(L, (lua_Integer)status.version);
    lua_setfield(L, -2, "version");
    lua_pushinteger(L, (lua_Integer)status.head);
    lua_setfield(L, -2, "head");
    lua_pushinteger(L, (lua_Integer)status.pending);
    lua_setfield(L, -2, "pending");
    lua_pushnumber(L, (lua_Number)status.age_ms / 1000);
    lua_setfield(L, -2, "age");
}

static int observer_status(lua_State *L) {
    hy_box_t *b = hy_box_check(L, HY_ROLE_OBSERVER, "status");
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    hy_box_push_status(L, hy_party_status(b->lua.party));
    return 1;
}

static int observer_unsubscribe(lua_State *L) {
    return hy_box_end(L, HY_ROLE_OBSERVER, "unsubscribe", hy_party_unsubscribe);
}

/* --- making ----------------------------------------------------------------------------------- */

typedef struct {
    hy_instance_t *instance;
    hy_party_t *party;
} made_t;

static int push_made(lua_State *L, void *arg) {
    const made_t *made = arg;
    hy_box_push(L, made->instance, made->party);
    return 1;
}

void hy_box_made(void *wait, int code, const char *desc, hy_party_t *party) {
    if (code < 0) {
        hy_wait_done(wait, code, desc);
        return;
    }
    const hy_wait_t *w = wait;
    bool is_past = w->is_past || w->instance->life == HY_LIFE_PAST;
    hy_instance_t *i = w->instance, *heir = i->life == HY_LIFE_PAST ? i->heir : i;
    made_t made = {.instance = i, .party = hy_party_ref(party)};
    if (is_past) hy_lib_syncher_inherit(heir, party); /* before the task does anything with it */
    hy_wait_complete(wait, push_made, &made);
    hy_party_unref(party);
}

static const hy_method_t both[] = {
    {"on", box_on, "event: string, pattern?: hyperty.Path, fn: function",
     "hyperty.Handler" HY_OR_WHY, "calls the function when that happens", NULL},
    {"add_child", hy_box_add_child, "collection: string, data: table", "hyperty.Child" HY_OR_WHY,
     "a child, at once", NULL},
    {"children", hy_box_children, "collection?: string", "hyperty.Child[]" HY_OR_WHY,
     "the children in order", NULL},
    {"send_event", hy_box_send_event, "collection: string, value: any", "true" HY_OR_WHY,
     "tells all, and is not kept", NULL},
    {NULL}};
static const hy_method_t observer[] = {
    {"execute", observer_execute, "method: string, ...: any", "any" HY_OR_WHY,
     "calls the reporter; gives its answer", NULL},
    {"status", observer_status, NULL, "hyperty.Status" HY_OR_WHY, "how it stands with it", NULL},
    {"unsubscribe", observer_unsubscribe, NULL, "true" HY_OR_WHY, "ends it", NULL},
    {NULL}};

const hy_class_t hy_reporter_class = {
    .name = "hyperty.Reporter",
    .noun = "a reporter",
    .doc = "the writing end of a data object, given by syncher:create",
    .more = "An assignment to .data is a change, and is published at once.",
    .metatable = HY_PARTY_CLASS,
    .role = HY_ROLE_REPORTER,
    .fields = fields,
    .more_fields = reporter_fields,
    .methods = both,
    .more_methods = hy_reporter_methods,
};
const hy_class_t hy_observer_class = {
    .name = "hyperty.Observer",
    .noun = "an observer",
    .doc = "the reading end of a data object, given by syncher:subscribe",
    .more = "A pattern is a path in which * stands for one key and a trailing ** for any rest.",
    .metatable = HY_PARTY_CLASS,
    .role = HY_ROLE_OBSERVER,
    .fields = fields,
    .methods = both,
    .more_methods = observer,
};

void hy_lib_party_open(lua_State *L) {
    static const luaL_Reg meta[] = {
        {"__gc", box_gc}, {"__tostring", box_tostring}, {"__newindex", box_newindex}, {NULL, NULL}};
    hy_class_names(L, &hy_reporter_class);
    hy_class_names(L, &hy_observer_class);
    hy_class_open(L, HY_PARTY_CLASS, box_index, 2, meta);
}
