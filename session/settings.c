/* session/settings.c - the settings of a session: one row each in settings_table[].
 *
 * Values are kept as the text that SHOW prints.  SET inside a transaction leaves an undo entry:
 * ROLLBACK takes all back, COMMIT those of SET LOCAL. */
#include "session/session_private.h"
#include <math.h>
#include <stdio.h>

typedef enum SettingType { SET_BOOL, SET_INT, SET_REAL, SET_TEXT, SET_ENUM } SettingType;
enum {
    SET_REPORT = 1,
    SET_FIXED = 2,
    SET_MS = 4,
    SET_KB = 8,
    SET_PLAN = 16, /* names in plans depend on it */
    SET_BYTES = 32,
    SET_EXPLAIN = 64, /* EXPLAIN (SETTINGS) says when it is changed */
};

typedef struct Setting {
    const char *name;
    SettingType type;
    const char *boot;
    const char *words; /* SET_ENUM: space separated */
    int64_t min, max;  /* SET_INT */
    int flags;
    bool (*check)(Session *s, Slice value, Slice *canonical, Err *e); /* and takes effect */
    const char *text;
} Setting;

/* Reads one name of a list, "quoted" or folded to lower case; returns where the next one begins. */
static size_t next_name(Slice list, size_t i, Buf *name)
{
    buf_clear(name);
    while (i < list.len && (list.ptr[i] == ' ' || list.ptr[i] == '\t'))
        i++;
    bool quoted = i < list.len && list.ptr[i] == '"';
    i += quoted;
    for (; i < list.len; i++) {
        char c = list.ptr[i];
        if (quoted && c == '"' && i + 1 < list.len && list.ptr[i + 1] == '"')
            i++;
        else if (quoted ? c == '"' : c == ',' || c == ' ')
            break;
        buf_put_u8(name, (uint8_t)(!quoted && c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    while (i < list.len && list.ptr[i] != ',')
        i++;
    return i + 1;
}

/* Hours (5.5) or "interval -08:00", both east of UTC; false: neither. */
static bool zone_offset(Slice value, int64_t *seconds)
{
    static const Slice word = SLICE_LIT("interval ");
    double hours;
    Interval iv;
    Err ignored;
    if (value.len > word.len && slice_eq_nocase(slice_of(value.ptr, word.len), word)) {
        if (!interval_parse(slice_of(value.ptr + word.len, value.len - word.len), &iv, &ignored) ||
            iv.months || iv.days)
            return false;
        *seconds = iv.us / 1000000;
    } else {
        if (!slice_to_f64(value, &hours) || !(hours > -168 && hours < 168))
            return false;
        *seconds = (int64_t)(hours * 3600);
    }
    return true;
}

/* "<+05:30>-05:30": POSIX counts west of Greenwich. */
static Slice zone_of_offset(Session *s, int64_t seconds)
{
    int64_t abs = seconds < 0 ? -seconds : seconds;
    char text[16], east = seconds < 0 ? '-' : '+', west = seconds < 0 ? '+' : '-';
    int n = snprintf(text, sizeof text, "%02d", (int)(abs / 3600));
    if (abs % 3600)
        n += snprintf(text + n, sizeof text - (size_t)n, ":%02d", (int)(abs / 60 % 60));
    if (abs % 60)
        n += snprintf(text + n, sizeof text - (size_t)n, ":%02d", (int)(abs % 60));
    n = snprintf(s->zone_name, sizeof s->zone_name, "<%c%s>%c%s", east, text, west, text);
    return slice_of(s->zone_name, (size_t)n);
}

static bool check_timezone(Session *s, Slice value, Slice *canonical, Err *e)
{
    int64_t seconds;
    if (zone_offset(value, &seconds))
        *canonical = value = zone_of_offset(s, seconds);
    if (slice_eq_nocase(value, SLICE_LIT("default")) || slice_eq_nocase(value, SLICE_LIT("local")))
        *canonical = value = SLICE_LIT("UTC");
    const struct TimeZone *tz = tz_find(value, e);
    if (!tz)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "invalid value for parameter \"TimeZone\": \"%.*s\"", SLICE_ARG(value));
    s->env.tz = tz;
    return true;
}

static bool check_encoding(Session *s, Slice value, Slice *canonical, Err *e)
{
    (void)s;
    while (value.len >= 2 && value.ptr[0] == '\'' && value.ptr[value.len - 1] == '\'')
        value = slice_of(value.ptr + 1, value.len - 2);
    if (!slice_eq_nocase(value, SLICE_LIT("utf8")) && !slice_eq_nocase(value, SLICE_LIT("utf-8")) &&
        !slice_eq_nocase(value, SLICE_LIT("unicode")) &&
        !slice_eq_nocase(value, SLICE_LIT("sql_ascii")))
        return err_set(e, ERR_INVALID_PARAMETER,
                       "invalid value for parameter \"client_encoding\": \"%.*s\"",
                       SLICE_ARG(value)) ||
               err_hint(e, "the only encoding is UTF8");
    *canonical = SLICE_LIT("UTF8");
    return true;
}

typedef struct DateWords {
    int style, order; /* -1: not named */
    bool twice;
} DateWords;

static void name_once(int *slot, int value, bool *twice)
{
    *twice |= *slot >= 0 && *slot != value;
    *slot = value;
}

static bool date_word(Slice w, DateWords *d)
{
    static const char *const styles[] = {"iso", "sql", "postgres", "german"};
    for (int i = 0; i < 4; i++) {
        Slice name = slice_cstr(styles[i]);
        bool prefix = i == DATE_POSTGRES; /* "PostgreSQL" */
        if (slice_eq_nocase(prefix && w.len > name.len ? slice_of(w.ptr, name.len) : w, name)) {
            name_once(&d->style, i, &d->twice);
            if (i == DATE_GERMAN && d->order < 0)
                d->order = ORDER_DMY;
            return true;
        }
    }
    static const struct {
        const char *word;
        size_t prefix; /* 0: the whole word */
        DateOrder order;
    } orders[] = {{"ymd", 0, ORDER_YMD}, {"dmy", 0, ORDER_DMY}, {"euro", 4, ORDER_DMY},
                  {"mdy", 0, ORDER_MDY}, {"us", 0, ORDER_MDY},  {"noneuro", 7, ORDER_MDY}};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        size_t n = orders[i].prefix && w.len > orders[i].prefix ? orders[i].prefix : w.len;
        if (slice_eq_nocase(slice_of(w.ptr, n), slice_cstr(orders[i].word))) {
            name_once(&d->order, (int)orders[i].order, &d->twice);
            return true;
        }
    }
    return slice_eq_nocase(w, SLICE_LIT("default"));
}

/* A style, an order, or both; what is not named stays. */
static bool check_datestyle(Session *s, Slice value, Slice *canonical, Err *e)
{
    static const char *const texts[4][3] = {
        {"ISO, MDY", "ISO, DMY", "ISO, YMD"},
        {"SQL, MDY", "SQL, DMY", "SQL, YMD"},
        {"Postgres, MDY", "Postgres, DMY", "Postgres, YMD"},
        {"German, MDY", "German, DMY", "German, YMD"},
    };
    DateWords d = {-1, -1, false};
    for (size_t i = 0; i <= value.len;) {
        size_t end = i;
        while (end < value.len && value.ptr[end] != ',')
            end++;
        size_t begin = i, last = end;
        while (begin < last && value.ptr[begin] == ' ')
            begin++;
        while (last > begin && value.ptr[last - 1] == ' ')
            last--;
        Slice w = slice_of(value.ptr + begin, last - begin);
        i = end + 1;
        if (date_word(w, &d) && !d.twice)
            continue;
        err_set(e, ERR_INVALID_PARAMETER, "invalid value for parameter \"DateStyle\": \"%.*s\"",
                SLICE_ARG(value));
        return d.twice ? err_detail(e, "Conflicting \"datestyle\" specifications.")
                       : err_detail(e, "Unrecognized key word: \"%.*s\".", SLICE_ARG(w));
    }
    if (d.style >= 0)
        s->env.date_style = (DateStyle)d.style;
    if (d.order >= 0)
        s->env.date_order = (DateOrder)d.order;
    *canonical = slice_cstr(texts[s->env.date_style][s->env.date_order]);
    return true;
}

#define INTERVAL_STYLES "postgres,postgres_verbose,sql_standard,iso_8601"

static bool check_intervalstyle(Session *s, Slice value, Slice *canonical, Err *e)
{
    (void)canonical;
    (void)e;
    s->env.interval_style = slice_eq_cstr(value, "postgres_verbose") ? INTERVAL_VERBOSE
                            : slice_eq_cstr(value, "sql_standard")   ? INTERVAL_SQL
                            : slice_eq_cstr(value, "iso_8601")       ? INTERVAL_ISO
                                                                     : INTERVAL_POSTGRES;
    return true;
}

static bool check_bytea_output(Session *s, Slice value, Slice *canonical, Err *e)
{
    (void)canonical;
    (void)e;
    s->env.bytea_escape = slice_eq_cstr(value, "escape");
    return true;
}

static bool check_float_digits(Session *s, Slice value, Slice *canonical, Err *e)
{
    (void)canonical;
    (void)e;
    int64_t digits = 1;
    must(slice_to_i64(value, &digits));
    s->env.extra_float_digits = (int)digits;
    return true;
}

static bool check_query_memory(Session *s, Slice value, Slice *canonical, Err *e)
{
    enum { LEAST = 4 << 20 }; /* buffers and batches of a few operators */
    int64_t bytes = 0, most = s->db->options.query_memory;
    (void)canonical;
    must(slice_to_i64(value, &bytes));
    if (bytes > 0 && bytes < LEAST)
        return err_set(
            e, ERR_INVALID_PARAMETER,
            "%lld is outside the valid range for parameter \"skulk.query_memory\" (0, or "
            "from %d)",
            (long long)bytes, LEAST);
    if (most > 0 && bytes > most)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "skulk.query_memory of %lld bytes is more than limits.query_memory (%lld)",
                       (long long)bytes, (long long)most);
    return true;
}

