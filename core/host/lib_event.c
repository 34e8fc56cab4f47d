/* Child events and everything that a hyperty decides: requests, invitations, children of others.
 *
 *      decision ──► asked ──┬── task of handler 1 ──┐ each holds one of it
 *                           └── task of handler 2 ──┘
 *
 * All handlers of an event run; the first decision wins. When the last task has ended and nobody
 * has decided, the decision is ended, which refuses everything but a child; if a handler raised,
 * the asker is told that, since it is no refusal. The objects that the handlers get hold a
 * reference of their own, so they may decide later or from another task as long as one of the
 * handlers has not ended. */
#include "../base/mem.h"
#include "lib_syncher.h"

struct hy_asked {
    uint32_t refs;
    bool has_failed; /* a handler raised */
    hy_on_t event;
    hy_instance_t *instance;
    hy_decision_t *decision; /* referenced */
};

/* A child event; without a decision where nothing is asked. */
typedef struct {
    hy_party_t *party;
    hy_child_t *child;
    hy_change_t *change; /* NULL but for updates */
    hy_decision_t *decision;
    hy_child_event_kind_t kind;
} lua_event_t;

/* A request, an invitation or an offer. */
typedef struct {
    hy_party_t *party; /* only of a request */
    hy_decision_t *decision;
} lua_request_t;

/* --- asked ------------------------------------------------------------------------------------ */

static hy_asked_t *asked_new(hy_instance_t *i, hy_on_t event, hy_decision_t *d) {
    hy_asked_t *a = hy_alloc(sizeof *a);
    if (!a) return NULL;
    *a = (hy_asked_t){.refs = 1, .event = event, .instance = i, .decision = hy_decision_ref(d)};
    return a;
}

hy_asked_t *hy_asked_ref(hy_asked_t *a) {
    a->refs++;
    return a;
}

/* Nobody is left to decide. What was decided stays; what a hyperty thought about that stops is
 * ended with its syncher. */
static void asked_end(const hy_asked_t *a) {
    bool is_settled = a->instance->life == HY_LIFE_SETTLED;
    if (a->instance->state == HY_STOPPING && is_settled) return;
    if (a->has_failed && hy_decision_kind(a->decision) != HY_DECIDE_CHILD) {
        hy_error_t err = {0};
        hy_fail(&err, HY_EINTERNAL, "the %s failed", hy_on_label(a->event));
        hy_decision_reject(a->decision, HY_EINTERNAL, err.text);
    } else {
        hy_decision_end(a->decision);
    }
}

void hy_asked_unref(hy_asked_t *a) {
    if (--a->refs > 0) return;
    asked_end(a);
    hy_decision_unref(a->decision);
    hy_free(a);
}

static void asked_ended(void *arg, lua_State *L, int results, bool failed) {
    hy_asked_t *a = arg;
    (void)L;
    (void)results;
    if (failed) a->has_failed = true;
    hy_asked_unref(a);
}

static void asked_dropped(void *arg) {
    hy_asked_unref(arg);
}

const hy_task_end_t hy_asked_end = {.ended = asked_ended, .dropped = asked_dropped};

