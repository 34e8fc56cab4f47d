/* The life of an instance.
 *
 *      new ─► state, script ─► schemas, address ─► syncher ─► self ─► start() ─► running
 *       │         │               │                             │          │ unload
 *       └─────────┴───── error ───┴──────────── error ──────────┘          ▼
 *                          │                                    stop(), at a turn of the host
 *                          └──────────────► close ◄─────────────────────────┘
 *
 * Closing undoes all that the instance owns, in this order: stop() runs; tasks end, their variables
 * to be closed are; timers stop; the syncher closes, after which the core calls nothing back; waits
 * are freed, the address goes back, the state closes. It never happens inside the instance's own
 * Lua. A life that borrows (reload.c) leaves what is not its own alone. */
#include "internal.h"

#include "../base/mem.h"
#include "own_state.h"

/* From loading until `done` was called. Outlives the instance if the address is still to come. */
struct hy_start {
    hy_instance_t *instance; /* NULL: gone */
    hy_manager_t *manager;
    hy_loaded_cb done;
    void *arg;
    bool is_allocating;
    bool is_restart; /* supervisor.c is told instead of `done` */
    int code;        /* why it was given up */
    hy_str_t *text;
};

/* --- making ----------------------------------------------------------------------------------- */

/* "…/group_chat/init.lua" and "…/group_chat.lua" are both "group_chat". */
static hy_str_t *name_of_file(const char *file) {
    size_t len = strlen(file);
    if (len >= 9 && strcmp(file + len - 9, "/init.lua") == 0) {
        len -= 9;
    } else if (len > 4 && strcmp(file + len - 4, ".lua") == 0) {
        len -= 4;
    }
    size_t start = len;
    while (start > 0 && file[start - 1] != '/') {
        start--;
    }
    size_t bytes = len - start;
    while (bytes > HY_NAME_BYTES_MAX || (bytes > 0 && (file[start + bytes] & 0xc0) == 0x80)) {
        bytes--; /* not within a character */
    }
    return bytes > 0 ? hy_str_new(file + start, bytes) : hy_str_from("hyperty");
}

static bool is_taken(const hy_host_t *h, const hy_str_t *base, unsigned n, hy_str_t **name) {
    hy_str_unref(*name);
    *name = hy_str_format("%s#%u", base->bytes, n);
    return *name && hy_host_find_instance(h, (*name)->bytes);
}

/* The name (taken over), or name#2, name#3 … if it is taken: the first of them that is free, found
 * by doubling and halving, since a host may have thousands of one name. */
static hy_str_t *free_name(const hy_host_t *h, hy_str_t *base) {
    if (!hy_host_find_instance(h, base->bytes)) return base;
    hy_str_t *name = NULL;
    unsigned taken = 1, is_free = 2;
    while (is_taken(h, base, is_free, &name)) {
        taken = is_free;
        is_free *= 2;
    }
    while (is_free - taken > 1) {
        unsigned middle = taken + (is_free - taken) / 2;
        if (is_taken(h, base, middle, &name)) {
            taken = middle;
        } else {
            is_free = middle;
        }
    }
    is_taken(h, base, is_free, &name);
    hy_str_unref(base);
    return name;
}

static hy_instance_t *make(hy_host_t *h) {
    hy_instance_t *i = hy_alloc_zero(sizeof *i);
    if (!i) return NULL;
    i->host = h;
    i->memory_max = h->config.memory_max;
    i->budget.run_ms = h->config.budget.run_ms;
    i->env_ref = i->hyperty_ref = i->self_ref = i->api_ref = LUA_NOREF;
    hy_link_init(&i->link);
    hy_link_init(&i->leaving);
    hy_link_init(&i->tasks);
    hy_link_init(&i->waits);
    hy_link_init(&i->timers);
    hy_link_init(&i->idle);
    hy_link_init(&i->held);
    hy_link_init(&i->past);
    hy__supervision_init(i);
    hy_timer_init(&i->linger, NULL, i);
    hy__held_init(&i->cut);
    return i;
}

