/* storage/part_private.h - what the part_*.c files share: the directory of a part.
 *
 * docs/format.md, "Part", has the bytes.  A directory block lists up to PART_BLOCK_GROUPS row
 * groups of one (table, window) and, for each column, their chunks; it is stored as arrays of
 * integers, one array a field, and decoded at first use, column by column.
 * Threads: the writer belongs to one task; decoded blocks are published by compare-and-swap. */
#ifndef SKULK_STORAGE_PART_PRIVATE_H
#define SKULK_STORAGE_PART_PRIVATE_H

#include "base/sync.h"
#include "storage/codec_private.h"
#include "storage/part.h"

enum {
    PART_VERSION = 1,
    PART_HEADER_SIZE = 32,
    PART_TRAILER_SIZE = 32,
    PART_SLACK = CODEC_SLACK,
    PART_BLOCK_GROUPS = 256,
    PART_REQUIRED_KNOWN = 0, /* feature bits: required[] in part_read.c names them */
};
#define PART_MAGIC "\x89SKULK\r\n"
#define PART_END   "\n\rKLUKS\x89"

/* One row group; fields in the order of group_fields[] (part_dir.c). */
typedef struct GroupEntry {
    uint16_t rows;
    uint32_t series_first, series_last; /* local ids */
    int64_t t_min, t_max;
    Lsn seq_min, seq_max;
    uint64_t time_offset;
    uint32_t time_length, time_crc;
    uint8_t time_codec;
    uint64_t runs_offset; /* run list of a shared group; length 0: one series alone */
    uint32_t runs_length, runs_crc;
    _Atomic uint8_t time_checked; /* CRC was right since the part was opened */
} GroupEntry;

enum { CHUNK_MIN, CHUNK_MAX, CHUNK_FIRST, CHUNK_LAST, CHUNK_SUM, CHUNK_SUM_LO, CHUNK_STATS };

/* One chunk: a column in a row group. */
typedef struct ChunkEntry {
    uint64_t offset;
    uint32_t length, crc;
    uint16_t missing; /* rows without a value */
    uint8_t type;     /* PhysType; PHYS_NONE: the column is absent in this group */
    uint8_t holes;    /* a presence section stands before the values */
    uint8_t codec;
    uint8_t stats; /* StatsKind */
    uint8_t k;     /* STATS_DECIMAL */
    uint32_t nan_count;
    int64_t stat[CHUNK_STATS]; /* integers, or bits of doubles with STATS_DOUBLE */
    _Atomic uint8_t checked;
} ChunkEntry;

typedef struct KeptCell { /* part_last.c: a column in the last row of a group */
    _Atomic uint8_t state;
    LastCell cell; /* valid in the state CELL_FILLED */
} KeptCell;

typedef struct SeriesRun {
    uint32_t series;
    uint16_t begin, rows;
} SeriesRun;

typedef struct RunList {
    size_t count;
    SeriesRun run[];
} RunList;

static inline size_t part_value_size(uint8_t type) /* of a decoded value */
{
    return type == PHYS_STR ? sizeof(Slice) : type == PHYS_BOOL ? 1 : 8;
}

/* ---- part_dir.c: bytes of the directory ---- */
typedef struct ColumnEntries { /* writer's view of one column of a block */
    ColumnId id;
    const ChunkEntry *chunk; /* one a group */
} ColumnEntries;
void dir_put_block(Buf *out, const GroupEntry *groups, size_t n, const ColumnEntries *cols,
                   size_t col_count);

typedef struct BlockDir {
    size_t group_count, column_count;
    GroupEntry *groups;
    ColumnId *column_ids;        /* ascending */
    Slice *column_bytes;         /* into the block */
    ChunkEntry *_Atomic *chunks; /* by column, decoded at first use */
    RunList *_Atomic *runs;      /* by group */
    KeptCell *_Atomic *last;     /* by group: one cell a column, made at first use */
    struct Block *block;
    _Atomic int64_t bytes;        /* on the heap */
    _Atomic uint8_t hot;          /* taken since the cache looked */
    struct BlockDir *prev, *next; /* the cache's */
} BlockDir;
/* `limit`: no chunk ends beyond this offset of the file. */
bool dir_get_block(BlockDir **out, Slice bytes, size_t group_count, uint64_t limit,
                   Err *e) MUST_CHECK;
bool dir_get_column(ChunkEntry **out, const BlockDir *dir, size_t column, uint64_t limit,
                    Err *e) MUST_CHECK;
void dir_free(BlockDir *dir);

