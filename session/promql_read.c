/* session/promql_read.c - samples as they are stored, in the forms that other systems read: JSON lines, the
 * text of /federate, exemplars, remote read by samples and by XOR chunks.
 *
 * Each series is written as it comes; the forms that are sorted put the pieces in order at the end. */
#include "base/hash.h"
#include "ingest/protobuf.h"
#include "session/promql_private.h"
#include "session/xor_chunk.h"
#include <math.h>
#include <stdlib.h>

#define STALE_BITS UINT64_C(0x7ff0000000000002)
enum { FRAME_BYTES = 1 << 20, READ_QUERIES_MAX = 100, READ_TYPE_CHUNKS = 1 };

typedef struct Piece { /* one series, written */
    const PqlLabel *labels;
    size_t label_count;
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

/* ---- what each form writes of a series ---- */
static bool is_stale(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits == STALE_BITS;
}

static void put_json_number(Buf *b, double v)
{
    if (is_stale(v))
        buf_puts(b, "\"StaleNaN\"");
    else if (isnan(v))
        buf_puts(b, "null");
    else if (isinf(v))
        buf_puts(b, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        buf_put_f64(b, v);
}

static void put_export(Buf *b, const PqlRawSeries *s)
{
    buf_puts(b, "{\"metric\":");
    prom_put_labels(b, s->labels, s->label_count);
    buf_puts(b, ",\"values\":[");
    for (size_t i = 0; i < s->count; i++) {
        if (i)
            buf_puts(b, ",");
        put_json_number(b, s->v[i]);
    }
    buf_puts(b, "],\"timestamps\":[");
    for (size_t i = 0; i < s->count; i++)
        buf_printf(b, "%s%lld", i ? "," : "", (long long)s->t_ms[i]);
    buf_puts(b, "]}\n");
}

static bool plain_name(Slice s, bool colons)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(colons && c == ':') && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return s.len > 0;
}

static void put_quoted(Buf *b, Slice s)
{
    buf_puts(b, "\"");
    for (size_t i = 0; i < s.len; i++)
        switch (s.ptr[i]) {
        case '\n':
            buf_puts(b, "\\n");
            break;
        case '"':
        case '\\':
            buf_put_u8(b, '\\');
            /* fallthrough */
        default:
            buf_put_u8(b, (uint8_t)s.ptr[i]);
        }
    buf_puts(b, "\"");
}

static Slice name_of(const PqlLabel *labels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq_cstr(labels[i].name, "__name__"))
            return labels[i].value;
    return SLICE_LIT("");
}

/* The newest sample, without its TYPE line; a label instance is always there, as Prometheus writes it. */
static void put_federate(Buf *b, const PqlRawSeries *s)
{
    double v = s->v[s->count - 1];
    Slice name = name_of(s->labels, s->label_count);
    bool plain = plain_name(name, true), instance = false;
    size_t n = 0;
    if (is_stale(v))
        return;
    if (plain)
        buf_put_slice(b, name);
    buf_puts(b, "{");
    if (!plain) {
        put_quoted(b, name);
        n++;
    }
    for (size_t i = 0; i < s->label_count; i++) {
        if (slice_eq_cstr(s->labels[i].name, "__name__"))
            continue;
        instance |= slice_eq_cstr(s->labels[i].name, "instance");
        buf_puts(b, n++ ? "," : "");
        if (plain_name(s->labels[i].name, false))
            buf_put_slice(b, s->labels[i].name);
        else
            put_quoted(b, s->labels[i].name);
        buf_puts(b, "=");
        put_quoted(b, s->labels[i].value);
    }
    if (!instance)
        buf_puts(b, n ? ",instance=\"\"" : "instance=\"\"");
    buf_puts(b, "} ");
    buf_put_f64(b, v);
    buf_printf(b, " %lld\n", (long long)s->t_ms[s->count - 1]);
}

static void put_exemplars(Buf *b, const PqlRawSeries *s)
{
    buf_puts(b, "{\"seriesLabels\":");
    prom_put_labels(b, s->labels, s->label_count);
    buf_puts(b, ",\"exemplars\":[");
    for (size_t i = 0; i < s->count; i++) {
        buf_puts(b, i ? ",{\"labels\":" : "{\"labels\":");
        buf_put_slice(b, s->text[i].len ? s->text[i] : SLICE_LIT("{}"));
        buf_puts(b, ",\"value\":\"");
        buf_put_f64(b, s->v[i]);
        buf_puts(b, "\",\"timestamp\":");
        size_t from = b->len;
        prom_put_time(b, s->t_ms[i]); /* "[1.5," */
        memmove(b->ptr + from, b->ptr + from + 1, b->len - from - 1);
        b->len -= 2;
        buf_puts(b, "}");
    }
    buf_puts(b, "]}");
}

