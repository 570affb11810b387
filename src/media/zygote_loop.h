/*
 * The zygote's side of media/zygote.h, for programs that have loaded what their work needs. It reads no file itself: it
 * passes the descriptors of each piece of work to a waiting child, reports how the child ended, and ends children whose
 * work the worker no longer waits for.
 */
#ifndef MAYFLY_MEDIA_ZYGOTE_LOOP_H
#define MAYFLY_MEDIA_ZYGOTE_LOOP_H

#include "media/child_limits.h"

#include <stddef.h>

/* What a child is given. Besides these its descriptors are /dev/null. */
struct zygote_work {
    int32_t number;
    int socket; /* where its output goes, or its complaint */
    int input;  /* -1: none */
};

struct zygote_program {
    struct child_limits limits;                         /* of each child */
    int (*work)(const struct zygote_work *, void *arg); /* in the child; returns its exit status */
    void *arg;
    int null; /* /dev/null, to be a child's standard descriptors */
};

/* How many children wait for work, and how many there are at most. */
enum { ZYGOTE_WAITING = 2, ZYGOTE_CHILDREN_MAX = 8 };

/*
 * Descriptor 0 is the socket to the worker. zygote_limits_apply must have filled the filter, and there must be one
 * thread only. Returns the exit status when the worker has closed the socket, or is dead, and all work is done.
 */
int zygote_loop(const struct zygote_program *, const struct child_filter *);

/* Called in a child; false when the worker has closed the socket. */
bool zygote_write(const struct zygote_work *, const void *bytes, size_t length) MUST_CHECK;

#endif
