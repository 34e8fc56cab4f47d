/* Tab: what all candidates have in common is put in; a second Tab lists them, in columns above the
 * line. What there is to choose from the host says (frame.h). */
#include "base/node.h"
#include "prompt_terminal_parts.h"

#include <string.h>

#define GAP    2u
#define INDENT "  "

/* What the host has answered. */
typedef struct {
    const hy_node_t *items; /* texts */
    size_t typed;           /* bytes before the cursor that they take the place of */
    size_t common;          /* bytes that all of them begin with */
    hy_str_t *end;
    bool has_more;
} candidates_t;

static const hy_str_t *item_at(const candidates_t *c, size_t at) {
    hy_value_t v = hy_node_at(c->items, at);
    return v.kind == HY_STR ? v.as.s : NULL;
}

static size_t common_bytes(const candidates_t *c) {
    const hy_str_t *first = item_at(c, 0);
    size_t common = first ? first->len : 0;
    for (size_t i = 1; i < hy_node_count(c->items); i++) {
        const hy_str_t *item = item_at(c, i);
        size_t same = 0;
        while (item && same < common && same < item->len && item->bytes[same] == first->bytes[same])
            same++;
        common = same;
    }
    while (common > 0 && !hy_utf8_is_valid(first->bytes, common))
        common--;
    return common;
}

/* False: there is nothing to choose from. */
static bool read_candidates(const hy_node_t *frame, size_t len, candidates_t *c) {
    hy_value_t items = hy_get(frame, "items");
    int64_t from = hy_get_int(frame, "from", -1);
    if (items.kind != HY_ARRAY || hy_node_count(items.as.n) == 0) return false;
    if (from < 0 || (uint64_t)from > len) return false;
    *c = (candidates_t){.items = items.as.n,
                        .typed = len - (size_t)from,
                        .end = hy_get_str(frame, "end"),
                        .has_more = hy_get_bool(frame, "more", false)};
    /* What others have in common is not known. */
    c->common = c->has_more ? c->typed : common_bytes(c);
    return item_at(c, 0) != NULL;
}

/* Puts a text in the place of what is typed of it. */
static void put(EditLine *el, const hy_buf_t *code, const candidates_t *c, size_t len) {
    const char *typed = code->bytes + code->len - c->typed;
    size_t chars = 0;
    for (size_t i = 0; i < c->typed; i++) {
        if (((unsigned char)typed[i] & 0xc0) != 0x80) chars++;
    }
    hy_line_cut(el, chars);
    hy_line_insert(el, item_at(c, 0)->bytes, len);
}

/* --- listing ---------------------------------------------------------------------------------- */

static void add_spaces(hy_buf_t *b, size_t count) {
    while (count-- > 0)
        hy_buf_char(b, ' ');
}

/* Down the columns, as words stand in a dictionary. */
static void write_columns(hy_buf_t *b, const candidates_t *c, size_t columns) {
    size_t count = hy_node_count(c->items), widest = 1;
    for (size_t i = 0; i < count; i++) {
        const hy_str_t *item = item_at(c, i);
        size_t width = item ? hy_line_width(item->bytes, item->len) : 0;
        if (width > widest) widest = width;
    }
    size_t room = columns - sizeof INDENT + GAP + 1, across = room / (widest + GAP);
    if (across == 0) across = 1;
    size_t rows = (count + across - 1) / across;
    for (size_t row = 0; row < rows; row++) {
        hy_buf_text(b, INDENT);
        for (size_t i = row; i < count; i += rows) {
            const hy_str_t *item = item_at(c, i);
            if (!item) continue;
            hy_buf_add(b, item->bytes, item->len);
            if (i + rows < count) {
                add_spaces(b, widest + GAP - hy_line_width(item->bytes, item->len));
            }
        }
        hy_buf_char(b, '\n');
    }
    if (c->has_more) hy_buf_text(b, INDENT "… and more\n");
}

static void list(hy_terminal_t *t, const candidates_t *c) {
    hy_buf_t b;
    hy_buf_init(&b);
    write_columns(&b, c, (size_t)hy_terminal_columns());
    if (!b.failed) hy_terminal_print(t, b.bytes, b.len);
    hy_buf_deinit(&b);
}

/* --- the key ---------------------------------------------------------------------------------- */

static bool is_blank(const hy_buf_t *code) {
    size_t at = code->len;
    while (at > 0 && (code->bytes[at - 1] == ' ' || code->bytes[at - 1] == '\t'))
        at--;
    return at == 0 || code->bytes[at - 1] == '\n';
}

static unsigned char complete(hy_terminal_t *t, const hy_buf_t *code, const hy_node_t *frame) {
    candidates_t c;
    if (!read_candidates(frame, code->len, &c)) return CC_ERROR;
    bool is_only = hy_node_count(c.items) == 1 && !c.has_more;
    if (is_only || c.common > c.typed) {
        put(t->el, code, &c, c.common);
        if (is_only && c.end) hy_line_insert(t->el, c.end->bytes, c.end->len);
    } else if (t->tab + 1 == t->keys) {
        list(t, &c);
    }
    t->tab = t->keys;
    return CC_REFRESH;
}

unsigned char hy__key_complete(EditLine *el, wint_t key) {
    hy_terminal_t *t = hy__terminal_of(el);
    unsigned char result = CC_NORM;
    hy_buf_t code;
    (void)key;
    hy_buf_init(&code);
    hy_line_code(el, true, &code);
    if (is_blank(&code)) {
        hy_line_insert(el, INDENT, sizeof INDENT - 1);
        result = CC_REFRESH;
    } else if (!code.failed) {
        hy_value_t frame = t->config.complete(t->config.arg, code.bytes, code.len);
        if (frame.kind == HY_OBJECT) result = complete(t, &code, frame.as.n);
        hy_value_drop(frame);
    }
    hy_buf_deinit(&code);
    return result;
}
