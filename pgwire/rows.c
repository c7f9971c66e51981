/* pgwire/rows.c - see rows.h. */
#include "pgwire/rows.h"

#include "base/clock.h"

/* The values of one column of a batch as the client gets them.  One cell for a constant, one an
 * entry for a dictionary, one a selected row for a flat column. */
typedef struct PgCells {
    Slice *cell;           /* ptr NULL = NULL */
    const uint32_t *codes; /* dictionary: by physical row */
    bool constant;
    bool in_text; /* ptr is an offset + 1 into PgRows.text until all columns are formatted */
} PgCells;

void pgw_rows_open(PgRows *r, Session *s, const Portal *p)
{
    memset(r, 0, sizeof *r);
    r->env = session_type_env(s);
    r->cols = portal_columns(p, &r->col_count);
    r->formats = mem_zero((r->col_count + 1) * sizeof *r->formats);
    r->cells = mem_zero((r->col_count + 1) * sizeof *r->cells);
    for (size_t i = 0; i < r->col_count; i++)
        r->formats[i] = portal_format(p, i);
    arena_init(&r->arena, NULL);
    buf_init(&r->text);
}

void pgw_rows_close(PgRows *r)
{
    if (!r->cells)
        return;
    mem_free(r->formats);
    mem_free(r->cells);
    arena_free(&r->arena);
    buf_free(&r->text);
    memset(r, 0, sizeof *r);
}

/* ---- the loops over one column's values ---- */

/* Text of an integer, written backwards from `end`; returns its start. */
static char *digits_before(char *end, uint64_t v)
{
    do
        *--end = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    return end;
}

static void put_int(Buf *b, int64_t v)
{
    char tmp[24], *end = tmp + sizeof tmp;
    char *p = digits_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
    if (v < 0)
        *--p = '-';
    buf_put(b, p, (size_t)(end - p));
}

static char *two(char *p, int v)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
    return p + 2;
}

/* Years 1 to 9999 in UTC; false: TypeDef.out knows the rest.  The day is the costly part and
 * rows come in time order, so the last one is kept. */
static bool put_time(Buf *b, int64_t us, bool zone, int64_t *day_kept, char day_text[11])
{
    int64_t day = floor_div(us, INT64_C(86400000000));
    if (day < -719162 || day > 2932896)
        return false;
    if (day != *day_kept) {
        int64_t year;
        int month, dom;
        civil_from_days(day, &year, &month, &dom);
        char *p = two(two(day_text, (int)(year / 100)), (int)(year % 100));
        *p++ = '-';
        p = two(p, month);
        *p++ = '-';
        p = two(p, dom);
        *p = ' ';
        *day_kept = day;
    }
    char tmp[40];
    memcpy(tmp, day_text, 11);
    int64_t rest = us - day * INT64_C(86400000000);
    int s = (int)(rest / 1000000), frac = (int)(rest % 1000000);
    char *p = two(tmp + 11, s / 3600);
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
    buf_put(b, tmp, (size_t)(p - tmp));
    return true;
}

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

typedef enum CellKind {
    CELL_OUT,
    CELL_SEND,
    CELL_INT_TEXT,
    CELL_INT2,
    CELL_INT4,
    CELL_INT8,
    CELL_FLOAT8,
    CELL_BOOL_TEXT,
    CELL_TIME,
    CELL_TIMETZ,
    CELL_BYTES,
} CellKind;

static CellKind cell_kind(const TypeEnv *env, TypeId type, bool binary)
{
    switch (type) {
    case T_INT2:
        return binary ? CELL_INT2 : CELL_INT_TEXT;
    case T_INT4:
        return binary ? CELL_INT4 : CELL_INT_TEXT;
    case T_INT8:
        return binary ? CELL_INT8 : CELL_INT_TEXT;
    case T_OID:
        return binary ? CELL_INT4 : CELL_INT_TEXT;
    case T_FLOAT8:
        return binary ? CELL_FLOAT8 : CELL_OUT;
    case T_BOOL:
        return binary ? CELL_SEND : CELL_BOOL_TEXT;
    case T_TIMESTAMP:
        return binary ? CELL_SEND : env->date_style ? CELL_OUT : CELL_TIME;
    case T_TIMESTAMPTZ:
        return binary ? CELL_SEND : !env->date_style && env_is_utc(env) ? CELL_TIMETZ : CELL_OUT;
    case T_TEXT:
    case T_VARCHAR:
    case T_BPCHAR:
    case T_NAME:
    case T_UNKNOWN:
    case T_JSON:
        return CELL_BYTES;
    default:
        return binary ? CELL_SEND : CELL_OUT;
    }
}

static void put_be(Buf *b, uint64_t v, size_t bytes)
{
    v = __builtin_bswap64(v);
    buf_put(b, (char *)&v + 8 - bytes, bytes);
}

typedef struct CellWriter {
    CellKind kind;
    const TypeEnv *env;
    const TypeDef *def;
    const Vector *v;
    int64_t day;
    char day_text[11];
} CellWriter;

static void put_any(CellWriter *w, size_t slot, Buf *b)
{
    Vector flat = *w->v; /* vec_get takes rows; a slot is a row of the values seen as flat */
    flat.kind = VEC_FLAT;
    Value value = vec_get(&flat, slot);
    if (w->kind == CELL_SEND && w->def->send)
        w->def->send(w->env, &value, b);
    else
        w->def->out(w->env, &value, b);
}

