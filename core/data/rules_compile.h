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

/* Sets of keywords that a metaschema of draft 2020-12 may leave out. */
typedef enum {
    HY__CORE = 0, /* not to be left out */
    HY__APPLICATOR = 1,
    HY__UNEVALUATED = 2,
    HY__VALIDATION = 4,
    HY__FORMAT = 8,
    HY__VOCABULARIES = 15
} hy__vocabulary_t;

/* A schema in a document. */
typedef struct {
    hy_node_t *node;
    hy_node_t *document; /* its root */
    hy__draft_t draft;
    uint32_t vocabularies; /* bits of hy__vocabulary_t: those that count */
    hy__resource_t *resource;
    hy_rule_t *rule; /* NULL: nobody has asked for it */
    bool is_apart;   /* no other schema has it in it, and none has been checked that does */
} hy__site_t;

/* An entry of a dict of sites. The key: the bytes of the node's address; or its absolute URI, with
 * its anchor if that is what names it. */
typedef struct {
    hy_str_t *key;
    hy__site_t *site;
} hy__site_entry_t;

/* A $dynamicAnchor. */
typedef struct {
    hy__site_t *site;
    uint32_t before; /* of the same name: as `last` */
} hy__anchor_t;

/* Those of one name. An entry of a dict. */
typedef struct {
    hy_str_t *key;
    uint32_t count;
    uint32_t last;  /* which it is in the list of all, from 1; 0: there is none */
    bool is_wanted; /* by a $dynamicRef: each of them has a rule, then */
} hy__anchor_name_t;

/* A compiled metaschema, by its URI. */
typedef struct {
    hy_str_t *key;
    hy_rules_t *rules;
} hy__metaschema_checker_t;

enum {
    HY__FORMATS_ANNOTATE = 1, /* "format" says nothing about what fits */
    HY__UNCHECKED = 2         /* the document is not looked at with its metaschema */
};

typedef struct {
    hy_rules_t *rules;
    const hy_rules_source_t *source;
    const char *also;
    unsigned flags;
    uint32_t steps; /* done by now */
    hy_error_t *err;
    hy_dict_t sites;    /* all: of hy__site_entry_t; it owns them */
    hy_dict_t named;    /* by URI: of hy__site_entry_t */
    hy__site_t **queue; /* asked for and empty, or filled by now */
    uint32_t queue_count, queue_room, queue_done;
    hy__anchor_t *anchors;
    uint32_t anchor_count, anchor_room;
    hy_dict_t anchor_names; /* of hy__anchor_name_t */
    hy__site_t **apart;     /* those that were, when they were met */
    uint32_t apart_count, apart_room;
    hy_node_t *embedded;    /* metaschemas that were read, by their files */
    hy_dict_t checkers;     /* of hy__metaschema_checker_t */
    hy_rule_t *any, *never; /* `true`, `false` */
    const hy__site_t *site; /* what is being filled */
    const char *keyword;    /* with which one */
} hy__compiler_t;

/* --- rules_compile.c -------------------------------------------------------------------------- */

/* As hy_rules_compile; `flags`: HY__FORMATS_ANNOTATE, HY__UNCHECKED. */
int hy__rules_compile(hy_value_t document, const char *uri, const char *also,
                      const hy_rules_source_t *source, unsigned flags, hy_rules_t **out,
                      hy_error_t *err);
/* Makes room for one more in a list; `bytes`: of one. */
bool hy__compile_room(void *list, uint32_t count, uint32_t *room, size_t bytes);

/* Of a URI or another text that is read, which are as much work as a member. */
#define HY__URI_STEP_BYTES 4u

/* Counts work; HY_ETOO_LARGE, with a text: it is too much. */
int hy__compile_work(hy__compiler_t *c, size_t steps);

/* The rule of a schema in the site that is being filled. */
int hy__compile_ask(hy__compiler_t *c, hy_value_t schema, const hy_rule_t **out);
int hy__compile_ask_site(hy__compiler_t *c, hy__site_t *site, const hy_rule_t **out);
/* The rules of an array of schemas. */
int hy__compile_list(hy__compiler_t *c, hy_value_t schemas, hy__rule_list_t *out);
/* A number of things, from 0. */
int hy__compile_count(hy__compiler_t *c, hy_value_t v, uint64_t *out);
int hy__compile_regex(hy__compiler_t *c, const hy_str_t *pattern, hy_regex_t **out);
/* The URI that such a reference (without fragment) means in the site that is being filled. */
int hy__compile_uri(hy__compiler_t *c, const hy_str_t *ref, size_t len, hy_str_t **out);
/* Says what is wrong with the value of the keyword that is being filled in; HY_EINVALID. */
int hy__compile_fail(hy__compiler_t *c, const char *what);
/* The same with any code; `what` of a value that is a text. */
int hy__compile_fail_on(hy__compiler_t *c, int code, const hy_str_t *text, const char *what);

