/* What scripts see, told as constant tables: classes with their fields and methods, libraries,
 * named arguments. One table serves all who need it: the state, which takes names and functions
 * from it; the check of arguments, with the text that lists what is known; the help of the prompt;
 * and the annotations for editors in lua/types (tools/types), which a spec compares.
 *
 * A state copies nothing but names and functions: the rest is read where it stands when somebody
 * asks. Types are written as lua-language-server reads them; classes are named hyperty.Reporter. */
#ifndef HY_HOST_API_H
#define HY_HOST_API_H

#include <lauxlib.h>
#include <lua.h>

/* A named argument, as in create{schema = "Resource"}. */
typedef enum {
    HY_OPTION_TEXT,
    HY_OPTION_NEEDED_TEXT, /* the same, which must be there */
    HY_OPTION_FLAG,
    HY_OPTION_TEXTS, /* list of strings */
    HY_OPTION_STORE, /* false, true or "sync" */
    HY_OPTION_VALUE  /* anything but nil */
} hy_option_kind_t;

typedef struct {
    const char *name;
    hy_option_kind_t kind;
    const char *doc;
} hy_option_t;

/* Lists of all of these end with a NULL name. */
typedef struct {
    const char *name;
    lua_Integer number; /* from 1, for the class's __index; 0: in tables, which need none */
    const char *type, *doc;
} hy_field_t;

typedef struct {
    const char *name;
    lua_CFunction function; /* NULL: it is made elsewhere, or by the script */
    const char *params;     /* "name: type, other?: type, ...: any"; NULL: none */
    const char *results;    /* types; NULL: nothing; HY_OR_WHY behind it: or nil, message, code */
    const char *doc;
    const hy_option_t *options; /* what may be in the parameter of type "options"; NULL: no such */
} hy_method_t;

#define HY_OR_WHY " | why"

typedef struct {
    const char *name;      /* for annotations: "hyperty.Reporter" */
    const char *noun;      /* for errors: "a reporter" */
    const char *doc;       /* what follows "A reporter: " */
    const char *more;      /* further lines of help; NULL: none */
    const char *metatable; /* its name in the registry; NULL: it is a plain table */
    unsigned role;         /* which events its `on` has, HY_ROLE_…; 0: it has no `on` */
    const hy_field_t *fields, *more_fields;
    const hy_method_t *methods, *more_methods;
} hy_class_t;

/* What a script returns, whose fields `self` has, too, beside those that the host gives (check.c).
 */
extern const hy_class_t hy_hyperty_class;
extern const hy_class_t hy_syncher_class, hy_reporter_class, hy_observer_class, hy_child_class,
    hy_change_class, hy_child_event_class, hy_request_class, hy_invitation_class, hy_offer_class,
    hy_handler_class, hy_timer_class;

/* Parts of what require "hyperty" gives. */
extern const hy_method_t hy_lib_task_functions[], hy_lib_timer_functions[], hy_lib_peer_functions[],
    hy_lib_value_functions[], hy_lib_json_functions[], hy_lib_log_functions[];

/* Sets the functions of a list in the table on top. */
void hy_class_functions(lua_State *L, const hy_method_t *functions);

/* The class of the object at an index; NULL: it is none of the host's. */
const hy_class_t *hy_api_class_of(lua_State *L, int index);
/* A method of it; NULL: it has none of that name. */
const hy_method_t *hy_api_method(const hy_class_t *class, const char *name);

/* Pushes all of it as plain tables:
 *
 *      { classes = { { name=, noun=, doc=, more=, metatable=,
 *                      fields = { { name=, type=, doc= } … },
 *                      methods = { { name=, params=, results=, doc=, fails=,
 *                                    options = { { name=, kind=, type=, doc=, needed= } … } } … },
 *                      events = { { name=, params=, doc= } … } } … },
 *        library = { { name = "hyperty" or "hyperty.json" …, functions = { as methods },
 *                      values = { as fields } } … },
 *        words = { ["hyperty.Code"] = { "forbidden" … } … } }
 *
 * For who asks: each call makes them anew. */
void hy_api_push(lua_State *L);

#endif
