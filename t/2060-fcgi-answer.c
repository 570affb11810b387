/* An answer's records: true lengths, in order, once, however little the peer takes at a time. */
#include "fcgi/answer.h"

#include "unit.h"

#include <sys/socket.h>

static char content[FCGI_PIECE_MAX_BYTES];
static unsigned char out[FCGI_PIECE_MAX_BYTES + 64 * 1024];

/* Sends a piece to a peer that takes `appetite` bytes whenever the socket is full; returns how many bytes came. */
static size_t send_piece(size_t length, bool last, size_t appetite)
{
    struct fcgi_piece piece = {.id = 0x0102, .bytes = content, .length = length, .last = last};
    int ends[2], small = 4096;
    size_t got = 0;
    enum fcgi_sent sent;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    do {
        ssize_t came;

        sent = fcgi_piece_send(&piece, ends[0]);
        assert_int_not_equal(sent, FCGI_SENT_GONE);
        while ((came = recv(ends[1], out + got, sent == FCGI_SENT_ALL ? sizeof out - got : appetite, 0)) > 0) {
            got += (size_t)came;
            if (sent == FCGI_SENT_PART)
                break;
        }
    } while (sent == FCGI_SENT_PART);
    close(ends[0]);
    close(ends[1]);
    return got;
}

static void records_carry_the_content_and_then_its_end(size_t length, bool last, size_t got)
{
    size_t at = 0, carried = 0;

    while (at < got && carried < length) {
        size_t part = fcgi_record_content(out + at);

        assert_true(part > 0 && carried + part <= length);
        assert_int_equal(out[at], FCGI_RECORD_VERSION);
        assert_int_equal(out[at + 1], FCGI_RECORD_ANSWER);
        assert_int_equal(fcgi_record_id(out + at), 0x0102);
        assert_memory_equal(out + at + FCGI_RECORD_HEADER_BYTES, content + carried, part);
        carried += part;
        at += FCGI_RECORD_HEADER_BYTES + part + fcgi_record_padding(out + at);
    }
    assert_int_equal(carried, length);
    if (last) {
        static const unsigned char end[] = {1, 6, 1, 2, 0, 0, 0, 0, 1, 3, 1, 2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

        assert_true(got - at == sizeof end);
        assert_memory_equal(out + at, end, sizeof end);
        at += sizeof end;
    }
    assert_int_equal(at, got);
}

static void pieces_of_every_kind_arrive_as_they_are(void **state)
{
    static const size_t lengths[] = {0, 1, 0xFFFE, 0xFFFF, 0x10000, 3 * 0xFFFF, sizeof content};
    static const size_t appetites[] = {1, 7, 4096, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < COUNT(lengths); i++)
        for (size_t j = lengths[i] > 3 * 0xFFFF ? 2 : 0; j < COUNT(appetites); j++)
            for (int last = 0; last < 2; last++)
                records_carry_the_content_and_then_its_end(lengths[i], last,
                                                           send_piece(lengths[i], last, appetites[j]));
}

static void a_peer_that_is_gone_is_told_from_one_that_is_slow(void **state)
{
    struct fcgi_piece piece = {.id = 1, .bytes = content, .length = sizeof content, .last = true};
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(fcgi_piece_send(&piece, ends[0]), FCGI_SENT_PART);
    assert_int_equal(fcgi_piece_send(&piece, ends[0]), FCGI_SENT_PART);
    close(ends[1]);
    assert_int_equal(fcgi_piece_send(&piece, ends[0]), FCGI_SENT_GONE);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(pieces_of_every_kind_arrive_as_they_are),
        cmocka_unit_test(a_peer_that_is_gone_is_told_from_one_that_is_slow),
    };

    return KEEP_PROMISES(promises);
}
