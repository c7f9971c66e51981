/* session/copy_in.c - COPY ... FROM STDIN in text and csv: bytes of any cut to rows.
 *
 * A line is collected until its end (csv: outside quotes), split in place and read by the types'
 * input functions.  Errors name the line and column as PostgreSQL's CONTEXT does. */
#include "session/session_private.h"
#include <stdio.h>

enum { COPY_LINE_MAX = 64 << 20 };

typedef enum CopyPhase { COPY_ASK, COPY_READ, COPY_FLUSH } CopyPhase;

typedef struct CopyIn {
    const BoundCopy *copy;
    CopyPhase phase;
    Buf line;  /* incomplete last line */
    Buf field; /* unescaped bytes of a line */
    Slice *fields;
    bool *quoted; /* csv: NULL text inside quotes is text */
    Value *row;
    Expr **defaults; /* of the columns that are not listed */
    size_t default_count;
    Arena scratch;
    uint64_t line_number, rows;
    bool in_quotes, ended, failed;
    Err error;
} CopyIn;

static void set_context(CopyIn *c, Err *e, size_t column)
{
    char before[ERR_DETAIL_MAX];
    snprintf(before, sizeof before, "%s", e->detail);
    const TableDef *t = c->copy->table;
    if (column < c->copy->column_count)
        err_detail(e, "%s%sCOPY %.*s, line %llu, column %.*s", before, before[0] ? " " : "",
                   SLICE_ARG(t->name), (unsigned long long)c->line_number,
                   SLICE_ARG(t->columns[c->copy->columns[column]].name));
    else
        err_detail(e, "%s%sCOPY %.*s, line %llu", before, before[0] ? " " : "", SLICE_ARG(t->name),
                   (unsigned long long)c->line_number);
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
        ok = sql_expression(&env, &p->arena, col->default_sql, NULL, col->type_oid,
                            &c->defaults[c->default_count++], e);
        targets[(*n)++] = i;
    }
    cat_unref(cat);
    return ok;
}

static bool copy_in_start(Portal *p, Err *e)
{
    const BoundCopy *copy = &p->bound->u.copy;
    if (copy->format == COPY_BINARY)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "COPY FROM in binary format is not supported") ||
               err_hint(e, "use FORMAT text or csv");
    if (!tx_writer(p->session, e))
        return false;
    CopyIn *c = ARENA_NEW(&p->arena, CopyIn);
    c->copy = copy;
    size_t n = copy->column_count;
    c->defaults = ARENA_ARRAY(&p->arena, Expr *, copy->table->column_count + 1u);
    int16_t *targets = ARENA_ARRAY(&p->arena, int16_t, n + copy->table->column_count + 1u);
    memcpy(targets, copy->columns, n * sizeof *targets);
    arena_init(&c->scratch, &p->session->db->query_pool);
    buf_init(&c->line);
    buf_init(&c->field);
    p->copy_in = (struct CopyIn *)c;
    if (!read_defaults(p, c, targets, &n, e))
        return false;
    c->fields = ARENA_ARRAY(&p->arena, Slice, n + 1);
    c->quoted = ARENA_ARRAY(&p->arena, bool, n + 1);
    c->row = ARENA_ARRAY(&p->arena, Value, n + 1);
    p->writer = row_writer_new(p->session, copy->table, targets, n);
    if (insert_checks_keys(copy->table))
        row_writer_check_keys(p->writer, KEYS_FREE);
    c->phase = COPY_READ;
    return true;
}

/* ---- splitting ---- */

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

static Slice text_unescape(CopyIn *c, Slice raw)
{
    if (!memchr(raw.ptr, '\\', raw.len))
        return raw;
    size_t begin = c->field.len; /* room was reserved for the whole line: nothing moves */
    for (size_t i = 0; i < raw.len;) {
        char ch = raw.ptr[i++];
        if (ch == '\\' && i < raw.len)
            ch = text_escape(raw, &i);
        c->field.ptr[c->field.len++] = ch;
    }
    return slice_of(c->field.ptr + begin, c->field.len - begin);
}

static bool too_many(CopyIn *c, Err *e)
{
    err_set(e, ERR_BAD_COPY, "extra data after last expected column");
    set_context(c, e, SIZE_MAX);
    return false;
}

