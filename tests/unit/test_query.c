/* Plans over a real engine: every answer is compared with plain loops over the same rows, once from the
 * memtable, once from files, once from both with overlapping writes; in one task and in parallel pieces. */
#include "storage/engine.h"
#include "tests/unit/plan_build.h"

#include <unistd.h>

enum { HOSTS = 7, POINTS = 2600, COL_HOST = 1, COL_NUM, COL_F, COL_I, COL_S, COL_N };

typedef struct Row {
    int64_t t;
    bool has_f, has_i, has_s;
    double f;
    int64_t i;
} Row;

static Engine *eng;
static TableId table;
static SeriesId series[HOSTS];
static Row model[HOSTS][POINTS * 2]; /* by time; one row a time */
static size_t model_rows[HOSTS];
static char dir[64];

/* ---- the table and its rows ---- */

static void wait_ticket(Ticket *t)
{
    while (!atomic_load(&t->done))
        usleep(200);
    ck_assert_msg(t->ok, "%s", t->err.message);
}

static void make_table(void)
{
    static ColumnDef cols[7];
    static const struct {
        const char *name;
        ColumnId id;
        ColumnKind kind;
        uint32_t oid;
        PhysType phys;
    } defs[7] = {{"time", COLUMN_TIME, COL_TIME, T_TIMESTAMPTZ, PHYS_I64},
                 {"host", COL_HOST, COL_TAG, T_TEXT, PHYS_STR},
                 {"num", COL_NUM, COL_TAG, T_INT8, PHYS_STR},
                 {"f", COL_F, COL_FIELD, T_FLOAT8, PHYS_F64},
                 {"i", COL_I, COL_FIELD, T_INT8, PHYS_I64},
                 {"s", COL_S, COL_FIELD, T_TEXT, PHYS_STR},
                 {"n", COL_N, COL_FIELD, T_NUMERIC, PHYS_STR}};
    for (size_t i = 0; i < 7; i++)
        cols[i] = (ColumnDef){.id = defs[i].id,
                              .name = slice_cstr(defs[i].name),
                              .kind = defs[i].kind,
                              .type_oid = defs[i].oid,
                              .typmod = -1,
                              .phys = defs[i].phys};
    CatalogSnap *cat = engine_catalog(eng);
    const DatabaseDef *db = cat_database_at(cat, 0);
    table = engine_new_id(eng);
    TableDef def = {.id = table,
                    .database = db->id,
                    .schema = cat_schema(cat, db->id, SLICE_LIT("public"))->id,
                    .name = SLICE_LIT("m"),
                    .kind = TABLE_SERIES,
                    .duplicates = DUP_LAST,
                    .column_count = 7,
                    .next_column = 7,
                    .columns = cols,
                    .time_index = 0};
    CatEdit edit = {.op = CAT_PUT_TABLE, .id = table, .table = &def};
    Err e;
    ck_assert_msg(engine_edit_catalog(eng, &edit, 1, &e), "%s", e.message);
    cat_unref(cat);
}

static SeriesId make_series(int h)
{
    char host[16], num[16];
    snprintf(host, sizeof host, "host%d", h);
    snprintf(num, sizeof num, "%d", h * 5 - 10);
    Tag tags[2] = {{COL_HOST, slice_cstr(host)}, {COL_NUM, slice_cstr(num)}};
    bool made;
    Err e;
    SeriesId id;
    size_t n = h == HOSTS - 1 ? 1 : 2; /* the last one has no num: NULL */
    ck_assert(idx_intern(engine_index(eng), table, tags, n, NULL, &id, &made, &e));
    return id;
}

static void model_put(int h, const Row *r)
{
    size_t n = model_rows[h], at = n;
    while (at > 0 && model[h][at - 1].t >= r->t)
        at--;
    if (at < n && model[h][at].t == r->t) { /* newer wins field by field */
        Row *old = &model[h][at];
        if (r->has_f)
            old->f = r->f, old->has_f = true;
        if (r->has_i)
            old->i = r->i, old->has_i = true;
        old->has_s |= r->has_s;
        return;
    }
    memmove(&model[h][at + 1], &model[h][at], (n - at) * sizeof *r);
    model[h][at] = *r;
    model_rows[h]++;
}

