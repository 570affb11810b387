#include "base/child.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    /* What shells exit with when a program can't be run; it says why on standard error. */
    NOT_STARTED = 127,
    /* Read at a time, as much as a pipe holds. */
    PIECE_BYTES = 64 * 1024,
    /* Above 0, 1 and 2, so that no descriptor is overwritten before it is in its place. */
    SAFE_DESCRIPTOR = 3,
};

/* One running child, and this side's ends of its pipes; -1 is closed. */
struct child_running {
    enum child_kind kind;
    size_t kept_bytes; /* of a command's output */
    pid_t pid;
    int pidfd;
    int output;
    int complaint;
    int64_t until_us;
    bool alive; /* as far as was seen */
    struct buf bytes;
    size_t complaint_length;
    struct child_result result; /* in the making */
};

static void close_once(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- in the child, from fork to exec */

_Noreturn static void not_started(const char *program)
{
    dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
    _exit(NOT_STARTED);
}

/* A worker blocks signals to read them from a descriptor, and libfcgi ignores SIGPIPE; a program would inherit both. */
static void signals_reset(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* fails for KILL, STOP and libc's own */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The kernel kills a helper when this process dies, but not a command, which may have to restart what it has stopped.
 */
static bool die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return false;
    /* The parent may have died before the kernel was told. */
    if (getppid() != parent)
        _exit(NOT_STARTED);
    return true;
}

_Noreturn static void start(const struct child *child, pid_t parent, int output, int complaint)
{
    static char *const nothing[] = {NULL};
    int input = child->input >= 0 ? child->input : open("/dev/null", O_RDONLY);

    /* Standard error comes first, so that a later failure can be reported. */
    complaint = fcntl(complaint, F_DUPFD, SAFE_DESCRIPTOR);
    output = fcntl(output, F_DUPFD, SAFE_DESCRIPTOR);
    input = fcntl(input, F_DUPFD, SAFE_DESCRIPTOR);
    if (dup2(complaint, STDERR_FILENO) < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        setpgid(0, 0) != 0 || (child->kind == CHILD_HELPER && !die_with(parent)))
        not_started(child->program);
    signals_reset();
    closefrom(STDERR_FILENO + 1);
    execve(child->program, (char *const *)(uintptr_t)child->argv, child->kind == CHILD_HELPER ? nothing : environ);
    not_started(child->program);
}

/* --- in the parent */

bool child_spawn(const struct child *child, int output, int complaint, pid_t *pid)
{
    const pid_t parent = getpid();

    *pid = fork();
    if (*pid == 0)
        start(child, parent, output, complaint);
    return *pid > 0;
}

/* After the call only this side's two ends are open. */
static bool launch(const struct child *child, struct child_running *running, struct err *err)
{
    int output[2] = {-1, -1}, complaint[2] = {-1, -1};
    bool one = child->kind == CHILD_COMMAND; /* pipe for both */
    bool ok = pipe2(output, O_CLOEXEC) == 0 && (one || pipe2(complaint, O_CLOEXEC) == 0);

    ok = ok && child_spawn(child, output[1], one ? output[1] : complaint[1], &running->pid);
    if (!ok)
        err_set(err, ERR_DOWN, "%s can't be started: %s", child->program, strerror(errno));
    close_once(&output[1]);
    close_once(&complaint[1]);
    running->output = output[0];
    running->complaint = complaint[0];
    return ok;
}

/*
 * The child does the same; the first of both has effect. The call fails once the program runs, when the child has done
 * it.
 */
static bool watch(struct child_running *running, struct err *err)
{
    setpgid(running->pid, running->pid);
    running->pidfd = pidfd_open(running->pid, 0);
    if (running->pidfd < 0 || fcntl(running->output, F_SETFL, O_NONBLOCK) != 0 ||
        (running->complaint >= 0 && fcntl(running->complaint, F_SETFL, O_NONBLOCK) != 0))
        return err_set(err, ERR_DOWN, "can't watch a child: %s", strerror(errno));
    return true;
}

/* Of a command the end of its output is kept, which has its complaint. */
static void keep_end(struct buf *bytes, size_t kept)
{
    if (bytes->length <= kept)
        return;
    memmove(bytes->bytes, bytes->bytes + bytes->length - kept, kept + 1);
    bytes->length = kept;
}

/* Reads one piece of what has arrived. False when memory is out. */
static bool read_output(struct child_running *running, struct err *err)
{
    size_t room = running->bytes.max_bytes - running->bytes.length;
    size_t size = room < PIECE_BYTES ? room : PIECE_BYTES;
    char *place = buf_reserve(&running->bytes, size);
    ssize_t count;

    if (place == NULL)
        return err_memory(err);
    count = read(running->output, place, size);
    if (count > 0) {
        place[count] = '\0';
        running->bytes.length += (size_t)count;
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR))
        close_once(&running->output);
    if (running->kind == CHILD_COMMAND)
        keep_end(&running->bytes, running->kept_bytes);
    return true;
}

