/* promql/names.c - selectors to tables, fields and series: the naming rules of the data model.
 *
 * Each numeric field has one canonical name: `m` for the field `value` of table `m`, else `m_field`.
 * A field of native histograms is the same metric: `m` is the field `histogram` of table `m`, too.
 * Where two fields claim one name the field `value` wins, then the longest name of a table.  A bare
 * table name that is no canonical name is an alias of all its numeric fields, told apart by
 * __field__.  Regular expressions and the metadata calls see canonical names only. */
#include "promql/eval_private.h"
#include "promql/tier_read.h"

enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700
};

#define NAME_LABEL  SLICE_LIT("__name__")
#define FIELD_LABEL SLICE_LIT("__field__")

typedef struct Match { /* a matcher with its compiled expression */
    const PqlLabelMatch *m;
    Regex *re;
    Err *e;
    bool failed;
} Match;

typedef struct Resolve {
    const SourceScope *scope;
    const CatalogSnap *catalog;
    Match *matches;
    size_t match_count;
    Sources *out;
    Buf name;
    bool denied;
    Err *e;
} Resolve;

static bool is_numeric(const ColumnDef *c)
{
    if (c->dropped || c->kind != COL_FIELD)
        return false;
    switch (c->type_oid) {
    case OID_BOOL:
    case OID_INT8:
    case OID_INT2:
    case OID_INT4:
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
        return true;
    default:
        return false;
    }
}

static bool is_histogram(const ColumnDef *c)
{
    return c && !c->dropped && c->kind == COL_FIELD && c->type_oid == HIST_OID;
}

static Slice label_of(const ColumnDef *c)
{
    return c->label.len ? c->label : c->name;
}

/* ---- matching ---- */

static bool match_test(Match *m, Slice value)
{
    bool hit = false;
    switch (m->m->op) {
    case PM_EQ:
        return slice_eq(value, m->m->value);
    case PM_NE:
        return !slice_eq(value, m->m->value);
    case PM_RE:
    case PM_NRE:
        break;
    }
    if (!m->failed && !regex_match(m->re, value, &hit, m->e))
        m->failed = true;
    return hit == (m->m->op == PM_RE);
}

static bool tag_test(void *arg, Slice value)
{
    return match_test(arg, value);
}

/* All matchers on this label accept the value. */
static bool label_passes(Resolve *r, Slice label, Slice value)
{
    for (size_t i = 0; i < r->match_count; i++)
        if (slice_eq(r->matches[i].m->name, label) && !match_test(&r->matches[i], value))
            return false;
    return true;
}

static bool resolve_init(Resolve *r, const PqlLabelMatch *m, size_t n)
{
    r->matches = ARENA_ARRAY(r->scope->arena, Match, n + 1);
    for (size_t i = 0; i < n; i++) {
        r->matches[i] = (Match){.m = &m[i], .e = r->e};
        bool regex = m[i].op == PM_RE || m[i].op == PM_NRE;
        if (regex && !regex_compile(&r->matches[i].re, m[i].value, REGEX_RE2, 0, r->e))
            return false;
        r->match_count++;
    }
    return true;
}

/* ---- canonical names ---- */

static const ColumnDef *numeric_field(const TableDef *t, Slice label)
{
    const ColumnDef *c = table_column_by_label(t, label, COL_FIELD);
    return c && is_numeric(c) ? c : NULL;
}

static const ColumnDef *histogram_field(const TableDef *t, Slice label)
{
    const ColumnDef *c = table_column_by_label(t, label, COL_FIELD);
    if (!is_histogram(c) && slice_eq_cstr(label, "value"))
        c = table_column_by_label(t, SLICE_LIT("histogram"), COL_FIELD);
    return is_histogram(c) ? c : NULL;
}

/* The columns of one metric: at least one of them. */
typedef struct Owner {
    const TableDef *table;
    const ColumnDef *number, *hist;
} Owner;

static bool owner_of(Owner *o, const TableDef *t, Slice field)
{
    if (!t)
        return false;
    *o = (Owner){t, numeric_field(t, field), histogram_field(t, field)};
    return o->number || o->hist;
}

