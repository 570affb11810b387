/* Addresses of clients, and lists of addresses and networks as settings have them: "127.0.0.1, 10.0.0.0/8, 2001:db8::/32, unix". */
#ifndef MAYFLY_BASE_NETWORKS_H
#define MAYFLY_BASE_NETWORKS_H

#include "base/err.h"

/* ERR_INPUT names the entry that is none. An empty list is good, and has nobody in it. */
bool networks_check(const char *list, struct err *) MUST_CHECK;

/* Whether the list, which was checked, has this address; "unix:" is what nginx calls a client on a unix socket. */
bool networks_have(const char *list, const char *address);

enum { NETWORKS_ADDRESS_BYTES = 46 /* INET6_ADDRSTRLEN */, NETWORKS_KEY_BYTES = 64 };

/* The address in its usual form, IPv4 also where IPv6 stands for it (::ffff:192.0.2.1); false for what is none, as "unix:". */
bool networks_address(const char *address, char plain[NETWORKS_ADDRESS_BYTES]) MUST_CHECK;

/*
 * What clients are counted by: the address of IPv4, the /64 of IPv6 ("2001:db8:0:1::/64"), since whoever has one address of it
 * has them all (RFC 6177). Both are what PostgreSQL takes as inet. False for what is no address: it stays as it is, cut to its room.
 */
bool networks_key(const char *address, char key[NETWORKS_KEY_BYTES]);

#endif
