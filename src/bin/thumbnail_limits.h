/* What mayfly-thumbnail takes from itself before it looks at the first byte of a stranger's image. */
#ifndef MAYFLY_BIN_THUMBNAIL_LIMITS_H
#define MAYFLY_BIN_THUMBNAIL_LIMITS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct thumbnail_limits {
    int64_t memory_bytes; /* of address space, the libraries' included */
    int64_t cpu_s;        /* then SIGXCPU, a second later SIGKILL */
    int64_t file_bytes;   /* of what is written to a file */
};

/*
 * For the rest of this process and irrevocably: resources as given, no core file, no new privileges, no other process may
 * look into it, and no system calls but those that decoding needs: no open, no exec, no socket. Before the image library
 * is set up, so that it finds no plug-ins. False with errno.
 */
bool thumbnail_limits_apply(const struct thumbnail_limits *) MUST_CHECK;

#endif
