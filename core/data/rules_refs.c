/* References: from "$ref" and "$dynamicRef" to the rules that they lead to. */
#include "rules_compile.h"

static int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Takes "%41" for "A"; what is no escape stays. `text` is shortened in place. */
static size_t unescape(char *text, size_t len) {
    size_t to = 0;
    for (size_t at = 0; at < len; at++) {
        int high = at + 2 < len && text[at] == '%' ? nibble(text[at + 1]) : -1;
        int low = high >= 0 ? nibble(text[at + 2]) : -1;
        text[to++] = (char)(low >= 0 ? high << 4 | low : text[at]);
        if (low >= 0) at += 2;
    }
    return to;
}

/* One step of a JSON Pointer ("a~1b" is the key "a/b"); shortened in place. */
static size_t unescape_step(char *text, size_t len) {
    size_t to = 0;
    for (size_t at = 0; at < len; at++) {
        char next = at + 1 < len && text[at] == '~' ? text[at + 1] : '\0';
        bool is_escape = next == '0' || next == '1';
        text[to++] = !is_escape ? text[at] : next == '0' ? '~' : '/';
        if (is_escape) at++;
    }
    return to;
}

static hy_value_t step(hy_value_t v, const char *key, size_t len) {
    if (v.kind == HY_OBJECT) return hy_node_get(v.as.n, key, len);
    size_t index = 0;
    bool is_index = v.kind == HY_ARRAY && len > 0 && len < 10 && (len == 1 || key[0] != '0');
    for (size_t i = 0; is_index && i < len; i++) {
        is_index = key[i] >= '0' && key[i] <= '9';
        index = 10 * index + (size_t)(key[i] - '0');
    }
    return is_index ? hy_node_at(v.as.n, index) : hy_absent();
}

/* Follows a pointer ("/definitions/name"), whose bytes are used up. */
static hy_value_t follow(hy_value_t v, char *pointer, size_t len) {
    while (len > 0 && v.kind != HY_ABSENT) {
        char *end = memchr(pointer + 1, '/', len - 1);
        size_t part = end ? (size_t)(end - pointer) : len;
        v = step(v, pointer + 1, unescape_step(pointer + 1, part - 1));
        pointer += part;
        len -= part;
    }
    return v;
}

/* --- from a reference to a schema ------------------------------------------------------------- */

/* The root of the document at that URI, which is walked if it was not known. Its resource may have
 * another name, if it has one of its own. */
static int load(hy__compiler_t *c, hy_str_t *uri, const hy_str_t *ref, hy_value_t *out) {
    hy__site_t *site = hy__site_named(c, uri->bytes, uri->len);
    if (site) {
        *out = hy_node_value(site->node);
        return 0;
    }
    const hy__site_t *from = c->site;
    const char *keyword = c->keyword;
    int rc = hy__document_find(c, uri->bytes, uri->len, out);
    if (rc == HY_ENOT_FOUND)
        return hy__compile_fail_on(c, rc, ref, "leads to a document that is not known here");
    if (rc < 0 || out->kind == HY_BOOL) return rc;
    if (out->kind != HY_OBJECT)
        return hy__compile_fail_on(c, HY_EINVALID, ref, "leads to what is no schema");
    rc = hy__survey(c, out->as.n, uri, from->draft, &site);
    if (rc == 0) rc = hy__metaschema_check(c, site);
    c->site = from;
    c->keyword = keyword;
    return rc;
}

static int find_document(hy__compiler_t *c, const hy_str_t *ref, size_t len, hy_value_t *out) {
    const hy_str_t *base = c->site->resource->uri;
    if (len == 0) {
        *out = hy_node_value(hy__site_named(c, base->bytes, base->len)->node);
        return hy__compile_work(c, (base->len + ref->len) / HY__URI_STEP_BYTES);
    }
    hy_str_t *uri;
    int rc = hy__compile_uri(c, ref, len, &uri);
    if (rc < 0) return rc;
    rc = load(c, uri, ref, out);
    hy_str_unref(uri);
    return rc;
}

/* In the document that the reference has led to: nothing, a pointer or an anchor. */
static int find_fragment(hy__compiler_t *c, const char *fragment, size_t len, hy_value_t *at) {
    hy_str_t *text = hy_str_new(fragment, len);
    if (!text) return HY_ENOMEM;
    text->len = (uint32_t)unescape(text->bytes, len);
    hy_str_t *name = NULL;
    if (text->len > 0 && text->bytes[0] == '/') {
        *at = follow(*at, text->bytes, text->len);
    } else if (text->len > 0) {
        const hy__site_t *root = at->kind == HY_OBJECT ? hy__site_find(c, at->as.n) : NULL;
        if (root) {
            name =
                hy_str_format("%s#%.*s", root->resource->uri->bytes, (int)text->len, text->bytes);
            if (!name) {
                hy_str_unref(text);
                return HY_ENOMEM;
            }
        }
        hy__site_t *site = name ? hy__site_named(c, name->bytes, name->len) : NULL;
        *at = site ? hy_node_value(site->node) : hy_absent();
    }
    hy_str_unref(name);
    hy_str_unref(text);
    return 0;
}

