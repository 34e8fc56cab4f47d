/* What is handed over with an object (handover.h): the whole of it, the changes and stamps that led
 * there, who may observe or does, and what child operations were answered. With that its new
 * reporter goes on as the old one would have:
 *
 *      {"resource", "source", "hyperty", "epoch", "schema", "public",
 *       "store", "lasting": whether that store outlives its runtime,
 *       "object": whole answer, or its metadata alone ("without": true),
 *       "changes": as in an answer since,
 *       "guests": [{"hyperty", "user"?, "authorised", "observing", "evicted", "untold"?, "gone",
 *                   "accepted", "let", "at", "rule"?, "listed"?, "back"?, "verified"?}],
 *       "answers": [[operation, digest, code]],
 *       "executes": answers to executes, executed.c}
 *
 * In "params" of the execute, as its only one. */
#include "handover.h"
#include "../base/json.h"
#include "../base/mem.h"
#include "../base/mutant.h"
#include "../data/snapshot.h"

/* --- writing ---------------------------------------------------------------------------------- */

static int put_let(hy_node_t *entry, const hy_guest_t *g) {
    int rc = hy_put(entry, "let", hy_text(hy__let_word(g->let)));
    if (rc == 0) rc = hy_put(entry, "at", hy_int(g->let_wall_ms));
    if (rc == 0 && g->rule) rc = hy_put(entry, "rule", hy__string_ref(g->rule));
    if (rc == 0 && g->is_listed) rc = hy_put(entry, "listed", hy_bool(true));
    if (rc == 0 && g->is_taken_back) rc = hy_put(entry, "back", hy_bool(true));
    if (rc == 0 && g->is_verified) rc = hy_put(entry, "verified", hy_bool(true));
    return rc;
}

static int put_guest(const hy_hosted_t *h, hy_node_t *list, const hy_guest_t *g) {
    hy_node_t *entry = hy_node_new(HY_OBJECT);
    int rc = entry ? hy_put(entry, "hyperty", hy__string_ref(g->key)) : HY_ENOMEM;
    if (rc == 0 && g->user) rc = hy_put(entry, "user", hy__string_ref(g->user));
    if (rc == 0) rc = hy_put(entry, "authorised", hy_bool(g->is_authorised));
    if (rc == 0) rc = hy_put(entry, "observing", hy_bool(g->is_observing));
    if (rc == 0) rc = hy_put(entry, "evicted", hy_bool(g->is_evicted));
    if (rc == 0 && hy__hosted_is_untold(h, g)) rc = hy_put(entry, "untold", hy_bool(true));
    if (rc == 0) rc = hy_put(entry, "gone", hy_bool(g->is_gone));
    if (rc == 0) rc = hy_put(entry, "accepted", hy_int((int64_t)g->accepted));
    if (rc == 0) rc = put_let(entry, g);
    if (rc == 0) return hy_node_insert(list, hy_node_count(list), hy_node_value(entry));
    if (entry) hy_node_unref(entry);
    return rc;
}

static hy_value_t write_guests(const hy_hosted_t *h) {
    hy_node_t *list = hy_node_new(HY_ARRAY);
    int rc = list ? 0 : HY_ENOMEM;
    const hy_guest_t *g;
    if (HY_MUTANT(HEIR_GUESTS)) return hy_node_value(list);
    for (uint32_t pos = 0; rc == 0 && (g = hy_dict_next(&h->guests, &pos));) {
        rc = put_guest(h, list, g);
    }
    if (rc == 0) return hy_node_value(list);
    if (list) hy_node_unref(list);
    return hy_absent();
}

/* The last `count` of the history; none if they are not all kept. */
static hy_value_t write_changes(const hy_object_t *o, uint32_t count) {
    hy_value_t changes;
    if (count == 0 || hy_history_since(&o->history, o->version - count, o->version, &changes) < 0)
        return hy_node_value(hy_node_new(HY_ARRAY));
    return changes;
}

