/* Asking the catalogue of a domain for a schema that is not known here (catalogue.h).
 *
 * A lookup is one name. It gathers the document and those that this one refers to by catalogue
 * URLs, one request at a time: which are missing the compiler tells, by asking for them. When none
 * is, all are added and compiled for good. Documents are hostile until then: their size, their
 * number and their names are looked at, the rest is the compiler's. */
#include "catalogue.h"

#include "../base/json.h"
#include "../base/mem.h"
#include "../data/schema_hint.h"
#include "sync.h"

#include <stdio.h>

#define SCHEME "hyperty-catalogue://"
#define FOLDER "/.well-known/dataschema/"
#define SUFFIX ".json"

/* Room for the names of the schemas, so that the advice after them fits into a text, too. */
#define HINT_BYTES      160u
#define ELSEWHERE_BYTES 160u

typedef struct {
    hy_manager_t *manager;
    hy_str_t *url; /* of what is wanted */
    hy_str_t *at;  /* of what is asked for: that, or what it refers to */
    hy_str_t *missing;
    hy_link_t waits;
    hy_node_t *documents; /* that have come, by name */
    hy_request_t *request;
    /* It was in vain: */
    int code;
    hy_str_t *text;
    uint64_t until_ms; /* it is not tried again */
} lookup_t;

void hy__schema_wait_init(hy_schema_wait_t *w, void (*done)(void *arg, int code, const char *text),
                          void *arg) {
    *w = (hy_schema_wait_t){.done = done, .arg = arg};
    hy_link_init(&w->link);
}

void hy__schema_wait_end(hy_schema_wait_t *w) {
    hy_list_remove(&w->link);
}

/* --- names and addresses ---------------------------------------------------------------------- */

static bool is_url(const char *text, size_t len) {
    size_t lead = sizeof SCHEME - 1;
    return len > lead && memcmp(text, SCHEME, lead) == 0;
}

/* The last segment; references to schemas may have the ending of files. */
static hy_span_t name_in(const char *url, size_t len) {
    const char *end = url + len, *start = end;
    size_t tail = sizeof SUFFIX - 1;
    while (start > url && start[-1] != '/')
        start--;
    bool is_file = (size_t)(end - start) > tail && memcmp(end - tail, SUFFIX, tail) == 0;
    return (hy_span_t){start, (size_t)(end - start) - (is_file ? tail : 0)};
}

static const hy_schema_t *find_known(const hy_manager_t *m, hy_span_t name) {
    hy_str_t *key = hy_str_new(name.bytes, name.len);
    const hy_schema_t *schema = key ? hy_schemas_find(m->schemas, key) : NULL;
    hy_str_unref(key);
    return schema;
}

hy_str_t *hy__schema_address(const hy_manager_t *m, const hy_str_t *text) {
    bool is_whole = is_url(text->bytes, text->len);
    hy_str_t *url =
        is_whole ? hy_str_new(text->bytes, text->len)
                 : hy_str_format(SCHEME "catalogue.%s" FOLDER "%s", m->domain->bytes, text->bytes);
    hy_address_t parts;
    bool is_one = url && (is_whole || !memchr(text->bytes, '/', text->len)) &&
                  hy_address_parse(url->bytes, url->len, &parts, NULL) == 0 &&
                  parts.path.len > sizeof FOLDER - 1 &&
                  memcmp(parts.path.bytes, FOLDER, sizeof FOLDER - 1) == 0 &&
                  !memchr(url->bytes, '#', url->len) && name_in(url->bytes, url->len).len > 0;
    if (is_one) return url;
    hy_str_unref(url);
    return NULL;
}

/* --- what is told ----------------------------------------------------------------------------- */

static int fail_unknown(const hy_manager_t *m, const char *name, const char *elsewhere, int code,
                        hy_error_t *err) {
    char hint[HINT_BYTES];
    hy_schemas_hint(m->schemas, name, hint, sizeof hint);
    return hy_fail(err, code,
                   "there is no schema \"%.*s\" here (%s)%s; put %.*s.json into the folder schemas "
                   "beside the hyperties, in ./hyperties or a folder of HYPERTY_PATH",
                   HY_NAME_BYTES_MAX, name, hint, elsewhere, HY_NAME_BYTES_MAX, name);
}

