/* TLS on a connection: asked for by a byte (as PostgreSQL does) or begun at once (as HTTPS does),
 * large data both ways with pauses, strangers, clients that go, certificates, reload. */
#include "net/net.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], cert_file[96], key_file[96];
static Sched *sched;
static atomic_int opened_count, closed_count, plain_count;

/* ---- a certificate of our own ---- */
static void make_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    snprintf(dir, sizeof dir, "/tmp/skulk-tls-XXXXXX");
    ck_assert(mkdtemp(dir));
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", dir);
    snprintf(key_file, sizeof key_file, "%s/key.pem", dir);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
    FILE *f = fopen(cert_file, "w");
    PEM_write_X509(f, x);
    fclose(f);
    int fd = open(key_file, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    f = fdopen(fd, "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void drop_certificate(void)
{
    unlink(cert_file);
    unlink(key_file);
    rmdir(dir);
}

static NetTls *load(const char *ca)
{
    NetTls *t;
    Err e;
    NetTlsOptions o = {cert_file, key_file, ca};
    ck_assert_msg(net_tls_new(&t, &o, &e), "%s", e.message);
    return t;
}

/* ---- the face: 'S' asks for TLS, a ClientHello begins it, all else comes back ---- */
static void *on_opened(void *ctx, Conn *c)
{
    (void)ctx, (void)c;
    atomic_fetch_add(&opened_count, 1);
    return &opened_count;
}

static void on_input(Conn *c, void *state)
{
    (void)state;
    Slice in = conn_input(c);
    if (!conn_has_tls(c) && in.ptr[0] == 0x16 && conn_start_tls(c, SLICE_NONE))
        return;
    if (!conn_has_tls(c) && in.ptr[0] == 'S') {
        conn_consume(c, 1);
        if (!conn_start_tls(c, SLICE_LIT("S")))
            conn_send(c, block_static(SLICE_LIT("N")));
        return;
    }
    atomic_fetch_add(&plain_count, !conn_has_tls(c));
    if (in.ptr[0] == 'P') { /* reads nothing until the deadline */
        conn_pause(c);
        conn_set_deadline(c, 20 * NS_PER_MS);
    }
    size_t offset;
    Buf b;
    conn_take(c, in.len, &b, &offset);
    conn_send(c, block_copy((Slice){b.ptr + offset, b.len - offset}));
    buf_free(&b);
}

static void on_ended(Conn *c, void *state)
{
    (void)state;
    conn_finish(c);
}

static void on_deadline(Conn *c, void *state)
{
    (void)state;
    conn_resume(c);
}

static void on_stopping(Conn *c, void *state)
{
    (void)state;
    conn_finish(c);
}

static void on_closed(void *state)
{
    (void)state;
    atomic_fetch_add(&closed_count, 1);
}

static const NetFace face = {.name = "tls",
                             .opened = on_opened,
                             .input = on_input,
                             .ended = on_ended,
                             .deadline = on_deadline,
                             .stopping = on_stopping,
                             .closed = on_closed};

static Net *start_with(uint16_t *port, NetTls *tls, int workers)
{
    Net *n;
    Err e;
    sched = sched_new(&clock_real, workers, 0, 0);
    atomic_store(&opened_count, 0);
    atomic_store(&closed_count, 0);
    atomic_store(&plain_count, 0);
    ck_assert(net_new(&n, &(NetOptions){.threads = 1, .clock = &clock_real, .sched = sched}, &e));
    ck_assert_msg(net_listen(n, &face, NULL, "127.0.0.1", 0, port, &e), "%s", e.message);
    net_set_tls(n, tls);
    ck_assert(net_start(n, &e));
    return n;
}

static Net *start(uint16_t *port, NetTls *tls)
{
    return start_with(port, tls, 2);
}

static void stop(Net *n)
{
    net_stop(n, NS_PER_S);
    sched_stop(sched);
    ck_assert_int_eq(atomic_load(&opened_count), atomic_load(&closed_count));
    net_free(n);
    sched_free(sched);
}

static int dial(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* ---- the client ---- */
static SSL_CTX *client_ctx(bool with_certificate)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_load_verify_file(ctx, cert_file), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (with_certificate) {
        ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(ctx, cert_file), 1);
        ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM), 1);
    }
    return ctx;
}

