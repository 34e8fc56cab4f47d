/* core/sync/policy_read: rules are read, or refused with their place. A row of the table is one
 * mistake and its text. */
#include "policy_support.h"

/* --- mistakes --------------------------------------------------------------------------------- */

static void a_mistake_is_refused_with_its_place(void **state) {
    static const struct {
        const char *policy, *text;
    } rows[] = {
        {"{'rules':[{'name':'no guests at "
         "night','effect':'deny','condition':{'tiem':'22:00-06:00'}}]}",
         "policy: rule \"no guests at night\": condition: there is no \"tiem\"; did you mean "
         "time?"},
        {"{'rules':[{'effect':'deny'},{'effect':'deny','condition':{'wether':'rain'}}]}",
         "policy: rule 2: condition: there is no \"wether\"; there are resource, scheme, source, "
         "domain, group, time, weekday, date, verified, all, any, none"},
        {"{'rules':[{'effect':'deny','target':{'acton':'read'}}]}",
         "policy: rule 1: target: there is no \"acton\"; did you mean action?"},
        {"{'rules':[{'effect':'deny','target':{'group':'friends'}}]}",
         "policy: rule 1: target: \"group\" belongs into the condition"},
        {"{'rules':[{'effect':'deny','condition':{'action':'read'}}]}",
         "policy: rule 1: condition: \"action\" belongs into the target"},
        {"{'rules':[{'effect':'deny','target':{'action':'obsrve'}}]}",
         "policy: rule 1: target: action: there is no \"obsrve\"; did you mean observe?"},
        {"{'rules':[{'effect':'deny','target':{'action':'fly'}}]}",
         "policy: rule 1: target: action: there is no \"fly\"; there are create, observe, read, "
         "child, execute"},
        {"{'rules':[{'effect':'alow'}]}",
         "policy: rule 1: effect: there is no \"alow\"; did you mean allow?"},
        {"{'rules':[{'effect':true}]}", "policy: rule 1: effect must be \"allow\" or \"deny\""},
        {"{'rules':[{'name':'open'}]}",
         "policy: rule \"open\": it has no effect; say effect = \"allow\" or \"deny\""},
        {"{'rules':[{'effect':'deny','efect':'deny'}]}",
         "policy: rule 1: there is no \"efect\"; did you mean effect?"},
        {"{'rules':['deny']}", "policy: rule 1: must be an object"},
        {"{'rules':[{'name':7,'effect':'deny'}]}",
         "policy: rule 1: name must be a text of 1 to 128 bytes"},
        {"{'rules':'deny'}", "policy: rules must be a list"},
        {"{'rules':{'effect':'deny'}}", "policy: rules must be a list"},
        {"{'ruls':[]}", "policy: there is no \"ruls\"; did you mean rules?"},
        {"{'combining':'deny-override'}",
         "policy: combining: there is no \"deny-override\"; did you mean deny-overrides?"},
        {"{'combining':1}", "policy: combining must be a text"},
        {"{'zone':'CET'}", "policy: zone must be like \"+01:00\" or \"UTC\""},
        {"{'zone':'+15:00'}", "policy: zone must be like \"+01:00\" or \"UTC\""},
        {"{'zone':'+1:00'}", "policy: zone must be like \"+01:00\" or \"UTC\""},
        {"{'rules':[{'effect':'deny','condition':{'time':'8-18'}}]}",
         "policy: rule 1: condition: time: \"8-18\" is not like \"08:00-18:30\""},
        {"{'rules':[{'effect':'deny','condition':{'time':'08:00-24:01'}}]}",
         "policy: rule 1: condition: time: \"08:00-24:01\" is not like \"08:00-18:30\""},
        {"{'rules':[{'effect':'deny','condition':{'time':'08:60-09:00'}}]}",
         "policy: rule 1: condition: time: \"08:60-09:00\" is not like \"08:00-18:30\""},
        {"{'rules':[{'effect':'deny','condition':{'time':'08:00-08:00'}}]}",
         "policy: rule 1: condition: time: \"08:00-08:00\" is not like \"08:00-18:30\""},
        {"{'rules':[{'effect':'deny','condition':{'time':'08:00-18:30 '}}]}",
         "policy: rule 1: condition: time: \"08:00-18:30 \" is not like \"08:00-18:30\""},
        {"{'rules':[{'effect':'deny','condition':{'weekday':'mo'}}]}",
         "policy: rule 1: condition: weekday: there is no \"mo\"; did you mean mon?"},
        {"{'rules':[{'effect':'deny','condition':{'weekday':'mon-frx'}}]}",
         "policy: rule 1: condition: weekday: \"mon-frx\" is not like \"mon-fri\""},
        {"{'rules':[{'effect':'deny','condition':{'date':'2026-02-29'}}]}",
         "policy: rule 1: condition: date: \"2026-02-29\" is not like \"2026-12-24\" or "
         "\"2026-12-24/2027-01-06\""},
        {"{'rules':[{'effect':'deny','condition':{'date':'2026-12-24/2026-12-23'}}]}",
         "policy: rule 1: condition: date: \"2026-12-24/2026-12-23\" is not like \"2026-12-24\" or "
         "\"2026-12-24/2027-01-06\""},
        {"{'rules':[{'effect':'deny','condition':{'group':'freinds'}}]}",
         "policy: rule 1: condition: group: there is no \"freinds\"; did you mean friends?"},
        {"{'rules':[{'effect':'deny','condition':{'group':'enemies'}}]}",
         "policy: rule 1: condition: group: there is no \"enemies\"; add it to the groups first"},
        {"{'rules':[{'effect':'deny','condition':{'source':'ben'}}]}",
         "policy: rule 1: condition: source: \"ben\" is no URL"},
        {"{'rules':[{'effect':'deny','condition':{'source':'user://*/ben'}}]}",
         "policy: rule 1: condition: source: \"user://*/ben\": * stands for the rest at the end"},
        {"{'rules':[{'effect':'deny','condition':{'domain':'hyperty://localhost'}}]}",
         "policy: rule 1: condition: domain: \"hyperty://localhost\" is a URL; give the domain "
         "alone"},
        {"{'rules':[{'effect':'deny','condition':{'source':[]}}]}",
         "policy: rule 1: condition: source: the list is empty"},
        {"{'rules':[{'effect':'deny','condition':{'source':['user://a/b',1]}}]}",
         "policy: rule 1: condition: source must be a text or a list of texts"},
        {"{'rules':[{'effect':'deny','condition':{'source':''}}]}",
         "policy: rule 1: condition: source must be a text or a list of texts"},
        {"{'rules':[{'effect':'deny','condition':{'verified':'yes'}}]}",
         "policy: rule 1: condition: verified must be true or false"},
        {"{'rules':[{'effect':'deny','condition':{'any':{'domain':'a'}}}]}",
         "policy: rule 1: condition: any must be a list of conditions, and not an empty one"},
        {"{'rules':[{'effect':'deny','condition':{'none':[]}}]}",
         "policy: rule 1: condition: none must be a list of conditions, and not an empty one"},
        {"{'rules':[{'effect':'deny','condition':[{'domain':'a'}]}]}",
         "policy: rule 1: condition: must be an object; a list goes into all, any or none"},
        {"{'rules':[{'effect':'deny','condition':{'any':[{'all':[{'tim':'1'}]}]}}]}",
         "policy: rule 1: condition: there is no \"tim\"; did you mean time?"},
    };
    (void)state;
    set_rules("{'rules':[{'name':'before','effect':'allow'}]}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        hy_error_t err = {.text = ""};
        char found[256];
        assert_int_equal(read_quoted(rows[i].policy, &err), HY_EINVALID);
        assert_string_equal(err.text, rows[i].text);
        judge("{}", found);
        assert_string_equal(found, "allow rule \"before\""); /* which stays */
    }
}

