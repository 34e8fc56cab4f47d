/* Decisions: what a hyperty is asked and has time to think about (PROTOCOL.md sections 1 and 5).
 *
 * A decision is made from a request, or from a child operation that the reporter may refuse. While
 * it is open the asker hears a 100 now and then, so that its deadline does not pass; after a minute
 * it is refused. It ends exactly once: accepted, rejected, or undecided, which refuses everything
 * but a child. */
#include "../base/mem.h"
#include "sync.h"

static void on_beat(void *arg);

static hy_clock_t *clock_of(const hy_decision_t *d) {
    return hy_bus_clock(d->syncher->manager->bus);
}

hy_decision_t *hy__decision_new(hy_syncher_t *s, hy_party_t *party, hy_decision_kind_t kind,
                                hy_msg_t *request, const hy_asker_t *who) {
    hy_decision_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return NULL;
    d->refs = 2; /* the caller's and the syncher's list */
    d->kind = kind;
    d->is_open = true;
    d->syncher = s;
    d->party = party ? hy_party_ref(party) : NULL;
    d->request = request ? hy_msg_ref(request) : NULL;
    d->from = hy_str_ref(who->url);
    d->user = who->user ? hy_str_ref(who->user) : NULL;
    d->is_verified = who->is_verified;
    d->refusal = HY_EFORBIDDEN;
    hy_timer_init(&d->beat, on_beat, d);
    d->deadline_ms = hy_clock_now(clock_of(d)) + HY_DECISION_MAX_MS;
    hy_list_append(&s->decisions, &d->link);
    return d;
}

hy_decision_t *hy_decision_ref(hy_decision_t *d) {
    d->refs++;
    return d;
}

void hy_decision_unref(hy_decision_t *d) {
    if (!d || --d->refs > 0) return;
    hy_party_unref(d->party);
    hy_msg_unref(d->request);
    hy_str_unref(d->from);
    hy_str_unref(d->user);
    hy_str_unref(d->url);
    hy_str_unref(d->method);
    hy_value_drop(d->params);
    hy_child_unref(d->child);
    hy_change_unref(d->change);
    hy_free(d);
}

/* What a hyperty refuses others is remembered beside what policy does. */
static void note(const hy_decision_t *d, const hy_syncher_t *s, int code, const char *reason) {
    static const struct {
        bool is_noted;
        hy_action_t action;
    } kinds[] = {
        [HY_DECIDE_SUBSCRIBE] = {true, HY_ACTION_OBSERVE},
        [HY_DECIDE_READ] = {true, HY_ACTION_READ},
        [HY_DECIDE_EXECUTE] = {true, HY_ACTION_EXECUTE},
        [HY_DECIDE_CHILD] = {true, HY_ACTION_CHILD},
        [HY_DECIDE_CALL] = {false, HY_ACTION_EXECUTE}, /* what a function gives is its own matter */
    };
    hy_error_t text;
    if (code != HY_EFORBIDDEN || d->is_denied || d->is_cancelled || !kinds[d->kind].is_noted)
        return;
    hy_fail(&text, code, "%s%s%s", d->is_unheard ? "" : "refused by the hyperty",
            d->is_unheard || !reason ? "" : ": ", reason ? reason : "");
    hy__refusal_note(s->manager, &(hy_refusal_t){.action = kinds[d->kind].action,
                                                 .url = d->party ? d->party->url : s->url,
                                                 .who = d->from,
                                                 .user = d->user,
                                                 .by = d->is_unheard ? "no handler" : "handler",
                                                 .text = text.text});
}

/* Ends it; `value` is taken over. */
static int finish(hy_decision_t *d, int code, const char *reason, hy_value_t value) {
    if (!d->is_open) {
        hy_value_drop(value);
        return HY_ECONFLICT;
    }
    hy_syncher_t *s = d->syncher;
    note(d, s, code, reason);
    hy_timer_stop(hy_bus_clock(s->manager->bus), &d->beat);
    d->is_open = false;
    d->syncher = NULL;
    hy_list_remove(&d->link);
    if (d->decided) {
        hy_value_drop(value);
        d->decided(d->arg, d, code, reason);
    } else if (d->request) {
        int http = code < 0 ? hy_error_http(code) : 200;
        if (d->kind == HY_DECIDE_READ && code == HY_EFORBIDDEN) http = 401;
        bool is_execute = d->kind == HY_DECIDE_EXECUTE && d->party;
        hy__ledger_answer(is_execute ? ((hy_reporter_t *)d->party)->ledger : NULL, s->manager,
                          d->request, http, reason, value);
    } else {
        hy_value_drop(value);
    }
    hy_decision_unref(d);
    return 0;
}

