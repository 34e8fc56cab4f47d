/* Fuzz target: any bytes as what comes to the door of runtimes that take part in a mutual object,
 * one that reports it and one that observes it. An input is lines:
 *
 *      >message        comes in as it is, at both
 *      =body           is sealed with the key of all, as a change that the reporter says
 *      +body           likewise, as an operation of the observer on a child
 *      ?body           is sealed for the reporter, as a read
 *      <body           is "mutual" of a 401 to a subscription
 *      !body           is "mutual" of a subscribe
 *      .               time goes by
 *
 * Whatever comes, what the reporter has is as it was, and nothing is left at the end. Built and run
 * by tools/fuzz/run. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "must.h"
#include "sync/secret_parts.h"

#define OBJECT "comm://d/a/it"

enum { REPORTER, OBSERVER, PLACES };

typedef struct {
    hy_bus_t *bus;
    hy_uplink_t *uplink;
    hy_schemas_t *schemas;
    hy_manager_t *manager;
    hy_syncher_t *syncher;
    hy_party_t *party;
} place_t;

static hy_clock_t the_clock;
static hy_random_t the_random;
static place_t places[PLACES];
static hy_msg_t *asked; /* the last subscribe that went out */
static uint32_t handed;

/* --- between the two -------------------------------------------------------------------------- */

static void hand(int at, hy_msg_t *m) {
    hy_str_t *text = hy_msg_text(m, NULL);
    hy_msg_t *copy;
    if (!text || !places[at].uplink || hy_msg_parse(text, &copy, NULL) < 0) return;
    hy_uplink_receive(places[at].uplink, copy);
    hy_msg_unref(copy);
}

static int on_uplink(void *arg, hy_msg_t *m) {
    const place_t *p = arg;
    bool is_request = hy_msg_has_id(m) && m->type != HY_MSG_RESPONSE;
    if (++handed > 4000) return 0;
    if (strncmp(m->to->bytes, "domain:", 7) == 0 && is_request) {
        hy_msg_t *answer = hy_msg_response(m, NULL, 200, NULL, hy_absent());
        MUST(answer);
        hy_uplink_receive(p->uplink, answer);
        hy_msg_unref(answer);
    } else {
        if (m->type == HY_MSG_SUBSCRIBE && p == &places[OBSERVER]) {
            hy_msg_unref(asked);
            asked = hy_msg_ref(m);
        }
        hand(p == &places[REPORTER] ? OBSERVER : REPORTER, m);
    }
    return 0;
}

static void pass(uint64_t ms) {
    for (uint32_t i = 0; i < 12; i++) {
        for (int at = 0; at < PLACES; at++)
            while (hy_bus_turn(places[at].bus, 100)) {
            }
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + (i == 4 ? ms : 0));
    }
}

/* --- the hyperties ---------------------------------------------------------------------------- */

static void on_party(void *arg, int code, const char *desc, hy_party_t *party) {
    place_t *p = arg;
    MUST(desc && (code < 0 || party));
    if (code == 0 && !p->party) p->party = hy_party_ref(party);
}

static void on_decide(void *arg, hy_party_t *party, hy_decision_t *d) {
    (void)arg;
    (void)party;
    hy_decision_accept(d, hy_absent());
}

static void on_change(void *arg, hy_party_t *party, hy_change_t *change,
                      const hy_effect_t *effects) {
    (void)arg;
    MUST(hy_party_is_open(party) && (change->count == 0 || effects));
}

static void on_child(void *arg, hy_party_t *party, hy_child_event_kind_t kind, hy_child_t *child,
                     hy_change_t *change) {
    (void)arg;
    (void)party;
    MUST(child && (kind != HY_CHILD_EVENT_UPDATE || change));
}

static void on_event(void *arg, hy_party_t *party, hy_str_t *collection, hy_str_t *from,
                     hy_value_t value) {
    (void)arg;
    (void)value;
    MUST(party && collection && from);
}

