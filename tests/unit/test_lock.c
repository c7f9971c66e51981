/* Write locks of tables: who waits, who gives up, who would wait for ever. */
#include "base/log.h"
#include "engine_dir.h"

/* Two transactions and a third: first come first served, a time limit, a deadlock. */
START_TEST(table_locks)
{
    World w = world_new(410, 2);
    enum { A = MODEL_TABLE + 1, B };
    Err e;
    Txn *one = txn_begin(w.eng), *two = txn_begin(w.eng), *three = txn_begin(w.eng);
    Snapshot *old = engine_snapshot(w.eng, NULL);
    ck_assert_int_eq(txn_lock_table(one, A, 0, NULL, &e), LOCK_OK);
    ck_assert_int_eq(txn_lock_table(one, A, 0, NULL, &e), LOCK_OK);
    ck_assert_int_eq(txn_lock_table(two, B, 0, NULL, &e), LOCK_OK);
    ck_assert_int_eq(txn_lock_table(two, A, 0, NULL, &e), LOCK_WAIT);
    ck_assert_int_eq(txn_lock_table(one, B, 0, NULL, &e), LOCK_FAIL);
    ck_assert_int_eq(e.code, ERR_DEADLOCK);
    ck_assert_int_eq(txn_lock_table(three, A, 1, NULL, &e), LOCK_FAIL);
    ck_assert_int_eq(e.code, ERR_LOCK_NOT_AVAILABLE);
    ck_assert_int_eq(txn_lock_table(three, A, INT64_MAX, NULL, &e), LOCK_WAIT);
    txn_keep_snapshot(three, old);
    txn_rollback(one);
    ck_assert_int_eq(txn_lock_table(two, A, 0, NULL, &e), LOCK_OK);
    ck_assert_int_eq(txn_lock_table(three, A, INT64_MAX, NULL, &e), LOCK_WAIT);
    ck_assert(txn_delete(two, &(DeleteSpec){.table = A, .t_max = 5}, &e));
    Ticket t = {0};
    txn_commit(two, SYNC_ON, &t);
    world_await(&w, &t);
    ck_assert_msg(t.ok, "%s", t.err.message);
    ck_assert_int_eq(txn_lock_table(three, A, INT64_MAX, NULL, &e), LOCK_FAIL);
    ck_assert_int_eq(e.code, ERR_SERIALIZATION);
    ck_assert_int_eq(txn_lock_table(three, B, INT64_MAX, NULL, &e), LOCK_FAIL);
    txn_rollback(three);
    snapshot_unref(old);
    world_end(&w);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("lock");
    log_configure(LOG_ERROR, false);
    tcase_add_test(tc, table_locks);
    return unit_run(tc);
}
