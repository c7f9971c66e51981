/* Temporary tables of one session: docs/decisions/010.
 *
 * Their definitions are catalog edits that only this session's catalogs carry, their rows layers that
 * only its snapshots show: what a transaction is to its own writes, but it outlives transactions.
 * Every write has a place in the order of the session's writes (rows as their sequence, deletes, edits),
 * so going back to a savepoint or the begin of the transaction is to forget what has a greater place.
 * Nothing of it is logged.  Rows beyond TEMP_SPILL_BYTES of a table go to a file as those of a large
 * transaction do (txn_spill.c), one that no manifest names: a crash leaves it to the next start. */
#include "storage/engine_private.h"

enum {
    TEMP_SPILL_BYTES = 8 << 20, /* in segments, which readers sort */
    TEMP_WAIT_FACTOR = 2,
    TEMP_FILES_MAX = 8,  /* of a table; then they are merged */
    TEMP_EDITS_MAX = 32, /* then they are written anew as what they have led to */
};

typedef struct TempTable {
    TableId id;
    TxnLayer *layers; /* oldest first */
    size_t count, cap;
    SpillJob *spill;
    size_t spill_first, spill_count; /* layers that it makes a file of */
    bool close_layer;                /* the next row begins a new segment */
} TempTable;

typedef struct TempEdit {
    Lsn place;
    Buf bytes;
} TempEdit;

struct TempSpace {
    Engine *eng;
    ObjectId schema;
    TempTable *tables; /* all that were made, until temp_commit looks which are left */
    size_t table_count, table_cap;
    Tombstone **tombs;
    size_t tomb_count, tomb_cap;
    TempEdit *edits;
    size_t edit_count, edit_cap;
    Lsn next;  /* place of the next write */
    Lsn begin; /* of the transaction's first */
    Lsn mark;  /* of the first since the last savepoint */
    bool busy; /* in a transaction */
    CatalogSnap *base, *mine;
};

TempSpace *temp_new(Engine *eng)
{
    TempSpace *t = MEM_NEW(TempSpace);
    t->eng = eng;
    t->schema = engine_new_id(eng);
    t->next = t->begin = t->mark = 1;
    return t;
}

ObjectId temp_schema(const TempSpace *t)
{
    return t->schema;
}

static void forget_catalog(TempSpace *t)
{
    cat_unref(t->base);
    cat_unref(t->mine);
    t->base = t->mine = NULL;
}

/* ---- layers ---- */

static void layer_free(TxnLayer *l)
{
    seg_unref(l->segment);
    if (l->file) {
        file_drop(l->file);
        file_unref(l->file);
    }
}

static Lsn layer_newest(const TxnLayer *l)
{
    Lsn low, high;
    int64_t t_min, t_max;
    if (l->file)
        return l->file->info.seq_max;
    seg_bounds(l->segment, &low, &high, &t_min, &t_max);
    return high;
}

static Lsn layer_oldest(const TxnLayer *l)
{
    return l->file                ? l->file->info.seq_min
           : seg_rows(l->segment) ? seg_row_seq(l->segment, 0)
                                  : UINT64_MAX;
}

static void spill_forget(TempTable *table)
{
    if (table->spill)
        spill_cancel(table->spill);
    table->spill = NULL;
}

static void layers_cut(TempTable *table, size_t count)
{
    if (table->spill && table->spill_first + table->spill_count > count)
        spill_forget(table);
    while (table->count > count)
        layer_free(&table->layers[--table->count]);
}

static TempTable *find_table(const TempSpace *t, TableId id)
{
    for (size_t i = t->table_count; i > 0; i--)
        if (t->tables[i - 1].id == id)
            return &t->tables[i - 1];
    return NULL;
}

bool temp_has(const TempSpace *t, TableId table)
{
    return t && find_table(t, table);
}

static void add_table(TempSpace *t, TableId id)
{
    if (find_table(t, id))
        return;
    if (t->table_count == t->table_cap) {
        t->table_cap = t->table_cap ? t->table_cap * 2 : 4;
        t->tables = mem_realloc(t->tables, t->table_cap * sizeof *t->tables);
    }
    t->tables[t->table_count++] = (TempTable){.id = id};
}

void temp_truncate(TempSpace *t, TableId id)
{
    TempTable *table = find_table(t, id);
    if (table)
        layers_cut(table, 0);
}

