/* The values of options: lists and numbers, from the command line and from the file. A value of the
 * file is read as if it had been typed: a number there becomes the text of it, in its place in the
 * file's table, which owns it. */
#include "base/mem.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    hy_option_t option;
    const char *what;
    uint32_t min, max; /* in the unit that is typed */
    uint32_t scale;    /* seconds are kept in ms, and may have a fraction; else 1 */
} numbers[] = {
    {HY_OPTION_BUDGET, "number of milliseconds", 0, 3600000, 1},
    {HY_OPTION_MEMORY, "number of bytes", 0, 1u << 31, 1},
    {HY_OPTION_GRACE, "number of seconds", 1, 86400, 1000},
    {HY_OPTION_DRAIN, "number of seconds", 0, 3600, 1000},
    {HY_OPTION_QUEUE_BYTES, "number of bytes", 2 * HY_MESSAGE_BYTES_MAX, 1u << 30, 1},
    {HY_OPTION_CONNECTIONS, "number of connections", 1, HY_GATE_CONNECTIONS_MAX, 1},
    {HY_OPTION_ADDRESS_CONNECTIONS, "number of connections", 0, HY_GATE_CONNECTIONS_MAX, 1},
    {HY_OPTION_ADDRESS_HANDSHAKES, "number of connections", 0, 1u << 20, 1},
    {HY_OPTION_ADDRESS_OPENS, "number of sessions", 0, 1u << 20, 1},
    {HY_OPTION_RATE_HANDSHAKES, "number of connections", 0, 1u << 20, 1},
    {HY_OPTION_RATE_MESSAGES, "number of messages", 0, 1u << 30, 1},
    {HY_OPTION_RATE_BYTES, "number of bytes", 0, 1u << 30, 1},
    {HY_OPTION_RATE_ALLOCATIONS, "number of addresses", 0, 1u << 30, 1},
};

/* The help tells them as text (options.h). */
_Static_assert(HY_BUDGET_RUN_MS == 200 && HY_STATE_BYTES_MAX == 67108864, "as the help");
_Static_assert(HY_SESSION_GRACE_MS == 30 * 1000 && HY_NODE_DRAIN_MS == 5 * 1000, "as the help");
_Static_assert(HY_SESSION_QUEUE_BYTES_MAX == 8388608, "as the help");
_Static_assert(HY_GATE_CONNECTIONS_MAX == 131072, "as the help");
_Static_assert(HY_ADDRESS_CONNECTIONS_MAX == 16384 && HY_ADDRESS_HANDSHAKES_PER_S == 1000 &&
                   HY_ADDRESS_OPENS_PER_S == 2000 && HY_RATE_HANDSHAKES_PER_S == 4000,
               "as the help");
_Static_assert(HY_RATE_MESSAGES_PER_S == 200000 && HY_RATE_BYTES_PER_S == 134217728 &&
                   HY_RATE_ALLOCATIONS_PER_S == 10000,
               "as the help");

int hy_texts_add(hy_texts_t *list, const char *text) {
    if (list->count == list->room) {
        int room = list->room ? 2 * list->room : 4;
        const char **items = hy_realloc((void *)list->items, (size_t)room * sizeof *items);
        if (!items) return HY_ENOMEM;
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = text;
    return 0;
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* Digits, with a fraction if it may have one: no sign, no exponent, no other base. */
static bool read_number(const char *text, bool has_fraction, double *out) {
    const char *allowed = has_fraction ? "0123456789." : "0123456789";
    if (*text < '0' || *text > '9' || text[strspn(text, allowed)] != '\0') return false;
    char *end;
    *out = strtod(text, &end);
    return *end == '\0';
}

int hy_options_read_numbers(hy_options_t *o, hy_error_t *err) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *text = o->given[numbers[i].option];
        double n;
        if (!text) continue;
        bool is_number = read_number(text, numbers[i].scale > 1, &n);
        if (!is_number || n < numbers[i].min || n > numbers[i].max) {
            hy_fail(err, HY_EINVALID, "--%s: \"%s\" is no %s from %u to %u",
                    hy_option_word(numbers[i].option), text, numbers[i].what, numbers[i].min,
                    numbers[i].max);
            return HY_EXIT_USAGE;
        }
        o->numbers[numbers[i].option] = (uint32_t)(n * numbers[i].scale + 0.5);
    }
    return 0;
}

