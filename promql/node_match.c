/* promql/node_match.c - operators between two vectors: matching by labels, set operators, fill.
 *
 * Both sides are gathered, their series fall into match groups, and the groups are worked off one
 * after the other, each over all steps: no lookup happens per step. */
#include "promql/eval_private.h"

typedef struct Side {
    PqlNode *node;
    Gathered in;
    size_t *first, *members; /* series of each match group */
    uint32_t *group;
    uint8_t *any; /* by step: does this side have a sample at all */
} Side;

typedef struct Output {
    Series s;
    uint32_t *mark; /* many-to-one: the group that gave a sample here, + 1, kept or not */
} Output;

typedef struct NodeMatch NodeMatch;
struct NodeMatch {
    PqlNode n;
    Side sides[2]; /* left and right as written */
    LabelMap keys, out_keys;
    Output *out;
    size_t out_cap, next;
    bool grouped;
    uint32_t at;      /* next match group */
    int32_t *partner; /* by step: series of the one side, -1 = none */
    uint8_t *matched; /* by step */
    Arena scratch;
};

#define SAME_LABELS "vector cannot contain metrics with the same labelset"

/* ---- groups ---- */

static Labels match_labels(const PqlExpr *x, Arena *a, const Labels *l)
{
    return x->on ? labels_keep(a, l, &x->matching) : labels_omit(a, l, &x->matching, true);
}

static void side_keys(NodeMatch *m, Side *s)
{
    bool made;
    s->group = ARENA_ARRAY(&m->n.q->arena, uint32_t, s->in.count + 1);
    s->any = ARENA_ARRAY(&m->n.q->arena, uint8_t, m->n.grid.count);
    for (size_t k = 0; k < s->in.count; k++) {
        const Series *in = &s->in.items[k];
        arena_reset(&m->scratch);
        Labels key = match_labels(m->n.x, &m->scratch, &in->labels);
        s->group[k] = label_map_put(&m->keys, &key, &made);
        for (size_t i = 0; i < m->n.grid.count; i++)
            s->any[i] |= !series_missing(in, i);
    }
}

static void side_members(NodeMatch *m, Side *s)
{
    Arena *a = &m->n.q->arena;
    s->first = ARENA_ARRAY(a, size_t, m->keys.count + 2);
    s->members = ARENA_ARRAY(a, size_t, s->in.count + 1);
    for (size_t k = 0; k < s->in.count; k++)
        s->first[s->group[k] + 2]++;
    for (size_t g = 2; g < m->keys.count + 2; g++)
        s->first[g] += s->first[g - 1];
    for (size_t k = 0; k < s->in.count; k++)
        s->members[s->first[s->group[k] + 1]++] = k;
}

static void make_groups(NodeMatch *m)
{
    label_map_init(&m->keys, &m->n.q->arena);
    label_map_init(&m->out_keys, &m->n.q->arena);
    for (int i = 0; i < 2; i++)
        side_keys(m, &m->sides[i]);
    for (int i = 0; i < 2; i++)
        side_members(m, &m->sides[i]);
    m->partner = ARENA_ARRAY(&m->n.q->arena, int32_t, m->n.grid.count);
    m->matched = ARENA_ARRAY(&m->n.q->arena, uint8_t, m->n.grid.count);
}

static Output *output_of(NodeMatch *m, const Labels *l, bool drop_name)
{
    PqlQuery *q = m->n.q;
    bool made;
    uint32_t at = label_map_put(&m->out_keys, l, &made);
    if (!made)
        return &m->out[at];
    if (at == m->out_cap) {
        size_t cap = m->out_cap ? m->out_cap * 2 : 16;
        Output *grown = ARENA_ARRAY(&q->arena, Output, cap);
        if (at)
            memcpy(grown, m->out, at * sizeof *grown);
        m->out = grown;
        m->out_cap = cap;
    }
    Output *o = &m->out[at];
    *o = (Output){.s = {m->out_keys.items[at], drop_name, pql_vector_new(q, &m->n.grid), NULL}};
    if (m->n.x->card != PC_ONE_TO_ONE)
        o->mark = ARENA_ARRAY(&q->arena, uint32_t, m->n.grid.count);
    return o;
}

