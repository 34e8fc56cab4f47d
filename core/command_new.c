/* new: a hyperty, its schema and its spec from the templates that the program carries, so that all
 * of it passes at once.
 *
 *      <into>/hyperties/NAME.lua               always new: a file that is there is left alone, and
 *             hyperties/schemas/Name.json      nothing is made at all
 *             spec/NAME_spec.lua
 *             .busted, .luarc.json             once a folder: those that are there are kept
 *
 * What was made, folders included, is listed as it is made; if anything fails, that list is undone
 * from its end. Results go to stdout: a line for each file, and what to type next. */
#define _GNU_SOURCE /* program_invocation_name */
#include "base/buf.h"
#include "base/mem.h"
#include "commands.h"
#include "paths.h"
#include "templates.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *template;
    const char *path; /* %s: the name */
    bool is_capital;  /* that is with a capital first letter */
    bool is_shared;   /* by all hyperties of the folder */
} file_t;

static const file_t files[] = {
    {"templates.hyperty", "hyperties/%s.lua", false, false},
    {"templates.schema.json", "hyperties/schemas/%s.json", true, false},
    {"templates.spec", "spec/%s_spec.lua", false, false},
    {"templates.busted", ".busted", false, true},
    {"templates.luarc.json", ".luarc.json", false, true},
};
#define FILE_COUNT (sizeof files / sizeof *files)

/* What cannot be the name of a variable in a spec, or would hide one there. */
static const char *const taken[] = {
    "and",      "break",    "do",     "else",    "elseif",   "end",      "false", "for",
    "function", "goto",     "if",     "in",      "local",    "nil",      "not",   "or",
    "repeat",   "return",   "then",   "true",    "until",    "while",    "spec",  "world",
    "it",       "describe", "assert", "hyperty", "resource", "Resource", NULL,
};

typedef struct {
    const char *name;
    char capital[HY_NEW_NAME_BYTES_MAX + 1]; /* the same, with a capital first letter */
    const char *into;
    char lua[PATH_MAX], module[PATH_MAX], types[PATH_MAX]; /* folders of Hyperty itself */
    hy_str_t *paths[FILE_COUNT];                           /* below `into` */
    hy_str_t **made;                                       /* files and folders, in this order */
    uint32_t made_count;
} new_t;

static int fail(const char *path, const char *why) {
    fprintf(stderr, "hyperty: new: %s%s%s\n", path ? path : "", path ? ": " : "", why);
    return HY_EXIT_FAILED;
}

static int out_of_memory(void) {
    return fail(NULL, "out of memory");
}

/* --- the name --------------------------------------------------------------------------------- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* As names of schemas and of variables are. 0 or an exit status. */
static int check_name(const char *name) {
    size_t len = strlen(name), at = 0;
    while (is_letter(name[at]) || (at > 0 && (name[at] == '_' || isdigit((unsigned char)name[at]))))
        at++;
    if (len == 0 || at < len || len > HY_NEW_NAME_BYTES_MAX) {
        fprintf(stderr,
                "hyperty: new: \"%s\" is no name: use at most %u letters, digits and _, a letter "
                "first\n",
                name, HY_NEW_NAME_BYTES_MAX);
        return HY_EXIT_USAGE;
    }
    for (const char *const *word = taken; *word; word++) {
        if (strcmp(*word, name) != 0) continue;
        fprintf(stderr, "hyperty: new: \"%s\" means something else already; use another name\n",
                name);
        return HY_EXIT_USAGE;
    }
    return 0;
}

/* --- texts ------------------------------------------------------------------------------------ */

static const hy_embedded_t *find_template(const char *name) {
    for (size_t i = 0; i < hy_templates_count; i++) {
        if (strcmp(hy_templates[i].name, name) == 0) return &hy_templates[i];
    }
    return NULL;
}

/* As it is written between quotes, in Lua and in JSON. */
static void add_quoted(hy_buf_t *b, const char *text) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') hy_buf_char(b, '\\');
        hy_buf_char(b, *text);
    }
}

/* What a word between @ and @ stands for; NULL: nothing, it is text. */
static const char *meaning(const new_t *n, const char *word, size_t len) {
    const struct {
        const char *word, *text;
    } words[] = {{"name", n->name},
                 {"Name", n->capital},
                 {"lua", n->lua},
                 {"module", n->module},
                 {"types", n->types}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].word) == len && memcmp(words[i].word, word, len) == 0)
            return words[i].text;
    }
    return NULL;
}

/* NULL: out of memory. */
static hy_str_t *fill(const new_t *n, const hy_embedded_t *template) {
    hy_buf_t b;
    hy_buf_init(&b);
    const char *at = template->source, *end = at + template->len;
    while (at < end) {
        const char *stop = *at == '@' ? memchr(at + 1, '@', (size_t)(end - at) - 1) : NULL;
        const char *text = stop ? meaning(n, at + 1, (size_t)(stop - at) - 1) : NULL;
        if (text) {
            add_quoted(&b, text);
            at = stop + 1;
        } else {
            hy_buf_char(&b, *at++);
        }
    }
    return hy_buf_take(&b);
}

/* --- making and unmaking ---------------------------------------------------------------------- */

static void undo(new_t *n) {
    while (n->made_count > 0)
        remove(n->made[--n->made_count]->bytes); /* a folder goes if it is empty */
}

/* Notes that a file or folder was made. Room was made before. */
static void note(new_t *n, hy_str_t *path) {
    n->made[n->made_count++] = path;
}

