/* Walking a document: which objects in it are schemas, of which draft and resource each is, and
 * what names it has. */
#include "rules_compile.h"

#include "../base/mem.h"

#include <stdio.h>

/* --- sites ------------------------------------------------------------------------------------ */

static hy__site_t *find(const hy_dict_t *d, const char *key, size_t len) {
    hy__site_entry_t *e = hy_dict_find(d, key, len, hy_hash(key, len));
    return e ? e->site : NULL;
}

hy__site_t *hy__site_find(const hy__compiler_t *c, const hy_node_t *node) {
    return find(&c->sites, (const char *)&node, sizeof node);
}

hy__site_t *hy__site_named(const hy__compiler_t *c, const char *uri, size_t len) {
    return find(&c->named, uri, len);
}

static int site_add(hy__compiler_t *c, const hy__site_t *like, hy__site_t **out) {
    if (c->sites.count >= HY_RULES_MAX)
        return hy_fail(c->err, HY_ETOO_LARGE, "it has more than %u schemas", HY_RULES_MAX);
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

/* --- names ------------------------------------------------------------------------------------ */

/* Within one document a name is there once; of two documents that of the first counts. */
static int name_site(hy__compiler_t *c, hy_str_t *name, hy__site_t *site) {
    bool is_new;
    hy__site_entry_t *e = name ? hy_dict_put(&c->named, name, &is_new) : NULL;
    if (!e) return HY_ENOMEM;
    if (!is_new && e->site != site && e->site->document == site->document) {
        c->site = site;
        return hy__compile_fail_on(c, HY_EINVALID, name, "is the name of another schema, too");
    }
    if (is_new) e->site = site;
    return 0;
}

static int name_anchor(hy__compiler_t *c, const char *anchor, size_t len, hy__site_t *site) {
    const hy_str_t *base = site->resource->uri;
    int rc = hy__compile_work(c, (base->len + len) / HY__URI_STEP_BYTES);
    if (rc < 0) return rc;
    hy_str_t *name = hy_str_format("%s#%.*s", base->bytes, (int)len, anchor);
    rc = name_site(c, name, site);
    hy_str_unref(name);
    return rc;
}

/* Takes over the reference to the URI. */
static int resource_new(hy__compiler_t *c, hy_str_t *uri, hy__resource_t **out) {
    hy_rules_t *r = c->rules;
    hy__resource_t *resource = NULL;
    if (hy__compile_room(&r->resources, r->resource_count, &r->resource_room, sizeof resource))
        resource = hy_alloc_zero(sizeof *resource);
    if (!resource) {
        hy_str_unref(uri);
        return HY_ENOMEM;
    }
    resource->uri = uri;
    hy_dict_init(&resource->dynamic, sizeof(hy__member_rule_t));
    r->resources[r->resource_count++] = *out = resource;
    return 0;
}

/* A schema that has an identifier of its own begins a resource, which may be of another draft. */
static int begin_resource(hy__compiler_t *c, const hy_str_t *id, size_t len, hy__site_t *site) {
    hy_str_t *uri;
    int rc = hy__compile_uri(c, id, len, &uri);
    if (rc < 0) return rc;
    rc = resource_new(c, uri, &site->resource);
    if (rc == 0) rc = hy__metaschema_read(c, site->node, site);
    return rc < 0 ? rc : name_site(c, site->resource->uri, site);
}

/* "$id", which was "id", with what an older draft says of a fragment in it: that it is an anchor.
 */
static int read_id(hy__compiler_t *c, hy__site_t *site) {
    c->keyword = site->draft == HY__DRAFT_4 ? "id" : "$id";
    const hy_str_t *id = hy_get_str(site->node, c->keyword);
    if (!id || (site->draft != HY__DRAFT_2020 && hy_get_str(site->node, "$ref"))) return 0;
    const char *mark = memchr(id->bytes, '#', id->len);
    size_t len = mark ? (size_t)(mark - id->bytes) : id->len;
    const char *anchor = mark ? mark + 1 : "";
    if (*anchor && site->draft == HY__DRAFT_2020)
        return hy__compile_fail(c, "has a fragment; \"$anchor\" is for that");
    int rc = len > 0 ? begin_resource(c, id, len, site) : 0;
    if (rc == 0 && *anchor && *anchor != '/') rc = name_anchor(c, anchor, id->len - len - 1, site);
    return rc;
}

static int read_dynamic_anchor(hy__compiler_t *c, hy__site_t *site) {
    hy_str_t *name = hy_get_str(site->node, c->keyword = "$dynamicAnchor");
    if (!name) return 0;
    int rc = hy__refs_add_anchor(c, name, site);
    return rc < 0 ? rc : name_anchor(c, name->bytes, name->len, site);
}

static int read_names(hy__compiler_t *c, hy__site_t *site) {
    c->site = site;
    int rc = read_id(c, site);
    if (rc < 0 || site->draft != HY__DRAFT_2020) return rc;
    const hy_str_t *anchor = hy_get_str(site->node, c->keyword = "$anchor");
    if (anchor) rc = name_anchor(c, anchor->bytes, anchor->len, site);
    return rc < 0 ? rc : read_dynamic_anchor(c, site);
}

/* --- the walk --------------------------------------------------------------------------------- */

static int survey(hy__compiler_t *c, const hy__site_t *above, hy_value_t schema, unsigned depth);

/* The schemas among the members of an object, or the items of an array. */
static int survey_each(hy__compiler_t *c, const hy__site_t *site, hy_value_t schemas,
                       unsigned depth) {
    int rc = 0;
    hy_value_t v;
    if (schemas.kind == HY_OBJECT) {
        for (uint32_t pos = 0; rc == 0 && hy_node_next(schemas.as.n, &pos, NULL, &v);)
            rc = survey(c, site, v, depth + 1);
    } else if (schemas.kind == HY_ARRAY) {
        for (size_t i = 0; rc == 0 && i < hy_node_count(schemas.as.n); i++)
            rc = survey(c, site, hy_node_at(schemas.as.n, i), depth + 1);
    }
    return rc;
}

static int survey_keyword(hy__compiler_t *c, const hy__site_t *site, hy__keyword_has_t has,
                          hy_value_t v, unsigned depth) {
    if (has == HY__HAS_NONE) return 0;
    bool is_one = has == HY__HAS_ONE || (has == HY__HAS_ONE_OR_LIST && v.kind != HY_ARRAY);
    return is_one ? survey(c, site, v, depth + 1) : survey_each(c, site, v, depth + 1);
}

/* What is no object is passed over: who asks for it says so. */
static int survey(hy__compiler_t *c, const hy__site_t *above, hy_value_t schema, unsigned depth) {
    if (schema.kind != HY_OBJECT) return 0;
    hy__site_t like = *above, *site = hy__site_find(c, schema.as.n);
    if (site) {
        site->is_apart = false;
        return 0;
    }
    if (depth > HY_VALUE_DEPTH_MAX)
        return hy_fail(c->err, HY_ETOO_LARGE, "it is nested deeper than %u", HY_VALUE_DEPTH_MAX);
    like.node = schema.as.n;
    like.rule = NULL;
    like.is_apart = false;
    int rc = hy__compile_work(c, hy_node_count(like.node) + 1);
    if (rc == 0) rc = site_add(c, &like, &site);
    if (rc == 0) rc = read_names(c, site);
    hy_str_t *key;
    hy_value_t v;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(site->node, &pos, &key, &v);) {
        const hy__keyword_t *keyword = hy__keyword_find(site, key);
        bool is_also = depth == 0 && c->also && hy_str_is(key, c->also);
        if (is_also) {
            rc = survey_each(c, site, v, depth);
        } else if (keyword) {
            rc = survey_keyword(c, site, keyword->has, v, depth);
        }
    }
    return rc;
}

