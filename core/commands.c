/* run, check and repl: the program's use of a host (hyperty.h). Into run and repl more clients come
 * by a socket (attach_listen.c).
 *
 * repl forks before there is a thread or a loop: the parent is the client with the terminal
 * (prompt_client.c), the child is the host, and a socket pair is all that connects them. */
#include "commands.h"
#include "attach_listen.h"
#include "base/json.h"
#include "host/watch.h"
#include "hyperty_parts.h"
#include "log_lines.h"
#include "prompt_client.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    const hy_options_t *options;
    const char *command;
    hyperty_t *host;
    hy_log_t log;
    hy_prompts_t *prompts; /* NULL: none yet */
    bool has_prompt;       /* of its own, which shows all lines; else they go to stderr, too */
    hy_watch_t *watch;     /* NULL: --watch was not given */
    hy_signal_t *sigint, *sigterm, *sighup;
    int status;
} program_t;

static void fail(program_t *p, const char *text) {
    fprintf(stderr, "hyperty: %s: %s\n", p->command, text);
    p->status = HY_EXIT_FAILED;
    if (p->host) hyperty_stop(p->host);
}

/* A hyperty that could not be had; what to do about a name that is nowhere. */
static void fail_hyperty(program_t *p, const char *name, const hyperty_error_t *err) {
    char text[2 * HYPERTY_ERROR_TEXT_BYTES];
    bool is_name = err->code == HY_ENOT_FOUND && !strchr(name, '/');
    snprintf(text, sizeof text, "%s%s", err->text,
             is_name ? "; give the path of its file, or set HYPERTY_PATH" : "");
    fail(p, text);
}

/* --- lines out -------------------------------------------------------------------------------- */

static void log_line(void *arg, hyperty_log_level_t level, const char *who, const char *text) {
    const program_t *p = arg;
    hy_log_style_t style = {.is_json = p->options->log_is_json};
    hy_str_t *line = hy_log_line(&style, (hy_log_level_t)level, who, text);
    if (!line) return;
    hy_prompts_log(p->prompts, line->bytes);
    if (!p->has_prompt) fprintf(stderr, "%s\n", line->bytes);
    hy_str_unref(line);
}

static void log_own(void *arg, hy_log_level_t level, const char *who, const char *text) {
    log_line(arg, (hyperty_log_level_t)level, who, text);
}

static void print_line(void *arg, const char *name, const char *text) {
    const program_t *p = arg;
    if (hy_prompts_print(p->prompts, name, text) || p->has_prompt) return;
    hy_log_style_t style = {.is_json = p->options->log_is_json};
    hy_str_t *line = hy_log_line(&style, HY_LOG_INFO, name, text);
    if (line && p->options->log_level >= HY_LOG_INFO) fprintf(stderr, "%s\n", line->bytes);
    hy_str_unref(line);
}

/* --- a host ----------------------------------------------------------------------------------- */

static void on_signal(void *arg, int number) {
    const program_t *p = arg;
    (void)number;
    hyperty_stop(p->host);
}

/* What was given for an option that may be repeated, as one text; empty if there is nothing, NULL
 * if there is no memory. */
static hy_str_t *join(const hy_texts_t *list, char separator) {
    hy_buf_t b;
    hy_buf_init(&b);
    for (int i = 0; i < list->count; i++) {
        if (i > 0) hy_buf_char(&b, separator);
        hy_buf_text(&b, list->items[i]);
    }
    return hy_buf_take(&b);
}

/* Of a bound: not given, 0 for none, or that much; as the public header has them. */
static long bound_of(const hy_options_t *o, hy_option_t option) {
    if (!o->given[option]) return 0;
    return o->numbers[option] > 0 ? (long)o->numbers[option] : -1;
}

/* A table of the file as JSON; an empty text for none. NULL when out of memory. */
static hy_str_t *table_text(const hy_options_t *o, hy_option_t option) {
    hy_buf_t b;
    const hy_node_t *table = hy_options_table(o, option);
    hy_value_t lent = {.kind = HY_OBJECT, .as.n = (hy_node_t *)table};
    hy_buf_init(&b);
    if (table) hy_json_write(&b, lent);
    return hy_buf_take(&b);
}

