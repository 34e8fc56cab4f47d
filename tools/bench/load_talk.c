/* What connections say: the steps until one is ready (each waits for the answer to the one before,
 * as real clients do), and the requests of those that ask. */
#include "load.h"

#include <stdlib.h>

static void say(const load_t *l, text_t *out, const char *text) {
    l->wire->frame(out, text, strlen(text));
}

static const char *role_name(role_t role) {
    static const char *const names[] = {"pub", "sub", "asker", "answerer"};
    return names[role];
}

/* --- hyperty ---------------------------------------------------------------------------------- */

static void say_open(conn_t *c, text_t *out) {
    char text[512];
    const load_t *l = c->load;
    snprintf(text, sizeof text,
             "{\"type\":\"open\",\"id\":1,\"from\":\"hyperty-runtime://%s/bench-%s-%u\","
             "\"to\":\"mn:/session\"}",
             l->domain, role_name(c->role), c->number);
    say(l, out, text);
}

static void say_allocate(load_t *l, role_t role, unsigned runtime, unsigned number, text_t *out) {
    char text[512];
    snprintf(text, sizeof text,
             "{\"type\":\"create\",\"id\":%llu,"
             "\"from\":\"hyperty-runtime://%s/bench-%s-%u/address-allocation\","
             "\"to\":\"domain://msg-node.%s/object-address-allocation\","
             "\"body\":{\"scheme\":\"comm\",\"value\":{\"number\":%u}}}",
             (unsigned long long)++l->next_id, l->domain, role_name(role), runtime, l->domain,
             number);
    say(l, out, text);
}

/* What each role subscribes: the publisher its object, as its holder; the answerer its hyperty. */
static void say_subscribe(conn_t *c, text_t *out) {
    char text[2048], resources[1024];
    load_t *l = c->load;
    const char *name = role_name(c->role);
    if (c->role == PUBLISHER)
        snprintf(resources, sizeof resources, "\"%s\",\"%s/subscription\"", l->object, l->object);
    else if (c->role == SUBSCRIBER)
        snprintf(resources, sizeof resources, "\"%s/changes\"", l->object);
    else
        snprintf(resources, sizeof resources, "\"hyperty://%s/bench-%s-%u\"", l->domain, name,
                 c->number);
    snprintf(text, sizeof text,
             "{\"type\":\"subscribe\",\"id\":%llu,\"from\":\"hyperty-runtime://%s/bench-%s-%u/sm\","
             "\"to\":\"domain://msg-node.%s/sm\",\"body\":{\"resources\":[%s],"
             "\"source\":\"hyperty://%s/bench-%s-%u\"}}",
             (unsigned long long)++l->next_id, l->domain, name, c->number, l->domain, resources,
             l->domain, name, c->number);
    say(l, out, text);
}

static void check_answer(const unit_t *answer) {
    if (!memmem(answer->text, answer->len, "\"code\":200", 10))
        die("the node refuses: %.*s", (int)answer->len, answer->text);
}

static void note_object(load_t *l, const unit_t *answer) {
    static const char before[] = "\"allocated\":[\"";
    const char *at = memmem(answer->text, answer->len, before, sizeof before - 1);
    if (!at) die("no address in %.*s", (int)answer->len, answer->text);
    at += sizeof before - 1;
    const char *end = memchr(at, '"', (size_t)(answer->text + answer->len - at));
    if (!end || (size_t)(end - at) >= sizeof l->object) die("an address does not fit");
    memcpy(l->object, at, (size_t)(end - at));
    l->object[end - at] = 0;
}

static bool hyperty_step(conn_t *c, unsigned step, const unit_t *answer, text_t *out) {
    if (step > 0) check_answer(answer);
    if (step == 0) {
        say_open(c, out);
        return true;
    }
    if (c->role == ASKER) return false;
    if (c->role == PUBLISHER) {
        if (step == 1) {
            say_allocate(c->load, c->role, c->number, 1, out);
            return true;
        }
        if (step == 2) note_object(c->load, answer);
        step--;
    }
    if (step == 1) say_subscribe(c, out);
    return step == 1;
}

