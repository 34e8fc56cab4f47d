/* The host: finding and loading hyperties, the list of instances, and the work that was put off.
 *
 * What a script causes while it runs (a spawned task, unloading itself) is queued here and done by
 * hy_host_turn, from outside of all Lua. The host owns its instances; the manager, the clock and
 * the log are its owner's. */
#include "internal.h"

#include "../base/mem.h"
#include "../base/similar.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

typedef struct {
    hy_str_t *key; /* name or URL */
    hy_instance_t *instance;
} entry_t;

/* --- life ------------------------------------------------------------------------------------- */

static char *copy_text(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = hy_alloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

static void free_texts(const char **texts, uint32_t count) {
    for (uint32_t i = 0; texts && i < count; i++) {
        hy_free((void *)texts[i]);
    }
    hy_free(texts);
}

/* In place: on failure the list is NULL. */
static int copy_texts(const char ***list, uint32_t count) {
    const char **texts = hy_alloc_zero((count + 1) * sizeof *texts);
    int rc = texts ? 0 : HY_ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        texts[i] = copy_text((*list)[i]);
        if (!texts[i]) rc = HY_ENOMEM;
    }
    if (rc < 0) free_texts(texts, count);
    *list = rc == 0 ? texts : NULL;
    return rc;
}

int hy_host_new(const hy_host_config_t *config, hy_host_t **out) {
    hy_host_t *h = hy_alloc(sizeof *h);
    if (!h) return HY_ENOMEM;
    *h = (hy_host_t){.config = *config};
    hy_link_init(&h->instances);
    hy_link_init(&h->ready);
    hy_link_init(&h->reloads);
    hy_link_init(&h->leaving);
    hy_link_init(&h->troubled);
    hy_dict_init(&h->names, sizeof(entry_t));
    hy_dict_init(&h->urls, sizeof(entry_t));
    int rc = copy_texts(&h->config.paths, config->path_count);
    int trusted_rc = copy_texts(&h->config.trusted, config->trusted_count);
    if (rc == 0) rc = trusted_rc;
    h->config.user = config->user && rc == 0 ? copy_text(config->user) : NULL;
    if (config->user && !h->config.user) rc = HY_ENOMEM;
    if (rc == 0) rc = hy__budget_open(&config->budget);
    h->has_budget = rc == 0;
    if (rc < 0) {
        hy_host_free(h);
        return rc;
    }
    *out = h;
    return 0;
}

void hy_host_free(hy_host_t *h) {
    while (!hy_list_is_empty(&h->instances)) {
        hy__instance_close(hy_link_owner(h->instances.next, hy_instance_t, link));
    }
    assert(hy_list_is_empty(&h->ready) && h->names.count == 0 && h->urls.count == 0);
    hy_dict_deinit(&h->names);
    hy_dict_deinit(&h->urls);
    if (h->has_budget) hy__budget_close(&h->config.budget);
    free_texts(h->config.paths, h->config.path_count);
    free_texts(h->config.trusted, h->config.trusted_count);
    hy_free((void *)h->config.user);
    hy_free(h);
}

void hy_host_crash(hy_host_t *h) {
    h->is_crashing = true;
    hy_host_free(h);
}

void hy__host_wake(hy_host_t *h) {
    if (h->config.wake) h->config.wake(h->config.wake_arg);
}

hy_bus_t *hy__host_bus(const hy_host_t *h) {
    return hy_manager_bus(h->config.manager);
}
hy_clock_t *hy__host_clock(const hy_host_t *h) {
    return hy_bus_clock(hy__host_bus(h));
}

/* What is left of `late`, of instances whose turn is over, comes before what was queued since. */
static void run_ready(hy_host_t *h) {
    hy_link_t ready, late;
    hy_link_init(&late);
    hy_list_take(&h->ready, &ready);
    while (!hy_list_is_empty(&ready)) {
        hy_task_t *t = hy_link_owner(ready.next, hy_task_t, ready);
        hy_list_remove(&t->ready);
        if (!hy__task_turn(t)) hy_list_append(&late, &t->ready);
    }
    while (!hy_list_is_empty(&h->ready)) {
        hy_link_t *link = h->ready.next;
        hy_list_remove(link);
        hy_list_append(&late, link);
    }
    hy_list_take(&late, &h->ready);
}

