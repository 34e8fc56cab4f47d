/* Parsing of the command line. Options may stand before, between and after names; `--` ends them.
 * What the command line gives wins over the file. Owns the file's values and the lists, no text of
 * the command line. What an option's value may be: option_values.c. */
#include "options.h"
#include "base/mem.h"
#include "host/config.h"

#include <string.h>

static const struct {
    const char *word, *usage, *text;
} commands[] = {
#define X(name, word, usage, text) {word, usage, text},
    HY_COMMAND_MAP(X)
#undef X
};
#define COMMAND_COUNT ((int)(sizeof commands / sizeof *commands))
#define HELP_COLUMN   26 /* where the texts of options begin */

static const struct {
    const char *word;
    hy_option_kind_t kind;
    const char *argument, *commands, *text;
} options[] = {
#define X(name, word, kind, argument, commands, text)                                              \
    {word, HY_OPTION_##kind, argument, commands, text},
    HY_OPTION_MAP(X)
#undef X
};

hy_command_t hy_command_find(const char *word) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].word, word) == 0) return (hy_command_t)i;
    }
    return HY_COMMAND_NONE;
}

const char *hy_command_word(hy_command_t command) {
    return commands[command].word;
}

hy_option_kind_t hy_option_kind(hy_option_t option) {
    return options[option].kind;
}
const char *hy_option_word(hy_option_t option) {
    return options[option].word;
}

static int out_of_memory(const hy_options_t *o, hy_error_t *err) {
    hy_fail(err, HY_ENOMEM, "%s: out of memory", hy_command_word(o->command));
    return HY_EXIT_FAILED;
}

static bool knows(hy_command_t command, int option) {
    return strstr(options[option].commands, commands[command].word) != NULL;
}

static int option_find(hy_command_t command, const char *word, size_t len) {
    for (int i = 0; i < HY_OPTION_COUNT; i++) {
        if (strlen(options[i].word) == len && memcmp(options[i].word, word, len) == 0 &&
            knows(command, i)) {
            return i;
        }
    }
    return -1;
}

static int unknown_option(const hy_options_t *o, const char *argument, hy_error_t *err) {
    hy_fail(err, HY_EINVALID, "%s: unknown option \"%s\"; \"hyperty help %s\" lists them",
            hy_command_word(o->command), argument, hy_command_word(o->command));
    return HY_EXIT_USAGE;
}

/* Takes one option at argv[*i], with its value there or in the next place. */
static int parse_option(hy_options_t *o, int argc, char **argv, int *i, hy_error_t *err) {
    const char *argument = argv[*i];
    const char *value = NULL;
    int option = -1;
    if (argument[1] == '-') {
        const char *name = argument + 2;
        size_t len = strcspn(name, "=");
        option = len > 1 ? option_find(o->command, name, len) : -1;
        if (option >= 0 && options[option].kind == HY_OPTION_TABLE) option = -1;
        if (name[len] == '=') value = name + len + 1;
    } else if (strcmp(argument, "-e") == 0) {
        option = option_find(o->command, "e", 1);
    }
    if (option < 0) return unknown_option(o, argument, err);
    bool is_flag = options[option].kind == HY_OPTION_FLAG;
    if (is_flag && value) {
        hy_fail(err, HY_EINVALID, "%s: --%s takes no value", hy_command_word(o->command),
                options[option].word);
        return HY_EXIT_USAGE;
    }
    if (is_flag) value = "true";
    if (!value && *i + 1 < argc) value = argv[++*i];
    if (!value) {
        hy_fail(err, HY_EINVALID, "%s: %s needs a value: %s %s", hy_command_word(o->command),
                argument, argument, options[option].argument);
        return HY_EXIT_USAGE;
    }
    if (options[option].kind == HY_OPTION_LIST) {
        if (hy_texts_add(&o->lists[option], value) != 0) return out_of_memory(o, err);
    } else if (o->given[option]) {
        hy_fail(err, HY_EINVALID, "%s: %s%s is given twice", hy_command_word(o->command),
                argument[1] == '-' ? "--" : "-", options[option].word);
        return HY_EXIT_USAGE;
    }
    if (!o->given[option]) o->given[option] = value;
    return 0;
}

static int parse_arguments(hy_options_t *o, int argc, char **argv, hy_error_t *err) {
    bool has_ended = false;
    for (int i = 1; i < argc; i++) {
        if (!has_ended && strcmp(argv[i], "--") == 0) {
            has_ended = true;
        } else if (!has_ended && argv[i][0] == '-' && argv[i][1] != '\0') {
            int status = parse_option(o, argc, argv, &i, err);
            if (status) return status;
        } else {
            if (hy_texts_add(&o->names, argv[i]) != 0) return out_of_memory(o, err);
        }
    }
    return 0;
}

/* Keys of the file are the long names, also with _ for -. */
static int file_option(hy_command_t command, const hy_str_t *key) {
    char word[32];
    if (key->len < 2 || key->len >= sizeof word) return -1;
    for (size_t i = 0; i <= key->len; i++)
        word[i] = (char)(key->bytes[i] == '_' ? '-' : key->bytes[i]);
    int option = option_find(command, word, key->len);
    return option == HY_OPTION_CONFIG ? -1 : option;
}

