/* Inside the trusted Lua module `hyperty.host`: what module*.c share.
 *
 *      world ── clock, and with a network: for each domain its node and the network to it
 *            ── runtimes ── ports, calls that are not done
 *
 * A world is what moves together: one runtime with its node embedded, or a network of them.
 * Everything that Lua holds is userdata; the parts of the core in it go when the runtime is
 * stopped, so that then no block of the core is left. */
#ifndef HY_MODULE_H
#define HY_MODULE_H

#include <lauxlib.h>
#include <lua.h>

#include "base/crypto.h"
#include "base/list.h"
#include "host/plain.h"
#include "loop/loop.h"
#include "loop/random.h"
#include "net/pair.h"
#include "net/socket.h"
#include "net/token.h"
#include "runtime.h"
#include "store/memory.h"

#define HY_RUNTIME_CLASS  "hyperty.host.runtime"
#define HY_PORT_CLASS     "hyperty.host.port"
#define HY_NETWORK_CLASS  "hyperty.host.network"
#define HY_INSTANCE_CLASS "hyperty.host.instance"
#define HY_DISK_CLASS     "hyperty.host.disk"

/* A domain of a network: its message node, and the way to it. */
typedef struct {
    hy_str_t *name;
    hy_node_server_t *node; /* NULL: it is down */
    bool is_open;           /* its node asks for no tokens, whatever others do */
    hy_store_t *store;      /* of the node; NULL: it remembers nothing */
    hy_network_t *network;
} hy_domain_t;

#define HY_WORLD_DOMAINS_MAX 8

/* Virtual time begins here, 2026-01-01T00:00:00Z. */
#define HY_WORLD_WALL_START_MS INT64_C(1767225600000)

typedef struct {
    lua_State *L;    /* the one that is calling just now, for callbacks; NULL: none */
    bool has_error;  /* a callback raised; the error is in the registry, at the world's address */
    bool is_driving; /* it moves: callbacks may neither drive nor stop it */
    bool is_open;
    hy_loop_t *loop;       /* NULL: virtual time */
    hy_work_t *work;       /* with a loop */
    hy_sockets_t *sockets; /* opened when a runtime has its node elsewhere */
    hy_clock_t own_clock, *clock;
    hy_random_t random; /* of node and network; each runtime has one of its own */
    uint64_t seed;
    hy_domain_t domains[HY_WORLD_DOMAINS_MAX]; /* the first is that of runtimes which name none */
    uint32_t domain_count;                     /* 0: each runtime has a node of its own */
    hy_network_faults_t faults;
    hy_node_limits_t limits; /* of each node */
    uint32_t history_bytes;  /* of each runtime's objects; 0: as usual */
    hy_disk_t *node_disk;    /* of the node of the first domain; NULL: it has no store */
    hy_token_keys_t *keys;   /* that each node asks for; NULL: whoever comes may open a session */
    hy_schemas_t *schemas;   /* the catalogue of the first domain; NULL: it is empty */
    hy_link_t runtimes;
    uint32_t runtime_count;     /* ever made */
    bool (*is_done)(void *arg); /* ends a drive; NULL: nothing does */
    void *done_arg;
} hy_world_t;

typedef struct {
    hy_disk_t *disk; /* NULL: closed */
    hy_random_t random;
    bool is_used; /* a store is on it */
} hy_module_disk_t;

typedef struct {
    hy_link_t link; /* in the world */
    hy_world_t *world;
    hy_runtime_t *runtime;                  /* NULL: stopped */
    hy_store_t *store;                      /* NULL: the runtime's own, in memory */
    hy_module_disk_t *disk;                 /* on which that is; NULL: it is in a file */
    hy_pair_t *pairs[HY_WORLD_DOMAINS_MAX]; /* by domain, lent by its stubs; NULL: none */
    hy_random_t random;
    hy_random_system_t system_random;
    hy_log_t log;
    uint8_t seed[HY_SIGN_SEED_BYTES]; /* until it has begun */
    hy_interceptor_t *interceptor;
    hy_uplink_t *uplink; /* for receive; opened when first used */
    hy_link_t ports, calls;
} hy_module_runtime_t;

/* The functions that a runtime calls are in a table, a user value of its userdata, at these places.
 */
#define HY_RUNTIME_FUNCTIONS 2
#define HY_RUNTIME_DISK      3
#define HY_RUNTIME_LOG       1
#define HY_RUNTIME_PRINT     2
#define HY_RUNTIME_INTERCEPT 3
#define HY_RUNTIME_TOKEN     4

/* --- world (module_world.c) ------------------------------------------------------------------- */

int hy_world_open(hy_world_t *w, bool is_real, uint64_t seed);
/* Stops all its runtimes and lets go of its parts. Harmless twice. */
void hy_world_close(hy_world_t *w);
/* Around whatever may call back into Lua; `leave` gets what `enter` gave, and raises what a
 * callback raised meanwhile. With `drives` it raises inside a callback of this world. */
lua_State *hy_world_enter(lua_State *L, hy_world_t *w, bool drives);
void hy_world_leave(hy_world_t *w, lua_State *before);
/* The registry holds that userdata no longer. Only between enter and leave. */
void hy_world_unanchor(const hy_world_t *w, const void *userdata);
/* Runs a C function protected, with two pointers, and keeps what it raises. */
bool hy_world_protect(hy_world_t *w, lua_CFunction fn, void *a, void *b);

/* Adds a domain with its node and network. */
int hy_world_add_domain(hy_world_t *w, const char *name, bool is_open);
/* The node's process is killed; it is started again, with what it finds on its disk. */
void hy_world_kill_node(hy_domain_t *d);
int hy_world_start_node(hy_world_t *w, hy_domain_t *d);
/* The index of a domain, -1 if the world has none of that name. */
int hy_world_find_domain(const hy_world_t *w, const char *name);

