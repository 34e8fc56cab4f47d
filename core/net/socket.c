/* What the connections of a loop share: one buffer to read into, one vector to write from, the list
 * of those with something to write, and two queues of deadlines.
 *
 *      bytes come in ─► messages ─► users wake their channels ─► dirty ─┐
 *                                                                       │ once a turn
 *      writev ◄── peek ◄── flush ◄──────────────────────────────────────┘
 */
#include "stream.h"

#include <stdio.h>

#include "../base/mem.h"

/* --- deadlines -------------------------------------------------------------------------------- */

static void on_ping_due(hy_due_t *d) {
    hy_stream_t *c = hy_link_owner(d, hy_stream_t, due);
    if (!c->protocol->ops->ping(c->protocol)) {
        char reason[64];
        snprintf(reason, sizeof reason, "no sign of life for %u s", HY_PING_MS / 1000);
        hy__stream_lose(c, reason);
        return;
    }
    /* Asking may have found it unable to listen. */
    if (!c->is_ended && hy_dues_add(&c->sockets->pings, &c->due) != 0)
        hy__stream_fail(c, HY_CLOSE_INTERNAL, hy_error_text(HY_ENOMEM));
}

static void on_ending_due(hy_due_t *d) {
    hy__stream_discard(hy_link_owner(d, hy_stream_t, due));
}

/* --- turns ------------------------------------------------------------------------------------ */

/* What is marked meanwhile has its turn in the next round. */
void hy_sockets_flush(hy_sockets_t *s) {
    hy_link_t dirty;
    hy_list_take(&s->dirty, &dirty);
    s->is_turn = true;
    while (!hy_list_is_empty(&dirty)) {
        hy_stream_t *c = hy_link_owner(dirty.next, hy_stream_t, dirty);
        hy_list_remove(&c->dirty);
        hy__stream_run(c);
    }
    s->is_turn = false;
    hy_batch_clear(&s->batch);
}

static bool on_turn(void *arg) {
    hy_sockets_t *s = arg;
    s->tls_steps = 0;
    hy_sockets_flush(s);
    return !hy_list_is_empty(&s->dirty);
}

/* --- life ------------------------------------------------------------------------------------- */

int hy_sockets_open(hy_loop_t *loop, hy_random_t *random, const hy_log_t *log, hy_sockets_t **out) {
    hy_sockets_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return HY_ENOMEM;
    s->names = hy_names_new();
    int rc = s->names ? hy_loop_add_work(loop, on_turn, s, &s->work) : HY_ENOMEM;
    if (rc) {
        hy_names_free(s->names);
        hy_free(s);
        return rc;
    }
    s->loop = loop;
    s->random = random;
    s->log = log;
    hy_link_init(&s->streams);
    hy_link_init(&s->dirty);
    hy_dues_init(&s->pings, hy_loop_clock(loop), HY_PING_MS, on_ping_due);
    hy_dues_init(&s->endings, hy_loop_clock(loop), HY_CLOSE_MS, on_ending_due);
    *out = s;
    return 0;
}

void hy_sockets_close(hy_sockets_t *s) {
    if (!s) return;
    while (!hy_list_is_empty(&s->streams))
        hy__stream_discard(hy_link_owner(s->streams.next, hy_stream_t, link));
    hy_dues_deinit(&s->pings);
    hy_dues_deinit(&s->endings);
    hy_work_close(s->work);
    hy_names_free(s->names);
    hy_tls_room_free(s->tls_room);
    hy_tls_context_free(s->tls_client);
    hy_free(s);
}

int hy_sockets_set_tls(hy_sockets_t *s, const hy_tls_files_t *files, hy_error_t *err) {
    hy_tls_context_t *made;
    int rc = hy_tls_client_new(files, &made, err);
    if (rc) return rc;
    hy_tls_context_free(s->tls_client);
    s->tls_client = made;
    return 0;
}

hy_sockets_stats_t hy_sockets_stats(const hy_sockets_t *s) {
    return s->stats;
}

bool hy_sockets_is_empty(const hy_sockets_t *s) {
    return hy_list_is_empty(&s->streams);
}