static bool split_text(CopyIn *c, Slice line, size_t *count, Err *e)
{
    *count = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= line.len; i++) {
        if (i < line.len && line.ptr[i] == '\\') {
            i++;
            continue;
        }
        if (i < line.len && line.ptr[i] != c->copy->delimiter)
            continue;
        if (*count == c->copy->column_count)
            return too_many(c, e);
        Slice raw = slice_of(line.ptr + begin, (i < line.len ? i : line.len) - begin);
        bool null = slice_eq(raw, c->copy->null_text);
        c->fields[*count] = null ? SLICE_NONE : text_unescape(c, raw);
        if (!null && !c->fields[*count].ptr)
            c->fields[*count].ptr = "";
        (*count)++;
        begin = i + 1;
    }
    return true;
}

static size_t csv_field(CopyIn *c, Slice line, size_t i, Slice *out, bool *quoted)
{
    const BoundCopy *o = c->copy;
    size_t begin = c->field.len;
    bool inside = false;
    *quoted = false;
    for (; i < line.len; i++) {
        char ch = line.ptr[i];
        if (inside && ch == o->escape && i + 1 < line.len &&
            (line.ptr[i + 1] == o->quote || line.ptr[i + 1] == o->escape)) {
            c->field.ptr[c->field.len++] = line.ptr[++i];
        } else if (ch == o->quote) {
            inside = !inside;
            *quoted = true;
        } else if (!inside && ch == o->delimiter) {
            break;
        } else {
            c->field.ptr[c->field.len++] = ch;
        }
    }
    *out = slice_of(c->field.ptr + begin, c->field.len - begin);
    return i;
}

static bool split_csv(CopyIn *c, Slice line, size_t *count, Err *e)
{
    *count = 0;
    for (size_t i = 0; i <= line.len; i++) {
        if (*count == c->copy->column_count)
            return too_many(c, e);
        Slice f;
        bool quoted;
        i = csv_field(c, line, i, &f, &quoted);
        bool may_be_null = !quoted || (c->copy->force_null && c->copy->force_null[*count]);
        bool null = may_be_null && slice_eq(f, c->copy->null_text);
        c->fields[(*count)++] = null ? SLICE_NONE : slice_of(f.ptr ? f.ptr : "", f.len);
    }
    return true;
}

/* ---- rows ---- */

static bool read_value(Portal *p, CopyIn *c, size_t i, Err *e)
{
    const ColumnDef *col = &c->copy->table->columns[c->copy->columns[i]];
    if (!c->fields[i].ptr) {
        c->row[i] = value_null();
        return true;
    }
    const TypeDef *type = type_find(col->type_oid);
    if (type->in(&p->session->env, c->fields[i], col->typmod, &c->scratch, &c->row[i], e))
        return true;
    set_context(c, e, i);
    return false;
}

static bool default_values(Portal *p, CopyIn *c, Err *e)
{
    EvalCtx ctx;
    session_eval_ctx(p->session, &ctx);
    ctx.arena = ctx.scratch = &c->scratch;
    for (size_t i = 0; i < c->default_count; i++)
        if (!expr_value(&ctx, c->defaults[i], &c->row[c->copy->column_count + i], e))
            return false;
    return true;
}

