#include "http/fcgi_answer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Records of one call: an answer of half a megabyte, the most that response.h makes, fits. */
enum { RECORDS_MAX = 16 };

/* The peer knows the rest: no more output, request complete, status 0. */
static void write_end(unsigned char end[FCGI_END_BYTES], unsigned id)
{
    memset(end, 0, FCGI_END_BYTES);
    fcgi_record_write(end, FCGI_RECORD_ANSWER, id, 0);
    fcgi_record_write(end + FCGI_RECORD_HEADER_BYTES, FCGI_RECORD_END, id, 8);
}

/* Drops what was sent from the front of parts; true when nothing is left. */
static bool advance(struct iovec *parts, size_t *first, size_t count, size_t sent)
{
    while (*first < count && sent >= parts[*first].iov_len)
        sent -= parts[(*first)++].iov_len;
    if (*first == count)
        return true;
    parts[*first].iov_base = (char *)parts[*first].iov_base + sent;
    parts[*first].iov_len -= sent;
    return false;
}

static enum fcgi_sent send_parts(int fd, struct iovec *parts, size_t *first, size_t count, int flags)
{
    while (*first < count) {
        const struct msghdr message = {.msg_iov = parts + *first, .msg_iovlen = count - *first};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | flags);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? FCGI_SENT_PART : FCGI_SENT_GONE;
        /* A call that waits sends less only when its time is over (socket(7), SO_SNDTIMEO). */
        if (!advance(parts, first, count, (size_t)sent))
            return FCGI_SENT_PART;
    }
    return FCGI_SENT_ALL;
}

bool fcgi_answer_whole(int fd, unsigned id, const void *bytes, size_t length)
{
    unsigned char headers[RECORDS_MAX][FCGI_RECORD_HEADER_BYTES];
    unsigned char end[FCGI_END_BYTES];
    struct iovec parts[2 * RECORDS_MAX + 1];
    const char *at = bytes;

    write_end(end, id);
    do {
        size_t records = 0, first = 0, count = 0;

        for (; length > 0 && records < RECORDS_MAX; records++) {
            size_t content = length < FCGI_RECORD_CONTENT_MAX ? length : FCGI_RECORD_CONTENT_MAX;

            fcgi_record_write(headers[records], FCGI_RECORD_ANSWER, id, content);
            parts[count++] = (struct iovec){headers[records], FCGI_RECORD_HEADER_BYTES};
            parts[count++] = (struct iovec){(void *)(uintptr_t)at, content};
            at += content;
            length -= content;
        }
        if (length == 0)
            parts[count++] = (struct iovec){end, sizeof end};
        if (send_parts(fd, parts, &first, count, 0) != FCGI_SENT_ALL)
            return false;
    } while (length > 0);
    return true;
}

void fcgi_piece_init(struct fcgi_piece *piece, unsigned id, const void *bytes, size_t length, bool last)
{
    *piece = (struct fcgi_piece){.count = 0};
    if (length > 0) {
        fcgi_record_write(piece->header, FCGI_RECORD_ANSWER, id, length);
        piece->parts[piece->count++] = (struct iovec){piece->header, sizeof piece->header};
        piece->parts[piece->count++] = (struct iovec){(void *)(uintptr_t)bytes, length};
    }
    if (!last)
        return;
    write_end(piece->end, id);
    piece->parts[piece->count++] = (struct iovec){piece->end, sizeof piece->end};
}

enum fcgi_sent fcgi_piece_send(struct fcgi_piece *piece, int fd)
{
    return send_parts(fd, piece->parts, &piece->first, piece->count, MSG_DONTWAIT);
}
