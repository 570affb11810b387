#include "prove/copies.h"

#include "base/arena.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DRAIN_US = 5 * 1000000, /* requests that are still under way after this time are cut off */
    GONE_US = 20 * 1000000, /* after TERM; a program that does not end is killed, and the action has failed */
    UP_US = 60 * 1000000,   /* from its start until it accepts connections */
    AWAY_US = 1000 * 1000,  /* how long a copy that was stopped stays stopped */
    LOOK_MS = 20,
    OUTPUT_BYTES_MAX = 1024 * 1024, /* of a copy: what it writes is kept in memory, and then forgotten */
    COMMAND_BYTES_MAX = 4096,
    SAID_BYTES = 120,
    STEPS_EACH = 6,
};

enum step_kind { STEP_DRAIN, STEP_TERM, STEP_KILL, STEP_GONE, STEP_AWAY, STEP_START, STEP_UP };

struct step {
    enum step_kind kind;
    size_t copy;
};

struct copy {
    pid_t pid; /* of the process and its group; 0: none */
    int port;
    int output;  /* a file in memory with what it writes; -1: none */
    bool rests;  /* it gets no requests */
    size_t busy; /* requests under way */
};

struct copies {
    const char *command;
    struct copy list[COPIES_MAX];
    size_t count, turn;
    struct step steps[COPIES_MAX * STEPS_EACH];
    size_t step_count, step;
    int64_t step_us; /* when the step began; 0: it did not */
};

size_t copies_count(const struct copies *copies)
{
    return copies->count;
}

static size_t next_behind(const struct copies *copies, size_t at)
{
    for (size_t i = 0; i < copies->count; i++) {
        at = (at + 1) % copies->count;
        if (!copies->list[at].rests)
            break;
    }
    return at;
}

size_t copies_next(struct copies *copies)
{
    copies->turn = next_behind(copies, copies->turn);
    copies->list[copies->turn].busy++;
    return copies->turn;
}

size_t copies_other(struct copies *copies, size_t copy)
{
    size_t other = next_behind(copies, copy);

    copies->list[other].busy++;
    return other;
}

void copies_done(struct copies *copies, size_t copy)
{
    struct stat output;

    copies->list[copy].busy--;
    if (fstat(copies->list[copy].output, &output) == 0 && output.st_size > OUTPUT_BYTES_MAX &&
        ftruncate(copies->list[copy].output, 0) != 0)
        return;
}

void copies_peer(const struct copies *copies, size_t copy, char *text, size_t size)
{
    snprintf(text, size, "::127.0.0.1:%d", copies->list[copy].port);
}

void copies_name(const struct copies *copies, size_t copy, char *text, size_t size)
{
    snprintf(text, size, "copy-%zu/%lld", copy + 1, (long long)copies->list[copy].pid);
}

/* --- One copy */

