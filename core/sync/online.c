/* Which domains are there, and what follows when one is lost and found again (PROTOCOL.md section
 * 7). With a new session everything of this runtime is set up again at the node; with one taken
 * over routes are intact, and only what was said meanwhile has to be found out.
 *
 * One timer watches all objects: the hosted ones say their position after silence, the observed
 * ones ask when they have heard nothing for too long. */
#include "../base/mem.h"
#include "sync.h"
#include "watching.h"

bool hy__is_in(const hy_str_t *url, const char *domain) {
    if (!domain) return true;
    hy_span_t own = hy_address_home(url);
    return strlen(domain) == own.len && memcmp(domain, own.bytes, own.len) == 0;
}

bool hy__is_away(const hy_manager_t *m, const hy_str_t *url) {
    if (m->is_away) return true;
    if (m->away.count == 0) return false;
    hy_span_t domain = hy_address_home(url);
    return hy_dict_find(&m->away, domain.bytes, domain.len, hy_hash(domain.bytes, domain.len));
}

bool hy_manager_is_away(const hy_manager_t *m, const hy_str_t *url) {
    return hy__is_away(m, url);
}

/* Out of memory it is taken for reachable, and what is tried fails. */
static void set_away(hy_manager_t *m, const char *domain, bool is_away) {
    hy_str_t *key = domain ? hy_str_from(domain) : NULL;
    if (!domain) {
        m->is_away = is_away;
        hy_dict_deinit(&m->away);
        hy_dict_init(&m->away, sizeof(hy_away_t));
    } else if (key && is_away) {
        hy_dict_put(&m->away, key, NULL);
    } else if (key) {
        hy_away_t *e = hy_dict_get(&m->away, key);
        if (e) hy_dict_remove(&m->away, e);
    }
    hy_str_unref(key);
}

/* --- lost and found --------------------------------------------------------------------------- */

/* What is told may end replicas (never make one), so the walk stands it. */
static void each_replica(hy_manager_t *m, const char *domain, void (*fn)(hy_replica_t *r)) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->replicas, &pos));) {
        hy_replica_t *r = e->part;
        if (hy__is_in(r->url, domain)) fn(r);
    }
}

static void each_hosted(hy_manager_t *m, const char *domain, void (*fn)(hy_hosted_t *h)) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->hosted, &pos));) {
        if (hy__is_in(e->key, domain)) fn(e->part);
    }
}

void hy_manager_offline(hy_manager_t *m, const char *domain) {
    set_away(m, domain, true);
    hy__jobs_pause(m, domain);
    each_replica(m, domain, hy__replica_offline);
}

static void follow_again(hy_manager_t *m, const char *domain) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->synchers, &pos));) {
        hy__follows_renew(e->part, domain);
    }
}

void hy_manager_online(hy_manager_t *m, const char *domain, bool is_new) {
    set_away(m, domain, false);
    hy__catalogue_online(m);
    if (is_new) m->sessions++;
    if (!is_new) {
        hy__jobs_resume(m, domain);
        each_hosted(m, domain, hy__hosted_digest);
        each_replica(m, domain, hy__replica_online);
        hy__watchings_renew(m, domain); /* what they were told last may have been lost */
        return;
    }
    if (hy__is_in(m->runtime, domain)) hy__registrations_renew(m);
    each_hosted(m, domain, hy__hosted_renew);
    hy__buried_renew(m, domain);
    follow_again(m, domain);
    hy__watchings_renew(m, domain);
    each_replica(m, domain, hy__replica_rejoin);
    hy__jobs_resume(m, domain); /* what else was under way */
}

/* --- digests and silence ---------------------------------------------------------------------- */

static void on_pulse(void *manager) {
    hy_manager_t *m = manager;
    hy_clock_t *clock = hy_bus_clock(m->bus);
    const hy_part_entry_t *e;
    /* At once, while its place among the timers is free: later it may need memory. */
    hy_timer_start(clock, &m->pulse, HY_DIGEST_MS);
    uint64_t next_ms = UINT64_MAX, at_ms;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->hosted, &pos));) {
        at_ms = hy__hosted_pulse(e->part);
        if (at_ms < next_ms) next_ms = at_ms;
    }
    for (uint32_t pos = 0; (e = hy_dict_next(&m->replicas, &pos));) {
        at_ms = hy__replica_pulse(e->part);
        if (at_ms < next_ms) next_ms = at_ms;
    }
    at_ms = hy__watchings_pulse(m);
    if (at_ms < next_ms) next_ms = at_ms;
    if (next_ms == UINT64_MAX) { /* nothing to watch; who comes starts it again */
        hy_timer_stop(clock, &m->pulse);
        return;
    }
    uint64_t now_ms = hy_clock_now(clock);
    uint64_t delay_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    if (delay_ms < HY_PULSE_MIN_MS) delay_ms = HY_PULSE_MIN_MS; /* many share a walk */
    hy_timer_start(clock, &m->pulse, delay_ms);
}

void hy__pulse_init(hy_manager_t *m) {
    hy_timer_init(&m->pulse, on_pulse, m);
}

void hy__pulse_start(hy_manager_t *m) {
    if (!hy_timer_is_started(&m->pulse))
        hy_timer_start(hy_bus_clock(m->bus), &m->pulse, HY_DIGEST_MS);
}
