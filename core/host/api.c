/* What scripts see, as plain tables for who asks: the prompt's help and completion, the generator
 * of the annotations and the spec that compares them (api.h). Also what has no code of its own
 * elsewhere: the tables that handlers and calls give. Owns nothing. */
#include "api.h"
#include "lib_syncher.h"

/* --- tables that calls give ------------------------------------------------------------------- */

static const hy_field_t status_fields[] = {
    {"state", 0, "hyperty.StatusState",
     "\"live\", \"syncing\", \"lagging\", \"disconnected\" or \"replaced\""},
    {"version", 0, "integer", "that is here"},
    {"head", 0, "integer", "the newest that is known of"},
    {"pending", 0, "integer", "changes that wait for one before them"},
    {"age", 0, "number", "seconds since the last sign of the reporter"},
    {NULL}};

static const hy_field_t event_fields[] = {{"collection", 0, "string", "that it was sent to"},
                                          {"from", 0, "string", "url of the hyperty that sent it"},
                                          {"value", 0, "any", "what was sent"},
                                          {NULL}};

static const hy_field_t left_fields[] = {{"from", 0, "string", "url of the hyperty that left"},
                                         {NULL}};

static const hy_field_t identity_fields[] = {
    {"user", 0, "string|nil", "url of the user that it acts for"},
    {"verified", 0, "boolean", "somebody vouches for that"},
    {NULL}};

static const hy_field_t metadata_fields[] = {
    {"url", 0, "string", "the address of the object"},
    {"name", 0, "string|nil", "that it goes by"},
    {"schema", 0, "string", "of its data"},
    {"schemaVersion", 0, "integer|nil", "of that, as its document says"},
    {"schemaDigest", 0, "string|nil", "of that document: the same for who has the same"},
    {"reporter", 0, "string", "url of the hyperty that writes it"},
    {"user", 0, "string|nil", "url of the user that one acts for"},
    {"runtime", 0, "string", "url of the runtime that one lives in"},
    {"created", 0, "string", "when: \"2026-01-01T00:00:00.000Z\""},
    {"lastModified", 0, "string", "when, as far as is known"},
    {"description", 0, "string|nil", "for people"},
    {"tags", 0, "string[]|nil", "for who searches"},
    {"resources", 0, "string[]|nil", "that it has, for who searches"},
    {"publicObservation", 0, "boolean|nil", "whoever asks may observe"},
    {"mutual", 0, "boolean|nil", "only its participants can read it, no node"},
    {NULL}};

/* Beside the metadata. */
static const hy_field_t reading_fields[] = {
    {"data", 0, "table", "the data, as plain tables"},
    {"version", 0, "integer", "of the data"},
    {"epoch", 0, "string", "a new one when it was started anew"},
    {"childrenObjects", 0, "table<string, table[]>", "the children by collection, in order"},
    {"childMarks", 0, "table", "which children each hyperty has added"},
    {NULL}};

static const hy_field_t entry_fields[] = {
    {"type", 0, "string", "\"dataObject\" or \"hyperty\""},
    {"url", 0, "string", "the address of the object or hyperty"},
    {"name", 0, "string|nil", "that it goes by"},
    {"schema", 0, "string|nil", "of an object's data"},
    {"schemas", 0, "string[]|nil", "of a hyperty: those that it has"},
    {"dataSchemes", 0, "string[]|nil", "the schemes of their urls"},
    {"reporter", 0, "string|nil", "of an object: url of the hyperty that writes it"},
    {"user", 0, "string|nil", "url of the user that it acts for"},
    {"runtime", 0, "string", "url of the runtime that it lives in"},
    {"status", 0, "string", "\"live\" or \"disconnected\""},
    {"description", 0, "string|nil", "for people"},
    {"tags", 0, "string[]|nil", "for who searches"},
    {"resources", 0, "string[]|nil", "that it has"},
    {NULL}};

static const hy_field_t registration_fields[] = {
    {"kind", 0, "hyperty.RegistrationKind", "\"live\", \"disconnected\" or \"deleted\""},
    {"entry", 0, "hyperty.Entry", "what the registry says of it, or has said last"},
    {"first", 0, "boolean", "it was there already when the handler was added"},
    {NULL}};

static const hy_class_t status_class = {.name = "hyperty.Status",
                                        .noun = "a status",
                                        .doc = "how it stands with a data object",
                                        .fields = status_fields};
static const hy_class_t event_class = {.name = "hyperty.Event",
                                       .noun = "an event",
                                       .doc = "what a handler of \"event\" gets",
                                       .fields = event_fields};
static const hy_class_t left_class = {.name = "hyperty.Left",
                                      .noun = "a leaving",
                                      .doc = "what a handler of \"unsubscribe\" gets",
                                      .fields = left_fields};
