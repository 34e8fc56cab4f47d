/* Inside node/: what a session's token allows (auth.h): whether it opens and for how long
 * (authorised.c), and for whom it speaks (identity.c). */
#ifndef HY_NODE_AUTHORISED_H
#define HY_NODE_AUTHORISED_H

#include "internal.h"

/* --- authorised.c ----------------------------------------------------------------------------- */

void hy__authority_init(hy_session_t *s);
void hy__authority_deinit(hy_session_t *s);
/* What the token in an `open` or `re-open` of the peer claims; nothing, if it is asked for none. On
 * failure HY_EUNAUTHENTICATED with the reason. */
int hy__authority_check(const hy_peer_t *p, hy_msg_t *m, hy_claims_t *out, hy_error_t *err);
/* May the peer, which claims that, open `runtime`, whose session `s` is (NULL: it has none)?
 * HY_EUNAUTHENTICATED, HY_ECONFLICT: it speaks for others. */
int hy__authority_admits(const hy_peer_t *p, const hy_claims_t *claims, const hy_str_t *runtime,
                         const hy_session_t *s, hy_error_t *err);
/* The session, which has a connection, goes on by these claims, which are taken over. May end the
 * connection. */
void hy__authority_give(hy_session_t *s, hy_claims_t *claims);
/* As in an earlier life of the node; until its runtime comes back with a token. `users`: as they
 * were stored, checked, lent; ABSENT: it had shown none. HY_ENOMEM. */
int hy__authority_restore(hy_session_t *s, hy_value_t users);
size_t hy__authority_bytes(const hy_session_t *s);

/* --- identity.c ------------------------------------------------------------------------------- */

/* HY_EFORBIDDEN if the message names a user in its identity whom the session's token does not name;
 * or says that it is verified, where there was no need of a token. */
int hy__identity_check(const hy_session_t *s, hy_msg_t *m, hy_error_t *err);
/* The same of the user in an entry of the registry, unless it is the one that was there `before`
 * (NULL: nothing was). */
int hy__identity_check_entry(const hy_session_t *s, const hy_node_t *value, const hy_node_t *before,
                             hy_error_t *err);

#endif
