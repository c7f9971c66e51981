/* session/settings.c - the settings of a session: one row each in settings.def.
 *
 * Values are kept as the text that SHOW prints.  SET inside a transaction leaves an undo entry:
 * ROLLBACK takes all back, COMMIT those of SET LOCAL. */
#include "session/session_private.h"
#include <float.h>
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
    SET_EXPLAIN = 64,   /* EXPLAIN (SETTINGS) says when it is changed */
    SET_PAGES = 128,    /* of 8 kB */
    SET_IDLE = 256,     /* taken from clients, without effect: never on what a query answers */
    SET_START = 512,    /* the server's own: DbOptions.server */
    SET_HIDDEN = 1024,  /* pg_settings and SHOW ALL leave it out */
    SET_PRIVATE = 2048, /* for superusers and pg_read_all_settings */
};

enum { REPORTED_MAX = 16 }; /* settings with SET_REPORT */

typedef struct Setting {
    const char *name;
    SettingType type;
    const char *boot;
    const char *words; /* SET_ENUM: "a,b"; SET_BOOL: the only one that is taken */
    int64_t min, max;  /* SET_INT, SET_REAL; INT64_MAX: no limit */
    int flags;
    bool (*check)(Session *s, Slice value, Slice *canonical, Err *e); /* and takes effect */
    const char *category, *text;
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

#define SETTING(...) {__VA_ARGS__},
static const Setting settings_table[] = {
#include "session/settings.def"
};
#undef SETTING

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
    {"TB", SET_PAGES, 134217728},
    {"GB", SET_PAGES, 131072},
    {"MB", SET_PAGES, 128},
    {"kB", SET_PAGES, 1.0 / 8},
    {"B", SET_PAGES, 1.0 / 8192},
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
           : st->flags & SET_PAGES ? "8kB"
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
    if (!st->words)
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

static bool canonical_real(const Setting *st, Slice v, char *buf, size_t buf_size, Slice *out,
                           Err *e)
{
    double d, max = st->max == INT64_MAX ? DBL_MAX : (double)st->max;
    if (!slice_to_f64(v, &d) || isnan(d))
        return bad_value(st, v, 0, e);
    if (!(d >= (double)st->min && d <= max))
        return err_set(e, ERR_INVALID_PARAMETER,
                       "%g is outside the valid range for parameter \"%s\" (%lld .. %g)", d,
                       st->name, (long long)st->min, max);
    *out = slice_of(buf, (size_t)snprintf(buf, buf_size, "%g", d));
    return true;
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
        if (st->words && !word_in(st->words, *out, out))
            return bad_value(st, v, 0, e);
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
    case SET_REAL:
        if (!canonical_real(st, v, buf, buf_size, out, e))
            return false;
        break;
    case SET_TEXT:
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

/* What the server began with; NULL: not told, it is the default. */
static const ServerSetting *of_server(const Session *s, const Setting *st)
{
    const DbOptions *o = &s->db->options;
    for (size_t i = 0; (st->flags & SET_START) && i < o->server_count; i++)
        if (strcmp(o->server[i].name, st->name) == 0)
            return &o->server[i];
    return NULL;
}

/* What RESET goes back to. */
static Slice reset_value(const Session *s, int i)
{
    const ServerSetting *given = of_server(s, &settings_table[i]);
    if (s->session_defaults[i])
        return slice_cstr(s->session_defaults[i]);
    return slice_cstr(given ? given->value : settings_table[i].boot);
}

static Slice current(const Session *s, int i)
{
    const CustomSetting *c = custom(s, i);
    if (c)
        return c->value ? slice_cstr(c->value) : SLICE_LIT("");
    return s->settings[i] ? slice_cstr(s->settings[i]) : reset_value(s, i);
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
    if (st->flags & SET_START)
        return err_set(e, ERR_CANT_CHANGE_PARAMETER,
                       "parameter \"%s\" cannot be changed without restarting the server",
                       st->name);
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

static bool may_examine(Session *s, const Setting *st)
{
    if (!(st->flags & SET_PRIVATE))
        return true;
    CatalogSnap *cat = session_catalog(s);
    const RoleDef *r = cat_role(cat, SLICE_LIT("pg_read_all_settings"));
    bool may = session_is_superuser(s, cat) || (r && session_in_role(s, cat, r->id));
    cat_unref(cat);
    return may;
}

bool setting_show(Session *s, Slice name, Slice *value, Err *e)
{
    int i = setting_index(name);
    int64_t n;
    if (!setting_get(s, name, value, e))
        return false;
    const Setting *st = i < 0 ? NULL : &settings_table[i];
    if (st && !may_examine(s, st))
        return err_set(e, ERR_PRIVILEGE,
                       "must be superuser or have privileges of pg_read_all_settings to examine "
                       "\"%s\"",
                       st->name);
    if (!st || !base_unit(st) || !slice_to_i64(*value, &n) || n <= 0)
        return true;
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        double shown = (double)n / units[u].in_base; /* exact: units are powers, or n is small */
        if (!(st->flags & units[u].flag) || shown != rint(shown))
            continue;
        int len = snprintf(s->shown, sizeof s->shown, "%.0f%s", shown, units[u].name);
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
static void keep_as_default(Session *s, Slice name, SettingSource source)
{
    int k = setting_index(name);
    if (k < 0 || k >= (int)ARRAY_LEN(settings_table) || !s->settings[k])
        return;
    mem_free(s->session_defaults[k]);
    s->session_defaults[k] = s->settings[k];
    s->default_sources[k] = (uint8_t)source;
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

bool setting_start_with(Session *s, Slice name, Slice value, Err *e)
{
    if (!setting_set(s, name, value, false, false, e))
        return false;
    keep_as_default(s, name, SOURCE_CLIENT);
    return true;
}

bool settings_init(Session *s, const NameValue *values, size_t n, Err *e)
{
    s->settings = mem_zero(ARRAY_LEN(settings_table) * sizeof(char *));
    s->session_defaults = mem_zero(ARRAY_LEN(settings_table) * sizeof(char *));
    s->default_sources = mem_zero(ARRAY_LEN(settings_table));
    s->reported = mem_zero(REPORTED_MAX * sizeof(char *));
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
        if (!setting_start_with(s, values[i].name, values[i].value, e))
            return false;
    }
    return true;
}

void settings_free(Session *s)
{
    for (size_t i = 0; s->settings && i < ARRAY_LEN(settings_table); i++) {
        mem_free(s->settings[i]);
        mem_free(s->session_defaults[i]);
    }
    for (size_t i = 0; s->reported && i < REPORTED_MAX; i++)
        mem_free(s->reported[i]);
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
    mem_free(s->default_sources);
    mem_free(s->reported);
}

bool session_next_parameter(Session *s, Slice *name, Slice *value)
{
    size_t k = 0;
    for (size_t i = 0; s->report_due && i < ARRAY_LEN(settings_table); i++) {
        if (!(settings_table[i].flags & SET_REPORT))
            continue;
        must(k < REPORTED_MAX);
        char **told = &s->reported[k++];
        *name = slice_cstr(settings_table[i].name);
        *value = current(s, (int)i);
        if (*told && slice_eq_cstr(*value, *told))
            continue;
        mem_free(*told);
        *told = mem_strdup(*value);
        return true;
    }
    s->report_due = false;
    return false;
}

static const char *source_of(const Session *s, int i)
{
    static const char *const names[] = {"default",       "global", "database", "user",
                                        "database user", "client", "override"};
    const ServerSetting *given = of_server(s, &settings_table[i]);
    if (s->settings[i])
        return "session";
    return given ? given->source : names[s->default_sources[i]];
}

bool setting_info(Session *s, size_t i, SettingInfo *out)
{
    static const char *const types[] = {"bool", "integer", "real", "string", "enum"};
    const Setting *st = &settings_table[i];
    *out = (SettingInfo){.name = st->name,
                         .unit = base_unit(st),
                         .category = st->category,
                         .text = st->text,
                         .extra = st->flags & SET_IDLE ? "Accepted, without effect." : NULL,
                         .context = st->flags & SET_FIXED   ? "internal"
                                    : st->flags & SET_START ? "postmaster"
                                                            : "user",
                         .vartype = types[st->type],
                         .source = source_of(s, (int)i),
                         .words = st->type == SET_ENUM ? st->words : NULL,
                         .boot = st->boot,
                         .reset =
                             is_of_transaction(st) ? slice_cstr(st->boot) : reset_value(s, (int)i),
                         .ranged = st->type == SET_INT || st->type == SET_REAL,
                         .min = st->min,
                         .max = st->max};
    return !(st->flags & SET_HIDDEN) && may_examine(s, st);
}
