/* The message bus of one runtime (PROTOCOL.md section 1).
 *
 *      send ──► queue ──► interceptors ──► listeners by URL ──► (nobody here, or published)
 *                                          pending request            └──► uplink by domain
 *
 * Sending only queues: no listener runs inside a send, so nothing is ever re-entered. hy_bus_turn
 * takes messages off the queue in order; thus order is kept from one `from` to one `to`.
 * A message goes
 *   - response: to the pending request that it answers; else to a listener on its `to`; else, if it
 *     did not come from an uplink, to the uplink that its request came in by, else to that of its
 *     `to`. An answer that came too late goes to the late callback, if the request had one.
 * Anything left over is counted and dropped.
 *   - published (hy_address_is_published): to each listener on its `to` and, if it did not come
 * from an uplink, to the uplink. `<Object>/children/<c>` also reaches listeners on
 *     `<Object>/children/`.
 *   - else: to the listeners on its `to`; if none, and it did not come from an uplink, to the
 *     uplink; if there is none, a request is answered 404 and a message without id dropped.
 *
 * An `execute` or `create` that was delivered here is remembered for HY_ANSWER_KEPT_MS: the same
 * one again (same from, to and id) is not delivered again but gets the same final answer again, or
 * nothing while there is none. Published ones are not: receivers of children have their own memory.
 *
 * The bus owns queued messages, listeners and pending requests. It does no I/O; time and randomness
 * are passed in. */
#ifndef HY_BUS_BUS_H
#define HY_BUS_BUS_H

#include "../base/log.h"
#include "../base/random.h"
#include "../loop/clock.h"
#include "address.h"
#include "message.h"

typedef struct hy_bus hy_bus_t;

typedef struct {
    hy_clock_t *clock;                            /* outlives the bus */
    hy_random_t *random;                          /* outlives the bus */
    const hy_log_t *log;                          /* may be NULL */
    uint32_t queue_messages_max, queue_bytes_max; /* 0: the bounds of limits.h */
    /* Called when there is work again, so that a driver knows to call hy_bus_turn. Not inside a
     * turn, whose result tells. May be NULL. */
    void (*wake)(void *arg);
    void *wake_arg;
} hy_bus_config_t;

typedef struct {
    uint64_t sent;          /* messages of hy_bus_send, hy_bus_request and ports */
    uint64_t received;      /* messages that came in by an uplink */
    uint64_t delivered;     /* calls of listeners and answers to waiting requests */
    uint64_t published;     /* published messages, however many listened */
    uint64_t uplinked;      /* messages that an uplink took */
    uint64_t late;          /* answers handed to a late callback */
    uint64_t unanswered;    /* requests that ended in a 408 made here */
    uint64_t undeliverable; /* messages for nobody: 404 if a request */
    uint64_t dropped;       /* by interceptors, repeated requests, responses for nobody */
    uint64_t refused;       /* by an uplink, by the sender check of a port, or for its body */
    uint64_t full;          /* what a bound turned away */
    uint32_t queued, queued_bytes;
    uint32_t held;     /* by interceptors, and waiting behind such */
    uint32_t requests; /* waiting for an answer, or for a late one */
    uint32_t listeners;
} hy_bus_stats_t;

int hy_bus_new(const hy_bus_config_t *config, hy_bus_t **out);
/* Drops what is queued, held and pending without calling back, with all listeners, interceptors and
 * uplinks. Not from inside a turn. Ports may be closed after it. */
void hy_bus_free(hy_bus_t *bus);
hy_bus_stats_t hy_bus_stats(const hy_bus_t *bus);
hy_clock_t *hy_bus_clock(const hy_bus_t *bus);
hy_random_t *hy_bus_random(const hy_bus_t *bus);
const hy_log_t *hy_bus_log(const hy_bus_t *bus);

/* Next id for a request: counts up from a random number below 2^52. */
int64_t hy_bus_next_id(hy_bus_t *bus);

/* Queues a message (referenced). HY_EFULL when a bound of the queue is reached: nothing is queued.
 * Answers (responses) are let through up to twice the bound, so that work in progress can end. */
int hy_bus_send(hy_bus_t *bus, hy_msg_t *m);
/* True while a message more would still be taken. */
bool hy_bus_has_room(const hy_bus_t *bus);
/* Delivers up to `messages` queued messages (those queued meanwhile included); true if more wait.
 */
