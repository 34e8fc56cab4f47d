/* Whether a piece of Lua is complete: for who reads it from a person, line by line. */
#ifndef HY_HOST_CHUNK_H
#define HY_HOST_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

/* True if more lines could make it a chunk of Lua, or an expression, and without them it is
 * neither. Compiles it only; false when out of memory. */
bool hy_chunk_is_unfinished(const char *code, size_t len);

#endif
