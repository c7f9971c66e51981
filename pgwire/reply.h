/* pgwire/reply.h - backend messages, each through one counted writer.
 *
 * A length that is wrong by one byte ends the client's session, so no message is written by
 * hand: pgw_begin, the fields, pgw_end.
 * Threads: pure. */
#ifndef SKULK_PGWIRE_REPLY_H
#define SKULK_PGWIRE_REPLY_H

#include "session/session.h"

size_t pgw_begin(Buf *b, char type); /* the mark for pgw_end */
void pgw_end(Buf *b, size_t mark);
void pgw_put_i16(Buf *b, int16_t v);
void pgw_put_i32(Buf *b, int32_t v);
void pgw_put_cstr(Buf *b, Slice s); /* up to a NUL inside it, and a NUL */

void pgw_simple(Buf *b, char type); /* a message without body */
/* ErrorResponse (severity ERROR, FATAL) or NoticeResponse (type 'N'). */
void pgw_error(Buf *b, char type, const char *severity, const Err *e);
void pgw_ready(Buf *b, char status);
void pgw_parameter(Buf *b, Slice name, Slice value);
void pgw_auth_ok(Buf *b);
void pgw_auth_sasl(Buf *b, bool plus); /* which mechanisms there are */
void pgw_auth_sasl_data(Buf *b, bool last, Slice data);
void pgw_key(Buf *b, int32_t pid, int32_t secret);
void pgw_negotiate(Buf *b, const Slice *unknown, size_t count);
void pgw_complete(Buf *b, const char *tag);
void pgw_notification(Buf *b, int32_t pid, Slice channel, Slice payload);
/* portal NULL: formats are all text (Describe of a statement). */
void pgw_row_description(Buf *b, const OutColumn *cols, size_t count, const Portal *portal);
void pgw_param_description(Buf *b, const TypeId *types, size_t count);
void pgw_copy_response(Buf *b, char type, bool binary, size_t columns);

#endif
