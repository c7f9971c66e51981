/* LIKE, regular expressions, SIMILAR TO. */
#include "base/regex.h"
#include "exec/func_private.h"
#include "exec/func_text.h"

/* ---- LIKE ---- */

/* A pattern that is one literal with % at its ends needs no matcher. */
typedef enum LikeShape {
    LIKE_GENERAL,
    LIKE_EQUAL,
    LIKE_PREFIX,
    LIKE_SUFFIX,
    LIKE_CONTAINS,
    LIKE_ALL
} LikeShape;

typedef struct Like {
    LikeShape shape;
    Slice pattern, literal;
} Like;

static Like like_compile(Slice p)
{
    Like l = {.shape = LIKE_GENERAL, .pattern = p};
    size_t begin = 0, end = p.len;
    while (begin < end && p.ptr[begin] == '%')
        begin++;
    while (end > begin && p.ptr[end - 1] == '%')
        end--;
    for (size_t i = begin; i < end; i++)
        if (p.ptr[i] == '%' || p.ptr[i] == '_' || p.ptr[i] == '\\')
            return l;
    if (end > begin && end < p.len && p.ptr[end - 1] == '\\')
        return l;
    l.literal = slice_of(p.ptr + begin, end - begin);
    bool left = begin > 0, right = end < p.len;
    l.shape = left && right ? LIKE_CONTAINS : left ? LIKE_SUFFIX : right ? LIKE_PREFIX : LIKE_EQUAL;
    if (l.literal.len == 0 && (left || right))
        l.shape = LIKE_ALL;
    return l;
}

/* Backtracks to the last % only: linear in practice, quadratic at worst. */
static bool like_general(Slice t, Slice p, bool *bad)
{
    size_t ti = 0, pi = 0, star_p = SIZE_MAX, star_t = 0;
    for (;;) {
        if (pi < p.len && p.ptr[pi] == '%') {
            star_p = ++pi;
            star_t = ti;
            continue;
        }
        if (ti >= t.len)
            break;
        if (pi < p.len && p.ptr[pi] == '_') {
            ti += utf8_len((unsigned char)t.ptr[ti]);
            pi++;
            continue;
        }
        if (pi < p.len) {
            size_t lit = pi + (p.ptr[pi] == '\\');
            if (lit >= p.len) {
                *bad = true;
                return false;
            }
            if (p.ptr[lit] == t.ptr[ti]) {
                ti++;
                pi = lit + 1;
                continue;
            }
        }
        if (star_p == SIZE_MAX)
            return false;
        star_t += utf8_len((unsigned char)t.ptr[star_t]);
        ti = star_t;
        pi = star_p;
        if (ti > t.len)
            return false;
    }
    while (pi < p.len && p.ptr[pi] == '%')
        pi++;
    return pi == p.len && ti <= t.len;
}

static bool like_match(const Like *l, Slice t, bool *bad)
{
    Slice lit = l->literal;
    switch (l->shape) {
    case LIKE_EQUAL:
        return slice_eq(t, lit);
    case LIKE_PREFIX:
        return slice_starts(t, lit);
    case LIKE_SUFFIX:
        return t.len >= lit.len && memcmp(t.ptr + t.len - lit.len, lit.ptr, lit.len) == 0;
    case LIKE_CONTAINS:
        return t.len >= lit.len && memmem(t.ptr, t.len, lit.ptr, lit.len) != NULL;
    case LIKE_ALL:
        return true;
    default:
        return like_general(t, l->pattern, bad);
    }
}

