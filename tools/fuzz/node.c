/* Fuzz target: any bytes as the doings of a few connections to one node: messages made from parts,
 * messages with raw bytes in them, handshakes, connections that freeze, break and come back, time
 * that goes by, memory that runs out. After each step the node must be consistent, whatever is
 * delivered must go to who subscribes or holds, numbers must add up; nothing may be left at the
 * end. Built and run by tools/fuzz/run. */
#include "base/mem.h"
#include "must.h"
#include "node/entries.h"
#include "node/peer.h"

#define CONNECTIONS 4
#define STEPS       60
#define COUNT(list) (sizeof(list) / sizeof *(list))

typedef struct {
    hy_peer_t *peer; /* NULL: not connected */
    bool is_frozen;
    char token[HY_URL_BYTES_MAX]; /* <RuntimeURL>/<token> of its last open */
} connection_t;

static hy_clock_t the_clock;
static hy_random_t the_random;
static hy_node_server_t *the_node;
static bool is_backlog; /* what waited while nobody was there is delivered */
static connection_t connections[CONNECTIONS];

static const uint8_t *input;
static size_t input_len;
static uint32_t rest; /* what was drawn so far, stirred */

/* 0 to below - 1. When the input is used up it goes on with what the input leads to, so that short
 * ones lead far as well. */
static unsigned draw(unsigned below) {
    if (input_len > 0) {
        input_len--;
        rest = rest * 31 + *input;
        return *input++ % below;
    }
    rest ^= rest << 13;
    rest ^= rest >> 17;
    rest ^= rest << 5;
    return rest % below;
}

/* --- what messages are made of ---------------------------------------------------------------- */

static const char *const RUNTIMES[] = {"hyperty-runtime://d/0", "hyperty-runtime://d/1",
                                       "hyperty-runtime://d/2", "runtime://e/3",
                                       "hyperty-runtime://d/0/x"};

static const char *const PLACES[] = {
    "comm://d/o",
    "comm://d/o/changes",
    "comm://d/o/children/m",
    "comm://d/o/children/",
    "comm://d/o/subscription",
    "comm://d/o/registration",
    "comm://d/p",
    "comm://d/p/changes",
    "comm://d/p/q",
    "comm://d/p/q/changes",
    "comm://e/o",
    "hyperty://d/h0",
    "hyperty://d/h1",
    "hyperty://d/h2",
    "hyperty://d/h0/events",
    "hyperty-runtime://d/0",
    "hyperty-runtime://d/1/sm",
    "hyperty-runtime://d/2",
    "runtime://e/3/protostub/1",
    "user://d/u",
    "domain://msg-node.d/sm",
    "domain://msg-node.d/address-allocation",
    "domain://registry.d",
    "mn:/session",
};

static const char *const TYPES[] = {"create",  "read",     "update", "delete", "subscribe",
                                    "EXECUTE", "response", "event",  "open",   "unsubscribe",
                                    "re-open", "close",    "forward"};

/* %s: a place. */
static const char *const BODIES[] = {
    "{\"resources\":[\"%s\",\"%s\"]}",
    "{\"resources\":[\"%s\"],\"source\":\"%s\"}",
    "{\"resources\":[\"%s\"],\"guard\":true,\"epoch\":\"1-a\",\"source\":\"%s\"}",
    "{\"resources\":[\"%s\",\"%s\"],\"guard\":false,\"epoch\":\"2-b\"}",
    "{\"resource\":\"%s\",\"childrenResources\":[\"m\",\"%s\"]}",
    "{\"method\":\"admit\",\"params\":[\"%s\",\"%s\"]}",
    "{\"method\":\"expel\",\"params\":[\"%s\",\"%s\"]}",
    "{\"method\":\"move\",\"params\":[\"%s\",\"%s\",\"3-c\"]}",
    "{\"method\":\"move\",\"params\":[\"%s\",\"%s\",\"9-d\"]}",
    "{\"method\":\"holder\",\"params\":[\"%s\",\"%s\"]}",
    "{\"scheme\":\"comm\",\"value\":{\"number\":3,\"allocationKey\":\"%s%s\"}}",
    "{\"value\":{\"number\":1000}}",
    "{\"resource\":[\"%s%s\"]}",
    "{\"childrenResources\":[[\"%s\"],\"%s\"]}",
    "{\"value\":{\"url\":\"%s\",\"user\":\"%s\",\"expires\":2,\"dataSchemes\":[\"comm\"]}}",
    "{\"value\":{\"url\":\"%s\",\"reporter\":\"%s\",\"type\":\"dataObject\",\"name\":\"n\"}}",
    "{\"resource\":\"%s\",\"attribute\":\"status\",\"value\":\"disconnected\"}",
    "{\"resource\":\"/dataObject/reporter/%s\",\"criteria\":{\"dataSchemes\":[\"comm\"]}}",
    "{\"resource\":\"/hyperty/url/%s\"}",
    "{\"resource\":\"/hyperty/resources/%s\",\"criteria\":{\"schema\":\"%s\"}}",
    "{\"watch\":1,\"criteria\":{\"url\":\"%s\",\"name\":\"n\"},\"source\":\"%s\"}",
    "{\"watch\":2,\"criteria\":{\"reporter\":\"%s\",\"type\":\"dataObject\"}}",
    "{\"watch\":2,\"n\":1}",
    "{\"source\":\"%s\",\"subscriber\":\"%s\"}",
    "{\"code\":200}",
    "{\"a\":1,\"a\":2}",
    "{}",
};

