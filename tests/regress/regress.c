/* tests/regress/regress.c - runs SQL files against a fresh server and compares what a client sees.
 *
 *   regress SERVER SQL_DIR EXPECTED_DIR OUT_DIR SCHEDULE [--accept] [--only NAME]
 *   regress --on PORT SQL_FILE OUT_FILE    one file against a server that runs already (PostgreSQL)
 *
 * Each file of the schedule runs twice on a server with an empty data directory: over the simple
 * and over the extended protocol; both must print the expected text.  A statement ends with a
 * semicolon at the end of a line.  Besides SQL a file may hold
 *   \write            lines up to \. are posted to /write; status and body are printed
 *   \get PATH         an HTTP GET; status and body are printed
 *   COPY ... STDIN    followed by data lines up to \.
 *   \pipe COPY ... TO STDOUT ... | COPY ... FROM STDIN ...   what the one says is data of the other
 *   \restart          stops the server and starts it again on the same data
 *   \kill             the same with kill -9
 *   \reconnect        a new session
 *   \session NAME     what follows runs in the session NAME, which is made at need ("main" is the first)
 *   \later            the next statement is not waited for: its answer, or "(waits)" when none comes
 *   \wait NAME        for the statement of that session; its answer
 *   \extended off     until the end of the file: simple protocol only (COPY, several statements)
 */
#include "tests/regress/ports.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 1 << 20,
    START_TRIES = 600,
    START_PAUSE_US = 50000,
    SESSIONS_MAX = 8,
    LATER_MS = 300, /* an answer that does not come in this time waits for something */
    WAIT_MS = 30000,
};

typedef struct Server {
    const char *program;
    char data[512], log[560];
    int pg_port, http_port;
    pid_t pid;
} Server;

typedef struct NamedSession {
    char name[32];
    PGconn *conn;
} NamedSession;

typedef struct Run {
    Server *server;
    PGconn *conn;                      /* of the current session */
    NamedSession others[SESSIONS_MAX]; /* all but the current one; conn NULL: free */
    char name[32];
    bool later;
    FILE *in, *out;
    bool extended, keep_simple;
} Run;

static void die(const char *what)
{
    fprintf(stderr, "regress: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- the server ---- */

static int http_connect(const Server *s)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)s->http_port)};
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Whole answer into buf; returns the status, -1 if there was no connection. */
static int http_request(const Server *s, const char *method, const char *path, const char *body,
                        char *buf, size_t size)
{
    int fd = http_connect(s);
    if (fd < 0)
        return -1;
    dprintf(
        fd,
        "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
        method, path, body ? strlen(body) : 0, body ? body : "");
    size_t len = 0;
    ssize_t n;
    while (len + 1 < size && (n = read(fd, buf + len, size - 1 - len)) > 0)
        len += (size_t)n;
    buf[len] = 0;
    close(fd);
    int status = -1;
    return sscanf(buf, "HTTP/1.%*d %d", &status) == 1 ? status : -1;
}

static bool server_start(Server *s)
{
    long from = log_size(s->log);
    s->pid = fork();
    if (s->pid == 0) {
        int fd = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (fd >= 0)
            dup2(fd, 2);
        execl(s->program, s->program, "--data-dir", s->data, "--pg-port", "0", "--http-port", "0",
              "--enable-feature", "all", (char *)NULL);
        die("cannot start the server");
    }
    char buf[4096];
    for (int i = 0; i < START_TRIES; i++) {
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            return false;
        if (ports_of(s->log, from, &s->pg_port, &s->http_port) &&
            http_request(s, "GET", "/ready", NULL, buf, sizeof buf) == 200)
            return true;
        usleep(START_PAUSE_US);
    }
    return false;
}

static int server_stop(Server *s, int sig)
{
    int status = 0;
    kill(s->pid, sig);
    waitpid(s->pid, &status, 0);
    return status;
}

/* ---- printing ---- */

static void print_rows(FILE *out, const PGresult *r)
{
    int cols = PQnfields(r), rows = PQntuples(r);
    for (int c = 0; c < cols; c++)
        fprintf(out, "%s%s", c ? "|" : "", PQfname(r, c));
    fputc('\n', out);
    for (int i = 0; i < rows; i++) {
        for (int c = 0; c < cols; c++)
            fprintf(out, "%s%s", c ? "|" : "", PQgetisnull(r, i, c) ? "NULL" : PQgetvalue(r, i, c));
        fputc('\n', out);
    }
    fprintf(out, "(%d row%s)\n", rows, rows == 1 ? "" : "s");
}

