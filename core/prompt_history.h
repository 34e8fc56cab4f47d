/* The history of a prompt: what was typed, oldest first, kept in a file that several clients may
 * share. */
#ifndef HY_PROMPT_HISTORY_H
#define HY_PROMPT_HISTORY_H

#include <stddef.h>

typedef struct hy_history hy_history_t;

/* The file for this working folder into `path`: $HYPERTY_HISTORY; or, one for each folder, in
 * $XDG_STATE_HOME/hyperty/history, which is ~/.local/state/hyperty/history if not set. The folders
 * are made. Negative: nothing is to be kept ($HYPERTY_HISTORY is empty), or there is no place. */
int hy_history_path(char *path, size_t room);

/* Reads the file; what cannot be read or written is silently not kept. `path` NULL: in memory only.
 * NULL when out of memory. */
hy_history_t *hy_history_open(const char *path);
void hy_history_close(hy_history_t *h); /* NULL allowed */

/* A chunk of one or more lines, also into the file. Not if it is the same as the last one, empty,
 * or over HY_PROMPT_ENTRY_BYTES_MAX. */
void hy_history_add(hy_history_t *h, const char *text, size_t len);
size_t hy_history_count(const hy_history_t *h);
/* Counted back from the last one, which is 0. Lent until the next add. */
const char *hy_history_at(const hy_history_t *h, size_t back);

#endif
