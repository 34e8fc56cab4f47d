/* The host's end of a prompt: one client on a socket, one instance, one evaluation at a time.
 *
 *      socket ──► frames ──► eval ──► task of the prompt's instance ──► result
 *                                                     prints, log lines ──► queue ──► socket
 *
 * Frames wait in the input buffer until the instance is there, and while an evaluation is under way
 * only a cancel of it is looked for. A client that does not read what it is sent is not read from
 * either. Owns the descriptor, the buffers and the record of the evaluation; the instance belongs
 * to the host, and is found gone by its tasks being dropped. */
#include "prompt.h"
#include "../base/mem.h"
#include "frame.h"
#include "internal.h"
#include "lib_complete.h"
#include "lib_prompt.h"
#include "prompt_queue.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define READ_BYTES      4096u
#define WIDTH_USUAL     80
#define INSTANCE_NAME   "prompt"
#define INSTANCE_SOURCE "return { name = '" INSTANCE_NAME "' }"

struct hy_prompt {
    hy_prompt_config_t config;
    hy_poll_t *poll;
    hy_buf_t in;
    hy_prompt_queue_t out;
    hy_str_t *name, *url; /* of the instance; NULL: not loaded yet */
    bool is_loading;      /* it: on_loaded is still to come */
    bool is_left;         /* by then the client has gone */
    bool is_evaluating;
    int64_t eval_id;
    bool has_ended;
};

/* Its address is the registry key of what lua/hyperty/prompt.lua gave. */
static const char commands_key;

/* What a task is started with. */
typedef struct {
    hy_prompt_t *prompt;
    hy_instance_t *instance;
    const char *method;
    const hy_node_t *frame;
} spawn_t;

static void say(hy_prompt_t *p, const char *is, const char *text) {
    hy_prompt_queue_add(&p->out, (hy_prompt_frame_t){.is = is}, text, strlen(text));
}

static void end(hy_prompt_t *p, const char *why) {
    if (p->has_ended) return;
    p->has_ended = true;
    hy_poll_watch(p->poll, 0);
    if (why) say(p, "end", why);
    p->config.ended(p->config.arg, why);
}

/* --- output ----------------------------------------------------------------------------------- */

static void flush(hy_prompt_t *p) {
    if (p->has_ended) return;
    int done = hy_prompt_queue_write(&p->out, p->config.fd);
    if (done < 0) {
        end(p, NULL);
    } else {
        bool is_full = hy_prompt_queue_is_full(&p->out);
        hy_poll_watch(p->poll, (is_full ? 0 : HY_POLL_READABLE) | (done ? 0 : HY_POLL_WRITABLE));
    }
}

static hy_value_t with_text(const char *key, const char *text) {
    hy_node_t *n = hy_node_new(HY_OBJECT);
    hy_value_t object = hy_node_value(n);
    if (hy_put(n, key, hy_text(text)) == 0) return object;
    hy_value_drop(object);
    return hy_absent();
}

void hy_prompt_print(hy_prompt_t *p, const char *name, const char *text) {
    bool is_own = hy_str_is(p->name, name);
    hy_prompt_frame_t frame = {
        .is = "print",
        .is_line = true,
        .more = is_own ? hy_absent() : with_text("name", name),
    };
    hy_prompt_queue_add(&p->out, frame, text, strlen(text));
    flush(p);
}

void hy_prompt_log(hy_prompt_t *p, const char *line) {
    hy_prompt_queue_add(&p->out, (hy_prompt_frame_t){.is = "log", .is_line = true}, line,
                        strlen(line));
    flush(p);
}

/* --- evaluation ------------------------------------------------------------------------------- */

/* The evaluation under way is over. */
static void send_result(hy_prompt_t *p, const char *outcome, const char *text, size_t len) {
    hy_value_t more = with_text("outcome", outcome);
    if (more.kind == HY_OBJECT) hy_put(more.as.n, "id", hy_int(p->eval_id));
    hy_prompt_frame_t frame = {.is = "result", .with_escapes = true, .more = more};
    p->is_evaluating = false;
    hy_prompt_queue_add(&p->out, frame, text, len);
    flush(p);
}

static void on_evaluated(void *arg, lua_State *L, int results, bool has_failed) {
    size_t len = 0;
    const char *text = results ? lua_tolstring(L, -1, &len) : NULL;
    const char *outcome = !has_failed && results == 2 ? lua_tostring(L, -2) : "error";
    send_result(arg, outcome ? outcome : "error", text ? text : "", len);
}