static const char *given(const hy_str_t *text) {
    return text && text->len > 0 ? text->bytes : NULL;
}

static bool open_host(program_t *p) {
    const hy_options_t *o = p->options;
    hy_str_t *policy = table_text(o, HY_OPTION_POLICY), *groups = table_text(o, HY_OPTION_GROUPS);
    hy_str_t *nodes = join(&o->lists[HY_OPTION_NODE], ' ');
    hy_str_t *trusted = join(&o->lists[HY_OPTION_TRUSTED], ':');
    hy_str_t *tokens = join(&o->lists[HY_OPTION_TOKEN], ':');
    hyperty_config_t config = {
        .domain = o->given[HY_OPTION_DOMAIN],
        .user = o->given[HY_OPTION_USER],
        .log_level = (hyperty_log_level_t)o->log_level,
        .log = log_line,
        .print = print_line,
        .arg = p,
        .node = given(nodes),
        .token = given(tokens),
        .store = o->given[HY_OPTION_STORE],
        .budget_ms = (int)bound_of(o, HY_OPTION_BUDGET),
        .memory_bytes = bound_of(o, HY_OPTION_MEMORY),
        .trusted = trusted ? trusted->bytes : NULL,
        .policy = given(policy),
        .groups = given(groups),
        .key = o->given[HY_OPTION_KEY],
        .ca = o->given[HY_OPTION_CA],
        .tls_cert = o->given[HY_OPTION_TLS_CERT],
        .tls_key = o->given[HY_OPTION_TLS_KEY],
    };
    hyperty_error_t err = {.text = "out of memory"};
    bool is_whole = nodes && trusted && tokens && policy && groups;
    bool is_open = is_whole && hyperty_open(&config, &p->host, &err) == 0;
    hy_str_unref(policy);
    hy_str_unref(groups);
    hy_str_unref(nodes);
    hy_str_unref(trusted);
    hy_str_unref(tokens);
    if (!is_open) fail(p, err.text);
    return is_open;
}

static hy_host_t *get_host(void *arg, hy_error_t *err) {
    const program_t *p = arg;
    (void)err;
    return hy_runtime_host(hy_hyperty_runtime(p->host));
}

/* Lets clients in. */
static bool open_prompts(program_t *p, bool is_quiet) {
    hy_error_t err = {0};
    hy_str_t *label = hy_attach_label(&p->options->names);
    p->log = (hy_log_t){.level = p->options->log_level, .sink = log_own, .arg = p};
    hy_attach_config_t config = {
        .options = p->options,
        .label = label ? label->bytes : NULL,
        .loop = hy_hyperty_loop(p->host),
        .log = &p->log,
        .is_quiet = is_quiet,
        .node = hy_runtime_node(hy_hyperty_runtime(p->host)),
        .host = get_host,
        .arg = p,
    };
    int rc = hy_attach_listen(&config, &p->prompts, &err);
    hy_str_unref(label);
    if (rc) fail(p, err.text);
    return rc == 0;
}

static void watch_schema(void *program, const char *path) {
    const program_t *p = program;
    hy_watch_shared(p->watch, path);
}

/* --watch */
static bool watch_files(program_t *p) {
    if (!p->options->given[HY_OPTION_WATCH]) return true;
    const hy_runtime_t *rt = hy_hyperty_runtime(p->host);
    if (hy_watch_open(hy_runtime_host(rt), hy_hyperty_loop(p->host), &p->watch) == 0) {
        hy_runtime_each_schema_file(rt, watch_schema, p);
        return true;
    }
    fail(p, "--watch: out of memory");
    return false;
}

static bool watch_signal(program_t *p, int number, hy_signal_t **out) {
    if (hy_loop_signal(hy_hyperty_loop(p->host), number, on_signal, p, out) == 0) return true;
    fail(p, "cannot listen for signals");
    return false;
}

/* Its terminal is closed: an end like any other, unless who started it wants it to go on (nohup).
 */
static bool watch_hangup(program_t *p) {
    struct sigaction before;
    bool is_ignored = sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN;
    return is_ignored || watch_signal(p, SIGHUP, &p->sighup);
}

