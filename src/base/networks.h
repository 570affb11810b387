/* Lists of addresses and networks as settings have them: "127.0.0.1, 10.0.0.0/8, 2001:db8::/32, unix". */
#ifndef MAYFLY_BASE_NETWORKS_H
#define MAYFLY_BASE_NETWORKS_H

#include "base/address.h"
#include "base/err.h"

enum { NETWORK_TEXT_BYTES = 64 };

struct network {
    bool unix_socket;
    unsigned char bytes[ADDRESS_BYTES]; /* as address_read has them */
    int bits;                           /* of these bits; for IPv4, 96 more than are written */
};

/* "10.0.0.0/8", an address alone, or "unix"; false for anything else. */
bool network_read(const char *text, struct network *) MUST_CHECK;

/* Whether these bytes of address_read are of the network, which is not "unix". */
bool network_has(const struct network *, const unsigned char bytes[ADDRESS_BYTES]);

/* ERR_INPUT names an entry that is neither. An empty list is valid and contains no address. */
bool networks_check(const char *list, struct err *) MUST_CHECK;

/* Whether the list, which was checked, contains this address; nginx calls a client on a unix socket "unix:". */
bool networks_have(const char *list, const char *address);

#endif
