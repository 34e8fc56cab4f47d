/* Marks of what was seen of each creator of children (PROTOCOL.md section 6); kept in a dictionary
 * that the children of an object own. Holes are allowed; at most HY_MARK_RANGES_MAX ranges are
 * remembered for one creator, then the lowest hole counts as seen. */
#ifndef HY_DATA_MARKS_H
#define HY_DATA_MARKS_H

#include "../base/dict.h"
#include "../base/value.h"

void hy_marks_init(hy_dict_t *m);
void hy_marks_deinit(hy_dict_t *m);
bool hy_marks_seen(const hy_dict_t *m, const hy_str_t *creator, uint64_t n);
/* The highest n seen of that creator, 0 if none. */
uint64_t hy_marks_top(const hy_dict_t *m, const hy_str_t *creator);
/* From `first` to `last` (1 ≤ first ≤ last ≤ INT64_MAX) were seen. */
int hy_marks_see(hy_dict_t *m, hy_str_t *creator, uint64_t first, uint64_t last);
/* childMarks of a whole answer, out (owned by the caller) and in (added to what is there, in part
 * if it fails; HY_EINVALID). */
int hy_marks_write(const hy_dict_t *m, hy_value_t *out);
int hy_marks_read(hy_dict_t *m, const hy_node_t *marks);
/* The mark of one creator, out; HY_ENOT_FOUND. */
int hy_marks_write_one(const hy_dict_t *m, const hy_str_t *creator, hy_value_t *out);

#endif
