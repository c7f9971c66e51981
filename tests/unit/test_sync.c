#include "base/clock.h"
#include "base/sync.h"
#include "tests/unit/unit.h"

#include <signal.h>

static Mutex low, high;
static Cond cond;
static int counter;
static Ref ref;
static atomic_int last_drops;

static void setup(void)
{
    mutex_init(&low, RANK_STORE);
    mutex_init(&high, RANK_LEAF);
    cond_init(&cond);
    ref_init(&ref);
}

static void teardown(void)
{
    cond_destroy(&cond);
    mutex_destroy(&low);
    mutex_destroy(&high);
}

static void *count_up(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        mutex_lock(&low);
        mutex_lock(&high);
        counter++;
        mutex_unlock(&low); /* any order of unlocking is fine */
        mutex_unlock(&high);
        ref_take(&ref);
        if (ref_drop(&ref))
            atomic_fetch_add(&last_drops, 1);
    }
    mutex_lock(&high);
    cond_signal(&cond);
    mutex_unlock(&high);
    return arg;
}

START_TEST(exclusion)
{
    pthread_t threads[4];
    counter = 0;
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    mutex_lock(&high);
    while (counter < 80000)
        cond_wait_ns(&cond, &high, NS_PER_S);
    mutex_unlock(&high);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(counter, 80000);
    ck_assert_int_eq(last_drops, 0);
    ck_assert(ref_drop(&ref));
}
END_TEST

START_TEST(timeouts)
{
    int64_t begin = clock_real.mono_ns(&clock_real);
    mutex_lock(&high);
    ck_assert(!cond_wait_ns(&cond, &high, 20 * NS_PER_MS));
    ck_assert(!cond_wait_ns(&cond, &high, -5));
    mutex_unlock(&high);
    ck_assert_int_ge(clock_real.mono_ns(&clock_real) - begin, 20 * NS_PER_MS);
}
END_TEST

#ifdef SKULK_DEBUG
START_TEST(wrong_order)
{
    mutex_lock(&high);
    mutex_lock(&low);
}
END_TEST
#endif

int main(void)
{
    TCase *tc = tcase_create("sync");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, exclusion);
    tcase_add_test(tc, timeouts);
#ifdef SKULK_DEBUG
    tcase_add_test_raise_signal(tc, wrong_order, SIGABRT);
#endif
    return unit_run(tc);
}
