/* SCRAM-SHA-256: a verifier that PostgreSQL made, our own, wrong proofs, channel binding,
 * downgrades, and whatever a client might say instead. */
#include "server/crypto_openssl.h"
#include "session/scram.h"
#include "tests/unit/unit.h"

/* ---- base64 ---- */
START_TEST(base64)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zg===", "Z===", "Zh==", "Zm9=", "Zm9v\n", "Zm 9v", "=Zm9", "Zg==Zg=="};
    uint8_t out[16];
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        Buf b = {0};
        base64_encode(&b, pairs[i][0], strlen(pairs[i][0]));
        ck_assert(slice_eq_cstr(buf_slice(&b), pairs[i][1]));
        ck_assert(base64_decode(slice_cstr(pairs[i][1]), out, sizeof out, &n));
        ck_assert_uint_eq(n, strlen(pairs[i][0]));
        ck_assert_int_eq(memcmp(out, pairs[i][0], n), 0);
        ck_assert(n == 0 || !base64_decode(slice_cstr(pairs[i][1]), out, n - 1, &n));
        buf_free(&b);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!base64_decode(slice_cstr(bad[i]), out, sizeof out, &n), "%s", bad[i]);
}
END_TEST

/* ---- SASLprep: the examples of RFC 4013, and what has no such form ---- */
START_TEST(prepared)
{
    static const struct {
        const char *given, *same;
    } pairs[] = {{"I\xc2\xadX", "IX"},       /* the soft hyphen is mapped to nothing */
                 {"\xc2\xaa", "a"},          /* NFKC */
                 {"\xe2\x85\xa8", "IX"},     /* NFKC */
                 {"a\xc2\xa0 b", "a  b"},    /* blanks */
                 {"u\xcc\x88", "\xc3\xbc"}}; /* composed */
    static const char *const none[] = {"\xd8\xa7"
                                       "1",
                                       "\xff\xfe", "a\xc2\x80", "\xf0\x9f\xa5\xb7"};
    const uint8_t salt[SCRAM_SALT_BYTES] = "0123456789abcde";
    ScramVerifier v;
    crypto_use_openssl();
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        Buf b = {0};
        scram_make_verifier(&b, slice_cstr(pairs[i].given), salt);
        ck_assert(scram_read_verifier(buf_slice(&b), &v));
        ck_assert_msg(scram_password_fits(&v, slice_cstr(pairs[i].same)), "%zu", i);
        ck_assert(scram_password_fits(&v, slice_cstr(pairs[i].given)));
        ck_assert(!scram_password_fits(&v, SLICE_LIT("other")));
        buf_free(&b);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        Buf b = {0};
        ck_assert_msg(!saslprep(slice_cstr(none[i]), &b), "%zu", i);
        scram_make_verifier(&b, slice_cstr(none[i]), salt);
        ck_assert(scram_read_verifier(buf_slice(&b), &v) &&
                  scram_password_fits(&v, slice_cstr(none[i])));
        buf_free(&b);
    }
}
END_TEST

/* ---- verifiers ---- */

/* PostgreSQL 15 made it of the password "pencil". */
static const char pencil[] =
    "SCRAM-SHA-256$4096:ICTu6plqo3lwfvXEYt5rvQ==$"
    "dv25/EWYqARZCU07OD/UFEv4NoCtuNt8uyO5/x9SBwA=:Nk0LPcHFpFjnxQ2q83Sl/+RcqPvD44WTEK6Rw/68nC4=";

START_TEST(verifiers)
{
    static const char *const bad[] = {
        "", "SCRAM-SHA-256$", "SCRAM-SHA-1$4096:W22Z$WG5d:wfPL",
        "SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        "SCRAM-SHA-256$4096:$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="};
    static const uint8_t salt[SCRAM_SALT_BYTES] = {1, 2, 3};
    ScramVerifier v;
    Buf text = {0};
    crypto_use_openssl();
    ck_assert(scram_read_verifier(slice_cstr(pencil), &v));
    ck_assert(scram_password_fits(&v, SLICE_LIT("pencil")));
    ck_assert(!scram_password_fits(&v, SLICE_LIT("pencil ")));
    ck_assert(!scram_password_fits(&v, SLICE_LIT("")));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!scram_is_verifier(slice_cstr(bad[i])), "%s", bad[i]);
    scram_make_verifier(&text, SLICE_LIT("s3cret"), salt);
    ck_assert(scram_read_verifier(buf_slice(&text), &v));
    ck_assert_uint_eq(v.iterations, SCRAM_ITERATIONS);
    ck_assert(scram_password_fits(&v, SLICE_LIT("s3cret")));
    buf_free(&text);
}
END_TEST

