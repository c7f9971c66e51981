#include "exec/tz.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/sync.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- a zone ---- */

typedef struct TzType {
    int32_t offset; /* seconds east */
    bool dst;
    char abbreviation[12];
} TzType;

typedef enum DayRule { DAY_JULIAN, DAY_ZERO_BASED, DAY_MONTH_WEEK } DayRule;

typedef struct SwitchRule { /* "M3.2.0/2" */
    DayRule kind;
    int month, week, day;
    int32_t time_s;
} SwitchRule;

typedef struct PosixRule {
    bool present, has_dst;
    TzType std, dst;
    SwitchRule begin, end; /* of DST, in local time before the switch */
} PosixRule;

struct TimeZone {
    struct TimeZone *next; /* these need the list's mutex */
    char *name;
    size_t switch_count;
    int64_t *at;
    uint8_t *type_of;
    size_t type_count;
    TzType *types;
    size_t first_type; /* before the first switch */
    PosixRule rule;    /* after the last switch */
};

/* ---- POSIX texts: "EST5EDT,M3.2.0,M11.1.0", "<+03>-3", "+05:30" ---- */

static bool scan_name(const char **p, char out[12])
{
    const char *s = *p;
    size_t n = 0;
    bool quoted = *s == '<';
    s += quoted;
    while (*s && (quoted ? *s != '>' : ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z')))) {
        if (n == 11)
            return false;
        out[n++] = *s++;
    }
    out[n] = '\0';
    if (quoted && *s++ != '>')
        return false;
    *p = s;
    return true;
}

static bool scan_int(const char **p, int max, int *out)
{
    const char *s = *p;
    int v = 0;
    if (*s < '0' || *s > '9')
        return false;
    while (*s >= '0' && *s <= '9') {
        v = v * 10 + (*s++ - '0');
        if (v > max)
            return false;
    }
    *p = s;
    *out = v;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool scan_hms(const char **p, int32_t *out)
{
    int sign = 1, h, m = 0, s = 0;
    if (**p == '-' || **p == '+')
        sign = *(*p)++ == '-' ? -1 : 1;
    if (!scan_int(p, 167, &h))
        return false;
    if (**p == ':') {
        ++*p;
        if (!scan_int(p, 59, &m))
            return false;
        if (**p == ':') {
            ++*p;
            if (!scan_int(p, 59, &s))
                return false;
        }
    }
    *out = sign * (h * 3600 + m * 60 + s);
    return true;
}

static bool scan_switch(const char **p, SwitchRule *r)
{
    *r = (SwitchRule){.time_s = 7200};
    if (**p == 'M') {
        ++*p;
        r->kind = DAY_MONTH_WEEK;
        if (!scan_int(p, 12, &r->month) || r->month < 1 || *(*p)++ != '.' ||
            !scan_int(p, 5, &r->week) || r->week < 1 || *(*p)++ != '.' || !scan_int(p, 6, &r->day))
            return false;
    } else if (**p == 'J') {
        ++*p;
        r->kind = DAY_JULIAN;
        if (!scan_int(p, 365, &r->day) || r->day < 1)
            return false;
    } else {
        r->kind = DAY_ZERO_BASED;
        if (!scan_int(p, 365, &r->day))
            return false;
    }
    if (**p != '/')
        return true;
    ++*p;
    return scan_hms(p, &r->time_s);
}

static void name_offset(TzType *t)
{
    if (t->abbreviation[0])
        return;
    int32_t o = abs(t->offset);
    char sign = t->offset < 0 ? '-' : '+';
    if (o % 3600)
        snprintf(t->abbreviation, sizeof t->abbreviation, "%c%02d:%02d", sign, o / 3600 % 100,
                 o / 60 % 60);
    else
        snprintf(t->abbreviation, sizeof t->abbreviation, "%c%02d", sign, o / 3600 % 100);
}

static bool parse_posix(const char *s, PosixRule *r)
{
    int32_t west;
    *r = (PosixRule){.present = true};
    if (!scan_name(&s, r->std.abbreviation) || !scan_hms(&s, &west) || abs(west) > 86399)
        return false;
    r->std.offset = -west;
    name_offset(&r->std);
    if (*s == '\0')
        return true;
    r->has_dst = r->dst.dst = true;
    if (!scan_name(&s, r->dst.abbreviation))
        return false;
    r->dst.offset = r->std.offset + 3600;
    if (*s && *s != ',') {
        if (!scan_hms(&s, &west) || abs(west) > 86399)
            return false;
        r->dst.offset = -west;
    }
    if (*s == '\0')
        s = ",M3.2.0,M11.1.0"; /* what tzcode assumes */
    return *s++ == ',' && scan_switch(&s, &r->begin) && *s++ == ',' && scan_switch(&s, &r->end) &&
           *s == '\0';
}

static bool is_leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Local seconds since 1970 of a switch in a year, as if local time were UTC. */
static int64_t switch_time(const SwitchRule *r, int64_t year)
{
    int64_t day = civil_to_days(year, 1, 1);
    if (r->kind == DAY_ZERO_BASED) {
        day += r->day;
    } else if (r->kind == DAY_JULIAN) {
        day += r->day - 1 + (is_leap(year) && r->day >= 60);
    } else {
        day = civil_to_days(year, r->month, 1);
        int64_t weekday = (((day + 4) % 7) + 7) % 7; /* 1970-01-01 was a Thursday */
        day += (r->day - weekday + 7) % 7 + 7 * (r->week - 1);
        int64_t next =
            r->month == 12 ? civil_to_days(year + 1, 1, 1) : civil_to_days(year, r->month + 1, 1);
        while (day >= next)
            day -= 7;
    }
    return day * 86400 + r->time_s;
}

static const TzType *rule_type(const PosixRule *r, int64_t utc_s)
{
    if (!r->has_dst)
        return &r->std;
    int64_t year;
    int month, day;
    civil_from_days(floor_div(utc_s + r->std.offset, 86400), &year, &month, &day);
    int64_t begin = switch_time(&r->begin, year) - r->std.offset;
    int64_t end = switch_time(&r->end, year) - r->dst.offset;
    bool dst = begin < end ? utc_s >= begin && utc_s < end : utc_s >= begin || utc_s < end;
    return dst ? &r->dst : &r->std;
}

static const TzType *type_at_time(const TimeZone *tz, int64_t utc_s)
{
    size_t n = tz->switch_count;
    if (n == 0 || utc_s < tz->at[0])
        return n == 0 && tz->rule.present ? rule_type(&tz->rule, utc_s)
                                          : &tz->types[tz->first_type];
    if (utc_s >= tz->at[n - 1])
        return tz->rule.present ? rule_type(&tz->rule, utc_s) : &tz->types[tz->type_of[n - 1]];
    size_t lo = 0, hi = n - 1; /* at[lo] <= utc_s < at[hi] */
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (tz->at[mid] <= utc_s)
            lo = mid;
        else
            hi = mid;
    }
    return &tz->types[tz->type_of[lo]];
}

int32_t tz_offset_at(const TimeZone *tz, int64_t utc_s, Slice *abbreviation)
{
    const TzType *t = type_at_time(tz, utc_s);
    if (abbreviation)
        *abbreviation = slice_cstr(t->abbreviation);
    return t->offset;
}

bool tz_is_dst_at(const TimeZone *tz, int64_t utc_s)
{
    return type_at_time(tz, utc_s)->dst;
}

bool tz_is_constant(const TimeZone *tz)
{
    int32_t offset = tz_offset_at(tz, 0, NULL);
    for (size_t i = 0; i < tz->type_count; i++)
        if (tz->types[i].offset != offset)
            return false;
    return !tz->rule.present || (!tz->rule.has_dst && tz->rule.std.offset == offset);
}

/* In a gap the offset before the switch counts, in an overlap the one after it, as in PostgreSQL. */
int64_t tz_local_to_utc(const TimeZone *tz, int64_t local_s)
{
    int64_t before = local_s - tz_offset_at(tz, local_s - 86400, NULL);
    int64_t after = local_s - tz_offset_at(tz, local_s + 86400, NULL);
    if (before == after)
        return before;
    bool after_ok = local_s - after == tz_offset_at(tz, after, NULL);
    return after_ok ? after : before;
}

int64_t tz_local_us(const TimeZone *tz, int64_t utc_us)
{
    if (utc_us == INT64_MIN || utc_us == INT64_MAX)
        return utc_us;
    int64_t local;
    int64_t offset = tz_offset_at(tz, floor_div(utc_us, 1000000), NULL);
    if (__builtin_add_overflow(utc_us, offset * 1000000, &local))
        return utc_us;
    return local;
}

int64_t tz_utc_us(const TimeZone *tz, int64_t local_us)
{
    if (local_us == INT64_MIN || local_us == INT64_MAX)
        return local_us;
    int64_t s = floor_div(local_us, 1000000), us = local_us - s * 1000000, utc;
    if (__builtin_mul_overflow(tz_local_to_utc(tz, s), 1000000, &utc) ||
        __builtin_add_overflow(utc, us, &utc))
        return local_us; /* at the end of time an hour does not matter */
    return utc;
}

Slice tz_name(const TimeZone *tz)
{
    return slice_cstr(tz->name);
}

/* ---- TZif (RFC 8536) ---- */

typedef struct TzHead {
    uint32_t isut, isstd, leap, times, types, chars;
} TzHead;

static uint32_t be32(Reader *r)
{
    return __builtin_bswap32(reader_u32(r));
}

static bool read_head(Reader *r, uint8_t *version, TzHead *h)
{
    Slice magic = reader_bytes(r, 4);
    if (r->bad || memcmp(magic.ptr, "TZif", 4) != 0)
        return false;
    *version = reader_u8(r);
    reader_bytes(r, 15);
    h->isut = be32(r);
    h->isstd = be32(r);
    h->leap = be32(r);
    h->times = be32(r);
    h->types = be32(r);
    h->chars = be32(r);
    return !r->bad && h->times <= 10000 && h->types >= 1 && h->types <= 256 && h->chars <= 1000 &&
           h->leap <= 1000 && h->isut <= 256 && h->isstd <= 256;
}

static bool read_types(Reader *r, const TzHead *h, TimeZone *tz)
{
    tz->type_count = h->types;
    tz->types = mem_zero(h->types * sizeof *tz->types);
    uint8_t name_at[256];
    for (uint32_t i = 0; i < h->types; i++) {
        tz->types[i].offset = (int32_t)be32(r);
        tz->types[i].dst = reader_u8(r) != 0;
        name_at[i] = reader_u8(r);
        if (abs(tz->types[i].offset) > 86400 * 2)
            return false;
    }
    Slice chars = reader_bytes(r, h->chars);
    if (r->bad)
        return false;
    for (uint32_t i = 0; i < h->types; i++)
        for (size_t c = name_at[i], n = 0; c < chars.len && chars.ptr[c] && n < 11; c++, n++)
            tz->types[i].abbreviation[n] = chars.ptr[c];
    return true;
}

static bool read_body(Reader *r, const TzHead *h, TimeZone *tz)
{
    tz->switch_count = h->times;
    tz->at = mem_zero((h->times + 1) * sizeof *tz->at);
    tz->type_of = mem_zero(h->times + 1);
    for (uint32_t i = 0; i < h->times; i++)
        tz->at[i] = (int64_t)__builtin_bswap64(reader_u64(r));
    for (uint32_t i = 0; i < h->times; i++) {
        tz->type_of[i] = reader_u8(r);
        if (tz->type_of[i] >= h->types)
            return false;
    }
    if (!read_types(r, h, tz))
        return false;
    reader_bytes(r, h->leap * 12 + h->isstd + h->isut);
    for (size_t i = 0; i < tz->type_count; i++) {
        if (!tz->types[i].dst) {
            tz->first_type = i;
            break;
        }
    }
    return !r->bad;
}

static bool parse_tzif(Slice bytes, TimeZone *tz)
{
    Reader r = reader_of(bytes);
    uint8_t version;
    TzHead h;
    if (!read_head(&r, &version, &h) || version < '2')
        return false; /* every tzdata of the last 15 years has 64-bit times */
    reader_bytes(&r, (size_t)h.times * 5 + h.types * 6 + h.chars + h.leap * 8 + h.isstd + h.isut);
    if (!read_head(&r, &version, &h) || !read_body(&r, &h, tz))
        return false;
    Slice rest = reader_bytes(&r, reader_left(&r));
    if (rest.len < 2 || rest.ptr[0] != '\n')
        return true;
    char rule[128];
    const char *end = memchr(rest.ptr + 1, '\n', rest.len - 1);
    size_t len = end ? (size_t)(end - rest.ptr - 1) : 0;
    if (len == 0 || len >= sizeof rule)
        return true;
    memcpy(rule, rest.ptr + 1, len);
    rule[len] = '\0';
    if (!parse_posix(rule, &tz->rule))
        tz->rule.present = false;
    return true;
}

/* ---- finding ---- */

enum { ZONES_MAX = 4096 }; /* they are never freed, and POSIX texts are anyone's to make up */

static struct {
    pthread_once_t once;
    Mutex mutex;
    TimeZone *zones; /* these need the mutex */
    size_t count;
    TimeZone *utc;
} tz_list = {.once = PTHREAD_ONCE_INIT};

static void list_init(void)
{
    mutex_init(&tz_list.mutex, RANK_LEAF);
    tz_list.utc = MEM_NEW(TimeZone);
    tz_list.utc->name = mem_strdup(SLICE_LIT("UTC"));
    tz_list.utc->rule = (PosixRule){.present = true, .std = {.abbreviation = "UTC"}};
    tz_list.zones = tz_list.utc;
}

const TimeZone *tz_utc(void)
{
    pthread_once(&tz_list.once, list_init);
    return tz_list.utc;
}

static void zone_free(TimeZone *tz)
{
    mem_free(tz->name);
    mem_free(tz->at);
    mem_free(tz->type_of);
    mem_free(tz->types);
    mem_free(tz);
}

/* Letters, digits and "_+-/" only, so that a name cannot leave the directory. */
static bool name_is_safe(Slice name)
{
    if (name.len == 0 || name.len > 100 || name.ptr[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr("_+-/", c)))
            return false;
    }
    return true;
}

