#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex.h"

#include "base/regex_private.h"
#include <pcre2.h>
#include <pthread.h>
#include <stdatomic.h>

/* Bounds on one match.  Where the DFA can answer instead, backtracking ends after some 0.1 ms
 * (more for long texts, by their length); groups need it, about 10 ms then. */
enum {
    MATCH_LIMIT = 1000000,
    MATCH_LIMIT_FIRST = 20000,
    MATCH_LIMIT_PER_BYTE = 16,
    HEAP_LIMIT_KIB = 16 << 10,
    JIT_STACK_MIN = 32 << 10,
    JIT_STACK_MAX = 512 << 10,
    DFA_STATES_MAX = 1000,
    DFA_STATES_MIN = 40,
    DFA_STATE_INTS = 6, /* of the workspace; and some for itself */
    DFA_WORKSPACE = (DFA_STATES_MAX + 10) * DFA_STATE_INTS,
    DFA_COMPARES_MAX = 8000000, /* about 1 ms */
};

struct Regex {
    RegexFlavour flavour;
    uint32_t options; /* of pcre2_compile, without the choice about UTF */
    Buf pattern;      /* in PCRE2's syntax */
    RegexPlan plan;
    bool matches_empty;
    _Atomic(pcre2_code *) search; /* made when first needed; the first to publish wins */
    _Atomic(pcre2_code *) dfa;
};

/* --- what each thread keeps --- */

typedef struct RegexThread {
    pcre2_match_data *match;
    pcre2_match_context *first; /* its limit is set for each text */
    pcre2_jit_stack *stack;
    int workspace[DFA_WORKSPACE];
} RegexThread;

static pthread_once_t regex_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static pcre2_match_context *match_context; /* read only after regex_once */
static pcre2_compile_context *compile_context;

static void thread_free(void *arg)
{
    RegexThread *t = arg;
    pcre2_match_data_free(t->match);
    pcre2_match_context_free(t->first);
    pcre2_jit_stack_free(t->stack);
    mem_free(t);
}

static RegexThread *thread_get(void)
{
    RegexThread *t = pthread_getspecific(thread_key);
    if (t)
        return t;
    t = mem_alloc(sizeof *t);
    t->match = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
    t->first = pcre2_match_context_copy(match_context);
    t->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    must(t->match != NULL);
    must(t->first != NULL);
    must(t->stack != NULL);
    must(pthread_setspecific(thread_key, t) == 0);
    return t;
}

static pcre2_jit_stack *thread_stack(void *arg)
{
    (void)arg;
    return thread_get()->stack;
}

