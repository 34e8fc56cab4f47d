/* Runtimes of a spec, as users of channels: what they say, and their sessions. */
#ifndef HY_SPEC_NET_RUNTIMES_H
#define HY_SPEC_NET_RUNTIMES_H

#include "sockets.h"

#define RUNTIME "hyperty-runtime://d.example/"

static inline void say(user_t *u, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    hy_msg_t *m;
    hy_str_t *s = hy_str_from(text);
    assert_int_equal(hy_msg_parse(s, &m, NULL), 0);
    hy_str_unref(s);
    user_send(u, m);
}

static inline void say_open(user_t *u, const char *name) {
    say(u, "{\"id\":1,\"type\":\"open\",\"from\":\"" RUNTIME "%s\",\"to\":\"mn:/session\"}", name);
}

static inline void say_to(user_t *u, uint32_t number, const char *from, const char *to) {
    say(u,
        "{\"id\":%u,\"type\":\"event\",\"from\":\"" RUNTIME "%s\",\"to\":\"" RUNTIME "%s\","
        "\"body\":{\"value\":\"some text, so that it has a usual length\"}}",
        number, from, to);
}

/* Connects, with a session if that can be; its answer is number 1. */
static inline user_t *runtime_try(place_t *p, const char *url, const char *name) {
    user_t *u = calloc(1, sizeof *u);
    assert_non_null(u);
    assert_int_equal(user_connect(p, u, url), 0);
    say_open(u, name);
    WAIT_FOR(p, u->received == 1 || u->closed);
    return u;
}

static inline void runtime_end(user_t *u) {
    user_end(u);
    free(u);
}

#endif
