/* session/rows.c - result rows that C code builds (SHOW, EXPLAIN ...), handed out in batches. */
#include "session/session_private.h"

void rows_begin(Portal *p, const OutColumn *cols, size_t n)
{
    p->cols = cols;
    p->col_count = n;
    p->rows_count = p->rows_next = 0;
    p->rows_ready = NULL;
}

static Batch *rows_batch(Portal *p)
{
    size_t index = p->rows_count / BATCH_ROWS;
    if (p->rows_count % BATCH_ROWS == 0) {
        Batch *grown = ARENA_ARRAY(&p->arena, Batch, index + 1);
        if (index)
            memcpy(grown, p->rows_ready, index * sizeof(Batch));
        p->rows_ready = grown;
        Batch *b = &grown[index];
        b->col_count = p->col_count;
        b->cols = ARENA_ARRAY(&p->arena, Vector, p->col_count);
        for (size_t i = 0; i < p->col_count; i++)
            vec_init_flat(&b->cols[i], p->cols[i].type, BATCH_ROWS, &p->arena);
    }
    return &p->rows_ready[index];
}

void rows_add(Portal *p, const Value *row)
{
    Batch *b = rows_batch(p);
    for (size_t i = 0; i < p->col_count; i++) {
        if (row[i].null) {
            vec_set_null(&b->cols[i], b->rows, BATCH_ROWS, &p->arena);
            continue;
        }
        Value copy = value_copy(&p->arena, &row[i]);
        vec_set(&b->cols[i], b->rows, &copy, BATCH_ROWS, &p->arena);
    }
    b->rows++;
    p->rows_count++;
}

void rows_add_text(Portal *p, Slice line)
{
    Value v = value_str(line);
    rows_add(p, &v);
}
