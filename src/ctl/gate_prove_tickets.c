/*
 * mayflyctl gate prove: tickets, by which a browser that is logged in at home gets a cookie at a site. A ticket is good
 * in the browser in which the way began, at the site it was made for. The same browser may use it again, which nginx
 * does by itself when a worker dies, and gets the same cookie.
 */
#include "ctl/gate_proof.h"
#include "ctl/gate_way.h"

#include <string.h>

/* What a ticket gives: a cookie, and the way on. */
static bool gives_cookie(const struct gate_proof *proof, const struct prove_answer *answer)
{
    const char *cookie = gate_field(proof, answer, "Set-Cookie");

    return answer->status == 303 && cookie != NULL && strstr(cookie, "mayfly=") != NULL;
}

static bool prove_refused(struct gate_proof *proof, const char *origin, const char *ticket, const char *cookie,
                          const char *what, struct err *err)
{
    const struct gate_request request = {.origin = origin, .target = ticket, .cookie = cookie, .navigates = true};
    struct prove_answer answer;

    return gate_ask(proof, &request, &answer, err) &&
           gate_row(proof, gives_cookie(proof, &answer) || answer.status == 0 ? GATE_BROKEN : GATE_HELD, what,
                    gate_told(proof, &answer), err);
}

static bool prove_foreign(struct gate_proof *proof, const struct gate_way *way, const struct gate_way *stranger,
                          struct err *err)
{
    char *changed = arena_strdup(proof->arena, way->ticket), *middle;

    if (changed == NULL)
        return err_memory(err);
    middle = changed + strlen(changed) - strlen(strstr(changed, "ticket=") + 7) / 2;
    *middle = *middle == 'A' ? 'B' : 'A';
    if (!prove_refused(proof, NULL, way->ticket, NULL, "a ticket in a browser without cookies", err) ||
        !prove_refused(proof, NULL, way->ticket, stranger->tie, "a ticket in another browser", err) ||
        !prove_refused(proof, NULL, changed, way->tie, "a ticket with one character changed", err))
        return false;
    if (proof->other.origin == NULL)
        return gate_row(proof, GATE_NOT_ASKED, "a ticket at another site", "--other is not given", err);
    return prove_refused(proof, proof->other.origin, way->ticket, way->tie, "a ticket at another site", err);
}

/* In its own browser: the way back is the whole address, with its query. */
static bool prove_used(struct gate_proof *proof, const struct gate_place *place, const struct gate_way *way,
                       const struct gate_way *stranger, struct err *err)
{
    const struct gate_request request = {.target = way->ticket, .cookie = way->tie, .navigates = true};
    const char *first, *second, *back;
    struct prove_answer answer;
    bool whole;

    if (!gate_ask(proof, &request, &answer, err))
        return false;
    back = gate_field(proof, &answer, "Location");
    first = gate_field(proof, &answer, "Set-Cookie");
    whole = gives_cookie(proof, &answer) && back != NULL && strncmp(back, place->origin, strlen(place->origin)) == 0 &&
            strcmp(back + strlen(place->origin), place->target) == 0;
    if (!gate_row(proof, whole ? GATE_HELD : GATE_BROKEN, "the way back is the whole address, query and all",
                  whole ? place->target : gate_told(proof, &answer), err) ||
        !prove_refused(proof, NULL, way->ticket, NULL, "a used ticket in a browser without cookies", err) ||
        !prove_refused(proof, NULL, way->ticket, stranger->tie, "a used ticket in another browser", err) ||
        !gate_ask(proof, &request, &answer, err))
        return false;
    second = gate_field(proof, &answer, "Set-Cookie");
    whole = !gives_cookie(proof, &answer) || (first != NULL && second != NULL && strcmp(first, second) == 0);
    return gate_row(proof, whole ? GATE_HELD : GATE_BROKEN, "a used ticket in its own browser gives no other cookie",
                    gate_told(proof, &answer), err);
}

bool gate_prove_tickets(struct gate_proof *proof, struct err *err)
{
    const char *what = "tickets in other browsers, changed, used, and at other sites", *trouble = "";
    struct gate_place place = proof->site;
    struct gate_way way, stranger;
    bool found;

    if (proof->visitor.cookie == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "the account does not get in", err);
    if (!proof->has_visits)
        return gate_row(proof, GATE_NOT_ASKED, what, "the site has the home's host, and needs none", err);
    place.target = arena_printf(proof->arena, "%s%sgate-prove=a%%20b&c=%%26", place.target,
                                strchr(place.target, '?') != NULL ? "&" : "?");
    if (place.target == NULL)
        return err_memory(err);
    if (!gate_way_begin(proof, &place, &stranger, &found, &trouble, err) ||
        (found && !gate_way_begin(proof, &place, &way, &found, &trouble, err)) ||
        (found && !gate_way_ticket(proof, &place, &proof->visitor, &way, &found, &trouble, err)))
        return false;
    if (!found || way.ticket == NULL)
        return gate_row(proof, GATE_BROKEN, what, arena_printf(proof->arena, "no ticket: %s", trouble), err);
    return prove_foreign(proof, &way, &stranger, err) && prove_used(proof, &place, &way, &stranger, err);
}