/* What a script gets when it decides a second time, or too late. */
static int decided(lua_State *L, int rc) {
    if (rc < 0) {
        return hy_push_failure(L, rc, rc == HY_ECONFLICT ? "this is decided already" : NULL);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static const char *check_reason(lua_State *L) {
    return lua_isnoneornil(L, 2) ? NULL : hy_class_text(L, 2, NULL);
}

/* Pushes a node as a table, made once and kept as the user value of the object at 1. */
static int push_kept(lua_State *L, int slot, hy_value_t v) {
    if (lua_getiuservalue(L, 1, slot) != LUA_TNIL || v.kind == HY_ABSENT) return 1;
    lua_pop(L, 1);
    hy_value_push(L, v);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, slot);
    return 1;
}

/* --- child events ----------------------------------------------------------------------------- */

enum { EVENT_KIND = 1, EVENT_CHILD, EVENT_CHANGE, EVENT_CHANGES };
static const hy_field_t event_fields[] = {
    {"kind", EVENT_KIND, "hyperty.ChildEventKind",
     "\"create\", \"update\", \"delete\", \"refused\" or \"expired\""},
    {"child", EVENT_CHILD, "hyperty.Child", "the child"},
    {"change", EVENT_CHANGE, "hyperty.Change|nil", "what an update changed, the first of it"},
    {"changes", EVENT_CHANGES, "hyperty.Change[]|nil", "all that it changed"},
    {NULL}};

static int push_event(lua_State *L, void *arg) {
    const lua_event_t *event = arg;
    lua_event_t *e = lua_newuserdatauv(L, sizeof *e, 1);
    *e = (lua_event_t){.kind = event->kind};
    luaL_setmetatable(L, HY_EVENT_CLASS);
    e->party = hy_party_ref(event->party);
    e->child = hy_child_ref(event->child);
    if (event->change) e->change = hy_change_ref(event->change);
    if (event->decision) e->decision = hy_decision_ref(event->decision);
    return 1;
}

static int event_gc(lua_State *L) {
    lua_event_t *e = lua_touserdata(L, 1);
    hy_decision_unref(e->decision);
    hy_change_unref(e->change);
    hy_child_unref(e->child);
    hy_party_unref(e->party);
    *e = (lua_event_t){.kind = e->kind};
    return 0;
}

static void push_changes(lua_State *L, const lua_event_t *e) {
    if (lua_getiuservalue(L, 1, 1) != LUA_TNIL) return;
    lua_pop(L, 1);
    hy_change_push_list(L, e->change, e->child->data);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, 1);
}

static int event_index(lua_State *L) {
    const lua_event_t *e = lua_touserdata(L, 1);
    switch (hy_class_field(L, 1)) {
    case EVENT_KIND:
        lua_pushstring(L, hy_child_event_word(e->kind));
        return 1;
    case EVENT_CHILD:
        hy_child_push(L, e->party, e->child);
        return 1;
    case EVENT_CHANGE:
        if (!e->change) return 0;
        push_changes(L, e);
        lua_rawgeti(L, -1, 1);
        return 1;
    case EVENT_CHANGES:
        if (!e->change) return 0;
        push_changes(L, e);
        return 1;
    default:
        return 1;
    }
}

static int event_refuse(lua_State *L) {
    const lua_event_t *e = luaL_checkudata(L, 1, HY_EVENT_CLASS);
    const char *reason = check_reason(L);
    int rc = HY_ECONFLICT; /* what is told, and not asked, has happened */
    if (e->decision) rc = hy_decision_reject(e->decision, HY_EFORBIDDEN, reason);
    return decided(L, rc);
}

static int event_tostring(lua_State *L) {
    const lua_event_t *e = luaL_checkudata(L, 1, HY_EVENT_CLASS);
    lua_pushfstring(L, "child event: %s %s", hy_child_event_word(e->kind), e->child->id->bytes);
    return 1;
}

void hy_child_event_fire(hy_box_t *b, hy_child_event_kind_t kind, hy_child_t *child,
                         hy_change_t *change) {
    lua_event_t event = {.party = b->lua.party, .child = child, .change = change, .kind = kind};
    hy_box_fire(b, HY_ON_CHILD, push_event, &event, NULL);
}

/* --- requests, invitations and offers --------------------------------------------------------- */

enum { FROM = 1, IDENTITY, METHOD, PARAMS, URL, NAME, SCHEMA, VALUE };
static const hy_field_t request_fields[] = {
    {"from", FROM, "string", "url of the hyperty that asks"},
    {"identity", IDENTITY, "hyperty.Identity", "whom it acts for: .user, .verified"},
    {"method", METHOD, "string|nil", "of \"execute\": what is called"},
    {"params", PARAMS, "any[]|nil", "of \"execute\": with which values"},
    {"url", URL, "string", "the data object"},
    {NULL}};
