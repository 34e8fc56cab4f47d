/* Inside the Lua side of the syncher: what lib_syncher.c, lib_party.c, lib_reporter.c, lib_child.c,
 * lib_handler.c, lib_change.c, lib_event.c, lib_registration.c and lib_class.c share. convert.c
 * needs hy_lua_party_t.
 *
 *      hy_party_t ── tag ──► box (Lua userdata "hyperty.party") ── lists ──► handlers (userdata)
 *                            anchored while the party is open              anchored while listed
 *
 * Nothing here is counted by hand but the references to records of the core; what Lua needs it
 * owns as userdata, so that a script's memory cap counts it and lua_close takes it down. */
#ifndef HY_HOST_LIB_SYNCHER_H
#define HY_HOST_LIB_SYNCHER_H

#include "api.h"
#include "internal.h"

/* --- classes of userdata and arguments (lib_class.c) ------------------------------------------ */

#define HY_PARTY_CLASS        "hyperty.party"
#define HY_CHILD_CLASS        "hyperty.child"
#define HY_CHANGE_CLASS       "hyperty.change"
#define HY_CHANGE_OWNER_CLASS "hyperty.change_owner"
#define HY_EVENT_CLASS        "hyperty.child_event"
#define HY_REQUEST_CLASS      "hyperty.request"
#define HY_INVITATION_CLASS   "hyperty.invitation"
#define HY_OFFER_CLASS        "hyperty.offer"
#define HY_HANDLER_CLASS      "hyperty.handler"
#define HY_SYNCHER_CLASS      "hyperty.syncher"

/* Pushes a table of what an object of the class shows: names of fields with their numbers, names of
 * methods with their functions. */
void hy_class_names(lua_State *L, const hy_class_t *class);
/* Makes the metatable `name` in the registry: __index is `index` with the `tables` topmost values
 * (taken off) as upvalues, assigning raises, scripts do not see the metatable. */
void hy_class_open(lua_State *L, const char *name, lua_CFunction index, int tables,
                   const luaL_Reg *meta);
/* In `index`: looks the key up in the table that is upvalue `table`. The number of a field; or 0,
 * having pushed the method. Raises for what is unknown. */
lua_Integer hy_class_field(lua_State *L, int table);
/* __newindex of every class: raises that there is no such name, or that the object is read-only. */
int hy_class_read_only(lua_State *L);

/* A value of the core that a raise may not lose: a userdata on the stack, ABSENT at first. Whoever
 * takes the value out leaves ABSENT. */
hy_value_t *hy_class_hold(lua_State *L);
/* Converts the argument into a value held like that; raises "<what>: <why>" if it is not JSON. */
hy_value_t *hy_class_value(lua_State *L, int index, const char *what);
static inline hy_value_t hy_value_take(hy_value_t *held) {
    hy_value_t v = *held;
    *held = hy_absent();
    return v;
}
/* The argument as text; raises if it is no string of well-formed UTF-8 without zero bytes. */
const char *hy_class_text(lua_State *L, int arg, size_t *len);
/* The string at an index, which is known to be one; NULL when out of memory. Never raises. */
hy_str_t *hy_class_str(lua_State *L, int index);
/* True if the value at an index is a list of strings of well-formed UTF-8 and nothing else. */
bool hy_class_is_texts(lua_State *L, int index);
/* Such a list as strings (hy_class_free_strs). HY_ENOMEM. Never raises. */
int hy_class_strs(lua_State *L, int index, hy_str_t ***out, uint32_t *count);
void hy_class_free_strs(hy_str_t **strs, uint32_t count);
/* Pushes it as a Lua string, NULL as nil. */
void hy_class_push_str(lua_State *L, const hy_str_t *s);

/* Checks the table of named arguments at `index`: raises if one is not in the list, of another
 * type, or needed and missing. Pushes the values in the order of the list, nil where one is
 * missing; afterwards they can be read without raising. Returns the index of the first. */
int hy_class_options(lua_State *L, int index, const char *function, const hy_option_t *options);

/* --- handlers: what obj:on(…) keeps (lib_handler.c) ------------------------------------------- */

#define HY_ROLE_REPORTER 1u
#define HY_ROLE_OBSERVER 2u
#define HY_ROLE_SYNCHER  4u

