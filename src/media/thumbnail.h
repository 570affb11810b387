/*
 * Makes a small picture of an uploaded image. Image decoders often have memory errors, so none is linked into a worker:
 * the program mayfly-thumbnail (media/thumbnail_program.c) decodes one image in a process with few rights.
 */
#ifndef MAYFLY_MEDIA_THUMBNAIL_H
#define MAYFLY_MEDIA_THUMBNAIL_H

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "media/zygote.h"

/*
 * mayfly-thumbnail's exit status. Above what shells and libraries use for themselves, so that none is taken for
 * another.
 */
enum thumbnail_status {
    THUMBNAIL_MADE = 0,
    THUMBNAIL_NO_IMAGE = 40,  /* none of the formats that are read */
    THUMBNAIL_TOO_LARGE = 41, /* more pixels, rows or columns than allowed, by the header; nothing was decoded */
    THUMBNAIL_BROKEN = 42,    /* damaged or cut off */
    THUMBNAIL_LIMITS = 43,    /* it needed more memory, time or output than allowed */
    THUMBNAIL_BUG = 44,       /* called wrongly, or the program's own fault */
};

enum {
    /* The smallest and the largest box of a thumbnail, in pixels. */
    THUMBNAIL_BOX_MIN = 16,
    THUMBNAIL_BOX_MAX = 1024,
    /* 1024 x 1024 pixels of noise take less; and it has to fit into a request's memory, twice while it grows. */
    THUMBNAIL_OUTPUT_MAX_BYTES = 1000 * 1000,
};

struct thumbnail {
    const char *type; /* a constant: "image/jpeg", or "image/webp" where the image is transparent */
    const void *bytes;
    size_t length;
    int64_t cpu_ms; /* what it took; also when it was refused */
};

enum { THUMBNAIL_OPTION_BYTES = 24, THUMBNAIL_OPTIONS = 4 };

/* A zygote that makes them (media/zygote.h), started when it is first needed, and what it is called with. */
struct thumbnailer {
    struct zygote zygote;
    char texts[THUMBNAIL_OPTIONS][THUMBNAIL_OPTION_BYTES];
    const char *argv[2 + 2 * THUMBNAIL_OPTIONS + 1];
};

/* It stays where it is, and borrows the settings. */
void thumbnailer_init(struct thumbnailer *, const struct config *);

/*
 * Makes a thumbnail that fits into box x box pixels, upright, without metadata, never larger than the image; the first
 * frame of an animation. input is a descriptor of a regular file that nobody writes to meanwhile; its offset is moved.
 * The bytes live in the arena. Waits for at most thumbnail_timeout_ms; nothing of the child outlives the call.
 *
 * ERR_TYPE: no JPEG, PNG, WebP or GIF. ERR_LARGE: too many pixels, rows or columns. ERR_VALUE: broken, or it takes more
 * than the limits allow. ERR_DOWN: the program can't be started. ERR_BUG: it failed in another way.
 */
bool thumbnail_make(struct thumbnailer *, const struct config *, const struct log *, struct arena *, int input, int box,
                    struct thumbnail *, struct err *) MUST_CHECK;

/*
 * The same in steps, as zygote_ask and zygote_attend; the errors come from either. input is borrowed until it is over.
 */
bool thumbnail_start(struct thumbnailer *, const struct config *, struct arena *, int input, int box,
                     struct zygote_job **, struct err *) MUST_CHECK;
bool thumbnail_attend(const struct config *, const struct log *, struct zygote_job *, int wait_ms, bool *over,
                      struct thumbnail *, struct err *) MUST_CHECK;

#endif
