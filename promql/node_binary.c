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
    if (compares)
        compare_values(b, out->v);
    else
        arith_values(b, out->v);
    if (compares && !n->x->return_bool)
        return ND_SERIES;
    if (n->q->delayed_names) {
        out->drop_name = true;
    } else if (labels_has_name(&out->labels)) {
        arena_reset(&b->labels);
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
    n->n.one_name = n->vector->one_name;
    bool drops = !pql_op_compares(x->op) || x->return_bool;
    if (!drops || b->q->delayed_names || n->n.one_name)
        return &n->n;
    n->n.one_name = true;
    return build_merge(b, &n->n, false);
}
