/* sqlts/influx_lex.h - what the statements of InfluxQL share: words, and aggregates as SQL has them.
 * Threads: pure. */
#ifndef SKULK_SQLTS_INFLUX_LEX_H
#define SKULK_SQLTS_INFLUX_LEX_H

#include "base/mem.h"

typedef enum InfluxToken {
    INFLUX_END, /* of the text, or a ";" */
    INFLUX_NAME,
    INFLUX_STRING,
    INFLUX_NUMBER,
    INFLUX_PUNCT
} InfluxToken;

typedef struct InfluxLex {
    Arena *arena;
    const char *p, *limit; /* p: behind the token */
    InfluxToken kind;
    bool quoted;
    Slice text; /* of a name or string: without quotes */
} InfluxLex;

void influx_next(InfluxLex *q);
bool influx_is_word(const InfluxLex *q, const char *word);
bool influx_is_punct(const InfluxLex *q, const char *text);
bool influx_take_word(InfluxLex *q, const char *word);
/* The token is =~, !~ or the first slash of a pattern: the pattern; then the token is its end, to be stepped over. */
bool influx_regex(InfluxLex *q, Slice *pattern);

enum { INFLUX_FUNCTIONS = 12 };
typedef struct InfluxFunction {
    const char *name;
    const char *begin, *end; /* around the field; NULL end: the field stands twice */
    bool number;             /* a second argument, of percentile() */
    bool fraction;           /* a float, whatever the field is */
    bool any_type;           /* of field */
    bool selector;           /* one of the values: it has a time */
} InfluxFunction;
extern const InfluxFunction influx_functions[INFLUX_FUNCTIONS];
size_t influx_function_find(Slice name); /* INFLUX_FUNCTIONS: none */
void influx_put_call(Buf *out, size_t f, Slice field, Slice number, bool distinct);

#endif
