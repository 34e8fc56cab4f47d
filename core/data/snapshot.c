/* Snapshots: a machine that writes one stage after the other, part by part.
 *
 *      METADATA ─► DATA ─► CHILDREN ─► KEPT ─► MARKS ─► complete
 *
 * Metadata and marks are copied at the beginning. Data is walked with a stack of the nodes that are
 * too large for one pair; its first change meanwhile has the rest of it written at once. Children
 * are walked by the order of their stamps, so that those created later are known by it; one that is
 * about to change or go is written to `kept` before. */
#include "snapshot.h"

#include "../base/json.h"
#include "../base/mem.h"

#define PAIR_BYTES (HY_PART_BYTES / 4) /* a larger node is divided */

typedef enum { METADATA, DATA, CHILDREN, KEPT, MARKS, COMPLETE } stage_t;

/* A node that is told member by member. */
typedef struct {
    const hy_node_t *node;
    uint32_t pos; /* in an object */
    size_t index; /* in an array: of the next */
    hy_str_t *key;
} frame_t;

typedef struct {
    hy_str_t *key; /* of the child */
    hy_str_t *collection, *text;
} kept_t;

struct hy_snapshot {
    hy_link_t link; /* in the object */
    hy_object_t *object;
    hy_children_watch_t watch;
    hy_str_t *epoch, *follows_epoch;
    uint64_t version, follows_version;
    hy_value_t metadata, marks;
    stage_t stage;
    int failure;
    uint32_t pos; /* in metadata, marks, kept */
    frame_t stack[HY_VALUE_DEPTH_MAX + 2];
    uint32_t depth;
    bool is_rooted; /* the data's first pair is written */
    hy_children_place_t place;
    hy_dict_t kept;
    size_t kept_bytes;
    hy_buf_t part;
    stage_t open;        /* section of the part that is open; COMPLETE: none */
    hy_str_t *open_list; /* collection whose list is; NULL: none */
    hy_str_t **parts;
    uint32_t count, room;
    size_t bytes;
};

static hy_value_t lend(hy_node_t *n) {
    return (hy_value_t){.kind = hy_node_kind(n), .as.n = n};
}

/* --- sizes ------------------------------------------------------------------------------------ */

/* Takes the bytes of a value's text off `room`, roughly and from above; stops below 0. */
static void measure(hy_value_t v, int64_t *room) {
    *room -= 32;
    if (v.kind == HY_STR) *room -= (int64_t)v.as.s->len * 2;
    if (!hy_is_node(v)) return;
    uint32_t pos = 0;
    hy_str_t *key;
    hy_value_t inner;
    if (v.kind == HY_ARRAY) {
        for (size_t i = 0; *room >= 0 && i < hy_node_count(v.as.n); i++) {
            measure(hy_node_at(v.as.n, i), room);
        }
        return;
    }
    while (*room >= 0 && hy_node_next(v.as.n, &pos, &key, &inner)) {
        *room -= (int64_t)key->len * 2 + 4;
        measure(inner, room);
    }
}

bool hy_object_is_small(const hy_object_t *o) {
    int64_t room = HY_PART_BYTES;
    hy_children_place_t place = {0};
    const hy_child_t *child;
    measure(lend(o->metadata), &room);
    if (room >= 0) measure(lend(o->data), &room);
    while (room >= 0 && (child = hy_children_behind(o->children, &place))) {
        room -= 128 + child->id->len + child->reporter->len + HY_URL_BYTES_MAX / 16;
        measure(lend(child->data), &room);
    }
    return room >= 0;
}

/* --- parts ------------------------------------------------------------------------------------ */

static void write_position(hy_buf_t *b, const char *name, const hy_str_t *epoch, uint64_t version) {
    hy_buf_text(b, name);
    hy_buf_char(b, '{');
    if (epoch) {
        hy_buf_text(b, "\"epoch\":");
        hy_json_write_str(b, epoch->bytes, epoch->len);
        hy_buf_char(b, ',');
    }
    hy_buf_text(b, "\"version\":");
    hy_buf_int(b, (int64_t)version);
}

static void begin_part(hy_snapshot_t *s) {
    write_position(&s->part, "", s->epoch, s->version);
    if (!s->follows_epoch) return;
    write_position(&s->part, ",\"follows\":", s->follows_epoch, s->follows_version);
    hy_buf_char(&s->part, '}');
}