int hy__survey(hy__compiler_t *c, hy_node_t *document, hy_str_t *uri, hy__draft_t draft,
               hy__site_t **root) {
    hy__site_t like = {
        .node = document, .document = document, .draft = draft, .vocabularies = HY__VOCABULARIES};
    int rc = hy__metaschema_read(c, document, &like);
    if (rc == 0) rc = resource_new(c, hy_str_ref(uri), &like.resource);
    if (rc == 0) rc = survey(c, &like, hy_node_value(document), 0);
    if (rc == 0) *root = hy__site_find(c, document);
    return rc < 0 ? rc : name_site(c, uri, *root);
}

int hy__survey_more(hy__compiler_t *c, hy_node_t *node, hy__site_t **out) {
    const hy_node_t *above = hy_node_parent(node);
    const hy__site_t *site = NULL;
    while (above && !(site = hy__site_find(c, above)))
        above = hy_node_parent(above);
    if (!site) return HY_EINTERNAL;
    if (!hy__compile_room(&c->apart, c->apart_count, &c->apart_room, sizeof *c->apart))
        return HY_ENOMEM;
    int rc = survey(c, site, hy_node_value(node), 1);
    if (rc < 0) return rc;
    hy__site_t *found = c->apart[c->apart_count++] = *out = hy__site_find(c, node);
    found->is_apart = true;
    return 0;
}

int hy__survey_check(hy__compiler_t *c) {
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c->apart_count; i++)
        rc = c->apart[i]->is_apart ? hy__metaschema_check(c, c->apart[i]) : 0;
    return rc;
}
