/* ingest/otlp_stream.c - an OTLP request in protobuf, piece by piece: the memory that its trees take is bounded by
 * a piece (or by one item, if that is larger), whatever the size of the body.
 *
 * A request is resources > scopes > items (metrics, log records, spans), in all three signals by the same numbers:
 * 1 what it is of, 2 what is in it.  A piece is a message of its own: one resource with one scope and some of its
 * items. */
#include "ingest/otlp_private.h"
#include "ingest/protobuf.h"

enum { FIELD_OF = 1, FIELD_ITEMS = 2, PIECE_BYTES = 64 << 10 };

static void put_bytes(Buf *b, uint32_t number, Slice bytes)
{
    buf_put_varint(b, number << 3 | WIRE_BYTES);
    buf_put_str(b, bytes);
}

/* The field FIELD_OF of a message, which may stand behind the items. */
static Slice what_of(Slice message)
{
    Reader r = reader_of(message);
    PbField f;
    Slice out = SLICE_NONE;
    while (pb_next(&r, &f))
        if (f.number == FIELD_OF && f.wire == WIRE_BYTES)
            out = f.bytes;
    return out;
}

/* The next message in it; false: the end, or r->bad. */
static bool next_message(Reader *r, uint32_t number, Slice *out)
{
    PbField f;
    while (pb_next(r, &f)) {
        if (f.number != number)
            continue;
        r->bad |= f.wire != WIRE_BYTES;
        *out = f.bytes;
        return !r->bad;
    }
    return false;
}

static void take_items(OtlpStream *s, Buf *scope)
{
    Slice item;
    buf_clear(scope);
    if (s->scope_of.ptr)
        put_bytes(scope, FIELD_OF, s->scope_of);
    while (scope->len < PIECE_BYTES && next_message(&s->scope, FIELD_ITEMS, &item))
        put_bytes(scope, FIELD_ITEMS, item);
}

void otlp_stream_init(OtlpStream *s, OtlpSignal signal, Slice body)
{
    *s = (OtlpStream){.signal = signal, .body = reader_of(body)};
}

/* Into the next resource or scope that has something; false: the end, or something is bad. */
static bool descend(OtlpStream *s)
{
    Slice message;
    while (reader_left(&s->scope) == 0) {
        if (reader_left(&s->resource) == 0) {
            if (!next_message(&s->body, FIELD_OF, &message))
                return false;
            s->resource = reader_of(message);
            s->resource_of = what_of(message);
            s->fresh = true;
        }
        if (!next_message(&s->resource, FIELD_ITEMS, &message)) {
            if (s->resource.bad)
                return false;
            continue;
        }
        s->scope = reader_of(message);
        s->scope_of = what_of(message);
    }
    return true;
}

/* One that descend() would enter; what else follows (the URL of a schema) does not matter. */
static bool more_scopes(Reader resource)
{
    Slice message;
    while (next_message(&resource, FIELD_ITEMS, &message))
        if (message.len)
            return true;
    return false;
}

json_t *otlp_stream_next(OtlpStream *s, OtlpPiece *p, bool *done, Err *e)
{
    Buf scope = {0}, resource = {0};
    json_t *tree = NULL;
    *done = false;
    if (descend(s)) {
        take_items(s, &scope);
        if (s->fresh)
            p->newest_ns = 0;
        s->fresh = false;
        if (s->resource_of.ptr)
            put_bytes(&resource, FIELD_OF, s->resource_of);
        put_bytes(&resource, FIELD_ITEMS, buf_slice(&scope));
        p->last = reader_left(&s->scope) == 0 && !more_scopes(s->resource);
        if (!s->scope.bad)
            tree = otlp_read_resource(s->signal, buf_slice(&resource), e);
    } else {
        *done = !s->body.bad && !s->resource.bad;
    }
    if (!tree && !*done)
        err_set(e, ERR_INVALID_TEXT, "body is no valid OTLP message");
    buf_free(&scope);
    buf_free(&resource);
    return tree;
}
