#include "base/hash.h"
#include "exec/resolve_private.h"
#include <pthread.h>
#include <stdlib.h>

/* ---- registry ---- */

typedef struct NameSlot {
    const char *name; /* NULL: free */
    FuncGroup group;
    size_t room;
} NameSlot;

static struct {
    const FuncDef **all;
    size_t count, room;
    NameSlot *slots; /* open addressing, a power of two */
    size_t slot_count, name_count;
} registry;

static NameSlot *find_slot(Slice name)
{
    size_t mask = registry.slot_count - 1;
    size_t i = hash64(name.ptr, name.len, 7) & mask;
    while (registry.slots[i].name && !slice_eq_cstr(name, registry.slots[i].name))
        i = (i + 1) & mask;
    return &registry.slots[i];
}

static void grow_slots(void)
{
    NameSlot *old = registry.slots;
    size_t n = registry.slot_count;
    registry.slot_count = n ? n * 2 : 1024;
    registry.slots = mem_zero(registry.slot_count * sizeof *old);
    for (size_t i = 0; i < n; i++)
        if (old[i].name)
            *find_slot(slice_cstr(old[i].name)) = old[i];
    mem_free(old);
}

static void add_to_group(const FuncDef *f)
{
    if (registry.name_count * 2 >= registry.slot_count)
        grow_slots();
    NameSlot *slot = find_slot(slice_cstr(f->name));
    if (!slot->name) {
        slot->name = f->name;
        registry.name_count++;
    }
    if (slot->group.count == slot->room) {
        slot->room = slot->room ? slot->room * 2 : 4;
        slot->group.items = mem_realloc(slot->group.items, slot->room * sizeof *slot->group.items);
    }
    slot->group.items[slot->group.count++] = f;
}

FuncGroup func_named(Slice name)
{
    static const FuncGroup none;
    if (!registry.slot_count)
        return none;
    return find_slot(name)->group;
}

static TypeId parse_type(Slice text)
{
    while (text.len && text.ptr[0] == ' ')
        text = slice_of(text.ptr + 1, text.len - 1);
    if (slice_starts(text, SLICE_LIT("setof ")))
        text = slice_of(text.ptr + 6, text.len - 6);
    const TypeDef *def = type_by_name(text);
    return def ? def->oid : 0;
}

/* A mistake in a table is ours: it stops the program at the first start. */
static void parse_signature(FuncDef *f)
{
    const char *open = strchr(f->signature, '('), *close = open ? strchr(open, ')') : NULL;
    bool ok = open && close;
    if (ok) {
        f->name = mem_strdup(slice_of(f->signature, (size_t)(open - f->signature)));
        for (const char *p = open + 1; p < close;) {
            const char *end = memchr(p, ',', (size_t)(close - p));
            if (!end)
                end = close;
            must(f->arg_count < ARRAY_LEN(f->args));
            TypeId t = parse_type(slice_of(p, (size_t)(end - p)));
            ok = ok && t;
            f->args[f->arg_count++] = t;
            p = end + 1;
        }
        f->result = parse_type(slice_cstr(close + 1));
    }
    if (!ok || !f->result)
        must_fail(f->signature, __FILE__, __LINE__);
}

static bool oid_taken(uint32_t oid)
{
    for (size_t i = 0; i < registry.count; i++)
        if (registry.all[i]->oid == oid)
            return true;
    return false;
}

uint32_t func_oid_of(const char *signature)
{
    for (size_t i = 0; i < registry.count; i++)
        if (strcmp(registry.all[i]->signature, signature) == 0)
            return registry.all[i]->oid;
    return 0;
}

const FuncDef *func_by_oid(uint32_t oid)
{
    static _Thread_local const FuncDef *known[64];
    const FuncDef **slot = &known[oid % ARRAY_LEN(known)];
    for (size_t i = 0; i < registry.count && (!*slot || (*slot)->oid != oid); i++)
        if (registry.all[i]->oid == oid)
            *slot = registry.all[i];
    return *slot && (*slot)->oid == oid ? *slot : NULL;
}

