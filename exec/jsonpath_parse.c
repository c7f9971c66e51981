#include "exec/jsonpath.h"
#include "exec/type_json.h"
#include "exec/type_private.h"

enum { PATH_DEPTH_MAX = 200, PATH_CHAIN_MAX = 1000 };

typedef struct Parse {
    Slice text;
    size_t at;
    int depth;
    Arena *a;
    bool in_subscript, in_filter;
    bool failed;
    Err *e;
} Parse;

static const char *const methods[] = {
    [METHOD_TYPE] = "type",        [METHOD_SIZE] = "size",       [METHOD_ABS] = "abs",
    [METHOD_FLOOR] = "floor",      [METHOD_CEILING] = "ceiling", [METHOD_DOUBLE] = "double",
    [METHOD_KEYVALUE] = "keyvalue"};

const char *jsonpath_method_name(PathMethod m)
{
    return methods[m];
}

bool jsonpath_is_predicate(const PathNode *n)
{
    return n->kind >= PATH_OR;
}

/* ---- tokens ---- */

static PathNode *bad(Parse *p)
{
    size_t len = 1;
    if (p->failed)
        return NULL;
    p->failed = true;
    if (p->at >= p->text.len) {
        err_set(p->e, ERR_SYNTAX, "syntax error at end of jsonpath input");
        return NULL;
    }
    const char *t = p->text.ptr + p->at;
    while (p->at + len < p->text.len && t[len] != ' ' && t[len] != ')' && t[len] != '.')
        len++;
    err_set(p->e, ERR_SYNTAX, "syntax error at or near \"%.*s\" of jsonpath input", (int)len, t);
    return NULL;
}

static void skip_space(Parse *p)
{
    while (p->at < p->text.len && strchr(" \t\r\n\f", p->text.ptr[p->at]) && p->text.ptr[p->at])
        p->at++;
}

static char peek(Parse *p)
{
    skip_space(p);
    return p->at < p->text.len ? p->text.ptr[p->at] : 0;
}

