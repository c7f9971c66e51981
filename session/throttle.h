/* session/throttle.h - who guesses passwords has to wait, longer each time.
 *
 * Failures are counted for a role from an address, and for an address whatever the role; those of the
 * first kind are forgotten with a login, all after 15 minutes.  The first few cost nothing; from then on
 * an attempt is looked at only after a delay that doubles, one attempt after the other.  Who would have
 * to wait longer than the longest delay is refused at once.  A role that has logged in from an address is
 * not held up by what others try from there.
 * The table has a fixed size: where a place is wanted, the one unused for longest goes.
 * It only tells times: the caller waits.  Threads: any. */
#ifndef SKULK_SESSION_THROTTLE_H
#define SKULK_SESSION_THROTTLE_H

#include "base/mem.h"
#include "base/sync.h"

enum {
    THROTTLE_FREE_ROLE = 4,     /* failures of a role from an address that cost nothing */
    THROTTLE_FREE_ADDRESS = 40, /* ... of an address */
    THROTTLE_DELAY_MAX_MS = 10000,
    THROTTLE_FORGET_MS = 900000,
};

typedef struct Throttle Throttle;

/* An attempt: who from where. */
typedef struct ThrottleKey {
    uint64_t role, address;
} ThrottleKey;

Throttle *throttle_new(int64_t delay_ns, uint64_t seed); /* delay_ns 0: nobody ever waits */
void throttle_free(Throttle *t);
/* peer: "127.0.0.1:54321" or "[::1]:54321"; of an IPv6 address the first 64 bits count. */
ThrottleKey throttle_key(const Throttle *t, Slice role, Slice peer);
/* An attempt wants to be looked at: from *at_ns on.  It counts as a failure until throttle_passed.
 * 28000: too many wait for that already. */
bool throttle_enter(Throttle *t, ThrottleKey k, int64_t now_ns, int64_t *at_ns, Err *e) MUST_CHECK;
void throttle_passed(Throttle *t, ThrottleKey k, int64_t now_ns);
bool throttle_waits(Throttle *t, ThrottleKey k, int64_t now_ns); /* would it have to wait? */
/* A client that repeats one wrong password does not guess: is it that of the last failure? */
bool throttle_repeats(Throttle *t, ThrottleKey k, uint64_t password_hash);
void throttle_failed_with(Throttle *t, ThrottleKey k, uint64_t password_hash);

#endif
