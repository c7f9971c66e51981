/* Window functions have no code here: PLAN_WINDOW knows them by name. */
#include "exec/func_private.h"

#define WINDOW(sig, txt)                                                                           \
    {                                                                                              \
        .signature = sig, .flags = FN_WINDOW, .text = txt                                          \
    }

FuncDef func_window[] = {
    WINDOW("row_number() int8", "number of the row in its partition"),
    WINDOW("rank() int8", "rank, with gaps"),
    WINDOW("dense_rank() int8", "rank, without gaps"),
    WINDOW("percent_rank() float8", "(rank - 1) / (rows - 1)"),
    WINDOW("cume_dist() float8", "part of the rows up to this one"),
    WINDOW("ntile(int4) int4", "number of the bucket among so many"),
    WINDOW("lag(anyelement) anyelement", "value of the row before"),
    WINDOW("lag(anyelement, int4) anyelement", "value of a row before"),
    WINDOW("lag(anyelement, int4, anyelement) anyelement", "value of a row before, or a default"),
    WINDOW("lead(anyelement) anyelement", "value of the row after"),
    WINDOW("lead(anyelement, int4) anyelement", "value of a row after"),
    WINDOW("lead(anyelement, int4, anyelement) anyelement", "value of a row after, or a default"),
    WINDOW("first_value(anyelement) anyelement", "value of the first row of the frame"),
    WINDOW("last_value(anyelement) anyelement", "value of the last row of the frame"),
    WINDOW("nth_value(anyelement, int4) anyelement", "value of the n-th row of the frame"),
    FUNC_END,
};
