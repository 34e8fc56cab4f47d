/* Texts for people about what does not fit. */
#include "rules_run.h"

#include "../base/json.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    PLACE_BYTES = 160,
    VALUE_BYTES = 60, /* of a value that is named */
    LIST_BYTES = 240
};

/* --- pieces ----------------------------------------------------------------------------------- */

/* How well a text tells what is wrong: the deeper in the data the better. There is room below for
 * one that tells only of the kind of a value. */
static unsigned told_here(const hy__run_t *run) {
    unsigned told = 2;
    for (const hy__at_t *at = run->at; at; at = at->up)
        told += 2;
    return told;
}

/* "participants.3.name"; of what is too long the end, which is what tells. */
static void write_place(const hy__at_t *at, char *out, size_t size) {
    char *end = out + size - 1, *from = end;
    *end = '\0';
    for (; at; at = at->up) {
        char index[24];
        size_t len = (size_t)snprintf(index, sizeof index, "%zu", at->index + 1);
        const char *text = at->key ? at->key->bytes : index;
        if (at->key) len = at->key->len;
        if (len + 1 > (size_t)(from - out)) break;
        if (from != end) *--from = '.';
        from -= len;
        memcpy(from, text, len);
    }
    memmove(out, from, (size_t)(end - from) + 1);
}

/* So many bytes of a text, or fewer, so that no character is cut. */
static size_t cut(const char *text, size_t len, size_t max) {
    if (len <= max) return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

void hy__value_write(hy_value_t v, char *out, size_t size) {
    hy_buf_t b;
    hy_buf_init(&b);
    bool is_cut = v.kind == HY_STR && v.as.s->len > size - 8;
    if (hy_is_node(v)) {
        hy_buf_text(&b, v.kind == HY_ARRAY ? "a list" : "an object");
    } else if (is_cut) {
        hy_json_write_str(&b, v.as.s->bytes, cut(v.as.s->bytes, v.as.s->len, size / 2));
    } else {
        hy_json_write(&b, v);
    }
    size_t len = b.failed ? 0 : cut(b.bytes, b.len, size - 4);
    memcpy(out, b.bytes ? b.bytes : "", len);
    snprintf(out + len, size - len, "%s", is_cut || len < b.len ? "…" : "");
    hy_buf_deinit(&b);
}

static void tell(const hy__run_t *run, hy_error_t *err, hy_value_t v, const char *what) {
    char place[PLACE_BYTES], value[VALUE_BYTES];
    write_place(run->at, place, sizeof place);
    hy__value_write(v, value, sizeof value);
    bool has_value = v.kind != HY_ABSENT;
    hy_fail(err, HY_ESCHEMA, "%s%s%s%s%s%s", place, *place ? ": " : "",
            run->is_name ? "the name " : "", has_value ? value : "", has_value ? " " : "", what);
}

/* Of a text, and of a value in one, in what is cheap. */
enum { TEXT_COST = 640, ITEM_COST = 240, KIND_COST = 8, BYTES_A_UNIT = 4 };

/* Whether these were too many is seen at the next that is counted. */
static void charge(hy__run_t *run, uint64_t cheap) {
    run->steps += (uint32_t)(cheap / HY__CHEAP_A_STEP);
}

int hy__explain(hy__run_t *run, hy_value_t v, const char *format, ...) {
    char what[HY_ERROR_TEXT_BYTES / 2];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(what, sizeof what, format, args);
    va_end(args);
    tell(run, run->err, v, what);
    charge(run, TEXT_COST + (len > 0 ? (uint64_t)len / BYTES_A_UNIT : 0));
    run->told = told_here(run);
    return HY_ESCHEMA;
}

int hy__explain_with(hy__run_t *run, hy_value_t v, const char *what, hy_value_t other) {
    char value[VALUE_BYTES];
    hy__value_write(other, value, sizeof value);
    return hy__explain(run, v, "%s %s", what, value);
}

int hy__explain_bound(hy__run_t *run, const char *format, ...) {
    char what[HY_ERROR_TEXT_BYTES / 2];
    va_list args;
    hy_error_t *err = run->err ? run->err : run->silenced;
    if (!err) return HY_ETOO_LARGE;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    tell(run, err, hy_absent(), what);
    return HY_ETOO_LARGE;
}

/* --- rules with a list in their text ---------------------------------------------------------- */

typedef struct {
    char text[LIST_BYTES];
    size_t len;
    bool is_full;
} list_t;

static void list_add(list_t *l, const char *between, const char *item) {
    size_t need = strlen(item) + (l->len > 0 ? strlen(between) : 0);
    if (l->is_full) return;
    if (l->len + need + 8 > sizeof l->text) {
        l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, ", …");
        l->is_full = true;
        return;
    }
    l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, "%s%s",
                               l->len > 0 ? between : "", item);
}

