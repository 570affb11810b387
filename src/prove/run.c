/*
 * mayfly-prove: the run. Its phases are those of enum prove_phase. During PHASE_LOAD the hooks run one after the other,
 * each in an event of its own, which lasts until every client was answered again and the next hook's time has come.
 */
#include "prove/run.h"

#include "base/clock.h"
#include "prove/play.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    /* A site that has not recovered after this time does not recover by itself. */
    HEAL_LIMIT_US = 60 * 1000000,
    /* For making the accounts, closing them and checking everything; when it takes longer, something hangs. */
    PHASE_LIMIT_US = 600 * 1000000,
    USER_US = 500 * 1000,   /* and this much more for each account: two passwords take a quarter of a second */
    SETTLE_US = 500 * 1000, /* between an event that healed and the next one */
    PROGRESS_TTY_US = 500 * 1000,
    PROGRESS_LOG_US = 5000 * 1000,
    LONGEST_WAIT_US = 20 * 1000,
};

/* --- progress */

static void say(struct run *run, const char *what, bool end)
{
    struct prove *prove = &run->prove;
    struct event sum = tally_sum(&prove->tally);
    int64_t now_us = clock_system.monotonic_us();

    if (!end && now_us - run->progress_us < (run->tty ? PROGRESS_TTY_US : PROGRESS_LOG_US))
        return;
    run->progress_us = now_us;
    fprintf(stderr, "%s%4lld s  ", run->tty ? "\r" : "", (long long)(now_us - prove->tally.began_us) / 1000000);
    event_print_name(what, stderr);
    fprintf(stderr, " %8lld requests %6lld failed %6lld broken promises%s", (long long)sum.requests,
            (long long)sum.failed, (long long)tally_found(&prove->tally), run->tty && !end ? "" : "\n");
}

/* --- the hooks */

/* Whether every client with something to do was answered a request that it sent after the hook's end. */
static bool all_answered(const struct run *run)
{
    for (size_t i = 0; i < run->prove.client_count; i++)
        if (!run->prove.play->none_left(&run->prove, i) &&
            run->prove.play->finished_us(&run->prove, i) <= run->hook_end_us)
            return false;
    return true;
}

/* Notes when the site has recovered. Returns true when the event may end. */
static bool settled(struct run *run, int64_t now_us)
{
    struct event *event = tally_event(&run->prove.tally);

    if (run->hook.state == HOOK_RUNNING)
        return false;
    if (run->hook.state == HOOK_NONE)
        return true;
    if (event->healed_us == 0 && all_answered(run)) {
        event->healed_us = now_us - run->hook_end_us;
        if (run->prove.play->ask != NULL)
            run->prove.play->ask(&run->prove);
    }
    if (event->healed_us == 0 && now_us - run->hook_end_us > HEAL_LIMIT_US)
        event->healed_us = -1;
    return event->healed_us < 0 ||
           (event->healed_us > 0 && (run->prove.play->ask == NULL || run->prove.play->asked(&run->prove)));
}

/*
 * One hook may stop a service and the next one start it again, so an outage's event does not wait until the site has
 * recovered.
 */
static bool may_follow(struct run *run, int64_t now_us)
{
    const struct hook *hooks = run->options->hooks;
    size_t next = run->next_hook;
    bool healed = settled(run, now_us);
    bool outages = next > 0 && next < run->options->hook_count && hooks[next - 1].kind == EVENT_OUTAGE &&
                   !hooks[next - 1].restores && hooks[next].kind == EVENT_OUTAGE;

    return run->hook.state != HOOK_RUNNING && (healed || outages) &&
           (run->hook.state == HOOK_NONE || now_us - run->hook_end_us > SETTLE_US);
}

