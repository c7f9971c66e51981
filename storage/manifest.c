#include "storage/manifest.h"

#include "base/hash.h"
#include <stdlib.h>

enum {
    ITEM_NEXT_FILE = 1,
    ITEM_COVERED = 2,
    ITEM_PART = 3,
    ITEM_DROP_PART = 4,
    ITEM_SERIES = 5,
    ITEM_SERIES_ALL = 6, /* a snapshot: .series files of the series that it holds are gone */
    ITEM_CATALOG = 7,
    ITEM_CLEAR = 8, /* start of a snapshot */
    ITEM_SCRUBBED = 9,
    ITEM_WATCHES = 10,
    ITEM_TOMBSTONE = 20,
    ITEM_DROP_TOMBSTONE = 21,
};

void manifest_init(Manifest *m)
{
    *m = (Manifest){.next_file = 1};
}

void manifest_reset(Manifest *m)
{
    mem_free(m->parts);
    mem_free(m->series);
    tombs_unref(m->tombs);
    buf_free(&m->watches);
    manifest_init(m);
}

const ManifestPart *manifest_part(const Manifest *m, uint64_t number)
{
    for (size_t i = 0; i < m->part_count; i++)
        if (m->parts[i].number == number)
            return &m->parts[i];
    return NULL;
}

void manifest_put_next_file(Buf *edit, uint64_t next_file)
{
    buf_put_u8(edit, ITEM_NEXT_FILE);
    buf_put_varint(edit, next_file);
}

void manifest_put_covered(Buf *edit, Lsn covered)
{
    buf_put_u8(edit, ITEM_COVERED);
    buf_put_varint(edit, covered);
}

void manifest_put_part(Buf *edit, const ManifestPart *p)
{
    buf_put_u8(edit, ITEM_PART);
    buf_put_varint(edit, p->number);
    buf_put_u8(edit, (uint8_t)p->level);
    buf_put_varint(edit, p->bytes);
    buf_put_varint(edit, p->rows);
    buf_put_zigzag(edit, p->t_min);
    buf_put_zigzag(edit, p->t_max);
    buf_put_varint(edit, p->seq_min);
    buf_put_varint(edit, p->seq_max);
}

void manifest_drop_part(Buf *edit, uint64_t number)
{
    buf_put_u8(edit, ITEM_DROP_PART);
    buf_put_varint(edit, number);
}

void manifest_put_series(Buf *edit, const ManifestSeries *s)
{
    buf_put_u8(edit, s->whole ? ITEM_SERIES_ALL : ITEM_SERIES);
    buf_put_varint(edit, s->number);
    buf_put_varint(edit, s->bytes);
    buf_put_varint(edit, s->last);
}

uint64_t manifest_series_last(const Manifest *m)
{
    uint64_t last = 0;
    for (size_t i = 0; i < m->series_count; i++)
        last = m->series[i].last > last ? m->series[i].last : last;
    return last;
}

void manifest_put_catalog(Buf *edit, const ManifestCatalog *c)
{
    buf_put_u8(edit, ITEM_CATALOG);
    buf_put_varint(edit, c->number);
    buf_put_varint(edit, c->bytes);
    buf_put_varint(edit, c->version);
}

void manifest_put_tomb(Buf *edit, const Tombstone *t)
{
    Buf payload = {0};
    tomb_encode(&payload, t);
    buf_put_u8(edit, ITEM_TOMBSTONE);
    buf_put_varint(edit, t->lsn);
    buf_put_str(edit, buf_slice(&payload));
    buf_free(&payload);
}

void manifest_drop_tomb(Buf *edit, Lsn lsn)
{
    buf_put_u8(edit, ITEM_DROP_TOMBSTONE);
    buf_put_varint(edit, lsn);
}

static void put_watches(Buf *edit, Slice bytes)
{
    buf_put_u8(edit, ITEM_WATCHES);
    buf_put_str(edit, bytes);
}

void manifest_put_watches(Buf *edit, const WatchList *l)
{
    Buf bytes = {0};
    watches_encode(&bytes, l);
    put_watches(edit, buf_slice(&bytes));
    buf_free(&bytes);
}