/* 10 s apart, around 1970, not on whole us; every third point of the second round hits an old time. */
static void write_rows(int round)
{
    WriteBatch *wb = wb_new();
    for (int h = 0; h < HOSTS; h++) {
        series[h] = make_series(h);
        int points = h == 2 ? 3 : round ? POINTS / 2 : POINTS;
        for (int k = 0; k < points; k++) {
            /* Hosts are whole us apart: `last` over all of them has one answer. */
            int64_t t = (k - POINTS / 2) * 10 * NS_PER_S + k % 5 * 250 - 600 + h * NS_PER_US;
            if (round && k % 3)
                t += 4 * NS_PER_S;
            Row r = {.t = t,
                     .has_f = k % 7 != 3,
                     .has_i = k % 2 == 0,
                     .has_s = k % 100 == 0,
                     .f = (h * 31 + k * 7) % 100 * 0.5 + round,
                     .i = k * (h + 1) - 1000};
            wb_row(wb, table, series[h], t);
            if (r.has_f)
                wb_f64(wb, COL_F, r.f);
            if (r.has_i)
                wb_i64(wb, COL_I, r.i);
            if (r.has_s)
                wb_str(wb, COL_S, SLICE_LIT("text")), wb_str(wb, COL_N, SLICE_LIT("1.50"));
            wb_row_end(wb);
            model_put(h, &r);
        }
    }
    Ticket t = {0};
    engine_submit(eng, wb, SYNC_OFF, &t);
    wait_ticket(&t);
}

static void flush(void)
{
    Ticket t = {0};
    engine_checkpoint(eng, &t);
    wait_ticket(&t);
}

static void query_setup(void)
{
    Err e;
    build_setup();
    sched_stop(test_sched);
    sched_free(test_sched);
    test_sched = sched_new(&clock_real, 2, 2, 0);
    snprintf(dir, sizeof dir, "/tmp/skulk-query-XXXXXX");
    ck_assert(mkdtemp(dir) != NULL);
    EngineOptions o = {.dir = dir, .flags = ENGINE_CREATE, .sched = test_sched};
    ck_assert_msg(engine_open(&eng, &o, &e), "%s", e.message);
    memset(model_rows, 0, sizeof model_rows);
    make_table();
}

