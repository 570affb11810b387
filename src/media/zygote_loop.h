/*
 * The zygote's side of media/zygote.h, for programs that have loaded what their work needs. It reads no byte of any
 * file: it hands the descriptors of each piece of work to a child, of which some wait, reports how the child ended, and
 * ends children whose work nobody waits for.
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
 * Descriptor 0 is the worker's. zygote_limits_apply has filled the filter, and there is one thread only. Returns the
 * exit status when the worker has let go of this zygote, or is dead, and all work is done.
 */
int zygote_loop(const struct zygote_program *, const struct child_filter *);

/* In a child; false when nobody listens. */
bool zygote_write(const struct zygote_work *, const void *bytes, size_t length) MUST_CHECK;

#endif
