/* exec/func_time.h - what the functions on dates and times share.
 * Threads: pure. */
#ifndef SKULK_EXEC_FUNC_TIME_H
#define SKULK_EXEC_FUNC_TIME_H

#include "exec/tz.h"

/* A zone as AT TIME ZONE takes it: abbreviation, IANA name or POSIX text. */
bool func_zone(Slice name, const TimeZone **tz, Err *e) MUST_CHECK;
bool func_zone_of_interval(const TypeEnv *env, Interval iv, const TimeZone **tz, Err *e) MUST_CHECK;

#endif