static bool like_rows(FnCall *c, bool nocase, bool negate, Err *e)
{
    size_t sx, sy;
    const Slice *x = func_arg(c, 0, &sx), *y = func_arg(c, 1, &sy);
    bool bad = false;
    Like l = {0};
    for (size_t k = 0; k < c->n && !bad; k++) {
        size_t row = c->sel ? c->sel[k] : k;
        Slice t = x[row * sx], p = y[row * sy];
        if (k == 0 || sy)
            l = like_compile(nocase ? text_fold_case(c->ctx->scratch, p, false) : p);
        if (nocase) {
            ArenaMark mark = arena_mark(c->ctx->scratch);
            bool m = like_match(&l, text_fold_case(c->ctx->scratch, t, false), &bad);
            c->out->v.b[row] = m != negate;
            arena_rewind(c->ctx->scratch, mark);
        } else {
            c->out->v.b[row] = like_match(&l, t, &bad) != negate;
        }
    }
    return bad ? err_set(e, ERR_INVALID_ESCAPE, "LIKE pattern must not end with escape character")
               : true;
}

#define LIKE_KERNEL(name, nocase, negate)                                                          \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        return like_rows(c, nocase, negate, e);                                                    \
    }
LIKE_KERNEL(text_like, false, false)
LIKE_KERNEL(text_not_like, false, true)
LIKE_KERNEL(text_ilike, true, false)
LIKE_KERNEL(text_not_ilike, true, true)

/* LIKE ... ESCAPE: the pattern with backslash as its escape character. */
FUNC_SCALAR(like_escape)
{
    FUNC_UNUSED;
    Slice p = args[0].u.str, esc = args[1].u.str;
    Buf b;
    if (slice_utf8_count(esc, esc.len) > 1) {
        err_set(e, ERR_INVALID_ESCAPE, "invalid escape string");
        return err_hint(e, "Escape string must be empty or one character.");
    }
    buf_init(&b);
    for (size_t i = 0; i < p.len;) {
        if (esc.len && i + esc.len <= p.len && memcmp(p.ptr + i, esc.ptr, esc.len) == 0) {
            buf_put_u8(&b, '\\');
            i += esc.len;
            if (i < p.len)
                buf_put_u8(&b, (uint8_t)p.ptr[i++]);
        } else {
            if (p.ptr[i] == '\\')
                buf_put_u8(&b, '\\');
            buf_put_u8(&b, (uint8_t)p.ptr[i++]);
        }
    }
    *out = func_take(ctx, &b);
    return true;
}

/* ---- SIMILAR TO: SQL's pattern as a regular expression ---- */

typedef struct Similar {
    Slice pattern, escape;
    int marks; /* escaped double quotes met: SUBSTRING's limits of what it gives */
    bool lazy; /* in front of the first mark as little as possible matches */
    bool in_class;
} Similar;

static bool similar_escape_at(const Similar *s, size_t at)
{
    return s->escape.len && s->pattern.len - at > s->escape.len &&
           memcmp(s->pattern.ptr + at, s->escape.ptr, s->escape.len) == 0;
}

static bool similar_has_mark(const Similar *s)
{
    for (size_t i = 0; i < s->pattern.len; i++)
        if (similar_escape_at(s, i)) {
            i += s->escape.len;
            if (s->pattern.ptr[i] == '"')
                return true;
        }
    return false;
}

/* A character behind the escape. */
static bool similar_escaped(Similar *s, Buf *b, char c, Err *e)
{
    if (c != '"' || s->in_class) {
        buf_put_u8(b, '\\');
        buf_put_u8(b, (uint8_t)c);
        return true;
    }
    if (s->marks == 2)
        return err_set(e, ERR_ESCAPE_USE,
                       "SQL regular expression may not contain more than two escape-double-quote "
                       "separators");
    buf_puts(b, s->marks++ == 0 ? "){1,1}?(" : "){1,1}(?:");
    s->lazy = false;
    return true;
}

static void similar_char(Similar *s, Buf *b, char c)
{
    if (s->in_class ? c == '\\' : memchr("\\.^$", c, 4) != NULL)
        buf_put_u8(b, '\\');
    if (c == '%' && !s->in_class)
        buf_puts(b, ".*");
    else if (c == '(' && !s->in_class)
        buf_puts(b, "(?:");
    else
        buf_put_u8(b, (uint8_t)(c == '_' && !s->in_class ? '.' : c));
    if (s->lazy && !s->in_class && memchr("%*+?}", c, 5))
        buf_put_u8(b, '?');
    s->in_class = s->in_class ? c != ']' : c == '[';
}

