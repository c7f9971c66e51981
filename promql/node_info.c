/* promql/node_info.c - info(v [, {matchers}]): labels of info metrics, found by instance and job.
 *
 * Both sides are gathered.  At each step the newest sample of an info metric with the same instance and
 * job lends its labels to a series, so that a series may get others from step to step. */
#include "promql/eval_private.h"

#define NAME     SLICE_LIT("__name__")
#define INSTANCE SLICE_LIT("instance")
#define JOB      SLICE_LIT("job")

typedef struct Matcher {
    const PqlLabelMatch *m;
    Regex *re;
} Matcher;

typedef struct NodeInfo {
    PqlNode n;
    PqlNode *base, *info;
    Matcher *matchers; /* of the second argument; on the name always some */
    size_t matcher_count;
    bool needed; /* without an info series there is no result */
    Gathered in, infos;
    LabelMap signatures; /* name, instance, job of info series */
    uint32_t *signature; /* of each info series */
    Slice *names;        /* of info metrics */
    size_t name_count;
    int32_t *wanted; /* signatures by base series and name; -1: none has it */
    uint32_t *best;  /* by signature, at the step: info series + 1 */
    uint32_t *lent;  /* by base series and name: `best` of the labels made last */
    uint32_t *made;  /* by base series: its output, + 1 */
    bool *plain;     /* base series that are info series themselves */
    LabelMap keys;
    Series *out;
    size_t out_cap, step, next;
    bool ready;
    Arena scratch;
} NodeInfo;

/* ---- matchers ---- */

static bool matches(const Matcher *m, Slice value, bool *hit, Err *e)
{
    if (m->re && !regex_match(m->re, value, hit, e))
        return false;
    if (!m->re)
        *hit = slice_eq(value, m->m->value);
    *hit = *hit == (m->m->op == PM_EQ || m->m->op == PM_RE);
    return true;
}

static bool is_name(const Matcher *m)
{
    return slice_eq(m->m->name, NAME);
}

/* An info series is left as it is. */
static bool is_info(const NodeInfo *f, Slice name, bool *out, Err *e)
{
    *out = true;
    for (size_t i = 0; i < f->matcher_count && *out; i++)
        if (is_name(&f->matchers[i]) && !matches(&f->matchers[i], name, out, e))
            return false;
    return true;
}

/* Only labels that matchers name are lent; without any, all. */
static bool is_lent(const NodeInfo *f, Slice label)
{
    bool any = false;
    if (slice_eq(label, NAME))
        return false;
    for (size_t i = 0; i < f->matcher_count; i++) {
        if (is_name(&f->matchers[i]))
            continue;
        any = true;
        if (slice_eq(f->matchers[i].m->name, label))
            return true;
    }
    return !any;
}

/* ---- who belongs together ---- */

static Labels signature_of(Arena *a, Slice name, const Labels *l)
{
    Slice same[] = {INSTANCE, JOB};
    PqlNames names = {same, ARRAY_LEN(same)};
    Labels key = labels_keep(a, l, &names);
    return labels_set(a, &key, NAME, name);
}

static void add_name(NodeInfo *f, Slice name)
{
    for (size_t i = 0; i < f->name_count; i++)
        if (slice_eq(f->names[i], name))
            return;
    f->names[f->name_count++] = name;
}

/* A label that some series has must stand on the info series, too. */
static bool has_all(const Labels *l, const bool need[2])
{
    return (!need[0] || labels_get(l, INSTANCE).len) && (!need[1] || labels_get(l, JOB).len);
}

static void sign_infos(NodeInfo *f)
{
    Arena *a = &f->n.q->arena;
    bool need[2] = {false, false}, made;
    for (size_t k = 0; k < f->in.count; k++) {
        need[0] |= !f->plain[k] && labels_get(&f->in.items[k].labels, INSTANCE).len;
        need[1] |= !f->plain[k] && labels_get(&f->in.items[k].labels, JOB).len;
    }
    f->signature = ARENA_ARRAY(a, uint32_t, f->infos.count + 1);
    f->names = ARENA_ARRAY(a, Slice, f->infos.count + 1);
    label_map_init(&f->signatures, a);
    size_t kept = 0;
    for (size_t i = 0; i < f->infos.count; i++) {
        const Labels *l = &f->infos.items[i].labels;
        if (!(need[0] || need[1]) || !has_all(l, need))
            continue;
        Slice name = labels_get(l, NAME);
        Labels key = signature_of(a, name, l);
        add_name(f, name);
        f->infos.items[kept] = f->infos.items[i];
        f->signature[kept++] = label_map_put(&f->signatures, &key, &made);
    }
    f->infos.count = kept;
}

