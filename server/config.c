/* server/config.c - see config.h. */
#include "server/config.h"

#include "net/net.h"
#include "server/config_toml.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

enum { MEMORY_MIN = 32 << 20 }; /* below it, not even a memtable and one query fit */

typedef enum SettingType { SET_TEXT, SET_INT, SET_SIZE, SET_BOOL } SettingType;

typedef struct Setting {
    const char *key;
    SettingType type;
    size_t offset;
    const char *otherwise; /* the default */
    int64_t min, max;      /* SET_INT, SET_SIZE */
    const char *choices;   /* SET_TEXT: "a|b"; NULL = any */
    const char *text;
} Setting;

#define AT(field) offsetof(Config, field)
#define SIZE_HUGE (INT64_C(1) << 50)

static const Setting settings[] = {
    {"server.listen", SET_TEXT, AT(listen), "127.0.0.1", 0, 0, NULL,
     "addresses to listen on, separated by commas"},
    {"server.pg_port", SET_INT, AT(pg_port), "5432", 0, 65535, NULL,
     "port of the PostgreSQL protocol; 0 = any free one"},
    {"server.http_port", SET_INT, AT(http_port), "8086", 0, 65535, NULL,
     "port of HTTP; 0 = any free one"},
    {"server.data_dir", SET_TEXT, AT(data_dir), "./skulk-data", 0, 0, NULL,
     "the data directory; made if missing"},
    {"server.log_format", SET_TEXT, AT(log_format), "text", 0, 0, "text|json",
     "form of the log on stderr"},
    {"server.log_level", SET_TEXT, AT(log_level), "info", 0, 0, "debug|info|warn|error|off",
     "least level that is logged; read again at SIGHUP"},
    {"server.features", SET_TEXT, AT(features), "", 0, 0, NULL,
     "experimental features, separated by commas; all = every one"},
    {"server.cors_origin", SET_TEXT, AT(cors_origin), "", 0, 0, NULL,
     "web pages that may ask over HTTP: their origins, separated by commas, or *; empty = none"},
    {"server.access_log", SET_BOOL, AT(access_log), "false", 0, 0, NULL,
     "log each answer over HTTP: client, method, path, status, bytes, time"},
    {"server.workers", SET_INT, AT(workers), "0", 0, 1024, NULL,
     "worker threads; 0 = one per core"},
    {"server.io_threads", SET_INT, AT(io_threads), "0", 0, NET_THREADS_MAX, NULL,
     "threads for connections; 0 = 1, from 4 cores on 2"},
    {"server.allow_plaintext", SET_BOOL, AT(allow_plaintext), "false", 0, 0, NULL,
     "with tls.mode = \"off\": listen beyond loopback all the same"},
    {"tls.mode", SET_TEXT, AT(tls_mode), "off", 0, 0, "off|allow|require",
     "TLS 1.2 and 1.3 on both ports: never, if the client wants it, or always"},
    {"tls.cert_file", SET_TEXT, AT(tls_cert_file), "", 0, 0, NULL,
     "PEM: the server's certificate and its chain; read again at SIGHUP"},
    {"tls.key_file", SET_TEXT, AT(tls_key_file), "", 0, 0, NULL,
     "PEM: its private key, without a password, not readable for others"},
    {"tls.ca_file", SET_TEXT, AT(tls_ca_file), "", 0, 0, NULL,
     "PEM: clients must show a certificate that one of these signed; empty = none is asked for"},
    {"auth.method", SET_TEXT, AT(auth_method), "trust", 0, 0, "trust|scram-sha-256",
     "trust: no password, for loopback addresses only; scram-sha-256: a password on both ports"},
    {"auth.admin_user", SET_TEXT, AT(admin_user), "skulk", 0, 0, NULL,
     "a superuser, made at the start if missing; limits.reserved_connections are kept for it"},
    {"auth.admin_password", SET_TEXT, AT(admin_password), "", 0, 0, NULL,
     "its password from this start on; empty = the one it has"},
    {"auth.admin_password_file", SET_TEXT, AT(admin_password_file), "", 0, 0, NULL,
     "the same, in the first line of a file"},
    {"auth.failure_delay_ms", SET_INT, AT(failure_delay_ms), "250", 0, 10000, NULL,
     "some wrong passwords in a row are answered so late, doubled with each, up to 10 s; 0 = "
     "never"},
    {"auth.url_credentials", SET_BOOL, AT(url_credentials), "true", 0, 0, NULL,
     "the parameters u and p of InfluxDB 1 are taken as a login; they end up in logs of proxies"},
    {"ingest.create_databases", SET_BOOL, AT(create_databases), "false", 0, 0, NULL,
     "a write to an unknown database makes it"},
    {"ingest.require_db", SET_BOOL, AT(require_db), "false", 0, 0, NULL,
     "a write without db is refused (else it goes to skulk)"},
    {"ingest.key_ttl_h", SET_INT, AT(key_ttl_h), "24", 1, 8760, NULL,
     "hours for which an Idempotency-Key is remembered"},
    {"storage.memtable_max", SET_SIZE, AT(memtable_max), "0", 0, SIZE_HUGE, NULL,
     "bytes in memory before a flush; 0 = 64 MiB or 1/16 of the memory"},
    {"storage.log_max", SET_SIZE, AT(log_max), "128MiB", 1 << 20, SIZE_HUGE, NULL,
     "bytes of log before a flush; bounds the time of recovery"},
    {"storage.archive_dir", SET_TEXT, AT(archive_dir), "", 0, 0, NULL,
     "finished log segments are copied there, for restoring to a point in time; empty = nowhere"},
    {"storage.archive_hold_max", SET_SIZE, AT(archive_hold_max), "4GiB", 1 << 20, SIZE_HUGE, NULL,
     "bytes of log that may wait for the archive; beyond it the archive gets a gap"},
    {"limits.memory", SET_SIZE, AT(memory), "0", 0, SIZE_HUGE, NULL,
     "memtable, cache and query pool, at least 32 MiB; 0 = 60 % of the machine or cgroup"},
    {"limits.query_memory", SET_SIZE, AT(query_memory), "0", 0, SIZE_HUGE, NULL,
     "most memory of one query, beyond which it writes temporary files; 0 = 1/4 of the query pool"},
    {"limits.spill_max", SET_SIZE, AT(spill_max), "0", 0, SIZE_HUGE, NULL,
     "bytes of temporary files of all queries together, beyond which they get 53400; 0 = no limit"},
    {"limits.max_result_rows", SET_INT, AT(max_result_rows), "0", 0, INT64_MAX, NULL,
     "rows that a query may return; 0 = no limit"},
    {"limits.max_connections", SET_INT, AT(max_connections), "200", 1, 10000, NULL,
     "sessions of the PostgreSQL protocol; more get 53300"},
    {"limits.reserved_connections", SET_INT, AT(reserved_connections), "3", 0, 100, NULL,
     "of these, places for auth.admin_user alone"},
    {"limits.max_http_connections", SET_INT, AT(max_http_connections), "1000", 1, 100000, NULL,
     "HTTP connections; more get 503"},
    {"limits.max_message", SET_SIZE, AT(max_message), "64MiB", 64 << 10, 1 << 30, NULL,
     "bytes of one PostgreSQL message"},
    {"limits.max_body", SET_SIZE, AT(max_body), "64MiB", 1 << 10, 1 << 30, NULL,
     "bytes of an HTTP body, as it comes and decompressed; more get 413"},
    {"limits.max_points", SET_INT, AT(max_points), "11000", 1, 1000000, NULL,
     "steps of a PromQL range query"},
    {"limits.http_idle_s", SET_INT, AT(http_idle_s), "120", 1, 86400, NULL,
     "seconds until an idle HTTP connection is closed"},
    {"limits.max_series_per_table", SET_INT, AT(max_series_per_table), "0", 0, INT64_MAX, NULL,
     "series of one table; 0 = no limit"},
    {"limits.max_series_per_database", SET_INT, AT(max_series_per_database), "0", 0, INT64_MAX,
     NULL,
     "series of all tables of one database; 0 = no limit; a warning is logged at 80 % of either"},
};

