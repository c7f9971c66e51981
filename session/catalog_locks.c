/* session/catalog_locks.c - who has or waits for which lock: pg_locks, pg_blocking_pids().
 *
 * The write lock of a table lets others read and insert: of PostgreSQL's modes it is nearest to
 * ShareRowExclusiveLock. */
#include "exec/array.h"
#include "session/advisory.h"
#include "session/catalog_private.h"
#include "storage/engine.h"

typedef struct LockRow {
    bool advisory;
    AdvisoryKey key; /* or */
    TableId table;
    int32_t pid;
    bool shared, granted;
    int64_t since_us;
} LockRow;

typedef struct LockRows {
    Arena *arena;
    LockRow *rows;
    size_t count, cap;
} LockRows;

static void add_row(LockRows *r, LockRow row)
{
    if (r->count == r->cap) {
        LockRow *more = ARENA_ARRAY(r->arena, LockRow, 2 * r->cap + 16);
        if (r->count)
            memcpy(more, r->rows, r->count * sizeof *more);
        r->rows = more;
        r->cap = 2 * r->cap + 16;
    }
    r->rows[r->count++] = row;
}

static void add_advisory(void *arg, const AdvisoryKey *key, int32_t pid, bool shared,
                         int64_t since_us)
{
    add_row(arg, (LockRow){.advisory = true,
                           .key = *key,
                           .pid = pid,
                           .shared = shared,
                           .granted = since_us == 0,
                           .since_us = since_us});
}

static void add_table(void *arg, TableId table, int32_t pid, bool granted)
{
    add_row(arg, (LockRow){.table = table, .pid = pid, .granted = granted});
}

static LockRows all_locks(EvalCtx *ctx)
{
    Session *s = ctx->session;
    LockRows r = {.arena = ctx->arena};
    advisory_each(s->db, add_advisory, &r);
    engine_locks(s->db->engine, add_table, &r);
    return r;
}

static void emit(RowSink *sink, Arena *a, const CatalogSnap *cat, const LockRow *l)
{
    RowMaker r = {.n = 0};
    const TableDef *t = l->advisory ? NULL : cat_table_by_id(cat, l->table);
    row_text(&r, l->advisory ? "advisory" : "relation");
    row_i64(&r, l->advisory ? l->key.database : t ? t->database : 0);
    if (l->advisory) {
        row_nulls(&r, 5);
        row_i64(&r, l->key.high);
        row_i64(&r, l->key.low);
        row_i64(&r, l->key.two ? 2 : 1);
    } else {
        row_i64(&r, l->table);
        row_nulls(&r, 7);
    }
    row_slice(&r, arena_printf(a, "%d/0", l->pid));
    row_i64(&r, l->pid);
    row_text(&r, l->shared ? "ShareLock" : l->advisory ? "ExclusiveLock" : "ShareRowExclusiveLock");
    row_bool(&r, l->granted);
    row_bool(&r, false);
    if (l->since_us)
        row_i64(&r, l->since_us);
    else
        row_null(&r);
    row_sink_add(sink, r.v);
}

bool fill_pg_locks(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    LockRows r = all_locks(ctx);
    for (size_t i = 0; i < r.count; i++)
        emit(sink, ctx->arena, snapshot_catalog(snap), &r.rows[i]);
    return true;
}

static bool same_lock(const LockRow *a, const LockRow *b)
{
    if (a->advisory != b->advisory || a->table != b->table)
        return false;
    return !a->advisory || (a->key.database == b->key.database && a->key.high == b->key.high &&
                            a->key.low == b->key.low && a->key.two == b->key.two);
}

/* A lock is listed with those who have it before those who wait, in their order. */
bool fn_blocking_pids(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n, (void)e;
    LockRows r = all_locks(ctx);
    Value *pids = ARENA_ARRAY(ctx->arena, Value, r.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < r.count; i++) {
        const LockRow *w = &r.rows[i];
        if (w->granted || w->pid != args[0].u.i64)
            continue;
        for (size_t k = 0; k < i; k++)
            if (same_lock(&r.rows[k], w) && r.rows[k].pid != w->pid &&
                !(r.rows[k].shared && w->shared))
                pids[count++] = value_i64(r.rows[k].pid);
    }
    *out = value_array(array_new(ctx->arena, T_INT4, pids, count));
    return true;
}
