/* What a stub opens its session with: `open` or `re-open`, and in it the token that its node may
 * ask for (node/auth.h). */
#ifndef HY_NET_OPENING_H
#define HY_NET_OPENING_H

#include "../bus/bus.h"

typedef struct {
    /* As in stub.h. */
    int (*get)(void *arg, hy_str_t **out, hy_error_t *err);
    void *arg;
    hy_str_t *token; /* that was shown last; NULL: none */
    bool is_new;     /* it is not the one before that */
    bool is_ahead;   /* it was got to know its users, and is what is shown first */
} hy__opening_t;

/* The message, which the caller owns, with the token as it is now. */
int hy__opening_make(hy__opening_t *o, hy_msg_type_t type, int64_t id, hy_str_t *from, hy_str_t *to,
                     hy_msg_t **out, hy_error_t *err);
/* Tells the uplink whom the token names (that which was shown last, or will be) if the node checks
 * identities; else nobody, and so if there is no token that can be read. */
void hy__opening_vouch(hy__opening_t *o, hy_uplink_t *u, bool checks_identity);
void hy__opening_deinit(hy__opening_t *o);

#endif
