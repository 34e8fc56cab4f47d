/* Whether and how what a hyperty takes part in is stored, and waiting until it is (ledger.h). */
#include "../base/mutant.h"
#include "call.h"

static hy_ledger_t *ledger_of(const hy_party_t *p) {
    if (p->is_reporter) return ((const hy_reporter_t *)p)->ledger;
    return ((const hy_observer_t *)p)->member->replica->ledger;
}

hy_store_level_t hy_party_store(const hy_party_t *p) {
    if (!p->is_open) return HY_STORE_NONE;
    if (!p->is_reporter) return ((const hy_observer_t *)p)->member->store;
    const hy_ledger_t *l = ledger_of(p);
    return l ? l->level : HY_STORE_NONE;
}

int hy_party_saved(hy_party_t *p, hy_value_cb done, void *arg, hy_error_t *err) {
    if (!p->is_open) return hy_fail(err, HY_ECLOSED, "%s is closed", p->url->bytes);
    const hy_ledger_t *l = ledger_of(p);
    if (!l || !p->syncher->manager->store)
        return hy_fail(err, HY_EINVALID, "%s is not stored; %s it with store = true", p->url->bytes,
                       p->is_reporter ? "create" : "subscribe to");
    if (hy__trial_holds(p->syncher)) {
        hy_deed_call_t deed = {.what = HY_DEED_SAVED, .party = p, .on_value = done, .arg = arg};
        return hy__holding_call(p->syncher, &deed);
    }
    hy_call_t *c = hy__call_new(p->syncher, arg);
    if (!c) return HY_ENOMEM;
    c->on_value = done;
    c->value = hy_int((int64_t)p->object->version);
    int rc = hy__call_wait(c, HY_MUTANT(SAVED_EARLY) ? 0 : l->ticket);
    if (rc < 0) hy__call_free(c);
    return rc;
}
