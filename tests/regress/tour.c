/* tests/regress/tour.c - libpq in all its modes: tour CONNINFO.  Prints PASS or FAIL a step.
 *
 * Works on PostgreSQL 15 as well. */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 2500 };

static PGconn *conn;
static int failed;
static int notices;

static void is(const char *step, bool ok)
{
    printf("%s %s\n", ok ? "PASS" : "FAIL", step);
    if (!ok)
        fprintf(stderr, "  %s", PQerrorMessage(conn));
    failed += !ok;
}

static bool tag(PGresult *r, const char *wanted)
{
    ExecStatusType s = PQresultStatus(r);
    bool ok =
        (s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK) && strcmp(PQcmdStatus(r), wanted) == 0;
    PQclear(r);
    return ok;
}

static bool value(PGresult *r, const char *wanted)
{
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1 &&
              strcmp(PQgetvalue(r, 0, 0), wanted) == 0;
    PQclear(r);
    return ok;
}

static bool fails(PGresult *r, const char *state)
{
    const char *got = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    bool ok = PQresultStatus(r) == PGRES_FATAL_ERROR && got && strcmp(got, state) == 0;
    PQclear(r);
    return ok;
}

static void notice(void *arg, const PGresult *r)
{
    (void)arg, (void)r;
    notices++;
}

static void simple(void)
{
    is("create",
       tag(PQexec(conn, "CREATE TABLE tour (at timestamptz, host text, n int8, v float8)"),
           "CREATE TABLE"));
    is("insert",
       tag(PQexec(conn, "INSERT INTO tour SELECT '2024-01-01'::timestamptz + g * interval '1 s', "
                        "'h' || g % 3, g, g * 1.5 FROM generate_series(1, 2500) g"),
           "INSERT 0 2500"));
    is("select", value(PQexec(conn, "SELECT count(*) FROM tour"), "2500"));
    is("several statements give the last", value(PQexec(conn, "SELECT 1; SELECT 2"), "2"));
    PGresult *r = PQexec(conn, "");
    is("empty", PQresultStatus(r) == PGRES_EMPTY_QUERY);
    PQclear(r);
    r = PQexec(conn, "SELECT at, host, n, v FROM tour LIMIT 0");
    is("described", PQnfields(r) == 4 && PQftype(r, 0) == 1184 && PQftype(r, 1) == 25 &&
                        PQftype(r, 2) == 20 && PQftype(r, 3) == 701 && PQftable(r, 1) != 0 &&
                        PQftablecol(r, 1) == 2);
    PQclear(r);
}

static void extended(void)
{
    const char *values[] = {"h1", "10"};
    PGresult *r = PQexecParams(conn, "SELECT count(*) FROM tour WHERE host = $1 AND n <= $2", 2,
                               NULL, values, NULL, NULL, 0);
    is("parameters", value(r, "4"));
    const char *one[] = {NULL};
    is("a NULL parameter",
       value(PQexecParams(conn, "SELECT $1::text IS NULL", 1, NULL, one, NULL, NULL, 0), "t"));
    PQclear(PQprepare(conn, "s", "SELECT n, v, host FROM tour WHERE n = $1", 0, NULL));
    r = PQdescribePrepared(conn, "s");
    is("a prepared statement is described",
       PQnparams(r) == 1 && PQparamtype(r, 0) == 20 && PQnfields(r) == 3);
    PQclear(r);
    is("and run", value(PQexecPrepared(conn, "s", 1, &values[1], NULL, NULL, 0), "10"));
    is("and again", value(PQexecPrepared(conn, "s", 1, &values[1], NULL, NULL, 0), "10"));
    is("it is unknown after DEALLOCATE",
       tag(PQexec(conn, "DEALLOCATE s"), "DEALLOCATE") &&
           fails(PQexecPrepared(conn, "s", 1, values, NULL, NULL, 0), "26000"));
}

static uint64_t be64(const char *p)
{
    uint32_t half[2];
    memcpy(half, p, sizeof half);
    return (uint64_t)ntohl(half[0]) << 32 | ntohl(half[1]);
}

