/* References: from "$ref" to the rule that it leads to. */
#include "rules_compile.h"

#include "../base/mem.h"

static int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Takes "%41" for "A"; what is no escape stays. `text` is shortened in place. */
static size_t unescape(char *text, size_t len) {
    size_t to = 0;
    for (size_t at = 0; at < len; at++) {
        int high = at + 2 < len && text[at] == '%' ? nibble(text[at + 1]) : -1;
        int low = high >= 0 ? nibble(text[at + 2]) : -1;
        text[to++] = (char)(low >= 0 ? high << 4 | low : text[at]);
        if (low >= 0) at += 2;
    }
    return to;
}

/* One step of a JSON Pointer ("a~1b" is the key "a/b"); shortened in place. */
static size_t unescape_step(char *text, size_t len) {
    size_t to = 0;
    for (size_t at = 0; at < len; at++) {
        char next = at + 1 < len && text[at] == '~' ? text[at + 1] : '\0';
        bool is_escape = next == '0' || next == '1';
        text[to++] = !is_escape ? text[at] : next == '0' ? '~' : '/';
        if (is_escape) at++;
    }
    return to;
}

static hy_value_t step(hy_value_t v, const char *key, size_t len) {
    if (v.kind == HY_OBJECT) return hy_node_get(v.as.n, key, len);
    size_t index = 0;
    bool is_index = v.kind == HY_ARRAY && len > 0 && len < 10 && (len == 1 || key[0] != '0');
    for (size_t i = 0; is_index && i < len; i++) {
        is_index = key[i] >= '0' && key[i] <= '9';
        index = 10 * index + (size_t)(key[i] - '0');
    }
    return is_index ? hy_node_at(v.as.n, index) : hy_absent();
}

/* Follows a pointer ("/definitions/name"), whose bytes are used up. */
static hy_value_t follow(hy_value_t v, char *pointer, size_t len) {
    while (len > 0 && v.kind != HY_ABSENT) {
        char *end = memchr(pointer + 1, '/', len - 1);
        size_t part = end ? (size_t)(end - pointer) : len;
        v = step(v, pointer + 1, unescape_step(pointer + 1, part - 1));
        pointer += part;
        len -= part;
    }
    return v;
}

HY__FILL(ref) {
    hy__place_rules_t *place = hy__rule_place(rule);
    if (!place) return HY_ENOMEM;
    if (v.kind != HY_STR) return hy__compile_fail(c, "is no reference");
    const hy_str_t *ref = v.as.s;
    if (ref->len == 0 || ref->bytes[0] != '#' || (ref->len > 1 && ref->bytes[1] != '/'))
        return hy__compile_fail(c, "leads out of the document");
    hy_str_t *pointer = hy_str_new(ref->bytes + 1, ref->len - 1);
    if (!pointer) return HY_ENOMEM;
    size_t len = unescape(pointer->bytes, pointer->len);
    hy_value_t target = follow(hy_node_value(c->site->document), pointer->bytes, len);
    hy_str_unref(pointer);
    return hy__compile_ask(c, target, &place->ref);
}
