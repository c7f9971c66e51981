/* session/parts.c - statements of several parts: data-modifying WITH, subqueries in RETURNING of INSERT.
 *
 * First all locks, then one snapshot for all; then each part runs to its end, in order, in a portal of
 * its own, and what it gives is kept for those behind it and for the statement itself.  A row that one
 * part has changed is left alone by the others: PostgreSQL does not say which of them changes it. */
#include "session/session_private.h"

typedef struct PartsRun {
    Portal **portals; /* those that have begun */
    GivenRows *given; /* of those that are done */
    size_t done;
    size_t locked; /* tables */
    bool ready;    /* locks and snapshot are there */
    KeySet changed;
    struct PartsRun *owner; /* of a part: the statement's; its `done` says what the part may read */
} PartsRun;

static PartsRun *run_of(const Portal *p)
{
    return p->parts && p->parts->owner ? p->parts->owner : p->parts;
}

const GivenRows *parts_given(const Portal *p, size_t *count)
{
    const PartsRun *r = run_of(p);
    *count = r ? r->done : 0;
    return r ? r->given : NULL;
}

const Portal *parts_portal(const Portal *p, size_t part)
{
    const PartsRun *r = p->parts;
    return r && part < r->done ? r->portals[part] : NULL;
}

bool parts_change(Portal *p, const RowAddress *at)
{
    PartsRun *r = run_of(p);
    if (!r)
        return true;
    int64_t key[] = {(int64_t)at->series, at->time_ns, at->number, 0};
    TableId table = p->bound->kind == BOUND_INSERT ? p->bound->u.insert.table->id
                                                   : p->bound->u.modify.table->id;
    key[ARRAY_LEN(key) - 1] = table;
    return keys_add(&r->changed, hash128(key, sizeof key, 0));
}

void parts_free(Portal *p)
{
    PartsRun *r = p->parts;
    if (!r)
        return;
    for (size_t i = 0; r->portals && i < p->bound->part_count; i++)
        portal_free(r->portals[i]);
    keys_free(&r->changed);
    mem_free(r->portals);
    mem_free(r->given);
    mem_free(r);
}

static const TableDef *locked_table(const Bound *b)
{
    if (b->kind == BOUND_MODIFY)
        return b->u.modify.table;
    return b->kind == BOUND_INSERT && insert_takes_lock(&b->u.insert) ? b->u.insert.table : NULL;
}

static RunStatus begin(Portal *p, PartsRun *r, Err *e)
{
    const Bound *b = p->bound;
    for (; r->locked <= b->part_count; r->locked++) {
        const TableDef *t = locked_table(r->locked < b->part_count ? b->parts[r->locked].bound : b);
        RunStatus st = t ? tx_lock_table(p, t->id, e) : RUN_DONE;
        if (st != RUN_DONE)
            return st;
    }
    p->snapshot = tx_snapshot(p->session);
    r->ready = true;
    return RUN_DONE;
}

static Portal *open_part(Portal *p, PartsRun *r, Bound *b)
{
    Portal *in = portal_within(p, b);
    in->deadline_ns = p->deadline_ns;
    in->analyze = p->analyze;
    in->snapshot = snapshot_ref(p->snapshot);
    in->parts = MEM_NEW(PartsRun);
    in->parts->owner = r;
    return in;
}

static RunStatus read_all(Portal *in, Err *e)
{
    RunStatus st;
    Batch *b;
    if (!in->kept)
        rows_begin(in, in->cols, in->col_count);
    if (!in->query && !portal_open_query(in, &in->bound->u.query, e))
        return RUN_FAIL;
    while ((st = portal_next_batch(in, &b, e)) == RUN_BATCH)
        if (!rowfile_add(in->kept, b, e))
            return RUN_FAIL;
    if (st == RUN_DONE)
        portal_close_query(in);
    return st;
}

/* What INSERT and its kin hand out on the way is kept all the same. */
static RunStatus run_part(Portal *in, Err *e)
{
    Batch *b;
    if (in->bound->kind == BOUND_QUERY)
        return read_all(in, e);
    RunStatus st =
        in->bound->kind == BOUND_INSERT ? insert_run(in, 0, &b, e) : modify_run(in, 0, &b, e);
    return in->collected && st != RUN_FAIL ? RUN_DONE : st;
}

RunStatus parts_run(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    PartsRun *r = p->parts;
    RunStatus st;
    if (!r) {
        r = p->parts = MEM_NEW(PartsRun);
        r->changed.budget = &p->session->db->query_pool;
        r->portals = mem_zero(b->part_count * sizeof *r->portals);
        r->given = mem_zero(b->part_count * sizeof *r->given);
    }
    if (!r->ready && (st = begin(p, r, e)) != RUN_DONE)
        return st;
    while (r->done < b->part_count) {
        Portal **in = &r->portals[r->done];
        if (!*in)
            *in = open_part(p, r, b->parts[r->done].bound);
        if ((st = run_part(*in, e)) != RUN_DONE)
            return st;
        r->given[r->done] = (GivenRows){b->parts[r->done].cte, (*in)->kept};
        r->done++;
    }
    return RUN_DONE;
}
