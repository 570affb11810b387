#include "media/zygote.h"

#include "base/buf.h"
#include "base/clock.h"
#include "media/zygote_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    /* Taken at a time at most: most thumbnails. */
    PIECE_MAX_BYTES = 16 * 1024,
    /* A zygote that was told to end a child does so at once; one that does not is stuck itself. */
    GRACE_MS = 500,
    /* Until one without work is gone. */
    END_MS = 500,
    TRIES = 2,
};

struct zygote_job {
    struct zygote *zygote;
    struct zygote_task task;
    struct arena *arena;
    int socket; /* -1: over */
    int tries;
    int64_t until_us;
    size_t piece_bytes; /* taken at a time */
    struct buf bytes;   /* what came; only the end of it once the child is to end */
    bool is_ending;     /* the zygote was told to end the child, and end says why */
    enum child_end end;
    int64_t began_us;
};

static int64_t now_us(void)
{
    return clock_system.monotonic_us();
}

static void close_once(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- The zygote */

void zygote_init(struct zygote *zygote, const char *program, const char *const *argv)
{
    *zygote = (struct zygote){.program = program, .argv = argv, .socket = -1, .complaint = -1};
}

static bool bury(pid_t pid, int flags)
{
    pid_t ended;

    do
        ended = waitpid(pid, NULL, flags);
    while (ended < 0 && errno == EINTR);
    return ended != 0;
}

void zygote_tend(struct zygote *zygote)
{
    for (size_t i = 0; i < ZYGOTE_ENDING_MAX; i++)
        if (zygote->ending[i] > 0 && bury(zygote->ending[i], WNOHANG))
            zygote->ending[i] = 0;
    if (zygote->pid > 0 && bury(zygote->pid, WNOHANG)) {
        zygote->pid = 0;
        close_once(&zygote->socket);
        close_once(&zygote->complaint);
    }
}

/* It gets no more work, and ends when its work is done. When there are too many such zygotes, the oldest is killed. */
static void let_go(struct zygote *zygote)
{
    pid_t *oldest = &zygote->ending[0];

    zygote_tend(zygote);
    if (zygote->pid == 0)
        return;
    close_once(&zygote->socket);
    close_once(&zygote->complaint);
    if (*oldest > 0) {
        kill(*oldest, SIGKILL);
        (void)bury(*oldest, 0);
    }
    memmove(oldest, oldest + 1, (ZYGOTE_ENDING_MAX - 1) * sizeof *oldest);
    zygote->ending[ZYGOTE_ENDING_MAX - 1] = zygote->pid;
    zygote->pid = 0;
}

static void wait_until_gone(struct zygote *zygote)
{
    int64_t until_us = now_us() + END_MS * INT64_C(1000);

    for (size_t i = 0; i < ZYGOTE_ENDING_MAX; i++) {
        while (zygote->ending[i] > 0 && !bury(zygote->ending[i], WNOHANG)) {
            if (now_us() > until_us)
                kill(zygote->ending[i], SIGKILL);
            usleep(200);
        }
        zygote->ending[i] = 0;
    }
}

void zygote_end(struct zygote *zygote)
{
    let_go(zygote);
    wait_until_gone(zygote);
}

/* A zygote that does not react to this is stuck. */
static void kill_stuck(struct zygote *zygote)
{
    if (zygote->pid > 0)
        kill(zygote->pid, SIGKILL);
    let_go(zygote);
}

static bool start(struct zygote *zygote, struct err *err)
{
    int ends[2] = {-1, -1}, complaint[2] = {-1, -1};
    struct child child = {.program = zygote->program, .argv = zygote->argv};
    bool ok = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 &&
              pipe2(complaint, O_CLOEXEC | O_NONBLOCK) == 0;

    child.input = ends[1];
    ok = ok && child_spawn(&child, complaint[1], complaint[1], &zygote->pid);
    if (!ok)
        err_set(err, ERR_DOWN, "%s can't be started: %s", zygote->program, strerror(errno));
    close_once(&ends[1]);
    close_once(&complaint[1]);
    zygote->socket = ends[0];
    zygote->complaint = complaint[0];
    if (ok)
        return true;
    zygote->pid = 0;
    close_once(&zygote->socket);
    close_once(&zygote->complaint);
    return false;
}

/* --- A job */

/*
 * Sends the work to the running zygote, or to a new one if that takes no more or there is none. A stuck zygote takes
 * nothing although it runs.
 */
static bool hand_over(struct zygote *zygote, const struct zygote_task *task, int socket, struct err *err)
{
    const struct zygote_order order = {.number = task->number};

    zygote_tend(zygote);
    for (int try = 0; try < TRIES; try++) {
        if (zygote->pid == 0 && !start(zygote, err))
            return false;
        if (zygote_order_send(zygote->socket, &order, socket, task->input))
            return true;
        if (errno == EAGAIN)
            break;
        let_go(zygote);
    }
    return err_set(err, ERR_DOWN, "%s takes no more work: %s", zygote->program, strerror(errno));
}

static bool begin(struct zygote_job *job, struct err *err)
{
    const struct zygote_task *task = &job->task;
    int ends[2];
    bool ok;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(err, ERR_DOWN, "socketpair: %s", strerror(errno));
    ok = hand_over(job->zygote, task, ends[1], err);
    close(ends[1]);
    job->socket = ends[0];
    job->tries++;
    job->is_ending = false;
    job->end = CHILD_EXITED;
    job->bytes.length = 0;
    job->until_us = now_us() + task->timeout_ms * 1000;
    if (!ok)
        close_once(&job->socket);
    return ok;
}

/* The zygote notices that the socket is closed, and ends the child. */
static void abandon(void *arg)
{
    struct zygote_job *job = arg;

    close_once(&job->socket);
}

bool zygote_ask(struct zygote *zygote, struct arena *arena, const struct zygote_task *task, struct zygote_job **jobp,
                struct err *err)
{
    struct zygote_job *job = arena_zalloc(arena, sizeof *job);
    size_t most = task->output_max_bytes + sizeof(struct zygote_report) + 1;

    *jobp = NULL;
    if (job == NULL)
        return err_memory(err);
    *job = (struct zygote_job){.zygote = zygote, .task = *task, .arena = arena, .socket = -1, .began_us = now_us()};
    job->piece_bytes = most < PIECE_MAX_BYTES ? most : PIECE_MAX_BYTES;
    buf_init(&job->bytes, arena, most + job->piece_bytes);
    if (!arena_defer(arena, abandon, job))
        return err_memory(err);
    if (!begin(job, err))
        return false;
    *jobp = job;
    return true;
}

/* Continues until the zygote's report arrives, which is soon. */
static void end_child(struct zygote_job *job, enum child_end end)
{
    job->is_ending = true;
    job->end = end;
    job->until_us = now_us() + GRACE_MS * INT64_C(1000);
    shutdown(job->socket, SHUT_WR);
}

/* *more: there may be more output. */
static bool take(struct zygote_job *job, bool *more, bool *ended, struct err *err)
{
    struct buf *bytes = &job->bytes;
    size_t most = job->task.output_max_bytes + sizeof(struct zygote_report), keep = sizeof(struct zygote_report);
    char *place;
    ssize_t count;

    if (job->is_ending && bytes->length > keep) {
        memmove(bytes->bytes, bytes->bytes + bytes->length - keep, keep);
        bytes->length = keep;
    }
    place = buf_reserve(bytes, job->piece_bytes);
    if (place == NULL)
        return err_memory(err);
    count = recv(job->socket, place, job->piece_bytes, MSG_DONTWAIT);
    *ended = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    *more = count > 0;
    if (count > 0) {
        place[count] = '\0';
        bytes->length += (size_t)count;
    }
    if (bytes->length > most && !job->is_ending)
        end_child(job, CHILD_OUTPUT);
    return true;
}

/* The zygote has ended before it reported the child's end. */
static bool lost(struct zygote_job *job, bool *over, struct err *err)
{
    struct zygote *zygote = job->zygote;
    char complaint[CHILD_COMPLAINT_BYTES] = "";
    ssize_t count = zygote->complaint >= 0 ? read(zygote->complaint, complaint, sizeof complaint - 1) : -1;

    complaint[count > 0 ? (size_t)count : 0] = '\0';
    complaint[strcspn(complaint, "\n")] = '\0';
    close_once(&job->socket);
    zygote_tend(zygote);
    if (job->tries < TRIES)
        return begin(job, err);
    *over = true;
    return err_set(err, ERR_DOWN, "%s", complaint[0] != '\0' ? complaint : "the program ended before its work did");
}

static void fill(const struct zygote_job *job, const struct zygote_report *report, struct child_result *result)
{
    size_t length = job->bytes.length - sizeof *report;

    *result = (struct child_result){.end = job->end, .output = "", .cpu_ms = report->cpu_us / 1000};
    if (job->end != CHILD_EXITED)
        return;
    result->end = report->exited ? CHILD_EXITED : CHILD_SIGNALLED;
    result->code = report->code;
    job->bytes.bytes[length] = '\0';
    if (result->end == CHILD_EXITED && result->code == 0) {
        result->output = job->bytes.bytes;
        result->output_length = length;
        return;
    }
    snprintf(result->complaint, sizeof result->complaint, "%s", job->bytes.bytes);
    result->complaint[strcspn(result->complaint, "\n")] = '\0';
}

static bool finish(struct zygote_job *job, bool *over, struct child_result *result, struct err *err)
{
    struct zygote_report report;

    if (job->bytes.length < sizeof report)
        return lost(job, over, err);
    memcpy(&report, job->bytes.bytes + job->bytes.length - sizeof report, sizeof report);
    fill(job, &report, result);
    close_once(&job->socket);
    *over = true;
    return true;
}

/* At the deadline: first the child's, then the zygote's. */
static void pass_deadline(struct zygote_job *job, bool *over, struct child_result *result)
{
    if (!job->is_ending) {
        end_child(job, CHILD_TIMEOUT);
        return;
    }
    close_once(&job->socket);
    kill_stuck(job->zygote);
    *result = (struct child_result){.end = job->end, .output = "", .cpu_ms = (now_us() - job->began_us) / 1000};
    *over = true;
}

static bool attend(struct zygote_job *job, int wait_ms, bool *over, struct child_result *result, struct err *err)
{
    int64_t wait_until_us = now_us() + wait_ms * INT64_C(1000);
    bool more = false, ended = false;

    while (!*over) {
        struct pollfd socket = {.fd = job->socket, .events = POLLIN};
        int64_t until_us, left_us;

        if (!take(job, &more, &ended, err))
            return false;
        if (ended) {
            if (!finish(job, over, result, err))
                return false;
            continue;
        }
        if (now_us() >= job->until_us)
            pass_deadline(job, over, result);
        until_us = job->until_us < wait_until_us ? job->until_us : wait_until_us;
        left_us = until_us - now_us();
        if (more || *over)
            continue;
        if (now_us() >= wait_until_us)
            return true;
        (void)!poll(&socket, 1, left_us > 0 ? (int)((left_us + 999) / 1000) : 0);
    }
    return true;
}

bool zygote_attend(struct zygote_job *job, int wait_ms, bool *over, struct child_result *result, struct err *err)
{
    *over = false;
    *result = (struct child_result){.end = CHILD_EXITED, .output = ""};
    if (attend(job, wait_ms, over, result, err))
        return true;
    close_once(&job->socket);
    *over = true;
    return false;
}

int zygote_descriptor(const struct zygote_job *job)
{
    return job->socket;
}

int64_t zygote_until_us(const struct zygote_job *job)
{
    return job->until_us;
}
