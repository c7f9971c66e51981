/* exec/seen_private.h - a set of rows that is asked in rounds, for WITH RECURSIVE ... UNION: which rows are new?
 *
 * The newest rows lie in a hash table.  When memory is short they go into parts of a file, cut by hash, and
 * a Bloom filter remembers them.  A row that the table lacks and the filter does not know is new at once; the
 * few others wait, and at the end of the round they are compared with their part of the file.
 * Threads: belongs to one task; calls may do file I/O. */
#ifndef SKULK_EXEC_SEEN_PRIVATE_H
#define SKULK_EXEC_SEEN_PRIVATE_H

#include "exec/op_private.h"

typedef struct SeenRows SeenRows;

SeenRows *seen_new(Exec *x, const TypeId *types, size_t n);
void seen_free(SeenRows *s); /* NULL is fine */
/* *out: the rows of in that are new for certain, as a view of it; its selection lives in a. */
bool seen_add(SeenRows *s, const Batch *in, Batch *out, Arena *a, Err *e) MUST_CHECK;
/* The round is over: rows that waited and are new, until QUERY_END.  They live until the next call. */
QueryStatus seen_rest(SeenRows *s, Batch *out, Arena *a, Err *e);
size_t seen_bytes(const SeenRows *s);     /* in memory */
uint64_t seen_spilled(const SeenRows *s); /* bytes in files, since the start */

#endif
