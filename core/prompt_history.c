/* The history in memory and in its file.
 *
 * In the file each entry is a line, in which \n stands for a new line and \\ for a backslash. An
 * entry is appended with one write, so clients that share the file lose nothing of each other; when
 * it has become twice too long, whoever opens it next writes the newer half to a new file and
 * renames that. Who appends holds a shared lock meanwhile and who shortens an exclusive one, both
 * only if they get it soon: a client that was stopped with a lock in its hand blocks nobody. */
#define _GNU_SOURCE /* flock */
#include "prompt_history.h"
#include "base/buf.h"
#include "base/mem.h"
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES   20
#define LOCK_WAIT_NS 1000000

struct hy_history {
    hy_str_t *path; /* NULL: none */
    hy_str_t *entries[HY_PROMPT_HISTORY_MAX];
    size_t count, next; /* a ring */
};

/* --- where the file is ------------------------------------------------------------------------ */

/* Makes the folders of a path that ends in a slash or a file name. */
static void make_folders(char *path) {
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
}

/* FNV-1a: folders of the same name have histories of their own. */
static uint64_t hash(const char *text) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return h;
}

int hy_history_path(char *path, size_t room) {
    const char *given = getenv("HYPERTY_HISTORY"), *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char folder[HY_PATH_BYTES_MAX];
    int len;
    if (given) {
        len = snprintf(path, room, "%s", given);
        return len > 0 && (size_t)len < room ? 0 : -1;
    }
    if (!getcwd(folder, sizeof folder)) return -1;
    const char *name = strrchr(folder, '/');
    name = name && name[1] ? name + 1 : "root";
    bool has_state = state && state[0] == '/';
    if (!has_state && !(home && home[0] == '/')) return -1;
    len = snprintf(path, room, "%s%s/hyperty/history/%.100s-%016" PRIx64, has_state ? state : home,
                   has_state ? "" : "/.local/state", name, hash(folder));
    if (len <= 0 || (size_t)len >= room) return -1;
    make_folders(path);
    return 0;
}

/* --- the ring --------------------------------------------------------------------------------- */

size_t hy_history_count(const hy_history_t *h) {
    return h->count;
}

const char *hy_history_at(const hy_history_t *h, size_t back) {
    if (back >= h->count) return NULL;
    size_t at = (h->next + HY_PROMPT_HISTORY_MAX - 1 - back) % HY_PROMPT_HISTORY_MAX;
    return h->entries[at]->bytes;
}

/* True if it is one that is to be kept. */
static bool add(hy_history_t *h, const char *text, size_t len) {
    const char *last = hy_history_at(h, 0);
    if (len == 0 || len > HY_PROMPT_ENTRY_BYTES_MAX) return false;
    if (last && strlen(last) == len && memcmp(last, text, len) == 0) return false;
    hy_str_t *entry = hy_str_new(text, len);
    if (!entry) return false;
    hy_str_unref(h->entries[h->next]);
    h->entries[h->next] = entry;
    h->next = (h->next + 1) % HY_PROMPT_HISTORY_MAX;
    if (h->count < HY_PROMPT_HISTORY_MAX) h->count++;
    return true;
}

/* --- the file --------------------------------------------------------------------------------- */

static void write_entry(hy_buf_t *b, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == '\\') hy_buf_char(b, '\\');
        hy_buf_char(b, text[i] == '\n' ? 'n' : text[i]);
    }
    hy_buf_char(b, '\n');
}

/* Adds the entry of a line, which is without its end. */
static void read_entry(hy_history_t *h, const char *line, size_t len) {
    hy_buf_t b;
    hy_buf_init(&b);
    for (size_t i = 0; i < len; i++) {
        bool is_escape = line[i] == '\\' && i + 1 < len;
        if (is_escape) i++;
        hy_buf_char(&b, is_escape && line[i] == 'n' ? '\n' : line[i]);
    }
    bool is_text = !b.failed && b.len > 0 && hy_utf8_is_valid(b.bytes, b.len);
    if (is_text && !memchr(b.bytes, '\0', b.len)) add(h, b.bytes, b.len);
    hy_buf_deinit(&b);
}

