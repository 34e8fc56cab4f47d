/* Inside sync/: an object passes from its reporter to another hyperty, as a rule of another runtime
 * (PROTOCOL.md section 5, Delegate). The URL stays, and so do those who observe.
 *
 *      R1 (delegation.c, moving.c)            R2 (offered.c, takeover.c)             node
 *      frozen ── execute delegate, all of it ──► its hyperty decides
 *             ◄────────────── 200 ───────────── everything is made, nothing is open
 *             ── execute move ───────────────────────────────────────────────────► passes it
 *             ◄──────────────────────── 200: the commit ──────────────────────────
 *      closed                                 opens ◄──────────── moved ─────────────
 *                                             digest, metadata ──► all who observe
 *
 * There is one writer at any time: R1 writes no more from the offer on, R2 not before the node has
 * moved it. Either answer of the node may get lost: who lacks it asks who the holder is. A node
 * that was restarted may have forgotten that: then they ask one another, and R1 that was told has
 * ended, and R2 has it.
 *
 * A stored object is in two stores for a while. Each has it written down, committed before the move
 * is sent, that it may be the other one's (hy_handing_t in the PARTIES row): R2 with all that it
 * needs before it accepts, R1 before it sends the move. R2 strikes that out in the commit that
 * everything it does as reporter waits for, and its hyperty is given the object after that; R1's
 * rows go when R2 says that it has, and R2 remembers that until R1 says that they have (taken.c).
 * All of that is synced, whatever the level of the object: what a loss of power made undone, the
 * other one would not know. Within one runtime the rows change hands in one commit, which both
 * hyperties wait for. A runtime that comes back with it written down asks before it goes on
 * (handing.c):
 *
 *      the node says who     that one has it; the other keeps nothing, or refuses to resume
 *      the node knows not    R2 asks R1 (`handed`), R1 asks R2 (`delegated`)
 *      nobody answers        it is not resumed: an older state is worse than none
 *
 * R2 lets go of it whenever R1 has not given it away for good, as it has acknowledged nothing; so
 * if both lose the answer and the node its memory, R1 has it. */
#ifndef HY_SYNC_HANDOVER_H
#define HY_SYNC_HANDOVER_H

#include "../data/parts.h"
#include "hosted.h"

/* --- delegation.c: the side that gives -------------------------------------------------------- */

/* A message that has to wait for the end: answered 503 with {"again": true}, so that its sender
 * repeats it. False if nothing is under way (`h` NULL: nor is the object here). */
bool hy__delegation_defers(hy_hosted_t *h, hy_msg_t *m);
/* Somebody who observes was said to be gone, or has left, meanwhile: looked after once it is over.
 */
void hy__delegation_note_gone(hy_hosted_t *h);
/* A new session: false if nothing is under way that has to be known before it is held again. */
bool hy__delegation_renew(hy_hosted_t *h);
/* The object is held again, in a new epoch. */
void hy__delegation_returned(hy_hosted_t *h);
/* The node has moved the object to the heir: the reporter here ends, and `h` with it. */
void hy__delegation_commit(hy_hosted_t *h);
/* Dropped, with its hosted object; who waits for it is told why. */
void hy__delegation_free(hy_hosted_t *h, const char *why);

/* --- handed.c --------------------------------------------------------------------------------- */

/* An object was handed over by that hyperty of this runtime: remembered until the sync manager of
 * its heir has said that it has it, or, if it is not stored, for HY_HANDED_MS. What is stored of it
 * goes when the heir has stored it; until then it may be resumed. */
void hy__handed_watch(hy_manager_t *m, hy_str_t *url, hy_str_t *giver, hy_str_t *heir_sm,
                      hy_str_t *epoch, bool is_stored);
/* It came back into this runtime, to that reporter: nobody else is to resume it here. */
void hy__handed_back(hy_manager_t *m, hy_str_t *url, const hy_str_t *reporter);
void hy__handed_free(hy_manager_t *m);
/* That hyperty has handed it over, and nothing else has become of it since. */
bool hy__handed_by(const hy_manager_t *m, const hy_str_t *url, const hy_str_t *giver);
/* The object was here, and was handed over in an epoch above that one. */
bool hy__handed_on(const hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch);

/* An execute to <Runtime>/sm, by the heir: was that object handed over, in that epoch? */
void hy__handed_asked(hy_manager_t *m, hy_msg_t *request);
/* The params of handed and delegated; false if they are wrong, which is answered. */
bool hy__handed_params(hy_manager_t *m, hy_msg_t *request, hy_str_t **url, hy_str_t **epoch);

/* --- taken.c ---------------------------------------------------------------------------------- */

/* That the object was taken over in that epoch is kept, until its giver has forgotten it. */
int hy__taken_keep(hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch);
void hy__taken_drop(hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch);
/* That row says that it was, in that epoch or a later one. */
bool hy__taken_is(const hy_manager_t *m, const hy_row_t *row, const hy_str_t *url,
                  const hy_str_t *epoch);

/* --- executed.c ------------------------------------------------------------------------------- */

