/* exec/json_scan.h - reading JSON text: is it JSON, and what is wrong with it, in PostgreSQL's words.
 *
 * Only type_json.c needs it; json_check() is what others call.
 * Threads: pure functions. */
#ifndef SKULK_EXEC_JSON_SCAN_H
#define SKULK_EXEC_JSON_SCAN_H

#include "base/err.h"
#include "base/slice.h"

typedef struct JsonScan {
    const char *p, *end;
    Slice text;   /* the whole, for messages */
    bool decodes; /* strings will be decoded: what \u says must be a character */
} JsonScan;

void json_skip_space(JsonScan *s);
/* At a quote; behind the other one afterwards. */
bool json_scan_string(JsonScan *s, Err *e) MUST_CHECK;
bool json_scan_value(JsonScan *s, int depth, Err *e) MUST_CHECK;
/* One value and nothing else. */
bool json_scan_all(Slice text, bool decodes, Err *e) MUST_CHECK;

#endif
