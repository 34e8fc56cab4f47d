/* Sealing and opening the body of one message (secret_parts.h; the form: ../SEALING.md).
 *
 *      body ─► text ─► sealed with key and nonce, bound to the header ─► {"sealed": base64}
 *
 * Nothing is said of why something cannot be opened: whoever sent it knows, or need not. */
#include "../base/json.h"
#include "../base/mem.h"
#include "secret_parts.h"

#define HEAD_BYTES (4u + 8u + HY_NONCE_BYTES)
/* In a message beside the base64: both addresses, and what stands around. */
#define AROUND_BYTES (2 * HY_URL_BYTES_MAX + HY_KEY_BYTES_MAX + 256u)
#define SEALED_MAX   (HY_MESSAGE_BYTES_MAX - AROUND_BYTES)

typedef struct {
    hy_str_t *to;
    uint64_t counter;
} mark_t;

typedef struct {
    hy_str_t *key; /* from */
    mark_t *marks;
    uint32_t count;
} heard_t;

/* --- life ------------------------------------------------------------------------------------- */

void hy__line_init(hy__line_t *l, const uint8_t *key) {
    *l = (hy__line_t){0};
    if (key) memcpy(l->key, key, HY_SECRET_BYTES);
    hy_dict_init(&l->heard, sizeof(heard_t));
}

void hy__line_deinit(hy__line_t *l) {
    heard_t *h;
    for (uint32_t pos = 0; (h = hy_dict_next(&l->heard, &pos));) {
        for (uint32_t i = 0; i < h->count; i++)
            hy_str_unref(h->marks[i].to);
        hy_free(h->marks);
    }
    hy_dict_deinit(&l->heard);
    hy_secret_wipe(l, sizeof *l);
    hy__line_init(l, NULL);
}

/* --- what was heard --------------------------------------------------------------------------- */

static mark_t *find_mark(const hy__line_t *l, hy_msg_t *m, heard_t **from) {
    heard_t *h = hy_dict_get(&l->heard, m->from);
    *from = h;
    for (uint32_t i = 0; h && i < h->count; i++)
        if (hy_str_equal(h->marks[i].to, m->to)) return &h->marks[i];
    return NULL;
}

static int add_mark(hy__line_t *l, const hy_msg_t *m, heard_t *h, uint64_t counter) {
    if (l->pairs >= HY_SECRET_PAIRS_MAX) return HY_EFULL;
    if (!h) h = hy_dict_add(&l->heard, m->from);
    mark_t *marks = h ? hy_realloc(h->marks, (h->count + 1) * sizeof *marks) : NULL;
    if (!marks) return HY_ENOMEM;
    h->marks = marks;
    h->marks[h->count++] = (mark_t){hy_str_ref(m->to), counter};
    l->pairs++;
    return 0;
}

/* --- the form --------------------------------------------------------------------------------- */

static void put_number(uint8_t *out, uint64_t n, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(n >> (8 * (bytes - 1 - i)));
}

static uint64_t get_number(const uint8_t *in, size_t bytes) {
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | in[i];
    return n;
}

static void write_id(hy_buf_t *b, hy_value_t id) {
    if (id.kind != HY_ABSENT) hy_json_write(b, id);
}

hy_str_t *hy__line_bound(hy_msg_t *m, uint32_t generation, uint64_t counter) {
    hy_buf_t b;
    hy_buf_init(&b);
    hy_buf_text(&b, "hyperty sealed 1\n");
    hy_buf_text(&b, hy_msg_type_text(m->type));
    hy_buf_char(&b, '\n');
    hy_buf_add(&b, m->from->bytes, m->from->len);
    hy_buf_char(&b, '\n');
    hy_buf_add(&b, m->to->bytes, m->to->len);
    hy_buf_char(&b, '\n');
    write_id(&b, m->id);
    hy_buf_char(&b, '\n');
    if (m->type == HY_MSG_RESPONSE) hy_buf_int(&b, hy_msg_code(m));
    hy_buf_format(&b, "\n%u\n%llu\n", generation, (unsigned long long)counter);
    return hy_buf_take(&b);
}

hy_str_t *hy__line_body(const uint8_t key[HY_SECRET_BYTES], const uint8_t nonce[HY_NONCE_BYTES],
                        uint32_t generation, uint64_t counter, const hy_str_t *bound,
                        const char *text, size_t len) {
    size_t sealed_len = HEAD_BYTES + len + HY_SEAL_TAG_BYTES;
    uint8_t *sealed = bound ? hy_alloc(sealed_len) : NULL;
    if (!sealed) return NULL;
    put_number(sealed, generation, 4);
    put_number(sealed + 4, counter, 8);
    memcpy(sealed + 12, nonce, HY_NONCE_BYTES);
    hy_seal(key, nonce, bound->bytes, bound->len, text, len, sealed + HEAD_BYTES);
    hy_str_t *out = hy_base64(sealed, sealed_len);
    hy_free(sealed);
    return out;
}

/* --- sealing ---------------------------------------------------------------------------------- */

static void write_plain(hy_buf_t *b, hy_msg_t *m, const char *lead) {
    if (!lead && m->payload) {
        m->payload->ops->write(m->payload, b);
        return;
    }
    hy_node_t *body = hy_msg_body(m);
    if (lead) hy_buf_format(b, "{%s", lead);
    size_t after = b->len;
    if (body) {
        hy_json_write(b, (hy_value_t){.kind = HY_OBJECT, .as.n = body});
    } else {
        hy_buf_text(b, "{}");
    }
    if (lead && !b->failed && b->len > after)
        b->bytes[after] = hy_node_count(body) > 0 ? ',' : ' '; /* in place of its brace */
}

