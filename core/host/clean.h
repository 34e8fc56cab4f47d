/* Texts from scripts and peers, made fit for terminals and JSON. */
#ifndef HY_HOST_CLEAN_H
#define HY_HOST_CLEAN_H

#include "../base/str.h"

/* A new string: UTF-8 without controls but newline and tab (and escape, for texts of our own with
 * colours); other bytes show as \xNN. Cut, and said so, beyond HY_PROMPT_TEXT_BYTES_MAX. NULL when
 * out of memory. */
hy_str_t *hy_text_clean(const char *text, size_t len, bool with_escapes);

#endif
