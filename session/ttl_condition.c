/* WHERE of CREATE TTL: a condition on tags as storage can ask it of a series.
 *
 * The planner finds the conditions that read one tag each; here each becomes a list of values or a
 * regular expression.  A tag that a series does not have is NULL, so only IS NULL is true of it. */
#include "base/regex.h"
#include "exec/func_text.h"
#include "session/retention_private.h"

typedef struct Condition {
    Arena *arena;
    const TypeEnv *env;
    TtlMatch *list;
    size_t count;
    bool bad_pattern; /* says *err */
    Err *err;
} Condition;

static bool refused(Err *e)
{
    return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                   "the condition of a TTL compares tags with constants") ||
           err_hint(e,
                    "It may use =, <>, IN, LIKE, ILIKE, ~, IS NULL and their negations, joined by "
                    "AND. Make several TTLs where you need OR: the shortest that fits counts.");
}

static void add(Condition *c, ColumnId column, TtlMatchKind kind, const Slice *values, size_t n)
{
    c->list[c->count++] =
        (TtlMatch){.column = column, .kind = kind, .values = values, .value_count = (uint16_t)n};
}

static void add_present(Condition *c, ColumnId column)
{
    Slice *absent = ARENA_NEW(c->arena, Slice);
    *absent = SLICE_LIT("");
    add(c, column, TTL_NOT_IN, absent, 1);
}

/* Constants of the tag's own type, as the series has them. */
static bool put_text(Condition *c, const TagPred *p, const Value *v, Slice *values, size_t *n)
{
    const TypeDef *def = type_find(p->type);
    Buf text;
    if (v->null)
        return true;
    if (*n == UINT16_MAX)
        return false;
    buf_init(&text);
    def->out(c->env, v, &text);
    if (text.len) /* '' is an absent tag: equal to nothing */
        values[(*n)++] = arena_slice(c->arena, buf_slice(&text));
    buf_free(&text);
    return true;
}

static bool constant(const Expr *x, TypeId type)
{
    return x->kind == EXPR_CONST && x->type == type;
}

/* = and IN, as the planner gives them. */
static bool list_match(Condition *c, const TagPred *p)
{
    size_t n = 0, max = p->in_count;
    for (size_t i = 0; i < p->in_count; i++) {
        if (p->in[i]->kind != EXPR_CONST)
            return false;
        max += p->array && !p->in[i]->value.null ? p->in[i]->value.u.arr->count : 0;
    }
    Slice *values = ARENA_ARRAY(c->arena, Slice, max + 1);
    for (size_t i = 0; i < p->in_count; i++) {
        const Value *v = &p->in[i]->value;
        for (size_t k = 0; p->array && !v->null && k < v->u.arr->count; k++)
            if (!put_text(c, p, &v->u.arr->items[k], values, &n))
                return false;
        if (!p->array && !put_text(c, p, v, values, &n))
            return false;
    }
    add(c, p->column, TTL_IN, values, n);
    return true;
}

/* LIKE as a regular expression; false: it ends in its escape. */
static bool like_pattern(Buf *out, Slice like)
{
    buf_put_u8(out, '^');
    for (size_t i = 0; i < like.len; i++) {
        char ch = like.ptr[i];
        bool escaped = ch == '\\';
        if (escaped && ++i == like.len)
            return false;
        ch = like.ptr[i];
        if (!escaped && ch == '%') {
            buf_puts(out, ".*");
            continue;
        }
        if (!escaped && ch == '_') {
            buf_put_u8(out, '.');
            continue;
        }
        if (strchr("\\^$.[]|()*+?{}-", ch))
            buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)ch);
    }
    buf_put_u8(out, '$');
    return true;
}

static const struct {
    const char *name;
    bool like, nocase, negated;
} patterns[] = {
    {"~~", true, false, false}, {"~~*", true, true, false}, {"!~~", true, false, true},
    {"!~~*", true, true, true}, {"~", false, false, false}, {"~*", false, true, false},
    {"!~", false, false, true}, {"!~*", false, true, true},
};

static bool pattern_match(Condition *c, const TagPred *p, const Expr *x, bool negated)
{
    size_t i = 0;
    while (i < ARRAY_LEN(patterns) && strcmp(x->func->name, patterns[i].name) != 0)
        i++;
    if (i == ARRAY_LEN(patterns) || x->args[1]->kind != EXPR_CONST || x->args[1]->value.null ||
        x->args[1]->value.phys != PH_STR)
        return false;
    Slice text = x->args[1]->value.u.str, *value = ARENA_NEW(c->arena, Slice);
    Regex *compiled = NULL;
    Buf regex;
    buf_init(&regex);
    buf_puts(&regex, patterns[i].nocase ? "(?i)" : "");
    bool ok = !patterns[i].like || like_pattern(&regex, text);
    if (!patterns[i].like)
        buf_put_slice(&regex, text);
    *value = arena_slice(c->arena, buf_slice(&regex));
    buf_free(&regex);
    if (ok && !regex_compile(&compiled, *value, REGEX_PG, 0, c->err)) {
        c->bad_pattern = true;
        return false;
    }
    regex_free(compiled);
    negated ^= patterns[i].negated;
    add(c, p->column, negated ? TTL_NOT_REGEX : TTL_REGEX, value, 1);
    add_present(c, p->column);
    return ok;
}

