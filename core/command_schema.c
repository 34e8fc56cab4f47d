/* schema: looks at schemas without running anything: those of the search path by name, any other
 * one by its file. What a file refers to is found as a runtime would find it: in the folders of the
 * search path, and in the folder `schemas` that the file itself is in. */
#include "base/buf.h"
#include "base/mem.h"
#include "commands.h"
#include "data/compat.h"
#include "data/schema_hint.h"
#include "json_file.h"
#include "paths.h"
#include "print.h"
#include "schema_files.h"

#include <stdlib.h>
#include <string.h>

#define CATALOGUE    "hyperty-catalogue://catalogue.localhost/.well-known/dataschema/"
#define SUFFIX       ".json"
#define LIST_COLUMNS 5
#define HINT_BYTES   300u

typedef struct {
    hy_paths_t paths;
    hy_schemas_t *schemas; /* of these; but for ls none is compiled before it is asked for */
} look_t;

typedef int (*action_t)(look_t *look, const char *const *words, int count);

static int fail(const hy_error_t *err, int rc) {
    fprintf(stderr, "hyperty: schema: %s\n", err->text[0] ? err->text : hy_error_text(rc));
    return HY_EXIT_FAILED;
}

/* --- finding ---------------------------------------------------------------------------------- */

static const char *last_segment(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_path(const char *word) {
    size_t len = strlen(word), tail = strlen(SUFFIX);
    return strchr(word, '/') || (len > tail && strcmp(word + len - tail, SUFFIX) == 0);
}

/* As what a catalogue would have that file. NULL when out of memory. */
static hy_str_t *url_of(const char *path) {
    const char *name = last_segment(path);
    size_t len = strlen(name), tail = strlen(SUFFIX);
    if (len > tail && strcmp(name + len - tail, SUFFIX) == 0) len -= tail;
    return hy_str_format(CATALOGUE "%.*s", (int)len, name);
}

static int find_file(look_t *look, const char *path, const hy_schema_t **out, hy_error_t *err) {
    hy_value_t document = hy_absent();
    hy_error_t why = {.text = ""};
    int rc = hy_schema_file_read(path, &document, err);
    if (rc < 0) return rc;
    hy_str_t *url = url_of(path);
    rc = url ? hy_schemas_foreign(look->schemas, url, document.as.n, out, &why) : HY_ENOMEM;
    hy_str_unref(url);
    hy_value_drop(document);
    return rc < 0 ? hy_fail(err, rc, "%s: %s", path, why.text) : 0;
}

static int fail_name(const look_t *look, const char *name, hy_error_t *err) {
    char hint[HINT_BYTES];
    hy_schemas_hint(look->schemas, name, hint, sizeof hint);
    return hy_fail(err, HY_ENOT_FOUND,
                   "there is no schema \"%s\" (%s); give the path of its file, or put %s.json "
                   "into ./hyperties/schemas",
                   name, hint, name);
}

/* By file or name. A name is read from its file, too: what is wrong with it is told then. */
static int find(look_t *look, const char *word, const hy_schema_t **out, hy_error_t *err) {
    if (is_path(word)) return find_file(look, word, out, err);
    hy_str_t *path = hy_schema_files_find(word, look->paths.items, look->paths.count);
    if (path) {
        int rc = find_file(look, path->bytes, out, err);
        hy_str_unref(path);
        return rc;
    }
    hy_str_t *name = hy_str_from(word);
    *out = name ? hy_schemas_find(look->schemas, name) : NULL;
    hy_str_unref(name);
    return *out ? 0 : fail_name(look, word, err);
}

/* --- ls --------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
    const hy_schema_t *const *x = a, *const *y = b;
    return strcmp((*x)->name->bytes, (*y)->name->bytes);
}

/* "a, b"; NULL when out of memory. */
static hy_str_t *join(hy_str_t *const *names, uint32_t count) {
    hy_buf_t b;
    hy_buf_init(&b);
    for (uint32_t i = 0; i < count; i++) {
        hy_buf_text(&b, i > 0 ? ", " : "");
        hy_buf_add(&b, names[i]->bytes, names[i]->len);
    }
    return hy_buf_take(&b);
}

static int add_line(const look_t *look, const hy_schema_t *s, hy_node_t *table) {
    hy_node_t *line = hy_node_new(HY_ARRAY);
    hy_str_t *children = join(s->collections, s->collection_count);
    hy_str_t *path = hy_schema_files_find(s->name->bytes, look->paths.items, look->paths.count);
    int rc = line && children ? hy_print_add(line, s->name) : HY_ENOMEM;
    if (rc == 0) rc = hy_print_add_number(line, s->version > 0 ? s->version : -1);
    if (rc == 0) rc = hy_print_add(line, s->scheme);
    if (rc == 0) rc = hy_print_add(line, children);
    if (rc == 0) rc = hy_print_add_text(line, path ? path->bytes : "built in");
    hy_str_unref(children);
    hy_str_unref(path);
    if (rc == 0) return hy_node_insert(table, hy_node_count(table), hy_node_value(line));
    hy_node_unref(line);
    return rc;
}

static int make_table(const look_t *look, hy_node_t *table) {
    static const char *const heads[LIST_COLUMNS] = {"name", "version", "scheme", "children",
                                                    "file"};
    const hy_schema_t *s, **all = NULL;
    size_t count = 0;
    for (uint32_t pos = 0; hy_schemas_next(look->schemas, &pos);)
        count++;
    int rc = hy_print_add_heads(table, heads, LIST_COLUMNS);
    if (rc == 0 && !(all = hy_alloc(count * sizeof(*all)))) rc = HY_ENOMEM;
    if (rc < 0) return rc;
    count = 0;
    for (uint32_t pos = 0; (s = hy_schemas_next(look->schemas, &pos));)
        all[count++] = s;
    qsort(all, count, sizeof(*all), compare_names);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_line(look, all[i], table);
    hy_free(all);
    return rc;
}

static int list(look_t *look, const char *const *words, int count) {
    hy_error_t err = {.text = ""};
    hy_node_t *table = hy_node_new(HY_ARRAY);
    (void)words;
    (void)count;
    int rc = table ? make_table(look, table) : HY_ENOMEM;
    if (rc == 0) hy_print_table(table, LIST_COLUMNS, LIST_COLUMNS);
    hy_node_unref(table);
    return rc < 0 ? fail(&err, rc) : HY_EXIT_DONE;
}

/* --- show ------------------------------------------------------------------------------------- */

static int show(look_t *look, const char *const *words, int count) {
    hy_error_t err = {.text = ""};
    const hy_schema_t *s;
    (void)count;
    int rc = find(look, words[0], &s, &err);
    if (rc == 0) rc = hy_print_json((hy_value_t){.kind = HY_OBJECT, .as.n = s->document});
    return rc < 0 ? fail(&err, rc) : HY_EXIT_DONE;
}

/* --- check ------------------------------------------------------------------------------------ */

static int print_names(const char *what, hy_str_t *const *names, uint32_t count) {
    hy_str_t *text = join(names, count);
    if (!text) return HY_ENOMEM;
    if (count > 0) printf("  %-9s %s\n", what, text->bytes);
    hy_str_unref(text);
    return 0;
}

static int check_one(look_t *look, const char *word, hy_error_t *err) {
    const hy_schema_t *s;
    int rc = find(look, word, &s, err);
    if (rc < 0) return rc;
    printf("%s: ok\n", word);
    if (s->version > 0) printf("  %-9s %lld\n", "version", (long long)s->version);
    printf("  %-9s %s\n", "scheme", s->scheme->bytes);
    rc = print_names("fields", s->fields, s->field_count);
    return rc < 0 ? rc : print_names("children", s->collections, s->collection_count);
}

static void print_place(void *arg, const char *place, const char *what) {
    (void)arg;
    printf("    %s%s%s\n", place, *place ? ": " : "", what);
}

/* Where `reader` cannot read what `writer` writes. */
static void print_breaks(const char *reader_word, const hy_schema_t *reader,
                         const char *writer_word, const hy_schema_t *writer) {
    printf("  %s cannot read what is written for %s:\n", reader_word, writer_word);
    hy_compat_can_read(reader, writer, print_place, NULL);
}

/* Children of a collection that it does not have, a reader keeps as they are. */
static void print_missing(const char *reader_word, const hy_schema_t *reader,
                          const hy_schema_t *writer) {
    for (uint32_t i = 0; i < writer->collection_count; i++) {
        const hy_str_t *name = writer->collections[i];
        if (hy_schema_has_collection(reader, name->bytes, name->len)) continue;
        printf("  %s has no children \"%s\": who reads by it keeps them, unchecked\n", reader_word,
               name->bytes);
    }
}

static int check_two(look_t *look, const char *older_word, const char *newer_word,
                     hy_error_t *err) {
    const hy_schema_t *older, *newer;
    int rc = find(look, older_word, &older, err);
    if (rc == 0) rc = find(look, newer_word, &newer, err);
    if (rc < 0) return rc;
    bool is_backward = hy_compat_can_read(newer, older, NULL, NULL);
    bool is_forward = hy_compat_can_read(older, newer, NULL, NULL);
    if (is_backward && is_forward) {
        printf("both: each reads what is written for the other\n");
    } else if (is_backward) {
        printf("backward: %s reads what is written for %s\n", newer_word, older_word);
    } else if (is_forward) {
        printf("forward: %s reads what is written for %s\n", older_word, newer_word);
    } else {
        printf("breaking: neither reads what is written for the other\n");
    }
    if (!is_backward) print_breaks(newer_word, newer, older_word, older);
    if (!is_forward) print_breaks(older_word, older, newer_word, newer);
    print_missing(newer_word, newer, older);
    print_missing(older_word, older, newer);
    return is_backward || is_forward ? HY_EXIT_DONE : HY_EXIT_FAILED;
}

static int check(look_t *look, const char *const *words, int count) {
    hy_error_t err = {.text = ""};
    int rc =
        count == 1 ? check_one(look, words[0], &err) : check_two(look, words[0], words[1], &err);
    return rc < 0 ? fail(&err, rc) : rc;
}

/* --- fits ------------------------------------------------------------------------------------- */

static int fits(look_t *look, const char *const *words, int count) {
    hy_error_t err = {.text = ""}, why = {.text = ""};
    hy_value_t data = hy_absent();
    const hy_schema_t *s;
    (void)count;
    int rc = find(look, words[0], &s, &err);
    if (rc == 0) rc = hy_json_file_read(words[1], HY_JSON_BYTES_MAX, &data, &err);
    if (rc == 0 && (rc = hy_schema_check(s, NULL, data, &why)) < 0)
        hy_fail(&err, rc, "%s: does not fit %s: %s", words[1], words[0], why.text);
    hy_value_drop(data);
    if (rc < 0) return fail(&err, rc);
    printf("%s: fits %s\n", words[1], words[0]);
    return HY_EXIT_DONE;
}

/* --- which ------------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    action_t act;
    int least, most; /* words after it */
    const char *usage;
} actions[] = {{"ls", list, 0, 0, ""},
               {"show", show, 1, 1, "the NAME or FILE of a schema"},
               {"check", check, 1, 2, "the NAME or FILE of a schema, or of two versions of one"},
               {"fits", fits, 2, 2, "the NAME or FILE of a schema, and a FILE with data"}};