static bool similar_regex(Similar *s, Buf *b, Err *e)
{
    if (s->escape.len && s->escape.len != utf8_len((unsigned char)s->escape.ptr[0]))
        return err_set(e, ERR_INVALID_ESCAPE, "invalid escape string") ||
               err_hint(e, "Escape string must be empty or one character.");
    s->lazy = similar_has_mark(s);
    buf_puts(b, "^(?:");
    for (size_t i = 0; i < s->pattern.len; i++) {
        if (!similar_escape_at(s, i)) {
            similar_char(s, b, s->pattern.ptr[i]);
            continue;
        }
        i += s->escape.len;
        if (!similar_escaped(s, b, s->pattern.ptr[i], e))
            return false;
    }
    buf_puts(b, ")$");
    return true;
}

FUNC_SCALAR(similar_to_escape)
{
    FUNC_UNUSED;
    Similar s = {.pattern = args[0].u.str, .escape = n > 1 ? args[1].u.str : SLICE_LIT("\\")};
    Buf b;
    buf_init(&b);
    if (!similar_regex(&s, &b, e)) {
        buf_free(&b);
        return false;
    }
    *out = func_take(ctx, &b);
    return true;
}

/* ---- regular expressions ---- */

static bool regex_rows(FnCall *c, int flags, bool negate, Err *e)
{
    size_t sx, sy;
    const Slice *x = func_arg(c, 0, &sx), *y = func_arg(c, 1, &sy);
    Regex *r = NULL;
    Slice compiled = SLICE_NONE;
    bool ok = true;
    for (size_t k = 0; k < c->n && ok; k++) {
        size_t row = c->sel ? c->sel[k] : k;
        if (!r || !slice_eq(compiled, y[row * sy])) {
            regex_free(r);
            r = NULL;
            compiled = y[row * sy];
            ok = regex_compile(&r, compiled, REGEX_PG, flags, e);
        }
        bool matched = false;
        ok = ok && regex_match(r, x[row * sx], &matched, e);
        c->out->v.b[row] = matched != negate;
    }
    regex_free(r);
    return ok;
}

#define REGEX_KERNEL(name, flags, negate)                                                          \
    static bool name(FnCall *c, Err *e)                                                            \
    {                                                                                              \
        return regex_rows(c, flags, negate, e);                                                    \
    }
REGEX_KERNEL(text_match, 0, false)
REGEX_KERNEL(text_no_match, 0, true)
REGEX_KERNEL(text_imatch, REGEX_NOCASE, false)
REGEX_KERNEL(text_no_imatch, REGEX_NOCASE, true)

/* A pattern with PostgreSQL's flag letters. */
typedef struct Pattern {
    Regex *regex;
    bool global;
} Pattern;

static bool bad_flag(Slice flags, Err *e)
{
    Slice c = slice_of(flags.ptr, utf8_offset(flags, 1));
    return err_set(e, ERR_INVALID_PARAMETER, "invalid regular expression option: \"%.*s\"",
                   SLICE_ARG(c));
}

