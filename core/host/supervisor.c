/* Stops hyperties that fail, and starts them again (supervisor.h). What is stopped and started how:
 * instance.c. Here is when: everything happens in turns of the host, from outside of all Lua.
 *
 * Owns nothing but what is in the instance. */
#include "supervisor.h"

#include "internal.h"

#define HY_POINT_MS 1000u /* one point is forgotten in that time */

static uint64_t now_of(const hy_instance_t *i) {
    return hy_clock_now(hy__host_clock(i->host));
}

static void queue(hy_instance_t *i) {
    hy_supervision_t *s = &i->supervision;
    if (hy_list_is_empty(&s->link)) hy_list_append(&i->host->troubled, &s->link);
    hy__host_wake(i->host);
}

/* The pause is over, or the time that `start` has. */
static void on_pause_over(void *arg) {
    hy_instance_t *i = arg;
    if (i->state == HY_STARTING) {
        hy_error_t text;
        hy_fail(&text, 0, "start did not end within %u s", HY_RESTART_START_MS / 1000);
        hy__supervisor_gave_up(i, HY_ETIMEOUT, text.text);
        return;
    }
    i->supervision.is_due = true;
    queue(i);
}

void hy__supervision_init(hy_instance_t *i) {
    hy_link_init(&i->supervision.link);
    hy_timer_init(&i->supervision.pause, on_pause_over, i);
}

static void tell_done(hy_instance_t *i, int code, const char *text, hy_instance_t *lives) {
    hy_loaded_cb done = i->supervision.done;
    i->supervision.done = NULL;
    if (done) done(i->supervision.arg, code, text, lives);
}

void hy__supervision_deinit(hy_instance_t *i) {
    hy_list_remove(&i->supervision.link);
    hy_timer_stop(hy__host_clock(i->host), &i->supervision.pause);
    tell_done(i, HY_ECLOSED, "unloaded while it was being started again", NULL);
    hy_str_unref(i->supervision.error);
}

/* --- what others hear ------------------------------------------------------------------------- */

static const char *error_of(const hy_instance_t *i) {
    return i->supervision.error ? i->supervision.error->bytes : "unknown";
}

static void note_error(hy_instance_t *i, const char *text) {
    hy_str_t *error = hy_str_new(text, strcspn(text, "\n"));
    if (!error) return;
    hy_str_unref(i->supervision.error);
    i->supervision.error = error;
}

static hy_value_t event_args(const hy_instance_t *i) {
    hy_node_t *args = hy_node_new(HY_ARRAY), *fields = hy_node_new(HY_OBJECT);
    int rc = args && fields ? hy_put(fields, "reason", hy_text(error_of(i))) : HY_ENOMEM;
    if (rc == 0) {
        rc = hy_node_insert(args, 0, hy_node_value(fields));
    } else if (fields) {
        hy_node_unref(fields);
    }
    if (rc == 0) return hy_node_value(args);
    if (args) hy_node_unref(args);
    return hy_absent();
}

static void emit_as(hy_instance_t *i, hy_syncher_t *syncher, const char *event) {
    hy_error_t err = {.text = ""};
    hy_value_t args = event_args(i);
    int rc = args.kind == HY_ARRAY ? hy_syncher_emit(syncher, event, args, false, &err) : HY_ENOMEM;
    if (rc < 0) hy__instance_log(i, HY_LOG_WARN, event, err.text[0] ? err.text : hy_error_text(rc));
}

/* Under its own address, also while it has no syncher. */
static void emit(hy_instance_t *i, const char *event) {
    hy_syncher_t *syncher = i->syncher;
    int rc = syncher ? 0
                     : hy_syncher_open(i->host->config.manager, i->url, i->user,
                                       &hy_lib_syncher_events, i, &syncher);
    if (rc < 0) {
        hy__instance_log(i, HY_LOG_WARN, event, hy_error_text(rc));
        return;
    }
    emit_as(i, syncher, event);
    if (!i->syncher) hy_syncher_close(syncher);
}

/* --- down ------------------------------------------------------------------------------------- */

static void park(hy_instance_t *i) {
    hy_error_t text;
    hy_fail(&text, 0, "parked (%s); correct %s, then reload(\"%s\")", error_of(i), i->file->bytes,
            i->name->bytes);
    hy__instance_log(i, HY_LOG_ERROR, "supervision", text.text);
    i->supervision.condition = HY_PARKED;
}

static uint64_t pause_of(uint32_t tries) {
    uint64_t pause_ms = HY_RESTART_MIN_MS;
    while (tries-- > 0 && pause_ms < HY_RESTART_MAX_MS) {
        pause_ms *= 2;
    }
    return pause_ms < HY_RESTART_MAX_MS ? pause_ms : HY_RESTART_MAX_MS;
}

static void start_later(hy_instance_t *i) {
    hy_supervision_t *s = &i->supervision;
    hy_error_t text;
    uint64_t pause_ms = pause_of(s->tries++);
    s->condition = HY_RESTARTING;
    hy_fail(&text, 0, "stopped (%s); it starts again in %llu s", error_of(i),
            (unsigned long long)pause_ms / 1000);
    hy__instance_log(i, HY_LOG_ERROR, "supervision", text.text);
    if (hy_timer_start(hy__host_clock(i->host), &s->pause, pause_ms) < 0) park(i);
}

/* What the script is made of is at hand: a text that was loaded is not kept. */
static bool can_restart(const hy_instance_t *i) {
    return i->has_file && i->supervision.tries < HY_RESTARTS_MAX;
}

