/* Limits how many coroutines do something at a time. The others wait and follow in the order in which they asked. */
#ifndef MAYFLY_BASE_SEMAPHORE_H
#define MAYFLY_BASE_SEMAPHORE_H

#include "base/coroutine.h"

#include <sys/queue.h>

struct semaphore_waiter;

struct semaphore {
    size_t left;
    TAILQ_HEAD(, semaphore_waiter) waiters; /* on the stacks of the waiting coroutines */
};

/* The semaphore must not be moved. */
void semaphore_init(struct semaphore *, size_t most);

/* Waits for the caller's turn. False: until_us came first, or coroutines can't wait any more (base/coroutine.h). */
bool semaphore_take(struct semaphore *, struct coroutines *, const struct clock *, int64_t until_us) MUST_CHECK;
void semaphore_give(struct semaphore *);

#endif