static void read_complaint(struct child_running *running, struct child_result *result)
{
    char piece[1024];
    ssize_t count = read(running->complaint, piece, sizeof piece);
    size_t room = sizeof result->complaint - 1 - running->complaint_length;

    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        close_once(&running->complaint);
    if (count <= 0)
        return;
    room = room < (size_t)count ? room : (size_t)count;
    memcpy(result->complaint + running->complaint_length, piece, room);
    running->complaint_length += room;
}

/* How long to wait: at most this long, within the deadline. Once the child has ended, all of its output has arrived. */
static int patience_ms(const struct child_running *running, int64_t until_us)
{
    int64_t left_us = (running->until_us < until_us ? running->until_us : until_us) - clock_system.monotonic_us();

    return !running->alive || left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
}

static bool is_silent(const struct child_running *running)
{
    return !running->alive && running->output < 0 && running->complaint < 0;
}

/*
 * Waits until the child has ended and its output is read, or it has to be killed: then *over is set, and result.end
 * says why. Otherwise until the given time.
 */
static bool listen_to(struct child_running *running, int64_t until_us, bool *over, struct err *err)
{
    *over = false;
    while (!is_silent(running)) {
        struct pollfd sources[] = {{.fd = running->alive ? running->pidfd : -1, .events = POLLIN},
                                   {.fd = running->output, .events = POLLIN},
                                   {.fd = running->complaint, .events = POLLIN}};
        int ready = poll(sources, 3, patience_ms(running, until_us));

        if (ready < 0 && errno != EINTR)
            return err_set(err, ERR_DOWN, "can't wait for a child: %s", strerror(errno));
        if (ready > 0 && sources[1].revents != 0 && !read_output(running, err))
            return false;
        /* A descendant that keeps the pipe open is not waited for. Those that a command leaves may even go on
         * writing: what it said itself is in the one piece that a pipe holds. */
        if (!running->alive && (ready == 0 || (ready > 0 && running->kind == CHILD_COMMAND)))
            break;
        if (running->bytes.length == running->bytes.max_bytes) {
            running->result.end = CHILD_OUTPUT;
            break;
        }
        if (ready > 0 && sources[2].revents != 0)
            read_complaint(running, &running->result);
        if (ready > 0 && sources[0].revents != 0)
            running->alive = false;
        if (clock_system.monotonic_us() >= running->until_us && !is_silent(running)) {
            running->result.end = CHILD_TIMEOUT;
            break;
        }
        if (clock_system.monotonic_us() >= until_us && !is_silent(running))
            return true;
    }
    *over = true;
    return true;
}

static int64_t milliseconds(const struct timeval *time)
{
    return (int64_t)time->tv_sec * 1000 + time->tv_usec / 1000;
}

/* The group's number stays valid as long as its leader is not reaped. */
static void kill_group(const struct child_running *running, const struct err *err)
{
    bool by_itself = !running->alive && running->result.end == CHILD_EXITED && err->kind == ERR_NONE;

    if (running->kind == CHILD_COMMAND && by_itself)
        return;
    kill(-running->pid, SIGKILL);
    kill(running->pid, SIGKILL); /* in case it has no group yet */
}

