/* sqlts/analyze_copy.c - COPY: its options as PostgreSQL's ProcessCopyOptions checks them, its source. */
#include "sqlts/analyze.h"

typedef struct CopyOptions {
    Analyzer *z;
    const NCopy *n;
    BoundCopy *b;
    bool csv, binary;
    /* given ones; NULL: not */
    const NOption *format, *freeze, *delimiter, *null, *header, *quote, *escape, *force_quote,
        *force_not_null, *force_null, *encoding;
} CopyOptions;

static bool collect(CopyOptions *c, Err *e)
{
    const struct {
        const char *name;
        const NOption **slot;
    } known[] = {{"format", &c->format},
                 {"freeze", &c->freeze},
                 {"delimiter", &c->delimiter},
                 {"null", &c->null},
                 {"header", &c->header},
                 {"quote", &c->quote},
                 {"escape", &c->escape},
                 {"force_quote", &c->force_quote},
                 {"force_not_null", &c->force_not_null},
                 {"force_null", &c->force_null},
                 {"encoding", &c->encoding}};
    for (size_t i = 0; i < c->n->options.count; i++) {
        const NOption *o = (const NOption *)c->n->options.items[i];
        size_t k = 0;
        while (k < ARRAY_LEN(known) && !slice_eq_cstr(o->name, known[k].name))
            k++;
        if (k == ARRAY_LEN(known))
            return az_fail(c->z, &o->n, ERR_SYNTAX, e, "option \"%.*s\" not recognized",
                           SLICE_ARG(o->name));
        if (*known[k].slot)
            return az_fail(c->z, &o->n, ERR_SYNTAX, e, "conflicting or redundant options");
        bool list = slice_starts(o->name, SLICE_LIT("force_"));
        if (!o->has_value && !list && known[k].slot != &c->freeze && known[k].slot != &c->header)
            return az_fail(c->z, NULL, ERR_SYNTAX, e, "%.*s requires a parameter",
                           SLICE_ARG(o->name));
        *known[k].slot = o;
    }
    return true;
}

/* true, false, on, off, 1, 0; without a value it is true. */
static bool word_bool(const NOption *o, bool *out)
{
    static const char *const words[] = {"false", "true", "off", "on", "0", "1"};
    *out = true;
    if (!o->has_value)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        *out = i % 2;
        if (slice_eq_nocase(o->value, slice_cstr(words[i])))
            return true;
    }
    return false;
}

static bool take_format(CopyOptions *c, Err *e)
{
    static const char *const names[] = {
        [COPY_TEXT] = "text", [COPY_CSV] = "csv", [COPY_BINARY] = "binary"};
    size_t i = 0;
    if (c->format) {
        while (i < ARRAY_LEN(names) && !slice_eq_cstr(c->format->value, names[i]))
            i++;
        if (i == ARRAY_LEN(names))
            return az_fail(c->z, &c->format->n, ERR_INVALID_PARAMETER, e,
                           "COPY format \"%.*s\" not recognized", SLICE_ARG(c->format->value));
    }
    c->b->format = (CopyFormat)i;
    c->csv = c->b->format == COPY_CSV;
    c->binary = c->b->format == COPY_BINARY;
    return true;
}

static bool take_header(CopyOptions *c, Err *e)
{
    bool ignored;
    if (c->freeze && !word_bool(c->freeze, &ignored)) /* rows are visible at COMMIT, as ever */
        return az_fail(c->z, NULL, ERR_SYNTAX, e, "freeze requires a Boolean value");
    if (!c->header)
        return true;
    if (slice_eq_nocase(c->header->value, SLICE_LIT("match"))) {
        c->b->header = c->b->header_match = true;
        if (!c->n->from)
            return az_fail(c->z, NULL, ERR_FEATURE_NOT_SUPPORTED, e,
                           "cannot use \"match\" with HEADER in COPY TO");
        return true;
    }
    return word_bool(c->header, &c->b->header) ||
           az_fail(c->z, NULL, ERR_SYNTAX, e, "header requires a Boolean value or \"match\"");
}

