/* session/sequence.c - sequences: CREATE, ALTER, nextval and its kin.
 *
 * A sequence is an entry of the catalog of kind TABLE_SEQUENCE: its options are bytes in `extra`, and
 * its counter says up to where values may have been given.  What was really given last stands in
 * memory (Db.sequences); a run of SEQUENCE_RUN values is logged before the first of them is given, so
 * that a crash loses the rest of a run and gives none twice.  As in PostgreSQL values are given
 * outside of transactions.  A new `counter_epoch` (RESTART) makes what stands in memory void. */
#include "exec/func_text.h"
#include "session/catalog_private.h"

enum { SEQUENCE_RUN = 32, SEQUENCES_KEPT = 1024 };

/* ---- options ---- */

static void encode(Arena *a, const SequenceDef *d, Slice *out)
{
    Buf b;
    buf_init(&b);
    buf_put_varint(&b, d->type);
    buf_put_zigzag(&b, d->start);
    buf_put_zigzag(&b, d->increment);
    buf_put_zigzag(&b, d->min);
    buf_put_zigzag(&b, d->max);
    buf_put_zigzag(&b, d->cache);
    buf_put_varint(&b, d->cycle);
    buf_put_varint(&b, d->owner);
    buf_put_varint(&b, d->owner_column);
    *out = arena_slice(a, buf_slice(&b));
    buf_free(&b);
}

void sequence_def(const TableDef *t, SequenceDef *out)
{
    Reader r = reader_of(t->extra);
    out->type = (TypeId)reader_varint(&r);
    out->start = reader_zigzag(&r);
    out->increment = reader_zigzag(&r);
    out->min = reader_zigzag(&r);
    out->max = reader_zigzag(&r);
    out->cache = reader_zigzag(&r);
    out->cycle = reader_varint(&r);
    out->owner = (TableId)reader_varint(&r);
    out->owner_column = (ColumnId)reader_varint(&r);
    out->used = t->counter_used;
    out->last = t->counter;
}

static void type_range(TypeId type, int64_t *min, int64_t *max)
{
    *max = type == T_INT2 ? INT16_MAX : type == T_INT4 ? INT32_MAX : INT64_MAX;
    *min = -*max - 1;
}

static void set_limits(SequenceDef *d, const SequenceSpec *s, bool create, bool retyped)
{
    int64_t low, high;
    type_range(d->type, &low, &high);
    bool up = d->increment > 0;
    if (s->max.given && !s->max.none)
        d->max = s->max.value;
    else if (create || s->max.given || retyped)
        d->max = up ? high : -1;
    if (s->min.given && !s->min.none)
        d->min = s->min.value;
    else if (create || s->min.given || retyped)
        d->min = up ? 1 : low;
}

static bool check(const SequenceDef *d, Err *e)
{
    static const struct {
        TypeId type;
        const char *name;
    } names[] = {{T_INT2, "smallint"}, {T_INT4, "integer"}, {T_INT8, "bigint"}};
    const char *type = names[0].name;
    int64_t low, high;
    type_range(d->type, &low, &high);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        type = names[i].type == d->type ? names[i].name : type;
    if (d->increment == 0)
        return err_set(e, ERR_INVALID_PARAMETER, "INCREMENT must not be zero");
    if (d->max < low || d->max > high)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "MAXVALUE (%lld) is out of range for sequence data type %s",
                       (long long)d->max, type);
    if (d->min < low || d->min > high)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "MINVALUE (%lld) is out of range for sequence data type %s",
                       (long long)d->min, type);
    if (d->min >= d->max)
        return err_set(e, ERR_INVALID_PARAMETER,
                       "MINVALUE (%lld) must be less than MAXVALUE (%lld)", (long long)d->min,
                       (long long)d->max);
    if (d->start < d->min || d->start > d->max)
        return err_set(e, ERR_INVALID_PARAMETER, "START value (%lld) cannot be %s (%lld)",
                       (long long)d->start,
                       d->start < d->min ? "less than MINVALUE" : "greater than MAXVALUE",
                       (long long)(d->start < d->min ? d->min : d->max));
    if (d->last < d->min || d->last > d->max)
        return err_set(e, ERR_INVALID_PARAMETER, "RESTART value (%lld) cannot be %s (%lld)",
                       (long long)d->last,
                       d->last < d->min ? "less than MINVALUE" : "greater than MAXVALUE",
                       (long long)(d->last < d->min ? d->min : d->max));
    if (d->cache < 1)
        return err_set(e, ERR_INVALID_PARAMETER, "CACHE (%lld) must be greater than zero",
                       (long long)d->cache);
    return true;
}

