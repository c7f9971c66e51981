/* sqlts/grammar_statements.c - what the grammar does for statements other than SELECT; see
 * grammar_private.h. */
#include "sqlts/grammar_private.h"

/* ---- INSERT, UPDATE, DELETE, COPY ---- */

SqlNode *grammar_insert_rest(ParseState *ps, NodeList columns, SqlNode *query)
{
    NInsert *n = AST(ps, NInsert, N_INSERT, 0);
    n->columns = columns;
    n->query = (NSelect *)query;
    ast_adopt(ps, n, query);
    return &n->n;
}

SqlNode *grammar_conflict(ParseState *ps, uint32_t offset, int action, SqlNode *target,
                          NodeList set, SqlNode *where)
{
    NInsert *n = AST(ps, NInsert, N_INSERT, offset);
    n->conflict = action;
    n->on_conflict = &n->n;
    n->conflict_target = target;
    if (target && ((NMulti *)target)->form == 'c')
        n->conflict_constraint = ast_name_text(((NMulti *)target)->args.items[0]);
    else if (target)
        n->conflict_columns = ((NMulti *)target)->args;
    n->set = set;
    n->set_where = where;
    ast_adopt_list(ps, n, &set);
    ast_adopt(ps, n, where);
    return &n->n;
}

SqlNode *grammar_insert(ParseState *ps, uint32_t offset, SqlNode *with, SqlNode *table,
                        SqlNode *rest, SqlNode *conflict)
{
    NInsert *n = (NInsert *)rest;
    n->n.offset = offset;
    n->table = (NRange *)table;
    if (with) {
        n->ctes = ((NMulti *)with)->args;
        n->recursive = ((NMulti *)with)->form == 'r';
        ast_adopt(ps, n, with);
    }
    if (conflict) {
        NInsert *c = (NInsert *)conflict;
        n->conflict = c->conflict;
        n->on_conflict = c->on_conflict;
        n->conflict_target = c->conflict_target;
        n->conflict_columns = c->conflict_columns;
        n->conflict_constraint = c->conflict_constraint;
        n->set = c->set;
        n->set_where = c->set_where;
        ast_adopt(ps, n, conflict);
    }
    return rest;
}

SqlNode *grammar_modify(ParseState *ps, NodeKind kind, uint32_t offset, SqlNode *with,
                        SqlNode *table)
{
    NModify *n = AST(ps, NModify, kind, offset);
    n->table = (NRange *)table;
    if (with) {
        n->ctes = ((NMulti *)with)->args;
        n->recursive = ((NMulti *)with)->form == 'r';
        ast_adopt(ps, n, with);
    }
    return &n->n;
}

SqlNode *grammar_locking(ParseState *ps, uint32_t offset, const char *words, NodeList of, int wait)
{
    NLocking *l = AST(ps, NLocking, N_LOCKING, offset);
    l->words = words;
    l->of = of;
    l->wait = (RowsLock)wait;
    return &l->n;
}

void grammar_select_lock(SqlNode *select, NodeList locking)
{
    if (select && locking.count)
        ((NSelect *)select)->locking = locking;
}

SqlNode *grammar_copy(ParseState *ps, uint32_t offset, SqlNode *table, NodeList columns,
                      SqlNode *query, bool from)
{
    NCopy *c = AST(ps, NCopy, N_COPY, offset);
    c->table = (NRange *)table;
    c->columns = columns;
    c->query = query;
    c->from = from;
    ast_adopt(ps, c, query);
    return &c->n;
}

void grammar_copy_tail(ParseState *ps, SqlNode *copy, int binary, int file, NodeList options)
{
    NCopy *c = (NCopy *)copy;
    c->to_file = file;
    if (binary)
        options = MORE(
            options, ast_option(ps, copy->offset, SLICE_LIT("format"), SLICE_LIT("binary"), true));
    c->options = options;
}

SqlNode *grammar_list_option(ParseState *ps, uint32_t offset, const char *name, NodeList names,
                             bool star)
{
    NOption *o = (NOption *)ast_option(ps, offset, slice_cstr(name), SLICE_NONE, false);
    o->names = names;
    o->star = star;
    return &o->n;
}

/* ---- CREATE and ALTER ---- */

SqlNode *grammar_create_table(ParseState *ps, uint32_t offset, SqlNode *table, NodeList elements,
                              NodeList options)
{
    NCreateTable *c = AST(ps, NCreateTable, N_CREATE_TABLE, offset);
    c->table = (NRange *)table;
    c->elements = elements;
    c->options = options;
    return &c->n;
}

