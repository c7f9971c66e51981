/* What every back end of the store seam must do; runs over store_local and store_slow. */
#include "storage/engine.h"
#include "storage/store.h"
#include "unit.h"

#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum { LOCAL = 0, LOCAL_PREAD = 1, SLOW = 2, BACK_ENDS = 3 };

typedef struct Fixture {
    int kind;
    Sched *sched;
    Store *s;
    uint64_t epoch;
    char dir[64];
    Buf seen; /* what manifest_read and log_read gave */
    size_t records;
    Lsn last;
} Fixture;

static bool see_edit(void *arg, Slice edit, Err *e)
{
    Fixture *f = arg;
    (void)e;
    buf_put_slice(&f->seen, edit);
    buf_puts(&f->seen, ";");
    return true;
}

static bool see_record(void *arg, Lsn lsn, const LogFrame *frame, Err *e)
{
    Fixture *f = arg;
    (void)e;
    ck_assert_uint_eq(lsn, f->last + 1);
    f->last = lsn;
    f->records++;
    buf_printf(&f->seen, "%llu:%d:", (unsigned long long)lsn, frame->type);
    buf_put_slice(&f->seen, frame->payload);
    buf_puts(&f->seen, ";");
    return true;
}

static void start(Fixture *f)
{
    Err e;
    bool ok;
    int flags = ENGINE_CREATE | (f->kind == LOCAL_PREAD ? ENGINE_PREAD : 0);
    if (f->kind == SLOW)
        ok = f->s || store_slow_open(&f->s, f->sched, 42, &e);
    else
        ok = store_local_open(&f->s, f->dir, flags, NULL, f->sched, &e);
    ck_assert_msg(ok, "%s", e.message);
    buf_clear(&f->seen);
    ck_assert(f->s->ops->manifest_read(f->s, see_edit, f, &e));
    ck_assert(f->s->ops->lease(f->s, &f->epoch, &e));
}

static void read_log(Fixture *f, Lsn after)
{
    Err e;
    buf_clear(&f->seen);
    f->records = 0;
    f->last = after;
    ck_assert_msg(f->s->ops->log_read(f->s, after, see_record, f, &e), "%s", e.message);
}

static void setup(Fixture *f, int kind)
{
    srand((unsigned)kind);
    *f = (Fixture){.kind = kind,
                   .sched = sched_new(&clock_real, kind % 2 ? 2 : 0, kind % 2 ? 2 : 0, 0)};
    snprintf(f->dir, sizeof f->dir, "/tmp/skulk-store-XXXXXX");
    ck_assert(mkdtemp(f->dir));
    start(f);
    read_log(f, 0);
    ck_assert_uint_eq(f->records, 0);
}

/* What is durable is there again; the slow store has only one life. */
static void again(Fixture *f)
{
    if (f->kind != SLOW)
        f->s->ops->close(f->s);
    start(f);
}

