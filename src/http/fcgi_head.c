#include "http/fcgi_head.h"

#include <stdbool.h>

enum { RECORD_HEADER_BYTES = 8, FASTCGI_VERSION = 1, BEGIN_REQUEST = 1, PARAMS = 4, BEGIN_BODY_BYTES = 8 };

/* Name-value pairs (section 3.4) must fill the record's content exactly: libfcgi believes their lengths. */
static bool pairs_fit(const unsigned char *at, size_t left)
{
    while (left > 0) {
        size_t lengths[2];

        for (int i = 0; i < 2; i++) {
            size_t width = left > 0 && (at[0] & 0x80) != 0 ? 4 : 1;

            if (left < width)
                return false;
            lengths[i] =
                width == 1 ? at[0] : (size_t)(at[0] & 0x7F) << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
            at += width;
            left -= width;
        }
        if (lengths[0] > left || lengths[1] > left - lengths[0])
            return false;
        at += lengths[0] + lengths[1];
        left -= lengths[0] + lengths[1];
    }
    return true;
}

enum fcgi_head fcgi_head_check(const unsigned char *bytes, size_t length)
{
    bool begun = false;
    unsigned id = 0;
    size_t at = 0;

    while (length - at >= RECORD_HEADER_BYTES) {
        const unsigned char *record = bytes + at;
        unsigned record_id = (unsigned)record[2] << 8 | record[3];
        size_t content = (size_t)record[4] << 8 | record[5];
        size_t whole = RECORD_HEADER_BYTES + content + record[6];

        if (record[0] != FASTCGI_VERSION || record[1] != (begun ? PARAMS : BEGIN_REQUEST) ||
            (!begun && content != BEGIN_BODY_BYTES))
            return FCGI_HEAD_BAD;
        /* libfcgi skips records of another request, and takes those of request 0 for questions about itself. */
        if (record_id == 0 || (begun && record_id != id))
            return FCGI_HEAD_BAD;
        if (begun && content == 0 && length - at >= whole)
            return FCGI_HEAD_COMPLETE;
        if (at + whole > FCGI_HEAD_MAX_BYTES)
            return FCGI_HEAD_BAD;
        if (length - at < whole)
            return FCGI_HEAD_PARTIAL;
        /* A pair may span two records by the specification; nginx sends all pairs in one, or refuses the request. */
        if (begun && !pairs_fit(record + RECORD_HEADER_BYTES, content))
            return FCGI_HEAD_BAD;
        begun = true;
        id = record_id;
        at += whole;
    }
    return length >= FCGI_HEAD_MAX_BYTES ? FCGI_HEAD_BAD : FCGI_HEAD_PARTIAL;
}
