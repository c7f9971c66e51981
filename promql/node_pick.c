/* promql/node_pick.c - aggregations that need all series of a step at once: topk, bottomk, limitk,
 * limit_ratio, quantile, count_values. */
#include "promql/eval_private.h"
#include <stdlib.h>

typedef struct NodePick NodePick;
struct NodePick {
    PqlNode n;
    PqlNode *child;
    ScalarArg param;
    Gathered in;
    LabelMap keys;
    uint32_t *group; /* of each input series */
    size_t *first;   /* where the members of each group begin */
    size_t *members; /* input series, by group, in order of arrival */
    size_t step, next;
    bool grouped;
    Series *out; /* one per group, or one per input series */
    size_t out_count, out_cap;
    LabelMap out_keys; /* count_values */
    double *values;
    size_t *picked; /* members with a value at the step */
};

#define INT64_DOUBLE_MAX 9223372036854774784.0

/* ---- groups ---- */

static Labels key_of(NodePick *p, const Labels *l)
{
    const PqlExpr *x = p->n.x;
    Arena *a = &p->n.q->arena;
    return x->without ? labels_omit(a, l, &x->grouping, true) : labels_keep(a, l, &x->grouping);
}

static void make_groups(NodePick *p)
{
    Arena *a = &p->n.q->arena;
    bool made;
    p->group = ARENA_ARRAY(a, uint32_t, p->in.count + 1);
    label_map_init(&p->keys, a);
    for (size_t i = 0; i < p->in.count; i++) {
        Labels key = key_of(p, &p->in.items[i].labels);
        p->group[i] = label_map_put(&p->keys, &key, &made);
    }
    p->first = ARENA_ARRAY(a, size_t, p->keys.count + 2);
    p->members = ARENA_ARRAY(a, size_t, p->in.count + 1);
    for (size_t i = 0; i < p->in.count; i++)
        p->first[p->group[i] + 2]++;
    for (size_t g = 2; g < p->keys.count + 2; g++)
        p->first[g] += p->first[g - 1];
    for (size_t i = 0; i < p->in.count; i++)
        p->members[p->first[p->group[i] + 1]++] = i;
    p->values = ARENA_ARRAY(a, double, p->in.count + 1);
    p->picked = ARENA_ARRAY(a, size_t, p->in.count + 1);
}

/* A histogram has no rank and is not picked by it. */
static bool has_sample(NodePick *p, const Series *s, size_t step)
{
    PqlAgg agg = p->n.x->agg;
    if (!pql_missing(s->v[step]))
        return true;
    if (!series_hist(s, step))
        return false;
    if (agg == PA_LIMITK || agg == PA_LIMIT_RATIO)
        return true;
    pql_annotate(p->n.q, false, p->n.x->args[0]->begin, "ignored histogram in %s aggregation",
                 pql_agg_text(agg));
    return false;
}

/* Members of the group that have a value at the step. */
static size_t present(NodePick *p, size_t g, size_t step)
{
    size_t n = 0;
    for (size_t k = p->first[g]; k < p->first[g + 1]; k++)
        if (has_sample(p, &p->in.items[p->members[k]], step))
            p->picked[n++] = p->members[k];
    return n;
}

/* ---- topk, bottomk, limitk, limit_ratio: series stay what they are ---- */

static int by_rank(const void *a, const void *b, void *arg)
{
    const NodePick *p = arg;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    double l = p->in.items[i].v[p->step], r = p->in.items[k].v[p->step];
    if (isnan(l) != isnan(r))
        return isnan(l) ? 1 : -1;
    if (l < r || l > r)
        return (l > r) == (p->n.x->agg == PA_TOPK) ? -1 : 1;
    return (i > k) - (i < k);
}

static size_t choose(NodePick *p, size_t n, double param)
{
    if (p->n.x->agg == PA_LIMIT_RATIO) {
        double ratio = param < -1 ? -1 : param > 1 ? 1 : param;
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            double at =
                (double)labels_hash(&p->in.items[p->picked[i]].labels) / 18446744073709551616.0;
            if (ratio >= 0 ? at < ratio : at >= 1 + ratio)
                p->picked[kept++] = p->picked[i];
        }
        return kept;
    }
    if (p->n.x->agg != PA_LIMITK)
        qsort_r(p->picked, n, sizeof *p->picked, by_rank, p);
    if (param < 1)
        return 0;
    return param < (double)n ? (size_t)param : n;
}

