/* Fuzz target: any bytes on a native connection; the first says how the rest is cut. However that
 * is, the same messages come out, or it closes for the same reason, and never more comes out than
 * came in; nothing may be left. Built and run by tools/fuzz/run. */
#include "protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heard_t heard;
    if (size == 0) return 0;
    check(hy_native_new, "", (const char *)data + 1, size - 1, data[0] % 64 + 1u, &heard);
    MUST(heard.opens == 1 && heard.out_bytes == 0);
    MUST(heard.text_bytes + 4 * heard.texts < size);
    return 0;
}
