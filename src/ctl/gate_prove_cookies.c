/* mayflyctl gate prove: cookies that are changed, of another place, or good no more; and a log-out. */
#include "ctl/gate_proof.h"
#include "ctl/gate_way.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    PLACES = 8,     /* of a cookie that are changed */
    PREFIX = 4,     /* "mfv_" and the like, without which it is no token at all */
    END_TRIES = 20, /* a log-out counts at once; with nginx's cache of answers after a second */
    END_PAUSE_MS = 100,
};

static void wait_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* Where the value of the cookie by which the site knows somebody begins, and its length; 0: it has none. */
static size_t find_value(const char *cookie, size_t *start)
{
    const char *at = cookie != NULL ? strstr(cookie, "mayfly=") : NULL;

    if (at == NULL)
        return 0;
    at += strlen("mayfly=");
    *start = (size_t)(at - cookie);
    return strcspn(at, ";");
}

/* --- Changed ones */

static bool prove_changed(struct gate_proof *proof, size_t start, size_t length, struct err *err)
{
    const char *what = "a cookie with one character changed", *evidence;
    char *cookie = arena_strdup(proof->arena, proof->visitor.cookie);
    const struct gate_request request = {.cookie = cookie};
    struct prove_answer answer;

    if (cookie == NULL)
        return err_memory(err);
    for (size_t i = 0; i < PLACES; i++) {
        size_t at = start + PREFIX + i * (length - PREFIX) / PLACES;

        cookie[at] = cookie[at] == 'A' ? 'B' : 'A';
        if (!gate_ask(proof, &request, &answer, err))
            return false;
        cookie[at] = proof->visitor.cookie[at];
        if (gate_refused(proof, &answer))
            continue;
        evidence = arena_printf(proof->arena, "the one at place %zu: %s", at - start, gate_told(proof, &answer));
        return gate_row(proof, GATE_BROKEN, what, evidence, err);
    }
    return gate_row(proof, GATE_HELD, what, arena_printf(proof->arena, "%d refused", PLACES), err);
}

static bool prove_cut(struct gate_proof *proof, size_t start, size_t length, struct err *err)
{
    const char *cookie = proof->visitor.cookie;
    const struct gate_request shorter = {.cookie = arena_strndup(proof->arena, cookie, start + length - 1)},
                              longer = {.cookie = arena_printf(proof->arena, "%.*sA", (int)(start + length), cookie)},
                              empty = {.cookie = arena_strndup(proof->arena, cookie, start)};

    if (shorter.cookie == NULL || longer.cookie == NULL || empty.cookie == NULL)
        return err_memory(err);
    return gate_row_refused(proof, &shorter, 0, "a cookie without its end", err) &&
           gate_row_refused(proof, &longer, 0, "a cookie with more at its end", err) &&
           gate_row_refused(proof, &empty, 0, "an empty cookie", err);
}

/* --- Of another place */

static bool prove_elsewhere(struct gate_proof *proof, size_t start, size_t length, struct err *err)
{
    const char *what = "the site's cookie at mayfly's own pages", *told;
    const char *value = arena_strndup(proof->arena, proof->visitor.cookie + start, length);
    const struct gate_request bearer = {.bearer = value},
                              home = {.origin = proof->home, .target = "/profile", .cookie = proof->visitor.cookie};
    struct prove_answer answer;

    if (value == NULL)
        return err_memory(err);
    if (!proof->has_visits)
        return gate_row(proof, GATE_NOT_ASKED, what, "the site has the home's host, so it is the same cookie", err);
    if (!gate_row_refused(proof, &bearer, 0, "the site's cookie as a bearer's token", err) ||
        !gate_ask(proof, &home, &answer, err))
        return false;
    told = gate_told(proof, &answer);
    return gate_row(proof, answer.status == 401 ? GATE_HELD : GATE_BROKEN, what, answer.status == 401 ? "401" : told,
                    err);
}

