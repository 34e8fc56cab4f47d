/* core/net/frames: between two frames a connection holds no parser. (What comes out: the specs of
 * websocket.) */
#include "websocket_support.h"

#include "net/frames.h"

/* Feeds a part and takes all that comes out of it. */
static unsigned feed_part(hy__frames_t *f, const char *bytes, size_t len) {
    unsigned items = 0;
    hy__item_t item;
    hy__frames_feed(f, bytes, len);
    for (;;) {
        hy__frames_next(f, &item);
        assert_int_not_equal(item.kind, HY__ITEM_BAD);
        if (item.kind == HY__ITEM_NONE) return items;
        if (item.kind == HY__ITEM_TEXT) hy_str_unref(item.text);
        items++;
    }
}

static void the_parser_is_there_only_within_a_frame(void **state) {
    static const size_t LENGTHS[] = {0, 1, 125, 126, 127, 4088, 4096, 65535, 65536};
    static const size_t CUTS[] = {1, 2, 5, 7, 11, 13, 4096};
    static char text[65536];
    (void)state;
    memset(text, 't', sizeof text);
    for (size_t i = 0; i < COUNT_OF(LENGTHS); i++) {
        for (size_t k = 0; k < COUNT_OF(CUTS); k++) {
            hy_buf_t b;
            hy__frames_t f;
            hy_buf_init(&b);
            hy__frames_init(&f, true);
            add_frame(&b, FIN | TEXT, text, LENGTHS[i]);
            assert_null(f.wslay);
            size_t cut = CUTS[k] < b.len ? CUTS[k] : 1;
            assert_int_equal(feed_part(&f, b.bytes, cut), 0);
            assert_non_null(f.wslay);
            assert_int_equal(feed_part(&f, b.bytes + cut, b.len - cut), 1);
            assert_null(f.wslay);
            add_frame(&b, FIN | PING, "", 0);
            assert_int_equal(feed_part(&f, b.bytes, b.len - 1), 1); /* and most of a ping */
            assert_non_null(f.wslay);
            assert_int_equal(feed_part(&f, b.bytes + b.len - 1, 1), 1);
            assert_null(f.wslay);
            hy__frames_deinit(&f);
            hy_buf_deinit(&b);
        }
    }
}

static void it_is_given_back_within_a_frame_too(void **state) {
    hy__frames_t f;
    (void)state;
    hy__frames_init(&f, true);
    assert_int_equal(feed_part(&f, BYTES("\x89\x82\0\0\0\0x")), 0);
    hy__frames_deinit(&f); /* the sanitizer sees what is left */
    assert_null(f.wslay);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_parser_is_there_only_within_a_frame),
        TEST(it_is_given_back_within_a_frame_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