static bool echoes(SSL *ssl, const char *text)
{
    char back[64] = "";
    int len = (int)strlen(text), got = 0;
    if (SSL_write(ssl, text, len) != len)
        return false;
    while (got < len) {
        int n = SSL_read(ssl, back + got, len - got);
        if (n <= 0)
            return false;
        got += n;
    }
    return strcmp(text, back) == 0;
}

static bool say_hello(uint16_t port, SSL_CTX *ctx, bool ask)
{
    int fd = dial(port);
    char answer = 0;
    if (ask) {
        ck_assert_int_eq(send(fd, "S", 1, 0), 1);
        ck_assert_int_eq(recv(fd, &answer, 1, 0), 1);
        ck_assert_int_eq(answer, 'S');
    }
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    bool ok = SSL_connect(ssl) == 1 && echoes(ssl, "hello") && echoes(ssl, "again");
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    return ok;
}

START_TEST(both_ways_in)
{
    uint16_t port;
    make_certificate();
    Net *n = start(&port, load(NULL));
    SSL_CTX *ctx = client_ctx(false);
    SSL_CTX_set_max_proto_version(ctx, _i ? TLS1_2_VERSION : TLS1_3_VERSION);
    ck_assert(say_hello(port, ctx, true));
    ck_assert(say_hello(port, ctx, false));
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    ck_assert(!say_hello(port, ctx, false));
    ck_assert_int_eq(atomic_load(&plain_count), 0);
    SSL_CTX_free(ctx);
    stop(n);
    drop_certificate();
}
END_TEST

START_TEST(without_certificate_no_tls)
{
    uint16_t port;
    Net *n = start(&port, NULL);
    int fd = dial(port);
    char answer = 0;
    ck_assert_int_eq(send(fd, "S", 1, 0), 1);
    ck_assert_int_eq(recv(fd, &answer, 1, 0), 1);
    ck_assert_int_eq(answer, 'N');
    close(fd);
    stop(n);
}
END_TEST

START_TEST(client_certificates)
{
    uint16_t port;
    make_certificate();
    Net *n = start(&port, load(cert_file));
    SSL_CTX *without = client_ctx(false), *with = client_ctx(true);
    ck_assert(!say_hello(port, without, true));
    ck_assert(say_hello(port, with, true));
    net_set_tls(n, load(NULL)); /* a reload is for those who come later */
    ck_assert(say_hello(port, without, true));
    SSL_CTX_free(without);
    SSL_CTX_free(with);
    stop(n);
    drop_certificate();
}
END_TEST

/* Much data in records of odd sizes; the face pauses now and then with bytes inside OpenSSL. */
START_TEST(large)
{
    enum { TOTAL = 6 << 20 };
    uint16_t port;
    make_certificate();
    Net *n = start(&port, load(NULL));
    SSL_CTX *ctx = client_ctx(false);
    int fd = dial(port);
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    ck_assert_int_eq(SSL_connect(ssl), 1);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    char *data = mem_alloc(TOTAL), buf[33000];
    for (size_t i = 0; i < TOTAL; i++)
        data[i] = i % 100003 == 0 ? 'P' : (char)(i * 131 + (i >> 9));
    size_t out = 0, in = 0;
    int64_t end = clock_real.mono_ns(&clock_real) + 60 * NS_PER_S;
    while (in < TOTAL) {
        ck_assert_int_lt(clock_real.mono_ns(&clock_real), end);
        size_t k = TOTAL - out < 29989 ? TOTAL - out : 29989;
        int w = k ? SSL_write(ssl, data + out, (int)k) : 0;
        out += w > 0 ? (size_t)w : 0;
        int r = SSL_read(ssl, buf, sizeof buf);
        if (r > 0) {
            ck_assert_int_eq(memcmp(buf, data + in, (size_t)r), 0);
            in += (size_t)r;
        } else {
            struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (k && w <= 0 ? POLLOUT : 0))};
            poll(&p, 1, k ? 1 : 100);
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    mem_free(data);
    stop(n);
    drop_certificate();
}
END_TEST

