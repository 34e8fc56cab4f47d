/* Why a connection is closed: the codes of WebSocket (RFC 6455, section 7.4), used on every
 * transport. The native stub, whose framing has no close of its own, is told in a message
 * (PROTOCOL.md section 3; `close` from mn:/session with body.code and body.desc). */
#ifndef HY_NODE_CLOSE_H
#define HY_NODE_CLOSE_H

/* name, code, the general text */
#define HY_CLOSE_MAP(X)                                                                            \
    X(NORMAL, 1000, "closed")                                                                      \
    X(GOING_AWAY, 1001, "going away")                                                              \
    X(PROTOCOL, 1002, "protocol violated")                                                         \
    X(UNSUPPORTED, 1003, "binary data")                                                            \
    X(LOST, 1006, "connection lost") /* never sent: the other end went without a word */           \
    X(BAD_TEXT, 1007, "not UTF-8")                                                                 \
    X(POLICY, 1008, "not allowed")                                                                 \
    X(TOO_BIG, 1009, "too large")                                                                  \
    X(INTERNAL, 1011, "internal error")                                                            \
    X(RESTART, 1012, "restarting")                                                                 \
    X(TRY_LATER, 1013, "try again later")                                                          \
    X(UNAUTHORISED, 4401, "not authenticated")                                                     \
    X(REPLACED, 4409, "replaced by another connection")                                            \
    X(TOO_MANY, 4429, "too many")

typedef enum {
#define X(name, code, text) HY_CLOSE_##name = code,
    HY_CLOSE_MAP(X)
#undef X
} hy_close_code_t;

#endif