static bool take(Parse *p, const char *token)
{
    size_t n = strlen(token);
    skip_space(p);
    if (p->text.len - p->at < n || memcmp(p->text.ptr + p->at, token, n) != 0)
        return false;
    p->at += n;
    return true;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static Slice word_at(Parse *p)
{
    skip_space(p);
    size_t end = p->at;
    while (end < p->text.len && is_word_byte(p->text.ptr[end]))
        end++;
    return slice_of(p->text.ptr + p->at, end - p->at);
}

static bool take_word(Parse *p, const char *word)
{
    if (!slice_eq_nocase(word_at(p), slice_cstr(word)))
        return false;
    p->at += strlen(word);
    return true;
}

/* "..." with JSON's escapes; the text with its quotes. */
static bool take_string(Parse *p, Slice *json)
{
    Err ignored;
    if (peek(p) != '"')
        return false;
    size_t end = p->at + 1;
    while (end < p->text.len && p->text.ptr[end] != '"')
        end += p->text.ptr[end] == '\\' ? 2 : 1;
    if (end >= p->text.len) {
        p->at = p->text.len;
        return false;
    }
    *json = slice_of(p->text.ptr + p->at, end + 1 - p->at);
    if (!json_check(*json, &ignored))
        return false;
    p->at = end + 1;
    return true;
}

static PathNode *node(Parse *p, PathKind kind, PathNode *left)
{
    PathNode *n = ARENA_NEW(p->a, PathNode);
    n->kind = kind;
    n->left = left;
    n->height = left ? left->height + 1 : 0;
    if (n->height > PATH_CHAIN_MAX && !p->failed) { /* the walk over it is recursive */
        p->failed = true;
        p->text.len = p->at; /* nothing more to read */
        err_set(p->e, ERR_TOO_COMPLEX, "jsonpath chains more than %d steps", PATH_CHAIN_MAX);
    }
    return n;
}

static PathNode *const_node(Parse *p, Slice json)
{
    PathNode *n = node(p, PATH_CONST, NULL);
    if (!jsonb_normalize(json, p->a, &n->text, p->e)) {
        p->failed = true;
        return NULL;
    }
    return n;
}

/* ---- grammar ---- */

static PathNode *parse_or(Parse *p);
static PathNode *parse_sum(Parse *p);

static PathNode *number(Parse *p)
{
    size_t end = p->at;
    while (end < p->text.len && ((p->text.ptr[end] >= '0' && p->text.ptr[end] <= '9') ||
                                 (p->text.ptr[end] == '.' && end + 1 < p->text.len &&
                                  p->text.ptr[end + 1] >= '0' && p->text.ptr[end + 1] <= '9')))
        end++;
    if (end < p->text.len && (p->text.ptr[end] | 32) == 'e') {
        end++;
        if (end < p->text.len && strchr("+-", p->text.ptr[end]))
            end++;
        while (end < p->text.len && p->text.ptr[end] >= '0' && p->text.ptr[end] <= '9')
            end++;
    }
    Slice text = slice_of(p->text.ptr + p->at, end - p->at);
    Err ignored;
    if (!json_check(text, &ignored) || (end < p->text.len && is_word_byte(p->text.ptr[end])))
        return bad(p);
    p->at = end;
    return const_node(p, text);
}

static PathNode *variable(Parse *p)
{
    PathNode *n = node(p, PATH_VARIABLE, NULL);
    Slice json;
    if (take_string(p, &json)) {
        n->text = json_text(json, p->a);
        return n;
    }
    n->text = p->at < p->text.len && is_word_byte(p->text.ptr[p->at]) ? word_at(p) : SLICE_NONE;
    p->at += n->text.len;
    return n->text.len ? n : node(p, PATH_ROOT, NULL);
}

static PathNode *subscript(Parse *p)
{
    PathNode *range = node(p, PATH_RANGE, parse_sum(p));
    if (take_word(p, "to"))
        range->right = parse_sum(p);
    return p->failed ? NULL : range;
}

static PathNode *subscripts(Parse *p, PathNode *left)
{
    if (take(p, "*"))
        return take(p, "]") ? node(p, PATH_ANY_ITEM, left) : bad(p);
    PathNode *n = node(p, PATH_INDEX, left), **end = &n->right;
    bool outer = p->in_subscript;
    p->in_subscript = true;
    do {
        *end = subscript(p);
        if (!*end)
            return NULL;
        end = &(*end)->next;
    } while (take(p, ","));
    p->in_subscript = outer;
    return take(p, "]") ? n : bad(p);
}

static bool level(Parse *p, int64_t *out)
{
    if (take_word(p, "last")) {
        *out = INT64_MAX;
        return true;
    }
    Slice w = word_at(p);
    if (!slice_to_i64(w, out))
        return false;
    p->at += w.len;
    return true;
}

/* .**, .**{n}, .**{n to m} */
static PathNode *anywhere(Parse *p, PathNode *left)
{
    PathNode *n = node(p, PATH_ANYWHERE, left);
    n->to = INT64_MAX;
    if (!take(p, "{"))
        return n;
    if (!level(p, &n->from))
        return bad(p);
    n->to = n->from;
    if (take_word(p, "to") && !level(p, &n->to))
        return bad(p);
    return take(p, "}") ? n : bad(p);
}

static PathNode *member(Parse *p, PathNode *left)
{
    Slice json;
    if (take(p, "**"))
        return anywhere(p, left);
    if (take(p, "*"))
        return node(p, PATH_ANY_KEY, left);
    PathNode *n = node(p, PATH_KEY, left);
    if (take_string(p, &json)) {
        n->text = json_text(json, p->a);
        return n;
    }
    n->text = word_at(p);
    if (n->text.len == 0)
        return bad(p);
    size_t after = p->at + n->text.len;
    if (after >= p->text.len || p->text.ptr[after] != '(') {
        p->at = after;
        return n;
    }
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (!slice_eq_cstr(n->text, methods[i]))
            continue;
        p->at = after + 1;
        n->kind = PATH_METHOD;
        n->method = (PathMethod)i;
        return take(p, ")") ? n : bad(p);
    }
    if (slice_eq_cstr(n->text, "datetime")) {
        p->failed = true;
        err_set(p->e, ERR_FEATURE_NOT_SUPPORTED, "jsonpath method .datetime() is not supported");
        return NULL;
    }
    return bad(p);
}

