/* A node that is killed and comes back with its store (core/node/keep.c and its neighbours). */
#include "keep_support.h"

#define RA "hyperty-runtime://d/a"
#define RB "hyperty-runtime://d/b"
#define HA "hyperty://d/ha"
#define HB "hyperty://d/hb"
#define HC "hyperty://d/hc"

static char object[HY_URL_BYTES_MAX];

static const char *below(const char *tail) {
    static char url[HY_URL_BYTES_MAX + 64];
    snprintf(url, sizeof url, "%s%s", object, tail);
    return url;
}

/* a reports an object, guarded, in that epoch; b and c subscribe it. */
static void report(const char *more) {
    allocated(&a, "comm", object);
    assert_int_equal(subscribed(&a, HA, object, more), 200);
    assert_int_equal(subscribed(&b, HB, below("/changes"), ""), 200);
    assert_int_equal(subscribed(&c, HC, below("/changes"), ""), 200);
}

static int admission(const char *method, const char *hyperty) {
    char params[2 * HY_URL_BYTES_MAX + 16];
    snprintf(params, sizeof params, "\"%s\",\"%s\"", object, hyperty);
    return executed(&a, method, params);
}

/* Publishes a change; gives who got it: 2 for b, 1 for c. */
static int publish(runtime_t *r) {
    came(&b);
    came(&c);
    tell(r, "update", object, below("/changes"), "{\"value\":1}");
    return (came(&b) ? 2 : 0) + (came(&c) ? 1 : 0);
}

/* --- addresses -------------------------------------------------------------------------------- */

static void addresses_stay_their_runtimes(void **state) {
    (void)state;
    char url[HY_URL_BYTES_MAX];
    allocated(&a, "comm", url);
    restart_node();
    assert_int_equal(hy_node_server_stats(the_node).allocated, 1);
    all_come_back();
    assert_int_equal(subscribed(&b, HB, url, ""), 403);
    assert_int_equal(subscribed(&a, HA, url, ""), 200);
}

static void blocks_are_given_back_by_key_after_a_restart(void **state) {
    (void)state;
    const char *create = "{\"scheme\":\"comm\",\"value\":{\"number\":250,\"allocationKey\":\"k\"}}";
    assert_int_equal(request(&a, "create", RA, ALLOC, create), 200);
    hy_msg_t *answer = hy_msg_ref(a.answer);
    const hy_node_t *list = hy_get_array(answered(&a), "allocated");
    char one[HY_URL_BYTES_MAX + 64], body[HY_URL_BYTES_MAX + 128];
    snprintf(one, sizeof one, "%s", hy_node_at(list, 120).as.s->bytes);
    hy_msg_unref(answer);
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\"]}", one);
    assert_int_equal(request(&a, "delete", RA, ALLOC, body), 200);
    restart_node();
    assert_int_equal(hy_node_server_stats(the_node).allocated, 249);
    all_come_back();
    assert_int_equal(request(&b, "delete", RB, ALLOC, "{\"resource\":\"k\"}"), 403);
    assert_int_equal(request(&a, "delete", RA, ALLOC, "{\"resource\":\"k\"}"), 200);
    restart_node();
    assert_int_equal(hy_node_server_stats(the_node).allocated, 0);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answers_wait_for_their_commit_and_messages_do_not(void **state) {
    (void)state;
    report("");
    hy_disk_set_delay(the_disk, 50);
    assert_int_equal(ask(&b, "create", RB, ALLOC, "{\"scheme\":\"comm\"}"), 0);
    assert_int_equal(hy_node_server_stats(the_node).waiting, 1);
    assert_int_equal(publish(&a), 3);
    assert_int_equal(ask(&b, "read", RB, REGISTRY, "{\"resource\":\"" HA "\"}"), 0);
    assert_int_equal(ask(&c, "read", HC, REGISTRY, "{\"resource\":\"" HA "\"}"), 404);
    came(&b);
    pass_ms(49);
    assert_int_equal(came(&b), 0);
    pass_ms(2);
    assert_int_equal(b.count, 2);
    assert_int_equal(hy_msg_code(b.inbox[0]), 200); /* in the order in which they were asked */
    assert_int_equal(hy_msg_code(b.inbox[1]), 404);
    assert_int_equal(hy_node_server_stats(the_node).waiting, 0);
    assert_adds_up();
}

