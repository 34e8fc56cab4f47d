/* Tokens (PROTOCOL.md section 10): JWTs that say which runtimes may open a session and for which
 * users they speak. Made and checked with libjwt; only token*.c see it.
 *
 * The algorithm is fixed by the key: a P-256 key in PEM means ES256, any other content of a file is
 * an HS256 secret of at least HY_TOKEN_SECRET_BYTES_MIN bytes (one line end at its end does not
 * count). What a token says of its algorithm is only compared. */
#ifndef HY_NET_TOKEN_H
#define HY_NET_TOKEN_H

#include "../node/auth.h"

typedef struct hy_token_keys hy_token_keys_t;

/* Public keys or secrets, one a file: a token is good if one of them made it (rotation). A secret's
 * file must not be readable by others, a public key's may. Errors name the file and what to do. */
int hy_token_keys_open(const char *const *paths, uint32_t count, hy_token_keys_t **out,
                       hy_error_t *err);
/* Reads the files again; on failure the keys of before stay. */
int hy_token_keys_reload(hy_token_keys_t *k, hy_error_t *err);
void hy_token_keys_free(hy_token_keys_t *k); /* NULL allowed */
/* It as what a node asks. Lives as long as the keys. */
const hy_auth_t *hy_token_keys_auth(hy_token_keys_t *k);

/* A token signed with the key in that file (ES256: a private one; HS256: the secret). `user` lists
 * URLs (strings). The caller owns it. */
int hy_token_make(const char *key_path, const hy_str_t *sub, const hy_node_t *users, uint64_t now_s,
                  uint32_t ttl_s, hy_str_t **out, hy_error_t *err);
/* What a token claims, unchecked: so that a runtime knows for whom it speaks. */
int hy_token_read(const hy_str_t *token, hy_claims_t *out, hy_error_t *err);
/* A token from its file, mode checked, without white space around it. The caller owns it. */
int hy_token_load(const char *path, hy_str_t **out, hy_error_t *err);

#endif
