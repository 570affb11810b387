#include "store/s3.h"

#include "base/buf.h"
#include "store/s3_xml.h"
#include "store/sigv4.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    HOST_MAX = 256,
    QUERY_MAX = 8,            /* parameters of ours in one request */
    HEADERS_MAX = 12,         /* headers of ours in one request */
    STALL_BYTES_PER_S = 1024, /* with s3_stall_s: no server that works is slower */
    FIRST_WAIT_MS = 50,       /* doubled with each retry; the wait is a random part of it, so that workers spread */
    LONGEST_WAIT_MS = 5000,   /* also of what Retry-After may ask for */
    CODE_BYTES = 64,          /* of S3's word for an error; the longest documented has 46 */
    CONNECTIONS_MAX = 2,      /* of one worker: the endpoint's, and one that is being closed */
    SKEW_MAX_MS = 24 * 3600 * 1000, /* a server that is further off is wrong itself */
};

/* Where requests go: of the worker, or of browsers. */
struct endpoint {
    bool secure;
    char host[HOST_MAX]; /* as the Host header says, without the port that the scheme implies */
};

struct s3 {
    const struct config *config;
    const struct clock *clock;
    const struct log *log;
    struct endpoint inside, outside;
    struct access_key *key; /* NULL until the first call, as the next */
    CURL *curl;
    int64_t skew_ms;       /* what the server's clock is ahead of ours, learnt when it refuses our time */
    int64_t down_until_us; /* after it could not be reached */
};

/* One operation: what to ask, and what to do with the answer. */
struct call {
    const char *name; /* for errors and the log */
    const char *method;
    const char *key; /* "" for the bucket itself */
    struct sigv4_pair query[QUERY_MAX];
    size_t query_count;
    struct sigv4_pair headers[HEADERS_MAX];
    size_t header_count;
    const void *body;
    size_t body_length;

    /* A 2xx body goes here, when size is not 0… */
    unsigned char *bytes;
    size_t size;
    size_t length;
    /* …or is XML whose elements go here; begin makes ready for another attempt. Neither: it is passed over. */
    s3_xml_element *element;
    void (*begin)(void *arg);
    void *arg;
};

/* One attempt's answer. */
struct answer {
    struct call *call;
    CURL *curl;
    struct s3_xml *xml;
    struct err *err;
    long status;
    bool head_whole;
    char code[CODE_BYTES];
    int64_t retry_after_ms; /* -1: the server said nothing */
};

enum outcome { DONE, REFUSED, AGAIN };

/* --- The endpoint */

static bool parse_endpoint(const char *setting, const char *url, struct endpoint *endpoint, struct err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    const char *standard_port, *host;
    size_t length;

    endpoint->secure = strncmp(url, "https://", 8) == 0;
    if (!endpoint->secure && strncmp(url, "http://", 7) != 0)
        return err_set(err, ERR_INPUT, "%s: '%s' does not begin with https:// or http://", setting, url);
    host = url + (endpoint->secure ? 8 : 7);
    length = strcspn(host, "/");
    if (length == 0 || length >= sizeof endpoint->host || host[length + strspn(host + length, "/")] != '\0' ||
        strspn(host, allowed) < length)
        return err_set(err, ERR_INPUT, "%s: '%s' is not of the form https://host:port", setting, url);
    memcpy(endpoint->host, host, length);
    endpoint->host[length] = '\0';
    /* libcurl leaves it out of the Host header, which is signed. */
    standard_port = endpoint->secure ? ":443" : ":80";
    if (length > strlen(standard_port) && strcmp(endpoint->host + length - strlen(standard_port), standard_port) == 0)
        endpoint->host[length - strlen(standard_port)] = '\0';
    return true;
}

static bool set_endpoints(struct s3 *s3, struct err *err)
{
    const struct config *config = s3->config;
    char amazon[CONFIG_TEXT_BYTES + 64];

    if (config->s3_bucket[0] == '\0' || strchr(config->s3_bucket, '/') != NULL)
        return err_set(err, ERR_INPUT, "s3_bucket: say the bucket's name");
    if (config->s3_region[0] == '\0' || strchr(config->s3_region, '/') != NULL)
        return err_set(err, ERR_INPUT, "s3_region: say a region, such as us-east-1");
    snprintf(amazon, sizeof amazon, "https://s3.%s.amazonaws.com", config->s3_region);
    if (!parse_endpoint("s3_endpoint", config->s3_endpoint[0] != '\0' ? config->s3_endpoint : amazon, &s3->inside, err))
        return false;
    s3->outside = s3->inside;
    return config->s3_public_endpoint[0] == '\0' ||
           parse_endpoint("s3_public_endpoint", config->s3_public_endpoint, &s3->outside, err);
}

bool s3_new(struct s3 **s3p, const struct config *config, const struct clock *clock, const struct log *log,
            struct err *err)
{
    struct s3 *s3 = calloc(1, sizeof *s3);

    *s3p = NULL;
    if (s3 == NULL)
        return err_memory(err);
    s3->config = config;
    s3->clock = clock;
    s3->log = log;
    if (!set_endpoints(s3, err)) {
        free(s3);
        return false;
    }
    *s3p = s3;
    return true;
}

