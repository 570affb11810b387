/*
 * What libmagic takes a file for. It is a large parser of whatever strangers send, so it is not in a worker: the program
 * mayfly-sniff (media/sniff_program.c) asks it, in a process that may do little, for one file.
 */
#ifndef MAYFLY_MEDIA_MEDIA_SNIFF_H
#define MAYFLY_MEDIA_MEDIA_SNIFF_H

#include "base/arena.h"
#include "base/child.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "media/media_type.h"

/*
 * In steps, as child_start and child_attend (base/child.h). bytes, at most MEDIA_TYPE_SNIFF_BYTES, are borrowed for the call.
 * ERR_DOWN: the program can't be started.
 */
bool media_sniff_start(const struct config *, struct arena *, const void *bytes, size_t length, struct child_running **,
                       struct err *) MUST_CHECK;

/* Once *over, type is that of the file, normalised: "application/octet-stream" however else the program ended. */
void media_sniff_attend(const struct log *, struct child_running *, int wait_ms, bool *over,
                        char type[MEDIA_TYPE_BYTES]);

#endif
