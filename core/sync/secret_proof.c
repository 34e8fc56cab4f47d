/* What reporter and observer prove to each other before one has the key of the other's object
 * (secret_parts.h; the form: ../SEALING.md). Each signs, with the key of its runtime, its share of
 * the key that is agreed on, who it is and what it was given by the other; a challenge and a nonce
 * make each time a new one. */
#include "../base/mem.h"
#include "secret_parts.h"

#define BOX_BYTES (HY_NONCE_BYTES + HY_SECRET_BYTES + HY_SEAL_TAG_BYTES)

/* --- texts ------------------------------------------------------------------------------------ */

static void add_line(hy_buf_t *b, const hy_str_t *s) {
    if (s) hy_buf_add(b, s->bytes, s->len);
    hy_buf_char(b, '\n');
}

static void add_bytes(hy_buf_t *b, const uint8_t *bytes, size_t len) {
    hy_str_t *text = hy_base64(bytes, len);
    if (!text) b->failed = true;
    add_line(b, text);
    hy_str_unref(text);
}

/* What both sign, and what the key is bound to: up to there it is the same. */
static void begin(hy_buf_t *b, const char *what, const hy__proof_t *p) {
    hy_buf_init(b);
    hy_buf_text(b, what);
    add_line(b, p->object);
    add_line(b, p->subscriber);
    add_line(b, p->reporter_user);
    add_bytes(b, p->challenge, sizeof p->challenge);
    add_bytes(b, p->reporter_share, sizeof p->reporter_share);
}

static hy_str_t *challenge_text(const hy__proof_t *p) {
    hy_buf_t b;
    begin(&b, "hyperty mutual challenge 1\n", p);
    return hy_buf_take(&b);
}

static hy_str_t *answer_text(const char *what, const hy__proof_t *p) {
    hy_buf_t b;
    begin(&b, what, p);
    add_bytes(&b, p->reporter_key, sizeof p->reporter_key);
    add_line(&b, p->user);
    add_bytes(&b, p->key, sizeof p->key);
    add_bytes(&b, p->share, sizeof p->share);
    add_bytes(&b, p->nonce, sizeof p->nonce);
    return hy_buf_take(&b);
}

/* --- signing ---------------------------------------------------------------------------------- */

/* `text` is taken over; NULL: no memory. */
static int sign(const hy_sign_pair_t *own, hy_str_t *text, uint8_t proof[HY_SIGNATURE_BYTES]) {
    if (!text) return HY_ENOMEM;
    hy_sign(own, text->bytes, text->len, proof);
    hy_str_unref(text);
    return 0;
}

static bool check(const uint8_t key[HY_SIGN_PUBLIC_BYTES], hy_str_t *text,
                  const uint8_t proof[HY_SIGNATURE_BYTES]) {
    bool is_right = text && hy_sign_check(key, text->bytes, text->len, proof);
    hy_str_unref(text);
    return is_right;
}

int hy__proof_sign_challenge(hy__proof_t *p, const hy_sign_pair_t *own) {
    memcpy(p->reporter_key, own->public, sizeof p->reporter_key);
    return sign(own, challenge_text(p), p->reporter_proof);
}

bool hy__proof_check_challenge(const hy__proof_t *p) {
    return check(p->reporter_key, challenge_text(p), p->reporter_proof);
}

int hy__proof_sign_answer(hy__proof_t *p, const hy_sign_pair_t *own) {
    memcpy(p->key, own->public, sizeof p->key);
    return sign(own, answer_text("hyperty mutual answer 1\n", p), p->proof);
}

bool hy__proof_check_answer(const hy__proof_t *p) {
    return check(p->key, answer_text("hyperty mutual answer 1\n", p), p->proof);
}

int hy__proof_agree(const hy__proof_t *p, const uint8_t private[HY_SHARE_BYTES], bool is_reporter,
                    uint8_t key[HY_SECRET_BYTES]) {
    hy_str_t *context = answer_text("hyperty mutual pair 1\n", p);
    if (!context) return HY_ENOMEM;
    const uint8_t *mine = is_reporter ? p->reporter_share : p->share;
    const uint8_t *theirs = is_reporter ? p->share : p->reporter_share;
    bool is_share = hy_share_agree(private, mine, theirs, context->bytes, key);
    hy_str_unref(context);
    return is_share ? 0 : HY_EINVALID;
}

/* --- bodies ----------------------------------------------------------------------------------- */

static int put_bytes(hy_node_t *n, const char *key, const uint8_t *bytes, size_t len) {
    return hy_put(n, key, hy_string(hy_base64(bytes, len)));
}

