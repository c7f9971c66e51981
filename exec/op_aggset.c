/* The aggregate states of many groups, and how a batch goes into them.
 * Rows that must come in order wait in sorters and go to the states when the groups are handed out, a group
 * at a time; so only the groups of one batch need memory for them. */
#include "exec/agg_private.h"
#include "exec/op_private.h"

static bool slot_init(AggSet *s, AggSlot *slot, const AggCall *call, Err *e)
{
    Exec *x = s->x;
    must(call->func && call->func->agg);
    slot->call = call;
    slot->def = call->func->agg;
    TypeId *types = ARENA_ARRAY(&s->arena, TypeId, call->arg_count + 1);
    types[0] = T_INT8;
    for (size_t i = 0; i < call->arg_count; i++)
        types[i + 1] = call->args[i]->type;
    slot->ctx = (AggCtx){&x->ctx, &s->states, types + 1, call->arg_count, call->result};
    if (call->of_state) {
        must(slot->def->merge && slot->def->load && !call->distinct && !call->order_count);
        slot->ctx.arg_types = call->state_args;
        slot->ctx.arg_count = call->state_arg_count;
    }
    slot->offset = s->state_size;
    s->state_size += (slot->def->state_size + 15) & ~(size_t)15;
    arena_init(&slot->sorted_arena, &x->query->budget);
    arena_init(&slot->before_arena, &x->query->budget);
    if (call->distinct) {
        if (call->arg_count == 0)
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "DISTINCT needs an argument");
        slot->seen = ARENA_NEW(&s->arena, HashTable);
        ht_init(slot->seen, types, call->arg_count + 1, &x->query->budget);
    }
    return true;
}

/* Rows (group, arguments) by (group, ORDER BY, with DISTINCT the arguments), else as they come. */
static void slot_init_sorter(AggSet *s, AggSlot *slot)
{
    const AggCall *call = slot->call;
    size_t args = call->distinct ? call->arg_count : 0, n = call->order_count + args + 1;
    TypeId *types = ARENA_ARRAY(&s->arena, TypeId, n);
    uint32_t *cols = ARENA_ARRAY(&s->arena, uint32_t, n);
    bool *desc = ARENA_ARRAY(&s->arena, bool, n);
    bool *nulls_first = ARENA_ARRAY(&s->arena, bool, n);
    types[0] = T_INT8;
    for (size_t i = 0; i < call->order_count; i++) {
        types[i + 1] = call->order[i]->type;
        cols[i + 1] = ROW_NONE;
        desc[i + 1] = call->order_desc[i];
        nulls_first[i + 1] = call->order_nulls_first[i];
    }
    for (size_t i = 0; i < args; i++) {
        types[call->order_count + i + 1] = call->args[i]->type;
        cols[call->order_count + i + 1] = (uint32_t)i + 1;
    }
    size_t first = s->single;
    SorterSpec spec = {.types = slot->ctx.arg_types - 1, /* the group stands before them */
                       .col_count = call->arg_count + 1,
                       .key_types = types + first,
                       .desc = desc + first,
                       .nulls_first = nulls_first + first,
                       .key_count = n - first,
                       .limit = -1,
                       .query = s->x->query,
                       .share = s->call_count,
                       .key_cols = cols + first};
    slot->sorter = sorter_new(&spec);
}

bool aggset_init(AggSet *s, Exec *x, const GroupShape *shape, Arena *scratch, Err *e)
{
    const AggCall *calls = shape->calls;
    size_t n = shape->call_count;
    *s = (AggSet){.x = x, .scratch = scratch, .call_count = n, .single = shape->key_count == 0};
    arena_init(&s->arena, &x->query->budget);
    arena_init(&s->states, &x->query->budget);
    arena_init(&s->late, &x->query->budget);
    s->slots = ARENA_ARRAY(&s->arena, AggSlot, n + 1);
    for (size_t i = 0; i < n; i++) {
        AggSlot *slot = &s->slots[i];
        s->slot_count++;
        if (!slot_init(s, slot, &calls[i], e))
            return false;
        /* DISTINCT alone gives ascending arguments where the order can be seen, as PostgreSQL does. */
        if (calls[i].order_count > 0 || (calls[i].distinct && slot->def->ordered))
            slot_init_sorter(s, slot);
    }
    return true;
}

