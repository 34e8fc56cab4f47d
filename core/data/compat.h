/* Whether who knows one version of a schema can work with data of another one.
 *
 * Compared are compiled rules, place by place. A reader can read what a writer writes if all that
 * fits the writer's schema fits the reader's; where that cannot be shown it counts as broken, with
 * the place and what differs there. Writers are taken to write only what their schema names: a
 * field that the reader knows and the writer does not name is simply not there (so it must not be
 * required by the reader). Which data a reader does not know it keeps and passes on.
 *
 * Named is a field by properties or required, or with others by patternProperties, propertyNames,
 * and an additionalProperties or unevaluatedProperties that says what they are; "true" names
 * nothing. Items of a list are not named: where the writer says nothing of them they may be
 * anything.
 *
 *      backward   the newer reads what the older wrote
 *      forward    the older reads what the newer writes */
#ifndef HY_DATA_COMPAT_H
#define HY_DATA_COMPAT_H

#include "schema.h"

/* Each thing that a reader could not read: `place` is in the data ("participants.*.status",
 * "messages: text" for a child's; "" for the whole), `what` a text for people. Both lent. */
typedef void (*hy_compat_cb)(void *arg, const char *place, const char *what);

/* True if who has `reader` can read all that fits `writer`: data, and children of each collection
 * that both have. `found` (may be NULL) is told of each place that breaks it, HY_COMPAT_PLACES_MAX
 * at most. */
bool hy_compat_can_read(const hy_schema_t *reader, const hy_schema_t *writer, hy_compat_cb found,
                        void *arg);

#endif
