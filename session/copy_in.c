/* session/copy_in.c - COPY ... FROM STDIN: fields of each row to values, WHERE, the row writer.
 *
 * copy_lines.c and copy_binary.c cut the bytes.  Errors name line and column in their context as
 * PostgreSQL's do. */
#include "session/copy_private.h"
#include <stdio.h>

typedef enum CopyPhase { COPY_ASK, COPY_READ, COPY_FLUSH } CopyPhase;

enum { REPEAT_MAX = 40 }; /* bytes of a text that is compared with that of the line before */

typedef struct CopyColumn {
    const ColumnDef *def;
    bool (*read)(const TypeEnv *env, Slice bytes, int32_t typmod, Arena *a, Value *out, Err *e);
    bool borrows; /* the value is the text as it stands in the line */
    bool repeats; /* dear to read, and often that of the line before: dates and times */
    uint8_t seen_len;
    char seen[REPEAT_MAX]; /* what gave the value that stands in the row */
} CopyColumn;

typedef struct CopyIn {
    const BoundCopy *copy;
    CopyColumn *columns; /* the listed ones */
    CopyPhase phase;
    CopyLines lines;
    CopyTuples tuples; /* binary */
    CopyCharset charset;
    Buf converted;
    Slice *fields;
    size_t field_count; /* of this line; may be too few */
    Value *row;
    int16_t *targets; /* columns of row: the listed ones, then those with a default */
    size_t target_count;
    Expr **defaults; /* of the columns that are not listed */
    size_t default_count;
    Arena scratch;
    uint64_t rows;
    bool binary, header_left, failed;
    Err error;
} CopyIn;

enum { SHOWN_MAX = 100 }; /* bytes of a line or value in a context */

static void put_shown(char *out, size_t size, Slice s)
{
    bool cut = s.len > SHOWN_MAX;
    size_t len = cut ? SHOWN_MAX : s.len;
    while (cut && len && ((unsigned char)s.ptr[len] & 0xC0) == 0x80)
        len--;
    snprintf(out, size, ": \"%.*s%s\"", (int)len, s.ptr ? s.ptr : "", cut ? "..." : "");
}

static void set_context(const CopyIn *c, Err *e, size_t column)
{
    const TableDef *t = c->copy->table;
    char shown[SHOWN_MAX + 16] = "";
    Slice line = c->lines.line;
    unsigned long long number = c->binary ? c->tuples.number : c->lines.number;
    if (number == 0)
        return; /* the header of the binary format */
    if (c->binary && c->tuples.field)
        column = c->tuples.field - 1;
    if (column < c->copy->column_count) {
        if (!c->binary && c->fields[column].ptr)
            put_shown(shown, sizeof shown, c->fields[column]);
        else if (!c->binary)
            snprintf(shown, sizeof shown, ": null input");
        err_context(e, "COPY %.*s, line %llu, column %.*s%s", SLICE_ARG(t->name), number,
                    SLICE_ARG(t->columns[c->copy->columns[column]].name), shown);
        return;
    }
    if (!c->binary && line.ptr)
        put_shown(shown, sizeof shown, line);
    err_context(e, "COPY %.*s, line %llu%s", SLICE_ARG(t->name), number, shown);
}

static bool fail(const CopyIn *c, Err *e)
{
    set_context(c, e, SIZE_MAX);
    return false;
}

static uint64_t *line_number(CopyIn *c)
{
    return c->binary ? &c->tuples.number : &c->lines.number;
}

/* The key that is taken may be that of a row before. */
static bool writer_fail(Portal *p, CopyIn *c, Err *e)
{
    if (e->code == ERR_UNIQUE) {
        c->lines.line = SLICE_NONE;
        *line_number(c) = row_writer_refused(p->writer);
    }
    return fail(c, e);
}

/* Columns that are not listed take their DEFAULT. */
static bool read_defaults(Portal *p, CopyIn *c, int16_t *targets, size_t *n, Err *e)
{
    Session *s = p->session;
    const TableDef *t = c->copy->table;
    EvalCtx ctx;
    session_eval_ctx(s, &ctx);
    ctx.arena = ctx.scratch = &p->arena;
    CatalogSnap *cat = session_catalog(s);
    SqlEnv env = session_sql_env(s, cat, &ctx);
    bool ok = true;
    for (int16_t i = 0; ok && i < (int16_t)t->column_count; i++) {
        const ColumnDef *col = &t->columns[i];
        bool listed = col->dropped || col->default_sql.len == 0;
        for (size_t k = 0; k < c->copy->column_count && !listed; k++)
            listed = c->copy->columns[k] == i;
        if (listed)
            continue;
        ok = sql_column_default(&env, &p->arena, col, &c->defaults[c->default_count++], e);
        targets[(*n)++] = i;
    }
    cat_unref(cat);
    return ok;
}