static void query_teardown(void)
{
    char command[128];
    engine_close(eng, false);
    build_teardown();
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* ---- plans ---- */

/* Columns by letter: t time, h host, n num, f, i, s, d the numeric. */
static PlanScan *scan(const char *letters)
{
    PlanScan *p = ARENA_NEW(&A, PlanScan);
    plan_init(&p->p, PLAN_SCAN, letters, NULL, NULL);
    p->table = table;
    p->table_name = SLICE_LIT("m");
    p->cols = ARENA_ARRAY(&A, ScanCol, p->p.col_count + 1);
    for (size_t c = 0; c < p->p.col_count; c++) {
        ScanCol *s = &p->cols[c];
        char l = letters[c];
        s->kind = l == 't' ? SCAN_TIME : l == 'h' || l == 'n' ? SCAN_TAG : SCAN_FIELD;
        s->column = l == 'h'   ? COL_HOST
                    : l == 'n' ? COL_NUM
                    : l == 'f' ? COL_F
                    : l == 'i' ? COL_I
                    : l == 's' ? COL_S
                               : COL_N;
        s->type = l == 't'               ? T_TIMESTAMPTZ
                  : l == 'f'             ? T_FLOAT8
                  : l == 'i' || l == 'n' ? T_INT8
                  : l == 'd'             ? T_NUMERIC
                                         : T_TEXT;
        p->p.types[c] = s->type;
        s->typmod = -1;
    }
    return p;
}

static void bound(PlanScan *p, const char *op, int64_t value, bool ns)
{
    TimeBound *b = ARENA_ARRAY(&A, TimeBound, p->bound_count + 1);
    if (p->bound_count)
        memcpy(b, p->bounds, p->bound_count * sizeof *b);
    Value v = value_i64(value);
    p->bounds = b;
    b = &b[p->bound_count++];
    memcpy(b->op, op, strlen(op) + 1);
    b->ns = ns;
    b->value = expr_const(&A, ns ? T_INT8 : T_TIMESTAMPTZ, &v);
}

static PlanSeriesAgg *series_agg(PlanScan *s, const char *keys, int64_t width_ns,
                                 const AggCall *aggs, size_t n)
{
    PlanSeriesAgg *p = ARENA_NEW(&A, PlanSeriesAgg);
    plan_init(&p->p, PLAN_SERIES_AGG, "iiiiiiiiii", NULL, NULL);
    p->scan = s;
    p->key_count = strlen(keys);
    p->p.col_count = p->key_count + n;
    p->keys = ARENA_ARRAY(&A, SeriesKey, p->key_count + 1);
    for (size_t k = 0; k < p->key_count; k++) {
        SeriesKey *key = &p->keys[k];
        key->kind = keys[k] == 'b' ? KEY_BUCKET : KEY_TAG;
        key->column = keys[k] == 'h' ? COL_HOST : COL_NUM;
        key->width_ns = width_ns;
        key->type = p->p.types[k] = keys[k] == 'b'   ? T_TIMESTAMPTZ
                                    : keys[k] == 'h' ? T_TEXT
                                                     : T_INT8;
    }
    p->aggs = ARENA_ARRAY(&A, AggCall, n);
    for (size_t i = 0; i < n; i++) {
        p->aggs[i] = aggs[i];
        p->p.types[p->key_count + i] = aggs[i].result;
    }
    p->agg_count = n;
    return p;
}

/* ---- expected texts ---- */

typedef struct Want {
    bool (*keep)(int h, const Row *r);
    const char *letters;
    bool backward;
    size_t per_series;
} Want;

static void put_cell(Buf *b, char l, int h, const Row *r)
{
    Value v = value_null();
    TypeId type = T_TEXT;
    char host[16];
    if (l == 't') {
        v = value_i64(floor_div(r->t, 1000));
        type = T_TIMESTAMPTZ;
    } else if (l == 'h') {
        snprintf(host, sizeof host, "host%d", h);
        v = value_str(slice_cstr(host));
    } else if (l == 'n') {
        type = T_INT8;
        if (h != HOSTS - 1)
            v = value_i64(h * 5 - 10);
    } else if (l == 'f') {
        type = T_FLOAT8;
        if (r->has_f)
            v = value_f64(r->f);
    } else if (l == 'i') {
        type = T_INT8;
        if (r->has_i)
            v = value_i64(r->i);
    } else if (r->has_s) {
        v = value_str(l == 's' ? SLICE_LIT("text") : SLICE_LIT("1.50"));
    }
    put_value(b, type, &v);
}

static char *want_rows(Want w)
{
    static Buf b;
    buf_clear(&b);
    for (int h = 0; h < HOSTS; h++) {
        size_t given = 0;
        for (size_t k = 0; k < model_rows[h]; k++) {
            const Row *r = &model[h][w.backward ? model_rows[h] - 1 - k : k];
            if ((w.keep && !w.keep(h, r)) || (w.per_series && given == w.per_series))
                continue;
            given++;
            if (b.len)
                buf_puts(&b, "|");
            for (const char *l = w.letters; *l; l++) {
                if (l != w.letters)
                    buf_puts(&b, " ");
                put_cell(&b, *l, h, r);
            }
        }
    }
    buf_put_u8(&b, 0);
    return b.ptr;
}

/* Long texts are compared without printing all of them. */
static void same_text(const char *got, const char *want)
{
    size_t i = 0;
    while (got[i] && got[i] == want[i])
        i++;
    size_t from = i > 40 ? i - 40 : 0;
    ck_assert_msg(got[i] == want[i], "at %zu: got ...%.90s, want ...%.90s", i, got + from,
                  want + from);
}

/* ---- scans ---- */

static bool keep_mid(int h, const Row *r)
{
    (void)h;
    return floor_div(r->t, 1000) > -3000000000 && floor_div(r->t, 1000) <= 5000000249;
}

static bool keep_one_us(int h, const Row *r)
{
    (void)h;
    return floor_div(r->t, 1000) == 19999999;
}

static bool keep_ns(int h, const Row *r)
{
    (void)h;
    return r->t >= -9999999350;
}

static bool keep_hosts(int h, const Row *r)
{
    (void)r;
    return h == 1 || h == 4;
}

static bool keep_num(int h, const Row *r)
{
    (void)r;
    return h != HOSTS - 1 && h * 5 - 10 > 0;
}

static bool keep_no_num(int h, const Row *r)
{
    (void)r;
    return h == HOSTS - 1;
}

static bool keep_big(int h, const Row *r)
{
    (void)h;
    return r->has_f && r->f > 48;
}

static void check_scans(void)
{
    same_text(run(&scan("thnfisd")->p), want_rows((Want){.letters = "thnfisd"}));
    PlanScan *p = scan("tf");
    bound(p, ">", -3000000000, false);
    bound(p, "<=", 5000000249, false);
    same_text(run(&p->p), want_rows((Want){.letters = "tf", .keep = keep_mid}));
    p = scan("thi");
    bound(p, "=", 19999999, false);
    same_text(run(&p->p), want_rows((Want){.letters = "thi", .keep = keep_one_us}));
    p = scan("t");
    bound(p, ">=", -9999999350, true);
    same_text(run(&p->p), want_rows((Want){.letters = "t", .keep = keep_ns}));
    /* Contradictions, infinity, NULL. */
    p = scan("t");
    bound(p, ">", 5, false);
    bound(p, "<", 5, false);
    ck_assert_str_eq(run(&p->p), "");
    p = scan("t");
    bound(p, ">", INT64_MAX, false);
    ck_assert_str_eq(run(&p->p), "");
    p = scan("h");
    bound(p, "<", INT64_MAX, false);
    bound(p, ">=", INT64_MIN, false);
    same_text(run(&p->p), want_rows((Want){.letters = "h"}));
    /* Conditions on rows; statistics may rule out groups but not change the answer. */
    p = scan("tfi");
    p->filter = oper(">", col(1, 'f'), lit('f', "48"));
    p->prunes = ARENA_NEW(&A, FieldPrune);
    p->prune_count = 1;
    *p->prunes = (FieldPrune){.col = 1, .op = ">", .value = lit('f', "48")};
    same_text(run(&p->p), want_rows((Want){.letters = "tfi", .keep = keep_big}));
    p->filter = oper(">", col(1, 'f'), lit('f', "480"));
    p->prunes->value = lit('f', "480");
    ck_assert_str_eq(run(&p->p), "");
}

/* `integer > 90.5` in the scan, and above it where nothing is rewritten. */
static void check_decimals(void)
{
    static const char *const ops[] = {"<", "<=", ">", ">=", "=", "<>"};
    static const char *const numbers[] = {"89.5", "90.0", "-990.50", "0", "1e30"};
    Expr *i;
    Err e;
    ck_assert(expr_cast(&A, &test_eval, col(0, 'i'), T_NUMERIC, -1, CAST_IMPLICIT, &i, &e));
    for (size_t n = 0; n < ARRAY_LEN(numbers) * 2; n++) {
        Value v;
        ck_assert(
            type_find(T_NUMERIC)->in(&test_eval.env, slice_cstr(numbers[n / 2]), -1, &A, &v, &e));
        Expr *c = expr_const(&A, T_NUMERIC, &v);
        for (size_t k = 0; k < ARRAY_LEN(ops); k++) {
            Expr *x = n % 2 ? oper(ops[k], c, i) : oper(ops[k], i, c);
            char *want = strdup(run(filter(&scan("it")->p, x)));
            PlanScan *p = scan("it");
            p->filter = x;
            same_text(run(&p->p), want);
            free(want);
        }
    }
}

static TagPred *tag_pred(PlanScan *p, char letter)
{
    p->tags = ARENA_NEW(&A, TagPred);
    p->tag_count = 1;
    p->tags->column = letter == 'h' ? COL_HOST : COL_NUM;
    p->tags->type = letter == 'h' ? T_TEXT : T_INT8;
    return p->tags;
}

static void check_tags(void)
{
    PlanScan *p = scan("hi");
    TagPred *t = tag_pred(p, 'h');
    t->in = ARENA_ARRAY(&A, Expr *, 4);
    t->in[0] = lit('s', "host4");
    t->in[1] = lit('s', "~");
    t->in[2] = lit('s', "host1");
    t->in[3] = lit('s', "nobody");
    t->in_count = 4;
    same_text(run(&p->p), want_rows((Want){.letters = "hi", .keep = keep_hosts}));
    t->in[0] = t->in[1];
    t->in_count = 1;
    ck_assert_str_eq(run(&p->p), ""); /* = NULL */
    p = scan("nh");
    t = tag_pred(p, 'n');
    t->test = oper(">", col(0, 'i'), lit('i', "0"));
    same_text(run(&p->p), want_rows((Want){.letters = "nh", .keep = keep_num}));
    t->test = expr_new(&A, EXPR_IS_NULL, T_BOOL, 1);
    t->test->args[0] = col(0, 'i');
    same_text(run(&p->p), want_rows((Want){.letters = "nh", .keep = keep_no_num}));
    p = scan("nh");
    t = tag_pred(p, 'n');
    t->in = ARENA_ARRAY(&A, Expr *, 1);
    t->in[0] = lit('i', "-5");
    t->in_count = 1;
    ck_assert_str_eq(run(group(&p->p, "i", NULL, 0)), "-5");
}

static void check_newest(void)
{
    PlanScan *p = scan("thf");
    p->backward = true;
    same_text(run(&p->p), want_rows((Want){.letters = "thf", .backward = true}));
    p->per_series_limit = 1;
    same_text(run(&p->p), want_rows((Want){.letters = "thf", .backward = true, .per_series = 1}));
    p->per_series_limit = 5;
    p->filter = oper(">", col(2, 'f'), lit('f', "48"));
    same_text(
        run(&p->p),
        want_rows((Want){.letters = "thf", .backward = true, .per_series = 5, .keep = keep_big}));
    p = scan("thf");
    p->per_series_limit = 3;
    same_text(run(&p->p), want_rows((Want){.letters = "thf", .per_series = 3}));
}

/* ---- aggregation ---- */

typedef struct Sums {
    int64_t rows, count_f, count_i, sum_i;
    double sum_f, max_f, last_f;
    int64_t last_t;
} Sums;

static void sums_add(Sums *s, const Row *r)
{
    s->rows++;
    if (r->has_f) {
        s->max_f = s->count_f == 0 || r->f > s->max_f ? r->f : s->max_f;
        if (s->count_f == 0 || r->t >= s->last_t) {
            s->last_f = r->f;
            s->last_t = r->t;
        }
        s->sum_f += r->f;
        s->count_f++;
    }
    if (r->has_i) {
        s->sum_i += r->i;
        s->count_i++;
    }
}

static void put_sums(Buf *b, const Sums *s)
{
    char text[256];
    Value f = value_f64(s->max_f);
    snprintf(text, sizeof text, " %lld %lld %lld ", (long long)s->rows, (long long)s->count_f,
             (long long)s->count_i);
    buf_puts(b, text);
    f.null = s->count_f == 0;
    put_value(b, T_FLOAT8, &f);
    buf_puts(b, " ");
    f.u.f64 = s->last_f;
    put_value(b, T_FLOAT8, &f);
    buf_puts(b, " ");
    f.u.f64 = s->sum_f; /* halves: exact in any order */
    put_value(b, T_FLOAT8, &f);
    snprintf(text, sizeof text, s->count_i ? " %lld" : " ~", (long long)s->sum_i);
    buf_puts(b, text);
}

/* Groups of the model as text; width 0: one bucket; by_host: hosts apart. */
static char *want_groups(int64_t width, bool by_host, bool (*keep)(int, const Row *))
{
    static Buf b;
    enum { GROUPS = 40000 };
    static struct {
        int host;
        int64_t bucket;
        Sums sums;
    } g[GROUPS];
    size_t n = 0;
    buf_clear(&b);
    for (int h = 0; h < HOSTS; h++)
        for (size_t k = 0; k < model_rows[h]; k++) {
            const Row *r = &model[h][k];
            int64_t bucket = width ? floor_div(r->t, width) * width : 0;
            if (keep && !keep(h, r))
                continue;
            size_t at = n; /* from behind: mostly the last one */
            while (at > 0 && !(g[at - 1].bucket == bucket && (!by_host || g[at - 1].host == h)) &&
                   !(by_host && g[at - 1].host != h))
                at--;
            if (at == 0 || (by_host && g[at - 1].host != h)) {
                ck_assert_uint_lt(n, GROUPS);
                memset(&g[n], 0, sizeof g[n]);
                g[n].host = h;
                g[n].bucket = bucket;
                at = ++n;
            }
            sums_add(&g[at - 1].sums, r);
        }
    for (size_t i = 0; i < n; i++) {
        Value v = value_i64(g[i].bucket / 1000);
        if (i)
            buf_puts(&b, "|");
        if (width)
            put_value(&b, T_TIMESTAMPTZ, &v);
        if (by_host)
            buf_printf(&b, "%shost%d", width ? " " : "", g[i].host);
        put_sums(&b, &g[i].sums);
    }
    buf_put_u8(&b, 0);
    return b.ptr;
}

static void the_aggs(AggCall *a, int f, int i, int t)
{
    a[0] = agg("count", NULL, NULL);
    a[1] = agg("count", col((uint32_t)f, 'f'), NULL);
    a[2] = agg("count", col((uint32_t)i, 'i'), NULL);
    a[3] = agg("max", col((uint32_t)f, 'f'), NULL);
    a[4] = agg("last", col((uint32_t)f, 'f'), col((uint32_t)t, 't'));
    a[5] = agg("sum", col((uint32_t)f, 'f'), NULL);
    a[6] = agg("sum", col((uint32_t)i, 'i'), NULL);
}

static void check_groups(const char *keys, int64_t width, bool with_filter)
{
    AggCall aggs[7];
    the_aggs(aggs, 0, 1, 2);
    PlanScan *s = scan("fit");
    if (with_filter)
        s->filter = oper(">", col(0, 'f'), lit('f', "48"));
    PlanSeriesAgg *p = series_agg(s, keys, width, aggs, 7);
    char *want = strdup(want_groups(strchr(keys, 'b') ? width : 0, strchr(keys, 'h') != NULL,
                                    with_filter ? keep_big : NULL));
    char *sorted_want = strdup(sorted(want));
    same_text(sorted(run(&p->p)), sorted_want);
    free(want);
    free(sorted_want);
}

static void check_series_agg(void)
{
    static const int64_t widths[] = {NS_PER_S,        10 * NS_PER_S, 600 * NS_PER_S,
                                     3600 * NS_PER_S, NS_PER_DAY,    100 * NS_PER_DAY};
    for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
        check_groups("bh", widths[i], i == 2);
        if (i > 1)
            check_groups("b", widths[i], i == 3);
    }
    check_groups("h", 0, false);
    check_groups("h", 0, true);
    AggCall count[2] = {agg("count", NULL, NULL), agg("max", col(0, 'f'), NULL)};
    PlanScan *s = scan("f");
    bound(s, ">", INT64_MAX, false);
    ck_assert_str_eq(run(&series_agg(s, "", 0, count, 2)->p), "0 ~");
    ck_assert_str_eq(run(&series_agg(s, "h", 0, count, 2)->p), "");
    /* A tag of another type than text, and one that is absent. */
    size_t one = model_rows[0], last = model_rows[HOSTS - 1];
    char text[64];
    s = scan("f");
    char *got = sorted(run(&series_agg(s, "n", 0, count, 1)->p));
    snprintf(text, sizeof text, "-10 %zu|", one);
    ck_assert_msg(strstr(got, text) != NULL, "%s", got);
    snprintf(text, sizeof text, "~ %zu", last);
    ck_assert_msg(strstr(got, text) != NULL, "%s", got);
}