static void what_was_not_answered_may_be_gone(void **state) {
    (void)state;
    hy_disk_set_delay(the_disk, 50);
    assert_int_equal(ask(&b, "create", RB, ALLOC, "{\"scheme\":\"comm\"}"), 0);
    restart_node();
    assert_int_equal(hy_node_server_stats(the_node).allocated, 0);
    all_come_back();
}

static void a_repeated_request_waits_for_the_same_commit(void **state) {
    (void)state;
    hy_disk_set_delay(the_disk, 50);
    for (int i = 0; i < 2; i++)
        send_with(&b, 77, "create", RB, ALLOC, "{\"scheme\":\"comm\"}");
    assert_int_equal(came(&b), 0);
    pass_ms(60);
    assert_int_equal(came(&b), 2);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 1);
}

static void answers_that_wait_go_with_their_session(void **state) {
    (void)state;
    hy_disk_set_delay(the_disk, 50);
    assert_int_equal(ask(&b, "create", RB, ALLOC, "{\"scheme\":\"comm\"}"), 0);
    leave(&b);
    assert_int_equal(hy_node_server_stats(the_node).waiting, 0);
    assert_int_equal(hy_node_server_stats(the_node).waiting_bytes, 0);
    pass_ms(60);
}

/* --- sessions --------------------------------------------------------------------------------- */

static void sessions_go_on_as_if_only_the_connection_was_lost(void **state) {
    (void)state;
    report("");
    assert_int_equal(publish(&a), 3);
    restart_node();
    hy_node_stats_t stats = hy_node_server_stats(the_node);
    assert_int_equal(stats.sessions, 3);
    assert_int_equal(stats.routes, 3);
    all_come_back();
    assert_int_equal(publish(&a), 3);
    tell(&a, "event", HA, HB, "{}"); /* by what they claimed by using it */
    assert_int_equal(came(&b), 1);
    drop(&c);
    assert_int_equal(open_as(&c, "hyperty-runtime://d/c"), 200); /* and the token of today holds */
}

static void the_grace_begins_anew_and_ends(void **state) {
    (void)state;
    report(",\"guard\":true");
    const char *entry = "{\"value\":{\"url\":\"" HA "\",\"user\":\"user://d/u\"}}";
    assert_int_equal(request(&a, "create", HA, REGISTRY, entry), 200);
    restart_node();
    pass_ms(HY_SESSION_GRACE_MS - 10);
    assert_int_equal(come_back(&b), 200);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 3);
    pass_ms(20);
    assert_int_equal(hy_node_server_stats(the_node).sessions, 1);
    assert_int_equal(hy_node_server_stats(the_node).allocated, 1);
    assert_int_equal(come_back(&a), 403);
    assert_int_equal(request(&b, "read", HB, REGISTRY, "{\"resource\":\"" HA "\"}"), 408);
    assert_int_equal(subscribed(&b, HB, object, ""), 403); /* reserved */
    restart_node();
    assert_int_equal(hy_node_server_stats(the_node).sessions, 1);
    assert_int_equal(come_back(&b), 200);
    assert_int_equal(request(&b, "read", HB, REGISTRY, "{\"resource\":\"" HA "\"}"), 408);
}