static bool finish(struct child_running *running, struct err *err)
{
    struct child_result *result = &running->result;
    struct rusage usage = {0};
    int status = 0;
    pid_t reaped;

    kill_group(running, err);
    do
        reaped = wait4(running->pid, &status, 0, &usage);
    while (reaped < 0 && errno == EINTR);
    running->pid = -1;
    result->cpu_ms = milliseconds(&usage.ru_utime) + milliseconds(&usage.ru_stime);
    close_once(&running->pidfd);
    close_once(&running->output);
    close_once(&running->complaint);
    if (err->kind != ERR_NONE)
        return false;
    if (reaped < 0)
        return err_set(err, ERR_DOWN, "can't reap a child: %s", strerror(errno));
    if (result->end != CHILD_EXITED)
        return true;
    result->end = WIFSIGNALED(status) ? CHILD_SIGNALLED : CHILD_EXITED;
    result->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

/* Runs at the arena's end; does nothing when the child is over already. */
static void abandon(void *arg)
{
    struct child_running *running = arg;
    struct err ignored = {.kind = ERR_NONE};

    if (running->pid > 0)
        (void)!finish(running, &ignored);
}

bool child_start(const struct child *child, struct arena *arena, struct child_running **runningp, struct err *err)
{
    struct child_running *running = arena_zalloc(arena, sizeof *running);
    size_t extra = child->kind == CHILD_COMMAND ? PIECE_BYTES : 1;

    *runningp = NULL;
    if (running == NULL)
        return err_memory(err);
    *running = (struct child_running){.kind = child->kind, .kept_bytes = child->output_max_bytes, .pid = -1};
    running->pidfd = running->output = running->complaint = -1;
    running->alive = true;
    running->result = (struct child_result){.end = CHILD_EXITED, .output = ""};
    running->until_us = clock_system.monotonic_us() + child->timeout_ms * 1000;
    /* With room for one byte more than allowed, or for the next piece of a command, of which the end is kept. */
    buf_init(&running->bytes, arena, child->output_max_bytes + extra);
    if (!arena_defer(arena, abandon, running))
        return err_memory(err);
    if (!launch(child, running, err)) {
        close_once(&running->output);
        close_once(&running->complaint);
        return false;
    }
    if (!watch(running, err))
        return finish(running, err);
    *runningp = running;
    return true;
}

bool child_attend(struct child_running *running, int wait_ms, bool *over, struct child_result *result, struct err *err)
{
    int64_t until_us = clock_system.monotonic_us() + wait_ms * INT64_C(1000);

    if (!listen_to(running, until_us, over, err) && err->kind == ERR_NONE)
        err_set(err, ERR_BUG, "a child was left without a reason");
    if (err->kind == ERR_NONE && !*over)
        return true;
    *over = true;
    if (!finish(running, err))
        return false;
    *result = running->result;
    result->complaint[strcspn(result->complaint, "\n")] = '\0';
    if (running->kind == CHILD_HELPER && result->end == CHILD_EXITED && result->code == NOT_STARTED)
        return err_set(err, ERR_DOWN, "%s", result->complaint);
    result->output = running->bytes.bytes;
    result->output_length = running->bytes.length;
    return true;
}

bool child_run(const struct child *child, struct arena *arena, struct child_result *result, struct err *err)
{
    /* The child has its own deadline; with a little more it is found over in one call. */
    int wait_ms = child->timeout_ms < INT_MAX - 1000 ? (int)child->timeout_ms + 1000 : INT_MAX;
    struct child_running *running;
    bool over = false;

    *result = (struct child_result){.end = CHILD_EXITED, .output = ""};
    if (!child_start(child, arena, &running, err))
        return false;
    while (!over)
        if (!child_attend(running, wait_ms, &over, result, err))
            return false;
    return true;
}

void child_descriptors(const struct child_running *running, int descriptors[CHILD_DESCRIPTORS])
{
    descriptors[0] = running->pidfd;
    descriptors[1] = running->output;
    descriptors[2] = running->complaint;
}
