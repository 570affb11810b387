/* The services of a worker without a database and a cache, for tests of code that needs neither. */
#ifndef MAYFLY_T_OFFLINE_SERVICES_H
#define MAYFLY_T_OFFLINE_SERVICES_H

#include "app/services.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct services services;

/* For cmocka_run_group_tests: opens the services with a file of settings and one of a secret, and removes both files. */
static int set_up(void **state)
{
    char folder[] = "/tmp/mayfly-offline-XXXXXX", secret[sizeof folder + 16], config[sizeof folder + 16];
    struct err err = {.kind = ERR_NONE};
    FILE *file;
    bool opened = false;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(secret, sizeof secret, "%s/secret", folder);
    snprintf(config, sizeof config, "%s/config", folder);
    file = fopen(secret, "w");
    if (file != NULL && fchmod(fileno(file), 0600) == 0 && fprintf(file, "%064d\n", 7) > 0 && fclose(file) == 0) {
        file = fopen(config, "w");
        opened = file != NULL &&
                 fprintf(file, "database = host=%s dbname=none\ncache = unix:%s/none\nsecret_file = %s\n", folder,
                         folder, secret) > 0 &&
                 fclose(file) == 0 && services_open(&services, config, "test", &err) &&
                 coroutines_new(&services.coroutines, services.clock, &err);
    }
    if (!opened)
        fprintf(stderr, "%s\n", err.detail);
    services.log.level = LOG_ERROR;
    unlink(secret);
    unlink(config);
    rmdir(folder);
    return opened ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    coroutines_free(services.coroutines);
    services.coroutines = NULL;
    services_close(&services);
    return 0;
}

#endif
