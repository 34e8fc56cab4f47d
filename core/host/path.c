/* Paths that scripts write: text with dots ("values.1.unit") or a list of keys, indices from 1. The
 * tree tells which keys are indices. Steps are made for the wire: indices from 0. */
#include "internal.h"

#include "../base/mem.h"

typedef struct {
    hy_step_t *steps;
    uint32_t count;
    hy_value_t at; /* what the steps so far lead to; ABSENT: nothing, or not known */
    bool is_known; /* `at` counts */
    hy_error_t *err;
} walk_t;

/* Digits only, from 1, no leading zero: the index less 1; else -1. */
static int64_t index_of(const char *text, size_t len) {
    if (len == 0 || len > 10 || text[0] == '0') return -1;
    int64_t index = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        index = index * 10 + (text[i] - '0');
    }
    return index - 1;
}

static int add_step(walk_t *w, hy_step_t step) {
    if (w->count == HY_PATH_STEPS_MAX) {
        hy_str_unref(step.key);
        return hy_fail(w->err, HY_ETOO_LARGE, "path: more than %u keys", HY_PATH_STEPS_MAX);
    }
    if (w->at.kind == HY_ARRAY) {
        w->at = hy_node_at(w->at.as.n, (size_t)step.index);
    } else if (w->at.kind == HY_OBJECT) {
        w->at = hy_node_find(w->at.as.n, step.key);
    } else {
        w->at = hy_absent();
    }
    w->steps[w->count++] = step;
    return 0;
}

static int add_index(walk_t *w, int64_t index) {
    if (w->is_known && w->at.kind == HY_OBJECT) {
        return hy_fail(w->err, HY_EINVALID, "path: keys of an object are text");
    }
    if (index < 0) return hy_fail(w->err, HY_EINVALID, "path: indices begin at 1");
    return add_step(w, (hy_step_t){.index = index});
}

static int add_key(walk_t *w, const char *text, size_t len, bool is_segment) {
    int64_t index = is_segment ? index_of(text, len) : -1;
    if (w->at.kind == HY_ARRAY && index < 0) {
        return hy_fail(w->err, HY_EINVALID, "path: \"%.*s\" is no index of an array (1, 2 …)",
                       (int)len, text);
    }
    if (w->at.kind == HY_ARRAY || (w->at.kind != HY_OBJECT && index >= 0)) {
        return add_step(w, (hy_step_t){.index = index});
    }
    if (len > HY_KEY_BYTES_MAX) return hy_fail(w->err, HY_ETOO_LARGE, "path: a key is too long");
    if (!hy_utf8_is_valid(text, len)) {
        return hy_fail(w->err, HY_EINVALID, "path: a key is not UTF-8");
    }
    hy_str_t *key = hy_str_new(text, len);
    if (!key) return hy_fail(w->err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    return add_step(w, (hy_step_t){.key = key});
}

static int add_text(walk_t *w, const char *text, size_t len) {
    const char *end = text + len;
    if (len == 0) return 0; /* the whole data */
    for (;;) {
        const char *dot = memchr(text, '.', (size_t)(end - text));
        size_t part = (size_t)((dot ? dot : end) - text);
        if (part == 0) {
            return hy_fail(w->err, HY_EINVALID,
                           "path: a key is empty; write the path as a list of keys");
        }
        int rc = add_key(w, text, part, true);
        if (rc < 0 || !dot) return rc;
        text = dot + 1;
    }
}

static int add_list(walk_t *w, lua_State *L, int index) {
    int rc = 0;
    for (lua_Integer i = 1; rc == 0; i++) {
        size_t len;
        int type = lua_rawgeti(L, index, i);
        if (type == LUA_TNIL) {
            lua_pop(L, 1);
            return 0;
        }
        if (lua_isinteger(L, -1)) {
            rc = add_index(w, lua_tointeger(L, -1) - 1);
        } else if (type == LUA_TSTRING) {
            const char *text = lua_tolstring(L, -1, &len);
            rc = add_key(w, text, len, false);
        } else {
            rc = hy_fail(w->err, HY_EINVALID, "path: a key is text or an index");
        }
        lua_pop(L, 1);
    }
    return rc;
}

int hy_steps_from_lua(lua_State *L, int index, const hy_node_t *root, hy_step_t **steps,
                      uint32_t *count, hy_error_t *err) {
    index = lua_absindex(L, index);
    walk_t w = {.err = err, .is_known = root != NULL};
    if (root) w.at = hy_node_value((hy_node_t *)root);
    int rc;
    w.steps = lua_checkstack(L, 2) ? hy_alloc(HY_PATH_STEPS_MAX * sizeof *w.steps) : NULL;
    if (!w.steps) return hy_fail(err, HY_ENOMEM, "%s", hy_error_text(HY_ENOMEM));
    if (lua_type(L, index) == LUA_TSTRING) {
        size_t len;
        const char *text = lua_tolstring(L, index, &len);
        rc = add_text(&w, text, len);
    } else if (lua_istable(L, index)) {
        rc = add_list(&w, L, index);
    } else {
        rc = hy_fail(err, HY_EINVALID, "path: expected text or a list of keys, got %s",
                     luaL_typename(L, index));
    }
    if (rc < 0) {
        hy_steps_free(w.steps, w.count);
        return rc;
    }
    *steps = w.steps;
    *count = w.count;
    return 0;
}

void hy_steps_free(hy_step_t *steps, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        hy_str_unref(steps[i].key);
    }
    hy_free(steps);
}
