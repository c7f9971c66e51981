/* sqlts/influx_select.c - InfluxQL's statements, clause by clause, as SQL for each measurement.
 *
 *   SELECT mean("load") FROM "cpu" WHERE time > now() - 1h GROUP BY time(1m), "host" fill(previous)
 * becomes the rows (measurement, tags, time, values), in the order of series and time.  The clauses behind FROM are read first: they say
 * how the list is to be written. */
#include "base/clock.h"
#include "sqlts/influx_private.h"
#include <stdlib.h>

enum { DEPTH_MAX = 50, GROUP_TAGS_MAX = 64 };

typedef struct Item { /* an expression of the list */
    Slice sql;
    Slice name;                     /* as the answer calls it: of its functions or fields */
    bool aggregate;                 /* has one */
    bool raw;                       /* has a field outside of an aggregate */
    bool moving;                    /* has a function over rows */
    bool count;                     /* is count() */
    const InfluxFunction *selector; /* is but this one, of this field */
    Slice field;
    bool tag; /* is but a tag: no value of its own */
} Item;

typedef struct Select {
    InfluxStatement *s;
    InfluxLex list; /* at its begin */
    Slice where;    /* "" or a condition */
    const ColumnDef *tags[GROUP_TAGS_MAX];
    Slice tag_keys[GROUP_TAGS_MAX];
    size_t tag_count;
    bool all_tags, grouped; /* GROUP BY * ; GROUP BY time() */
    bool filled;            /* fill() was said */
    InfluxLex group;        /* behind GROUP BY; kind END: there is none */
    Item items[INFLUX_COLUMNS_MAX];
    Slice names[INFLUX_COLUMNS_MAX];
    size_t count;
    Buf needs; /* fields of which a point must have one */
} Select;

/* ---- expressions ---- */

static bool expression(Select *x, Item *out, int depth, Err *e);

static Slice quoted_name(const Select *x, Slice name)
{
    Buf b;
    buf_init(&b);
    text_put_ident(&b, name);
    Slice s = arena_slice(x->s->q->arena, buf_slice(&b));
    buf_free(&b);
    return s;
}

/* A point counts if it has one of the fields. */
static void need_field(Select *x, const ColumnDef *c)
{
    if (!c || c->kind != COL_FIELD)
        return;
    buf_puts(&x->needs, x->needs.len ? " OR " : "");
    text_put_ident(&x->needs, c->name);
    buf_puts(&x->needs, " IS NOT NULL");
}

static bool type_suffix(Select *x, Err *e)
{
    if (!influx_is_punct(&x->s->l, "::"))
        return true;
    influx_next(&x->s->l);
    if (!influx_is_word(&x->s->l, "field") && !influx_is_word(&x->s->l, "tag"))
        return influx_not_here("a cast ::", x->s->l.text, e);
    influx_next(&x->s->l);
    return true;
}

static bool field_item(Select *x, Slice key, Item *out, Err *e)
{
    const ColumnDef *c = influx_column(x->s, key);
    need_field(x, c);
    *out = (Item){.sql = c ? quoted_name(x, c->name) : SLICE_LIT("NULL::float8"),
                  .name = key,
                  .raw = true,
                  .tag = !c || c->kind == COL_TAG};
    return type_suffix(x, e);
}

/* f([distinct] field [, number]) */
static bool aggregate_item(Select *x, size_t f, Item *out, Err *e)
{
    const InfluxFunction *fn = &influx_functions[f];
    InfluxLex *l = &x->s->l;
    Slice number = SLICE_NONE;
    bool distinct = influx_take_word(l, "distinct"), parens = distinct && influx_is_punct(l, "(");
    if (parens)
        influx_next(l);
    if (l->kind == INFLUX_PUNCT)
        return influx_is_punct(l, "/") || influx_is_punct(l, "*")
                   ? influx_not_here("a list of fields inside of an expression", SLICE_LIT(""), e)
                   : influx_wrong(x->s, e);
    if (l->kind != INFLUX_NAME)
        return influx_wrong(x->s, e);
    Slice key = l->text;
    influx_next(l);
    if (influx_is_punct(l, "("))
        return influx_not_here("a function of a function in ", slice_cstr(fn->name), e);
    if (!type_suffix(x, e) || (parens && !influx_need_punct(x->s, ")", e)))
        return false;
    if (fn->number) {
        if (!influx_need_punct(x->s, ",", e) || l->kind != INFLUX_NUMBER)
            return e->code ? false : influx_wrong(x->s, e);
        number = l->text;
        influx_next(l);
    }
    const ColumnDef *c = table_column_by_label(x->s->t, key, COL_FIELD);
    Buf b;
    need_field(x, c);
    buf_init(&b);
    buf_puts(&b, "(");
    if (c)
        influx_put_call(&b, f, c->name, number, distinct);
    buf_puts(&b, !c ? "NULL::float8)" : fn->fraction ? ")::float8" : ")");
    *out = (Item){.sql = arena_slice(x->s->q->arena, buf_slice(&b)),
                  .name = slice_cstr(fn->name),
                  .aggregate = true,
                  .count = strcmp(fn->name, "count") == 0,
                  .selector = fn->selector && c ? fn : NULL,
                  .field = c ? c->name : SLICE_NONE};
    buf_free(&b);
    return influx_need_punct(x->s, ")", e);
}