/* The part of a rule that is for one kind of value, made if missing; NULL: out of memory. */
hy__place_rules_t *hy__rule_place(hy_rule_t *rule);
hy__number_rules_t *hy__rule_number(hy_rule_t *rule);
hy__string_rules_t *hy__rule_string(hy_rule_t *rule);
hy__array_rules_t *hy__rule_array(hy_rule_t *rule);
hy__object_rules_t *hy__rule_object(hy_rule_t *rule);

/* --- rules_survey.c --------------------------------------------------------------------------- */

/* Makes sites of all schemas of a document that is at that absolute URI. */
int hy__survey(hy__compiler_t *c, hy_node_t *document, hy_str_t *uri, hy__draft_t draft,
               hy__site_t **root);
/* The same of an object that a reference leads to, in a document that has been walked, where no
 * keyword says that it is a schema. It is checked at the end: others may be found around it. */
int hy__survey_more(hy__compiler_t *c, hy_node_t *node, hy__site_t **out);
int hy__survey_check(hy__compiler_t *c);
/* NULL: that object is no schema. */
hy__site_t *hy__site_find(const hy__compiler_t *c, const hy_node_t *node);
/* NULL: none has that name. */
hy__site_t *hy__site_named(const hy__compiler_t *c, const char *uri, size_t len);
/* Where it is in its document, as people write it; "" for the whole. Cut where it is too long. */
void hy__site_place(const hy__site_t *site, char *out, size_t size);

/* --- rules_metaschema.c ----------------------------------------------------------------------- */

/* Reads "$schema", if it is there: which draft, which vocabularies. */
int hy__metaschema_read(hy__compiler_t *c, const hy_node_t *document, hy__site_t *site);
/* Checks a schema, and all that is in it, with the metaschema that "$schema" names. */
int hy__metaschema_check(hy__compiler_t *c, const hy__site_t *site);
/* The document of that URI: a metaschema, or from the source. HY_ENOT_FOUND. */
int hy__document_find(hy__compiler_t *c, const char *uri, size_t len, hy_value_t *out);

/* --- rules_uri.c ------------------------------------------------------------------------------ */

/* `ref` without fragment. HY_EINVALID: it is no reference, or the base is not absolute.
 * HY_ETOO_LARGE: it, or what it leads to, is longer than HY_URL_BYTES_MAX. */
int hy__uri_resolve(const char *base, const char *ref, size_t len, hy_str_t **out);

/* --- rules_refs.c ----------------------------------------------------------------------------- */

/* A $dynamicAnchor of that site. Its rule is asked for as soon as a $dynamicRef may find it. */
int hy__refs_add_anchor(hy__compiler_t *c, hy_str_t *name, hy__site_t *site);
/* Once the queue is done: gives anchors that are found to their resources. */
int hy__refs_finish(hy__compiler_t *c);

/* --- rules_chains.c --------------------------------------------------------------------------- */

/* Refuses rules that lead to themselves on one value, and chains of them that are too long. */
int hy__chains_check(hy__compiler_t *c);

/* --- rules_keyword.c -------------------------------------------------------------------------- */

/* Which schemas are in a keyword's value. */
typedef enum {
    HY__HAS_NONE,
    HY__HAS_ONE,         /* it is one */
    HY__HAS_LIST,        /* an array of them */
    HY__HAS_ONE_OR_LIST, /* draft 7's items */
    HY__HAS_MAP          /* an object whose members are, but for those that are no objects */
} hy__keyword_has_t;

typedef struct {
    const char *name;
    uint32_t drafts; /* bits of hy__draft_t */
    hy__vocabulary_t vocabulary;
    hy__keyword_has_t has;
    /* Puts what the value says into the rule; NULL: it says nothing. */
    int (*fill)(hy__compiler_t *c, hy_rule_t *rule, hy_value_t v);
} hy__keyword_t;

/* NULL: it is none for that schema. */
const hy__keyword_t *hy__keyword_find(const hy__site_t *site, const hy_str_t *name);

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
HY__FILL(pattern);
HY__FILL(format);
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
HY__FILL(unevaluated_properties);
HY__FILL(ref);
HY__FILL(dynamic_ref);

#endif
