/* self.state: the tree that belongs to one hyperty and outlives it in the store, under its URL.
 *
 *      STATES   ""        {"version", "data"}     a snapshot
 *      CHANGES  version   a change, as objects have them
 *
 * So an assignment costs its own bytes and not those of the state; once the changes are as much as
 * the snapshot, there is a new one. All that is written in one turn is committed together. */
#ifndef HY_HOST_OWN_STATE_H
#define HY_HOST_OWN_STATE_H

#include "../data/view.h"
#include "../store/store.h"

typedef struct hy_own_state hy_own_state_t;

/* `code` 0: the view shows what was kept. Else `desc` says what is wrong with it. */
typedef void (*hy_own_state_cb)(void *arg, int code, const char *desc);

/* Reads what the store (it outlives the state) has of that hyperty; calls back once, in a turn of
 * its own, unless it is closed before; not at all if `store` is NULL: the state is empty then, and
 * kept nowhere. `name` is for errors. */
int hy__own_state_open(hy_store_t *store, hy_str_t *url, const char *name, hy_own_state_cb done,
                       void *arg, hy_own_state_t **out);
/* Lent. */
hy_view_t *hy__own_state_view(const hy_own_state_t *s);
/* From now on edits are applied but not written: until they are all written at once, which is then
 * settled by a commit in the same turn; or until a rollback undoes them, written or not. */
void hy__own_state_try(hy_own_state_t *s);
int hy__own_state_write(hy_own_state_t *s, hy_error_t *err); /* on failure nothing is */
void hy__own_state_commit(hy_own_state_t *s);
void hy__own_state_rollback(hy_own_state_t *s);
/* What is kept stays, what was tried is undone. NULL allowed. */
void hy__own_state_close(hy_own_state_t *s);

#endif