/* A file may serve several commands: an option of another one is passed over. */
static bool is_known_elsewhere(const hy_str_t *key) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (file_option((hy_command_t)i, key) >= 0) return true;
    }
    return false;
}

static int read_file(hy_options_t *o, hy_error_t *err) {
    const char *word = hy_command_word(o->command), *path = o->given[HY_OPTION_CONFIG];
    hy_error_t why = {0};
    if (hy_config_read(path, &o->file, &why) != 0) {
        hy_fail(err, why.code, "%s: --config: %s", word, why.text);
        return HY_EXIT_FAILED;
    }
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t value;
    while (hy_node_next(o->file.as.n, &pos, &key, &value)) {
        int option = file_option(o->command, key);
        if (option < 0 && is_known_elsewhere(key)) continue;
        if (option < 0) {
            hy_fail(err, HY_EINVALID,
                    "%s: --config: %s: unknown option \"%s\"; \"hyperty help %s\" lists them", word,
                    path, key->bytes, word);
            return HY_EXIT_USAGE;
        }
        int status = hy_options_take(o, (hy_option_t)option, key, value, &why);
        if (status) {
            hy_fail(err, why.code, "%s: --config: %s: %s", word, path, why.text);
            return status;
        }
    }
    return 0;
}

static int check_values(hy_options_t *o, hy_error_t *err) {
    const char *word = hy_command_word(o->command);
    const char *level = o->given[HY_OPTION_LOG], *format = o->given[HY_OPTION_LOG_FORMAT];
    if (level) {
        int found = hy_log_level_find(level);
        if (found < 0) {
            hy_fail(err, HY_EINVALID,
                    "%s: --log: \"%s\" is no level; use error, warn, info or debug", word, level);
            return HY_EXIT_USAGE;
        }
        o->log_level = (hy_log_level_t)found;
    }
    if (format) {
        o->log_is_json = strcmp(format, "json") == 0;
        if (!o->log_is_json && strcmp(format, "text") != 0) {
            hy_fail(err, HY_EINVALID, "%s: --log-format: \"%s\" is no format; use text or json",
                    word, format);
            return HY_EXIT_USAGE;
        }
    }
    hy_error_t why = {0};
    int status = hy_options_read_numbers(o, &why);
    if (status) hy_fail(err, why.code, "%s: %s", word, why.text);
    return status;
}

static int check_names(const hy_options_t *o, hy_error_t *err) {
    const char *word = hy_command_word(o->command);
    if (o->command == HY_COMMAND_NODE && o->names.count > 0) {
        hy_fail(err, HY_EINVALID,
                "%s: \"%s\" is too much: a node runs no hyperties; where it listens is said with "
                "--listen URL",
                word, o->names.items[0]);
        return HY_EXIT_USAGE;
    }
    if (o->command == HY_COMMAND_NEW && o->names.count != 1) {
        hy_fail(err, HY_EINVALID, "new: give one name: hyperty new NAME");
        return HY_EXIT_USAGE;
    }
    if (o->command == HY_COMMAND_ATTACH && o->names.count > 1) {
        hy_fail(err, HY_EINVALID,
                "%s: \"%s\" is too much: a prompt is on one host; give its PID or socket", word,
                o->names.items[1]);
        return HY_EXIT_USAGE;
    }
    bool needs_one = o->command == HY_COMMAND_RUN || o->command == HY_COMMAND_CHECK;
    if (needs_one && o->names.count == 0) {
        hy_fail(err, HY_EINVALID,
                "%s: nothing to %s; give the name or file of a hyperty: "
                "hyperty %s %s",
                word, word, word, commands[o->command].usage);
        return HY_EXIT_USAGE;
    }
    return 0;
}

/* What has no effect without another option is a mistake. */
static int check_company(const hy_options_t *o, hy_error_t *err) {
    if (!o->given[HY_OPTION_CA] || o->given[HY_OPTION_NODE]) return 0;
    hy_fail(err, HY_EINVALID, "%s: --ca is for a node with TLS: say which with --node URL",
            hy_command_word(o->command));
    return HY_EXIT_USAGE;
}

int hy_options_parse(hy_options_t *o, hy_command_t command, int argc, char **argv,
                     hy_error_t *err) {
    *o = (hy_options_t){.command = command, .log_level = HY_LOG_INFO};
    int status = parse_arguments(o, argc, argv, err);
    if (!status && o->given[HY_OPTION_CONFIG]) status = read_file(o, err);
    if (!status) status = check_values(o, err);
    if (!status) status = check_company(o, err);
    return status ? status : check_names(o, err);
}

void hy_options_release(hy_options_t *o) {
    for (int i = 0; i < HY_OPTION_COUNT; i++)
        hy_free(o->lists[i].items);
    hy_free(o->names.items);
    hy_value_drop(o->file);
    *o = (hy_options_t){.command = HY_COMMAND_NONE};
}

