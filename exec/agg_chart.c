/* What charts are made of: vwap, candlesticks, and lttb, which picks the points that keep a line's shape.
 *
 * A candlestick is jsonb {open, high, low, close, volume, vwap, open_time, ...}; open(), high() and their
 * like take it apart, as TimescaleDB's toolkit does with its own type. */
#include "exec/agg_private.h"
#include "exec/func_json.h"
#include <math.h>
#include <stdlib.h>

/* ---- vwap(price, volume) ---- */

typedef struct Vwap {
    FloatSum value, volume;
} Vwap;

static void vwap_init(AggCtx *c, void *state)
{
    (void)c;
    *(Vwap *)state = (Vwap){0};
}

static double f64_at(const Vector *v, size_t row)
{
    return v->v.f64[vec_slot(v, row)];
}

static bool vwap_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                        Err *e)
{
    Vwap *s = state;
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    {
        float_sum_add(&s->value, f64_at(&args[0], row) * f64_at(&args[1], row));
        float_sum_add(&s->volume, f64_at(&args[1], row));
    }
    return true;
}

static void sum_merge(FloatSum *into, const FloatSum *from)
{
    float_sum_add(into, from->hi);
    into->lo += from->lo;
}

static bool vwap_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Vwap *s = into;
    const Vwap *f = from;
    (void)c, (void)e;
    sum_merge(&s->value, &f->value);
    sum_merge(&s->volume, &f->volume);
    return true;
}

static bool vwap_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Vwap *s = state;
    double volume = float_sum_value(&s->volume);
    (void)c, (void)e;
    *out = value_f64(volume != 0 ? float_sum_value(&s->value) / volume : 0);
    out->null = volume == 0;
    return true;
}

AGG_PLAIN_SAVE(vwap, Vwap)

static const AggDef agg_vwap = {
    .state_size = sizeof(Vwap),
    .init = vwap_init,
    .update = vwap_update,
    .merge = vwap_merge,
    .final = vwap_final,
    .save = vwap_save,
    .load = vwap_load,
    .skips_nulls = true,
};

/* ---- candlestick_agg(ts, price, volume) ---- */

typedef struct Candle {
    int64_t count, open_time, close_time, high_time, low_time; /* us */
    double open, close, high, low;
    Vwap trade;
} Candle;

static void candle_init(AggCtx *c, void *state)
{
    (void)c;
    *(Candle *)state = (Candle){0};
}

/* Of several rows of one time the first opens and the last closes; extremes keep their first time. */
static void candle_join(Candle *s, const Candle *f)
{
    if (s->count == 0) {
        *s = *f;
        return;
    }
    if (f->open_time < s->open_time) {
        s->open_time = f->open_time;
        s->open = f->open;
    }
    if (f->close_time >= s->close_time) {
        s->close_time = f->close_time;
        s->close = f->close;
    }
    if (f->high > s->high || (f->high == s->high && f->high_time < s->high_time)) {
        s->high = f->high;
        s->high_time = f->high_time;
    }
    if (f->low < s->low || (f->low == s->low && f->low_time < s->low_time)) {
        s->low = f->low;
        s->low_time = f->low_time;
    }
    s->count += f->count;
    sum_merge(&s->trade.value, &f->trade.value);
    sum_merge(&s->trade.volume, &f->trade.volume);
}

static bool candle_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                          Err *e)
{
    (void)c, (void)e;
    AGG_ROWS(sel, n, row)
    {
        int64_t t = args[0].v.i64[vec_slot(&args[0], row)];
        double price = f64_at(&args[1], row), volume = f64_at(&args[2], row);
        Candle one = {.count = 1,
                      .open_time = t,
                      .close_time = t,
                      .high_time = t,
                      .low_time = t,
                      .open = price,
                      .close = price,
                      .high = price,
                      .low = price,
                      .trade = {.value = {price * volume, 0}, .volume = {volume, 0}}};
        candle_join(state, &one);
    }
    return true;
}

static bool candle_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    const Candle *f = from;
    (void)c, (void)e;
    if (f->count > 0)
        candle_join(into, f);
    return true;
}

static bool put_member(const AggCtx *c, Buf *b, const char *name, TypeId type, Value v, Err *e)
{
    buf_printf(b, "%c\"%s\": ", b->len ? ',' : '{', name);
    if (v.phys == PH_F64 && !isfinite(v.u.f64)) { /* JSON has no such numbers */
        buf_puts(b, "null");
        return true;
    }
    return json_put_value(&c->eval->env, type, &v, true, b, e);
}

/* Takes the text and frees it. */
static bool as_jsonb(AggCtx *c, Buf *b, bool ok, Value *out, Err *e)
{
    Slice text = SLICE_NONE;
    ok = ok && jsonb_normalize(buf_slice(b), c->arena, &text, e);
    buf_free(b);
    *out = value_str(text);
    return ok;
}

