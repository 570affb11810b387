/* A request's bytes are that request's (P10): on one connection, whatever comes in whatever pieces. */
#include "unit.h"

#include "fcgi-promise.h"

#include <errno.h>

static struct stream stream;
static struct loop loop;
static char body[700 * 1024];

/* What each request of the stream is answered by; tests set it. */
static enum loop_policy policies[16];

static enum loop_policy policy(size_t number)
{
    return policies[number % COUNT(policies)];
}

static int set_up(void **state)
{
    (void)state;
    stream.length = 0;
    memset(policies, 0, sizeof policies);
    /* Every body is full of requests. */
    for (size_t at = 0; at + 64 <= sizeof body; at += 64) {
        struct stream forged = {.length = 0};

        stream_head(&forged, 1, true, false, "/forged");
        memcpy(body + at, forged.bytes, forged.length);
        memset(body + at + forged.length, 0, 64 - forged.length);
    }
    return 0;
}

#define CONNECTION_PROMISE(name) cmocka_unit_test_setup(name, set_up)

static void no_promise_is_broken(size_t fed)
{
    const char *broken = promise_broken(&loop, stream.bytes, fed);

    if (broken != NULL)
        fail_msg("after %zu bytes: %s", fed, broken);
}

static void all_are_answered(size_t wanted)
{
    const char *wrong = promise_answers(&loop, wanted);

    if (wrong != NULL)
        fail_msg("%s (%zu wanted, %zu seen)", wrong, wanted, loop.count);
}

/* Feeds the stream in two pieces, cut at each place. */
static void in_every_split(size_t wanted, size_t stride)
{
    for (size_t cut = 0; cut <= stream.length; cut += stride) {
        loop_open(&loop, policy);
        loop_feed(&loop, stream.bytes, cut);
        no_promise_is_broken(cut);
        loop_feed(&loop, stream.bytes + cut, stream.length - cut);
        no_promise_is_broken(stream.length);
        all_are_answered(wanted);
        loop_close(&loop);
    }
}

static void byte_by_byte(size_t wanted)
{
    loop_open(&loop, policy);
    for (size_t fed = 0; fed < stream.length; fed++) {
        loop_feed(&loop, stream.bytes + fed, 1);
        if (fed % 7 == 0)
            no_promise_is_broken(fed + 1);
    }
    no_promise_is_broken(stream.length);
    all_are_answered(wanted);
    loop_close(&loop);
}

/* Without a body, with one in several padded records, in turns and not, with other ids, and an empty one. */
static void add_requests(void)
{
    stream_head(&stream, 1, true, false, "/first");
    stream_body(&stream, 1, "", 0, 1, 0);
    stream_head(&stream, 1, true, false, "/second");
    stream_body(&stream, 1, body, 300, 100, 5);
    stream_head(&stream, 7, true, true, "/third-in-turns");
    stream_body(&stream, 7, body, 200, 64, 255);
    stream_head(&stream, 0xFFFF, true, true, "/fourth-in-turns-and-empty");
    stream_body(&stream, 0xFFFF, "", 0, 1, 8);
    stream_head(&stream, 2, true, false, "/fifth");
    stream_body(&stream, 2, body, 1, 1, 0);
}

static void pipelined_requests_are_each_their_own_in_every_split(void **state)
{
    (void)state;
    add_requests();
    in_every_split(5, 1);
    byte_by_byte(5);
}

static void so_they_are_when_nobody_reads_their_bodies(void **state)
{
    (void)state;
    add_requests();
    for (size_t i = 0; i < COUNT(policies); i++)
        policies[i] = LOOP_REFUSES;
    in_every_split(5, 1);
    byte_by_byte(5);
}

static void and_when_some_are_read_in_part(void **state)
{
    (void)state;
    add_requests();
    policies[0] = LOOP_PEEPS;
    policies[1] = LOOP_PEEPS;
    policies[2] = LOOP_REFUSES;
    policies[4] = LOOP_PEEPS;
    in_every_split(5, 1);
}

