/* Bytes of a PostgreSQL client: start-up packets ('s' first), else messages and their bodies.
 * The messages must not depend on how the stream was cut. */
#include "pgwire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void startup(Slice in)
{
    for (;;) {
        size_t used = 0;
        uint32_t version;
        Slice body;
        PgStartup *s;
        Arena a;
        Err e;
        int32_t pid, secret;
        PgStartKind kind = pgw_next_startup(in, &used, &version, &body, &e);
        if (kind == START_MORE || kind == START_BAD)
            return;
        must(used >= 8 && used <= in.len);
        arena_init(&a, NULL);
        s = ARENA_NEW(&a, PgStartup);
        if (kind == START_CANCEL)
            (void)pgw_read_cancel(body, &pid, &secret);
        if (kind == START_LOGIN && pgw_read_startup(body, &a, s, &e))
            must(s->user.len > 0 && s->database.len > 0 &&
                 s->setting_count <= PG_STARTUP_PARAMS_MAX);
        arena_free(&a);
        in = (Slice){in.ptr + used, in.len - used};
    }
}

static void body(const PgMessage *m, Arena *a)
{
    union {
        PgParse parse;
        PgBind bind;
        PgNamed named;
        Slice text;
    } u;
    Err e;
    switch (m->type) {
    case 'Q':
    case 'f':
        (void)!pgw_read_text(m->body, &u.text, &e);
        break;
    case 'P':
        if (pgw_read_parse(m->body, a, &u.parse, &e))
            must(u.parse.type_count * 4 <= m->body.len);
        break;
    case 'B':
        if (pgw_read_bind(m->body, a, &u.bind, &e))
            for (size_t i = 0; i < u.bind.param_count; i++)
                must(u.bind.params[i].value.len <= m->body.len);
        break;
    case 'D':
    case 'C':
        (void)!pgw_read_named(m->body, "CLOSE", &u.named, &e);
        break;
    case 'E':
        (void)!pgw_read_execute(m->body, &u.named, &e);
        break;
    default:
        break;
    }
}

typedef struct Seen {
    size_t messages, copy_bytes, consumed;
    PgFrame end;
} Seen;

static Seen messages(Slice in, size_t step)
{
    PgFramer f = {.message_max = 1 << 20};
    Seen seen = {0};
    Arena a;
    arena_init(&a, NULL);
    for (size_t have = 0; have < in.len;) {
        have = in.len - have < step ? in.len : have + step;
        PgMessage m;
        size_t used, want;
        Err e;
        while ((seen.end = pgw_next(&f, (Slice){in.ptr + seen.consumed, have - seen.consumed}, &m,
                                    &used, &want, &e)) == FRAME_MESSAGE) {
            must(used > 0 && m.body.len <= used);
            seen.consumed += used;
            if (m.type == 'd')
                seen.copy_bytes += m.body.len;
            else
                seen.messages++;
            body(&m, &a);
            arena_reset(&a);
        }
        if (seen.end == FRAME_BAD)
            break;
        must(want > 0);
    }
    arena_free(&a);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Slice in = {(const char *)data, size};
    if (size && data[0] == 's') {
        startup((Slice){in.ptr + 1, in.len - 1});
        return 0;
    }
    Seen whole = messages(in, size + 1), bytes = messages(in, 1);
    must(whole.messages == bytes.messages && whole.copy_bytes == bytes.copy_bytes);
    must(whole.consumed == bytes.consumed && whole.end == bytes.end);
    return 0;
}