void func_register(FuncDef *table)
{
    for (FuncDef *f = table; f->signature; f++) {
        parse_signature(f);
        if (!f->oid)
            f->oid =
                100000 + (uint32_t)(hash64(f->signature, strlen(f->signature), 1) % 1900000000);
        while (oid_taken(f->oid))
            f->oid++;
        if (registry.count == registry.room) {
            registry.room = registry.room ? registry.room * 2 : 1024;
            registry.all = mem_realloc(registry.all, registry.room * sizeof *registry.all);
        }
        registry.all[registry.count++] = f;
        add_to_group(f);
        if (f->flags & (FN_CAST_IMPLICIT | FN_CAST_ASSIGN | FN_CAST_EXPLICIT))
            cast_add_func(f);
    }
}

static pthread_once_t init_once = PTHREAD_ONCE_INIT;

void exec_init(void)
{
    pthread_once(&init_once, func_register_all);
}

size_t func_count(void)
{
    return registry.count;
}

const FuncDef *func_at(size_t i)
{
    return registry.all[i];
}

/* ---- candidates ---- */

enum { ARGS_MAX = 100, CANDIDATES_MAX = 96 };

typedef struct Candidate {
    const FuncDef *func;
    TypeId declared[ARGS_MAX]; /* polymorphic types replaced by what they stand for */
    bool generic[ARGS_MAX];    /* was polymorphic: no exact match */
    TypeId result;
} Candidate;

static bool is_array_type(TypeId t)
{
    return type_elem_of(t) != 0;
}

static bool can_coerce(TypeId from, TypeId to)
{
    return from == to || from == T_UNKNOWN || to == T_ANY || cast_exists(from, to, CAST_IMPLICIT);
}

/* The type that anyelement stands for in this call; 0: the arguments disagree.  T_TEXT if all unknown. */
static TypeId element_type(const TypeId *declared, const TypeId *args, size_t n)
{
    TypeId known[ARGS_MAX], elem = T_TEXT;
    size_t count = 0;
    Err ignored;
    for (size_t i = 0; i < n; i++) {
        if (args[i] == T_UNKNOWN)
            continue;
        if (declared[i] == T_ANYARRAY) {
            if (!is_array_type(args[i]))
                return 0;
            known[count++] = type_elem_of(args[i]);
        } else if (declared[i] == T_ANYELEMENT || declared[i] == T_ANYNONARRAY) {
            known[count++] = args[i];
        }
    }
    if (count == 0)
        return elem;
    return type_common(known, count, "", &elem, &ignored) ? elem : 0;
}

/* What a VARIADIC array must be: "any" takes each, as does a function without such parameters. */
static TypeId spread_type(const FuncDef *f, TypeId declared)
{
    return !(f->flags & FN_VARIADIC) || declared == T_ANY ? declared : type_array_of(declared);
}

/* Declared types for n arguments; false: the function does not take them.  spread: the last is the array of
 * a VARIADIC call. */
static bool match(const FuncDef *f, const TypeId *args, size_t n, bool spread, Candidate *c)
{
    bool variadic = (f->flags & FN_VARIADIC) && !spread;
    if (n > ARGS_MAX || (variadic ? n + 1 < f->arg_count : n != f->arg_count))
        return false;
    if (variadic && n < f->arg_count && !(f->arg_count == 1 && n == 0))
        return false;
    bool generic = f->result == T_ANYARRAY || f->result == T_ANYELEMENT;
    c->func = f;
    c->result = f->result;
    for (size_t i = 0; i < n; i++) {
        c->declared[i] = f->args[i < f->arg_count ? i : (size_t)f->arg_count - 1];
        if (spread && i + 1 == n)
            c->declared[i] = spread_type(f, c->declared[i]);
        c->generic[i] = c->declared[i] == T_ANYARRAY || c->declared[i] == T_ANYELEMENT;
        generic = generic || c->generic[i];
    }
    TypeId elem = generic ? element_type(c->declared, args, n) : 0;
    if (generic && !elem)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (c->declared[i] == T_ANYELEMENT) {
            c->declared[i] = elem;
        } else if (c->declared[i] == T_ANYARRAY) {
            /* int2vector and oidvector stay what they are. */
            bool same = args[i] != T_UNKNOWN && type_elem_of(args[i]) == elem;
            c->declared[i] = same ? args[i] : type_array_of(elem);
        } else if (c->declared[i] == T_ANYNONARRAY) {
            if (is_array_type(args[i]))
                return false;
            c->generic[i] = true;
            c->declared[i] = args[i] == T_UNKNOWN ? T_TEXT : args[i];
        }
        if (!c->declared[i] || !can_coerce(args[i], c->declared[i]))
            return false;
    }
    if (c->result == T_ANYELEMENT)
        c->result = elem;
    else if (c->result == T_ANYARRAY)
        c->result = type_array_of(elem);
    return c->result != 0;
}

