/* Reading and making a key. What is opened is looked at before it is read; bytes of the key are in
 * memory of this file alone, which is wiped. */
#include "key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 44u /* base64 of a seed */
_Static_assert((HY_SIGN_SEED_BYTES + 2) / 3 * 4 == LINE_BYTES, "a seed is one line");

static int fail_errno(const char *path, const char *what, hy_error_t *err) {
    return hy_fail(err, HY_EINVALID, "%s: %s: %s", path, what, strerror(errno));
}

static int check_kind(const char *path, int fd, hy_error_t *err) {
    struct stat s;
    if (fstat(fd, &s) != 0) return fail_errno(path, "cannot be looked at", err);
    if (!S_ISREG(s.st_mode)) return hy_fail(err, HY_EINVALID, "%s: is no regular file", path);
    if ((s.st_mode & (S_IRWXG | S_IRWXO)) == 0) return 0;
    return hy_fail(err, HY_EFORBIDDEN, "%s can be read by others; chmod 600 %s", path, path);
}

static int fail_form(const char *path, hy_error_t *err) {
    return hy_fail(err, HY_EINVALID,
                   "%s: is no key: that is one line of %u letters and digits, which --key makes "
                   "where there is no file",
                   path, LINE_BYTES);
}

static int read_seed(const char *path, int fd, uint8_t seed[HY_SIGN_SEED_BYTES], hy_error_t *err) {
    char text[LINE_BYTES + 2]; /* one byte more than a line that ends */
    size_t len = 0;
    ssize_t got = 1;
    while (got != 0 && len < sizeof text) {
        got = read(fd, text + len, sizeof text - len);
        if (got > 0) len += (size_t)got;
        if (got < 0 && errno != EINTR) break;
    }
    int rc = got < 0 ? fail_errno(path, "cannot be read", err) : 0;
    if (rc == 0 && len > 0 && text[len - 1] == '\n') len--;
    if (rc == 0 && (len != LINE_BYTES ||
                    hy_base64_read(text, len, seed, HY_SIGN_SEED_BYTES) != HY_SIGN_SEED_BYTES))
        rc = fail_form(path, err);
    hy_secret_wipe(text, sizeof text);
    return rc;
}

static int open_seed(const char *path, uint8_t seed[HY_SIGN_SEED_BYTES], hy_error_t *err) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return HY_ENOT_FOUND;
    if (fd < 0) return fail_errno(path, "cannot be read", err);
    int rc = check_kind(path, fd, err);
    if (rc == 0) rc = read_seed(path, fd, seed, err);
    close(fd);
    return rc;
}

static bool write_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        ssize_t done = write(fd, text, len);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        text += done;
        len -= (size_t)done;
    }
    return fsync(fd) == 0;
}

static int write_seed(const char *path, const uint8_t seed[HY_SIGN_SEED_BYTES], hy_error_t *err) {
    hy_str_t *text = hy_base64(seed, HY_SIGN_SEED_BYTES);
    if (!text) return hy_fail(err, HY_ENOMEM, "%s: out of memory", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, 0600);
    int rc = 0;
    if (fd < 0 && errno == ENOENT)
        rc = hy_fail(err, HY_EINVALID, "%s: its folder is not there; make that first", path);
    else if (fd < 0)
        rc = fail_errno(path, "cannot be made", err);
    if (rc == 0 && !(write_all(fd, text->bytes, text->len) && write_all(fd, "\n", 1))) {
        rc = fail_errno(path, "cannot be written", err);
        unlink(path);
    }
    if (fd >= 0) close(fd);
    hy_secret_wipe(text->bytes, text->len);
    hy_str_unref(text);
    return rc;
}

int hy_key_file_read(const char *path, hy_random_t *random, uint8_t seed[HY_SIGN_SEED_BYTES],
                     hy_error_t *err) {
    int rc = open_seed(path, seed, err);
    if (rc != HY_ENOT_FOUND) return rc;
    random->fill(random, seed, HY_SIGN_SEED_BYTES);
    rc = write_seed(path, seed, err);
    if (rc < 0) hy_secret_wipe(seed, HY_SIGN_SEED_BYTES);
    return rc;
}
