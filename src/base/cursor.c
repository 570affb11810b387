#include "base/cursor.h"

#include <string.h>

const unsigned char *cursor_take(struct cursor *cursor, size_t length)
{
    const unsigned char *bytes = cursor->at;

    if ((size_t)(cursor->end - cursor->at) < length)
        return NULL;
    cursor->at += length;
    return bytes;
}

const char *cursor_take_text(struct cursor *cursor)
{
    const unsigned char *nul = memchr(cursor->at, '\0', (size_t)(cursor->end - cursor->at));

    return nul != NULL ? (const char *)cursor_take(cursor, (size_t)(nul - cursor->at) + 1) : NULL;
}
