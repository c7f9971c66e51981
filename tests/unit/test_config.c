/* Settings: the file, its errors with line and name, what may not be combined. */
#include "server/config.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool read_text(Config *c, const char *text, Err *e)
{
    char path[] = "/tmp/skulk-config-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    config_defaults(c);
    err_clear(e);
    bool ok = config_read_file(c, path, e) && config_check(c, e);
    unlink(path);
    return ok;
}

START_TEST(good_file)
{
    Config c;
    Err e;
    ck_assert_msg(
        read_text(
            &c,
            "[server]\npg_port = 1\nlisten = \"127.0.0.1, ::1\"\n[ingest]\nrequire_db = true\n"
            "[limits]\nmax_body = \"2 MiB\"\nmemory = 33554432\n",
            &e),
        "%s", e.message);
    ck_assert_int_eq(c.pg_port, 1);
    ck_assert_int_eq(c.http_port, 8086);
    ck_assert_int_eq(c.max_body, 2 << 20);
    ck_assert_int_eq(c.memory, 32 << 20);
    ck_assert(c.require_db && !c.create_databases);
    ck_assert_str_eq(c.log_level, "info");
    char address[CONFIG_TEXT_MAX];
    ck_assert(config_address(&c, 1, address));
    ck_assert_str_eq(address, "::1");
    ck_assert(!config_address(&c, 2, address));
    ck_assert(config_set(&c, "server.pg_port", "7", &e));
    ck_assert_int_eq(c.pg_port, 7);
    ck_assert(!config_set(&c, "server.pg_port", "x", &e));
}
END_TEST

START_TEST(bad_files)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"[server]\nport = 1\n", ":2: server.port: unknown setting"},
        {"x = 1\n", ":1: x: unknown setting"},
        {"[server]\n\npg_port = \"1\"\n", ":3: server.pg_port: an integer is needed, not a string"},
        {"[server]\npg_port = 70000\n", ":2: server.pg_port: 70000 is not in 0..65535"},
        {"[limits]\nmax_body = \"1XB\"\n", ":2: limits.max_body: \"1XB\" is not a size"},
        {"[limits]\nmax_body = 1.5\n",
         ":2: limits.max_body: a size (a string or an integer) is needed"},
        {"[ingest]\nrequire_db = 1\n",
         ":2: ingest.require_db: true or false is needed, not an integer"},
        {"[server]\nlisten = [\"a\"]\n", ":2: server.listen: a string is needed, not an array"},
        {"[server]\nlog_level = \"loud\"\n", ":2: server.log_level: \"loud\" is not one of debug|"},
        {"[tls]\nmode = \"maybe\"\n", ":2: tls.mode: \"maybe\" is not one of off|allow|require"},
        {"[tls]\nmode = \"require\"\n", "tls.cert_file: tls.mode = \"require\" needs"},
        {"[tls]\nmode = \"allow\"\ncert_file = \"x\"\n",
         "tls.key_file: tls.mode = \"allow\" needs"},
        {"[tls]\nca_file = \"x\"\n", "tls.ca_file: tls.mode is \"off\""},
        {"[auth]\nmethod = \"md5\"\n", ":2: auth.method: \"md5\" is not one of"},
        {"[server]\nlisten = \"::\"\n[auth]\nmethod = \"scram-sha-256\"\n", "that needs TLS"},
        {"[server\n", ":1: "},
        {"[server]\npg_port = 1\npg_port = 2\n", ":3: "},
        {"[server]\nlisten = \"0.0.0.0\"\n", "0.0.0.0 is not a loopback address"},
        {"[server]\nlisten = \"\"\n", "no address"},
        {"[server]\npg_port = 8086\n", "server.http_port: 8086 is server.pg_port as well"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Config c;
        Err e;
        ck_assert_msg(!read_text(&c, bad[i].text, &e), "taken: %s", bad[i].text);
        ck_assert_msg(strstr(e.message, bad[i].says) != NULL, "%s\n  lacks %s", e.message,
                      bad[i].says);
        ck_assert_ptr_null(strchr(e.message, '\n'));
    }
    Config c;
    Err e;
    ck_assert(!config_read_file(&c, "/nowhere/at/all.toml", &e));
    ck_assert_str_eq(e.message, "/nowhere/at/all.toml: No such file or directory");
}
END_TEST

START_TEST(table) /* every default passes its own check (config_defaults asserts) and has a text */
{
    Buf b;
    Config c;
    Err e;
    buf_init(&b);
    config_print(&b);
    buf_put_u8(&b, 0);
    ck_assert_ptr_null(strstr(b.ptr, "|  |"));
    config_defaults(&c);
    ck_assert(config_check(&c, &e));
    buf_free(&b);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("config");
    tcase_add_test(tc, good_file);
    tcase_add_test(tc, bad_files);
    tcase_add_test(tc, table);
    return unit_run(tc);
}
