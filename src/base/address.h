/* Addresses of clients, and what they count as where something is limited for each. */
#ifndef MAYFLY_BASE_ADDRESS_H
#define MAYFLY_BASE_ADDRESS_H

#include "base/attr.h"

#include <stdbool.h>

enum {
    ADDRESS_BYTES = 16,
    ADDRESS_TEXT_BYTES = 46, /* INET6_ADDRSTRLEN */
    ADDRESS_KEY_TEXT_BYTES = 64,
};

/*
 * The address in 16 bytes, IPv4 as the part of IPv6 that stands for it (::ffff:0:0/96; RFC 4291, section 2.5.5.2), so that one
 * comparison does. False for what is none, as "unix:".
 */
bool address_read(const char *text, unsigned char bytes[ADDRESS_BYTES]) MUST_CHECK;
bool address_is_ipv4(const unsigned char bytes[ADDRESS_BYTES]);

/* The address in its usual form, IPv4 also where IPv6 stands for it (::ffff:192.0.2.1); false for what is none. */
bool address_plain(const char *text, char plain[ADDRESS_TEXT_BYTES]) MUST_CHECK;

/*
 * What clients are counted by: the address of IPv4, the first 64 bits of IPv6, since whoever has one address of a /64 has them all
 * (RFC 6177); all zeroes for what is no address.
 */
struct address_key {
    unsigned char bytes[ADDRESS_BYTES];
};

struct address_key address_key_of(const char *text);
bool address_key_same(const struct address_key *, const struct address_key *);

/*
 * The same as PostgreSQL takes it for inet: "192.0.2.1" or "2001:db8:0:1::/64". False for what is no address: it stays as it is,
 * cut to its room.
 */
bool address_key_text(const char *text, char key[ADDRESS_KEY_TEXT_BYTES]);

#endif
