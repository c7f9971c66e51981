/* promql/node_binary.c - operators with a scalar on at least one side. */
#include "promql/eval_private.h"

double pql_arith(PqlOp op, double l, double r)
{
    switch (op) {
    case PO_ADD:
        return l + r;
    case PO_SUB:
        return l - r;
    case PO_MUL:
        return l * r;
    case PO_DIV:
        return l / r;
    case PO_MOD:
        return fmod(l, r);
    case PO_POW:
        return pow(l, r);
    case PO_ATAN2:
        return atan2(l, r);
    default:
        return NAN;
    }
}

bool pql_compare(PqlOp op, double l, double r)
{
    switch (op) {
    case PO_EQ:
        return l == r;
    case PO_NE:
        return l != r;
    case PO_LT:
        return l < r;
    case PO_LE:
        return l <= r;
    case PO_GT:
        return l > r;
    case PO_GE:
        return l >= r;
    default:
        return false;
    }
}

/* ---- native histograms ---- */

static bool misfit(unsigned *notes)
{
    *notes |= HIST_MISFIT;
    return false;
}

static bool hist_with_hist(PqlOp op, const HistOperands *x, PqlSample *out, Arena *a,
                           unsigned *notes)
{
    if (op == PO_EQ || op == PO_NE) {
        out->h = x->hl;
        return hist_equal(x->hl, x->hr) == (op == PO_EQ);
    }
    if (op != PO_ADD && op != PO_SUB)
        return misfit(notes);
    Histogram *h = hist_copy(x->hl, a);
    *notes |= hist_add(h, x->hr, op == PO_ADD ? 1 : -1, HIST_PLAIN, a);
    if (*notes & HN_INCOMPATIBLE)
        return false;
    if (op == PO_SUB)
        h->hint = HIST_GAUGE;
    hist_settle(h);
    out->h = h;
    return true;
}

bool pql_hist_operate(PqlOp op, const HistOperands *x, PqlSample *out, Arena *a, unsigned *notes)
{
    *out = (PqlSample){0};
    if (x->hl && x->hr)
        return hist_with_hist(op, x, out, a, notes);
    bool left = x->hl != NULL, fits = op == PO_MUL || (left && (op == PO_DIV || pql_op_trims(op)));
    if (!fits || (!x->hl && !x->hr))
        return misfit(notes);
    double number = left ? x->r : x->l;
    Histogram *h = hist_copy(left ? x->hl : x->hr, a);
    if (op == PO_MUL)
        hist_scale(h, number);
    else if (op == PO_DIV)
        hist_divide(h, number);
    else
        hist_trim(h, number, op == PO_TRIM_UPPER);
    out->h = h;
    return true;
}

void pql_tell_operator(PqlQuery *q, const PqlExpr *x, const HistOperands *last, unsigned notes)
{
    static const char *const kinds[] = {"float", "histogram"};
    const char *op = pql_op_text(x->op);
    if (notes & HIST_MISFIT)
        pql_annotate(q, false, x->begin,
                     "incompatible sample types encountered for binary operator \"%s\": %s %s %s",
                     op, kinds[last->hl != NULL], op, kinds[last->hr != NULL]);
    if (notes & HN_INCOMPATIBLE)
        pql_annotate(q, true, x->begin,
                     "incompatible bucket layout encountered for binary operator %s", op);
    pql_tell_notes(q, notes & (HN_COLLISION | HN_RECONCILED), x->op == PO_SUB ? HO_SUB : HO_ADD,
                   slice_of("", 0), x->begin);
}

typedef struct NodeBinary {
    PqlNode n;
    PqlNode *vector; /* NULL: both are scalars */
    ScalarArg scalars[2];
    bool swapped; /* the scalar is on the left */
    bool given;
    double *v;
    Arena labels;
} NodeBinary;

static NdStatus scalars_next(PqlNode *n, Series *out, Err *e)
{
    NodeBinary *b = (NodeBinary *)n;
    NdStatus st;
    if (b->given)
        return ND_END;
    for (size_t k = 0; k < 2; k++)
        if ((st = scalar_ready(&b->scalars[k], e)) != ND_SERIES)
            return st;
    bool compares = pql_op_compares(n->x->op);
    for (size_t i = 0; i < n->grid.count; i++) {
        double l = b->scalars[0].v[i], r = b->scalars[1].v[i];
        b->v[i] = compares ? pql_compare(n->x->op, l, r) : pql_arith(n->x->op, l, r);
    }
    b->given = true;
    *out = (Series){.v = b->v};
    return ND_SERIES;
}

