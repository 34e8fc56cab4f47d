/* The prompts of one host. A client that goes is found out in the midst of anything, also while Lua
 * runs and prints; so it is only marked then, and taken away by a work of the loop. */
#include "../base/list.h"
#include "../base/mem.h"
#include "prompts_private.h"

#include <string.h>

#include <unistd.h>

typedef struct {
    hy_link_t link;
    hy_prompts_t *set;
    hy_prompt_t *prompt;                       /* NULL: not open yet */
    int pid;                                   /* of its process, for the log; 0: not known */
    void (*ended)(void *arg, const char *why); /* NULL: taken away when it has gone */
    void *arg;
    bool has_ended;
} member_t;

struct hy_prompts {
    hy_prompts_config_t config; /* its texts are owned */
    hy_str_t *hello;
    hy_link_t members;
    uint32_t count;
    hy_work_t *sweep;
    hy__prompt_gate_t gate;
};

const hy_prompts_config_t *hy__prompts_config(const hy_prompts_t *ps) {
    return &ps->config;
}

uint32_t hy_prompts_count(const hy_prompts_t *ps) {
    return ps->count;
}

static member_t *member_of(hy_link_t *l) {
    return hy_link_owner(l, member_t, link);
}

static void forget(member_t *m) {
    hy_list_remove(&m->link);
    m->set->count--;
    hy_free(m);
}

/* --- coming and going ------------------------------------------------------------------------- */

static void on_ended(void *arg, const char *why) {
    member_t *m = arg;
    const hy_log_t *log = m->set->config.log;
    m->has_ended = true;
    if (m->ended) {
        m->ended(m->arg, why);
    } else {
        if (why) hy_log(log, HY_LOG_WARN, "attach", "the client of process %d: %s", m->pid, why);
        hy_work_wake(m->set->sweep);
    }
}

static bool on_sweep(void *arg) {
    hy_prompts_t *ps = arg;
    for (hy_link_t *l = ps->members.next, *next; l != &ps->members; l = next) {
        member_t *m = member_of(l);
        next = l->next;
        if (!m->has_ended || m->ended) continue;
        hy_log(ps->config.log, HY_LOG_DEBUG, "attach", "process %d has left", m->pid);
        hy_prompt_leave(m->prompt);
        forget(m);
    }
    return false;
}

/* The member is given its prompt, or is gone again. */
static int open_prompt(member_t *m, int fd, hy_error_t *err) {
    hy_prompts_t *ps = m->set;
    hy_prompt_config_t config = {
        .host = ps->config.host(ps->config.arg, err),
        .loop = ps->config.loop,
        .fd = fd,
        .node = ps->config.node,
        .hello = m->ended ? NULL : ps->hello->bytes,
        .ended = on_ended,
        .arg = m,
    };
    int rc = config.host ? hy_prompt_open(&config, &m->prompt, err) : err->code;
    if (!config.host) {
        hy__prompt_refuse(fd, err->text);
        close(fd);
    }
    if (rc) forget(m);
    return rc;
}

static member_t *new_member(hy_prompts_t *ps) {
    member_t *m = hy_alloc_zero(sizeof *m);
    if (!m) return NULL;
    m->set = ps;
    hy_list_append(&ps->members, &m->link);
    ps->count++;
    return m;
}

int hy_prompts_add(hy_prompts_t *ps, int fd, void (*ended)(void *arg, const char *why), void *arg,
                   hy_error_t *err) {
    member_t *m = new_member(ps);
    hy_error_t why = {0};
    if (!m) {
        close(fd);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    m->ended = ended;
    m->arg = arg;
    int rc = open_prompt(m, fd, &why);
    return rc ? hy_fail(err, rc, "%s", why.text) : 0;
}

void hy__prompts_admit(hy_prompts_t *ps, int fd, pid_t pid) {
    hy_error_t err = {0};
    member_t *m = ps->count < HY_PROMPTS_MAX ? new_member(ps) : NULL;
    if (!m) {
        hy_fail(&err, HY_EFULL,
                "%u prompts are open here already, which is the most; leave one (Ctrl-D)",
                ps->count);
        hy__prompt_refuse(fd, err.text);
        close(fd);
    } else {
        m->pid = pid;
        if (open_prompt(m, fd, &err) == 0) {
            hy_log(ps->config.log, HY_LOG_DEBUG, "attach", "process %d has come", pid);
            return;
        }
    }
    hy_log(ps->config.log, HY_LOG_WARN, "attach", "process %d was turned away: %s", pid, err.text);
}

/* --- output ----------------------------------------------------------------------------------- */

static member_t *find_member(hy_prompts_t *ps, const char *name) {
    for (hy_link_t *l = ps->members.next; l != &ps->members; l = l->next) {
        const member_t *m = member_of(l);
        const char *own = m->prompt ? hy_prompt_name(m->prompt) : NULL;
        if (own && strcmp(own, name) == 0) return member_of(l);
    }
    return NULL;
}

bool hy_prompts_print(hy_prompts_t *ps, const char *name, const char *text) {
    if (!ps) return false;
    member_t *own = find_member(ps, name);
    if (own) {
        hy_prompt_print(own->prompt, name, text);
        return true;
    }
    for (hy_link_t *l = ps->members.next; l != &ps->members; l = l->next) {
        const member_t *m = member_of(l);
        if (m->prompt && !m->has_ended) hy_prompt_print(m->prompt, name, text);
    }
    return false;
}

void hy_prompts_log(hy_prompts_t *ps, const char *line) {
    if (!ps) return;
    for (hy_link_t *l = ps->members.next; l != &ps->members; l = l->next) {
        const member_t *m = member_of(l);
        if (m->prompt && !m->has_ended) hy_prompt_log(m->prompt, line);
    }
}

/* --- opening and closing ---------------------------------------------------------------------- */

int hy_prompts_listen(hy_prompts_t *ps, const char *path, hy_error_t *err) {
    return hy__prompt_gate_open(&ps->gate, path, err);
}

int hy_prompts_open(const hy_prompts_config_t *config, hy_prompts_t **out, hy_error_t *err) {
    hy_prompts_t *ps = hy_alloc_zero(sizeof *ps);
    if (!ps) return hy_fail(err, HY_ENOMEM, "out of memory");
    ps->config = *config;
    hy_link_init(&ps->members);
    hy__prompt_gate_init(&ps->gate, ps);
    ps->hello = hy_str_from(config->hello ? config->hello : "");
    int rc = ps->hello ? hy_loop_add_work(config->loop, on_sweep, ps, &ps->sweep) : HY_ENOMEM;
    if (rc) {
        hy_prompts_close(ps);
        return hy_fail(err, rc, "%s", hy_loop_error_text(rc));
    }
    ps->config.hello = ps->hello->bytes;
    *out = ps;
    return 0;
}

void hy_prompts_close(hy_prompts_t *ps) {
    if (!ps) return;
    uint64_t until_ms = hy_clock_now(hy_loop_clock(ps->config.loop)) + HY_PROMPT_FAREWELL_MS;
    hy__prompt_gate_close(&ps->gate);
    while (!hy_list_is_empty(&ps->members)) {
        member_t *m = member_of(ps->members.next);
        hy_prompt_close(m->prompt, &until_ms);
        forget(m);
    }
    hy_work_close(ps->sweep);
    hy_str_unref(ps->hello);
    hy_free(ps);
}
