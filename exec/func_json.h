/* exec/func_json.h - values as JSON, as to_json() writes them.
 * Threads: pure. */
#ifndef SKULK_EXEC_FUNC_JSON_H
#define SKULK_EXEC_FUNC_JSON_H

#include "exec/type.h"

/* Any value: numbers and bool plain, json as it is, times ISO with T, the rest as text.
 * canonical: for jsonb, which is normalized afterwards. */
bool json_put_value(const TypeEnv *env, TypeId type, const Value *v, bool canonical, Buf *dst,
                    Err *e) MUST_CHECK;
/* "key" : */
bool json_put_key(const TypeEnv *env, TypeId type, const Value *v, bool canonical, Buf *dst,
                  Err *e) MUST_CHECK;

#endif
