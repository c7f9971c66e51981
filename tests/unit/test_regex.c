#include "base/clock.h"
#include "base/regex.h"
#include "tests/unit/unit.h"

#include <pthread.h>

static Err e;

static Regex *compile(const char *pattern, RegexFlavour flavour, int flags)
{
    Regex *r;
    ck_assert_msg(regex_compile(&r, slice_cstr(pattern), flavour, flags, &e), "%s: %s", pattern,
                  e.message);
    return r;
}

static bool matches(const char *pattern, RegexFlavour flavour, int flags, const char *text)
{
    bool matched;
    Regex *r = compile(pattern, flavour, flags);
    ck_assert_msg(regex_match(r, slice_cstr(text), &matched, &e), "%s: %s", pattern, e.message);
    regex_free(r);
    return matched;
}

typedef struct Row {
    const char *pattern, *yes, *no;
} Row;

static void check_rows(const Row *rows, size_t count, RegexFlavour flavour)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].yes)
            ck_assert_msg(matches(rows[i].pattern, flavour, 0, rows[i].yes), "%s on %s",
                          rows[i].pattern, rows[i].yes);
        if (rows[i].no)
            ck_assert_msg(!matches(rows[i].pattern, flavour, 0, rows[i].no), "%s on %s",
                          rows[i].pattern, rows[i].no);
    }
}

START_TEST(re2_matches)
{
    const Row rows[] = {
        {"", "", "a"},
        {"a", "a", "ab"},
        {"a|b", "b", "ab"},
        {"^a|b$", "a", "ba"},
        {"(a|b)", "a", "c"},
        {"a|", "", "b"},
        {"web-.*", "web-1", "we"},
        {"web-.+", "web-1", "web-"},
        {".*-db", "x-db", "x-dbs"},
        {".+-db", "x-db", "-db"},
        {".*mid.*", "a mid b", "mi"},
        {".*", "", NULL},
        {".+", "\n", ""},
        {".*", "a\nb", NULL},
        {"a.b", "a\nb", "ab"},
        {"a\\.b", "a.b", "axb"},
        {"[a-c]+", "abc", "abd"},
        {"[^a]", "b", "a"},
        {"[]a]", "]", "b"},
        {"[[]", "[", "a"},
        {"[[:alpha:]]+", "ab", "a1"},
        {"[[.a]", ".", "]"},
        {"(?i)ABC", "abc", "abd"},
        {"(?i:A)b", "ab", "aB"},
        {"(?P<n>a)(?<m>b)", "ab", "a"},
        {"a{2,3}", "aaa", "a"},
        {"a{,3}", "a{,3}", "aa"},
        {"{", "{", "a"},
        {"a{", "a{", "a"},
        {"\\Qa.b\\E.", "a.bc", "axbc"},
        {"\\x41\\x{42}\\103", "ABC", "ABD"},
        {"\\s", "\t", "\v"},
        {"\\S", "\v", " "},
        {"[\\S]", "\v", " "},
        {"\\v", "\v", "\n"},
        {"\\d\\w\\W", "1a-", "1aa"},
        {"\\pL+", "a\xC3\xA4", "1"},
        {"\\p{Greek}", "\xCE\xB1", "a"},
        {"a\\_b", "a_b", "ab"},
        {"\xC3\xA4.", "\xC3\xA4\xE2\x82\xAC", "\xC3\xA4"},
        {"(?s).", "\n", ""},
        {"(?-s).", "a", "\n"},
        {"(?U)a+", "aaa", "b"},
        {"a+?", "aa", "b"},
        {"(?m)^a$\n^b$", "a\nb", "a b"},
        {"\\Aa\\z", "a", "b"},
        {"a$", "a", "a\n"},
        {"(a|ab)(c|bcd)", "abcd", "abcde"},
        {"[\\-a]", "-", "b"},
        {"[a\\]]", "]", "b"},
        {"a#b c", "a#b c", "a"},
    };
    check_rows(rows, ARRAY_LEN(rows), REGEX_RE2);
}
END_TEST

