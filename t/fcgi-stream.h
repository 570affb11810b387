/* Records as they are put together, and a reference that reads them back the simplest way. */
#ifndef MAYFLY_T_FCGI_STREAM_H
#define MAYFLY_T_FCGI_STREAM_H

#include "fcgi/head.h"
#include "fcgi/record.h"

#include <stdlib.h>
#include <string.h>

struct stream {
    unsigned char bytes[1024 * 1024];
    size_t length;
};

static inline void stream_record(struct stream *stream, unsigned type, unsigned id, const void *content, size_t length,
                                 size_t padding)
{
    unsigned char *header = stream->bytes + stream->length;

    if (length > FCGI_RECORD_CONTENT_MAX || padding > 255 ||
        stream->length + FCGI_RECORD_HEADER_BYTES + length + padding > sizeof stream->bytes)
        abort();
    fcgi_record_write(header, (enum fcgi_record_type)type, id, length);
    header[6] = (unsigned char)padding;
    stream->length += FCGI_RECORD_HEADER_BYTES;
    if (length > 0)
        memcpy(stream->bytes + stream->length, content, length);
    /* Padding looks like the beginning of a record. */
    memset(stream->bytes + stream->length + length, 1, padding);
    stream->length += length + padding;
}

/* BEGIN_REQUEST of a responder. */
static inline void stream_begin(struct stream *stream, unsigned id, bool keep)
{
    const unsigned char content[8] = {0, 1, keep};

    stream_record(stream, FCGI_RECORD_BEGIN, id, content, sizeof content, 0);
}

/* A head whose one pair is DOCUMENT_URI, and MAYFLY_STREAM with it when the body comes in turns. */
static inline void stream_head(struct stream *stream, unsigned id, bool keep, bool in_turns, const char *uri)
{
    char pairs[256];
    size_t length = 2 + 12 + strlen(uri);

    pairs[0] = 12;
    pairs[1] = (char)strlen(uri);
    memcpy(pairs + 2, "DOCUMENT_URI", 12);
    memcpy(pairs + 14, uri, strlen(uri));
    if (in_turns) {
        memcpy(pairs + length, "\x0D\x01MAYFLY_STREAM1", 16);
        length += 16;
    }
    stream_begin(stream, id, keep);
    stream_record(stream, FCGI_RECORD_PARAMS, id, pairs, length, -length & 7);
    stream_record(stream, FCGI_RECORD_PARAMS, id, NULL, 0, 0);
}

/* A body in records of at most `step` bytes, each padded, and its end. */
static inline void stream_body(struct stream *stream, unsigned id, const void *body, size_t length, size_t step,
                               size_t padding)
{
    for (size_t at = 0; at < length; at += step)
        stream_record(stream, FCGI_RECORD_BODY, id, (const char *)body + at, length - at < step ? length - at : step,
                      padding);
    stream_record(stream, FCGI_RECORD_BODY, id, NULL, 0, padding);
}

/* One request as it is framed: where it begins, its parameters' bytes and its body's. Offsets into the stream. */
struct framed {
    bool whole_head, whole; /* else the stream ends, or is none, before */
    bool keep, in_turns;
    unsigned id;
    size_t head_end, end;
    unsigned char *params, *body; /* the caller's to free */
    size_t params_length, body_length;
};

static inline void framed_free(struct framed *framed)
{
    free(framed->params);
    free(framed->body);
}

/* The request that begins at this offset. */
static inline struct framed framed_read(const unsigned char *bytes, size_t length, size_t at)
{
    struct framed framed = {.whole = false};
    enum { BEGIN, PARAMS, BODY } want = BEGIN;
    size_t start = at;

    framed.params = malloc(length + 1);
    framed.body = malloc(length + 1);
    if (framed.params == NULL || framed.body == NULL)
        abort();
    while (length - at >= FCGI_RECORD_HEADER_BYTES) {
        const unsigned char *header = bytes + at, *content = header + FCGI_RECORD_HEADER_BYTES;
        size_t content_length = fcgi_record_content(header);
        size_t end = at + FCGI_RECORD_HEADER_BYTES + content_length + fcgi_record_padding(header);
        static const unsigned types[] = {FCGI_RECORD_BEGIN, FCGI_RECORD_PARAMS, FCGI_RECORD_BODY};

        if (end > length || header[0] != FCGI_RECORD_VERSION || header[1] != types[want] ||
            (want != BEGIN && fcgi_record_id(header) != framed.id))
            break;
        if (want != BODY && end - start > FCGI_HEAD_MAX_BYTES && content_length > 0)
            break;
        if (want == BEGIN) {
            framed.id = fcgi_record_id(header);
            if (framed.id == 0 || content_length != 8)
                break;
            framed.keep = (content[2] & 1) != 0;
            want = PARAMS;
        } else if (want == PARAMS && content_length > 0) {
            memcpy(framed.params + framed.params_length, content, content_length);
            framed.params_length += content_length;
        } else if (want == PARAMS) {
            framed.whole_head = true;
            framed.head_end = end;
            want = BODY;
        } else if (content_length > 0) {
            memcpy(framed.body + framed.body_length, content, content_length);
            framed.body_length += content_length;
        } else {
            framed.whole = true;
            framed.end = end;
            break;
        }
        at = end;
    }
    return framed;
}

#endif
