/* ingest/ing_line.c - InfluxDB line protocol, one pass, straight into rows.
 *
 * measurement[,tag=v...] field=v[,field=v...] [time].  The fast path never looks into the tags: the
 * raw bytes between measurement and fields are hashed and looked up; only a miss parses them.
 * Grammar, escapes and replies: docs/ingest.md (InfluxDB 1.8's behaviour). */
#include "ingest/ingest_private.h"

typedef struct Cursor {
    const char *p, *end; /* end of the line */
} Cursor;

static bool bad(Err *e, const char *why)
{
    return err_set(e, ERR_INVALID_TEXT, "%s", why);
}

/* ---- pieces ---- */

/* First unescaped byte of `a` or `b`; a backslash takes the next byte with it. */
static const char *find_end(const char *p, const char *end, char a, char b)
{
    while (p < end && *p != a && *p != b)
        p += (*p == '\\' && p + 1 < end) ? 2 : 1;
    return p;
}

/* Takes the backslash away in front of the bytes of `special`; others stay literal. */
static Slice unescape(IngJob *j, Slice s, const char *special)
{
    if (!memchr(s.ptr, '\\', s.len))
        return s;
    Slice out = slice_of(arena_alloc(&j->arena, s.len), 0);
    char *dst = (char *)(uintptr_t)out.ptr;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\' && i + 1 < s.len && strchr(special, s.ptr[i + 1]) && s.ptr[i + 1])
            i++;
        dst[out.len++] = s.ptr[i];
    }
    return out;
}

static bool number_float(Slice s, IngValue *v, Err *e)
{
    v->kind = ING_FLOAT;
    if (slice_to_f64(s, &v->u.f64) && v->u.f64 - v->u.f64 == 0)
        return true;
    return bad(e, "invalid number");
}

/* Up to 18 digits with a sign, by hand; what it does not know goes the exact way. */
static bool small_int(Slice s, int64_t *out)
{
    size_t i = s.len && s.ptr[0] == '-';
    if (s.len == i || s.len - i > 18)
        return false;
    int64_t v = 0;
    for (size_t k = i; k < s.len; k++) {
        unsigned d = (unsigned)(s.ptr[k] - '0');
        if (d > 9)
            return false;
        v = v * 10 + d;
    }
    *out = i ? -v : v;
    return true;
}

static bool parse_number(Slice s, IngValue *v, Err *e)
{
    char last = s.ptr[s.len - 1];
    Slice digits = slice_of(s.ptr, s.len - 1);
    if (last == 'i') {
        v->kind = ING_INT;
        return small_int(digits, &v->u.i64) || slice_to_i64(digits, &v->u.i64) ||
               bad(e, "invalid integer");
    }
    if (last == 'u') {
        v->kind = ING_UINT;
        return slice_to_u64(digits, &v->u.u64) || bad(e, "invalid unsigned integer");
    }
    int64_t n;
    if (small_int(s, &n) && n > -(INT64_C(1) << 53) && n < (INT64_C(1) << 53) &&
        !(n == 0 && s.ptr[0] == '-')) {
        *v = (IngValue){.kind = ING_FLOAT, .u.f64 = (double)n};
        return true;
    }
    return number_float(s, v, e);
}