static const Setting *find(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (strcmp(settings[i].key, key) == 0)
            return &settings[i];
    return NULL;
}

static uint64_t bit_of(const Setting *s)
{
    _Static_assert(ARRAY_LEN(settings) <= 64, "one bit each");
    return UINT64_C(1) << (s - settings);
}

static void *field(Config *c, const Setting *s)
{
    return (char *)c + s->offset;
}

/* ---- values ---- */

/* "64MiB", "1 GB", "4096"; B may be left out. */
static bool parse_size(Slice text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {
        {"", 1},          {"B", 1},       {"KiB", 1 << 10}, {"MiB", 1 << 20},
        {"GiB", 1 << 30}, {"KB", 1000},   {"MB", 1000000},  {"GB", 1000000000},
        {"K", 1 << 10},   {"M", 1 << 20}, {"G", 1 << 30},   {"TiB", INT64_C(1) << 40},
    };
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!slice_to_i64((Slice){text.ptr, digits}, out))
        return false;
    size_t at = digits;
    while (at < text.len && text.ptr[at] == ' ')
        at++;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (slice_eq_nocase((Slice){text.ptr + at, text.len - at}, slice_cstr(units[i].unit)))
            return !__builtin_mul_overflow(*out, units[i].factor, out);
    return false;
}

