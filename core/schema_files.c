/* Reads schema documents from the folders of the search path, in the order of the path and, within
 * a folder, of the names. Keeps nothing open and owns nothing. */
#include "schema_files.h"
#include "base/buf.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".json"

typedef struct {
    hy_str_t *key;  /* schema name */
    hy_str_t *path; /* of its file */
} source_t;

typedef struct {
    hy_schemas_t *schemas;
    const hy_log_t *log;
    hy_dict_t sources;
    hy_error_t *err;
    int code; /* of what is in no file, and cannot be used */
} loading_t;

static int fail_errno(hy_error_t *err) {
    int number = errno;
    return hy_fail(err, number == ENOMEM ? HY_ENOMEM : HY_EINVALID, "%s", strerror(number));
}

/* The whole file; a bound like that of a message, since a schema may have to travel in one. */
static int read_file(const char *path, hy_buf_t *b, hy_error_t *err) {
    FILE *file = fopen(path, "rb");
    if (!file) return fail_errno(err);
    int rc = 0;
    while (rc == 0) {
        if (!hy_buf_reserve(b, BUFSIZ)) {
            rc = hy_fail(err, HY_ENOMEM, "out of memory");
            break;
        }
        size_t got = fread(b->bytes + b->len, 1, BUFSIZ, file);
        b->len += got;
        if (ferror(file)) rc = fail_errno(err);
        if (b->len > HY_MESSAGE_BYTES_MAX) {
            rc = hy_fail(err, HY_ETOO_LARGE, "is over %u bytes", HY_MESSAGE_BYTES_MAX);
        }
        if (got == 0) break;
    }
    fclose(file);
    return rc;
}

static int note_source(loading_t *l, hy_str_t *name, hy_str_t *path) {
    source_t *source = hy_dict_put(&l->sources, name, NULL);
    if (!source) return HY_ENOMEM;
    source->path = hy_str_ref(path);
    return 0;
}

static int add_text(hy_schemas_t *schemas, const char *name, const hy_buf_t *text,
                    hy_error_t *err) {
    hy_value_t document = hy_absent();
    int rc = hy_json_read(text->bytes, text->len, HY_JSON_DEPTH_MAX, &document, err);
    if (rc) return rc;
    if (document.kind == HY_OBJECT) {
        rc = hy_schemas_add(schemas, name, document.as.n, err);
    } else {
        rc = hy_fail(err, HY_EINVALID, "is no object");
    }
    hy_value_drop(document);
    return rc;
}

/* One file; 0 also if it cannot be used. */
static int add_file(loading_t *l, const char *folder, const char *file) {
    hy_str_t *path = hy_str_format("%s/%s", folder, file);
    hy_str_t *name = hy_str_new(file, strlen(file) - strlen(SUFFIX));
    int rc = path && name ? 0 : HY_ENOMEM;
    if (!rc && !hy_schemas_find(l->schemas, name)) {
        hy_error_t err = {0};
        hy_buf_t text;
        hy_buf_init(&text);
        rc = read_file(path->bytes, &text, &err);
        if (!rc) rc = add_text(l->schemas, name->bytes, &text, &err);
        if (!rc) rc = note_source(l, name, path);
        hy_buf_deinit(&text);
        if (rc && rc != HY_ENOMEM) {
            hy_log(l->log, HY_LOG_WARN, "schemas", "%s: left out: %s", path->bytes, err.text);
            rc = 0;
        }
    }
    hy_str_unref(path);
    hy_str_unref(name);
    return rc;
}

static int is_schema(const struct dirent *entry) {
    size_t len = strlen(entry->d_name), tail = strlen(SUFFIX);
    return len > tail && strcmp(entry->d_name + len - tail, SUFFIX) == 0;
}

static int add_folder(loading_t *l, const char *folder) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_schema, alphasort);
    if (count < 0) return errno == ENOMEM ? HY_ENOMEM : 0; /* most folders have no schemas */
    int rc = 0;
    for (int i = 0; i < count; i++) {
        if (!rc) rc = add_file(l, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static void leave_out(void *loading, const char *name, const char *text) {
    loading_t *l = loading;
    const source_t *source =
        hy_dict_find(&l->sources, name, strlen(name), hy_hash(name, strlen(name)));
    if (source) {
        hy_log(l->log, HY_LOG_WARN, "schemas", "%s: left out: %s", source->path->bytes, text);
    } else if (l->code == 0) {
        l->code = hy_fail(l->err, HY_EINVALID, "%s", text);
    }
}

int hy_schema_files_load(hy_schemas_t *schemas, char *const *paths, uint32_t path_count,
                         const hy_log_t *log, hy_error_t *err) {
    loading_t l = {.schemas = schemas, .log = log, .err = err};
    hy_dict_init(&l.sources, sizeof(source_t));
    int rc = 0;
    for (uint32_t i = 0; !rc && i < path_count; i++) {
        hy_str_t *folder = hy_str_format("%s/schemas", paths[i]);
        rc = folder ? add_folder(&l, folder->bytes) : HY_ENOMEM;
        hy_str_unref(folder);
    }
    if (!rc && hy_schemas_compile(schemas, leave_out, &l, NULL) == HY_ENOMEM) rc = HY_ENOMEM;
    source_t *source;
    for (uint32_t pos = 0; (source = hy_dict_next(&l.sources, &pos));)
        hy_str_unref(source->path);
    hy_dict_deinit(&l.sources);
    return rc ? rc : l.code;
}