int hy__schema_fail_unknown(const hy_manager_t *m, const hy_str_t *name, hy_error_t *err) {
    return fail_unknown(m, name_in(name->bytes, name->len).bytes, "", HY_ENOT_FOUND, err);
}

/* What is wanted refers to something that did not come. */
static int fail_reference(const lookup_t *l, int code, const char *desc, hy_error_t *err) {
    hy_span_t home = hy_address_home(l->at), name = name_in(l->url->bytes, l->url->len);
    hy_span_t other = name_in(l->at->bytes, l->at->len);
    return hy_fail(err, code == HY_ENOT_FOUND ? HY_EINVALID : code,
                   "schema %.*s refers to %.*s, which the catalogue of %.*s did not give: %s",
                   (int)name.len, name.bytes, (int)other.len, other.bytes, (int)home.len,
                   home.bytes, desc);
}

static int fail_answer(const lookup_t *l, int code, const char *desc, hy_error_t *err) {
    char elsewhere[ELSEWHERE_BYTES];
    hy_span_t home = hy_address_home(l->at);
    if (!hy_str_equal(l->at, l->url)) return fail_reference(l, code, desc, err);
    int len = snprintf(elsewhere, sizeof elsewhere, ", %s the catalogue of %.*s",
                       code == HY_ENOT_FOUND ? "nor in" : "and", (int)home.len, home.bytes);
    if (code != HY_ENOT_FOUND && (size_t)len < sizeof elsewhere)
        snprintf(elsewhere + len, sizeof elsewhere - (size_t)len, " did not answer: %s", desc);
    return fail_unknown(l->manager, name_in(l->url->bytes, l->url->len).bytes, elsewhere, code,
                        err);
}

static int fail_document(const lookup_t *l, int code, const char *why, hy_error_t *err) {
    hy_span_t home = hy_address_home(l->at);
    return hy_fail(err, code, "the catalogue of %.*s: %s", (int)home.len, home.bytes, why);
}

/* --- life of a lookup ------------------------------------------------------------------------- */

static void lookup_free(lookup_t *l) {
    hy_request_cancel(l->request);
    hy_str_unref(l->url);
    hy_str_unref(l->at);
    hy_str_unref(l->missing);
    hy_str_unref(l->text);
    hy_node_unref(l->documents);
    hy_free(l);
}

static void forget(lookup_t *l) {
    hy__part_remove(&l->manager->lookups, l->url);
    lookup_free(l);
}

/* Tells all who wait. In vain: remembered for a while, but for want of memory. */
static void finish(lookup_t *l, int code, const char *why) {
    hy_manager_t *m = l->manager;
    hy_link_t waits;
    hy_list_take(&l->waits, &waits);
    hy_str_t *text = hy_str_from(why);
    if (code < 0 && code != HY_ENOMEM && text) {
        l->code = code;
        l->text = hy_str_ref(text);
        l->until_ms = hy_clock_now(hy_bus_clock(m->bus)) + HY_CATALOGUE_RETRY_MS;
        hy_node_unref(l->documents);
        l->documents = NULL;
    } else {
        forget(l);
    }
    while (!hy_list_is_empty(&waits)) {
        hy_schema_wait_t *w = hy_link_owner(waits.next, hy_schema_wait_t, link);
        hy_list_remove(&w->link);
        w->done(w->arg, code, text ? text->bytes : hy_error_text(code));
    }
    hy_str_unref(text);
}

/* --- documents -------------------------------------------------------------------------------- */

static bool fits(hy_value_t document) {
    hy_buf_t text;
    hy_buf_init(&text);
    hy_json_write(&text, document);
    bool is_small = !text.failed && text.len <= HY_SCHEMA_BYTES_MAX;
    hy_buf_deinit(&text);
    return is_small;
}

static int keep(lookup_t *l, hy_node_t *body, hy_error_t *err) {
    hy_value_t document = hy_get(body, "value"), copy;
    hy_span_t name = name_in(l->at->bytes, l->at->len);
    if (document.kind != HY_OBJECT || !fits(document)) {
        hy_error_t why;
        int code = document.kind == HY_OBJECT ? HY_ETOO_LARGE : HY_EINVALID;
        hy_fail(&why, code, "schema %.*s: %s", (int)name.len, name.bytes,
                document.kind == HY_OBJECT ? "the document is too large" : "is no object");
        return fail_document(l, code, why.text, err);
    }
    hy_str_t *key = hy_str_new(name.bytes, name.len);
    if (!l->documents) l->documents = hy_node_new(HY_OBJECT);
    int rc = key && l->documents ? hy_value_copy(document, &copy) : HY_ENOMEM;
    if (rc == 0) rc = hy_node_set(l->documents, key, copy, NULL);
    hy_str_unref(key);
    return rc;
}