static PathNode *filter(Parse *p, PathNode *left)
{
    PathNode *n = node(p, PATH_FILTER, left);
    bool outer = p->in_filter;
    if (!take(p, "("))
        return bad(p);
    p->in_filter = true;
    n->right = parse_or(p);
    p->in_filter = outer;
    if (!n->right)
        return NULL;
    return jsonpath_is_predicate(n->right) && take(p, ")") ? n : bad(p);
}

static PathNode *accessors(Parse *p, PathNode *n)
{
    while (n && !p->failed) {
        if (take(p, "."))
            n = member(p, n);
        else if (take(p, "["))
            n = subscripts(p, n);
        else if (take(p, "?"))
            n = filter(p, n);
        else
            return n;
    }
    return p->failed ? NULL : n;
}

static PathNode *word_primary(Parse *p)
{
    static const char *const constants[] = {"true", "false", "null"};
    for (size_t i = 0; i < ARRAY_LEN(constants); i++)
        if (take_word(p, constants[i]))
            return const_node(p, slice_cstr(constants[i]));
    if (take_word(p, "last")) {
        if (p->in_subscript)
            return node(p, PATH_LAST, NULL);
        p->failed = true;
        err_set(p->e, ERR_SYNTAX, "LAST is allowed only in array subscripts");
        return NULL;
    }
    if (!take_word(p, "exists"))
        return bad(p);
    PathNode *n = take(p, "(") ? node(p, PATH_EXISTS, parse_or(p)) : bad(p);
    return n && !p->failed && take(p, ")") ? n : bad(p);
}

static PathNode *parenthesized(Parse *p)
{
    PathNode *n = parse_or(p);
    if (!n)
        return NULL;
    if (!take(p, ")"))
        return bad(p);
    if (!jsonpath_is_predicate(n) || !take_word(p, "is"))
        return n;
    return take_word(p, "unknown") ? node(p, PATH_UNKNOWN, n) : bad(p);
}

static PathNode *primary(Parse *p)
{
    Slice json;
    char c = peek(p);
    if (take(p, "("))
        return parenthesized(p);
    if (take(p, "$"))
        return variable(p);
    if (c == '@') {
        p->at++;
        if (p->in_filter)
            return node(p, PATH_CURRENT, NULL);
        p->failed = true;
        err_set(p->e, ERR_SYNTAX, "@ is not allowed in root expressions");
        return NULL;
    }
    if (c == '"')
        return take_string(p, &json) ? const_node(p, json) : bad(p);
    return c >= '0' && c <= '9' ? number(p) : word_primary(p);
}

static PathNode *parse_unary(Parse *p)
{
    char c = peek(p);
    if (c != '+' && c != '-')
        return accessors(p, primary(p));
    if (++p->depth > PATH_DEPTH_MAX) {
        p->failed = true;
        err_set(p->e, ERR_TOO_COMPLEX, "jsonpath is nested too deeply");
        return NULL;
    }
    p->at++;
    PathNode *n = node(p, PATH_UNARY, parse_unary(p));
    p->depth--;
    n->op = c;
    return p->failed ? NULL : n;
}

static PathNode *parse_product(Parse *p)
{
    PathNode *n = parse_unary(p);
    for (char c; n && ((c = peek(p)) == '*' || c == '/' || c == '%');) {
        p->at++;
        n = node(p, PATH_BINARY, n);
        n->op = c;
        n->right = parse_unary(p);
        if (!n->right)
            return NULL;
    }
    return n;
}

static PathNode *parse_sum(Parse *p)
{
    PathNode *n = parse_product(p);
    for (char c; n && ((c = peek(p)) == '+' || c == '-');) {
        p->at++;
        n = node(p, PATH_BINARY, n);
        n->op = c;
        n->right = parse_product(p);
        if (!n->right)
            return NULL;
    }
    return n;
}