static bool refuse(CopyOptions *c, ErrCode code, const char *text, Err *e)
{
    return az_fail(c->z, NULL, code, e, "%s", text);
}

static bool take_char(CopyOptions *c, const NOption *o, const char *what, char preset, char *out,
                      Err *e)
{
    *out = preset;
    if (!o)
        return true;
    if (o->value.len != 1)
        return az_fail(c->z, NULL, ERR_FEATURE_NOT_SUPPORTED, e,
                       "COPY %s must be a single one-byte character", what);
    *out = o->value.ptr[0];
    return true;
}

static bool has_byte(Slice s, char byte)
{
    return s.len && memchr(s.ptr, byte, s.len);
}

static bool take_text_words(CopyOptions *c, Err *e)
{
    static const char taken[] = "\\.abcdefghijklmnopqrstuvwxyz0123456789";
    BoundCopy *b = c->b;
    b->null_text = c->null ? c->null->value : c->csv ? SLICE_LIT("") : SLICE_LIT("\\N");
    if (!take_char(c, c->delimiter, "delimiter", c->csv ? ',' : '\t', &b->delimiter, e))
        return false;
    if (b->delimiter == '\n' || b->delimiter == '\r')
        return refuse(c, ERR_INVALID_PARAMETER,
                      "COPY delimiter cannot be newline or carriage return", e);
    if (has_byte(b->null_text, '\n') || has_byte(b->null_text, '\r'))
        return refuse(c, ERR_INVALID_PARAMETER,
                      "COPY null representation cannot use newline or carriage return", e);
    if (!c->csv && b->delimiter && strchr(taken, b->delimiter))
        return az_fail(c->z, NULL, ERR_INVALID_PARAMETER, e, "COPY delimiter cannot be \"%c\"",
                       b->delimiter);
    if (!c->csv && c->quote)
        return refuse(c, ERR_FEATURE_NOT_SUPPORTED, "COPY quote available only in CSV mode", e);
    if (!take_char(c, c->quote, "quote", '"', &b->quote, e))
        return false;
    if (c->csv && b->delimiter == b->quote)
        return refuse(c, ERR_INVALID_PARAMETER, "COPY delimiter and quote must be different", e);
    if (!c->csv && c->escape)
        return refuse(c, ERR_FEATURE_NOT_SUPPORTED, "COPY escape available only in CSV mode", e);
    return take_char(c, c->escape, "escape", b->quote, &b->escape, e);
}

static bool force_fits(CopyOptions *c, const NOption *o, const char *what, bool from, Err *e)
{
    if (o && !c->csv)
        return az_fail(c->z, NULL, ERR_FEATURE_NOT_SUPPORTED, e,
                       "COPY force %s available only in CSV mode", what);
    if (o && c->n->from != from)
        return az_fail(c->z, NULL, ERR_FEATURE_NOT_SUPPORTED, e,
                       "COPY force %s only available using COPY %s", what, from ? "FROM" : "TO");
    return true;
}

static Slice column_name(const BoundCopy *b, size_t i)
{
    return b->table ? b->table->columns[b->columns[i]].name : b->source.cols[i].name;
}

static bool table_has(const BoundCopy *b, Slice name)
{
    for (uint16_t i = 0; b->table && i < b->table->column_count; i++)
        if (!b->table->columns[i].dropped && slice_eq(b->table->columns[i].name, name))
            return true;
    return !b->table;
}

