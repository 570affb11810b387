/* What is taken of S3's answers, when they are nonsense, too long, or of another part than was asked for. */
#include "s3-server.h"

#include <sodium.h>

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

int main(void)
{
    const struct CMUnitTest promises[] = {
        KEEPS(an_error_may_come_with_200),          KEEPS(nonsense_is_refused),
        KEEPS(no_answer_is_too_long_for_us),        KEEPS(another_part_than_asked_for_is_not_taken),
        KEEPS(one_byte_is_asked_for_with_the_next), KEEPS(a_part_is_known_by_its_tag_however_it_is_written),
        KEEPS(a_part_that_can_not_be_is_not_taken), KEEPS(what_a_storage_does_without_is_told_as_that),
        KEEPS(a_field_may_go_over_several_lines),
    };

    return sodium_init() < 0 ? 1 : KEEP_PROMISES(promises);
}
