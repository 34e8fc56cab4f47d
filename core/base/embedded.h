/* Files of the source tree as they were when the program was built, so that it needs none of its
 * own to run. Tables of them are made by tools/embed.cmake; they are constant and shared by the
 * whole process. */
#ifndef HY_BASE_EMBEDDED_H
#define HY_BASE_EMBEDDED_H

#include <stddef.h>

typedef struct {
    const char *name;   /* as `require` spells it: lua/hyperty/json.lua is "hyperty.json" */
    const char *source; /* text, with a 0 after its last byte */
    size_t len;         /* without that 0 */
} hy_embedded_t;

#endif