static void who_opened_anew_or_closed_is_not_taken_back(void **state) {
    (void)state;
    report("");
    char before[HY_URL_BYTES_MAX];
    snprintf(before, sizeof before, "%s", tokens[1]);
    drop(&b);
    come(&b); /* a new token, no routes */
    leave(&c);
    pass_ms(5);
    restart_node();
    assert_int_equal(hy_node_server_stats(the_node).sessions, 2);
    assert_int_equal(come_back(&c), 403);
    assert_int_equal(come_back(&a), 200);
    assert_int_equal(publish(&a), 0);
    plug(&b);
    assert_int_equal(shake(&b, "re-open", before), 403);
    drop(&b);
    assert_int_equal(come_back(&b), 200);
    assert_int_equal(subscribed(&b, HB, HB, ""), 200); /* it kept its claim */
}

static void what_was_unsubscribed_stays_so(void **state) {
    (void)state;
    report("");
    char body[HY_URL_BYTES_MAX + 128];
    snprintf(body, sizeof body, "{\"resources\":[\"%s\"]}", below("/changes"));
    assert_int_equal(request(&b, "unsubscribe", HB, SM, body), 200);
    restart_node();
    all_come_back();
    assert_int_equal(publish(&a), 1);
}

/* --- objects ---------------------------------------------------------------------------------- */

static void who_is_admitted_stays_so_and_who_is_expelled_stays_out(void **state) {
    (void)state;
    report(",\"guard\":true");
    assert_int_equal(publish(&a), 0);
    assert_int_equal(admission("admit", HB), 200);
    assert_int_equal(admission("admit", HC), 200);
    assert_int_equal(publish(&a), 3);
    assert_int_equal(admission("expel", HC), 200);
    restart_node();
    all_come_back();
    assert_int_equal(publish(&a), 2);
    assert_int_equal(admission("expel", HB), 200); /* it knows a as the holder */
    assert_int_equal(publish(&a), 0);
}

static void an_observer_that_opens_anew_is_not_admitted_by_its_name(void **state) {
    (void)state;
    report(",\"guard\":true");
    assert_int_equal(admission("admit", HB), 200);
    leave(&b);
    pass_ms(5);
    restart_node();
    assert_int_equal(come_back(&a), 200);
    come(&b);
    assert_int_equal(subscribed(&b, HB, below("/changes"), ""), 200);
    assert_int_equal(publish(&a), 0);
}

static void a_guarded_object_stays_shut_when_its_holder_is_gone(void **state) {
    (void)state;
    report(",\"guard\":true");
    assert_int_equal(admission("admit", HB), 200);
    leave(&a);
    pass_ms(5);
    restart_node();
    assert_int_equal(come_back(&b), 200);
    assert_int_equal(come_back(&c), 200);
    come(&a);
    assert_int_equal(publish(&a), 0);
    assert_int_equal(subscribed(&a, HA, object, ",\"guard\":true"), 200);
    assert_int_equal(publish(&a), 0); /* nobody is admitted any more */
}

static void the_highest_epoch_is_known(void **state) {
    (void)state;
    report(",\"epoch\":\"7-x\"");
    leave(&a);
    pass_ms(5);
    restart_node();
    come(&a);
    assert_int_equal(subscribed(&a, HA, object, ",\"epoch\":\"6-y\""), 409);
    assert_string_equal(hy_get_str(answered(&a), "epoch")->bytes, "7-x");
    assert_int_equal(subscribed(&a, HA, object, ",\"epoch\":\"8-y\""), 200);
}

static void a_deleted_object_is_answered_410_for_a_day(void **state) {
    (void)state;
    report(",\"guard\":true,\"epoch\":\"1-x\"");
    char body[HY_URL_BYTES_MAX + 64];
    snprintf(body, sizeof body, "{\"childrenResources\":[\"%s\"]}", object);
    assert_int_equal(request(&a, "delete", RA, ALLOC, body), 200);
    restart_node();
    all_come_back();
    assert_int_equal(hy_node_server_stats(the_node).routes, 0);
    assert_int_equal(request(&b, "read", HB, object, "{}"), 410);
    kill_node();
    pass_ms(HY_TOMBSTONE_MS);
    start_node();
    come(&b);
    assert_int_equal(request(&b, "read", HB, object, "{}"), 404);
}

