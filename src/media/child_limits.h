/* What mayfly-thumbnail and mayfly-sniff take from themselves before they look at the first byte of a stranger's file. */
#ifndef MAYFLY_MEDIA_CHILD_LIMITS_H
#define MAYFLY_MEDIA_CHILD_LIMITS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct child_limits {
    int64_t memory_bytes; /* of address space, the libraries' included */
    int64_t cpu_s;        /* then SIGXCPU, a second later SIGKILL */
    int64_t file_bytes;   /* of what is written to a file */
};

/*
 * For the rest of this process and irrevocably: resources as given, no core file, no new privileges, no other process may
 * look into it, and no system calls but those that decoding and sniffing need: no open, no exec, no socket. Before the image library
 * is set up, so that it finds no plug-ins. False with errno.
 */
bool child_limits_apply(const struct child_limits *) MUST_CHECK;

#endif
