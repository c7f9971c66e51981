/* session/pieces.h - what a REFRESH makes anew: ranges of whole buckets, of all series or of those alone that were changed.
 *
 * Where keys of GROUP BY are tags, a changed series can change the groups alone that have its tags.  So what is
 * kept of these groups goes, and they are made of the rows of the series that have such tags: the same
 * condition, on what is kept and on the source, may always take in more groups than it must.
 * Threads: one. */
#ifndef SKULK_SESSION_PIECES_H
#define SKULK_SESSION_PIECES_H

#include "storage/index.h"
#include "storage/watch.h"

enum { PIECE_SERIES_MAX = 100, PIECES_EACH_MAX = 64 };

typedef enum PieceHow {
    PIECE_NEW,      /* there is nothing of it yet */
    PIECE_REPLACES, /* there are states of it */
    PIECE_ADDS,     /* to states whose rows went; those rows that are there go, too: tiers */
} PieceHow;

typedef struct Piece { /* a range whose buckets are made anew */
    int64_t from_ns, to_ns;
    PieceHow how;
    size_t series_count; /* 0: of all series */
    SeriesId *series;    /* ascending */
} Piece;

typedef struct Pieces {
    Arena *arena;
    Piece *items;
    size_t count, cap;
    bool by_series; /* else all pieces are of all series */
} Pieces;

/* In the order of their beginnings; series 0: all. */
void pieces_add(Pieces *l, int64_t from_ns, int64_t to_ns, PieceHow how, SeriesId series);
/* Neighbours of the same series are one, and where there are very many, all neighbours. */
void pieces_join(Pieces *l);

typedef struct PieceKey { /* of GROUP BY: a tag */
    ColumnId tag;
    Slice name; /* in the statement */
} PieceKey;
/* Appends " AND ..." on each key; false: the piece is of all series, or one of them is not there any more. */
bool piece_condition(Buf *out, SeriesIndex *idx, TableId table, const Piece *piece,
                     const PieceKey *keys, size_t n);

#endif