/* Answers to executes on that object, of this runtime's bus; ABSENT when out of memory. */
hy_value_t hy__executed_write(const hy_manager_t *m, const hy_str_t *url);
/* The bus is told of them (`since_ms`: ago they were written); the store keeps them. */
void hy__executed_take(const hy_manager_t *m, hy_str_t *url, const hy_node_t *list,
                       uint64_t since_ms);
int hy__executed_store(hy_ledger_t *l, const hy_node_t *list);
/* The bus is told of one of them, or of such a row. */
void hy__executed_recall(const hy_manager_t *m, hy_str_t *url, const hy_node_t *entry,
                         uint64_t age_ms);
/* As it was asked, without its body; NULL when out of memory, or if it makes no sense. */
hy_msg_t *hy__executed_request(hy_str_t *url, const hy_node_t *entry);

/* --- handing.c -------------------------------------------------------------------------------- */

typedef enum { HY_SETTLED_HERE, HY_SETTLED_ELSEWHERE, HY_SETTLED_UNKNOWN } hy_settled_t;
typedef void (*hy_settled_cb)(void *arg, hy_settled_t where);
typedef struct hy_settling hy_settling_t;
typedef struct hy_query hy_query_t;

/* Finds out whether an object that was on its way is that hyperty's (HERE) or not. Calls back once,
 * not inside the call; UNKNOWN when neither the node nor the other one has told within
 * HY_HANDING_SETTLE_MS, or the manager goes. */
int hy__handing_settle(hy_manager_t *m, hy_str_t *hyperty, hy_str_t *url,
                       const hy_handing_t *handing, hy_settled_cb done, void *arg);
/* That what was written is what was offered to it. */
int hy__handing_note_offer(hy_syncher_t *s, hy_object_t *o, hy_store_level_t level,
                           const hy_node_t *offer);
/* It is not: what was offered goes from the store, but for the copies that are kept. */
int hy__handing_let_go(hy_syncher_t *s, hy_str_t *url);
/* An offer found in the store: let go of as soon as it is known that it has come to nothing. */
void hy__handing_clear(hy_syncher_t *s, const hy_kept_t *k);
/* `delegated` about an object that is not reported here now. */
void hy__handing_query(hy_manager_t *m, hy_msg_t *request, hy_str_t *url, hy_str_t *epoch,
                       bool is_moved);
void hy__handings_free(hy_manager_t *m);

/* --- offered.c, takeover.c: the side that takes ----------------------------------------------- */

/* `execute` to <Runtime>/sm from an object's /subscription: delegate and delegated. */
void hy__takeover_asked(hy_manager_t *m, hy_msg_t *request);
/* The node has moved that object, in that epoch: it is reported here from now on. False if nobody
 * in this runtime waits for it; else the reporter that gave it, if it is here too, has ended. */
bool hy__takeover_take(hy_manager_t *m, const hy_str_t *url, const hy_str_t *epoch);
/* What is kept is an offer that its hyperty has just accepted: it is not resumed, but comes or
 * goes.
 */
bool hy__takeover_has(const hy_manager_t *m, const hy_kept_t *k);
/* `event` from a node: it has moved an object to that syncher's hyperty. */
void hy__takeover_moved(hy_syncher_t *s, hy_msg_t *event);
void hy__takeovers_close(hy_syncher_t *s); /* those of a syncher */

/* --- handover.c: what is handed over ---------------------------------------------------------- */

/* The body of `execute delegate`. History and memory of answers as far as they fit. An object that
 * does not fit is left out: whoever takes it reads it, in parts, when it has accepted.
 * HY_ETOO_LARGE with a text if even so it is too much: too many observe. */
int hy__handover_write(hy_hosted_t *h, hy_reporter_t *r, hy_str_t *heir, hy_str_t *epoch,
                       hy_value_t *out, hy_error_t *err);
/* The sync manager of who gives an object that was made of an offer; NULL when out of memory, or
 * if it does not say. */
hy_str_t *hy__handover_giver_sm(const hy_object_t *o);
/* True for what is from the object's sync manager, or from the runtime that it is in, as long as it
 * is nobody's. */
bool hy__handover_is_givers(hy_msg_t *offer, const hy_msg_t *request);
/* True if the object is not in the offer. */
bool hy__handover_is_without(const hy_node_t *offer);
/* 0, or why that reporter's object cannot be handed over to that hyperty. */
int hy__handover_check(const hy_party_t *p, const hy_str_t *hyperty, hy_error_t *err);
/* NULL, or what is wrong with an offer. */
const char *hy__handover_refusal(const hy_manager_t *m, const hy_msg_t *request,
                                 const hy_node_t *offer);
/* Makes of an offer a reporter and a hosted object in the offered epoch, which the object
 * itself has not begun yet. The object is in the offer; or was read, as a whole answer or in parts,
 * which are complete (else NULL). Neither is known to anybody: the reporter is not among the
 * parties of its syncher, and nothing is listened to. */
int hy__handover_read(hy_syncher_t *s, const hy_node_t *offer, const hy_node_t *whole,
                      hy_parts_t *parts, hy_reporter_t **reporter, hy_hosted_t **hosted,
                      hy_error_t *err);
/* What the node has to hear besides is said again until it has: who observes is admitted once more,
 * so that it tells of those who went without a word; and the registry gets its entry. */
void hy__handover_settle(hy_hosted_t *h, hy_reporter_t *r);

#endif
