/* For the fuzz targets of what a store keeps: an input is lines, some of which are rows.
 *
 *      <letter>owner TAB key TAB value        the letter: A for the first table, and so on
 *
 * A row is put as it is, in any order, whatever it says; one that no store would take is left out.
 */
#ifndef TOOLS_FUZZ_ROWS_H
#define TOOLS_FUZZ_ROWS_H

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "bus/address.h"
#include "must.h"
#include "store/memory.h"

typedef struct {
    const char *at, *end;
} lines_t;

static inline hy_span_t next_until(lines_t *l, char stop) {
    const char *from = l->at;
    const char *end = from < l->end ? memchr(from, stop, (size_t)(l->end - from)) : NULL;
    hy_span_t part = {from, (size_t)((end ? end : l->end) - from)};
    l->at = end ? end + 1 : l->end;
    return part;
}

static inline bool next_line(lines_t *l, hy_span_t *line) {
    bool is_more = l->at < l->end;
    if (is_more) *line = next_until(l, '\n');
    return is_more;
}

static inline bool is_row(hy_span_t line) {
    return line.len > 0 && line.bytes[0] >= 'A' && line.bytes[0] < 'A' + (int)HY_TABLE_COUNT;
}

static inline void put_row(hy_store_t *store, hy_span_t line) {
    hy_table_t table = (hy_table_t)(line.bytes[0] - 'A');
    lines_t rest = {line.bytes + 1, line.bytes + line.len};
    hy_span_t owner = next_until(&rest, '\t'), key = next_until(&rest, '\t');
    hy_str_t *o = hy_str_new(owner.bytes, owner.len), *k = hy_str_new(key.bytes, key.len);
    MUST(o && k);
    size_t len = (size_t)(rest.end - rest.at);
    if (hy_table_is_numbered(table))
        hy_store_put_number(store, table, o, strtoull(k->bytes, NULL, 10), rest.at, len);
    else
        hy_store_put(store, table, o, k, rest.at, len);
    hy_str_unref(o);
    hy_str_unref(k);
}

#endif
