/* Who owns which address (PROTOCOL.md section 3, Claims).
 *
 * Owning X includes everything below X/. So nobody may own X while another owns something above or
 * below it: all owned addresses of one path belong to one owner, and the first one found on the way
 * down from the domain answers for the rest.
 *
 *      comm://d/a        owner 1          looked up: comm://d/a/b/changes
 *      comm://d/a/b      owner 1            comm://d/a  ──► owner 1
 *      comm://d/x        (none, below 1)
 *      comm://d/x/y      owner 2
 *
 * What lies below is counted in every record above it. An address is owned as claimed, which ends
 * with the session, or as allocated, which lasts until it is given back. */
#include "internal.h"

#include "../base/mutant.h"

/* --- records ---------------------------------------------------------------------------------- */

/* Ends of the prefixes of an address, shortest first: *end goes from the domain's end to the next
 * segment's end; false at the end of the address. */
static bool next_segment(const char *url, size_t len, size_t *end) {
    if (*end >= len) return false;
    const char *slash = memchr(url + *end + 1, '/', len - *end - 1);
    *end = slash ? (size_t)(slash - url) : len;
    return true;
}

static size_t domain_end(const char *url, size_t len) {
    const char *colon = memchr(url, ':', len);
    if (!colon || (size_t)(url + len - colon) < 3) return len;
    const char *slash = memchr(colon + 3, '/', (size_t)(url + len - colon) - 3);
    return slash ? (size_t)(slash - url) : len;
}

static hy__address_t *record_open(hy_node_server_t *n, const char *url, size_t len) {
    hy__address_t *a = hy__slot_find(&n->addresses, url, len);
    if (a) return a;
    if (!(a = hy_alloc_zero(sizeof *a))) return NULL;
    hy_link_init(&a->link);
    hy_link_init(&a->of_block);
    a->url = hy_str_new(url, len);
    if (a->url && hy__slot_put(&n->addresses, a->url, a) == 0) return a;
    hy_str_unref(a->url);
    hy_free(a);
    return NULL;
}

static void record_tidy(hy_node_server_t *n, hy__address_t *a) {
    if (a->owner || a->below > 0) return;
    hy__slot_remove(&n->addresses, a->url);
    hy_str_unref(a->epoch);
    hy_str_unref(a->url);
    hy_free(a);
}

/* Counts an owned address (by = 1) or takes it off the count (-1) in what is above it. */
static int count_above(hy_node_server_t *n, const hy_str_t *url, int by) {
    size_t end = domain_end(url->bytes, url->len);
    while (next_segment(url->bytes, url->len, &end) && end < url->len) {
        hy__address_t *above = record_open(n, url->bytes, end);
        if (!above) return HY_ENOMEM;
        above->below += (uint32_t)by;
        record_tidy(n, above);
    }
    return 0;
}

/* True if there is memory for all records of the path; those without use are tidied by the caller's
 * counting or here. */
static bool can_record(hy_node_server_t *n, const hy_str_t *url) {
    size_t end = domain_end(url->bytes, url->len), made_to = end;
    bool ok = true;
    while (ok && next_segment(url->bytes, url->len, &end)) {
        ok = record_open(n, url->bytes, end) != NULL;
        if (ok) made_to = end;
    }
    if (ok) return true;
    for (end = domain_end(url->bytes, url->len); end < made_to;) {
        next_segment(url->bytes, url->len, &end);
        record_tidy(n, hy__slot_find(&n->addresses, url->bytes, end));
    }
    return false;
}

/* Records above it, which it may share, are left out. */
static size_t claim_bytes(const hy_str_t *url) {
    return sizeof(hy__address_t) + sizeof(hy__slot_t) + sizeof(hy_dict_slot_t) + sizeof *url +
           url->len;
}

/* --- owners ----------------------------------------------------------------------------------- */

hy__owner_t *hy__owner_open(hy_node_server_t *n, hy_str_t *runtime) {
    hy__owner_t *o = hy__slot_get(&n->owners, runtime);
    if (o) return o;
    if (!(o = hy_alloc_zero(sizeof *o))) return NULL;
    if (hy__slot_put(&n->owners, runtime, o) < 0) {
        hy_free(o);
        return NULL;
    }
    o->runtime = hy_str_ref(runtime);
    hy_link_init(&o->claims);
    hy_link_init(&o->allocated);
    return o;
}

void hy__owner_tidy(hy_node_server_t *n, hy__owner_t *o) {
    if (o->session || o->claims_count > 0 || o->allocated_count > 0) return;
    hy__slot_remove(&n->owners, o->runtime);
    hy_str_unref(o->runtime);
    hy_free(o);
}

static void drop(hy_node_server_t *n, hy_link_t *list) {
    while (!hy_list_is_empty(list))
        hy__address_release(n, hy_link_owner(list->next, hy__address_t, link));
}

