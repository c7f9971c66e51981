/* ingest/ing_schema.c - schema on write: names of lines to tables and columns, made when missing. */
#include "ingest/ingest_private.h"
#include "storage/histogram.h"
#include "storage/ttl.h"
#include <stdio.h>

/* The oids are PostgreSQL's: storage only carries them. */
enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700
};
enum { TYPMOD_HEADER = 4, NUMERIC_UINT64 = (20 << 16) + TYPMOD_HEADER }; /* numeric(20,0) */

static const struct {
    const char *name;
    uint32_t oid;
    int32_t typmod;
    PhysType phys;
} kinds[] = {
    [ING_FLOAT] = {"float", OID_FLOAT8, -1, PHYS_F64},
    [ING_INT] = {"integer", OID_INT8, -1, PHYS_I64},
    [ING_UINT] = {"unsigned", OID_NUMERIC, NUMERIC_UINT64, PHYS_STR},
    [ING_BOOL] = {"boolean", OID_BOOL, -1, PHYS_BOOL},
    [ING_STRING] = {"string", OID_TEXT, -1, PHYS_STR},
    [ING_HISTOGRAM] = {"histogram", HIST_OID, -1, PHYS_STR},
    [ING_MICROS] = {"time", OID_TIMESTAMPTZ, -1, PHYS_I64},
};

static const char *type_name(uint32_t oid)
{
    switch (oid) {
    case OID_FLOAT8:
    case OID_FLOAT4:
        return "float";
    case OID_INT8:
    case OID_INT4:
    case OID_INT2:
        return "integer";
    case OID_BOOL:
        return "boolean";
    case OID_NUMERIC:
        return "unsigned";
    case HIST_OID:
        return "histogram";
    default:
        return "string";
    }
}

static void place_table(IngJob *j, IngTable *t)
{
    size_t i = t->hash & j->table_mask;
    while (j->table_slots[i])
        i = (i + 1) & j->table_mask;
    j->table_slots[i] = t;
}

/* Tables that were dropped are forgotten: a new one may have the name. */
static void forget_dropped(IngJob *j)
{
    IngTable **link = &j->tables;
    while (*link) {
        if ((*link)->def) {
            link = &(*link)->next;
            continue;
        }
        *link = (*link)->next;
        j->table_count--;
        j->tables_dropped++;
    }
    j->last_table = NULL;
    ing_heads_clear(&j->heads); /* they name tables */
    memset(j->table_slots, 0, (j->table_mask + 1) * sizeof(IngTable *));
    for (IngTable *t = j->tables; t; t = t->next)
        place_table(j, t);
}

static void set_def(IngTable *t, const TableDef *def)
{
    t->def = def;
    t->keep_ns = def ? ttl_shortest(def) : INT64_MAX;
    t->labelled = t->required = t->checked = false;
    for (size_t i = 0; def && i < def->column_count; i++)
        t->required |= def->columns[i].not_null && def->columns[i].kind != COL_TIME;
    for (size_t i = 0; def && i < def->constraint_count; i++)
        t->checked |= def->constraints[i].type == CONSTRAINT_CHECK;
    for (size_t i = 0; def && i < def->column_count && !t->labelled; i++)
        t->labelled = def->columns[i].kind == COL_TAG && def->columns[i].label.len;
}

/* The definitions of all tables of the job follow the newest catalog; cached columns stay right: ids never change. */
static void refresh(IngJob *j)
{
    bool dropped = false;
    CatalogSnap *newest = engine_catalog(j->c.engine);
    for (IngTable *t = j->tables; t; t = t->next) {
        if (t->use != j->use) /* its definition may be gone: see look_again() */
            continue;
        set_def(t, cat_table_by_id(newest, t->id));
        dropped |= !t->def;
    }
    cat_unref(j->catalog);
    j->catalog = newest;
    if (dropped)
        forget_dropped(j);
}

