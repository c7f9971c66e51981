/* The aggregate states of many groups, and how a batch goes into them. */
#include "exec/op_private.h"

static bool slot_init(AggSet *s, AggSlot *slot, const AggCall *call, Err *e)
{
    Exec *x = s->x;
    must(call->func && call->func->agg);
    slot->call = call;
    slot->def = call->func->agg;
    TypeId *types = ARENA_ARRAY(&s->arena, TypeId, call->arg_count + call->order_count + 2);
    types[0] = T_INT8;
    for (size_t i = 0; i < call->arg_count; i++)
        types[i + 1] = call->args[i]->type;
    slot->ctx = (AggCtx){&x->ctx, &s->arena, types + 1, call->arg_count, call->result};
    slot->offset = s->state_size;
    s->state_size += (slot->def->state_size + 15) & ~(size_t)15;
    if (call->distinct) {
        if (call->arg_count == 0)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "DISTINCT needs an argument");
        slot->seen = ARENA_NEW(&s->arena, HashTable);
        ht_init(slot->seen, types, call->arg_count + 1, &x->query->budget);
    }
    return true;
}

/* Rows that must be ordered first: (group, arguments), by (group, order).  DISTINCT alone gives
 * ascending arguments where the order can be seen, as PostgreSQL does. */
static void slot_init_sorter(AggSet *s, AggSlot *slot)
{
    const AggCall *call = slot->call;
    bool implied = call->order_count == 0 && call->distinct && slot->def->ordered;
    size_t order = implied ? call->arg_count : call->order_count;
    if (order == 0)
        return;
    TypeId *keys = ARENA_ARRAY(&s->arena, TypeId, order + 1);
    bool *desc = ARENA_ARRAY(&s->arena, bool, order + 1);
    bool *nulls_first = ARENA_ARRAY(&s->arena, bool, order + 1);
    TypeId *types = ARENA_ARRAY(&s->arena, TypeId, call->arg_count + 1);
    types[0] = keys[0] = T_INT8;
    for (size_t i = 0; i < call->arg_count; i++)
        types[i + 1] = call->args[i]->type;
    for (size_t i = 0; i < order; i++) {
        keys[i + 1] = implied ? call->args[i]->type : call->order[i]->type;
        desc[i + 1] = !implied && call->order_desc[i];
        nulls_first[i + 1] = !implied && call->order_nulls_first[i];
    }
    SorterSpec spec = {types, call->arg_count + 1,  keys, desc, nulls_first, order + 1,
                       -1,    &s->x->query->budget, NULL, NULL};
    slot->sorter = sorter_new(&spec);
}

bool aggset_init(AggSet *s, Exec *x, const AggCall *calls, size_t n, Arena *scratch, Err *e)
{
    *s = (AggSet){.x = x, .scratch = scratch};
    arena_init(&s->arena, &x->query->budget);
    s->slots = ARENA_ARRAY(&s->arena, AggSlot, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!slot_init(s, &s->slots[i], &calls[i], e))
            return false;
        slot_init_sorter(s, &s->slots[i]);
        s->slot_count++;
    }
    return true;
}

void aggset_free(AggSet *s)
{
    for (size_t i = 0; i < s->slot_count; i++) {
        if (s->slots[i].seen)
            ht_free(s->slots[i].seen);
        sorter_free(s->slots[i].sorter);
    }
    mem_free(s->groups);
    arena_free(&s->arena);
    *s = (AggSet){0};
}

void aggset_grow(AggSet *s, size_t group_count)
{
    if (group_count > s->group_cap) {
        s->group_cap = group_count * 2 > 64 ? group_count * 2 : 64;
        s->groups = mem_realloc(s->groups, s->group_cap * sizeof *s->groups);
    }
    for (; s->group_count < group_count; s->group_count++) {
        char *state = arena_zero(&s->arena, s->state_size + 1);
        s->groups[s->group_count] = state;
        for (size_t i = 0; i < s->slot_count; i++)
            s->slots[i].def->init(&s->slots[i].ctx, state + s->slots[i].offset);
    }
}

void *aggset_state(AggSet *s, size_t slot, uint32_t group)
{
    return s->groups[group] + s->slots[slot].offset;
}

/* ---- updating ---- */