static void close_section(hy_snapshot_t *s) {
    if (s->open == DATA || s->open_list) hy_buf_char(&s->part, ']');
    if (s->open == CHILDREN || s->open == KEPT || s->open == MARKS) hy_buf_char(&s->part, '}');
    s->open = COMPLETE;
    s->open_list = NULL;
}

/* In front of an entry of that section. */
static void open_section(hy_snapshot_t *s, stage_t section, const char *head) {
    if (s->open == section) {
        hy_buf_char(&s->part, ',');
        return;
    }
    close_section(s);
    hy_buf_text(&s->part, head);
    s->open = section;
}

static int end_part(hy_snapshot_t *s) {
    close_section(s);
    hy_buf_char(&s->part, '}');
    s->bytes += s->part.len;
    if (s->count == HY_PARTS_MAX || s->bytes > HY_PARTS_BYTES_MAX) return HY_ETOO_LARGE;
    if (s->count == s->room) {
        uint32_t room = s->room ? s->room * 2 : 8;
        hy_str_t **parts = hy_realloc(s->parts, room * sizeof(hy_str_t *));
        if (!parts) return HY_ENOMEM;
        s->parts = parts;
        s->room = room;
    }
    hy_str_t *text = hy_buf_take(&s->part);
    if (!text) return HY_ENOMEM;
    s->parts[s->count++] = text;
    return 0;
}

/* --- metadata and marks: members of an object ------------------------------------------------- */

static bool write_member(hy_snapshot_t *s, hy_value_t from) {
    hy_str_t *key;
    hy_value_t v;
    if (!hy_node_next(from.as.n, &s->pos, &key, &v)) return false;
    if (s->stage == MARKS) {
        open_section(s, MARKS, ",\"childMarks\":{");
    } else {
        hy_buf_char(&s->part, ',');
    }
    hy_json_write_str(&s->part, key->bytes, key->len);
    hy_buf_char(&s->part, ':');
    hy_json_write(&s->part, v);
    return true;
}

/* --- data ------------------------------------------------------------------------------------- */

static bool is_large(hy_value_t v) {
    int64_t room = PAIR_BYTES;
    if (!hy_is_node(v) || hy_node_count(v.as.n) == 0) return false;
    measure(v, &room);
    return room < 0;
}

/* As in an update: keys joined by dots, or an array of them. */
static void write_path(hy_snapshot_t *s) {
    bool is_joined = s->depth > 0;
    for (uint32_t i = 0; i < s->depth; i++) {
        const hy_str_t *key = s->stack[i].key;
        if (key && (key->len == 0 || memchr(key->bytes, '.', key->len))) is_joined = false;
    }
    hy_buf_t text, *b = is_joined ? &text : &s->part;
    if (is_joined) {
        hy_buf_init(&text);
    } else {
        hy_buf_char(b, '[');
    }
    for (uint32_t i = 0; i < s->depth; i++) {
        const frame_t *f = &s->stack[i];
        if (i > 0) hy_buf_char(b, is_joined ? '.' : ',');
        if (f->key && is_joined) {
            hy_buf_add(b, f->key->bytes, f->key->len);
        } else if (f->key) {
            hy_json_write_str(b, f->key->bytes, f->key->len);
        } else {
            if (!is_joined) hy_buf_char(b, '"');
            hy_buf_int(b, (int64_t)f->index - 1);
            if (!is_joined) hy_buf_char(b, '"');
        }
    }
    if (!is_joined) {
        hy_buf_char(b, ']');
        return;
    }
    if (text.failed) s->part.failed = true;
    hy_json_write_str(&s->part, text.bytes ? text.bytes : "", text.len);
    hy_buf_deinit(&text);
}

/* The pair of what the stack points at; a large node is entered, and only its kind written. */
static void write_pair(hy_snapshot_t *s, hy_value_t v) {
    open_section(s, DATA, ",\"data\":[");
    hy_buf_char(&s->part, '[');
    write_path(s);
    hy_buf_char(&s->part, ',');
    if (is_large(v)) {
        hy_buf_text(&s->part, v.kind == HY_OBJECT ? "{}" : "[]");
        s->stack[s->depth++] = (frame_t){.node = v.as.n};
    } else {
        hy_json_write(&s->part, v);
    }
    hy_buf_char(&s->part, ']');
}

