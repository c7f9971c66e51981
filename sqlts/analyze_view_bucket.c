/* sqlts/analyze_view_bucket.c - the buckets of a continuous view: which call of its GROUP BY makes them, and what
 * the catalog keeps of them.
 *
 * Buckets of one length are a width and an origin.  Others (of months, in a time zone) are a Bucket and its
 * borders (exec/grid.h); marks are then kept in shorter grains, which all who read them widen to borders. */
#include "sqlts/analyze_view.h"

#include "exec/grid.h"
#include "sqlts/analyze.h"

#define WIDTH_HINT "Take years, months, weeks, days, hours, minutes or seconds."

static bool named(const Expr *key, const char *name)
{
    return strcmp(key->func->name, name) == 0;
}

Expr *az_bucket_time(const Expr *key)
{
    bool one = key->kind == EXPR_CALL && key->arg_count >= 2 &&
               (named(key, "time_bucket") || named(key, "date_bin") || named(key, "date_trunc"));
    return one ? key->args[1] : NULL;
}

static bool const_value(const Analyzer *z, const Expr *x, Value *out, Err *e)
{
    if (!qx_is_const(x))
        return az_view_cannot("buckets whose width differs from row to row",
                              "Write the width, and a zone, as constants.", e);
    return expr_value(z->env->fold, x, out, e);
}

/* Of date_trunc(unit, time [, zone]); a timestamptz without a zone has that of the session. */
static bool read_trunc(const Analyzer *z, const Expr *key, Bucket *b, Err *e)
{
    Value unit, zone;
    if (!const_value(z, key->args[0], &unit, e))
        return false;
    if (unit.null || !bucket_of_unit(b, key->args[1]->type, unit.u.str))
        return az_view_cannot("this unit of date_trunc()", WIDTH_HINT, e);
    if (key->arg_count == 2 && key->args[1]->type == T_TIMESTAMPTZ)
        b->tz = z->env->fold->env.tz;
    if (key->arg_count == 2)
        return true;
    return const_value(z, key->args[2], &zone, e) &&
           bucket_extra(b, &z->env->fold->env, T_TEXT, &zone, e);
}

static bool read_key(const Analyzer *z, const Expr *key, Bucket *b, Err *e)
{
    Value v;
    if (named(key, "date_trunc"))
        return read_trunc(z, key, b, e);
    if (!const_value(z, key->args[0], &v, e))
        return false;
    if (v.null || key->args[0]->type != T_INTERVAL)
        return az_view_cannot("buckets without a width in time", WIDTH_HINT, e);
    if (!bucket_init(b, key->args[1]->type, &v, e))
        return false;
    for (size_t i = 2; i < key->arg_count; i++) {
        if (!const_value(z, key->args[i], &v, e) ||
            !bucket_extra(b, &z->env->fold->env, key->func->args[i], &v, e))
            return false;
        if (key->func->args[i] == T_TEXT && !v.null && !b->tz && !b->has_offset)
            return az_view_cannot("an origin as text", "origin => '2026-01-01'::timestamptz", e);
    }
    return true;
}

/* Long buckets have coarse marks: a change of an hour of a month is no more than that. */
static int64_t grain_ns(const Bucket *b)
{
    int64_t us = b->months                  ? US_PER_DAY
                 : b->width >= US_PER_DAY   ? US_PER_H
                 : b->width >= 4 * US_PER_H ? 15 * US_PER_MIN
                                            : US_PER_MIN;
    return us * 1000;
}

bool az_view_bucket(Analyzer *z, const Expr *key, ContinuousDef *d, Err *e)
{
    Bucket b;
    int64_t start;
    if (!read_key(z, key, &b, e))
        return false;
    if (b.tz && tz_is_constant(b.tz) && tz_local_us(b.tz, 0) == 0)
        b.tz = NULL; /* UTC by any name */
    bool fixed = !b.months && (!b.tz || tz_is_constant(b.tz));
    if (b.has_offset && b.offset.months)
        return az_view_cannot("buckets moved by months", WIDTH_HINT, e);
    if (!fixed && !b.months && b.width < US_PER_MIN)
        return az_view_cannot("buckets of a time zone that are shorter than a minute",
                              "Leave the zone out.", e);
    if (!bucket_floor(&b, 0, &start, e))
        return false;
    if (start < TIME_MIN_NS / 1000)
        return az_view_cannot("buckets that begin before the year 1678", WIDTH_HINT, e);
    d->width_ns = fixed ? b.width * 1000 : grain_ns(&b);
    d->origin_ns = fixed ? start * 1000 : 0;
    if (!fixed)
        continuous_put_grid(d, z->arena, &b);
    return true;
}

bool az_view_nests(const ContinuousDef *d, const ContinuousDef *below, Err *e)
{
    Bucket upper, lower;
    if (!continuous_bucket(d, &upper, e) || !continuous_bucket(below, &lower, e))
        return false;
    bool fixed = !d->grid.len && !below->grid.len;
    bool whole = fixed ? d->width_ns % below->width_ns == 0 &&
                             (d->origin_ns - below->origin_ns) % below->width_ns == 0
                       : grid_nests(&upper, &lower);
    return whole || az_view_cannot("buckets that cut those of the view below",
                                   "Make them so long as some whole ones of that view, in the same "
                                   "zone, and begin with one.",
                                   e);
}
