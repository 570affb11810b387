#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { MAPPED_BYTES = 12, CLIENT_BYTES = 8 };

static const unsigned char mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

bool address_read(const char *text, unsigned char bytes[ADDRESS_BYTES])
{
    if (inet_pton(AF_INET6, text, bytes) == 1)
        return true;
    memcpy(bytes, mapped, MAPPED_BYTES);
    return inet_pton(AF_INET, text, bytes + MAPPED_BYTES) == 1;
}

bool address_is_ipv4(const unsigned char bytes[ADDRESS_BYTES])
{
    return memcmp(bytes, mapped, MAPPED_BYTES) == 0;
}

static void format(const unsigned char bytes[ADDRESS_BYTES], char plain[ADDRESS_TEXT_BYTES])
{
    _Static_assert((int)ADDRESS_TEXT_BYTES == INET6_ADDRSTRLEN, "it fits");
    bool is_ipv4 = address_is_ipv4(bytes);

    inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_ipv4 ? bytes + MAPPED_BYTES : bytes, plain, ADDRESS_TEXT_BYTES);
}

bool address_plain(const char *text, char plain[ADDRESS_TEXT_BYTES])
{
    unsigned char bytes[ADDRESS_BYTES];

    if (!address_read(text, bytes))
        return false;
    format(bytes, plain);
    return true;
}

static bool find_key(const char *text, struct address_key *key)
{
    if (!address_read(text, key->bytes))
        return false;
    if (!address_is_ipv4(key->bytes))
        memset(key->bytes + CLIENT_BYTES, 0, ADDRESS_BYTES - CLIENT_BYTES);
    return true;
}

struct address_key address_key_of(const char *text)
{
    struct address_key key;

    return find_key(text, &key) ? key : (struct address_key){{0}};
}

bool address_key_same(const struct address_key *one, const struct address_key *other)
{
    return memcmp(one->bytes, other->bytes, ADDRESS_BYTES) == 0;
}

bool address_key_text(const char *text, char written[ADDRESS_KEY_TEXT_BYTES])
{
    char plain[ADDRESS_TEXT_BYTES];
    struct address_key key;

    if (!find_key(text, &key)) {
        snprintf(written, ADDRESS_KEY_TEXT_BYTES, "%s", text);
        return false;
    }
    format(key.bytes, plain);
    snprintf(written, ADDRESS_KEY_TEXT_BYTES, address_is_ipv4(key.bytes) ? "%s" : "%s/64", plain);
    return true;
}