static bool make_pairs(NodeInfo *f, Err *e)
{
    Arena *a = &f->n.q->arena;
    f->plain = ARENA_ARRAY(a, bool, f->in.count + 1);
    for (size_t k = 0; k < f->in.count; k++)
        if (!is_info(f, labels_get(&f->in.items[k].labels, NAME), &f->plain[k], e))
            return false;
    sign_infos(f);
    size_t pairs = f->in.count * f->name_count + 1;
    f->wanted = ARENA_ARRAY(a, int32_t, pairs);
    f->lent = ARENA_ARRAY(a, uint32_t, pairs);
    f->made = ARENA_ARRAY(a, uint32_t, f->in.count + 1);
    f->best = ARENA_ARRAY(a, uint32_t, f->signatures.count + 1);
    for (size_t k = 0; k < f->in.count; k++)
        for (size_t j = 0; j < f->name_count; j++) {
            uint32_t at;
            arena_reset(&f->scratch);
            Labels key = signature_of(&f->scratch, f->names[j], &f->in.items[k].labels);
            bool found = key.count > 1 && label_map_find(&f->signatures, &key, &at);
            f->wanted[k * f->name_count + j] = found ? (int32_t)at : -1;
        }
    label_map_init(&f->keys, a);
    return true;
}

/* ---- steps ---- */

static bool duplicate(const Series *before, const Series *s, size_t i, Err *e)
{
    Buf l, r;
    buf_init(&l);
    buf_init(&r);
    labels_print(&l, &before->labels);
    labels_print(&r, &s->labels);
    err_set(e, ERR_CARDINALITY,
            "found duplicate series for info metric: existing %.*s @ %lld, new %.*s @ %lld",
            (int)l.len, l.ptr, (long long)(before->v[i] * 1000), (int)r.len, r.ptr,
            (long long)(s->v[i] * 1000));
    buf_free(&l);
    buf_free(&r);
    return false;
}

/* The newest sample of each signature: the values of info series are the times of their samples. */
static bool find_best(NodeInfo *f, size_t i, Err *e)
{
    memset(f->best, 0, f->signatures.count * sizeof *f->best);
    for (size_t k = 0; k < f->infos.count; k++) {
        const Series *s = &f->infos.items[k];
        uint32_t *best = &f->best[f->signature[k]];
        if (series_hist(s, i))
            return err_set(e, ERR_CARDINALITY, "info sample should be float");
        if (pql_missing(s->v[i]))
            continue;
        const Series *before = *best ? &f->infos.items[*best - 1] : NULL;
        if (before && before->v[i] == s->v[i])
            return duplicate(before, s, i, e);
        if (!before || before->v[i] < s->v[i])
            *best = (uint32_t)k + 1;
    }
    return true;
}

static bool lend(NodeInfo *f, const Labels *base, const Labels *info, Labels *out, Err *e)
{
    for (size_t i = 0; i < info->count; i++) {
        PqlLabel l = info->items[i];
        if (!is_lent(f, l.name) || labels_get(base, l.name).len)
            continue;
        Slice has = labels_get(out, l.name);
        if (has.len && !slice_eq(has, l.value))
            return err_set(e, ERR_CARDINALITY, "conflicting label: %.*s", SLICE_ARG(l.name));
        *out = labels_set(&f->scratch, out, l.name, l.value);
    }
    return true;
}

static uint32_t output_of(NodeInfo *f, const Labels *l, bool drop_name)
{
    PqlQuery *q = f->n.q;
    bool made;
    uint32_t at = label_map_put(&f->keys, l, &made);
    if (!made)
        return at;
    if (at == f->out_cap) {
        size_t cap = f->out_cap ? f->out_cap * 2 : 16;
        Series *grown = ARENA_ARRAY(&q->arena, Series, cap);
        if (at)
            memcpy(grown, f->out, at * sizeof *grown);
        f->out = grown;
        f->out_cap = cap;
    }
    f->out[at] = (Series){
        .labels = f->keys.items[at], .drop_name = drop_name, .v = pql_vector_new(q, &f->n.grid)};
    return at;
}

/* The output of a base series at the step, as it was the step before if the same lend; *out NULL: none. */
static bool enriched(NodeInfo *f, size_t k, Series **out, Err *e)
{
    const Series *s = &f->in.items[k];
    const int32_t *wanted = f->wanted + k * f->name_count;
    uint32_t *lent = f->lent + k * f->name_count;
    bool same = f->made[k] != 0, some = false;
    for (size_t j = 0; j < f->name_count; j++) {
        uint32_t best = !f->plain[k] && wanted[j] >= 0 ? f->best[wanted[j]] : 0;
        same &= lent[j] == best;
        some |= best != 0;
        lent[j] = best;
    }
    *out = NULL;
    if (!some && f->needed && !f->plain[k])
        return true;
    if (!same) {
        arena_reset(&f->scratch);
        Labels l = s->labels;
        for (size_t j = 0; j < f->name_count; j++)
            if (lent[j] && !lend(f, &s->labels, &f->infos.items[lent[j] - 1].labels, &l, e))
                return false;
        f->made[k] = output_of(f, &l, s->drop_name) + 1;
    }
    *out = &f->out[f->made[k] - 1];
    return true;
}

