/* What the program needs of a host beyond the public header: its parts, lent. */
#ifndef HY_HYPERTY_PARTS_H
#define HY_HYPERTY_PARTS_H

#include "hyperty.h"
#include "loop/loop.h"
#include "runtime.h"

hy_loop_t *hy_hyperty_loop(const hyperty_t *h);
hy_runtime_t *hy_hyperty_runtime(const hyperty_t *h);
/* Stops all hyperties; the loop, and the ways to the nodes, stay until hyperty_close. */
void hy_hyperty_end(hyperty_t *h);

#endif
