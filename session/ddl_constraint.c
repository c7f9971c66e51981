/* session/ddl_constraint.c - constraints and indexes of a table that is made or changed: their names,
 * as PostgreSQL chooses them, and their entries. */
#include "session/session_private.h"

enum { PG_NAME_MAX = 63 };

/* ---- names ---- */

static Slice clip(Slice s, size_t n)
{
    while (n < s.len && n && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
        n--; /* not inside a character */
    return slice_of(s.ptr, n < s.len ? n : s.len);
}

/* table_columns_label in at most 63 bytes: the longer of the first two is cut. */
Slice ddl_make_name(Arena *a, Slice first, Slice second, const char *label)
{
    size_t over = (second.len ? 1 : 0) + strlen(label) + 1, room = PG_NAME_MAX - over;
    size_t x = first.len, y = second.len;
    while (x + y > room)
        if (x > y)
            x--;
        else
            y--;
    first = clip(first, x);
    second = clip(second, y);
    return arena_printf(a, "%.*s%s%.*s_%s", SLICE_ARG(first), second.len ? "_" : "",
                        SLICE_ARG(second), label);
}

/* A relation or an index of this schema has the name. */
bool ddl_name_taken(const CatalogSnap *cat, ObjectId schema, Slice name)
{
    if (cat_table(cat, schema, name))
        return true;
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        const ConstraintDef *c = t->schema == schema ? table_constraint(t, name) : NULL;
        if (c && c->type != CONSTRAINT_CHECK)
            return true;
    }
    return false;
}

static Slice joined_columns(Arena *a, const ConstraintSpec *spec)
{
    Slice out = SLICE_LIT("");
    for (size_t i = 0; i < spec->column_count && out.len < PG_NAME_MAX; i++)
        out = arena_printf(a, "%.*s%s%.*s", SLICE_ARG(out), i ? "_" : "",
                           SLICE_ARG(spec->columns[i]));
    return out;
}

static bool name_is_free(const CatalogSnap *cat, const TableDef *t, const ConstraintSpec *spec,
                         Slice name)
{
    if (table_constraint(t, name))
        return false;
    return spec->type == CONSTRAINT_CHECK || !ddl_name_taken(cat, t->schema, name);
}

static Slice choose_name(Arena *a, const CatalogSnap *cat, const TableDef *t,
                         const ConstraintSpec *spec)
{
    static const char *const labels[] = {[CONSTRAINT_PRIMARY_KEY] = "pkey",
                                         [CONSTRAINT_UNIQUE] = "key",
                                         [CONSTRAINT_CHECK] = "check",
                                         [CONSTRAINT_INDEX] = "idx",
                                         [CONSTRAINT_UNIQUE_INDEX] = "idx"};
    bool alone = spec->type == CONSTRAINT_PRIMARY_KEY ||
                 (spec->type == CONSTRAINT_CHECK && spec->column_count != 1);
    Slice columns = alone ? SLICE_NONE : joined_columns(a, spec);
    Slice label = slice_cstr(labels[spec->type]);
    for (int n = 1;; n++) {
        Slice name = ddl_make_name(a, t->name, columns, arena_cstr(a, label));
        if (name_is_free(cat, t, spec, name))
            return name;
        label = arena_printf(a, "%s%d", labels[spec->type], n);
    }
}

/* ---- entries ---- */

static bool check_name(const CatalogSnap *cat, const TableDef *t, const ConstraintSpec *spec,
                       Err *e)
{
    const ConstraintDef *same = table_constraint(t, spec->name);
    bool index = spec->type == CONSTRAINT_INDEX || spec->type == CONSTRAINT_UNIQUE_INDEX;
    if (spec->type == CONSTRAINT_CHECK && same && !t->version)
        return err_set(e, ERR_DUPLICATE_OBJECT, "check constraint \"%.*s\" already exists",
                       SLICE_ARG(spec->name));
    if (!index && same && same->type != CONSTRAINT_INDEX && same->type != CONSTRAINT_UNIQUE_INDEX)
        return err_set(e, ERR_DUPLICATE_OBJECT,
                       "constraint \"%.*s\" for relation \"%.*s\" already exists",
                       SLICE_ARG(spec->name), SLICE_ARG(t->name));
    if (!name_is_free(cat, t, spec, spec->name) ||
        (spec->type != CONSTRAINT_CHECK && slice_eq(spec->name, t->name)))
        return err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                       SLICE_ARG(spec->name));
    return true;
}

