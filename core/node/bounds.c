/* Bounds: refusing, counting and telling. Where each is looked at is said where it is. */
#include "bounds.h"

#include "entries.h"

#include <inttypes.h>

static const struct {
    const char *label;
    uint32_t max;
    int code;
    const char *may, *what, *remedy;
} BOUNDS[] = {
#define X(name, label, max, code, may, what, remedy) {label, max, code, may, what, remedy},
    HY__BOUND_MAP(X)
#undef X
};

int hy__bound_refuse(hy_node_server_t *n, hy__bound_t bound, const char *who, const char *what,
                     hy_error_t *err) {
    n->bounds_refused[bound]++;
    return hy_fail(err, BOUNDS[bound].code, "%s %s %u %s at most: %s is too many; %s", who,
                   BOUNDS[bound].may, BOUNDS[bound].max, BOUNDS[bound].what, what,
                   BOUNDS[bound].remedy);
}

int hy__bound_refuse_all(hy_node_server_t *n, hy__bound_t bound, const char *what,
                         hy_error_t *err) {
    return hy__bound_refuse(n, bound, "this node", what, err);
}

/* --- metrics ---------------------------------------------------------------------------------- */

static void note(uint64_t *most, uint64_t n) {
    if (n > *most) *most = n;
}

static void measure(const hy_node_server_t *n, uint64_t most[HY__BOUNDS]) {
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&n->owners, &pos));) {
        const hy__owner_t *o = slot->item;
        const hy_session_t *s = o->session;
        note(&most[HY__BOUND_CLAIMS], o->claims_count);
        note(&most[HY__BOUND_ALLOCATED], o->allocated_count);
        if (!s) continue;
        note(&most[HY__BOUND_ROUTES], s->routes.count);
        note(&most[HY__BOUND_WATCHES], s->watch_count);
        note(&most[HY__BOUND_MEMORY], s->held + o->claims_bytes);
    }
    most[HY__BOUND_SESSIONS] = n->stats.sessions;
    most[HY__BOUND_ALL_ALLOCATED] = n->stats.allocated;
    most[HY__BOUND_ALL_WATCHES] = n->stats.watches;
    most[HY__BOUND_REGISTRY] = n->registry->bytes;
}

static void family(hy_buf_t *b, const char *name, const char *type, const char *help) {
    hy_buf_format(b, "# HELP hyperty_%s %s\n# TYPE hyperty_%s %s\n", name, help, name, type);
}

static void value(hy_buf_t *b, const char *name, unsigned bound, uint64_t n) {
    hy_buf_format(b, "hyperty_%s{of=\"%s\"} %" PRIu64 "\n", name, BOUNDS[bound].label, n);
}

void hy__bounds_metrics(const hy_node_server_t *n, hy_buf_t *b) {
    uint64_t most[HY__BOUNDS] = {0};
    measure(n, most);
    family(b, "bound", "gauge", "What may be had at most, by what is bounded.");
    for (unsigned i = 0; i < HY__BOUNDS; i++)
        value(b, "bound", i, BOUNDS[i].max);
    family(b, "bound_nearest", "gauge",
           "How much of it one has who has most, where that is known.");
    for (unsigned i = 0; i < HY__BOUNDS; i++)
        if (i != HY__BOUND_SOURCES && i != HY__BOUND_ADMITTED)
            value(b, "bound_nearest", i, most[i]);
    family(b, "bound_refused_total", "counter", "How often it was refused to have more.");
    for (unsigned i = 0; i < HY__BOUNDS; i++)
        value(b, "bound_refused_total", i, n->bounds_refused[i]);
}
