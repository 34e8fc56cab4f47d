/* Looking at files through events of their folders (libuv: inotify). A folder embeds its libuv
 * handle, so its memory goes in the handle's close callback.
 *
 * What an event says is not believed: names may be missing, and a save is several events. It only
 * starts a short pause; after it all files of folders that had events are compared with what they
 * were. A folder that is not there, or was replaced, is tried again now and then. */
#include "files.h"

#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "../base/error.h"
#include "../base/list.h"
#include "../base/mem.h"
#include "../base/str.h"
#include "../limits.h"

/* What tells one content from another. */
typedef struct {
    bool is_there;
    dev_t device;
    ino_t number;
    off_t size;
    struct timespec time;
} print_t;

typedef struct {
    uv_fs_event_t uv; /* first: libuv hands this back */
    hy_link_t link;
    hy_files_t *files; /* NULL: closing */
    hy_str_t *path;
    print_t print; /* of the folder that is listened to */
    bool is_open, has_events;
} folder_t;

typedef struct {
    hy_link_t link;
    folder_t *folder;
    hy_str_t *path;
    print_t print;
    bool has_changed; /* to be told */
} file_t;

struct hy_files {
    hy_loop_t *loop;
    hy_files_cb changed;
    void *arg;
    hy_link_t folders, files;
    uint32_t folder_count, file_count;
    hy_timer_t quiet, retry;
    uint64_t first_ms; /* of the events that wait */
    bool *was_closed;  /* while it tells */
};

/* --- prints ----------------------------------------------------------------------------------- */

static print_t print_of(const char *path) {
    struct stat s;
    if (stat(path, &s) != 0) return (print_t){.is_there = false};
    return (print_t){.is_there = true,
                     .device = s.st_dev,
                     .number = s.st_ino,
                     .size = s.st_size,
                     .time = s.st_mtim};
}

static bool is_same_file(const print_t *a, const print_t *b) {
    return a->is_there == b->is_there && a->device == b->device && a->number == b->number;
}

static bool is_same(const print_t *a, const print_t *b) {
    return is_same_file(a, b) && a->size == b->size && a->time.tv_sec == b->time.tv_sec &&
           a->time.tv_nsec == b->time.tv_nsec;
}

/* --- folders ---------------------------------------------------------------------------------- */

static hy_clock_t *clock_of(const hy_files_t *f) {
    return hy_loop_clock(f->loop);
}

/* Without memory for a timer the next event tries again. */
static void wait_for_quiet(hy_files_t *f) {
    uint64_t now_ms = hy_clock_now(clock_of(f));
    if (!hy_timer_is_started(&f->quiet)) f->first_ms = now_ms;
    if (now_ms - f->first_ms >= HY_FILES_QUIET_MAX_MS) return; /* it has been put off enough */
    hy_timer_start(clock_of(f), &f->quiet, HY_FILES_QUIET_MS);
}

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status) {
    folder_t *d = (folder_t *)uv;
    (void)name;
    (void)events;
    (void)status;
    d->has_events = true;
    wait_for_quiet(d->files);
}

/* Listens to what is at that path now; if that cannot be, later. */
static void listen_to(folder_t *d) {
    hy_files_t *f = d->files;
    uv_fs_event_stop(&d->uv);
    d->print = print_of(d->path->bytes);
    d->is_open = d->print.is_there && uv_fs_event_start(&d->uv, on_event, d->path->bytes, 0) == 0;
    if (!d->is_open && !hy_timer_is_started(&f->retry))
        hy_timer_start(clock_of(f), &f->retry, HY_FILES_RETRY_MS);
}

/* It was moved or made anew meanwhile: the old one's events mean nothing. */
static void check_folder(folder_t *d) {
    print_t now = print_of(d->path->bytes);
    if (d->is_open && is_same_file(&now, &d->print)) return;
    listen_to(d);
    d->has_events = true; /* what happened before is not told by anybody */
}

static void on_folder_closed(uv_handle_t *uv) {
    folder_t *d = (folder_t *)uv;
    hy_str_unref(d->path);
    hy_free(d);
}

