/* Asking for an object that comes in parts (PROTOCOL.md section 5, Read): what has arrived is kept,
 * what is missing is asked for, as long as that leads on. */
#include "../data/parts.h"
#include "sync.h"

void hy__collecting_end(hy_collecting_t *c) {
    hy_parts_free(c->parts);
    *c = (hy_collecting_t){0};
}

int hy__collect(hy_collecting_t *c, hy_str_t *url, const hy_node_t *body, hy_error_t *err) {
    if (!hy_parts_is_part(body)) return HY_COLLECT_NONE;
    int rc = c->parts ? 0 : hy_parts_new(url, &c->parts);
    if (rc == 0) rc = hy_parts_take(c->parts, body, err);
    if (rc < 0) return rc;
    int64_t head = hy_get_int(body, "head", 0);
    if (head > 0) c->head = (uint64_t)head;
    return hy_parts_is_complete(c->parts) ? HY_COLLECT_ALL : HY_COLLECT_MORE;
}

bool hy__collecting_leads_on(hy_collecting_t *c) {
    uint32_t count = c->parts ? hy_parts_count(c->parts) : 0;
    c->tries = count > c->known ? 0 : c->tries + 1;
    c->known = count;
    return c->tries < HY_PARTS_TRIES_MAX;
}

hy_value_t hy__collecting_body(const hy_collecting_t *c) {
    hy_node_t *body = hy_node_new(HY_OBJECT);
    hy_str_t *epoch = c->parts ? hy_parts_epoch(c->parts) : NULL;
    hy_value_t missing;
    int rc = body ? hy__put_window(body) : HY_ENOMEM;
    if (rc == 0 && epoch) {
        rc = hy_put(body, "epoch", hy__string_ref(epoch));
        if (rc == 0) rc = hy_put(body, "version", hy_int((int64_t)hy_parts_version(c->parts)));
        if (rc == 0) rc = hy_parts_missing(c->parts, HY_PARTS_AHEAD, &missing);
        if (rc == 0) rc = hy_put(body, "parts", missing);
    }
    if (rc == 0) return hy_node_value(body);
    if (body) hy_node_unref(body);
    return hy_absent();
}

int hy__put_window(hy_node_t *body) {
    return hy_put(body, "window", hy_int(HY_PARTS_AHEAD));
}