static void on_dropped(void *arg) {
    static const char text[] = "cancelled";
    send_result(arg, "cancelled", text, strlen(text));
}

static const hy_task_end_t eval_end = {
    .ended = on_evaluated, .dropped = on_dropped, .takes_errors = true};

static void push_text(lua_State *L, const hy_node_t *frame, const char *key) {
    const hy_str_t *text = hy_get_str(frame, key);
    lua_pushlstring(L, text ? text->bytes : "", text ? text->len : 0);
}

static void spawn(lua_State *L, void *arg) {
    const spawn_t *s = arg;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &commands_key);
    lua_getfield(L, -1, s->method);
    push_text(L, s->frame, hy_get_str(s->frame, "name") ? "name" : "code");
    lua_pushinteger(L, hy_get_int(s->frame, "width", WIDTH_USUAL));
    lua_pushboolean(L, hy_get_bool(s->frame, "color", false));
    lua_pushboolean(L, hy_get_bool(s->frame, "terminal", false));
    int rc = hy_task_spawn(s->instance, 4, INSTANCE_NAME, &eval_end, s->prompt);
    if (rc) luaL_error(L, "%s", hy_error_text(rc));
}

/* The instance, unless it was stopped; never kept, as it may go at any time. */
static hy_instance_t *find_instance(hy_prompt_t *p) {
    hy_instance_t *i = hy_host_find_instance(p->config.host, p->url->bytes);
    if (!i) end(p, "the prompt's instance is gone");
    return i;
}

static void start_eval(hy_prompt_t *p, const char *method, const hy_node_t *frame) {
    spawn_t s = {.prompt = p, .instance = find_instance(p), .method = method, .frame = frame};
    hy_error_t err = {0};
    if (!s.instance) return;
    p->is_evaluating = true;
    p->eval_id = hy_get_int(frame, "id", 0);
    int rc = hy_protected(s.instance->L, spawn, &s, &err);
    if (rc) send_result(p, "error", err.text, strlen(err.text));
}

static void cancel_task(hy_prompt_t *p, hy_instance_t *i) {
    for (hy_link_t *l = i->tasks.next; l != &i->tasks; l = l->next) {
        hy_task_t *t = hy_link_owner(l, hy_task_t, link);
        if (t->end != &eval_end || t->arg != p) continue;
        hy__task_cancel(t); /* calls on_dropped */
        return;
    }
}

static void cancel_eval(hy_prompt_t *p, int64_t id) {
    if (!p->is_evaluating || p->eval_id != id) return;
    hy_instance_t *i = find_instance(p);
    if (i) cancel_task(p, i);
}

/* Answered at once, also while an evaluation waits. */
static void answer_completion(hy_prompt_t *p, const hy_node_t *frame) {
    hy_instance_t *i = find_instance(p);
    if (!i) return;
    hy_value_t answer = hy_complete(i, &commands_key, frame);
    if (answer.kind == HY_OBJECT) hy_put(answer.as.n, "id", hy_int(hy_get_int(frame, "id", 0)));
    hy_prompt_queue_add(&p->out, (hy_prompt_frame_t){.is = "completion", .more = answer}, "", 0);
    flush(p);
}

/* --- input ------------------------------------------------------------------------------------ */

static void take_frame(hy_prompt_t *p, const hy_node_t *frame) {
    const hy_str_t *what = hy_get_str(frame, "do");
    if (hy_str_is(what, "cancel")) {
        cancel_eval(p, hy_get_int(frame, "id", 0));
    } else if (hy_str_is(what, "complete")) {
        answer_completion(p, frame);
    } else if (p->is_evaluating) {
        end(p, "the client sent a chunk while another one was under way");
    } else if (hy_str_is(what, "eval")) {
        start_eval(p, "eval", frame);
    } else if (hy_str_is(what, "load")) {
        start_eval(p, "start", frame);
    }
}

static void take_frames(hy_prompt_t *p) {
    hy_error_t err = {0};
    hy_value_t frame;
    int rc = 0;
    while (p->url && !p->has_ended && !hy_prompt_queue_is_full(&p->out) &&
           (rc = hy_frame_take(&p->in, &frame, &err)) > 0) {
        take_frame(p, frame.as.n);
        hy_value_drop(frame);
    }
    if (rc < 0) end(p, err.text);
}

