/* Places, and what is said of them. */
#include "compat_private.h"

#include "../base/json.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    VALUE_BYTES = 60, /* of one that is named */
    LISTED_MAX = 8,
    BREAK_STEPS = 4, /* what it costs to tell of a place, beside what is written */
    BYTES_A_STEP = 16
};

/* --- places ----------------------------------------------------------------------------------- */

size_t hy__place_enter(hy__compat_t *c, const char *text, size_t len) {
    size_t before = c->place.len;
    if (before > 0) hy_buf_text(&c->place, before == c->place_start ? ": " : ".");
    hy_buf_add(&c->place, text, len);
    return before;
}

size_t hy__place_enter_index(hy__compat_t *c, uint64_t index) {
    char text[24];
    return hy__place_enter(
        c, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)index + 1));
}

void hy__place_leave(hy__compat_t *c, size_t before) {
    c->place.len = before;
}

/* True the first time. */
static bool is_new(hy__compat_t *c, const char *place, const char *what) {
    uint32_t hash = hy_hash(place, strlen(place)) * 31 + hy_hash(what, strlen(what));
    for (uint32_t i = 0; i < c->told; i++) {
        if (c->told_hashes[i] == hash) return false;
    }
    c->told_hashes[c->told] = hash;
    return true;
}

bool hy__breaks(hy__compat_t *c, const char *format, ...) {
    char what[HY_ERROR_TEXT_BYTES];
    va_list args;
    if (c->quiet > 0 || c->gave_up || !c->found || c->told == HY_COMPAT_PLACES_MAX) return false;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    hy_buf_char(&c->place, '\0');
    const char *place = c->place.failed ? "" : c->place.bytes;
    if (is_new(c, place, what)) {
        c->found(c->arg, place, what);
        c->told++;
    }
    hy__compat_spend(c, BREAK_STEPS + c->place.len / BYTES_A_STEP);
    c->place.len -= !c->place.failed;
    return false;
}

/* --- values and types ------------------------------------------------------------------------- */

static const struct {
    uint32_t types;
    const char *name;
} type_names[] = {
    {1u << HY_STR, "a string"},     {1u << HY_INT | 1u << HY_REAL, "a number"},
    {1u << HY_INT, "an integer"},   {1u << HY_BOOL, "a boolean"},
    {1u << HY_OBJECT, "an object"}, {1u << HY_ARRAY, "a list"},
    {1u << HY_NULL, "null"},
};

const char *hy__types_text(uint32_t types, char text[HY__LIST_BYTES]) {
    size_t len = 0;
    if (types == HY__TYPES_ALL) return "anything";
    if (types == 0) return "nothing";
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if ((types & type_names[i].types) != type_names[i].types) continue;
        types &= ~type_names[i].types;
        const char *between = len == 0 ? "" : types == 0 ? " or " : ", ";
        len +=
            (size_t)snprintf(text + len, HY__LIST_BYTES - len, "%s%s", between, type_names[i].name);
    }
    return text;
}

/* As JSON, and no longer than a line bears. */
static void add_value(hy__compat_t *c, hy_buf_t *b, hy_value_t v, bool is_bare) {
    size_t before = b->len;
    if (is_bare && v.kind == HY_STR) {
        hy_buf_add(b, v.as.s->bytes, v.as.s->len);
    } else {
        hy_json_write(b, v);
    }
    hy__compat_spend(c, (b->len - before) / BYTES_A_STEP);
    if (b->failed || b->len - before <= VALUE_BYTES) return;
    b->len = before + VALUE_BYTES;
    while (((unsigned char)b->bytes[b->len] & 0xc0) == 0x80) {
        b->len--;
    }
    hy_buf_text(b, "…");
}

void hy__values_write(hy__compat_t *c, hy_buf_t *b, const hy__values_t *values, bool is_bare) {
    for (uint32_t i = 0; i < values->count && i < LISTED_MAX; i++) {
        if (i > 0) hy_buf_text(b, ", ");
        add_value(c, b, hy__value_at(values, i), is_bare);
    }
    if (values->count > LISTED_MAX) hy_buf_text(b, ", …");
}
