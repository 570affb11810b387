/* Checks the head of a request (FastCGI Specification 1.0, section 3.3) before libfcgi decodes it. */
#ifndef MAYFLY_FCGI_HEAD_H
#define MAYFLY_FCGI_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* nginx limits what clients send to large_client_header_buffers (4 x 8 KiB); what it adds is small. */
enum { FCGI_HEAD_MAX_BYTES = 64 * 1024 };

enum fcgi_head { FCGI_HEAD_PARTIAL, FCGI_HEAD_COMPLETE, FCGI_HEAD_BAD };

/* With COMPLETE: what is needed before libfcgi decodes it. */
struct fcgi_head_facts {
    size_t length; /* the head's own; the body begins after it */
    unsigned id;   /* of the request */
    bool keep;     /* the peer will use the connection again */
    bool in_turns; /* the parameter MAYFLY_STREAM is there: the body may come slowly */
};

/*
 * COMPLETE: BEGIN_REQUEST and every PARAMS record up to the empty one are there. BAD: it begins with anything else, or
 * is too long. Only these two record types, of one request, pass: a GET_VALUES with repeated names overflows libfcgi's
 * stack.
 */
enum fcgi_head fcgi_head_check(const unsigned char *bytes, size_t length, struct fcgi_head_facts *);

#endif
