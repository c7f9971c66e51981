/* storage/mapped.h - mapped files whose pages may turn out to be unreadable.
 *
 * Reading a mapped page that the disk cannot give (or that was cut off the file) is a SIGBUS.  The
 * handler puts a page of zeros there, notes it, and the reader goes on; who has read looks at
 * mapped_lost before using what it read.  Other SIGBUS go to the handler that was there before.
 * Not for the embedded library: it reads with pread and installs no handler.
 * Threads: all; the handler runs on the thread that read. */
#ifndef SKULK_STORAGE_MAPPED_H
#define SKULK_STORAGE_MAPPED_H

#include "base/err.h"

void mapped_guard(void); /* installs the handler, once */
void mapped_add(const void *ptr, size_t len);
void mapped_remove(const void *ptr, size_t len); /* before it is unmapped */
/* Some of these bytes could not be read: they are zeros. */
bool mapped_lost(const void *ptr, size_t len);
/* Bytes of mapped files that this process has in memory (the kernel's count). */
int64_t mapped_resident(void);
void mapped_drop(const void *ptr, size_t len); /* not needed now; read again when touched */

#endif
