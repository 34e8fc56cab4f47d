/* Tables and JSON on stdout, which is checked for failures when the program ends (main.c). */
#include "print.h"

#include "base/buf.h"
#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 80u /* of JSON that is short */

/* --- tables ----------------------------------------------------------------------------------- */

int hy_print_add_text(hy_node_t *line, const char *text) {
    hy_value_t cell = hy_text(text && *text ? text : "-");
    return cell.kind == HY_ABSENT ? HY_ENOMEM : hy_node_insert(line, hy_node_count(line), cell);
}

int hy_print_add(hy_node_t *line, const hy_str_t *text) {
    return hy_print_add_text(line, text ? text->bytes : NULL);
}

int hy_print_add_number(hy_node_t *line, int64_t n) {
    char text[24] = "";
    if (n >= 0) snprintf(text, sizeof text, "%lld", (long long)n);
    return hy_print_add_text(line, text);
}

int hy_print_add_heads(hy_node_t *table, const char *const *heads, size_t count) {
    hy_node_t *line = hy_node_new(HY_ARRAY);
    int rc = line ? 0 : HY_ENOMEM;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = hy_print_add_text(line, heads[i]);
    if (rc == 0) return hy_node_insert(table, hy_node_count(table), hy_node_value(line));
    hy_node_unref(line);
    return rc;
}

/* Characters, not bytes. */
static int width_of(const hy_str_t *text) {
    int width = 0;
    for (size_t i = 0; i < text->len; i++)
        width += (text->bytes[i] & 0xc0) != 0x80;
    return width;
}

static hy_str_t *cell_at(const hy_node_t *table, size_t line, size_t column) {
    return hy_node_at(hy_node_at(table, line).as.n, column).as.s;
}

static void print_cell(const hy_str_t *text, bool is_first, bool is_number, int width) {
    int gap = width > 0 ? width - width_of(text) : 0;
    printf("%s%*s%s%*s", is_first ? "" : "  ", is_number ? gap : 0, "", text->bytes,
           is_number ? 0 : gap, "");
}

void hy_print_table(const hy_node_t *table, size_t columns, size_t numbers) {
    int widths[HY_PRINT_COLUMNS_MAX] = {0};
    assert(columns <= HY_PRINT_COLUMNS_MAX);
    for (size_t i = 0; i < hy_node_count(table); i++) {
        for (size_t c = 0; c < columns; c++) {
            int width = width_of(cell_at(table, i, c));
            if (width > widths[c]) widths[c] = width;
        }
    }
    if (numbers >= columns) widths[columns - 1] = 0; /* nothing follows a text at the end */
    for (size_t i = 0; i < hy_node_count(table); i++) {
        for (size_t c = 0; c < columns; c++)
            print_cell(cell_at(table, i, c), c == 0, c >= numbers, widths[c]);
        putchar('\n');
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void indent(hy_buf_t *b, int depth) {
    hy_buf_char(b, '\n');
    for (int i = 0; i < depth; i++)
        hy_buf_text(b, "  ");
}

static bool fits(hy_value_t v) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, v);
    bool is_short = b.len <= LINE_BYTES;
    hy_buf_deinit(&b);
    return is_short;
}

/* As deep as the value is. */
static void write_value(hy_buf_t *b, hy_value_t v, int depth) {
    bool is_object = v.kind == HY_OBJECT;
    if (!hy_is_node(v) || hy_node_count(v.as.n) == 0 || (depth > 0 && fits(v))) {
        hy_json_write(b, v);
        return;
    }
    hy_buf_char(b, is_object ? '{' : '[');
    uint32_t pos = 0;
    for (size_t i = 0; i < hy_node_count(v.as.n); i++) {
        hy_str_t *key = NULL;
        hy_value_t item = is_object ? hy_absent() : hy_node_at(v.as.n, i);
        if (is_object && !hy_node_next(v.as.n, &pos, &key, &item)) break;
        if (i > 0) hy_buf_char(b, ',');
        indent(b, depth + 1);
        if (key) hy_json_write_str(b, key->bytes, key->len);
        if (key) hy_buf_text(b, ": ");
        write_value(b, item, depth + 1);
    }
    indent(b, depth);
    hy_buf_char(b, is_object ? '}' : ']');
}

int hy_print_json(hy_value_t v) {
    hy_buf_t b;
    hy_buf_init(&b);
    write_value(&b, v, 0);
    hy_buf_char(&b, '\n');
    hy_str_t *text = hy_buf_take(&b);
    if (!text) return HY_ENOMEM;
    fwrite(text->bytes, 1, text->len, stdout);
    hy_str_unref(text);
    return 0;
}
