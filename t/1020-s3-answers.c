/*
 * How S3's answers are taken, those that a real storage does not give on demand: errors, cut and slow answers, nonsense.
 * A server in this process answers as each test says. What a real one does is in t/1102 and t/1110.
 */
#include "object/s3.h"

#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/socket.h>

enum { ANSWERS_MAX = 24, REQUEST_BYTES = 8192 };

/* One answer: sent as it is, after a wait. The connection is kept when it says Connection: keep-alive. */
struct scripted {
    const char *text;
    int wait_ms;
};

struct server {
    int listener;
    int port;
    pthread_t thread;
    struct scripted answers[ANSWERS_MAX];
    size_t answer_count;
    /* Read after server_stop. */
    size_t request_count, connection_count;
    char requests[ANSWERS_MAX][REQUEST_BYTES];
};

struct test {
    struct arena arena;
    struct err err;
    struct config config;
    struct log log;
    struct s3 *s3;
    struct server server;
};

/* --- The server */

/* Reads a head and its body; false when the client has gone. */
static bool read_request(int fd, char *request)
{
    size_t length = 0, body;
    char *end = NULL, *field;

    while (end == NULL) {
        ssize_t got = recv(fd, request + length, REQUEST_BYTES - 1 - length, 0);

        if (got <= 0)
            return false;
        length += (size_t)got;
        request[length] = '\0';
        end = strstr(request, "\r\n\r\n");
    }
    field = strstr(request, "Content-Length: ");
    body = field != NULL ? (size_t)atoll(field + strlen("Content-Length: ")) : 0;
    for (size_t have = length - (size_t)(end + 4 - request); have < body;) {
        char part[4096];
        ssize_t got = recv(fd, part, sizeof part, 0);

        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

/* Whether the client is still there after so long. */
static bool wait_for(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};

    return wait_ms == 0 || poll(&poll_fd, 1, wait_ms) == 0;
}

static void serve_connection(struct server *server, int fd)
{
    char surplus[REQUEST_BYTES];

    for (;;) {
        size_t number = server->request_count;
        const struct scripted *answer = &server->answers[number];

        if (!read_request(fd, number < ANSWERS_MAX ? server->requests[number] : surplus))
            return;
        server->request_count++;
        if (number >= server->answer_count || answer->text == NULL || !wait_for(fd, answer->wait_ms))
            return;
        send(fd, answer->text, strlen(answer->text), MSG_NOSIGNAL);
        /* A body that is shorter than it says stays so for a while. */
        if (strstr(answer->text, "\r\nstall: ") != NULL)
            wait_for(fd, 5000);
        if (strstr(answer->text, "keep-alive") == NULL)
            return;
    }
}

static void *serve(void *arg)
{
    struct server *server = arg;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        server->connection_count++;
        serve_connection(server, fd);
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    if (server->listener < 0)
        return;
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    server->listener = -1;
}

/* --- The fixture */

static void set(struct test *test, const char *name, const char *value)
{
    assert_granted(config_set(&test->config, name, value, &test->err), &test->err);
}

static int set_up(void **state)
{
    static struct test test;
    char endpoint[64];

    memset(&test, 0, sizeof test);
    arena_init(&test.arena, 16 * 1024 * 1024);
    config_init(&test.config);
    test.log = (struct log){.clock = &clock_system, .level = LOG_DEBUG};
    server_start(&test.server);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", test.server.port);
    set(&test, "s3_endpoint", endpoint);
    set(&test, "s3_bucket", "bucket");
    set(&test, "s3_timeout_ms", "5000");
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "the-secret", 1);
    setenv("AWS_SESSION_TOKEN", "the-token", 1);
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct test *test = *state;

    s3_free(test->s3);
    server_stop(&test->server);
    arena_free(&test->arena);
    return 0;
}

/* What the log says goes here for the time of a test that may fill it. */
static int log_fd = -1, true_stderr = -1;

static int set_up_quiet(void **state)
{
    true_stderr = dup(STDERR_FILENO);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    dup2(log_fd, STDERR_FILENO);
    return set_up(state);
}

/* And never has a secret in it. */
static int tear_down_quiet(void **state)
{
    static char text[1024 * 1024];
    ssize_t length;

    tear_down(state);
    dup2(true_stderr, STDERR_FILENO);
    close(true_stderr);
    length = pread(log_fd, text, sizeof text - 1, 0);
    close(log_fd);
    text[length < 0 ? 0 : length] = '\0';
    /* What is no log line is why the test failed. */
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        if (*line != '{')
            fprintf(stderr, "%.*s\n", (int)strcspn(line, "\n"), line);
    return strstr(text, "the-secret") == NULL && strstr(text, "the-token") == NULL && strstr(text, "Signature=") == NULL
               ? 0
               : -1;
}

