/* Whether a whole object fits a schema: its data, and each of its children. */
#include "object.h"

static int fail_child(int code, const hy_str_t *collection, const hy_str_t *id, const char *why,
                      hy_error_t *err) {
    return hy_fail(err, code, "%s %s: %s", collection->bytes, id ? id->bytes : "(no id)", why);
}

static int check_child(const hy_schema_t *schema, const hy_str_t *collection, const hy_str_t *id,
                       hy_value_t data, hy_error_t *err) {
    hy_error_t why = {.text = ""};
    int rc = hy_schema_check(schema, collection, data, &why);
    return rc < 0 ? fail_child(rc, collection, id, why.text, err) : 0;
}

int hy_object_check_fit(const hy_object_t *o, const hy_schema_t *schema, hy_error_t *err) {
    hy_value_t data = {.kind = hy_node_kind(o->data), .as.n = o->data};
    int rc = hy_schema_check(schema, NULL, data, err);
    for (uint32_t i = 0; rc == 0 && schema && i < schema->collection_count; i++) {
        const hy_child_t *child;
        if (!schema->child_rules[i]) continue;
        for (size_t pos = 0;
             rc == 0 && (child = hy_children_next(o->children, schema->collections[i], &pos));) {
            hy_value_t v = {.kind = hy_node_kind(child->data), .as.n = child->data};
            if (child->state != HY_CHILD_KEPT) continue;
            rc = check_child(schema, child->collection, child->id, v, err);
        }
    }
    return rc;
}

/* A list of childrenObjects; what is malformed in it is found by who takes it. */
static int check_list(const hy_schema_t *schema, const hy_str_t *collection, const hy_node_t *list,
                      hy_error_t *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < hy_node_count(list); i++) {
        hy_value_t at = hy_node_at(list, i);
        const hy_node_t *entry = at.kind == HY_OBJECT ? at.as.n : NULL;
        hy_value_t data = hy_get(hy_get_object(entry, "value"), "data");
        if (data.kind == HY_ABSENT) continue;
        rc = check_child(schema, collection, hy_get_str(entry, "resource"), data, err);
    }
    return rc;
}

int hy_object_check_whole_fit(const hy_node_t *whole, const hy_schema_t *schema, hy_error_t *err) {
    const hy_node_t *objects = hy_get_object(whole, "childrenObjects");
    int rc = hy_schema_check(schema, NULL, hy_get(whole, "data"), err);
    for (uint32_t i = 0; rc == 0 && schema && i < schema->collection_count; i++) {
        hy_str_t *name = schema->collections[i];
        hy_value_t list = objects ? hy_node_find(objects, name) : hy_absent();
        if (schema->child_rules[i] && list.kind == HY_ARRAY)
            rc = check_list(schema, name, list.as.n, err);
    }
    return rc;
}