static void put_slot(CellWriter *w, size_t slot, Buf *b)
{
    switch (w->kind) {
    case CELL_INT_TEXT:
        put_int(b, w->v->v.i64[slot]);
        return;
    case CELL_INT2:
        put_be(b, (uint64_t)w->v->v.i64[slot], 2);
        return;
    case CELL_INT4:
        put_be(b, (uint64_t)w->v->v.i64[slot], 4);
        return;
    case CELL_INT8:
        put_be(b, (uint64_t)w->v->v.i64[slot], 8);
        return;
    case CELL_FLOAT8: {
        uint64_t bits;
        memcpy(&bits, &w->v->v.f64[slot], 8);
        put_be(b, bits, 8);
        return;
    }
    case CELL_BOOL_TEXT:
        buf_put_u8(b, w->v->v.b[slot] ? 't' : 'f');
        return;
    case CELL_TIME:
    case CELL_TIMETZ:
        if (put_time(b, w->v->v.i64[slot], w->kind == CELL_TIMETZ, &w->day, w->day_text))
            return;
        break;
    case CELL_OUT:
    case CELL_SEND:
    case CELL_BYTES:
        break;
    }
    put_any(w, slot, b);
}

static bool slot_null(const Vector *v, size_t slot)
{
    return v->valid && !(v->valid[slot >> 6] >> (slot & 63) & 1);
}

static Slice make_cell(CellWriter *w, size_t slot, Buf *text)
{
    if (slot_null(w->v, slot))
        return SLICE_NONE;
    if (w->kind == CELL_BYTES) {
        Slice s = w->v->v.str[slot];
        return s.ptr ? s : SLICE_LIT("");
    }
    size_t at = text->len;
    put_slot(w, slot, text);
    return (Slice){(const char *)(uintptr_t)(at + 1), text->len - at};
}

static void format_column(PgRows *r, size_t col, const Batch *b)
{
    const Vector *v = &b->cols[col];
    PgCells *c = &r->cells[col];
    TypeId type = r->cols[col].type;
    size_t rows = batch_count(b);
    CellWriter w = {.kind = cell_kind(r->env, type, r->formats[col] == 1),
                    .env = r->env,
                    .def = type_find(type),
                    .v = v,
                    .day = INT64_MIN};
    must(w.def);
    /* A vector of another physical form than its type says (NULL of no type) has no values. */
    if (v->phys != w.def->phys)
        w.kind = CELL_OUT;
    *c = (PgCells){.constant = v->kind == VEC_CONST, .in_text = w.kind != CELL_BYTES};
    size_t cells = rows;
    if (v->kind == VEC_CONST)
        cells = 1;
    else if (v->kind == VEC_DICT && v->dict_count <= rows) {
        cells = v->dict_count;
        c->codes = v->codes;
    }
    c->cell = arena_alloc(&r->arena, (cells + 1) * sizeof *c->cell);
    for (size_t i = 0; i < cells; i++) {
        size_t slot = cells == rows && !c->codes && !c->constant ? vec_slot(v, batch_row(b, i)) : i;
        c->cell[i] = make_cell(&w, slot, &r->text);
    }
}

/* The text buffer stands still now: offsets become addresses. */
static void locate(PgRows *r, PgCells *c, size_t cells)
{
    if (!c->in_text)
        return;
    for (size_t i = 0; i < cells; i++)
        if (c->cell[i].ptr)
            c->cell[i].ptr = r->text.ptr + ((uintptr_t)c->cell[i].ptr - 1);
}

void pgw_rows_batch(PgRows *r, const Batch *b)
{
    must(b->col_count == r->col_count);
    arena_reset(&r->arena);
    buf_clear(&r->text);
    buf_reserve(&r->text, 1);
    for (size_t i = 0; i < r->col_count; i++)
        format_column(r, i, b);
    for (size_t i = 0; i < r->col_count; i++) {
        const Vector *v = &b->cols[i];
        PgCells *c = &r->cells[i];
        locate(r, c, c->constant ? 1 : c->codes ? v->dict_count : batch_count(b));
    }
    r->batch = b;
    r->next = 0;
}

static void put_row(const PgRows *r, size_t i, Buf *out)
{
    size_t row = batch_row(r->batch, i);
    size_t start = out->len, total = 7 + 4 * r->col_count;
    buf_reserve(out, total);
    char *head = out->ptr + start;
    head[0] = 'D';
    uint16_t count = __builtin_bswap16((uint16_t)r->col_count);
    memcpy(head + 5, &count, 2);
    out->len += 7;
    for (size_t k = 0; k < r->col_count; k++) {
        const PgCells *c = &r->cells[k];
        Slice s = c->cell[c->constant ? 0 : c->codes ? c->codes[row] : i];
        uint32_t len = __builtin_bswap32(s.ptr ? (uint32_t)s.len : UINT32_MAX);
        buf_reserve(out, 4 + s.len);
        memcpy(out->ptr + out->len, &len, 4);
        if (s.ptr)
            memcpy(out->ptr + out->len + 4, s.ptr, s.len);
        out->len += s.ptr ? 4 + s.len : 4;
    }
    uint32_t len = __builtin_bswap32((uint32_t)(out->len - start - 1));
    memcpy(out->ptr + start + 1, &len, 4);
}

bool pgw_rows_write(PgRows *r, Buf *out, size_t len_max)
{
    if (!r->batch)
        return true;
    size_t rows = batch_count(r->batch);
    while (r->next < rows && out->len < len_max)
        put_row(r, r->next++, out);
    if (r->next < rows)
        return false;
    r->batch = NULL;
    return true;
}
