#include "base/networks.h"

#include "base/decimal.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_BITS = 128, IPV4_BITS = 32 };

bool network_read(const char *text, struct network *network)
{
    char entry[NETWORK_TEXT_BYTES], *slash;
    int64_t bits = ADDRESS_BITS;
    int least_bits;

    *network = (struct network){.unix_socket = strcmp(text, "unix") == 0};
    if (network->unix_socket)
        return true;
    if (strlen(text) >= sizeof entry)
        return false;
    strcpy(entry, text);
    slash = strchr(entry, '/');
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

bool network_has(const struct network *network, const unsigned char bytes[ADDRESS_BYTES])
{
    int whole = network->bits / 8, rest = network->bits % 8;

    return memcmp(network->bytes, bytes, (size_t)whole) == 0 &&
           (rest == 0 || (network->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0);
}

/*
 * Copies the next entry of *list and moves past it: its length; 0 when there is none. NETWORK_TEXT_BYTES: it is too
 * long.
 */
static size_t next_entry(const char **list, char entry[NETWORK_TEXT_BYTES])
{
    size_t length;

    *list += strspn(*list, ", \t");
    length = strcspn(*list, ", \t");
    snprintf(entry, NETWORK_TEXT_BYTES, "%.*s", (int)length, *list);
    *list += length;
    return length < NETWORK_TEXT_BYTES ? length : NETWORK_TEXT_BYTES;
}

bool networks_check(const char *list, struct err *err)
{
    char entry[NETWORK_TEXT_BYTES];
    struct network network;
    size_t length;

    while ((length = next_entry(&list, entry)) > 0) {
        if (length == NETWORK_TEXT_BYTES || !network_read(entry, &network))
            return err_set(err, ERR_INPUT, "'%s' is no address, network such as 10.0.0.0/8, or `unix`", entry);
    }
    return true;
}

bool networks_have(const char *list, const char *address)
{
    unsigned char bytes[ADDRESS_BYTES];
    bool by_socket = strcmp(address, "unix:") == 0;
    char entry[NETWORK_TEXT_BYTES];
    struct network network;

    if (!by_socket && !address_read(address, bytes))
        return false;
    while (next_entry(&list, entry) > 0)
        if (network_read(entry, &network) && network.unix_socket == by_socket &&
            (by_socket || network_has(&network, bytes)))
            return true;
    return false;
}
