/* Files with the tokens that a host shows its nodes, as people name them: one for its own domain,
 * one for each further one. They are read anew each time that one is asked for, so that whoever
 * makes tokens only has to put the next one in the same place. */
#ifndef HY_TOKEN_FILES_H
#define HY_TOKEN_FILES_H

#include "base/log.h"
#include "net/token.h"

typedef struct {
    hy_str_t *own; /* the own domain */
    struct {
        hy_str_t *domain, *path;
    } list[HY_WAYS_MAX];
    uint32_t count;
} hy_token_files_t;

/* Reads "FILE:DOMAIN=FILE", separated by colons, and each file once, so that what is wrong with one
 * is told at once. `own` NULL: "localhost". `t` is zeroed before, and to be released. */
int hy_token_files_open(hy_token_files_t *t, const char *text, const char *own, hy_error_t *err);
void hy_token_files_release(hy_token_files_t *t);
/* What the own token claims, unchecked; nothing (users NULL) if there is none. */
int hy_token_files_claims(const hy_token_files_t *t, hy_claims_t *out, hy_error_t *err);
/* For whom a host with these claims acts: `given`, which is told if they do not name it; else the
 * first that they name, lent; NULL: nobody is said. */
const char *hy_token_user(const hy_claims_t *claims, const char *given, const hy_log_t *log);
/* Below which address the runtime of that domain (NULL: "localhost") must be, so that they cover
 * it; NULL: they are not for that domain. Lent. */
const char *hy_token_place(const hy_claims_t *claims, const char *domain);
/* As hy_runtime_config_t has it; `files` is the above. */
int hy_token_files_get(void *files, const char *domain, hy_str_t **out, hy_error_t *err);

#endif
