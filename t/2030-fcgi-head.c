/* What is let through to libfcgi: a whole head of one request whose lengths are true, and nothing else. */
#include "fcgi/head.h"

#include "unit.h"

enum { BEGIN_REQUEST = 1, PARAMS = 4, STDIN = 5, GET_VALUES = 9, ID = 1 };

/* Records as they are put together; each test starts with an empty one. */
struct stream {
    unsigned char bytes[2 * FCGI_HEAD_MAX_BYTES];
    size_t length;
};

static struct stream stream;

static int empty_stream(void **state)
{
    *state = &stream;
    stream.length = 0;
    return 0;
}

static void add_record(unsigned char type, unsigned id, const void *content, size_t length, unsigned char padding)
{
    const unsigned char header[] = {
        1,       type, (unsigned char)(id >> 8), (unsigned char)id, (unsigned char)(length >> 8), (unsigned char)length,
        padding, 0};

    assert_true(length <= 0xFFFF && stream.length + sizeof header + length + padding <= sizeof stream.bytes);
    memcpy(stream.bytes + stream.length, header, sizeof header);
    stream.length += sizeof header;
    if (length > 0)
        memcpy(stream.bytes + stream.length, content, length);
    stream.length += length;
    memset(stream.bytes + stream.length, 0, padding);
    stream.length += padding;
}

static void add_begin(void)
{
    static const unsigned char responder_keep[8] = {0, 1, 1};

    add_record(BEGIN_REQUEST, ID, responder_keep, sizeof responder_keep, 0);
}

static void add_params(const char *pairs, size_t length)
{
    add_record(PARAMS, ID, pairs, length, (unsigned char)(-length & 7));
}

#define PAIRS                                                                                                          \
    "\x0E\x03REQUEST_METHODGET\x0C\x09"                                                                                \
    "DOCUMENT_URI/sessions\x04\x00QUIT"

static void add_head(void)
{
    add_begin();
    add_params(PAIRS, sizeof PAIRS - 1);
    add_record(PARAMS, ID, NULL, 0, 0);
}

static enum fcgi_head check_first(size_t length)
{
    unsigned char *exact = unit_exact(stream.bytes, length);
    struct fcgi_head_facts facts;
    enum fcgi_head head = fcgi_head_check(exact, length, &facts);

    free(exact);
    return head;
}

static enum fcgi_head check(void)
{
    return check_first(stream.length);
}

static void a_head_is_partial_up_to_its_last_byte(void **state)
{
    (void)state;
    add_head();
    for (size_t length = 0; length < stream.length; length++)
        if (check_first(length) != FCGI_HEAD_PARTIAL)
            fail_msg("after %zu bytes", length);
    assert_int_equal(check(), FCGI_HEAD_COMPLETE);
}

static void what_follows_a_head_does_not_matter(void **state)
{
    (void)state;
    add_head();
    add_record(STDIN, ID, "body", 4, 4);
    assert_int_equal(check(), FCGI_HEAD_COMPLETE);
    add_record(GET_VALUES, 0, "?", 1, 0);
    assert_int_equal(check(), FCGI_HEAD_COMPLETE);
}

static void parameters_may_come_in_several_records_and_padded(void **state)
{
    (void)state;
    add_begin();
    for (unsigned char padding = 0; padding < 255; padding++)
        add_record(PARAMS, ID,
                   "\x01\x01"
                   "ab",
                   4, padding);
    add_record(PARAMS, ID, NULL, 0, 0);
    for (size_t length = stream.length - 300; length < stream.length; length++)
        assert_int_equal(check_first(length), FCGI_HEAD_PARTIAL);
    assert_int_equal(check(), FCGI_HEAD_COMPLETE);
}

static void but_not_the_last_record(void **state)
{
    (void)state;
    add_begin();
    add_record(PARAMS, ID, NULL, 0, 1);
    assert_int_equal(check(), FCGI_HEAD_BAD);
}

static void a_head_without_parameters_is_complete(void **state)
{
    (void)state;
    add_begin();
    add_record(PARAMS, ID, NULL, 0, 0);
    assert_int_equal(check(), FCGI_HEAD_COMPLETE);
}

static void a_head_begins_with_begin_request_and_goes_on_with_parameters(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        stream.length = 0;
        add_begin();
        stream.bytes[1] = (unsigned char)type;
        assert_int_equal(check(), type == BEGIN_REQUEST ? FCGI_HEAD_PARTIAL : FCGI_HEAD_BAD);
        stream.length = 0;
        add_begin();
        add_record((unsigned char)type, ID,
                   "\x01\x01"
                   "ab",
                   4, 0);
        assert_int_equal(check(), type == PARAMS ? FCGI_HEAD_PARTIAL : FCGI_HEAD_BAD);
    }
}

