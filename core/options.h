/* The command line, and the file that --config names: one table of options for parsing, for the
 * keys of the file and for the help. */
#ifndef HY_OPTIONS_H
#define HY_OPTIONS_H

#include "base/log.h"
#include "base/value.h"

#include <stdio.h>

/* Exit status of the program. */
enum { HY_EXIT_DONE = 0, HY_EXIT_FAILED = 1, HY_EXIT_USAGE = 2 };

/* Where `hyperty node` listens if nothing is said. */
#define HY_LISTEN_USUAL "ws://127.0.0.1:9090/ws"

/* name, word, what follows it in the usage, what it does */
#define HY_COMMAND_MAP(X)                                                                          \
    X(RUN, "run", "NAME|FILE.lua ...", "run hyperties until SIGINT or SIGTERM")                    \
    X(REPL, "repl", "[NAME|FILE.lua ...]", "run hyperties, and call them at a prompt for Lua")     \
    X(ATTACH, "attach", "[PID|SOCKET]", "a prompt on a host that runs: run, repl or node")         \
    X(CHECK, "check", "NAME|FILE.lua ...", "compile, load in a sandbox, validate, run nothing")    \
    X(NEW, "new", "NAME", "make a hyperty to begin with, its schema and its spec")                 \
    X(NODE, "node", "", "a message node for the runtimes of a domain, until SIGINT or SIGTERM")    \
    X(SCHEMA, "schema", "ACTION NAME|FILE ...", "look at schemas: list, check and compare them")   \
    X(STORE, "store", "ACTION FILE [URL]", "look into the file that --store names")                \
    X(TOKEN, "token", "", "make a token, with which a runtime comes in at a node with --auth-key")

typedef enum {
    HY_COMMAND_NONE = -1,
#define X(name, word, usage, text) HY_COMMAND_##name,
    HY_COMMAND_MAP(X)
#undef X
} hy_command_t;

/* How an option is given: once; as often as one likes (in the file a string or a list of strings);
 * a number within bounds (option_values.c); without a value (in the file true or false); in the
 * file alone, as a table. */
typedef enum {
    HY_OPTION_TEXT,
    HY_OPTION_LIST,
    HY_OPTION_NUMBER,
    HY_OPTION_FLAG,
    HY_OPTION_TABLE
} hy_option_kind_t;