typedef struct NameMatch {
    Slice wanted;
    char found[128];
} NameMatch;

static bool match_name(void *arg, const char *name)
{
    NameMatch *m = arg;
    if (slice_eq_nocase(slice_cstr(name), m->wanted) && m->wanted.len < sizeof m->found) {
        memcpy(m->found, name, m->wanted.len + 1);
        return false;
    }
    return true;
}

/* "europe/berlin" -> ".../Europe/Berlin", a component at a time. */
static bool find_path(Slice name, char *path, size_t room)
{
    const char *root = getenv("TZDIR");
    int len = snprintf(path, room, "%s", root ? root : "/usr/share/zoneinfo");
    size_t root_len = (size_t)len + 1;
    for (size_t at = 0; at <= name.len;) {
        size_t end = at;
        while (end < name.len && name.ptr[end] != '/')
            end++;
        NameMatch m = {.wanted = slice_of(name.ptr + at, end - at)};
        Err ignored;
        (void)!io_real.list(&io_real, path, match_name, &m, &ignored);
        if (!m.found[0] || (size_t)len + strlen(m.found) + 2 > room)
            return false;
        len += snprintf(path + len, room - (size_t)len, "/%s", m.found);
        at = end + 1;
    }
    return strlen(path) > root_len;
}

static TimeZone *load_file(Slice name)
{
    char path[512];
    Buf bytes;
    Err e;
    if (!name_is_safe(name) || !find_path(name, path, sizeof path))
        return NULL;
    buf_init(&bytes);
    TimeZone *tz = MEM_NEW(TimeZone);
    bool ok =
        io_read_file(&io_real, path, 1 << 20, &bytes, &e) && parse_tzif(buf_slice(&bytes), tz);
    buf_free(&bytes);
    if (!ok) {
        zone_free(tz);
        return NULL;
    }
    tz->name = mem_strdup(slice_of(path + strlen(path) - name.len, name.len));
    return tz;
}