static void script(struct test *test, const char *text)
{
    assert_true(test->server.answer_count < ANSWERS_MAX);
    test->server.answers[test->server.answer_count++].text = text;
}

static struct s3 *open_s3(struct test *test)
{
    if (test->s3 == NULL)
        assert_granted(s3_new(&test->s3, &test->config, &clock_system, &test->log, NULL, &test->err), &test->err);
    return test->s3;
}

static bool put(struct test *test)
{
    return s3_put(open_s3(test), &test->arena, "key", "text/plain", "bytes", 5, &test->err);
}

static bool begin(struct test *test)
{
    const char *upload;

    return s3_upload_begin(open_s3(test), &test->arena, "key", "text/plain", &upload, &test->err);
}

static bool complete(struct test *test)
{
    const struct s3_part part = {.number = 1, .tag = "abc"};

    return s3_upload_complete(open_s3(test), &test->arena, "key", "id", &part, 1, &test->err);
}

static bool get(struct test *test, char bytes[4], size_t *length)
{
    return s3_get(open_s3(test), &test->arena, "key", 0, -1, bytes, 4, length, &test->err);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define ANSWER(status, body) "HTTP/1.1 " status "\r\n\r\n" body
#define FAILURE(status, code)                                                                                          \
    ANSWER(status, "<?xml version=\"1.0\"?><Error><Code>" code "</Code><Message>m</Message></Error>")

/* --- The promises */

static void nothing_is_done_before_the_first_call(void **state)
{
    struct test *test = *state;

    unsetenv("AWS_SECRET_ACCESS_KEY");
    open_s3(test);
    usleep(20 * 1000);
    assert_int_equal(test->server.connection_count, 0);
    assert_refused(put(test), &test->err, ERR_BUG, "AWS_SECRET_ACCESS_KEY is missing");
    assert_int_equal(test->server.connection_count, 0);
}

static void settings_that_can_not_be_right_are_refused(void **state)
{
    static const char *const cases[][3] = {
        {"s3_endpoint", "example.org", "'example.org': say http:// or https:// and the host"},
        {"s3_endpoint", "ftp://example.org", "say http:// or https://"},
        {"s3_endpoint", "https://", "say https://host or https://host:port, with nothing after it"},
        {"s3_endpoint", "https://example.org/path", "say https://host or"},
        {"s3_endpoint", "https://user@example.org", "say https://host or"},
        {"s3_endpoint", "https://exa mple.org", "say https://host or"},
        {"s3_endpoint", "https://example.org?x", "say https://host or"},
        {"s3_public_endpoint", "example.org", "s3_public_endpoint: 'example.org': say http://"},
        {"s3_bucket", "", "s3_bucket: say the bucket's name"},
        {"s3_bucket", "a/b", "s3_bucket: say"},
        {"s3_region", "", "s3_region: say a region"},
    };
    struct test *test = *state;
    struct s3 *s3;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config before = test->config;

        set(test, cases[i][0], cases[i][1]);
        assert_refused(s3_new(&s3, &test->config, &clock_system, &test->log, NULL, &test->err), &test->err, ERR_INPUT,
                       cases[i][2]);
        test->config = before;
    }
}

static void a_url_is_as_the_settings_say(void **state)
{
    static const char *const cases[][4] = {
        {"", "", "yes", "https://s3.eu-central-1.amazonaws.com/bucket/a%20b?"},
        {"", "", "no", "https://bucket.s3.eu-central-1.amazonaws.com/a%20b?"},
        {"http://h:80/", "", "yes", "http://h/bucket/a%20b?"},
        {"https://h:443", "", "no", "https://bucket.h/a%20b?"},
        {"https://h:80", "", "yes", "https://h:80/bucket/a%20b?"},
        {"http://[::1]:9000", "", "yes", "http://[::1]:9000/bucket/a%20b?"},
        {"http://inside:9000", "https://files.example.org", "no", "https://bucket.files.example.org/a%20b?"},
    };
    const struct s3_grant grant = {.method = "GET", .seconds = 60, .length = -1, .browser = true};
    struct test *test = *state;
    struct s3 *s3;
    const char *url;

    set(test, "s3_region", "eu-central-1");
    for (size_t i = 0; i < COUNT(cases); i++) {
        set(test, "s3_endpoint", cases[i][0]);
        set(test, "s3_public_endpoint", cases[i][1]);
        set(test, "s3_path_style", cases[i][2]);
        assert_granted(s3_new(&s3, &test->config, &clock_system, &test->log, NULL, &test->err), &test->err);
        assert_granted(s3_presign(s3, &test->arena, "a b", &grant, &url, &test->err), &test->err);
        if (strncmp(url, cases[i][3], strlen(cases[i][3])) != 0)
            fail_msg("%s does not begin with %s", url, cases[i][3]);
        assert_contains(url, "X-Amz-Security-Token=the-token");
        assert_null(strstr(url, "the-secret"));
        s3_free(s3);
    }
}

