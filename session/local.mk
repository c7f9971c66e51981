noinst_LTLIBRARIES += libsksession.la
libsksession_la_SOURCES = \
	session/cluster_key.c \
	session/copy_in.c session/copy_lines.c session/copy_binary.c session/copy_out.c session/copy_private.h \
	session/cursor.c \
	session/db.c \
	session/execute.c \
	session/ddl.c session/continuous.c session/matview.c session/continuous_job.c session/continuous_next.c session/pieces.c session/pieces.h session/tier.c session/tier.h session/ddl_create.c session/alter_table.c session/hypertable.c session/ddl_constraint.c session/ddl_drop.c session/parts.c session/sequence.c session/temp.c \
	session/functions.c session/influx_sql.c session/influx_rows.c session/influx_rows.h \
	session/functions_admin.c \
	session/catalog_depend.c \
	session/login.c session/scram.c session/scram.h session/throttle.c session/throttle.h session/acl.c session/acl.h session/rights.c session/role.c session/grant.c session/owner.c session/role_setting.c session/token.c \
	session/notify.c session/portal.c \
	session/row_writer.c session/row_check.c session/key_check.c session/insert.c session/modify.c \
	session/rejected.c session/rejected.h \
	session/jobs.c session/retention.c session/retention_private.h session/ttl_condition.c session/policy.c session/chunks.c \
	session/rows.c session/stream.c \
	session/session.c session/session.h session/session_private.h \
	session/advisory.c session/advisory.h session/comment.c session/settings.c session/settings.def \
	session/skulk_api.c \
	session/statement.c \
	session/txn.c \
	session/utility.c \
	session/views_skulk.c session/views_timescale.c \
	session/catalog_class.c session/catalog_index.c session/catalog_functions.c session/catalog_info.c \
	session/catalog_pg.c session/catalog_relations.c session/pg_catalog.def session/information_schema.def session/catalog_role.c session/catalog_acl.c session/catalog_has.c session/catalog_private.h session/catalog_session.c session/catalog_locks.c session/catalog_type.c \
	session/promql_door.c session/promql_kept.c session/promql_kept.h session/promql_private.h session/promql_sql.c session/promql_read.c session/promql_admin.c session/promql_tsdb.c session/write_keys.c session/promql_delete.c \
	session/prom_chunk.c session/prom_chunk.h session/promql_forms.c session/promql_forms.h
