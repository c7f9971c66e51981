/* session/catalog_functions.c - functions over the catalogs, and names behind reg* types. */
#include "exec/func_text.h"
#include "exec/type_reg.h"
#include "session/catalog_private.h"
#include <ctype.h>

/* ---- looking a relation up ---- */

typedef struct Lookup {
    Session *session;
    const CatalogSnap *cat;
    uint32_t oid; /* wanted, or 0: by name */
    Slice schema, name;
    RelationRow found; /* oid 0: none */
    int rank;          /* of its schema, if it has none by name */
} Lookup;

static bool lookup_each(void *arg, const RelationRow *r)
{
    Lookup *l = arg;
    if (l->oid ? r->oid != l->oid : !slice_eq(r->name, l->name))
        return true;
    if (!l->oid) {
        Slice schema = schema_name(l->session, l->cat, r->schema);
        int rank =
            l->schema.len ? -!slice_eq(schema, l->schema) : schema_rank(l->session, l->cat, schema);
        if (rank < 0 || (l->found.oid && rank >= l->rank))
            return true;
        l->rank = rank;
    }
    l->found = *r;
    return !l->oid && !l->schema.len;
}

static void lookup(Lookup *l)
{
    each_relation(l->session, l->cat, true, lookup_each, l);
}

bool catalog_has_relation(Session *s, const CatalogSnap *cat, const QualifiedName *name)
{
    Lookup l = {.session = s, .cat = cat, .schema = name->schema, .name = name->name};
    const SchemaDef *temp = session_schema(s, cat, SLICE_LIT("pg_temp"));
    if (temp && slice_eq_cstr(l.schema, "pg_temp"))
        l.schema = temp->name;
    lookup(&l);
    return l.found.oid != 0;
}

/* Another one of its name is found, or none. */
static bool shadowed(Session *s, const CatalogSnap *cat, const RelationRow *r)
{
    int rank = schema_rank(s, cat, schema_name(s, cat, r->schema));
    for (size_t i = 0; i <= s->search_path_count && (int)i + (i > 0) < rank; i++) {
        const SchemaDef *d = session_path_at(s, cat, i);
        if (d && cat_table(cat, d->id, r->name))
            return true;
    }
    return rank < 0;
}

static const TableDef *table_of_oid(const CatalogSnap *cat, int64_t oid)
{
    return oid > 0 && oid <= UINT32_MAX ? cat_table_by_id(cat, (uint32_t)oid) : NULL;
}

/* One identifier of "a"."b" or a.b: folded to lower case unless quoted. */
static bool next_identifier(Slice *s, char *buf, size_t max, Slice *out)
{
    size_t i = 0, n = 0;
    bool quoted = s->len && s->ptr[0] == '"';
    for (i = quoted; i < s->len; i++) {
        char ch = s->ptr[i];
        if (quoted && ch == '"') {
            if (i + 1 >= s->len || s->ptr[i + 1] != '"')
                break;
            i++;
        } else if (!quoted && ch == '.') {
            break;
        }
        if (n == max)
            return false;
        buf[n++] = quoted ? ch : (char)tolower((unsigned char)ch);
    }
    i += quoted;
    *out = slice_of(buf, n);
    if (i < s->len && s->ptr[i] != '.')
        return false;
    i += i < s->len;
    *s = slice_of(s->ptr + i, s->len - i);
    return n > 0;
}

static bool split_name(Slice text, char *buf, size_t size, Slice *schema, Slice *name)
{
    Slice first, second;
    *schema = SLICE_NONE;
    if (!next_identifier(&text, buf, size / 2, &first))
        return false;
    *name = first;
    if (text.len == 0)
        return true;
    if (!next_identifier(&text, buf + size / 2, size / 2, &second) || text.len)
        return false;
    *schema = first;
    *name = second;
    return true;
}

