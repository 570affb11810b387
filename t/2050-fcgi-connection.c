/* A request's bytes are that request's (P10): on one connection, whatever comes in whatever pieces. */
#include "fcgi-connection.h"

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
        CONNECTION_PROMISE(an_idle_connection_stays_and_is_used_again),
        CONNECTION_PROMISE(a_head_that_ends_with_padding_costs_nobody_else_his_request),
        CONNECTION_PROMISE(who_sleeps_and_who_is_ready_have_turns_alike),
    };

    return KEEP_PROMISES(promises);
}
