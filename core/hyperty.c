/* libhyperty: a runtime on a real loop behind the public header.
 *
 *      loop ── work ──► hy_runtime_turn        woken by the bus and the host
 *           ── async ─► posted functions       a locked list in, emptied in one go
 *
 * Owns loop, randomness, store and runtime, and the list of what was posted. Values are text
 * outside and trees inside; the conversion is here. */
#include "base/json.h"
#include "base/list.h"
#include "base/mem.h"
#include "hyperty_parts.h"
#include "key_file.h"
#include "loop/random.h"
#include "paths.h"
#include "store/sqlite.h"
#include "token_files.h"
#include "ways.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

_Static_assert(sizeof(hyperty_error_t) == sizeof(hy_error_t), "one error inside and outside");

typedef struct {
    hy_link_t link;
    void (*fn)(void *arg);
    void *arg;
} post_t;

struct hyperty {
    hyperty_config_t config; /* log, print and arg only */
    hy_log_t log;
    hy_loop_t *loop;
    hy_random_system_t random;
    hy_work_t *work;
    hy_sockets_t *sockets; /* NULL: the node is embedded */
    hy_token_files_t tokens;
    hy_store_t *store; /* NULL: the runtime's own */
    hy_runtime_t *runtime;
    uv_mutex_t lock; /* guards `posts` and `is_closing` */
    hy_link_t posts;
    bool is_closing;
    uv_async_t *async; /* NULL: not open; memory goes when libuv has closed it */
};

const char *hyperty_error_word(int code) {
    return hy_error_word(code);
}
const char *hyperty_version(void) {
    return HYPERTY_VERSION;
}
hy_loop_t *hy_hyperty_loop(const hyperty_t *h) {
    return h->loop;
}
hy_runtime_t *hy_hyperty_runtime(const hyperty_t *h) {
    return h->runtime;
}

/* One struct under two names, so that the public header needs no other. */
static hy_error_t *inside(hyperty_error_t *err) {
    return (hy_error_t *)(void *)err;
}

/* --- out of the core -------------------------------------------------------------------------- */

static void on_log(void *arg, hy_log_level_t level, const char *who, const char *text) {
    const hyperty_t *h = arg;
    h->config.log(h->config.arg, (hyperty_log_level_t)level, who, text);
}

static void on_print(void *arg, const char *name, const char *text) {
    const hyperty_t *h = arg;
    h->config.print(h->config.arg, name, text);
}

static void on_wake(void *arg) {
    const hyperty_t *h = arg;
    if (h->work) hy_work_wake(h->work);
}

static bool on_work(void *arg) {
    const hyperty_t *h = arg;
    return h->runtime ? hy_runtime_turn(h->runtime) : false;
}

/* --- posting ---------------------------------------------------------------------------------- */

static void run_posts(hyperty_t *h) {
    hy_link_t posts;
    uv_mutex_lock(&h->lock);
    hy_list_take(&h->posts, &posts);
    uv_mutex_unlock(&h->lock);
    while (!hy_list_is_empty(&posts)) {
        post_t *post = hy_link_owner(posts.next, post_t, link);
        hy_list_remove(&post->link);
        post->fn(post->arg);
        free(post);
    }
}

static void on_async(uv_async_t *async) {
    run_posts(async->data);
}

/* Plain malloc: the counting of hy_alloc knows one thread only. */
int hyperty_post(hyperty_t *h, void (*fn)(void *arg), void *arg) {
    post_t *post = malloc(sizeof *post);
    if (!post) return HY_ENOMEM;
    *post = (post_t){.fn = fn, .arg = arg};
    uv_mutex_lock(&h->lock);
    bool is_closing = h->is_closing;
    if (!is_closing) {
        hy_list_append(&h->posts, &post->link);
        uv_async_send(h->async);
    }
    uv_mutex_unlock(&h->lock);
    if (is_closing) free(post);
    return is_closing ? HY_ECLOSED : 0;
}

