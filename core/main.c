/* The program `hyperty`: finds the command, reads its options, runs it. Results go to stdout,
 * everything else to stderr; every error says what failed, on what, and what to do. */
#include "commands.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int (*const commands[])(const hy_options_t *options) = {
    [HY_COMMAND_RUN] = hy_command_run,       [HY_COMMAND_REPL] = hy_command_repl,
    [HY_COMMAND_CHECK] = hy_command_check,   [HY_COMMAND_NODE] = hy_command_node,
    [HY_COMMAND_STORE] = hy_command_store,   [HY_COMMAND_NEW] = hy_command_new,
    [HY_COMMAND_ATTACH] = hy_command_attach, [HY_COMMAND_SCHEMA] = hy_command_schema,
    [HY_COMMAND_TOKEN] = hy_command_token,
};

static int unknown_command(const char *word) {
    fprintf(stderr, "hyperty: unknown command \"%s\"; \"hyperty --help\" lists them\n", word);
    return HY_EXIT_USAGE;
}

/* Output that could not be written is a failure, too: a full disk, a closed pipe. */
static int finish(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    perror("hyperty: stdout");
    return status ? status : HY_EXIT_FAILED;
}

static int help(int argc, char **argv) {
    if (argc < 2) {
        hy_help_print(stdout);
        return HY_EXIT_DONE;
    }
    hy_command_t command = hy_command_find(argv[1]);
    if (command == HY_COMMAND_NONE) return unknown_command(argv[1]);
    hy_help_print_command(stdout, command);
    return HY_EXIT_DONE;
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool asks_for_help(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) return true;
    }
    return false;
}

static int run(hy_command_t command, int argc, char **argv) {
    if (asks_for_help(argc, argv)) {
        hy_help_print_command(stdout, command);
        return HY_EXIT_DONE;
    }
    hy_options_t options;
    hy_error_t err = {0};
    int status = hy_options_parse(&options, command, argc, argv, &err);
    if (status) {
        fprintf(stderr, "hyperty: %s\n", err.text);
    } else {
        status = commands[command](&options);
    }
    hy_options_release(&options);
    return status;
}

/* The number of a standard stream that is closed would go to the first thing opened, which would be
 * taken for the stream. This way reading finds the end, and writing fails as to a closed one. */
static void fill_closed_streams(void) {
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) return;
    }
}

int main(int argc, char **argv) {
    fill_closed_streams();
    signal(SIGPIPE, SIG_IGN); /* who went away is told by the call that writes to it */
    if (argc < 2) {
        hy_help_print(stderr);
        return HY_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0) {
        puts("hyperty " HYPERTY_VERSION);
        return finish(HY_EXIT_DONE);
    }
    if (is_help(word)) return finish(help(1, argv));
    if (strcmp(word, "help") == 0) return finish(help(argc - 1, argv + 1));
    /* Without a command -e means the prompt's. */
    if (strcmp(word, "-e") == 0) return finish(run(HY_COMMAND_REPL, argc, argv));
    hy_command_t command = hy_command_find(word);
    if (command == HY_COMMAND_NONE) return unknown_command(word);
    return finish(run(command, argc - 1, argv + 1));
}
