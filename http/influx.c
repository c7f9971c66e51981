/* http/influx.c - what InfluxDB clients ask besides /write: /ping, /health, /ready, /query. */
#include "http/http_private.h"

#define INFLUX_VERSION "1.8.10" /* the dialect of /write; clients compare it */

void http_influx_headers(HttpCall *c)
{
    const Clock *clock = c->server->options.clock;
    uint64_t id = clock->random(clock);
    http_header(c, "X-Influxdb-Version", INFLUX_VERSION);
    http_header(c, "X-Influxdb-Build", "Alopex Skulk " SKULK_VERSION);
    http_header(c, "Request-Id", "%016llx", (unsigned long long)id);
    http_header(c, "X-Request-Id", "%016llx", (unsigned long long)id);
}

CallStatus http_run_ping(HttpCall *c)
{
    http_influx_headers(c);
    Slice verbose = http_param(c, "verbose");
    if (verbose.len == 0 || slice_eq_cstr(verbose, "false") || slice_eq_cstr(verbose, "0"))
        return http_reply(c, 204, NULL);
    buf_puts(&c->reply, "{\"version\":\"" INFLUX_VERSION "\",\"skulk\":\"" SKULK_VERSION "\"}\n");
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_health(HttpCall *c)
{
    Err e;
    err_clear(&e);
    const char *message = "ready for queries and writes", *status = "pass";
    if (!c->db) {
        message = "the database is being opened";
        status = "fail";
    } else if (!engine_writable(db_engine(c->db), &e)) { /* it still answers queries */
        message = e.message;
        status = "warn";
    }
    buf_puts(&c->reply, "{\"name\":\"alopex-skulk\",\"message\":");
    buf_put_json(&c->reply, slice_cstr(message));
    buf_printf(&c->reply, ",\"status\":\"%s\",\"checks\":[],\"version\":\"" SKULK_VERSION "\"}\n",
               status);
    if (!c->db)
        http_header(c, "Retry-After", "5");
    return http_reply(c, c->db ? 200 : 503, "application/json");
}

CallStatus http_run_ready(HttpCall *c)
{
    const Clock *clock = c->server->options.clock;
    if (!c->db) {
        buf_puts(&c->reply,
                 "{\"status\":\"starting\",\"reason\":\"the database is being opened\"}\n");
        http_header(c, "Retry-After", "1");
        return http_reply(c, 503, "application/json");
    }
    char started[40];
    size_t n = clock_rfc3339(started, c->server->started_ns);
    buf_printf(&c->reply, "{\"status\":\"ready\",\"started\":\"%.*s\",\"up_s\":%lld}\n", (int)n,
               started, (long long)((clock->wall_ns(clock) - c->server->started_ns) / NS_PER_S));
    return http_reply(c, 200, "application/json");
}

CallStatus http_run_root(HttpCall *c)
{
    buf_puts(&c->reply, "Alopex Skulk " SKULK_VERSION "\n\n");
    for (size_t i = 0; i < c->server->route_count; i++) {
        const HttpRoute *r = &c->server->routes[i];
        char methods[HTTP_METHODS_TEXT];
        buf_printf(&c->reply, "%-15s %-34s %s\n", http_methods(r->methods, methods), r->path,
                   r->text);
    }
    return http_reply(c, 200, "text/plain; charset=utf-8");
}

/* ---- /query: what clients of InfluxDB say before they write; retention policies are SQL here as well ---- */
typedef struct InfluxQuery { /* HttpCall.state */
    const char *p, *end;
    const char *begin; /* of the statement */
    int id;
    Slice database; /* where the statement's SQL runs */
    InfluxForm form;
    InfluxJob *job;
    size_t answer; /* where it begins in the reply */
} InfluxQuery;

static void query_cleanup(HttpCall *c)
{
    InfluxQuery *q = c->state;
    influx_close(q->job);
    q->job = NULL;
}

static void skip_blanks(InfluxQuery *q)
{
    while (q->p < q->end && (*q->p == ' ' || *q->p == '\t' || *q->p == '\n' || *q->p == '\r'))
        q->p++;
}

/* A bare word, or one in double quotes with \" inside. */
static bool next_word(InfluxQuery *q, Arena *a, Slice *out)
{
    skip_blanks(q);
    if (q->p == q->end || *q->p == ';')
        return false;
    char *dst = arena_alloc(a, (size_t)(q->end - q->p) + 1);
    size_t n = 0;
    bool quoted = *q->p == '"';
    for (q->p += quoted; q->p < q->end; q->p++) {
        if (quoted ? *q->p == '"' : !*q->p || strchr(" \t\r\n;,()=", *q->p))
            break;
        if (quoted && *q->p == '\\' && q->end - q->p > 1)
            q->p++;
        dst[n++] = *q->p;
    }
    if (quoted ? q->p == q->end : n == 0)
        return false;
    q->p += quoted;
    *out = (Slice){dst, n};
    return true;
}

static bool word_is(InfluxQuery *q, Arena *a, const char *keyword)
{
    InfluxQuery before = *q;
    Slice s;
    if (next_word(q, a, &s) && slice_eq_nocase(s, slice_cstr(keyword)))
        return true;
    *q = before;
    return false;
}

static bool words_are(InfluxQuery *q, Arena *a, const char *const *words)
{
    InfluxQuery before = *q;
    size_t i = 0;
    while (words[i] && word_is(q, a, words[i]))
        i++;
    if (words[i])
        *q = before;
    return !words[i];
}

/* Names keep their case in InfluxQL; in SQL they need quotes for that. */
static void put_name(Buf *sql, Slice name)
{
    buf_put_u8(sql, ' ');
    buf_put_quoted(sql, '"', name);
}

static bool is_database(const HttpCall *c, Slice name)
{
    CatalogSnap *cat = engine_catalog(db_engine(c->db));
    size_t n = cat_database_count(cat), i = 0;
    while (i < n && !slice_eq(cat_database_at(cat, i)->name, name))
        i++;
    cat_unref(cat);
    return i < n;
}

/* The rest of the statement. */
static void put_rest(Buf *sql, InfluxQuery *q)
{
    const char *begin = q->p;
    while (q->p < q->end && *q->p != ';')
        q->p++;
    buf_printf(sql, " %.*s", (int)(q->p - begin), begin);
}

/* WITH [DURATION d] [REPLICATION n] [SHARD DURATION d] [NAME p]: the database's first policy.  What is there
 * already is not changed: the statement must say the same of it. */
static bool database_policy(HttpCall *c, InfluxQuery *q, Slice database, Buf *sql, Err *e)
{
    Slice word, name = SLICE_NONE, before = SLICE_NONE;
    bool lasts = false; /* the text says how long */
    Buf options;
    buf_init(&options);
    while (next_word(q, &c->arena, &word)) {
        if (slice_eq_nocase(word, SLICE_LIT("NAME")))
            (void)!next_word(q, &c->arena, &name);
        else
            buf_printf(&options, " %.*s", SLICE_ARG(word));
        lasts |= slice_eq_nocase(word, SLICE_LIT("DURATION")) &&
                 !slice_eq_nocase(before, SLICE_LIT("SHARD"));
        before = word;
    }
    bool is_new = !name.len && !is_database(c, database);
    buf_puts(sql, is_new ? "ALTER RETENTION POLICY" : "CREATE RETENTION POLICY");
    put_name(sql, name.len ? name : SLICE_LIT("autogen"));
    buf_puts(sql, " ON");
    put_name(sql, database);
    if (!is_new && !lasts)
        buf_puts(sql, " DURATION INF");
    buf_put_slice(sql, buf_slice(&options));
    buf_puts(sql, name.len ? " DEFAULT" : "");
    bool empty = !name.len && !options.len;
    buf_free(&options);
    return !empty || err_set(e, ERR_SYNTAX, "nothing stands behind WITH");
}

static bool create_database(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    Slice name;
    if (!next_word(q, &c->arena, &name))
        return err_set(e, ERR_SYNTAX, "CREATE DATABASE needs a name");
    if (word_is(q, &c->arena, "WITH") && !database_policy(c, q, name, sql, e))
        return false;
    return db_create_database(c->db, c->rights, name, e);
}

static bool show_databases(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    (void)q, (void)sql, (void)e;
    Buf *out = &c->reply;
    CatalogSnap *cat = engine_catalog(db_engine(c->db));
    buf_puts(out, ",\"series\":[{\"name\":\"databases\",\"columns\":[\"name\"],\"values\":[");
    for (size_t i = 0; i < cat_database_count(cat); i++) {
        buf_puts(out, i ? ",[" : "[");
        buf_put_json(out, cat_database_at(cat, i)->name);
        buf_puts(out, "]");
    }
    buf_puts(out, "]}]");
    cat_unref(cat);
    return true;
}

/* name ON database ... */
static bool policy(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    Slice name, database;
    if (!next_word(q, &c->arena, &name) || !word_is(q, &c->arena, "ON") ||
        !next_word(q, &c->arena, &database))
        return err_set(e, ERR_SYNTAX, "a retention policy is named as NAME ON DATABASE");
    put_name(sql, name);
    buf_puts(sql, " ON");
    put_name(sql, database);
    put_rest(sql, q);
    return true;
}

static bool create_policy(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    buf_puts(sql, "CREATE RETENTION POLICY");
    return policy(c, q, sql, e);
}

static bool alter_policy(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    buf_puts(sql, "ALTER RETENTION POLICY");
    return policy(c, q, sql, e);
}

static bool drop_policy(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    buf_puts(sql, "DROP RETENTION POLICY");
    return policy(c, q, sql, e);
}

static bool show_policies(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    Slice database = http_param(c, "db");
    if (word_is(q, &c->arena, "ON") && !next_word(q, &c->arena, &database))
        return err_set(e, ERR_SYNTAX, "SHOW RETENTION POLICIES ON needs a name");
    if (!database.len)
        return err_set(e, ERR_DATABASE_NAME, "database name required");
    if (!is_database(c, database))
        return err_set(e, ERR_DATABASE_NAME, "database not found: %.*s", SLICE_ARG(database));
    buf_puts(sql, "SHOW RETENTION POLICIES ON");
    put_name(sql, database);
    put_rest(sql, q);
    return true;
}

/* ---- what there is: the views of SQL tell it ---- */
static bool sign_is(InfluxQuery *q, char sign)
{
    skip_blanks(q);
    bool is = q->p < q->end && *q->p == sign;
    q->p += is;
    return is;
}

/* name, ... as a list of literals */
static bool put_names(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    Slice name;
    const char *before = "(";
    do {
        if (!next_word(q, &c->arena, &name) || *name.ptr == '/')
            return err_set(e, ERR_SYNTAX, "a name is needed; regular expressions are not taken");
        buf_puts(sql, before);
        buf_put_quoted(sql, '\'', name);
        before = ",";
    } while (sign_is(q, ','));
    buf_puts(sql, ")");
    return true;
}

/* [ON database], and that it is there. */
static bool on_database(HttpCall *c, InfluxQuery *q, Err *e)
{
    q->database = http_param(c, "db");
    if (word_is(q, &c->arena, "ON") && !next_word(q, &c->arena, &q->database))
        return err_set(e, ERR_SYNTAX, "ON needs the name of a database");
    if (!q->database.len)
        return err_set(e, ERR_DATABASE_NAME, "database name required");
    return is_database(c, q->database) ||
           err_set(e, ERR_DATABASE_NAME, "database not found: %.*s", SLICE_ARG(q->database));
}

/* The tables that are measurements, of those behind FROM. */
#define MEASUREMENTS                                                                               \
    "(SELECT table_name FROM skulk.tables WHERE schema_name = 'public' AND kind = 'time series' "  \
    "AND has_table_privilege(format('%I.%I', schema_name, table_name), 'SELECT'))"

/* /pattern/ as a literal; a slash inside of it has a backslash before it. */
static bool put_pattern(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    if (!sign_is(q, '/'))
        return err_set(e, ERR_SYNTAX, "a regular expression stands between slashes");
    char *text = arena_alloc(&c->arena, (size_t)(q->end - q->p) + 1);
    size_t n = 0;
    for (; q->p < q->end && *q->p != '/'; text[n++] = *q->p++)
        if (*q->p == '\\' && q->end - q->p > 1) {
            if (q->p[1] != '/')
                text[n++] = '\\';
            q->p++;
        }
    if (q->p++ >= q->end)
        return err_set(e, ERR_SYNTAX, "a regular expression does not end");
    buf_put_quoted(sql, '\'', slice_of(text, n));
    return true;
}

/* = name, != 'text', =~ /pattern/, !~ /pattern/; behind what is compared. */
static bool compare(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    bool differs = sign_is(q, '!'), equal = sign_is(q, '='), regex = sign_is(q, '~');
    if (!differs && !equal && sign_is(q, '<') && q->p < q->end && *q->p == '>') {
        q->p++;
        differs = equal = true;
    }
    if (regex) {
        buf_puts(sql, differs ? " !~ " : " ~ ");
        return put_pattern(c, q, sql, e);
    }
    Slice text;
    skip_blanks(q);
    bool string = q->p < q->end && *q->p == '\'';
    const char *end = string ? memchr(q->p + 1, '\'', (size_t)(q->end - q->p) - 1) : NULL;
    if (end) {
        text = slice_of(q->p + 1, (size_t)(end - q->p) - 1);
        q->p = end + 1;
    } else if (string || !equal || !next_word(q, &c->arena, &text)) {
        return err_set(e, ERR_SYNTAX, "expected =, !=, =~ or !~ and a name or regular expression");
    }
    buf_puts(sql, differs ? " <> " : " = ");
    buf_put_quoted(sql, '\'', text);
    return true;
}

static bool from(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    buf_puts(sql, " WHERE table_name IN " MEASUREMENTS);
    if (!word_is(q, &c->arena, "FROM"))
        return true;
    skip_blanks(q);
    bool pattern = q->p < q->end && *q->p == '/';
    buf_puts(sql, pattern ? " AND table_name ~ " : " AND table_name IN ");
    return pattern ? put_pattern(c, q, sql, e) : put_names(c, q, sql, e);
}

/* WHERE tag = 'value' AND ...: of the tags of a series; one that it does not have is the empty text. */
static bool where_tags(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    int depth = 0;
    Slice name;
    if (!word_is(q, &c->arena, "WHERE"))
        return true;
    buf_puts(sql, " AND (");
    for (;;) {
        for (; sign_is(q, '('); depth++)
            buf_puts(sql, "(");
        if (!next_word(q, &c->arena, &name) || slice_eq_nocase(name, SLICE_LIT("time")))
            return err_set(e, ERR_SYNTAX, "WHERE compares tags here");
        buf_puts(sql, "coalesce(s.tags->>");
        buf_put_quoted(sql, '\'', name);
        buf_puts(sql, ", '')");
        if (!compare(c, q, sql, e))
            return false;
        for (; depth && sign_is(q, ')'); depth--)
            buf_puts(sql, ")");
        if (word_is(q, &c->arena, "AND"))
            buf_puts(sql, " AND ");
        else if (word_is(q, &c->arena, "OR"))
            buf_puts(sql, " OR ");
        else
            break;
    }
    buf_puts(sql, ")");
    return !depth || err_set(e, ERR_SYNTAX, "expected )");
}

/* LIMIT n, OFFSET n: rows of each series. */
static bool limits(HttpCall *c, InfluxQuery *q, Err *e)
{
    for (;;) {
        bool limit = word_is(q, &c->arena, "LIMIT");
        Slice text;
        int64_t n;
        if (!limit && !word_is(q, &c->arena, "OFFSET"))
            return true;
        if (!next_word(q, &c->arena, &text) || !slice_to_i64(text, &n) || n < 0)
            return err_set(e, ERR_SYNTAX, "%s needs a number", limit ? "LIMIT" : "OFFSET");
        *(limit ? &q->form.rows.limit : &q->form.rows.offset) = limit && !n ? -1 : n;
    }
}

static bool show_measurements(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    q->form.name = "measurements";
    static const char *const with[] = {"WITH", "MEASUREMENT", NULL};
    buf_puts(sql, "SELECT table_name AS name FROM " MEASUREMENTS " AS m");
    bool ok = on_database(c, q, e);
    if (ok && words_are(q, &c->arena, with)) {
        buf_puts(sql, " WHERE table_name");
        ok = compare(c, q, sql, e);
    }
    buf_puts(sql, " ORDER BY 1");
    return ok;
}

static bool show_tag_keys(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    q->form.by_name = true;
    buf_puts(sql, "SELECT DISTINCT table_name, tag AS \"tagKey\" FROM skulk.tag_cardinality");
    bool ok = on_database(c, q, e) && from(c, q, sql, e);
    buf_puts(sql, " AND tag IS NOT NULL ORDER BY 1, 2");
    return ok;
}

static bool show_field_keys(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    q->form.by_name = true;
    buf_puts(sql, "SELECT table_name, column_name AS \"fieldKey\", CASE "
                  "WHEN data_type IN ('double precision', 'real') THEN 'float' "
                  "WHEN data_type IN ('bigint', 'integer', 'smallint') THEN 'integer' "
                  "WHEN data_type = 'numeric' THEN 'unsigned' "
                  "WHEN data_type = 'boolean' THEN 'boolean' ELSE 'string' END AS \"fieldType\" "
                  "FROM information_schema.columns");
    bool ok = on_database(c, q, e) && from(c, q, sql, e);
    buf_puts(sql, " AND table_schema = 'public' AND data_type NOT LIKE 'timestamp%' "
                  "AND (table_name, column_name) NOT IN (SELECT table_name, tag FROM "
                  "skulk.tag_cardinality WHERE tag IS NOT NULL) ORDER BY 1, 2");
    return ok;
}

/* WITH KEY = name | IN (name, ...) */
static bool with_key(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    static const char *const words[] = {"WITH", "KEY", NULL};
    bool known = words_are(q, &c->arena, words);
    if (known && word_is(q, &c->arena, "IN") && sign_is(q, '(')) {
        buf_puts(sql, " AND t.key IN ");
        return put_names(c, q, sql, e) &&
               (sign_is(q, ')') || err_set(e, ERR_SYNTAX, "expected ) behind the keys"));
    }
    buf_puts(sql, " AND t.key");
    return known ? compare(c, q, sql, e)
                 : err_set(
                       e, ERR_SYNTAX,
                       "SHOW TAG VALUES needs WITH KEY = \"name\" or WITH KEY IN (\"name\", ...)");
}

static bool show_tag_values(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    q->form.by_name = true;
    buf_puts(sql, "SELECT DISTINCT table_name, t.key, t.value FROM skulk.series AS s, "
                  "jsonb_each_text(s.tags) AS t");
    bool ok = on_database(c, q, e) && from(c, q, sql, e) && with_key(c, q, sql, e) &&
              where_tags(c, q, sql, e);
    buf_puts(sql, " ORDER BY 1, 2, 3");
    return ok;
}

#define ESCAPED(text) "replace(replace(replace(" text ", ',', '\\,'), ' ', '\\ '), '=', '\\=')"

static bool show_series(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    buf_puts(sql,
             "SELECT DISTINCT replace(replace(table_name, ',', '\\,'), ' ', '\\ ') || coalesce("
             "(SELECT string_agg(',' || " ESCAPED("t.key") " || '=' || " ESCAPED(
                 "t.value") ", '' ORDER BY t.key) FROM jsonb_each_text(s.tags) AS t), '') AS key "
                            "FROM skulk.series AS s");
    bool ok = on_database(c, q, e) && from(c, q, sql, e) && where_tags(c, q, sql, e);
    buf_puts(sql, " ORDER BY 1");
    return ok;
}

/* Those over points: the session knows the measurements. */
static bool points(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e)
{
    q->database = http_param(c, "db");
    if (!q->database.len)
        return err_set(e, ERR_DATABASE_NAME, "database name required");
    q->p = q->begin;
    return influx_statement(c->db, c->rights, q->database, http_param(c, "rp"), &c->arena, &q->p,
                            q->end, sql, &q->form, e);
}

/* Writes its answer, or the SQL that does what it says. */
static const struct {
    const char *words[4];
    bool (*run)(HttpCall *c, InfluxQuery *q, Buf *sql, Err *e);
} statements[] = {
    {{"CREATE", "DATABASE"}, create_database},
    {{"SHOW", "DATABASES"}, show_databases},
    {{"CREATE", "RETENTION", "POLICY"}, create_policy},
    {{"ALTER", "RETENTION", "POLICY"}, alter_policy},
    {{"DROP", "RETENTION", "POLICY"}, drop_policy},
    {{"SHOW", "RETENTION", "POLICIES"}, show_policies},
    {{"SHOW", "MEASUREMENTS"}, show_measurements},
    {{"SHOW", "TAG", "KEYS"}, show_tag_keys},
    {{"SHOW", "TAG", "VALUES"}, show_tag_values},
    {{"SHOW", "FIELD", "KEYS"}, show_field_keys},
    {{"SHOW", "SERIES"}, show_series},
    {{"SELECT"}, points},
    {{"DELETE"}, points},
    {{"DROP", "SERIES"}, points},
    {{"DROP", "MEASUREMENT"}, points},
};

/* epoch=: how times are told, by the names that precision= has; missing: as texts. */
static bool epoch_unit(HttpCall *c, int64_t *unit_ns, Err *e)
{
    Slice text = http_param(c, "epoch");
    IngPrecision p;
    if (text.len && !ing_precision(text, REPLY_INFLUX1, &p, e))
        return err_set(e, ERR_SYNTAX, "epoch is ns, u, ms, s, m or h");
    *unit_ns = text.len ? ing_precision_ns(p) : 0;
    return true;
}

static bool begin_statement(HttpCall *c, InfluxQuery *q, Err *e)
{
    const Clock *clock = c->server->options.clock;
    size_t i = 0;
    q->begin = q->p;
    while (i < ARRAY_LEN(statements) && !words_are(q, &c->arena, statements[i].words))
        i++;
    if (i == ARRAY_LEN(statements))
        return err_set(
            e, ERR_SYNTAX,
            "only SELECT, DELETE, DROP SERIES, DROP MEASUREMENT, CREATE DATABASE, CREATE, "
            "ALTER, DROP RETENTION POLICY and SHOW DATABASES, RETENTION POLICIES, "
            "MEASUREMENTS, TAG KEYS, TAG VALUES, FIELD KEYS, SERIES are understood "
            "here; ask in SQL on the PostgreSQL port, or in PromQL at /api/v1/query");
    Buf sql;
    buf_init(&sql);
    q->database = SLICE_LIT("skulk");
    q->form = (InfluxForm){.rows = {.limit = -1, .slimit = -1}, .now_ns = clock->wall_ns(clock)};
    bool ok =
        epoch_unit(c, &q->form.unit_ns, e) && statements[i].run(c, q, &sql, e) && limits(c, q, e);
    skip_blanks(q);
    if (ok && q->p < q->end && *q->p != ';')
        ok = err_set(e, ERR_SYNTAX, "nothing else is understood in this statement");
    InfluxRequest r = {
        .rights = c->rights, .database = q->database, .sql = buf_slice(&sql), .form = q->form};
    if (ok && sql.len)
        ok = influx_open(&q->job, c->db, &r, &c->task, e);
    buf_free(&sql);
    return ok;
}

/* A statement that is none is 400; one that cannot be carried out is told of in its result, as InfluxDB does,
 * and ends the text. */
static CallStatus failed(HttpCall *c, InfluxQuery *q, const Err *e)
{
    int status = err_http_status(e->code);
    query_cleanup(c);
    if (e->code == ERR_SYNTAX)
        return http_error(c, 400, "error parsing query: %s", e->message);
    if (status == 403 || status >= 429)
        return http_error_err(c, e);
    q->p = q->end;
    buf_puts(&c->reply, ",\"error\":");
    buf_put_json(&c->reply, slice_cstr(e->message));
    return CALL_MORE;
}

static CallStatus run_statement(HttpCall *c, InfluxQuery *q)
{
    Err e;
    err_clear(&e);
    if (!q->job) {
        buf_printf(&c->reply, "%s{\"statement_id\":%d", q->id ? "," : "", q->id);
        q->answer = c->reply.len;
        if (!begin_statement(c, q, &e))
            return failed(c, q, &e);
    }
    if (q->job) {
        switch (influx_run(q->job, &c->reply, &e)) {
        case RUN_WAIT:
            return CALL_WAIT;
        case RUN_DONE:
            break;
        case RUN_FAIL:
            c->reply.len = q->answer;
            return failed(c, q, &e);
        default:
            return CALL_MORE;
        }
        query_cleanup(c);
    }
    q->p += q->p < q->end;
    return CALL_MORE;
}

CallStatus http_run_influx_query(HttpCall *c)
{
    InfluxQuery *q = c->state;
    if (!q) {
        Slice text = http_param(c, "q");
        c->state = q = ARENA_NEW(&c->arena, InfluxQuery);
        c->cleanup = query_cleanup;
        *q = (InfluxQuery){.p = text.ptr, .end = text.ptr + text.len};
        http_influx_headers(c);
        skip_blanks(q);
        if (q->p == q->end)
            return http_error(c, 400, "missing required parameter \"q\"");
        buf_puts(&c->reply, "{\"results\":[");
    }
    while (q->p < q->end || q->job) {
        int id = q->id;
        CallStatus st = run_statement(c, q);
        if (st != CALL_MORE || q->job)
            return st;
        q->id = id + 1;
        buf_puts(&c->reply, "}");
        do
            skip_blanks(q);
        while (q->p < q->end && *q->p == ';' && q->p++);
    }
    buf_puts(&c->reply, "]}\n");
    return http_reply(c, 200, "application/json");
}
