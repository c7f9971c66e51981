/* storage/cache.h - series and catalog files: caches of a log that is gone.
 *
 * Without them no row can be read, so each is written twice, as two blobs of one number; a start
 * takes the copy where the first is damaged and has both written anew.
 * A catalog file and an increment of series have one frame (magic, kind, version, checksum); a
 * snapshot of the series has frames of its own (index_snapshot.c).
 * Threads: values; a CachePut belongs to one task. */
#ifndef SKULK_STORAGE_CACHE_H
#define SKULK_STORAGE_CACHE_H

#include "storage/catalog.h"
#include "storage/manifest.h"
#include "storage/store.h"

typedef enum CacheKind { CACHE_SERIES = 1, CACHE_CATALOG = 2 } CacheKind;
void cache_begin(Buf *b, CacheKind kind); /* clears b; the payload is appended after it */
void cache_end(Buf *b);
bool cache_open(Slice file, CacheKind kind, Slice *payload, Err *e) MUST_CHECK;

BlobId cache_copy(BlobId id); /* the second of a BLOB_SERIES or BLOB_CATALOG */

typedef struct CachePut { /* a piece on its way to both files */
    BlobId id;
    Completion completion[2];
} CachePut;
/* As blob_put of the store, to p->id and its copy. */
void cache_put(Store *store, CachePut *p, Slice bytes, bool last, Task *waiter);
void cache_put_none(CachePut *p); /* done: nothing was put */
bool cache_put_done(const CachePut *p);
bool cache_put_ok(const CachePut *p, Err *e) MUST_CHECK; /* once done */
bool cache_put_final(const CachePut *p);                 /* a sync failed */
void cache_drop(Store *store, BlobId id);                /* both */
void cache_abort(Store *store, BlobId id);

/* id: of the file or of its copy; errors name it. */
bool catalog_load_file(Store *store, CatalogSnap **out, const ManifestCatalog *m, BlobId id,
                       Err *e) MUST_CHECK;
bool cache_wrap(BlobId id,
                Err *e); /* false, for `return`; puts the file's name before the message */

#endif