static bool get_bytes(const hy_node_t *n, const char *key, uint8_t *out, size_t len) {
    const hy_str_t *text = hy_get_str(n, key);
    return text && hy_base64_read(text->bytes, text->len, out, len) == (ptrdiff_t)len;
}

static hy_value_t done(hy_node_t *n, int rc) {
    if (rc == 0) return hy_node_value(n);
    if (n) hy_node_unref(n);
    return hy_absent();
}

hy_value_t hy__proof_write_challenge(const hy__proof_t *p) {
    hy_node_t *n = hy_node_new(HY_OBJECT);
    int rc = n ? hy_put(n, "user", hy__string_ref(p->reporter_user)) : HY_ENOMEM;
    if (rc == 0) rc = put_bytes(n, "challenge", p->challenge, sizeof p->challenge);
    if (rc == 0) rc = put_bytes(n, "key", p->reporter_key, sizeof p->reporter_key);
    if (rc == 0) rc = put_bytes(n, "share", p->reporter_share, sizeof p->reporter_share);
    if (rc == 0) rc = put_bytes(n, "proof", p->reporter_proof, sizeof p->reporter_proof);
    return done(n, rc);
}

bool hy__proof_read_challenge(hy__proof_t *p, const hy_node_t *body) {
    p->reporter_user = hy_get_str(body, "user");
    return p->reporter_user && hy__is_user_url(p->reporter_user) &&
           get_bytes(body, "challenge", p->challenge, sizeof p->challenge) &&
           get_bytes(body, "key", p->reporter_key, sizeof p->reporter_key) &&
           get_bytes(body, "share", p->reporter_share, sizeof p->reporter_share) &&
           get_bytes(body, "proof", p->reporter_proof, sizeof p->reporter_proof);
}

hy_value_t hy__proof_write_answer(const hy__proof_t *p) {
    hy_node_t *n = hy_node_new(HY_OBJECT);
    int rc = n ? put_bytes(n, "challenge", p->challenge, sizeof p->challenge) : HY_ENOMEM;
    if (rc == 0) rc = put_bytes(n, "key", p->key, sizeof p->key);
    if (rc == 0) rc = put_bytes(n, "share", p->share, sizeof p->share);
    if (rc == 0) rc = put_bytes(n, "nonce", p->nonce, sizeof p->nonce);
    if (rc == 0) rc = put_bytes(n, "proof", p->proof, sizeof p->proof);
    return done(n, rc);
}

bool hy__proof_read_answer(hy__proof_t *p, const hy_node_t *body) {
    return get_bytes(body, "challenge", p->challenge, sizeof p->challenge) &&
           get_bytes(body, "key", p->key, sizeof p->key) &&
           get_bytes(body, "share", p->share, sizeof p->share) &&
           get_bytes(body, "nonce", p->nonce, sizeof p->nonce) &&
           get_bytes(body, "proof", p->proof, sizeof p->proof);
}

/* --- the key of all, for one ------------------------------------------------------------------ */

static hy_str_t *box_bound(const hy_str_t *object, const hy_str_t *hyperty, uint32_t generation) {
    return hy_str_format("hyperty mutual key 1\n%s\n%s\n%u\n", object->bytes, hyperty->bytes,
                         generation);
}

hy_str_t *hy__box_write(const uint8_t key[HY_SECRET_BYTES], const uint8_t nonce[HY_NONCE_BYTES],
                        const hy_str_t *object, const hy_str_t *hyperty, uint32_t generation,
                        const uint8_t secret[HY_SECRET_BYTES]) {
    uint8_t box[BOX_BYTES];
    hy_str_t *bound = box_bound(object, hyperty, generation);
    if (!bound) return NULL;
    memcpy(box, nonce, HY_NONCE_BYTES);
    hy_seal(key, nonce, bound->bytes, bound->len, secret, HY_SECRET_BYTES, box + HY_NONCE_BYTES);
    hy_str_unref(bound);
    return hy_base64(box, sizeof box);
}

bool hy__box_read(const uint8_t key[HY_SECRET_BYTES], const hy_str_t *box, const hy_str_t *object,
                  const hy_str_t *hyperty, uint32_t generation, uint8_t secret[HY_SECRET_BYTES]) {
    uint8_t bytes[BOX_BYTES];
    hy_str_t *bound = box_bound(object, hyperty, generation);
    bool is_whole = hy_base64_read(box->bytes, box->len, bytes, sizeof bytes) == sizeof bytes;
    bool is_open = bound && is_whole &&
                   hy_unseal(key, bytes, bound->bytes, bound->len, bytes + HY_NONCE_BYTES,
                             sizeof bytes - HY_NONCE_BYTES, secret);
    hy_str_unref(bound);
    return is_open;
}
