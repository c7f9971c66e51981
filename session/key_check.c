/* session/key_check.c - PRIMARY KEY, UNIQUE: which of these new rows have a key that is taken?
 *
 * Asked by row_writer.c under the table's write lock, a batch of rows at a time.  Where the key is
 * tags and time, the engine looks the keys up.  Ordinary tables have no index: the whole (small)
 * table is read, once for a statement; a statement of one batch only compares, a longer one keeps
 * what it read.  Rows of the same statement that are not written yet are told apart here. */
#include "session/session_private.h"
#include <math.h>

struct KeyCheck {
    Session *session;
    const TableDef *table;  /* the writer's */
    const int16_t *columns; /* of the key, in an ordinary table */
    size_t count;
    KeyPolicy policy;
    Snapshot *snapshot; /* the transaction's view, what is written so far included */
    KeySet seen;        /* rows that the snapshot does not show; KEYS_ONCE: of the statement */
    KeySet stored;      /* ordinary tables: all keys of the snapshot */
    bool loaded;
};

/* ---- sets ---- */

static size_t keys_slot(const KeySet *s, Hash128 h)
{
    size_t i = hash_mix(h.lo, h.hi) & (s->cap - 1);
    while ((s->slots[i].lo | s->slots[i].hi) && (s->slots[i].lo != h.lo || s->slots[i].hi != h.hi))
        i = (i + 1) & (s->cap - 1);
    return i;
}

bool keys_has(const KeySet *s, Hash128 h)
{
    if (!(h.lo | h.hi))
        return s->zero;
    return s->cap && (s->slots[keys_slot(s, h)].lo | s->slots[keys_slot(s, h)].hi);
}

static void keys_grow(KeySet *s)
{
    KeySet old = *s;
    s->cap = old.cap ? old.cap * 2 : 1024;
    s->slots = mem_zero(s->cap * sizeof *s->slots);
    budget_charge(s->budget, (int64_t)((s->cap - old.cap) * sizeof *s->slots));
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].lo | old.slots[i].hi)
            s->slots[keys_slot(s, old.slots[i])] = old.slots[i];
    mem_free(old.slots);
}

bool keys_add(KeySet *s, Hash128 h)
{
    if (keys_has(s, h))
        return false;
    if (!(h.lo | h.hi)) {
        s->zero = true;
        return true;
    }
    if ((s->count + 1) * 2 > s->cap)
        keys_grow(s);
    s->slots[keys_slot(s, h)] = h;
    s->count++;
    return true;
}

void keys_free(KeySet *s)
{
    if (s->cap)
        budget_charge(s->budget, -(int64_t)(s->cap * sizeof *s->slots));
    mem_free(s->slots);
    *s = (KeySet){.budget = s->budget};
}

/* ---- keys of ordinary tables: the columns' values, canonical ---- */

void key_put_i64(Buf *b, int64_t v)
{
    buf_put_u64(b, (uint64_t)v);
}

void key_put_f64(Buf *b, double v)
{
    uint64_t bits;
    v = v == 0 ? 0 : v != v ? NAN : v; /* -0 is 0, one NaN */
    memcpy(&bits, &v, sizeof bits);
    buf_put_u64(b, bits);
}

/* 1.0 and 1.00 are the same number. */
static Slice trim_number(Slice s)
{
    if (!memchr(s.ptr, '.', s.len))
        return s;
    while (s.len && s.ptr[s.len - 1] == '0')
        s.len--;
    if (s.len && s.ptr[s.len - 1] == '.')
        s.len--;
    return s;
}

void key_put_str(Buf *b, TypeId type, Slice v)
{
    buf_put_str(b, type == T_NUMERIC ? trim_number(v) : v);
}

Hash128 key_hash(const KeyCheck *k, Slice bytes)
{
    return idx_raw_hash(engine_index(k->session->db->engine), k->table->id, bytes);
}

static void put_stored(Buf *b, const ColumnDef *c, const ColVec *v, size_t row)
{
    switch (v->type) {
    case PHYS_I64:
        key_put_i64(b, v->v.i64[row]);
        break;
    case PHYS_F64:
        key_put_f64(b, v->v.f64[row]);
        break;
    case PHYS_BOOL:
        key_put_i64(b, v->v.b[row]);
        break;
    case PHYS_STR:
        key_put_str(b, c->type_oid, v->v.str[row]);
        break;
    case PHYS_NONE:
        break;
    }
}

static bool is_null(const ColVec *v, size_t row)
{
    return v->type == PHYS_NONE || (v->valid && !bitmap_get(v->valid, row));
}

typedef void (*KeyVisit)(void *arg, Hash128 key);

static bool visit_run(KeyCheck *k, Scan *scan, uint32_t rows, KeyVisit visit, void *arg, Buf *b,
                      Err *e)
{
    size_t n = k->count;
    ColVec cols[COLUMNS_MAX];
    for (size_t i = 0; i < n; i++)
        if (!scan_column(scan, i, &cols[i], e))
            return false;
    for (uint32_t r = 0; r < rows; r++) {
        bool null = false;
        for (size_t i = 0; i < n; i++)
            null |= is_null(&cols[i], r);
        if (null) /* NULLs are distinct */
            continue;
        b->len = 0;
        for (size_t i = 0; i < n; i++)
            put_stored(b, &k->table->columns[k->columns[i]], &cols[i], r);
        visit(arg, key_hash(k, buf_slice(b)));
    }
    return true;
}

