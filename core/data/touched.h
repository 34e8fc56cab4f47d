/* What a change touched: its effects as a part of the tree that they were applied to, from the root
 * down to the nodes whose members or items came, went or are others now.
 *
 *      effects                          touched
 *      participants[2].status = …       root ── participants ── [2]  key "status"
 *      participants: insert 1 at 0             items 0 to 1; from 0 on moved by 1
 *
 * It is told for the tree as it is after the last of them: nodes that have left it meanwhile are
 * not there, each key is there once, and items are where they ended up. What is in a member or an
 * item that was put in is not told of again. Of one effect it is made without allocation. */
#ifndef HY_DATA_TOUCHED_H
#define HY_DATA_TOUCHED_H

#include "../base/dict.h"
#include "change.h"

/* What happened in a node itself. */
typedef struct {
    /* Of an object: keys set or removed, the first of them and (entries of a dict) the others. */
    hy_str_t *key; /* NULL: none */
    hy_dict_t keys;
    /* Of an array: among items [low, high) are those put in; those from `moved_from` on may have
     * moved, none by more than `moved_by` to the right. */
    size_t low, high, moved_from, moved_by;
    bool has_come, has_gone; /* members or items */
} hy__news_t;

typedef struct hy__touch {
    hy_node_t *node;
    struct hy__touch *first, *next; /* those in it; the next in the same node */
    hy__news_t *news;               /* NULL: only on the way to those in it */
} hy__touch_t;

typedef struct hy__grown hy__grown_t; /* a touch of many effects */

typedef struct {
    hy__touch_t *root; /* NULL: nothing that is still there */
    bool is_whole;     /* the whole is another one, and nothing else counts */
    hy__grown_t **slots, *all;
    uint32_t slot_mask, count;
    /* Of one effect; the way to its node ends with the array. */
    hy__news_t news;
    hy__touch_t way[HY_VALUE_DEPTH_MAX + 2];
} hy__touched_t;

/* HY_ENOMEM. To be released, also on failure. */
int hy__touched_make(hy__touched_t *t, hy_node_t *root, const hy_effect_t *effects, uint32_t count);
void hy__touched_release(hy__touched_t *t);

bool hy__news_has_key(const hy__news_t *news, const hy_str_t *key);
/* Walks the keys from *pos = 0; NULL at the end. */
hy_str_t *hy__news_next_key(const hy__news_t *news, uint32_t *pos);

#endif