static bool is_exact(const Candidate *c, const TypeId *args, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c->generic[i] || c->declared[i] != args[i])
            return false;
    return true;
}

static char category_of(TypeId t)
{
    const TypeDef *def = type_find(t);
    return def ? def->category : '\0';
}

/* Polymorphic arguments stay in the pseudo category, whatever they stand for. */
static char declared_category(const Candidate *c, size_t i)
{
    return c->generic[i] ? 'P' : category_of(c->declared[i]);
}

static bool is_preferred(TypeId t)
{
    const TypeDef *def = type_find(t);
    return def && def->preferred;
}

static bool declared_preferred(const Candidate *c, size_t i)
{
    return !c->generic[i] && is_preferred(c->declared[i]);
}

static int exact_matches(const Candidate *c, const TypeId *args, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++)
        count += args[i] != T_UNKNOWN && !c->generic[i] && c->declared[i] == args[i];
    return count;
}

static int preferred_matches(const Candidate *c, const TypeId *args, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++)
        if (args[i] != T_UNKNOWN)
            count += (!c->generic[i] && c->declared[i] == args[i]) ||
                     (declared_preferred(c, i) && declared_category(c, i) == category_of(args[i]));
    return count;
}

/* Keeps the candidates with the highest score. */
static size_t keep_best(Candidate **c, size_t count, const TypeId *args, size_t n,
                        int (*score)(const Candidate *, const TypeId *, size_t))
{
    int best = 0;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int s = score(c[i], args, n);
        if (s > best) {
            best = s;
            kept = 0;
        }
        if (s == best)
            c[kept++] = c[i];
    }
    return kept;
}

/* PostgreSQL 10.3 4d: an unknown literal is taken as text if that is possible, else all candidates
 * must agree on a category, and preferred types win. */
static size_t narrow_by_unknowns(Candidate **c, size_t count, const TypeId *args, size_t n)
{
    char category[ARGS_MAX];
    bool preferred[ARGS_MAX];
    for (size_t i = 0; i < n; i++) {
        category[i] = '\0';
        preferred[i] = false;
        if (args[i] != T_UNKNOWN)
            continue;
        bool conflict = false, string = false;
        for (size_t k = 0; k < count; k++) {
            char cat = declared_category(c[k], i);
            if (cat == 'S') {
                preferred[i] = string && cat == category[i] ? preferred[i] : false;
                string = true;
                category[i] = cat;
            } else if (!string) {
                if (category[i] && cat != category[i])
                    conflict = true;
                category[i] = category[i] ? category[i] : cat;
            }
            if (cat == category[i] && declared_preferred(c[k], i))
                preferred[i] = true;
        }
        if (conflict && !string)
            return count;
    }
    size_t kept = 0;
    for (size_t k = 0; k < count; k++) {
        bool keep = true;
        for (size_t i = 0; i < n && keep; i++) {
            if (args[i] != T_UNKNOWN)
                continue;
            keep = declared_category(c[k], i) == category[i] &&
                   (!preferred[i] || declared_preferred(c[k], i));
        }
        if (keep) {
            Candidate *tmp = c[kept];
            c[kept++] = c[k];
            c[k] = tmp;
        }
    }
    return kept ? kept : count;
}

/* The last rule: unknowns are taken to have the type that all known arguments have. */
static Candidate *by_known_type(Candidate **c, size_t count, const TypeId *args, size_t n)
{
    TypeId known = 0;
    for (size_t i = 0; i < n; i++) {
        if (args[i] == T_UNKNOWN)
            continue;
        if (known && known != args[i])
            return NULL;
        known = args[i];
    }
    Candidate *only = NULL;
    for (size_t k = 0; known && k < count; k++) {
        bool fits = true;
        for (size_t i = 0; i < n; i++)
            fits = fits && can_coerce(known, c[k]->declared[i]);
        if (!fits)
            continue;
        if (only)
            return NULL;
        only = c[k];
    }
    return only;
}