static const TableDef *series_table(Resolve *r, Slice name)
{
    const TableDef *t = cat_table(r->catalog, r->scope->schema, name);
    return t && t->kind == TABLE_SERIES ? t : NULL;
}

/* The one field that has this canonical name. */
static bool canonical_owner(Resolve *r, Slice name, Owner *o)
{
    if (owner_of(o, series_table(r, name), SLICE_LIT("value")))
        return true;
    for (size_t i = name.len; i-- > 1;) {
        Slice field = slice_of(name.ptr + i + 1, name.len - i - 1);
        if (name.ptr[i] != '_' || field.len == 0 || slice_eq_cstr(field, "value"))
            continue;
        if (owner_of(o, series_table(r, slice_of(name.ptr, i)), field))
            return true;
    }
    return false;
}

static Slice canonical_name(Resolve *r, const TableDef *t, const ColumnDef *c)
{
    Slice field = label_of(c);
    if (slice_eq_cstr(field, "value") || (is_histogram(c) && slice_eq_cstr(field, "histogram")))
        return t->name;
    buf_clear(&r->name);
    buf_put_slice(&r->name, t->name);
    buf_puts(&r->name, "_");
    buf_put_slice(&r->name, field);
    return buf_slice(&r->name);
}

/* ---- sources ---- */

/* False: no series of the table can pass. */
static bool tag_matches(Resolve *r, const TableDef *t, TagMatch *out, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < r->match_count; i++) {
        Match *m = &r->matches[i];
        if (slice_eq(m->m->name, NAME_LABEL) || slice_eq(m->m->name, FIELD_LABEL))
            continue;
        const ColumnDef *c = table_column_by_label(t, m->m->name, COL_TAG);
        c = c ? c : table_column_by_label(t, m->m->name, COL_FIELD);
        if (!c || c->dropped || !column_in_series(c)) {
            if (!match_test(m, slice_of("", 0)))
                return false;
            continue;
        }
        TagMatch *tm = &out[(*count)++];
        *tm = (TagMatch){.column = c->id, .value = m->m->value};
        if (m->re && regex_literals(m->re, &tm->values, &tm->value_count)) {
            tm->kind = m->m->op == PM_RE ? TAG_IN : TAG_NOT_IN;
        } else if (m->re) {
            tm->kind = TAG_TEST;
            tm->key = hash128(m->m->value.ptr, m->m->value.len, (uint64_t)m->m->op);
            tm->failed = &m->failed;
            tm->test = tag_test;
            tm->arg = m;
        } else {
            tm->kind = m->m->op == PM_EQ ? TAG_EQ : TAG_NE;
        }
    }
    return true;
}

static void source_tags(Arena *a, const TableDef *t, Source *s)
{
    s->tags = ARENA_ARRAY(a, SourceTag, t->column_count + 1u);
    for (size_t i = 0; i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        if (!column_in_series(c) || c->dropped)
            continue;
        size_t k = s->tag_count++;
        for (; k > 0 && slice_cmp(s->tags[k - 1].label, label_of(c)) > 0; k--)
            s->tags[k] = s->tags[k - 1];
        s->tags[k] = (SourceTag){c->id, label_of(c)};
    }
}

static bool may_read(const Resolve *r, const TableDef *t, const ColumnDef *column, Err *e)
{
    const PqlRights *rights = r->scope->rights;
    return !rights->may_read || rights->may_read(rights->arg, r->catalog, t, column, e);
}

bool source_whole(const Source *s, const ScanSpec *spec, const char *asked_by, Err *e)
{
    bool hides;
    int64_t seam;
    if (!tier_hides(spec->snapshot, spec->table, spec->t_min, spec->t_max, &hides, &seam, e))
        return false;
    if (!hides)
        return true;
    err_set(e, ERR_INVALID_PARAMETER,
            "samples of table \"%.*s\" before %lld.%03lld are gone, and its tiers do not answer %s",
            SLICE_ARG(s->table->name), (long long)(seam / NS_PER_S),
            (long long)(seam % NS_PER_S / NS_PER_MS), asked_by);
    return err_hint(
        e, "Tiers answer selectors of numbers, rate, increase, delta, resets and sum, avg, min, "
           "max, count, first, last, present and absent_over_time.");
}

