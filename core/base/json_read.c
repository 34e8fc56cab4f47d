/* The reader: builds a value from the tokens of the scanner.
 *
 * The tree itself is the stack: a node is put in its place when it opens, and when it closes its
 * parent is next. Texts repeat themselves: so the last keys are kept in a small table, and equal
 * keys become one string; and an object gets room for as many fields as the one before it had.
 *
 * A key's slot in the table depends on its bytes alone. So a key whose slot was not met before in
 * an object is new to it, and only the others must be looked for. */
#include "json.h"
#include "node.h"

#define KEYS_KEPT 64u /* as many as a word has bits */

typedef struct {
    hy_json_scan_t scan;
    hy_value_t root;
    hy_node_t *open; /* the innermost open node; NULL: none */
    hy_str_t *key;   /* of the field that comes next; lent from the table */
    hy_str_t *keys[KEYS_KEPT];
    uint8_t fields[HY_JSON_DEPTH_MAX + 1]; /* how many the last object of that depth had; ≤ 255 */
    uint64_t met[HY_JSON_DEPTH_MAX + 1];   /* the slots in the open object of that depth */
    hy_error_t *err;
} reader_t;

static int out_of_memory(const reader_t *r) {
    return hy_fail(r->err, HY_ENOMEM, "out of memory for JSON of %zu bytes", r->scan.len);
}

static unsigned slot_of(const char *bytes, size_t len) {
    if (len == 0) return 0;
    unsigned first = (unsigned char)bytes[0], middle = (unsigned char)bytes[len / 2];
    unsigned last = (unsigned char)bytes[len - 1];
    return ((unsigned)len * 31 + first * 5 + middle * 3 + last) % KEYS_KEPT;
}

/* The key as a string, lent from the table. */
static hy_str_t *find_key(reader_t *r, const hy_json_token_t *token, unsigned *slot) {
    const char *bytes = r->scan.text + token->at;
    hy_str_t *key = NULL;
    if (token->escaped) {
        key = hy_json_token_str(&r->scan, token);
        if (!key) return NULL;
        *slot = slot_of(key->bytes, key->len);
    } else {
        *slot = slot_of(bytes, token->len);
        hy_str_t *kept = r->keys[*slot];
        if (kept && kept->len == token->len && memcmp(kept->bytes, bytes, kept->len) == 0) {
            return kept;
        }
        key = hy_str_new(bytes, token->len);
        if (!key) return NULL;
    }
    hy_str_unref(r->keys[*slot]);
    return r->keys[*slot] = key;
}

static int read_key(reader_t *r, const hy_json_token_t *token) {
    unsigned slot;
    r->key = find_key(r, token, &slot);
    if (!r->key) return out_of_memory(r);
    if (r->key->len > HY_KEY_BYTES_MAX) {
        return hy_fail(r->err, HY_ETOO_LARGE, "JSON key at byte %zu has %zu bytes, more than %u",
                       token->at, (size_t)r->key->len, HY_KEY_BYTES_MAX);
    }
    uint64_t bit = 1ull << slot, *met = &r->met[r->scan.depth];
    if ((*met & bit) && hy_dict_get(&r->open->as.fields, r->key)) {
        return hy_fail(r->err, HY_EINVALID, "malformed JSON at byte %zu: key given twice",
                       token->at);
    }
    *met |= bit;
    return 0;
}

/* Puts the value where the text has it. */
static int place(reader_t *r, hy_value_t v) {
    int rc;
    if (!r->open) {
        r->root = v;
        rc = v.kind == HY_ABSENT ? HY_ENOMEM : 0;
    } else if (r->open->kind == HY_ARRAY) {
        rc = hy__array_add(r->open, v);
    } else {
        rc = hy__object_add(r->open, r->key, v);
    }
    return rc ? out_of_memory(r) : 0;
}

static int open_node(reader_t *r, hy_kind_t kind) {
    hy_node_t *n = hy_node_new(kind);
    int rc = place(r, hy_node_value(n));
    if (rc) return rc;
    r->open = n;
    r->met[r->scan.depth] = 0;
    if (kind == HY_ARRAY || hy_dict_reserve(&n->as.fields, r->fields[r->scan.depth])) return 0;
    return out_of_memory(r);
}

static int close_node(reader_t *r) {
    if (r->open->kind == HY_OBJECT) {
        uint32_t count = r->open->as.fields.count;
        r->fields[r->scan.depth + 1] = (uint8_t)(count < UINT8_MAX ? count : UINT8_MAX);
    }
    r->open = r->open->parent;
    return 0;
}

static int read_real(reader_t *r, const hy_json_token_t *token) {
    double real;
    if (hy_json_token_real(&r->scan, token, &real)) return out_of_memory(r);
    return place(r, hy_real(real));
}

static int take_token(reader_t *r, const hy_json_token_t *token) {
    switch (token->kind) {
    case HY_JSON_OBJECT:
        return open_node(r, HY_OBJECT);
    case HY_JSON_ARRAY:
        return open_node(r, HY_ARRAY);
    case HY_JSON_OBJECT_END:
    case HY_JSON_ARRAY_END:
        return close_node(r);
    case HY_JSON_KEY:
        return read_key(r, token);
    case HY_JSON_STR:
        return place(r, hy_string(hy_json_token_str(&r->scan, token)));
    case HY_JSON_INT:
        return place(r, hy_int(token->i));
    case HY_JSON_REAL:
        return read_real(r, token);
    case HY_JSON_TRUE:
        return place(r, hy_bool(true));
    case HY_JSON_FALSE:
        return place(r, hy_bool(false));
    case HY_JSON_NULL:
        return place(r, hy_null());
    case HY_JSON_END:
        break;
    }
    return 0;
}

int hy_json_read(const char *text, size_t len, unsigned depth_max, hy_value_t *out,
                 hy_error_t *err) {
    reader_t r;
    hy_json_token_t token;
    int rc;
    hy_json_scan_init(&r.scan, text, len, depth_max);
    r.root = hy_absent();
    r.open = NULL;
    r.err = err;
    memset(r.keys, 0, sizeof r.keys);
    memset(r.fields, 0, sizeof r.fields);
    do {
        rc = hy_json_scan_next(&r.scan, &token, err);
        if (rc == 0) rc = take_token(&r, &token);
    } while (rc == 0 && token.kind != HY_JSON_END);
    for (unsigned i = 0; i < KEYS_KEPT; i++)
        hy_str_unref(r.keys[i]);
    if (rc) {
        hy_value_drop(r.root);
    } else {
        *out = r.root;
    }
    return rc;
}