/* --- of the file ------------------------------------------------------------------------------ */

static int wrong(const hy_str_t *key, const char *what, hy_error_t *err) {
    hy_fail(err, HY_EINVALID, "%s %s", key->bytes, what);
    return HY_EXIT_USAGE;
}

static int out_of_memory(hy_error_t *err) {
    hy_fail(err, HY_ENOMEM, "out of memory");
    return HY_EXIT_FAILED;
}

static bool has_zero(const hy_str_t *text) {
    return strlen(text->bytes) != text->len;
}

static int take_list(hy_options_t *o, hy_option_t option, const hy_str_t *key,
                     const hy_node_t *list, hy_error_t *err) {
    if (hy_node_count(list) == 0) return wrong(key, "must be a string or a list of strings", err);
    for (size_t i = 0; i < hy_node_count(list); i++) {
        hy_value_t item = hy_node_at(list, i);
        if (item.kind != HY_STR) return wrong(key, "must be a string or a list of strings", err);
        if (has_zero(item.as.s)) return wrong(key, "has a zero byte in it", err);
        if (hy_texts_add(&o->lists[option], item.as.s->bytes) != 0) return out_of_memory(err);
    }
    o->given[option] = o->lists[option].items[0];
    return 0;
}

static int take_number(hy_options_t *o, hy_option_t option, hy_str_t *key, hy_value_t value,
                       hy_error_t *err) {
    hy_str_t *text = value.kind == HY_INT ? hy_str_format("%lld", (long long)value.as.i)
                                          : hy_str_format("%.15g", value.as.r);
    if (!text) return out_of_memory(err);
    const char *bytes = text->bytes;
    if (hy_node_set(o->file.as.n, key, hy_string(text), NULL) != 0) return out_of_memory(err);
    o->given[option] = bytes;
    return 0;
}

int hy_options_take(hy_options_t *o, hy_option_t option, hy_str_t *key, hy_value_t value,
                    hy_error_t *err) {
    static const char *const what[] = {
        [HY_OPTION_TEXT] = "must be a string",
        [HY_OPTION_LIST] = "must be a string or a list of strings",
        [HY_OPTION_NUMBER] = "must be a number",
        [HY_OPTION_FLAG] = "must be true or false",
        [HY_OPTION_TABLE] = "must be a table",
    };
    hy_option_kind_t kind = hy_option_kind(option);
    if (o->given[option]) return 0;
    if (kind == HY_OPTION_LIST && value.kind == HY_ARRAY)
        return take_list(o, option, key, value.as.n, err);
    if (kind == HY_OPTION_NUMBER && (value.kind == HY_INT || value.kind == HY_REAL))
        return take_number(o, option, key, value, err);
    if (kind == HY_OPTION_FLAG) {
        if (value.kind != HY_BOOL) return wrong(key, what[kind], err);
        if (value.as.b) o->given[option] = "true";
        return 0;
    }
    if (kind == HY_OPTION_TABLE) return value.kind == HY_OBJECT ? 0 : wrong(key, what[kind], err);
    if (value.kind != HY_STR) return wrong(key, what[kind], err);
    if (has_zero(value.as.s)) return wrong(key, "has a zero byte in it", err);
    o->given[option] = value.as.s->bytes;
    if (kind == HY_OPTION_LIST && hy_texts_add(&o->lists[option], value.as.s->bytes) != 0)
        return out_of_memory(err);
    return 0;
}

const hy_node_t *hy_options_table(const hy_options_t *o, hy_option_t option) {
    return o->file.kind == HY_OBJECT ? hy_get_object(o->file.as.n, hy_option_word(option)) : NULL;
}