/* Whatever comes instead of a handshake ends that connection and no other. */
START_TEST(strangers)
{
    static const char *const texts[] = {"\x16\x03\x01", "\x16\x03\x01\x7f\xff garbage garbage",
                                        "\x16GET / HTTP/1.1\r\n\r\n"};
    uint16_t port;
    make_certificate();
    Net *n = start(&port, load(NULL));
    SSL_CTX *ctx = client_ctx(false);
    int fds[6];
    for (int i = 0; i < 6; i++) {
        const char *text = texts[i % 3];
        fds[i] = dial(port);
        ck_assert_int_gt(send(fds[i], text, strlen(text), 0), 0);
        if (i < 3)
            close(fds[i]);
    }
    ck_assert(say_hello(port, ctx, true));
    int fd = dial(port); /* byte by byte */
    SSL *ssl = SSL_new(ctx);
    BIO *to = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), to);
    SSL_set_connect_state(ssl);
    ck_assert_int_eq(SSL_do_handshake(ssl), -1);
    char c;
    while (BIO_read(to, &c, 1) == 1)
        ck_assert_int_eq(send(fd, &c, 1, MSG_NOSIGNAL), 1);
    ck_assert_int_eq(recv(fd, &c, 1, 0), 1);
    ck_assert_int_eq(c, 0x16); /* ServerHello */
    SSL_free(ssl);
    close(fd);
    for (int i = 3; i < 6; i++)
        close(fds[i]);
    SSL_CTX_free(ctx);
    stop(n);
    drop_certificate();
}
END_TEST

static void plain_echo(int fd)
{
    char back[8] = "";
    ck_assert_int_eq(send(fd, "plain", 5, 0), 5);
    ck_assert_int_eq(recv(fd, back, 5, MSG_WAITALL), 5);
    ck_assert_str_eq(back, "plain");
}

/* No worker runs: handshakes wait, all else goes on, and who leaves meanwhile is no loss. */
START_TEST(handshakes_keep_nobody_waiting)
{
    enum { COUNT = 20 };
    uint16_t port;
    make_certificate();
    Net *n = start_with(&port, load(NULL), 0);
    SSL_CTX *ctx = client_ctx(false);
    int fds[COUNT], plain = dial(port);
    SSL *ssl[COUNT];
    plain_echo(plain);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = dial(port);
        ssl[i] = SSL_new(ctx);
        SSL_set_fd(ssl[i], fds[i]);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        ck_assert_int_eq(SSL_connect(ssl[i]), -1);
        plain_echo(plain);
    }
    for (int i = 1; i < COUNT; i++) {
        SSL_free(ssl[i]);
        close(fds[i]);
        plain_echo(plain);
    }
    int64_t end = clock_real.mono_ns(&clock_real) + 10 * NS_PER_S;
    while (SSL_connect(ssl[0]) != 1) {
        ck_assert_int_lt(clock_real.mono_ns(&clock_real), end);
        if (!sched_step(sched))
            poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, 1);
    }
    while (sched_step(sched) || atomic_load(&closed_count) < COUNT - 1) {
        ck_assert_int_lt(clock_real.mono_ns(&clock_real), end);
        poll(NULL, 0, 1);
    }
    fcntl(fds[0], F_SETFL, 0);
    SSL_write(ssl[0], "hello", 5);
    while (sched_step(sched))
        ;
    char back[8] = "";
    ck_assert_int_eq(SSL_read(ssl[0], back, 5), 5);
    SSL_free(ssl[0]);
    close(fds[0]);
    close(plain);
    SSL_CTX_free(ctx);
    stop(n);
    drop_certificate();
}
END_TEST

START_TEST(bad_files)
{
    NetTls *t;
    Err e;
    make_certificate();
    ck_assert(!net_tls_new(&t, &(NetTlsOptions){"/nowhere.pem", key_file, NULL}, &e));
    ck_assert(strstr(e.message, "/nowhere.pem"));
    ck_assert(!net_tls_new(&t, &(NetTlsOptions){cert_file, cert_file, NULL}, &e));
    chmod(key_file, 0644);
    ck_assert(!net_tls_new(&t, &(NetTlsOptions){cert_file, key_file, NULL}, &e));
    ck_assert(strstr(e.message, "may be read by others"));
    drop_certificate();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("tls");
    tcase_add_loop_test(tc, both_ways_in, 0, 2);
    tcase_add_test(tc, without_certificate_no_tls);
    tcase_add_test(tc, client_certificates);
    tcase_add_test(tc, large);
    tcase_add_test(tc, strangers);
    tcase_add_test(tc, handshakes_keep_nobody_waiting);
    tcase_add_test(tc, bad_files);
    return unit_run(tc);
}
