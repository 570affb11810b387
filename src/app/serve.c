#include "app/serve.h"

#include "app/again.h"
#include "app/answer.h"
#include "app/authorise.h"
#include "app/cors.h"
#include "app/gate/gate.h"
#include "app/phase.h"
#include "app/routes.h"
#include "http/precondition.h"

#include <stdio.h>
#include <string.h>

/* Whether the answer depends on the session. Each page, also that of an error, shows the name of the visitor. */
static bool wants_session(const struct exchange *x)
{
    bool by_route = x->match.route != NULL && x->match.route->need != NEED_NOTHING && x->match.route->need != NEED_KEY;

    return x->has_token && (by_route || request_wants_page(&x->request));
}

static bool wants_site(const struct exchange *x)
{
    return x->match.route != NULL && (x->match.route->traits & AT_SITE) != 0;
}

/* Adds what x has to know to lookups, which have room for it. */
static bool add_lookups(struct exchange *x, struct lookups *lookups, struct err *err)
{
    if (!(wants_site(x) ? gate_prepare(x, err) : cors_prepare(x, err)))
        return false;
    if (wants_session(x))
        lookups->session_count += exchange_lookups(x, lookups->sessions + lookups->session_count);
    if (x->site != NULL)
        lookups->sites[lookups->site_count++] = x->site;
    return true;
}

void serve_prefetch(struct exchange *const *exchanges, struct err *opened, size_t count)
{
    struct arena *arena = &exchanges[0]->arena; /* has the lifetime of the batch */
    struct lookups lookups = {.session_count = 0};
    size_t most = 0;

    for (size_t i = 0; i < count; i++)
        most += exchanges[i]->others_count + 1;
    lookups.sessions = arena_alloc(arena, most * sizeof *lookups.sessions);
    lookups.sites = arena_alloc(arena, count * sizeof *lookups.sites);

    for (size_t i = 0; i < count; i++) {
        struct exchange *x = exchanges[i];

        if (opened[i].kind != ERR_NONE)
            continue;
        /* Without a route the error is in opened[i]. Its page for a browser shows the visitor's name. */
        if (!route_find(routes, routes_count, x->request.method, x->request.path, &x->match, &opened[i]) &&
            !request_wants_page(&x->request))
            continue;
        if (lookups.sessions == NULL || lookups.sites == NULL)
            err_memory(&opened[i]);
        else
            (void)!add_lookups(x, &lookups, &opened[i]);
    }
    if (lookups.session_count + lookups.site_count == 0)
        return;
    phase_limit(exchanges[0]->services, PHASE_HANDLER);
    lookups_find(&exchanges[0]->services->sessions, arena, &lookups);
    for (size_t i = 0; i < count; i++)
        exchange_choose(exchanges[i]);
}

static bool answer_options(struct exchange *x, struct err *err)
{
    char allow[ROUTE_ALLOW_MAX];

    x->response.status = 204;
    return response_header(&x->response, "Allow", route_allow(&x->match, allow), err);
}

/*
 * Refuses If-Match for a resource without an entity tag. OPTIONS and POST select no representation and evaluate none
 * (RFC 9110, section 13.2.1).
 */
static bool check_untagged(const struct exchange *x, struct err *err)
{
    static const struct validators none = {.tag = NULL};
    struct request match_only = x->request;
    bool same;

    match_only.if_none_match = "";
    return x->request.if_match[0] == '\0' || x->request.method == METHOD_POST || x->request.method == METHOD_OPTIONS ||
           precondition_check(&match_only, &none, &same, err);
}

static bool handle(struct exchange *x, struct err *err)
{
    if (x->request.method == METHOD_OPTIONS && x->match.route == NULL)
        return answer_options(x, err);
    if (!authorise(x, err))
        return false;
    if (x->replayed)
        return true;
    /* The other requests of the batch may be closed while this one waits. */
    if ((x->match.route->traits & PACE_MAY_WAIT) != 0 && !exchange_stay(x, err))
        return false;
    if ((x->match.route->traits & HAS_TAG) == 0 && !check_untagged(x, err))
        return false;
    return x->match.route->handle(x, err);
}

static enum serving complete(struct exchange *x, const struct err *err, struct buf *answer)
{
    if (!answer_make(x, err, answer))
        return SERVING_NOTHING;
    return x->source != NULL && x->request.method != METHOD_HEAD && x->answer_left > 0 ? SERVING_PIECES
                                                                                       : SERVING_ANSWER;
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

/* Completes the answer now and drops any job, sink or source. */
static enum serving complete_now(struct exchange *x, const struct err *err, struct buf *answer)
{
    drop_sink(x);
    quit_job(x);
    again_end(x);
    return complete(x, err, answer);
}

/* --- A request that has met another transaction's lock: app/again.h */

static bool run_again(struct exchange *x, bool *done, struct err *err)
{
    struct session_lookup *sessions[COOKIES_MAX];
    struct site_lookup *sites[1];
    struct lookups lookups = {.sessions = sessions, .sites = sites};

    again_begin(x);
    /*
     * Looked up again: the session may have ended, and the result of the batch was in the memory of its first request.
     */
    if (!add_lookups(x, &lookups, err))
        return false;
    if (lookups.session_count + lookups.site_count > 0) {
        lookups_find(&x->services->sessions, &x->arena, &lookups);
        exchange_choose(x);
    }
    if (!handle(x, err))
        return false;
    *done = x->sink == NULL && x->job == NULL;
    return true;
}

static bool end_again(struct exchange *x, bool *done, struct err *err)
{
    const struct job *job = x->job;

    if (!x->sink->end(x, x->again.whole, err))
        return false;
    x->sink = NULL;
    *done = x->job == job; /* otherwise another job does the rest */
    return true;
}

static const struct job handler_again = {.step = run_again}, ending_again = {.step = end_again};

/* Makes x a job that runs this again. What the handler had begun is freed, but not a body that is being taken. */
static bool put_aside(struct exchange *x, const struct job *job, struct err *err)
{
    struct err failure = {.kind = ERR_NONE};

    if (!err->busy || !exchange_stay(x, &failure) || !again_put_aside(x, err))
        return false;
    if (job == &handler_again)
        drop_sink(x);
    x->job = job;
    err_clear(err);
    return true;
}

/* After a handler has returned, in its first run or a later one. */
static enum serving settle(struct exchange *x, bool handled, struct err *err, struct buf *answer)
{
    enum serving serving;

