#include "exec/hashtable.h"
#include "base/hash.h"
#include "exec/kernels.h"
#include "storage/types.h"

#include <math.h>

enum { SLOTS_MIN = 64, SLOTS_STEP = 64 << 10, KEYS_MIN = 16 };
#define HASH_NULL UINT64_C(0x5bd1e9955bd1e995)

static KeyEq key_eq_of(TypeId type, Phys phys)
{
    switch (phys) {
    case PH_BOOL:
        return KEY_EQ_BOOL;
    case PH_I64:
        return KEY_EQ_I64;
    case PH_F64:
        return KEY_EQ_F64;
    case PH_STR:
        /* bpchar ignores trailing blanks and jsonb compares by meaning: their own functions. */
        return type == T_BPCHAR || type == T_JSONB ? KEY_EQ_TYPE : KEY_EQ_STR;
    default:
        return KEY_EQ_TYPE;
    }
}

void ht_init(HashTable *t, const TypeId *types, size_t n, Budget *budget)
{
    *t = (HashTable){.budget = budget, .col_count = n};
    arena_init(&t->arena, budget);
    t->cols = mem_zero((n + 1) * sizeof *t->cols);
    for (size_t c = 0; c < n; c++) {
        HtColumn *col = &t->cols[c];
        col->type = types[c];
        col->phys = type_phys(types[c]);
        col->eq = key_eq_of(types[c], col->phys);
        col->def = type_find(types[c]);
    }
}

void ht_free(HashTable *t)
{
    if (t->cols)
        for (size_t c = 0; c < t->col_count; c++) {
            mem_free(t->cols[c].data);
            mem_free(t->cols[c].valid);
        }
    mem_free(t->cols);
    mem_free(t->slots);
    mem_free(t->hashes);
    if (t->budget)
        budget_charge(t->budget, -t->charged);
    arena_free(&t->arena);
    *t = (HashTable){0};
}

size_t ht_bytes(const HashTable *t)
{
    return (size_t)t->charged + t->arena.used;
}

void ht_clear(HashTable *t)
{
    for (size_t c = 0; c < t->col_count; c++)
        t->cols[c].has_null = false;
    if (t->slots)
        memset(t->slots, 0, (t->slot_mask + 1) * sizeof *t->slots);
    t->count = 0;
    arena_reset(&t->arena);
}

/* Half full at most; small tables grow in greater steps. */
static size_t slots_next(const HashTable *t)
{
    return (t->slot_mask + 1) * (t->slot_mask < SLOTS_STEP ? 4 : 2);
}

size_t ht_growth(const HashTable *t, size_t n)
{
    size_t bytes = 0;
    if ((t->count + n) * 2 > t->slot_mask)
        bytes += slots_next(t) * sizeof *t->slots;
    for (size_t c = 0; t->count + n > t->cap && c < t->col_count; c++)
        bytes += t->cap * (phys_size(t->cols[c].phys) + sizeof *t->hashes);
    return bytes;
}

/* ---- hashing: one loop a column ---- */

static inline uint64_t hash_i64(uint64_t v) /* as the kernel */
{
    v *= UINT64_C(0x9e3779b97f4a7c15);
    v ^= v >> 32;
    v *= UINT64_C(0xd6e8feb86659fd93);
    return v ^ (v >> 29);
}

static inline uint64_t hash_f64(double d)
{
    uint64_t bits;
    if (d == 0)
        d = 0; /* -0 */
    if (isnan(d))
        return hash_i64(UINT64_C(0x7ff8000000000000));
    memcpy(&bits, &d, sizeof bits);
    return hash_i64(bits);
}

static uint64_t hash_slot(const Vector *v, size_t slot, KeyEq eq, const TypeDef *def)
{
    if (!bitmap_get(v->valid, slot))
        return HASH_NULL;
    switch (eq) {
    case KEY_EQ_BOOL:
        return hash_i64(v->v.b[slot] != 0);
    case KEY_EQ_I64:
        return hash_i64((uint64_t)v->v.i64[slot]);
    case KEY_EQ_F64:
        return hash_f64(v->v.f64[slot]);
    case KEY_EQ_STR:
        return hash64(v->v.str[slot].ptr, v->v.str[slot].len, 0);
    case KEY_EQ_TYPE:
        break;
    }
    Vector flat = *v; /* vec_get by slot, not by row */
    flat.kind = VEC_FLAT;
    Value value = vec_get(&flat, slot);
    return def && def->hash ? def->hash(&value) : 0;
}

static inline uint64_t hash_join(uint64_t old, uint64_t h, bool first)
{
    return first ? h : hash_mix(old, h);
}

