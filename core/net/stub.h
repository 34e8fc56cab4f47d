/* A stub: the runtime's end of its session with a domain's message node (PROTOCOL.md section 3). It
 * opens and keeps the session, over whatever channel its connector gives.
 *
 *            ┌────────────── channel lost ──────────────────────┐
 *            ▼                                                  │
 *      away ─► connecting ─► opening ── 200 ─► live ────────────┤
 *       ▲  (full jitter)        └─ 403 to re-open: opens anew   │
 *       └───────────────────────────────────────────────────────┘
 *      replaced: another process has opened this runtime; it does not come back by itself
 *
 * While it is not live, what the bus sends is kept in order, for HY_STUB_HOLD_MS since the channel
 * was lost (or since it was made), within HY_STUB_QUEUE_BYTES_MAX. A session taken over (re-open)
 * gets all of it. If the session is a new one, or nothing came in time, what was kept is dropped
 * and its requests are answered 503; until it is live again, requests are refused at once. The
 * answers name the cause.
 *
 * A node may ask for a token (node/auth.h). It is got anew for each try, and when the node says
 * that it ends soon: then the session is renewed with it while all goes on. One that the node does
 * not take (401) keeps the stub away like any other failure, and each try asks for it again; the
 * session that it had is kept for re-open. Whether its node checks
 * identities, and for whom the token speaks, the uplink is told (hy_uplink_set_users). */
#ifndef HY_NET_STUB_H
#define HY_NET_STUB_H

#include "../bus/bus.h"
#include "channel.h"

typedef enum { HY_STUB_AWAY, HY_STUB_LIVE, HY_STUB_REPLACED } hy_stub_state_t;

typedef struct {
    hy_bus_t *bus;             /* outlives the stub; it has clock, random and log */
    hy_str_t *runtime;         /* RuntimeURL; referenced */
    const char *domain;        /* the uplink's domain, copied; NULL: all */
    hy_connector_t *connector; /* taken over, also on failure */
    /* The state has changed. LIVE: `is_new` tells that the session is a new one, whose claims and
     * routes must be set up; it is called before anything that is kept is sent or answered. `why`
     * is for people, lent. May be NULL. */
    void (*changed)(void *arg, hy_stub_state_t state, bool is_new, const char *why);
    void *arg;
    /* The token to open with, which the stub owns then; NULL: there is none for this node. May
     * fail, with a text. NULL: it has none. */
    int (*token)(void *token_arg, hy_str_t **out, hy_error_t *err);
    void *token_arg;
} hy_stub_config_t;

typedef struct hy_stub hy_stub_t;

/* Begins to connect at once; `changed` may be called inside, if the channel stands at once. */
int hy_stub_open(const hy_stub_config_t *config, hy_stub_t **out, hy_error_t *err);
/* Ends the session (close) and the uplink. NULL allowed. Not from inside `changed`. */
void hy_stub_close(hy_stub_t *s);
/* The same as at the end of a killed process: the channel breaks (HY_CLOSE_LOST), no word is said
 * and none that waits is sent. NULL allowed. */
void hy_stub_crash(hy_stub_t *s);
/* If it is away and waiting, it tries at once. */
void hy_stub_hurry(hy_stub_t *s);
hy_stub_state_t hy_stub_state(const hy_stub_t *s);
/* True while it is live and something waits to be sent. */
bool hy_stub_has_more(const hy_stub_t *s);
/* True if its node, as it said when the session opened, checks identities (node/auth.h). */
bool hy_stub_checks_identity(const hy_stub_t *s);
/* Where its node is, for people. Lent. */
const char *hy_stub_where(const hy_stub_t *s);

#endif
