/* The clock and its timers: a binary heap of pointers to timers that live in the caller's memory.
 *
 *      heap   [ earliest | … ]   children of slot i: 2i+1 and 2i+2
 *
 * The key is (time, number of start), so equal times keep the order in which they were started. A
 * timer knows its slot, so stopping and moving cost O(log n) and no search. The clock owns the heap
 * and nothing else; where the time comes from is the business of its driver (loop.c, or a spec). */
#include "clock.h"

#include <assert.h>

#include "../base/error.h"
#include "../base/mem.h"

#define MS_PER_DAY    86400000
#define HEAP_ROOM_MIN 16u
#define DAYS_PER_ERA  146097            /* 400 years */
#define DAYS_TO_EPOCH 719468            /* from 0000-03-01 to 1970-01-01 */
#define WALL_MS_MIN   (-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define WALL_MS_MAX   253402300799999   /* 9999-12-31T23:59:59.999Z */

void hy_clock_init(hy_clock_t *c, int64_t wall_start_ms) {
    *c = (hy_clock_t){.wall_start_ms = wall_start_ms};
}

void hy_clock_deinit(hy_clock_t *c) {
    assert(c->count == 0);
    hy_free(c->heap);
    *c = (hy_clock_t){0};
}

uint64_t hy_clock_now(const hy_clock_t *c) {
    if (!c->source || c->firing) return c->now_ms;
    uint64_t now = c->source(c->source_arg);
    return now > c->now_ms ? now : c->now_ms;
}

int64_t hy_clock_wall(const hy_clock_t *c) {
    return c->wall_start_ms + (int64_t)hy_clock_now(c);
}

static bool is_before(const hy_timer_t *a, const hy_timer_t *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->turn < b->turn;
}

static void place(hy_clock_t *c, hy_timer_t *t, size_t i) {
    c->heap[i] = t;
    t->slot = i + 1;
}

/* Puts `t` where it belongs, at slot `i` or above it; tells whether it moved. */
static bool sift_up(hy_clock_t *c, hy_timer_t *t, size_t i) {
    size_t start = i;
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!is_before(t, c->heap[parent])) break;
        place(c, c->heap[parent], i);
        i = parent;
    }
    place(c, t, i);
    return i != start;
}

static void sift_down(hy_clock_t *c, hy_timer_t *t, size_t i) {
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= c->count) break;
        if (child + 1 < c->count && is_before(c->heap[child + 1], c->heap[child])) child++;
        if (!is_before(c->heap[child], t)) break;
        place(c, c->heap[child], i);
        i = child;
    }
    place(c, t, i);
}

static void settle(hy_clock_t *c, hy_timer_t *t, size_t i) {
    if (!sift_up(c, t, i)) sift_down(c, t, i);
}

void hy_timer_init(hy_timer_t *t, hy_timer_cb cb, void *arg) {
    *t = (hy_timer_t){.cb = cb, .arg = arg};
}

int hy_timer_start(hy_clock_t *c, hy_timer_t *t, uint64_t delay_ms) {
    if (t->slot == 0 && c->count == c->room) {
        size_t room = c->room ? 2 * c->room : HEAP_ROOM_MIN;
        hy_timer_t **heap = hy_realloc(c->heap, room * sizeof *heap);
        if (!heap) return HY_ENOMEM;
        c->heap = heap;
        c->room = room;
    }
    uint64_t now = hy_clock_now(c);
    t->at_ms = delay_ms < UINT64_MAX - now ? now + delay_ms : UINT64_MAX;
    t->turn = ++c->turns;
    settle(c, t, t->slot ? t->slot - 1 : c->count++);
    return 0;
}

void hy_timer_stop(hy_clock_t *c, hy_timer_t *t) {
    if (t->slot == 0) return;
    size_t i = t->slot - 1;
    assert(i < c->count && c->heap[i] == t);
    t->slot = 0;
    hy_timer_t *last = c->heap[--c->count];
    if (last != t) settle(c, last, i);
}

void hy_clock_advance(hy_clock_t *c, uint64_t now_ms) {
    assert(!c->firing);
    c->firing = true;
    uint64_t turns = c->turns;
    if (c->source && now_ms > c->now_ms) c->now_ms = now_ms;
    while (c->count && c->heap[0]->at_ms <= now_ms) {
        if (c->source && c->heap[0]->turn > turns) break;
        hy_timer_t *t = c->heap[0];
        if (t->at_ms > c->now_ms) c->now_ms = t->at_ms;
        hy_timer_stop(c, t);
        t->cb(t->arg); /* may end the life of `t` */
    }
    if (now_ms > c->now_ms) c->now_ms = now_ms;
    c->firing = false;
}

bool hy_clock_next(const hy_clock_t *c, uint64_t *at_ms) {
    if (c->count == 0) return false;
    *at_ms = c->heap[0]->at_ms;
    return true;
}

/* Every change has a time: a tenth of what snprintf takes. */
static char *put_digits(char *p, unsigned n, int count, char behind) {
    for (int i = count; i-- > 0; n /= 10)
        p[i] = (char)('0' + n % 10);
    p[count] = behind;
    return p + count + 1;
}

/* Years are counted from March, so that the leap day is the last of its year and the days before a
 * month follow one line, (153 m + 2) / 5. Not gmtime_r: the result must not depend on the system.
 */
void hy_clock_iso(int64_t wall_ms, char text[25]) {
    if (wall_ms < WALL_MS_MIN) wall_ms = WALL_MS_MIN;
    if (wall_ms > WALL_MS_MAX) wall_ms = WALL_MS_MAX;
    int64_t days = wall_ms / MS_PER_DAY, ms = wall_ms % MS_PER_DAY;
    if (ms < 0) {
        ms += MS_PER_DAY;
        days--;
    }
    days += DAYS_TO_EPOCH;
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * day_of_year + 2) / 153;
    unsigned day = (unsigned)(day_of_year - (153 * from_march + 2) / 5 + 1);
    unsigned month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9);
    unsigned year = (unsigned)(year_of_era + era * 400 + (month <= 2));
    char *p = put_digits(text, year, 4, '-');
    p = put_digits(p, month, 2, '-');
    p = put_digits(p, day, 2, 'T');
    p = put_digits(p, (unsigned)(ms / 3600000), 2, ':');
    p = put_digits(p, (unsigned)(ms / 60000 % 60), 2, ':');
    p = put_digits(p, (unsigned)(ms / 1000 % 60), 2, '.');
    p = put_digits(p, (unsigned)(ms % 1000), 3, 'Z');
    *p = '\0';
}