SqlNode *grammar_column_def(ParseState *ps, Token name, SqlNode *type, NodeList constraints)
{
    NColumnDef *d = AST(ps, NColumnDef, N_COLUMN_DEF, name.offset);
    d->name = name.value;
    d->type = (NType *)type;
    d->constraints = constraints;
    return &d->n;
}

SqlNode *grammar_constraint(ParseState *ps, uint32_t offset, ConstraintKind con)
{
    NConstraint *c = AST(ps, NConstraint, N_CONSTRAINT, offset);
    c->con = con;
    return &c->n;
}

SqlNode *grammar_check(ParseState *ps, uint32_t offset, SqlNode *expr, uint32_t begin, uint32_t end)
{
    NConstraint *c = (NConstraint *)grammar_constraint(ps, offset, CON_CHECK);
    c->expr = expr;
    c->text = ast_span(ps, begin, end);
    ast_adopt(ps, c, expr);
    return &c->n;
}

SqlNode *grammar_table_word(ParseState *ps, Token word)
{
    static const char *const words[] = {"wal", "bypass", "dedup", "upsert"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_cstr(word.value, words[i]))
            return ast_option(ps, word.offset, word.value, SLICE_NONE, false);
    ast_syntax_error(ps, word.offset, word.text);
    return ast_option(ps, word.offset, word.value, SLICE_NONE, false);
}

/* TTL 7 DAYS */
SqlNode *grammar_duration_option(ParseState *ps, Token word, Token number, Token unit)
{
    if (!slice_eq_cstr(word.value, "ttl"))
        ast_syntax_error(ps, word.offset, word.text);
    Slice value =
        arena_printf(ps->arena, "%.*s %.*s", SLICE_ARG(number.value), SLICE_ARG(unit.value));
    return ast_option(ps, word.offset, word.value, value, true);
}

SqlNode *grammar_create(ParseState *ps, NodeKind kind, uint32_t offset, SqlNode *range)
{
    NCreate *c = AST(ps, NCreate, kind, offset);
    c->range = (NRange *)range;
    return &c->n;
}

SqlNode *grammar_create_named(ParseState *ps, NodeKind kind, uint32_t offset, Token name,
                              bool if_not_exists)
{
    NCreate *c = AST(ps, NCreate, kind, offset);
    c->name = name.value;
    c->if_not_exists = if_not_exists;
    return &c->n;
}

SqlNode *grammar_drop(ParseState *ps, uint32_t offset, int what, NodeList names, bool cascade)
{
    NDrop *d = AST(ps, NDrop, N_DROP, offset);
    d->what = (DropKind)what;
    d->names = names;
    d->cascade = cascade;
    return &d->n;
}

SqlNode *grammar_alter(ParseState *ps, uint32_t offset, SqlNode *table, bool if_exists,
                       NodeList actions)
{
    NAlter *a = AST(ps, NAlter, N_ALTER_TABLE, offset);
    a->table = (NRange *)table;
    a->if_exists = if_exists;
    a->actions = actions;
    return &a->n;
}

SqlNode *grammar_action(ParseState *ps, uint32_t offset, AlterKind kind)
{
    NAlterAction *a = AST(ps, NAlterAction, N_ALTER_ACTION, offset);
    a->action = kind;
    return &a->n;
}

SqlNode *grammar_add_constraint(ParseState *ps, uint32_t offset, SqlNode *constraint)
{
    NConstraint *c = (NConstraint *)constraint;
    NAlterAction *a = (NAlterAction *)grammar_action(ps, offset, ALTER_ADD_CONSTRAINT);
    a->constraint = c;
    return &a->n;
}

SqlNode *grammar_comment(ParseState *ps, uint32_t offset, int what, NodeList names, SqlNode *text)
{
    NSimple *s = (NSimple *)ast_simple(ps, N_COMMENT, offset, what, SLICE_NONE);
    if (what == COMMENT_COLUMN) {
        if (names.count < 2)
            ast_fail(ps, ERR_SYNTAX, offset, "column name must be qualified");
        s->name = ast_last_name(&names);
        names.count -= names.count > 1;
    }
    s->range = (NRange *)ast_range(ps, names.items[0]->offset, names);
    s->null_text = !text;
    if (text)
        s->text = ((NLiteral *)text)->text;
    return &s->n;
}

/* ---- small statements ---- */

TxnModes grammar_modes(TxnModes a, TxnModes b)
{
    if (b.isolation.len)
        a.isolation = b.isolation;
    if (b.read_only >= 0)
        a.read_only = b.read_only;
    if (b.deferrable >= 0)
        a.deferrable = b.deferrable;
    return a;
}

