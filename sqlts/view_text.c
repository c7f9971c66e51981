/* sqlts/view_text.c - the text of a view with the names that its relations and columns have now.
 *
 * A view is kept as its text, in which every relation stands with its schema.  While the text is analyzed
 * under the catalog that it was written for, the analyzer notes which words are names of what; then each
 * of them is written anew by another catalog. */
#include "exec/datetime.h"
#include "exec/func_text.h"
#include "exec/tz.h"
#include "sqlts/analyze.h"
#include <stdlib.h>

typedef struct NameRef { /* a word of the text, or several with dots between */
    uint32_t offset;
    TableId table;
    int16_t attnum; /* 0: the relation itself */
    bool aliased;   /* it has a name of its own in the query */
    bool target;    /* a column that gives its name to a result column */
    bool no_zone;   /* a time behind which the zone is left to the session */
    bool literal;   /* a text that means another time in another session */
    int64_t us;     /* literal: the time in this one */
    Slice columns;  /* what a star stands for; "": it is none */
} NameRef;

struct NameRefs {
    NameRef *items;
    size_t count, cap;
};

void az_note_relation(Analyzer *z, const NRange *n, const TableDef *t)
{
    if (!z->names || z->view_depth)
        return;
    *AZ_PUSH(z, z->names->items, z->names->count, z->names->cap) =
        (NameRef){.offset = n->n.offset, .table = t->id, .aliased = n->alias.len > 0};
}

void az_note_column(Analyzer *z, const NColumn *n, const Expr *x)
{
    if (!z->names || z->view_depth || x->kind != EXPR_COLUMN)
        return;
    const VarInfo *v = &z->vars[x->index];
    const RteCol *c = &v->rte->cols[v->col];
    if (!v->rte->relation || c->attnum <= 0)
        return;
    *AZ_PUSH(z, z->names->items, z->names->count, z->names->cap) =
        (NameRef){.offset = n->names.items[n->names.count - 1]->offset,
                  .table = c->table,
                  .attnum = c->attnum};
}

void az_note_star(Analyzer *z, const NColumn *n, const ScopeCol *cols, size_t count)
{
    Buf list;
    if (!z->names || z->view_depth)
        return;
    buf_init(&list);
    for (size_t i = 0; i < count; i++) {
        const Expr *x = cols[i].expr;
        if (cols[i].hidden)
            continue;
        if (list.len)
            buf_printf(&list, ", ");
        if (x->kind == EXPR_COLUMN && z->vars[x->index].rte->name.len) {
            text_put_ident(&list, z->vars[x->index].rte->name);
            buf_put_u8(&list, '.');
        }
        text_put_ident(&list, cols[i].name);
    }
    *AZ_PUSH(z, z->names->items, z->names->count, z->names->cap) =
        (NameRef){.offset = n->n.offset, .columns = arena_slice(z->arena, buf_slice(&list))};
    buf_free(&list);
}

void az_note_target(Analyzer *z, const NTarget *t)
{
    if (!z->names || t->name.len || t->expr->kind != N_COLUMN || ((const NColumn *)t->expr)->star)
        return;
    const NodeList *words = &((const NColumn *)t->expr)->names;
    for (size_t i = z->names->count; i > 0; i--)
        if (z->names->items[i - 1].offset == words->items[words->count - 1]->offset)
            z->names->items[i - 1].target = true;
}

/* date_trunc(unit, column) of a timestamptz: its own name stands last before the bracket. */
void az_note_zone(Analyzer *z, const NFunc *n, const FuncDef *f, Expr **args)
{
    if (!z->names || z->view_depth || strcmp(f->name, "date_trunc") != 0 || n->args.count != 2 ||
        args[1]->type != T_TIMESTAMPTZ || n->args.items[1]->kind != N_COLUMN)
        return;
    const NodeList *words = &((const NColumn *)n->args.items[1])->names;
    *AZ_PUSH(z, z->names->items, z->names->count, z->names->cap) =
        (NameRef){.offset = words->items[words->count - 1]->offset, .no_zone = true};
}

/* '2026-01-01', 'today': not what says its zone, or is infinite. */
static bool moves_by_session(const TypeEnv *env, Slice text)
{
    int64_t at[2];
    Err ignored;
    for (int i = 0; i < 2; i++) {
        TypeEnv other = *env;
        other.tz = tz_fixed(i * 3600);
        other.now_us += i;
        if (!datetime_parse(&other, KIND_TIMESTAMPTZ, text, &at[i], &ignored))
            return false;
    }
    return at[0] != at[1];
}