static void a_move_is_told_when_it_is_committed(void **state) {
    (void)state;
    report(",\"guard\":true,\"epoch\":\"1-x\"");
    assert_int_equal(admission("admit", HC), 200);
    hy_disk_set_delay(the_disk, 50);
    char body[HY_URL_BYTES_MAX + 128];
    snprintf(body, sizeof body, "{\"method\":\"move\",\"params\":[\"%s\",\"" HB "\",\"2-y\"]}",
             object);
    assert_int_equal(ask(&a, "execute", RA, SM, body), 0);
    assert_int_equal(came(&b), 0);
    char who[HY_URL_BYTES_MAX + 64];
    snprintf(who, sizeof who, "{\"method\":\"holder\",\"params\":[\"%s\"]}", object);
    assert_int_equal(ask(&c, "execute", HC, SM, who), 0); /* nor is anybody else told */
    restart_node();
    all_come_back();
    assert_int_equal(request(&c, "execute", HC, SM, who), 200);
    assert_string_equal(hy_get_str(answered(&c), "holder")->bytes, HA);
    assert_int_equal(publish(&a), 1);

    assert_int_equal(request(&a, "execute", RA, SM, body), 200);
    assert_int_equal(came(&b), 1);
    restart_node();
    all_come_back();
    assert_int_equal(request(&c, "execute", HC, SM, who), 200);
    assert_string_equal(hy_get_str(answered(&c), "holder")->bytes, HB);
    assert_string_equal(hy_get_str(answered(&c), "epoch")->bytes, "2-y");
    assert_int_equal(publish(&a), 0);
    assert_int_equal(publish(&b), 1); /* c is still admitted */
    assert_int_equal(request(&a, "execute", RA, SM, body), 403);
}

static void a_move_and_an_eviction_survive_power_loss(void **state) {
    (void)state;
    report(",\"guard\":true,\"epoch\":\"1-x\"");
    assert_int_equal(admission("admit", HB), 200);
    assert_int_equal(admission("admit", HC), 200);
    assert_int_equal(admission("expel", HB), 200);
    char body[HY_URL_BYTES_MAX + 128];
    snprintf(body, sizeof body, "{\"method\":\"move\",\"params\":[\"%s\",\"" HB "\",\"2-y\"]}",
             object);
    assert_int_equal(request(&a, "execute", RA, SM, body), 200);
    kill_node();
    hy_disk_lose_power(the_disk, &the_random);
    start_node();
    all_come_back();
    assert_int_equal(publish(&b), 1);
    assert_int_equal(publish(&a), 0);
}

/* --- registry --------------------------------------------------------------------------------- */

static void the_registry_is_as_it_was(void **state) {
    (void)state;
    const char *entry = "{\"value\":{\"url\":\"" HA "\",\"user\":\"user://d/u\",\"expires\":20}}";
    const char *status = "{\"resource\":\"" HA "\",\"attribute\":\"name\",\"value\":\"n\"}";
    assert_int_equal(request(&a, "create", HA, REGISTRY, entry), 200);
    assert_int_equal(request(&a, "update", HA, REGISTRY, status), 200);
    restart_node();
    all_come_back();
    const char *by_user = "{\"resource\":\"/hyperty/user/user://d/u\"}";
    assert_int_equal(request(&b, "read", HB, REGISTRY, by_user), 200);
    hy_node_t *found = hy_node_at(answered(&b), 0).as.n;
    assert_string_equal(hy_get_str(found, "name")->bytes, "n");
    assert_string_equal(hy_get_str(found, "status")->bytes, "live");
    pass_ms(19000);
    assert_int_equal(request(&b, "read", HB, REGISTRY, by_user), 200);
    pass_ms(2000); /* nobody kept it alive */
    assert_int_equal(request(&b, "read", HB, REGISTRY, by_user), 408);
    restart_node();
    all_come_back();
    assert_int_equal(request(&b, "read", HB, REGISTRY, by_user), 408);
    const char *alive = "{\"resource\":\"" HA "\"}";
    assert_int_equal(request(&a, "update", HA, REGISTRY, alive), 200);
    assert_int_equal(request(&a, "delete", HA, REGISTRY, alive), 200);
    restart_node();
    assert_int_equal(hy_node_server_stats(the_node).entries, 0);
}