static int16_t column_index(const TableDef *t, Slice name)
{
    const ColumnDef *c = table_column(t, name);
    must(c != NULL); /* the analyzer looked */
    return (int16_t)(c - t->columns);
}

/* A PRIMARY KEY or UNIQUE of a time-series table is its tags and its time. */
static bool is_series_key(const TableDef *t, const ConstraintDef *c)
{
    size_t wanted = 0, found = 0;
    for (size_t i = 0; i < t->column_count; i++)
        wanted += !t->columns[i].dropped && t->columns[i].kind != COL_FIELD;
    for (size_t i = 0; i < c->column_count; i++)
        found += t->columns[c->columns[i]].kind != COL_FIELD;
    return found == wanted && c->column_count == wanted;
}

static bool make_key(TableDef *t, const ConstraintDef *c, Err *e)
{
    const char *what = c->type == CONSTRAINT_PRIMARY_KEY ? "PRIMARY KEY" : "UNIQUE key";
    if (t->kind == TABLE_SERIES && !is_series_key(t, c)) {
        err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                "the %s of a time-series table is its tags and its time column", what);
        return err_hint(e, "Name all of the tags and the time in it, and nothing else.");
    }
    if (c->type == CONSTRAINT_PRIMARY_KEY || (t->kind == TABLE_SERIES && !t->key_count)) {
        t->key = c->columns;
        t->key_count = c->column_count;
    }
    for (size_t i = 0; c->type == CONSTRAINT_PRIMARY_KEY && i < c->column_count; i++)
        t->columns[c->columns[i]].not_null = true;
    t->duplicates = DUP_ERROR;
    return true;
}

/* Without a key a table keeps what it has: newer rows win, or each row is its own. */
static void reset_keys(TableDef *t)
{
    bool unique = false;
    t->key_count = 0;
    for (size_t i = 0; i < t->constraint_count; i++) {
        const ConstraintDef *c = &t->constraints[i];
        if (!constraint_is_unique(c))
            continue;
        unique = true;
        if (c->type == CONSTRAINT_PRIMARY_KEY || t->kind == TABLE_SERIES) {
            t->key = c->columns;
            t->key_count = c->column_count;
        }
    }
    if (!unique && t->duplicates == DUP_ERROR)
        t->duplicates = DUP_LAST;
}

void ddl_remove_constraint(TableDef *t, size_t index)
{
    must(index < t->constraint_count);
    t->constraint_count--;
    memmove(t->constraints + index, t->constraints + index + 1,
            (t->constraint_count - index) * sizeof *t->constraints);
    reset_keys(t);
}

bool ddl_add_constraint(Portal *p, const CatalogSnap *cat, TableDef *t, const ConstraintSpec *spec,
                        Err *e)
{
    Arena *a = &p->arena;
    if (spec->name.len && !check_name(cat, t, spec, e))
        return false;
    int16_t *columns = ARENA_ARRAY(a, int16_t, spec->column_count + 1);
    for (size_t i = 0; i < spec->column_count; i++)
        columns[i] = column_index(t, spec->columns[i]);
    ConstraintDef *list = ARENA_ARRAY(a, ConstraintDef, t->constraint_count + 1u);
    if (t->constraint_count)
        memcpy(list, t->constraints, t->constraint_count * sizeof *list);
    ConstraintDef *c = &list[t->constraint_count];
    *c = (ConstraintDef){.id = engine_new_id(p->session->db->engine),
                         .type = spec->type,
                         .name = spec->name.len ? spec->name : choose_name(a, cat, t, spec),
                         .text = spec->text,
                         .columns = columns,
                         .column_count = (uint16_t)spec->column_count};
    if (constraint_is_unique(c) && !make_key(t, c, e))
        return false;
    t->constraints = list;
    t->constraint_count++;
    return true;
}
