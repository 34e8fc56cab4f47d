/* Planted bugs, to show that the simulator sees: each is a mistake that somebody might make in what
 * an object is promised (PROTOCOL.md section 7), one line at the place where it would be made.
 *
 *      if (HY_MUTANT(GAP) || version == o->version + 1) …
 *
 * They are in no build that anybody uses: without HYPERTY_MUTANTS the macro is false. With it (the
 * target hyperty_mutants, which compiles the files named in HYPERTY_MUTATED again) one of them is
 * chosen while the program runs. `tools/sim --mutants` plays worlds until each is found. */
#ifndef HY_BASE_MUTANT_H
#define HY_BASE_MUTANT_H

#include <stdbool.h>

/* Name, seeds within which it has to be found, what is wrong. */
/* clang-format off */
#define HY_MUTANT_MAP(X)                                                                           \
    X(EMPTY_STAMP, 200, "a stamp is applied without the child operation that it is for")           \
    X(UPDATE_LOST, 50, "the reporter stamps an update of a child and does not do it")              \
    X(ID_REUSED, 300, "a child gets the number of one that was deleted")                           \
    X(ROUTE_DROPPED, 1000, "who leaves takes the route of a fellow in the runtime along")          \
    X(REQUEST_REUSED, 300, "an execute leaves with the id of one before")                          \
    X(EXECUTE_TWICE, 500, "a repeated request is delivered and answered again")                    \
    X(CLAIM_BY_USE, 2000, "an object's address is claimed by who first sends from it")             \
    X(WHOLE_BELOW, 2000, "a whole object that is not above the copy takes its place")              \
    X(GAP, 500, "a change is applied over a gap")                                                  \
    X(HALF_BATCH, 50, "an observer applies all of a batch but the last change")                    \
    X(DUPLICATE, 500, "a change that was applied comes again and is applied again")                \
    X(EVICTED_SERVED, 100, "who is evicted is struck off and goes on hearing")                     \
    X(LATE_ADMIT, 1000, "an observer is admitted after its snapshot was taken")                    \
    X(ORDER, 100, "each observer has its own children first")                                      \
    X(ALWAYS_LIVE, 1000, "the status is live while the copy is behind")                            \
    X(DOUBLE_CREATE, 2000, "a create that comes again after its child was deleted makes another")  \
    X(DIGEST_TRUSTED, 500, "a digest sets the position of a copy that it finds behind")            \
    X(SINCE_ANY_EPOCH, 2000, "a new epoch is gone on in from any state, as if it followed that")   \
    X(REFUSAL_UNDONE, 100, "a refused update of a child stays as it is at its creator")           \
    X(QUIET_RESYNC, 2000, "a copy is brought level without a word to its hyperty")                 \
    X(PUBLISH_EARLY, 500, "what is stored is published before its commit")                         \
    X(SAVED_EARLY, 1000, "saved() says yes before the commit")                                     \
    X(SYNC_FORGOTTEN, 500, "what has to survive power loss is committed and not synced")           \
    X(EPOCH_KEPT, 300, "who resumes an object or takes it over takes no higher epoch")             \
    X(WRITES_ON, 300, "a reporter writes on while its object is handed over")                      \
    X(HEIR_CHILDREN, 300, "children are not handed over with their object")                        \
    X(HEIR_MARKS, 2000, "which children were seen is not handed over")                             \
    X(HEIR_GUESTS, 300, "who observes is not handed over")                                         \
    X(TORN_TURN, 2000, "what is written in one turn is committed row by row")                      \
    X(COPY_STALE, 500, "a copy that is kept is not written on")
/* clang-format on */

typedef enum {
    HY_MUTANT_NONE,
#define X(name, seeds, text) HY_MUTANT_##name,
    HY_MUTANT_MAP(X)
#undef X
        HY_MUTANT_COUNT
} hy_mutant_t;

#ifdef HYPERTY_MUTANTS
/* The chosen one is process-wide: it is the program that is wrong, not one runtime. */
bool hy_mutant_is(hy_mutant_t mutant);
void hy_mutant_choose(hy_mutant_t mutant);
#define HY_MUTANT(name) hy_mutant_is(HY_MUTANT_##name)
#else
#define HY_MUTANT(name) false
#endif

#endif