/* NULL: none is best. */
static Candidate *choose(Candidate **c, size_t count, const TypeId *args, size_t n)
{
    if (count == 1)
        return c[0];
    count = keep_best(c, count, args, n, exact_matches);
    if (count == 1)
        return c[0];
    count = keep_best(c, count, args, n, preferred_matches);
    if (count == 1)
        return c[0];
    count = narrow_by_unknowns(c, count, args, n);
    if (count == 1)
        return c[0];
    return by_known_type(c, count, args, n);
}

typedef enum Outcome { RESOLVED, NO_CANDIDATE, AMBIGUOUS } Outcome;

typedef bool (*FuncFilter)(const FuncDef *f, int kind_flags);

static Outcome resolve(FuncGroup group, FuncFilter filter, int kind_flags, const TypeId *args,
                       size_t n, Candidate *out)
{
    Candidate *pool = mem_alloc(CANDIDATES_MAX * sizeof *pool), *list[CANDIDATES_MAX];
    size_t count = 0;
    Outcome outcome = NO_CANDIDATE;
    for (size_t i = 0; i < group.count && count < CANDIDATES_MAX; i++) {
        const FuncDef *f = group.items[i];
        Candidate *c = &pool[count];
        if (!filter(f, kind_flags & ~FN_VARIADIC) ||
            !match(f, args, n, kind_flags & FN_VARIADIC, c))
            continue;
        if (is_exact(c, args, n)) {
            list[0] = c;
            count = 1;
            break;
        }
        list[count++] = c;
    }
    if (count > 0) {
        Candidate *best = choose(list, count, args, n);
        outcome = best ? RESOLVED : AMBIGUOUS;
        if (best)
            *out = *best;
    }
    mem_free(pool);
    return outcome;
}

static void hand_out(const Candidate *c, const TypeId *args, size_t n, TypeId *want, TypeId *result)
{
    for (size_t i = 0; i < n; i++) {
        want[i] = c->declared[i];
        if (want[i] == T_ANY)
            want[i] = args[i] == T_UNKNOWN ? T_TEXT : args[i];
    }
    *result = c->result;
}

static const char *shown_type(TypeId t)
{
    const TypeDef *def = type_find(t);
    return def ? def->display : "???";
}

/* ---- functions ---- */

static bool function_filter(const FuncDef *f, int kind_flags)
{
    return !(f->flags & FN_OPERATOR) && f->name[0] != '$' &&
           (kind_flags == 0 || (f->flags & kind_flags));
}

static bool schema_is_ours(Slice schema, Slice name)
{
    if (slice_eq_cstr(schema, "information_schema"))
        return slice_starts(name, SLICE_LIT("_pg_"));
    return schema.len == 0 || slice_eq_cstr(schema, "pg_catalog") ||
           slice_eq_cstr(schema, "skulk") || slice_eq_cstr(schema, "public");
}

static bool no_function(Slice schema, Slice name, const TypeId *args, size_t n, Outcome outcome,
                        Err *e)
{
    char list[ERR_MESSAGE_MAX / 2];
    size_t at = 0;
    list[0] = '\0';
    for (size_t i = 0; i < n && at + 40 < sizeof list; i++) {
        const char *type = shown_type(args[i]);
        size_t len = strlen(type);
        if (i > 0) {
            memcpy(list + at, ", ", 2);
            at += 2;
        }
        memcpy(list + at, type, len);
        at += len;
        list[at] = '\0';
    }
    if (outcome == AMBIGUOUS) {
        err_set(e, ERR_AMBIGUOUS_FUNCTION, "function %.*s%s%.*s(%s) is not unique",
                SLICE_ARG(schema), schema.len ? "." : "", SLICE_ARG(name), list);
        return err_hint(e, "Could not choose a best candidate function. You might need to add "
                           "explicit type casts.");
    }
    err_set(e, ERR_UNDEFINED_FUNCTION, "function %.*s%s%.*s(%s) does not exist", SLICE_ARG(schema),
            schema.len ? "." : "", SLICE_ARG(name), list);
    return err_hint(e,
                    "No function matches the given name and argument types. You might need to add "
                    "explicit type casts.");
}