static const hy_class_t identity_class = {.name = "hyperty.Identity",
                                          .noun = "an identity",
                                          .doc = "whom a hyperty acts for",
                                          .fields = identity_fields};
static const hy_class_t reading_class = {.name = "hyperty.Reading",
                                         .noun = "a reading",
                                         .doc = "what syncher:read gives",
                                         .fields = metadata_fields,
                                         .more_fields = reading_fields};
static const hy_class_t metadata_class = {.name = "hyperty.Metadata",
                                          .noun = "metadata",
                                          .doc = "what is said about a data object",
                                          .fields = metadata_fields};
static const hy_class_t entry_class = {.name = "hyperty.Entry",
                                       .noun = "an entry",
                                       .doc = "one of the list that syncher:discover gives",
                                       .fields = entry_fields};
static const hy_class_t registration_class = {.name = "hyperty.Registration",
                                              .noun = "a registration",
                                              .doc = "what a handler of \"registration\" gets",
                                              .fields = registration_fields};

static const hy_class_t *const classes[] = {
    &hy_hyperty_class, &hy_syncher_class,     &hy_reporter_class, &hy_observer_class,
    &hy_child_class,   &hy_child_event_class, &hy_change_class,   &hy_request_class,
    &event_class,      &hy_invitation_class,  &hy_offer_class,    &left_class,
    &status_class,     &identity_class,       &metadata_class,    &reading_class,
    &entry_class,      &registration_class,   &hy_handler_class,  &hy_timer_class,
};

/* In the order in which they are listed. */
static const struct {
    const char *name;
    const hy_method_t *functions;
} library[] = {
    {"hyperty", hy_lib_task_functions},      {"hyperty", hy_lib_timer_functions},
    {"hyperty", hy_lib_peer_functions},      {"hyperty", hy_lib_value_functions},
    {"hyperty.json", hy_lib_json_functions}, {"hyperty.log", hy_lib_log_functions},
};

static const hy_field_t values[] = {{"null", 0, "lightuserdata", "the null of JSON"},
                                    {NULL}}; /* in hyperty */

/* --- finding ---------------------------------------------------------------------------------- */

/* Parties have one metatable for both of their classes, changes have two for one. */
static bool is_of(lua_State *L, int index, const hy_class_t *class) {
    if (class == &hy_change_class && luaL_testudata(L, index, HY_CHANGE_OWNER_CLASS)) return true;
    const void *object = class->metatable ? luaL_testudata(L, index, class->metatable) : NULL;
    if (!object || strcmp(class->metatable, HY_PARTY_CLASS) != 0) return object != NULL;
    bool is_reporter = hy_party_is_reporter(((const hy_box_t *)object)->lua.party);
    return is_reporter == (class->role == HY_ROLE_REPORTER);
}

const hy_class_t *hy_api_class_of(lua_State *L, int index) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (is_of(L, index, classes[i])) return classes[i];
    }
    return NULL;
}

const hy_method_t *hy_api_method(const hy_class_t *class, const char *name) {
    const hy_method_t *const lists[] = {class->methods, class->more_methods};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const hy_method_t *m = lists[i]; m && m->name; m++) {
            if (strcmp(m->name, name) == 0) return m;
        }
    }
    return NULL;
}

/* --- as tables -------------------------------------------------------------------------------- */