/* The same groups through PLAN_AGG over a scan with a condition. */
static void check_hash_agg(void)
{
    AggCall aggs[7];
    the_aggs(aggs, 1, 2, 3);
    PlanScan *s = scan("hfit");
    char *want = strdup(want_groups(0, true, keep_big));
    char *sorted_want = strdup(sorted(want));
    same_text(
        sorted(run(group(filter(&s->p, oper(">", col(1, 'f'), lit('f', "48"))), "s", aggs, 7))),
        sorted_want);
    free(want);
    free(sorted_want);
}

/* ---- rows that leave as bytes ---- */

/* Pieces write what one task writes, in the same order. */
static void same_stream(Plan *root, bool sure)
{
    RowForm form = {.frame = ROW_TEXT,
                    .env = test_eval.env,
                    .col_count = root->col_count,
                    .types = root->types,
                    .delimiter = '\t',
                    .null_text = SLICE_LIT("\\N")};
    test_options.form = &form;
    test_options.parallel_max = 1;
    size_t before = streamed;
    char *want = strdup(run(root));
    ck_assert_uint_eq(streamed, before);
    test_options.parallel_max = -3;
    ck_assert_str_eq(run(root), want);
    if (sure)
        ck_assert_uint_eq(streamed, before + 1);
    test_options.form = NULL;
    free(want);
}

