/* session/promql_read.c - samples as they are stored, in the forms that other systems read (promql_forms.h).
 *
 * Each series is written as it comes; the forms that are sorted put the pieces in order at the end. */
#include "ingest/protobuf.h"
#include "session/promql_forms.h"
#include <stdlib.h>

enum { READ_QUERIES_MAX = 100, READ_TYPE_CHUNKS = 1 };

typedef struct Piece { /* one series, written */
    const PqlLabel *labels;
    size_t label_count;
    FamilyKind family;
    Slice bytes;
} Piece;

typedef struct ReadQuery { /* of remote read */
    int64_t start_ms, end_ms;
    PqlMatcher *matcher;
} ReadQuery;

struct PromRead {
    Db *db;
    PromReadRequest r;
    Arena arena;
    PqlRawRequest raw;
    PqlRaw *scan;
    PqlMatcher *match[PQL_SELECTORS_MAX];
    size_t match_count;
    ReadQuery *queries;
    size_t query_count, at; /* `at`: the query being read */
    Piece *pieces;
    size_t piece_count, piece_cap;
    Buf one, done;
    size_t charged;
};

/* ---- opening ---- */
static bool parse_matches(PromRead *p, Err *e)
{
    const PromSelection *from = &p->r.from;
    if (from->match_count > PQL_SELECTORS_MAX)
        return err_set(e, ERR_INVALID_PARAMETER, "more than %d match[] parameters",
                       PQL_SELECTORS_MAX);
    for (size_t i = 0; i < from->match_count; i++)
        if (!pql_parse_selector(&p->arena, from->match[i], &p->match[i], e))
            return p->r.kind == READ_EXPORT && err_wrap(e, "invalid parameter \"match[]\"");
    p->match_count = from->match_count;
    return true;
}

static bool parse_query(PromRead *p, Err *e)
{
    PqlExpr *x;
    if (!pql_parse(&p->arena, p->r.query, p->db->features, &x, e))
        return false;
    p->match_count = pql_selectors(&p->arena, x, p->match);
    return true;
}

/* LabelMatcher { 1: type, 2: name, 3: value } as the text of a selector. */
static bool put_matcher(Buf *text, Slice bytes)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    Reader r = reader_of(bytes);
    PbField f;
    uint64_t type = 0;
    Slice name = SLICE_LIT(""), value = SLICE_LIT("");
    while (pb_next(&r, &f)) {
        if (f.number == 1)
            type = f.value;
        else if (f.number == 2)
            name = f.bytes;
        else if (f.number == 3)
            value = f.bytes;
    }
    if (r.bad || type >= ARRAY_LEN(ops))
        return false;
    form_put_quoted(text, name);
    buf_puts(text, ops[type]);
    form_put_quoted(text, value);
    buf_puts(text, ",");
    return true;
}

/* Query { 1: start ms, 2: end ms, 3: LabelMatcher } */
static bool parse_read_query(PromRead *p, Slice bytes, ReadQuery *q, Err *e)
{
    Reader r = reader_of(bytes);
    PbField f;
    Buf text;
    bool ok = true;
    buf_init(&text);
    buf_puts(&text, "{");
    while (ok && pb_next(&r, &f)) {
        if (f.number == 1)
            q->start_ms = (int64_t)f.value;
        else if (f.number == 2)
            q->end_ms = (int64_t)f.value;
        else if (f.number == 3)
            ok = put_matcher(&text, f.bytes);
    }
    buf_puts(&text, "}");
    if (!ok || r.bad)
        err_set(e, ERR_INVALID_TEXT, "body is no valid remote read message");
    else
        ok =
            pql_parse_selector(&p->arena, arena_slice(&p->arena, buf_slice(&text)), &q->matcher, e);
    buf_free(&text);
    return ok && !r.bad;
}

