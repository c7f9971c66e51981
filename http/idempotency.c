/* http/idempotency.c - Idempotency-Key: a write that is sent again under its key is answered, not written.
 *
 * The last keys are kept in memory, each with the answer it got.  A key counts for its path, database and role.
 * Each key is a row of idempotency.keys as well, in the batch of its write, so that it is known after a restart:
 * the first request with a key reads the rows that are left (KeysState); those that come meanwhile are told to
 * come again.  What is older than the time to live is no key any more, and its row is deleted now and then. */
#include "http/http_private.h"

#include "base/hash.h"

enum {
    KEYS = 4096,
    KEY_MAX = 255,
    ANSWER_MAX = 4096,
    TYPE_MAX = 64,
    READ_ROWS = 256,   /* a step */
    DROP_EVERY = 1024, /* keys, until the old ones are deleted */
};

typedef enum KeysState { KEYS_UNREAD, KEYS_READING, KEYS_READY } KeysState;

typedef enum KeyState { KEY_FREE, KEY_RUNNING, KEY_ANSWERED } KeyState;

typedef struct Kept {
    KeyState state;
    Hash128 key;
    int64_t time_ns;
    int status;
    char content_type[TYPE_MAX]; /* "": none */
    Buf reply;
} Kept;

struct HttpKeys {
    Mutex mutex; /* guards all but rows */
    KeysState state;
    const HttpCall *reader; /* KEYS_READING: whose rows are */
    WriteKeys *rows;
    int64_t last_ns; /* of the newest key */
    uint64_t put;
    size_t next;
    Kept items[KEYS];
};

HttpKeys *http_keys_new(void)
{
    HttpKeys *k = MEM_NEW(HttpKeys);
    mutex_init(&k->mutex, RANK_LEAF);
    return k;
}

void http_keys_free(HttpKeys *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < KEYS; i++)
        buf_free(&k->items[i].reply);
    mutex_destroy(&k->mutex);
    mem_free(k);
}

static Hash128 key_hash(const HttpCall *c, Slice key)
{
    Buf b = {0};
    buf_printf(&b, "%s\n%llu\n", c->route->path, (unsigned long long)rights_role(c->rights));
    buf_put_str(&b, http_span(c->mem.ptr + c->base, c->head.query));
    buf_put_slice(&b, key);
    Hash128 h = hash128(b.ptr, b.len, 0);
    buf_free(&b);
    return h;
}

static Kept *find(HttpKeys *k, Hash128 h)
{
    for (size_t i = 0; i < KEYS; i++)
        if (k->items[i].state != KEY_FREE && k->items[i].key.lo == h.lo &&
            k->items[i].key.hi == h.hi)
            return &k->items[i];
    return NULL;
}

/* Older ones are none. */
static int64_t oldest_ns(const HttpCall *c)
{
    const HttpOptions *o = &c->server->options;
    int64_t now = o->clock->wall_ns(o->clock);
    return o->key_ttl_ns < now ? now - o->key_ttl_ns : 0;
}

/* The oldest that has its answer gives its place. */
static Kept *take_place(HttpKeys *k)
{
    for (size_t i = 0; i < KEYS; i++) {
        Kept *kept = &k->items[k->next++ % KEYS];
        if (kept->state != KEY_RUNNING)
            return kept;
    }
    return NULL;
}

static void keep_answer(Kept *kept, int64_t time_ns, int status, Slice content_type, Slice reply)
{
    kept->state = KEY_ANSWERED;
    kept->time_ns = time_ns;
    kept->status = status;
    size_t n = content_type.len < TYPE_MAX ? content_type.len : 0;
    if (n)
        memcpy(kept->content_type, content_type.ptr, n);
    kept->content_type[n] = 0;
    buf_clear(&kept->reply);
    if (reply.len <= ANSWER_MAX)
        buf_put_slice(&kept->reply, reply);
}

/* ---- after a start ---- */
static bool hash_of(Slice text, Hash128 *h)
{
    uint64_t v[2] = {0};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (d < 0)
            return false;
        v[i / 16 & 1] = v[i / 16 & 1] << 4 | (unsigned)d;
    }
    *h = (Hash128){.lo = v[0], .hi = v[1]};
    return text.len == 32;
}

static void take_row(HttpKeys *k, const WriteKeyRow *row)
{
    Hash128 h;
    Kept *kept;
    if (!hash_of(row->key, &h) || find(k, h) || !(kept = take_place(k)))
        return;
    kept->key = h;
    keep_answer(kept, row->time_ns, (int)row->status, row->content_type, row->answer);
    k->last_ns = row->time_ns > k->last_ns ? row->time_ns : k->last_ns;
}

/* Some rows more; RUN_DONE: there are no more. */
static RunStatus read_rows(HttpCall *c, Err *e)
{
    HttpKeys *k = c->server->keys;
    if (!k->rows)
        k->rows = db_write_keys_open(c->db, oldest_ns(c), &c->task);
    for (int i = 0; i < READ_ROWS; i++) {
        WriteKeyRow row;
        RunStatus st = db_write_keys_next(k->rows, &row, e);
        if (st != RUN_BATCH)
            return st;
        mutex_lock(&k->mutex);
        take_row(k, &row);
        mutex_unlock(&k->mutex);
    }
    return RUN_YIELD;
}

