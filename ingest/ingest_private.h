/* ingest/ingest_private.h - what the parsers share: the job, and names resolved to ids.
 *
 * An IngTable is a table as one body sees it: the newest definition, and the columns in the order in
 * which the last row named them, so that the next row finds each by one comparison.
 * Threads: belongs to one job. */
#ifndef SKULK_INGEST_INGEST_PRIVATE_H
#define SKULK_INGEST_INGEST_PRIVATE_H

#include "ingest/ingest.h"

enum {
    ING_STEP_LINES = 4000,  /* about 1 ms */
    ING_SAMPLE_LINES = 256, /* the first step: tells how many rows the body will have */
    ING_LAYOUTS_MAX = 8,    /* of a table; rows with others take the whole grammar */
    ING_TAGS_MAX = 256,     /* of one row */
    ING_EDIT_TRIES = 100,   /* schema changes that others were quicker with */
    ING_DROP_TRIES = 10,    /* of a row whose table is dropped meanwhile */
};

typedef enum IngKind {
    ING_FLOAT,
    ING_INT,
    ING_UINT,
    ING_BOOL,
    ING_STRING,
    ING_HISTOGRAM,
    ING_MICROS
} IngKind;

typedef struct IngField { /* a field key as the client spells it -> the column */
    Slice key;
    ColumnId id;
    PhysType phys;
    uint32_t type_oid;
    int32_t typmod;
    /* for lines like those before */
    bool plain;    /* the key has no byte that needs a backslash, and fits into `text` */
    uint32_t mask; /* of the bytes of `text` that count */
    char text[32]; /* key and "=" */
} IngField;

typedef struct IngLayout { /* a row as lines spell it: one field a column of the shape */
    const RowShape *shape; /* of the job's batch */
    IngField *fields;
} IngLayout;

typedef struct IngTable {
    struct IngTable *next;
    Slice name;
    ObjectId schema;
    uint64_t hash;       /* of both */
    const TableDef *def; /* of job->catalog */
    bool labelled; /* has tags with the name of a field: every line is looked at for such a pair */
    bool required; /* has NOT NULL columns beside the time */
    bool checked;  /* has CHECK constraints */
    bool partial;  /* not all columns may be written */
    int64_t keep_ns; /* the shortest for which it keeps rows; INT64_MAX = for ever */
    TableId id;
    uint64_t version; /* of the definition that the fields were found in */
    uint64_t use;     /* of the job; an older one: to be looked at again */
    IngField *fields; /* in the order of the last row */
    size_t field_count, field_max;
    IngLayout layouts[ING_LAYOUTS_MAX]; /* of lines, in the order in which they were met */
    uint32_t layout_count, layout_last;
} IngTable;

typedef struct IngValue {
    IngKind kind;
    union {
        double f64;
        int64_t i64;
        uint64_t u64;
        bool b;
        Slice str;
        const struct Histogram *hist; /* checked */
    } u;
} IngValue;

typedef struct IngSample { /* of remote write */
    Slice key;
    IngValue value;
    int64_t start_ms; /* 0 = none */
} IngSample;

typedef struct IngHead { /* measurement and tags as they stand in the body, without any backslash */
    Hash128 hash;        /* of the tags, with the table */
    const char *text;
    uint32_t len;
    uint32_t next; /* the head that followed it last time */
    IngTable *table;
    SeriesId series;
} IngHead;

typedef struct IngHeads { /* that this body had so far */
    IngHead *heads;
    uint32_t count, cap;
    uint32_t *slots; /* open addressing by hash: index + 1 */
    uint32_t mask;
    uint32_t last; /* of the line before */
} IngHeads;

struct IngJob {
    const IngFormat *format;
    IngContext c;
    Slice body;
    size_t pos, line; /* of the next line */
    CatalogSnap *catalog;
    SeriesIndex *index;
    WriteBatch *batch;
    Arena arena; /* as long as the job */
    IngTable *tables, *last_table;
    IngTable **table_slots; /* open addressing by name */
    size_t table_count, table_mask;
    int64_t keep_ns;       /* the shortest of the body's tables; INT64_MAX = for ever */
    Err denied;            /* a table that must not be written: the whole body fails */
    size_t tables_dropped; /* grows: the row that was looking at such a table is tried again */
    IngHeads heads;
    size_t rows, error_count;
    IngWritten written; /* but samples: they are the other rows */
    Buf told;           /* hashes of the metadata in the batch */
    IngLineError *errors;
    Buf scratch; /* unescaped text of one line */
    Tag *tags;   /* ING_TAGS_MAX */
    Slice *tag_keys;
    void *state; /* of the format */
    void (*state_free)(void *state);
    bool stored;  /* the batch was committed */
    uint64_t use; /* grows with each body that a kept job is used for */
    IngJob *next; /* kept */
};

/* ---- ing_schema.c ---- */
IngTable *ing_table(IngJob *j, Slice name, Err *e); /* made if missing; NULL on failure */
IngTable *ing_table_keep(IngJob *j, Slice name,
                         Err *e); /* one that keeps every row, if it is made */