static void a_request_is_signed_and_nothing_else_is_in_it(void **state)
{
    struct test *test = *state;
    char *request = test->server.requests[0];

    script(test, OK);
    assert_granted(s3_put(open_s3(test), &test->arena, "ä b/../+", "text/plain", "bytes", 5, &test->err), &test->err);
    server_stop(&test->server);
    assert_contains(request, "PUT /bucket/%C3%A4%20b/../%2B HTTP/1.1\r\n");
    assert_contains(request, "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token,");
    assert_contains(request, "\r\nx-amz-security-token: the-token\r\n");
    assert_contains(request, "x-amz-content-sha256: "
                             "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9\r\n");
    assert_contains(request, "\r\n\r\nbytes");
    assert_null(strstr(request, "Expect"));
    assert_null(strstr(request, "Accept"));
    assert_null(strstr(request, "User-Agent"));
    assert_null(strstr(request, "Transfer-Encoding"));
}

static void a_connection_is_kept(void **state)
{
    struct test *test = *state;

    for (int i = 0; i < 3; i++)
        script(test, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    for (int i = 0; i < 3; i++)
        assert_granted(put(test), &test->err);
    assert_int_equal(test->server.request_count, 3);
    assert_int_equal(test->server.connection_count, 1);
}

static void what_may_pass_is_tried_again(void **state)
{
    static const char *const answers[] = {
        ANSWER("500 Internal Server Error", ""),
        FAILURE("503 Slow Down", "SlowDown"),
        FAILURE("400 Bad Request", "RequestTimeout"),
        FAILURE("409 Conflict", "OperationAborted"),
        ANSWER("429 Too Many Requests", ""),
        ANSWER("502 Bad Gateway", "<html><body>a proxy's & page</html>"),
        "",                                                            /* closed without an answer */
        "HTTP/1.1 200 OK\r\nContent-Le",                               /* inside its head */
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot a hundred", /* inside its body */
    };
    struct test *test = *state;

    for (size_t i = 0; i < COUNT(answers); i++) {
        test->server.answer_count = test->server.request_count = 0;
        script(test, answers[i]);
        script(test, OK);
        assert_granted(put(test), &test->err);
        assert_int_equal(test->server.request_count, 2);
    }
}

static void it_is_given_up_after_some_retries(void **state)
{
    struct test *test = *state;

    set(test, "s3_retries", "2");
    for (int i = 0; i < 5; i++)
        script(test, FAILURE("503 Slow Down", "SlowDown"));
    assert_refused(put(test), &test->err, ERR_DOWN, "PUT object: S3 answers 503 SlowDown");
    assert_int_equal(test->server.request_count, 3);
    /* Slow is not away: the next call asks again. */
    test->server.answers[3].text = OK;
    assert_granted(put(test), &test->err);
}

static void what_is_refused_is_not_tried_again(void **state)
{
    static const struct {
        const char *answer;
        enum err_kind kind;
        const char *part;
    } cases[] = {
        {FAILURE("403 Forbidden", "SignatureDoesNotMatch"), ERR_DOWN,
         "PUT object: S3 answers 403 SignatureDoesNotMatch"},
        {FAILURE("403 Forbidden", "AccessDenied"), ERR_DOWN, "403 AccessDenied"},
        {FAILURE("404 Not Found", "NoSuchBucket"), ERR_DOWN, "404 NoSuchBucket"},
        {FAILURE("404 Not Found", "NoSuchUpload"), ERR_ABSENT, "there is no such upload"},
        {FAILURE("404 Not Found", "NoSuchKey"), ERR_ABSENT, "there is no such object"},
        {FAILURE("400 Bad Request", "InvalidPart"), ERR_CONFLICT, "400 InvalidPart"},
        {FAILURE("411 Length Required", "MissingContentLength"), ERR_BUG, "411 MissingContentLength"},
        {FAILURE("412 Precondition Failed", "PreconditionFailed"), ERR_BUG, "412"},
        {FAILURE("501 Not Implemented", "NotImplemented"), ERR_BUG, "501 NotImplemented"},
        {ANSWER("401 Unauthorized", "<html>&nbsp;</html>"), ERR_DOWN, "401"},
        {"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\n\r\n"
         "<Error><Code>TemporaryRedirect</Code></Error>",
         ERR_DOWN, "307 TemporaryRedirect"},
        {"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n", ERR_DOWN, "301"},
        {"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-central-1\r\n\r\n"
         "<Error><Code>PermanentRedirect</Code></Error>",
         ERR_DOWN, "301 PermanentRedirect: the bucket is in eu-central-1; see s3_region and s3_endpoint"},
        {ANSWER("400 Bad Request",
                "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>"),
         ERR_DOWN, "the bucket is in eu-central-1"},
        {ANSWER("404 Not Found", "<html><body>nginx</html>"), ERR_DOWN, "404"}, /* whoever says so is not S3 */
        {FAILURE("200 OK", "AccessDenied"), ERR_BUG, "200 AccessDenied"},
    };
    struct test *test = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        script(test, cases[i].answer);
        assert_false(put(test));
        /* Nobody mends it within a second. */
        assert_int_equal(test->err.retry_after_s, cases[i].kind == ERR_DOWN ? 30 : 0);
        assert_refused(false, &test->err, cases[i].kind, cases[i].part);
        assert_int_equal(test->server.request_count, i + 1);
    }
}

