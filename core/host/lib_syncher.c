/* self.syncher, and the way from the callbacks of the core to the objects of Lua.
 *
 * There is one userdata "hyperty.syncher" a state, kept in the registry: it lists the open parties
 * and holds the handlers of invitations. A callback finds the party's box by its tag; where no
 * handler listens, Lua is not touched at all. */
#include "lib_syncher.h"

#include <assert.h>

typedef struct {
    hy_link_t boxes; /* anchored ones, oldest first */
    hy_handlers_t handlers;
} lua_syncher_t;

static const char syncher_key = 0; /* its address is the registry key of the userdata */

/* NULL while the state is not made yet. Never raises. */
static lua_syncher_t *find(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &syncher_key);
    lua_syncher_t *s = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return s;
}

hy_link_t *hy_lib_syncher_boxes(lua_State *L) {
    return &find(L)->boxes;
}

hy_handlers_t *hy_lib_syncher_handlers(lua_State *L) {
    return &find(L)->handlers;
}

void hy_lib_syncher_push(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &syncher_key);
}

/* The instance; raises if argument 1 is not self.syncher, or if there is no address to send from.
 */
static hy_instance_t *check(lua_State *L, const char *method) {
    if (!luaL_testudata(L, 1, HY_SYNCHER_CLASS)) {
        luaL_error(L, "%s: call it with a colon, self.syncher:%s(…)", method, method);
    }
    hy_instance_t *i = hy_instance_of(L);
    if (!i->syncher) luaL_error(L, "%s: the hyperty has no address", method);
    return i;
}

/* --- create ----------------------------------------------------------------------------------- */

enum {
    SCHEMA,
    NAME,
    DATA,
    OBSERVERS,
    STORE,
    P2P,
    PUBLIC,
    MUTUAL,
    DESCRIPTION,
    TAGS,
    RESOURCES,
    URL,
    NEW
};
static const hy_option_t create_options[] = {
    [SCHEMA] = {"schema", HY_OPTION_NEEDED_TEXT, "its name; any data goes with \"Resource\""},
    [NAME] = {"name", HY_OPTION_TEXT, "by which others find it"},
    [DATA] = {"data", HY_OPTION_VALUE, "what a new one begins with"},
    [OBSERVERS] = {"observers", HY_OPTION_TEXTS, "urls of hyperties to invite"},
    [STORE] = {"store", HY_OPTION_STORE, "survives the process; \"sync\": a loss of power, too"},
    [P2P] = {"p2p", HY_OPTION_FLAG, "not available"},
    [PUBLIC] = {"public", HY_OPTION_FLAG, "whoever asks may observe"},
    [MUTUAL] = {"mutual", HY_OPTION_FLAG, "only its participants can read it, no node"},
    [DESCRIPTION] = {"description", HY_OPTION_TEXT, "for people"},
    [TAGS] = {"tags", HY_OPTION_TEXTS, "for who searches"},
    [RESOURCES] = {"resources", HY_OPTION_TEXTS, "that it has, for who searches: \"audio\""},
    [URL] = {"url", HY_OPTION_TEXT, "an address of one's own choice"},
    [NEW] = {"new", HY_OPTION_FLAG, "a new one, also if there is one of that name"},
    {NULL, HY_OPTION_VALUE, NULL},
};

/* The level that `store` says. */
static hy_store_level_t option_level(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TSTRING) return HY_STORE_SYNCED; /* "sync", as checked */
    return lua_toboolean(L, index) ? HY_STORE_KEPT : HY_STORE_NONE;
}

/* What this table holds can be read without raising. */
static int optional_str(lua_State *L, int index, hy_str_t **out) {
    if (lua_isnil(L, index)) return 0;
    *out = hy_class_str(L, index);
    return *out ? 0 : HY_ENOMEM;
}

/* Holds {description, tags, resources, mutual} as far as they are given; ABSENT if none is. */
static hy_value_t *hold_metadata(lua_State *L, int options) {
    hy_value_t *metadata = hy_class_hold(L);
    int given[] = {DESCRIPTION, TAGS, RESOURCES, MUTUAL};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        const char *name = create_options[given[i]].name;
        if (lua_isnil(L, options + given[i])) continue;
        hy_value_t *value = hy_class_value(L, options + given[i], name);
        if (metadata->kind == HY_ABSENT) *metadata = hy_node_value(hy_node_new(HY_OBJECT));
        hy_node_t *n = hy_is_node(*metadata) ? metadata->as.n : NULL;
        int rc = hy_put(n, name, hy_value_take(value));
        if (rc < 0) luaL_error(L, "create: %s", hy_error_text(rc));
    }
    return metadata;
}