bool hy_host_turn(hy_host_t *h) {
    hy_link_t leaving;
    h->turn++;
    run_ready(h);
    hy__supervisor_turn(h);
    hy__reload_turn(h);
    hy_list_take(&h->leaving, &leaving);
    while (!hy_list_is_empty(&leaving)) {
        hy__instance_close(hy_link_owner(leaving.next, hy_instance_t, leaving));
    }
    return !hy_list_is_empty(&h->ready) || !hy_list_is_empty(&h->reloads) ||
           !hy_list_is_empty(&h->troubled) || !hy_list_is_empty(&h->leaving);
}

/* --- finding ---------------------------------------------------------------------------------- */

static bool is_kind(const char *path, mode_t kind) {
    struct stat s;
    return stat(path, &s) == 0 && (s.st_mode & S_IFMT) == kind;
}

static bool is_path(const char *name) {
    size_t len = strlen(name);
    return strchr(name, '/') || (len > 4 && strcmp(name + len - 4, ".lua") == 0);
}

static int find_path(const char *name, char *path, size_t room, hy_error_t *err) {
    const char *inner = is_kind(name, S_IFDIR) ? "/init.lua" : "";
    int len = snprintf(path, room, "%s%s", name, inner);
    if (len > 0 && (size_t)len < room && is_kind(path, S_IFREG)) return 0;
    return hy_fail(err, HY_ENOT_FOUND, "there is no file %s%s", name, inner);
}

/* The name of the hyperty that an entry of a folder is, into `out`; false if it is none. */
static bool entry_name(const char *folder, const char *entry, char out[HY_SIMILAR_BYTES_MAX + 1]) {
    char path[HY_PATH_BYTES_MAX];
    size_t len = strlen(entry);
    bool is_file = len > 4 && strcmp(entry + len - 4, ".lua") == 0;
    size_t name_len = is_file ? len - 4 : len;
    if (entry[0] == '.' || name_len > HY_SIMILAR_BYTES_MAX) return false;
    int room = snprintf(path, sizeof path, "%s/%s%s", folder, entry, is_file ? "" : "/init.lua");
    if (room < 0 || (size_t)room >= sizeof path || !is_kind(path, S_IFREG)) return false;
    memcpy(out, entry, name_len);
    out[name_len] = '\0';
    return true;
}

/* Offers the hyperties on the path. */
static void find_similar(const hy_host_t *h, hy_similar_t *similar) {
    for (uint32_t i = 0; i < h->config.path_count; i++) {
        char found[HY_SIMILAR_BYTES_MAX + 1];
        DIR *folder = opendir(h->config.paths[i]);
        const struct dirent *entry;
        while (folder && (entry = readdir(folder)) != NULL) {
            if (entry_name(h->config.paths[i], entry->d_name, found))
                hy_similar_offer(similar, found);
        }
        if (folder) closedir(folder);
    }
}

static int fail_name(const hy_host_t *h, const char *name, hy_error_t *err) {
    hy_similar_t similar;
    hy_similar_init(&similar, name);
    find_similar(h, &similar);
    const char *best = hy_similar_best(&similar);
    hy_buf_t folders;
    hy_buf_init(&folders);
    for (uint32_t i = 0; i < h->config.path_count; i++) {
        hy_buf_text(&folders, i > 0 ? ", " : " in ");
        hy_buf_text(&folders, h->config.paths[i]);
    }
    hy_fail(err, HY_ENOT_FOUND,
            "there is no hyperty \"%s\"%s%s%s; looked for %s.lua and %s/init.lua%.*s", name,
            best ? " (did you mean \"" : "", best ? best : "", best ? "\"?)" : "", name, name,
            folders.len > 0 ? (int)folders.len : 0, folders.len > 0 ? folders.bytes : "");
    hy_buf_deinit(&folders);
    return HY_ENOT_FOUND;
}

