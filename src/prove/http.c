#include "prove/http.h"

#include "prove/http_slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DESCRIPTORS_MAX = 4,
    URL_BYTES_MAX = 8 * 1024, /* as much as servers take of one */
};

struct prove_http {
    struct prove_site site;
    CURLM *multi;
    struct http_slot **slots;
    size_t count;
    size_t sent; /* of requests whose answers were not taken */
};

/* Both kept and new connections are used: they fail in different ways and reach different workers. */
static bool set_up(CURL *easy, bool keep)
{
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "mayfly-prove/" VERSION) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)PROVE_CONNECT_TIMEOUT_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)PROVE_REQUEST_TIMEOUT_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, keep ? 0L : 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, keep ? 0L : 1L) == CURLE_OK;
}

static bool check_url(const char *url, struct err *err)
{
    CURLU *parts = curl_url();
    bool ok = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
              (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);

    curl_url_cleanup(parts);
    return ok || err_set(err, ERR_INPUT, "%.200s: not an address such as https://example.org", url);
}

bool prove_http_new(struct prove_http **httpp, const struct prove_site *site, size_t slots, struct err *err)
{
    struct prove_http *http;
    bool ok;

    *httpp = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_DOWN, "libcurl does not start");
    if (!check_url(site->url, err))
        return false;
    http = calloc(1, sizeof *http);
    if (http == NULL)
        return err_memory(err);
    *http = (struct prove_http){
        .site = *site, .multi = curl_multi_init(), .slots = calloc(slots, sizeof *http->slots), .count = slots};
    ok = http->multi != NULL && http->slots != NULL &&
         curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)slots) == CURLM_OK;
    for (size_t i = 0; ok && i < slots; i++) {
        http->slots[i] = calloc(1, sizeof *http->slots[i]);
        ok = http->slots[i] != NULL && (http->slots[i]->easy = curl_easy_init()) != NULL &&
             http_slot_reserve(http->slots[i], 1);
    }
    if (!ok) {
        prove_http_free(http);
        return err_memory(err);
    }
    *httpp = http;
    return true;
}

static void free_slot(struct prove_http *http, struct http_slot *slot)
{
    if (slot == NULL)
        return;
    if (slot->easy != NULL) {
        curl_multi_remove_handle(http->multi, slot->easy);
        curl_easy_cleanup(slot->easy);
    }
    curl_slist_free_all(slot->headers);
    curl_slist_free_all(slot->peer);
    free(slot->body);
    free(slot);
}

void prove_http_free(struct prove_http *http)
{
    if (http == NULL)
        return;
    for (size_t i = 0; http->slots != NULL && i < http->count; i++)
        free_slot(http, http->slots[i]);
    free(http->slots);
    curl_multi_cleanup(http->multi);
    free(http);
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* Adds nothing when value is NULL. */
static bool add_header(struct http_slot *slot, const char *name, const char *value)
{
    char line[512];

    if (value == NULL)
        return true;
    return (size_t)snprintf(line, sizeof line, "%s: %s", name, value) < sizeof line && add_line(&slot->headers, line);
}

static bool add_headers(struct http_slot *slot, const struct prove_request *request)
{
    char bearer[256] = "Bearer ";

    curl_slist_free_all(slot->headers);
    slot->headers = NULL;
    if (request->headers != NULL) {
        bool ok = add_header(slot, "Expect", "");

        for (size_t i = 0; ok && i < request->header_count; i++)
            ok = add_line(&slot->headers, request->headers[i]);
        return ok;
    }
    if (request->token != NULL)
        snprintf(bearer, sizeof bearer, "Bearer %s", request->token);
    /* Without this libcurl waits a second for a server that does not answer Expect. */
    return add_header(slot, "Expect", "") && add_header(slot, "Accept", "application/json") &&
           add_header(slot, "Authorization", request->token != NULL ? bearer : NULL) &&
           add_header(slot, "Idempotency-Key", request->key) && add_header(slot, "If-Match", request->if_match) &&
           add_header(slot, "Content-Type", request->type);
}

/*
 * How a request of a scenario differs. After most redirects a POST becomes a GET, which CURLOPT_CUSTOMREQUEST would
 * prevent.
 */
static bool set_scenario(CURL *easy, struct http_slot *slot, const struct prove_request *request)
{
    const char *line = request->jar;
    bool ok = line == NULL || curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "") == CURLE_OK;

    slot->keeps_cookies = line != NULL;
    while (ok && line != NULL && *line != '\0') {
        size_t length = strcspn(line, "\n");
        char *cookie = strndup(line, length);

        ok = cookie != NULL && curl_easy_setopt(easy, CURLOPT_COOKIELIST, cookie) == CURLE_OK;
        free(cookie);
        line += length + (line[length] == '\n');
    }
    curl_slist_free_all(slot->peer);
    slot->peer = NULL;
    if (ok && request->peer != NULL)
        ok = add_line(&slot->peer, request->peer) && curl_easy_setopt(easy, CURLOPT_CONNECT_TO, slot->peer) == CURLE_OK;
    if (ok && request->follow)
        ok = curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)PROVE_REDIRECTS_MAX) == CURLE_OK;
    if (ok && request->follow && strcmp(request->method, "POST") == 0)
        ok = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL) == CURLE_OK;
    if (ok && strcmp(request->method, "HEAD") == 0)
        ok = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (ok && request->timeout_s > 0)
        ok = curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)request->timeout_s) == CURLE_OK;
    return ok;
}

