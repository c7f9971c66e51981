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
    int64_t slots[THROTTLE_SLOTS]; /* when the answer held back there is given */
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

static int64_t *first_slot(Entry *e)
{
    int64_t *first = e->slots;
    for (int64_t *s = e->slots; s < e->slots + THROTTLE_SLOTS; s++)
        if (*s < *first)
            first = s;
    return first;
}

static int64_t delay_of(const Throttle *t, const Entry *e, uint32_t free)
{
    if (e->failures < free || !t->delay_ns)
        return 0;
    uint32_t doubled = e->failures - free;
    int64_t delay = doubled < 20 ? t->delay_ns << doubled : DELAY_MAX_NS;
    return delay < DELAY_MAX_NS ? delay : DELAY_MAX_NS;
}

static bool waits_too_long(int64_t wait_ns, Err *e)
{
    if (wait_ns <= DELAY_MAX_NS)
        return false;
    err_set(e, ERR_INVALID_AUTHORIZATION, "too many failed logins from this address");
    err_hint(e, "try again in %d seconds", (int)(wait_ns / NS_PER_S) + 1);
    return true;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool throttle_enter(Throttle *t, ThrottleKey k, int64_t now_ns, ThrottleTurn *turn, Err *e)
{
    mutex_lock(&t->mutex);
    Entry *role = find(t, k.role, now_ns), *address = find(t, k.address, now_ns);
    int64_t *slot = first_slot(role), *there = first_slot(address);
    int64_t delay = delay_of(t, role, THROTTLE_FREE_ROLE);
    turn->at_ns = later(now_ns, *slot);
    if (!role->known) {
        turn->at_ns = later(turn->at_ns, *there);
        delay = later(delay, delay_of(t, address, THROTTLE_FREE_ADDRESS));
    }
    turn->answer_ns = turn->at_ns + delay;
    bool ok = !waits_too_long(turn->at_ns - now_ns, e);
    if (ok) {
        *slot = turn->answer_ns;
        if (!role->known && address->failures >= THROTTLE_FREE_ADDRESS)
            *there = turn->answer_ns;
        address->failures += role->failures == 0;
        role->failures += role->failures < UINT32_MAX;
    }
    mutex_unlock(&t->mutex);
    return ok;
}

/* The slots of an attempt that was no failure are free. */
static void give_back(Entry *e, const ThrottleTurn *turn)
{
    for (int64_t *s = e->slots; s < e->slots + THROTTLE_SLOTS; s++)
        if (*s == turn->answer_ns) {
            *s = turn->at_ns;
            return;
        }
}

void throttle_passed(Throttle *t, ThrottleKey k, const ThrottleTurn *turn)
{
    mutex_lock(&t->mutex);
    Entry *role = find(t, k.role, turn->at_ns), *address = find(t, k.address, turn->at_ns);
    give_back(address, turn);
    address->failures -= role->failures == 1 && address->failures; /* this one was none */
    *role = (Entry){.key = k.role, .last_ns = turn->at_ns, .known = true};
    mutex_unlock(&t->mutex);
}

bool throttle_slow(Throttle *t, ThrottleKey k, int64_t now_ns)
{
    mutex_lock(&t->mutex);
    bool slow = t->delay_ns && find(t, k.role, now_ns)->failures >= THROTTLE_FREE_ROLE;
    mutex_unlock(&t->mutex);
    return slow;
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
