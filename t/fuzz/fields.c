/* The header fields: of tus, ranges, tags, dispositions, cookies, bearers, tokens, traces, types, ids and networks. */
#include "base/base64.h"
#include "base/bytes.h"
#include "base/networks.h"
#include "base/token.h"
#include "base/trace.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "http/basic.h"
#include "http/date.h"
#include "http/disposition.h"
#include "http/etag.h"
#include "http/parameter.h"
#include "http/range.h"
#include "http/request.h"
#include "http/tus.h"
#include "media/media_type.h"

static void tus(struct arena *arena, const char *text, size_t length)
{
    struct err err = {.kind = ERR_NONE};
    struct tus_metadata *metadata = malloc(sizeof *metadata);
    struct tus_checksum checksum;
    struct tus_concat *concat = malloc(sizeof *concat);
    int64_t number;

    (void)length;
    (void)tus_version(text);
    if (tus_offset(text, &number, &err))
        CHECK(number >= 0);
    err_clear(&err);
    if (tus_length(text, "", &number, &err))
        CHECK(number >= 0);
    err_clear(&err);
    if (tus_length("", text, &number, &err))
        CHECK(number == TUS_DEFERRED);
    err_clear(&err);
    if (tus_metadata_read(arena, text, metadata, &err)) {
        CHECK(metadata->count <= TUS_METADATA_PAIRS);
        for (size_t i = 0; i < metadata->count; i++) {
            CHECK(metadata->pairs[i].value[metadata->pairs[i].length] == '\0');
            CHECK(tus_metadata_find(metadata, metadata->pairs[i].key) == &metadata->pairs[i]);
        }
        (void)tus_metadata_name(metadata);
        (void)tus_metadata_type(metadata);
    }
    err_clear(&err);
    if (tus_checksum_read(text, &checksum, &err))
        CHECK(checksum.length <= TUS_DIGEST_MAX);
    err_clear(&err);
    if (tus_concat_read(text, concat, &err))
        CHECK(concat->count <= TUS_CONCAT_MAX && (concat->kind == TUS_FINAL) == (concat->count > 0));
    free(metadata);
    free(concat);
}

static void range(const char *text, size_t length)
{
    static const int64_t sizes[] = {0, 1, 2, 100, 65536, INT64_MAX};
    struct err err = {.kind = ERR_NONE};
    int64_t time_ms;
    bool listed;

    (void)length;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct range part;
        char out[RANGE_TEXT_BYTES];
        enum range_answer answer = range_read(text, sizes[i], &part);

        if (answer == RANGE_PART) {
            CHECK(part.offset >= 0 && part.length > 0 && part.offset < sizes[i] &&
                  part.length <= sizes[i] - part.offset);
            range_format(&part, sizes[i], out);
        } else
            range_format_outside(sizes[i], out);
    }
    (void)range_applies(text, "\"abc\"");
    (void)!etag_listed("If-None-Match", text, "\"7\"", ETAG_WEAK, &listed, &err);
    err_clear(&err);
    (void)!etag_listed("If-Match", text, NULL, ETAG_STRONG, &listed, &err);
    (void)date_read(text, &time_ms);
}

static void disposition(const char *text, size_t length)
{
    struct err err = {.kind = ERR_NONE};
    struct disposition read;
    char safe[DISPOSITION_NAME_BYTES], again[DISPOSITION_NAME_BYTES], key[DISPOSITION_KEY_BYTES],
        value[DISPOSITION_BYTES];
    char *copy = malloc(length + 1), *back;

    memcpy(copy, text, length);
    copy[length] = '\0';
    if (disposition_read(copy, length, &read, &err))
        CHECK(read.type != NULL);
    free(copy);
    copy = exact(text, length);
    disposition_name(copy, length, safe);
    disposition_key(copy, length, key);
    free(copy);
    CHECK(safe[0] != '\0' && strlen(safe) < sizeof safe && utf8_check(safe, strlen(safe)) == strlen(safe));
    CHECK(strpbrk(safe, "/\\\r\n") == NULL && !utf8_has_control(safe, strlen(safe)));
    disposition_name(safe, strlen(safe), again);
    CHECK(strcmp(safe, again) == 0);
    CHECK(key[0] != '\0' &&
          strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == strlen(key));
    disposition_format(DISPOSITION_ATTACHMENT, safe, value);
    CHECK(strlen(value) < sizeof value && strpbrk(value, "\r\n") == NULL);
    /* Who reads it gets the name back. */
    back = malloc(strlen(value) + 1);
    strcpy(back, value);
    err_clear(&err);
    CHECK(disposition_read(back, strlen(back), &read, &err));
    CHECK(read.filename != NULL && strcmp(read.filename, safe) == 0);
    free(back);
}