static void put_sample(NodeMatch *m, Output *o, size_t i, double v, const Histogram *h)
{
    if (h && !o->s.h)
        o->s.h = pql_hists_new(m->n.q, &m->n.grid);
    if (o->s.h)
        o->s.h[i] = h;
    double none = pql_absent();
    memcpy(&o->s.v[i], h ? &none : &v, sizeof v);
}

/* ---- and, or, unless ---- */

static void group_presence(NodeMatch *m, const Side *s, uint32_t g)
{
    memset(m->matched, 0, m->n.grid.count);
    for (size_t k = s->first[g]; k < s->first[g + 1]; k++) {
        const Series *in = &s->in.items[s->members[k]];
        for (size_t i = 0; i < m->n.grid.count; i++)
            m->matched[i] |= !series_missing(in, i);
    }
}

/* Copies the samples of a group's series where the other side's presence is `want` (2 = always). */
static bool take_where(NodeMatch *m, const Side *s, uint32_t g, uint8_t want, Err *e)
{
    for (size_t k = s->first[g]; k < s->first[g + 1]; k++) {
        const Series *in = &s->in.items[s->members[k]];
        Output *o = NULL;
        for (size_t i = 0; i < m->n.grid.count; i++) {
            if (series_missing(in, i) || (want != 2 && m->matched[i] != want))
                continue;
            if (!o)
                o = output_of(m, &in->labels, in->drop_name);
            if (series_missing(&o->s, i))
                put_sample(m, o, i, in->v[i], series_hist(in, i));
            else
                return err_set(e, ERR_CARDINALITY, SAME_LABELS);
        }
    }
    return true;
}

static bool set_group(NodeMatch *m, uint32_t g, Err *e)
{
    const Side *l = &m->sides[0], *r = &m->sides[1];
    switch (m->n.x->op) {
    case PO_AND:
        group_presence(m, r, g);
        return take_where(m, l, g, 1, e);
    case PO_UNLESS:
        group_presence(m, r, g);
        return take_where(m, l, g, 0, e);
    default:
        if (!take_where(m, l, g, 2, e))
            return false;
        group_presence(m, l, g);
        return take_where(m, r, g, 0, e);
    }
}

/* ---- arithmetic and comparison ---- */

static bool duplicate(NodeMatch *m, const Labels *a, const Labels *b, Err *e)
{
    Buf t;
    buf_init(&t);
    if (labels_compare(a, b) < 0) { /* the text does not depend on the order of arrival */
        const Labels *swap = a;
        a = b;
        b = swap;
    }
    Labels key = match_labels(m->n.x, &m->n.q->arena, a);
    buf_puts(&t, "found duplicate series for the match group ");
    labels_print(&t, &key);
    buf_printf(&t, " on the %s hand-side of the operation: [",
               m->n.x->card == PC_ONE_TO_MANY ? "left" : "right");
    labels_print(&t, b);
    buf_puts(&t, ", ");
    labels_print(&t, a);
    buf_puts(&t, "];many-to-many matching not allowed: matching labels must be unique on one side");
    err_set(e, ERR_CARDINALITY, "%.*s",
            (int)(t.len < ERR_MESSAGE_MAX ? t.len : ERR_MESSAGE_MAX - 1), t.ptr);
    buf_free(&t);
    return false;
}

/* Who stands on the one side at each step. */
static bool find_partners(NodeMatch *m, const Side *one, uint32_t g, Err *e)
{
    const PqlExpr *x = m->n.x;
    bool fills = x->fill.left || x->fill.right;
    for (size_t i = 0; i < m->n.grid.count; i++)
        m->partner[i] = -1;
    for (size_t k = one->first[g]; k < one->first[g + 1]; k++) {
        const Series *s = &one->in.items[one->members[k]];
        for (size_t i = 0; i < m->n.grid.count; i++) {
            if (series_missing(s, i) || !(fills || (m->sides[0].any[i] && m->sides[1].any[i])))
                continue;
            if (m->partner[i] >= 0)
                return duplicate(m, &one->in.items[m->partner[i]].labels, &s->labels, e);
            m->partner[i] = (int32_t)one->members[k];
        }
    }
    return true;
}