static int find_name(const hy_host_t *h, const char *name, char *path, size_t room,
                     hy_error_t *err) {
    for (uint32_t i = 0; i < h->config.path_count; i++) {
        for (int form = 0; form < 2; form++) {
            const char *ending = form == 0 ? ".lua" : "/init.lua";
            int len = snprintf(path, room, "%s/%s%s", h->config.paths[i], name, ending);
            if (len > 0 && (size_t)len < room && is_kind(path, S_IFREG)) return 0;
        }
    }
    return fail_name(h, name, err);
}

int hy_host_find(const hy_host_t *h, const char *name, char *path, size_t room, hy_error_t *err) {
    if (!*name) return hy_fail(err, HY_EINVALID, "a hyperty needs a name");
    return is_path(name) ? find_path(name, path, room, err) : find_name(h, name, path, room, err);
}

hy_instance_t *hy_host_next_instance(const hy_host_t *h, const hy_instance_t *after) {
    const hy_link_t *next = after ? after->link.next : h->instances.next;
    return next == &h->instances ? NULL : hy_link_owner(next, hy_instance_t, link);
}

hy_instance_t *hy_host_find_instance(const hy_host_t *h, const char *name_or_url) {
    size_t len = strlen(name_or_url);
    const entry_t *e = hy_dict_find(&h->names, name_or_url, len, 0);
    if (!e) e = hy_dict_find(&h->urls, name_or_url, len, 0);
    return e ? e->instance : NULL;
}

static int add(hy_dict_t *d, hy_str_t *key, hy_instance_t *i) {
    entry_t *e = hy_dict_put(d, key, NULL);
    if (!e) return HY_ENOMEM;
    if (e->instance) return HY_ECONFLICT;
    e->instance = i;
    return 0;
}

static void take_out(hy_dict_t *d, hy_str_t *key, const hy_instance_t *i) {
    entry_t *e = key ? hy_dict_get(d, key) : NULL;
    if (e && e->instance == i) hy_dict_remove(d, e);
}

int hy__host_add_name(hy_host_t *h, hy_instance_t *i) {
    int rc = add(&h->names, i->name, i);
    if (rc == 0) hy_list_append(&h->instances, &i->link);
    return rc;
}

int hy__host_add_url(hy_host_t *h, hy_instance_t *i) {
    return add(&h->urls, i->url, i);
}

void hy__host_forget(hy_host_t *h, hy_instance_t *i) {
    take_out(&h->names, i->name, i);
    take_out(&h->urls, i->url, i);
    hy_list_remove(&i->link);
    hy_list_remove(&i->leaving);
}

void hy__host_replace(hy_host_t *h, hy_instance_t *i, hy_instance_t *heir) {
    entry_t *name = hy_dict_get(&h->names, i->name), *url = hy_dict_get(&h->urls, i->url);
    assert(name && url && name->instance == i && url->instance == i);
    name->instance = url->instance = heir;
    hy_list_append(i->link.next, &heir->link); /* before the one after it */
    hy_list_remove(&i->link);
}

/* --- loading ---------------------------------------------------------------------------------- */

typedef struct {
    const char *file;   /* or the name of the chunk */
    const char *source; /* NULL: the file */
    size_t len;
    bool is_compiled, is_prompt, is_trusted;
} script_t;