static void what_is_too_much_is_refused(void **state) {
    (void)state;
    hy_buf_t b;
    hy_error_t err = {.text = ""};
    hy_buf_init(&b);
    hy_buf_text(&b, "{\"rules\":[{\"effect\":\"deny\"}");
    for (uint32_t i = 0; i < HY_POLICY_RULES_MAX; i++)
        hy_buf_text(&b, ",{\"effect\":\"deny\"}");
    hy_buf_text(&b, "]}");
    hy_buf_char(&b, '\0');
    assert_int_equal(read_text(b.bytes, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, "policy: there are more than 1024 rules");
    b.len = 0;
    hy_buf_text(&b, "{\"rules\":[{\"effect\":\"deny\",\"condition\":{");
    for (uint32_t i = 0; i <= HY_POLICY_DEPTH_MAX; i++)
        hy_buf_text(&b, "\"none\":{");
    hy_buf_text(&b, "\"domain\":\"a\"");
    for (uint32_t i = 0; i <= HY_POLICY_DEPTH_MAX; i++)
        hy_buf_char(&b, '}');
    hy_buf_text(&b, "}}]}");
    hy_buf_char(&b, '\0');
    assert_int_equal(read_text(b.bytes, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text, "policy: rule 1: condition: conditions nest more than 32 deep");
    b.len = 0;
    hy_buf_text(&b, "{\"rules\":[{\"effect\":\"deny\",\"target\":{\"name\":[\"a\"");
    for (uint32_t i = 0; i < HY_POLICY_TERMS_MAX; i++)
        hy_buf_text(&b, ",\"a\"");
    hy_buf_text(&b, "]}}]}");
    hy_buf_char(&b, '\0');
    assert_int_equal(read_text(b.bytes, &err), HY_ETOO_LARGE);
    assert_string_equal(err.text,
                        "policy: rule 1: target: there are more than 65536 texts and conditions");
    hy_buf_deinit(&b);
}

static void rules_are_given_back_as_they_were_read(void **state) {
    hy_value_t v;
    (void)state;
    assert_int_equal(hy_policy_rules(policy, &v), 0);
    assert_text_of(v, "{}");
    hy_value_drop(v);
    set_rules("{'rules':[{'effect':'deny','target':{'action':'read'}}]}");
    assert_false(hy_policy_is_timed(policy));
    assert_int_equal(hy_policy_rules(policy, &v), 0);
    assert_text_of(v, "{\"rules\":[{\"effect\":\"deny\",\"target\":{\"action\":\"read\"}}]}");
    hy_value_drop(v);
    assert_int_equal(hy_policy_read(policy, NULL, NULL), 0); /* none */
    char found[256];
    judge("{'action':'read'}", found);
    assert_string_equal(found, "none");
}

/* --- memory ----------------------------------------------------------------------------------- */

static void what_fails_in_between_leaves_the_rules_of_before(void **state) {
    static const char text[] =
        "{\"zone\":\"+01:00\",\"rules\":[{\"name\":\"a\",\"effect\":\"deny\",\"target\":"
        "{\"action\":[\"read\"],\"name\":\"x\"},\"condition\":{\"any\":[{\"group\":\"friends\"},"
        "{\"time\":\"01:00-02:00\",\"date\":\"2026-01-01\"}],\"verified\":true}}]}";
    char found[256];
    (void)state;
    set_rules("{'rules':[{'name':'before','effect':'allow'}]}");
    hy_value_t v = value_of(text);
    int rc = HY_ENOMEM;
    int64_t n;
    for (n = 1; rc != 0; n++) {
        hy_mem_fail_after(n);
        rc = hy_policy_read(policy, v.as.n, NULL);
        hy_mem_fail_after(-1);
        if (rc == 0) break;
        assert_int_equal(rc, HY_ENOMEM);
        judge("{}", found);
        assert_string_equal(found, "allow rule \"before\"");
    }
    assert_true(n > 8);
    hy_value_drop(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        POLICY_TEST(a_mistake_is_refused_with_its_place),
        POLICY_TEST(what_is_too_much_is_refused),
        POLICY_TEST(rules_are_given_back_as_they_were_read),
        POLICY_TEST(what_fails_in_between_leaves_the_rules_of_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
