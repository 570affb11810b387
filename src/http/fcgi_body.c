#include "http/fcgi_body.h"

#include <string.h>

void fcgi_body_init(struct fcgi_body *body, unsigned id, fcgi_body_taker *take, void *arg)
{
    *body = (struct fcgi_body){.id = id, .take = take, .arg = arg, .state = FCGI_BODY_MORE};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A whole header is there: the body goes on, or this is its last record. */
static void begin_record(struct fcgi_body *body)
{
    const unsigned char *header = body->header;

    if (header[0] != FCGI_RECORD_VERSION || header[1] != FCGI_RECORD_BODY || fcgi_record_id(header) != body->id) {
        body->state = FCGI_BODY_CUT;
        return;
    }
    body->header_length = 0;
    body->content_left = fcgi_record_content(header);
    body->padding_left = fcgi_record_padding(header);
    body->last = body->content_left == 0;
}

size_t fcgi_body_feed(void *arg, const unsigned char *bytes, size_t length)
{
    struct fcgi_body *body = arg;
    size_t at = 0;

    while (at < length && body->state == FCGI_BODY_MORE) {
        size_t step;

        if (body->content_left > 0) {
            step = least(body->content_left, length - at);
            if (body->take != NULL)
                body->take(body->arg, bytes + at, step);
            body->content_left -= step;
            body->taken += step;
        } else if (body->padding_left > 0) {
            step = least(body->padding_left, length - at);
            body->padding_left -= step;
        } else {
            step = least(sizeof body->header - body->header_length, length - at);
            memcpy(body->header + body->header_length, bytes + at, step);
            body->header_length += step;
            if (body->header_length == sizeof body->header)
                begin_record(body);
        }
        at += step;
        if (body->last && body->padding_left == 0)
            body->state = FCGI_BODY_END;
    }
    return at;
}
