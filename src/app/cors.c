#include "app/cors.h"

#include "app/gate/gate.h"
#include "app/origin_proof.h"
#include "app/routes.h"

/* A browser need not ask again for so long. Chromium's most is 7200. */
#define PREFLIGHT_S "600"

/* What a client with a key sends (README, tus), beside what scripts may send without being asked. */
static const char sent[] =
    "Authorization, Content-Type, Content-Disposition, Idempotency-Key, If-Match, If-None-Match, If-Modified-Since, "
    "If-Unmodified-Since, If-Range, Range, Tus-Resumable, Upload-Checksum, Upload-Concat, Upload-Defer-Length, "
    "Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override";

/* And what it needs of an answer, beside what scripts may read anyway. */
static const char read[] =
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Idempotent-Replayed, Link, Location, Retry-After, "
    "Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Concat, Upload-Defer-Length, Upload-Expires, "
    "Upload-Length, Upload-Metadata, Upload-Offset, X-Request-Id";

static bool takes_keys(const struct route *route)
{
    return (route->traits & (KEY_OF_DATA | KEY_OF_FILES)) != 0;
}

static bool tells_visitor(const struct route *route)
{
    return (route->traits & TELLS_SITES) != 0;
}

/* Whether some script of another origin may read what this route answers. */
static bool may_be_read(const struct route *route)
{
    return route != NULL && (takes_keys(route) || tells_visitor(route));
}

static bool is_cross_origin(const struct exchange *x)
{
    return x->request.target[0] == '\0' && x->request.origin_header[0] != '\0' && origin_proof(x) == PROOF_FOREIGN;
}

bool cors_prepare(struct exchange *x, struct err *err)
{
    const struct route *route = x->match.route;
    struct err ignored = {.kind = ERR_NONE};
    struct origin *origin;
    const char *rest;

    if (!is_cross_origin(x) || route == NULL || x->request.method == METHOD_OPTIONS)
        return true;
    if ((route->traits & (FROM_SITES | TELLS_SITES)) == 0 && !(takes_keys(route) && x->by_key))
        return true;
    origin = arena_alloc(&x->arena, sizeof *origin);
    x->site = arena_alloc(&x->arena, sizeof *x->site);
    if (origin == NULL || x->site == NULL)
        return err_memory(err);
    /* Of two sites of one origin it is the one of all paths: a page says no more of itself than its origin. */
    if (origin_of_url(x->request.origin_header, origin, &rest, &ignored))
        site_lookup_init(x->site, origin, "/");
    else
        x->site = NULL;
    return true;
}

const struct site_pass *cors_site(const struct exchange *x)
{
    const struct site_pass *site = is_cross_origin(x) ? gate_site(x) : NULL;

    return site != NULL && site->fault == NULL ? site : NULL;
}

bool cors_check_visitor(struct exchange *x, struct err *err)
{
    const struct site_pass *site = cors_site(x);
    struct rules_facts facts;

    if (origin_proof(x) != PROOF_FOREIGN)
        return true;
    if (x->site != NULL && x->site->found == DB_FAIL) {
        *err = *x->site->failure;
        return false;
    }
    if (site != NULL) {
        if (!gate_facts(x, &facts, err))
            return false;
        facts.method = "GET";
        facts.target = "/";
        if (rules_judge(&site->rules, &facts).verdict == RULES_PASS)
            return true;
    }
    x->site = NULL; /* nor may the refusal be read */
    return err_set(err, ERR_DENIED, "this may be asked by pages of sites where the visitor may pass");
}

static bool answer_preflight(struct exchange *x, struct err *err)
{
    struct err ignored = {.kind = ERR_NONE};
    enum method method = method_of(x->request.preflight);
    struct route_match match;

    x->response.vary = "Accept, Origin, Access-Control-Request-Method";
    if (method == 0 || !route_find(routes, routes_count, method, x->request.path, &match, &ignored) ||
        match.route == NULL || !takes_keys(match.route))
        return true;
    return response_header(&x->response, "Access-Control-Allow-Origin", "*", err) &&
           response_header(&x->response, "Access-Control-Allow-Methods", method_name(method), err) &&
           response_header(&x->response, "Access-Control-Allow-Headers", sent, err) &&
           response_header(&x->response, "Access-Control-Max-Age", PREFLIGHT_S, err);
}

bool cors_headers(struct exchange *x, struct err *err)
{
    const struct route *route = x->match.route;

    if (x->request.method == METHOD_OPTIONS && x->request.preflight[0] != '\0' && x->request.origin_header[0] != '\0')
        return answer_preflight(x, err);
    if (!may_be_read(route))
        return true;
    x->response.vary = "Accept, Origin";
    if (cors_site(x) == NULL || !(tells_visitor(route) || x->by_key))
        return true;
    return response_header(&x->response, "Access-Control-Allow-Origin", x->request.origin_header, err) &&
           (!tells_visitor(route) || response_header(&x->response, "Access-Control-Allow-Credentials", "true", err)) &&
           response_header(&x->response, "Access-Control-Expose-Headers", read, err);
}
