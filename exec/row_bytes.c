#include "exec/row_bytes.h"

#include "base/clock.h"
#include <math.h>

#define EPOCH_2000_US UINT64_C(946684800000000)

enum {
    NUMBER_MAX = 32, /* bytes of the text of an integer, a time or a plain decimal */
    WORD = 8,        /* what a short integer stores at once, beyond its end */
};

/* How the values of a column become bytes. */
typedef enum CellKind {
    CELL_INT,   /* integers as text */
    CELL_FLOAT, /* doubles as text, the shortest that reads back */
    CELL_TIME,
    CELL_TIMETZ,
    CELL_STR,
    CELL_BE, /* binary: the last bytes of the 64 bits */
    CELL_ANY /* TypeDef.out and .send */
} CellKind;

typedef struct Column {
    const TypeDef *def;
    CellKind kind;
    uint8_t be_size;
    bool from_2000;     /* binary times count from there */
    bool binary, plain; /* plain: its numbers never need quotes or backslashes in this form */
    char close;         /* ROW_TEXT, ROW_CSV: what comes behind the value */
} Column;

/* What a row is made of, in order. */
typedef enum PartKind {
    PART_BYTES, /* the same in all rows */
    PART_MADE,  /* cells that were written into `made` */
    PART_INTS,  /* columns of integers beside each other */
    PART_FLOAT,
    PART_TIME,
    PART_STR,
    PART_BE,
} PartKind;

typedef struct IntCol {
    const int64_t *values;
    const uint64_t *valid;
    char close;
} IntCol;

typedef struct Part {
    PartKind kind;
    const Column *col;
    const Vector *v;
    Slice bytes;           /* PART_BYTES: offset + 1 into `made` until all are written */
    size_t *ends;          /* PART_MADE: cell i is made[ends[i] .. ends[i + 1]) */
    const uint32_t *codes; /* its cells are those of a dictionary; NULL: one a selected row */
    size_t first, count;   /* PART_INTS: of `ints` */
} Part;

struct RowBytes {
    const RowForm *form;
    bool utc;
    Column *cols;
    IntCol *ints;
    Part *parts;
    size_t part_count, int_count;
    size_t fixed_max; /* bytes of a row beside the parts that say their own */
    Buf made, value;
    Arena arena; /* of one batch */
    const Batch *batch;
    size_t next; /* of its selected rows */
    int64_t day; /* whose text is kept */
    char day_text[11];
};

/* ---- the form ---- */

static bool env_is_utc(const TypeEnv *env)
{
    static const char *const names[] = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu", "Z"};
    if (env->tz == tz_utc())
        return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_nocase(env->timezone, slice_cstr(names[i])))
            return true;
    return false;
}

static CellKind kind_of(const RowBytes *r, TypeId type)
{
    const TypeEnv *env = &r->form->env;
    switch (type) {
    case T_INT2:
    case T_INT4:
    case T_INT8:
    case T_OID:
        return CELL_INT;
    case T_FLOAT8:
        return env->extra_float_digits > 0 ? CELL_FLOAT : CELL_ANY;
    case T_TIMESTAMP:
        return env->date_style ? CELL_ANY : CELL_TIME;
    case T_TIMESTAMPTZ:
        return !env->date_style && r->utc ? CELL_TIMETZ : CELL_ANY;
    case T_TEXT:
    case T_VARCHAR:
    case T_BPCHAR:
    case T_NAME:
    case T_UNKNOWN:
    case T_JSON:
        return CELL_STR;
    default:
        return CELL_ANY;
    }
}

static uint8_t binary_size(TypeId type)
{
    switch (type) {
    case T_INT2:
        return 2;
    case T_INT4:
    case T_OID:
        return 4;
    case T_INT8:
    case T_FLOAT8:
    case T_TIMESTAMP:
    case T_TIMESTAMPTZ:
        return 8;
    default:
        return 0;
    }
}