int hy__instance_new(hy_host_t *h, const char *file, hy_value_t config, hy_instance_t **out) {
    hy_instance_t *i = make(h);
    if (!i) {
        hy_value_drop(config);
        return HY_ENOMEM;
    }
    const hy_node_t *given = config.kind == HY_OBJECT ? config.as.n : NULL;
    hy_str_t *as = hy_get_str(given, "as"), *user = hy_get_str(given, "user");
    i->config = config;
    i->file = hy_str_from(file);
    if (user) {
        i->user = hy_str_ref(user);
    } else if (h->config.user) {
        i->user = hy_str_from(h->config.user);
    }
    i->name = as ? hy_str_ref(as) : name_of_file(file);
    if (i->name) i->name = free_name(h, i->name);
    if (!i->file || !i->name || (h->config.user && !i->user) || hy__host_add_name(h, i) < 0) {
        hy__instance_close(i);
        return HY_ENOMEM;
    }
    *out = i;
    return 0;
}

int hy__instance_new_life(hy_instance_t *i, hy_instance_t **out) {
    hy_instance_t *life = make(i->host);
    if (!life) return HY_ENOMEM;
    life->life = HY_LIFE_TRIED;
    life->has_file = i->has_file;
    life->is_trusted = i->is_trusted;
    life->budget.run_ms = i->budget.run_ms;
    life->name = hy_str_ref(i->name);
    life->url = hy_str_ref(i->url);
    life->file = hy_str_ref(i->file);
    if (i->user) life->user = hy_str_ref(i->user);
    if (i->config.kind == HY_OBJECT) hy_node_ref(i->config.as.n);
    life->config = i->config;
    life->syncher = i->syncher;
    life->own_state = i->own_state;
    *out = life;
    return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

int hy__instance_add_file(hy_instance_t *i, const char *path) {
    if (hy_instance_uses(i, path)) return 0;
    if (!i->files) i->files = hy_node_new(HY_ARRAY);
    return i->files ? hy_node_insert(i->files, hy_node_count(i->files), hy_text(path)) : HY_ENOMEM;
}

int hy__instance_reads(hy_instance_t *i, const char *path) {
    hy__watch_add(i->host, path);
    return hy__instance_add_file(i, path);
}

const char *hy_instance_file(const hy_instance_t *i, uint32_t at) {
    bool is_there = i->files && at < hy_node_count(i->files);
    return is_there ? hy_node_at(i->files, at).as.s->bytes : NULL;
}

bool hy_instance_uses(const hy_instance_t *i, const char *path) {
    const char *file;
    for (uint32_t at = 0; (file = hy_instance_file(i, at)); at++) {
        if (strcmp(file, path) == 0) return true;
    }
    return false;
}

/* --- starting --------------------------------------------------------------------------------- */

void hy__instance_give_up(hy_instance_t *i, int code, const char *text) {
    if (i->start->is_restart) {
        hy__supervisor_gave_up(i, code, text);
        return;
    }
    i->start->code = code;
    i->start->text = hy_str_from(text);
    hy_instance_unload(i);
}

static void report(hy_start_t *s, int code, const char *text, hy_instance_t *i) {
    hy_loaded_cb done = s->done;
    void *arg = s->arg;
    s->done = NULL;
    s->instance = i;
    hy_str_t *kept = s->text;
    s->text = NULL;
    if (!s->is_allocating) hy_free(s);
    if (done) done(arg, code, text, i);
    hy_str_unref(kept);
}

static void started(hy_instance_t *i) {
    hy_start_t *s = i->start;
    i->start = NULL;
    i->state = HY_RUNNING;
    i->since_ms = hy_clock_now(hy__host_clock(i->host));
    if (s->is_restart) {
        hy_free(s);
        hy__supervisor_started(i);
    } else {
        report(s, 0, "", i);
    }
}

static void start_ended(void *arg, lua_State *L, int results, bool failed) {
    (void)results;
    if (failed) {
        hy__instance_give_up(arg, HY_EINTERNAL, lua_tostring(L, -1));
    } else {
        started(arg);
    }
}

static const hy_task_end_t start_ending = {.ended = start_ended, .takes_errors = true};

typedef struct {
    hy_instance_t *instance;
    const hy_task_end_t *end;
    void *arg;
    bool has_start;
    int rc;
} starting_t;

static void run_start(lua_State *L, void *arg) {
    starting_t *s = arg;
    hy_instance_t *i = s->instance;
    s->has_start = hy__state_push_method(L, i, "start");
    if (!s->has_start) return;
    if (i->config.kind == HY_OBJECT) {
        hy_value_push(L, i->config);
    } else {
        lua_newtable(L);
    }
    s->rc = hy_task_spawn(i, 2, "start", s->end, s->arg);
}

int hy__instance_spawn_start(hy_instance_t *i, const hy_task_end_t *end, void *arg, bool *has_start,
                             hy_error_t *err) {
    starting_t s = {.instance = i, .end = end, .arg = arg};
    int rc = hy_protected(i->L, run_start, &s, err);
    *has_start = s.has_start;
    if (rc < 0) return rc;
    return s.rc < 0 ? hy_fail(err, s.rc, "%s", hy_error_text(s.rc)) : 0;
}

/* It has its address and its state: on to its own code. */
static void go_on(hy_instance_t *i) {
    hy_error_t err = {0};
    bool has_start = false;
    hy_manager_t *manager = i->host->config.manager;
    int rc = hy_syncher_open(manager, i->url, i->user, &hy_lib_syncher_events, i, &i->syncher);
    if (rc == 0) rc = hy__state_make_self(i, &err);
    if (rc == 0) rc = hy__instance_spawn_start(i, &start_ending, i, &has_start, &err);
    if (rc < 0) {
        hy__instance_give_up(i, rc, err.text[0] ? err.text : hy_error_text(rc));
    } else if (!has_start) {
        started(i);
    }
}

static void state_read(void *arg, int code, const char *desc) {
    hy_instance_t *i = arg;
    if (code < 0) {
        hy__instance_give_up(i, code, desc);
    } else {
        go_on(i);
    }
}

static void allocated(void *arg, int code, const char *desc, hy_str_t *url) {
    hy_start_t *s = arg;
    hy_instance_t *i = s->instance;
    hy_error_t err = {0};
    s->is_allocating = false;
    if (!i) {
        if (code == 0) hy_manager_release(s->manager, url);
        hy_free(s);
        return;
    }
    if (code < 0) {
        hy_fail(&err, code, "%s: no address: %s", i->name->bytes, desc);
        hy__instance_give_up(i, code, err.text);
        return;
    }
    i->url = hy_str_ref(url);
    hy_store_t *store = i->host->config.store;
    if (store && !hy_store_is_lasting(store)) store = NULL; /* nobody would ever read it */
    int rc = hy__host_add_url(i->host, i);
    if (rc == 0) {
        rc = hy__own_state_open(store, i->url, i->name->bytes, state_read, i, &i->own_state);
    }
    if (rc < 0) {
        hy__instance_give_up(i, rc, hy_error_text(rc));
    } else if (!store) {
        go_on(i);
    }
}

typedef struct {
    const hy_instance_t *instance;
    hy_str_t *name;
} naming_t;

static void read_name(lua_State *L, void *arg) {
    naming_t *n = arg;
    lua_rawgeti(L, LUA_REGISTRYINDEX, n->instance->hyperty_ref);
    lua_pushliteral(L, "name");
    lua_rawget(L, 1);
    n->name = hy_str_from(lua_tostring(L, -1));
}

/* What the registry is to know; the manager adds address, type and runtime. */
int hy__instance_entry(hy_instance_t *i, hy_value_t *out) {
    naming_t naming = {i, NULL};
    hy_value_t schemes = hy_absent(), schemas = hy_absent(), resources = hy_absent();
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    int rc = hy_protected(i->L, read_name, &naming, NULL);
    if (rc == 0) rc = hy_put(entry, "name", hy_string(naming.name));
    if (rc == 0 && i->user) rc = hy_put(entry, "user", hy_string(hy_str_ref(i->user)));
    if (rc == 0) rc = hy__state_list(i, HY_SAID_SCHEMES, &schemes);
    if (rc == 0) rc = hy_put(entry, "dataSchemes", schemes);
    if (rc == 0) rc = hy__state_list(i, HY_SAID_SCHEMAS, &schemas);
    if (rc == 0) rc = hy_put(entry, "schemas", schemas);
    if (rc == 0) rc = hy__state_list(i, HY_SAID_RESOURCES, &resources);
    if (rc == 0) rc = hy_put(entry, "resources", resources);
    if (rc < 0) {
        hy_node_unref(entry);
        return rc;
    }
    *out = hy_node_value(entry);
    return 0;
}

static int allocate(hy_instance_t *i) {
    hy_value_t entry = hy_absent();
    hy_start_t *s = i->start;
    int rc = hy__instance_entry(i, &entry);
    if (rc < 0) return rc;
    s->is_allocating = true;
    rc = hy_manager_allocate(s->manager, i->name, entry, i->is_prompt, allocated, s);
    if (rc < 0) s->is_allocating = false;
    return rc;
}

void hy__instance_knows(hy_instance_t *i) {
    int rc = allocate(i);
    if (rc < 0) hy__instance_give_up(i, rc, hy_error_text(rc));
}

int hy__instance_start(hy_instance_t *i, hy_loaded_cb done, void *arg, hy_error_t *err) {
    hy_start_t *s = hy_alloc(sizeof *s);
    int rc = HY_ENOMEM;
    if (s) {
        *s = (hy_start_t){
            .instance = i, .manager = i->host->config.manager, .done = done, .arg = arg};
        i->start = s;
        rc = hy__schemas_learn(i);
        if (rc == 1) rc = allocate(i);
    }
    if (rc == 0) return 0;
    i->start = NULL;
    hy_free(s);
    return hy_fail(err, rc, "%s: %s", i->name->bytes, hy_error_text(rc));
}

int hy__instance_restart(hy_instance_t *i, hy_error_t *err) {
    hy_start_t *s = hy_alloc(sizeof *s);
    int rc = s ? hy__state_open(i, err) : hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    if (rc == 0) rc = hy__state_load(i, NULL, 0, false, err);
    if (rc < 0) {
        hy__state_close(i);
        hy_free(s);
        return rc;
    }
    *s = (hy_start_t){.instance = i, .manager = i->host->config.manager, .is_restart = true};
    i->start = s;
    i->state = HY_STARTING;
    go_on(i);
    return 0;
}

/* --- stopping --------------------------------------------------------------------------------- */

static void run_stop(lua_State *L, void *arg) {
    if (hy__state_push_method(L, arg, "stop")) hy_pcall(L, 1, 0, "stop");
}

static void call_stop(hy_instance_t *i) {
    hy_error_t err = {0};
    if (hy_protected(i->L, run_stop, i, &err) < 0) {
        hy__instance_log(i, HY_LOG_ERROR, "stop", err.text);
    }
}

/* What a life has of its own. */
static void close_life(hy_instance_t *i) {
    hy_timer_stop(hy__host_clock(i->host), &i->linger);
    hy__held_drop(&i->cut);
    if (i->L) hy_lib_syncher_close(i->L);
    hy__state_close(i);
    hy__supervision_deinit(i);
    hy_list_remove(&i->link);
    hy_list_remove(&i->leaving);
    if (i->files) hy_node_unref(i->files);
    hy_value_drop(i->config);
    hy_str_unref(i->name);
    hy_str_unref(i->url);
    hy_str_unref(i->user);
    hy_str_unref(i->file);
    hy_str_unref(i->last_error);
    hy_free(i);
}

/* One that borrows its syncher, and what goes with that. */
static void close_borrower(hy_instance_t *i) {
    i->state = HY_STOPPING;
    if (i->L) hy__task_cancel_all(i);
    hy__lib_timer_stop_all(i);
    if (i->life == HY_LIFE_PAST) hy__wait_bequeath(i, i->heir);
    hy__wait_free_all(i);
    close_life(i);
}

/* All but what it is known by. */
static void undo(hy_instance_t *i) {
    hy_learning_cancel(i->learning);
    i->learning = NULL;
    if (i->L) hy__task_cancel_all(i);
    hy__lib_timer_stop_all(i);
    if (i->syncher) hy_syncher_close(i->syncher);
    i->syncher = NULL;
    hy__wait_free_all(i);
}

void hy__instance_rest(hy_instance_t *i) {
    hy__reload_end(i);
    hy_free(i->start); /* of a restart: it tells nobody */
    i->start = NULL;
    i->state = HY_STOPPING;
    undo(i);
    if (i->L) hy_lib_syncher_close(i->L);
    hy__state_close(i);
    i->state = HY_STOPPED;
}

void hy__instance_close(hy_instance_t *i) {
    if (i->life != HY_LIFE_SETTLED) {
        close_borrower(i);
        return;
    }
    hy__reload_end(i);
    bool was_running = i->state == HY_RUNNING;
    hy_start_t *s = i->start;
    i->state = HY_STOPPING;
    if (was_running && !i->host->is_crashing) call_stop(i);
    undo(i);
    if (i->url) hy_manager_release(i->host->config.manager, i->url);
    hy__own_state_close(i->own_state);
    hy__host_forget(i->host, i);
    close_life(i);
    if (!s) return;
    const char *text = s->text ? s->text->bytes : "unloaded while it was starting";
    report(s, s->code < 0 ? s->code : HY_ECLOSED, text, NULL);
}
