/* pgwire/message.c - see message.h. */
#include "pgwire/message.h"

static const PgMessageDef message_table[128] = {
    ['B'] = {"Bind", true, false, 8},         ['C'] = {"Close", false, false, 2},
    ['D'] = {"Describe", false, false, 2},    ['E'] = {"Execute", false, false, 5},
    ['F'] = {"FunctionCall", true, false, 0}, ['H'] = {"Flush", false, false, 0},
    ['P'] = {"Parse", true, false, 4},        ['Q'] = {"Query", true, false, 1},
    ['S'] = {"Sync", false, false, 0},        ['X'] = {"Terminate", false, false, 0},
    ['c'] = {"CopyDone", false, false, 0},    ['d'] = {"CopyData", true, true, 0},
    ['f'] = {"CopyFail", false, false, 1},    ['p'] = {"SASLResponse", false, false, 0},
};

const PgMessageDef *pgw_message_def(uint8_t type)
{
    return type < 128 && message_table[type].name ? &message_table[type] : NULL;
}

static uint32_t be32_at(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static uint16_t get16(Reader *r)
{
    return __builtin_bswap16(reader_u16(r));
}

static uint32_t get32(Reader *r)
{
    return __builtin_bswap32(reader_u32(r));
}

/* ---- framing ---- */
static PgFrame frame_stream(PgFramer *f, Slice in, size_t header, PgMessage *m, size_t *used)
{
    size_t piece = in.len - header;
    if (piece > f->stream_left)
        piece = f->stream_left;
    m->type = 'd';
    m->body = (Slice){in.ptr + header, piece};
    f->stream_left -= piece;
    *used = header + piece;
    return FRAME_MESSAGE;
}

PgFrame pgw_next(PgFramer *f, Slice in, PgMessage *m, size_t *used, size_t *want, Err *e)
{
    *want = 5;
    if (in.len > 0 && f->stream_left > 0)
        return frame_stream(f, in, 0, m, used);
    if (in.len == 0)
        return FRAME_MORE;
    const PgMessageDef *def = pgw_message_def((uint8_t)in.ptr[0]);
    if (!def) {
        err_set(e, ERR_PROTOCOL_VIOLATION, "invalid frontend message type %d", (uint8_t)in.ptr[0]);
        return FRAME_BAD;
    }
    if (in.len < 5)
        return FRAME_MORE;
    uint32_t len = be32_at(in.ptr + 1);
    size_t max = def->large ? f->message_max : PG_SMALL_MAX;
    if (len < 4u + def->len_min || len > INT32_MAX || len - 4 > max) {
        err_set(e, ERR_PROTOCOL_VIOLATION, "invalid message length");
        err_detail(e, "%s with a length of %d; the limit is %zu bytes", def->name, (int32_t)len,
                   max);
        return FRAME_BAD;
    }
    if (def->stream) {
        f->stream_left = len - 4;
        return frame_stream(f, in, 5, m, used);
    }
    *want = 1 + (size_t)len;
    if (in.len < *want)
        return FRAME_MORE;
    m->type = in.ptr[0];
    m->body = (Slice){in.ptr + 5, len - 4};
    *used = *want;
    return FRAME_MESSAGE;
}

/* ---- start-up ---- */
enum {
    CODE_CANCEL = 80877102,
    CODE_SSL = 80877103,
    CODE_GSS = 80877104,
};

PgStartKind pgw_next_startup(Slice in, size_t *used, uint32_t *version, Slice *body, Err *e)
{
    if (in.len < 4)
        return START_MORE;
    uint32_t len = be32_at(in.ptr);
    if (len < 8 || len > PG_STARTUP_MAX) {
        err_set(e, ERR_PROTOCOL_VIOLATION, "invalid length of startup packet");
        return START_BAD;
    }
    if (in.len < len)
        return START_MORE;
    *used = len;
    *version = be32_at(in.ptr + 4);
    *body = (Slice){in.ptr + 8, len - 8};
    if (*version == CODE_SSL || *version == CODE_GSS) {
        if (len == 8)
            return *version == CODE_SSL ? START_SSL : START_GSS;
        err_set(e, ERR_PROTOCOL_VIOLATION, "invalid length of startup packet");
        return START_BAD;
    }
    if (*version == CODE_CANCEL)
        return START_CANCEL;
    if (*version >> 16 == 3)
        return START_LOGIN;
    err_set(e, ERR_FEATURE_NOT_SUPPORTED,
            "unsupported frontend protocol %u.%u: server supports 3.0 to 3.0", *version >> 16,
            *version & 0xffff);
    return START_BAD;
}

bool pgw_read_cancel(Slice body, int32_t *pid, int32_t *secret)
{
    if (body.len != 8)
        return false;
    *pid = (int32_t)be32_at(body.ptr);
    *secret = (int32_t)be32_at(body.ptr + 4);
    return true;
}

/* A NUL-terminated string; the reader goes bad when there is no NUL. */
static Slice get_cstr(Reader *r)
{
    size_t left = reader_left(r);
    const uint8_t *nul = left ? memchr(r->cur, 0, left) : NULL;
    if (!nul) {
        r->bad = true;
        return SLICE_NONE;
    }
    Slice s = reader_bytes(r, (size_t)(nul - r->cur));
    (void)reader_u8(r);
    return s;
}

static bool add_setting(PgStartup *out, Slice name, Slice value, Err *e)
{
    if (out->setting_count == PG_STARTUP_PARAMS_MAX)
        return err_set(e, ERR_PROTOCOL_VIOLATION, "more than %d startup parameters",
                       PG_STARTUP_PARAMS_MAX);
    out->settings[out->setting_count++] = (PgParam){name, value};
    return true;
}

/* The next word of options=, a backslash takes the next character as it is; false at the end. */
static bool option_word(Slice text, size_t *at, Arena *a, Slice *word)
{
    while (*at < text.len && (text.ptr[*at] == ' ' || text.ptr[*at] == '\t'))
        ++*at;
    if (*at == text.len)
        return false;
    char *dst = arena_alloc(a, text.len - *at + 1);
    size_t n = 0;
    for (; *at < text.len && text.ptr[*at] != ' ' && text.ptr[*at] != '\t'; ++*at) {
        if (text.ptr[*at] == '\\' && *at + 1 < text.len)
            ++*at;
        dst[n++] = text.ptr[*at];
    }
    dst[n] = 0;
    *word = (Slice){dst, n};
    return true;
}

/* "-c name=value", "-cname=value", "--name=value"; dashes in names are underscores. */
static bool read_options(Slice text, Arena *a, PgStartup *out, Err *e)
{
    Slice w;
    for (size_t at = 0; option_word(text, &at, a, &w);) {
        if (slice_eq_cstr(w, "-c")) {
            if (!option_word(text, &at, a, &w))
                return err_set(e, ERR_SYNTAX, "-c requires a value in startup option \"options\"");
        } else if (slice_starts(w, SLICE_LIT("--")) || slice_starts(w, SLICE_LIT("-c"))) {
            w = (Slice){w.ptr + 2, w.len - 2};
        } else {
            return err_set(e, ERR_SYNTAX, "invalid command-line argument for server process: %.*s",
                           SLICE_ARG(w));
        }
        const char *eq = w.len ? memchr(w.ptr, '=', w.len) : NULL;
        if (!eq || eq == w.ptr)
            return err_set(e, ERR_SYNTAX, "-c %.*s requires a value", SLICE_ARG(w));
        Slice name = arena_slice(a, (Slice){w.ptr, (size_t)(eq - w.ptr)});
        for (char *p = (char *)(uintptr_t)name.ptr; *p; p++)
            if (*p == '-')
                *p = '_';
        if (!add_setting(out, name, (Slice){eq + 1, (size_t)(w.ptr + w.len - eq - 1)}, e))
            return false;
    }
    return true;
}

static bool startup_param(Slice name, Slice value, Arena *a, PgStartup *out, Err *e)
{
    if (!slice_utf8_valid(name) || !slice_utf8_valid(value))
        return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                       "invalid byte sequence for encoding \"UTF8\" in startup packet");
    if (slice_eq_cstr(name, "user")) {
        out->user = value;
    } else if (slice_eq_cstr(name, "database")) {
        out->database = value;
    } else if (slice_eq_cstr(name, "options")) {
        return read_options(value, a, out, e);
    } else if (slice_eq_cstr(name, "replication")) {
        if (!slice_eq_cstr(value, "false") && !slice_eq_cstr(value, "off") &&
            !slice_eq_cstr(value, "0") && !slice_eq_cstr(value, "no"))
            return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                           "replication connections are not supported");
    } else if (slice_starts(name, SLICE_LIT("_pq_."))) {
        if (out->unknown_count < ARRAY_LEN(out->unknown))
            out->unknown[out->unknown_count++] = name;
    } else {
        if (slice_eq_cstr(name, "application_name"))
            out->application_name = value;
        return add_setting(out, name, value, e);
    }
    return true;
}

