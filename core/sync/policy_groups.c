/* Groups: who is in which. Members that end in "*" are gone through, the others found. */
#include "../base/mem.h"
#include "policy_private.h"

typedef struct {
    hy_str_t *key; /* URL, or the beginning of one with "*" behind it */
} member_t;

static hy__group_t *find(const hy_policy_t *p, const hy_str_t *name) {
    return hy_dict_find(&p->groups, name->bytes, name->len, hy_hash(name->bytes, name->len));
}

static bool has_star(const hy_str_t *url) {
    return url->len > 0 && url->bytes[url->len - 1] == '*';
}

static bool is_of(const hy_str_t *member, const char *scheme) {
    size_t len = strlen(scheme);
    return member->len > len && memcmp(member->bytes, scheme, len) == 0;
}

static int check_name(const hy_str_t *name, hy_error_t *err) {
    if (name->len == 0 || name->len > HY_NAME_BYTES_MAX || strlen(name->bytes) != name->len)
        return hy_fail(err, HY_EINVALID, "groups: a name has 1 to %u characters",
                       HY_NAME_BYTES_MAX);
    return 0;
}

static int check_member(const hy_str_t *group, const hy_str_t *member, hy_error_t *err) {
    bool is_url = is_of(member, "user://") || is_of(member, "hyperty://");
    const char *star = strchr(member->bytes, '*');
    if (!is_url || strlen(member->bytes) != member->len || member->len > HY_URL_BYTES_MAX)
        return hy_fail(err, HY_EINVALID,
                       "groups: %s: \"%s\" is no URL of a user (user://…) or hyperty (hyperty://…)",
                       group->bytes, member->bytes);
    if (star && star[1])
        return hy_fail(err, HY_EINVALID, "groups: %s: \"%s\": * stands for the rest at the end",
                       group->bytes, member->bytes);
    return 0;
}

static hy__group_t *put(hy_policy_t *p, hy_str_t *name, hy_error_t *err) {
    hy__group_t *g = find(p, name);
    if (g) return g;
    if (p->groups.count >= HY_GROUPS_MAX) {
        hy_fail(err, HY_EFULL, "groups: there are %u already", HY_GROUPS_MAX);
        return NULL;
    }
    g = hy_dict_add(&p->groups, name);
    if (g) hy_dict_init(&g->members, sizeof(member_t));
    if (!g) hy_fail(err, HY_ENOMEM, "groups: out of memory");
    return g;
}

int hy_policy_group_add(hy_policy_t *p, hy_str_t *group, hy_str_t *member, hy_error_t *err) {
    hy_error_t why = {.code = 0};
    int rc = check_name(group, err);
    if (rc == 0 && member) rc = check_member(group, member, err);
    if (rc < 0) return rc;
    hy__group_t *g = put(p, group, &why);
    if (!g) return hy_fail(err, why.code, "%s", why.text);
    if (!member) return 0;
    if (!hy_dict_get(&g->members, member) && g->members.count >= HY_GROUP_MEMBERS_MAX)
        return hy_fail(err, HY_EFULL, "groups: %s has %u members already", group->bytes,
                       HY_GROUP_MEMBERS_MAX);
    bool is_new;
    if (!hy_dict_put(&g->members, member, &is_new))
        return hy_fail(err, HY_ENOMEM, "groups: out of memory");
    if (is_new && has_star(member)) g->stars++;
    return 0;
}

static member_t *find_member(const hy__group_t *g, const hy_str_t *url) {
    return hy_dict_find(&g->members, url->bytes, url->len, hy_hash(url->bytes, url->len));
}

void hy_policy_group_remove(hy_policy_t *p, const hy_str_t *group, const hy_str_t *member) {
    hy__group_t *g = find(p, group);
    member_t *m = g ? find_member(g, member) : NULL;
    if (!m) return;
    if (has_star(member)) g->stars--;
    hy_dict_remove(&g->members, m);
}

bool hy_policy_has_group(const hy_policy_t *p, const hy_str_t *group) {
    return find(p, group) != NULL;
}

static bool is_member(const hy__group_t *g, const hy_str_t *url) {
    const member_t *m;
    if (!url) return false;
    if (find_member(g, url)) return true;
    for (uint32_t pos = 0; g->stars > 0 && (m = hy_dict_next(&g->members, &pos));) {
        if (has_star(m->key) && hy__policy_matches(m->key, url)) return true;
    }
    return false;
}

bool hy_policy_in_group(const hy_policy_t *p, const hy_str_t *group, const hy_str_t *source,
                        const hy_str_t *user) {
    const hy__group_t *g = find(p, group);
    return g && (is_member(g, source) || is_member(g, user));
}

/* --- for the prompt --------------------------------------------------------------------------- */

static int list_members(const hy__group_t *g, hy_node_t *list) {
    const member_t *m;
    int rc = list ? 0 : HY_ENOMEM;
    for (uint32_t pos = 0; rc == 0 && (m = hy_dict_next(&g->members, &pos));) {
        rc = hy_node_insert(list, hy_node_count(list), hy_string(hy_str_ref(m->key)));
    }
    return rc;
}

int hy_policy_groups(const hy_policy_t *p, hy_value_t *out) {
    hy_node_t *groups = hy_node_new(HY_OBJECT);
    const hy__group_t *g;
    int rc = groups ? 0 : HY_ENOMEM;
    for (uint32_t pos = 0; rc == 0 && (g = hy_dict_next(&p->groups, &pos));) {
        hy_node_t *list = hy_node_new(HY_ARRAY);
        rc = list_members(g, list);
        if (rc == 0) {
            rc = hy_node_set(groups, g->key, hy_node_value(list), NULL);
        } else if (list) {
            hy_node_unref(list);
        }
    }
    if (rc == 0) {
        *out = hy_node_value(groups);
    } else if (groups) {
        hy_node_unref(groups);
    }
    return rc;
}

void hy__groups_free(hy_policy_t *p) {
    hy__group_t *g;
    for (uint32_t pos = 0; (g = hy_dict_next(&p->groups, &pos));) {
        hy_dict_deinit(&g->members);
    }
    hy_dict_deinit(&p->groups);
}
