/* sqlts/influx_where.c - FROM and WHERE of InfluxQL.
 *
 * A tag that a point does not have is the empty text in InfluxQL and NULL here, so comparisons of tags are written for both. */
#include "base/clock.h"
#include "base/regex.h"
#include "sqlts/influx_private.h"

enum { SOURCES_MAX = 1000 };

bool influx_wrong(const InfluxStatement *s, Err *e)
{
    if (s->l.kind == INFLUX_END)
        return err_set(e, ERR_SYNTAX, "found EOF, expected more");
    return err_set(e, ERR_SYNTAX, "found %.*s, which is not expected there", SLICE_ARG(s->l.text));
}

bool influx_not_here(const char *what, Slice text, Err *e)
{
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                   "%s%.*s is not supported; ask in SQL on the PostgreSQL port", what,
                   SLICE_ARG(text));
}

bool influx_need_punct(InfluxStatement *s, const char *text, Err *e)
{
    if (!influx_is_punct(&s->l, text))
        return influx_wrong(s, e);
    influx_next(&s->l);
    return true;
}

/* ---- names ---- */

const ColumnDef *influx_column(const InfluxStatement *s, Slice key)
{
    const ColumnDef *c = table_column_by_label(s->t, key, COL_FIELD);
    return c ? c : table_column_by_label(s->t, key, COL_TAG);
}

Slice influx_key(const ColumnDef *c)
{
    return c->label.len ? c->label : c->name;
}

Slice influx_time_column(const InfluxStatement *s)
{
    return s->t->columns[s->t->time_index].name;
}

void influx_put_table(const InfluxStatement *s, Buf *out)
{
    text_put_ident(out, cat_schema_by_id(s->q->catalog, s->t->schema)->name);
    buf_puts(out, ".");
    text_put_ident(out, s->t->name);
}

/* ---- FROM ---- */

static bool add_source(InfluxStatement *s, const TableDef *t, Err *e)
{
    if (!t || t->kind != TABLE_SERIES) /* one that is not there has no points */
        return true;
    if (s->source_count == SOURCES_MAX)
        return err_set(e, ERR_LIMIT_EXCEEDED, "more than %d measurements", SOURCES_MAX);
    if (!s->sources)
        s->sources = ARENA_ARRAY(s->q->arena, const TableDef *, SOURCES_MAX);
    s->sources[s->source_count++] = t;
    return true;
}

static bool add_matching(InfluxStatement *s, ObjectId schema, Err *e)
{
    Slice pattern;
    Regex *r;
    bool ok = true, fits;
    if (!influx_regex(&s->l, &pattern))
        return influx_wrong(s, e);
    influx_next(&s->l);
    if (!regex_compile(&r, pattern, REGEX_PG, 0, e))
        return false;
    for (size_t i = 0; ok && i < cat_table_count(s->q->catalog); i++) {
        const TableDef *t = cat_table_at(s->q->catalog, i);
        if (t->schema == schema && t->kind == TABLE_SERIES)
            ok = regex_match(r, t->name, &fits, e) && (!fits || add_source(s, t, e));
    }
    regex_free(r);
    return ok;
}

static bool find_policy(InfluxStatement *s, Slice name, ObjectId *schema, Err *e)
{
    bool is_public = slice_eq_cstr(name, "autogen") || slice_eq_cstr(name, "default");
    const SchemaDef *d =
        cat_schema(s->q->catalog, s->q->database, is_public ? SLICE_LIT("public") : name);
    if (!d)
        return err_set(e, ERR_DATABASE_NAME, "retention policy not found: %.*s", SLICE_ARG(name));
    *schema = d->id;
    return true;
}

