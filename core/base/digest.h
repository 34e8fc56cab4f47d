/* A digest of a value: short, and the same for whoever has the same JSON, on any machine. */
#ifndef HY_BASE_DIGEST_H
#define HY_BASE_DIGEST_H

#include "value.h"

/* 32 hexadecimal digits (XXH3, 128 bits) of the value's text with the keys of each object in the
 * order of their bytes; the caller owns it. It tells versions apart, and is no proof against who
 * makes two values of one digest. `bytes` (may be NULL) gets the length of that text. NULL when out
 * of memory. */
hy_str_t *hy_digest(hy_value_t v, size_t *bytes);

#endif
