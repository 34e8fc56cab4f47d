/* core/node/bounds: what one session may have. Each bound is filled; what is one too many hears
 * which bound that is and what to do, others go on undisturbed, and the metrics tell of it. */
#include "support.h"

#define C        "hyperty-runtime://d/c"
#define HYPERTY  "hyperty://d/h"
#define OBJECT   "comm://d/o"
#define WORD(of) "{of=\"" of "\"}"

/* The last request was refused for that bound, in those words. */
static void assert_bound(const char *of, int64_t max, const char *text) {
    char name[100];
    assert_non_null(c.answer);
    assert_string_equal(hy_msg_desc(c.answer), text);
    snprintf(name, sizeof name, "hyperty_bound{of=\"%s\"}", of);
    assert_int_equal(metric(name), max);
    snprintf(name, sizeof name, "hyperty_bound_refused_total{of=\"%s\"}", of);
    assert_int_equal(metric(name), 1);
    assert_int_equal(
        ask(&b, "read", "hyperty-runtime://d/b/sm", "hyperty-runtime://d/nobody", NULL), 404);
}

static void assert_nearest(const char *of, int64_t n) {
    char name[100];
    snprintf(name, sizeof name, "hyperty_bound_nearest{of=\"%s\"}", of);
    assert_int_equal(metric(name), n);
}

/* Subscribes so many resources that were not before. */
static int subscribe_more(unsigned *next, unsigned count) {
    static char body[HY_SUBSCRIBE_RESOURCES_MAX * 40];
    size_t len = (size_t)snprintf(body, sizeof body, "{\"resources\":[");
    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(body + len, sizeof body - len, "%s\"comm://d/%u/changes\"",
                                i ? "," : "", (*next)++);
    snprintf(body + len, sizeof body - len, "]}");
    return ask(&c, "subscribe", HYPERTY, SM, body);
}

static void routes(void **state) {
    (void)state;
    unsigned next = 0;
    while (next < HY_SESSION_ROUTES_MAX)
        assert_int_equal(subscribe_more(&next, HY_SUBSCRIBE_RESOURCES_MAX), 200);
    assert_int_equal(subscribe_more(&next, 1), 503);
    assert_bound("session_routes", HY_SESSION_ROUTES_MAX,
                 C " may subscribe 65536 resources at most: comm://d/65536/changes is too many; "
                   "unsubscribe some first");
    assert_nearest("session_routes", HY_SESSION_ROUTES_MAX);
    assert_int_equal(
        ask(&c, "unsubscribe", HYPERTY, SM, "{\"resources\":[\"comm://d/0/changes\"]}"), 200);
    assert_int_equal(subscribe_more(&next, 1), 200);
}

static void sources_of_a_route(void **state) {
    (void)state;
    char body[128];
    for (unsigned i = 0; i <= HY_ROUTE_SOURCES_MAX; i++) {
        snprintf(body, sizeof body,
                 "{\"resources\":[\"" OBJECT "/changes\"],\"source\":\"" C "/s/%u\"}", i);
        assert_int_equal(ask(&c, "subscribe", C, SM, body), i < HY_ROUTE_SOURCES_MAX ? 200 : 503);
    }
    assert_bound("route_sources", HY_ROUTE_SOURCES_MAX,
                 OBJECT "/changes may be subscribed for 4096 sources at most: " C
                        "/s/4096 is too many; unsubscribe some first");
    assert_nearest("session_routes", 1);
    assert_int_equal(ask(&c, "subscribe", C, SM, body), 503); /* and again */
    assert_int_equal(ask(&c, "unsubscribe", C, SM, "{\"resources\":[\"" OBJECT "/changes\"]}"),
                     200);
    assert_int_equal(ask(&c, "subscribe", C, SM, body), 200);
}

/* Its RuntimeURL is one of them. */
static void claims_by_use(void **state) {
    (void)state;
    char from[64];
    for (unsigned i = 1; i < HY_SESSION_CLAIMS_MAX; i++) {
        snprintf(from, sizeof from, "hyperty://d/%u", i);
        tell(&c, "event", from, OBJECT "/changes", "{}");
    }
    assert_nearest("session_claims", HY_SESSION_CLAIMS_MAX);
    assert_int_equal(ask(&c, "read", "hyperty://d/new", SM, NULL), 503);
    assert_bound("session_claims", HY_SESSION_CLAIMS_MAX,
                 C " may hold 16384 addresses at most: hyperty://d/new is too many; unsubscribe "
                   "some first, or allocate them");
    assert_int_equal(subscribe(&c, "hyperty://d/1", "comm://d/new"), 503);
    assert_int_equal(ask(&c, "subscribe", C, SM,
                         "{\"resources\":[\"comm://d/x/changes\"],\"source\":\"hyperty://d/new\"}"),
                     503);
    assert_int_equal(ask(&c, "create", C, REGISTRY, "{\"value\":{\"url\":\"hyperty://d/new\"}}"),
                     503);
    assert_int_equal(metric("hyperty_bound_refused_total" WORD("session_claims")), 4);
    assert_int_equal(ask(&c, "read", "hyperty-runtime://d/b", SM, NULL),
                     403); /* another's, still */
    allocate(&c, "hyperty");
}

