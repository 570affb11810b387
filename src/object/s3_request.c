#include "object/s3_request.h"

#include "base/decimal.h"

#include "object/s3.h"

#include <stdlib.h>
#include <string.h>

void s3_answer_init(struct s3_answer *answer)
{
    answer->status = 0;
    for (size_t i = 0; i < S3_HEADER_COUNT; i++)
        answer->header[i] = "";
}

bool s3_endpoint_parse(const char *setting, const char *url, struct s3_endpoint *endpoint, struct err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    const char *standard_port, *host;
    size_t length;

    endpoint->secure = strncmp(url, "https://", 8) == 0;
    if (!endpoint->secure && strncmp(url, "http://", 7) != 0)
        return err_set(err, ERR_INPUT, "%s: '%s': say http:// or https:// and the host, such as https://s3.example.org",
                       setting, url);
    host = url + (endpoint->secure ? 8 : 7);
    length = strcspn(host, "/");
    if (length == 0 || length >= sizeof endpoint->host || host[length + strspn(host + length, "/")] != '\0' ||
        strspn(host, allowed) < length)
        return err_set(err, ERR_INPUT, "%s: '%s': say https://host or https://host:port, with nothing after it",
                       setting, url);
    memcpy(endpoint->host, host, length);
    endpoint->host[length] = '\0';
    /* libcurl leaves the standard port out of the Host header, which is signed. */
    standard_port = endpoint->secure ? ":443" : ":80";
    if (length > strlen(standard_port) && strcmp(endpoint->host + length - strlen(standard_port), standard_port) == 0)
        endpoint->host[length - strlen(standard_port)] = '\0';
    return true;
}

/* This and the next function also count what has no room, so that sound notices it. */
void s3_request_query(struct s3_request *request, const char *name, const char *value)
{
    if (request->query_count < S3_QUERY_MAX)
        request->query[request->query_count] = (struct sigv4_pair){name, value};
    request->query_count++;
}

void s3_request_header(struct s3_request *request, const char *name, const char *value)
{
    if (request->header_count < S3_HEADERS_MAX)
        request->headers[request->header_count] = (struct sigv4_pair){name, value};
    request->header_count++;
}

/* Whether there was room for all parameters and headers, and no value contains the end of a header. */
static bool sound(const struct s3_request *request, struct err *err)
{
    if (request->query_count > S3_QUERY_MAX || request->header_count > S3_HEADERS_MAX)
        return err_set(err, ERR_BUG, "%s: %zu parameters and %zu headers", request->name, request->query_count,
                       request->header_count);
    for (size_t i = 0; i < request->header_count; i++)
        for (const char *at = request->headers[i].value; *at != '\0'; at++)
            if ((unsigned char)*at < ' ' || *at == 0x7f)
                return err_set(err, ERR_BUG, "%s: a control character in %s", request->name, request->headers[i].name);
    return true;
}

/* Sets the path and the host of a key, in one of the two styles. */
static bool place(struct arena *arena, const struct config *config, const struct s3_endpoint *endpoint, const char *key,
                  const char **path, const char **host, struct err *err)
{
    const char *bucket = config->s3_bucket;

    if (strlen(key) > S3_KEY_MAX)
        return err_set(err, ERR_BUG, "a key of %zu bytes", strlen(key));
    if (config->s3_path_style) {
        *path = arena_printf(arena, key[0] != '\0' ? "/%s/%s" : "/%s%s", bucket, key);
        *host = endpoint->host;
    } else {
        *path = arena_printf(arena, "/%s", key);
        *host = arena_printf(arena, "%s.%s", bucket, endpoint->host);
    }
    return (*path != NULL && *host != NULL) || err_memory(err);
}

static const char *url_of(struct arena *arena, const struct s3_endpoint *endpoint, const char *host,
                          const struct sigv4_signed *result)
{
    return arena_printf(arena, "%s://%s%s%s%s", endpoint->secure ? "https" : "http", host, result->path,
                        result->query[0] != '\0' ? "?" : "", result->query);
}

static void add(struct s3_signed *out, const char *name, const char *value)
{
    out->headers[out->header_count++] = (struct sigv4_pair){name, value};
}

