#include "base/semaphore.h"

struct semaphore_waiter {
    struct coroutine *coroutine;
    bool has_turn;
    struct semaphore_waiter *next, **link;
};

void semaphore_init(struct semaphore *semaphore, size_t most)
{
    semaphore->left = most;
    semaphore->first = NULL;
    semaphore->end = &semaphore->first;
}

static void append(struct semaphore *semaphore, struct semaphore_waiter *waiter)
{
    waiter->next = NULL;
    waiter->link = semaphore->end;
    *semaphore->end = waiter;
    semaphore->end = &waiter->next;
}

static void leave(struct semaphore *semaphore, struct semaphore_waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    else
        semaphore->end = waiter->link;
}

bool semaphore_take(struct semaphore *semaphore, struct coroutines *set, const struct clock *clock, int64_t until_us)
{
    struct semaphore_waiter waiter = {.coroutine = coroutine_self(set)};

    if (semaphore->left > 0) {
        semaphore->left--;
        return true;
    }
    append(semaphore, &waiter);
    while (!waiter.has_turn && clock->monotonic_us() < until_us && coroutine_wait(set, clock, -1, 0, until_us))
        ;
    if (!waiter.has_turn)
        leave(semaphore, &waiter);
    return waiter.has_turn;
}

void semaphore_give(struct semaphore *semaphore)
{
    struct semaphore_waiter *waiter = semaphore->first;

    if (waiter == NULL) {
        semaphore->left++;
        return;
    }
    leave(semaphore, waiter);
    waiter->has_turn = true;
    coroutine_wake(waiter->coroutine);
}
