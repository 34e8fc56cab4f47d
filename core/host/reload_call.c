/* Calls from C of a hyperty that is being reloaded: they wait, and whoever lives at the end gets
 * them in their order. Owns what they were called with. */
#include "reload.h"

#include "../base/mem.h"

typedef struct {
    hy_link_t link; /* in the reload */
    hy_str_t *chunk, *text;
    hy_value_t args;
    hy_result_cb done;
    void *arg;
} waiting_t;

static void free_call(waiting_t *c) {
    hy_list_remove(&c->link);
    hy_str_unref(c->chunk);
    hy_str_unref(c->text);
    hy_value_drop(c->args);
    hy_free(c);
}

int hy__reload_call(hy_instance_t *i, const char *chunk, const char *text, size_t len,
                    hy_value_t args, hy_result_cb done, void *arg, hy_error_t *err) {
    waiting_t *c = hy_alloc(sizeof *c);
    hy_instance_t *settled = i->life == HY_LIFE_PAST ? i->heir : i;
    if (!c) {
        hy_value_drop(args);
        return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    }
    *c = (waiting_t){.text = hy_str_new(text, len), .args = args, .done = done, .arg = arg};
    hy_link_init(&c->link);
    if (chunk) c->chunk = hy_str_from(chunk);
    if (!c->text || (chunk && !c->chunk)) {
        free_call(c);
        return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    }
    hy_list_append(&settled->reload->calls, &c->link);
    return 0;
}

static int start(waiting_t *c, hy_instance_t *i, hy_error_t *err) {
    hy_value_t args = c->args;
    c->args = hy_absent();
    if (!c->chunk) return hy_instance_call(i, c->text->bytes, args, c->done, c->arg, err);
    return hy_instance_eval(i, c->chunk->bytes, c->text->bytes, c->text->len, args, c->done, c->arg,
                            err);
}

void hy__reload_calls_go(hy_reload_t *r, hy_instance_t *i) {
    while (!hy_list_is_empty(&r->calls)) {
        waiting_t *c = hy_link_owner(r->calls.next, waiting_t, link);
        hy_error_t err = {.text = "the hyperty was unloaded"};
        int rc = i ? start(c, i, &err) : HY_ECLOSED;
        if (rc < 0) c->done(c->arg, rc, err.text, hy_absent());
        free_call(c);
    }
}
