/* Files that are looked at: who edits them is noticed, however an editor saves (over the file, or
 * beside it and renamed).
 *
 *      file ──► its folder ──► events of the system ──► a quiet moment ──► is it another file now?
 *
 * So a file need not be there, now or at any time; that it is away says nothing. On the thread of
 * the loop. */
#ifndef HY_LOOP_FILES_H
#define HY_LOOP_FILES_H

#include "loop.h"

typedef struct hy_files hy_files_t;
/* That file is there, with other content than when it was last looked at. It may add files, and
 * close all. */
typedef void (*hy_files_cb)(void *arg, const char *path);

int hy_files_open(hy_loop_t *loop, hy_files_cb changed, void *arg, hy_files_t **out);
/* From now on; one that is looked at already is as it is now. HY_EFULL: too many files or folders.
 */
int hy_files_add(hy_files_t *f, const char *path);
void hy_files_close(hy_files_t *f); /* NULL allowed */

#endif