/* Of one number; names of SQL. */
static const struct {
    const char *name, *sql;
} math_functions[] = {{"abs", "abs"},   {"ceil", "ceil"}, {"floor", "floor"}, {"round", "round"},
                      {"sqrt", "sqrt"}, {"exp", "exp"},   {"ln", "ln"},       {"log10", "log"},
                      {"sin", "sin"},   {"cos", "cos"},   {"tan", "tan"},     {"asin", "asin"},
                      {"acos", "acos"}, {"atan", "atan"}};

/* Over the rows of a series; what stands around v (the value), b (the one before), s (seconds between them) and n (the argument). */
typedef enum MovingArgument { MOVING_NONE, MOVING_UNIT, MOVING_COUNT } MovingArgument;
static const struct {
    const char *name;
    enum { DIFFERENCE, DERIVATIVE, SUM, AVERAGE, ELAPSED } what;
    bool not_negative;
    MovingArgument argument;
} moving_functions[] = {
    {"difference", DIFFERENCE, false, MOVING_NONE},
    {"non_negative_difference", DIFFERENCE, true, MOVING_NONE},
    {"derivative", DERIVATIVE, false, MOVING_UNIT},
    {"non_negative_derivative", DERIVATIVE, true, MOVING_UNIT},
    {"cumulative_sum", SUM, false, MOVING_NONE},
    {"moving_average", AVERAGE, false, MOVING_COUNT},
    {"elapsed", ELAPSED, false, MOVING_UNIT},
};

static void put_bucket(const Select *x, Buf *out)
{
    const InfluxRows *r = x->s->rows;
    Slice time = influx_time_column(x->s);
    if (!x->grouped) {
        text_put_ident(out, time);
        return;
    }
    /* InfluxDB counts from 1970, time_bucket() from Monday, January 3 of 2000. */
    int64_t offset = (r->offset_ns - INT64_C(10959) * NS_PER_DAY % r->width_ns) % r->width_ns;
    offset += offset < 0 ? r->width_ns : 0;
    buf_printf(out, "time_bucket(INTERVAL '%lld us', ", (long long)(r->width_ns / NS_PER_US));
    text_put_ident(out, time);
    if (offset)
        buf_printf(out, ", INTERVAL '%lld us'", (long long)(offset / NS_PER_US));
    buf_puts(out, ")");
}

static void put_tags(const Select *x, Buf *out, const char *before)
{
    for (size_t i = 0; i < x->tag_count; i++) {
        buf_puts(out, i ? ", " : before);
        if (x->tags[i])
            text_put_ident(out, x->tags[i]->name);
        else
            buf_puts(out, "NULL::text");
    }
}

/* A window over the rows of a series up to this one. */
static Slice window(const Select *x, const char *frame)
{
    Buf b;
    buf_init(&b);
    buf_puts(&b, "OVER (");
    put_tags(x, &b, "PARTITION BY ");
    buf_puts(&b, " ORDER BY ");
    put_bucket(x, &b);
    buf_printf(&b, "%s)", frame);
    Slice s = arena_slice(x->s->q->arena, buf_slice(&b));
    buf_free(&b);
    return s;
}

static Slice bucket_text(const Select *x)
{
    Buf b;
    buf_init(&b);
    put_bucket(x, &b);
    Slice s = arena_slice(x->s->q->arena, buf_slice(&b));
    buf_free(&b);
    return s;
}

static Slice moving_sql(const Select *x, size_t f, const Item *v, int64_t n)
{
    Arena *a = x->s->q->arena;
    Slice w = window(x, ""), t = bucket_text(x), sql, before;
    Slice seconds = arena_printf(a, "extract(epoch FROM (%.*s - lag(%.*s) %.*s))::float8",
                                 SLICE_ARG(t), SLICE_ARG(t), SLICE_ARG(w));
    before = arena_printf(a, "(%.*s - lag(%.*s) %.*s)", SLICE_ARG(v->sql), SLICE_ARG(v->sql),
                          SLICE_ARG(w));
    switch (moving_functions[f].what) {
    case DIFFERENCE:
        sql = before;
        break;
    case DERIVATIVE:
        sql = arena_printf(a, "(%.*s::float8 / (nullif(%.*s, 0) / %.17g::float8))",
                           SLICE_ARG(before), SLICE_ARG(seconds), (double)n / NS_PER_S);
        break;
    case SUM:
        return arena_printf(a, "sum(%.*s) %.*s", SLICE_ARG(v->sql), SLICE_ARG(w));
    case AVERAGE:
        w = window(x, arena_printf(a, " ROWS %lld PRECEDING", (long long)n - 1).ptr);
        return arena_printf(
            a, "(CASE WHEN count(%.*s) %.*s = %lld THEN (avg(%.*s) %.*s)::float8 END)",
            SLICE_ARG(v->sql), SLICE_ARG(w), (long long)n, SLICE_ARG(v->sql), SLICE_ARG(w));
    default: /* ELAPSED: whole units */
        return arena_printf(a, "floor(%.*s / %.17g::float8)::int8", SLICE_ARG(seconds),
                            (double)n / NS_PER_S);
    }
    return moving_functions[f].not_negative ? arena_printf(a, "(CASE WHEN %.*s >= 0 THEN %.*s END)",
                                                           SLICE_ARG(sql), SLICE_ARG(sql))
                                            : sql;
}