static Labels result_labels(NodeMatch *m, const Labels *many, const Labels *one)
{
    const PqlExpr *x = m->n.x;
    Arena *a = &m->scratch;
    Labels l = *many;
    if (!pql_op_keeps_name(x->op) || (x->return_bool && !m->n.q->delayed_names))
        l = labels_drop_name(a, &l);
    if (x->card == PC_ONE_TO_ONE)
        l = x->on ? labels_keep(a, &l, &x->matching) : labels_omit(a, &l, &x->matching, false);
    for (size_t i = 0; i < x->include.count; i++)
        l = labels_set(a, &l, x->include.names[i], labels_get(one, x->include.names[i]));
    return l;
}

typedef struct Pair {
    const Labels *many, *one;
    bool drop_name;
    Output *out;
} Pair;

/* The result of the operator; false: none.  *fits false: nor 0 with bool. */
static bool operate(NodeMatch *m, const PqlSample *l, const PqlSample *r, PqlSample *out,
                    bool *fits)
{
    const PqlExpr *x = m->n.x;
    *fits = true;
    if (l->h || r->h || pql_op_trims(x->op)) {
        HistOperands o = {l->v, r->v, l->h, r->h};
        unsigned notes = 0;
        bool keep = pql_hist_operate(x->op, &o, out, &m->n.q->arena, &notes);
        if (notes)
            pql_tell_operator(m->n.q, x, &o, notes);
        *fits = !(notes & (HIST_MISFIT | HN_INCOMPATIBLE));
        return keep;
    }
    bool compares = pql_op_compares(x->op);
    *out = (PqlSample){compares ? l->v : pql_arith(x->op, l->v, r->v), NULL};
    return !compares || pql_compare(x->op, l->v, r->v);
}

/* One sample of each side at step i. */
static bool combine(NodeMatch *m, Pair *p, uint32_t g, size_t i, PqlSample many, PqlSample one,
                    Err *e)
{
    const PqlExpr *x = m->n.x;
    bool swapped = x->card == PC_ONE_TO_MANY, fits;
    PqlSample out;
    bool keep = operate(m, swapped ? &one : &many, swapped ? &many : &one, &out, &fits);
    if (x->card == PC_ONE_TO_ONE && m->matched[i])
        return err_set(e, ERR_CARDINALITY,
                       "multiple matches for labels: many-to-one matching must be explicit "
                       "(group_left/group_right)");
    m->matched[i] = 1;
    if (!fits)
        return true;
    if (!keep && !x->return_bool && x->card == PC_ONE_TO_ONE)
        return true;
    if (!p->out) {
        arena_reset(&m->scratch);
        Labels labels = result_labels(m, p->many, p->one);
        p->out = output_of(m, &labels, p->drop_name);
    }
    if (p->out->mark) {
        if (p->out->mark[i] == g + 1)
            return err_set(
                e, ERR_CARDINALITY,
                "multiple matches for labels: grouping labels must ensure unique matches");
        p->out->mark[i] = g + 1;
    }
    if (!keep && !x->return_bool)
        return true;
    if (!series_missing(&p->out->s, i))
        return err_set(e, ERR_CARDINALITY, SAME_LABELS);
    if (x->return_bool)
        out = (PqlSample){keep, NULL};
    put_sample(m, p->out, i, out.v, out.h);
    return true;
}

static PqlSample sample_of(const Series *s, size_t i)
{
    return (PqlSample){s->v[i], series_hist(s, i)};
}

/* One series of the many side, over all steps. */
static bool match_series(NodeMatch *m, const Series *s, const Side *one, uint32_t g,
                         const double *fill, Err *e)
{
    const PqlExpr *x = m->n.x;
    int32_t last = -2;
    Labels own = {0};
    Pair p = {.many = &s->labels};
    for (size_t i = 0; i < m->n.grid.count; i++) {
        int32_t k = m->partner[i];
        if (series_missing(s, i) || (k < 0 && !fill))
            continue;
        if (k != last) {
            p.out = NULL;
            p.one = k >= 0 ? &one->in.items[k].labels : &own;
            p.drop_name = x->return_bool || (pql_op_keeps_name(x->op) && s->drop_name);
            if (k < 0)
                own = match_labels(x, &m->n.q->arena, &s->labels);
            last = k;
        }
        PqlSample other = k >= 0 ? sample_of(&one->in.items[k], i) : (PqlSample){*fill, NULL};
        if (!combine(m, &p, g, i, sample_of(s, i), other, e))
            return false;
    }
    return true;
}

