#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct ErrRow {
    char sqlstate[6];
    int http_status;
    const char *text;
} err_rows[ERR_COUNT] = {
#define SQLSTATE(name, state, http, text) {state, http, text},
#include "base/sqlstate.def"
#undef SQLSTATE
};

void err_clear(Err *e)
{
    e->code = ERR_OK;
    e->position = 0;
    e->message[0] = e->detail[0] = e->hint[0] = e->context[0] = '\0';
    for (size_t i = 0; i < sizeof e->names / sizeof e->names[0]; i++)
        e->names[i][0] = '\0';
}

/* A text that filled its space was cut: drop the half of a character that may be left, because
 * it goes out as UTF-8. */
static void trim(char *text, size_t len)
{
    size_t begin = len;
    while (begin > 0 && ((unsigned char)text[begin - 1] & 0xC0) == 0x80)
        begin--;
    if (begin > 0)
        begin--;
    if (slice_utf8_step(slice_of(text + begin, len - begin)) == 0)
        text[begin] = '\0';
}

static void format(char *dst, size_t size, const char *fmt, va_list args)
{
    int len = vsnprintf(dst, size, fmt, args);
    if (len >= 0 && (size_t)len >= size)
        trim(dst, size - 1);
}

bool err_set(Err *e, ErrCode code, const char *fmt, ...)
{
    va_list args;
    err_clear(e);
    e->code = code;
    va_start(args, fmt);
    format(e->message, sizeof e->message, fmt, args);
    va_end(args);
    return false;
}

static ErrCode code_of_errno(int err_no)
{
    switch (err_no) {
    case ENOSPC:
    case EDQUOT:
        return ERR_DISK_FULL;
    case ENOENT:
        return ERR_UNDEFINED_FILE;
    default:
        return ERR_IO;
    }
}

bool err_set_errno(Err *e, int err_no, const char *fmt, ...)
{
    char what[ERR_MESSAGE_MAX - 100];
    char text[100];
    va_list args;
    va_start(args, fmt);
    format(what, sizeof what, fmt, args);
    va_end(args);
    return err_set(e, code_of_errno(err_no), "%s: %s", what, strerror_r(err_no, text, sizeof text));
}

bool err_wrap(Err *e, const char *fmt, ...)
{
    char inner[ERR_MESSAGE_MAX];
    va_list args;
    memcpy(inner, e->message, sizeof inner);
    va_start(args, fmt);
    format(e->message, sizeof e->message, fmt, args);
    va_end(args);
    size_t len = strlen(e->message);
    snprintf(e->message + len, sizeof e->message - len, ": %s", inner);
    if (len + 2 + strlen(inner) >= sizeof e->message)
        trim(e->message, sizeof e->message - 1);
    return false;
}

bool err_detail(Err *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format(e->detail, sizeof e->detail, fmt, args);
    va_end(args);
    return false;
}

bool err_hint(Err *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format(e->hint, sizeof e->hint, fmt, args);
    va_end(args);
    return false;
}

bool err_context(Err *e, const char *fmt, ...)
{
    size_t len = strlen(e->context);
    va_list args;
    if (len && len + 1 < sizeof e->context)
        e->context[len++] = '\n';
    va_start(args, fmt);
    format(e->context + len, sizeof e->context - len, fmt, args);
    va_end(args);
    return false;
}

bool err_name(Err *e, ErrName which, Slice name)
{
    size_t n = name.len < ERR_NAME_MAX ? name.len : ERR_NAME_MAX - 1;
    if (n)
        memcpy(e->names[which], name.ptr, n);
    e->names[which][n] = '\0';
    if (n < name.len)
        trim(e->names[which], n);
    return false;
}

bool err_at(Err *e, int position)
{
    e->position = position;
    return false;
}

const char *err_sqlstate(ErrCode code)
{
    must(code < ERR_COUNT);
    return err_rows[code].sqlstate;
}

int err_http_status(ErrCode code)
{
    must(code < ERR_COUNT);
    return err_rows[code].http_status;
}

const char *err_text(ErrCode code)
{
    must(code < ERR_COUNT);
    return err_rows[code].text;
}

int err_position(Slice text, size_t offset)
{
    return (int)slice_utf8_count(text, offset < text.len ? offset : text.len) + 1;
}

void must_fail(const char *cond, const char *file, int line)
{
    /* Not through the log: it may be off, and its own locks may be what failed. */
    dprintf(STDERR_FILENO, "%s:%d: must hold: %s\n", file, line, cond);
    abort();
}