static bool moving_item(Select *x, size_t f, Item *out, int depth, Err *e)
{
    MovingArgument kind = moving_functions[f].argument;
    int64_t n = moving_functions[f].what == ELAPSED ? 1 : NS_PER_S;
    Item v;
    if (x->grouped && moving_functions[f].what == DERIVATIVE)
        n = x->s->rows->width_ns; /* per bucket, if nothing else is said */
    if (!expression(x, &v, depth + 1, e))
        return false;
    if (v.moving)
        return influx_not_here("a function over rows inside of ",
                               slice_cstr(moving_functions[f].name), e);
    if (kind != MOVING_NONE && influx_is_punct(&x->s->l, ",")) {
        influx_next(&x->s->l);
        if (x->s->l.kind != INFLUX_NUMBER || !influx_duration(x->s->l.text, &n) || n < 1)
            return influx_wrong(x->s, e);
        influx_next(&x->s->l);
    } else if (kind == MOVING_COUNT) {
        return influx_wrong(x->s, e);
    }
    *out = (Item){.sql = moving_sql(x, f, &v, n),
                  .name = slice_cstr(moving_functions[f].name),
                  .aggregate = v.aggregate,
                  .raw = v.raw,
                  .moving = true};
    return influx_need_punct(x->s, ")", e);
}

static bool call_item(Select *x, Slice name, Item *out, int depth, Err *e)
{
    size_t f = influx_function_find(name);
    influx_next(&x->s->l); /* the parenthesis */
    if (f < INFLUX_FUNCTIONS)
        return aggregate_item(x, f, out, e);
    for (size_t i = 0; i < ARRAY_LEN(moving_functions); i++)
        if (slice_eq_nocase(name, slice_cstr(moving_functions[i].name)))
            return moving_item(x, i, out, depth, e);
    for (size_t i = 0; i < ARRAY_LEN(math_functions); i++) {
        if (!slice_eq_nocase(name, slice_cstr(math_functions[i].name)))
            continue;
        if (!expression(x, out, depth + 1, e))
            return false;
        out->sql = arena_printf(x->s->q->arena, "%s((%.*s)::float8)", math_functions[i].sql,
                                SLICE_ARG(out->sql));
        out->name = slice_cstr(math_functions[i].name);
        out->selector = NULL;
        out->count = out->tag = false;
        return influx_need_punct(x->s, ")", e);
    }
    return influx_not_here("function ", name, e);
}

static bool atom(Select *x, Item *out, int depth, Err *e)
{
    InfluxLex *l = &x->s->l;
    if (depth > DEPTH_MAX)
        return err_set(e, ERR_SYNTAX, "expression is nested more than %d deep", DEPTH_MAX);
    if (influx_is_punct(l, "-")) {
        influx_next(l);
        if (!atom(x, out, depth + 1, e))
            return false;
        out->sql = arena_printf(x->s->q->arena, "(- %.*s)", SLICE_ARG(out->sql));
        out->selector = NULL;
        return true;
    }
    if (influx_is_punct(l, "(")) {
        influx_next(l);
        if (!expression(x, out, depth + 1, e))
            return false;
        out->sql = arena_printf(x->s->q->arena, "(%.*s)", SLICE_ARG(out->sql));
        return influx_need_punct(x->s, ")", e);
    }
    if (l->kind == INFLUX_NUMBER) {
        double number;
        if (!slice_to_f64(l->text, &number))
            return influx_wrong(x->s, e);
        *out = (Item){.sql = l->text};
        influx_next(l);
        return true;
    }
    if (influx_is_punct(l, "/"))
        return influx_not_here("a regular expression of fields", SLICE_LIT(""), e);
    if (l->kind != INFLUX_NAME)
        return influx_wrong(x->s, e);
    Slice name = l->text;
    bool quoted = l->quoted;
    influx_next(l);
    return !quoted && influx_is_punct(l, "(") ? call_item(x, name, out, depth, e)
                                              : field_item(x, name, out, e);
}