static TimeZone *load_posix(Slice name)
{
    char text[64];
    PosixRule rule;
    if (name.len >= sizeof text || name.len == 0)
        return NULL;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    if (!parse_posix(text, &rule))
        return NULL;
    TimeZone *tz = MEM_NEW(TimeZone);
    tz->rule = rule;
    tz->name = mem_strdup(name);
    return tz;
}

const TimeZone *tz_find(Slice name, Err *e)
{
    pthread_once(&tz_list.once, list_init);
    mutex_lock(&tz_list.mutex);
    TimeZone *tz = tz_list.zones;
    while (tz && !slice_eq_nocase(slice_cstr(tz->name), name))
        tz = tz->next;
    mutex_unlock(&tz_list.mutex);
    if (tz)
        return tz;
    tz = load_file(name);
    if (!tz)
        tz = load_posix(name);
    if (!tz) {
        err_set(e, ERR_INVALID_PARAMETER, "time zone \"%.*s\" not recognized", SLICE_ARG(name));
        return NULL;
    }
    mutex_lock(&tz_list.mutex); /* two threads may both have loaded it: harmless */
    bool full = tz_list.count >= ZONES_MAX;
    if (!full) {
        tz_list.count++;
        tz->next = tz_list.zones;
        tz_list.zones = tz;
    }
    mutex_unlock(&tz_list.mutex);
    if (!full)
        return tz;
    zone_free(tz);
    err_set(e, ERR_PROGRAM_LIMIT, "more than %d time zones in use", ZONES_MAX);
    return NULL;
}

