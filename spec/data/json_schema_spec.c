/* The JSON Schema test suite (spec/data/json_schema/, a copy of its data), drafts 4, 7 and 2020-12:
 * all that is required, and what is optional but for the cases below, each with its reason. A case
 * that is skipped and would pass fails, so that the list stays true. */
#include "support.h"

#include "data/rules_compile.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SUITE   "spec/data/json_schema/"
#define REMOTES "http://localhost:1234/"

/* --- what is skipped -------------------------------------------------------------------------- */

/* Cases that are skipped: those that want something refused which is let in here, or all. */
typedef enum { REFUSALS, ALL } which_t;

typedef struct {
    const char *drafts; /* "4 7 2020-12" */
    const char *file;   /* in optional/ or optional/format/, without .json */
    const char *group;  /* its description; NULL: all of the file */
    which_t which;
    const char *reason;
} skip_t;

static const skip_t skips[] = {
    {"4", "zeroTerminatedFloats", NULL, REFUSALS, "1.0 is an integer, as later drafts have it"},
    {"7", "content", NULL, REFUSALS, "contentEncoding and contentMediaType tell, and assert not"},
    {"7 2020-12", "cross-draft", NULL, ALL, "draft 2019-09 is not one of the three"},
    {"7 2020-12", "hostname", "validation of A-label (punycode) host names", REFUSALS,
     "Punycode is not decoded, so rules of IDNA are not looked at"},
    {"7 2020-12", "idn-hostname", NULL, REFUSALS,
     "a format that is all about the rules of IDNA, and not known"},
};

static bool is_skipped(const char *draft, const char *file, const char *group, bool is_refusal) {
    for (size_t i = 0; i < COUNT_OF(skips); i++) {
        const skip_t *s = &skips[i];
        if (strstr(s->drafts, draft) && strcmp(s->file, file) == 0 &&
            (!s->group || strcmp(s->group, group) == 0) && (s->which == ALL || is_refusal))
            return true;
    }
    return false;
}

/* --- documents -------------------------------------------------------------------------------- */

static hy_value_t read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    hy_value_t v = hy_absent();
    if (!f) return v;
    static char text[1 << 20];
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    hy_error_t err = {.text = ""};
    int rc = hy_json_read(text, len, HY_JSON_DEPTH_MAX, &v, &err);
    if (rc) print_error("%s: %s\n", path, err.text);
    assert_int_equal(rc, 0);
    return v;
}

/* What the suite serves at localhost:1234, read once. */
static hy_value_t find_remote(void *arg, const char *uri, size_t len) {
    hy_node_t *remotes = arg;
    char path[512];
    if (len < strlen(REMOTES) || memcmp(uri, REMOTES, strlen(REMOTES)) != 0) return hy_absent();
    hy_value_t v = hy_node_get(remotes, uri, len);
    if (v.kind != HY_ABSENT) return v;
    snprintf(path, sizeof path, SUITE "remotes/%.*s", (int)(len - strlen(REMOTES)),
             uri + strlen(REMOTES));
    v = read_file(path);
    hy_str_t *key = hy_str_new(uri, len);
    if (v.kind != HY_ABSENT) assert_int_equal(hy_node_set(remotes, key, v, NULL), 0);
    hy_str_unref(key);
    return v;
}

/* --- running ---------------------------------------------------------------------------------- */

typedef struct {
    const char *draft, *file; /* "2020-12", "allOf" */
    bool is_optional;
    hy_node_t *remotes;
    unsigned required, optional, skipped, wrong; /* cases */
} suite_t;

/* A case that is skipped must go wrong: else it need not be skipped. */
static void judge(suite_t *s, const char *group, const hy_node_t *test, bool is_right,
                  const char *text) {
    bool is_refusal = !hy_get_bool(test, "valid", false);
    bool skip = s->is_optional && is_skipped(s->draft, s->file, group, is_refusal);
    ++*(skip ? &s->skipped : s->is_optional ? &s->optional : &s->required);
    if (is_right != skip) return;
    s->wrong++;
    print_error("%s %s%s: %s: %s: %s\n", s->draft, s->is_optional ? "optional/" : "", s->file,
                group, hy_get_str(test, "description")->bytes,
                skip ? "is skipped, and passes" : text);
}

