/* tests/unit/rows_model.h - rows as a plain array, and the naive answer to what a reader must see.
 *
 * A field is a small number; its column says which type it becomes (model_put, model_is).
 * Used by test_memtable and test_scan. */
#ifndef SKULK_TESTS_ROWS_MODEL_H
#define SKULK_TESTS_ROWS_MODEL_H

#include "storage/batch.h"
#include "storage/catalog.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { MODEL_COLUMNS = 6, MODEL_TABLE = 20000, FIELD_ABSENT = -1, FIELD_NULL = -2 };

static const ColumnId model_ids[MODEL_COLUMNS] = {3, 4, 5, 6, 70, 9};
static const PhysType model_types[MODEL_COLUMNS] = {PHYS_I64, PHYS_F64, PHYS_BOOL,
                                                    PHYS_STR, PHYS_I64, PHYS_F64};

typedef enum ModelOp { MODEL_WRITE, MODEL_DELETE, MODEL_RANGE } ModelOp;

typedef struct ModelRow { /* a write: a row, the delete of one, or of a range */
    TableId table;
    SeriesId series; /* range: 0 = all */
    int64_t time;    /* range: the first */
    ModelOp op;
    SeriesId series2;         /* range: a second series, or 0 */
    int64_t last;             /* range: the last time */
    int64_t row;              /* COLUMN_ROW; 0 = none */
    int field[MODEL_COLUMNS]; /* FIELD_ABSENT, FIELD_NULL or a value >= 0 */
} ModelRow;

static inline size_t model_text(char *dst, int v) /* dst: 64 bytes */
{
    return (size_t)snprintf(dst, 64, v % 7 ? "text %d" : "", v);
}

static inline void model_put(WriteBatch *wb, int column, int v)
{
    ColumnId id = model_ids[column];
    char text[64];
    if (v == FIELD_NULL) {
        wb_null(wb, id);
        return;
    }
    switch (model_types[column]) {
    case PHYS_I64:
        wb_i64(wb, id, column ? INT64_MIN + v : v - 500);
        break;
    case PHYS_F64:
        wb_f64(wb, id, column == 1 ? v / 100.0 : v / 3.0);
        break;
    case PHYS_BOOL:
        wb_bool(wb, id, v & 1);
        break;
    case PHYS_STR:
        wb_str(wb, id, (Slice){text, model_text(text, v)});
        break;
    case PHYS_NONE:
        break;
    }
}

/* The value that row i of the vector has is what model_put wrote. */
static inline bool model_is(const ColVec *vec, size_t i, int column, int v)
{
    char text[64];
    if (v < 0)
        return vec->type == PHYS_NONE || (vec->valid && !bitmap_get(vec->valid, i));
    if (vec->type != model_types[column] || !bitmap_get(vec->valid, i))
        return false;
    switch (vec->type) {
    case PHYS_I64:
        return vec->v.i64[i] == (column ? INT64_MIN + v : v - 500);
    case PHYS_F64:
        return vec->v.f64[i] == (column == 1 ? v / 100.0 : v / 3.0);
    case PHYS_BOOL:
        return vec->v.b[i] == (v & 1);
    case PHYS_STR:
        return slice_eq(vec->v.str[i], (Slice){text, model_text(text, v)});
    case PHYS_NONE:
        break;
    }
    return false;
}

