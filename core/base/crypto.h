/* Cryptography for what only its participants may read: signatures (Ed25519), agreement on a key
 * (X25519), sealing (XChaCha20-Poly1305), all by libsodium; only crypto.c sees it. No state, no
 * I/O; randomness is passed in. */
#ifndef HY_BASE_CRYPTO_H
#define HY_BASE_CRYPTO_H

#include "random.h"
#include "str.h"

#define HY_SIGN_SEED_BYTES   32u
#define HY_SIGN_PUBLIC_BYTES 32u
#define HY_SIGNATURE_BYTES   64u
#define HY_SHARE_BYTES       32u /* of X25519, public or private */
#define HY_SECRET_BYTES      32u
#define HY_NONCE_BYTES       24u
#define HY_SEAL_TAG_BYTES    16u

typedef struct {
    uint8_t seed[HY_SIGN_SEED_BYTES]; /* to be kept; the rest follows from it */
    uint8_t public[HY_SIGN_PUBLIC_BYTES];
} hy_sign_pair_t;

/* Before anything else; again is harmless. HY_EINTERNAL: the library cannot be used here. */
int hy_crypto_start(void);

void hy_sign_pair_new(hy_random_t *r, hy_sign_pair_t *out);
void hy_sign_pair_of(const uint8_t seed[HY_SIGN_SEED_BYTES], hy_sign_pair_t *out);
void hy_sign(const hy_sign_pair_t *pair, const void *bytes, size_t len,
             uint8_t signature[HY_SIGNATURE_BYTES]);
bool hy_sign_check(const uint8_t public[HY_SIGN_PUBLIC_BYTES], const void *bytes, size_t len,
                   const uint8_t signature[HY_SIGNATURE_BYTES]);

void hy_share_new(hy_random_t *r, uint8_t private[HY_SHARE_BYTES], uint8_t public[HY_SHARE_BYTES]);
/* The key that both ends agree on, bound to both public shares (lower one first) and to `context`.
 * False: `theirs` is no share (of low order). */
bool hy_share_agree(const uint8_t private[HY_SHARE_BYTES], const uint8_t mine[HY_SHARE_BYTES],
                    const uint8_t theirs[HY_SHARE_BYTES], const char *context,
                    uint8_t key[HY_SECRET_BYTES]);

/* `out` has room for len + HY_SEAL_TAG_BYTES; `bound` is authenticated and not part of it. */
void hy_seal(const uint8_t key[HY_SECRET_BYTES], const uint8_t nonce[HY_NONCE_BYTES],
             const void *bound, size_t bound_len, const void *text, size_t len, uint8_t *out);
/* `len` is the ciphertext's with its tag; `out` has room for len - HY_SEAL_TAG_BYTES. False: it was
 * not sealed with that key, nonce and bound. */
bool hy_unseal(const uint8_t key[HY_SECRET_BYTES], const uint8_t nonce[HY_NONCE_BYTES],
               const void *bound, size_t bound_len, const uint8_t *bytes, size_t len, void *out);

/* Compares without telling by its time where they differ; forgets in a way no compiler drops. */
bool hy_secret_equal(const void *a, const void *b, size_t len);
void hy_secret_wipe(void *bytes, size_t len);

/* Base64 of RFC 4648 with padding. NULL: no memory. */
hy_str_t *hy_base64(const void *bytes, size_t len);
/* Gives the bytes; -1: it is none, or longer than `room`. Only the one canonical form is taken. */
ptrdiff_t hy_base64_read(const char *text, size_t len, uint8_t *out, size_t room);
/* Of a public key, for people to compare: 8 groups of 4 letters and digits, "k3pd 7xqa …". */
#define HY_FINGERPRINT_BYTES 40u
void hy_fingerprint(const uint8_t public[HY_SIGN_PUBLIC_BYTES], char text[HY_FINGERPRINT_BYTES]);

#endif
