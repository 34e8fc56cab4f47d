/* Answers to reads and subscriptions (answering.h). A frozen state is shared by all who read while
 * the history still leads on from it, so many may come at once; it stays a while after its last
 * reader, who may ask for a part that was lost. Between two slices, and between two parts of one
 * reader, the loop turns: other objects go on. */
#include "answering.h"

#include "../base/json.h"
#include "../base/mem.h"
#include "../data/snapshot.h"

typedef struct {
    hy_link_t link; /* in the frozen state */
    hy_msg_t *request;
    hy_str_t *hyperty, *admission;
    const hy_schema_t *schema;       /* whose document goes with the first part; NULL: none */
    uint32_t next, end;              /* parts from … to before; or, */
    uint32_t wanted[HY_PARTS_AHEAD]; /* if it asks for these: indices into this list */
    bool is_choosy;
} reader_t;

struct hy_frozen {
    hy_link_t link;       /* in the reporter */
    hy_link_t in_manager; /* by age */
    hy_reporter_t *reporter;
    hy_snapshot_t *snapshot;
    hy_link_t readers;
    uint32_t reader_count;
    hy_timer_t timer;
    uint64_t beat_ms; /* when the readers were last told to wait */
};

static hy_bus_t *bus_of(const hy_reporter_t *r) {
    return r->party.syncher->manager->bus;
}

/* --- a part as a message ---------------------------------------------------------------------- */

typedef struct {
    hy_payload_t payload;
    int code;
    uint32_t part, count;
    uint64_t head; /* the object's version by now; 0: the part's */
    hy_str_t *text, *admission;
    const hy_schema_t *schema; /* NULL: none goes along */
} part_t;

static void part_write(const hy_payload_t *p, hy_buf_t *b) {
    const part_t *part = (const part_t *)p;
    hy_buf_format(b, "{\"code\":%d,\"part\":%u,\"responses\":%u,", part->code, part->part,
                  part->count);
    if (part->head) hy_buf_format(b, "\"head\":%llu,", (unsigned long long)part->head);
    hy_buf_text(b, "\"value\":");
    hy_buf_add(b, part->text->bytes, part->text->len);
    hy_json_write_text(b, ",\"admission\":", part->admission);
    if (part->schema) {
        hy_buf_text(b, ",\"dataschema\":");
        hy_json_write(b, (hy_value_t){.kind = HY_OBJECT, .as.n = part->schema->document});
    }
    hy_buf_char(b, '}');
}

static void part_free(hy_payload_t *p) {
    hy_str_unref(((part_t *)p)->text);
    hy_str_unref(((part_t *)p)->admission);
    hy_free(p);
}

static size_t part_bytes(const hy_payload_t *p) {
    const part_t *part = (const part_t *)p;
    return sizeof *part + part->text->len + (part->schema ? HY_SCHEMA_BYTES_MAX : 0);
}

static const hy_payload_ops_t part_payload = {.name = "part",
                                              .to_value = hy_payload_to_value,
                                              .write = part_write,
                                              .free = part_free,
                                              .bytes = part_bytes};

static int send_part(const hy_frozen_t *f, const reader_t *reader, uint32_t i, bool is_last) {
    const hy_object_t *o = f->reporter->party.object;
    part_t *part = hy_alloc(sizeof *part);
    if (!part) return HY_ENOMEM;
    *part = (part_t){.payload = {.ops = &part_payload, .refs = 1},
                     .code = is_last ? 200 : 100,
                     .part = i + 1,
                     .count = hy_snapshot_count(f->snapshot),
                     .text = hy_str_ref(hy_snapshot_part(f->snapshot, i))};
    if (reader->admission) part->admission = hy_str_ref(reader->admission);
    if (i == 0) part->schema = reader->schema;
    if (o->version > hy_snapshot_version(f->snapshot)) part->head = o->version;
    hy_value_t id = reader->request->id;
    if (id.kind == HY_STR) hy_str_ref(id.as.s);
    hy_msg_t *m = hy_msg_new_payload(HY_MSG_RESPONSE, id, reader->request->to,
                                     reader->request->from, &part->payload);
    if (!m) return HY_ENOMEM;
    int rc = f->reporter->ledger ? 0 : hy_bus_send(bus_of(f->reporter), m);
    if (f->reporter->ledger)
        hy__reporter_send(f->reporter, m); /* what it tells is committed then */
    hy_msg_unref(m);
    return rc;
}

/* --- readers ---------------------------------------------------------------------------------- */

