/*
 * mayflyctl prove: deprecated, kept for scripts that call it. It executes mayfly-prove, which is installed beside this
 * program.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char program[] = "mayfly-prove";

/* The path of this program with another name at its end, since there may be several installations. */
static bool find_beside(char path[PATH_MAX], struct err *err)
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *name;

    if (length < 0)
        return err_set(err, ERR_DOWN, "/proc/self/exe can't be read: %s", strerror(errno));
    path[length] = '\0';
    name = strrchr(path, '/');
    if (name == NULL || (size_t)(name + 1 - path) + sizeof program > PATH_MAX)
        return err_set(err, ERR_DOWN, "%.200s: %s can't be beside this path", path, program);
    memcpy(name + 1, program, sizeof program);
    return true;
}

bool system_prove(struct ctl *ctl, struct err *err)
{
    char path[PATH_MAX];

    if (!find_beside(path, err))
        return false;
    ctl->words[0] = path;
    execv(path, ctl->words);
    return err_set(err, ERR_DOWN, "%.200s can't be run: %s", path, strerror(errno));
}
