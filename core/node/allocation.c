/* The function domain://msg-node.<d>/address-allocation: addresses made and given back.
 *
 *      keys     "k"              -> how many runtimes use that key
 *      blocks   "k <RuntimeURL>" -> the addresses allocated with it
 *
 * An allocated address is owned by a RuntimeURL, with or without a session, until it is given back
 * (claims.c). Allocation keys belong to the runtime that chose them, so two runtimes may choose the
 * same one. Giving back an object's address deletes the object here: routes, registration and claim
 * go, and its URL is answered 410 for a day (tombstones.c). */
#include "internal.h"

#include <stdio.h>

struct hy__allocation {
    hy_dict_t keys;   /* of key_count_t */
    hy_dict_t blocks; /* of hy__slot_t -> hy__block_t */
};

typedef struct {
    hy_str_t *key;
    uint32_t runtimes;
} key_count_t;

struct hy__block {
    hy_str_t *name; /* in blocks */
    hy_str_t *key;
    hy_link_t addresses;
};

/* --- blocks ----------------------------------------------------------------------------------- */

int hy__allocation_new(hy_node_server_t *n) {
    hy__allocation_t *a = hy_alloc_zero(sizeof *a);
    if (!a) return HY_ENOMEM;
    hy_dict_init(&a->keys, sizeof(key_count_t));
    hy_dict_init(&a->blocks, sizeof(hy__slot_t));
    n->allocation = a;
    return 0;
}

static void block_tidy(hy__allocation_t *a, hy__block_t *b) {
    if (!hy_list_is_empty(&b->addresses)) return;
    key_count_t *count = hy_dict_get(&a->keys, b->key);
    if (--count->runtimes == 0) hy_dict_remove(&a->keys, count);
    hy__slot_remove(&a->blocks, b->name);
    hy_str_unref(b->name);
    hy_str_unref(b->key);
    hy_free(b);
}

void hy__allocation_leave(hy_node_server_t *n, hy__address_t *address) {
    hy__block_t *b = address->block;
    hy_list_remove(&address->of_block);
    address->block = NULL;
    if (b) block_tidy(n->allocation, b);
}

void hy__allocation_free(hy_node_server_t *n) {
    hy_dict_deinit(&n->allocation->keys); /* empty: no owner is left */
    hy_dict_deinit(&n->allocation->blocks);
    hy_free(n->allocation);
    n->allocation = NULL;
}

/* No address contains a space, so the last one parts key and runtime. */
static hy_str_t *block_name(const hy__owner_t *o, const hy_str_t *key) {
    return hy_str_format("%s %s", key->bytes, o->runtime->bytes);
}

static hy__block_t *block_find(const hy_node_server_t *n, const hy__owner_t *o,
                               const hy_str_t *key) {
    hy_str_t *name = block_name(o, key);
    hy__block_t *b = name ? hy__slot_get(&n->allocation->blocks, name) : NULL;
    hy_str_unref(name);
    return b;
}

static hy__block_t *block_make(hy__allocation_t *a, hy_str_t *name, hy_str_t *key) {
    hy__block_t *b = hy_alloc_zero(sizeof *b);
    key_count_t *count = b ? hy_dict_put(&a->keys, key, NULL) : NULL;
    if (!count || hy__slot_put(&a->blocks, name, b) < 0) {
        if (count && count->runtimes == 0) hy_dict_remove(&a->keys, count);
        hy_free(b);
        return NULL;
    }
    count->runtimes++;
    b->name = hy_str_ref(name);
    b->key = hy_str_ref(key);
    hy_link_init(&b->addresses);
    return b;
}

static hy__block_t *block_open(hy_node_server_t *n, const hy__owner_t *o, hy_str_t *key) {
    hy_str_t *name = block_name(o, key);
    if (!name) return NULL;
    hy__block_t *b = hy__slot_get(&n->allocation->blocks, name);
    if (!b) b = block_make(n->allocation, name, key);
    hy_str_unref(name);
    return b;
}

int hy__allocation_join(hy_node_server_t *n, hy__address_t *a, hy_str_t *key) {
    hy__block_t *b = block_open(n, a->owner, key);
    if (!b) return HY_ENOMEM;
    a->block = b;
    hy_list_append(&b->addresses, &a->of_block);
    return 0;
}

const hy_str_t *hy__allocation_key(const hy__address_t *a) {
    return a->block ? a->block->key : NULL;
}

/* --- create ----------------------------------------------------------------------------------- */