static const hy_field_t invitation_fields[] = {
    {"from", FROM, "string", "url of the reporter's hyperty"},
    {"identity", IDENTITY, "hyperty.Identity", "whom it acts for: .user, .verified"},
    {"url", URL, "string", "the data object"},
    {"name", NAME, "string|nil", "its name"},
    {"schema", SCHEMA, "string|nil", "its schema"},
    {"value", VALUE, "table", "all that was said about it"},
    {NULL}};

/* user values */
enum { IDENTITY_SLOT = 1, CONTENT_SLOT, REQUEST_SLOTS = CONTENT_SLOT };

static const char *class_of(const lua_request_t *request) {
    if (request->party) return HY_REQUEST_CLASS;
    bool is_offer = hy_decision_kind(request->decision) == HY_DECIDE_DELEGATE;
    return is_offer ? HY_OFFER_CLASS : HY_INVITATION_CLASS;
}

static int push_request(lua_State *L, void *arg) {
    const lua_request_t *request = arg;
    lua_request_t *r = lua_newuserdatauv(L, sizeof *r, REQUEST_SLOTS);
    *r = (lua_request_t){.party = NULL};
    luaL_setmetatable(L, class_of(request));
    r->party = request->party ? hy_party_ref(request->party) : NULL;
    r->decision = hy_decision_ref(request->decision);
    return 1;
}

static int request_gc(lua_State *L) {
    lua_request_t *r = lua_touserdata(L, 1);
    hy_decision_unref(r->decision);
    hy_party_unref(r->party);
    *r = (lua_request_t){.party = NULL};
    return 0;
}

static hy_value_t lent(const hy_node_t *n) {
    return hy_node_value((hy_node_t *)n);
}

/* Who tells no user has an identity without one. */
static int push_identity(lua_State *L, const hy_decision_t *d) {
    if (lua_getiuservalue(L, 1, IDENTITY_SLOT) != LUA_TNIL) return 1;
    lua_pop(L, 1);
    lua_createtable(L, 0, 2);
    hy_class_push_str(L, hy_decision_user(d));
    lua_setfield(L, -2, "user");
    lua_pushboolean(L, hy_decision_is_verified(d));
    lua_setfield(L, -2, "verified");
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, IDENTITY_SLOT);
    return 1;
}

static int request_index(lua_State *L) {
    const lua_request_t *r = lua_touserdata(L, 1);
    const hy_decision_t *d = r->decision;
    switch (hy_class_field(L, 1)) {
    case FROM:
        hy_class_push_str(L, hy_decision_from(d));
        return 1;
    case IDENTITY:
        return push_identity(L, d);
    case METHOD:
        hy_class_push_str(L, hy_decision_method(d));
        return 1;
    case PARAMS:
        return push_kept(L, CONTENT_SLOT, hy_decision_params(d));
    case URL:
        hy_class_push_str(L, r->party ? hy_party_url(r->party) : hy_decision_url(d));
        return 1;
    case NAME:
        hy_class_push_str(L, hy_get_str(hy_decision_value(d), "name"));
        return 1;
    case SCHEMA:
        hy_class_push_str(L, hy_get_str(hy_decision_value(d), "schema"));
        return 1;
    case VALUE:
        return push_kept(L, CONTENT_SLOT, lent(hy_decision_value(d)));
    default:
        return 1;
    }
}

static int request_tostring(lua_State *L) {
    const lua_request_t *r = lua_touserdata(L, 1);
    bool is_offer = hy_decision_kind(r->decision) == HY_DECIDE_DELEGATE;
    lua_pushfstring(L, "%s from %s",
                    r->party   ? "request"
                    : is_offer ? "offer"
                               : "invitation",
                    hy_decision_from(r->decision)->bytes);
    return 1;
}

static int request_accept(lua_State *L) {
    const lua_request_t *r = luaL_checkudata(L, 1, HY_REQUEST_CLASS);
    bool takes_value = hy_decision_kind(r->decision) == HY_DECIDE_EXECUTE;
    hy_value_t value = hy_absent();
    if (!lua_isnoneornil(L, 2)) {
        luaL_argcheck(L, takes_value, 2, "only what was executed is answered with a value");
        value = hy_value_take(hy_class_value(L, 2, "accept"));
    }
    return decided(L, hy_decision_accept(r->decision, value));
}