static void check_streams(bool files)
{
    same_stream(&scan("thnfisd")->p, true);
    same_stream(project(&scan("ti")->p, "i", oper("+", col(1, 'i'), lit('i', "1")), NULL, NULL),
                true);
    PlanScan *p = scan("tfsi");
    p->filter = oper(">", col(1, 'f'), lit('f', "48"));
    same_stream(&p->p, true);
    p = scan("thf");
    p->backward = true;
    same_stream(&p->p, true);
    p->per_series_limit = 2;
    same_stream(&p->p, true);
    p = scan("tis"); /* one series: cut by time */
    TagPred *t = tag_pred(p, 'h');
    t->in = ARENA_ARRAY(&A, Expr *, 1);
    t->in[0] = lit('s', "host4");
    t->in_count = 1;
    same_stream(&p->p, files);
    bound(p, ">", -3000000000, false);
    bound(p, "<=", 5000000249, false);
    same_stream(&p->p, files);
}

static void check_all(bool files)
{
    test_snapshot = engine_snapshot(eng, NULL);
    for (int parallel = 1; parallel >= -3; parallel -= 4) {
        test_options.parallel_max = parallel;
        check_scans();
        check_decimals();
        check_tags();
        check_newest();
        check_series_agg();
        check_hash_agg();
    }
    check_streams(files);
    test_options.parallel_max = 0;
    snapshot_unref(test_snapshot);
    test_snapshot = NULL;
}

