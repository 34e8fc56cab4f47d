/* store: looks into the file that --store names. Nothing but `compact` writes there, so the file
 * may be in use by a host. */
#include "commands.h"
#include "print.h"
#include "store_document.h"

#include <string.h>

#define BIT(name)    (1u << HY_TABLE_##name)
#define LIST_COLUMNS 7
#define LIST_NUMBERS 4 /* columns from there on are numbers */

typedef int (*action_t)(const char *path, const char *url);

static int fail(const hy_error_t *err, int rc) {
    fprintf(stderr, "hyperty: store: %s\n", err->text[0] ? err->text : hy_error_text(rc));
    return HY_EXIT_FAILED;
}

/* --- ls --------------------------------------------------------------------------------------- */

/* Instance names by hyperty URL: {url: name}. */
static int read_names(hy_store_file_t *file, hy_node_t *names, hy_error_t *err) {
    hy_rows_t *rows;
    hy_row_t row;
    int rc = hy_store_file_read(file, BIT(HYPERTIES), NULL, &rows, err);
    if (rc < 0) return rc;
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);) {
        hy_value_t v = hy_store_row_object(&row);
        hy_str_t *url = v.kind == HY_OBJECT ? hy_get_str(v.as.n, "url") : NULL;
        if (url) rc = hy_node_set(names, url, hy_string(hy_str_new(row.key, row.key_len)), NULL);
        hy_value_drop(v);
    }
    hy_rows_free(rows);
    return rc;
}

typedef struct {
    int64_t version; /* -1: it cannot be read */
    size_t children, bytes;
} sums_t;

static int sum_up(hy_store_file_t *file, hy_str_t *url, sums_t *sums, hy_error_t *err) {
    hy_value_t object = hy_absent(), list;
    hy_str_t *collection;
    sums->version = -1;
    int rc = hy_store_read_object(file, url, &object, &sums->bytes, err);
    if (rc == HY_ENOT_FOUND || rc == HY_EINVALID) return 0;
    if (rc < 0) return rc;
    sums->version = hy_get_int(object.as.n, "version", -1);
    const hy_node_t *children = hy_get_object(object.as.n, "childrenObjects");
    for (uint32_t pos = 0; children && hy_node_next(children, &pos, &collection, &list);)
        sums->children += hy_is_node(list) ? hy_node_count(list.as.n) : 0;
    hy_value_drop(object);
    return 0;
}

/* url, role, hyperty, name, version, children, bytes */
static int add_line(hy_store_file_t *file, const hy_row_t *row, const hy_node_t *names,
                    hy_node_t *line, hy_error_t *err) {
    sums_t sums = {0};
    hy_value_t party = hy_store_row_object(row);
    const hy_node_t *n = party.kind == HY_OBJECT ? party.as.n : NULL;
    hy_str_t *url = hy_str_new(row->key, row->key_len),
             *owner = hy_str_new(row->owner, row->owner_len);
    hy_value_t name = owner ? hy_node_find(names, owner) : hy_absent();
    int rc = url && owner ? sum_up(file, url, &sums, err) : HY_ENOMEM;
    if (rc == 0) rc = hy_print_add(line, url);
    if (rc == 0) rc = hy_print_add(line, hy_get_str(n, "role"));
    if (rc == 0) rc = hy_print_add(line, name.kind == HY_STR ? name.as.s : owner);
    if (rc == 0) rc = hy_print_add(line, hy_get_str(n, "name"));
    if (rc == 0) rc = hy_print_add_number(line, sums.version);
    if (rc == 0) rc = hy_print_add_number(line, (int64_t)sums.children);
    if (rc == 0) rc = hy_print_add_number(line, (int64_t)sums.bytes);
    hy_str_unref(url);
    hy_str_unref(owner);
    hy_value_drop(party);
    return rc;
}

static int make_table(hy_store_file_t *file, hy_node_t *table, hy_error_t *err) {
    static const char *const heads[LIST_COLUMNS] = {"url",     "role",     "hyperty", "name",
                                                    "version", "children", "bytes"};
    hy_rows_t *rows = NULL;
    hy_row_t row;
    hy_node_t *names = hy_node_new(HY_OBJECT);
    int rc = names ? hy_print_add_heads(table, heads, LIST_COLUMNS) : HY_ENOMEM;
    if (rc == 0) rc = read_names(file, names, err);
    if (rc == 0) rc = hy_store_file_read(file, BIT(PARTIES), NULL, &rows, err);
    for (size_t pos = 0; rc == 0 && hy_rows_next(rows, &pos, &row);) {
        hy_node_t *line = hy_node_new(HY_ARRAY);
        rc = line ? add_line(file, &row, names, line, err) : HY_ENOMEM;
        if (rc == 0) {
            rc = hy_node_insert(table, hy_node_count(table), hy_node_value(line));
        } else if (line) {
            hy_node_unref(line);
        }
    }
    if (rows) hy_rows_free(rows);
    if (names) hy_node_unref(names);
    return rc;
}

/* What a message node keeps, in one line; true if there is any. It is for no eyes but the node's.
 */
