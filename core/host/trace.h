/* Inside the host: what is told of an error in a task: its stack, the stacks of those who waited
 * for it, and where the task came from.
 *
 *      task A: wait(fn) ──► task B: wait(fn) ──► task C: raises
 *      C's stack, "waited for by:" B's stack, "waited for by:" A's stack, "spawned at file:line"
 *
 * An error of a function that hyperty.wait runs is raised in who waits, as the object it is; so its
 * stack is put by with who waits, and told if that fails of the same error. */
#ifndef HY_HOST_TRACE_H
#define HY_HOST_TRACE_H

#include <lua.h>

/* Where a script has started something. */
typedef struct {
    char source[LUA_IDSIZE];
    int line; /* 0: not known */
} hy_origin_t;

struct hy_task;

/* The line of the script that calls the C function which runs on L. */
void hy__trace_origin(lua_State *L, hy_origin_t *out);
/* The error object on top of L, of that task, whose stack is still there, becomes the text with all
 * that. */
void hy__trace_text(lua_State *L, struct hy_task *t);
/* The same error is about to be raised in who waits for the task: its stack is put by there. The
 * object stays. */
void hy__trace_pass(lua_State *L, struct hy_task *t);

#endif