static void check_refused(const char *const *patterns, size_t count, RegexFlavour flavour)
{
    for (size_t i = 0; i < count; i++) {
        Regex *r;
        bool ok = regex_compile(&r, slice_cstr(patterns[i]), flavour, 0, &e);
        ck_assert_msg(!ok, "%s is taken", patterns[i]);
        ck_assert_ptr_null(r);
        ck_assert_int_eq(e.code, ERR_INVALID_REGEX);
        ck_assert_int_eq(strncmp(e.message, "invalid regular expression: ", 28), 0);
    }
}

START_TEST(re2_refuses)
{
    const char *const bad[] = {
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?<!a)",
        "(?>a)",
        "(?#c)",
        "(?|a)",
        "(?R)",
        "(?1)",
        "(?P=n)",
        "(?P>n)",
        "(?x)a",
        "(?i",
        "(?-)a",
        "(?i-)a",
        "(?P<>a)",
        "(?P<n",
        "(?P<a-b>c)",
        "(?'n'a)",
        "(a)\\1",
        "\\k<n>",
        "\\g1",
        "\\8",
        "a++",
        "a*+",
        "a?+",
        "a**",
        "a{2}{3}",
        "a{1001}",
        "a{2,1}",
        "(a{40}){30}",
        "((a{10}){11}){10}",
        "*a",
        "+",
        "?",
        "(*ACCEPT)",
        "(*UTF)a",
        "|*",
        "(|*)",
        "\\Z",
        "\\G",
        "\\K",
        "\\R",
        "\\X",
        "\\h",
        "\\C",
        "\\N",
        "\\e",
        "\\cA",
        "\\y",
        "\\m",
        "\\",
        "a\\",
        "[",
        "[a",
        "[]",
        "[\\b]",
        "[\\Z]",
        "[z-a]",
        "[[:foo:]]",
        "(",
        ")",
        "a)",
        "(a",
        "\\x",
        "\\x4",
        "\\xg1",
        "\\x{}",
        "\\x{110000}",
        "\\x{41",
        "\\p",
        "\\p{",
        "\\p{Nope}",
        "(?i)*",
        "\xFF",
        "\\\xC3\xA4",
        "(?P<n>a)(?P<n>b)",
    };
    check_refused(bad, ARRAY_LEN(bad), REGEX_RE2);
    char deep[2001] = "";
    memset(deep, '(', 1000);
    memset(deep + 1000, ')', 1000);
    const char *const deep_one[] = {deep};
    check_refused(deep_one, 1, REGEX_RE2);
}
END_TEST

