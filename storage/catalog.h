/* storage/catalog.h - databases, schemas, tables and columns, by id and by name.
 *
 * A CatalogSnap is immutable and counted; changes make a new one.  Storage has no idea of SQL:
 * logical types are PostgreSQL oids it only carries, defaults and checks are texts.
 * Catalog edits are log records; a snapshot file is written at flush as a cache of the log.
 * Threads: a snapshot is read from any thread. */
#ifndef SKULK_STORAGE_CATALOG_H
#define SKULK_STORAGE_CATALOG_H

#include "base/sync.h"
#include "storage/types.h"

typedef enum ColumnKind { COL_TAG = 1, COL_TIME = 2, COL_FIELD = 3 } ColumnKind;
typedef enum TableKind {
    TABLE_SERIES = 1, /* time-series table */
    TABLE_ORDINARY =
        2,          /* no time column: its hidden time is the insert order, of each row its own */
    TABLE_VIEW = 3, /* only `definition` */
    TABLE_SEQUENCE = 4, /* a counter, and session's bytes in `extra` */
} TableKind;
typedef enum Duplicates { DUP_LAST = 1, DUP_KEEP = 2, DUP_ERROR = 3 } Duplicates;

typedef struct ColumnDef {
    ColumnId id; /* COL_TIME: COLUMN_TIME */
    Slice name;  /* as SQL sees it */
    Slice label; /* as it came (tag or field key) if different, else empty */
    ColumnKind kind;
    uint32_t
        type_oid; /* PostgreSQL type; ingest makes text, float8, int8, bool, numeric (uint64), timestamptz */
    int32_t typmod; /* -1 = none */
    PhysType phys;  /* tags: PHYS_STR */
    bool not_null;
    bool dropped;      /* keeps its place and id */
    char identity;     /* 'a'lways, by 'd'efault; 0 = none */
    bool keyed;        /* fields: some series have the value of all their rows as a tag */
    bool clusters;     /* so will new rows: part of the clustering key */
    Slice default_sql; /* "" = none */
    Slice comment;
} ColumnDef;

/* Constraints with a name, and indexes: they share PostgreSQL's list of names. */
typedef enum ConstraintType {
    CONSTRAINT_PRIMARY_KEY = 1,
    CONSTRAINT_UNIQUE,
    CONSTRAINT_CHECK,
    CONSTRAINT_INDEX,        /* CREATE INDEX: recorded */
    CONSTRAINT_UNIQUE_INDEX, /* CREATE UNIQUE INDEX: kept as UNIQUE is */
} ConstraintType;

typedef struct ConstraintDef {
    ObjectId id;
    ConstraintType type;
    Slice name;
    Slice text; /* CHECK: the condition */
    const int16_t *columns;
    uint16_t column_count;
} ConstraintDef;

/* ---- how long rows are kept: storage/expiry.h ---- */
typedef enum TtlMatchKind {
    TTL_IN = 1, /* one of the values; an empty one stands for an absent tag */
    TTL_NOT_IN,
    TTL_REGEX, /* values[0] is found in the tag; an absent one is empty text */
    TTL_NOT_REGEX,
    TTL_MATCH_KINDS,
} TtlMatchKind;

typedef struct TtlMatch {
    ColumnId column; /* a tag */
    TtlMatchKind kind;
    const Slice *values;
    uint16_t value_count;
} TtlMatch;

typedef struct TtlClass { /* CREATE TTL: the series that pass all matches */
    Slice name;
    Slice condition; /* as written */
    int64_t keep_ns; /* > 0 */
    const TtlMatch *matches;
    uint16_t match_count;
} TtlClass;