static bool force_columns(CopyOptions *c, const NOption *o, const char *word, bool **out, Err *e)
{
    const BoundCopy *b = c->b;
    if (!o)
        return true;
    *out = ARENA_ARRAY(c->z->arena, bool, b->column_count + 1);
    for (size_t i = 0; i < b->column_count; i++)
        (*out)[i] = o->star;
    for (size_t k = 0; k < o->names.count; k++) {
        bool found = false;
        Slice name = ast_name_text(o->names.items[k]);
        for (size_t i = 0; i < b->column_count; i++)
            if (slice_eq(column_name(b, i), name))
                found = (*out)[i] = true;
        if (found)
            continue;
        if (!table_has(b, name))
            return az_fail(c->z, NULL, ERR_UNDEFINED_COLUMN, e,
                           "column \"%.*s\" of relation \"%.*s\" does not exist", SLICE_ARG(name),
                           SLICE_ARG(b->table->name));
        return az_fail(c->z, NULL, ERR_INVALID_COLUMN_REFERENCE, e,
                       "%s column \"%.*s\" not referenced by COPY", word, SLICE_ARG(name));
    }
    return true;
}

/* PostgreSQL's names of encodings with one byte a character; others would need their state kept. */
static const struct {
    const char *word, *charset, *name;
} encodings[] = {
    {"utf8", NULL, NULL},
    {"unicode", NULL, NULL},
    {"sqlascii", NULL, NULL},
    {"latin1", "ISO-8859-1", "LATIN1"},
    {"iso88591", "ISO-8859-1", "LATIN1"},
    {"latin2", "ISO-8859-2", "LATIN2"},
    {"latin3", "ISO-8859-3", "LATIN3"},
    {"latin4", "ISO-8859-4", "LATIN4"},
    {"latin5", "ISO-8859-9", "LATIN5"},
    {"latin6", "ISO-8859-10", "LATIN6"},
    {"latin7", "ISO-8859-13", "LATIN7"},
    {"latin8", "ISO-8859-14", "LATIN8"},
    {"latin9", "ISO-8859-15", "LATIN9"},
    {"latin10", "ISO-8859-16", "LATIN10"},
    {"iso88595", "ISO-8859-5", "ISO_8859_5"},
    {"iso88596", "ISO-8859-6", "ISO_8859_6"},
    {"iso88597", "ISO-8859-7", "ISO_8859_7"},
    {"iso88598", "ISO-8859-8", "ISO_8859_8"},
    {"win866", "CP866", "WIN866"},
    {"win874", "CP874", "WIN874"},
    {"win1250", "CP1250", "WIN1250"},
    {"win1251", "CP1251", "WIN1251"},
    {"win1252", "CP1252", "WIN1252"},
    {"win1253", "CP1253", "WIN1253"},
    {"win1254", "CP1254", "WIN1254"},
    {"win1255", "CP1255", "WIN1255"},
    {"win1256", "CP1256", "WIN1256"},
    {"win1257", "CP1257", "WIN1257"},
    {"win1258", "CP1258", "WIN1258"},
    {"koi8r", "KOI8-R", "KOI8R"},
    {"koi8u", "KOI8-U", "KOI8U"},
};

static bool take_encoding(CopyOptions *c, Err *e)
{
    char name[32];
    size_t len = 0;
    if (!c->encoding)
        return true;
    Slice text = c->encoding->value;
    for (size_t i = 0; i < text.len && len + 1 < sizeof name; i++) {
        char ch = text.ptr[i];
        bool upper = ch >= 'A' && ch <= 'Z';
        if (upper || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'))
            name[len++] = upper ? (char)(ch + 32) : ch;
    }
    name[len] = 0;
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        if (strcmp(name, encodings[i].word) == 0) {
            c->b->charset = c->binary ? NULL : encodings[i].charset;
            c->b->encoding = encodings[i].name;
            return true;
        }
    }
    static const char *const wide[] = {"big5", "eucjp", "euccn", "euckr", "euctw",       "gb18030",
                                       "gbk",  "sjis",  "uhc",   "johab", "muleinternal"};
    for (size_t i = 0; i < ARRAY_LEN(wide); i++)
        if (strcmp(name, wide[i]) == 0)
            return az_fail(c->z, &c->encoding->n, ERR_FEATURE_NOT_SUPPORTED, e,
                           "COPY does not know the encoding \"%.*s\"", SLICE_ARG(text));
    return az_fail(c->z, &c->encoding->n, ERR_INVALID_PARAMETER, e,
                   "argument to option \"encoding\" must be a valid encoding name");
}

