/* session/copy_lines.c - COPY FROM in text and csv: bytes to lines, lines to fields. */
#include "session/copy_private.h"
#include <emmintrin.h>
#include <errno.h>
#include <stdio.h>

void copy_lines_free(CopyLines *l)
{
    buf_free(&l->bytes);
    buf_free(&l->unescaped);
}

/* The bytes of the first character, "0xc3 0x28". */
static void put_bytes(Slice s, char *out, size_t size)
{
    unsigned char lead = s.len ? (unsigned char)*s.ptr : 0;
    size_t want = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 1;
    size_t len = 0;
    for (size_t i = 0; i < want && i < s.len; i++)
        len += (size_t)snprintf(out + len, size - len, "%s0x%02x", i ? " " : "",
                                (unsigned char)s.ptr[i]);
}

static bool bad_utf8(Slice s, Err *e)
{
    size_t step;
    char bytes[32] = "0x00";
    while (s.len && *s.ptr && (step = slice_utf8_step(s)) > 0)
        s = slice_of(s.ptr + step, s.len - step);
    put_bytes(s, bytes, sizeof bytes);
    return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                   "invalid byte sequence for encoding \"UTF8\": %s", bytes);
}

/* ---- lines ---- */

typedef struct Scan {
    CopyLines *l;
    Slice s;  /* from the begin of the line */
    size_t i; /* the byte looked at */
    bool at_end, csv;
    size_t next; /* where the next line begins */
} Scan;

static CopyStep bad(Err *e, const char *text)
{
    err_set(e, ERR_BAD_COPY, "%s", text);
    return COPY_FAIL;
}

static CopyStep bad_end(const Scan *z, char c, Err *e)
{
    const char *name = c == '\n' ? "newline" : "carriage return";
    err_set(e, ERR_BAD_COPY, "%s %s found in data", z->csv ? "unquoted" : "literal", name);
    if (z->csv)
        err_hint(e, "Use quoted CSV field to represent %s.", name);
    else
        err_hint(e, "Use \"\\%c\" to represent %s.", c == '\n' ? 'n' : 'r', name);
    return COPY_FAIL;
}

static CopyStep take_line(Scan *z, size_t end_bytes)
{
    z->next = z->i + end_bytes;
    return COPY_ROW;
}

/* A line end outside quotes, by the kind of ends that the first one had. */
static CopyStep at_line_end(Scan *z, Err *e)
{
    CopyLines *l = z->l;
    char c = z->s.ptr[z->i];
    bool more = z->i + 1 < z->s.len;
    if (c == '\n') {
        if (l->eol == EOL_CR || l->eol == EOL_CRNL)
            return bad_end(z, c, e);
        l->eol = EOL_NL;
        return take_line(z, 1);
    }
    if (l->eol == EOL_NL)
        return bad_end(z, c, e);
    if (l->eol == EOL_CR)
        return take_line(z, 1);
    if (!more && !z->at_end)
        return COPY_MORE;
    if (more && z->s.ptr[z->i + 1] == '\n') {
        l->eol = EOL_CRNL;
        return take_line(z, 2);
    }
    if (l->eol == EOL_CRNL)
        return bad_end(z, c, e);
    l->eol = EOL_CR;
    return take_line(z, 1);
}

/* `\.` at i: the end of the data if a line end of the right kind follows.  COPY_ROW: it is none, go on. */
static CopyStep at_marker(Scan *z, Err *e)
{
    CopyLines *l = z->l;
    size_t at = z->i + 2;
    if (at + (l->eol == EOL_CRNL) >= z->s.len && !z->at_end)
        return COPY_MORE;
    char c = at < z->s.len ? z->s.ptr[at] : 0;
    if (l->eol == EOL_CRNL) {
        if (c != '\r')
            return z->csv      ? COPY_ROW
                   : c == '\n' ? bad(e, "end-of-copy marker does not match previous newline style")
                               : bad(e, "end-of-copy marker corrupt");
        at++;
        c = at < z->s.len ? z->s.ptr[at] : 0;
    }
    if (c != '\r' && c != '\n')
        return z->csv ? COPY_ROW : bad(e, "end-of-copy marker corrupt");
    if ((c == '\r' && (l->eol == EOL_NL || l->eol == EOL_CRNL)) || (c == '\n' && l->eol == EOL_CR))
        return bad(e, "end-of-copy marker does not match previous newline style");
    l->ended = true;
    z->next = z->s.len;
    return COPY_END;
}

