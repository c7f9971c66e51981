/* exec/bucket.h - buckets of time: the arithmetic of time_bucket(), for it and for filling gaps.
 *
 * Values are those of the bucket's type: us of timestamps, days of dates, integers as they are.
 * Threads: pure. */
#ifndef SKULK_EXEC_BUCKET_H
#define SKULK_EXEC_BUCKET_H

#include "exec/datetime.h"
#include "exec/expr.h"
#include "exec/tz.h"

typedef struct Bucket {
    TypeId type;
    int64_t width; /* us, or what an integer type counts; 0: months */
    int32_t months;
    int64_t origin_us; /* local if there is a zone */
    Interval offset;
    bool has_offset;
    const TimeZone *tz; /* NULL: none */
} Bucket;

/* width: interval, or of the integer type; 22023 unless it is greater than 0. */
bool bucket_init(Bucket *b, TypeId type, const Value *width, Err *e) MUST_CHECK;
/* As date_trunc() cuts; false: the unit is unknown, or no length of time. */
bool bucket_of_unit(Bucket *b, TypeId type, Slice unit);
bool bucket_zone(Bucket *b, Slice zone, Err *e) MUST_CHECK;
bool bucket_origin(Bucket *b, int64_t origin, Err *e) MUST_CHECK; /* after the zone */
/* What stands behind the time: a zone, an origin, an offset; a text that is no zone may be one of the others. */
bool bucket_extra(Bucket *b, const TypeEnv *env, TypeId type, const Value *v, Err *e) MUST_CHECK;
/* The start of the bucket that holds v. */
bool bucket_floor(const Bucket *b, int64_t v, int64_t *start, Err *e) MUST_CHECK;
/* The start of the bucket behind the one at `start`. */
bool bucket_after(const Bucket *b, int64_t start, int64_t *next, Err *e) MUST_CHECK;

/* Rows of a call into buckets of one width, counted from an origin. */
bool bucket_fixed_rows(FnCall *c, const int64_t *x, size_t step, int64_t width, int64_t origin,
                       Err *e) MUST_CHECK;

/* A start may lie before the first time there is. */
static inline bool time_too_early(int64_t us)
{
    return us < TIMESTAMP_MIN_US && us != INT64_MIN;
}
bool time_out_of_range(Err *e);

#endif
