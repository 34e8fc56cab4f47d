/* Objects of this runtime that were deleted, and that their node was told of (rejoin.h).
 *
 * The node answers 410 for them; but one that is restarted remembers nothing, and then nobody else
 * knows: observers that were away when the object was deleted, or whose node went down before it
 * had told them, would wait for a reporter that never comes. So with each new session the node is
 * told again. The oldest are forgotten. */
#include "../base/mem.h"
#include "sync.h"

/* Out of memory it is forgotten at once. */
void hy__buried_add(hy_manager_t *m, hy_str_t *object) {
    if (hy_dict_get(&m->buried, object)) return;
    if (m->buried.count >= HY_BURIED_MAX) {
        uint32_t pos = 0;
        hy_dict_remove(&m->buried, hy_dict_next(&m->buried, &pos));
    }
    hy_dict_put(&m->buried, object, NULL);
}

/* Another object may have come to that address since. */
static bool is_alive(const hy_manager_t *m, const hy_str_t *url) {
    return hy__part_find(&m->hosted, url) || hy__part_find(&m->creating, url);
}

void hy__buried_renew(hy_manager_t *m, const char *domain) {
    const hy__buried_t *b;
    for (uint32_t pos = 0; (b = hy_dict_next(&m->buried, &pos));) {
        if (hy__is_in(b->key, domain) && !is_alive(m, b->key)) hy__lasting_bury(m, b->key, false);
    }
}

void hy__buried_free(hy_manager_t *m) {
    hy_dict_deinit(&m->buried);
}