bool catalog_reg_find(void *session, TypeId kind, Slice text, uint32_t *oid, Err *e)
{
    Session *s = session;
    char buf[2 * (NAME_MAX_BYTES + 1)];
    Lookup l = {.session = s};
    if (!s || !split_name(text, buf, sizeof buf, &l.schema, &l.name))
        return err_set(e, ERR_INVALID_NAME, "invalid name syntax: \"%.*s\"", SLICE_ARG(text));
    CatalogSnap *cat = session_catalog(s);
    const SchemaDef *temp = session_schema(s, cat, SLICE_LIT("pg_temp"));
    if (temp && slice_eq_cstr(l.schema, "pg_temp"))
        l.schema = temp->name;
    l.cat = cat;
    bool ok;
    if (kind == T_REGTYPE) {
        ok = catalog_type_find(text, oid) ||
             err_set(e, ERR_UNDEFINED_OBJECT, "type \"%.*s\" does not exist", SLICE_ARG(text));
    } else if (kind == T_REGROLE) {
        const RoleDef *r = cat_role(cat, l.name);
        *oid = r ? r->id : 0;
        ok = r ||
             err_set(e, ERR_UNDEFINED_OBJECT, "role \"%.*s\" does not exist", SLICE_ARG(l.name));
    } else if (kind == T_REGNAMESPACE) {
        const SchemaDef *d = cat_schema(cat, s->database, l.name);
        char name[NAME_MAX_BYTES + 1];
        memcpy(name, l.name.ptr, l.name.len);
        name[l.name.len] = 0;
        *oid = d ? d->id : virtual_schema_oid(name);
        ok = *oid ||
             err_set(e, ERR_SCHEMA_NAME, "schema \"%.*s\" does not exist", SLICE_ARG(l.name));
    } else {
        lookup(&l);
        *oid = l.found.oid;
        ok = *oid ||
             err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist", SLICE_ARG(text));
    }
    cat_unref(cat);
    return ok;
}

static bool reg_name(void *session, TypeId kind, uint32_t oid, Buf *dst)
{
    Session *s = session;
    const CatalogType *type = kind == T_REGTYPE ? catalog_type(oid) : NULL;
    uint32_t row = kind == T_REGTYPE ? oid & (OID_ROW_TYPE_FLAG | OID_ROW_ARRAY_FLAG) : 0;
    if (type) {
        catalog_type_name(type, oid, dst);
    } else if (row && reg_name(session, T_REGCLASS, oid & ~row, dst)) {
        if (row & OID_ROW_ARRAY_FLAG)
            buf_puts(dst, "[]");
        return true;
    }
    if (!s || kind == T_REGTYPE)
        return type != NULL;
    CatalogSnap *cat = session_catalog(s);
    bool found;
    if (kind == T_REGROLE) {
        const RoleDef *r = cat_role_by_id(cat, oid);
        found = r != NULL;
        if (r)
            text_put_ident(dst, r->name);
    } else if (kind == T_REGNAMESPACE) {
        Slice name = schema_name(s, cat, oid);
        found = name.len > 0;
        if (found)
            text_put_ident(dst, name);
    } else {
        Lookup l = {.session = s, .cat = cat, .oid = oid};
        lookup(&l);
        found = l.found.oid != 0;
        if (found) {
            Slice schema = schema_name(s, cat, l.found.schema);
            if (shadowed(s, cat, &l.found)) {
                text_put_ident(dst, schema);
                buf_put_u8(dst, '.');
            }
            text_put_ident(dst, l.found.name);
        }
    }
    cat_unref(cat);
    return found;
}

void catalog_set_hooks(void)
{
    static const RegHooks hooks = {catalog_reg_find, reg_name};
    type_set_reg_hooks(&hooks);
}

/* ---- functions ---- */

