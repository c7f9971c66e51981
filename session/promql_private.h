/* session/promql_private.h - what the HTTP door and the SQL functions of PromQL share. */
#ifndef SKULK_SESSION_PROMQL_PRIVATE_H
#define SKULK_SESSION_PROMQL_PRIVATE_H

#include "promql/promql.h"
#include "session/session_private.h"

#define PROM_TIMEOUT_MS INT64_C(120000)

void prom_put_labels(Buf *b, const PqlLabel *labels, size_t count); /* {"a":"b"} */
void prom_put_time(Buf *b, int64_t ms);                             /* [1.5, */
void prom_put_point(Buf *b, int64_t t_ms, double v);                /* [1.5,"2"] */
void prom_put_histogram(Buf *b, int64_t t_ms, const struct Histogram *h);

#endif