static bool check_name(const char *what, Slice name, Err *e)
{
    if (name.len > NAME_MAX_BYTES)
        return err_set(e, ERR_NAME_TOO_LONG, "%s name of %zu bytes is longer than %d", what,
                       name.len, NAME_MAX_BYTES);
    if (!slice_utf8_valid(name) || memchr(name.ptr, 0, name.len))
        return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE, "%s name is not valid UTF-8", what);
    return true;
}

static bool make_table(IngJob *j, ObjectId schema, Slice name, Duplicates duplicates, Err *e)
{
    if (!check_name("measurement", name, e))
        return false;
    ColumnDef time = {.id = COLUMN_TIME,
                      .name = SLICE_LIT("time"),
                      .kind = COL_TIME,
                      .type_oid = OID_TIMESTAMPTZ,
                      .typmod = -1,
                      .phys = PHYS_I64,
                      .not_null = true};
    TableDef t = {.id = engine_new_id(j->c.engine),
                  .database = j->c.database,
                  .schema = schema,
                  .name = name,
                  .kind = TABLE_SERIES,
                  .duplicates = duplicates,
                  .column_count = 1,
                  .next_column = 1,
                  .columns = &time,
                  .time_index = 0,
                  .made_by_ingest = true};
    const AclDef *acl = j->c.rights ? j->c.rights(j->c.arg, j->catalog, &j->arena, &t) : NULL;
    const CatEdit edits[] = {{.op = CAT_PUT_TABLE, .id = t.id, .table = &t},
                             {.op = CAT_PUT_ACL, .acl = acl}};
    return engine_edit_catalog(j->c.engine, edits, acl ? 2 : 1, e);
}

/* Exemplars and metadata come with samples that may be written. */
static bool may_write(const IngJob *j, ObjectId schema, const TableDef *t, const ColumnDef *column,
                      Err *e)
{
    return schema != j->c.schema || !j->c.may_write ||
           j->c.may_write(j->c.arg, j->catalog, t, column, j->c.schema, e);
}

static bool must_write(IngJob *j, ObjectId schema, const TableDef *t, const ColumnDef *column,
                       Err *e)
{
    if (may_write(j, schema, t, column, e))
        return true;
    j->denied = *e;
    return false;
}

static bool partial(const IngJob *j, const TableDef *t)
{
    Err ignored;
    return !may_write(j, t->schema, t, NULL, &ignored);
}

static const ColumnDef *time_of(const TableDef *t)
{
    return &t->columns[t->time_index];
}

/* A table that an earlier body of this job found, and its rows of one column. */
static bool look_again(IngJob *j, IngTable *t)
{
    Err ignored;
    const TableDef *def = cat_table_by_id(j->catalog, t->id);
    if (!def || def->version != t->version || def->schema != t->schema ||
        !slice_eq(def->name, t->name)) {
        t->schema = 0; /* found no more */
        return false;
    }
    t->partial = partial(j, def);
    if (t->partial && !must_write(j, t->schema, def, time_of(def), &ignored))
        return false;
    if (t->partial)
        t->field_count = 0; /* each to be asked about */
    bool plain =
        !t->partial && t->layout_count == 1 && t->field_count == 1 && !t->required && !t->checked;
    t->layout_count = plain;
    if (plain) { /* t->fields tells of the last row, which may have been another field */
        const IngField *f = &t->layouts[0].fields[0];
        t->layouts[0].shape = wb_shape_of(j->batch, t->id, f->id, f->phys);
    }
    t->def = def;
    t->use = j->use;
    j->keep_ns = t->keep_ns < j->keep_ns ? t->keep_ns : j->keep_ns;
    return true;
}

bool ing_table_usable(IngJob *j, IngTable *t)
{
    return t->def && (t->use == j->use || look_again(j, t));
}

static IngTable *known_table(IngJob *j, ObjectId schema, Slice name)
{
    if (j->last_table && j->last_table->schema == schema && slice_eq(j->last_table->name, name))
        return j->last_table;
    if (!j->table_slots)
        return NULL;
    uint64_t hash = hash64(name.ptr, name.len, schema);
    for (size_t i = hash & j->table_mask; j->table_slots[i]; i = (i + 1) & j->table_mask) {
        IngTable *t = j->table_slots[i];
        if (t->hash == hash && t->schema == schema && slice_eq(t->name, name))
            return t->use == j->use || look_again(j, t) ? j->last_table = t : NULL;
    }
    return NULL;
}

