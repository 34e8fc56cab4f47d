/* Inside sync/: objects that only their participants can read (metadata `mutual`; the exact form of
 * what travels: ../SEALING.md).
 *
 *      in the runtime        outside
 *      plain messages  ─┬─►  sealed messages        at the door of the bus (bus.h), so that nothing
 *                       └──  its keys, here         else in this folder knows of it
 *
 *      subscribe ──► 401 with a challenge ──► subscribe with proof ──► 200 with proof and the key
 *
 * One secret an object, on whichever side the runtime is. Keys have generations: a new one when an
 * observer leaves, is struck off, or comes back as somebody who has forgotten the old ones. */
#ifndef HY_SYNC_SECRET_H
#define HY_SYNC_SECRET_H

#include "keyring.h"

typedef struct hy__secret hy__secret_t;

#endif
