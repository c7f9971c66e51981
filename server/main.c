/* server/main.c - alopex-skulk: flags, threads, wiring, signals.
 *
 * The main thread only waits for signals.  The listeners come up first, so that /ready can say
 * that the database is being opened; a thread of its own opens it.
 * Stop (SIGTERM, SIGINT): listeners close, clients are told 57P01, the database is closed; what
 * is not through after a few seconds is left to the log, which has everything acknowledged. */
#include "base/log.h"
#include "http/http.h"
#include "lifecycle/lifecycle.h"
#include "net/net.h"
#include "pgwire/pgwire.h"
#include "server/config.h"
#include "server/crypto_openssl.h"
#include "server/tools.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GRACE_NS (2 * NS_PER_S)
#define STOP_MS  4500
enum {
    BLOCKING_THREADS = 2, /* log writer, spare log segments */
    BACKGROUND_THREADS =
        4, /* sealer, flusher, compactor, keeper of series: none waits for another */
    SIG_OPENED = SIGUSR1
};

enum { SHOWN_SETTINGS = 6 };

typedef struct Server {
    Config config;
    const char *config_path; /* NULL: none */
    bool repair;
    const Clock *clock;
    Sched *sched;
    Net *net;
    PgServer *pg;
    HttpServer *http;
    Db *db;
    Lifecycle *lifecycle;
    pthread_t opener;
    ServerSetting shown[SHOWN_SETTINGS];
    char numbers[SHOWN_SETTINGS][16];
    bool opening; /* the opener runs or has not been joined */
    bool opened;
    Err open_err;
} Server;

/* ---- flags ---- */
static const char usage[] =
    "usage: alopex-skulk [options]            run the server in the foreground\n"
    "       alopex-skulk check DIR            verify every checksum of a data directory\n"
    "       alopex-skulk backup DIR TARGET    copy a directory that no server has open (else: "
    "BACKUP TO)\n"
    "       alopex-skulk verify BACKUP        verify every checksum of a backup\n"
    "       alopex-skulk restore BACKUP TARGET [--archive DIR] [--until TIME | --until-lsn N]\n"
    "\n"
    "  --config FILE          settings (TOML); flags win over it\n"
    "  --data-dir DIR         default ./skulk-data\n"
    "  --listen ADDR          default 127.0.0.1\n"
    "  --pg-port N            PostgreSQL protocol, default 5432\n"
    "  --http-port N          HTTP, default 8086\n"
    "  --enable-feature LIST  experimental features, or all\n"
    "  --repair               open a damaged directory, leaving out what cannot be read\n"
    "  --check-config         read the settings, report and end\n"
    "  --print-settings       the table of settings as Markdown\n"
    "  --version, --help\n";

enum { OPT_CONFIG = 256, OPT_REPAIR, OPT_CHECK, OPT_PRINT, OPT_VERSION, OPT_HELP, OPT_SETTING };

static const struct option options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"repair", no_argument, NULL, OPT_REPAIR},
    {"check-config", no_argument, NULL, OPT_CHECK},
    {"print-settings", no_argument, NULL, OPT_PRINT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {"data-dir", required_argument, NULL, OPT_SETTING},
    {"listen", required_argument, NULL, OPT_SETTING},
    {"pg-port", required_argument, NULL, OPT_SETTING},
    {"http-port", required_argument, NULL, OPT_SETTING},
    {"enable-feature", required_argument, NULL, OPT_SETTING},
    {0},
};

static const char *flag_key(const char *name)
{
    static const struct {
        const char *flag, *key;
    } keys[] = {
        {"data-dir", "server.data_dir"},       {"listen", "server.listen"},
        {"pg-port", "server.pg_port"},         {"http-port", "server.http_port"},
        {"enable-feature", "server.features"},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i].flag, name) == 0)
            return keys[i].key;
    return NULL;
}

static _Noreturn void refuse(const char *where, const char *why)
{
    fprintf(stderr, "%s%s%s\n", where, *where ? ": " : "", why);
    exit(1);
}

static void print_settings(void)
{
    Buf b;
    buf_init(&b);
    config_print(&b);
    fwrite(b.ptr, 1, b.len, stdout);
    buf_free(&b);
}