/* A quote opens or closes; of the escapes before it only an odd number takes its meaning away.  Where
 * quotes are their own escape, two of them close and open again. */
static void track_quotes(CopyLines *l, char c)
{
    const BoundCopy *o = l->o;
    bool escape = c == o->escape && o->escape != o->quote;
    if (l->in_quote && escape)
        l->escaped = !l->escaped;
    if (c == o->quote && !l->escaped)
        l->in_quote = !l->in_quote;
    if (!escape)
        l->escaped = false;
    if (l->in_quote && c == (l->eol == EOL_NL ? '\n' : '\r'))
        l->number++;
}

/* Most lines hold nothing special: three fast searches instead of a look at each byte. */
static bool plain_line(Scan *z)
{
    const char *end = z->s.len ? memchr(z->s.ptr, '\n', z->s.len) : NULL;
    if (!end || z->l->eol != EOL_NL)
        return false;
    size_t len = (size_t)(end - z->s.ptr);
    if (memchr(z->s.ptr, '\r', len) || memchr(z->s.ptr, z->csv ? z->l->o->quote : '\\', len) ||
        (z->csv && len && z->s.ptr[0] == '\\'))
        return false;
    z->i = len;
    return true;
}

static CopyStep scan_line(Scan *z, Err *e)
{
    CopyLines *l = z->l;
    if (z->i == 0 && plain_line(z))
        return take_line(z, 1);
    for (; z->i < z->s.len; z->i++) {
        char c = z->s.ptr[z->i];
        bool last = z->i + 1 == z->s.len;
        if (z->csv) {
            if (last && !z->at_end && ((c == '\\' && z->i == 0) || (c == '\r' && !l->in_quote)))
                return COPY_MORE;
            track_quotes(l, c);
        }
        if ((c == '\r' || c == '\n') && !l->in_quote)
            return at_line_end(z, e);
        if (c != '\\' || (z->csv && z->i > 0))
            continue;
        if (last && !z->at_end)
            return COPY_MORE;
        if (!last && z->s.ptr[z->i + 1] == '.') {
            CopyStep st = at_marker(z, e);
            if (st != COPY_ROW)
                return st;
        }
        z->i += !z->csv; /* whatever follows is data */
    }
    z->i = z->s.len;
    z->next = z->s.len;
    return !z->at_end ? COPY_MORE : z->s.len ? COPY_ROW : COPY_END;
}

CopyStep copy_lines_next(CopyLines *l, bool at_end, Err *e)
{
    if (l->ended)
        return COPY_END;
    if (!l->started) {
        l->started = true;
        l->number++;
        l->scan = 0;
        l->in_quote = l->escaped = false;
    }
    l->line = SLICE_NONE;
    Scan z = {.l = l,
              .s = slice_of(l->bytes.ptr + l->begin, l->bytes.len - l->begin),
              .i = l->scan,
              .at_end = at_end,
              .csv = l->o->format == COPY_CSV};
    CopyStep st = scan_line(&z, e);
    l->scan = z.i;
    if (st == COPY_END && z.i > 0) /* data before the marker is a line of its own */
        st = COPY_ROW;
    if (st == COPY_END) {
        l->number--; /* there was none */
        l->started = false;
    }
    if (st == COPY_ROW) {
        l->line = slice_of(z.s.ptr, z.i);
        l->begin += z.next;
        l->started = false;
        if (!slice_utf8_valid(l->line) || (z.i && memchr(l->line.ptr, 0, z.i))) {
            (void)bad_utf8(l->line, e);
            l->line = SLICE_NONE;
            return COPY_FAIL;
        }
    }
    return st;
}

/* ---- fields ---- */

static int hex_digit(char ch)
{
    return ch >= '0' && ch <= '9'   ? ch - '0'
           : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
           : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                    : -1;
}

