/* Several schemas at a time, for who is about to start: each is asked for by itself (catalogue.h),
 * and all are waited for. */
#include "catalogue.h"

#include "../base/mem.h"

typedef struct {
    hy_learning_t *learning;
    hy_schema_wait_t wait;
} one_t;

struct hy_learning {
    const hy_learning_events_t *events;
    void *arg;
    size_t waiting, count;
    one_t all[];
};

static void on_one(void *arg, int code, const char *text) {
    const one_t *one = arg;
    hy_learning_t *l = one->learning;
    if (code < 0) l->events->failed(l->arg, text);
    if (--l->waiting > 0) return;
    const hy_learning_events_t *events = l->events;
    void *owner = l->arg;
    hy_free(l);
    events->done(owner);
}

int hy_manager_learn(hy_manager_t *m, const hy_node_t *names, const hy_learning_events_t *events,
                     void *arg, hy_learning_t **out) {
    size_t count = hy_node_count(names);
    hy_learning_t *l = hy_alloc_zero(sizeof *l + count * sizeof(one_t));
    if (!l) return HY_ENOMEM;
    l->events = events;
    l->arg = arg;
    for (; l->count < count; l->count++) {
        one_t *one = &l->all[l->count];
        hy_error_t err = {.text = ""};
        one->learning = l;
        hy__schema_wait_init(&one->wait, on_one, one);
        int rc = hy__schema_want(m, hy_node_at(names, l->count).as.s, &one->wait, &err);
        l->waiting += rc == 0;
        if (rc < 0) events->failed(arg, err.text[0] ? err.text : hy_error_text(rc));
    }
    if (l->waiting > 0) {
        *out = l;
        return 0;
    }
    hy_free(l);
    return 1;
}

void hy_learning_cancel(hy_learning_t *l) {
    if (!l) return;
    for (size_t i = 0; i < l->count; i++)
        hy__schema_wait_end(&l->all[i].wait);
    hy_free(l);
}
