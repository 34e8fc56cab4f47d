/* What commands print on stdout: tables, and JSON as people read it. */
#ifndef HY_PRINT_H
#define HY_PRINT_H

#include "base/value.h"

#define HY_PRINT_COLUMNS_MAX 8u

/* Adds a cell to a line of a table, both arrays; an empty text, NULL too, is shown as "-".
 * HY_ENOMEM. */
int hy_print_add(hy_node_t *line, const hy_str_t *text);
int hy_print_add_text(hy_node_t *line, const char *text);
/* Negative: there is none. */
int hy_print_add_number(hy_node_t *line, int64_t n);
/* Adds a line of heads to a table. */
int hy_print_add_heads(hy_node_t *table, const char *const *heads, size_t count);
/* Lines of as many cells each, in columns: texts to the left, from that one on numbers to the
 * right.
 */
void hy_print_table(const hy_node_t *table, size_t columns, size_t numbers);
/* As JSON of several lines, what is short in one. HY_ENOMEM. */
int hy_print_json(hy_value_t v);

#endif