static void slot_clear(AggSlot *slot)
{
    if (slot->seen)
        ht_free(slot->seen);
    slot->seen = NULL;
    sorter_free(slot->sorter);
    slot->sorter = NULL;
    arena_free(&slot->sorted_arena);
    arena_free(&slot->before_arena);
}

void aggset_free(AggSet *s)
{
    for (size_t i = 0; i < s->slot_count; i++)
        slot_clear(&s->slots[i]);
    if (s->x)
        budget_charge(&s->x->query->budget, -(int64_t)(s->group_cap * sizeof *s->groups));
    mem_free(s->groups);
    arena_free(&s->late);
    arena_free(&s->states);
    arena_free(&s->arena);
    *s = (AggSet){0};
}

/* Only where no rows wait: the states are all there is. */
void aggset_clear(AggSet *s)
{
    for (size_t i = 0; i < s->slot_count; i++)
        must(!s->slots[i].seen && !s->slots[i].sorter);
    arena_reset(&s->states);
    s->group_count = s->fed = 0;
}

static void state_init(AggSlot *slot, char *group)
{
    slot->def->init(&slot->ctx, group + slot->offset);
}

void aggset_grow(AggSet *s, size_t group_count)
{
    if (group_count > s->group_cap) {
        size_t cap = group_count * 2 > 64 ? group_count * 2 : 64;
        budget_charge(&s->x->query->budget, (int64_t)((cap - s->group_cap) * sizeof *s->groups));
        s->groups = mem_realloc(s->groups, cap * sizeof *s->groups);
        s->group_cap = cap;
    }
    for (; s->group_count < group_count; s->group_count++) {
        char *state = arena_zero(&s->states, s->state_size);
        s->groups[s->group_count] = state;
        for (size_t i = 0; i < s->slot_count; i++)
            state_init(&s->slots[i], state);
    }
}

size_t aggset_bytes(const AggSet *s)
{
    size_t bytes = s->states.used + s->late.used + s->group_cap * sizeof *s->groups;
    for (size_t i = 0; i < s->slot_count; i++) {
        const AggSlot *slot = &s->slots[i];
        bytes += slot->seen ? ht_bytes(slot->seen) : 0;
        bytes += slot->sorter ? sorter_bytes(slot->sorter) : 0;
    }
    return bytes;
}

size_t aggset_growth(const AggSet *s, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < s->slot_count; i++)
        bytes += s->slots[i].seen ? ht_growth(s->slots[i].seen, n) : 0;
    return bytes;
}

uint64_t aggset_spilled(const AggSet *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->slot_count; i++)
        bytes += s->slots[i].sorter ? sorter_spilled(s->slots[i].sorter) : 0;
    return bytes;
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

typedef bool (*RowsFn)(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                       Err *e);

/* Runs of rows that go to the same group. */
static bool for_runs(AggSet *s, AggSlot *slot, RowsFn take, const Vector *args, const uint16_t *sel,
                     size_t n, const uint32_t *ids, Err *e)
{
    for (size_t begin = 0; begin < n;) {
        uint32_t id = ids[sel ? sel[begin] : begin];
        size_t end = begin + 1;
        while (end < n && ids[sel ? sel[end] : end] == id)
            end++;
        const uint16_t *rows = sel ? sel + begin : row_ident + begin;
        if (!take(&slot->ctx, s->groups[id] + slot->offset, args, rows, end - begin, e))
            return false;
        begin = end;
    }
    return true;
}

static bool announce(AggSet *s, AggSlot *slot, const Vector *args, const uint16_t *sel, size_t n,
                     const uint32_t *ids, uint32_t one, Err *e)
{
    RowsFn fn = slot->def->announce;
    if (!fn)
        return true;
    return ids ? for_runs(s, slot, fn, args, sel, n, ids, e)
               : fn(&slot->ctx, s->groups[one] + slot->offset, args, sel, n, e);
}