static int request_reject(lua_State *L) {
    const lua_request_t *r = luaL_checkudata(L, 1, HY_REQUEST_CLASS);
    const char *reason = check_reason(L);
    return decided(L, hy_decision_reject(r->decision, HY_EFORBIDDEN, reason));
}

/* Answers, then subscribes; gives the observer. */
static int invitation_accept(lua_State *L) {
    const lua_request_t *r = luaL_checkudata(L, 1, HY_INVITATION_CLASS);
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, "accept");
    int rc = hy_decision_accept(r->decision, hy_absent());
    if (rc == HY_ECONFLICT) hy_fail(&err, rc, "this is decided already");
    if (rc == 0) {
        rc = hy_syncher_subscribe(hy_instance_of(L)->syncher, hy_decision_url(r->decision), NULL,
                                  HY_STORE_NONE, hy_box_made, w, &err);
    }
    return hy_wait_end(L, w, rc, &err);
}

static int invitation_decline(lua_State *L) {
    const lua_request_t *r = luaL_checkudata(L, 1, HY_INVITATION_CLASS);
    const char *reason = check_reason(L);
    return decided(L, hy_decision_reject(r->decision, HY_EFORBIDDEN, reason));
}

/* Gives the reporter, once the object is here. */
static int offer_accept(lua_State *L) {
    const lua_request_t *r = luaL_checkudata(L, 1, HY_OFFER_CLASS);
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, "accept");
    int rc = hy_decision_take_over(r->decision, hy_box_made, w, &err);
    return hy_wait_end(L, w, rc, &err);
}

static int offer_decline(lua_State *L) {
    const lua_request_t *r = luaL_checkudata(L, 1, HY_OFFER_CLASS);
    const char *reason = check_reason(L);
    return decided(L, hy_decision_reject(r->decision, HY_EFORBIDDEN, reason));
}

/* --- asking ----------------------------------------------------------------------------------- */

static hy_on_t event_of(const hy_decision_t *d) {
    switch (hy_decision_kind(d)) {
    case HY_DECIDE_SUBSCRIBE:
        return HY_ON_SUBSCRIBE;
    case HY_DECIDE_READ:
        return HY_ON_READ;
    case HY_DECIDE_EXECUTE:
        return HY_ON_EXECUTE;
    case HY_DECIDE_CHILD:
        return HY_ON_CHILD;
    case HY_DECIDE_INVITE:
    case HY_DECIDE_CALL:
        return HY_ON_INVITE;
    case HY_DECIDE_DELEGATE:
        return HY_ON_DELEGATE;
    }
    return HY_ON_INVITE;
}

static void ask_party(hy_box_t *b, hy_asked_t *a) {
    hy_decision_t *d = a->decision;
    if (hy_decision_kind(d) == HY_DECIDE_CHILD) {
        lua_event_t event = {.party = b->lua.party,
                             .child = hy_decision_child(d),
                             .change = hy_decision_change(d),
                             .decision = d,
                             .kind = hy_decision_child_kind(d)};
        hy_box_fire(b, a->event, push_event, &event, a);
    } else {
        lua_request_t request = {.party = b->lua.party, .decision = d};
        hy_box_fire(b, a->event, push_request, &request, a);
    }
}

static void fire(lua_State *L, void *arg) {
    hy_handlers_fire(L, arg);
}

static void ask_syncher(hy_instance_t *i, hy_handlers_t *invites, hy_asked_t *a) {
    lua_request_t invitation = {.decision = a->decision};
    hy_firing_t firing = {.instance = i,
                          .set = invites,
                          .event = a->event,
                          .push = push_request,
                          .arg = &invitation,
                          .asked = a};
    hy_error_t err;
    hy_handlers_enter(invites);
    if (hy_protected(i->L, fire, &firing, &err) < 0) {
        hy__instance_log(i, HY_LOG_ERROR, hy_on_label(a->event), err.text);
    }
    hy_handlers_leave(i->L, invites);
}

