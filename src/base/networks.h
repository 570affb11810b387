/* Lists of addresses and networks as settings have them: "127.0.0.1, 10.0.0.0/8, 2001:db8::/32, unix". */
#ifndef MAYFLY_BASE_NETWORKS_H
#define MAYFLY_BASE_NETWORKS_H

#include "base/err.h"

/* ERR_INPUT names an entry that is neither. An empty list is valid and contains no address. */
bool networks_check(const char *list, struct err *) MUST_CHECK;

/* Whether the list, which was checked, contains this address; nginx calls a client on a unix socket "unix:". */
bool networks_have(const char *list, const char *address);

#endif