/* The source of a table, made when missing; NULL: nothing in it passes, or an error. */
static Source *source_for(Resolve *r, const TableDef *t)
{
    Sources *out = r->out;
    Arena *a = r->scope->arena;
    if (out->count && out->items[out->count - 1].table == t)
        return &out->items[out->count - 1];
    TagMatch *tags = ARENA_ARRAY(a, TagMatch, r->match_count + 1);
    size_t tag_count;
    if (!tag_matches(r, t, tags, &tag_count))
        return NULL;
    if (out->count == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 4;
        Source *grown = ARENA_ARRAY(a, Source, cap);
        if (out->count)
            memcpy(grown, out->items, out->count * sizeof *grown);
        out->items = grown;
        out->cap = cap;
    }
    SeriesIndex *index = engine_index(snapshot_engine(r->scope->snapshot));
    Source *s = &out->items[out->count];
    const ColumnDef *start = table_column_by_label(t, SLICE_LIT("__start__"), COL_FIELD);
    *s = (Source){.table = t, .set = idx_select(index, t->id, tags, tag_count)};
    Err hidden;
    if (start && !start->dropped && start->type_oid == OID_TIMESTAMPTZ &&
        may_read(r, t, start, &hidden))
        s->start = start->id;
    if (set_count(s->set) == 0) {
        set_unref(s->set);
        return NULL;
    }
    s->fields = ARENA_ARRAY(a, SourceField, t->column_count);
    source_tags(a, t, s);
    out->count++;
    return s;
}

static void add_field(Resolve *r, const Owner *o, Slice metric, Slice field)
{
    Source *s = source_for(r, o->table);
    if (s)
        s->fields[s->field_count++] =
            (SourceField){o->number ? o->number->id : 0, o->hist ? o->hist->id : 0,
                          arena_slice(r->scope->arena, metric), field};
}

static void resolve_alias(Resolve *r, const TableDef *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        const ColumnDef *c = &t->columns[i];
        Owner o = {t, is_numeric(c) ? c : NULL, is_histogram(c) ? c : NULL};
        if ((!o.number && !o.hist) || !label_passes(r, FIELD_LABEL, label_of(c)))
            continue;
        if (!may_read(r, t, c, r->e)) {
            r->denied = true;
            return;
        }
        add_field(r, &o, t->name, label_of(c));
    }
}

/* A name that is given: canonical, else (or if __field__ is asked for) a table with all its fields. */
static void resolve_name(Resolve *r, Slice name)
{
    Owner o;
    r->out->one_name = true;
    if (!label_passes(r, NAME_LABEL, name))
        return;
    bool owned = canonical_owner(r, name, &o);
    if (owned && !((!o.number || may_read(r, o.table, o.number, r->e)) &&
                   (!o.hist || may_read(r, o.table, o.hist, r->e)))) {
        r->denied = true;
        return;
    }
    if (owned && label_passes(r, FIELD_LABEL, slice_of("", 0))) {
        add_field(r, &o, name, slice_of("", 0));
        return;
    }
    const TableDef *t = series_table(r, name);
    if (t && !may_read(r, t, &t->columns[t->time_index], r->e))
        r->denied = true;
    else if (t)
        resolve_alias(r, t);
}

static void resolve_all(Resolve *r)
{
    if (!label_passes(r, FIELD_LABEL, slice_of("", 0)))
        return; /* canonical names have no __field__ */
    for (size_t i = 0; i < cat_table_count(r->catalog); i++) {
        const TableDef *t = cat_table_at(r->catalog, i);
        Owner o;
        Err hidden;
        if (t->schema != r->scope->schema || t->kind != TABLE_SERIES)
            continue;
        bool whole = may_read(r, t, NULL, &hidden);
        for (size_t k = 0; k < t->column_count; k++) {
            const ColumnDef *c = &t->columns[k];
            if ((!is_numeric(c) && !is_histogram(c)) || !(whole || may_read(r, t, c, &hidden)))
                continue;
            Slice name = canonical_name(r, t, c);
            if (label_passes(r, NAME_LABEL, name) && canonical_owner(r, name, &o) &&
                (o.number ? o.number : o.hist) == c)
                add_field(r, &o, name, slice_of("", 0));
        }
    }
}