bool pgw_read_startup(Slice body, Arena *a, PgStartup *out, Err *e)
{
    memset(out, 0, sizeof *out);
    body = arena_slice(a, body);
    Reader r = reader_of(body);
    for (;;) {
        Slice name = get_cstr(&r);
        if (r.bad)
            break;
        if (name.len == 0)
            break;
        Slice value = get_cstr(&r);
        if (r.bad)
            break;
        if (!startup_param(name, value, a, out, e))
            return false;
    }
    if (r.bad || reader_left(&r) != 0)
        return err_set(e, ERR_PROTOCOL_VIOLATION,
                       "invalid startup packet layout: expected terminator as last byte");
    if (out->user.len == 0)
        return err_set(e, ERR_INVALID_AUTHORIZATION,
                       "no PostgreSQL user name specified in startup packet");
    if (out->database.len == 0)
        out->database = out->user;
    return true;
}

/* ---- bodies ---- */
static bool check_end(const Reader *r, Err *e)
{
    if (r->bad)
        return err_set(e, ERR_PROTOCOL_VIOLATION, "insufficient data left in message");
    if (reader_left(r) != 0)
        return err_set(e, ERR_PROTOCOL_VIOLATION, "invalid message format");
    return true;
}

static bool check_text(Slice s, Err *e)
{
    if (slice_utf8_valid(s))
        return true;
    size_t at = 0;
    while (at < s.len) {
        size_t step = slice_utf8_step((Slice){s.ptr + at, s.len - at});
        if (step == 0)
            break;
        at += step;
    }
    return err_set(e, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                   "invalid byte sequence for encoding \"UTF8\": 0x%02x",
                   at < s.len ? (unsigned char)s.ptr[at] : 0);
}

