/* session/cluster_key.c - the clustering key of a table without tags, chosen from its first rows.
 *
 * The key says which values rows share over time: rows of one value become a series, so that they are
 * stored, pruned and aggregated as tagged ones.  It changes where rows go, never what they say
 * (docs/decisions/008-clustering-keys.md), so the choice may be wrong without harm, and it may be
 * made anew: each row's own series tells which values stand in tags.
 * A column qualifies when its values come back: the second half of the sample brings hardly any new
 * one.  Of texts the one with most values is taken (the others mostly follow from it); a NOT NULL
 * integer only if it tells rows of one time apart, which measurements do not. */
#include "session/session_private.h"

#include "base/hash.h"

enum {
    SAMPLE_MIN = 2048, /* rows, below which nothing can be said */
    VALUES_MIN = 2,
    ROWS_PER_VALUE_MIN = 2, /* in the sample; many more in the table, as values come back */
    NEW_SHARE = 16,         /* at most one in so many values is new in the second half */
};

bool cluster_type(uint32_t type)
{
    return type == T_TEXT || type == T_VARCHAR || type == T_INT2 || type == T_INT4 ||
           type == T_INT8;
}

bool cluster_possible(const TableDef *t)
{
    if (t->kind != TABLE_SERIES || t->duplicates != DUP_KEEP)
        return false;
    for (size_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].dropped && (t->columns[i].kind == COL_TAG || t->columns[i].clusters))
            return false;
    return true;
}

typedef struct Sample {
    const TableDef *table;
    const int16_t *columns; /* of each value of a row */
    size_t column_count;
    Value *const *rows;
    size_t count, time;
    uint64_t *slots; /* hashes that were seen; 0 = free */
    size_t mask;
} Sample;

typedef struct Distinct {
    size_t half, all; /* values in the first half, in all rows */
} Distinct;

static uint64_t value_hash(const Value *v, uint64_t seed)
{
    if (v->null)
        return seed * 31 + 1;
    return v->phys == PH_STR ? hash64(v->u.str.ptr, v->u.str.len, seed)
                             : hash64(&v->u.i64, sizeof v->u.i64, seed);
}

/* How many combinations of values these columns have. */
static Distinct distinct(Sample *s, const size_t *at, size_t n)
{
    Distinct d = {0};
    memset(s->slots, 0, (s->mask + 1) * sizeof *s->slots);
    for (size_t r = 0; r < s->count; r++) {
        uint64_t h = 0;
        for (size_t i = 0; i < n; i++)
            h = value_hash(&s->rows[r][at[i]], h);
        h |= 1;
        size_t k = (h >> 8) & s->mask;
        while (s->slots[k] && s->slots[k] != h)
            k = (k + 1) & s->mask;
        d.all += !s->slots[k];
        s->slots[k] = h;
        if (r < s->count / 2)
            d.half = d.all;
    }
    return d;
}

static bool comes_back(const Sample *s, Distinct d)
{
    return d.all >= VALUES_MIN && d.all * ROWS_PER_VALUE_MIN <= s->count &&
           (d.all - d.half) * NEW_SHARE <= d.all;
}

static bool is_text(uint32_t type)
{
    return type == T_TEXT || type == T_VARCHAR;
}

/* The best column beside those in `key`; false: none. */
static bool best_column(Sample *s, size_t *key, size_t n)
{
    size_t best = 0, times_at[3] = {s->time};
    memcpy(times_at + 1, key, n * sizeof *key);
    Distinct before = distinct(s, times_at, n + 1);
    if (n && before.all * 10 >= s->count * 9)
        return false; /* the key tells the rows of one time apart */
    for (size_t i = 0; i < s->column_count; i++) {
        const ColumnDef *c = &s->table->columns[s->columns[i]];
        bool text = is_text(c->type_oid);
        if (c->kind != COL_FIELD || !cluster_type(c->type_oid) || (!text && !c->not_null) ||
            (n && key[0] == i))
            continue;
        size_t at[3] = {s->time};
        memcpy(at + 1, key, n * sizeof *key);
        at[n + 1] = i;
        Distinct d = distinct(s, at + 1, n + 1);
        if (!comes_back(s, d) || d.all <= best)
            continue;
        if (!text || n) {
            Distinct apart = distinct(s, at, n + 2);
            if (apart.all * 10 < s->count * 9 || before.all * 2 > apart.all)
                continue;
        }
        best = d.all;
        key[n] = i;
    }
    return best > 0;
}

size_t cluster_choose(const TableDef *t, const int16_t *columns, size_t column_count,
                      Value *const *rows, size_t count, size_t *key)
{
    Sample s = {.table = t,
                .columns = columns,
                .column_count = column_count,
                .rows = rows,
                .count = count,
                .mask = 4096};
    size_t n = 0;
    for (size_t i = 0; i < column_count; i++)
        if (t->columns[columns[i]].kind == COL_TIME)
            s.time = i;
    if (count < SAMPLE_MIN)
        return 0;
    while (s.mask < count * 2)
        s.mask *= 2;
    s.mask--;
    s.slots = mem_zero((s.mask + 1) * sizeof *s.slots);
    while (n < CLUSTER_COLUMNS_MAX && best_column(&s, key, n))
        n++;
    mem_free(s.slots);
    return n;
}

/* ---- the catalog ---- */

static bool put_key(Session *s, const TableDef *t, const int16_t *columns, size_t n, Err *e)
{
    Arena a;
    arena_init(&a, NULL);
    TableDef *copy = table_def_copy(&a, t);
    for (size_t i = 0; i < n; i++)
        copy->columns[columns[i]].keyed = copy->columns[columns[i]].clusters = true;
    CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = t->version, .table = copy};
    CatalogSnap *shared = engine_catalog(s->db->engine);
    const TableDef *known = cat_table_by_id(shared, t->id);
    /* Not a part of the transaction unless the table is: nobody has to wait for its end. */
    bool ok = known && known->version == t->version ? engine_edit_catalog(s->db->engine, &c, 1, e)
                                                    : ddl_edit(s, &c, 1, e);
    cat_unref(shared);
    arena_free(&a);
    return ok;
}

void cluster_set_key(Session *s, TableDef *t, const int16_t *columns, size_t n)
{
    Err e;
    err_clear(&e);
    CatalogSnap *cat = session_catalog(s);
    const TableDef *now = cat_table_by_id(cat, t->id);
    /* Another session may have been faster, or the table has changed: then its word counts. */
    if (now && cluster_possible(now) && now->column_count == t->column_count)
        (void)put_key(s, now, columns, n, &e);
    cat_unref(cat);
    cluster_refresh(s, t);
}

void cluster_refresh(Session *s, TableDef *t)
{
    CatalogSnap *cat = session_catalog(s);
    const TableDef *now = cat_table_by_id(cat, t->id);
    for (size_t i = 0; now && i < now->column_count && i < t->column_count; i++) {
        t->columns[i].clusters = now->columns[i].clusters;
        t->columns[i].keyed = now->columns[i].keyed;
    }
    cat_unref(cat);
}
