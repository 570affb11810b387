#include "prove/scenario_request.h"

#include "base/buf.h"
#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PADDING_MAX = 2, LINE_BYTES_MAX = 64 * 1024, BODY_BYTES_MAX = SCENARIO_FILE_BYTES_MAX + SCENARIO_BYTES_MAX };

/* What is made, and what it is made of. */
struct making {
    const struct scenario_entry *entry;
    const struct variables *variables;
    struct arena *arena;
    const char **headers;
    size_t count;
    bool has_type;
    struct buf body;
    bool has_body;
    struct err *err;
};

static bool fill(const struct making *making, const struct scenario_text *text, const char **bytes, size_t *length)
{
    return variables_fill(making->variables, text, making->arena, bytes, length, making->err);
}

static bool add(struct making *making, struct buf *buf, const char *bytes, size_t length)
{
    return buf_add(buf, bytes, length) || err_set(making->err, ERR_INPUT, "a request is longer than it may be");
}

static bool add_text(struct making *making, struct buf *buf, const char *text)
{
    return add(making, buf, text, strlen(text));
}

/* As a form and a query have it (WHATWG's application/x-www-form-urlencoded). */
static bool add_encoded(struct making *making, struct buf *buf, const struct scenario_text *text)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *bytes;
    size_t length;

    if (!fill(making, text, &bytes, &length))
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool itself = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      (c != '\0' && strchr("-._*", c) != NULL);

        if (!add(making, buf, itself ? bytes + i : encoded, itself ? 1 : 3))
            return false;
    }
    return true;
}

static bool add_pairs(struct making *making, struct buf *buf, const struct scenario_pairs *pairs)
{
    const struct scenario_pair *pair;

    STAILQ_FOREACH(pair, pairs, next)
    {
        if (pair != STAILQ_FIRST(pairs) && !add_text(making, buf, "&"))
            return false;
        if (!add_encoded(making, buf, &pair->name) || !add_text(making, buf, "=") ||
            !add_encoded(making, buf, &pair->value))
            return false;
    }
    return true;
}

/* --- The address */

static const char *make_url(struct making *making, const char *site)
{
    const struct scenario_entry *entry = making->entry;
    const char *bytes;
    size_t length;
    struct buf url;

    buf_init(&url, making->arena, LINE_BYTES_MAX);
    if (!fill(making, &entry->url, &bytes, &length) || (length > 0 && *bytes == '/' && !add_text(making, &url, site)) ||
        !add(making, &url, bytes, length))
        return NULL;
    for (size_t i = 0; i < url.length; i++)
        if ((unsigned char)url.bytes[i] <= ' ' || url.bytes[i] == 0x7F) {
            err_set(making->err, ERR_INPUT, "an address has no spaces and no control characters");
            return NULL;
        }
    if (!STAILQ_EMPTY(&entry->query) && (!add_text(making, &url, strchr(url.bytes, '?') != NULL ? "&" : "?") ||
                                         !add_pairs(making, &url, &entry->query)))
        return NULL;
    return url.bytes;
}

/* --- The header */

static bool add_header(struct making *making, const char *name, const char *value, size_t length)
{
    const char *line;

    if (making->count == SCENARIO_HEADERS_MAX)
        return err_set(making->err, ERR_INPUT, "a request has %d headers at most", SCENARIO_HEADERS_MAX);
    if (strlen(name) + length > LINE_BYTES_MAX || memchr(value, '\r', length) != NULL ||
        memchr(value, '\n', length) != NULL || memchr(value, '\0', length) != NULL || strpbrk(name, "\r\n:; ") != NULL)
        return err_set(making->err, ERR_INPUT, "the value of %.40s is not one line", name);
    /* This is how libcurl is told of one without a value. */
    line = length > 0 ? arena_printf(making->arena, "%s: %.*s", name, (int)length, value)
                      : arena_printf(making->arena, "%s;", name);
    if (line == NULL)
        return err_memory(making->err);
    making->has_type = making->has_type || strcasecmp(name, "Content-Type") == 0;
    making->headers[making->count++] = line;
    return true;
}

