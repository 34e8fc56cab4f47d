/* The folder of sockets, and the names in it. A process that ended without a word leaves its
 * file behind: it is removed by the next one that looks, if there is no such process and nobody
 * answers. */
#include "attach_paths.h"
#include "loop/loop.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER_MODE 0700
#define LABEL_BYTES 40

_Static_assert(HY_ATTACH_PATH_BYTES == sizeof((struct sockaddr_un *)NULL)->sun_path,
               "a path is that of a socket");

typedef struct {
    char path[HY_ATTACH_PATH_BYTES];
} folder_t;

/* --- folders ---------------------------------------------------------------------------------- */

static bool is_own_folder(const char *path) {
    struct stat at;
    return stat(path, &at) == 0 && S_ISDIR(at.st_mode) && at.st_uid == geteuid();
}

static folder_t folder_of_sockets(void) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    folder_t folder;
    if (runtime && *runtime == '/' && is_own_folder(runtime) &&
        strlen(runtime) + sizeof "/hyperty" <= sizeof folder.path) {
        snprintf(folder.path, sizeof folder.path, "%s/hyperty", runtime);
    } else {
        snprintf(folder.path, sizeof folder.path, "/tmp/hyperty-%u", (unsigned)geteuid());
    }
    return folder;
}

/* That nobody else can put anything there. HY_ENOT_FOUND: it is not there. */
static int check_folder(const char *path, hy_error_t *err) {
    struct stat at;
    if (lstat(path, &at) != 0) {
        if (errno == ENOENT)
            return hy_fail(err, HY_ENOT_FOUND, "%s: there is no such folder", path);
        return hy_fail(err, -errno, "%s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(at.st_mode) || at.st_uid != geteuid() || (at.st_mode & 0077) != 0) {
        return hy_fail(err, HY_EFORBIDDEN,
                       "%s must be a folder of this user's with mode 0700, not a link; remove it, "
                       "or choose a socket with --attach PATH",
                       path);
    }
    return 0;
}

static int make_folder(const char *path, hy_error_t *err) {
    if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST)
        return hy_fail(err, -errno, "cannot make the folder %s: %s", path, strerror(errno));
    return check_folder(path, err);
}

/* --- names ------------------------------------------------------------------------------------ */

/* "PID-KIND" or "PID-KIND-LABEL"; false if it is none of ours. */
static bool read_name(const char *folder, const char *name, hy_attach_entry_t *e) {
    char *end;
    *e = (hy_attach_entry_t){.pid = 0};
    if (*name < '1' || *name > '9') return false;
    long pid = strtol(name, &end, 10);
    size_t kind = *end == '-' ? strcspn(end + 1, "-") : 0;
    if (kind == 0 || kind >= sizeof e->kind || pid > INT32_MAX) return false;
    int len = snprintf(e->path, sizeof e->path, "%s/%s", folder, name);
    if (len < 0 || (size_t)len >= sizeof e->path) return false;
    e->pid = (pid_t)pid;
    memcpy(e->kind, end + 1, kind);
    const char *label = end + 1 + kind;
    if (*label == '-') snprintf(e->label, sizeof e->label, "%s", label + 1);
    return true;
}

/* Nobody listens there any more. Asked only of processes that are not there: so nobody who runs is
 * disturbed, and one in another container is not taken for dead. */
static bool is_refused(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    bool is_dead = connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return is_dead;
}

static bool is_running(const hy_attach_entry_t *e) {
    struct stat at;
    if (lstat(e->path, &at) != 0 || !S_ISSOCK(at.st_mode) || at.st_uid != geteuid()) return false;
    if (kill(e->pid, 0) == 0 || errno != ESRCH || !is_refused(e->path)) return true;
    unlink(e->path);
    return false;
}

/* Gives how many there are. */
static uint32_t list_folder(const char *path, hy_attach_entry_t *list, uint32_t room) {
    uint32_t count = 0;
    DIR *folder = opendir(path);
    const struct dirent *found;
    hy_attach_entry_t e;
    while (folder && (found = readdir(folder)) != NULL) {
        if (read_name(path, found->d_name, &e) && is_running(&e) && count < room) list[count++] = e;
    }
    if (folder) closedir(folder);
    return count;
}

static int by_pid(const void *a, const void *b) {
    pid_t x = ((const hy_attach_entry_t *)a)->pid, y = ((const hy_attach_entry_t *)b)->pid;
    return (x > y) - (x < y);
}

int hy_attach_list(hy_attach_entry_t *list, uint32_t room, hy_error_t *err) {
    folder_t folder = folder_of_sockets();
    int rc = check_folder(folder.path, err);
    if (rc) return rc == HY_ENOT_FOUND ? 0 : rc;
    uint32_t count = list_folder(folder.path, list, room);
    qsort(list, count, sizeof *list, by_pid);
    return (int)count;
}

int hy_attach_path_make(const char *kind, const char *label, char path[HY_ATTACH_PATH_BYTES],
                        hy_error_t *err) {
    folder_t folder = folder_of_sockets();
    int rc = make_folder(folder.path, err);
    if (rc) return rc;
    list_folder(folder.path, NULL, 0); /* removes what is left of dead ones */
    int len = snprintf(path, HY_ATTACH_PATH_BYTES, "%s/%ld-%s", folder.path, (long)getpid(), kind);
    if (len < 0 || (size_t)len >= HY_ATTACH_PATH_BYTES)
        return hy_fail(err, HY_ETOO_LARGE, "%s: the path is too long for a socket", folder.path);
    if (!label || !*label || (size_t)len + 2 > HY_ATTACH_PATH_BYTES) return 0;
    path[len++] = '-';
    for (int i = 0; label[i] && i < LABEL_BYTES && (size_t)len + 1 < HY_ATTACH_PATH_BYTES; i++) {
        bool is_plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+",
                               label[i]) != NULL;
        path[len++] = is_plain ? label[i] : '_';
    }
    path[len] = '\0';
    return 0;
}