static void keeping_alive_writes_nothing(void **state) {
    (void)state;
    const char *entry = "{\"value\":{\"url\":\"" HA "\",\"user\":\"user://d/u\",\"expires\":20}}";
    const char *alive = "{\"resource\":\"" HA "\"}";
    assert_int_equal(request(&a, "create", HA, REGISTRY, entry), 200);
    report("");
    uint64_t ticket = hy_store_ticket(the_store);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(&a, "update", HA, REGISTRY, alive), 200); /* and waits for nothing */
        assert_int_equal(publish(&a), 3);
        pass_ms(10000);
    }
    assert_int_equal(hy_store_ticket(the_store), ticket);
}

/* --- trouble ---------------------------------------------------------------------------------- */

static void a_full_disk_stops_what_must_be_kept_and_nothing_else(void **state) {
    (void)state;
    report("");
    hy_disk_set_full(the_disk, true);
    static char entry[12000];
    int code = 0;
    runtime_t *r = &c;
    for (int i = 0; code == 0 && i < 4000; i++) {
        int len =
            snprintf(entry, sizeof entry, "{\"value\":{\"url\":\"hyperty://d/%d\",\"x\":\"", i);
        memset(entry + len, 'x', sizeof entry - 4 - (size_t)len);
        memcpy(entry + sizeof entry - 4, "\"}}", 4);
        r = r == &b ? &c : &b;
        code = ask(r, "create", runtime_of(r), REGISTRY, entry);
    }
    assert_int_equal(code, 503);
    const char *why = hy_get_str(hy_msg_body(r->answer), "desc")->bytes;
    assert_non_null(strstr(why, "disk is behind"));
    assert_true(hy_node_server_stats(the_node).store_refused > 0);
    assert_int_equal(publish(&a), 3);
    assert_int_equal(ask(&a, "read", HA, REGISTRY, "{\"resource\":\"" HB "\"}"), 404);
    drop(&a);
    assert_int_equal(come_back(&a), 200); /* what it was opened with was kept before */
    hy_disk_set_full(the_disk, false);
    pass_ms(2 * HY_STORE_RETRY_MS);
    assert_int_equal(hy_node_server_stats(the_node).waiting, 0);
    assert_true(came(&b) > 10);
    assert_int_equal(subscribed(&a, HA, below("/subscription"), ""), 200);
}

static hy_msg_t *message(int64_t id, const char *type, const char *to, const char *body) {
    hy_str_t *text =
        hy_str_format("{\"type\":\"%s\",\"id\":%lld,\"from\":\"" RA "\",\"to\":\"%s\",\"body\":%s}",
                      type, (long long)id, to, body);
    hy_msg_t *m = NULL;
    assert_int_equal(hy_msg_parse(text, &m, NULL), 0);
    hy_str_unref(text);
    return m;
}

/* Memory fails after n allocations, for each n until the whole story passes: what was acknowledged
 * is there after a crash, and what was refused did not tear the store. */
