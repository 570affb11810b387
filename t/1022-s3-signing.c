/* The clock and the key with which requests to S3 are signed, and what is never sent. */
#include "s3-server.h"

#include <sodium.h>

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

int main(void)
{
    const struct CMUnitTest promises[] = {
        KEEPS(our_clock_may_be_wrong),
        KEEPS(a_clock_that_is_days_off_is_not_followed),
        KEEPS(a_new_key_is_found_when_the_old_one_has_expired),
        KEEPS(no_header_can_be_smuggled_in),
        KEEPS(what_s3_does_not_take_is_not_sent),
        KEEPS(without_memory_nothing_is_asked),
    };

    return sodium_init() < 0 ? 1 : KEEP_PROMISES(promises);
}