static const char *pick(const char *const *list, size_t count) {
    return list[draw((unsigned)count)];
}

/* --- connections ------------------------------------------------------------------------------ */

/* Who hears it has asked for it, or holds what it is for; who sent it does not hear it. What waited
 * was so when it was queued and may be another's by now. */
static void check_delivery(const connection_t *c, hy_msg_t *m) {
    if (m->type == HY_MSG_RESPONSE || c->is_frozen || is_backlog) return;
    hy_str_t *runtime = hy_peer_runtime(c->peer);
    MUST(runtime);
    const hy_session_t *s = hy__session_find(the_node, runtime->bytes, runtime->len);
    MUST(s);
    bool is_watched = m->type == HY_MSG_EVENT && hy_str_equal(m->from, the_node->registry_url);
    bool is_nodes = hy_str_equal(m->from, the_node->sm_url) || is_watched;
    MUST(is_nodes || the_node->origin != s);
    if (is_watched) {
        MUST(hy__watch_find(s, hy_get_int(hy_get_object(hy_msg_body(m), "value"), "watch", 0)));
        return;
    }
    const hy__route_t *r = hy__route_find(s, m->to);
    hy_span_t all = hy_address_collections(m->to);
    hy_str_t *cover = all.len > 0 ? hy_str_new(all.bytes, all.len) : NULL;
    const hy__route_t *wide = cover ? hy__route_find(s, cover) : NULL;
    hy_str_unref(cover);
    bool is_subscribed = (r && hy__route_is_open(r)) || (wide && hy__route_is_open(wide));
    MUST(is_subscribed || hy__holder_of(the_node, m->to->bytes, m->to->len) == s);
}

static void take(connection_t *c, hy_msg_t *m) {
    hy_mem_fail_after(-1);
    check_delivery(c, m);
    hy_str_t *token = hy_get_str(hy_msg_body(m), "runtimeToken");
    if (token) snprintf(c->token, sizeof c->token, "%s/%s", m->to->bytes, token->bytes);
}

static void on_ready(void *arg) {
    connection_t *c = arg;
    hy_msg_t *const *list;
    for (uint32_t count; c->peer && !c->is_frozen && (count = hy_peer_peek(c->peer, &list)) > 0;) {
        hy_msg_t *first = hy_msg_ref(list[0]);
        hy_peer_consume(c->peer, 1);
        take(c, first);
        hy_msg_unref(first);
    }
}

static void on_close(void *arg, hy_close_code_t code, const char *reason) {
    connection_t *c = arg;
    MUST(code >= 1000 && reason && *reason);
    c->peer = NULL;
}

static const hy_peer_events_t EVENTS = {.ready = on_ready, .close = on_close};

