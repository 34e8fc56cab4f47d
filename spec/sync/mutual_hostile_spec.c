/* Mutual objects and a node, or a former member, that means ill (SEALING.md): what is changed,
 * repeated, moved or made up is heard by nobody, and who was struck off opens nothing of what
 * follows, even with everything that passes in its hands. */
#include <stdio.h>

#include "mutual_world.h"

static place_t *at(void **state, int place) {
    return &((world_t *)*state)->places[place];
}

static void meet(void **state) {
    assert_int_equal(create(at(state, ANN)), 0);
    assert_int_equal(subscribe(at(state, BEN)), 0);
    assert_int_equal(subscribe(at(state, CARL)), 0);
}

static hy_msg_t *parsed(hy_str_t *text) {
    hy_msg_t *m;
    assert_int_equal(hy_msg_parse(text, &m, NULL), 0);
    return m;
}

/* The last message that has passed of that type, to that address. */
static hy_str_t *last_to(const world_t *w, hy_msg_type_t type, const char *to) {
    for (uint32_t i = w->passed_count; i-- > 0;) {
        hy_msg_t *m = parsed(w->passed[i]);
        bool is_it = m->type == type && hy_str_is(m->to, to);
        hy_msg_unref(m);
        if (is_it) return w->passed[i];
    }
    fail_msg("nothing of that has passed");
    return NULL;
}

static void nothing_that_passes_tells_a_word(void **state) {
    world_t *w = *state;
    meet(state);
    write_word(at(state, ANN), "lapwing");
    assert_string_equal(word_of(at(state, BEN)), "lapwing");
    assert_string_equal(word_of(at(state, CARL)), "lapwing");
    for (uint32_t i = 0; i < w->passed_count; i++)
        assert_null(strstr(w->passed[i]->bytes, "lapwing"));
}

/* --- struck off ------------------------------------------------------------------------------- */

/* Whether any key that this runtime has opens it. */
static bool opens(const place_t *p, hy_str_t *text) {
    hy__secret_t *s = secret_of(p);
    hy_msg_t *m = parsed(text), *opened = NULL;
    hy__line_t line;
    hy__line_init(&line, s->line.key);
    int rc = hy__line_open(&line, m, &opened);
    hy__line_deinit(&line);
    const hy__peer_t *peer;
    for (uint32_t pos = 0; rc < 0 && (peer = hy_dict_next(&s->peers, &pos));) {
        hy__line_init(&line, peer->line.key);
        rc = hy__line_open(&line, m, &opened);
        hy__line_deinit(&line);
    }
    const hy_node_t *keys = hy_get_object(hy_get_object(hy_msg_body(m), "mutual"), "keys");
    uint32_t generation =
        (uint32_t)hy_get_int(hy_get_object(hy_msg_body(m), "mutual"), "generation", 0);
    uint32_t at_key = 0;
    hy_str_t *hyperty;
    hy_value_t box;
    uint8_t key[HY_SECRET_BYTES];
    while (rc < 0 && keys && hy_node_next(keys, &at_key, &hyperty, &box))
        for (uint32_t pos = 0; rc < 0 && (peer = hy_dict_next(&s->peers, &pos));)
            if (hy__box_read(peer->line.key, box.as.s, s->url, hyperty, generation, key)) rc = 0;
    hy_msg_unref(opened);
    hy_msg_unref(m);
    return rc == 0;
}

static void who_was_struck_off_opens_nothing_of_what_follows(void **state) {
    world_t *w = *state;
    meet(state);
    write_word(at(state, ANN), "lapwing");
    uint32_t before = w->passed_count;
    assert_true(opens(at(state, CARL), last_to(w, HY_MSG_UPDATE, OBJECT "/changes")));
    hy_str_t *carl = hy_str_from("hyperty://d/c/x");
    assert_int_equal(hy_party_evict(at(state, ANN)->party, carl, on_done, at(state, ANN), NULL), 0);
    hy_str_unref(carl);
    run(w);
    write_word(at(state, ANN), "godwit");
    assert_string_equal(word_of(at(state, BEN)), "godwit");
    uint32_t opened_by_ben = 0;
    for (uint32_t i = before; i < w->passed_count; i++) {
        assert_false(opens(at(state, CARL), w->passed[i]));
        opened_by_ben += opens(at(state, BEN), w->passed[i]);
    }
    assert_true(opened_by_ben >= 2); /* the key, and the change */
}

