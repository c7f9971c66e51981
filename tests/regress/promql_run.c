/* tests/regress/promql_run.c - runs PromQL scripts against a fresh server over HTTP.
 *
 *   promql_run SERVER WORK_DIR FILE.test...
 *
 * The language is that of Prometheus' own tests, in short:
 *   load STEP                        then one series a line: NAME{label="v"} VALUES
 *                                    VALUES: 1 2 _ 0+10x3 (0 10 20 30) 5x2 (5 5 5) _x3
 *   eval instant at TIME EXPR        then what is expected, a line each, in any order
 *   eval range from A to B step S EXPR
 *     expect ordered | fail | fail msg: TEXT | warn | info | string TEXT | scalar NUMBER
 *     {label="v"} VALUES             the series; a number alone: a scalar
 *   clear                            an empty server
 * A load is written as line protocol: the metric is the measurement, its field is `value`; a name
 * of the form table/field goes to that field. */
#include "tests/regress/ports.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_TRIES = 600,
    START_PAUSE_US = 20000,
    LABELS_MAX = 32,
    POINTS_MAX = 4096,
    SERIES_MAX = 256
};
#define EPSILON 1e-6

typedef struct Label {
    char name[128], value[256];
} Label;

typedef struct Series {
    Label labels[LABELS_MAX];
    size_t label_count;
    double v[POINTS_MAX];
    bool has[POINTS_MAX];
    size_t count;
} Series;

typedef struct Case {
    char query[4096], fail_message[1024], string[1024];
    double at, start, end, step; /* seconds */
    bool range, fail, ordered, warn, info, is_string, is_scalar;
    double scalar;
    int line;
    size_t count;
} Case;

static Series expected[SERIES_MAX];
static const char *program, *work, *file;
static pid_t server;
static int port, failures, passed;
static char data[512];

static void die(const char *what)
{
    fprintf(stderr, "promql_run: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- the server ---- */

/* The body in *out (caller frees); the status, -1 without a connection. */
static int http(const char *method, const char *path, const char *body, char **out)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), status = -1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)port)};
    *out = NULL;
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) {
        close(fd);
        return -1;
    }
    dprintf(fd,
            "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
            "application/x-www-form-urlencoded\r\n"
            "Content-Length: %zu\r\n\r\n%s",
            method, path, strlen(body), body);
    size_t len = 0, cap = 1 << 20;
    char *buf = malloc(cap);
    ssize_t n;
    while ((n = read(fd, buf + len, cap - 1 - len)) > 0)
        if ((len += (size_t)n) + 1 == cap)
            buf = realloc(buf, cap *= 2);
    buf[len] = 0;
    close(fd);
    char *head_end = strstr(buf, "\r\n\r\n");
    if (head_end && sscanf(buf, "HTTP/1.%*d %d", &status) == 1)
        *out = strdup(head_end + 4);
    free(buf);
    return status;
}

static void server_stop(void)
{
    if (!server)
        return;
    char cmd[600];
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    server = 0;
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", data);
    if (system(cmd))
        die(cmd);
}

static void server_start(void)
{
    static int number;
    char log[600], *body;
    int pg;
    snprintf(data, sizeof data, "%s/data-%d-%d", work, (int)getpid(), number++);
    snprintf(log, sizeof log, "%s/promql.log", work);
    mkdir(work, 0755);
    long from = log_size(log);
    server = fork();
    if (server == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        dup2(fd, 2);
        execl(program, program, "--data-dir", data, "--pg-port", "0", "--http-port", "0",
              "--enable-feature",
              "promql-experimental-functions,promql-binop-fill-modifiers,promql-extended-range-"
              "selectors,promql-duration-expr",
              (char *)NULL);
        die(program);
    }
    for (int i = 0; i < START_TRIES; i++) {
        if (ports_of(log, from, &pg, &port)) {
            int status = http("GET", "/ready", "", &body);
            free(body);
            if (status == 200)
                return;
        }
        if (waitpid(server, NULL, WNOHANG) == server)
            break;
        usleep(START_PAUSE_US);
    }
    fprintf(stderr, "promql_run: the server does not start; see %s\n", log);
    exit(2);
}

/* ---- the language ---- */

static void bad(int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    exit(2);
}

static double seconds(const char *s)
{
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"ms", 0.001}, {"s", 1},      {"m", 60},      {"h", 3600},
                 {"d", 86400},  {"w", 604800}, {"y", 31536000}};
    double sum = 0;
    char *end;
    while (*s) {
        double n = strtod(s, &end), unit = 1;
        size_t len = 0;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (strncmp(end, units[i].unit, strlen(units[i].unit)) == 0 &&
                strlen(units[i].unit) > len) {
                unit = units[i].s;
                len = strlen(units[i].unit);
            }
        sum += n * unit;
        if (end == s)
            return NAN;
        s = end + len;
    }
    return sum;
}