static PathNode *like_regex(Parse *p, PathNode *left)
{
    Slice json;
    PathNode *n = node(p, PATH_LIKE, left);
    skip_space(p);
    if (!take_string(p, &json))
        return bad(p);
    n->text = json_text(json, p->a);
    if (take_word(p, "flag")) {
        if (!take_string(p, &json))
            return bad(p);
        n->flags = json_text(json, p->a);
    }
    return n;
}

static PathNode *starts_with(Parse *p, PathNode *left)
{
    Slice json;
    PathNode *n = node(p, PATH_STARTS, left);
    if (!take_word(p, "with"))
        return bad(p);
    if (peek(p) == '"')
        n->right = take_string(p, &json) ? const_node(p, json) : bad(p);
    else
        n->right = take(p, "$") ? variable(p) : bad(p);
    return n->right ? n : NULL;
}

static PathNode *parse_compare(Parse *p)
{
    static const struct {
        const char *token;
        char op;
    } ops[] = {{"==", '='}, {"!=", '!'}, {"<>", '!'}, {"<=", 'l'},
               {">=", 'g'}, {"<", '<'},  {">", '>'}};
    PathNode *n = parse_sum(p);
    if (!n)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (!take(p, ops[i].token))
            continue;
        n = node(p, PATH_COMPARE, n);
        n->op = ops[i].op;
        n->right = parse_sum(p);
        return n->right ? n : NULL;
    }
    if (take_word(p, "like_regex"))
        return like_regex(p, n);
    return take_word(p, "starts") ? starts_with(p, n) : n;
}

static PathNode *parse_not(Parse *p)
{
    if (!take(p, "!"))
        return parse_compare(p);
    if (peek(p) != '(' && !slice_eq_nocase(word_at(p), SLICE_LIT("exists")))
        return bad(p);
    PathNode *n = node(p, PATH_NOT, primary(p));
    if (!n->left)
        return NULL;
    return jsonpath_is_predicate(n->left) ? n : bad(p);
}

/* One level of && or ||; both sides must be predicates. */
static PathNode *parse_logic(Parse *p, const char *token, PathKind kind,
                             PathNode *(*inner)(Parse *))
{
    PathNode *n = inner(p);
    while (n && take(p, token)) {
        n = node(p, kind, n);
        n->right = inner(p);
        if (!n->right)
            return NULL;
        if (!jsonpath_is_predicate(n->left) || !jsonpath_is_predicate(n->right))
            return bad(p);
    }
    return n;
}

static PathNode *parse_and(Parse *p)
{
    return parse_logic(p, "&&", PATH_AND, parse_not);
}

static PathNode *parse_or(Parse *p)
{
    if (++p->depth > PATH_DEPTH_MAX) {
        p->failed = true;
        err_set(p->e, ERR_TOO_COMPLEX, "jsonpath is nested too deeply");
        return NULL;
    }
    PathNode *n = parse_logic(p, "||", PATH_OR, parse_and);
    p->depth--;
    return p->failed ? NULL : n;
}

bool jsonpath_parse(Slice text, Arena *a, JsonPath *out, Err *e)
{
    Parse p = {.text = text, .a = a, .e = e};
    if (type_trim(text).len == 0)
        return err_set(e, ERR_INVALID_TEXT, "invalid input syntax for type jsonpath: \"%.*s\"",
                       SLICE_ARG(text));
    out->strict = take_word(&p, "strict");
    if (!out->strict)
        (void)take_word(&p, "lax");
    out->root = parse_or(&p);
    if (out->root && peek(&p))
        (void)bad(&p);
    return !p.failed && out->root;
}

TYPE_IN(jsonpath_in)
{
    JsonPath ignored;
    return jsonpath_parse(text, a, &ignored, e) && text_in(env, text, typmod, a, out, e);
}

/* The wire form is a version byte (1) and the text, as for jsonb. */
TYPE_IN(jsonpath_recv)
{
    if (text.len < 1 || text.ptr[0] != 1)
        return err_set(e, ERR_INVALID_BINARY, "unsupported jsonpath version number");
    return jsonpath_in(env, slice_of(text.ptr + 1, text.len - 1), typmod, a, out, e);
}
