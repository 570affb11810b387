#include "base/semaphore.h"

struct semaphore_waiter {
    struct coroutine *coroutine;
    bool has_turn;
    TAILQ_ENTRY(semaphore_waiter) in_waiters;
};

void semaphore_init(struct semaphore *semaphore, size_t most)
{
    semaphore->left = most;
    TAILQ_INIT(&semaphore->waiters);
}

bool semaphore_take(struct semaphore *semaphore, struct coroutines *set, const struct clock *clock, int64_t until_us)
{
    struct semaphore_waiter waiter = {.coroutine = coroutine_self(set)};

    if (semaphore->left > 0) {
        semaphore->left--;
        return true;
    }
    TAILQ_INSERT_TAIL(&semaphore->waiters, &waiter, in_waiters);
    while (!waiter.has_turn && clock->monotonic_us() < until_us && coroutine_wait(set, clock, -1, 0, until_us))
        ;
    if (!waiter.has_turn)
        TAILQ_REMOVE(&semaphore->waiters, &waiter, in_waiters);
    return waiter.has_turn;
}

void semaphore_give(struct semaphore *semaphore)
{
    struct semaphore_waiter *waiter = TAILQ_FIRST(&semaphore->waiters);

    if (waiter == NULL) {
        semaphore->left++;
        return;
    }
    TAILQ_REMOVE(&semaphore->waiters, waiter, in_waiters);
    waiter->has_turn = true;
    coroutine_wake(waiter->coroutine);
}