static bool info_step(NodeInfo *f, size_t i, Err *e)
{
    if (!find_best(f, i, e))
        return false;
    for (size_t k = 0; k < f->in.count; k++) {
        const Series *s = &f->in.items[k];
        Series *out;
        if (series_missing(s, i))
            continue;
        if (!enriched(f, k, &out, e))
            return false;
        if (!out)
            continue;
        if (!series_missing(out, i))
            return err_set(e, ERR_CARDINALITY,
                           "vector cannot contain metrics with the same labelset");
        if (series_hist(s, i) && !out->h)
            out->h = pql_hists_new(f->n.q, &f->n.grid);
        if (out->h)
            out->h[i] = series_hist(s, i);
        memcpy(&out->v[i], &s->v[i], sizeof s->v[i]);
    }
    return true;
}

/* ---- the node ---- */

static NdStatus info_next(PqlNode *n, Series *out, Err *e)
{
    NodeInfo *f = (NodeInfo *)n;
    NdStatus st = gather(f->base, &f->in, e);
    if (st != ND_END || (st = gather(f->info, &f->infos, e)) != ND_END)
        return st;
    if (!f->ready && !make_pairs(f, e))
        return ND_FAIL;
    f->ready = true;
    for (; f->step < n->grid.count; f->step++) {
        if (pql_pause(n->q))
            return ND_YIELD;
        if (!info_step(f, f->step, e) || !budget_check(&n->q->budget, e))
            return ND_FAIL;
    }
    if (f->next == f->keys.count)
        return ND_END;
    *out = f->out[f->next++];
    return ND_SERIES;
}

static void info_close(PqlNode *n)
{
    NodeInfo *f = (NodeInfo *)n;
    for (size_t i = 0; i < f->matcher_count; i++)
        regex_free(f->matchers[i].re);
    arena_free(&f->scratch);
}

static const NodeDef def_info = {.next = info_next, .close = info_close};

/* When info series are looked at: as of the first selector of the argument. */
static bool find_time(const PqlQuery *q, const PqlExpr *x, PqlExpr *out)
{
    x = pql_unparen(x);
    if (x->kind == PX_VECTOR || x->kind == PX_SUBQUERY) {
        if (x->at != PT_NONE) {
            out->at = PT_TIME;
            out->at_ms = pql_at_ms(q, x);
            out->offset_ms = 0;
        }
        out->offset_ms += pql_offset_ms(q, x);
    }
    if (x->kind == PX_VECTOR)
        return true;
    for (size_t i = 0; i < x->arg_count; i++)
        if (find_time(q, x->args[i], out))
            return true;
    return false;
}

static bool compile(NodeInfo *f, const PqlLabelMatch *all, size_t n, Err *e)
{
    f->matchers = ARENA_ARRAY(&f->n.q->arena, Matcher, n);
    for (size_t i = 0; i < n; i++) {
        Matcher *m = &f->matchers[f->matcher_count++];
        bool empty;
        m->m = &all[i];
        if ((m->m->op == PM_RE || m->m->op == PM_NRE) &&
            !regex_compile(&m->re, m->m->value, REGEX_RE2, 0, e))
            return false;
        if (!matches(m, slice_of("", 0), &empty, e))
            return false;
        f->needed |= !is_name(m) && !empty;
    }
    return true;
}

/* The matchers as written; target_info, or *_info, where they name no metric. */
static PqlExpr *info_selector(PqlBuild *b, const PqlExpr *call)
{
    const PqlExpr *given = call->arg_count > 1 ? pql_unparen(call->args[1]) : NULL;
    size_t n = given ? given->match_count : 0;
    PqlExpr *x = ARENA_NEW(&b->q->arena, PqlExpr);
    bool any = false, positive = false;
    x->kind = PX_VECTOR;
    x->type = PQL_VECTOR;
    x->begin = call->begin;
    x->matches = ARENA_ARRAY(&b->q->arena, PqlLabelMatch, n + 1);
    for (size_t i = 0; i < n; i++) {
        x->matches[i] = given->matches[i];
        bool name = slice_eq(given->matches[i].name, NAME);
        any |= name;
        positive |= name && (given->matches[i].op == PM_EQ || given->matches[i].op == PM_RE);
    }
    x->match_count = n;
    if (!positive)
        x->matches[x->match_count++] =
            (PqlLabelMatch){.name = NAME,
                            .value = any ? SLICE_LIT(".+_info") : SLICE_LIT("target_info"),
                            .op = any ? PM_RE : PM_EQ};
    find_time(b->q, call->args[0], x);
    return x;
}

PqlNode *build_info(PqlBuild *b, const PqlExpr *call)
{
    NodeInfo *f = (NodeInfo *)pql_node_new(b, sizeof *f, &def_info, call);
    arena_init(&f->scratch, &b->q->budget);
    PqlExpr *selector = info_selector(b, call);
    if (!compile(f, selector->matches, selector->match_count, b->e))
        return NULL;
    f->base = pql_build_all(b, call->args[0]);
    f->info = f->base ? build_selector(b, selector, SV_TIME) : NULL;
    if (!f->info)
        return NULL;
    f->n.one_name = f->base->one_name;
    return &f->n;
}
