/* tests/fuzz/fuzz_regex.c - pattern and text from one input, split at the first NUL; both flavours.
 * What the literal fast path says must be what PCRE2 says. */
#include "base/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void play(Slice pattern, Slice text, RegexFlavour flavour)
{
    Regex *r;
    Err e;
    bool matched;
    RegexGroup groups[REGEX_GROUPS_MAX];
    size_t count;
    if (!regex_compile(&r, pattern, flavour, 0, &e))
        return;
    bool decided = regex_match(r, text, &matched, &e);
    if (regex_groups(r, text, 0, groups, &count, &e) && decided && slice_utf8_valid(text))
        must(matched == (count > 0));
    regex_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Slice all = slice_of((const char *)data, size);
    const char *nul = size > 0 ? memchr(data, 0, size) : NULL;
    Slice pattern = nul ? slice_of(all.ptr, (size_t)(nul - all.ptr)) : all;
    Slice text = nul ? slice_of(nul + 1, size - pattern.len - 1) : SLICE_LIT("abc");
    play(pattern, text, REGEX_RE2);
    play(pattern, text, REGEX_PG);
    return 0;
}
