#include "object/s3_call.h"

#include "base/decimal.h"
#include "object/s3_client.h"
#include "object/s3_refusal.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* doubled with each retry; the wait is a random part of it, so that workers do not retry together */
    FIRST_WAIT_MS = 50,
    LONGEST_WAIT_MS = 5000,         /* also of what Retry-After may ask for */
    SKEW_MAX_MS = 24 * 3600 * 1000, /* a server with a larger difference has a wrong clock itself */
};

/* One attempt. */
struct attempt {
    struct s3_request *request;
    struct s3_xml *xml;
    long status; /* while the body comes */
    struct s3_refusal refusal;
    struct s3_answer *answer;
};

enum outcome { DONE, REFUSED, AGAIN };

static const char not_waited_for[] = "S3 is not waited for: too many requests wait, or this process ends";

/* A missing key is not the client's fault. */
static bool load_key(struct s3 *s3, struct err *err)
{
    struct err reason = {.kind = ERR_NONE};

    return s3->key != NULL || access_key_load(&s3->key, s3->config->s3_credentials, &reason) ||
           err_set(err, ERR_BUG, "s3_credentials: %s", reason.detail);
}

static bool open_http(struct s3 *s3, struct err *err)
{
    return s3->http != NULL ||
           s3_http_new(&s3->http, s3->config, s3->clock, s3->coroutines, s3->inside.secure, EXCHANGES_MAX, err);
}

/* --- One request */

static struct sigv4_signer signer_of(const struct s3 *s3)
{
    return (struct sigv4_signer){
        .key = s3->key, .region = s3->config->s3_region, .service = "s3", .now_ms = s3->clock->now_ms() + s3->skew_ms};
}

/*
 * Elements of an error are read here, all others by the request. An answer with status 200 may be an error too, because
 * completing an upload takes long.
 */
static bool on_element(void *arg, const char *path, const char *text, struct err *err)
{
    struct attempt *attempt = arg;

    return s3_refusal_element(&attempt->refusal, path, text) || attempt->status >= 300 ||
           attempt->request->element == NULL || attempt->request->element(attempt->request->arg, path, text, err);
}

static bool on_body(void *arg, long status, const char *bytes, size_t length, struct err *err)
{
    struct attempt *attempt = arg;
    struct s3_request *request = attempt->request;
    bool is_list = status < 300 && request->element != NULL;
    struct err ignored = {.kind = ERR_NONE};

    attempt->status = status;
    attempt->refusal.has_body = attempt->refusal.has_body || length > 0;
    if (status < 300 && request->size > 0) {
        if (length > request->size - request->length)
            return err_set(err, ERR_BUG, "%s: S3 answers with more than was asked for", request->name);
        memcpy(request->bytes + request->length, bytes, length);
        request->length += length;
        return true;
    }
    if (attempt->xml == NULL || s3_xml_feed(attempt->xml, bytes, length, is_list ? err : &ignored))
        return true;
    attempt->xml = NULL;
    /* The error page of a proxy is not XML; its status is enough. */
    return !is_list;
}

/* --- Learning from refusals */

/* When the server refuses the time of a request, its own clock is used from then on. False: that was tried already. */
static bool learn_time(struct s3 *s3, const struct attempt *attempt)
{
    int64_t theirs_ms, skew_ms;

    if (strcmp(attempt->refusal.code, "RequestTimeTooSkewed") != 0)
        return false;
    if (!s3_http_date(s3->http, attempt->answer->header[S3_HEADER_DATE], &theirs_ms))
        return false;
    skew_ms = theirs_ms - s3->clock->now_ms();
    if (llabs(skew_ms) > SKEW_MAX_MS || llabs(skew_ms - s3->skew_ms) < 60 * 1000)
        return false;
    s3->skew_ms = skew_ms;
    LOG_EVENT(s3->log, LOG_WARN, "s3_clock", LOG_NUMBER("ahead_ms", skew_ms),
              LOG_TEXT("detail", "this host's clock is wrong, or the storage's is"));
    return true;
}

