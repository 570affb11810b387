/* Ranges: a part is exactly what was asked for and is there; whatever is unclear is answered with the whole. */
#include "http/date.h"
#include "http/etag.h"
#include "http/range.h"

#include "corpus.h"

enum { SIZE = 1000 };

/* Of a file of 1000 bytes. */
static bool parse_range(struct unit *unit, const char *text, size_t length, const char **out)
{
    const char *header = arena_strndup(&unit->arena, text, length);
    char content[RANGE_TEXT_BYTES];
    struct range range;

    if (header == NULL)
        return false;
    switch (range_read(header, SIZE, &range)) {
    case RANGE_WHOLE:
        *out = "whole";
        break;
    case RANGE_OUTSIDE:
        *out = "outside";
        break;
    case RANGE_PART:
        assert_true(range.offset >= 0 && range.length > 0 && range.length <= SIZE - range.offset);
        range_format(&range, SIZE, content);
        *out = arena_strdup(&unit->arena, content);
        return *out != NULL;
    }
    assert_true(range.offset == 0 && range.length == 0);
    return true;
}

static const struct parser parsers[] = {{"range", parse_range, false, "bytes=-, 019\t"}};

static void every_small_range_of_every_small_size_is_right(void **state)
{
    char header[32];

    (void)state;
    for (int64_t size = 0; size < 7; size++)
        for (int64_t first = 0; first < 9; first++) {
            struct range range;
            enum range_answer answer;

            for (int64_t last = 0; last < 9; last++) {
                snprintf(header, sizeof header, "bytes=%d-%d", (int)first, (int)last);
                answer = range_read(header, size, &range);
                assert_int_equal(answer, last < first || size == 0 ? RANGE_WHOLE
                                         : first < size            ? RANGE_PART
                                                                   : RANGE_OUTSIDE);
                if (answer == RANGE_PART) {
                    assert_int_equal(range.offset, first);
                    assert_int_equal(range.offset + range.length - 1, last < size ? last : size - 1);
                }
            }
            snprintf(header, sizeof header, "bytes=%d-", (int)first);
            answer = range_read(header, size, &range);
            assert_int_equal(answer, size == 0 ? RANGE_WHOLE : first < size ? RANGE_PART : RANGE_OUTSIDE);
            if (answer == RANGE_PART)
                assert_true(range.offset == first && range.length == size - first);
            snprintf(header, sizeof header, "bytes=-%d", (int)first);
            answer = range_read(header, size, &range);
            assert_int_equal(answer, size == 0 ? RANGE_WHOLE : first == 0 ? RANGE_OUTSIDE : RANGE_PART);
            if (answer == RANGE_PART) {
                assert_int_equal(range.length, first < size ? first : size);
                assert_int_equal(range.offset + range.length, size);
            }
        }
}

static void the_largest_file_can_be_asked_for(void **state)
{
    char text[RANGE_TEXT_BYTES];
    struct range range;

    (void)state;
    assert_int_equal(range_read("bytes=0-9223372036854775807", INT64_MAX, &range), RANGE_PART);
    assert_true(range.offset == 0 && range.length == INT64_MAX);
    assert_int_equal(range_read("bytes=9223372036854775806-", INT64_MAX, &range), RANGE_PART);
    assert_true(range.offset == INT64_MAX - 1 && range.length == 1);
    range_format(&range, INT64_MAX, text);
    assert_string_equal(text, "bytes 9223372036854775806-9223372036854775806/9223372036854775807");
    assert_int_equal(strlen(text), RANGE_TEXT_BYTES - 1);
    assert_int_equal(range_read("bytes=-99999999999999999999999", INT64_MAX, &range), RANGE_PART);
    assert_true(range.offset == 0 && range.length == INT64_MAX);
    assert_int_equal(range_read("bytes=9223372036854775807-", INT64_MAX, &range), RANGE_OUTSIDE);
    range_format_outside(INT64_MAX, text);
    assert_string_equal(text, "bytes */9223372036854775807");
}

static void a_range_applies_to_the_very_representation_it_was_made_for(void **state)
{
    static const struct {
        const char *if_range, *tag;
        bool applies;
    } cases[] = {
        {"", "\"5\"", true},
        {"\"5\"", "\"5\"", true},
        {" \"5\"\t", "\"5\"", true},
        {"\"55\"", "\"5\"", false},
        {"\"5", "\"5\"", false},
        {"5", "\"5\"", false},
        {"\"5\"x", "\"5\"", false},
        {"\"5\", \"6\"", "\"5\"", false},
        {"*", "\"5\"", false},
        {"W/\"5\"", "\"5\"", false},
        {"W/\"5\"", "W/\"5\"", false},
        {"\"5\"", "W/\"5\"", false},
        {"Sun, 06 Nov 1994 08:49:37 GMT", "\"5\"", false},
    };
    char tag[ETAG_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (range_applies(cases[i].if_range, cases[i].tag) != cases[i].applies)
            fail_msg("%s of %s", cases[i].if_range, cases[i].tag);
    etag_format(7, tag);
    assert_true(range_applies(tag, tag));
}

static void a_date_is_written_as_http_writes_it(void **state)
{
    static const struct {
        int64_t time_ms;
        const char *text;
    } cases[] = {
        {784111777000, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {784111777999, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
        {1709210096000, "Thu, 29 Feb 2024 12:34:56 GMT"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT"},
    };
    char text[DATE_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        date_format(cases[i].time_ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    promise_samples(parsers, COUNT(parsers));
    ALSO(every_small_range_of_every_small_size_is_right);
    ALSO(the_largest_file_can_be_asked_for);
    ALSO(a_range_applies_to_the_very_representation_it_was_made_for);
    ALSO(a_date_is_written_as_http_writes_it);
    return KEEP_PROMISES(promises);
}