static const NodeDef def_scalars = {.next = scalars_next};

/* A comparison keeps the value of the vector, whatever side it is on. */
static void compare_values(const NodeBinary *b, double *v)
{
    const PqlExpr *x = b->n.x;
    for (size_t i = 0; i < b->n.grid.count; i++) {
        if (pql_missing(v[i]))
            continue;
        double s = b->scalars[0].v[i];
        bool keep = b->swapped ? pql_compare(x->op, s, v[i]) : pql_compare(x->op, v[i], s);
        if (x->return_bool)
            v[i] = keep;
        else if (!keep)
            v[i] = pql_absent();
    }
}

static void arith_values(const NodeBinary *b, double *v)
{
    PqlOp op = b->n.x->op;
    for (size_t i = 0; i < b->n.grid.count; i++) {
        if (pql_missing(v[i]))
            continue;
        double s = b->scalars[0].v[i];
        v[i] = b->swapped ? pql_arith(op, s, v[i]) : pql_arith(op, v[i], s);
    }
}

/* Numbers cannot be trimmed. */
static void trim_values(const NodeBinary *b, double *v)
{
    HistOperands numbers = {0};
    for (size_t i = 0; i < b->n.grid.count; i++) {
        if (pql_missing(v[i]))
            continue;
        v[i] = pql_absent();
        pql_tell_operator(b->n.q, b->n.x, &numbers, HIST_MISFIT);
    }
}

static void operate_histograms(NodeBinary *b, Series *s)
{
    const PqlExpr *x = b->n.x;
    for (size_t i = 0; i < b->n.grid.count; i++) {
        if (!s->h[i])
            continue;
        double number = b->scalars[0].v[i];
        HistOperands o = b->swapped ? (HistOperands){.l = number, .hr = s->h[i]}
                                    : (HistOperands){.r = number, .hl = s->h[i]};
        PqlSample out;
        unsigned notes = 0;
        s->h[i] = pql_hist_operate(x->op, &o, &out, &b->labels, &notes) ? out.h : NULL;
        if (notes)
            pql_tell_operator(b->n.q, x, &o, notes);
    }
}

static NdStatus mixed_next(PqlNode *n, Series *out, Err *e)
{
    NodeBinary *b = (NodeBinary *)n;
    bool compares = pql_op_compares(n->x->op);
    NdStatus st = scalar_ready(&b->scalars[0], e);
    if (st != ND_SERIES)
        return st;
    st = nd_next(b->vector, out, e);
    if (st != ND_SERIES)
        return st;
    arena_reset(&b->labels);
    if (out->h)
        operate_histograms(b, out);
    if (compares)
        compare_values(b, out->v);
    else if (pql_op_trims(n->x->op))
        trim_values(b, out->v);
    else
        arith_values(b, out->v);
    if (pql_op_keeps_name(n->x->op) && !n->x->return_bool)
        return ND_SERIES;
    if (n->q->delayed_names) {
        out->drop_name = true;
    } else if (labels_has_name(&out->labels)) {
        out->labels = labels_drop_name(&b->labels, &out->labels);
    }
    return ND_SERIES;
}

static void mixed_close(PqlNode *n)
{
    arena_free(&((NodeBinary *)n)->labels);
}

static const NodeDef def_mixed = {.next = mixed_next, .close = mixed_close};

PqlNode *build_binary(PqlBuild *b, const PqlExpr *x)
{
    bool left = x->args[0]->type == PQL_SCALAR, right = x->args[1]->type == PQL_SCALAR;
    NodeBinary *n =
        (NodeBinary *)pql_node_new(b, sizeof *n, left && right ? &def_scalars : &def_mixed, x);
    PqlNode *l = pql_build(b, x->args[0]);
    PqlNode *r = l ? pql_build(b, x->args[1]) : NULL;
    if (!r)
        return NULL;
    n->n.one_name = true;
    if (left && right) {
        n->v = pql_vector_new(b->q, &b->grid);
        n->scalars[0].node = l;
        n->scalars[1].node = r;
        return &n->n;
    }
    arena_init(&n->labels, &b->q->budget);
    n->swapped = left;
    n->scalars[0].node = left ? l : r;
    n->vector = left ? r : l;
    n->n.reads_more = !n->scalars[0].node->constant;
    nd_like(&n->n, n->vector);
    bool drops = !pql_op_keeps_name(x->op) || x->return_bool;
    if (!drops || b->q->delayed_names || n->n.one_name || b->take_series)
        return &n->n;
    n->n.one_name = true;
    return build_merge(b, pql_spread(b, &n->n), false);
}