bool temp_table_layers(const TempSpace *t, TableId id, const TxnLayer **out, size_t *count)
{
    const TempTable *table = t ? find_table(t, id) : NULL;
    if (!table)
        return false;
    *out = table->layers;
    *count = table->count;
    return true;
}

size_t temp_layer_count(const TempSpace *t)
{
    size_t n = 0;
    for (size_t i = 0; t && i < t->table_count; i++)
        n += t->tables[i].count;
    return n;
}

bool temp_layers(const TempSpace *t, size_t table, const TxnLayer **out, size_t *count)
{
    if (!t || table >= t->table_count)
        return false;
    *count = t->tables[table].count;
    *out = t->tables[table].layers;
    return true;
}

Tombstone *const *temp_tombs(const TempSpace *t, size_t *count)
{
    *count = t ? t->tomb_count : 0;
    return t ? t->tombs : NULL;
}

/* ---- files ---- */

static CatalogSnap *newest_catalog(TempSpace *t)
{
    CatalogSnap *newest = engine_catalog(t->eng), *cat = temp_catalog(t, newest);
    cat_unref(newest);
    return cat;
}

static size_t spill_bytes(const TempSpace *t)
{
    int64_t max = t->eng->o.memtable_max / 4; /* a small one means little memory for all */
    return max < TEMP_SPILL_BYTES ? (size_t)max : TEMP_SPILL_BYTES;
}

/* Rows that are committed may share a file, and those since the last savepoint: a rollback takes
 * all of a file or nothing. */
static void spill_begin(TempSpace *t, TempTable *table)
{
    size_t first = table->count, bytes = 0, files = 0;
    Lsn from = t->busy ? LSN_PRIVATE + t->mark : 0;
    for (size_t i = table->count; i-- > 0 && layer_oldest(&table->layers[i]) >= from;) {
        files += table->layers[i].file != NULL;
        bytes += table->layers[i].segment ? seg_bytes(table->layers[i].segment) : 0;
        first = i;
    }
    if (table->spill || bytes < spill_bytes(t))
        return;
    while (files > 0 && files < TEMP_FILES_MAX && first < table->count)
        files -= table->layers[first++].file != NULL;
    SpillSpec spec = {.layers = table->layers + first,
                      .count = table->count - first,
                      .tombs = t->tombs,
                      .tomb_count = t->tomb_count,
                      .oldest = first == 0,
                      .catalog = newest_catalog(t)};
    table->spill_first = first;
    table->spill_count = spec.count;
    table->close_layer = true;
    table->spill = spill_start(t->eng, &spec);
    cat_unref(spec.catalog);
}

/* Takes in what a spill has made; false: it failed, the rows stay where they are. */
static bool spill_end(TempTable *table, Err *e)
{
    EngineFile *file;
    if (!table->spill || spill_busy(table->spill, NULL))
        return true;
    SpillJob *job = table->spill;
    table->spill = NULL;
    if (!spill_take(job, &file, e))
        return false;
    TxnLayer *l = &table->layers[table->spill_first];
    size_t stay = file ? 1 : 0, after = table->spill_first + table->spill_count;
    for (size_t i = 0; i < table->spill_count; i++)
        layer_free(&l[i]);
    *l = (TxnLayer){.file = file};
    memmove(l + stay, table->layers + after, (table->count - after) * sizeof *l);
    table->count -= table->spill_count - stay;
    return true;
}

void temp_collect(TempSpace *t)
{
    Err ignored; /* the next write tries again */
    for (size_t i = 0; t && i < t->table_count; i++)
        (void)!spill_end(&t->tables[i], &ignored);
}

bool temp_full(TempSpace *t, Task *waiter)
{
    for (size_t i = 0; t && i < t->table_count; i++) {
        TempTable *table = &t->tables[i];
        size_t bytes = 0;
        for (size_t k = 0; table->spill && k < table->count; k++)
            bytes += table->layers[k].segment ? seg_bytes(table->layers[k].segment) : 0;
        if (bytes > TEMP_WAIT_FACTOR * spill_bytes(t) && spill_busy(table->spill, waiter))
            return true;
    }
    return false;
}

/* ---- rows ---- */

static Segment *new_layer(TempSpace *t, TempTable *table)
{
    if (table->count == table->cap) {
        table->cap = table->cap ? table->cap * 2 : 4;
        table->layers = mem_realloc(table->layers, table->cap * sizeof *table->layers);
    }
    TxnLayer *l = &table->layers[table->count++];
    *l = (TxnLayer){.segment = seg_new(t->eng->o.budget)};
    table->close_layer = false;
    return l->segment;
}

