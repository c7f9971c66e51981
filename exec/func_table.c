/* Every table of functions, in one place. */
#include "exec/func_private.h"

void func_register_all(void)
{
    static FuncDef *const tables[] = {
        func_to_char, func_from_char, func_to_number, func_arith,       func_compare,
        func_cast,    func_math,      func_numeric,   func_text_table,  func_pattern,
        func_format,  func_time,      func_bucket,    func_time_bucket, func_array,
        func_json,    func_jsonb,     func_jsonpath,  func_json_record, func_bytea,
        func_misc,    func_timetz,    func_window,    func_state,       agg_basic,
        agg_order,    agg_stat,       agg_list,       agg_time,         agg_ordered,
        agg_sketch,   agg_chart,      agg_srf,        func_hash,        func_unicode,
    };
    cast_register();
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        func_register(tables[i]);
}
