#include "http/response.h"

#include <stdlib.h>
#include <string.h>

void response_init(struct response *response, struct arena *arena)
{
    *response =
        (struct response){.status = 200, .type = "application/json", .cache_control = "no-store", .vary = "Accept"};
    buf_init(&response->headers, arena, RESPONSE_HEADERS_MAX);
    buf_init(&response->body, arena, RESPONSE_BODY_MAX);
}

bool response_header(struct response *response, const char *name, const char *value, struct err *err)
{
    if (strpbrk(value, "\r\n") != NULL)
        return err_set(err, ERR_BUG, "line break in header %s", name);
    if (!BUF_ADD_STRINGS(&response->headers, name, ": ", value, "\r\n"))
        return err_set(err, ERR_BUG, "no room for header %s", name);
    return true;
}

const char *response_header_find(const struct response *response, struct arena *arena, const char *name)
{
    size_t length = strlen(name);
    const char *line = response->headers.bytes;

    while (line[0] != '\0') {
        const char *end = strstr(line, "\r\n");

        if (strncmp(line, name, length) == 0 && strncmp(line + length, ": ", 2) == 0)
            return arena_strndup(arena, line + length + 2, (size_t)(end - line) - length - 2);
        line = end + 2;
    }
    return NULL;
}

bool response_json(struct response *response, int status, const char *json, struct err *err)
{
    response->status = status;
    response->type = "application/json";
    if (!buf_add_string(&response->body, json))
        return err_set(err, ERR_BUG, "answer is too long");
    return true;
}

bool response_see_other(struct response *response, const char *location, struct err *err)
{
    response->status = 303;
    return response_header(response, "Location", location, err);
}

bool response_pack(const struct response *response, struct arena *arena, struct buf *packed, struct err *err)
{
    buf_init(packed, arena, RESPONSE_HEADERS_MAX + RESPONSE_BODY_MAX + 256);
    if (buf_printf(packed, "%d\n%s\n%zu\n", response->status, response->type, response->headers.length) &&
        buf_add(packed, response->headers.bytes, response->headers.length) &&
        buf_add(packed, response->body.bytes, response->body.length))
        return true;
    return err_set(err, ERR_BUG, "answer is too long to keep");
}

bool response_unpack(struct response *response, char *packed, size_t length, struct err *err)
{
    char *type = memchr(packed, '\n', length);
    char *headers_length = type != NULL ? strchr(type + 1, '\n') : NULL;
    char *headers = headers_length != NULL ? strchr(headers_length + 1, '\n') : NULL;
    size_t left, headers_bytes;

    if (headers == NULL)
        return err_set(err, ERR_BUG, "kept answer can't be read");
    *type++ = '\0';
    *headers_length++ = '\0';
    *headers++ = '\0';
    left = length - (size_t)(headers - packed);
    headers_bytes = strtoul(headers_length, NULL, 10);
    if (headers_bytes > left)
        return err_set(err, ERR_BUG, "kept answer is cut off");
    response->status = atoi(packed);
    response->type = type;
    if (!buf_add(&response->headers, headers, headers_bytes) ||
        !buf_add(&response->body, headers + headers_bytes, left - headers_bytes))
        return err_memory(err);
    return true;
}
