/* exec/type_json.h - JSON texts: checking, walking and PostgreSQL's jsonb spelling of them.
 *
 * json keeps its text; jsonb is kept as its canonical text: keys by length then bytes, last
 * duplicate wins, ", " and ": " between.  Walkers take text that was checked before.
 * Threads: pure functions over the caller's arena. */
#ifndef SKULK_EXEC_TYPE_JSON_H
#define SKULK_EXEC_TYPE_JSON_H

#include "exec/type.h"

enum { JSON_DEPTH_MAX = 512 };

typedef enum JsonKind {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} JsonKind;

bool json_check(Slice text, Err *e) MUST_CHECK; /* 22P02 */
bool jsonb_normalize(Slice text, Arena *a, Slice *out, Err *e) MUST_CHECK;

JsonKind json_kind(Slice json);
/* Members of an object or array in turn; false: end.  `at` starts at 0; key is decoded into the arena. */
typedef struct JsonIter {
    Slice json;
    size_t at;
    bool object;
} JsonIter;
JsonIter json_iter(Slice json);
bool json_next(JsonIter *it, Arena *a, Slice *key, Slice *value);
bool json_field(Slice json, Slice key, Arena *a, Slice *value);       /* last one of that name */
bool json_element(Slice json, int64_t index, Arena *a, Slice *value); /* negative: from the end */
int64_t json_length(Slice json, Arena *a);
/* "text" without quotes and escapes; anything else as it is. */
Slice json_text(Slice json, Arena *a);
/* The same of json, which may hold escapes that are no characters: 22P05, 22P02. */
bool json_to_text(Slice json, Arena *a, Slice *out, Err *e) MUST_CHECK;
/* Order of two jsonb values inside a container. */
int jsonb_compare_inner(Slice x, Slice y, Arena *a);
void json_put_string(Buf *dst, Slice s); /* quoted, escaped as PostgreSQL does */

#endif
