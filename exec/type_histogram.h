/* exec/type_histogram.h - the value behind the SQL type `histogram`, for the languages above.
 *
 * Threads: pure values. */
#ifndef SKULK_EXEC_TYPE_HISTOGRAM_H
#define SKULK_EXEC_TYPE_HISTOGRAM_H

#include "storage/histogram.h"

#endif
