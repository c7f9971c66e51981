/* promql/duration.c - lengths of time that are expressions: [step() * 2], offset (1h / 2). */
#include "promql/eval_private.h"

#define SECONDS_MAX 9.2e9

/* NaN: it divides by zero.  The check let only these kinds pass. */
static double seconds(const PqlQuery *q, const PqlExpr *x)
{
    double l = x->arg_count > 0 ? seconds(q, x->args[0]) : 0;
    double r = x->arg_count > 1 ? seconds(q, x->args[1]) : 0;
    switch (x->kind) {
    case PX_NUMBER:
        return x->number;
    case PX_UNARY:
        return x->op == PO_SUB ? -l : l;
    case PX_BINARY:
        return (x->op == PO_DIV || x->op == PO_MOD) && r == 0 ? NAN : pql_arith(x->op, l, r);
    case PX_CALL:
        break;
    default:
        return l;
    }
    if (strcmp(x->func->name, "step") == 0)
        return q->r.range ? (double)q->grid.step / 1000 : 0;
    if (strcmp(x->func->name, "range") == 0)
        return (double)(q->end_ms - q->grid.start) / 1000;
    return (strcmp(x->func->name, "max_of") == 0) == (l > r) ? l : r;
}

static int64_t length(const PqlQuery *q, const PqlExpr *x, int64_t constant)
{
    return x ? (int64_t)round(seconds(q, x) * 1000) : constant;
}

int64_t pql_range_ms(const PqlQuery *q, const PqlExpr *x)
{
    return length(q, x->range_expr, x->range_ms);
}

int64_t pql_step_ms(const PqlQuery *q, const PqlExpr *x)
{
    return length(q, x->step_expr, x->step_ms);
}

int64_t pql_offset_ms(const PqlQuery *q, const PqlExpr *x)
{
    return length(q, x->offset_expr, x->offset_ms);
}

static bool check_one(const PqlQuery *q, const PqlExpr *x, bool positive, Err *e)
{
    double s = x ? seconds(q, x) : 1;
    if (isnan(s))
        return pql_error(q->x->text, x->begin, e, "division by zero in a duration");
    if (!(fabs(s) < SECONDS_MAX))
        return pql_error(q->x->text, x->begin, e, "duration out of range");
    return !positive || round(s * 1000) > 0 ||
           pql_error(q->x->text, x->begin, e, "duration must be greater than 0");
}

bool pql_check_durations(const PqlQuery *q, const PqlExpr *x, Err *e)
{
    for (size_t i = 0; i < x->arg_count; i++)
        if (!pql_check_durations(q, x->args[i], e))
            return false;
    return check_one(q, x->range_expr, true, e) && check_one(q, x->step_expr, true, e) &&
           check_one(q, x->offset_expr, false, e);
}