typedef struct TableDef {
    TableId id;
    ObjectId database, schema;
    Slice name;
    TableKind kind;
    Duplicates duplicates;
    uint32_t version;      /* grows with each edit of this table */
    uint16_t column_count; /* dropped ones included; attnum = index + 1 */
    ColumnId next_column;
    ColumnDef *columns; /* in creation order */
    int16_t time_index; /* index of the time column, -1 = none (ordinary tables) */
    bool made_by_ingest;
    bool schema_fixed;
    int64_t window_ns; /* 0 = default */
    int64_t ttl_ns;    /* in force: its own, else the schema's, else the database's; 0 = none */
    bool ttl_own;      /* not inherited */
    bool ttl_wall;     /* counted from the clock even if its rows are older */
    int64_t size_max;  /* bytes; 0 = no limit */
    const TtlClass *ttls;
    uint16_t ttl_count;
    Slice definition; /* views: their text */
    Slice options;    /* WITH (...) as given, "k=v\n" lines, for \d+ */
    Slice comment;
    const int16_t *key; /* indexes of PRIMARY KEY columns (series tables: also those of UNIQUE) */
    uint16_t key_count;
    ConstraintDef *constraints;
    uint16_t constraint_count;
    Slice extra; /* session's own bytes (of sequences): carried, not read */
    /* Sequences: values up to here may have been given.  Only CAT_ADVANCE changes it, outside of
     * transactions; a table that is put with the epoch it had keeps it. */
    int64_t counter;
    bool counter_used; /* false: the counter itself was not given yet */
    uint32_t counter_epoch;
    const struct TableLookup
        *lookup; /* the catalog's own: hashes of the columns; NULL in tables made by hand */
} TableDef;

typedef struct SchemaDef {
    ObjectId id, database;
    Slice name;
    int64_t ttl_ns;    /* of tables without their own; 0 = the database's, TTL_FOREVER */
    int64_t window_ns; /* shard duration of a retention policy, as given; 0 = none */
    bool policy;       /* made as a retention policy */
} SchemaDef;

typedef struct DatabaseDef {
    ObjectId id;
    Slice name;
    int64_t ttl_ns;    /* of tables whose schema has none; 0 = none */
    ObjectId standard; /* schema of the DEFAULT retention policy; 0 = public */
} DatabaseDef;
#define TTL_FOREVER INT64_C(-1)

enum { SCHEMA_PUBLIC_NAME_LEN = 6 };

/* ---- roles and what they may: storage only carries them ---- */
enum { ROLE_BOOTSTRAP = 10 }; /* PostgreSQL's id of the first superuser; it cannot be dropped */
typedef enum RoleFlag {
    ROLE_SUPERUSER = 1,
    ROLE_INHERIT = 2,
    ROLE_CREATEROLE = 4,
    ROLE_CREATEDB = 8,
    ROLE_LOGIN = 16,
    ROLE_REPLICATION = 32,
    ROLE_BYPASSRLS = 64,
} RoleFlag;

typedef struct RoleDef {
    ObjectId id;
    Slice name;
    uint32_t flags;
    int32_t connection_limit; /* -1 = none */
    int64_t valid_until_us;   /* of the password, wall clock; INT64_MAX = for ever */
    Slice password;           /* SCRAM verifier, "" = none: no password fits */
} RoleDef;

/* What a role may do with an object; several are or-ed. */
typedef enum Privilege {
    PRIV_SELECT = 1,
    PRIV_INSERT = 2,
    PRIV_UPDATE = 4,
    PRIV_DELETE = 8,
    PRIV_TRUNCATE = 16,
    PRIV_REFERENCES = 32,
    PRIV_TRIGGER = 64,
    PRIV_USAGE = 128,
    PRIV_CREATE = 256,
    PRIV_CONNECT = 512,
    PRIV_TEMPORARY = 1024,
    PRIV_OWNER = 1 << 16,  /* in no list */
    PRIV_MEMBER = 1 << 17, /* of a role; grantable: with ADMIN OPTION */
} Privilege;

