/* promql/node_label.c - functions on labels and order: label_replace, label_join, sort, sort_by_label. */
#include "promql/eval_private.h"
#include <stdlib.h>

/* ---- label_replace, label_join ---- */

typedef struct NodeRelabel {
    PqlNode n;
    PqlNode *child;
    Regex *re;            /* NULL: label_join */
    Slice dst, src, text; /* replacement or separator */
    Slice *sources;
    size_t source_count;
    Buf value;
} NodeRelabel;

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void put_group(NodeRelabel *r, Slice name, Slice src, const RegexGroup *groups, size_t count)
{
    int64_t k;
    if (!slice_to_i64(name, &k))
        k = regex_group_number(r->re, name);
    if (k >= 0 && (size_t)k < count && groups[k].begin >= 0)
        buf_put(&r->value, src.ptr + groups[k].begin, (size_t)(groups[k].end - groups[k].begin));
}

/* $1, ${1}, $name, $$; the longest name counts: $1a is the group "1a". */
static void put_template(NodeRelabel *r, Slice src, const RegexGroup *groups, size_t count)
{
    Slice t = r->text;
    for (size_t i = 0; i < t.len; i++) {
        if (t.ptr[i] != '$' || i + 1 == t.len) {
            buf_put_u8(&r->value, (uint8_t)t.ptr[i]);
            continue;
        }
        if (t.ptr[i + 1] == '$') {
            buf_put_u8(&r->value, '$');
            i++;
            continue;
        }
        bool braces = t.ptr[i + 1] == '{';
        size_t from = i + 1 + braces, to = from;
        while (to < t.len && name_char(t.ptr[to]))
            to++;
        if (to == from || (braces && (to == t.len || t.ptr[to] != '}'))) {
            buf_put_u8(&r->value, '$'); /* not a reference: as it is */
            continue;
        }
        put_group(r, slice_of(t.ptr + from, to - from), src, groups, count);
        i = braces ? to : to - 1;
    }
}

/* *hit false: the expression does not match, the series stays as it is. */
static bool replace(NodeRelabel *r, const Series *s, bool *hit, Err *e)
{
    RegexGroup groups[REGEX_GROUPS_MAX + 1];
    size_t count = 0;
    Slice src = labels_get(&s->labels, r->src);
    if (!regex_groups(r->re, src, 0, groups, &count, e))
        return false;
    *hit = count > 0;
    if (*hit)
        put_template(r, src, groups, count);
    return true;
}

static void join(NodeRelabel *r, const Series *s)
{
    for (size_t i = 0; i < r->source_count; i++) {
        if (i)
            buf_put_slice(&r->value, r->text);
        buf_put_slice(&r->value, labels_get(&s->labels, r->sources[i]));
    }
}

static NdStatus relabel_next(PqlNode *n, Series *out, Err *e)
{
    NodeRelabel *r = (NodeRelabel *)n;
    NdStatus st = nd_next(r->child, out, e);
    if (st != ND_SERIES)
        return st;
    buf_clear(&r->value);
    bool hit = true;
    if (!r->re)
        join(r, out);
    else if (!replace(r, out, &hit, e))
        return ND_FAIL;
    if (!hit)
        return ND_SERIES;
    Arena *a = &n->q->arena;
    out->labels = labels_set(a, &out->labels, r->dst, arena_slice(a, buf_slice(&r->value)));
    if (slice_eq_cstr(r->dst, "__name__"))
        out->drop_name = false;
    return ND_SERIES;
}

static void relabel_close(PqlNode *n)
{
    NodeRelabel *r = (NodeRelabel *)n;
    regex_free(r->re);
    buf_free(&r->value);
}

static const NodeDef def_relabel = {.next = relabel_next, .close = relabel_close};

static Slice text_arg(const PqlExpr *call, size_t i)
{
    return pql_unparen(call->args[i])->string;
}

static bool check_label(PqlBuild *b, Slice name, const char *what, const char *func)
{
    if (name.len && slice_utf8_valid(name))
        return true;
    return err_set(b->e, ERR_CARDINALITY, "invalid %s label name in %s(): %.*s", what, func,
                   SLICE_ARG(name));
}

static NodeRelabel *relabel_new(PqlBuild *b, const PqlExpr *call)
{
    NodeRelabel *r = (NodeRelabel *)pql_node_new(b, sizeof *r, &def_relabel, call);
    buf_init(&r->value);
    r->dst = text_arg(call, 1);
    r->text = text_arg(call, 2);
    r->child = pql_build_all(b, call->args[0]);
    return r->child && check_label(b, r->dst, "destination", call->func->name) ? r : NULL;
}

static PqlNode *relabel_done(PqlBuild *b, NodeRelabel *r)
{
    r->n.one_name = r->child->one_name && !slice_eq_cstr(r->dst, "__name__");
    return build_merge(b, &r->n, false);
}

PqlNode *build_label_replace(PqlBuild *b, const PqlExpr *call)
{
    NodeRelabel *r = relabel_new(b, call);
    Slice pattern = text_arg(call, 4);
    Err why;
    if (!r)
        return NULL;
    r->src = text_arg(call, 3);
    err_clear(&why);
    if (!regex_compile(&r->re, pattern, REGEX_RE2, 0, &why)) {
        err_set(b->e, ERR_CARDINALITY, "invalid regular expression in label_replace(): %.*s",
                SLICE_ARG(pattern));
        return NULL;
    }
    return relabel_done(b, r);
}