static bool pattern_open(Pattern *p, Slice text, Slice flags, Arena *a, Err *e)
{
    int options = 0;
    char inner[8];
    size_t n = 0;
    *p = (Pattern){0};
    for (size_t i = 0; i < flags.len; i++) {
        switch (flags.ptr[i]) {
        case 'g':
            p->global = true;
            break;
        case 'i':
            options |= REGEX_NOCASE;
            break;
        case 'c':
            options &= ~REGEX_NOCASE;
            break;
        case 'n':
        case 'm':
            inner[n++ < 6 ? n - 1 : 0] = 'm';
            break;
        case 'x':
            inner[n++ < 6 ? n - 1 : 0] = 'x';
            break;
        case 's':
        case 'e':
            break;
        default:
            return bad_flag(slice_of(flags.ptr + i, flags.len - i), e);
        }
    }
    if (n > 0) {
        n = n < 6 ? n : 6;
        text = arena_printf(a, "(?%.*s)%.*s", (int)n, inner, SLICE_ARG(text));
    }
    return regex_compile(&p->regex, text, REGEX_PG, options, e);
}

static Slice group_text(Slice s, RegexGroup g)
{
    return slice_of(s.ptr + g.begin, (size_t)(g.end - g.begin));
}

/* Where the search after a match goes on: past an empty match by one character. */
static size_t after_match(Slice s, RegexGroup g)
{
    size_t at = (size_t)g.end;
    if (g.end == g.begin)
        at += at < s.len ? utf8_len((unsigned char)s.ptr[at]) : 1;
    return at;
}

/* The first group, or the match without groups. */
static bool first_group(EvalCtx *ctx, Slice text, Slice pattern, Value *out, Err *e)
{
    Pattern p;
    RegexGroup g[REGEX_GROUPS_MAX];
    size_t count = 0;
    if (!pattern_open(&p, pattern, SLICE_NONE, ctx->scratch, e))
        return false;
    bool ok = regex_groups(p.regex, text, 0, g, &count, e);
    regex_free(p.regex);
    size_t k = count > 1 ? 1 : 0;
    out->null = count == 0 || g[k].begin < 0;
    if (ok && !out->null)
        *out = value_str(group_text(text, g[k]));
    return ok;
}

/* substring(text from pattern) */
FUNC_SCALAR(regex_substring)
{
    FUNC_UNUSED;
    return first_group(ctx, args[0].u.str, args[1].u.str, out, e);
}

/* substring(text similar pattern escape char) */
FUNC_SCALAR(similar_substring)
{
    Value regex;
    return similar_to_escape(ctx, args + 1, n - 1, &regex, e) &&
           first_group(ctx, args[0].u.str, regex.u.str, out, e);
}

/* \1 .. \9 and \& in the replacement. */
static void put_replacement(Buf *b, Slice s, Slice with, const RegexGroup *g, size_t count)
{
    for (size_t i = 0; i < with.len; i++) {
        if (with.ptr[i] != '\\' || i + 1 == with.len) {
            buf_put_u8(b, (uint8_t)with.ptr[i]);
            continue;
        }
        char c = with.ptr[++i];
        size_t k = c == '&' ? 0 : (size_t)(c - '0');
        if (c == '&' || (c >= '1' && c <= '9')) {
            if (k < count && g[k].begin >= 0)
                buf_put_slice(b, group_text(s, g[k]));
        } else if (c == '\\') {
            buf_put_u8(b, '\\');
        } else {
            buf_put_u8(b, '\\');
            buf_put_u8(b, (uint8_t)c);
        }
    }
}

/* Replaces the nth match from byte `from` on; nth = 0: all. */
static bool replace(EvalCtx *ctx, const Pattern *p, Slice s, Slice with, size_t from, int64_t nth,
                    Value *out, Err *e)
{
    RegexGroup g[REGEX_GROUPS_MAX];
    size_t count, copied = 0;
    int64_t found = 0;
    bool ok = true;
    Buf b;
    buf_init(&b);
    while (from <= s.len) {
        ok = eval_poll(ctx, 0, e) && regex_groups(p->regex, s, from, g, &count, e);
        if (!ok || count == 0)
            break;
        from = after_match(s, g[0]);
        found++;
        if (nth != 0 && found != nth)
            continue;
        buf_put(&b, s.ptr + copied, (size_t)g[0].begin - copied);
        put_replacement(&b, s, with, g, count);
        copied = (size_t)g[0].end;
        if (nth != 0)
            break;
    }
    buf_put(&b, s.ptr + copied, s.len - copied);
    *out = func_take(ctx, &b);
    return ok;
}

