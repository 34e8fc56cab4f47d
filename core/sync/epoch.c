/* Epochs, as an observer meets them (PROTOCOL.md section 7). Versions go on over epochs: where a
 * new one says that it follows the state that the copy has, the copy is in it already.
 *
 *      (e1, v)  hears of e2, which follows (e1, f)
 *                 f = v      (e2, v): nothing to read
 *                 f > v      reads since (e1, v): changes of e1 up to f, then (e2, f), those of e2
 *                 f < v, or it follows another: the whole object, resync */
#include "../base/mutant.h"
#include "sync.h"

static bool follows(const hy_node_t *position, const hy_object_t *o, uint64_t *version) {
    const hy_node_t *before = hy_get_object(position, "follows");
    const hy_str_t *epoch = hy_get_str(before, "epoch");
    int64_t v = hy_get_int(before, "version", -1);
    *version = v < 0 ? 0 : (uint64_t)v;
    return epoch && v >= 0 && o->epoch && hy_str_equal(epoch, o->epoch);
}

bool hy__epoch_is_reached(const hy_replica_t *r, const hy_node_t *position) {
    uint64_t version;
    const hy_str_t *epoch = hy_get_str(position, "epoch");
    if (!epoch || hy_epoch_compare(epoch, r->object->epoch) <= 0) return false;
    return follows(position, r->object, &version) && version >= r->object->version;
}

bool hy__epoch_enter(hy_replica_t *r, const hy_node_t *position) {
    hy_object_t *o = r->object;
    uint64_t version = 0;
    bool is_any =
        HY_MUTANT(SINCE_ANY_EPOCH) && hy_epoch_compare(hy_get_str(position, "epoch"), o->epoch) > 0;
    if (!is_any && !hy__epoch_is_reached(r, position)) return false;
    if (!is_any && (!follows(position, o, &version) || version != o->version)) return false;
    if (is_any) version = o->version;
    hy_object_set_follows(o, o->epoch, (int64_t)version);
    hy_object_set_position(o, hy_get_str(position, "epoch"), version);
    r->head = version; /* what the epoch before had above it is no more */
    r->wants_whole = false;
    hy__copy_entered(r->ledger);
    return true;
}

static void hear_of(hy_replica_t *r, const hy_node_t *digest, uint64_t version) {
    const hy_object_t *o = r->object;
    hy__hosted_hear(r->manager, r->url, hy_get_str(digest, "epoch"));
    if (!hy__epoch_enter(r, digest)) {
        if (!hy__epoch_is_reached(r, digest)) r->wants_whole = true;
        r->has_lost = true; /* also if a read is under way that is too early */
        hy__replica_read(r, "gap");
        return;
    }
    if (version > r->head) r->head = version;
    if (r->head > o->version) {
        hy__replica_read(r, "gap");
    } else {
        hy__replica_is_back(r);
        hy__arrival_settle(r);
    }
}

void hy__epoch_digest(hy_replica_t *r, const hy_node_t *digest) {
    hy_str_t *epoch = hy_get_str(digest, "epoch");
    int64_t version = hy_get_int(digest, "version", -1);
    if (!epoch || epoch->len > HY_NAME_BYTES_MAX) return;
    if (version < 0 || version > HY_VERSION_MAX) return;
    if (!r->object) return; /* the first answer is on its way */
    int order = hy_epoch_compare(epoch, r->object->epoch);
    if (order < 0) return;
    r->heard_ms = hy_clock_now(hy_bus_clock(r->manager->bus));
    if (order > 0) {
        hear_of(r, digest, (uint64_t)version);
        return;
    }
    if ((uint64_t)version > r->head) r->head = (uint64_t)version;
    if (HY_MUTANT(DIGEST_TRUSTED)) r->object->version = r->head;
    if ((uint64_t)version > r->object->version) {
        hy__replica_read(r, "gap");
    } else {
        hy__replica_is_back(r);
    }
}
