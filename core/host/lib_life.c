/* Lives of a hyperty and the objects that it takes part in: what becomes of the boxes of a life
 * whose place another one takes (reload.c), and how that one hears of what tasks of the former get.
 *
 *      old task: subscribe ──► answer ──► box in the old state, goes on there
 *                                    └──► "resume" in the new state, which gets the party's events
 *
 * Owns nothing. */
#include "lib_syncher.h"

void hy_lib_syncher_detach(lua_State *L) {
    const hy_link_t *boxes = hy_lib_syncher_boxes(L);
    hy_handlers_cancel(L, hy_lib_syncher_handlers(L));
    for (hy_link_t *l = boxes->next, *next; l != boxes; l = next) {
        next = l->next;
        hy_box_detach(L, hy_link_owner(l, hy_box_t, link));
    }
}

typedef struct {
    hy_firing_t firing;
    hy_party_t *party;
} inherited_t;

static int push_inherited(lua_State *L, void *arg) {
    const inherited_t *inherited = arg;
    hy_box_push(L, inherited->firing.instance, inherited->party);
    return 1;
}

static void fire_inherited(lua_State *L, void *arg) {
    hy_handlers_fire(L, &((inherited_t *)arg)->firing);
}

void hy_lib_syncher_inherit(hy_instance_t *heir, hy_party_t *party) {
    hy_error_t err;
    if (heir->state != HY_RUNNING || hy_party_tag(party) || !hy_party_is_open(party)) return;
    hy_handlers_t *set = hy_lib_syncher_handlers(heir->L);
    inherited_t inherited = {.party = party};
    inherited.firing = (hy_firing_t){.instance = heir,
                                     .set = set,
                                     .event = HY_ON_RESUME,
                                     .push = push_inherited,
                                     .arg = &inherited};
    hy_handlers_enter(set);
    if (hy_protected(heir->L, fire_inherited, &inherited, &err) < 0) {
        hy__instance_log(heir, HY_LOG_ERROR, hy_on_label(HY_ON_RESUME), err.text);
    }
    hy_handlers_leave(heir->L, set);
}

static int push_left(lua_State *L, void *arg) {
    (void)arg;
    lua_pushliteral(L, "left");
    return 1;
}

void hy_lib_syncher_left(hy_instance_t *heir, hy_party_t *party) {
    hy_box_t *b = hy_party_tag(party);
    if (!b || b->lua.instance != heir || hy_party_is_open(party)) return;
    hy_box_enter(b); /* it must still be there after its handlers */
    hy_box_fire(b, HY_ON_DELETE, push_left, NULL, NULL);
    hy_box_close(heir->L, b);
    hy_box_leave(heir->L, b);
}