static void close_posts(hyperty_t *h) {
    uv_mutex_lock(&h->lock);
    h->is_closing = true;
    uv_mutex_unlock(&h->lock);
    run_posts(h);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static int open_async(hyperty_t *h) {
    uv_async_t *async = malloc(sizeof *async);
    if (!async) return HY_ENOMEM;
    int rc = uv_async_init(hy_loop_uv(h->loop), async, on_async);
    if (rc) {
        free(async);
        return rc;
    }
    async->data = h;
    h->async = async;
    return 0;
}

/* Of a bound of the public config: 0 as usual, negative none. */
static size_t bound_of(long given, size_t usual) {
    if (given < 0) return 0;
    return given > 0 ? (size_t)given : usual;
}

/* An object; NULL: nothing. */
static int read_object(const char *what, const char *text, hy_value_t *out, hyperty_error_t *err) {
    hy_error_t why = {0};
    *out = hy_absent();
    if (!text) return 0;
    int rc = hy_json_read(text, strlen(text), HY_JSON_DEPTH_MAX, out, &why);
    if (rc) return hy_fail(inside(err), rc, "%s: %s", what, why.text);
    if (out->kind == HY_OBJECT) return 0;
    return hy_fail(inside(err), HY_EINVALID, "%s: must be a JSON object", what);
}

static int new_runtime(hyperty_t *h, const hyperty_config_t *config, const hy_paths_t *paths,
                       const hy_paths_t *trusted, const hy_ways_t *ways, const hy_node_t *policy,
                       const hy_node_t *groups, const uint8_t *seed, const hy_claims_t *claims,
                       hyperty_error_t *err) {
    hy_runtime_config_t runtime_config = {
        .domain = config->domain,
        .user = hy_token_user(claims, config->user, &h->log),
        .above = hy_token_place(claims, config->domain),
        .token = hy_token_files_get,
        .token_arg = &h->tokens,
        .paths = paths->items,
        .path_count = paths->count,
        .trusted = trusted->items,
        .trusted_count = trusted->count,
        .policy = policy,
        .groups = groups,
        .seed = seed,
        .budget = {.run_ms = (uint32_t)bound_of(config->budget_ms, HY_BUDGET_RUN_MS),
                   .turn_ms = HY_BUDGET_TURN_MS},
        .memory_max = bound_of(config->memory_bytes, HY_STATE_BYTES_MAX),
        .clock = hy_loop_clock(h->loop),
        .random = &h->random.base,
        .log = &h->log,
        .store = h->store,
        .ways = ways->list,
        .way_count = ways->count,
        .print = config->print ? on_print : NULL,
        .print_arg = h,
        .wake = on_wake,
        .wake_arg = h,
    };
    return hy_runtime_new(&runtime_config, &h->runtime, inside(err));
}

static int open_ways(hyperty_t *h, const hyperty_config_t *config, hy_ways_t *ways,
                     hyperty_error_t *err) {
    if (!config->node) return 0;
    const hy_tls_files_t files = {config->tls_cert, config->tls_key, config->ca};
    bool has_files = config->tls_cert || config->tls_key || config->ca;
    int rc = hy_sockets_open(h->loop, &h->random.base, &h->log, &h->sockets);
    if (!rc && has_files) rc = hy_sockets_set_tls(h->sockets, &files, inside(err));
    return rc ? rc : hy_ways_open(ways, config->node, config->domain, h->sockets, inside(err));
}

static int open_store(hyperty_t *h, const hyperty_config_t *config, hyperty_error_t *err) {
    if (!config->store) return 0;
    return hy_store_open_sqlite(h->loop, &h->log, config->store, &h->store, inside(err));
}

static int open_runtime(hyperty_t *h, const hyperty_config_t *config, hyperty_error_t *err) {
    hy_paths_t paths, trusted;
    hy_ways_t ways = {0};
    hy_value_t policy = hy_absent(), groups = hy_absent();
    uint8_t seed[HY_SIGN_SEED_BYTES];
    hy_claims_t claims = {.sub = NULL};
    hy_paths_init(&paths);
    hy_paths_init(&trusted);
    int rc = config->path ? hy_paths_add_list(&paths, config->path) : hy_paths_add_usual(&paths);
    if (!rc && config->trusted) rc = hy_paths_add_list(&trusted, config->trusted);
    if (!rc) rc = read_object("policy", config->policy, &policy, err);
    if (!rc) rc = read_object("groups", config->groups, &groups, err);
    if (!rc && config->key) rc = hy_key_file_read(config->key, &h->random.base, seed, inside(err));
    if (!rc && config->token)
        rc = hy_token_files_open(&h->tokens, config->token, config->domain, inside(err));
    if (!rc) rc = hy_token_files_claims(&h->tokens, &claims, inside(err));
    if (!rc) rc = open_ways(h, config, &ways, err);
    if (!rc)
        rc = new_runtime(h, config, &paths, &trusted, &ways, config->policy ? policy.as.n : NULL,
                         config->groups ? groups.as.n : NULL, config->key ? seed : NULL, &claims,
                         err);
    hy_secret_wipe(seed, sizeof seed);
    hy_claims_deinit(&claims);
    hy_value_drop(policy);
    hy_value_drop(groups);
    hy_ways_release(&ways);
    hy_paths_deinit(&trusted);
    hy_paths_deinit(&paths);
    return rc;
}

/* Of the process: strings of one host must not change their hash when another one opens. */
static void seed_hash(void) {
    hy_random_system_t random;
    if (hy_random_system(&random) == 0) hy_hash_seed(hy_random_u64(&random.base));
}

static int open_parts(hyperty_t *h, const hyperty_config_t *config, hyperty_error_t *err) {
    static uv_once_t once = UV_ONCE_INIT;
    uv_once(&once, seed_hash);
    int rc = hy_random_system(&h->random);
    if (!rc) rc = hy_loop_open(&h->loop);
    if (!rc) rc = open_async(h);
    if (!rc) rc = hy_loop_add_work(h->loop, on_work, h, &h->work);
    if (!rc) rc = open_store(h, config, err);
    return rc ? rc : open_runtime(h, config, err);
}

int hyperty_open(const hyperty_config_t *config, hyperty_t **out, hyperty_error_t *err) {
    static const hyperty_config_t usual = {.log_level = HYPERTY_LOG_INFO};
    if (!config) config = &usual;
    hyperty_error_t why = {0};
    hyperty_t *h = hy_alloc_zero(sizeof *h);
    if (!h || uv_mutex_init(&h->lock) != 0) {
        hy_free(h);
        return hy_fail(inside(err), HY_ENOMEM, "out of memory");
    }
    hy_link_init(&h->posts);
    h->config = *config;
    h->log = (hy_log_t){
        .level = (hy_log_level_t)config->log_level,
        .sink = config->log ? on_log : NULL,
        .arg = h,
    };
    int rc = open_parts(h, config, &why);
    if (rc) {
        hyperty_close(h);
        return hy_fail(inside(err), rc, "%s", why.code == rc ? why.text : hy_loop_error_text(rc));
    }
    *out = h;
    return 0;
}

static void on_async_closed(uv_handle_t *handle) {
    free(handle);
}

void hy_hyperty_end(hyperty_t *h) {
    if (h->runtime) hy_runtime_end(h->runtime);
}

/* --- last words ------------------------------------------------------------------------------- */

typedef struct {
    hyperty_t *host;
    hy_timer_t timer;
    uint64_t until_ms;
} leaving_t;

static void on_step(void *arg) {
    hy_loop_stop(((leaving_t *)arg)->host->loop);
}

static bool has_more(const leaving_t *l) {
    const hyperty_t *h = l->host;
    if (hy_clock_now(hy_loop_clock(h->loop)) >= l->until_ms) return false;
    return h->runtime ? hy_runtime_has_more(h->runtime) : !hy_sockets_is_empty(h->sockets);
}

/* Runs the loop until what waits is sent or, with the runtime gone, the other ends have taken it.
 */
static void wait_to_leave(leaving_t *l) {
    hy_clock_t *clock = hy_loop_clock(l->host->loop);
    while (has_more(l) && hy_timer_start(clock, &l->timer, HY_LEAVE_STEP_MS) == 0)
        hy_loop_run(l->host->loop);
    hy_timer_stop(clock, &l->timer);
}

static void leave(hyperty_t *h) {
    leaving_t l = {.host = h};
    hy_timer_init(&l.timer, on_step, &l);
    if (h->sockets) l.until_ms = hy_clock_now(hy_loop_clock(h->loop)) + HY_LEAVE_MS;
    if (h->sockets && h->runtime) wait_to_leave(&l);
    hy_runtime_free(h->runtime);
    h->runtime = NULL;
    if (h->sockets) wait_to_leave(&l);
    hy_sockets_close(h->sockets);
    h->sockets = NULL;
}

void hyperty_close(hyperty_t *h) {
    if (!h) return;
    close_posts(h);
    hy_hyperty_end(h);
    if (h->loop) leave(h);
    hy_store_close(h->store);
    hy_token_files_release(&h->tokens);
    hy_work_close(h->work);
    if (h->async) uv_close((uv_handle_t *)h->async, on_async_closed);
    hy_loop_close(h->loop);
    uv_mutex_destroy(&h->lock);
    hy_free(h);
}

void hyperty_run(hyperty_t *h) {
    hy_loop_run(h->loop);
}
void hyperty_stop(hyperty_t *h) {
    hy_loop_stop(h->loop);
}

/* --- loading ---------------------------------------------------------------------------------- */

/* JSON text as a value of that kind; NULL as ABSENT. */
static int read_json(const char *what, const char *text, hy_kind_t kind, hy_value_t *out,
                     hyperty_error_t *err) {
    hy_error_t why = {0};
    hy_value_t value = hy_absent();
    if (!text) return 0;
    int rc = hy_json_read(text, strlen(text), HY_VALUE_DEPTH_MAX, &value, &why);
    if (!rc && value.kind != kind) {
        hy_value_drop(value);
        rc = hy_fail(&why, HY_EINVALID, "is no %s", kind == HY_OBJECT ? "object" : "array");
    }
    if (rc) return hy_fail(inside(err), rc, "%s: %s", what, why.text);
    *out = value;
    return 0;
}

typedef struct {
    hyperty_loaded_cb loaded;
    hyperty_called_cb called;
    void *arg;
} done_t;

static done_t *new_done(void *arg) {
    done_t *d = hy_alloc_zero(sizeof *d);
    if (d) d->arg = arg;
    return d;
}

static void on_loaded(void *arg, int code, const char *desc, hy_instance_t *instance) {
    done_t d = *(done_t *)arg;
    hy_free(arg);
    if (!d.loaded) return;
    const char *name = code ? NULL : hy_instance_name(instance);
    d.loaded(d.arg, code, code ? desc : "", name, code ? NULL : hy_instance_url(instance)->bytes);
}

typedef struct {
    const char *name, *source; /* source NULL: by name */
    size_t len;
} script_t;

static int load(hyperty_t *h, script_t script, const char *config, hyperty_loaded_cb loaded,
                void *arg, hyperty_error_t *err) {
    hy_value_t value = hy_absent();
    int rc = read_json("config", config, HY_OBJECT, &value, err);
    if (rc) return rc;
    done_t *done = new_done(arg);
    if (!done) {
        hy_value_drop(value);
        return hy_fail(inside(err), HY_ENOMEM, "out of memory");
    }
    done->loaded = loaded;
    hy_host_t *host = hy_runtime_host(h->runtime);
    rc = script.source ? hy_host_load_text(host, script.name, script.source, script.len, value,
                                           on_loaded, done, inside(err))
                       : hy_host_load(host, script.name, value, on_loaded, done, inside(err));
    if (rc) hy_free(done);
    return rc;
}

int hyperty_load(hyperty_t *h, const char *name, const char *config, hyperty_loaded_cb done,
                 void *arg, hyperty_error_t *err) {
    return load(h, (script_t){.name = name}, config, done, arg, err);
}

int hyperty_load_text(hyperty_t *h, const char *chunk, const char *source, size_t len,
                      const char *config, hyperty_loaded_cb done, void *arg, hyperty_error_t *err) {
    script_t script = {.name = chunk, .source = source, .len = len};
    return load(h, script, config, done, arg, err);
}

int hyperty_check(hyperty_t *h, const char *name, hyperty_error_t *err) {
    return hy_host_check(hy_runtime_host(h->runtime), name, inside(err));
}

/* --- instances -------------------------------------------------------------------------------- */

static hy_instance_t *find(const hyperty_t *h, const char *instance, hyperty_error_t *err) {
    hy_instance_t *i = hy_host_find_instance(hy_runtime_host(h->runtime), instance);
    if (!i) {
        hy_fail(inside(err), HY_ENOT_FOUND, "no instance named \"%s\"; load it first", instance);
    }
    return i;
}

int hyperty_unload(hyperty_t *h, const char *instance, hyperty_error_t *err) {
    hy_instance_t *i = find(h, instance, err);
    if (!i) return HY_ENOT_FOUND;
    hy_instance_unload(i);
    return 0;
}

static void on_called(void *arg, int code, const char *desc, hy_value_t values) {
    done_t d = *(done_t *)arg;
    hy_free(arg);
    if (!d.called) return;
    if (code) {
        d.called(d.arg, code, desc);
        return;
    }
    hy_buf_t b;
    hy_buf_init(&b);
    hy_json_write(&b, values);
    hy_str_t *text = hy_buf_take(&b);
    if (text) {
        d.called(d.arg, 0, text->bytes);
    } else {
        d.called(d.arg, HY_ENOMEM, hy_error_text(HY_ENOMEM));
    }
    hy_str_unref(text);
}

int hyperty_call(hyperty_t *h, const char *instance, const char *method, const char *args,
                 hyperty_called_cb called, void *arg, hyperty_error_t *err) {
    hy_instance_t *i = find(h, instance, err);
    if (!i) return HY_ENOT_FOUND;
    hy_value_t values = hy_absent();
    int rc = read_json("args", args ? args : "[]", HY_ARRAY, &values, err);
    if (rc) return rc;
    done_t *done = new_done(arg);
    if (!done) {
        hy_value_drop(values);
        return hy_fail(inside(err), HY_ENOMEM, "out of memory");
    }
    done->called = called;
    rc = hy_instance_call(i, method, values, on_called, done, inside(err));
    if (rc) hy_free(done);
    return rc;
}