FUNC_SCALAR(regexp_replace)
{
    FUNC_UNUSED;
    Pattern p;
    Slice flags = n > 3 ? args[3].u.str : SLICE_NONE;
    if (flags.len && flags.ptr[0] >= '0' && flags.ptr[0] <= '9') {
        bad_flag(flags, e);
        return err_hint(e, "If you meant to use regexp_replace() with a start parameter, cast the "
                           "fourth argument to integer explicitly.");
    }
    if (!pattern_open(&p, args[1].u.str, flags, ctx->scratch, e))
        return false;
    bool ok = replace(ctx, &p, args[0].u.str, args[2].u.str, 0, p.global ? 0 : 1, out, e);
    regex_free(p.regex);
    return ok;
}

/* regexp_replace(text, pattern, with, start [, n [, flags]]) */
FUNC_SCALAR(regexp_replace_from)
{
    Pattern p;
    Slice s = args[0].u.str;
    int64_t start = args[3].u.i64, nth = n > 4 ? args[4].u.i64 : 1;
    if (start <= 0)
        return err_set(e, ERR_INVALID_PARAMETER, "invalid value for parameter \"start\": %lld",
                       (long long)start);
    if (nth < 0)
        return err_set(e, ERR_INVALID_PARAMETER, "invalid value for parameter \"n\": %lld",
                       (long long)nth);
    if (!pattern_open(&p, args[1].u.str, n > 5 ? args[5].u.str : SLICE_NONE, ctx->scratch, e))
        return false;
    if (n == 4 && p.global)
        nth = 0;
    if (start - 1 >
        (int64_t)slice_utf8_count(s, s.len)) { /* nothing can match there, not even '' */
        regex_free(p.regex);
        *out = args[0];
        return true;
    }
    bool ok = replace(ctx, &p, s, args[2].u.str, utf8_offset(s, (size_t)start - 1), nth, out, e);
    regex_free(p.regex);
    return ok;
}

/* The groups of a match, or the whole match if there are none. */
static Value groups_value(Arena *a, Slice s, const RegexGroup *g, size_t count)
{
    size_t first = count > 1, items = count > 1 ? count - 1 : 1;
    Value *v = arena_alloc(a, items * sizeof *v);
    for (size_t i = 0; i < items; i++) {
        RegexGroup one = g[first + i];
        v[i] = value_str(one.begin < 0 ? SLICE_NONE : group_text(s, one));
        v[i].null = one.begin < 0;
    }
    return value_array(array_new(a, T_TEXT, v, items));
}

bool func_regexp_matches(EvalCtx *ctx, const Value *args, size_t n, Value **out, size_t *count,
                         Err *e)
{
    Pattern p;
    Slice s = args[0].u.str;
    RegexGroup g[REGEX_GROUPS_MAX];
    size_t groups, room = 0, from = 0;
    bool ok = true;
    *count = 0;
    *out = NULL;
    if (!pattern_open(&p, args[1].u.str, n > 2 ? args[2].u.str : SLICE_NONE, ctx->scratch, e))
        return false;
    do {
        ok = eval_poll(ctx, 0, e) && regex_groups(p.regex, s, from, g, &groups, e);
        if (!ok || groups == 0)
            break;
        if (*count == room) {
            room = room ? room * 2 : 4;
            Value *more = arena_alloc(ctx->scratch, room * sizeof *more);
            if (*count)
                memcpy(more, *out, *count * sizeof *more);
            *out = more;
        }
        (*out)[(*count)++] = groups_value(ctx->scratch, s, g, groups);
        from = after_match(s, g[0]);
    } while (p.global && from <= s.len);
    regex_free(p.regex);
    return ok;
}