void hy__owner_drop_claims(hy_node_server_t *n, hy__owner_t *o) {
    drop(n, &o->claims);
}

void hy__owner_free(hy_node_server_t *n, hy__owner_t *o) {
    drop(n, &o->claims);
    drop(n, &o->allocated);
    hy__owner_tidy(n, o);
}

/* --- asking ----------------------------------------------------------------------------------- */

static hy__address_t *owned_on_path(const hy_node_server_t *n, const char *url, size_t len) {
    size_t end = domain_end(url, len);
    for (unsigned i = 0; i < HY_ADDRESS_SEGMENTS_MAX && next_segment(url, len, &end); i++) {
        hy__address_t *a = hy__slot_find(&n->addresses, url, end);
        if (a && a->owner) return a;
    }
    return NULL;
}

hy__owner_t *hy__owner_of(const hy_node_server_t *n, const char *url, size_t len) {
    const hy__address_t *a = owned_on_path(n, url, len);
    return a ? a->owner : NULL;
}

hy_session_t *hy__holder_of(const hy_node_server_t *n, const char *url, size_t len) {
    const hy__owner_t *o = hy__owner_of(n, url, len);
    return o ? o->session : NULL;
}

hy__address_t *hy__address_get(const hy_node_server_t *n, hy_str_t *url) {
    hy__address_t *a = hy__slot_get(&n->addresses, url);
    return a && a->owner ? a : NULL;
}

static bool is_runtime_scheme(hy_span_t scheme) {
    return hy__span_is(scheme, "hyperty-runtime") || hy__span_is(scheme, "runtime");
}

bool hy__is_object_scheme(hy_span_t scheme) {
    return !is_runtime_scheme(scheme) && !hy__span_is(scheme, "hyperty") &&
           !hy__span_is(scheme, "domain") && !hy__span_is(scheme, "user") &&
           !hy__span_is(scheme, "hyperty-catalogue") && !hy__span_is(scheme, "mn");
}

static bool is_stub(const hy_address_t *parts) {
    return is_runtime_scheme(parts->scheme) && strstr(parts->path.bytes, "/protostub/") != NULL;
}

/* --- claiming --------------------------------------------------------------------------------- */

static int check_form(const hy_str_t *url, hy_address_t *parts, hy_error_t *err) {
    int r = hy_address_parse(url->bytes, url->len, parts, err);
    if (r < 0) return r;
    size_t segments = 0;
    bool is_empty = false;
    for (size_t i = 0; i < parts->path.len; i++) {
        if (parts->path.bytes[i] != '/') continue;
        segments++;
        is_empty |= i + 1 == parts->path.len || parts->path.bytes[i + 1] == '/';
    }
    if (segments == 0 || is_empty || memchr(url->bytes, '#', url->len))
        return hy_fail(err, HY_EINVALID, "%s is no address that somebody can hold", url->bytes);
    if (segments > HY_ADDRESS_SEGMENTS_MAX)
        return hy_fail(err, HY_EINVALID, "%s has more than %u path segments", url->bytes,
                       HY_ADDRESS_SEGMENTS_MAX);
    return 0;
}

/* True if somebody else owns something below the address. Walks all that `o` claims, but only if
 * anything at all is owned below. What is allocated lies below nothing that can be owned. */
static bool others_below(const hy_node_server_t *n, const hy__owner_t *o, hy_str_t *url) {
    const hy__address_t *a = hy__slot_get(&n->addresses, url);
    uint32_t mine = 0;
    if (!a || a->below == 0) return false;
    for (const hy_link_t *l = o->claims.next; l != &o->claims; l = l->next)
        mine += hy_address_is_under(hy_link_owner(l, hy__address_t, link)->url, url);
    return mine != a->below;
}

int hy__claim_check(const hy_node_server_t *n, const hy__owner_t *o, hy_str_t *url,
                    hy_error_t *err) {
    hy_address_t parts;
    int r = check_form(url, &parts, err);
    if (r < 0) return r;
    const hy__address_t *a = owned_on_path(n, url->bytes, url->len);
    if (a && a->owner == o) return 0;
    if (a && a->is_allocated)
        return hy_fail(err, HY_EFORBIDDEN, "%s is allocated to another runtime", url->bytes);
    if (a || others_below(n, o, url))
        return hy_fail(err, HY_ECONFLICT, "%s is held by another session", url->bytes);
    bool is_runtime = is_runtime_scheme(parts.scheme) && !hy_str_equal(url, o->runtime);
    bool is_nodes = hy__span_is(parts.scheme, "domain") || hy__span_is(parts.scheme, "mn") ||
                    hy__span_is(parts.scheme, "hyperty-catalogue");
    if (is_nodes || (is_runtime && !is_stub(&parts)))
        return hy_fail(err, HY_EFORBIDDEN, "%s cannot be claimed by %s", url->bytes,
                       o->runtime->bytes);
    return 0;
}

