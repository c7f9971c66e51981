/* base/regex_literal.c - patterns that are literals in disguise: `a|b`, `^(cpu)$`, `web-.*`.
 * Most matchers of dashboards are; they are compared with memcmp and never meet PCRE2. */
#include "base/mem.h"
#include "base/regex_private.h"

#include <stdlib.h>

typedef enum Wild { WILD_NONE, WILD_ANY, WILD_SOME } Wild; /* nothing, .*, .+ */

static bool is_special(char c)
{
    return c == '\0' || strchr("\\.+*?()|[]{}^$", c) != NULL;
}

static bool take_front(Slice *s, const char *what)
{
    Slice prefix = slice_cstr(what);
    if (!slice_starts(*s, prefix))
        return false;
    *s = slice_of(s->ptr + prefix.len, s->len - prefix.len);
    return true;
}

/* The last bytes of s are `what`, and its first byte is not escaped. */
static bool take_back(Slice *s, const char *what)
{
    size_t len = strlen(what), slashes = 0;
    if (s->len < len || memcmp(s->ptr + s->len - len, what, len) != 0)
        return false;
    while (slashes < s->len - len && s->ptr[s->len - len - 1 - slashes] == '\\')
        slashes++;
    if (slashes % 2 != 0)
        return false;
    s->len -= len;
    return true;
}

static Wild take_wild(Slice *s, bool (*take)(Slice *, const char *))
{
    return take(s, ".*") ? WILD_ANY : take(s, ".+") ? WILD_SOME : WILD_NONE;
}

/* "(…)" or "(?:…)" around the whole; inner parentheses then fail as special characters. */
static bool take_group(Slice *s)
{
    Slice inner = *s;
    if (!take_back(&inner, ")") || !(take_front(&inner, "(?:") || take_front(&inner, "(")))
        return false;
    *s = inner;
    return true;
}

/* Appends the bytes of one literal up to '|' or the end; false: there is more than a literal. */
static bool take_literal(Slice *s, Buf *bytes)
{
    size_t i = 0;
    for (; i < s->len && s->ptr[i] != '|'; i++) {
        char c = s->ptr[i];
        if (c == '\\') {
            if (++i == s->len)
                return false;
            c = s->ptr[i];
            bool word = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
            if (word || c <= ' ' || c >= 0x7F)
                return false;
        } else if (is_special(c)) {
            return false;
        }
        buf_put_u8(bytes, (uint8_t)c);
    }
    *s = slice_of(s->ptr + i, s->len - i);
    return true;
}

static int compare_slices(const void *a, const void *b)
{
    return slice_cmp(*(const Slice *)a, *(const Slice *)b);
}

static void sort_literals(RegexPlan *p)
{
    size_t kept = 0;
    qsort(p->literals, p->count, sizeof *p->literals, compare_slices);
    for (size_t i = 0; i < p->count; i++)
        if (kept == 0 || !slice_eq(p->literals[kept - 1], p->literals[i]))
            p->literals[kept++] = p->literals[i];
    p->count = kept;
}

/* Splits at '|' into p->literals.  The bytes never outgrow the pattern, so they do not move. */
static bool split_literals(Slice s, RegexPlan *p)
{
    size_t count_max = 1;
    for (size_t i = 0; i < s.len; i++)
        count_max += s.ptr[i] == '|';
    p->literals = mem_alloc(count_max * sizeof *p->literals);
    buf_reserve(&p->bytes, s.len + 1);
    for (;;) {
        size_t begin = p->bytes.len;
        if (!take_literal(&s, &p->bytes))
            return false;
        must(p->count < count_max);
        p->literals[p->count++] = slice_of(p->bytes.ptr + begin, p->bytes.len - begin);
        if (!take_front(&s, "|"))
            break;
    }
    sort_literals(p);
    return true;
}

/* The kind for what was around the literals; PCRE if no kind says it. */
static RegexKind choose_kind(bool begin, bool end, Wild lead, Wild trail, size_t *extra)
{
    if (lead != WILD_NONE)
        begin = false;
    if (trail != WILD_NONE)
        end = false;
    *extra = lead == WILD_SOME || trail == WILD_SOME;
    /* Where "some" stands is only known while the other end is fixed. */
    if (*extra && !begin && !end)
        return REGEX_KIND_PCRE;
    if (begin)
        return end ? REGEX_KIND_SET : REGEX_KIND_PREFIX;
    return end ? REGEX_KIND_SUFFIX : REGEX_KIND_CONTAINS;
}

void regex_plan(Slice s, RegexFlavour flavour, RegexPlan *out)
{
    bool caret = take_front(&s, "^"), dollar = take_back(&s, "$");
    bool begin = flavour == REGEX_RE2 || caret, end = flavour == REGEX_RE2 || dollar;
    *out = (RegexPlan){.kind = REGEX_KIND_PCRE};
    if (!slice_utf8_valid(s))
        return;
    bool grouped = take_group(&s);
    bool many = memchr(s.len ? s.ptr : "", '|', s.len) != NULL;
    /* In a search "^a|b$" binds each anchor to one side. */
    if (many && flavour == REGEX_PG && !(grouped && begin && end))
        return;
    Wild lead = many ? WILD_NONE : take_wild(&s, take_front);
    Wild trail = many ? WILD_NONE : take_wild(&s, take_back);
    RegexKind kind = choose_kind(begin, end, lead, trail, &out->extra);
    if (kind != REGEX_KIND_PCRE && split_literals(s, out))
        out->kind = kind;
    else
        regex_plan_free(out);
}

void regex_plan_free(RegexPlan *p)
{
    mem_free(p->literals);
    buf_free(&p->bytes);
    *p = (RegexPlan){.kind = REGEX_KIND_PCRE};
}

static bool set_has(const RegexPlan *p, Slice text)
{
    size_t begin = 0, end = p->count;
    while (begin < end) {
        size_t mid = begin + (end - begin) / 2;
        int c = slice_cmp(text, p->literals[mid]);
        if (c == 0)
            return true;
        if (c < 0)
            end = mid;
        else
            begin = mid + 1;
    }
    return false;
}

bool regex_plan_match(const RegexPlan *p, Slice text)
{
    Slice lit = p->literals[0];
    must(p->kind != REGEX_KIND_PCRE);
    if (p->kind == REGEX_KIND_SET)
        return set_has(p, text);
    if (text.len < lit.len + p->extra)
        return false;
    if (lit.len == 0)
        return true;
    if (p->kind == REGEX_KIND_PREFIX)
        return memcmp(text.ptr, lit.ptr, lit.len) == 0;
    if (p->kind == REGEX_KIND_SUFFIX)
        return memcmp(text.ptr + text.len - lit.len, lit.ptr, lit.len) == 0;
    return memmem(text.ptr, text.len, lit.ptr, lit.len) != NULL;
}