static void a_server_that_asks_for_time_gets_it(void **state)
{
    struct test *test = *state;
    int64_t start = clock_system.monotonic_us();

    script(test, "HTTP/1.1 503 Slow Down\r\nRetry-After: 1\r\n\r\n");
    script(test, OK);
    assert_granted(put(test), &test->err);
    assert_true(clock_system.monotonic_us() - start >= 1000000);
    assert_true(clock_system.monotonic_us() - start < 3000000);
}

static void no_wait_is_begun_that_ends_too_late(void **state)
{
    struct test *test = *state;
    int64_t start = clock_system.monotonic_us();

    set(test, "s3_timeout_ms", "1500");
    script(test, "HTTP/1.1 503 Slow Down\r\nRetry-After: 3600\r\n\r\n");
    assert_refused(put(test), &test->err, ERR_DOWN, "S3 answers 503");
    assert_true(clock_system.monotonic_us() - start < 500000);
    assert_int_equal(test->server.request_count, 1);
}

static void a_silent_server_holds_nobody_up(void **state)
{
    struct test *test = *state;
    int64_t start = clock_system.monotonic_us();

    set(test, "s3_timeout_ms", "300");
    test->server.answers[0] = (struct scripted){OK, 20000};
    test->server.answers[1] = (struct scripted){OK, 20000};
    test->server.answer_count = 2;
    assert_refused(put(test), &test->err, ERR_DOWN, "PUT object: ");
    assert_true(clock_system.monotonic_us() - start < 1500000);
}