void manifest_put_scrubbed(Buf *edit, int64_t wall_ns)
{
    buf_put_u8(edit, ITEM_SCRUBBED);
    buf_put_zigzag(edit, wall_ns);
}

void manifest_put_all(Buf *edit, const Manifest *m)
{
    buf_put_u8(edit, ITEM_CLEAR);
    manifest_put_next_file(edit, m->next_file);
    manifest_put_covered(edit, m->covered);
    for (size_t i = 0; i < m->part_count; i++)
        manifest_put_part(edit, &m->parts[i]);
    for (size_t i = 0; i < m->series_count; i++)
        manifest_put_series(edit, &m->series[i]);
    if (m->catalog.number)
        manifest_put_catalog(edit, &m->catalog);
    if (m->scrubbed_ns)
        manifest_put_scrubbed(edit, m->scrubbed_ns);
    for (size_t i = 0; m->tombs && i < m->tombs->count; i++)
        manifest_put_tomb(edit, m->tombs->items[i]);
    if (m->watches.len)
        put_watches(edit, buf_slice(&m->watches));
}

/* ---- applying ---- */

static bool bad_edit(Err *e, const char *what, uint64_t number)
{
    return err_set(e, ERR_DATA_CORRUPTED, "the manifest is damaged: %s %llu", what,
                   (unsigned long long)number);
}

static bool apply_part(Manifest *m, Reader *r, Err *e)
{
    ManifestPart p = {.number = reader_varint(r)};
    p.level = reader_u8(r);
    p.bytes = reader_varint(r);
    p.rows = reader_varint(r);
    p.t_min = reader_zigzag(r);
    p.t_max = reader_zigzag(r);
    p.seq_min = reader_varint(r);
    p.seq_max = reader_varint(r);
    if (r->bad || manifest_part(m, p.number))
        return bad_edit(e, "a second entry for file", p.number);
    if (m->part_count == m->part_cap) {
        m->part_cap = m->part_cap ? m->part_cap * 2 : 16;
        m->parts = mem_realloc(m->parts, m->part_cap * sizeof *m->parts);
    }
    m->parts[m->part_count++] = p;
    return true;
}

static bool apply_drop(Manifest *m, Reader *r, Err *e)
{
    uint64_t number = reader_varint(r);
    const ManifestPart *p = manifest_part(m, number);
    if (!p)
        return bad_edit(e, "it removes the unknown file", number);
    size_t i = (size_t)(p - m->parts);
    memmove(m->parts + i, m->parts + i + 1, (--m->part_count - i) * sizeof *m->parts);
    return true;
}

/* A snapshot comes first, before increments that are newer than it. */
static void apply_series(Manifest *m, Reader *r, bool whole)
{
    ManifestSeries s = {.number = reader_varint(r), .whole = whole};
    s.bytes = reader_varint(r);
    s.last = reader_varint(r);
    size_t kept = 0;
    for (size_t i = 0; whole && i < m->series_count; i++)
        if (m->series[i].last > s.last)
            m->series[kept++] = m->series[i];
    if (whole)
        m->series_count = kept;
    if (m->series_count == m->series_cap) {
        m->series_cap = m->series_cap ? m->series_cap * 2 : 16;
        m->series = mem_realloc(m->series, m->series_cap * sizeof *m->series);
    }
    if (whole)
        memmove(m->series + 1, m->series, m->series_count * sizeof s);
    m->series[whole ? 0 : m->series_count] = s;
    m->series_count++;
}

/* Deletes of one edit, gathered: there may be thousands, and the list is made anew. */
typedef struct TombEdit {
    Buf fresh; /* Tombstone * */
    Buf drops; /* Lsn, ascending at the end */
} TombEdit;

static void tombs_replace(Manifest *m, TombList *take_l)
{
    tombs_unref(m->tombs);
    m->tombs = take_l;
}

static bool apply_tomb(TombEdit *te, Reader *r, Err *e)
{
    Tombstone *t;
    Lsn lsn = reader_varint(r);
    if (!tomb_decode(&t, reader_str(r), lsn, e))
        return err_wrap(e, "the manifest is damaged");
    buf_put(&te->fresh, &t, sizeof t);
    return true;
}