/* Sets what the statement says; d holds what was. */
static bool apply(SequenceDef *d, const SequenceSpec *s, bool create, Err *e)
{
    bool retyped = s->type && s->type != d->type;
    if (s->type)
        d->type = s->type;
    if (s->increment.given)
        d->increment = s->increment.value;
    set_limits(d, s, create, retyped && !create);
    if (s->has_cycle)
        d->cycle = s->cycle;
    if (s->cache.given)
        d->cache = s->cache.value;
    if (s->start.given)
        d->start = s->start.value;
    else if (create)
        d->start = d->increment > 0 ? d->min : d->max;
    if (create) {
        d->last = d->start;
        d->used = false;
    }
    if (s->restart.given) {
        d->last = s->restart.none ? d->start : s->restart.value;
        d->used = false;
    }
    return check(d, e);
}

static bool find_owner(Portal *p, const CatalogSnap *cat, const SequenceSpec *s, ObjectId schema,
                       SequenceDef *d, Err *e)
{
    d->owner = 0;
    d->owner_column = 0;
    if (!s->owner_column.len)
        return true;
    const TableDef *t = session_find_table(p->session, cat, &s->owner);
    if (!t)
        return err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                       SLICE_ARG(s->owner.name));
    const ColumnDef *c = table_column(t, s->owner_column);
    if (!c)
        return err_set(e, ERR_UNDEFINED_COLUMN,
                       "column \"%.*s\" of relation \"%.*s\" does not exist",
                       SLICE_ARG(s->owner_column), SLICE_ARG(t->name));
    if (t->schema != schema)
        return err_set(e, ERR_OBJECT_STATE,
                       "sequence must be in same schema as table it is linked to");
    d->owner = t->id;
    d->owner_column = c->id;
    return true;
}

static bool put_sequence(Portal *p, TableDef *t, const SequenceDef *d, uint32_t version, Err *e)
{
    encode(&p->arena, d, &t->extra);
    CatEdit c = {.op = CAT_PUT_TABLE, .id = t->id, .expect_version = version, .table = t};
    return ddl_edit(p->session, &c, 1, e);
}

/* ---- statements ---- */

static void sequence_columns(Portal *p, TableDef *t)
{
    t->definition = arena_printf(
        &p->arena,
        "SELECT pg_catalog.skulk_sequence_last(%u) AS last_value, 0::bigint AS log_cnt, "
        "pg_catalog.skulk_sequence_used(%u) AS is_called",
        t->id, t->id);
    static const struct {
        const char *name;
        TypeId type;
    } columns[] = {{"last_value", T_INT8}, {"log_cnt", T_INT8}, {"is_called", T_BOOL}};
    t->columns = ARENA_ARRAY(&p->arena, ColumnDef, ARRAY_LEN(columns));
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        t->columns[t->column_count++] = (ColumnDef){.id = t->next_column++,
                                                    .name = slice_cstr(columns[i].name),
                                                    .kind = COL_FIELD,
                                                    .type_oid = columns[i].type,
                                                    .typmod = -1,
                                                    .phys = PHYS_STR,
                                                    .not_null = true};
}

static bool new_sequence(Portal *p, const SchemaDef *schema, Slice name, const SequenceDef *d,
                         TableId *id, Err *e)
{
    TableDef *t = ARENA_NEW(&p->arena, TableDef);
    *t = (TableDef){.id = engine_new_id(p->session->db->engine),
                    .database = schema->database,
                    .schema = schema->id,
                    .name = name,
                    .kind = TABLE_SEQUENCE,
                    .duplicates = DUP_KEEP,
                    .time_index = -1,
                    .next_column = 1,
                    .counter = d->last,
                    .counter_used = d->used};
    sequence_columns(p, t);
    *id = t->id;
    return put_sequence(p, t, d, 0, e);
}

