/* Formats of RFC 3339: dates, times with their offset from UTC, durations. */
#include <string.h>

#include "format_private.h"
#include "text.h"

/* Two digits; -1: they are none. */
static int two_digits(const char *at) {
    if (!hy__is_digit((unsigned char)at[0]) || !hy__is_digit((unsigned char)at[1])) return -1;
    return (at[0] - '0') * 10 + (at[1] - '0');
}

bool hy__format_date(const char *text, size_t len) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (len != strlen("2026-01-31") || text[4] != '-' || text[7] != '-') return false;
    int century = two_digits(text), year = two_digits(text + 2);
    int month = two_digits(text + 5), day = two_digits(text + 8);
    if (century < 0 || year < 0 || month < 1 || month > 12 || day < 1) return false;
    bool is_leap = year == 0 ? century % 4 == 0 : year % 4 == 0;
    return day <= days[month - 1] || (month == 2 && day == 29 && is_leap);
}

/* "Z" or "+01:30", as minutes before UTC. */
static bool offset(const char *text, size_t len, int *out) {
    if (len == 1 && (*text == 'Z' || *text == 'z')) {
        *out = 0;
        return true;
    }
    if (len != strlen("+00:00") || (*text != '+' && *text != '-') || text[3] != ':') return false;
    int hours = two_digits(text + 1), minutes = two_digits(text + 4);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
    *out = (hours * 60 + minutes) * (*text == '-' ? -1 : 1);
    return true;
}

bool hy__format_time(const char *text, size_t len) {
    size_t at = strlen("23:59:59");
    if (len < at || text[2] != ':' || text[5] != ':') return false;
    int hour = two_digits(text), minute = two_digits(text + 3), second = two_digits(text + 6);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
        return false;
    }
    if (at < len && text[at] == '.') {
        size_t point = at++;
        while (at < len && hy__is_digit((unsigned char)text[at])) {
            at++;
        }
        if (at == point + 1) return false;
    }
    int ahead;
    if (!offset(text + at, len - at, &ahead)) return false;
    if (second < 60) return true;
    int day = 24 * 60, utc = (hour * 60 + minute - ahead + day) % day;
    return utc == day - 1; /* leap seconds come at the end of a day in UTC */
}

bool hy__format_date_time(const char *text, size_t len) {
    size_t date = strlen("2026-01-31");
    return len > date && (text[date] == 'T' || text[date] == 't') && hy__format_date(text, date) &&
           hy__format_time(text + date + 1, len - date - 1);
}

/* Numbers with these units, in their order and none left out between two: "1H30M" of "HMS". */
static bool amounts(const char *text, size_t len, const char *units) {
    const char *unit = NULL;
    for (size_t at = 0; at < len; at++) {
        size_t from = at;
        while (at < len && hy__is_digit((unsigned char)text[at])) {
            at++;
        }
        if (at == from || at == len || text[at] == '\0') return false;
        const char *found = strchr(units, text[at]);
        if (!found || (unit && found != unit + 1)) return false;
        unit = found;
    }
    return len > 0;
}

bool hy__format_duration(const char *text, size_t len) {
    if (len < 1 || *text != 'P') return false;
    text++;
    len--;
    const char *time = memchr(text, 'T', len);
    if (!time) return amounts(text, len, "YMD") || amounts(text, len, "W");
    size_t date = (size_t)(time - text);
    return (date == 0 || amounts(text, date, "YMD")) && amounts(time + 1, len - date - 1, "HMS");
}