/* Rows of b whose arguments are all there; NULL: none were left out. */
static const uint16_t *without_nulls(const Vector *args, size_t arg_count, const uint16_t *sel,
                                     size_t *n, Arena *a)
{
    bool nulls = false;
    for (size_t c = 0; c < arg_count; c++)
        nulls |= args[c].valid != NULL;
    if (!nulls)
        return sel;
    uint16_t *kept = arena_alloc(a, (*n + 1) * sizeof *kept);
    size_t count = 0;
    for (size_t i = 0; i < *n; i++) {
        size_t row = sel ? sel[i] : i;
        bool null = false;
        for (size_t c = 0; c < arg_count; c++)
            null |= vec_is_null(&args[c], row);
        kept[count] = (uint16_t)row;
        count += !null;
    }
    if (count == *n && !sel)
        return NULL;
    *n = count;
    return kept;
}

/* (group, arguments) as vectors; the group id of each row is filled in for the rows of sel. */
static Vector *with_group(const Vector *args, size_t arg_count, const uint32_t *ids, uint32_t one,
                          const uint16_t *sel, size_t n, Arena *a)
{
    Vector *v = ARENA_ARRAY(a, Vector, arg_count + 1);
    Value group = value_i64(one);
    if (ids) {
        vec_init_flat(&v[0], T_INT8, BATCH_ROWS, a);
        for (size_t i = 0; i < n; i++)
            v[0].v.i64[sel ? sel[i] : i] = ids[sel ? sel[i] : i];
    } else {
        vec_init_const(&v[0], T_INT8, &group, a);
    }
    memcpy(v + 1, args, arg_count * sizeof *args);
    return v;
}

static const uint16_t *only_new(HashTable *seen, const Vector *keys, const uint16_t *sel, size_t *n,
                                Arena *a)
{
    uint32_t ids[BATCH_ROWS];
    uint32_t next = (uint32_t)seen->count;
    uint16_t *kept = arena_alloc(a, (*n + 1) * sizeof *kept);
    size_t count = 0;
    ht_put(seen, keys, sel, *n, ids);
    for (size_t i = 0; i < *n; i++)
        if (ids[i] == next) {
            kept[count++] = (uint16_t)(sel ? sel[i] : i);
            next++;
        }
    *n = count;
    return kept;
}

static bool keep_back(AggSet *s, AggSlot *slot, const Batch *b, const Vector *keyed,
                      const uint16_t *sel, size_t n, Err *e)
{
    const AggCall *call = slot->call;
    Batch rows = {.rows = b->rows, .col_count = call->arg_count + 1, .sel_count = n};
    rows.sel = mem_dup(sel ? sel : row_ident, n * sizeof *sel);
    Batch source = *b;
    source.sel = rows.sel;
    source.sel_count = n;
    Vector *cols = ARENA_ARRAY(s->scratch, Vector, call->arg_count + call->order_count + 2);
    Vector *keys = ARENA_ARRAY(s->scratch, Vector, call->arg_count + call->order_count + 2);
    memcpy(cols, keyed, (call->arg_count + 1) * sizeof *keyed);
    memcpy(keys, keyed, (call->arg_count + 1) * sizeof *keyed);
    rows.cols = cols;
    bool ok = true;
    for (size_t i = 0; ok && i < call->order_count; i++)
        ok = expr_eval(&s->x->ctx, call->order[i], &source, &keys[i + 1], e);
    if (ok)
        sorter_add(slot->sorter, &rows, keys);
    mem_free(rows.sel);
    return ok;
}

static bool update_runs(AggSet *s, AggSlot *slot, const Vector *args, const uint16_t *sel, size_t n,
                        const uint32_t *ids, Err *e)
{
    for (size_t begin = 0; begin < n;) {
        uint32_t id = ids[sel ? sel[begin] : begin];
        size_t end = begin + 1;
        while (end < n && ids[sel ? sel[end] : end] == id)
            end++;
        const uint16_t *rows = sel ? sel + begin : row_ident + begin;
        if (!slot->def->update(&slot->ctx, s->groups[id] + slot->offset, args, rows, end - begin,
                               e))
            return false;
        begin = end;
    }
    return true;
}

static bool update_states(AggSet *s, AggSlot *slot, const Vector *args, const uint16_t *sel,
                          size_t n, const uint32_t *ids, uint32_t one, Err *e)
{
    if (n == 0)
        return true;
    if (!ids)
        return slot->def->update(&slot->ctx, s->groups[one] + slot->offset, args, sel, n, e);
    if (!slot->def->update_each)
        return update_runs(s, slot, args, sel, n, ids, e);
    void *states[BATCH_ROWS];
    for (size_t i = 0; i < n; i++)
        states[i] = s->groups[ids[sel ? sel[i] : i]] + slot->offset;
    return slot->def->update_each(&slot->ctx, states, args, sel, n, e);
}

