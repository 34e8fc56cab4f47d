/* core/base/similar: what was meant by a name that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/similar.h"

static const char *const NAMES[] = {"Communication", "Context", "Connection", "Resource", "ab"};

static const char *meant(hy_similar_t *s, const char *wanted) {
    hy_similar_init(s, wanted);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        hy_similar_offer(s, NAMES[i]);
    return hy_similar_best(s);
}

static void a_misspelt_name_is_known_by_its_letters(void **state) {
    (void)state;
    hy_similar_t s;
    assert_string_equal(meant(&s, "Comunication"), "Communication");
    assert_string_equal(meant(&s, "Contetx"), "Context");
    assert_string_equal(meant(&s, "Resourcess"), "Resource");
    assert_string_equal(meant(&s, "connection"), "Connection");
}

static void what_is_far_off_means_nothing(void **state) {
    (void)state;
    hy_similar_t s;
    assert_null(meant(&s, "Thermometer"));
    assert_null(meant(&s, "Res"));
    assert_null(meant(&s, "xy")); /* as far away as it is long */
    assert_null(meant(&s, ""));
}

static void the_nearest_is_taken_and_of_two_the_first(void **state) {
    (void)state;
    hy_similar_t s;
    hy_similar_init(&s, "Room");
    hy_similar_offer(&s, "Rxxm");
    hy_similar_offer(&s, "Roam");
    hy_similar_offer(&s, "Rook");
    assert_string_equal(hy_similar_best(&s), "Roam");
}

static void long_names_are_not_compared(void **state) {
    (void)state;
    char wanted[HY_SIMILAR_BYTES_MAX + 2], name[HY_SIMILAR_BYTES_MAX + 2];
    memset(wanted, 'a', sizeof wanted);
    memset(name, 'a', sizeof name);
    wanted[HY_SIMILAR_BYTES_MAX] = name[HY_SIMILAR_BYTES_MAX + 1] = '\0';
    hy_similar_t s;
    hy_similar_init(&s, wanted);
    hy_similar_offer(&s, name);
    assert_null(hy_similar_best(&s));
    name[HY_SIMILAR_BYTES_MAX] = '\0';
    hy_similar_offer(&s, name);
    assert_string_equal(hy_similar_best(&s), name);
    wanted[HY_SIMILAR_BYTES_MAX] = 'a';
    wanted[HY_SIMILAR_BYTES_MAX + 1] = '\0';
    hy_similar_init(&s, wanted);
    hy_similar_offer(&s, name);
    assert_null(hy_similar_best(&s));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_misspelt_name_is_known_by_its_letters),
        cmocka_unit_test(what_is_far_off_means_nothing),
        cmocka_unit_test(the_nearest_is_taken_and_of_two_the_first),
        cmocka_unit_test(long_names_are_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
