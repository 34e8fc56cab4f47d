/* Metaschemas: which one a document names, what that says of its keywords, and whether the document
 * is as it says. Those of the three drafts are in the program. */
#include "rules_compile.h"

#include "../base/embedded.h"
#include "../base/json.h"

extern const hy_embedded_t hy_metaschemas[];
extern const size_t hy_metaschemas_count;

static const struct {
    const char *uri, *file;
    hy__draft_t draft; /* 0: it is a part of one */
} metaschemas[] = {
    {"http://json-schema.org/draft-04/schema", "draft-04.json", HY__DRAFT_4},
    {"http://json-schema.org/draft-07/schema", "draft-07.json", HY__DRAFT_7},
    {"https://json-schema.org/draft/2020-12/schema", "2020-12.json", HY__DRAFT_2020},
#define PART(name)                                                                                 \
    { "https://json-schema.org/draft/2020-12/meta/" name, "2020-12-" name ".json", 0 }
    PART("applicator"),
    PART("content"),
    PART("core"),
    PART("format-annotation"),
    PART("format-assertion"),
    PART("meta-data"),
    PART("unevaluated"),
    PART("validation"),
};
#define METASCHEMAS (sizeof metaschemas / sizeof *metaschemas)

static const struct {
    const char *uri;
    hy__vocabulary_t bit;
} vocabularies[] = {
    {"https://json-schema.org/draft/2020-12/vocab/core", HY__CORE},
    {"https://json-schema.org/draft/2020-12/vocab/applicator", HY__APPLICATOR},
    {"https://json-schema.org/draft/2020-12/vocab/unevaluated", HY__UNEVALUATED},
    {"https://json-schema.org/draft/2020-12/vocab/validation", HY__VALIDATION},
    {"https://json-schema.org/draft/2020-12/vocab/format-annotation", HY__FORMAT},
    {"https://json-schema.org/draft/2020-12/vocab/format-assertion", HY__FORMAT},
    {"https://json-schema.org/draft/2020-12/vocab/meta-data", HY__CORE},
    {"https://json-schema.org/draft/2020-12/vocab/content", HY__CORE},
};
#define VOCABULARIES (sizeof vocabularies / sizeof *vocabularies)

/* How many metaschemas may have one another as metaschema. */
#define METAS_MAX 8

/* --- documents -------------------------------------------------------------------------------- */

/* Of a URI whose fragment is empty or not there; METASCHEMAS: none. */
static size_t find_metaschema(const char *uri, size_t len) {
    size_t i = 0;
    while (i < METASCHEMAS &&
           (strlen(metaschemas[i].uri) != len || memcmp(metaschemas[i].uri, uri, len) != 0))
        i++;
    return i;
}

static int read_new(hy__compiler_t *c, hy_str_t *file, hy_value_t *out) {
    const hy_embedded_t *e = hy_metaschemas;
    while (!hy_str_is(file, e->name))
        e++;
    hy_value_t v;
    int rc = hy__compile_work(c, e->len / HY__URI_STEP_BYTES);
    if (rc == 0) rc = hy_json_read(e->source, e->len, HY_JSON_DEPTH_MAX, &v, NULL);
    if (rc == 0) rc = hy_node_set(c->embedded, file, v, NULL);
    if (rc == 0) *out = v;
    return rc;
}

/* Once in a compile, however often it is named. */
static int read_embedded(hy__compiler_t *c, const char *name, hy_value_t *out) {
    if (!c->embedded && !(c->embedded = hy_node_new(HY_OBJECT))) return HY_ENOMEM;
    hy_str_t *file = hy_str_from(name);
    if (!file) return HY_ENOMEM;
    hy_value_t known = hy_node_find(c->embedded, file);
    int rc = known.kind == HY_ABSENT ? read_new(c, file, out) : 0;
    if (known.kind != HY_ABSENT) *out = known;
    hy_str_unref(file);
    return rc;
}

int hy__document_find(hy__compiler_t *c, const char *uri, size_t len, hy_value_t *out) {
    size_t i = find_metaschema(uri, len);
    if (i < METASCHEMAS) return read_embedded(c, metaschemas[i].file, out);
    if (c->source) *out = c->source->find(c->source->arg, uri, len);
    return c->source && out->kind != HY_ABSENT ? 0 : HY_ENOT_FOUND;
}

/* --- "$schema" -------------------------------------------------------------------------------- */

static size_t length_of(const hy_str_t *uri) {
    return uri->len > 0 && uri->bytes[uri->len - 1] == '#' ? uri->len - 1 : uri->len;
}

/* The vocabularies that a metaschema takes; those that it must have and nobody knows are refused.
 */
