/* Objects: nodes whose content is a dictionary of fields. */
#include "node.h"

_Static_assert(HY_ABSENT == 0, "a new field is zeroed");

static void adopt(hy_node_t *n, const hy__field_t *field) {
    if (!hy_is_node(field->value)) return;
    field->value.as.n->parent = n;
    field->value.as.n->in.key = field->key;
}

void hy__object_clear(hy_node_t *n, hy_node_t **dead) {
    uint32_t pos = 0;
    hy__field_t *field;
    while ((field = hy_dict_next(&n->as.fields, &pos)))
        hy__value_release(field->value, dead);
    hy_dict_deinit(&n->as.fields);
}

static hy_value_t value_of(const hy__field_t *field) {
    return field ? field->value : hy_absent();
}

hy_value_t hy_node_get(const hy_node_t *n, const char *key, size_t len) {
    if (n->kind != HY_OBJECT) return hy_absent();
    return value_of(hy_dict_find(&n->as.fields, key, len, 0));
}

hy_value_t hy_node_find(const hy_node_t *n, hy_str_t *key) {
    if (n->kind != HY_OBJECT) return hy_absent();
    return value_of(hy_dict_get(&n->as.fields, key));
}

int hy_node_set(hy_node_t *n, hy_str_t *key, hy_value_t v, hy_value_t *old) {
    hy__field_t *field = NULL;
    int rc = n->kind == HY_OBJECT ? hy__value_admit(n, v) : HY_EINVALID;
    if (rc == 0 && !(field = hy_dict_put(&n->as.fields, key, NULL))) rc = HY_ENOMEM;
    if (rc) {
        hy_value_drop(v);
        return rc;
    }
    hy_value_t before = field->value; /* ABSENT, which is 0, in a new field */
    field->value = v;
    adopt(n, field);
    hy__value_give(before, old);
    return 0;
}

int hy__object_add(hy_node_t *n, hy_str_t *key, hy_value_t v) {
    hy__field_t *field = NULL;
    int rc = hy__value_admit(n, v);
    if (rc == 0 && !(field = hy_dict_add(&n->as.fields, key))) rc = HY_ENOMEM;
    if (rc) {
        hy_value_drop(v);
        return rc;
    }
    field->value = v;
    adopt(n, field);
    return 0;
}

int hy_node_unset(hy_node_t *n, hy_str_t *key, hy_value_t *old) {
    if (n->kind != HY_OBJECT) return HY_EINVALID;
    hy__field_t *field = hy_dict_get(&n->as.fields, key);
    if (!field) return HY_ENOT_FOUND;
    hy_value_t before = field->value;
    hy_dict_remove(&n->as.fields, field); /* the key may be gone from here on */
    hy__value_give(before, old);
    return 0;
}

bool hy_node_next(const hy_node_t *n, uint32_t *pos, hy_str_t **key, hy_value_t *v) {
    if (n->kind != HY_OBJECT) return false;
    const hy__field_t *field = hy_dict_next(&n->as.fields, pos);
    if (!field) return false;
    if (key) *key = field->key;
    if (v) *v = field->value;
    return true;
}

bool hy_node_seek(const hy_node_t *n, const char *key, size_t len, uint32_t *pos) {
    if (n->kind != HY_OBJECT) return false;
    const hy__field_t *field = hy_dict_find(&n->as.fields, key, len, 0);
    if (!field) return false;
    *pos = hy_dict_after(&n->as.fields, field);
    return true;
}
