/* Handlers: what obj:on(event, [pattern,] fn) keeps, and how an event reaches them.
 *
 * A handler is one userdata: list link, references, compiled pattern. It is the handle that the
 * script gets, too. While it is listed the registry holds it and its function; cancelling gives
 * both back, at once or, when a walk is going on somewhere up the stack, at the end of that. So
 * handlers may cancel themselves and each other, add new ones (which hear the next event) and close
 * their object.
 *
 *      "values.*.unit"  ──►  steps  [values] [any] [unit]        "values.**"  ──►  [values] rest
 *
 * A pattern matches the place of a change step by step, without making the text of either. A change
 * of something above that place (all of `values` replaced) is one event at its own path, and
 * matches only a pattern that names that path. `**` stands for any rest, the empty one included. */
#include "lib_syncher.h"

typedef struct {
    int64_t index; /* the number that the text is in Lua, less 1; -1: none */
    uint32_t at, len;
    bool is_any;
} pattern_step_t;

typedef struct {
    hy_link_t link;
    hy_handlers_t *set; /* NULL once taken off the list */
    void *of;           /* that it is bound to, NULL: nothing */
    void (*end)(void *of);
    int self_ref, fn_ref;
    bool is_cancelled;
    bool has_pattern, has_rest;
    uint32_t step_count;
    pattern_step_t steps[]; /* then the text of the keys */
} handler_t;

static const char *const words[] = {
#define X(name, word, roles, params, doc) word,
    HY_ON_MAP(X)
#undef X
};

static const char *const labels[] = {
#define X(name, word, roles, params, doc) "handler of " word,
    HY_ON_MAP(X)
#undef X
};

static const unsigned roles_of[] = {
#define X(name, word, roles, params, doc) roles,
    HY_ON_MAP(X)
#undef X
};

const char *hy_on_label(hy_on_t event) {
    return labels[event];
}

/* --- places ----------------------------------------------------------------------------------- */

/* Digits only, no leading zero, as indices are on the wire and in patterns; -1 if it is none. */
static int64_t index_of(const char *text, size_t len) {
    if (len == 0 || len > 10 || (len > 1 && text[0] == '0')) return -1;
    int64_t index = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        index = index * 10 + (text[i] - '0');
    }
    return index;
}

static void mark_index(hy_place_t *p, uint32_t step) {
    p->indices[step / 64] |= UINT64_C(1) << (step % 64);
}

/* Follows the steps down the tree, to tell numbers that are keys from those that are indices. */
static void mark_from_tree(hy_place_t *p, const hy_node_t *node) {
    for (uint32_t i = 0; i < p->count && node; i++) {
        hy_str_t *key = p->steps[i].key;
        bool is_array = hy_node_kind(node) == HY_ARRAY;
        int64_t index = key ? index_of(key->bytes, key->len) : p->steps[i].index;
        if (is_array && index >= 0) mark_index(p, i);
        hy_value_t next = hy_absent();
        if (is_array && index >= 0) next = hy_node_at(node, (size_t)index);
        if (!is_array && key) next = hy_node_find(node, key);
        node = hy_is_node(next) ? next.as.n : NULL;
    }
}

/* Marks the indices of an op that is not applied yet. */
static void mark_indices(hy_place_t *p, const hy_op_t *op, const hy_node_t *root) {
    bool is_told = true; /* by the steps themselves */
    for (uint32_t i = 0; i < p->count; i++) {
        const hy_str_t *key = p->steps[i].key;
        if (!key) {
            mark_index(p, i);
        } else if (key->len > 0 && key->bytes[0] >= '0' && key->bytes[0] <= '9') {
            is_told = false;
        }
    }
    if (!is_told && root) mark_from_tree(p, root);
    if (op->kind == HY_OP_INSERT || op->kind == HY_OP_ERASE) mark_index(p, p->count - 1);
}

