/*
 * Plain functions that may wait without holding up others of their process: each runs on a stack of its own, and while it
 * waits the process goes on with others. There are no threads: a function is left only where it calls coroutine_wait.
 *
 *   coroutine_new --coroutine_resume--> running --coroutine_wait--> waiting --its descriptor is ready, its time has come,
 *   or somebody wakes it: coroutines_gather--> ready --coroutine_resume--> running --the function returns--> gone
 *
 * Whoever owns the process's loop watches coroutines_fd, wakes up after coroutines_timeout_ms, calls coroutines_gather and
 * resumes what is ready. Where there is no such loop, in mayflyctl say, the set is NULL, and coroutine_wait simply waits.
 *
 * Whatever a function shares with others may have changed when coroutine_wait returns.
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

/* None may be left. */
void coroutines_free(struct coroutines *);

/* --- For the owner of the loop */

/* Readable when a descriptor is that some coroutine waits for. */
int coroutines_fd(const struct coroutines *);

/* At most timeout_ms: less when a coroutine is ready, or will be sooner. */
int coroutines_timeout_ms(const struct coroutines *, int timeout_ms) MUST_CHECK;

/* How many are ready by now, and the next of these; both for coroutine_resume. */
size_t coroutines_gather(struct coroutines *);
struct coroutine *coroutines_next(struct coroutines *);

/* From now on nobody waits any more: all are ready, and coroutine_wait returns false. */
void coroutines_cancel(struct coroutines *);

/*
 * Its function begins with coroutine_resume. may_wait: how many wait is for the owner of the loop to bound; to one that may
 * not, coroutine_wait returns false. NULL: memory is out.
 */
struct coroutine *coroutine_new(struct coroutines *, bool may_wait, void (*run)(void *arg), void *arg) MUST_CHECK;

/* What coroutine_new was given. */
void *coroutine_arg(const struct coroutine *);

/* Lets it run until it waits or ends. True: it has ended, and is gone. Not from within a coroutine. */
bool coroutine_resume(struct coroutine *) MUST_CHECK;

/* --- For the functions */

/* Who runs just now; NULL: none, or there is no set. */
struct coroutine *coroutine_self(const struct coroutines *);

/* Whether whoever runs may wait, for those who would begin something in vain. */
bool coroutine_may_wait(const struct coroutines *);

/*
 * Waits until fd (-1: none) is ready for events (POLLIN, POLLOUT), until_us of the monotonic clock has come, or somebody
 * wakes it; look again which. Only one coroutine may wait for a descriptor. False: do not wait but come to an end, since the
 * process does, or too many wait, or this is the loop itself.
 */
bool coroutine_wait(struct coroutines *, const struct clock *, int fd, short events, int64_t until_us) MUST_CHECK;

/* Makes a waiting one ready; nothing for one that is not waiting, nor for NULL. */
void coroutine_wake(struct coroutine *);

#endif
