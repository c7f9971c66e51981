/* storage/part_writer_private.h - the writer of a part, shared by part_write.c (which rows make a
 * row group) and part_emit.c (groups, directory and footer to bytes).
 * Threads: a writer belongs to one task. */
#ifndef SKULK_STORAGE_PART_WRITER_PRIVATE_H
#define SKULK_STORAGE_PART_WRITER_PRIVATE_H

#include "storage/part_private.h"

enum {
    ACC_ROWS = 2 * ROW_GROUP_ROWS,
    PART_ALONE_ROWS = 256,
    PART_TAIL_ROWS = 64,     /* the last rows of a long series stay alone from here */
    STR_BYTES_MAX = 4 << 20, /* of the collected rows; beyond it a group ends early */
    PIECE = 1 << 20,
    TIME_CACHE = 1024,
};

typedef struct AccRun { /* one added run, or what is left of it */
    SeriesId series;
    uint32_t rows;
    Lsn seq_min, seq_max;
} AccRun;

typedef struct WriteColumn {
    ColumnId id;
    PhysType type;   /* of the collected values; PHYS_NONE: none yet */
    bool any;        /* some collected row is not absent */
    CodecHint hint;  /* of the last chunk */
    uint8_t *values; /* ACC_ROWS values, allocated at the first one */
    size_t value_size;
    uint8_t state[ACC_ROWS]; /* STATE_*; absent behind the collected rows */
    ChunkEntry *chunks;      /* by group of the block */
    size_t chunk_cap;
} WriteColumn;

typedef struct TimeSeen { /* a time chunk written before */
    uint64_t offset;
    uint32_t crc;
    uint8_t codec;
    Buf bytes;
} TimeSeen;

typedef struct TableSeen {
    TableId id;
    struct roaring_bitmap_s *series;
} TableSeen;

struct PartWriter {
    PartSink *sink;
    CodecEffort effort, next_effort; /* of this table; of the tables that follow */
    bool finished;
    Buf out;             /* bytes not handed to the sink yet */
    uint64_t out_offset; /* file offset of out.ptr[0] */
    bool begun;          /* a run was added: the five below hold */
    int64_t window;
    TableId table;
    SeriesId series; /* of the last run */
    int64_t last_time;
    bool long_series; /* a full group of this series was written */
    size_t rows;      /* collected */
    int64_t times[ACC_ROWS];
    AccRun runs[ACC_ROWS];
    size_t run_count;
    Arena strings, spare;  /* bytes of collected strings */
    WriteColumn **columns; /* of this table; in order of first use */
    size_t column_count, column_cap;
    uint16_t *slot; /* by ColumnId: index in columns + 1 */
    GroupEntry groups[PART_BLOCK_GROUPS];
    size_t group_count; /* of the block */
    Buf meta, blocks;   /* encoded blocks; Block structs */
    TableSeen *tables;  /* by id */
    size_t table_count, table_cap;
    TimeSeen *time_cache;
    PartInfo info;
};

/* ---- part_emit.c ---- */
uint64_t pw_offset(const PartWriter *w); /* of the next byte in the file */
/* The column of this id in the current table; made at first use. */
WriteColumn *pw_column(PartWriter *w, ColumnId id);
ChunkEntry *pw_chunk(PartWriter *w, WriteColumn *c); /* its directory entry in the current group */
void pw_note_series(PartWriter *w, SeriesId series);
void pw_put_times(PartWriter *w, GroupEntry *g, const int64_t *times, size_t rows);
/* Time bytes stand at `start` of `out`, to its end: keeps them, or points to the same bytes written before. */
void pw_share_times(PartWriter *w, GroupEntry *g, size_t start);
void pw_put_runs(PartWriter *w, GroupEntry *g, const AccRun *runs, size_t n);
/* The chunk of one column; state == NULL: every row has a value. */
void pw_put_chunk(PartWriter *w, WriteColumn *c, PhysType type, const void *values,
                  const uint8_t *state, size_t rows, bool alone);
bool pw_end_group(PartWriter *w, const GroupEntry *g, Err *e) MUST_CHECK;
void pw_end_block(PartWriter *w);
bool pw_finish(PartWriter *w, Err *e) MUST_CHECK;

#endif
