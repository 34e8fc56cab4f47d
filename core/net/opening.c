/* Opening with a token (opening.h). Without one the message has no body, as ever. */
#include "opening.h"

#include "token.h"

static int get_token(hy__opening_t *o, hy_error_t *err) {
    hy_str_t *token = NULL;
    bool is_ahead = o->is_ahead;
    o->is_ahead = false;
    if (is_ahead) return 0;
    int rc = o->get ? o->get(o->arg, &token, err) : 0;
    if (rc < 0) return rc;
    o->is_new = token && !(o->token && hy_str_equal(o->token, token));
    hy_str_unref(o->token);
    o->token = token;
    return 0;
}

static int make_body(const hy__opening_t *o, hy_value_t *body) {
    *body = hy_absent();
    if (!o->token) return 0;
    hy_node_t *node = hy_node_new(HY_OBJECT);
    *body = hy_node_value(node);
    return hy_put(node, "auth", hy_string(hy_str_ref(o->token)));
}

int hy__opening_make(hy__opening_t *o, hy_msg_type_t type, int64_t id, hy_str_t *from, hy_str_t *to,
                     hy_msg_t **out, hy_error_t *err) {
    hy_value_t body;
    int rc = get_token(o, err);
    if (rc < 0) return rc;
    rc = make_body(o, &body);
    hy_msg_t *m = NULL;
    if (rc == 0) {
        m = hy_msg_new(type, hy_int(id), from, to, body);
    } else {
        hy_value_drop(body);
    }
    if (!m) return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    *out = m;
    return 0;
}

void hy__opening_vouch(hy__opening_t *o, hy_uplink_t *u, bool checks_identity) {
    hy_claims_t claims = {.sub = NULL};
    hy_error_t err;
    if (checks_identity && !o->token) /* why there is none is told when it is to be shown */
        o->is_ahead = get_token(o, &err) == 0 && o->token;
    if (checks_identity && o->token) hy_token_read(o->token, &claims, &err);
    hy_uplink_set_users(u, claims.users);
    hy_claims_deinit(&claims);
}

void hy__opening_deinit(hy__opening_t *o) {
    hy_str_unref(o->token);
    o->token = NULL;
}
