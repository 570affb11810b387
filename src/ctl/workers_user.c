#include "ctl/workers_user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool workers_user_become(struct ctl *ctl, struct err *err)
{
    const struct passwd *user;

    if (geteuid() != 0)
        return true;
    user = getpwnam(WORKERS_USER);
    if (user == NULL) {
        ctl->root = ROOT_WITHOUT_USER;
        return true;
    }
    if (initgroups(WORKERS_USER, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
        return err_set(err, ERR_DENIED, "can't become the user " WORKERS_USER ": %s; run this as that user",
                       strerror(errno));
    ctl->root = ROOT_BECAME_USER;
    return setenv("HOME", user->pw_dir, 1) == 0 || err_memory(err);
}

bool workers_user_find_pgpass(const struct ctl *ctl, struct err *err)
{
    const char *named = getenv("PGPASSFILE"), *slash = strrchr(ctl->config_path, '/');
    int folder = slash != NULL ? (int)(slash - ctl->config_path) + 1 : 0;
    char path[PATH_MAX];

    if ((named != NULL && named[0] != '\0') ||
        snprintf(path, sizeof path, "%.*spgpass", folder, ctl->config_path) >= (int)sizeof path ||
        access(path, R_OK) != 0)
        return true;
    return setenv("PGPASSFILE", path, 1) == 0 || err_memory(err);
}
