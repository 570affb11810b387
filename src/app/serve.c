#include "app/serve.h"

#include "app/authorise.h"
#include "app/measure.h"
#include "app/page.h"
#include "app/routes.h"
#include "base/decimal.h"
#include "http/problem.h"

#include <stdio.h>
#include <string.h>

/* Whether x is to be answered by a handler that has to know whose request it is. */
static bool wants_session(const struct exchange *x)
{
    return x->has_token && x->match.route != NULL && x->match.route->need != NEED_NOTHING;
}

void serve_prefetch(struct exchange *const *exchanges, struct err *opened, size_t count)
{
    struct arena *arena = &exchanges[0]->arena; /* lives as long as the batch */
    struct session_lookup **lookups = arena_alloc(arena, count * sizeof *lookups);
    size_t wanted = 0;

    for (size_t i = 0; i < count; i++) {
        struct exchange *x = exchanges[i];

        if (opened[i].kind != ERR_NONE ||
            !route_find(routes, routes_count, x->request.method, x->request.path, &x->match, &opened[i]) ||
            !wants_session(x))
            continue;
        if (lookups == NULL)
            err_memory(&opened[i]);
        else
            lookups[wanted++] = &x->lookup;
    }
    if (wanted > 0)
        sessions_find(&exchanges[0]->services->sessions, arena, lookups, wanted);
}

static bool answer_options(struct exchange *x, struct err *err)
{
    char allow[ROUTE_ALLOW_MAX];

    x->response.status = 204;
    return response_header(&x->response, "Allow", route_allow(&x->match, allow), err);
}

static bool handle(struct exchange *x, struct err *err)
{
    if (x->request.method == METHOD_OPTIONS && x->match.route == NULL)
        return answer_options(x, err);
    if (!authorise(x, err))
        return false;
    if (x->replayed)
        return true;
    /* Others of the batch are answered and gone while it waits. */
    if (x->match.route->pace == PACE_MAY_WAIT && !exchange_stay(x, err))
        return false;
    return x->match.route->handle(x, err);
}

/* A guest who opens a page is shown the way in; where to come back to is a path of ours. */
static bool send_to_login(struct exchange *x, struct err *err)
{
    const char *location = arena_printf(&x->arena, "/login?rd=%s", x->request.path);

    return location != NULL ? response_see_other(&x->response, location, err) : err_memory(err);
}

static bool render_error(struct exchange *x, const struct err *shown, struct err *err)
{
    const struct route *route = x->match.route;
    char allow[ROUTE_ALLOW_MAX];

    if (shown->kind == ERR_LOGIN && route != NULL && route->need == NEED_PAGE && request_wants_page(&x->request))
        return send_to_login(x, err);
    if (shown->kind == ERR_METHOD && !response_header(&x->response, "Allow", route_allow(&x->match, allow), err))
        return false;
    if (shown->kind == ERR_LOGIN && !response_header(&x->response, "WWW-Authenticate", "Bearer realm=\"mayfly\"", err))
        return false;
    if (!request_wants_page(&x->request)) {
        problem_render(shown, &x->response);
        return true;
    }
    x->response.status = problem_of(shown).status;
    return problem_headers(shown, &x->response, err) && page_error(x, shown, err);
}

static void log_refusal(struct exchange *x, const struct err *err)
{
    if (err->kind == ERR_BUG || err->kind == ERR_DOWN)
        log_error(&x->services->log, err->kind == ERR_BUG ? LOG_ERROR : LOG_WARN, "refused", err);
    else
        log_error(&x->services->log, LOG_DEBUG, "refused", err);
}

/* nginx's own is hexadecimal; anything else is not sent back. */
static bool request_id_is_plain(const char *id)
{
    return id != NULL && id[0] != '\0' && strspn(id, "0123456789abcdef-") == strlen(id);
}

/* Head and body as CGI wants them (RFC 3875, section 6): nginx makes HTTP of it. Without printf, which would cost a tenth. */
static bool write_answer(struct exchange *x, struct buf *answer)
{
    const struct response *response = &x->response;
    bool head_only = x->request.method == METHOD_HEAD;
    int64_t length = x->source != NULL ? x->answer_left : (int64_t)response->body.length;
    bool has_body = length > 0;
    char number[DECIMAL_BYTES];
    bool ok;

    buf_init(answer, &x->arena, RESPONSE_ANSWER_MAX);
    decimal_format(response->status, number);
    ok = BUF_ADD_STRINGS(answer, "Status: ", number, "\r\nCache-Control: ", response->cache_control,
                         "\r\nX-Content-Type-Options: nosniff\r\n");
    if (request_id_is_plain(x->request.request_id))
        ok = ok && BUF_ADD_STRINGS(answer, "X-Request-Id: ", x->request.request_id, "\r\n");
    if (x->services->config.worker_header)
        ok = ok && BUF_ADD_STRINGS(answer, "X-Mayfly-Worker: ", x->services->worker, "\r\n");
    if (has_body)
        ok = ok && BUF_ADD_STRINGS(answer, "Content-Type: ", response->type, "\r\n");
    decimal_format(length, number);
    if (response->status != 304 && response->status != 204)
        ok = ok && BUF_ADD_STRINGS(answer, "Content-Length: ", number, "\r\n");
    return ok && buf_add(answer, response->headers.bytes, response->headers.length) && buf_add_string(answer, "\r\n") &&
           (head_only || buf_add(answer, response->body.bytes, response->body.length));
}