static void join(Select *x, Item *a, const Item *b, char op)
{
    Arena *mem = x->s->q->arena;
    const char *form = op == '/'   ? "((%.*s)::float8 %c nullif((%.*s)::float8, 0))"
                       : op == '%' ? "(%.*s %c nullif(%.*s, 0))"
                                   : "(%.*s %c %.*s)";
    /* the three have the same arguments */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    a->sql = arena_printf(mem, form, SLICE_ARG(a->sql), op, SLICE_ARG(b->sql));
#pragma GCC diagnostic pop
    if (a->name.len && b->name.len)
        a->name = arena_printf(mem, "%.*s_%.*s", SLICE_ARG(a->name), SLICE_ARG(b->name));
    else if (b->name.len)
        a->name = b->name;
    a->aggregate |= b->aggregate;
    a->raw |= b->raw;
    a->moving |= b->moving;
    a->count = a->tag = false;
    a->selector = NULL;
}

static bool product(Select *x, Item *out, int depth, Err *e)
{
    if (!atom(x, out, depth, e))
        return false;
    while (influx_is_punct(&x->s->l, "*") || influx_is_punct(&x->s->l, "/") ||
           influx_is_punct(&x->s->l, "%")) {
        Item right;
        char op = *x->s->l.text.ptr;
        influx_next(&x->s->l);
        if (!atom(x, &right, depth, e))
            return false;
        join(x, out, &right, op);
    }
    return true;
}

static bool expression(Select *x, Item *out, int depth, Err *e)
{
    if (!product(x, out, depth, e))
        return false;
    while (influx_is_punct(&x->s->l, "+") || influx_is_punct(&x->s->l, "-")) {
        Item right;
        char op = *x->s->l.text.ptr;
        influx_next(&x->s->l);
        if (!product(x, &right, depth, e))
            return false;
        join(x, out, &right, op);
    }
    return true;
}

/* ---- the list ---- */

/* Of items with one name the later ones are called name_1, name_2. */
static bool add_item(Select *x, const Item *item, Slice name, Err *e)
{
    if (x->count == INFLUX_COLUMNS_MAX)
        return err_set(e, ERR_LIMIT_EXCEEDED, "more than %d columns", INFLUX_COLUMNS_MAX);
    Slice base = name;
    for (int again = 1;; again++) {
        size_t i = 0;
        while (i < x->count && !slice_eq(x->names[i], name))
            i++;
        if (i == x->count)
            break;
        name = arena_printf(x->s->q->arena, "%.*s_%d", SLICE_ARG(base), again);
    }
    if (item->count)
        bitmap_set(x->s->rows->counts, x->count);
    x->items[x->count] = *item;
    x->names[x->count++] = name;
    return true;
}

static int by_key(const void *a, const void *b)
{
    return slice_cmp(influx_key(*(const ColumnDef *const *)a),
                     influx_key(*(const ColumnDef *const *)b));
}

/* All fields, with `tags` all tags that are not grouped by as well; in the order of their names. */
static size_t list_columns(const Select *x, bool tags, bool numbers, const ColumnDef **out)
{
    const TableDef *t = x->s->t;
    size_t n = 0;
    for (size_t i = 0; i < t->column_count && n < INFLUX_COLUMNS_MAX; i++) {
        const ColumnDef *c = &t->columns[i];
        bool listed =
            c->kind == COL_FIELD && (!numbers || c->phys == PHYS_I64 || c->phys == PHYS_F64);
        listed |= tags && c->kind == COL_TAG;
        for (size_t k = 0; listed && k < x->tag_count; k++)
            listed = x->tags[k] != c;
        if (!c->dropped && listed)
            out[n++] = c;
    }
    if (n)
        qsort(out, n, sizeof *out, by_key);
    return n;
}

/* "*" alone, or f(*): an item each. */
static bool star(Select *x, size_t f, Err *e)
{
    const ColumnDef **columns = ARENA_ARRAY(x->s->q->arena, const ColumnDef *, INFLUX_COLUMNS_MAX);
    bool raw = f == INFLUX_FUNCTIONS;
    size_t n = list_columns(x, raw, !raw && !influx_functions[f].any_type, columns);
    influx_next(&x->s->l);
    if (!raw && !influx_need_punct(x->s, ")", e))
        return false;
    InfluxLex behind = x->s->l;
    for (size_t i = 0; i < n; i++) {
        Item item;
        Slice key = influx_key(columns[i]), name = key;
        if (raw) {
            if (!field_item(x, key, &item, e))
                return false;
        } else { /* the text of f(key) */
            Slice text = arena_printf(x->s->q->arena, "%.*s)", SLICE_ARG(quoted_name(x, key)));
            x->s->l.p = text.ptr;
            x->s->l.limit = text.ptr + text.len;
            influx_next(&x->s->l);
            if (!aggregate_item(x, f, &item, e))
                return false;
            name =
                arena_printf(x->s->q->arena, "%s_%.*s", influx_functions[f].name, SLICE_ARG(key));
        }
        x->s->l = behind;
        if (!add_item(x, &item, name, e))
            return false;
    }
    return true;
}