bool hy_bus_turn(hy_bus_t *bus, uint32_t messages);

/* --- listeners -------------------------------------------------------------------------------- */

typedef struct hy_listener hy_listener_t;
/* `m` is lent for the call. The callback may send, listen, close any listener, its own included;
 * who listens only since this delivery began does not get `m`. */
typedef void (*hy_listen_cb)(void *arg, hy_msg_t *m);

int hy_bus_listen(hy_bus_t *bus, hy_str_t *url, hy_listen_cb cb, void *arg, hy_listener_t **out);
/* From now on the callback is not called. NULL allowed. */
void hy_listener_close(hy_listener_t *l);

/* --- requests --------------------------------------------------------------------------------- */

typedef struct hy_request hy_request_t;
/* Called with each provisional answer (1xx, which restarts the timeout) and exactly once with a
 * final one; no answer in time gives a final 408 made here. `answer` is lent. After the final call
 * the hy_request_t is gone. An answer whose code cannot be read counts as 500. */
typedef void (*hy_answer_cb)(void *arg, hy_msg_t *answer, int code);
/* A final answer that arrived after the 408 or after hy_request_cancel, within HY_REQUEST_LATE_MS.
 * Has no `arg` of its own object, which may be gone: it gets the bus and the request message. */
typedef void (*hy_late_cb)(hy_bus_t *bus, hy_msg_t *request, hy_msg_t *answer);

/* Sends a message with an integer id of hy_bus_next_id and waits for its answer: a response with
 * the same id whose `to` is the request's `from`. `timeout_ms` 0 means HY_REQUEST_TIMEOUT_MS.
 * `late` may be NULL. `out` may be NULL. A retry sends the same message again, once its first try
 * has ended: the answer to either goes to the retry. HY_ECONFLICT while a request with that id
 * waits; HY_EFULL, HY_ENOMEM. On failure nothing was sent and nothing will be called. */
int hy_bus_request(hy_bus_t *bus, hy_msg_t *m, uint64_t timeout_ms, hy_answer_cb cb, void *arg,
                   hy_late_cb late, hy_request_t **out);
/* The callback will not be called; the late one may. NULL allowed, and harmless inside the final
 * call. */
void hy_request_cancel(hy_request_t *r);
/* The runtime ends: every request that waits gets a final 503 made here, and from now on requests
 * are refused with HY_ECLOSED. Not from inside a turn. */
void hy_bus_end_requests(hy_bus_t *bus);
/* Queues the response to a request; does nothing for a message without id. `value` is taken over.
 */
int hy_bus_respond(hy_bus_t *bus, hy_msg_t *request, int code, const char *desc, hy_value_t value);

/* As if that request (execute or create) had been delivered and finally answered here `age_ms` ago:
 * should it come again, it gets this answer again. `answer` is referenced. */
int hy_bus_recall(hy_bus_t *bus, hy_msg_t *answer, uint64_t age_ms);
/* What requests to that URL, delivered here, were finally answered, the newest first; `answer` is
 * lent. Ends where the callback says false. Must not send or recall anything meanwhile. */
typedef bool (*hy_recalled_cb)(void *arg, hy_msg_t *answer, uint64_t age_ms);
void hy_bus_recalled(hy_bus_t *bus, const hy_str_t *to, hy_recalled_cb cb, void *arg);

/* --- interceptors ----------------------------------------------------------------------------- */

typedef enum { HY_PASS, HY_DROP, HY_HOLD } hy_verdict_t;
typedef struct hy_hold hy_hold_t;
typedef struct hy_interceptor hy_interceptor_t;
/* Sees every message before it is delivered, in the order in which interceptors were added. It may
 * put another message into *m (letting go of the reference it replaces) and pass that; drop it; or
 * hold it: then `hold` stays valid until hy_hold_release, and later messages of the same (from, to)
 * wait behind it. Must not call hy_hold_release inside the call.
 *
 * At most HY_BUS_HELD_MAX messages are held and as many wait behind them, each within the bytes
 * that the queue may have (responses: twice); what is beyond is refused with 503 unseen. */
typedef hy_verdict_t (*hy_intercept_cb)(void *arg, hy_msg_t **m, hy_hold_t *hold);

