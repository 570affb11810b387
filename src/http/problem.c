#include "http/problem.h"

#include "base/json_text.h"

#include <stdio.h>

/* Long enough for a service to return, or a lock to be released. */
enum { RETRY_DOWN_S = 1 };

static const struct {
    int status;
    const char *title;
    const char *public_detail; /* NULL: the error's own detail was written for the client */
} kinds[] = {
    [ERR_NONE] = {200, "OK", ""},
    [ERR_INPUT] = {400, "Bad request", NULL},
    [ERR_LOGIN] = {401, "Unauthorized", NULL},
    [ERR_DENIED] = {403, "Forbidden", NULL},
    [ERR_ABSENT] = {404, "Not found", NULL},
    [ERR_METHOD] = {405, "Method not allowed", NULL},
    [ERR_CONFLICT] = {409, "Conflict", NULL},
    [ERR_STALE] = {412, "Precondition failed", NULL},
    [ERR_LARGE] = {413, "Content too large", NULL},
    [ERR_TYPE] = {415, "Unsupported media type", NULL},
    [ERR_RANGE] = {416, "Range not satisfiable", NULL},
    [ERR_VALUE] = {422, "Unprocessable content", NULL},
    [ERR_LOCKED] = {423, "Locked", NULL},
    [ERR_LIMIT] = {429, "Too many requests", NULL},
    [ERR_CHECKSUM] = {460, "Checksum mismatch", NULL}, /* of tus 1.0.0 */
    [ERR_DOWN] = {503, "Service unavailable",
                  "A service behind this site is not available. Nothing was lost; try again shortly."},
    [ERR_BUG] = {500, "Internal error",
                 "Something went wrong on this site. It has been logged with this request's id."},
};

/* Shown instead of a detail that is for the log; these kinds come from the database. */
static const char *words_of(enum err_kind kind)
{
    switch (kind) {
    case ERR_LOGIN:
        return "the session has ended; log in again";
    case ERR_CONFLICT:
        return "this exists already, or was changed just now; read it again";
    default:
        return "a value can't be stored in this form";
    }
}

struct problem problem_of(const struct err *err)
{
    const char *detail = kinds[err->kind].public_detail;

    if (detail == NULL && err->is_internal)
        detail = words_of(err->kind);
    return (struct problem){
        .status = kinds[err->kind].status,
        .title = kinds[err->kind].title,
        .detail = detail != NULL ? detail : err->detail,
        .field = err->is_internal ? "" : err->field,
    };
}

bool problem_headers(const struct err *err, struct response *response, struct err *failure)
{
    int64_t seconds = err->retry_after_s > 0 ? err->retry_after_s : RETRY_DOWN_S;
    char text[24];

    if (err->kind != ERR_LIMIT && err->kind != ERR_LOCKED && err->kind != ERR_DOWN)
        return true;
    snprintf(text, sizeof text, "%lld", (long long)seconds);
    return response_header(response, "Retry-After", text, failure);
}

void problem_render(const struct err *err, struct response *response)
{
    struct problem problem = problem_of(err);
    struct err ignored = {.kind = ERR_NONE};
    char detail[ERR_DETAIL_BYTES * 2], field[sizeof err->field * 2 + 16];
    char json[sizeof detail + sizeof field + 256];

    response->status = problem.status;
    response->type = "application/problem+json";
    json_text_quote(detail, sizeof detail, problem.detail);
    json_text_quote(field, sizeof field, problem.field);
    snprintf(json, sizeof json,
             "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":%s,\"error\":\"%s\"%s%s}",
             problem.title, problem.status, detail, err_word(err->kind), problem.field[0] != '\0' ? ",\"field\":" : "",
             problem.field[0] != '\0' ? field : "");
    if (!buf_add_string(&response->body, json) || !problem_headers(err, response, &ignored))
        return; /* the status alone says the most */
}
