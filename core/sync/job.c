/* Jobs: what is to be set up at a node again, a bounded number at a time, so that many objects do
 * not flood bus and node (rejoin.h).
 *
 *      idle ─want─► queued ─turn─► flying ─end─► idle
 *                      ▲              └─retry─► waiting ─backoff─► queued
 *                      └── resume ── paused ◄── its domain is away (from any) */
#include "sync.h"

static void go(hy_manager_t *m);

static hy_clock_t *clock_of(const hy_job_t *j) {
    return hy_bus_clock(j->manager->bus);
}

/* Out of whatever it is in. */
static void leave(hy_job_t *j) {
    hy_request_t *request = j->request;
    j->request = NULL;
    if (request) hy_request_cancel(request);
    hy_timer_stop(clock_of(j), &j->timer);
    if (j->state == HY_JOB_FLYING) j->manager->jobs_flying--;
    j->state = HY_JOB_IDLE;
    hy_list_remove(&j->link);
}

static void enter(hy_job_t *j, hy_job_state_t state) {
    hy_manager_t *m = j->manager;
    leave(j);
    j->state = state;
    hy_list_append(state == HY_JOB_QUEUED ? &m->jobs_queued : &m->jobs, &j->link);
    if (state == HY_JOB_FLYING) m->jobs_flying++;
}

static void on_timer(void *job) {
    hy_job_t *j = job;
    enter(j, HY_JOB_QUEUED);
    go(j->manager);
}

void hy__job_init(hy_job_t *j, hy_manager_t *m, hy_str_t *place, void (*run)(void *arg),
                  void *arg) {
    *j = (hy_job_t){.manager = m, .place = place, .run = run, .arg = arg};
    hy_link_init(&j->link);
    hy_timer_init(&j->timer, on_timer, j);
}

/* A job that ends at once makes room again: no recursion, the loop goes on. */
static void go(hy_manager_t *m) {
    if (m->is_going) return;
    m->is_going = true;
    while (m->jobs_flying < HY_REJOIN_IN_FLIGHT_MAX && !hy_list_is_empty(&m->jobs_queued)) {
        hy_job_t *j = hy_link_owner(m->jobs_queued.next, hy_job_t, link);
        enter(j, HY_JOB_FLYING);
        j->run(j->arg);
    }
    m->is_going = false;
}

void hy__job_want(hy_job_t *j) {
    bool is_away = hy__is_away(j->manager, j->place);
    j->retry_ms = 0;
    enter(j, is_away ? HY_JOB_PAUSED : HY_JOB_QUEUED);
    go(j->manager);
}

void hy__job_begin(hy_job_t *j) {
    bool is_away = hy__is_away(j->manager, j->place);
    j->retry_ms = 0;
    enter(j, is_away ? HY_JOB_PAUSED : HY_JOB_FLYING);
    if (!is_away) j->run(j->arg);
}

void hy__job_cancel(hy_job_t *j) {
    hy_manager_t *m = j->manager;
    leave(j);
    go(m);
}

void hy__job_end(hy_job_t *j) {
    hy__job_cancel(j);
}

void hy__job_retry(hy_job_t *j) {
    hy_manager_t *m = j->manager;
    enter(j, HY_JOB_WAITING);
    uint64_t delay_ms = hy__backoff(m->bus, &j->retry_ms);
    /* Without memory for the timer it waits until the connection is renewed. */
    if (hy_timer_start(clock_of(j), &j->timer, delay_ms) < 0) enter(j, HY_JOB_PAUSED);
    go(m);
}

static void on_answer(void *job, hy_msg_t *answer, int code) {
    hy_job_t *j = job;
    if (code < 200) return;
    j->request = NULL;
    j->step(j->arg, code, answer);
}

void hy__job_ask(hy_job_t *j, hy_msg_type_t type, hy_str_t *from, hy_str_t *to, hy_value_t body,
                 void (*step)(void *arg, int http, hy_msg_t *answer)) {
    int rc = HY_ENOMEM;
    if (j->request) hy_request_cancel(j->request);
    j->request = NULL;
    j->step = step;
    hy_late_cb late = type == HY_MSG_SUBSCRIBE ? hy__subscription_late : NULL;
    if (to) {
        rc = hy__manager_request(j->manager, type, from, to, body, on_answer, j, late, &j->request);
    } else {
        hy_value_drop(body);
    }
    hy_str_unref(to);
    if (rc < 0) hy__job_retry(j);
}

void hy__jobs_pause(hy_manager_t *m, const char *domain) {
    hy_link_t *lists[] = {&m->jobs_queued, &m->jobs};
    for (size_t i = 0; i < 2; i++) {
        hy_link_t all;
        hy_list_take(lists[i], &all);
        while (!hy_list_is_empty(&all)) {
            hy_job_t *j = hy_link_owner(all.next, hy_job_t, link);
            if (hy__is_in(j->place, domain)) {
                enter(j, HY_JOB_PAUSED);
            } else {
                hy_list_remove(&j->link);
                hy_list_append(lists[i], &j->link);
            }
        }
    }
    go(m);
}

void hy__jobs_resume(hy_manager_t *m, const char *domain) {
    hy_link_t all;
    hy_list_take(&m->jobs, &all);
    while (!hy_list_is_empty(&all)) {
        hy_job_t *j = hy_link_owner(all.next, hy_job_t, link);
        if (j->state == HY_JOB_PAUSED && hy__is_in(j->place, domain)) {
            j->retry_ms = 0;
            enter(j, HY_JOB_QUEUED);
        } else {
            hy_list_remove(&j->link);
            hy_list_append(&m->jobs, &j->link);
        }
    }
    go(m);
}
