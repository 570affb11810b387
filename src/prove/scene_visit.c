/*
 * mayfly-prove, a visit: a session at home goes the way to a site behind the gate, as a browser does, and is let in
 * there; it logs out at home, and from then on the site must refuse what it let in before.
 *
 *   the site refuses -> the home gives a ticket -> the site gives a cookie -> it lets in -> log-out -> it refuses
 */
#include "prove/scene.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    USES = 3, /* before the end */
    PROBES = 4,
};

enum { ROLE_NONE, ROLE_REFUSED, ROLE_TICKET, ROLE_ENTER, ROLE_USE, ROLE_END };

/* What a browser says on the way to a page; without the last line a site tells a script that it is not logged in. */
static const char accept_line[] = "Accept: text/html", mode_line[] = "Sec-Fetch-Mode: navigate",
                  dest_line[] = "Sec-Fetch-Dest: document";

static struct call *ask(struct prove *prove, struct prove_client *client, int role, const char *url, bool navigates)
{
    struct scene_state *state = &client->state;
    struct call *call = call_add(prove, client, CALL_VISIT, NULL);

    call->role = role;
    call->url = url;
    if (state->lines[0][0] != '\0')
        call->headers[call->header_count++] = state->lines[0];
    if (navigates) {
        call->headers[call->header_count++] = accept_line;
        call->headers[call->header_count++] = mode_line;
        call->headers[call->header_count++] = dest_line;
        call->wanted = 303;
    }
    call->fresh = true;
    return call;
}

static void begin(struct prove *prove, struct prove_client *client)
{
    const struct ledger_user *user = client->user;
    struct scene_state *state = &client->state;

    memcpy(state->token, user->sessions[prove_random_below(prove, user->session_count)].token, sizeof state->token);
    snprintf(state->url, sizeof state->url, "%s/", prove->site_url);
    ask(prove, client, ROLE_REFUSED, state->url, true);
}

/* A field of the answer's head; "" when it is not there or does not fit. */
static void take_field(const struct prove_answer *answer, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);

    value[0] = '\0';
    for (const char *line = answer->head; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *text = line + length + 1 + strspn(line + length + 1, " ");
            size_t bytes = strcspn(text, "\n");

            if (bytes < size) {
                memcpy(value, text, bytes);
                value[bytes] = '\0';
            }
            return;
        }
}

/* "Cookie: NAME=VALUE" of the answer's Set-Cookie. */
static void take_cookie(struct scene_state *state, const struct prove_answer *answer)
{
    char cookie[VISIT_COOKIE_BYTES - sizeof "Cookie: "];

    take_field(answer, "Set-Cookie", cookie, sizeof cookie);
    cookie[strcspn(cookie, ";")] = '\0';
    snprintf(state->lines[0], sizeof state->lines[0], "Cookie: %s", cookie);
}

static void probe(struct prove *prove, struct prove_client *client)
{
    for (size_t i = 0; i < PROBES; i++) {
        struct call *call = ask(prove, client, ROLE_NONE, client->state.url, false);

        call->wanted = 401;
        call->dead = true;
        prove->tally.dead_asked++;
    }
}

static void find(struct prove *prove, struct prove_client *client, enum finding_kind kind, const char *what,
                 const struct call *call)
{
    char words[CALL_WORDS_BYTES];

    if (client->state.refused)
        return;
    client->state.refused = true; /* found once */
    tally_find(&prove->tally, kind, 1, client->user->name, "%s: %s", what, call_words(prove, call, words));
}

/* The session is over, or it is not known whether it is. */
static void ended(struct prove *prove, struct prove_client *client, const struct call *call,
                  const struct prove_answer *answer)
{
    struct ledger_user *user = client->user;
    struct ledger_session *session = ledger_session_of(user, client->state.token);

    if (session == NULL)
        return;
    if (call->state == CALL_UNKNOWN) {
        ledger_session_remove(user, (size_t)(session - user->sessions));
        user->sessions_unknown++;
    } else if (answer->status == call->wanted) {
        prove->tally.acknowledged++;
        ledger_session_end(user, (size_t)(session - user->sessions), DEATH_LOGOUT, call->request,
                           call->answered_us - prove->tally.began_us);
        probe(prove, client);
    } else {
        scene_refused(prove, client, call, answer);
    }
}

static void answered(struct prove *prove, struct prove_client *client, struct call *call,
                     const struct prove_answer *answer)
{
    struct scene_state *state = &client->state;
    bool goes_on = call->state == CALL_ANSWERED && answer->status == 303;

    if (call->dead) {
        if (call->state == CALL_ANSWERED && answer->status >= 200 && answer->status <= 299)
            find(prove, client, FINDING_ENDED_TOKEN, "a session was logged out at home, and a site lets its visit in",
                 call);
        return;
    }
    switch (call->role) {
    case ROLE_REFUSED:
    case ROLE_TICKET:
        take_field(answer, "Location", state->way, sizeof state->way);
        if (call->role == ROLE_REFUSED)
            take_cookie(state, answer);
        state->goes_on = goes_on && state->way[0] != '\0';
        break;
    case ROLE_ENTER:
        take_cookie(state, answer);
        state->goes_on = goes_on;
        break;
    case ROLE_USE:
        if (call->state == CALL_ANSWERED && answer->status == 401)
            find(prove, client, FINDING_LOST_SESSION, "a site refuses the visit of a session", call);
        break;
    case ROLE_END:
        ended(prove, client, call, answer);
        break;
    default:
        break;
    }
}

static void settle(struct prove *prove, struct prove_client *client)
{
    struct scene_state *state = &client->state;
    struct call *call;

    if (!state->goes_on)
        return;
    state->goes_on = false;
    switch (state->stage++) {
    case 0:
        call = ask(prove, client, ROLE_TICKET, state->way, true);
        snprintf(state->lines[1], sizeof state->lines[1], "Authorization: Bearer %s", state->token);
        call->headers[0] = state->lines[1];
        break;
    case 1:
        ask(prove, client, ROLE_ENTER, state->way, true);
        break;
    case 2:
        for (size_t i = 0; i < USES; i++)
            ask(prove, client, ROLE_USE, state->url, false);
        state->goes_on = true;
        break;
    case 3:
        call_add(prove, client, CALL_LOGOUT, state->token)->role = ROLE_END;
        break;
    default:
        break;
    }
}

const struct scene scene_visit = {"visit", begin, answered, settle};
