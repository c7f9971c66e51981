/* exec/tz.h - more of time zones than type.h tells: names, abbreviations, local time.
 *
 * Rules come from the system's TZif files (/usr/share/zoneinfo, or TZDIR) and from POSIX texts.
 * Threads: zones are immutable once found and live as long as the process. */
#ifndef SKULK_EXEC_TZ_H
#define SKULK_EXEC_TZ_H

#include "exec/type.h"

typedef struct TimeZone TimeZone;

Slice tz_name(const TimeZone *tz);
/* "est", "cet", any case; false: unknown. */
bool tz_abbreviation(Slice text, int32_t *offset_s, bool *dst);
/* The i-th of all abbreviations, in lower case; NULL: there are no more. */
const char *tz_abbreviation_at(size_t i, int32_t *offset_s, bool *dst);
/* Every zone of the system's directory.  Reads them all the first time. */
void tz_each(void (*each)(void *arg, const TimeZone *tz), void *arg);
const TimeZone *tz_fixed(int32_t offset_s); /* named "<+05:30>-05:30"; within 24 h */
bool tz_is_dst_at(const TimeZone *tz, int64_t utc_s);
bool tz_is_constant(const TimeZone *tz); /* one offset, always */

/* Microseconds; infinities stay. */
int64_t tz_local_us(const TimeZone *tz, int64_t utc_us);
int64_t tz_utc_us(const TimeZone *tz, int64_t local_us);

#endif