/* `site`: where it leads to, NULL if that is `true` or `false`. */
static int resolve(hy__compiler_t *c, hy_value_t v, const hy_rule_t **rule, hy__site_t **site) {
    if (v.kind != HY_STR) return hy__compile_fail(c, "is no reference");
    const hy_str_t *ref = v.as.s;
    const char *mark = memchr(ref->bytes, '#', ref->len);
    size_t len = mark ? (size_t)(mark - ref->bytes) : ref->len;
    hy_value_t at = hy_absent();
    int rc = find_document(c, ref, len, &at);
    if (rc == 0 && mark) rc = find_fragment(c, mark + 1, ref->len - len - 1, &at);
    if (rc < 0) return rc;
    *site = NULL;
    if (at.kind == HY_ABSENT)
        return hy__compile_fail_on(c, HY_ENOT_FOUND, ref, "leads to what is not there");
    if (at.kind == HY_BOOL) return hy__compile_ask(c, at, rule);
    if (at.kind != HY_OBJECT)
        return hy__compile_fail_on(c, HY_EINVALID, ref, "leads to what is no schema");
    *site = hy__site_find(c, at.as.n);
    if (!*site) {
        const hy__site_t *from = c->site;
        const char *keyword = c->keyword;
        rc = hy__survey_more(c, at.as.n, site);
        c->site = from;
        c->keyword = keyword;
    }
    return rc < 0 ? rc : hy__compile_ask_site(c, *site, rule);
}

HY__FILL(ref) {
    hy__site_t *site;
    hy__place_rules_t *place = hy__rule_place(rule);
    return place ? resolve(c, v, &place->ref, &site) : HY_ENOMEM;
}

/* --- dynamic ones ----------------------------------------------------------------------------- */

/* The rules of the anchors of that name, from one on backwards. */
static int ask_anchors(hy__compiler_t *c, uint32_t last) {
    int rc = 0;
    for (uint32_t i = last; rc == 0 && i > 0; i = c->anchors[i - 1].before) {
        const hy_rule_t *rule;
        rc = hy__compile_ask_site(c, c->anchors[i - 1].site, &rule);
    }
    return rc;
}

int hy__refs_add_anchor(hy__compiler_t *c, hy_str_t *name, hy__site_t *site) {
    hy__anchor_name_t *n = hy_dict_put(&c->anchor_names, name, NULL);
    if (!n || !hy__compile_room(&c->anchors, c->anchor_count, &c->anchor_room, sizeof *c->anchors))
        return HY_ENOMEM;
    c->anchors[c->anchor_count++] = (hy__anchor_t){.site = site, .before = n->last};
    n->last = c->anchor_count;
    n->count++;
    const hy_rule_t *rule;
    return n->is_wanted ? hy__compile_ask_site(c, site, &rule) : 0;
}

/* A dynamic reference is one only if it leads to an anchor that is dynamic, too. */
HY__FILL(dynamic_ref) {
    hy__site_t *site;
    hy__place_rules_t *place = hy__rule_place(rule);
    int rc = place ? resolve(c, v, &place->dynamic, &site) : HY_ENOMEM;
    if (rc < 0 || !site) return rc;
    hy_str_t *anchor = hy_get_str(site->node, "$dynamicAnchor");
    const char *mark = memchr(v.as.s->bytes, '#', v.as.s->len);
    if (!anchor || !mark || !hy_str_is(anchor, mark + 1)) return 0;
    hy__anchor_name_t *name = hy_dict_put(&c->anchor_names, anchor, NULL);
    if (!name) return HY_ENOMEM;
    place->dynamic_anchor = hy_str_ref(anchor);
    if (name->is_wanted) return 0;
    name->is_wanted = true;
    return ask_anchors(c, name->last);
}

/* A name that only one schema has leads there always. True: there are others. */
static bool keep_dynamic(const hy__compiler_t *c, hy__place_rules_t *place) {
    hy_str_t *key = place->dynamic_anchor;
    const hy__anchor_name_t *name =
        hy_dict_find(&c->anchor_names, key->bytes, key->len, hy_str_hash(key));
    if (name->count != 1) return true;
    hy_str_unref(key);
    place->dynamic_anchor = NULL;
    return false;
}

/* Of two with one name in one resource the later one counts. */
static int give_anchors(const hy__compiler_t *c, const hy__anchor_name_t *name) {
    for (uint32_t i = name->last; i > 0; i = c->anchors[i - 1].before) {
        const hy__site_t *site = c->anchors[i - 1].site;
        bool is_new;
        hy__member_rule_t *m = hy_dict_put(&site->resource->dynamic, name->key, &is_new);
        if (!m) return HY_ENOMEM;
        if (is_new) m->rule = site->rule;
    }
    return 0;
}

int hy__refs_finish(hy__compiler_t *c) {
    bool keeps_scope = false;
    for (uint32_t i = 0; i < c->rules->rule_count; i++) {
        hy__place_rules_t *place = c->rules->rules[i]->place;
        if (place && place->dynamic_anchor && keep_dynamic(c, place)) keeps_scope = true;
    }
    for (uint32_t i = 0; keeps_scope && i < c->rules->rule_count; i++)
        c->rules->rules[i]->keeps_scope = true;
    const hy__anchor_name_t *name;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && keeps_scope && (name = hy_dict_next(&c->anchor_names, &pos));)
        rc = name->is_wanted ? give_anchors(c, name) : 0;
    return rc;
}