static bool candle_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Candle *s = state;
    double volume = float_sum_value(&s->trade.volume);
    double vwap = volume != 0 ? float_sum_value(&s->trade.value) / volume : NAN;
    const struct {
        const char *name;
        double v;
    } numbers[] = {{"open", s->open},   {"high", s->high},  {"low", s->low},
                   {"close", s->close}, {"volume", volume}, {"vwap", vwap}};
    const struct {
        const char *name;
        int64_t us;
    } times[] = {{"open_time", s->open_time},
                 {"high_time", s->high_time},
                 {"low_time", s->low_time},
                 {"close_time", s->close_time}};
    Buf b;
    bool ok = true;
    *out = (Value){.null = s->count == 0, .phys = PH_STR};
    if (out->null)
        return true;
    buf_init(&b);
    for (size_t i = 0; ok && i < ARRAY_LEN(numbers); i++)
        ok = put_member(c, &b, numbers[i].name, T_FLOAT8, value_f64(numbers[i].v), e);
    for (size_t i = 0; ok && i < ARRAY_LEN(times); i++)
        ok = put_member(c, &b, times[i].name, c->arg_types[0], value_i64(times[i].us), e);
    buf_puts(&b, "}");
    return as_jsonb(c, &b, ok, out, e);
}

AGG_PLAIN_SAVE(candle, Candle)

static const AggDef agg_candle = {
    .state_size = sizeof(Candle),
    .init = candle_init,
    .update = candle_update,
    .merge = candle_merge,
    .final = candle_final,
    .save = candle_save,
    .load = candle_load,
    .skips_nulls = true,
};

/* ---- lttb(ts, value, points): largest triangle, three buckets (Steinarsson 2013) ---- */

typedef struct Point {
    int64_t t;
    double v;
} Point;

typedef struct Lttb {
    Point *points;
    size_t count, room;
    int64_t want;
} Lttb;

static void lttb_init(AggCtx *c, void *state)
{
    (void)c;
    *(Lttb *)state = (Lttb){0};
}

static void lttb_room(Lttb *s, size_t more, Arena *a)
{
    if (s->count + more <= s->room)
        return;
    size_t room = s->room * 2 > s->count + more ? s->room * 2 : s->count + more + 16;
    Point *points = arena_alloc(a, room * sizeof *points);
    if (s->count)
        memcpy(points, s->points, s->count * sizeof *points);
    s->points = points;
    s->room = room;
}

static bool lttb_update(AggCtx *c, void *state, const Vector *args, const uint16_t *sel, size_t n,
                        Err *e)
{
    Lttb *s = state;
    lttb_room(s, n, c->arena);
    AGG_ROWS(sel, n, row)
    {
        double v = f64_at(&args[1], row);
        if (s->want == 0)
            s->want = vec_get(&args[2], row).u.i64;
        if (s->want < 2)
            return err_set(e, ERR_INVALID_PARAMETER, "lttb needs at least 2 points");
        if (!isnan(v))
            s->points[s->count++] = (Point){args[0].v.i64[vec_slot(&args[0], row)], v};
    }
    return true;
}

static bool lttb_merge(AggCtx *c, void *into, const void *from, Err *e)
{
    Lttb *s = into;
    const Lttb *f = from;
    (void)e;
    s->want = s->want ? s->want : f->want;
    lttb_room(s, f->count, c->arena);
    if (f->count)
        memcpy(s->points + s->count, f->points, f->count * sizeof *f->points);
    s->count += f->count;
    return true;
}

static int by_time(const void *x, const void *y)
{
    const Point *a = x, *b = y;
    return (a->t > b->t) - (a->t < b->t);
}

/* The point of [begin, end) that spans the largest triangle with `left` and the mean of the next bucket. */
static size_t largest(const Point *p, size_t left, size_t begin, size_t end, size_t next_end)
{
    double x = 0, y = 0, best = -1;
    size_t n = next_end - end, chosen = begin;
    for (size_t i = end; i < next_end; i++) {
        x += (double)(p[i].t - p[left].t) / (double)n;
        y += p[i].v / (double)n;
    }
    for (size_t i = begin; i < end; i++) {
        double area =
            fabs(x * (p[i].v - p[left].v) - (double)(p[i].t - p[left].t) * (y - p[left].v));
        if (area > best) {
            best = area;
            chosen = i;
        }
    }
    return chosen;
}

/* Moves the chosen points to the front. */
static size_t lttb_choose(Point *p, size_t count, size_t want)
{
    if (count <= want || want < 3) {
        if (count > 2 && want == 2)
            p[1] = p[count - 1];
        return count < want ? count : want;
    }
    double every = (double)(count - 2) / (double)(want - 2);
    size_t *chosen = mem_zero(want * sizeof *chosen);
    for (size_t i = 0; i < want - 2; i++) {
        size_t begin = (size_t)floor((double)i * every) + 1,
               end = (size_t)floor((double)(i + 1) * every) + 1,
               next_end = (size_t)floor((double)(i + 2) * every) + 1;
        chosen[i + 1] = largest(p, chosen[i], begin, end, next_end < count ? next_end : count);
    }
    chosen[want - 1] = count - 1;
    for (size_t i = 0; i < want; i++)
        p[i] = p[chosen[i]];
    mem_free(chosen);
    return want;
}

