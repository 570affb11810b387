/* What the unit tests share: cmocka with the headers it wants before it, and a fixture of an arena and an error. */
#ifndef MAYFLY_T_UNIT_H
#define MAYFLY_T_UNIT_H

#include "base/arena.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct unit {
    struct arena arena;
    struct err err;
};

static inline int unit_set_up(void **state)
{
    static struct unit unit;

    arena_init(&unit.arena, 4 * 1024 * 1024);
    err_clear(&unit.err);
    *state = &unit;
    return 0;
}

static inline int unit_tear_down(void **state)
{
    struct unit *unit = *state;

    arena_free(&unit->arena);
    return 0;
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, unit_set_up, unit_tear_down)

/* TAP even when the environment does not ask for it. */
#define KEEP_PROMISES(promises) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(promises, NULL, NULL))

#define assert_contains(text, part)                                                                                    \
    do {                                                                                                               \
        if (strstr(text, part) == NULL)                                                                                \
            fail_msg("\"%s\" does not contain \"%s\"", text, part);                                                    \
    } while (0)

/* The call failed with an error of this kind that says this; the error is then cleared for the next one. */
#define assert_refused(call, error, expected_kind, part)                                                               \
    do {                                                                                                               \
        if (call)                                                                                                      \
            fail_msg("%s was not refused", #call);                                                                     \
        assert_string_equal(err_word((error)->kind), err_word(expected_kind));                                         \
        assert_contains((error)->detail, part);                                                                        \
        err_clear(error);                                                                                              \
    } while (0)

/* The call succeeded; else its error is shown. */
#define assert_granted(call, error)                                                                                    \
    do {                                                                                                               \
        if (!(call))                                                                                                   \
            fail_msg("%s: %s", #call, (error)->detail);                                                                \
    } while (0)

/* The path of a file in memory with this content; valid until the next call. */
static inline const char *unit_file(const void *bytes, size_t length)
{
    static char path[64];
    static int fd = -1;

    if (fd >= 0)
        close(fd);
    fd = memfd_create("unit", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(write(fd, bytes, length) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* A copy of exactly length bytes, so that the sanitizer sees a read past its end. */
static inline void *unit_exact(const void *bytes, size_t length)
{
    void *copy = malloc(length > 0 ? length : 1);

    assert_non_null(copy);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

/* Numbers that are the same in each run (xorshift64*); the seed is not 0. */
static inline uint32_t unit_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return (uint32_t)((*seed * 0x2545F4914F6CDD1D) >> 32);
}

#endif
