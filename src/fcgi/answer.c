#include "fcgi/answer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { END_BYTES = 2 * FCGI_RECORD_HEADER_BYTES + 8 /* an empty ANSWER record and END_REQUEST */ };

/* The records of a piece; their content is not copied. */
struct records {
    unsigned char headers[FCGI_PIECE_RECORDS_MAX][FCGI_RECORD_HEADER_BYTES];
    unsigned char end[END_BYTES];
    struct iovec parts[2 * FCGI_PIECE_RECORDS_MAX + 1];
    size_t count;
    size_t sent; /* bytes before the first part that is added next, or of it */
};

static void add_part(struct records *records, const void *bytes, size_t length)
{
    size_t sent = records->sent < length ? records->sent : length;

    records->sent -= sent;
    if (sent < length)
        records->parts[records->count++] = (struct iovec){(char *)(uintptr_t)bytes + sent, length - sent};
}

/* The part that is not sent yet. */
static void write_records(struct records *records, const struct fcgi_piece *piece)
{
    records->count = 0;
    records->sent = piece->sent;
    for (size_t i = 0, at = 0; at < piece->length; i++) {
        size_t left = piece->length - at;
        size_t content = left < FCGI_RECORD_CONTENT_MAX ? left : FCGI_RECORD_CONTENT_MAX;

        fcgi_record_write(records->headers[i], FCGI_RECORD_ANSWER, piece->id, content);
        add_part(records, records->headers[i], FCGI_RECORD_HEADER_BYTES);
        add_part(records, piece->bytes + at, content);
        at += content;
    }
    if (!piece->last)
        return;
    /* No more output, request complete, status 0. */
    memset(records->end, 0, sizeof records->end);
    fcgi_record_write(records->end, FCGI_RECORD_ANSWER, piece->id, 0);
    fcgi_record_write(records->end + FCGI_RECORD_HEADER_BYTES, FCGI_RECORD_END, piece->id, 8);
    add_part(records, records->end, sizeof records->end);
}

enum fcgi_sent fcgi_piece_send(struct fcgi_piece *piece, int fd)
{
    struct records records;

    for (write_records(&records, piece); records.count > 0; write_records(&records, piece)) {
        const struct msghdr message = {.msg_iov = records.parts, .msg_iovlen = records.count};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0)
            piece->sent += (size_t)sent;
        else if (errno != EINTR)
            return errno == EAGAIN ? FCGI_SENT_PART : FCGI_SENT_GONE;
    }
    return FCGI_SENT_ALL;
}
