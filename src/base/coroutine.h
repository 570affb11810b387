/*
 * Plain functions that may wait without holding up others of their process: each runs on a stack of its own, and while
 * it waits the process goes on with others. There are no threads: a function is left only where it calls
 * coroutine_wait.
 *
 *   coroutine_new --coroutine_resume--> running --coroutine_wait--> waiting
 *   waiting --its descriptor is ready, its time has come, or it is woken: coroutines_gather--> ready
 *   ready --coroutine_resume--> running --the function returns--> gone
 *
 * The owner of the process's loop watches coroutines_fd, wakes up after coroutines_timeout_ms, calls coroutines_gather
 * and resumes the ready ones. Where there is no such loop, as in mayflyctl, the set is NULL, and coroutine_wait simply
 * waits.
 *
 * Everything that a function shares with others may have changed when coroutine_wait returns.
 */
#ifndef MAYFLY_BASE_COROUTINE_H
#define MAYFLY_BASE_COROUTINE_H

#include "base/clock.h"
#include "base/err.h"

struct coroutines;
struct coroutine;

#define COROUTINE_NEVER INT64_MAX

/* The clock is borrowed. */
bool coroutines_new(struct coroutines **, const struct clock *, struct err *) MUST_CHECK;

/* No coroutine may be left. */
void coroutines_free(struct coroutines *);

/* --- For the owner of the loop */

/* Readable when a descriptor is ready that a coroutine waits for. */
int coroutines_fd(const struct coroutines *);

/* How long the loop may wait: at most timeout_ms, less when a coroutine is ready or will be sooner. */
int coroutines_timeout_ms(const struct coroutines *, int timeout_ms) MUST_CHECK;

/* How many are ready now, and the next of them, for coroutine_resume. */
size_t coroutines_gather(struct coroutines *);
struct coroutine *coroutines_next(struct coroutines *);

/* From now on no coroutine waits: all are ready, and coroutine_wait returns false. */
void coroutines_cancel(struct coroutines *);

/*
 * Its function begins with coroutine_resume. may_wait is for the owner of the loop to bound how many wait; in a
 * coroutine that may not, coroutine_wait returns false. NULL: memory is out.
 */
struct coroutine *coroutine_new(struct coroutines *, bool may_wait, void (*run)(void *arg), void *arg) MUST_CHECK;

/* The argument that coroutine_new was given. */
void *coroutine_arg(const struct coroutine *);

/* Runs it until it waits or ends. True: it has ended and is freed. Not to be called in a coroutine. */
bool coroutine_resume(struct coroutine *) MUST_CHECK;

/* --- For the functions */

/* The coroutine that is running; NULL: none, or there is no set. */
struct coroutine *coroutine_self(const struct coroutines *);

/* Whether the running function may wait. Work that has to wait is not begun otherwise. */
bool coroutine_may_wait(const struct coroutines *);

/*
 * Waits until fd (-1: none) is ready for events (POLLIN, POLLOUT), until_us of the monotonic clock has come, or it is
 * woken; the caller looks which. Only one coroutine may wait for a descriptor. False: the caller must come to an end
 * without waiting, since the process ends, too many wait already, or this is the loop itself.
 */
bool coroutine_wait(struct coroutines *, const struct clock *, int fd, short events, int64_t until_us) MUST_CHECK;

/* Makes a waiting coroutine ready; does nothing for one that is not waiting, and for NULL. */
void coroutine_wake(struct coroutine *);

#endif
