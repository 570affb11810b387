/* What ends a connection: bytes that are no request, a peer that leaves or is silent, an answer that is abandoned. */
#include "fcgi-connection.h"

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

int main(void)
{
    const struct CMUnitTest promises[] = {
        CONNECTION_PROMISE(a_download_that_is_abandoned_breaks_its_connection_in_every_split),
        CONNECTION_PROMISE(records_that_are_none_of_a_request_end_the_connection),
        CONNECTION_PROMISE(a_head_whose_parameters_libfcgi_would_lose_ends_the_connection),
        CONNECTION_PROMISE(a_record_of_another_request_or_version_ends_the_connection),
        CONNECTION_PROMISE(a_peer_that_leaves_inside_a_request_gets_no_answer_and_is_no_request),
        CONNECTION_PROMISE(what_does_not_come_in_time_ends),
        CONNECTION_PROMISE(nobody_waits_longer_for_the_rest_of_a_refused_body_by_sending_it_slowly),
        CONNECTION_PROMISE(a_connection_that_a_child_still_has_open_is_gone_for_the_loop),
    };

    return KEEP_PROMISES(promises);
}