static void allocated_addresses(void **state) {
    (void)state;
    unsigned count = 0;
    while (count + HY_ALLOCATION_MAX <= HY_ALLOCATED_PER_RUNTIME_MAX) {
        assert_int_equal(
            ask(&c, "create", C, ALLOC, "{\"value\":{\"number\":1000,\"allocationKey\":\"k\"}}"),
            200);
        count += HY_ALLOCATION_MAX;
    }
    assert_int_equal(ask(&c, "create", C, ALLOC, "{\"value\":{\"number\":1000}}"), 503);
    assert_bound("runtime_allocated", HY_ALLOCATED_PER_RUNTIME_MAX,
                 C " may have 262144 allocated addresses at most: another is too many; give some "
                   "back first");
    assert_nearest("runtime_allocated", count);
    assert_int_equal(metric("hyperty_allocated_addresses"), count);
    assert_int_equal(ask(&c, "delete", C, ALLOC, "{\"resource\":\"k\"}"), 200);
    allocate(&c, "comm");
}

static void watches(void **state) {
    (void)state;
    char body[64];
    for (unsigned i = 1; i <= HY_REGISTRY_WATCHES_MAX + 1; i++) {
        snprintf(body, sizeof body, "{\"watch\":%u,\"criteria\":{\"name\":\"n\"}}", i);
        assert_int_equal(ask(&c, "subscribe", C "/sm", REGISTRY, body),
                         i <= HY_REGISTRY_WATCHES_MAX ? 200 : 429);
    }
    assert_bound("session_watches", HY_REGISTRY_WATCHES_MAX,
                 C " may have 256 watches of the registry at most: another is too many; end one "
                   "first");
    assert_nearest("session_watches", HY_REGISTRY_WATCHES_MAX);
    assert_nearest("watches", HY_REGISTRY_WATCHES_MAX);
}

/* Registrations have no bound of their own but that of memory. */
static void memory(void **state) {
    (void)state;
    static char body[HY_REGISTRY_ENTRY_BYTES_MAX];
    char name[HY_REGISTRY_ENTRY_BYTES_MAX - 300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    int code = 200;
    unsigned count = 0;
    for (; code == 200; count++) {
        snprintf(body, sizeof body, "{\"value\":{\"url\":\"" C "/%u\",\"name\":\"%s\"}}", count,
                 name);
        code = ask(&c, "create", C, REGISTRY, body);
    }
    assert_int_equal(code, 503);
    assert_bound("session_memory_bytes", HY_SESSION_BYTES_MAX,
                 C " may hold 67108864 bytes of the node's memory at most: more is too many; "
                   "unsubscribe, expel or unregister some first");
    assert_int_equal(metric("hyperty_registry_entries"), count - 1);
    assert_true(metric("hyperty_bound_nearest" WORD("session_memory_bytes")) >
                HY_SESSION_BYTES_MAX - 2 * (int)sizeof body);
    assert_int_equal(ask(&c, "delete", C, REGISTRY, "{\"resource\":\"" C "/0\"}"), 200);
    assert_int_equal(ask(&c, "create", C, REGISTRY, body), 200);
}

static void the_admitted_of_an_object(void **state) {
    (void)state;
    char body[128];
    assert_int_equal(
        ask(&c, "subscribe", HYPERTY, SM, "{\"resources\":[\"" OBJECT "\"],\"guard\":true}"), 200);
    int code = 200;
    for (unsigned i = 0; i <= HY_OBJECT_ADMITTED_MAX; i++) {
        snprintf(body, sizeof body,
                 "{\"method\":\"admit\",\"params\":[\"" OBJECT "\",\"hyperty://d/%u\"]}", i);
        code = ask(&c, "execute", HYPERTY, SM, body);
        assert_int_equal(code, i < HY_OBJECT_ADMITTED_MAX ? 200 : 503);
    }
    assert_bound("object_admitted", HY_OBJECT_ADMITTED_MAX,
                 OBJECT " may admit 131072 hyperties at most: hyperty://d/131072 is too many; "
                        "expel some first");
}

static void what_may_be_had_is_told(void **state) {
    (void)state;
    limit((hy_node_limits_t){.messages_per_s = 7, .bytes_per_s = 8000});
    assert_int_equal(metric("hyperty_bound" WORD("sessions")), HY_SESSIONS_MAX);
    assert_int_equal(metric("hyperty_bound_nearest" WORD("sessions")), 3);
    assert_int_equal(metric("hyperty_bound" WORD("registry_bytes")), HY_REGISTRY_BYTES_MAX);
    assert_int_equal(metric("hyperty_bound" WORD("allocated")), HY_ALLOCATED_MAX);
    assert_int_equal(metric("hyperty_rate_bound" WORD("messages")), 7);
    assert_int_equal(metric("hyperty_rate_bound" WORD("bytes")), 8000);
    assert_int_equal(metric("hyperty_rate_bound" WORD("allocations")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(routes),
        TEST(sources_of_a_route),
        TEST(claims_by_use),
        TEST(allocated_addresses),
        TEST(watches),
        TEST(memory),
        TEST(the_admitted_of_an_object),
        TEST(what_may_be_had_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