static void reader_free(hy_frozen_t *f, reader_t *reader) {
    hy_list_remove(&reader->link);
    f->reader_count--;
    hy_msg_unref(reader->request);
    hy_str_unref(reader->hyperty);
    hy_str_unref(reader->admission);
    hy_free(reader);
}

static void reader_refuse(hy_frozen_t *f, reader_t *reader, int http, const char *why) {
    hy_bus_respond(bus_of(f->reporter), reader->request, http, why, hy_absent());
    reader_free(f, reader);
}

static void frozen_free(hy_frozen_t *f, int http, const char *why) {
    hy_manager_t *m = f->reporter->party.syncher->manager;
    while (!hy_list_is_empty(&f->readers)) {
        reader_refuse(f, hy_link_owner(f->readers.next, reader_t, link), http, why);
    }
    hy_timer_stop(hy_bus_clock(m->bus), &f->timer);
    hy_list_remove(&f->link);
    hy_list_remove(&f->in_manager);
    hy_snapshot_free(f->snapshot);
    m->frozen_count--;
    hy_free(f);
}

static uint32_t part_of(const reader_t *reader) {
    return reader->is_choosy ? reader->wanted[reader->next] : reader->next;
}

/* What it asks for by number, and is there. */
static void choose(reader_t *reader, const hy_node_t *numbers, uint32_t count) {
    reader->is_choosy = true;
    for (size_t i = 0; i < hy_node_count(numbers) && reader->end < HY_PARTS_AHEAD; i++) {
        hy_value_t n = hy_node_at(numbers, i);
        if (n.kind == HY_INT && n.as.i >= 1 && n.as.i <= (int64_t)count)
            reader->wanted[reader->end++] = (uint32_t)n.as.i - 1;
    }
}

/* Once it is known how many parts there are. */
static bool aim(const hy_frozen_t *f, reader_t *reader) {
    const hy_node_t *body = hy_msg_body(reader->request);
    const hy_node_t *numbers = hy_get_array(body, "parts");
    int64_t window = hy_get_int(body, "window", 0);
    uint32_t count = hy_snapshot_count(f->snapshot);
    hy_str_t *epoch = hy_get_str(body, "epoch"), *own = hy_snapshot_epoch(f->snapshot);
    bool is_of_it = epoch && own && hy_str_equal(epoch, own) &&
                    hy_get_int(body, "version", -1) == (int64_t)hy_snapshot_version(f->snapshot);
    if (numbers && is_of_it) {
        choose(reader, numbers, count);
    } else {
        reader->end = window > 0 && window < (int64_t)count ? (uint32_t)window : count;
    }
    return reader->end > 0;
}

static void send_next(hy_frozen_t *f, reader_t *reader) {
    if (reader->end == 0 && !aim(f, reader)) {
        reader_refuse(f, reader, 400, "the object has no such parts");
        return;
    }
    bool is_last = reader->next + 1 == reader->end;
    if (send_part(f, reader, part_of(reader), is_last) < 0) return; /* in the next turn */
    reader->next++;
    if (is_last) reader_free(f, reader);
}

/* --- a frozen state --------------------------------------------------------------------------- */

static void tell_to_wait(hy_frozen_t *f) {
    uint64_t now_ms = hy_clock_now(hy_bus_clock(bus_of(f->reporter)));
    if (now_ms < f->beat_ms + HY_DECISION_BEAT_MS) return;
    f->beat_ms = now_ms;
    for (hy_link_t *l = f->readers.next; l != &f->readers; l = l->next) {
        hy_bus_respond(bus_of(f->reporter), hy_link_owner(l, reader_t, link)->request, 100, NULL,
                       hy_absent());
    }
}

static void send_parts(hy_frozen_t *f) {
    for (hy_link_t *l = f->readers.next; l != &f->readers;) {
        reader_t *reader = hy_link_owner(l, reader_t, link);
        l = l->next;
        if (hy_bus_has_room(bus_of(f->reporter))) send_next(f, reader);
    }
}

static int go_on(hy_frozen_t *f) {
    uint64_t pause_ms = hy_snapshot_is_complete(f->snapshot) ? HY_PART_PAUSE_MS : HY_SLICE_PAUSE_MS;
    if (f->reader_count == 0) pause_ms = HY_SNAPSHOT_MS;
    return hy_timer_start(hy_bus_clock(bus_of(f->reporter)), &f->timer, pause_ms);
}

