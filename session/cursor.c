/* session/cursor.c - DECLARE, FETCH, MOVE, CLOSE: portals with a name that SQL walks through.
 *
 * Which cursors scroll: those that say so, and those without either word whose plan could be read
 * backward (as in PostgreSQL).  SCROLL keeps the rows from the start; the others begin to keep them at
 * their first step back: the query runs again on the snapshot of the cursor.  WITH HOLD: the rows that
 * are left are kept when the transaction commits.  Positions: rows.c. */
#include "session/session_private.h"
#include <stdio.h>

void cursors_close(Session *s, bool held_too)
{
    for (Portal **pp = &s->portals; *pp;) {
        Portal *c = *pp;
        if (!c->cursor || (c->held && !held_too)) {
            pp = &c->next;
            continue;
        }
        *pp = c->next;
        portal_free(c);
    }
}

/* ---- DECLARE ---- */

static bool reads_backward(const Plan *p)
{
    switch (p->kind) {
    case PLAN_SCAN:
    case PLAN_VIRTUAL:
    case PLAN_FUNCTION:
    case PLAN_SORT:
    case PLAN_CTE_REF:
        return true;
    case PLAN_VALUES:
        return ((const PlanValues *)p)->row_count > 1;
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_LIMIT:
        return reads_backward(p->child);
    case PLAN_APPEND:
        for (size_t i = 0; i < ((const PlanAppend *)p)->child_count; i++)
            if (!reads_backward(((const PlanAppend *)p)->children[i]))
                return false;
        return true;
    default:
        return false;
    }
}

static bool may_declare(Portal *p, Err *e)
{
    Session *s = p->session;
    Slice name = p->bound->u.declare.name;
    if (!p->bound->u.declare.hold && !tx_in_block(s))
        return err_set(e, ERR_NO_ACTIVE_TXN,
                       "DECLARE CURSOR can only be used in transaction blocks");
    if (portal_find(s, name))
        return err_set(e, ERR_DUPLICATE_CURSOR, "cursor \"%.*s\" already exists", SLICE_ARG(name));
    return true;
}

RunStatus cursor_declare(Portal *p, Batch **out, Err *e)
{
    (void)out;
    Session *s = p->session;
    const Bound *b = p->bound;
    bool skip;
    if (!may_declare(p, e))
        return RUN_FAIL;
    RunStatus st = portal_lock_rows(p, &b->u.declare.query, &skip, e);
    if (st != RUN_DONE)
        return st;
    p->prepared->refs++;
    Portal *c = portal_new(s, b->u.declare.name, p->prepared);
    c->cursor = true;
    c->hold = b->u.declare.hold;
    c->binary = b->u.declare.binary;
    c->scroll = b->u.declare.scroll ||
                (!b->u.declare.no_scroll && reads_backward(b->u.declare.query.plan.root));
    c->cols = b->u.declare.query.cols;
    c->col_count = b->u.declare.query.col_count;
    c->ended = skip;
    c->addressed = b->u.declare.query.addressed_count;
    c->address = ARENA_ARRAY(&c->arena, Value, c->addressed * ROW_ID_COLUMNS + 1);
    Bound *as_query = ARENA_NEW(&c->arena, Bound);
    as_query->kind = BOUND_QUERY;
    as_query->tag = "SELECT";
    as_query->u.query = b->u.declare.query;
    c->bound = as_query;
    c->param_count = p->param_count;
    c->params = ARENA_ARRAY(&c->arena, Value, p->param_count + 1);
    for (size_t i = 0; i < p->param_count; i++)
        c->params[i] = value_copy(&c->arena, &p->params[i]);
    c->snapshot = tx_snapshot(s); /* what is changed from here on is not seen */
    if (b->u.declare.scroll)
        rows_keep(c);
    c->next = s->portals;
    s->portals = c;
    return portal_set_tag(p, "DECLARE CURSOR");
}

/* ---- FETCH, MOVE ---- */

const OutColumn *cursor_fetch_columns(Session *s, const Bound *b, Arena *a, size_t *count)
{
    (void)a;
    *count = 0;
    Portal *c = b->u.fetch.move ? NULL : portal_find(s, b->u.fetch.name);
    if (!c)
        return NULL;
    *count = c->col_count;
    return c->cols;
}

static bool on_row(const Portal *c)
{
    return c->pos > 0 && c->pos <= c->taken;
}

