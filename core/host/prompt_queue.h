/* What a prompt still has to hand to its client: frames as bytes, bounded. */
#ifndef HY_HOST_PROMPT_QUEUE_H
#define HY_HOST_PROMPT_QUEUE_H

#include "../base/buf.h"
#include "../base/value.h"

typedef struct {
    hy_buf_t bytes;
    size_t at;        /* written already, counted in bytes.bytes */
    uint64_t dropped; /* lines, not told yet */
} hy_prompt_queue_t;

void hy_prompt_queue_init(hy_prompt_queue_t *q);
void hy_prompt_queue_deinit(hy_prompt_queue_t *q);
/* A frame with a text. The text is made clean: UTF-8, no controls but newline and tab, and escape
 * where colours are wanted; and cut if it is too long. */
typedef struct {
    const char *is;
    bool is_line; /* a print or log: dropped and counted when the queue is full */
    bool with_escapes;
    hy_value_t more; /* an object with further fields, or ABSENT */
} hy_prompt_frame_t;
/* `frame.more` is taken over. */
void hy_prompt_queue_add(hy_prompt_queue_t *q, hy_prompt_frame_t frame, const char *text,
                         size_t len);
/* More waits than is to; lines are dropped. */
bool hy_prompt_queue_is_full(const hy_prompt_queue_t *q);
/* Writes what the descriptor takes without waiting. 1: all is written, 0: some is left, negative:
 * it is broken. */
int hy_prompt_queue_write(hy_prompt_queue_t *q, int fd);

#endif
