/* The command line, and the file that --config names: one table of options for parsing, for the
 * keys of the file and for the help. */
#ifndef HY_OPTIONS_H
#define HY_OPTIONS_H

#include "base/log.h"
#include "base/value.h"

#include <stdio.h>

/* Exit status of the program. */
enum { HY_EXIT_DONE = 0, HY_EXIT_FAILED = 1, HY_EXIT_USAGE = 2 };

/* name, word, what follows it in the usage, what it does */
#define HY_COMMAND_MAP(X)                                                                          \
    X(RUN, "run", "NAME|FILE.lua ...", "run hyperties until SIGINT or SIGTERM")                    \
    X(REPL, "repl", "[NAME|FILE.lua ...]", "run hyperties, and call them at a prompt for Lua")     \
    X(CHECK, "check", "NAME|FILE.lua ...", "compile, load in a sandbox, validate, run nothing")

typedef enum {
    HY_COMMAND_NONE = -1,
#define X(name, word, usage, text) HY_COMMAND_##name,
    HY_COMMAND_MAP(X)
#undef X
} hy_command_t;

/* name, long name and key in the file, argument, commands that know it, what it does */
#define HY_OPTION_MAP(X)                                                                           \
    X(DOMAIN, "domain", "D", "repl run check", "domain of the runtime; localhost if not given")    \
    X(USER, "user", "URL", "repl run", "user that the hyperties act for; user://D/me")             \
    X(CONFIG, "config", "FILE", "repl run check",                                                  \
      "Lua file that returns a table of these options")                                            \
    X(LOG, "log", "LEVEL", "repl run check", "error, warn, info or debug; info")                   \
    X(LOG_FORMAT, "log-format", "FORMAT", "repl run check", "text or json; text")                  \
    X(CODE, "e", "CODE", "repl", "run CODE as if typed at the prompt, show its value and leave")

typedef enum {
#define X(name, word, argument, commands, text) HY_OPTION_##name,
    HY_OPTION_MAP(X)
#undef X
        HY_OPTION_COUNT
} hy_option_t;

typedef struct {
    hy_command_t command;
    /* What was given, NULL if it was not; from the command line (borrowed) or the file (`file`). */
    const char *given[HY_OPTION_COUNT];
    hy_log_level_t log_level;
    bool log_is_json;
    const char **names; /* of hyperties; borrowed texts in an array of our own */
    int name_count;
    hy_value_t file;
} hy_options_t;

/* Parses the arguments of a command (argv[0] is the command itself) and its file. 0 or an exit
 * status, with the complete message in `err`. Always to be released. */
int hy_options_parse(hy_options_t *o, hy_command_t command, int argc, char **argv, hy_error_t *err);
void hy_options_release(hy_options_t *o);

/* The command of that word, HY_COMMAND_NONE if there is none. */
hy_command_t hy_command_find(const char *word);
const char *hy_command_word(hy_command_t command);

/* The help of the program, and of one command. */
void hy_help_print(FILE *out);
void hy_help_print_command(FILE *out, hy_command_t command);

#endif