/* name, word in Lua, roles that have it, what the handler gets, when it is called */
#define HY_ON_MAP(X)                                                                               \
    X(SUBSCRIBE, "subscribe", HY_ROLE_REPORTER, "request: hyperty.Request",                        \
      "somebody wants to observe; without a handler nobody gets in")                               \
    X(UNSUBSCRIBE, "unsubscribe", HY_ROLE_REPORTER, "left: hyperty.Left", "an observer has left")  \
    X(READ, "read", HY_ROLE_REPORTER, "request: hyperty.Request", "somebody wants to read once")   \
    X(EXECUTE, "execute", HY_ROLE_REPORTER, "request: hyperty.Request",                            \
      "an observer calls us: request.method .params")                                              \
    X(CHANGE, "change", HY_ROLE_OBSERVER, "change: hyperty.Change",                                \
      "data was changed; a pattern before the function picks where")                               \
    X(CHILD, "child", HY_ROLE_REPORTER | HY_ROLE_OBSERVER, "event: hyperty.ChildEvent",            \
      "something happened to a child")                                                             \
    X(EVENT, "event", HY_ROLE_REPORTER | HY_ROLE_OBSERVER, "event: hyperty.Event",                 \
      "what send_event sends")                                                                     \
    X(RESYNC, "resync", HY_ROLE_OBSERVER, "from: integer, to: integer, reason: string",            \
      "it was read anew after a gap, from one version to the other")                               \
    X(DELETE, "delete", HY_ROLE_OBSERVER, "reason: string",                                        \
      "it is over: \"deleted\", \"evicted\"; \"left\" before a reload")                            \
    X(STATUS, "status", HY_ROLE_REPORTER | HY_ROLE_OBSERVER, "status: hyperty.Status",             \
      "how it stands with the object, whenever that changes")                                      \
    X(INVITE, "invite", HY_ROLE_SYNCHER, "invitation: hyperty.Invitation",                         \
      "a reporter asks us to observe")                                                             \
    X(DELEGATE, "delegate", HY_ROLE_SYNCHER, "offer: hyperty.Offer",                               \
      "a reporter wants to hand its object over to us")                                            \
    X(REGISTRATION, "registration", HY_ROLE_SYNCHER, "event: hyperty.Registration",                \
      "an object or hyperty comes or goes")                                                        \
    X(RESUME, "resume", HY_ROLE_SYNCHER, "object: hyperty.Reporter|hyperty.Observer",              \
      "a task of the code before a reload has got that object")

typedef enum {
#define X(name, word, roles, params, doc) HY_ON_##name,
    HY_ON_MAP(X)
#undef X
        HY_ON_COUNT
} hy_on_t;

/* Handlers of one object by event. Lives inside a userdata. */
typedef struct {
    hy_link_t lists[HY_ON_COUNT];
    uint32_t busy; /* walks going on */
    bool has_cancelled;
} hy_handlers_t;

/* Where a change happened, for patterns and events: the steps of an op (lent), and which of them
 * are indices. */
typedef struct {
    const hy_step_t *steps;
    uint32_t count;
    int64_t last;        /* the last step, if that is an index: each item of an op has its own */
    uint64_t indices[2]; /* a bit a step */
} hy_place_t;

/* Steps that came from the wire name indices as text. Which they are is told by `effect`, what the
 * op did when it was applied; or, if that is NULL, by `root`, the tree that it is about (NULL: not
 * known). */
void hy_place_init(hy_place_t *p, const hy_op_t *op, const hy_node_t *root,
                   const hy_effect_t *effect);
/* True if the step is an index, from 0 (*index). */
bool hy_place_index(const hy_place_t *p, uint32_t step, int64_t *index);

void hy_lib_handler_open(lua_State *L);
void hy_handlers_init(hy_handlers_t *set);
static inline bool hy_handlers_has(const hy_handlers_t *set, hy_on_t event) {
    return !hy_list_is_empty(&set->lists[event]);
}
/* The body of obj:on(event, [pattern,] fn) with obj at 1: returns a handle with :cancel(). */
int hy_handlers_on(lua_State *L, hy_handlers_t *set, unsigned role, const char *noun);
/* The handler at `index` is about something of its own: it is called where the firing is `of` it,
 * and when it is not listed any more, `end` is called, once. */
void hy_handlers_bind(lua_State *L, int index, void *of, void (*end)(void *of));
/* Takes off the handler at `index`. */
void hy_handlers_drop(lua_State *L, int index);
/* "handler of change", for the log. */
const char *hy_on_label(hy_on_t event);
/* Around every walk: between them handlers are only marked as cancelled. The set must stay where it
 * is until the end. */
static inline void hy_handlers_enter(hy_handlers_t *set) {
    set->busy++;
}
void hy_handlers_leave(lua_State *L, hy_handlers_t *set);
/* No handler is called any more, references are given back. */
void hy_handlers_cancel(lua_State *L, hy_handlers_t *set);

/* A request that handlers decide: ended (refused, or a child kept) when the last of them has ended
 * without a decision. */
typedef struct hy_asked hy_asked_t;

/* One event for all handlers that want it. */
typedef struct {
    hy_instance_t *instance;
    hy_handlers_t *set;
    hy_on_t event;
    const hy_place_t *place;              /* for patterns; NULL: they do not matter */
    int (*push)(lua_State *L, void *arg); /* pushes the arguments, at most 4; returns how many */
    void *arg;
    hy_asked_t *asked; /* NULL: nothing to decide */
    const void *of;    /* for those that are bound to it; NULL: for those that are to nothing */
} hy_firing_t;

/* Starts a task per handler. In a protected call on the instance's main thread, between enter and
 * leave. Arguments are made once, for the first handler. */
void hy_handlers_fire(lua_State *L, const hy_firing_t *f);

/* --- parties (lib_party.c, lib_reporter.c) ---------------------------------------------------- */

/* How the userdata of a party begins. */
typedef struct {
    hy_party_t *party; /* referenced */
    hy_instance_t *instance;
} hy_lua_party_t;

