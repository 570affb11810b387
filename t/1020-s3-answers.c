/* How requests are sent to S3, and what is done when it does not answer, refuses or is slow. */
#include "s3-server.h"

#include <sodium.h>

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
    };

    return sodium_init() < 0 ? 1 : KEEP_PROMISES(promises);
}
