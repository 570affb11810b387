/* Addresses of clients, and the keys by which clients are limited. */
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
 * The address in 16 bytes, IPv4 mapped into IPv6 (::ffff:0:0/96; RFC 4291, section 2.5.5.2), so that one comparison is
 * enough. False for a text that is not an address, such as "unix:".
 */
bool address_read(const char *text, unsigned char bytes[ADDRESS_BYTES]) MUST_CHECK;
bool address_is_ipv4(const unsigned char bytes[ADDRESS_BYTES]);

/*
 * The address in its usual form; an IPv4 address that is mapped into IPv6 (::ffff:192.0.2.1) as IPv4. False if it is
 * not an address.
 */
bool address_plain(const char *text, char plain[ADDRESS_TEXT_BYTES]) MUST_CHECK;

/*
 * The key by which clients are counted: an IPv4 address, or the first 64 bits of an IPv6 address, since a client with
 * one address of a /64 has all of them (RFC 6177). All zeroes for a text that is not an address.
 */
struct address_key {
    unsigned char bytes[ADDRESS_BYTES];
};

struct address_key address_key_of(const char *text);
bool address_key_same(const struct address_key *, const struct address_key *);

/*
 * The same key as PostgreSQL's inet reads it: "192.0.2.1" or "2001:db8:0:1::/64". A text that is not an address is
 * copied, cut to the room there is, and the result is false.
 */
bool address_key_text(const char *text, char key[ADDRESS_KEY_TEXT_BYTES]);

#endif
