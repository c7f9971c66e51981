/* pgwire/reply.c - see reply.h. */
#include "pgwire/reply.h"

size_t pgw_begin(Buf *b, char type)
{
    buf_put_u8(b, (uint8_t)type);
    size_t mark = b->len;
    buf_put_u32(b, 0);
    return mark;
}

void pgw_end(Buf *b, size_t mark)
{
    size_t len = b->len - mark;
    must(len <= INT32_MAX);
    uint32_t be = __builtin_bswap32((uint32_t)len);
    memcpy(b->ptr + mark, &be, 4);
}

void pgw_put_i16(Buf *b, int16_t v)
{
    buf_put_u16(b, __builtin_bswap16((uint16_t)v));
}

void pgw_put_i32(Buf *b, int32_t v)
{
    buf_put_u32(b, __builtin_bswap32((uint32_t)v));
}

void pgw_put_cstr(Buf *b, Slice s)
{
    const char *nul = s.len ? memchr(s.ptr, 0, s.len) : NULL;
    buf_put(b, s.ptr, nul ? (size_t)(nul - s.ptr) : s.len);
    buf_put_u8(b, 0);
}

/* Error texts echo what the client sent and are cut at a fixed size: whatever is no UTF-8
 * becomes '?', or clients fail to decode the error. */
static void put_field(Buf *b, char field, const char *text)
{
    Slice s = slice_cstr(text);
    buf_put_u8(b, (uint8_t)field);
    for (size_t at = 0; at < s.len;) {
        size_t step = slice_utf8_step((Slice){s.ptr + at, s.len - at});
        if (step)
            buf_put(b, s.ptr + at, step);
        else
            buf_put_u8(b, '?');
        at += step ? step : 1;
    }
    buf_put_u8(b, 0);
}

void pgw_simple(Buf *b, char type)
{
    pgw_end(b, pgw_begin(b, type));
}

void pgw_error(Buf *b, char type, const char *severity, const Err *e)
{
    size_t mark = pgw_begin(b, type);
    put_field(b, 'S', severity);
    put_field(b, 'V', severity);
    put_field(b, 'C', err_sqlstate(e->code));
    put_field(b, 'M', e->message);
    if (e->detail[0])
        put_field(b, 'D', e->detail);
    if (e->hint[0])
        put_field(b, 'H', e->hint);
    if (e->context[0])
        put_field(b, 'W', e->context);
    if (e->position > 0) {
        buf_put_u8(b, 'P');
        buf_printf(b, "%d", e->position);
        buf_put_u8(b, 0);
    }
    static const char fields[] = {[ERR_NAME_SCHEMA] = 's',
                                  [ERR_NAME_TABLE] = 't',
                                  [ERR_NAME_COLUMN] = 'c',
                                  [ERR_NAME_CONSTRAINT] = 'n'};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (e->names[i][0])
            put_field(b, fields[i], e->names[i]);
    buf_put_u8(b, 0);
    pgw_end(b, mark);
}

void pgw_ready(Buf *b, char status)
{
    size_t mark = pgw_begin(b, 'Z');
    buf_put_u8(b, (uint8_t)status);
    pgw_end(b, mark);
}

void pgw_parameter(Buf *b, Slice name, Slice value)
{
    size_t mark = pgw_begin(b, 'S');
    pgw_put_cstr(b, name);
    pgw_put_cstr(b, value);
    pgw_end(b, mark);
}

void pgw_auth_sasl(Buf *b, bool plus)
{
    enum { AUTH_SASL = 10 };
    size_t mark = pgw_begin(b, 'R');
    pgw_put_i32(b, AUTH_SASL);
    if (plus)
        pgw_put_cstr(b, SLICE_LIT("SCRAM-SHA-256-PLUS"));
    pgw_put_cstr(b, SLICE_LIT("SCRAM-SHA-256"));
    buf_put_u8(b, 0);
    pgw_end(b, mark);
}

void pgw_auth_sasl_data(Buf *b, bool last, Slice data)
{
    enum { AUTH_SASL_CONTINUE = 11, AUTH_SASL_FINAL = 12 };
    size_t mark = pgw_begin(b, 'R');
    pgw_put_i32(b, last ? AUTH_SASL_FINAL : AUTH_SASL_CONTINUE);
    buf_put_slice(b, data);
    pgw_end(b, mark);
}

void pgw_auth_ok(Buf *b)
{
    size_t mark = pgw_begin(b, 'R');
    pgw_put_i32(b, 0);
    pgw_end(b, mark);
}

void pgw_key(Buf *b, int32_t pid, int32_t secret)
{
    size_t mark = pgw_begin(b, 'K');
    pgw_put_i32(b, pid);
    pgw_put_i32(b, secret);
    pgw_end(b, mark);
}

void pgw_negotiate(Buf *b, const Slice *unknown, size_t count)
{
    size_t mark = pgw_begin(b, 'v');
    pgw_put_i32(b, 0); /* the newest minor version of 3 that is spoken here */
    pgw_put_i32(b, (int32_t)count);
    for (size_t i = 0; i < count; i++)
        pgw_put_cstr(b, unknown[i]);
    pgw_end(b, mark);
}

void pgw_complete(Buf *b, const char *tag)
{
    if (!tag[0]) {
        pgw_simple(b, 'I');
        return;
    }
    size_t mark = pgw_begin(b, 'C');
    pgw_put_cstr(b, slice_cstr(tag));
    pgw_end(b, mark);
}

void pgw_notification(Buf *b, int32_t pid, Slice channel, Slice payload)
{
    size_t mark = pgw_begin(b, 'A');
    pgw_put_i32(b, pid);
    pgw_put_cstr(b, channel);
    pgw_put_cstr(b, payload);
    pgw_end(b, mark);
}

void pgw_row_description(Buf *b, const OutColumn *cols, size_t count, const Portal *portal)
{
    size_t mark = pgw_begin(b, 'T');
    pgw_put_i16(b, (int16_t)count);
    for (size_t i = 0; i < count; i++) {
        const TypeDef *def = type_find(cols[i].type);
        pgw_put_cstr(b, cols[i].name);
        pgw_put_i32(b, (int32_t)cols[i].table);
        pgw_put_i16(b, cols[i].attnum);
        pgw_put_i32(b, (int32_t)cols[i].type);
        pgw_put_i16(b, def ? def->len : -1);
        pgw_put_i32(b, cols[i].typmod);
        pgw_put_i16(b, portal ? portal_format(portal, i) : 0);
    }
    pgw_end(b, mark);
}

void pgw_param_description(Buf *b, const TypeId *types, size_t count)
{
    size_t mark = pgw_begin(b, 't');
    pgw_put_i16(b, (int16_t)count);
    for (size_t i = 0; i < count; i++)
        pgw_put_i32(b, (int32_t)types[i]);
    pgw_end(b, mark);
}

void pgw_copy_response(Buf *b, char type, bool binary, size_t columns)
{
    size_t mark = pgw_begin(b, type);
    buf_put_u8(b, binary);
    pgw_put_i16(b, (int16_t)columns);
    for (size_t i = 0; i < columns; i++)
        pgw_put_i16(b, binary);
    pgw_end(b, mark);
}
