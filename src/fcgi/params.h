/* A request's parameters, decoded by libfcgi, whose one user this is. It reads no socket: a whole head goes to it by a pipe. */
#ifndef MAYFLY_FCGI_PARAMS_H
#define MAYFLY_FCGI_PARAMS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

/* One for a server; the pipe is empty between two heads. */
struct fcgi_decoder {
    int pipe[2];
};

/* False when there is no pipe to be had, and errno says why. */
bool fcgi_decoder_open(struct fcgi_decoder *) MUST_CHECK;
void fcgi_decoder_close(struct fcgi_decoder *);

/*
 * "NAME=value" strings up to a NULL, in one piece of memory that the caller frees, from a head that fcgi_head_check found to
 * be whole. NULL when memory is out.
 */
char **fcgi_params_decode(struct fcgi_decoder *, const unsigned char *head, size_t length) MUST_CHECK;

#endif