bool func_resolve(Slice schema, Slice name, const TypeId *args, size_t n, int kind_flags,
                  const FuncDef **out, TypeId *want, TypeId *result, Err *e)
{
    Candidate c;
    if (n > ARGS_MAX)
        return err_set(e, ERR_TOO_MANY_ARGUMENTS,
                       "cannot pass more than %d arguments to a function", ARGS_MAX);
    Outcome outcome = NO_CANDIDATE;
    if (schema_is_ours(schema, name))
        outcome = resolve(func_named(name), function_filter, kind_flags, args, n, &c);
    if (outcome != RESOLVED)
        return no_function(schema, name, args, n, outcome, e);
    *out = c.func;
    hand_out(&c, args, n, want, result);
    return true;
}

/* ---- operators ---- */

static bool operator_filter(const FuncDef *f, int unused)
{
    (void)unused;
    return f->flags & FN_OPERATOR;
}

static bool no_operator(Slice op, TypeId left, TypeId right, Outcome outcome, Err *e)
{
    bool ambiguous = outcome == AMBIGUOUS;
    err_set(e, ambiguous ? ERR_AMBIGUOUS_FUNCTION : ERR_UNDEFINED_FUNCTION, "%s: %s%s%.*s %s",
            ambiguous ? "operator is not unique" : "operator does not exist",
            left ? shown_type(left) : "", left ? " " : "", SLICE_ARG(op), shown_type(right));
    return err_hint(e, ambiguous
                           ? "Could not choose a best candidate operator. You might need to add "
                             "explicit type casts."
                       : !left ? "No operator matches the given name and argument type. You might "
                                 "need to add an explicit type cast."
                               : "No operator matches the given name and argument types. You might "
                                 "need to add explicit type casts.");
}

/* One unknown side is first tried with the type of the other. */
static bool exact_with_unknown(FuncGroup g, TypeId left, TypeId right, Candidate *c)
{
    TypeId args[2] = {left == T_UNKNOWN ? right : left, right == T_UNKNOWN ? left : right};
    if (args[0] == T_UNKNOWN || args[0] != args[1])
        return false;
    for (size_t i = 0; i < g.count; i++)
        if (operator_filter(g.items[i], 0) && match(g.items[i], args, 2, false, c) &&
            is_exact(c, args, 2))
            return true;
    return false;
}

bool oper_resolve(Slice op, TypeId left, TypeId right, const FuncDef **out, TypeId want[2],
                  TypeId *result, Err *e)
{
    Candidate c;
    if (slice_eq_cstr(op, "!="))
        op = SLICE_LIT("<>");
    FuncGroup g = func_named(op);
    TypeId args[2] = {left ? left : right, right};
    size_t n = left ? 2 : 1;
    Outcome outcome = RESOLVED;
    if (n != 2 || !exact_with_unknown(g, left, right, &c))
        outcome = resolve(g, operator_filter, 0, args, n, &c);
    if (outcome != RESOLVED)
        return no_operator(op, left, right, outcome, e);
    *out = c.func;
    hand_out(&c, args, n, want, result);
    return true;
}

/* ---- common type ---- */

bool type_common(const TypeId *types, size_t n, const char *what, TypeId *out, Err *e)
{
    TypeId best = 0;
    for (size_t i = 0; i < n; i++) {
        TypeId t = types[i];
        if (t == T_UNKNOWN || t == best)
            continue;
        if (!best) {
            best = t;
        } else if (category_of(t) != category_of(best)) {
            return err_set(e, ERR_DATATYPE_MISMATCH, "%s types %s and %s cannot be matched", what,
                           shown_type(best), shown_type(t));
        } else if (!is_preferred(best) && can_coerce(best, t) && !can_coerce(t, best)) {
            best = t;
        }
    }
    best = best ? best : T_TEXT;
    for (size_t i = 0; i < n; i++)
        if (!can_coerce(types[i], best))
            return err_set(e, ERR_CANNOT_COERCE, "%s could not convert type %s to %s", what,
                           shown_type(types[i]), shown_type(best));
    *out = best;
    return true;
}