int hy__claim(hy_node_server_t *n, hy__owner_t *o, hy_str_t *url, bool allocated, hy_error_t *err) {
    if (hy__owner_of(n, url->bytes, url->len) == o) return 0;
    if (!allocated && o->claims_count >= HY_SESSION_CLAIMS_MAX)
        return hy__bound_refuse(n, HY__BOUND_CLAIMS, o->runtime->bytes, url->bytes, err);
    int r =
        !allocated && o->session ? hy__session_check_room(o->session, claim_bytes(url), err) : 0;
    if (r < 0) return r;
    if (!can_record(n, url)) return hy_fail(err, HY_ENOMEM, "out of memory");
    count_above(n, url, 1); /* cannot fail: the records are there */
    hy__address_t *a = hy__slot_get(&n->addresses, url);
    a->owner = o;
    a->is_allocated = allocated;
    hy_list_append(allocated ? &o->allocated : &o->claims, &a->link);
    ++*(allocated ? &o->allocated_count : &o->claims_count);
    ++*(allocated ? &n->stats.allocated : &n->stats.claims);
    if (!allocated) o->claims_bytes += claim_bytes(url);
    n->claims_turn++;
    hy__keep_claim(n, a); /* what is allocated: with its lot */
    return 0;
}

void hy__address_release(hy_node_server_t *n, hy__address_t *a) {
    hy_str_t *object = a->epoch ? hy_str_ref(a->url) : NULL;
    hy__keep_claim_end(n, a);
    hy__lot_leave(n, a);
    --*(a->is_allocated ? &a->owner->allocated_count : &a->owner->claims_count);
    --*(a->is_allocated ? &n->stats.allocated : &n->stats.claims);
    if (!a->is_allocated) a->owner->claims_bytes -= claim_bytes(a->url);
    hy_list_remove(&a->link);
    hy__allocation_leave(n, a);
    a->owner = NULL;
    count_above(n, a->url, -1);
    hy_str_unref(a->epoch);
    a->epoch = NULL;
    record_tidy(n, a);
    n->claims_turn++;
    if (object) hy__keep_object(n, object, true);
    hy_str_unref(object);
}

int hy__address_pass_check(hy__address_t *a, const hy__owner_t *to, hy_error_t *err) {
    if (a->below > 0)
        return hy_fail(err, HY_ECONFLICT,
                       "addresses below %s are held on their own: it cannot move", a->url->bytes);
    if (a->owner == to) return 0;
    bool is_full = a->is_allocated ? to->allocated_count >= HY_ALLOCATED_PER_RUNTIME_MAX
                                   : to->claims_count >= HY_SESSION_CLAIMS_MAX;
    if (is_full)
        return hy__bound_refuse(to->session->server,
                                a->is_allocated ? HY__BOUND_ALLOCATED : HY__BOUND_CLAIMS,
                                to->runtime->bytes, a->url->bytes, err);
    if (!a->is_allocated) return hy__session_check_room(to->session, claim_bytes(a->url), err);
    if (hy__lot_part(to->session->server, a) == 0) return 0;
    return hy_fail(err, HY_ENOMEM, "%s cannot move: out of memory", a->url->bytes);
}

void hy__address_pass(hy_node_server_t *n, hy__address_t *a, hy__owner_t *to) {
    hy__owner_t *from = a->owner;
    hy__keep_claim_end(n, a);
    hy__allocation_leave(n, a);
    --*(a->is_allocated ? &from->allocated_count : &from->claims_count);
    ++*(a->is_allocated ? &to->allocated_count : &to->claims_count);
    if (!a->is_allocated) from->claims_bytes -= claim_bytes(a->url);
    if (!a->is_allocated) to->claims_bytes += claim_bytes(a->url);
    hy_list_remove(&a->link);
    hy_list_append(a->is_allocated ? &to->allocated : &to->claims, &a->link);
    a->owner = to;
    n->claims_turn++;
    hy__keep_claim(n, a);
    hy__lot_pass(n, a, to);
}

int hy__claim_by_use(hy_session_t *s, hy_str_t *url, hy_error_t *err) {
    hy_node_server_t *n = s->server;
    const hy__owner_t *o = hy__owner_of(n, url->bytes, url->len);
    if (o) return o == s->owner ? 0 : HY_EFORBIDDEN;
    hy_address_t parts;
    if (hy_address_parse(url->bytes, url->len, &parts, NULL) < 0) return HY_EFORBIDDEN;
    bool is_any = HY_MUTANT(CLAIM_BY_USE);
    if (!is_any && !hy__span_is(parts.scheme, "hyperty") && !is_stub(&parts)) return HY_EFORBIDDEN;
    if (hy__claim_check(n, s->owner, url, NULL) < 0) return HY_EFORBIDDEN;
    return hy__claim(n, s->owner, url, false, err);
}