static void put_field(Buf *b, uint32_t number, Slice bytes)
{
    buf_put_varint(b, number << 3 | WIRE_BYTES);
    buf_put_str(b, bytes);
}

static void put_pb_labels(Buf *b, const PqlRawSeries *s)
{
    Buf l;
    buf_init(&l);
    for (size_t i = 0; i < s->label_count; i++) {
        buf_clear(&l);
        put_field(&l, 1, s->labels[i].name);
        put_field(&l, 2, s->labels[i].value);
        put_field(b, 1, buf_slice(&l));
    }
    buf_free(&l);
}

/* TimeSeries { 1: Label, 2: Sample { 1: value, 2: ms } } */
static void put_samples(Buf *b, const PqlRawSeries *s)
{
    Buf sample, series;
    buf_init(&sample);
    buf_init(&series);
    put_pb_labels(&series, s);
    for (size_t i = 0; i < s->count; i++) {
        uint64_t bits;
        memcpy(&bits, &s->v[i], sizeof bits);
        buf_clear(&sample);
        buf_put_varint(&sample, 1 << 3 | WIRE_FIXED64);
        buf_put_u64(&sample, bits);
        buf_put_varint(&sample, 2 << 3);
        buf_put_varint(&sample, (uint64_t)s->t_ms[i]);
        put_field(&series, 2, buf_slice(&sample));
    }
    put_field(b, 1, buf_slice(&series));
    buf_free(&sample);
    buf_free(&series);
}

/* Length, checksum, ChunkedReadResponse { 1: ChunkedSeries, 2: query_index } */
static void put_frame(Buf *b, const Buf *series, size_t query)
{
    Buf m;
    buf_init(&m);
    put_field(&m, 1, buf_slice(series));
    if (query) {
        buf_put_varint(&m, 2 << 3);
        buf_put_varint(&m, query);
    }
    buf_put_varint(b, m.len);
    uint32_t crc = crc32c(0, m.ptr, m.len);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_put_u8(b, (uint8_t)(crc >> shift));
    buf_put_slice(b, buf_slice(&m));
    buf_free(&m);
}

/* ChunkedSeries { 1: Label, 2: Chunk { 1: first ms, 2: last ms, 3: type XOR, 4: data } } */
static void put_chunks(Buf *b, const PqlRawSeries *s, size_t query)
{
    Buf series, chunk, data;
    buf_init(&series);
    buf_init(&chunk);
    buf_init(&data);
    put_pb_labels(&series, s);
    size_t labels = series.len;
    for (size_t i = 0; i < s->count; i += XOR_CHUNK_SAMPLES) {
        size_t n = s->count - i < XOR_CHUNK_SAMPLES ? s->count - i : XOR_CHUNK_SAMPLES;
        buf_clear(&data);
        buf_clear(&chunk);
        xor_chunk_write(&data, s->t_ms + i, s->v + i, n);
        buf_put_varint(&chunk, 1 << 3);
        buf_put_varint(&chunk, (uint64_t)s->t_ms[i]);
        buf_put_varint(&chunk, 2 << 3);
        buf_put_varint(&chunk, (uint64_t)s->t_ms[i + n - 1]);
        buf_put_varint(&chunk, 3 << 3);
        buf_put_varint(&chunk, 1);
        put_field(&chunk, 4, buf_slice(&data));
        put_field(&series, 2, buf_slice(&chunk));
        if (series.len >= FRAME_BYTES - 4096 || i + n == s->count) {
            put_frame(b, &series, query);
            series.len = labels;
        }
    }
    buf_free(&series);
    buf_free(&chunk);
    buf_free(&data);
}

/* ---- opening ---- */
static bool parse_matches(PromRead *p, Err *e)
{
    if (p->r.match_count > PQL_SELECTORS_MAX)
        return err_set(e, ERR_INVALID_PARAMETER, "more than %d match[] parameters",
                       PQL_SELECTORS_MAX);
    for (size_t i = 0; i < p->r.match_count; i++)
        if (!pql_parse_selector(&p->arena, p->r.match[i], &p->match[i], e))
            return err_wrap(e, "invalid parameter \"match[]\"");
    p->match_count = p->r.match_count;
    return true;
}

