/* Addresses (PROTOCOL.md section 2): scheme://domain/identifier[/resource…][#n]. Functions look at
 * text and allocate nothing unless they return a string. */
#ifndef HY_BUS_ADDRESS_H
#define HY_BUS_ADDRESS_H

#include "../base/error.h"
#include "../base/str.h"

/* Where a session with a message node is opened and closed: the one address without domain. */
#define HY_SESSION_URL "mn:/session"

typedef struct {
    const char *bytes;
    size_t len;
} hy_span_t;

typedef struct {
    hy_span_t scheme, domain;
    hy_span_t path; /* after the domain, with its leading slash; empty if there is none */
} hy_address_t;

/* Checks form and length: a scheme of letters, digits, + - . (first a letter), a domain that is not
 * empty, printable characters (no space, no control, no quote, no backslash: so an address can
 * stand in JSON as it is), valid UTF-8, at most one # and that in the path, at most
 * HY_URL_BYTES_MAX. HY_EINVALID and HY_ETOO_LARGE with a text that names the address. The spans
 * point into `url`. HY_SESSION_URL passes too. */
int hy_address_parse(const char *url, size_t len, hy_address_t *out, hy_error_t *err);

/* The functions below take well-formed addresses; for any other text they say something, safely. */

/* The domain, empty if there is none. */
hy_span_t hy_address_domain(const hy_str_t *url);
/* The domain whose node serves the address: as above, but a function's is in its name, so that of
 * domain://msg-node.<d>/…, domain://registry.<d>, domain://catalogue.<d> and
 * hyperty-catalogue://catalogue.<d>/… is <d>. */
hy_span_t hy_address_home(const hy_str_t *url);
/* True if both have the same domain. */
bool hy_address_same_domain(const hy_str_t *a, const hy_str_t *b);
/* True if `url` is `base` itself or lies below it (whole path segments: …/1 is not below …/10). */
bool hy_address_is_under(const hy_str_t *url, const hy_str_t *base);
/* The last path segment, without fragment: the identifier of a hyperty or object URL. Empty if
 * there is no path. */
hy_span_t hy_address_identifier(const hy_str_t *url);

/* What hangs below an object or hyperty and many may listen to: /changes, /children/<collection>,
 * /children/, /registration, /events. Such a message is published: silence when nobody listens. */
bool hy_address_is_published(const hy_str_t *url);
/* <Object>/children/ of <Object>/children/<collection>; empty for any other address, that one
 * included. */
hy_span_t hy_address_collections(const hy_str_t *url);
/* The part of a data object's resource URL before /changes, /children/…, /subscription or
 * /registration; the whole URL if it has none of them. */
hy_span_t hy_address_object(const hy_str_t *url);

#endif
