/* base/regex_private.h - the two halves below base/regex.c: other syntaxes into PCRE2's, and
 * patterns that need no automaton at all.
 * Threads: pure functions. */
#ifndef SKULK_BASE_REGEX_PRIVATE_H
#define SKULK_BASE_REGEX_PRIVATE_H

#include "base/regex.h"

/* What PostgreSQL's embedded options, "(?i)…", may change. */
typedef struct RegexModes {
    bool nocase, newline_sensitive, extended;
} RegexModes;

/* Appends the pattern in PCRE2's syntax; 2201B for what the flavour does not know. */
bool regex_from_re2(Slice pattern, Buf *out, Err *e) MUST_CHECK;
bool regex_from_pg(Slice pattern, RegexModes *modes, Buf *out, Err *e) MUST_CHECK;

typedef enum RegexKind {
    REGEX_KIND_PCRE,
    REGEX_KIND_SET,      /* the text is one of the literals */
    REGEX_KIND_PREFIX,   /* the text begins with literal 0 */
    REGEX_KIND_SUFFIX,   /* … ends with it */
    REGEX_KIND_CONTAINS, /* … holds it */
} RegexKind;

typedef struct RegexPlan {
    RegexKind kind;
    size_t extra;    /* bytes that the text has at least beside the literal (.+) */
    Slice *literals; /* sorted; heap; they point into bytes */
    size_t count;
    Buf bytes;
} RegexPlan;

void regex_plan(Slice pattern, RegexFlavour flavour, RegexPlan *out);
void regex_plan_free(RegexPlan *p);
bool regex_plan_match(const RegexPlan *p, Slice text); /* not for REGEX_KIND_PCRE */

#endif
