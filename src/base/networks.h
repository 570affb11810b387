/* Lists of addresses and networks as settings have them: "127.0.0.1, 10.0.0.0/8, 2001:db8::/32, unix". */
#ifndef MAYFLY_BASE_NETWORKS_H
#define MAYFLY_BASE_NETWORKS_H

#include "base/err.h"

/* ERR_INPUT names the entry that is none. An empty list is good, and has nobody in it. */
bool networks_check(const char *list, struct err *) MUST_CHECK;

/* Whether the list, which was checked, has this address; "unix:" is what nginx calls a client on a unix socket. */
bool networks_have(const char *list, const char *address);

#endif