static bool fn_format_type(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    *out = value_null();
    if (args[0].null)
        return true;
    TypeId t = (TypeId)args[0].u.i64;
    if (t == 0) {
        *out = value_str(SLICE_LIT("-"));
    } else if (type_find(t)) {
        bool bare = args[1].null && (t == T_BPCHAR || t == T_BPCHAR_ARRAY);
        int32_t typmod = args[1].null ? -1 : (int32_t)args[1].u.i64;
        *out =
            value_str(type_format(ctx->arena, t, bare ? 0 : typmod)); /* "character", not bpchar */
    } else {
        Buf b = {0};
        bool known = reg_name(ctx->session, T_REGTYPE, t, &b);
        *out = value_str(known ? arena_slice(ctx->arena, buf_slice(&b)) : SLICE_LIT("???"));
        buf_free(&b);
    }
    return true;
}

static bool fn_get_expr(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)e;
    Slice s = args[0].u.str; /* node trees are kept as their text */
    int depth = 0;
    bool around = s.len > 2 && s.ptr[0] == '(';
    for (size_t i = 0; around && i + 1 < s.len; i++) {
        depth += (s.ptr[i] == '(') - (s.ptr[i] == ')');
        around = depth > 0;
    }
    *out = args[0];
    if (n > 2 && args[2].u.b && around)
        *out = value_str(slice_of(s.ptr + 1, s.len - 2));
    return true;
}

static bool fn_table_visible(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    Session *s = ctx->session;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = table_of_oid(cat, args[0].u.i64);
    Lookup l = {.session = s, .cat = cat, .oid = (uint32_t)args[0].u.i64};
    if (t)
        l.found = (RelationRow){.oid = t->id, .schema = t->schema, .name = t->name};
    else
        lookup(&l);
    *out = l.found.oid ? value_bool(!shadowed(s, cat, &l.found)) : value_null();
    cat_unref(cat);
    return true;
}

static bool fn_visible(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)args, (void)n, (void)e;
    *out = value_bool(true);
    return true;
}

static bool fn_null(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)args, (void)n, (void)e;
    *out = value_null();
    return true;
}

static const FuncDef *func_of_oid(int64_t oid)
{
    for (size_t i = 0; i < func_count(); i++)
        if (func_at(i)->oid == (uint32_t)oid)
            return func_at(i);
    return NULL;
}

static bool fn_function_result(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    const FuncDef *f = func_of_oid(args[0].u.i64);
    *out = value_null();
    if (f)
        *out = value_str(arena_printf(ctx->arena, "%s%.*s", f->flags & FN_SRF ? "SETOF " : "",
                                      SLICE_ARG(type_format(ctx->arena, f->result, -1))));
    return true;
}

static bool fn_function_arguments(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    const FuncDef *f = func_of_oid(args[0].u.i64);
    *out = value_null();
    if (!f)
        return true;
    Buf b;
    buf_init(&b);
    for (size_t i = 0; i < f->arg_count; i++)
        buf_printf(&b, "%s%.*s", i ? ", " : "", SLICE_ARG(type_format(ctx->arena, f->args[i], -1)));
    *out = value_str(arena_slice(ctx->arena, buf_slice(&b)));
    buf_free(&b);
    return true;
}

static bool fn_encoding_name(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)n, (void)e;
    *out = value_str(args[0].u.i64 == 6 ? SLICE_LIT("UTF8") : SLICE_LIT(""));
    return true;
}

static bool fn_encoding_number(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)n, (void)e;
    bool utf8 = slice_eq_nocase(args[0].u.str, SLICE_LIT("utf8")) ||
                slice_eq_nocase(args[0].u.str, SLICE_LIT("utf-8"));
    *out = value_i64(utf8 ? 6 : -1);
    return true;
}

static bool fn_database_encoding(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)ctx, (void)args, (void)n, (void)e;
    *out = value_str(SLICE_LIT("UTF8"));
    return true;
}

