/* ingest/otlp_names.c - names of OTLP metrics and attributes as Prometheus' receiver makes them by default:
 * letters, digits and underscores, a suffix for the unit, _total for counters, _ratio for gauges of unit 1. */
#include "ingest/otlp_private.h"

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':';
}

typedef struct UnitName {
    const char *unit, *name;
} UnitName;

static const UnitName units[] = {
    {"d", "days"},
    {"h", "hours"},
    {"min", "minutes"},
    {"s", "seconds"},
    {"ms", "milliseconds"},
    {"us", "microseconds"},
    {"ns", "nanoseconds"},
    {"By", "bytes"},
    {"KiBy", "kibibytes"},
    {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},
    {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},
    {"MBy", "megabytes"},
    {"GBy", "gigabytes"},
    {"TBy", "terabytes"},
    {"m", "meters"},
    {"V", "volts"},
    {"A", "amperes"},
    {"J", "joules"},
    {"W", "watts"},
    {"g", "grams"},
    {"Cel", "celsius"},
    {"Hz", "hertz"},
    {"1", ""},
    {"%", "percent"},
};
static const UnitName per_units[] = {{"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
                                     {"w", "week"},   {"mo", "month"}, {"y", "year"}};

static Slice unit_name(Slice unit, const UnitName *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq_cstr(unit, table[i].unit))
            return slice_cstr(table[i].name);
    return unit;
}

/* Appends the words of s, joined by underscores. */
static void put_words(Buf *b, Slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!name_char(s.ptr[i]))
            continue;
        if (b->len && (i == 0 || !name_char(s.ptr[i - 1])))
            buf_put_u8(b, '_');
        buf_put_u8(b, (uint8_t)s.ptr[i]);
    }
}

/* Is the word already one of the name's? */
static bool has_word(const Buf *b, Slice word)
{
    for (size_t i = 0; i + word.len <= b->len; i++)
        if ((i == 0 || b->ptr[i - 1] == '_') && memcmp(b->ptr + i, word.ptr, word.len) == 0 &&
            (i + word.len == b->len || b->ptr[i + word.len] == '_'))
            return true;
    return false;
}

static void put_unit(Buf *b, Slice unit)
{
    const char *slash = unit.len ? memchr(unit.ptr, '/', unit.len) : NULL;
    Slice main = slice_of(unit.ptr, slash ? (size_t)(slash - unit.ptr) : unit.len);
    Slice per = slash ? slice_of(slash + 1, unit.len - main.len - 1) : SLICE_NONE;
    bool braces = main.len && memchr(main.ptr, '{', main.len);
    Buf words = {0};
    if (main.len && !braces)
        put_words(&words, unit_name(main, units, ARRAY_LEN(units)));
    if (words.len && !has_word(b, buf_slice(&words)))
        put_words(b, buf_slice(&words));
    buf_clear(&words);
    if (per.len && !memchr(per.ptr, '{', per.len))
        put_words(&words, unit_name(per, per_units, ARRAY_LEN(per_units)));
    if (words.len && !has_word(b, buf_slice(&words))) {
        put_words(b, SLICE_LIT("per"));
        put_words(b, buf_slice(&words));
    }
    buf_free(&words);
}

static void cut_total(Buf *b)
{
    static const char total[] = "_total";
    size_t n = sizeof total - 1;
    if (b->len > n && memcmp(b->ptr + b->len - n, total, n) == 0)
        b->len -= n;
}

Slice otlp_metric_name(Arena *a, Slice name, Slice unit, bool counter, bool gauge)
{
    Buf b = {0};
    put_words(&b, name);
    if (counter)
        cut_total(&b);
    put_unit(&b, unit);
    if (counter)
        put_words(&b, SLICE_LIT("total"));
    if (gauge && slice_eq_cstr(unit, "1") && !has_word(&b, SLICE_LIT("ratio")))
        put_words(&b, SLICE_LIT("ratio"));
    bool digit = b.len && b.ptr[0] >= '0' && b.ptr[0] <= '9';
    Slice out = arena_printf(a, "%s%.*s", digit ? "_" : "", (int)b.len, b.ptr ? b.ptr : "");
    buf_free(&b);
    return out;
}

Slice otlp_label_name(Arena *a, Slice key)
{
    bool digit = key.len && key.ptr[0] >= '0' && key.ptr[0] <= '9';
    bool underscore = key.len && key.ptr[0] == '_' && !(key.len > 1 && key.ptr[1] == '_');
    Slice out = arena_printf(a, "%s%.*s", digit ? "key_" : underscore ? "key" : "", SLICE_ARG(key));
    char *p = (char *)(uintptr_t)out.ptr;
    size_t n = 0;
    for (size_t i = 0; i < out.len; i++) /* an underscore a character, not a byte */
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            p[n++] = !name_char(p[i]) || p[i] == ':' ? '_' : p[i];
    return slice_of(p, n);
}
