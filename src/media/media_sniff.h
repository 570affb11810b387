/*
 * Asks libmagic for the type of a file. libmagic is a large parser of untrusted input, so it is not part of a worker:
 * the program mayfly-sniff (media/sniff_program.c) calls it, for one file, in a process with few rights.
 */
#ifndef MAYFLY_MEDIA_MEDIA_SNIFF_H
#define MAYFLY_MEDIA_MEDIA_SNIFF_H

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "media/media_type.h"
#include "media/zygote.h"

/* A zygote that asks it (media/zygote.h), started when it is first needed. The settings are borrowed. */
void media_sniffer_init(struct zygote *, const struct config *);

/* In steps, as zygote_ask and zygote_attend. bytes, at most MEDIA_TYPE_SNIFF_BYTES, are copied. */
bool media_sniff_start(struct zygote *, struct arena *, const void *bytes, size_t length, struct zygote_job **,
                       struct err *) MUST_CHECK;

/* Once *over, type is that of the file, normalised; "application/octet-stream" if the program failed. */
void media_sniff_attend(const struct log *, struct zygote_job *, int wait_ms, bool *over, char type[MEDIA_TYPE_BYTES]);

#endif
