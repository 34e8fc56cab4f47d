/* Reads times as hy_clock_iso writes them. */
#include <stdio.h>

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

int64_t hy_clock_from_iso(const char *text) {
    int year, month, day, hour, minute, second, at = 0, ms = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second,
               &at) != 6)
        return 0;
    if (text[at] == '.' && sscanf(text + at, ".%3dZ", &ms) != 1) return 0;
    bool in_range = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
                    hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 &&
                    second <= 60 && ms >= 0;
    if (!in_range) return 0;
    int64_t days = days_from_date(year, month, day);
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms;
}