/* One backslash sequence at s[*i] (after the backslash), PostgreSQL's COPY table. */
static char text_escape(Slice s, size_t *i)
{
    static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
    char ch = s.ptr[(*i)++];
    const char *k = memchr(from, ch, 6);
    if (k)
        return to[k - from];
    if (ch >= '0' && ch <= '7') {
        int v = ch - '0';
        for (int n = 0; n < 2 && *i < s.len && s.ptr[*i] >= '0' && s.ptr[*i] <= '7'; n++)
            v = v * 8 + (s.ptr[(*i)++] - '0');
        return (char)v;
    }
    if (ch == 'x' && *i < s.len && hex_digit(s.ptr[*i]) >= 0) {
        int v = 0;
        for (int n = 0; n < 2 && *i < s.len && hex_digit(s.ptr[*i]) >= 0; n++)
            v = v * 16 + hex_digit(s.ptr[(*i)++]);
        return (char)v;
    }
    return ch;
}

/* Room for the whole line was reserved: nothing moves. */
static bool text_unescape(CopyLines *l, Slice raw, Slice *out, Err *e)
{
    Buf *b = &l->unescaped;
    size_t begin = b->len;
    bool made = false; /* by \x or \0: bytes that may be no character */
    for (size_t i = 0; i < raw.len;) {
        char ch = raw.ptr[i++];
        if (ch == '\\') {
            if (i == raw.len)
                break;
            ch = text_escape(raw, &i);
            made |= ch == 0 || (unsigned char)ch >= 0x80;
        }
        b->ptr[b->len++] = ch;
    }
    *out = slice_of(b->ptr + begin, b->len - begin);
    if (made && (!slice_utf8_valid(*out) || memchr(out->ptr, 0, out->len)))
        return bad_utf8(*out, e);
    return true;
}

static bool split_text(CopyLines *l, Slice *fields, size_t max, size_t *count, Err *e)
{
    Slice line = l->line;
    bool escapes = line.len && memchr(line.ptr, '\\', line.len);
    size_t begin = 0;
    *count = 0;
    for (size_t i = 0; i <= line.len; i++) {
        if (i + 1 < line.len && line.ptr[i] == '\\') {
            i++;
            continue;
        }
        if (i < line.len && line.ptr[i] != l->o->delimiter)
            continue;
        if ((*count)++ < max) {
            Slice *f = &fields[*count - 1];
            *f = slice_of(line.ptr + begin, (i < line.len ? i : line.len) - begin);
            if (slice_eq(*f, l->o->null_text))
                *f = SLICE_NONE;
            else if (escapes && !text_unescape(l, *f, f, e))
                return false;
        }
        begin = i + 1;
    }
    return true;
}

/* From i to the delimiter or the end; the quoted part loses its quotes and escapes. */
static bool csv_field(CopyLines *l, size_t *at, Slice *out, Err *e)
{
    const BoundCopy *o = l->o;
    Slice line = l->line;
    Buf *b = &l->unescaped;
    size_t begin = b->len, i = *at;
    bool inside = false, quoted = false;
    for (; i < line.len; i++) {
        char ch = line.ptr[i];
        if (inside && ch == o->escape && i + 1 < line.len &&
            (line.ptr[i + 1] == o->quote || line.ptr[i + 1] == o->escape)) {
            b->ptr[b->len++] = line.ptr[++i];
        } else if (ch == o->quote) {
            inside = !inside;
            quoted = true;
        } else if (!inside && ch == o->delimiter) {
            break;
        } else {
            b->ptr[b->len++] = ch;
        }
    }
    if (inside)
        return err_set(e, ERR_BAD_COPY, "unterminated CSV quoted field");
    *out = slice_of(b->ptr + begin, b->len - begin);
    if (!quoted && slice_eq(*out, o->null_text))
        *out = SLICE_NONE;
    *at = i;
    return true;
}

static bool split_csv(CopyLines *l, Slice *fields, size_t max, size_t *count, Err *e)
{
    *count = 0;
    for (size_t i = 0; i <= l->line.len; i++) {
        Slice f;
        if (!csv_field(l, &i, &f, e))
            return false;
        if ((*count)++ < max)
            fields[*count - 1] = f;
    }
    return true;
}

bool copy_lines_split(CopyLines *l, Slice *fields, size_t max, size_t *count, Err *e)
{
    l->unescaped.len = 0;
    buf_reserve(&l->unescaped, l->line.len + 1);
    return l->o->format == COPY_CSV ? split_csv(l, fields, max, count, e)
                                    : split_text(l, fields, max, count, e);
}

/* ---- lines in which nothing is special ---- */

/* The rare bytes, of 16 at once. */
typedef struct PlainBytes {
    __m128i end, cut, cr, escape, quote, zero;
} PlainBytes;

