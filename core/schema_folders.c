/* Schema files that are read again. They may refer to one another, so those that cannot be used are
 * tried once more as long as others can. */
#include "schema_folders.h"

#include "base/mem.h"
#include "schema_files.h"

#include <string.h>

struct hy_schema_folders {
    hy_schemas_t *schemas;
    hy_node_t *given; /* by name: no file takes their place; NULL: none */
    char **paths;
    uint32_t path_count;
    const hy_log_t *log;
};

typedef struct {
    hy_str_t *key; /* name */
    hy_str_t *path;
    hy_value_t document; /* ABSENT: it cannot be read, or is done */
    hy_error_t why;
} file_t;

typedef struct {
    hy_schema_folders_t *folders;
    hy_dict_t files;
} reading_t;

static int keep_paths(hy_schema_folders_t *f, char *const *paths, uint32_t count) {
    f->paths = hy_alloc_zero((count + 1) * sizeof(char *));
    for (uint32_t i = 0; f->paths && i < count; i++) {
        size_t bytes = strlen(paths[i]) + 1;
        char *path = hy_alloc(bytes);
        if (!path) return HY_ENOMEM;
        f->paths[f->path_count++] = memcpy(path, paths[i], bytes);
    }
    return f->paths ? 0 : HY_ENOMEM;
}

int hy_schema_folders_open(hy_schemas_t *schemas, const hy_node_t *given, char *const *paths,
                           uint32_t path_count, const hy_log_t *log, hy_schema_folders_t **out,
                           hy_error_t *err) {
    hy_schema_folders_t *f = hy_alloc_zero(sizeof *f);
    if (!f) return HY_ENOMEM;
    f->schemas = schemas;
    f->log = log;
    f->given = given ? hy_node_ref((hy_node_t *)given) : NULL;
    int rc = keep_paths(f, paths, path_count);
    if (rc == 0) rc = hy_schema_documents_add(schemas, given, err);
    if (rc == 0) rc = hy_schema_files_load(schemas, paths, path_count, log, err);
    if (rc < 0) {
        hy_schema_folders_close(f);
        return rc;
    }
    *out = f;
    return 0;
}

void hy_schema_folders_close(hy_schema_folders_t *f) {
    if (!f) return;
    while (f->path_count > 0)
        hy_free(f->paths[--f->path_count]);
    hy_free(f->paths);
    if (f->given) hy_node_unref(f->given);
    hy_free(f);
}

/* The first of a name, unless that is given. */
static int note(void *reading, hy_str_t *name, hy_str_t *path) {
    reading_t *r = reading;
    const hy_node_t *given = r->folders->given;
    bool is_new, is_given = given && hy_node_get(given, name->bytes, name->len).kind != HY_ABSENT;
    if (is_given || hy_str_is(name, "Resource")) return 0;
    file_t *file = hy_dict_put(&r->files, name, &is_new);
    if (!file) return HY_ENOMEM;
    if (is_new) file->path = hy_str_ref(path);
    return 0;
}

static int find_files(reading_t *r, hy_schema_folders_t *f) {
    r->folders = f;
    hy_dict_init(&r->files, sizeof(file_t));
    return hy_schema_files_each(f->paths, f->path_count, note, r);
}

static void reading_end(reading_t *r) {
    file_t *file;
    for (uint32_t pos = 0; (file = hy_dict_next(&r->files, &pos));) {
        hy_str_unref(file->path);
        hy_value_drop(file->document);
    }
    hy_dict_deinit(&r->files);
}

/* True if one more is done. */
static bool update_all(reading_t *r) {
    bool is_progress = false;
    file_t *file;
    for (uint32_t pos = 0; (file = hy_dict_next(&r->files, &pos));) {
        if (file->document.kind != HY_OBJECT) continue;
        if (hy_schemas_update(r->folders->schemas, file->key->bytes, file->document.as.n,
                              &file->why) < 0)
            continue;
        hy_value_drop(file->document);
        file->document = hy_absent();
        file->why.text[0] = '\0';
        is_progress = true;
    }
    return is_progress;
}

/* A text may begin with the path. */
static void complain(const reading_t *r, const file_t *file) {
    const char *why = file->why.text;
    bool has_path = strncmp(why, file->path->bytes, file->path->len) == 0;
    hy_log(r->folders->log, HY_LOG_WARN, "schemas", "%s%s%s; the version before stays",
           has_path ? "" : file->path->bytes, has_path ? "" : ": ", why);
}

void hy_schema_folders_read_again(hy_schema_folders_t *f) {
    reading_t r;
    if (find_files(&r, f) < 0)
        hy_log(f->log, HY_LOG_WARN, "schemas", "not read again: out of memory");
    file_t *file;
    for (uint32_t pos = 0; (file = hy_dict_next(&r.files, &pos));)
        hy_schema_file_read(file->path->bytes, &file->document, &file->why);
    while (update_all(&r))
        ;
    for (uint32_t pos = 0; (file = hy_dict_next(&r.files, &pos));) {
        if (file->why.text[0]) complain(&r, file);
    }
    reading_end(&r);
}

void hy_schema_folders_each(hy_schema_folders_t *f, hy_schema_folders_cb file_cb, void *arg) {
    reading_t r;
    find_files(&r, f); /* without memory, some are left out */
    const file_t *file;
    for (uint32_t pos = 0; (file = hy_dict_next(&r.files, &pos));)
        file_cb(arg, file->path->bytes);
    reading_end(&r);
}
