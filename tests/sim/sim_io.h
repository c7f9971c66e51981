/* tests/sim/sim_io.h - files in memory that forget what was not synced.
 *
 * A file has the bytes that the program sees and those that are on the disk; the sectors written
 * since the last fdatasync survive a crash at random, one by one.  Names behave alike: creations,
 * renames and deletions since the last fsync of the directory survive as a prefix.
 * Faults: the n-th writing call and all after it fail without effect (crash); one call fails, a
 * write of a part (short), a sync with the sectors in an unknown state; a full disk.
 * One thread only: the engine runs with workers = 0. */
#ifndef SKULK_TESTS_SIM_IO_H
#define SKULK_TESTS_SIM_IO_H

#include "base/clock.h"
#include "base/io.h"

typedef struct SimDisk SimDisk;

SimDisk *sim_disk_new(uint64_t seed);
void sim_disk_free(SimDisk *d);
const Io *sim_disk_io(SimDisk *d);

uint64_t sim_disk_calls(const SimDisk *d); /* writing calls so far */
/* From the call number `at` on nothing reaches the disk and every call fails; 0 = never. */
void sim_disk_crash_at(SimDisk *d, uint64_t at);
bool sim_disk_dead(const SimDisk *d);
/* What a power cut leaves; open descriptors are gone, the disk works again. */
void sim_disk_crash(SimDisk *d);
/* As kill -9: the program is gone, what it wrote stays. */
void sim_disk_kill(SimDisk *d);
/* The call number `at` fails once, with this code. */
void sim_disk_fail_at(SimDisk *d, uint64_t at, ErrCode code);
bool sim_disk_failed_sync(const SimDisk *d);    /* the failing call was a sync */
void sim_disk_space(SimDisk *d, int64_t bytes); /* 0 = unlimited */
int64_t sim_disk_used(const SimDisk *d);
/* Flips one bit of a file whose name contains `part`; false: there is none. */
bool sim_disk_flip(SimDisk *d, const char *part, uint64_t seed, char *where, size_t where_size);

typedef struct SimClock {
    Clock clock;
    int64_t now_ns;
    int64_t wall_offset_ns; /* wall time less monotonic time; a jump changes it */
    uint64_t random;
} SimClock;
void sim_clock_init(SimClock *c, uint64_t seed);
void sim_clock_jump(SimClock *c); /* the wall clock leaps, up to ten years either way */

#endif