/* Flags that say something and end; the others are remembered for the second pass. */
static bool first_pass(Server *s, int argc, char **argv)
{
    bool check = false;
    int opt;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (opt) {
        case OPT_CONFIG:
            s->config_path = optarg;
            break;
        case OPT_REPAIR:
            s->repair = true;
            break;
        case OPT_CHECK:
            check = true;
            break;
        case OPT_PRINT:
            print_settings();
            exit(0);
        case OPT_VERSION:
            puts("alopex-skulk " SKULK_VERSION);
            exit(0);
        case OPT_HELP:
            fputs(usage, stdout);
            exit(0);
        case OPT_SETTING:
            break;
        default:
            fputs("try --help\n", stderr);
            exit(1);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "alopex-skulk: unexpected argument \"%s\"; try --help\n", argv[optind]);
        exit(1);
    }
    return check;
}

static void read_config(Server *s, int argc, char **argv)
{
    Err e;
    err_clear(&e);
    config_defaults(&s->config);
    if (s->config_path && !config_read_file(&s->config, s->config_path, &e))
        refuse("", e.message);
    optind = 0; /* once more, over the file's values */
    int opt, index;
    while ((opt = getopt_long(argc, argv, "", options, &index)) != -1) {
        char where[64];
        if (opt != OPT_SETTING)
            continue;
        snprintf(where, sizeof where, "--%s", options[index].name);
        if (!config_set(&s->config, flag_key(options[index].name), optarg, &e))
            refuse(where, e.message);
    }
    if (!config_admin_password(&s->config, &e) || !config_check(&s->config, &e))
        refuse(s->config_path ? s->config_path : "alopex-skulk", e.message);
}

static void apply_log(const Config *c)
{
    LogLevel level = LOG_INFO;
    must(log_level_parse(slice_cstr(c->log_level), &level));
    log_configure(level, strcmp(c->log_format, "json") == 0);
}

/* ---- alopex-skulk check DIR ---- */
static void print_damage(void *arg, const Err *e)
{
    ++*(size_t *)arg;
    printf("%s\n", e->message);
}

static int check_dir(const char *dir)
{
    size_t damages = 0;
    Err e;
    err_clear(&e);
    bool ok = engine_check_dir(&io_real, dir, print_damage, &damages, &e);
    if (ok)
        printf("%s: every checksum is right\n", dir);
    else if (damages)
        printf("%s: %zu damaged\n", dir, damages);
    else
        fprintf(stderr, "%s: cannot check: %s%s%s\n", dir, e.message, *e.hint ? "; " : "", e.hint);
    return ok ? 0 : damages ? 1 : 2;
}

