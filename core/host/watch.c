/* Reloading what was edited. Which files there are an instance tells when it is about to read one;
 * one that cannot be reloaded just now, since it starts or is being reloaded, is so afterwards.
 *
 * Owns the look at the files; its host knows it, so that what calls back later finds out whether it
 * is still there. */
#include "watch.h"

#include "../base/mem.h"
#include "../loop/files.h"
#include "internal.h"

typedef struct {
    hy_str_t *key; /* path */
} shared_t;

struct hy_watch {
    hy_host_t *host;
    hy_files_t *files;
    hy_dict_t shared;
    hy_timer_t again; /* for those that could not be reloaded */
};

static void reload(hy_watch_t *w, hy_instance_t *i);

/* The first line says what and where; there may be a traceback. */
static void say_failed(hy_instance_t *i, const char *text) {
    hy_error_t line;
    hy_fail(&line, 0, "%.*s", (int)strcspn(text, "\n"), text);
    hy__instance_log(i, HY_LOG_ERROR, "not reloaded", line.text);
}

static void on_reloaded(void *host, int code, const char *desc, hy_instance_t *i) {
    const hy_host_t *h = host;
    if (!i) return;                         /* unloaded meanwhile */
    if (code == HY_ECONFLICT && h->watch) { /* it hands an object over just now */
        i->is_outdated = true;
        hy_timer_start(hy__host_clock(h), &h->watch->again, HY_FILES_RETRY_MS);
        return;
    }
    if (code < 0) {
        say_failed(i, desc);
    } else {
        hy_log(h->config.log, HY_LOG_INFO, i->name->bytes, "reloaded");
    }
    if (h->watch && i->is_outdated) reload(h->watch, i);
}

static void reload(hy_watch_t *w, hy_instance_t *i) {
    hy_error_t err = {.text = ""};
    int rc = hy_host_reload(w->host, i->name->bytes, on_reloaded, w->host, &err);
    i->is_outdated = rc == HY_ECONFLICT;
    if (rc < 0 && !i->is_outdated) say_failed(i, err.text);
    if (i->is_outdated && !i->reload && !i->is_leaving)
        hy_timer_start(hy__host_clock(w->host), &w->again, HY_FILES_QUIET_MS);
}

static void on_again(void *arg) {
    hy_watch_t *w = arg;
    for (hy_instance_t *i = hy_host_next_instance(w->host, NULL); i;
         i = hy_host_next_instance(w->host, i)) {
        if (i->is_outdated && !i->reload) reload(w, i);
    }
}

static void on_changed(void *arg, const char *path) {
    hy_watch_t *w = arg;
    size_t len = strlen(path);
    bool is_shared = hy_dict_find(&w->shared, path, len, hy_hash(path, len));
    for (hy_instance_t *i = hy_host_next_instance(w->host, NULL); i;
         i = hy_host_next_instance(w->host, i)) {
        if (i->has_file && (is_shared || hy_instance_uses(i, path))) reload(w, i);
    }
}

static void add(hy_watch_t *w, const char *path) {
    int rc = hy_files_add(w->files, path);
    if (rc < 0) {
        hy_log(w->host->config.log, HY_LOG_WARN, "watch", "%s: not looked at: %s", path,
               hy_error_text(rc));
    }
}

void hy_watch_shared(hy_watch_t *w, const char *path) {
    hy_str_t *key = hy_str_from(path);
    if (key && hy_dict_put(&w->shared, key, NULL)) add(w, path);
    hy_str_unref(key);
}

void hy__watch_add(hy_host_t *h, const char *path) {
    if (h->watch) add(h->watch, path);
}

int hy_watch_open(hy_host_t *h, hy_loop_t *loop, hy_watch_t **out) {
    hy_watch_t *w = hy_alloc(sizeof *w);
    const char *path;
    if (!w) return HY_ENOMEM;
    *w = (hy_watch_t){.host = h};
    hy_dict_init(&w->shared, sizeof(shared_t));
    hy_timer_init(&w->again, on_again, w);
    int rc = hy_files_open(loop, on_changed, w, &w->files);
    if (rc < 0) {
        hy_free(w);
        return rc;
    }
    for (hy_instance_t *i = hy_host_next_instance(h, NULL); i; i = hy_host_next_instance(h, i)) {
        for (uint32_t at = 0; (path = hy_instance_file(i, at)); at++) {
            add(w, path);
        }
    }
    *out = h->watch = w;
    return 0;
}

void hy_watch_close(hy_watch_t *w) {
    if (!w) return;
    w->host->watch = NULL;
    hy_timer_stop(hy__host_clock(w->host), &w->again);
    hy_files_close(w->files);
    hy_dict_deinit(&w->shared);
    hy_free(w);
}