static void pick_step(NodePick *p)
{
    bool instant = p->n.grid.count == 1;
    for (size_t g = 0; g < p->keys.count; g++) {
        size_t n = choose(p, present(p, g, p->step), p->param.v[p->step]);
        for (size_t k = 0; k < n; k++) {
            const Series *s = &p->in.items[p->picked[k]];
            if (instant) { /* in the order of rank */
                p->out[p->out_count++] = *s;
                continue;
            }
            Series *o = &p->out[p->picked[k]];
            if (!o->v) {
                *o = *s;
                o->v = pql_vector_new(p->n.q, &p->n.grid);
                o->h = s->h ? pql_hists_new(p->n.q, &p->n.grid) : NULL;
            }
            memcpy(&o->v[p->step], &s->v[p->step], sizeof *o->v);
            if (o->h)
                o->h[p->step] = s->h[p->step];
        }
    }
}

/* ---- quantile ---- */

static void quantile_step(NodePick *p)
{
    for (size_t g = 0; g < p->keys.count; g++) {
        size_t n = present(p, g, p->step);
        if (n == 0)
            continue;
        Series *o = &p->out[g];
        if (!o->v) {
            o->labels = p->keys.items[g];
            o->v = pql_vector_new(p->n.q, &p->n.grid);
        }
        for (size_t i = 0; i < n; i++) {
            p->values[i] = p->in.items[p->picked[i]].v[p->step];
            o->drop_name |= p->in.items[p->picked[i]].drop_name;
        }
        pql_sort_doubles(p->values, n);
        o->v[p->step] = pql_quantile(p->param.v[p->step], p->values, n);
    }
}

/* ---- count_values ---- */

void pql_put_plain(Buf *b, double v)
{
    Buf t;
    buf_init(&t);
    buf_put_f64(&t, v);
    const char *mark = memchr(t.ptr, 'e', t.len);
    if (!mark) {
        buf_put_slice(b, buf_slice(&t));
        buf_free(&t);
        return;
    }
    /* digits "d.ddd" times ten to the power */
    char digits[40];
    size_t n = 0, mantissa = (size_t)(mark - t.ptr);
    int64_t power = 0;
    bool minus = mark[1] == '-';
    for (const char *p = mark + 2; p < t.ptr + t.len; p++)
        power = power * 10 + (*p - '0');
    for (size_t i = 0; i < mantissa; i++)
        if (t.ptr[i] >= '0' && t.ptr[i] <= '9' && n < sizeof digits)
            digits[n++] = t.ptr[i];
    if (t.ptr[0] == '-')
        buf_puts(b, "-");
    if (minus) {
        buf_puts(b, "0.");
        for (int64_t i = 1; i < power; i++)
            buf_puts(b, "0");
        buf_put(b, digits, n);
    } else {
        for (int64_t i = 0; i <= power; i++)
            buf_put_u8(b, (uint8_t)((size_t)i < n ? digits[i] : '0'));
    }
    buf_free(&t);
}

static Series *counted(NodePick *p, const Labels *l)
{
    Arena *a = &p->n.q->arena;
    bool made;
    uint32_t at = label_map_put(&p->out_keys, l, &made);
    if (!made)
        return &p->out[at];
    if (at == p->out_cap) {
        size_t cap = p->out_cap ? p->out_cap * 2 : 16;
        Series *grown = ARENA_ARRAY(a, Series, cap);
        if (at)
            memcpy(grown, p->out, at * sizeof *grown);
        p->out = grown;
        p->out_cap = cap;
    }
    p->out_count = at + 1u;
    p->out[at] = (Series){.labels = p->out_keys.items[at], .v = pql_vector_new(p->n.q, &p->n.grid)};
    return &p->out[at];
}

static void count_values_step(NodePick *p)
{
    const PqlExpr *x = p->n.x;
    Slice label = pql_unparen(x->args[1])->string;
    Arena *a = &p->n.q->arena;
    Buf text;
    buf_init(&text);
    for (size_t i = 0; i < p->in.count; i++) {
        const Series *s = &p->in.items[i];
        if (series_missing(s, p->step))
            continue;
        buf_clear(&text);
        if (series_hist(s, p->step))
            hist_put_text(&text, s->h[p->step]);
        else
            pql_put_plain(&text, s->v[p->step]);
        ArenaMark mark = arena_mark(a);
        Labels l = p->keys.items[p->group[i]];
        bool hidden = x->without && names_have(&x->grouping, label);
        l = labels_set(a, &l, label, hidden ? slice_of("", 0) : arena_slice(a, buf_slice(&text)));
        uint32_t known;
        if (label_map_find(&p->out_keys, &l, &known)) { /* the usual case costs no memory */
            arena_rewind(a, mark);
            p->out[known].v[p->step] =
                pql_missing(p->out[known].v[p->step]) ? 1 : p->out[known].v[p->step] + 1;
            continue;
        }
        counted(p, &l)->v[p->step] = 1;
    }
    buf_free(&text);
}

