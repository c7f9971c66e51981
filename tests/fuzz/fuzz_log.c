/* Log segments and manifests from foreign bytes.  First byte: 0 a whole segment; 1 what follows a
 * right header; 2 records with right checksums, their fields from the input; 3 a manifest file;
 * 4 manifest edits; 5 a series or catalog file; 6 the rows of a record; 7 the list of a backup. */
#include "../sim/sim_io.h"
#include "base/hash.h"
#include "base/log.h"
#include "storage/backup.h"
#include "storage/batch_private.h"
#include "storage/cache.h"
#include "storage/log.h"
#include "storage/manifest.h"
#include "storage/manifest_file.h"
#include "storage/memtable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool each(void *arg, Lsn lsn, const LogFrame *f, Err *e)
{
    Lsn *last = arg;
    (void)e;
    must(lsn > *last); /* a repair leaves holes */
    *last = lsn;
    must(f->type != 0);
    volatile char c = f->payload.len ? f->payload.ptr[f->payload.len - 1] : 0;
    (void)c;
    return true;
}

static void put_file(SimDisk *d, const char *path, const Buf *b)
{
    const Io *io = sim_disk_io(d);
    Err e;
    int fd = io->open(io, path, IO_READ | IO_WRITE | IO_CREATE, &e);
    must(fd >= 0 && io->pwrite_all(io, fd, b->ptr, b->len, 0, &e) && io->fdatasync(io, fd, &e));
    io->close(io, fd);
    must(io->fsync_dir(io, "/d", &e));
}

static void put_header(Buf *b, uint64_t salt)
{
    buf_put(b, "SKULKLOG", 8);
    buf_put_u32(b, 1);
    buf_put_u32(b, 0);
    buf_put_u64(b, 0);
    buf_put_u64(b, 1); /* epoch */
    buf_put_u64(b, 1); /* first LSN */
    buf_put_u64(b, salt);
    buf_put_u64(b, 0);
    buf_put_u32(b, 0);
    buf_put_u32(b, crc32c(0, b->ptr, 60));
}

static void put_records(Buf *b, Reader *r, uint64_t salt)
{
    Lsn lsn = 1;
    while (reader_left(r) >= 4) {
        size_t start = b->len;
        uint8_t kind = reader_u8(r);
        size_t len = reader_u8(r);
        Slice payload = reader_bytes(r, len < reader_left(r) ? len : reader_left(r));
        lsn += kind & 1 ? reader_u8(r) : 0;
        buf_put_u32(b, (uint32_t)payload.len + (kind & 2 ? reader_u8(r) : 0));
        buf_put_u32(b, 0);
        buf_put_u8(b, kind >> 4);
        buf_put_u8(b, 0);
        buf_put_u16(b, 0);
        buf_put_u32(b, 0);
        buf_put_u64(b, lsn++);
        buf_put_u64(b, kind & 4 ? reader_u16(r) : 0);
        buf_put_slice(b, payload);
        uint64_t tail[2] = {1, salt};
        uint32_t crc = crc32c(0, b->ptr + start, 4);
        crc = crc32c(crc, b->ptr + start + 8, 24 + payload.len);
        crc = crc32c(crc, tail, sizeof tail) ^ (kind & 8 ? 1 : 0);
        memcpy(b->ptr + start + 4, &crc, 4);
        while (b->len % 8)
            buf_put_u8(b, 0);
    }
}

static void play_log(const Buf *file)
{
    for (int repair = 0; repair < 2; repair++) {
        SimDisk *d = sim_disk_new(1);
        Err e;
        Wal *w;
        Lsn last = 0, first;
        must(sim_disk_io(d)->mkdir(sim_disk_io(d), "/d", &e));
        put_file(d, "/d/00000001.log", file);
        WalOptions o = {.io = sim_disk_io(d), .dir = "/d", .salt = 7, .repair = repair};
        if (wal_open(&w, &o, &e)) {
            if (wal_read(w, 0, each, &last, &e)) { /* what can be read can be gone on with */
                LogFrame f = {.type = 3, .payload = SLICE_LIT("next")};
                must(wal_append(w, &f, 1, &first, &e) && wal_sync(w, &e));
                must(first > last);
                wal_close(w);
                last = 0;
                must(wal_open(&w, &o, &e));
                bool again = wal_read(w, 0, each, &last, &e);
                if (!repair)
                    must(again && last == first);
            } else {
                must(!repair || e.code != ERR_DATA_CORRUPTED);
            }
            wal_close(w);
        }
        sim_disk_free(d);
    }
}

