/* Files that are looked at: every way of saving one is noticed, once, and nothing else is. Real
 * time is only ever waited for, never measured against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "limits.h"
#include "loop/files.h"

#define SILENCE_MS  (4 * HY_FILES_QUIET_MS) /* in which nothing came, that should not come */
#define PATIENCE_MS 20000

typedef struct {
    int64_t blocks_before;
    char folder[64], text[512];
    hy_loop_t *loop;
    hy_files_t *files;
    hy_timer_t timer;
    int calls, wanted;
    bool closes;
} watch_t;

static const char *in(watch_t *w, const char *name) {
    static char paths[4][160];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", w->folder, name);
    return path;
}

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void on_changed(void *arg, const char *path) {
    watch_t *w = arg;
    w->calls++;
    snprintf(w->text + strlen(w->text), sizeof w->text - strlen(w->text), "%s ",
             strrchr(path, '/') + 1);
    if (w->closes) {
        hy_files_close(w->files);
        w->files = NULL;
    }
    if (w->calls == w->wanted) hy_loop_stop(w->loop);
}

static void on_time(void *arg) {
    hy_loop_stop(((watch_t *)arg)->loop);
}

static void run(watch_t *w, uint64_t ms) {
    hy_timer_init(&w->timer, on_time, w);
    assert_int_equal(hy_timer_start(hy_loop_clock(w->loop), &w->timer, ms), 0);
    hy_loop_run(w->loop);
    hy_timer_stop(hy_loop_clock(w->loop), &w->timer);
}

/* What was told since the last call, when so many had come. */
static const char *heard(watch_t *w, int wanted) {
    static char text[sizeof w->text];
    w->wanted = w->calls + wanted;
    if (wanted > 0) run(w, PATIENCE_MS);
    w->wanted = -1;
    run(w, SILENCE_MS);
    strcpy(text, w->text);
    w->text[0] = '\0';
    return text;
}

static int setup(void **state) {
    static watch_t w;
    w = (watch_t){.blocks_before = hy_mem_blocks(), .wanted = -1};
    strcpy(w.folder, "/tmp/hyperty_files_XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    assert_int_equal(hy_loop_open(&w.loop), 0);
    assert_int_equal(hy_files_open(w.loop, on_changed, &w, &w.files), 0);
    *state = &w;
    return 0;
}

static void remove_all(const char *folder) {
    char path[512];
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (unlink(path) != 0) remove_all(path);
    }
    if (d) closedir(d);
    rmdir(folder);
}

static int teardown(void **state) {
    watch_t *w = *state;
    hy_files_close(w->files);
    hy_loop_close(w->loop);
    remove_all(w->folder);
    assert_int_equal(hy_mem_blocks(), w->blocks_before);
    return 0;
}

static void a_file_that_is_written_over_is_told_once(void **state) {
    watch_t *w = *state;
    write_file(in(w, "a.lua"), "one");
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0);
    assert_string_equal(heard(w, 0), "");
    write_file(in(w, "a.lua"), "first");
    write_file(in(w, "a.lua"), "second");
    assert_string_equal(heard(w, 1), "a.lua ");
    write_file(in(w, "a.lua"), "the third");
    assert_string_equal(heard(w, 1), "a.lua ");
}

static void a_file_that_is_replaced_by_renaming_is_told(void **state) {
    watch_t *w = *state;
    write_file(in(w, "a.lua"), "one");
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0);
    for (int i = 0; i < 3; i++) { /* and is looked at ever after */
        write_file(in(w, "a.lua.new"), "two");
        assert_int_equal(rename(in(w, "a.lua.new"), in(w, "a.lua")), 0);
        assert_string_equal(heard(w, 1), "a.lua ");
    }
}

static void a_file_that_was_moved_away_and_written_anew_is_told(void **state) {
    watch_t *w = *state;
    write_file(in(w, "a.lua"), "one");
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0);
    assert_int_equal(rename(in(w, "a.lua"), in(w, "a.lua~")), 0);
    assert_string_equal(heard(w, 0), ""); /* that it is away says nothing */
    write_file(in(w, "a.lua"), "two");
    assert_string_equal(heard(w, 1), "a.lua ");
}

static void a_file_that_comes_later_is_told(void **state) {
    watch_t *w = *state;
    assert_int_equal(hy_files_add(w->files, in(w, "later.lua")), 0);
    write_file(in(w, "later.lua"), "here");
    assert_string_equal(heard(w, 1), "later.lua ");
}