static bool next_member(frame_t *f, hy_value_t *v) {
    if (hy_node_kind(f->node) == HY_OBJECT) return hy_node_next(f->node, &f->pos, &f->key, v);
    if (f->index == hy_node_count(f->node)) return false;
    *v = hy_node_at(f->node, f->index++);
    return true;
}

static bool write_data(hy_snapshot_t *s) {
    hy_value_t v;
    if (!s->is_rooted) {
        s->is_rooted = true;
        write_pair(s, lend(s->object->data));
        return true;
    }
    while (s->depth > 0) {
        if (next_member(&s->stack[s->depth - 1], &v)) {
            write_pair(s, v);
            return true;
        }
        s->depth--;
    }
    return false;
}

/* --- children --------------------------------------------------------------------------------- */

static void open_list(hy_snapshot_t *s, hy_str_t *collection) {
    if (s->open_list && hy_str_equal(s->open_list, collection)) {
        hy_buf_char(&s->part, ',');
        return;
    }
    if (s->open_list) {
        hy_buf_char(&s->part, ']');
        s->open_list = NULL;
    }
    open_section(s, s->stage, ",\"childrenObjects\":{");
    hy_json_write_str(&s->part, collection->bytes, collection->len);
    hy_buf_text(&s->part, ":[");
    s->open_list = collection;
}

static kept_t *find_kept(hy_snapshot_t *s, hy_child_t *child) {
    return s->kept.count == 0 ? NULL : hy_dict_get(&s->kept, child->key);
}

/* Those created after the freeze are passed over. */
static bool write_child(hy_snapshot_t *s) {
    hy_child_t *child;
    while ((child = hy_children_behind(s->object->children, &s->place))) {
        if (child->order > s->version || find_kept(s, child)) continue;
        open_list(s, child->collection);
        hy_child_write(child, &s->part);
        return true;
    }
    return false;
}

/* A list is opened once in a part. */
static int write_kept(hy_snapshot_t *s, bool *is_done) {
    const kept_t *k = hy_dict_next(&s->kept, &s->pos);
    *is_done = k == NULL;
    if (!k) return 0;
    bool is_other =
        s->open == CHILDREN || (s->open_list && !hy_str_equal(s->open_list, k->collection));
    if (is_other) {
        int rc = end_part(s);
        if (rc < 0) return rc;
        begin_part(s);
    }
    open_list(s, k->collection);
    hy_buf_add(&s->part, k->text->bytes, k->text->len);
    return 0;
}

/* A child is about to change or go. */
static void before_child(void *snapshot, hy_child_t *child) {
    hy_snapshot_t *s = snapshot;
    bool is_wanted = child->order <= s->version && s->stage <= CHILDREN && s->failure == 0;
    if (!is_wanted || hy_children_is_passed(s->object->children, &s->place, child)) return;
    if (find_kept(s, child)) return;
    hy_buf_t text;
    hy_buf_init(&text);
    hy_child_write(child, &text);
    s->kept_bytes += text.len;
    kept_t *k = hy_dict_put(&s->kept, child->key, NULL);
    if (k) {
        k->collection = hy_str_ref(child->collection);
        k->text = hy_buf_take(&text);
    }
    hy_buf_deinit(&text);
    if (!k || !k->text) s->failure = HY_ENOMEM;
    if (s->kept_bytes > HY_SNAPSHOT_KEPT_BYTES_MAX) s->failure = HY_EFULL;
}

/* --- stages ----------------------------------------------------------------------------------- */

/* It does not need the object any more. */
static void let_go(hy_snapshot_t *s) {
    hy_list_remove(&s->link);
    hy_list_remove(&s->watch.link);
    s->object = NULL;
}

/* One entry; at the end of a stage the next one begins. */
static int write_entry(hy_snapshot_t *s) {
    bool is_done = false;
    int rc = 0;
    switch (s->stage) {
    case METADATA:
        is_done = !write_member(s, s->metadata);
        break;
    case DATA:
        is_done = !write_data(s);
        break;
    case CHILDREN:
        is_done = !write_child(s);
        break;
    case KEPT:
        rc = write_kept(s, &is_done);
        break;
    case MARKS:
        is_done = !write_member(s, s->marks);
        break;
    case COMPLETE:
        break;
    }
    if (!is_done) return rc;
    s->stage++;
    s->pos = 0;
    return rc;
}

