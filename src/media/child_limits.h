/*
 * What mayfly-thumbnail and mayfly-sniff take from themselves before they look at the first byte of a stranger's file;
 * and what a zygote (media/zygote_loop.h) takes from itself and, of what it keeps, from each child.
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
    /* Where a child is told of its work: beyond the limit, so that once it is closed nothing has this number again. */
    CHILD_CHANNEL = CHILD_DESCRIPTORS_MAX,
};

/*
 * For the rest of this process and irrevocably: resources as given, no core file, no new privileges, no other process
 * may look into it, and no system calls but those that decoding and sniffing need: no open, no exec, no socket. Before
 * the image library is set up, so that it finds no plug-ins. False with errno.
 */
bool child_limits_apply(const struct child_limits *) MUST_CHECK;

/* What is left to take from a zygote's child, made once since it takes as long as all the rest of a child. */
enum { CHILD_FILTER_MAX = 256 };
struct child_filter {
    struct sock_filter code[CHILD_FILTER_MAX];
    unsigned short length;
};

/* The same for a zygote, but it may fork, talk to its children, end them and limit them. Fills the filter for them. */
bool zygote_limits_apply(struct child_filter *) MUST_CHECK;

/* In a child of that one: what child_limits_apply leaves is left, and receiving from CHILD_CHANNEL. */
bool child_limits_complete(const struct child_limits *, const struct child_filter *) MUST_CHECK;

#endif