bool temp_write(TempSpace *t, TableId id, WriteBatch *take_wb, Err *e)
{
    TempTable *table = find_table(t, id);
    Budget *budget = t->eng->o.budget;
    must(table != NULL);
    bool ok = spill_end(table, e) && (!budget || budget_check(budget, e));
    for (size_t from = 0, n = wb_rows(take_wb); ok && from < n;) {
        Segment *s = table->count ? table->layers[table->count - 1].segment : NULL;
        if (!s || table->close_layer || seg_full(s))
            s = new_layer(t, table);
        from = seg_append(s, take_wb, from, LSN_PRIVATE + t->next);
    }
    t->next++;
    if (ok)
        spill_begin(t, table);
    wb_free(take_wb);
    return ok;
}

void temp_delete(TempSpace *t, const DeleteSpec *d)
{
    if (t->tomb_count == t->tomb_cap) {
        t->tomb_cap = t->tomb_cap ? t->tomb_cap * 2 : 4;
        t->tombs = mem_realloc(t->tombs, t->tomb_cap * sizeof *t->tombs);
    }
    t->tombs[t->tomb_count++] =
        tomb_new(d->table, d->series, d->t_min, d->t_max, LSN_PRIVATE + t->next++);
}

/* ---- catalog ---- */

bool temp_owns_edit(const TempSpace *t, const CatEdit *c)
{
    if (!t)
        return false;
    switch (c->op) {
    case CAT_PUT_SCHEMA:
        return c->schema->id == t->schema;
    case CAT_DROP_SCHEMA:
        return c->id == t->schema;
    case CAT_PUT_TABLE:
        return c->table->schema == t->schema;
    case CAT_DROP_TABLE:
    case CAT_ADVANCE:
        return temp_has(t, c->id);
    case CAT_PUT_ACL:
        return c->acl->object == t->schema ||
               ((c->acl->kind == GRANT_TABLE || c->acl->kind == GRANT_COLUMN) &&
                temp_has(t, c->acl->object));
    default:
        return false;
    }
}

void temp_edit(TempSpace *t, const CatEdit *edit)
{
    if (edit->op == CAT_PUT_TABLE)
        add_table(t, edit->table->id);
    if (t->edit_count == t->edit_cap) {
        t->edit_cap = t->edit_cap ? t->edit_cap * 2 : 8;
        t->edits = mem_realloc(t->edits, t->edit_cap * sizeof *t->edits);
    }
    TempEdit *te = &t->edits[t->edit_count++];
    te->place = t->next++;
    buf_init(&te->bytes);
    cat_encode_edits(&te->bytes, edit, 1);
    forget_catalog(t);
}

/* What others have changed may be in the way of an edit (the role of a grant is gone): it has no
 * effect then. */
static CatalogSnap *overlay(const TempSpace *t, const CatalogSnap *base)
{
    CatalogSnap *at = cat_ref(base);
    Arena arena;
    Err ignored;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < t->edit_count; i++) {
        CatEdit *edits;
        CatalogSnap *next;
        size_t n;
        arena_reset(&arena);
        if (cat_decode_edits(&arena, buf_slice(&t->edits[i].bytes), &edits, &n, &ignored) &&
            cat_apply(&next, at, edits, n, &ignored)) {
            cat_unref(at);
            at = next;
        }
    }
    arena_free(&arena);
    return at;
}

CatalogSnap *temp_catalog(TempSpace *t, const CatalogSnap *base)
{
    if (!t)
        return cat_ref(base);
    if (t->base != base) {
        forget_catalog(t);
        t->base = cat_ref(base);
        t->mine = overlay(t, base);
    }
    return cat_ref(t->mine);
}

static void edits_cut(TempSpace *t, size_t count)
{
    if (t->edit_count > count)
        forget_catalog(t);
    while (t->edit_count > count)
        buf_free(&t->edits[--t->edit_count].bytes);
}

/* The edits that lead to what `cat` has, and nothing else. */
static void edits_anew(TempSpace *t, const CatalogSnap *cat)
{
    const SchemaDef *schema = cat_schema_by_id(cat, t->schema);
    edits_cut(t, 0);
    if (schema)
        temp_edit(t, &(CatEdit){.op = CAT_PUT_SCHEMA, .id = schema->id, .schema = schema});
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *d = cat_table_at(cat, i);
        if (d->schema == t->schema)
            temp_edit(t, &(CatEdit){.op = CAT_PUT_TABLE, .id = d->id, .table = d});
    }
    for (size_t i = 0; i < cat_acl_count(cat); i++) {
        CatEdit edit = {.op = CAT_PUT_ACL, .acl = cat_acl_at(cat, i)};
        if (temp_owns_edit(t, &edit))
            temp_edit(t, &edit);
    }
}