static bool fn_viewdef(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    Session *s = ctx->session;
    uint32_t oid = args[0].phys == PH_STR ? 0 : (uint32_t)args[0].u.i64;
    if (args[0].phys == PH_STR && !catalog_reg_find(s, T_REGCLASS, args[0].u.str, &oid, e))
        return false;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = table_of_oid(cat, oid);
    *out = t && t->definition.len ? value_str(view_shown(s, ctx->arena, cat, t)) : value_null();
    cat_unref(cat);
    return true;
}

/* ---- pg_get_keywords ---- */

static bool keywords_open(EvalCtx *ctx, const Expr *call, const Value *args, size_t n, Arena *a,
                          void **state, Err *e)
{
    (void)ctx, (void)call, (void)args, (void)n, (void)e;
    *state = arena_zero(a, sizeof(size_t));
    return true;
}

static SrfStatus keywords_next(EvalCtx *ctx, void *state, Batch *out, struct Task *waiter, Err *e)
{
    (void)waiter, (void)e;
    static const struct {
        char code;
        const char *text;
    } kinds[] = {{'U', "unreserved"},
                 {'C', "unreserved (cannot be function or type name)"},
                 {'T', "reserved (can be function or type name)"},
                 {'R', "reserved"}};
    size_t *next = state;
    out->rows = 0;
    for (; out->rows < BATCH_ROWS && *next < sql_keyword_count(); (*next)++) {
        char category;
        const char *word = sql_keyword_at(*next, &category);
        const char *text = "";
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
            if (kinds[i].code == category)
                text = kinds[i].text;
        char code[2] = {category, 0};
        Value v[5] = {value_str(slice_cstr(word)),
                      value_str(arena_slice(ctx->arena, slice_cstr(code))),
                      value_bool(category == 'U' || category == 'C' || category == 'T'),
                      value_str(slice_cstr(text)), value_str(SLICE_LIT("can be bare label"))};
        for (size_t c = 0; c < 5; c++)
            vec_set(&out->cols[c], out->rows, &v[c], BATCH_ROWS, ctx->arena);
        out->rows++;
    }
    return out->rows ? SRF_ROWS : SRF_END;
}

static void keywords_close(void *state)
{
    (void)state;
}

static const SrfColumn keyword_columns[] = {{"word", T_TEXT},
                                            {"catcode", T_CHAR},
                                            {"barelabel", T_BOOL},
                                            {"catdesc", T_TEXT},
                                            {"baredesc", T_TEXT}};
static const SrfDef srf_keywords = {.columns = keyword_columns,
                                    .column_count = ARRAY_LEN(keyword_columns),
                                    .open = keywords_open,
                                    .next = keywords_next,
                                    .close = keywords_close};

