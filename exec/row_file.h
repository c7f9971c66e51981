/* exec/row_file.h - rows that are kept and read by number, forward or backward: those of a cursor that
 * scrolls or outlives its transaction, those of RETURNING.
 *
 * Up to `memory_max` bytes stay in memory, the rest in a temporary file.  Rows are only added.
 * Threads: belongs to one task; calls may do file I/O. */
#ifndef SKULK_EXEC_ROW_FILE_H
#define SKULK_EXEC_ROW_FILE_H

#include "exec/vector.h"

typedef struct RowFile RowFile;

/* spill_dir NULL: all in memory. */
RowFile *rowfile_new(const TypeId *types, size_t n, Budget *budget, const char *spill_dir,
                     size_t memory_max);
void rowfile_free(RowFile *f); /* NULL is fine */
uint64_t rowfile_rows(const RowFile *f);
bool rowfile_add(RowFile *f, const Batch *b, Err *e) MUST_CHECK; /* its selected rows */
bool rowfile_add_row(RowFile *f, const Value *row, Err *e) MUST_CHECK;
/* At most `max` rows from number `row` on, or from it down to 0, as they lie together: at least one.
 * Lives until the next call. */
bool rowfile_read(RowFile *f, uint64_t row, size_t max, bool backward, Batch *out,
                  Err *e) MUST_CHECK;

#endif