/* HEADER MATCH: the first line names the columns, in their order. */
static bool match_header(CopyIn *c, Slice line, Err *e)
{
    const BoundCopy *o = c->copy;
    size_t n;
    c->field.len = 0;
    buf_reserve(&c->field, line.len + 1);
    if (o->format == COPY_CSV ? !split_csv(c, line, &n, e) : !split_text(c, line, &n, e))
        return false;
    if (n != o->column_count) {
        err_set(e, ERR_BAD_COPY, "wrong number of fields in header line: got %zu, expected %zu", n,
                o->column_count);
        set_context(c, e, SIZE_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        Slice want = o->table->columns[o->columns[i]].name;
        if (c->fields[i].ptr && slice_eq(c->fields[i], want))
            continue;
        err_set(e, ERR_BAD_COPY,
                "column name mismatch in header line field %zu: got \"%.*s\", expected \"%.*s\"",
                i + 1, SLICE_ARG(c->fields[i]), SLICE_ARG(want));
        set_context(c, e, SIZE_MAX);
        return false;
    }
    return true;
}

static bool add_line(Portal *p, CopyIn *c, Slice line, Err *e)
{
    c->line_number++;
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (c->copy->header && c->line_number == 1)
        return !c->copy->header_match || match_header(c, line, e);
    if (c->copy->format == COPY_TEXT && slice_eq_cstr(line, "\\.")) {
        c->ended = true;
        return true;
    }
    c->field.len = 0;
    buf_reserve(&c->field, line.len + 1);
    size_t n;
    if (!slice_utf8_valid(line)) {
        err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\"");
        set_context(c, e, SIZE_MAX);
        return false;
    }
    if (c->copy->format == COPY_CSV ? !split_csv(c, line, &n, e) : !split_text(c, line, &n, e))
        return false;
    if (n < c->copy->column_count) {
        err_set(e, ERR_BAD_COPY, "missing data for column \"%.*s\"",
                SLICE_ARG(c->copy->table->columns[c->copy->columns[n]].name));
        set_context(c, e, SIZE_MAX);
        return false;
    }
    arena_reset(&c->scratch);
    for (size_t i = 0; i < n; i++)
        if (!read_value(p, c, i, e))
            return false;
    if (!default_values(p, c, e))
        return false;
    if (!row_writer_add(p->writer, c->row, e)) {
        set_context(c, e, SIZE_MAX);
        return false;
    }
    c->rows++;
    if (!row_writer_full(p->writer))
        return true;
    Txn *t = tx_writer(p->session, e);
    return t && row_writer_drain(p->writer, false, e) && row_writer_flush(p->writer, t, e);
}

/* End of the next line in bytes, or SIZE_MAX; in csv a line end inside quotes is data. */
static size_t line_end(CopyIn *c, Slice s, size_t from)
{
    if (c->copy->format != COPY_CSV) {
        for (size_t i = from; i < s.len; i++) { /* a backslash before the line end makes it data */
            if (s.ptr[i] == '\\')
                i++;
            else if (s.ptr[i] == '\n')
                return i;
        }
        return SIZE_MAX;
    }
    const BoundCopy *o = c->copy;
    bool inside = false;
    for (size_t i = from; i < s.len; i++) {
        bool pair = inside && s.ptr[i] == o->escape && i + 1 < s.len &&
                    (s.ptr[i + 1] == o->quote || s.ptr[i + 1] == o->escape);
        if (pair)
            i++;
        else if (s.ptr[i] == o->quote)
            inside = !inside;
        else if (s.ptr[i] == '\n' && !inside)
            return i;
    }
    return SIZE_MAX;
}

static bool feed(Portal *p, CopyIn *c, Slice bytes, Err *e)
{
    if (c->ended)
        return true;
    if (!buf_try_reserve(&c->line, bytes.len, COPY_LINE_MAX, e))
        return false;
    buf_put_slice(&c->line, bytes);
    size_t from = 0, end;
    while (!c->ended && (end = line_end(c, buf_slice(&c->line), from)) != SIZE_MAX) {
        if (!add_line(p, c, slice_of(c->line.ptr + from, end - from), e))
            return false;
        from = end + 1;
    }
    memmove(c->line.ptr, c->line.ptr + from, c->line.len - from);
    c->line.len -= from;
    return true;
}

bool portal_copy_data(Portal *p, Slice bytes, Err *e)
{
    CopyIn *c = (CopyIn *)p->copy_in;
    must(c != NULL);
    if (c->failed || feed(p, c, bytes, e))
        return !c->failed;
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
    if (c->line.len && !c->ended && !add_line(p, c, buf_slice(&c->line), e))
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
    Txn *t = tx_writer(p->session, e);
    if (!t || !row_writer_drain(p->writer, true, e) || !row_writer_flush(p->writer, t, e)) {
        set_context(c, e, SIZE_MAX);
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
        buf_free(&c->line);
        buf_free(&c->field);
        arena_free(&c->scratch);
    }
    copy_out_free(p);
}