static void look_at_hook(struct run *run, int64_t now_us)
{
    struct event *event = tally_event(&run->prove.tally);
    char reason[TALLY_FINDING_BYTES];

    if (run->hook.state != HOOK_RUNNING || hook_look(&run->hook, reason) == HOOK_RUNNING)
        return;
    run->hook_end_us = now_us;
    event->hook_us = now_us - event->began_us;
    memcpy(event->hook_failure, reason, sizeof event->hook_failure);
    if (reason[0] != '\0')
        fprintf(stderr, "%s%s: %s\n", run->tty ? "\n" : "", event->name, reason);
}

static bool start_hook(struct run *run, int64_t now_us, struct err *err)
{
    const struct hook *hook = &run->options->hooks[run->next_hook++];

    say(run, tally_event(&run->prove.tally)->name, true);
    if (!tally_begin(&run->prove.tally, hook->name, hook->kind, now_us))
        return err_set(err, ERR_BUG, "there are too many events");
    return hook_start(&run->hook, hook, err);
}

/* Whether the load is complete. */
static bool load_is_over(struct run *run, int64_t now_us, struct err *err)
{
    size_t hooks = run->options->hook_count;
    int64_t gap_us = run->options->duration_s * 1000000 / ((int64_t)hooks + 1);
    int64_t due_us = run->load_us + gap_us * (int64_t)(run->next_hook + 1);

    look_at_hook(run, now_us);
    if (!may_follow(run, now_us) || now_us < due_us)
        return false;
    if (run->next_hook == hooks)
        return true;
    if (!start_hook(run, now_us, err))
        run->prove.phase = PHASE_STOP;
    return false;
}

/* --- the phases */

static bool all_idle(const struct prove *prove)
{
    for (size_t i = 0; i < prove->client_count; i++)
        if (!prove->play->none_left(prove, i))
            return false;
    return true;
}

static void enter(struct run *run, enum prove_phase phase, int64_t now_us)
{
    run->prove.phase = phase;
    run->phase_us = now_us;
}

static bool begin_check(struct run *run, int64_t now_us, struct err *err)
{
    say(run, tally_event(&run->prove.tally)->name, true);
    if (!tally_begin(&run->prove.tally, "check", EVENT_QUIET, now_us))
        return err_set(err, ERR_BUG, "there are too many events");
    run->hook.state = HOOK_NONE;
    enter(run, PHASE_CHECK, now_us);
    return true;
}

/* What was written is not checked then, but the accounts are closed. */
static void interrupt(struct run *run, int64_t now_us)
{
    run->interruptions++;
    run->prove.tally.interrupted = true;
    enter(run, run->interruptions == 1 ? PHASE_CLEAN : PHASE_STOP, now_us);
    fprintf(stderr, "%s%s\n", run->tty ? "\n" : "",
            run->interruptions == 1 ? "interrupted: closing the accounts; once more leaves them" : "interrupted");
}

static const char *phase_word(struct run *run)
{
    switch (run->prove.phase) {
    case PHASE_PREPARE:
        return "making accounts";
    case PHASE_LOAD:
        return tally_event(&run->prove.tally)->name;
    case PHASE_CHECK:
        return "checking";
    case PHASE_CLEAN:
    case PHASE_STOP:
        break;
    }
    return "closing accounts";
}

/* Closes the accounts that were made; go then reports what was wrong. */
static void give_up_making(struct run *run, int64_t now_us)
{
    run->unmade = true;
    enter(run, PHASE_CLEAN, now_us);
    fprintf(stderr, "%sthe accounts are not made: closing those that are\n", run->tty ? "\n" : "");
}

static bool is_late(const struct run *run, int64_t now_us)
{
    return now_us - run->phase_us > PHASE_LIMIT_US + (int64_t)run->prove.user_count * USER_US;
}

/* With --until-failure the first broken promise ends the run. */
static bool has_failed(const struct run *run)
{
    return run->options->until_failure && run->prove.phase <= PHASE_CHECK && tally_broken(&run->prove.tally);
}

