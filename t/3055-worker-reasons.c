/*
 * How the worker's turns end a connection, and the reason that the log has for it (event fastcgi_closed): those that need no
 * database. t/5813 has the others, t/2070 those of the connection itself.
 */
#include "unit.h"

#include "app/services.h"
#include "worker/turn.h"
#include "worker/turns.h"

#include <signal.h>
#include <sys/stat.h>

#include "fcgi-loop.h"
#include "fcgi-stream.h"

static struct services services;
static struct turns turns;
static struct loop loop, beside;
static struct stream stream;

/* Whoever asks for so much memory gets none. */
static size_t fails_from = SIZE_MAX;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
    return size >= fails_from ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return count * size >= fails_from ? NULL : __real_calloc(count, size);
}

static void take(void)
{
    bool any;

    (void)turns_take(&turns, 0, &any);
}

static void send_request(struct loop *to, const char *uri, bool queued)
{
    /* FCGI_PARAMS: two lengths of a byte each, then both texts. MAYFLY_QUEUE is the last. */
    const char *const pairs[][2] = {{"REQUEST_METHOD", "POST"},
                                    {"DOCUMENT_URI", uri},
                                    {"CONTENT_LENGTH", "0"},
                                    {"REMOTE_ADDR", "192.0.2.1"},
                                    {"MAYFLY_REQUEST_ID", "0123456789abcdef0123456789abcdef"},
                                    {"MAYFLY_ORIGIN", "http://localhost"},
                                    {"MAYFLY_QUEUE", "address"}};
    char text[512];
    size_t length = 0;

    for (size_t i = 0; i < COUNT(pairs) - !queued; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%c%c%s%s", (char)strlen(pairs[i][0]),
                                   (char)strlen(pairs[i][1]), pairs[i][0], pairs[i][1]);
    stream.length = 0;
    stream_begin(&stream, 1, true);
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, text, length, 0);
    stream_record(&stream, FCGI_RECORD_PARAMS, 1, NULL, 0, 0);
    stream_body(&stream, 1, "", 0, 1, 0);
    assert_int_equal(send(to->peer, stream.bytes, stream.length, 0), (ssize_t)stream.length);
}

static void goes(struct loop *one)
{
    close(one->peer);
    one->peer = -1;
}

static void none_for_a_head(void)
{
    send_request(&loop, "/health/live", false);
    fails_from = 1;
    take();
}

static void none_for_a_request(void)
{
    send_request(&loop, "/health/live", false);
    fails_from = sizeof(struct turn);
    take();
}

static void none_for_an_answer(void)
{
    send_request(&loop, "/nothing", false);
    fails_from = sizeof(struct turn) + 1; /* a block of an arena is larger */
    take();
}

static void goes_before_its_answer(void)
{
    send_request(&loop, "/nothing", false);
    goes(&loop);
    take();
}

/* Of two that verify a password one is served in a round. */
static void goes_out_of_the_queue(void)
{
    loop_join(&beside, &loop, NULL);
    send_request(&loop, "/login", true);
    send_request(&beside, "/login", true);
    take();
    assert_int_equal(turns.admission.count, 1);
    goes(&loop);
    goes(&beside);
    take();
    assert_int_equal(turns.admission.count, 0);
    take();
}

static const struct {
    const char *reason;
    const char *level;
    size_t times;
    void (*happens)(void);
} ways[] = {
    {"there is no memory for a head", "warn", 1, none_for_a_head},
    {"there is no memory for a request", "debug", 1, none_for_a_request},
    {"there is no answer", "debug", 1, none_for_an_answer},
    {"the peer takes no answer", "debug", 1, goes_before_its_answer},
    /* The one that was served is idle then, and goes as well. */
    {"the peer has gone", "debug", 2, goes_out_of_the_queue},
};

/* What standard error gets while it happens. */
static size_t logged(void (*happens)(void), char *text, size_t size)
{
    int file = memfd_create("log", MFD_CLOEXEC), standard_error = dup(STDERR_FILENO);
    ssize_t length;

    assert_true(file >= 0 && standard_error >= 0);
    loop.log.level = LOG_DEBUG;
    dup2(file, STDERR_FILENO);
    happens();
    fails_from = SIZE_MAX;
    dup2(standard_error, STDERR_FILENO);
    loop.log.level = LOG_ERROR;
    length = pread(file, text, size - 1, 0);
    close(file);
    close(standard_error);
    return length > 0 ? (size_t)length : 0;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

static void each_end_has_its_reason(void **state)
{
    struct err err = {.kind = ERR_NONE};

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        char text[16384], wanted[256];

        memset(&turns, 0, sizeof turns);
        loop_open(&loop, NULL);
        assert_true(turns_init(&turns, &services, &loop.server, &err));
        text[logged(ways[i].happens, text, sizeof text)] = '\0';
        snprintf(wanted, sizeof wanted,
                 "\"level\":\"%s\",\"event\":\"fastcgi_closed\",\"worker\":\"test\",\"reason\":\"%s\"}\n",
                 ways[i].level, ways[i].reason);
        if (count_of(text, wanted) != ways[i].times || count_of(text, "fastcgi_closed") != ways[i].times)
            fail_msg("%zu: wanted %zu of %s, got %s", i, ways[i].times, wanted, text);
        if (!LIST_EMPTY(&loop.server.all) || !LIST_EMPTY(&turns.in_hand))
            fail_msg("%s: the connection is still open, or its request in hand", ways[i].reason);
        turns_free(&turns);
        loop_close(&loop);
        loop.other = NULL;
    }
}

static int set_up(void **state)
{
    static char folder[] = "/tmp/mayfly-t3055-XXXXXX";
    char secret[sizeof folder + 16], config[sizeof folder + 16];
    struct err err = {.kind = ERR_NONE};
    FILE *file;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(secret, sizeof secret, "%s/secret", folder);
    snprintf(config, sizeof config, "%s/config", folder);
    umask(077);
    file = fopen(secret, "w");
    if (file == NULL || fprintf(file, "%064d\n", 7) < 0 || fclose(file) != 0)
        return -1;
    file = fopen(config, "w");
    if (file == NULL ||
        fprintf(file, "database = host=%s dbname=none\ncache = unix:%s/none\nsecret_file = %s\n", folder, folder,
                secret) < 0 ||
        fclose(file) != 0)
        return -1;
    if (!services_open(&services, config, "test", &err) ||
        !coroutines_new(&services.coroutines, services.clock, &err)) {
        fprintf(stderr, "%s\n", err.detail);
        return -1;
    }
    services.log.level = LOG_ERROR;
    unlink(secret);
    unlink(config);
    return rmdir(folder);
}

static int tear_down(void **state)
{
    (void)state;
    coroutines_free(services.coroutines);
    services.coroutines = NULL;
    services_close(&services);
    return 0;
}

int main(void)
{
    const struct CMUnitTest promises[] = {cmocka_unit_test(each_end_has_its_reason)};

    return cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(promises, set_up, tear_down);
}
