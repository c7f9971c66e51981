/* session/catalog_pg.c - the table of catalog relations, and the small ones. */
#include "session/catalog_private.h"
#include <stdio.h>

void row_i64(RowMaker *r, int64_t v)
{
    r->v[r->n++] = value_i64(v);
}

void row_number_text(RowMaker *r, Arena *a, int64_t v)
{
    row_slice(r, arena_printf(a, "%lld", (long long)v));
}

void row_bool(RowMaker *r, bool v)
{
    r->v[r->n++] = value_bool(v);
}

void row_text(RowMaker *r, const char *s)
{
    r->v[r->n++] = s ? value_str(slice_cstr(s)) : value_null();
}

void row_slice(RowMaker *r, Slice s)
{
    r->v[r->n++] = value_str(s);
}

void row_char(RowMaker *r, const char *one)
{
    row_text(r, one);
}

void row_null(RowMaker *r)
{
    r->v[r->n++] = value_null();
}

void row_nulls(RowMaker *r, size_t n)
{
    while (n-- > 0)
        row_null(r);
}

void row_f64(RowMaker *r, double v)
{
    r->v[r->n++] = value_f64(v);
}

/* ---- small relations ---- */

static bool fill_pg_am(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    RowMaker r = {.n = 0};
    row_i64(&r, OID_AM_HEAP);
    row_text(&r, "heap");
    row_i64(&r, 3);
    row_char(&r, "t");
    row_sink_add(sink, r.v);
    return true;
}

static bool fill_pg_collation(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    static const struct {
        uint32_t oid;
        const char *name, *provider, *collate;
    } rows[] = {{OID_COLLATION_DEFAULT, "default", "d", NULL},
                {OID_COLLATION_C, "C", "c", "C"},
                {951, "POSIX", "c", "POSIX"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        RowMaker r = {.n = 0};
        row_i64(&r, rows[i].oid);
        row_text(&r, rows[i].name);
        row_i64(&r, OID_PG_CATALOG);
        row_i64(&r, OID_OWNER);
        row_char(&r, rows[i].provider);
        row_bool(&r, true);
        row_i64(&r, -1);
        row_text(&r, rows[i].collate);
        row_text(&r, rows[i].collate);
        row_nulls(&r, 2);
        row_sink_add(sink, r.v);
    }
    return true;
}

static bool fill_pg_tablespace(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    static const char *const names[] = {"pg_default", "pg_global"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        RowMaker r = {.n = 0};
        row_i64(&r, OID_TABLESPACE + (int64_t)i);
        row_text(&r, names[i]);
        row_i64(&r, OID_OWNER);
        row_nulls(&r, 2);
        row_sink_add(sink, r.v);
    }
    return true;
}

static bool fill_pg_language(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)ctx, (void)snap, (void)e;
    RowMaker r = {.n = 0};
    row_i64(&r, 12);
    row_text(&r, "internal");
    row_i64(&r, OID_OWNER);
    row_bool(&r, false);
    row_bool(&r, false);
    for (int i = 0; i < 3; i++)
        row_i64(&r, 0);
    row_null(&r);
    row_sink_add(sink, r.v);
    return true;
}

#define PG   "pg_catalog"
#define INFO "information_schema"

