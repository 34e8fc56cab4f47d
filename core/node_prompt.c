/* A runtime beside a node, for prompts only:
 *
 *      client ── prompt ── host ── bus ── stub ── pair ── node
 *
 * To the node it is one more runtime, with a session like others; what its prompts see beyond that
 * they read from the node itself (host/lib_operate.h). */
#include "node_prompt.h"
#include "attach_listen.h"
#include "base/mem.h"
#include "net/pair.h"
#include "paths.h"
#include "runtime.h"

struct hy_node_prompt {
    hy_node_prompt_config_t config;
    hy_prompts_t *prompts;
    hy_runtime_t *runtime; /* NULL: nobody has come yet */
    hy_work_t *work;
};

static void on_wake(void *arg) {
    const hy_node_prompt_t *p = arg;
    if (p->work) hy_work_wake(p->work);
}

static bool on_work(void *arg) {
    const hy_node_prompt_t *p = arg;
    return p->runtime ? hy_runtime_turn(p->runtime) : false;
}

/* What a hyperty prints that somebody has loaded here is for who sits at the prompts. */
static void on_print(void *arg, const char *name, const char *text) {
    const hy_node_prompt_t *p = arg;
    hy_prompts_print(p->prompts, name, text);
}

static int make_runtime(hy_node_prompt_t *p, const hy_paths_t *paths, hy_error_t *err) {
    const hy_node_prompt_config_t *c = &p->config;
    hy_pair_t *pair;
    int rc = hy_pair_new(c->node, NULL, "a prompt of the node", &pair);
    if (rc) return hy_fail(err, rc, "%s", hy_error_text(rc));
    hy_way_t way = {.connector = hy_pair_connector(pair)};
    hy_runtime_config_t config = {
        .domain = hy_node_server_domain(c->node),
        .paths = paths->items,
        .path_count = paths->count,
        .clock = hy_loop_clock(c->loop),
        .random = c->random,
        .log = c->log,
        .ways = &way,
        .way_count = 1,
        .print = on_print,
        .print_arg = p,
        .wake = on_wake,
        .wake_arg = p,
    };
    return hy_runtime_new(&config, &p->runtime, err);
}

static hy_host_t *get_host(void *arg, hy_error_t *err) {
    hy_node_prompt_t *p = arg;
    hy_paths_t paths;
    if (p->runtime) return hy_runtime_host(p->runtime);
    hy_paths_init(&paths);
    int rc = hy_paths_add_usual(&paths);
    rc = rc ? hy_fail(err, rc, "%s", hy_error_text(rc)) : make_runtime(p, &paths, err);
    hy_paths_deinit(&paths);
    if (rc) return NULL;
    hy_work_wake(p->work);
    return hy_runtime_host(p->runtime);
}

int hy_node_prompt_open(const hy_node_prompt_config_t *config, hy_node_prompt_t **out,
                        hy_error_t *err) {
    hy_node_prompt_t *p = hy_alloc_zero(sizeof *p);
    if (!p) return hy_fail(err, HY_ENOMEM, "out of memory");
    p->config = *config;
    int rc = hy_loop_add_work(config->loop, on_work, p, &p->work);
    if (rc) hy_fail(err, rc, "%s", hy_loop_error_text(rc));
    hy_attach_config_t attach = {
        .options = config->options,
        .label = hy_node_server_domain(config->node),
        .loop = config->loop,
        .log = config->log,
        .node = config->node,
        .host = get_host,
        .arg = p,
    };
    if (!rc) rc = hy_attach_listen(&attach, &p->prompts, err);
    if (rc) {
        hy_node_prompt_close(p);
        return rc;
    }
    *out = p;
    return 0;
}

void hy_node_prompt_log(hy_node_prompt_t *p, const char *line) {
    if (p) hy_prompts_log(p->prompts, line);
}

void hy_node_prompt_close(hy_node_prompt_t *p) {
    if (!p) return;
    if (p->runtime) hy_runtime_end(p->runtime);
    hy_prompts_close(p->prompts);
    hy_runtime_free(p->runtime);
    hy_work_close(p->work);
    hy_free(p);
}
