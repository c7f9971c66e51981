/* storage/catalog_table.c - one table definition: copies, checks, columns by name, label and id.
 *
 * A table in a snapshot carries a TableLookup: three open-addressing tables of column indexes.
 * The lookup knows its owner, so that a TableDef copied by value and then edited falls back to
 * a search from column to column instead of answering from a stale hash. */
#include "base/hash.h"
#include "storage/catalog_private.h"

enum { LOOKUP_COLUMNS_MIN = 9 }; /* fewer columns are faster compared one by one */

struct TableLookup {
    const TableDef *owner;
    uint32_t mask;
    uint16_t *by_name, *by_label, *by_id; /* index + 1; 0 = free */
};

void *pack_bytes(Pack *p, const void *src, size_t size)
{
    size_t at = p->used;
    p->used += (size + 7) & ~(size_t)7;
    if (!p->base || !size)
        return NULL;
    return memcpy(p->base + at, src, size);
}

Slice pack_slice(Pack *p, Slice s)
{
    const char *ptr = pack_bytes(p, s.ptr, s.len);
    return (Slice){ptr ? ptr : "", s.len};
}

static const TtlMatch *pack_matches(Pack *p, const TtlMatch *from, size_t n)
{
    TtlMatch *to = pack_bytes(p, from, n * sizeof *from);
    for (size_t i = 0; i < n; i++) {
        Slice *values = pack_bytes(p, from[i].values, from[i].value_count * sizeof(Slice));
        for (size_t k = 0; k < from[i].value_count; k++) {
            Slice v = pack_slice(p, from[i].values[k]);
            if (values)
                values[k] = v;
        }
        if (to)
            to[i].values = values;
    }
    return to;
}

static const TtlClass *pack_ttls(Pack *p, const TtlClass *from, size_t n)
{
    TtlClass *to = pack_bytes(p, from, n * sizeof *from);
    for (size_t i = 0; i < n; i++) {
        TtlClass c = from[i];
        c.name = pack_slice(p, c.name);
        c.condition = pack_slice(p, c.condition);
        c.matches = pack_matches(p, c.matches, c.match_count);
        if (to)
            to[i] = c;
    }
    return to;
}

void table_pack(Pack *p, TableDef *to, const TableDef *from)
{
    TableDef t = *from;
    t.lookup = NULL;
    t.name = pack_slice(p, from->name);
    t.definition = pack_slice(p, from->definition);
    t.options = pack_slice(p, from->options);
    t.comment = pack_slice(p, from->comment);
    t.extra = pack_slice(p, from->extra);
    t.key = pack_bytes(p, from->key, from->key_count * sizeof from->key[0]);
    t.columns = pack_bytes(p, from->columns, from->column_count * sizeof from->columns[0]);
    for (size_t i = 0; i < from->column_count; i++) {
        ColumnDef c = from->columns[i];
        c.name = pack_slice(p, c.name);
        c.label = pack_slice(p, c.label);
        c.default_sql = pack_slice(p, c.default_sql);
        c.comment = pack_slice(p, c.comment);
        if (t.columns)
            t.columns[i] = c;
    }
    t.constraints =
        pack_bytes(p, from->constraints, from->constraint_count * sizeof from->constraints[0]);
    for (size_t i = 0; i < from->constraint_count; i++) {
        ConstraintDef c = from->constraints[i];
        c.name = pack_slice(p, c.name);
        c.text = pack_slice(p, c.text);
        c.columns = pack_bytes(p, c.columns, c.column_count * sizeof c.columns[0]);
        if (t.constraints)
            t.constraints[i] = c;
    }
    t.ttls = pack_ttls(p, from->ttls, from->ttl_count);
    *to = t;
}

TableDef *table_def_copy(Arena *a, const TableDef *t)
{
    Pack p = {0};
    TableDef *copy = arena_alloc(a, sizeof *copy);
    table_pack(&p, copy, t);
    p = (Pack){.base = arena_alloc(a, p.used + 1)};
    table_pack(&p, copy, t);
    return copy;
}

static Slice column_label(const ColumnDef *c)
{
    return c->label.len ? c->label : c->name;
}

static uint32_t hash_label(Slice label, ColumnKind kind)
{
    return (uint32_t)hash64(label.ptr, label.len, kind);
}

static uint32_t hash_id(ColumnId id)
{
    return id * 2654435761u >> 7;
}

static uint32_t lookup_slots(const TableDef *t)
{
    uint32_t slots = 16;
    while (slots < t->column_count * 2u)
        slots *= 2;
    return slots;
}

size_t table_lookup_size(const TableDef *t)
{
    if (t->column_count < LOOKUP_COLUMNS_MIN)
        return 0;
    return sizeof(struct TableLookup) + 3 * lookup_slots(t) * sizeof(uint16_t);
}