/* Makes the folders above a path that are missing; notes them. 0 or errno. */
static int make_folders(new_t *n, const hy_str_t *path) {
    for (size_t at = 1; at < path->len; at++) {
        if (path->bytes[at] != '/' || path->bytes[at - 1] == '/') continue;
        hy_str_t *folder = hy_str_new(path->bytes, at);
        if (!folder) return ENOMEM;
        if (mkdir(folder->bytes, 0777) == 0) {
            note(n, folder);
            continue;
        }
        int number = errno;
        hy_str_unref(folder);
        if (number != EEXIST) return number;
    }
    return 0;
}

static int write_all(int fd, const hy_str_t *text) {
    for (size_t done = 0; done < text->len;) {
        ssize_t count = write(fd, text->bytes + done, text->len - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        done += (size_t)count;
    }
    return 0;
}

/* Makes a file that must not be there; notes it. 0 or errno. */
static int make_file(new_t *n, hy_str_t *path, const hy_str_t *text) {
    int fd = open(path->bytes, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return errno;
    note(n, hy_str_ref(path));
    int number = write_all(fd, text);
    if (close(fd) != 0 && !number) number = errno;
    return number;
}

static int make(new_t *n, size_t i) {
    hy_str_t *path = n->paths[i];
    hy_str_t *text = fill(n, find_template(files[i].template));
    if (!text) return out_of_memory();
    int number = make_folders(n, path);
    if (!number) number = make_file(n, path, text);
    hy_str_unref(text);
    if (number == EEXIST && files[i].is_shared) return 0;
    return number ? fail(path->bytes, strerror(number)) : 0;
}

/* --- what is there ---------------------------------------------------------------------------- */

static bool is_there(const char *path) {
    struct stat s;
    return lstat(path, &s) == 0;
}

/* Says what is in the way, each. */
static int check_files(const new_t *n) {
    int status = 0;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        const char *path = n->paths[i]->bytes;
        if (files[i].is_shared || !is_there(path)) continue;
        status = fail(path, "is there already; move it away, or use another name");
    }
    hy_str_t *folder = hy_str_format("%s/hyperties/%s/init.lua", n->into, n->name);
    if (!folder) return out_of_memory();
    if (is_there(folder->bytes))
        status = fail(folder->bytes, "has that name already; use another one");
    hy_str_unref(folder);
    return status;
}

static hy_str_t *path_of(const new_t *n, const file_t *file) {
    hy_buf_t b;
    hy_buf_init(&b);
    if (strcmp(n->into, ".") != 0) hy_buf_format(&b, "%s/", n->into);
    const char *mark = strstr(file->path, "%s");
    hy_buf_add(&b, file->path, mark ? (size_t)(mark - file->path) : strlen(file->path));
    if (mark) {
        hy_buf_text(&b, file->is_capital ? n->capital : n->name);
        hy_buf_text(&b, mark + 2);
    }
    return hy_buf_take(&b);
}

/* --- the command ------------------------------------------------------------------------------ */

/* A folder for each level of each path is more than can be missing. */
static bool open_list(new_t *n) {
    size_t room = FILE_COUNT;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        n->paths[i] = path_of(n, &files[i]);
        if (!n->paths[i]) return false;
        for (size_t at = 0; at < n->paths[i]->len; at++)
            room += n->paths[i]->bytes[at] == '/';
    }
    n->made = hy_alloc(room * sizeof *n->made);
    return n->made != NULL;
}

static void close_list(new_t *n, uint32_t made_count) {
    for (uint32_t i = 0; i < made_count; i++)
        hy_str_unref(n->made[i]);
    hy_free(n->made);
    for (size_t i = 0; i < FILE_COUNT; i++)
        hy_str_unref(n->paths[i]);
}

/* How to call this program, there. */
static const char *program_name(bool is_here, char *room) {
    const char *called = program_invocation_name;
    if (!strchr(called, '/')) return called;
    return is_here ? called : realpath(called, room) ? room : "hyperty";
}

static void tell(const new_t *n) {
    char room[PATH_MAX];
    for (uint32_t i = 0; i < n->made_count; i++) {
        struct stat s;
        if (stat(n->made[i]->bytes, &s) == 0 && S_ISREG(s.st_mode))
            printf("made %s\n", n->made[i]->bytes);
    }
    bool is_here = strcmp(n->into, ".") == 0;
    const char *program = program_name(is_here, room);
    int width = (int)strlen(n->name);
    printf("\nnext%s%s:\n", is_here ? "" : ", in ", is_here ? "" : n->into);
    printf("  %s check %s\n", program, n->name);
    printf("  %s repl %-*s    a prompt: %s.add(2)\n", program, width + 7, n->name, n->name);
    printf("  %s run --watch %s    takes over what you change\n", program, n->name);
    printf("  %-*s    runs spec/%s_spec.lua\n", (int)strlen(program) + width + 13, "busted",
           n->name);
}

int hy_command_new(const hy_options_t *options) {
    new_t n = {.name = options->names.items[0], .into = options->given[HY_OPTION_INTO]};
    if (!n.into || !*n.into) n.into = ".";
    int status = check_name(n.name);
    if (status) return status;
    memcpy(n.capital, n.name, strlen(n.name) + 1);
    if (n.capital[0] >= 'a' && n.capital[0] <= 'z') n.capital[0] += 'A' - 'a';
    hy_paths_find_lua(n.lua, sizeof n.lua);
    hy_paths_find_module(n.module, sizeof n.module);
    hy_paths_find_types(n.types, sizeof n.types);
    status = open_list(&n) ? check_files(&n) : out_of_memory();
    for (size_t i = 0; i < FILE_COUNT && !status; i++)
        status = make(&n, i);
    if (!status) tell(&n);
    uint32_t made_count = n.made_count;
    if (status) undo(&n);
    close_list(&n, made_count);
    return status;
}
