/* tests/unit/unit.h - the main() of a unit test.
 *
 *     int main(void)
 *     {
 *         TCase *tc = tcase_create("slice");
 *         tcase_add_test(tc, to_i64);
 *         return unit_run(tc);
 *     }
 */
#ifndef SKULK_TESTS_UNIT_H
#define SKULK_TESTS_UNIT_H

#include <check.h>

/* Runs the cases of one module; the exit code for main().  CK_FORK=no for the debugger. */
static inline int unit_run(TCase *tc)
{
    Suite *suite = suite_create("unit");
    SRunner *runner = srunner_create(suite);
    tcase_set_timeout(tc, 600); /* sanitizers on a busy machine */
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
