/* The entries of the domain registry: kept, indexed, expiring (entries.c), looked up (lookup.c) and
 * watched (watches.c). Only the files of the registry use it, and who writes, lists or delivers
 * what is theirs. */
#ifndef HY_NODE_ENTRIES_H
#define HY_NODE_ENTRIES_H

#include "internal.h"

typedef enum { HY__HYPERTY, HY__DATA_OBJECT, HY__TYPES } hy__type_t;

/* name, key in the entry. Of a list each text counts, but not more than HY_REGISTRY_KEYS_MAX of all
 * fields. Schemas go by the last segment of their URL, as everywhere; a hyperty's are in "schemas".
 * The identifier is the last segment of the entry's own URL. */
#define HY__FIELD_MAP(X)                                                                           \
    X(USER, "user")                                                                                \
    X(NAME, "name")                                                                                \
    X(SCHEMA, "schema")                                                                            \
    X(REPORTER, "reporter")                                                                        \
    X(RESOURCES, "resources")                                                                      \
    X(IDENTIFIER, "")

typedef enum {
#define X(name, key) HY__BY_##name,
    HY__FIELD_MAP(X)
#undef X
        HY__FIELDS
} hy__field_t;

/* All entries of one type that have the same value in one field, and who watches for such. */
typedef struct {
    hy_str_t *key;
    hy_link_t entries; /* of hy__key_t */
    hy_link_t watches; /* watches.c */
} hy__bucket_t;

/* An entry's place in one of its buckets. */
typedef struct {
    hy_link_t link;
    hy__bucket_t *bucket;
    hy__entry_t *entry;
    hy__field_t field;
} hy__key_t;

struct hy__entry {
    hy_node_server_t *server;
    hy_str_t *url;
    hy__type_t type;
    hy_node_t *value; /* what a reader gets; its "status" is kept right */
    size_t bytes;     /* of that as text */
    size_t cost;      /* memory, roughly */
    bool is_live;
    bool is_lapsed;      /* not live because it was left, not because its holder said so */
    bool is_kept;        /* its row in the store is right */
    uint64_t expires_ms; /* 0: never */
    hy_timer_t timer;
    hy_session_t *session; /* that keeps it alive and is charged for it, NULL: it was left */
    hy_link_t link;        /* in that session's entries, or among those without session */
    hy__key_t *keys;
    uint32_t key_count;
};

struct hy__registry {
    hy_dict_t entries; /* of hy__slot_t */
    hy_dict_t index[HY__TYPES][HY__FIELDS];
    hy_link_t left; /* entries without session, longest first; they make room for others */
    size_t bytes;
    hy_link_t watches[HY__TYPES]; /* that no field narrows */
};

/* False if the word is no type, no field. */
bool hy__type_find(const char *word, size_t len, hy__type_t *out);
bool hy__field_find(const char *word, size_t len, hy__field_t *out);

hy__entry_t *hy__entry_find(const hy__registry_t *r, const char *url, size_t len);
/* NULL if there is none; made if missing, NULL when out of memory. */
hy__bucket_t *hy__bucket_find(const hy__registry_t *r, hy__type_t type, hy__field_t field,
                              const char *key, size_t len);
hy__bucket_t *hy__bucket_open(hy__registry_t *r, hy__type_t type, hy__field_t field, hy_str_t *key);
/* Frees it if nothing is left in it. */
void hy__bucket_tidy(hy__registry_t *r, hy__type_t type, hy__field_t field, hy__bucket_t *b);
/* The part of a schema's name or URL that it goes by. */
hy_span_t hy__schema_word(const char *schema, size_t len);

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
/* Sets the status, and publishes it if it changes. Who watches is told by the caller (watches.c).
 */
void hy__entry_set_live(hy__entry_t *e, bool is_live, bool is_lapsed);

/* --- lookup.c --------------------------------------------------------------------------------- */

/* What is looked through: one entry, a bucket of them, or all. */
typedef struct {
    hy__entry_t *one;
    const hy__bucket_t *many;
    const hy_dict_t *all;
} hy__found_t;

/* Where a walk is; zeroed at first. */
typedef struct {
    const hy_link_t *link;
    uint32_t pos;
    bool is_done;
} hy__walk_t;

/* What R names: a URL, /<type>/<identifier>, /<type>/url/<URL>, or /<type>/<field>/<value>.
 * HY_EINVALID. */
int hy__found_by(const hy_node_server_t *n, const hy_str_t *resource, hy__found_t *out,
                 hy_error_t *err);
hy__entry_t *hy__found_next(const hy__found_t *f, hy__walk_t *walk); /* NULL at the end */

/* The `criteria` of a request; *out NULL: none. HY_EINVALID, HY_ETOO_LARGE. */
int hy__criteria_of(const hy_node_t *body, hy_node_t **out, hy_error_t *err);
/* True if the entry has all that is asked for, field by field: a list has what is one of it, and a
 * list asks for each. `schema` goes by its word, of an object's schema or one of a hyperty's. */
bool hy__criteria_match(const hy_node_t *criteria, const hy__entry_t *e);

/* What an answer holds: those that are live first, then as many of the others as fit. */
typedef struct {
    hy_node_t *list; /* the caller's */
    bool any_live, is_complete;
} hy__collection_t;

/* HY_ETOO_LARGE: those that match and are live are too many for one message. HY_ENOMEM. */
int hy__entries_collect(const hy__found_t *found, uint32_t count, const hy_node_t *criteria,
                        hy__collection_t *out, hy_error_t *err);

/* --- watches.c -------------------------------------------------------------------------------- */

void hy__watches_init(hy__registry_t *r);
void hy__watches_leave(hy_session_t *s); /* all of it end */
/* `subscribe` and `unsubscribe` of the registry. */
void hy__serve_watch(hy_session_t *s, hy_msg_t *m);

/* Around all that one request, or one event of the node, changes of an entry: afterwards those who
 * watch are told what has become of it. */
typedef struct {
    hy_link_t watches; /* that it matched before, then also those that it matches now */
    hy_node_t *value;  /* what it is, or was last; NULL: there was none */
    bool was_live, is_live;
} hy__watched_t;

/* `e` NULL: there is none yet; none any more. */
void hy__watched_begin(const hy__entry_t *e, hy__watched_t *change);
void hy__watched_end(const hy__entry_t *e, hy__watched_t *change);

/* For who cannot deliver: true if the message tells a watch of an entry; *id gets which one. */
bool hy__watch_has(const hy_session_t *s, hy_msg_t *m, int64_t *id);
hy__watch_t *hy__watch_find(const hy_session_t *s, int64_t id); /* NULL: it has ended */
/* It is told nothing more until it is subscribed again: the message that tells it so. NULL when out
 * of memory. */
hy_msg_t *hy__watch_lose(hy__watch_t *w);
bool hy__watch_is_lost(const hy__watch_t *w);

#endif