static void who_was_struck_off_is_not_heard(void **state) {
    world_t *w = *state;
    meet(state);
    hy__secret_t *s = secret_of(at(state, CARL));
    hy__line_t line;
    hy__line_init(&line, s->line.key);
    line.sent = 1000;
    uint32_t generation = s->generation;
    hy_str_t *carl = hy_str_from("hyperty://d/c/x"), *text = hy_str_from(OBJECT);
    hy_party_evict(at(state, ANN)->party, carl, on_done, at(state, ANN), NULL);
    run(w);
    write_word(at(state, ANN), "godwit");
    /* As the reporter, with the node's help. */
    hy_str_t *to = hy_str_from(OBJECT "/changes");
    hy_value_t body = hy_absent();
    hy_str_t *epoch = at(state, ANN)->party->object->epoch;
    hy_str_t *json = hy_str_format("{\"epoch\":\"%s\",\"version\":2,\"source\":\"hyperty://d/a/x\","
                                   "\"attribute\":\"word\",\"value\":\"forged\"}",
                                   epoch->bytes);
    assert_int_equal(hy_json_read(json->bytes, json->len, 8, &body, NULL), 0);
    hy_msg_t *m = hy_msg_new(HY_MSG_UPDATE, hy_absent(), text, to, body), *forged = NULL;
    assert_int_equal(hy__line_seal(&line, &w->random, generation, m, NULL, &forged, NULL), 0);
    hand(at(state, BEN), hy_msg_text(forged, NULL));
    hand(at(state, BEN), hy_msg_text(m, NULL)); /* and as it is */
    run(w);
    assert_string_equal(word_of(at(state, BEN)), "godwit");
    assert_int_equal(hy_party_version(at(state, BEN)->party), 1);
    hy__line_deinit(&line);
    hy_msg_unref(forged);
    hy_msg_unref(m);
    hy_str_unref(json);
    hy_str_unref(to);
    hy_str_unref(text);
    hy_str_unref(carl);
}

/* --- changed ---------------------------------------------------------------------------------- */

static void each_byte_of_it_counts(void **state) {
    meet(state);
    write_word(at(state, ANN), "lapwing");
    hy_str_t *text = last_to(*state, HY_MSG_UPDATE, OBJECT "/changes");
    hy__secret_t *s = secret_of(at(state, BEN));
    char *sealed = strstr(text->bytes, "\"sealed\":\"") + strlen("\"sealed\":\"");
    size_t from = (size_t)(sealed - text->bytes);
    size_t to = (size_t)(strchr(sealed, '"') - text->bytes);
    for (size_t i = from; i < to; i++) {
        hy_str_t *changed = hy_str_new(text->bytes, text->len);
        changed->bytes[i] = changed->bytes[i] == 'A' ? 'B' : 'A';
        hy_msg_t *m = parsed(changed), *opened = NULL;
        hy__line_t line;
        hy__line_init(&line, s->line.key);
        assert_int_equal(hy__line_open(&line, m, &opened), HY_EINVALID);
        hy__line_deinit(&line);
        hy_msg_unref(m);
        hy_str_unref(changed);
    }
    assert_true(opens(at(state, BEN), text));
}

/* `find` is replaced in the text. */
static hy_str_t *with(const hy_str_t *text, const char *find, const char *instead) {
    const char *found = strstr(text->bytes, find);
    assert_non_null(found);
    return hy_str_format("%.*s%s%s", (int)(found - text->bytes), text->bytes, instead,
                         found + strlen(find));
}

