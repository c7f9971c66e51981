/* session/promql_forms.h - what each form of reading writes of one series: JSON lines, the text of /federate and
 * its protobuf form, exemplars, remote read by samples and by chunks.
 *
 * Threads: pure. */
#ifndef SKULK_SESSION_PROMQL_FORMS_H
#define SKULK_SESSION_PROMQL_FORMS_H

#include "session/promql_private.h"

typedef enum FamilyKind { /* io.prometheus.client.MetricType, those that there are */
                          FAMILY_UNTYPED = 3,
                          FAMILY_HISTOGRAM = 4,
                          FAMILY_GAUGE_HISTOGRAM = 5,
} FamilyKind;

void form_export(Buf *b, const PqlRawSeries *s);
/* Of the newest sample; nothing for a staleness marker, and in text for a histogram. */
void form_federate(Buf *b, const PqlRawSeries *s);
void form_metric(Buf *b, const PqlRawSeries *s); /* field 4 of MetricFamily */
void form_exemplars(Buf *b, const PqlRawSeries *s);
void form_samples(Buf *b, const PqlRawSeries *s);
void form_chunks(Buf *b, const PqlRawSeries *s, size_t query);

FamilyKind form_family_of(const PqlRawSeries *s);
void form_type_line(Buf *b, Slice name);
void form_family(Buf *b, Slice name, FamilyKind kind,
                 Slice metrics); /* with its length before it */
Slice form_name_of(const PqlLabel *labels, size_t n);
void form_put_quoted(Buf *b, Slice s);
void form_field(Buf *b, uint32_t number, Slice bytes); /* protobuf */

#endif