/* ---- the node ---- */

static void warn_number(NodePick *p, double v, const char *what, const char *end)
{
    Buf b;
    buf_init(&b);
    buf_put_f64(&b, v);
    pql_annotate(p->n.q, true, p->n.x->args[1]->begin, "%s, got %.*s%s", what, (int)b.len, b.ptr,
                 end);
    buf_free(&b);
}

static bool check_param(NodePick *p, Err *e)
{
    PqlAgg agg = p->n.x->agg;
    for (size_t i = 0; i < p->n.grid.count; i++) {
        double v = p->param.v[i];
        if (agg == PA_QUANTILE) {
            if (!(v >= 0 && v <= 1))
                warn_number(p, v, "quantile value should be between 0 and 1", "");
        } else if (agg == PA_LIMIT_RATIO) {
            if (isnan(v))
                return err_set(e, ERR_CARDINALITY, "Ratio value is NaN");
            if (v < -1 || v > 1)
                warn_number(p, v, "ratio value should be between -1 and 1",
                            v > 1 ? ", capping to 1" : ", capping to -1");
        } else if (isnan(v)) {
            return err_set(e, ERR_CARDINALITY, "Parameter value is NaN");
        } else if (v >= INT64_DOUBLE_MAX || v <= -9223372036854775808.0) {
            return err_set(e, ERR_CARDINALITY, "Scalar value %g %s int64", v,
                           v > 0 ? "overflows" : "underflows");
        }
    }
    return true;
}

static NdStatus pick_begin(NodePick *p, Err *e)
{
    NdStatus st;
    if (p->param.node && (st = scalar_ready(&p->param, e)) != ND_SERIES)
        return st;
    st = gather(p->child, &p->in, e);
    if (st != ND_END || p->grouped)
        return st;
    if (p->param.node && !check_param(p, e))
        return ND_FAIL;
    make_groups(p);
    p->grouped = true;
    if (p->n.x->agg != PA_COUNT_VALUES) {
        size_t most = p->keys.count > p->in.count ? p->keys.count : p->in.count;
        p->out = ARENA_ARRAY(&p->n.q->arena, Series, most + 1);
        p->out_count = p->n.x->agg == PA_QUANTILE ? p->keys.count
                       : p->n.grid.count == 1     ? 0
                                                  : p->in.count;
    }
    return ND_END;
}

static NdStatus pick_next(PqlNode *n, Series *out, Err *e)
{
    NodePick *p = (NodePick *)n;
    NdStatus st = pick_begin(p, e);
    if (st != ND_END)
        return st;
    for (; p->step < n->grid.count; p->step++) {
        if (pql_pause(n->q))
            return ND_YIELD;
        if (n->x->agg == PA_COUNT_VALUES)
            count_values_step(p);
        else if (n->x->agg == PA_QUANTILE)
            quantile_step(p);
        else
            pick_step(p);
    }
    while (p->next < p->out_count && !p->out[p->next].v)
        p->next++;
    if (p->next == p->out_count)
        return ND_END;
    *out = p->out[p->next++];
    return ND_SERIES;
}

static const NodeDef def_pick = {.next = pick_next};

PqlNode *build_pick(PqlBuild *b, const PqlExpr *x)
{
    NodePick *p = (NodePick *)pql_node_new(b, sizeof *p, &def_pick, x);
    p->child = pql_build_all(b, x->args[0]);
    if (!p->child)
        return NULL;
    if (x->agg == PA_COUNT_VALUES) {
        Slice label = pql_unparen(x->args[1])->string;
        if (label.len == 0 || !slice_utf8_valid(label)) {
            err_set(b->e, ERR_CARDINALITY, "invalid label name %.*s", SLICE_ARG(label));
            return NULL;
        }
        label_map_init(&p->out_keys, &b->q->arena);
        return &p->n;
    }
    p->param.node = pql_build(b, x->args[1]);
    p->n.one_name = p->child->one_name;
    return p->param.node ? &p->n : NULL;
}