/* ---- part_bits.c: presence and run lists inside chunks ---- */
enum {
    PRESENCE_MAX = 1 + 2 * (1 + 3 + 2 * ROW_GROUP_ROWS),
    ROW_WORDS = BITMAP_WORDS(ROW_GROUP_ROWS)
};
enum { STATE_ABSENT = 0, STATE_NULL = 1, STATE_VALUE = 2 };
uint8_t *presence_put(uint8_t *p, const uint8_t *state, size_t rows);
/* valid and null: ROW_WORDS words each.  Moves r behind the section. */
bool presence_get(uint64_t *valid, uint64_t *null_bits, bool *any_null, size_t rows, Reader *r,
                  Err *e) MUST_CHECK;
bool runs_get(RunList **out, Slice bytes, const GroupEntry *g, Err *e) MUST_CHECK;

/* ---- part_read.c ---- */
typedef struct Block { /* one directory block, from the footer */
    TableId table;
    int64_t window, t_min, t_max;
    uint32_t series_first, series_last; /* local ids */
    uint32_t group_count, first_group;
    uint64_t rows, offset;
    uint32_t length, crc;
    BlockDir *_Atomic dir; /* read between part_dir_take and part_dir_give */
    Crowd *users;          /* readers that are counted in; of the part's users[] */
} Block;

typedef struct Section { /* blocks of one (table, window) */
    uint32_t first, count;
    int64_t t_min, t_max;
} Section;

typedef struct TableEntry {
    TableId id;
    uint32_t first_section, section_count;
    int64_t t_min, t_max;
    bool ordered; /* sections do not overlap in time: binary search is right */
    Slice series; /* gaps and lengths, in the metadata */
    void *_Atomic bitmap;
} TableEntry;

typedef struct Extent {
    uint64_t offset;
    size_t len;
    const uint8_t *ptr;
} Extent;

typedef struct GroupPin { /* bytes of a group, while base == NULL */
    struct GroupPin *next;
    uint32_t group, refs;
    size_t count, cap;
    Extent *extent;
} GroupPin;

enum { PIN_BUCKETS = 64 };

struct Part {
    Ref ref;
    uint64_t serial; /* no other part of this process has it */
    PartSource *source;
    PartInfo info;
    bool skip_crc; /* fuzzing only */
    _Atomic uint64_t used;
    uint32_t shard;
    const uint8_t *meta; /* from meta_offset to the end of the part; pinned */
    uint64_t meta_offset, payload_end;
    Slice creator;
    TableEntry *tables;
    Section *sections;
    Block *blocks;
    Crowd *users; /* by block */
    size_t table_count, section_count, block_count, group_count;
    Mutex pin_lock; /* RANK_FILE */
    /* these need it */
    GroupPin *pins[PIN_BUCKETS];
    uint64_t *damaged; /* offsets that were reported */
    size_t damaged_count;
};

bool part_open_with(Part **out, PartSource *take_source, bool skip_crc, Err *e) MUST_CHECK;
const Block *part_block_of(const Part *p, uint32_t group, uint32_t guess);
/* Decodes the block unless it is there; it stays until part_dir_give. */
bool part_dir_take(Part *p, const Block *b, BlockDir **out, Err *e) MUST_CHECK;
void part_dir_give(const Block *b);
const TableEntry *part_table_entry(const Part *p, TableId id);
void part_fill_group(const Part *p, const Block *b, const GroupEntry *g, uint32_t index,
                     PartGroup *out);

/* ---- part_cache.c ---- */
void part_cache_add(const Part *p, Block *b, BlockDir *d);
void part_cache_grow(const Part *p, BlockDir *d, size_t bytes);
void part_cache_forget(Part *p);

/* ---- part_data.c ---- */
size_t part_dir_column(const BlockDir *dir, ColumnId col); /* column_count: not there */
typedef struct Chunk { /* a column of a group: a copy of its entry */
    ChunkEntry entry;  /* type PHYS_NONE: absent */
    size_t rows;       /* of the group */
    Slice bytes;       /* part_chunk_bytes: CRC checked at first touch */
} Chunk;
bool part_chunk(Part *p, const PartGroup *g, ColumnId col, Chunk *out, Err *e) MUST_CHECK;
bool part_chunk_bytes(Part *p, const PartGroup *g, ColumnId col, Chunk *out, Err *e) MUST_CHECK;
bool part_time_bytes(Part *p, const PartGroup *g, GroupEntry *entry, Slice *out, Err *e) MUST_CHECK;
PinStatus part_runs(Part *p, const Block *b, BlockDir *dir, size_t i, const RunList **out,
                    struct Task *waiter, Err *e);
void part_free_pins(Part *p);

/* ---- damage: every report names part, offset, table, series and times; all return false ---- */
bool part_damaged(Part *p, const PartGroup *g, uint64_t offset, const char *what, Err *e);
/* Names the place of an error that a codec reported. */
bool part_at_chunk(Part *p, const PartGroup *g, uint64_t offset, Err *e);
/* After reading: these bytes came from the disk, not from the handler of unreadable pages. */
bool part_was_read(Part *p, const PartGroup *g, uint64_t offset, size_t len, Err *e) MUST_CHECK;

#endif
