/* For the specs of core/data/rules.h: documents compiled, and what is said of data. */
#ifndef SPEC_DATA_RULES_SUPPORT_H
#define SPEC_DATA_RULES_SUPPORT_H

#include "support.h"

#include "data/rules_compile.h"

#include <stdio.h>

#define D2020 "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
#define D4    "\"$schema\":\"http://json-schema.org/draft-04/schema#\","

typedef struct {
    const char *schema, *data;
    const char *text; /* NULL: it fits */
} case_t;

static inline hy_rules_t *rules_of(const char *schema) {
    hy_value_t document = value_of(schema);
    hy_rules_t *rules = NULL;
    hy_error_t err = {.text = ""};
    int rc = hy_rules_compile(document, NULL, NULL, NULL, &rules, &err);
    hy_value_drop(document);
    if (rc) print_error("%s: %s\n", schema, err.text);
    assert_int_equal(rc, 0);
    return rules;
}

static inline void assert_cases(const case_t *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hy_rules_t *rules = rules_of(cases[i].schema);
        hy_value_t data = value_of(cases[i].data);
        hy_error_t err = {.text = ""};
        int rc = hy_rule_check(hy_rules_root(rules), data, &err);
        if ((rc == 0) != !cases[i].text)
            print_error("%s: %s: %s\n", cases[i].schema, cases[i].data, err.text);
        assert_int_equal(rc, cases[i].text ? HY_ESCHEMA : 0);
        assert_int_equal(hy_rule_check(hy_rules_root(rules), data, NULL), rc);
        if (cases[i].text) assert_string_equal(err.text, cases[i].text);
        hy_value_drop(data);
        hy_rules_free(rules);
    }
}

/* So many levels of `open`, then `close` as often. */
static inline char *nested(const char *open, const char *middle, const char *close,
                           unsigned levels) {
    static char text[1 << 20];
    char *at = text;
    for (unsigned i = 0; i < levels; i++)
        at += sprintf(at, "%s", open);
    at += sprintf(at, "%s", middle);
    for (unsigned i = 0; i < levels; i++)
        at += sprintf(at, "%s", close);
    return text;
}

/* Much of what a schema can have. */
static inline const char *rich(void) {
    return "{" D2020
           "\"$id\":\"http://a.example/rich\",\"children\":{\"messages\":{\"type\":\"object\"}},"
           "\"$defs\":{\"a\":{\"$id\":\"a\",\"$dynamicAnchor\":\"x\",\"enum\":[1,2,3,4,5,6,7,8,9,["
           "1]]},"
           "\"b\":{\"$dynamicAnchor\":\"x\",\"const\":{\"a\":[1]}}},"
           "\"properties\":{\"p\":{\"$dynamicRef\":\"a#x\"},\"q\":{\"pattern\":\"a+b\",\"format\":"
           "\"uri-reference\","
           "\"maxLength\":3}},\"patternProperties\":{\"^x\":{\"minimum\":1}},\"required\":[\"q\"],"
           "\"dependentRequired\":{\"a\":[\"b\",\"c\"]},\"dependentSchemas\":{\"d\":{\"not\":false}"
           "},"
           "\"anyOf\":[{\"prefixItems\":[true]},{\"contains\":{}}],\"unevaluatedProperties\":"
           "{\"uniqueItems\":true,\"$ref\":\"http://json-schema.org/draft-07/schema#/definitions/"
           "schemaArray\"}}";
}

#endif
