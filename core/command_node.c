/* node: a message node as a process of its own.
 *
 *      sockets ── gate ── node          all on one loop
 *      SIGTERM, SIGINT ─► drain         told to come back later, what waits is written, then 0
 *                      again ─► at once
 *      SIGHUP ─► its certificate is read again; nobody notices
 *
 * Its catalogue are the schemas of the folders that a runtime would look into, as they are when it
 * starts. With --store it reads that first and listens then; before it drains it waits for what is
 * about to be committed, so that who is told to come back has its answers.
 *
 * What it says goes to stderr; that it listens is said once all listeners do, a line for each. */
#include "commands.h"
#include "log_lines.h"
#include "loop/random.h"
#include "net/gate.h"
#include "net/token.h"
#include "node_prompt.h"
#include "paths.h"
#include "schema_files.h"
#include "store/sqlite.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct {
    const hy_options_t *options;
    const char *domain;
    hy_log_style_t style;
    hy_log_t log;
    hy_random_system_t random;
    hy_loop_t *loop;
    hy_sockets_t *sockets;
    hy_node_server_t *node;
    hy_tls_context_t *tls; /* NULL: it has no certificate */
    hy_token_keys_t *keys; /* NULL: whoever comes may open a session */
    hy_gate_t *gate;
    hy_node_prompt_t *prompt; /* where people come in */
    hy_store_t *store;        /* NULL: it remembers nothing */
    hy_schemas_t *schemas;    /* its catalogue */
    hy_signal_t *sigint, *sigterm, *sighup;
    hy_timer_t settle, look; /* whether all is committed, and the last words are taken */
    uint64_t leave_until_ms;
    uint64_t leave_ticket; /* of the store, when it was told to end */
    bool is_leaving;
    int status;
} node_t;

static void log_line(void *arg, hy_log_level_t level, const char *who, const char *text) {
    const node_t *n = arg;
    hy_str_t *line = hy_log_line(&n->style, level, who, text);
    if (line) fprintf(stderr, "%s\n", line->bytes);
    if (line) hy_node_prompt_log(n->prompt, line->bytes);
    hy_str_unref(line);
}

static bool fail(node_t *n, int status, const char *text) {
    fprintf(stderr, "hyperty: node: %s\n", text);
    n->status = status;
    return false;
}

static uint32_t number(const node_t *n, hy_option_t option, uint32_t usual) {
    return n->options->given[option] ? n->options->numbers[option] : usual;
}

/* --- leaving ---------------------------------------------------------------------------------- */

static uint32_t drain_ms(const node_t *n) {
    return number(n, HY_OPTION_DRAIN, HY_NODE_DRAIN_MS);
}

static void on_look(void *arg) {
    node_t *n = arg;
    hy_clock_t *clock = hy_loop_clock(n->loop);
    bool is_over = hy_sockets_is_empty(n->sockets) || hy_clock_now(clock) >= n->leave_until_ms;
    if (is_over || hy_timer_start(clock, &n->look, HY_LEAVE_STEP_MS) != 0) hy_loop_stop(n->loop);
}

/* All is with the kernel, but not yet with those it is for. */
static void on_drained(void *arg) {
    on_look(arg);
}

static void drain(void *arg) {
    node_t *n = arg;
    hy_clock_t *clock = hy_loop_clock(n->loop);
    uint64_t now_ms = hy_clock_now(clock);
    bool is_kept = !n->store || hy_store_committed(n->store) >= n->leave_ticket;
    uint64_t left_ms = n->leave_until_ms > now_ms ? n->leave_until_ms - now_ms : 0;
    if (!is_kept && left_ms > 0 && hy_timer_start(clock, &n->settle, HY_LEAVE_STEP_MS) == 0) return;
    hy_gate_drain(n->gate, HY_NODE_WINDOW_MS, (uint32_t)left_ms, on_drained, n);
}

static void on_signal(void *arg, int number) {
    node_t *n = arg;
    (void)number;
    if (n->is_leaving) {
        hy_loop_stop(n->loop);
        return;
    }
    n->is_leaving = true;
    uint32_t bound_ms = drain_ms(n);
    hy_log(&n->log, HY_LOG_INFO, "node",
           "domain %s ends, within %.3g s; its runtimes are told to come back (once more: at once)",
           n->domain, bound_ms / 1000.0);
    n->leave_until_ms = hy_clock_now(hy_loop_clock(n->loop)) + bound_ms;
    n->leave_ticket = n->store ? hy_store_ticket(n->store) : 0;
    drain(n);
}

/* --- certificates, keys of tokens ------------------------------------------------------------- */

static bool open_tls(node_t *n) {
    const char *const *given = n->options->given;
    hy_tls_files_t files = {given[HY_OPTION_TLS_CERT], given[HY_OPTION_TLS_KEY],
                            given[HY_OPTION_CLIENT_CA]};
    hy_error_t err;
    if (!files.certificate && !files.key && !files.authorities) return true;
    int rc = hy_tls_server_new(&files, &n->tls, &err);
    return rc ? fail(n, HY_EXIT_FAILED, err.text) : true;
}

