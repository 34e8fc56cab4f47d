/* What the files of tokens share; nobody else includes it.
 *
 *      token_file.c   keys and tokens in files: what they are, and who may read them
 *      token_text.c   the text of a token: its parts, and what it claims
 *      token.c        signing and checking, the keys of a node */
#ifndef HY_NET_TOKEN_PARTS_H
#define HY_NET_TOKEN_PARTS_H

#include "../base/buf.h"
#include "token.h"

/* What it is signed with. */
typedef enum { HY__TOKEN_ES256, HY__TOKEN_HS256, HY__TOKEN_ALGORITHMS } hy__token_algorithm_t;

/* "ES256" */
const char *hy__token_algorithm_name(hy__token_algorithm_t a);

/* --- token_file.c ----------------------------------------------------------------------------- */

typedef struct {
    hy__token_algorithm_t algorithm;
    hy_buf_t bytes; /* the PEM, or the secret */
} hy__token_key_t;

/* The key in that file; to sign with (ES256: a private one) or to check with (a public one). */
int hy__token_key_load(const char *path, bool to_sign, hy__token_key_t *out, hy_error_t *err);
void hy__token_key_deinit(hy__token_key_t *k); /* leaves nothing of it in memory */

/* --- token_text.c ----------------------------------------------------------------------------- */

/* All that a token says. */
typedef struct {
    hy__token_algorithm_t algorithm;
    hy_str_t *sub;
    hy_node_t *users;
    int64_t exp, nbf, iat; /* seconds; the last two are -1 if they are not said */
} hy__token_said_t;

/* What it is signed with, so that a key can be chosen: by its header alone. */
int hy__token_read_header(const hy_str_t *token, hy__token_algorithm_t *out, hy_error_t *err);
/* What it claims: of the right kinds and within bounds, whoever has made it. */
int hy__token_read_claims(const hy_str_t *token, hy__token_said_t *out, hy_error_t *err);
void hy__token_said_deinit(hy__token_said_t *s);

#endif