typedef enum GrantKind {
    GRANT_TABLE = 1, /* tables, views, sequences */
    GRANT_SCHEMA,
    GRANT_DATABASE,
    GRANT_ROLE,   /* membership: the object is the role, the items are its members */
    GRANT_COLUMN, /* the object is the table, `sub` the number of the column, from 1 */
    /* ALTER DEFAULT PRIVILEGES: the object is the schema (0 = all), `sub` the role that makes things */
    GRANT_DEFAULT_TABLES,
    GRANT_DEFAULT_SEQUENCES,
    GRANT_DEFAULT_SCHEMAS,
    GRANT_KINDS,
} GrantKind;

typedef struct AclItem {
    ObjectId role; /* 0 = PUBLIC */
    ObjectId grantor;
    uint32_t privileges, grantable; /* Privilege; the second are of the first */
} AclItem;

/* The rights of one object: storage/acl.h.  Without one: the first superuser's, defaults. */
typedef struct AclDef {
    GrantKind kind;
    ObjectId object, sub;
    ObjectId owner;   /* of tables, schemas, databases */
    uint32_t version; /* grows with each edit of it */
    bool given;       /* false: there are no items, the defaults hold */
    AclItem *items;
    size_t count;
} AclDef;

/* What was written up to format 5, one for each object and role; it is only read. */
typedef struct GrantDef {
    GrantKind kind;
    ObjectId object;
    ObjectId role; /* 0 = PUBLIC */
    uint32_t privileges, grantable;
} GrantDef;

/* A token stands for its role where a password would be asked for (HTTP). */
typedef struct TokenDef {
    ObjectId id, role;
    Slice name;
    int64_t created_us, valid_until_us; /* wall clock; INT64_MAX = for ever */
    Slice hash;                         /* of its secret, which nobody has */
} TokenDef;

typedef struct CatalogSnap CatalogSnap;

CatalogSnap *cat_ref(const CatalogSnap *c);
void cat_unref(CatalogSnap *c);
uint64_t cat_version(const CatalogSnap *c);
/* Changes with anything that a plan may depend on: not with counters. */
uint64_t cat_plan_version(const CatalogSnap *c);
ObjectId cat_next_id(const CatalogSnap *c);
const DatabaseDef *cat_database(const CatalogSnap *c, Slice name);
const DatabaseDef *cat_database_by_id(const CatalogSnap *c, ObjectId id);
const SchemaDef *cat_schema(const CatalogSnap *c, ObjectId database, Slice name);
const SchemaDef *cat_schema_by_id(const CatalogSnap *c, ObjectId id);
const TableDef *cat_table(const CatalogSnap *c, ObjectId schema, Slice name);
const TableDef *cat_table_by_id(const CatalogSnap *c, TableId id);
size_t cat_database_count(const CatalogSnap *c);
const DatabaseDef *cat_database_at(const CatalogSnap *c, size_t i);
size_t cat_schema_count(const CatalogSnap *c);
const SchemaDef *cat_schema_at(const CatalogSnap *c, size_t i);
size_t cat_table_count(const CatalogSnap *c);
const TableDef *cat_table_at(const CatalogSnap *c, size_t i); /* by id */
bool constraint_is_unique(const ConstraintDef *c); /* a key: PRIMARY KEY, UNIQUE in all forms */
const ConstraintDef *table_constraint(const TableDef *t, Slice name); /* NULL if none */
/* Column by SQL name, not dropped; NULL if none.  Hashed: tables may have 1,600 columns. */
const ColumnDef *table_column(const TableDef *t, Slice name);
/* Some series of the table may tell its value. */
static inline bool column_in_series(const ColumnDef *c)
{
    return c->kind == COL_TAG || c->keyed;
}
const ColumnDef *table_column_by_id(const TableDef *t, ColumnId id);
const ColumnDef *table_column_by_label(const TableDef *t, Slice label,
                                       ColumnKind kind); /* ingest: label, else name */
