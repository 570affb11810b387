#include "store/s3_call.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    STALL_BYTES_PER_S = 1024, /* with s3_stall_s: no server that works is slower */
    FIRST_WAIT_MS = 50,       /* doubled with each retry; the wait is a random part of it, so that workers spread */
    LONGEST_WAIT_MS = 5000,   /* also of what Retry-After may ask for */
    CODE_BYTES = 64,          /* of S3's word for an error; the longest documented has 46 */
    CONNECTIONS_MAX = 2,      /* of one worker: the endpoint's, and one that is being closed */
    SKEW_MAX_MS = 24 * 3600 * 1000, /* a server that is further off is wrong itself */
};

struct s3 {
    const struct config *config;
    const struct clock *clock;
    const struct log *log;
    struct s3_endpoint inside, outside;
    struct access_key *key; /* NULL until the first call, as the next */
    CURL *curl;
    int64_t skew_ms;       /* what the server's clock is ahead of ours, learnt when it refuses our time */
    int64_t down_until_us; /* after it could not be reached */
};

/* One attempt's answer. */
struct answer {
    struct s3_request *request;
    CURL *curl;
    struct s3_xml *xml;
    struct err *err;
    long status;
    bool head_whole;
    char code[CODE_BYTES];
    int64_t retry_after_ms; /* -1: the server said nothing */
};

enum outcome { DONE, REFUSED, AGAIN };

/* --- The settings */