typedef struct {
    hy_lua_party_t lua;
    hy_link_t link; /* in the syncher's boxes while it is anchored */
    hy_handlers_t handlers;
    hy_wait_t *ending; /* delete() or unsubscribe() on its way, NULL: none */
    int self_ref;      /* anchors this userdata while the party is open; else LUA_NOREF */
    bool is_closed;    /* the tag is off */
} hy_box_t;

void hy_lib_party_open(lua_State *L);
/* Pushes the userdata of a party: the same one while the party is open. */
void hy_box_push(lua_State *L, hy_instance_t *i, hy_party_t *party);
/* The box at argument 1; raises if it is none, or not of that role (0: any). */
hy_box_t *hy_box_check(lua_State *L, unsigned role, const char *method);
static inline bool hy_box_is_open(const hy_box_t *b) {
    return !b->is_closed && hy_party_is_open(b->lua.party);
}
/* nil, "<url> is closed", "closed" */
int hy_box_closed(lua_State *L, hy_box_t *b);
/* Takes the tag off, cancels handlers and lets go of the anchor (after the walk that goes on). */
void hy_box_close(lua_State *L, hy_box_t *b);
/* The life of the box is past: its handlers are not called any more. */
void hy_box_detach(lua_State *L, hy_box_t *b);
/* Around whatever may call handlers of the party: until the end the box stays. */
static inline void hy_box_enter(hy_box_t *b) {
    hy_handlers_enter(&b->handlers);
}
void hy_box_leave(lua_State *L, hy_box_t *b);
/* An event of a party, from a callback of the core: hy_handlers_fire with all that belongs around
 * it. */
void hy_box_fire(hy_box_t *b, hy_on_t event, int (*push)(lua_State *L, void *arg), void *arg,
                 hy_asked_t *asked);
/* delete() and unsubscribe() with the call that starts them: the party is closed when it is done.
 */
typedef int (*hy_box_end_call)(hy_party_t *p, hy_done_cb done, void *arg, hy_error_t *err);
int hy_box_end(lua_State *L, unsigned role, const char *method, hy_box_end_call call);
/* Pushes {state, version, head, pending, age}. */
void hy_box_push_status(lua_State *L, hy_party_status_t status);
/* `done` of calls that give a party; `arg` is the wait. */
void hy_box_made(void *wait, int code, const char *desc, hy_party_t *party);

/* The methods that only a reporter has. */
extern const hy_method_t hy_reporter_methods[];

/* --- children (lib_child.c) ------------------------------------------------------------------- */

void hy_lib_child_open(lua_State *L);
/* Pushes the userdata of a child: the same one as long as one is alive. */
void hy_child_push(lua_State *L, hy_party_t *party, hy_child_t *child);
/* Methods of both roles. */
int hy_box_add_child(lua_State *L);
int hy_box_children(lua_State *L);
int hy_box_send_event(lua_State *L);

/* --- events (lib_change.c, lib_event.c) ------------------------------------------------------- */

void hy_lib_change_open(lua_State *L);
void hy_lib_event_open(lua_State *L);
/* One change object for each item of each op, to the handlers of "change". */
void hy_change_fire(hy_box_t *b, hy_change_t *change, const hy_effect_t *effects);
/* Pushes the change objects of a child's update as a list; `root` is the child's data. What was
 * there before is not known: `.old` is nil, and setting a value is an "update". */
void hy_change_push_list(lua_State *L, hy_change_t *change, const hy_node_t *root);
void hy_child_event_fire(hy_box_t *b, hy_child_event_kind_t kind, hy_child_t *child,
                         hy_change_t *change);
/* Has the handlers decide; with none, ends the decision at once. `box` NULL: an invitation or an
 * offer, whose handlers are `invites`. */
void hy_asked_fire(hy_instance_t *i, hy_box_t *box, hy_handlers_t *invites, hy_decision_t *d);
hy_asked_t *hy_asked_ref(hy_asked_t *a);
/* The last one ends the decision. */
void hy_asked_unref(hy_asked_t *a);
extern const hy_task_end_t hy_asked_end;

/* --- the registry (lib_registration.c) -------------------------------------------------------- */

extern const hy_option_t hy_discover_options[];
/* The named arguments at `index` as an object, held by the value that it leaves on top. */
hy_value_t *hy_discover_criteria(lua_State *L, int index, const char *function);
/* The body of syncher:on("registration", [criteria,] fn), with the syncher at 1. */
int hy_registration_on(lua_State *L, hy_handlers_t *set);
/* An event of a watching, to its handler. */
void hy_registration_fire(hy_instance_t *i, hy_handlers_t *set, hy_watching_t *w,
                          hy_registered_t kind, const hy_node_t *entry, bool is_first);

/* --- self.syncher (lib_syncher.c) ------------------------------------------------------------- */

/* Where anchored boxes are listed, oldest first. */
hy_link_t *hy_lib_syncher_boxes(lua_State *L);
/* Those that are about no party. */
hy_handlers_t *hy_lib_syncher_handlers(lua_State *L);

#endif