START_TEST(from_memtable)
{
    write_rows(0);
    check_all(false);
}
END_TEST

START_TEST(from_files)
{
    write_rows(0);
    flush();
    check_all(true);
}
END_TEST

START_TEST(from_both)
{
    write_rows(0);
    flush();
    write_rows(1);
    check_all(false);
    flush();
    check_all(true);
}
END_TEST

/* Closing while pieces run or wait must leave nothing behind. */
START_TEST(closed_early)
{
    write_rows(0);
    flush();
    test_snapshot = engine_snapshot(eng, NULL);
    AggCall aggs[7];
    the_aggs(aggs, 0, 1, 2);
    PlanSeriesAgg *p = series_agg(scan("fit"), "bh", NS_PER_S, aggs, 7);
    PlannedQuery plan = {.root = &p->p};
    for (int i = 0; i < 200; i++) {
        QueryOptions o = {.snapshot = test_snapshot,
                          .eval = &test_eval,
                          .budget = &test_budget,
                          .sched = test_sched,
                          .parallel_max = -4};
        Query *q;
        Batch *b;
        Err e;
        ck_assert(query_open(&q, &plan, &o, &e));
        for (int k = 0; k < i % 4; k++)
            (void)query_next(q, &b, &e);
        if (i % 7 == 0)
            query_cancel(q);
        query_close(q);
        ck_assert_int_eq(atomic_load(&test_budget.used), 0);
    }
    snapshot_unref(test_snapshot);
}
END_TEST

