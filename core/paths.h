/* Where hyperties are looked for: folders with NAME.lua or NAME/init.lua, and schemas/ beside them.
 */
#ifndef HY_PATHS_H
#define HY_PATHS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char **items;
    uint32_t count, room;
} hy_paths_t;

void hy_paths_init(hy_paths_t *p);
void hy_paths_deinit(hy_paths_t *p);
/* Appends a folder. HY_ENOMEM. */
int hy_paths_add(hy_paths_t *p, const char *folder, size_t len);
/* Appends the folders of a list with colons; empty ones are left out. */
int hy_paths_add_list(hy_paths_t *p, const char *list);
/* ./hyperties, those of $HYPERTY_PATH, then the installed ones that are there. */
int hy_paths_add_usual(hy_paths_t *p);

/* Folders for who writes hyperties: below which hyperty/spec.lua is, hyperty/host.so, and the
 * annotations for editors. Those of the build that the program is in, else the installed ones; cut
 * if there is no room. */
void hy_paths_find_lua(char *path, size_t room);
void hy_paths_find_module(char *path, size_t room);
void hy_paths_find_types(char *path, size_t room);

#endif
