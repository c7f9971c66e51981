/* skulk.h - Alopex Skulk inside your program: one data directory, line protocol in, SQL and PromQL out.
 *
 *     skulk_db *db;
 *     if (skulk_open("data", NULL, &db) != SKULK_OK) ...
 *     skulk_write_line_protocol(db, text, strlen(text), "ns");
 *     skulk_result *r;
 *     if (skulk_query_sql(db, "SELECT * FROM cpu", &r) == SKULK_OK)
 *         while (skulk_next_row(r)) puts(skulk_text(r, 0));
 *     skulk_result_free(r);
 *     skulk_close(db);
 *
 * Ownership: what a function gives through an out parameter belongs to the caller and is ended by the
 * matching _free or skulk_close.  Text that a result returns lives until the next skulk_next_row,
 * skulk_next_batch or skulk_result_free.
 * Errors: every fallible call returns a skulk_status; skulk_error(db) tells the last one of the
 * calling thread's handle: SQLSTATE, message, detail, hint, position.
 * Threads: a skulk_db may be used from several threads, one call at a time each (calls are serialised);
 * a skulk_result by one thread at a time.  skulk_open installs no signal handler and starts
 * `threads` background threads (default 2).  After fork() the child may only exec.
 * A data directory is opened by one process at a time (SQLSTATE 55006 names the other). */
#ifndef SKULK_H
#define SKULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKULK_API __attribute__((visibility("default")))

typedef struct skulk_db skulk_db;
typedef struct skulk_result skulk_result;

typedef enum skulk_status {
    SKULK_OK = 0,
    SKULK_ERROR = 1,   /* see skulk_error */
    SKULK_PARTIAL = 2, /* write: some lines were refused, the others are stored */
} skulk_status;

typedef enum skulk_type {                  /* how a column's values are given by skulk_next_batch */
                          SKULK_BOOL = 1,  /* uint8_t, 0 or 1 */
                          SKULK_INT64 = 2, /* int2, int4, int8, oid */
                          SKULK_FLOAT64 = 3, /* float4, float8 */
                          SKULK_TIME =
                              4, /* timestamptz, timestamp: int64_t microseconds since 1970-01-01 UTC */
                          SKULK_TEXT = 5, /* all else: skulk_string, PostgreSQL's text form */
} skulk_type;

typedef struct skulk_string {
    const char *ptr; /* not NUL-terminated */
    size_t len;
} skulk_string;

typedef struct skulk_options {
    size_t size;          /* sizeof(skulk_options): room for later fields */
    int threads;          /* background threads; default 2 */
    int64_t memory_bytes; /* limit of all pools; 0 = 60 % of the machine */
    bool read_only;       /* SKULK_READ_ONLY: a backup or a stopped directory */
    const char *features; /* PromQL features, comma separated, or "all"; NULL = none */
} skulk_options;

typedef struct skulk_column {
    const char *name;
    skulk_type type;
    uint32_t pg_type;      /* PostgreSQL's oid */
    const void *values;    /* array by type; NULL outside of skulk_next_batch */
    const uint64_t *valid; /* bit i % 64 of word i / 64; NULL = no NULLs */
} skulk_column;

typedef struct skulk_error_info {
    const char *sqlstate; /* "00000" = none */
    const char *message, *detail, *hint;
    int position; /* character of the statement, from 1; 0 = none */
} skulk_error_info;

SKULK_API const char *skulk_version(void);

/* Creates the directory if it is missing and recovers what a crash left.  options may be NULL.
 * On failure *db is still a handle for skulk_error (and needs skulk_close), unless memory is gone. */
SKULK_API skulk_status skulk_open(const char *dir, const skulk_options *options, skulk_db **db);
/* Flushes and closes; results must be freed before.  NULL is fine. */
SKULK_API void skulk_close(skulk_db *db);
/* With threads = 0: runs background work for about ms milliseconds; false: nothing to do. */
SKULK_API bool skulk_step(skulk_db *db, int ms);
SKULK_API skulk_error_info skulk_error(const skulk_db *db);

/* Durable when it returns.  precision: ns (also NULL), us, ms, s, m, h.  SKULK_PARTIAL: skulk_error tells of the
 * first refused line, skulk_lines_refused how many. */
SKULK_API skulk_status skulk_write_line_protocol(skulk_db *db, const char *text, size_t len,
                                                 const char *precision);
SKULK_API size_t skulk_lines_refused(const skulk_db *db);

/* One statement (or several: the result is the last one's).  Statements without rows give a result of 0 columns. */
SKULK_API skulk_status skulk_query_sql(skulk_db *db, const char *sql, skulk_result **result);
/* Times in milliseconds since 1970; step_ms 0 = instant query at end_ms.  Columns: labels (text, JSON), ts, value. */
SKULK_API skulk_status skulk_query_promql(skulk_db *db, const char *query, int64_t start_ms,
                                          int64_t end_ms, int64_t step_ms, skulk_result **result);

SKULK_API size_t skulk_column_count(const skulk_result *r);
SKULK_API const skulk_column *skulk_columns(const skulk_result *r);
SKULK_API const char *skulk_command_tag(const skulk_result *r); /* "SELECT 3", "INSERT 0 1" */
SKULK_API size_t skulk_row_count(const skulk_result *r);

/* By column vectors: the next rows (at most 1,024); 0 = end.  skulk_columns() then has values and valid. */
SKULK_API size_t skulk_next_batch(skulk_result *r);
/* By row: false = end. */
SKULK_API bool skulk_next_row(skulk_result *r);
SKULK_API bool skulk_is_null(const skulk_result *r, size_t column);
SKULK_API const char *skulk_text(skulk_result *r,
                                 size_t column); /* PostgreSQL's text form; "" for NULL */
SKULK_API int64_t skulk_int64(const skulk_result *r, size_t column);  /* BOOL, INT64, TIME */
SKULK_API double skulk_float64(const skulk_result *r, size_t column); /* BOOL, INT64, FLOAT64 */
SKULK_API void skulk_result_free(skulk_result *r);

#ifdef __cplusplus
}
#endif
#endif
