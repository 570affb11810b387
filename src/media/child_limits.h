/*
 * The rights that mayfly-thumbnail and mayfly-sniff give up before they read the first byte of a file, those that a
 * zygote (media/zygote_loop.h) gives up, and those that each of its children gives up in addition.
 */
#ifndef MAYFLY_MEDIA_CHILD_LIMITS_H
#define MAYFLY_MEDIA_CHILD_LIMITS_H

#include "base/attr.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct child_limits {
    int64_t memory_bytes; /* of address space, the libraries' included */
    int64_t cpu_s;        /* then SIGXCPU, a second later SIGKILL */
    int64_t file_bytes;   /* of what is written to a file */
};

enum {
    /* 0, 1 and 2, and the copies that the image library makes of its input. */
    CHILD_DESCRIPTORS_MAX = 8,
    /*
     * The descriptor from which a child receives its work: above the limit, so that no other descriptor gets this
     * number once it is closed.
     */
    CHILD_CHANNEL = CHILD_DESCRIPTORS_MAX,
};

/*
 * For the rest of this process and irrevocably: resources as given, no core file, no new privileges, no other process
 * may look into it, and no system calls but those that decoding and sniffing need: no open, no exec, no socket. Before
 * the image library is set up, so that it finds no plug-ins. False with errno.
 */
bool child_limits_apply(const struct child_limits *) MUST_CHECK;

/* The filter of a zygote's child, made once, since making it takes as long as all other work of a child. */
enum { CHILD_FILTER_MAX = 256 };
struct child_filter {
    struct sock_filter code[CHILD_FILTER_MAX];
    unsigned short length;
};

/* The same for a zygote, but it may fork, talk to its children, end them and limit them. Fills the filter for them. */
bool zygote_limits_apply(struct child_filter *) MUST_CHECK;

/* In a child of a zygote: leaves the calls that child_limits_apply leaves, and receiving from CHILD_CHANNEL. */
bool child_limits_complete(const struct child_limits *, const struct child_filter *) MUST_CHECK;

#endif
