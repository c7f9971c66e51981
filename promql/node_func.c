/* promql/node_func.c - functions between scalars and vectors: vector, scalar, absent, constants. */
#include "promql/eval_private.h"

/* ---- constants of the query ---- */

PqlNode *build_constant(PqlBuild *b, const PqlExpr *call)
{
    const PqlQuery *q = b->q;
    const char *name = call->func->name;
    PqlExpr *x = ARENA_NEW(&b->q->arena, PqlExpr);
    *x = *call;
    if (strcmp(name, "pi") == 0)
        x->number = 3.14159265358979323846;
    else if (strcmp(name, "start") == 0)
        x->number = (double)q->grid.start / 1000;
    else if (strcmp(name, "end") == 0)
        x->number = (double)q->end_ms / 1000;
    else if (strcmp(name, "range") == 0)
        x->number = (double)(q->end_ms - q->grid.start) / 1000;
    else
        x->number = q->r.range ? (double)q->grid.step / 1000 : 0;
    return build_number(b, x);
}

/* ---- nodes with one child that is pulled whole ---- */

typedef struct NodeFold {
    PqlNode n;
    PqlNode *child;
    double *v;
    uint32_t *seen; /* series with a value, by step */
    bool all;       /* histograms are seen, too */
    Labels labels;
    bool given;
} NodeFold;

static NodeFold *fold_new(PqlBuild *b, const PqlExpr *x, const NodeDef *def, PqlNode *child)
{
    if (!child)
        return NULL;
    NodeFold *f = (NodeFold *)pql_node_new(b, sizeof *f, def, x);
    f->child = child;
    f->v = pql_vector_new(b->q, &b->grid);
    f->seen = ARENA_ARRAY(&b->q->arena, uint32_t, b->grid.count);
    f->n.one_name = true;
    return f;
}

/* ND_END: f->seen and f->v (the newest value) are complete. */
static NdStatus fold(NodeFold *f, Err *e)
{
    Series s;
    NdStatus st;
    while ((st = nd_next(f->child, &s, e)) == ND_SERIES)
        for (size_t i = 0; i < f->n.grid.count; i++)
            if (!pql_missing(s.v[i])) {
                f->v[i] = s.v[i];
                f->seen[i]++;
            } else if (f->all && series_hist(&s, i)) {
                f->seen[i]++;
            }
    return st;
}

static NdStatus scalar_next(PqlNode *n, Series *out, Err *e)
{
    NodeFold *f = (NodeFold *)n;
    if (f->given)
        return ND_END;
    NdStatus st = fold(f, e);
    if (st != ND_END)
        return st;
    for (size_t i = 0; i < n->grid.count; i++)
        if (f->seen[i] != 1)
            f->v[i] = NAN;
    f->given = true;
    *out = (Series){.v = f->v};
    return ND_SERIES;
}

static const NodeDef def_scalar = {.next = scalar_next};

PqlNode *build_scalar(PqlBuild *b, const PqlExpr *call)
{
    NodeFold *f = fold_new(b, call, &def_scalar, pql_build_all(b, call->args[0]));
    return f ? &f->n : NULL;
}

static NdStatus absent_next(PqlNode *n, Series *out, Err *e)
{
    NodeFold *f = (NodeFold *)n;
    if (f->given)
        return ND_END;
    NdStatus st = fold(f, e);
    if (st != ND_END)
        return st;
    for (size_t i = 0; i < n->grid.count; i++)
        f->v[i] = f->seen[i] ? pql_absent() : 1;
    f->given = true;
    *out = (Series){.labels = f->labels, .v = f->v};
    return ND_SERIES;
}

static const NodeDef def_absent = {.next = absent_next};

/* The labels that the selector asks to be equal to something, once each. */
static Labels absent_labels(Arena *a, const PqlExpr *x)
{
    Labels l = {0};
    x = pql_unparen(x);
    if (x->kind == PX_MATRIX)
        x = x->args[0];
    if (x->kind != PX_VECTOR)
        return l;
    PqlNames set = {ARENA_ARRAY(a, Slice, x->match_count + 1), 0};
    for (size_t i = 0; i < x->match_count; i++) {
        const PqlLabelMatch *m = &x->matches[i];
        if (slice_eq_cstr(m->name, "__name__"))
            continue;
        bool first = m->op == PM_EQ && !names_have(&set, m->name);
        l = labels_set(a, &l, m->name, first ? m->value : slice_of("", 0));
        if (first)
            set.names[set.count++] = m->name;
    }
    return l;
}

static PqlNode *absent_of(PqlBuild *b, const PqlExpr *call, PqlNode *child)
{
    NodeFold *f = fold_new(b, call, &def_absent, child);
    if (!f)
        return NULL;
    f->all = true;
    f->labels = absent_labels(&b->q->arena, call->args[0]);
    return &f->n;
}

PqlNode *build_absent(PqlBuild *b, const PqlExpr *call)
{
    return absent_of(b, call, pql_build_all(b, call->args[0]));
}

PqlNode *build_absent_over_time(PqlBuild *b, const PqlExpr *call)
{
    return absent_of(b, call, pql_spread(b, build_present(b, call)));
}

/* A scalar is a vector of one series already. */
PqlNode *build_vector(PqlBuild *b, const PqlExpr *call)
{
    return pql_build(b, call->args[0]);
}

/* ---- max_of, min_of ---- */

typedef struct NodeExtreme {
    PqlNode n;
    ScalarArg args[2];
    double *v;
    bool max, given;
} NodeExtreme;

static NdStatus extreme_next(PqlNode *n, Series *out, Err *e)
{
    NodeExtreme *x = (NodeExtreme *)n;
    NdStatus st;
    if (x->given)
        return ND_END;
    for (size_t k = 0; k < 2; k++)
        if ((st = scalar_ready(&x->args[k], e)) != ND_SERIES)
            return st;
    for (size_t i = 0; i < n->grid.count; i++) {
        double l = x->args[0].v[i], r = x->args[1].v[i];
        x->v[i] = isnan(l) || isnan(r) ? NAN : (x->max ? l > r : l < r) ? l : r;
    }
    x->given = true;
    *out = (Series){.v = x->v};
    return ND_SERIES;
}

static const NodeDef def_extreme = {.next = extreme_next};

PqlNode *build_extreme(PqlBuild *b, const PqlExpr *call)
{
    NodeExtreme *x = (NodeExtreme *)pql_node_new(b, sizeof *x, &def_extreme, call);
    x->max = strcmp(call->func->name, "max_of") == 0;
    x->v = pql_vector_new(b->q, &b->grid);
    for (size_t k = 0; k < 2; k++)
        if (!(x->args[k].node = pql_build(b, call->args[k])))
            return NULL;
    x->n.one_name = true;
    return &x->n;
}
