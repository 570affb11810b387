#include "http/request.h"

#include "base/decimal.h"

#include "base/utf8.h"
#include "http/accept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum method method;
} methods[] = {
    {"GET", METHOD_GET},     {"HEAD", METHOD_HEAD},     {"POST", METHOD_POST},       {"PUT", METHOD_PUT},
    {"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE}, {"OPTIONS", METHOD_OPTIONS},
};

const char *method_name(enum method method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (methods[i].method == method)
            return methods[i].name;
    return NULL;
}

enum method method_of(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return (enum method)0;
}

/* The parameters that nginx/mayfly-params.conf and nginx/mayfly-inner.conf name; others are ignored. */
static const struct {
    const char *name;
    size_t length;
    size_t offset;
} texts[] = {
#define ROW(name_, member)                                                                                             \
    {                                                                                                                  \
        name_, sizeof name_ - 1, offsetof(struct request, member)                                                      \
    }
    ROW("DOCUMENT_URI", path),
    ROW("QUERY_STRING", query),
    ROW("CONTENT_TYPE", content_type),
    ROW("REMOTE_ADDR", address),
    ROW("MAYFLY_NGINX", nginx),
    ROW("MAYFLY_REQUEST_ID", request_id),
    ROW("HTTP_TRACEPARENT", traceparent),
    ROW("MAYFLY_ORIGIN", origin),
    ROW("HTTP_COOKIE", cookie),
    ROW("HTTP_AUTHORIZATION", authorization),
    ROW("HTTP_ACCEPT", accept),
    ROW("HTTP_USER_AGENT", user_agent),
    ROW("HTTP_ORIGIN", origin_header),
    ROW("HTTP_SEC_FETCH_SITE", fetch_site),
    ROW("HTTP_ACCESS_CONTROL_REQUEST_METHOD", preflight),
    ROW("HTTP_SEC_PURPOSE", sec_purpose),
    ROW("HTTP_PURPOSE", purpose),
    ROW("HTTP_IF_MATCH", if_match),
    ROW("HTTP_IF_NONE_MATCH", if_none_match),
    ROW("HTTP_IF_MODIFIED_SINCE", if_modified_since),
    ROW("HTTP_IF_UNMODIFIED_SINCE", if_unmodified_since),
    ROW("HTTP_IDEMPOTENCY_KEY", idempotency_key),
    ROW("HTTP_X_CSRF_TOKEN", csrf_token),
    ROW("HTTP_RANGE", range),
    ROW("HTTP_IF_RANGE", if_range),
    ROW("HTTP_CONTENT_RANGE", content_range),
    ROW("HTTP_CONTENT_DISPOSITION", content_disposition),
    ROW("HTTP_X_HTTP_METHOD_OVERRIDE", method_override),
    ROW("HTTP_TUS_RESUMABLE", tus_resumable),
    ROW("HTTP_UPLOAD_OFFSET", upload_offset),
    ROW("HTTP_UPLOAD_LENGTH", upload_length),
    ROW("HTTP_UPLOAD_DEFER_LENGTH", upload_defer_length),
    ROW("HTTP_UPLOAD_METADATA", upload_metadata),
    ROW("HTTP_UPLOAD_CHECKSUM", upload_checksum),
    ROW("HTTP_UPLOAD_CONCAT", upload_concat),
    ROW("MAYFLY_TARGET", target),
    ROW("MAYFLY_METHOD", asked),
    ROW("MAYFLY_SENT", sent),
    ROW("MAYFLY_REQUIRE", require),
    ROW("MAYFLY_PREFIX", prefix),
    ROW("MAYFLY_STREAM", stream),
    ROW("MAYFLY_QUEUE", queue),
    ROW("MAYFLY_S3", storage),
    ROW("MAYFLY_S3_FAILED", storage_failed),
#undef ROW
};

/* Some tus clients can't send PATCH (tus 1.0.0, X-HTTP-Method-Override); no other client needs this. */
static void override_method(struct request *request)
{
    enum method method = method_of(request->method_override);

    if (request->method == METHOD_POST && method != 0 && strncmp(request->path, "/uploads/", strlen("/uploads/")) == 0)
        request->method = method;
}

static bool set_length(struct request *request, const char *text, struct err *err)
{
    if (text[0] == '\0' || decimal_parse(text, 0, INT64_MAX, &request->content_length))
        return true;
    return err_set(err, ERR_INPUT, "Content-Length is not a number");
}

static void set_text(struct request *request, const char *name, size_t length, const char *value)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].length == length && memcmp(texts[i].name, name, length) == 0) {
            *(const char **)((char *)request + texts[i].offset) = value;
            return;
        }
}