/* In the order of PostgreSQL's manual; lists of columns are PostgreSQL 15's. */
const PgRelation pg_relations[] = {
    {PG, "pg_class", 1259,
     "oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam "
     "oid, relfilenode oid, reltablespace oid, relpages int4, reltuples float4, relallvisible "
     "int4, reltoastrelid oid, relhasindex bool, relisshared bool, relpersistence \"char\", "
     "relkind \"char\", relnatts int2, relchecks int2, relhasrules bool, relhastriggers bool, "
     "relhassubclass bool, relrowsecurity bool, relforcerowsecurity bool, relispopulated bool, "
     "relreplident \"char\", relispartition bool, relrewrite oid, relfrozenxid xid, relminmxid "
     "xid, relacl aclitem[], reloptions text[], relpartbound pg_node_tree",
     fill_pg_class},
    {PG, "pg_attribute", 1249,
     "attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, attnum int2, "
     "attndims int4, attcacheoff int4, atttypmod int4, attbyval bool, attalign \"char\", "
     "attstorage \"char\", attcompression \"char\", attnotnull bool, atthasdef bool, atthasmissing "
     "bool, attidentity \"char\", attgenerated \"char\", attisdropped bool, attislocal bool, "
     "attinhcount int4, attcollation oid, attacl aclitem[], attoptions text[], attfdwoptions "
     "text[], attmissingval text",
     fill_pg_attribute},
    {PG, "pg_attrdef", 2604, "oid oid, adrelid oid, adnum int2, adbin pg_node_tree",
     fill_pg_attrdef},
    {PG, "pg_type", 1247,
     "oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool, typtype "
     "\"char\", typcategory \"char\", typispreferred bool, typisdefined bool, typdelim \"char\", "
     "typrelid oid, typsubscript regproc, typelem oid, typarray oid, typinput regproc, typoutput "
     "regproc, typreceive regproc, typsend regproc, typmodin regproc, typmodout regproc, "
     "typanalyze regproc, typalign \"char\", typstorage \"char\", typnotnull bool, typbasetype "
     "oid, typtypmod int4, typndims int4, typcollation oid, typdefaultbin pg_node_tree, typdefault "
     "text, typacl aclitem[]",
     fill_pg_type},
    {PG, "pg_namespace", 2615, "oid oid, nspname name, nspowner oid, nspacl aclitem[]",
     fill_pg_namespace},
    {PG, "pg_proc", 1255,
     "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, procost float4, prorows "
     "float4, provariadic oid, prosupport regproc, prokind \"char\", prosecdef bool, proleakproof "
     "bool, proisstrict bool, proretset bool, provolatile \"char\", proparallel \"char\", pronargs "
     "int2, pronargdefaults int2, prorettype oid, proargtypes oidvector, proallargtypes oid[], "
     "proargmodes \"char\"[], proargnames text[], proargdefaults pg_node_tree, protrftypes oid[], "
     "prosrc text, probin text, prosqlbody pg_node_tree, proconfig text[], proacl aclitem[]",
     fill_pg_proc},
    {PG, "pg_database", 1262,
     "oid oid, datname name, datdba oid, encoding int4, datlocprovider \"char\", datistemplate "
     "bool, datallowconn bool, datconnlimit int4, datfrozenxid xid, datminmxid xid, dattablespace "
     "oid, datcollate text, datctype text, daticulocale text, datcollversion text, datacl "
     "aclitem[]",
     fill_pg_database},
    {PG, "pg_settings", 0,
     "name text, setting text, unit text, category text, short_desc text, extra_desc text, context "
     "text, vartype text, source text, min_val text, max_val text, enumvals text[], boot_val text, "
     "reset_val text, sourcefile text, sourceline int4, pending_restart bool",
     fill_pg_settings},
    {PG, "pg_cursors", 0,
     "name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, "
     "creation_time timestamptz",
     fill_pg_cursors},
    {PG, "pg_prepared_statements", 0,
     "name text, statement text, prepare_time timestamptz, parameter_types regtype[], from_sql "
     "bool, generic_plans int8, custom_plans int8",
     fill_pg_prepared},
    {PG, "pg_description", 2609, "objoid oid, classoid oid, objsubid int4, description text",
     fill_pg_description},
    {PG, "pg_roles", 0,
     "rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, "
     "rolcanlogin bool, rolreplication bool, rolconnlimit int4, rolpassword text, rolvaliduntil "
     "timestamptz, rolbypassrls bool, rolconfig text[], oid oid",
     fill_pg_roles},
    {PG, "pg_am", 2601, "oid oid, amname name, amhandler regproc, amtype \"char\"", fill_pg_am},
    {PG, "pg_collation", 3456,
     "oid oid, collname name, collnamespace oid, collowner oid, collprovider \"char\", "
     "collisdeterministic bool, collencoding int4, collcollate text, collctype text, colliculocale "
     "text, collversion text",
     fill_pg_collation},
    {PG, "pg_tablespace", 1213,
     "oid oid, spcname name, spcowner oid, spcacl aclitem[], spcoptions text[]",
     fill_pg_tablespace},
    {PG, "pg_language", 2612,
     "oid oid, lanname name, lanowner oid, lanispl bool, lanpltrusted bool, lanplcallfoid oid, "
     "laninline oid, lanvalidator oid, lanacl aclitem[]",
     fill_pg_language},
    {PG, "pg_stat_activity", 0,
     "datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, "
     "application_name text, client_addr text, client_hostname text, client_port int4, "
     "backend_start timestamptz, xact_start timestamptz, query_start timestamptz, state_change "
     "timestamptz, wait_event_type text, wait_event text, state text, backend_xid xid, "
     "backend_xmin xid, query_id int8, query text, backend_type text",
     fill_pg_stat_activity},
    {PG, "pg_tables", 0,
     "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules "
     "bool, hastriggers bool, rowsecurity bool",
     fill_pg_tables},
    {PG, "pg_views", 0, "schemaname name, viewname name, viewowner name, definition text",
     fill_pg_views},
    {PG, "pg_auth_members", 1261, "roleid oid, member oid, grantor oid, admin_option bool",
     fill_pg_auth_members},
    {PG, "pg_authid", 1260,
     "oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, "
     "rolcanlogin bool, rolreplication bool, rolbypassrls bool, rolconnlimit int4, rolpassword "
     "text, rolvaliduntil timestamptz",
     fill_pg_authid},
    {PG, "pg_index", 2610,
     "indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, "
     "indnullsnotdistinct bool, indisprimary bool, indisexclusion bool, indimmediate bool, "
     "indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool, "
     "indisreplident bool, indkey int2vector, indcollation oidvector, indclass oidvector, "
     "indoption int2vector, indexprs pg_node_tree, indpred pg_node_tree",
     fill_pg_index},
    {PG, "pg_indexes", 0,
     "schemaname name, tablename name, indexname name, tablespace name, indexdef text",
     fill_pg_indexes},
    {PG, "pg_constraint", 2606,
     "oid oid, conname name, connamespace oid, contype \"char\", condeferrable bool, condeferred "
     "bool, convalidated bool, conrelid oid, contypid oid, conindid oid, conparentid oid, "
     "confrelid oid, confupdtype \"char\", confdeltype \"char\", confmatchtype \"char\", "
     "conislocal bool, coninhcount int4, connoinherit bool, conkey int2[], confkey int2[], "
     "conpfeqop oid[], conppeqop oid[], conffeqop oid[], confdelsetcols int2[], conexclop oid[], "
     "conbin pg_node_tree",
     fill_pg_constraint},
    {PG, "pg_inherits", 2611, "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool",
     NULL},
    {PG, "pg_policy", 3256,
     "oid oid, polname name, polrelid oid, polcmd \"char\", polpermissive bool, polroles oid[], "
     "polqual pg_node_tree, polwithcheck pg_node_tree",
     NULL},
    {PG, "pg_statistic_ext", 3381,
     "oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4, "
     "stxkeys int2vector, stxkind \"char\"[], stxexprs pg_node_tree",
     NULL},
    {PG, "pg_publication", 6104,
     "oid oid, pubname name, pubowner oid, puballtables bool, pubinsert bool, pubupdate bool, "
     "pubdelete bool, pubtruncate bool, pubviaroot bool",
     NULL},
    {PG, "pg_publication_rel", 6106,
     "oid oid, prpubid oid, prrelid oid, prqual pg_node_tree, prattrs int2vector", NULL},
    {PG, "pg_publication_namespace", 6237, "oid oid, pnpubid oid, pnnspid oid", NULL},
    {PG, "pg_subscription", 6100,
     "oid oid, subdbid oid, subskiplsn text, subname name, subowner oid, subenabled bool, "
     "subbinary bool, substream bool, subtwophasestate \"char\", subdisableonerr bool, subconninfo "
     "text, subslotname name, subsynccommit text, subpublications text[]",
     NULL},
    {PG, "pg_trigger", 2620,
     "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled "
     "\"char\", tgisinternal bool, tgconstrrelid oid, tgconstrindid oid, tgconstraint oid, "
     "tgdeferrable bool, tginitdeferred bool, tgnargs int2, tgattr int2vector, tgargs bytea, "
     "tgqual pg_node_tree, tgoldtable name, tgnewtable name",
     NULL},
    {PG, "pg_rewrite", 2618,
     "oid oid, rulename name, ev_class oid, ev_type \"char\", ev_enabled \"char\", is_instead "
     "bool, ev_qual pg_node_tree, ev_action pg_node_tree",
     NULL},
    {PG, "pg_extension", 3079,
     "oid oid, extname name, extowner oid, extnamespace oid, extrelocatable bool, extversion text, "
     "extconfig oid[], extcondition text[]",
     NULL},
    {PG, "pg_foreign_server", 1417,
     "oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text, srvversion text, srvacl "
     "aclitem[], srvoptions text[]",
     NULL},
    {PG, "pg_foreign_data_wrapper", 2328,
     "oid oid, fdwname name, fdwowner oid, fdwhandler oid, fdwvalidator oid, fdwacl aclitem[], "
     "fdwoptions text[]",
     NULL},
    {PG, "pg_foreign_table", 3118, "ftrelid oid, ftserver oid, ftoptions text[]", NULL},
    {PG, "pg_user_mapping", 1418, "oid oid, umuser oid, umserver oid, umoptions text[]", NULL},
    {PG, "pg_event_trigger", 3466,
     "oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, evtenabled \"char\", "
     "evttags text[]",
     NULL},
    {PG, "pg_db_role_setting", 2964, "setdatabase oid, setrole oid, setconfig text[]", NULL},
    {PG, "pg_sequence", 2224,
     "seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, "
     "seqcache int8, seqcycle bool",
     fill_pg_sequence},
    {PG, "pg_sequences", 0,
     "schemaname name, sequencename name, sequenceowner name, data_type regtype, start_value int8, "
     "min_value int8, max_value int8, increment_by int8, cycle bool, cache_size int8, last_value "
     "int8",
     fill_pg_sequences},
    {PG, "pg_depend", 2608,
     "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, "
     "deptype \"char\"",
     NULL},
    {PG, "pg_shdescription", 2396, "objoid oid, classoid oid, description text", NULL},
    {PG, "pg_enum", 3501, "oid oid, enumtypid oid, enumsortorder float4, enumlabel name", NULL},
    {PG, "pg_range", 3541,
     "rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid, "
     "rngcanonical regproc, rngsubdiff regproc",
     NULL},
    {PG, "pg_cast", 2605,
     "oid oid, castsource oid, casttarget oid, castfunc oid, castcontext \"char\", castmethod "
     "\"char\"",
     fill_pg_cast},
    {PG, "pg_operator", 2617,
     "oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind \"char\", oprcanmerge bool, "
     "oprcanhash bool, oprleft oid, oprright oid, oprresult oid, oprcom oid, oprnegate oid, "
     "oprcode regproc, oprrest regproc, oprjoin regproc",
     fill_pg_operator},
    {PG, "pg_opclass", 2616,
     "oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, opcfamily oid, "
     "opcintype oid, opcdefault bool, opckeytype oid",
     NULL},
    {PG, "pg_opfamily", 2753,
     "oid oid, opfmethod oid, opfname name, opfnamespace oid, opfowner oid", NULL},
    {PG, "pg_amop", 2602,
     "oid oid, amopfamily oid, amoplefttype oid, amoprighttype oid, amopstrategy int2, amoppurpose "
     "\"char\", amopopr oid, amopmethod oid, amopsortfamily oid",
     NULL},
    {PG, "pg_amproc", 2603,
     "oid oid, amprocfamily oid, amproclefttype oid, amprocrighttype oid, amprocnum int2, amproc "
     "regproc",
     NULL},
    {PG, "pg_aggregate", 2600,
     "aggfnoid regproc, aggkind \"char\", aggnumdirectargs int2, aggtransfn regproc, aggfinalfn "
     "regproc, aggtranstype oid",
     NULL},
    {PG, "pg_conversion", 2607,
     "oid oid, conname name, connamespace oid, conowner oid, conforencoding int4, contoencoding "
     "int4, conproc regproc, condefault bool",
     NULL},
    {PG, "pg_partitioned_table", 3350,
     "partrelid oid, partstrat \"char\", partnatts int2, partdefid oid, partattrs int2vector, "
     "partclass oidvector, partcollation oidvector, partexprs pg_node_tree",
     NULL},
    {PG, "pg_default_acl", 826,
     "oid oid, defaclrole oid, defaclnamespace oid, defaclobjtype \"char\", defaclacl aclitem[]",
     NULL},
    {PG, "pg_init_privs", 3394,
     "objoid oid, classoid oid, objsubid int4, privtype \"char\", initprivs aclitem[]", NULL},
    {PG, "pg_seclabel", 3596, "objoid oid, classoid oid, objsubid int4, provider text, label text",
     NULL},
    {PG, "pg_largeobject_metadata", 2995, "oid oid, lomowner oid, lomacl aclitem[]", NULL},
    {PG, "pg_transform", 3576,
     "oid oid, trftype oid, trflang oid, trffromsql regproc, trftosql regproc", NULL},
    {PG, "pg_ts_config", 3602,
     "oid oid, cfgname name, cfgnamespace oid, cfgowner oid, cfgparser oid", NULL},
    {PG, "pg_ts_dict", 3600,
     "oid oid, dictname name, dictnamespace oid, dictowner oid, dicttemplate oid, dictinitoption "
     "text",
     NULL},
    {PG, "pg_ts_parser", 3601,
     "oid oid, prsname name, prsnamespace oid, prsstart regproc, prstoken regproc, prsend regproc, "
     "prsheadline regproc, prslextype regproc",
     NULL},
    {PG, "pg_ts_template", 3764,
     "oid oid, tmplname name, tmplnamespace oid, tmplinit regproc, tmpllexize regproc", NULL},
    {PG, "pg_locks", 0,
     "locktype text, database oid, relation oid, page int4, tuple int2, virtualxid text, "
     "transactionid xid, classid oid, objid oid, objsubid int2, virtualtransaction text, pid int4, "
     "mode text, granted bool, fastpath bool, waitstart timestamptz",
     NULL},
    {PG, "pg_matviews", 0,
     "schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, "
     "ispopulated bool, definition text",
     NULL},
    {PG, "pg_stat_user_tables", 0,
     "relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, n_tup_ins int8, "
     "n_live_tup int8",
     NULL},
    {INFO, "tables", 0,
     "table_catalog name, table_schema name, table_name name, table_type text, "
     "self_referencing_column_name name, reference_generation text, user_defined_type_catalog "
     "name, user_defined_type_schema name, user_defined_type_name name, is_insertable_into text, "
     "is_typed text, commit_action text",
     fill_info_tables},
    {INFO, "columns", 0,
     "table_catalog name, table_schema name, table_name name, column_name name, ordinal_position "
     "int4, column_default text, is_nullable text, data_type text, character_maximum_length int4, "
     "character_octet_length int4, numeric_precision int4, numeric_precision_radix int4, "
     "numeric_scale int4, datetime_precision int4, interval_type text, interval_precision int4, "
     "collation_name name, udt_catalog name, udt_schema name, udt_name name, is_identity text, "
     "identity_generation text, identity_start text, identity_increment text, identity_maximum "
     "text, identity_minimum text, identity_cycle text, is_generated text, generation_expression "
     "text, is_updatable text",
     fill_info_columns},
    {INFO, "schemata", 0,
     "catalog_name name, schema_name name, schema_owner name, default_character_set_name name, "
     "sql_path text",
     fill_info_schemata},
    {INFO, "views", 0,
     "table_catalog name, table_schema name, table_name name, view_definition text, check_option "
     "text, is_updatable text",
     NULL},
    {INFO, "table_constraints", 0,
     "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, "
     "table_schema name, table_name name, constraint_type text, is_deferrable text, "
     "initially_deferred text, enforced text, nulls_distinct text",
     fill_info_constraints},
    {INFO, "key_column_usage", 0,
     "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, "
     "table_schema name, table_name name, column_name name, ordinal_position int4, "
     "position_in_unique_constraint int4",
     fill_info_key_columns},
    {INFO, "sequences", 0,
     "sequence_catalog name, sequence_schema name, sequence_name name, data_type text, "
     "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, start_value text, "
     "minimum_value text, maximum_value text, increment text, cycle_option text",
     fill_info_sequences},
    {INFO, "check_constraints", 0,
     "constraint_catalog name, constraint_schema name, constraint_name name, check_clause text",
     fill_info_checks},
    {INFO, "constraint_column_usage", 0,
     "table_catalog name, table_schema name, table_name name, column_name name, "
     "constraint_catalog name, constraint_schema name, constraint_name name",
     fill_info_column_usage},
    {INFO, "referential_constraints", 0,
     "constraint_catalog name, constraint_schema name, constraint_name name, "
     "unique_constraint_catalog name, unique_constraint_schema name, unique_constraint_name name, "
     "match_option text, update_rule text, delete_rule text",
     NULL},
    {NULL, NULL, 0, NULL, NULL},
};

