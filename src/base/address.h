/* What an address counts as, where something is limited for each: one subscriber has one IPv4 address, or a /64 of IPv6. */
#ifndef MAYFLY_BASE_ADDRESS_H
#define MAYFLY_BASE_ADDRESS_H

#include <stdbool.h>

enum { ADDRESS_KEY_BYTES = 16 };

/* IPv4 as it is mapped into IPv6, ::ffff:0:0/96; of other IPv6 addresses the first 64 bits; all zeroes for what is no address. */
struct address_key {
    unsigned char bytes[ADDRESS_KEY_BYTES];
};

struct address_key address_key_of(const char *text);
bool address_key_same(const struct address_key *, const struct address_key *);

#endif
