/* Parts of a representation (RFC 9110, section 14): one range of bytes; several are answered with the whole. */
#ifndef MAYFLY_HTTP_RANGE_H
#define MAYFLY_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range_answer {
    RANGE_WHOLE,   /* 200: no range, several, another unit, or one that can't be understood */
    RANGE_PART,    /* 206 */
    RANGE_OUTSIDE, /* 416 */
};

/* In bytes; both are 0 unless the result is a part. */
struct range {
    int64_t offset;
    int64_t length;
};

/* Evaluates a Range header ("" for none) for size bytes. For GET only: Range has no meaning for other methods. */
enum range_answer range_read(const char *header, int64_t size, struct range *);

/*
 * Whether If-Range ("" for none) allows the Range header: it must be exactly this tag, and a strong one. A date is
 * never enough; the client then gets the whole, which is always correct.
 */
bool range_applies(const char *if_range, const char *tag);

/* The longest: "bytes ", three numbers of 19 digits, '-', '/' and NUL. */
enum { RANGE_TEXT_BYTES = 66 };

/* Content-Range of a part; and of no part, for 416: "bytes *" and the size. */
void range_format(const struct range *, int64_t size, char text[RANGE_TEXT_BYTES]);
void range_format_outside(int64_t size, char text[RANGE_TEXT_BYTES]);

#endif
