/* Hot reload: another life of a hyperty is tried beside the one that runs, and takes its place or
 * leaves no trace.
 *
 *      compile, load ─► freeze the old life, begin the trial ─► migrate ─► start ─► swap
 *           │                        │                             │         │       (turns)
 *           └── raises: at once      └──────────── any failure ────┴─────────┴─► roll back, thaw
 *
 * A life is an instance with a Lua state of its own. The one that is tried borrows name, address,
 * syncher and state of the settled one and owns them after the swap. What arrives meanwhile the
 * syncher keeps (sync: trial); what would go on in the old life (tasks, timers) is held in order.
 *
 * After the swap tasks of the old life that wait go on in it, for HY_RELOAD_LINGER_MS at most: it
 * is past then, borrows from its heir and hears nothing of objects any more. All steps but the
 * first one happen in turns of the host, outside of all Lua.
 *
 * Owns the record of a reload, kept by the settled life until the end is told, and with it calls
 * from C that came meanwhile (reload_call.c). */
#include "reload.h"

#include "../base/mem.h"
#include "own_state.h"

#include <assert.h>

/* --- freezing --------------------------------------------------------------------------------- */

bool hy__instance_hold(hy_instance_t *i, hy__held_t *held, void (*go)(void *arg), void *arg) {
    if (!i->is_frozen) return false;
    held->go = go;
    held->arg = arg;
    hy_list_append(&i->held, &held->link);
    return true;
}

static void freeze_life(hy_instance_t *i) {
    hy_link_t *ready = &i->host->ready;
    i->is_frozen = true;
    for (hy_link_t *l = ready->next, *next; l != ready; l = next) {
        hy_task_t *t = hy_link_owner(l, hy_task_t, ready);
        next = l->next;
        if (t->instance == i) hy__task_hold(t);
    }
}

static void thaw_life(hy_instance_t *i) {
    hy_link_t held;
    i->is_frozen = false;
    hy_list_take(&i->held, &held);
    while (!hy_list_is_empty(&held)) {
        hy__held_t *h = hy_link_owner(held.next, hy__held_t, link);
        hy_list_remove(&h->link);
        h->go(h->arg);
    }
}

/* The settled life and those before it. */
static void freeze(hy_instance_t *i) {
    freeze_life(i);
    for (hy_link_t *l = i->past.next; l != &i->past; l = l->next) {
        freeze_life(hy_link_owner(l, hy_instance_t, link));
    }
}

