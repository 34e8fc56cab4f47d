/* A table with one place for each hash: what comes later takes the place. So it neither grows nor
 * has to be tidied, and a name costs one look. */
#include "names.h"

#include "../base/mem.h"

struct hy_names {
    hy_str_t *known[HY_NAMES_MAX];
};
_Static_assert((HY_NAMES_MAX & (HY_NAMES_MAX - 1)) == 0, "a power of two");

hy_names_t *hy_names_new(void) {
    return hy_alloc_zero(sizeof(hy_names_t));
}

void hy_names_free(hy_names_t *n) {
    if (!n) return;
    for (size_t i = 0; i < HY_NAMES_MAX; i++)
        hy_str_unref(n->known[i]);
    hy_free(n);
}

static int make(const char *bytes, size_t len, hy_str_t **out, hy_error_t *err) {
    hy_address_t parts;
    int rc = hy_address_parse(bytes, len, &parts, err);
    if (rc < 0) return rc;
    hy_str_t *s = hy_str_new(bytes, len);
    if (!s) return hy_fail(err, HY_ENOMEM, "out of memory for an address");
    *out = s;
    return 0;
}

int hy_names_get(hy_names_t *n, const char *bytes, size_t len, hy_str_t **out, hy_error_t *err) {
    if (!n || len > HY_NAME_KEPT_BYTES_MAX) return make(bytes, len, out, err);
    uint32_t hash = hy_hash(bytes, len);
    hy_str_t **place = &n->known[hash & (HY_NAMES_MAX - 1)], *s = *place;
    if (!s || s->len != len || memcmp(s->bytes, bytes, len) != 0) {
        int rc = make(bytes, len, &s, err);
        if (rc < 0) return rc;
        s->hash = hash;
        hy_str_unref(*place);
        *place = s;
    }
    *out = hy_str_ref(s);
    return 0;
}
