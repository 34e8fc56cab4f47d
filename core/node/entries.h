/* The entries of the domain registry: kept, indexed, expiring. Only registry.c uses it. */
#ifndef HY_NODE_ENTRIES_H
#define HY_NODE_ENTRIES_H

#include "internal.h"

typedef enum { HY__HYPERTY, HY__DATA_OBJECT, HY__TYPES } hy__type_t;

/* name, key in the entry (the identifier is the last segment of its URL) */
#define HY__FIELD_MAP(X)                                                                           \
    X(USER, "user")                                                                                \
    X(NAME, "name")                                                                                \
    X(SCHEMA, "schema")                                                                            \
    X(REPORTER, "reporter")                                                                        \
    X(IDENTIFIER, "")

typedef enum {
#define X(name, key) HY__BY_##name,
    HY__FIELD_MAP(X)
#undef X
        HY__FIELDS
} hy__field_t;

/* All entries of one type that have the same value in one field. */
typedef struct {
    hy_str_t *key;
    hy_link_t entries;
} hy__bucket_t;

struct hy__entry {
    hy_node_server_t *server;
    hy_str_t *url;
    hy__type_t type;
    hy_node_t *value; /* what a reader gets; its "status" is kept right */
    size_t bytes;     /* of that as text */
    bool is_live;
    bool is_lapsed;      /* not live because it was left, not because its holder said so */
    bool is_kept;        /* its row in the store is right */
    uint64_t expires_ms; /* 0: never */
    hy_timer_t timer;
    hy_session_t *session; /* that keeps it alive and is charged for it, NULL: it was left */
    hy_link_t link;        /* in that session's entries, or among those without session */
    hy__bucket_t *buckets[HY__FIELDS];
    hy_link_t links[HY__FIELDS];
};

struct hy__registry {
    hy_dict_t entries; /* of hy__slot_t */
    hy_dict_t index[HY__TYPES][HY__FIELDS];
    hy_link_t left; /* entries without session, longest first; they make room for others */
    size_t bytes;
};

/* False if the word is no type, no field. */
bool hy__type_find(const char *word, size_t len, hy__type_t *out);
bool hy__field_find(const char *word, size_t len, hy__field_t *out);

hy__entry_t *hy__entry_find(const hy__registry_t *r, const char *url, size_t len);
const hy__bucket_t *hy__bucket_find(const hy__registry_t *r, hy__type_t type, hy__field_t field,
                                    const char *key, size_t len);
static inline hy__entry_t *hy__bucket_entry(hy_link_t *link, hy__field_t field) {
    return (hy__entry_t *)((char *)link - offsetof(hy__entry_t, links) -
                           (size_t)field * sizeof(hy_link_t));
}

/* Makes or replaces the entry of a URL, as live; `value` (an object) is taken over, also on
 * failure. HY_ETOO_LARGE, HY_EFULL, HY_ENOMEM. */
int hy__entry_put(hy_session_t *s, hy_str_t *url, hy__type_t type, hy_node_t *value,
                  hy__entry_t **out, hy_error_t *err);
/* Gives it another value, taken over, also on failure; for the session that will keep it alive. */
int hy__entry_change(hy__entry_t *e, const hy_session_t *s, hy_node_t *value, hy_error_t *err);
/* As it was in an earlier life of the node; `s` NULL: it was left. `value` is taken over. */
int hy__entry_restore(hy_node_server_t *n, hy_session_t *s, hy_str_t *url, hy__type_t type,
                      hy_node_t *value, uint64_t expires_ms, bool is_lapsed);
/* Its `expires` in milliseconds, 0: never (registry.c). */
int hy__entry_expires(const hy_node_t *value, uint64_t *ms, hy_error_t *err);
void hy__entry_drop(hy__entry_t *e);
/* The session keeps it alive for another `expires_ms`. */
int hy__entry_touch(hy__entry_t *e, hy_session_t *s, uint64_t expires_ms, hy_error_t *err);
/* Sets the status, and publishes it if it changes. */
void hy__entry_set_live(hy__entry_t *e, bool is_live, bool is_lapsed);

#endif