static PlainBytes plain_bytes(const BoundCopy *o)
{
    return (PlainBytes){.end = _mm_set1_epi8('\n'),
                        .cut = _mm_set1_epi8(o->delimiter),
                        .cr = _mm_set1_epi8('\r'),
                        .escape = _mm_set1_epi8('\\'),
                        .quote = _mm_set1_epi8(o->format == COPY_CSV ? o->quote : '\\'),
                        .zero = _mm_setzero_si128()};
}

static inline unsigned special_bits(const PlainBytes *b, __m128i x)
{
    __m128i either = _mm_or_si128(_mm_cmpeq_epi8(x, b->cr), _mm_cmpeq_epi8(x, b->escape));
    __m128i other = _mm_or_si128(_mm_cmpeq_epi8(x, b->quote), _mm_cmpeq_epi8(x, b->zero));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(either, other));
}

/* Cuts at delimiters up to the line end; its place, or 0 where the line is not plain. */
static size_t plain_fields(const CopyLines *l, const char *line, size_t len, Slice *fields,
                           size_t count, unsigned *beyond_ascii)
{
    const PlainBytes b = plain_bytes(l->o);
    size_t begin = 0, n = 0;
    for (size_t at = 0; at < len; at += COPY_SLACK) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(line + at));
        unsigned special = special_bits(&b, x), high = (unsigned)_mm_movemask_epi8(x);
        unsigned cuts = (unsigned)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(x, b.end), _mm_cmpeq_epi8(x, b.cut)));
        for (; cuts; cuts &= cuts - 1) {
            unsigned bit = (unsigned)__builtin_ctz(cuts);
            size_t place = at + bit;
            if (n == count)
                return 0;
            fields[n++] = slice_of(line + begin, place - begin);
            begin = place + 1;
            if (line[place] != '\n')
                continue;
            unsigned before = (1u << bit) - 1;
            *beyond_ascii |= high & before;
            return n == count && !(special & before) ? place : 0;
        }
        if (special)
            return 0;
        *beyond_ascii |= high;
    }
    return 0;
}

bool copy_lines_plain(CopyLines *l, Slice *fields, size_t count)
{
    const char *line = l->bytes.ptr + l->begin;
    unsigned beyond_ascii = 0;
    if (l->eol != EOL_NL || l->started || l->ended)
        return false;
    size_t len = plain_fields(l, line, l->bytes.len - l->begin, fields, count, &beyond_ascii);
    if (len == 0 || (beyond_ascii && !slice_utf8_valid(slice_of(line, len))))
        return false;
    Slice null_text = l->o->null_text;
    for (size_t i = 0; i < count; i++)
        if (fields[i].len == null_text.len && slice_eq(fields[i], null_text))
            fields[i] = SLICE_NONE;
    l->number++;
    l->line = slice_of(line, len);
    l->begin += len + 1;
    return true;
}

/* ---- encodings ---- */

bool copy_charset_open(CopyCharset *c, const BoundCopy *o, bool reading, Err *e)
{
    c->from = reading ? o->encoding : "UTF8";
    c->to = reading ? "UTF8" : o->encoding;
    c->how = iconv_open(reading ? "UTF-8" : o->charset, reading ? o->charset : "UTF-8");
    c->open = c->how != (iconv_t)-1;
    return c->open || err_set_errno(e, errno, "encoding \"%s\"", o->encoding);
}

void copy_charset_close(CopyCharset *c)
{
    if (c->open)
        iconv_close(c->how);
    c->open = false;
    buf_free(&c->in);
}

bool copy_convert(CopyCharset *c, Slice in, Buf *out, Err *e)
{
    enum { GROWTH = 4 };
    out->len = 0;
    buf_put_slice(&c->in, in); /* iconv wants to write to its input */
    char *at = c->in.ptr;
    size_t left = c->in.len, room = left * GROWTH + 1;
    c->in.len = 0;
    buf_reserve(out, room);
    char *to = out->ptr;
    if (iconv(c->how, &at, &left, &to, &room) != (size_t)-1) {
        out->len = (size_t)(to - out->ptr);
        return true;
    }
    char bytes[32];
    put_bytes(slice_of(at, left), bytes, sizeof bytes);
    return err_set(
        e, ERR_UNTRANSLATABLE_CHARACTER,
        "character with byte sequence %s in encoding \"%s\" has no equivalent in encoding \"%s\"",
        bytes, c->from, c->to);
}
