/* Each way in which a connection ends, and the reason that the log has for it (event fastcgi_closed). */
#include "unit.h"

#include "fcgi-loop.h"
#include "fcgi-stream.h"

static struct stream stream;
static struct loop loop;
static enum loop_policy answers_by;

static enum loop_policy policy(size_t number)
{
    (void)number;
    return answers_by;
}

static void feed(void)
{
    loop_feed(&loop, stream.bytes, stream.length);
}

static void peer_closes(void)
{
    close(loop.peer);
    loop.peer = -1;
    loop_run(&loop);
}

static void seconds_pass(int seconds)
{
    for (; seconds > 0; seconds--) {
        loop_now_us += 1000000;
        loop_run(&loop);
    }
}

static struct fcgi_request *connection(void)
{
    return LIST_FIRST(&loop.server.all);
}

static void a_kept_one_is_closed(void)
{
    stream_head(&stream, 1, true, false, "/");
    stream_body(&stream, 1, "", 0, 1, 0);
    feed();
    peer_closes();
}

static void half_a_head(void)
{
    stream_head(&stream, 1, true, false, "/");
    stream.length /= 2;
    feed();
    peer_closes();
}

static void half_a_body(void)
{
    stream_head(&stream, 1, true, false, "/");
    stream_record(&stream, FCGI_RECORD_BODY, 1, "half", 4, 0);
    feed();
    peer_closes();
}

static void garbage(void)
{
    memset(stream.bytes, 'x', stream.length = 100);
    feed();
}

static void a_strange_record_in_a_body(void)
{
    stream_head(&stream, 1, true, false, "/");
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, "", 0, 0);
    feed();
}

static void a_strange_record_in_a_body_that_nobody_reads(void)
{
    answers_by = LOOP_REFUSES;
    stream_head(&stream, 1, true, true, "/");
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, "", 0, 0);
    feed();
}

static void a_head_that_does_not_come(void)
{
    stream_head(&stream, 1, true, false, "/");
    stream.length /= 2;
    feed();
    seconds_pass(8);
}

static void a_refused_body_that_does_not_end(void)
{
    answers_by = LOOP_REFUSES;
    stream_head(&stream, 1, true, true, "/");
    feed();
    stream.length = 0;
    stream_record(&stream, FCGI_RECORD_BODY, 1, "12345678", 8, 0);
    for (size_t i = 0; i < stream.length && loop.peer >= 0; i++) {
        loop_feed(&loop, stream.bytes + i, 1);
        seconds_pass(1);
    }
}

static void answered_and_not_kept(void)
{
    stream_head(&stream, 1, false, false, "/");
    stream_body(&stream, 1, "", 0, 1, 0);
    feed();
}

static void refuse_in_the_middle(void)
{
    answers_by = LOOP_REFUSES;
    stream_head(&stream, 1, false, true, "/");
    stream_record(&stream, FCGI_RECORD_BODY, 1, "half", 4, 0);
    assert_int_equal(send(loop.peer, stream.bytes, stream.length, 0), (ssize_t)stream.length);
    /* Not loop_run, which closes the peer's end when it sees the answer's. */
    for (int i = 0; i < 2; i++) {
        struct fcgi_request *request;

        if (fcgi_gather(&loop.server, &request, 1, 0) > 0)
            loop_serve(&loop, request);
    }
    assert_int_equal(connection()->state, FCGI_LINGERING);
}

static void the_answer_is_seen(void)
{
    refuse_in_the_middle();
    peer_closes();
}

static void the_answer_is_not_seen(void)
{
    struct fcgi_request *request;

    refuse_in_the_middle();
    for (int second = 0; second < 8; second++) {
        loop_now_us += 1000000;
        assert_int_equal(fcgi_gather(&loop.server, &request, 1, 0), 0);
    }
}

static void the_worker_lets_go(void)
{
    struct fcgi_request *request;

    stream_head(&stream, 1, true, false, "/");
    stream_body(&stream, 1, "", 0, 1, 0);
    feed();
    fcgi_server_let_go(&loop.server, 0);
    assert_int_equal(fcgi_gather(&loop.server, &request, 1, 0), 0);
}

static struct fcgi_request *in_hand(bool in_turns)
{
    struct fcgi_request *request;

    stream_head(&stream, 1, true, in_turns, "/");
    stream_record(&stream, FCGI_RECORD_BODY, 1, "", 0, 0);
    assert_int_equal(send(loop.peer, stream.bytes, stream.length, 0), (ssize_t)stream.length);
    assert_int_equal(fcgi_gather(&loop.server, &request, 1, 0), 1);
    return request;
}

static void its_owner_abandons_it(void)
{
    fcgi_abandon(in_hand(false), "its owner's reason");
}

static const struct {
    const char *reason;
    const char *level;
    void (*happens)(void);
} ways[] = {
    {"the peer has gone", "debug", a_kept_one_is_closed},
    {"the peer has gone inside a request", "warn", half_a_head},
    {"the peer has gone inside a request", "warn", half_a_body},
    {"this is not the head of a request", "warn", garbage},
    {"this is not the body of a request", "warn", a_strange_record_in_a_body},
    {"this is not the body of a request", "warn", a_strange_record_in_a_body_that_nobody_reads},
    {"the request does not come in time", "warn", a_head_that_does_not_come},
    {"the body does not end in time", "warn", a_refused_body_that_does_not_end},
    {"the answer is sent", "debug", answered_and_not_kept},
    {"the answer is sent", "debug", the_answer_is_seen},
    {"the rest of a body does not come in time", "debug", the_answer_is_not_seen},
    {"this worker ends", "debug", the_worker_lets_go},
    {"its owner's reason", "debug", its_owner_abandons_it},
};

/* What standard error gets while it happens. */
static size_t logged(void (*happens)(void), char *text, size_t size)
{
    int file = memfd_create("log", MFD_CLOEXEC), standard_error = dup(STDERR_FILENO);
    ssize_t length;

    assert_true(file >= 0 && standard_error >= 0);
    loop_open(&loop, policy);
    loop.log.level = LOG_DEBUG;
    dup2(file, STDERR_FILENO);
    happens();
    dup2(standard_error, STDERR_FILENO);
    loop.log.level = LOG_ERROR;
    length = pread(file, text, size - 1, 0);
    close(file);
    close(standard_error);
    return length > 0 ? (size_t)length : 0;
}

static void each_end_has_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        char text[4096], wanted[256], *line;

        stream.length = 0;
        answers_by = LOOP_READS;
        text[logged(ways[i].happens, text, sizeof text)] = '\0';
        if (connection() != NULL)
            fail_msg("%zu, %s: the connection is still open", i, ways[i].reason);
        line = strstr(text, "\"level\"");
        snprintf(wanted, sizeof wanted,
                 "\"level\":\"%s\",\"event\":\"fastcgi_closed\",\"worker\":\"test\",\"reason\":\"%s\"}\n",
                 ways[i].level, ways[i].reason);
        if (line == NULL || strcmp(line, wanted) != 0)
            fail_msg("%zu: wanted %s, got %s", i, wanted, text);
        loop_close(&loop);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {cmocka_unit_test(each_end_has_its_reason)};

    return KEEP_PROMISES(promises);
}
