#include "base/address.h"

#include <arpa/inet.h>
#include <string.h>

enum { PREFIX_BYTES = 8, MAPPED_BYTES = 12 };

struct address_key address_key_of(const char *text)
{
    static const unsigned char mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};
    struct address_key key = {{0}};

    if (inet_pton(AF_INET, text, key.bytes + MAPPED_BYTES) == 1)
        memcpy(key.bytes, mapped, MAPPED_BYTES);
    else if (inet_pton(AF_INET6, text, key.bytes) != 1)
        memset(key.bytes, 0, sizeof key.bytes);
    else if (memcmp(key.bytes, mapped, MAPPED_BYTES) != 0)
        memset(key.bytes + PREFIX_BYTES, 0, ADDRESS_KEY_BYTES - PREFIX_BYTES);
    return key;
}

bool address_key_same(const struct address_key *one, const struct address_key *other)
{
    return memcmp(one->bytes, other->bytes, ADDRESS_KEY_BYTES) == 0;
}