/* ReadRequest { 1: Query, 2: accepted response types, the first that is known counts } */
static bool parse_read(PromRead *p, Err *e)
{
    Reader r = reader_of(p->r.body);
    PbField f;
    bool chosen = false, offered = false;
    p->queries = ARENA_ARRAY(&p->arena, ReadQuery, READ_QUERIES_MAX);
    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == WIRE_BYTES) {
            if (p->query_count == READ_QUERIES_MAX)
                return err_set(e, ERR_INVALID_PARAMETER, "more than %d queries", READ_QUERIES_MAX);
            if (!parse_read_query(p, f.bytes, &p->queries[p->query_count++], e))
                return false;
        } else if (f.number == 2) {
            Reader types = reader_of(f.wire == WIRE_BYTES ? f.bytes : SLICE_NONE);
            bool one = f.wire == WIRE_VARINT;
            while (one || (reader_left(&types) > 0 && !types.bad)) {
                uint64_t type = one ? f.value : reader_varint(&types);
                one = false;
                offered = true;
                if (!chosen && type <= READ_TYPE_CHUNKS) {
                    chosen = true;
                    p->r.kind = type == READ_TYPE_CHUNKS ? READ_CHUNKS : READ_SAMPLES;
                }
            }
        }
    }
    if (r.bad)
        return err_set(e, ERR_INVALID_TEXT, "body is no valid remote read message");
    return chosen || !offered ||
           err_set(e, ERR_INVALID_PARAMETER,
                   "server does not support any of the requested "
                   "response types");
}

static bool open_scan(PromRead *p, Err *e)
{
    PqlMatcher *const *m = p->match;
    size_t n = p->match_count;
    if (p->queries) {
        m = &p->queries[p->at].matcher;
        n = 1;
        p->raw.start_ms = p->queries[p->at].start_ms;
        p->raw.end_ms = p->queries[p->at].end_ms;
    }
    return pql_raw_open(&p->scan, &p->raw, m, n, e);
}

static bool read_open(PromRead *p, Err *e)
{
    bool exemplars = p->r.kind == READ_EXEMPLARS;
    bool remote = p->r.kind == READ_SAMPLES || p->r.kind == READ_CHUNKS;
    if (!(exemplars ? parse_query(p, e) : remote ? parse_read(p, e) : parse_matches(p, e)))
        return false;
    Snapshot *snap = p->raw.snapshot = engine_snapshot(p->db->engine, NULL);
    const SchemaDef *s = cat_schema(snapshot_catalog(snap), p->r.from.database,
                                    exemplars ? SLICE_LIT("exemplars") : SLICE_LIT("public"));
    p->raw.schema = s ? s->id : 0; /* no such schema: no tables, no series */
    p->raw.text_column = exemplars ? "labels" : NULL;
    return true;
}

bool prom_read_open(PromRead **out, Db *db, const PromReadRequest *r, Task *waiter, Err *e)
{
    PromRead *p = MEM_NEW(PromRead);
    p->db = db;
    p->r = *r;
    arena_init(&p->arena, &db->query_pool);
    buf_init(&p->one);
    buf_init(&p->done);
    p->raw = (PqlRawRequest){.rights = {rights_may_read, r->from.rights},
                             .start_ms = r->from.start_ms,
                             .end_ms = r->from.end_ms,
                             .budget = &db->query_pool,
                             .waiter = waiter};
    if (!read_open(p, e)) {
        prom_read_close(p);
        return false;
    }
    *out = p;
    return true;
}

void prom_read_close(PromRead *p)
{
    if (!p)
        return;
    pql_raw_close(p->scan);
    if (p->raw.snapshot)
        snapshot_unref(p->raw.snapshot);
    budget_charge(&p->db->query_pool, -(int64_t)p->charged);
    buf_free(&p->one);
    buf_free(&p->done);
    arena_free(&p->arena);
    mem_free(p);
}

/* ---- running ---- */
static void keep_piece(PromRead *p, const PqlRawSeries *s)
{
    if (p->piece_count == p->piece_cap) {
        size_t cap = p->piece_cap ? p->piece_cap * 2 : 64;
        Piece *pieces = ARENA_ARRAY(&p->arena, Piece, cap);
        if (p->piece_count)
            memcpy(pieces, p->pieces, p->piece_count * sizeof *pieces);
        p->pieces = pieces;
        p->piece_cap = cap;
    }
    PqlLabel *labels = ARENA_ARRAY(&p->arena, PqlLabel, s->label_count + 1);
    for (size_t i = 0; i < s->label_count; i++)
        labels[i] = (PqlLabel){arena_slice(&p->arena, s->labels[i].name),
                               arena_slice(&p->arena, s->labels[i].value)};
    p->pieces[p->piece_count++] = (Piece){labels, s->label_count, form_family_of(s),
                                          arena_slice(&p->arena, buf_slice(&p->one))};
}

