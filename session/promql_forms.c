/* session/promql_forms.c - see promql_forms.h. */
#include "session/promql_forms.h"
#include "base/hash.h"
#include "ingest/protobuf.h"
#include "session/prom_chunk.h"
#include <math.h>

#define STALE_BITS UINT64_C(0x7ff0000000000002)
enum { FRAME_BYTES = 1 << 20 };

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

static const Histogram *hist_at(const PqlRawSeries *s, size_t i)
{
    return s->h ? s->h[i] : NULL;
}

/* As the SQL type has it: nothing is lost. */
static void put_json_histogram(Buf *b, const Histogram *h)
{
    Buf bytes;
    buf_init(&bytes);
    hist_write(&bytes, h);
    Value v = value_str(buf_slice(&bytes));
    type_find(HIST_OID)->out(NULL, &v, b);
    buf_free(&bytes);
}

static void put_export_numbers(Buf *b, const PqlRawSeries *s, bool times)
{
    const char *comma = "";
    for (size_t i = 0; i < s->count; i++) {
        if (hist_at(s, i))
            continue;
        buf_puts(b, comma);
        comma = ",";
        if (times)
            buf_printf(b, "%lld", (long long)s->t_ms[i]);
        else
            put_json_number(b, s->v[i]);
    }
}

static void put_export_histograms(Buf *b, const PqlRawSeries *s)
{
    const char *open = ",\"histograms\":[";
    for (size_t i = 0; i < s->count; i++) {
        if (!hist_at(s, i))
            continue;
        buf_printf(b, "%s[%lld,", open, (long long)s->t_ms[i]);
        put_json_histogram(b, s->h[i]);
        buf_puts(b, "]");
        open = ",";
    }
    buf_puts(b, "]");
}

void form_export(Buf *b, const PqlRawSeries *s)
{
    buf_puts(b, "{\"metric\":");
    prom_put_labels(b, s->labels, s->label_count);
    buf_puts(b, ",\"values\":[");
    put_export_numbers(b, s, false);
    buf_puts(b, "],\"timestamps\":[");
    put_export_numbers(b, s, true);
    buf_puts(b, "]");
    if (s->h)
        put_export_histograms(b, s);
    buf_puts(b, "}\n");
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

void form_put_quoted(Buf *b, Slice s)
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

Slice form_name_of(const PqlLabel *labels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq_cstr(labels[i].name, "__name__"))
            return labels[i].value;
    return SLICE_LIT("");
}

/* A label instance is always there, as Prometheus writes it. */
void form_federate(Buf *b, const PqlRawSeries *s)
{
    double v = s->v[s->count - 1];
    Slice name = form_name_of(s->labels, s->label_count);
    bool plain = plain_name(name, true), instance = false;
    size_t n = 0;
    if (is_stale(v) || hist_at(s, s->count - 1))
        return;
    if (plain)
        buf_put_slice(b, name);
    buf_puts(b, "{");
    if (!plain) {
        form_put_quoted(b, name);
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
            form_put_quoted(b, s->labels[i].name);
        buf_puts(b, "=");
        form_put_quoted(b, s->labels[i].value);
    }
    if (!instance)
        buf_puts(b, n ? ",instance=\"\"" : "instance=\"\"");
    buf_puts(b, "} ");
    buf_put_f64(b, v);
    buf_printf(b, " %lld\n", (long long)s->t_ms[s->count - 1]);
}

void form_exemplars(Buf *b, const PqlRawSeries *s)
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

void form_field(Buf *b, uint32_t number, Slice bytes)
{
    buf_put_varint(b, number << 3 | WIRE_BYTES);
    buf_put_str(b, bytes);
}

/* Label { 1: name, 2: value }.  For federation without the name, but always with an instance. */
static void put_pb_labels(Buf *b, uint32_t number, const PqlRawSeries *s, bool federate)
{
    Buf l;
    bool instance = !federate;
    buf_init(&l);
    for (size_t i = 0; i < s->label_count; i++) {
        if (federate && slice_eq_cstr(s->labels[i].name, "__name__"))
            continue;
        instance |= slice_eq_cstr(s->labels[i].name, "instance");
        buf_clear(&l);
        form_field(&l, 1, s->labels[i].name);
        form_field(&l, 2, s->labels[i].value);
        form_field(b, number, buf_slice(&l));
    }
    if (!instance) {
        buf_clear(&l);
        form_field(&l, 1, SLICE_LIT("instance"));
        form_field(&l, 2, SLICE_LIT(""));
        form_field(b, number, buf_slice(&l));
    }
    buf_free(&l);
}

