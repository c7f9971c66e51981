/* Line protocol against a plain parser (line_model.h): 100,000 lines, half of them like those before
 * them, so that guesses hit; some damaged.  SKULK_LINE_SEED=n repeats a run. */
#include "storage/batch_private.h"
#include "tests/unit/ingest_env.h"
#include "tests/unit/line_model.h"
#include "tests/unit/unit.h"

enum { BODIES = 2000, LINES = 50, DAMAGE_IN = 12 };

static uint64_t state;

static unsigned pick(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

#define PICK(list) (list)[pick(ARRAY_LEN(list))]

static const char *const measurements[] = {"cpu", "mem", "a\\ b\\,c", "m"};
static const char *const tag_values[] = {"host_1", "host_22", "eu-west-1",   "a\\ b",
                                         "x\\=y",  "Ünicode", "back\\slash", "0"};
enum { KEYS = 10 };
static const char *const plain_keys[KEYS] = {
    "usage_user", "f1", "f2", "f3", "g", "a_key_of_just_thirty_one_bytes_", "h", "i", "s", "t"};
static const char *const odd_keys[KEYS] = {
    "x", "f1",      "f2", "g\\ 1", "g\\,2", "a_long_key_of_more_than_thirty_two_bytes",
    "h", "back\\s", "s",  "t"};
static const char *const ints[] = {"0i",
                                   "7i",
                                   "-7i",
                                   "64i",
                                   "12345678i",
                                   "123456789i",
                                   "-123456789012345678i",
                                   "-0i",
                                   "007i",
                                   "+5i",
                                   "999999999999999999i",
                                   "9223372036854775807i",
                                   "9223372036854775808i",
                                   "-9223372036854775808i"};
static const char *const floats[] = {"0",
                                     "1",
                                     "64",
                                     "-1.5",
                                     "0.1",
                                     "-0",
                                     "99.99",
                                     "12345.6789012345",
                                     "1.",
                                     ".5",
                                     "1e3",
                                     "+2.5",
                                     "-.5",
                                     "1e400",
                                     "12345678.12345678",
                                     "9007199254740993",
                                     "3.14159265358979323"};
static const char *const bools[] = {"t", "f", "true", "FALSE", "True", "F"};
static const char *const texts[] = {"\"\"",
                                    "\"a b,c=d\"",
                                    "\"longer than sixteen bytes, to be sure\"",
                                    "\"x\"",
                                    "\"with \\\"quotes\\\"\"",
                                    "\"two\nlines\"",
                                    "\"Ünicode\"",
                                    "\"\\n\\\\\""};
static const char *const times[] = {"",
                                    " 1",
                                    " 1767225600000000000",
                                    " 1767225600123456789",
                                    " -5",
                                    "  17",
                                    " 17 ",
                                    " 17\r",
                                    " 99999999999999999999",
                                    " x",
                                    " +3"};

/* Mostly the first half of a list: values that lines in a hurry know. */
#define PICK_EASY(list) (list)[pick(pick(24) ? ARRAY_LEN(list) / 2 : ARRAY_LEN(list))]

static void put_value(Buf *b, unsigned kind)
{
    buf_puts(b, kind < 4   ? PICK_EASY(ints)
                : kind < 7 ? PICK_EASY(floats)
                : kind < 8 ? PICK_EASY(bools)
                           : PICK_EASY(texts));
}

/* Fields k have one kind, so that most lines are taken. */
static void put_line(Buf *b)
{
    size_t begin = b->len;
    unsigned m = pick(ARRAY_LEN(measurements));
    const char *const *keys = m < 2 ? plain_keys : odd_keys;
    buf_puts(b, measurements[m]);
    for (unsigned t = 0; t < 3; t++)
        if (pick(8))
            buf_printf(b, ",tag%u=%s", t, tag_values[pick(pick(4) ? 2 : ARRAY_LEN(tag_values))]);
    bool whole = pick(4) > 0;
    const char *before = " ";
    for (unsigned k = 0; k < KEYS; k++) {
        if (!whole && pick(2))
            continue;
        unsigned field = whole || pick(4) ? k : pick(KEYS);
        buf_printf(b, "%s%s=", before, keys[field]);
        put_value(b, pick(60) || !whole ? field : pick(10));
        before = ",";
    }
    buf_puts(b, pick(3) ? " 1767225600123456789" : PICK(times));
    static const char odd[] = " ,=\\\"\n\ri0.-#\t9x";
    if (pick(DAMAGE_IN) == 0) {
        char *at = b->ptr + begin + pick((unsigned)(b->len - begin));
        *at = odd[pick(sizeof odd - 1)];
    }
    buf_puts(b, pick(20) ? "\n" : pick(2) ? "\r\n" : "\n\n");
}

static void value_text(char *out, const WriteBatch *wb, PhysType type, uint64_t slot)
{
    double d;
    memcpy(&d, &slot, sizeof d);
    switch (type) {
    case PHYS_I64:
        snprintf(out, MODEL_TEXT, "i:%lld", (long long)slot);
        break;
    case PHYS_F64:
        snprintf(out, MODEL_TEXT, "f:%a", d);
        break;
    case PHYS_BOOL:
        snprintf(out, MODEL_TEXT, "b:%d", (int)slot);
        break;
    default:
        snprintf(out, MODEL_TEXT, "s:%.*s", SLICE_ARG(wb_string(wb, slot)));
    }
}

static Slice label_of(const TableDef *def, ColumnId id)
{
    const ColumnDef *col = table_column_by_id(def, id);
    return col->label.len ? col->label : col->name;
}

static const char *model_find(const ModelPair *pairs, size_t n, Slice key)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq_cstr(key, pairs[i].key))
            return pairs[i].value;
    return NULL;
}

