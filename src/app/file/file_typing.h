/*
 * The type of a file that is whole, by its first bytes and what was claimed. Many are told at once; for the others a child asks
 * libmagic, while the worker serves others: the exchange needs a job that attends to it.
 */
#ifndef MAYFLY_APP_FILE_FILE_TYPING_H
#define MAYFLY_APP_FILE_FILE_TYPING_H

#include "app/exchange.h"
#include "media/media_type.h"
#include "store/upload.h"

struct file_typing {
    struct exchange *x;
    const char *type; /* NULL: it is not known yet */
    const char *claimed;
    void *head; /* borrowed from the arena, as is all of this */
    size_t head_length;
    struct sniffing *place; /* of services.sniffing; NULL: it waits for one */
    struct zygote_job *job;
    int64_t until_us; /* it waits no longer; 0: it does not wait yet */
};

/* After upload_seal, before upload_shed. */
bool file_typing_begin(struct exchange *, struct upload *, struct file_typing **, struct err *) MUST_CHECK;

/* A step: sets type, or x->pause_ms. In a coroutine it waits for the type. A program that fails, or is not to be had, makes the type "application/octet-stream". */
bool file_typing_attend(struct file_typing *, struct err *) MUST_CHECK;

#endif