/* What is left over on the one side, against the fill value. */
static bool match_left_over(NodeMatch *m, const Side *one, uint32_t g, double fill, Err *e)
{
    int32_t last = -1;
    Labels many = {0};
    Pair p = {.many = &many, .drop_name = m->n.x->return_bool};
    for (size_t i = 0; i < m->n.grid.count; i++) {
        int32_t k = m->partner[i];
        if (k < 0 || m->matched[i])
            continue;
        if (k != last) {
            p.out = NULL;
            p.one = &one->in.items[k].labels;
            many = match_labels(m->n.x, &m->n.q->arena, p.one);
            last = k;
        }
        if (!combine(m, &p, g, i, (PqlSample){fill, NULL}, sample_of(&one->in.items[k], i), e))
            return false;
    }
    return true;
}

static bool match_group(NodeMatch *m, uint32_t g, Err *e)
{
    const PqlExpr *x = m->n.x;
    bool swapped = x->card == PC_ONE_TO_MANY;
    const Side *many = &m->sides[swapped], *one = &m->sides[!swapped];
    const double *fill_one = swapped ? (x->fill.left ? &x->fill.left_value : NULL)
                                     : (x->fill.right ? &x->fill.right_value : NULL);
    const double *fill_many = swapped ? (x->fill.right ? &x->fill.right_value : NULL)
                                      : (x->fill.left ? &x->fill.left_value : NULL);
    if (!find_partners(m, one, g, e))
        return false;
    memset(m->matched, 0, m->n.grid.count);
    for (size_t k = many->first[g]; k < many->first[g + 1]; k++)
        if (!match_series(m, &many->in.items[many->members[k]], one, g, fill_one, e))
            return false;
    return !fill_many || match_left_over(m, one, g, *fill_many, e);
}

/* ---- the node ---- */

static NdStatus match_begin(NodeMatch *m, Err *e)
{
    for (int i = 0; i < 2; i++) {
        NdStatus st = gather(m->sides[i].node, &m->sides[i].in, e);
        if (st != ND_END)
            return st;
    }
    if (!m->grouped)
        make_groups(m);
    m->grouped = true;
    return ND_END;
}

static NdStatus match_next(PqlNode *n, Series *out, Err *e)
{
    NodeMatch *m = (NodeMatch *)n;
    NdStatus st = match_begin(m, e);
    if (st != ND_END)
        return st;
    for (; m->at < m->keys.count; m->at++) {
        if (pql_pause(n->q))
            return ND_YIELD;
        bool ok = pql_op_is_set(n->x->op) ? set_group(m, m->at, e) : match_group(m, m->at, e);
        if (!ok || !budget_check(&n->q->budget, e))
            return ND_FAIL;
    }
    if (m->next == m->out_keys.count)
        return ND_END;
    *out = m->out[m->next++].s;
    return ND_SERIES;
}

static void match_close(PqlNode *n)
{
    arena_free(&((NodeMatch *)n)->scratch);
}

static const NodeDef def_match = {.next = match_next, .close = match_close};

static bool same_name(const NodeMatch *m)
{
    const PqlExpr *x = m->n.x;
    bool drops = (!pql_op_keeps_name(x->op) && !pql_op_is_set(x->op)) || x->return_bool;
    if (x->op == PO_OR)
        return false;
    return (drops && !m->n.q->delayed_names) || m->sides[x->card == PC_ONE_TO_MANY].node->one_name;
}

PqlNode *build_match(PqlBuild *b, const PqlExpr *x)
{
    NodeMatch *m = (NodeMatch *)pql_node_new(b, sizeof *m, &def_match, x);
    arena_init(&m->scratch, &b->q->budget);
    for (int i = 0; i < 2; i++) {
        m->sides[i].node = pql_build_all(b, x->args[i]);
        if (!m->sides[i].node)
            return NULL;
    }
    m->n.one_name = same_name(m) && !names_have(&x->include, SLICE_LIT("__name__"));
    return &m->n;
}
