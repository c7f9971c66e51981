/* net/tls.c - the OpenSSL row of NetIo: TLS 1.2 and 1.3 on a connection's own descriptor.
 *
 * A certificate set (NetTls) is counted: a reload replaces it for new connections, those that
 * are there keep theirs.  The steps of a handshake are tasks of the scheduler, all in one group: a flood
 * of them has the share of one session.  Records are the I/O thread's.  OpenSSL reads and writes through a BIO of ours, so that bytes which a
 * face has read already (to see that a client speaks TLS) come first, and no write raises SIGPIPE. */
#include "net/net_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_MAX = 16 << 10 };

struct NetTls {
    Ref ref;
    SSL_CTX *ctx;
    uint8_t end_point[EVP_MAX_MD_SIZE]; /* RFC 5929 */
    size_t end_point_len;
};

struct TlsConn {
    Task shake; /* first: the scheduler's pointer is ours */
    Ref ref;    /* the connection and the task */
    IoThread *thread;
    ConnId id;
    int fd; /* closed with the last reference */
    SSL *ssl;
    NetTls *tls;
    NetShake how; /* the step ended */
    Buf early;    /* what was read before the handshake began */
    size_t early_pos;
};

/* ---- errors ---- */
static bool tls_error(Err *e, const char *what, const char *file)
{
    char text[256];
    unsigned long code = ERR_get_error();
    ERR_error_string_n(code, text, sizeof text);
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return err_set(e, ERR_CONFIG, "%s %s: %s", what, file, reason ? reason : text);
}

/* ---- the descriptor as OpenSSL sees it ---- */
static int bio_read(BIO *b, char *dst, int len)
{
    TlsConn *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (len <= 0)
        return 0;
    size_t left = t->early.len - t->early_pos;
    if (left) {
        size_t n = left < (size_t)len ? left : (size_t)len;
        memcpy(dst, t->early.ptr + t->early_pos, n);
        t->early_pos += n;
        if (n == left) {
            buf_free(&t->early);
            t->early_pos = 0;
        }
        return (int)n;
    }
    ssize_t n = read(t->fd, dst, (size_t)len);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_retry_read(b);
    return (int)n;
}

