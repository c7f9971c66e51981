/* session/throttle.c - see throttle.h. */
#include "session/throttle.h"

#include "base/clock.h"
#include "base/hash.h"
#include <arpa/inet.h>
#include <stdio.h>

enum { SETS = 1024, WAYS = 4 };

#define DELAY_MAX_NS ((int64_t)THROTTLE_DELAY_MAX_MS * NS_PER_MS)
#define FORGET_NS    ((int64_t)THROTTLE_FORGET_MS * NS_PER_MS)

typedef struct Entry {
    uint64_t key;   /* 0: free */
    uint64_t wrong; /* hash of the last password that did not fit; 0: none */
    int64_t last_ns;
    int64_t free_ns; /* the next attempt is looked at from then on */
    uint32_t failures;
    bool known; /* it has logged in */
} Entry;

struct Throttle {
    int64_t delay_ns; /* fixed, as the seed is */
    uint64_t seed;
    Mutex mutex;
    Entry entries[SETS][WAYS]; /* needs it */
};

Throttle *throttle_new(int64_t delay_ns, uint64_t seed)
{
    Throttle *t = MEM_NEW(Throttle);
    t->delay_ns = delay_ns;
    t->seed = seed;
    mutex_init(&t->mutex, RANK_LEAF);
    return t;
}

void throttle_free(Throttle *t)
{
    if (!t)
        return;
    mutex_destroy(&t->mutex);
    mem_free(t);
}

/* The bytes that stand for a client: a network of IPv6 is given to one. */
static Slice address_of(Slice peer, uint8_t space[16])
{
    size_t n = peer.len;
    char text[INET6_ADDRSTRLEN + 2];
    while (n && peer.ptr[n - 1] != ':')
        n--;
    Slice address = slice_of(peer.ptr, n ? n - 1 : peer.len);
    if (address.len < 2 || address.ptr[0] != '[' || address.len > sizeof text)
        return address;
    snprintf(text, sizeof text, "%.*s", (int)(address.len - 2), address.ptr + 1);
    return inet_pton(AF_INET6, text, space) == 1 ? slice_of((const char *)space, 8) : address;
}

ThrottleKey throttle_key(const Throttle *t, Slice role, Slice peer)
{
    uint8_t space[16];
    Slice address = address_of(peer, space);
    uint64_t a = hash64(address.ptr, address.len, t->seed);
    return (ThrottleKey){.address = (a | 2) & ~UINT64_C(1),
                         .role = hash64(role.ptr, role.len, a) | 1};
}

/* Roles have the odd sets and addresses the even ones, so that neither drives out the other. */
static Entry *set_of(Throttle *t, uint64_t key)
{
    return t->entries[(key >> 2) % (SETS / 2) * 2 + (key & 1)];
}

static Entry *find(Throttle *t, uint64_t key, int64_t now_ns)
{
    Entry *set = set_of(t, key), *oldest = set;
    for (Entry *e = set; e < set + WAYS; e++) {
        if (e->key == key) {
            if (now_ns - e->last_ns > FORGET_NS)
                *e = (Entry){.key = key};
            e->last_ns = now_ns;
            return e;
        }
        if (e->last_ns < oldest->last_ns || !e->key)
            oldest = e;
    }
    *oldest = (Entry){.key = key, .last_ns = now_ns};
    return oldest;
}

/* When one more attempt would be looked at, and the delay it brings for the next one. */
static int64_t turn_of(const Throttle *t, const Entry *e, uint32_t free, int64_t now_ns,
                       int64_t *delay)
{
    *delay = 0;
    if (e->failures < free || !t->delay_ns)
        return now_ns;
    uint32_t doubled = e->failures - free;
    *delay = doubled < 20 ? t->delay_ns << doubled : DELAY_MAX_NS;
    if (*delay > DELAY_MAX_NS)
        *delay = DELAY_MAX_NS;
    return e->free_ns > now_ns ? e->free_ns : now_ns;
}

static void take_turn(Entry *e, int64_t at_ns, int64_t delay)
{
    e->failures += e->failures < UINT32_MAX;
    e->free_ns = at_ns + delay;
}

bool throttle_enter(Throttle *t, ThrottleKey k, int64_t now_ns, int64_t *at_ns, Err *e)
{
    int64_t role_delay, address_delay;
    mutex_lock(&t->mutex);
    Entry *role = find(t, k.role, now_ns), *address = find(t, k.address, now_ns);
    int64_t at = turn_of(t, role, THROTTLE_FREE_ROLE, now_ns, &role_delay);
    int64_t there = turn_of(t, address, THROTTLE_FREE_ADDRESS, now_ns, &address_delay);
    if (there > at && !role->known)
        at = there;
    bool ok = at - now_ns <= DELAY_MAX_NS;
    if (ok) {
        take_turn(role, at, role_delay);
        take_turn(address, at, address_delay);
    }
    mutex_unlock(&t->mutex);
    *at_ns = at;
    if (ok)
        return true;
    err_set(e, ERR_INVALID_AUTHORIZATION, "too many failed logins from this address");
    return err_hint(e, "try again in %d seconds", (int)((at - now_ns) / NS_PER_S) + 1);
}

void throttle_passed(Throttle *t, ThrottleKey k, int64_t now_ns)
{
    mutex_lock(&t->mutex);
    Entry *role = find(t, k.role, now_ns), *address = find(t, k.address, now_ns);
    *role = (Entry){.key = k.role, .last_ns = now_ns, .known = true};
    address->failures -= address->failures > 0; /* this one was none */
    mutex_unlock(&t->mutex);
}

bool throttle_waits(Throttle *t, ThrottleKey k, int64_t now_ns)
{
    mutex_lock(&t->mutex);
    bool waits = t->delay_ns && find(t, k.role, now_ns)->failures >= THROTTLE_FREE_ROLE;
    mutex_unlock(&t->mutex);
    return waits;
}

bool throttle_repeats(Throttle *t, ThrottleKey k, uint64_t password_hash)
{
    bool same = false;
    mutex_lock(&t->mutex);
    Entry *set = set_of(t, k.role);
    for (Entry *e = set; e < set + WAYS; e++)
        same |= e->key == k.role && e->wrong && e->wrong == password_hash;
    mutex_unlock(&t->mutex);
    return same;
}

void throttle_failed_with(Throttle *t, ThrottleKey k, uint64_t password_hash)
{
    mutex_lock(&t->mutex);
    Entry *set = set_of(t, k.role);
    for (Entry *e = set; e < set + WAYS; e++)
        if (e->key == k.role)
            e->wrong = password_hash;
    mutex_unlock(&t->mutex);
}
