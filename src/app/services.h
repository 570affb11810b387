/* What every mayfly process needs, made from the configuration. Nothing is connected yet. */
#ifndef MAYFLY_APP_SERVICES_H
#define MAYFLY_APP_SERVICES_H

#include "app/exchange.h"

/* ERR_INPUT says what is wrong with the configuration, in which line, and how to cure it. */
bool services_open(struct services *, const char *config_path, const char *pool, struct err *) MUST_CHECK;
/* The same without the secret, for whoever is to judge the configuration and is not shown it. */
bool services_prepare(struct services *, const char *config_path, const char *pool, struct err *) MUST_CHECK;
/*
 * What services_open leaves for when it is needed, since most commands never do: S3's key and certificates. A key that is a
 * worker's own, in its environment or a credential, is looked for only when this is the worker.
 */
bool services_check(const struct services *, const char *config_path, bool is_worker, struct err *) MUST_CHECK;
void services_close(struct services *);

/* Buries the zygotes (media/zygote.h) that have ended; and ends all, before this process forks or executes another program. */
void services_tend(struct services *);
void services_be_alone(struct services *);

/* In a child that goes on with all of its parent's: it has a name of its own. */
void services_forked(struct services *);

#endif