static bool is_same_file(const char *a, const char *b) {
    struct stat s, t;
    return stat(a, &s) == 0 && stat(b, &t) == 0 && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

/* Whether what was asked for by `name`, and is found at `path`, is in the host's list: a name of
 * the list stands for what is found by it, a file for that file by whatever name. */
static bool is_trusted(const hy_host_t *h, const char *name, const char *path) {
    for (uint32_t i = 0; i < h->config.trusted_count; i++) {
        const char *trusted = h->config.trusted[i];
        if (is_path(trusted) ? is_same_file(trusted, path) : strcmp(trusted, name) == 0)
            return true;
    }
    return false;
}

static int check_config(const char *file, hy_value_t config, hy_error_t *err) {
    hy_address_t address;
    if (config.kind == HY_ABSENT) return 0;
    if (config.kind != HY_OBJECT) {
        return hy_fail(err, HY_EINVALID, "%s: its config must be a table with names", file);
    }
    hy_value_t as = hy_get(config.as.n, "as"), user = hy_get(config.as.n, "user");
    hy_value_t trusted = hy_get(config.as.n, "trusted");
    bool has_name = as.kind == HY_STR && as.as.s->len > 0 && as.as.s->len <= HY_NAME_BYTES_MAX &&
                    strlen(as.as.s->bytes) == as.as.s->len;
    if (as.kind != HY_ABSENT && !has_name) {
        return hy_fail(err, HY_EINVALID, "%s: config.as must be a text of 1 to %u bytes", file,
                       HY_NAME_BYTES_MAX);
    }
    if (trusted.kind != HY_ABSENT && trusted.kind != HY_BOOL) {
        return hy_fail(err, HY_EINVALID, "%s: config.trusted must be true or false", file);
    }
    if (user.kind != HY_ABSENT &&
        (user.kind != HY_STR || strncmp(user.as.s->bytes, "user://", 7) != 0 ||
         hy_address_parse(user.as.s->bytes, user.as.s->len, &address, NULL) < 0)) {
        return hy_fail(err, HY_EINVALID,
                       "%s: config.user must be a user URL, such as user://localhost/bob", file);
    }
    return 0;
}

/* An instance with its script loaded, not started. */
static int load(hy_host_t *h, const script_t *script, hy_value_t config, hy_instance_t **out,
                hy_error_t *err) {
    int rc = check_config(script->file, config, err);
    if (rc < 0) {
        hy_value_drop(config);
        return rc;
    }
    hy_instance_t *i = NULL;
    rc = hy__instance_new(h, script->file, config, &i);
    if (rc < 0) return hy_fail(err, rc, "%s: %s", script->file, hy_error_text(rc));
    const hy_node_t *given = i->config.kind == HY_OBJECT ? i->config.as.n : NULL;
    i->is_trusted = script->is_trusted || hy_get_bool(given, "trusted", false);
    i->is_prompt = script->is_prompt;
    if (i->is_prompt && i->budget.run_ms > 0 && i->budget.run_ms < HY_PROMPT_RUN_MS) {
        i->budget.run_ms = HY_PROMPT_RUN_MS;
    }
    i->has_file = !script->source;
    rc = i->has_file ? hy__instance_reads(i, script->file) : 0;
    if (rc < 0) hy_fail(err, rc, "%s: %s", script->file, hy_error_text(rc));
    if (rc == 0) rc = hy__state_open(i, err);
    if (rc == 0) rc = hy__state_load(i, script->source, script->len, script->is_compiled, err);
    if (rc < 0) {
        hy__instance_close(i);
        return rc;
    }
    *out = i;
    return 0;
}

static int load_and_start(hy_host_t *h, const script_t *script, hy_value_t config,
                          hy_loaded_cb done, void *arg, hy_error_t *err) {
    hy_instance_t *i = NULL;
    int rc = load(h, script, config, &i, err);
    if (rc < 0) return rc;
    rc = hy__instance_start(i, done, arg, err);
    if (rc < 0) hy__instance_close(i);
    return rc;
}

int hy_host_load(hy_host_t *h, const char *name, hy_value_t config, hy_loaded_cb done, void *arg,
                 hy_error_t *err) {
    char path[HY_PATH_BYTES_MAX];
    int rc = hy_host_find(h, name, path, sizeof path, err);
    if (rc < 0) {
        hy_value_drop(config);
        return rc;
    }
    script_t script = {.file = path, .is_trusted = is_trusted(h, name, path)};
    return load_and_start(h, &script, config, done, arg, err);
}

int hy_host_load_text(hy_host_t *h, const char *chunk, const char *source, size_t len,
                      hy_value_t config, hy_loaded_cb done, void *arg, hy_error_t *err) {
    script_t script = {.file = chunk, .source = source, .len = len};
    return load_and_start(h, &script, config, done, arg, err);
}

int hy_host_load_compiled(hy_host_t *h, const char *chunk, const char *code, size_t len,
                          hy_value_t config, hy_loaded_cb done, void *arg, hy_error_t *err) {
    script_t script = {.file = chunk, .source = code, .len = len, .is_compiled = true};
    return load_and_start(h, &script, config, done, arg, err);
}

int hy__host_load_prompt(hy_host_t *h, const char *chunk, const char *source, size_t len,
                         hy_value_t config, hy_loaded_cb done, void *arg, hy_error_t *err) {
    script_t script = {.file = chunk, .source = source, .len = len, .is_prompt = true};
    return load_and_start(h, &script, config, done, arg, err);
}

int hy_host_check(hy_host_t *h, const char *name, hy_error_t *err) {
    char path[HY_PATH_BYTES_MAX];
    hy_instance_t *i = NULL;
    int rc = hy_host_find(h, name, path, sizeof path, err);
    if (rc < 0) return rc;
    script_t script = {.file = path, .is_trusted = is_trusted(h, name, path)};
    rc = load(h, &script, hy_absent(), &i, err);
    if (rc < 0) return rc;
    rc = hy__state_check(i, err);
    hy__instance_close(i);
    return rc;
}

/* --- instances -------------------------------------------------------------------------------- */

void hy_instance_unload(hy_instance_t *i) {
    if (i->life == HY_LIFE_TRIED) {
        hy__reload_refuse(i->reload);
        return;
    }
    if (i->is_leaving) return;
    i->is_leaving = true;
    hy_list_append(&i->host->leaving, &i->leaving);
    hy__host_wake(i->host);
}

void hy__instance_failed(hy_instance_t *i, unsigned points, const char *what, const char *text) {
    hy__instance_log(i, HY_LOG_ERROR, what, text);
    hy__supervisor_failed(i, points, text);
}

/* Of errors in one turn. */
static bool is_flood(hy_instance_t *i) {
    if (i->log_turn != i->host->turn) {
        uint32_t left_out = i->log_count > HY_LOG_TURN_LINES ? i->log_count - HY_LOG_TURN_LINES : 0;
        i->log_turn = i->host->turn;
        i->log_count = 0;
        if (left_out > 0) {
            hy_log(i->host->config.log, HY_LOG_ERROR, i->name->bytes,
                   "%u more errors were left out", left_out);
        }
    }
    return ++i->log_count > HY_LOG_TURN_LINES;
}

/* Its first line. */
static void keep_error(hy_instance_t *i, const char *what, const char *text) {
    hy_str_t *line = hy_str_format("%s: %.*s", what, (int)strcspn(text, "\n"), text);
    i->error_count++;
    if (!line) return;
    hy_str_unref(i->last_error);
    i->last_error = line;
}

void hy__instance_log(hy_instance_t *i, hy_log_level_t level, const char *what, const char *text) {
    if (level == HY_LOG_ERROR && text) keep_error(i, what, text);
    if (level == HY_LOG_ERROR && is_flood(i)) return;
    hy_log(i->host->config.log, level, i->name->bytes, "%s: %s", what, text);
}

const char *hy_instance_name(const hy_instance_t *i) {
    return i->name->bytes;
}
hy_str_t *hy_instance_url(const hy_instance_t *i) {
    return i->url;
}
size_t hy_instance_memory(const hy_instance_t *i) {
    return i->memory_bytes;
}
size_t hy_instance_tasks(const hy_instance_t *i) {
    return i->task_count;
}