static void binary(void)
{
    uint32_t n = htonl(7);
    const char *values[] = {(const char *)&n, "h"};
    int lengths[] = {sizeof n, 0}, formats[] = {1, 0};
    Oid types[] = {23, 25};
    PGresult *r = PQexecParams(conn, "SELECT n, v, host || $2, at FROM tour WHERE n = $1", 2, types,
                               values, lengths, formats, 1);
    bool ok = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1 && PQfformat(r, 0) == 1;
    double v = 0;
    uint64_t bits = ok ? be64(PQgetvalue(r, 0, 1)) : 0;
    memcpy(&v, &bits, sizeof v);
    is("binary in both directions", ok && be64(PQgetvalue(r, 0, 0)) == 7 && v == 10.5 &&
                                        PQgetlength(r, 0, 2) == 3 &&
                                        be64(PQgetvalue(r, 0, 3)) == UINT64_C(757382407000000));
    PQclear(r);
}

static void single_row(void)
{
    int rows = 0;
    bool ok = PQsendQuery(conn, "SELECT n FROM tour ORDER BY n") && PQsetSingleRowMode(conn),
         done = false;
    for (PGresult *r; (r = PQgetResult(conn)); PQclear(r)) {
        if (PQresultStatus(r) == PGRES_SINGLE_TUPLE)
            ok = ok && atoi(PQgetvalue(r, 0, 0)) == ++rows;
        else
            done = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 0;
    }
    is("single-row mode", ok && done && rows == ROWS);
}

static bool next_is(ExecStatusType wanted)
{
    PGresult *r = PQgetResult(conn);
    bool ok = r && PQresultStatus(r) == wanted;
    PQclear(r);
    if (ok && wanted != PGRES_PIPELINE_SYNC)
        PQclear(PQgetResult(conn)); /* the NULL behind each result */
    return ok;
}

