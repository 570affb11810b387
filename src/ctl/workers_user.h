/*
 * The user that workers run as. PostgreSQL may know a role by the user who asks (peer), memcached's socket by its
 * group.
 */
#ifndef MAYFLY_CTL_WORKERS_USER_H
#define MAYFLY_CTL_WORKERS_USER_H

#include "ctl/ctl.h"

/* As in systemd's units and mayfly.sysusers. */
#define WORKERS_USER "mayfly"

/*
 * When root runs this, becomes WORKERS_USER for good, with its groups and its HOME. ctl->root says what happened;
 * without such a user the process stays root, which some databases accept.
 */
bool workers_user_become(struct ctl *, struct err *) MUST_CHECK;

/*
 * Tells libpq of the file pgpass beside the settings, as systemd's units do, unless PGPASSFILE is set or there is no
 * such file.
 */
bool workers_user_find_pgpass(const struct ctl *, struct err *) MUST_CHECK;

#endif
