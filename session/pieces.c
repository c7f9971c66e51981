#include "session/pieces.h"

#include "exec/func_text.h"

/* ---- series ---- */

static void of_all(Piece *p)
{
    p->series_count = 0;
}

static void add_series(Pieces *l, Piece *p, SeriesId id)
{
    size_t at = 0;
    while (at < p->series_count && p->series[at] < id)
        at++;
    if (at < p->series_count && p->series[at] == id)
        return;
    if (p->series_count == PIECE_SERIES_MAX) {
        of_all(p);
        return;
    }
    SeriesId *more = ARENA_ARRAY(l->arena, SeriesId, p->series_count + 1);
    if (at)
        memcpy(more, p->series, at * sizeof *more);
    more[at] = id;
    if (at < p->series_count)
        memcpy(more + at + 1, p->series + at, (p->series_count - at) * sizeof *more);
    p->series = more;
    p->series_count++;
}

static void take_series(Pieces *l, Piece *p, const Piece *from)
{
    if (!from->series_count)
        of_all(p);
    for (size_t i = 0; p->series_count && i < from->series_count; i++)
        add_series(l, p, from->series[i]);
}

static bool same_series(const Piece *a, const Piece *b)
{
    return a->series_count == b->series_count &&
           (!a->series_count ||
            memcmp(a->series, b->series, a->series_count * sizeof *a->series) == 0);
}

/* ---- ranges ---- */

static void append(Pieces *l, const Piece *p)
{
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        Piece *more = ARENA_ARRAY(l->arena, Piece, cap);
        if (l->count)
            memcpy(more, l->items, l->count * sizeof *more);
        l->items = more;
        l->cap = cap;
    }
    l->items[l->count++] = *p;
}

static void widen(Pieces *l, Piece *p, const Piece *by)
{
    take_series(l, p, by);
    p->to_ns = by->to_ns > p->to_ns ? by->to_ns : p->to_ns;
}

void pieces_add(Pieces *l, int64_t from_ns, int64_t to_ns, PieceHow how, SeriesId series)
{
    Piece p = {from_ns, to_ns, how, 0, NULL}, *last = l->count ? &l->items[l->count - 1] : NULL;
    if (from_ns >= to_ns)
        return;
    if (series && l->by_series && how == PIECE_REPLACES)
        add_series(l, &p, series);
    if (last && last->how == how && from_ns < last->to_ns && from_ns >= last->from_ns)
        widen(l, last, &p);
    else
        append(l, &p);
}

void pieces_join(Pieces *l)
{
    bool many = l->count > PIECES_EACH_MAX;
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        Piece *last = kept ? &l->items[kept - 1] : NULL;
        if (last && last->how == l->items[i].how && last->to_ns == l->items[i].from_ns &&
            (many || same_series(last, &l->items[i])))
            widen(l, last, &l->items[i]);
        else
            l->items[kept++] = l->items[i];
    }
    l->count = kept;
}

/* ---- the condition ---- */

static bool seen(SeriesIndex *idx, const Piece *p, size_t upto, ColumnId tag, Slice value)
{
    for (size_t i = 0; i < upto; i++)
        if (slice_eq(idx_tag(idx, p->series[i], tag), value))
            return true;
    return false;
}

static void put_key(Buf *out, SeriesIndex *idx, const Piece *p, const PieceKey *key)
{
    bool absent = false;
    const char *comma = "";
    buf_printf(out, " AND (%.*s IN (", SLICE_ARG(key->name));
    for (size_t i = 0; i < p->series_count; i++) {
        Slice value = idx_tag(idx, p->series[i], key->tag);
        absent |= !value.len;
        if (seen(idx, p, i, key->tag, value))
            continue;
        buf_puts(out, comma);
        text_put_literal(out, value);
        comma = ", ";
    }
    buf_puts(out, ")");
    if (absent)
        buf_printf(out, " OR %.*s IS NULL", SLICE_ARG(key->name));
    buf_puts(out, ")");
}

bool piece_condition(Buf *out, SeriesIndex *idx, TableId table, const Piece *piece,
                     const PieceKey *keys, size_t n)
{
    for (size_t i = 0; i < piece->series_count; i++)
        if (idx_table(idx, piece->series[i]) != table)
            return false;
    for (size_t i = 0; piece->series_count && i < n; i++)
        put_key(out, idx, piece, &keys[i]);
    return piece->series_count > 0;
}
