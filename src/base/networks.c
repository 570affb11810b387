#include "base/networks.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_BYTES = 64, ADDRESS_BYTES = 16, ADDRESS_BITS = 128, MAPPED_BITS = 96, CLIENT_BITS = 64 };

static const unsigned char mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

/* IPv4 as the part of IPv6 that stands for it (RFC 4291, section 2.5.5.2), so that one comparison does. */
static bool read_address(const char *text, unsigned char bytes[ADDRESS_BYTES], int *least_bits)
{
    *least_bits = 0;
    if (inet_pton(AF_INET6, text, bytes) == 1)
        return true;
    *least_bits = MAPPED_BITS;
    memcpy(bytes, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, bytes + sizeof mapped) == 1;
}

struct network {
    bool unix_socket;
    unsigned char bytes[ADDRESS_BYTES];
    int bits;
};

static bool read_network(char *entry, struct network *network)
{
    char *slash = strchr(entry, '/');
    char *end = NULL;
    long bits = ADDRESS_BITS;
    int least_bits;

    *network = (struct network){.unix_socket = strcmp(entry, "unix") == 0};
    if (network->unix_socket)
        return true;
    if (slash != NULL)
        *slash = '\0';
    if (!read_address(entry, network->bytes, &least_bits))
        return false;
    if (slash != NULL) {
        bits = strtol(slash + 1, &end, 10) + least_bits;
        if (end == slash + 1 || *end != '\0' || slash[1] == '-' || bits < least_bits || bits > ADDRESS_BITS)
            return false;
    }
    network->bits = (int)bits;
    return true;
}

/* Copies the next entry of *list and moves past it: its length; 0 when there is none. ENTRY_BYTES: it is too long. */
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
    int ignored;

    if (!by_socket && !read_address(address, bytes, &ignored))
        return false;
    while (next_entry(&list, entry) > 0)
        if (read_network(entry, &network) && network.unix_socket == by_socket && (by_socket || within(&network, bytes)))
            return true;
    return false;
}

static void write_address(const unsigned char bytes[ADDRESS_BYTES], char plain[NETWORKS_ADDRESS_BYTES])
{
    _Static_assert(NETWORKS_ADDRESS_BYTES == INET6_ADDRSTRLEN, "it fits");
    bool is_mapped = memcmp(bytes, mapped, sizeof mapped) == 0;

    inet_ntop(is_mapped ? AF_INET : AF_INET6, is_mapped ? bytes + sizeof mapped : bytes, plain, NETWORKS_ADDRESS_BYTES);
}

bool networks_address(const char *address, char plain[NETWORKS_ADDRESS_BYTES])
{
    unsigned char bytes[ADDRESS_BYTES];
    int ignored;

    if (!read_address(address, bytes, &ignored))
        return false;
    write_address(bytes, plain);
    return true;
}

bool networks_key(const char *address, char key[NETWORKS_KEY_BYTES])
{
    unsigned char bytes[ADDRESS_BYTES];
    char plain[NETWORKS_ADDRESS_BYTES];
    int ignored;

    if (!read_address(address, bytes, &ignored)) {
        snprintf(key, NETWORKS_KEY_BYTES, "%s", address);
        return false;
    }
    if (memcmp(bytes, mapped, sizeof mapped) == 0) {
        write_address(bytes, key);
        return true;
    }
    memset(bytes + CLIENT_BITS / 8, 0, sizeof bytes - CLIENT_BITS / 8);
    write_address(bytes, plain);
    snprintf(key, NETWORKS_KEY_BYTES, "%s/%d", plain, CLIENT_BITS);
    return true;
}
