#include "app/answer.h"

#include "app/account/signed_in.h"
#include "app/cors.h"
#include "app/measure.h"
#include "app/page/page.h"
#include "base/decimal.h"
#include "http/problem.h"

#include <string.h>

/* Sends a visitor without a session to the log-in page, which leads back here. */
static bool send_to_login(struct exchange *x, struct err *err)
{
    const char *way = signed_in_way_here(x);
    const char *query = way != NULL ? signed_in_query(x, way) : NULL;
    const char *location = query != NULL ? arena_printf(&x->arena, "/login?rd=%s", query) : "/login";

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

/* nginx's own request id is hexadecimal; any other is not sent back. */
static bool request_id_is_plain(const char *id)
{
    return id != NULL && id[0] != '\0' && strspn(id, "0123456789abcdef-") == strlen(id);
}

/*
 * Writes head and body for CGI (RFC 3875, section 6), which nginx turns into HTTP. printf would make an answer a tenth
 * slower.
 */
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
    ok = BUF_ADD_STRINGS(answer, "Status: ", number, "\r\nVary: ", response->vary,
                         "\r\nX-Content-Type-Options: nosniff\r\n");
    if (response->cache_control[0] != '\0')
        ok = ok && BUF_ADD_STRINGS(answer, "Cache-Control: ", response->cache_control, "\r\n");
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

/* Completes the response, or makes one of the error. If that fails too, the response is as short as possible. */
static void settle_response(struct exchange *x, const struct err *err)
{
    const struct route *route = x->match.route;
    struct err refused = *err, failure = {.kind = ERR_NONE};

    if (err->kind != ERR_NONE) {
        log_refusal(x, err);
        response_init(&x->response, &x->arena);
        x->source = NULL;
    }
    if ((route == NULL || route->add_headers == NULL || route->add_headers(x, &refused, &failure)) &&
        (refused.kind == ERR_NONE || render_error(x, &refused, &failure)) && cors_headers(x, &failure))
        return;
    log_refusal(x, &failure);
    response_init(&x->response, &x->arena);
    x->source = NULL;
    problem_render(&failure, &x->response);
}

bool answer_make(struct exchange *x, const struct err *err, struct buf *answer)
{
    int64_t duration_us;

    settle_response(x, err);
    if (!write_answer(x, answer))
        return false;
    duration_us = x->services->clock->monotonic_us() - x->started_us;
    log_request(x, duration_us);
    measure(x, duration_us);
    return true;
}
