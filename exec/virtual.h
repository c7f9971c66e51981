/* exec/virtual.h - rows that C code produces: system views.
 *
 * A view is a row of <module>_views[] (ViewDef, exec/plan.h); its fill() calls row_sink_add for each
 * row.  It runs once a statement, whatever number of times the view is read, and only columns that
 * some reader wants are kept.
 * To add a view: a ViewDef and its fill in the module that knows the facts; view_register at start.
 * Threads: registration before threads start; a sink belongs to one task. */
#ifndef SKULK_EXEC_VIRTUAL_H
#define SKULK_EXEC_VIRTUAL_H

#include "exec/plan.h"

typedef struct RowStore RowStore;

/* What fill() sees; made by the operator. */
struct RowSink {
    const ViewDef *view;
    const bool *wants; /* a flag a column */
    RowStore *rows;    /* the wanted columns; others are NULL */
    Value *row;        /* scratch of one row */
};

#endif
