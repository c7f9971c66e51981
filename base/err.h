/* base/err.h - what went wrong: SQLSTATE, message, detail, hint, context, position.
 *
 * An Err is a fixed-size value: reporting an error never allocates.  err_set and
 * err_wrap return false, so that `return err_set(...)` leaves a fallible function.
 * Messages: lower case, no full stop, "quoted names", the limit and the value.
 * To add a code: one row in base/sqlstate.def.
 * Threads: a value; owned by whoever declared it. */
#ifndef SKULK_BASE_ERR_H
#define SKULK_BASE_ERR_H

#include "base/slice.h"
#include <stdarg.h>

typedef enum ErrCode {
#define SQLSTATE(name, state, http, text) ERR_##name,
#include "base/sqlstate.def"
#undef SQLSTATE
    ERR_COUNT
} ErrCode;

enum {
    ERR_MESSAGE_MAX = 512,
    ERR_DETAIL_MAX = 512,
    ERR_HINT_MAX = 256,
    ERR_CONTEXT_MAX = 768,
    ERR_NAME_MAX = 64
};

/* Which object: what clients read beside the text (fields s t c n of the wire). */
typedef enum ErrName {
    ERR_NAME_SCHEMA,
    ERR_NAME_TABLE,
    ERR_NAME_COLUMN,
    ERR_NAME_CONSTRAINT
} ErrName;

typedef struct Err {
    ErrCode code;
    int position; /* character (not byte) of the statement, from 1; 0 = none */
    char message[ERR_MESSAGE_MAX];
    char detail[ERR_DETAIL_MAX];   /* "" = none */
    char hint[ERR_HINT_MAX];       /* "" = none */
    char context[ERR_CONTEXT_MAX]; /* where it happened: "COPY t, line 3"; "" = none */
    char names[4][ERR_NAME_MAX];   /* by ErrName; "" = none */
} Err;

void err_clear(Err *e);
bool err_set(Err *e, ErrCode code, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool err_set_errno(Err *e, int err_no, const char *fmt, ...)
    PRINTF_LIKE(3, 4); /* ENOSPC/EDQUOT: DISK_FULL, ENOENT: UNDEFINED_FILE, else IO */
bool err_wrap(Err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);   /* "outer: inner" */
bool err_detail(Err *e, const char *fmt, ...) PRINTF_LIKE(2, 3); /* false as well */
bool err_hint(Err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool err_context(Err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool err_name(Err *e, ErrName which, Slice name);
bool err_at(Err *e, int position);
const char *err_sqlstate(ErrCode code); /* "42601" */
int err_http_status(ErrCode code);
const char *err_text(ErrCode code);
/* Position in characters from 1 of byte `offset` in `text`. */
int err_position(Slice text, size_t offset);

/* Our own mistakes.  Stays on in release; logs and aborts. */
#define must(cond) ((cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__))
_Noreturn void must_fail(const char *cond, const char *file, int line);

#endif
