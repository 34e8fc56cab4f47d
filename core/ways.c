/* Reading of ways: the text is cut into URLs, the URLs are gathered by domain, each domain gets a
 * connector. */
#include "ways.h"
#include "base/mem.h"
#include "bus/address.h"

#include <string.h>

static const char SEPARATORS[] = " ,\t\n";

typedef struct {
    const char *domain; /* NULL: the own one */
    const char *urls[HY_CONNECTOR_URLS_MAX];
    uint32_t count;
} group_t;

typedef struct {
    group_t list[HY_WAYS_MAX]; /* the first is that of the own domain, maybe empty */
    uint32_t count;
} groups_t;

static bool is_domain(const char *text) {
    char url[HY_DOMAIN_BYTES_MAX + 16] = "domain://";
    hy_address_t parts;
    size_t len = strlen(text);
    if (len == 0 || len > HY_DOMAIN_BYTES_MAX) return false;
    memcpy(url + strlen(url), text, len + 1);
    return hy_address_parse(url, strlen(url), &parts, NULL) == 0 && parts.domain.len == len &&
           parts.path.len == 0;
}

/* Cuts "DOMAIN=URL"; what is before the scheme is the domain, "=" in a path is none. */
static char *cut_domain(char *item, const char **domain) {
    char *equals = strchr(item, '='), *scheme = strstr(item, "://");
    *domain = NULL;
    if (!equals || (scheme && scheme < equals)) return item;
    *equals = '\0';
    *domain = item;
    return equals + 1;
}

static group_t *group_of(groups_t *groups, const char *domain, hy_error_t *err) {
    if (!domain) return &groups->list[0];
    for (uint32_t i = 1; i < groups->count; i++) {
        if (strcmp(groups->list[i].domain, domain) == 0) return &groups->list[i];
    }
    if (groups->count == HY_WAYS_MAX) {
        hy_fail(err, HY_EFULL, "nodes of more than %u domains", HY_WAYS_MAX);
        return NULL;
    }
    group_t *group = &groups->list[groups->count++];
    *group = (group_t){.domain = domain};
    return group;
}

static int add(groups_t *groups, char *item, const char *own, hy_error_t *err) {
    const char *domain;
    const char *url = cut_domain(item, &domain);
    if (domain && !is_domain(domain)) {
        return hy_fail(err, HY_EINVALID,
                       "\"%s\" is no domain name; write a node of another domain as "
                       "example.com=URL",
                       domain);
    }
    if (domain && strcmp(domain, own) == 0) domain = NULL;
    group_t *group = group_of(groups, domain, err);
    if (!group) return HY_EFULL;
    if (group->count == HY_CONNECTOR_URLS_MAX) {
        return hy_fail(err, HY_EFULL, "more than %u nodes of the domain %s", HY_CONNECTOR_URLS_MAX,
                       domain ? domain : own);
    }
    group->urls[group->count++] = url;
    return 0;
}

static int open_group(hy_ways_t *ways, const group_t *group, hy_sockets_t *sockets,
                      hy_error_t *err) {
    if (group->count == 0) return 0;
    hy_connector_t *connector;
    int rc = hy_socket_connector(sockets, group->urls, group->count, &connector, err);
    if (rc == 0) ways->list[ways->count++] = (hy_way_t){group->domain, connector};
    return rc;
}

static int open_groups(hy_ways_t *ways, const groups_t *groups, hy_sockets_t *sockets,
                       hy_error_t *err) {
    int rc = 0;
    for (uint32_t i = 0; i < groups->count && rc == 0; i++)
        rc = open_group(ways, &groups->list[i], sockets, err);
    if (rc == 0) return 0;
    while (ways->count > 0) {
        hy_connector_t *connector = ways->list[--ways->count].connector;
        connector->free(connector);
    }
    return rc;
}

int hy_ways_open(hy_ways_t *ways, const char *text, const char *own, hy_sockets_t *sockets,
                 hy_error_t *err) {
    groups_t groups = {.count = 1};
    size_t size = strlen(text) + 1;
    ways->text = hy_alloc(size);
    if (!ways->text) return hy_fail(err, HY_ENOMEM, "out of memory");
    memcpy(ways->text, text, size);
    char *rest = ways->text;
    bool is_empty = true;
    for (char *item; (item = strsep(&rest, SEPARATORS));) {
        if (!*item) continue;
        is_empty = false;
        int rc = add(&groups, item, own ? own : "localhost", err);
        if (rc) return rc;
    }
    if (is_empty)
        return hy_fail(err, HY_EINVALID, "no URL of a node; write one like ws://127.0.0.1:9090/ws");
    return open_groups(ways, &groups, sockets, err);
}

void hy_ways_release(hy_ways_t *ways) {
    hy_free(ways->text);
    *ways = (hy_ways_t){.count = 0};
}
