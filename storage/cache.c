/* The frame is magic 8, kind u32, version u32, required u32, optional u32, length u32, crc u32. */
#include "storage/cache.h"

#include "base/hash.h"

enum { CACHE_VERSION = 1, CACHE_HEADER_BYTES = 32 };

static const char cache_magic[8] = {'S', 'K', 'U', 'L', 'K', 'C', 'S', 'H'};

void cache_begin(Buf *b, CacheKind kind)
{
    buf_clear(b);
    buf_put(b, cache_magic, 8);
    buf_put_u32(b, kind);
    buf_put_u32(b, CACHE_VERSION);
    buf_put_u32(b, 0);
    buf_put_u32(b, 0);
    buf_put_u64(b, 0); /* length and crc: cache_end */
}

static uint32_t cache_crc(const char *file, size_t len)
{
    uint32_t crc = crc32c(0, file, CACHE_HEADER_BYTES - 4);
    return crc32c(crc, file + CACHE_HEADER_BYTES, len);
}

void cache_end(Buf *b)
{
    uint32_t len = (uint32_t)(b->len - CACHE_HEADER_BYTES);
    memcpy(b->ptr + 24, &len, 4);
    uint32_t crc = cache_crc(b->ptr, len);
    memcpy(b->ptr + 28, &crc, 4);
}

bool cache_open(Slice file, CacheKind kind, Slice *payload, Err *e)
{
    Reader r = reader_of(file);
    Slice magic = reader_bytes(&r, 8);
    uint32_t k = reader_u32(&r), version = reader_u32(&r), required = reader_u32(&r);
    reader_u32(&r);
    uint32_t len = reader_u32(&r), crc = reader_u32(&r);
    if (r.bad || memcmp(magic.ptr, cache_magic, 8) != 0 || k != kind)
        return err_set(e, ERR_DATA_CORRUPTED, "the header is damaged");
    if (version != CACHE_VERSION || required)
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED,
                       "it has format %u (features %#x), this program reads %d", version, required,
                       CACHE_VERSION);
    if (len != reader_left(&r) || crc != cache_crc(file.ptr, len))
        return err_set(e, ERR_DATA_CORRUPTED, "the checksum is wrong");
    *payload = reader_bytes(&r, len);
    return true;
}

/* ---- two files of each ---- */

BlobId cache_copy(BlobId id)
{
    BlobKind kind = blob_kind(id) == BLOB_SERIES ? BLOB_SERIES_COPY : BLOB_CATALOG_COPY;
    must(blob_kind(id) == BLOB_SERIES || blob_kind(id) == BLOB_CATALOG);
    return blob_id(kind, blob_number(id));
}

void cache_put(Store *store, CachePut *p, Slice bytes, bool last, Task *waiter)
{
    const BlobId ids[2] = {p->id, cache_copy(p->id)};
    for (int i = 0; i < 2; i++)
        p->completion[i] = (Completion){.waiter = waiter};
    for (int i = 0; i < 2; i++)
        store->ops->blob_put(store, ids[i], bytes, last, &p->completion[i]);
}

void cache_put_none(CachePut *p)
{
    for (int i = 0; i < 2; i++)
        p->completion[i] = (Completion){.done = true, .ok = true};
}

bool cache_put_done(const CachePut *p)
{
    return atomic_load_explicit(&p->completion[0].done, memory_order_acquire) &&
           atomic_load_explicit(&p->completion[1].done, memory_order_acquire);
}

bool cache_put_ok(const CachePut *p, Err *e)
{
    for (int i = 0; i < 2; i++) {
        if (p->completion[i].ok)
            continue;
        *e = p->completion[i].err;
        return false;
    }
    return true;
}

bool cache_put_final(const CachePut *p)
{
    return p->completion[0].sync_failed || p->completion[1].sync_failed;
}

void cache_drop(Store *store, BlobId id)
{
    store->ops->blob_drop(store, id);
    store->ops->blob_drop(store, cache_copy(id));
}

void cache_abort(Store *store, BlobId id)
{
    store->ops->blob_abort(store, id);
    store->ops->blob_abort(store, cache_copy(id));
}

bool cache_wrap(BlobId id, Err *e)
{
    static const char *const suffix[BLOB_KINDS] = {[BLOB_SERIES] = "series",
                                                   [BLOB_SERIES_COPY] = "series.copy",
                                                   [BLOB_CATALOG] = "catalog",
                                                   [BLOB_CATALOG_COPY] = "catalog.copy"};
    return err_wrap(e, "file %06llu.%s", (unsigned long long)blob_number(id),
                    suffix[blob_kind(id)]);
}

bool catalog_load_file(Store *store, CatalogSnap **out, const ManifestCatalog *m, BlobId id, Err *e)
{
    const uint8_t *ptr;
    Slice payload;
    if (store->ops->blob_pin(store, id, 0, m->bytes, NULL, &ptr, e) != PIN_OK)
        return cache_wrap(id, e);
    bool ok = cache_open(slice_of((const char *)ptr, m->bytes), CACHE_CATALOG, &payload, e) &&
              cat_decode_snapshot(out, payload, e);
    store->ops->blob_unpin(store, id, ptr, m->bytes);
    return ok || cache_wrap(id, e);
}