static void give(connection_t *c, const char *text, size_t len) {
    hy_str_t *s = hy_str_new(text, len);
    hy_msg_t *m = NULL;
    hy_error_t err = {.text = ""};
    if (!c->peer && hy_peer_open(the_node, &EVENTS, c, "fuzz", &c->peer) < 0) c->peer = NULL;
    if (c->peer && s) {
        bool is_there = hy_msg_parse(s, &m, &err) == 0 ? hy_peer_receive(c->peer, m)
                                                       : hy_peer_malformed(c->peer, s, &err);
        MUST(is_there == (c->peer != NULL));
    }
    hy_msg_unref(m);
    hy_str_unref(s);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void say(connection_t *c, const char *type, const char *from, const char *to,
                const char *body) {
    static char text[8192];
    unsigned id = draw(8);
    int len = snprintf(text, sizeof text, "{\"type\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"", type,
                       from, to);
    if (id) len += snprintf(text + len, sizeof text - (size_t)len, ",\"id\":%u", id);
    if (body) len += snprintf(text + len, sizeof text - (size_t)len, ",\"body\":%s", body);
    len += snprintf(text + len, sizeof text - (size_t)len, "}");
    give(c, text, (size_t)len);
}

static void step_message(connection_t *c) {
    static char body[4096];
    const char *type = pick(TYPES, COUNT(TYPES)), *from = pick(PLACES, COUNT(PLACES));
    const char *to = pick(PLACES, COUNT(PLACES)), *form = pick(BODIES, COUNT(BODIES));
    const char *x = pick(PLACES, COUNT(PLACES)), *y = pick(PLACES, COUNT(PLACES));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(body, sizeof body, form, x, y);
#pragma GCC diagnostic pop
    say(c, type, from, to, body);
}

/* Sensible ones, so that the depths are reached. */
static void step_function(connection_t *c, unsigned which) {
    static char body[4096];
    char own[64];
    const char *object = draw(2) ? "comm://d/o" : "comm://d/p";
    snprintf(own, sizeof own, "hyperty://d/h%u", which);
    unsigned form = draw(10);
    static const char *const tails[] = {"", "/changes", "/children/m", "/children/",
                                        "/subscription"};
    const char *tail = pick(tails, COUNT(tails));
    snprintf(body, sizeof body, "{\"resources\":[\"%s%s\"],\"guard\":%s,\"source\":\"%s\"}", object,
             tail, draw(2) ? "true" : "false", own);
    if (form < 3) {
        say(c, form < 2 ? "subscribe" : "unsubscribe", own, "domain://msg-node.d/sm", body);
    } else if (form < 5) {
        char to[64];
        snprintf(to, sizeof to, "%s%s", object, tail);
        say(c, form == 3 ? "update" : "create", draw(2) ? object : own, to, "{\"version\":1}");
    } else if (form < 7) {
        static const char *const methods[] = {"admit", "expel", "move"};
        snprintf(body, sizeof body,
                 "{\"method\":\"%s\",\"params\":[\"%s\",\"hyperty://d/h%u\",\"%u-x\"]}",
                 pick(methods, 3), object, draw(CONNECTIONS), draw(200));
        say(c, "execute", own, "domain://msg-node.d/sm", body);
    } else if (form < 9) {
        static const char *const forms[] = {"name", "schema", "resources", "reporter", "user"};
        snprintf(body, sizeof body, "{\"value\":{\"url\":\"%s\",\"%s\":\"w%u\",\"expires\":%u}}",
                 draw(2) ? object : own, pick(forms, COUNT(forms)), draw(2), draw(4));
        say(c, "create", own, "domain://registry.d", body);
    } else {
        static const char *const forms[] = {"name", "schema", "resources", "reporter", "user"};
        snprintf(body, sizeof body, "{\"watch\":%u,\"criteria\":{\"%s\":\"w%u\"}}", draw(3),
                 pick(forms, COUNT(forms)), draw(2));
        say(c, draw(4) ? "subscribe" : "unsubscribe", own, "domain://registry.d", body);
    }
}

/* Raw bytes, alone or inside a message. */
static void step_raw(connection_t *c) {
    static char text[600];
    int head = 0;
    if (draw(2))
        head = snprintf(text, sizeof text,
                        "{\"type\":\"subscribe\",\"id\":3,\"from\":\"hyperty://d/h0\","
                        "\"to\":\"%s\",\"body\":{\"resources\":[\"",
                        pick(PLACES, COUNT(PLACES)));
    size_t len = draw(200);
    if (len > input_len) len = input_len;
    memcpy(text + head, input, len);
    input += len;
    input_len -= len;
    int tail = head ? snprintf(text + head + len, 8, "\"]}}") : 0;
    give(c, text, (size_t)head + len + (size_t)tail);
}

static void step_connection(connection_t *c, unsigned which) {
    switch (draw(6)) {
    case 0:
        say(c, "open", RUNTIMES[which], "mn:/session", NULL);
        break;
    case 1:
        is_backlog = true;
        if (c->token[0]) say(c, "re-open", c->token, "mn:/session", NULL);
        is_backlog = false;
        break;
    case 2:
        if (c->peer) hy_peer_lost(c->peer);
        c->peer = NULL;
        break;
    case 3:
        c->is_frozen = !c->is_frozen;
        if (!c->is_frozen && c->peer) {
            c->is_frozen = true; /* not checked, as above */
            hy_msg_t *const *list;
            for (uint32_t count; (count = hy_peer_peek(c->peer, &list)) > 0;)
                hy_peer_consume(c->peer, draw(count) + 1);
            c->is_frozen = false;
        }
        break;
    case 4:
        say(c, "open", pick(RUNTIMES, COUNT(RUNTIMES)), "mn:/session", NULL);
        break;
    default:
        say(c, "close", c->token[0] ? c->token : RUNTIMES[which], "mn:/session", NULL);
    }
}

/* --- the node --------------------------------------------------------------------------------- */

static uint32_t check_topic(const hy__topic_t *t) {
    MUST(t->admitted <= t->count && t->count <= t->room);
    MUST(!t->serve || t->count == 0);
    MUST(t->count > 0 || t->serve || (t->object && t->object->changes == t));
    for (uint32_t i = 0; i < t->count; i++) {
        const hy__route_t *r = t->targets[i].route;
        MUST(r->place == i && r->topic == t && r->session == t->targets[i].session);
        MUST(r->sources.count > 0);
        MUST(hy__route_is_open(r) == (i < t->admitted));
        MUST(hy__route_find(r->session, t->url) == r);
    }
    return t->count;
}

static size_t held_by_routes(const hy_session_t *s) {
    size_t bytes = 0;
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&s->routes, &pos));)
        bytes += ((const hy__route_t *)slot->item)->bytes;
    return bytes;
}