/* --- help ------------------------------------------------------------------------------------- */

/* A text of several lines goes on below its first one. */
static void print_text(FILE *out, const char *text) {
    for (; *text; text++) {
        fputc(*text, out);
        if (*text == '\n') fprintf(out, "%*s", HELP_COLUMN, "");
    }
}

static void print_options(FILE *out, hy_command_t command) {
    for (int i = 0; i < HY_OPTION_COUNT; i++) {
        if (command != HY_COMMAND_NONE && !knows(command, i)) continue;
        if (options[i].kind == HY_OPTION_TABLE) continue;
        char left[32];
        snprintf(left, sizeof left, "%s%s %s", i == HY_OPTION_CODE ? "-" : "--", options[i].word,
                 options[i].argument);
        fprintf(out, "  %-*s ", HELP_COLUMN - 3, left);
        print_text(out, options[i].text);
        /* Among all of them, those of one command say so. */
        bool is_of_one = !strchr(options[i].commands, ' ');
        if (command == HY_COMMAND_NONE && is_of_one) fprintf(out, " (%s)", options[i].commands);
        fputc('\n', out);
    }
}

void hy_help_print(FILE *out) {
    fputs("hyperty: services in Lua that keep data objects in sync\n\n", out);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "  hyperty %-6s %-20s %s\n", commands[i].word, commands[i].usage,
                commands[i].text);
    }
    fputs("  hyperty --version | --help | help COMMAND\n\noptions:\n", out);
    print_options(out, HY_COMMAND_NONE);
    fputs("\nA NAME is looked up as NAME.lua or NAME/init.lua in ./hyperties, in the folders of\n"
          "$HYPERTY_PATH (separated by colons), then among the installed ones.\n"
          "Results go to stdout, everything else to stderr.\n"
          "Exit status: 0 done, 1 failed, 2 used wrongly.\n",
          out);
}

static void print_new(FILE *out) {
    fputs("\n  Makes hyperties/NAME.lua, hyperties/schemas/Name.json and spec/NAME_spec.lua, and\n"
          "  once for all of a folder .busted and .luarc.json, which tell busted and an editor\n"
          "  where things are. It leaves alone what is there. All of it passes at once: hyperty\n"
          "  check NAME, hyperty run NAME, and busted.\n",
          out);
}

static void print_store(FILE *out) {
    fputs("hyperty store ls FILE          what hyperties keep there, a line for each object\n"
          "hyperty store show FILE [URL]  one object as JSON: metadata, data, children; or all\n"
          "hyperty store check FILE       looks for damage; exit status 1 if there is any\n"
          "hyperty store compact FILE     gives back unused room\n\n"
          "  FILE is what --store named. It may be in use, but not for compact.\n"
          "  Of a message node's, ls tells how much is in it; its rows are for the node alone.\n",
          out);
}

static void print_schema(FILE *out) {
    fputs(
        "hyperty schema ls                  those of the search path, a line for each\n"
        "hyperty schema show NAME           one, as JSON\n"
        "hyperty schema check NAME          whether it is one, and what it has\n"
        "hyperty schema check OLD NEW       whether who has one version can read what is written\n"
        "                                   for the other: backward (NEW reads OLD), forward (OLD\n"
        "                                   reads NEW), both, or breaking, and where not; exit\n"
        "                                   status 1 if it is breaking\n"
        "hyperty schema fits NAME DATA      whether the JSON in the file DATA fits it\n\n"
        "  A NAME is looked up as schemas/NAME.json in ./hyperties, in the folders of\n"
        "  $HYPERTY_PATH (separated by colons), then among the installed ones; in its place the\n"
        "  path of a file may stand.\n",
        out);
}

static const char attach_end[] = "\n  A host is named by its process, by what it runs, or by the "
                                 "path of its socket; none is needed\n"
                                 "  if only one runs. Ctrl-D leaves it running. Without a "
                                 "terminal, lines are read from stdin.\n";

/* Of both commands that give a prompt. */
static const char prompt_end[] =
    "\nWhat is typed is kept for the next time in this folder, in $XDG_STATE_HOME/hyperty/history\n"
    "or ~/.local/state/hyperty/history; $HYPERTY_HISTORY names another file, or none if it is\n"
    "empty. NO_COLOR=1 does without colours.\n";

void hy_help_print_command(FILE *out, hy_command_t command) {
    const char *usage = commands[command].usage;
    if (command == HY_COMMAND_STORE || command == HY_COMMAND_SCHEMA) {
        (command == HY_COMMAND_STORE ? print_store : print_schema)(out);
        return;
    }
    fprintf(out, "hyperty %s [options]%s%s\n\n  %s\n\noptions:\n", commands[command].word,
            *usage ? " " : "", usage, commands[command].text);
    print_options(out, command);
    if (command == HY_COMMAND_NEW) print_new(out);
    if (command == HY_COMMAND_ATTACH) fputs(attach_end, out);
    if (command == HY_COMMAND_REPL || command == HY_COMMAND_ATTACH) fputs(prompt_end, out);
}
