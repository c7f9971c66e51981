/* examples/embedded.c - the tour from C: one data directory inside your own program.
 *
 *   cc embedded.c $(pkg-config --cflags --libs skulk) -o embedded && ./embedded /tmp/skulk-example */
#include <inttypes.h>
#include <skulk.h>
#include <stdio.h>
#include <string.h>

static int fail(const skulk_db *db, const char *what)
{
    skulk_error_info e = skulk_error(db);
    fprintf(stderr, "%s: %s %s\n", what, e.sqlstate, e.message);
    if (e.hint[0])
        fprintf(stderr, "hint: %s\n", e.hint);
    return 1;
}

/* Any result, row by row, as text. */
static void print_rows(skulk_result *r)
{
    for (size_t c = 0; c < skulk_column_count(r); c++)
        printf("%s%s", c ? " | " : "", skulk_columns(r)[c].name);
    printf("\n");
    while (skulk_next_row(r)) {
        for (size_t c = 0; c < skulk_column_count(r); c++)
            printf("%s%s", c ? " | " : "", skulk_is_null(r, c) ? "NULL" : skulk_text(r, c));
        printf("\n");
    }
    printf("(%s)\n\n", skulk_command_tag(r));
}

static int run_sql(skulk_db *db, const char *sql)
{
    skulk_result *r;
    printf("> %s\n", sql);
    if (skulk_query_sql(db, sql, &r) != SKULK_OK)
        return fail(db, "query");
    print_rows(r);
    skulk_result_free(r);
    return 0;
}

/* The same by column vectors: no copy, no text. */
static int average(skulk_db *db)
{
    skulk_result *r;
    double sum = 0;
    size_t rows = 0, n;
    if (skulk_query_sql(db, "SELECT usage_user FROM cpu", &r) != SKULK_OK)
        return fail(db, "query");
    while ((n = skulk_next_batch(r)) > 0) {
        const double *v = skulk_columns(r)[0].values;
        for (size_t i = 0; i < n; i++)
            sum += v[i];
        rows += n;
    }
    skulk_result_free(r);
    printf("average of %zu values read as vectors: %.2f\n\n", rows, rows ? sum / (double)rows : 0);
    return 0;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "skulk-example";
    skulk_db *db;
    if (skulk_open(dir, NULL, &db) != SKULK_OK) {
        int status = fail(db, "open");
        skulk_close(db);
        return status;
    }
    static const char lines[] =
        "cpu,host=server1,region=ap usage_user=23.5,usage_system=12.3 1767225600000000000\n"
        "cpu,host=server1,region=ap usage_user=25.5,usage_system=11.3 1767225660000000000\n"
        "cpu,host=server2,region=eu usage_user=61.0,usage_system=9.1 1767225600000000000\n";
    if (skulk_write_line_protocol(db, lines, strlen(lines), "ns") != SKULK_OK)
        return fail(db, "write");
    int status = run_sql(db, "SELECT time, host, usage_user FROM cpu ORDER BY time, host") ||
                 run_sql(db, "SELECT host, avg(usage_user), last(usage_user) FROM cpu GROUP BY "
                             "host ORDER BY host") ||
                 average(db);
    skulk_result *r;
    if (!status && skulk_query_promql(db, "max by (host) (cpu_usage_user)", 0,
                                      INT64_C(1767225660000), 0, &r) == SKULK_OK) {
        printf("> max by (host) (cpu_usage_user)\n");
        print_rows(r);
        skulk_result_free(r);
    } else if (!status) {
        status = fail(db, "promql");
    }
    skulk_close(db);
    return status;
}