IngTable *ing_known_table(IngJob *j, Slice name)
{
    return known_table(j, j->c.schema, name);
}

static IngTable *remember_table(IngJob *j, const TableDef *def)
{
    enum { SLOTS_MIN = 16 };
    IngTable *t = ARENA_NEW(&j->arena, IngTable);
    t->name = arena_slice(&j->arena, def->name);
    t->schema = def->schema;
    t->hash = hash64(t->name.ptr, t->name.len, t->schema);
    t->id = def->id;
    t->version = def->version;
    t->use = j->use;
    set_def(t, def);
    j->keep_ns = t->keep_ns < j->keep_ns ? t->keep_ns : j->keep_ns;
    t->next = j->tables;
    j->tables = t;
    if (++j->table_count * 2 > j->table_mask) {
        j->table_mask = j->table_mask ? j->table_mask * 2 + 1 : SLOTS_MIN - 1;
        mem_free(j->table_slots);
        j->table_slots = mem_zero((j->table_mask + 1) * sizeof(IngTable *));
        for (IngTable *old = j->tables; old; old = old->next)
            place_table(j, old);
    } else {
        place_table(j, t);
    }
    return j->last_table = t;
}

static IngTable *find_table(IngJob *j, ObjectId schema, Slice name, Duplicates duplicates, Err *e)
{
    IngTable *t = known_table(j, schema, name);
    if (t)
        return t;
    const TableDef *def = cat_table(j->catalog, schema, name);
    if (!must_write(j, schema, def, def && def->kind == TABLE_SERIES ? time_of(def) : NULL, e))
        return NULL;
    for (int i = 0; !def && i < ING_EDIT_TRIES; i++) {
        if (!make_table(j, schema, name, duplicates, e) && e->code != ERR_DUPLICATE_TABLE &&
            e->code != ERR_SERIALIZATION)
            return NULL;
        refresh(j);
        def = cat_table(j->catalog, schema, name);
    }
    if (!def) {
        err_set(e, ERR_SERIALIZATION, "measurement \"%.*s\" is being changed; try again",
                SLICE_ARG(name));
        return NULL;
    }
    if (def->kind != TABLE_SERIES) {
        err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a time-series table", SLICE_ARG(name));
        return NULL;
    }
    t = remember_table(j, def);
    t->partial = partial(j, def);
    return t;
}

IngTable *ing_table(IngJob *j, Slice name, Err *e)
{
    return find_table(j, j->c.schema, name, DUP_LAST, e);
}

IngTable *ing_table_keep(IngJob *j, Slice name, Err *e)
{
    return find_table(j, j->c.schema, name, DUP_KEEP, e);
}

static bool make_schema(IngJob *j, Slice name, Err *e)
{
    SchemaDef s = {.id = engine_new_id(j->c.engine), .database = j->c.database, .name = name};
    CatEdit edit = {.op = CAT_PUT_SCHEMA, .id = s.id, .schema = &s};
    return engine_edit_catalog(j->c.engine, &edit, 1, e);
}

IngTable *ing_table_in(IngJob *j, Slice schema, Slice name, Err *e)
{
    const SchemaDef *s = cat_schema(j->catalog, j->c.database, schema);
    for (int i = 0; !s && i < ING_EDIT_TRIES; i++) {
        if (!make_schema(j, schema, e) && e->code != ERR_DUPLICATE_SCHEMA &&
            e->code != ERR_SERIALIZATION)
            return NULL;
        refresh(j);
        s = cat_schema(j->catalog, j->c.database, schema);
    }
    if (s)
        return find_table(j, s->id, name, DUP_LAST, e);
    err_set(e, ERR_SERIALIZATION, "schema \"%.*s\" is being changed; try again", SLICE_ARG(schema));
    return NULL;
}

