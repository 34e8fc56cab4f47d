/* Fuzz target: any bytes as a message. What is read must be written again as text that is the same
 * message, must be answerable, and must pass a bus; what is refused must say why; nothing may be
 * left. Built and run by
 * tools/fuzz/run. */
#include "base/json.h"
#include "base/mem.h"
#include "bus/bus.h"
#include "must.h"

static void check_header(const hy_msg_t *m) {
    hy_address_t parts;
    MUST(m->id.kind == HY_ABSENT || m->id.kind == HY_STR ||
         (m->id.kind == HY_INT && m->id.as.i > 0));
    MUST(hy_address_parse(m->from->bytes, m->from->len, &parts, NULL) == 0);
    MUST(hy_address_parse(m->to->bytes, m->to->len, &parts, NULL) == 0);
    /* Questions about an address agree with each other, and stay inside it. */
    hy_span_t object = hy_address_object(m->to), all = hy_address_collections(m->to);
    hy_span_t identifier = hy_address_identifier(m->to);
    MUST(object.bytes == m->to->bytes && object.len <= m->to->len);
    MUST(all.len == 0 || (hy_address_is_published(m->to) && all.len > object.len));
    MUST(identifier.bytes >= m->to->bytes);
    MUST(identifier.bytes + identifier.len <= m->to->bytes + m->to->len);
    MUST(hy_address_is_under(m->to, m->to) && hy_address_same_domain(m->to, m->to));
}

/* A message written by us reads back as the same message. */
static void check_text(hy_msg_t *m) {
    hy_error_t err;
    hy_msg_t *again = NULL;
    hy_str_t *text = hy_msg_text(m, &err);
    MUST(text || err.code == HY_ETOO_LARGE);
    if (!text) return;
    MUST(hy_msg_parse(text, &again, &err) == 0);
    MUST(again->type == m->type && hy_value_equal(again->id, m->id));
    MUST(hy_str_equal(again->from, m->from) && hy_str_equal(again->to, m->to));
    MUST(hy_msg_check_body(again, &err) == 0);
    MUST(!hy_msg_body(m) == !hy_msg_body(again));
    if (hy_msg_body(m)) MUST(hy_value_equal(m->body, again->body));
    MUST(hy_msg_code(m) == hy_msg_code(again));
    MUST(strcmp(hy_msg_desc(m), hy_msg_desc(again)) == 0);
    hy_msg_unref(again);
}

static hy_msg_t *rebuilt(hy_msg_t *m) {
    hy_value_t id = hy_absent(), body = hy_absent();
    MUST(hy_value_copy(m->id, &id) == 0);
    if (hy_msg_body(m)) MUST(hy_value_copy(m->body, &body) == 0);
    return hy_msg_new(m->type, id, m->from, m->to, body);
}

static void answer(void *arg, hy_msg_t *m) {
    MUST(hy_bus_respond(arg, m, 200, hy_msg_desc(m), hy_absent()) == 0);
}

static int count_up(void *arg, hy_msg_t *m) {
    (void)m;
    ++*(int *)arg;
    return 0;
}

/* Comes in by an uplink, twice, as a retry would; with somebody at its address and without. */
static void check_bus(hy_msg_t *m, bool with_listener) {
    hy_clock_t clock;
    hy_random_t random;
    hy_bus_t *bus;
    hy_uplink_t *up;
    hy_listener_t *l;
    int answers = 0;
    hy_clock_init(&clock, 0);
    hy_random_seed(&random, 1);
    hy_bus_config_t config = {.clock = &clock, .random = &random};
    MUST(hy_bus_new(&config, &bus) == 0);
    MUST(hy_bus_uplink(bus, NULL, count_up, &answers, &up) == 0);
    if (with_listener) MUST(hy_bus_listen(bus, m->to, answer, bus, &l) == 0);
    MUST(hy_uplink_receive(up, m) == 0);
    while (hy_bus_turn(bus, 1))
        continue;
    MUST(hy_uplink_receive(up, m) == 0);
    MUST(!hy_bus_turn(bus, 100));
    bool is_request = hy_msg_has_id(m) && m->type != HY_MSG_RESPONSE;
    if (!is_request) MUST(answers == 0);
    if (is_request && !hy_str_equal(m->from, m->to) && with_listener) MUST(answers == 2);
    hy_bus_free(bus);
    hy_clock_deinit(&clock);
}

/* Every allocation fails in turn, up to a few. */
static void check_failures(hy_str_t *text) {
    for (int64_t n = 1; n < 20; n++) {
        hy_msg_t *m = NULL;
        hy_mem_fail_after(n);
        int code = hy_msg_parse(text, &m, NULL);
        if (code == 0) code = hy_msg_check_body(m, NULL);
        hy_mem_fail_after(-1);
        hy_msg_unref(m);
        if (code == 0) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hy_str_t *text = hy_str_new((const char *)data, size);
    hy_error_t err = {.text = ""};
    hy_msg_t *m = NULL;
    int code = hy_msg_parse(text, &m, &err);
    check_failures(text);
    if (code == 0) {
        check_header(m);
        MUST(hy_str_equal(hy_msg_text(m, NULL), text));
        check_bus(m, true);
        check_bus(m, false);
        code = hy_msg_check_body(m, &err);
    }
    if (code == 0) {
        hy_msg_t *again = rebuilt(m);
        check_text(again);
        hy_msg_unref(again);
        again = hy_msg_response(m, NULL, 200, hy_msg_desc(m), hy_absent());
        check_text(again);
        hy_msg_unref(again);
    } else {
        MUST(code == HY_EINVALID || code == HY_ETOO_LARGE);
        MUST(err.code == code && err.text[0]);
        MUST(hy_utf8_is_valid(err.text, strlen(err.text)));
    }
    hy_msg_unref(m);
    hy_str_unref(text);
    MUST(hy_mem_blocks() == 0);
    return 0;
}
