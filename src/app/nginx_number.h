/*
 * The release of nginx's files that a request came through. nginx keeps the files that it read at its last reload, and
 * an administrator may have copied them, so an upgrade of the package does not always change them.
 */
#ifndef MAYFLY_APP_NGINX_NUMBER_H
#define MAYFLY_APP_NGINX_NUMBER_H

#include "app/exchange.h"

enum {
    /*
     * The number in the files of nginx/ (t/9000 compares them). A release that changes one of the files has a higher
     * number than the release before (t/5745).
     */
    NGINX_NUMBER = 1,
};

/* What makes nginx use the installed files: it also replaces copies in /etc/nginx by links. */
#define NGINX_UPDATE "sh " NGINX_DIR "/update.sh"

/* The lowest number of the files that the request came through; 0 for files that have none. */
int64_t nginx_number(const struct request *);

/* Logs old_nginx_files for the first request of this process that came through files of an earlier release. */
void nginx_number_check(struct services *, const struct request *);

#endif
