/* core/sync/policy: who asks is judged by rules and groups. Tables: a row is one policy and one
 * question. */
#include "policy_support.h"

typedef struct {
    const char *part, *question;
    bool applies;
} row_t;

/* Each part alone in an allowing rule. */
static void check_parts(const char *place, const row_t *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char text[1024], found[256];
        snprintf(text, sizeof text, "{'rules':[{'effect':'allow','%s':{%s}}]}", place,
                 rows[i].part);
        set_rules(text);
        judge(rows[i].question, found);
        if (strcmp(found, rows[i].applies ? "allow rule 1" : "none") != 0)
            fail_msg("row %zu, %s asked %s: %s", i, rows[i].part, rows[i].question, found);
    }
}

static void a_target_names_requests(void **state) {
    static const row_t rows[] = {
        {"", "{}", true},
        {"'action':'observe'", "{}", true},
        {"'action':'read'", "{}", false},
        {"'action':['read','observe']", "{}", true},
        {"'action':'create'", "{'action':'create'}", true},
        {"'resource':'comm://localhost/room'", "{}", true},
        {"'resource':'comm://localhost/roo'", "{}", false},
        {"'resource':'comm://localhost/*'", "{}", true},
        {"'resource':'comm://far/*'", "{}", false},
        {"'resource':'*'", "{}", true},
        {"'resource':'*'", "{'resource':null}", false},
        {"'schema':'Communication'", "{}", true},
        {"'schema':'Comm*'", "{}", true},
        {"'schema':'communication'", "{}", false},
        {"'name':['hall','room']", "{}", true},
        {"'name':'room'", "{'name':null}", false},
        {"'scheme':'comm'", "{}", true},
        {"'scheme':'com'", "{}", false},
        {"'scheme':'c*'", "{}", true},
        {"'scheme':'ctxt'", "{'resource':null,'scheme':'ctxt'}", true},
        {"'method':'open*'", "{'action':'execute','method':'open_door'}", true},
        {"'method':'open'", "{'action':'execute','method':'close'}", false},
        {"'method':'*'", "{}", false},
        {"'collection':'messages'", "{'action':'child','collection':'messages'}", true},
        {"'collection':'messages'", "{'action':'child','collection':'files'}", false},
        {"'action':'observe','name':'hall'", "{}", false},
    };
    (void)state;
    check_parts("target", rows, COUNT_OF(rows));
}

static void a_condition_holds_or_not(void **state) {
    static const row_t rows[] = {
        {"", "{}", true},
        {"'source':'user://localhost/ben'", "{}", true},
        {"'source':'hyperty://localhost/1'", "{}", true},
        {"'source':'hyperty://localhost/2'", "{}", false},
        {"'source':'user://localhost/*'", "{}", true},
        {"'source':'user://localhost/*'", "{'user':null}", false},
        {"'source':['user://a/b','hyperty://localhost/1']", "{'user':null}", true},
        {"'domain':'localhost'", "{}", true},
        {"'domain':'local'", "{}", false},
        {"'domain':['far','local*']", "{}", true},
        {"'scheme':'comm'", "{}", true},
        {"'resource':'comm://far/*'", "{}", false},
        {"'group':'friends'", "{}", true},
        {"'group':'friends'", "{'user':'user://localhost/eve'}", false},
        {"'group':'friends'", "{'user':null,'source':'hyperty://far/carl'}", true},
        {"'group':['nobody','staff']", "{'user':'user://office/anna'}", true},
        {"'group':'nobody'", "{}", false},
        {"'verified':true", "{}", false},
        {"'verified':true", "{'verified':true}", true},
        {"'verified':false", "{}", true},
        {"'source':'user://localhost/ben','verified':true", "{}", false},
        {"'all':[{'domain':'localhost'},{'group':'friends'}]", "{}", true},
        {"'all':[{'domain':'localhost'},{'group':'staff'}]", "{}", false},
        {"'any':[{'domain':'far'},{'group':'friends'}]", "{}", true},
        {"'any':[{'domain':'far'},{'group':'staff'}]", "{}", false},
        {"'none':{'group':'staff'}", "{}", true},
        {"'none':{'domain':'localhost','group':'staff'}", "{}", true},
        {"'none':{'domain':'localhost','group':'friends'}", "{}", false},
        {"'none':[{'group':'staff'},{'group':'friends'}]", "{}", false},
        {"'none':[{'none':{'group':'friends'}}]", "{}", true},
        {"'any':[{'all':[{'domain':'far'}]},{'none':{'domain':'far'}}]", "{}", true},
        /* Who has no user is not one of them; what is not known decides nothing. */
        {"'none':{'source':'user://localhost/*'}", "{'user':null}", true},
        {"'none':{'resource':'comm://far/*'}", "{'resource':null}", false},
        {"'any':[{'resource':'comm://far/*'},{'domain':'localhost'}]", "{'resource':null}", true},
        {"'none':{'group':'friends'}", "{'source':null,'user':null}", false},
    };
    (void)state;
    check_parts("condition", rows, COUNT_OF(rows));
}