/* ---- start ---- */
static void put_pg_metrics(void *arg, Buf *out)
{
    const PgStats *p = pgw_stats(((Server *)arg)->pg);
    const struct {
        const char *name, *help;
        uint64_t value;
    } rows[] = {
        {"skulk_pg_logins_total", "sessions begun", atomic_load(&p->logins)},
        {"skulk_pg_refused_total", "sessions refused", atomic_load(&p->refused)},
        {"skulk_pg_statements_total", "statements run", atomic_load(&p->statements)},
        {"skulk_pg_errors_total", "errors answered", atomic_load(&p->errors)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", rows[i].name, rows[i].help,
                   rows[i].name, rows[i].name, (unsigned long long)rows[i].value);
    buf_printf(out,
               "# HELP skulk_pg_sessions open sessions\n# TYPE skulk_pg_sessions gauge\n"
               "skulk_pg_sessions %d\n",
               atomic_load(&p->sessions));
}

static bool use_tls(Server *s, const Config *c, Err *e)
{
    NetTls *tls = NULL;
    NetTlsOptions o = {.cert_file = c->tls_cert_file,
                       .key_file = c->tls_key_file,
                       .ca_file = c->tls_ca_file[0] ? c->tls_ca_file : NULL};
    if (strcmp(c->tls_mode, "off") != 0 && !net_tls_new(&tls, &o, e))
        return false;
    net_set_tls(s->net, tls);
    return true;
}

static void each_setting(void *arg, HttpSettingFn *each, void *each_arg)
{
    Server *s = arg;
    config_each(&s->config, each, each_arg);
}

static void make_faces(Server *s)
{
    const Config *c = &s->config;
    bool tls_required = strcmp(c->tls_mode, "require") == 0;
    PgOptions pg = {.sched = s->sched,
                    .clock = s->clock,
                    .connections_max = (int)c->max_connections,
                    .connections_reserved = (int)c->reserved_connections,
                    .message_max = (size_t)c->max_message,
                    .admin_user = slice_cstr(c->admin_user),
                    .passwords = config_needs_passwords(c),
                    .tls_required = tls_required};
    HttpOptions http = {.sched = s->sched,
                        .clock = s->clock,
                        .net = s->net,
                        .body_max = (size_t)c->max_body,
                        .connections_max = (int)c->max_http_connections,
                        .idle_ns = c->http_idle_s * NS_PER_S,
                        .points_max = c->max_points,
                        .features = c->features,
                        .cors_origin = c->cors_origin,
                        .key_ttl_ns = c->key_ttl_h * 3600 * NS_PER_S,
                        .access_log = c->access_log,
                        .passwords = config_needs_passwords(c),
                        .url_credentials = c->url_credentials,
                        .tls_required = tls_required,
                        .each_setting = each_setting,
                        .data_dir = c->data_dir,
                        .memory = c->memory,
                        .more_metrics = put_pg_metrics,
                        .more_arg = s};
    s->pg = pgw_new(&pg);
    s->http = http_new(&http);
}

/* What SQL may know of the settings, under PostgreSQL's names. */
static void show_settings(Server *s, uint16_t port)
{
    const Config *c = &s->config;
    const struct {
        const char *name, *key, *text;
        int64_t number;
    } rows[SHOWN_SETTINGS] = {
        {"data_directory", "server.data_dir", c->data_dir, 0},
        {"listen_addresses", "server.listen", c->listen, 0},
        {"max_connections", "limits.max_connections", NULL, c->max_connections},
        {"port", "server.pg_port", NULL, port},
        {"ssl", "tls.mode", strcmp(c->tls_mode, "off") == 0 ? "off" : "on", 0},
        {"superuser_reserved_connections", "limits.reserved_connections", NULL,
         c->reserved_connections},
    };
    for (size_t i = 0; i < SHOWN_SETTINGS; i++) {
        snprintf(s->numbers[i], sizeof s->numbers[i], "%lld", (long long)rows[i].number);
        s->shown[i] = (ServerSetting){.name = rows[i].name,
                                      .value = rows[i].text ? rows[i].text : s->numbers[i],
                                      .source = config_source(c, rows[i].key)};
    }
}

static bool listen_all(Server *s, Err *e)
{
    char address[CONFIG_TEXT_MAX];
    uint16_t pg, http;
    for (size_t i = 0; config_address(&s->config, i, address); i++) {
        if (!net_listen(s->net, &pgw_face, s->pg, address, (uint16_t)s->config.pg_port, &pg, e) ||
            !net_listen(s->net, &http_face, s->http, address, (uint16_t)s->config.http_port, &http,
                        e))
            return false;
        show_settings(s, pg);
        log_info("server", "listening on %s: PostgreSQL on port %u, HTTP on port %u", address, pg,
                 http);
    }
    return true;
}

static bool start(Server *s, Err *e)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int workers = s->config.workers ? (int)s->config.workers : cores > 0 ? (int)cores : 1;
    int io = s->config.io_threads ? (int)s->config.io_threads : cores >= 4 ? 2 : 1;
    mem_keep_freed(workers);
    crypto_use_openssl();
    s->clock = &clock_real;
    s->sched = sched_new(s->clock, workers, BLOCKING_THREADS, BACKGROUND_THREADS);
    NetOptions net = {.threads = io, .clock = s->clock, .sched = s->sched};
    if (!net_new(&s->net, &net, e))
        return false;
    make_faces(s);
    return use_tls(s, &s->config, e) && listen_all(s, e) && net_start(s->net, e);
}

static void *open_db(void *arg)
{
    Server *s = arg;
    const Config *c = &s->config;
    DbOptions o = {.data_dir = c->data_dir,
                   .engine_flags = ENGINE_CREATE | (s->repair ? ENGINE_REPAIR : 0),
                   .sched = s->sched,
                   .memory = c->memory,
                   .query_memory = c->query_memory,
                   .spill_max = c->spill_max,
                   .max_result_rows = c->max_result_rows,
                   .memtable_max = c->memtable_max,
                   .log_max = c->log_max,
                   .archive_dir = c->archive_dir[0] ? c->archive_dir : NULL,
                   .archive_hold_max = c->archive_hold_max,
                   .series_max = (uint64_t)c->max_series_per_database,
                   .series_max_per_table = (uint64_t)c->max_series_per_table,
                   .create_databases = c->create_databases,
                   .require_db = c->require_db,
                   .passwords = config_needs_passwords(c),
                   .failure_delay_ns = c->failure_delay_ms * NS_PER_MS,
                   .admin_user = c->admin_user,
                   .admin_password = c->admin_password[0] ? c->admin_password : NULL,
                   .features = c->features[0] ? c->features : NULL,
                   .server = s->shown,
                   .server_count = SHOWN_SETTINGS};
    s->opened = db_open(&s->db, &o, &s->open_err);
    if (s->opened)
        s->lifecycle = lifecycle_start(s->db);
    kill(getpid(), SIG_OPENED);
    return NULL;
}

