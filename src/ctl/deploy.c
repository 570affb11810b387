/*
 * mayflyctl deploy: restarts this host's pools one after the other, so that nginx always has a pool to pass requests
 * to.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    UNIT_BYTES = 128,
    /* More pools on one host are of no use: a pool can have any number of workers. */
    POOLS_MAX = 64,
};

/* The pools that run, in the order of their names: a, b, files-a, files-b, password-a, password-b. */
static const char list_command[] =
    "systemctl list-units --plain --no-legend --state=active,reloading,activating 'mayfly-pool@*.service'";

extern char **environ;

static bool list_pools(char units[POOLS_MAX][UNIT_BYTES], size_t *countp, struct err *err)
{
    FILE *list = popen(list_command, "re");
    char line[512];
    bool fits = true;

    *countp = 0;
    if (list == NULL)
        return err_set(err, ERR_DOWN, "systemctl: %s", strerror(errno));
    while (fgets(line, sizeof line, list) != NULL) {
        line[strcspn(line, " \n")] = '\0';
        if (line[0] == '\0')
            continue;
        fits = fits && *countp < POOLS_MAX && strlen(line) < UNIT_BYTES;
        if (fits)
            strcpy(units[(*countp)++], line);
    }
    if (pclose(list) != 0)
        return err_set(err, ERR_DOWN, "systemctl can't list the pools; check that systemd runs this host");
    if (!fits)
        return err_set(err, ERR_INPUT, "there are more than %d pools; restart them by hand", POOLS_MAX);
    if (*countp == 0)
        return err_set(err, ERR_ABSENT, "no pool runs here; systemctl start mayfly.target starts them");
    return true;
}

/* Returns when the pool answers again: its unit is of Type=notify. */
static bool restart(const char *unit)
{
    char *const words[] = {"systemctl", "restart", (char *)(uintptr_t)unit, NULL};
    pid_t pid;
    int status;

    if (posix_spawnp(&pid, words[0], NULL, NULL, words, environ) != 0)
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool system_deploy(struct ctl *ctl, struct err *err)
{
    char units[POOLS_MAX][UNIT_BYTES];
    size_t count;

    (void)ctl;
    /* Otherwise systemctl's refusal would look like a pool that does not come back. */
    if (geteuid() != 0)
        return err_set(err, ERR_DENIED, "only root may restart pools: run this as root; nothing was restarted");
    if (!list_pools(units, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        int64_t began_us = clock_system.monotonic_us();

        if (!restart(units[i]))
            return err_set(
                err, ERR_DOWN,
                "%s does not come back: journalctl -u %s says why. %zu of %zu pools were restarted before. "
                "The others keep their workers only until these are replaced (worker_max_age_s): correct the "
                "cause, or install the version before, and deploy again at once",
                units[i], units[i], i, count);
        fprintf(stderr, "%s answers again after %lld ms\n", units[i],
                (long long)(clock_system.monotonic_us() - began_us) / 1000);
    }
    return true;
}