static void time_is_that_of_the_zone(void **state) {
    static const struct {
        const char *zone, *part, *at;
        bool applies;
    } rows[] = {
        /* 2026-11-23 is a Monday. */
        {"UTC", "'time':'08:00-18:30'", "2026-11-23T08:00:00Z", true},
        {"UTC", "'time':'08:00-18:30'", "2026-11-23T07:59:59Z", false},
        {"UTC", "'time':'08:00-18:30'", "2026-11-23T18:29:59Z", true},
        {"UTC", "'time':'08:00-18:30'", "2026-11-23T18:30:00Z", false},
        {"UTC", "'time':'22:00-06:00'", "2026-11-23T21:59:59Z", false},
        {"UTC", "'time':'22:00-06:00'", "2026-11-23T22:00:00Z", true},
        {"UTC", "'time':'22:00-06:00'", "2026-11-23T23:59:59Z", true},
        {"UTC", "'time':'22:00-06:00'", "2026-11-24T00:00:00Z", true},
        {"UTC", "'time':'22:00-06:00'", "2026-11-24T05:59:59Z", true},
        {"UTC", "'time':'22:00-06:00'", "2026-11-24T06:00:00Z", false},
        {"UTC", "'time':['01:00-02:00','18:00-24:00']", "2026-11-23T23:59:00Z", true},
        {"UTC", "'time':'00:00-24:00'", "2026-11-23T00:00:00Z", true},
        {"+01:00", "'time':'08:00-18:30'", "2026-11-23T07:00:00Z", true},
        {"+01:00", "'time':'08:00-18:30'", "2026-11-23T17:30:00Z", false},
        {"-05:30", "'time':'08:00-18:30'", "2026-11-23T13:29:00Z", false},
        {"-05:30", "'time':'08:00-18:30'", "2026-11-23T13:30:00Z", true},
        {"UTC", "'weekday':'mon'", "2026-11-23T00:00:00Z", true},
        {"UTC", "'weekday':'mon'", "2026-11-22T23:59:59Z", false},
        {"UTC", "'weekday':'tue-fri'", "2026-11-23T12:00:00Z", false},
        {"UTC", "'weekday':'fri-mon'", "2026-11-23T12:00:00Z", true},
        {"UTC", "'weekday':'fri-mon'", "2026-11-24T12:00:00Z", false},
        {"UTC", "'weekday':['sat','sun']", "2026-11-22T12:00:00Z", true},
        {"+14:00", "'weekday':'tue'", "2026-11-23T10:00:00Z", true},
        {"-01:00", "'weekday':'sun'", "2026-11-23T00:30:00Z", true},
        {"UTC", "'weekday':'thu'", "1970-01-01T00:00:00Z", true},
        {"-01:00", "'weekday':'wed','time':'23:00-24:00'", "1970-01-01T00:00:00Z", true},
        {"UTC", "'date':'2026-12-24'", "2026-12-24T23:59:59Z", true},
        {"UTC", "'date':'2026-12-24'", "2026-12-25T00:00:00Z", false},
        {"UTC", "'date':'2026-12-24/2027-01-06'", "2027-01-06T23:59:59Z", true},
        {"UTC", "'date':'2026-12-24/2027-01-06'", "2027-01-07T00:00:00Z", false},
        {"+01:00", "'date':'2026-12-24'", "2026-12-23T23:00:00Z", true},
        {"UTC", "'date':'2024-02-29'", "2024-02-29T12:00:00Z", true},
        {"UTC", "'weekday':'fri','time':'22:00-06:00'", "2026-11-28T02:00:00Z", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[512], question[128], found[256];
        snprintf(text, sizeof text, "{'zone':'%s','rules':[{'effect':'deny','condition':{%s}}]}",
                 rows[i].zone, rows[i].part);
        set_rules(text);
        assert_true(hy_policy_is_timed(policy));
        snprintf(question, sizeof question, "{'at':'%s'}", rows[i].at);
        judge(question, found);
        if (strcmp(found, rows[i].applies ? "deny rule 1" : "none") != 0)
            fail_msg("row %zu, %s %s at %s: %s", i, rows[i].zone, rows[i].part, rows[i].at, found);
    }
}

static void rules_are_combined(void **state) {
#define FRIENDS "{'name':'friends','effect':'allow','condition':{'group':'friends'}}"
#define NIGHT   "{'effect':'deny','condition':{'time':'22:00-06:00'}}"
#define ALL     "{'name':'all','effect':'allow'}"
    static const struct {
        const char *combining, *rules, *at, *wanted;
    } rows[] = {
        {"first-applicable", FRIENDS "," NIGHT "," ALL, "23:00", "allow rule \"friends\""},
        {"first-applicable", NIGHT "," FRIENDS "," ALL, "23:00", "deny rule 1"},
        {"first-applicable", NIGHT "," FRIENDS "," ALL, "12:00", "allow rule \"friends\""},
        {"allow-overrides", NIGHT "," ALL "," FRIENDS, "23:00", "allow rule \"all\""},
        {"allow-overrides", NIGHT, "23:00", "deny rule 1"},
        {"allow-overrides", FRIENDS "," NIGHT, "12:00", "allow rule \"friends\""},
        {"deny-overrides", FRIENDS "," ALL "," NIGHT, "23:00", "deny rule 3"},
        {"deny-overrides", FRIENDS "," ALL "," NIGHT, "12:00", "allow rule \"friends\""},
        {"deny-overrides", NIGHT, "12:00", "none"},
        {"first-applicable", "", "12:00", "none"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[1024], question[128], found[256];
        snprintf(text, sizeof text, "{'combining':'%s','rules':[%s]}", rows[i].combining,
                 rows[i].rules);
        set_rules(text);
        snprintf(question, sizeof question, "{'at':'2026-11-23T%s:00Z'}", rows[i].at);
        judge(question, found);
        assert_string_equal(found, rows[i].wanted);
    }
    set_rules("{'rules':[" NIGHT "," ALL "]}"); /* if it is not said */
    char found[256];
    judge("{'at':'2026-11-23T23:00:00Z'}", found);
    assert_string_equal(found, "deny rule 1");
}

/* --- groups ----------------------------------------------------------------------------------- */

static int add(const char *group, const char *member, hy_error_t *err) {
    hy_str_t *name = hy_str_from(group), *url = hy_str_from(member);
    int rc = hy_policy_group_add(policy, name, url, err);
    hy_str_unref(name);
    hy_str_unref(url);
    return rc;
}

static void take_out(const char *group, const char *member) {
    hy_str_t *name = hy_str_from(group), *url = hy_str_from(member);
    hy_policy_group_remove(policy, name, url);
    hy_str_unref(name);
    hy_str_unref(url);
}

static void a_group_is_edited(void **state) {
    char found[256];
    hy_value_t v;
    (void)state;
    set_rules("{'rules':[{'effect':'allow','condition':{'group':'band'}}]}");
    judge("{}", found);
    assert_string_equal(found, "none");
    assert_int_equal(add("band", "user://localhost/ben", NULL), 0);
    assert_int_equal(add("band", "user://localhost/ben", NULL), 0);
    judge("{}", found);
    assert_string_equal(found, "allow rule 1");
    take_out("band", "user://localhost/ben");
    take_out("band", "user://localhost/ben");
    judge("{}", found);
    assert_string_equal(found, "none");
    assert_int_equal(add("band", "user://localhost/*", NULL), 0);
    judge("{}", found);
    assert_string_equal(found, "allow rule 1");
    take_out("band", "user://localhost/*");
    judge("{}", found);
    assert_string_equal(found, "none");
    assert_int_equal(hy_policy_groups(policy, &v), 0);
    assert_text_of(v, "{\"friends\":[\"user://localhost/ben\",\"hyperty://far/carl\"],"
                      "\"staff\":[\"user://office/*\"],\"nobody\":[],"
                      "\"band\":[\"user://localhost/dave\"]}");
    hy_value_drop(v);
}

static void a_member_is_a_url(void **state) {
    hy_error_t err;
    (void)state;
    assert_int_equal(add("friends", "ben", &err), HY_EINVALID);
    assert_string_equal(err.text, "groups: friends: \"ben\" is no URL of a user (user://…) or "
                                  "hyperty (hyperty://…)");
    assert_int_equal(add("friends", "user://*/ben", &err), HY_EINVALID);
    assert_string_equal(err.text,
                        "groups: friends: \"user://*/ben\": * stands for the rest at the end");
    assert_int_equal(add("", "user://localhost/ben", &err), HY_EINVALID);
    assert_string_equal(err.text, "groups: a name has 1 to 128 characters");
}

static void groups_are_bounded(void **state) {
    char name[32];
    hy_error_t err;
    (void)state;
    for (uint32_t i = 4; i < HY_GROUPS_MAX; i++) {
        snprintf(name, sizeof name, "group %u", i);
        assert_int_equal(add(name, "user://localhost/ben", NULL), 0);
    }
    assert_int_equal(add("one more", "user://localhost/ben", &err), HY_EFULL);
    assert_string_equal(err.text, "groups: there are 1024 already");
    for (uint32_t i = 2; i < HY_GROUP_MEMBERS_MAX; i++) {
        snprintf(name, sizeof name, "user://localhost/%u", i);
        assert_int_equal(add("friends", name, NULL), 0);
    }
    assert_int_equal(add("friends", "user://localhost/more", &err), HY_EFULL);
    assert_string_equal(err.text, "groups: friends has 65536 members already");
    assert_int_equal(add("friends", "user://localhost/ben", NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        POLICY_TEST(a_target_names_requests),  POLICY_TEST(a_condition_holds_or_not),
        POLICY_TEST(time_is_that_of_the_zone), POLICY_TEST(rules_are_combined),
        POLICY_TEST(a_group_is_edited),        POLICY_TEST(a_member_is_a_url),
        POLICY_TEST(groups_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
