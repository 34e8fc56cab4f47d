/* Answers that the node has given to create and execute, kept for a minute by (from, id): who
 * repeats such a request, because the answer was lost, gets the same answer and nothing is done
 * twice.
 *
 * A dictionary in order of age, bounded in number and in bytes; the oldest go first. */
#include "internal.h"

#include <inttypes.h>

typedef struct {
    hy_str_t *key;
    hy_msg_t *answer;
    size_t bytes; /* when it was kept; a message grows as its forms are made */
    uint64_t until_ms;
} kept_t;

void hy__answers_init(hy_node_server_t *n) {
    hy_dict_init(&n->answers, sizeof(kept_t));
}

static bool is_kept(const hy_msg_t *m) {
    return hy_msg_has_id(m) && (m->type == HY_MSG_CREATE || m->type == HY_MSG_EXECUTE);
}

/* No address contains a space, and 1 and "1" are different ids. */
static hy_str_t *key_of(const hy_msg_t *m) {
    if (m->id.kind == HY_INT) return hy_str_format("%s i%" PRId64, m->from->bytes, m->id.as.i);
    return hy_str_format("%s s%s", m->from->bytes, m->id.as.s->bytes);
}

static void forget(hy_node_server_t *n, kept_t *k) {
    n->answers_bytes -= k->bytes;
    hy_msg_unref(k->answer);
    hy_dict_remove(&n->answers, k);
}

static void sweep(hy_node_server_t *n, size_t bytes_more) {
    uint64_t now = hy_clock_now(n->clock);
    kept_t *k;
    for (uint32_t pos = 0; (k = hy_dict_next(&n->answers, &pos));) {
        bool fits = n->answers.count < HY_NODE_ANSWERS_KEPT_MAX &&
                    n->answers_bytes + bytes_more <= HY_NODE_ANSWERS_BYTES_MAX;
        if (k->until_ms > now && fits) return;
        forget(n, k);
    }
}

bool hy__answers_repeat(hy_session_t *s, hy_msg_t *m) {
    if (!is_kept(m)) return false;
    hy_node_server_t *n = s->server;
    sweep(n, 0);
    hy_str_t *key = key_of(m);
    if (!key) return false;
    const kept_t *k = hy_dict_get(&n->answers, key);
    hy_str_unref(key);
    if (!k) return false;
    hy__keep_hand(s, k->answer, true); /* it may not have left yet */
    return true;
}

void hy__answers_keep(hy_node_server_t *n, const hy_msg_t *request, hy_msg_t *answer) {
    if (!is_kept(request)) return;
    size_t bytes = hy_msg_bytes(answer);
    sweep(n, bytes);
    hy_str_t *key = key_of(request);
    bool made = false;
    kept_t *k = key ? hy_dict_put(&n->answers, key, &made) : NULL;
    hy_str_unref(key);
    if (!k || !made) return;
    k->answer = hy_msg_ref(answer);
    k->bytes = bytes;
    k->until_ms = hy_clock_now(n->clock) + HY_ANSWER_KEPT_MS;
    n->answers_bytes += bytes;
}

void hy__answers_deinit(hy_node_server_t *n) {
    kept_t *k;
    for (uint32_t pos = 0; (k = hy_dict_next(&n->answers, &pos));)
        hy_msg_unref(k->answer);
    hy_dict_deinit(&n->answers);
}