static void slot_put(uint16_t *slots, uint32_t mask, uint32_t hash, size_t index)
{
    uint32_t i = hash & mask;
    while (slots[i])
        i = (i + 1) & mask;
    slots[i] = (uint16_t)(index + 1);
}

void table_lookup_build(TableDef *t, void *memory)
{
    size_t size = table_lookup_size(t);
    if (!size)
        return;
    memset(memory, 0, size);
    struct TableLookup *l = memory;
    uint32_t slots = lookup_slots(t);
    l->owner = t;
    l->mask = slots - 1;
    l->by_name = (uint16_t *)(l + 1);
    l->by_label = l->by_name + slots;
    l->by_id = l->by_label + slots;
    for (size_t i = 0; i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        slot_put(l->by_id, l->mask, hash_id(c->id), i);
        if (c->dropped)
            continue;
        slot_put(l->by_name, l->mask, (uint32_t)hash64(c->name.ptr, c->name.len, 0), i);
        slot_put(l->by_label, l->mask, hash_label(column_label(c), c->kind), i);
    }
    t->lookup = l;
}

static const struct TableLookup *lookup_of(const TableDef *t)
{
    return t->lookup && t->lookup->owner == t ? t->lookup : NULL;
}

const ColumnDef *table_column(const TableDef *t, Slice name)
{
    const struct TableLookup *l = lookup_of(t);
    if (l) {
        uint32_t i = (uint32_t)hash64(name.ptr, name.len, 0) & l->mask;
        for (; l->by_name[i]; i = (i + 1) & l->mask)
            if (slice_eq(t->columns[l->by_name[i] - 1].name, name))
                return &t->columns[l->by_name[i] - 1];
        return NULL;
    }
    for (size_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].dropped && slice_eq(t->columns[i].name, name))
            return &t->columns[i];
    return NULL;
}

const ColumnDef *table_column_by_id(const TableDef *t, ColumnId id)
{
    const struct TableLookup *l = lookup_of(t);
    if (l) {
        for (uint32_t i = hash_id(id) & l->mask; l->by_id[i]; i = (i + 1) & l->mask)
            if (t->columns[l->by_id[i] - 1].id == id)
                return &t->columns[l->by_id[i] - 1];
        return NULL;
    }
    for (size_t i = 0; i < t->column_count; i++)
        if (t->columns[i].id == id)
            return &t->columns[i];
    return NULL;
}

const ColumnDef *table_column_by_label(const TableDef *t, Slice label, ColumnKind kind)
{
    const struct TableLookup *l = lookup_of(t);
    if (l) {
        uint32_t i = hash_label(label, kind) & l->mask;
        for (; l->by_label[i]; i = (i + 1) & l->mask) {
            const ColumnDef *c = &t->columns[l->by_label[i] - 1];
            if (c->kind == kind && slice_eq(column_label(c), label))
                return c;
        }
        return NULL;
    }
    for (size_t i = 0; i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        if (!c->dropped && c->kind == kind && slice_eq(column_label(c), label))
            return c;
    }
    return NULL;
}

bool constraint_is_unique(const ConstraintDef *c)
{
    return c->type == CONSTRAINT_PRIMARY_KEY || c->type == CONSTRAINT_UNIQUE ||
           c->type == CONSTRAINT_UNIQUE_INDEX;
}

const ConstraintDef *table_constraint(const TableDef *t, Slice name)
{
    for (size_t i = 0; i < t->constraint_count; i++)
        if (slice_eq(t->constraints[i].name, name))
            return &t->constraints[i];
    return NULL;
}

static bool name_check(Slice name, const char *what, Err *e)
{
    if (!name.len)
        return err_set(e, ERR_INVALID_NAME, "%s has an empty name", what);
    if (name.len > NAME_MAX_BYTES)
        return err_set(e, ERR_NAME_TOO_LONG, "name of %s has %zu bytes, at most %d are possible",
                       what, name.len, NAME_MAX_BYTES);
    return true;
}

static bool column_check(const TableDef *t, const ColumnDef *c, Err *e)
{
    if (!name_check(c->name, "a column", e))
        return false;
    if (c->label.len > UINT16_MAX)
        return err_set(e, ERR_NAME_TOO_LONG, "label of column \"%.*s\" has %zu bytes",
                       SLICE_ARG(c->name), c->label.len);
    if (c->kind < COL_TAG || c->kind > COL_FIELD || c->phys > PHYS_STR)
        return err_set(e, ERR_INVALID_TABLE_DEFINITION,
                       "column \"%.*s\" has an unknown kind or type", SLICE_ARG(c->name));
    if ((c->keyed && c->kind != COL_FIELD) || (c->clusters && !c->keyed))
        return err_set(e, ERR_INVALID_TABLE_DEFINITION,
                       "column \"%.*s\" cannot be part of a clustering key", SLICE_ARG(c->name));
    if ((c->kind == COL_TIME) != (c->id == COLUMN_TIME) || (c->id && c->id >= t->next_column) ||
        c->id > COLUMN_ID_LAST)
        return err_set(e, ERR_INVALID_TABLE_DEFINITION, "column \"%.*s\" has a wrong id %u",
                       SLICE_ARG(c->name), c->id);
    return true;
}

