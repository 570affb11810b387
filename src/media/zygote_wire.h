/* The messages between a worker (media/zygote.c) and a zygote (media/zygote_loop.c). */
#ifndef MAYFLY_MEDIA_ZYGOTE_WIRE_H
#define MAYFLY_MEDIA_ZYGOTE_WIRE_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One message to the zygote is one piece of work. With it come the child's end of the work's own socket and, where
 * there is one, a descriptor of a file to read.
 */
struct zygote_order {
    int32_t number; /* its meaning is the program's */
};

/*
 * What the zygote writes to that socket when the child has ended, behind all that the child has written. Then the
 * socket ends.
 */
struct zygote_report {
    int32_t exited; /* 1: code is its exit status; 0: code is the signal that has ended it */
    int32_t code;
    int64_t cpu_us; /* computing time */
};

enum { ZYGOTE_FILES_MAX = 2 };

/* Sends it with both descriptors, which stay the caller's; input -1: none. Never waits. False: errno says why. */
bool zygote_order_send(int to, const struct zygote_order *, int socket, int input) MUST_CHECK;

#endif
