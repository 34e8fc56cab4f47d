/* What only a reporter can: write at a path or as a batch, invite, authorise, evict, delete.
 *
 * Whatever a call to the core needs is made by functions that do not raise, between the last check
 * of an argument and the call. */
#include "lib_syncher.h"

static hy_box_t *check(lua_State *L, const char *method) {
    return hy_box_check(L, HY_ROLE_REPORTER, method);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The node below which the last step lies; the texts name the place where the way ends. */
static int find_parent(hy_view_t *view, const hy_step_t *steps, uint32_t count, hy_node_t **parent,
                       hy_error_t *err) {
    hy_node_t *node = view->root;
    int rc = hy_view_check(view, node, err);
    for (uint32_t i = 0; rc == 0 && i + 1 < count; i++) {
        const hy_step_t *step = &steps[i];
        hy_value_t next =
            step->key ? hy_node_find(node, step->key) : hy_node_at(node, (size_t)step->index);
        if (!hy_is_node(next)) {
            hy__spot_t spot = {.view = view,
                               .node = node,
                               .key = step->key ? step->key->bytes : NULL,
                               .index = step->key ? 0 : (size_t)step->index + 1};
            return hy__spot_fail(err, HY_EINVALID, &spot, "there is no object or array here");
        }
        node = next.as.n;
    }
    *parent = node;
    return rc;
}

/* Sets the whole data to the value at 3. */
static int set_whole(lua_State *L, hy_view_t *view) {
    hy_error_t err = {0};
    hy_edit_t edit = {.kind = HY_OP_SET};
    hy__spot_t spot = {.view = view, .node = view->root};
    int rc = hy__spot_value(L, 3, &spot, &edit.value, &err);
    if (rc == 0) rc = hy__spot_edit(&spot, &edit, &err);
    if (rc < 0) return hy_raise(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* handle, key, value: the same as a script's assignment */
static int assign(lua_State *L) {
    lua_settable(L, 1);
    return 0;
}

/* The assignment is made by the handle of the parent. Its error has no line, as C made the call. */
static int reporter_set(lua_State *L) {
    hy_box_t *b = check(L, "set");
    luaL_checkany(L, 3);
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    hy_view_t *view = hy_party_data(b->lua.party);
    hy_value_t *last = hy_class_hold(L);
    hy_node_t *parent = NULL;
    hy_error_t err = {0};
    hy_step_t *steps;
    uint32_t count;
    int rc = hy_steps_from_lua(L, 2, view->root, &steps, &count, &err);
    if (rc < 0) return hy_raise(L, &err);
    if (count > 0) {
        const hy_step_t *end = &steps[count - 1];
        *last = end->key ? hy_string(hy_str_ref(end->key)) : hy_int(end->index + 1);
        rc = find_parent(view, steps, count, &parent, &err);
    }
    hy_steps_free(steps, count);
    if (rc < 0) return hy_raise(L, &err);
    if (!parent) return set_whole(L, view);
    lua_pushcfunction(L, assign);
    hy_handle_push(L, view, hy_node_value(parent));
    hy_value_push(L, *last);
    lua_pushvalue(L, 3);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
        return lua_error(L);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* The function is called straight through lua_pcall: its error goes on as the object that it is,
 * once the edits are undone. Nothing can wait in it, as this C function is in between. */
static int reporter_batch(lua_State *L) {
    hy_box_t *b = check(L, "batch");
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    lua_settop(L, 2);
    hy_view_t *view = hy_party_data(b->lua.party);
    hy_error_t err = {0};
    int rc = hy_view_begin(view, &err);
    if (rc < 0) return hy_raise(L, &err);
    hy_view_ref(view);
    int status = lua_pcall(L, 0, LUA_MULTRET, 0);
    if (status == LUA_OK) rc = hy_view_commit(view, &err);
    if (status != LUA_OK || rc < 0) hy_view_rollback(view);
    hy_view_unref(view);
    if (status != LUA_OK) return lua_error(L);
    if (rc < 0) return hy_raise(L, &err);
    return lua_gettop(L) - 1;
}

static int await_saved(lua_State *L) {
    hy_box_t *b = check(L, "saved");
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    /* Where nothing is to be stored, what is written is all that there is. */
    if (hy_party_store(b->lua.party) == HY_STORE_NONE) {
        lua_pushinteger(L, (lua_Integer)hy_party_version(b->lua.party));
        return 1;
    }
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, "saved");
    int rc = hy_party_saved(b->lua.party, hy_wait_value, w, &err);
    return hy_wait_end(L, w, rc, &err);
}

static int saved_upvalue(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    return await_saved(L);
}

/* The version that is committed; or nil, message and code: not in time, or the object ended. */
static int reporter_saved(lua_State *L) {
    check(L, "saved");
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        return await_saved(L);
    }
    uint64_t timeout_ms = hy__lib_seconds(L, 2, 0);
    lua_settop(L, 1);
    lua_pushcclosure(L, saved_upvalue, 1);
    return hy__wait_child(L, timeout_ms);
}

/* --- observers -------------------------------------------------------------------------------- */

static int reporter_invite(lua_State *L) {
    hy_box_t *b = check(L, "invite");
    luaL_argcheck(L, hy_class_is_texts(L, 2), 2, "a list of hyperty URLs expected");
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    hy_error_t err = {0};
    hy_str_t **hyperties;
    uint32_t count;
    hy_wait_t *w = hy_wait_open(L, "invite");
    int rc = hy_class_strs(L, 2, &hyperties, &count);
    if (rc == 0) {
        rc = hy_party_invite(b->lua.party, hyperties, count, hy_wait_done, w, &err);
        hy_class_free_strs(hyperties, count);
    }
    return hy_wait_end(L, w, rc, &err);
}

/* One URL or a list of them. */
static int reporter_authorise(lua_State *L) {
    hy_box_t *b = check(L, "authorise");
    lua_settop(L, 2);
    if (lua_type(L, 2) == LUA_TSTRING) {
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, 2);
        lua_rawseti(L, -2, 1);
        lua_replace(L, 2);
    }
    luaL_argcheck(L, hy_class_is_texts(L, 2), 2,
                  "the URL of a hyperty or user, or a list expected");
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    hy_error_t err = {0};
    hy_str_t **who;
    uint32_t count;
    hy_wait_t *w = hy_wait_open(L, "authorise");
    int rc = hy_class_strs(L, 2, &who, &count);
    if (rc == 0) {
        rc = hy_party_authorise(b->lua.party, who, count, hy_wait_done, w, &err);
        hy_class_free_strs(who, count);
    }
    return hy_wait_end(L, w, rc, &err);
}

typedef int (*hyperty_call)(hy_party_t *p, hy_str_t *hyperty, hy_done_cb done, void *arg,
                            hy_error_t *err);

static int call_with(lua_State *L, const char *method, hyperty_call call) {
    hy_box_t *b = check(L, method);
    hy_class_text(L, 2, NULL);
    if (!hy_box_is_open(b)) return hy_box_closed(L, b);
    hy_error_t err = {0};
    hy_wait_t *w = hy_wait_open(L, method);
    hy_str_t *hyperty = hy_class_str(L, 2);
    int rc = hyperty ? call(b->lua.party, hyperty, hy_wait_done, w, &err) : HY_ENOMEM;
    hy_str_unref(hyperty);
    return hy_wait_end(L, w, rc, &err);
}

static int reporter_evict(lua_State *L) {
    return call_with(L, "evict", hy_party_evict);
}

static int reporter_revoke(lua_State *L) {
    return call_with(L, "revoke", hy_party_revoke);
}

static int reporter_delegate(lua_State *L) {
    return call_with(L, "delegate", hy_party_delegate);
}

static int reporter_delete(lua_State *L) {
    return hy_box_end(L, HY_ROLE_REPORTER, "delete", hy_party_delete);
}

const hy_method_t hy_reporter_methods[] = {
    {"set", reporter_set, "path: hyperty.Path, value: any", "true" HY_OR_WHY,
     "writes by path: \"values.1.unit\"", NULL},
    {"batch", reporter_batch, "fn: fun(): ...", "..." HY_OR_WHY,
     "all that the function changes is one version; it cannot wait", NULL},
    {"saved", reporter_saved, "timeout?: number", "integer" HY_OR_WHY,
     "waits until all written so far is stored; gives the version", NULL},
    {"invite", reporter_invite, "hyperties: string[]", "true" HY_OR_WHY, "asks them to observe",
     NULL},
    {"authorise", reporter_authorise, "who: string|string[]", "true" HY_OR_WHY,
     "lets hyperties, or all of a user, observe without asking", NULL},
    {"revoke", reporter_revoke, "who: string", "true" HY_OR_WHY,
     "takes that back; who observes by it is struck off", NULL},
    {"evict", reporter_evict, "hyperty: string", "true" HY_OR_WHY, "ends the subscription of one",
     NULL},
    {"delegate", reporter_delegate, "hyperty: string", "true" HY_OR_WHY,
     "hands the object over, if that one wants it; then this ends", NULL},
    {"delete", reporter_delete, NULL, "true" HY_OR_WHY, "ends the object for all", NULL},
    {NULL}};
