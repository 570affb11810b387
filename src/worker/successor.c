#include "worker/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

/* "DESCRIPTOR PROCESS": an end of the pipe, and the process at its other end. */
static const char variable[] = "MAYFLY_PREDECESSOR";

enum { VALUE_BYTES = 32 };

void successor_take(struct successor *successor, char **argv)
{
    const char *value = getenv(variable);
    int fd, leaving;

    *successor = (struct successor){.argv = argv, .word_fd = -1};
    if (value == NULL)
        return;
    if (sscanf(value, "%d %d", &fd, &leaving) == 2 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
        successor->word_fd = fd;
        successor->leaving = leaving;
    }
    unsetenv(variable);
}

/* Only the three standard descriptors, of which 0 is the pool's socket, and the pipe stay open. */
static _Noreturn void execute(const struct successor *successor, int word_fd, pid_t leaving)
{
    char value[VALUE_BYTES];

    snprintf(value, sizeof value, "%d %d", word_fd, (int)leaving);
    if (setenv(variable, value, 1) == 0 && close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
        fcntl(word_fd, F_SETFD, 0) == 0)
        execvp(successor->argv[0], successor->argv);
    fprintf(stderr, "mayfly-worker: %s: %s\n", successor->argv[0], strerror(errno));
    _exit(EXIT_FAILURE);
}

bool successor_begin(struct successor *successor, struct err *err)
{
    int word[2];
    pid_t child;

    if (pipe2(word, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(err, ERR_DOWN, "pipe2: %s", strerror(errno));
    child = fork();
    if (child < 0) {
        err_set(err, ERR_DOWN, "fork: %s", strerror(errno));
        close(word[0]);
        close(word[1]);
        return false;
    }
    if (child > 0)
        execute(successor, word[1], child);
    close(word[1]);
    *successor = (struct successor){.argv = successor->argv, .word_fd = word[0]};
    return true;
}

void successor_ready(struct successor *successor)
{
    if (successor->word_fd < 0)
        return;
    /* Closing the pipe alone is enough, so a failed write does not matter. */
    (void)!write(successor->word_fd, "", 1);
    close(successor->word_fd);
    successor->word_fd = -1;
}

bool successor_waits(const struct successor *successor)
{
    struct pollfd word = {.fd = successor->word_fd, .events = POLLIN};

    return poll(&word, 1, 0) == 0;
}

void successor_leave(struct successor *successor)
{
    close(successor->word_fd);
    successor->word_fd = -1;
}

void successor_reap(struct successor *successor)
{
    pid_t ended;

    if (successor->leaving == 0)
        return;
    /* Predecessors are in our process group; programs that base/child.c starts and waits for are not. */
    do
        ended = waitpid(0, NULL, WNOHANG);
    while (ended > 0);
    if (ended < 0 && errno == ECHILD)
        successor->leaving = 0;
}