/* Nothing ends a life but a turn of the host, so the list stays as it is. */
static void thaw(hy_instance_t *i) {
    for (hy_link_t *l = i->past.next; l != &i->past; l = l->next) {
        thaw_life(hy_link_owner(l, hy_instance_t, link));
    }
    thaw_life(i);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void queue(hy_reload_t *r) {
    hy_host_t *h = r->old->host;
    if (hy_list_is_empty(&r->link)) hy_list_append(&h->reloads, &r->link);
    hy__host_wake(h);
}

/* It is over; `i` is who lives, NULL: nobody. */
static void tell(hy_reload_t *r, int code, const char *text, hy_instance_t *i) {
    hy_list_remove(&r->link);
    hy_timer_stop(hy__host_clock(r->host), &r->timer);
    if (r->done) r->done(r->arg, code, text, i);
    hy__reload_calls_go(r, i);
    hy_str_unref(r->text);
    hy_free(r);
}

/* Files that the life wanted are looked at, too: one of them may be what is wrong. */
static void keep_files(hy_instance_t *i, const hy_instance_t *life) {
    const char *file;
    for (uint32_t at = 0; (file = hy_instance_file(life, at)); at++) {
        hy__instance_add_file(i, file); /* without it, that one is not looked at */
    }
}

/* Nothing of the life ever was; the old one is still frozen. */
static void roll_back(hy_reload_t *r) {
    hy_instance_t *i = r->old, *life = r->life;
    r->life = NULL;
    i->reload = NULL;
    life->state = HY_STOPPING;
    hy__task_cancel_all(life);
    hy__lib_timer_stop_all(life);
    if (r->is_trying) {
        hy_syncher_trial_rollback(i->syncher);
        hy__own_state_rollback(i->own_state);
    }
    keep_files(i, life);
    hy__instance_close(life);
    i->is_frozen = false;
}

static void give_up(hy_reload_t *r) {
    hy_instance_t *i = r->old;
    roll_back(r);
    if (r->is_trying) thaw(i);
    tell(r, r->code, r->text ? r->text->bytes : hy_error_text(r->code), i);
}

static void fail(hy_reload_t *r, int code, const char *text) {
    if (r->code == 0) {
        r->code = code;
        r->text = hy_str_from(text);
    }
    queue(r);
}

/* --- the swap --------------------------------------------------------------------------------- */

static void linger_over(void *arg) {
    hy_instance_t *i = arg;
    hy_error_t text;
    if (hy__instance_hold(i, &i->cut, linger_over, i)) return;
    hy_fail(&text, 0, "%zu waiting task%s of the code before %s cancelled after %u s",
            i->task_count, i->task_count == 1 ? "" : "s", i->task_count == 1 ? "was" : "were",
            HY_RELOAD_LINGER_MS / 1000);
    hy__instance_log(i, HY_LOG_WARN, "reload", text.text);
    hy_instance_unload(i);
}

void hy__reload_task_ended(hy_instance_t *i) {
    if (i->task_count == 0) hy_instance_unload(i);
}

/* Its tasks go on until they end, or for so long. */
static void linger(hy_instance_t *i) {
    hy_timer_init(&i->linger, linger_over, i);
    int rc = hy_timer_start(hy__host_clock(i->host), &i->linger, HY_RELOAD_LINGER_MS);
    if (rc < 0 || i->task_count == 0) hy_instance_unload(i);
}

/* The life before becomes a past one, after those that are past already. */
static void hand_over(hy_instance_t *i, hy_instance_t *heir) {
    uint32_t count = 1;
    hy_list_take(&i->past, &heir->past);
    hy_list_append(&heir->past, &i->link);
    i->life = HY_LIFE_PAST;
    for (hy_link_t *l = heir->past.next; l != &heir->past; l = l->next) {
        hy_link_owner(l, hy_instance_t, link)->heir = heir;
        count++;
    }
    if (count > HY_PAST_LIVES_MAX + 1) {
        hy_instance_unload(hy_link_owner(heir->past.next, hy_instance_t, link));
    }
}

/* The new code may have another name, other schemas or resources. */
static void describe(hy_instance_t *i) {
    hy_value_t entry = hy_absent();
    int rc = hy__instance_entry(i, &entry);
    if (rc == 0) rc = hy_manager_describe(i->host->config.manager, i->url, entry);
    if (rc < 0) hy__instance_log(i, HY_LOG_WARN, "its registry entry", hy_error_text(rc));
}

static void swap(hy_reload_t *r) {
    hy_instance_t *i = r->old, *heir = r->life;
    hy_lib_syncher_detach(i->L);
    hy__lib_timer_end_all(i);
    hy__host_replace(i->host, i, heir);
    heir->life = HY_LIFE_SETTLED;
    heir->state = HY_RUNNING;
    heir->since_ms = hy_clock_now(hy__host_clock(heir->host));
    heir->is_prompt = i->is_prompt;
    heir->is_outdated = i->is_outdated;
    i->reload = heir->reload = NULL;
    describe(heir);
    hand_over(i, heir);
    linger(i);
    thaw(heir);
    tell(r, 0, "", heir);
}

static void commit(hy_reload_t *r) {
    hy_error_t err = {.text = ""};
    hy_instance_t *i = r->old;
    int rc = hy__own_state_write(i->own_state, &err);
    if (rc == 0) rc = hy_syncher_trial_commit(i->syncher, r->life, &err);
    if (rc < 0) {
        fail(r, rc, err.text[0] ? err.text : hy_error_text(rc));
        give_up(r); /* in this turn: what was written can be taken back now */
    } else {
        hy__own_state_commit(i->own_state);
        swap(r);
    }
}

/* --- trying ----------------------------------------------------------------------------------- */

static void late(void *arg) {
    hy_reload_t *r = arg;
    hy_error_t err;
    const char *what = hy_syncher_trial_waits(r->old->syncher);
    hy_fail(&err, HY_ETIMEOUT, "%s: %s of the new code did not end within %u s%s%s%s",
            r->old->file->bytes, r->is_migrating ? "migrate" : "start", HY_RELOAD_MS / 1000,
            what ? ": it waits for "
                 : "; was it waiting for its own objects, or itself? They answer",
            what ? what : "",
            what ? ", which comes only once the new code is in place"
                 : " only once the new code is in place");
    fail(r, HY_ETIMEOUT, err.text);
}

static void broken(void *arg, const char *why) {
    hy_error_t err;
    hy_reload_t *r = arg;
    hy_fail(&err, HY_EFULL, "%s: %s", r->old->name->bytes, why);
    fail(r, HY_EFULL, err.text);
}

static void start_ended(void *arg, lua_State *L, int results, bool failed) {
    hy_reload_t *r = arg;
    (void)results;
    if (failed) {
        fail(r, HY_EINTERNAL, lua_tostring(L, -1));
    } else {
        r->is_done = true;
        queue(r);
    }
}

static const hy_task_end_t start_ending = {start_ended, NULL, true};

static void start(hy_reload_t *r) {
    hy_error_t err = {.text = ""};
    bool has_start = false;
    r->is_migrating = false;
    int rc = hy__instance_spawn_start(r->life, &start_ending, r, &has_start, &err);
    if (rc < 0) {
        fail(r, rc, err.text);
    } else if (!has_start) {
        r->is_done = true;
        queue(r);
    }
}

/* What migrate gave is the state now; nil: that of before. */
static int take_state(hy_reload_t *r, lua_State *L, hy_error_t *err) {
    hy_edit_t edit = {.kind = HY_OP_SET};
    hy_error_t why = {.text = ""};
    if (lua_isnil(L, -1)) return 0;
    int rc = hy_value_from_lua(L, -1, &edit.value, &why);
    if (rc == 0 && edit.value.kind != HY_OBJECT) {
        hy_value_drop(edit.value);
        rc = hy_fail(&why, HY_EINVALID, "expected a table with names, or nil");
    }
    if (rc == 0) rc = hy_view_edit(hy__own_state_view(r->old->own_state), &edit, &why);
    if (rc < 0) hy_fail(err, rc, "%s: what migrate gives: %s", r->old->file->bytes, why.text);
    return rc;
}

static void migrate_ended(void *arg, lua_State *L, int results, bool failed) {
    hy_reload_t *r = arg;
    hy_error_t err = {.text = ""};
    int rc = 0;
    if (failed) {
        fail(r, HY_EINTERNAL, lua_tostring(L, -1));
        return;
    }
    if (results > 0) {
        lua_pop(L, results - 1);
        rc = take_state(r, L, &err);
    }
    if (rc < 0) {
        fail(r, rc, err.text);
    } else {
        start(r);
    }
}

static const hy_task_end_t migrate_ending = {migrate_ended, NULL, true};

/* migrate(self, the state as it is, the version of the old code) */
static void run_migrate(lua_State *L, void *arg) {
    hy_reload_t *r = arg;
    const hy_node_t *state = hy__own_state_view(r->old->own_state)->root;
    r->has_migrate = hy__state_push_method(L, r->life, "migrate");
    if (!r->has_migrate) return;
    r->is_migrating = true;
    hy_value_push(L, hy_node_value((hy_node_t *)state));
    if (r->version.kind == HY_ABSENT) {
        lua_pushnil(L);
    } else {
        hy_value_push(L, r->version);
    }
    int rc = hy_task_spawn(r->life, 3, "migrate", &migrate_ending, r);
    if (rc < 0) luaL_error(L, "%s", hy_error_text(rc));
}

static void read_version(lua_State *L, void *arg) {
    hy_reload_t *r = arg;
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->old->hyperty_ref);
    lua_pushliteral(L, "version");
    lua_rawget(L, -2);
    if (lua_isinteger(L, -1)) {
        r->version = hy_int(lua_tointeger(L, -1));
    } else if (lua_type(L, -1) == LUA_TNUMBER) {
        r->version = hy_real(lua_tonumber(L, -1));
    }
}

