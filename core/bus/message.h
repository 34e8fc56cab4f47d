/* Messages (PROTOCOL.md section 1): immutable and counted. To deliver one to many is to count up.
 *
 * A message has a header and up to three forms of its body, each made from another when first asked
 * for and then kept:
 *
 *      payload   a typed C record of a higher layer (a change, say); what a runtime works with
 *      body      a value tree; what control messages are built from and read as
 *      bytes     the whole message as JSON text; what a stub sends, and what came in by one
 *
 * So a change between two hyperties of one runtime is never text, and a message that is only routed
 * is never parsed beyond its header. Whoever holds a reference may read; nobody writes, but for the
 * uplink that it comes in by, which says whether its identity is vouched for. */
#ifndef HY_BUS_MESSAGE_H
#define HY_BUS_MESSAGE_H

#include "../base/buf.h"
#include "../base/value.h"
#include "names.h"

/* name, text on the wire */
#define HY_MSG_TYPE_MAP(X)                                                                         \
    X(CREATE, "create")                                                                            \
    X(READ, "read")                                                                                \
    X(UPDATE, "update")                                                                            \
    X(DELETE, "delete")                                                                            \
    X(SUBSCRIBE, "subscribe")                                                                      \
    X(UNSUBSCRIBE, "unsubscribe")                                                                  \
    X(EXECUTE, "execute")                                                                          \
    X(RESPONSE, "response")                                                                        \
    X(FORWARD, "forward")                                                                          \
    X(EVENT, "event")                                                                              \
    X(OPEN, "open")                                                                                \
    X(REOPEN, "re-open")                                                                           \
    X(CLOSE, "close")

typedef enum {
#define X(name, text) HY_MSG_##name,
    HY_MSG_TYPE_MAP(X)
#undef X
} hy_msg_type_t;

const char *hy_msg_type_text(hy_msg_type_t type);

/* A typed body. A record embeds it first; `ops` also tells which type it is (compare the pointer).
 */
typedef struct hy_payload hy_payload_t;
typedef struct {
    const char *name;
    /* The JSON object that the payload stands for; the caller owns it. */
    int (*to_value)(const hy_payload_t *p, hy_value_t *out);
    /* The same as text. */
    void (*write)(const hy_payload_t *p, hy_buf_t *b);
    void (*free)(hy_payload_t *p);
    /* Memory, roughly; for the bounds of queues. */
    size_t (*bytes)(const hy_payload_t *p);
} hy_payload_ops_t;

struct hy_payload {
    const hy_payload_ops_t *ops;
    uint32_t refs;
};

static inline hy_payload_t *hy_payload_ref(hy_payload_t *p) {
    p->refs++;
    return p;
}
static inline void hy_payload_unref(hy_payload_t *p) {
    if (p && --p->refs == 0) p->ops->free(p);
}

/* How a message lies on a stream, with its head: made once, shared by all who send it. */
typedef enum {
    HY_WIRE_NATIVE,        /* 4-byte big-endian length */
    HY_WIRE_WEBSOCKET,     /* a text frame, unmasked: from a server */
    HY_WIRE_WEBSOCKET_OUT, /* a text frame, masked: from a client */
    HY_WIRES
} hy_wire_t;

typedef struct hy_msg {
    uint32_t refs;
    hy_msg_type_t type;
    hy_value_t id; /* ABSENT, INT or STR */
    hy_str_t *from, *to;
    /* The rest is for message.c; use the functions. */
    hy_value_t body;
    hy_payload_t *payload;
    hy_str_t *text;
    hy_str_t *wire[HY_WIRES];
    size_t body_at, body_len;
    uint32_t bytes; /* 0: not counted yet */
    /* Somebody answers for the identity in its body: who made it in this process, or the node that
     * it came in by (hy_uplink_set_users). Of one that was read from a text: not yet. */
    bool is_vouched;
} hy_msg_t;

/* `from` and `to` are referenced; `id`, `body` (an object or ABSENT) are taken over, also on
 * failure. NULL when out of memory; `from` or `to` NULL counts as that. */
hy_msg_t *hy_msg_new(hy_msg_type_t type, hy_value_t id, hy_str_t *from, hy_str_t *to,
                     hy_value_t body);