int hy_bus_intercept(hy_bus_t *bus, hy_intercept_cb cb, void *arg, hy_interceptor_t **out);
/* What it holds is passed on. NULL allowed. */
void hy_interceptor_close(hy_interceptor_t *i);
/* Goes on with that message at the next interceptor, or drops it if NULL; then those that waited
 * behind. It happens in a turn, not inside the call. One reference of `m` is taken over: to pass
 * the held message on, give hy_msg_ref(hy_hold_message(hold)). */
void hy_hold_release(hy_hold_t *hold, hy_msg_t *m);
/* The held message, lent. */
hy_msg_t *hy_hold_message(const hy_hold_t *hold);

/* --- uplinks ---------------------------------------------------------------------------------- */

/* A way out of the runtime: the stub of a domain's message node. */
typedef struct hy_uplink hy_uplink_t;
/* Takes a reference if it keeps the message. A negative result (HY_EUNREACHABLE, HY_ETOO_LARGE, …)
 * makes the bus answer a request with the code that belongs to it; an answer that is HY_ETOO_LARGE
 * is replaced by a 413. */
typedef int (*hy_uplink_cb)(void *arg, hy_msg_t *m);

/* `domain` NULL: for all domains that have none of their own. HY_ECONFLICT if there is one already.
 */
int hy_bus_uplink(hy_bus_t *bus, const char *domain, hy_uplink_cb cb, void *arg, hy_uplink_t **out);
void hy_uplink_close(hy_uplink_t *u); /* NULL allowed */
/* A message came in by that uplink: queued as any other, never sent back up. If its body turns out
 * malformed (hy_msg_check_body), nobody here sees it and a request is answered 400. HY_EFULL,
 * HY_ENOMEM: it was not taken; answering is up to the uplink. */
int hy_uplink_receive(hy_uplink_t *u, hy_msg_t *m);
/* Its node checks the identities in what it passes on, and this runtime has proven to it to be
 * these users (array of URLs, referenced; may be empty). NULL, as at first: it checks nothing. From
 * now on what comes in by it, to an address whose messages leave by it, is vouched for
 * accordingly. */
void hy_uplink_set_users(hy_uplink_t *u, hy_node_t *users);
/* True if who gets what is sent to that address, here or by its uplink, may rely on it that it
 * comes from that user. */
bool hy_bus_vouches(const hy_bus_t *bus, const hy_str_t *to, const hy_str_t *user);

/* --- the door --------------------------------------------------------------------------------- */

/* Stands between the bus and its uplinks: what is sealed outside of the runtime is plain within.
 * Both may put another message into *m, letting go of the reference that it replaces, and may send
 * by the bus. */
typedef struct {
    /* Before an uplink gets it. `*before`, NULL at first, is a message that leaves by the same
     * uplink before this one; its reference is taken over. Positive: it stays in, and that is all
     * right; negative, with a text: it does not leave, and a request is answered so. */
    int (*leaves)(void *arg, hy_msg_t **m, hy_msg_t **before, hy_error_t *err);
    /* As hy_uplink_receive gets it. Positive: it goes no further, and that is all right; negative:
     * it was not taken, as hy_uplink_receive tells. */
    int (*enters)(void *arg, hy_msg_t **m);
} hy_door_t;

/* One at a time; NULL: none. The table is borrowed until then. */
void hy_bus_set_door(hy_bus_t *bus, const hy_door_t *door, void *arg);

/* --- ports ------------------------------------------------------------------------------------ */

/* How a hyperty sends: only from its own URL and from objects granted to it (PROTOCOL.md section 3,
 * sender check). Anything else is HY_EFORBIDDEN with a text that names `from`. */
typedef struct hy_port hy_port_t;
int hy_port_open(hy_bus_t *bus, hy_str_t *url, hy_port_t **out);
void hy_port_close(hy_port_t *p); /* NULL allowed */
hy_str_t *hy_port_url(const hy_port_t *p);
hy_bus_t *hy_port_bus(const hy_port_t *p);
int hy_port_grant(hy_port_t *p, hy_str_t *object); /* again is harmless; HY_ENOMEM */
void hy_port_revoke(hy_port_t *p, hy_str_t *object);
/* As hy_bus_send, with the sender check. */
int hy_port_send(hy_port_t *p, hy_msg_t *m, hy_error_t *err);
/* As hy_bus_request, with the sender check. */
int hy_port_request(hy_port_t *p, hy_msg_t *m, uint64_t timeout_ms, hy_answer_cb cb, void *arg,
                    hy_late_cb late, hy_request_t **out, hy_error_t *err);

#endif
