/* Formats of strings ("format"), which are checked, not only told. Each is as its RFC says, as the
 * drafts name it: a time has an offset, a host name has no dot at its end, numbers of an IPv4
 * address have no zeros in front.
 *
 *      date-time date time duration              RFC 3339
 *      email idn-email                           RFC 5321, 6531: one address, without a name
 *      hostname ipv4 ipv6                        RFC 1123, 2673, 4291
 *      uri uri-reference iri iri-reference       RFC 3986, 3987
 *      uri-template                              RFC 6570
 *      uuid                                      RFC 4122, of any version
 *      json-pointer relative-json-pointer        RFC 6901, and its draft
 *      regex                                     ECMA 262 (regex.h)
 *
 * Not looked at is whether a label of a host name that begins with "xn--" stands for what IDNA
 * allows. "idn-hostname", which is about nothing else, is not known. */
#ifndef HY_DATA_FORMAT_H
#define HY_DATA_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

/* True if the string (UTF-8) is of that format. Takes time as its length, allocates nothing. */
typedef bool hy_format_t(const char *text, size_t len);

/* NULL: a format that is not known, which says nothing about a string. */
hy_format_t *hy_format_find(const char *name, size_t len);

#endif