FUNC_SCALAR(regexp_match)
{
    Value *found;
    size_t count;
    if (n > 2 && args[2].u.str.len && memchr(args[2].u.str.ptr, 'g', args[2].u.str.len)) {
        err_set(e, ERR_INVALID_PARAMETER, "regexp_match() does not support the \"global\" option");
        return err_hint(e, "Use the regexp_matches function instead.");
    }
    if (!func_regexp_matches(ctx, args, n, &found, &count, e))
        return false;
    if (count)
        *out = found[0];
    out->null = count == 0;
    return true;
}

/* What regexp_count, regexp_instr and regexp_substr share: text, pattern, start, n, end, flags, group. */
typedef struct FromMatch {
    int64_t start, nth, end, group;
    Slice flags;
} FromMatch;

static bool at_least(const char *name, int64_t v, int64_t least, Err *e)
{
    return v >= least || err_set(e, ERR_INVALID_PARAMETER,
                                 "invalid value for parameter \"%s\": %lld", name, (long long)v);
}

/* The nth match at or after the start; *found counts those before it as well; nth 0: all are counted. */
static bool find_nth(EvalCtx *ctx, const char *name, const Value *args, const FromMatch *f,
                     RegexGroup *g, size_t *groups, int64_t *found, Err *e)
{
    Pattern p;
    Slice s = args[0].u.str;
    *found = 0;
    *groups = 0;
    if (!at_least("start", f->start, 1, e))
        return false;
    if (f->flags.len && memchr(f->flags.ptr, 'g', f->flags.len))
        return err_set(e, ERR_INVALID_PARAMETER, "%s() does not support the \"global\" option",
                       name);
    if (!pattern_open(&p, args[1].u.str, f->flags, ctx->scratch, e))
        return false;
    size_t from = utf8_offset(s, (size_t)f->start - 1);
    bool ok = f->start - 1 <= (int64_t)slice_utf8_count(s, s.len);
    while (ok && from <= s.len) {
        ok = eval_poll(ctx, 0, e) && regex_groups(p.regex, s, from, g, groups, e);
        if (!ok || *groups == 0)
            break;
        if (++*found == f->nth)
            break;
        from = after_match(s, g[0]);
    }
    regex_free(p.regex);
    if (*found != f->nth)
        *groups = 0;
    return ok || f->start - 1 > (int64_t)slice_utf8_count(s, s.len);
}

FUNC_SCALAR(regexp_count)
{
    RegexGroup g[REGEX_GROUPS_MAX];
    size_t groups;
    FromMatch f = {.start = n > 2 ? args[2].u.i64 : 1, .flags = n > 3 ? args[3].u.str : SLICE_NONE};
    *out = value_i64(0);
    return find_nth(ctx, "regexp_count", args, &f, g, &groups, &out->u.i64, e);
}

/* The group of the match; 0 = the whole.  No match, or no such group: group.begin is -1. */
static bool find_group(EvalCtx *ctx, const char *name, const Value *args, const FromMatch *f,
                       RegexGroup *group, Err *e)
{
    RegexGroup g[REGEX_GROUPS_MAX];
    size_t groups;
    int64_t found;
    if (!at_least("start", f->start, 1, e) || !at_least("n", f->nth, 1, e))
        return false;
    if (f->end != 0 && f->end != 1)
        return at_least("endoption", f->end, INT64_MAX, e);
    if (!at_least("subexpr", f->group, 0, e) ||
        !find_nth(ctx, name, args, f, g, &groups, &found, e))
        return false;
    *group = g[0];
    if ((size_t)f->group < groups)
        *group = g[f->group];
    else
        group->begin = -1;
    return true;
}