void s3_free(struct s3 *s3)
{
    if (s3 == NULL)
        return;
    if (s3->curl != NULL) {
        curl_easy_cleanup(s3->curl);
        curl_global_cleanup();
    }
    access_key_free(s3->key);
    free(s3);
}

/* Whoever asks for a file can't help it when the key is missing. */
static bool load_key(struct s3 *s3, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    return s3->key != NULL || access_key_load(&s3->key, s3->config->s3_credentials, &reason) ||
           err_set(err, ERR_BUG, "%s", reason.detail);
}

static bool open_curl(struct s3 *s3, struct err *err)
{
    if (s3->curl != NULL)
        return true;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_DOWN, "libcurl can't start");
    s3->curl = curl_easy_init();
    if (s3->curl == NULL) {
        curl_global_cleanup();
        return err_memory(err);
    }
    return true;
}

/* --- One request */

static void add_query(struct call *call, const char *name, const char *value)
{
    if (call->query_count < QUERY_MAX)
        call->query[call->query_count++] = (struct sigv4_pair){name, value};
}

static void add_header(struct call *call, const char *name, const char *value)
{
    if (call->header_count < HEADERS_MAX)
        call->headers[call->header_count++] = (struct sigv4_pair){name, value};
}

/* Nothing may end a header early. */
static bool visible(const char *value)
{
    for (; *value != '\0'; value++)
        if ((unsigned char)*value < ' ' || *value == 0x7f)
            return false;
    return true;
}

/* The path and the host of a key, in one of the two styles. */
static bool place(const struct s3 *s3, struct arena *arena, const struct endpoint *endpoint, const char *key,
                  const char **path, const char **host, struct err *err)
{
    const char *bucket = s3->config->s3_bucket;

    if (strlen(key) > S3_KEY_MAX)
        return err_set(err, ERR_BUG, "a key of %zu bytes", strlen(key));
    if (s3->config->s3_path_style) {
        *path = arena_printf(arena, key[0] != '\0' ? "/%s/%s" : "/%s%s", bucket, key);
        *host = endpoint->host;
    } else {
        *path = arena_printf(arena, "/%s", key);
        *host = arena_printf(arena, "%s.%s", bucket, endpoint->host);
    }
    return (*path != NULL && *host != NULL) || err_memory(err);
}

static struct sigv4_signer signer_of(const struct s3 *s3)
{
    return (struct sigv4_signer){
        .key = s3->key, .region = s3->config->s3_region, .service = "s3", .now_ms = s3->clock->now_ms() + s3->skew_ms};
}

static const char *url_of(struct arena *arena, const struct endpoint *endpoint, const char *host,
                          const struct sigv4_signed *result)
{
    return arena_printf(arena, "%s://%s%s%s%s", endpoint->secure ? "https" : "http", host, result->path,
                        result->query[0] != '\0' ? "?" : "", result->query);
}

static void release_list(void *list)
{
    curl_slist_free_all(list);
}

/* The headers as libcurl wants them, the signature among them. */
static bool header_list(struct arena *arena, const struct sigv4_pair *headers, size_t count, const char *authorization,
                        struct curl_slist **listp, struct err *err)
{
    struct curl_slist *list = NULL, *longer;

    *listp = NULL;
    for (size_t i = 0; i < count + 3; i++) {
        /* What libcurl would add by itself: it waits a second for a server that does not know Expect. */
        const char *line = i == count       ? arena_printf(arena, "Authorization: %s", authorization)
                           : i == count + 1 ? "Expect:"
                           : i == count + 2 ? "Accept:"
                                            : arena_printf(arena, "%s: %s", headers[i].name, headers[i].value);

        longer = line == NULL ? NULL : curl_slist_append(list, line);
        if (longer == NULL) {
            curl_slist_free_all(list);
            return err_memory(err);
        }
        list = longer;
    }
    if (!arena_defer(arena, release_list, list))
        return err_memory(err);
    *listp = list;
    return true;
}

/* Signs the call as of now. */
static bool sign(const struct s3 *s3, struct arena *arena, const struct call *call, const char **url,
                 struct curl_slist **list, struct err *err)
{
    struct sigv4_pair headers[HEADERS_MAX + 4];
    struct sigv4_signer signer = signer_of(s3);
    unsigned char digest[SHA256_BYTES];
    char payload[SHA256_HEX_BYTES], date[SIGV4_DATE_BYTES];
    struct sigv4_request request = {.method = call->method,
                                    .query = call->query,
                                    .query_count = call->query_count,
                                    .headers = headers,
                                    .header_count = call->header_count,
                                    .payload = payload};
    struct sigv4_signed result;
    const char *host;

