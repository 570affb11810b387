#include "fcgi/reader.h"

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

/* Keeps what was not taken; false when memory is out. */
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

/*
 * How many of `got` new bytes, after `held` older ones, belong to the taker. When it takes nothing, all of them are the
 * beginning of what it waits for.
 */
static size_t owned(size_t held, size_t got, size_t taken)
{
    if (taken == 0)
        return got;
    return taken > held ? taken - held : 0;
}

enum fcgi_came fcgi_reader_read(struct fcgi_reader *reader, int fd, struct fcgi_window *window, fcgi_taker *take,
                                void *arg)
{
    size_t held = reader->length, room = sizeof window->bytes - held, taken, length, out;
    ssize_t got = 0;

    if (held > 0)
        memcpy(window->bytes, reader->rest, held);
    if (room > 0) {
        got = recv(fd, window->bytes + held, room, MSG_DONTWAIT | (reader->leaves ? MSG_PEEK : 0));
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return FCGI_CAME_END;
    }
    reader->full = got == (ssize_t)room;
    if (got < 0 && held == 0)
        return FCGI_CAME_NOTHING;
    got = got > 0 ? got : 0;
    length = held + (size_t)got;
    taken = take(arg, window->bytes, length);
    if (reader->leaves) {
        out = owned(held, (size_t)got, taken);
        reader->full = reader->full || out < (size_t)got;
        /* Reads from the socket what was only looked at before. */
        if (out > 0 && recv(fd, window->bytes + held, out, MSG_DONTWAIT) != (ssize_t)out)
            return FCGI_CAME_END;
        length = held + out;
    }
    return keep_rest(reader, window->bytes + taken, length - taken) ? FCGI_CAME_BYTES : FCGI_CAME_END;
}