static void on_beat(void *arg) {
    hy_decision_t *d = arg;
    bool is_late = hy_clock_now(clock_of(d)) >= d->deadline_ms;
    if (is_late && !hy__trial_holds(d->syncher)) {
        finish(d, d->refusal, "no decision in time", hy_absent());
        return;
    }
    if (d->request) hy_bus_respond(d->syncher->manager->bus, d->request, 100, NULL, hy_absent());
    hy_timer_start(clock_of(d), &d->beat, HY_DECISION_BEAT_MS);
}

void hy__decision_take_call(hy_decision_t *d, const hy_node_t *body) {
    hy_str_t *method = hy_get_str(body, "method");
    d->method = method ? hy_str_ref(method) : NULL;
    hy_value_t params = hy_get(body, "params");
    if (params.kind != HY_ARRAY || hy_value_copy(params, &d->params) < 0)
        d->params = hy_node_value(hy_node_new(HY_ARRAY));
}

void hy__decision_ask(hy_decision_t *d) {
    hy__tell_decide(d);
    if (d->is_open) hy_timer_start(clock_of(d), &d->beat, HY_DECISION_BEAT_MS);
    hy_decision_unref(d);
}

void hy__decision_deny(hy_decision_t *d, const char *reason) {
    d->is_denied = true;
    finish(d, HY_EFORBIDDEN, reason, hy_absent());
    hy_decision_unref(d);
}

void hy__decision_cancel(hy_decision_t *d) {
    d->is_cancelled = true;
    finish(d, d->refusal, "the hyperty has stopped", hy_absent());
}

int hy_decision_accept(hy_decision_t *d, hy_value_t value) {
    return finish(d, 0, NULL, value);
}

int hy_decision_reject(hy_decision_t *d, int code, const char *reason) {
    return finish(d, code < 0 ? code : HY_EFORBIDDEN, reason, hy_absent());
}

void hy_decision_end(hy_decision_t *d) {
    if (d->is_open) finish(d, d->refusal, d->refusal < 0 ? "not accepted" : NULL, hy_absent());
}

static const char *event_of(hy_decision_kind_t kind) {
    static const char *const words[] = {
        [HY_DECIDE_SUBSCRIBE] = "subscribe", [HY_DECIDE_READ] = "read",
        [HY_DECIDE_EXECUTE] = "execute",     [HY_DECIDE_CHILD] = "child",
        [HY_DECIDE_INVITE] = "invite",       [HY_DECIDE_DELEGATE] = "delegate",
        [HY_DECIDE_CALL] = "execute"};
    return words[kind];
}

void hy_decision_unheard(hy_decision_t *d, const char *hyperty) {
    hy_error_t err;
    if (!d->is_open) return;
    d->is_unheard = true;
    hy_fail(&err, HY_EFORBIDDEN, "no handler for \"%s\" in %s", event_of(d->kind), hyperty);
    finish(d, d->refusal, d->refusal < 0 ? err.text : NULL, hy_absent());
}

/* --- what is asked ---------------------------------------------------------------------------- */

hy_decision_kind_t hy_decision_kind(const hy_decision_t *d) {
    return d->kind;
}
hy_str_t *hy_decision_from(const hy_decision_t *d) {
    return d->from;
}
hy_str_t *hy_decision_user(const hy_decision_t *d) {
    return d->user;
}
bool hy_decision_is_verified(const hy_decision_t *d) {
    return d->is_verified;
}
hy_str_t *hy_decision_method(const hy_decision_t *d) {
    return d->method;
}
hy_value_t hy_decision_params(const hy_decision_t *d) {
    return d->params;
}
hy_str_t *hy_decision_url(const hy_decision_t *d) {
    return d->url;
}
const hy_node_t *hy_decision_value(const hy_decision_t *d) {
    return d->value;
}
hy_child_event_kind_t hy_decision_child_kind(const hy_decision_t *d) {
    return d->child_kind;
}
hy_child_t *hy_decision_child(const hy_decision_t *d) {
    return d->child;
}
hy_change_t *hy_decision_change(const hy_decision_t *d) {
    return d->change;
}
