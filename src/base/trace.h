/*
 * What a line of the log belongs to: nginx's id of the request, and the request's place in a trace that may have begun
 * elsewhere (W3C Trace Context, level 1). The request holds it, so that no line refers to a request that is over.
 */
#ifndef MAYFLY_BASE_TRACE_H
#define MAYFLY_BASE_TRACE_H

enum {
    TRACE_REQUEST_ID_BYTES = 65, /* with the NUL, as are all; http/request.h refuses longer ones */
    TRACE_ID_BYTES = 33,
    TRACE_SPAN_BYTES = 17,
};

struct trace {
    char request_id[TRACE_REQUEST_ID_BYTES];
    char trace_id[TRACE_ID_BYTES];
    char span_id[TRACE_SPAN_BYTES];   /* this attempt at the request; an attempt of another worker has its own */
    char parent_id[TRACE_SPAN_BYTES]; /* the sender's span, or "" */
};

/*
 * traceparent is the field as it came, or "". A field that the standard does not allow counts as absent: the trace id
 * is then the request id, which nginx makes of as many hexadecimal digits, or random when that is something else.
 * worker is "pool/pid", which makes the span of each attempt another one.
 */
void trace_begin(struct trace *, const char *worker, const char *traceparent, const char *request_id);

#endif
