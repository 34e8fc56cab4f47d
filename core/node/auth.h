/* Who may open a session at a node: what it asks of a token (PROTOCOL.md sections 3 and 10), and
 * what a token claims. How tokens are made and checked: net/token.h.
 *
 *      open, re-open ── body.auth ──► check ──► claims ──► session: may speak for these users
 *
 * With auth:
 *   - `open` and `re-open` need a good token whose `sub` is the RuntimeURL or, by whole path
 *     segments, a prefix of it; else 401 with the reason, and the connection closes
 *     (HY_CLOSE_UNAUTHORISED), one that had a session too;
 *   - `open` on a connection that has the session already renews it with a new token;
 *   - a session speaks for the same users all its life: `open` and `re-open` by a token of others
 *     get 409, whichever connection they come by;
 *   - HY_TOKEN_WARN_MS before a token ends, or when half of what is left of it is over if that is
 *     later, its runtime is told: `event` from mn:/session to the RuntimeURL,
 *     {"value":{"expires":<ms left>}}; when it has ended the connection closes
 *     (HY_CLOSE_UNAUTHORISED) and the session keeps its grace, in which a new token takes it over;
 *   - the 200 to `open` and `re-open` says {"auth":true}: this node checks identities (guarded
 *     there: `identity` of what is sent, `user` of what is registered: 403 if the token does not
 *     name it);
 *   - a runtime in the node's own process, such as that of its prompt, needs no token, as whoever
 * is there has the node. It may name any user, but nobody vouches for that: an identity that says
 *     "verified" gets 403. It does not take over the session of one that has shown a token. */
#ifndef HY_NODE_AUTH_H
#define HY_NODE_AUTH_H

#include "../base/error.h"
#include "../base/value.h"

typedef struct {
    hy_str_t *sub;    /* a RuntimeURL, or a prefix of RuntimeURLs */
    hy_node_t *users; /* array of user URLs; never NULL in claims, may be empty */
    uint64_t ends_ms; /* wall clock; the allowed skew is counted in */
} hy_claims_t;

/* May that stand in a token? 0, or HY_EINVALID or HY_ETOO_LARGE with what is wrong and how it is
 * written. Users: an array, HY_TOKEN_USERS_MAX at most. */
int hy_claims_check_sub(const hy_str_t *sub, hy_error_t *err);
int hy_claims_check_user(const hy_str_t *user, hy_error_t *err);
int hy_claims_check_users(const hy_node_t *users, hy_error_t *err);

/* Also of claims that are all zero, which it leaves behind. */
void hy_claims_deinit(hy_claims_t *c);
/* May who has these claims open that runtime? Whole segments: "…/1" is no prefix of "…/10". */
bool hy_claims_cover(const hy_claims_t *c, const hy_str_t *runtime);
bool hy_claims_name(const hy_claims_t *c, const hy_str_t *user);
/* True if both speak for the same users. */
bool hy_claims_are_alike(const hy_claims_t *a, const hy_claims_t *b);

typedef struct hy_auth hy_auth_t;
struct hy_auth {
    /* 0 and what the token claims, or HY_EUNAUTHENTICATED with the reason for who sent it. */
    int (*check)(const hy_auth_t *auth, const hy_str_t *token, uint64_t now_ms, hy_claims_t *out,
                 hy_error_t *err);
};

#endif