FUNC_SCALAR(regexp_instr)
{
    RegexGroup g;
    FromMatch f = {n > 2 ? args[2].u.i64 : 1, n > 3 ? args[3].u.i64 : 1, n > 4 ? args[4].u.i64 : 0,
                   n > 6 ? args[6].u.i64 : 0, n > 5 ? args[5].u.str : SLICE_NONE};
    if (!find_group(ctx, "regexp_instr", args, &f, &g, e))
        return false;
    size_t at = (size_t)(f.end ? g.end : g.begin);
    *out = value_i64(g.begin < 0 ? 0 : (int64_t)slice_utf8_count(args[0].u.str, at) + 1);
    return true;
}

FUNC_SCALAR(regexp_substr)
{
    RegexGroup g;
    FromMatch f = {n > 2 ? args[2].u.i64 : 1, n > 3 ? args[3].u.i64 : 1, 0,
                   n > 5 ? args[5].u.i64 : 0, n > 4 ? args[4].u.str : SLICE_NONE};
    if (!find_group(ctx, "regexp_substr", args, &f, &g, e))
        return false;
    if (g.begin < 0)
        func_null(out);
    else
        *out = value_str(group_text(args[0].u.str, g));
    return true;
}

FUNC_SCALAR(regexp_like)
{
    Value *found;
    size_t count;
    if (!func_regexp_matches(ctx, args, n, &found, &count, e))
        return false;
    *out = value_bool(count > 0);
    return true;
}

bool func_regexp_split(EvalCtx *ctx, const Value *args, size_t n, Array **out, Err *e)
{
    Pattern p;
    Slice s = args[0].u.str;
    RegexGroup g[REGEX_GROUPS_MAX];
    size_t groups, from = 0, begin = 0, count = 0, room = 8;
    Value *items = arena_alloc(ctx->scratch, room * sizeof *items);
    bool ok = true;
    if (!pattern_open(&p, args[1].u.str, n > 2 ? args[2].u.str : SLICE_NONE, ctx->scratch, e))
        return false;
    while (from <= s.len) {
        ok = eval_poll(ctx, 0, e) && regex_groups(p.regex, s, from, g, &groups, e);
        if (!ok || groups == 0)
            break;
        from = after_match(s, g[0]);
        /* An empty match at the ends or right behind the last one separates nothing. */
        if (g[0].begin == g[0].end &&
            (g[0].begin == (int64_t)s.len || g[0].begin == (int64_t)begin))
            continue;
        if (count + 2 > room) {
            Value *more = arena_alloc(ctx->scratch, room * 2 * sizeof *more);
            memcpy(more, items, count * sizeof *more);
            items = more;
            room *= 2;
        }
        items[count++] = value_str(slice_of(s.ptr + begin, (size_t)g[0].begin - begin));
        begin = (size_t)g[0].end;
    }
    regex_free(p.regex);
    items[count++] = value_str(slice_of(s.ptr + begin, s.len - begin));
    *out = array_new(ctx->scratch, T_TEXT, items, count);
    return ok;
}

FUNC_SCALAR(regexp_split_to_array)
{
    Array *arr;
    if (!func_regexp_split(ctx, args, n, &arr, e))
        return false;
    *out = value_array(arr);
    return true;
}

/* ---- the table ---- */

#define PATTERN_OPS(t)                                                                             \
    FK("~~(" t ", text) bool", text_like, OP, "matches LIKE pattern"),                             \
        FK("!~~(" t ", text) bool", text_not_like, OP, "does not match LIKE pattern"),             \
        FK("~~*(" t ", text) bool", text_ilike, OP, "matches LIKE pattern, any case"),             \
        FK("!~~*(" t ", text) bool", text_not_ilike, OP, "does not match LIKE pattern, any case"), \
        FK("~(" t ", text) bool", text_match, OP, "matches regular expression"),                   \
        FK("!~(" t ", text) bool", text_no_match, OP, "does not match regular expression"),        \
        FK("~*(" t ", text) bool", text_imatch, OP, "matches regular expression, any case"),       \
        FK("!~*(" t ", text) bool", text_no_imatch, OP,                                            \
           "does not match regular expression, any case")