/* A column more, against the newest definition; someone else may be quicker. */
static bool add_column(IngJob *j, IngTable *t, const ColumnDef *col, Err *e)
{
    if (t->partial && !must_write(j, t->schema, t->def, NULL, e))
        return false;
    if (t->def->schema_fixed)
        return err_set(e, ERR_UNDEFINED_COLUMN,
                       "column \"%.*s\" of table \"%.*s\" does not exist and its schema is fixed",
                       SLICE_ARG(col->name), SLICE_ARG(t->name));
    if (t->def->column_count == COLUMNS_MAX)
        return err_set(e, ERR_TOO_MANY_COLUMNS,
                       "table \"%.*s\" has %d columns, the most that is possible",
                       SLICE_ARG(t->name), COLUMNS_MAX);
    TableDef *copy = table_def_copy(&j->arena, t->def);
    ColumnDef *cols = ARENA_ARRAY(&j->arena, ColumnDef, copy->column_count + 1u);
    memcpy(cols, copy->columns, copy->column_count * sizeof *cols);
    cols[copy->column_count] = *col;
    cols[copy->column_count].id = copy->next_column++;
    copy->columns = cols;
    copy->column_count++;
    CatEdit edit = {
        .op = CAT_PUT_TABLE, .id = copy->id, .expect_version = t->def->version, .table = copy};
    bool ok = engine_edit_catalog(j->c.engine, &edit, 1, e);
    if (!ok && e->code != ERR_SERIALIZATION && e->code != ERR_DUPLICATE_COLUMN &&
        e->code != ERR_DUPLICATE_TABLE)
        return false;
    refresh(j);
    return t->def ||
           err_set(e, ERR_UNDEFINED_TABLE, "table \"%.*s\" was dropped", SLICE_ARG(t->name));
}

static bool conflict(const IngTable *t, Slice key, IngKind kind, uint32_t oid, Err *e)
{
    return err_set(e, ERR_DATATYPE_MISMATCH,
                   "field type conflict: input field \"%.*s\" on measurement \"%.*s\" is type %s, "
                   "already exists as type %s",
                   SLICE_ARG(key), SLICE_ARG(t->name), kinds[kind].name, type_name(oid));
}

static bool resolve_field(IngJob *j, IngTable *t, Slice key, IngKind kind, const ColumnDef **out,
                          Err *e)
{
    for (int i = 0; i < ING_EDIT_TRIES; i++) {
        *out = table_column_by_label(t->def, key, COL_FIELD);
        if (*out)
            return !t->partial || must_write(j, t->schema, t->def, *out, e);
        const ColumnDef *other = table_column(t->def, key);
        if (slice_eq_cstr(key, "time") || (other && other->kind == COL_TIME))
            return err_set(e, ERR_INVALID_NAME,
                           "input field \"%.*s\" on measurement \"%.*s\" is the time column",
                           SLICE_ARG(key), SLICE_ARG(t->name));
        if (other)
            return err_set(e, ERR_DATATYPE_MISMATCH,
                           "input field \"%.*s\" on measurement \"%.*s\" already exists as a tag",
                           SLICE_ARG(key), SLICE_ARG(t->name));
        if (!check_name("field", key, e))
            return false;
        ColumnDef col = {.name = key,
                         .kind = COL_FIELD,
                         .type_oid = kinds[kind].oid,
                         .typmod = kinds[kind].typmod,
                         .phys = kinds[kind].phys};
        if (!add_column(j, t, &col, e))
            return false;
    }
    return err_set(e, ERR_SERIALIZATION, "table \"%.*s\" is being changed; try again",
                   SLICE_ARG(t->name));
}