/* [[db.]policy.]name, db..name; the last may be a regular expression. */
static bool source(InfluxStatement *s, Err *e)
{
    ObjectId schema = s->q->schema;
    Slice parts[3] = {0};
    size_t n = 0;
    if (influx_is_punct(&s->l, "("))
        return influx_not_here("a subquery", SLICE_LIT(""), e);
    bool regex = influx_is_punct(&s->l, "/");
    while (!regex && n < 3) {
        bool empty = n == 1 && influx_is_punct(&s->l, ".");
        if (!empty && s->l.kind != INFLUX_NAME)
            return influx_wrong(s, e);
        parts[n++] = s->l.text;
        if (empty)
            parts[n - 1] = SLICE_LIT("");
        else
            influx_next(&s->l);
        if (!influx_is_punct(&s->l, "."))
            break;
        influx_next(&s->l);
        regex = influx_is_punct(&s->l, "/");
    }
    size_t names = regex ? n : n - 1; /* in front of the measurement */
    const DatabaseDef *db = names == 2 ? cat_database(s->q->catalog, parts[0]) : NULL;
    if (names == 2 && (!db || db->id != s->q->database))
        return influx_not_here("another database than db=: ", parts[0], e);
    if (names && parts[names - 1].len && !find_policy(s, parts[names - 1], &schema, e))
        return false;
    return regex ? add_matching(s, schema, e)
                 : add_source(s, cat_table(s->q->catalog, schema, parts[n - 1]), e);
}

bool influx_sources(InfluxStatement *s, Err *e)
{
    do {
        if (influx_is_punct(&s->l, ","))
            influx_next(&s->l);
        if (!source(s, e))
            return false;
    } while (influx_is_punct(&s->l, ","));
    return true;
}

/* ---- times ---- */

bool influx_duration(Slice text, int64_t *ns)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},
                 {"ms", NS_PER_MS},
                 {"u", NS_PER_US},
                 {"µ", NS_PER_US},
                 {"s", NS_PER_S},
                 {"m", 60 * NS_PER_S},
                 {"h", 3600 * NS_PER_S},
                 {"d", NS_PER_DAY},
                 {"w", 7 * NS_PER_DAY}};
    const char *p = text.ptr, *end = p + text.len;
    *ns = 0;
    while (p < end) {
        int64_t v = 0, part;
        const char *begin = p;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
                return false;
        if (p == begin)
            return false;
        int64_t unit = p == end && begin == text.ptr ? 1 : 0; /* bare: ns */
        for (size_t i = 0; !unit && i < ARRAY_LEN(units); i++) {
            size_t len = strlen(units[i].name);
            if ((size_t)(end - p) >= len && memcmp(p, units[i].name, len) == 0) {
                unit = units[i].ns;
                p += len;
            }
        }
        if (!unit || __builtin_mul_overflow(v, unit, &part) ||
            __builtin_add_overflow(*ns, part, ns))
            return false;
    }
    return text.len > 0;
}

/* RFC 3339, or "2026-01-01 00:00:00", or the day alone. */
static bool time_text(Slice text, int64_t *ns)
{
    char b[64];
    if (clock_parse_rfc3339(text, ns))
        return true;
    if (text.len < 10 || text.len > 40)
        return false;
    memcpy(b, text.ptr, text.len);
    size_t n = text.len;
    if (n == 10) {
        memcpy(b + n, "T00:00:00", 9);
        n += 9;
    }
    b[10] = 'T';
    b[n++] = 'Z';
    return clock_parse_rfc3339(slice_of(b, n), ns);
}

static bool time_term(InfluxStatement *s, int64_t *ns, Err *e)
{
    bool ok;
    if (influx_take_word(&s->l, "now")) {
        *ns = s->q->now_ns;
        return influx_need_punct(s, "(", e) && influx_need_punct(s, ")", e);
    }
    if (s->l.kind == INFLUX_STRING)
        ok = time_text(s->l.text, ns);
    else if (s->l.kind == INFLUX_NUMBER)
        ok = influx_duration(s->l.text, ns);
    else
        return influx_wrong(s, e);
    if (!ok)
        return err_set(e, ERR_SYNTAX, "invalid time or duration %.*s", SLICE_ARG(s->l.text));
    influx_next(&s->l);
    return true;
}

