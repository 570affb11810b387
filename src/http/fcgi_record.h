/* The records that FastCGI connections are made of (FastCGI Specification 1.0, section 3.3 and appendix A). */
#ifndef MAYFLY_HTTP_FCGI_RECORD_H
#define MAYFLY_HTTP_FCGI_RECORD_H

#include <stddef.h>

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
    header[0] = FCGI_RECORD_VERSION;
    header[1] = (unsigned char)type;
    header[2] = (unsigned char)(id >> 8);
    header[3] = (unsigned char)id;
    header[4] = (unsigned char)(content >> 8);
    header[5] = (unsigned char)content;
    header[6] = 0;
    header[7] = 0;
}

#endif
