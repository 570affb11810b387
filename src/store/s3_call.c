#include "store/s3_call.h"

#include "store/s3_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_WAIT_MS = 50,     /* doubled with each retry; the wait is a random part of it, so that workers spread */
    LONGEST_WAIT_MS = 5000, /* also of what Retry-After may ask for */
    CODE_BYTES = 64,        /* of S3's word for an error; the longest documented has 46 */
    SKEW_MAX_MS = 24 * 3600 * 1000, /* a server that is further off is wrong itself */
};

struct s3 {
    const struct config *config;
    const struct clock *clock;
    const struct log *log;
    struct s3_endpoint inside, outside;
    struct access_key *key; /* NULL until the first call, as the next */
    struct s3_http *http;
    int64_t skew_ms;       /* what the server's clock is ahead of ours, learnt when it refuses our time */
    int64_t down_until_us; /* after it could not be reached */
};

/* One attempt's answer. */
struct answer {
    struct s3_request *request;
    struct s3_xml *xml;
    long status;
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
    if (!s3_http_check(&reason))
        return err_set(err, ERR_INPUT, "s3_bucket: %s", reason.detail);
    if (with_key && !access_key_load(&key, config->s3_credentials, &reason))
        return err_set(err, reason.kind, "s3_credentials: %s", reason.detail);
    access_key_free(key);
    return true;
}

void s3_free(struct s3 *s3)
{
    if (s3 == NULL)
        return;
    s3_http_free(s3->http);
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

static bool open_http(struct s3 *s3, struct err *err)
{
    return s3->http != NULL || s3_http_new(&s3->http, s3->config, s3->inside.secure, err);
}

/* --- One request */

static struct sigv4_signer signer_of(const struct s3 *s3)
{
    return (struct sigv4_signer){
        .key = s3->key, .region = s3->config->s3_region, .service = "s3", .now_ms = s3->clock->now_ms() + s3->skew_ms};
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

static bool on_body(void *arg, long status, const char *bytes, size_t length, struct err *err)
{
    struct answer *answer = arg;
    struct s3_request *request = answer->request;
    struct err ignored = {.kind = ERR_NONE};

    answer->status = status;
    if (status < 300 && request->size > 0) {
        if (length > request->size - request->length)
            return err_set(err, ERR_BUG, "%s: S3 answers with more than was asked for", request->name);
        memcpy(request->bytes + request->length, bytes, length);
        request->length += length;
        return true;
    }
    if (answer->xml == NULL || (status < 300 && request->element == NULL))
        return true;
    if (s3_xml_feed(answer->xml, bytes, length, status < 300 ? err : &ignored))
        return true;
    answer->xml = NULL;
    /* A proxy's error page is no XML; its status is enough. */
    return status >= 300;
}

const char *s3_call_header(const struct s3 *s3, const char *name)
{
    return s3_http_header(s3->http, name);
}

/* --- What an answer means */

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
    int64_t theirs_ms, skew_ms;

    if (strcmp(answer->code, "RequestTimeTooSkewed") != 0)
        return false;
    if (!s3_http_date(s3->http, s3_call_header(s3, "Date"), &theirs_ms))
        return false;
    skew_ms = theirs_ms - s3->clock->now_ms();
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
    struct sigv4_signer signer = signer_of(s3);
    struct s3_signed what;
    enum s3_http_outcome outcome;

    *answer = (struct answer){.request = request, .retry_after_ms = -1};
    request->length = 0;
    if (request->begin != NULL)
        request->begin(request->arg);
    if (!s3_request_sign(arena, s3->config, &s3->inside, &signer, request, &what, err) ||
        !s3_xml_new(&answer->xml, arena, on_element, answer, err))
        return REFUSED;
    outcome = s3_http_exchange(s3->http, arena, request, &what, remaining_ms, on_body, answer, &answer->status, err);
    if (outcome != S3_HTTP_ANSWERED)
        return outcome == S3_HTTP_CUT ? AGAIN : REFUSED;
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
    if (!load_key(s3, err) || !open_http(s3, err))
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