static int bio_write(BIO *b, const char *src, int len)
{
    const TlsConn *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    ssize_t n = send(t->fd, src, (size_t)len, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_retry_write(b);
    return (int)n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *conn_bio(void)
{
    static BIO_METHOD *method;
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&once);
    if (!method && (method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "conn"))) {
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    pthread_mutex_unlock(&once);
    return method;
}

/* ---- the row ---- */

/* What a failed call means: -1 try later, -2 broken, 0 the peer closed. */
static int tls_result(const TlsConn *t, int n)
{
    int why = SSL_get_error(t->ssl, n);
    ERR_clear_error(); /* the queue is the thread's, not the connection's */
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return -1;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

static void tls_conn_unref(TlsConn *t)
{
    if (!ref_drop(&t->ref))
        return;
    SSL_free(t->ssl);
    net_tls_unref(t->tls);
    buf_free(&t->early);
    close(t->fd);
    mem_free(t);
}

static TaskStatus shake_step(Task *task)
{
    TlsConn *t = (TlsConn *)task;
    int n = SSL_do_handshake(t->ssl);
    bool write = SSL_want_write(t->ssl);
    if (n == 1)
        t->how = SHAKE_DONE;
    else if (tls_result(t, n) != -1)
        t->how = SHAKE_BROKEN;
    else
        t->how = write ? SHAKE_WRITE : SHAKE_READ;
    return TASK_DONE;
}

/* Now the task may be used again: the connection may hear of it. */
static void shake_done(Task *task)
{
    TlsConn *t = (TlsConn *)task;
    Net *net = t->thread->net;
    mail_post(t->thread, MAIL_SHAKEN, t->id, t->how, NULL);
    tls_conn_unref(t);
    atomic_fetch_sub(&net->shakes, 1); /* the last touch: net_stop sees it */
}

static void tls_handshake(Conn *c)
{
    TlsConn *t = c->tls;
    Net *net = c->thread->net;
    ref_take(&t->ref);
    atomic_fetch_add(&net->shakes, 1);
    task_init(&t->shake, shake_step, TASK_QUERY, TASK_GROUP_STRANGERS);
    t->shake.done = shake_done;
    task_start(net->sched, &t->shake);
}

static ssize_t tls_read(Conn *c, void *dst, size_t len)
{
    size_t got = 0;
    while (got < len) {
        size_t part = len - got < INT32_MAX ? len - got : INT32_MAX;
        int n = SSL_read(c->tls->ssl, (char *)dst + got, (int)part);
        if (n > 0) {
            got += (size_t)n;
            continue;
        }
        n = tls_result(c->tls, n);
        return got ? (ssize_t)got : n; /* the end or the error is seen again by the next call */
    }
    return (ssize_t)got;
}

/* Up to one record from the front.  A call that must be repeated finds at least the same bytes there. */
static int write_record(Conn *c, const struct iovec *iov, int count, size_t skip)
{
    char record[RECORD_MAX];
    size_t len = 0;
    for (int i = 0; i < count && len < RECORD_MAX; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        const char *from = (const char *)iov[i].iov_base + skip;
        size_t n = iov[i].iov_len - skip;
        skip = 0;
        if (len == 0 && n >= RECORD_MAX)
            return SSL_write(c->tls->ssl, from, RECORD_MAX);
        n = n < RECORD_MAX - len ? n : RECORD_MAX - len;
        memcpy(record + len, from, n);
        len += n;
    }
    return SSL_write(c->tls->ssl, record, (int)len);
}

static ssize_t tls_write(Conn *c, const struct iovec *iov, int count)
{
    size_t total = 0, done = 0;
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    while (done < total) {
        int n = write_record(c, iov, count, done);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        n = tls_result(c->tls, n);
        if (done)
            break;
        return n == 0 ? -2 : n;
    }
    return (ssize_t)done;
}

static bool tls_pending(const Conn *c)
{
    return SSL_has_pending(c->tls->ssl) || c->tls->early.len;
}

static void tls_end(Conn *c)
{
    (void)SSL_shutdown(c->tls->ssl);
    ERR_clear_error();
}

static void tls_close(Conn *c)
{
    if (c->shaking) /* it holds the descriptor; the client need not wait for that */
        shutdown(c->fd, SHUT_RDWR);
    tls_conn_unref(c->tls);
    c->tls = NULL;
}

const NetIo net_io_tls = {"tls",     tls_handshake, tls_read, tls_write,
                          tls_close, tls_pending,   tls_end};

/* ---- the certificate ---- */

/* RFC 5929 section 4.1: the hash of the signature, SHA-256 in place of MD5 and SHA-1. */
static bool find_end_point(NetTls *t)
{
    X509 *cert = SSL_CTX_get0_certificate(t->ctx);
    int nid = NID_undef;
    unsigned len = 0;
    if (!cert || !X509_get_signature_info(cert, &nid, NULL, NULL, NULL))
        return false;
    if (nid == NID_undef || nid == NID_md5 || nid == NID_sha1)
        nid = NID_sha256;
    const EVP_MD *md = EVP_get_digestbynid(nid);
    bool ok = md && X509_digest(cert, md, t->end_point, &len) == 1;
    t->end_point_len = len;
    return ok;
}

static int no_password(char *dst, int size, int rwflag, void *arg)
{
    (void)dst, (void)size, (void)rwflag, (void)arg;
    return 0; /* never asks at the terminal */
}

/* As PostgreSQL: others may not read it, but the group of root's file may. */
static bool key_is_private(const char *file, Err *e)
{
    struct stat st;
    if (stat(file, &st) != 0)
        return err_set_errno(e, errno, "private key %s", file);
    mode_t open =
        st.st_uid == 0 && geteuid() != 0 ? S_IRWXO | S_IWGRP | S_IXGRP : S_IRWXO | S_IRWXG;
    if (!(st.st_mode & open))
        return true;
    err_set(e, ERR_CONFIG, "private key %s may be read by others", file);
    return err_hint(e, "chmod 0600");
}

static bool load(NetTls *t, const NetTlsOptions *o, Err *e)
{
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_cipher_list(t->ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM") != 1)
        return tls_error(e, "cipher list", "");
    if (SSL_CTX_use_certificate_chain_file(t->ctx, o->cert_file) != 1)
        return tls_error(e, "certificate", o->cert_file);
    if (!key_is_private(o->key_file, e))
        return false;
    SSL_CTX_set_default_passwd_cb(t->ctx, no_password);
    if (SSL_CTX_use_PrivateKey_file(t->ctx, o->key_file, SSL_FILETYPE_PEM) != 1)
        return tls_error(e, "private key", o->key_file);
    if (SSL_CTX_check_private_key(t->ctx) != 1)
        return tls_error(e, "the private key does not fit the certificate:", o->key_file);
    if (o->ca_file && SSL_CTX_load_verify_file(t->ctx, o->ca_file) != 1)
        return tls_error(e, "certificates of the authority", o->ca_file);
    if (o->ca_file) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(o->ca_file);
        SSL_CTX_set_client_CA_list(t->ctx, names);
        SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return find_end_point(t) ||
           err_set(e, ERR_CONFIG, "certificate %s: unknown signature", o->cert_file);
}

bool net_tls_new(NetTls **out, const NetTlsOptions *o, Err *e)
{
    NetTls *t = MEM_NEW(NetTls);
    ref_init(&t->ref);
    t->ctx = SSL_CTX_new(TLS_server_method());
    must(t->ctx);
    if (!load(t, o, e)) {
        net_tls_unref(t);
        return false;
    }
    *out = t;
    return true;
}

void net_tls_unref(NetTls *t)
{
    if (!t || !ref_drop(&t->ref))
        return;
    SSL_CTX_free(t->ctx);
    mem_free(t);
}

void net_set_tls(Net *n, NetTls *take)
{
    mutex_lock(&n->tls_mutex);
    NetTls *old = n->tls;
    n->tls = take;
    mutex_unlock(&n->tls_mutex);
    net_tls_unref(old);
}

static NetTls *current_tls(Net *n)
{
    mutex_lock(&n->tls_mutex);
    NetTls *t = n->tls;
    if (t)
        ref_take(&t->ref);
    mutex_unlock(&n->tls_mutex);
    return t;
}

/* ---- a connection begins ---- */

/* The answer that makes the client begin goes out as it is: one byte into an empty queue. */
static bool say_plainly(const Conn *c, Slice text)
{
    return text.len == 0 || (c->out_count == 0 &&
                             send(c->fd, text.ptr, text.len, MSG_NOSIGNAL) == (ssize_t)text.len);
}

bool conn_start_tls(Conn *c, Slice answer)
{
    NetTls *tls = c->dead || c->tls ? NULL : current_tls(c->thread->net);
    must(!tls || c->thread->net->sched);
    BIO_METHOD *method = conn_bio();
    BIO *bio = tls && method ? BIO_new(method) : NULL;
    SSL *ssl = bio && say_plainly(c, answer) ? SSL_new(tls->ctx) : NULL;
    if (!ssl) {
        BIO_free(bio);
        net_tls_unref(tls);
        ERR_clear_error();
        return false;
    }
    outlet_close_direct(c->outlet);
    TlsConn *t = MEM_NEW(TlsConn);
    ref_init(&t->ref);
    t->thread = c->thread;
    t->id = c->id;
    t->fd = c->fd;
    t->ssl = ssl;
    t->tls = tls;
    Slice early = conn_input(c);
    buf_put_slice(&t->early, early);
    conn_consume(c, early.len);
    c->tls = t;
    c->io = &net_io_tls;
    c->handshaking = true;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    return true;
}

bool conn_may_start_tls(Conn *c)
{
    NetTls *t = c->tls ? NULL : current_tls(c->thread->net);
    net_tls_unref(t);
    return t != NULL;
}

bool conn_has_tls(const Conn *c)
{
    return c->tls != NULL;
}

size_t conn_tls_end_point(const Conn *c, uint8_t dst[NET_END_POINT_MAX])
{
    if (!c->tls)
        return 0;
    memcpy(dst, c->tls->tls->end_point, c->tls->tls->end_point_len);
    return c->tls->tls->end_point_len;
}

NetTlsUse conn_tls_use(const Conn *c)
{
    if (!c->tls)
        return (NetTlsUse){0};
    const SSL_CIPHER *cipher = SSL_get_current_cipher(c->tls->ssl);
    return (NetTlsUse){.version = SSL_get_version(c->tls->ssl),
                       .cipher = SSL_CIPHER_get_name(cipher),
                       .bits = SSL_CIPHER_get_bits(cipher, NULL)};
}
