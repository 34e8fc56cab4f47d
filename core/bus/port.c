/* Sending with a sender check: a port knows the URL of its hyperty and the objects that were
 * granted to it, and lets nothing else stand in `from`. Owns references of those strings. */
#include "../base/dict.h"
#include "../base/mem.h"
#include "bus_private.h"

typedef struct {
    hy_str_t *object; /* the key */
} grant_t;

struct hy_port {
    hy_bus_t *bus;
    hy_str_t *url;
    hy_dict_t grants; /* grant_t */
};

int hy_port_open(hy_bus_t *bus, hy_str_t *url, hy_port_t **out) {
    hy_port_t *p = hy_alloc(sizeof *p);
    if (!p) return HY_ENOMEM;
    *p = (hy_port_t){.bus = bus, .url = hy_str_ref(url)};
    hy_dict_init(&p->grants, sizeof(grant_t));
    *out = p;
    return 0;
}

void hy_port_close(hy_port_t *p) {
    if (!p) return;
    hy_dict_deinit(&p->grants);
    hy_str_unref(p->url);
    hy_free(p);
}

hy_str_t *hy_port_url(const hy_port_t *p) {
    return p->url;
}
hy_bus_t *hy_port_bus(const hy_port_t *p) {
    return p->bus;
}

int hy_port_grant(hy_port_t *p, hy_str_t *object) {
    return hy_dict_put(&p->grants, object, NULL) ? 0 : HY_ENOMEM;
}

void hy_port_revoke(hy_port_t *p, hy_str_t *object) {
    void *grant = hy_dict_get(&p->grants, object);
    if (grant) hy_dict_remove(&p->grants, grant);
}

static int check(hy_port_t *p, const hy_msg_t *m, hy_error_t *err) {
    if (hy_str_equal(m->from, p->url) || hy_dict_get(&p->grants, m->from)) return 0;
    p->bus->stats.refused++;
    return hy_fail(err, HY_EFORBIDDEN,
                   "not allowed to send from \"%.160s\": only from \"%.160s\" and the objects that "
                   "it reports",
                   m->from->bytes, p->url->bytes);
}

/* Gives a failure of the bus its text. */
static int explain(const hy_port_t *p, const hy_msg_t *m, int code, hy_error_t *err) {
    if (code >= 0) return code;
    if (code == HY_EFULL)
        return hy_fail(err, code, "the message bus is full (%u messages wait): %s to %s not sent",
                       hy_bus_stats(p->bus).queued, hy_msg_type_text(m->type), m->to->bytes);
    return hy_fail(err, code, "%s: %s to %s not sent", hy_error_text(code),
                   hy_msg_type_text(m->type), m->to->bytes);
}

int hy_port_send(hy_port_t *p, hy_msg_t *m, hy_error_t *err) {
    int code = check(p, m, err);
    return code < 0 ? code : explain(p, m, hy_bus_send(p->bus, m), err);
}

int hy_port_request(hy_port_t *p, hy_msg_t *m, uint64_t timeout_ms, hy_answer_cb cb, void *arg,
                    hy_late_cb late, hy_request_t **out, hy_error_t *err) {
    int code = check(p, m, err);
    if (code < 0) return code;
    code = hy_bus_request(p->bus, m, timeout_ms, cb, arg, late, out);
    return explain(p, m, code, err);
}
