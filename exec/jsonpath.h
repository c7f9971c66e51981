/* exec/jsonpath.h - SQL/JSON paths: text to a tree, the tree over jsonb.
 *
 * The grammar is PostgreSQL 15's but for .datetime(); a path is kept as the text it was written as.
 * To add a method: a row in methods[] of jsonpath_parse.c, a case in jsonpath_eval.c.
 * Threads: pure functions over the caller's arena. */
#ifndef SKULK_EXEC_JSONPATH_H
#define SKULK_EXEC_JSONPATH_H

#include "exec/expr.h"

typedef enum PathKind {
    PATH_ROOT,    /* $ */
    PATH_CURRENT, /* @ */
    PATH_LAST,    /* last, in subscripts */
    PATH_VARIABLE,
    PATH_CONST,
    /* accessors: `left` is what they are applied to */
    PATH_KEY,
    PATH_ANY_KEY,  /* .* */
    PATH_ANYWHERE, /* .**{from to to} */
    PATH_ANY_ITEM, /* [*] */
    PATH_INDEX,    /* [a, b to c]: list of PATH_RANGE */
    PATH_RANGE,
    PATH_METHOD,
    PATH_FILTER, /* ? (right) */
    /* arithmetic; op is + - * / % */
    PATH_BINARY,
    PATH_UNARY,
    /* predicates */
    PATH_OR,
    PATH_AND,
    PATH_NOT,
    PATH_COMPARE, /* op: = ! < l > g, where l is <= and g is >= */
    PATH_EXISTS,
    PATH_LIKE,
    PATH_STARTS,
    PATH_UNKNOWN, /* (...) is unknown */
} PathKind;

typedef enum PathMethod {
    METHOD_TYPE,
    METHOD_SIZE,
    METHOD_ABS,
    METHOD_FLOOR,
    METHOD_CEILING,
    METHOD_DOUBLE,
    METHOD_KEYVALUE,
} PathMethod;

typedef struct PathNode PathNode;
struct PathNode {
    PathKind kind;
    char op;
    PathMethod method;
    int height;       /* of the chain on the left */
    int64_t from, to; /* PATH_ANYWHERE */
    Slice text;       /* key, variable, JSON of a constant, pattern */
    Slice flags;      /* of like_regex */
    PathNode *left, *right;
    PathNode *next; /* of a list of subscripts */
};

typedef struct JsonPath {
    bool strict;
    PathNode *root;
} JsonPath;

bool jsonpath_parse(Slice text, Arena *a, JsonPath *out, Err *e) MUST_CHECK; /* 42601 */
bool jsonpath_is_predicate(const PathNode *n);
const char *jsonpath_method_name(PathMethod m);

typedef struct PathItems {
    Slice *items; /* JSON */
    size_t count, room;
} PathItems;

/* All items that the path finds; vars: a JSON object or "" for none. */
bool jsonpath_query(EvalCtx *ctx, const JsonPath *path, Slice json, Slice vars, PathItems *out,
                    Err *e) MUST_CHECK;

/* Arguments of a jsonb_path function: target, path [, vars [, silent]].  *failed: an error that counts as
 * nothing. */
bool func_path_items(EvalCtx *ctx, const Value *args, size_t n, bool silent, PathItems *out,
                     bool *failed, Err *e) MUST_CHECK;

#endif