static bool check_role(Session *s, Slice value, Slice *canonical, Err *e)
{
    (void)canonical;
    return session_set_role(s, value, e);
}

static void search_path_set(Session *s, Slice value)
{
    for (size_t i = 0; i < s->search_path_count; i++)
        mem_free((void *)(uintptr_t)s->search_path[i].ptr);
    mem_free(s->search_path);
    s->search_path = NULL;
    s->search_path_count = 0;
    Buf name;
    buf_init(&name);
    for (size_t i = 0; i < value.len;) {
        i = next_name(value, i, &name);
        Slice n = buf_slice(&name);
        if (slice_eq_cstr(n, "$user")) /* never a system schema: the user is called skulk, too */
            n = strcmp(s->user, "skulk") == 0 ? SLICE_NONE : slice_cstr(s->user);
        if (n.len == 0)
            continue;
        s->search_path = mem_realloc(s->search_path, (s->search_path_count + 1) * sizeof(Slice));
        s->search_path[s->search_path_count++] = slice_of(mem_strdup(n), n.len);
    }
    buf_free(&name);
}

static bool check_search_path(Session *s, Slice value, Slice *canonical, Err *e)
{
    (void)canonical;
    (void)e;
    search_path_set(s, value);
    return true;
}

#define ISOLATION_WORDS "read uncommitted,read committed,repeatable read,serializable"