static void hash_flat(uint64_t *hashes, const Vector *v, const uint16_t *sel, size_t n, bool first)
{
    KeyEq eq = key_eq_of(v->type, v->phys);
    const TypeDef *def = eq == KEY_EQ_TYPE ? type_find(v->type) : NULL;
    if (eq == KEY_EQ_I64 && !v->valid && !sel && first) {
        exec_kernels()->hash_i64(hashes, v->v.i64, n);
        return;
    }
    if (eq == KEY_EQ_I64 && !v->valid) {
        for (size_t i = 0; i < n; i++) {
            size_t row = sel ? sel[i] : i;
            hashes[i] = hash_join(hashes[i], hash_i64((uint64_t)v->v.i64[row]), first);
        }
        return;
    }
    for (size_t i = 0; i < n; i++)
        hashes[i] = hash_join(hashes[i], hash_slot(v, sel ? sel[i] : i, eq, def), first);
}

void hash_vector(uint64_t *hashes, const Vector *v, const uint16_t *sel, size_t n, bool first)
{
    if (v->kind == VEC_FLAT) {
        hash_flat(hashes, v, sel, n, first);
        return;
    }
    KeyEq eq = key_eq_of(v->type, v->phys);
    const TypeDef *def = eq == KEY_EQ_TYPE ? type_find(v->type) : NULL;
    if (v->kind == VEC_CONST) {
        uint64_t h = hash_slot(v, 0, eq, def);
        for (size_t i = 0; i < n; i++)
            hashes[i] = hash_join(hashes[i], h, first);
        return;
    }
    uint64_t entries[BATCH_ROWS];
    bool by_entry = v->dict_count <= n;
    for (size_t d = 0; by_entry && d < v->dict_count; d++)
        entries[d] = hash_slot(v, d, eq, def);
    for (size_t i = 0; i < n; i++) {
        uint32_t code = v->codes[sel ? sel[i] : i];
        hashes[i] =
            hash_join(hashes[i], by_entry ? entries[code] : hash_slot(v, code, eq, def), first);
    }
}

void ht_hash(uint64_t *hashes, const Vector *keys, size_t n_keys, const uint16_t *sel, size_t n)
{
    memset(hashes, 0, n * sizeof *hashes);
    for (size_t c = 0; c < n_keys; c++)
        hash_vector(hashes, &keys[c], sel, n, c == 0);
}

/* ---- keys ---- */

static bool key_equal(const HtColumn *col, uint32_t id, const Vector *v, size_t row)
{
    size_t slot = vec_slot(v, row);
    bool stored = !col->has_null || bitmap_get(col->valid, id);
    bool given = bitmap_get(v->valid, slot);
    if (!stored || !given)
        return stored == given;
    switch (col->eq) {
    case KEY_EQ_BOOL:
        return !((const uint8_t *)col->data)[id] == !v->v.b[slot];
    case KEY_EQ_I64:
        return ((const int64_t *)(const void *)col->data)[id] == v->v.i64[slot];
    case KEY_EQ_F64: {
        double a = ((const double *)(const void *)col->data)[id], b = v->v.f64[slot];
        return a == b || (isnan(a) && isnan(b));
    }
    case KEY_EQ_STR:
        return slice_eq(((const Slice *)(const void *)col->data)[id], v->v.str[slot]);
    case KEY_EQ_TYPE:
        break;
    }
    Vector mine = {.type = col->type, .phys = col->phys, .kind = VEC_FLAT, .v.any = col->data};
    Value a = vec_get(&mine, id), b = vec_get(v, row);
    if (col->def && col->def->cmp)
        return col->def->cmp(&a, &b) == 0;
    return col->phys == PH_STR && slice_eq(a.u.str, b.u.str);
}

static bool keys_equal(const HashTable *t, uint32_t id, const Vector *keys, size_t row)
{
    for (size_t c = 0; c < t->col_count; c++)
        if (!key_equal(&t->cols[c], id, &keys[c], row))
            return false;
    return true;
}

static void key_store(HashTable *t, HtColumn *col, size_t id, const Vector *v, size_t row)
{
    size_t slot = vec_slot(v, row), size = phys_size(col->phys);
    char *dst = col->data + id * size;
    if (!bitmap_get(v->valid, slot)) {
        bitmap_clear(col->valid, id);
        col->has_null = true;
        memset(dst, 0, size);
        return;
    }
    bitmap_set(col->valid, id);
    Value value;
    switch (col->phys) {
    case PH_STR: {
        Slice s = arena_slice(&t->arena, v->v.str[slot]);
        memcpy(dst, &s, sizeof s);
        return;
    }
    case PH_NUM:
    case PH_ARRAY:
        value = vec_get(v, row);
        value = value_copy(&t->arena, &value);
        if (col->phys == PH_NUM)
            memcpy(dst, &value.u.num, sizeof value.u.num);
        else
            memcpy(dst, &value.u.arr, sizeof value.u.arr);
        return;
    default:
        memcpy(dst, (const char *)v->v.any + slot * size, size);
    }
}

static void *grow(HashTable *t, void *ptr, size_t old_size, size_t new_size)
{
    t->charged += (int64_t)(new_size - old_size);
    if (t->budget)
        budget_charge(t->budget, (int64_t)(new_size - old_size));
    return mem_realloc(ptr, new_size);
}

