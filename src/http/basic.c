#include "http/basic.h"

#include "base/base64.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

/* Longer than any name with a key. A longer value is meant for another program. */
enum { TEXT_MAX = 4096 };

bool basic_read(struct arena *arena, const char *authorization, struct basic *basic, struct err *err)
{
    const char *at = authorization;
    size_t length, decoded;
    char *text, *colon;

    if (strncasecmp(at, "Basic ", strlen("Basic ")) != 0)
        return false;
    at += strlen("Basic ");
    at += strspn(at, " ");
    length = strcspn(at, " ");
    if (length > TEXT_MAX)
        return false;
    text = arena_alloc(arena, BASE64_DECODED_BYTES(length) + 1);
    if (text == NULL)
        return err_memory(err);
    if (!base64_decode(at, length, text, BASE64_DECODED_BYTES(length), &decoded))
        return false;
    text[decoded] = '\0';
    colon = memchr(text, ':', decoded);
    if (colon == NULL || utf8_check(text, decoded) != decoded || utf8_has_control(text, decoded))
        return false;
    *colon = '\0';
    *basic = (struct basic){.name = text, .password = colon + 1};
    return true;
}
