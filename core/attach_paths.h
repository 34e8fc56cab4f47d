/* Where the sockets of running hosts are found (`hyperty attach`): a folder for this user alone,
 * with a file for each host that tells its process, its kind and what it runs:
 *
 *      $XDG_RUNTIME_DIR/hyperty/       4711-run-group_chat
 *      or /tmp/hyperty-UID/            4712-node-localhost
 *
 * The second is for sessions without the first. A folder that others could have put files into is
 * not used. */
#ifndef HY_ATTACH_PATHS_H
#define HY_ATTACH_PATHS_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

#define HY_ATTACH_PATH_BYTES 108u /* of a Unix socket */

typedef struct {
    char path[HY_ATTACH_PATH_BYTES];
    pid_t pid;
    char kind[16], label[HY_ATTACH_PATH_BYTES];
} hy_attach_entry_t;

/* The path for a host of this process, its folder being made if need be, and files that dead
 * processes have left there removed. `label` (NULL: none) is cut, and made fit for a file name. */
int hy_attach_path_make(const char *kind, const char *label, char path[HY_ATTACH_PATH_BYTES],
                        hy_error_t *err);
/* What runs now, by process; at most `room`. Gives how many, or negative: the folder is not to be
 * trusted. */
int hy_attach_list(hy_attach_entry_t *list, uint32_t room, hy_error_t *err);

#endif