void az_note_time(Analyzer *z, const Expr *literal)
{
    size_t at = 0;
    int64_t us;
    Err ignored;
    const TypeEnv *env = &z->env->fold->env;
    if (!z->names || z->view_depth || literal->position <= 0 || literal->value.null ||
        !moves_by_session(env, literal->value.u.str) ||
        !datetime_parse(env, KIND_TIMESTAMPTZ, literal->value.u.str, &us, &ignored))
        return;
    for (int chars = literal->position; at < z->text.len; at++) /* from characters to bytes */
        if (((unsigned char)z->text.ptr[at] & 0xc0) != 0x80 && --chars == 0)
            break;
    if (at < z->text.len && z->text.ptr[at] == '\'')
        *AZ_PUSH(z, z->names->items, z->names->count, z->names->cap) =
            (NameRef){.offset = z->text_offset + (uint32_t)at, .literal = true, .us = us};
}

/* ---- writing ---- */

static size_t skip_blanks(Slice text, size_t at)
{
    while (at < text.len && strchr(" \t\r\n\f", text.ptr[at]))
        at++;
    return at;
}

/* Behind the identifier that begins here. */
static size_t skip_word(Slice text, size_t at)
{
    if (at < text.len && text.ptr[at] == '"') {
        for (at++; at < text.len; at++) {
            if (text.ptr[at] != '"')
                continue;
            if (at + 1 == text.len || text.ptr[at + 1] != '"')
                return at + 1;
            at++;
        }
        return at;
    }
    while (at < text.len && ((text.ptr[at] | 32) >= 'a' && (text.ptr[at] | 32) <= 'z' ? true
                             : text.ptr[at] >= '0' && text.ptr[at] <= '9'
                                 ? true
                                 : text.ptr[at] == '_' || text.ptr[at] == '$' ||
                                       (unsigned char)text.ptr[at] >= 0x80))
        at++;
    return at;
}

/* Behind the literal that begins here. */
static size_t skip_literal(Slice text, size_t at)
{
    for (at++; at < text.len; at++)
        if (text.ptr[at] == '\'' && (++at == text.len || text.ptr[at] != '\''))
            break;
    return at;
}

static size_t skip_name(Slice text, size_t at)
{
    size_t end = skip_word(text, at), dot;
    while ((dot = skip_blanks(text, end)) < text.len && text.ptr[dot] == '.')
        end = skip_word(text, skip_blanks(text, dot + 1));
    return end;
}

/* Behind the star that begins here, perhaps with names before it; 0: there is none. */
static size_t skip_star(Slice text, size_t at)
{
    size_t end = at;
    while (end < text.len && text.ptr[end] != '*') {
        size_t word = skip_word(text, end), dot = skip_blanks(text, word);
        if (word == end || dot == text.len || text.ptr[dot] != '.')
            return 0;
        end = skip_blanks(text, dot + 1);
    }
    return end < text.len ? end + 1 : 0;
}

/* Would the bare name mean the same? */
static bool found_bare(const SqlEnv *env, Arena *a, const TableDef *t)
{
    Analyzer z = {.env = env, .arena = a};
    Relation rel;
    Err ignored;
    NRange at = {.name = t->name};
    return az_relation(&z, SLICE_NONE, t->name, &at.n, &rel, &ignored) && rel.table == t;
}

static void write_relation(const SqlEnv *env, Arena *a, const NameRef *r, const ViewNames *how,
                           Buf *out)
{
    const TableDef *was = cat_table_by_id(env->catalog, r->table);
    const TableDef *now = cat_table_by_id(how->after, r->table);
    const SchemaDef *schema = cat_schema_by_id(how->after, now->schema);
    if (!(how->shown && found_bare(env, a, now))) {
        text_put_ident(out, schema->name);
        buf_put_u8(out, '.');
    }
    text_put_ident(out, now->name);
    if (r->aliased || slice_eq(was->name, now->name))
        return;
    buf_printf(out, " AS ");
    text_put_ident(out, was->name);
}

static void write_column(const SqlEnv *env, const NameRef *r, const ViewNames *how, Buf *out)
{
    const TableDef *was = cat_table_by_id(env->catalog, r->table);
    const TableDef *now = cat_table_by_id(how->after, r->table);
    Slice old = was->columns[r->attnum - 1].name, name = now->columns[r->attnum - 1].name;
    text_put_ident(out, name);
    if (!r->target || slice_eq(old, name))
        return;
    buf_printf(out, " AS ");
    text_put_ident(out, old);
}

/* Words that the analyzer made up stand nowhere. */
static bool says(Slice text, size_t at, size_t end, Slice name)
{
    Slice word = slice_of(text.ptr + at, end - at);
    if (word.len >= 2 && word.ptr[0] == '"')
        return slice_eq(slice_of(word.ptr + 1, word.len - 2), name) ||
               memchr(word.ptr + 1, '"', word.len - 2);
    return slice_eq_nocase(word, name);
}

