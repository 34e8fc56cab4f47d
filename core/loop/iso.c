/* Reads times as hy_clock_iso writes them. */
#include "clock.h"

/* Days from 1970-01-01 to a date of the Gregorian calendar; years begin in March, so that the leap
 * day ends one. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    if (month <= 2) year--;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* The number that so many digits are, and the text behind them; false if there are fewer. */
static bool take_digits(const char **text, int count, int64_t *out) {
    const char *p = *text;
    int64_t n = 0;
    for (; count > 0 && *p >= '0' && *p <= '9'; count--)
        n = 10 * n + (*p++ - '0');
    *text = p;
    *out = n;
    return count == 0;
}

static bool take(const char **text, char c) {
    return *(*text)++ == c;
}

int64_t hy_clock_from_iso(const char *text) {
    int64_t year, month, day, hour, minute, second, ms = 0;
    /* Each part is looked at only if all before it are there: so nothing behind the end is. */
    if (!take_digits(&text, 4, &year) || !take(&text, '-') || !take_digits(&text, 2, &month) ||
        !take(&text, '-') || !take_digits(&text, 2, &day) || !take(&text, 'T') ||
        !take_digits(&text, 2, &hour) || !take(&text, ':') || !take_digits(&text, 2, &minute) ||
        !take(&text, ':') || !take_digits(&text, 2, &second))
        return 0;
    if (*text == '.') {
        text++;
        if (!take_digits(&text, 3, &ms)) return 0;
    }
    bool in_range = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
                    hour < 24 && minute < 60 && second <= 60;
    if (!in_range) return 0;
    int64_t days = days_from_date(year, month, day);
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms;
}