    for (size_t i = 0; i < call->header_count; i++)
        if (!visible(call->headers[i].value))
            return err_set(err, ERR_BUG, "%s: a control character in %s", call->name, call->headers[i].name);
    if (!place(s3, arena, &s3->inside, call->key, &request.path, &host, err))
        return false;
    sha256_of(call->body_length > 0 ? call->body : "", call->body_length, digest);
    sha256_hex(digest, payload);
    sigv4_date(signer.now_ms, date);
    if (call->header_count > 0)
        memcpy(headers, call->headers, call->header_count * sizeof headers[0]);
    headers[request.header_count++] = (struct sigv4_pair){"host", host};
    headers[request.header_count++] = (struct sigv4_pair){"x-amz-content-sha256", payload};
    headers[request.header_count++] = (struct sigv4_pair){"x-amz-date", date};
    if (s3->key->token[0] != '\0')
        headers[request.header_count++] = (struct sigv4_pair){"x-amz-security-token", s3->key->token};
    if (!sigv4_sign(arena, &signer, &request, &result, err))
        return false;
    *url = url_of(arena, &s3->inside, host, &result);
    if (*url == NULL)
        return err_memory(err);
    return header_list(arena, headers, request.header_count, result.authorization, list, err);
}

/* The elements of an error are ours, all others the call's. A 200 can be an error too: completing an upload takes long. */
static bool on_element(void *arg, const char *path, const char *text, struct err *err)
{
    struct answer *answer = arg;

    if (strcmp(path, "Error/Code") == 0)
        snprintf(answer->code, sizeof answer->code, "%s", text[0] != '\0' ? text : "unknown");
    return strncmp(path, "Error", 5) == 0 || answer->status >= 300 || answer->call->element == NULL ||
           answer->call->element(answer->call->arg, path, text, err);
}

/* libcurl takes a head that is cut off within a line for a whole one. */
static size_t on_head(char *line, size_t one, size_t length, void *arg)
{
    struct answer *answer = arg;

    (void)one;
    answer->head_whole = length <= 2 && (line[0] == '\r' || line[0] == '\n');
    return length;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *arg)
{
    struct answer *answer = arg;
    struct call *call = answer->call;
    struct err ignored = {.kind = ERR_NONE};

    (void)one;
    curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (answer->status < 300 && call->size > 0) {
        if (length > call->size - call->length) {
            err_set(answer->err, ERR_BUG, "%s: S3 answers with more than was asked for", call->name);
            return 0;
        }
        memcpy(call->bytes + call->length, bytes, length);
        call->length += length;
        return length;
    }
    if (answer->xml == NULL || (answer->status < 300 && call->element == NULL))
        return length;
    if (s3_xml_feed(answer->xml, bytes, length, answer->status < 300 ? answer->err : &ignored))
        return length;
    answer->xml = NULL;
    /* A proxy's error page is no XML; its status is enough. */
    return answer->status < 300 ? 0 : length;
}

static void set_options(const struct s3 *s3, const struct call *call, const char *url, struct curl_slist *list,
                        int64_t remaining_ms, struct answer *answer)
{
    const struct config *config = s3->config;
    CURL *curl = s3->curl;

    /* Keeps the connection. */
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, s3->inside.secure ? "https" : "http");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    /* Whatever the environment says of proxies was not meant for this. */
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)config->s3_connect_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)remaining_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)config->s3_stall_s);
    if (config->s3_ca_file[0] != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, config->s3_ca_file);
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (call->method[0] == 'P') {
        /* From memory, so that libcurl can begin anew by itself on a kept connection that was closed. */
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body_length > 0 ? call->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    } else {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    }
}

/* A header of the last answer, "" when it is not there. Valid until the next request. */
static const char *header(const struct s3 *s3, const char *name)
{
    struct curl_header *found;

    return curl_easy_header(s3->curl, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : "";
}

/* --- What an answer means */

/* What failed on the way; all else is a wrong setting or a flaw. */
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

/* "Error Responses" of the API reference: what says "try again" although its status may not. */
static bool try_again(const struct answer *answer)
{
    static const char *const codes[] = {"RequestTimeout",   "SlowDown",           "InternalError",
                                        "OperationAborted", "ServiceUnavailable", "Throttling"};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(answer->code, codes[i]) == 0)
            return true;
    return answer->status == 429 || (answer->status >= 500 && answer->status != 501);
}

static bool absent(const struct answer *answer)
{
    if (answer->status != 404)
        return false;
    return answer->code[0] == '\0' || strcmp(answer->code, "NoSuchKey") == 0 ||
           strcmp(answer->code, "NoSuchUpload") == 0;
}

/* When the server refuses our time, ours is wrong, or both are: its own counts. False when that was tried already. */
static bool learn_time(struct s3 *s3, const struct answer *answer)
{
    time_t theirs = curl_getdate(header(s3, "Date"), NULL);
    int64_t skew_ms;

    if (strcmp(answer->code, "RequestTimeTooSkewed") != 0 || theirs == (time_t)-1)
        return false;
    skew_ms = (int64_t)theirs * 1000 - s3->clock->now_ms();
    if (llabs(skew_ms) > SKEW_MAX_MS || llabs(skew_ms - s3->skew_ms) < 60 * 1000)
        return false;
    s3->skew_ms = skew_ms;
    LOG_EVENT(s3->log, LOG_WARN, "s3_clock", LOG_NUMBER("ahead_ms", skew_ms),
              LOG_TEXT("detail", "this host's clock is wrong, or the storage's is"));
    return true;
}

