/* Frames between a prompt and its host: a 4-byte big-endian length and a JSON object.
 *
 * From the prompt:
 *      {"do":"eval","id":n,"code":text,"width":columns,"color":bool,"terminal":bool}
 *                              one under way at a time; "terminal": a person reads, so an error is
 *                              told in two lines
 *      {"do":"load","id":n,"name":hyperty,…}         as if `hyperty = load "hyperty"` were typed
 *      {"do":"cancel","id":n}
 *      {"do":"complete","id":n,"code":text}          what is typed before the cursor; at any time
 * From the host:
 *      {"is":"result","id":n,"outcome":"values|nothing|more|error|cancelled","text":text}
 *      {"is":"completion","id":n,"from":bytes,"items":[text,…],"end":text,"more":bool}
 *                              how that could go on: each item takes the place of what is typed
 *                              from there on; "end" comes behind, if only one fits; "more": there
 *                              are others, too many
 *      {"is":"print","text":text,"name":hyperty}     name is absent for what the prompt itself
 *                                                    prints
 *      {"is":"log","text":line}
 *      {"is":"hello","text":what it is}              first, to who came by a socket of its own
 *      {"is":"end","text":why}                       last: the host will hear no more from it
 *      {"is":"dropped","lines":n}                    so many of the two above, the reader was too
 *                                                    slow
 */
#ifndef HY_HOST_FRAME_H
#define HY_HOST_FRAME_H

#include "../base/buf.h"
#include "../base/value.h"

/* Appends an object as a frame; it is taken over, ABSENT counts as out of memory. HY_ENOMEM,
 * HY_ETOO_LARGE: nothing was appended. */
int hy_frame_append(hy_buf_t *b, hy_value_t object);
/* Takes the first frame off the buffer: 1 and the object, which the caller owns; 0 if it is not
 * there as a whole yet; negative if it is no frame: nothing that follows can be read. */
int hy_frame_take(hy_buf_t *b, hy_value_t *out, hy_error_t *err);

#endif
