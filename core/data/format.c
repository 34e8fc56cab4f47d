/* Formats by name, and the small ones: uuid, pointers, regex. */
#include "format.h"

#include <string.h>

#include "format_private.h"
#include "regex.h"
#include "text.h"

static bool uuid(const char *text, size_t len) {
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (len != sizeof shape - 1) return false;
    for (size_t i = 0; i < len; i++) {
        bool fits = shape[i] == '-' ? text[i] == '-' : hy__hex((unsigned char)text[i]) >= 0;
        if (!fits) return false;
    }
    return true;
}

static bool json_pointer(const char *text, size_t len) {
    if (len > 0 && *text != '/') return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '~' && (i + 1 == len || (text[i + 1] != '0' && text[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

static bool relative_json_pointer(const char *text, size_t len) {
    size_t digits = 0;
    while (digits < len && hy__is_digit((unsigned char)text[digits])) {
        digits++;
    }
    if (digits == 0 || (digits > 1 && *text == '0')) return false;
    if (len == digits + 1 && text[digits] == '#') return true;
    return json_pointer(text + digits, len - digits);
}

static const struct {
    const char *name;
    hy_format_t *check;
} formats[] = {
    {"date", hy__format_date},
    {"date-time", hy__format_date_time},
    {"duration", hy__format_duration},
    {"email", hy__format_email},
    {"hostname", hy__format_hostname},
    {"idn-email", hy__format_idn_email},
    {"ipv4", hy__format_ipv4},
    {"ipv6", hy__format_ipv6},
    {"iri", hy__format_iri},
    {"iri-reference", hy__format_iri_reference},
    {"json-pointer", json_pointer},
    {"regex", hy_regex_is_pattern},
    {"relative-json-pointer", relative_json_pointer},
    {"time", hy__format_time},
    {"uri", hy__format_uri},
    {"uri-reference", hy__format_uri_reference},
    {"uri-template", hy__format_uri_template},
    {"uuid", uuid},
};

hy_format_t *hy_format_find(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strlen(formats[i].name) == len && memcmp(formats[i].name, name, len) == 0) {
            return formats[i].check;
        }
    }
    return NULL;
}