/* Of what is left out its metadata is enough to decide by. */
static int write_object(hy_object_t *o, bool is_whole, hy_value_t *out) {
    int rc = is_whole ? hy_object_whole(o, out) : 0;
    if (rc == 0 && is_whole && HY_MUTANT(HEIR_CHILDREN))
        rc = hy_put(out->as.n, "childrenObjects", hy_node_value(hy_node_new(HY_OBJECT)));
    if (rc == 0 && is_whole && HY_MUTANT(HEIR_MARKS))
        rc = hy_put(out->as.n, "childMarks", hy_node_value(hy_node_new(HY_OBJECT)));
    if (is_whole) return rc;
    return hy_value_copy(hy_node_value(hy_object_metadata(o)), out);
}

static int put_rest(hy_node_t *offer, hy_hosted_t *h, hy_reporter_t *r, uint32_t changes,
                    bool is_whole) {
    hy_value_t object;
    int rc = hy_put(offer, "changes", write_changes(r->party.object, changes));
    if (rc == 0) rc = hy_put(offer, "guests", write_guests(h));
    if (rc == 0 && changes > 0 && !HY_MUTANT(HEIR_MARKS))
        rc = hy_put(offer, "answers", hy__moderation_write(r));
    if (rc == 0 && (is_whole || changes > 0))
        rc = hy_put(offer, "executes", hy__executed_write(h->manager, h->url));
    if (rc == 0 && !is_whole) rc = hy_put(offer, "without", hy_bool(true));
    if (rc == 0) rc = write_object(r->party.object, is_whole, &object);
    return rc < 0 ? rc : hy_put(offer, "object", object);
}

static hy_value_t write_body(hy_hosted_t *h, hy_reporter_t *r, hy_str_t *heir, hy_str_t *epoch,
                             uint32_t changes, bool is_whole) {
    hy_node_t *offer = hy_node_new(HY_OBJECT), *params = hy_node_new(HY_ARRAY);
    int rc = offer && params ? hy_put(offer, "resource", hy__string_ref(h->url)) : HY_ENOMEM;
    if (rc == 0) rc = hy_put(offer, "source", hy__string_ref(h->reporter));
    if (rc == 0) rc = hy_put(offer, "hyperty", hy__string_ref(heir));
    if (rc == 0) rc = hy_put(offer, "epoch", hy__string_ref(epoch));
    if (rc == 0) rc = hy_put(offer, "schema", hy__string_ref(h->schema->url));
    if (rc == 0) rc = hy_put(offer, "public", hy_bool(h->is_public));
    hy_store_level_t level = r->ledger ? r->ledger->level : HY_STORE_NONE;
    if (rc == 0) rc = hy_put(offer, "store", hy__level_value(level));
    if (rc == 0) rc = hy_put(offer, "lasting", hy_bool(h->manager->is_lasting));
    if (rc == 0) rc = put_rest(offer, h, r, changes, is_whole);
    if (rc == 0) {
        rc = hy_node_insert(params, 0, hy_node_value(offer));
        offer = NULL;
    }
    if (offer) hy_node_unref(offer);
    hy_value_t body = hy_absent();
    if (rc == 0)
        body = hy__body1("params", hy_node_value(params));
    else if (params)
        hy_node_unref(params);
    if (body.kind == HY_OBJECT && hy_put(body.as.n, "method", hy_text("delegate")) < 0) {
        hy_value_drop(body);
        return hy_absent();
    }
    return body;
}

/* Room in a message for what stands around a body. */
#define ENVELOPE_BYTES (2 * HY_URL_BYTES_MAX + 256)
/* So many guests fit, whatever their addresses. */
#define GUESTS_SURELY (HY_MESSAGE_BYTES_MAX / 2 / (2 * HY_URL_BYTES_MAX + 256))

static size_t text_bytes(hy_value_t body) {
    hy_buf_t text;
    hy_buf_init(&text);
    hy_json_write(&text, body);
    size_t len = text.failed ? SIZE_MAX : text.len;
    hy_buf_deinit(&text);
    return len;
}

static int refuse_guests(const hy_hosted_t *h, size_t bytes, hy_error_t *err) {
    return hy_fail(err, HY_ETOO_LARGE,
                   "%s has too many observers to be handed over (%zu bytes, which a message of %u "
                   "does not hold); it stays here",
                   h->url->bytes, bytes, HY_MESSAGE_BYTES_MAX);
}