static bool is_changed(const SqlEnv *env, Slice text, const NameRef *r, const ViewNames *how)
{
    if (r->no_zone || r->literal)
        return how->zones;
    const TableDef *was = cat_table_by_id(env->catalog, r->table);
    const TableDef *now = cat_table_by_id(how->after, r->table);
    if (r->columns.len)
        return how->expand && skip_star(text, r->offset) > 0;
    if (!was || !now)
        return false;
    if (r->attnum == 0)
        return true;
    if (r->attnum > was->column_count || r->attnum > now->column_count)
        return false;
    Slice old = was->columns[r->attnum - 1].name;
    return !slice_eq(old, now->columns[r->attnum - 1].name) &&
           says(text, r->offset, skip_word(text, r->offset), old);
}

/* Behind the word: the end of the call, if the column is the whole argument. */
static size_t zone_place(Slice text, size_t at)
{
    size_t end = skip_word(text, at), close = skip_blanks(text, end);
    while (at > 0 && text.ptr[at - 1] != ',' && text.ptr[at - 1] != '(')
        at--;
    return at > 0 && text.ptr[at - 1] == ',' && close < text.len && text.ptr[close] == ')' ? end
                                                                                           : 0;
}

static bool place_zones(Slice text, struct NameRefs *names, Err *e)
{
    for (size_t i = 0; i < names->count; i++) {
        NameRef *r = &names->items[i];
        size_t at = r->no_zone ? zone_place(text, r->offset) : 0;
        if (r->no_zone && !at)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "date_trunc() of a continuous view needs a time zone") ||
                   err_hint(e, "date_trunc('month', ts, 'Europe/Berlin')");
        if (r->no_zone)
            r->offset = (uint32_t)at;
    }
    return true;
}

static void write_zone(const SqlEnv *env, Buf *out)
{
    buf_puts(out, ", ");
    text_put_literal(out, tz_name(env->fold->env.tz));
}

static void write_time(const NameRef *r, Buf *out)
{
    TypeEnv env = {.timezone = SLICE_LIT("UTC"), .tz = tz_utc()};
    Value v = value_i64(r->us);
    buf_put_u8(out, '\'');
    type_find(T_TIMESTAMPTZ)->out(&env, &v, out);
    buf_put_u8(out, '\'');
}

static int by_offset(const void *a, const void *b)
{
    uint32_t x = ((const NameRef *)a)->offset, y = ((const NameRef *)b)->offset;
    return (x > y) - (x < y);
}

static Slice rewrite(const SqlEnv *env, Arena *a, Slice text, struct NameRefs *names,
                     const ViewNames *how)
{
    Buf out;
    size_t at = 0;
    buf_init(&out);
    if (names->count)
        qsort(names->items, names->count, sizeof *names->items, by_offset);
    for (size_t i = 0; i < names->count; i++) {
        const NameRef *r = &names->items[i];
        if (r->offset < at || r->offset >= text.len || !is_changed(env, text, r, how))
            continue;
        buf_put(&out, text.ptr + at, r->offset - at);
        if (r->no_zone)
            write_zone(env, &out);
        else if (r->literal)
            write_time(r, &out);
        else if (r->columns.len)
            buf_put_slice(&out, r->columns);
        else if (r->attnum)
            write_column(env, r, how, &out);
        else
            write_relation(env, a, r, how, &out);
        at = r->no_zone       ? r->offset
             : r->literal     ? skip_literal(text, r->offset)
             : r->columns.len ? skip_star(text, r->offset)
             : r->attnum      ? skip_word(text, r->offset)
                              : skip_name(text, r->offset);
    }
    buf_put(&out, text.ptr + at, text.len - at);
    Slice done = arena_slice(a, buf_slice(&out));
    buf_free(&out);
    return done;
}

static bool note_names(const SqlEnv *env, Arena *a, Slice text, struct NameRefs *names, Err *e)
{
    SqlStatement *st;
    size_t count;
    if (!sql_parse(a, text, &st, &count, e))
        return false;
    if (count != 1 || st->node->kind != N_SELECT)
        return err_set(e, ERR_DATA_CORRUPTED, "view has no query");
    return sql_note_names(env, a, st, names, e);
}

bool sql_view_reads(const SqlEnv *env, Arena *a, Slice text, TableId table)
{
    struct NameRefs names = {0};
    Err ignored;
    bool reads = false;
    if (!note_names(env, a, text, &names, &ignored))
        return false;
    for (size_t i = 0; i < names.count; i++)
        reads |= names.items[i].table == table;
    return reads;
}

bool sql_view_text(const SqlEnv *env, Arena *a, Slice text, const ViewNames *how, Slice *out,
                   Err *e)
{
    struct NameRefs names = {0};
    if (!note_names(env, a, text, &names, e))
        return false;
    if (how->zones && !place_zones(text, &names, e))
        return false;
    *out = rewrite(env, a, text, &names, how);
    if (!how->expand)
        return true;
    struct NameRefs again = {0}; /* a list of names need not mean what the star does */
    ViewNames as_is = {.after = how->after, .zones = how->zones};
    Err ignored;
    if (!note_names(env, a, *out, &again, &ignored))
        *out = rewrite(env, a, text, &names, &as_is);
    return true;
}