static int lsn_compare(const void *a, const void *b)
{
    Lsn x = *(const Lsn *)a, y = *(const Lsn *)b;
    return (x > y) - (x < y);
}

static void drop_tombs(Manifest *m, const TombEdit *te)
{
    size_t all = m->tombs ? m->tombs->count : 0, dead_count = 0,
           drops = te->drops.len / sizeof(Lsn);
    Tombstone **dead = mem_alloc(all * sizeof *dead + 1);
    for (size_t i = 0; i < all; i++)
        if (bsearch(&m->tombs->items[i]->lsn, te->drops.ptr, drops, sizeof(Lsn), lsn_compare))
            dead[dead_count++] = m->tombs->items[i];
    tombs_replace(m, tombs_build(m->tombs, dead, dead_count, NULL, 0));
    mem_free(dead);
}

static bool tomb_edit_end(Manifest *m, TombEdit *te, Err *e)
{
    Tombstone **fresh = (Tombstone **)(void *)te->fresh.ptr;
    size_t count = te->fresh.len / sizeof(Tombstone *), drops = te->drops.len / sizeof(Lsn);
    if (count)
        tombs_replace(m, tombs_build(m->tombs, NULL, 0, fresh, count));
    size_t before = m->tombs ? m->tombs->count : 0;
    if (drops) {
        qsort(te->drops.ptr, drops, sizeof(Lsn), lsn_compare);
        drop_tombs(m, te);
    }
    for (size_t i = 0; i < count; i++)
        tomb_unref(fresh[i]);
    buf_free(&te->fresh);
    buf_free(&te->drops);
    return !drops || m->tombs->count + drops == before ||
           bad_edit(e, "it ends unknown deletes; known:", before);
}

static bool apply_item(Manifest *m, TombEdit *te, Reader *r, Err *e)
{
    uint8_t item = reader_u8(r);
    switch (item) {
    case ITEM_NEXT_FILE:
        m->next_file = reader_varint(r);
        return true;
    case ITEM_COVERED:
        m->covered = reader_varint(r);
        return true;
    case ITEM_PART:
        return apply_part(m, r, e);
    case ITEM_DROP_PART:
        return apply_drop(m, r, e);
    case ITEM_SERIES:
    case ITEM_SERIES_ALL:
        apply_series(m, r, item == ITEM_SERIES_ALL);
        return true;
    case ITEM_CATALOG:
        m->catalog.number = reader_varint(r);
        m->catalog.bytes = reader_varint(r);
        m->catalog.version = reader_varint(r);
        return true;
    case ITEM_TOMBSTONE:
        return apply_tomb(te, r, e);
    case ITEM_DROP_TOMBSTONE:
        buf_put(&te->drops, &(Lsn){reader_varint(r)}, sizeof(Lsn));
        return true;
    case ITEM_SCRUBBED:
        m->scrubbed_ns = reader_zigzag(r);
        return true;
    case ITEM_WATCHES:
        buf_clear(&m->watches);
        buf_put_slice(&m->watches, reader_str(r));
        return true;
    case ITEM_CLEAR:
        buf_clear(&m->watches);
        tombs_replace(m, NULL);
        m->part_count = m->series_count = 0;
        m->catalog = (ManifestCatalog){0};
        return true;
    default:
        return bad_edit(e, "unknown item", item);
    }
}

bool manifest_apply(Manifest *m, Slice edit, Err *e)
{
    Reader r = reader_of(edit);
    TombEdit te = {0};
    Err ignored;
    bool ok = true;
    while (ok && reader_left(&r) && !r.bad)
        ok = apply_item(m, &te, &r, e);
    if (ok && r.bad)
        ok = bad_edit(e, "an edit is cut short after bytes:", edit.len);
    return tomb_edit_end(m, &te, ok ? e : &ignored) && ok;
}

bool manifest_one_part(ManifestPart *out, Slice edit, Err *e)
{
    Manifest m;
    manifest_init(&m);
    bool ok = manifest_apply(&m, edit, e);
    if (ok && m.part_count == 1)
        *out = m.parts[0];
    else if (ok)
        ok = err_set(e, ERR_DATA_CORRUPTED, "one file is wanted, not %zu", m.part_count);
    manifest_reset(&m);
    return ok;
}