START_TEST(stream_closed_early)
{
    write_rows(0);
    flush();
    test_snapshot = engine_snapshot(eng, NULL);
    PlannedQuery plan = {.root = &scan("thfis")->p};
    RowForm form = {.message = 'D',
                    .env = test_eval.env,
                    .col_count = plan.root->col_count,
                    .types = plan.root->types};
    for (int i = 0; i < 200; i++) {
        QueryOptions o = {.snapshot = test_snapshot,
                          .eval = &test_eval,
                          .budget = &test_budget,
                          .sched = test_sched,
                          .form = &form,
                          .parallel_max = -4};
        Query *q;
        Buf bytes;
        Err e;
        ck_assert(query_open(&q, &plan, &o, &e));
        ck_assert(query_writes(q));
        for (int k = 0; k < i % 5; k++) {
            uint64_t rows;
            buf_init(&bytes);
            (void)query_bytes(q, &bytes, &rows, &e);
            buf_free(&bytes);
        }
        if (i % 7 == 0)
            query_cancel(q);
        query_close(q);
        ck_assert_int_eq(atomic_load(&test_budget.used), 0);
    }
    snapshot_unref(test_snapshot);
}
END_TEST

START_TEST(explained)
{
    write_rows(0);
    flush();
    test_snapshot = engine_snapshot(eng, NULL);
    AggCall aggs[1] = {agg("max", col(0, 'f'), NULL)};
    PlanSeriesAgg *p = series_agg(scan("f"), "h", 0, aggs, 1);
    PlannedQuery plan = {.root = &p->p};
    Buf b;
    buf_init(&b);
    run_query(&plan, &b);
    buf_put_u8(&b, 0);
    ck_assert_msg(strstr(b.ptr, "Series Aggregate (actual time=") == b.ptr, "%s", b.ptr);
    ck_assert_msg(strstr(b.ptr, "Runs from Statistics: ") != NULL, "%s", b.ptr);
    ck_assert_msg(strstr(b.ptr, "Series Read: 7") != NULL, "%s", b.ptr);
    buf_free(&b);
    snapshot_unref(test_snapshot);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("query");
    tcase_add_checked_fixture(tc, query_setup, query_teardown);
    tcase_add_test(tc, from_memtable);
    tcase_add_test(tc, from_files);
    tcase_add_test(tc, from_both);
    tcase_add_test(tc, closed_early);
    tcase_add_test(tc, stream_closed_early);
    tcase_add_test(tc, explained);
    return unit_run(tc);
}