static void check_owners(const hy_node_stats_t *stats) {
    uint64_t bytes = 0, waiting = 0;
    uint32_t sessions = 0, claims = 0, allocated = 0, watches = 0;
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&the_node->owners, &pos));) {
        const hy__owner_t *o = slot->item;
        claims += o->claims_count;
        allocated += o->allocated_count;
        MUST(o->session || (o->claims_count == 0 && o->allocated_count > 0));
        if (!o->session) continue;
        const hy_session_t *s = o->session;
        sessions++;
        bytes += s->outgoing.bytes;
        waiting += s->outgoing.count;
        watches += s->watch_count;
        MUST(hy_list_is_empty(&s->watches) == (s->watch_count == 0));
        MUST(s->held >= held_by_routes(s));
        bool has_more =
            !hy_list_is_empty(&s->objects) || !hy_list_is_empty(&s->entries) || s->watch_count > 0;
        MUST(has_more || s->held == held_by_routes(s));
        MUST(s->peer || s->is_lapsed || hy_timer_is_started(&s->grace));
        MUST(hy__session_bytes(s) < HY_SESSION_BYTES_MAX);
    }
    MUST(sessions == stats->sessions && claims == stats->claims && allocated == stats->allocated);
    MUST(watches == stats->watches);
    MUST(bytes == stats->queued_bytes && waiting == stats->queued);
}

static void check_node(void) {
    hy_node_stats_t s = hy_node_server_stats(the_node);
    MUST(s.delivered + s.notices == s.sent + s.queued + s.lost + s.expelled + s.outdated + s.ended);
    MUST(s.refused >= s.rate_refused);
    uint32_t routes = 0;
    const hy__slot_t *slot;
    for (uint32_t pos = 0; (slot = hy_dict_next(&the_node->topics, &pos));)
        routes += check_topic(slot->item);
    MUST(routes == s.routes);
    check_owners(&s);
}

static void step(void) {
    unsigned which = draw(CONNECTIONS), kind = draw(16);
    connection_t *c = &connections[which];
    if (kind == 15) hy_mem_fail_after(draw(40));
    if (kind >= 14) kind = draw(14);
    if (kind < 6)
        step_function(c, which);
    else if (kind < 9)
        step_message(c);
    else if (kind < 10)
        step_raw(c);
    else if (kind < 13)
        step_connection(c, which);
    else
        hy_clock_advance(&the_clock, hy_clock_now(&the_clock) + draw(255) * 40u);
    hy_mem_fail_after(-1);
    check_node();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = data;
    input_len = size;
    rest = 1;
    hy_clock_init(&the_clock, 0);
    hy_random_seed(&the_random, 1);
    hy_node_limits_t limits = {.queue_bytes = 2000, .grace_ms = 5000, .stuck_ms = 2000};
    if (draw(4) == 1) {
        limits.messages_per_s = 20;
        limits.bytes_per_s = 4000;
        limits.allocations_per_s = 10;
    }
    hy_node_config_t config = {
        .domain = "d", .clock = &the_clock, .random = &the_random, .limits = limits};
    MUST(hy_node_server_new(&config, &the_node) == 0);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        connections[i] = (connection_t){.peer = NULL};
        say(&connections[i], "open", RUNTIMES[i], "mn:/session", NULL);
    }
    for (unsigned i = 0; i < STEPS || input_len > 0; i++)
        step();
    hy_buf_t b;
    hy_buf_init(&b);
    hy_node_server_metrics(the_node, &b);
    MUST(!b.failed && b.len > 1000);
    hy_buf_deinit(&b);
    hy_node_server_free(the_node);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        MUST(!connections[i].peer);
    hy_clock_deinit(&the_clock);
    MUST(hy_mem_blocks() == 0);
    return 0;
}
