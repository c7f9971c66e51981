#include "base/err.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>

START_TEST(codes)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        const char *state = err_sqlstate((ErrCode)i);
        ck_assert_uint_eq(strlen(state), 5);
        ck_assert_int_ge(err_http_status((ErrCode)i), 200);
        ck_assert_uint_gt(strlen(err_text((ErrCode)i)), 0);
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(state, err_sqlstate((ErrCode)k));
    }
}
END_TEST

START_TEST(texts)
{
    Err e;
    ck_assert(!err_set(&e, ERR_SYNTAX, "bad \"%s\"", "x"));
    ck_assert(!err_wrap(&e, "line %d", 3));
    ck_assert_str_eq(e.message, "line 3: bad \"x\"");
    ck_assert(!err_detail(&e, "d%d", 1) && !err_hint(&e, "h%d", 2) && !err_at(&e, 7));
    ck_assert_str_eq(e.detail, "d1");
    ck_assert_str_eq(e.hint, "h2");
    ck_assert_int_eq(e.position, 7);
    err_set(&e, ERR_IO, "new");
    ck_assert_str_eq(e.detail, "");
    ck_assert_int_eq(e.position, 0);
    err_clear(&e);
    ck_assert_int_eq(e.code, ERR_OK);
}
END_TEST

START_TEST(system_errors)
{
    Err e;
    err_set_errno(&e, ENOSPC, "write \"%s\"", "f");
    ck_assert_int_eq(e.code, ERR_DISK_FULL);
    ck_assert_str_eq(e.message, "write \"f\": No space left on device");
    err_set_errno(&e, ENOENT, "open");
    ck_assert_int_eq(e.code, ERR_UNDEFINED_FILE);
    err_set_errno(&e, EIO, "read");
    ck_assert_int_eq(e.code, ERR_IO);
}
END_TEST

/* A text that is cut is cut between characters. */
START_TEST(cut)
{
    char text[3 * ERR_MESSAGE_MAX + 1];
    for (size_t shift = 0; shift < 4; shift++) {
        Err e;
        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xE2\x82\xAC\0", 4);
        err_set(&e, ERR_SYNTAX, "%s", text);
        ck_assert(slice_utf8_valid(slice_cstr(e.message)));
        ck_assert_uint_ge(strlen(e.message), ERR_MESSAGE_MAX - 4);
        err_wrap(&e, "%s", "outer");
        ck_assert_int_eq(strncmp(e.message, "outer: ", 7), 0);
        ck_assert(slice_utf8_valid(slice_cstr(e.message)));
    }
}
END_TEST

START_TEST(positions)
{
    ck_assert_int_eq(err_position(SLICE_LIT("a\xC3\xA4x"), 3), 3);
    ck_assert_int_eq(err_position(SLICE_LIT("abc"), 0), 1);
    ck_assert_int_eq(err_position(SLICE_LIT("abc"), 99), 4);
}
END_TEST

START_TEST(must_aborts)
{
    must(_i == 1);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("err");
    tcase_add_test(tc, codes);
    tcase_add_test(tc, texts);
    tcase_add_test(tc, system_errors);
    tcase_add_test(tc, cut);
    tcase_add_test(tc, positions);
    tcase_add_test_raise_signal(tc, must_aborts, SIGABRT);
    return unit_run(tc);
}