void hy_asked_fire(hy_instance_t *i, hy_box_t *box, hy_handlers_t *invites, hy_decision_t *d) {
    hy_on_t event = event_of(d);
    hy_handlers_t *set = box ? &box->handlers : invites;
    hy_asked_t *a = set && hy_handlers_has(set, event) ? asked_new(i, event, d) : NULL;
    if (!a && event == HY_ON_DELEGATE) {
        hy_decision_reject(d, HY_EFORBIDDEN, "it has no handler of \"delegate\"");
        return;
    }
    if (!a) {
        hy_decision_unheard(d, i->name->bytes);
        return;
    }
    if (box) {
        ask_party(box, a);
    } else {
        ask_syncher(i, set, a);
    }
    hy_asked_unref(a);
}

static const hy_method_t event_methods[] = {{"refuse", event_refuse, "reason?: string",
                                             "true" HY_OR_WHY,
                                             "keeps it out; for the object's reporter", NULL},
                                            {NULL}};
static const hy_method_t request_methods[] = {
    {"accept", request_accept, "value?: any", "true" HY_OR_WHY,
     "lets it in; to \"execute\" the value is the answer", NULL},
    {"reject", request_reject, "reason?: string", "true" HY_OR_WHY, "does not", NULL},
    {NULL}};
static const hy_method_t invitation_methods[] = {
    {"accept", invitation_accept, NULL, "hyperty.Observer" HY_OR_WHY, "gives the observer", NULL},
    {"decline", invitation_decline, "reason?: string", "true" HY_OR_WHY, "does not observe", NULL},
    {NULL}};
static const hy_method_t offer_methods[] = {
    {"accept", offer_accept, NULL, "hyperty.Reporter" HY_OR_WHY,
     "gives the reporter, once the object is ours", NULL},
    {"decline", offer_decline, "reason?: string", "true" HY_OR_WHY, "does not take it", NULL},
    {NULL}};

const hy_class_t hy_child_event_class = {
    .name = "hyperty.ChildEvent",
    .noun = "a child event",
    .doc = "what a handler of \"child\" gets",
    .metatable = HY_EVENT_CLASS,
    .fields = event_fields,
    .methods = event_methods,
};
const hy_class_t hy_request_class = {
    .name = "hyperty.Request",
    .noun = "a request",
    .doc = "what a reporter decides, in its handlers of \"subscribe\", \"read\" and \"execute\"",
    .more = "The first decision counts. What no handler decides is rejected.\n\n"
            "    object:on(\"subscribe\", function(request) request:accept() end)",
    .metatable = HY_REQUEST_CLASS,
    .fields = request_fields,
    .methods = request_methods,
};
const hy_class_t hy_invitation_class = {
    .name = "hyperty.Invitation",
    .noun = "an invitation",
    .doc = "what a handler of \"invite\" of the syncher gets",
    .metatable = HY_INVITATION_CLASS,
    .fields = invitation_fields,
    .methods = invitation_methods,
};
const hy_class_t hy_offer_class = {
    .name = "hyperty.Offer",
    .noun = "an offer",
    .doc = "what a handler of \"delegate\" of the syncher gets",
    .metatable = HY_OFFER_CLASS,
    .fields = invitation_fields,
    .methods = offer_methods,
};

void hy_lib_event_open(lua_State *L) {
    static const luaL_Reg event_meta[] = {
        {"__gc", event_gc}, {"__tostring", event_tostring}, {NULL, NULL}};
    static const luaL_Reg request_meta[] = {
        {"__gc", request_gc}, {"__tostring", request_tostring}, {NULL, NULL}};
    hy_class_names(L, &hy_child_event_class);
    hy_class_open(L, HY_EVENT_CLASS, event_index, 1, event_meta);
    hy_class_names(L, &hy_request_class);
    hy_class_open(L, HY_REQUEST_CLASS, request_index, 1, request_meta);
    hy_class_names(L, &hy_invitation_class);
    hy_class_open(L, HY_INVITATION_CLASS, request_index, 1, request_meta);
    hy_class_names(L, &hy_offer_class);
    hy_class_open(L, HY_OFFER_CLASS, request_index, 1, request_meta);
}
