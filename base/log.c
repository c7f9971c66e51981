#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

static atomic_int log_least = LOG_OFF;
static atomic_bool log_json;

void log_configure(LogLevel least, bool json)
{
    atomic_store(&log_json, json);
    atomic_store(&log_least, (int)least);
}

bool log_level_parse(Slice name, LogLevel *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (slice_eq_nocase(name, slice_cstr(level_names[i]))) {
            *out = (LogLevel)i;
            return true;
        }
    }
    return false;
}

/* Client text may be in the message: it must not be able to start a line of its own. */
static void put_one_line(Buf *b, Slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        buf_put_u8(b, c < 0x20 || c == 0x7F ? ' ' : c);
    }
}

static void format_json(Buf *b, const char *time, LogLevel level, const char *module, Slice text)
{
    buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"module\":", time, level_names[level]);
    buf_put_json(b, slice_cstr(module));
    buf_puts(b, ",\"message\":");
    buf_put_json(b, text);
    buf_puts(b, "}\n");
}

static void format_text(Buf *b, const char *time, LogLevel level, const char *module, Slice text)
{
    buf_printf(b, "%s %-5s %s: ", time, level_names[level], module);
    put_one_line(b, text);
    buf_puts(b, "\n");
}

void log_line(LogLevel level, const char *module, const char *fmt, ...)
{
    char text[2048], time[48];
    va_list args;
    if ((int)level < atomic_load_explicit(&log_least, memory_order_relaxed) || level >= LOG_OFF)
        return;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    must(len >= 0);
    Slice message = slice_of(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    int64_t now = clock_real.wall_ns(&clock_real);
    clock_rfc3339(time, now - now % NS_PER_US);
    Buf b;
    buf_init(&b);
    if (atomic_load_explicit(&log_json, memory_order_relaxed))
        format_json(&b, time, level, module, message);
    else
        format_text(&b, time, level, module, message);
    ssize_t written = write(STDERR_FILENO, b.ptr, b.len);
    (void)written; /* there is nowhere to report it */
    buf_free(&b);
}
