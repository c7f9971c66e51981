/* session/token.c - tokens: what stands for a role where HTTP asks for a login.
 *
 *     skulk_<id, 8 hex digits>_<32 random bytes, 64 hex digits>
 *
 * The secret is answered once, by CREATE TOKEN; the catalog has its SHA-256.  The random part has 256
 * bits: there is nothing that a slow hash would protect.  The id finds the hash to compare with. */
#include "session/session_private.h"

enum { SECRET_WORDS = 4, SECRET_BYTES = 6 + 8 + 1 + 16 * SECRET_WORDS };
#define SECRET_PREFIX "skulk_"

static int64_t wall_us(const Db *db)
{
    return db->clock->wall_ns(db->clock) / NS_PER_US;
}

/* ---- who may ---- */

/* The role itself, superusers, and with CREATEROLE for all but superusers. */
static bool may_make_for(Session *s, const CatalogSnap *cat, const RoleDef *r, Err *e)
{
    const RoleDef *me = cat_role_by_id(cat, s->role);
    uint32_t mine = me ? me->flags : 0;
    if (mine & ROLE_SUPERUSER || r->id == s->role ||
        (mine & ROLE_CREATEROLE && !(r->flags & ROLE_SUPERUSER)))
        return true;
    if (r->flags & ROLE_SUPERUSER)
        return err_set(e, ERR_PRIVILEGE, "must be superuser to change tokens of superusers");
    return err_set(e, ERR_PRIVILEGE, "permission denied for tokens of role \"%.*s\"",
                   SLICE_ARG(r->name));
}

/* ---- CREATE TOKEN, DROP TOKEN ---- */

static Slice make_secret(const Db *db, Arena *a, ObjectId id)
{
    uint64_t w[SECRET_WORDS];
    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        w[i] = db->clock->random(db->clock);
    return arena_printf(a, SECRET_PREFIX "%08x_%016llx%016llx%016llx%016llx", id,
                        (unsigned long long)w[0], (unsigned long long)w[1],
                        (unsigned long long)w[2], (unsigned long long)w[3]);
}

static bool read_until(Session *s, Arena *a, Slice text, int64_t *us, Err *e)
{
    Value v;
    *us = INT64_MAX;
    if (!text.ptr)
        return true;
    if (!type_find(T_TIMESTAMPTZ)->in(&s->env, text, -1, a, &v, e))
        return false;
    *us = v.u.i64;
    return true;
}

static bool create(Portal *p, const CatalogSnap *cat, Err *e)
{
    Session *s = p->session;
    const Bound *b = p->bound;
    uint8_t hash[SHA256_BYTES];
    TokenDef t = {.name = b->u.token.names[0], .created_us = wall_us(s->db)};
    const RoleDef *r = role_named(s, cat, b->u.token.role, e);
    if (!r || !may_make_for(s, cat, r, e))
        return false;
    if (cat_token(cat, t.name) && b->u.token.if_exists) {
        session_notice(s, "NOTICE", ERR_DUPLICATE_OBJECT, "token \"%.*s\" already exists, skipping",
                       SLICE_ARG(t.name));
        return true;
    }
    if (!crypto_ops())
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "tokens need the server");
    if (!read_until(s, &p->arena, b->u.token.valid_until, &t.valid_until_us, e))
        return false;
    t.id = engine_new_id(s->db->engine);
    t.role = r->id;
    Slice secret = make_secret(s->db, &p->arena, t.id);
    crypto_ops()->sha256(secret, hash);
    t.hash = slice_of((const char *)hash, sizeof hash);
    CatEdit edit = {.op = CAT_PUT_TOKEN, .token = &t};
    return ddl_edit_unchecked(s, &edit, 1, e) && rows_add_text(p, secret, e);
}

RunStatus token_create_run(Portal *p, Batch **out, Err *e)
{
    if (p->phase++ > 0)
        return rows_send_all(p, out, p->bound->tag, e);
    rows_begin(p, p->cols, p->col_count);
    CatalogSnap *cat = session_catalog(p->session);
    bool ok = create(p, cat, e);
    cat_unref(cat);
    return ok ? rows_send_all(p, out, p->bound->tag, e) : RUN_FAIL;
}

const OutColumn *token_columns(Session *s, const Bound *b, Arena *a, size_t *count)
{
    OutColumn *c = ARENA_NEW(a, OutColumn);
    (void)s, (void)b;
    *c = (OutColumn){.name = SLICE_LIT("token"), .type = T_TEXT, .typmod = -1};
    *count = 1;
    return c;
}

static bool drop(Session *s, const CatalogSnap *cat, Slice name, bool if_exists, Err *e)
{
    const TokenDef *t = cat_token(cat, name);
    if (!t && if_exists) {
        session_notice(s, "NOTICE", ERR_OK, "token \"%.*s\" does not exist, skipping",
                       SLICE_ARG(name));
        return true;
    }
    if (!t)
        return err_set(e, ERR_UNDEFINED_OBJECT, "token \"%.*s\" does not exist", SLICE_ARG(name));
    CatEdit edit = {.op = CAT_DROP_TOKEN, .id = t->id};
    return may_make_for(s, cat, cat_role_by_id(cat, t->role), e) &&
           ddl_edit_unchecked(s, &edit, 1, e);
}

RunStatus token_drop_run(Portal *p, Batch **out, Err *e)
{
    const Bound *b = p->bound;
    bool ok = true;
    (void)out;
    for (size_t i = 0; ok && i < b->u.token.count; i++) {
        CatalogSnap *cat = session_catalog(p->session);
        ok = drop(p->session, cat, b->u.token.names[i], b->u.token.if_exists, e);
        cat_unref(cat);
    }
    return ok ? portal_set_tag(p, b->tag) : RUN_FAIL;
}

/* ---- a login with a token ---- */

/* False: not of the form. */
static bool read_id(Slice secret, ObjectId *id)
{
    static const char digits[] = "0123456789abcdef";
    const size_t at = sizeof SECRET_PREFIX - 1;
    uint64_t v = 0;
    if (secret.len != SECRET_BYTES || !slice_starts(secret, SLICE_LIT(SECRET_PREFIX)) ||
        secret.ptr[at + 8] != '_')
        return false;
    for (size_t i = at; i < at + 8; i++) {
        const char *digit = memchr(digits, secret.ptr[i], 16);
        if (!digit)
            return false;
        v = v << 4 | (uint64_t)(digit - digits);
    }
    *id = (ObjectId)v;
    return true;
}

bool login_token(Db *db, Slice secret, ObjectId *role, Err *e)
{
    ObjectId id;
    uint8_t hash[SHA256_BYTES];
    bool ok = false;
    if (!crypto_ops())
        return err_set(e, ERR_FEATURE_NOT_SUPPORTED, "tokens need the server");
    CatalogSnap *cat = engine_catalog(db->engine);
    const TokenDef *t = read_id(secret, &id) ? cat_token_by_id(cat, id) : NULL;
    if (t && t->hash.len == sizeof hash) {
        const RoleDef *r = cat_role_by_id(cat, t->role);
        crypto_ops()->sha256(secret, hash);
        ok = crypto_equal(hash, t->hash.ptr, sizeof hash) && t->valid_until_us > wall_us(db) && r &&
             r->flags & ROLE_LOGIN;
        *role = t->role;
    }
    cat_unref(cat);
    return ok || err_set(e, ERR_INVALID_PASSWORD, "the token is not valid");
}
