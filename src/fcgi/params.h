/*
 * A request's parameters, decoded by libfcgi, which only this file uses. It reads no socket: it gets a whole head
 * through a pipe.
 */
#ifndef MAYFLY_FCGI_PARAMS_H
#define MAYFLY_FCGI_PARAMS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

/* One for each server; the pipe is empty between two heads. */
struct fcgi_decoder {
    int pipe[2];
};

/* False when there can be no pipe; errno says why. */
bool fcgi_decoder_open(struct fcgi_decoder *) MUST_CHECK;
void fcgi_decoder_close(struct fcgi_decoder *);

/*
 * The "NAME=value" strings of a head that fcgi_head_check found to be complete, up to a NULL, in one piece of memory
 * that the caller frees. NULL when memory is out.
 */
char **fcgi_params_decode(struct fcgi_decoder *, const unsigned char *head, size_t length) MUST_CHECK;

#endif
