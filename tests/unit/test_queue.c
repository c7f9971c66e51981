#include "base/queue.h"
#include "tests/unit/unit.h"

#include <sched.h>

enum { ITEMS = 20000, THREADS = 3 };

static Queue queue;
static int items[ITEMS];
static atomic_int next_in, popped;

START_TEST(bounded)
{
    int a = 1, b = 2;
    queue_init(&queue, 2);
    for (int round = 0; round < 5; round++) {
        ck_assert_ptr_null(queue_pop(&queue));
        ck_assert(queue_push(&queue, &a) && queue_push(&queue, &b) && !queue_push(&queue, &a));
        ck_assert_uint_eq(queue_count(&queue), 2);
        ck_assert_ptr_eq(queue_pop(&queue), &a);
        ck_assert(queue_push(&queue, &a));
        ck_assert_ptr_eq(queue_pop(&queue), &b);
        ck_assert_ptr_eq(queue_pop(&queue), &a);
    }
    queue_free(&queue);
}
END_TEST

static void *produce(void *arg)
{
    for (int i; (i = atomic_fetch_add(&next_in, 1)) < ITEMS;)
        while (!queue_push(&queue, &items[i]))
            sched_yield();
    return arg;
}

static void *consume(void *arg)
{
    while (atomic_load(&popped) < ITEMS) {
        int *item = queue_pop(&queue);
        if (!item) {
            sched_yield();
            continue;
        }
        (*item)++;
        atomic_fetch_add(&popped, 1);
    }
    return arg;
}

START_TEST(each_item_once)
{
    pthread_t threads[2 * THREADS];
    queue_init(&queue, 16);
    for (int i = 0; i < 2 * THREADS; i++)
        pthread_create(&threads[i], NULL, i % 2 ? produce : consume, NULL);
    for (int i = 0; i < 2 * THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < ITEMS; i++)
        ck_assert_int_eq(items[i], 1);
    queue_free(&queue);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("queue");
    tcase_add_test(tc, bounded);
    tcase_add_test(tc, each_item_once);
    return unit_run(tc);
}