/* No character of a number or a time means anything in this form. */
static bool numbers_are_plain(const RowForm *f, size_t col)
{
    static const char safe[] = ",;|\t";
    if (f->frame == ROW_FIELDS)
        return true;
    if (!f->delimiter || !strchr(safe, f->delimiter))
        return false;
    if (f->frame == ROW_TEXT)
        return true;
    if (f->force_quote && f->force_quote[col])
        return false;
    for (size_t i = 0; i < f->null_text.len; i++)
        if ((f->null_text.ptr[i] | 32) < 'a' || (f->null_text.ptr[i] | 32) > 'z')
            return false;
    return f->quote == '"' || f->quote == '\'';
}

static void column_init(RowBytes *r, size_t i)
{
    const RowForm *f = r->form;
    Column *c = &r->cols[i];
    *c = (Column){.def = type_find(f->types[i]),
                  .kind = kind_of(r, f->types[i]),
                  .binary = f->frame == ROW_FIELDS && f->binary && f->binary[i],
                  .plain = numbers_are_plain(f, i),
                  .close = i + 1 < f->col_count ? f->delimiter : '\n'};
    must(c->def);
    if (c->binary && c->kind != CELL_STR) {
        c->be_size = binary_size(f->types[i]);
        c->from_2000 = f->types[i] == T_TIMESTAMP || f->types[i] == T_TIMESTAMPTZ;
        c->kind = c->be_size ? CELL_BE : CELL_ANY;
    }
    if (c->kind != CELL_STR && !c->plain)
        c->kind = CELL_ANY;
}

RowBytes *rowbytes_new(const RowForm *form)
{
    RowBytes *r = MEM_NEW(RowBytes);
    size_t n = form->col_count + 1;
    r->form = form;
    r->utc = env_is_utc(&form->env);
    r->cols = mem_zero(n * sizeof *r->cols);
    r->ints = mem_zero(n * sizeof *r->ints);
    r->parts = mem_zero(n * sizeof *r->parts);
    for (size_t i = 0; i < form->col_count; i++)
        column_init(r, i);
    arena_init(&r->arena, NULL);
    buf_init(&r->made);
    buf_init(&r->value);
    r->day = INT64_MIN;
    return r;
}

void rowbytes_free(RowBytes *r)
{
    if (!r)
        return;
    mem_free(r->cols);
    mem_free(r->ints);
    mem_free(r->parts);
    arena_free(&r->arena);
    buf_free(&r->made);
    buf_free(&r->value);
    mem_free(r);
}

bool rowform_free_of_session(const RowForm *form)
{
    for (size_t i = 0; i < form->col_count; i++) {
        TypeId elem = type_elem_of(form->types[i]), type = elem ? elem : form->types[i];
        switch (type) {
        case T_RECORD:
        case T_REGPROC:
        case T_REGCLASS:
        case T_REGTYPE:
        case T_REGNAMESPACE:
        case T_REGROLE:
            return false;
        default:
            break;
        }
    }
    return true;
}

/* ---- numbers and times, written in place ---- */

/* Length (big endian, as ROW_FIELDS puts it in front) and digits of 0 .. 999. */
#define DIGIT1(a)                                                                                  \
    {                                                                                              \
        0, 0, 0, 1, '0' + (a)                                                                      \
    }
#define DIGIT2(a, b)                                                                               \
    {                                                                                              \
        0, 0, 0, 2, '0' + (a), '0' + (b)                                                           \
    }
#define DIGIT3(a, b, c)                                                                            \
    {                                                                                              \
        0, 0, 0, 3, '0' + (a), '0' + (b), '0' + (c)                                                \
    }
#define TEN1                                                                                       \
    DIGIT1(0), DIGIT1(1), DIGIT1(2), DIGIT1(3), DIGIT1(4), DIGIT1(5), DIGIT1(6), DIGIT1(7),        \
        DIGIT1(8), DIGIT1(9)
#define TEN2(a)                                                                                    \
    DIGIT2(a, 0), DIGIT2(a, 1), DIGIT2(a, 2), DIGIT2(a, 3), DIGIT2(a, 4), DIGIT2(a, 5),            \
        DIGIT2(a, 6), DIGIT2(a, 7), DIGIT2(a, 8), DIGIT2(a, 9)