static bool lttb_final(AggCtx *c, const void *state, Value *out, Err *e)
{
    const Lttb *s = state;
    Buf b;
    *out = (Value){.null = s->count == 0, .phys = PH_STR};
    if (out->null)
        return true;
    Point *p = arena_alloc(c->arena, s->count * sizeof *p);
    memcpy(p, s->points, s->count * sizeof *p);
    qsort(p, s->count, sizeof *p, by_time);
    size_t n = lttb_choose(p, s->count, (size_t)s->want);
    bool ok = true;
    buf_init(&b);
    for (size_t i = 0; ok && i < n; i++) {
        Buf one;
        buf_init(&one);
        ok = put_member(c, &one, "time", c->arg_types[0], value_i64(p[i].t), e) &&
             put_member(c, &one, "value", T_FLOAT8, value_f64(p[i].v), e);
        buf_puts(&b, i ? ", " : "[");
        buf_put_slice(&b, buf_slice(&one));
        buf_puts(&b, "}");
        buf_free(&one);
    }
    buf_puts(&b, "]");
    return as_jsonb(c, &b, ok, out, e);
}

static void lttb_save(AggCtx *c, const void *state, Buf *out)
{
    const Lttb *s = state;
    (void)c;
    buf_put_u64(out, (uint64_t)s->want);
    buf_put(out, s->points, s->count * sizeof *s->points);
}

static bool lttb_load(AggCtx *c, void *state, Slice bytes, Err *e)
{
    Lttb *s = state;
    Reader r = reader_of(bytes);
    *s = (Lttb){.want = (int64_t)reader_u64(&r)};
    size_t left = reader_left(&r);
    if (r.bad || left % sizeof *s->points != 0)
        return agg_bad_state(e);
    lttb_room(s, left / sizeof *s->points, c->arena);
    s->count = left / sizeof *s->points;
    if (left)
        memcpy(s->points, bytes.ptr + bytes.len - left, left);
    return true;
}

static const AggDef agg_lttb = {
    .state_size = sizeof(Lttb),
    .init = lttb_init,
    .update = lttb_update,
    .merge = lttb_merge,
    .final = lttb_final,
    .save = lttb_save,
    .load = lttb_load,
    .skips_nulls = true,
    .grows = true,
};

/* ---- parts of a candlestick ---- */

static bool candle_part(EvalCtx *ctx, const Value *args, const char *name, TypeId type, Value *out,
                        Err *e)
{
    Slice json;
    if (!json_field(args[0].u.str, slice_cstr(name), ctx->scratch, &json) ||
        json_kind(json) == JSON_NULL) {
        out->null = true;
        return true;
    }
    return type_find(type)->in(&ctx->env, json_text(json, ctx->scratch), -1, ctx->scratch, out, e);
}

#define PART(name, type)                                                                           \
    FUNC_SCALAR(part_##name)                                                                       \
    {                                                                                              \
        FUNC_UNUSED;                                                                               \
        return candle_part(ctx, args, #name, type, out, e);                                        \
    }
PART(open, T_FLOAT8)
PART(high, T_FLOAT8)
PART(low, T_FLOAT8)
PART(close, T_FLOAT8)
PART(volume, T_FLOAT8)
PART(vwap, T_FLOAT8)
PART(open_time, T_TIMESTAMPTZ)
PART(high_time, T_TIMESTAMPTZ)
PART(low_time, T_TIMESTAMPTZ)
PART(close_time, T_TIMESTAMPTZ)

#define PART_ROW(name, type)                                                                       \
    FS(#name "(jsonb) " type, part_##name, FN_STRICT | FN_STABLE, #name " of a candlestick")

FuncDef agg_chart[] = {
    AGG("vwap(float8, float8) float8", agg_vwap, "mean price weighted by volume"),
    AGG("candlestick_agg(timestamptz, float8, float8) jsonb", agg_candle,
        "open, high, low, close, volume and vwap of time, price, volume"),
    AGG("candlestick_agg(timestamp, float8, float8) jsonb", agg_candle,
        "open, high, low, close, volume and vwap of time, price, volume"),
    AGG("lttb(timestamptz, float8, int4) jsonb", agg_lttb,
        "n points that keep the shape of a line, as an array of {time, value}"),
    AGG("lttb(timestamp, float8, int4) jsonb", agg_lttb,
        "n points that keep the shape of a line, as an array of {time, value}"),
    PART_ROW(open, "float8"),
    PART_ROW(high, "float8"),
    PART_ROW(low, "float8"),
    PART_ROW(close, "float8"),
    PART_ROW(volume, "float8"),
    PART_ROW(vwap, "float8"),
    PART_ROW(open_time, "timestamptz"),
    PART_ROW(high_time, "timestamptz"),
    PART_ROW(low_time, "timestamptz"),
    PART_ROW(close_time, "timestamptz"),
    FUNC_END,
};
