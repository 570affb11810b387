#include "fcgi/params.h"

#include <fcgiapp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool fcgi_decoder_open(struct fcgi_decoder *decoder)
{
    decoder->pipe[0] = decoder->pipe[1] = -1;
    /* Otherwise libfcgi waits up to two seconds for the peer to close first. */
    return setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1) == 0 && FCGX_Init() == 0 &&
           pipe2(decoder->pipe, O_CLOEXEC | O_NONBLOCK) == 0;
}

void fcgi_decoder_close(struct fcgi_decoder *decoder)
{
    for (int i = 0; i < 2; i++) {
        if (decoder->pipe[i] >= 0)
            close(decoder->pipe[i]);
        decoder->pipe[i] = -1;
    }
}

static char **copy_strings(char *const *strings)
{
    size_t count = 0, bytes = 0;
    char **copy, *text;

    for (; strings[count] != NULL; count++)
        bytes += strlen(strings[count]) + 1;
    copy = malloc((count + 1) * sizeof *copy + bytes);
    if (copy == NULL)
        return NULL;
    text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = text;
        text = stpcpy(text, strings[i]) + 1;
    }
    copy[count] = NULL;
    return copy;
}

char **fcgi_params_decode(struct fcgi_decoder *decoder, const unsigned char *head, size_t length)
{
    FCGX_Request request;
    char **params;
    bool whole;

    /* With the listening socket -1 libfcgi's own accept, which can spin, fails at once. */
    FCGX_InitRequest(&request, -1, 0);
    request.ipcFd = decoder->pipe[0];
    request.keepConnection = 1; /* otherwise libfcgi closes it first */
    /* A pipe holds 64 KiB, as much as a head may have. */
    whole = write(decoder->pipe[1], head, length) == (ssize_t)length && FCGX_Accept_r(&request) == 0;
    params = whole ? copy_strings(request.envp) : NULL;
    FCGX_Free(&request, 0);
    /*
     * libfcgi has closed the pipe, or part of a head is left in it, which must not precede another: the next head gets
     * a new pipe.
     */
    if (!whole) {
        fcgi_decoder_close(decoder);
        (void)!fcgi_decoder_open(decoder);
    }
    return params;
}