#define TEN3(a, b)                                                                                 \
    DIGIT3(a, b, 0), DIGIT3(a, b, 1), DIGIT3(a, b, 2), DIGIT3(a, b, 3), DIGIT3(a, b, 4),           \
        DIGIT3(a, b, 5), DIGIT3(a, b, 6), DIGIT3(a, b, 7), DIGIT3(a, b, 8), DIGIT3(a, b, 9)
#define HUNDRED3(a)                                                                                \
    TEN3(a, 0), TEN3(a, 1), TEN3(a, 2), TEN3(a, 3), TEN3(a, 4), TEN3(a, 5), TEN3(a, 6),            \
        TEN3(a, 7), TEN3(a, 8), TEN3(a, 9)
static const uint8_t short_ints[1000][WORD] = {
    TEN1,        TEN2(1),     TEN2(2),     TEN2(3),     TEN2(4),     TEN2(5),     TEN2(6),
    TEN2(7),     TEN2(8),     TEN2(9),     HUNDRED3(1), HUNDRED3(2), HUNDRED3(3), HUNDRED3(4),
    HUNDRED3(5), HUNDRED3(6), HUNDRED3(7), HUNDRED3(8), HUNDRED3(9)};

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static char *two(char *p, int v)
{
    memcpy(p, pairs + 2 * v, 2);
    return p + 2;
}

static size_t digits_of(uint64_t v)
{
    size_t n = 1;
    for (; v >= 10000; v /= 10000)
        n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

static char *put_int(char *p, int64_t v)
{
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    if (v < 0)
        *p++ = '-';
    char *end = p + digits_of(rest), *at = end;
    for (; rest >= 100; rest /= 100)
        two(at -= 2, (int)(rest % 100));
    if (rest >= 10)
        two(at - 2, (int)rest);
    else
        at[-1] = (char)('0' + rest);
    return end;
}

/* scaled / 10^places without zeros at the end; places is even. */
static char *put_decimal(char *p, int64_t scaled, uint64_t unit, int places)
{
    uint64_t v = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled, fraction = v % unit;
    if (scaled < 0)
        *p++ = '-';
    p = put_int(p, (int64_t)(v / unit));
    if (fraction == 0)
        return p;
    *p++ = '.';
    for (int i = places; i > 0; i -= 2, fraction /= 100)
        two(p + i - 2, (int)(fraction % 100));
    for (p += places; p[-1] == '0'; p--)
        ;
    return p;
}

/* Decimals with at most six places; NULL: TypeDef.out knows the rest.  Two decimals of 15 digits are
 * never the same double, so the one whose quotient is v is also the shortest that reads back. */
static char *put_float(char *p, double v)
{
    double size = fabs(v);
    if (!(size >= 1e-3 && size < 1e8)) /* nor NaN */
        return v == 0 && !signbit(v) ? put_int(p, 0) : NULL;
    double half = v < 0 ? -0.5 : 0.5;
    int64_t cents = (int64_t)(v * 1e2 + half), millionths;
    if ((double)cents / 1e2 == v)
        return put_decimal(p, cents, 100, 2);
    millionths = (int64_t)(v * 1e6 + half);
    return (double)millionths / 1e6 == v ? put_decimal(p, millionths, 1000000, 6) : NULL;
}

static void keep_day(RowBytes *r, int64_t day)
{
    int64_t year;
    int month, dom;
    civil_from_days(day, &year, &month, &dom);
    char *p = two(two(r->day_text, (int)(year / 100)), (int)(year % 100));
    *p++ = '-';
    p = two(p, month);
    *p++ = '-';
    p = two(p, dom);
    *p = ' ';
    r->day = day;
}

/* Years 1 to 9999; NULL: TypeDef.out knows the rest.  The day is the costly part and rows come in time
 * order, so the last one is kept. */
static char *put_time(RowBytes *r, char *p, int64_t us, bool zone)
{
    int64_t day = floor_div(us, INT64_C(86400000000));
    if (day < -719162 || day > 2932896)
        return NULL;
    if (day != r->day)
        keep_day(r, day);
    memcpy(p, r->day_text, sizeof r->day_text);
    int64_t rest = us - day * INT64_C(86400000000);
    int s = (int)(rest / 1000000), frac = (int)(rest % 1000000);
    p = two(p + 11, s / 3600);
    *p++ = ':';
    p = two(p, s / 60 % 60);
    *p++ = ':';
    p = two(p, s % 60);
    if (frac) {
        *p++ = '.';
        p = two(two(two(p, frac / 10000), frac / 100 % 100), frac % 100);
        while (p[-1] == '0')
            p--;
    }
    if (zone) {
        memcpy(p, "+00", 3);
        p += 3;
    }
    return p;
}

/* Most values are short: no call for them. */
static inline void put_bytes(char *p, const char *from, size_t n)
{
    if (n > 32) {
        memcpy(p, from, n);
    } else if (n >= 16) {
        memcpy(p, from, 16);
        memcpy(p + n - 16, from + n - 16, 16);
    } else if (n >= 8) {
        memcpy(p, from, 8);
        memcpy(p + n - 8, from + n - 8, 8);
    } else if (n >= 4) {
        memcpy(p, from, 4);
        memcpy(p + n - 4, from + n - 4, 4);
    } else {
        for (size_t i = 0; i < n; i++)
            p[i] = from[i];
    }
}

static void put_be32(char *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

/* ---- cells that are written ahead ---- */

static void escape_text(Buf *out, Slice v, char delimiter)
{
    static const char from[] = "\b\f\n\r\t\v", to[] = "bfnrtv";
    for (size_t i = 0; i < v.len; i++) {
        char ch = v.ptr[i];
        const char *k = ch && (uint8_t)ch < 32 ? memchr(from, ch, 6) : NULL;
        if (k || ch == '\\' || ch == delimiter)
            buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)(k ? to[k - from] : ch));
    }
}