bool sequence_create_owned(Portal *p, const CatalogSnap *cat, const SchemaDef *schema, Slice name,
                           const SequenceSpec *spec, TypeId type, TableId table, ColumnId column,
                           TableId *id, Err *e)
{
    SequenceDef d = {.type = type, .increment = 1, .cache = 1};
    const TableDef *like =
        spec->like ? sequence_of_column(cat, spec->like, spec->like_column) : NULL;
    if (like) {
        sequence_def(like, &d);
        d.type = T_INT8; /* as PostgreSQL's: its limits are those of the other all the same */
        d.last = d.start;
        d.used = false;
    } else if (!apply(&d, spec, true, e)) {
        return false;
    }
    d.owner = table;
    d.owner_column = column;
    return new_sequence(p, schema, name, &d, id, e);
}

static bool create_sequence(Portal *p, const CatalogSnap *cat, Err *e)
{
    const Bound *b = p->bound;
    const SequenceSpec *spec = &b->u.sequence.spec;
    SequenceDef d = {.type = T_INT8, .increment = 1, .cache = 1};
    Slice name = b->u.sequence.name.name;
    const SchemaDef *schema =
        session_target_schema(p->session, cat, &b->u.sequence.name, b->u.sequence.temporary, e);
    TableId id;
    if (!schema)
        return false;
    if (ddl_name_taken(cat, schema->id, name)) {
        if (!b->u.sequence.if_exists)
            return err_set(e, ERR_DUPLICATE_TABLE, "relation \"%.*s\" already exists",
                           SLICE_ARG(name));
        session_notice(p->session, "NOTICE", ERR_DUPLICATE_TABLE,
                       "relation \"%.*s\" already exists, skipping", SLICE_ARG(name));
        return true;
    }
    return apply(&d, spec, true, e) && find_owner(p, cat, spec, schema->id, &d, e) &&
           new_sequence(p, schema, name, &d, &id, e);
}

bool ddl_create_sequence(Portal *p, Err *e)
{
    if (!temp_enter(p->session, &p->bound->u.sequence.name, p->bound->u.sequence.temporary, e))
        return false;
    CatalogSnap *cat = session_catalog(p->session);
    bool ok = create_sequence(p, cat, e);
    cat_unref(cat);
    return ok;
}

static bool is_sequence(const TableDef *t, Err *e)
{
    return t->kind == TABLE_SEQUENCE ||
           err_set(e, ERR_WRONG_OBJECT, "\"%.*s\" is not a sequence", SLICE_ARG(t->name));
}

static bool replace(Portal *p, const TableDef *t, const SequenceDef *d, bool restart, Err *e)
{
    TableDef *copy = table_def_copy(&p->arena, t);
    if (restart) {
        copy->counter_epoch++;
        copy->counter = d->last;
        copy->counter_used = false;
    }
    return put_sequence(p, copy, d, t->version, e);
}

bool sequence_alter(Portal *p, const CatalogSnap *cat, const TableDef *t, const SequenceSpec *spec,
                    Err *e)
{
    SequenceDef d;
    sequence_def(t, &d);
    sequence_current(p->session, t, &d.last, &d.used);
    if (!apply(&d, spec, false, e) ||
        (spec->has_owner && !find_owner(p, cat, spec, t->schema, &d, e)))
        return false;
    return replace(p, t, &d, spec->restart.given, e);
}

bool sequence_change(Portal *p, const TableDef *t, const SequenceSpec *spec, TableId owner, Err *e)
{
    SequenceDef d;
    SequenceSpec none = {0};
    sequence_def(t, &d);
    sequence_current(p->session, t, &d.last, &d.used);
    if (!apply(&d, spec ? spec : &none, false, e))
        return false;
    d.owner = owner;
    return replace(p, t, &d, spec && spec->restart.given, e);
}