static void what_it_is_bound_to_counts(void **state) {
    static const char *const changes[][2] = {
        {"\"update\"", "\"event\""},                      /* another type */
        {"\"resource://d/a/it\"", "\"hyperty://d/c/x\""}, /* another sender */
        {"it/changes\"", "it/children/items\""},          /* another resource */
        {"a/it/changes\"", "a/other/changes\""},          /* another object */
        {"\"sealed\":\"A", "\"sealed\":\"Q"},             /* another generation */
        {"\"type\":", "\"id\":7,\"type\":"},              /* an id */
    };
    meet(state);
    write_word(at(state, ANN), "lapwing");
    hy_str_t *text = last_to(*state, HY_MSG_UPDATE, OBJECT "/changes");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        hy_str_t *changed = with(text, changes[i][0], changes[i][1]);
        assert_false(opens(at(state, BEN), changed));
        hy_str_unref(changed);
    }
}

static hy_str_t *nothing_passes(world_t *w, hy_str_t *text) {
    (void)w;
    (void)text;
    return NULL;
}

static void what_comes_again_is_heard_once(void **state) {
    world_t *w = *state;
    meet(state);
    write_word(at(state, ANN), "lapwing");
    hy_str_t *text = last_to(w, HY_MSG_UPDATE, OBJECT "/changes");
    hy__secret_t *s = secret_of(at(state, BEN));
    hy_msg_t *m = parsed(text), *opened;
    assert_int_equal(hy__line_open(&s->line, m, &opened), HY_ECONFLICT);
    hy_msg_unref(m);
    for (int i = 0; i < 3; i++)
        hand(at(state, BEN), text);
    run(w);
    assert_int_equal(hy_party_version(at(state, BEN)->party), 1);
}

static void what_is_not_sealed_is_not_heard(void **state) {
    static const char *const texts[] = {
        "{\"type\":\"delete\",\"from\":\"" OBJECT "/subscription\",\"to\":\"" OBJECT
        "/changes\",\"body\":{\"resource\":\"" OBJECT "\"}}",
        "{\"type\":\"event\",\"from\":\"" OBJECT "\",\"to\":\"" OBJECT
        "/changes\",\"body\":{\"mutual\":{\"generation\":99,\"keys\":{\"hyperty://d/b/x\":"
        "\"AAAA\"}}}}",
        "{\"type\":\"update\",\"from\":\"" OBJECT "\",\"to\":\"" OBJECT
        "/changes\",\"body\":{\"sealed\":\"AAAA\"}}",
        "{\"type\":\"update\",\"from\":\"" OBJECT "\",\"to\":\"" OBJECT
        "/changes\",\"body\":{\"sealed\":17}}",
        "{\"type\":\"create\",\"from\":\"hyperty://d/c/x\",\"to\":\"" OBJECT
        "/children/items\",\"body\":{\"resource\":\"x#1\",\"value\":{\"data\":{}}}}",
    };
    world_t *w = *state;
    meet(state);
    write_word(at(state, ANN), "lapwing");
    uint32_t generation = secret_of(at(state, BEN))->generation;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hy_str_t *text = hy_str_from(texts[i]);
        for (int place = ANN; place <= BEN; place++)
            hand(at(state, place), text);
        hy_str_unref(text);
        run(w);
        assert_true(hy_party_is_open(at(state, BEN)->party));
        assert_int_equal(secret_of(at(state, BEN))->generation, generation);
    }
    write_word(at(state, ANN), "godwit");
    advance(w, 60000);
    assert_string_equal(word_of(at(state, BEN)), "godwit");
}

/* --- handshakes ------------------------------------------------------------------------------- */

static void a_proof_is_good_once(void **state) {
    world_t *w = *state;
    assert_int_equal(create(at(state, ANN)), 0);
    assert_int_equal(subscribe(at(state, BEN)), 0);
    hy_str_t *proof = hy_str_ref(last_to(w, HY_MSG_SUBSCRIBE, OBJECT "/subscription"));
    assert_non_null(strstr(proof->bytes, "\"proof\""));
    uint32_t before = w->passed_count;
    hand(at(state, ANN), proof);
    run(w);
    /* It is asked for another one. */
    assert_int_equal(w->passed_count, before + 1);
    assert_non_null(strstr(w->passed[before]->bytes, "\"challenge\""));
    hy_str_unref(proof);
    write_word(at(state, ANN), "lapwing");
    assert_string_equal(word_of(at(state, BEN)), "lapwing");
}

static const char *the_find, *the_instead;