START_TEST(pg_matches)
{
    const Row rows[] = {
        {"", "x", NULL},
        {"b", "abc", "ac"},
        {"^a", "ab", "ba"},
        {"b$", "ab", "ba"},
        {"^(cpu)$", "cpu", "cpus"},
        {"^(a|b)$", "b", "ab"},
        {"^a|b$", "xb", "xa"},
        {"a|b", "xbx", "c"},
        {"a.*b", "xa\nb", "ba"},
        {"^a.*$", "abc", "ba"},
        {"(a)\\1", "aa", "ab"},
        {"a(?=b)", "ab", "ac"},
        {"(?<!a)b", "cb", "ab"},
        {"\\yb\\y", "a b c", "abc"},
        {"\\mcat\\M", "a cat", "concat"},
        {"a\\Z", "ba", "a\n"},
        {"(?i)ABC", "xabc", "ab"},
        {"(?n)^b$", "a\nb", "ab"},
        {"(?x)a b # c", "ab", "a b"},
        {"(?q)a.b", "a.b", "axb"},
        {"***=a.b", "xa.b", "axb"},
        {"***:a.b", "axb", "ab"},
        {"\\u00e4", "\xC3\xA4", "a"},
        {"[[:<:]]b", "a b", "ab"},
        {"\\d+", "a1", "a"},
        {"[\\d]", "1", "a"},
        {"\\w", "\xC3\xA4", "-"},
        {"a{2}", "aa", "a"},
        {"\\x41", "A", "B"},
        {"\\Ba", "\\a", "a"},
        {"[[:digit:]]", "x1", "x"},
        {"a\\.b", "a.b", "axb"},
        {"^$", "", "a"},
        {".", "\n", ""},
    };
    check_rows(rows, ARRAY_LEN(rows), REGEX_PG);
    ck_assert(matches("ABC", REGEX_PG, REGEX_NOCASE, "xabcx"));
    ck_assert(matches("^\xC3\x84$", REGEX_PG, REGEX_NOCASE, "\xC3\xA4"));
    const char *const bad[] = {"(",     "a)",        "[",     "*a",       "a++",   "a**", "a{256}",
                               "a{1",   "(*UTF)",    "(?>a)", "(?i",      "(?k)a", "\\",  "\\q",
                               "\\u12", "[[:foo:]]", "[b-a]", "(?P<n>a)", "\\2(a)"};
    check_refused(bad, ARRAY_LEN(bad), REGEX_PG);
    Regex *r;
    ck_assert(!regex_compile(&r, SLICE_LIT("(a"), REGEX_PG, 0, &e));
    ck_assert_str_eq(e.message, "invalid regular expression: parentheses () not balanced");
    ck_assert(!regex_compile(&r, SLICE_LIT("[a"), REGEX_PG, 0, &e));
    ck_assert_str_eq(e.message, "invalid regular expression: brackets [] not balanced");
}
END_TEST

START_TEST(groups)
{
    RegexGroup g[REGEX_GROUPS_MAX];
    size_t count;
    Regex *r = compile("(?P<key>a+)(?P<value>b)?(c)", REGEX_RE2, 0);
    ck_assert(regex_groups(r, SLICE_LIT("aac"), 0, g, &count, &e));
    ck_assert_uint_eq(count, 4);
    ck_assert(g[0].begin == 0 && g[0].end == 3 && g[1].end == 2 && g[2].begin == -1);
    ck_assert_int_eq(g[3].begin, 2);
    ck_assert_int_eq(regex_group_number(r, SLICE_LIT("value")), 2);
    ck_assert_int_eq(regex_group_number(r, SLICE_LIT("none")), -1);
    ck_assert(regex_groups(r, SLICE_LIT("x"), 0, g, &count, &e) && count == 0);
    regex_free(r);
    r = compile("^(cpu)$", REGEX_PG, 0); /* a literal that is still asked for its groups */
    ck_assert(regex_groups(r, SLICE_LIT("cpu"), 0, g, &count, &e) && count == 2 && g[1].end == 3);
    regex_free(r);
    r = compile("a", REGEX_PG, 0);
    ck_assert(regex_groups(r, SLICE_LIT("a-a"), 1, g, &count, &e) && g[0].begin == 2);
    regex_free(r);
}
END_TEST

START_TEST(literals)
{
    const Slice *list;
    size_t count;
    Regex *r = compile("^(?:web-2|web-1|a\\.b|web-1)$", REGEX_RE2, 0);
    ck_assert(regex_literals(r, &list, &count) && count == 3);
    ck_assert(slice_eq_cstr(list[0], "a.b") && slice_eq_cstr(list[2], "web-2"));
    ck_assert(!regex_matches_empty(r));
    regex_free(r);
    const char *none[] = {"a.*",  "a|b.", "(?i)a", "a|(b)",  "(a)(b)",
                          "a\\d", "a+",   "[a]",   "(a|b)\\"};
    for (size_t i = 0; i + 1 < ARRAY_LEN(none); i++) {
        r = compile(none[i], REGEX_RE2, 0);
        ck_assert_msg(!regex_literals(r, &list, &count), "%s", none[i]);
        regex_free(r);
    }
    r = compile("a|", REGEX_RE2, 0);
    ck_assert(regex_matches_empty(r) && regex_literals(r, &list, &count) && count == 2);
    regex_free(r);
    r = compile(".*", REGEX_RE2, 0);
    ck_assert(regex_matches_empty(r));
    regex_free(r);
}
END_TEST