static bool csv_needs_quotes(const RowForm *f, Slice v)
{
    if (slice_eq(v, f->null_text))
        return true;
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] == f->delimiter || v.ptr[i] == f->quote || v.ptr[i] == '\n' ||
            v.ptr[i] == '\r')
            return true;
    return false;
}

/* `\.` alone on its line would end the data. */
static void quote_csv(Buf *out, const RowForm *f, Slice v, bool force)
{
    bool ends = f->col_count == 1 && slice_eq_cstr(v, "\\.");
    if (!force && !ends && !csv_needs_quotes(f, v)) {
        buf_put_slice(out, v);
        return;
    }
    buf_put_u8(out, (uint8_t)f->quote);
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] == f->quote || v.ptr[i] == f->escape)
            buf_put_u8(out, (uint8_t)f->escape);
        buf_put_u8(out, (uint8_t)v.ptr[i]);
    }
    buf_put_u8(out, (uint8_t)f->quote);
}

/* `v` as a cell of the form; ptr NULL: NULL. */
static void put_cell(RowBytes *r, size_t col, Slice v)
{
    const RowForm *f = r->form;
    if (f->frame == ROW_FIELDS) {
        char len[4];
        put_be32(len, v.ptr ? (uint32_t)v.len : UINT32_MAX);
        buf_put(&r->made, len, 4);
        if (v.len)
            buf_put_slice(&r->made, v);
        return;
    }
    if (!v.ptr)
        buf_put_slice(&r->made, f->null_text);
    else if (f->frame == ROW_CSV)
        quote_csv(&r->made, f, v, f->force_quote && f->force_quote[col]);
    else
        escape_text(&r->made, v, f->delimiter);
    buf_put_u8(&r->made, (uint8_t)r->cols[col].close);
}

static bool slot_null(const Vector *v, size_t slot)
{
    return v->valid && !(v->valid[slot >> 6] >> (slot & 63) & 1);
}

