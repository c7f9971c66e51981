/* session/catalog_private.h - pg_catalog and information_schema: relations as rows of one table.
 *
 * A relation is a row of pg_catalog.def or information_schema.def: name, oid, its columns as
 * "name type, ...", and a fill function or a query.  Columns and types are PostgreSQL 15's.
 * Threads: tables are read-only after catalog_register(). */
#ifndef SKULK_SESSION_CATALOG_PRIVATE_H
#define SKULK_SESSION_CATALOG_PRIVATE_H

#include "session/session_private.h"

enum {
    OID_PG_CATALOG = 11,
    OID_PG_CLASS = 1259,
    OID_PG_NAMESPACE = 2615,
    OID_PG_ATTRDEF = 2604,
    OID_PG_REWRITE = 2618,
    OID_PG_EXTENSION = 3079,
    OID_PG_CONSTRAINT = 2606,
    OID_PG_DATABASE = 1262,
    OID_PG_AUTHID = 1260,
    OID_INFORMATION_SCHEMA = 13207,
    OID_SKULK_SCHEMA = 13001,
    OID_TIMESCALE_SCHEMA = 13002,
    OID_OWNER = ROLE_BOOTSTRAP, /* of what comes with the server */
    OID_AM_HEAP = 2,
    OID_AM_BTREE = 403,
    OID_COLLATION_DEFAULT = 100,
    OID_COLLATION_C = 950,
    OID_TABLESPACE = 1663,
    OID_EXTENSION_FIRST = 11500,
    OID_CAST_FIRST = 14000,    /* below 16384: pg_dump leaves them alone */
    OID_VIRTUAL_FIRST = 12000, /* relations without an oid of PostgreSQL's */
    CATALOG_COLUMNS_MAX = 96,
};

typedef bool (*CatalogFill)(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);

typedef struct PgRelation {
    const char *schema, *name;
    uint32_t oid;        /* 0: OID_VIRTUAL_FIRST + index */
    const char *columns; /* "oid oid, relname name" */
    CatalogFill fill;    /* or */
    const char *sql;     /* its query; neither: it is empty */
} PgRelation;

/* A table, view, index, sequence or relation of the catalogs. */
bool catalog_has_relation(Session *s, const CatalogSnap *cat, const QualifiedName *name);
uint32_t pg_relation_oid(const ViewDef *v); /* of a virtual relation */

/* A type that only columns of catalogs are declared with: their values are of type `base`. */
typedef struct CatalogType {
    const char *name, *schema;
    TypeId oid, array_oid, base;
    char typtype, category, align;
    int16_t len;
    int32_t typmod;
} CatalogType;
extern const CatalogType catalog_types[];    /* ends with name = NULL */
const CatalogType *catalog_type(TypeId oid); /* or of its array; NULL: none */
void catalog_type_name(const CatalogType *t, TypeId oid, Buf *dst);
bool catalog_type_find(Slice text, TypeId *oid);

/* Fills a row by position; a helper for long rows. */
typedef struct RowMaker {
    Value v[CATALOG_COLUMNS_MAX];
    size_t n;
} RowMaker;
static inline void row_begin(RowMaker *r)
{
    r->n = 0;
}
void row_i64(RowMaker *r, int64_t v);
void row_number_text(RowMaker *r, Arena *a, int64_t v);
void row_bool(RowMaker *r, bool v);
void row_text(RowMaker *r, const char *s);
void row_slice(RowMaker *r, Slice s);
void row_char(RowMaker *r, const char *one); /* "char" */
void row_null(RowMaker *r);
void row_nulls(RowMaker *r, size_t n);
void row_f64(RowMaker *r, double v);

/* What pg_class and information_schema list: user tables of this database, then virtual relations. */
typedef struct RelationRow {
    uint32_t oid, schema;
    Slice name;
    char kind;             /* r v S; i: an index of `table` */
    const TableDef *table; /* or */
    const ViewDef *view;
    const ConstraintDef *index; /* kind i */
} RelationRow;
typedef bool (*RelationEach)(void *arg, const RelationRow *r);
/* indexes: those too, as relations of kind 'i'. */
void each_relation(Session *s, const CatalogSnap *cat, bool indexes, RelationEach each, void *arg);
static inline bool table_shown(const Session *s, const TableDef *t)
{
    return t->database == s->database;
}

/* Constraints and indexes: catalog_index.c.  An index has the id of its entry; the constraint that
 * goes with it that id with this bit. */
#define OID_CONSTRAINT_FLAG UINT32_C(0x80000000)
/* The type of the rows of a table has the id of the table with one bit, its array with another. */
#define OID_ROW_TYPE_FLAG  UINT32_C(0x40000000)
#define OID_ROW_ARRAY_FLAG UINT32_C(0x20000000)
static inline int64_t attrdef_oid(uint32_t table, size_t column)
{
    return (int64_t)table * COLUMNS_MAX + (int64_t)column;
}
bool constraint_is_index(const ConstraintDef *c);
uint32_t constraint_oid(const ConstraintDef *c); /* in pg_constraint */
uint32_t extension_oid(Slice name);              /* 0: none */
Slice extension_text(uint32_t oid);              /* "": none */
/* DEFAULT or CHECK as PostgreSQL prints it; false: as it was written. */
bool catalog_expression(Session *s, const CatalogSnap *cat, Arena *a, Slice text,
                        const TableDef *columns, TypeId type, bool pretty, Slice *out);
bool fn_indexdef(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_constraintdef(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);

Slice schema_name(Session *s, const CatalogSnap *cat, uint32_t oid);
uint32_t virtual_schema_oid(const char *name);
/* Place in the path of names; less is found first; -1: not in it. */
int schema_rank(Session *s, const CatalogSnap *cat, Slice schema);

bool fill_pg_am(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_collation(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_tablespace(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_language(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_depend(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_rewrite(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_extension(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_available_extensions(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_class(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_attribute(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_attrdef(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_type(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_operator(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_cast(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_namespace(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_proc(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_database(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_locks(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fn_blocking_pids(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fill_pg_cursors(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_prepared(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_timezone_names(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_timezone_abbrevs(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_settings(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_shdescription(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_description(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_stat_activity(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_stat_ssl(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_index(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_constraint(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_indexes(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_info_constraints(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_info_checks(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_info_column_usage(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_sequence(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_info_sequences(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_sequences(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
Slice sequence_full_name(Arena *a, Session *s, const CatalogSnap *cat, const TableDef *seq);
bool fill_info_key_columns(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_info_tables(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_info_columns(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_info_schemata(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_tables(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_matviews(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_views(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);

/* Roles: catalog_role.c. */
bool fill_pg_roles(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_authid(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_auth_members(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
/* Rights: catalog_acl.c, catalog_has.c. */
void row_acl(RowMaker *r, Arena *a, const CatalogSnap *cat, GrantKind kind, ObjectId object,
             ObjectId of);
void row_role_config(RowMaker *r, Arena *a, const CatalogSnap *cat, ObjectId database,
                     ObjectId role);
bool fill_pg_default_acl(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_info_column_privileges(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fill_pg_db_role_setting(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e);
bool fn_has_any_column_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_has_column_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_has_sequence_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_acldefault(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
extern const SrfDef srf_aclexplode;
bool fn_userbyid(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_current_user(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_session_user(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_has_table_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_has_schema_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_has_database_privilege(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
bool fn_has_role(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e);
/* regclass, regnamespace, regrole ... of a text. */
bool catalog_reg_find(void *session, TypeId kind, Slice text, uint32_t *oid, Err *e) MUST_CHECK;

extern FuncDef catalog_functions[];
void catalog_set_hooks(void);

#endif
