/* The host: hyperties in Lua on one runtime. An instance is one loaded hyperty with a Lua state, an
 * address, a syncher and everything it owns (tasks, timers, handlers); when it stops, the host
 * undoes all of it (DESIGN.md, decision 7).
 *
 * Everything here runs on the thread that drives the runtime's clock and bus. */
#ifndef HY_HOST_HOST_H
#define HY_HOST_HOST_H

#include "../base/log.h"
#include "../sync/manager.h"

typedef struct hy_host hy_host_t;
typedef struct hy_instance hy_instance_t;

/* What the Lua of a hyperty may use of the processor, in milliseconds of its time; 0: unbounded. A
 * run is from where a task begins or goes on until it waits or ends: over the bound it is killed. A
 * turn is all runs of one hyperty in one turn of the host: over the bound, the rest of them comes
 * in the next turn, after the others. */
typedef struct {
    uint32_t run_ms, turn_ms;
} hy_budget_limits_t;

typedef struct {
    hy_manager_t *manager; /* outlives the host */
    hy_store_t *store;     /* for self.state; outlives the host; NULL: it is kept nowhere */
    const hy_log_t *log;
    const char *user;   /* user URL of instances that name none; NULL: none */
    const char **paths; /* folders with NAME.lua or NAME/init.lua, in order; copied */
    uint32_t path_count;
    const char **trusted; /* names and files of hyperties that get all of Lua; copied */
    uint32_t trusted_count;
    hy_budget_limits_t budget; /* of each hyperty */
    size_t memory_max;         /* bytes of each hyperty's Lua state; 0: unbounded */
    /* Text that a hyperty prints; `name` is the instance. NULL: goes to the log as info. */
    void (*print)(void *arg, const char *name, const char *text);
    void *print_arg;
    /* Deferred work is there: call hy_host_turn soon. */
    void (*wake)(void *arg);
    void *wake_arg;
    /* A hyperty is about to be reloaded: what else was edited is to be read. May be NULL. */
    void (*before_reload)(void *arg);
    void *before_reload_arg;
} hy_host_config_t;

int hy_host_new(const hy_host_config_t *config, hy_host_t **out);
/* Stops all instances at once. Not from inside a callback of the host. */
void hy_host_free(hy_host_t *h);
/* The same as at the end of a killed process: no Lua runs, no `stop`, nothing that is to be closed.
 */
void hy_host_crash(hy_host_t *h);
/* Runs what was put off (tasks queued from inside Lua, unloading); true if more is left. */
bool hy_host_turn(hy_host_t *h);

/* `code` 0: the instance has started (its start has returned). Else it is gone again and `desc`
 * says what failed, with file and line. */
typedef void (*hy_loaded_cb)(void *arg, int code, const char *desc, hy_instance_t *instance);
/* Loads NAME or FILE (anything with a slash or ending in .lua). `config` is an object or ABSENT,
 * taken over: `as` names the instance, `user` sets its user. Fails at once (text in `err`: missing
 * file, syntax error with line, no hyperty table, raise at load) or calls back once. */
int hy_host_load(hy_host_t *h, const char *name, hy_value_t config, hy_loaded_cb done, void *arg,
                 hy_error_t *err);
/* The same for source text; `chunk` names it in errors. */
int hy_host_load_text(hy_host_t *h, const char *chunk, const char *source, size_t len,
                      hy_value_t config, hy_loaded_cb done, void *arg, hy_error_t *err);
/* The same for a chunk that the caller itself compiled (lua_dump), for who loads one many times.
 * Nothing can check it: never anything that came from elsewhere. */
int hy_host_load_compiled(hy_host_t *h, const char *chunk, const char *code, size_t len,
                          hy_value_t config, hy_loaded_cb done, void *arg, hy_error_t *err);
/* Compiles, runs the chunk in a sandbox and checks the table; runs nothing else. */
int hy_host_check(hy_host_t *h, const char *name, hy_error_t *err);
/* The path of the file that a NAME or FILE stands for into `path`. HY_ENOT_FOUND lists where it
 * looked. */