static hy_msg_t *sealed_message(hy_msg_t *m, hy_str_t *text) {
    hy_node_t *body = text ? hy_node_new(HY_OBJECT) : NULL;
    int rc = body ? 0 : HY_ENOMEM;
    if (rc == 0 && m->type == HY_MSG_RESPONSE) rc = hy_put(body, "code", hy_int(hy_msg_code(m)));
    if (rc == 0) rc = hy_put(body, "sealed", hy__string_ref(text));
    if (rc < 0) {
        if (body) hy_node_unref(body);
        return NULL;
    }
    hy_value_t id = m->id;
    if (id.kind == HY_STR) hy_str_ref(id.as.s);
    return hy_msg_new(m->type, id, m->from, m->to, hy_node_value(body));
}

int hy__line_seal(hy__line_t *l, hy_random_t *random, uint32_t generation, hy_msg_t *m,
                  const char *lead, hy_msg_t **out, hy_error_t *err) {
    uint8_t nonce[HY_NONCE_BYTES];
    hy_buf_t plain;
    hy_buf_init(&plain);
    write_plain(&plain, m, lead);
    size_t len = (HEAD_BYTES + plain.len + HY_SEAL_TAG_BYTES + 2) / 3 * 4;
    if (plain.failed || len > SEALED_MAX) {
        bool is_large = !plain.failed;
        hy_buf_deinit(&plain);
        if (!is_large) return HY_ENOMEM;
        return hy_fail(err, HY_ETOO_LARGE, "%s to %s: sealed it has %zu bytes, at most %u",
                       hy_msg_type_text(m->type), m->to->bytes, len, SEALED_MAX);
    }
    random->fill(random, nonce, sizeof nonce);
    hy_str_t *bound = hy__line_bound(m, generation, l->sent + 1);
    hy_str_t *text =
        hy__line_body(l->key, nonce, generation, l->sent + 1, bound, plain.bytes, plain.len);
    *out = sealed_message(m, text);
    hy_str_unref(bound);
    hy_str_unref(text);
    hy_secret_wipe(plain.bytes, plain.len);
    hy_buf_deinit(&plain);
    if (!*out) return HY_ENOMEM;
    l->sent++;
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static const hy_str_t *sealed_text(hy_msg_t *m) {
    return hy_get_str(hy_msg_body(m), "sealed");
}

bool hy__line_generation(hy_msg_t *m, uint32_t *generation) {
    uint8_t first[6]; /* that eight letters stand for */
    const hy_str_t *text = sealed_text(m);
    if (!text || text->len < 8) return false;
    if (hy_base64_read(text->bytes, 8, first, sizeof first) != sizeof first) return false;
    *generation = (uint32_t)get_number(first, 4);
    return true;
}

/* The plain body; ABSENT and why. */
static int read_plain(const hy__line_t *l, hy_msg_t *m, const uint8_t *sealed, size_t len,
                      hy_value_t *out) {
    size_t plain_len = len - HEAD_BYTES - HY_SEAL_TAG_BYTES;
    char *plain = hy_alloc(plain_len + 1);
    hy_str_t *bound = hy__line_bound(m, (uint32_t)get_number(sealed, 4), get_number(sealed + 4, 8));
    int rc = plain && bound ? 0 : HY_ENOMEM;
    if (rc == 0 && !hy_unseal(l->key, sealed + 12, bound->bytes, bound->len, sealed + HEAD_BYTES,
                              len - HEAD_BYTES, plain))
        rc = HY_EINVALID;
    if (rc == 0) rc = hy_json_read(plain, plain_len, HY_JSON_DEPTH_MAX, out, NULL);
    if (rc == 0 && out->kind != HY_OBJECT) {
        hy_value_drop(*out);
        rc = HY_EINVALID;
    }
    if (plain) hy_secret_wipe(plain, plain_len);
    hy_free(plain);
    hy_str_unref(bound);
    return rc < 0 && rc != HY_ENOMEM ? HY_EINVALID : rc;
}

static int open_bytes(hy__line_t *l, hy_msg_t *m, const uint8_t *sealed, size_t len,
                      hy_msg_t **out) {
    heard_t *from;
    hy_value_t body = hy_absent();
    uint64_t counter = get_number(sealed + 4, 8);
    int rc = read_plain(l, m, sealed, len, &body);
    if (rc < 0) return rc;
    mark_t *mark = find_mark(l, m, &from);
    if (mark && counter <= mark->counter) {
        hy_value_drop(body);
        return HY_ECONFLICT;
    }
    hy_value_t id = m->id;
    if (id.kind == HY_STR) hy_str_ref(id.as.s);
    hy_msg_t *plain = hy_msg_new(m->type, id, m->from, m->to, body);
    rc = !plain ? HY_ENOMEM : mark ? 0 : add_mark(l, m, from, counter);
    if (rc < 0) {
        hy_msg_unref(plain);
        return rc;
    }
    if (mark) mark->counter = counter;
    plain->is_vouched = m->is_vouched;
    *out = plain;
    return 0;
}

int hy__line_open(hy__line_t *l, hy_msg_t *m, hy_msg_t **out) {
    const hy_str_t *text = sealed_text(m);
    if (!text || text->len / 4 * 3 < HEAD_BYTES + HY_SEAL_TAG_BYTES) return HY_EINVALID;
    size_t room = text->len / 4 * 3;
    uint8_t *sealed = hy_alloc(room);
    if (!sealed) return HY_ENOMEM;
    ptrdiff_t len = hy_base64_read(text->bytes, text->len, sealed, room);
    int rc = len < (ptrdiff_t)(HEAD_BYTES + HY_SEAL_TAG_BYTES)
                 ? HY_EINVALID
                 : open_bytes(l, m, sealed, (size_t)len, out);
    hy_free(sealed);
    return rc;
}