/* For the compiler. What is neither known nor has come is noted: the first one. */
static hy_value_t lend(void *lookup, const char *uri, size_t len) {
    lookup_t *l = lookup;
    if (!is_url(uri, len)) return hy_absent();
    hy_span_t name = name_in(uri, len);
    hy_str_t *key = hy_str_new(name.bytes, name.len);
    if (!key) return hy_absent();
    hy_value_t document = hy_node_find(l->documents, key);
    const hy_schema_t *schema = hy_schemas_find(l->manager->schemas, key);
    if (document.kind == HY_ABSENT && schema)
        document = (hy_value_t){.kind = HY_OBJECT, .as.n = schema->document};
    hy_str_unref(key);
    if (document.kind == HY_ABSENT && !l->missing) l->missing = hy_str_new(uri, len);
    return document;
}

static hy_value_t wanted_document(const lookup_t *l) {
    hy_span_t name = name_in(l->url->bytes, l->url->len);
    hy_str_t *key = hy_str_new(name.bytes, name.len);
    hy_value_t document = key ? hy_node_find(l->documents, key) : hy_absent();
    hy_str_unref(key);
    return document;
}

/* The address, without the ending of files, of a document that is missing; NULL: none is. */
static hy_str_t *find_missing(lookup_t *l) {
    hy_rules_t *rules = NULL;
    hy_rules_source_t source = {.find = lend, .arg = l};
    hy_value_t document = wanted_document(l);
    if (document.kind == HY_ABSENT) return NULL;
    int rc = hy_rules_compile(document, l->url->bytes, "children", &source, &rules, NULL);
    if (rc == 0) hy_rules_free(rules);
    hy_str_t *uri = l->missing, *url = NULL;
    l->missing = NULL;
    if (rc < 0 && uri) {
        hy_span_t name = name_in(uri->bytes, uri->len);
        hy_str_t *whole = hy_str_new(uri->bytes, (size_t)(name.bytes - uri->bytes) + name.len);
        url = whole ? hy__schema_address(l->manager, whole) : NULL;
        hy_str_unref(whole);
    }
    hy_str_unref(uri);
    return url;
}

typedef struct {
    hy_span_t name;
    hy_error_t *err;
} failure_t;

static void on_failed(void *failure, const char *name, const char *text) {
    failure_t *f = failure;
    bool is_it = strlen(name) == f->name.len && memcmp(name, f->name.bytes, f->name.len) == 0;
    if (is_it || f->err->code == 0) hy_fail(f->err, HY_EINVALID, "%s", text);
}

/* Makes what has come known for good. */
static int adopt(lookup_t *l, hy_error_t *err) {
    hy_manager_t *m = l->manager;
    hy_error_t why = {.code = 0};
    failure_t failure = {name_in(l->url->bytes, l->url->len), &why};
    hy_str_t *name;
    hy_value_t document;
    int rc = 0;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(l->documents, &pos, &name, &document);) {
        if (hy_schemas_find(m->schemas, name)) continue; /* it came by another way meanwhile */
        if (m->adopted == HY_CATALOGUE_SCHEMAS_MAX)
            return hy_fail(err, HY_EFULL, "%u schemas came from catalogues, and no more are taken",
                           HY_CATALOGUE_SCHEMAS_MAX);
        rc = hy_schemas_add(m->schemas, name->bytes, document.as.n, &why);
        m->adopted += rc == 0;
    }
    int compiled = hy_schemas_compile(m->schemas, on_failed, &failure, NULL);
    if (rc == HY_ENOMEM || compiled == HY_ENOMEM) return HY_ENOMEM;
    if (find_known(m, failure.name)) return 0;
    return fail_document(l, HY_EINVALID, why.text, err);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void on_answer(void *arg, hy_msg_t *answer, int code);

/* `url` is taken over. */
static int ask(lookup_t *l, hy_str_t *url) {
    hy_str_unref(l->at);
    l->at = url;
    hy_node_t *body = hy_node_new(HY_OBJECT);
    if (!body) return HY_ENOMEM;
    return hy__manager_request(l->manager, HY_MSG_READ, l->manager->sm, url, hy_node_value(body),
                               on_answer, l, NULL, &l->request);
}