bool pgw_read_sasl(Slice body, Slice *mechanism, Slice *data, Err *e)
{
    Reader r = reader_of(body);
    *mechanism = get_cstr(&r);
    uint32_t len = get32(&r);
    *data = SLICE_NONE;
    if (len != UINT32_MAX)
        *data = reader_bytes(&r, len);
    return (!r.bad && !reader_left(&r)) ||
           err_set(e, ERR_PROTOCOL_VIOLATION, "invalid SASL message");
}

bool pgw_read_text(Slice body, Slice *text, Err *e)
{
    Reader r = reader_of(body);
    *text = get_cstr(&r);
    if (r.bad)
        return err_set(e, ERR_PROTOCOL_VIOLATION, "invalid string in message");
    return check_end(&r, e) && check_text(*text, e);
}

bool pgw_read_parse(Slice body, Arena *a, PgParse *out, Err *e)
{
    Reader r = reader_of(body);
    memset(out, 0, sizeof *out);
    out->name = get_cstr(&r);
    out->sql = get_cstr(&r);
    out->type_count = get16(&r);
    if (r.bad || reader_left(&r) != out->type_count * 4) {
        r.bad |= reader_left(&r) < out->type_count * 4;
        return check_end(&r, e);
    }
    out->types = ARENA_ARRAY(a, uint32_t, out->type_count + 1);
    for (size_t i = 0; i < out->type_count; i++)
        out->types[i] = get32(&r);
    return check_end(&r, e) && check_text(out->name, e) && check_text(out->sql, e);
}