/* Each byte that waits in a socket takes as much of its room as a page. */
static void a_long_head_may_come_byte_by_byte(void **state)
{
    static const char value[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    (void)state;
    stream_begin(&stream, 1, true);
    for (int i = 0; i < 40; i++) {
        char pair[100];
        size_t length = (size_t)snprintf(pair, sizeof pair, "%c%c%s", 4, (char)(sizeof value - 1 - 4), value);

        stream_record(&stream, FCGI_RECORD_PARAMS, 1, pair, length, 0);
    }
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, NULL, 0, 0);
    stream_body(&stream, 1, "x", 1, 1, 0);
    byte_by_byte(1);
}

static void long_bodies_end_beyond_every_block(void **state)
{
    static const size_t lengths[] = {8 << 10, 64 << 10, 128 << 10, 256 << 10};
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++)
        for (int delta = -9; delta <= 9; delta += 3)
            for (int in_turns = 0; in_turns < 2; in_turns++)
                for (int who = LOOP_READS; who < LOOP_POLICIES; who++) {
                    stream.length = 0;
                    policies[0] = (enum loop_policy)who;
                    stream_head(&stream, 1, true, in_turns, "/long");
                    stream_body(&stream, 1, body, (size_t)((int)lengths[i] + delta), 32768, 0);
                    stream_head(&stream, 1, true, false, "/next");
                    stream_body(&stream, 1, "x", 1, 1, 0);
                    loop_open(&loop, policy);
                    loop_feed(&loop, stream.bytes, stream.length);
                    no_promise_is_broken(stream.length);
                    all_are_answered(2);
                    loop_close(&loop);
                }
}

static void a_body_that_is_too_long_to_be_held_is_read_to_its_end_all_the_same(void **state)
{
    (void)state;
    stream_head(&stream, 1, true, false, "/too-long");
    stream_body(&stream, 1, body, sizeof body, 50000, 3);
    stream_head(&stream, 1, true, false, "/next");
    stream_body(&stream, 1, "", 0, 1, 0);
    for (int who = LOOP_READS; who < LOOP_POLICIES; who++) {
        policies[0] = (enum loop_policy)who;
        in_every_split(2, 100003);
    }
}

static void an_answer_does_not_end_before_its_request_where_connections_are_kept(void **state)
{
    (void)state;
    policies[0] = LOOP_REFUSES;
    stream_head(&stream, 1, true, true, "/refused");
    loop_open(&loop, policy);
    loop_feed(&loop, stream.bytes, stream.length);
    assert_int_equal(loop.count, 1);
    assert_int_equal(loop.out_length, 0);
    stream_body(&stream, 1, body, 5000, 1000, 0);
    loop_feed(&loop, stream.bytes + stream.length - 6000, 0);
    loop_close(&loop);
    in_every_split(1, 97);
}

static void where_they_are_not_it_leaves_at_once_and_the_connection_ends(void **state)
{
    size_t head;

    (void)state;
    policies[0] = LOOP_REFUSES;
    stream_head(&stream, 1, false, true, "/refused");
    head = stream.length;
    stream_body(&stream, 1, body, 100000, 30000, 0);
    loop_open(&loop, policy);
    loop_feed(&loop, stream.bytes, head + 1000);
    assert_int_equal(loop.ends, 1);
    assert_int_equal(loop.peer, -1); /* its end was sent */
    loop_close(&loop);
}

/* nginx takes a mere end of the connection for the end of the answer, and a reset for what it is. */
static void a_download_that_is_abandoned_breaks_its_connection_in_every_split(void **state)
{
    struct fcgi_request *requests[1];
    size_t head;
    char byte;

    (void)state;
    stream_head(&stream, 1, false, true, "/files/1");
    head = stream.length;
    stream_body(&stream, 1, "", 0, 1, 0);
    for (size_t cut = 0; cut <= stream.length; cut++) {
        loop_open(&loop, policy);
        /* Accepted at once, when its peer may have sent nothing yet. */
        assert_false(fcgi_connection_wake(LIST_FIRST(&loop.server.all)));
        assert_int_equal(send(loop.peer, stream.bytes, cut, 0), (ssize_t)cut);
        assert_int_equal(fcgi_gather(&loop.server, requests, 1, 0), cut >= head);
        assert_int_equal(send(loop.peer, stream.bytes + cut, stream.length - cut, 0), (ssize_t)(stream.length - cut));
        if (cut < head)
            assert_int_equal(fcgi_gather(&loop.server, requests, 1, 0), 1);
        fcgi_abandon(requests[0], "the answer is cut off");
        if (recv(loop.peer, &byte, sizeof byte, 0) != -1 || errno != ECONNRESET)
            fail_msg("cut after %zu of %zu bytes, the connection just ends", cut, stream.length);
        loop_close(&loop);
    }
}