static bool visit_table(KeyCheck *k, KeyVisit visit, void *arg, Err *e)
{
    ColumnId columns[COLUMNS_MAX];
    for (size_t i = 0; i < k->count; i++)
        columns[i] = k->table->columns[k->columns[i]].id;
    ScanSpec spec = {.snapshot = k->snapshot,
                     .table = k->table->id,
                     .t_min = TIME_MIN_NS,
                     .t_max = TIME_MAX_NS,
                     .columns = columns,
                     .column_count = k->count};
    Scan *scan;
    ScanRun run;
    Buf key;
    ScanStatus st;
    if (!scan_open(&scan, &spec, &k->session->db->query_pool, e))
        return false;
    buf_init(&key);
    while ((st = scan_next(scan, &run, k->session->waiter, e)) == SCAN_RUN)
        if (!visit_run(k, scan, run.rows, visit, arg, &key, e)) {
            st = SCAN_FAIL;
            break;
        }
    buf_free(&key);
    scan_close(scan);
    if (st == SCAN_WAIT)
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "keys can be checked only where files are local");
    return st == SCAN_END;
}

/* ---- a batch ---- */

typedef struct Compare { /* a few keys against all rows of the table */
    KeySet found, *wanted;
} Compare;

static void compare_key(void *arg, Hash128 key)
{
    Compare *c = arg;
    if (keys_has(c->wanted, key))
        keys_add(&c->found, key);
}

static void load_key(void *arg, Hash128 key)
{
    keys_add(arg, key);
}

static bool stored_ordinary(KeyCheck *k, const WriterKey *keys, size_t n, bool last, bool *stored,
                            Err *e)
{
    KeySet wanted = {.budget = k->seen.budget};
    Compare c = {.found.budget = k->seen.budget, .wanted = &wanted};
    bool ok = true;
    if (!k->loaded && last) {
        for (size_t i = 0; i < n; i++)
            keys_add(&wanted, keys[i].hash);
        ok = visit_table(k, compare_key, &c, e);
    } else if (!k->loaded) {
        k->loaded = ok = visit_table(k, load_key, &k->stored, e);
    }
    for (size_t i = 0; ok && i < n; i++)
        stored[i] = keys_has(k->loaded ? &k->stored : &c.found, keys[i].hash);
    keys_free(&wanted);
    keys_free(&c.found);
    return ok;
}

static bool stored_series(KeyCheck *k, const WriterKey *keys, size_t n, bool *stored, Err *e)
{
    RowKey wanted[BATCH_ROWS] = {{0}};
    uint64_t found[BITMAP_WORDS(BATCH_ROWS)];
    must(n <= BATCH_ROWS);
    for (size_t i = 0; i < n; i++)
        wanted[i] = (RowKey){keys[i].series, keys[i].time_ns};
    ScanStatus st =
        snapshot_has_keys(k->snapshot, k->table->id, wanted, n, found, k->session->waiter, e);
    if (st == SCAN_WAIT)
        err_set(e, ERR_FEATURE_NOT_SUPPORTED, "keys can be checked only where files are local");
    for (size_t i = 0; i < n && st == SCAN_END; i++)
        stored[i] = bitmap_get(found, i);
    return st == SCAN_END;
}

bool key_check_batch(KeyCheck *k, const WriterKey *keys, size_t n, bool last, bool *stored, Err *e)
{
    bool ok = true;
    memset(stored, 0, n * sizeof *stored);
    if (n && k->policy != KEYS_ONCE) {
        if (!k->snapshot)
            k->snapshot = engine_snapshot(k->session->db->engine, k->session->tx.txn);
        ok = k->table->kind == TABLE_SERIES ? stored_series(k, keys, n, stored, e)
                                            : stored_ordinary(k, keys, n, last, stored, e);
    }
    return ok && budget_check(k->seen.budget, e);
}

bool key_check_seen(const KeyCheck *k, Hash128 key)
{
    return keys_has(&k->seen, key);
}

bool key_check_take(KeyCheck *k, Hash128 key)
{
    return keys_add(&k->seen, key);
}

/* What was seen is in the transaction's next snapshot; ordinary tables go on with what they read. */
void key_check_written(KeyCheck *k)
{
    if (k->policy == KEYS_ONCE || k->loaded)
        return;
    keys_free(&k->seen);
    snapshot_unref(k->snapshot);
    k->snapshot = NULL;
}

KeyCheck *key_check_new(Session *s, const TableDef *t, const int16_t *columns, size_t n,
                        KeyPolicy policy)
{
    KeyCheck *k = MEM_NEW(KeyCheck);
    k->session = s;
    k->table = t;
    k->columns = columns;
    k->count = n;
    k->policy = policy;
    k->seen.budget = k->stored.budget = &s->db->query_pool;
    return k;
}

void key_check_free(KeyCheck *k)
{
    if (!k)
        return;
    snapshot_unref(k->snapshot);
    keys_free(&k->seen);
    keys_free(&k->stored);
    mem_free(k);
}