static int misuse(const char *text, const char *what, const char *more) {
    fprintf(stderr, "hyperty: schema: ");
    fprintf(stderr, text, what, more);
    fprintf(stderr, "; \"hyperty help schema\" tells more\n");
    return HY_EXIT_USAGE;
}

/* Of ls: the others speak only of those that they were asked for. */
static void log_line(void *arg, hy_log_level_t level, const char *who, const char *text) {
    (void)arg;
    (void)level;
    (void)who;
    fprintf(stderr, "hyperty: schema: %s\n", text);
}

/* The folder above the folder `schemas` that a file is in. */
static int add_own_path(look_t *look, const char *path) {
    static const char folder[] = "schemas/";
    size_t len = (size_t)(last_segment(path) - path), tail = strlen(folder);
    if (len < tail || memcmp(path + len - tail, folder, tail) != 0) return 0;
    len -= tail;
    if (len > 0 && path[len - 1] != '/') return 0;
    return len > 1 ? hy_paths_add(&look->paths, path, len - 1)
                   : hy_paths_add(&look->paths, len == 0 ? "." : "/", 1);
}

static int look_open(look_t *look, const char *const *words, int count, hy_error_t *err) {
    hy_paths_init(&look->paths);
    int rc = hy_schemas_new("localhost", &look->schemas);
    for (int i = 0; rc == 0 && i < count; i++) {
        if (is_path(words[i])) rc = add_own_path(look, words[i]);
    }
    if (rc == 0) rc = hy_paths_add_usual(&look->paths);
    if (rc < 0) return rc;
    const hy_log_t log = {.level = HY_LOG_WARN, .sink = log_line}, none = {.sink = NULL};
    return count == 0
               ? hy_schema_files_load(look->schemas, look->paths.items, look->paths.count, &log,
                                      err)
               : hy_schema_files_add(look->schemas, look->paths.items, look->paths.count, &none);
}

static int run(size_t action, const char *const *words, int count) {
    look_t look = {.schemas = NULL};
    hy_error_t err = {.text = ""};
    int rc = look_open(&look, words, count, &err);
    int status = rc < 0 ? fail(&err, rc) : actions[action].act(&look, words, count);
    hy_schemas_free(look.schemas);
    hy_paths_deinit(&look.paths);
    return status;
}

int hy_command_schema(const hy_options_t *options) {
    const hy_texts_t *names = &options->names;
    if (names->count == 0) return misuse("%s%s", "say what to do: ls, show, check or fits", "");
    const char *word = names->items[0];
    int count = names->count - 1;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(word, actions[i].word) != 0) continue;
        if (count < actions[i].least) return misuse("%s needs %s", word, actions[i].usage);
        if (count > actions[i].most)
            return misuse("\"%s\" is too much%s", names->items[actions[i].most + 1], "");
        return run(i, names->items + 1, count);
    }
    return misuse("there is no \"%s\": ls, show, check or fits%s", word, "");
}
