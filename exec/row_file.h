/* exec/row_file.h - rows that are kept and read by number, forward or backward: those of a cursor that
 * scrolls or outlives its transaction, those of RETURNING, of WITH queries and their working tables.
 *
 * Up to `memory_max` bytes stay in memory, the rest in a temporary file.  Rows are only added.
 * Threads: belongs to one task; calls may do file I/O. */
#ifndef SKULK_EXEC_ROW_FILE_H
#define SKULK_EXEC_ROW_FILE_H

#include "exec/vector.h"

typedef struct RowFile RowFile;

struct SpillSpace;
/* space NULL: all in memory. */
RowFile *rowfile_new(const TypeId *types, size_t n, Budget *budget, struct SpillSpace *space,
                     size_t memory_max);
void rowfile_free(RowFile *f);  /* NULL is fine */
void rowfile_clear(RowFile *f); /* no rows */
uint64_t rowfile_rows(const RowFile *f);
uint64_t rowfile_spilled(const RowFile *f);                      /* bytes in the file */
bool rowfile_add(RowFile *f, const Batch *b, Err *e) MUST_CHECK; /* its selected rows */
bool rowfile_add_row(RowFile *f, const Value *row, Err *e) MUST_CHECK;
/* At most `max` rows from number `row` on, or from it down to 0, as they lie together: at least one.
 * Lives until the next call. */
bool rowfile_read(RowFile *f, uint64_t row, size_t max, bool backward, Batch *out,
                  Err *e) MUST_CHECK;
/* Rows from number `row` on that lie together, for one of several readers: a view of them, or in its arena
 * `a`.  No rows: there are no more. */
bool rowfile_view(const RowFile *f, uint64_t row, Batch *out, Arena *a, Err *e) MUST_CHECK;
/* The rows that lie together with number `row`, which is *at among them.  They live until rows are added, or
 * ROWFILE_LIVE others that do not lie with them were asked for since. */
enum { ROWFILE_LIVE = 3 };
bool rowfile_batch(RowFile *f, uint64_t row, const Batch **out, size_t *at, Err *e) MUST_CHECK;

#endif
