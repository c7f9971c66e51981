/* base/log.h - the server's log: one line an event, to stderr, as text or JSON.
 * The embedded library stays silent unless log_configure was called.
 * Threads: all; a line is written by one write(2). */
#ifndef SKULK_BASE_LOG_H
#define SKULK_BASE_LOG_H

#include "base/err.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF } LogLevel;

void log_configure(LogLevel least, bool json);
bool log_level_parse(Slice name, LogLevel *out);
void log_line(LogLevel level, const char *module, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define log_info(module, ...)  log_line(LOG_INFO, module, __VA_ARGS__)
#define log_warn(module, ...)  log_line(LOG_WARN, module, __VA_ARGS__)
#define log_error(module, ...) log_line(LOG_ERROR, module, __VA_ARGS__)

#endif