static void regex_setup(void)
{
    must(pthread_key_create(&thread_key, thread_free) == 0);
    match_context = pcre2_match_context_create(NULL);
    compile_context = pcre2_compile_context_create(NULL);
    must(match_context != NULL);
    must(compile_context != NULL);
    pcre2_set_match_limit(match_context, MATCH_LIMIT);
    pcre2_set_heap_limit(match_context, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(match_context, thread_stack, NULL);
    pcre2_set_newline(compile_context, PCRE2_NEWLINE_LF);
}

/* --- compiling --- */

/* PostgreSQL's words for the commonest mistakes. */
static const char *pg_reason(int error)
{
    switch (error) {
    case PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS:
    case PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS:
        return "parentheses () not balanced";
    case PCRE2_ERROR_MISSING_SQUARE_BRACKET:
        return "brackets [] not balanced";
    case PCRE2_ERROR_QUANTIFIER_INVALID:
        return "quantifier operand invalid";
    case PCRE2_ERROR_CLASS_RANGE_ORDER:
        return "invalid character range";
    default:
        return NULL;
    }
}

static bool compile_fail(const Regex *r, int error, Err *e)
{
    PCRE2_UCHAR text[200];
    const char *reason = r->flavour == REGEX_PG ? pg_reason(error) : NULL;
    if (!reason) {
        pcre2_get_error_message(error, text, sizeof text);
        reason = (const char *)text;
    }
    return err_set(e, ERR_INVALID_REGEX, "invalid regular expression: %s", reason);
}

static pcre2_code *compile(const Regex *r, uint32_t utf, Err *e)
{
    int error;
    PCRE2_SIZE offset;
    PCRE2_SPTR text = (PCRE2_SPTR)(r->pattern.len ? r->pattern.ptr : "");
    pcre2_code *code =
        pcre2_compile(text, r->pattern.len, r->options | utf, &error, &offset, compile_context);
    if (!code)
        compile_fail(r, error, e);
    return code;
}

/* The code in *slot, made now if it is not there yet; another thread may do the same. */
static const pcre2_code *code_get(_Atomic(pcre2_code *) *slot, const Regex *r, uint32_t utf, Err *e)
{
    pcre2_code *code = atomic_load_explicit(slot, memory_order_acquire);
    if (code)
        return code;
    pcre2_code *made = compile(r, utf, e);
    if (!made)
        return NULL;
    if (utf == PCRE2_MATCH_INVALID_UTF)
        pcre2_jit_compile(made, PCRE2_JIT_COMPLETE); /* without JIT the interpreter runs */
    if (atomic_compare_exchange_strong_explicit(slot, &code, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    pcre2_code_free(made);
    return code;
}

/* The two codes are caches: filling them does not change what the Regex means. */
static const pcre2_code *search_code(const Regex *r, Err *e)
{
    Regex *cache = (Regex *)(uintptr_t)r;
    return code_get(&cache->search, r, PCRE2_MATCH_INVALID_UTF, e);
}

/* A DFA knows no groups, and takes a recursion for each that captures. */
static const pcre2_code *dfa_code(const Regex *r, Err *e)
{
    Regex *cache = (Regex *)(uintptr_t)r;
    return code_get(&cache->dfa, r, PCRE2_UTF | PCRE2_NO_AUTO_CAPTURE, e);
}

static bool translate(Regex *r, Slice pattern, bool nocase, Err *e)
{
    RegexModes modes = {.nocase = nocase};
    if (r->flavour == REGEX_RE2) {
        r->options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY;
        if (!regex_from_re2(pattern, &r->pattern, e))
            return false;
    } else {
        r->options = PCRE2_UCP;
        if (!regex_from_pg(pattern, &modes, &r->pattern, e))
            return false;
        r->options |=
            modes.newline_sensitive ? PCRE2_MULTILINE : PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY;
        r->options |= modes.extended ? PCRE2_EXTENDED : 0;
    }
    r->options |= PCRE2_NEVER_BACKSLASH_C | (modes.nocase ? PCRE2_CASELESS : 0);
    return true;
}

bool regex_compile(Regex **out, Slice pattern, RegexFlavour flavour, int flags, Err *e)
{
    *out = NULL;
    pthread_once(&regex_once, regex_setup);
    if (pattern.len > REGEX_PATTERN_MAX)
        return err_set(e, ERR_INVALID_REGEX, "invalid regular expression: longer than %d bytes",
                       REGEX_PATTERN_MAX);
    if (!slice_utf8_valid(pattern))
        return err_set(e, ERR_INVALID_REGEX, "invalid regular expression: not UTF-8");
    Regex *r = MEM_NEW(Regex);
    r->flavour = flavour;
    if (!translate(r, pattern, flags & REGEX_NOCASE, e))
        goto fail;
    if (!(r->options & (PCRE2_CASELESS | PCRE2_MULTILINE | PCRE2_EXTENDED)))
        regex_plan(pattern, flavour, &r->plan);
    if (r->plan.kind == REGEX_KIND_PCRE && !search_code(r, e))
        goto fail;
    if (!regex_match(r, SLICE_LIT(""), &r->matches_empty, e))
        goto fail;
    *out = r;
    return true;
fail:
    regex_free(r);
    return false;
}

void regex_free(Regex *r)
{
    if (!r)
        return;
    pcre2_code_free(atomic_load(&r->search));
    pcre2_code_free(atomic_load(&r->dfa));
    regex_plan_free(&r->plan);
    buf_free(&r->pattern);
    mem_free(r);
}

/* --- matching --- */

static bool limit_fail(Err *e)
{
    err_set(e, ERR_LIMIT_EXCEEDED, "the regular expression takes too many steps on a text");
    return err_hint(e, "avoid nested repeats such as \"(a+)+\"");
}

/* Each byte of the text costs up to the square of the states that are alive, so their number is what
 * bounds the time.  (A repeat inside a repeat makes one more alive with each byte.) */
static size_t dfa_workspace(size_t text_len)
{
    size_t states = DFA_STATES_MAX;
    while (states > DFA_STATES_MIN && states * states * text_len > DFA_COMPARES_MAX)
        states -= states / 16 + 1;
    return (states + 10) * DFA_STATE_INTS;
}

/* One pass over all alternatives at once: cannot explode, but knows no groups. */
static bool match_dfa(const Regex *r, Slice text, bool *matched, Err *e)
{
    RegexThread *t = thread_get();
    const pcre2_code *code = dfa_code(r, e);
    if (!code) /* back references */
        return limit_fail(e);
    int rc = pcre2_dfa_match(code, (PCRE2_SPTR)text.ptr, text.len, 0, PCRE2_DFA_SHORTEST, t->match,
                             match_context, t->workspace, dfa_workspace(text.len));
    *matched = rc >= 0;
    return rc >= 0 || rc == PCRE2_ERROR_NOMATCH || limit_fail(e);
}

/* The number of the match, PCRE2_ERROR_NOMATCH, or another negative number: undecided. */
static int match_search(const pcre2_code *code, Slice text, size_t from,
                        pcre2_match_context *limits)
{
    pcre2_match_data *data = thread_get()->match;
    int rc = pcre2_match(code, (PCRE2_SPTR)text.ptr, text.len, from, 0, data, limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter's stack is the heap */
        rc = pcre2_match(code, (PCRE2_SPTR)text.ptr, text.len, from, PCRE2_NO_JIT, data, limits);
    return rc;
}

/* For a match that the DFA may decide. */
static pcre2_match_context *first_limits(size_t text_len)
{
    pcre2_match_context *limits = thread_get()->first;
    size_t steps = MATCH_LIMIT_FIRST + text_len * MATCH_LIMIT_PER_BYTE;
    pcre2_set_match_limit(limits, steps < MATCH_LIMIT ? (uint32_t)steps : MATCH_LIMIT);
    return limits;
}

bool regex_match(const Regex *r, Slice text, bool *matched, Err *e)
{
    if (!text.ptr)
        text = SLICE_LIT("");
    if (r->plan.kind != REGEX_KIND_PCRE) {
        *matched = regex_plan_match(&r->plan, text);
        return true;
    }
    const pcre2_code *code = search_code(r, e);
    if (!code)
        return false;
    int rc = match_search(code, text, 0, first_limits(text.len));
    *matched = rc >= 0;
    return rc >= 0 || rc == PCRE2_ERROR_NOMATCH || match_dfa(r, text, matched, e);
}

bool regex_groups(const Regex *r, Slice text, size_t from, RegexGroup *groups, size_t *count,
                  Err *e)
{
    uint32_t captures = 0;
    *count = 0;
    if (!text.ptr)
        text = SLICE_LIT("");
    must(from <= text.len);
    const pcre2_code *code = search_code(r, e);
    if (!code)
        return false;
    pcre2_match_data *data = thread_get()->match;
    int rc = match_search(code, text, from, match_context);
    if (rc == PCRE2_ERROR_NOMATCH)
        return true;
    if (rc < 0)
        return limit_fail(e);
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &captures);
    *count = captures < REGEX_GROUPS_MAX ? captures + 1 : REGEX_GROUPS_MAX;
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
    for (size_t i = 0; i < *count; i++) {
        bool set = ends[2 * i] != PCRE2_UNSET;
        groups[i].begin = set ? (int64_t)ends[2 * i] : -1;
        groups[i].end = set ? (int64_t)ends[2 * i + 1] : -1;
    }
    return true;
}

int regex_group_number(const Regex *r, Slice name)
{
    Err ignored;
    char text[64];
    const pcre2_code *code = search_code(r, &ignored);
    if (!code || name.len == 0 || name.len >= sizeof text)
        return -1;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    int number = pcre2_substring_number_from_name(code, (PCRE2_SPTR)text);
    return number > 0 ? number : -1;
}

bool regex_literals(const Regex *r, const Slice **literals, size_t *count)
{
    if (r->flavour != REGEX_RE2 || r->plan.kind != REGEX_KIND_SET)
        return false;
    *literals = r->plan.literals;
    *count = r->plan.count;
    return true;
}

bool regex_matches_empty(const Regex *r)
{
    return r->matches_empty;
}
