/* storage/manifest_file.h - MANIFEST-nnnnnn: a crc-framed list of edits, named by CURRENT.
 *
 * What an edit says is the business of storage/manifest.h; here it is bytes with a version number.
 * Every frame ends the list with a checksum of all before it, so a lost or doubled frame shows.
 * A torn last frame was never acknowledged and is cut; anything else bad is damage.
 * The list stands in two files (MANIFEST-nnnnnn.copy); an edit is durable in both before it counts,
 * and a start takes the longer good one and mends the other.
 * Bytes: docs/format.md ("manifest").
 * Threads: one caller at a time. */
#ifndef SKULK_STORAGE_MANIFEST_FILE_H
#define SKULK_STORAGE_MANIFEST_FILE_H

#include "base/io.h"

typedef struct ManifestFile ManifestFile;

/* create: make an empty one if there is no CURRENT.  read_only: nothing is written, ever. */
bool mf_open(ManifestFile **out, const Io *io, const char *dir, bool create, bool read_only,
             Err *e) MUST_CHECK;
void mf_close(ManifestFile *mf);
/* What was damaged at open and made good from the copy; NULL: nothing. */
const Err *mf_worn(const ManifestFile *mf);
/* Edits since the last snapshot frame, in order. */
bool mf_read(ManifestFile *mf, bool (*each)(void *arg, Slice edit, Err *e), void *arg,
             Err *e) MUST_CHECK;
uint64_t mf_version(const ManifestFile *mf); /* grows by one with each edit */
uint64_t mf_epoch(const ManifestFile *mf);
bool mf_raise_epoch(ManifestFile *mf, Err *e) MUST_CHECK;
/* Durable when it returns true.  After a failed sync every later call fails. */
bool mf_append(ManifestFile *mf, Slice edit, Err *e) MUST_CHECK;
bool mf_replace(ManifestFile *mf, Slice snapshot,
                Err *e) MUST_CHECK; /* a new file; keeps the previous one */
int64_t mf_size(const ManifestFile *mf);

#endif