static void pipeline(void)
{
    bool ok = PQenterPipelineMode(conn);
    for (int i = 0; i < 3; i++)
        ok = ok && PQsendQueryParams(conn, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
    ok = ok && PQsendQueryParams(conn, "SELECT nope", 0, NULL, NULL, NULL, NULL, 0) &&
         PQsendQueryParams(conn, "SELECT 2", 0, NULL, NULL, NULL, NULL, 0) &&
         PQpipelineSync(conn) &&
         PQsendQueryParams(conn, "SELECT 3", 0, NULL, NULL, NULL, NULL, 0) && PQpipelineSync(conn);
    for (int i = 0; i < 3; i++)
        ok = ok && next_is(PGRES_TUPLES_OK);
    ok = ok && next_is(PGRES_FATAL_ERROR) && next_is(PGRES_PIPELINE_ABORTED) &&
         next_is(PGRES_PIPELINE_SYNC);
    ok = ok && next_is(PGRES_TUPLES_OK) && next_is(PGRES_PIPELINE_SYNC);
    is("pipeline mode", ok && PQexitPipelineMode(conn));
}

static bool copy_in(const char *sql, const char *data, size_t len, const char *give_up)
{
    PGresult *r = PQexec(conn, sql);
    bool ok = PQresultStatus(r) == PGRES_COPY_IN;
    PQclear(r);
    return ok && PQputCopyData(conn, data, (int)len) == 1 && PQputCopyEnd(conn, give_up) == 1;
}

static PGresult *last_result(void)
{
    PGresult *r, *last = NULL;
    while ((r = PQgetResult(conn))) {
        PQclear(last);
        last = r;
    }
    return last;
}

static void copy(void)
{
    static const char text[] = "2025-01-01\tc\t1\t1\n2025-01-02\tc\t2\t\\N\n",
                      bad[] = "2025-01-01\tc\tx\t1\n";
    is("COPY in", copy_in("COPY tour FROM STDIN", text, sizeof text - 1, NULL) &&
                      tag(last_result(), "COPY 2"));
    is("a bad row",
       copy_in("COPY tour FROM STDIN", bad, sizeof bad - 1, NULL) && fails(last_result(), "22P02"));
    is("given up",
       copy_in("COPY tour FROM STDIN", text, 10, "no more") && fails(last_result(), "57014"));
    int rows = 0;
    char *row;
    PQclear(PQexec(conn, "COPY (SELECT n, host FROM tour WHERE n <= 10 AND at < '2025-01-01' ORDER "
                         "BY n) TO STDOUT (FORMAT csv)"));
    bool ok = true;
    for (int n; (n = PQgetCopyData(conn, &row, 0)) > 0; PQfreemem(row))
        ok = ok && row[n - 1] == '\n' && memchr(row, '\n', (size_t)n) == row + n - 1 &&
             atoi(row) == ++rows;
    is("COPY out, a row each", ok && rows == 10 && tag(last_result(), "COPY 10"));
}

static void errors(void)
{
    PGresult *r = PQexec(conn, "SELECT nope FROM tour");
    is("fields of an error",
       strcmp(PQresultErrorField(r, PG_DIAG_SQLSTATE), "42703") == 0 &&
           strcmp(PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION), "8") == 0 &&
           strcmp(PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED), "ERROR") == 0 &&
           strstr(PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY), "\"nope\""));
    PQclear(r);
    PQclear(PQexec(conn, "CREATE TABLE tour_key (a int PRIMARY KEY)"));
    PQclear(PQexec(conn, "INSERT INTO tour_key VALUES (1)"));
    r = PQexec(conn, "INSERT INTO tour_key VALUES (1)");
    is("names in an error",
       PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME) &&
           strcmp(PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME), "tour_key_pkey") == 0 &&
           strcmp(PQresultErrorField(r, PG_DIAG_TABLE_NAME), "tour_key") == 0 &&
           PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL));
    PQclear(r);
    notices = 0;
    PQclear(PQexec(conn, "DROP TABLE IF EXISTS no_such_table"));
    is("a notice", notices == 1);
    PQclear(PQexec(conn, "BEGIN"));
    PQclear(PQexec(conn, "SELECT 1/0"));
    is("a failed transaction",
       PQtransactionStatus(conn) == PQTRANS_INERROR && fails(PQexec(conn, "SELECT 1"), "25P02") &&
           tag(PQexec(conn, "COMMIT"), "ROLLBACK") && PQtransactionStatus(conn) == PQTRANS_IDLE);
    PQclear(PQexec(conn, "SET application_name = 'tour'"));
    is("a parameter that changed",
       strcmp(PQparameterStatus(conn, "application_name"), "tour") == 0);
}

/* A cancel that comes before its query does nothing, so it is sent until there is an answer. */
static bool cancelled(const char *sql)
{
    char error[256];
    PGcancel *c = PQgetCancel(conn);
    bool ok = PQsendQuery(conn, sql) && PQflush(conn) == 0;
    while (ok && PQisBusy(conn)) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        ok = PQcancel(c, error, sizeof error) && PQconsumeInput(conn);
    }
    PQfreeCancel(c);
    return fails(last_result(), "57014") && ok;
}

static void cancel(void)
{
    is("a sleep is cancelled", cancelled("SELECT pg_sleep(30)"));
    is("a join is cancelled", cancelled("SELECT count(*) FROM tour a, tour b, tour c"));
    PQclear(PQexec(conn, "SELECT 1")); /* a late cancel may still meet this one */
    is("the session goes on", value(PQexec(conn, "SELECT 1"), "1"));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: tour CONNINFO\n");
        return 2;
    }
    conn = PQconnectdb(argv[1]);
    is("connect", PQstatus(conn) == CONNECTION_OK);
    if (failed)
        return 1;
    PQsetNoticeReceiver(conn, notice, NULL);
    simple();
    extended();
    binary();
    pipeline(); /* libpq 15 would still be in the single-row mode of the last query */
    single_row();
    copy();
    errors();
    cancel();
    PQclear(PQexec(conn, "DROP TABLE tour, tour_key"));
    PQfinish(conn);
    return failed > 0;
}