/* What came last is what those who are a little behind need. */
int hy__handover_write(hy_hosted_t *h, hy_reporter_t *r, hy_str_t *heir, hy_str_t *epoch,
                       hy_value_t *out, hy_error_t *err) {
    bool is_whole = hy_object_is_small(r->party.object);
    for (uint32_t changes = r->party.object->history.count;; changes /= 2) {
        hy_value_t body = write_body(h, r, heir, epoch, changes, is_whole);
        if (body.kind == HY_ABSENT) return HY_ENOMEM;
        size_t bytes = text_bytes(body);
        if (bytes <= HY_MESSAGE_BYTES_MAX - ENVELOPE_BYTES) {
            *out = body;
            return 0;
        }
        hy_value_drop(body);
        if (changes == 0 && !is_whole) return refuse_guests(h, bytes, err);
        if (changes == 0) is_whole = false;
    }
}

/* --- what can be handed over ------------------------------------------------------------------ */

/* All who observe go along in one message; known before anything is held up. */
static int check_guests(const hy_hosted_t *h, hy_error_t *err) {
    if (h->guests.count < GUESTS_SURELY) return 0;
    hy_value_t guests = write_guests(h);
    size_t bytes = text_bytes(guests);
    hy_value_drop(guests);
    if (bytes <= HY_MESSAGE_BYTES_MAX - ENVELOPE_BYTES) return 0;
    return refuse_guests(h, bytes, err);
}

int hy__handover_check(const hy_party_t *p, const hy_str_t *hyperty, hy_error_t *err) {
    hy_address_t parts;
    const char *url = p->url->bytes;
    if (!p->is_open) return hy_fail(err, HY_ECLOSED, "%s is closed", url);
    int rc = hy__reporter_check((const hy_reporter_t *)p, err);
    if (rc == 0) rc = hy_address_parse(hyperty->bytes, hyperty->len, &parts, err);
    if (rc < 0) return rc;
    if (parts.scheme.len != 7 || memcmp(parts.scheme.bytes, "hyperty", 7) != 0)
        return hy_fail(err, HY_EINVALID, "%s is not the address of a hyperty", hyperty->bytes);
    if (hy__is_mutual(p->object->metadata)) /* what is handed over passes a node readable */
        return hy_fail(err, HY_EINVALID,
                       "%s is mutual, and stays with its reporter: delete it, or create another "
                       "one there",
                       url);
    if (hy_str_equal(hyperty, p->syncher->url))
        return hy_fail(err, HY_EINVALID, "%s reports %s already", hyperty->bytes, url);
    if (!hy_address_same_domain(hyperty, p->url))
        return hy_fail(err, HY_EINVALID,
                       "%s is of another domain than %s: an object is reported in its own domain",
                       hyperty->bytes, url);
    const hy_hosted_t *h = hy__reporter_hosted((const hy_reporter_t *)p);
    if (!h) return hy_fail(err, HY_EDELETED, "%s is being deleted", url);
    if (hy__is_away(h->manager, p->url))
        return hy_fail(err, HY_EUNREACHABLE,
                       "%s: the message node is not connected, without which it cannot be handed "
                       "over; it stays here",
                       url);
    return check_guests(h, err);
}