bool ing_bool(Slice s, bool *out)
{
    static const char *const yes[] = {"t", "T", "true", "True", "TRUE"}, *const no[] = {
                                                                             "f", "F", "false",
                                                                             "False", "FALSE"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (slice_eq_cstr(s, yes[i]) || slice_eq_cstr(s, no[i])) {
            *out = slice_eq_cstr(s, yes[i]);
            return true;
        }
    return false;
}

/* "..." with \" and \\; line ends inside are data, so the end of the line moves. */
static bool parse_string(IngJob *j, Cursor *c, IngValue *v, Err *e)
{
    const char *begin = ++c->p, *limit = j->body.ptr + j->body.len;
    bool escaped = false;
    while (c->p < limit && *c->p != '"') {
        if (*c->p == '\\' && c->p + 1 < limit && (c->p[1] == '"' || c->p[1] == '\\')) {
            escaped = true;
            c->p++;
        }
        c->p++;
    }
    if (c->p >= limit)
        return bad(e, "unbalanced quotes");
    Slice raw = slice_of(begin, (size_t)(c->p - begin));
    v->kind = ING_STRING;
    v->u.str = escaped ? unescape(j, raw, "\"\\") : raw;
    c->p++;
    if (c->p > c->end) { /* the string ran over the line end that was found */
        const char *nl = memchr(c->p, '\n', (size_t)(limit - c->p));
        c->end = nl ? nl : limit;
    }
    return true;
}

static bool parse_value(IngJob *j, Cursor *c, IngValue *v, Err *e)
{
    if (c->p < c->end && *c->p == '"')
        return parse_string(j, c, v, e);
    const char *begin = c->p;
    while (c->p < c->end && *c->p != ',' && *c->p != ' ')
        c->p++;
    Slice s = slice_of(begin, (size_t)(c->p - begin));
    if (s.len == 0)
        return bad(e, "missing field value");
    char first = s.ptr[0];
    if ((first >= '0' && first <= '9') || first == '-' || first == '+' || first == '.')
        return parse_number(s, v, e);
    v->kind = ING_BOOL;
    return ing_bool(s, &v->u.b) || bad(e, "invalid field value");
}

/* ---- tags ---- */

typedef struct RowTags {
    size_t count;
    const ColumnDef *as_field[ING_TAGS_MAX]; /* values that go into plain columns */
    Slice as_field_value[ING_TAGS_MAX];
    size_t as_field_count;
} RowTags;

static bool add_tag(IngJob *j, IngTable *t, RowTags *r, Slice key, Slice value, Err *e)
{
    if (key.len == 0)
        return bad(e, "missing tag key");
    if (value.len == 0)
        return bad(e, "missing tag value");
    if (slice_eq_cstr(key, "time"))
        return bad(e, "\"time\" is no tag name");
    if (r->count == ING_TAGS_MAX || r->as_field_count == ING_TAGS_MAX)
        return bad(e, "too many tags");
    if (!slice_utf8_valid(value) || memchr(value.ptr, 0, value.len))
        return bad(e, "tag value is not valid UTF-8");
    ColumnId id;
    const ColumnDef *field;
    if (!ing_tag(j, t, key, &id, &field, e))
        return false;
    if (field) {
        r->as_field[r->as_field_count] = field;
        r->as_field_value[r->as_field_count++] = value;
        return true;
    }
    for (size_t i = 0; i < r->count; i++)
        if (j->tags[i].column == id)
            return bad(e, "duplicate tags");
    j->tags[r->count] = (Tag){.column = id, .value = value};
    j->tag_keys[r->count++] = key;
    return true;
}

static bool parse_tags(IngJob *j, IngTable *t, Slice raw, RowTags *r, Err *e)
{
    const char *p = raw.ptr, *end = raw.ptr + raw.len;
    while (p < end) { /* each begins with its comma */
        const char *key = p + 1, *eq = find_end(key, end, '=', ',');
        if (eq >= end || *eq != '=')
            return bad(e, eq == key ? "missing tag key" : "missing tag value");
        const char *stop = find_end(eq + 1, end, ',', '=');
        if (stop < end && *stop == '=')
            return bad(e, "invalid tag format");
        if (!add_tag(j, t, r, unescape(j, slice_of(key, (size_t)(eq - key)), ",= "),
                     unescape(j, slice_of(eq + 1, (size_t)(stop - eq - 1)), ",= "), e))
            return false;
        p = stop;
    }
    return true;
}

/* The series of tags as they stand there, if they were seen before: 0 = no. */
static SeriesId known_series(const IngJob *j, const IngTable *t, Slice tags, Hash128 *h)
{
    SeriesId id = 0;
    *h = idx_raw_hash(j->index, t->id, tags);
    idx_find_raw(j->index, h, &id, 1);
    return id;
}

static bool make_series(IngJob *j, IngTable *t, Slice tags, const Hash128 *h, RowTags *r,
                        SeriesId *id, Err *e)
{
    if (!parse_tags(j, t, tags, r, e))
        return false;
    /* Values that go into plain columns differ from row to row: such raw bytes are no key of a series. */
    return ing_series(j, t, r->count, r->as_field_count ? NULL : h, id, e);
}

/* ---- one line ---- */

/* A comma in a field key needs a backslash. */
static bool has_bare_comma(Slice key)
{
    const char *end = key.ptr + key.len;
    return memchr(key.ptr, ',', key.len) && find_end(key.ptr, end, ',', ',') < end;
}

static bool field_key(IngJob *j, Cursor *c, Slice *key, Err *e)
{
    const char *eq = find_end(c->p, c->end, '=', ' ');
    Slice raw = slice_of(c->p, (size_t)(eq - c->p));
    if (eq >= c->end || *eq != '=' || has_bare_comma(raw))
        return bad(e, "invalid field format");
    *key = unescape(j, raw, ",= ");
    if (key->len == 0)
        return bad(e, "missing field key");
    c->p = eq + 1;
    return true;
}

/* Behind a value: another field, or (*last) the blank before the time. */
static bool field_end(Cursor *c, bool *last, Err *e)
{
    *last = c->p >= c->end || *c->p == ' ';
    if (*last)
        return true;
    if (*c->p != ',')
        return bad(e, "invalid field format");
    c->p++;
    return true;
}

static bool line_fields(IngJob *j, IngTable *t, Cursor *c, Err *e)
{
    bool last = false;
    for (size_t k = 0; !last; k++) {
        Slice key;
        IngValue v;
        IngField *f;
        if (!field_key(j, c, &key, e) || !parse_value(j, c, &v, e) ||
            !ing_field(j, t, k, key, v.kind, &f, e) || !ing_put(j, t, f, &v, e) ||
            !field_end(c, &last, e))
            return false;
    }
    return true;
}

static bool line_time(IngJob *j, Cursor *c, int64_t *ns, Err *e)
{
    while (c->p < c->end && *c->p == ' ')
        c->p++;
    const char *end = c->end;
    while (end > c->p && (end[-1] == ' ' || end[-1] == '\r'))
        end--;
    Slice s = slice_of(c->p, (size_t)(end - c->p));
    if (s.len == 0) {
        *ns = ing_now(j);
        return true;
    }
    int64_t t;
    if (!slice_to_i64(s, &t))
        return bad(e, "bad timestamp");
    return ing_time(j, t, ns, e);
}

static bool put_as_fields(IngJob *j, const IngTable *t, const RowTags *r, Err *e)
{
    for (size_t i = 0; i < r->as_field_count; i++)
        if (!ing_put_text(j, t, r->as_field[i], r->as_field_value[i], e))
            return false;
    return true;
}

/* The time stands at the end of the line: the row gets it last. */
static bool row_of_line(IngJob *j, IngTable *t, SeriesId id, const RowTags *r, Cursor *c, Err *e)
{
    int64_t ns;
    wb_row(j->batch, t->id, id, 0);
    if (!put_as_fields(j, t, r, e) || !line_fields(j, t, c, e) || !line_time(j, c, &ns, e) ||
        !ing_row_check(j, t, e)) {
        wb_row_cancel(j->batch);
        return false;
    }
    wb_row_time(j->batch, ns);
    ing_row_end(j, t);
    ing_fast_learn(j, t);
    return true;
}

/* ---- the look before something new is made ---- */

/* Does the line bring a field that its table does not have?  Nothing is made; a value that fits no
 * column of that name is refused here. */
static bool check_field(IngJob *j, const TableDef *def, Slice measurement, Slice key,
                        const IngValue *v, Err *e)
{
    (void)j;
    if (slice_eq_cstr(key, "time"))
        return bad(e, "\"time\" is no field name");
    return !def || ing_fits(def, measurement, key, v, e);
}

static bool check_fields(IngJob *j, const TableDef *def, Slice measurement, Cursor *c, Err *e)
{
    bool last = false;
    for (size_t k = 0; !last; k++) {
        Slice key;
        IngValue v;
        if (!field_key(j, c, &key, e))
            return false;
        if (k == COLUMNS_MAX)
            return bad(e, "too many fields");
        if (!parse_value(j, c, &v, e) || !check_field(j, def, measurement, key, &v, e) ||
            !field_end(c, &last, e))
            return false;
    }
    return true;
}

/* A tag and a field of one name in one line. */
static bool check_clash(Slice tag, Slice fields, Err *e)
{
    const char *p = fields.ptr, *end = fields.ptr + fields.len;
    while ((p = memmem(p, (size_t)(end - p), tag.ptr, tag.len))) {
        bool begins = p == fields.ptr || p[-1] == ',';
        if (begins && p + tag.len < end && p[tag.len] == '=')
            return err_set(e, ERR_INVALID_TEXT, "\"%.*s\" is a tag and a field", SLICE_ARG(tag));
        p++;
    }
    return true;
}

static bool check_tags(IngJob *j, Slice raw, Slice fields, Err *e)
{
    const char *p = raw.ptr, *end = raw.ptr + raw.len;
    for (size_t n = 0; p < end; n++) {
        const char *key = p + 1, *eq = find_end(key, end, '=', ',');
        const char *stop = eq < end ? find_end(eq + 1, end, ',', '=') : end;
        if (n == ING_TAGS_MAX)
            return bad(e, "too many tags");
        if (eq >= end || *eq != '=' || eq == key || stop == eq + 1 || (stop < end && *stop == '='))
            return bad(e, eq == key                    ? "missing tag key"
                          : stop < end && *stop == '=' ? "invalid tag format"
                                                       : "missing tag value");
        Slice name = unescape(j, slice_of(key, (size_t)(eq - key)), ",= ");
        if (slice_eq_cstr(name, "time"))
            return bad(e, "\"time\" is no tag name");
        if (!check_clash(name, fields, e))
            return false;
        p = stop;
    }
    return true;
}

/* A refused line leaves nothing behind: no table, no column, no series.  Lines that bring nothing new
 * are not looked at twice. */
static bool check_line(IngJob *j, Slice measurement, Slice tags, Cursor c, Err *e)
{
    const TableDef *def = cat_table(j->catalog, j->c.schema, measurement);
    int64_t ns;
    return check_tags(j, tags, slice_of(c.p, (size_t)(c.end - c.p)), e) &&
           check_fields(j, def, measurement, &c, e) && line_time(j, &c, &ns, e);
}

/* All its fields are known: they are those of the table's last rows. */
static bool fields_known(const IngTable *t, Cursor c)
{
    for (size_t k = 0; k < t->field_count; k++) {
        Slice key = t->fields[k].key;
        if ((size_t)(c.end - c.p) <= key.len || memcmp(c.p, key.ptr, key.len) != 0 ||
            c.p[key.len] != '=')
            return false;
        c.p = find_end(c.p, c.end, ',', ' ');
        if (c.p >= c.end || *c.p == ' ')
            return true;
        c.p++;
    }
    return false;
}

static bool parse_line(IngJob *j, Cursor *c, Err *e)
{
    const char *begin = c->p;
    const char *m = find_end(c->p, c->end, ',', ' ');
    if (m == begin)
        return bad(e, "missing measurement");
    const char *tags_end = m < c->end && *m == ',' ? find_end(m, c->end, ' ', ' ') : m;
    if (tags_end >= c->end)
        return bad(e, "missing fields");
    const char *fields = tags_end;
    while (fields < c->end && *fields == ' ')
        fields++;
    if (fields == c->end)
        return bad(e, "missing fields");
    Slice measurement = unescape(j, slice_of(begin, (size_t)(m - begin)), ", ");
    Slice tags = slice_of(m, (size_t)(tags_end - m));
    Cursor rest = {fields, c->end};
    Hash128 h;
    IngTable *t = ing_known_table(j, measurement);
    SeriesId id = t ? known_series(j, t, tags, &h) : 0;
    if (!id || t->labelled || !fields_known(t, rest)) {
        if (!check_line(j, measurement, tags, rest, e))
            return false;
        if (!t && !(t = ing_table(j, measurement, e)))
            return false;
        id = known_series(j, t, tags, &h);
    }
    RowTags r;
    r.count = r.as_field_count = 0;
    if (!id && !make_series(j, t, tags, &h, &r, &id, e))
        return false;
    if (!r.as_field_count)
        ing_head_add(j, slice_of(begin, (size_t)(tags_end - begin)), &h, t, id);
    c->p = fields;
    return row_of_line(j, t, id, &r, c, e);
}

static bool parse_line_again(IngJob *j, Cursor *c, Err *e)
{
    const Cursor start = *c;
    size_t dropped = j->tables_dropped;
    int tries = 0;
    bool ok;
    do {
        err_clear(e);
        *c = start;
        ok = parse_line(j, c, e);
    } while (!ok && ing_again(j, &dropped, &tries));
    return ok;
}

static const char *skip_quoted_end(const IngJob *j, const char *p)
{
    const char *limit = j->body.ptr + j->body.len;
    const char *nl = memchr(p, '\n', (size_t)(limit - p));
    return nl ? nl : limit;
}

static void one_line(IngJob *j)
{
    Cursor c = {j->body.ptr + j->pos, NULL};
    c.end = skip_quoted_end(j, c.p);
    const char *begin = c.p;
    while (c.p < c.end && (*c.p == ' ' || *c.p == '\t' || *c.p == '\r'))
        c.p++;
    Err e;
    if (c.p < c.end && *c.p != '#') {
        const char *first_end = c.end;
        if (parse_line_again(j, &c, &e)) {
            j->rows++;
        } else {
            c.end = first_end; /* a refused line ends at its first line end */
            ing_refuse(j, j->line, slice_of(begin, (size_t)(c.end - begin)), &e);
        }
    }
    for (const char *p = begin; p <= c.end && p < j->body.ptr + j->body.len; p++) {
        p = memchr(p, '\n', (size_t)(c.end - p) + (c.end < j->body.ptr + j->body.len));
        if (!p)
            break;
        j->line++;
    }
    j->pos = (size_t)(c.end - j->body.ptr) + 1;
}

bool ing_line_step(IngJob *j, bool *done, Err *e)
{
    (void)e;
    bool first = j->pos == 0;
    int lines = first ? ING_SAMPLE_LINES : ING_STEP_LINES;
    for (int i = 0; i < lines && j->pos < j->body.len; i++)
        if (!ing_fast_line(j))
            one_line(j);
    if (first && j->pos < j->body.len)
        wb_expect(j->batch, (j->body.len - j->pos) / (j->pos / ING_SAMPLE_LINES + 1));
    *done = j->pos >= j->body.len;
    return true;
}
