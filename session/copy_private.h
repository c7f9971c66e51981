/* session/copy_private.h - what the files of COPY share: bytes of any cut to rows of fields.
 *
 * CopyLines cuts text and csv by PostgreSQL's rules (CopyReadLine, CopyReadAttributes): the first line
 * end decides which of \n, \r, \r\n ends lines, csv keeps line ends inside quotes, `\.` alone ends the
 * data.  CopyTuples does the same for the binary format.  Neither knows columns' types.
 * Threads: they belong to the portal. */
#ifndef SKULK_SESSION_COPY_PRIVATE_H
#define SKULK_SESSION_COPY_PRIVATE_H

#include "session/session_private.h"
#include <iconv.h>

enum {
    COPY_LINE_MAX = 64 << 20,
    COPY_SLACK = 16, /* zeros behind the bytes, for whoever looks at 16 of them at once */
};

typedef enum CopyStep { COPY_ROW, COPY_MORE, COPY_END, COPY_FAIL } CopyStep;
typedef enum CopyEol { EOL_UNKNOWN, EOL_NL, EOL_CR, EOL_CRNL } CopyEol;

typedef struct CopyLines {
    const BoundCopy *o;
    Buf bytes;          /* what no line has taken yet begins at `begin` */
    size_t begin, scan; /* scan: bytes of the current line that were looked at */
    CopyEol eol;
    bool in_quote, escaped, started, ended;
    uint64_t number; /* of the current line; csv counts the ends inside quotes too */
    Slice line;      /* the last one, without its end; ptr NULL while one is read */
    Buf unescaped;
} CopyLines;

CopyStep copy_lines_next(CopyLines *l, bool at_end, Err *e) MUST_CHECK;
/* The next line and its fields at once, if it is whole, has no quotes, escapes or \r, and just so many
 * fields.  false: nothing was taken, the other two will tell. */
bool copy_lines_plain(CopyLines *l, Slice *fields, size_t count);
/* Fields of the line; the count may be above max, only max are kept.  A NULL has no ptr. */
bool copy_lines_split(CopyLines *l, Slice *fields, size_t max, size_t *count, Err *e) MUST_CHECK;
void copy_lines_free(CopyLines *l);

typedef struct CopyTuples {
    Buf bytes;
    size_t begin;
    bool header_done, ended, started;
    uint64_t number; /* of the current row */
    size_t field;    /* being cut, from 1; 0 = none */
} CopyTuples;

/* Fields of the next row; a NULL has no ptr.  They live until the next bytes are added. */
CopyStep copy_tuples_next(CopyTuples *t, Slice *fields, size_t count, bool at_end,
                          Err *e) MUST_CHECK;
void copy_put_binary_header(Buf *out);

/* Between UTF-8 and an encoding with one byte a character. */
typedef struct CopyCharset {
    iconv_t how;
    bool open;
    const char *from, *to; /* names for messages */
    Buf in;
} CopyCharset;

bool copy_charset_open(CopyCharset *c, const BoundCopy *o, bool reading, Err *e) MUST_CHECK;
void copy_charset_close(CopyCharset *c);
/* `out` is what `in` becomes. */
bool copy_convert(CopyCharset *c, Slice in, Buf *out, Err *e) MUST_CHECK;

#endif
