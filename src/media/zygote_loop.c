#include "media/zygote_loop.h"

#include "media/zygote_wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORKER = STDIN_FILENO,
    /* Exit status of a child that could not limit itself; it has read nothing of a file. */
    NOT_LIMITED = 126,
};

/*
 *   NONE --fork--> WAITING --an order comes--> WORKING --it ends--> REPORTING, while its socket is full --> NONE
 */
enum state { NONE, WAITING, WORKING, REPORTING };

struct child {
    enum state state;
    pid_t pid;
    int channel; /* of a WAITING one */
    int socket;  /* of the work */
    struct zygote_report report;
};

struct loop {
    const struct zygote_program *program;
    const struct child_filter *filter;
    struct child children[ZYGOTE_CHILDREN_MAX];
    sigset_t waking; /* the signals that are blocked while it waits */
    bool is_ending;  /* it takes the work that has been sent, and no more */
    bool is_over;    /* no more work comes */
};

/* The descriptor that came with an order; -1: none. */
struct files {
    int socket, input;
};

static void close_once(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- Orders, from the worker and to a child */

/* 1: there is an order; 0: the sender has closed; -1: there is none now. */
static int receive(int from, int flags, struct zygote_order *order, struct files *files)
{
    struct iovec part = {.iov_base = order, .iov_len = sizeof *order};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(ZYGOTE_FILES_MAX * sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int given[ZYGOTE_FILES_MAX] = {-1, -1};
    struct cmsghdr *header;
    ssize_t length;

    do
        length = recvmsg(from, &message, flags);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return -1;
    header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        memcpy(given, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    *files = (struct files){given[0], given[1]};
    return length == (ssize_t)sizeof *order && given[0] >= 0;
}

/* --- A child */

/* Closes the zygote's descriptors, which include the sockets of other work. */
static bool keep_channel_only(int channel, int null)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            return false;
    return dup2(channel, CHILD_CHANNEL) >= 0 && close_range(STDERR_FILENO + 1, CHILD_CHANNEL - 1, 0) == 0 &&
           close_range(CHILD_CHANNEL + 1, ~0U, 0) == 0;
}

_Noreturn static void be_child(const struct loop *loop, int channel, pid_t zygote)
{
    struct zygote_order order;
    struct files files;
    struct zygote_work work;

    /* The zygote may have died before the kernel was told to kill this child with it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != zygote ||
        !keep_channel_only(channel, loop->program->null) || signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
        sigprocmask(SIG_SETMASK, &loop->waking, NULL) != 0 ||
        !child_limits_complete(&loop->program->limits, loop->filter))
        _exit(NOT_LIMITED);
    if (receive(CHILD_CHANNEL, 0, &order, &files) != 1)
        _exit(0);
    close(CHILD_CHANNEL);
    work = (struct zygote_work){.number = order.number, .socket = files.socket, .input = files.input};
    _exit(loop->program->work(&work, loop->program->arg));
}

bool zygote_write(const struct zygote_work *work, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t count = write(work->socket, at, length);

        if (count <= 0)
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

/* --- The children */

static struct child *child_in(struct loop *loop, enum state state)
{
    for (size_t i = 0; i < ZYGOTE_CHILDREN_MAX; i++)
        if (loop->children[i].state == state)
            return &loop->children[i];
    return NULL;
}

static size_t count_in(const struct loop *loop, enum state state)
{
    size_t count = 0;

    for (size_t i = 0; i < ZYGOTE_CHILDREN_MAX; i++)
        count += loop->children[i].state == state;
    return count;
}

static struct child *fork_child(struct loop *loop)
{
    struct child *child = child_in(loop, NONE);
    const pid_t zygote = getpid();
    int ends[2];

    if (child == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
        return NULL;
    child->pid = fork();
    if (child->pid == 0)
        be_child(loop, ends[1], zygote);
    close(ends[1]);
    if (child->pid < 0) {
        close(ends[0]);
        return NULL;
    }
    child->state = WAITING;
    child->channel = ends[0];
    return child;
}

static void work(struct loop *loop, struct zygote_order *order, struct files *files)
{
    struct child *child = child_in(loop, WAITING);

    if (child == NULL)
        child = fork_child(loop);
    /* A child that died while it waited is noticed by its end; the worker learns that this work is lost. */
    if (child != NULL && zygote_order_send(child->channel, order, files->socket, files->input)) {
        child->state = WORKING;
        close_once(&child->channel);
        child->socket = files->socket;
        files->socket = -1;
    }
    close_once(&files->socket);
    close_once(&files->input);
}

static void take_order(struct loop *loop)
{
    struct zygote_order order;
    struct files files = {-1, -1};
    int taken = receive(WORKER, MSG_DONTWAIT, &order, &files);

    loop->is_over = taken == 0;
    if (taken == 1)
        work(loop, &order, &files);
}

/* True when the report was sent, or the worker has closed the socket. */
static bool report(struct child *child)
{
    ssize_t count = send(child->socket, &child->report, sizeof child->report, MSG_DONTWAIT | MSG_NOSIGNAL);

    return count >= 0 || errno != EAGAIN;
}

/* Ended by a signal that is neither ours nor of a limit: it crashed, perhaps because of an attack. */
static bool has_crashed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGXCPU &&
           WTERMSIG(status) != SIGPIPE;
}

/* Work that was sent is still taken; further sends fail, because this zygote ends. */
static void take_no_more(struct loop *loop)
{
    loop->is_ending = true;
    shutdown(WORKER, SHUT_RD);
}

static void note_end(struct loop *loop, struct child *child, int status, const struct rusage *usage)
{
    if (child->state == WAITING) {
        /*
         * A waiting child ends when it could not limit itself, in which case the next one could not either, or when it
         * was killed.
         */
        if (child->channel >= 0)
            take_no_more(loop);
        close_once(&child->channel);
        child->state = NONE;
        return;
    }
    child->report = (struct zygote_report){
        .exited = WIFEXITED(status),
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
        .cpu_us = (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * INT64_C(1000000) + usage->ru_utime.tv_usec +
                  usage->ru_stime.tv_usec,
    };
    child->state = REPORTING;
    if (has_crashed(status))
        take_no_more(loop);
}

static void bury(struct loop *loop)
{
    struct rusage usage;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0)
        for (size_t i = 0; i < ZYGOTE_CHILDREN_MAX; i++)
            if (loop->children[i].state != NONE && loop->children[i].state != REPORTING && loop->children[i].pid == pid)
                note_end(loop, &loop->children[i], status, &usage);
}

static void report_all(struct loop *loop)
{
    for (size_t i = 0; i < ZYGOTE_CHILDREN_MAX; i++) {
        struct child *child = &loop->children[i];

        if (child->state == REPORTING && report(child)) {
            close_once(&child->socket);
            child->state = NONE;
        }
    }
}

static void end_waiting(struct loop *loop)
{
    for (size_t i = 0; i < ZYGOTE_CHILDREN_MAX; i++)
        close_once(&loop->children[i].channel);
}

/* --- The loop */

/* The worker has closed the socket, or wants the child to end. */
static bool is_given_up(short events)
{
    return (events & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Waits for an order, for the end of a child, or for the deadline of one. */
static void wait_for_something(struct loop *loop)
{
    struct pollfd watched[ZYGOTE_CHILDREN_MAX + 1];
    bool full = child_in(loop, NONE) == NULL && child_in(loop, WAITING) == NULL;

    watched[ZYGOTE_CHILDREN_MAX] = (struct pollfd){.fd = loop->is_over || full ? -1 : WORKER, .events = POLLIN};
    for (size_t i = 0; i < ZYGOTE_CHILDREN_MAX; i++) {
        const struct child *child = &loop->children[i];

        watched[i] = (struct pollfd){.fd = child->state == WORKING || child->state == REPORTING ? child->socket : -1,
                                     .events = (short)(child->state == REPORTING ? POLLOUT : POLLRDHUP)};
    }
    if (ppoll(watched, ZYGOTE_CHILDREN_MAX + 1, NULL, &loop->waking) <= 0)
        return;
    for (size_t i = 0; i < ZYGOTE_CHILDREN_MAX; i++)
        if (loop->children[i].state == WORKING && is_given_up(watched[i].revents))
            kill(loop->children[i].pid, SIGKILL);
    if (watched[ZYGOTE_CHILDREN_MAX].revents != 0)
        take_order(loop);
}

static void keep_waiting(struct loop *loop)
{
    while (!loop->is_over && !loop->is_ending && count_in(loop, WAITING) < ZYGOTE_WAITING && fork_child(loop) != NULL)
        ;
}

static void on_child(int number)
{
    (void)number;
}

int zygote_loop(const struct zygote_program *program, const struct child_filter *filter)
{
    struct loop loop = {.program = program, .filter = filter};
    const struct sigaction action = {.sa_handler = on_child};
    sigset_t child;

    for (size_t i = 0; i < ZYGOTE_CHILDREN_MAX; i++)
        loop.children[i] = (struct child){.state = NONE, .channel = -1, .socket = -1};
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    /* The signal interrupts the wait, and is blocked at all other times. */
    if (sigaction(SIGCHLD, &action, NULL) != 0 || sigprocmask(SIG_BLOCK, &child, &loop.waking) != 0)
        return 1;
    while (!loop.is_over || count_in(&loop, NONE) < ZYGOTE_CHILDREN_MAX) {
        keep_waiting(&loop);
        if (loop.is_over)
            end_waiting(&loop);
        wait_for_something(&loop);
        bury(&loop);
        report_all(&loop);
    }
    return 0;
}
