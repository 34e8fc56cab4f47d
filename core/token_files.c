/* The files of tokens, by domain (token_files.h). */
#include "token_files.h"
#include "bus/address.h"

static const hy_str_t *find(const hy_token_files_t *t, const char *domain) {
    for (uint32_t i = 0; i < t->count; i++) {
        if (hy_str_is(t->list[i].domain, domain)) return t->list[i].path;
    }
    return NULL;
}

/* What is before "=" is a domain, if it looks like none of a path. */
static size_t domain_length(const char *item, size_t len) {
    const char *equals = memchr(item, '=', len);
    size_t before = equals ? (size_t)(equals - item) : 0;
    return before > 0 && !memchr(item, '/', before) ? before : 0;
}

static int add(hy_token_files_t *t, const char *item, size_t len, hy_error_t *err) {
    size_t named = domain_length(item, len);
    if (t->count == HY_WAYS_MAX)
        return hy_fail(err, HY_EFULL, "tokens for more than %u domains", HY_WAYS_MAX);
    hy_str_t *domain = named > 0 ? hy_str_new(item, named) : hy_str_ref(t->own);
    size_t skipped = named > 0 ? named + 1 : 0;
    hy_str_t *path = hy_str_new(item + skipped, len - skipped);
    int rc = domain && path ? 0 : hy_fail(err, HY_ENOMEM, "out of memory");
    if (rc == 0 && find(t, domain->bytes))
        rc = hy_fail(err, HY_EINVALID, "%s: there is a token for %s already", path->bytes,
                     domain->bytes);
    hy_str_t *token = NULL;
    if (rc == 0) rc = hy_token_load(path->bytes, &token, err);
    hy_str_unref(token);
    if (rc < 0) {
        hy_str_unref(domain);
        hy_str_unref(path);
        return rc;
    }
    t->list[t->count].domain = domain;
    t->list[t->count++].path = path;
    return 0;
}

int hy_token_files_open(hy_token_files_t *t, const char *text, const char *own, hy_error_t *err) {
    t->own = hy_str_from(own ? own : "localhost");
    if (!t->own) return hy_fail(err, HY_ENOMEM, "out of memory");
    int rc = 0;
    for (const char *at = text; rc == 0 && at;) {
        const char *colon = strchr(at, ':');
        size_t len = colon ? (size_t)(colon - at) : strlen(at);
        if (len > 0) rc = add(t, at, len, err);
        at = colon ? colon + 1 : NULL;
    }
    return rc;
}

void hy_token_files_release(hy_token_files_t *t) {
    while (t->count > 0) {
        t->count--;
        hy_str_unref(t->list[t->count].domain);
        hy_str_unref(t->list[t->count].path);
    }
    hy_str_unref(t->own);
    t->own = NULL;
}

int hy_token_files_get(void *files, const char *domain, hy_str_t **out, hy_error_t *err) {
    const hy_token_files_t *t = files;
    const hy_str_t *path = t->own ? find(t, domain ? domain : t->own->bytes) : NULL;
    *out = NULL;
    return path ? hy_token_load(path->bytes, out, err) : 0;
}

int hy_token_files_claims(const hy_token_files_t *t, hy_claims_t *out, hy_error_t *err) {
    const hy_str_t *path = t->own ? find(t, t->own->bytes) : NULL;
    hy_str_t *token;
    hy_error_t why;
    *out = (hy_claims_t){.sub = NULL};
    if (!path) return 0;
    int rc = hy_token_load(path->bytes, &token, err);
    if (rc < 0) return rc;
    rc = hy_token_read(token, out, &why);
    hy_str_unref(token);
    return rc < 0 ? hy_fail(err, rc, "%s: %s", path->bytes, why.text) : 0;
}

/* --- what follows from it --------------------------------------------------------------------- */

const char *hy_token_user(const hy_claims_t *claims, const char *given, const hy_log_t *log) {
    if (!claims->users) return given;
    hy_value_t first = hy_node_at(claims->users, 0);
    if (!given) return first.kind == HY_STR ? first.as.s->bytes : NULL;
    hy_str_t *user = hy_str_from(given);
    if (user && !hy_claims_name(claims, user))
        hy_log(log, HY_LOG_WARN, "host",
               "the token does not name %s: the node will not let it speak for that user", given);
    hy_str_unref(user);
    return given;
}

const char *hy_token_place(const hy_claims_t *claims, const char *domain) {
    static const char SCHEME[] = "hyperty-runtime://";
    if (!claims->sub || strncmp(claims->sub->bytes, SCHEME, strlen(SCHEME)) != 0) return NULL;
    hy_span_t its = hy_address_domain(claims->sub);
    if (!domain) domain = "localhost";
    bool is_its = its.len == strlen(domain) && memcmp(its.bytes, domain, its.len) == 0;
    return is_its ? claims->sub->bytes : NULL;
}
