/* A store in memory: for runtimes without a file, and for worlds on a virtual clock, where it
 * stands in for a disk that outlives the runtime.
 *
 * The rows are in a *disk*, which is counted: a store on it can go while the disk stays. A disk can
 * be slow (a batch is committed so much later), refuse (a full one) and lose what was not synced,
 * as a machine that loses power does. */
#ifndef HY_STORE_MEMORY_H
#define HY_STORE_MEMORY_H

#include "../base/random.h"
#include "store.h"

typedef struct hy_disk hy_disk_t;
int hy_disk_new(hy_disk_t **out);
hy_disk_t *hy_disk_ref(hy_disk_t *d);
void hy_disk_unref(hy_disk_t *d); /* NULL allowed */

/* A batch is committed `delay_ms` after it was sealed, 0: as it is sealed. */
void hy_disk_set_delay(hy_disk_t *d, uint64_t delay_ms);
/* While it refuses nothing is committed. */
void hy_disk_set_full(hy_disk_t *d, bool is_full);
/* Keeps of what was committed since the last synced batch only a beginning of random length (whole
 * batches). With no store on it. A disk also syncs by itself when much is not synced. */
void hy_disk_lose_power(hy_disk_t *d, hy_random_t *random);

/* `disk` is referenced; NULL: one of its own. `log` may be NULL. One store at a time on a disk:
 * HY_ECONFLICT. `is_lasting` is true for a disk that was given. */
int hy_store_open_memory(hy_clock_t *clock, const hy_log_t *log, hy_disk_t *disk, hy_store_t **out);
/* The process dies: as hy_store_close, but what is not committed is lost, and nothing is called.
 * Any store but one with a thread. */
void hy_store_crash(hy_store_t *s);

#endif
