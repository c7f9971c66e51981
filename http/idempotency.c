/* http/idempotency.c - Idempotency-Key: a write that is sent again under its key is answered, not written.
 *
 * The last keys are kept in memory, each with the answer it got; a restart forgets them.  A key counts for
 * its path, database and role. */
#include "http/http_private.h"

#include "base/hash.h"

enum { KEYS = 4096, KEY_MAX = 255, ANSWER_MAX = 4096 };

typedef enum KeyState { KEY_FREE, KEY_RUNNING, KEY_ANSWERED } KeyState;

typedef struct Kept {
    KeyState state;
    Hash128 key;
    int status;
    const char *content_type;
    Buf reply;
} Kept;

struct HttpKeys {
    Mutex mutex; /* guards all */
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
    if (kept && !running) {
        buf_put_slice(&c->reply, buf_slice(&kept->reply));
        *answer = http_reply(c, kept->status, kept->content_type);
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

/* stored: the answer stands for rows that are written; else the key is free again. */
void http_key_end(HttpCall *c, bool stored)
{
    HttpKeys *k = c->server->keys;
    if (!c->keyed)
        return;
    c->keyed = false;
    mutex_lock(&k->mutex);
    Kept *kept = find(k, c->key);
    must(kept && kept->state == KEY_RUNNING);
    kept->state = stored ? KEY_ANSWERED : KEY_FREE;
    kept->status = c->status;
    kept->content_type = c->content_type;
    buf_clear(&kept->reply);
    if (c->reply.len <= ANSWER_MAX)
        buf_put_slice(&kept->reply, buf_slice(&c->reply));
    mutex_unlock(&k->mutex);
}