static bool take_series(PromRead *p, const PqlRawSeries *s, Err *e)
{
    buf_clear(&p->one);
    switch (p->r.kind) {
    case READ_EXPORT:
        form_export(&p->done, s);
        break;
    case READ_FEDERATE:
        form_federate(&p->one, s);
        break;
    case READ_FAMILIES:
        form_metric(&p->one, s);
        break;
    case READ_EXEMPLARS:
        form_exemplars(&p->one, s);
        break;
    case READ_SAMPLES:
        form_samples(&p->one, s);
        break;
    case READ_CHUNKS:
        form_chunks(&p->one, s, p->at);
        break;
    }
    if (p->one.len)
        keep_piece(p, s);
    budget_charge(&p->db->query_pool, (int64_t)p->done.cap - (int64_t)p->charged);
    p->charged = p->done.cap;
    return budget_check(&p->db->query_pool, e);
}

static int by_labels(const void *a, const void *b)
{
    const Piece *x = a, *y = b;
    return pql_labels_compare(x->labels, x->label_count, y->labels, y->label_count);
}

static int by_name(const void *a, const void *b)
{
    const Piece *x = a, *y = b;
    int c =
        slice_cmp(form_name_of(x->labels, x->label_count), form_name_of(y->labels, y->label_count));
    return c ? c : by_labels(a, b);
}

/* Neighbours of one name and kind belong together, as Prometheus has it. */
static void put_families(PromRead *p)
{
    Buf family;
    buf_init(&family);
    for (size_t i = 0, end; i < p->piece_count; i = end) {
        const Piece *first = &p->pieces[i];
        Slice name = form_name_of(first->labels, first->label_count);
        bool text = p->r.kind == READ_FEDERATE;
        buf_clear(&family);
        for (end = i; end < p->piece_count; end++) {
            const Piece *x = &p->pieces[end];
            if (x->family != first->family ||
                !slice_eq(name, form_name_of(x->labels, x->label_count)))
                break;
            buf_put_slice(&family, x->bytes);
        }
        if (text)
            form_type_line(&p->done, name);
        else
            form_family(&p->done, name, first->family, buf_slice(&family));
        if (text)
            buf_put_slice(&p->done, buf_slice(&family));
    }
    buf_free(&family);
}

static void put_exemplar_list(PromRead *p)
{
    buf_puts(&p->done, "[");
    for (size_t i = 0; i < p->piece_count; i++) {
        buf_puts(&p->done, i ? "," : "");
        buf_put_slice(&p->done, p->pieces[i].bytes);
    }
    buf_puts(&p->done, "]");
}

/* The pieces of one query, in order. */
static void put_pieces(PromRead *p)
{
    bool families = p->r.kind == READ_FEDERATE || p->r.kind == READ_FAMILIES;
    if (p->piece_count)
        qsort(p->pieces, p->piece_count, sizeof *p->pieces, families ? by_name : by_labels);
    Buf all;
    buf_init(&all);
    if (families)
        put_families(p);
    else if (p->r.kind == READ_EXEMPLARS)
        put_exemplar_list(p);
    else
        for (size_t i = 0; i < p->piece_count; i++)
            buf_put_slice(p->r.kind == READ_SAMPLES ? &all : &p->done, p->pieces[i].bytes);
    if (p->r.kind == READ_SAMPLES)
        form_field(&p->done, 1, buf_slice(&all)); /* ReadResponse { 1: QueryResult } */
    buf_free(&all);
    p->piece_count = 0;
}

RunStatus prom_read_run(PromRead *p, Err *e)
{
    PqlRawSeries s;
    size_t queries = p->queries ? p->query_count : 1;
    while (p->at < queries) {
        if (!p->scan && !open_scan(p, e))
            return RUN_FAIL;
        switch (pql_raw_next(p->scan, &s, e)) {
        case PQL_WAIT:
            return RUN_WAIT;
        case PQL_FAIL:
            return RUN_FAIL;
        case PQL_YIELD:
            return take_series(p, &s, e) ? RUN_YIELD : RUN_FAIL;
        case PQL_DONE:
            put_pieces(p);
            pql_raw_close(p->scan);
            p->scan = NULL;
            p->at++;
        }
    }
    return RUN_DONE;
}

PromReadKind prom_read_kind(const PromRead *p)
{
    return p->r.kind;
}

Slice prom_read_bytes(const PromRead *p)
{
    return buf_slice(&p->done);
}