/* f(* */
static size_t star_call(const Select *x)
{
    InfluxLex ahead = x->s->l;
    size_t f = ahead.kind == INFLUX_NAME ? influx_function_find(ahead.text) : INFLUX_FUNCTIONS;
    influx_next(&ahead);
    if (f == INFLUX_FUNCTIONS || influx_functions[f].number || !influx_is_punct(&ahead, "("))
        return INFLUX_FUNCTIONS;
    influx_next(&ahead);
    return influx_is_punct(&ahead, "*") ? f : INFLUX_FUNCTIONS;
}

static bool one_item(Select *x, Err *e)
{
    size_t f = star_call(x);
    Item item;
    if (f < INFLUX_FUNCTIONS) {
        influx_next(&x->s->l);
        influx_next(&x->s->l);
        return star(x, f, e);
    }
    if (influx_is_punct(&x->s->l, "*"))
        return star(x, INFLUX_FUNCTIONS, e);
    if (influx_is_word(&x->s->l, "time")) { /* it is there anyhow */
        influx_next(&x->s->l);
        return true;
    }
    if (!expression(x, &item, 0, e))
        return false;
    Slice name = item.name;
    if (!item.aggregate && !item.raw)
        return err_set(e, ERR_SYNTAX, "an item of SELECT needs a field");
    if (influx_take_word(&x->s->l, "as")) {
        name = x->s->l.text;
        if (x->s->l.kind != INFLUX_NAME)
            return influx_wrong(x->s, e);
        influx_next(&x->s->l);
    }
    return add_item(x, &item, name, e);
}

static bool list(Select *x, Err *e)
{
    x->s->l = x->list;
    x->count = 0;
    memset(x->s->rows->counts, 0, sizeof x->s->rows->counts);
    buf_clear(&x->needs);
    for (bool more = true; more; more = influx_is_punct(&x->s->l, ",")) {
        if (influx_is_punct(&x->s->l, ","))
            influx_next(&x->s->l);
        if (!one_item(x, e))
            return false;
    }
    if (influx_is_word(&x->s->l, "into"))
        return influx_not_here("SELECT INTO", SLICE_LIT(""), e);
    return influx_is_word(&x->s->l, "from") || influx_wrong(x->s, e);
}

/* ---- the clauses behind FROM ---- */

static bool group_time(Select *x, Err *e)
{
    InfluxRows *r = x->s->rows;
    InfluxLex *l = &x->s->l;
    if (!influx_need_punct(x->s, "(", e))
        return false;
    if (l->kind != INFLUX_NUMBER || !influx_duration(l->text, &r->width_ns) || r->width_ns <= 0)
        return influx_wrong(x->s, e);
    if (r->width_ns % NS_PER_US)
        return influx_not_here("GROUP BY time() of parts of a microsecond", SLICE_LIT(""), e);
    influx_next(l);
    if (influx_is_punct(l, ",")) {
        influx_next(l);
        bool minus = influx_is_punct(l, "-");
        if (minus)
            influx_next(l);
        if (l->kind != INFLUX_NUMBER || !influx_duration(l->text, &r->offset_ns))
            return influx_wrong(x->s, e);
        r->offset_ns = (minus ? -r->offset_ns : r->offset_ns) % r->width_ns;
        influx_next(l);
    }
    x->grouped = true;
    return influx_need_punct(x->s, ")", e);
}

static bool group_tag(Select *x, Slice key, Err *e)
{
    if (x->tag_count == GROUP_TAGS_MAX)
        return err_set(e, ERR_LIMIT_EXCEEDED, "GROUP BY of more than %d tags", GROUP_TAGS_MAX);
    for (size_t i = 0; i < x->tag_count; i++)
        if (slice_eq(x->tag_keys[i], key))
            return true;
    x->tags[x->tag_count] = table_column_by_label(x->s->t, key, COL_TAG);
    x->tag_keys[x->tag_count++] = key;
    return true;
}

static bool group_item(Select *x, Err *e)
{
    InfluxLex *l = &x->s->l;
    const TableDef *t = x->s->t;
    if (influx_is_punct(l, "/"))
        return influx_not_here("GROUP BY of a regular expression", SLICE_LIT(""), e);
    if (influx_is_punct(l, "*")) {
        influx_next(l);
        for (size_t i = 0; i < t->column_count; i++)
            if (!t->columns[i].dropped && t->columns[i].kind == COL_TAG &&
                !group_tag(x, influx_key(&t->columns[i]), e))
                return false;
        return true;
    }
    if (l->kind != INFLUX_NAME)
        return influx_wrong(x->s, e);
    Slice key = l->text;
    bool time = influx_is_word(l, "time");
    influx_next(l);
    if (time && influx_is_punct(l, "("))
        return group_time(x, e);
    return type_suffix(x, e) && group_tag(x, key, e);
}

static int by_tag_key(const void *a, const void *b)
{
    return slice_cmp(*(const Slice *)a, *(const Slice *)b);
}