static int begin(hy_reload_t *r, hy_error_t *err) {
    hy_instance_t *i = r->old;
    int rc = hy_protected(i->L, read_version, r, err);
    if (rc < 0) return rc;
    rc = hy_timer_start(hy__host_clock(r->host), &r->timer, HY_RELOAD_MS);
    if (rc < 0) return hy_fail(err, rc, "%s", hy_error_text(rc));
    rc = hy_syncher_trial_begin(i->syncher, broken, r, err);
    if (rc < 0) return rc;
    r->is_trying = true;
    freeze(i);
    hy__own_state_try(i->own_state);
    rc = hy__state_make_self(r->life, err);
    if (rc == 0) rc = hy_protected(r->life->L, run_migrate, r, err);
    if (rc == 0 && !r->has_migrate) start(r);
    return rc;
}

static void go_on(hy_reload_t *r) {
    hy_error_t err = {.text = ""};
    if (r->code < 0) {
        give_up(r);
    } else if (r->is_done) {
        commit(r);
    } else if (r->old->queued > 0 && r->turns++ < HY_RELOAD_TURNS) {
        queue(r);
    } else {
        int rc = begin(r, &err);
        if (rc < 0) fail(r, rc, err.text[0] ? err.text : hy_error_text(rc));
    }
}