PqlNode *build_label_join(PqlBuild *b, const PqlExpr *call)
{
    NodeRelabel *r = relabel_new(b, call);
    if (!r)
        return NULL;
    r->sources = ARENA_ARRAY(&b->q->arena, Slice, call->arg_count);
    for (size_t i = 3; i < call->arg_count; i++) {
        Slice s = r->sources[r->source_count++] = text_arg(call, i);
        if (!check_label(b, s, "source", call->func->name))
            return NULL;
    }
    return relabel_done(b, r);
}

/* ---- order ---- */

typedef struct NodeSort {
    PqlNode n;
    PqlNode *child;
    Gathered in;
    const Series **order;
    size_t count, next;
    bool by_label, descending;
    Slice *names;
    size_t name_count;
} NodeSort;

/* Digits compare as numbers, all else as bytes. */
static int natural_compare(Slice a, Slice b)
{
    size_t i = 0, k = 0;
    while (i < a.len && k < b.len) {
        bool digits = a.ptr[i] >= '0' && a.ptr[i] <= '9' && b.ptr[k] >= '0' && b.ptr[k] <= '9';
        if (!digits) {
            if (a.ptr[i] != b.ptr[k])
                return (unsigned char)a.ptr[i] < (unsigned char)b.ptr[k] ? -1 : 1;
            i++;
            k++;
            continue;
        }
        while (i < a.len && a.ptr[i] == '0')
            i++;
        while (k < b.len && b.ptr[k] == '0')
            k++;
        size_t from_a = i, from_b = k;
        while (i < a.len && a.ptr[i] >= '0' && a.ptr[i] <= '9')
            i++;
        while (k < b.len && b.ptr[k] >= '0' && b.ptr[k] <= '9')
            k++;
        if (i - from_a != k - from_b)
            return i - from_a < k - from_b ? -1 : 1;
        int c = memcmp(a.ptr + from_a, b.ptr + from_b, i - from_a);
        if (c)
            return c;
    }
    return (a.len - i > b.len - k) - (a.len - i < b.len - k);
}

static int compare_labels(const NodeSort *s, const Series *a, const Series *b)
{
    int c = 0;
    for (size_t i = 0; i < s->name_count && c == 0; i++) {
        Slice l = labels_get(&a->labels, s->names[i]), r = labels_get(&b->labels, s->names[i]);
        if (!slice_eq(l, r))
            c = natural_compare(l, r);
    }
    if (c == 0)
        c = labels_compare(&a->labels, &b->labels);
    return s->descending ? -c : c;
}

/* NaN comes last both ways; what is equal keeps its order. */
static int compare_values(const NodeSort *s, const Series *a, const Series *b)
{
    double l = a->v[0], r = b->v[0];
    if (isnan(l) || isnan(r))
        return isnan(l) == isnan(r) ? 0 : isnan(l) ? 1 : -1;
    if (l == r)
        return 0;
    return (l < r) == !s->descending ? -1 : 1;
}

static int compare_series(const void *a, const void *b, void *arg)
{
    const NodeSort *s = arg;
    const Series *l = *(const Series *const *)a, *r = *(const Series *const *)b;
    int c = s->by_label ? compare_labels(s, l, r) : compare_values(s, l, r);
    return c ? c : (l > r) - (l < r);
}

static NdStatus sort_next(PqlNode *n, Series *out, Err *e)
{
    NodeSort *s = (NodeSort *)n;
    NdStatus st = gather(s->child, &s->in, e);
    if (st != ND_END)
        return st;
    if (!s->order) {
        s->order = ARENA_ARRAY(&n->q->arena, const Series *, s->in.count + 1);
        for (size_t i = 0; i < s->in.count; i++) {
            Series *in = &s->in.items[i];
            if (!s->by_label)
                in->h = NULL; /* histograms have no order */
            if (series_any(in, &n->grid))
                s->order[s->count++] = in;
        }
        if (n->grid.count == 1) /* a range has no order but its labels' */
            qsort_r(s->order, s->count, sizeof *s->order, compare_series, s);
    }
    if (s->next == s->count)
        return ND_END;
    *out = *s->order[s->next++];
    return ND_SERIES;
}

static const NodeDef def_sort = {.next = sort_next};

static NodeSort *sort_new(PqlBuild *b, const PqlExpr *call, const char *descending)
{
    NodeSort *s = (NodeSort *)pql_node_new(b, sizeof *s, &def_sort, call);
    s->descending = strcmp(call->func->name, descending) == 0;
    if (b->q->r.range)
        pql_annotate(
            b->q, true, call->begin,
            "sort is ineffective for range queries since results are always ordered by labels");
    s->child = pql_build_all(b, call->args[0]);
    if (!s->child)
        return NULL;
    s->n.one_name = s->child->one_name;
    return s;
}

PqlNode *build_sort(PqlBuild *b, const PqlExpr *call)
{
    NodeSort *s = sort_new(b, call, "sort_desc");
    return s ? &s->n : NULL;
}

PqlNode *build_sort_by_label(PqlBuild *b, const PqlExpr *call)
{
    NodeSort *s = sort_new(b, call, "sort_by_label_desc");
    if (!s)
        return NULL;
    s->by_label = true;
    s->names = ARENA_ARRAY(&b->q->arena, Slice, call->arg_count);
    for (size_t i = 1; i < call->arg_count; i++)
        s->names[s->name_count++] = text_arg(call, i);
    return &s->n;
}
