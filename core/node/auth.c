/* What a token claims (auth.h). */
#include "auth.h"

#include "../bus/address.h"

static bool is_span(hy_span_t span, const char *text) {
    return span.len == strlen(text) && memcmp(span.bytes, text, span.len) == 0;
}

int hy_claims_check_sub(const hy_str_t *sub, hy_error_t *err) {
    hy_address_t parts;
    int rc = hy_address_parse(sub->bytes, sub->len, &parts, err);
    if (rc < 0) return rc;
    bool is_runtime = is_span(parts.scheme, "hyperty-runtime") || is_span(parts.scheme, "runtime");
    bool is_whole = sub->bytes[sub->len - 1] != '/' && !memchr(sub->bytes, '#', sub->len);
    if (is_runtime && is_whole) return 0;
    return hy_fail(err, HY_EINVALID,
                   "%s is neither a RuntimeURL nor the beginning of some: write one like "
                   "hyperty-runtime://example.org/bob, without a slash at its end",
                   sub->bytes);
}

int hy_claims_check_user(const hy_str_t *user, hy_error_t *err) {
    hy_address_t parts;
    int rc = hy_address_parse(user->bytes, user->len, &parts, err);
    if (rc < 0) return rc;
    if (is_span(parts.scheme, "user") && parts.path.len > 1) return 0;
    return hy_fail(err, HY_EINVALID, "%s is no user URL: write one like user://example.org/bob",
                   user->bytes);
}

int hy_claims_check_users(const hy_node_t *users, hy_error_t *err) {
    size_t count = hy_node_count(users);
    if (count > HY_TOKEN_USERS_MAX)
        return hy_fail(err, HY_EINVALID, "%zu users: one token names %u at most", count,
                       HY_TOKEN_USERS_MAX);
    for (size_t i = 0; i < count; i++) {
        hy_value_t user = hy_node_at(users, i);
        if (user.kind != HY_STR)
            return hy_fail(err, HY_EINVALID, "user %zu is no text: write user URLs", i + 1);
        int rc = hy_claims_check_user(user.as.s, err);
        if (rc < 0) return rc;
    }
    return 0;
}

void hy_claims_deinit(hy_claims_t *c) {
    hy_str_unref(c->sub);
    if (c->users) hy_node_unref(c->users);
    *c = (hy_claims_t){.sub = NULL};
}

bool hy_claims_cover(const hy_claims_t *c, const hy_str_t *runtime) {
    return hy_address_is_under(runtime, c->sub);
}

bool hy_claims_name(const hy_claims_t *c, const hy_str_t *user) {
    for (size_t i = 0; i < hy_node_count(c->users); i++) {
        hy_value_t named = hy_node_at(c->users, i);
        if (named.kind == HY_STR && hy_str_equal(named.as.s, user)) return true;
    }
    return false;
}

/* True if `b` names all that `a` names. */
static bool are_named(const hy_claims_t *a, const hy_claims_t *b) {
    for (size_t i = 0; i < hy_node_count(a->users); i++) {
        if (!hy_claims_name(b, hy_node_at(a->users, i).as.s)) return false;
    }
    return true;
}

bool hy_claims_are_alike(const hy_claims_t *a, const hy_claims_t *b) {
    return are_named(a, b) && are_named(b, a);
}
