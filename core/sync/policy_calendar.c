/* Times, weekdays, dates and zones as rules write them. */
#include "../loop/clock.h"
#include "policy_private.h"

#include <stdio.h>

#define DAY_MIN 1440
#define DAY_MS  (INT64_C(24) * 60 * 60 * 1000)

/* Exactly `count` digits, which are read; false if they are not there. */
static bool read_digits(const char **text, int count, int32_t *out) {
    *out = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9') return false;
        *out = *out * 10 + (**text - '0');
    }
    return true;
}

static bool read_char(const char **text, char c) {
    if (**text != c) return false;
    (*text)++;
    return true;
}

/* "08:00", up to "24:00" */
static bool read_clock(const char **text, int32_t *out) {
    int32_t hour, minute;
    if (!read_digits(text, 2, &hour) || !read_char(text, ':') || !read_digits(text, 2, &minute))
        return false;
    *out = hour * 60 + minute;
    return minute < 60 && *out <= DAY_MIN;
}

int hy__read_time(const char *text, hy__stretch_t *out) {
    hy__stretch_t s;
    bool is_good = read_clock(&text, &s.from) && read_char(&text, '-') && read_clock(&text, &s.to);
    if (!is_good || *text || s.from == s.to || s.from == DAY_MIN) return HY_EINVALID;
    *out = s;
    return 0;
}

static bool read_day_name(const char **text, int32_t *out) {
    static const char names[] = "montuewedthufrisatsun";
    for (int32_t i = 0; i < 7; i++) {
        if (strncmp(*text, names + 3 * i, 3) != 0) continue;
        *out = i;
        *text += 3;
        return true;
    }
    return false;
}

int hy__read_weekday(const char *text, hy__stretch_t *out) {
    hy__stretch_t s;
    if (!read_day_name(&text, &s.from)) return HY_EINVALID;
    s.to = s.from;
    if (*text && (!read_char(&text, '-') || !read_day_name(&text, &s.to))) return HY_EINVALID;
    if (*text) return HY_EINVALID;
    *out = s;
    return 0;
}

/* A day that the calendar has reads back as it was written. */
static bool read_day(const char **text, int32_t *out) {
    char day[sizeof "2026-12-24T00:00:00Z"], again[25];
    int32_t digits;
    const char *end = *text;
    if (!read_digits(&end, 4, &digits) || !read_char(&end, '-') || !read_digits(&end, 2, &digits) ||
        !read_char(&end, '-') || !read_digits(&end, 2, &digits))
        return false;
    snprintf(day, sizeof day, "%.10sT00:00:00Z", *text);
    int64_t wall_ms = hy_clock_from_iso(day);
    hy_clock_iso(wall_ms, again);
    if (memcmp(day, again, 10) != 0) return false;
    *out = (int32_t)(wall_ms / DAY_MS);
    *text = end;
    return true;
}

int hy__read_date(const char *text, hy__stretch_t *out) {
    hy__stretch_t s;
    if (!read_day(&text, &s.from)) return HY_EINVALID;
    s.to = s.from;
    if (*text && (!read_char(&text, '/') || !read_day(&text, &s.to))) return HY_EINVALID;
    if (*text || s.to < s.from) return HY_EINVALID;
    *out = s;
    return 0;
}

int hy__read_zone(const char *text, int32_t *minutes) {
    int32_t value;
    bool is_west = *text == '-';
    if (strcmp(text, "UTC") == 0 || strcmp(text, "Z") == 0) {
        *minutes = 0;
        return 0;
    }
    if (!read_char(&text, is_west ? '-' : '+') || !read_clock(&text, &value) || *text)
        return HY_EINVALID;
    if (value > 14 * 60) return HY_EINVALID; /* there is none further away */
    *minutes = is_west ? -value : value;
    return 0;
}