static bool in_choices(const char *choices, const char *value)
{
    for (const char *p = choices; *p;) {
        size_t n = strcspn(p, "|");
        if (strlen(value) == n && memcmp(p, value, n) == 0)
            return true;
        p += n + (p[n] == '|');
    }
    return false;
}

static bool set_text(Config *c, const Setting *s, const char *value, Err *e)
{
    if (strlen(value) >= CONFIG_TEXT_MAX)
        return err_set(e, ERR_CONFIG, "longer than %d bytes", CONFIG_TEXT_MAX - 1);
    if (s->choices && !in_choices(s->choices, value))
        return err_set(e, ERR_CONFIG, "\"%s\" is not one of %s", value, s->choices);
    memcpy(field(c, s), value, strlen(value) + 1);
    return true;
}

static bool set_number(Config *c, const Setting *s, int64_t value, Err *e)
{
    if (value < s->min || value > s->max)
        return err_set(e, ERR_CONFIG, "%lld is not in %lld..%lld", (long long)value,
                       (long long)s->min, (long long)s->max);
    memcpy(field(c, s), &value, sizeof value);
    return true;
}

static bool set_string(Config *c, const Setting *s, const char *value, Err *e)
{
    int64_t n;
    bool on = strcmp(value, "true") == 0;
    switch (s->type) {
    case SET_TEXT:
        return set_text(c, s, value, e);
    case SET_INT:
        if (!slice_to_i64(slice_cstr(value), &n))
            return err_set(e, ERR_CONFIG, "\"%s\" is not a whole number", value);
        return set_number(c, s, n, e);
    case SET_SIZE:
        if (!parse_size(slice_cstr(value), &n))
            return err_set(e, ERR_CONFIG, "\"%s\" is not a size, such as 64MiB", value);
        return set_number(c, s, n, e);
    case SET_BOOL:
        if (!on && strcmp(value, "false") != 0)
            return err_set(e, ERR_CONFIG, "\"%s\" is neither true nor false", value);
        memcpy(field(c, s), &on, sizeof on);
        return true;
    }
    return false;
}

void config_defaults(Config *c)
{
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        Err e;
        must(set_string(c, &settings[i], settings[i].otherwise, &e));
    }
}

bool config_set(Config *c, const char *key, const char *value, Err *e)
{
    const Setting *s = find(key);
    must(s);
    c->by_flag |= bit_of(s);
    return set_string(c, s, value, e);
}

const char *config_source(const Config *c, const char *key)
{
    uint64_t bit = bit_of(find(key));
    return c->by_flag & bit ? "command line" : c->by_file & bit ? "configuration file" : "default";
}

/* ---- the file ---- */
typedef struct FileWalk {
    Config *config;
    const char *path;
    Err *err;
    bool failed;
} FileWalk;

static bool wrong_type(const Setting *s, const TomlValue *v, Err *e)
{
    static const char *const wanted[] = {"a string", "an integer",
                                         "a size (a string or an integer)", "true or false"};
    return err_set(e, ERR_CONFIG, "%s is needed, not %s", wanted[s->type], v->type_name);
}

static bool set_value(Config *c, const TomlValue *v, Err *e)
{
    const Setting *s = find(v->key);
    if (!s)
        return err_set(e, ERR_CONFIG, "unknown setting");
    c->by_file |= bit_of(s);
    if (v->type == TOML_STRING && (s->type == SET_TEXT || s->type == SET_SIZE))
        return set_string(c, s, v->string, e);
    if (v->type == TOML_INTEGER && (s->type == SET_INT || s->type == SET_SIZE))
        return set_number(c, s, v->integer, e);
    if (v->type == TOML_BOOLEAN && s->type == SET_BOOL) {
        memcpy(field(c, s), &v->boolean, sizeof(bool));
        return true;
    }
    return wrong_type(s, v, e);
}

static bool on_value(void *arg, const TomlValue *v)
{
    FileWalk *w = arg;
    Err e;
    err_clear(&e);
    if (set_value(w->config, v, &e))
        return true;
    w->failed = true;
    err_set(w->err, ERR_CONFIG, "%s:%u: %s: %s", w->path, v->line, v->key, e.message);
    return false;
}

bool config_read_file(Config *c, const char *path, Err *e)
{
    FileWalk w = {.config = c, .path = path, .err = e};
    char why[256];
    unsigned line;
    if (!toml_walk(path, on_value, &w, why, sizeof why, &line)) {
        if (line)
            return err_set(e, ERR_CONFIG, "%s:%u: %s", path, line, why);
        return err_set(e, ERR_CONFIG, "%s: %s", path, why);
    }
    return !w.failed;
}