/* name, long name and key in the file, kind, argument, commands that know it, what it does */
#define HY_OPTION_MAP(X)                                                                           \
    X(DOMAIN, "domain", TEXT, "D", "repl run check node", "domain; localhost if not given")        \
    X(NODE, "node", LIST, "URL", "repl run",                                                       \
      "message node: ws://HOST:PORT/ws, tcp://HOST:PORT, wss:// and tls:// for the\n"              \
      "same over TLS, unix:///PATH, or for a further domain D=URL; several of one\n"               \
      "domain are tried in turn; embedded in the process if not given")                            \
    X(LISTEN, "listen", LIST, "URL", "node",                                                       \
      "where runtimes come in, repeatable; " HY_LISTEN_USUAL)                                      \
    X(CA, "ca", TEXT, "FILE", "repl run",                                                          \
      "certificates of authorities that nodes of wss and tls are checked with;\n"                  \
      "the system's if not given")                                                                 \
    X(TLS_CERT, "tls-cert", TEXT, "FILE", "repl run node",                                         \
      "certificate with its chain: what a node has for wss and tls, what a\n"                      \
      "runtime shows to nodes that ask for one")                                                   \
    X(TLS_KEY, "tls-key", TEXT, "FILE", "repl run node", "its private key, mode 0600")             \
    X(CLIENT_CA, "client-ca", TEXT, "FILE", "node",                                                \
      "authorities: over wss and tls come in only who show a certificate of theirs")               \
    X(AUTH_KEY, "auth-key", LIST, "FILE", "node",                                                  \
      "only who shows a token of this key comes in: a public ES256 key in PEM, or an\n"            \
      "HS256 secret (mode 0600); repeatable, and read again on SIGHUP")                            \
    X(TOKEN, "token", LIST, "FILE", "repl run",                                                    \
      "token for a node that asks for one (mode 0600), read again for each try; for\n"             \
      "a further domain D=FILE")                                                                   \
    X(STORE, "store", TEXT, "FILE", "repl run node",                                               \
      "what is to survive the process is kept there; in memory if not given")                      \
    X(USER, "user", TEXT, "URL", "repl run", "user that the hyperties act for; user://D/me")       \
    X(KEY, "key", TEXT, "FILE", "repl run",                                                        \
      "own key, by which others know this host again; made if it is not there; in\n"               \
      "the store if not given")                                                                    \
    X(BUDGET, "budget", NUMBER, "MS", "repl run check",                                            \
      "of processor time, that a hyperty may run without a wait; 200; 0: unbounded")               \
    X(MEMORY, "memory", NUMBER, "N", "repl run check",                                             \
      "bytes of memory of a hyperty's Lua; 67108864; 0: unbounded")                                \
    X(TRUSTED, "trusted", LIST, "NAME", "repl run check",                                          \
      "hyperty, by name or file, that gets all of Lua's libraries: io, os,\n"                      \
      "package and debug too; repeatable")                                                         \
    X(CONFIG, "config", TEXT, "FILE", "repl run check node",                                       \
      "Lua file that returns a table of these options, and maybe policy and groups:\n"             \
      "who may do what")                                                                           \
    X(POLICY, "policy", TABLE, "", "repl run check", "rules")                                      \
    X(GROUPS, "groups", TABLE, "", "repl run check", "of user and hyperty URLs")                   \
    X(LOG, "log", TEXT, "LEVEL", "repl run check node", "error, warn, info or debug; info")        \
    X(LOG_FORMAT, "log-format", TEXT, "FORMAT", "repl run check node", "text or json; text")       \
    X(ATTACH, "attach", TEXT, "PATH", "repl run node",                                             \
      "socket that \"hyperty attach\" comes in by; none: nobody does. One of this\n"               \
      "user's own, in $XDG_RUNTIME_DIR/hyperty or /tmp/hyperty-UID, if not given")                 \
    X(WATCH, "watch", FLAG, "", "repl run", "reload a hyperty when its files are edited")          \
    X(GRACE, "grace", NUMBER, "SECONDS", "node", "that a session without connection is kept; 30")  \
    X(DRAIN, "drain", NUMBER, "SECONDS", "node", "that leaving may take, to write what waits; 5")  \
    X(QUEUE_BYTES, "queue-bytes", NUMBER, "N", "node", "that wait for a slow reader; 8388608")     \
    X(CONNECTIONS, "connections", NUMBER, "N", "node", "at most at a time; 131072")                \
    X(ADDRESS_CONNECTIONS, "address-connections", NUMBER, "N", "node",                             \
      "the same from one address (IPv6: /64); 16384; 0: as many as it likes")                      \
    X(ADDRESS_HANDSHAKES, "address-handshakes", NUMBER, "N", "node",                               \
      "connections that one address may begin a second; 1000; 0: as above")                        \
    X(ADDRESS_OPENS, "address-opens", NUMBER, "N", "node",                                         \
      "sessions that one address may open a second; 2000; 0: as above")                            \
    X(RATE_HANDSHAKES, "rate-handshakes", NUMBER, "N", "node",                                     \
      "connections that all addresses together may begin a second; 4000; 0: as above")             \
    X(RATE_MESSAGES, "rate-messages", NUMBER, "N", "node",                                         \
      "that one runtime may send a second; 200000; 0: as many as it likes")                        \
    X(RATE_BYTES, "rate-bytes", NUMBER, "N", "node", "the same for bytes; 134217728")              \
    X(RATE_ALLOCATIONS, "rate-allocations", NUMBER, "N", "node",                                   \
      "the same for addresses that it has allocated; 10000")                                       \
    X(SIGN_KEY, "key", TEXT, "FILE", "token",                                                      \
      "what it is signed with: a private ES256 key in PEM, or the HS256 secret")                   \
    X(SUB, "sub", TEXT, "URL", "token", "the runtime that it is for, or what its URL begins with") \
    X(USERS, "user", LIST, "URL", "token", "user that the runtime may speak for; repeatable")      \
    X(TTL, "ttl", TEXT, "TIME", "token",                                                           \
      "how long it is good: 3600, 90s, 15m, 12h, 30d; 1d. Nodes\n"                                 \
      "take it for half a minute more, as clocks differ")                                          \
    X(INTO, "into", TEXT, "DIR", "new", "the project's folder; this one if not given")             \
    X(CODE, "e", TEXT, "CODE", "repl attach",                                                      \
      "run CODE as if typed at the prompt, show its value and leave")

typedef enum {
#define X(name, word, kind, argument, commands, text) HY_OPTION_##name,
    HY_OPTION_MAP(X)
#undef X
        HY_OPTION_COUNT
} hy_option_t;

/* Borrowed texts in an array of our own. */
typedef struct {
    const char **items;
    int count, room;
} hy_texts_t;

typedef struct {
    hy_command_t command;
    /* What was given, NULL if it was not; from the command line (borrowed) or the file (`file`). */
    const char *given[HY_OPTION_COUNT];
    hy_texts_t lists[HY_OPTION_COUNT]; /* those that may be repeated; `given` is the first */
    uint32_t numbers[HY_OPTION_COUNT]; /* seconds in ms; 0 if not given */
    hy_log_level_t log_level;
    bool log_is_json;
    hy_texts_t names; /* of hyperties */
    hy_value_t file;
} hy_options_t;

/* Parses the arguments of a command (argv[0] is the command itself) and its file. 0 or an exit
 * status, with the complete message in `err`. Always to be released. */
int hy_options_parse(hy_options_t *o, hy_command_t command, int argc, char **argv, hy_error_t *err);
void hy_options_release(hy_options_t *o);

int hy_texts_add(hy_texts_t *list, const char *text); /* HY_ENOMEM */
/* Takes a value of the file for an option, in the place of `key`. 0 or an exit status, with what is
 * wrong in `err` ("grace must be a number"). Nothing is done for what the command line gave. */
int hy_options_take(hy_options_t *o, hy_option_t option, hy_str_t *key, hy_value_t value,
                    hy_error_t *err);
/* Reads the numbers. As above. */
int hy_options_read_numbers(hy_options_t *o, hy_error_t *err);
/* The table that the file gives for it, lent; NULL: none. */
const hy_node_t *hy_options_table(const hy_options_t *o, hy_option_t option);
hy_option_kind_t hy_option_kind(hy_option_t option);
const char *hy_option_word(hy_option_t option);

/* The command of that word, HY_COMMAND_NONE if there is none. */
hy_command_t hy_command_find(const char *word);
const char *hy_command_word(hy_command_t command);

/* The help of the program, and of one command. */
void hy_help_print(FILE *out);
void hy_help_print_command(FILE *out, hy_command_t command);

#endif