/* A key that is refused may have been replaced in its file: session tokens live for hours. False when it was not. */
static bool renew_key(struct s3 *s3, const struct answer *answer)
{
    static const char *const codes[] = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId"};
    struct err ignored = {.kind = ERR_NONE};
    struct access_key *key;
    bool changed = false;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        changed = changed || strcmp(answer->code, codes[i]) == 0;
    if (!changed || !access_key_load(&key, s3->config->s3_credentials, &ignored))
        return false;
    if (strcmp(key->id, s3->key->id) == 0 && strcmp(key->token, s3->key->token) == 0) {
        access_key_free(key);
        return false;
    }
    access_key_free(s3->key);
    s3->key = key;
    return true;
}

static bool refused(const struct s3 *s3, const struct call *call, const struct answer *answer, struct err *err)
{
    if (absent(answer))
        return err_set(err, ERR_ABSENT, "%s: there is no such %s", call->name,
                       strcmp(answer->code, "NoSuchUpload") == 0 ? "upload" : "object");
    LOG_EVENT(s3->log, LOG_ERROR, "s3_refused", LOG_TEXT("operation", call->name), LOG_TEXT("key", call->key),
              LOG_NUMBER("status", answer->status), LOG_TEXT("code", answer->code),
              LOG_TEXT("s3_request_id", header(s3, "x-amz-request-id")));
    return err_set(err, ERR_BUG, "%s: S3 answers %ld %s", call->name, answer->status, answer->code);
}

static int64_t retry_after_ms(const struct s3 *s3)
{
    const char *text = header(s3, "Retry-After");
    char *end;
    long seconds = strtol(text, &end, 10);

    if (end == text || seconds < 0 || seconds > LONGEST_WAIT_MS / 1000)
        return end == text || seconds < 0 ? -1 : LONGEST_WAIT_MS;
    return seconds * 1000;
}

/* One attempt. AGAIN sets *err as well, for the case that there is no further one. */
static enum outcome ask(struct s3 *s3, struct arena *arena, struct call *call, int64_t remaining_ms,
                        struct answer *answer, struct err *err)
{
    char message[CURL_ERROR_SIZE] = "";
    struct curl_slist *list;
    const char *url;
    CURLcode code;