/* Adds the headers that every request has. */
static bool add_headers(struct arena *arena, const struct sigv4_signer *signer, const struct s3_request *request,
                        const char *host, const char *payload, struct s3_signed *out)
{
    char *date = arena_alloc(arena, SIGV4_DATE_BYTES);

    if (date == NULL)
        return false;
    sigv4_date(signer->now_ms, date);
    if (request->header_count > 0)
        memcpy(out->headers, request->headers, request->header_count * sizeof out->headers[0]);
    out->header_count = request->header_count;
    add(out, "host", host);
    add(out, "x-amz-content-sha256", payload);
    add(out, "x-amz-date", date);
    if (signer->key->token[0] != '\0')
        add(out, "x-amz-security-token", signer->key->token);
    return true;
}

static const char *payload_text(struct arena *arena, const struct s3_request *request)
{
    unsigned char digest[SHA256_BYTES];
    char *text = arena_alloc(arena, SHA256_HEX_BYTES);

    if (text == NULL)
        return NULL;
    sha256_of(request->body_length > 0 ? request->body : "", request->body_length, digest);
    sha256_hex(digest, text);
    return text;
}

bool s3_request_sign(struct arena *arena, const struct config *config, const struct s3_endpoint *endpoint,
                     const struct sigv4_signer *signer, const struct s3_request *request, struct s3_signed *out,
                     struct err *err)
{
    struct sigv4_request what = {
        .method = request->method, .query = request->query, .query_count = request->query_count};
    struct sigv4_signed result;
    const char *host;

    *out = (struct s3_signed){.url = NULL};
    if (!sound(request, err) || !place(arena, config, endpoint, request->key, &what.path, &host, err))
        return false;
    what.payload = payload_text(arena, request);
    if (what.payload == NULL || !add_headers(arena, signer, request, host, what.payload, out))
        return err_memory(err);
    what.headers = out->headers;
    what.header_count = out->header_count;
    if (!sigv4_sign(arena, signer, &what, &result, err))
        return false;
    add(out, "authorization", result.authorization);
    out->url = url_of(arena, endpoint, host, &result);
    return out->url != NULL || err_memory(err);
}

bool s3_request_presign(struct arena *arena, const struct config *config, const struct s3_endpoint *endpoint,
                        const struct sigv4_signer *signer, const struct s3_request *request, int64_t seconds,
                        const char **url, struct err *err)
{
    struct s3_request whole = *request;
    struct sigv4_request what = {.method = request->method, .payload = SIGV4_UNSIGNED};
    struct sigv4_signed result;
    const char *host;

    *url = NULL;
    if (!place(arena, config, endpoint, request->key, &what.path, &host, err))
        return false;
    s3_request_header(&whole, "host", host);
    if (!sound(&whole, err))
        return false;
    what.query = whole.query;
    what.query_count = whole.query_count;
    what.headers = whole.headers;
    what.header_count = whole.header_count;
    if (!sigv4_presign(arena, signer, &what, seconds, &result, err))
        return false;
    *url = url_of(arena, endpoint, host, &result);
    return *url != NULL || err_memory(err);
}

bool s3_number(const char *text, int64_t *number, struct err *err)
{
    *number = -1;
    return decimal_parse(text, 0, INT64_MAX, number) || err_set(err, ERR_BUG, "S3 gives '%.32s' for a number", text);
}

const char *s3_tag(struct arena *arena, const char *tag)
{
    /* AWS's ETags are hexadecimal. The characters that other storages use need no escape in XML either. */
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_+/=.:~";
    size_t length = strlen(tag);

    /* A proxy that compresses makes the tag a weak one; S3 knows the part by the same text. */
    if (strncmp(tag, "W/\"", 3) == 0) {
        tag += 2;
        length -= 2;
    }
    if (length >= 2 && tag[0] == '"' && tag[length - 1] == '"') {
        tag++;
        length -= 2;
    }
    return length > 0 && length <= S3_TAG_MAX && strspn(tag, allowed) >= length ? arena_strndup(arena, tag, length)
                                                                                : NULL;
}
