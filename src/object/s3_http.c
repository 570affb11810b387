#include "object/s3_http.h"

#include "object/s3_multi.h"

#include <stdlib.h>
#include <string.h>

enum { STALL_BYTES_PER_S = 1024 /* with s3_stall_s: a server that works is not slower */ };

struct s3_http {
    struct libcurl lib;
    const struct config *config;
    bool secure;
    struct s3_multi *multi;
};

/*
 * One exchange, with a handle of its own. The multi handle keeps the connections, so this costs no handshake; and
 * libcurl 7.88 uses freed memory when a handle that has had a header of several lines is used again
 * (t/fuzz/past/s3_answer).
 */
struct s3_exchange {
    const struct libcurl *lib;
    CURL *curl;
    struct curl_slist *headers;
    char message[CURL_ERROR_SIZE];
    s3_http_take *take;
    void *arg;
    struct err *err;
    bool head_whole;
};

bool s3_http_check(struct err *err)
{
    struct libcurl lib;

    return s3_curl_load(&lib, err);
}

bool s3_http_new(struct s3_http **httpp, const struct config *config, const struct clock *clock,
                 struct coroutines *coroutines, bool secure, int connections, struct err *err)
{
    struct s3_http *http = calloc(1, sizeof *http);

    *httpp = NULL;
    if (http == NULL)
        return err_memory(err);
    http->config = config;
    http->secure = secure;
    if (!s3_curl_load(&http->lib, err)) {
        free(http);
        return false;
    }
    if (http->lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return err_set(err, ERR_DOWN, "libcurl can't start");
    }
    *httpp = http;
    if (s3_multi_new(&http->multi, &http->lib, clock, coroutines, connections, err))
        return true;
    s3_http_free(http);
    *httpp = NULL;
    return false;
}

void s3_http_free(struct s3_http *http)
{
    if (http == NULL)
        return;
    s3_multi_free(http->multi);
    http->lib.global_cleanup();
    free(http);
}

/* --- Sending. One function for each type of option, since libcurl's function takes any type. */

static void set_number(struct s3_exchange *exchange, CURLoption option, int64_t number)
{
    exchange->lib->easy_setopt(exchange->curl, option, (long)number);
}

static void set_text(struct s3_exchange *exchange, CURLoption option, const char *text)
{
    exchange->lib->easy_setopt(exchange->curl, option, text);
}

