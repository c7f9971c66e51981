/* base/slice.h - borrowed bytes, and the small helpers every layer needs on them.
 *
 * A Slice never owns what it points to; the header of the function that returns one
 * names the owner.  Text is UTF-8 and not NUL-terminated.
 * Threads: pure values. */
#ifndef SKULK_BASE_SLICE_H
#define SKULK_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Slice {
    const char *ptr;
    size_t len;
} Slice;

#define SLICE_LIT(s)           ((Slice){"" s, sizeof(s) - 1})
#define SLICE_ARG(s)           (int)(s).len, (s).ptr /* for "%.*s" */
#define SLICE_NONE             ((Slice){NULL, 0})
#define ARRAY_LEN(a)           (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

static inline Slice slice_of(const char *ptr, size_t len)
{
    return (Slice){ptr, len};
}

static inline Slice slice_cstr(const char *s)
{
    return (Slice){s, s ? strlen(s) : 0};
}

static inline bool slice_eq(Slice a, Slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_cstr(Slice a, const char *s)
{
    return slice_eq(a, slice_cstr(s));
}

static inline int slice_cmp(Slice a, Slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static inline bool slice_starts(Slice s, Slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool slice_eq_nocase(Slice a, Slice b); /* ASCII case only */
bool slice_to_i64(Slice s,
                  int64_t *out); /* whole text, decimal; false: not a number or too large */
bool slice_to_u64(Slice s, uint64_t *out);
/* Whole text, locale-free, exact; no NaN/Inf words; false as well when it overflows. */
bool slice_to_f64(Slice s, double *out);
bool slice_utf8_valid(Slice s);
size_t slice_utf8_step(Slice s); /* bytes of the first character; 0: empty or invalid */
size_t slice_utf8_count(Slice s, size_t bytes); /* characters in the first `bytes` bytes */

#endif