void hy_place_init(hy_place_t *p, const hy_op_t *op, const hy_node_t *root,
                   const hy_effect_t *effect) {
    *p = (hy_place_t){.steps = op->steps, .count = op->step_count};
    if (p->count == 0) return;
    if (effect) {
        memcpy(p->indices, effect->indices, sizeof p->indices);
    } else {
        mark_indices(p, op, root);
    }
    const hy_step_t *last = &p->steps[p->count - 1];
    p->last = last->key ? index_of(last->key->bytes, last->key->len) : last->index;
}

bool hy_place_index(const hy_place_t *p, uint32_t step, int64_t *index) {
    if (!(p->indices[step / 64] >> (step % 64) & 1)) return false;
    const hy_step_t *s = &p->steps[step];
    if (step + 1 == p->count) {
        *index = p->last;
    } else {
        *index = s->key ? index_of(s->key->bytes, s->key->len) : s->index;
    }
    return true;
}

/* --- patterns --------------------------------------------------------------------------------- */

static bool step_matches(const handler_t *h, uint32_t i, const hy_place_t *p) {
    const pattern_step_t *s = &h->steps[i];
    int64_t index;
    if (s->is_any) return true;
    if (hy_place_index(p, i, &index)) return s->index == index;
    const hy_str_t *key = p->steps[i].key;
    const char *texts = (const char *)&h->steps[h->step_count];
    return key && key->len == s->len && memcmp(key->bytes, texts + s->at, s->len) == 0;
}

static bool matches(const handler_t *h, const hy_place_t *p) {
    if (!h->has_pattern || !p) return true;
    if (h->has_rest ? p->count < h->step_count : p->count != h->step_count) return false;
    for (uint32_t i = 0; i < h->step_count; i++) {
        if (!step_matches(h, i, p)) return false;
    }
    return true;
}

static int bad_pattern(lua_State *L, int arg, const char *why) {
    return luaL_argerror(L, arg, lua_pushfstring(L, "pattern: %s", why));
}

/* Pushes the keys of a pattern, text or list, as a list of strings; returns how many. */
static uint32_t push_keys(lua_State *L, int arg) {
    lua_Integer count = 0;
    lua_newtable(L);
    if (lua_type(L, arg) == LUA_TTABLE) {
        lua_Integer n = luaL_len(L, arg);
        for (; count < n && count <= HY_PATH_STEPS_MAX; count++) {
            int type = lua_geti(L, arg, count + 1);
            if (type != LUA_TSTRING && !lua_isinteger(L, -1)) {
                bad_pattern(L, arg, "a key is a string or an integer");
            }
            lua_tostring(L, -1);
            lua_rawseti(L, -2, count + 1);
        }
        return (uint32_t)count;
    }
    size_t left;
    const char *text = hy_class_text(L, arg, &left);
    if (left == 0) return 0; /* the whole data */
    for (;;) {
        const char *end = memchr(text, '.', left);
        size_t len = end ? (size_t)(end - text) : left;
        if (len == 0) bad_pattern(L, arg, "a key is empty; write the pattern as a list of keys");
        lua_pushlstring(L, text, len);
        lua_rawseti(L, -2, ++count);
        if (!end || count > HY_PATH_STEPS_MAX) return (uint32_t)count;
        text = end + 1;
        left -= len + 1;
    }
}