/* Rows into the sorter. */
static bool keep_back(AggSet *s, AggSlot *slot, const Batch *b, const Vector *keyed,
                      const uint16_t *sel, size_t n, Err *e)
{
    const AggCall *call = slot->call;
    Batch rows = {.rows = b->rows, .col_count = call->arg_count + 1, .sel_count = n};
    Vector *keys = ARENA_ARRAY(s->scratch, Vector, call->order_count + call->arg_count + 1);
    rows.sel = arena_alloc(s->scratch, n * sizeof *sel);
    memcpy(rows.sel, sel ? sel : row_ident, n * sizeof *sel);
    rows.cols = ARENA_ARRAY(s->scratch, Vector, call->arg_count + 1);
    memcpy(rows.cols, keyed, (call->arg_count + 1) * sizeof *keyed);
    Batch source = *b;
    source.sel = rows.sel;
    source.sel_count = n;
    keys[0] = keyed[0];
    for (size_t i = 0; i < call->order_count; i++)
        if (!expr_eval(&s->x->ctx, call->order[i], &source, &keys[i + 1], e))
            return false;
    memcpy(keys + call->order_count + 1, keyed + 1, call->arg_count * sizeof *keyed);
    sorter_add(slot->sorter, &rows, keys + s->single);
    return true;
}

/* Rows are states themselves. */
static bool merge_states(AggSet *s, AggSlot *slot, const Vector *arg, const uint16_t *sel, size_t n,
                         const uint32_t *ids, uint32_t one, Err *e)
{
    AggCtx ctx = slot->ctx;
    ctx.arena = s->scratch;
    char *from = arena_zero(s->scratch, slot->def->state_size);
    for (size_t i = 0; i < n; i++) {
        size_t row = sel ? sel[i] : i;
        char *into = s->groups[ids ? ids[row] : one] + slot->offset;
        Value v = vec_get(arg, row);
        if (v.null)
            continue;
        memset(from, 0, slot->def->state_size);
        slot->def->init(&ctx, from);
        if (!agg_state_load(slot->def, &ctx, from, v.u.str, e) ||
            !slot->def->merge(&slot->ctx, into, from, e))
            return false;
    }
    return true;
}

/* Rows side by side as rows from 0 on: functions have loops over plain arrays for these. */
static const Vector *side_by_side(AggSet *s, const AggSlot *slot, const Vector *args,
                                  const uint16_t *sel, size_t n)
{
    size_t count = slot->call->arg_count, at = sel[0];
    if (sel[n - 1] - at != n - 1)
        return NULL;
    Vector *out = ARENA_ARRAY(s->scratch, Vector, count + 1);
    for (size_t i = 0; i < count; i++) {
        out[i] = args[i];
        if (args[i].kind == VEC_CONST)
            continue;
        if (args[i].kind != VEC_FLAT || (args[i].valid && !slot->def->skips_nulls))
            return NULL;
        out[i].valid = NULL; /* those that count are not NULL */
        if (args[i].phys == PH_I64)
            out[i].v.i64 += at;
        else if (args[i].phys == PH_F64)
            out[i].v.f64 += at;
        else
            return NULL;
    }
    return out;
}

