/* The search path for hyperties. The installed folders come last: the one given at compile time and
 * the one beside the executable (bin/../share), so that an installation may be moved; in a build
 * for development also the one of the source tree. One that is named twice is searched once. */
#include "paths.h"
#include "base/mem.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void hy_paths_init(hy_paths_t *p) {
    *p = (hy_paths_t){0};
}

void hy_paths_deinit(hy_paths_t *p) {
    for (uint32_t i = 0; i < p->count; i++)
        hy_free(p->items[i]);
    hy_free(p->items);
    hy_paths_init(p);
}

int hy_paths_add(hy_paths_t *p, const char *folder, size_t len) {
    if (p->count == p->room) {
        uint32_t room = p->room ? p->room * 2 : 8;
        char **items = hy_realloc(p->items, room * sizeof *items);
        if (!items) return HY_ENOMEM;
        p->items = items;
        p->room = room;
    }
    char *item = hy_alloc(len + 1);
    if (!item) return HY_ENOMEM;
    memcpy(item, folder, len);
    item[len] = '\0';
    p->items[p->count++] = item;
    return 0;
}

int hy_paths_add_list(hy_paths_t *p, const char *list) {
    while (*list) {
        size_t len = strcspn(list, ":");
        int rc = len ? hy_paths_add(p, list, len) : 0;
        if (rc) return rc;
        list += len;
        if (*list) list++;
    }
    return 0;
}

/* Both are folders that exist, and the same one. */
static bool is_same(const char *a, const char *real_b) {
    char real_a[PATH_MAX];
    return realpath(a, real_a) && strcmp(real_a, real_b) == 0;
}

/* Adds a folder if it is there and not on the path already. */
static int add_installed(hy_paths_t *p, const char *folder) {
    char real[PATH_MAX];
    if (!realpath(folder, real)) return 0;
    for (uint32_t i = 0; i < p->count; i++) {
        if (is_same(p->items[i], real)) return 0;
    }
    return hy_paths_add(p, real, strlen(real));
}

/* <folder of the executable>/../share/hyperty/hyperties */
static int add_beside_executable(hy_paths_t *p) {
    char path[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
    if (len <= 0 || len >= PATH_MAX) return 0;
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash) return 0;
    snprintf(slash, sizeof path - (size_t)(slash - path), "/../share/hyperty/hyperties");
    return add_installed(p, path);
}

int hy_paths_add_usual(hy_paths_t *p) {
    const char *list = getenv("HYPERTY_PATH");
    int rc = hy_paths_add(p, "./hyperties", strlen("./hyperties"));
    if (!rc && list) rc = hy_paths_add_list(p, list);
    if (!rc) rc = add_beside_executable(p);
#ifdef HYPERTY_DATA_DIR
    if (!rc) rc = add_installed(p, HYPERTY_DATA_DIR "/hyperties");
#endif
#ifdef HYPERTY_SOURCE_DIR
    if (!rc) rc = add_installed(p, HYPERTY_SOURCE_DIR "/hyperties");
#endif
    return rc;
}