static bool time_value(InfluxStatement *s, int64_t *ns, Err *e)
{
    int64_t more;
    bool minus = influx_is_punct(&s->l, "-");
    if (minus)
        influx_next(&s->l);
    if (!time_term(s, ns, e))
        return false;
    *ns = minus ? -*ns : *ns;
    while (influx_is_punct(&s->l, "-") || influx_is_punct(&s->l, "+")) {
        minus = influx_is_punct(&s->l, "-");
        influx_next(&s->l);
        if (!time_term(s, &more, e))
            return false;
        if (minus ? __builtin_sub_overflow(*ns, more, ns) : __builtin_add_overflow(*ns, more, ns))
            return err_set(e, ERR_SYNTAX, "time is out of range");
    }
    return true;
}

/* Where a row may not lie any more; a time between two µs that SQL knows is met by both sides. */
static void note_bound(InfluxRows *r, char op, bool equal, int64_t ns)
{
    int64_t from = op == '>' && !equal && ns < INT64_MAX ? ns + 1 : ns;
    int64_t to = op == '<' && !equal && ns > INT64_MIN ? ns - 1 : ns;
    if (op != '<' && from > r->from_ns)
        r->from_ns = from;
    if (op != '>' && to < r->to_ns)
        r->to_ns = to;
}

/* time op value */
static bool time_condition(InfluxStatement *s, Buf *out, Err *e)
{
    char text[40];
    int64_t ns;
    influx_next(&s->l);
    Slice op = s->l.text;
    if (s->l.kind != INFLUX_PUNCT || !strchr("<>=", *op.ptr) || slice_eq_cstr(op, "<>") ||
        slice_eq_cstr(op, "=~"))
        return s->l.kind == INFLUX_END || s->l.kind != INFLUX_PUNCT
                   ? influx_wrong(s, e)
                   : influx_not_here("time with the operator ", op, e);
    influx_next(&s->l);
    if (!time_value(s, &ns, e))
        return false;
    note_bound(s->rows, *op.ptr, op.len == 2, ns);
    ns = ns < ROW_TIME_MIN ? ROW_TIME_MIN : ns > ROW_TIME_MAX ? ROW_TIME_MAX : ns;
    text_put_ident(out, influx_time_column(s));
    buf_printf(out, " %.*s TIMESTAMPTZ '%.*s'", SLICE_ARG(op), (int)clock_rfc3339(text, ns), text);
    return true;
}

/* ---- conditions ---- */

static bool ends_where(const InfluxLex *l)
{
    static const char *const words[] = {"group",  "order",   "limit", "offset",
                                        "slimit", "soffset", "tz",    "fill"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (influx_is_word(l, words[i]))
            return true;
    return l->kind == INFLUX_END;
}

static void put_operand(const ColumnDef *c, Buf *out)
{
    if (c)
        text_put_ident(out, c->name);
    else
        buf_puts(out, "NULL::text");
}

/* A text against a tag, or a key that the measurement does not have. */
static void tag_compare(const ColumnDef *c, bool equal, Slice value, Buf *out)
{
    buf_puts(out, "(");
    put_operand(c, out);
    if (!value.len) {
        buf_puts(out, equal ? " IS NULL)" : " IS NOT NULL)");
        return;
    }
    buf_puts(out, equal ? " = " : " IS DISTINCT FROM ");
    text_put_literal(out, value);
    buf_puts(out, ")");
}

static bool regex_compare(InfluxStatement *s, const ColumnDef *c, bool tag, Buf *out, Err *e)
{
    Slice pattern;
    Regex *r;
    bool is = influx_is_punct(&s->l, "=~"), empty = false;
    if (!influx_regex(&s->l, &pattern))
        return influx_wrong(s, e);
    influx_next(&s->l);
    if (!regex_compile(&r, pattern, REGEX_PG, 0, e))
        return false;
    bool ok = !tag || regex_match(r, SLICE_LIT(""), &empty, e);
    regex_free(r);
    buf_puts(out, "(");
    put_operand(c, out);
    buf_puts(out, is ? " ~ " : " !~ ");
    text_put_literal(out, pattern);
    if (tag && empty == is) { /* what is not there fits as the empty text */
        buf_puts(out, " OR ");
        put_operand(c, out);
        buf_puts(out, " IS NULL");
    }
    buf_puts(out, ")");
    return ok;
}

static bool name_condition(InfluxStatement *s, Buf *out, bool fields, Err *e)
{
    const ColumnDef *c = influx_column(s, s->l.text);
    bool tag = !c || c->kind == COL_TAG;
    if (!fields && c && !tag)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "fields not allowed in WHERE clause of this statement");
    influx_next(&s->l);
    if (influx_is_punct(&s->l, "::")) {
        influx_next(&s->l);
        influx_next(&s->l);
    }
    if (influx_is_punct(&s->l, "("))
        return influx_not_here("a function in WHERE", SLICE_LIT(""), e);
    if (influx_is_punct(&s->l, "=~") || influx_is_punct(&s->l, "!~"))
        return regex_compare(s, c, tag, out, e);
    bool equal = influx_is_punct(&s->l, "=");
    if (tag && (equal || influx_is_punct(&s->l, "!=") || influx_is_punct(&s->l, "<>"))) {
        influx_next(&s->l);
        if (s->l.kind == INFLUX_STRING) {
            tag_compare(c, equal, s->l.text, out);
            influx_next(&s->l);
            return true;
        }
        if (s->l.kind != INFLUX_NAME || (c && !influx_column(s, s->l.text))) {
            buf_puts(out, "FALSE"); /* a tag is no number */
            influx_next(&s->l);
            return true;
        }
        put_operand(c, out);
        buf_puts(out, equal ? " = " : " <> ");
        return true;
    }
    put_operand(c, out);
    return true;
}