static bool set_endpoints(struct s3 *s3, struct err *err)
{
    const struct config *config = s3->config;
    char amazon[CONFIG_TEXT_BYTES + 64];

    if (config->s3_bucket[0] == '\0' || strchr(config->s3_bucket, '/') != NULL)
        return err_set(err, ERR_INPUT, "s3_bucket: say the bucket's name");
    if (config->s3_region[0] == '\0' || strchr(config->s3_region, '/') != NULL)
        return err_set(err, ERR_INPUT, "s3_region: say a region, such as us-east-1");
    snprintf(amazon, sizeof amazon, "https://s3.%s.amazonaws.com", config->s3_region);
    if (!s3_endpoint_parse("s3_endpoint", config->s3_endpoint[0] != '\0' ? config->s3_endpoint : amazon, &s3->inside,
                           err))
        return false;
    s3->outside = s3->inside;
    return config->s3_public_endpoint[0] == '\0' ||
           s3_endpoint_parse("s3_public_endpoint", config->s3_public_endpoint, &s3->outside, err);
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

bool s3_check(const struct config *config, bool with_key, struct err *err)
{
    struct access_key *key = NULL;
    struct err reason = {.kind = ERR_NONE};

    if (config->s3_ca_file[0] != '\0' && access(config->s3_ca_file, R_OK) != 0)
        return err_set(err, ERR_INPUT, "s3_ca_file: %s: %s; the workers' user must be able to read it",
                       config->s3_ca_file, strerror(errno));
    if (with_key && !access_key_load(&key, config->s3_credentials, &reason))
        return err_set(err, reason.kind, "s3_credentials: %s", reason.detail);
    access_key_free(key);
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
           err_set(err, ERR_BUG, "s3_credentials: %s", reason.detail);
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

static struct sigv4_signer signer_of(const struct s3 *s3)
{
    return (struct sigv4_signer){
        .key = s3->key, .region = s3->config->s3_region, .service = "s3", .now_ms = s3->clock->now_ms() + s3->skew_ms};
}

static void release_list(void *list)
{
    curl_slist_free_all(list);
}

static bool append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = line == NULL ? NULL : curl_slist_append(*list, line);

    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* The headers as libcurl wants them. */
static bool header_list(struct arena *arena, const struct s3_signed *what, struct curl_slist **listp, struct err *err)
{
    struct curl_slist *list = NULL;
    /* Without a value: libcurl is not to add its own. It would wait a second for a server that does not know Expect. */
    bool ok = append(&list, "Expect:") && append(&list, "Accept:");

    *listp = NULL;
    for (size_t i = 0; i < what->header_count; i++)
        ok = ok && append(&list, arena_printf(arena, "%s: %s", what->headers[i].name, what->headers[i].value));
    if (!ok)
        curl_slist_free_all(list);
    if (!ok || !arena_defer(arena, release_list, list))
        return err_memory(err);
    *listp = list;
    return true;
}

/* The elements of an error are ours, all others the request's. A 200 can be an error too: completing an upload takes long. */
static bool on_element(void *arg, const char *path, const char *text, struct err *err)
{
    struct answer *answer = arg;

    if (strcmp(path, "Error/Code") == 0)
        snprintf(answer->code, sizeof answer->code, "%s", text[0] != '\0' ? text : "unknown");
    return strncmp(path, "Error", 5) == 0 || answer->status >= 300 || answer->request->element == NULL ||
           answer->request->element(answer->request->arg, path, text, err);
}

/* libcurl takes a head that is cut off within a line for a whole one. */
static size_t on_head(char *line, size_t one, size_t length, void *arg)
{
    struct answer *answer = arg;

    (void)one;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
        answer->head_whole = false;
    else if (length <= 2 && (line[0] == '\r' || line[0] == '\n'))
        answer->head_whole = true;
    return length;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *arg)
{
    struct answer *answer = arg;
    struct s3_request *request = answer->request;
    struct err ignored = {.kind = ERR_NONE};

    (void)one;
    curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (answer->status < 300 && request->size > 0) {
        if (length > request->size - request->length) {
            err_set(answer->err, ERR_BUG, "%s: S3 answers with more than was asked for", request->name);
            return 0;
        }
        memcpy(request->bytes + request->length, bytes, length);
        request->length += length;
        return length;
    }
    if (answer->xml == NULL || (answer->status < 300 && request->element == NULL))
        return length;
    if (s3_xml_feed(answer->xml, bytes, length, answer->status < 300 ? answer->err : &ignored))
        return length;
    answer->xml = NULL;
    /* A proxy's error page is no XML; its status is enough. */
    return answer->status < 300 ? 0 : length;
}

static void set_options(const struct s3 *s3, const struct s3_request *request, const char *url, struct curl_slist *list,
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
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (request->method[0] == 'P') {
        /* From memory, so that libcurl can begin anew by itself on a kept connection that was closed. */
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body_length > 0 ? request->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    } else {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

const char *s3_call_header(const struct s3 *s3, const char *name)
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
    time_t theirs;
    int64_t skew_ms;

    if (strcmp(answer->code, "RequestTimeTooSkewed") != 0)
        return false;
    theirs = curl_getdate(s3_call_header(s3, "Date"), NULL);
    if (theirs == (time_t)-1)
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
    bool expired = false;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        expired = expired || strcmp(answer->code, codes[i]) == 0;
    if (!expired || !access_key_load(&key, s3->config->s3_credentials, &ignored))
        return false;
    if (strcmp(key->id, s3->key->id) == 0 && strcmp(key->token, s3->key->token) == 0) {
        access_key_free(key);
        return false;
    }
    access_key_free(s3->key);
    s3->key = key;
    return true;
}

/* A key without its last part, which may be somebody's name for a file. */
static const char *place_of(struct arena *arena, const char *key)
{
    const char *slash = strrchr(key, '/');

    return slash == NULL ? "" : arena_strndup(arena, key, (size_t)(slash - key));
}

static bool refused(const struct s3 *s3, struct arena *arena, const struct s3_request *request,
                    const struct answer *answer, struct err *err)
{
    if (absent(answer))
        return err_set(err, ERR_ABSENT, "%s: there is no such %s", request->name,
                       strcmp(answer->code, "NoSuchUpload") == 0 ? "upload" : "object");
    LOG_EVENT(s3->log, LOG_ERROR, "s3_refused", LOG_TEXT("operation", request->name),
              LOG_TEXT("object", place_of(arena, request->key)), LOG_NUMBER("status", answer->status),
              LOG_TEXT("code", answer->code), LOG_TEXT("s3_request_id", s3_call_header(s3, "x-amz-request-id")));
    return err_set(err, ERR_BUG, "%s: S3 answers %ld %s", request->name, answer->status, answer->code);
}

/* What the server asks for; -1: nothing. A date, which HTTP allows as well, S3 does not send. */
static int64_t retry_after_ms(const struct s3 *s3)
{
    const char *text = s3_call_header(s3, "Retry-After");
    char *end;
    long seconds = strtol(text, &end, 10);

    if (end == text || seconds < 0)
        return -1;
    return seconds > LONGEST_WAIT_MS / 1000 ? LONGEST_WAIT_MS : seconds * 1000;
}

/* One attempt. AGAIN sets *err as well, for the case that there is no further one. */
static enum outcome ask(struct s3 *s3, struct arena *arena, struct s3_request *request, int64_t remaining_ms,
                        struct answer *answer, struct err *err)
{
    char message[CURL_ERROR_SIZE] = "";
    struct sigv4_signer signer = signer_of(s3);
    struct s3_signed what;
    struct curl_slist *list;
    CURLcode code;

    *answer = (struct answer){.request = request, .curl = s3->curl, .err = err, .retry_after_ms = -1};
    request->length = 0;
    if (request->begin != NULL)
        request->begin(request->arg);
    if (!s3_request_sign(arena, s3->config, &s3->inside, &signer, request, &what, err) ||
        !header_list(arena, &what, &list, err) || !s3_xml_new(&answer->xml, arena, on_element, answer, err))
        return REFUSED;
    set_options(s3, request, what.url, list, remaining_ms, answer);
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
        err_set(err, cut_off(code) ? ERR_DOWN : ERR_BUG, "%s: %s", request->name,
                message[0] != '\0' ? message : curl_easy_strerror(code));
        return cut_off(code) ? AGAIN : REFUSED;
    }
    if (answer->status < 300 && request->element != NULL && (answer->xml == NULL || !s3_xml_end(answer->xml, err)))
        return REFUSED;
    if (answer->status >= 200 && answer->status < 300 && answer->code[0] == '\0')
        return DONE;
    /* From the end of an object on there is nothing, which is no fault of the question. */
    if (answer->status == 416 && request->size > 0)
        return DONE;
    if (try_again(answer) || learn_time(s3, answer) || renew_key(s3, answer)) {
        err_set(err, ERR_DOWN, "%s: S3 answers %ld %s", request->name, answer->status, answer->code);
        answer->retry_after_ms = retry_after_ms(s3);
        return AGAIN;
    }
    refused(s3, arena, request, answer, err);
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

bool s3_call(struct s3 *s3, struct arena *arena, struct s3_request *request, long *status, struct err *err)
{
    int64_t start_us = s3->clock->monotonic_us(), end_us = start_us + s3->config->s3_timeout_ms * 1000;
    struct answer answer;

    *status = 0;
    if (!load_key(s3, err) || !open_curl(s3, err))
        return false;
    if (start_us < s3->down_until_us) {
        err_set(err, ERR_DOWN, "%s: S3 could not be reached a moment ago", request->name);
        err->retry_after_s = 1;
        return false;
    }
    for (int64_t retry = 0;; retry++) {
        int64_t remaining_ms = (end_us - s3->clock->monotonic_us()) / 1000;
        struct err reason = {.kind = ERR_NONE};
        enum outcome outcome = ask(s3, arena, request, remaining_ms > 0 ? remaining_ms : 1, &answer, &reason);
        int64_t wait_ms = wait_before(retry, answer.retry_after_ms);

        *status = answer.status;
        if (outcome == DONE) {
            s3->down_until_us = 0;
            return true;
        }
        if (outcome == REFUSED || retry == s3->config->s3_retries ||
            s3->clock->monotonic_us() + wait_ms * 1000 >= end_us) {
            if (outcome == AGAIN && answer.status == 0)
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

bool s3_call_presign(struct s3 *s3, struct arena *arena, const struct s3_request *request, int64_t seconds,
                     bool browser, const char **url, struct err *err)
{
    struct sigv4_signer signer;

    *url = NULL;
    if (!load_key(s3, err))
        return false;
    signer = signer_of(s3);
    return s3_request_presign(arena, s3->config, browser ? &s3->outside : &s3->inside, &signer, request, seconds, url,
                              err);
}

const char *s3_call_bucket(const struct s3 *s3)
{
    return s3->config->s3_bucket;
}