/* PostgreSQL's execCurrentOf(). */
static bool find_table(const Portal *c, const TableDef *t, size_t *at, Err *e)
{
    const BoundQuery *q = &c->bound->u.query;
    size_t found = 0;
    for (size_t i = 0; i < q->addressed_count; i++)
        if (q->addressed[i]->id == t->id) {
            *at = i;
            found++;
        }
    if (found == 1)
        return true;
    if (!q->lock)
        return err_set(e, ERR_CURSOR_STATE,
                       "cursor \"%s\" is not a simply updatable scan of table \"%.*s\"", c->name,
                       SLICE_ARG(t->name));
    return err_set(
        e, ERR_CURSOR_STATE, "cursor \"%s\" %s FOR UPDATE/SHARE reference%s to table \"%.*s\"",
        c->name, found ? "has multiple" : "does not have a", found ? "s" : "", SLICE_ARG(t->name));
}

bool cursor_address(Session *s, Slice name, const TableDef *t, Value out[ROW_ID_COLUMNS], Err *e)
{
    const Portal *c = portal_find(s, name);
    size_t at = 0;
    if (!c)
        return err_set(e, ERR_CURSOR_NAME, "cursor \"%.*s\" does not exist", SLICE_ARG(name));
    if (c->bound->kind != BOUND_QUERY)
        return err_set(e, ERR_CURSOR_STATE, "cursor \"%s\" is not a SELECT query", c->name);
    if (c->held)
        return err_set(e, ERR_CURSOR_STATE, "cursor \"%s\" is held from a previous transaction",
                       c->name);
    if (!find_table(c, t, &at, e))
        return false;
    if (!on_row(c))
        return err_set(e, ERR_CURSOR_STATE, "cursor \"%s\" is not positioned on a row", c->name);
    memcpy(out, c->address + at * ROW_ID_COLUMNS, ROW_ID_COLUMNS * sizeof *out);
    return true;
}

/* What a FETCH does: the cursor goes to `target` (UINT64_MAX: behind the last row) and `back` from
 * there, both silently; then it hands out rows. */
typedef struct Walk {
    uint64_t target, back, rows;
    bool backward;
} Walk;

/* By PostgreSQL's definition: DoPortalRunFetch in src/backend/tcop/pquery.c. */
static Walk plan_walk(const Portal *c, const Bound *b)
{
    int64_t n = b->u.fetch.count;
    uint64_t size = n < 0 ? 0 - (uint64_t)n : (uint64_t)n; /* the least has no opposite */
    switch (b->u.fetch.kind) {
    case FETCH_ABSOLUTE:
        if (n < 0)
            return (Walk){UINT64_MAX, size - 1, 1, true};
        return n > 0 ? (Walk){size - 1, 0, 1, false} : (Walk){0, 0, 0, false};
    case FETCH_RELATIVE:
        if (n != 0)
            return n < 0 ? (Walk){c->pos, size - 1, 1, true}
                         : (Walk){c->pos + size - 1, 0, 1, false};
        break;
    case FETCH_STEP:
        if (n != 0)
            return (Walk){c->pos, 0, size, n < 0};
        break;
    }
    return on_row(c) ? (Walk){c->pos - 1, 0, 1, false} : (Walk){c->pos, 0, 0, false};
}

static bool start_walk(Portal *p, Portal *c, Err *e)
{
    Walk w = plan_walk(c, p->bound);
    if (w.backward || w.target < c->pos) {
        if (!c->scroll) {
            err_set(e, ERR_OBJECT_STATE, "cursor can only scan forward");
            return err_hint(e, "Declare it with SCROLL option to enable backward scan.");
        }
        if (!c->kept) {
            portal_end_query(c);
            c->pos = c->taken = 0;
            c->ended = false;
            rows_keep(c);
        }
    }
    p->walk_to = w.target;
    p->walk_back = w.back;
    p->walk_left = w.rows;
    p->walk_backward = w.backward;
    return true;
}

/* BATCH: it is there. */
static RunStatus walk_to_target(Portal *p, Portal *c, Err *e)
{
    Batch *skipped;
    while (c->pos < p->walk_to && !(c->ended && c->pos > c->taken)) {
        RunStatus st = rows_forward(c, p->walk_to - c->pos, &skipped, e);
        if (st != RUN_BATCH && st != RUN_DONE)
            return st;
    }
    if (c->pos > p->walk_to)
        c->pos = p->walk_to;
    c->pos -= p->walk_back < c->pos ? p->walk_back : c->pos;
    return RUN_BATCH;
}