const TimeZone *tz_fixed(int32_t offset_s)
{
    char name[40], digits[16];
    int32_t o = abs(offset_s);
    Err ignored;
    if (o % 60)
        snprintf(digits, sizeof digits, "%02d:%02d:%02d", o / 3600 % 100, o / 60 % 60, o % 60);
    else if (o % 3600)
        snprintf(digits, sizeof digits, "%02d:%02d", o / 3600 % 100, o / 60 % 60);
    else
        snprintf(digits, sizeof digits, "%02d", o / 3600 % 100);
    snprintf(name, sizeof name, "<%c%s>%c%s", offset_s < 0 ? '-' : '+', digits,
             offset_s < 0 ? '+' : '-', digits);
    const TimeZone *tz = tz_find(slice_cstr(name), &ignored);
    return tz ? tz : tz_utc();
}

/* ---- all of them ---- */

typedef struct ZoneWalk {
    void (*each)(void *arg, const TimeZone *tz);
    void *arg;
    char name[128]; /* of a folder, with its slash */
    size_t len;
} ZoneWalk;

static void walk_folder(ZoneWalk *w);

/* Names of zones and their folders begin with a capital, those of tables and other forms do not. */
static bool walk_entry(void *arg, const char *entry)
{
    ZoneWalk *w = arg;
    Err ignored;
    size_t before = w->len, n = strlen(entry);
    if (entry[0] < 'A' || entry[0] > 'Z' || before + n + 2 > sizeof w->name)
        return true;
    memcpy(w->name + before, entry, n + 1);
    const TimeZone *tz = tz_find(slice_of(w->name, before + n), &ignored);
    if (tz) {
        w->each(w->arg, tz);
    } else {
        memcpy(w->name + before + n, "/", 2);
        w->len = before + n + 1;
        walk_folder(w);
    }
    w->len = before;
    w->name[before] = '\0';
    return true;
}