/* Pushes a handler with the pattern whose keys are the list at `keys`. */
static handler_t *push_handler(lua_State *L, int arg, int keys, uint32_t count) {
    size_t bytes = 0, len;
    bool has_rest = false;
    if (count > HY_PATH_STEPS_MAX) bad_pattern(L, arg, "too many keys");
    for (uint32_t i = 1; i <= count; i++) {
        lua_rawgeti(L, keys, i);
        const char *key = lua_tolstring(L, -1, &len);
        has_rest = len == 2 && memcmp(key, "**", 2) == 0;
        if (has_rest && i < count) bad_pattern(L, arg, "** can only come last");
        bytes += len;
        lua_pop(L, 1);
    }
    if (has_rest) count--;
    handler_t *h = lua_newuserdatauv(L, sizeof *h + count * sizeof(pattern_step_t) + bytes, 0);
    *h = (handler_t){.self_ref = LUA_NOREF,
                     .fn_ref = LUA_NOREF,
                     .has_pattern = keys != 0,
                     .has_rest = has_rest,
                     .step_count = count};
    hy_link_init(&h->link);
    luaL_setmetatable(L, HY_HANDLER_CLASS);
    char *texts = (char *)&h->steps[count];
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        lua_rawgeti(L, keys, i + 1);
        const char *key = lua_tolstring(L, -1, &len);
        memcpy(texts + at, key, len);
        int64_t index = index_of(key, len);
        h->steps[i] = (pattern_step_t){.index = index > 0 ? index - 1 : -1,
                                       .at = at,
                                       .len = (uint32_t)len,
                                       .is_any = len == 1 && *key == '*'};
        at += (uint32_t)len;
        lua_pop(L, 1);
    }
    return h;
}

/* --- sets ------------------------------------------------------------------------------------- */

void hy_handlers_init(hy_handlers_t *set) {
    *set = (hy_handlers_t){.busy = 0};
    for (int i = 0; i < HY_ON_COUNT; i++) {
        hy_link_init(&set->lists[i]);
    }
}

void hy_handlers_bind(lua_State *L, int index, void *of, void (*end)(void *of)) {
    handler_t *h = lua_touserdata(L, index);
    h->of = of;
    h->end = end;
}

static void take_off(lua_State *L, handler_t *h) {
    hy_list_remove(&h->link);
    h->set = NULL;
    if (h->end) h->end(h->of);
    h->end = NULL;
    hy_unref(L, &h->fn_ref);
    hy_unref(L, &h->self_ref); /* last: nothing else may keep the handler */
}

static void sweep(lua_State *L, hy_handlers_t *set) {
    if (set->busy > 0 || !set->has_cancelled) return;
    set->has_cancelled = false;
    for (int i = 0; i < HY_ON_COUNT; i++) {
        hy_link_t *head = &set->lists[i];
        for (hy_link_t *l = head->next, *next; l != head; l = next) {
            handler_t *h = hy_link_owner(l, handler_t, link);
            next = l->next;
            if (h->is_cancelled) take_off(L, h);
        }
    }
}

void hy_handlers_leave(lua_State *L, hy_handlers_t *set) {
    set->busy--;
    sweep(L, set);
}

void hy_handlers_cancel(lua_State *L, hy_handlers_t *set) {
    for (int i = 0; i < HY_ON_COUNT; i++) {
        hy_link_t *head = &set->lists[i];
        for (hy_link_t *l = head->next; l != head; l = l->next) {
            hy_link_owner(l, handler_t, link)->is_cancelled = true;
        }
    }
    set->has_cancelled = true;
    sweep(L, set);
}

void hy_handlers_drop(lua_State *L, int index) {
    handler_t *h = lua_touserdata(L, index);
    if (h->is_cancelled || !h->set) return;
    h->is_cancelled = true;
    h->set->has_cancelled = true;
    sweep(L, h->set);
}

static int handler_cancel(lua_State *L) {
    luaL_checkudata(L, 1, HY_HANDLER_CLASS);
    hy_handlers_drop(L, 1);
    return 0;
}

static int handler_index(lua_State *L) {
    hy_class_field(L, 1);
    return 1;
}

/* Raises, naming the events that the role has. */
static int unknown_event(lua_State *L, int arg, unsigned role, const char *noun) {
    luaL_Buffer known;
    luaL_buffinit(L, &known);
    const char *comma = "";
    for (int i = 0; i < HY_ON_COUNT; i++) {
        if (!(roles_of[i] & role)) continue;
        luaL_addstring(&known, comma);
        luaL_addstring(&known, words[i]);
        comma = ", ";
    }
    luaL_pushresult(&known);
    return luaL_argerror(L, arg,
                         lua_pushfstring(L, "\"%s\" is no event of %s (known: %s)",
                                         lua_tostring(L, arg), noun, lua_tostring(L, -1)));
}

