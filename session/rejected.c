/* session/rejected.c - skulk.rejected: the lines that were refused last, with the reason.
 *
 * A ring in memory, made with the first line that is refused; a restart empties it. */
#include "session/rejected.h"
#include "session/session_private.h"

enum { RING = 1000, TEXT_KEPT = 200, REASON_KEPT = 300 };

typedef struct Kept {
    int64_t time_ns;
    uint64_t line;
    ErrCode code;
    char database[NAME_MAX_BYTES + 1], path[40], text[TEXT_KEPT], reason[REASON_KEPT];
} Kept;

typedef struct RejectedRing {
    uint64_t count; /* ever */
    Kept items[RING];
} RejectedRing;

/* Cut at a character. */
static void keep_text(char *dst, size_t size, Slice s)
{
    size_t n = 0, step;
    while (n < s.len && (step = slice_utf8_step(slice_of(s.ptr + n, s.len - n))) > 0 &&
           n + step < size)
        n += step;
    memcpy(dst, s.ptr, n);
    dst[n] = 0;
}

void db_note_rejected(Db *db, const Rejected *r)
{
    mutex_lock(&db->mutex);
    if (!db->rejected)
        db->rejected = MEM_NEW(RejectedRing);
    Kept *k = &db->rejected->items[db->rejected->count++ % RING];
    k->time_ns = r->time_ns;
    k->line = r->line;
    k->code = r->err->code;
    keep_text(k->database, sizeof k->database, r->database.len ? r->database : SLICE_LIT("skulk"));
    keep_text(k->path, sizeof k->path, slice_cstr(r->path));
    keep_text(k->text, sizeof k->text, slice_cstr(r->text));
    keep_text(k->reason, sizeof k->reason, slice_cstr(r->err->message));
    mutex_unlock(&db->mutex);
}

bool rejected_fill(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)snap, (void)e;
    Db *db = ((Session *)ctx->session)->db;
    mutex_lock(&db->mutex);
    RejectedRing *copy = db->rejected ? mem_dup(db->rejected, sizeof *copy) : NULL;
    mutex_unlock(&db->mutex);
    uint64_t from = copy && copy->count > RING ? copy->count - RING : 0;
    for (uint64_t i = from; copy && i < copy->count; i++) {
        const Kept *k = &copy->items[i % RING];
        Value row[] = {value_i64(floor_div(k->time_ns, NS_PER_US)),
                       value_str(slice_cstr(k->database)),
                       value_str(slice_cstr(k->path)),
                       k->line ? value_i64((int64_t)k->line) : value_null(),
                       value_str(slice_cstr(k->text)),
                       value_str(slice_cstr(err_sqlstate(k->code))),
                       value_str(slice_cstr(k->reason))};
        row_sink_add(sink, row);
    }
    mem_free(copy);
    return true;
}
