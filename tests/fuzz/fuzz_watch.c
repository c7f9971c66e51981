/* Watches from foreign bytes: a record of the log, the list of a manifest, and edits played upon the list.
 * What is taken can be written again, and means the same.  First two bytes: where the list ends. */
#include "base/log.h"
#include "storage/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const WatchList *l)
{
    Buf first = {0}, second = {0};
    WatchList *again = NULL;
    Err e;
    watches_encode(&first, l);
    must(watches_decode(&again, buf_slice(&first), &e));
    watches_encode(&second, again);
    must(slice_eq(buf_slice(&first), buf_slice(&second)));
    watches_unref(again);
    buf_free(&first);
    buf_free(&second);
}

static void edit_again(const WatchEdit *edit)
{
    Buf b = {0}, c = {0};
    WatchEdit again;
    Err e;
    watch_edit_encode(&b, edit);
    must(watch_edit_decode(&again, buf_slice(&b), &e));
    watch_edit_encode(&c, &again);
    must(slice_eq(buf_slice(&b), buf_slice(&c)));
    buf_free(&b);
    buf_free(&c);
}

/* A list with the edit in it, rows marked below it: as recovery does. */
static WatchList *play(WatchList *l, const WatchEdit *edit, Lsn lsn)
{
    WatchBuild *b = watch_build_new(l);
    watch_build_edit(b, edit);
    watch_build_range(b, edit->state.table, edit->clear_from_ns, edit->clear_to_ns, lsn);
    WatchList *next = watch_build_end(b);
    watches_unref(l);
    return next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WatchList *l = NULL;
    WatchEdit edit;
    Err e;
    if (size < 2)
        return 0;
    log_configure(LOG_OFF, false);
    Reader r = reader_of(slice_of((const char *)data, size));
    size_t n = reader_u16(&r);
    if (!watches_decode(&l, reader_bytes(&r, n < reader_left(&r) ? n : reader_left(&r)), &e))
        l = NULL;
    if (l)
        write_again(l);
    for (Lsn lsn = 1; reader_left(&r); lsn++) { /* each edit behind its length */
        n = reader_u8(&r);
        if (!watch_edit_decode(&edit, reader_bytes(&r, n < reader_left(&r) ? n : reader_left(&r)),
                               &e))
            continue;
        edit_again(&edit);
        l = play(l, &edit, lsn);
        if (l)
            write_again(l);
    }
    watches_unref(l);
    return 0;
}