static const Setting settings_table[] = {
    {"application_name", SET_TEXT, "", NULL, 0, 0, SET_REPORT, NULL,
     "name of the application, shown in pg_stat_activity"},
    {"backslash_quote", SET_TEXT, "safe_encoding", NULL, 0, 0, 0, NULL, "accepted, without effect"},
    {"bytea_output", SET_ENUM, "hex", "escape,hex", 0, 0, 0, check_bytea_output,
     "output form of bytea"},
    {"check_function_bodies", SET_BOOL, "on", NULL, 0, 0, 0, NULL, "accepted, without effect"},
    {"client_encoding", SET_TEXT, "UTF8", NULL, 0, 0, SET_REPORT, check_encoding,
     "encoding of the client: UTF8"},
    {"client_min_messages", SET_ENUM, "notice",
     "debug5,debug4,debug3,debug2,debug1,log,notice,warning,error", 0, 0, 0, NULL,
     "least severity of messages sent to the client"},
    {"DateStyle", SET_TEXT, "ISO, MDY", NULL, 0, 0, SET_REPORT, check_datestyle,
     "output form of dates, and the order of day, month and year in input"},
    {"default_table_access_method", SET_TEXT, "heap", NULL, 0, 0, 0, NULL,
     "accepted, without effect"},
    {"default_tablespace", SET_TEXT, "", NULL, 0, 0, 0, NULL, "accepted, without effect"},
    {"default_transaction_deferrable", SET_BOOL, "off", NULL, 0, 0, 0, NULL,
     "accepted, without effect"},
    {"default_transaction_isolation", SET_ENUM, "read committed", ISOLATION_WORDS, 0, 0, 0, NULL,
     "isolation of new transactions"},
    {"default_transaction_read_only", SET_BOOL, "off", NULL, 0, 0, SET_REPORT, NULL,
     "new transactions are read only"},
    {"extra_float_digits", SET_INT, "1", NULL, -15, 3, 0, check_float_digits,
     "digits of floating-point output; from 1: shortest exact"},
    {"idle_in_transaction_session_timeout", SET_INT, "0", NULL, 0, INT32_MAX, SET_MS, NULL,
     "longest idle time in a transaction; 0 = none"},
    {"idle_session_timeout", SET_INT, "0", NULL, 0, INT32_MAX, SET_MS, NULL,
     "longest idle time; 0 = none"},
    {"in_hot_standby", SET_BOOL, "off", NULL, 0, 0, SET_REPORT | SET_FIXED, NULL,
     "this is no standby"},
    {"integer_datetimes", SET_BOOL, "on", NULL, 0, 0, SET_REPORT | SET_FIXED, NULL,
     "times are 64-bit integers"},
    {"IntervalStyle", SET_ENUM, "postgres", INTERVAL_STYLES, 0, 0, SET_REPORT, check_intervalstyle,
     "output form of intervals"},
    {"is_superuser", SET_BOOL, "on", NULL, 0, 0, SET_REPORT | SET_FIXED, NULL,
     "the user has all rights"},
    {"jit", SET_BOOL, "off", NULL, 0, 0, SET_EXPLAIN, NULL, "accepted, without effect"},
    {"lc_collate", SET_TEXT, "C", NULL, 0, 0, SET_FIXED, NULL, "collation: by bytes"},
    {"lc_ctype", SET_TEXT, "C.UTF-8", NULL, 0, 0, SET_FIXED, NULL, "character classes"},
    {"lc_monetary", SET_TEXT, "C", NULL, 0, 0, 0, NULL, "accepted, without effect"},
    {"lock_timeout", SET_INT, "0", NULL, 0, INT32_MAX, SET_MS, NULL,
     "longest wait for a lock; 0 = none"},
    {"max_identifier_length", SET_INT, "255", NULL, 0, 255, SET_FIXED, NULL, "bytes of a name"},
    {"max_index_keys", SET_INT, "32", NULL, 0, 32, SET_FIXED, NULL, "columns of an index"},
    {"role", SET_TEXT, "none", NULL, 0, 0, SET_PLAN, check_role,
     "the role whose rights count; none = the user's own"},
    {"row_security", SET_BOOL, "on", NULL, 0, 0, 0, NULL, "accepted, without effect"},
    {"search_path", SET_TEXT, "\"$user\", public", NULL, 0, 0, SET_PLAN | SET_EXPLAIN,
     check_search_path, "schemas in which names are looked up"},
    {"server_encoding", SET_TEXT, "UTF8", NULL, 0, 0, SET_REPORT | SET_FIXED, NULL,
     "encoding of the data"},
    {"server_version", SET_TEXT, SKULK_SERVER_VERSION, NULL, 0, 0, SET_REPORT | SET_FIXED, NULL,
     "version, as PostgreSQL clients read it"},
    {"server_version_num", SET_INT, "150000", NULL, 0, 999999, SET_FIXED, NULL,
     "version as a number"},
    {"session_authorization", SET_TEXT, "skulk", NULL, 0, 0, SET_REPORT | SET_FIXED, NULL,
     "the user of this session"},
    {"skulk.max_bytes", SET_INT, "0", NULL, 0, INT64_MAX, SET_BYTES, NULL,
     "most bytes of columns that a query may read; 0 = no limit"},
    {"skulk.query_memory", SET_INT, "0", NULL, 0, INT64_MAX, SET_BYTES, check_query_memory,
     "memory of a query, beyond which it writes temporary files; 0 = limits.query_memory"},
    {"standard_conforming_strings", SET_ENUM, "on", "on", 0, 0, SET_REPORT, NULL,
     "backslashes are plain in '...'"},
    {"statement_timeout", SET_INT, "0", NULL, 0, INT32_MAX, SET_MS, NULL,
     "longest time of a statement; 0 = none"},
    {"synchronize_seqscans", SET_BOOL, "on", NULL, 0, 0, 0, NULL, "accepted, without effect"},
    {"synchronous_commit", SET_ENUM, "on", "on,off,local,remote_write,remote_apply", 0, 0, 0, NULL,
     "off: acknowledged before the sync (at most 100 ms)"},
    {"TimeZone", SET_TEXT, "UTC", NULL, 0, 0, SET_REPORT, check_timezone,
     "zone in which times are shown and read"},
    {"transaction_deferrable", SET_BOOL, "off", NULL, 0, 0, 0, NULL, "accepted, without effect"},
    {"transaction_isolation", SET_ENUM, "read committed", ISOLATION_WORDS, 0, 0, 0, NULL,
     "isolation of this transaction"},
    {"transaction_read_only", SET_BOOL, "off", NULL, 0, 0, 0, NULL, "this transaction only reads"},
    {"work_mem", SET_INT, "4096", NULL, 64, INT32_MAX, SET_KB | SET_EXPLAIN, NULL,
     "accepted, without effect: see skulk.query_memory"},
    {"xmloption", SET_ENUM, "content", "content,document", 0, 0, 0, NULL,
     "accepted, without effect"},
};

