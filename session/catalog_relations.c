/* session/catalog_relations.c - the list of pg_catalog's and information_schema's relations (pg_catalog.def,
 * information_schema.def), and the types that only their columns have. */
#include "session/catalog_private.h"

#define PG                                         "pg_catalog"
#define INFO                                       "information_schema"
#define RELATION(schema, name, oid, fill, columns) {schema, #name, oid, columns, fill, NULL},
#define SQL_VIEW(schema, name, columns, sql)       {schema, #name, 0, columns, NULL, sql},
static const PgRelation pg_relations[] = {
#include "session/information_schema.def"
#include "session/pg_catalog.def"
    {NULL, NULL, 0, NULL, NULL, NULL},
};
#undef RELATION
#undef SQL_VIEW

/* The oids are those of PostgreSQL 15 as Debian has it. */
const CatalogType catalog_types[] = {
    {"inet", PG, 869, 1041, T_TEXT, 'b', 'I', 'i', -1, -1},
    {"pg_lsn", PG, 3220, 3221, T_TEXT, 'b', 'U', 'd', 8, -1},
    {"trigger", PG, 2279, 0, T_TEXT, 'p', 'P', 'i', 4, -1},
    {"language_handler", PG, 2280, 0, T_TEXT, 'p', 'P', 'i', 4, -1},
    {"internal", PG, 2281, 0, T_TEXT, 'p', 'P', 'd', 8, -1},
    {"event_trigger", PG, 3838, 0, T_TEXT, 'p', 'P', 'i', 4, -1},
    {"pg_ndistinct", PG, 3361, 0, T_TEXT, 'b', 'Z', 'i', -1, -1},
    {"pg_dependencies", PG, 3402, 0, T_TEXT, 'b', 'Z', 'i', -1, -1},
    {"pg_mcv_list", PG, 5017, 0, T_TEXT, 'b', 'Z', 'i', -1, -1},
    {"pg_statistic", PG, 10029, 10028, T_TEXT, 'c', 'C', 'd', -1, -1},
    {"cardinal_number", INFO, 13221, 13220, T_INT4, 'd', 'N', 'i', 4, -1},
    {"character_data", INFO, 13224, 13223, T_VARCHAR, 'd', 'S', 'i', -1, -1},
    {"sql_identifier", INFO, 13226, 13225, T_NAME, 'd', 'S', 'c', 64, -1},
    {"time_stamp", INFO, 13232, 13231, T_TIMESTAMPTZ, 'd', 'D', 'd', 8, 2},
    {"yes_or_no", INFO, 13234, 13233, T_VARCHAR, 'd', 'S', 'i', -1, 7},
    {NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0},
};

const CatalogType *catalog_type(TypeId oid)
{
    for (const CatalogType *t = catalog_types; t->name; t++)
        if (t->oid == oid || (t->array_oid && t->array_oid == oid))
            return t;
    return NULL;
}

/* "information_schema.sql_identifier", "inet[]" */
void catalog_type_name(const CatalogType *t, TypeId oid, Buf *dst)
{
    if (strcmp(t->schema, PG) != 0)
        buf_printf(dst, "%s.", t->schema);
    buf_printf(dst, "%s%s", t->name, oid == t->oid ? "" : "[]");
}

bool catalog_type_find(Slice text, TypeId *oid)
{
    const Slice system = SLICE_LIT(PG ".");
    Buf name = {0};
    bool found = false;
    if (text.len > system.len && slice_eq(slice_of(text.ptr, system.len), system))
        text = slice_of(text.ptr + system.len, text.len - system.len);
    for (const CatalogType *t = catalog_types; t->name && !found; t++)
        for (int array = 0; array < 2 && !found; array++) {
            *oid = array ? t->array_oid : t->oid;
            buf_clear(&name);
            catalog_type_name(t, *oid, &name);
            found = *oid && slice_eq(text, buf_slice(&name));
        }
    buf_free(&name);
    return found;
}

/* ---- registration ---- */

static ViewDef views[ARRAY_LEN(pg_relations)];

static size_t count_columns(const char *spec)
{
    size_t n = 1;
    for (; *spec; spec++)
        n += *spec == ',';
    return n;
}

/* A type that expressions have, or the one that stands for it. */
static void parse_type(Slice text, TypeId *type, TypeId *declared)
{
    Err e;
    int32_t typmod;
    bool array = text.len > 2 && text.ptr[text.len - 1] == ']';
    Slice bare = slice_of(text.ptr, array ? text.len - 2 : text.len);
    for (const CatalogType *t = catalog_types; t->name; t++) {
        if (!slice_eq_cstr(bare, t->name))
            continue;
        *type = array ? T_TEXT : t->base;
        *declared = array ? t->array_oid : t->oid;
        return;
    }
    must(type_parse_name(text, declared, &typmod, &e));
    *type = *declared == T_ANYARRAY ? T_TEXT : *declared;
}

static void parse_columns(ViewDef *v, const char *spec)
{
    size_t n = count_columns(spec); /* these live as long as the process */
    ViewColumn *cols = mem_zero(n * sizeof *cols);
    ViewDeclared *declared = mem_zero(n * sizeof *declared);
    for (const char *p = spec; *p;) {
        while (*p == ' ')
            p++;
        size_t name = strcspn(p, " "), type = strcspn(p + name + 1, ",");
        const char *text = p + name + 1;
        ViewColumn *c = &cols[v->column_count];
        ViewDeclared *d = &declared[v->column_count++];
        c->name = mem_strdup(slice_of(p, name));
        d->not_null = text[type - 1] == '!';
        parse_type(slice_of(text, type - d->not_null), &c->type, &d->type);
        p = text + type;
        p += *p == ',';
    }
    v->columns = cols;
    v->declared = declared;
}

void catalog_register(void)
{
    ViewDef *v = views;
    for (const PgRelation *r = pg_relations; r->name; r++, v++) {
        *v = (ViewDef){.schema = r->schema,
                       .name = r->name,
                       .fill = r->fill,
                       .sql = r->sql,
                       .oid = r->oid,
                       .text = "catalog relation"};
        parse_columns(v, r->columns);
    }
    view_register(views);
    func_register(catalog_functions);
    catalog_set_hooks();
}

uint32_t pg_relation_oid(const ViewDef *v)
{
    enum { LISTED_MAX = 512 }; /* so that the list may grow */
    _Static_assert(ARRAY_LEN(pg_relations) < LISTED_MAX, "oids of virtual relations");
    if (v >= views && v < views + ARRAY_LEN(views)) {
        uint32_t oid = pg_relations[v - views].oid;
        return oid ? oid : OID_VIRTUAL_FIRST + (uint32_t)(v - views);
    }
    for (size_t i = 0; i < view_count(); i++)
        if (view_at(i) == v)
            return OID_VIRTUAL_FIRST + LISTED_MAX + (uint32_t)i;
    return 0;
}