static int create(lua_State *L, hy_instance_t *i, int options, hy_create_t *what, hy_wait_t *w,
                  hy_error_t *err) {
    hy_str_t **observers = NULL;
    int rc = optional_str(L, options + SCHEMA, &what->schema);
    if (rc == 0) rc = optional_str(L, options + NAME, &what->name);
    if (rc == 0) rc = optional_str(L, options + URL, &what->url);
    if (rc == 0 && !lua_isnil(L, options + OBSERVERS)) {
        rc = hy_class_strs(L, options + OBSERVERS, &observers, &what->observer_count);
        what->observers = observers;
    }
    if (rc == 0) {
        rc = hy_syncher_create(i->syncher, what, hy_box_made, w, err);
    } else {
        hy_value_drop(what->data);
        hy_value_drop(what->metadata);
    }
    hy_str_unref(what->schema);
    hy_str_unref(what->name);
    hy_str_unref(what->url);
    if (observers) hy_class_free_strs(observers, what->observer_count);
    return rc;
}

static int syncher_create(lua_State *L) {
    hy_instance_t *i = check(L, "create");
    int options = hy_class_options(L, 2, "create", create_options);
    hy_value_t *data = hy_class_hold(L);
    if (!lua_isnil(L, options + DATA)) {
        data = hy_class_value(L, options + DATA, "create: data");
        if (!hy_is_node(*data)) return luaL_error(L, "create: data must be an object or a list");
    }
    hy_value_t *metadata = hold_metadata(L, options);
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, "create");
    hy_create_t what = {.data = hy_value_take(data),
                        .metadata = hy_value_take(metadata),
                        .is_public = lua_toboolean(L, options + PUBLIC),
                        .is_new = lua_toboolean(L, options + NEW),
                        .store = option_level(L, options + STORE),
                        .p2p = lua_toboolean(L, options + P2P)};
    int rc = create(L, i, options, &what, w, &err);
    return hy_wait_end(L, w, rc, &err);
}

/* --- subscribe, read -------------------------------------------------------------------------- */

enum { S_SCHEMA, S_STORE, S_P2P };
static const hy_option_t subscribe_options[] = {
    [S_SCHEMA] = {"schema", HY_OPTION_TEXT, "what it must be of"},
    [S_STORE] = {"store", HY_OPTION_STORE, "the copy survives the process"},
    [S_P2P] = {"p2p", HY_OPTION_FLAG, "not available"},
    {NULL, HY_OPTION_VALUE, NULL},
};

static int syncher_subscribe(lua_State *L) {
    hy_instance_t *i = check(L, "subscribe");
    hy_class_text(L, 2, NULL);
    if (lua_isnoneornil(L, 3)) {
        lua_settop(L, 2);
        lua_newtable(L);
    }
    int first = hy_class_options(L, 3, "subscribe", subscribe_options);
    /* What cannot be served is refused, never ignored. */
    if (lua_toboolean(L, first + S_P2P)) {
        return hy_push_failure(L, HY_EINVALID, "subscribe: p2p is not available; leave it out");
    }
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, "subscribe");
    hy_str_t *url = hy_class_str(L, 2), *schema = NULL;
    int rc = optional_str(L, first + S_SCHEMA, &schema);
    if (!url) rc = HY_ENOMEM;
    if (rc == 0)
        rc = hy_syncher_subscribe(i->syncher, url, schema, option_level(L, first + S_STORE),
                                  hy_box_made, w, &err);
    hy_str_unref(url);
    hy_str_unref(schema);
    return hy_wait_end(L, w, rc, &err);
}

static int syncher_read(lua_State *L) {
    hy_instance_t *i = check(L, "read");
    hy_class_text(L, 2, NULL);
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, "read");
    hy_str_t *url = hy_class_str(L, 2);
    int rc = url ? hy_syncher_read(i->syncher, url, hy_wait_value, w, &err) : HY_ENOMEM;
    hy_str_unref(url);
    return hy_wait_end(L, w, rc, &err);
}

/* --- resume, discover, on --------------------------------------------------------------------- */

typedef struct {
    hy_instance_t *instance;
    hy_party_t **parties;
    uint32_t count;
} resumed_t;

