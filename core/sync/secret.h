/* Inside sync/: objects that only their participants can read (metadata `mutual`; the exact form of
 * what travels: ../SEALING.md).
 *
 *      in the runtime        outside
 *      plain messages  ─┬─►  sealed messages        at the door of the bus (bus.h), so that nothing
 *                       └──  its keys, here         else in this folder knows of it
 *
 *      subscribe ──► 401 with a challenge ──► subscribe with proof ──► 200, sealed, with the key
 *
 * One secret an object, on whichever side the runtime is. The key that all share has generations: a
 * new one when an observer leaves, is struck off, or comes back as somebody who has forgotten the
 * old one. What passes between the reporter and one observer has a key of its own.
 *
 * What is known of an object stays known after its last observer here has gone, as what that one
 * said may still be on its way to the door: at most HY_SECRETS_MAX of those that nobody needs. */
#ifndef HY_SYNC_SECRET_H
#define HY_SYNC_SECRET_H

#include "keyring.h"

typedef struct hy__secrets hy__secrets_t;

/* Stands at the door of the manager's bus from now on. */
int hy__secrets_new(hy_manager_t *m, hy__secrets_t **out);
void hy__secrets_free(hy__secrets_t *secrets); /* NULL allowed */

bool hy__is_mutual(const hy_node_t *metadata);
/* That object is to be reported here by who acts for that user (NULL: nobody), and is mutual or not
 * (anything that was known of its address is forgotten then). HY_EINVALID: mutual without a user.
 */
int hy__secret_begin(hy_manager_t *m, hy_str_t *url, bool is_mutual, hy_str_t *user,
                     hy_error_t *err);
/* That object, whose copy was restored, is mutual: until its key is here nothing of it leaves. */
int hy__secret_expect(hy_manager_t *m, hy_str_t *url);
/* That hyperty does not observe the object any more, which is reported here: what follows has
 * another key. Nothing if it is not mutual. */
void hy__secret_strike(hy_manager_t *m, const hy_str_t *url, const hy_str_t *hyperty);

#endif
