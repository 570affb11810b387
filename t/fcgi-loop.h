/*
 * A server's loop over one connection without a listening socket, for tests and fuzzing: what is fed comes through a socket,
 * requests are answered by their number as `policy` says, and all that is seen of requests and answers is noted. A second
 * connection of the same server may be beside it, with all that one server has once: the window, the decoder, who is due.
 */
#ifndef MAYFLY_T_FCGI_LOOP_H
#define MAYFLY_T_FCGI_LOOP_H

#include "fcgi/connection.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum loop_policy {
    LOOP_READS,   /* the whole body, then answers */
    LOOP_REFUSES, /* answers at once */
    LOOP_PEEPS,   /* reads three bytes and answers */
    LOOP_POLICIES,
};

/* FNV-1a over what a request was, to compare it with what was framed. */
struct loop_seen {
    uint64_t params, body;
    size_t body_length;
    bool read; /* its whole body was */
};

/* As many of the shortest requests as the longest input of t/0950 has. */
enum { LOOP_SEEN_MAX = 512, LOOP_ANSWER_BYTES = 16 };

struct loop {
    struct fcgi_server server; /* of one that is beside another: nothing, it has the other's */
    struct log log;
    struct loop *other;              /* the one that this is beside, or that is beside this; NULL: there is none */
    struct fcgi_request *connection; /* of one that is beside another; gone when its peer is -1 */
    int peer;                        /* -1: the worker has closed its end, and what it had sent was read */
    enum loop_policy (*policy)(size_t number);
    struct loop_seen seen[LOOP_SEEN_MAX];
    size_t count;
    struct {
        char text[LOOP_ANSWER_BYTES];
        bool refused_stream;
    } answers[LOOP_SEEN_MAX];
    unsigned char *out; /* all that came back */
    size_t out_length;
    size_t ends; /* END_REQUEST records in it */
};

static int64_t loop_now_us = 1;

static inline int64_t loop_monotonic_us(void)
{
    return loop_now_us;
}

static inline int64_t loop_now_ms(void)
{
    return loop_now_us / 1000;
}

#define LOOP_HASH_START UINT64_C(14695981039346656037)

static inline uint64_t loop_hash(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

static inline void loop_open(struct loop *loop, enum loop_policy (*policy)(size_t))
{
    static const struct clock clock = {.now_ms = loop_now_ms, .monotonic_us = loop_monotonic_us};
    int ends[2];

    memset(loop, 0, sizeof *loop);
    loop->log = (struct log){.clock = &clock, .level = LOG_ERROR, .worker = "test"};
    loop->policy = policy;
    TAILQ_INIT(&loop->server.due);
    loop->server.clock = &clock;
    loop->server.log = &loop->log;
    loop->server.connections_max = 16;
    loop->server.request_timeout_ms = 5000;
    loop->server.stream_timeout_ms = 60000;
    loop->server.signal_fd = -1;
    loop->server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->server.epoll_fd < 0 || !fcgi_decoder_open(&loop->server.decoder) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0 ||
        fcgi_connection_new(&loop->server, ends[0]) == NULL)
        abort();
    loop->peer = ends[1];
}

/* Opens a second connection, beside that of a loop which is open; loop_close of that one closes both. */
static inline void loop_join(struct loop *loop, struct loop *other, enum loop_policy (*policy)(size_t))
{
    int ends[2];

    memset(loop, 0, sizeof *loop);
    loop->policy = policy;
    loop->other = other;
    other->other = loop;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        abort();
    loop->connection = fcgi_connection_new(&other->server, ends[0]);
    if (loop->connection == NULL)
        abort();
    loop->peer = ends[1];
}

/* The one whose server this loop's connection is of. */
static inline struct loop *loop_host(struct loop *loop)
{
    return loop->connection != NULL ? loop->other : loop;
}

/* Whose connection this request came on. */
static inline struct loop *loop_of(struct loop *host, const struct fcgi_request *request)
{
    return host->other != NULL && host->other->connection == request ? host->other : host;
}

static inline void loop_forget(struct loop *loop)
{
    if (loop->peer >= 0)
        close(loop->peer);
    free(loop->out);
}

static inline void loop_close(struct loop *loop)
{
    while (!LIST_EMPTY(&loop->server.all))
        fcgi_abandon(LIST_FIRST(&loop->server.all), "the test is over");
    close(loop->server.epoll_fd);
    fcgi_decoder_close(&loop->server.decoder);
    if (loop->other != NULL)
        loop_forget(loop->other);
    loop_forget(loop);
}

static inline void loop_see(void *arg, const void *bytes, size_t length)
{
    struct loop_seen *seen = arg;

    seen->body = loop_hash(seen->body, bytes, length);
    seen->body_length += length;
}

