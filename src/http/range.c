#include "http/range.h"

#include "base/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum range_answer read_suffix(const char **at, int64_t size, struct range *range)
{
    int64_t suffix;

    ++*at;
    if (!decimal_take(at, &suffix))
        return RANGE_WHOLE;
    if (suffix == 0)
        return RANGE_OUTSIDE;
    range->length = suffix < size ? suffix : size;
    range->offset = size - range->length;
    return RANGE_PART;
}

static enum range_answer read_from(const char **at, int64_t size, struct range *range)
{
    int64_t first, last;

    if (!decimal_take(at, &first) || **at != '-')
        return RANGE_WHOLE;
    ++*at;
    if (!decimal_take(at, &last))
        last = INT64_MAX;
    if (last < first)
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_OUTSIDE;
    range->offset = first;
    range->length = (last < size ? last + 1 : size) - first;
    return RANGE_PART;
}

enum range_answer range_read(const char *header, int64_t size, struct range *range)
{
    /* A list may have empty elements, which are ignored. */
    static const char between[] = " \t,";
    enum range_answer answer;

    *range = (struct range){.offset = 0};
    /* An empty file has no parts, and Content-Range can't express one; players ask for bytes=0- of any file. */
    if (size == 0 || strncasecmp(header, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    header += 6;
    header += strspn(header, between);
    answer = *header == '-' ? read_suffix(&header, size, range) : read_from(&header, size, range);
    if (header[strspn(header, between)] != '\0')
        answer = RANGE_WHOLE;
    if (answer != RANGE_PART)
        *range = (struct range){.offset = 0};
    return answer;
}

bool range_applies(const char *if_range, const char *tag)
{
    if (if_range[0] == '\0')
        return true;
    if_range += strspn(if_range, " \t");
    if (tag[0] != '"' || strncmp(if_range, tag, strlen(tag)) != 0)
        return false;
    if_range += strlen(tag);
    return if_range[strspn(if_range, " \t")] == '\0';
}

void range_format(const struct range *range, int64_t size, char text[RANGE_TEXT_BYTES])
{
    snprintf(text, RANGE_TEXT_BYTES, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range->offset,
             range->offset + range->length - 1, size);
}

void range_format_outside(int64_t size, char text[RANGE_TEXT_BYTES])
{
    snprintf(text, RANGE_TEXT_BYTES, "bytes */%" PRId64, size);
}
