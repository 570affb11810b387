#include "base/fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

/* AddressSanitizer must be told of each change of stacks. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

enum {
    /*
     * Only pages that are touched take memory: 12 to 40 KiB for a request to S3. The rest is for what libraries need
     * sometimes: glibc resolves names and matches regular expressions on the stack, up to 64 KiB at once, and OpenSSL
     * verifies certificates there.
     */
    STACK_BYTES = 256 * 1024,
    /* A guard page below the stack: an overflow ends the process instead of writing to other memory. */
    GUARD_BYTES = 64 * 1024,
};

struct fiber {
    ucontext_t inside, outside;
    unsigned char *memory; /* the guard, then the stack */
    void (*run)(void *arg);
    void *arg;
    bool ended;
#ifdef __SANITIZE_ADDRESS__
    void *fake_stack; /* the sanitizer's, of the side that is left */
    const void *outside_bottom;
    size_t outside_size;
#endif
};

struct fiber *fiber_new(void)
{
    struct fiber *fiber = calloc(1, sizeof *fiber);

    if (fiber == NULL)
        return NULL;
    fiber->memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (fiber->memory == MAP_FAILED) {
        free(fiber);
        return NULL;
    }
    if (mprotect(fiber->memory + GUARD_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE) != 0) {
        fiber_free(fiber);
        return NULL;
    }
    return fiber;
}

void fiber_free(struct fiber *fiber)
{
    if (fiber == NULL)
        return;
    munmap(fiber->memory, GUARD_BYTES + STACK_BYTES);
    free(fiber);
}

/* swapcontext(3) in two calls, since AddressSanitizer warns about that function. */
static void change(ucontext_t *from, const ucontext_t *to)
{
    volatile bool is_back = false;

    getcontext(from);
    if (is_back)
        return;
    is_back = true;
    setcontext(to);
}

static void enter(struct fiber *fiber)
{
#ifdef __SANITIZE_ADDRESS__
    void *fake_stack;

    __sanitizer_start_switch_fiber(&fake_stack, fiber->memory + GUARD_BYTES, STACK_BYTES);
    change(&fiber->outside, &fiber->inside);
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#else
    change(&fiber->outside, &fiber->inside);
#endif
}

static void leave(struct fiber *fiber)
{
#ifdef __SANITIZE_ADDRESS__
    /* Without a place for its state the sanitizer releases its record of the stack that is left. */
    __sanitizer_start_switch_fiber(fiber->ended ? NULL : &fiber->fake_stack, fiber->outside_bottom,
                                   fiber->outside_size);
    change(&fiber->inside, &fiber->outside);
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &fiber->outside_bottom, &fiber->outside_size);
#else
    change(&fiber->inside, &fiber->outside);
#endif
}

/* makecontext(3) passes only ints. */
static void begin(unsigned high, unsigned low)
{
    struct fiber *fiber = (struct fiber *)((uintptr_t)high << 32 | (uintptr_t)low);

#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(NULL, &fiber->outside_bottom, &fiber->outside_size);
#endif
    fiber->run(fiber->arg);
    fiber->ended = true;
    leave(fiber);
}

void fiber_prepare(struct fiber *fiber, void (*run)(void *), void *arg)
{
    uint64_t address = (uintptr_t)fiber;

    fiber->run = run;
    fiber->arg = arg;
    fiber->ended = false;
    getcontext(&fiber->inside);
    fiber->inside.uc_stack.ss_sp = fiber->memory + GUARD_BYTES;
    fiber->inside.uc_stack.ss_size = STACK_BYTES;
    fiber->inside.uc_link = NULL;
    makecontext(&fiber->inside, (void (*)(void))begin, 2, (unsigned)(address >> 32), (unsigned)(address & UINT32_MAX));
}

bool fiber_enter(struct fiber *fiber)
{
    enter(fiber);
    return fiber->ended;
}

void fiber_leave(struct fiber *fiber)
{
    leave(fiber);
}