/* Reads the key again when it is refused: session tokens are replaced after hours. False: it has not changed. */
static bool renew_key(struct s3 *s3, const struct attempt *attempt)
{
    static const char *const codes[] = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId"};
    struct err ignored = {.kind = ERR_NONE};
    struct access_key *key;
    bool expired = false;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        expired = expired || strcmp(attempt->refusal.code, codes[i]) == 0;
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

/* A key without its last part, which may be the name of a user's file. */
static const char *place_of(struct arena *arena, const char *key)
{
    const char *slash = strrchr(key, '/');

    return slash == NULL ? "" : arena_strndup(arena, key, (size_t)(slash - key));
}

/* Whether this missing operation was logged; it is logged once in each process. */
static bool is_told(struct s3 *s3, const char *operation)
{
    size_t i = 0;

    while (i < LACKING_MAX && s3->lacking[i] != NULL && strcmp(s3->lacking[i], operation) != 0)
        i++;
    if (i == LACKING_MAX || s3->lacking[i] != NULL)
        return true;
    s3->lacking[i] = operation;
    return false;
}

static bool refused(struct s3 *s3, struct arena *arena, const struct attempt *attempt, struct err *err)
{
    const struct s3_request *request = attempt->request;
    const struct s3_answer *answer = attempt->answer;

    s3_refusal_set(&attempt->refusal, request, answer, err);
    if (err->kind == ERR_ABSENT || (err->kind == ERR_METHOD && is_told(s3, request->name)))
        return false;
    LOG_EVENT(s3->log, err->kind == ERR_METHOD || err->kind == ERR_CONFLICT ? LOG_WARN : LOG_ERROR, "s3_refused",
              LOG_TEXT("operation", request->name), LOG_TEXT("object", place_of(arena, request->key)),
              LOG_NUMBER("status", answer->status), LOG_TEXT("code", attempt->refusal.code),
              LOG_TEXT("s3_request_id", answer->header[S3_HEADER_REQUEST_ID]));
    return false;
}

/* Reads Retry-After; -1: there is none. HTTP allows a date too, but S3 does not send one. */
static int64_t retry_after_ms(const struct s3_answer *answer)
{
    int64_t seconds;

    if (!decimal_parse(answer->header[S3_HEADER_RETRY_AFTER], 0, INT64_MAX, &seconds))
        return -1;
    return seconds > LONGEST_WAIT_MS / 1000 ? LONGEST_WAIT_MS : seconds * 1000;
}

/* Makes one attempt. AGAIN sets *err too, for the case that there is no further attempt. */
static enum outcome ask(struct s3 *s3, struct arena *arena, struct s3_request *request, int64_t remaining_ms,
                        struct s3_answer *answer, struct err *err)
{
    struct sigv4_signer signer = signer_of(s3);
    struct attempt attempt = {.request = request, .answer = answer};
    struct s3_signed what;
    enum s3_http_outcome outcome;

    request->length = 0;
    if (request->begin != NULL)
        request->begin(request->arg);
    if (!s3_request_sign(arena, s3->config, &s3->inside, &signer, request, &what, err) ||
        !s3_xml_new(&attempt.xml, arena, on_element, &attempt, err))
        return REFUSED;
    outcome = s3_http_exchange(s3->http, arena, request, &what, remaining_ms, on_body, &attempt, answer, err);
    if (outcome == S3_HTTP_CUT)
        return AGAIN;
    if (outcome != S3_HTTP_ANSWERED) {
        s3_refusal_nonsense(err);
        return REFUSED;
    }
    s3->answered_at_us = s3->clock->monotonic_us();
    if (answer->status < 300 && request->element != NULL && (attempt.xml == NULL || !s3_xml_end(attempt.xml, err))) {
        s3_refusal_nonsense(err);
        return REFUSED;
    }
    if (answer->status >= 200 && answer->status < 300 && attempt.refusal.code[0] == '\0')
        return DONE;
    /* Beyond the end of an object there are no bytes, which is not an error. */
    if (answer->status == 416 && request->size > 0)
        return DONE;
    if (s3_refusal_passes(&attempt.refusal, answer) || learn_time(s3, &attempt) || renew_key(s3, &attempt)) {
        err_set(err, ERR_DOWN, "%s: S3 answers %ld %s", request->name, answer->status, attempt.refusal.code);
        return AGAIN;
    }
    refused(s3, arena, &attempt, err);
    return REFUSED;
}

/* Waits while other requests of this worker use all EXCHANGES_MAX. */
static enum outcome ask_in_turn(struct s3 *s3, struct arena *arena, struct s3_request *request, int64_t end_us,
                                struct s3_answer *answer, struct err *err)
{
    enum outcome outcome;
    int64_t remaining_ms;

    s3_answer_init(answer);
    if (!semaphore_take(&s3->exchanges, s3->coroutines, s3->clock, end_us)) {
        bool may_wait = coroutine_may_wait(s3->coroutines);

        err_set(err, ERR_DOWN, "%s: %s", request->name, may_wait ? "others were first" : not_waited_for);
        return may_wait ? AGAIN : REFUSED;
    }
    remaining_ms = (end_us - s3->clock->monotonic_us()) / 1000;
    outcome = ask(s3, arena, request, remaining_ms > 0 ? remaining_ms : 1, answer, err);
    semaphore_give(&s3->exchanges);
    return outcome;
}

/* Waits for a random time up to a limit that doubles ("full jitter"), or as long as the server asks for. */
static int64_t wait_before(int64_t retry, int64_t asked_ms)
{
    int64_t bound_ms = FIRST_WAIT_MS << retry;

    if (asked_ms >= 0)
        return asked_ms;
    return 1 + random_below((uint32_t)(bound_ms < LONGEST_WAIT_MS ? bound_ms : LONGEST_WAIT_MS));
}

/*
 * The error of the last attempt is the result. When other requests were answered meanwhile, the storage is not marked
 * as down.
 */
static bool give_up(struct s3 *s3, enum outcome outcome, const struct s3_answer *answer, int64_t since_us,
                    const struct err *reason, struct err *err)
{
    if (outcome == AGAIN && answer->status == 0 && s3->answered_at_us < since_us)
        s3->down_until_us = s3->clock->monotonic_us() + s3->config->s3_retry_ms * 1000;
    if (err->kind == ERR_NONE) {
        *err = *reason;
        if (err->kind == ERR_DOWN && err->retry_after_s == 0)
            err->retry_after_s = 1;
    }
    return false;
}

/* False: the request may not wait any longer. */
static bool pause_until(struct s3 *s3, int64_t until_us)
{
    while (s3->clock->monotonic_us() < until_us)
        if (!coroutine_wait(s3->coroutines, s3->clock, -1, 0, until_us))
            return false;
    return true;
}

bool s3_call(struct s3 *s3, struct arena *arena, struct s3_request *request, struct s3_answer *answer, struct err *err)
{
    int64_t start_us = s3->clock->monotonic_us(), end_us = start_us + s3->config->s3_timeout_ms * 1000;

    s3_answer_init(answer);
    if (!load_key(s3, err) || !open_http(s3, err))
        return false;
    if (start_us < s3->down_until_us || !coroutine_may_wait(s3->coroutines)) {
        err_set(err, ERR_DOWN, "%s: %s", request->name,
                start_us < s3->down_until_us ? "S3 could not be reached a moment ago" : not_waited_for);
        err->retry_after_s = 1;
        return false;
    }
    for (int64_t retry = 0;; retry++) {
        int64_t since_us = s3->clock->monotonic_us();
        struct err reason = {.kind = ERR_NONE};
        enum outcome outcome = ask_in_turn(s3, arena, request, end_us, answer, &reason);
        int64_t wait_ms = wait_before(retry, retry_after_ms(answer));
        int64_t until_us = s3->clock->monotonic_us() + wait_ms * 1000;

        if (outcome == DONE) {
            s3->down_until_us = 0;
            return true;
        }
        if (outcome == REFUSED || retry == s3->config->s3_retries || until_us >= end_us)
            return give_up(s3, outcome, answer, since_us, &reason, err);
        LOG_EVENT(s3->log, LOG_WARN, "s3_retry", LOG_TEXT("detail", reason.detail), LOG_NUMBER("wait_ms", wait_ms));
        if (!pause_until(s3, until_us))
            return give_up(s3, outcome, answer, since_us, &reason, err);
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
