/* What a worker tells the service manager (sd_notify(3), without its library). */
#ifndef MAYFLY_WORKER_NOTIFY_H
#define MAYFLY_WORKER_NOTIFY_H

#include "base/err.h"

/*
 * Says that requests are answered from now on: a unit of Type=notify is then started. A worker says it itself, because
 * only it knows that it listens. Each worker says it, the first one counts; hence NotifyAccess=all in the unit. Nothing
 * is sent when $NOTIFY_SOCKET is not set, as without systemd.
 */
bool notify_ready(struct err *) MUST_CHECK;

#endif