bool sequence_change_owned(Portal *p, TableId table, ColumnId column, const SequenceSpec *spec,
                           Err *e)
{
    CatalogSnap *cat = session_catalog(p->session);
    const TableDef *t = sequence_of_column(cat, table, column);
    bool ok = !t || sequence_alter(p, cat, t, spec, e);
    cat_unref(cat);
    return ok;
}

bool ddl_alter_sequence(Portal *p, Err *e)
{
    const Bound *b = p->bound;
    CatalogSnap *cat = session_catalog(p->session);
    const TableDef *t = session_find_table(p->session, cat, &b->u.sequence.name);
    bool ok = true;
    if (!t && b->u.sequence.if_exists)
        session_notice(p->session, "NOTICE", ERR_OK, "relation \"%.*s\" does not exist, skipping",
                       SLICE_ARG(b->u.sequence.name.name));
    else if (!t)
        ok = err_set(e, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist",
                     SLICE_ARG(b->u.sequence.name.name));
    else
        ok = is_sequence(t, e) && sequence_alter(p, cat, t, &b->u.sequence.spec, e);
    cat_unref(cat);
    return ok;
}

/* ---- values ---- */

/* What stands in memory; NULL: nothing of this epoch.  Needs Db.sequence_mutex. */
static SequenceState *find_state(Session *session, const TableDef *t)
{
    bool temporary = session_is_temp(session, t);
    SequenceState *list = temporary ? session->temp_sequences : session->db->sequences;
    size_t n = temporary ? session->temp_sequence_count : session->db->sequence_count;
    for (size_t i = 0; i < n; i++)
        if (list[i].id == t->id && list[i].epoch == t->counter_epoch)
            return &list[i];
    return NULL;
}

/* Of a temporary sequence nothing else says where it stands. */
static SequenceState *add_temporary(Session *s)
{
    s->temp_sequences =
        mem_realloc(s->temp_sequences, (s->temp_sequence_count + 1) * sizeof *s->temp_sequences);
    return &s->temp_sequences[s->temp_sequence_count++];
}

static SequenceState *need_state(Session *session, const TableDef *t)
{
    Db *db = session->db;
    SequenceState *s = find_state(session, t);
    if (s)
        return s;
    if (session_is_temp(session, t)) {
        s = add_temporary(session);
        *s = (SequenceState){
            .id = t->id, .epoch = t->counter_epoch, .last = t->counter, .used = t->counter_used};
        return s;
    }
    if (db->sequence_count == SEQUENCES_KEPT)
        db->sequence_count = 0; /* they go on behind their runs */
    if (!db->sequences)
        db->sequences = mem_zero(SEQUENCES_KEPT * sizeof *db->sequences);
    s = &db->sequences[db->sequence_count++];
    *s = (SequenceState){
        .id = t->id, .epoch = t->counter_epoch, .last = t->counter, .used = t->counter_used};
    return s;
}

/* Outside of transactions where the sequence is there already, else with the one that makes it. */
static bool log_counter(Session *s, const TableDef *t, int64_t counter, bool used, Err *e)
{
    CatEdit c = {.op = CAT_ADVANCE,
                 .id = t->id,
                 .epoch = t->counter_epoch,
                 .counter = counter,
                 .counter_used = used};
    CatEdit nothing = {.op = CAT_ADVANCE}; /* makes COMMIT wait for the log */
    if (session_is_temp(s, t))
        return true;
    CatalogSnap *firm = engine_catalog(s->db->engine);
    const TableDef *known = cat_table_by_id(firm, t->id);
    bool there = known && known->counter_epoch == t->counter_epoch;
    cat_unref(firm);
    Txn *txn = tx_writer(s, e);
    if (!txn || !txn_edit_catalog(txn, there ? &nothing : &c, 1, e))
        return false;
    return !there || engine_edit_catalog(s->db->engine, &c, 1, e);
}

/* One step from `at`; false: the end, without CYCLE. */
static bool step(const SequenceDef *d, int64_t at, bool used, int64_t *next)
{
    if (!used) {
        *next = at;
        return true;
    }
    bool beyond =
        __builtin_add_overflow(at, d->increment, next) || *next > d->max || *next < d->min;
    if (beyond && !d->cycle)
        return false;
    if (beyond)
        *next = d->increment > 0 ? d->min : d->max;
    return true;
}

