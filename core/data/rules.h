/* Rules: a JSON Schema document, compiled once, to be run on each write.
 *
 * Drafts 4, 7 and 2020-12, chosen by "$schema" (7 if it says nothing). A document compiles to
 * rules, one for each subschema; "$ref" and its kin are resolved then, so that nothing is looked up
 * while data is checked. What is refused is refused when compiling, with the place in the document:
 * what the metaschema of its draft does not allow, a reference that leads nowhere or back to itself
 * without going down in the data, a pattern that is none.
 *
 * Checking allocates only for long arrays of unique items, for "unevaluated…", and for patterns
 * that go back far. It has bounds: steps (HY_RULES_STEPS_MAX), depth, and for each pattern what a
 * match may cost; what goes over them does not fit, and the text says so.
 *
 * "format" asserts, whatever the vocabulary: people who write it mean it. A document without "$id"
 * and URI is at nowhere:/, which is what references to other documents are resolved against then.
 *
 * Texts name the place in the data as people write it (indices from 1), the value, and the rule:
 *
 *      participants.3.status: "opne" is none of open, pending, closed
 *      participants.3: has no "hyperty"
 *
 * Rules are immutable once compiled and know nothing of objects. */
#ifndef HY_DATA_RULES_H
#define HY_DATA_RULES_H

#include "change.h"

typedef struct hy_rules hy_rules_t; /* a compiled document */
typedef struct hy_rule hy_rule_t;   /* one schema in it; lives as long as that */

/* Where documents come from that this one refers to; never the network. */
typedef struct {
    /* The document of that absolute URI (without fragment), lent until compiling ends; ABSENT: not
     * known. It is the root of its tree. The metaschemas of the three drafts are known without it;
     * others, which "$schema" may name, are asked for here. */
    hy_value_t (*find)(void *arg, const char *uri, size_t len);
    void *arg;
} hy_rules_source_t;

/* `document` (an object or a boolean) is borrowed; what is needed of it is copied. `uri`: where it
 * is, for relative references; NULL: nowhere. `also`: a keyword of the root whose members are
 * schemas, too ("children"); NULL: none. `source` may be NULL.
 *
 * HY_EINVALID with a text that begins with the place in the document; HY_ENOT_FOUND: a reference
 * leads to what is not there; HY_ETOO_LARGE: over HY_RULES_MAX schemas, or nested too deep. */
int hy_rules_compile(hy_value_t document, const char *uri, const char *also,
                     const hy_rules_source_t *source, hy_rules_t **out, hy_error_t *err);
void hy_rules_free(hy_rules_t *rules); /* NULL allowed */

const hy_rule_t *hy_rules_root(const hy_rules_t *rules);
/* The schema of that member of the `also` keyword; NULL if there is none. */
const hy_rule_t *hy_rules_also(const hy_rules_t *rules, const char *name, size_t len);

/* Checks a value (borrowed, not ABSENT). HY_ESCHEMA with a text; no text is made where `err` is
 * NULL. HY_ENOMEM. */
int hy_rule_check(const hy_rule_t *rule, hy_value_t value, hy_error_t *err);

/* Checks what was touched by effects that have been applied to that tree (rules_change.c), as if
 * the rest fitted: what the effects did not touch is not read, where the schema allows it (a rule
 * that speaks of a whole node, like "contains" or "oneOf", is run on the whole node). A tree that
 * fitted before, and passes, fits. Several effects are those of one change, looked at as it is
 * after the last. */
int hy_rule_check_effects(const hy_rule_t *rule, hy_node_t *root, const hy_effect_t *effects,
                          uint32_t count, hy_error_t *err);

#endif