/* Of another schema than the job's, which is made as well. */
IngTable *ing_table_in(IngJob *j, Slice schema, Slice name, Err *e);
IngTable *ing_known_table(IngJob *j, Slice name); /* used by this job before; NULL = no */
bool ing_table_usable(IngJob *j, IngTable *t);    /* one that it used before: it is there still */
/* Would the value of this new or known field be taken?  Makes nothing. */
bool ing_fits(const TableDef *def, Slice measurement, Slice key, const IngValue *v,
              Err *e) MUST_CHECK;
/* Column of a field; position is the k-th field of the row (a hint).  Made if missing. */
bool ing_field(IngJob *j, IngTable *t, size_t position, Slice key, IngKind kind, IngField **out,
               Err *e) MUST_CHECK;
/* Column of a tag.  *as_field: an SQL-made table has a plain column of this name: the value goes there. */
bool ing_tag(IngJob *j, IngTable *t, Slice key, ColumnId *id, const ColumnDef **as_field,
             Err *e) MUST_CHECK;
/* A label of Prometheus, in a table whose fields are samples: none of them is in its way, whichever comes first. */
bool ing_label(IngJob *j, IngTable *t, Slice key, ColumnId *id, Err *e) MUST_CHECK;
/* Its column keeps values of its physical type as they come: no smaller type, no bound on the length. */
bool ing_stored_plainly(const IngField *f);
/* Puts the value into the row begun last, converted as docs/ingest.md says. */
bool ing_put(IngJob *j, const IngTable *t, const IngField *f, const IngValue *v, Err *e) MUST_CHECK;
/* Ends the row begun last; in `keep` tables it gets its number first, so that UPDATE and DELETE find it. */
void ing_row_end(IngJob *j, const IngTable *t);
/* NOT NULL and CHECK: what rows of the same fields that follow need not be asked again. */
bool ing_row_check(const IngJob *j, const IngTable *t, Err *e) MUST_CHECK;
bool ing_series_check(const IngJob *j, const IngTable *t, size_t tag_count, Err *e) MUST_CHECK;
bool ing_put_text(IngJob *j, const IngTable *t, const ColumnDef *col, Slice text,
                  Err *e) MUST_CHECK;

/* ---- ing_keep.c: jobs that wait for the next body ---- */
IngJob *ing_keep_take(IngSeen *s, const IngFormat *f, const IngContext *c); /* NULL: none fits */
bool ing_keep(IngJob *j); /* false: it is to be freed */

/* ---- ingest.c ---- */
/* tags: n of job->tags with keys in job->tag_keys; finds or makes the series. */
bool ing_series(IngJob *j, IngTable *t, size_t n, const Hash128 *raw, SeriesId *out,
                Err *e) MUST_CHECK;
/* A row failed: once more, for a table of it was dropped since `dropped` was noted? */
bool ing_again(const IngJob *j, size_t *dropped, int *tries);
void ing_refuse(IngJob *j, size_t line, Slice text, const Err *e);
bool ing_time(const IngJob *j, int64_t value, int64_t *ns, Err *e) MUST_CHECK;
int64_t ing_now(const IngJob *j);

/* ---- ing_histogram.c: a row with the field "histogram" (or the staleness marker, by its sum) ---- */
bool ing_histogram(IngJob *j, IngTable *t, SeriesId id, int64_t ns, const struct Histogram *h,
                   Err *e) MUST_CHECK; /* h: of hist_check() */
/* A row of one field, and where it is not 0 the time from which the sample counts: the field "__start__". */
bool ing_started_row(IngJob *j, IngTable *t, SeriesId id, int64_t ns, const IngSample *s,
                     Err *e) MUST_CHECK;
/* The message of remote write 1.0 and 2.0. */
bool ing_histogram_message(IngJob *j, IngTable *t, SeriesId id, Slice bytes, Err *e) MUST_CHECK;

/* ---- ing_expired.c ---- */
/* Rows of the batch that are past the TTL of their table are taken out and refused. */
bool ing_refuse_expired(IngJob *j, Err *e) MUST_CHECK;

/* ---- ing_line_fast.c: lines like those before them ---- */
/* Takes the next line if its head is known and its fields are those of a row before; false: nothing
 * happened, the line needs the whole grammar. */
bool ing_fast_line(IngJob *j);
/* The row ended last was taken by the whole grammar: more like it may come. */
void ing_fast_learn(IngJob *j, IngTable *t);
void ing_head_add(IngJob *j, Slice text, const Hash128 *h, IngTable *t, SeriesId id);
void ing_heads_clear(IngHeads *hs);
void ing_heads_free(IngHeads *hs);
bool ing_bool(Slice s, bool *out); /* of a line: t, True, FALSE, ... */

/* ---- formats ---- */
bool ing_line_step(IngJob *j, bool *done, Err *e) MUST_CHECK;
bool ing_json_step(IngJob *j, bool *done, Err *e) MUST_CHECK;
bool ing_remote_step(IngJob *j, bool *done, Err *e) MUST_CHECK;
bool ing_otlp_metrics_step(IngJob *j, bool *done, Err *e) MUST_CHECK;
bool ing_otlp_logs_step(IngJob *j, bool *done, Err *e) MUST_CHECK;
bool ing_otlp_traces_step(IngJob *j, bool *done, Err *e) MUST_CHECK;
bool ing_remote2_step(IngJob *j, bool *done, Err *e) MUST_CHECK;

#endif
