#include "prove/hook.h"
#include "base/decimal.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NOT_STARTED = 127, /* as shells say it */
    PIECES = 16,       /* read at a time: what a pipe holds */
};

static bool read_limit(const char *text, size_t length, int64_t *limit_s)
{
    const char *end = text;
    int64_t seconds;

    if (!decimal_take(&end, &seconds) || end != text + length)
        return false;
    *limit_s = seconds;
    return true;
}

bool hook_read(const char *text, struct hook *hook, struct err *err)
{
    const char *equals = strchr(text, '='), *colon;
    size_t length;

    *hook = (struct hook){.kind = EVENT_ROLLING, .limit_s = HOOK_LIMIT_S};
    if (equals == NULL || equals[1] == '\0')
        return err_set(err, ERR_INPUT, "--hook %.100s: say NAME=COMMAND", text);
    /* What stands before a colon is the kind or the time limit, else it belongs to the name. */
    while ((colon = memchr(text, ':', (size_t)(equals - text))) != NULL) {
        length = (size_t)(colon - text);
        if (length == strlen("rolling") && strncmp(text, "rolling", length) == 0)
            hook->kind = EVENT_ROLLING;
        else if (length == strlen("outage") && strncmp(text, "outage", length) == 0)
            hook->kind = EVENT_OUTAGE;
        else if (!read_limit(text, length, &hook->limit_s))
            break;
        text = colon + 1;
    }
    if (hook->limit_s < 1 || hook->limit_s > HOOK_LIMIT_MAX_S)
        return err_set(err, ERR_INPUT, "--hook: a time limit is 1 to %d seconds", HOOK_LIMIT_MAX_S);
    length = (size_t)(equals - text);
    if (length == 0 || length >= HOOK_NAME_BYTES)
        return err_set(err, ERR_INPUT, "--hook: a name has 1 to %d bytes", HOOK_NAME_BYTES - 1);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return err_set(err, ERR_INPUT, "--hook: a name has no control characters");
    memcpy(hook->name, text, length);
    hook->command = equals + 1;
    return true;
}

/* From fork to exec. */
_Noreturn static void run(const struct hook *hook, int output)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* fails for KILL, STOP and libc's own */
    sigemptyset(&none);
    if (setpgid(0, 0) != 0 || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        _exit(NOT_STARTED);
    closefrom(STDERR_FILENO + 1);
    execl("/bin/sh", "sh", "-c", hook->command, (char *)NULL);
    _exit(NOT_STARTED);
}

bool hook_start(struct hook_run *running, const struct hook *hook, struct err *err)
{
    int output[2] = {-1, -1};
    bool ok = pipe2(output, O_CLOEXEC | O_NONBLOCK) == 0;

    *running = (struct hook_run){
        .pidfd = -1, .output = -1, .began_us = clock_system.monotonic_us(), .limit_s = hook->limit_s, .pid = -1};
    if (ok && fcntl(output[1], F_SETFL, 0) == 0)
        running->pid = fork();
    if (running->pid == 0)
        run(hook, output[1]);
    if (output[1] >= 0)
        close(output[1]);
    running->output = output[0];
    if (running->pid > 0) {
        running->state = HOOK_RUNNING;
        setpgid(running->pid, running->pid); /* also by the child: whoever comes first makes it true for both */
        running->pidfd = pidfd_open(running->pid, 0);
    }
    if (running->pidfd >= 0)
        return true;
    err_set(err, ERR_DOWN, "%s can't be started: %s", hook->name, strerror(errno));
    hook_kill(running);
    return false;
}

/* Keeps the end: that is where commands complain. */
static void remember(struct hook_run *running, const char *piece, size_t length)
{
    size_t most = sizeof running->said - 1, kept = running->said_length;

    if (length > most) {
        piece += length - most;
        length = most;
    }
    if (kept > most - length) {
        kept = most - length;
        memmove(running->said, running->said + running->said_length - kept, kept);
    }
    memcpy(running->said + kept, piece, length);
    running->said_length = kept + length;
}

/* A few pieces only: who talks without end must not keep the clients waiting. */
static void listen_to(struct hook_run *running)
{
    char piece[4096];
    ssize_t count;

    for (int pieces = 0; running->output >= 0 && pieces < PIECES; pieces++) {
        count = read(running->output, piece, sizeof piece);
        if (count < 0)
            return;
        if (count == 0) {
            close(running->output);
            running->output = -1;
            return;
        }
        remember(running, piece, (size_t)count);
    }
}

static void close_both(struct hook_run *running)
{
    if (running->output >= 0)
        close(running->output);
    if (running->pidfd >= 0)
        close(running->pidfd);
    running->output = running->pidfd = -1;
}

static bool reap(struct hook_run *running, int flags, int *status)
{
    pid_t reaped;

    do
        reaped = waitpid(running->pid, status, flags);
    while (reaped < 0 && errno == EINTR);
    return reaped != 0;
}

void hook_kill(struct hook_run *running)
{
    int status;

    if (running->state == HOOK_RUNNING) {
        kill(-running->pid, SIGKILL);
        kill(running->pid, SIGKILL); /* should it not have got as far as its group */
        reap(running, 0, &status);
        running->state = HOOK_FAILED;
    }
    close_both(running);
}

/* In one line. Cutting may have left a part of a character at the beginning. */
static const char *last_words(struct hook_run *running)
{
    char *said = running->said;

    while (running->said_length > 0 && (unsigned char)said[running->said_length - 1] <= ' ')
        running->said_length--;
    said[running->said_length] = '\0';
    for (char *at = said; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = ' ';
    while (((unsigned char)*said & 0xC0) == 0x80 || *said == ' ')
        said++;
    return *said == '\0' || utf8_check(said, strlen(said)) != strlen(said) ? "it said nothing" : said;
}

enum hook_state hook_look(struct hook_run *running, char reason[TALLY_FINDING_BYTES])
{
    int status = 0;

    reason[0] = '\0';
    if (running->state != HOOK_RUNNING)
        return running->state;
    listen_to(running);
    if (!reap(running, WNOHANG, &status)) {
        if (clock_system.monotonic_us() - running->began_us < running->limit_s * 1000000)
            return HOOK_RUNNING;
        hook_kill(running);
        snprintf(reason, TALLY_FINDING_BYTES, "the command did not end within %lld s and was killed",
                 (long long)running->limit_s);
        return running->state;
    }
    /* A service that it left running may keep the pipe open: what is there now is all that is read. */
    listen_to(running);
    close_both(running);
    running->state = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? HOOK_DONE : HOOK_FAILED;
    if (WIFSIGNALED(status))
        snprintf(reason, TALLY_FINDING_BYTES, "the command was ended by signal %d: %s", WTERMSIG(status),
                 last_words(running));
    else if (running->state == HOOK_FAILED)
        snprintf(reason, TALLY_FINDING_BYTES, "the command exits with %d: %s", WEXITSTATUS(status),
                 last_words(running));
    return running->state;
}
