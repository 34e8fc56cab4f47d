/* Inside the keyring: its parts, for keyring.c and keyring_rows.c. */
#ifndef HY_SYNC_KEYRING_PRIVATE_H
#define HY_SYNC_KEYRING_PRIVATE_H

#include "sync.h"

typedef struct {
    uint8_t public[HY_SIGN_PUBLIC_BYTES];
    bool is_refused;  /* else it is known */
    int64_t since_ms; /* wall clock: when it came to be so */
} hy__met_t;

typedef struct {
    hy_str_t *key; /* user URL */
    hy__met_t *met;
    uint32_t count;
    bool is_damaged; /* what was known of it cannot be read */
} hy__holder_t;

struct hy__keyring {
    hy_manager_t *manager;
    hy_sign_pair_t own;
    int64_t own_since_ms; /* 0: it is given */
    bool has_own;
    hy_dict_t holders;
    uint32_t count; /* keys of all of them */
    hy_store_read_t *read;
    hy_error_t unread; /* why what is kept is not there; code 0: it is */
};

/* Begins to read; sets `unread` until it is done. */
int hy__keyring_read(hy__keyring_t *k);
/* In place of the rows that are there; nothing without a store that lasts. On failure nothing was
 * written. */
int hy__keyring_keep_own(const hy__keyring_t *k);
int hy__keyring_keep(const hy__keyring_t *k, const hy__holder_t *h);
int hy__keyring_drop(const hy__keyring_t *k, const hy__holder_t *h);
/* One more key of a user, at the end. NULL when out of memory. */
hy__met_t *hy__keyring_add(hy__keyring_t *k, hy__holder_t *h,
                           const uint8_t public[HY_SIGN_PUBLIC_BYTES]);

#endif