/* A port that no program uses. Another program may take it before the copy starts; then the copy says so. */
static bool choose_port(int *port, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
              getsockname(fd, (struct sockaddr *)&address, &length) == 0;

    *port = ntohs(address.sin_port);
    if (!ok)
        err_set(err, ERR_DOWN, "there is no free port: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

/* On this host a connection is made or refused at once. */
static bool accepts(const struct copy *copy)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)copy->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

static bool start(const struct copies *copies, struct copy *copy)
{
    char command[COMMAND_BYTES_MAX + 64];
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const struct child child = {.kind = CHILD_COMMAND, .program = argv[0], .argv = argv, .input = -1};

    if (copy->output >= 0)
        close(copy->output);
    copy->output = memfd_create("copy", MFD_CLOEXEC);
    snprintf(command, sizeof command, "PORT=%d; export PORT; exec env %s", copy->port, copies->command);
    if (copy->output < 0 || fcntl(copy->output, F_SETFL, O_APPEND) != 0 ||
        !child_spawn(&child, copy->output, copy->output, &copy->pid))
        return false;
    /* The child does the same; the first of both has effect. */
    setpgid(copy->pid, copy->pid);
    return true;
}

/* Whether the process has ended, and what is left of its group too. */
static bool is_gone(struct copy *copy)
{
    if (copy->pid == 0)
        return true;
    if (waitpid(copy->pid, NULL, WNOHANG) != copy->pid)
        return false;
    kill(-copy->pid, SIGKILL);
    copy->pid = 0;
    return true;
}

/* The last line that it wrote. */
static void said(const struct copy *copy, char text[SAID_BYTES])
{
    char all[4096 + 1];
    off_t length = copy->output >= 0 ? lseek(copy->output, 0, SEEK_END) : 0;
    off_t from = length > 4096 ? length - 4096 : 0;
    ssize_t got = copy->output >= 0 ? pread(copy->output, all, sizeof all - 1, from) : 0;
    char *line;

    while (got > 0 && (unsigned char)all[got - 1] <= ' ')
        got--;
    all[got > 0 ? got : 0] = '\0';
    line = strrchr(all, '\n');
    snprintf(text, SAID_BYTES, "%.*s", SAID_BYTES - 1, line != NULL ? line + 1 : all);
    text[utf8_check(text, strlen(text))] = '\0';
    if (*text == '\0')
        snprintf(text, SAID_BYTES, "it said nothing");
}

/* --- Actions */

static void add(struct copies *copies, enum step_kind kind, size_t copy)
{
    copies->steps[copies->step_count++] = (struct step){kind, copy};
}

static void add_all(struct copies *copies, enum step_kind kind)
{
    for (size_t i = 0; i < copies->count; i++)
        add(copies, kind, i);
}

static void add_start(struct copies *copies, size_t copy)
{
    add(copies, STEP_START, copy);
    add(copies, STEP_UP, copy);
}

void copies_begin(struct copies *copies, enum copies_deed deed)
{
    copies->step_count = copies->step = 0;
    copies->step_us = 0;
    switch (deed) {
    case COPIES_REPLACE_EACH:
        for (size_t i = 0; i < copies->count; i++) {
            add(copies, STEP_DRAIN, i);
            add(copies, STEP_TERM, i);
            add(copies, STEP_GONE, i);
            add_start(copies, i);
        }
        break;
    case COPIES_KILL_ONE:
        add(copies, STEP_KILL, 0);
        add(copies, STEP_GONE, 0);
        add_start(copies, 0);
        break;
    case COPIES_STOP_ONE:
        add(copies, STEP_TERM, 0);
        add(copies, STEP_GONE, 0);
        add(copies, STEP_AWAY, 0);
        add_start(copies, 0);
        break;
    case COPIES_KILL_ALL:
    case COPIES_RESTART_ALL:
        add_all(copies, deed == COPIES_KILL_ALL ? STEP_KILL : STEP_TERM);
        add_all(copies, STEP_GONE);
        add_all(copies, STEP_START);
        add_all(copies, STEP_UP);
        break;
    case COPIES_DEEDS:
        break;
    }
}

static int fail(const struct copies *copies, const struct step *step, const char *what, char why[COPIES_WHY_BYTES])
{
    char last[SAID_BYTES];

    said(&copies->list[step->copy], last);
    snprintf(why, COPIES_WHY_BYTES, "copy %zu %s: %s", step->copy + 1, what, last);
    return -1;
}

/* As copies_look, for one step. */
static int do_step(struct copies *copies, const struct step *step, int64_t took_us, char why[COPIES_WHY_BYTES])
{
    struct copy *copy = &copies->list[step->copy];

    switch (step->kind) {
    case STEP_DRAIN:
        copy->rests = true;
        return copy->busy == 0 || took_us > DRAIN_US;
    case STEP_TERM:
    case STEP_KILL:
        if (copy->pid == 0)
            return fail(copies, step, "has ended before", why);
        kill(-copy->pid, step->kind == STEP_TERM ? SIGTERM : SIGKILL);
        return 1;
    case STEP_GONE:
        if (is_gone(copy))
            return 1;
        if (took_us <= GONE_US)
            return 0;
        kill(-copy->pid, SIGKILL);
        return fail(copies, step, "does not end by TERM", why);
    case STEP_AWAY:
        return took_us > AWAY_US;
    case STEP_START:
        return start(copies, copy) ? 1 : fail(copies, step, "can't be started", why);
    case STEP_UP:
        if (is_gone(copy))
            return fail(copies, step, "has ended by itself", why);
        copy->rests = !accepts(copy);
        if (!copy->rests)
            return 1;
        return took_us > UP_US ? fail(copies, step, "accepts no connection on $PORT", why) : 0;
    }
    return 1;
}

int copies_look(struct copies *copies, char why[COPIES_WHY_BYTES])
{
    int64_t now_us = clock_system.monotonic_us();

    why[0] = '\0';
    while (copies->step < copies->step_count) {
        int done;

        if (copies->step_us == 0)
            copies->step_us = now_us;
        done = do_step(copies, &copies->steps[copies->step], now_us - copies->step_us, why);
        if (done <= 0)
            return done;
        copies->step++;
        copies->step_us = 0;
    }
    return 1;
}

const char *copies_deed_word(enum copies_deed deed)
{
    static const char *const words[COPIES_DEEDS] = {
        [COPIES_REPLACE_EACH] = "copies replaced one by one",
        [COPIES_KILL_ONE] = "one copy killed",
        [COPIES_STOP_ONE] = "one copy stopped",
        [COPIES_KILL_ALL] = "all copies killed at once",
        [COPIES_RESTART_ALL] = "all copies restarted",
    };

    return words[deed];
}

/* --- All of it */

bool copies_start(struct copies **copiesp, const char *command, size_t count, struct err *err)
{
    struct copies *copies = calloc(1, sizeof *copies);
    char why[COPIES_WHY_BYTES];
    int done;

    *copiesp = copies;
    if (copies == NULL)
        return err_memory(err);
    *copies = (struct copies){.command = command, .count = count};
    for (size_t i = 0; i < count; i++)
        copies->list[i].output = -1;
    if (strlen(command) > COMMAND_BYTES_MAX)
        return err_set(err, ERR_INPUT, "--command: it has %d bytes at most", COMMAND_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        if (!choose_port(&copies->list[i].port, err))
            return false;
    add_all(copies, STEP_START);
    add_all(copies, STEP_UP);
    while ((done = copies_look(copies, why)) == 0)
        poll(NULL, 0, LOOK_MS);
    return done > 0 || err_set(err, ERR_DOWN, "%s", why);
}

void copies_free(struct copies *copies)
{
    if (copies == NULL)
        return;
    for (size_t i = 0; i < copies->count; i++)
        if (copies->list[i].pid != 0)
            kill(-copies->list[i].pid, SIGKILL);
    for (size_t i = 0; i < copies->count; i++) {
        if (copies->list[i].pid != 0)
            waitpid(copies->list[i].pid, NULL, 0);
        if (copies->list[i].output >= 0)
            close(copies->list[i].output);
    }
    free(copies);
}
