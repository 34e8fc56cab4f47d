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

/* <folder of the executable>/<below>; false if that is not known. */
static bool beside_executable(char *path, size_t room, const char *below) {
    char exe[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (len <= 0 || len >= (ssize_t)sizeof exe - 1) return false;
    exe[len] = '\0';
    char *slash = strrchr(exe, '/');
    if (!slash) return false;
    *slash = '\0';
    return snprintf(path, room, "%s/%s", exe, below) < (int)room;
}

static int add_beside_executable(hy_paths_t *p) {
    char path[PATH_MAX + 64];
    if (!beside_executable(path, sizeof path, "../share/hyperty/hyperties")) return 0;
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

/* --- for who writes hyperties ----------------------------------------------------------------- */

/* The first of two folders beside the executable that has `file` in it, by its real name; else
 * `installed`. */
static void find_folder(char *path, size_t room, const char *const *below, const char *file,
                        const char *installed) {
    for (; *below; below++) {
        char folder[PATH_MAX], probe[2 * PATH_MAX], real[PATH_MAX];
        if (!beside_executable(folder, sizeof folder, *below)) continue;
        snprintf(probe, sizeof probe, "%s/%s", folder, file);
        if (access(probe, R_OK) != 0 || !realpath(folder, real)) continue;
        snprintf(path, room, "%s", real);
        return;
    }
    snprintf(path, room, "%s", installed);
}

void hy_paths_find_lua(char *path, size_t room) {
    static const char *const below[] = {"lua", "../share/lua/5.4", NULL};
    find_folder(path, room, below, "hyperty/spec.lua", HYPERTY_LUA_DIR);
}

void hy_paths_find_module(char *path, size_t room) {
    static const char *const below[] = {"lua", "../" HYPERTY_LIBDIR "/lua/5.4", NULL};
    find_folder(path, room, below, "hyperty/host.so", HYPERTY_MODULE_DIR);
}

void hy_paths_find_types(char *path, size_t room) {
    static const char *const below[] = {"types", "../share/hyperty/types", NULL};
    find_folder(path, room, below, "hyperty/library.lua", HYPERTY_DATA_DIR "/types");
}
