/* Inside sync/: who is told what comes and goes at the domain registry (watching.c). */
#ifndef HY_SYNC_WATCHING_H
#define HY_SYNC_WATCHING_H

#include "sync.h"

void hy__watchings_close(hy_syncher_t *s);
/* Of a trial: those of its life go; stay, and those of the one before go. */
void hy__watchings_undo(hy_syncher_t *s);
void hy__watchings_keep(hy_syncher_t *s);
/* There is a connection to that domain again, NULL: to all. */
void hy__watchings_renew(hy_manager_t *m, const char *domain);
/* Asks those who are silent for long; gives when to look again, UINT64_MAX: never. */
uint64_t hy__watchings_pulse(hy_manager_t *m);
/* What came to <Runtime>/sm. */
void hy__watchings_event(hy_manager_t *m, hy_msg_t *message);

#endif
