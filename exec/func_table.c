/* Every table of functions, in one place. */
#include "exec/func_private.h"

void func_register_all(void)
{
    static FuncDef *const tables[] = {
        func_arith, func_compare, func_cast, func_time, func_bucket, agg_basic, agg_order,
    };
    cast_register();
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        func_register(tables[i]);
}