/* Everything that is no request ends the connection, and what came before it is answered. */
static void the_connection_ends_after(const char *what, size_t answered)
{
    for (int step = 0; step < 2; step++) {
        loop_open(&loop, policy);
        for (size_t fed = 0; fed < stream.length && loop.peer >= 0;) {
            size_t length = step == 0 ? stream.length : 1;

            loop_feed(&loop, stream.bytes + fed, length);
            fed += length;
        }
        no_promise_is_broken(stream.length);
        all_are_answered(answered);
        if (!LIST_EMPTY(&loop.server.all))
            fail_msg("%s: the connection is still open", what);
        loop_close(&loop);
    }
}

static void records_that_are_none_of_a_request_end_the_connection(void **state)
{
    static const unsigned types[] = {0, FCGI_RECORD_ABORT, FCGI_RECORD_END, FCGI_RECORD_ANSWER, 7, 8, 9, 10, 11, 255};
    char what[64];

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++)
        for (int place = 0; place < 4; place++) {
            unsigned id = types[i] == 9 ? 0 : 1;

            stream.length = 0;
            stream_head(&stream, 1, true, false, "/good");
            stream_body(&stream, 1, "good", 4, 4, 0);
            if (place == 1)
                stream_begin(&stream, 1, true);
            if (place >= 2)
                stream_head(&stream, 1, true, place == 3, "/with-a-strange-body");
            if (place >= 2)
                stream_record(&stream, FCGI_RECORD_BODY, 1, "some", 4, 0);
            stream_record(&stream, types[i], id, "12345678", 8, 0);
            stream_record(&stream, FCGI_RECORD_BODY, 1, NULL, 0, 0);
            stream_head(&stream, 1, true, false, "/never");
            snprintf(what, sizeof what, "type %u at place %d", types[i], place);
            the_connection_ends_after(what, 1);
        }
}

static void a_head_whose_parameters_libfcgi_would_lose_ends_the_connection(void **state)
{
    static const char responder[8] = {0, 1, 1};

    (void)state;
    stream_record(&stream, FCGI_RECORD_BEGIN, 1, responder, sizeof responder, 8);
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, "\x04\x01NAMEv", 7, 1);
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, NULL, 0, 0);
    stream_body(&stream, 1, "", 0, 1, 0);
    the_connection_ends_after("a padded beginning", 0);
}

static void a_record_of_another_request_or_version_ends_the_connection(void **state)
{
    (void)state;
    for (int place = 0; place < 3; place++) {
        stream.length = 0;
        stream_head(&stream, 1, true, place == 2, "/good");
        stream_record(&stream, FCGI_RECORD_BODY, place == 0 ? 2 : 1, "some", 4, 0);
        if (place > 0)
            stream.bytes[stream.length - 12] = 2; /* its version */
        stream_record(&stream, FCGI_RECORD_BODY, 1, NULL, 0, 0);
        the_connection_ends_after("another's record", 0);
    }
}

static void a_peer_that_leaves_inside_a_request_gets_no_answer_and_is_no_request(void **state)
{
    (void)state;
    stream_head(&stream, 1, true, false, "/good");
    stream_body(&stream, 1, "good", 4, 4, 0);
    stream_head(&stream, 1, true, false, "/half");
    stream_body(&stream, 1, body, 500, 100, 1);
    for (size_t cut = 0; cut < stream.length; cut++) {
        loop_open(&loop, policy);
        loop_feed(&loop, stream.bytes, cut);
        close(loop.peer);
        loop.peer = -1;
        loop_run(&loop);
        no_promise_is_broken(cut);
        if (!LIST_EMPTY(&loop.server.all))
            fail_msg("left after %zu bytes, and the connection is still open in state %d", cut,
                     (int)LIST_FIRST(&loop.server.all)->state);
        loop_close(&loop);
    }
}

