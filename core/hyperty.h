/* libhyperty: hyperties in Lua inside a C program. This is its one public header.
 *
 *      hyperty_t *h;
 *      hyperty_error_t err;
 *      if (hyperty_open(NULL, &h, &err) != 0) …
 *      hyperty_load(h, "counter", NULL, on_loaded, NULL, &err);
 *      hyperty_run(h);          until somebody calls hyperty_stop
 *      hyperty_close(h);
 *
 * A host has a runtime, with its message node embedded or elsewhere, and an event loop of its own.
 * Hosts share nothing; each belongs to the thread that runs it. All functions are for that thread,
 * callbacks come on it, from inside hyperty_run; hyperty_post alone may be called from any thread.
 *
 * Values cross as JSON text. A function that can fail returns 0 or a negative code, and fills `err`
 * (NULL allowed) with what failed, on what, and what to do. A call that takes `done` either fails
 * at once, or calls it exactly once. Texts given to callbacks are lent for the call. */
#ifndef HYPERTY_H
#define HYPERTY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HYPERTY_API __attribute__((visibility("default")))
#else
#define HYPERTY_API
#endif

typedef struct hyperty hyperty_t;

#define HYPERTY_ERROR_TEXT_BYTES 512
typedef struct {
    int code;
    char text[HYPERTY_ERROR_TEXT_BYTES];
} hyperty_error_t;

/* The word of a code, as Lua has it: "forbidden", "not_found", "timeout", "invalid", "conflict",
 * "too_large", "unreachable", "deleted", "full", "closed", "internal". */
HYPERTY_API const char *hyperty_error_word(int code);
HYPERTY_API const char *hyperty_version(void);

typedef enum {
    HYPERTY_LOG_ERROR,
    HYPERTY_LOG_WARN,
    HYPERTY_LOG_INFO,
    HYPERTY_LOG_DEBUG
} hyperty_log_level_t;

/* Zeroed, it says: all as usual. Texts are copied. */
typedef struct {
    const char *domain; /* NULL: "localhost" */
    const char *user;   /* user URL of hyperties that name none; NULL: user://<domain>/me */
    /* Folders to look for hyperties in, separated by colons. NULL: ./hyperties, those of
     * $HYPERTY_PATH, the installed ones. */
    const char *path;
    hyperty_log_level_t log_level; /* lines beyond it are not made */
    /* A line of the log; `who` is the name of a hyperty or a part of the runtime. NULL: nowhere. */
    void (*log)(void *arg, hyperty_log_level_t level, const char *who, const char *text);
    /* What a hyperty prints. NULL: goes to the log. */
    void (*print)(void *arg, const char *name, const char *text);
    void *arg; /* of log and print */
    /* Message nodes, separated by spaces or commas: URLs for the own domain (ws://HOST:PORT/ws,
     * tcp://HOST:PORT, over TLS wss://HOST:PORT/ws and tls://HOST:PORT, unix:///PATH), DOMAIN=URL
     * for a further one; several for one domain are tried in turn. Not being reached is no error: a
     * warning is logged, calls fail in the meantime. NULL: the node is embedded. */
    const char *node;
    /* File that keeps what is to survive the process: the host's address, those of its hyperties,
     * their state, the objects they store. Made if it is not there; its folder must be. One host at
     * a time. NULL: in memory. */
    const char *store;
    /* What each hyperty may use: processor time in ms without a wait, over which its task is
     * killed (0: 200); bytes of its Lua state, beyond which its script gets "not enough memory" (0:
     * 64 MiB). Negative: as much as it likes. */
    int budget_ms;
    long memory_bytes;
    /* Names and files, separated by colons, of hyperties that get all of Lua's libraries, io, os,
     * package and debug too. NULL: none. */
    const char *trusted;
    /* Who may create, observe, read, write children and execute: rules, as a JSON object
     * {"rules": [{"name":, "effect":, "target":, "condition":}, …]}, and named groups of user and
     * hyperty URLs that they speak of, {"friends": ["user://…"]}. The README tells more. What is
     * wrong in them makes hyperty_open fail, which names the rule. NULL: none. */
    const char *policy, *groups;
    /* File with the host's own signing key, by which others know it again where only participants
     * may read. Mode 0600; made if it is not there. NULL: the store keeps one; without a store each
     * run has another. */
    const char *key;
    /* Files for nodes over TLS: authorities that they are checked with (NULL: the system's); a
     * certificate with its chain, and its key (mode 0600), for those that ask for one (NULL: none).
     */
    const char *ca, *tls_cert, *tls_key;
    /* Files with tokens for nodes that ask for one, separated by colons: FILE for that of the own
     * domain, DOMAIN=FILE for a further one. Mode 0600; read anew for each try, and shortly before
     * one ends. Without `user` hyperties act for the first user that the own one names. NULL: none.
     */
    const char *token;
} hyperty_config_t;

/* `config` NULL: all as usual. */
HYPERTY_API int hyperty_open(const hyperty_config_t *config, hyperty_t **out, hyperty_error_t *err);
/* Stops all hyperties, and waits (a second at most) until their last words have left for the node.
 * Not from inside a callback. NULL allowed. */
HYPERTY_API void hyperty_close(hyperty_t *h);
/* Works until hyperty_stop. May be called again. */
HYPERTY_API void hyperty_run(hyperty_t *h);
/* From a callback, or before hyperty_run, which then comes back at once. */
HYPERTY_API void hyperty_stop(hyperty_t *h);
/* From any thread, while the host is open: has fn(arg) called on the host's thread, in the order of
 * posting. What was not called before hyperty_close is called by it. Fails when out of memory, and
 * in what hyperty_close calls. */
HYPERTY_API int hyperty_post(hyperty_t *h, void (*fn)(void *arg), void *arg);

/* `code` 0: the hyperty has started, and goes by `name` and `url`. Else it is gone again, and
 * `text` says why. */
typedef void (*hyperty_loaded_cb)(void *arg, int code, const char *text, const char *name,
                                  const char *url);
/* Loads a hyperty by NAME or FILE (anything with a slash or ending in .lua). `config` is a JSON
 * object or NULL: `as` names the instance, `user` sets its user, all of it goes to its start.
 * `done` may be NULL. */
HYPERTY_API int hyperty_load(hyperty_t *h, const char *name, const char *config,
                             hyperty_loaded_cb done, void *arg, hyperty_error_t *err);
/* The same for the text of a script; `chunk` names it in messages. */
HYPERTY_API int hyperty_load_text(hyperty_t *h, const char *chunk, const char *source, size_t len,
                                  const char *config, hyperty_loaded_cb done, void *arg,
                                  hyperty_error_t *err);
/* Compiles it, runs its file in a sandbox and checks the table that it gives; starts nothing. */
HYPERTY_API int hyperty_check(hyperty_t *h, const char *name, hyperty_error_t *err);
/* Stops an instance, given its name or URL, soon. */
HYPERTY_API int hyperty_unload(hyperty_t *h, const char *instance, hyperty_error_t *err);

/* `code` 0: `text` is a JSON array of what the function gave. Else it says what failed. */
typedef void (*hyperty_called_cb)(void *arg, int code, const char *text);
/* Calls a function of an instance's api. `args` is a JSON array; NULL: no arguments. `done` may be
 * NULL. */
HYPERTY_API int hyperty_call(hyperty_t *h, const char *instance, const char *method,
                             const char *args, hyperty_called_cb done, void *arg,
                             hyperty_error_t *err);

#ifdef __cplusplus
}
#endif

#endif
