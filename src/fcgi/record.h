/* The records that FastCGI connections are made of (FastCGI Specification 1.0, section 3.3 and appendix A). */
#ifndef MAYFLY_FCGI_RECORD_H
#define MAYFLY_FCGI_RECORD_H

#include <stddef.h>
#include <string.h>

enum {
    FCGI_RECORD_VERSION = 1,
    FCGI_RECORD_HEADER_BYTES = 8,
    FCGI_RECORD_CONTENT_MAX = 0xFFFF,
};

enum fcgi_record_type {
    FCGI_RECORD_BEGIN = 1,
    FCGI_RECORD_ABORT = 2,
    FCGI_RECORD_END = 3,
    FCGI_RECORD_PARAMS = 4,
    FCGI_RECORD_BODY = 5,
    FCGI_RECORD_ANSWER = 6,
};

static inline unsigned fcgi_record_id(const unsigned char header[FCGI_RECORD_HEADER_BYTES])
{
    return (unsigned)header[2] << 8 | header[3];
}

static inline size_t fcgi_record_content(const unsigned char header[FCGI_RECORD_HEADER_BYTES])
{
    return (size_t)header[4] << 8 | header[5];
}

static inline size_t fcgi_record_padding(const unsigned char header[FCGI_RECORD_HEADER_BYTES])
{
    return header[6];
}

/* A header without padding. */
static inline void fcgi_record_write(unsigned char header[FCGI_RECORD_HEADER_BYTES], enum fcgi_record_type type,
                                     unsigned id, size_t content)
{
    const unsigned char bytes[FCGI_RECORD_HEADER_BYTES] = {
        FCGI_RECORD_VERSION, (unsigned char)type,           (unsigned char)(id >> 8),
        (unsigned char)id,   (unsigned char)(content >> 8), (unsigned char)content,
    };

    memcpy(header, bytes, sizeof bytes);
}

#endif