void hy__reload_turn(hy_host_t *h) {
    hy_link_t reloads;
    hy_list_take(&h->reloads, &reloads);
    while (!hy_list_is_empty(&reloads)) {
        hy_reload_t *r = hy_link_owner(reloads.next, hy_reload_t, link);
        hy_list_remove(&r->link);
        go_on(r);
    }
}

void hy__reload_refuse(hy_reload_t *r) {
    fail(r, HY_ECLOSED, "the new code was stopped while it was being tried");
}

void hy__reload_end(hy_instance_t *i) {
    hy_reload_t *r = i->reload;
    if (r) {
        hy_str_unref(r->text);
        r->text = NULL;
        roll_back(r);
    }
    while (!hy_list_is_empty(&i->past)) {
        hy_instance_t *past = hy_link_owner(i->past.next, hy_instance_t, link);
        past->is_frozen = false;
        hy__instance_close(past);
    }
    if (r) tell(r, HY_ECLOSED, "unloaded while it was being reloaded", NULL);
}

/* --- beginning -------------------------------------------------------------------------------- */

static int refuse(const hy_instance_t *i, hy_error_t *err) {
    const char *why = i->state == HY_STARTING ? "is still starting"
                      : i->reload             ? "is being reloaded"
                                              : "is being stopped";
    return hy_fail(err, HY_ECONFLICT, "%s %s", i->name->bytes, why);
}

/* A life with the new code loaded. */
static int load(hy_instance_t *i, const char *source, size_t len, hy_instance_t **out,
                hy_error_t *err) {
    hy_instance_t *life = NULL;
    int rc = hy__instance_new_life(i, &life);
    if (rc < 0) return hy_fail(err, rc, "%s: %s", i->name->bytes, hy_error_text(rc));
    if (i->has_file) rc = hy__instance_reads(life, i->file->bytes);
    if (rc < 0) hy_fail(err, rc, "%s: %s", i->name->bytes, hy_error_text(rc));
    if (rc == 0) rc = hy__state_open(life, err);
    if (rc == 0) rc = hy__state_load(life, source, len, false, err);
    if (rc < 0) {
        keep_files(i, life);
        hy__instance_close(life);
        return rc;
    }
    *out = life;
    return 0;
}

static int reload(hy_host_t *h, const char *name_or_url, const char *source, size_t len,
                  hy_loaded_cb done, void *arg, hy_error_t *err) {
    hy_instance_t *i = hy_host_find_instance(h, name_or_url), *life = NULL;
    if (!i) return hy_fail(err, HY_ENOT_FOUND, "no instance is named \"%s\"", name_or_url);
    if (hy__supervisor_has(i) && !source) return hy__supervisor_reload(i, done, arg, err);
    if (i->state != HY_RUNNING || i->reload || i->is_leaving) return refuse(i, err);
    if (!source && !i->has_file) {
        return hy_fail(err, HY_EINVALID, "%s was loaded from a text: there is no file to read",
                       i->name->bytes);
    }
    if (h->config.before_reload) h->config.before_reload(h->config.before_reload_arg);
    hy_reload_t *r = hy_alloc(sizeof *r);
    int rc = r ? 0 : hy_fail(err, HY_ENOMEM, "%s: %s", i->name->bytes, hy_error_text(HY_ENOMEM));
    if (rc == 0) rc = load(i, source, len, &life, err);
    if (rc < 0) {
        hy_free(r);
        return rc;
    }
    *r = (hy_reload_t){.host = h, .old = i, .life = life, .done = done, .arg = arg};
    hy_link_init(&r->link);
    hy_link_init(&r->calls);
    hy_timer_init(&r->timer, late, r);
    i->reload = life->reload = r;
    queue(r);
    return 0;
}

int hy_host_reload(hy_host_t *h, const char *name_or_url, hy_loaded_cb done, void *arg,
                   hy_error_t *err) {
    return reload(h, name_or_url, NULL, 0, done, arg, err);
}

int hy_host_reload_text(hy_host_t *h, const char *name_or_url, const char *source, size_t len,
                        hy_loaded_cb done, void *arg, hy_error_t *err) {
    return reload(h, name_or_url, source, len, done, arg, err);
}
