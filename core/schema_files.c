/* Reads schema documents from the folders of the search path, in the order of the path and, within
 * a folder, of the names. They may refer to one another, so they are compiled when all are read;
 * what is wrong with one is then told by the file that it came from. Keeps nothing open and owns
 * nothing. */
#include "schema_files.h"

#include "json_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".json"

typedef struct {
    hy_schemas_t *schemas;
    const hy_log_t *log;
    hy_dict_t files; /* name → path */
    hy_error_t *err;
    int code; /* of what is in no file, and cannot be used */
} loading_t;

typedef struct {
    hy_str_t *key;
    hy_str_t *path;
} file_t;

int hy_schema_file_read(const char *path, hy_value_t *out, hy_error_t *err) {
    hy_value_t document = hy_absent();
    int rc = hy_json_file_read(path, HY_SCHEMA_BYTES_MAX, &document, err);
    if (rc < 0) return rc;
    if (document.kind != HY_OBJECT) {
        hy_value_drop(document);
        return hy_fail(err, HY_EINVALID, "%s: is no object", path);
    }
    *out = document;
    return 0;
}

/* A text that begins with the path goes on after it. */
static void leave_out(const loading_t *l, const hy_str_t *path, const char *why) {
    size_t lead = path->len + strlen(": ");
    bool has_path = strlen(why) > lead && memcmp(why, path->bytes, path->len) == 0;
    hy_log(l->log, HY_LOG_WARN, "schemas", "%s: left out: %s", path->bytes,
           has_path ? why + lead : why);
}

static int add_document(loading_t *l, hy_str_t *name, hy_str_t *path, hy_error_t *err) {
    hy_value_t document = hy_absent();
    hy_error_t why = {.text = ""};
    int rc = hy_schema_file_read(path->bytes, &document, err);
    if (rc < 0) return rc;
    rc = hy_schemas_add(l->schemas, name->bytes, document.as.n, &why);
    hy_value_drop(document);
    if (rc < 0) return hy_fail(err, rc, "%s: %s", path->bytes, why.text);
    file_t *file = hy_dict_put(&l->files, name, NULL);
    if (!file) return HY_ENOMEM;
    file->path = hy_str_ref(path);
    return 0;
}

/* One file; 0 also if it cannot be used. */
static int add_file(void *loading, hy_str_t *name, hy_str_t *path) {
    loading_t *l = loading;
    hy_error_t err = {.text = ""};
    int rc = hy_schemas_find(l->schemas, name) ? 0 : add_document(l, name, path, &err);
    if (rc == 0 || rc == HY_ENOMEM) return rc;
    leave_out(l, path, err.text);
    return 0;
}

int hy_schema_documents_add(hy_schemas_t *schemas, const hy_node_t *documents, hy_error_t *err) {
    uint32_t pos = 0;
    int rc = 0;
    hy_str_t *name;
    hy_value_t document;
    while (rc == 0 && documents && hy_node_next(documents, &pos, &name, &document)) {
        if (document.kind == HY_OBJECT) {
            rc = hy_schemas_add(schemas, name->bytes, document.as.n, err);
        } else {
            rc = hy_fail(err, HY_EINVALID, "schema %s: is no object", name->bytes);
        }
    }
    return rc;
}

static int is_schema(const struct dirent *entry) {
    size_t len = strlen(entry->d_name), tail = strlen(SUFFIX);
    return len > tail && strcmp(entry->d_name + len - tail, SUFFIX) == 0;
}

static int visit(const char *folder, const char *file, hy_schema_file_cb visitor, void *arg) {
    hy_str_t *path = hy_str_format("%s/%s", folder, file);
    hy_str_t *name = hy_str_new(file, strlen(file) - strlen(SUFFIX));
    int rc = path && name ? visitor(arg, name, path) : HY_ENOMEM;
    hy_str_unref(path);
    hy_str_unref(name);
    return rc;
}

static int visit_folder(const char *folder, hy_schema_file_cb visitor, void *arg) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_schema, alphasort);
    if (count < 0) return errno == ENOMEM ? HY_ENOMEM : 0; /* most folders have no schemas */
    int rc = 0;
    for (int i = 0; i < count; i++) {
        if (!rc) rc = visit(folder, entries[i]->d_name, visitor, arg);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int hy_schema_files_each(char *const *paths, uint32_t path_count, hy_schema_file_cb file,
                         void *arg) {
    int rc = 0;
    for (uint32_t i = 0; i < path_count && rc == 0; i++) {
        hy_str_t *folder = hy_str_format("%s/schemas", paths[i]);
        rc = folder ? visit_folder(folder->bytes, file, arg) : HY_ENOMEM;
        hy_str_unref(folder);
    }
    return rc;
}

static void on_failed(void *loading, const char *name, const char *text) {
    loading_t *l = loading;
    const file_t *file = hy_dict_find(&l->files, name, strlen(name), hy_hash(name, strlen(name)));
    if (file) {
        leave_out(l, file->path, text);
    } else if (l->code == 0) {
        l->code = hy_fail(l->err, HY_EINVALID, "%s", text);
    }
}

static int add_files(loading_t *l, char *const *paths, uint32_t path_count) {
    hy_dict_init(&l->files, sizeof(file_t));
    return hy_schema_files_each(paths, path_count, add_file, l);
}

static void forget_files(loading_t *l) {
    const file_t *file;
    for (uint32_t pos = 0; (file = hy_dict_next(&l->files, &pos));)
        hy_str_unref(file->path);
    hy_dict_deinit(&l->files);
}

int hy_schema_files_add(hy_schemas_t *schemas, char *const *paths, uint32_t path_count,
                        const hy_log_t *log) {
    loading_t l = {.schemas = schemas, .log = log};
    int rc = add_files(&l, paths, path_count);
    forget_files(&l);
    return rc;
}

int hy_schema_files_load(hy_schemas_t *schemas, char *const *paths, uint32_t path_count,
                         const hy_log_t *log, hy_error_t *err) {
    loading_t l = {.schemas = schemas, .log = log, .err = err};
    int rc = add_files(&l, paths, path_count);
    if (rc == 0 && hy_schemas_compile(schemas, on_failed, &l, NULL) == HY_ENOMEM) rc = HY_ENOMEM;
    forget_files(&l);
    return rc ? rc : l.code;
}

hy_str_t *hy_schema_files_find(const char *name, char *const *paths, uint32_t path_count) {
    for (uint32_t i = 0; i < path_count; i++) {
        struct stat s;
        hy_str_t *path = hy_str_format("%s/schemas/%s" SUFFIX, paths[i], name);
        if (!path || stat(path->bytes, &s) == 0) return path;
        hy_str_unref(path);
    }
    return NULL;
}