/* Settings of a database, by name; false: not set.  Names with this prefix are states of jobs. */
#define CAT_JOB_PREFIX "job/"
bool cat_setting(const CatalogSnap *c, ObjectId database, Slice name, Slice *value);
size_t cat_setting_count(const CatalogSnap *c);
void cat_setting_at(const CatalogSnap *c, size_t i, ObjectId *database, Slice *name, Slice *value);

const RoleDef *cat_role(const CatalogSnap *c, Slice name);
const RoleDef *cat_role_by_id(const CatalogSnap *c, ObjectId id);
size_t cat_role_count(const CatalogSnap *c);
const RoleDef *cat_role_at(const CatalogSnap *c, size_t i);
const AclDef *cat_acl(const CatalogSnap *c, GrantKind kind, ObjectId object, ObjectId sub);
size_t cat_acl_count(const CatalogSnap *c);
const AclDef *cat_acl_at(const CatalogSnap *c, size_t i);

const TokenDef *cat_token(const CatalogSnap *c, Slice name);
const TokenDef *cat_token_by_id(const CatalogSnap *c, ObjectId id);
size_t cat_token_count(const CatalogSnap *c);
const TokenDef *cat_token_at(const CatalogSnap *c, size_t i);

/* ---- edits: a list that becomes one log record and one new snapshot, all or nothing ---- */
typedef enum CatOp {
    CAT_PUT_DATABASE = 1,
    CAT_DROP_DATABASE,
    CAT_PUT_SCHEMA,
    CAT_DROP_SCHEMA,
    CAT_PUT_TABLE, /* creates or replaces the table of this id; expect_version is checked (0 = new) */
    CAT_DROP_TABLE,
    CAT_PUT_SETTING, /* name/value pairs of the database: kept for session */
    CAT_PUT_ROLE,
    CAT_DROP_ROLE, /* with its memberships and tokens; other rights must be gone (DEPENDENT_OBJECTS) */
    CAT_PUT_GRANT, /* read, never written */
    CAT_ADVANCE,   /* counter of a table, if it is there and has this epoch; else nothing */
    CAT_PUT_TOKEN,
    CAT_DROP_TOKEN,
    CAT_PUT_ACL, /* replaces that of the object; expect_version is checked (0 = none) */
    CAT_OPS,
} CatOp;

typedef struct CatEdit {
    CatOp op;
    ObjectId id;
    uint32_t expect_version;
    const TableDef *table;
    const SchemaDef *schema;
    const DatabaseDef *database;
    const RoleDef *role;
    const GrantDef *grant;
    const AclDef *acl;
    const TokenDef *token;
    Slice setting, value; /* CAT_PUT_SETTING on database `id`; an empty value removes it */
    uint32_t epoch;       /* CAT_ADVANCE */
    int64_t counter;
    bool counter_used;
} CatEdit;

/* Applies edits; fails with SERIALIZATION (version), DUPLICATE_* (name taken), UNDEFINED_*.
 * CAT_PUT_TABLE gives the table its old version + 1 (1 when new), whatever the edit's TableDef says.
 * Dropping a database drops all in it; a schema must be empty (DEPENDENT_OBJECTS). */
bool cat_apply(CatalogSnap **out, const CatalogSnap *base, const CatEdit *edits, size_t n,
               Err *e) MUST_CHECK;
void cat_renumber(CatalogSnap *c, uint64_t version); /* a new one that nobody else has seen */
void cat_encode_edits(Buf *out, const CatEdit *edits, size_t n);
bool cat_decode_edits(Arena *a, Slice src, CatEdit **edits, size_t *n, Err *e) MUST_CHECK;
void cat_encode_snapshot(Buf *out, const CatalogSnap *c);
bool cat_decode_snapshot(CatalogSnap **out, Slice src, Err *e) MUST_CHECK;
CatalogSnap *cat_initial(void); /* database "skulk" with schema "public", superuser "skulk" */
/* A deep copy to edit: all slices and arrays live in the arena. */
TableDef *table_def_copy(Arena *a, const TableDef *t);

#endif