/* Only who holds an object sends from below it; in its own domain its node sees to that. */
const char *hy__handover_refusal(const hy_manager_t *m, const hy_msg_t *request,
                                 const hy_node_t *offer) {
    hy_str_t *url = hy_get_str(offer, "resource"), *hyperty = hy_get_str(offer, "hyperty");
    hy_error_t err;
    if (!url || !hyperty || !hy_get_str(offer, "epoch") || !hy_get_str(offer, "source"))
        return "delegate needs resource, source, hyperty and epoch";
    if (hy_get_str(offer, "epoch")->len > HY_NAME_BYTES_MAX)
        return "delegate: the epoch is too long";
    if (hy__check_object_url(url, &err) < 0) return "delegate: that is no address of an object";
    if (hy_address_object(request->from).len != url->len || request->from->len == url->len ||
        !hy_address_is_under(request->from, url))
        return "delegate comes from <Object>/subscription";
    if (!hy_address_same_domain(url, m->runtime))
        return "delegate: the object is of another domain than this runtime";
    return NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_guests(hy_hosted_t *h, const hy_node_t *list) {
    for (size_t i = 0; list && i < hy_node_count(list); i++) {
        hy_value_t at = hy_node_at(list, i);
        const hy_node_t *entry = at.kind == HY_OBJECT ? at.as.n : NULL;
        hy_str_t *hyperty = hy_get_str(entry, "hyperty"), *user = hy_get_str(entry, "user");
        if (!hyperty) return HY_EINVALID;
        hy_guest_t *g;
        int rc = hy__hosted_put_guest(h, hyperty, &g);
        if (rc < 0) return rc;
        if (!g->user && user) g->user = hy_str_ref(user);
        g->is_authorised = hy_get_bool(entry, "authorised", false);
        if (!g->is_observing && hy_get_bool(entry, "observing", false)) h->observers++;
        g->is_observing = hy_get_bool(entry, "observing", false);
        g->is_evicted = hy_get_bool(entry, "evicted", false);
        g->is_untold = hy_get_bool(entry, "untold", false);
        g->is_gone = hy_get_bool(entry, "gone", false);
        g->accepted = (uint32_t)hy_get_int(entry, "accepted", 0);
        hy__guest_read_let(g, entry);
    }
    return 0;
}

static hy_hosted_t *make_hosted(hy_syncher_t *s, const hy_node_t *offer,
                                const hy_schema_t *schema) {
    hy_hosted_t *h = hy_alloc_zero(sizeof *h);
    if (!h) return NULL;
    h->manager = s->manager;
    h->schema = schema;
    h->reporter = hy_str_ref(s->url);
    h->epoch = hy_str_ref(hy_get_str(offer, "epoch"));
    h->url = hy_str_ref(hy_get_str(offer, "resource"));
    h->is_public = hy_get_bool(offer, "public", false);
    hy_dict_init(&h->guests, sizeof(hy_guest_t));
    hy_link_init(&h->askings);
    h->subscription = hy__url_below(h->url, "/subscription");
    hy__hosted_init_job(h);
    if (h->subscription) return h;
    hy__hosted_free(h);
    return NULL;
}

static int read_stamp(hy_history_t *history, const hy_node_t *entry, hy_error_t *err) {
    const hy_node_t *body = hy_get_object(entry, "body");
    hy_stamp_t *stamp;
    hy_childop_t *op = NULL;
    int rc = hy_stamp_read(entry, &stamp, err);
    if (rc < 0) return rc;
    if (body && stamp->kind != HY_CHILDOP_REFUSE) rc = hy_childop_read(stamp->kind, body, &op, err);
    if (rc == 0) hy_history_add_stamp(history, stamp, op);
    hy_childop_unref(op);
    hy_stamp_unref(stamp);
    return rc;
}

static int read_changes(hy_object_t *o, const hy_node_t *list, hy_error_t *err) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && list && i < hy_node_count(list); i++) {
        hy_value_t at = hy_node_at(list, i);
        const hy_node_t *entry = at.kind == HY_OBJECT ? at.as.n : NULL;
        hy_change_t *c;
        if (!entry) return hy_fail(err, HY_EINVALID, "malformed list of changes");
        if (hy_get_object(entry, "child")) {
            rc = read_stamp(&o->history, entry, err);
        } else if ((rc = hy_change_read(entry, &c, err)) == 0) {
            hy_history_add_change(&o->history, c);
            hy_change_unref(c);
        }
    }
    return rc;
}

static int make_object(const hy_node_t *offer, const hy_node_t *whole, const hy_schema_t *schema,
                       hy_object_t **out, hy_error_t *err) {
    int rc = whole ? hy_object_check_whole(whole, err)
                   : hy_fail(err, HY_EINVALID, "delegate: there is no \"object\"");
    if (rc < 0) return rc;
    return hy_object_from_whole(hy_get_str(offer, "resource"), schema, whole, out, err);
}

