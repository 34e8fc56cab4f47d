/* Compiling: from documents to rules.
 *
 *      survey    walks a document: each schema in it becomes a site, each "$id" a resource
 *      ask       a keyword asks for the rule of a site, and gets one that is still empty
 *      fill      empty rules are filled, keyword by keyword, until none is left
 *
 * So nothing recurses where references lead, and what nobody refers to costs a site alone. */
#ifndef HY_DATA_RULES_COMPILE_H
#define HY_DATA_RULES_COMPILE_H

#include "rules_private.h"

typedef enum { HY__DRAFT_4 = 1, HY__DRAFT_7 = 2, HY__DRAFT_2020 = 4 } hy__draft_t;

/* A schema in a document. */
typedef struct {
    hy_node_t *node;
    hy_node_t *document; /* its root */
    hy__draft_t draft;
    hy__resource_t *resource;
    hy_rule_t *rule; /* NULL: nobody has asked for it */
} hy__site_t;

typedef struct {
    hy_str_t *key; /* the bytes of the node's address */
    hy__site_t *site;
} hy__site_entry_t;

typedef struct {
    hy_rules_t *rules;
    const hy_rules_source_t *source;
    const char *also;
    hy_error_t *err;
    hy_dict_t sites;    /* of hy__site_entry_t */
    hy__site_t **queue; /* asked for and empty, or filled by now */
    uint32_t queue_count, queue_room, queue_done;
    hy_rule_t *any, *never; /* `true`, `false` */
    const hy__site_t *site; /* what is being filled */
    const char *keyword;    /* with which one */
} hy__compiler_t;

/* --- rules_compile.c -------------------------------------------------------------------------- */

/* The rule of a schema in the site that is being filled. */
int hy__compile_ask(hy__compiler_t *c, hy_value_t schema, const hy_rule_t **out);
int hy__compile_ask_site(hy__compiler_t *c, hy__site_t *site, const hy_rule_t **out);
/* The rules of an array of schemas. */
int hy__compile_list(hy__compiler_t *c, hy_value_t schemas, hy__rule_list_t *out);
/* A number of things, from 0. */
int hy__compile_count(hy__compiler_t *c, hy_value_t v, uint64_t *out);
/* Says what is wrong with the value of the keyword that is being filled in; HY_EINVALID. */
int hy__compile_fail(hy__compiler_t *c, const char *what);

/* The part of a rule that is for one kind of value, made if missing; NULL: out of memory. */
hy__place_rules_t *hy__rule_place(hy_rule_t *rule);
hy__number_rules_t *hy__rule_number(hy_rule_t *rule);
hy__string_rules_t *hy__rule_string(hy_rule_t *rule);
hy__array_rules_t *hy__rule_array(hy_rule_t *rule);
hy__object_rules_t *hy__rule_object(hy_rule_t *rule);

/* --- rules_survey.c --------------------------------------------------------------------------- */

/* Makes sites of all schemas of a document. */
int hy__survey(hy__compiler_t *c, hy_node_t *document, const char *uri, hy__site_t **root);
/* NULL: that object is no schema. */
hy__site_t *hy__site_find(const hy__compiler_t *c, const hy_node_t *node);
/* Where it is in its document, as people write it; "" for the whole. Cut where it is too long. */
void hy__site_place(const hy__site_t *site, char *out, size_t size);

/* --- rules_keyword.c -------------------------------------------------------------------------- */

/* Which schemas are in a keyword's value. */
typedef enum {
    HY__HAS_NONE,
    HY__HAS_ONE,         /* it is one */
    HY__HAS_LIST,        /* an array of them */
    HY__HAS_ONE_OR_LIST, /* draft 7's items */
    HY__HAS_MAP,         /* an object whose members are */
    HY__HAS_SOME         /* dependencies: those members that are no arrays */
} hy__keyword_has_t;

typedef struct {
    const char *name;
    uint32_t drafts; /* bits of hy__draft_t */
    hy__keyword_has_t has;
    /* Puts what the value says into the rule; NULL: it says nothing. */
    int (*fill)(hy__compiler_t *c, hy_rule_t *rule, hy_value_t v);
} hy__keyword_t;

/* NULL: the draft has none of that name. */
const hy__keyword_t *hy__keyword_find(hy__draft_t draft, const hy_str_t *name);

/* What keywords do, file by file: rules_value.c, rules_array.c, rules_object.c, rules_refs.c. */
#define HY__FILL(name) int hy__fill_##name(hy__compiler_t *c, hy_rule_t *rule, hy_value_t v)
HY__FILL(type);
HY__FILL(enumerated);
HY__FILL(constant);
HY__FILL(minimum);
HY__FILL(maximum);
HY__FILL(above);
HY__FILL(below);
HY__FILL(multiple_of);
HY__FILL(min_length);
HY__FILL(max_length);
HY__FILL(all_of);
HY__FILL(any_of);
HY__FILL(one_of);
HY__FILL(negated);
HY__FILL(condition);
HY__FILL(min_items);
HY__FILL(max_items);
HY__FILL(unique_items);
HY__FILL(prefix_items);
HY__FILL(items);
HY__FILL(items_or_list);
HY__FILL(contains);
HY__FILL(unevaluated_items);
HY__FILL(min_properties);
HY__FILL(max_properties);
HY__FILL(required);
HY__FILL(properties);
HY__FILL(pattern_properties);
HY__FILL(additional_properties);
HY__FILL(property_names);
HY__FILL(dependencies);
HY__FILL(dependent_schemas);
HY__FILL(dependent_required);
HY__FILL(unevaluated_properties);
HY__FILL(ref);
HY__FILL(dynamic_ref);

#endif