bool request_parse(struct request *request, const char *const *params, struct err *err)
{
    const struct body_source body = request->body;
    const char *method = "", *content_length = "";

    *request = (struct request){.body = body};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *(const char **)((char *)request + texts[i].offset) = "";
    for (; *params != NULL; params++) {
        const char *value = strchr(*params, '=');
        size_t length;

        if (value == NULL)
            continue;
        length = (size_t)(value++ - *params);
        if (length == 14 && memcmp(*params, "REQUEST_METHOD", length) == 0)
            method = value;
        else if (length == 14 && memcmp(*params, "CONTENT_LENGTH", length) == 0)
            content_length = value;
        else
            set_text(request, *params, length, value);
    }
    /* An unknown one stays 0: the route table says whether the path exists and which methods it has. */
    request->method = method_of(method);
    override_method(request);
    if (!set_length(request, content_length, err))
        return false;
    if (request->path[0] != '/' || utf8_check(request->path, strlen(request->path)) != strlen(request->path))
        return err_set(err, ERR_INPUT, "the path is not UTF-8");
    if (utf8_has_control(request->path, strlen(request->path)))
        return err_set(err, ERR_INPUT, "the path has a control character");
    if (strlen(request->request_id) > REQUEST_ID_MAX)
        return err_set(err, ERR_INPUT, "the request id is too long");
    return true;
}

bool request_body(struct request *request, struct arena *arena, size_t most, struct buf *body, struct err *err)
{
    size_t length = (size_t)request->content_length;
    char *room;

    buf_init(body, arena, most);
    if (length > most)
        return err_set(err, ERR_LARGE, "the body may have at most %zu bytes", most);
    room = buf_reserve(body, length);
    if (room == NULL)
        return err_memory(err);
    while (body->length < length) {
        size_t got = request->body.read(request->body.source, body->bytes + body->length, length - body->length);

        if (got == 0)
            return err_set(err, ERR_INPUT, "the body ends after %zu of %zu bytes", body->length, length);
        body->length += got;
    }
    body->bytes[length] = '\0';
    return true;
}

bool request_has_type(const struct request *request, const char *type)
{
    size_t length = strlen(type);
    const char *given = request->content_type;

    return strncasecmp(given, type, length) == 0 && strchr("; \t", given[length]) != NULL;
}

bool request_wants_page(const struct request *request)
{
    return accept_page(request->accept);
}

bool request_wants_text(const struct request *request)
{
    return accept_text(request->accept);
}

const char *request_cookie(const struct request *request, const char *name, const char *after, size_t *length)
{
    const char *at = after != NULL ? after + strcspn(after, ";") : request->cookie;
    size_t name_length = strlen(name);

    while (*at != '\0') {
        at += strspn(at, "; \t");
        if (strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
            at += name_length + 1;
            *length = strcspn(at, "; \t");
            if (*length >= 2 && at[0] == '"' && at[*length - 1] == '"') {
                at++;
                *length -= 2;
            }
            return at;
        }
        at += strcspn(at, ";");
    }
    return NULL;
}

const char *request_bearer(const struct request *request, size_t *length)
{
    const char *at = request->authorization;

    if (strncasecmp(at, "Bearer ", 7) == 0)
        at += 7;
    at += strspn(at, " ");
    *length = strlen(at);
    while (*length > 0 && at[*length - 1] == ' ')
        --*length;
    return *length > 0 && memchr(at, ' ', *length) == NULL ? at : NULL;
}
