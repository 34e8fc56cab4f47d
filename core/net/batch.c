/* Messages put together for several connections. A message is held while its bytes are kept, so
 * that the same pointer means the same bytes. */
#include "batch.h"

#include "wire.h"

void hy_batch_clear(hy_batch_t *b) {
    for (uint32_t i = 0; i < b->count; i++)
        hy_msg_unref(b->list[i]);
    b->count = 0;
    b->noted = NULL;
}

static void build(hy_batch_t *b, hy_msg_t *const *list, uint32_t count, hy_wire_t form,
                  hy_random_t *random) {
    uint32_t at = 0;
    hy_batch_clear(b);
    b->form = form;
    while (b->count < count) {
        hy_msg_t *m = list[b->count];
        const hy_str_t *wire = hy_wire_of(m, form, random, NULL);
        if (!wire || wire->len > sizeof b->bytes - at) return;
        memcpy(b->bytes + at, wire->bytes, wire->len);
        at += wire->len;
        b->ends[b->count] = at;
        b->list[b->count++] = hy_msg_ref(m);
    }
}

static bool is_alike(const hy_batch_t *b, hy_msg_t *const *list, uint32_t count, hy_wire_t form) {
    return count >= HY_BATCH_MESSAGES_MIN && b->form == form &&
           memcmp(b->list, list, count * sizeof *list) == 0;
}

uint32_t hy_batch_find(hy_batch_t *b, hy_msg_t *const *list, uint32_t count, hy_wire_t form,
                       hy_random_t *random) {
    if (count < HY_BATCH_MESSAGES_MIN) return 0;
    uint32_t both = count < b->count ? count : b->count;
    if (is_alike(b, list, both, form)) return both;
    if (b->noted != list[0]) {
        b->noted = list[0];
        return 0;
    }
    build(b, list, count, form, random);
    return b->count >= HY_BATCH_MESSAGES_MIN ? b->count : 0;
}