/* No two columns of one id, no two living ones of one name.  Sorted bits and a small hash. */
static bool columns_distinct(const TableDef *t, Err *e)
{
    uint64_t ids[BITMAP_WORDS(65536)] = {0};
    uint16_t slots[4096] = {0}; /* at least twice COLUMNS_MAX */
    for (size_t i = 0; i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        if (bitmap_get(ids, c->id))
            return err_set(e, ERR_INVALID_TABLE_DEFINITION, "column id %u is given twice", c->id);
        bitmap_set(ids, c->id);
        if (c->dropped)
            continue;
        uint32_t s = (uint32_t)hash64(c->name.ptr, c->name.len, 0) & 4095;
        for (; slots[s]; s = (s + 1) & 4095)
            if (slice_eq(t->columns[slots[s] - 1].name, c->name))
                return err_set(e, ERR_DUPLICATE_COLUMN, "column \"%.*s\" specified more than once",
                               SLICE_ARG(c->name));
        slots[s] = (uint16_t)(i + 1);
    }
    return true;
}

static bool constraint_check(const TableDef *t, const ConstraintDef *c, Err *e)
{
    if (!name_check(c->name, "a constraint", e))
        return false;
    bool ok = c->type >= CONSTRAINT_PRIMARY_KEY && c->type <= CONSTRAINT_UNIQUE_INDEX;
    for (size_t i = 0; ok && i < c->column_count; i++)
        ok = c->columns[i] >= 0 && c->columns[i] < t->column_count;
    return ok || err_set(e, ERR_INVALID_TABLE_DEFINITION,
                         "constraint \"%.*s\" has an unknown type or column", SLICE_ARG(c->name));
}

static bool ttl_check(const TableDef *t, const TtlClass *c, Err *e)
{
    if (!name_check(c->name, "a TTL", e))
        return false;
    bool ok = c->keep_ns > 0;
    for (size_t i = 0; i < c->match_count; i++) {
        const TtlMatch *m = &c->matches[i];
        bool regex = m->kind == TTL_REGEX || m->kind == TTL_NOT_REGEX;
        ok &= m->kind >= TTL_IN && m->kind < TTL_MATCH_KINDS && (!regex || m->value_count == 1);
    }
    return ok || err_set(e, ERR_INVALID_TABLE_DEFINITION,
                         "TTL \"%.*s\" of table \"%.*s\" has an unknown condition or no duration",
                         SLICE_ARG(c->name), SLICE_ARG(t->name));
}

bool table_def_check(const TableDef *t, Err *e)
{
    if (!name_check(t->name, "a table", e))
        return false;
    if (t->column_count > COLUMNS_MAX)
        return err_set(
            e, ERR_TOO_MANY_COLUMNS,
            "table \"%.*s\" would have %u columns, dropped ones included, at most %d are possible",
            SLICE_ARG(t->name), t->column_count, COLUMNS_MAX);
    if (!t->id || t->kind < TABLE_SERIES || t->kind > TABLE_SEQUENCE || t->duplicates > DUP_ERROR)
        return err_set(e, ERR_INVALID_TABLE_DEFINITION,
                       "table \"%.*s\" has an unknown id, kind or mode", SLICE_ARG(t->name));
    for (size_t i = 0; i < t->column_count; i++)
        if (!column_check(t, &t->columns[i], e))
            return false;
    bool time_ok = t->time_index == -1 || (t->time_index >= 0 && t->time_index < t->column_count &&
                                           t->columns[t->time_index].kind == COL_TIME);
    if (!time_ok)
        return err_set(e, ERR_INVALID_TABLE_DEFINITION, "table \"%.*s\" names no time column at %d",
                       SLICE_ARG(t->name), t->time_index);
    for (size_t i = 0; i < t->key_count; i++)
        if (t->key[i] < 0 || t->key[i] >= t->column_count)
            return err_set(e, ERR_INVALID_TABLE_DEFINITION, "key of table \"%.*s\" names column %d",
                           SLICE_ARG(t->name), t->key[i]);
    for (size_t i = 0; i < t->constraint_count; i++)
        if (!constraint_check(t, &t->constraints[i], e))
            return false;
    if (t->ttl_ns < 0 || t->size_max < 0)
        return err_set(e, ERR_INVALID_TABLE_DEFINITION,
                       "TTL and size of table \"%.*s\" must not be negative", SLICE_ARG(t->name));
    for (size_t i = 0; i < t->ttl_count; i++)
        if (!ttl_check(t, &t->ttls[i], e))
            return false;
    return columns_distinct(t, e);
}