static void log_request(struct exchange *x, int64_t duration_us)
{
    const char *method = method_name(x->request.method);

    LOG_EVENT(&x->services->log, LOG_INFO, "request", LOG_TEXT("method", method),
              LOG_TEXT("route", x->match.route != NULL ? x->match.route->path : "-"),
              LOG_NUMBER("status", x->response.status), LOG_NUMBER("duration_us", duration_us),
              LOG_NUMBER("cache_hit", x->has_session && x->lookup.from_cache), LOG_NUMBER("replayed", x->replayed));
}

/* The answer to a request that was handled, or failed with *err. */
static enum serving complete(struct exchange *x, const struct err *err, struct buf *answer)
{
    const struct route *route = x->match.route;
    struct err refused = *err, failure = {.kind = ERR_NONE};
    int64_t duration_us;

    if (err->kind != ERR_NONE) {
        log_refusal(x, err);
        response_init(&x->response, &x->arena);
        x->source = NULL;
    }
    if ((route != NULL && route->dress != NULL && !route->dress(x, &refused, &failure)) ||
        (refused.kind != ERR_NONE && !render_error(x, &refused, &failure))) {
        log_refusal(x, &failure);
        response_init(&x->response, &x->arena);
        x->source = NULL;
        problem_render(&failure, &x->response);
    }
    if (!write_answer(x, answer))
        return SERVING_NOTHING;
    duration_us = x->services->clock->monotonic_us() - x->started_us;
    log_request(x, duration_us);
    measure(x, duration_us);
    return x->source != NULL && x->request.method != METHOD_HEAD && x->answer_left > 0 ? SERVING_PIECES
                                                                                       : SERVING_ANSWER;
}

/* Lines of the log carry the request's id while it is served; the id dies with the request. */
static void log_as(struct exchange *x, const struct trace *trace)
{
    x->services->log.trace = trace;
}

static void drop_sink(struct exchange *x)
{
    const struct body_sink *sink = x->sink;

    x->sink = NULL;
    if (sink != NULL)
        sink->drop(x);
}

static void quit_job(struct exchange *x)
{
    const struct job *job = x->job;

    x->job = NULL;
    if (job != NULL && job->quit != NULL)
        job->quit(x);
}

/* No turn is to come, whatever the handler asked for before. */
static enum serving complete_now(struct exchange *x, const struct err *err, struct buf *answer)
{
    drop_sink(x);
    quit_job(x);
    return complete(x, err, answer);
}

enum serving serve(struct exchange *x, const struct err *opened, struct buf *answer)
{
    struct err err = *opened;
    enum serving serving;

    log_as(x, &x->trace);
    if (err.kind == ERR_NONE && handle(x, &err) && x->sink != NULL && exchange_stay(x, &err))
        serving = SERVING_BODY;
    else if (err.kind == ERR_NONE && x->job != NULL && exchange_stay(x, &err))
        serving = SERVING_JOB;
    else
        serving = complete_now(x, &err, answer);
    if (serving == SERVING_PIECES && !exchange_stay(x, &err))
        serving = SERVING_NOTHING;
    log_as(x, NULL);
    return serving;
}

void serve_take(struct exchange *x, const void *bytes, size_t length)
{
    log_as(x, &x->trace);
    if (x->failure.kind == ERR_NONE && !x->sink->take(x, bytes, length, &x->failure) && x->failure.kind == ERR_NONE)
        err_set(&x->failure, ERR_BUG, "a sink failed without a reason");
    log_as(x, NULL);
}

enum serving serve_end(struct exchange *x, bool whole, struct buf *answer)
{
    enum serving serving;

    log_as(x, &x->trace);
    if (x->failure.kind == ERR_NONE && !x->sink->end(x, whole, &x->failure) && x->failure.kind == ERR_NONE)
        err_set(&x->failure, ERR_BUG, "a sink failed without a reason");
    if (x->failure.kind != ERR_NONE)
        drop_sink(x);
    x->sink = NULL;
    if (x->job != NULL && whole && x->failure.kind == ERR_NONE) {
        serving = SERVING_JOB;
    } else {
        quit_job(x);
        serving = complete(x, &x->failure, answer);
    }
    log_as(x, NULL);
    return serving;
}

enum serving serve_step(struct exchange *x, struct buf *answer)
{
    enum serving serving = SERVING_JOB;
    bool done = false;

    log_as(x, &x->trace);
    x->pause_ms = 0;
    if (!x->job->step(x, &done, &x->failure) && x->failure.kind == ERR_NONE)
        err_set(&x->failure, ERR_BUG, "a job failed without a reason");
    if (done || x->failure.kind != ERR_NONE) {
        x->job = NULL;
        serving = complete(x, &x->failure, answer);
    }
    log_as(x, NULL);
    return serving;
}

void serve_quit(struct exchange *x)
{
    log_as(x, &x->trace);
    quit_job(x);
    log_as(x, NULL);
}

bool serve_next(struct exchange *x, const void **bytes, size_t *length, bool *last)
{
    struct err err = {.kind = ERR_NONE};
    bool ok;

    log_as(x, &x->trace);
    ok = x->source->next(x, bytes, length, &err);
    if (!ok)
        log_error(&x->services->log, LOG_WARN, "answer_cut", &err);
    log_as(x, NULL);
    if (!ok)
        return false;
    x->answer_left -= (int64_t)*length;
    *last = x->answer_left <= 0;
    return true;
}

enum serving serve_busy(struct exchange *x, const struct err *why, struct buf *answer)
{
    enum serving serving;

    log_as(x, &x->trace);
    serving = complete_now(x, why, answer);
    log_as(x, NULL);
    return serving;
}
