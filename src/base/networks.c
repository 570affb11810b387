#include "base/networks.h"
#include "base/decimal.h"

#include "base/address.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_BYTES = 64, ADDRESS_BITS = 128, IPV4_BITS = 32 };

struct network {
    bool unix_socket;
    unsigned char bytes[ADDRESS_BYTES];
    int bits;
};

static bool read_network(char *entry, struct network *network)
{
    char *slash = strchr(entry, '/');
    int64_t bits = ADDRESS_BITS;
    int least_bits;

    *network = (struct network){.unix_socket = strcmp(entry, "unix") == 0};
    if (network->unix_socket)
        return true;
    if (slash != NULL)
        *slash = '\0';
    if (!address_read(entry, network->bytes))
        return false;
    least_bits = strchr(entry, ':') == NULL ? ADDRESS_BITS - IPV4_BITS : 0;
    if (slash != NULL) {
        if (!decimal_parse(slash + 1, 0, ADDRESS_BITS - least_bits, &bits))
            return false;
        bits += least_bits;
    }
    network->bits = (int)bits;
    return true;
}

/*
 * Copies the next entry of *list and moves past it. Returns its length, 0 when there is none, ENTRY_BYTES when it is
 * too long.
 */
static size_t next_entry(const char **list, char entry[ENTRY_BYTES])
{
    size_t length;

    *list += strspn(*list, ", \t");
    length = strcspn(*list, ", \t");
    snprintf(entry, ENTRY_BYTES, "%.*s", (int)length, *list);
    *list += length;
    return length < ENTRY_BYTES ? length : ENTRY_BYTES;
}

bool networks_check(const char *list, struct err *err)
{
    char entry[ENTRY_BYTES], shown[ENTRY_BYTES];
    struct network network;
    size_t length;

    while ((length = next_entry(&list, entry)) > 0) {
        strcpy(shown, entry);
        if (length == ENTRY_BYTES || !read_network(entry, &network))
            return err_set(err, ERR_INPUT, "'%s' is no address, network such as 10.0.0.0/8, or `unix`", shown);
    }
    return true;
}

static bool within(const struct network *network, const unsigned char bytes[ADDRESS_BYTES])
{
    int whole = network->bits / 8, rest = network->bits % 8;

    return memcmp(network->bytes, bytes, (size_t)whole) == 0 &&
           (rest == 0 || (network->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0);
}

bool networks_have(const char *list, const char *address)
{
    unsigned char bytes[ADDRESS_BYTES];
    bool by_socket = strcmp(address, "unix:") == 0;
    char entry[ENTRY_BYTES];
    struct network network;

    if (!by_socket && !address_read(address, bytes))
        return false;
    while (next_entry(&list, entry) > 0)
        if (read_network(entry, &network) && network.unix_socket == by_socket && (by_socket || within(&network, bytes)))
            return true;
    return false;
}