static void make_cell(RowBytes *r, size_t col, const Vector *v, size_t slot)
{
    const Column *c = &r->cols[col];
    if (slot_null(v, slot)) {
        put_cell(r, col, SLICE_NONE);
        return;
    }
    if (c->kind == CELL_STR && v->phys == PH_STR) {
        Slice s = v->v.str[slot];
        put_cell(r, col, s.ptr ? s : SLICE_LIT(""));
        return;
    }
    Vector flat = *v; /* vec_get takes rows; a slot is a row of the values seen as flat */
    flat.kind = VEC_FLAT;
    Value value = vec_get(&flat, slot);
    buf_clear(&r->value);
    buf_reserve(&r->value, 1);
    (c->binary && c->def->send ? c->def->send : c->def->out)(&r->form->env, &value, &r->value);
    put_cell(r, col, buf_slice(&r->value));
}

/* ---- a batch ---- */

static Part *part_new(RowBytes *r, PartKind kind, size_t col, const Vector *v)
{
    Part *p = &r->parts[r->part_count++];
    *p = (Part){.kind = kind, .col = &r->cols[col], .v = v};
    return p;
}

/* Constants beside each other become one. */
static void add_constant(RowBytes *r, size_t col, const Vector *v)
{
    Part *last = r->part_count ? &r->parts[r->part_count - 1] : NULL;
    size_t begin = r->made.len;
    make_cell(r, col, v, 0);
    if (last && last->kind == PART_BYTES) {
        last->bytes.len += r->made.len - begin;
        return;
    }
    part_new(r, PART_BYTES, col, v)->bytes =
        (Slice){(const char *)(uintptr_t)(begin + 1), r->made.len - begin};
}

static void add_made(RowBytes *r, size_t col, const Vector *v, const Batch *b)
{
    size_t rows = batch_count(b);
    bool dict = v->kind == VEC_DICT && v->dict_count <= rows;
    size_t cells = dict ? v->dict_count : rows;
    Part *p = part_new(r, PART_MADE, col, v);
    p->codes = dict ? v->codes : NULL;
    p->ends = arena_alloc(&r->arena, (cells + 1) * sizeof *p->ends);
    p->ends[0] = r->made.len;
    for (size_t i = 0; i < cells; i++) {
        make_cell(r, col, v, dict ? i : vec_slot(v, batch_row(b, i)));
        p->ends[i + 1] = r->made.len;
    }
}

static void add_ints(RowBytes *r, size_t col, const Vector *v)
{
    Part *last = r->part_count ? &r->parts[r->part_count - 1] : NULL;
    if (!last || last->kind != PART_INTS) {
        last = part_new(r, PART_INTS, col, v);
        last->first = r->int_count;
    }
    r->ints[r->int_count++] = (IntCol){v->v.i64, v->valid, r->cols[col].close};
    last->count++;
}

static void add_column(RowBytes *r, size_t col, const Batch *b)
{
    static const PartKind in_place[] = {
        [CELL_FLOAT] = PART_FLOAT, [CELL_TIME] = PART_TIME, [CELL_TIMETZ] = PART_TIME,
        [CELL_STR] = PART_STR,     [CELL_BE] = PART_BE,
    };
    const Column *c = &r->cols[col];
    const Vector *v = &b->cols[col];
    if (v->kind == VEC_CONST) {
        add_constant(r, col, v);
    } else if (v->kind != VEC_FLAT || c->kind == CELL_ANY || v->phys != c->def->phys) {
        add_made(r, col, v, b);
    } else if (c->kind == CELL_INT) {
        add_ints(r, col, v);
    } else if (c->kind == CELL_STR && r->form->frame == ROW_CSV) {
        add_made(r, col, v, b);
    } else {
        part_new(r, in_place[c->kind], col, v);
    }
}

void rowbytes_begin(RowBytes *r, const Batch *b)
{
    must(b->col_count == r->form->col_count);
    arena_reset(&r->arena);
    buf_clear(&r->made);
    buf_reserve(&r->made, 1);
    r->part_count = r->int_count = 0;
    r->fixed_max = 1 + 4 + 2 + 1 + b->col_count * (NUMBER_MAX + WORD + r->form->null_text.len);
    for (size_t i = 0; i < b->col_count; i++)
        add_column(r, i, b);
    /* `made` stands still now: offsets become addresses. */
    for (size_t i = 0; i < r->part_count; i++) {
        Part *p = &r->parts[i];
        if (p->kind == PART_BYTES) {
            p->bytes.ptr = r->made.ptr + ((uintptr_t)p->bytes.ptr - 1);
            r->fixed_max += p->bytes.len;
        }
    }
    r->batch = b;
    r->next = 0;
}