static hy_str_t *change_proof(world_t *w, hy_str_t *text) {
    (void)w;
    if (!strstr(text->bytes, the_find)) return hy_str_ref(text);
    return with(text, the_find, the_instead);
}

static void a_proof_is_of_who_gives_it(void **state) {
    static const char *const changes[][2] = {
        {"\"user\":\"user://d/ben\"", "\"user\":\"user://d/bob\""},
        {"\"user\":\"user://d/ann\"", "\"user\":\"user://d/amy\""},
        {"\"proof\":\"", "\"proof\":\"AAAA"},
        {"\"nonce\":\"", "\"nonce\":\"AAAA"},
        {"\"challenge\":\"", "\"challenge\":\"AAAA"},
        {"\"mutual\":{", "\"mutual\":{\"share\":17,\"x\":{"},
    };
    world_t *w = *state;
    assert_int_equal(create(at(state, ANN)), 0);
    for (size_t i = 0; i + 1 < sizeof changes / sizeof *changes; i++) {
        the_find = changes[i][0];
        the_instead = changes[i][1];
        w->rule = change_proof;
        assert_int_not_equal(subscribe(at(state, BEN)), 0);
        w->rule = NULL;
        advance(w, 10000);
    }
    assert_int_equal(subscribe(at(state, BEN)), 0);
}

static void a_share_of_low_order_is_none(void **state) {
    (void)state;
    hy__proof_t p = {.object = hy_str_from(OBJECT), .subscriber = hy_str_from("hyperty://d/b/x")};
    p.reporter_user = hy_str_from("user://d/ann");
    p.user = hy_str_from("user://d/ben");
    uint8_t private[HY_SHARE_BYTES] = {9}, key[HY_SECRET_BYTES];
    memset(p.reporter_share, 7, sizeof p.reporter_share);
    assert_int_equal(hy__proof_agree(&p, private, true, key), HY_EINVALID);
    p.share[0] = 1;
    assert_int_equal(hy__proof_agree(&p, private, true, key), HY_EINVALID);
    hy_str_unref(p.object);
    hy_str_unref(p.subscriber);
    hy_str_unref(p.reporter_user);
    hy_str_unref(p.user);
}

/* Carl says that he is ben, whose address the node gives him. */
static void nobody_comes_in_anothers_place(void **state) {
    world_t *w = *state;
    meet(state);
    hy_str_t *proof = last_to(w, HY_MSG_SUBSCRIBE, OBJECT "/subscription");
    assert_non_null(strstr(proof->bytes, "user://d/carl"));
    w->rule = nothing_passes; /* ben has not left */
    place_close(at(state, BEN));
    w->rule = NULL;
    place_open(w, BEN, "user://d/carl");
    assert_int_equal(subscribe(at(state, BEN)), HY_EFORBIDDEN);
    for (uint32_t i = 0; i < w->passed_count; i++)
        if (strstr(w->passed[i]->bytes, "for another user")) return;
    fail_msg("he was not told why");
}

static void another_key_of_a_user_is_refused(void **state) {
    world_t *w = *state;
    meet(state);
    place_close(at(state, CARL));
    run(w);
    place_open(w, CARL, "user://d/carl"); /* without a store it has another key */
    assert_int_equal(subscribe(at(state, CARL)), HY_EFORBIDDEN);
}

static void who_acts_for_nobody_takes_no_part(void **state) {
    world_t *w = *state;
    place_close(at(state, CARL));
    place_open(w, CARL, NULL);
    assert_int_equal(create(at(state, CARL)), HY_EINVALID);
    assert_int_equal(create(at(state, ANN)), 0);
    assert_int_equal(subscribe(at(state, CARL)), HY_EFORBIDDEN);
}

static void a_node_that_answers_itself_is_not_believed(void **state) {
    world_t *w = *state;
    meet(state);
    w->rule = nothing_passes;
    hy_str_t *url = hy_str_from(OBJECT), *ben = hy_str_from("hyperty://d/b/x");
    hy_msg_t *m = hy_msg_new(HY_MSG_READ, hy_int(5), ben, url, hy_absent());
    assert_int_equal(hy_bus_send(at(state, BEN)->bus, m), 0);
    run(w);
    hy_msg_t *yes =
        hy_msg_response(m, NULL, 200, NULL, hy__body1("data", hy__body1("word", hy_text("x"))));
    uint64_t delivered = hy_bus_stats(at(state, BEN)->bus).dropped;
    hand(at(state, BEN), hy_msg_text(yes, NULL));
    run(w);
    assert_int_equal(hy_bus_stats(at(state, BEN)->bus).dropped, delivered); /* it was not let in */
    hy_msg_unref(yes);
    hy_msg_unref(m);
    hy_str_unref(url);
    hy_str_unref(ben);
}

