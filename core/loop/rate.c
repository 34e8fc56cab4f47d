/* Rates. Nothing is owned. */
#include "rate.h"

#define UNIT        1000
#define WITHOUT_END (INT64_MAX / 2)
#define AWAY_MS_MAX 1000000000u /* times the highest limit, that still is an int64_t */

static void fill(hy_rate_t *r, const hy_clock_t *clock, uint32_t per_s) {
    uint64_t now = hy_clock_now(clock), ms = now - r->since_ms;
    int64_t full = per_s ? (int64_t)per_s * UNIT : WITHOUT_END;
    if (ms > AWAY_MS_MAX) ms = AWAY_MS_MAX;
    r->since_ms = now;
    r->left = per_s ? r->left + (int64_t)ms * per_s : full;
    if (r->left > full) r->left = full;
}

void hy_rate_init(hy_rate_t *r, const hy_clock_t *clock, uint32_t per_s) {
    *r = (hy_rate_t){.left = (int64_t)per_s * UNIT, .since_ms = hy_clock_now(clock)};
}

bool hy_rate_take(hy_rate_t *r, const hy_clock_t *clock, uint32_t per_s, uint64_t count) {
    int64_t cost = (int64_t)count * UNIT;
    if (r->left < cost) {
        fill(r, clock, per_s);
        int64_t full = (int64_t)per_s * UNIT;
        if (r->left < cost && r->left < full) return false;
    }
    r->left -= cost;
    return true;
}
