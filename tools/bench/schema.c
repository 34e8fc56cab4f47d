/* Bench: prints how many nanoseconds of processor time a check of a document takes.
 *
 *      schema SCHEMA.json COLLECTION DOCUMENT.json       COLLECTION "": the schema's root
 *
 * The best of some rounds: what is between them is other people's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "data/rules.h"

#define ROUNDS  7
#define ROUND_S 0.15

static void die(const char *what, const char *why) {
    fprintf(stderr, "schema: %s: %s\n", what, why);
    exit(1);
}

static hy_value_t read_file(const char *path) {
    static char text[4 << 20];
    hy_value_t v;
    hy_error_t err = {.text = ""};
    FILE *f = fopen(path, "rb");
    if (!f) die(path, "cannot be opened");
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    if (hy_json_read(text, len, HY_JSON_DEPTH_MAX, &v, &err) < 0) die(path, err.text);
    return v;
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double round_of(const hy_rule_t *rule, hy_value_t v, unsigned times) {
    double began = seconds();
    for (unsigned i = 0; i < times; i++) {
        if (hy_rule_check(rule, v, NULL) < 0) die("the document", "fits no more");
    }
    return seconds() - began;
}

int main(int argc, char **argv) {
    hy_error_t err = {.text = ""};
    hy_rules_t *rules;
    if (argc != 4) die("usage", "schema SCHEMA.json COLLECTION DOCUMENT.json");
    hy_value_t schema = read_file(argv[1]), document = read_file(argv[3]);
    if (hy_rules_compile(schema, NULL, "children", NULL, &rules, &err) < 0) die(argv[1], err.text);
    const hy_rule_t *rule = hy_rules_root(rules);
    if (argv[2][0]) rule = hy_rules_also(rules, argv[2], strlen(argv[2]));
    if (!rule) die(argv[2], "is no collection of this schema");
    if (hy_rule_check(rule, document, &err) < 0) die(argv[3], err.text);
    unsigned times = 1;
    while (round_of(rule, document, times) < ROUND_S / 4)
        times *= 2;
    double best = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        double round = round_of(rule, document, times * 4) / (times * 4);
        if (round < best) best = round;
    }
    printf("%.1f\n", best * 1e9);
    hy_rules_free(rules);
    hy_value_drop(schema);
    hy_value_drop(document);
    return 0;
}
