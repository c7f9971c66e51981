/* ingest/snappy.h - undoing a snappy block (see ing_snappy.c).  Threads: any. */
#ifndef SKULK_INGEST_SNAPPY_H
#define SKULK_INGEST_SNAPPY_H

#include "base/slice.h"

enum { SNAPPY_SLACK = 64 }; /* bytes behind the output that may be written to */

/* `size`: as the head of the block says.  False: the block is damaged. */
bool snappy_block_decode(uint8_t *out, size_t size, Slice block) MUST_CHECK;

#endif
