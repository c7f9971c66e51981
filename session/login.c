/* session/login.c - who may come in: SCRAM over the wire, passwords over HTTP.
 *
 * Who does not exist, has no password, or one that is no longer valid, is led through the same
 * exchange with made-up salt and keys, and fails at the end: nothing tells them apart. */
#include "base/hash.h"
#include "session/scram.h"
#include "session/session_private.h"
#include "session/throttle.h"

struct Login {
    Db *db;
    Scram scram;
    char *user;
    ThrottleKey key;
    ThrottleTurn turn;
};

static void fill_random(const Db *db, uint64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        words[i] = db->clock->random(db->clock);
}

void login_init(Db *db)
{
    fill_random(db, db->login_secret, ARRAY_LEN(db->login_secret));
    db->throttle = throttle_new(db->options.failure_delay_ns, db->login_secret[3]);
}

void login_stop(Db *db)
{
    throttle_free(db->throttle);
}

void login_verifier(const Db *db, Buf *out, Slice password)
{
    uint64_t salt[SCRAM_SALT_BYTES / 8];
    fill_random(db, salt, ARRAY_LEN(salt));
    scram_make_verifier(out, password, (const uint8_t *)salt);
}

/* The salt of somebody without a password is always the same, as that of anybody is. */
static void make_up(const Db *db, Slice user, ScramVerifier *v)
{
    const CryptoOps *c = crypto_ops();
    Slice secret = slice_of((const char *)db->login_secret, sizeof db->login_secret);
    uint8_t made[SHA256_BYTES];
    c->hmac_sha256(secret, user, made);
    *v = (ScramVerifier){.iterations = SCRAM_ITERATIONS, .salt_len = SCRAM_SALT_BYTES};
    memcpy(v->salt, made, SCRAM_SALT_BYTES);
    c->hmac_sha256(secret, slice_of((const char *)made, sizeof made), v->stored_key);
    c->sha256(slice_of((const char *)made, sizeof made), v->server_key);
}

/* True: a password of this user may fit. */
static bool find_verifier(Db *db, Slice user, ScramVerifier *v, ObjectId *role)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    const RoleDef *r = cat_role(cat, user);
    int64_t now_us = db->clock->wall_ns(db->clock) / NS_PER_US;
    bool ok = r && r->flags & ROLE_LOGIN && r->valid_until_us > now_us &&
              scram_read_verifier(r->password, v);
    *role = r ? r->id : 0;
    cat_unref(cat);
    if (!ok)
        make_up(db, user, v);
    return ok;
}

Login *login_new(Db *db, Slice user, Slice binding, Slice peer)
{
    Login *l = MEM_NEW(Login);
    must(binding.len <= SCRAM_BINDING_MAX && crypto_ops());
    l->db = db;
    l->user = mem_strdup(user);
    l->key = throttle_key(db->throttle, user, peer);
    ObjectId role;
    l->scram.doomed = !find_verifier(db, user, &l->scram.verifier, &role);
    memcpy(l->scram.binding, binding.ptr, binding.len);
    l->scram.binding_len = binding.len;
    return l;
}

void login_free(Login *l)
{
    if (!l)
        return;
    buf_free(&l->scram.auth_message);
    mem_free(l->user);
    mem_free(l);
}

static bool wrong_password(Slice user, Err *e)
{
    return err_set(e, ERR_INVALID_PASSWORD, "password authentication failed for user \"%.*s\"",
                   SLICE_ARG(user));
}

bool login_first(Login *l, Slice mechanism, Slice message, Buf *reply, Err *e)
{
    uint64_t random[(SCRAM_NONCE_BYTES + 7) / 8];
    fill_random(l->db, random, ARRAY_LEN(random));
    return scram_first(&l->scram, mechanism, message, (const uint8_t *)random, reply, e);
}

static int64_t now(const Db *db)
{
    return db->clock->mono_ns(db->clock);
}

