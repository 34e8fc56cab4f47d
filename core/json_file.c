/* Reading a JSON file whole. What is opened is looked at before it is read: opening does not wait
 * (O_NONBLOCK), and only a regular file is gone on with. */
#include "json_file.h"

#include "base/buf.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_errno(const char *path, hy_error_t *err) {
    int number = errno;
    if (number == ENOENT || number == ENOTDIR)
        return hy_fail(err, HY_ENOT_FOUND, "%s: there is no such file", path);
    return hy_fail(err, number == ENOMEM ? HY_ENOMEM : HY_EINVALID, "%s: %s", path,
                   strerror(number));
}

static int check_kind(const char *path, int fd, size_t bytes_max, hy_error_t *err) {
    struct stat s;
    if (fstat(fd, &s) != 0) return fail_errno(path, err);
    if (S_ISDIR(s.st_mode)) return hy_fail(err, HY_EINVALID, "%s: is a folder, no file", path);
    if (!S_ISREG(s.st_mode)) return hy_fail(err, HY_EINVALID, "%s: is no regular file", path);
    if (s.st_size <= 0 || (uint64_t)s.st_size <= bytes_max) return 0;
    return hy_fail(err, HY_ETOO_LARGE, "%s: has %lld bytes, more than %zu", path,
                   (long long)s.st_size, bytes_max);
}

/* Also what has grown since it was looked at. */
static int read_all(const char *path, int fd, size_t bytes_max, hy_buf_t *b, hy_error_t *err) {
    for (;;) {
        if (!hy_buf_reserve(b, BUFSIZ)) return hy_fail(err, HY_ENOMEM, "%s: out of memory", path);
        ssize_t got = read(fd, b->bytes + b->len, BUFSIZ);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(path, err);
        if (got == 0) return 0;
        b->len += (size_t)got;
        if (b->len > bytes_max)
            return hy_fail(err, HY_ETOO_LARGE, "%s: has more than %zu bytes", path, bytes_max);
    }
}

/* The reader says "at byte N", from 0; a person's editor counts lines and columns, from 1. */
static int fail_json(const char *path, const hy_buf_t *text, const hy_error_t *why,
                     hy_error_t *err) {
    static const char mark[] = "at byte ";
    const char *found = strstr(why->text, mark);
    size_t at = 0, line = 1, column = 1;
    int digits = 0;
    if (!found || sscanf(found + strlen(mark), "%zu%n", &at, &digits) != 1)
        return hy_fail(err, why->code, "%s: %s", path, why->text);
    for (size_t i = 0; i < at && i < text->len; i++) {
        bool is_inside = ((unsigned char)text->bytes[i] & 0xc0) == 0x80; /* a character */
        line += text->bytes[i] == '\n';
        column = text->bytes[i] == '\n' ? 1 : column + !is_inside;
    }
    return hy_fail(err, why->code, "%s: %.*sat line %zu, column %zu%s", path,
                   (int)(found - why->text), why->text, line, column,
                   found + strlen(mark) + digits);
}

int hy_json_file_read(const char *path, size_t bytes_max, hy_value_t *out, hy_error_t *err) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, err);
    hy_error_t why = {.text = ""};
    hy_buf_t text;
    hy_buf_init(&text);
    int rc = check_kind(path, fd, bytes_max, err);
    if (rc == 0) rc = read_all(path, fd, bytes_max, &text, err);
    close(fd);
    if (rc == 0) {
        rc = hy_json_read(text.bytes ? text.bytes : "", text.len, HY_JSON_DEPTH_MAX, out, &why);
        if (rc < 0) fail_json(path, &text, &why, err);
    }
    hy_buf_deinit(&text);
    return rc;
}