static int check_scheme(hy_value_t scheme, hy_error_t *err) {
    const char *bytes = scheme.kind == HY_STR ? scheme.as.s->bytes : "";
    size_t len = scheme.kind == HY_STR ? scheme.as.s->len : 0;
    hy_address_t parts;
    char url[HY_SCHEME_BYTES_MAX + 8];
    bool is_short = len > 0 && len <= HY_SCHEME_BYTES_MAX && !memchr(bytes, ':', len);
    int url_len = is_short ? snprintf(url, sizeof url, "%s://d/x", bytes) : 0;
    if (!is_short || hy_address_parse(url, (size_t)url_len, &parts, NULL) < 0)
        return hy_fail(err, HY_EINVALID, "scheme must be a word of at most %u bytes",
                       HY_SCHEME_BYTES_MAX);
    if (hy__span_is(parts.scheme, "hyperty") || hy__is_object_scheme(parts.scheme)) return 0;
    return hy_fail(err, HY_EINVALID, "addresses of the scheme %s are not allocated", bytes);
}

static int check_create(const hy__owner_t *o, hy_value_t number, hy_value_t key,
                        hy_node_server_t *n, hy_error_t *err) {
    if (number.kind != HY_INT || number.as.i < 1 || number.as.i > HY_ALLOCATION_MAX)
        return hy_fail(err, HY_EINVALID, "value.number must be a number from 1 to %u",
                       HY_ALLOCATION_MAX);
    if (key.kind != HY_ABSENT && (key.kind != HY_STR || key.as.s->len > HY_URL_BYTES_MAX))
        return hy_fail(err, HY_EINVALID, "value.allocationKey must be a text of at most %u bytes",
                       HY_URL_BYTES_MAX);
    uint32_t more = (uint32_t)number.as.i;
    if (o->allocated_count + more > HY_ALLOCATED_PER_RUNTIME_MAX)
        return hy__bound_refuse(n, HY__BOUND_ALLOCATED, o->runtime->bytes, "another", err);
    if (n->stats.allocated + more > HY_ALLOCATED_MAX)
        return hy__bound_refuse_all(n, HY__BOUND_ALL_ALLOCATED, "another", err);
    return 0;
}

/* Makes an address and adds it to the list. */
static int allocate(hy_session_t *s, const char *scheme, hy__block_t *block, hy_node_t *list,
                    hy_error_t *err) {
    hy_node_server_t *n = s->server;
    hy_str_t *uuid = hy_random_uuid(n->random);
    hy_str_t *url =
        uuid ? hy_str_format("%s://%s/%s", scheme, n->domain->bytes, uuid->bytes) : NULL;
    hy_str_unref(uuid);
    if (!url) return hy_fail(err, HY_ENOMEM, "out of memory");
    int r = hy__claim_check(n, s->owner, url, err);
    if (r == 0) r = hy__claim(n, s->owner, url, true, err);
    if (r == 0) {
        hy__address_t *a = hy__address_get(n, url);
        r = hy_node_insert(list, hy_node_count(list), hy_string(hy_str_ref(url)));
        if (r < 0) {
            hy__address_release(n, a);
            hy_fail(err, r, "out of memory");
        } else if ((a->block = block)) {
            hy_list_append(&block->addresses, &a->of_block);
        }
    }
    hy_str_unref(url);
    return r;
}

static int allocate_all(hy_session_t *s, const char *scheme, uint32_t count, hy_str_t *key,
                        hy_node_t *list, hy_error_t *err) {
    hy_node_server_t *n = s->server;
    hy__block_t *block = key ? block_open(n, s->owner, key) : NULL;
    if (key && !block) return hy_fail(err, HY_ENOMEM, "out of memory");
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < count; i++)
        r = allocate(s, scheme, block, list, err);
    if (r == 0 && hy__lots_make(n, s->owner, list) < 0)
        r = hy_fail(err, HY_ENOMEM, "out of memory");
    if (r == 0) return 0;
    size_t made = hy_node_count(list);
    if (block && made == 0) block_tidy(n->allocation, block);
    for (size_t i = 0; i < made; i++)
        hy__address_release(n, hy__address_get(n, hy_node_at(list, i).as.s));
    return r;
}

