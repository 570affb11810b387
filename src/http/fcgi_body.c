#include "http/fcgi_body.h"

#include <string.h>

void fcgi_body_init(struct fcgi_body *body, unsigned id)
{
    *body = (struct fcgi_body){.id = id, .state = FCGI_BODY_MORE};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A whole header is there: the body goes on, or this is its end. */
static enum fcgi_body_state begin_record(struct fcgi_body *body)
{
    const unsigned char *header = body->header;

    if (header[0] != FCGI_RECORD_VERSION || header[1] != FCGI_RECORD_BODY || fcgi_record_id(header) != body->id)
        return FCGI_BODY_CUT;
    body->header_length = 0;
    body->content_left = fcgi_record_content(header);
    body->padding_left = fcgi_record_padding(header);
    return body->content_left > 0 ? FCGI_BODY_MORE : FCGI_BODY_END;
}

enum fcgi_body_state fcgi_body_feed(struct fcgi_body *body, const unsigned char *bytes, size_t length,
                                    void (*take)(void *arg, const void *bytes, size_t length), void *arg)
{
    while (length > 0 && body->state == FCGI_BODY_MORE) {
        size_t step;

        if (body->content_left > 0) {
            step = least(body->content_left, length);
            take(arg, bytes, step);
            body->content_left -= step;
        } else if (body->padding_left > 0) {
            step = least(body->padding_left, length);
            body->padding_left -= step;
        } else {
            step = least(sizeof body->header - body->header_length, length);
            memcpy(body->header + body->header_length, bytes, step);
            body->header_length += step;
            if (body->header_length == sizeof body->header)
                body->state = begin_record(body);
        }
        bytes += step;
        length -= step;
    }
    return body->state;
}