static bool open_keys(node_t *n) {
    const hy_texts_t *paths = &n->options->lists[HY_OPTION_AUTH_KEY];
    hy_error_t err;
    if (paths->count == 0) return true;
    int rc = hy_token_keys_open(paths->items, (uint32_t)paths->count, &n->keys, &err);
    return rc ? fail(n, HY_EXIT_FAILED, err.text) : true;
}

static void reload_tls(node_t *n) {
    hy_error_t err;
    if (hy_tls_server_reload(n->tls, &err) == 0)
        hy_log(&n->log, HY_LOG_INFO, "node", "domain %s has read %s again", n->domain,
               n->options->given[HY_OPTION_TLS_CERT]);
    else
        hy_log(&n->log, HY_LOG_ERROR, "node", "%s; the certificate stays as it was", err.text);
}

static void reload_keys(node_t *n) {
    hy_error_t err;
    if (hy_token_keys_reload(n->keys, &err) == 0)
        hy_log(&n->log, HY_LOG_INFO, "node", "domain %s has read its keys of tokens again",
               n->domain);
    else
        hy_log(&n->log, HY_LOG_ERROR, "node", "%s; the keys stay as they were", err.text);
}

static void on_hangup(void *arg, int number) {
    node_t *n = arg;
    (void)number;
    if (n->tls) reload_tls(n);
    if (n->keys) reload_keys(n);
}

/* --- bounds ----------------------------------------------------------------------------------- */

/* Takes as many open files as it may have; gives how many connections fit. */
static uint32_t raise_files(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return HY_GATE_CONNECTIONS_MAX;
    rlim_t before = files.rlim_cur;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) files.rlim_cur = before;
    if (files.rlim_cur >= HY_GATE_CONNECTIONS_MAX + HY_NODE_FILES) return HY_GATE_CONNECTIONS_MAX;
    return files.rlim_cur > HY_NODE_FILES ? (uint32_t)files.rlim_cur - HY_NODE_FILES : 1;
}

static uint32_t connections_max(const node_t *n) {
    uint32_t fit = raise_files(), asked = n->options->numbers[HY_OPTION_CONNECTIONS];
    if (!asked) return fit;
    if (asked > fit) {
        hy_log(&n->log, HY_LOG_WARN, "node",
               "--connections %u: only %u fit into the limit of open files; raise that (ulimit "
               "-Hn, LimitNOFILE)",
               asked, fit);
    }
    return asked;
}

/* --- life ------------------------------------------------------------------------------------- */

static hy_node_limits_t limits(const node_t *n) {
    return (hy_node_limits_t){
        .queue_bytes = number(n, HY_OPTION_QUEUE_BYTES, 0),
        .grace_ms = number(n, HY_OPTION_GRACE, 0),
        .messages_per_s = number(n, HY_OPTION_RATE_MESSAGES, HY_RATE_MESSAGES_PER_S),
        .bytes_per_s = number(n, HY_OPTION_RATE_BYTES, HY_RATE_BYTES_PER_S),
        .allocations_per_s = number(n, HY_OPTION_RATE_ALLOCATIONS, HY_RATE_ALLOCATIONS_PER_S),
    };
}

static hy_gate_limits_t gate_limits(const node_t *n) {
    return (hy_gate_limits_t){
        .connections = number(n, HY_OPTION_ADDRESS_CONNECTIONS, HY_ADDRESS_CONNECTIONS_MAX),
        .handshakes_per_s = number(n, HY_OPTION_ADDRESS_HANDSHAKES, HY_ADDRESS_HANDSHAKES_PER_S),
        .opens_per_s = number(n, HY_OPTION_ADDRESS_OPENS, HY_ADDRESS_OPENS_PER_S),
        .all_handshakes_per_s = number(n, HY_OPTION_RATE_HANDSHAKES, HY_RATE_HANDSHAKES_PER_S),
    };
}

static bool open_store(node_t *n) {
    const char *path = n->options->given[HY_OPTION_STORE];
    hy_error_t err;
    if (!path || hy_store_open_sqlite(n->loop, &n->log, path, &n->store, &err) == 0) return true;
    return fail(n, HY_EXIT_FAILED, err.text);
}

static bool fail_domain(node_t *n) {
    hy_error_t err;
    hy_fail(&err, HY_EINVALID, "\"%s\" is no domain name; write one like example.com", n->domain);
    return fail(n, HY_EXIT_FAILED, err.text);
}

/* Those that a runtime would find here. */
static bool load_schemas(node_t *n) {
    hy_error_t err = {.text = ""};
    hy_paths_t paths;
    int rc = hy_schemas_new(n->domain, &n->schemas);
    if (rc == HY_EINVALID) return fail_domain(n);
    hy_paths_init(&paths);
    if (!rc) rc = hy_paths_add_usual(&paths);
    if (!rc) rc = hy_schema_files_load(n->schemas, paths.items, paths.count, &n->log, &err);
    hy_paths_deinit(&paths);
    return rc ? fail(n, HY_EXIT_FAILED, err.text[0] ? err.text : hy_error_text(rc)) : true;
}