static int read_vocabularies(hy__compiler_t *c, const hy_node_t *metaschema, uint32_t *bits) {
    const hy_node_t *said = hy_get_object(metaschema, "$vocabulary");
    hy_str_t *uri;
    hy_value_t is_needed;
    if (said) *bits = HY__CORE;
    for (uint32_t pos = 0; said && hy_node_next(said, &pos, &uri, &is_needed);) {
        size_t i = 0;
        while (i < VOCABULARIES && !hy_str_is(uri, vocabularies[i].uri))
            i++;
        if (i < VOCABULARIES) {
            *bits |= vocabularies[i].bit;
        } else if (is_needed.kind == HY_BOOL && is_needed.as.b) {
            return hy_fail(c->err, HY_EINVALID,
                           "$schema: it needs the vocabulary %s, which is not known here",
                           uri->bytes);
        }
    }
    return 0;
}

int hy__metaschema_read(hy__compiler_t *c, const hy_node_t *document, hy__site_t *site) {
    const hy_str_t *uri = hy_get_str(document, "$schema");
    for (unsigned metas = 0; uri; metas++) {
        size_t len = length_of(uri), i = find_metaschema(uri->bytes, len);
        if (i < METASCHEMAS && metaschemas[i].draft) {
            site->draft = metaschemas[i].draft;
            if (metas == 0) site->vocabularies = HY__VOCABULARIES;
            return 0;
        }
        hy_value_t metaschema = hy_absent();
        int rc =
            metas < METAS_MAX ? hy__document_find(c, uri->bytes, len, &metaschema) : HY_ENOT_FOUND;
        if (rc == HY_ENOT_FOUND || (rc == 0 && metaschema.kind != HY_OBJECT))
            return hy_fail(c->err, HY_EINVALID,
                           "$schema: %s is not known here; drafts 4, 7 and 2020-12 are",
                           uri->bytes);
        site->vocabularies = HY__VOCABULARIES;
        if (rc == 0) rc = read_vocabularies(c, metaschema.as.n, &site->vocabularies);
        if (rc < 0) return rc;
        uri = hy_get_str(metaschema.as.n, "$schema");
    }
    return 0;
}

/* --- checking --------------------------------------------------------------------------------- */

static const char *uri_of(const hy__site_t *site) {
    const hy_str_t *said = hy_get_str(site->document, "$schema");
    for (size_t i = 0; !said && i < METASCHEMAS; i++) {
        if (metaschemas[i].draft == site->draft) return metaschemas[i].uri;
    }
    return said->bytes;
}

static int checker_new(hy__compiler_t *c, const hy_str_t *uri, hy_rules_t **out) {
    hy_value_t document;
    int rc = hy__document_find(c, uri->bytes, uri->len, &document);
    if (rc < 0) return rc;
    return hy__rules_compile(document, uri->bytes, NULL, c->source,
                             HY__UNCHECKED | HY__FORMATS_ANNOTATE, out, c->err);
}

static int find_checker(hy__compiler_t *c, const hy__site_t *site, const hy_rule_t **out) {
    const char *said = uri_of(site);
    size_t len = strlen(said);
    hy_str_t *uri = hy_str_new(said, len > 0 && said[len - 1] == '#' ? len - 1 : len);
    if (!uri) return HY_ENOMEM;
    bool is_new;
    hy__metaschema_checker_t *checker = hy_dict_put(&c->checkers, uri, &is_new);
    int rc = checker ? 0 : HY_ENOMEM;
    if (rc == 0 && is_new) rc = checker_new(c, uri, &checker->rules);
    if (rc == 0) *out = hy_rules_root(checker->rules);
    hy_str_unref(uri);
    return rc;
}

static int check(hy__compiler_t *c, const hy_rule_t *checker, hy_value_t schema,
                 const hy__at_t *at) {
    hy__run_t fast = {.err = NULL}, telling = {.err = c->err, .at = at};
    int rc = hy__run_whole(&fast, checker, schema);
    int work = hy__compile_work(c, fast.steps);
    if (work < 0) return work;
    if (rc == HY_ESCHEMA && c->err) rc = hy__run_whole(&telling, checker, schema);
    if (rc == HY_ESCHEMA) rc = HY_EINVALID;
    if (rc == HY_EINVALID && c->err) c->err->code = rc;
    return rc;
}

int hy__metaschema_check(hy__compiler_t *c, const hy__site_t *site) {
    const hy_rule_t *checker = NULL;
    if (c->flags & HY__UNCHECKED) return 0;
    int rc = find_checker(c, site, &checker);
    if (rc == 0) rc = check(c, checker, hy_node_value(site->node), NULL);
    hy_node_t *also =
        c->also && site->node == site->document ? hy_get_object(site->node, c->also) : NULL;
    hy_str_t *key, *keyword = also ? hy_str_from(c->also) : NULL;
    hy_value_t schema;
    if (also && !keyword) rc = HY_ENOMEM;
    hy__at_t up = {NULL, keyword, 0};
    for (uint32_t pos = 0; rc == 0 && also && hy_node_next(also, &pos, &key, &schema);) {
        hy__at_t at = {&up, key, 0};
        rc = check(c, checker, schema, &at);
    }
    hy_str_unref(keyword);
    return rc;
}