static void on_unsubscribed(void *arg, hy_party_t *party, hy_str_t *observer) {
    (void)arg;
    MUST(party && observer);
}

static void on_resync(void *arg, hy_party_t *party, uint64_t from, uint64_t to,
                      const char *reason) {
    (void)arg;
    (void)from;
    (void)to;
    MUST(party && reason);
}

static void on_ended(void *arg, hy_party_t *party, bool is_evicted) {
    (void)arg;
    (void)is_evicted;
    MUST(party);
}

static void on_status(void *arg, hy_party_t *party, hy_party_status_t status) {
    (void)arg;
    MUST(party && hy_party_state_word(status.state));
}

static const hy_syncher_events_t EVENTS = {
    .decide = on_decide,
    .change = on_change,
    .child = on_child,
    .event = on_event,
    .unsubscribed = on_unsubscribed,
    .resync = on_resync,
    .ended = on_ended,
    .status = on_status,
};

static void place_open(int at) {
    place_t *p = &places[at];
    hy_bus_config_t bus = {.clock = &the_clock, .random = &the_random};
    *p = (place_t){0};
    MUST(hy_bus_new(&bus, &p->bus) == 0);
    MUST(hy_bus_uplink(p->bus, NULL, on_uplink, p, &p->uplink) == 0);
    MUST(hy_schemas_new("d", &p->schemas) == 0);
    hy_manager_config_t config = {.bus = p->bus, .domain = "d", .schemas = p->schemas};
    config.runtime = hy_str_format("hyperty-runtime://d/%c", at == REPORTER ? 'a' : 'b');
    MUST(hy_manager_new(&config, &p->manager) == 0);
    hy_str_unref(config.runtime);
    hy_str_t *url = hy_str_from(at == REPORTER ? "hyperty://d/a/x" : "hyperty://d/b/x");
    hy_str_t *user = hy_str_from(at == REPORTER ? "user://d/ann" : "user://d/ben");
    MUST(hy_syncher_open(p->manager, url, user, &EVENTS, p, &p->syncher) == 0);
    hy_str_unref(url);
    hy_str_unref(user);
}

static void place_close(place_t *p) {
    hy_syncher_close(p->syncher);
    hy_party_unref(p->party);
    while (hy_bus_turn(p->bus, 100)) {
    }
    hy_manager_free(p->manager);
    hy_uplink_close(p->uplink);
    hy_bus_free(p->bus);
    hy_schemas_free(p->schemas);
    *p = (place_t){0};
}

static void meet(void) {
    hy_create_t what = {.schema = hy_str_from("Resource"), .url = hy_str_from(OBJECT)};
    what.metadata = hy__body1("mutual", hy_bool(true));
    place_t *reporter = &places[REPORTER];
    MUST(hy_syncher_create(reporter->syncher, &what, on_party, reporter, NULL) == 0);
    pass(0);
    MUST(places[REPORTER].party);
    MUST(hy_syncher_subscribe(places[OBSERVER].syncher, what.url, NULL, HY_STORE_NONE, on_party,
                              &places[OBSERVER], NULL) == 0);
    pass(0);
    MUST(places[OBSERVER].party);
    hy_str_unref(what.schema);
    hy_str_unref(what.url);
}

/* --- what happens ----------------------------------------------------------------------------- */

static hy__secret_t *secret_at(int at) {
    hy_str_t *url = hy_str_from(OBJECT);
    hy__secret_t *s = hy__secret_find(places[at].manager->secrets, url);
    hy_str_unref(url);
    return s;
}

static hy_msg_t *message(hy_msg_type_t type, bool has_id, const char *from, const char *to,
                         hy_value_t body) {
    hy_str_t *f = hy_str_from(from), *t = hy_str_from(to);
    hy_value_t id = has_id ? hy_int(hy_bus_next_id(places[OBSERVER].bus)) : hy_absent();
    hy_msg_t *m = hy_msg_new(type, id, f, t, body);
    MUST(m);
    hy_str_unref(f);
    hy_str_unref(t);
    return m;
}