static bool group_by(Select *x, Err *e)
{
    if (!influx_take_word(&x->s->l, "group"))
        return true;
    if (!influx_take_word(&x->s->l, "by"))
        return influx_wrong(x->s, e);
    for (bool more = true; more; more = influx_is_punct(&x->s->l, ",")) {
        if (influx_is_punct(&x->s->l, ","))
            influx_next(&x->s->l);
        if (!group_item(x, e))
            return false;
    }
    if (x->tag_count) { /* series come in the order of the keys' names */
        qsort(x->tag_keys, x->tag_count, sizeof *x->tag_keys, by_tag_key);
        for (size_t i = 0; i < x->tag_count; i++)
            x->tags[i] = table_column_by_label(x->s->t, x->tag_keys[i], COL_TAG);
    }
    return true;
}

static bool fill(Select *x, Err *e)
{
    static const struct {
        const char *name;
        InfluxFill fill;
    } kinds[] = {{"none", INFLUX_FILL_NONE},
                 {"null", INFLUX_FILL_NULL},
                 {"previous", INFLUX_FILL_PREVIOUS},
                 {"linear", INFLUX_FILL_LINEAR}};
    InfluxRows *r = x->s->rows;
    InfluxLex *l = &x->s->l;
    r->fill = x->grouped ? INFLUX_FILL_NULL : INFLUX_FILL_NONE;
    if (!influx_take_word(l, "fill"))
        return true;
    if (!influx_need_punct(x->s, "(", e))
        return false;
    size_t i = 0;
    while (i < ARRAY_LEN(kinds) && !influx_is_word(l, kinds[i].name))
        i++;
    bool minus = influx_is_punct(l, "-");
    if (minus)
        influx_next(l);
    if (i < ARRAY_LEN(kinds))
        r->fill = kinds[i].fill;
    else if (l->kind != INFLUX_NUMBER || !slice_to_f64(l->text, &r->number))
        return influx_wrong(x->s, e);
    else
        r->fill = INFLUX_FILL_NUMBER;
    r->number = minus ? -r->number : r->number;
    x->filled = r->fill != INFLUX_FILL_NULL && r->fill != INFLUX_FILL_NONE;
    if (!x->grouped)
        r->fill = INFLUX_FILL_NONE;
    influx_next(l);
    return influx_need_punct(x->s, ")", e);
}

static bool number_clause(Select *x, const char *word, int64_t *out, Err *e)
{
    if (!influx_take_word(&x->s->l, word))
        return true;
    if (x->s->l.kind != INFLUX_NUMBER || !slice_to_i64(x->s->l.text, out))
        return influx_wrong(x->s, e);
    influx_next(&x->s->l);
    return true;
}

static bool order_by(Select *x, Err *e)
{
    InfluxLex *l = &x->s->l;
    if (!influx_take_word(l, "order"))
        return true;
    if (!influx_take_word(l, "by"))
        return influx_wrong(x->s, e);
    if (l->kind == INFLUX_NAME && !slice_eq_nocase(l->text, SLICE_LIT("time")) &&
        !influx_is_word(l, "asc") && !influx_is_word(l, "desc"))
        return err_set(e, ERR_SYNTAX, "only ORDER BY time supported at this time");
    if (l->kind == INFLUX_NAME && slice_eq_nocase(l->text, SLICE_LIT("time")))
        influx_next(l);
    x->s->rows->descending = influx_is_word(l, "desc");
    if (!influx_take_word(l, "desc"))
        (void)influx_take_word(l, "asc");
    return true;
}

static bool clauses(Select *x, Err *e)
{
    InfluxRows *r = x->s->rows;
    Buf where;
    buf_init(&where);
    x->tag_count = 0;
    x->grouped = x->filled = false;
    r->from_ns = INT64_MIN;
    r->to_ns = INT64_MAX;
    r->limit = r->slimit = -1;
    r->offset = r->soffset = 0;
    bool ok = !influx_take_word(&x->s->l, "where") || influx_where(x->s, &where, true, e);
    x->where = arena_slice(x->s->q->arena, buf_slice(&where));
    buf_free(&where);
    ok = ok && group_by(x, e) && fill(x, e) && order_by(x, e) &&
         number_clause(x, "limit", &r->limit, e) && number_clause(x, "offset", &r->offset, e) &&
         number_clause(x, "slimit", &r->slimit, e) && number_clause(x, "soffset", &r->soffset, e);
    if (ok && influx_is_word(&x->s->l, "tz"))
        return influx_not_here("tz()", SLICE_LIT(""), e);
    r->limit = r->limit == 0 ? -1 : r->limit; /* 0: no limit */
    r->slimit = r->slimit == 0 ? -1 : r->slimit;
    return ok && (x->s->l.kind == INFLUX_END || influx_wrong(x->s, e));
}

/* ---- the SQL of one measurement ---- */