static inline struct loop_seen *loop_begin(struct loop *loop, struct fcgi_request *request)
{
    struct loop_seen *seen = &loop->seen[loop->count++];

    *seen = (struct loop_seen){.params = LOOP_HASH_START, .body = LOOP_HASH_START};
    /* The first is libfcgi's own: FCGI_ROLE. */
    for (const char *const *pair = fcgi_params(request) + 1; *pair != NULL; pair++)
        seen->params = loop_hash(seen->params, *pair, strlen(*pair) + 1);
    return seen;
}

static inline void loop_send(struct loop *loop, struct fcgi_request *request, struct loop_seen *seen)
{
    switch (fcgi_send(request)) {
    case FCGI_SENT_ALL:
        fcgi_sent_all(request);
        break;
    case FCGI_SENT_PART:
        fcgi_wait(request, FCGI_WAIT_TAKEN, seen);
        break;
    case FCGI_SENT_GONE:
        fcgi_abandon(request, "the test's peer has gone");
        break;
    }
    (void)loop;
}

static inline void loop_answer(struct loop *loop, struct fcgi_request *request, struct loop_seen *seen)
{
    size_t number = (size_t)(seen - loop->seen);

    snprintf(loop->answers[number].text, LOOP_ANSWER_BYTES, "answer %zu", number);
    fcgi_piece(request, loop->answers[number].text, strlen(loop->answers[number].text), true);
    loop_send(loop, request, seen);
}

/* A request that is new, or that goes on. */
static inline void loop_serve(struct loop *loop, struct fcgi_request *request)
{
    struct loop_seen *seen = fcgi_context(request);
    size_t number = seen == NULL ? loop->count : (size_t)(seen - loop->seen);
    enum fcgi_body_state state;
    char three[3];

    if (seen == NULL)
        seen = loop_begin(loop, request);
    if (loop->answers[number].text[0] != '\0') {
        loop_send(loop, request, seen);
        return;
    }
    if (loop->policy(number) == LOOP_READS) {
        state = fcgi_take_body(request, loop_see, seen);
        if (state == FCGI_BODY_MORE) {
            fcgi_wait(request, FCGI_WAIT_BODY, seen);
            return;
        }
        if (state == FCGI_BODY_CUT) {
            fcgi_abandon(request, "the body is cut off");
            return;
        }
        seen->read = true;
    } else if (loop->policy(number) == LOOP_PEEPS) {
        (void)fcgi_read(request, three, sizeof three);
    }
    loop_answer(loop, request, seen);
}

/* What has come back so far. */
static inline void loop_receive(struct loop *loop)
{
    unsigned char bytes[4096];
    ssize_t got;

    while (loop->peer >= 0 && (got = recv(loop->peer, bytes, sizeof bytes, 0)) != -1) {
        unsigned char *out = realloc(loop->out, loop->out_length + (size_t)got + 1);

        if (out == NULL)
            abort();
        loop->out = out;
        memcpy(out + loop->out_length, bytes, (size_t)got);
        loop->out_length += (size_t)got;
        if (got == 0) {
            close(loop->peer);
            loop->peer = -1;
        }
    }
    loop->ends = 0;
    for (size_t at = 0; at + FCGI_RECORD_HEADER_BYTES <= loop->out_length;
         at += FCGI_RECORD_HEADER_BYTES + fcgi_record_content(loop->out + at) + fcgi_record_padding(loop->out + at))
        loop->ends += loop->out[at + 1] == FCGI_RECORD_END;
}

/* Everything that can be got on with, on both connections. */
static inline void loop_run(struct loop *loop)
{
    struct loop *host = loop_host(loop);
    struct fcgi_request *requests[4];
    size_t count;

    for (int idle = 0; idle < 2 && host->count < LOOP_SEEN_MAX;) {
        count = fcgi_gather(&host->server, requests, 4, 0);
        for (size_t i = 0; i < count; i++) {
            struct loop *of = loop_of(host, requests[i]);

            if (of->count < LOOP_SEEN_MAX)
                loop_serve(of, requests[i]);
        }
        idle = count > 0 || !TAILQ_EMPTY(&host->server.due) ? 0 : idle + 1;
    }
    loop_receive(host);
    if (host->other != NULL)
        loop_receive(host->other);
}

/* The peer sends these bytes, in pieces as large as the socket takes. */
static inline void loop_feed(struct loop *loop, const unsigned char *bytes, size_t length)
{
    while (length > 0 && loop->peer >= 0) {
        ssize_t sent = send(loop->peer, bytes, length, MSG_NOSIGNAL);

        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        }
        loop_run(loop);
        if (sent < 0 && LIST_EMPTY(&loop_host(loop)->server.all))
            return;
    }
}

#endif