/* ---- transactions ---- */

void temp_begin(TempSpace *t)
{
    if (t->busy)
        return;
    t->busy = true;
    t->begin = t->mark = t->next;
}

Lsn temp_savepoint(TempSpace *t)
{
    return t ? t->mark = t->next : 0;
}

/* Rows from this place on go; those of one write may lie in several segments. */
static void rows_cut(TempTable *table, Lsn place)
{
    size_t keep = table->count;
    while (keep > 0 && layer_oldest(&table->layers[keep - 1]) >= place)
        keep--;
    layers_cut(table, keep);
    Segment *last = keep ? table->layers[keep - 1].segment : NULL;
    size_t rows = last ? seg_rows(last) : 0;
    while (rows > 0 && seg_row_seq(last, (uint32_t)(rows - 1)) >= place)
        rows--;
    if (!last || rows == seg_rows(last))
        return;
    if (table->spill && table->spill_first + table->spill_count >= keep)
        spill_forget(table);
    seg_truncate(last, rows);
}

void temp_rollback_to(TempSpace *t, Lsn mark)
{
    if (!t)
        return;
    size_t edits = t->edit_count;
    while (edits > 0 && t->edits[edits - 1].place >= mark)
        edits--;
    edits_cut(t, edits);
    for (size_t i = 0; i < t->table_count; i++)
        rows_cut(&t->tables[i], LSN_PRIVATE + mark);
    while (t->tomb_count && t->tombs[t->tomb_count - 1]->lsn >= LSN_PRIVATE + mark)
        tomb_unref(t->tombs[--t->tomb_count]);
    t->mark = mark;
}

void temp_rollback(TempSpace *t)
{
    if (!t || !t->busy)
        return;
    temp_rollback_to(t, t->begin);
    t->busy = false;
}

/* Deletes that hide nothing any more; and rows that a delete of the whole table hides. */
static void sweep(TempSpace *t, TempTable *table)
{
    Lsn all = 0, oldest = UINT64_MAX;
    for (size_t i = 0; i < t->tomb_count; i++) {
        const Tombstone *d = t->tombs[i];
        if (d->table == table->id && !d->series && d->t_min == TIME_MIN_NS &&
            d->t_max == TIME_MAX_NS)
            all = d->lsn;
    }
    if (all && table->count && layer_newest(&table->layers[table->count - 1]) < all)
        layers_cut(table, 0);
    for (size_t i = 0; i < table->count && oldest == UINT64_MAX; i++)
        oldest = layer_oldest(&table->layers[i]);
    size_t n = 0;
    for (size_t i = 0; i < t->tomb_count; i++)
        if (t->tombs[i]->table == table->id && (!table->count || t->tombs[i]->lsn < oldest))
            tomb_unref(t->tombs[i]);
        else
            t->tombs[n++] = t->tombs[i];
    t->tomb_count = n;
}

bool temp_commit(TempSpace *t)
{
    CatalogSnap *cat = newest_catalog(t);
    size_t n = 0;
    temp_collect(t);
    t->busy = false;
    for (size_t i = 0; i < t->table_count; i++) {
        TempTable *table = &t->tables[i];
        bool stays = cat_table_by_id(cat, table->id) != NULL;
        if (!stays)
            layers_cut(table, 0);
        sweep(t, table);
        if (stays)
            spill_begin(t, table);
        else
            mem_free(table->layers);
        if (stays)
            t->tables[n++] = *table;
    }
    t->table_count = n;
    if (t->edit_count > TEMP_EDITS_MAX)
        edits_anew(t, cat);
    cat_unref(cat);
    return t->table_count > 0;
}

void temp_free(TempSpace *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->table_count; i++) {
        layers_cut(&t->tables[i], 0);
        mem_free(t->tables[i].layers);
    }
    for (size_t i = 0; i < t->tomb_count; i++)
        tomb_unref(t->tombs[i]);
    edits_cut(t, 0);
    forget_catalog(t);
    mem_free(t->tables);
    mem_free(t->tombs);
    mem_free(t->edits);
    mem_free(t);
}