/* ---- registration ---- */

enum { RELATIONS_MAX = 128 };
static ViewDef views[RELATIONS_MAX];

static size_t count_columns(const char *spec)
{
    size_t n = 1;
    for (; *spec; spec++)
        n += *spec == ',';
    return n;
}

static void parse_columns(ViewDef *v, const char *spec)
{
    ViewColumn *cols =
        mem_zero(count_columns(spec) * sizeof *cols); /* lives as long as the process */
    for (const char *p = spec; *p;) {
        while (*p == ' ')
            p++;
        size_t name = strcspn(p, " "), type = strcspn(p + name + 1, ",");
        ViewColumn *c = &cols[v->column_count++];
        c->name = mem_strdup(slice_of(p, name));
        int32_t typmod;
        Err e;
        must(type_parse_name(slice_of(p + name + 1, type), &c->type, &typmod, &e));
        p += name + 1 + type;
        p += *p == ',';
    }
    v->columns = cols;
}

void catalog_register(void)
{
    size_t n = 0;
    for (const PgRelation *r = pg_relations; r->name; r++) {
        must(n + 1 < RELATIONS_MAX);
        ViewDef *v = &views[n++];
        *v = (ViewDef){
            .schema = r->schema, .name = r->name, .fill = r->fill, .text = "catalog relation"};
        parse_columns(v, r->columns);
    }
    view_register(views);
    func_register(catalog_functions);
    catalog_set_hooks();
}

uint32_t pg_relation_oid(const ViewDef *v)
{
    if (v >= views && v < views + RELATIONS_MAX) {
        uint32_t oid = pg_relations[v - views].oid;
        return oid ? oid : OID_VIRTUAL_FIRST + (uint32_t)(v - views);
    }
    for (size_t i = 0; i < view_count(); i++)
        if (view_at(i) == v)
            return OID_VIRTUAL_FIRST + RELATIONS_MAX + (uint32_t)i;
    return 0;
}