    if (!handled && put_aside(x, &handler_again, err))
        return SERVING_JOB;
    if (handled && x->sink != NULL && exchange_stay(x, err)) {
        again_end(x);
        return SERVING_BODY;
    }
    if (handled && x->job != NULL && exchange_stay(x, err)) {
        again_end(x);
        return SERVING_JOB;
    }
    serving = complete_now(x, err, answer);
    return serving == SERVING_PIECES && !exchange_stay(x, err) ? SERVING_NOTHING : serving;
}

enum serving serve(struct exchange *x, const struct err *opened, struct buf *answer)
{
    struct err err = *opened;
    enum serving serving;

    phase_begin(x, PHASE_HANDLER);
    serving = settle(x, err.kind == ERR_NONE && handle(x, &err), &err, answer);
    x->again.rests = x->again.is_aside;
    phase_end(x);
    return serving;
}

void serve_take(struct exchange *x, const void *bytes, size_t length)
{
    phase_begin(x, PHASE_STREAM);
    if (x->failure.kind == ERR_NONE && !x->sink->take(x, bytes, length, &x->failure) && x->failure.kind == ERR_NONE)
        err_set(&x->failure, ERR_BUG, "a sink failed without a reason");
    phase_end(x);
}

enum serving serve_end(struct exchange *x, bool whole, struct buf *answer)
{
    enum serving serving;
    bool taken = x->failure.kind == ERR_NONE;

    phase_begin(x, whole ? PHASE_ENDING : PHASE_STREAM);
    if (taken && !x->sink->end(x, whole, &x->failure) && x->failure.kind == ERR_NONE)
        err_set(&x->failure, ERR_BUG, "a sink failed without a reason");
    x->again.whole = whole;
    if (taken && whole && put_aside(x, &ending_again, &x->failure)) {
        x->again.rests = true;
        phase_end(x);
        return SERVING_JOB;
    }
    if (x->failure.kind != ERR_NONE)
        drop_sink(x);
    x->sink = NULL;
    if (x->job != NULL && whole && x->failure.kind == ERR_NONE) {
        serving = SERVING_JOB;
    } else {
        quit_job(x);
        serving = complete(x, &x->failure, answer);
    }
    phase_end(x);
    return serving;
}

/* Runs a handler, or the end of a body, again. */
static enum serving step_again(struct exchange *x, struct buf *answer)
{
    const struct job *job = x->job;
    bool done = false, ok;

    if (x->again.rests) {
        x->again.rests = false;
        return SERVING_JOB;
    }
    x->pause_ms = 0;
    ok = job->step(x, &done, &x->failure);
    if (!ok && x->failure.kind == ERR_NONE)
        err_set(&x->failure, ERR_BUG, "a repetition failed without a reason");
    if (job == &handler_again)
        return settle(x, ok, &x->failure, answer);
    if (ok && !done) {
        again_end(x);
        return SERVING_JOB;
    }
    if (!ok && put_aside(x, job, &x->failure))
        return SERVING_JOB;
    x->job = NULL;
    return complete_now(x, &x->failure, answer);
}

enum serving serve_step(struct exchange *x, struct buf *answer)
{
    bool again = x->job == &handler_again || x->job == &ending_again;
    enum serving serving = SERVING_JOB;
    bool done = false;

    phase_begin(x, x->job == &handler_again ? PHASE_HANDLER : x->job == &ending_again ? PHASE_ENDING : PHASE_STREAM);
    if (again) {
        serving = step_again(x, answer);
        phase_end(x);
        return serving;
    }
    x->pause_ms = 0;
    if (!x->job->step(x, &done, &x->failure) && x->failure.kind == ERR_NONE)
        err_set(&x->failure, ERR_BUG, "a job failed without a reason");
    if (done || x->failure.kind != ERR_NONE) {
        x->job = NULL;
        serving = complete(x, &x->failure, answer);
    }
    phase_end(x);
    return serving;
}

/* Ends a body whose end was to be run again like one that was cut off: its bytes are kept, or dropped. */
static void cut_off(struct exchange *x)
{
    if (!x->sink->end(x, false, &x->failure))
        drop_sink(x);
    x->sink = NULL;
    quit_job(x);
}

void serve_quit(struct exchange *x)
{
    bool ends = x->job == &ending_again;

    phase_begin(x, PHASE_STREAM);
    quit_job(x);
    if (ends)
        cut_off(x);
    again_end(x);
    phase_end(x);
}

enum serving serve_refuse(struct exchange *x, const struct err *err, struct buf *answer)
{
    const struct err none = {.kind = ERR_NONE};
    enum serving serving;

    phase_begin(x, PHASE_STREAM);
    serving = complete_now(x, x->job != NULL && x->job->answered ? &none : err, answer);
    phase_end(x);
    return serving;
}
