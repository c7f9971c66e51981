/* exec/resolve_private.h - the function registry and the cast table, for exec/ alone.
 * Threads: built before threads start, read-only after. */
#ifndef SKULK_EXEC_RESOLVE_PRIVATE_H
#define SKULK_EXEC_RESOLVE_PRIVATE_H

#include "exec/expr.h"

/* All functions and operators of a name. */
typedef struct FuncGroup {
    const FuncDef **items;
    size_t count;
} FuncGroup;
FuncGroup func_named(Slice name);

typedef enum CastKind { CAST_SAME, CAST_RELABEL, CAST_FUNC, CAST_IO, CAST_ARRAY } CastKind;
typedef struct CastPath {
    CastKind kind;
    CastLevel level; /* least level that may use it */
    const FuncDef *func;
} CastPath;
bool cast_find(TypeId from, TypeId to, CastPath *out);
void cast_add_func(const FuncDef *f); /* called by func_register for FN_CAST_* rows */
/* One value, explicitly; typmod -1 = none. */
bool cast_value(EvalCtx *ctx, TypeId from, TypeId to, int32_t typmod, const Value *in, Value *out,
                Err *e) MUST_CHECK;
/* Calls a function on single values; `types` are those of the arguments. */
bool func_call(EvalCtx *ctx, const FuncDef *f, TypeId result, const TypeId *types,
               const Value *args, size_t n, Value *out, Err *e) MUST_CHECK;
bool expr_io_cast_value(EvalCtx *ctx, TypeId from, TypeId to, int32_t typmod, const Value *in,
                        Value *out, Err *e) MUST_CHECK;
bool type_io_is_immutable(TypeId t);
bool expr_is_foldable(const Expr *x); /* immutable itself, all arguments constants */
void cast_register(void);
void func_register_all(void); /* every table of exec/ */

#endif
