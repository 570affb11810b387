/*
 * Finds the type of a complete file from its first bytes and the claimed type. Many are known at once. For the others a
 * child process asks libmagic while the worker serves other requests: the exchange needs a job that calls
 * file_typing_attend.
 */
#ifndef MAYFLY_APP_FILE_FILE_TYPING_H
#define MAYFLY_APP_FILE_FILE_TYPING_H

#include "app/exchange.h"
#include "media/media_type.h"
#include "store/upload.h"

struct file_typing {
    struct exchange *x;
    const char *type; /* NULL: not known yet */
    const char *claimed;
    void *head; /* in the arena, like the struct */
    size_t head_length;
    bool has_place; /* at this index of services.sniffing; otherwise it waits for one */
    size_t place;
    struct coroutine *waits; /* that waits in the line; NULL: none */
    TAILQ_ENTRY(file_typing) in_line;
    struct zygote_job *job;
    int64_t until_us; /* when it stops waiting; 0: it has not begun to wait */
};

/* After upload_seal, before upload_shed. */
bool file_typing_begin(struct exchange *, struct upload *, struct file_typing **, struct err *) MUST_CHECK;

/*
 * Does one step: sets type, or x->pause_ms. In a coroutine it waits for the type. When the program fails or can't be
 * run, the type is "application/octet-stream".
 */
bool file_typing_attend(struct file_typing *, struct err *) MUST_CHECK;

#endif