/* ---- the whole ---- */
bool config_address(const Config *c, size_t i, char out[CONFIG_TEXT_MAX])
{
    const char *p = c->listen;
    for (;; i--) {
        p += strspn(p, " ,");
        size_t n = strcspn(p, ", ");
        if (n == 0)
            return false;
        if (i == 0) {
            memcpy(out, p, n);
            out[n] = 0;
            return true;
        }
        p += n;
    }
}

static bool check_tls(const Config *c, Err *e)
{
    bool off = strcmp(c->tls_mode, "off") == 0;
    if (!off && !c->tls_cert_file[0])
        return err_set(e, ERR_CONFIG, "tls.cert_file: tls.mode = \"%s\" needs a certificate",
                       c->tls_mode);
    if (!off && !c->tls_key_file[0])
        return err_set(e, ERR_CONFIG, "tls.key_file: tls.mode = \"%s\" needs a private key",
                       c->tls_mode);
    if (off && c->tls_ca_file[0])
        return err_set(e, ERR_CONFIG, "tls.ca_file: tls.mode is \"off\"");
    return true;
}

bool config_needs_passwords(const Config *c)
{
    return strcmp(c->auth_method, "trust") != 0;
}

/* Beyond this machine: with passwords, and either always with TLS or told twice that it is not wanted. */
static bool may_listen(const Config *c, const char *address, Err *e)
{
    if (!config_needs_passwords(c))
        return err_set(e, ERR_CONFIG,
                       "server.listen: %s is not a loopback address: that needs a login with "
                       "password (auth.method = \"scram-sha-256\")",
                       address);
    if (strcmp(c->tls_mode, "off") == 0 && !c->allow_plaintext)
        return err_set(e, ERR_CONFIG,
                       "server.listen: %s is not a loopback address: that needs TLS (tls.mode), or "
                       "server.allow_plaintext = true",
                       address);
    return true;
}

bool config_admin_password(Config *c, Err *e)
{
    if (!c->admin_password_file[0])
        return true;
    if (c->admin_password[0])
        return err_set(e, ERR_CONFIG,
                       "auth.admin_password_file: auth.admin_password is given as well");
    FILE *f = fopen(c->admin_password_file, "r");
    if (!f)
        return err_set(e, ERR_CONFIG, "auth.admin_password_file: %s: %s", c->admin_password_file,
                       strerror(errno));
    bool read = fgets(c->admin_password, sizeof c->admin_password, f);
    fclose(f);
    c->admin_password[strcspn(c->admin_password, "\r\n")] = 0;
    return (read && c->admin_password[0]) ||
           err_set(e, ERR_CONFIG, "auth.admin_password_file: %s: the first line is empty",
                   c->admin_password_file);
}

bool config_check(const Config *c, Err *e)
{
    char address[CONFIG_TEXT_MAX];
    if (!config_address(c, 0, address))
        return err_set(e, ERR_CONFIG, "server.listen: no address is given");
    for (size_t i = 0; config_address(c, i, address); i++)
        if (!net_address_loopback(address) && !may_listen(c, address, e))
            return false;
    if (!check_tls(c, e))
        return false;
    if (c->memory && c->memory < MEMORY_MIN)
        return err_set(e, ERR_CONFIG, "limits.memory: %lld bytes are fewer than %d MiB",
                       (long long)c->memory, MEMORY_MIN >> 20);
    if (c->pg_port && c->pg_port == c->http_port)
        return err_set(e, ERR_CONFIG, "server.http_port: %lld is server.pg_port as well",
                       (long long)c->http_port);
    return true;
}

void config_each(const Config *c, void (*each)(void *arg, const char *key, const char *value),
                 void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const Setting *s = &settings[i];
        const char *at = (const char *)c + s->offset;
        char number[32];
        if (s->type == SET_TEXT) {
            bool secret = at == c->admin_password && *at;
            each(arg, s->key, secret ? "<secret>" : at);
            continue;
        }
        if (s->type == SET_BOOL)
            snprintf(number, sizeof number, "%s", *(const bool *)at ? "true" : "false");
        else
            snprintf(number, sizeof number, "%lld", *(const long long *)at);
        each(arg, s->key, number);
    }
}

void config_print(Buf *out)
{
    static const char *const types[] = {"text", "integer", "size", "boolean"};
    buf_puts(out, "| setting | type | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const Setting *s = &settings[i];
        buf_printf(out, "| `%s` | %s", s->key, types[s->type]);
        if (s->choices)
            buf_printf(out, " (%s)", s->choices);
        if (s->type == SET_INT && s->max < INT64_MAX)
            buf_printf(out, " %lld..%lld", (long long)s->min, (long long)s->max);
        buf_printf(out, " | `%s` | %s |\n", s->otherwise[0] ? s->otherwise : "\"\"", s->text);
    }
}