static void set_body(struct s3_exchange *exchange, const void *body, size_t length)
{
    /* From memory, so that libcurl can repeat the request itself when a kept connection was closed. */
    set_number(exchange, CURLOPT_POST, 1);
    exchange->lib->easy_setopt(exchange->curl, CURLOPT_POSTFIELDS, length > 0 ? body : "");
    exchange->lib->easy_setopt(exchange->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
}

static bool append(struct s3_exchange *exchange, const char *line)
{
    struct curl_slist *longer = line == NULL ? NULL : exchange->lib->slist_append(exchange->headers, line);

    if (longer != NULL)
        exchange->headers = longer;
    return longer != NULL;
}

/* Sets the headers. */
static bool set_headers(struct s3_exchange *exchange, struct arena *arena, const struct s3_signed *what)
{
    /*
     * A header without a value keeps libcurl from adding its own. With Expect it would wait a second for a server that
     * ignores it.
     */
    bool ok = append(exchange, "Expect:") && append(exchange, "Accept:");

    for (size_t i = 0; i < what->header_count; i++)
        ok = ok && append(exchange, arena_printf(arena, "%s: %s", what->headers[i].name, what->headers[i].value));
    if (ok)
        exchange->lib->easy_setopt(exchange->curl, CURLOPT_HTTPHEADER, exchange->headers);
    return ok;
}

static void set_options(struct s3_exchange *exchange, const struct s3_http *http, const struct s3_request *request,
                        const char *url, int64_t timeout_ms)
{
    const struct config *config = http->config;

    set_text(exchange, CURLOPT_URL, url);
    set_number(exchange, CURLOPT_PATH_AS_IS, 1);
    set_text(exchange, CURLOPT_PROTOCOLS_STR, http->secure ? "https" : "http");
    set_number(exchange, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_number(exchange, CURLOPT_FOLLOWLOCATION, 0);
    /* Proxies that the environment names are not used. */
    set_text(exchange, CURLOPT_PROXY, "");
    set_number(exchange, CURLOPT_NOSIGNAL, 1);
    /* A thread of libcurl waits for a name server that does not answer; the process does not wait for that thread. */
    set_number(exchange, CURLOPT_QUICK_EXIT, 1);
    set_number(exchange, CURLOPT_TCP_KEEPALIVE, 1);
    set_number(exchange, CURLOPT_CONNECTTIMEOUT_MS, config->s3_connect_ms);
    set_number(exchange, CURLOPT_TIMEOUT_MS, timeout_ms);
    set_number(exchange, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_S);
    set_number(exchange, CURLOPT_LOW_SPEED_TIME, config->s3_stall_s);
    if (config->s3_ca_file[0] != '\0')
        set_text(exchange, CURLOPT_CAINFO, config->s3_ca_file);
    if (strcmp(request->method, "HEAD") == 0) {
        set_number(exchange, CURLOPT_NOBODY, 1);
        return;
    }
    if (request->method[0] == 'P')
        set_body(exchange, request->body, request->body_length);
    set_text(exchange, CURLOPT_CUSTOMREQUEST, request->method);
}

/* --- Receiving */

/*
 * libcurl 7.88 takes `HTTP/1.1 200 OK` and a closed connection for a whole answer, so only an empty line counts as the
 * end of the head.
 */
static size_t on_head(char *line, size_t one, size_t length, void *arg)
{
    struct s3_exchange *exchange = arg;

    (void)one;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
        exchange->head_whole = false;
    else if (length <= 2 && (line[0] == '\r' || line[0] == '\n'))
        exchange->head_whole = true;
    return length;
}

static long status_of(const struct s3_exchange *exchange)
{
    long status = 0;

    exchange->lib->easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *arg)
{
    struct s3_exchange *exchange = arg;

    (void)one;
    return exchange->take(exchange->arg, status_of(exchange), bytes, length, exchange->err) ? length : 0;
}

static void set_callbacks(struct s3_exchange *exchange)
{
    curl_write_callback head = on_head, body = on_body;

    exchange->lib->easy_setopt(exchange->curl, CURLOPT_HEADERFUNCTION, head);
    exchange->lib->easy_setopt(exchange->curl, CURLOPT_HEADERDATA, exchange);
    exchange->lib->easy_setopt(exchange->curl, CURLOPT_WRITEFUNCTION, body);
    exchange->lib->easy_setopt(exchange->curl, CURLOPT_WRITEDATA, exchange);
    exchange->lib->easy_setopt(exchange->curl, CURLOPT_ERRORBUFFER, exchange->message);
}

/* Whether the transfer was cut on the way. Any other code is a wrong setting or a bug. */
static bool cut_off(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return true;
    default:
        return false;
    }
}

/* Copies the headers, which are freed with the handle. */
static bool keep_head(const struct s3_exchange *exchange, struct arena *arena, struct s3_answer *answer)
{
    static const char *const names[S3_HEADER_COUNT] = {
        [S3_HEADER_ETAG] = "ETag",
        [S3_HEADER_LENGTH] = "Content-Length",
        [S3_HEADER_RANGE] = "Content-Range",
        [S3_HEADER_DATE] = "Date",
        [S3_HEADER_RETRY_AFTER] = "Retry-After",
        [S3_HEADER_REGION] = "x-amz-bucket-region",
        [S3_HEADER_REQUEST_ID] = "x-amz-request-id",
    };

    answer->status = status_of(exchange);
    for (size_t i = 0; i < S3_HEADER_COUNT; i++) {
        struct curl_header *found;

        if (exchange->lib->easy_header(exchange->curl, names[i], 0, CURLH_HEADER, -1, &found) == CURLHE_OK &&
            (answer->header[i] = arena_strdup(arena, found->value)) == NULL)
            return false;
    }
    return true;
}

/* Carries out the exchange that was set up, and finds its outcome. */
static enum s3_http_outcome perform(struct s3_exchange *exchange, struct s3_http *http, struct arena *arena,
                                    const char *name, struct s3_answer *answer)
{
    CURLcode code;

    if (!s3_multi_perform(http->multi, exchange->curl, &code, exchange->err) || exchange->err->kind != ERR_NONE)
        return S3_HTTP_FAILED;
    if (!keep_head(exchange, arena, answer)) {
        err_memory(exchange->err);
        return S3_HTTP_FAILED;
    }
    if (code == CURLE_OK && !exchange->head_whole)
        code = CURLE_PARTIAL_FILE;
    if (code == CURLE_OK)
        return S3_HTTP_ANSWERED;
    err_set(exchange->err, cut_off(code) ? ERR_DOWN : ERR_BUG, "%s: %s", name,
            exchange->message[0] != '\0' ? exchange->message : exchange->lib->easy_strerror(code));
    return cut_off(code) ? S3_HTTP_CUT : S3_HTTP_FAILED;
}

enum s3_http_outcome s3_http_exchange(struct s3_http *http, struct arena *arena, const struct s3_request *request,
                                      const struct s3_signed *what, int64_t timeout_ms, s3_http_take *take, void *arg,
                                      struct s3_answer *answer, struct err *err)
{
    struct s3_exchange exchange = {.lib = &http->lib, .take = take, .arg = arg, .err = err};
    enum s3_http_outcome outcome = S3_HTTP_FAILED;

    s3_answer_init(answer);
    exchange.curl = http->lib.easy_init();
    if (exchange.curl != NULL && set_headers(&exchange, arena, what)) {
        set_options(&exchange, http, request, what->url, timeout_ms);
        set_callbacks(&exchange);
        outcome = perform(&exchange, http, arena, request->name, answer);
    } else {
        err_memory(err);
    }
    http->lib.easy_cleanup(exchange.curl);
    http->lib.slist_free_all(exchange.headers);
    return outcome;
}

bool s3_http_date(const struct s3_http *http, const char *text, int64_t *ms)
{
    time_t seconds = http->lib.getdate(text, NULL);

    *ms = (int64_t)seconds * 1000;
    return seconds != (time_t)-1;
}