/* All below are called between enter and leave. Works off what is ready. False: it never ends. */
bool hy_world_rest(hy_world_t *w);
bool hy_world_turn(hy_world_t *w);
/* Moves time that far, timers in their order, working off what is ready in between. */
bool hy_world_run(hy_world_t *w, uint64_t ms);
/* Until done(arg); false if it is not after `ms` of time. */
bool hy_world_drive(hy_world_t *w, bool (*done)(void *arg), void *arg, uint64_t ms);
/* What a drive waits for may be done: it looks again. */
void hy_world_done(hy_world_t *w);
/* Moves time until nothing is under way, queued or asked for; false if something is after `ms`. */
bool hy_world_settle(hy_world_t *w, uint64_t ms);
uint64_t hy_world_ms(lua_State *L, int arg);

/* --- runtimes (module_runtime.c) -------------------------------------------------------------- */

/* Makes a runtime of the options at index 1 in the world at index `world` (a userdata) and pushes
 * it. Raises. */
void hy_module_runtime_new(lua_State *L, int world, hy_world_t *w);
/* The runtime at `arg`; raises if it is stopped. */
hy_module_runtime_t *hy_module_runtime_check(lua_State *L, int arg);
void hy_module_runtime_stop(hy_module_runtime_t *r, bool is_crash);
void hy_module_runtime_open(lua_State *L); /* classes */

/* --- tables of values (module_tables.c) ------------------------------------------------------- */

#define HY_MODULE_TABLES 3 /* schemas, policy, groups */
typedef struct {
    int places[HY_MODULE_TABLES]; /* in the stack */
    hy_value_t values[HY_MODULE_TABLES];
} hy_module_tables_t;

/* Pushes them from the table at 1. May raise. */
void hy_module_tables_find(lua_State *L, hy_module_tables_t *t);
/* Into the config, which borrows them until they are dropped. Never raises. */
int hy_module_tables_read(lua_State *L, hy_module_tables_t *t, hy_runtime_config_t *config,
                          hy_error_t *err);
void hy_module_tables_drop(hy_module_tables_t *t);
/* rt:policy([rules]), rt:group(name, {add =, remove =}), rt:groups(), rt:why(url, who) */
int hy_module_policy(lua_State *L);
int hy_module_group(lua_State *L);
int hy_module_groups(lua_State *L);
int hy_module_why(lua_State *L);

/* --- keys (module_keys.c) --------------------------------------------------------------------- */

/* Of the option `key` on top of the stack, a seed or the path of a file: the seed in `r`, or NULL
 * for nil. Raises. */
const uint8_t *hy_module_key_option(lua_State *L, hy_module_runtime_t *r, hy_random_t *random);
/* rt:keys(), rt:accept(user [, fingerprint]), rt:forget(user [, fingerprint]) */
int hy_module_keys(lua_State *L);
/* net:tap(fn): fn(text, is_up) hears each message as it arrives; it gives another text, false (the
 * message is lost), or nil; nil takes it off (module_tap.c). */
int hy_module_tap(lua_State *L);
int hy_module_accept(lua_State *L);
int hy_module_forget(lua_State *L);

/* --- tokens (module_token.c) ------------------------------------------------------------------ */

int hy_module_token(lua_State *L); /* host.token{…} */
/* As in runtime.h, by the function that is the runtime's option `token`. */
int hy_module_token_get(void *runtime, const char *domain, hy_str_t **out, hy_error_t *err);
/* Opens those that the option `auth_keys` of the table at index 1 names. Never raises. */
int hy_module_auth_keys(lua_State *L, hy_world_t *w, hy_error_t *err);

/* --- disks and stores (module_disk.c) --------------------------------------------------------- */

int hy_module_disk(lua_State *L); /* host.disk{…} */
/* A reference to the disk that option `name` of the table at index 1 names; NULL: none. Raises. */
hy_disk_t *hy_module_disk_option(lua_State *L, const char *name);
/* Raises if the value is neither nil, nor a path, nor a disk that is open. */
void hy_module_store_check(lua_State *L, int index);
/* Opens the runtime's store of such a value; nothing for nil. */
int hy_module_store_open(lua_State *L, int index, hy_module_runtime_t *r, hy_error_t *err);
void hy_module_store_close(hy_module_runtime_t *r, bool is_crash);
void hy_module_disk_open(lua_State *L);

/* --- messages and ports (module_port.c) ------------------------------------------------------- */

int hy_module_port_new(lua_State *L); /* rt:port(url) */
void hy_module_ports_close(hy_module_runtime_t *r);
int hy_module_intercept(lua_State *L); /* rt:intercept(fn) */
int hy_module_receive(lua_State *L);   /* rt:receive(text) */
void hy_module_port_open(lua_State *L);

/* --- instances (module_instance.c) ------------------------------------------------------------ */

int hy_module_load(lua_State *L);      /* rt:load(name, config) */
int hy_module_load_text(lua_State *L); /* rt:load_text(source, config, chunk) */
/* rt:load_compiled(code, config, chunk): what string.dump gave, for scripts loaded many times */
int hy_module_load_compiled(lua_State *L);
/* rt:reload(name [, source]) */
int hy_module_reload(lua_State *L);
void hy_module_calls_free(hy_module_runtime_t *r);
void hy_module_instance_open(lua_State *L);

/* Pushes nil, message, code word; returns 3. */
int hy_module_failure(lua_State *L, int code, const char *text);
/* Pushes a value, which is taken over, also when it raises. */
void hy_module_push_value(lua_State *L, hy_value_t v);

#endif