static bool check_items(const Select *x, bool *aggregate, Err *e)
{
    bool raw = false, moving = false;
    *aggregate = false;
    for (size_t i = 0; i < x->count; i++) {
        *aggregate |= x->items[i].aggregate;
        raw |= x->items[i].raw;
        moving |= x->items[i].moving;
    }
    if (*aggregate && raw)
        return influx_not_here("mixing aggregate and non-aggregate queries", SLICE_LIT(""), e);
    if (x->grouped && !*aggregate)
        return err_set(e, ERR_SYNTAX, "GROUP BY requires at least one aggregate function");
    if (moving && x->filled)
        return influx_not_here("fill() below a function over rows", SLICE_LIT(""), e);
    if (moving)
        x->s->rows->fill = INFLUX_FILL_NONE;
    return true;
}

/* Of one value that was chosen: its own; of other aggregates the begin of the range. */
static void put_time(const Select *x, bool aggregate, Buf *out)
{
    char text[40];
    int64_t from = x->s->rows->from_ns;
    const Item *only = x->count == 1 ? &x->items[0] : NULL;
    Slice time = quoted_name(x, influx_time_column(x->s));
    if (!aggregate || x->grouped) {
        put_bucket(x, out);
    } else if (only && only->selector) {
        Slice field = quoted_name(x, only->field);
        const char *name = only->selector->name;
        bool by_time = *name == 'f' || *name == 'l';
        if (by_time)
            buf_printf(out, "%s(%.*s) FILTER (WHERE %.*s IS NOT NULL)",
                       *name == 'f' ? "min" : "max", SLICE_ARG(time), SLICE_ARG(field));
        else
            buf_printf(out, "%s(%.*s, %.*s)", strcmp(name, "min") == 0 ? "first" : "last",
                       SLICE_ARG(time), SLICE_ARG(field));
    } else {
        from = from < 0 ? 0 : from; /* an open range begins with 1970 */
        buf_printf(out, "TIMESTAMPTZ '%.*s'", (int)clock_rfc3339(text, from), text);
    }
}

static void put_select(const Select *x, bool aggregate, Buf *sql)
{
    const InfluxRows *r = x->s->rows;
    buf_puts(sql, "SELECT ");
    text_put_literal(sql, x->s->t->name);
    buf_puts(sql, "::text");
    for (size_t i = 0; i < x->tag_count; i++) {
        buf_puts(sql, ", ");
        buf_put_slice(sql, x->tags[i] ? quoted_name(x, x->tags[i]->name) : SLICE_LIT("NULL::text"));
        buf_puts(sql, " AS ");
        text_put_ident(sql, x->tag_keys[i]);
    }
    buf_puts(sql, ", ");
    put_time(x, aggregate, sql);
    buf_puts(sql, " AS \"time\"");
    for (size_t i = 0; i < x->count; i++) {
        buf_printf(sql, ", %.*s AS ", SLICE_ARG(x->items[i].sql));
        text_put_ident(sql, x->names[i]);
    }
    buf_puts(sql, " FROM ");
    influx_put_table(x->s, sql);
    buf_printf(sql, " WHERE (%.*s)", SLICE_ARG(buf_slice(&x->needs)));
    if (x->where.len)
        buf_printf(sql, " AND %.*s", SLICE_ARG(x->where));
    if (aggregate && (x->grouped || x->tag_count)) {
        buf_puts(sql, " GROUP BY ");
        for (size_t i = 0; i < x->tag_count + x->grouped; i++)
            buf_printf(sql, "%s%zu", i ? ", " : "", i + 2);
    } else if (aggregate) {
        buf_puts(sql, " HAVING count(*) > 0");
    }
    buf_puts(sql, " ORDER BY ");
    for (size_t i = 0; i < x->tag_count; i++)
        buf_printf(sql, "%zu NULLS FIRST, ", i + 2);
    buf_printf(sql, "%zu%s", x->tag_count + 2, r->descending ? " DESC" : "");
    bool whole = !x->tag_count && r->fill == INFLUX_FILL_NONE && x->s->source_count == 1;
    for (size_t i = 0; i < x->count; i++)
        whole = whole && !x->items[i].moving;
    int64_t last; /* there is but one series: what it will skip is read all the same */
    if (whole && r->limit > 0 && !__builtin_add_overflow(r->limit, r->offset, &last))
        buf_printf(sql, " LIMIT %lld", (long long)last);
    buf_puts(sql, ";\n");
}

static bool select_from(Select *x, const TableDef *t, const InfluxLex *behind_from, Buf *sql,
                        Err *e)
{
    bool aggregate;
    x->s->t = t;
    x->s->l = *behind_from;
    if (!clauses(x, e))
        return false;
    InfluxLex end = x->s->l;
    if (!list(x, e))
        return false;
    x->s->l = end;
    if (!check_items(x, &aggregate, e))
        return false;
    if (x->needs.len) /* without a field there is nothing to tell */
        put_select(x, aggregate, sql);
    x->s->rows->tags = x->tag_count;
    return true;
}

