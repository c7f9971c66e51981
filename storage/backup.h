/* storage/backup.h - backups as directories: writing, verifying, restoring.
 *
 * A backup is a data directory of its own (ENGINE_READ_ONLY opens it) beside a list of its files
 * with checksums, backup.manifest.  The list and then `format` are written last: a directory
 * without them is an unfinished backup, and nothing takes it for more.  Bytes: docs/format.md.
 * engine_backup (storage/engine.h) makes one from a running engine with the writer below.
 * Threads: one caller at a time for each object; everything blocks. */
#ifndef SKULK_STORAGE_BACKUP_H
#define SKULK_STORAGE_BACKUP_H

#include "base/clock.h"
#include "base/io.h"
#include "storage/types.h"

typedef struct BackupInfo {
    uint64_t id;      /* of the data directory that it was made of */
    int64_t began_ns; /* wall clock */
    Lsn covered;      /* records up to here are in files */
    Lsn last;         /* newest record */
    int64_t last_ms;  /* its wall clock, 0 = unknown */
    uint64_t files, bytes;
} BackupInfo;

/* ---- writing ---- */
typedef struct BackupWriter BackupWriter;

/* target: missing or an empty directory. */
bool backup_begin(BackupWriter **out, const Io *io, const char *source, const char *target,
                  Err *e) MUST_CHECK;
/* A file of the source by its name there, its first `bytes` bytes.  link: it never changes, another
 * name for it is enough where the file system can do that. */
void backup_add(BackupWriter *b, const char *name, uint64_t bytes, bool link);
/* Some megabytes of work; *done once all files are there, durable, and their checksums known. */
bool backup_step(BackupWriter *b, bool *done, Err *e) MUST_CHECK;
/* edit: the whole content of the manifest. */
bool backup_finish(BackupWriter *b, Slice edit, BackupInfo *info, Err *e) MUST_CHECK;
void backup_close(BackupWriter *b); /* unfinished: what is there stays, recognisably */

/* ---- reading ---- */
/* Every file is there, with the right length and checksum. */
bool backup_verify(const Io *io, const char *dir, BackupInfo *info, Err *e) MUST_CHECK;

typedef struct RestoreSpec {
    const Io *io;
    const Clock *clock;
    const char *backup, *target; /* target: missing or an empty directory */
    const char *archive;         /* of log segments; NULL = none */
    int64_t until_ns;            /* wall clock, inclusive; INT64_MAX = the end */
    Lsn until_lsn;               /* inclusive; UINT64_MAX = the end */
} RestoreSpec;
/* The result is a data directory with an id of its own; info->last is its newest record. */
bool backup_restore(const RestoreSpec *spec, BackupInfo *info, Err *e) MUST_CHECK;

#endif
