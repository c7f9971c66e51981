/* base/regex.h - regular expressions behind one face (PCRE2 with JIT and match limits).
 *
 * Two flavours: REGEX_PG (PostgreSQL's ~: search, not anchored) and REGEX_RE2 (PromQL:
 * fully anchored, `.` matches newline, refuses what RE2 refuses: lookaround, back
 * references, possessive and atomic groups, \Z, repeats above 1000).
 * A match that hits the match limit is retried with the DFA matcher under its own limit,
 * then fails with LIMIT_EXCEEDED.  Literal, prefix, suffix and alternation-of-literals
 * patterns are recognised and matched without PCRE2.
 * Threads: a compiled Regex may be used from any thread. */
#ifndef SKULK_BASE_REGEX_H
#define SKULK_BASE_REGEX_H

#include "base/mem.h"

typedef enum RegexFlavour { REGEX_PG, REGEX_RE2 } RegexFlavour;
enum { REGEX_NOCASE = 1 };
enum { REGEX_PATTERN_MAX = 16384, REGEX_GROUPS_MAX = 64 };

typedef struct Regex Regex;

bool regex_compile(Regex **out, Slice pattern, RegexFlavour flavour, int flags,
                   Err *e) MUST_CHECK; /* 2201B */
void regex_free(Regex *r);
bool regex_match(const Regex *r, Slice text, bool *matched, Err *e) MUST_CHECK;
/* Groups as byte ranges; group 0 is the whole match; begin < 0: not set.  *count = 0: no match. */
typedef struct RegexGroup {
    int64_t begin, end;
} RegexGroup;
bool regex_groups(const Regex *r, Slice text, size_t from, RegexGroup *groups, size_t *count,
                  Err *e) MUST_CHECK;
/* Name of a group -> its number; -1: none. */
int regex_group_number(const Regex *r, Slice name);
/* The set of literals if the whole pattern is an alternation of literals (RE2 flavour); else false. */
bool regex_literals(const Regex *r, const Slice **literals, size_t *count);
bool regex_matches_empty(const Regex *r);

#endif
