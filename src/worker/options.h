/* The worker's command line. */
#ifndef MAYFLY_WORKER_OPTIONS_H
#define MAYFLY_WORKER_OPTIONS_H

#include <stdbool.h>

struct options {
    const char *config_path; /* -c, else $MAYFLY_CONFIG, else /etc/mayfly/mayfly.conf */
    const char *pool;
    bool check_only;
    bool no_secret; /* with check_only: without the secret, which only the unit's credentials have */
};

/* -1: go on; otherwise the exit status, after --help, --version or a complaint. */
int options_read(struct options *, int argc, char **argv);

#endif
