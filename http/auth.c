/* http/auth.c - who asks: Basic, Bearer and "Token" with a token, Influx's "Token user:password" and u= and
 * p=, against the roles and tokens of the database.  What the role may do is looked up with each table. */
#include "base/crypto.h"
#include "base/log.h"
#include "http/http_private.h"

enum { CREDENTIALS_MAX = 1024 };

typedef struct Credentials {
    char text[CREDENTIALS_MAX]; /* user:password */
    Slice user, password;
    Slice token; /* instead of them */
} Credentials;

static bool split(Credentials *k, size_t len)
{
    const char *colon = memchr(k->text, ':', len);
    if (!colon)
        return false;
    k->user = slice_of(k->text, (size_t)(colon - k->text));
    k->password = slice_of(colon + 1, len - k->user.len - 1);
    return true;
}

static Slice scheme(Slice *rest)
{
    const char *blank = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;
    size_t n = blank ? (size_t)(blank - rest->ptr) : rest->len;
    Slice name = slice_of(rest->ptr, n);
    *rest = slice_of(rest->ptr + n, rest->len - n);
    while (rest->len && rest->ptr[0] == ' ')
        *rest = slice_of(rest->ptr + 1, rest->len - 1);
    return name;
}

/* False: none are given, or in a form that is not known.  A token is never taken from the URL. */
static bool find_credentials(HttpCall *c, Credentials *k)
{
    Slice rest = http_field(c, FIELD_AUTHORIZATION);
    size_t len = 0;
    if (rest.len) {
        Slice name = scheme(&rest);
        if (slice_eq_nocase(name, SLICE_LIT("basic")))
            return base64_decode(rest, (uint8_t *)k->text, sizeof k->text, &len) && split(k, len);
        bool influx = slice_eq_nocase(name, SLICE_LIT("token"));
        if ((!influx && !slice_eq_nocase(name, SLICE_LIT("bearer"))) || !rest.len ||
            rest.len > sizeof k->text)
            return false;
        memcpy(k->text, rest.ptr, rest.len);
        if (!influx || !split(k, rest.len))
            k->token = slice_of(k->text, rest.len);
        return true;
    }
    k->user = http_param(c, "u");
    k->password = http_param(c, "p");
    return c->server->options.url_credentials && k->user.len > 0;
}

static void refuse(HttpCall *c, const char *text)
{
    http_header(c, "WWW-Authenticate", "Basic realm=\"skulk\", charset=\"UTF-8\"");
    (void)http_error(c, 401, "%s", text);
}

/* Passwords are looked at in the turn of strangers, and later when there are many guesses. */
static HttpAuth ask_later(HttpCall *c)
{
    const Clock *clock = c->server->options.clock;
    c->task.group = TASK_GROUP_STRANGERS;
    if (c->login.at_ns <= clock->mono_ns(clock))
        return AUTH_MORE;
    task_wake_at(&c->task, c->login.at_ns);
    return AUTH_WAIT;
}

static LoginStatus check(HttpCall *c, const Credentials *k, ObjectId *role, Err *e)
{
    const Clock *clock = c->server->options.clock;
    if (c->login.at_ns > clock->mono_ns(clock)) /* woken for another reason */
        return LOGIN_LATER;
    if (k->token.len)
        return login_token(c->db, k->token, role, e) ? LOGIN_OK : LOGIN_REFUSED;
    c->login.user = k->user;
    c->login.password = k->password;
    c->login.peer = slice_cstr(c->peer);
    return login_password(c->db, &c->login, role, e);
}

static void answer(HttpCall *c, const Err *e)
{
    log_warn("auth", "HTTP login from %s refused: %s", c->peer, e->message);
    if (e->code != ERR_INVALID_AUTHORIZATION) {
        refuse(c, e->message);
        return;
    }
    http_header(c, "Retry-After", "10");
    (void)http_error(c, 429, "%s: %s", e->message, e->hint);
}

HttpAuth http_authorize(HttpCall *c)
{
    Credentials k = {.token = SLICE_NONE};
    ObjectId role;
    Err e;
    err_clear(&e);
    if (!c->server->options.passwords || c->route->flags & ROUTE_INLINE)
        return AUTH_OK;
    if (!c->db) {
        (void)http_error(c, 503, "the server does not serve yet: the database is being opened");
        return AUTH_ANSWERED;
    }
    if (!find_credentials(c, &k)) {
        refuse(c, "a login is needed: Basic, Bearer, or Token user:password");
        return AUTH_ANSWERED;
    }
    LoginStatus st = check(c, &k, &role, &e);
    explicit_bzero(k.text, sizeof k.text);
    if (st == LOGIN_LATER)
        return ask_later(c);
    c->task.group = c->group;
    if (st == LOGIN_OK)
        c->rights = rights_new(c->db, role);
    else
        answer(c, &e);
    return st == LOGIN_OK ? AUTH_OK : AUTH_ANSWERED;
}