static RunStatus fetch_rows(Portal *p, Portal *c, int64_t max_rows, Batch **out, Err *e)
{
    bool move = p->bound->u.fetch.move;
    while (p->walk_left > 0) {
        uint64_t n = p->walk_left;
        if (max_rows > 0 && n > (uint64_t)max_rows - p->sent)
            n = (uint64_t)max_rows - p->sent;
        if (n == 0) {
            p->sent = 0;
            return RUN_SUSPENDED;
        }
        RunStatus st = p->walk_backward ? rows_backward(c, n, out, e) : rows_forward(c, n, out, e);
        if (st == RUN_DONE)
            break;
        if (st != RUN_BATCH)
            return st;
        p->walk_left -= batch_count(*out);
        p->changed += batch_count(*out);
        if (move)
            continue;
        p->sent += batch_count(*out);
        return RUN_BATCH;
    }
    snprintf(p->tag, sizeof p->tag, "%s %llu", move ? "MOVE" : "FETCH",
             (unsigned long long)p->changed);
    return RUN_DONE;
}

RunStatus cursor_fetch(Portal *p, Batch **out, Err *e)
{
    const Bound *b = p->bound;
    Portal *c = portal_find(p->session, b->u.fetch.name);
    RunStatus st = RUN_BATCH;
    if (!c || !portal_returns_rows(c)) {
        err_set(e, ERR_CURSOR_NAME, "cursor \"%.*s\" does not exist", SLICE_ARG(b->u.fetch.name));
        return RUN_FAIL;
    }
    if (c->state == PORTAL_FAILED) {
        err_set(e, ERR_OBJECT_STATE, "portal \"%s\" cannot be run", c->name);
        return RUN_FAIL;
    }
    c->deadline_ns = p->deadline_ns;
    if (p->phase == 0 && b->u.fetch.move && b->u.fetch.count == 0 &&
        b->u.fetch.kind != FETCH_ABSOLUTE) /* asks whether it is on a row */
        return portal_set_tag(p, on_row(c) ? "MOVE 1" : "MOVE 0");
    if (p->phase == 0) {
        p->phase = 1;
        st = start_walk(p, c, e) ? RUN_BATCH : RUN_FAIL;
    }
    if (p->phase == 1 && st == RUN_BATCH) {
        st = walk_to_target(p, c, e);
        p->phase += st == RUN_BATCH;
    }
    if (st == RUN_BATCH)
        st = fetch_rows(p, c, p->max_rows, out, e);
    if (st == RUN_FAIL)
        c->state = PORTAL_FAILED;
    return st;
}

RunStatus cursor_close(Portal *p, Batch **out, Err *e)
{
    (void)out;
    Session *s = p->session;
    Slice name = p->bound->u.fetch.name;
    if (name.len == 0) {
        cursors_close(s, true);
        return portal_set_tag(p, "CLOSE CURSOR ALL");
    }
    if (!portal_find(s, name)) {
        err_set(e, ERR_CURSOR_NAME, "cursor \"%.*s\" does not exist", SLICE_ARG(name));
        return RUN_FAIL;
    }
    portal_drop_named(s, name);
    return portal_set_tag(p, "CLOSE CURSOR");
}

/* ---- WITH HOLD ---- */

/* One that scrolls is read again from its start, so that its kept rows begin there. */
static RunStatus hold_one(Portal *c, Err *e)
{
    Batch *b;
    if (!c->holding) {
        c->holding = true;
        c->hold_at = c->pos;
        if (!c->kept && c->scroll) {
            portal_end_query(c);
            c->pos = c->taken = 0;
            c->ended = false;
        }
        if (!c->kept)
            rows_keep(c);
        c->pos = c->taken;
    }
    while (!c->ended) {
        RunStatus st = rows_forward(c, UINT64_MAX, &b, e);
        if (st != RUN_BATCH && st != RUN_DONE)
            return st;
    }
    portal_close_query(c);
    c->pos = c->hold_at;
    c->held = true;
    return RUN_DONE;
}

RunStatus cursors_hold(Session *s, Err *e)
{
    for (Portal *c = s->portals; c; c = c->next) {
        RunStatus st = c->hold && !c->held && c->state != PORTAL_FAILED ? hold_one(c, e) : RUN_DONE;
        if (st != RUN_DONE)
            return st;
    }
    return RUN_DONE;
}
