/* A zygote whose children do as their words say (t/service/zygote-toy.c), and the processes of it. */
#ifndef MAYFLY_T_ZYGOTE_H
#define MAYFLY_T_ZYGOTE_H

#include "media/zygote.h"

#include "base/clock.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { AMPLE_MS = 20000, SHORT_MS = 300, OUTPUT_MAX = 1000 };

static const char *const no_argv[] = {"zygote-toy", NULL};

/* The words live as long as the zygote. */
struct toy {
    struct zygote zygote;
    const char *argv[3];
};

static inline struct zygote *toy(struct toy *toy, const char *words)
{
    toy->argv[0] = "zygote-toy";
    toy->argv[1] = words;
    toy->argv[2] = NULL;
    zygote_init(&toy->zygote, ZYGOTE_TOY, toy->argv);
    return &toy->zygote;
}

static int readable = -1; /* what children may read */

static inline struct zygote_job *ask(struct unit *unit, struct zygote *zygote, int64_t timeout_ms)
{
    const struct zygote_task task = {
        .number = 7, .input = readable, .output_max_bytes = OUTPUT_MAX, .timeout_ms = timeout_ms};
    struct zygote_job *job;

    assert_granted(zygote_ask(zygote, &unit->arena, &task, &job, &unit->err), &unit->err);
    return job;
}

static inline struct child_result get(struct unit *unit, struct zygote_job *job)
{
    struct child_result result;
    bool over = false;

    while (!over)
        assert_granted(zygote_attend(job, AMPLE_MS, &over, &result, &unit->err), &unit->err);
    return result;
}

static inline struct child_result do_one(struct unit *unit, struct zygote *zygote)
{
    return get(unit, ask(unit, zygote, AMPLE_MS));
}

static inline int64_t now_ms(void)
{
    return clock_system.monotonic_us() / 1000;
}

/* Whether the process is gone, or dead and somebody else's to bury, before ten seconds are over. */
static inline bool vanishes(pid_t pid)
{
    char path[32], line[256];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    for (int64_t until = now_ms() + 10000; now_ms() < until; usleep(5000)) {
        FILE *file = fopen(path, "r");
        bool dead = file == NULL || fgets(line, sizeof line, file) == NULL || strstr(line, ") Z ") != NULL;

        if (file != NULL)
            fclose(file);
        if (dead)
            return true;
    }
    return false;
}

static inline size_t children_of(pid_t parent, pid_t *children, size_t most)
{
    char path[300], line[512];
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        FILE *file;
        int of = 0;

        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        if (atoi(entry->d_name) == 0 || (file = fopen(path, "r")) == NULL)
            continue;
        if (fgets(line, sizeof line, file) != NULL && strrchr(line, ')') != NULL)
            (void)sscanf(strrchr(line, ')') + 1, " %*c %d", &of);
        fclose(file);
        if (of == parent && count < most)
            children[count++] = (pid_t)atoi(entry->d_name);
    }
    closedir(folder);
    return count;
}

static inline void nobody_is_left(struct zygote *zygote)
{
    pid_t children[64];
    size_t count = zygote->pid > 0 ? children_of(zygote->pid, children, COUNT(children)) : 0;

    zygote_end(zygote);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    for (size_t i = 0; i < count; i++)
        assert_true(vanishes(children[i]));
}

#endif