static int print_node(hy_store_file_t *file, const char *path, bool *is_node, hy_error_t *err) {
    static const struct {
        hy_table_t table;
        const char *one, *many;
    } parts[] = {{HY_TABLE_SESSIONS, "session", "sessions"},
                 {HY_TABLE_CLAIMS, "address", "addresses"},
                 {HY_TABLE_ROUTES, "route", "routes"},
                 {HY_TABLE_ENTRIES, "entry of its registry", "entries of its registry"}};
    size_t counts[sizeof parts / sizeof *parts] = {0}, kept = 0;
    hy_rows_t *rows;
    hy_row_t row;
    const uint32_t tables =
        BIT(ADDRESSES) | BIT(SESSIONS) | BIT(CLAIMS) | BIT(ROUTES) | BIT(ENTRIES) | BIT(OBJECTS);
    int rc = hy_store_file_read(file, tables, NULL, &rows, err);
    if (rc < 0) return rc;
    for (size_t pos = 0; hy_rows_next(rows, &pos, &row); kept++) {
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            counts[i] += row.table == parts[i].table;
    }
    hy_rows_free(rows);
    *is_node = kept > 0;
    if (kept > 0) printf("%s: of a message node:", path);
    for (size_t i = 0; kept > 0 && i < sizeof parts / sizeof *parts; i++)
        printf("%s %zu %s", i > 0 ? "," : "", counts[i],
               counts[i] == 1 ? parts[i].one : parts[i].many);
    if (kept > 0) putchar('\n');
    return 0;
}

static int list(const char *path, const char *url) {
    hy_error_t err = {0};
    hy_store_file_t *file;
    bool is_node = false;
    (void)url;
    int rc = hy_store_file_open(path, &file, &err);
    if (rc < 0) return fail(&err, rc);
    hy_node_t *table = hy_node_new(HY_ARRAY);
    rc = table ? make_table(file, table, &err) : HY_ENOMEM;
    if (rc == 0) rc = print_node(file, path, &is_node, &err);
    bool has_objects = rc == 0 && hy_node_count(table) > 1;
    if (rc == 0 && (has_objects || !is_node)) hy_print_table(table, LIST_COLUMNS, LIST_NUMBERS);
    if (table) hy_node_unref(table);
    hy_store_file_close(file);
    return rc < 0 ? fail(&err, rc) : HY_EXIT_DONE;
}

/* --- show ------------------------------------------------------------------------------------- */

static int show(const char *path, const char *url) {
    hy_error_t err = {0};
    hy_store_file_t *file;
    hy_value_t document = hy_absent();
    int rc = hy_store_file_open(path, &file, &err);
    if (rc < 0) return fail(&err, rc);
    hy_str_t *wanted = url ? hy_str_from(url) : NULL;
    if (!url) {
        rc = hy_store_document_all(file, &document, &err);
    } else {
        rc = wanted ? hy_store_document(file, wanted, &document, &err) : HY_ENOMEM;
    }
    if (rc == 0) rc = hy_print_json(document);
    hy_value_drop(document);
    hy_str_unref(wanted);
    hy_store_file_close(file);
    return rc < 0 ? fail(&err, rc) : HY_EXIT_DONE;
}

/* --- check, compact --------------------------------------------------------------------------- */

static void print_finding(void *arg, const char *text) {
    printf("%s: %s\n", (const char *)arg, text);
}

static int check(const char *path, const char *url) {
    hy_error_t err = {0};
    hy_store_file_t *file;
    (void)url;
    int rc = hy_store_file_open(path, &file, &err);
    if (rc < 0) return fail(&err, rc);
    int count = hy_store_file_check(file, print_finding, (void *)path, &err);
    hy_store_file_close(file);
    if (count < 0) return fail(&err, count);
    if (count == 0) printf("%s: ok\n", path);
    return count == 0 ? HY_EXIT_DONE : HY_EXIT_FAILED;
}

static int compact(const char *path, const char *url) {
    hy_error_t err = {0};
    uint64_t before, after;
    (void)url;
    int rc = hy_store_file_compact(path, &before, &after, &err);
    if (rc < 0) return fail(&err, rc);
    printf("%s: %llu bytes, %llu before\n", path, (unsigned long long)after,
           (unsigned long long)before);
    return HY_EXIT_DONE;
}

/* --- which ------------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    action_t act;
    int names_max; /* the action itself, FILE, URL */
} actions[] = {{"ls", list, 2}, {"show", show, 3}, {"check", check, 2}, {"compact", compact, 2}};

static int misuse(const char *format, const char *what) {
    fputs("hyperty: store: ", stderr);
    fprintf(stderr, format, what);
    fputs("; \"hyperty help store\" tells more\n", stderr);
    return HY_EXIT_USAGE;
}

int hy_command_store(const hy_options_t *options) {
    const hy_texts_t *names = &options->names;
    if (names->count == 0) return misuse("%s", "say what to do: ls, show, check or compact");
    const char *word = names->items[0];
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(word, actions[i].word) != 0) continue;
        if (names->count < 2) return misuse("%s needs the FILE that --store named", word);
        if (names->count > actions[i].names_max)
            return misuse("\"%s\" is too much", names->items[actions[i].names_max]);
        return actions[i].act(names->items[1], names->count > 2 ? names->items[2] : NULL);
    }
    return misuse("there is no \"%s\": ls, show, check or compact", word);
}