static void nothing_acknowledged_is_lost_for_want_of_memory(void **state) {
    (void)state;
    report(",\"guard\":true");
    bool is_through = false;
    for (int n = 0; !is_through; n++) {
        assert_true(n < 500);
        char params[2 * HY_URL_BYTES_MAX + 16], other[HY_URL_BYTES_MAX] = "";
        snprintf(params, sizeof params, "{\"method\":\"admit\",\"params\":[\"%s\",\"" HB "\"]}",
                 object);
        hy_msg_t *admit = message(1000 + n, "execute", SM, params);
        hy_msg_t *create = message(3000 + n, "create", ALLOC, "{\"scheme\":\"comm\"}");
        hy_mem_fail_after(n);
        if (hy_peer_receive(a.peer, admit)) hy_peer_receive(a.peer, create);
        hy_mem_fail_after(-1);
        hy_msg_unref(admit);
        hy_msg_unref(create);
        unsigned yes = 0;
        if (!a.peer) assert_int_equal(come_back(&a), 200);
        pass_ms(5);
        bool is_admitted = false;
        for (unsigned i = 0; i < a.count; i++) {
            if (a.inbox[i]->type != HY_MSG_RESPONSE || hy_msg_code(a.inbox[i]) != 200) continue;
            yes++;
            if (a.inbox[i]->id.as.i == 1000 + n) is_admitted = true;
            const hy_node_t *value = hy_get_object(hy_msg_body(a.inbox[i]), "value");
            const hy_node_t *list = hy_get_array(value, "allocated");
            if (list) snprintf(other, sizeof other, "%s", hy_node_at(list, 0).as.s->bytes);
        }
        is_through = yes == 2;
        came(&a);
        restart_node();
        all_come_back();
        if (is_admitted) assert_int_equal(publish(&a), 2);
        if (other[0]) assert_int_equal(subscribed(&c, HC, other, ""), 403);
        assert_int_equal(admission("admit", HB), 200);
        restart_node(); /* its store has no memory yet that it could use again */
        all_come_back();
        memcpy(strstr(params, "admit"), "expel", 5);
        hy_msg_t *expel = message(5000 + n, "execute", SM, params);
        hy_mem_fail_after(n);
        hy_peer_receive(a.peer, expel);
        hy_mem_fail_after(-1);
        hy_msg_unref(expel);
        if (!a.peer) assert_int_equal(come_back(&a), 200);
        assert_int_equal(admission("expel", HB), 200); /* once more: and then it holds */
        restart_node();
        all_come_back();
        assert_int_equal(publish(&a), 0);
    }
}

static void a_node_that_still_reads_turns_connections_away(void **state) {
    (void)state;
    kill_node();
    assert_int_equal(hy_store_open_memory(&the_clock, NULL, the_disk, &the_store), 0);
    hy_node_config_t config = {
        .domain = "d", .clock = &the_clock, .random = &the_random, .store = the_store};
    assert_int_equal(hy_node_server_new(&config, &the_node), 0);
    plug(&a);
    assert_int_equal(shake(&a, "re-open", tokens[0]), 0);
    assert_int_equal(a.closed, HY_CLOSE_TRY_LATER);
    pass_ms(5);
    assert_int_equal(come_back(&a), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KEPT(addresses_stay_their_runtimes),
        KEPT(blocks_are_given_back_by_key_after_a_restart),
        KEPT(answers_wait_for_their_commit_and_messages_do_not),
        KEPT(what_was_not_answered_may_be_gone),
        KEPT(a_repeated_request_waits_for_the_same_commit),
        KEPT(answers_that_wait_go_with_their_session),
        KEPT(sessions_go_on_as_if_only_the_connection_was_lost),
        KEPT(the_grace_begins_anew_and_ends),
        KEPT(who_opened_anew_or_closed_is_not_taken_back),
        KEPT(what_was_unsubscribed_stays_so),
        KEPT(who_is_admitted_stays_so_and_who_is_expelled_stays_out),
        KEPT(an_observer_that_opens_anew_is_not_admitted_by_its_name),
        KEPT(a_guarded_object_stays_shut_when_its_holder_is_gone),
        KEPT(the_highest_epoch_is_known),
        KEPT(a_deleted_object_is_answered_410_for_a_day),
        KEPT(a_move_is_told_when_it_is_committed),
        KEPT(a_move_and_an_eviction_survive_power_loss),
        KEPT(the_registry_is_as_it_was),
        KEPT(keeping_alive_writes_nothing),
        KEPT(a_full_disk_stops_what_must_be_kept_and_nothing_else),
        KEPT(nothing_acknowledged_is_lost_for_want_of_memory),
        KEPT(a_node_that_still_reads_turns_connections_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
