/* The file that --key names: the seed of a runtime's own signing key, as one line of base64. */
#ifndef HY_KEY_FILE_H
#define HY_KEY_FILE_H

#include "base/crypto.h"
#include "base/error.h"

/* Reads it; if it is not there, it is made with a new seed and mode 0600. HY_EFORBIDDEN: others may
 * read it; HY_EINVALID: it is none, or cannot be read or made. The text names the path and what to
 * do. Who calls wipes the seed. */
int hy_key_file_read(const char *path, hy_random_t *random, uint8_t seed[HY_SIGN_SEED_BYTES],
                     hy_error_t *err);

#endif
