/* What every process of mayfly needs, made from the configuration. No connection is made yet. */
#ifndef MAYFLY_APP_SERVICES_H
#define MAYFLY_APP_SERVICES_H

#include "app/exchange.h"

/* ERR_INPUT says which line of the configuration is wrong, and how to correct it. */
bool services_open(struct services *, const char *config_path, const char *pool, struct err *) MUST_CHECK;
/* The same without the secret, for a process that checks the configuration and may not read the secret. */
bool services_prepare(struct services *, const char *config_path, const char *pool, struct err *) MUST_CHECK;
/*
 * Checks what services_open leaves until it is needed: S3's key and certificates. The key of a worker, in its
 * environment or a credential, is checked only for a worker.
 */
bool services_check(const struct services *, const char *config_path, bool is_worker, struct err *) MUST_CHECK;
void services_close(struct services *);

/*
 * services_tend reaps the zygotes (media/zygote.h) that have ended. services_be_alone ends all, before a fork or an
 * exec.
 */
void services_tend(struct services *);
void services_be_alone(struct services *);

/* Called in a child that continues with everything of its parent: gives it a name of its own. */
void services_forked(struct services *);

#endif