static void on_timer(void *frozen) {
    hy_frozen_t *f = frozen;
    /* At once, while its place among the timers is free: later it may need memory. */
    hy_timer_start(hy_bus_clock(bus_of(f->reporter)), &f->timer, HY_SNAPSHOT_MS);
    if (f->reader_count == 0) {
        frozen_free(f, 0, NULL);
        return;
    }
    int rc = 0;
    if (!hy_snapshot_is_complete(f->snapshot)) {
        rc = hy_snapshot_step(f->snapshot);
        tell_to_wait(f);
    }
    if (rc == 0) send_parts(f);
    if (rc < 0) {
        frozen_free(f, rc == HY_ETOO_LARGE ? 413 : 503,
                    rc == HY_ETOO_LARGE ? "the object is too large even in parts"
                                        : "the object could not be read in parts; try again");
    } else {
        go_on(f);
    }
}

/* The oldest that nobody reads any more gives way. */
static bool make_room(hy_manager_t *m) {
    if (m->frozen_count < HY_SNAPSHOTS_MAX) return true;
    for (hy_link_t *l = m->frozen.next; l != &m->frozen; l = l->next) {
        hy_frozen_t *f = hy_link_owner(l, hy_frozen_t, in_manager);
        if (f->reader_count > 0) continue;
        frozen_free(f, 0, NULL);
        return true;
    }
    return false;
}

