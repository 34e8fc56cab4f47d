/* Inside a reload: what reload.c and reload_call.c share. */
#ifndef HY_HOST_RELOAD_H
#define HY_HOST_RELOAD_H

#include "internal.h"

struct hy_reload {
    hy_link_t link; /* in the host, while a turn is to go on with it */
    hy_host_t *host;
    hy_instance_t *old, *life; /* who lives, who is tried (NULL: not any more) */
    hy_loaded_cb done;
    void *arg;
    hy_link_t calls;    /* reload_call.c: that wait for its end */
    hy_timer_t timer;   /* the time that the new code has */
    hy_value_t version; /* of the old code; ABSENT: it names none */
    uint32_t turns;     /* that it waited until what the old code had queued was done */
    bool is_trying;     /* the trial has begun */
    bool has_migrate, is_migrating, is_done;
    int code; /* why it failed; 0: it has not */
    hy_str_t *text;
};

/* All calls that wait, to that instance; NULL: it is gone. */
void hy__reload_calls_go(hy_reload_t *r, hy_instance_t *i);

#endif