static void what_does_not_come_in_time_ends(void **state)
{
    (void)state;
    stream_head(&stream, 1, true, false, "/half");
    stream_body(&stream, 1, body, 500, 100, 1);
    for (size_t cut = 0; cut < stream.length; cut += 50) {
        loop_open(&loop, policy);
        loop_feed(&loop, stream.bytes, cut);
        for (int second = 0; second < 8; second++) {
            loop_now_us += 1000000;
            /* A byte a second keeps nothing alive. */
            if (loop.peer >= 0 && cut + (size_t)second < stream.length)
                loop_feed(&loop, stream.bytes + cut + second, 1);
            loop_run(&loop);
        }
        assert_true(LIST_EMPTY(&loop.server.all));
        loop_close(&loop);
    }
}

static void nobody_waits_longer_for_the_rest_of_a_refused_body_by_sending_it_slowly(void **state)
{
    size_t fed;

    (void)state;
    policies[0] = LOOP_REFUSES;
    stream_head(&stream, 1, true, true, "/refused");
    fed = stream.length;
    stream_body(&stream, 1, body, 500, 100, 1);
    loop_open(&loop, policy);
    loop_feed(&loop, stream.bytes, fed);
    for (int second = 0; second < 8; second++) {
        loop_now_us += 1000000;
        loop_feed(&loop, stream.bytes + fed + second, 1);
        loop_run(&loop);
    }
    assert_true(LIST_EMPTY(&loop.server.all));
    assert_int_equal(loop.ends, 0);
    loop_close(&loop);
}

static void a_connection_that_a_child_still_has_open_is_gone_for_the_loop(void **state)
{
    struct epoll_event event;
    int copy;

    (void)state;
    loop_open(&loop, policy);
    copy = dup(LIST_FIRST(&loop.server.all)->fd);
    fcgi_abandon(LIST_FIRST(&loop.server.all), "the test closes it");
    assert_int_equal(send(loop.peer, "x", 1, 0), 1);
    assert_int_equal(epoll_wait(loop.server.epoll_fd, &event, 1, 0), 0);
    close(copy);
    loop_close(&loop);
}

static void an_idle_connection_stays_and_is_used_again(void **state)
{
    (void)state;
    loop_open(&loop, policy);
    for (size_t i = 0; i < 3; i++) {
        stream.length = 0;
        stream_head(&stream, 1, true, false, "/again");
        stream_body(&stream, 1, "", 0, 1, 0);
        loop_feed(&loop, stream.bytes, stream.length);
        loop_now_us += 3600 * INT64_C(1000000);
        loop_run(&loop);
        assert_int_equal(loop.ends, i + 1);
    }
    loop_close(&loop);
}

/* A further connection with a request on it, which is in hand then. */
static struct fcgi_request *another(int *peer)
{
    struct stream one = {.length = 0};
    struct fcgi_request *requests[1];
    int ends[2];

    stream_head(&one, 1, true, false, "/one");
    stream_body(&one, 1, "", 0, 1, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_non_null(fcgi_connection_new(&loop.server, ends[0]));
    assert_int_equal(send(ends[1], one.bytes, one.length, 0), one.length);
    assert_int_equal(fcgi_gather(&loop.server, requests, 1, 0), 1);
    *peer = ends[1];
    return requests[0];
}

/* libfcgi reads 8 KiB at a time and stops at the last header, so this padding would be taken for a beginning of the next head. */
static void a_head_that_ends_with_padding_costs_nobody_else_his_request(void **state)
{
    static char pair[9 + 8000] = "\x04\x80\x00\x1f\x40NAME";
    int peer;

    (void)state;
    stream_begin(&stream, 1, true);
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, pair, sizeof pair, 0);
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, NULL, 0, 255);
    loop_open(&loop, policy);
    loop_feed(&loop, stream.bytes, stream.length);
    fcgi_abandon(another(&peer), "the test is over");
    close(peer);
    assert_true(LIST_EMPTY(&loop.server.all));
    loop_close(&loop);
}

