#include "gate/path.h"

#include "base/percent.h"
#include "base/utf8.h"

#include <string.h>

/*
 * Characters that NFKC turns into dots, slashes, backslashes, percent signs or semicolons (or "..", "..."): forms of
 * other width and size.
 */
static bool is_double(uint32_t code)
{
    return (code >= 0xFF01 && code <= 0xFF5E) || (code >= 0xFE50 && code <= 0xFE6B) ||
           (code >= 0x2024 && code <= 0x2026) || code == 0xFE19 || code == 0xFE30;
}

static bool is_plain_text(const char *text, size_t length)
{
    for (size_t at = 0, step; at < length; at += step) {
        step = utf8_sequence(text + at, length - at);
        if (step == 0 || is_double(utf8_code_point(text + at, step)))
            return false;
    }
    return !utf8_has_control(text, length);
}

/* Splits a decoded path into segments; "/" alone has one segment, which is empty and the last. */
static bool has_plain_segments(const char *path)
{
    while (*path == '/') {
        size_t length = strcspn(++path, "/");

        if (length == 0)
            return *path == '\0';
        if (path[length - 1] == '.' || path[length - 1] == ' ')
            return false;
        path += length;
    }
    return true;
}

bool path_plain(const char *target, size_t length, char plain[PATH_BYTES])
{
    const char *query = memchr(target, '?', length);
    size_t end = query != NULL ? (size_t)(query - target) : length, out = 0;

    plain[0] = '\0';
    if (end == 0 || target[0] != '/')
        return false;
    for (size_t at = 0; at < end; at++) {
        int byte = target[at] == '%' ? percent_byte(target + at, end - at) : (unsigned char)target[at];
        bool decoded = target[at] == '%';

        if (byte <= 0 || strchr(";\\#?%", byte) != NULL || (decoded && byte == '/') || out == PATH_BYTES - 1) {
            plain[0] = '\0';
            return false;
        }
        plain[out++] = (char)byte;
        at += decoded ? 2 : 0;
    }
    plain[out] = '\0';
    if (is_plain_text(plain, out) && has_plain_segments(plain))
        return true;
    plain[0] = '\0';
    return false;
}

bool path_matches(const char *pattern, const char *plain)
{
    while (*pattern == '/' && *plain == '/') {
        size_t wanted = strcspn(++pattern, "/"), length = strcspn(++plain, "/");

        if (wanted == 0)
            return true; /* a pattern's last segment is empty: all beneath */
        if (wanted == 1 && pattern[0] == '*' ? length == 0 : wanted != length || memcmp(pattern, plain, length) != 0)
            return false;
        pattern += wanted;
        plain += length;
    }
    return *pattern == '\0' && *plain == '\0';
}