/* <> and NOT IN, or what NOT stands before: the first argument is the tag, the others constants. */
static bool not_in(Condition *c, const TagPred *p, const Expr *x)
{
    Slice *values = ARENA_ARRAY(c->arena, Slice, x->arg_count + 1);
    size_t n = 0;
    for (size_t i = 1; i < x->arg_count; i++)
        if (!constant(x->args[i], p->type) || x->args[i]->value.null ||
            !put_text(c, p, &x->args[i]->value, values, &n))
            return false;
    add(c, p->column, TTL_NOT_IN, values, n);
    add_present(c, p->column);
    return true;
}

static bool is_tag(const Expr *x)
{
    while (x->kind == EXPR_RELABEL)
        x = x->args[0];
    return x->kind == EXPR_COLUMN;
}

static bool test_match(Condition *c, const TagPred *p, const Expr *x, bool negated)
{
    if (x->kind == EXPR_NOT)
        return test_match(c, p, x->args[0], !negated);
    if (!x->arg_count || !is_tag(x->args[0]))
        return false;
    if (x->kind == EXPR_IS_NULL || x->kind == EXPR_IS_NOT_NULL) {
        add_present(c, p->column);
        if ((x->kind == EXPR_IS_NULL) != negated)
            c->list[c->count - 1].kind = TTL_IN;
        return true;
    }
    if (x->kind == EXPR_IN_LIST)
        return x->negated != negated && not_in(c, p, x);
    if (x->kind != EXPR_CALL || x->arg_count != 2)
        return false;
    if (strcmp(x->func->name, negated ? "=" : "<>") == 0)
        return not_in(c, p, x);
    return pattern_match(c, p, x, negated);
}

static const PlanScan *only_scan(const Bound *b)
{
    const Plan *plan =
        b->kind == BOUND_QUERY && !b->u.query.plan.cte_count ? b->u.query.plan.root : NULL;
    while (plan && plan->kind == PLAN_PROJECT)
        plan = plan->child;
    return plan && plan->kind == PLAN_SCAN ? (const PlanScan *)plan : NULL;
}

bool ttl_matches(Portal *p, const CatalogSnap *cat, const TableDef *t, TtlClass *c, Err *e)
{
    EvalCtx fold;
    SqlStatement *st;
    size_t count;
    Bound *bound;
    Buf sql;
    const SchemaDef *schema = cat_schema_by_id(cat, t->schema);
    session_eval_ctx(p->session, &fold);
    fold.arena = fold.scratch = &p->arena;
    SqlEnv env = session_sql_env(p->session, cat, &fold);
    buf_init(&sql);
    buf_puts(&sql, "SELECT FROM ");
    text_put_ident(&sql, schema->name);
    buf_puts(&sql, ".");
    text_put_ident(&sql, t->name);
    buf_printf(&sql, " WHERE (%.*s\n)", SLICE_ARG(c->condition));
    bool ok = sql_parse(&p->arena, arena_slice(&p->arena, buf_slice(&sql)), &st, &count, e) &&
              (count == 1 || err_set(e, ERR_SYNTAX, "a TTL has one condition")) &&
              sql_analyze(&env, &p->arena, st, NULL, 0, &bound, e);
    session_planned(p->session);
    buf_free(&sql);
    if (!ok) {
        err_at(e, 0); /* of a text that nobody wrote */
        return false;
    }
    const PlanScan *scan = only_scan(bound);
    if (!scan || !scan->tag_count || scan->bound_count || scan->filter)
        return refused(e);
    TypeEnv stored = type_stored_env(&fold.env);
    Condition to = {.arena = &p->arena, .env = &stored, .err = e};
    to.list = ARENA_ARRAY(&p->arena, TtlMatch, 2 * scan->tag_count + 1);
    for (size_t i = 0; i < scan->tag_count; i++) {
        const TagPred *tag = &scan->tags[i];
        if (tag->keyed ||
            !(tag->in ? list_match(&to, tag) : test_match(&to, tag, tag->test, false)))
            return to.bad_pattern ? false : refused(e);
    }
    c->matches = to.list;
    c->match_count = (uint16_t)to.count;
    return true;
}
