/* exec/jsonb_order.c - order, equality and hash of jsonb, as PostgreSQL's compareJsonbContainers.
 *
 * Objects are above arrays, arrays above bool, number, string, null; longer containers above shorter ones.
 * At the top a scalar counts as an array of one, so that [] is below every scalar. */
#include "base/hash.h"
#include "exec/numeric.h"
#include "exec/type_json.h"
#include "exec/type_private.h"

static int rank(JsonKind k)
{
    static const int ranks[] = {[JSON_NULL] = 0, [JSON_STRING] = 1, [JSON_NUMBER] = 2,
                                [JSON_BOOL] = 3, [JSON_ARRAY] = 4,  [JSON_OBJECT] = 5};
    return ranks[k];
}

static int compare_numbers(Slice x, Slice y, Arena *a)
{
    Num p, q;
    if (slice_eq(x, y))
        return 0;
    if (num_parse(x, a, &p) != NUM_PARSE_OK || num_parse(y, a, &q) != NUM_PARSE_OK)
        return slice_cmp(x, y);
    return num_cmp(&p, &q);
}

static int sign(int64_t x)
{
    return (x > 0) - (x < 0);
}

static int compare_members(Slice x, Slice y, Arena *a)
{
    JsonIter p = json_iter(x), q = json_iter(y);
    Slice kp, kq, vp, vq;
    int c = sign(json_length(x, a) - json_length(y, a));
    while (c == 0 && json_next(&p, a, &kp, &vp) && json_next(&q, a, &kq, &vq)) {
        c = p.object ? slice_cmp(kp, kq) : 0;
        c = c ? c : jsonb_compare_inner(vp, vq, a);
    }
    return c;
}

int jsonb_compare_inner(Slice x, Slice y, Arena *a)
{
    JsonKind kx = json_kind(x), ky = json_kind(y);
    if (kx != ky)
        return sign(rank(kx) - rank(ky));
    switch (kx) {
    case JSON_NULL:
        return 0;
    case JSON_BOOL:
        return (*x.ptr == 't') - (*y.ptr == 't');
    case JSON_NUMBER:
        return compare_numbers(x, y, a);
    case JSON_STRING:
        return slice_cmp(json_text(x, a), json_text(y, a));
    default:
        return compare_members(x, y, a);
    }
}

/* Keys and values of different kinds, a scalar beside an array: what only the top level has. */
static int compare_top(Slice x, Slice y, Arena *a)
{
    JsonKind kx = json_kind(x), ky = json_kind(y);
    bool sx = kx < JSON_ARRAY, sy = ky < JSON_ARRAY;
    if (sx == sy || kx == JSON_OBJECT || ky == JSON_OBJECT)
        return kx == JSON_OBJECT && sy   ? 1
               : ky == JSON_OBJECT && sx ? -1
                                         : jsonb_compare_inner(x, y, a);
    int64_t count = json_length(sx ? y : x, a);
    if (count == 0)
        return sx ? 1 : -1;
    return sx ? -1 : 1;
}

int cmp_jsonb(const Value *x, const Value *y)
{
    Arena a;
    if (slice_eq(x->u.str, y->u.str))
        return 0;
    arena_init(&a, NULL);
    int c = compare_top(x->u.str, y->u.str, &a);
    arena_free(&a);
    return c;
}

static uint64_t hash_value(Slice json, uint64_t h, Arena *a)
{
    JsonIter it = json_iter(json);
    Slice key, v;
    Num n;
    switch (json_kind(json)) {
    case JSON_NUMBER:
        return num_parse(json, a, &n) == NUM_PARSE_OK ? hash_mix(h, num_hash(&n)) : h;
    case JSON_ARRAY:
    case JSON_OBJECT:
        h = hash_mix(h, it.object ? 2 : 1);
        while (json_next(&it, a, &key, &v)) {
            if (it.object)
                h = hash_mix(h, hash64(key.ptr, key.len, 0));
            h = hash_value(v, h, a);
        }
        return h;
    default:
        return hash_mix(h, hash64(json.ptr, json.len, 0));
    }
}

uint64_t hash_jsonb(const Value *v)
{
    Arena a;
    arena_init(&a, NULL);
    uint64_t h = hash_value(v->u.str, 0, &a);
    arena_free(&a);
    return h;
}
