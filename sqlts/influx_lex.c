/* sqlts/influx_lex.c - words of InfluxQL; its aggregates. */
#include "sqlts/influx_lex.h"

#include "exec/func_text.h"

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static void quoted(InfluxLex *q, char quote)
{
    const char *p = q->p + 1;
    Buf b;
    buf_init(&b);
    for (; p < q->limit && *p != quote; p++) {
        p += *p == '\\' && q->limit - p > 1;
        buf_put_u8(&b, (uint8_t)*p);
    }
    q->text = arena_slice(q->arena, buf_slice(&b));
    q->p = p < q->limit ? p + 1 : p;
    q->kind = quote == '"' ? INFLUX_NAME : INFLUX_STRING;
    q->quoted = true;
    buf_free(&b);
}

void influx_next(InfluxLex *q)
{
    static const char *const pairs[] = {"<=", ">=", "<>", "!=", "=~", "!~", "::"};
    while (q->p < q->limit && (*q->p == ' ' || (*q->p >= '\t' && *q->p <= '\r')))
        q->p++;
    q->quoted = false;
    q->kind = INFLUX_END;
    q->text = SLICE_NONE;
    if (q->p == q->limit || *q->p == ';')
        return;
    if (*q->p == '"' || *q->p == '\'') {
        quoted(q, *q->p);
        return;
    }
    const char *begin = q->p++;
    q->kind = *begin >= '0' && *begin <= '9' ? INFLUX_NUMBER
              : word_char(*begin)            ? INFLUX_NAME
                                             : INFLUX_PUNCT;
    if (q->kind != INFLUX_PUNCT)
        while (q->p < q->limit && (word_char(*q->p) || (q->kind == INFLUX_NUMBER && *q->p == '.')))
            q->p++;
    for (size_t i = 0; q->kind == INFLUX_PUNCT && q->p < q->limit && i < ARRAY_LEN(pairs); i++)
        if (begin[0] == pairs[i][0] && *q->p == pairs[i][1]) {
            q->p++;
            break;
        }
    q->text = slice_of(begin, (size_t)(q->p - begin));
}

bool influx_is_word(const InfluxLex *q, const char *word)
{
    return q->kind == INFLUX_NAME && !q->quoted && slice_eq_nocase(q->text, slice_cstr(word));
}

bool influx_is_punct(const InfluxLex *q, const char *text)
{
    return q->kind == INFLUX_PUNCT && slice_eq_cstr(q->text, text);
}

bool influx_take_word(InfluxLex *q, const char *word)
{
    if (!influx_is_word(q, word))
        return false;
    influx_next(q);
    return true;
}

static const char *skip_blanks(const InfluxLex *q, const char *p)
{
    while (p < q->limit && *p == ' ')
        p++;
    return p;
}

bool influx_regex(InfluxLex *q, Slice *pattern)
{
    Buf b;
    if (!influx_is_punct(q, "/")) {
        q->p = skip_blanks(q, q->p);
        if (q->p == q->limit || *q->p++ != '/')
            return false;
    }
    buf_init(&b);
    for (; q->p < q->limit && *q->p != '/'; q->p++) {
        if (*q->p == '\\' && q->limit - q->p > 1) {
            if (q->p[1] != '/')
                buf_put_u8(&b, '\\');
            q->p++;
        }
        buf_put_u8(&b, (uint8_t)*q->p);
    }
    *pattern = arena_slice(q->arena, buf_slice(&b));
    buf_free(&b);
    bool ended = q->p < q->limit;
    q->p += ended;
    return ended;
}

const InfluxFunction influx_functions[INFLUX_FUNCTIONS] = {
    {"mean", "avg(", ")", .fraction = true},
    {"count", "count(", ")", .any_type = true},
    {"sum", "sum(", ")", .number = false},
    {"min", "min(", ")", .selector = true},
    {"max", "max(", ")", .selector = true},
    {"first", "first(", ")", .any_type = true, .selector = true},
    {"last", "last(", ")", .any_type = true, .selector = true},
    {"stddev", "stddev(", ")", .fraction = true},
    {"median", "percentile_cont(0.5) WITHIN GROUP (ORDER BY ", ")", .fraction = true},
    {"mode", "mode() WITHIN GROUP (ORDER BY ", ")", .any_type = true},
    {"spread", "max(", NULL, .number = false},
    {"percentile", "percentile_nearest(", ")", .number = true},
};

size_t influx_function_find(Slice name)
{
    size_t f = 0;
    while (f < INFLUX_FUNCTIONS && !slice_eq_nocase(name, slice_cstr(influx_functions[f].name)))
        f++;
    return f;
}

void influx_put_call(Buf *out, size_t f, Slice field, Slice number, bool distinct)
{
    buf_puts(out, influx_functions[f].begin);
    if (influx_functions[f].number)
        buf_printf(out, "%.*s / 100.0) WITHIN GROUP (ORDER BY ", SLICE_ARG(number));
    buf_puts(out, distinct ? "DISTINCT " : "");
    text_put_ident(out, field);
    if (!influx_functions[f].end) {
        buf_puts(out, ") - min(");
        text_put_ident(out, field);
    }
    buf_puts(out, ")");
}
