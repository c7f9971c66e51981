/* sqlts/analyze_sequence.c - the options of CREATE and ALTER SEQUENCE and of identity columns. */
#include "sqlts/analyze.h"

static bool whole_number(Analyzer *z, const NOption *o, int64_t *out, Err *e)
{
    if (slice_to_i64(o->value, out))
        return true;
    return az_fail(z, &o->n, ERR_NUMERIC_RANGE, e, "value \"%.*s\" is out of range for type bigint",
                   SLICE_ARG(o->value));
}

static bool limit(Analyzer *z, const NOption *o, SequenceLimit *l, Err *e)
{
    l->given = true;
    l->none = !o->has_value;
    return l->none || whole_number(z, o, &l->value, e);
}

static bool owned_by(Analyzer *z, const NOption *o, SequenceSpec *s, Err *e)
{
    const NodeList *names = &o->names;
    s->has_owner = true;
    s->owner_column = ast_name_text(names->items[names->count - 1]);
    if (names->count == 1 && slice_eq_cstr(s->owner_column, "none")) {
        s->owner_column = SLICE_NONE;
        return true;
    }
    if (names->count < 2 || names->count > 3) {
        az_fail(z, &o->n, ERR_SYNTAX, e, "invalid OWNED BY option");
        return err_hint(e, "Specify OWNED BY table.column or OWNED BY NONE.");
    }
    s->owner.name = ast_name_text(names->items[names->count - 2]);
    if (names->count == 3)
        s->owner.schema = ast_name_text(names->items[0]);
    return true;
}

static bool sequence_type(Analyzer *z, const NOption *o, SequenceSpec *s, Err *e)
{
    int32_t typmod;
    if (!az_type(z, (const NType *)o->names.items[0], &s->type, &typmod, e))
        return false;
    return s->type == T_INT2 || s->type == T_INT4 || s->type == T_INT8 ||
           err_set(e, ERR_INVALID_PARAMETER, "sequence type must be smallint, integer, or bigint");
}

static bool sequence_name(Analyzer *z, const NOption *o, SequenceSpec *s, Err *e)
{
    const NodeList *names = &o->names;
    if (names->count > 2)
        return az_fail(z, &o->n, ERR_SYNTAX, e, "improper qualified name (too many dotted names)");
    s->name.name = ast_name_text(names->items[names->count - 1]);
    if (names->count == 2)
        s->name.schema = ast_name_text(names->items[0]);
    return true;
}

static bool one_option(Analyzer *z, const NOption *o, SequenceSpec *s, Err *e)
{
    if (slice_eq_cstr(o->name, "as"))
        return sequence_type(z, o, s, e);
    if (slice_eq_cstr(o->name, "owned"))
        return owned_by(z, o, s, e);
    if (slice_eq_cstr(o->name, "increment"))
        return limit(z, o, &s->increment, e);
    if (slice_eq_cstr(o->name, "minvalue"))
        return limit(z, o, &s->min, e);
    if (slice_eq_cstr(o->name, "maxvalue"))
        return limit(z, o, &s->max, e);
    if (slice_eq_cstr(o->name, "start"))
        return limit(z, o, &s->start, e);
    if (slice_eq_cstr(o->name, "restart"))
        return limit(z, o, &s->restart, e);
    if (slice_eq_cstr(o->name, "cache"))
        return limit(z, o, &s->cache, e);
    if (slice_eq_cstr(o->name, "cycle")) {
        s->has_cycle = true;
        s->cycle = o->has_value;
        return true;
    }
    return sequence_name(z, o, s, e);
}

bool az_sequence_spec(Analyzer *z, const NodeList *options, SequenceSpec *out, Err *e)
{
    *out = (SequenceSpec){0};
    for (size_t i = 0; i < options->count; i++) {
        const NOption *o = (const NOption *)options->items[i];
        for (size_t k = 0; k < i; k++)
            if (slice_eq(o->name, ((const NOption *)options->items[k])->name))
                return az_fail(z, &o->n, ERR_SYNTAX, e, "conflicting or redundant options");
        if (!one_option(z, o, out, e))
            return false;
    }
    return true;
}

bool az_sequence(Analyzer *z, const NCreate *n, Bound *b, Err *e)
{
    bool create = n->n.kind == N_CREATE_SEQUENCE;
    if (create && !az_new_relation(z, n->range, n->temporary, e))
        return false;
    b->kind = create ? BOUND_CREATE_SEQUENCE : BOUND_ALTER_SEQUENCE;
    b->tag = create ? "CREATE SEQUENCE" : "ALTER SEQUENCE";
    b->u.sequence.name = az_qualified(z, n->range);
    b->u.sequence.if_exists = n->if_not_exists;
    b->u.sequence.temporary = n->temporary;
    for (size_t i = 0; i < n->options.count; i++) {
        const NOption *o = (const NOption *)n->options.items[i];
        if (slice_eq_cstr(o->name, "name"))
            return az_fail(z, &o->n, ERR_SYNTAX, e, "invalid sequence option SEQUENCE NAME");
    }
    return az_sequence_spec(z, &n->options, &b->u.sequence.spec, e);
}