    *answer = (struct answer){.call = call, .curl = s3->curl, .err = err, .retry_after_ms = -1};
    call->length = 0;
    if (call->begin != NULL)
        call->begin(call->arg);
    if (!sign(s3, arena, call, &url, &list, err) || !s3_xml_new(&answer->xml, arena, on_element, answer, err))
        return REFUSED;
    set_options(s3, call, url, list, remaining_ms, answer);
    curl_easy_setopt(s3->curl, CURLOPT_ERRORBUFFER, message);
    code = curl_easy_perform(s3->curl);
    curl_easy_getinfo(s3->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    /* They are this frame's and the arena's. */
    curl_easy_setopt(s3->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(s3->curl, CURLOPT_HTTPHEADER, NULL);
    if (err->kind != ERR_NONE)
        return REFUSED;
    if (code == CURLE_OK && !answer->head_whole)
        code = CURLE_PARTIAL_FILE;
    if (code != CURLE_OK) {
        err_set(err, cut_off(code) ? ERR_DOWN : ERR_BUG, "%s: %s", call->name,
                message[0] != '\0' ? message : curl_easy_strerror(code));
        return cut_off(code) ? AGAIN : REFUSED;
    }
    if (answer->status < 300 && call->element != NULL && (answer->xml == NULL || !s3_xml_end(answer->xml, err)))
        return REFUSED;
    if (answer->status >= 200 && answer->status < 300 && answer->code[0] == '\0')
        return DONE;
    /* From the end of an object on there is nothing, which is no fault of the question. */
    if (answer->status == 416 && call->size > 0)
        return DONE;
    if (try_again(answer) || learn_time(s3, answer) || renew_key(s3, answer)) {
        err_set(err, ERR_DOWN, "%s: S3 answers %ld %s", call->name, answer->status, answer->code);
        answer->retry_after_ms = retry_after_ms(s3);
        return AGAIN;
    }
    refused(s3, call, answer, err);
    return REFUSED;
}

static void sleep_ms(int64_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

/* A random time up to a bound that doubles ("full jitter"), or what the server asks for. */
static int64_t wait_before(int64_t retry, int64_t asked_ms)
{
    int64_t bound_ms = FIRST_WAIT_MS << retry;

    if (asked_ms >= 0)
        return asked_ms;
    return 1 + random_below((uint32_t)(bound_ms < LONGEST_WAIT_MS ? bound_ms : LONGEST_WAIT_MS));
}

/* The operation, as often as it takes. */
static bool perform(struct s3 *s3, struct arena *arena, struct call *call, struct answer *answer, struct err *err)
{
    int64_t start_us = s3->clock->monotonic_us(), end_us = start_us + s3->config->s3_timeout_ms * 1000;

    if (!load_key(s3, err) || !open_curl(s3, err))
        return false;
    if (start_us < s3->down_until_us) {
        err_set(err, ERR_DOWN, "%s: S3 could not be reached a moment ago", call->name);
        err->retry_after_s = 1;
        return false;
    }
    for (int64_t retry = 0;; retry++) {
        int64_t remaining_ms = (end_us - s3->clock->monotonic_us()) / 1000;
        struct err reason = {.kind = ERR_NONE};
        enum outcome outcome = ask(s3, arena, call, remaining_ms > 0 ? remaining_ms : 1, answer, &reason);
        int64_t wait_ms = wait_before(retry, answer->retry_after_ms);

        if (outcome == DONE) {
            s3->down_until_us = 0;
            return true;
        }
        if (outcome == REFUSED || retry == s3->config->s3_retries ||
            s3->clock->monotonic_us() + wait_ms * 1000 >= end_us) {
            if (outcome == AGAIN && answer->status == 0)
                s3->down_until_us = s3->clock->monotonic_us() + s3->config->s3_retry_ms * 1000;
            if (outcome == AGAIN)
                reason.retry_after_s = 1;
            if (err->kind == ERR_NONE)
                *err = reason;
            return false;
        }
        LOG_EVENT(s3->log, LOG_WARN, "s3_retry", LOG_TEXT("detail", reason.detail), LOG_NUMBER("wait_ms", wait_ms));
        sleep_ms(wait_ms);
    }
}

bool s3_ping(struct s3 *s3, struct arena *arena, struct err *err)
{
    struct call call = {.name = "HEAD bucket", .method = "HEAD", .key = ""};
    struct answer answer;
    struct err reason = {.kind = ERR_NONE};

    if (perform(s3, arena, &call, &answer, &reason))
        return true;
    if (reason.kind == ERR_ABSENT)
        return err_set(err, ERR_BUG, "S3 has no bucket '%s'", s3->config->s3_bucket);
    *err = reason;
    return false;
}

/* --- Objects */

bool s3_put(struct s3 *s3, struct arena *arena, const char *key, const char *type, const void *bytes, size_t length,
            struct err *err)
{
    struct call call = {.name = "PUT object", .method = "PUT", .key = key, .body = bytes, .body_length = length};
    struct answer answer;

    add_header(&call, "content-type", type);
    return perform(s3, arena, &call, &answer, err);
}

bool s3_get(struct s3 *s3, struct arena *arena, const char *key, int64_t offset, void *bytes, size_t size,
            size_t *length, struct err *err)
{
    struct call call = {.name = "GET object", .method = "GET", .key = key, .bytes = bytes, .size = size};
    const char *range = arena_printf(arena, "bytes=%" PRId64 "-%" PRId64, offset, offset + (int64_t)size - 1);
    int64_t first = -1, last = -1, total = -1;
    struct answer answer;

    *length = 0;
    if (range == NULL)
        return err_memory(err);
    if (size == 0 || offset < 0)
        return err_set(err, ERR_BUG, "GET object: %zu bytes from %" PRId64, size, offset);
    add_header(&call, "range", range);
    if (!perform(s3, arena, &call, &answer, err))
        return false;
    if (answer.status == 416)
        return true;
    /* Whoever passes over the range gives another part of the file. */
    if (answer.status != 206 ||
        sscanf(header(s3, "Content-Range"), "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64, &first, &last, &total) != 3 ||
        first != offset || last != offset + (int64_t)call.length - 1 ||
        (call.length < size && offset + (int64_t)call.length != total))
        return err_set(err, ERR_BUG, "GET object: S3 answers %ld with %zu bytes, %s, to %s", answer.status, call.length,
                       header(s3, "Content-Range"), range);
    *length = call.length;
    return true;
}

bool s3_head(struct s3 *s3, struct arena *arena, const char *key, int64_t *size, struct err *err)
{
    struct call call = {.name = "HEAD object", .method = "HEAD", .key = key};
    struct answer answer;
    curl_off_t length = -1;

    *size = -1;
    if (!perform(s3, arena, &call, &answer, err))
        return false;
    if (curl_easy_getinfo(s3->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) != CURLE_OK || length < 0)
        return err_set(err, ERR_BUG, "HEAD object: S3 does not say its length");
    *size = length;
    return true;
}

/* What is not there need not be removed. */
static bool perform_removal(struct s3 *s3, struct arena *arena, struct call *call, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};
    struct answer answer;

    if (perform(s3, arena, call, &answer, &reason) || reason.kind == ERR_ABSENT)
        return true;
    *err = reason;
    return false;
}

bool s3_delete(struct s3 *s3, struct arena *arena, const char *key, struct err *err)
{
    struct call call = {.name = "DELETE object", .method = "DELETE", .key = key};

    return perform_removal(s3, arena, &call, err);
}

/* --- Uploads in parts */

/* Keeps one element's text. */
struct wanted {
    struct arena *arena;
    const char *path;
    const char *text; /* NULL: it did not come */
};

static void wanted_begin(void *arg)
{
    struct wanted *wanted = arg;

    wanted->text = NULL;
}

static bool on_wanted(void *arg, const char *path, const char *text, struct err *err)
{
    struct wanted *wanted = arg;

    if (strcmp(path, wanted->path) != 0)
        return true;
    wanted->text = arena_strdup(wanted->arena, text);
    return wanted->text != NULL || err_memory(err);
}

bool s3_upload_begin(struct s3 *s3, struct arena *arena, const char *key, const char *type, const char **upload,
                     struct err *err)
{
    struct wanted wanted = {arena, "InitiateMultipartUploadResult/UploadId", NULL};
    struct call call = {.name = "POST uploads",
                        .method = "POST",
                        .key = key,
                        .element = on_wanted,
                        .begin = wanted_begin,
                        .arg = &wanted};
    struct answer answer;

    *upload = NULL;
    add_query(&call, "uploads", "");
    add_header(&call, "content-type", type);
    if (!perform(s3, arena, &call, &answer, err))
        return false;
    if (wanted.text == NULL || wanted.text[0] == '\0')
        return err_set(err, ERR_BUG, "POST uploads: S3 gives no id");
    *upload = wanted.text;
    return true;
}

/* An ETag without its quotes; NULL for what none of ours can be. */
static const char *bare_tag(struct arena *arena, const char *tag)
{
    size_t length = strlen(tag);

    if (length >= 2 && tag[0] == '"' && tag[length - 1] == '"')
        return bare_tag(arena, arena_strndup(arena, tag + 1, length - 2));
    if (length == 0 || length > S3_TAG_MAX || strspn(tag, "0123456789abcdefABCDEF-") != length)
        return NULL;
    return arena_strdup(arena, tag);
}

/* The two parameters that name a part. */
static bool add_part(struct call *call, struct arena *arena, const char *upload, int64_t number, struct err *err)
{
    const char *text = arena_printf(arena, "%" PRId64, number);

    if (text == NULL)
        return err_memory(err);
    if (number < 1 || number > S3_PARTS_MAX)
        return err_set(err, ERR_BUG, "%s: %s is no part's number", call->name, text);
    add_query(call, "partNumber", text);
    add_query(call, "uploadId", upload);
    return true;
}

bool s3_upload_part(struct s3 *s3, struct arena *arena, const char *key, const char *upload, int64_t number,
                    const void *bytes, size_t length, const char **tag, struct err *err)
{
    struct call call = {.name = "PUT part", .method = "PUT", .key = key, .body = bytes, .body_length = length};
    struct answer answer;

    *tag = NULL;
    /* libcurl would name a form's type. */
    add_header(&call, "content-type", "application/octet-stream");
    if (!add_part(&call, arena, upload, number, err) || !perform(s3, arena, &call, &answer, err))
        return false;
    *tag = bare_tag(arena, header(s3, "ETag"));
    return *tag != NULL || err_set(err, ERR_BUG, "PUT part: S3 gives no ETag");
}

bool s3_upload_copy(struct s3 *s3, struct arena *arena, const char *key, const char *upload, int64_t number,
                    const char *from, int64_t offset, int64_t length, const char **tag, struct err *err)
{
    struct wanted wanted = {arena, "CopyPartResult/ETag", NULL};
    struct call call = {.name = "PUT part copy",
                        .method = "PUT",
                        .key = key,
                        .element = on_wanted,
                        .begin = wanted_begin,
                        .arg = &wanted};
    const char *encoded = sigv4_encode(arena, from, '/');
    const char *source = encoded == NULL ? NULL : arena_printf(arena, "/%s/%s", s3->config->s3_bucket, encoded);
    const char *range = arena_printf(arena, "bytes=%" PRId64 "-%" PRId64, offset, offset + length - 1);
    struct answer answer;

    *tag = NULL;
    if (source == NULL || range == NULL)
        return err_memory(err);
    add_header(&call, "content-type", "application/octet-stream");
    add_header(&call, "x-amz-copy-source", source);
    add_header(&call, "x-amz-copy-source-range", range);
    if (!add_part(&call, arena, upload, number, err) || !perform(s3, arena, &call, &answer, err))
        return false;
    *tag = wanted.text == NULL ? NULL : bare_tag(arena, wanted.text);
    return *tag != NULL || err_set(err, ERR_BUG, "PUT part copy: S3 gives no ETag");
}

/* The parts' numbers and tags, as S3 wants them. */
static bool complete_text(struct arena *arena, const struct s3_part *parts, size_t count, struct buf *text,
                          struct err *err)
{
    enum { PART_BYTES = 96 + S3_TAG_MAX };

    buf_init(text, arena, 128 + count * PART_BYTES);
    if (!buf_add_string(text, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"))
        return err_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *tag = bare_tag(arena, parts[i].tag);

        if (tag == NULL)
            return err_set(err, ERR_BUG, "part %" PRId64 " has no tag", parts[i].number);
        if (!buf_printf(text, "<Part><PartNumber>%" PRId64 "</PartNumber><ETag>&quot;%s&quot;</ETag></Part>",
                        parts[i].number, tag))
            return err_memory(err);
    }
    return buf_add_string(text, "</CompleteMultipartUpload>") || err_memory(err);
}

bool s3_upload_complete(struct s3 *s3, struct arena *arena, const char *key, const char *upload,
                        const struct s3_part *parts, size_t count, struct err *err)
{
    struct wanted wanted = {arena, "CompleteMultipartUploadResult", NULL};
    struct call call = {.name = "POST complete",
                        .method = "POST",
                        .key = key,
                        .element = on_wanted,
                        .begin = wanted_begin,
                        .arg = &wanted};
    struct answer answer;
    struct buf text;

    if (count < 1 || count > S3_PARTS_MAX)
        return err_set(err, ERR_BUG, "POST complete: an object of %zu parts", count);
    if (!complete_text(arena, parts, count, &text, err))
        return false;
    add_query(&call, "uploadId", upload);
    add_header(&call, "content-type", "application/xml");
    call.body = text.bytes;
    call.body_length = text.length;
    if (!perform(s3, arena, &call, &answer, err))
        return false;
    return wanted.text != NULL || err_set(err, ERR_BUG, "POST complete: S3 does not say that it is");
}

bool s3_upload_abort(struct s3 *s3, struct arena *arena, const char *key, const char *upload, struct err *err)
{
    struct call call = {.name = "DELETE upload", .method = "DELETE", .key = key};

    add_query(&call, "uploadId", upload);
    return perform_removal(s3, arena, &call, err);
}

/* --- Lists */

/* Numbers that S3 gives have only digits. */
static bool read_number(const char *text, int64_t *number, struct err *err)
{
    char *end;

    *number = strtoll(text, &end, 10);
    return (end != text && *end == '\0' && *number >= 0) || err_set(err, ERR_BUG, "S3 gives '%s' for a number", text);
}

/* A list as it comes in: which elements are meant, and the item that is being read. */
struct listing {
    struct arena *arena;
    const char *item, *truncated; /* paths */
    struct s3_item current, *items;
    struct s3_part part, *parts; /* in place of items, for parts */
    size_t count, most;
    bool more;
};

static void listing_begin(void *arg)
{
    struct listing *list = arg;

    list->count = 0;
    list->more = false;
    list->current = (struct s3_item){"", "", "", 0};
    list->part = (struct s3_part){.tag = ""};
}

static bool keep_text(struct arena *arena, const char *text, const char **kept, struct err *err)
{
    *kept = arena_strdup(arena, text);
    return *kept != NULL || err_memory(err);
}

/* A member of the item that is being read. */
static bool on_member(struct listing *list, const char *name, const char *text, struct err *err)
{
    if (strcmp(name, "Key") == 0)
        return keep_text(list->arena, text, &list->current.key, err);
    if (strcmp(name, "UploadId") == 0)
        return keep_text(list->arena, text, &list->current.upload, err);
    if (strcmp(name, "LastModified") == 0 || strcmp(name, "Initiated") == 0)
        return keep_text(list->arena, text, &list->current.time, err);
    if (strcmp(name, "Size") == 0)
        return read_number(text, &list->current.size, err);
    if (strcmp(name, "PartNumber") == 0)
        return read_number(text, &list->part.number, err);
    if (strcmp(name, "ETag") == 0 && list->parts != NULL) {
        list->part.tag = bare_tag(list->arena, text);
        return list->part.tag != NULL || err_set(err, ERR_BUG, "S3 gives '%s' for an ETag", text);
    }
    return true;
}

static bool on_list(void *arg, const char *path, const char *text, struct err *err)
{
    struct listing *list = arg;
    size_t length = strlen(list->item);

    if (strcmp(path, list->truncated) == 0)
        list->more = strcmp(text, "true") == 0;
    if (strncmp(path, list->item, length) != 0)
        return true;
    if (path[length] == '/')
        return on_member(list, path + length + 1, text, err);
    if (path[length] != '\0')
        return true;
    if (list->count == list->most)
        return err_set(err, ERR_BUG, "S3 lists more than %zu", list->most);
    if (list->parts != NULL) {
        list->part.size = list->current.size;
        list->parts[list->count++] = list->part;
    } else {
        list->items[list->count++] = list->current;
    }
    list->current = (struct s3_item){"", "", "", 0};
    list->part = (struct s3_part){.tag = ""};
    return true;
}

static bool list_call(struct s3 *s3, struct arena *arena, struct call *call, struct listing *list,
                      const char *most_name, size_t most, struct err *err)
{
    const char *text = arena_printf(arena, "%zu", most);
    struct answer answer;

    if (text == NULL)
        return err_memory(err);
    if (most < 1 || most > S3_PAGE_MAX)
        return err_set(err, ERR_BUG, "%s: a page of %s", call->name, text);
    list->arena = arena;
    list->most = most;
    add_query(call, most_name, text);
    call->method = "GET";
    call->element = on_list;
    call->begin = listing_begin;
    call->arg = list;
    return perform(s3, arena, call, &answer, err);
}

bool s3_upload_parts(struct s3 *s3, struct arena *arena, const char *key, const char *upload, int64_t after,
                     size_t most, struct s3_part_page *page, struct err *err)
{
    struct call call = {.name = "GET parts", .key = key};
    struct listing list = {.item = "ListPartsResult/Part", .truncated = "ListPartsResult/IsTruncated"};
    const char *marker = arena_printf(arena, "%" PRId64, after);

    *page = (struct s3_part_page){.count = 0};
    list.parts = arena_alloc(arena, most * sizeof list.parts[0]);
    if (list.parts == NULL || marker == NULL)
        return err_memory(err);
    add_query(&call, "uploadId", upload);
    add_query(&call, "part-number-marker", marker);
    if (!list_call(s3, arena, &call, &list, "max-parts", most, err))
        return false;
    *page = (struct s3_part_page){list.parts, list.count, list.more};
    return true;
}

/* A list of the bucket; *call has what makes it one of objects or of uploads. */
static bool list_bucket(struct s3 *s3, struct arena *arena, struct call *call, struct listing *list, const char *prefix,
                        const char *after_name, const char *after, const char *most_name, size_t most,
                        struct s3_page *page, struct err *err)
{
    *page = (struct s3_page){.count = 0};
    list->items = arena_alloc(arena, most * sizeof list->items[0]);
    if (list->items == NULL)
        return err_memory(err);
    call->key = "";
    add_query(call, "prefix", prefix);
    if (after[0] != '\0')
        add_query(call, after_name, after);
    if (!list_call(s3, arena, call, list, most_name, most, err))
        return false;
    *page = (struct s3_page){list->items, list->count, list->more};
    return true;
}

bool s3_objects(struct s3 *s3, struct arena *arena, const char *prefix, const char *after, size_t most,
                struct s3_page *page, struct err *err)
{
    struct call call = {.name = "GET objects"};
    struct listing list = {.item = "ListBucketResult/Contents", .truncated = "ListBucketResult/IsTruncated"};

    add_query(&call, "list-type", "2");
    return list_bucket(s3, arena, &call, &list, prefix, "start-after", after, "max-keys", most, page, err);
}

/* A page of uploads from a marker on, which may begin with some of `after` itself. */
static bool uploads_from(struct s3 *s3, struct arena *arena, const char *prefix, const char *after, const char *upload,
                         size_t most, struct s3_page *page, struct err *err)
{
    struct call call = {.name = "GET uploads"};
    struct listing list = {.item = "ListMultipartUploadsResult/Upload",
                           .truncated = "ListMultipartUploadsResult/IsTruncated"};

    add_query(&call, "uploads", "");
    if (upload[0] != '\0')
        add_query(&call, "upload-id-marker", upload);
    return list_bucket(s3, arena, &call, &list, prefix, "key-marker", after, "max-uploads", most, page, err);
}

/* Without an upload's id as a marker, AWS goes on after the key, radosgw with it: what is not after it is dropped. */
bool s3_uploads(struct s3 *s3, struct arena *arena, const char *prefix, const char *after, size_t most,
                struct s3_page *page, struct err *err)
{
    /* Of one key there are as many as workers died in s3_upload_begin. */
    enum { PAGES_MAX = 1000 };
    const char *upload = "";

    for (int pages = 0; pages < PAGES_MAX; pages++) {
        if (!uploads_from(s3, arena, prefix, after, upload, most, page, err))
            return false;
        while (page->count > 0 && strcmp(page->items[0].key, after) <= 0) {
            upload = page->items[0].upload;
            page->items++;
            page->count--;
        }
        if (page->count > 0 || !page->more)
            return true;
    }
    return err_set(err, ERR_BUG, "GET uploads: S3 does not come to an end of %s", after);
}

/* --- URLs */

bool s3_presign(struct s3 *s3, struct arena *arena, const char *key, const struct s3_grant *grant, const char **urlp,
                struct err *err)
{
    const struct endpoint *endpoint = grant->browser ? &s3->outside : &s3->inside;
    struct call call = {.name = "presign", .method = grant->method, .key = key};
    struct sigv4_request request = {.method = grant->method, .payload = SIGV4_UNSIGNED};
    const char *length = arena_printf(arena, "%" PRId64, grant->length);
    struct sigv4_signer signer;
    struct sigv4_signed result;
    const char *host;

    *urlp = NULL;
    if (length == NULL)
        return err_memory(err);
    if (!load_key(s3, err) || !place(s3, arena, endpoint, key, &request.path, &host, err))
        return false;
    add_header(&call, "host", host);
    if (strcmp(grant->method, "PUT") == 0) {
        if (grant->length >= 0)
            add_header(&call, "content-length", length);
        if (grant->type != NULL)
            add_header(&call, "content-type", grant->type);
    } else {
        if (grant->type != NULL)
            add_query(&call, "response-content-type", grant->type);
        if (grant->disposition != NULL)
            add_query(&call, "response-content-disposition", grant->disposition);
    }
    request.query = call.query;
    request.query_count = call.query_count;
    request.headers = call.headers;
    request.header_count = call.header_count;
    signer = signer_of(s3);
    if (!sigv4_presign(arena, &signer, &request, grant->seconds, &result, err))
        return false;
    *urlp = url_of(arena, endpoint, host, &result);
    return *urlp != NULL || err_memory(err);
}