/* All that has come is looked at: on to what is missing, or to the end. */
static int go_on(lookup_t *l, bool *is_asking, hy_error_t *err) {
    hy_str_t *url = find_missing(l);
    if (!url) return adopt(l, err);
    if (hy_node_count(l->documents) < HY_CATALOGUE_DOCUMENTS_MAX) {
        *is_asking = true;
        return ask(l, url);
    }
    hy_str_unref(url);
    hy_span_t name = name_in(l->url->bytes, l->url->len);
    return hy_fail(err, HY_ETOO_LARGE, "schema %.*s refers to %u others and more", (int)name.len,
                   name.bytes, HY_CATALOGUE_DOCUMENTS_MAX - 1);
}

static void on_answer(void *arg, hy_msg_t *answer, int code) {
    lookup_t *l = arg;
    hy_error_t err = {.text = ""};
    bool is_asking = false;
    if (code < 200) return;
    l->request = NULL;
    int rc = code < 300 ? keep(l, hy_msg_body(answer), &err)
                        : fail_answer(l, hy_error_from_http(code), hy_msg_desc(answer), &err);
    if (rc == 0) rc = go_on(l, &is_asking, &err);
    if (rc == 0 && is_asking) return;
    finish(l, rc, err.text[0] ? err.text : hy_error_text(rc));
}

/* --- wanting ---------------------------------------------------------------------------------- */

/* Makes room by forgetting one that was in vain. */
static bool has_room(hy_manager_t *m) {
    const hy_part_entry_t *e;
    if (m->lookups.count < HY_CATALOGUE_LOOKUPS_MAX) return true;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->lookups, &pos));) {
        lookup_t *l = e->part;
        if (l->code == 0) continue;
        forget(l);
        return true;
    }
    return false;
}

/* `url` is taken over. */
static int begin(hy_manager_t *m, hy_str_t *url, lookup_t **out) {
    lookup_t *l = hy_alloc_zero(sizeof *l);
    if (!l) {
        hy_str_unref(url);
        return HY_ENOMEM;
    }
    *l = (lookup_t){.manager = m, .url = url};
    hy_link_init(&l->waits);
    int rc = hy__part_add(&m->lookups, url, l);
    if (rc < 0) {
        lookup_free(l);
        return rc;
    }
    rc = ask(l, hy_str_ref(url));
    if (rc < 0) {
        forget(l);
    } else {
        *out = l;
    }
    return rc;
}

int hy__schema_want(hy_manager_t *m, const hy_str_t *name, hy_schema_wait_t *w, hy_error_t *err) {
    if (hy_schemas_find(m->schemas, name)) return 1;
    hy_str_t *url = hy__schema_address(m, name);
    if (!url) return fail_unknown(m, name->bytes, "", HY_ENOT_FOUND, err);
    lookup_t *l = hy__part_find(&m->lookups, url);
    if (l && l->code < 0 && hy_clock_now(hy_bus_clock(m->bus)) < l->until_ms) {
        hy_str_unref(url);
        return hy_fail(err, l->code, "%s", l->text->bytes);
    }
    if (l && l->code < 0) {
        forget(l);
        l = NULL;
    }
    int rc = l || has_room(m) ? 0 : hy_fail(err, HY_EFULL, "too many schemas are asked for");
    if (rc == 0 && !l) {
        rc = begin(m, url, &l);
    } else {
        hy_str_unref(url);
    }
    if (rc == 0) hy_list_append(&l->waits, &w->link);
    return rc;
}

/* --- the manager's ---------------------------------------------------------------------------- */

void hy__catalogue_init(hy_manager_t *m) {
    hy_dict_init(&m->lookups, sizeof(hy_part_entry_t));
}

void hy__catalogue_free(hy_manager_t *m) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->lookups, &pos));)
        lookup_free(e->part);
    hy_dict_deinit(&m->lookups);
}

void hy__catalogue_online(hy_manager_t *m) {
    const hy_part_entry_t *e;
    for (uint32_t pos = 0; (e = hy_dict_next(&m->lookups, &pos));) {
        lookup_t *l = e->part;
        if (l->code < 0) forget(l);
    }
}