/* What is sent other than libcurl would write it. */
static bool set_wire(CURL *easy, const struct prove_request *request)
{
    static const long versions[] = {[PROVE_HTTP_ANY] = CURL_HTTP_VERSION_NONE,
                                    [PROVE_HTTP_1_0] = CURL_HTTP_VERSION_1_0,
                                    [PROVE_HTTP_1_1] = CURL_HTTP_VERSION_1_1};

    return curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, versions[request->version]) == CURLE_OK &&
           (request->target == NULL || curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, request->target) == CURLE_OK);
}

/* An empty body is sent too: POST has a length. */
static bool set_body(CURL *easy, const struct prove_request *request)
{
    if (request->body == NULL && strcmp(request->method, "POST") != 0)
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)request->length) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

bool prove_http_send(struct prove_http *http, size_t at, const struct prove_request *request, struct err *err)
{
    struct http_slot *slot = http->slots[at];
    char url[URL_BYTES_MAX];

    /*
     * A new handle for each request: libcurl 7.88 uses freed memory when a handle's next answer begins with a folded
     * field.
     */
    curl_easy_cleanup(slot->easy);
    slot->easy = curl_easy_init();
    if (slot->easy == NULL)
        return err_memory(err);
    if ((size_t)snprintf(url, sizeof url, "%s%s", request->url != NULL ? request->url : http->site.url,
                         request->url != NULL ? "" : request->path) >= sizeof url)
        return err_set(err, ERR_INPUT, "an address has more than %d bytes", URL_BYTES_MAX - 1);
    if (!set_up(slot->easy, !request->fresh) || !http_slot_begin(slot, &http->site) || !add_headers(slot, request) ||
        !set_body(slot->easy, request) || !set_scenario(slot->easy, slot, request) || !set_wire(slot->easy, request) ||
        curl_easy_setopt(slot->easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) != CURLE_OK ||
        curl_multi_add_handle(http->multi, slot->easy) != CURLM_OK)
        return err_set(err, ERR_DOWN, "libcurl does not take a request; is memory out?");
    http->sent++;
    return true;
}

bool prove_http_wait(struct prove_http *http, const int *descriptors, size_t count, int timeout_ms, struct err *err)
{
    struct curl_waitfd extra[DESCRIPTORS_MAX];
    unsigned used = 0;
    CURLMcode code;
    int running;

    for (size_t i = 0; i < count && used < DESCRIPTORS_MAX; i++)
        if (descriptors[i] >= 0)
            extra[used++] = (struct curl_waitfd){.fd = descriptors[i], .events = CURL_WAIT_POLLIN};
    code = curl_multi_perform(http->multi, &running);
    /* An answer that is complete already is nothing that curl_multi_poll would wake up for. */
    if (code == CURLM_OK)
        code = curl_multi_poll(http->multi, extra, used, (size_t)running < http->sent ? 0 : timeout_ms, NULL);
    if (code == CURLM_OK)
        code = curl_multi_perform(http->multi, &running);
    return code == CURLM_OK || err_set(err, ERR_DOWN, "libcurl: %s", curl_multi_strerror(code));
}

bool prove_http_next(struct prove_http *http, size_t *at, struct prove_answer *answer)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        for (size_t i = 0; i < http->count; i++) {
            struct http_slot *slot = http->slots[i];

            if (slot->easy != easy)
                continue;
            http_slot_end(slot, code);
            curl_multi_remove_handle(http->multi, easy);
            http->sent--;
            *at = i;
            *answer = slot->answer;
            return true;
        }
    }
    return false;
}
