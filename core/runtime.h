/* A runtime put together from its parts:
 *
 *      host (hyperties) ── sync manager ── bus ── pair ── message node
 *
 * The node is embedded, or shared with other runtimes by way of a network. Clock and randomness are
 * passed in; what turns it is either a loop on libuv (hyperty.c) or a spec (module*.c). */
#ifndef HY_RUNTIME_H
#define HY_RUNTIME_H

#include "host/host.h"
#include "net/pair.h"

typedef struct hy_runtime hy_runtime_t;

typedef struct {
    const char *domain; /* NULL: "localhost" */
    const char *user;   /* user URL of instances that name none; NULL: user://<domain>/me */
    char *const *paths; /* folders to look for hyperties, and for schemas/ in them */
    uint32_t path_count;
    const hy_node_t *schemas; /* documents by name, before those in files; NULL: none */
    hy_clock_t *clock;        /* these three outlive the runtime */
    hy_random_t *random;
    const hy_log_t *log;
    hy_node_server_t *node; /* shared, outlives the runtime; NULL: one of its own */
    hy_network_t *network;  /* on the way to a shared node; NULL: none */
    void (*print)(void *arg, const char *name, const char *text); /* as in host.h */
    void *print_arg;
    void (*wake)(void *arg); /* call hy_runtime_turn soon; may be NULL */
    void *wake_arg;
} hy_runtime_config_t;

int hy_runtime_new(const hy_runtime_config_t *config, hy_runtime_t **out, hy_error_t *err);
/* Ends everything: the hyperties' `stop` is called, what they then send goes out. Not from inside a
 * callback of the runtime. NULL allowed. */
void hy_runtime_free(hy_runtime_t *rt);
/* Works off what is ready: delivers messages, runs what was put off. True if more is ready. */
bool hy_runtime_turn(hy_runtime_t *rt);

/* Cuts the runtime off from its node: its session ends. Not from inside its callbacks. */
void hy_runtime_disconnect(hy_runtime_t *rt);
/* Connects it again, with a new session at that node. HY_ECONFLICT if it is connected. */
int hy_runtime_connect(hy_runtime_t *rt, hy_node_server_t *node);
/* The connection holds, but nothing goes through; and again, in the same session. */
void hy_runtime_interrupt(hy_runtime_t *rt, bool is_away);

hy_bus_t *hy_runtime_bus(const hy_runtime_t *rt);
hy_host_t *hy_runtime_host(const hy_runtime_t *rt);
hy_manager_t *hy_runtime_manager(const hy_runtime_t *rt);
hy_pair_t *hy_runtime_pair(const hy_runtime_t *rt); /* NULL while it is disconnected */
hy_str_t *hy_runtime_url(const hy_runtime_t *rt);

#endif