static bool at_limit(const TableDef *t, const SequenceDef *d, Err *e)
{
    bool up = d->increment > 0;
    return err_set(e, ERR_SEQUENCE_LIMIT, "nextval: reached %s value of sequence \"%.*s\" (%lld)",
                   up ? "maximum" : "minimum", SLICE_ARG(t->name),
                   (long long)(up ? d->max : d->min));
}

static bool next_value(Session *s, const TableDef *t, int64_t *out, Err *e)
{
    SequenceDef d;
    Db *db = s->db;
    if (s->tx.read_only && !session_is_temp(s, t))
        return err_set(e, ERR_READ_ONLY_TXN, "cannot execute nextval() in a read-only transaction");
    sequence_def(t, &d);
    mutex_lock(&db->sequence_mutex);
    SequenceState *st = need_state(s, t);
    bool ok = step(&d, st->last, st->used, out) || at_limit(t, &d, e);
    if (ok && st->left == 0) {
        int64_t end = *out, further;
        int run = 1;
        while (run < SEQUENCE_RUN && step(&d, end, true, &further)) {
            end = further;
            run++;
        }
        ok = log_counter(s, t, end, true, e);
        st->left = run;
    }
    if (ok) {
        st->last = *out;
        st->used = true;
        st->left--;
    }
    mutex_unlock(&db->sequence_mutex);
    return ok;
}

void sequence_current(Session *s, const TableDef *t, int64_t *last, bool *used)
{
    mutex_lock(&s->db->sequence_mutex);
    const SequenceState *st = find_state(s, t);
    *last = st ? st->last : t->counter;
    *used = st ? st->used : t->counter_used;
    mutex_unlock(&s->db->sequence_mutex);
}

static bool set_value(Session *s, const TableDef *t, int64_t v, bool used, Err *e)
{
    SequenceDef d;
    if (s->tx.read_only && !session_is_temp(s, t))
        return err_set(e, ERR_READ_ONLY_TXN, "cannot execute setval() in a read-only transaction");
    sequence_def(t, &d);
    if (v < d.min || v > d.max)
        return err_set(e, ERR_NUMERIC_RANGE,
                       "setval: value %lld is out of bounds for sequence \"%.*s\" (%lld..%lld)",
                       (long long)v, SLICE_ARG(t->name), (long long)d.min, (long long)d.max);
    mutex_lock(&s->db->sequence_mutex);
    bool ok = log_counter(s, t, v, used, e);
    if (ok) {
        SequenceState *st = need_state(s, t);
        st->last = v;
        st->used = used;
        st->left = 0;
    }
    mutex_unlock(&s->db->sequence_mutex);
    return ok;
}

/* Clean stop: what was not given of the runs is not lost. */
void sequences_settle(Db *db)
{
    Err ignored;
    for (size_t i = 0; i < db->sequence_count; i++) {
        const SequenceState *s = &db->sequences[i];
        CatEdit c = {.op = CAT_ADVANCE,
                     .id = s->id,
                     .epoch = s->epoch,
                     .counter = s->last,
                     .counter_used = s->used};
        if (s->left && !engine_edit_catalog(db->engine, &c, 1, &ignored))
            break;
    }
    mem_free(db->sequences);
    db->sequences = NULL;
    db->sequence_count = 0;
}

/* ---- functions ---- */

void sequences_forget(Session *s)
{
    s->current_count = 0;
    s->last_sequence = 0;
}

static void remember(Session *s, TableId id, int64_t value)
{
    size_t i = 0;
    while (i < s->current_count && s->current[i].id != id)
        i++;
    if (i == s->current_count) {
        s->current = mem_realloc(s->current, (s->current_count + 1) * sizeof *s->current);
        s->current_count++;
    }
    s->current[i] = (CurrentValue){id, value};
    s->last_sequence = id;
}

static const CurrentValue *remembered(const Session *s, TableId id)
{
    for (size_t i = 0; i < s->current_count; i++)
        if (s->current[i].id == id)
            return &s->current[i];
    return NULL;
}