static void put_uint(Buf *b, uint32_t number, uint64_t v)
{
    buf_put_varint(b, number << 3 | WIRE_VARINT);
    buf_put_varint(b, v);
}

static void put_double(Buf *b, uint32_t number, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_put_varint(b, number << 3 | WIRE_FIXED64);
    buf_put_u64(b, bits);
}

/* Where Prometheus' two messages of histograms differ: remote read has packed numbers, and integers. */
typedef struct HistFields {
    uint32_t count, count_float, sum, schema, threshold, zero, zero_float;
    uint32_t spans[2], deltas[2], counts[2]; /* negative, positive; 0 deltas: never */
    bool packed;
} HistFields;

static void put_hist_spans(Buf *b, uint32_t number, const HistSide *s)
{
    Buf span;
    buf_init(&span);
    for (uint32_t i = 0, end; i < s->count; i = end) {
        int32_t offset = i ? s->items[i].index - s->items[i - 1].index - 1 : s->items[i].index;
        for (end = i + 1; end < s->count && s->items[end].index == s->items[end - 1].index + 1;)
            end++;
        buf_clear(&span);
        put_uint(&span, 1, zigzag_encode(offset));
        put_uint(&span, 2, end - i);
        form_field(b, number, buf_slice(&span));
    }
    buf_free(&span);
}

static void put_hist_side(Buf *b, const HistFields *f, size_t side, const HistSide *s, bool integer)
{
    int64_t before = 0;
    Buf packed;
    if (s->count == 0)
        return;
    put_hist_spans(b, f->spans[side], s);
    buf_init(&packed);
    for (uint32_t i = 0; i < s->count; i++) {
        if (integer) {
            buf_put_zigzag(&packed, (int64_t)s->items[i].n - before);
            before = (int64_t)s->items[i].n;
        } else if (f->packed) {
            uint64_t bits;
            memcpy(&bits, &s->items[i].n, sizeof bits);
            buf_put_u64(&packed, bits);
        } else {
            put_double(b, f->counts[side], s->items[i].n);
        }
    }
    if (packed.len)
        form_field(b, integer ? f->deltas[side] : f->counts[side], buf_slice(&packed));
    buf_free(&packed);
}

static void put_hist(Buf *b, const HistFields *f, const Histogram *h)
{
    bool integer = h->integer && f->deltas[0];
    if (integer)
        put_uint(b, f->count, (uint64_t)h->count);
    else
        put_double(b, f->count_float, h->count);
    put_double(b, f->sum, h->sum);
    put_uint(b, f->schema, zigzag_encode(h->schema));
    put_double(b, f->threshold, h->zero_threshold);
    if (integer)
        put_uint(b, f->zero, (uint64_t)h->zero);
    else
        put_double(b, f->zero_float, h->zero);
    put_hist_side(b, f, 0, &h->negative, integer);
    put_hist_side(b, f, 1, &h->positive, integer);
}

/* prometheus.Histogram: see ingest/ing_histogram.c */
static void put_read_histogram(Buf *b, int64_t t_ms, const Histogram *h)
{
    static const HistFields read = {.count = 1,
                                    .count_float = 2,
                                    .sum = 3,
                                    .schema = 4,
                                    .threshold = 5,
                                    .zero = 6,
                                    .zero_float = 7,
                                    .spans = {8, 11},
                                    .deltas = {9, 12},
                                    .counts = {10, 13},
                                    .packed = true};
    put_hist(b, &read, h);
    put_uint(b, 14, h->hint);
    put_uint(b, 15, (uint64_t)t_ms);
    if (h->bound_count == 0)
        return;
    Buf bounds;
    buf_init(&bounds);
    for (uint32_t i = 0; i < h->bound_count; i++) {
        uint64_t bits;
        memcpy(&bits, &h->bounds[i], sizeof bits);
        buf_put_u64(&bounds, bits);
    }
    form_field(b, 16, buf_slice(&bounds));
    buf_free(&bounds);
}