/* --- floods ----------------------------------------------------------------------------------- */

/* The first that Ben has said: that he wants to observe, with no proof yet. */
static hy_str_t *first_knock(const world_t *w) {
    for (uint32_t i = 0; i < w->passed_count; i++)
        if (strstr(w->passed[i]->bytes, "\"subscribe\"") &&
            strstr(w->passed[i]->bytes, OBJECT "/subscription\",") &&
            !strstr(w->passed[i]->bytes, "\"proof\""))
            return w->passed[i];
    fail_msg("nobody has knocked");
    return NULL;
}

static void knock_as(world_t *w, hy_str_t *knock, unsigned number) {
    char name[64];
    snprintf(name, sizeof name, "\"hyperty://d/b/%u\"", number);
    hy_str_t *text = with(knock, "\"hyperty://d/b/x\"", name);
    hand(&w->places[ANN], text);
    hy_str_unref(text);
    run(w);
}

static void knocks_without_end_are_bounded_and_keep_nobody_out(void **state) {
    world_t *w = *state;
    assert_int_equal(create(at(state, ANN)), 0);
    assert_int_equal(subscribe(at(state, BEN)), 0);
    hy_str_t *knock = hy_str_ref(first_knock(w));
    const hy__secrets_t *secrets = at(state, ANN)->manager->secrets;
    for (unsigned i = 0; i < HY_CHALLENGES_MAX + 10; i++)
        knock_as(w, knock, i);
    assert_int_equal(secrets->challenge_count, HY_CHALLENGES_MAX);
    assert_int_equal(subscribe(at(state, CARL)), 0);
    write_word(at(state, ANN), "lapwing");
    assert_string_equal(word_of(at(state, BEN)), "lapwing");
    assert_string_equal(word_of(at(state, CARL)), "lapwing");
    advance(w, HY_CHALLENGE_MS + 1);
    knock_as(w, knock, 0);
    assert_int_equal(secrets->challenge_count, 1);
    hy_str_unref(knock);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void without_memory_it_comes_to_nothing_or_all(void **state) {
    world_t *w = *state;
    assert_int_equal(create(at(state, ANN)), 0);
    for (int64_t n = 1; n < 400; n += 3) {
        hy_mem_fail_after(n);
        int code = subscribe(at(state, BEN));
        hy_mem_fail_after(-1);
        advance(w, 10000);
        if (code != 0 && !at(state, BEN)->party) continue;
        break;
    }
    if (!at(state, BEN)->party) assert_int_equal(subscribe(at(state, BEN)), 0);
    write_word(at(state, ANN), "lapwing");
    advance(w, 60000);
    assert_string_equal(word_of(at(state, BEN)), "lapwing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nothing_that_passes_tells_a_word),
        TEST(who_was_struck_off_opens_nothing_of_what_follows),
        TEST(who_was_struck_off_is_not_heard),
        TEST(each_byte_of_it_counts),
        TEST(what_it_is_bound_to_counts),
        TEST(what_comes_again_is_heard_once),
        TEST(what_is_not_sealed_is_not_heard),
        TEST(a_proof_is_good_once),
        TEST(a_proof_is_of_who_gives_it),
        TEST(a_share_of_low_order_is_none),
        TEST(nobody_comes_in_anothers_place),
        TEST(another_key_of_a_user_is_refused),
        TEST(who_acts_for_nobody_takes_no_part),
        TEST(a_node_that_answers_itself_is_not_believed),
        TEST(knocks_without_end_are_bounded_and_keep_nobody_out),
        TEST(without_memory_it_comes_to_nothing_or_all),
    };
    return cmocka_run_group_tests_name("mutual_hostile", tests, NULL, NULL);
}