/* The sequence of this oid; the catalog is to be given back. */
static const TableDef *sequence_of(Session *s, int64_t oid, CatalogSnap **cat, Err *e)
{
    *cat = session_catalog(s);
    const TableDef *t = oid > 0 && oid <= UINT32_MAX ? cat_table_by_id(*cat, (TableId)oid) : NULL;
    if (!t) {
        err_set(e, ERR_UNDEFINED_TABLE, "could not open relation with OID %lld", (long long)oid);
        return NULL;
    }
    return is_sequence(t, e) ? t : NULL;
}

/* Any of the rights.  The counter of an identity column belongs to who may insert. */
static bool may_use(Session *s, const CatalogSnap *cat, const TableDef *t, uint32_t any)
{
    SequenceDef d;
    RoleSet set = {0};
    roles_of(&set, cat, s->role);
    bool ok = roles_privileges(&set, cat, GRANT_TABLE, t->id) & any;
    sequence_def(t, &d);
    const TableDef *of = d.owner && !ok ? cat_table_by_id(cat, d.owner) : NULL;
    const ColumnDef *c = of ? table_column_by_id(of, d.owner_column) : NULL;
    if (c && c->identity)
        ok = any & PRIV_USAGE &&
             (roles_privileges(&set, cat, GRANT_TABLE, of->id) & PRIV_INSERT ||
              cat_acl(cat, GRANT_COLUMN, of->id, (ObjectId)(c - of->columns) + 1));
    roles_free(&set);
    return ok;
}

static bool allow(Session *s, const CatalogSnap *cat, const TableDef *t, uint32_t any, Err *e)
{
    return may_use(s, cat, t, any) ||
           err_set(e, ERR_PRIVILEGE, "permission denied for sequence %.*s", SLICE_ARG(t->name));
}

static bool fn_nextval(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    Session *s = ctx->session;
    CatalogSnap *cat;
    int64_t value = 0;
    const TableDef *t = sequence_of(s, args[0].u.i64, &cat, e);
    bool ok = t && allow(s, cat, t, PRIV_USAGE | PRIV_UPDATE, e) && next_value(s, t, &value, e);
    if (ok)
        remember(s, t->id, value);
    cat_unref(cat);
    *out = value_i64(value);
    return ok;
}

static bool fn_currval(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    Session *s = ctx->session;
    CatalogSnap *cat;
    const TableDef *t = sequence_of(s, args[0].u.i64, &cat, e);
    bool may = t && allow(s, cat, t, PRIV_SELECT | PRIV_USAGE, e);
    const CurrentValue *v = may ? remembered(s, t->id) : NULL;
    if (may && !v)
        err_set(e, ERR_OBJECT_STATE,
                "currval of sequence \"%.*s\" is not yet defined in this session",
                SLICE_ARG(t->name));
    *out = value_i64(v ? v->value : 0);
    cat_unref(cat);
    return v;
}

static bool fn_lastval(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)args, (void)n;
    Session *s = ctx->session;
    const CurrentValue *v = remembered(s, s->last_sequence);
    if (!v)
        return err_set(e, ERR_OBJECT_STATE, "lastval is not yet defined in this session");
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = cat_table_by_id(cat, v->id);
    bool ok = t ? allow(s, cat, t, PRIV_SELECT | PRIV_USAGE, e)
                : err_set(e, ERR_OBJECT_STATE, "lastval is not yet defined in this session");
    cat_unref(cat);
    *out = value_i64(v->value);
    return ok;
}

static bool fn_setval(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    Session *s = ctx->session;
    CatalogSnap *cat;
    bool used = n < 3 || args[2].u.b;
    const TableDef *t = sequence_of(s, args[0].u.i64, &cat, e);
    bool ok = t && allow(s, cat, t, PRIV_UPDATE, e) && set_value(s, t, args[1].u.i64, used, e);
    if (ok && used)
        remember(s, t->id, args[1].u.i64);
    cat_unref(cat);
    *out = args[1];
    return ok;
}