/* ---- rows ---- */

/* Where the row stands in `out`, whose length is brought up to date at its end. */
typedef struct Pen {
    char *p, *end;
    Buf *out;
} Pen;

static void pen_room(Pen *pen, size_t more)
{
    if ((size_t)(pen->end - pen->p) >= more)
        return;
    pen->out->len = (size_t)(pen->p - pen->out->ptr);
    buf_reserve(pen->out, more);
    pen->p = pen->out->ptr + pen->out->len;
    pen->end = pen->out->ptr + pen->out->cap;
}

static char *put_null(const RowForm *f, char *p, char close)
{
    if (f->frame == ROW_FIELDS) {
        put_be32(p, UINT32_MAX);
        return p + 4;
    }
    memcpy(p, f->null_text.ptr, f->null_text.len);
    p += f->null_text.len;
    *p = close;
    return p + 1;
}

/* The text of 0 .. 999, with its length in front in ROW_FIELDS. */
static char *put_short(char *p, size_t v, bool fields)
{
    const uint8_t *word = short_ints[v];
    memcpy(p, fields ? word : word + 4, fields ? WORD : 4);
    return p + word[3] + (fields ? 4 : 0);
}

static char *put_ints(const RowBytes *r, const Part *part, char *p, size_t row)
{
    bool fields = r->form->frame == ROW_FIELDS;
    for (const IntCol *c = r->ints + part->first, *end = c + part->count; c < end; c++) {
        int64_t v = c->values[row];
        if (c->valid && !(c->valid[row >> 6] >> (row & 63) & 1)) {
            p = put_null(r->form, p, c->close);
        } else if ((uint64_t)v < ARRAY_LEN(short_ints)) {
            p = put_short(p, (size_t)v, fields);
            if (!fields)
                *p++ = c->close;
        } else {
            char *text = fields ? p + 4 : p, *behind = put_int(text, v);
            if (fields)
                put_be32(p, (uint32_t)(behind - text));
            else
                *behind++ = c->close;
            p = behind;
        }
    }
    return p;
}

static void put_made(Pen *pen, const char *ptr, size_t len, size_t fixed_max)
{
    pen_room(pen, len + fixed_max);
    put_bytes(pen->p, ptr, len);
    pen->p += len;
}

/* A value that its own writer refused: by TypeDef.out. */
static void put_other(RowBytes *r, Pen *pen, const Part *part, size_t row)
{
    size_t begin = r->made.len;
    Buf kept = r->made; /* its bytes must not move: constants point into them */
    buf_init(&r->made);
    make_cell(r, (size_t)(part->col - r->cols), part->v, row);
    put_made(pen, r->made.ptr, r->made.len, r->fixed_max);
    buf_free(&r->made);
    r->made = kept;
    must(r->made.len == begin);
}

static bool is_short(double v)
{
    return v > 0 && v < (double)ARRAY_LEN(short_ints) && (double)(int)v == v;
}

static void put_number(RowBytes *r, Pen *pen, const Part *part, size_t row)
{
    bool fields = r->form->frame == ROW_FIELDS;
    if (part->kind == PART_FLOAT && is_short(part->v->v.f64[row])) {
        pen->p = put_short(pen->p, (size_t)part->v->v.f64[row], fields);
        if (!fields)
            *pen->p++ = part->col->close;
        return;
    }
    char *text = fields ? pen->p + 4 : pen->p, *end;
    if (part->kind == PART_FLOAT)
        end = put_float(text, part->v->v.f64[row]);
    else
        end = put_time(r, text, part->v->v.i64[row], part->col->kind == CELL_TIMETZ);
    if (!end) {
        put_other(r, pen, part, row);
        return;
    }
    if (fields)
        put_be32(pen->p, (uint32_t)(end - text));
    else
        *end++ = part->col->close;
    pen->p = end;
}