/* ---- the exchange ---- */

typedef struct Talk {
    Scram s;
    Buf reply;
    Err e;
    bool wrong;
} Talk;

static const char *text_of(Buf *b)
{
    buf_put_u8(b, 0);
    b->len--;
    return b->ptr;
}

static void begin(Talk *t)
{
    crypto_use_openssl();
    memset(t, 0, sizeof *t);
    ck_assert(scram_read_verifier(slice_cstr(pencil), &t->s.verifier));
}

static void end(Talk *t)
{
    buf_free(&t->s.auth_message);
    buf_free(&t->reply);
}

static bool first(Talk *t, const char *mechanism, const char *message)
{
    static const uint8_t random[SCRAM_NONCE_BYTES] = "abcdefghijklmnopq";
    err_clear(&t->e);
    buf_clear(&t->reply);
    return scram_first(&t->s, slice_cstr(mechanism), slice_cstr(message), random, &t->reply, &t->e);
}

/* What a client that knows the password answers. */
static void prove(Talk *t, const char *password, const char *binding, Buf *message)
{
    const CryptoOps *c = crypto_ops();
    uint8_t salted[SHA256_BYTES], key[SHA256_BYTES], stored[SHA256_BYTES], sign[SHA256_BYTES];
    Slice salt = slice_of((const char *)t->s.verifier.salt, t->s.verifier.salt_len);
    c->pbkdf2_sha256(slice_cstr(password), salt, t->s.verifier.iterations, salted);
    c->hmac_sha256(slice_of((char *)salted, SHA256_BYTES), SLICE_LIT("Client Key"), key);
    c->sha256(slice_of((char *)key, SHA256_BYTES), stored);
    buf_clear(message);
    buf_printf(message, "c=%s,r=%s", binding, t->s.nonce);
    Buf all = {0};
    buf_put_slice(&all, buf_slice(&t->s.auth_message));
    buf_put_slice(&all, buf_slice(message));
    c->hmac_sha256(slice_of((char *)stored, SHA256_BYTES), buf_slice(&all), sign);
    for (size_t i = 0; i < SHA256_BYTES; i++)
        key[i] ^= sign[i];
    buf_puts(message, ",p=");
    base64_encode(message, key, SHA256_BYTES);
    buf_free(&all);
}

static bool last(Talk *t, Slice message)
{
    err_clear(&t->e);
    buf_clear(&t->reply);
    return scram_final(&t->s, message, &t->reply, &t->wrong, &t->e);
}

START_TEST(login)
{
    Talk t;
    Buf m = {0};
    begin(&t);
    ck_assert_msg(first(&t, "SCRAM-SHA-256", "n,,n=,r=rOprNGfwEbeRWgbNEkqO"), "%s", t.e.message);
    ck_assert(slice_starts(buf_slice(&t.reply), SLICE_LIT("r=rOprNGfwEbeRWgbNEkqO")));
    ck_assert(strstr(text_of(&t.reply), ",s=ICTu6plqo3lwfvXEYt5rvQ==,i=4096"));
    prove(&t, "pencil", "biws", &m);
    ck_assert_msg(last(&t, buf_slice(&m)), "%s", t.e.message);
    ck_assert(slice_starts(buf_slice(&t.reply), SLICE_LIT("v=")));
    end(&t);

    begin(&t);
    ck_assert(first(&t, "SCRAM-SHA-256", "n,,n=,r=abc"));
    prove(&t, "pencl", "biws", &m);
    ck_assert(!last(&t, buf_slice(&m)) && t.wrong);
    end(&t);

    begin(&t); /* right, but nobody may log in so */
    t.s.doomed = true;
    ck_assert(first(&t, "SCRAM-SHA-256", "n,,n=,r=abc"));
    prove(&t, "pencil", "biws", &m);
    ck_assert(!last(&t, buf_slice(&m)) && t.wrong);
    end(&t);
    buf_free(&m);
}
END_TEST