static void request(struct arena *arena, const char *text, size_t length)
{
    static const char *const names[] = {"DOCUMENT_URI",   "QUERY_STRING",       "CONTENT_TYPE",
                                        "HTTP_COOKIE",    "HTTP_AUTHORIZATION", "HTTP_ACCEPT",
                                        "CONTENT_LENGTH", "REQUEST_METHOD",     "HTTP_X_HTTP_METHOD_OVERRIDE"};
    const char *params[64];
    size_t count = 0;
    struct err err = {.kind = ERR_NONE};
    struct request *parsed = calloc(1, sizeof *parsed);
    char *copy = strdup(text), *at = copy;

    (void)length;
    while (at != NULL && count < 62) {
        char *line = strsep(&at, "\n");

        params[count] = strchr(line, '=') == NULL || (line[0] >= 'A' && line[0] <= 'Z')
                            ? line
                            : arena_printf(arena, "%s=%s", names[count % 9], line);
        if (params[count] == NULL)
            break;
        count++;
    }
    params[count] = NULL;
    if (request_parse(parsed, params, &err)) {
        size_t n;
        const char *cookie = NULL;
        struct basic basic;

        while ((cookie = request_cookie(parsed, "mayfly", cookie, &n)) != NULL)
            CHECK(cookie >= parsed->cookie && cookie + n <= parsed->cookie + strlen(parsed->cookie));
        cookie = request_bearer(parsed, &n);
        if (cookie != NULL)
            CHECK(n > 0 && cookie + n <= parsed->authorization + strlen(parsed->authorization));
        if (basic_read(arena, parsed->authorization, &basic, &err))
            CHECK(!utf8_has_control(basic.name, strlen(basic.name)) &&
                  utf8_check(basic.password, strlen(basic.password)) == strlen(basic.password));
        (void)request_wants_page(parsed);
        (void)request_has_type(parsed, "application/json");
        CHECK(parsed->content_length >= 0);
    } else
        CHECK(err.kind != ERR_NONE);
    free(copy);
    free(parsed);
}

static void small(struct arena *arena, const char *text, size_t length)
{
    struct err err = {.kind = ERR_NONE};
    struct token token;
    struct uuid uuid;
    struct trace trace;
    char type[MEDIA_TYPE_BYTES], again[MEDIA_TYPE_BYTES], *copy;
    unsigned char *bytes = malloc(BASE64_DECODED_BYTES(length) + 1);
    size_t decoded;

    (void)token_parse(text, length, &token);
    if (uuid_parse(text, &uuid)) {
        char form[UUID_TEXT_BYTES];

        uuid_format(&uuid, form);
        CHECK(strlen(text) == UUID_TEXT_BYTES - 1 && strcasecmp(form, text) == 0);
    }
    trace_begin(&trace, "a/7", text, length < TRACE_REQUEST_ID_BYTES ? text : "0123456789abcdef0123456789abcdef");
    CHECK(strlen(trace.trace_id) == 32 && strspn(trace.trace_id, "0123456789abcdef") == 32);
    CHECK(trace.parent_id[0] == '\0' || strlen(trace.parent_id) == 16);
    media_type_normalise(text, type);
    media_type_normalise(type, again);
    CHECK(strcmp(type, again) == 0);
    (void)media_type_inline(type);
    if (base64_decode(text, length, bytes, BASE64_DECODED_BYTES(length), &decoded))
        CHECK(decoded <= BASE64_DECODED_BYTES(length));
    free(bytes);
    copy = utf8_repair(arena, text, length);
    if (copy != NULL)
        CHECK(utf8_check(copy, strlen(copy)) == strlen(copy) && !utf8_has_control(copy, strlen(copy)));
    if (networks_check(text, &err)) {
        (void)networks_have(text, "127.0.0.1");
        (void)networks_have(text, "2001:db8::1");
        (void)networks_have(text, "unix:");
    }
    (void)networks_have("127.0.0.0/8, ::1, unix", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    char *text;

    if (size == 0)
        return 0;
    if (data[0] % 5 == 2) { /* names may hold NULs */
        disposition((const char *)data + 1, size - 1);
        return 0;
    }
    text = text_of(data + 1, size - 1);
    if (text == NULL)
        return 0;
    arena_init(&arena, 1024 * 1024);
    switch (data[0] % 5) {
    case 0:
        tus(&arena, text, size - 1);
        break;
    case 1:
        range(text, size - 1);
        break;
    case 3:
        request(&arena, text, size - 1);
        break;
    default:
        small(&arena, text, size - 1);
    }
    arena_free(&arena);
    free(text);
    return 0;
}