static bool update_states(AggSet *s, AggSlot *slot, const Vector *args, const uint16_t *sel,
                          size_t n, const uint32_t *ids, uint32_t one, Err *e)
{
    if (n == 0)
        return true;
    if (!ids) {
        const Vector *plain = sel ? side_by_side(s, slot, args, sel, n) : NULL;
        return slot->def->update(&slot->ctx, s->groups[one] + slot->offset, plain ? plain : args,
                                 plain ? NULL : sel, n, e);
    }
    if (!slot->def->update_each)
        return for_runs(s, slot, slot->def->update, args, sel, n, ids, e);
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
    if (call->of_state)
        return merge_states(s, slot, args, sel, n, ids, one, e);
    if (slot->def->skips_nulls)
        sel = without_nulls(args, call->arg_count, sel, &n, s->scratch);
    if (slot->seen || slot->sorter) {
        Vector *keyed = with_group(args, call->arg_count, ids, one, sel, n, s->scratch);
        if (slot->seen)
            sel = only_new(slot->seen, keyed, sel, &n, s->scratch);
        if (slot->sorter)
            return n == 0 || (announce(s, slot, args, sel, n, ids, one, e) &&
                              keep_back(s, slot, &rows, keyed, sel, n, e));
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

/* ---- states as bytes: for each call u32 length, bytes ---- */

void aggset_save(AggSet *s, uint32_t group, Buf *out)
{
    for (size_t i = 0; i < s->slot_count; i++) {
        AggSlot *slot = &s->slots[i];
        size_t at = out->len;
        buf_put_u32(out, 0);
        slot->def->save(&slot->ctx, s->groups[group] + slot->offset, out);
        uint32_t len = (uint32_t)(out->len - at - sizeof len);
        memcpy(out->ptr + at, &len, sizeof len);
    }
}

bool aggset_load(AggSet *s, uint32_t group, Slice bytes, Err *e)
{
    Reader r = reader_of(bytes);
    for (size_t i = 0; i < s->slot_count; i++) {
        AggSlot *slot = &s->slots[i];
        Slice state = reader_bytes(&r, reader_u32(&r));
        AggCtx ctx = slot->ctx;
        ctx.arena = s->scratch;
        char *from = arena_zero(s->scratch, slot->def->state_size);
        slot->def->init(&ctx, from);
        if (r.bad)
            return agg_bad_state(e);
        if (!slot->def->load(&ctx, from, state, e) ||
            !slot->def->merge(&slot->ctx, s->groups[group] + slot->offset, from, e))
            return false;
    }
    return true;
}

/* ---- memory is short ---- */

void aggset_shrink(AggSet *s)
{
    for (size_t i = 0; i < s->slot_count; i++) {
        AggSlot *slot = &s->slots[i];
        bool moving = slot->seen && !slot->sorter;
        if (!slot->sorter && (slot->seen || slot->def->grows))
            slot_init_sorter(s, slot);
        slot->dedupe = slot->dedupe || slot->seen;
        slot->moving = slot->moving || moving;
        if (slot->seen && !slot->moving) { /* the sorter has these rows */
            ht_free(slot->seen);
            slot->seen = NULL;
        }
    }
}

static QueryStatus settle_sorter(AggSet *s, AggSlot *slot, bool last, Err *e)
{
    QueryStatus st;
    while ((st = sorter_settle(slot->sorter, last, e)) == QUERY_YIELD)
        if ((st = exec_tick(s->x, e)) != QUERY_BATCH)
            return st;
    return st;
}

/* DISTINCT: what was seen goes to the sorter, and the states begin anew. */
static QueryStatus move_seen(AggSet *s, AggSlot *slot, Err *e)
{
    HashTable *seen = slot->seen;
    QueryStatus st = settle_sorter(s, slot, false, e);
    while (st == QUERY_BATCH && slot->moved < seen->count) {
        size_t left = seen->count - slot->moved;
        arena_reset(s->scratch);
        Vector *cols = ARENA_ARRAY(s->scratch, Vector, seen->col_count);
        Batch b = {left < BATCH_ROWS ? left : BATCH_ROWS, seen->col_count, cols, NULL, 0};
        for (size_t c = 0; c < seen->col_count; c++)
            ht_keys(seen, c, slot->moved, &cols[c]);
        sorter_add(slot->sorter, &b, cols + s->single);
        slot->moved += b.rows;
        st = settle_sorter(s, slot, false, e);
    }
    if (st != QUERY_BATCH)
        return st;
    for (size_t g = 0; g < s->group_count; g++) {
        memset(s->groups[g] + slot->offset, 0, slot->def->state_size);
        state_init(slot, s->groups[g]);
    }
    ht_free(seen);
    slot->seen = NULL;
    slot->moving = false;
    return QUERY_BATCH;
}

QueryStatus aggset_settle(AggSet *s, bool last, Err *e)
{
    for (size_t i = 0; i < s->slot_count; i++) {
        AggSlot *slot = &s->slots[i];
        QueryStatus st = QUERY_BATCH;
        if (slot->moving)
            st = move_seen(s, slot, e);
        if (st == QUERY_BATCH && slot->sorter)
            st = settle_sorter(s, slot, last, e);
        if (st != QUERY_BATCH)
            return st;
    }
    return QUERY_BATCH;
}

/* ---- results ---- */

static bool same_row(const AggSlot *slot, const Batch *a, size_t ra, const Batch *b, size_t rb)
{
    for (size_t c = 0; c <= slot->call->arg_count; c++) {
        Value x = vec_get(&a->cols[c], ra), y = vec_get(&b->cols[c], rb);
        const TypeDef *def = type_find(a->cols[c].type);
        if (x.null != y.null || (!x.null && def->cmp(&x, &y) != 0))
            return false;
    }
    return true;
}

/* Sorted rows [begin, end), all of one group, to its state. */
static bool feed_rows(AggSet *s, AggSlot *slot, size_t begin, size_t end, Err *e)
{
    uint16_t sel[BATCH_ROWS];
    const Batch *b = &slot->sorted;
    size_t n = 0;
    for (size_t r = begin; r < end; r++) {
        const Batch *before = r > 0 ? b : &slot->before;
        size_t last = r > 0 ? r - 1 : before->rows - 1;
        sel[n] = (uint16_t)r;
        n += !slot->dedupe || before->rows == 0 || !same_row(slot, before, last, b, r);
    }
    char *group = s->groups[b->cols[0].v.i64[begin]];
    return n == 0 || slot->def->update(&slot->ctx, group + slot->offset, b->cols + 1, sel, n, e);
}

static bool next_sorted(AggSlot *slot, Err *e)
{
    size_t n;
    if (slot->dedupe && slot->sorted.rows > 0) {
        uint16_t row = (uint16_t)(slot->sorted.rows - 1);
        Batch last = slot->sorted;
        last.sel = &row;
        last.sel_count = 1;
        arena_reset(&slot->before_arena);
        batch_copy(&slot->before, &last, &slot->before_arena);
    }
    arena_reset(&slot->sorted_arena);
    slot->sorted_at = 0;
    return sorter_next(slot->sorter, &slot->sorted, &n, &slot->sorted_arena, e);
}

/* All rows of the group that wait in the slot's sorter. */
static QueryStatus feed_group(AggSet *s, AggSlot *slot, size_t group, Err *e)
{
    while (!slot->sorted_end) {
        const Batch *b = &slot->sorted;
        size_t begin = slot->sorted_at, end = begin;
        while (end < b->rows && b->cols[0].v.i64[end] == (int64_t)group)
            end++;
        if (end > begin && !feed_rows(s, slot, begin, end, e))
            return QUERY_FAIL;
        slot->sorted_at = end;
        if (end < b->rows)
            break;
        QueryStatus st = exec_tick(s->x, e);
        if (st != QUERY_BATCH)
            return st;
        if (!next_sorted(slot, e))
            return QUERY_FAIL;
        slot->sorted_end = slot->sorted.rows == 0;
    }
    return QUERY_BATCH;
}

/* Results of a batch take about as much once more. */
static size_t late_max(const AggSet *s)
{
    int64_t limit = s->x->query->budget.limit;
    return limit > 0 && limit / 16 < BATCH_BYTES ? (size_t)limit / 16 : BATCH_BYTES;
}

/* Feeds groups from `begin` on, until a batch of them is complete or they take much memory; *n: so many. */
static QueryStatus feed_groups(AggSet *s, size_t begin, size_t *n, Err *e)
{
    bool waiting = false;
    size_t max = *n;
    if (!s->feeding) {
        s->feeding = true;
        s->fed = begin;
        arena_reset(&s->late);
    }
    for (size_t i = 0; i < s->slot_count; i++)
        waiting |= s->slots[i].sorter != NULL;
    if (!waiting)
        return QUERY_BATCH;
    do {
        for (size_t i = 0; i < s->slot_count; i++) {
            AggSlot *slot = &s->slots[i];
            if (!slot->sorter)
                continue;
            slot->ctx.arena = &s->late;
            QueryStatus st = feed_group(s, slot, s->fed, e);
            if (st != QUERY_BATCH)
                return st;
        }
    } while (++s->fed < begin + max && s->late.used < late_max(s));
    *n = s->fed - begin;
    s->feeding = false;
    return QUERY_BATCH;
}

QueryStatus aggset_output(AggSet *s, size_t begin, size_t *n, Vector *out, Arena *a, Err *e)
{
    s->x->ctx.scratch = s->scratch;
    *n = s->group_count - begin < BATCH_ROWS ? s->group_count - begin : BATCH_ROWS;
    QueryStatus st = feed_groups(s, begin, n, e);
    if (st != QUERY_BATCH)
        return st;
    s->x->ctx.scratch = a;
    for (size_t i = 0; i < s->slot_count; i++) {
        AggSlot *slot = &s->slots[i];
        AggCtx ctx = slot->ctx;
        ctx.arena = a; /* states do not change any more */
        bool as_state = slot->call->as_state;
        vec_init_flat(&out[i], as_state ? T_BYTEA : slot->call->result, *n, a);
        for (size_t g = 0; g < *n; g++) {
            Value v = value_null();
            const char *state = s->groups[begin + g] + slot->offset;
            if (as_state ? !agg_state_value(slot->def, &ctx, state, &v, e)
                         : !slot->def->final(&ctx, state, &v, e))
                return QUERY_FAIL;
            vec_set(&out[i], g, &v, *n, a);
        }
    }
    return QUERY_BATCH;
}
