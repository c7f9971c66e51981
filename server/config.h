/* server/config.h - settings: one table, a TOML file, flags.
 *
 * To add a setting: a field here and a row in settings[] (config.c); file, range check, defaults
 * and docs/config.md (alopex-skulk --print-settings) follow from the row.
 * Threads: read at start; SIGHUP reads the file again in the main thread. */
#ifndef SKULK_SERVER_CONFIG_H
#define SKULK_SERVER_CONFIG_H

#include "base/mem.h"

enum { CONFIG_TEXT_MAX = 256 };

typedef struct Config {
    char listen[CONFIG_TEXT_MAX];
    int64_t pg_port, http_port;
    char data_dir[CONFIG_TEXT_MAX];
    char log_format[CONFIG_TEXT_MAX], log_level[CONFIG_TEXT_MAX];
    char features[CONFIG_TEXT_MAX];
    char cors_origin[CONFIG_TEXT_MAX];
    bool access_log;
    int64_t workers, io_threads;
    bool allow_plaintext;
    char tls_mode[CONFIG_TEXT_MAX], tls_cert_file[CONFIG_TEXT_MAX], tls_key_file[CONFIG_TEXT_MAX];
    char tls_ca_file[CONFIG_TEXT_MAX];
    char auth_method[CONFIG_TEXT_MAX], admin_user[CONFIG_TEXT_MAX];
    char admin_password[CONFIG_TEXT_MAX], admin_password_file[CONFIG_TEXT_MAX];
    int64_t failure_delay_ms;
    bool url_credentials;
    bool create_databases, require_db;
    int64_t key_ttl_h;
    int64_t memtable_max, log_max;
    char archive_dir[CONFIG_TEXT_MAX];
    int64_t archive_hold_max;
    int64_t memory, query_memory, spill_max, max_result_rows, max_connections, reserved_connections,
        max_http_connections;
    int64_t max_message, max_body, max_points, http_idle_s;
    int64_t max_series_per_table, max_series_per_database;
    uint64_t by_flag, by_file; /* bits of rows of settings[] */
} Config;

void config_defaults(Config *c);
/* Messages are whole lines: "file:line: key: reason". */
bool config_read_file(Config *c, const char *path, Err *e) MUST_CHECK;
/* One setting as text, as a flag gives it. */
bool config_set(Config *c, const char *key, const char *value, Err *e) MUST_CHECK;
const char *config_source(const Config *c, const char *key); /* as pg_settings.source */
/* auth.admin_password, or what auth.admin_password_file has in its first line; "" = none. */
bool config_admin_password(Config *c, Err *e) MUST_CHECK;
bool config_needs_passwords(const Config *c);
/* What no single setting can tell: may we listen there? */
bool config_check(const Config *c, Err *e) MUST_CHECK;
void config_print(Buf *out); /* the table as Markdown */
/* Each setting as it is in force; secrets as "<secret>". */
void config_each(const Config *c, void (*each)(void *arg, const char *key, const char *value),
                 void *arg);
/* The i-th address of "a, b"; false: there is none. */
bool config_address(const Config *c, size_t i, char out[CONFIG_TEXT_MAX]);

#endif
