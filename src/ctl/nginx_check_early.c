/* Directives that nginx runs before it asks the gate: return, rewrite, if, and code of modules. */
#include "ctl/nginx_check.h"
#include "ctl/nginx_pass.h"

#include <string.h>

struct check {
    struct nginx_findings *findings;
    struct err *err;
};

/* The rule that a location sets beside its site's, or "". */
static const char *stricter(const struct nginx_location *location)
{
    const struct nginx_directive *set = NULL, *found = NULL;

    while ((set = nginx_next(location->block, set, "set")) != NULL)
        if (nginx_word_is(set, 1, "$mayfly_require"))
            found = set;
    return found != NULL ? nginx_word(found, 2) : "";
}

bool nginx_is_redirect(const char *to)
{
    return strncmp(to, "http://", 7) == 0 || strncmp(to, "https://", 8) == 0 || strncmp(to, "$scheme", 7) == 0;
}

static bool check_rewrite(const struct check *check, const struct nginx_location *from,
                          const struct nginx_directive *rewrite)
{
    const char *to = nginx_word(rewrite, 2), *flag = nginx_word(rewrite, 3);
    const struct nginx_location *target;

    if (strcmp(flag, "break") == 0 || strcmp(flag, "redirect") == 0 || strcmp(flag, "permanent") == 0 ||
        nginx_is_redirect(to))
        return true;
    target = nginx_constant(to) > 1 || strcmp(to, "/") == 0 ? nginx_model_find(from->server, to) : NULL;
    /*
     * A target that clients can reach is judged where it stands. A rewrite opens a location that only nginx may reach.
     */
    if (from->gate != NGINX_GATED || from->match == NGINX_REST)
        return target == NULL || !target->is_internal || target->gate != NGINX_UNGATED || target->gives_nothing ||
               nginx_found(check->findings, NGINX_EARLY, rewrite, from->where, check->err,
                           "rewrite to %.80s makes everybody reach %s, which is internal and not behind the gate", to,
                           target->where);
    if (target == NULL)
        return nginx_found(
            check->findings, NGINX_EARLY, rewrite, from->where, check->err,
            "rewrite to %.80s leaves the location before the gate is asked, and it can't be told where to", to);
    if (target->gate == NGINX_OURS || target == from ||
        (target->gate == NGINX_GATED && (stricter(from)[0] == '\0' || strcmp(stricter(from), stricter(target)) == 0)))
        return true;
    return nginx_found(check->findings, NGINX_EARLY, rewrite, from->where, check->err,
                       "rewrite to %.80s leaves the location before the gate is asked, for %s, which %s", to,
                       target->where,
                       target->gate == NGINX_GATED ? "has not the same $mayfly_require" : "is not behind the gate");
}

static bool names_status(const struct nginx_directive *error_page, int status)
{
    for (int i = 1; i + 1 < error_page->count; i++)
        if (nginx_status(error_page->words[i]) == status)
            return true;
    return false;
}

/* Where error_page leads a status to, when an app or a named location without the gate answers there; NULL: nowhere. */
static const struct nginx_location *answers_error(const struct nginx_location *from,
                                                  const struct nginx_directive *block, int status)
{
    const struct nginx_directive *level = nginx_level(block, "error_page"), *page = NULL;
    const struct nginx_location *target;
    const struct nginx_pass_row *row;

    while (level != NULL && (page = nginx_next(level, page, "error_page")) != NULL) {
        if (!names_status(page, status))
            continue;
        target = nginx_model_find(from->server, nginx_word(page, page->count - 1));
        if (target == NULL || target->gate != NGINX_UNGATED || target->gives_nothing)
            return NULL;
        return target->match == NGINX_NAMED || nginx_pass_find(target->block, &row) != NULL ? target : NULL;
    }
    return NULL;
}

static bool check_return(const struct check *check, const struct nginx_location *from,
                         const struct nginx_directive *answer, bool is_conditional)
{
    int status = nginx_status(nginx_word(answer, 1));
    const struct nginx_location *target = status >= 400 ? answers_error(from, answer->parent, status) : NULL;

    if (target != NULL)
        return nginx_found(check->findings, NGINX_EARLY, answer, from->where, check->err,
                           "return %d leads to %s before the gate is asked, which has none", status, target->where);
    if (status >= 400 || from->gate == NGINX_PUBLIC || (from->gate == NGINX_UNGATED && from->match != NGINX_REST) ||
        (is_conditional && (status == 0 || status >= 300)))
        return true;
    return nginx_found(check->findings, NGINX_EARLY, answer, from->where, check->err,
                       "return %.40s answers before the gate is asked%s", nginx_word(answer, 1),
                       is_conditional ? ", when the condition holds" : ", so the gate is never asked here");
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Code that runs in nginx before the gate is asked, or in its place. */
static bool is_code(const char *name)
{
    static const char *const begins[] = {"rewrite_by_lua", "set_by_lua", "server_rewrite_by_lua", "access_by_lua"};

    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
        if (strncmp(name, begins[i], strlen(begins[i])) == 0)
            return true;
    return ends_with(name, "_by_njs") || strcmp(name, "js_access") == 0;
}

static bool check_early(const struct check *check, const struct nginx_location *from,
                        const struct nginx_directive *block, bool is_conditional)
{
    const struct nginx_directive *one = NULL;

    while ((one = nginx_next(block, one, NULL)) != NULL) {
        bool ok = true;

        if (nginx_is_ours(one))
            continue;
        if (nginx_is(one, "return"))
            ok = check_return(check, from, one, is_conditional);
        else if (nginx_is(one, "rewrite"))
            ok = check_rewrite(check, from, one);
        else if (nginx_is(one, "if") && one->is_block)
            ok = check_early(check, from, one, true);
        else if (is_code(one->words[0]))
            ok = nginx_found(check->findings, NGINX_UNJUDGED, one, from->where, check->err,
                             "%.60s runs before the gate is asked, or beside it, and may answer by itself",
                             one->words[0]);
        if (!ok)
            return false;
    }
    return true;
}

bool nginx_check_early(const struct nginx_location *from, const struct nginx_directive *block,
                       struct nginx_findings *findings, struct err *err)
{
    const struct check check = {findings, err};

    return check_early(&check, from, block, false);
}
