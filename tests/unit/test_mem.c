#include "base/mem.h"
#include "tests/unit/unit.h"

START_TEST(budgets)
{
    Budget pool, query;
    Err e;
    budget_init(&pool, "pool", NULL, 1000);
    budget_init(&query, "query", &pool, 600);
    budget_charge(&query, 600);
    ck_assert(!budget_over(&query));
    budget_charge(&query, 1);
    ck_assert(budget_over(&query) && !budget_over(&pool));
    ck_assert(!budget_check(&query, &e));
    ck_assert_int_eq(e.code, ERR_OUT_OF_MEMORY);
    ck_assert_ptr_nonnull(strstr(e.message, "\"query\""));
    budget_charge(&query, -101);
    budget_charge(&pool, 501);
    ck_assert(budget_over(&query));
    ck_assert(!budget_check(&query, &e));
    ck_assert_ptr_nonnull(strstr(e.message, "\"pool\""));
    ck_assert_int_eq(pool.used, 1001);
    ck_assert_int_eq(query.peak, 601);
    ck_assert(!budget_over(NULL));
}
END_TEST

START_TEST(arena_charges)
{
    Budget b;
    Arena a;
    budget_init(&b, "b", NULL, 0);
    arena_init(&a, &b);
    for (int i = 0; i < 10000; i++) {
        char *p = arena_alloc(&a, (size_t)i % 300);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        memset(p, i, (size_t)i % 300);
    }
    ck_assert_uint_ge(a.used, 10000 * 149);
    ck_assert_int_eq(b.used, (int64_t)a.used);
    arena_reset(&a);
    ck_assert_uint_gt(a.used, 0);
    ck_assert_int_eq(b.used, (int64_t)a.used);
    memset(arena_alloc(&a, 3 << 20), 1, 3 << 20);
    arena_reset(&a); /* a large block is not kept */
    ck_assert_uint_eq(a.used, 0);
    arena_free(&a);
    arena_free(&a);
    ck_assert_int_eq(b.used, 0);
}
END_TEST

START_TEST(arena_tries)
{
    Budget b;
    Arena a;
    Err e;
    budget_init(&b, "b", NULL, 100000);
    arena_init(&a, &b);
    ck_assert_ptr_nonnull(arena_try(&a, 50000, &e));
    ck_assert_ptr_null(arena_try(&a, 60000, &e));
    ck_assert_int_eq(e.code, ERR_OUT_OF_MEMORY);
    ck_assert_ptr_null(arena_try(&a, SIZE_MAX - 5, &e));
    ck_assert_int_eq(e.code, ERR_OUT_OF_MEMORY);
    ck_assert(!budget_over(&b));
    arena_free(&a);
}
END_TEST

START_TEST(arena_rewinds)
{
    Arena a;
    arena_init(&a, NULL);
    ArenaMark empty = arena_mark(&a);
    char *kept = arena_cstr(&a, SLICE_LIT("kept"));
    ArenaMark m = arena_mark(&a);
    size_t used = a.used;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            memset(arena_alloc(&a, 5000), round, 5000);
        arena_rewind(&a, m);
        ck_assert_uint_eq(a.used, used);
        ck_assert_str_eq(kept, "kept");
    }
    arena_rewind(&a, empty);
    ck_assert_uint_eq(a.used, 0);
    Slice s = arena_printf(&a, "%d-%s", 5, "x");
    ck_assert(slice_eq_cstr(s, "5-x") && s.ptr[s.len] == '\0');
    ck_assert_uint_eq(arena_slice(&a, SLICE_NONE).len, 0);
    ck_assert_ptr_nonnull(arena_alloc(&a, 0));
    arena_free(&a);
}
END_TEST

START_TEST(heap)
{
    void *nothing = mem_alloc(0);
    ck_assert_ptr_nonnull(nothing);
    mem_free(nothing);
    char *s = mem_strdup(SLICE_LIT("abc"));
    ck_assert_str_eq(s, "abc");
    s = mem_realloc(s, 100);
    ck_assert_str_eq(s, "abc");
    char *t = mem_dup(s, 4);
    ck_assert_str_eq(t, "abc");
    mem_free(s);
    mem_free(t);
    mem_free(NULL);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("mem");
    tcase_add_test(tc, budgets);
    tcase_add_test(tc, arena_charges);
    tcase_add_test(tc, arena_tries);
    tcase_add_test(tc, arena_rewinds);
    tcase_add_test(tc, heap);
    return unit_run(tc);
}
