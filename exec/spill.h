/* exec/spill.h - rows in a temporary file: blocks of at most BATCH_ROWS rows, read back in the order written.
 *
 * The file has no name (it is unlinked at once) and vanishes with its descriptor.  It is not a format: nothing
 * reads it but the process that wrote it.  Writes go to the page cache and are never synced.
 * Threads: belongs to one task; calls do file I/O, so never on an I/O (net) thread. */
#ifndef SKULK_EXEC_SPILL_H
#define SKULK_EXEC_SPILL_H

#include "exec/vector.h"

typedef struct SpillFile SpillFile;

bool spill_open(SpillFile **out, const char *dir, Err *e) MUST_CHECK;
void spill_close(SpillFile *f);        /* NULL is fine */
int64_t spill_end(const SpillFile *f); /* where the next block begins */
/* Appends one block; the columns are flat, without selection. */
bool spill_put(SpillFile *f, const Batch *b, Err *e) MUST_CHECK;
/* Reads the block at *offset and moves behind it.  The rows live in a. */
bool spill_get(SpillFile *f, int64_t *offset, const TypeId *types, size_t n, Batch *out, Arena *a,
               Err *e) MUST_CHECK;

#endif