bool sources_resolve(const SourceScope *scope, const PqlLabelMatch *m, size_t n, Sources *out,
                     Err *e)
{
    Resolve r = {.scope = scope, .catalog = snapshot_catalog(scope->snapshot), .out = out, .e = e};
    *out = (Sources){0};
    buf_init(&r.name);
    bool ok = resolve_init(&r, m, n);
    const PqlLabelMatch *name = NULL;
    for (size_t i = 0; i < n && !name; i++)
        if (m[i].op == PM_EQ && m[i].value.len && slice_eq(m[i].name, NAME_LABEL))
            name = &m[i];
    if (ok && name)
        resolve_name(&r, name->value);
    else if (ok)
        resolve_all(&r);
    ok &= !r.denied;
    for (size_t i = 0; i < r.match_count; i++) {
        ok &= !r.matches[i].failed;
        regex_free(r.matches[i].re);
    }
    buf_free(&r.name);
    if (!ok)
        sources_free(out);
    return ok;
}

void sources_keep_labels(Sources *s, const PqlNames *names)
{
    for (size_t i = 0; i < s->count; i++) {
        Source *from = &s->items[i];
        size_t n = 0;
        for (size_t k = 0; k < from->tag_count; k++)
            if (names_have(names, from->tags[k].label) || describes_metric(from->tags[k].label))
                from->tags[n++] = from->tags[k];
        from->tag_count = n;
    }
}

size_t sources_series(const Sources *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += set_count(s->items[i].set);
    return n;
}

Sources sources_range(Arena *a, const Sources *s, size_t begin, size_t end)
{
    Sources out = {.one_name = s->one_name};
    out.items = ARENA_ARRAY(a, Source, s->count + 1);
    for (size_t i = 0, at = 0; i < s->count && at < end; i++) {
        size_t n = set_count(s->items[i].set);
        size_t from = begin > at ? begin - at : 0, to = end - at < n ? end - at : n;
        at += n;
        if (from >= to)
            continue;
        out.items[out.count] = s->items[i];
        out.items[out.count++].set =
            from == 0 && to == n ? set_ref(s->items[i].set) : set_range(s->items[i].set, from, to);
    }
    return out;
}

void sources_free(Sources *s)
{
    for (size_t i = 0; i < s->count; i++)
        set_unref(s->items[i].set);
    s->count = 0;
}

/* Tags are sorted already: the name and the field are put where they belong. */
static size_t put_sorted(PqlLabel *items, size_t n, Slice name, Slice value)
{
    if (value.len == 0)
        return n;
    size_t k = n;
    for (; k > 0 && slice_cmp(items[k - 1].name, name) > 0; k--)
        items[k] = items[k - 1];
    items[k] = (PqlLabel){name, value};
    return n + 1;
}

static Slice tag_value(const Tag *tags, size_t n, ColumnId id)
{
    for (size_t i = 0; i < n; i++)
        if (tags[i].column == id)
            return tags[i].value;
    return SLICE_NONE;
}

Labels source_labels(const Source *s, SeriesIndex *index, SeriesId id, const SourceField *f,
                     PqlLabel *items)
{
    enum { AT_ONCE_MAX = 32 };
    Tag tags[AT_ONCE_MAX];
    size_t n = 0,
           found = s->tag_count > 1 ? idx_tags(index, id, tags, AT_ONCE_MAX) : AT_ONCE_MAX + 1;
    for (size_t i = 0; i < s->tag_count; i++) {
        Slice v = found <= AT_ONCE_MAX ? tag_value(tags, found, s->tags[i].id)
                                       : idx_tag(index, id, s->tags[i].id);
        if (v.len)
            items[n++] = (PqlLabel){s->tags[i].label, v};
    }
    n = put_sorted(items, n, NAME_LABEL, f->metric);
    n = put_sorted(items, n, FIELD_LABEL, f->field);
    return (Labels){items, n};
}

/* ---- series for the metadata calls ---- */

typedef bool (*SeriesFn)(void *arg, const PqlLabel *labels, size_t count);