static bool condition(InfluxStatement *s, Buf *out, bool fields, Err *e)
{
    if (influx_is_word(&s->l, "time") ||
        (s->l.quoted && slice_eq_cstr(s->l.text, "time") && s->l.kind == INFLUX_NAME))
        return time_condition(s, out, e);
    bool word = influx_is_word(&s->l, "and") || influx_is_word(&s->l, "or") ||
                influx_is_word(&s->l, "true") || influx_is_word(&s->l, "false");
    if (s->l.kind == INFLUX_NAME && !word)
        return name_condition(s, out, fields, e);
    if (s->l.kind == INFLUX_STRING)
        text_put_literal(out, s->l.text);
    else if (word || s->l.kind == INFLUX_NUMBER ||
             (s->l.kind == INFLUX_PUNCT && strchr("()<>=!+-*/%", *s->l.text.ptr) &&
              s->l.text.ptr[s->l.text.len - 1] != '~'))
        buf_put_slice(out, slice_eq_cstr(s->l.text, "!=") ? SLICE_LIT("<>") : s->l.text);
    else
        return influx_wrong(s, e);
    influx_next(&s->l);
    return true;
}

/* A range of times is what all points must lie in: InfluxQL knows no other use of them. */
bool influx_where(InfluxStatement *s, Buf *out, bool fields, Err *e)
{
    bool any_or = false, timed = false, ok = true;
    int depth = 0;
    if (ends_where(&s->l))
        return influx_wrong(s, e);
    buf_puts(out, "(");
    while (ok && !(ends_where(&s->l) && depth <= 0)) {
        any_or |= influx_is_word(&s->l, "or");
        timed |= influx_is_word(&s->l, "time") && depth > 0;
        depth += influx_is_punct(&s->l, "(");
        depth -= influx_is_punct(&s->l, ")");
        if (depth < 0 || s->l.kind == INFLUX_END)
            return influx_wrong(s, e);
        if (depth == 0 && influx_is_word(&s->l, "or"))
            timed = true;
        buf_puts(out, " ");
        ok = condition(s, out, fields, e);
    }
    buf_puts(out, ")");
    bool bounded = s->rows->from_ns != INT64_MIN || s->rows->to_ns != INT64_MAX;
    if (ok && any_or && timed && bounded)
        return influx_not_here("OR beside a condition on the time, without parentheses,",
                               SLICE_LIT(""), e);
    return ok;
}
