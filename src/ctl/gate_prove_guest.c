/* mayflyctl gate prove: who is not logged in, and that somebody who is gets in. */
#include "ctl/gate_proof.h"
#include "ctl/gate_way.h"

#include <string.h>

/* --- Ways */

/* "<https://auth.example.org/login>; rel="login"" */
static bool find_home(struct gate_proof *proof, const struct prove_answer *answer, struct err *err)
{
    const char *link = gate_field(proof, answer, "Link"), *end;

    if (link == NULL || link[0] != '<' || (end = strstr(link, "/login>")) == NULL)
        return true;
    proof->home = arena_strndup(proof->arena, link + 1, (size_t)(end - link - 1));
    return proof->home != NULL || err_memory(err);
}

/* A script is told where the log-in is, and led nowhere. */
static bool prove_script(struct gate_proof *proof, struct err *err)
{
    const struct gate_request request = {.method = NULL};
    struct prove_answer answer;
    const char *type;
    bool told;

    if (!gate_ask(proof, &request, &answer, err) || !find_home(proof, &answer, err))
        return false;
    type = gate_field(proof, &answer, "Content-Type");
    told = answer.status == 401 && gate_refused(proof, &answer) && type != NULL &&
           strncmp(type, "application/problem+json", 24) == 0 && gate_field(proof, &answer, "WWW-Authenticate") != NULL;
    return gate_row(proof, told ? GATE_HELD : GATE_BROKEN, "a script without a log-in is told where it is",
                    gate_told(proof, &answer), err);
}

static bool prove_page(struct gate_proof *proof, struct err *err)
{
    const char *trouble;
    struct gate_way way;
    bool found;

    return gate_way_begin(proof, &proof->site, &way, &found, &trouble, err) &&
           gate_row(proof,
                    found && (proof->home == NULL || strncmp(way.home, proof->home, strlen(proof->home)) == 0)
                        ? GATE_HELD
                        : GATE_BROKEN,
                    "a browser without a log-in is led there", trouble, err);
}

/* Nobody can be sent elsewhere by what anybody can write. */
static bool prove_made_up(struct gate_proof *proof, struct err *err)
{
    static const char *const targets[] = {"/enter?to=https%3A%2F%2Fgate-prove.invalid%2F",
                                          "/enter?to=//gate-prove.invalid/",
                                          "/enter?to=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    const char *what = "a way that anybody can make up leads nowhere", *location = NULL;
    struct prove_answer answer;

    if (proof->home == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "the site does not tell where its log-in is", err);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0] && location == NULL; i++) {
        const struct gate_request request = {.origin = proof->home, .target = targets[i], .navigates = true};

        if (!gate_ask(proof, &request, &answer, err))
            return false;
        location = gate_field(proof, &answer, "Location");
    }
    return gate_row(proof, location == NULL && answer.status != 0 ? GATE_HELD : GATE_BROKEN, what,
                    gate_told(proof, &answer), err);
}

bool gate_prove_ways(struct gate_proof *proof, struct err *err)
{
    return prove_script(proof, err) && prove_page(proof, err) && prove_made_up(proof, err);
}

/* --- Somebody with an account */

bool gate_prove_visitor(struct gate_proof *proof, struct err *err)
{
    const char *what = "the account of --login gets in", *trouble = "";
    struct gate_visitor *visitor = &proof->visitor;
    struct gate_request request = {.method = NULL};
    struct prove_answer answer;
    bool passed;

    if (proof->home == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "the site does not tell where its log-in is", err);
    if (!gate_log_in(proof, visitor, err) || !gate_visit(proof, &proof->site, visitor, &trouble, err))
        return false;
    if (visitor->cookie == NULL)
        return gate_row(proof, GATE_BROKEN, what, trouble, err);
    proof->has_visits = strstr(visitor->cookie, visitor->token) == NULL;
    request.cookie = visitor->cookie;
    if (!gate_ask(proof, &request, &answer, err))
        return false;
    passed = answer.status != 0 && answer.status != 503 && !gate_refused(proof, &answer);
    if (!passed)
        visitor->cookie = NULL;
    proof->passed_status = answer.status;
    proof->passed_length = answer.length;
    return gate_row(proof, passed ? GATE_HELD : GATE_BROKEN, what, gate_told(proof, &answer), err);
}