size_t setting_count(void)
{
    return ARRAY_LEN(settings_table);
}

static int setting_index(Slice name)
{
    if (slice_eq_nocase(name, SLICE_LIT("time zone")))
        name = SLICE_LIT("TimeZone");
    for (size_t i = 0; i < ARRAY_LEN(settings_table); i++)
        if (name.len && ((name.ptr[0] ^ settings_table[i].name[0]) & ~32) == 0 &&
            slice_eq_nocase(name, slice_cstr(settings_table[i].name)))
            return (int)i;
    return -1;
}

static bool parse_bool(Slice v, Slice *canonical)
{
    static const char *const yes[] = {"on", "true", "yes", "1", "t", "y"};
    static const char *const no[] = {"off", "false", "no", "0", "f", "n"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (slice_eq_nocase(v, slice_cstr(yes[i])))
            return *canonical = SLICE_LIT("on"), true;
        if (slice_eq_nocase(v, slice_cstr(no[i])))
            return *canonical = SLICE_LIT("off"), true;
    }
    return false;
}

typedef struct Unit {
    const char *name;
    int flag;
    double in_base; /* how many base units it is */
} Unit;

/* Of each kind from the largest to the smallest. */
static const Unit units[] = {
    {"d", SET_MS, 86400000},
    {"h", SET_MS, 3600000},
    {"min", SET_MS, 60000},
    {"s", SET_MS, 1000},
    {"ms", SET_MS, 1},
    {"us", SET_MS, 0.001},
    {"TB", SET_KB, 1073741824},
    {"GB", SET_KB, 1048576},
    {"MB", SET_KB, 1024},
    {"kB", SET_KB, 1},
    {"B", SET_KB, 1.0 / 1024},
    {"TB", SET_BYTES, 1099511627776},
    {"GB", SET_BYTES, 1073741824},
    {"MB", SET_BYTES, 1048576},
    {"kB", SET_BYTES, 1024},
    {"B", SET_BYTES, 1},
};