#define REGEXP_FROM(name, result, fn, txt)                                                         \
    FS(name "(text, text) " result, fn, STRICT, txt),                                              \
        FS(name "(text, text, int4) " result, fn, STRICT, txt),                                    \
        FS(name "(text, text, int4, int4) " result, fn, STRICT, txt)

FuncDef func_pattern[] = {
    PATTERN_OPS("text"),
    PATTERN_OPS("name"),
    PATTERN_OPS("bpchar"),
    FK("~~(bytea, bytea) bool", text_like, OP, "matches LIKE pattern"),
    FK("!~~(bytea, bytea) bool", text_not_like, OP, "does not match LIKE pattern"),
    FK("like(text, text) bool", text_like, STRICT, "matches LIKE pattern"),
    FS("like_escape(text, text) text", like_escape, STRICT,
       "LIKE pattern with backslash as escape"),
    FS("similar_to_escape(text) text", similar_to_escape, STRICT, "SIMILAR TO pattern as a regex"),
    FS("similar_to_escape(text, text) text", similar_to_escape, STRICT,
       "SIMILAR TO pattern as a regex"),
    FS("substring(text, text) text", regex_substring, STRICT, "what a regular expression matches"),
    FS("substring(text, text, text) text", similar_substring, STRICT,
       "what a SIMILAR TO pattern with an escape matches"),
    FS("regexp_replace(text, text, text) text", regexp_replace, STRICT, "first match replaced"),
    FS("regexp_replace(text, text, text, text) text", regexp_replace, STRICT,
       "matches replaced, with flags"),
    FS("regexp_replace(text, text, text, int4) text", regexp_replace_from, STRICT,
       "first match from a position replaced"),
    FS("regexp_replace(text, text, text, int4, int4) text", regexp_replace_from, STRICT,
       "n-th match from a position replaced"),
    FS("regexp_replace(text, text, text, int4, int4, text) text", regexp_replace_from, STRICT,
       "n-th match from a position replaced, with flags"),
    FS("regexp_match(text, text) _text", regexp_match, STRICT, "groups of the first match"),
    FS("regexp_match(text, text, text) _text", regexp_match, STRICT, "groups of the first match"),
    FS("regexp_like(text, text) bool", regexp_like, STRICT, "matches"),
    FS("regexp_like(text, text, text) bool", regexp_like, STRICT, "matches, with flags"),
    FS("regexp_count(text, text) int4", regexp_count, STRICT, "number of matches"),
    FS("regexp_count(text, text, int4) int4", regexp_count, STRICT,
       "number of matches from a position"),
    FS("regexp_count(text, text, int4, text) int4", regexp_count, STRICT,
       "number of matches from a position, with flags"),
    REGEXP_FROM("regexp_instr", "int4", regexp_instr, "where a match begins, from 1; 0: none"),
    FS("regexp_instr(text, text, int4, int4, int4) int4", regexp_instr, STRICT,
       "where the n-th match begins, or (1) what follows it"),
    FS("regexp_instr(text, text, int4, int4, int4, text) int4", regexp_instr, STRICT,
       "where the n-th match begins, with flags"),
    FS("regexp_instr(text, text, int4, int4, int4, text, int4) int4", regexp_instr, STRICT,
       "where a group of the n-th match begins"),
    REGEXP_FROM("regexp_substr", "text", regexp_substr, "what matches"),
    FS("regexp_substr(text, text, int4, int4, text) text", regexp_substr, STRICT,
       "the n-th match, with flags"),
    FS("regexp_substr(text, text, int4, int4, text, int4) text", regexp_substr, STRICT,
       "a group of the n-th match"),
    FS("regexp_split_to_array(text, text) _text", regexp_split_to_array, STRICT,
       "pieces between matches"),
    FS("regexp_split_to_array(text, text, text) _text", regexp_split_to_array, STRICT,
       "pieces between matches, with flags"),
    FUNC_END,
};