/* The record that smashes libfcgi's stack: bad before its content has come. */
static void get_values_never_gets_through(void **state)
{
    static const char values[] = "\x0F\x00"
                                 "FCGI_MPXS_CONNS\x0F\x00"
                                 "FCGI_MPXS_CONNS\x0F\x00"
                                 "FCGI_MPXS_CONNS";

    (void)state;
    add_record(GET_VALUES, 0, values, sizeof values - 1, 0);
    for (size_t length = 8; length <= stream.length; length++)
        assert_int_equal(check_first(length), FCGI_HEAD_BAD);
    stream.length = 0;
    add_begin();
    add_record(GET_VALUES, 0, values, sizeof values - 1, 0);
    assert_int_equal(check(), FCGI_HEAD_BAD);
    stream.length = 0;
    add_begin();
    add_params(PAIRS, sizeof PAIRS - 1);
    add_record(GET_VALUES, 0, values, sizeof values - 1, 0);
    assert_int_equal(check(), FCGI_HEAD_BAD);
}

static void there_is_one_version(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 256; version++) {
        stream.length = 0;
        add_head();
        stream.bytes[0] = (unsigned char)version;
        assert_int_equal(check(), version == 1 ? FCGI_HEAD_COMPLETE : FCGI_HEAD_BAD);
    }
}

static void all_records_belong_to_one_request_that_is_not_0(void **state)
{
    (void)state;
    add_head();
    stream.bytes[3] = 0;
    assert_int_equal(check(), FCGI_HEAD_BAD);
    stream.length = 0;
    add_begin();
    add_record(PARAMS, 0, NULL, 0, 0);
    assert_int_equal(check(), FCGI_HEAD_BAD);
    stream.length = 0;
    add_begin();
    add_record(PARAMS, ID + 1, NULL, 0, 0);
    assert_int_equal(check(), FCGI_HEAD_BAD);
    stream.length = 0;
    add_begin();
    add_record(PARAMS, ID | 0x100, NULL, 0, 0);
    assert_int_equal(check(), FCGI_HEAD_BAD);
    stream.length = 0;
    add_head();
    for (size_t at = 2; at < stream.length;) {
        size_t whole = 8u + stream.bytes[at + 3] + stream.bytes[at + 4];

        stream.bytes[at] = 0xFF;
        at += whole;
    }
    assert_int_equal(check(), FCGI_HEAD_COMPLETE);
}

static void the_body_of_begin_request_has_8_bytes(void **state)
{
    static const unsigned char body[300] = {0, 1};

    (void)state;
    for (size_t length = 0; length < sizeof body; length++) {
        stream.length = 0;
        add_record(BEGIN_REQUEST, ID, body, length, 0);
        add_record(PARAMS, ID, NULL, 0, 0);
        assert_int_equal(check(), length == 8 ? FCGI_HEAD_COMPLETE : FCGI_HEAD_BAD);
    }
}

static void lengths_of_pairs_must_be_true(void **state)
{
#define PAIR(text)                                                                                                     \
    {                                                                                                                  \
        text, sizeof text - 1                                                                                          \
    }
    static const struct {
        const char *bytes;
        size_t length;
    } truths[] =
        {
            PAIR("\x01\x01"
                 "ab"),
            PAIR("\x00\x00"),
            PAIR("\x00\x00\x00\x00"),
            PAIR("\x01\x00"
                 "a\x00\x01"
                 "b"),
            PAIR("\x80\x00\x00\x01\x01"
                 "ab"),
            PAIR("\x01\x80\x00\x00\x01"
                 "ab"),
            PAIR("\x80\x00\x00\x01\x80\x00\x00\x01"
                 "ab"),
        },
      lies[] = {
          PAIR("\x01"),
          PAIR("\x01\x01"),
          PAIR("\x01\x01"
               "a"),
          PAIR("\x01\x01"
               "abc"),
          PAIR("\x02\x01"
               "ab"),
          PAIR("\x01\x01"
               "ab\x01"),
          PAIR("\x7F\x7F"
               "ab"),
          PAIR("\x80"),
          PAIR("\x80\x00\x00"),
          PAIR("\x80\x00\x00\x01"),
          PAIR("\x80\x00\x00\x01\x80\x00\x00"),
          PAIR("\x80\x00\x00\x02\x01"
               "ab"),
          PAIR("\xFF\xFF\xFF\xFF\x01"
               "ab"),
          PAIR("\x01\xFF\xFF\xFF\xFF"
               "ab"),
          PAIR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
               "ab"), /* overflows an int that adds them up */
          PAIR("\xC0\x00\x00\x00\xC0\x00\x00\x00"
               "ab"),
      };
#undef PAIR

    (void)state;
    for (size_t i = 0; i < COUNT(truths); i++) {
        stream.length = 0;
        add_begin();
        add_params(truths[i].bytes, truths[i].length);
        add_record(PARAMS, ID, NULL, 0, 0);
        if (check() != FCGI_HEAD_COMPLETE)
            fail_msg("truth %zu", i);
    }
    for (size_t i = 0; i < COUNT(lies); i++) {
        stream.length = 0;
        add_begin();
        add_params(lies[i].bytes, lies[i].length);
        add_record(PARAMS, ID, NULL, 0, 0);
        if (check() != FCGI_HEAD_BAD)
            fail_msg("lie %zu", i);
    }
}