static void teardown(Fixture *f)
{
    char cmd[128];
    f->s->ops->close(f->s);
    sched_free(f->sched);
    buf_free(&f->seen);
    snprintf(cmd, sizeof cmd, "rm -rf %s", f->dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void await(Fixture *f, Completion *c)
{
    while (!atomic_load(&c->done))
        if (sched_workers(f->sched) || !sched_step(f->sched))
            nanosleep(&(struct timespec){0, 100000}, NULL);
}

START_TEST(log_in_order)
{
    enum { N = 60 };
    Fixture f;
    Completion c[N] = {0};
    char text[N][40];
    LogFrame frames[N][2];
    Buf want = {0};
    Lsn next = 1;
    setup(&f, _i);
    for (int i = 0; i < N; i++) {
        size_t len = (size_t)snprintf(text[i], sizeof text[i], "payload %d", i);
        frames[i][0] = (LogFrame){1, 0, {text[i], len}};
        frames[i][1] = (LogFrame){2, 0, {text[i], i % 9 ? len : 0}};
        f.s->ops->log_append(f.s, frames[i], 1 + (size_t)(i % 2), f.epoch, i % 3 == 0, &c[i]);
    }
    Completion sync = {0};
    f.s->ops->log_append(f.s, NULL, 0, f.epoch, true, &sync);
    for (int i = 0; i < N; i++) {
        await(&f, &c[i]);
        ck_assert_msg(c[i].ok, "%s", c[i].err.message);
        ck_assert_uint_eq(c[i].value, next);
        for (int k = 0; k < 1 + i % 2; k++)
            buf_printf(&want, "%llu:%d:%.*s;", (unsigned long long)next++, frames[i][k].type,
                       (int)frames[i][k].payload.len, frames[i][k].payload.ptr);
    }
    await(&f, &sync);
    ck_assert(sync.ok);
    again(&f);
    read_log(&f, 0);
    ck_assert_uint_eq(f.seen.len, want.len);
    ck_assert_mem_eq(f.seen.ptr, want.ptr, want.len);
    f.s->ops->log_recycle(f.s, next - 3);
    again(&f);
    read_log(&f, next - 3);
    ck_assert_uint_eq(f.records, 2);
    buf_free(&want);
    teardown(&f);
}
END_TEST

START_TEST(one_writer)
{
    Fixture f;
    Completion c = {0}, d = {0};
    LogFrame frame = {1, 0, SLICE_LIT("x")};
    setup(&f, _i);
    uint64_t old = f.epoch, epoch;
    Err e;
    ck_assert(f.s->ops->lease(f.s, &epoch, &e));
    ck_assert_uint_gt(epoch, old);
    f.s->ops->log_append(f.s, &frame, 1, old, true, &c);
    await(&f, &c);
    ck_assert(!c.ok);
    ck_assert_int_eq(c.err.code, ERR_SERIALIZATION);
    f.s->ops->commit(f.s, SLICE_LIT("edit"), old, f.s->ops->watch(f.s), &d);
    await(&f, &d);
    ck_assert(!d.ok);
    ck_assert_int_eq(d.err.code, ERR_SERIALIZATION);
    f.epoch = epoch;
    teardown(&f);
}
END_TEST

static Completion commit(Fixture *f, const char *edit, uint64_t version, bool snapshot)
{
    Completion c = {0};
    if (snapshot)
        f->s->ops->commit_snapshot(f->s, slice_cstr(edit), f->epoch, version, &c);
    else
        f->s->ops->commit(f->s, slice_cstr(edit), f->epoch, version, &c);
    await(f, &c);
    return c;
}

START_TEST(manifest)
{
    Fixture f;
    setup(&f, _i);
    uint64_t v = f.s->ops->watch(f.s);
    Completion c = commit(&f, "a", v, false);
    ck_assert_msg(c.ok, "%s", c.err.message);
    ck_assert_uint_eq(c.value, v + 1);
    ck_assert_uint_eq(f.s->ops->watch(f.s), v + 1);
    c = commit(&f, "never", v, false);
    ck_assert(!c.ok);
    ck_assert_int_eq(c.err.code, ERR_SERIALIZATION);
    ck_assert(commit(&f, "b", v + 1, false).ok);
    again(&f);
    ck_assert_uint_eq(f.seen.len, 4);
    ck_assert_mem_eq(f.seen.ptr, "a;b;", 4);
    v = f.s->ops->watch(f.s);
    for (int i = 0; i < 3; i++) {
        ck_assert(commit(&f, "all", v++, true).ok);
        ck_assert(commit(&f, "more", v++, false).ok);
    }
    again(&f);
    ck_assert_uint_eq(f.s->ops->watch(f.s), v);
    ck_assert_uint_eq(f.seen.len, 9);
    ck_assert_mem_eq(f.seen.ptr, "all;more;", 9);
    teardown(&f);
}
END_TEST

typedef struct Pinner { /* a task that pins, because a pin may wait */
    Task task;
    Fixture *f;
    BlobId id;
    uint64_t offset;
    size_t len;
    PinStatus status;
    const uint8_t *ptr;
    Err err;
    atomic_bool done;
} Pinner;

static TaskStatus pin_step(Task *t)
{
    Pinner *p = (Pinner *)t;
    p->status = p->f->s->ops->blob_pin(p->f->s, p->id, p->offset, p->len, t, &p->ptr, &p->err);
    return p->status == PIN_WAIT ? TASK_WAIT : TASK_DONE;
}

static void pin_done(Task *t)
{
    Pinner *p = (Pinner *)t;
    Sched *sched = p->f->sched;
    atomic_store(&p->done, true);
    sched_notify(sched);
}

static PinStatus pin(Fixture *f, BlobId id, uint64_t offset, size_t len, const uint8_t **ptr,
                     Err *e)
{
    Pinner p = {.f = f, .id = id, .offset = offset, .len = len};
    task_init(&p.task, pin_step, TASK_QUERY, 0);
    p.task.done = pin_done;
    task_start(f->sched, &p.task);
    sched_run_until(f->sched, &p.done);
    *ptr = p.ptr;
    *e = p.err;
    return p.status;
}

START_TEST(blobs)
{
    enum { PIECES = 5, PIECE = 70000 };
    Fixture f;
    static char bytes[PIECES * PIECE];
    Completion c[PIECES + 1] = {0};
    const uint8_t *ptr;
    Err e;
    setup(&f, _i);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)rand();
    BlobId id = blob_id(BLOB_PART, 7), other = blob_id(BLOB_SERIES, 7);
    ck_assert_int_eq(pin(&f, id, 0, 1, &ptr, &e), PIN_FAIL);
    ck_assert_int_eq(e.code, ERR_UNDEFINED_FILE);
    for (int i = 0; i < PIECES; i++)
        f.s->ops->blob_put(f.s, id, slice_of(bytes + i * PIECE, PIECE), false, &c[i]);
    f.s->ops->blob_put(f.s, id, SLICE_NONE, true, &c[PIECES]);
    for (int i = 0; i <= PIECES; i++) {
        await(&f, &c[i]);
        ck_assert_msg(c[i].ok, "%s", c[i].err.message);
    }
    ck_assert_uint_eq(c[PIECES].value, sizeof bytes);
    for (int i = 0; i < 30; i++) {
        uint64_t at = (uint64_t)rand() % sizeof bytes;
        size_t len = (size_t)rand() % (sizeof bytes - at + 1);
        ck_assert_msg(pin(&f, id, at, len, &ptr, &e) == PIN_OK, "%s", e.message);
        ck_assert_mem_eq(ptr, bytes + at, len);
        f.s->ops->blob_unpin(f.s, id, ptr, len);
    }
    ck_assert_int_eq(pin(&f, id, sizeof bytes - 1, 2, &ptr, &e), PIN_FAIL);
    ck_assert_int_eq(e.code, ERR_DATA_CORRUPTED);
    Completion put = {0};
    f.s->ops->blob_put(f.s, other, SLICE_LIT("half"), false, &put);
    await(&f, &put);
    ck_assert_int_eq(pin(&f, other, 0, 1, &ptr, &e), PIN_FAIL); /* not whole: not there */
    f.s->ops->blob_abort(f.s, other);
    StoreUsage u;
    ck_assert(f.s->ops->usage(f.s, &u, &e));
    ck_assert_int_ge(u.blobs[BLOB_PART], sizeof bytes);
    ck_assert_int_eq(u.blobs[BLOB_SERIES], 0);
    again(&f);
    read_log(&f, 0);
    ck_assert_msg(pin(&f, id, 0, sizeof bytes, &ptr, &e) == PIN_OK, "%s", e.message);
    ck_assert_mem_eq(ptr, bytes, sizeof bytes);
    f.s->ops->blob_unpin(f.s, id, ptr, sizeof bytes);
    f.s->ops->blob_drop(f.s, id);
    ck_assert_int_eq(pin(&f, id, 0, 1, &ptr, &e), PIN_FAIL);
    teardown(&f);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("store");
    log_configure(LOG_ERROR, false);
    tcase_add_loop_test(tc, log_in_order, 0, BACK_ENDS);
    tcase_add_loop_test(tc, one_writer, 0, BACK_ENDS);
    tcase_add_loop_test(tc, manifest, 0, BACK_ENDS);
    tcase_add_loop_test(tc, blobs, 0, BACK_ENDS);
    return unit_run(tc);
}