static const char *quoted(const char *p, char *out, size_t size, int line)
{
    size_t n = 0;
    char quote = *p++;
    while (*p && *p != quote && n + 1 < size) {
        if (*p == '\\' && p[1])
            p++;
        out[n++] = *p++;
    }
    out[n] = 0;
    if (*p != quote)
        bad(line, "a quote is missing");
    return p + 1;
}

static const char *word(const char *p, char *out, size_t size)
{
    size_t n = 0;
    while (*p && !strchr(" \t{}=,", *p) && n + 1 < size)
        out[n++] = *p++;
    out[n] = 0;
    return p;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Label *)a)->name, ((const Label *)b)->name);
}

static const char *parse_labels(const char *p, Series *s, int line)
{
    char name[128];
    s->label_count = 0;
    p = word(p, name, sizeof name);
    if (name[0]) {
        snprintf(s->labels[0].name, sizeof s->labels[0].name, "__name__");
        snprintf(s->labels[s->label_count++].value, sizeof s->labels[0].value, "%s", name);
    }
    if (*p != '{')
        return p;
    for (p++; *p != '}';) {
        Label *l = &s->labels[s->label_count++];
        while (*p == ' ' || *p == ',')
            p++;
        p = *p == '"' ? quoted(p, l->name, sizeof l->name, line) : word(p, l->name, sizeof l->name);
        if (*p != '=' || (p[1] != '"' && p[1] != '\''))
            bad(line, "label=\"value\" is needed");
        p = quoted(p + 1, l->value, sizeof l->value, line);
        while (*p == ' ' || *p == ',')
            p++;
        if (!*p || s->label_count == LABELS_MAX)
            bad(line, "bad labels");
    }
    qsort(s->labels, s->label_count, sizeof *s->labels, by_name);
    return p + 1;
}

static void put_value(Series *s, bool has, double v, int line)
{
    if (s->count == POINTS_MAX)
        bad(line, "too many values");
    s->has[s->count] = has;
    s->v[s->count++] = v;
}

static void parse_values(const char *p, Series *s, int line)
{
    s->count = 0;
    while (*(p += strspn(p, " \t"))) {
        char *end;
        if (*p == '_') {
            long n = 1;
            if (*++p == 'x') {
                n = strtol(p + 1, &end, 10);
                p = end;
            }
            while (n-- > 0)
                put_value(s, false, 0, line);
            continue;
        }
        double v = strtod(p, &end), step = 0;
        if (end == p)
            bad(line, "bad value");
        p = end;
        if (*p == '+' || *p == '-') {
            step = strtod(p, &end);
            p = end;
        }
        long times = *p == 'x' ? strtol(p + 1, &end, 10) : 0;
        p = *p == 'x' ? end : p;
        for (long i = 0; i <= times; i++, v += step)
            put_value(s, true, v, line);
    }
}

/* ---- writing ---- */

static void put_escaped(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (strchr(", =\\", *s))
            fputc('\\', f);
        fputc(*s, f);
    }
}

static void write_series(FILE *f, const Series *s, double step)
{
    char table[256] = "";
    const char *field = "value";
    for (size_t i = 0; i < s->label_count; i++)
        if (strcmp(s->labels[i].name, "__name__") == 0)
            snprintf(table, sizeof table, "%s", s->labels[i].value);
    char *slash = strchr(table, '/');
    if (slash) {
        *slash = 0;
        field = slash + 1;
    }
    for (size_t k = 0; k < s->count; k++) {
        if (!s->has[k])
            continue;
        put_escaped(f, table);
        for (size_t i = 0; i < s->label_count; i++) {
            if (strcmp(s->labels[i].name, "__name__") == 0 || !s->labels[i].value[0])
                continue;
            fputc(',', f);
            put_escaped(f, s->labels[i].name);
            fputc('=', f);
            put_escaped(f, s->labels[i].value);
        }
        fprintf(f, " %s=%.17g %.0f\n", field, s->v[k], (double)k * step * 1000);
    }
}

static void post(char *lines, int line)
{
    char *answer;
    int status = http("POST", "/write?precision=ms", lines, &answer);
    if (status != 204) {
        fprintf(stderr, "%s:%d: load answered %d %s\n", file, line, status, answer ? answer : "");
        exit(2);
    }
    free(answer);
}