int hy__explain_type(hy__run_t *run, uint32_t types, hy_value_t v) {
    static const struct {
        uint32_t types;
        const char *name;
    } names[] = {{1u << HY_STR, "string"},    {1u << HY_INT | 1u << HY_REAL, "number"},
                 {1u << HY_INT, "integer"},   {1u << HY_BOOL, "boolean"},
                 {1u << HY_OBJECT, "object"}, {1u << HY_ARRAY, "list"},
                 {1u << HY_NULL, "null"}};
    list_t list = {.len = 0};
    int count = 0;
    if (types == 0) return hy__explain(run, hy_absent(), "is not allowed here");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((types & names[i].types) != names[i].types) continue;
        types &= ~names[i].types;
        list_add(&list, count == 1 && types == 0 ? " or " : ", ", names[i].name);
        count++;
    }
    hy__explain(run, v, "is no %s", list.text);
    run->told--;
    return HY_ESCHEMA;
}

int hy__explain_enum(hy__run_t *run, const hy_node_t *values, hy_value_t v) {
    list_t list = {.len = 0};
    for (size_t i = 0; i < hy_node_count(values) && !list.is_full; i++) {
        char text[VALUE_BYTES];
        hy_value_t value = hy_node_at(values, i);
        bool is_bare = value.kind == HY_STR && value.as.s->len < sizeof text;
        if (!is_bare) hy__value_write(value, text, sizeof text);
        list_add(&list, ", ", is_bare ? value.as.s->bytes : text);
        charge(run, ITEM_COST);
    }
    return hy__explain(run, v, "is none of %s", list.text);
}

/* --- alternatives ----------------------------------------------------------------------------- */

enum { KINDS_MAX = 64 }; /* members, and values of each, that are looked at */

/* 1: the value may be what the rule wants of that member; 0: it is not; -1: it wants none. */
static int fits_kind(const hy_rule_t *rule, hy_value_t v, uint64_t *left) {
    if (rule && rule->instead) rule = rule->instead;
    if (!rule || (rule->constant.kind == HY_ABSENT && !rule->enumerated)) return -1;
    if (hy_is_node(v) || hy_is_node(rule->constant)) return -1;
    if (rule->constant.kind != HY_ABSENT) return hy__rules_equal_in(v, rule->constant, left);
    size_t count = hy_node_count(rule->enumerated);
    for (size_t i = 0; i < count && i < KINDS_MAX; i++) {
        if (hy__rules_equal_in(v, hy_node_at(rule->enumerated, i), left)) return 1;
    }
    return count > KINDS_MAX ? -1 : 0;
}

/* The same of all members: {"kind": "circle", …} says by itself which alternative is meant. */
static int is_of_kind(const hy_rule_t *rule, hy_value_t v, uint64_t *left) {
    const hy__member_rule_t *m;
    int fits = -1;
    if (rule->instead) rule = rule->instead;
    if (!rule->object || v.kind != HY_OBJECT) return -1;
    uint32_t pos = 0;
    for (int i = 0; i < KINDS_MAX && (m = hy_dict_next(&rule->object->members, &pos)); i++) {
        hy_value_t member = m->rule ? hy_node_find(v.as.n, m->key) : hy_absent();
        int is = member.kind == HY_ABSENT ? -1 : fits_kind(m->rule, member, left);
        *left = *left > KIND_COST ? *left - KIND_COST : 0;
        if (is == 0) return 0;
        if (is == 1) fits = 1;
    }
    return fits;
}

/* What is wrong deep in an alternative that is not meant tells no more than what is wrong here. */
void hy__nearest_look(hy__nearest_t *nearest, hy__run_t *run, const hy_rule_t *rule, hy_value_t v,
                      const hy_error_t *err) {
    uint64_t before = hy__run_left(run), left = before;
    int is_kind = is_of_kind(rule, v, &left);
    charge(run, before - left);
    unsigned here = told_here(run);
    unsigned told = is_kind == 0 && run->told > here ? here : run->told;
    unsigned rank = 2 * told + (is_kind == 1);
    run->explained++;
    if (rank == nearest->rank) nearest->is_only = false;
    if (rank <= nearest->rank) return;
    nearest->best = *err;
    nearest->told = run->told;
    nearest->rank = rank;
    nearest->is_only = true;
}

/* What is wrong further down tells more than that nothing fits; of what is wrong right here only
 * what is not the kind of value, and that only if it is not one of several. */
int hy__explain_nearest(hy__run_t *run, const hy__nearest_t *nearest, uint32_t count,
                        hy_value_t v) {
    unsigned here = told_here(run), told = nearest->rank / 2;
    if (told < here || (told == here && !nearest->is_only))
        return hy__explain(run, v, "fits none of %u alternatives", count);
    *run->err = nearest->best;
    run->told = nearest->told;
    return HY_ESCHEMA;
}