bool ing_field(IngJob *j, IngTable *t, size_t position, Slice key, IngKind kind, IngField **out,
               Err *e)
{
    if (position < t->field_count && slice_eq(t->fields[position].key, key)) {
        *out = &t->fields[position];
        return true;
    }
    const ColumnDef *col;
    if (!resolve_field(j, t, key, kind, &col, e))
        return false;
    if (position >= COLUMNS_MAX)
        return err_set(e, ERR_TOO_MANY_COLUMNS, "more than %d fields in a row", COLUMNS_MAX);
    if (position >= t->field_max) {
        size_t max = position ? position * 4 : 1;
        IngField *grown = ARENA_ARRAY(&j->arena, IngField, max);
        if (t->field_count)
            memcpy(grown, t->fields, t->field_count * sizeof *grown);
        t->fields = grown;
        t->field_max = max;
    }
    IngField *f = &t->fields[position];
    /* The body outlives the job; other texts are copied. */
    bool in_body = key.ptr >= j->body.ptr && key.ptr < j->body.ptr + j->body.len;
    if (!slice_eq(f->key, key))
        f->key = in_body ? key : arena_slice(&j->arena, key);
    f->id = col->id;
    f->phys = col->phys;
    f->type_oid = col->type_oid;
    f->typmod = col->typmod;
    f->plain = false;
    if (position >= t->field_count)
        t->field_count = position + 1;
    *out = f;
    return true;
}

/* The column of a label whose own name is another column's, or will be. */
static Slice label_column(IngJob *j, const IngTable *t, Slice key)
{
    Slice name = key;
    do
        name = arena_printf(&j->arena, "label_%.*s", SLICE_ARG(name));
    while (table_column(t->def, name));
    return name;
}

/* taken: a field of this name may come. */
static bool find_tag(IngJob *j, IngTable *t, Slice key, bool taken, ColumnId *id,
                     const ColumnDef **as_field, Err *e)
{
    *as_field = NULL;
    for (int i = 0; i < ING_EDIT_TRIES; i++) {
        const ColumnDef *col = table_column_by_label(t->def, key, COL_TAG);
        if (col) {
            *id = col->id;
            return true;
        }
        col = table_column(t->def, key);
        if (col && col->kind == COL_FIELD && !t->def->made_by_ingest) {
            *as_field = col;
            return !t->partial || must_write(j, t->schema, t->def, col, e);
        }
        if (!check_name("tag", key, e))
            return false;
        ColumnDef made = {
            .name = key, .kind = COL_TAG, .type_oid = OID_TEXT, .typmod = -1, .phys = PHYS_STR};
        if (col || taken) { /* the label keeps its own name */
            made.label = key;
            made.name = label_column(j, t, key);
        }
        if (!add_column(j, t, &made, e))
            return false;
    }
    return err_set(e, ERR_SERIALIZATION, "table \"%.*s\" is being changed; try again",
                   SLICE_ARG(t->name));
}

bool ing_tag(IngJob *j, IngTable *t, Slice key, ColumnId *id, const ColumnDef **as_field, Err *e)
{
    return find_tag(j, t, key, false, id, as_field, e);
}

bool ing_label(IngJob *j, IngTable *t, Slice key, ColumnId *id, Err *e)
{
    static const char *const fields[] = {"value", "histogram", "__start__", "labels"};
    const ColumnDef *as_field;
    bool taken = false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        taken |= slice_eq_cstr(key, fields[i]);
    return find_tag(j, t, key, taken && t->def->made_by_ingest, id, &as_field, e) &&
           (!as_field ||
            err_set(e, ERR_INVALID_TEXT, "table has a plain column of the name of label \"%.*s\"",
                    SLICE_ARG(key)));
}

bool ing_stored_plainly(const IngField *f)
{
    return f->type_oid == OID_INT8 || f->type_oid == OID_FLOAT8 || f->type_oid == OID_BOOL ||
           f->type_oid == OID_TEXT;
}

static bool int_fits(uint32_t oid, int64_t v)
{
    return oid == OID_INT8 || (oid == OID_INT4 && v == (int32_t)v) ||
           (oid == OID_INT2 && v == (int16_t)v);
}

static bool put_int(IngJob *j, const IngTable *t, const IngField *f, int64_t v, Err *e)
{
    if (f->phys == PHYS_I64 && int_fits(f->type_oid, v)) {
        wb_i64(j->batch, f->id, v);
        return true;
    }
    double d = (double)v;
    if (f->phys == PHYS_F64 && f->type_oid == OID_FLOAT8 && d < 9223372036854775807.0 &&
        (int64_t)d == v) {
        wb_f64(j->batch, f->id, d);
        return true;
    }
    if (f->type_oid == OID_NUMERIC && v >= 0) {
        char text[24];
        wb_str(j->batch, f->id,
               slice_of(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v)));
        return true;
    }
    return conflict(t, f->key, ING_INT, f->type_oid, e);
}