static void a_file_in_a_folder_that_comes_later_is_told(void **state) {
    watch_t *w = *state;
    assert_int_equal(hy_files_add(w->files, in(w, "inner/init.lua")), 0);
    assert_int_equal(mkdir(in(w, "inner"), 0700), 0);
    write_file(in(w, "inner/init.lua"), "here");
    assert_string_equal(heard(w, 1), "init.lua ");
}

static void a_folder_that_is_replaced_is_looked_at_again(void **state) {
    watch_t *w = *state;
    assert_int_equal(mkdir(in(w, "code"), 0700), 0);
    write_file(in(w, "code/a.lua"), "one");
    assert_int_equal(hy_files_add(w->files, in(w, "code/a.lua")), 0);
    assert_int_equal(rename(in(w, "code"), in(w, "old")), 0);
    assert_int_equal(mkdir(in(w, "code"), 0700), 0);
    write_file(in(w, "code/a.lua"), "two");
    write_file(in(w, "old/b.lua"), "an event of the folder of before");
    assert_string_equal(heard(w, 1), "a.lua ");
    write_file(in(w, "code/a.lua"), "three");
    assert_string_equal(heard(w, 1), "a.lua ");
}

static void other_files_of_the_folder_and_a_look_say_nothing(void **state) {
    watch_t *w = *state;
    char text[8];
    write_file(in(w, "a.lua"), "one");
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0);
    write_file(in(w, "b.lua"), "one");
    write_file(in(w, ".a.lua.swp"), "one");
    FILE *f = fopen(in(w, "a.lua"), "r");
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_int_equal(chmod(in(w, "a.lua"), 0600), 0);
    assert_string_equal(heard(w, 0), "");
}

static void several_files_are_told_in_the_order_in_which_they_came(void **state) {
    watch_t *w = *state;
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0);
    assert_int_equal(hy_files_add(w->files, in(w, "b.lua")), 0);
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0); /* again */
    write_file(in(w, "b.lua"), "one");
    write_file(in(w, "a.lua"), "one");
    assert_string_equal(heard(w, 2), "a.lua b.lua ");
}

static void adding_again_takes_the_file_as_it_is_now(void **state) {
    watch_t *w = *state;
    write_file(in(w, "a.lua"), "one");
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0);
    write_file(in(w, "a.lua"), "one and two");
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0);
    assert_string_equal(heard(w, 0), "");
}

static void who_is_told_may_close(void **state) {
    watch_t *w = *state;
    w->closes = true;
    assert_int_equal(hy_files_add(w->files, in(w, "a.lua")), 0);
    assert_int_equal(hy_files_add(w->files, in(w, "b.lua")), 0);
    write_file(in(w, "a.lua"), "one");
    write_file(in(w, "b.lua"), "one");
    assert_string_equal(heard(w, 1), "a.lua ");
    assert_null(w->files);
}

static void how_many_it_looks_at_is_bounded(void **state) {
    watch_t *w = *state;
    char name[32];
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i <= HY_FILES_MAX; i++) {
        snprintf(name, sizeof name, "%u.lua", i);
        rc = hy_files_add(w->files, in(w, name));
    }
    assert_int_equal(rc, HY_EFULL);
    assert_int_equal(hy_files_add(w->files, in(w, "0.lua")), 0);
}

static void nothing_is_owed_when_memory_runs_out(void **state) {
    watch_t *w = *state;
    int rc = HY_ENOMEM, steps = 0;
    for (; rc == HY_ENOMEM; steps++) {
        hy_mem_fail_after(steps);
        rc = hy_files_add(w->files, in(w, "a.lua"));
        hy_mem_fail_after(-1);
    }
    assert_int_equal(rc, 0);
    assert_true(steps > 3);
    write_file(in(w, "a.lua"), "one");
    assert_string_equal(heard(w, 1), "a.lua ");
    hy_files_t *none = NULL;
    hy_mem_fail_after(0);
    assert_int_equal(hy_files_open(w->loop, on_changed, w, &none), HY_ENOMEM);
    hy_mem_fail_after(-1);
    assert_null(none);
    hy_files_close(NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_is_written_over_is_told_once),
        TEST(a_file_that_is_replaced_by_renaming_is_told),
        TEST(a_file_that_was_moved_away_and_written_anew_is_told),
        TEST(a_file_that_comes_later_is_told),
        TEST(a_file_in_a_folder_that_comes_later_is_told),
        TEST(a_folder_that_is_replaced_is_looked_at_again),
        TEST(other_files_of_the_folder_and_a_look_say_nothing),
        TEST(several_files_are_told_in_the_order_in_which_they_came),
        TEST(adding_again_takes_the_file_as_it_is_now),
        TEST(who_is_told_may_close),
        TEST(how_many_it_looks_at_is_bounded),
        TEST(nothing_is_owed_when_memory_runs_out),
    };
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
