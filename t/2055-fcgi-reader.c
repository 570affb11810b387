/* A connection's bytes, in order, each taken once. */
#include "fcgi/reader.h"

#include "unit.h"

#include <sys/socket.h>

static struct fcgi_window window;

/* Takes at most `appetite` bytes a time and notes them. */
struct eater {
    size_t appetite, shown;
    char eaten[64];
    size_t length;
};

static size_t eat(void *arg, const unsigned char *bytes, size_t length)
{
    struct eater *eater = arg;
    size_t taken = length < eater->appetite ? length : eater->appetite;

    eater->shown = length;
    memcpy(eater->eaten + eater->length, bytes, taken);
    eater->length += taken;
    return taken;
}

struct pair {
    int worker, peer;
    struct fcgi_reader reader;
};

static void pair_open(struct pair *pair)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    *pair = (struct pair){.worker = ends[0], .peer = ends[1]};
}

static void pair_close(struct pair *pair)
{
    fcgi_reader_free(&pair->reader);
    close(pair->worker);
    if (pair->peer >= 0)
        close(pair->peer);
}

static void say(struct pair *pair, const char *text)
{
    assert_int_equal(send(pair->peer, text, strlen(text), 0), (ssize_t)strlen(text));
}

static enum fcgi_came read_once(struct pair *pair, struct eater *eater)
{
    return fcgi_reader_read(&pair->reader, pair->worker, &window, eat, eater);
}

static void what_is_not_taken_comes_again_before_what_follows(void **state)
{
    for (size_t appetite = 1; appetite < 12; appetite++) {
        struct eater eater = {.appetite = appetite};
        struct pair pair;

        (void)state;
        pair_open(&pair);
        say(&pair, "hello ");
        assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
        assert_int_equal(fcgi_reader_holds(&pair.reader), appetite < 6);
        say(&pair, "world");
        while (eater.length < 11)
            assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
        assert_memory_equal(eater.eaten, "hello world", 11);
        assert_false(fcgi_reader_holds(&pair.reader));
        assert_int_equal(read_once(&pair, &eater), FCGI_CAME_NOTHING);
        pair_close(&pair);
    }
}

static void what_is_left_in_the_socket_is_there_for_whoever_looks(void **state)
{
    struct eater eater = {.appetite = 2};
    struct pair pair;
    char rest[8];

    (void)state;
    pair_open(&pair);
    pair.reader.leaves = true;
    say(&pair, "abcdef");
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
    assert_true(fcgi_reader_holds(&pair.reader)); /* no event tells of it */
    assert_int_equal(recv(pair.worker, rest, sizeof rest, MSG_PEEK), 4);
    assert_memory_equal(rest, "cdef", 4);
    pair.reader.leaves = false;
    eater.appetite = 9;
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
    assert_memory_equal(eater.eaten, "abcdef", 6);
    pair_close(&pair);
}

static void what_the_taker_waits_for_the_rest_of_leaves_the_socket(void **state)
{
    struct eater eater = {.appetite = 0};
    struct pair pair;
    char rest[8];

    (void)state;
    pair_open(&pair);
    pair.reader.leaves = true;
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_NOTHING);
    say(&pair, "abc");
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
    assert_false(pair.reader.full); /* or a caller would look again for ever */
    assert_int_equal(recv(pair.worker, rest, sizeof rest, MSG_PEEK), -1);
    say(&pair, "defgh");
    eater.appetite = 5;
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
    assert_memory_equal(eater.eaten, "abcde", 5);
    assert_int_equal(recv(pair.worker, rest, sizeof rest, MSG_PEEK), 3);
    assert_memory_equal(rest, "fgh", 3);
    assert_true(pair.reader.full);
    assert_int_equal(pair.reader.length, 0);
    pair_close(&pair);
}

static void a_full_window_says_that_more_may_be_there(void **state)
{
    struct eater eater = {.appetite = 0};
    struct pair pair;
    static char much[sizeof window.bytes + 1];

    (void)state;
    pair_open(&pair);
    assert_int_equal(send(pair.peer, much, sizeof much, 0), (ssize_t)sizeof much);
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
    assert_int_equal(eater.shown, sizeof window.bytes);
    assert_true(pair.reader.full);
    /* Nor does it grow beyond a window when nobody takes anything. */
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
    assert_int_equal(eater.shown, sizeof window.bytes);
    pair_close(&pair);
}

static void the_end_comes_after_everything_else(void **state)
{
    struct eater eater = {.appetite = 9};
    struct pair pair;

    (void)state;
    pair_open(&pair);
    say(&pair, "last");
    close(pair.peer);
    pair.peer = -1;
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_BYTES);
    assert_memory_equal(eater.eaten, "last", 4);
    assert_int_equal(read_once(&pair, &eater), FCGI_CAME_END);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(what_is_not_taken_comes_again_before_what_follows),
        cmocka_unit_test(what_is_left_in_the_socket_is_there_for_whoever_looks),
        cmocka_unit_test(what_the_taker_waits_for_the_rest_of_leaves_the_socket),
        cmocka_unit_test(a_full_window_says_that_more_may_be_there),
        cmocka_unit_test(the_end_comes_after_everything_else),
    };

    return KEEP_PROMISES(promises);
}
