/* session/rejected.h - the rows of skulk.rejected.  Threads: any. */
#ifndef SKULK_SESSION_REJECTED_H
#define SKULK_SESSION_REJECTED_H

#include "exec/query.h"

bool rejected_fill(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e) MUST_CHECK;

#endif
