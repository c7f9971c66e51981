/* sqlts/analyze_sets.c - GROUPING SETS, ROLLUP, CUBE and GROUPING(): GROUP BY to sets of keys. */
#include "sqlts/analyze.h"

enum { SETS_MAX = 4096, CUBE_MAX = 12 };

typedef struct SetList {
    KeySet *items;
    size_t count, cap;
} SetList;

static bool item_sets(Analyzer *z, Scope *s, const SqlNode *n, Query *q, SetList *out, Err *e);

static KeySet joined(Analyzer *z, const KeySet *a, const KeySet *b)
{
    KeySet k = {ARENA_ARRAY(z->arena, size_t, a->count + b->count + 1), 0};
    for (size_t i = 0; i < a->count + b->count; i++) {
        size_t key = i < a->count ? a->keys[i] : b->keys[i - a->count];
        bool again = false;
        for (size_t j = 0; j < k.count && !again; j++)
            again = k.keys[j] == key;
        if (!again)
            k.keys[k.count++] = key;
    }
    return k;
}

static bool push(Analyzer *z, const SqlNode *at, SetList *l, KeySet k, Err *e)
{
    if (l->count >= SETS_MAX)
        return az_fail(z, at, ERR_TOO_COMPLEX, e, "too many grouping sets present (maximum %d)",
                       SETS_MAX);
    *AZ_PUSH(z, l->items, l->count, l->cap) = k;
    return true;
}

/* An expression, or several in parentheses: one set. */
static bool one_set(Analyzer *z, Scope *s, const SqlNode *n, Query *q, KeySet *out, Err *e)
{
    const NodeList *list = n->kind == N_ROW ? &((const NMulti *)n)->args : NULL;
    size_t count = list ? list->count : 1;
    *out = (KeySet){ARENA_ARRAY(z->arena, size_t, count + 1), 0};
    for (size_t i = 0; i < count; i++)
        if (!az_group_key(z, s, list ? list->items[i] : n, q, &out->keys[out->count++], e))
            return false;
    return true;
}

static bool rollup(Analyzer *z, const NMulti *n, const KeySet *parts, SetList *out, Err *e)
{
    for (size_t len = n->args.count + 1; len-- > 0;) {
        KeySet set = {0};
        for (size_t i = 0; i < len; i++)
            set = joined(z, &set, &parts[i]);
        if (!push(z, &n->n, out, set, e))
            return false;
    }
    return true;
}

static bool cube(Analyzer *z, const NMulti *n, const KeySet *parts, SetList *out, Err *e)
{
    if (n->args.count > CUBE_MAX)
        return az_fail(z, &n->n, ERR_TOO_COMPLEX, e, "CUBE is limited to %d elements", CUBE_MAX);
    for (uint32_t mask = UINT32_C(1) << n->args.count; mask-- > 0;) {
        KeySet set = {0};
        for (size_t i = 0; i < n->args.count; i++)
            if (mask >> (n->args.count - 1 - i) & 1)
                set = joined(z, &set, &parts[i]);
        if (!push(z, &n->n, out, set, e))
            return false;
    }
    return true;
}

static bool item_sets(Analyzer *z, Scope *s, const SqlNode *n, Query *q, SetList *out, Err *e)
{
    const NMulti *m = (const NMulti *)n;
    KeySet one = {0};
    if (n->kind != N_GROUP_SET)
        return one_set(z, s, n, q, &one, e) && push(z, n, out, one, e);
    if (m->form == 'e')
        return push(z, n, out, one, e);
    if (m->form == 's') {
        for (size_t i = 0; i < m->args.count; i++)
            if (!item_sets(z, s, m->args.items[i], q, out, e))
                return false;
        return true;
    }
    KeySet *parts = ARENA_ARRAY(z->arena, KeySet, m->args.count + 1);
    for (size_t i = 0; i < m->args.count; i++)
        if (!one_set(z, s, m->args.items[i], q, &parts[i], e))
            return false;
    return m->form == 'r' ? rollup(z, m, parts, out, e) : cube(z, m, parts, out, e);
}

/* GROUP BY a, ROLLUP(b): each set of one item with each of the others. */
static bool product(Analyzer *z, const SqlNode *at, const SetList *a, const SetList *b,
                    SetList *out, Err *e)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            if (!push(z, at, out, joined(z, &a->items[i], &b->items[j]), e))
                return false;
    return true;
}