static const char *base_unit(const Setting *st)
{
    return st->flags & SET_MS      ? "ms"
           : st->flags & SET_KB    ? "kB"
           : st->flags & SET_BYTES ? "B"
                                   : NULL;
}

enum { INT_TOO_LARGE = 1, INT_BAD_UNIT = 2 }; /* why it is none */

static bool fits(const Setting *st, int64_t n, int *how)
{
    *how = st->max <= INT32_MAX && (n > INT32_MAX || n < INT32_MIN) ? INT_TOO_LARGE : 0;
    return *how == 0;
}

/* "5s", "1.5MB", "3600" to the base unit. */
static bool parse_int(const Setting *st, Slice v, int64_t *out, int *how)
{
    size_t n = v.len;
    double in_base = 1, number;
    while (n && ((v.ptr[n - 1] | 32) >= 'a' && (v.ptr[n - 1] | 32) <= 'z'))
        n--;
    Slice unit = slice_of(v.ptr + n, v.len - n), digits = slice_of(v.ptr, n);
    while (digits.len && digits.ptr[digits.len - 1] == ' ')
        digits.len--;
    bool found = unit.len == 0;
    for (size_t i = 0; !found && i < ARRAY_LEN(units); i++) {
        found = (st->flags & units[i].flag) && slice_eq_cstr(unit, units[i].name);
        in_base = found ? units[i].in_base : 1;
    }
    if (unit.len == 0 && slice_to_i64(digits, out))
        return fits(st, *out, how);
    if (!slice_to_f64(digits, &number))
        return false;
    *how = !found && base_unit(st) ? INT_BAD_UNIT : 0;
    number = rint(number * in_base);
    if (!found || !(number > -9.2e18 && number < 9.2e18))
        return false;
    *out = (int64_t)number;
    return fits(st, *out, how);
}

static bool word_in(const char *words, Slice v, Slice *canonical)
{
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, ",");
        if (slice_eq_nocase(v, slice_of(p, n)))
            return *canonical = slice_of(p, n), true;
        p += n + (p[n] == ',');
    }
    return false;
}

static bool bad_value(const Setting *st, Slice v, int how, Err *e)
{
    err_set(e, ERR_INVALID_PARAMETER, "invalid value for parameter \"%s\": \"%.*s\"", st->name,
            SLICE_ARG(v));
    if (how & INT_TOO_LARGE)
        return err_hint(e, "Value exceeds integer range.");
    if (how & INT_BAD_UNIT)
        return err_hint(e, "Valid units for this parameter are %s.",
                        st->flags & SET_MS ? "\"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\""
                                           : "\"B\", \"kB\", \"MB\", \"GB\", and \"TB\"");
    if (st->type != SET_ENUM)
        return false;
    Buf words; /* "a,b" as "a, b" */
    buf_init(&words);
    for (const char *p = st->words; *p; p++)
        buf_printf(&words, *p == ',' ? "%c " : "%c", *p);
    err_hint(e, "Available values: %.*s.", (int)words.len, words.ptr);
    buf_free(&words);
    return false;
}

