/* Lists: whom the reporter of an object lets observe without being asked (judging.h). An entry is a
 * guest: of a hyperty, which may observe already, or of a user, which only stands for its
 * hyperties. So it is stored and handed over as guests are. */
#include "hosted.h"

bool hy__is_user_url(const hy_str_t *url) {
    static const char scheme[] = "user://";
    return url->len >= sizeof scheme - 1 && memcmp(url->bytes, scheme, sizeof scheme - 1) == 0;
}

/* Whom the reporter struck off before may be let in by a list again. */
static void forgive(hy_hosted_t *h, const hy_str_t *user) {
    hy_guest_t *g;
    for (uint32_t pos = 0; (g = hy_dict_next(&h->guests, &pos));) {
        bool is_struck = g->is_evicted && !g->is_taken_back;
        if (!is_struck || !g->user || !hy_str_equal(g->user, user)) continue;
        g->is_taken_back = true;
        hy__hosted_save_guest(h, g->key);
    }
}

int hy__hosted_authorise(hy_hosted_t *h, hy_str_t *who) {
    hy_guest_t *g;
    int rc = hy__hosted_put_guest(h, who, &g);
    if (rc < 0) return rc;
    g->is_listed = true;
    g->is_evicted = g->is_taken_back = false;
    hy__hosted_save_guest(h, who);
    if (hy__is_user_url(who)) forgive(h, who);
    return 0;
}

int hy__hosted_revoke(hy_hosted_t *h, hy_str_t *who, hy_domain_cb done, void *arg, bool *waits) {
    hy_guest_t *g = hy__hosted_guest(h, who);
    if (!g || (!g->is_listed && !g->is_authorised)) return HY_ENOT_FOUND;
    bool was_listed = g->is_listed, was_authorised = g->is_authorised;
    g->is_listed = g->is_authorised = false;
    int rc = hy__hosted_judge(h, done, arg, waits);
    if (rc < 0) {
        g->is_listed = was_listed;
        g->is_authorised = was_authorised;
        return rc;
    }
    hy__lasting_drop(h->manager, "invite", h->url, who);
    if (g->is_observing || g->is_gone || g->is_evicted) {
        hy__hosted_save_guest(h, who);
    } else {
        hy__hosted_remove_guest(h, g);
    }
    return 0;
}
