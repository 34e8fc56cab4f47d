/* The Lua files of lua/ that the core carries inside it. */
#ifndef HY_HOST_EMBEDDED_H
#define HY_HOST_EMBEDDED_H

#include "../base/embedded.h"

/* In the order of the list in CMakeLists.txt. */
extern const hy_embedded_t hy_embedded[];
extern const size_t hy_embedded_count;

#endif