/* Returns false when the run is over or can't continue. */
static bool direct(struct run *run, int64_t now_us, struct err *err)
{
    struct prove *prove = &run->prove;
    bool late = is_late(run, now_us), idle = all_idle(prove);

    if (has_failed(run))
        enter(run, PHASE_CLEAN, now_us);
    switch (prove->phase) {
    case PHASE_PREPARE:
        if (late) {
            give_up_making(run, now_us);
        } else if (idle) {
            run->load_us = now_us;
            enter(run, PHASE_LOAD, now_us);
        }
        return true;
    case PHASE_LOAD:
        return !load_is_over(run, now_us, err) ? err->kind == ERR_NONE : begin_check(run, now_us, err);
    case PHASE_CHECK:
        if (late)
            interrupt(run, now_us);
        else if (idle)
            enter(run, PHASE_CLEAN, now_us);
        return true;
    case PHASE_CLEAN:
        look_at_hook(run, now_us); /* a hook that was interrupted is waited for: it may have to undo an outage */
        if (late || (idle && run->hook.state != HOOK_RUNNING))
            enter(run, PHASE_STOP, now_us);
        return true;
    case PHASE_STOP:
        break;
    }
    return false;
}

static bool take_answers(struct run *run, struct err *err)
{
    struct prove_answer answer;
    size_t slot;

    while (prove_http_next(run->prove.http, &slot, &answer))
        if (!run->prove.play->answer(&run->prove, slot, &answer, clock_system.monotonic_us(), err))
            return false;
    return true;
}

static bool turn(struct run *run, struct err *err)
{
    int descriptors[1 + CHILD_DESCRIPTORS] = {run->signals};
    struct signalfd_siginfo signal;
    int64_t now_us = clock_system.monotonic_us(), due_us = now_us + LONGEST_WAIT_US;

    for (size_t i = 0; i < run->prove.client_count; i++) {
        int64_t client_us;

        if (!run->prove.play->go(&run->prove, i, now_us, err))
            return false;
        client_us = run->prove.play->due_us(&run->prove, i, now_us);
        due_us = client_us < due_us ? client_us : due_us;
    }
    hook_descriptors(&run->hook, descriptors + 1);
    if (!prove_http_wait(run->prove.http, descriptors, 1 + CHILD_DESCRIPTORS, (int)((due_us - now_us + 999) / 1000),
                         err) ||
        !take_answers(run, err))
        return false;
    if (read(run->signals, &signal, sizeof signal) == sizeof signal)
        interrupt(run, clock_system.monotonic_us());
    say(run, phase_word(run), false);
    return true;
}

/* --- the whole */

/* TERM, which ./dev and systemd send, has the effect of ^C. */
bool run_watch_signals(struct run *run, struct err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    run->signals = sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
    return run->signals >= 0 || err_set(err, ERR_DOWN, "signals can't be watched: %s", strerror(errno));
}

/* Adds the most likely reason. */
static bool say_unmade(const struct run *run, struct err *err)
{
    const struct tally *tally = &run->prove.tally;
    char left[64] = "";

    if (tally->left > 0)
        snprintf(left, sizeof left, "; %lld of them could not be closed", (long long)tally->left);
    return err_set(err, ERR_DOWN,
                   "the accounts were not made in time, %lld requests were limited and %lld failed%s; does the site's "
                   "login_failures_per_address let this address make so many?",
                   (long long)tally->events[0].limited, (long long)tally->events[0].failed, left);
}

bool run_go(struct run *run, struct err *err)
{
    int64_t now_us = clock_system.monotonic_us();

    run->prove.refilled_us = now_us - 3600 * (int64_t)1000000; /* the bucket is full at first */
    if (!tally_begin(&run->prove.tally, "before", EVENT_QUIET, now_us))
        return err_set(err, ERR_BUG, "there are too many events");
    enter(run, PHASE_PREPARE, now_us);
    while (direct(run, clock_system.monotonic_us(), err))
        if (!turn(run, err))
            return false;
    run->prove.tally.ended_us = clock_system.monotonic_us();
    route_judge(&run->prove.tally, &run->prove.site);
    say(run, "done", true);
    if (run->unmade)
        return say_unmade(run, err);
    return err->kind == ERR_NONE;
}