static bool check_range(const Setting *st, int64_t n, Err *e)
{
    const char *unit = base_unit(st);
    if (n >= st->min && n <= st->max)
        return true;
    return err_set(e, ERR_INVALID_PARAMETER,
                   "%lld%s%s is outside the valid range for parameter \"%s\" (%lld .. %lld)",
                   (long long)n, unit ? " " : "", unit ? unit : "", st->name, (long long)st->min,
                   (long long)st->max);
}

static bool canonical_value(Session *s, const Setting *st, Slice v, char *buf, size_t buf_size,
                            Slice *out, Err *e)
{
    *out = v;
    int64_t n;
    int how = 0;
    switch (st->type) {
    case SET_BOOL:
        if (!parse_bool(v, out))
            return err_set(e, ERR_INVALID_PARAMETER, "parameter \"%s\" requires a Boolean value",
                           st->name);
        break;
    case SET_ENUM: {
        Slice b;
        if (!word_in(st->words, v, out) && !(parse_bool(v, &b) && word_in(st->words, b, out)))
            return bad_value(st, v, 0, e);
        break;
    }
    case SET_INT:
        if (!parse_int(st, v, &n, &how))
            return bad_value(st, v, how, e);
        if (!check_range(st, n, e))
            return false;
        *out = slice_of(buf, (size_t)snprintf(buf, buf_size, "%lld", (long long)n));
        break;
    default:
        break;
    }
    return !st->check || st->check(s, *out, out, e);
}

/* ---- names with a dot: PostgreSQL keeps them as placeholders, and so do clients' values live here ---- */

static int custom_index(Session *s, Slice name, bool make)
{
    for (size_t i = 0; i < s->custom_count; i++)
        if (slice_eq_nocase(name, slice_cstr(s->customs[i].name)))
            return (int)(ARRAY_LEN(settings_table) + i);
    if (!make || s->custom_count == CUSTOM_SETTINGS_MAX)
        return -1;
    s->customs = mem_realloc(s->customs, (s->custom_count + 1) * sizeof *s->customs);
    s->customs[s->custom_count++] = (CustomSetting){.name = mem_strdup(name)};
    return (int)(ARRAY_LEN(settings_table) + s->custom_count - 1);
}

static CustomSetting *custom(const Session *s, int i)
{
    return i < (int)ARRAY_LEN(settings_table) ? NULL
                                              : &s->customs[i - (int)ARRAY_LEN(settings_table)];
}

/* ---- values ---- */

static void store_value(Session *s, int i, char *take_value)
{
    CustomSetting *c = custom(s, i);
    if (c) {
        mem_free(c->value);
        c->value = take_value;
        return;
    }
    mem_free(s->settings[i]);
    s->settings[i] = take_value;
    if (settings_table[i].flags & SET_PLAN)
        s->plan_settings++;
    if (settings_table[i].flags & SET_REPORT)
        s->report_due = true;
}

static Slice current(const Session *s, int i)
{
    const CustomSetting *c = custom(s, i);
    if (c)
        return c->value ? slice_cstr(c->value) : SLICE_LIT("");
    if (s->settings[i])
        return slice_cstr(s->settings[i]);
    if (s->session_defaults[i])
        return slice_cstr(s->session_defaults[i]);
    return slice_cstr(settings_table[i].boot);
}

/* The value takes effect again after an undo or RESET. */
static void reapply(Session *s, int i)
{
    if (custom(s, i))
        return;
    Slice v = current(s, i), canonical = v;
    Err ignored;
    if (settings_table[i].check && !settings_table[i].check(s, v, &canonical, &ignored))
        must(false); /* it was valid before */
}

static void remember(Session *s, int i, bool local)
{
    if (s->tx.state == TX_IDLE)
        return;
    const char *old = custom(s, i) ? custom(s, i)->value : s->settings[i];
    s->undo = mem_realloc(s->undo, (s->undo_count + 1) * sizeof *s->undo);
    s->undo[s->undo_count++] = (SettingUndo){
        .setting = i, .old = old ? mem_strdup(slice_cstr(old)) : NULL, .local = local};
}

void settings_undo(Session *s, size_t down_to)
{
    while (s->undo_count > down_to) {
        SettingUndo u = s->undo[--s->undo_count];
        store_value(s, u.setting, u.old);
        reapply(s, u.setting);
    }
}

