#include "base/log.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* What the calls between begin and end write to stderr. */
static int saved, pipe_fds[2];

static void capture_begin(void)
{
    ck_assert_int_eq(pipe(pipe_fds), 0);
    saved = dup(STDERR_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
}

static const char *capture_end(void)
{
    static char text[8192];
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipe_fds[1]);
    ssize_t len = read(pipe_fds[0], text, sizeof text - 1);
    close(pipe_fds[0]);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

START_TEST(silent_at_first)
{
    capture_begin();
    log_error("test", "nobody asked");
    ck_assert_str_eq(capture_end(), "");
}
END_TEST

START_TEST(as_text)
{
    log_configure(LOG_INFO, false);
    capture_begin();
    log_line(LOG_DEBUG, "test", "below");
    log_warn("test", "two\nlines %d", 5);
    const char *text = capture_end();
    ck_assert_str_eq(strchr(text, ' '), " warn  test: two lines 5\n");
    ck_assert_int_eq(text[10], 'T');
}
END_TEST

START_TEST(as_json)
{
    log_configure(LOG_DEBUG, true);
    capture_begin();
    log_line(LOG_DEBUG, "test", "say \"%s\"\n", "x");
    const char *text = capture_end();
    ck_assert_ptr_nonnull(strstr(
        text, "\"level\":\"debug\",\"module\":\"test\",\"message\":\"say \\\"x\\\"\\n\"}\n"));
    capture_begin();
    char large[5000];
    memset(large, 'a', sizeof large);
    log_info("test", "%.*s", (int)sizeof large, large);
    ck_assert_uint_lt(strlen(capture_end()), 2200);
}
END_TEST

START_TEST(levels)
{
    LogLevel level;
    ck_assert(log_level_parse(SLICE_LIT("WARN"), &level) && level == LOG_WARN);
    ck_assert(log_level_parse(SLICE_LIT("off"), &level) && level == LOG_OFF);
    ck_assert(!log_level_parse(SLICE_LIT("loud"), &level));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("log");
    tcase_add_test(tc, silent_at_first);
    tcase_add_test(tc, as_text);
    tcase_add_test(tc, as_json);
    tcase_add_test(tc, levels);
    return unit_run(tc);
}