static int frozen_new(hy_reporter_t *r, hy_frozen_t **out) {
    hy_manager_t *m = r->party.syncher->manager;
    if (!make_room(m)) return HY_EFULL;
    hy_frozen_t *f = hy_alloc_zero(sizeof *f);
    if (!f) return HY_ENOMEM;
    f->reporter = r;
    hy_link_init(&f->readers);
    hy_timer_init(&f->timer, on_timer, f);
    f->beat_ms = hy_clock_now(hy_bus_clock(m->bus));
    int rc = hy_snapshot_new(r->party.object, &f->snapshot);
    if (rc == 0) rc = hy_timer_start(hy_bus_clock(m->bus), &f->timer, HY_SNAPSHOT_MS);
    if (rc < 0) {
        hy_snapshot_free(f->snapshot);
        hy_free(f);
        return rc;
    }
    m->frozen_count++;
    hy_list_append(&m->frozen, &f->in_manager);
    hy_list_append(&r->frozen, &f->link);
    *out = f;
    return 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

static hy_frozen_t *find_asked(const hy_reporter_t *r, const hy_node_t *body) {
    hy_str_t *epoch = hy_get_str(body, "epoch");
    int64_t version = hy_get_int(body, "version", -1);
    for (hy_link_t *l = r->frozen.next; epoch && l != &r->frozen; l = l->next) {
        hy_frozen_t *f = hy_link_owner(l, hy_frozen_t, link);
        hy_str_t *own = hy_snapshot_epoch(f->snapshot);
        bool is_it = own && hy_str_equal(own, epoch);
        if (is_it && version == (int64_t)hy_snapshot_version(f->snapshot)) return f;
    }
    return NULL;
}

/* One from which the history leads on, with room for what is written while it is read. Who is to
 * report the object has to have all of it. */
static hy_frozen_t *find_recent(const hy_reporter_t *r) {
    const hy_object_t *o = r->party.object;
    for (hy_link_t *l = r->frozen.prev; l != &r->frozen; l = l->prev) {
        hy_frozen_t *f = hy_link_owner(l, hy_frozen_t, link);
        hy_str_t *own = hy_snapshot_epoch(f->snapshot);
        uint64_t behind = o->version - hy_snapshot_version(f->snapshot);
        bool is_of_now = own && o->epoch && hy_str_equal(own, o->epoch);
        bool leads_on = is_of_now && behind * 2 <= (r->heir ? 0 : o->history.count);
        if (leads_on && f->reader_count < HY_SNAPSHOT_READERS_MAX) return f;
    }
    return NULL;
}

/* It is written to be sure, unless it is small. */
static bool fits(const hy_object_t *o, hy_value_t v, size_t beside) {
    if (hy_value_bytes(v) < HY_MESSAGE_BYTES_MAX / 8) return true;
    hy_buf_t text;
    hy_buf_init(&text);
    hy_json_write(&text, v);
    bool is_small = !text.failed && text.len <= hy__room_in(o) - beside;
    hy_buf_deinit(&text);
    return is_small;
}

/* Who says which version of the schema it has (Ext) is told of another one. */
static const hy_schema_t *other_schema(const hy_reporter_t *r, const hy_node_t *body) {
    const hy_str_t *known = hy_get_str(body, "dataschema");
    const hy_schema_t *schema = r->party.object->schema;
    return known && schema && !hy_str_equal(known, schema->digest) ? schema : NULL;
}

int hy__answer_make(hy_reporter_t *r, const hy_node_t *body, hy_answer_t *out) {
    const hy_node_t *since = hy_get_object(body, "since");
    *out = (hy_answer_t){.value = hy_absent(), .struck = hy_absent()};
    out->schema = other_schema(r, body);
    if (hy_get_array(body, "parts")) out->frozen = find_asked(r, body);
    if (out->frozen) return 0;
    int rc = since ? hy_object_since(r->party.object, since, &out->value) : HY_ENOT_FOUND;
    if (rc == 0 && fits(r->party.object, out->value, out->schema ? HY_SCHEMA_BYTES_MAX : 0))
        return 0;
    hy_value_drop(out->value);
    out->value = hy_absent();
    if (rc < 0 && rc != HY_ENOT_FOUND) return rc;
    if (hy_object_is_small(r->party.object)) return hy_object_whole(r->party.object, &out->value);
    out->frozen = find_recent(r);
    return out->frozen ? 0 : frozen_new(r, &out->frozen);
}

void hy__answer_drop(hy_answer_t *a) {
    hy_value_drop(a->value);
    hy_value_drop(a->struck);
    hy_str_unref(a->admission);
    a->admission = NULL;
    a->value = a->struck = hy_absent(); /* what is frozen goes after a while */
}

/* Without it the observer does as if it were the one that it knows. */
static void put_document(hy_msg_t *m, const hy_schema_t *schema) {
    hy_value_t copy;
    if (hy_value_copy((hy_value_t){.kind = HY_OBJECT, .as.n = schema->document}, &copy) == 0)
        hy_put(hy_msg_body(m), "dataschema", copy);
}

static void send_value(hy_reporter_t *r, hy_msg_t *request, hy_answer_t *a) {
    hy_msg_t *m =
        hy_msg_has_id(request) ? hy_msg_response(request, NULL, 200, NULL, a->value) : NULL;
    if (!hy_msg_has_id(request)) hy_value_drop(a->value);
    a->value = hy_absent();
    if (m && a->admission) hy_put(hy_msg_body(m), "admission", hy__string_ref(a->admission));
    if (m && a->schema) put_document(m, a->schema);
    if (m && a->struck.kind == HY_ARRAY) {
        hy_put(hy_msg_body(m), "struck", a->struck);
        a->struck = hy_absent();
    }
    hy__ledger_send(r->ledger, r->party.syncher->manager, m);
    hy_msg_unref(m);
}

void hy__answer_send(hy_reporter_t *r, hy_msg_t *request, hy_str_t *hyperty, hy_answer_t *a) {
    hy_frozen_t *f = a->frozen;
    if (!f) {
        send_value(r, request, a);
        hy__answer_drop(a);
        return;
    }
    reader_t *reader = hy_alloc_zero(sizeof *reader);
    if (!reader) {
        hy_bus_respond(bus_of(r), request, 503, "out of memory", hy_absent());
        hy__answer_drop(a);
        return;
    }
    reader->request = hy_msg_ref(request);
    reader->hyperty = hy_str_ref(hyperty);
    reader->admission = a->admission;
    reader->schema = a->schema;
    a->admission = NULL;
    hy__answer_drop(a);
    hy_list_append(&f->readers, &reader->link);
    bool is_idle = f->reader_count++ == 0;
    if (is_idle) go_on(f); /* moved, not added: it needs no memory */
}

void hy__answers_end(hy_reporter_t *r, const hy_str_t *hyperty, const char *why) {
    for (hy_link_t *l = r->frozen.next; l != &r->frozen;) {
        hy_frozen_t *f = hy_link_owner(l, hy_frozen_t, link);
        l = l->next;
        for (hy_link_t *k = f->readers.next; k != &f->readers;) {
            reader_t *reader = hy_link_owner(k, reader_t, link);
            k = k->next;
            if (!hy_str_equal(reader->hyperty, hyperty)) continue;
            if (why) {
                reader_refuse(f, reader, 403, why);
            } else {
                reader_free(f, reader);
            }
        }
        if (f->reader_count == 0 && !hy_snapshot_is_complete(f->snapshot)) frozen_free(f, 0, NULL);
    }
}

void hy__answers_close(hy_reporter_t *r) {
    while (!hy_list_is_empty(&r->frozen)) {
        frozen_free(hy_link_owner(r->frozen.next, hy_frozen_t, link), 503,
                    "the object is not reported here any more");
    }
}