static int write_part(hy_snapshot_t *s, stage_t until) {
    begin_part(s);
    while (s->stage < until && s->part.len < HY_PART_BYTES && !s->part.failed) {
        int rc = write_entry(s);
        if (rc < 0) return rc;
    }
    return end_part(s);
}

int hy_snapshot_step(hy_snapshot_t *s) {
    if (s->failure < 0) return s->failure;
    if (s->stage == COMPLETE) return 0;
    s->failure = write_part(s, COMPLETE);
    if (s->failure < 0 || s->stage == COMPLETE) let_go(s);
    return s->failure < 0 ? s->failure : s->stage < COMPLETE;
}

void hy__object_touch(hy_object_t *o) {
    for (hy_link_t *l = o->snapshots.next; l != &o->snapshots; l = l->next) {
        hy_snapshot_t *s = hy_link_owner(l, hy_snapshot_t, link);
        while (s->stage <= DATA && s->failure == 0) {
            s->failure = write_part(s, CHILDREN);
        }
    }
}

void hy__snapshots_fail(hy_object_t *o) {
    while (!hy_list_is_empty(&o->snapshots)) {
        hy_snapshot_t *s = hy_link_owner(o->snapshots.next, hy_snapshot_t, link);
        if (s->failure == 0) s->failure = HY_ECLOSED;
        let_go(s);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static int copy(hy_object_t *o, hy_snapshot_t *s) {
    hy_str_t *key;
    hy_value_t v, inner;
    s->metadata = hy_node_value(hy_node_new(HY_OBJECT));
    int rc = s->metadata.kind == HY_OBJECT ? 0 : HY_ENOMEM;
    for (uint32_t pos = 0; rc == 0 && hy_node_next(hy_object_metadata(o), &pos, &key, &v);) {
        if (!hy_object_is_metadata(key)) continue;
        rc = hy_value_copy(v, &inner);
        if (rc == 0) rc = hy_node_set(s->metadata.as.n, key, inner, NULL);
    }
    return rc < 0 ? rc : hy_marks_write(hy_children_marks(o->children), &s->marks);
}

int hy_snapshot_new(hy_object_t *o, hy_snapshot_t **out) {
    hy_snapshot_t *s = hy_alloc_zero(sizeof *s);
    if (!s) return HY_ENOMEM;
    hy_link_init(&s->link);
    hy_link_init(&s->watch.link);
    hy_dict_init(&s->kept, sizeof(kept_t));
    hy_buf_init(&s->part);
    s->open = COMPLETE;
    int rc = copy(o, s);
    if (rc < 0) {
        hy_snapshot_free(s);
        return rc;
    }
    s->object = o;
    s->epoch = o->epoch ? hy_str_ref(o->epoch) : NULL;
    s->follows_epoch = o->follows_epoch ? hy_str_ref(o->follows_epoch) : NULL;
    s->version = o->version;
    s->follows_version = o->follows_version;
    s->watch.before = before_child;
    s->watch.arg = s;
    hy_list_append(&o->snapshots, &s->link);
    hy_children_watch(o->children, &s->watch);
    *out = s;
    return 0;
}

void hy_snapshot_free(hy_snapshot_t *s) {
    if (!s) return;
    let_go(s);
    const kept_t *k;
    for (uint32_t pos = 0; (k = hy_dict_next(&s->kept, &pos));) {
        hy_str_unref(k->collection);
        hy_str_unref(k->text);
    }
    hy_dict_deinit(&s->kept);
    for (uint32_t i = 0; i < s->count; i++) {
        hy_str_unref(s->parts[i]);
    }
    hy_free(s->parts);
    hy_buf_deinit(&s->part);
    hy_value_drop(s->metadata);
    hy_value_drop(s->marks);
    hy_str_unref(s->epoch);
    hy_str_unref(s->follows_epoch);
    hy_free(s);
}

bool hy_snapshot_is_complete(const hy_snapshot_t *s) {
    return s->stage == COMPLETE && s->failure == 0;
}
uint32_t hy_snapshot_count(const hy_snapshot_t *s) {
    return s->count;
}
hy_str_t *hy_snapshot_part(const hy_snapshot_t *s, uint32_t i) {
    return s->parts[i];
}
hy_str_t *hy_snapshot_epoch(const hy_snapshot_t *s) {
    return s->epoch;
}
uint64_t hy_snapshot_version(const hy_snapshot_t *s) {
    return s->version;
}