static void say_upgrade(const load_t *l, text_t *out) {
    text_format(out,
                "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: aHlwZXJ0eSBiZW5jaC4uLg==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                l->path, l->host);
}

/* --- redis, nats ------------------------------------------------------------------------------ */

static bool redis_step(conn_t *c, unsigned step, text_t *out) {
    if (step > 0) return false;
    if (c->role == SUBSCRIBER)
        text_format(out, "*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nbench\r\n");
    else
        text_format(out, "*1\r\n$4\r\nPING\r\n");
    return true;
}

/* The server speaks first. PONG tells that what came before PING is done. */
static bool nats_step(conn_t *c, unsigned step, text_t *out) {
    if (step == 1) {
        text_format(out, "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":true}\r\n");
        if (c->role == SUBSCRIBER) text_format(out, "SUB bench 1\r\n");
        text_format(out, "PING\r\n");
    }
    return step < 2;
}

bool talk_step(conn_t *c, const unit_t *answer, text_t *out) {
    unsigned step = c->step++;
    const wire_t *wire = c->load->wire;
    if (answer && answer->kind == UNIT_ERROR)
        die("%s refuses: %.*s", wire->server, (int)answer->len, answer->text);
    if (!wire->is_hyperty)
        return *wire->scheme == 'r' ? redis_step(c, step, out) : nats_step(c, step, out);
    if (*wire->scheme == 'w') {
        if (step == 0) {
            say_upgrade(c->load, out);
            return true;
        }
        step--;
    }
    return hyperty_step(c, step, answer, out);
}

/* --- What is sent when ready ------------------------------------------------------------------ */

void talk_payload(const load_t *l, char *payload) {
    const char *object =
        *l->object ? l->object : "comm://localhost/6f1f0c1e-93d5-4c0f-8a7b-5a3f0e2d4c6b";
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "{\"type\":\"update\",\"from\":\"%s\",\"to\":\"%s/changes\",\"body\":{"
                     "\"epoch\":\"1-b\",\"version\":1,\"attribute\":\"v\",\"value\":\"",
                     object, object);
    if (n + 3 > PAYLOAD_BYTES)
        die("addresses of %s are too long for %d bytes", object, PAYLOAD_BYTES);
    memset(payload, 'x', PAYLOAD_BYTES);
    memcpy(payload, text, (size_t)n);
    memcpy(payload + PAYLOAD_BYTES - 3, "\"}}", 3);
}

void talk_request(load_t *l, text_t *out) {
    char text[512];
    snprintf(text, sizeof text,
             "{\"type\":\"execute\",\"id\":%llu,\"from\":\"hyperty://%s/bench-asker-0\","
             "\"to\":\"hyperty://%s/bench-answerer-0\","
             "\"body\":{\"method\":\"ping\",\"params\":[]}}",
             (unsigned long long)++l->next_id, l->domain, l->domain);
    say(l, out, text);
}

void talk_response(const load_t *l, text_t *out, const unit_t *request) {
    char text[512];
    const char *id = memmem(request->text, request->len, "\"id\":", 5);
    if (!id) die("not a request: %.*s", (int)request->len, request->text);
    snprintf(text, sizeof text,
             "{\"type\":\"response\",\"id\":%llu,\"from\":\"hyperty://%s/bench-answerer-0\","
             "\"to\":\"hyperty://%s/bench-asker-0\",\"body\":{\"code\":200,\"value\":true}}",
             strtoull(id + 5, NULL, 10), l->domain, l->domain);
    say(l, out, text);
}

void talk_allocate(load_t *l, text_t *out, unsigned number) {
    say_allocate(l, ASKER, 0, number, out);
}
