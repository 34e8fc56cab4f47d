/* For whom a session may speak (auth.h): the users that its token names. Looked at are the identity
 * in what it sends, and the user of what it registers.
 *
 * A message that says nothing of an identity passes after one search of its text; else its body is
 * scanned, not built: it may wait long for who gets it. Keys may be given twice there, and peers
 * may heed either, so each must be right. */
#define _GNU_SOURCE /* memmem */
#include "authorised.h"

/* Nobody vouches for whom a session speaks that needs no token. */
static int check_unverified(const hy_session_t *s, hy_msg_t *m, hy_error_t *err) {
    if (!hy_get_bool(hy_get_object(hy_msg_body(m), "identity"), "verified", false)) return 0;
    return hy_fail(err, HY_EFORBIDDEN, "%s has shown no token, so its identity is not verified",
                   s->owner->runtime->bytes);
}

static int check_user(const hy_session_t *s, const hy_str_t *user, hy_error_t *err) {
    if (hy_claims_name(&s->claims, user)) return 0;
    return hy_fail(err, HY_EFORBIDDEN, "the token of %s does not speak for %s",
                   s->owner->runtime->bytes, user->bytes);
}

/* --- in what it sends ------------------------------------------------------------------------- */

static bool carries_identity(hy_msg_type_t type) {
    return type != HY_MSG_RESPONSE && type != HY_MSG_UPDATE && type != HY_MSG_DELETE &&
           type != HY_MSG_EVENT;
}

static bool has_text(const char *text, size_t len, const char *word) {
    return memmem(text, len, word, strlen(word)) != NULL;
}

/* The key, which may be written with escapes, is that word: 1, 0, HY_ENOMEM. */
static int is_key(const hy_json_scan_t *scan, const hy_json_token_t *key, const char *word) {
    if (!key->escaped)
        return key->len == strlen(word) && memcmp(scan->text + key->at, word, key->len) == 0;
    hy_str_t *text = hy_json_token_str(scan, key);
    if (!text) return HY_ENOMEM;
    bool is_it = hy_str_is(text, word);
    hy_str_unref(text);
    return is_it;
}

/* Goes on in the object that is being scanned, to what it has under that key: 1, `value` gets its
 * first token. 0: the object has ended. */
static int find_key(hy_json_scan_t *scan, const char *word, hy_json_token_t *value) {
    hy_json_token_t key;
    int rc;
    while ((rc = hy_json_scan_next(scan, &key, NULL)) == 0 && key.kind == HY_JSON_KEY) {
        int found = is_key(scan, &key, word);
        rc = found < 0 ? found : hy_json_scan_next(scan, value, NULL);
        if (rc < 0 || found) return rc < 0 ? rc : found;
        if ((rc = hy_json_scan_skip(scan, value, value, NULL)) < 0) return rc;
    }
    return rc;
}

/* The identity whose begin was the last token. What is no text names nobody. */
static int scan_identity(const hy_session_t *s, hy_json_scan_t *scan, hy_error_t *err) {
    hy_json_token_t value;
    int rc;
    while ((rc = find_key(scan, "user", &value)) > 0) {
        hy_str_t *user = value.kind == HY_JSON_STR ? hy_json_token_str(scan, &value) : NULL;
        if (value.kind == HY_JSON_STR) rc = user ? check_user(s, user, err) : HY_ENOMEM;
        hy_str_unref(user);
        if (rc < 0 || (rc = hy_json_scan_skip(scan, &value, &value, NULL)) < 0) return rc;
    }
    return rc;
}

static int scan_body(const hy_session_t *s, const hy_msg_t *m, hy_error_t *err) {
    const char *body = m->text->bytes + m->body_at;
    hy_json_scan_t scan;
    hy_json_token_t value;
    if (!has_text(body, m->body_len, "\"identity\"") && !has_text(body, m->body_len, "\\u"))
        return 0;
    hy_json_scan_init(&scan, body, m->body_len, HY_JSON_DEPTH_MAX);
    int rc = hy_json_scan_next(&scan, &value, NULL);
    if (rc < 0) return rc;
    while ((rc = find_key(&scan, "identity", &value)) > 0) {
        rc = value.kind == HY_JSON_OBJECT ? scan_identity(s, &scan, err)
                                          : hy_json_scan_skip(&scan, &value, &value, NULL);
        if (rc < 0) return rc;
    }
    return rc;
}

int hy__identity_check(const hy_session_t *s, hy_msg_t *m, hy_error_t *err) {
    if (!s->server->auth || !carries_identity(m->type)) return 0;
    if (hy__peer_is_own(s->peer)) return check_unverified(s, m, err);
    hy_fail(err, HY_ENOMEM, "out of memory"); /* unless it turns out to be something else */
    if (hy_msg_is_parsed(m)) return scan_body(s, m, err);
    const hy_str_t *user = hy_get_str(hy_get_object(hy_msg_body(m), "identity"), "user");
    return user ? check_user(s, user, err) : 0;
}

/* --- in what it registers --------------------------------------------------------------------- */

int hy__identity_check_entry(const hy_session_t *s, const hy_node_t *value, const hy_node_t *before,
                             hy_error_t *err) {
    hy_value_t user = hy_get(value, "user");
    if (!s->server->auth || hy__peer_is_own(s->peer)) return 0;
    if (user.kind == HY_ABSENT || user.kind == HY_NULL) return 0;
    if (before && hy_value_equal(user, hy_get(before, "user"))) return 0;
    if (user.kind == HY_STR) return check_user(s, user.as.s, err);
    return hy_fail(err, HY_EINVALID, "user must be one URL: that of a user whom the token names");
}