static bool parse_query(PromRead *p, Err *e)
{
    PqlExpr *x;
    if (!pql_parse(&p->arena, p->r.query, p->db->features, &x, e))
        return err_wrap(e, "invalid parameter \"query\"");
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
    put_quoted(text, name);
    buf_puts(text, ops[type]);
    put_quoted(text, value);
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

static bool read_open(PromRead *p, ObjectId database, Err *e)
{
    bool exemplars = p->r.kind == READ_EXEMPLARS;
    bool remote = p->r.kind == READ_SAMPLES || p->r.kind == READ_CHUNKS;
    if (!(exemplars ? parse_query(p, e) : remote ? parse_read(p, e) : parse_matches(p, e)))
        return false;
    Snapshot *snap = p->raw.snapshot = engine_snapshot(p->db->engine, NULL);
    const SchemaDef *s = cat_schema(snapshot_catalog(snap), database,
                                    exemplars ? SLICE_LIT("exemplars") : SLICE_LIT("public"));
    p->raw.schema = s ? s->id : 0; /* no such schema: no tables, no series */
    p->raw.text_column = exemplars ? "labels" : NULL;
    return true;
}

bool prom_read_open(PromRead **out, Db *db, ObjectId database, const PromReadRequest *r,
                    Task *waiter, Err *e)
{
    PromRead *p = MEM_NEW(PromRead);
    p->db = db;
    p->r = *r;
    arena_init(&p->arena, &db->query_pool);
    buf_init(&p->one);
    buf_init(&p->done);
    p->raw = (PqlRawRequest){.rights = {rights_may_read, r->rights},
                             .start_ms = r->start_ms,
                             .end_ms = r->end_ms,
                             .budget = &db->query_pool,
                             .waiter = waiter};
    if (!read_open(p, database, e)) {
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
    p->pieces[p->piece_count++] =
        (Piece){labels, s->label_count, arena_slice(&p->arena, buf_slice(&p->one))};
}

static bool take_series(PromRead *p, const PqlRawSeries *s, Err *e)
{
    buf_clear(&p->one);
    switch (p->r.kind) {
    case READ_EXPORT:
        put_export(&p->done, s);
        break;
    case READ_FEDERATE:
        put_federate(&p->one, s);
        break;
    case READ_EXEMPLARS:
        put_exemplars(&p->one, s);
        break;
    case READ_SAMPLES:
        put_samples(&p->one, s);
        break;
    case READ_CHUNKS:
        put_chunks(&p->one, s, p->at);
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
    int c = slice_cmp(name_of(x->labels, x->label_count), name_of(y->labels, y->label_count));
    return c ? c : by_labels(a, b);
}

static void put_type_line(Buf *out, Slice name)
{
    buf_puts(out, "# TYPE ");
    if (plain_name(name, true))
        buf_put_slice(out, name);
    else
        put_quoted(out, name);
    buf_puts(out, " untyped\n");
}

/* The pieces of one query, in order. */
static void put_pieces(PromRead *p)
{
    Buf *out = &p->done;
    size_t from = out->len;
    Slice name = SLICE_NONE;
    if (p->piece_count)
        qsort(p->pieces, p->piece_count, sizeof *p->pieces,
              p->r.kind == READ_FEDERATE ? by_name : by_labels);
    buf_puts(out, p->r.kind == READ_EXEMPLARS ? "[" : "");
    for (size_t i = 0; i < p->piece_count; i++) {
        const Piece *x = &p->pieces[i];
        Slice own = name_of(x->labels, x->label_count);
        if (p->r.kind == READ_EXEMPLARS && i > 0)
            buf_puts(out, ",");
        if (p->r.kind == READ_FEDERATE && (i == 0 || !slice_eq(name, own)))
            put_type_line(out, own);
        name = own;
        buf_put_slice(out, x->bytes);
    }
    buf_puts(out, p->r.kind == READ_EXEMPLARS ? "]" : "");
    p->piece_count = 0;
    if (p->r.kind != READ_SAMPLES)
        return;
    Buf result = {0}; /* ReadResponse { 1: QueryResult } */
    put_field(&result, 1, slice_of(out->ptr + from, out->len - from));
    out->len = from;
    buf_put_slice(out, buf_slice(&result));
    buf_free(&result);
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