static void set_text(lua_State *L, const char *key, const char *text) {
    if (!text) return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

/* Appends the table on top (popped) to the one below it. */
static void append(lua_State *L) {
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void push_options(lua_State *L, const hy_option_t *options) {
    static const char *const types[] = {
        [HY_OPTION_TEXT] = "string",
        [HY_OPTION_NEEDED_TEXT] = "string",
        [HY_OPTION_FLAG] = "boolean",
        [HY_OPTION_TEXTS] = "string[]",
        [HY_OPTION_STORE] = "boolean|\"sync\"",
        [HY_OPTION_VALUE] = "table",
    };
    lua_newtable(L);
    for (const hy_option_t *o = options; o->name; o++) {
        lua_createtable(L, 0, 4);
        set_text(L, "name", o->name);
        set_text(L, "type", types[o->kind]);
        set_text(L, "doc", o->doc);
        lua_pushboolean(L, o->kind == HY_OPTION_NEEDED_TEXT);
        lua_setfield(L, -2, "needed");
        append(L);
    }
}

/* Appends to the list on top. */
static void add_fields(lua_State *L, const hy_field_t *fields) {
    for (const hy_field_t *f = fields; f && f->name; f++) {
        lua_createtable(L, 0, 3);
        set_text(L, "name", f->name);
        set_text(L, "type", f->type);
        set_text(L, "doc", f->doc);
        append(L);
    }
}

static void set_results(lua_State *L, const char *results) {
    const char *why = strstr(results, HY_OR_WHY);
    size_t len = why ? (size_t)(why - results) : strlen(results);
    lua_pushlstring(L, results, len);
    lua_setfield(L, -2, "results");
    lua_pushboolean(L, why != NULL);
    lua_setfield(L, -2, "fails");
}

static void add_methods(lua_State *L, const hy_method_t *methods) {
    for (const hy_method_t *m = methods; m && m->name; m++) {
        lua_createtable(L, 0, 6);
        set_text(L, "name", m->name);
        set_text(L, "params", m->params ? m->params : "");
        set_results(L, m->results ? m->results : "");
        set_text(L, "doc", m->doc);
        if (m->options) {
            push_options(L, m->options);
            lua_setfield(L, -2, "options");
        }
        append(L);
    }
}

static void push_events(lua_State *L, unsigned role) {
    static const struct {
        const char *word;
        unsigned roles;
        const char *params, *doc;
    } events[] = {
#define X(name, word, roles, params, doc) {word, roles, params, doc},
        HY_ON_MAP(X)
#undef X
    };
    lua_newtable(L);
    for (int i = 0; i < HY_ON_COUNT; i++) {
        if (!(events[i].roles & role)) continue;
        lua_createtable(L, 0, 3);
        set_text(L, "name", events[i].word);
        set_text(L, "params", events[i].params);
        set_text(L, "doc", events[i].doc);
        append(L);
    }
}

static void push_class(lua_State *L, const hy_class_t *class) {
    lua_createtable(L, 0, 8);
    set_text(L, "name", class->name);
    set_text(L, "noun", class->noun);
    set_text(L, "doc", class->doc);
    set_text(L, "more", class->more);
    set_text(L, "metatable", class->metatable);
    lua_newtable(L);
    add_fields(L, class->fields);
    add_fields(L, class->more_fields);
    lua_setfield(L, -2, "fields");
    lua_newtable(L);
    add_methods(L, class->methods);
    add_methods(L, class->more_methods);
    lua_setfield(L, -2, "methods");
    push_events(L, class->role);
    lua_setfield(L, -2, "events");
}

/* Lists that belong to one name follow each other. */
static void push_library(lua_State *L) {
    lua_newtable(L);
    for (size_t i = 0; i < sizeof library / sizeof *library; i++) {
        bool is_next = i == 0 || strcmp(library[i].name, library[i - 1].name) != 0;
        if (is_next) {
            lua_createtable(L, 0, 3);
            set_text(L, "name", library[i].name);
            lua_newtable(L);
        }
        add_methods(L, library[i].functions);
        bool is_last = i + 1 == sizeof library / sizeof *library ||
                       strcmp(library[i].name, library[i + 1].name) != 0;
        if (!is_last) continue;
        lua_setfield(L, -2, "functions");
        lua_newtable(L);
        if (strcmp(library[i].name, "hyperty") == 0) add_fields(L, values);
        lua_setfield(L, -2, "values");
        append(L);
    }
}

/* Sets a list of words in the table on top; each comes once. */
static void set_words(lua_State *L, const char *name, const char *const *words, size_t count) {
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        size_t before = 0;
        while (before < i && strcmp(words[before], words[i]) != 0)
            before++;
        if (before < i) continue;
        lua_pushstring(L, words[i]);
        append(L);
    }
    lua_setfield(L, -2, name);
}

static void push_words(lua_State *L) {
    static const char *const codes[] = {
#define X(name, code, http, word, text) word,
        HY_ERROR_MAP(X)
#undef X
    };
    static const char *const child_states[] = {
#define X(name, word) word,
        HY_CHILD_STATE_MAP(X)
#undef X
    };
    static const char *const party_states[] = {
#define X(name, word) word,
        HY_PARTY_STATE_MAP(X)
#undef X
    };
    static const char *const registered[] = {
#define X(name, word) word,
        HY_REGISTERED_MAP(X)
#undef X
    };
    enum { KINDS = HY_CHILD_EVENT_EXPIRED + 1 };
    const char *kinds[KINDS];
    for (int i = 0; i < KINDS; i++)
        kinds[i] = hy_child_event_word((hy_child_event_kind_t)i);
    lua_createtable(L, 0, 5);
    set_words(L, "hyperty.Code", codes, sizeof codes / sizeof *codes);
    set_words(L, "hyperty.ChildState", child_states, sizeof child_states / sizeof *child_states);
    set_words(L, "hyperty.StatusState", party_states, sizeof party_states / sizeof *party_states);
    set_words(L, "hyperty.ChildEventKind", kinds, KINDS);
    set_words(L, "hyperty.RegistrationKind", registered, sizeof registered / sizeof *registered);
}

void hy_api_push(lua_State *L) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    lua_createtable(L, 0, 3);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        push_class(L, classes[i]);
        append(L);
    }
    lua_setfield(L, -2, "classes");
    push_library(L);
    lua_setfield(L, -2, "library");
    push_words(L);
    lua_setfield(L, -2, "words");
}