START_TEST(catastrophes)
{
    static char text[5001];
    memset(text, 'a', sizeof text - 1);
    const char *patterns[] = {"(a+)+[bc]", "(a|aa)+[bc]", "(a*)*[bc]", "(.*)(.*)(.*)(.*)(.*)[bc]",
                              "(a?){500}a{500}[bc]"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        bool matched = true;
        int64_t begin = clock_real.mono_ns(&clock_real);
        Regex *r = compile(patterns[i], REGEX_RE2, 0);
        if (regex_match(r, slice_of(text, 5000), &matched, &e))
            ck_assert(!matched);
        else
            ck_assert_int_eq(e.code, ERR_LIMIT_EXCEEDED);
        /* Generous: sanitizers, and a busy machine. */
        ck_assert_int_lt(clock_real.mono_ns(&clock_real) - begin, 20 * NS_PER_S);
        regex_free(r);
    }
    bool matched = false;
    Regex *r = compile("(a+)+", REGEX_RE2, 0);
    ck_assert(regex_match(r, slice_of(text, 5000), &matched, &e) && matched);
    regex_free(r);
    /* What one value may cost: the fastest of many, without the noise of the machine. */
    int64_t best = INT64_MAX;
    r = compile("([a-z]+)*[0-9]", REGEX_RE2, 0);
    for (int i = 0; i < 40; i++) {
        int64_t begin = clock_real.mono_ns(&clock_real);
        bool ok = regex_match(r, slice_of(text, 448), &matched, &e);
        int64_t took = clock_real.mono_ns(&clock_real) - begin;
        ck_assert(!ok || !matched);
        best = took < best ? took : best;
    }
    ck_assert_int_lt(best, 5 * NS_PER_MS); /* 1 ms; sanitizers take longer */
    ck_assert(regex_match(r, slice_of(text, 100), &matched, &e) && !matched);
    regex_free(r);
    r = compile("(a+)+\\1[bc]", REGEX_PG, 0); /* the DFA matcher has no back references */
    ck_assert(!regex_match(r, slice_of(text, 200), &matched, &e));
    ck_assert_int_eq(e.code, ERR_LIMIT_EXCEEDED);
    regex_free(r);
}
END_TEST

START_TEST(odd_texts)
{
    bool matched;
    Regex *r = compile("a.c", REGEX_PG, 0);
    ck_assert(regex_match(r, slice_of("a\0c", 3), &matched, &e) && matched);
    ck_assert(regex_match(r, SLICE_LIT("\xFF\x80 abc"), &matched, &e) && matched);
    ck_assert(regex_match(r, SLICE_NONE, &matched, &e) && !matched);
    regex_free(r);
    static char large[REGEX_PATTERN_MAX + 1];
    memset(large, 'a', sizeof large);
    ck_assert(!regex_compile(&r, slice_of(large, sizeof large), REGEX_RE2, 0, &e));
    regex_free(NULL);
}
END_TEST

static void *match_many(void *arg)
{
    Regex *r = arg;
    for (int i = 0; i < 2000; i++) {
        Err err;
        bool matched;
        ck_assert(regex_match(r, SLICE_LIT("server-17.example"), &matched, &err) && matched);
    }
    return NULL;
}

START_TEST(shared_by_threads)
{
    pthread_t threads[3];
    Regex *r = compile("(server|host)-[0-9]+\\..*", REGEX_RE2, 0);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, match_many, r);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    regex_free(r);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("regex");
    tcase_add_test(tc, re2_matches);
    tcase_add_test(tc, re2_refuses);
    tcase_add_test(tc, pg_matches);
    tcase_add_test(tc, groups);
    tcase_add_test(tc, literals);
    tcase_add_test(tc, catastrophes);
    tcase_add_test(tc, odd_texts);
    tcase_add_test(tc, shared_by_threads);
    return unit_run(tc);
}