static void reading_ends(HttpKeys *k, KeysState state)
{
    db_write_keys_close(k->rows);
    k->rows = NULL;
    mutex_lock(&k->mutex);
    k->reader = NULL;
    k->state = state;
    mutex_unlock(&k->mutex);
}

bool http_keys_ready(HttpCall *c, CallStatus *answer)
{
    HttpKeys *k = c->server->keys;
    Err e;
    if (http_field(c, FIELD_IDEMPOTENCY_KEY).len == 0)
        return true;
    mutex_lock(&k->mutex);
    if (k->state == KEYS_UNREAD) {
        k->state = KEYS_READING;
        k->reader = c;
    }
    bool ready = k->state == KEYS_READY, mine = k->reader == c;
    mutex_unlock(&k->mutex);
    if (ready)
        return true;
    if (!mine) {
        *answer = http_write_error(c, 503, "the keys of earlier writes are being read");
        return false;
    }
    err_clear(&e);
    switch (read_rows(c, &e)) {
    case RUN_DONE:
        reading_ends(k, KEYS_READY);
        return true;
    case RUN_WAIT:
        *answer = CALL_WAIT;
        return false;
    case RUN_FAIL:
        reading_ends(k, KEYS_UNREAD);
        *answer = http_write_error(c, err_http_status(e.code), e.message);
        return false;
    default:
        *answer = CALL_MORE;
        return false;
    }
}

/* ---- a write ---- */
bool http_key_begin(HttpCall *c, CallStatus *answer)
{
    Slice key = http_field(c, FIELD_IDEMPOTENCY_KEY);
    HttpKeys *k = c->server->keys;
    if (key.len == 0)
        return true;
    if (key.len > KEY_MAX) {
        *answer = http_write_error(c, 400, "Idempotency-Key is longer than 255 bytes");
        return false;
    }
    Hash128 h = key_hash(c, key);
    mutex_lock(&k->mutex);
    Kept *kept = find(k, h);
    bool running = kept && kept->state == KEY_RUNNING;
    if (kept && !running && kept->time_ns < oldest_ns(c)) {
        kept->state = KEY_FREE;
        kept = NULL;
    }
    if (kept && !running) {
        buf_put_slice(&c->reply, buf_slice(&kept->reply));
        *answer = http_reply(
            c, kept->status,
            kept->content_type[0] ? arena_cstr(&c->arena, slice_cstr(kept->content_type)) : NULL);
    } else if (!kept && (kept = take_place(k))) {
        kept->state = KEY_RUNNING;
        kept->key = h;
        c->key = h;
        c->keyed = true;
        kept = NULL;
    }
    mutex_unlock(&k->mutex);
    if (running)
        *answer = http_write_error(c, 503, "a write with this Idempotency-Key is being worked on");
    else if (kept)
        http_header(c, "Idempotency-Replayed", "true");
    return !kept;
}

/* The row of the key, with the answer that is made already. */
IngKey http_key_row(HttpCall *c)
{
    const HttpOptions *o = &c->server->options;
    HttpKeys *k = c->server->keys;
    int64_t now = o->clock->wall_ns(o->clock);
    Slice reply = buf_slice(&c->reply);
    mutex_lock(&k->mutex);
    k->last_ns = now > k->last_ns ? now : k->last_ns + 1;
    c->key_ns = k->last_ns;
    mutex_unlock(&k->mutex);
    return (IngKey){.time_ns = c->key_ns,
                    .key = arena_printf(&c->arena, "%016llx%016llx", (unsigned long long)c->key.lo,
                                        (unsigned long long)c->key.hi),
                    .status = c->status,
                    .content_type = slice_cstr(c->content_type ? c->content_type : ""),
                    .answer = reply.len && reply.len <= ANSWER_MAX ? reply : SLICE_LIT("")};
}

bool http_keys_to_drop(HttpCall *c, int64_t *before_ns)
{
    HttpKeys *k = c->server->keys;
    *before_ns = oldest_ns(c);
    mutex_lock(&k->mutex);
    bool due = k->put++ % DROP_EVERY == 0;
    mutex_unlock(&k->mutex);
    return due;
}

/* stored: the answer stands for rows that are written; else the key is free again. */
void http_key_end(HttpCall *c, bool stored)
{
    HttpKeys *k = c->server->keys;
    mutex_lock(&k->mutex);
    bool reading = k->reader == c;
    mutex_unlock(&k->mutex);
    if (reading) /* the client has gone */
        reading_ends(k, KEYS_UNREAD);
    if (!c->keyed)
        return;
    c->keyed = false;
    mutex_lock(&k->mutex);
    Kept *kept = find(k, c->key);
    must(kept && kept->state == KEY_RUNNING);
    kept->state = KEY_FREE;
    if (stored)
        keep_answer(kept, c->key_ns, c->status, slice_cstr(c->content_type ? c->content_type : ""),
                    buf_slice(&c->reply));
    mutex_unlock(&k->mutex);
}
