#include "base/uuid.h"

#include "base/bytes.h"

#include <string.h>

struct uuid uuid_new(const struct clock *clock)
{
    struct uuid uuid;
    uint64_t now = (uint64_t)clock->now_ms();

    random_bytes(uuid.bytes, sizeof uuid.bytes);
    for (int i = 0; i < 6; i++)
        uuid.bytes[i] = (unsigned char)(now >> (40 - 8 * i));
    uuid.bytes[6] = (unsigned char)(0x70 | (uuid.bytes[6] & 0x0F));
    uuid.bytes[8] = (unsigned char)(0x80 | (uuid.bytes[8] & 0x3F));
    return uuid;
}

struct uuid uuid_after(const struct clock *clock, const struct uuid *before)
{
    struct uuid uuid = uuid_new(clock);

    if (memcmp(uuid.bytes, before->bytes, UUID_BYTES) > 0)
        return uuid;
    /* The time of `before`, and the 12 bits behind its version, count on as one number. */
    memcpy(uuid.bytes, before->bytes, 8);
    if (++uuid.bytes[7] == 0)
        uuid.bytes[6] = (unsigned char)(0x70 | ((uuid.bytes[6] + 1) & 0x0F));
    for (int i = 5; i >= 0 && uuid.bytes[6] == 0x70 && uuid.bytes[7] == 0; i--)
        if (++uuid.bytes[i] != 0)
            break;
    return uuid;
}

static bool hyphen_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < UUID_BYTES; i++) {
        if (hyphen_before(i))
            *text++ = '-';
        *text++ = digits[uuid->bytes[i] >> 4];
        *text++ = digits[uuid->bytes[i] & 15];
    }
    *text = '\0';
}

bool uuid_parse(const char *text, struct uuid *uuid)
{
    struct uuid parsed;

    if (strlen(text) != UUID_TEXT_BYTES - 1)
        return false;
    for (int i = 0; i < UUID_BYTES; i++) {
        int high, low;

        if (hyphen_before(i) && *text++ != '-')
            return false;
        high = bytes_hex_digit(*text++);
        low = bytes_hex_digit(*text++);
        if (high < 0 || low < 0)
            return false;
        parsed.bytes[i] = (unsigned char)(high << 4 | low);
    }
    *uuid = parsed;
    return true;
}

int64_t uuid_ms(const struct uuid *uuid)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid->bytes[i];
    return ms;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, UUID_BYTES) == 0;
}