/* Text lines were looked at as a whole: their bytes are characters, none of them NUL. */
static CopyColumn column_reader(const ColumnDef *def, bool binary)
{
    const TypeDef *type = type_find(def->type_oid);
    bool text = type->oid == T_TEXT || (type->oid == T_VARCHAR && def->typmod < 0);
    return (CopyColumn){.def = def,
                        .read = binary ? type->recv : type->in,
                        .borrows = text && !binary,
                        .repeats = type->category == 'D' && !binary};
}

static bool copy_in_start(Portal *p, Err *e)
{
    const BoundCopy *copy = &p->bound->u.copy;
    if (!tx_table_writer(p->session, copy->table, e))
        return false;
    CopyIn *c = ARENA_NEW(&p->arena, CopyIn);
    size_t n = copy->column_count, all = n + copy->table->column_count + 1u;
    c->copy = c->lines.o = copy;
    c->binary = copy->format == COPY_BINARY;
    c->field_count = n;
    c->header_left = copy->header;
    c->defaults = ARENA_ARRAY(&p->arena, Expr *, copy->table->column_count + 1u);
    c->targets = ARENA_ARRAY(&p->arena, int16_t, all);
    memcpy(c->targets, copy->columns, n * sizeof *c->targets);
    c->target_count = n;
    arena_init(&c->scratch, &p->session->db->query_pool);
    p->copy_in = (struct CopyIn *)c;
    if (!read_defaults(p, c, c->targets, &c->target_count, e) ||
        (copy->charset && !copy_charset_open(&c->charset, copy, true, e)))
        return false;
    c->fields = ARENA_ARRAY(&p->arena, Slice, n + 1);
    c->row = ARENA_ARRAY(&p->arena, Value, c->target_count + 1);
    c->columns = ARENA_ARRAY(&p->arena, CopyColumn, n + 1);
    for (size_t i = 0; i < n; i++)
        c->columns[i] = column_reader(&copy->table->columns[copy->columns[i]], c->binary);
    p->writer = row_writer_new(p->session, copy->table, c->targets, c->target_count);
    if (insert_checks_keys(copy->table))
        row_writer_check_keys(p->writer, KEYS_FREE, 0);
    c->phase = COPY_READ;
    return true;
}

/* ---- rows ---- */

/* FORCE_NULL and FORCE_NOT_NULL change what csv says. */
static void force(const BoundCopy *o, Slice *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].ptr && o->force_not_null && o->force_not_null[i])
            fields[i] = slice_of(o->null_text.len ? o->null_text.ptr : "", o->null_text.len);
        else if (fields[i].ptr && o->force_null && o->force_null[i] &&
                 slice_eq(fields[i], o->null_text))
            fields[i] = SLICE_NONE;
    }
}

static bool read_new_value(Portal *p, CopyIn *c, size_t i, Err *e)
{
    CopyColumn *col = &c->columns[i];
    Slice field = c->fields[i];
    if (!col->read(&p->session->env, field, col->def->typmod, &c->scratch, &c->row[i], e)) {
        set_context(c, e, i);
        return false;
    }
    if (col->repeats && field.len <= REPEAT_MAX) {
        memcpy(col->seen, field.ptr, field.len);
        col->seen_len = (uint8_t)field.len;
    }
    return true;
}

static inline bool read_value(Portal *p, CopyIn *c, size_t i, Err *e)
{
    CopyColumn *col = &c->columns[i];
    Slice field = c->fields[i];
    if (!field.ptr) {
        c->row[i] = value_null();
        col->seen_len = 0;
        return true;
    }
    if (col->borrows) {
        c->row[i] = value_str(field);
        return true;
    }
    if (col->seen_len && field.len == col->seen_len && memcmp(field.ptr, col->seen, field.len) == 0)
        return true;
    return read_new_value(p, c, i, e);
}

static bool read_values(Portal *p, CopyIn *c, Err *e)
{
    size_t n = c->copy->column_count, have = c->field_count < n ? c->field_count : n;
    for (size_t i = 0; i < have; i++)
        if (!read_value(p, c, i, e))
            return false;
    if (have == n)
        return true;
    return err_set(e, ERR_BAD_COPY, "missing data for column \"%.*s\"",
                   SLICE_ARG(c->columns[have].def->name)) ||
           fail(c, e);
}

