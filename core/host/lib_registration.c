/* What a hyperty asks the domain registry: the criteria of syncher:discover, and handlers of
 * "registration", each of which has a watching of its own in the core.
 *
 *      handler (listed) ── bound to ──► watching ── told ──► fired for that handler alone
 *
 * The handler holds a reference of its watching, and closes it when it is not listed any more. */
#include "lib_syncher.h"

const hy_option_t hy_discover_options[] = {
    {"name", HY_OPTION_TEXT, "of the object or hyperty"},
    {"schema", HY_OPTION_TEXT, "of the object, or one that the hyperty has"},
    {"user", HY_OPTION_TEXT, "url of the user it belongs to"},
    {"resources", HY_OPTION_TEXTS, "that it has, all of them"},
    {"reporter", HY_OPTION_TEXT, "url of the hyperty that reports it"},
    {"url", HY_OPTION_TEXT, "its address"},
    {"type", HY_OPTION_TEXT, "\"dataObject\" or \"hyperty\"; both without it"},
    {NULL, HY_OPTION_VALUE, NULL},
};

hy_value_t *hy_discover_criteria(lua_State *L, int index, const char *function) {
    const hy_option_t *options = hy_discover_options;
    int first = hy_class_options(L, index, function, options);
    hy_value_t *criteria = hy_class_hold(L);
    *criteria = hy_node_value(hy_node_new(HY_OBJECT));
    for (int at = 0; options[at].name; at++) {
        bool is_list = options[at].kind == HY_OPTION_TEXTS;
        if (lua_isnil(L, first + at) || (is_list && lua_rawlen(L, first + at) == 0)) continue;
        hy_value_t *value = hy_class_value(L, first + at, options[at].name);
        hy_node_t *n = hy_is_node(*criteria) ? criteria->as.n : NULL;
        int rc = hy_put(n, options[at].name, hy_value_take(value));
        if (rc < 0) luaL_error(L, "%s: %s", function, hy_error_text(rc));
    }
    if (!hy_is_node(*criteria)) luaL_error(L, "%s: %s", function, hy_error_text(HY_ENOMEM));
    lua_settop(L, first + (int)(sizeof hy_discover_options / sizeof *hy_discover_options) - 1);
    return criteria;
}

static void end(void *watching) {
    hy_watching_t *w = watching;
    hy_watching_close(w);
    hy_watching_unref(w);
}

int hy_registration_on(lua_State *L, hy_handlers_t *set) {
    static const char function[] = "on(\"registration\")";
    lua_settop(L, 4);
    if (lua_isfunction(L, 3) && lua_isnil(L, 4)) { /* without criteria */
        lua_newtable(L);
        lua_insert(L, 3);
        lua_settop(L, 4);
    }
    luaL_checktype(L, 4, LUA_TFUNCTION);
    hy_value_t *criteria = hy_discover_criteria(L, 3, function);
    lua_replace(L, 3); /* no pattern, as far as the handler is concerned */
    hy_handlers_on(L, set, HY_ROLE_SYNCHER, "the syncher");
    hy_error_t err = {0};
    hy_watching_t *w;
    int rc = hy_syncher_watch(hy_instance_of(L)->syncher, hy_value_take(criteria), &w, &err);
    if (rc < 0) {
        hy_handlers_drop(L, -1);
        return luaL_error(L, "%s: %s", function, err.text[0] ? err.text : hy_error_text(rc));
    }
    hy_handlers_bind(L, -1, hy_watching_ref(w), end);
    return 1;
}

typedef struct {
    hy_registered_t kind;
    const hy_node_t *entry;
    bool is_first;
} registration_t;

/* {kind, entry, first} */
static int push_registration(lua_State *L, void *arg) {
    const registration_t *r = arg;
    lua_createtable(L, 0, 3);
    lua_pushstring(L, hy_registered_word(r->kind));
    lua_setfield(L, -2, "kind");
    hy_value_push(L, hy_node_value((hy_node_t *)r->entry));
    lua_setfield(L, -2, "entry");
    lua_pushboolean(L, r->is_first);
    lua_setfield(L, -2, "first");
    return 1;
}

static void fire(lua_State *L, void *arg) {
    hy_handlers_fire(L, arg);
}

void hy_registration_fire(hy_instance_t *i, hy_handlers_t *set, hy_watching_t *w,
                          hy_registered_t kind, const hy_node_t *entry, bool is_first) {
    registration_t r = {kind, entry, is_first};
    hy_firing_t firing = {.instance = i,
                          .set = set,
                          .event = HY_ON_REGISTRATION,
                          .push = push_registration,
                          .arg = &r,
                          .of = w};
    hy_error_t err;
    hy_handlers_enter(set);
    if (hy_protected(i->L, fire, &firing, &err) < 0) {
        hy__instance_log(i, HY_LOG_ERROR, hy_on_label(HY_ON_REGISTRATION), err.text);
    }
    hy_handlers_leave(i->L, set);
}