static int push_resumed(lua_State *L, void *arg) {
    const resumed_t *r = arg;
    lua_createtable(L, (int)r->count, 0);
    for (uint32_t i = 0; i < r->count; i++) {
        hy_box_push(L, r->instance, r->parties[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static void on_resumed(void *wait, int code, const char *desc, hy_party_t **parties,
                       uint32_t count) {
    if (code < 0) {
        hy_wait_done(wait, code, desc);
        return;
    }
    resumed_t r = {hy_wait_instance(wait), parties, count};
    hy_wait_complete(wait, push_resumed, &r);
}

enum { R_SCHEMA, R_NAME };
static const hy_option_t resume_options[] = {
    [R_SCHEMA] = {"schema", HY_OPTION_TEXT, "only of that schema"},
    [R_NAME] = {"name", HY_OPTION_TEXT, "only of that name"},
    {NULL, HY_OPTION_VALUE, NULL},
};

static int syncher_resume(lua_State *L) {
    hy_instance_t *i = check(L, "resume");
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_newtable(L);
    }
    int first = hy_class_options(L, 2, "resume", resume_options);
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, "resume");
    hy_str_t *schema = NULL, *name = NULL;
    int rc = optional_str(L, first + R_SCHEMA, &schema);
    if (rc == 0) rc = optional_str(L, first + R_NAME, &name);
    if (rc == 0) rc = hy_syncher_resume(i->syncher, schema, name, on_resumed, w, &err);
    hy_str_unref(schema);
    hy_str_unref(name);
    return hy_wait_end(L, w, rc, &err);
}

static int syncher_discover(lua_State *L) {
    hy_instance_t *i = check(L, "discover");
    hy_value_t *criteria = hy_discover_criteria(L, 2, "discover");
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, "discover");
    int rc = hy_syncher_discover(i->syncher, hy_value_take(criteria), hy_wait_value, w, &err);
    return hy_wait_end(L, w, rc, &err);
}

static int syncher_on(lua_State *L) {
    check(L, "on");
    const char *event = lua_tostring(L, 2);
    if (event && strcmp(event, "registration") == 0) {
        return hy_registration_on(L, &find(L)->handlers);
    }
    return hy_handlers_on(L, &find(L)->handlers, HY_ROLE_SYNCHER, "the syncher");
}

static int syncher_index(lua_State *L) {
    hy_class_field(L, 1);
    return 1;
}

static int syncher_tostring(lua_State *L) {
    lua_pushfstring(L, "syncher of %s", hy_instance_of(L)->url->bytes);
    return 1;
}

/* --- events of the core ----------------------------------------------------------------------- */

static hy_box_t *box_of(const hy_party_t *party) {
    return hy_party_tag(party);
}

static void on_decide(void *arg, hy_party_t *party, hy_decision_t *d) {
    hy_instance_t *i = arg;
    if (hy_decision_kind(d) == HY_DECIDE_CALL) {
        hy_instance_decide_call(i, d);
        return;
    }
    lua_syncher_t *s = party ? NULL : find(i->L);
    hy_asked_fire(i, party ? box_of(party) : NULL, s ? &s->handlers : NULL, d);
}

static void on_change(void *arg, hy_party_t *party, hy_change_t *change,
                      const hy_effect_t *effects) {
    hy_box_t *b = box_of(party);
    (void)arg;
    if (b) hy_change_fire(b, change, effects);
}

static void on_child(void *arg, hy_party_t *party, hy_child_event_kind_t kind, hy_child_t *child,
                     hy_change_t *change) {
    hy_box_t *b = box_of(party);
    (void)arg;
    if (b) hy_child_event_fire(b, kind, child, change);
}

typedef struct {
    hy_str_t *collection, *from;
    hy_value_t value;
} sent_t;

/* {collection, from, value} */
static int push_sent(lua_State *L, void *arg) {
    const sent_t *sent = arg;
    lua_createtable(L, 0, 3);
    hy_class_push_str(L, sent->collection);
    lua_setfield(L, -2, "collection");
    hy_class_push_str(L, sent->from);
    lua_setfield(L, -2, "from");
    hy_value_push(L, sent->value);
    lua_setfield(L, -2, "value");
    return 1;
}

static void on_event(void *arg, hy_party_t *party, hy_str_t *collection, hy_str_t *from,
                     hy_value_t value) {
    sent_t sent = {collection, from, value};
    hy_box_t *b = box_of(party);
    (void)arg;
    if (b) hy_box_fire(b, HY_ON_EVENT, push_sent, &sent, NULL);
}

/* {from} */
static int push_left(lua_State *L, void *arg) {
    lua_createtable(L, 0, 1);
    hy_class_push_str(L, arg);
    lua_setfield(L, -2, "from");
    return 1;
}

static void on_unsubscribed(void *arg, hy_party_t *party, hy_str_t *observer) {
    hy_box_t *b = box_of(party);
    (void)arg;
    if (b) hy_box_fire(b, HY_ON_UNSUBSCRIBE, push_left, observer, NULL);
}

typedef struct {
    uint64_t from, to;
    const char *reason;
} resync_t;

static int push_resync(lua_State *L, void *arg) {
    const resync_t *r = arg;
    lua_pushinteger(L, (lua_Integer)r->from);
    lua_pushinteger(L, (lua_Integer)r->to);
    lua_pushstring(L, r->reason);
    return 3;
}

static void on_resync(void *arg, hy_party_t *party, uint64_t from, uint64_t to,
                      const char *reason) {
    resync_t resync = {from, to, reason};
    hy_box_t *b = box_of(party);
    (void)arg;
    if (b) hy_box_fire(b, HY_ON_RESYNC, push_resync, &resync, NULL);
}

static int push_end(lua_State *L, void *arg) {
    const bool *is_evicted = arg;
    lua_pushstring(L, *is_evicted ? "evicted" : "deleted");
    return 1;
}

static void on_ended(void *arg, hy_party_t *party, bool is_evicted) {
    hy_instance_t *i = arg;
    hy_box_t *b = box_of(party);
    if (!b) return;
    hy_box_enter(b); /* it must still be there after its handlers */
    hy_box_fire(b, HY_ON_DELETE, push_end, &is_evicted, NULL);
    hy_box_close(i->L, b);
    hy_box_leave(i->L, b);
}

static int push_status(lua_State *L, void *arg) {
    hy_box_push_status(L, *(const hy_party_status_t *)arg);
    return 1;
}

static void on_status(void *arg, hy_party_t *party, hy_party_status_t status) {
    hy_box_t *b = box_of(party);
    (void)arg;
    if (b) hy_box_fire(b, HY_ON_STATUS, push_status, &status, NULL);
}

static void on_registered(void *arg, hy_watching_t *w, hy_registered_t kind, const hy_node_t *entry,
                          bool is_first) {
    hy_instance_t *i = arg;
    lua_syncher_t *s = find(i->L);
    if (s) hy_registration_fire(i, &s->handlers, w, kind, entry, is_first);
}

static void on_emitted(void *arg, hy_str_t *hyperty, hy_str_t *name, const hy_node_t *args) {
    hy_lib_hyperty_emitted(arg, hyperty, name, args);
}

const hy_syncher_events_t hy_lib_syncher_events = {
    .decide = on_decide,
    .change = on_change,
    .child = on_child,
    .event = on_event,
    .unsubscribed = on_unsubscribed,
    .resync = on_resync,
    .ended = on_ended,
    .status = on_status,
    .emitted = on_emitted,
    .registered = on_registered,
};

/* --- opening and closing ---------------------------------------------------------------------- */

static const hy_method_t methods[] = {
    {"create", syncher_create, "what: options", "hyperty.Reporter" HY_OR_WHY,
     "a reporter; the one from before, if there is one", create_options},
    {"subscribe", syncher_subscribe, "url: string, how?: options", "hyperty.Observer" HY_OR_WHY,
     "an observer", subscribe_options},
    {"read", syncher_read, "url: string", "hyperty.Reading" HY_OR_WHY,
     "metadata, data and children, once", NULL},
    {"resume", syncher_resume, "which?: options", "(hyperty.Reporter|hyperty.Observer)[]" HY_OR_WHY,
     "the reporters and observers kept from before", resume_options},
    {"discover", syncher_discover, "what: options", "hyperty.Entry[]" HY_OR_WHY,
     "what the registry knows, those that are live first", hy_discover_options},
    {"on", syncher_on, "event: string, fn: function", "hyperty.Handler",
     "calls the function when that happens", NULL},
    {NULL}};

const hy_class_t hy_syncher_class = {
    .name = "hyperty.Syncher",
    .noun = "the syncher",
    .doc = "makes data objects, and finds those of others",
    .more = "Any data goes with schema = \"Resource\".",
    .metatable = HY_SYNCHER_CLASS,
    .role = HY_ROLE_SYNCHER,
    .methods = methods,
};

void hy_lib_syncher_open(lua_State *L) {
    static const luaL_Reg meta[] = {{"__tostring", syncher_tostring}, {NULL, NULL}};
    hy_lib_handler_open(L);
    hy_lib_party_open(L);
    hy_lib_child_open(L);
    hy_lib_change_open(L);
    hy_lib_event_open(L);
    hy_class_names(L, &hy_syncher_class);
    hy_class_open(L, HY_SYNCHER_CLASS, syncher_index, 1, meta);
    lua_syncher_t *s = lua_newuserdatauv(L, sizeof *s, 0);
    hy_link_init(&s->boxes);
    hy_handlers_init(&s->handlers);
    luaL_setmetatable(L, HY_SYNCHER_CLASS);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &syncher_key);
}

void hy_lib_syncher_close(lua_State *L) {
    lua_syncher_t *s = find(L);
    if (!s) return;
    hy_handlers_cancel(L, &s->handlers);
    while (!hy_list_is_empty(&s->boxes)) {
        hy_box_t *b = hy_link_owner(s->boxes.next, hy_box_t, link);
        assert(b->handlers.busy == 0);
        b->ending = NULL; /* nobody calls back any more */
        hy_box_close(L, b);
    }
}
