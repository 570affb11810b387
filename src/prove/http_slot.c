#include "prove/http_slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIRST_BODY_BYTES = 4 * 1024 };

_Static_assert(PROVE_TROUBLE_BYTES >= CURL_ERROR_SIZE, "libcurl writes its message there");

bool http_slot_reserve(struct http_slot *slot, size_t wanted)
{
    size_t capacity = slot->capacity > 0 ? slot->capacity : FIRST_BODY_BYTES;
    char *larger;

    while (capacity < wanted)
        capacity *= 2;
    if (capacity == slot->capacity)
        return true;
    larger = realloc(slot->body, capacity + 1);
    if (larger == NULL)
        return false;
    slot->body = larger;
    slot->capacity = capacity;
    return true;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *arg)
{
    struct http_slot *slot = arg;

    (void)one;
    if (length > slot->site->answer_bytes_max - slot->length) {
        slot->too_long = true;
        return 0;
    }
    if (!http_slot_reserve(slot, slot->length + length))
        return 0;
    memcpy(slot->body + slot->length, bytes, length);
    slot->length += length;
    slot->body[slot->length] = '\0';
    return length;
}

/* The value of the field when the line is that field; NULL otherwise. */
static const char *field(const char *line, const char *name)
{
    size_t length = strlen(name);

    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    line += length + 1;
    return line + strspn(line, " \t");
}

/* A line of the header, without its end; the first line of each further answer, after a redirect, begins anew. */
static void keep_head(struct http_slot *slot, const char *line, size_t length)
{
    while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n'))
        length--;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
        slot->head_length = 0;
    else if (length > 0 && length + 1 < sizeof slot->head - slot->head_length && memchr(line, '\0', length) == NULL)
        slot->head_length += (size_t)snprintf(slot->head + slot->head_length, sizeof slot->head - slot->head_length,
                                              "%.*s\n", (int)length, line);
    slot->head[slot->head_length] = '\0';
}

static size_t on_head(char *bytes, size_t one, size_t length, void *arg)
{
    struct http_slot *slot = arg;
    char line[256];
    const char *value;

    (void)one;
    snprintf(line, sizeof line, "%.*s", (int)length, bytes);
    line[strcspn(line, "\r\n")] = '\0';
    keep_head(slot, bytes, length);
    if ((value = field(line, slot->site->worker_header)) != NULL)
        snprintf(slot->answer.worker, sizeof slot->answer.worker, "%s", value);
    else if ((value = field(line, "ETag")) != NULL)
        snprintf(slot->answer.etag, sizeof slot->answer.etag, "%s", value);
    else if ((value = field(line, "X-Request-Id")) != NULL)
        snprintf(slot->answer.request, sizeof slot->answer.request, "%s", value);
    else if (field(line, "Retry-After") != NULL)
        slot->answer.retry_after = true;
    else if ((value = field(line, "Idempotent-Replayed")) != NULL)
        slot->answer.replayed = strcasecmp(value, "true") == 0;
    return length;
}

bool http_slot_begin(struct http_slot *slot, const struct prove_site *site)
{
    CURL *easy = slot->easy;

    slot->answer = (struct prove_answer){.body = slot->body, .trouble = slot->trouble, .head = slot->head, .url = ""};
    slot->site = site;
    slot->length = slot->head_length = 0;
    slot->head[0] = '\0';
    slot->body[0] = slot->trouble[0] = '\0';
    slot->too_long = false;
    return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->trouble) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, slot) == CURLE_OK;
}

/* In the lines of CURLINFO_COOKIELIST, each with its end. NULL: memory is out. */
static char *take_cookies(CURL *easy)
{
    struct curl_slist *cookies = NULL;
    char *jar = NULL;
    size_t length;
    FILE *lines = open_memstream(&jar, &length);

    if (lines == NULL)
        return NULL;
    curl_easy_getinfo(easy, CURLINFO_COOKIELIST, &cookies);
    for (const struct curl_slist *one = cookies; one != NULL; one = one->next)
        fprintf(lines, "%s\n", one->data);
    curl_slist_free_all(cookies);
    if (fclose(lines) == 0)
        return jar;
    free(jar);
    return NULL;
}

void http_slot_end(struct http_slot *slot, CURLcode code)
{
    curl_off_t took_us = 0;
    char *url = NULL;

    slot->answer.body = slot->body;
    slot->answer.length = slot->length;
    curl_easy_getinfo(slot->easy, CURLINFO_TOTAL_TIME_T, &took_us);
    slot->answer.took_ms = (int64_t)took_us / 1000;
    if (curl_easy_getinfo(slot->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url != NULL)
        slot->answer.url = url;
    slot->answer.jar = slot->keeps_cookies ? take_cookies(slot->easy) : NULL;
    slot->answer.is_nonsense = slot->too_long || code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_WEIRD_SERVER_REPLY ||
                               code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_BAD_CONTENT_ENCODING ||
                               code == CURLE_URL_MALFORMAT;
    slot->answer.unsent = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
    if (code == CURLE_OK) {
        curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &slot->answer.status);
        return;
    }
    slot->answer.status = 0;
    if (slot->too_long)
        snprintf(slot->trouble, sizeof slot->trouble, "the answer is longer than %zu bytes",
                 slot->site->answer_bytes_max);
    else if (slot->trouble[0] == '\0')
        snprintf(slot->trouble, sizeof slot->trouble, "%s", curl_easy_strerror(code));
}
