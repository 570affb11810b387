#include "fcgi/body.h"

static void begin_record(struct fcgi_body *body, const unsigned char *header)
{
    if (header[0] != FCGI_RECORD_VERSION || header[1] != FCGI_RECORD_BODY || fcgi_record_id(header) != body->id)
        body->state = FCGI_BODY_CUT;
    body->content_left = fcgi_record_content(header);
    body->padding_left = fcgi_record_padding(header);
    body->last = body->content_left == 0;
}

/* How much of a record's part has arrived. */
static size_t pass(size_t *part_left, size_t length)
{
    size_t step = *part_left < length ? *part_left : length;

    *part_left -= step;
    return step;
}

size_t fcgi_body_feed(void *arg, const unsigned char *bytes, size_t length)
{
    struct fcgi_body *body = arg;
    size_t at = 0;

    while (at < length && body->state == FCGI_BODY_MORE) {
        if (body->content_left > 0) {
            size_t step = pass(&body->content_left, length - at);

            if (body->take != NULL)
                body->take(body->arg, bytes + at, step);
            body->taken += step;
            at += step;
        } else if (body->padding_left > 0) {
            at += pass(&body->padding_left, length - at);
        } else if (length - at >= FCGI_RECORD_HEADER_BYTES) {
            begin_record(body, bytes + at);
            at += FCGI_RECORD_HEADER_BYTES;
        } else {
            break;
        }
        if (body->last && body->padding_left == 0 && body->state == FCGI_BODY_MORE)
            body->state = FCGI_BODY_END;
    }
    return at;
}