static bool default_values(Portal *p, CopyIn *c, Err *e)
{
    EvalCtx ctx;
    if (c->default_count == 0)
        return true;
    session_eval_ctx(p->session, &ctx);
    ctx.arena = ctx.scratch = &c->scratch;
    for (size_t i = 0; i < c->default_count; i++)
        if (!expr_value(&ctx, c->defaults[i], &c->row[c->copy->column_count + i], e))
            return fail(c, e);
    return true;
}

/* WHERE sees the row as a batch of one, a column a place. */
static bool row_counts(Portal *p, CopyIn *c, bool *counts, Err *e)
{
    *counts = true;
    if (!c->copy->where)
        return true;
    const TableDef *t = c->copy->table;
    EvalCtx ctx;
    session_eval_ctx(p->session, &ctx);
    ctx.arena = ctx.scratch = &c->scratch;
    Batch one = {.rows = 1, .col_count = t->column_count};
    one.cols = ARENA_ARRAY(&c->scratch, Vector, t->column_count + 1u);
    Value none = value_null();
    for (uint16_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].dropped)
            vec_init_const(&one.cols[i], t->columns[i].type_oid, &none, &c->scratch);
    for (size_t i = 0; i < c->target_count; i++)
        vec_init_const(&one.cols[c->targets[i]], t->columns[c->targets[i]].type_oid, &c->row[i],
                       &c->scratch);
    if (!expr_filter(&ctx, c->copy->where, &one, e))
        return fail(c, e);
    *counts = batch_count(&one) > 0;
    return true;
}

/* HEADER MATCH: the first line names the columns, in their order. */
static bool match_header(CopyIn *c, Err *e)
{
    const BoundCopy *o = c->copy;
    size_t n;
    if (!copy_lines_split(&c->lines, c->fields, o->column_count, &n, e))
        return false;
    if (n != o->column_count)
        return err_set(e, ERR_BAD_COPY,
                       "wrong number of fields in header line: got %zu, expected %zu", n,
                       o->column_count);
    for (size_t i = 0; i < n; i++) {
        Slice want = o->table->columns[o->columns[i]].name;
        if (!c->fields[i].ptr)
            return err_set(e, ERR_BAD_COPY,
                           "column name mismatch in header line field %zu: got null value "
                           "(\"%.*s\"), expected \"%.*s\"",
                           i + 1, SLICE_ARG(o->null_text), SLICE_ARG(want));
        if (!slice_eq(c->fields[i], want))
            return err_set(e, ERR_BAD_COPY,
                           "column name mismatch in header line field %zu: got \"%.*s\", expected "
                           "\"%.*s\"",
                           i + 1, SLICE_ARG(c->fields[i]), SLICE_ARG(want));
    }
    return true;
}

static bool split_line(CopyIn *c, Err *e)
{
    const BoundCopy *o = c->copy;
    if (!copy_lines_split(&c->lines, c->fields, o->column_count, &c->field_count, e))
        return false;
    if (c->field_count > o->column_count && o->column_count > 0)
        return err_set(e, ERR_BAD_COPY, "extra data after last expected column");
    force(o, c->fields, c->field_count);
    return true;
}

static void plain_line(CopyIn *c)
{
    c->field_count = c->copy->column_count;
    if (c->copy->force_null || c->copy->force_not_null)
        force(c->copy, c->fields, c->field_count);
}

static bool add_row(Portal *p, CopyIn *c, Err *e)
{
    bool counts;
    arena_reset(&c->scratch);
    if (!read_values(p, c, e) || !default_values(p, c, e) || !row_counts(p, c, &counts, e))
        return false;
    if (!counts)
        return true;
    row_writer_input(p->writer, *line_number(c));
    if (!row_writer_add(p->writer, c->row, e))
        return writer_fail(p, c, e);
    c->rows++;
    if (!row_writer_full(p->writer))
        return true;
    Txn *t = tx_table_writer(p->session, p->bound->u.copy.table, e);
    return (t && row_writer_drain(p->writer, false, e) && row_writer_flush(p->writer, t, e)) ||
           writer_fail(p, c, e);
}

