/* Inside sync/: schemas that a runtime does not know are asked for at the catalogue of their
 * domain (PROTOCOL.md section 2).
 *
 *      want ─► known here
 *           ─► refused: asked for a moment ago, in vain
 *           ─► waits ── read ─► document ── what it refers to is read, too ─► compiled ─► done
 *                        └── in vain: told to all who wait, and remembered for a while
 *
 * A name is asked for once, however many want it; what is known stays for the life of the runtime.
 * What a catalogue says is bounded and compiled before anybody sees it. */
#ifndef HY_SYNC_CATALOGUE_H
#define HY_SYNC_CATALOGUE_H

#include "../base/list.h"
#include "manager.h"

/* Who waits for a schema; in its owner's memory. */
typedef struct {
    hy_link_t link;
    void (*done)(void *arg, int code, const char *text);
    void *arg;
} hy_schema_wait_t;

void hy__schema_wait_init(hy_schema_wait_t *w, void (*done)(void *arg, int code, const char *text),
                          void *arg);
/* 1: the schema of that name or URL is known, 0: `w` waits and is called back exactly once, later,
 * unless it is ended. Negative, with a text for people: it cannot be had now. */
int hy__schema_want(hy_manager_t *m, const hy_str_t *name, hy_schema_wait_t *w, hy_error_t *err);
void hy__schema_wait_end(hy_schema_wait_t *w); /* harmless if it does not wait */

/* Where the catalogue has the schema of that name or URL: of the domain that the URL names, else of
 * the own one. The caller owns it. NULL: nowhere, it is no name of a schema (or out of memory). */
hy_str_t *hy__schema_address(const hy_manager_t *m, const hy_str_t *name);
/* HY_ENOT_FOUND, with a text that there is no schema of that name or URL here, and what to do. */
int hy__schema_fail_unknown(const hy_manager_t *m, const hy_str_t *name, hy_error_t *err);

void hy__catalogue_init(hy_manager_t *m);
void hy__catalogue_free(hy_manager_t *m);
/* A node is reached again: what was asked for in vain may be asked for anew. */
void hy__catalogue_online(hy_manager_t *m);

#endif
