/* Delays of those who guess passwords: whom they hold up, how long, and whom they do not. */
#include "base/clock.h"
#include "session/throttle.h"
#include "tests/unit/unit.h"

#include <stdio.h>

enum { DELAY_MS = 250 };

static Throttle *t;
static int64_t now_ns;

static void begin(void)
{
    now_ns = 1000 * NS_PER_S;
    t = throttle_new(DELAY_MS * NS_PER_MS, 42);
}

static ThrottleKey key(const char *role, const char *peer)
{
    return throttle_key(t, slice_cstr(role), slice_cstr(peer));
}

enum { REFUSED = -1 };

/* An attempt; ms until it is looked at, or REFUSED. */
static int64_t attempt(const char *role, const char *peer, ThrottleTurn *turn)
{
    Err e;
    if (!throttle_enter(t, key(role, peer), now_ns, turn, &e)) {
        ck_assert_int_eq(e.code, ERR_INVALID_AUTHORIZATION);
        return REFUSED;
    }
    return (turn->at_ns - now_ns) / NS_PER_MS;
}

/* One wrong password, whose answer the client awaits: ms, or REFUSED. */
static int64_t guess(const char *role, const char *peer)
{
    ThrottleTurn turn;
    return attempt(role, peer, &turn) == REFUSED ? REFUSED : (turn.answer_ns - now_ns) / NS_PER_MS;
}

static int64_t login(const char *role, const char *peer)
{
    ThrottleTurn turn;
    int64_t wait = attempt(role, peer, &turn);
    if (wait != REFUSED)
        throttle_passed(t, key(role, peer), &turn);
    return wait;
}

/* The client waits for each answer: the delay doubles up to its greatest, the right password is heard at
 * once. */
START_TEST(one_after_the_other)
{
    begin();
    int64_t want = 0;
    for (int i = 0; i < 20; i++) {
        if (i >= THROTTLE_FREE_ROLE)
            want = want ? want * 2 : DELAY_MS;
        want = want < THROTTLE_DELAY_MAX_MS ? want : THROTTLE_DELAY_MAX_MS;
        int64_t wait = guess("ann", "10.0.0.1:5000");
        ck_assert_int_eq(wait, want);
        now_ns += wait * NS_PER_MS;
    }
    guess("ann", "10.0.0.1:5000");
    ck_assert_int_eq(login("ann", "10.0.0.1:5001"), 0);
    ck_assert_int_eq(guess("ann", "10.0.0.1:5000"), 0);
    throttle_free(t);
}
END_TEST

START_TEST(forgotten)
{
    begin();
    for (int i = 0; i < 20; i++)
        guess("ann", "10.0.0.1:5000");
    ck_assert_int_ne(guess("ann", "10.0.0.1:5000"), 0);
    now_ns += (THROTTLE_FORGET_MS + INT64_C(1)) * NS_PER_MS;
    ck_assert_int_eq(guess("ann", "10.0.0.1:5000"), 0);
    throttle_free(t);
}
END_TEST

/* Many at once from other ports: few are looked at, the others refused. */
START_TEST(all_at_once)
{
    enum { SECONDS = 100, MOST = THROTTLE_FREE_ROLE + 8 * THROTTLE_SLOTS };
    char peer[64];
    int looked_at = 0;
    begin();
    for (int i = 0; i < 1000; i++) {
        snprintf(peer, sizeof peer, "10.0.0.1:%d", 1024 + i);
        looked_at += guess("ann", peer) != REFUSED;
    }
    ck_assert_int_le(looked_at, MOST);
    ck_assert_int_eq(guess("ann", "10.0.0.2:1"), 0); /* the same role from elsewhere */
    ck_assert_int_eq(login("bob", "10.0.0.1:1"), 0); /* another role from there */
    for (int i = 0; i < SECONDS * 100; i++, now_ns += 10 * NS_PER_MS)
        looked_at += guess("ann", "10.0.0.1:1") != REFUSED;
    ck_assert_int_le(looked_at, MOST + (SECONDS / 10 + 2) * THROTTLE_SLOTS);
    throttle_free(t);
}
END_TEST

START_TEST(many_roles_from_one_address)
{
    char role[64];
    int looked_at = 0;
    begin();
    ck_assert_int_eq(login("ann", "[2001:db8::1]:1"), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(role, sizeof role, "role%d", i);
        looked_at += guess(role, i % 2 ? "[2001:db8::1]:1" : "[2001:db8::ffff:2]:1") != REFUSED;
    }
    ck_assert_int_le(looked_at, THROTTLE_FREE_ADDRESS + 8 * THROTTLE_SLOTS);
    ck_assert_int_eq(guess("eve", "[2001:db8::1]:1"), REFUSED);
    ck_assert_int_eq(login("ann", "[2001:db8::1]:2"), 0); /* was there before: is not held up */
    ck_assert_int_eq(guess("eve", "[2001:db8:0:1::1]:1"), 0);
    throttle_free(t);
}
END_TEST

START_TEST(a_login_forgives)
{
    begin();
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < THROTTLE_FREE_ROLE - 1; k++)
            ck_assert_int_eq(guess("ann", "10.0.0.1:1"), 0);
        ck_assert_int_eq(login("ann", "10.0.0.1:1"), 0);
    }
    for (int i = 0; i < 1000; i++) /* and costs nothing, however many come */
        ck_assert_int_eq(login("bob", "10.0.0.3:1"), 0);
    throttle_free(t);
}
END_TEST

START_TEST(the_same_wrong_password)
{
    begin();
    ck_assert(!throttle_repeats(t, key("ann", "10.0.0.1:1"), 7));
    ck_assert_int_eq(guess("ann", "10.0.0.1:1"), 0);
    throttle_failed_with(t, key("ann", "10.0.0.1:1"), 7);
    ck_assert(throttle_repeats(t, key("ann", "10.0.0.1:2"), 7));
    ck_assert(!throttle_repeats(t, key("ann", "10.0.0.1:2"), 8));
    ck_assert(!throttle_repeats(t, key("ann", "10.0.0.2:2"), 7));
    throttle_free(t);
}
END_TEST

/* Any number of addresses: the table stays what it is, and the last ones are known. */
START_TEST(bounded)
{
    char peer[64];
    begin();
    for (int i = 0; i < 200000; i++, now_ns++) {
        snprintf(peer, sizeof peer, "10.%d.%d.%d:1", i >> 16, i >> 8 & 255, i & 255);
        ck_assert_int_eq(guess("ann", peer), 0);
    }
    for (int i = 0; i < THROTTLE_FREE_ROLE; i++)
        ck_assert_int_eq(guess("ann", "11.0.0.1:1"), 0);
    ck_assert_int_gt(guess("ann", "11.0.0.1:1"), 0);
    throttle_free(t);
    t = throttle_new(0, 42); /* switched off */
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(guess("ann", "11.0.0.1:1"), 0);
    throttle_free(t);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("throttle");
    tcase_add_test(tc, one_after_the_other);
    tcase_add_test(tc, forgotten);
    tcase_add_test(tc, all_at_once);
    tcase_add_test(tc, many_roles_from_one_address);
    tcase_add_test(tc, a_login_forgives);
    tcase_add_test(tc, the_same_wrong_password);
    tcase_add_test(tc, bounded);
    return unit_run(tc);
}
