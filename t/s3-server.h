/*
 * An S3 storage that answers as a test says: errors, cut and slow answers, nonsense, which a real one does not give on
 * demand. It runs in a thread of the test. What a real storage does is in t/1102 and t/1110.
 */
#ifndef MAYFLY_T_S3_SERVER_H
#define MAYFLY_T_S3_SERVER_H

#include "object/s3.h"

#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

enum { ANSWERS_MAX = 24, REQUEST_BYTES = 8192 };

/* One answer: sent as it is, after a wait. The connection is kept when it says Connection: keep-alive. */
struct scripted {
    const char *text;
    int wait_ms;
};

struct server {
    int listener;
    int port;
    pthread_t thread;
    struct scripted answers[ANSWERS_MAX];
    size_t answer_count;
    /* Read after server_stop. */
    size_t request_count, connection_count;
    char requests[ANSWERS_MAX][REQUEST_BYTES];
};

struct test {
    struct arena arena;
    struct err err;
    struct config config;
    struct log log;
    struct s3 *s3;
    struct server server;
};

/* --- The server */

/* Reads a head and its body; false when the client has gone. */
static inline bool read_request(int fd, char *request)
{
    size_t length = 0, body;
    char *end = NULL, *field;

    while (end == NULL) {
        ssize_t got = recv(fd, request + length, REQUEST_BYTES - 1 - length, 0);

        if (got <= 0)
            return false;
        length += (size_t)got;
        request[length] = '\0';
        end = strstr(request, "\r\n\r\n");
    }
    field = strstr(request, "Content-Length: ");
    body = field != NULL ? (size_t)atoll(field + strlen("Content-Length: ")) : 0;
    for (size_t have = length - (size_t)(end + 4 - request); have < body;) {
        char part[4096];
        ssize_t got = recv(fd, part, sizeof part, 0);

        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

/* Whether the client is still there after so long. */
static inline bool wait_for(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};

    return wait_ms == 0 || poll(&poll_fd, 1, wait_ms) == 0;
}

static inline void serve_connection(struct server *server, int fd)
{
    char surplus[REQUEST_BYTES];

    for (;;) {
        size_t number = server->request_count;
        const struct scripted *answer = &server->answers[number];

        if (!read_request(fd, number < ANSWERS_MAX ? server->requests[number] : surplus))
            return;
        server->request_count++;
        if (number >= server->answer_count || answer->text == NULL || !wait_for(fd, answer->wait_ms))
            return;
        send(fd, answer->text, strlen(answer->text), MSG_NOSIGNAL);
        /* A body that is shorter than it says stays so for a while. */
        if (strstr(answer->text, "\r\nstall: ") != NULL)
            wait_for(fd, 5000);
        if (strstr(answer->text, "keep-alive") == NULL)
            return;
    }
}

static inline void *serve(void *arg)
{
    struct server *server = arg;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        server->connection_count++;
        serve_connection(server, fd);
        close(fd);
    }
    return NULL;
}

static inline void server_start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static inline void server_stop(struct server *server)
{
    if (server->listener < 0)
        return;
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    server->listener = -1;
}

/* --- The fixture */

static inline void set(struct test *test, const char *name, const char *value)
{
    assert_granted(config_set(&test->config, name, value, &test->err), &test->err);
}

static inline int set_up(void **state)
{
    static struct test test;
    char endpoint[64];

    memset(&test, 0, sizeof test);
    arena_init(&test.arena, 16 * 1024 * 1024);
    config_init(&test.config);
    test.log = (struct log){.clock = &clock_system, .level = LOG_DEBUG};
    server_start(&test.server);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", test.server.port);
    set(&test, "s3_endpoint", endpoint);
    set(&test, "s3_bucket", "bucket");
    set(&test, "s3_timeout_ms", "5000");
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "the-secret", 1);
    setenv("AWS_SESSION_TOKEN", "the-token", 1);
    *state = &test;
    return 0;
}

static inline int tear_down(void **state)
{
    struct test *test = *state;

    s3_free(test->s3);
    server_stop(&test->server);
    arena_free(&test->arena);
    return 0;
}

/* What the log says goes here for the time of a test that may fill it. */
static int log_fd = -1, true_stderr = -1;

static inline int set_up_quiet(void **state)
{
    true_stderr = dup(STDERR_FILENO);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    dup2(log_fd, STDERR_FILENO);
    return set_up(state);
}

/* And never has a secret in it. */
static inline int tear_down_quiet(void **state)
{
    static char text[1024 * 1024];
    ssize_t length;

    tear_down(state);
    dup2(true_stderr, STDERR_FILENO);
    close(true_stderr);
    length = pread(log_fd, text, sizeof text - 1, 0);
    close(log_fd);
    text[length < 0 ? 0 : length] = '\0';
    /* What is no log line is why the test failed. */
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        if (*line != '{')
            fprintf(stderr, "%.*s\n", (int)strcspn(line, "\n"), line);
    return strstr(text, "the-secret") == NULL && strstr(text, "the-token") == NULL && strstr(text, "Signature=") == NULL
               ? 0
               : -1;
}

static inline void script(struct test *test, const char *text)
{
    assert_true(test->server.answer_count < ANSWERS_MAX);
    test->server.answers[test->server.answer_count++].text = text;
}

static inline struct s3 *open_s3(struct test *test)
{
    if (test->s3 == NULL)
        assert_granted(s3_new(&test->s3, &test->config, &clock_system, &test->log, NULL, &test->err), &test->err);
    return test->s3;
}

static inline bool put(struct test *test)
{
    return s3_put(open_s3(test), &test->arena, "key", "text/plain", "bytes", 5, &test->err);
}

static inline bool begin(struct test *test)
{
    const char *upload;

    return s3_upload_begin(open_s3(test), &test->arena, "key", "text/plain", &upload, &test->err);
}

static inline bool complete(struct test *test)
{
    const struct s3_part part = {.number = 1, .tag = "abc"};

    return s3_upload_complete(open_s3(test), &test->arena, "key", "id", &part, 1, &test->err);
}

static inline bool get(struct test *test, char bytes[4], size_t *length)
{
    return s3_get(open_s3(test), &test->arena, "key", 0, -1, bytes, 4, length, &test->err);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define ANSWER(status, body) "HTTP/1.1 " status "\r\n\r\n" body
#define FAILURE(status, code)                                                                                          \
    ANSWER(status, "<?xml version=\"1.0\"?><Error><Code>" code "</Code><Message>m</Message></Error>")

/* The log goes to a file for the time of the test, and has no secret in it. */
#define KEEPS(name) cmocka_unit_test_setup_teardown(name, set_up_quiet, tear_down_quiet)

#endif