static bool same_keys(const KeySet *a, const KeySet *b)
{
    size_t found = 0;
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            found += a->keys[i] == b->keys[j];
    return a->count == b->count && found == a->count;
}

/* GROUP BY DISTINCT */
static void drop_repeated(SetList *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        size_t k = 0;
        while (k < kept && !same_keys(&l->items[k], &l->items[i]))
            k++;
        if (k == kept)
            l->items[kept++] = l->items[i];
    }
    l->count = kept;
}

bool az_group_by(Analyzer *z, Scope *s, const NSelect *n, Query *q, Err *e)
{
    SetList all = {0};
    KeySet none = {0};
    bool any_sets = false;
    size_t ignored;
    s->place = PLACE_GROUP_BY;
    for (size_t i = 0; i < n->group.count; i++)
        any_sets |= n->group.items[i]->kind == N_GROUP_SET || n->group.items[i]->kind == N_ROW;
    for (size_t i = 0; !any_sets && i < n->group.count; i++)
        if (!az_group_key(z, s, n->group.items[i], q, &ignored, e))
            return false;
    if (!any_sets)
        return true;
    if (!push(z, &n->n, &all, none, e))
        return false;
    for (size_t i = 0; i < n->group.count; i++) {
        SetList item = {0}, both = {0};
        if (!item_sets(z, s, n->group.items[i], q, &item, e) ||
            !product(z, n->group.items[i], &all, &item, &both, e))
            return false;
        all = both;
    }
    if (n->group_distinct)
        drop_repeated(&all);
    /* one set of all keys is ordinary grouping */
    if (all.count == 1 && all.items[0].count == q->key_count)
        return true;
    q->sets = all.items;
    q->set_count = all.count;
    return true;
}

/* The nearest query whose columns it names, as of an aggregate. */
static Scope *grouping_owner(Analyzer *z, Scope *s, const Grouping *g)
{
    size_t level = NO_LEVEL;
    for (size_t i = 0; i < g->count; i++) {
        size_t of = az_vars_level(z, s, g->args[i]);
        level = of < level ? of : level;
    }
    for (; level > 0 && level != NO_LEVEL; level--)
        s = s->outer;
    return s;
}

bool az_grouping(Analyzer *z, Scope *s, const NMulti *n, Expr **out, Err *e)
{
    if (n->args.count > 31)
        return az_fail(z, &n->n, ERR_TOO_MANY_ARGUMENTS, e,
                       "GROUPING must have fewer than 32 arguments");
    Grouping g = {.count = n->args.count};
    g.args = ARENA_ARRAY(z->arena, Expr *, g.count + 1);
    g.keys = ARENA_ARRAY(z->arena, size_t, g.count + 1);
    for (size_t i = 0; i < g.count; i++)
        if (!az_expr(z, s, n->args.items[i], &g.args[i], e))
            return false;
    Scope *owner = grouping_owner(z, s, &g);
    const char *where = az_place_text(owner->place);
    if (where || !owner->query || owner->in_agg)
        return az_fail(z, &n->n, ERR_GROUPING, e, "grouping operations are not allowed %s%s",
                       where ? "in " : "here", where ? where : "");
    Query *q = owner->query;
    *AZ_PUSH(z, q->groupings, q->grouping_count, q->grouping_cap) = g;
    q->grouped = true;
    bool own = q == s->query;
    uint32_t index = (uint32_t)(q->grouping_count - 1);
    Expr *x = expr_new(z->arena, (ExprKind)(own ? QX_GROUPING : QX_OUTER_AGG), T_INT4, 0);
    x->index = own ? index : az_outer_agg(z, q, true, index);
    x->position = az_position(z, n->n.offset);
    *out = x;
    return true;
}

/* Each argument must be one of the keys. */
bool az_match_groupings(Query *q, Err *e)
{
    for (size_t i = 0; i < q->grouping_count; i++) {
        Grouping *g = &q->groupings[i];
        for (size_t a = 0; a < g->count; a++) {
            size_t k = 0;
            while (k < q->key_count && !qx_equal(q->keys[k], g->args[a]))
                k++;
            if (k == q->key_count) {
                err_set(e, ERR_GROUPING,
                        "arguments to GROUPING must be grouping expressions of the associated "
                        "query level");
                return err_at(e, g->args[a]->position);
            }
            g->keys[a] = k;
        }
    }
    return true;
}
