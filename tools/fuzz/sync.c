/* Fuzz target: any bytes as what a sync manager meets. An input is lines: rows that its store has
 * (rows.h), and then
 *
 *      >message        comes in from the message node
 *      <body           is an answer to every read that goes out, with those before it
 *      +c              time goes by
 *      !c              the hyperty does something
 *
 * Whatever comes, there is no more than the hyperty was told; nothing may be left at the end. Built
 * and run by tools/fuzz/run. */
#include "rows.h"

#include "sync/syncher.h"

#define BODIES_MAX 8
#define RUNTIME    "hyperty-runtime://d/rt"
#define HYPERTY    "hyperty://d/ann"

static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_bus_t *the_bus;
static hy_uplink_t *the_uplink;
static hy_manager_t *the_manager;
static hy_syncher_t *the_syncher;
static hy_party_t *the_party;
static hy_span_t bodies[BODIES_MAX];
static uint32_t body_count, answered, decided;

/* --- the node --------------------------------------------------------------------------------- */

static void answer(hy_msg_t *m, hy_value_t body) {
    hy_value_t id;
    MUST(hy_value_copy(m->id, &id) == 0);
    hy_msg_t *r = hy_msg_new(HY_MSG_RESPONSE, id, m->to, m->from, body);
    MUST(r);
    hy_uplink_receive(the_uplink, r);
    hy_msg_unref(r);
}

/* Yes to everything, with all that somebody may have asked for. */
static void answer_yes(hy_msg_t *m) {
    static const char YES[] =
        "{\"code\":200,\"value\":{\"allocated\":[\"comm://d/new\"],\"holder\":"
        "\"" HYPERTY "\",\"epoch\":\"3-c\"}}";
    hy_value_t v;
    MUST(hy_json_read(YES, sizeof YES - 1, HY_JSON_DEPTH_MAX, &v, NULL) == 0);
    answer(m, v);
}

static int on_uplink(void *arg, hy_msg_t *m) {
    (void)arg;
    MUST(hy_msg_check_body(m, NULL) == 0);
    if (!hy_msg_has_id(m) || m->type == HY_MSG_RESPONSE || ++answered > 400) return 0;
    if (m->type != HY_MSG_READ || body_count == 0) {
        answer_yes(m);
        return 0;
    }
    for (uint32_t i = 0; i < body_count; i++) {
        hy_value_t v;
        if (hy_json_read(bodies[i].bytes, bodies[i].len, HY_JSON_DEPTH_MAX, &v, NULL) == 0)
            answer(m, v);
    }
    return 0;
}

/* --- the hyperty ------------------------------------------------------------------------------ */

static void on_party(void *arg, int code, const char *desc, hy_party_t *party) {
    (void)arg;
    MUST(desc && (code < 0 || party));
    if (code < 0) return;
    hy_party_unref(the_party);
    the_party = hy_party_ref(party);
}

static void on_parties(void *arg, int code, const char *desc, hy_party_t **parties,
                       uint32_t count) {
    MUST(desc && (code == 0 || desc[0]));
    for (uint32_t i = 0; i < count; i++)
        on_party(arg, 0, "", parties[i]);
}

static void on_done(void *arg, int code, const char *desc) {
    (void)arg;
    MUST(code <= 0 && desc);
}

static void on_decide(void *arg, hy_party_t *party, hy_decision_t *d) {
    (void)party;
    if (hy_decision_kind(d) == HY_DECIDE_DELEGATE) {
        hy_error_t err = {.text = ""};
        if (hy_decision_take_over(d, on_party, arg, &err) < 0) MUST(err.text[0]);
    } else if (++decided % 4 == 0) {
        hy_decision_end(d);
    } else {
        hy_decision_accept(d, hy_absent());
    }
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
    MUST(party && reason && to == hy_party_version(party));
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

static void on_emitted(void *arg, hy_str_t *hyperty, hy_str_t *name, const hy_node_t *args) {
    (void)arg;
    (void)args;
    MUST(hyperty && name);
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
    .emitted = on_emitted,
};

/* --- what happens ----------------------------------------------------------------------------- */

static void pass(uint64_t ms) {
    for (uint32_t i = 0; i < 8; i++) {
        while (hy_bus_turn(the_bus, 100)) {
        }
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + (i == 4 ? ms : 0));
    }
}

static void receive(hy_span_t line) {
    hy_str_t *text = hy_str_new(line.bytes, line.len);
    hy_msg_t *m;
    if (hy_msg_parse(text, &m, NULL) == 0) {
        hy_uplink_receive(the_uplink, m);
        hy_msg_unref(m);
    }
    hy_str_unref(text);
}

