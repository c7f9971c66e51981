/* exec/time_format.c - formats of times into nodes, by PostgreSQL's rules. */
#include "exec/time_format.h"
#include "exec/func_text.h"

#define G MODE_GREGORIAN
#define I MODE_ISO_WEEK
/* Of those with the same beginning the longer one first. */
static const TimeWord words[] = {
    {"A.D.", KEY_BC_DOTS, 4, false, 0}, {"A.M.", KEY_AM_DOTS, 4, false, 0},
    {"AD", KEY_BC, 2, false, 0},        {"AM", KEY_AM, 2, false, 0},
    {"B.C.", KEY_BC_DOTS, 4, false, 0}, {"BC", KEY_BC, 2, false, 0},
    {"CC", KEY_CC, 2, true, 0},         {"DAY", KEY_DAY, 3, false, 0},
    {"DDD", KEY_DDD, 3, true, G},       {"DD", KEY_DD, 2, true, G},
    {"DY", KEY_DY, 2, false, 0},        {"D", KEY_D, 1, true, G},
    {"FF1", KEY_FF, 1, true, 0},        {"FF2", KEY_FF, 2, true, 0},
    {"FF3", KEY_FF, 3, true, 0},        {"FF4", KEY_FF, 4, true, 0},
    {"FF5", KEY_FF, 5, true, 0},        {"FF6", KEY_FF, 6, true, 0},
    {"FX", KEY_FX, 2, false, 0},        {"HH24", KEY_HH24, 2, true, 0},
    {"HH12", KEY_HH12, 2, true, 0},     {"HH", KEY_HH12, 2, true, 0},
    {"IDDD", KEY_IDDD, 3, true, I},     {"ID", KEY_ID, 1, true, I},
    {"IW", KEY_IW, 2, true, I},         {"IYYY", KEY_IYYY, 4, true, I},
    {"IYY", KEY_IYY, 3, true, I},       {"IY", KEY_IY, 2, true, I},
    {"I", KEY_I, 1, true, I},           {"J", KEY_J, 1, true, 0},
    {"MI", KEY_MI, 2, true, 0},         {"MM", KEY_MM, 2, true, G},
    {"MONTH", KEY_MONTH, 5, false, G},  {"MON", KEY_MON, 3, false, G},
    {"MS", KEY_MS, 3, true, 0},         {"OF", KEY_OF, 2, false, 0},
    {"P.M.", KEY_AM_DOTS, 4, false, 0}, {"PM", KEY_AM, 2, false, 0},
    {"Q", KEY_Q, 1, true, 0},           {"RM", KEY_RM, 2, false, G},
    {"SSSSS", KEY_SSSS, 5, true, 0},    {"SSSS", KEY_SSSS, 4, true, 0},
    {"SS", KEY_SS, 2, true, 0},         {"TZH", KEY_TZH, 3, false, 0},
    {"TZM", KEY_TZM, 3, true, 0},       {"TZ", KEY_TZ, 2, false, 0},
    {"US", KEY_US, 6, true, 0},         {"WW", KEY_WW, 2, true, G},
    {"W", KEY_W, 1, true, G},           {"Y,YYY", KEY_Y_YYY, 5, true, G},
    {"YYYY", KEY_YYYY, 4, true, G},     {"YYY", KEY_YYY, 3, true, G},
    {"YY", KEY_YY, 2, true, G},         {"Y", KEY_Y, 1, true, G},
};
#undef G
#undef I

const char *const time_month_names[12] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
const char *const time_day_names[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
const char *const time_roman_months[12] = {"I",   "II",   "III", "IV", "V",  "VI",
                                           "VII", "VIII", "IX",  "X",  "XI", "XII"};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* A word stands in capitals or in small letters; names of days and months with a first capital, too. */
static bool is_word(Slice f, const TimeWord *w, LetterCase *letters)
{
    size_t len = strlen(w->text), small = 0, capital = 0;
    if (f.len < len || !slice_eq_nocase(slice_of(f.ptr, len), slice_cstr(w->text)))
        return false;
    for (size_t i = 0; i < len; i++) {
        small += is_lower(f.ptr[i]);
        capital += f.ptr[i] >= 'A' && f.ptr[i] <= 'Z';
    }
    bool name = w->key == KEY_DAY || w->key == KEY_DY || w->key == KEY_MONTH || w->key == KEY_MON;
    *letters = !small ? CASE_UPPER : !capital ? CASE_LOWER : CASE_TITLE;
    return *letters != CASE_TITLE || (name && capital == 1 && !is_lower(f.ptr[0]));
}

static bool take(Slice *f, const char *upper, const char *lower)
{
    size_t len = strlen(upper);
    if (f->len < len || (memcmp(f->ptr, upper, len) != 0 && memcmp(f->ptr, lower, len) != 0))
        return false;
    *f = slice_of(f->ptr + len, f->len - len);
    return true;
}

/* Ordinals behind a field; SP is taken and means nothing. */
static void take_suffix(Slice *f, TimeNode *node)
{
    char first = f->len ? f->ptr[0] : 0;
    if (take(f, "TH", "th"))
        node->ordinal = first;
    else
        (void)take(f, "SP", "SP");
}

static bool take_field(Slice *f, TimeNode *node)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!is_word(*f, &words[i], &node->letters))
            continue;
        size_t len = strlen(words[i].text);
        node->kind = NODE_FIELD;
        node->word = &words[i];
        node->text = slice_of(f->ptr, len);
        *f = slice_of(f->ptr + len, f->len - len);
        take_suffix(f, node);
        return true;
    }
    return false;
}

static Slice take_char(Slice *f)
{
    size_t len = utf8_offset(*f, 1);
    Slice c = slice_of(f->ptr, len);
    *f = slice_of(f->ptr + len, f->len - len);
    return c;
}

static NodeKind kind_of(char c)
{
    bool alnum = is_lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c > 0x20 && c < 0x7F && !alnum)
        return NODE_SEPARATOR;
    return c == ' ' || (c >= '\t' && c <= '\r') ? NODE_SPACE : NODE_CHAR;
}

TimeFormat time_format_parse(Slice f, Arena *a)
{
    TimeFormat out = {.nodes = arena_alloc(a, (f.len + 1) * sizeof *out.nodes)};
    while (f.len) {
        TimeNode node = {.fill = true};
        if (take(&f, "FM", "fm"))
            node.fill = false;
        else if (take(&f, "TM", "tm"))
            node.translated = true;
        if (f.len == 0)
            break;
        if (take_field(&f, &node)) {
            out.nodes[out.count++] = node;
        } else if (f.ptr[0] == '"') {
            for (f = slice_of(f.ptr + 1, f.len - 1); f.len && f.ptr[0] != '"';) {
                if (f.ptr[0] == '\\' && f.len > 1)
                    f = slice_of(f.ptr + 1, f.len - 1);
                out.nodes[out.count++] = (TimeNode){.kind = NODE_CHAR, .text = take_char(&f)};
            }
            if (f.len)
                f = slice_of(f.ptr + 1, f.len - 1);
        } else {
            if (f.ptr[0] == '\\' && f.len > 1 && f.ptr[1] == '"')
                f = slice_of(f.ptr + 1, f.len - 1);
            NodeKind kind = kind_of(f.ptr[0]);
            out.nodes[out.count++] = (TimeNode){.kind = kind, .text = take_char(&f)};
        }
    }
    return out;
}