static int create(hy_session_t *s, const hy_node_t *body, hy_value_t *answer, hy_error_t *err) {
    hy_value_t scheme = hy_get(body, "scheme"),
               number = hy_get(hy_get_object(body, "value"), "number");
    hy_value_t key = hy_get(hy_get_object(body, "value"), "allocationKey");
    if (number.kind == HY_ABSENT) number = hy_int(1);
    int r = check_create(s->owner, number, key, s->server, err);
    if (r == 0 && scheme.kind != HY_ABSENT) r = check_scheme(scheme, err);
    if (r == 0) r = hy__rate_allocate(s, (uint32_t)number.as.i, err);
    if (r < 0) return r;
    hy_node_t *value = hy_node_new(HY_OBJECT), *list = hy_node_new(HY_ARRAY);
    hy_value_t list_value = list ? hy_node_value(list) : hy_absent();
    if (!value || hy_put(value, "allocated", list_value) < 0) {
        if (!value) hy_value_drop(list_value);
        hy_node_unref(value);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    r = allocate_all(s, scheme.kind ? scheme.as.s->bytes : "hyperty", (uint32_t)number.as.i,
                     key.kind ? key.as.s : NULL, list, err);
    if (r < 0)
        hy_node_unref(value);
    else
        *answer = hy_node_value(value);
    return r;
}

/* --- delete ----------------------------------------------------------------------------------- */

static void give_back(hy_node_server_t *n, hy__address_t *a) {
    hy_str_t *url = hy_str_ref(a->url);
    const char *colon = memchr(url->bytes, ':', url->len);
    hy__registry_forget(n, url);
    hy__address_release(n, a);
    if (hy__is_object_scheme((hy_span_t){url->bytes, (size_t)(colon - url->bytes)})) {
        hy__object_drop(n, url);
        hy__tombstone_put(n, url);
    }
    hy_str_unref(url);
}

static int check_own(const hy_session_t *s, hy_str_t *url, hy_error_t *err) {
    const hy__address_t *a = hy__address_get(s->server, url);
    if (!a) return hy_fail(err, HY_ENOT_FOUND, "%s is not allocated", url->bytes);
    if (a->owner != s->owner)
        return hy_fail(err, HY_EFORBIDDEN, "%s belongs to another runtime", url->bytes);
    if (hy_str_equal(url, s->owner->runtime))
        return hy_fail(err, HY_EFORBIDDEN, "%s ends with its session only", url->bytes);
    return 0;
}

/* Checks each address of a list, which may have lists in it (one level), or gives each back. */
static int each_address(hy_session_t *s, hy_value_t v, unsigned depth, bool is_check,
                        hy_error_t *err) {
    if (v.kind == HY_STR) {
        if (is_check) return check_own(s, v.as.s, err);
        hy__address_t *a = hy__address_get(s->server, v.as.s);
        if (a) give_back(s->server, a); /* named twice: it is gone already */
        return 0;
    }
    if (v.kind != HY_ARRAY || depth > 1)
        return hy_fail(err, HY_EINVALID, "childrenResources must be a list of addresses");
    int r = 0;
    for (size_t i = 0; r == 0 && i < hy_node_count(v.as.n); i++)
        r = each_address(s, hy_node_at(v.as.n, i), depth + 1, is_check, err);
    return r;
}

/* `resource` is an allocation key, or else an address. */
static int check_resource(const hy_session_t *s, hy_str_t *resource, hy__block_t **block,
                          hy_error_t *err) {
    *block = block_find(s->server, s->owner, resource);
    if (*block) return 0;
    if (hy_dict_get(&s->server->allocation->keys, resource))
        return hy_fail(err, HY_EFORBIDDEN, "the allocation key \"%s\" belongs to another runtime",
                       resource->bytes);
    if (strstr(resource->bytes, "://")) return check_own(s, resource, err);
    return hy_fail(err, HY_ENOT_FOUND, "nothing is allocated with the key \"%s\"", resource->bytes);
}

static int release(hy_session_t *s, const hy_node_t *body, hy_error_t *err) {
    hy_value_t resource = hy_get(body, "resource"), list = hy_get(body, "childrenResources");
    if (resource.kind == HY_ARRAY && hy_node_count(resource.as.n) == 1)
        resource = hy_node_at(resource.as.n, 0);
    if (resource.kind == HY_ABSENT && list.kind == HY_ABSENT)
        return hy_fail(err, HY_EINVALID, "delete needs resource or childrenResources");
    if (resource.kind != HY_ABSENT && resource.kind != HY_STR)
        return hy_fail(err, HY_EINVALID, "resource must be one allocation key");
    hy__block_t *block = NULL;
    int r = 0;
    if (resource.kind) r = check_resource(s, resource.as.s, &block, err);
    if (r == 0 && list.kind) r = each_address(s, list, 0, true, err);
    if (r < 0) return r;
    if (list.kind) each_address(s, list, 0, false, NULL);
    if (!resource.kind) return 0;
    block = block_find(s->server, s->owner, resource.as.s); /* the list may have emptied it */
    for (bool more = block != NULL; more;) {
        hy_link_t *first = block->addresses.next;
        more = first->next != &block->addresses; /* the block goes with its last address */
        give_back(s->server, hy_link_owner(first, hy__address_t, of_block));
    }
    hy__address_t *a = hy__address_get(s->server, resource.as.s);
    if (!block && a && a->owner == s->owner) give_back(s->server, a);
    return 0;
}

/* --- the function ----------------------------------------------------------------------------- */

void hy__serve_allocation(hy_session_t *s, hy_msg_t *m) {
    const hy_node_t *body = hy_msg_body(m);
    hy_value_t value = hy_absent();
    hy_error_t err;
    int r;
    if (m->type == HY_MSG_CREATE)
        r = create(s, body, &value, &err);
    else if (m->type == HY_MSG_DELETE)
        r = release(s, body, &err);
    else
        r = hy_fail(&err, HY_EINVALID, "%s does not serve %s", m->to->bytes,
                    hy_msg_type_text(m->type));
    hy__lots_flush(s->server);
    if (r < 0)
        hy__refuse(s, m, &err);
    else
        hy__reply(s, m, 200, NULL, value);
}