static bool copy_options(Analyzer *z, const NCopy *n, BoundCopy *b, Err *e)
{
    CopyOptions c = {.z = z, .n = n, .b = b};
    if (!collect(&c, e) || !take_format(&c, e) || !take_header(&c, e))
        return false;
    if (c.binary && c.delimiter)
        return refuse(&c, ERR_SYNTAX, "cannot specify DELIMITER in BINARY mode", e);
    if (c.binary && c.null)
        return refuse(&c, ERR_SYNTAX, "cannot specify NULL in BINARY mode", e);
    if (!take_text_words(&c, e))
        return false;
    if (c.binary && b->header)
        return refuse(&c, ERR_FEATURE_NOT_SUPPORTED, "cannot specify HEADER in BINARY mode", e);
    if (!force_fits(&c, c.force_quote, "quote", false, e) ||
        !force_fits(&c, c.force_not_null, "not null", true, e) ||
        !force_fits(&c, c.force_null, "null", true, e))
        return false;
    if (!c.binary && has_byte(b->null_text, b->delimiter))
        return refuse(&c, ERR_FEATURE_NOT_SUPPORTED,
                      "COPY delimiter must not appear in the NULL specification", e);
    if (c.csv && has_byte(b->null_text, b->quote))
        return refuse(&c, ERR_FEATURE_NOT_SUPPORTED,
                      "CSV quote character must not appear in the NULL specification", e);
    return force_columns(&c, c.force_quote, "FORCE_QUOTE", &b->force_quote, e) &&
           force_columns(&c, c.force_not_null, "FORCE_NOT_NULL", &b->force_not_null, e) &&
           force_columns(&c, c.force_null, "FORCE_NULL", &b->force_null, e) && take_encoding(&c, e);
}

/* COPY t (a, b) TO is SELECT a, b FROM t. */
static bool copy_table_out(Analyzer *z, const NCopy *n, BoundCopy *b, Err *e)
{
    ParseState ps = {.arena = z->arena, .err = e};
    NSelect *s = AST(&ps, NSelect, N_SELECT, n->table->n.offset);
    s->form = SELECT_PLAIN;
    s->from = ast_list(&ps, n->table);
    for (size_t i = 0; i < b->column_count; i++) {
        Slice name = b->table->columns[b->columns[i]].name;
        SqlNode *col = ast_column(&ps, n->n.offset, name, NULL);
        s->targets = ast_append(&ps, s->targets, ast_target(&ps, N_TARGET, n->n.offset, name, col));
    }
    SqlEnv *env = ARENA_NEW(z->arena, SqlEnv);
    const SqlEnv *own = z->env;
    *env = *own; /* dumps want what is there */
    env->tiers_ignored = env->tiers_ignored ? env->tiers_ignored : env->tiers_copied;
    z->env = env;
    bool ok = az_bound_query(z, s, &b->source, e);
    z->env = own;
    return ok;
}