static void say_sealed(char kind, hy_value_t body) {
    hy__secret_t *s = secret_at(OBSERVER);
    hy_str_t *ben = hy_str_from("hyperty://d/b/x");
    hy__peer_t *peer = s ? hy__secret_peer(s, ben) : NULL;
    hy_msg_t *m = NULL, *sealed;
    hy_str_unref(ben);
    if (kind == '=')
        m = message(HY_MSG_UPDATE, false, OBJECT, OBJECT "/changes", body);
    else if (kind == '+')
        m = message(HY_MSG_CREATE, true, "hyperty://d/b/x", OBJECT "/children/items", body);
    else
        m = message(HY_MSG_READ, true, "hyperty://d/b/x", OBJECT, body);
    hy__line_t *line = kind == '?' ? (peer ? &peer->line : NULL) : (s ? &s->line : NULL);
    if (line && hy__line_seal(line, &the_random, s->generation, m, NULL, &sealed, NULL) == 0) {
        hand(kind == '=' ? OBSERVER : REPORTER, sealed);
        hy_msg_unref(sealed);
    }
    hy_msg_unref(m);
}

static void say_mutual(char kind, hy_value_t mutual) {
    if (kind == '<' && asked) {
        hy_msg_t *no = hy_msg_response(asked, NULL, 401, NULL, hy_absent());
        MUST(no && hy_put(hy_msg_body(no), "mutual", mutual) == 0);
        hand(OBSERVER, no);
        hy_msg_unref(no);
        return;
    }
    hy_value_t body = hy__body1("mutual", mutual);
    MUST(hy_put(body.as.n, "subscriber", hy_text("hyperty://d/b/x")) == 0);
    MUST(hy_put(body.as.n, "identity", hy__body1("user", hy_text("user://d/ben"))) == 0);
    hy_msg_t *m =
        message(HY_MSG_SUBSCRIBE, true, "hyperty-runtime://d/b/sm", OBJECT "/subscription", body);
    hand(REPORTER, m);
    hy_msg_unref(m);
}

static void happen(const char *line, size_t len) {
    hy_value_t body;
    hy_msg_t *m;
    hy_str_t *text = hy_str_new(line + 1, len - 1);
    if (line[0] == '>' && hy_msg_parse(text, &m, NULL) == 0) {
        hand(REPORTER, m);
        hand(OBSERVER, m);
        hy_msg_unref(m);
    } else if (line[0] != '>' && strchr("=+?<!", line[0]) &&
               hy_json_read(text->bytes, text->len, 64, &body, NULL) == 0) {
        if (body.kind != HY_OBJECT)
            hy_value_drop(body);
        else if (line[0] == '<' || line[0] == '!')
            say_mutual(line[0], body);
        else
            say_sealed(line[0], body);
    }
    hy_str_unref(text);
    pass(line[0] == '.' ? 20000 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t blocks = hy_mem_blocks();
    const char *at = (const char *)data, *end = at + size;
    hy_clock_init(&the_clock, 0);
    hy_random_seed(&the_random, 1);
    handed = 0;
    MUST(hy_crypto_start() == 0);
    place_open(REPORTER);
    place_open(OBSERVER);
    meet();
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (len > 0 && at[0] != '\0') happen(at, len);
        at += len + 1;
    }
    /* Nobody but its reporter writes it. */
    MUST(hy_node_count(places[REPORTER].party->object->data) == 0);
    place_close(&places[OBSERVER]);
    place_close(&places[REPORTER]);
    hy_msg_unref(asked);
    asked = NULL;
    hy_clock_deinit(&the_clock);
    MUST(hy_mem_blocks() == blocks);
    return 0;
}