/* Takes over one reference of the payload, also on failure. */
hy_msg_t *hy_msg_new_payload(hy_msg_type_t type, hy_value_t id, hy_str_t *from, hy_str_t *to,
                             hy_payload_t *payload);
/* Reads a message text (the string is referenced, not copied). The whole text is checked, the body
 * skipped. HY_EINVALID: not JSON, no object, a header field missing, given twice or of a wrong
 * type, an unknown type, an address that is none, a body that is no object; HY_ETOO_LARGE: over
 * HY_MESSAGE_BYTES_MAX, HY_JSON_DEPTH_MAX, a string id over HY_KEY_BYTES_MAX. Unknown fields are
 * kept in the text.
 *
 * What the scanner cannot see is a key given twice, or too long, inside the body. That shows when
 * the body is asked for: hy_msg_check_body then tells, hy_msg_body gives NULL. Who serves a message
 * whose body matters answers 400 in that case (the bus does); who only routes it passes it on. */
int hy_msg_parse(hy_str_t *text, hy_msg_t **out, hy_error_t *err);
/* The same; addresses are taken from `names` (NULL allowed), which belongs to who reads many. */
int hy_msg_parse_with(hy_names_t *names, hy_str_t *text, hy_msg_t **out, hy_error_t *err);

static inline hy_msg_t *hy_msg_ref(hy_msg_t *m) {
    m->refs++;
    return m;
}
void hy__msg_free(hy_msg_t *m); /* for hy_msg_unref alone */
/* NULL is allowed. */
static inline void hy_msg_unref(hy_msg_t *m) {
    if (m && --m->refs == 0) hy__msg_free(m);
}

/* The body as an object, lent; NULL if there is none, if it is malformed, or when out of memory.
 * The typed getters of base/value.h take NULL, so most readers need not care. */
hy_node_t *hy_msg_body(hy_msg_t *m);
/* Builds the body if that is still to do: 0 (also if there is none), HY_EINVALID or HY_ETOO_LARGE
 * with a text for the sender, HY_ENOMEM. */
int hy_msg_check_body(hy_msg_t *m, hy_error_t *err);
/* The payload, if it is of that type; else NULL. Lent. */
hy_payload_t *hy_msg_payload(const hy_msg_t *m, const hy_payload_ops_t *ops);
/* The message as JSON text, lent. NULL and a reason: HY_ETOO_LARGE over HY_MESSAGE_BYTES_MAX (named
 * with type and to), HY_ENOMEM. */
hy_str_t *hy_msg_text(hy_msg_t *m, hy_error_t *err);
/* Keeps the framed form of the message with it; `bytes` is taken over. The protocols of net/ make
 * it, once for each form. */
static inline void hy_msg_set_wire(hy_msg_t *m, hy_wire_t form, hy_str_t *bytes) {
    m->wire[form] = bytes;
}
size_t hy__msg_count_bytes(hy_msg_t *m); /* for hy_msg_bytes alone */
/* Memory, roughly, as it was when first asked: always the same figure, so that queues can add and
 * take away. */
static inline size_t hy_msg_bytes(hy_msg_t *m) {
    return m->bytes ? m->bytes : hy__msg_count_bytes(m);
}

/* True if it came in as text, with a body. */
static inline bool hy_msg_is_parsed(const hy_msg_t *m) {
    return m->body_len > 0;
}
static inline bool hy_msg_has_id(const hy_msg_t *m) {
    return m->id.kind != HY_ABSENT;
}
/* body.code of a response as a number; codes written as strings ("200") count; 0 if there is
 * none from 100 to 599. */
int hy_msg_code(hy_msg_t *m);
/* body.desc, else body.description, else the general text of its code ("ok" below 300). Lent, as
 * long as `m`. */
const char *hy_msg_desc(hy_msg_t *m);

/* The response to a request: from and to swapped, same id, body.code, body.desc (NULL: none) and,
 * unless ABSENT, body.value. `from` NULL means the request's `to`. NULL when out of memory. `value`
 * is taken over. */
hy_msg_t *hy_msg_response(const hy_msg_t *request, hy_str_t *from, int code, const char *desc,
                          hy_value_t value);

#endif