static bool copy_where(Analyzer *z, const NCopy *n, RelationUse *use, BoundCopy *b, Err *e)
{
    Scope s;
    Rte *rte = NULL;
    if (!n->where)
        return true;
    if (!n->from)
        return az_fail(z, n->where, ERR_SYNTAX, e, "WHERE clause not allowed with COPY TO");
    az_scope_init(&s, NULL, NULL);
    s.place = PLACE_COPY_WHERE;
    az_scope_add_table(z, &s, b->table, b->table->name, &rte);
    rte->use = use;
    if (!az_expr(z, &s, n->where, &b->where, e))
        return false;
    if (b->where->type != T_BOOL && b->where->type != T_UNKNOWN)
        return az_fail(z, n->where, ERR_DATATYPE_MISMATCH, e,
                       "argument of WHERE must be type boolean, not type %.*s",
                       SLICE_ARG(az_type_name(z, b->where->type, -1)));
    if (!az_coerce(z, b->where, T_BOOL, -1, CAST_ASSIGN, &b->where, e))
        return false;
    if (qx_has(b->where, QX_SUBLINK))
        return az_fail(z, n->where, ERR_FEATURE_NOT_SUPPORTED, e,
                       "cannot use subquery in COPY FROM WHERE condition");
    return plan_table_expr(z, rte, &b->where, e);
}

/* INSERT ... RETURNING and its like: the rows of a WITH query, beside those of its own WITH. */
static const NSelect *copied_query(Analyzer *z, const SqlNode *n, Err *e)
{
    ParseState ps = {.arena = z->arena, .err = e};
    if (n->kind == N_SELECT)
        return (const NSelect *)n;
    NInsert *insert = AST(&ps, NInsert, N_INSERT, n->offset);
    NModify *modify = AST(&ps, NModify, n->kind, n->offset);
    bool inserts = n->kind == N_INSERT;
    if (inserts)
        *insert = *(const NInsert *)n;
    else
        *modify = *(const NModify *)n;
    if (!(inserts ? insert->returning : modify->returning).count) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "COPY query must have a RETURNING clause");
        return NULL;
    }
    NodeList *own = inserts ? &insert->ctes : &modify->ctes, none = {0};
    NCte *c = AST(&ps, NCte, N_CTE, n->offset);
    c->name = SLICE_LIT(" copied"); /* nobody writes so */
    c->query = inserts ? &insert->n : &modify->n;
    NSelect *s = AST(&ps, NSelect, N_SELECT, n->offset);
    NColumn *star = (NColumn *)ast_column(&ps, n->offset, SLICE_NONE, NULL);
    NRange *from = AST(&ps, NRange, N_RANGE_TABLE, n->offset);
    star->star = true;
    star->names = none;
    from->name = c->name;
    s->targets = ast_list(&ps, ast_target(&ps, N_TARGET, n->offset, SLICE_NONE, &star->n));
    s->from = ast_list(&ps, from);
    s->recursive = inserts ? insert->recursive : modify->recursive;
    s->ctes = ast_append(&ps, *own, c);
    *own = none;
    return s;
}

bool az_copy(Analyzer *z, const NCopy *n, Bound *b, Err *e)
{
    BoundCopy *c = &b->u.copy;
    b->kind = n->from ? BOUND_COPY_FROM : BOUND_COPY_TO;
    b->tag = "COPY";
    b->read_only = !n->from;
    if (n->to_file) {
        az_fail(z, &n->n, ERR_FEATURE_NOT_SUPPORTED, e,
                "COPY to or from a file of the server is not supported");
        return err_hint(e, "Use COPY ... FROM STDIN or TO STDOUT; psql's \\copy does so.");
    }
    if (n->query) {
        const NSelect *q = copied_query(z, n->query, e);
        if (!q)
            return false;
        z->top = &q->ctes;
        if (!az_bound_query(z, q, &c->source, e) || !az_plan_parts(z, b, e))
            return false;
        c->column_count = c->source.col_count;
        return copy_options(z, n, c, e);
    }
    if (!az_table(z, n->table, &c->table, e) ||
        !az_column_list(z, c->table, &n->columns, &c->columns, &c->column_count, e) ||
        !copy_options(z, n, c, e))
        return false;
    RelationUse *use = n->from ? az_use(z, c->table, PRIV_INSERT) : NULL;
    if (use)
        az_use_columns(use, PRIV_INSERT, c->columns, c->column_count);
    if (!copy_where(z, n, use, c, e))
        return false;
    return n->from || copy_table_out(z, n, c, e);
}