static hy_on_t check_event(lua_State *L, int arg, unsigned role, const char *noun) {
    const char *word = hy_class_text(L, arg, NULL);
    int i = 0;
    while (i < HY_ON_COUNT && !((roles_of[i] & role) && strcmp(words[i], word) == 0)) {
        i++;
    }
    if (i == HY_ON_COUNT) unknown_event(L, arg, role, noun);
    return (hy_on_t)i;
}

int hy_handlers_on(lua_State *L, hy_handlers_t *set, unsigned role, const char *noun) {
    lua_settop(L, 4);
    hy_on_t event = check_event(L, 2, role, noun);
    bool has_pattern = lua_type(L, 3) == LUA_TSTRING || lua_type(L, 3) == LUA_TTABLE;
    int fn = has_pattern || !lua_isnil(L, 4) ? 4 : 3, keys = 0;
    uint32_t count = 0;
    if (has_pattern) {
        luaL_argcheck(L, event == HY_ON_CHANGE, 3, "only \"change\" takes a pattern");
        count = push_keys(L, 3);
        keys = lua_gettop(L);
    }
    luaL_checktype(L, fn, LUA_TFUNCTION);
    handler_t *h = push_handler(L, 3, keys, count);
    lua_pushvalue(L, -1);
    h->self_ref = hy_ref(L);
    h->set = set;
    hy_list_append(&set->lists[event], &h->link);
    h->is_cancelled = set->has_cancelled = true; /* should the next one raise */
    lua_pushvalue(L, fn);
    h->fn_ref = hy_ref(L);
    h->is_cancelled = false;
    return 1;
}

/* --- firing ----------------------------------------------------------------------------------- */

static void start(lua_State *L, const hy_firing_t *f, const handler_t *h, int args, int nargs) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->fn_ref);
    for (int i = 0; i < nargs; i++) {
        lua_pushvalue(L, args + i);
    }
    if (f->asked) hy_asked_ref(f->asked);
    int rc = hy_task_spawn(f->instance, nargs, labels[f->event], f->asked ? &hy_asked_end : NULL,
                           f->asked);
    if (rc < 0 && f->asked) hy_asked_unref(f->asked);
    if (rc < 0 && rc != HY_ECLOSED) {
        hy__instance_log(f->instance, HY_LOG_ERROR, labels[f->event], hy_error_text(rc));
    }
    lua_settop(L, args + nargs - 1);
}

void hy_handlers_fire(lua_State *L, const hy_firing_t *f) {
    hy_link_t *head = &f->set->lists[f->event], *last = head->prev;
    int args = lua_gettop(L) + 1, nargs = -1;
    for (hy_link_t *l = head->next; l != head; l = l->next) {
        const handler_t *h = hy_link_owner(l, handler_t, link);
        if (!h->is_cancelled && h->of == f->of && matches(h, f->place)) {
            if (nargs < 0) nargs = f->push(L, f->arg);
            start(L, f, h, args, nargs);
        }
        if (l == last) break; /* what was added meanwhile hears the next event */
    }
    lua_settop(L, args - 1);
}

static const hy_method_t methods[] = {
    {"cancel", handler_cancel, NULL, NULL, "the function is not called any more", NULL}, {NULL}};

const hy_class_t hy_handler_class = {
    .name = "hyperty.Handler",
    .noun = "a handler",
    .doc = "what :on gives",
    .metatable = HY_HANDLER_CLASS,
    .methods = methods,
};

void hy_lib_handler_open(lua_State *L) {
    hy_class_names(L, &hy_handler_class);
    hy_class_open(L, HY_HANDLER_CLASS, handler_index, 1, NULL);
}