/* Characters that varchar(n) and char(n) take; others have no bound. */
static bool length_fits(const IngField *f, Slice s)
{
    bool bounded =
        (f->type_oid == OID_VARCHAR || f->type_oid == OID_BPCHAR) && f->typmod >= TYPMOD_HEADER;
    return !bounded || slice_utf8_count(s, s.len) <= (size_t)(f->typmod - TYPMOD_HEADER);
}

static bool put_string(IngJob *j, const IngTable *t, const IngField *f, Slice s, Err *e)
{
    if (f->type_oid != OID_TEXT && f->type_oid != OID_VARCHAR && f->type_oid != OID_BPCHAR)
        return conflict(t, f->key, ING_STRING, f->type_oid, e);
    if (s.len > STRING_VALUE_MAX)
        return err_set(e, ERR_PROGRAM_LIMIT,
                       "string of %zu bytes in field \"%.*s\" is longer than %d", s.len,
                       SLICE_ARG(f->key), STRING_VALUE_MAX);
    if (!slice_utf8_valid(s) || memchr(s.ptr, 0, s.len))
        return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                       "string in field \"%.*s\" is not valid UTF-8", SLICE_ARG(f->key));
    if (!length_fits(f, s))
        return err_set(e, ERR_STRING_TRUNCATION, "value too long for column \"%.*s\"",
                       SLICE_ARG(f->key));
    wb_str(j->batch, f->id, s);
    return true;
}

static bool put_uint(IngJob *j, const IngTable *t, const IngField *f, uint64_t v, Err *e)
{
    if (f->type_oid == OID_NUMERIC) {
        char text[24];
        wb_str(j->batch, f->id,
               slice_of(text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)v)));
        return true;
    }
    if (v > INT64_MAX)
        return conflict(t, f->key, ING_UINT, f->type_oid, e);
    return put_int(j, t, f, (int64_t)v, e);
}

static bool put_histogram(IngJob *j, const IngTable *t, const IngField *f, const Histogram *h,
                          Err *e)
{
    if (f->type_oid != HIST_OID)
        return conflict(t, f->key, ING_HISTOGRAM, f->type_oid, e);
    buf_clear(&j->scratch);
    hist_write(&j->scratch, h);
    wb_str(j->batch, f->id, buf_slice(&j->scratch));
    return true;
}

bool ing_put(IngJob *j, const IngTable *t, const IngField *f, const IngValue *v, Err *e)
{
    switch (v->kind) {
    case ING_FLOAT:
        if (f->phys != PHYS_F64)
            return conflict(t, f->key, ING_FLOAT, f->type_oid, e);
        wb_f64(j->batch, f->id, f->type_oid == OID_FLOAT4 ? (double)(float)v->u.f64 : v->u.f64);
        return true;
    case ING_INT:
        return put_int(j, t, f, v->u.i64, e);
    case ING_UINT:
        return put_uint(j, t, f, v->u.u64, e);
    case ING_BOOL:
        if (f->phys != PHYS_BOOL)
            return conflict(t, f->key, ING_BOOL, f->type_oid, e);
        wb_bool(j->batch, f->id, v->u.b);
        return true;
    case ING_MICROS:
        if (f->type_oid != OID_TIMESTAMPTZ)
            return conflict(t, f->key, ING_MICROS, f->type_oid, e);
        wb_i64(j->batch, f->id, v->u.i64);
        return true;
    case ING_HISTOGRAM:
        return put_histogram(j, t, f, v->u.hist, e);
    case ING_STRING:
        break;
    }
    return put_string(j, t, f, v->u.str, e);
}