static void a_large_record_may_not_lie_either(void **state)
{
    static char pairs[FCGI_HEAD_MAX_BYTES];
    static const size_t sizes[] = {100, 0x7FFF, 0xFEFE, 0xFEFF, 0xFF00, FCGI_HEAD_MAX_BYTES - 16 - 8 - 8};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t value = sizes[i] - 6;

        memset(pairs, 'x', sizeof pairs);
        memcpy(pairs, "\x01\x80", 2);
        pairs[2] = 0;
        pairs[3] = (char)(value >> 8);
        pairs[4] = (char)value;
        pairs[1] = (char)0x80;
        stream.length = 0;
        add_begin();
        add_record(PARAMS, ID, pairs, sizes[i], 0);
        add_record(PARAMS, ID, NULL, 0, 0);
        assert_int_equal(check(), FCGI_HEAD_COMPLETE);
        stream.bytes[16 + 8 + 1] = 0xFF;
        assert_int_equal(check(), FCGI_HEAD_BAD);
    }
}

static void a_head_that_is_too_long_is_bad_and_not_forever_partial(void **state)
{
    struct fcgi_head_facts facts;

    (void)state;
    add_begin();
    while (stream.length <= FCGI_HEAD_MAX_BYTES)
        add_params("\x01\x01"
                   "ab",
                   4);
    for (size_t length = 0; length <= stream.length; length += 16)
        assert_int_equal(fcgi_head_check(stream.bytes, length, &facts),
                         length < FCGI_HEAD_MAX_BYTES ? FCGI_HEAD_PARTIAL : FCGI_HEAD_BAD);
}

static void a_record_that_will_be_too_long_is_bad_at_once(void **state)
{
    static const char content[0xFFFF];

    (void)state;
    add_begin();
    add_record(PARAMS, ID, content, sizeof content, 0);
    assert_int_equal(check_first(16 + 8), FCGI_HEAD_BAD);
    stream.length = 16 + 8;
    assert_int_equal(check(), FCGI_HEAD_BAD);
}

/* More bytes may end the waiting, but never change the answer. */
static void assert_steady(void)
{
    enum fcgi_head before = FCGI_HEAD_PARTIAL;

    for (size_t length = 0; length <= stream.length; length++) {
        enum fcgi_head now = check_first(length);

        if (before != FCGI_HEAD_PARTIAL && now != before)
            fail_msg("changed its mind after %zu bytes", length);
        before = now;
    }
}

static void random_bytes_never_crash(void **state)
{
    uint64_t seed = 2030;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        stream.length = unit_random(&seed) % 200;
        for (size_t i = 0; i < stream.length; i++)
            stream.bytes[i] = (unsigned char)unit_random(&seed);
        check();
    }
}

static void random_changes_of_a_head_never_crash_and_never_waver(void **state)
{
    uint64_t seed = 2031;
    size_t complete = 0;

    (void)state;
    for (int round = 0; round < 5000; round++) {
        stream.length = 0;
        add_head();
        add_record(STDIN, ID, "body", 4, 4);
        for (uint32_t changes = 1 + unit_random(&seed) % 3; changes > 0; changes--) {
            size_t at = unit_random(&seed) % stream.length;

            if (unit_random(&seed) % 2 == 0)
                stream.bytes[at] = (unsigned char)unit_random(&seed);
            else
                stream.bytes[at] ^= (unsigned char)(1u << unit_random(&seed) % 8);
        }
        assert_steady();
        complete += check() == FCGI_HEAD_COMPLETE;
    }
    assert_in_range(complete, 500, 4500); /* else the changes test nothing */
}

int main(void)
{
#define STREAM(name) cmocka_unit_test_setup(name, empty_stream)
    const struct CMUnitTest promises[] = {
        STREAM(a_head_is_partial_up_to_its_last_byte),
        STREAM(what_follows_a_head_does_not_matter),
        STREAM(parameters_may_come_in_several_records_and_padded),
        STREAM(but_not_the_last_record),
        STREAM(a_head_without_parameters_is_complete),
        STREAM(a_head_begins_with_begin_request_and_goes_on_with_parameters),
        STREAM(get_values_never_gets_through),
        STREAM(there_is_one_version),
        STREAM(all_records_belong_to_one_request_that_is_not_0),
        STREAM(the_body_of_begin_request_has_8_bytes),
        STREAM(lengths_of_pairs_must_be_true),
        STREAM(a_large_record_may_not_lie_either),
        STREAM(a_head_that_is_too_long_is_bad_and_not_forever_partial),
        STREAM(a_record_that_will_be_too_long_is_bad_at_once),
        STREAM(random_bytes_never_crash),
        STREAM(random_changes_of_a_head_never_crash_and_never_waver),
    };

    return KEEP_PROMISES(promises);
}