/* TimeSeries { 1: Label, 2: Sample { 1: value, 2: ms }, 4: Histogram } */
void form_samples(Buf *b, const PqlRawSeries *s)
{
    Buf sample, series;
    buf_init(&sample);
    buf_init(&series);
    put_pb_labels(&series, 1, s, false);
    for (size_t i = 0; i < s->count; i++) {
        const Histogram *h = hist_at(s, i);
        buf_clear(&sample);
        if (h) {
            put_read_histogram(&sample, s->t_ms[i], h);
        } else {
            put_double(&sample, 1, s->v[i]);
            put_uint(&sample, 2, (uint64_t)s->t_ms[i]);
        }
        form_field(&series, h ? 4 : 2, buf_slice(&sample));
    }
    form_field(b, 1, buf_slice(&series));
    buf_free(&sample);
    buf_free(&series);
}

/* ---- federation in protobuf: io.prometheus.client ---- */
FamilyKind form_family_of(const PqlRawSeries *s)
{
    const Histogram *h = hist_at(s, s->count - 1);
    return !h ? FAMILY_UNTYPED : h->hint == HIST_GAUGE ? FAMILY_GAUGE_HISTOGRAM : FAMILY_HISTOGRAM;
}

/* Metric { 1: LabelPair, 5: Untyped { 1: value }, 6: ms, 7: Histogram } */
void form_metric(Buf *b, const PqlRawSeries *s)
{
    static const HistFields client = {.count_float = 4,
                                      .sum = 2,
                                      .schema = 5,
                                      .threshold = 6,
                                      .zero_float = 8,
                                      .spans = {9, 12},
                                      .counts = {11, 14}};
    size_t last = s->count - 1;
    const Histogram *h = hist_at(s, last);
    Buf metric, value;
    if (!h && is_stale(s->v[last]))
        return;
    buf_init(&metric);
    buf_init(&value);
    put_pb_labels(&metric, 1, s, true);
    if (h)
        put_hist(&value, &client, h);
    else
        put_double(&value, 1, s->v[last]);
    form_field(&metric, h ? 7 : 5, buf_slice(&value));
    put_uint(&metric, 6, (uint64_t)s->t_ms[last]);
    form_field(b, 4, buf_slice(&metric));
    buf_free(&metric);
    buf_free(&value);
}

/* MetricFamily { 1: name, 3: type, 4: Metric } */
void form_family(Buf *b, Slice name, FamilyKind kind, Slice metrics)
{
    Buf family;
    buf_init(&family);
    form_field(&family, 1, name);
    put_uint(&family, 3, kind);
    buf_put_slice(&family, metrics);
    buf_put_str(b, buf_slice(&family));
    buf_free(&family);
}

void form_type_line(Buf *b, Slice name)
{
    buf_puts(b, "# TYPE ");
    if (plain_name(name, true))
        buf_put_slice(b, name);
    else
        form_put_quoted(b, name);
    buf_puts(b, " untyped\n");
}

/* ---- remote read by chunks ---- */
/* Length, checksum, ChunkedReadResponse { 1: ChunkedSeries, 2: query_index } */
static void put_frame(Buf *b, const Buf *series, size_t query)
{
    Buf m;
    buf_init(&m);
    form_field(&m, 1, buf_slice(series));
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

/* ChunkedSeries { 1: Label, 2: Chunk { 1: first ms, 2: last ms, 3: encoding, 4: data } } */
void form_chunks(Buf *b, const PqlRawSeries *s, size_t query)
{
    Buf series, chunk, data;
    buf_init(&series);
    buf_init(&chunk);
    buf_init(&data);
    put_pb_labels(&series, 1, s, false);
    size_t labels = series.len;
    for (size_t i = 0, n; i < s->count; i += n) {
        PromSamples rest = {s->t_ms + i, s->v + i, s->h ? s->h + i : NULL, s->count - i};
        PromChunkKind kind;
        buf_clear(&data);
        buf_clear(&chunk);
        n = prom_chunk_write(&data, &rest, &kind);
        put_uint(&chunk, 1, (uint64_t)s->t_ms[i]);
        put_uint(&chunk, 2, (uint64_t)s->t_ms[i + n - 1]);
        put_uint(&chunk, 3, kind);
        form_field(&chunk, 4, buf_slice(&data));
        form_field(&series, 2, buf_slice(&chunk));
        if (series.len >= FRAME_BYTES - 4096 || i + n == s->count) {
            put_frame(b, &series, query);
            series.len = labels;
        }
    }
    buf_free(&series);
    buf_free(&chunk);
    buf_free(&data);
}
