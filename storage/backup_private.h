/* storage/backup_private.h - shared by backup.c (writing, the list) and backup_restore.c. */
#ifndef SKULK_STORAGE_BACKUP_PRIVATE_H
#define SKULK_STORAGE_BACKUP_PRIVATE_H

#include "base/hash.h"
#include "storage/backup.h"

enum {
    BACKUP_VERSION = 1,
    BACKUP_DIR_MAX = 3500,
    BACKUP_NAME_MAX = 255,
    BACKUP_PATH_MAX = 4096,
    BACKUP_PIECE = 4 << 20,
    BACKUP_MANIFEST_MAX = 256 << 20, /* bytes of a list or a manifest */
};
#define BACKUP_LIST      "backup.manifest"
#define BACKUP_NAME_SCAN "255"
static const char backup_kind[] = "skulk-backup";

typedef struct BackupEntry {
    char name[BACKUP_NAME_MAX + 1];
    uint64_t bytes;
    uint32_t crc;
} BackupEntry;
typedef bool (*BackupEach)(void *arg, const BackupEntry *entry, Err *e);

/* Reads the list; its own checksum is verified, the files are not looked at. */
bool backup_list(const Io *io, const char *dir, BackupInfo *info, BackupEach each, void *arg,
                 Err *e) MUST_CHECK;
/* The directory, which must be empty, with its files/ and log/. */
bool backup_make_dirs(const Io *io, const char *dir, Err *e) MUST_CHECK;
bool backup_sync_dirs(const Io *io, const char *dir, Err *e) MUST_CHECK;

#endif
