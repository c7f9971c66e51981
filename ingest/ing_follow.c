/* ingest/ing_follow.c - which series a sender names next.
 *
 * A sender names its series in the same order again and again.  Each one is remembered with the hash and the length
 * of its labels, its table, its id, and who followed it last time: if the bytes that stand where it is expected have
 * that hash, they are those labels, and neither they nor the name of the metric are looked at any closer.  What was
 * not expected is found by its hash, and the order goes on from there.
 * The memory is bounded: when it is full and others keep coming, it begins anew; when that did not help, it rests. */
#include "ingest/follow.h"

enum {
    FOLLOW_SERIES_MAX = 128 << 10, /* 40 bytes each, and 8 for their slots */
    FOLLOW_REST = 8 * FOLLOW_SERIES_MAX,
    SLOTS_MIN = 256,
};

struct Followed {
    Hash128 hash; /* of idx_raw_hash() */
    IngTable *table;
    SeriesId series;
    uint32_t len;
    uint32_t next; /* place of the one behind it; 0 = not known */
};

void follow_free(Follow *f)
{
    mem_free(f->all);
    mem_free(f->slots);
}

static void follow_clear(Follow *f)
{
    follow_free(f);
    *f = (Follow){0};
}

static void slot_put(Follow *f, uint32_t place)
{
    size_t i = f->all[place - 1].hash.lo & f->mask;
    while (f->slots[i])
        i = (i + 1) & f->mask;
    f->slots[i] = place;
}

static void grow(Follow *f)
{
    uint32_t slots = f->slots ? 2 * (f->mask + 1) : SLOTS_MIN;
    mem_free(f->slots);
    f->slots = mem_zero(slots * sizeof *f->slots);
    f->mask = slots - 1;
    f->all = mem_realloc(f->all, slots / 2 * sizeof *f->all);
    for (uint32_t place = 1; place <= f->count; place++)
        slot_put(f, place);
}

/* Full, and one more is not among them. */
static void note_missing(Follow *f)
{
    if (++f->missed < FOLLOW_SERIES_MAX)
        return;
    uint32_t rest = f->found < f->missed ? FOLLOW_REST : 0;
    follow_clear(f);
    f->rest = rest;
}

uint32_t follow_find(Follow *f, const Hash128 *hash, IngTable *table)
{
    if (!f->slots || f->rest)
        return 0;
    for (size_t i = hash->lo & f->mask; f->slots[i]; i = (i + 1) & f->mask) {
        Followed *s = &f->all[f->slots[i] - 1];
        if (s->hash.lo == hash->lo && s->hash.hi == hash->hi) {
            s->table = table; /* its definition may have changed, not its id: that is in the hash */
            f->found++;
            return f->slots[i];
        }
    }
    if (f->count == FOLLOW_SERIES_MAX)
        note_missing(f);
    return 0;
}

uint32_t follow_add(Follow *f, const FollowSeries *s)
{
    if (f->rest || f->count == FOLLOW_SERIES_MAX) {
        f->rest -= f->rest > 0;
        return 0;
    }
    if (!f->slots || f->count == (f->mask + 1) / 2)
        grow(f);
    f->all[f->count++] =
        (Followed){.hash = s->hash, .table = s->table, .series = s->series, .len = s->len};
    slot_put(f, f->count);
    return f->count;
}

void follow_link(Follow *f, uint32_t place)
{
    if (place > f->count) /* what was remembered is forgotten */
        place = 0;
    if (f->last && place && f->all[f->last - 1].next != place)
        f->all[f->last - 1].next = place;
    f->last = place;
}

bool follow_get(const Follow *f, uint32_t place, FollowSeries *out)
{
    if (!place || place > f->count)
        return false;
    const Followed *s = &f->all[place - 1];
    *out = (FollowSeries){.hash = s->hash, .table = s->table, .series = s->series, .len = s->len};
    return true;
}

uint32_t follow_next(const Follow *f, uint32_t place)
{
    return place && place <= f->count ? f->all[place - 1].next : 0;
}
