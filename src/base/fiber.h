/*
 * A function on a stack of its own, which can be left in the middle and entered again. Only base/coroutine.c uses it,
 * which knows what a fiber waits for.
 */
#ifndef MAYFLY_BASE_FIBER_H
#define MAYFLY_BASE_FIBER_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct fiber;

/* A stack without a function. NULL when memory is out. */
struct fiber *fiber_new(void) MUST_CHECK;

/* No function may be under way on it: what it holds would be lost. */
void fiber_free(struct fiber *);

/* Sets the function that fiber_enter runs from now on; the one before has ended. */
void fiber_prepare(struct fiber *, void (*run)(void *arg), void *arg);

/* Starts or continues the function. True: it has ended; false: it has called fiber_leave. */
bool fiber_enter(struct fiber *) MUST_CHECK;

/* Called in the function: returns to the caller of fiber_enter, and continues when the fiber is entered again. */
void fiber_leave(struct fiber *);

#endif