/* ---- stop ---- */

/* The last resort; everything acknowledged is in the log. */
static void *give_up_later(void *arg)
{
    (void)arg;
    nanosleep(&(struct timespec){.tv_sec = STOP_MS / 1000, .tv_nsec = STOP_MS % 1000 * NS_PER_MS},
              NULL);
    log_warn("server", "not everything could be closed in time; the log has it");
    _exit(0);
}

static void stop(Server *s)
{
    pthread_t t;
    if (s->opening) { /* recovery can be begun again at any time */
        log_info("server", "stopped before the database was open");
        _exit(0);
    }
    if (pthread_create(&t, NULL, give_up_later, NULL) == 0)
        pthread_detach(t);
    net_stop(s->net, GRACE_NS);
    if (!pgw_wait_idle(s->pg, NS_PER_S) || !http_wait_idle(s->http, NS_PER_S)) {
        log_warn("server", "a statement does not end; the log has what was acknowledged");
        _exit(0);
    }
    lifecycle_stop(s->lifecycle);
    db_close(s->db);
    sched_stop(s->sched);
    net_free(s->net);
    pgw_free(s->pg);
    http_free(s->http);
    sched_free(s->sched);
    log_info("server", "stopped");
}

/* ---- signals ---- */
static void reload(Server *s)
{
    Config fresh;
    Err e;
    err_clear(&e);
    config_defaults(&fresh);
    if (!s->config_path) {
        log_info("server", "SIGHUP: there is no configuration file to read again");
    } else if (!config_read_file(&fresh, s->config_path, &e)) {
        log_error("server", "SIGHUP: %s; nothing is changed", e.message);
    } else if (!config_check(&fresh, &e) || !use_tls(s, &fresh, &e)) {
        log_error("server", "SIGHUP: %s; nothing is changed", e.message);
    } else {
        apply_log(&fresh);
        log_info("server", "SIGHUP: log level is %s; the certificate was read again",
                 fresh.log_level);
    }
}

static int opened(Server *s)
{
    pthread_join(s->opener, NULL);
    s->opening = false;
    if (!s->opened) {
        log_error("server", "%s", s->open_err.message);
        if (s->open_err.detail[0])
            log_error("server", "detail: %s", s->open_err.detail);
        if (s->open_err.hint[0])
            log_error("server", "hint: %s", s->open_err.hint);
        return 1;
    }
    http_set_db(s->http, s->db);
    pgw_set_db(s->pg, s->db);
    log_info("server", "ready: data directory %s", s->config.data_dir);
    return 0;
}

static void signal_set(sigset_t *set)
{
    static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIG_OPENED};
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        sigaddset(set, wanted[i]);
}

static int wait_for_signals(Server *s, const sigset_t *set)
{
    for (;;) {
        int sig;
        if (sigwait(set, &sig) != 0)
            continue;
        if (sig == SIGHUP) {
            reload(s);
        } else if (sig != SIG_OPENED) {
            log_info("server", "stopping: signal %d", sig);
            stop(s);
            return 0;
        } else if (s->opening && opened(s) != 0) {
            return 1;
        }
    }
}

static void process_setup(sigset_t *set)
{
    struct rlimit files;
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal_set(set);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    static Server s;
    Err e;
    sigset_t set;
    int status;
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check_dir(argv[2]);
    if (argc > 1 && tool_run(argc - 1, argv + 1, &status))
        return status;
    bool check = first_pass(&s, argc, argv);
    read_config(&s, argc, argv);
    if (check) {
        puts("the configuration is fine");
        return 0;
    }
    apply_log(&s.config);
    process_setup(&set);
    log_info("server", "alopex-skulk %s, pid %d", SKULK_VERSION, (int)getpid());
    err_clear(&e);
    if (!start(&s, &e)) {
        log_error("server", "%s", e.message);
        if (e.hint[0])
            log_error("server", "hint: %s", e.hint);
        return 1;
    }
    s.opening = true;
    int rc = pthread_create(&s.opener, NULL, open_db, &s);
    if (rc != 0) {
        log_error("server", "cannot start a thread: %s", strerror(rc));
        return 1;
    }
    return wait_for_signals(&s, &set);
}