/* ---- asking and comparing ---- */

static void put_encoded(FILE *f, const char *name, const char *value)
{
    fprintf(f, "%s=", name);
    for (; *value; value++) {
        bool plain = (*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z') ||
                     (*value >= '0' && *value <= '9');
        fprintf(f, plain ? "%c" : "%%%02X", (unsigned char)*value);
    }
    fputc('&', f);
}

static json_t *ask(const Case *c, int *status)
{
    char *body, *answer;
    size_t size;
    FILE *f = open_memstream(&body, &size);
    put_encoded(f, "query", c->query);
    if (c->range)
        fprintf(f, "start=%.3f&end=%.3f&step=%.3f", c->start, c->end, c->step);
    else
        fprintf(f, "time=%.3f", c->at);
    fclose(f);
    *status = http("POST", c->range ? "/api/v1/query_range" : "/api/v1/query", body, &answer);
    json_t *doc = answer ? json_loads(answer, 0, NULL) : NULL;
    free(body);
    free(answer);
    return doc;
}

static bool fail(const Case *c, const char *what, json_t *doc)
{
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    printf("FAIL %s:%d %s\n     %s; got %.600s\n", file, c->line, c->query, what,
           text ? text : "nothing");
    free(text);
    failures++;
    return false;
}

static bool close_to(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (a == b)
        return true;
    return fabs(a - b) / (fabs(a) + fabs(b)) < EPSILON;
}

static double number(const json_t *v)
{
    const char *s = json_string_value(v);
    return s ? strtod(s, NULL) : NAN;
}

static bool same_labels(const Series *s, const json_t *metric)
{
    size_t n = 0;
    for (size_t i = 0; i < s->label_count; i++) {
        if (!s->labels[i].value[0])
            continue;
        const char *v = json_string_value(json_object_get(metric, s->labels[i].name));
        if (!v || strcmp(v, s->labels[i].value) != 0)
            return false;
        n++;
    }
    return n == json_object_size(metric);
}

static bool same_points(const Case *c, const Series *s, const json_t *got)
{
    const json_t *values = json_object_get(got, "values");
    size_t at = 0;
    if (!values)
        return s->count == 1 &&
               close_to(s->v[0], number(json_array_get(json_object_get(got, "value"), 1)));
    for (size_t i = 0; i < s->count; i++) {
        if (!s->has[i])
            continue;
        const json_t *p = json_array_get(values, at++);
        double t = json_number_value(json_array_get(p, 0));
        if (!p || fabs(t - (c->start + (double)i * c->step)) > 1e-6 ||
            !close_to(s->v[i], number(json_array_get(p, 1))))
            return false;
    }
    return at == json_array_size(values);
}

static bool compare_series(const Case *c, json_t *doc, const json_t *result)
{
    if (json_array_size(result) != c->count)
        return fail(c, "another number of series", doc);
    for (size_t i = 0; i < c->count; i++) {
        const json_t *got = NULL;
        for (size_t k = 0; k < c->count && !got; k++) {
            const json_t *one = json_array_get(result, c->ordered ? i : k);
            if (same_labels(&expected[i], json_object_get(one, "metric")))
                got = one;
        }
        if (!got)
            return fail(c, c->ordered ? "another order" : "a series is missing", doc);
        if (!same_points(c, &expected[i], got))
            return fail(c, "other values", doc);
    }
    return true;
}

static bool compare_one(const Case *c, json_t *doc, const char *type, const json_t *result)
{
    if (c->is_string) {
        const char *s = json_string_value(json_array_get(result, 1));
        return (strcmp(type, "string") == 0 && s && strcmp(s, c->string) == 0) ||
               fail(c, "another string", doc);
    }
    return (strcmp(type, "scalar") == 0 &&
            close_to(c->scalar, number(json_array_get(result, 1)))) ||
           fail(c, "another scalar", doc);
}

static bool compare(const Case *c, int status, json_t *doc)
{
    const char *message = json_string_value(json_object_get(doc, "error"));
    if (c->fail) {
        if (status != 400 && status != 422)
            return fail(c, "an error was expected", doc);
        return !c->fail_message[0] || (message && strstr(message, c->fail_message)) ||
               fail(c, "another error", doc);
    }
    if (status != 200)
        return fail(c, "no success", doc);
    const json_t *answer = json_object_get(doc, "data"),
                 *result = json_object_get(answer, "result");
    const char *type = json_string_value(json_object_get(answer, "resultType"));
    if (c->warn != (json_object_get(doc, "warnings") != NULL))
        return fail(c, c->warn ? "a warning was expected" : "no warning was expected", doc);
    if (c->info && !json_object_get(doc, "infos"))
        return fail(c, "an info was expected", doc);
    if (c->is_string || c->is_scalar)
        return compare_one(c, doc, type, result);
    return compare_series(c, doc, result);
}

static void run_case(const Case *c)
{
    int status;
    json_t *doc = ask(c, &status);
    passed += compare(c, status, doc);
    json_decref(doc);
}

/* ---- scripts ---- */

static void parse_head(Case *c, char *p, int line)
{
    char a[64], b[64], s[64];
    int used = 0;
    *c = (Case){.line = line};
    if (sscanf(p, "eval instant at %63s %n", a, &used) == 1 && used) {
        c->at = c->start = seconds(a);
        c->step = 1;
    } else if (sscanf(p, "eval range from %63s to %63s step %63s %n", a, b, s, &used) == 3 &&
               used) {
        c->range = true;
        c->start = seconds(a);
        c->end = seconds(b);
        c->step = seconds(s);
    } else {
        bad(line, "eval instant at T EXPR or eval range from A to B step S EXPR");
    }
    snprintf(c->query, sizeof c->query, "%s", p + used);
}

static void parse_expectation(Case *c, const char *p, int line)
{
    char *end;
    double v = strtod(p, &end);
    if (strcmp(p, "expect ordered") == 0) {
        c->ordered = true;
    } else if (strcmp(p, "expect warn") == 0) {
        c->warn = true;
    } else if (strcmp(p, "expect info") == 0) {
        c->info = true;
    } else if (strncmp(p, "expect fail", 11) == 0) {
        c->fail = true;
        if (strncmp(p + 11, " msg: ", 6) == 0)
            snprintf(c->fail_message, sizeof c->fail_message, "%s", p + 17);
    } else if (strncmp(p, "expect string ", 14) == 0) {
        c->is_string = true;
        quoted(p + 14, c->string, sizeof c->string, line);
    } else if (end != p && *end == 0) {
        c->is_scalar = true;
        c->scalar = v;
    } else if (c->count == SERIES_MAX) {
        bad(line, "too many series");
    } else {
        Series *s = &expected[c->count++];
        parse_values(parse_labels(p, s, line), s, line);
    }
}

typedef struct Script {
    Case c;
    bool in_case, in_load;
    double step;
    char *lines;
    size_t size;
    FILE *load;
    int load_line;
} Script;

static void block_end(Script *s)
{
    if (s->in_load) {
        fclose(s->load);
        post(s->lines, s->load_line);
        free(s->lines);
    }
    if (s->in_case)
        run_case(&s->c);
    s->in_case = s->in_load = false;
}

static void script_line(Script *s, char *p, int line)
{
    static Series one;
    if (!*p) {
        block_end(s);
    } else if (strcmp(p, "clear") == 0) {
        block_end(s);
        server_stop();
        server_start();
    } else if (strncmp(p, "load ", 5) == 0) {
        block_end(s);
        s->in_load = true;
        s->load_line = line;
        s->step = seconds(p + 5);
        s->load = open_memstream(&s->lines, &s->size);
    } else if (strncmp(p, "eval ", 5) == 0) {
        block_end(s);
        s->in_case = true;
        parse_head(&s->c, p, line);
    } else if (s->in_load) {
        parse_values(parse_labels(p, &one, line), &one, line);
        write_series(s->load, &one, s->step);
    } else if (s->in_case) {
        parse_expectation(&s->c, p, line);
    } else {
        bad(line, "load, eval or clear is needed");
    }
}

static void run_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    ssize_t n;
    Script s = {0};
    const char *slash = strrchr(path, '/');
    file = slash ? slash + 1 : path;
    if (!f)
        die(path);
    server_start();
    for (int line = 1; (n = getline(&text, &size, f)) >= 0; line++) {
        while (n > 0 && strchr(" \t\r\n", text[n - 1]))
            text[--n] = 0;
        char *p = text + strspn(text, " \t");
        if (*p != '#')
            script_line(&s, p, line);
    }
    block_end(&s);
    server_stop();
    free(text);
    fclose(f);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: promql_run SERVER WORK_DIR FILE.test...\n");
        return 2;
    }
    program = argv[1];
    work = argv[2];
    signal(SIGPIPE, SIG_IGN);
    atexit(server_stop);
    for (int i = 3; i < argc; i++)
        run_file(argv[i]);
    printf("promql: %d passed, %d failed\n", passed, failures);
    return failures != 0;
}
