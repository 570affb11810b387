#include "http/fcgi_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bool fcgi_reader_holds(const struct fcgi_reader *reader)
{
    return reader->length > 0 || reader->full;
}

void fcgi_reader_free(struct fcgi_reader *reader)
{
    free(reader->rest);
    *reader = (struct fcgi_reader){.rest = NULL};
}

/* Keeps what was not taken; false when there is no memory for it. */
static bool keep_rest(struct fcgi_reader *reader, const unsigned char *rest, size_t length)
{
    unsigned char *kept = NULL;

    if (length > 0) {
        kept = malloc(length);
        if (kept == NULL)
            return false;
        memcpy(kept, rest, length);
    }
    free(reader->rest);
    reader->rest = kept;
    reader->length = length;
    return true;
}

/* What was only looked at leaves the socket. */
static bool remove_taken(int fd, struct fcgi_window *window, size_t taken)
{
    return taken == 0 || recv(fd, window->bytes, taken, MSG_DONTWAIT) == (ssize_t)taken;
}

enum fcgi_came fcgi_reader_read(struct fcgi_reader *reader, int fd, struct fcgi_window *window, fcgi_taker *take,
                                void *arg)
{
    size_t length = reader->length, room = sizeof window->bytes - length, taken;
    ssize_t got = 0;

    if (length > 0)
        memcpy(window->bytes, reader->rest, length);
    if (room > 0) {
        got = recv(fd, window->bytes + length, room, MSG_DONTWAIT | (reader->leaves ? MSG_PEEK : 0));
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return FCGI_CAME_END;
    }
    reader->full = got == (ssize_t)room;
    if (got < 0) {
        if (length == 0)
            return FCGI_CAME_NOTHING;
        got = 0;
    }
    length += (size_t)got;
    taken = take(arg, window->bytes, length);
    if (reader->leaves) {
        reader->full = reader->full || taken < length;
        return remove_taken(fd, window, taken) ? FCGI_CAME_BYTES : FCGI_CAME_END;
    }
    return keep_rest(reader, window->bytes + taken, length - taken) ? FCGI_CAME_BYTES : FCGI_CAME_END;
}
