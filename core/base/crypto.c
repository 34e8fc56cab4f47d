/* What the core asks of cryptography, in the terms of libsodium. Secrets that pass through this
 * file are wiped before its functions return. */
#include "crypto.h"

#include <sodium.h>

#include "error.h"

_Static_assert(HY_SIGN_SEED_BYTES == crypto_sign_SEEDBYTES, "seed");
_Static_assert(HY_SIGN_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "public key");
_Static_assert(HY_SIGNATURE_BYTES == crypto_sign_BYTES, "signature");
_Static_assert(HY_SHARE_BYTES == crypto_scalarmult_BYTES, "share");
_Static_assert(HY_SHARE_BYTES == crypto_scalarmult_SCALARBYTES, "private share");
_Static_assert(HY_SECRET_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(HY_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(HY_SEAL_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(HY_SIGN_SEED_BYTES + HY_SIGN_PUBLIC_BYTES == crypto_sign_SECRETKEYBYTES,
               "the library's secret key is the seed and the public key");

int hy_crypto_start(void) {
    return sodium_init() < 0 ? HY_EINTERNAL : 0;
}

/* --- Signatures ------------------------------------------------------------------------------- */

void hy_sign_pair_new(hy_random_t *r, hy_sign_pair_t *out) {
    uint8_t seed[HY_SIGN_SEED_BYTES];
    r->fill(r, seed, sizeof seed);
    hy_sign_pair_of(seed, out);
    hy_secret_wipe(seed, sizeof seed);
}

void hy_sign_pair_of(const uint8_t seed[HY_SIGN_SEED_BYTES], hy_sign_pair_t *out) {
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(out->public, secret, seed);
    memcpy(out->seed, secret, sizeof out->seed);
    hy_secret_wipe(secret, sizeof secret);
}

void hy_sign(const hy_sign_pair_t *pair, const void *bytes, size_t len,
             uint8_t signature[HY_SIGNATURE_BYTES]) {
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    memcpy(secret, pair->seed, sizeof pair->seed);
    memcpy(secret + sizeof pair->seed, pair->public, sizeof pair->public);
    crypto_sign_detached(signature, NULL, bytes, len, secret);
    hy_secret_wipe(secret, sizeof secret);
}

bool hy_sign_check(const uint8_t public[HY_SIGN_PUBLIC_BYTES], const void *bytes, size_t len,
                   const uint8_t signature[HY_SIGNATURE_BYTES]) {
    return crypto_sign_verify_detached(signature, bytes, len, public) == 0;
}

/* --- Agreement -------------------------------------------------------------------------------- */

void hy_share_new(hy_random_t *r, uint8_t private[HY_SHARE_BYTES], uint8_t public[HY_SHARE_BYTES]) {
    r->fill(r, private, HY_SHARE_BYTES);
    crypto_scalarmult_base(public, private);
}

/* BLAKE2b of both shares and the context, keyed with the point that both ends come to. */
bool hy_share_agree(const uint8_t private[HY_SHARE_BYTES], const uint8_t mine[HY_SHARE_BYTES],
                    const uint8_t theirs[HY_SHARE_BYTES], const char *context,
                    uint8_t key[HY_SECRET_BYTES]) {
    uint8_t point[crypto_scalarmult_BYTES];
    crypto_generichash_state h;
    bool lower = memcmp(mine, theirs, HY_SHARE_BYTES) < 0;
    bool agreed = crypto_scalarmult(point, private, theirs) == 0;
    if (agreed) {
        crypto_generichash_init(&h, point, sizeof point, HY_SECRET_BYTES);
        crypto_generichash_update(&h, lower ? mine : theirs, HY_SHARE_BYTES);
        crypto_generichash_update(&h, lower ? theirs : mine, HY_SHARE_BYTES);
        crypto_generichash_update(&h, (const uint8_t *)context, strlen(context));
        crypto_generichash_final(&h, key, HY_SECRET_BYTES);
        hy_secret_wipe(&h, sizeof h);
    }
    hy_secret_wipe(point, sizeof point);
    return agreed;
}

/* --- Sealing ---------------------------------------------------------------------------------- */

void hy_seal(const uint8_t key[HY_SECRET_BYTES], const uint8_t nonce[HY_NONCE_BYTES],
             const void *bound, size_t bound_len, const void *text, size_t len, uint8_t *out) {
    crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, text, len, bound, bound_len, NULL, nonce,
                                               key);
}

bool hy_unseal(const uint8_t key[HY_SECRET_BYTES], const uint8_t nonce[HY_NONCE_BYTES],
               const void *bound, size_t bound_len, const uint8_t *bytes, size_t len, void *out) {
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, bytes, len, bound, bound_len,
                                                      nonce, key) == 0;
}

bool hy_secret_equal(const void *a, const void *b, size_t len) {
    return sodium_memcmp(a, b, len) == 0;
}

void hy_secret_wipe(void *bytes, size_t len) {
    sodium_memzero(bytes, len);
}

/* --- Texts ------------------------------------------------------------------------------------ */

hy_str_t *hy_base64(const void *bytes, size_t len) {
    size_t room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
    hy_str_t *s = hy_str_reserve(room - 1);
    if (s) sodium_bin2base64(s->bytes, room, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return s;
}

ptrdiff_t hy_base64_read(const char *text, size_t len, uint8_t *out, size_t room) {
    size_t count = 0;
    int rc =
        sodium_base642bin(out, room, text, len, NULL, &count, NULL, sodium_base64_VARIANT_ORIGINAL);
    return rc ? -1 : (ptrdiff_t)count;
}

/* 160 bits of the key's BLAKE2b, five for each of 32 letters and digits that look like no other. */
void hy_fingerprint(const uint8_t public[HY_SIGN_PUBLIC_BYTES], char text[HY_FINGERPRINT_BYTES]) {
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t digest[20];
    char *at = text;
    unsigned bits = 0, held = 0;
    crypto_generichash(digest, sizeof digest, public, HY_SIGN_PUBLIC_BYTES, NULL, 0);
    for (size_t i = 0; i < sizeof digest; i++) {
        bits = bits << 8 | digest[i];
        for (held += 8; held >= 5; held -= 5) {
            if (at != text && (at - text) % 5 == 4) *at++ = ' ';
            *at++ = letters[bits >> (held - 5) & 31];
        }
    }
    *at = '\0';
}
