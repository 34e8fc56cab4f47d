/* Resolving a reference against where it stands (RFC 3986, by uriparser). */
#include "rules_compile.h"

#include "../base/mem.h"

#include <uriparser/Uri.h>

static void *take(UriMemoryManager *memory, size_t size) {
    (void)memory;
    return hy_alloc(size);
}

static void *take_zero(UriMemoryManager *memory, size_t count, size_t size) {
    (void)memory;
    return size == 0 || count <= SIZE_MAX / size ? hy_alloc_zero(count * size) : NULL;
}

static void *resize(UriMemoryManager *memory, void *block, size_t size) {
    (void)memory;
    return hy_realloc(block, size);
}

static void *resize_list(UriMemoryManager *memory, void *block, size_t count, size_t size) {
    (void)memory;
    return size == 0 || count <= SIZE_MAX / size ? hy_realloc(block, count * size) : NULL;
}

static void give(UriMemoryManager *memory, void *block) {
    (void)memory;
    hy_free(block);
}

static int code_of(int rc) {
    return rc == URI_SUCCESS ? 0 : rc == URI_ERROR_MALLOC ? HY_ENOMEM : HY_EINVALID;
}

static int text_of(const UriUriA *uri, hy_str_t **out) {
    int chars;
    if (uriToStringCharsRequiredA(uri, &chars) != URI_SUCCESS || chars < 0) return HY_EINVALID;
    char *text = hy_alloc((size_t)chars + 1);
    if (!text) return HY_ENOMEM;
    int rc = code_of(uriToStringA(text, uri, chars + 1, NULL));
    if (rc == 0) {
        *out = hy_str_new(text, (size_t)chars);
        if (!*out) rc = HY_ENOMEM;
    }
    hy_free(text);
    return rc;
}

int hy__uri_resolve(const char *base, const char *ref, size_t len, hy_str_t **out) {
    UriMemoryManager memory = {take, take_zero, resize, resize_list, give, NULL};
    UriUriA from = {0}, to = {0}, whole = {0};
    int rc = code_of(uriParseSingleUriExMmA(&to, ref, ref + len, NULL, &memory));
    if (rc < 0) return rc;
    rc = code_of(uriParseSingleUriExMmA(&from, base, base + strlen(base), NULL, &memory));
    if (rc == 0) {
        rc = code_of(uriAddBaseUriExMmA(&whole, &to, &from, URI_RESOLVE_STRICTLY, &memory));
        if (rc == 0) rc = code_of(uriNormalizeSyntaxExMmA(&whole, (unsigned)-1, &memory));
        if (rc == 0) rc = text_of(&whole, out);
        uriFreeUriMembersMmA(&whole, &memory);
        uriFreeUriMembersMmA(&from, &memory);
    }
    uriFreeUriMembersMmA(&to, &memory);
    return rc;
}