static void close_host(program_t *p) {
    if (!p->host) return;
    hy_signal_close(p->sigint);
    hy_signal_close(p->sigterm);
    hy_signal_close(p->sighup);
    hy_watch_close(p->watch);
    hy_hyperty_end(p->host);
    hy_prompts_close(p->prompts);
    p->prompts = NULL;
    p->has_prompt = false;
    hyperty_close(p->host);
    p->host = NULL;
}

/* --- run -------------------------------------------------------------------------------------- */

static void on_loaded(void *arg, int code, const char *text, const char *name, const char *url) {
    program_t *p = arg;
    (void)name;
    (void)url;
    if (code) fail(p, text);
}

static void load_all(program_t *p) {
    for (int i = 0; i < p->options->names.count && p->status == HY_EXIT_DONE; i++) {
        hyperty_error_t err;
        const char *name = p->options->names.items[i];
        if (hyperty_load(p->host, name, NULL, on_loaded, p, &err) != 0) fail_hyperty(p, name, &err);
    }
}

int hy_command_run(const hy_options_t *options) {
    program_t p = {.options = options, .command = "run"};
    if (open_host(&p) && watch_signal(&p, SIGINT, &p.sigint) &&
        watch_signal(&p, SIGTERM, &p.sigterm) && watch_hangup(&p) && watch_files(&p)) {
        load_all(&p);
        if (p.status == HY_EXIT_DONE && open_prompts(&p, false)) hyperty_run(p.host);
    }
    close_host(&p);
    return p.status;
}

/* --- check ------------------------------------------------------------------------------------ */

int hy_command_check(const hy_options_t *options) {
    program_t p = {.options = options, .command = "check"};
    if (!open_host(&p)) return p.status;
    for (int i = 0; i < options->names.count; i++) {
        const char *name = options->names.items[i];
        hyperty_error_t err;
        if (hyperty_check(p.host, name, &err) == 0) {
            printf("%s: ok\n", name);
        } else {
            fail_hyperty(&p, name, &err);
        }
    }
    close_host(&p);
    return p.status;
}

/* --- repl ------------------------------------------------------------------------------------- */

static void on_prompt_ended(void *arg, const char *why) {
    program_t *p = arg;
    if (why) p->status = HY_EXIT_FAILED; /* the client tells it */
    hyperty_stop(p->host);
}

static void on_client_gone(int number) {
    (void)number;
    alarm(HY_PROMPT_ORPHAN_S); /* its default action ends the process */
}

/* Ctrl-C, Ctrl-Z and a closed terminal are the client's business. That the client has gone shows on
 * the socket; if a script that never ends keeps the loop from looking there, an alarm ends the
 * host. */
static void leave_terminal(void) {
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGTSTP, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, on_client_gone);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
}

/* The child. */
static int serve(const hy_options_t *options, int fd) {
    program_t p = {.options = options, .command = "repl"};
    hy_error_t err;
    leave_terminal();
    if (!open_host(&p)) {
        close(fd);
        return p.status;
    }
    if (!watch_signal(&p, SIGTERM, &p.sigterm) || !watch_files(&p) || !open_prompts(&p, true)) {
        close(fd);
    } else if (hy_prompts_add(p.prompts, fd, on_prompt_ended, &p, &err) != 0) {
        p.status = HY_EXIT_FAILED; /* the client tells it */
    } else {
        p.has_prompt = true;
        hyperty_run(p.host);
    }
    close_host(&p);
    return p.status;
}

int hy_command_repl(const hy_options_t *options) {
    program_t p = {.options = options, .command = "repl"};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        fail(&p, strerror(errno));
        return p.status;
    }
    fflush(NULL);
    pid_t host = fork();
    if (host == 0) {
        close(ends[0]);
        return serve(options, ends[1]);
    }
    close(ends[1]);
    if (host < 0) {
        close(ends[0]);
        fail(&p, strerror(errno));
        return p.status;
    }
    hy_prompt_client_t client = {
        .command = "repl",
        .fd = ends[0],
        .host = host,
        .names = options->names.items,
        .name_count = options->names.count,
        .code = options->given[HY_OPTION_CODE],
    };
    return hy_prompt_client_run(&client);
}
