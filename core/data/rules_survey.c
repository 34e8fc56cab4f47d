/* Walking a document: which objects in it are schemas, and of which resource and draft each is. */
#include "rules_compile.h"

#include "../base/mem.h"

#include <stdio.h>

/* --- sites ------------------------------------------------------------------------------------ */

hy__site_t *hy__site_find(const hy__compiler_t *c, const hy_node_t *node) {
    const char *address = (const char *)&node;
    hy__site_entry_t *e =
        hy_dict_find(&c->sites, address, sizeof node, hy_hash(address, sizeof node));
    return e ? e->site : NULL;
}

static int site_add(hy__compiler_t *c, const hy__site_t *like, hy__site_t **out) {
    hy_str_t *key = hy_str_new((const char *)&like->node, sizeof like->node);
    hy__site_t *site = hy_alloc(sizeof *site);
    hy__site_entry_t *e = key && site ? hy_dict_put(&c->sites, key, NULL) : NULL;
    hy_str_unref(key);
    if (!e) {
        hy_free(site);
        return HY_ENOMEM;
    }
    *site = *like;
    e->site = *out = site;
    return 0;
}

void hy__site_place(const hy__site_t *site, char *out, size_t size) {
    hy_node_t *nodes[HY_JSON_DEPTH_MAX];
    size_t count = 0, len = 0;
    for (hy_node_t *n = site->node; n != site->document && count < HY_JSON_DEPTH_MAX;
         n = hy_node_parent(n))
        nodes[count++] = n;
    out[0] = '\0';
    while (count > 0 && len < size) {
        hy_node_t *n = nodes[--count];
        const hy_str_t *key = hy_node_key(n);
        const char *dot = len > 0 ? "." : "";
        int written = key ? snprintf(out + len, size - len, "%s%s", dot, key->bytes)
                          : snprintf(out + len, size - len, "%s%zu", dot, hy_node_index(n) + 1);
        len += written > 0 ? (size_t)written : 0;
    }
}

/* --- the walk --------------------------------------------------------------------------------- */

static int survey(hy__compiler_t *c, const hy__site_t *above, hy_value_t schema, unsigned depth);

/* The schemas among the members of an object, or the items of an array. */
static int survey_each(hy__compiler_t *c, const hy__site_t *site, hy_value_t schemas,
                       unsigned depth) {
    int rc = 0;
    hy_value_t v;
    for (uint32_t pos = 0;
         rc == 0 && schemas.kind == HY_OBJECT && hy_node_next(schemas.as.n, &pos, NULL, &v);)
        rc = survey(c, site, v, depth + 1);
    for (size_t i = 0; rc == 0 && schemas.kind == HY_ARRAY && i < hy_node_count(schemas.as.n); i++)
        rc = survey(c, site, hy_node_at(schemas.as.n, i), depth + 1);
    return rc;
}

static int survey_keyword(hy__compiler_t *c, const hy__site_t *site, hy__keyword_has_t has,
                          hy_value_t v, unsigned depth) {
    switch (has) {
    case HY__HAS_NONE:
        return 0;
    case HY__HAS_ONE:
        return survey(c, site, v, depth + 1);
    case HY__HAS_ONE_OR_LIST:
        return v.kind == HY_ARRAY ? survey_each(c, site, v, depth + 1)
                                  : survey(c, site, v, depth + 1);
    case HY__HAS_LIST:
    case HY__HAS_MAP:
    case HY__HAS_SOME:
        return survey_each(c, site, v, depth + 1);
    }
    return HY_EINTERNAL;
}

/* What is neither an object nor in its place is passed over: who asks for it says so. */
static int survey(hy__compiler_t *c, const hy__site_t *above, hy_value_t schema, unsigned depth) {
    if (schema.kind != HY_OBJECT) return 0;
    if (depth > HY_VALUE_DEPTH_MAX)
        return hy_fail(c->err, HY_ETOO_LARGE, "it is nested deeper than %u", HY_VALUE_DEPTH_MAX);
    hy__site_t like = *above, *site;
    like.node = schema.as.n;
    int rc = site_add(c, &like, &site);
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(site->node, &pos, &key, &v);) {
        const hy__keyword_t *keyword = hy__keyword_find(site->draft, key);
        if (keyword) {
            rc = survey_keyword(c, site, keyword->has, v, depth);
        } else if (depth == 0 && c->also && hy_str_is(key, c->also)) {
            rc = survey_each(c, site, v, depth);
        }
    }
    return rc;
}

static const struct {
    const char *uri;
    hy__draft_t draft;
} drafts[] = {
    {"http://json-schema.org/draft-04/schema", HY__DRAFT_4},
    {"http://json-schema.org/draft-07/schema", HY__DRAFT_7},
    {"https://json-schema.org/draft/2020-12/schema", HY__DRAFT_2020},
};

/* With an empty fragment, as older drafts write it, or without. */
static int read_draft(hy__compiler_t *c, const hy_node_t *document, hy__draft_t *draft) {
    const hy_str_t *said = hy_get_str(document, "$schema");
    if (!said) return 0;
    size_t len = said->len > 0 && said->bytes[said->len - 1] == '#' ? said->len - 1 : said->len;
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++) {
        if (strlen(drafts[i].uri) == len && memcmp(drafts[i].uri, said->bytes, len) == 0) {
            *draft = drafts[i].draft;
            return 0;
        }
    }
    return hy_fail(c->err, HY_EINVALID,
                   "$schema: %s is no draft that is known: those are 4, 7 and 2020-12",
                   said->bytes);
}

int hy__survey(hy__compiler_t *c, hy_node_t *document, const char *uri, hy__site_t **root) {
    (void)uri;
    hy__site_t like = {.document = document, .draft = HY__DRAFT_7};
    int rc = read_draft(c, document, &like.draft);
    if (rc == 0) rc = survey(c, &like, hy_node_value(document), 0);
    if (rc == 0) *root = hy__site_find(c, document);
    return rc;
}