static void make(bool is_new) {
    hy_create_t what = {.schema = hy_str_from("Resource"), .store = HY_STORE_KEPT};
    what.name = hy_str_from("n");
    what.is_new = is_new;
    hy_syncher_create(the_syncher, &what, on_party, NULL, NULL);
    hy_str_unref(what.schema);
    hy_str_unref(what.name);
}

static void observe(void) {
    hy_str_t *url = hy_str_from("comm://d/c");
    hy_syncher_subscribe(the_syncher, url, NULL, HY_STORE_KEPT, on_party, NULL, NULL);
    hy_str_unref(url);
}

static void delegate(void) {
    hy_str_t *heir = hy_str_from("hyperty://d/ben");
    hy_party_delegate(the_party, heir, on_done, NULL, NULL);
    hy_str_unref(heir);
}

static void add_child(void) {
    hy_str_t *collection = hy_str_from("items");
    hy_child_t *child = NULL;
    hy_value_t data = hy_node_value(hy_node_new(HY_OBJECT));
    if (hy_party_add_child(the_party, collection, data, &child, NULL) == 0) hy_child_unref(child);
    hy_str_unref(collection);
}

static void act(char what) {
    switch (what) {
    case 'r':
        hy_syncher_resume(the_syncher, NULL, NULL, on_parties, NULL, NULL);
        break;
    case 'c':
    case 'C':
        make(what == 'C');
        break;
    case 's':
        observe();
        break;
    case 'd':
        if (the_party) delegate();
        break;
    case 'k':
        if (the_party) add_child();
        break;
    case 'u':
        if (the_party) hy_party_unsubscribe(the_party, on_done, NULL, NULL);
        break;
    case 'x':
        if (the_party) hy_party_delete(the_party, on_done, NULL, NULL);
        break;
    case 'f':
        hy_manager_offline(the_manager, NULL);
        break;
    case 'o':
    case 'O':
        hy_manager_online(the_manager, NULL, what == 'O');
        break;
    default:
        break;
    }
}

static void do_line(hy_span_t line) {
    char what = line.len > 1 ? line.bytes[1] : '\0';
    hy_span_t rest = {line.bytes + 1, line.len - 1};
    if (line.bytes[0] == '>') receive(rest);
    if (line.bytes[0] == '<' && body_count < BODIES_MAX) bodies[body_count++] = rest;
    if (line.bytes[0] == '!') act(what);
    pass(line.bytes[0] == '+' ? (uint64_t)(uint8_t)what * 100 : 1);
}

static void live(hy_store_t *store, hy_schemas_t *schemas, lines_t l) {
    hy_span_t line;
    hy_manager_config_t config = {.bus = the_bus, .domain = "d", .schemas = schemas};
    config.runtime = hy_str_from(RUNTIME);
    config.store = store;
    MUST(hy_manager_new(&config, &the_manager) == 0);
    hy_str_unref(config.runtime);
    hy_str_t *url = hy_str_from(HYPERTY);
    MUST(hy_syncher_open(the_manager, url, NULL, &EVENTS, NULL, &the_syncher) == 0);
    hy_str_unref(url);
    hy_manager_online(the_manager, NULL, true);
    act('r');
    pass(1);
    while (next_line(&l, &line))
        if (line.len > 0 && !is_row(line)) do_line(line);
    pass(20000);
    hy_party_unref(the_party);
    the_party = NULL;
    hy_syncher_close(the_syncher);
    pass(1);
    hy_manager_free(the_manager);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lines_t all = {(const char *)data, (const char *)data + size}, l = all;
    hy_span_t line;
    hy_store_t *store;
    hy_schemas_t *schemas;
    body_count = answered = decided = 0;
    hy_clock_init(&the_clock, 1700000000000);
    hy_random_seed(&the_random, 1);
    hy_bus_config_t config = {.clock = &the_clock, .random = &the_random};
    MUST(hy_store_open_memory(&the_clock, NULL, NULL, &store) == 0);
    MUST(hy_schemas_new("d", &schemas) == 0);
    while (next_line(&l, &line))
        if (is_row(line)) put_row(store, line);
    hy_store_seal(store);
    for (unsigned life = 0; life < 2; life++) { /* the second goes on from what the first wrote */
        MUST(hy_bus_new(&config, &the_bus) == 0);
        MUST(hy_bus_uplink(the_bus, NULL, on_uplink, NULL, &the_uplink) == 0);
        live(store, schemas, all);
        hy_uplink_close(the_uplink);
        hy_bus_free(the_bus);
    }
    hy_schemas_free(schemas);
    hy_store_close(store);
    hy_clock_deinit(&the_clock);
    MUST(hy_mem_blocks() == 0);
    return 0;
}