/* No measurement is there: the statement has to be one all the same. */
static const TableDef *empty_table(void)
{
    static ColumnDef time = {.name = {"time", 4}, .kind = COL_TIME};
    static const TableDef t = {.name = {"", 0}, .column_count = 1, .columns = &time};
    return &t;
}

static bool select_statement(InfluxStatement *s, Buf *sql, Err *e)
{
    Select *x = ARENA_NEW(s->q->arena, Select);
    int depth = 0;
    *x = (Select){.s = s, .list = s->l};
    s->rows->select = true;
    while (s->l.kind != INFLUX_END && (depth || !influx_is_word(&s->l, "from"))) {
        depth += influx_is_punct(&s->l, "(");
        depth -= influx_is_punct(&s->l, ")");
        influx_next(&s->l);
    }
    if (!influx_take_word(&s->l, "from"))
        return influx_wrong(s, e);
    if (!influx_sources(s, e))
        return false;
    const InfluxLex behind = s->l;
    const TableDef *none = empty_table();
    buf_init(&x->needs);
    bool ok = true;
    if (!s->source_count)
        ok = select_from(x, none, &behind, sql, e);
    for (size_t i = 0; ok && i < s->source_count; i++) {
        ok = select_from(x, s->sources[i], &behind, sql, e);
        if (ok && i && s->rows->tags != x->tag_count)
            ok =
                influx_not_here("GROUP BY * over measurements of different tags", SLICE_LIT(""), e);
    }
    buf_free(&x->needs);
    return ok;
}

/* ---- DELETE, DROP ---- */

/* [FROM m, ...] [WHERE ...] of DELETE and DROP SERIES: times and tags alone. */
static bool delete_statement(InfluxStatement *s, bool times, Buf *sql, Err *e)
{
    bool from = influx_take_word(&s->l, "from");
    if (!from && !influx_is_word(&s->l, "where"))
        return influx_wrong(s, e);
    if (from && !influx_sources(s, e))
        return false;
    for (size_t i = 0; !from && i < cat_table_count(s->q->catalog); i++) {
        const TableDef *t = cat_table_at(s->q->catalog, i);
        if (t->schema == s->q->schema && t->kind == TABLE_SERIES) {
            if (s->source_count == 0)
                s->sources =
                    ARENA_ARRAY(s->q->arena, const TableDef *, cat_table_count(s->q->catalog));
            s->sources[s->source_count++] = t;
        }
    }
    const InfluxLex behind = s->l;
    for (size_t i = 0; i < s->source_count || i == 0; i++) {
        s->l = behind;
        s->t = i < s->source_count ? s->sources[i] : empty_table();
        Buf where;
        buf_init(&where);
        s->rows->from_ns = INT64_MIN;
        s->rows->to_ns = INT64_MAX;
        bool ok = !influx_take_word(&s->l, "where") || influx_where(s, &where, false, e);
        bool timed = s->rows->from_ns != INT64_MIN || s->rows->to_ns != INT64_MAX;
        if (ok && timed && !times)
            ok = err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                         "DROP SERIES doesn't support time in WHERE clause");
        if (ok && s->l.kind != INFLUX_END)
            ok = influx_wrong(s, e);
        if (ok && i < s->source_count) {
            buf_puts(sql, "DELETE FROM ");
            influx_put_table(s, sql);
            buf_printf(sql, "%s%.*s;\n", where.len ? " WHERE " : "", SLICE_ARG(buf_slice(&where)));
        }
        buf_free(&where);
        if (!ok)
            return false;
    }
    return true;
}

static bool drop_measurement(InfluxStatement *s, Buf *sql, Err *e)
{
    if (s->l.kind != INFLUX_NAME)
        return influx_wrong(s, e);
    if (!influx_sources(s, e))
        return false;
    if (s->l.kind != INFLUX_END || s->source_count > 1)
        return influx_wrong(s, e);
    if (s->source_count) {
        s->t = s->sources[0];
        buf_puts(sql, "DROP TABLE ");
        influx_put_table(s, sql);
    }
    return true;
}

bool influx_translate(const InfluxQuestion *q, const char **p, const char *end, Buf *sql,
                      InfluxRows *rows, Err *e)
{
    InfluxStatement s = {.l = {.arena = q->arena, .p = *p, .limit = end}, .q = q, .rows = rows};
    bool ok;
    *rows = (InfluxRows){.limit = -1, .slimit = -1, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
    influx_next(&s.l);
    if (influx_take_word(&s.l, "select"))
        ok = select_statement(&s, sql, e);
    else if (influx_take_word(&s.l, "delete"))
        ok = delete_statement(&s, true, sql, e);
    else if (influx_take_word(&s.l, "drop") && influx_take_word(&s.l, "series"))
        ok = delete_statement(&s, false, sql, e);
    else if (influx_take_word(&s.l, "measurement"))
        ok = drop_measurement(&s, sql, e);
    else
        ok = influx_wrong(&s, e);
    *p = s.l.p;
    return ok;
}