static bool state_of(EvalCtx *ctx, int64_t oid, int64_t *last, bool *used, Err *e)
{
    CatalogSnap *cat;
    const TableDef *t = sequence_of(ctx->session, oid, &cat, e);
    if (t)
        sequence_current(ctx->session, t, last, used);
    cat_unref(cat);
    return t;
}

static bool fn_sequence_last(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    int64_t last = 0;
    bool used = false, ok = state_of(ctx, args[0].u.i64, &last, &used, e);
    *out = value_i64(last);
    return ok;
}

static bool fn_sequence_used(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    int64_t last = 0;
    bool used = false, ok = state_of(ctx, args[0].u.i64, &last, &used, e);
    *out = value_bool(used);
    return ok;
}

static bool fn_sequence_last_value(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    int64_t last = 0;
    bool used = false, ok = state_of(ctx, args[0].u.i64, &last, &used, e);
    CatalogSnap *cat = session_catalog(ctx->session);
    const TableDef *t = cat_table_by_id(cat, (TableId)args[0].u.i64);
    bool may = t && may_use(ctx->session, cat, t, PRIV_SELECT | PRIV_USAGE);
    cat_unref(cat);
    *out = used && may ? value_i64(last) : value_null();
    return ok;
}

bool sequence_owned_by(const TableDef *t, TableId table, SequenceDef *d)
{
    if (t->kind != TABLE_SEQUENCE)
        return false;
    sequence_def(t, d);
    return d->owner == table;
}

const TableDef *sequence_of_column(const CatalogSnap *cat, TableId table, ColumnId column)
{
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        SequenceDef d;
        if (sequence_owned_by(t, table, &d) && d.owner_column == column)
            return t;
    }
    return NULL;
}

static bool fn_serial_sequence(EvalCtx *ctx, const Value *args, size_t n, Value *out, Err *e)
{
    (void)n;
    Session *s = ctx->session;
    uint32_t oid = 0;
    if (!catalog_reg_find(s, T_REGCLASS, args[0].u.str, &oid, e))
        return false;
    CatalogSnap *cat = session_catalog(s);
    const TableDef *t = cat_table_by_id(cat, oid);
    const ColumnDef *c = t ? table_column(t, args[1].u.str) : NULL;
    const TableDef *seq = c ? sequence_of_column(cat, t->id, c->id) : NULL;
    bool ok =
        c || err_set(e, ERR_UNDEFINED_COLUMN, "column \"%.*s\" of relation \"%.*s\" does not exist",
                     SLICE_ARG(args[1].u.str), SLICE_ARG(args[0].u.str));
    *out = value_null();
    if (seq)
        *out = value_str(sequence_full_name(ctx->arena, s, cat, seq));
    cat_unref(cat);
    return ok;
}

#define VOLATILE_STRICT .flags = FN_STRICT | FN_VOLATILE

FuncDef sequence_functions[] = {
    {.signature = "nextval(regclass) int8",
     .scalar = fn_nextval,
     VOLATILE_STRICT,
     .text = "the next value of a sequence"},
    {.signature = "currval(regclass) int8",
     .scalar = fn_currval,
     VOLATILE_STRICT,
     .text = "the value that nextval gave this session last"},
    {.signature = "lastval() int8",
     .scalar = fn_lastval,
     VOLATILE_STRICT,
     .text = "the value that nextval gave this session last, of any sequence"},
    {.signature = "setval(regclass, int8) int8",
     .scalar = fn_setval,
     VOLATILE_STRICT,
     .text = "sets the value of a sequence"},
    {.signature = "setval(regclass, int8, bool) int8",
     .scalar = fn_setval,
     VOLATILE_STRICT,
     .text = "sets the value of a sequence, and whether it was given"},
    {.signature = "skulk_sequence_last(oid) int8",
     .scalar = fn_sequence_last,
     VOLATILE_STRICT,
     .text = "last_value of a sequence"},
    {.signature = "skulk_sequence_used(oid) bool",
     .scalar = fn_sequence_used,
     VOLATILE_STRICT,
     .text = "is_called of a sequence"},
    {.signature = "pg_sequence_last_value(regclass) int8",
     .scalar = fn_sequence_last_value,
     VOLATILE_STRICT,
     .text = "the value given last; NULL if none was"},
    {.signature = "pg_get_serial_sequence(text, text) text",
     .scalar = fn_serial_sequence,
     .flags = FN_STRICT | FN_STABLE,
     .text = "the sequence that a column owns"},
    {0},
};