bool login_may_end(Login *l, int64_t *at_ns, int64_t *answer_ns, Err *e)
{
    bool ok = throttle_enter(l->db->throttle, l->key, now(l->db), &l->turn, e);
    *at_ns = l->turn.at_ns;
    *answer_ns = l->turn.answer_ns;
    return ok;
}

bool login_final(Login *l, Slice message, Buf *reply, Err *e)
{
    bool wrong;
    if (scram_final(&l->scram, message, reply, &wrong, e)) {
        throttle_passed(l->db->throttle, l->key, &l->turn);
        return true;
    }
    return wrong ? wrong_password(slice_cstr(l->user), e) : false;
}

/* ---- a password in plain text: HTTP ---- */

/* A request brings it again and again, and to look at it takes a millisecond: the last ones that
 * fitted are remembered by their hash, together with the verifier that they fitted. */
static void remembered_key(const Db *db, Slice user, Slice password, const ScramVerifier *v,
                           uint8_t out[SHA256_BYTES])
{
    Buf b = {0};
    buf_put_u32(&b, (uint32_t)user.len);
    buf_put_slice(&b, user);
    buf_put(&b, v->stored_key, sizeof v->stored_key);
    buf_put_slice(&b, password);
    crypto_ops()->hmac_sha256(slice_of((const char *)db->login_secret, sizeof db->login_secret),
                              buf_slice(&b), out);
    explicit_bzero(b.ptr, b.len);
    buf_free(&b);
}

static bool is_remembered(Db *db, const uint8_t key[SHA256_BYTES])
{
    bool found = false;
    mutex_lock(&db->mutex);
    for (size_t i = 0; i < LOGINS_REMEMBERED && !found; i++)
        found = crypto_equal(db->logins[i], key, SHA256_BYTES);
    mutex_unlock(&db->mutex);
    return found;
}

static void remember(Db *db, const uint8_t key[SHA256_BYTES])
{
    mutex_lock(&db->mutex);
    memcpy(db->logins[db->next_login++ % LOGINS_REMEMBERED], key, SHA256_BYTES);
    mutex_unlock(&db->mutex);
}

static LoginStatus refused(const PasswordLogin *l, Err *e)
{
    (void)wrong_password(l->user, e);
    return LOGIN_REFUSED;
}

/* What costs no time: a password that fitted lately, or the one that did not. */
static LoginStatus look_up(Db *db, PasswordLogin *l, ThrottleKey k, const uint8_t key[SHA256_BYTES],
                           bool may_fit, Err *e)
{
    ThrottleTurn turn;
    if (throttle_repeats(db->throttle, k, hash64(key, SHA256_BYTES, 0)))
        return refused(l, e);
    if (may_fit && !throttle_slow(db->throttle, k, now(db)) && is_remembered(db, key))
        return LOGIN_OK;
    if (!throttle_enter(db->throttle, k, now(db), &turn, e))
        return LOGIN_REFUSED;
    l->at_ns = turn.at_ns;
    l->answer_ns = turn.answer_ns;
    return LOGIN_LATER;
}

LoginStatus login_password(Db *db, PasswordLogin *l, ObjectId *role, Err *e)
{
    ScramVerifier v;
    uint8_t key[SHA256_BYTES];
    if (l->wrong)
        return refused(l, e);
    bool may_fit = find_verifier(db, l->user, &v, role);
    ThrottleKey k = throttle_key(db->throttle, l->user, l->peer);
    remembered_key(db, l->user, l->password, &v, key);
    if (!l->at_ns)
        return look_up(db, l, k, key, may_fit, e);
    if (scram_password_fits(&v, l->password) && may_fit) {
        throttle_passed(db->throttle, k, &(ThrottleTurn){l->at_ns, l->answer_ns});
        remember(db, key);
        return LOGIN_OK;
    }
    throttle_failed_with(db->throttle, k, hash64(key, SHA256_BYTES, 0));
    if (l->answer_ns <= l->at_ns)
        return refused(l, e);
    l->wrong = true;
    l->at_ns = l->answer_ns;
    return LOGIN_LATER;
}