static bool add_cookies(struct making *making)
{
    const struct scenario_pair *pair;
    const char *name, *value;
    size_t name_length, value_length;
    struct buf line;

    if (STAILQ_EMPTY(&making->entry->cookies))
        return true;
    buf_init(&line, making->arena, LINE_BYTES_MAX);
    STAILQ_FOREACH(pair, &making->entry->cookies, next)
    if (!fill(making, &pair->name, &name, &name_length) || !fill(making, &pair->value, &value, &value_length) ||
        (line.length > 0 && !add_text(making, &line, "; ")) || !add(making, &line, name, name_length) ||
        !add_text(making, &line, "=") || !add(making, &line, value, value_length))
        return false;
    return add_header(making, "Cookie", line.bytes, line.length);
}

static bool add_basic(struct making *making)
{
    const char *user, *password;
    size_t user_length, password_length;
    struct buf both;
    char *line;

    if (!making->entry->has_basic)
        return true;
    buf_init(&both, making->arena, LINE_BYTES_MAX / 2);
    if (!fill(making, &making->entry->user, &user, &user_length) ||
        !fill(making, &making->entry->password, &password, &password_length) ||
        !add(making, &both, user, user_length) || !add_text(making, &both, ":") ||
        !add(making, &both, password, password_length))
        return false;
    line = arena_alloc(making->arena, sizeof "Basic " + BASE64_TEXT_BYTES(both.length) + PADDING_MAX);
    if (line == NULL)
        return err_memory(making->err);
    memcpy(line, "Basic ", sizeof "Basic ");
    bytes_to_base64(both.bytes, both.length, line + strlen(line));
    for (char *c = line + strlen("Basic "); *c != '\0'; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    for (size_t i = both.length % 3; i == 1 || i == 2; i++)
        strcat(line, "=");
    return add_header(making, "Authorization", line, strlen(line));
}

static bool add_headers(struct making *making)
{
    const struct scenario_pair *pair;
    const char *name, *value;
    size_t name_length, value_length;

    STAILQ_FOREACH(pair, &making->entry->headers, next)
    if (!fill(making, &pair->name, &name, &name_length) || !fill(making, &pair->value, &value, &value_length) ||
        !add_header(making, name, value, value_length))
        return false;
    return add_cookies(making) && add_basic(making);
}

/* --- The body */

static bool add_file(struct making *making, const char *folder, const char *name)
{
    const char *path = *name == '/' ? name : arena_printf(making->arena, "%s/%s", folder, name);
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    char block[16 * 1024];
    size_t length;
    bool ok = true;

    if (file == NULL)
        return err_set(making->err, ERR_INPUT, "%.200s: %s", path != NULL ? path : name, strerror(errno));
    while (ok && (length = fread(block, 1, sizeof block, file)) > 0)
        ok = add(making, &making->body, block, length);
    if (ok && ferror(file))
        ok = err_set(making->err, ERR_INPUT, "%.200s can't be read", path);
    fclose(file);
    return ok;
}

static bool add_part(struct making *making, const struct scenario_pair *pair, const char *folder, const char *boundary)
{
    const char *name, *value, *type = "application/octet-stream";
    size_t name_length, value_length, type_length = strlen(type);
    struct buf *body = &making->body;

    if (!fill(making, &pair->name, &name, &name_length) || !fill(making, &pair->value, &value, &value_length) ||
        (!STAILQ_EMPTY(&pair->type) && !fill(making, &pair->type, &type, &type_length)))
        return false;
    if (strpbrk(name, "\"\r\n") != NULL || (pair->is_file && strpbrk(value, "\"\r\n") != NULL))
        return err_set(making->err, ERR_INPUT, "the name of a part has no quotes and is one line");
    if (!add_text(making, body, "--") || !add_text(making, body, boundary) ||
        !add_text(making, body, "\r\nContent-Disposition: form-data; name=\"") ||
        !add(making, body, name, name_length) || !add_text(making, body, "\""))
        return false;
    if (pair->is_file) {
        const char *slash = strrchr(value, '/');

        if (!add_text(making, body, "; filename=\"") || !add_text(making, body, slash != NULL ? slash + 1 : value) ||
            !add_text(making, body, "\"\r\nContent-Type: ") || !add(making, body, type, type_length))
            return false;
    }
    return add_text(making, body, "\r\n\r\n") &&
           (pair->is_file ? add_file(making, folder, value) : add(making, body, value, value_length)) &&
           add_text(making, body, "\r\n");
}

static bool add_type(struct making *making, const char *type)
{
    return making->has_type || add_header(making, "Content-Type", type, strlen(type));
}

static bool make_multipart(struct making *making, const char *folder, const char *boundary)
{
    const struct scenario_pair *pair;
    const char *type = arena_printf(making->arena, "multipart/form-data; boundary=%s", boundary);

    if (type == NULL)
        return err_memory(making->err);
    STAILQ_FOREACH(pair, &making->entry->multipart, next)
    if (!add_part(making, pair, folder, boundary))
        return false;
    return add_text(making, &making->body, "--") && add_text(making, &making->body, boundary) &&
           add_text(making, &making->body, "--\r\n") && add_type(making, type);
}

static bool make_body(struct making *making, const char *folder, const char *boundary)
{
    const struct scenario_entry *entry = making->entry;
    const struct scenario_body *body = &entry->body;
    const char *bytes = (const char *)body->bytes;
    size_t length = body->length;

    making->has_body = true;
    if (!STAILQ_EMPTY(&entry->multipart))
        return make_multipart(making, folder, boundary);
    if (!STAILQ_EMPTY(&entry->form))
        return add_pairs(making, &making->body, &entry->form) && add_type(making, "application/x-www-form-urlencoded");
    if (body->kind != SCENARIO_NO_BODY && body->kind != SCENARIO_BODY_BYTES &&
        !fill(making, &body->text, &bytes, &length))
        return false;
    switch (body->kind) {
    case SCENARIO_NO_BODY:
        making->has_body = false;
        return true;
    case SCENARIO_BODY_JSON:
        return add(making, &making->body, bytes, length) && add_type(making, "application/json");
    case SCENARIO_BODY_TEXT:
        return add(making, &making->body, bytes, length) && add_type(making, "text/plain; charset=utf-8");
    case SCENARIO_BODY_BYTES:
        return add(making, &making->body, bytes, length) && add_type(making, "application/octet-stream");
    case SCENARIO_BODY_FILE:
        break;
    }
    return add_file(making, folder, bytes) && add_type(making, "application/octet-stream");
}

bool scenario_request_make(const struct scenario_entry *entry, const struct variables *variables, const char *url,
                           const char *folder, const char *boundary, struct arena *arena, struct prove_request *request,
                           struct err *err)
{
    struct making making = {.entry = entry,
                            .variables = variables,
                            .arena = arena,
                            .headers = arena_alloc(arena, (SCENARIO_HEADERS_MAX + 1) * sizeof(const char *)),
                            .err = err};
    const char *full;

    if (making.headers == NULL)
        return err_memory(err);
    buf_init(&making.body, arena, BODY_BYTES_MAX);
    full = make_url(&making, url);
    if (full == NULL || !add_headers(&making) || !make_body(&making, folder, boundary))
        return false;
    /* libcurl would call any body a form. */
    if (!making.has_body && !making.has_type)
        making.headers[making.count++] = "Content-Type:";
    *request = (struct prove_request){.method = entry->method,
                                      .url = full,
                                      .headers = making.headers,
                                      .header_count = making.count,
                                      .body = making.has_body ? making.body.bytes : NULL,
                                      .length = making.body.length,
                                      .follow = entry->follows};
    return true;
}