static void print_error(FILE *out, const PGresult *r)
{
    static const struct {
        int field;
        const char *name;
    } more[] = {{PG_DIAG_MESSAGE_DETAIL, "DETAIL"},
                {PG_DIAG_MESSAGE_HINT, "HINT"},
                {PG_DIAG_CONTEXT, "CONTEXT"},
                {PG_DIAG_STATEMENT_POSITION, "POSITION"}};
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE),
               *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    fprintf(out, "ERROR %s: %s\n", state ? state : "-----", text ? text : PQresultErrorMessage(r));
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (PQresultErrorField(r, more[i].field))
            fprintf(out, "%s: %s\n", more[i].name, PQresultErrorField(r, more[i].field));
}

static void on_notice(void *arg, const PGresult *r)
{
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *sizes = strstr(text, "freed ");
    int shown = sizes ? (int)(sizes - text) + 5 : (int)strlen(text); /* what VACUUM freed varies */
    fprintf(arg, "%s: %.*s\n", PQresultErrorField(r, PG_DIAG_SEVERITY), shown, text);
}

static bool next_line(Run *run, char *line)
{
    if (!fgets(line, LINE_MAX_BYTES, run->in))
        return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

static void copy_in(Run *run, char *line)
{
    while (next_line(run, line) && strcmp(line, "\\.") != 0) {
        size_t len = strlen(line);
        memcpy(line + len, "\n", 2);
        if (PQputCopyData(run->conn, line, (int)strlen(line)) != 1)
            break;
    }
    PQputCopyEnd(run->conn, NULL);
}

static void copy_out(Run *run)
{
    char *buf;
    int n;
    while ((n = PQgetCopyData(run->conn, &buf, 0)) > 0) {
        fwrite(buf, 1, (size_t)n, run->out);
        PQfreemem(buf);
    }
}

static void print_result(Run *run, PGresult *r, char *line)
{
    switch (PQresultStatus(r)) {
    case PGRES_TUPLES_OK:
        print_rows(run->out, r);
        break;
    case PGRES_COMMAND_OK:
        fprintf(run->out, "%s\n", PQcmdStatus(r));
        break;
    case PGRES_COPY_IN:
        copy_in(run, line);
        break;
    case PGRES_COPY_OUT:
        copy_out(run);
        break;
    case PGRES_EMPTY_QUERY:
        fprintf(run->out, "(empty)\n");
        break;
    default:
        print_error(run->out, r);
    }
}

/* ---- one file ---- */

static bool answered(PGconn *conn, int ms)
{
    struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < ms; i++) {
        if (!PQconsumeInput(conn) || !PQisBusy(conn))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static void print_answer(Run *run, char *line)
{
    PGresult *r;
    while ((r = PQgetResult(run->conn))) {
        print_result(run, r, line);
        bool lost = PQstatus(run->conn) != CONNECTION_OK;
        PQclear(r);
        if (lost)
            break;
    }
}

static void put_copy_end(Run *run)
{
    PGresult *r;
    PQputCopyEnd(run->conn, NULL);
    while ((r = PQgetResult(run->conn))) {
        print_result(run, r, NULL);
        PQclear(r);
    }
}

/* "from | to": all bytes are held between the two. */
static void pipe_copy(Run *run, char *from)
{
    char *to = strstr(from, " | "), *bytes = NULL, *part;
    size_t len = 0;
    int n;
    if (!to)
        return;
    memset(to, 0, 3);
    PGresult *r = PQexec(run->conn, from);
    if (PQresultStatus(r) != PGRES_COPY_OUT)
        print_error(run->out, r);
    PQclear(r);
    while ((n = PQgetCopyData(run->conn, &part, 0)) > 0) {
        bytes = realloc(bytes, len + (size_t)n);
        if (!bytes)
            die("no memory");
        memcpy(bytes + len, part, (size_t)n);
        len += (size_t)n;
        PQfreemem(part);
    }
    while ((r = PQgetResult(run->conn)))
        PQclear(r);
    r = PQexec(run->conn, to + 3);
    bool ok = PQresultStatus(r) == PGRES_COPY_IN;
    if (!ok)
        print_error(run->out, r);
    PQclear(r);
    if (ok && PQputCopyData(run->conn, bytes, (int)len) == 1)
        put_copy_end(run);
    free(bytes);
}

static void statement(Run *run, const char *sql, char *line)
{
    static const char copy_word[] = "COPY";
    bool extended = run->extended && !run->keep_simple && strncasecmp(sql, copy_word, 4) != 0;
    fprintf(run->out, "%s\n", sql);
    int ok = extended ? PQsendQueryParams(run->conn, sql, 0, NULL, NULL, NULL, NULL, 0)
                      : PQsendQuery(run->conn, sql);
    if (!ok)
        fprintf(run->out, "CONNECTION: %s", PQerrorMessage(run->conn));
    if (ok && run->later && !answered(run->conn, LATER_MS))
        fprintf(run->out, "(waits)\n");
    else
        print_answer(run, line);
    run->later = false;
}

static void connect_to(Run *run)
{
    char info[128];
    snprintf(info, sizeof info, "host=127.0.0.1 port=%d user=skulk dbname=skulk connect_timeout=10",
             run->server->pg_port);
    PQfinish(run->conn);
    run->conn = PQconnectdb(info);
    if (PQstatus(run->conn) != CONNECTION_OK)
        fprintf(run->out, "CONNECTION: %s", PQerrorMessage(run->conn));
    PQsetNoticeReceiver(run->conn, on_notice, run->out);
}

/* ---- several sessions ---- */

static NamedSession *other_session(Run *run, const char *name)
{
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (run->others[i].conn && strcmp(run->others[i].name, name) == 0)
            return &run->others[i];
    return NULL;
}

static void switch_session(Run *run, const char *name)
{
    if (strcmp(run->name, name) == 0)
        return;
    NamedSession *to = other_session(run, name), mine = {.conn = run->conn};
    memcpy(mine.name, run->name, sizeof mine.name);
    for (int i = 0; !to && i < SESSIONS_MAX; i++)
        if (!run->others[i].conn)
            to = &run->others[i];
    if (!to) {
        fprintf(run->out, "too many sessions\n");
        return;
    }
    run->conn = to->conn;
    *to = mine;
    snprintf(run->name, sizeof run->name, "%s", name);
    if (!run->conn)
        connect_to(run);
}

static void wait_session(Run *run, const char *name, char *line)
{
    NamedSession *s = other_session(run, name);
    PGconn *mine = run->conn;
    if (s)
        run->conn = s->conn;
    if (answered(run->conn, WAIT_MS))
        print_answer(run, line);
    else
        fprintf(run->out, "no answer\n");
    run->conn = mine;
}

static void print_http(Run *run, int status, char *buf)
{
    char *body = strstr(buf, "\r\n\r\n");
    fprintf(run->out, "HTTP %d %s\n", status, body ? body + 4 : "");
}

static void directive(Run *run, char *line)
{
    static char buf[LINE_MAX_BYTES], body[LINE_MAX_BYTES];
    fprintf(run->out, "%s\n", line);
    bool ours = run->server->program != NULL;
    if (!ours && (strncmp(line, "\\get ", 5) == 0 || strcmp(line, "\\restart") == 0 ||
                  strcmp(line, "\\kill") == 0))
        return;
    if (strncmp(line, "\\write", 6) == 0) {
        char path[256];
        snprintf(path, sizeof path, "/write%s", line[6] == '?' ? line + 6 : "");
        body[0] = 0;
        size_t len = 0;
        while (next_line(run, line) && strcmp(line, "\\.") != 0)
            len += (size_t)snprintf(body + len, sizeof body - len, "%s\n", line);
        if (ours)
            print_http(run, http_request(run->server, "POST", path, body, buf, sizeof buf), buf);
    } else if (strncmp(line, "\\get ", 5) == 0) {
        print_http(run, http_request(run->server, "GET", line + 5, NULL, buf, sizeof buf), buf);
    } else if (strcmp(line, "\\restart") == 0 || strcmp(line, "\\kill") == 0) {
        int sig = line[1] == 'k' ? SIGKILL : SIGTERM;
        PQfinish(run->conn);
        run->conn = NULL;
        int status = server_stop(run->server, sig);
        if (sig == SIGTERM && status != 0)
            fprintf(run->out, "exit status %d\n", status);
        if (!server_start(run->server))
            fprintf(run->out, "server does not start\n");
        connect_to(run);
    } else if (strncmp(line, "\\pipe ", 6) == 0) {
        pipe_copy(run, line + 6);
    } else if (strcmp(line, "\\reconnect") == 0) {
        connect_to(run);
    } else if (strcmp(line, "\\extended off") == 0) {
        run->keep_simple = true;
    } else if (strncmp(line, "\\session ", 9) == 0) {
        switch_session(run, line + 9);
    } else if (strncmp(line, "\\wait ", 6) == 0) {
        memcpy(body, line + 6, strlen(line + 6) + 1);
        wait_session(run, body, line);
    } else if (strcmp(line, "\\later") == 0) {
        run->later = true;
    } else {
        fprintf(run->out, "unknown directive\n");
    }
}

static void run_file(Run *run)
{
    char *line = malloc(LINE_MAX_BYTES), *sql = calloc(1, LINE_MAX_BYTES);
    if (!line || !sql)
        die("no memory");
    size_t len = 0;
    snprintf(run->name, sizeof run->name, "main");
    connect_to(run);
    while (next_line(run, line)) {
        if (len == 0 && line[0] == '\\') {
            directive(run, line);
            continue;
        }
        if (len == 0 && (line[0] == 0 || strncmp(line, "--", 2) == 0)) {
            fprintf(run->out, "%s\n", line);
            continue;
        }
        len += (size_t)snprintf(sql + len, LINE_MAX_BYTES - len, "%s%s", len ? "\n" : "", line);
        size_t n = strlen(line);
        if (n && line[n - 1] == ';') {
            statement(run, sql, line);
            len = 0;
        }
    }
    PQfinish(run->conn);
    run->conn = NULL;
    for (int i = 0; i < SESSIONS_MAX; i++) {
        PQfinish(run->others[i].conn);
        run->others[i].conn = NULL;
    }
    free(line);
    free(sql);
}

static bool same_files(const char *a, const char *b)
{
    char cmd[4096];
    snprintf(cmd, sizeof cmd, "diff -u '%s' '%s'", a, b);
    return system(cmd) == 0;
}

static void copy_file(const char *from, const char *to)
{
    char cmd[4096];
    snprintf(cmd, sizeof cmd, "cp '%s' '%s'", from, to);
    if (system(cmd) != 0)
        die(to);
}

typedef struct Dirs {
    const char *program, *sql, *expected, *out;
    bool accept;
} Dirs;

static bool run_test(const Dirs *d, const char *name, bool extended)
{
    char in[1024], expected[1024], out[1024], cmd[1200];
    snprintf(in, sizeof in, "%s/%s.sql", d->sql, name);
    snprintf(expected, sizeof expected, "%s/%s.out", d->expected, name);
    snprintf(out, sizeof out, "%s/%s.%s.out", d->out, name, extended ? "extended" : "simple");
    Server s = {.program = d->program};
    snprintf(s.data, sizeof s.data, "%s/%s.data", d->out, name);
    snprintf(s.log, sizeof s.log, "%s/%s.log", d->out, name);
    snprintf(cmd, sizeof cmd, "rm -rf '%s' '%s'", s.data, s.log);
    if (system(cmd) != 0)
        die("rm");
    Run run = {.server = &s, .in = fopen(in, "r"), .out = fopen(out, "w"), .extended = extended};
    if (!run.in || !run.out)
        die(in);
    if (!server_start(&s)) {
        fprintf(stderr, "regress: server does not start, see %s\n", s.log);
        return false;
    }
    run_file(&run);
    fclose(run.in);
    fclose(run.out);
    int status = server_stop(&s, SIGTERM);
    if (status != 0)
        fprintf(stderr, "regress: %s: the server ended with status %d, see %s\n", name, status,
                s.log);
    if (d->accept && !extended)
        copy_file(out, expected);
    bool ok = same_files(expected, out) && status == 0;
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", s.data);
    if (ok && system(cmd) != 0) /* a failed one is left to be looked at */
        die("rm");
    return ok;
}

static int run_on(char **argv)
{
    Server s = {.pg_port = atoi(argv[0])};
    Run run = {.server = &s, .in = fopen(argv[1], "r"), .out = fopen(argv[2], "w")};
    if (!run.in || !run.out)
        die(argv[1]);
    run_file(&run);
    fclose(run.in);
    return fclose(run.out) ? 2 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--on") == 0)
        return run_on(argv + 2);
    if (argc < 6) {
        fprintf(stderr, "usage: regress SERVER SQL_DIR EXPECTED_DIR OUT_DIR SCHEDULE [--accept] "
                        "[--only NAME]\n");
        return 2;
    }
    Dirs d = {argv[1], argv[2], argv[3], argv[4], false};
    const char *only = NULL;
    for (int i = 6; i < argc; i++) {
        d.accept |= strcmp(argv[i], "--accept") == 0;
        if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
    }
    signal(SIGPIPE, SIG_IGN);
    mkdir(d.out, 0755);
    FILE *schedule = fopen(argv[5], "r");
    if (!schedule)
        die(argv[5]);
    int passed = 0, failed = 0;
    char line[256];
    while (fgets(line, sizeof line, schedule)) {
        line[strcspn(line, " #\n")] = 0;
        if (!line[0] || (only && strcmp(only, line) != 0))
            continue;
        for (int extended = 0; extended < 2; extended++) {
            bool ok = run_test(&d, line, extended);
            printf("%s %s (%s)\n", ok ? "ok" : "FAIL", line, extended ? "extended" : "simple");
            fflush(stdout);
            passed += ok;
            failed += !ok;
        }
    }
    fclose(schedule);
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}