static void rehash(HashTable *t, size_t slots)
{
    size_t old = t->slots ? t->slot_mask + 1 : 0;
    mem_free(t->slots); /* nothing of it is needed: the keys have their hashes */
    t->slots = grow(t, NULL, old * sizeof *t->slots, slots * sizeof *t->slots);
    memset(t->slots, 0, slots * sizeof *t->slots);
    t->slot_mask = slots - 1;
    for (size_t id = 0; id < t->count; id++) {
        size_t s = t->hashes[id] & t->slot_mask;
        while (t->slots[s].id)
            s = (s + 1) & t->slot_mask;
        t->slots[s] = (HtSlot){(uint32_t)id + 1, (uint32_t)(t->hashes[id] >> 32)};
    }
}

static void reserve_keys(HashTable *t, size_t keys)
{
    if (keys <= t->cap)
        return;
    size_t cap = t->cap ? t->cap : KEYS_MIN;
    while (cap < keys)
        cap *= 2;
    for (size_t c = 0; c < t->col_count; c++) {
        HtColumn *col = &t->cols[c];
        size_t size = phys_size(col->phys);
        col->data = grow(t, col->data, t->cap * size, cap * size);
        col->valid = grow(t, col->valid, BITMAP_WORDS(t->cap) * 8, BITMAP_WORDS(cap) * 8);
        memset(col->valid + BITMAP_WORDS(t->cap), 0,
               (BITMAP_WORDS(cap) - BITMAP_WORDS(t->cap)) * 8);
    }
    t->hashes = grow(t, t->hashes, t->cap * sizeof *t->hashes, cap * sizeof *t->hashes);
    t->cap = cap;
}

/* The slot of the key, or the free one where it belongs. */
static size_t find_slot(const HashTable *t, uint64_t hash, const Vector *keys, size_t row)
{
    size_t s = hash & t->slot_mask;
    for (; t->slots[s].id; s = (s + 1) & t->slot_mask)
        if (t->slots[s].tag == (uint32_t)(hash >> 32) &&
            keys_equal(t, t->slots[s].id - 1, keys, row))
            return s;
    return s;
}

static bool all_const(const Vector *keys, size_t n)
{
    for (size_t c = 0; c < n; c++)
        if (keys[c].kind != VEC_CONST)
            return false;
    return true;
}

static uint32_t put_one(HashTable *t, uint64_t hash, const Vector *keys, size_t row)
{
    size_t s = find_slot(t, hash, keys, row);
    if (t->slots[s].id)
        return t->slots[s].id - 1;
    must(t->count < HT_NONE - 1);
    reserve_keys(t, t->count + 1);
    uint32_t id = (uint32_t)t->count++;
    for (size_t c = 0; c < t->col_count; c++)
        key_store(t, &t->cols[c], id, &keys[c], row);
    t->hashes[id] = hash;
    t->slots[s] = (HtSlot){id + 1, (uint32_t)(hash >> 32)};
    if (t->count * 2 > t->slot_mask)
        rehash(t, slots_next(t));
    return id;
}

void ht_put(HashTable *t, const Vector *keys, const uint16_t *sel, size_t n, uint32_t *ids)
{
    uint64_t hashes[BATCH_ROWS];
    must(n <= BATCH_ROWS);
    if (!t->slots)
        rehash(t, SLOTS_MIN);
    if (n > 0 && all_const(keys, t->col_count)) {
        ht_hash(hashes, keys, t->col_count, sel, 1);
        uint32_t id = put_one(t, hashes[0], keys, sel ? sel[0] : 0);
        for (size_t i = 0; i < n; i++)
            ids[i] = id;
        return;
    }
    ht_hash(hashes, keys, t->col_count, sel, n);
    for (size_t i = 0; i < n; i++)
        ids[i] = put_one(t, hashes[i], keys, sel ? sel[i] : i);
}

void ht_find(const HashTable *t, const Vector *keys, const uint16_t *sel, size_t n, uint32_t *ids)
{
    uint64_t hashes[BATCH_ROWS];
    must(n <= BATCH_ROWS);
    if (!t->slots) {
        for (size_t i = 0; i < n; i++)
            ids[i] = HT_NONE;
        return;
    }
    ht_hash(hashes, keys, t->col_count, sel, n);
    for (size_t i = 0; i < n; i++) {
        size_t s = find_slot(t, hashes[i], keys, sel ? sel[i] : i);
        ids[i] = t->slots[s].id ? t->slots[s].id - 1 : HT_NONE;
    }
}

void ht_keys(const HashTable *t, size_t col, size_t begin, Vector *out)
{
    const HtColumn *c = &t->cols[col];
    must(begin % 64 == 0);
    *out = (Vector){.type = c->type, .phys = c->phys, .kind = VEC_FLAT};
    out->v.any = c->data ? c->data + begin * phys_size(c->phys) : NULL;
    out->valid = c->has_null ? c->valid + begin / 64 : NULL;
}
