/* Doubles as JSON text, both ways, whatever the locale of the process.
 *
 * Most numbers that people and sensors make have few digits. Those go a quick and exact way:
 * integers below 2^53 and powers of ten up to 10^22 are doubles without error, so that one
 * multiplication or division of them is correctly rounded. All others go through strtod and printf
 * in the C locale, which is made once and stays for the life of the process. */
#include "error.h"
#include "json_text.h"
#include "mem.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT_INT   (1ull << 53)
#define EXACT_POWER 22
#define DIGITS_SURE 15 /* decimals of so many digits are told apart by doubles */

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static locale_t c_locale(void) {
    static _Atomic(locale_t) kept;
    locale_t known = atomic_load(&kept);
    if (known) return known;
    locale_t made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!made || atomic_compare_exchange_strong(&kept, &known, made)) return made;
    freelocale(made); /* another thread was quicker */
    return known;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* False if the text needs the long way. */
static bool parse_quickly(const char *text, size_t len, double *out) {
    const char *p = text, *end = text + len;
    uint64_t mantissa = 0;
    int exponent = 0;
    bool negative = *p == '-';
    if (negative) p++;
    for (bool fraction = false; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        mantissa = mantissa * 10 + (uint64_t)(*p - '0');
        if (mantissa > EXACT_INT) return false;
        if (fraction) exponent--;
    }
    if (p < end) {
        bool minus = p[1] == '-';
        int written = 0;
        p += p[1] == '-' || p[1] == '+' ? 2 : 1;
        for (; p < end; p++) {
            written = written * 10 + (*p - '0');
            if (written > 1000) return false;
        }
        exponent += minus ? -written : written;
    }
    if (exponent < -EXACT_POWER || exponent > EXACT_POWER) return false;
    double r = (double)mantissa;
    r = exponent < 0 ? r / powers[-exponent] : r * powers[exponent];
    *out = negative ? -r : r;
    return true;
}

static int parse_slowly(const char *text, double *out) {
    locale_t c = c_locale();
    if (!c) return HY_ENOMEM;
    locale_t before = uselocale(c);
    double r = strtod(text, NULL);
    uselocale(before);
    if (!isfinite(r)) return HY_EINVALID;
    *out = r;
    return 0;
}

int hy__real_parse(const char *text, size_t len, bool stopped, double *out) {
    if (FLT_EVAL_METHOD == 0 && parse_quickly(text, len, out)) return 0;
    if (stopped) return parse_slowly(text, out);
    char *copy = hy_alloc(len + 1);
    if (!copy) return HY_ENOMEM;
    memcpy(copy, text, len);
    copy[len] = '\0';
    int rc = parse_slowly(copy, out);
    hy_free(copy);
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Writes mantissa / 10^decimals. */
static size_t print_decimal(bool negative, uint64_t mantissa, int decimals, char *text) {
    char digits[24];
    int count = 0, point = decimals;
    if (point == 0) { /* "5.0" shows that it is no integer */
        mantissa *= 10;
        point = 1;
    }
    while (mantissa || count <= point) {
        digits[count++] = (char)('0' + mantissa % 10);
        mantissa /= 10;
    }
    char *p = text;
    if (negative) *p++ = '-';
    while (count > 0) {
        if (count == point) *p++ = '.';
        *p++ = digits[--count];
    }
    return (size_t)(p - text);
}

/* Looks for the fewest decimals that are enough. 0 if that takes more digits than are sure to be
 * the shortest, or if the number is of a size that is better written with an exponent. */
static size_t print_quickly(double r, char *text) {
    double size = fabs(r), sure = powers[DIGITS_SURE];
    if (size >= sure || (size < 1e-4 && size != 0)) return 0;
    for (int decimals = 0; size * powers[decimals] < sure && decimals <= DIGITS_SURE; decimals++) {
        double mantissa = nearbyint(size * powers[decimals]);
        if (mantissa / powers[decimals] == size) {
            return print_decimal(signbit(r) != 0, (uint64_t)mantissa, decimals, text);
        }
    }
    return 0;
}

static size_t print_slowly(double r, char *text) {
    locale_t c = c_locale();
    if (!c) return 0;
    locale_t before = uselocale(c);
    int len = 0;
    for (int digits = DIGITS_SURE; digits <= 17; digits++) {
        len = snprintf(text, HY__REAL_TEXT_BYTES, "%.*g", digits, r);
        if (strtod(text, NULL) == r) break;
    }
    uselocale(before);
    if (!strpbrk(text, ".e")) {
        memcpy(text + len, ".0", 3);
        len += 2;
    }
    return (size_t)len;
}

size_t hy__real_print(double r, char text[HY__REAL_TEXT_BYTES]) {
    size_t len = FLT_EVAL_METHOD == 0 ? print_quickly(r, text) : 0;
    return len ? len : print_slowly(r, text);
}