/* The last bytes of the number; eight are stored, the next value goes over those that are too many. */
static void put_be(Pen *pen, const Part *part, size_t row)
{
    size_t size = part->col->be_size;
    uint64_t v;
    memcpy(&v, (const char *)part->v->v.any + row * sizeof v, sizeof v);
    if (part->col->from_2000 && v != (uint64_t)INT64_MAX && v != (uint64_t)INT64_MIN)
        v -= EPOCH_2000_US; /* the infinities stay */
    v = __builtin_bswap64(v << 8 * (sizeof v - size));
    put_be32(pen->p, (uint32_t)size);
    memcpy(pen->p + 4, &v, sizeof v);
    pen->p += 4 + size;
}

static bool text_is_plain(Slice s, char delimiter)
{
    uint8_t odd = 0;
    for (size_t i = 0; i < s.len; i++)
        odd |= (uint8_t)s.ptr[i] < 32 || s.ptr[i] == '\\' || s.ptr[i] == delimiter;
    return !odd;
}

static void put_str(RowBytes *r, Pen *pen, const Part *part, size_t row)
{
    Slice s = part->v->v.str[row];
    bool fields = r->form->frame == ROW_FIELDS;
    if (!fields && !text_is_plain(s, r->form->delimiter)) {
        put_other(r, pen, part, row);
        return;
    }
    pen_room(pen, 5 + s.len + r->fixed_max);
    if (fields) {
        put_be32(pen->p, (uint32_t)s.len);
        pen->p += 4;
    }
    put_bytes(pen->p, s.ptr, s.len);
    pen->p += s.len;
    if (!fields)
        *pen->p++ = part->col->close;
}

static void put_part(RowBytes *r, Pen *pen, const Part *part, size_t i, size_t row)
{
    switch (part->kind) {
    case PART_BYTES:
        put_bytes(pen->p, part->bytes.ptr, part->bytes.len);
        pen->p += part->bytes.len;
        return;
    case PART_MADE: {
        size_t cell = part->codes ? part->codes[row] : i;
        put_made(pen, r->made.ptr + part->ends[cell], part->ends[cell + 1] - part->ends[cell],
                 r->fixed_max);
        return;
    }
    case PART_INTS:
        pen->p = put_ints(r, part, pen->p, row);
        return;
    case PART_FLOAT:
    case PART_TIME:
    case PART_STR:
    case PART_BE:
        break;
    }
    if (slot_null(part->v, row))
        pen->p = put_null(r->form, pen->p, part->col->close);
    else if (part->kind == PART_STR)
        put_str(r, pen, part, row);
    else if (part->kind == PART_BE)
        put_be(pen, part, row);
    else
        put_number(r, pen, part, row);
}

static void put_row(RowBytes *r, Pen *pen, size_t i)
{
    size_t row = batch_row(r->batch, i);
    pen_room(pen, r->fixed_max);
    size_t start = (size_t)(pen->p - pen->out->ptr);
    if (r->form->message) {
        *pen->p = r->form->message;
        pen->p += 5;
    }
    if (r->form->frame == ROW_FIELDS) {
        uint16_t count = __builtin_bswap16((uint16_t)r->form->col_count);
        memcpy(pen->p, &count, 2);
        pen->p += 2;
    }
    for (size_t k = 0; k < r->part_count; k++)
        put_part(r, pen, &r->parts[k], i, row);
    if (r->form->frame != ROW_FIELDS && r->form->col_count == 0)
        *pen->p++ = '\n';
    char *head = pen->out->ptr + start;
    if (r->form->message)
        put_be32(head + 1, (uint32_t)(pen->p - head - 1));
}

bool rowbytes_write(RowBytes *r, Buf *out, size_t len_max)
{
    if (!r->batch)
        return true;
    size_t rows = batch_count(r->batch);
    buf_reserve(out, 1);
    Pen pen = {out->ptr + out->len, out->ptr + out->cap, out};
    size_t begin = r->next;
    while (r->next < rows && (r->next == begin || (size_t)(pen.p - out->ptr) < len_max))
        put_row(r, &pen, r->next++);
    out->len = (size_t)(pen.p - out->ptr);
    if (r->next < rows)
        return false;
    r->batch = NULL;
    return true;
}