/* The file from the lock on; -1: it is not to be had. */
static int open_locked(const char *path, int lock) {
    for (int i = 0; i < LOCK_TRIES; i++) {
        struct stat opened, named;
        int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0) return -1;
        bool has_lock = flock(fd, lock | LOCK_NB) == 0;
        bool is_there = fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
                        opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
        bool is_file = is_there && S_ISREG(opened.st_mode);
        if (has_lock && is_file) return fd;
        /* Better a line that a shortening may lose than none. */
        if (is_file && lock == LOCK_SH && i == LOCK_TRIES - 1) return fd;
        close(fd);
        if (is_there && !is_file) return -1;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_WAIT_NS}, NULL);
    }
    return -1;
}

static bool write_all(int fd, const hy_buf_t *b) {
    size_t at = 0;
    while (at < b->len) {
        ssize_t written = write(fd, b->bytes + at, b->len - at);
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) at += (size_t)written;
    }
    return true;
}

/* The end of the file, from a line's begin on. */
static void read_end(int fd, hy_buf_t *b) {
    off_t size = lseek(fd, 0, SEEK_END), from = size - (off_t)HY_PROMPT_HISTORY_BYTES_MAX;
    lseek(fd, from > 0 ? from : 0, SEEK_SET);
    ssize_t got = 1;
    while (got > 0 && hy_buf_reserve(b, BUFSIZ)) {
        got = read(fd, b->bytes + b->len, BUFSIZ);
        if (got > 0) b->len += (size_t)got;
    }
    const char *end = from > 0 && b->len ? memchr(b->bytes, '\n', b->len) : NULL;
    if (!end) return;
    b->len -= (size_t)(end + 1 - b->bytes);
    memmove(b->bytes, end + 1, b->len);
}

/* Takes all entries in; gives how many lines there were. */
static size_t take(hy_history_t *h, const hy_buf_t *b) {
    size_t lines = 0;
    for (size_t at = 0; at < b->len; lines++) {
        const char *end = memchr(b->bytes + at, '\n', b->len - at);
        size_t len = end ? (size_t)(end - b->bytes) - at : b->len - at;
        read_entry(h, b->bytes + at, len);
        at += len + 1;
    }
    return lines;
}

static void forget(hy_history_t *h) {
    for (size_t i = 0; i < HY_PROMPT_HISTORY_MAX; i++) {
        hy_str_unref(h->entries[i]);
        h->entries[i] = NULL;
    }
    h->count = h->next = 0;
}

/* Puts a file in its place that has only what is in the ring; read again, under the lock. */
static void shorten(hy_history_t *h) {
    hy_buf_t b;
    int fd = open_locked(h->path->bytes, LOCK_EX);
    if (fd < 0) return;
    hy_buf_init(&b);
    read_end(fd, &b);
    forget(h);
    take(h, &b);
    b.len = 0;
    for (size_t back = h->count; back-- > 0;) {
        const char *text = hy_history_at(h, back);
        write_entry(&b, text, strlen(text));
    }
    hy_str_t *other = hy_str_format("%s.%ld", h->path->bytes, (long)getpid());
    int new =
        other && !b.failed ? open(other->bytes, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (new >= 0) {
        bool is_whole = write_all(new, &b) && fsync(new) == 0;
        close(new);
        if (!is_whole || rename(other->bytes, h->path->bytes) != 0) unlink(other->bytes);
    }
    hy_str_unref(other);
    hy_buf_deinit(&b);
    close(fd);
}

hy_history_t *hy_history_open(const char *path) {
    hy_history_t *h = hy_alloc_zero(sizeof *h);
    if (!h || !path) return h;
    h->path = hy_str_from(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return h;
    struct stat s;
    hy_buf_t b;
    hy_buf_init(&b);
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode)) read_end(fd, &b);
    close(fd);
    bool is_long =
        take(h, &b) > 2 * HY_PROMPT_HISTORY_MAX || s.st_size > (off_t)HY_PROMPT_HISTORY_BYTES_MAX;
    hy_buf_deinit(&b);
    if (is_long && h->path) shorten(h);
    return h;
}

void hy_history_close(hy_history_t *h) {
    if (!h) return;
    forget(h);
    hy_str_unref(h->path);
    hy_free(h);
}

void hy_history_add(hy_history_t *h, const char *text, size_t len) {
    hy_buf_t b;
    if (!add(h, text, len) || !h->path) return;
    int fd = open_locked(h->path->bytes, LOCK_SH);
    if (fd < 0) return;
    hy_buf_init(&b);
    write_entry(&b, text, len);
    if (!b.failed) write_all(fd, &b);
    hy_buf_deinit(&b);
    close(fd);
}