/* Takes SET LOCAL back, unless a plain SET of the same name came later. */
void settings_commit(Session *s)
{
    if (s->undo_count == 0)
        return;
    uint8_t *settled = mem_zero(ARRAY_LEN(settings_table) + s->custom_count);
    while (s->undo_count > 0) {
        SettingUndo u = s->undo[--s->undo_count];
        settled[u.setting] |= !u.local;
        if (settled[u.setting]) {
            mem_free(u.old);
            continue;
        }
        store_value(s, u.setting, u.old);
        reapply(s, u.setting);
    }
    mem_free(settled);
}

/* transaction_* are the transaction's own state, not stored values. */
static bool is_of_transaction(const Setting *st)
{
    return strncmp(st->name, "transaction_", 12) == 0;
}

static bool set_transaction(Session *s, const Setting *st, Slice v, Err *e)
{
    bool on = slice_eq_cstr(v, "on");
    if (strcmp(st->name, "transaction_isolation") == 0)
        return tx_set_isolation(s, v, e);
    return strcmp(st->name, "transaction_read_only") == 0 ? tx_set_read_only(s, on, e)
                                                          : tx_set_deferrable(s, on, e);
}

static Slice get_transaction(const Session *s, const Setting *st)
{
    bool on = strcmp(st->name, "transaction_read_only") == 0 ? s->tx.read_only : s->tx.deferrable;
    if (strcmp(st->name, "transaction_isolation") == 0)
        return slice_cstr(s->tx.isolation ? s->tx.isolation : st->boot);
    return on ? SLICE_LIT("on") : SLICE_LIT("off");
}

static bool unknown_setting(Slice name, Err *e)
{
    return err_set(e, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%.*s\"",
                   SLICE_ARG(name));
}

bool setting_set(Session *s, Slice name, Slice value, bool is_default, bool local, Err *e)
{
    int i = setting_index(name);
    if (i < 0) {
        if (!memchr(name.ptr, '.', name.len) || (i = custom_index(s, name, true)) < 0)
            return unknown_setting(name, e);
        remember(s, i, local);
        store_value(s, i, is_default ? NULL : mem_strdup(value));
        return true;
    }
    const Setting *st = &settings_table[i];
    if (st->flags & SET_FIXED) {
        bool who = slice_eq_cstr(slice_cstr(st->name), "session_authorization");
        if (who && (is_default || slice_eq(value, current(s, i))))
            return true; /* SET SESSION AUTHORIZATION DEFAULT */
        return err_set(e, ERR_CANT_CHANGE_PARAMETER, "parameter \"%s\" cannot be changed",
                       st->name);
    }
    char buf[32];
    Slice canonical;
    if (is_default && !is_of_transaction(st)) {
        remember(s, i, local);
        store_value(s, i, NULL);
        reapply(s, i);
        return true;
    }
    if (!canonical_value(s, st, is_default ? slice_cstr(st->boot) : value, buf, sizeof buf,
                         &canonical, e))
        return false;
    if (is_of_transaction(st))
        return set_transaction(s, st, canonical, e);
    remember(s, i, local);
    store_value(s, i, mem_strdup(canonical));
    return true;
}

bool setting_get(Session *s, Slice name, Slice *value, Err *e)
{
    int i = setting_index(name);
    if (i < 0 && slice_eq_nocase(name, SLICE_LIT("transaction isolation level")))
        i = setting_index(SLICE_LIT("transaction_isolation"));
    if (i < 0)
        i = custom_index(s, name, false);
    if (i < 0)
        return unknown_setting(name, e);
    const Setting *st = custom(s, i) ? NULL : &settings_table[i];
    *value = st && is_of_transaction(st) ? get_transaction(s, st) : current(s, i);
    return true;
}

bool setting_show(Session *s, Slice name, Slice *value, Err *e)
{
    int i = setting_index(name);
    int64_t n;
    if (!setting_get(s, name, value, e))
        return false;
    const Setting *st = i < 0 ? NULL : &settings_table[i];
    if (!st || !base_unit(st) || !slice_to_i64(*value, &n) || n <= 0)
        return true;
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        int64_t size = (int64_t)units[u].in_base;
        if (!(st->flags & units[u].flag) || size < 1 || n % size != 0)
            continue;
        int len =
            snprintf(s->shown, sizeof s->shown, "%lld%s", (long long)(n / size), units[u].name);
        *value = slice_of(s->shown, (size_t)len);
        break;
    }
    return true;
}

int64_t setting_int(Session *s, const char *name)
{
    Slice v;
    Err e;
    int64_t n = 0;
    must(setting_get(s, slice_cstr(name), &v, &e));
    must(slice_to_i64(v, &n));
    return n;
}

bool setting_bool(Session *s, const char *name)
{
    Slice v;
    Err e;
    must(setting_get(s, slice_cstr(name), &v, &e));
    return slice_eq_cstr(v, "on");
}

