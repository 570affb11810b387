#include "base/clock.h"

#include <sodium.h>
#include <time.h>

static int64_t system_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

const struct clock clock_system = {.now_ms = system_now_ms, .monotonic_us = system_monotonic_us};

bool random_start(void)
{
    return sodium_init() >= 0;
}

void random_bytes(void *bytes, size_t length)
{
    randombytes_buf(bytes, length);
}

uint32_t random_below(uint32_t bound)
{
    return randombytes_uniform(bound);
}
