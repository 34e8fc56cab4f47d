/* One piece of bytes for many connections. When a turn leaves the same messages for several of
 * them, as when one publishes to a hundred, they are put together once, and each of these writes is
 * one copy of one piece: the kernel needs a third less for that than for a vector of small ones.
 *
 *      first connection     vector, as usual; its first message is noted
 *      second, alike        messages are put together
 *      all further ones     found alike by comparing pointers
 */
#ifndef HY_NET_BATCH_H
#define HY_NET_BATCH_H

#include "../base/random.h"
#include "../bus/message.h"

typedef struct {
    const hy_msg_t *noted;                 /* compared only, never looked into */
    hy_msg_t *list[HY_WRITE_MESSAGES_MAX]; /* referenced */
    uint32_t ends[HY_WRITE_MESSAGES_MAX];  /* where each of them ends in `bytes` */
    uint32_t count;
    hy_wire_t form;
    char bytes[HY_BATCH_BYTES];
} hy_batch_t;

/* How many of these messages lie in `bytes`, from its beginning; 0: none, write them as a vector.
 * All that are counted have their framed form. */
uint32_t hy_batch_find(hy_batch_t *b, hy_msg_t *const *list, uint32_t count, hy_wire_t form,
                       hy_random_t *random);
/* Lets go of the messages. */
void hy_batch_clear(hy_batch_t *b);

#endif