static bool see_edit(void *arg, Slice edit, Err *e)
{
    return manifest_apply(arg, edit, e);
}

static void play_manifest(Slice bytes)
{
    SimDisk *d = sim_disk_new(1);
    Buf file = {0}, current = {0};
    Manifest m;
    ManifestFile *mf;
    Err e;
    manifest_init(&m);
    must(sim_disk_io(d)->mkdir(sim_disk_io(d), "/d", &e));
    buf_put_slice(&file, bytes);
    buf_puts(&current, "MANIFEST-000001\n");
    put_file(d, "/d/MANIFEST-000001", &file);
    put_file(d, "/d/CURRENT", &current);
    if (mf_open(&mf, sim_disk_io(d), "/d", false, false, &e)) {
        bool ok = mf_read(mf, see_edit, &m, &e);
        (void)ok;
        must(mf_append(mf, SLICE_LIT("x"), &e));
        mf_close(mf);
    }
    buf_free(&file);
    buf_free(&current);
    manifest_reset(&m);
    sim_disk_free(d);
}

/* What is taken can be written again, and means the same. */
static void play_rows(Slice payload)
{
    WriteBatch *first = wb_new(), *second = wb_new();
    Segment *seg = seg_new(NULL);
    Buf again = {0};
    Err e;
    if (wb_decode(first, payload, &e)) {
        wb_encode(&again, first);
        must(wb_decode(second, buf_slice(&again), &e));
        must(first->rows.len == second->rows.len && wb_rows(first) == wb_rows(second));
        seg_append(seg, first, 0, 1);
    }
    seg_unref(seg);
    buf_free(&again);
    wb_free(first);
    wb_free(second);
}

/* The list as it is, and with a right checksum. */
static void play_list(Slice text)
{
    for (int sum = 0; sum < 2; sum++) {
        SimDisk *d = sim_disk_new(1);
        BackupInfo info;
        Buf b = {0};
        Err e;
        must(sim_disk_io(d)->mkdir(sim_disk_io(d), "/d", &e));
        if (sum)
            buf_puts(&b, "skulk-backup\nversion 1\nrequired 0\n");
        buf_put_slice(&b, text);
        if (sum)
            buf_printf(&b, "crc32c %08x\n", crc32c(0, b.ptr, b.len));
        put_file(d, "/d/backup.manifest", &b);
        if (backup_verify(sim_disk_io(d), "/d", &info, &e))
            must(info.files == 0);
        buf_free(&b);
        sim_disk_free(d);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    log_configure(LOG_OFF, false);
    Slice rest = slice_of((const char *)data + 1, size - 1), payload;
    Buf b = {0};
    Reader r = reader_of(rest);
    Manifest m;
    Err e;
    switch (data[0] % 8) {
    case 0:
        buf_put_slice(&b, rest);
        play_log(&b);
        break;
    case 1:
        put_header(&b, 7);
        buf_put_slice(&b, rest);
        play_log(&b);
        break;
    case 2:
        put_header(&b, 7);
        put_records(&b, &r, 7);
        buf_put(&b, (const char[64]){0}, 64);
        play_log(&b);
        break;
    case 3:
        play_manifest(rest);
        break;
    case 4:
        manifest_init(&m);
        if (manifest_apply(&m, rest, &e)) {
            manifest_put_all(&b, &m);
            Manifest again;
            manifest_init(&again);
            must(manifest_apply(&again, buf_slice(&b), &e) && again.part_count == m.part_count);
            manifest_reset(&again);
        }
        manifest_reset(&m);
        break;
    case 5:
        if (cache_open(rest, CACHE_SERIES, &payload, &e))
            must(payload.len < size);
        break;
    case 6:
        play_rows(rest);
        break;
    default:
        play_list(rest);
    }
    buf_free(&b);
    return 0;
}