static bool read_formats(Reader *r, Arena *a, int16_t **formats, size_t *count, Err *e)
{
    *count = get16(r);
    if (r->bad || reader_left(r) < *count * 2)
        return err_set(e, ERR_PROTOCOL_VIOLATION, "insufficient data left in message");
    *formats = ARENA_ARRAY(a, int16_t, *count + 1);
    for (size_t i = 0; i < *count; i++) {
        (*formats)[i] = (int16_t)get16(r);
        if ((*formats)[i] != 0 && (*formats)[i] != 1)
            return err_set(e, ERR_INVALID_PARAMETER, "unsupported format code: %d", (*formats)[i]);
    }
    return true;
}

static bool read_params(Reader *r, Arena *a, PgBind *out, const int16_t *formats, size_t n, Err *e)
{
    out->param_count = get16(r);
    if (r->bad || reader_left(r) < out->param_count * 4)
        return err_set(e, ERR_PROTOCOL_VIOLATION, "insufficient data left in message");
    if (n > 1 && n != out->param_count)
        return err_set(e, ERR_PROTOCOL_VIOLATION,
                       "bind message has %zu parameter formats but %zu parameters", n,
                       out->param_count);
    out->params = ARENA_ARRAY(a, PgBindParam, out->param_count + 1);
    for (size_t i = 0; i < out->param_count; i++) {
        PgBindParam *p = &out->params[i];
        int32_t len = (int32_t)get32(r);
        p->binary = n && formats[n == 1 ? 0 : i] == 1;
        p->null = len == -1;
        if (r->bad || len < -1)
            return err_set(e, ERR_PROTOCOL_VIOLATION, "insufficient data left in message");
        if (!p->null)
            p->value = reader_bytes(r, (size_t)len);
    }
    return true;
}

bool pgw_read_bind(Slice body, Arena *a, PgBind *out, Err *e)
{
    Reader r = reader_of(body);
    int16_t *formats;
    size_t n;
    memset(out, 0, sizeof *out);
    out->portal = get_cstr(&r);
    out->statement = get_cstr(&r);
    if (r.bad)
        return err_set(e, ERR_PROTOCOL_VIOLATION, "invalid string in message");
    return read_formats(&r, a, &formats, &n, e) && read_params(&r, a, out, formats, n, e) &&
           read_formats(&r, a, &out->formats, &out->format_count, e) && check_end(&r, e) &&
           check_text(out->portal, e) && check_text(out->statement, e);
}

bool pgw_read_named(Slice body, const char *message, PgNamed *out, Err *e)
{
    Reader r = reader_of(body);
    memset(out, 0, sizeof *out);
    out->kind = (char)reader_u8(&r);
    out->name = get_cstr(&r);
    if (!check_end(&r, e))
        return false;
    if (out->kind != 'S' && out->kind != 'P')
        return err_set(e, ERR_PROTOCOL_VIOLATION, "invalid %s message subtype %d", message,
                       (unsigned char)out->kind);
    return check_text(out->name, e);
}

bool pgw_read_execute(Slice body, PgNamed *out, Err *e)
{
    Reader r = reader_of(body);
    memset(out, 0, sizeof *out);
    out->kind = 'P';
    out->name = get_cstr(&r);
    out->max_rows = (int32_t)get32(&r);
    return check_end(&r, e) && check_text(out->name, e);
}