#define STABLE        .flags = FN_STABLE
#define STRICT_STABLE .flags = FN_STABLE | FN_STRICT
FuncDef catalog_functions[] = {
    {.signature = "format_type(oid, int4) text",
     .scalar = fn_format_type,
     STABLE,
     .text = "name of a type"},
    {.signature = "pg_get_expr(pg_node_tree, oid) text",
     .scalar = fn_get_expr,
     STABLE,
     .text = "text of a stored expression"},
    {.signature = "pg_get_expr(pg_node_tree, oid, bool) text",
     .scalar = fn_get_expr,
     STABLE,
     .text = "text of a stored expression"},
    {.signature = "pg_table_is_visible(oid) bool",
     .scalar = fn_table_visible,
     STRICT_STABLE,
     .text = "relation is found without its schema"},
    {.signature = "pg_type_is_visible(oid) bool",
     .scalar = fn_visible,
     STRICT_STABLE,
     .text = "type is found without its schema"},
    {.signature = "pg_function_is_visible(oid) bool",
     .scalar = fn_visible,
     STRICT_STABLE,
     .text = "function is found without its schema"},
    {.signature = "pg_collation_is_visible(oid) bool",
     .scalar = fn_visible,
     STRICT_STABLE,
     .text = "collation is found without its schema"},
    {.signature = "pg_get_userbyid(oid) name",
     .scalar = fn_userbyid,
     STRICT_STABLE,
     .text = "name of a role"},
    {.signature = "pg_get_indexdef(oid) text",
     .scalar = fn_indexdef,
     STRICT_STABLE,
     .text = "statement that would make an index"},
    {.signature = "pg_get_indexdef(oid, int4, bool) text",
     .scalar = fn_indexdef,
     STRICT_STABLE,
     .text = "statement that would make an index"},
    {.signature = "pg_get_constraintdef(oid) text",
     .scalar = fn_constraintdef,
     STRICT_STABLE,
     .text = "text of a constraint"},
    {.signature = "pg_get_constraintdef(oid, bool) text",
     .scalar = fn_constraintdef,
     STRICT_STABLE,
     .text = "text of a constraint"},
    {.signature = "pg_get_triggerdef(oid, bool) text",
     .scalar = fn_null,
     STABLE,
     .text = "there are no triggers"},
    {.signature = "pg_get_viewdef(oid) text",
     .scalar = fn_viewdef,
     STRICT_STABLE,
     .text = "text of a view"},
    {.signature = "pg_get_viewdef(oid, bool) text",
     .scalar = fn_viewdef,
     STRICT_STABLE,
     .text = "text of a view"},
    {.signature = "pg_get_viewdef(oid, int4) text",
     .scalar = fn_viewdef,
     STRICT_STABLE,
     .text = "text of a view"},
    {.signature = "pg_get_viewdef(text) text",
     .scalar = fn_viewdef,
     STRICT_STABLE,
     .text = "text of a view"},
    {.signature = "pg_get_viewdef(text, bool) text",
     .scalar = fn_viewdef,
     STRICT_STABLE,
     .text = "text of a view"},
    {.signature = "pg_get_function_result(oid) text",
     .scalar = fn_function_result,
     STRICT_STABLE,
     .text = "result type of a function"},
    {.signature = "pg_get_function_arguments(oid) text",
     .scalar = fn_function_arguments,
     STRICT_STABLE,
     .text = "arguments of a function"},
    {.signature = "pg_get_function_identity_arguments(oid) text",
     .scalar = fn_function_arguments,
     STRICT_STABLE,
     .text = "arguments of a function"},
    {.signature = "pg_get_statisticsobjdef_columns(oid) text",
     .scalar = fn_null,
     STABLE,
     .text = "there are no extended statistics"},
    {.signature = "pg_relation_is_publishable(regclass) bool",
     .scalar = fn_visible,
     STRICT_STABLE,
     .text = "as PostgreSQL answers for tables"},
    {.signature = "pg_encoding_to_char(int4) name",
     .scalar = fn_encoding_name,
     STRICT_STABLE,
     .text = "name of an encoding"},
    {.signature = "pg_char_to_encoding(text) int4",
     .scalar = fn_encoding_number,
     STRICT_STABLE,
     .text = "number of an encoding"},
    {.signature = "getdatabaseencoding() name",
     .scalar = fn_database_encoding,
     STABLE,
     .text = "encoding of the database"},
    {.signature = "pg_tablespace_location(oid) text",
     .scalar = fn_null,
     STABLE,
     .text = "there are no tablespaces"},
    {.signature = "acldefault(\"char\", oid) aclitem[]",
     .scalar = fn_acldefault,
     STRICT_STABLE,
     .text = "rights on an object of that kind before any GRANT"},
    {.signature = "aclexplode(aclitem[]) record",
     .srf = &srf_aclexplode,
     .flags = FN_SRF | FN_STABLE,
     .text = "rights of a list, one a row"},
    {.signature = "pg_get_keywords() record",
     .srf = &srf_keywords,
     .flags = FN_SRF | FN_STABLE,
     .text = "the words of the language"},
    {.signature = NULL},
};