static int take_object(const hy_node_t *offer, const hy_node_t *whole, hy_parts_t *parts,
                       const hy_schema_t *schema, hy_object_t **out, hy_error_t *err) {
    hy_object_t *o;
    if (!whole) whole = hy_get_object(offer, "object");
    int rc = parts ? hy_parts_finish(parts, &o, err) : make_object(offer, whole, schema, &o, err);
    if (rc < 0) return rc;
    hy_object_set_schema(o, schema);
    hy_error_t why = {.text = ""};
    rc = hy_object_check_fit(o, schema, &why);
    if (rc < 0)
        hy_fail(err, rc, "it does not fit the schema %s there: %s", schema->name->bytes, why.text);
    if (rc == 0) rc = read_changes(o, hy_get_array(offer, "changes"), err);
    if (rc < 0) {
        hy_object_free(o);
        return rc;
    }
    *out = o;
    return 0;
}

hy_str_t *hy__handover_giver_sm(const hy_object_t *o) {
    hy_str_t *runtime = hy_get_str(o->metadata, "runtime");
    return runtime ? hy__url_below(runtime, "/sm") : NULL;
}

bool hy__handover_is_givers(hy_msg_t *offer, const hy_msg_t *request) {
    const hy_node_t *params = hy_get_array(hy_msg_body(offer), "params");
    hy_value_t first = params ? hy_node_at(params, 0) : hy_absent();
    const hy_node_t *o = first.kind == HY_OBJECT ? hy_get_object(first.as.n, "object") : NULL;
    const hy_str_t *runtime = hy_get_str(o, "runtime");
    return hy_str_equal(request->from, offer->from) ||
           (runtime && hy_address_is_under(request->from, runtime));
}

bool hy__handover_is_without(const hy_node_t *offer) {
    return hy_get_bool(offer, "without", false);
}

int hy__handover_read(hy_syncher_t *s, const hy_node_t *offer, const hy_node_t *whole,
                      hy_parts_t *parts, hy_reporter_t **reporter, hy_hosted_t **hosted,
                      hy_error_t *err) {
    hy_str_t *name = hy_get_str(offer, "schema");
    const hy_schema_t *schema = name ? hy_schemas_find(s->manager->schemas, name) : NULL;
    if (!schema)
        return hy_fail(err, HY_ESCHEMA, "the schema %s is not known there",
                       name ? name->bytes : "(none)");
    hy_hosted_t *h = make_hosted(s, offer, schema);
    hy_object_t *object;
    hy_reporter_t *r = NULL;
    int rc = h ? read_guests(h, hy_get_array(offer, "guests")) : HY_ENOMEM;
    if (rc == 0) rc = take_object(offer, whole, parts, schema, &object, err);
    if (rc == 0) rc = hy__reporter_make(s, object, h->is_public, &r);
    if (rc == 0) {
        hy_list_remove(&r->party.link);
        rc = hy__moderation_read(r, hy_get_array(offer, "answers"));
    }
    if (rc < 0) {
        if (r) hy__party_close(&r->party);
        if (h) hy__hosted_free(h);
        return rc;
    }
    *reporter = r;
    *hosted = h;
    return 0;
}

/* --- it is here ------------------------------------------------------------------------------- */

/* Who has left here just now said so to the reporter before, and the node does not send to a
 * session what it has said itself. */
static void take_leaves(hy_hosted_t *h) {
    const hy_guest_t *g;
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        hy__lasting_again(h->manager, "leave", h->url, g->key);
    }
}

void hy__handover_settle(hy_hosted_t *h, hy_reporter_t *r) {
    hy_manager_t *m = h->manager;
    hy__hosted_tell_evicted(h);
    hy__hosted_inherit(h);
    take_leaves(h);
    hy__hosted_digest(h); /* before anything else of this epoch that all hear */
    h->is_unsure = true;
    hy__reporter_sign(r);
    hy__registration_take(m, h->url, hy__hosted_entry(h, r->party.object->metadata));
    hy__job_want(&h->job);
    hy__hosted_doubt_later(h); /* who gave it may have had them from its store alone */
    hy__pulse_start(m);
}
