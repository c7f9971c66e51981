/* exec/spill.h - rows in a temporary file: blocks of at most BATCH_ROWS rows, read back at their offsets.
 *
 * The file has no name (it is unlinked at once) and vanishes with its descriptor; what a crash left is removed
 * at the next start.  It is not a format: nothing reads it but the process that wrote it.  Writes go to the page
 * cache and are never synced.
 * Threads: a file belongs to one task, a SpillSpace to all; calls do file I/O, so never on an I/O (net) thread. */
#ifndef SKULK_EXEC_SPILL_H
#define SKULK_EXEC_SPILL_H

#include "base/io.h"
#include "exec/vector.h"

/* Where temporary files go, and how many bytes of them there may be in all queries together. */
typedef struct SpillSpace {
    const Io *io;
    const char *dir;
    int64_t limit; /* 0: none */
    _Atomic int64_t used;
} SpillSpace;

typedef struct SpillFile SpillFile;

/* 53400 beyond the limit of the space, 53100 on a full disk. */
bool spill_open(SpillFile **out, SpillSpace *space, Err *e) MUST_CHECK;
void spill_close(SpillFile *f);        /* NULL is fine */
int64_t spill_end(const SpillFile *f); /* where the next block begins */
/* Appends one block; the columns are flat, without selection. */
bool spill_put(SpillFile *f, const Batch *b, Err *e) MUST_CHECK;
/* Reads the block at *offset and moves behind it.  The rows live in a. */
bool spill_get(SpillFile *f, int64_t *offset, const TypeId *types, size_t n, Batch *out, Arena *a,
               Err *e) MUST_CHECK;

#endif