SqlNode *grammar_txn(ParseState *ps, uint32_t offset, TxnKind kind, TxnModes modes)
{
    NSimple *s = (NSimple *)ast_simple(ps, N_TXN, offset, kind, SLICE_NONE);
    s->text = modes.isolation;
    s->count = modes.read_only;
    s->deferrable = modes.deferrable;
    return &s->n;
}

Slice grammar_quoted_name(ParseState *ps, Slice name)
{
    bool plain = name.len > 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9');
    for (size_t i = 0; plain && i < name.len; i++)
        plain = (name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || name.ptr[i] == '_' ||
                (name.ptr[i] >= '0' && name.ptr[i] <= '9');
    if (plain)
        return name;
    char *out = arena_alloc(ps->arena, 2 * name.len + 3);
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            out[n++] = '"';
        out[n++] = name.ptr[i];
    }
    out[n++] = '"';
    return slice_of(out, n);
}

SqlNode *grammar_role(ParseState *ps, uint32_t offset, RoleVerb verb, NodeList names,
                      NodeList options)
{
    NSimple *s = (NSimple *)ast_simple(ps, N_ROLE_STMT, offset, verb, SLICE_NONE);
    s->list = names;
    s->args = options;
    return &s->n;
}

/* Two words: ALL PRIVILEGES, and nothing else. */
SqlNode *grammar_all_privileges(ParseState *ps, Token all, Token word)
{
    if (!slice_eq_cstr(all.value, "all") || !slice_eq_cstr(word.value, "privileges"))
        ast_fail(ps, ERR_SYNTAX, word.offset, "syntax error at or near \"%.*s\"",
                 SLICE_ARG(word.text));
    return ast_literal(ps, N_NAME, all.offset, all.value);
}

SqlNode *grammar_grant(ParseState *ps, uint32_t offset, NodeList what, SqlNode *target,
                       NodeList grantees, Token tail)
{
    NSimple *s = (NSimple *)ast_simple(ps, N_GRANT, offset, 0, tail.value);
    s->list = what;
    s->args = grantees;
    s->query = target;
    s->flag2 = tail.offset;
    return &s->n;
}

SqlNode *grammar_revoke(ParseState *ps, uint32_t offset, NodeList what, SqlNode *target,
                        NodeList grantees, Token tail, bool only_option)
{
    NSimple *s = (NSimple *)grammar_grant(ps, offset, what, target, grantees, tail);
    s->flag = true;
    s->flag2 = only_option;
    s->flag3 = tail.offset;
    return &s->n;
}

SqlNode *grammar_default_privileges(ParseState *ps, uint32_t offset, Token word, NodeList places,
                                    SqlNode *grant)
{
    NSimple *s = (NSimple *)grant;
    if (!slice_eq_cstr(word.value, "privileges"))
        ast_fail(ps, ERR_SYNTAX, word.offset, "syntax error at or near \"%.*s\"",
                 SLICE_ARG(word.text));
    NSimple *target = (NSimple *)s->query;
    target->args = places;
    s->n.offset = offset;
    return grant;
}

SqlNode *grammar_set(ParseState *ps, Token name, Slice value, bool is_default)
{
    NSimple *s = (NSimple *)ast_simple(ps, N_SET, name.offset, 0, name.value);
    s->text = value;
    s->flag2 = is_default;
    return &s->n;
}

void grammar_inner(ParseState *ps, SqlNode *outer, SqlNode *query, uint32_t begin)
{
    NSimple *s = (NSimple *)outer;
    s->query = query;
    s->text = ast_span(ps, begin, ps->prev_end);
    s->query_begin = (uint32_t)(s->text.ptr - ps->whole.ptr);
    ast_adopt(ps, outer, query);
}

SqlNode *grammar_fetch(ParseState *ps, Token name, FetchKind kind, int64_t count)
{
    NSimple *s = (NSimple *)ast_simple(ps, N_FETCH, name.offset, kind, name.value);
    s->count = count;
    return &s->n;
}

int grammar_vacuum(NodeList options)
{
    int words = 0;
    for (size_t i = 0; i < options.count; i++) {
        const NOption *o = (const NOption *)options.items[i];
        bool on =
            !o->has_value || !(slice_eq_cstr(o->value, "false") || slice_eq_cstr(o->value, "off") ||
                               slice_eq_cstr(o->value, "0"));
        if (slice_eq_cstr(o->name, "full") && on)
            words |= 1;
        if (slice_eq_cstr(o->name, "analyze") && on)
            words |= 2;
    }
    return words;
}
