#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Enough for a small answer without growing. */
enum { FIRST_CAPACITY = 512 };

void buf_init(struct buf *buf, struct arena *arena, size_t max_bytes)
{
    *buf = (struct buf){.arena = arena, .bytes = (char *)"", .max_bytes = max_bytes};
}

char *buf_reserve(struct buf *buf, size_t length)
{
    size_t capacity = buf->capacity > 0 ? buf->capacity : FIRST_CAPACITY;
    char *bytes;

    if (length > buf->max_bytes || buf->length > buf->max_bytes - length)
        return NULL;
    if (buf->capacity > 0 && buf->length + length < buf->capacity)
        return buf->bytes + buf->length;
    while (capacity <= buf->length + length)
        capacity *= 2;
    bytes = arena_alloc(buf->arena, capacity);
    if (bytes == NULL)
        return NULL;
    memcpy(bytes, buf->bytes, buf->length + 1);
    buf->bytes = bytes;
    buf->capacity = capacity;
    return bytes + buf->length;
}

bool buf_add(struct buf *buf, const void *bytes, size_t length)
{
    char *room = buf_reserve(buf, length);

    if (room == NULL)
        return false;
    if (length > 0)
        memcpy(room, bytes, length);
    room[length] = '\0';
    buf->length += length;
    return true;
}

bool buf_add_string(struct buf *buf, const char *text)
{
    return buf_add(buf, text, strlen(text));
}

bool buf_add_strings(struct buf *buf, const char *const *texts, size_t count)
{
    size_t before = buf->length;

    for (size_t i = 0; i < count; i++)
        if (!buf_add_string(buf, texts[i])) {
            buf->length = before;
            if (buf->capacity > 0)
                buf->bytes[before] = '\0';
            return false;
        }
    return true;
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    char *room;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return false;
    room = buf_reserve(buf, (size_t)length);
    if (room == NULL)
        return false;
    va_start(arguments, format);
    vsnprintf(room, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buf->length += (size_t)length;
    return true;
}