static void walk_folder(ZoneWalk *w)
{
    char path[512];
    Err ignored;
    const char *root = getenv("TZDIR");
    snprintf(path, sizeof path, "%s/%s", root ? root : "/usr/share/zoneinfo", w->name);
    (void)!io_real.list(&io_real, path, walk_entry, w, &ignored);
}

void tz_each(void (*each)(void *arg, const TimeZone *tz), void *arg)
{
    ZoneWalk w = {.each = each, .arg = arg};
    walk_folder(&w);
}

/* ---- abbreviations ---- */

static const struct Abbreviation {
    const char *name;
    int32_t offset;
    bool dst;
} abbreviations[] = {
#define TZ_ABBREV(name, offset, dst) {name, offset, dst},
#include "exec/tz_abbrev.def"
#undef TZ_ABBREV
};

const char *tz_abbreviation_at(size_t i, int32_t *offset_s, bool *dst)
{
    if (i >= ARRAY_LEN(abbreviations))
        return NULL;
    *offset_s = abbreviations[i].offset;
    *dst = abbreviations[i].dst;
    return abbreviations[i].name;
}

bool tz_abbreviation(Slice text, int32_t *offset_s, bool *dst)
{
    for (size_t i = 0; i < ARRAY_LEN(abbreviations); i++) {
        if (slice_eq_nocase(text, slice_cstr(abbreviations[i].name))) {
            *offset_s = abbreviations[i].offset;
            *dst = abbreviations[i].dst;
            return true;
        }
    }
    return false;
}