bool ing_put_text(IngJob *j, const IngTable *t, const ColumnDef *col, Slice text, Err *e)
{
    IngField f = {.key = col->name,
                  .id = col->id,
                  .phys = col->phys,
                  .type_oid = col->type_oid,
                  .typmod = col->typmod};
    IngValue v = {.kind = ING_STRING, .u.str = text};
    if (col->phys == PHYS_I64 && slice_to_i64(text, &v.u.i64))
        v.kind = ING_INT;
    else if (col->phys == PHYS_F64 && slice_to_f64(text, &v.u.f64))
        v.kind = ING_FLOAT;
    else if (col->phys == PHYS_BOOL && (slice_eq_nocase(text, SLICE_LIT("true")) ||
                                        slice_eq_nocase(text, SLICE_LIT("false"))))
        v = (IngValue){.kind = ING_BOOL, .u.b = text.len == 4};
    return ing_put(j, t, &f, &v, e);
}

/* The types that put_* below takes, in short; the values' own ranges are looked at when they are put. */
bool ing_fits(const TableDef *def, Slice measurement, Slice key, const IngValue *v, Err *e)
{
    const ColumnDef *col = table_column_by_label(def, key, COL_FIELD);
    if (!col && def->schema_fixed)
        return err_set(e, ERR_UNDEFINED_COLUMN,
                       "column \"%.*s\" of table \"%.*s\" does not exist and its schema is fixed",
                       SLICE_ARG(key), SLICE_ARG(measurement));
    if (!col)
        return true;
    bool ok = false;
    switch (v->kind) {
    case ING_FLOAT:
        ok = col->phys == PHYS_F64;
        break;
    case ING_INT:
    case ING_UINT:
        ok = col->phys == PHYS_I64 || col->phys == PHYS_F64 || col->type_oid == OID_NUMERIC;
        break;
    case ING_BOOL:
        ok = col->phys == PHYS_BOOL;
        break;
    case ING_STRING:
        ok = col->type_oid == OID_TEXT || col->type_oid == OID_VARCHAR ||
             col->type_oid == OID_BPCHAR;
        break;
    case ING_HISTOGRAM:
        ok = col->type_oid == HIST_OID;
        break;
    case ING_MICROS:
        ok = col->type_oid == OID_TIMESTAMPTZ;
        break;
    }
    IngTable named = {.name = measurement};
    return ok || conflict(&named, key, v->kind, col->type_oid, e);
}

static bool missing(const IngTable *t, const ColumnDef *c, Err *e)
{
    err_set(e, ERR_NOT_NULL,
            "null value in column \"%.*s\" of relation \"%.*s\" violates not-null constraint",
            SLICE_ARG(c->name), SLICE_ARG(t->def->name));
    return err_name(e, ERR_NAME_COLUMN, c->name);
}

bool ing_series_check(const IngJob *j, const IngTable *t, size_t tag_count, Err *e)
{
    for (size_t i = 0; t->required && i < t->def->column_count; i++) {
        const ColumnDef *c = &t->def->columns[i];
        bool found = c->dropped || !c->not_null || c->kind != COL_TAG;
        for (size_t k = 0; k < tag_count && !found; k++)
            found = j->tags[k].column == c->id;
        if (!found)
            return missing(t, c, e);
    }
    return true;
}

bool ing_row_check(const IngJob *j, const IngTable *t, Err *e)
{
    if (t->checked)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "table \"%.*s\" has CHECK constraints, which only SQL looks at",
                       SLICE_ARG(t->name)) ||
               err_hint(e, "Write with INSERT or COPY, or drop the constraints.");
    for (size_t i = 0; t->required && i < t->def->column_count; i++) {
        const ColumnDef *c = &t->def->columns[i];
        if (!c->dropped && c->not_null && c->kind == COL_FIELD && !wb_row_has(j->batch, c->id))
            return missing(t, c, e);
    }
    return true;
}

void ing_row_end(IngJob *j, const IngTable *t)
{
    if (t->def->duplicates == DUP_KEEP)
        wb_i64(j->batch, COLUMN_ROW, engine_row_ids(j->c.engine, 1));
    wb_row_end(j->batch);
}