START_TEST(binding)
{
    Talk t;
    Buf m = {0}, header = {0}, text = {0};
    begin(&t);
    t.s.binding_len = 4;
    memcpy(t.s.binding, "cert", 4);
    ck_assert(first(&t, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=abc"));
    buf_puts(&header, "p=tls-server-end-point,,cert");
    base64_encode(&text, header.ptr, header.len);
    prove(&t, "pencil", text_of(&text), &m);
    ck_assert_msg(last(&t, buf_slice(&m)), "%s", t.e.message);
    end(&t);

    begin(&t); /* somebody in between has another certificate */
    t.s.binding_len = 4;
    memcpy(t.s.binding, "CERT", 4);
    ck_assert(first(&t, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=abc"));
    prove(&t, "pencil", text_of(&text), &m);
    ck_assert(!last(&t, buf_slice(&m)) && !t.wrong);
    ck_assert_int_eq(t.e.code, ERR_INVALID_AUTHORIZATION);
    end(&t);

    begin(&t); /* the offer of -PLUS was taken away on the way */
    t.s.binding_len = 4;
    ck_assert(!first(&t, "SCRAM-SHA-256", "y,,n=,r=abc"));
    ck_assert_int_eq(t.e.code, ERR_INVALID_AUTHORIZATION);
    end(&t);
    begin(&t); /* without TLS that is what the client has to say */
    ck_assert(first(&t, "SCRAM-SHA-256", "y,,n=,r=abc"));
    prove(&t, "pencil", "eSws", &m);
    ck_assert(last(&t, buf_slice(&m)));
    end(&t);
    buf_free(&m);
    buf_free(&header);
    buf_free(&text);
}
END_TEST

START_TEST(nonsense)
{
    static const char *const firsts[] = {"",
                                         "n",
                                         "n,",
                                         "n,,",
                                         "n,,n=",
                                         "n,,n=,",
                                         "n,,n=,r=",
                                         "n,,n=,r=a b",
                                         "n,,n=,r=\x01",
                                         "x,,n=,r=a",
                                         "n,a=me,n=,r=abc",
                                         "n,,m=x,n=,r=abc",
                                         "p=tls-unique,,n=,r=abc",
                                         "n,,r=abc,n=",
                                         "n,,n=,r=\xff"};
    static const char *const lasts[] = {
        "",
        "c=biws",
        "c=biws,r=x",
        "c=biws,r=x,p=",
        "c=biws,r=x,p=AAAA",
        "c=eSws,r=x,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "c=biws,r=x,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,x"};
    Talk t;
    for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
        begin(&t);
        ck_assert_msg(!first(&t, "SCRAM-SHA-256", firsts[i]), "%s", firsts[i]);
        ck_assert_int_ne(t.e.code, ERR_OK);
        end(&t);
    }
    begin(&t);
    ck_assert(!first(&t, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=abc")); /* no TLS */
    ck_assert(!first(&t, "SCRAM-SHA-1", "n,,n=,r=abc"));
    end(&t);
    for (size_t i = 0; i < ARRAY_LEN(lasts); i++) {
        begin(&t);
        ck_assert(first(&t, "SCRAM-SHA-256", "n,,n=,r=abc"));
        ck_assert_msg(!last(&t, slice_cstr(lasts[i])) && !t.wrong, "%s", lasts[i]);
        ck_assert_int_eq(t.e.code, ERR_PROTOCOL_VIOLATION);
        end(&t);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("scram");
    tcase_add_test(tc, base64);
    tcase_add_test(tc, prepared);
    tcase_add_test(tc, verifiers);
    tcase_add_test(tc, login);
    tcase_add_test(tc, binding);
    tcase_add_test(tc, nonsense);
    return unit_run(tc);
}