enum { CROWD = 8, MOST = 4, ROUNDS = 20 };

/* In each round so many are gathered; those who sleep do so again, the others are always ready. */
static void everybody_has_turns(size_t sleepers)
{
    size_t turns[CROWD] = {0};
    struct fcgi_request *crowd[CROWD], *gathered[MOST];
    int peers[CROWD];

    loop_open(&loop, policy);
    for (size_t i = 0; i < CROWD; i++)
        crowd[i] = another(&peers[i]);
    for (size_t i = 0; i < CROWD; i++)
        if (i < sleepers)
            fcgi_wait_ms(crowd[i], 1, &turns[i]);
        else
            fcgi_wait(crowd[i], FCGI_WAIT_ROOM, &turns[i]);
    for (int round = 0; round < ROUNDS; round++) {
        size_t count;

        loop_now_us += 10000;
        count = fcgi_gather(&loop.server, gathered, MOST, 0);
        for (size_t i = 0; i < count; i++) {
            size_t *turn = fcgi_context(gathered[i]);

            ++*turn;
            if (turn < turns + sleepers)
                fcgi_wait_ms(gathered[i], 1, turn);
            else
                fcgi_wait(gathered[i], FCGI_WAIT_ROOM, turn);
        }
    }
    for (size_t i = 0; i < CROWD; i++) {
        if (turns[i] < ROUNDS * MOST / CROWD / 4)
            fail_msg("%zu of %d sleep: number %zu has had %zu turns", sleepers, CROWD, i, turns[i]);
        close(peers[i]);
    }
    loop_close(&loop);
}

static void who_sleeps_and_who_is_ready_have_turns_alike(void **state)
{
    (void)state;
    for (size_t sleepers = 0; sleepers <= CROWD; sleepers++)
        everybody_has_turns(sleepers);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        CONNECTION_PROMISE(pipelined_requests_are_each_their_own_in_every_split),
        CONNECTION_PROMISE(so_they_are_when_nobody_reads_their_bodies),
        CONNECTION_PROMISE(and_when_some_are_read_in_part),
        CONNECTION_PROMISE(a_long_head_may_come_byte_by_byte),
        CONNECTION_PROMISE(long_bodies_end_beyond_every_block),
        CONNECTION_PROMISE(a_body_that_is_too_long_to_be_held_is_read_to_its_end_all_the_same),
        CONNECTION_PROMISE(an_answer_does_not_end_before_its_request_where_connections_are_kept),
        CONNECTION_PROMISE(where_they_are_not_it_leaves_at_once_and_the_connection_ends),
        CONNECTION_PROMISE(a_download_that_is_abandoned_breaks_its_connection_in_every_split),
        CONNECTION_PROMISE(records_that_are_none_of_a_request_end_the_connection),
        CONNECTION_PROMISE(a_head_whose_parameters_libfcgi_would_lose_ends_the_connection),
        CONNECTION_PROMISE(a_record_of_another_request_or_version_ends_the_connection),
        CONNECTION_PROMISE(a_peer_that_leaves_inside_a_request_gets_no_answer_and_is_no_request),
        CONNECTION_PROMISE(what_does_not_come_in_time_ends),
        CONNECTION_PROMISE(nobody_waits_longer_for_the_rest_of_a_refused_body_by_sending_it_slowly),
        CONNECTION_PROMISE(a_connection_that_a_child_still_has_open_is_gone_for_the_loop),
        CONNECTION_PROMISE(an_idle_connection_stays_and_is_used_again),
        CONNECTION_PROMISE(a_head_that_ends_with_padding_costs_nobody_else_his_request),
        CONNECTION_PROMISE(who_sleeps_and_who_is_ready_have_turns_alike),
    };

    return KEEP_PROMISES(promises);
}