Slice settings_changed(Session *s, Arena *a)
{
    Slice out = SLICE_NONE;
    for (size_t i = 0; i < ARRAY_LEN(settings_table); i++) {
        Slice v = current(s, (int)i);
        if ((settings_table[i].flags & SET_EXPLAIN) && !slice_eq_cstr(v, settings_table[i].boot))
            out = arena_printf(a, "%.*s%s%s = '%.*s'", SLICE_ARG(out), out.len ? ", " : "",
                               settings_table[i].name, SLICE_ARG(v));
    }
    return out;
}

void setting_reset_all(Session *s)
{
    for (size_t i = 0; i < ARRAY_LEN(settings_table); i++)
        if (s->settings[i]) {
            remember(s, (int)i, false);
            store_value(s, (int)i, NULL);
            reapply(s, (int)i);
        }
    for (size_t k = 0; k < s->custom_count; k++) {
        int i = (int)(ARRAY_LEN(settings_table) + k);
        remember(s, i, false);
        store_value(s, i, NULL);
    }
}

/* What was asked for at the start is what RESET goes back to. */
static void keep_as_default(Session *s, Slice name)
{
    int k = setting_index(name);
    if (k < 0 || k >= (int)ARRAY_LEN(settings_table) || !s->settings[k])
        return;
    mem_free(s->session_defaults[k]);
    s->session_defaults[k] = s->settings[k];
    s->settings[k] = NULL;
}

void settings_note_superuser(Session *s, const CatalogSnap *cat)
{
    int super = setting_index(SLICE_LIT("is_superuser"));
    mem_free(s->session_defaults[super]);
    s->session_defaults[super] =
        mem_strdup(session_is_superuser(s, cat) ? SLICE_LIT("on") : SLICE_LIT("off"));
    s->report_due = true;
}

bool settings_init(Session *s, const NameValue *values, size_t n, Err *e)
{
    s->settings = mem_zero(ARRAY_LEN(settings_table) * sizeof(char *));
    s->session_defaults = mem_zero(ARRAY_LEN(settings_table) * sizeof(char *));
    s->reported = mem_zero(ARRAY_LEN(settings_table) * sizeof(char *));
    CatalogSnap *cat = session_catalog(s);
    settings_note_superuser(s, cat);
    cat_unref(cat);
    int who = setting_index(SLICE_LIT("session_authorization"));
    s->session_defaults[who] = mem_strdup(slice_cstr(s->user));
    for (size_t i = 0; i < ARRAY_LEN(settings_table); i++) {
        reapply(s, (int)i);
    }
    role_settings_apply(s, keep_as_default);
    for (size_t i = 0; i < n; i++) {
        if (!setting_set(s, values[i].name, values[i].value, false, false, e))
            return false;
        keep_as_default(s, values[i].name);
    }
    return true;
}

void settings_free(Session *s)
{
    for (size_t i = 0; s->settings && i < ARRAY_LEN(settings_table); i++) {
        mem_free(s->settings[i]);
        mem_free(s->session_defaults[i]);
        mem_free(s->reported[i]);
    }
    for (size_t i = 0; i < s->undo_count; i++)
        mem_free(s->undo[i].old);
    for (size_t i = 0; i < s->custom_count; i++) {
        mem_free(s->customs[i].name);
        mem_free(s->customs[i].value);
    }
    mem_free(s->customs);
    search_path_set(s, SLICE_NONE);
    mem_free(s->undo);
    mem_free(s->settings);
    mem_free(s->session_defaults);
    mem_free(s->reported);
}

bool session_next_parameter(Session *s, Slice *name, Slice *value)
{
    for (size_t i = 0; s->report_due && i < ARRAY_LEN(settings_table); i++) {
        if (!(settings_table[i].flags & SET_REPORT))
            continue;
        *name = slice_cstr(settings_table[i].name);
        *value = current(s, (int)i);
        if (s->reported[i] && slice_eq_cstr(*value, s->reported[i]))
            continue;
        mem_free(s->reported[i]);
        s->reported[i] = mem_strdup(*value);
        return true;
    }
    s->report_due = false;
    return false;
}

void setting_info(size_t i, SettingInfo *out)
{
    static const char *const types[] = {"bool", "integer", "real", "string", "enum"};
    const Setting *st = &settings_table[i];
    *out = (SettingInfo){.name = st->name,
                         .unit = st->flags & SET_MS   ? "ms"
                                 : st->flags & SET_KB ? "kB"
                                                      : NULL,
                         .category = st->flags & SET_FIXED ? "Preset Options"
                                                           : "Client Connection Defaults",
                         .text = st->text,
                         .vartype = types[st->type],
                         .boot = st->boot};
}
