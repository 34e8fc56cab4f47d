/* The addresses that were read lately. The same few come again with every message of a
 * conversation; one that is known need not be checked, copied or hashed anew, and is equal by being
 * the same. */
#ifndef HY_BUS_NAMES_H
#define HY_BUS_NAMES_H

#include "address.h"

typedef struct hy_names hy_names_t;

/* NULL when out of memory. */
hy_names_t *hy_names_new(void);
void hy_names_free(hy_names_t *n); /* NULL allowed */
/* The address of those bytes, checked (hy_address_parse), as a string; the caller owns a reference.
 * `n` NULL: nothing is remembered. HY_EINVALID, HY_ETOO_LARGE, HY_ENOMEM. */
int hy_names_get(hy_names_t *n, const char *bytes, size_t len, hy_str_t **out, hy_error_t *err);

#endif
