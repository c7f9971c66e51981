/* exec/explain_writer.h - the output of EXPLAIN in its four formats, as PostgreSQL lays them out: groups of
 * properties, lists.  In TEXT groups leave no trace; `indent` is in steps of two blanks.
 * Threads: belongs to one task. */
#ifndef SKULK_EXEC_EXPLAIN_WRITER_H
#define SKULK_EXEC_EXPLAIN_WRITER_H

#include "exec/query.h"

enum { EXPLAIN_DEPTH_MAX = 2048 };

typedef struct ExplainWriter {
    Buf *out;
    ExplainFormat format;
    int indent;
    size_t depth;
    bool begun[EXPLAIN_DEPTH_MAX]; /* a group has an item already */
} ExplainWriter;

void ew_begin(ExplainWriter *w, Buf *out, ExplainFormat format);
void ew_end(ExplainWriter *w);
/* A group: of named properties (labeled) or a list of groups; label NULL: it is an item of a list. */
void ew_open(ExplainWriter *w, const char *type, const char *label, bool labeled);
void ew_close(ExplainWriter *w, const char *type, bool labeled);
void ew_text(ExplainWriter *w, const char *label, Slice value);
void ew_number(ExplainWriter *w, const char *label, const char *unit, double value, int digits);
void ew_bool(ExplainWriter *w, const char *label, bool value);
/* Items one behind the other in `values`, their ends in `ends`. */
void ew_list(ExplainWriter *w, const char *label, const Buf *values, const size_t *ends, size_t n);
void ew_pad(ExplainWriter *w); /* TEXT: the blanks before a line */

#endif