/* Takes the rows that are whole. */
static bool take_rows(Portal *p, CopyIn *c, bool at_end, Err *e)
{
    size_t columns = c->copy->column_count;
    for (;;) {
        bool plain =
            !c->binary && !c->header_left && copy_lines_plain(&c->lines, c->fields, columns);
        CopyStep st = plain       ? COPY_ROW
                      : c->binary ? copy_tuples_next(&c->tuples, c->fields, columns, at_end, e)
                                  : copy_lines_next(&c->lines, at_end, e);
        if (st == COPY_FAIL)
            return fail(c, e);
        bool no_header = st == COPY_END && c->header_left && c->copy->header_match;
        if (st != COPY_ROW && !no_header)
            return true;
        if (c->header_left) {
            c->header_left = false;
            if (no_header) {
                c->lines.line = SLICE_LIT("");
                c->lines.number++;
            }
            if (c->copy->header_match && !match_header(c, e))
                return fail(c, e);
            if (no_header)
                return true;
            continue;
        }
        if (plain)
            plain_line(c);
        else if (!c->binary && !split_line(c, e))
            return fail(c, e);
        if (!add_row(p, c, e))
            return false;
    }
}

static bool feed(Portal *p, CopyIn *c, Slice bytes, Err *e)
{
    if (c->charset.open) {
        if (!copy_convert(&c->charset, bytes, &c->converted, e))
            return fail(c, e);
        bytes = buf_slice(&c->converted);
    }
    if (c->lines.ended)
        return true;
    Buf *b = c->binary ? &c->tuples.bytes : &c->lines.bytes;
    size_t *begin = c->binary ? &c->tuples.begin : &c->lines.begin;
    if (!buf_try_reserve(b, bytes.len + COPY_SLACK, COPY_LINE_MAX, e))
        return false;
    buf_put_slice(b, bytes);
    memset(b->ptr + b->len, 0, COPY_SLACK);
    if (!take_rows(p, c, false, e))
        return false;
    memmove(b->ptr, b->ptr + *begin, b->len - *begin + COPY_SLACK);
    b->len -= *begin;
    *begin = 0;
    return true;
}

bool portal_copy_data(Portal *p, Slice bytes, Err *e)
{
    CopyIn *c = (CopyIn *)p->copy_in;
    must(c != NULL);
    if (c->failed)
        return false;
    if (!portal_check(p, e))
        fail(c, e);
    else if (feed(p, c, bytes, e))
        return true;
    c->failed = true;
    c->error = *e;
    return false;
}

bool portal_copy_full(Portal *p)
{
    return tx_full(p->session);
}

bool portal_copy_end(Portal *p, Err *e)
{
    CopyIn *c = (CopyIn *)p->copy_in;
    must(c != NULL);
    if (!take_rows(p, c, true, e))
        return false;
    c->phase = COPY_FLUSH;
    return true;
}

void portal_copy_fail(Portal *p, Slice reason)
{
    CopyIn *c = (CopyIn *)p->copy_in;
    must(c != NULL);
    c->failed = true;
    c->phase = COPY_FLUSH;
    err_set(&c->error, ERR_CANCELED, "COPY from stdin failed: %.*s", SLICE_ARG(reason));
    if (!c->binary && c->lines.number == 0)
        c->lines.number = 1; /* the one that was waited for */
    set_context(c, &c->error, SIZE_MAX);
}

RunStatus copy_in_run(Portal *p, Err *e)
{
    CopyIn *c = (CopyIn *)p->copy_in;
    if (!c) {
        const TableDef *table = p->bound->u.copy.table;
        RunStatus st = insert_checks_keys(table) ? tx_lock_table(p, table->id, e) : RUN_DONE;
        if (st != RUN_DONE)
            return st;
        return copy_in_start(p, e) ? RUN_COPY_IN : RUN_FAIL;
    }
    if (c->failed) {
        *e = c->error;
        return RUN_FAIL;
    }
    if (c->phase != COPY_FLUSH)
        return RUN_COPY_IN;
    Txn *t = tx_table_writer(p->session, p->bound->u.copy.table, e);
    if (!t || !row_writer_drain(p->writer, true, e) || !row_writer_flush(p->writer, t, e)) {
        c->lines.line = SLICE_NONE;
        writer_fail(p, c, e);
        return RUN_FAIL;
    }
    p->rows = c->rows;
    snprintf(p->tag, sizeof p->tag, "COPY %llu", (unsigned long long)p->rows);
    return RUN_DONE;
}

void copy_free(Portal *p)
{
    CopyIn *c = (CopyIn *)p->copy_in;
    if (c) {
        copy_lines_free(&c->lines);
        buf_free(&c->tuples.bytes);
        buf_free(&c->converted);
        copy_charset_close(&c->charset);
        arena_free(&c->scratch);
    }
    copy_out_free(p);
}
