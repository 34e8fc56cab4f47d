/* The system's randomness: getrandom(2), a block at a time, because small numbers are wanted often
 * and each call into the kernel costs more than it gives. Owns nothing. */
#include "random.h"

#include <stdlib.h>
#include <uv.h>

#include "../base/list.h"

static int refill(hy_random_system_t *r) {
    int code = uv_random(NULL, NULL, r->block, sizeof r->block, 0, NULL);
    if (code == 0) r->left = sizeof r->block;
    return code;
}

static void fill(hy_random_t *base, void *bytes, size_t len) {
    hy_random_system_t *r = hy_link_owner(base, hy_random_system_t, base);
    uint8_t *out = bytes;
    while (len > 0) {
        /* The kernel gave randomness before, so it does now; going on without would be worse. */
        if (r->left == 0 && refill(r) < 0) abort();
        size_t n = len < r->left ? len : r->left;
        uint8_t *from = r->block + sizeof r->block - r->left;
        memcpy(out, from, n);
        memset(from, 0, n);
        r->left -= n;
        out += n;
        len -= n;
    }
}

int hy_random_system(hy_random_system_t *r) {
    *r = (hy_random_system_t){.base.fill = fill};
    return refill(r);
}
