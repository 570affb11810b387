/*
 * A zygote (media/zygote_loop.h) whose children do as they are told, for t/0175 to t/0177 and t/0180: `zygote-toy WORDS [...]`, where WORDS are
 * done one after the other.
 */
#include "media/zygote_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char spoiled[] = "clean"; /* what a child could leave behind for the next */

__attribute__((format(printf, 2, 3))) static void say(const struct zygote_work *work, const char *format, ...)
{
    char text[512];
    va_list list;
    int length;

    va_start(list, format);
    length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (!zygote_write(work, text, (size_t)length))
        _exit(1);
}

static void echo(const struct zygote_work *work)
{
    char file[64] = "";

    if (pread(work->input, file, sizeof file - 1, 0) < 0)
        _exit(1);
    say(work, "%d %s", (int)work->number, file);
}

static void list_descriptors(const struct zygote_work *work)
{
    struct stat status;

    for (int fd = 0; fd < 1024; fd++)
        if (fstat(fd, &status) == 0)
            say(work, "%s ", S_ISCHR(status.st_mode) ? "null" : S_ISSOCK(status.st_mode) ? "socket" : "file");
}

/* Says which of the calls that it may not make it can make. */
static void try_everything(const struct zygote_work *work)
{
    char byte = 0;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    const struct rlimit limit = {1, 1};
    int ends[2];
    const struct {
        const char *name;
        long result;
    } tries[] = {
        {"fork", syscall(SYS_fork)},
        {"vfork", fork()},
        {"clone3", syscall(SYS_clone3, NULL, 0)},
        {"execve", execl("/bin/true", "true", (char *)NULL)},
        {"open", open("/dev/null", O_RDONLY)},
        {"socket", socket(AF_UNIX, SOCK_STREAM, 0)},
        {"socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends)},
        {"sendmsg", sendmsg(work->socket, &message, MSG_DONTWAIT)},
        {"sendto", send(work->socket, &byte, 0, MSG_DONTWAIT)},
        {"recvmsg", recvmsg(work->socket, &message, MSG_DONTWAIT) >= 0 || errno != ENOSYS ? 0 : -1},
        {"kill the zygote", kill(getppid(), 0)},
        {"kill", kill(getpid(), 0)},
        {"tgkill", syscall(SYS_tgkill, 1, 1, 0) == 0 || errno != ENOSYS ? 0 : -1},
        {"wait4", wait4(-1, NULL, WNOHANG, NULL) >= 0 || errno != ENOSYS ? 0 : -1},
        {"setrlimit", setrlimit(RLIMIT_CPU, &limit)},
        {"prctl", prctl(PR_SET_PDEATHSIG, 0)},
        {"dup2", dup2(work->socket, 7)},
        {"close_range", close_range(900, 901, 0)},
        {"shutdown", shutdown(work->socket, SHUT_RD)},
        {"memfd_create", memfd_create("more", 0)},
        {"getppid", syscall(SYS_getppid)},
        {"ptrace", syscall(SYS_ptrace, 16, 1, 0, 0) == 0 || errno != ENOSYS ? 0 : -1},
    };

    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++)
        if (tries[i].result >= 0)
            say(work, "%s ", tries[i].name);
}

_Noreturn static void go_on(void)
{
    for (;;)
        pause();
}

static void rest(void)
{
    const struct timespec second = {.tv_sec = 1};

    for (;;)
        nanosleep(&second, NULL);
}

static void flood(const struct zygote_work *work)
{
    static const char zeros[4096];

    while (zygote_write(work, zeros, sizeof zeros))
        ;
}

static void spin(void)
{
    for (volatile unsigned count = 0;; count++)
        ;
}

static int act(const struct zygote_work *work, void *arg)
{
    char words[256], *rest_of = NULL;

    snprintf(words, sizeof words, "%s", (const char *)arg);
    for (char *word = strtok_r(words, ";", &rest_of); word != NULL; word = strtok_r(NULL, ";", &rest_of)) {
        word += strspn(word, " ");
        if (strncmp(word, "say ", 4) == 0)
            say(work, "%s", word + 4);
        else if (strncmp(word, "exit ", 5) == 0)
            return atoi(word + 5);
        else if (strncmp(word, "signal ", 7) == 0)
            raise(atoi(word + 7));
        else if (strcmp(word, "jpeg") == 0)
            say(work, "\xFF\xD8\xFF\xE0");
        else if (strcmp(word, "echo") == 0)
            echo(work);
        else if (strcmp(word, "pid") == 0)
            say(work, "%d", (int)getpid());
        else if (strcmp(word, "spoil") == 0) {
            say(work, "%s", spoiled);
            strcpy(spoiled, "dirty");
        } else if (strcmp(word, "descriptors") == 0)
            list_descriptors(work);
        else if (strcmp(word, "try") == 0)
            try_everything(work);
        else if (strcmp(word, "flood") == 0)
            flood(work);
        else if (strcmp(word, "spin") == 0)
            spin();
        else if (strcmp(word, "rest") == 0)
            rest();
        else
            return 99;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct zygote_program program = {.limits = {128 * 1024 * 1024, 1, 0}, .work = act};
    struct child_filter filter;
    char words[256] = "";

    if (argc < 2)
        return 1;
    program.arg = argv[1];
    /* What the program is called with, as its zygote's. */
    if (strcmp(argv[1], "arguments") == 0) {
        snprintf(words, sizeof words, "say");
        for (int i = 2; i < argc; i++)
            snprintf(words + strlen(words), sizeof words - strlen(words), " %s", argv[i]);
        program.arg = words;
    }
    if (strcmp(argv[1], "hang") == 0)
        go_on();
    program.null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (program.null < 0 || !zygote_limits_apply(&filter))
        return 1;
    return zygote_loop(&program, &filter);
}
