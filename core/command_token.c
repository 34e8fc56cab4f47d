/* token: makes one for a runtime, which a node takes that has the key (net/token.h). */
#include "base/json.h"
#include "commands.h"
#include "net/token.h"

#include <string.h>
#include <time.h>

static int fail(int status, const char *text) {
    fprintf(stderr, "hyperty: token: %s\n", text);
    return status;
}

/* "3600", "90s", "15m", "12h", "30d" in seconds; 0 if it is none of them, or too long. */
static uint32_t read_ttl(const char *text) {
    static const char UNITS[] = "smhd";
    static const uint32_t SECONDS[] = {1, 60, 3600, 86400};
    uint64_t n = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && n <= HY_TOKEN_TTL_S_MAX; at++)
        n = 10 * n + (uint64_t)(*at - '0');
    const char *unit = *at ? strchr(UNITS, *at) : UNITS;
    if (at == text || !unit || (*at && at[1])) return 0;
    n *= SECONDS[unit - UNITS];
    return n <= HY_TOKEN_TTL_S_MAX ? (uint32_t)n : 0;
}

static hy_node_t *list_users(const hy_texts_t *texts) {
    hy_node_t *users = hy_node_new(HY_ARRAY);
    for (int i = 0; users && i < texts->count; i++) {
        if (hy_node_insert(users, (size_t)i, hy_text(texts->items[i])) == 0) continue;
        hy_node_unref(users);
        users = NULL;
    }
    return users;
}

static int make(const hy_options_t *o, const char *key, const char *subject, uint32_t ttl_s) {
    hy_error_t err = {.text = "out of memory"};
    hy_str_t *sub = hy_str_from(subject), *token = NULL;
    hy_node_t *users = list_users(&o->lists[HY_OPTION_USERS]);
    int rc = HY_ENOMEM;
    if (sub && users)
        rc = hy_token_make(key, sub, users, (uint64_t)time(NULL), ttl_s, &token, &err);
    if (rc == 0 && (printf("%s\n", token->bytes) < 0 || fflush(stdout) != 0))
        rc = hy_fail(&err, HY_EINVALID, "it cannot be written");
    hy_str_unref(token);
    hy_str_unref(sub);
    if (users) hy_node_unref(users);
    return rc < 0 ? fail(HY_EXIT_FAILED, err.text) : HY_EXIT_DONE;
}

int hy_command_token(const hy_options_t *o) {
    const char *key = o->given[HY_OPTION_SIGN_KEY], *sub = o->given[HY_OPTION_SUB];
    const char *ttl = o->given[HY_OPTION_TTL];
    if (!key)
        return fail(HY_EXIT_USAGE, "--key FILE is missing: what the token is signed with, an ES256 "
                                   "private key in PEM or an HS256 secret");
    if (!sub)
        return fail(HY_EXIT_USAGE, "--sub URL is missing: the runtime that may open a session, or "
                                   "what its URL begins with, such as "
                                   "hyperty-runtime://example.org/bob");
    uint32_t ttl_s = ttl ? read_ttl(ttl) : HY_TOKEN_TTL_S;
    if (ttl_s == 0)
        return fail(HY_EXIT_USAGE, "--ttl says how long the token is good: 90s, 15m, 12h, or 366d "
                                   "at most");
    return make(o, key, sub, ttl_s);
}