bool aggset_update_slot(AggSet *s, AggSlot *slot, const Batch *b, const uint32_t *ids, uint32_t one,
                        Err *e)
{
    const AggCall *call = slot->call;
    Batch rows = *b;
    s->x->ctx.scratch = s->scratch;
    if (call->filter && !expr_filter(&s->x->ctx, call->filter, &rows, e))
        return false;
    size_t n = batch_count(&rows);
    const uint16_t *sel = rows.sel;
    if (n == 0)
        return true;
    Vector *args = ARENA_ARRAY(s->scratch, Vector, call->arg_count + 1);
    for (size_t i = 0; i < call->arg_count; i++)
        if (!expr_eval(&s->x->ctx, call->args[i], &rows, &args[i], e))
            return false;
    if (slot->def->skips_nulls)
        sel = without_nulls(args, call->arg_count, sel, &n, s->scratch);
    if (slot->seen || slot->sorter) {
        Vector *keyed = with_group(args, call->arg_count, ids, one, sel, n, s->scratch);
        if (slot->seen)
            sel = only_new(slot->seen, keyed, sel, &n, s->scratch);
        if (slot->sorter)
            return n == 0 || keep_back(s, slot, &rows, keyed, sel, n, e);
    }
    return update_states(s, slot, args, sel, n, ids, one, e);
}

bool aggset_update(AggSet *s, const Batch *b, const uint32_t *ids, uint32_t one, Err *e)
{
    for (size_t i = 0; i < s->slot_count; i++)
        if (!aggset_update_slot(s, &s->slots[i], b, ids, one, e))
            return false;
    return true;
}

/* ---- merging and results ---- */

bool aggs_mergeable(const AggCall *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const AggCall *c = &calls[i];
        if (c->distinct || c->order_count > 0 || !c->func->agg->merge)
            return false;
        if (c->filter && expr_is_volatile(c->filter))
            return false;
        for (size_t a = 0; a < c->arg_count; a++)
            if (expr_is_volatile(c->args[a]))
                return false;
    }
    return true;
}

bool aggset_merge(AggSet *into, uint32_t group, AggSet *from, uint32_t from_group, Err *e)
{
    for (size_t i = 0; i < into->slot_count; i++) {
        AggSlot *slot = &into->slots[i];
        if (!slot->def->merge(&slot->ctx, into->groups[group] + slot->offset,
                              from->groups[from_group] + from->slots[i].offset, e))
            return false;
    }
    return true;
}

/* One batch of the sorted rows of a slot: each run of equal groups goes to its state. */
static QueryStatus finish_batch(AggSet *s, AggSlot *slot, Err *e)
{
    uint32_t ids[BATCH_ROWS];
    Batch b;
    size_t n;
    arena_reset(s->scratch);
    if (!sorter_next(slot->sorter, &b, &n, s->scratch, e))
        return QUERY_FAIL;
    for (size_t r = 0; r < n; r++)
        ids[r] = (uint32_t)b.cols[0].v.i64[r];
    if (n > 0 && !update_runs(s, slot, b.cols + 1, NULL, n, ids, e))
        return QUERY_FAIL;
    return n > 0 ? QUERY_BATCH : QUERY_END;
}

QueryStatus aggset_finish(AggSet *s, Err *e)
{
    s->x->ctx.scratch = s->scratch;
    for (; s->finished < s->slot_count; s->finished++) {
        AggSlot *slot = &s->slots[s->finished];
        QueryStatus st = QUERY_BATCH;
        while (slot->sorter && st == QUERY_BATCH) {
            if ((st = exec_tick(s->x, e)) != QUERY_BATCH)
                return st;
            if ((st = sorter_settle(slot->sorter, true, e)) == QUERY_YIELD)
                st = QUERY_BATCH;
            else if (st == QUERY_BATCH)
                st = finish_batch(s, slot, e);
        }
        if (st == QUERY_FAIL)
            return st;
    }
    return QUERY_BATCH;
}

bool aggset_final(AggSet *s, size_t begin, size_t n, Vector *out, Arena *a, Err *e)
{
    s->x->ctx.scratch = a;
    for (size_t i = 0; i < s->slot_count; i++) {
        AggSlot *slot = &s->slots[i];
        vec_init_flat(&out[i], slot->call->result, n, a);
        for (size_t g = 0; g < n; g++) {
            Value v = value_null();
            if (!slot->def->final(&slot->ctx, s->groups[begin + g] + slot->offset, &v, e))
                return false;
            vec_set(&out[i], g, &v, n, a);
        }
    }
    return true;
}
