#include "http/fcgi_answer.h"

#include "http/response.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { END_BYTES = 2 * FCGI_RECORD_HEADER_BYTES + 8 /* an empty ANSWER record and END_REQUEST */ };

_Static_assert((int)RESPONSE_ANSWER_MAX <= (int)FCGI_PIECE_MAX_BYTES, "an answer that is sent whole is one piece");

/* The records of a piece, with their content where it is. */
struct records {
    unsigned char headers[FCGI_PIECE_RECORDS_MAX][FCGI_RECORD_HEADER_BYTES];
    unsigned char end[END_BYTES];
    struct iovec parts[2 * FCGI_PIECE_RECORDS_MAX + 1];
    size_t first, count; /* of the parts that are still to be sent */
};

static void add_part(struct records *records, const void *bytes, size_t length)
{
    records->parts[records->count++] = (struct iovec){(void *)(uintptr_t)bytes, length};
}

/* The peer knows the rest: no more output, request complete, status 0. */
static void add_end(struct records *records, unsigned id)
{
    memset(records->end, 0, sizeof records->end);
    fcgi_record_write(records->end, FCGI_RECORD_ANSWER, id, 0);
    fcgi_record_write(records->end + FCGI_RECORD_HEADER_BYTES, FCGI_RECORD_END, id, 8);
    add_part(records, records->end, sizeof records->end);
}

static void write_records(struct records *records, const struct fcgi_piece *piece)
{
    records->first = records->count = 0;
    for (size_t i = 0, at = 0; at < piece->length; i++) {
        size_t left = piece->length - at;
        size_t content = left < FCGI_RECORD_CONTENT_MAX ? left : FCGI_RECORD_CONTENT_MAX;

        fcgi_record_write(records->headers[i], FCGI_RECORD_ANSWER, piece->id, content);
        add_part(records, records->headers[i], FCGI_RECORD_HEADER_BYTES);
        add_part(records, piece->bytes + at, content);
        at += content;
    }
    if (piece->last)
        add_end(records, piece->id);
}

/* Drops what was sent from the front. */
static void advance(struct records *records, size_t sent)
{
    struct iovec *part = &records->parts[records->first];

    for (; records->first < records->count && sent >= part->iov_len; part++, records->first++)
        sent -= part->iov_len;
    if (records->first == records->count)
        return;
    part->iov_base = (char *)part->iov_base + sent;
    part->iov_len -= sent;
}

void fcgi_piece_init(struct fcgi_piece *piece, unsigned id, const void *bytes, size_t length, bool last)
{
    *piece = (struct fcgi_piece){.id = id, .bytes = bytes, .length = length, .last = last};
}

enum fcgi_sent fcgi_piece_send(struct fcgi_piece *piece, int fd)
{
    struct records records;

    write_records(&records, piece);
    advance(&records, piece->sent);
    while (records.first < records.count) {
        const struct msghdr message = {.msg_iov = records.parts + records.first,
                                       .msg_iovlen = records.count - records.first};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? FCGI_SENT_PART : FCGI_SENT_GONE;
        piece->sent += (size_t)sent;
        advance(&records, (size_t)sent);
    }
    return FCGI_SENT_ALL;
}
