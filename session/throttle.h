/* session/throttle.h - who guesses passwords gets slow answers.
 *
 * Failures are counted for a role from an address, and for an address by the roles that it tries; those of
 * the first kind are forgotten with a login, all after 15 minutes.  The first few cost nothing; from then
 * on a wrong password is answered after a delay that doubles with each.  While THROTTLE_SLOTS answers are
 * held back, further attempts are looked at only when one of them is given; who would have to wait longer
 * than the longest delay is refused at once.  So a right password is not held up by a client that tries a
 * wrong one again and again, but by many that guess at once.  A role that has logged in from an address
 * does not suffer from what other roles do there.
 * The table has a fixed size: where a place is wanted, the one unused for longest goes.
 * It only tells times: the caller waits.  Threads: any. */
#ifndef SKULK_SESSION_THROTTLE_H
#define SKULK_SESSION_THROTTLE_H

#include "base/mem.h"
#include "base/sync.h"

enum {
    THROTTLE_FREE_ROLE = 4,     /* failures of a role from an address that cost nothing */
    THROTTLE_FREE_ADDRESS = 40, /* roles that failed from an address, as well */
    THROTTLE_SLOTS = 4,         /* wrong passwords of one kind that wait for their answer */
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
/* When an attempt is looked at, and when the client is told that it failed. */
typedef struct ThrottleTurn {
    int64_t at_ns, answer_ns;
} ThrottleTurn;

/* An attempt, which counts as a failure until throttle_passed.  28000: too many wait already. */
bool throttle_enter(Throttle *t, ThrottleKey k, int64_t now_ns, ThrottleTurn *turn,
                    Err *e) MUST_CHECK;
void throttle_passed(Throttle *t, ThrottleKey k, const ThrottleTurn *turn);
bool throttle_slow(Throttle *t, ThrottleKey k, int64_t now_ns); /* it has failed too often */
/* A client that repeats one wrong password does not guess: is it that of the last failure? */
bool throttle_repeats(Throttle *t, ThrottleKey k, uint64_t password_hash);
void throttle_failed_with(Throttle *t, ThrottleKey k, uint64_t password_hash);

#endif