/* It has failed, or its start has. One that a person wants reloaded is parked again. */
static void go_down(hy_instance_t *i) {
    hy_supervision_t *s = &i->supervision;
    bool was_up = s->condition == HY_UP, was_parked = s->condition == HY_PARKED;
    bool parks = was_parked || !can_restart(i);
    int code = s->code;
    s->level_ms = 0;
    s->code = 0;
    if (was_up) emit(i, "stopped");
    if (parks && !was_parked) emit(i, "parked");
    hy__instance_rest(i);
    if (parks) {
        park(i);
    } else {
        start_later(i);
    }
    hy_str_t *error = s->error ? hy_str_ref(s->error) : NULL;
    tell_done(i, code < 0 ? code : HY_EINTERNAL, error ? error->bytes : "it failed", i);
    hy_str_unref(error);
}

void hy__supervisor_gave_up(hy_instance_t *i, int code, const char *text) {
    note_error(i, text);
    hy__instance_log(i, HY_LOG_ERROR, "start", text);
    i->supervision.code = code;
    i->supervision.is_failing = true;
    queue(i);
}

void hy__supervisor_failed(hy_instance_t *i, unsigned points, const char *text) {
    hy_supervision_t *s = &i->supervision;
    bool is_up = i->state == HY_RUNNING || (i->state == HY_STARTING && i->start);
    bool is_watched = i->life == HY_LIFE_SETTLED && !i->is_prompt && is_up;
    if (!is_watched || i->is_leaving || s->is_failing) return;
    uint64_t now_ms = now_of(i), passed_ms = now_ms - s->failed_ms;
    note_error(i, text);
    s->level_ms = s->level_ms > passed_ms ? s->level_ms - passed_ms : 0;
    s->level_ms += (uint64_t)points * HY_POINT_MS;
    s->failed_ms = now_ms;
    if (s->level_ms < (uint64_t)HY_FAILURES_MAX * HY_POINT_MS) return;
    s->is_failing = true;
    if (i->state == HY_STARTING) {
        hy__instance_give_up(i, HY_EINTERNAL, text);
    } else {
        queue(i);
    }
}

/* --- up --------------------------------------------------------------------------------------- */

void hy__supervisor_started(hy_instance_t *i) {
    hy_supervision_t *s = &i->supervision;
    hy_timer_stop(hy__host_clock(i->host), &s->pause);
    s->condition = HY_UP;
    s->started_ms = now_of(i);
    s->level_ms = 0;
    hy__instance_log(i, HY_LOG_INFO, "supervision", "started again");
    emit(i, "restarted");
    tell_done(i, 0, "", i);
}

static void start(hy_instance_t *i) {
    hy_error_t err = {.text = ""};
    if (i->state == HY_STARTING) hy__instance_rest(i); /* a try that has not ended */
    int rc = hy__instance_restart(i, &err);
    if (rc == 0 && i->state == HY_STARTING)
        rc = hy_timer_start(hy__host_clock(i->host), &i->supervision.pause, HY_RESTART_START_MS);
    if (rc == 0) return;
    note_error(i, err.text[0] ? err.text : hy_error_text(rc));
    hy__instance_log(i, HY_LOG_ERROR, "start", err.text[0] ? err.text : hy_error_text(rc));
    i->supervision.code = rc;
    go_down(i);
}

bool hy__supervisor_has(const hy_instance_t *i) {
    return i->supervision.condition != HY_UP;
}

int hy__supervisor_reload(hy_instance_t *i, hy_loaded_cb done, void *arg, hy_error_t *err) {
    hy_supervision_t *s = &i->supervision;
    bool is_down = i->state == HY_STOPPED || i->state == HY_STARTING;
    if (!is_down || s->done || i->is_leaving)
        return hy_fail(err, HY_ECONFLICT, "%s is being started", i->name->bytes);
    if (!i->has_file)
        return hy_fail(err, HY_EINVALID, "%s was loaded from a text: there is no file to read",
                       i->name->bytes);
    s->done = done;
    s->arg = arg;
    s->tries = 0;
    s->is_due = true;
    hy_timer_stop(hy__host_clock(i->host), &s->pause);
    queue(i);
    return 0;
}

/* --- in its turn ------------------------------------------------------------------------------ */

/* While a reload is under way that decides: with old code that still fails, the next failure does.
 */
static void see_to(hy_instance_t *i) {
    hy_supervision_t *s = &i->supervision;
    bool is_failing = s->is_failing, is_due = s->is_due;
    bool is_settled = i->life == HY_LIFE_SETTLED && !i->reload;
    s->is_failing = s->is_due = false;
    if (i->is_leaving || !is_settled) return;
    if (is_failing) {
        bool ran_long = s->started_ms && now_of(i) - s->started_ms >= HY_RESTARTS_FORGOTTEN_MS;
        if (ran_long && s->condition == HY_UP) s->tries = 0;
        go_down(i);
    } else if (is_due) {
        start(i);
    }
}

void hy__supervisor_turn(hy_host_t *h) {
    hy_link_t troubled;
    hy_list_take(&h->troubled, &troubled);
    while (!hy_list_is_empty(&troubled)) {
        hy_supervision_t *s = hy_link_owner(troubled.next, hy_supervision_t, link);
        hy_list_remove(&s->link);
        see_to(hy_link_owner(s, hy_instance_t, supervision));
    }
}

/* --- for who looks ---------------------------------------------------------------------------- */

const char *hy_instance_condition(const hy_instance_t *i) {
    static const char *const words[] = {"running", "restarting", "parked"};
    if (i->supervision.condition == HY_UP) {
        if (i->reload) return "reloading";
        if (i->is_leaving || i->state >= HY_STOPPING) return "stopping";
        if (i->state == HY_STARTING) return "starting";
    }
    return words[i->supervision.condition];
}

const char *hy_instance_failure(const hy_instance_t *i) {
    return i->supervision.error ? i->supervision.error->bytes : NULL;
}
