/* Inside sync/: the runtime's own signing key, and the keys of users that it has met.
 *
 *      first key that proves to be a user's       pinned
 *      another one of the same user               refused, told once; until a person accepts it
 *
 * A user may have several keys, one for each runtime that acts for it; each but the first has to be
 * accepted (told for people: ../KEYS.md). The own key counts as one of the users that this runtime
 * acts for. What was pinned or accepted is kept in the store, if it lasts; what was refused is
 * remembered in memory alone, so that who shows keys writes nothing here. The own key is the one
 * that the configuration gives (seed), else the store's, else it is good for this run. It is made
 * when it is first needed.
 *
 *      keyring.c        meeting, accepting, forgetting; for the prompt
 *      keyring_rows.c   what the store keeps of it
 *
 * A row that cannot be read is told, and counts as a key that nobody has: whatever that user shows
 * is refused until it is accepted. */
#ifndef HY_SYNC_KEYRING_H
#define HY_SYNC_KEYRING_H

#include "../base/crypto.h"
#include "manager.h"

typedef struct hy__keyring hy__keyring_t;

/* Part of the manager; begins to read what the store has. `seed` (NULL: none is given) is copied.
 * HY_EINTERNAL: no cryptography here. */
int hy__keyring_new(hy_manager_t *m, const uint8_t *seed, hy__keyring_t **out);
void hy__keyring_free(hy__keyring_t *k); /* NULL allowed */

/* Has to have been 0 before what is below: what is kept was read, and the own key is there.
 * HY_EUNREACHABLE: it is still being read, a moment after the start; or why there can be no key. */
int hy__keyring_ready(hy__keyring_t *k, hy_error_t *err);
const hy_sign_pair_t *hy__keyring_own(const hy__keyring_t *k);

/* A key proved itself as that user's: 0, it is known or pinned now; HY_EFORBIDDEN: another one is
 * known; the text names the user, both fingerprints and what to do (accept). HY_ENOMEM, HY_EFULL:
 * it cannot be pinned. */
int hy__keyring_meet(hy__keyring_t *k, hy_str_t *user, const uint8_t public[HY_SIGN_PUBLIC_BYTES],
                     hy_error_t *err);

#endif