static void a_stalled_transfer_is_cut_off_and_tried_again(void **state)
{
    struct test *test = *state;
    int64_t start = clock_system.monotonic_us();
    char bytes[4];
    size_t length;

    set(test, "s3_stall_s", "1");
    script(test,
           "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/4\r\nContent-Length: 4\r\nstall: yes\r\n\r\nab");
    script(test, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/4\r\nContent-Length: 4\r\n\r\nabcd");
    assert_granted(get(test, bytes, &length), &test->err);
    assert_int_equal(length, 4);
    assert_memory_equal(bytes, "abcd", 4);
    assert_true(clock_system.monotonic_us() - start < 4500000);
}

static void a_storage_that_is_away_is_not_asked_for_a_moment(void **state)
{
    struct test *test = *state;
    int64_t start;

    set(test, "s3_retries", "0");
    set(test, "s3_retry_ms", "300");
    server_stop(&test->server);
    assert_refused(put(test), &test->err, ERR_DOWN, "PUT object: ");
    start = clock_system.monotonic_us();
    assert_refused(put(test), &test->err, ERR_DOWN, "could not be reached a moment ago");
    assert_true(clock_system.monotonic_us() - start < 100000);
    usleep(310 * 1000);
    assert_false(put(test));
    assert_null(strstr(test->err.detail, "a moment ago"));
    assert_int_equal(test->err.retry_after_s, 1);
}

#define COMPLETE "<?xml version=\"1.0\"?>\n<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>"

static void an_error_may_come_with_200(void **state)
{
    struct test *test = *state;

    script(test, FAILURE("200 OK", "InternalError"));
    script(test, ANSWER("200 OK", COMPLETE));
    assert_granted(complete(test), &test->err);
    script(test, FAILURE("200 OK", "InvalidPart"));
    assert_refused(complete(test), &test->err, ERR_CONFLICT, "POST complete: S3 answers 200 InvalidPart");
    script(test, ANSWER("200 OK", "\n \n  " COMPLETE));
    assert_granted(complete(test), &test->err);
    assert_int_equal(test->server.request_count, 4);
}

#define BEGUN(text) ANSWER("200 OK", text)
#define TEN(text) text text text text text text text text text text
#define THOUSAND(text) TEN(TEN(TEN(text)))

static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *answer, *part;
    } cases[] = {
        {BEGUN(""), "broken XML: no element found"},
        {BEGUN("<a>"), "broken XML"},
        {BEGUN("<a></b>"), "broken XML: mismatched tag"},
        {BEGUN("<a>\xff</a>"), "broken XML: not well-formed"},
        {BEGUN("<a></a><b></b>"), "broken XML: junk after document element"},
        {BEGUN("<a></a>"), "S3 gives no id"},
        {BEGUN("<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>"),
         "S3 gives no id"},
        {BEGUN("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), "has a document type"},
        {BEGUN("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), "has a document type"},
        {BEGUN("<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>"), "is too deep"},
        {BEGUN("<a" TEN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") "/>"), "has too long names"},
        {BEGUN("<a>" THOUSAND("xxxxx") "</a>"), "has too long a text"},
    };
    struct test *test = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        script(test, cases[i].answer);
        assert_refused(begin(test), &test->err, ERR_DOWN, cases[i].part);
        assert_int_equal(test->server.request_count, i + 1);
    }
}

static void no_answer_is_too_long_for_us(void **state)
{
    static char list[3 * 1024 * 1024] = "HTTP/1.1 200 OK\r\n\r\n<ListBucketResult>";
    struct test *test = *state;
    struct s3_page page;

    for (size_t at = strlen(list); at + 64 < sizeof list; at += 16)
        memcpy(list + at, "<Other>x</Other>", 16);
    script(test, list);
    assert_refused(s3_objects(open_s3(test), &test->arena, "", "", 2, &page, &test->err), &test->err, ERR_DOWN,
                   "more than 2097152 bytes of XML");
    script(test, ANSWER("200 OK", "<ListBucketResult><Contents/><Contents/><Contents/></ListBucketResult>"));
    assert_refused(s3_objects(open_s3(test), &test->arena, "", "", 2, &page, &test->err), &test->err, ERR_DOWN,
                   "lists more than 2");
    script(test, ANSWER("200 OK", "<ListBucketResult><Contents><Size>-1</Size></Contents></ListBucketResult>"));
    assert_refused(s3_objects(open_s3(test), &test->arena, "", "", 2, &page, &test->err), &test->err, ERR_DOWN,
                   "S3 gives '-1' for a number");
}

static void another_part_than_asked_for_is_not_taken(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 206 Partial\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 1-4/9\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-2/9\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 5\r\n\r\nabcde",
    };
    struct test *test = *state;
    char bytes[4];
    size_t length;

    for (size_t i = 0; i < COUNT(answers); i++) {
        script(test, answers[i]);
        assert_refused(get(test, bytes, &length), &test->err, ERR_DOWN, "GET object: S3 answers");
        assert_int_equal(length, 0);
    }
    script(test, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-2/3\r\nContent-Length: 3\r\n\r\nabc");
    assert_granted(get(test, bytes, &length), &test->err);
    assert_int_equal(length, 3);
    script(test, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 4\r\n\r\nabcd");
    assert_refused(s3_get(open_s3(test), &test->arena, "key", 0, 8, bytes, 4, &length, &test->err), &test->err, ERR_BUG,
                   "it has 9 bytes instead of 8");
}

/* "bytes=0-0" is the whole object to some. */
static void one_byte_is_asked_for_with_the_next(void **state)
{
    struct test *test = *state;
    char byte = '-';
    size_t length;

    script(test, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab");
    assert_granted(s3_get(open_s3(test), &test->arena, "key", 0, 9, &byte, 1, &length, &test->err), &test->err);
    assert_int_equal(length, 1);
    assert_int_equal(byte, 'a');
    assert_contains(test->server.requests[0], "bytes=0-1");
    script(test, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-0/1\r\nContent-Length: 1\r\n\r\nc");
    assert_granted(s3_get(test->s3, &test->arena, "key", 0, 1, &byte, 1, &length, &test->err), &test->err);
    assert_int_equal(length, 1);
    assert_int_equal(byte, 'c');
    script(test, FAILURE("416 Range", "InvalidRange"));
    assert_granted(s3_get(test->s3, &test->arena, "key", 1, 1, &byte, 1, &length, &test->err), &test->err);
    assert_int_equal(length, 0);
}

static void a_part_is_known_by_its_tag_however_it_is_written(void **state)
{
    static const char *const tags[] = {"\"abc-1\"", "abc-1", "W/\"abc-1\""};
    struct test *test = *state;
    const char *tag;

    for (size_t i = 0; i < COUNT(tags); i++) {
        char *answer = arena_printf(&test->arena, "HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: 0\r\n\r\n", tags[i]);

        script(test, answer);
        assert_granted(s3_upload_part(open_s3(test), &test->arena, "key", "id", 1, "bytes", 5, &tag, &test->err),
                       &test->err);
        assert_string_equal(tag, "abc-1");
    }
    script(test, OK);
    assert_refused(s3_upload_part(open_s3(test), &test->arena, "key", "id", 1, "bytes", 5, &tag, &test->err),
                   &test->err, ERR_DOWN, "PUT part: S3 gives no ETag");
}

#define PART(members) ANSWER("200 OK", "<ListPartsResult><Part>" members "</Part></ListPartsResult>")

static void a_part_that_can_not_be_is_not_taken(void **state)
{
    static const char *const answers[] = {PART("<PartNumber>0</PartNumber><ETag>a</ETag>"),
                                          PART("<PartNumber>10001</PartNumber><ETag>a</ETag>"), PART("<ETag>a</ETag>"),
                                          PART("<PartNumber>1</PartNumber>")};
    struct test *test = *state;
    struct s3_part_page page;

    for (size_t i = 0; i < COUNT(answers); i++) {
        script(test, answers[i]);
        assert_refused(s3_upload_parts(open_s3(test), &test->arena, "key", "id", 0, 10, &page, &test->err), &test->err,
                       ERR_DOWN, "S3 lists a part with the number");
        assert_int_equal(page.count, 0);
    }
}

/* s3rver says 405 and 501, a policy 403; others pass over the parameter. */
static void what_a_storage_does_without_is_told_as_that(void **state)
{
    static const char *const answers[] = {
        FAILURE("501 Not Implemented", "NotImplemented"), FAILURE("405 Method Not Allowed", "MethodNotAllowed"),
        FAILURE("403 Forbidden", "AccessDenied"), ANSWER("200 OK", "<ListBucketResult></ListBucketResult>")};
    struct test *test = *state;
    struct s3_part_page parts;
    struct s3_page page;

    for (size_t i = 0; i < COUNT(answers); i++) {
        script(test, answers[i]);
        script(test, answers[i]);
        assert_refused(s3_uploads(open_s3(test), &test->arena, "", "", 2, &page, &test->err), &test->err, ERR_METHOD,
                       "");
        assert_refused(s3_upload_parts(test->s3, &test->arena, "key", "id", 0, 2, &parts, &test->err), &test->err,
                       ERR_METHOD, "");
    }
    script(test, answers[1]);
    assert_refused(s3_upload_abort(test->s3, &test->arena, "key", "id", &test->err), &test->err, ERR_METHOD, "");
    for (size_t i = 0; i < 3; i++) {
        script(test, answers[i]);
        assert_refused(s3_objects(test->s3, &test->arena, "", "", 2, &page, &test->err), &test->err, ERR_METHOD, "");
    }
    /* Whoever passes over start-after would give the first page for ever. */
    script(test, ANSWER("200 OK", "<ListBucketResult><Contents><Key>b</Key></Contents></ListBucketResult>"));
    assert_refused(s3_objects(test->s3, &test->arena, "", "b", 2, &page, &test->err), &test->err, ERR_METHOD, "");
    script(test, ANSWER("200 OK", "<ListMultipartUploadsResult></ListMultipartUploadsResult>"));
    assert_refused(s3_objects(test->s3, &test->arena, "", "", 2, &page, &test->err), &test->err, ERR_DOWN,
                   "something else");
    script(test, answers[2]);
    assert_refused(s3_upload_abort(test->s3, &test->arena, "key", "id", &test->err), &test->err, ERR_DOWN, "403");
}

/* libcurl 7.88 uses what it has freed when a handle's next answer begins with a field that goes over several lines. */
static void a_field_may_go_over_several_lines(void **state)
{
    struct test *test = *state;

    for (int i = 0; i < 3; i++) {
        script(test, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\nX-One: a\r\n b\r\n\r\n");
        script(test, "HTTP/1.1 200 OK\r\n folded: first\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
        assert_granted(put(test), &test->err);
        (void)put(test); /* whether this is an answer is libcurl's to say */
        err_clear(&test->err);
    }
}

static void our_clock_may_be_wrong(void **state)
{
    static char late[512];
    struct test *test = *state;
    const struct s3_grant grant = {.method = "GET", .seconds = 60, .length = -1};
    time_t theirs = (time_t)(clock_system.now_ms() / 1000) + 3600 * 5;
    char date[64], stamp[64];
    const char *url;
    struct tm utc;

    gmtime_r(&theirs, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H", &utc);
    snprintf(late, sizeof late,
             "HTTP/1.1 403 Forbidden\r\nDate: %s\r\n\r\n<Error><Code>RequestTimeTooSkewed</Code></Error>", date);
    script(test, late);
    script(test, OK);
    script(test, OK);
    script(test, late);
    assert_granted(put(test), &test->err);
    assert_granted(put(test), &test->err);
    assert_granted(s3_presign(test->s3, &test->arena, "key", &grant, &url, &test->err), &test->err);
    assert_contains(url, stamp);
    /* Once: a server that is never content is refused. */
    assert_refused(put(test), &test->err, ERR_DOWN, "403 RequestTimeTooSkewed");
    server_stop(&test->server);
    assert_int_equal(test->server.request_count, 4);
    assert_null(strstr(test->server.requests[0], stamp));
    assert_contains(test->server.requests[1], stamp);
    assert_contains(test->server.requests[2], stamp);
}

/* Who can make us sign for a day that is far away has a signature for that day. */
static void a_clock_that_is_days_off_is_not_followed(void **state)
{
    static char late[512];
    struct test *test = *state;
    time_t theirs = (time_t)(clock_system.now_ms() / 1000) + 3 * 86400;
    char date[64];
    struct tm utc;

    gmtime_r(&theirs, &utc);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    snprintf(late, sizeof late,
             "HTTP/1.1 403 Forbidden\r\nDate: %s\r\n\r\n<Error><Code>RequestTimeTooSkewed</Code></Error>", date);
    script(test, late);
    assert_refused(put(test), &test->err, ERR_DOWN, "403 RequestTimeTooSkewed");
    assert_int_equal(test->server.request_count, 1);
}

static void a_new_key_is_found_when_the_old_one_has_expired(void **state)
{
    char path[] = "/tmp/mayfly-unit-XXXXXX";
    struct test *test = *state;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    dprintf(fd, "AWS_ACCESS_KEY_ID=OLD\nAWS_SECRET_ACCESS_KEY=the-secret\nAWS_SESSION_TOKEN=the-token\n");
    set(test, "s3_credentials", path);
    script(test, OK);
    script(test, FAILURE("400 Bad Request", "ExpiredToken"));
    script(test, OK);
    script(test, FAILURE("400 Bad Request", "ExpiredToken"));
    assert_granted(put(test), &test->err);
    assert_int_equal(ftruncate(fd, 0), 0);
    lseek(fd, 0, SEEK_SET);
    dprintf(fd, "AWS_ACCESS_KEY_ID=NEW\nAWS_SECRET_ACCESS_KEY=the-secret\n");
    assert_granted(put(test), &test->err);
    assert_refused(put(test), &test->err, ERR_DOWN, "400 ExpiredToken");
    close(fd);
    unlink(path);
    server_stop(&test->server);
    assert_int_equal(test->server.request_count, 4);
    assert_contains(test->server.requests[1], "Credential=OLD/");
    assert_contains(test->server.requests[2], "Credential=NEW/");
    assert_null(strstr(test->server.requests[2], "x-amz-security-token"));
}

static void no_header_can_be_smuggled_in(void **state)
{
    struct test *test = *state;

    assert_refused(
        s3_put(open_s3(test), &test->arena, "key", "text/plain\r\nx-amz-acl: public-read", "", 0, &test->err),
        &test->err, ERR_BUG, "a control character in content-type");
    assert_int_equal(test->server.request_count, 0);
}

static void what_s3_does_not_take_is_not_sent(void **state)
{
    static char long_key[S3_KEY_MAX + 2];
    const struct s3_part odd = {.number = 1, .tag = "a\"<"};
    struct test *test = *state;
    struct s3_page page;
    const char *tag;

    memset(long_key, 'k', S3_KEY_MAX + 1);
    open_s3(test);
    assert_refused(s3_put(test->s3, &test->arena, long_key, "t/t", "", 0, &test->err), &test->err, ERR_BUG,
                   "a key of 1025 bytes");
    assert_refused(s3_upload_part(test->s3, &test->arena, "k", "id", 0, "", 0, &tag, &test->err), &test->err, ERR_BUG,
                   "0 is no part's number");
    assert_refused(s3_upload_part(test->s3, &test->arena, "k", "id", 10001, "", 0, &tag, &test->err), &test->err,
                   ERR_BUG, "10001 is no part's number");
    assert_refused(s3_upload_complete(test->s3, &test->arena, "k", "id", &odd, 1, &test->err), &test->err, ERR_BUG,
                   "part 1 has no tag");
    assert_refused(s3_upload_complete(test->s3, &test->arena, "k", "id", &odd, 0, &test->err), &test->err, ERR_BUG,
                   "an object of 0 parts");
    assert_refused(s3_objects(test->s3, &test->arena, "", "", 1001, &page, &test->err), &test->err, ERR_BUG,
                   "a page of 1001");
    assert_int_equal(test->server.request_count, 0);
}

/* At each size of the arena, so that every allocation fails once. */
static void without_memory_nothing_is_asked(void **state)
{
    struct test *test = *state;
    bool down = false;

    set(test, "s3_retries", "0");
    set(test, "s3_retry_ms", "0");
    server_stop(&test->server);
    open_s3(test);
    for (size_t limit = 0; !down; limit += 16) {
        struct arena small;

        arena_init(&small, limit);
        err_clear(&test->err);
        assert_false(s3_put(test->s3, &small, "key", "t/t", "bytes", 5, &test->err));
        assert_int_equal(test->err.kind, ERR_DOWN);
        down = strcmp(test->err.detail, "out of memory") != 0;
        arena_free(&small);
    }
    assert_contains(test->err.detail, "PUT object: Failed to connect");
}

#define KEEPS(name) cmocka_unit_test_setup_teardown(name, set_up_quiet, tear_down_quiet)

int main(void)
{
    const struct CMUnitTest promises[] = {
        KEEPS(nothing_is_done_before_the_first_call),
        KEEPS(settings_that_can_not_be_right_are_refused),
        KEEPS(a_url_is_as_the_settings_say),
        KEEPS(a_request_is_signed_and_nothing_else_is_in_it),
        KEEPS(a_connection_is_kept),
        KEEPS(what_may_pass_is_tried_again),
        KEEPS(it_is_given_up_after_some_retries),
        KEEPS(what_is_refused_is_not_tried_again),
        KEEPS(a_server_that_asks_for_time_gets_it),
        KEEPS(no_wait_is_begun_that_ends_too_late),
        KEEPS(a_silent_server_holds_nobody_up),
        KEEPS(a_stalled_transfer_is_cut_off_and_tried_again),
        KEEPS(a_storage_that_is_away_is_not_asked_for_a_moment),
        KEEPS(an_error_may_come_with_200),
        KEEPS(nonsense_is_refused),
        KEEPS(no_answer_is_too_long_for_us),
        KEEPS(another_part_than_asked_for_is_not_taken),
        KEEPS(one_byte_is_asked_for_with_the_next),
        KEEPS(a_part_is_known_by_its_tag_however_it_is_written),
        KEEPS(a_part_that_can_not_be_is_not_taken),
        KEEPS(what_a_storage_does_without_is_told_as_that),
        KEEPS(a_field_may_go_over_several_lines),
        KEEPS(our_clock_may_be_wrong),
        KEEPS(a_clock_that_is_days_off_is_not_followed),
        KEEPS(a_new_key_is_found_when_the_old_one_has_expired),
        KEEPS(no_header_can_be_smuggled_in),
        KEEPS(what_s3_does_not_take_is_not_sent),
        KEEPS(without_memory_nothing_is_asked),
    };

    return sodium_init() < 0 ? 1 : KEEP_PROMISES(promises);
}
