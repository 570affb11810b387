/* The options of mayfly-thumbnail. */
#ifndef MAYFLY_MEDIA_THUMBNAIL_OPTIONS_H
#define MAYFLY_MEDIA_THUMBNAIL_OPTIONS_H

#include "media/child_limits.h"
#include "media/thumbnail.h"

struct thumbnail_options {
    int box;
    int64_t max_pixels;
    int64_t max_side;
    struct child_limits limits;
    bool is_zygote;
    int input, output, complaint; /* descriptors */
};

/* False: the program exits with *status. */
bool thumbnail_options_read(struct thumbnail_options *, int argc, char **argv, enum thumbnail_status *status);

/* Writes the reason to the descriptor for complaints, and returns status. */
enum thumbnail_status thumbnail_complain(const struct thumbnail_options *, enum thumbnail_status, const char *reason);

#endif