int hy_host_find(const hy_host_t *h, const char *name, char *path, size_t room, hy_error_t *err);

/* Hot reload (DESIGN.md, decision 7): the file of that instance again, as a transaction. The new
 * code is compiled and loaded beside the old one; then, while what arrives for the hyperty waits,
 * `migrate` and `start` run in it, what they write and send being held back; then it takes the old
 * one's place: same name, address, objects. If anything fails, or `start` takes over HY_RELOAD_MS,
 * the old code goes on as if nothing had been. Tasks of the old code that wait go on in its state
 * for HY_RELOAD_LINGER_MS at most.
 *
 * `code` 0: `instance` is the new one (pointers to the old one are not valid any more), else `desc`
 * says why, with file and line, and `instance` is the old one, NULL if it was unloaded meanwhile.
 * Fails at once or calls back once: HY_ENOT_FOUND, HY_ECONFLICT (it is being loaded, reloaded or
 * stopped), or that the new code does not compile or load. */
int hy_host_reload(hy_host_t *h, const char *name_or_url, hy_loaded_cb done, void *arg,
                   hy_error_t *err);
/* The same with source text in place of the file. */
int hy_host_reload_text(hy_host_t *h, const char *name_or_url, const char *source, size_t len,
                        hy_loaded_cb done, void *arg, hy_error_t *err);
/* Whether the instance's code, or a file that it requires, is that one (as hy_host_find gives it).
 */
bool hy_instance_uses(const hy_instance_t *i, const char *path);
/* Walks these files, the script first; NULL after the last. */
const char *hy_instance_file(const hy_instance_t *i, uint32_t at);

/* Stops it: `stop` is called, then all it owns is undone, at the next turn. Safe from its own
 * handlers. */
void hy_instance_unload(hy_instance_t *i);
hy_instance_t *hy_host_find_instance(const hy_host_t *h, const char *name_or_url);
/* Walks in order of loading; `after` NULL: the first. */
hy_instance_t *hy_host_next_instance(const hy_host_t *h, const hy_instance_t *after);
const char *hy_instance_name(const hy_instance_t *i);
hy_str_t *hy_instance_url(const hy_instance_t *i);
/* Bytes of its Lua state; tasks alive. */
size_t hy_instance_memory(const hy_instance_t *i);
size_t hy_instance_tasks(const hy_instance_t *i);
/* "starting", "running", "reloading", "stopping"; or, once it has failed too often, "restarting"
 * (it is started again after a pause) and "parked" (it is not, until somebody reloads it). And the
 * first line of the error that counted last, NULL: none has. */
const char *hy_instance_condition(const hy_instance_t *i);
const char *hy_instance_failure(const hy_instance_t *i);

/* Result of a call or piece of code: values as an array (`values`, lent: who keeps it references
 * its node, which nobody changes; nil is null, what is not JSON comes as text), or `code` negative
 * with the message (and traceback) in `desc`. Called once, before the call returns if nothing
 * waits. */
typedef void (*hy_result_cb)(void *arg, int code, const char *desc, hy_value_t values);
/* Calls api[method] with the values of `args` (array or ABSENT, taken over) in a task of the
 * instance. */
int hy_instance_call(hy_instance_t *i, const char *method, hy_value_t args, hy_result_cb done,
                     void *arg, hy_error_t *err);
/* Runs a chunk in a task of the instance, with its environment and `self`, which is also its first
 * argument; HY_EINVALID with the syntax error. */
int hy_instance_eval(hy_instance_t *i, const char *chunk, const char *source, size_t len,
                     hy_value_t args, hy_result_cb done, void *arg, hy_error_t *err);
/* Names of the functions in its api: array of strings, owned by the caller. */
int hy_instance_api(const hy_instance_t *i, hy_value_t *out);

#endif
