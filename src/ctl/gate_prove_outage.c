/*
 * mayflyctl gate prove: the database away. Commands of the administrator take it away and bring it back. Somebody whose
 * session is cached goes on for its freshness time, then the answer is 503; at no time does a guest get in, or somebody
 * who is logged in get a log-in page.
 */
#include "base/child.h"
#include "ctl/gate_proof.h"
#include "ctl/gate_way.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    COMMAND_TIMEOUT_MS = 120 * 1000,
    COMMAND_SAID_BYTES = 160,
    /* cache_fresh_s is 60 at most; site_fresh_s may be an hour, so an own limit is longer than most settings. */
    AWAY_TIMEOUT_S = 90,
    BACK_TIMEOUT_S = 60,
    PAUSE_MS = 100,
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

static bool run(struct gate_proof *proof, const char *option, const char *command, struct err *err)
{
    const char *const words[] = {"/bin/sh", "-c", command, NULL};
    const struct child child = {.kind = CHILD_COMMAND,
                                .program = words[0],
                                .argv = words,
                                .input = -1,
                                .output_max_bytes = COMMAND_SAID_BYTES,
                                .timeout_ms = COMMAND_TIMEOUT_MS};
    struct child_result result;

    if (!child_run(&child, proof->arena, &result, err))
        return false;
    return (result.end == CHILD_EXITED && result.code == 0) ||
           err_set(err, ERR_DOWN, "the command of %s has failed: %.160s", option,
                   result.output != NULL ? result.output : "");
}

/* --- Away */

struct watch {
    const char *what;
    struct gate_request request;
    bool may_pass;       /* for as long as copies are fresh */
    bool may_be_refused; /* as without an outage: a guest is none of whom anything has to be known */
};

static bool is_outage(const struct gate_proof *proof, const struct prove_answer *answer)
{
    return answer->status == 503 && gate_field(proof, answer, "Retry-After") != NULL &&
           gate_field(proof, answer, "Location") == NULL;
}

/* Asks until it is 503, and notes the first answer that must not be. */
static bool watch(struct gate_proof *proof, const struct watch *watch, struct err *err)
{
    int64_t began_ms = now_ms(), took_ms;
    const char *evidence = NULL;
    struct prove_answer answer;
    struct arena_mark mark;

    do {
        mark = arena_mark(proof->arena);
        if (!gate_ask(proof, &watch->request, &answer, err))
            return false;
        took_ms = now_ms() - began_ms;
        if (is_outage(proof, &answer)) {
            evidence = arena_printf(proof->arena, "503 after %.1f s", (double)took_ms / 1000);
            return gate_row(proof, GATE_HELD, watch->what, evidence, err);
        }
        if (gate_refused(proof, &answer) ? !watch->may_be_refused
                                         : !watch->may_pass || answer.status != proof->passed_status) {
            evidence = arena_printf(proof->arena, "%s after %.1f s", gate_told(proof, &answer), (double)took_ms / 1000);
            return gate_row(proof, GATE_BROKEN, watch->what, evidence, err);
        }
        arena_rewind(proof->arena, &mark);
        pause_shortly();
    } while (took_ms < AWAY_TIMEOUT_S * 1000);
    return gate_row(proof, GATE_BROKEN, watch->what, arena_printf(proof->arena, "no 503 in %d s", AWAY_TIMEOUT_S), err);
}

static bool prove_away(struct gate_proof *proof, struct err *err)
{
    const struct watch watches[] = {
        {"the account while the database is away", {.cookie = proof->visitor.cookie}, true, false},
        {"the same on the way to a page", {.cookie = proof->visitor.cookie, .navigates = true}, true, false},
        {"the same with a POST", {.method = "POST", .cookie = proof->visitor.cookie, .body = "a=b"}, false, false},
        {"a guest while the database is away", {.method = NULL}, false, true},
        {"a guest on the way to a page", {.navigates = true}, false, true},
    };

    for (size_t i = 0; i < sizeof watches / sizeof watches[0]; i++)
        if (!watch(proof, &watches[i], err))
            return false;
    return true;
}

/* --- Back */

static bool prove_back(struct gate_proof *proof, struct err *err)
{
    const struct gate_request request = {.cookie = proof->visitor.cookie};
    const char *what = "the account after the outage is still logged in";
    int64_t until_ms = now_ms() + BACK_TIMEOUT_S * INT64_C(1000);
    struct prove_answer answer;
    struct arena_mark mark;

    for (;; pause_shortly()) {
        mark = arena_mark(proof->arena);
        if (!gate_ask(proof, &request, &answer, err))
            return false;
        if (answer.status != 503 || now_ms() > until_ms)
            break;
        arena_rewind(proof->arena, &mark);
    }
    return gate_row(proof,
                    answer.status == proof->passed_status && !gate_refused(proof, &answer) ? GATE_HELD : GATE_BROKEN,
                    what, gate_told(proof, &answer), err);
}

bool gate_prove_outage(struct gate_proof *proof, struct err *err)
{
    const char *what = "the database away: 503, no log-in page, nobody gets in";
    struct err later = {.kind = ERR_NONE};
    sigset_t signals, before;
    bool done, back;

    if (proof->away == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "--away and --back are not given", err);
    if (proof->visitor.cookie == NULL)
        return gate_row(proof, GATE_NOT_ASKED, what, "the account does not get in", err);
    /* Control-C waits until the database is back. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, &before);
    done = run(proof, "--away", proof->away, err) && prove_away(proof, err);
    /* It is brought back whatever happened, also when its command has failed half-way. */
    back = run(proof, "--back", proof->back, done ? err : &later);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return done && back && prove_back(proof, err);
}
