#include "fcgi/head.h"

#include "fcgi/record.h"

#include <string.h>

enum { BEGIN_BODY_BYTES = 8, BEGIN_FLAGS = 2, BEGIN_FLAG_KEEP = 1 };

static const char stream_name[] = "MAYFLY_STREAM";

/*
 * Name-value pairs (section 3.4) must fill the record's content exactly, since libfcgi trusts their lengths. Sets
 * in_turns when one has the name by which nginx marks bodies that it passes on as they come.
 */
static bool pairs_fit(const unsigned char *at, size_t left, bool *in_turns)
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
        if (lengths[0] == sizeof stream_name - 1 && memcmp(at, stream_name, lengths[0]) == 0)
            *in_turns = true;
        at += lengths[0] + lengths[1];
        left -= lengths[0] + lengths[1];
    }
    return true;
}

enum fcgi_head fcgi_head_check(const unsigned char *bytes, size_t length, struct fcgi_head_facts *facts)
{
    bool begun = false;
    size_t at = 0;

    *facts = (struct fcgi_head_facts){.length = 0};
    while (length - at >= FCGI_RECORD_HEADER_BYTES) {
        const unsigned char *record = bytes + at;
        const unsigned char *content = record + FCGI_RECORD_HEADER_BYTES;
        size_t content_length = fcgi_record_content(record);
        size_t whole = FCGI_RECORD_HEADER_BYTES + content_length + fcgi_record_padding(record);

        if (record[0] != FCGI_RECORD_VERSION || record[1] != (begun ? FCGI_RECORD_PARAMS : FCGI_RECORD_BEGIN) ||
            (!begun && content_length != BEGIN_BODY_BYTES) || at + whole > FCGI_HEAD_MAX_BYTES)
            return FCGI_HEAD_BAD;
        /* libfcgi skips records of another request, and takes those of request 0 for management records. */
        if (fcgi_record_id(record) == 0 || (begun && fcgi_record_id(record) != facts->id))
            return FCGI_HEAD_BAD;
        /*
         * libfcgi 2.4.2 finds no parameters after a padded BEGIN_REQUEST, and takes the padding of the last record for
         * the start of the next head. No server pads them.
         */
        if ((!begun || content_length == 0) && fcgi_record_padding(record) != 0)
            return FCGI_HEAD_BAD;
        if (begun && content_length == 0) {
            facts->length = at + whole;
            return FCGI_HEAD_COMPLETE;
        }
        if (length - at < whole)
            return FCGI_HEAD_PARTIAL;
        /* The specification allows a pair to span two records; nginx sends all pairs in one, or refuses the request. */
        if (begun && !pairs_fit(content, content_length, &facts->in_turns))
            return FCGI_HEAD_BAD;
        if (!begun)
            facts->keep = (content[BEGIN_FLAGS] & BEGIN_FLAG_KEEP) != 0;
        begun = true;
        facts->id = fcgi_record_id(record);
        at += whole;
    }
    return length >= FCGI_HEAD_MAX_BYTES ? FCGI_HEAD_BAD : FCGI_HEAD_PARTIAL;
}