static void check_row(const IngestEnv *v, const CatalogSnap *cat, const WriteBatch *wb, size_t i,
                      const ModelRow *want, Slice line)
{
    const BatchRow *row = wb_row_at(wb, i);
    const RowShape *shape = wb_shape(wb, row->shape);
    const TableDef *def = cat_table_by_id(cat, shape->table);
    ck_assert_msg(slice_eq_cstr(def->name, want->measurement), "%.*s: the next row is of %.*s",
                  SLICE_ARG(line), SLICE_ARG(def->name));
    ck_assert_msg(row->time == want->time, "%.*s: time %lld", SLICE_ARG(line),
                  (long long)row->time);
    Tag tags[MODEL_PAIRS];
    size_t n = idx_tags(engine_index(v->engine), row->series, tags, MODEL_PAIRS);
    ck_assert_msg(n == want->tag_count, "%.*s: %zu tags", SLICE_ARG(line), n);
    for (size_t k = 0; k < n; k++) {
        const char *value = model_find(want->tags, n, label_of(def, tags[k].column));
        ck_assert_msg(value && slice_eq_cstr(tags[k].value, value), "%.*s", SLICE_ARG(line));
    }
    ck_assert_msg(shape->count == want->field_count, "%.*s: %u fields", SLICE_ARG(line),
                  shape->count);
    for (uint32_t k = 0; k < shape->count; k++) {
        char text[MODEL_TEXT];
        Slice key = label_of(def, shape_key_id(shape->keys[k]));
        const char *value = model_find(want->fields, want->field_count, key);
        value_text(text, wb, shape_key_type(shape->keys[k]), batch_row_slots(row)[k]);
        ck_assert_msg(value && strcmp(text, value) == 0, "%.*s: %.*s is %s", SLICE_ARG(line),
                      SLICE_ARG(key), text);
    }
}

/* Every line has one outcome: the next row, the next refusal with its number, or nothing. */
static void check_body(IngestEnv *v, ModelTypes *types, Slice body)
{
    bool ok;
    Err e;
    static ModelRow want;
    IngJob *j = env_run(v, "/write", body, ING_NS, &ok, &e);
    ck_assert(ok);
    size_t errors = ing_job_error_count(j), rows = 0, refused = 0, number = 1;
    WriteBatch *wb = ing_job_take_batch(j);
    CatalogSnap *cat = engine_catalog(v->engine);
    const char *limit = body.ptr + body.len, *next;
    for (const char *p = body.ptr; p < limit; p = next) {
        int what = model_line(types, p, limit, ENV_NOW_NS, &want, &next);
        Slice line = slice_of(p, (size_t)(next - p));
        if (what > 0) {
            ck_assert_msg(wb && rows < wb_rows(wb), "not taken: %.*s", SLICE_ARG(line));
            check_row(v, cat, wb, rows++, &want, line);
        } else if (what < 0) {
            const IngLineError *le = ing_job_error(j, refused++);
            ck_assert_msg(le && le->line == number, "line %zu is not refused (but %zu: %s): %.*s",
                          number, le ? le->line : 0, le ? le->err.message : "", SLICE_ARG(line));
        }
        for (; p < next; p++)
            number += *p == '\n';
    }
    ck_assert_uint_eq(rows, wb ? wb_rows(wb) : 0);
    ck_assert_uint_eq(refused, errors);
    cat_unref(cat);
    wb_free(wb);
    ing_job_free(j);
}

START_TEST(random_lines)
{
    const char *seed = getenv("SKULK_LINE_SEED");
    state = seed ? strtoull(seed, NULL, 10) : 1;
    static ModelTypes types;
    IngestEnv env;
    Buf body;
    env_open(&env);
    for (unsigned i = 0; i < BODIES; i++) {
        buf_init(&body);
        for (unsigned k = 0; k < LINES; k++)
            put_line(&body);
        char *exact = mem_dup(body.ptr, body.len); /* ASan sees a byte too many */
        check_body(&env, &types, slice_of(exact, body.len));
        mem_free(exact);
        buf_free(&body);
    }
    env_close(&env);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("line");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, random_lines);
    return unit_run(tc);
}
