/* Formats, shared by the files of format.h. All have the type hy_format_t. */
#ifndef HY_DATA_FORMAT_PRIVATE_H
#define HY_DATA_FORMAT_PRIVATE_H

#include "format.h"

bool hy__format_date(const char *text, size_t len);
bool hy__format_time(const char *text, size_t len);
bool hy__format_date_time(const char *text, size_t len);
bool hy__format_duration(const char *text, size_t len);

bool hy__format_hostname(const char *text, size_t len);
bool hy__format_ipv4(const char *text, size_t len);
bool hy__format_ipv6(const char *text, size_t len);
bool hy__format_email(const char *text, size_t len);
bool hy__format_idn_email(const char *text, size_t len);

bool hy__format_uri(const char *text, size_t len);
bool hy__format_uri_reference(const char *text, size_t len);
bool hy__format_iri(const char *text, size_t len);
bool hy__format_iri_reference(const char *text, size_t len);
bool hy__format_uri_template(const char *text, size_t len);

#endif