/* The cookie of --other here, and this site's there. */
static bool prove_other(struct gate_proof *proof, struct err *err)
{
    const char *what = "the cookie of another site", *trouble = "", *there = "this site's cookie at the other one";
    struct gate_visitor other = proof->visitor;
    struct gate_request request = {.method = NULL};

    if (proof->other.origin == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "--other is not given", err);
    if (!gate_visit(proof, &proof->other, &other, &trouble, err))
        return false;
    if (other.cookie == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, arena_printf(proof->arena, "the way to --other: %s", trouble),
                        err);
    request.cookie = other.cookie;
    if (!gate_row_refused(proof, &request, 0, what, err))
        return false;
    request = (struct gate_request){
        .origin = proof->other.origin, .target = proof->other.target, .cookie = proof->visitor.cookie};
    return gate_row_refused(proof, &request, 0, there, err);
}

/* --- Good no more */

static bool prove_expired(struct gate_proof *proof, struct err *err)
{
    const char *what = "a session that has expired";
    struct gate_request request = {.bearer = proof->expired};

    if (proof->expired == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "--expired is not given", err);
    if (!gate_row_refused(proof, &request, 0, what, err))
        return false;
    request = (struct gate_request){
        .cookie = arena_printf(proof->arena, "mayfly=%s; __Host-mayfly=%s", proof->expired, proof->expired)};
    return request.cookie == NULL ? err_memory(err) : gate_row_refused(proof, &request, 0, "the same as a cookie", err);
}

bool gate_prove_cookies(struct gate_proof *proof, struct err *err)
{
    size_t start = 0, length = find_value(proof->visitor.cookie, &start);

    if (length <= PREFIX + PLACES)
        return gate_row(proof, GATE_NOT_ASKED, "changed, foreign and expired cookies", "the account does not get in",
                        err);
    return prove_changed(proof, start, length, err) && prove_cut(proof, start, length, err) &&
           prove_elsewhere(proof, start, length, err) && prove_other(proof, err) && prove_expired(proof, err);
}

/* A session of its own, so that the account's other one goes on. */
bool gate_prove_end(struct gate_proof *proof, struct err *err)
{
    const char *what = "the site's cookie after a log-out at home", *trouble = "", *evidence;
    struct gate_visitor leaving;
    struct gate_request request = {.method = NULL};
    struct prove_answer answer;
    int tries = 0;

    if (proof->visitor.cookie == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "the account does not get in", err);
    if (!gate_log_in(proof, &leaving, err) || !gate_visit(proof, &proof->site, &leaving, &trouble, err))
        return false;
    if (leaving.cookie == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, trouble, err);
    request.cookie = leaving.cookie;
    if (!gate_ask(proof, &request, &answer, err))
        return false;
    if (gate_refused(proof, &answer))
        return gate_row(proof, GATE_NOT_ASKED, what,
                        arena_printf(proof->arena, "before it: %s", gate_told(proof, &answer)), err);
    request =
        (struct gate_request){.method = "POST", .origin = proof->home, .target = "/logout", .bearer = leaving.token};
    if (!gate_ask(proof, &request, &answer, err))
        return false;
    if (answer.status < 200 || answer.status > 303)
        return gate_row(proof, GATE_NOT_ASKED, what,
                        arena_printf(proof->arena, "the log-out: %s", gate_told(proof, &answer)), err);
    request = (struct gate_request){.cookie = leaving.cookie};
    for (;; wait_ms(END_PAUSE_MS)) {
        if (!gate_ask(proof, &request, &answer, err))
            return false;
        if (gate_refused(proof, &answer) || ++tries == END_TRIES)
            break;
    }
    if (tries == 0)
        return gate_row(proof, GATE_HELD, what, gate_told(proof, &answer), err);
    evidence = arena_printf(proof->arena, "%s after %d.%d s", gate_told(proof, &answer), tries * END_PAUSE_MS / 1000,
                            tries * END_PAUSE_MS / 100 % 10);
    return gate_row(proof, tries < END_TRIES ? GATE_HELD : GATE_BROKEN, what, evidence, err);
}