/* Puts the row's fields in random order, now and then one twice. */
static inline void model_write(WriteBatch *wb, const ModelRow *r, bool shuffle)
{
    int order[MODEL_COLUMNS];
    wb_row(wb, r->table, r->series, r->time);
    if (r->row)
        wb_i64(wb, COLUMN_ROW, r->row);
    if (r->op == MODEL_DELETE) {
        wb_delete(wb);
        wb_row_end(wb);
        return;
    }
    for (int i = 0; i < MODEL_COLUMNS; i++)
        order[i] = i;
    for (int i = MODEL_COLUMNS - 1; shuffle && i > 0; i--) {
        int k = rand() % (i + 1), swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
    for (int i = 0; i < MODEL_COLUMNS; i++) {
        int c = order[i];
        if (r->field[c] == FIELD_ABSENT)
            continue;
        if (shuffle && rand() % 8 == 0)
            model_put(wb, c, rand() % 2 ? FIELD_NULL : 999);
        model_put(wb, c, r->field[c]);
    }
    wb_row_end(wb);
}

static inline int model_field(int sparse)
{
    int dice = rand() % 100;
    return dice < sparse ? FIELD_ABSENT : dice < sparse + sparse / 3 ? FIELD_NULL : rand() % 1000;
}

/* The catalog with the model's table in each mode: ids MODEL_TABLE + mode, and MODEL_TABLE (last). */
static inline CatalogSnap *model_catalog(void)
{
    static const Slice names[] = {SLICE_LIT("t"), SLICE_LIT("t_last"), SLICE_LIT("t_keep"),
                                  SLICE_LIT("t_error")};
    static const Slice columns[MODEL_COLUMNS] = {SLICE_LIT("a"), SLICE_LIT("b"), SLICE_LIT("c"),
                                                 SLICE_LIT("d"), SLICE_LIT("e"), SLICE_LIT("f")};
    CatalogSnap *c = cat_initial();
    for (unsigned mode = 0; mode <= DUP_ERROR; mode++) {
        ColumnDef defs[MODEL_COLUMNS];
        TableDef t = {.id = MODEL_TABLE + mode,
                      .database = OBJECT_ID_FIRST,
                      .schema = 2200,
                      .name = names[mode],
                      .kind = TABLE_SERIES,
                      .duplicates = mode ? mode : DUP_LAST,
                      .time_index = -1,
                      .column_count = MODEL_COLUMNS,
                      .columns = defs,
                      .next_column = 100};
        for (int i = 0; i < MODEL_COLUMNS; i++)
            defs[i] = (ColumnDef){.id = model_ids[i],
                                  .name = columns[i],
                                  .kind = COL_FIELD,
                                  .type_oid = 25,
                                  .typmod = -1,
                                  .phys = model_types[i]};
        CatEdit edit = {.op = CAT_PUT_TABLE, .table = &t};
        CatalogSnap *next;
        Err e;
        ck_assert_msg(cat_apply(&next, c, &edit, 1, &e), "%s", e.message);
        cat_unref(c);
        c = next;
    }
    return c;
}

typedef struct ModelAnswer { /* rows of one series in time order */
    ModelRow *rows;
    size_t count;
} ModelAnswer;

static inline int model_compare(const void *a, const void *b)
{
    const ModelRow *x = *(const ModelRow *const *)a, *y = *(const ModelRow *const *)b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x > y) - (x < y); /* order of writing */
}

/* A later delete of a range hides this write. */
static inline bool model_hidden(const ModelRow *const *ranges, size_t n, const ModelRow *r)
{
    for (size_t i = 0; i < n; i++)
        if (ranges[i] > r && r->time >= ranges[i]->time && r->time <= ranges[i]->last)
            return true;
    return false;
}

/* Adds one write of a key to what the older ones made of it. */
static inline void model_apply(ModelAnswer *a, const ModelRow *r, bool *same, Duplicates mode)
{
    ModelRow *last = a->count ? &a->rows[a->count - 1] : NULL;
    bool keyed = mode != DUP_KEEP || r->row;
    if (r->op == MODEL_DELETE) {
        while (*same && a->count && a->rows[a->count - 1].time == r->time &&
               (mode != DUP_KEEP || a->rows[a->count - 1].row == r->row))
            a->count--;
        *same = false;
        return;
    }
    if (!*same || !keyed) {
        a->rows[a->count++] = *r;
        *same = true;
        return;
    }
    for (int c = 0; c < MODEL_COLUMNS; c++)
        if (r->field[c] != FIELD_ABSENT)
            last->field[c] = r->field[c];
}

/* writes: all writes, oldest first.  Absent fields of the answer stay FIELD_ABSENT. */
static inline ModelAnswer model_answer(const ModelRow *writes, size_t n, TableId table,
                                       SeriesId series, int64_t t_min, int64_t t_max,
                                       Duplicates mode)
{
    const ModelRow **chosen = mem_alloc((n + 1) * sizeof *chosen);
    const ModelRow **ranges = mem_alloc((n + 1) * sizeof *ranges);
    size_t count = 0, range_count = 0;
    for (size_t i = 0; i < n; i++) {
        const ModelRow *r = &writes[i];
        if (r->table != table)
            continue;
        if (r->op == MODEL_RANGE) {
            if (!r->series || r->series == series || r->series2 == series)
                ranges[range_count++] = r;
        } else if (r->series == series && r->time >= t_min && r->time <= t_max) {
            chosen[count++] = r;
        }
    }
    qsort(chosen, count, sizeof *chosen, model_compare);
    ModelAnswer a = {.rows = mem_alloc((count + 1) * sizeof *a.rows)};
    bool same = false; /* the last row of the answer has the key that is looked at */
    for (size_t i = 0; i < count; i++) {
        const ModelRow *r = chosen[i], *before = i ? chosen[i - 1] : NULL;
        if (!before || before->time != r->time || (mode == DUP_KEEP && before->row != r->row))
            same = false;
        if (!model_hidden(ranges, range_count, r))
            model_apply(&a, r, &same, mode);
    }
    mem_free(chosen);
    mem_free(ranges);
    return a;
}

#endif
