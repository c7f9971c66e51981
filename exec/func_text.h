/* exec/func_text.h - what the functions on texts share: characters, splitting, regular expressions.
 * Threads: pure. */
#ifndef SKULK_EXEC_FUNC_TEXT_H
#define SKULK_EXEC_FUNC_TEXT_H

#include "exec/expr.h"

enum { TEXT_RESULT_MAX = 1 << 28 }; /* bytes of one result */

size_t utf8_len(unsigned char lead);       /* bytes of the character that starts so, 1..4 */
size_t utf8_offset(Slice s, size_t chars); /* byte offset of a character, at most s.len */
size_t utf8_put(char *dst, uint32_t c);
uint32_t utf8_get(const char *p, size_t len, size_t *used);
Slice text_fold_case(Arena *a, Slice s, bool upper);
/* `digits` hex digits at p; false, and nothing set, if they are not there. */
bool text_hex(const char *p, const char *limit, int digits, uint32_t *out);
/* A code point or half of a surrogate pair: a high one waits in *high for its low one.  false: no such. */
bool utf16_put(Buf *b, uint32_t c, uint32_t *high);
bool text_is_plain_identifier(Slice s); /* needs no quotes */
void text_put_ident(Buf *dst, Slice s);
void text_put_literal(Buf *dst, Slice s);

/* string_to_array(text, separator [, text for NULL]); NULL separator: characters. */
bool func_split(EvalCtx *ctx, const Value *args, size_t n, Array **out, Err *e) MUST_CHECK;
bool func_regexp_split(EvalCtx *ctx, const Value *args, size_t n, Array **out, Err *e) MUST_CHECK;
/* Each match as an array of its groups. */
bool func_regexp_matches(EvalCtx *ctx, const Value *args, size_t n, Value **out, size_t *count,
                         Err *e) MUST_CHECK;

#endif
