/* The lock beside a file: FILE.lock, with the number of the process that has it.
 *
 * The kernel's lock on it (flock) is what counts; it goes with the process, however that ends. The
 * number in it is for the message that another process gives. A clean release removes the file
 * while it is still locked; so who gets the lock looks whether it has the file that is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/mem.h"
#include "sqlite_private.h"

#define SUFFIX    ".lock"
#define TRIES_MAX 100

struct hy_lock {
    int fd;
    char path[];
};

static int fail_to_open(const char *path, int error, hy_error_t *err) {
    if (error == ENOENT || error == ENOTDIR) {
        return hy_fail(err, HY_ENOT_FOUND,
                       "there is no folder for the store %s; make it, or give another file", path);
    }
    if (error == EACCES || error == EPERM || error == EROFS) {
        return hy_fail(err, HY_EFORBIDDEN,
                       "the store %s may not be written (%s beside it: %s); allow it, or give "
                       "another file",
                       path, SUFFIX, strerror(error));
    }
    if (error == EISDIR)
        return hy_fail(err, HY_EINVALID, "%s%s is a folder; remove it", path, SUFFIX);
    return hy_fail(err, HY_EINTERNAL, "cannot lock the store %s: %s", path, strerror(error));
}

static int fail_for_other(const char *path, int fd, hy_error_t *err) {
    char text[24] = "";
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    long pid = len > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 0) {
        return hy_fail(err, HY_ECONFLICT,
                       "%s is in use by another process; stop it, or give another file", path);
    }
    return hy_fail(err, HY_ECONFLICT, "%s is in use by process %ld; stop it, or give another file",
                   path, pid);
}

static void write_pid(int fd) {
    char text[24];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* Only a message is poorer without it. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) < 0) return;
}

static bool is_still_there(int fd, const char *lock_path) {
    struct stat mine, there;
    return fstat(fd, &mine) == 0 && stat(lock_path, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

/* The descriptor, or -1 with the code in `*code`. */
static int lock_file(const char *path, const char *lock_path, int *code, hy_error_t *err) {
    for (int i = 0; i < TRIES_MAX; i++) {
        int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0) {
            *code = fail_to_open(path, errno, err);
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            *code = errno == EWOULDBLOCK ? fail_for_other(path, fd, err)
                                         : fail_to_open(path, errno, err);
            close(fd);
            return -1;
        }
        if (is_still_there(fd, lock_path)) return fd;
        close(fd); /* its holder removed it meanwhile */
    }
    *code =
        hy_fail(err, HY_ECONFLICT, "%s is being opened and closed all the time; try again", path);
    return -1;
}

/* Beside the file itself, also if the path is a link to it. */
static hy_lock_t *make(const char *path) {
    char *real = realpath(path, NULL);
    const char *name = real ? real : path;
    size_t len = strlen(name);
    hy_lock_t *l = hy_alloc(sizeof *l + len + sizeof SUFFIX);
    if (l) {
        memcpy(l->path, name, len);
        memcpy(l->path + len, SUFFIX, sizeof SUFFIX);
    }
    free(real);
    return l;
}

int hy__lock_take(const char *path, hy_lock_t **out, hy_error_t *err) {
    hy_lock_t *l = make(path);
    if (!l) return hy_fail(err, HY_ENOMEM, "no memory for the store %s", path);
    int code = 0;
    l->fd = lock_file(path, l->path, &code, err);
    if (l->fd < 0) {
        hy_free(l);
        return code;
    }
    write_pid(l->fd);
    *out = l;
    return 0;
}

void hy__lock_release(hy_lock_t *l) {
    if (!l) return;
    unlink(l->path);
    close(l->fd);
    hy_free(l);
}