/* False: each() has had enough. */
static bool source_each(const Source *s, Snapshot *snap, SeriesSet *set, SeriesFn each, void *arg)
{
    SeriesIndex *index = engine_index(snapshot_engine(snap));
    size_t n = set_count(set);
    SeriesId *ids = mem_alloc((n + 1) * sizeof *ids);
    PqlLabel *items = mem_alloc((s->tag_count + 2) * sizeof *items);
    bool go_on = true;
    n = set_ids(set, ids, n);
    for (size_t i = 0; i < n && go_on; i++)
        for (size_t k = 0; k < s->field_count && go_on; k++) {
            Labels l = source_labels(s, index, ids[i], &s->fields[k], items);
            go_on = each(arg, l.items, l.count);
        }
    mem_free(items);
    mem_free(ids);
    return go_on;
}

int64_t pql_ns(int64_t ms, int64_t add)
{
    int64_t ns;
    if (__builtin_mul_overflow(ms, NS_PER_MS, &ns) || __builtin_add_overflow(ns, add, &ns))
        return ms < 0 ? ROW_TIME_MIN : ROW_TIME_MAX;
    return ns;
}

SeriesSet *pql_alive(const PqlListing *l, const TableDef *t)
{
    if (l->asked)
        buf_put(l->asked, &t->id, sizeof t->id);
    int64_t from = pql_ns(l->start_ms, 0), to = pql_ns(l->end_ms, NS_PER_MS - 1);
    SeriesSet *set = snapshot_series(l->snapshot, t->id, from, to),
              *kept = tiers_alive(l->snapshot, t, from, to);
    if (!kept)
        return set;
    SeriesSet *both = set_or(set, kept);
    set_unref(set);
    set_unref(kept);
    return both;
}

uint64_t pql_alive_mark(const PqlListing *l, TableId table)
{
    const TableDef *t = cat_table_by_id(snapshot_catalog(l->snapshot), table);
    TierList tiers;
    if (t && tiers_of(t, &tiers))
        return 0; /* what is kept in them changes by a watch as well */
    return snapshot_series_mark(l->snapshot, table, pql_ns(l->start_ms, 0),
                                pql_ns(l->end_ms, NS_PER_MS - 1));
}

/* Those of a source in the time; a reference. */
static SeriesSet *source_alive(const PqlListing *l, const Source *s)
{
    SeriesSet *alive = pql_alive(l, s->table);
    SeriesSet *set = set_and(s->set, alive);
    set_unref(alive);
    return set;
}

bool pql_series(const PqlListing *l, bool (*each)(void *arg, const PqlLabel *labels, size_t count),
                void *arg, Err *e)
{
    Arena a;
    bool ok = true, go_on = true;
    arena_init(&a, NULL);
    SourceScope scope = {&a, l->snapshot, l->schema, &l->rights};
    for (size_t i = 0; ok && go_on && (i < l->n || (l->n == 0 && i == 0)); i++) {
        Sources s;
        ok = sources_resolve(&scope, l->n ? l->m[i]->matches : NULL,
                             l->n ? l->m[i]->match_count : 0, &s, e);
        for (size_t k = 0; ok && go_on && k < s.count; k++) {
            SeriesSet *set = source_alive(l, &s.items[k]);
            go_on = source_each(&s.items[k], l->snapshot, set, each, arg);
            set_unref(set);
        }
        if (ok)
            sources_free(&s);
    }
    arena_free(&a);
    return ok;
}

bool pql_metrics(const PqlListing *l, PqlMetricFn *each, void *arg, Err *e)
{
    Arena a;
    Sources s;
    arena_init(&a, NULL);
    SourceScope scope = {&a, l->snapshot, l->schema, &l->rights};
    bool ok = sources_resolve(&scope, NULL, 0, &s, e), go_on = true;
    for (size_t i = 0; ok && i < s.count; i++) {
        SeriesSet *set = source_alive(l, &s.items[i]);
        for (size_t k = 0; set_count(set) && k < s.items[i].field_count && go_on; k++)
            go_on = each(arg, s.items[i].table, s.items[i].fields[k].metric, set_count(set));
        set_unref(set);
    }
    if (ok)
        sources_free(&s);
    arena_free(&a);
    return ok;
}
