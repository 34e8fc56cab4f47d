/* For specs of stores in files: a folder of its own for each test, and the loop to run. */
#ifndef SPEC_STORE_FILES_H
#define SPEC_STORE_FILES_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/loop.h"
#include "store/sqlite.h"
#include "support.h"

static char folder[64];

/* Lent until the fourth next call. */
static inline const char *path_of(const char *name) {
    static char paths[4][512];
    static int turn_of;
    char *path = paths[turn_of++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int begin_with_folder(void **state) {
    snprintf(folder, sizeof folder, "%s", "/tmp/hyperty-store-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    return begin(state);
}

static int end_with_folder(void **state) {
    chmod(folder, 0700);
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.') unlink(path_of(e->d_name));
    closedir(dir);
    rmdir(folder);
    return end(state);
}

#define TEST_IN_FOLDER(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, begin_with_folder, end_with_folder)

/* On the world's clock, so without a thread. */
static inline hy_store_t *open_file(world_t *w, const char *name) {
    hy_store_t *s = NULL;
    hy_error_t err = {.text = ""};
    int code = hy_store_open_sqlite_on(&w->clock, &w->log, path_of(name), NULL, 0, &s, &err);
    if (code) print_error("%s\n", err.text);
    assert_int_equal(code, 0);
    return s;
}

static inline void assert_refused(world_t *w, const char *name, int code, const char *words) {
    hy_store_t *s = NULL;
    hy_error_t err = {.text = ""};
    int got = hy_store_open_sqlite_on(&w->clock, &w->log, path_of(name), NULL, 0, &s, &err);
    if (got != code || !strstr(err.text, words)) print_error("%d: %s\n", got, err.text);
    assert_int_equal(got, code);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.text, words));
    assert_non_null(strstr(err.text, name));
    assert_null(s);
}

static inline void write_file(const char *name, const char *bytes, size_t len) {
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static inline bool is_there(const char *name) {
    return access(path_of(name), F_OK) == 0;
}

#endif