/* ---- views ---- */

Slice sequence_full_name(Arena *a, Session *s, const CatalogSnap *cat, const TableDef *seq)
{
    Buf b;
    buf_init(&b);
    text_put_ident(&b, schema_name(s, cat, seq->schema));
    buf_puts(&b, ".");
    text_put_ident(&b, seq->name);
    Slice out = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return out;
}

typedef void (*SequenceEach)(EvalCtx *ctx, const CatalogSnap *cat, const TableDef *t,
                             const SequenceDef *d, RowMaker *r);

static bool each_sequence(EvalCtx *ctx, Snapshot *snap, RowSink *sink, SequenceEach each)
{
    Session *s = ctx->session;
    const CatalogSnap *cat = snapshot_catalog(snap);
    for (size_t i = 0; i < cat_table_count(cat); i++) {
        const TableDef *t = cat_table_at(cat, i);
        SequenceDef d;
        RowMaker r = {.n = 0};
        if (t->kind != TABLE_SEQUENCE || !table_shown(s, t))
            continue;
        sequence_def(t, &d);
        each(ctx, cat, t, &d, &r);
        row_sink_add(sink, r.v);
    }
    return true;
}

static void pg_sequence_row(EvalCtx *ctx, const CatalogSnap *cat, const TableDef *t,
                            const SequenceDef *d, RowMaker *r)
{
    (void)ctx, (void)cat;
    row_i64(r, t->id);
    row_i64(r, d->type);
    row_i64(r, d->start);
    row_i64(r, d->increment);
    row_i64(r, d->max);
    row_i64(r, d->min);
    row_i64(r, d->cache);
    row_bool(r, d->cycle);
}

bool fill_pg_sequence(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_sequence(ctx, snap, sink, pg_sequence_row);
}

static void pg_sequences_row(EvalCtx *ctx, const CatalogSnap *cat, const TableDef *t,
                             const SequenceDef *d, RowMaker *r)
{
    Session *s = ctx->session;
    int64_t last;
    bool used;
    sequence_current(s, t, &last, &used);
    row_slice(r, schema_name(s, cat, t->schema));
    row_slice(r, t->name);
    const RoleDef *owner = cat_role_by_id(cat, object_owner(cat, GRANT_TABLE, t->id));
    row_slice(r, owner ? owner->name : SLICE_NONE);
    row_i64(r, d->type);
    row_i64(r, d->start);
    row_i64(r, d->min);
    row_i64(r, d->max);
    row_i64(r, d->increment);
    row_bool(r, d->cycle);
    row_i64(r, d->cache);
    if (used && may_use(s, cat, t, PRIV_SELECT | PRIV_USAGE))
        row_i64(r, last);
    else
        row_null(r);
}

bool fill_pg_sequences(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_sequence(ctx, snap, sink, pg_sequences_row);
}

static void info_sequence_row(EvalCtx *ctx, const CatalogSnap *cat, const TableDef *t,
                              const SequenceDef *d, RowMaker *r)
{
    Session *s = ctx->session;
    const TypeDef *type = type_find(d->type);
    row_text(r, s->database_name);
    row_slice(r, schema_name(s, cat, t->schema));
    row_slice(r, t->name);
    row_text(r, type->display);
    row_i64(r, type->len * 8);
    row_i64(r, 2);
    row_i64(r, 0);
    row_number_text(r, ctx->arena, d->start);
    row_number_text(r, ctx->arena, d->min);
    row_number_text(r, ctx->arena, d->max);
    row_number_text(r, ctx->arena, d->increment);
    row_text(r, d->cycle ? "YES" : "NO");
}

bool fill_info_sequences(EvalCtx *ctx, Snapshot *snap, RowSink *sink, Err *e)
{
    (void)e;
    return each_sequence(ctx, snap, sink, info_sequence_row);
}