static void run_case(suite_t *s, const char *group, const hy_rules_t *rules, const char *refused,
                     const hy_node_t *test) {
    bool is_valid = hy_get_bool(test, "valid", false);
    hy_error_t err = {.text = "fits"};
    if (!rules) {
        judge(s, group, test, false, refused);
        return;
    }
    hy_value_t data = hy_get(test, "data");
    int rc = hy_rule_check(hy_rules_root(rules), data, &err);
    assert_true(rc == 0 || rc == HY_ESCHEMA);
    assert_int_equal(rc, hy_rule_check(hy_rules_root(rules), data, NULL));
    judge(s, group, test, (rc == 0) == is_valid, err.text);
}

/* Draft 4 is not what a document is taken for that says nothing. */
static void say_draft(const suite_t *s, hy_value_t schema) {
    if (strcmp(s->draft, "4") != 0 || schema.kind != HY_OBJECT) return;
    if (hy_get(schema.as.n, "$schema").kind == HY_ABSENT)
        hy_put(schema.as.n, "$schema", hy_text("http://json-schema.org/draft-04/schema#"));
}

/* That "format" only annotates is what the drafts have by default, and what these cases ask for;
 * for documents of people it asserts, as the optional ones ask. */
static unsigned flags_of(const suite_t *s) {
    return !s->is_optional && strcmp(s->file, "format") == 0 ? HY__FORMATS_ANNOTATE : 0;
}

static void run_cases(suite_t *s, const hy_node_t *group) {
    hy_rules_source_t source = {find_remote, s->remotes};
    hy_value_t schema = hy_get(group, "schema");
    const hy_node_t *tests = hy_get_array(group, "tests");
    hy_rules_t *rules = NULL;
    hy_error_t err = {.text = ""};
    say_draft(s, schema);
    hy__rules_compile(schema, NULL, NULL, &source, flags_of(s), &rules, &err);
    for (size_t i = 0; i < hy_node_count(tests); i++) {
        run_case(s, hy_get_str(group, "description")->bytes, rules, err.text,
                 hy_node_at(tests, i).as.n);
    }
    hy_rules_free(rules);
}

static void run_file(suite_t *s, const char *folder, const char *name) {
    char path[512], file[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(file, sizeof file, "%.*s", (int)(strlen(name) - strlen(".json")), name);
    hy_value_t groups = read_file(path);
    s->file = file;
    assert_int_equal(groups.kind, HY_ARRAY);
    for (size_t i = 0; i < hy_node_count(groups.as.n); i++)
        run_cases(s, hy_node_at(groups.as.n, i).as.n);
    hy_value_drop(groups);
}

static void run_folder(suite_t *s, const char *folder) {
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    if (count < 0) print_error("%s: %s\n", folder, strerror(errno));
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        size_t len = strlen(names[i]->d_name);
        if (len > 5 && strcmp(names[i]->d_name + len - 5, ".json") == 0)
            run_file(s, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

static void run_draft(const char *draft, unsigned required_min) {
    suite_t s = {.draft = draft, .remotes = hy_node_new(HY_OBJECT)};
    char folder[128];
    snprintf(folder, sizeof folder, SUITE "tests/draft%s", draft);
    run_folder(&s, folder);
    s.is_optional = true;
    snprintf(folder, sizeof folder, SUITE "tests/draft%s/optional", draft);
    run_folder(&s, folder);
    snprintf(folder, sizeof folder, SUITE "tests/draft%s/optional/format", draft);
    run_folder(&s, folder);
    hy_node_unref(s.remotes);
    printf("draft %s: %u required, %u optional, %u skipped\n", draft, s.required, s.optional,
           s.skipped);
    assert_int_equal(s.wrong, 0);
    assert_true(s.required >= required_min); /* none is lost on the way */
}

static void draft_4_passes(void **state) {
    (void)state;
    run_draft("4", 618);
}

static void draft_7_passes(void **state) {
    (void)state;
    run_draft("7", 927);
}

static void draft_2020_12_passes(void **state) {
    (void)state;
    run_draft("2020-12", 1299);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(draft_4_passes),
        TEST(draft_7_passes),
        TEST(draft_2020_12_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