static void receive(hy_prompt_t *p) {
    if (!hy_buf_reserve(&p->in, READ_BYTES)) {
        end(p, "out of memory");
        return;
    }
    ssize_t got = read(p->config.fd, p->in.bytes + p->in.len, READ_BYTES);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
        end(p, NULL);
        return;
    }
    p->in.len += (size_t)got;
    if (p->in.len > 2 * HY_PROMPT_FRAME_BYTES_MAX) {
        end(p, "the client sends more than is taken");
    } else {
        take_frames(p);
    }
}

static void on_poll(void *arg, int events) {
    hy_prompt_t *p = arg;
    if (events < 0) {
        end(p, NULL);
        return;
    }
    if (events & HY_POLL_WRITABLE) {
        flush(p);
        take_frames(p);
    }
    if (events & HY_POLL_READABLE && !p->has_ended) receive(p);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void install(lua_State *L, void *arg) {
    hy_lib_prompt_push(L, arg);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &commands_key);
}

static void on_loaded(void *arg, int code, const char *desc, hy_instance_t *instance) {
    hy_prompt_t *p = arg;
    hy_error_t err = {0};
    p->is_loading = false;
    if (p->is_left) {
        if (instance) hy_instance_unload(instance);
        hy_free(p);
        return;
    }
    if (code) {
        end(p, desc);
        return;
    }
    if (hy_protected(instance->L, install, (void *)p->config.node, &err) != 0) {
        end(p, err.text);
        return;
    }
    p->name = hy_str_ref(instance->name);
    p->url = hy_str_ref(hy_instance_url(instance));
    take_frames(p);
}

int hy_prompt_open(const hy_prompt_config_t *config, hy_prompt_t **out, hy_error_t *err) {
    hy_prompt_t *p = hy_alloc_zero(sizeof *p);
    if (!p) {
        close(config->fd);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    p->config = *config;
    hy_buf_init(&p->in);
    hy_prompt_queue_init(&p->out);
    if (config->hello) say(p, "hello", config->hello);
    p->config.hello = NULL;
    int rc = hy_poll_open(config->loop, config->fd, on_poll, p, &p->poll);
    if (!rc) rc = hy_poll_watch(p->poll, HY_POLL_READABLE);
    if (rc) {
        hy_fail(err, rc, "cannot listen to the client");
    } else {
        rc = hy__host_load_prompt(config->host, INSTANCE_NAME, INSTANCE_SOURCE,
                                  strlen(INSTANCE_SOURCE), with_text("as", INSTANCE_NAME),
                                  on_loaded, p, err);
    }
    if (rc) {
        uint64_t until_ms = 0;
        p->has_ended = true;
        if (err) say(p, "end", err->text);
        hy_prompt_close(p, &until_ms);
        return rc;
    }
    p->is_loading = true;
    *out = p;
    flush(p);
    return 0;
}

const char *hy_prompt_name(const hy_prompt_t *p) {
    return p->name ? p->name->bytes : NULL;
}

/* All but the record. */
static void release(hy_prompt_t *p) {
    hy_poll_close(p->poll, NULL);
    close(p->config.fd);
    hy_buf_deinit(&p->in);
    hy_prompt_queue_deinit(&p->out);
    hy_str_unref(p->name);
    hy_str_unref(p->url);
}

void hy_prompt_leave(hy_prompt_t *p) {
    if (!p) return;
    hy_instance_t *i = p->url ? hy_host_find_instance(p->config.host, p->url->bytes) : NULL;
    p->has_ended = true;
    hy_prompt_queue_write(&p->out, p->config.fd); /* why it ends, if that goes at once */
    if (i && p->is_evaluating) cancel_task(p, i);
    if (i) hy_instance_unload(i);
    release(p);
    p->is_left = true;
    if (!p->is_loading) hy_free(p);
}

/* The client reads until we close, unless it is stopped. */
static void hand_over(hy_prompt_t *p, uint64_t *until_ms) {
    const hy_clock_t *clock = hy_loop_clock(p->config.loop);
    struct pollfd fd = {.fd = p->config.fd, .events = POLLOUT};
    while (hy_prompt_queue_write(&p->out, p->config.fd) == 0) {
        uint64_t now_ms = hy_clock_now(clock);
        int left_ms = *until_ms > now_ms ? (int)(*until_ms - now_ms) : 0;
        if (poll(&fd, 1, left_ms) <= 0) return;
        *until_ms = hy_clock_now(clock) + HY_PROMPT_FAREWELL_MS;
    }
}

void hy_prompt_close(hy_prompt_t *p, uint64_t *until_ms) {
    if (!p) return;
    hand_over(p, until_ms);
    release(p);
    hy_free(p);
}
