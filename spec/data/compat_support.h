/* For the specs of core/data/compat.h: versions of a schema from text, and what is told of two. */
#ifndef SPEC_DATA_COMPAT_SUPPORT_H
#define SPEC_DATA_COMPAT_SUPPORT_H

#include "random_schema.h"

#include "data/compat.h"

typedef struct {
    hy_schema_t schema;
    hy_value_t document;
} version_t;

/* A schema that is nothing but its rules. */
static inline version_t version_of(const char *text) {
    static unsigned number;
    version_t v = {.document = value_of(text)};
    hy_error_t err = {.text = ""};
    hy_str_t *scheme = hy_get_str(v.document.as.n, "scheme");
    int rc = hy_rules_compile(v.document, NULL, "children", NULL, &v.schema.rules, &err);
    if (rc) print_error("%s: %s\n", text, err.text);
    assert_int_equal(rc, 0);
    v.schema.scheme = scheme ? hy_str_ref(scheme) : str_of("resource");
    v.schema.digest = hy_str_format("%u", number++);
    return v;
}

static inline void version_end(version_t *v) {
    hy_rules_free(v->schema.rules);
    hy_str_unref(v->schema.scheme);
    hy_str_unref(v->schema.digest);
    hy_value_drop(v->document);
}

/* Adds a line to a hy_buf_t. */
static inline void take_place(void *arg, const char *place, const char *what) {
    hy_buf_format(arg, "%s%s%s%s", ((hy_buf_t *)arg)->len > 0 ? "\n" : "", place,
                  *place ? ": " : "", what);
}

#endif