static int add_folder(hy_files_t *f, hy_str_t *path, folder_t **out) {
    for (hy_link_t *l = f->folders.next; l != &f->folders; l = l->next) {
        folder_t *d = hy_link_owner(l, folder_t, link);
        if (!hy_str_equal(d->path, path)) continue;
        *out = d;
        return 0;
    }
    if (f->folder_count == HY_FILES_FOLDERS_MAX) return HY_EFULL;
    folder_t *d = hy_alloc_zero(sizeof *d);
    if (!d) return HY_ENOMEM;
    int rc = uv_fs_event_init(hy_loop_uv(f->loop), &d->uv);
    if (rc < 0) {
        hy_free(d);
        return rc;
    }
    d->files = f;
    d->path = hy_str_ref(path);
    hy_list_append(&f->folders, &d->link);
    f->folder_count++;
    listen_to(d);
    *out = d;
    return 0;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void compare(hy_files_t *f) {
    for (hy_link_t *l = f->files.next; l != &f->files; l = l->next) {
        file_t *file = hy_link_owner(l, file_t, link);
        if (!file->folder->has_events) continue;
        print_t now = print_of(file->path->bytes);
        if (!now.is_there || is_same(&now, &file->print)) continue; /* away: it may come back */
        file->print = now;
        file->has_changed = true;
    }
    for (hy_link_t *l = f->folders.next; l != &f->folders; l = l->next) {
        hy_link_owner(l, folder_t, link)->has_events = false;
    }
}

/* A callback may add files, behind the one that it is told of, and close all. */
static void tell(hy_files_t *f) {
    bool was_closed = false;
    f->was_closed = &was_closed;
    for (hy_link_t *l = f->files.next; l != &f->files; l = l->next) {
        file_t *file = hy_link_owner(l, file_t, link);
        if (!file->has_changed) continue;
        file->has_changed = false;
        f->changed(f->arg, file->path->bytes);
        if (was_closed) return;
    }
    f->was_closed = NULL;
}

static void on_quiet(void *arg) {
    hy_files_t *f = arg;
    for (hy_link_t *l = f->folders.next; l != &f->folders; l = l->next) {
        folder_t *d = hy_link_owner(l, folder_t, link);
        if (d->has_events) check_folder(d);
    }
    compare(f);
    tell(f);
}

static void on_retry(void *arg) {
    hy_files_t *f = arg;
    bool is_any = false;
    for (hy_link_t *l = f->folders.next; l != &f->folders; l = l->next) {
        folder_t *d = hy_link_owner(l, folder_t, link);
        if (d->is_open) continue;
        check_folder(d);
        is_any |= d->is_open;
    }
    if (!is_any) return;
    compare(f);
    tell(f);
}

/* --- life ------------------------------------------------------------------------------------- */

int hy_files_open(hy_loop_t *loop, hy_files_cb changed, void *arg, hy_files_t **out) {
    hy_files_t *f = hy_alloc(sizeof *f);
    if (!f) return HY_ENOMEM;
    *f = (hy_files_t){.loop = loop, .changed = changed, .arg = arg};
    hy_link_init(&f->folders);
    hy_link_init(&f->files);
    hy_timer_init(&f->quiet, on_quiet, f);
    hy_timer_init(&f->retry, on_retry, f);
    *out = f;
    return 0;
}

static file_t *find(const hy_files_t *f, const char *path) {
    for (hy_link_t *l = f->files.next; l != &f->files; l = l->next) {
        file_t *file = hy_link_owner(l, file_t, link);
        if (strcmp(file->path->bytes, path) == 0) return file;
    }
    return NULL;
}

static hy_str_t *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return hy_str_from(".");
    return slash == path ? hy_str_from("/") : hy_str_new(path, (size_t)(slash - path));
}

int hy_files_add(hy_files_t *f, const char *path) {
    file_t *file = find(f, path);
    if (file) {
        file->print = print_of(path);
        file->has_changed = false;
        return 0;
    }
    if (f->file_count == HY_FILES_MAX) return HY_EFULL;
    file = hy_alloc_zero(sizeof *file);
    hy_str_t *folder = folder_of(path);
    int rc = file && folder ? 0 : HY_ENOMEM;
    if (rc == 0) file->path = hy_str_from(path);
    if (rc == 0 && !file->path) rc = HY_ENOMEM;
    if (rc == 0) rc = add_folder(f, folder, &file->folder);
    hy_str_unref(folder);
    if (rc < 0) {
        if (file) hy_str_unref(file->path);
        hy_free(file);
        return rc;
    }
    file->print = print_of(path);
    hy_list_append(&f->files, &file->link);
    f->file_count++;
    return 0;
}

void hy_files_close(hy_files_t *f) {
    if (!f) return;
    if (f->was_closed) *f->was_closed = true;
    hy_timer_stop(clock_of(f), &f->quiet);
    hy_timer_stop(clock_of(f), &f->retry);
    while (!hy_list_is_empty(&f->files)) {
        file_t *file = hy_link_owner(f->files.next, file_t, link);
        hy_list_remove(&file->link);
        hy_str_unref(file->path);
        hy_free(file);
    }
    while (!hy_list_is_empty(&f->folders)) {
        folder_t *d = hy_link_owner(f->folders.next, folder_t, link);
        hy_list_remove(&d->link);
        d->files = NULL;
        uv_close((uv_handle_t *)&d->uv, on_folder_closed);
    }
    hy_free(f);
}