static bool listen_all(node_t *n);

/* The store has been read. */
static void on_ready(void *arg, int code) {
    node_t *n = arg;
    if (code)
        fail(n, HY_EXIT_FAILED, "what the store keeps cannot be read; try \"hyperty store check\"");
    if (code || (!n->is_leaving && !listen_all(n))) hy_loop_stop(n->loop);
}

static bool open_parts(node_t *n) {
    int rc = hy_random_system(&n->random);
    if (!rc) hy_hash_seed(hy_random_u64(&n->random.base));
    if (!rc) rc = hy_loop_open(&n->loop);
    if (!rc) rc = hy_sockets_open(n->loop, &n->random.base, &n->log, &n->sockets);
    if (rc) return fail(n, HY_EXIT_FAILED, hy_loop_error_text(rc));
    if (!open_tls(n) || !open_keys(n) || !open_store(n) || !load_schemas(n)) return false;
    hy_node_config_t node_config = {
        .domain = n->domain,
        .auth = n->keys ? hy_token_keys_auth(n->keys) : NULL,
        .clock = hy_loop_clock(n->loop),
        .random = &n->random.base,
        .log = &n->log,
        .limits = limits(n),
        .store = n->store,
        .ready = on_ready,
        .ready_arg = n,
        .schemas = n->schemas,
    };
    rc = hy_node_server_new(&node_config, &n->node);
    if (rc == HY_EINVALID) return fail_domain(n);
    hy_gate_config_t gate_config = {
        .loop = n->loop,
        .sockets = n->sockets,
        .node = n->node,
        .log = &n->log,
        .connections_max = connections_max(n),
        .limits = gate_limits(n),
        .tls = n->tls,
        .has_auth = n->keys != NULL,
    };
    if (!rc) rc = hy_gate_open(&gate_config, &n->gate);
    return rc ? fail(n, HY_EXIT_FAILED, hy_loop_error_text(rc)) : true;
}

static bool open_prompt(node_t *n) {
    hy_node_prompt_config_t config = {
        .options = n->options,
        .loop = n->loop,
        .random = &n->random.base,
        .log = &n->log,
        .node = n->node,
    };
    hy_error_t err;
    if (hy_node_prompt_open(&config, &n->prompt, &err) == 0) return true;
    return fail(n, HY_EXIT_FAILED, err.text);
}

static bool listen_all(node_t *n) {
    static const char *usual[] = {HY_LISTEN_USUAL};
    hy_texts_t urls = n->options->lists[HY_OPTION_LISTEN];
    if (urls.count == 0) urls = (hy_texts_t){.items = usual, .count = 1};
    for (int i = 0; i < urls.count; i++) {
        hy_error_t err;
        int rc = hy_gate_listen(n->gate, urls.items[i], &err);
        if (rc) return fail(n, rc == HY_EINVALID ? HY_EXIT_USAGE : HY_EXIT_FAILED, err.text);
    }
    const char *url;
    for (uint32_t i = 0; (url = hy_gate_url(n->gate, i)); i++)
        hy_log(&n->log, HY_LOG_INFO, "node", "domain %s listens on %s", n->domain, url);
    return open_prompt(n);
}

static bool watch_signals(node_t *n) {
    int rc = hy_loop_signal(n->loop, SIGINT, on_signal, n, &n->sigint);
    if (!rc) rc = hy_loop_signal(n->loop, SIGTERM, on_signal, n, &n->sigterm);
    if (!rc && (n->tls || n->keys)) rc = hy_loop_signal(n->loop, SIGHUP, on_hangup, n, &n->sighup);
    return rc ? fail(n, HY_EXIT_FAILED, "cannot listen for signals") : true;
}

int hy_command_node(const hy_options_t *options) {
    const char *domain = options->given[HY_OPTION_DOMAIN];
    node_t n = {.options = options, .domain = domain ? domain : "localhost"};
    n.style =
        (hy_log_style_t){.is_json = options->log_is_json, .domain = n.domain, .pid = getpid()};
    n.log = (hy_log_t){.level = options->log_level, .sink = log_line, .arg = &n};
    hy_timer_init(&n.settle, drain, &n);
    hy_timer_init(&n.look, on_look, &n);
    bool is_open = open_parts(&n) && watch_signals(&n);
    if (is_open && (n.store || listen_all(&n))) hy_loop_run(n.loop);
    hy_signal_close(n.sigint);
    hy_signal_close(n.sigterm);
    hy_signal_close(n.sighup);
    if (n.loop) hy_timer_stop(hy_loop_clock(n.loop), &n.settle);
    if (n.loop) hy_timer_stop(hy_loop_clock(n.loop), &n.look);
    hy_node_prompt_close(n.prompt);
    n.prompt = NULL;
    hy_gate_close(n.gate);
    hy_tls_context_free(n.tls);
    hy_node_server_free(n.node);
    hy_token_keys_free(n.keys);
    hy_schemas_free(n.schemas);
    hy_store_close(n.store);
    hy_sockets_close(n.sockets);
    hy_loop_close(n.loop);
    return n.status;
}
