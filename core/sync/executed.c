/* Executes that an object has answered within the last HY_ANSWER_KEPT_MS: handed over with it, so
 * that one that is repeated is not run again by its new reporter. The bus of the old one remembers
 * them; the new one's is told of them, and so is its store.
 *
 *      [{"from", "id", "code", "desc", "value", "age"}], the newest first */
#include "../base/mem.h"
#include "handover.h"

/* --- writing ---------------------------------------------------------------------------------- */

typedef struct {
    hy_node_t *list;
    size_t bytes;
    int rc;
} writing_t;

static int put_copy(hy_node_t *entry, const char *name, hy_value_t v) {
    hy_value_t copy;
    if (v.kind == HY_ABSENT) return 0;
    int rc = hy_value_copy(v, &copy);
    return rc < 0 ? rc : hy_put(entry, name, copy);
}

static int put_entry(hy_node_t *list, hy_msg_t *answer, int code, uint64_t age_ms) {
    const hy_node_t *body = hy_msg_body(answer);
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    int rc = entry ? hy_put(entry, "from", hy__string_ref(answer->to)) : HY_ENOMEM;
    if (rc == 0) rc = put_copy(entry, "id", answer->id);
    if (rc == 0) rc = hy_put(entry, "code", hy_int(code));
    if (rc == 0) rc = put_copy(entry, "desc", hy_get(body, "desc"));
    if (rc == 0) rc = put_copy(entry, "value", hy_get(body, "value"));
    if (rc == 0) rc = hy_put(entry, "age", hy_int((int64_t)age_ms));
    if (rc == 0) return hy_node_insert(list, hy_node_count(list), hy_node_value(entry));
    if (entry) hy_node_unref(entry);
    return rc;
}

/* Who was told to come again (503) was not heard. */
static bool take_one(void *writing, hy_msg_t *answer, uint64_t age_ms) {
    writing_t *w = writing;
    int code = hy_msg_code(answer);
    if (code == 503) return true;
    w->bytes += hy_msg_bytes(answer);
    if (w->bytes > HY_HANDOVER_EXECUTES_BYTES) return false;
    w->rc = put_entry(w->list, answer, code, age_ms);
    return w->rc == 0;
}

hy_value_t hy__executed_write(const hy_manager_t *m, const hy_str_t *url) {
    writing_t w = {.list = hy_node_new(HY_ARRAY)};
    if (!w.list) return hy_absent();
    hy_bus_recalled(m->bus, url, take_one, &w);
    if (w.rc == 0) return hy_node_value(w.list);
    hy_node_unref(w.list);
    return hy_absent();
}

/* --- reading ---------------------------------------------------------------------------------- */

hy_msg_t *hy__executed_request(hy_str_t *url, const hy_node_t *entry) {
    hy_str_t *from = hy_get_str(entry, "from");
    hy_value_t id = hy_get(entry, "id");
    if (!from || (id.kind != HY_INT && id.kind != HY_STR)) return NULL;
    if (id.kind == HY_STR) hy_str_ref(id.as.s);
    return hy_msg_new(HY_MSG_EXECUTE, id, from, url, hy_absent());
}

void hy__executed_recall(const hy_manager_t *m, hy_str_t *url, const hy_node_t *entry,
                         uint64_t age_ms) {
    const hy_str_t *desc = hy_get_str(entry, "desc");
    hy_value_t copy = hy_absent();
    hy_msg_t *request = hy__executed_request(url, entry);
    int64_t code = hy_get_int(entry, "code", 500);
    if (code < 200 || code > 599) code = 500;
    if (request && hy_value_copy(hy_get(entry, "value"), &copy) == 0) {
        hy_msg_t *answer =
            hy_msg_response(request, NULL, (int)code, desc ? desc->bytes : NULL, copy);
        if (answer) hy_bus_recall(m->bus, answer, age_ms);
        hy_msg_unref(answer);
    }
    hy_msg_unref(request);
}

static const hy_node_t *entry_at(const hy_node_t *list, size_t i) {
    hy_value_t v = hy_node_at(list, i);
    return v.kind == HY_OBJECT ? v.as.n : NULL;
}

static uint64_t age_of(const hy_node_t *entry) {
    int64_t age_ms = hy_get_int(entry, "age", 0);
    return age_ms > 0 ? (uint64_t)age_ms : 0;
}

void hy__executed_take(const hy_manager_t *m, hy_str_t *url, const hy_node_t *list,
                       uint64_t since_ms) {
    for (size_t i = 0; list && i < hy_node_count(list); i++) {
        const hy_node_t *entry = entry_at(list, i);
        if (entry) hy__executed_recall(m, url, entry, age_of(entry) + since_ms);
    }
}

/* The oldest first, as they would have come. */
int hy__executed_store(hy_ledger_t *l, const hy_node_t *list) {
    hy_manager_t *m = l->manager;
    int64_t now_ms = hy_clock_wall(hy_bus_clock(m->bus));
    int rc = 0;
    for (size_t i = list ? hy_node_count(list) : 0; rc == 0 && i > 0; i--) {
        const hy_node_t *entry = entry_at(list, i - 1);
        hy_msg_t *request = entry ? hy__executed_request(l->object->url, entry) : NULL;
        const hy_str_t *desc = hy_get_str(entry, "desc");
        if (!request) continue;
        rc = hy__ledger_put_answer(l, request, (int)hy_get_int(entry, "code", 500),
                                   desc ? desc->bytes : NULL, hy_get(entry, "value"),
                                   now_ms - (int64_t)age_of(entry));
        hy_msg_unref(request);
    }
    return rc;
}
