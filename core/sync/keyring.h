/* Inside sync/: the runtime's own signing key, and the keys of users that it has met.
 *
 *      first key that proves to be a user's       pinned
 *      another one of the same user               refused, told once; until a person accepts it
 *
 * A user may have several keys, one for each runtime that acts for it; each but the first has to be
 * accepted. The own key counts as one of the users that this runtime acts for. All of it is kept in
 * the store, if there is one; the own key in a file instead, if one is named. */
#ifndef HY_SYNC_KEYRING_H
#define HY_SYNC_KEYRING_H

#include "../base/crypto.h"
#include "manager.h"

typedef struct hy__keyring hy__keyring_t;

/* The own key is the store's, or a new one that is kept there. */
int hy__keyring_new(hy_manager_t *m, hy__keyring_t **out);
void hy__keyring_free(hy__keyring_t *k); /* NULL allowed */
const hy_sign_pair_t *hy__keyring_own(const hy__keyring_t *k);

/* A key proved itself as that user's: 0, it is known or pinned now; HY_EFORBIDDEN: another one is
 * known; the text names the user, both fingerprints and what to do (accept). */
int hy__keyring_meet(hy__keyring_t *k, hy_str_t *user, const uint8_t public[HY_SIGN_PUBLIC_BYTES],
                     hy_error_t *err);

#endif
