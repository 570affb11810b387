/*
 * A POST /upload: the files of a form, or one raw body, streamed. Each file is a pending row of its own from its first
 * byte on; the files of a small request have no row before the end (store/upload_whole.h). All files are committed in
 * one transaction with the outcome, so a request that is repeated is answered with the files of the first.
 *
 *   upload_request_form.c      reads the parts of a form
 *   upload_request_file.c      begins a file, adds bytes and ends it
 *   upload_request_attempts.c  frees the room that an earlier attempt of the same request has taken
 *   upload_request_commit.c    commits the files, or drops them
 *   upload_request_answer.c    answers with what was committed
 */
#ifndef MAYFLY_APP_FILE_UPLOAD_REQUEST_H
#define MAYFLY_APP_FILE_UPLOAD_REQUEST_H

#include "app/exchange.h"
#include "app/once.h"
#include "http/multipart.h"
#include "store/upload.h"

struct file_typing;

/* One file of the request. */
struct upload_request_file {
    struct upload *upload; /* NULL: an earlier attempt was committed, and nothing is stored */
    const char *name;
    const char *field;  /* name of the form's field; "" for a raw body */
    const char *type;   /* as the client declares it */
    struct sha256 hash; /* of a file without an upload; an upload has its own */
    struct file_typing *typing;
    bool photo; /* the form's field "photo": the picture of the profile */
    struct upload_request_file *next;
};

/* A part with an empty file name: a file input without a chosen file, or a file without a name if bytes follow. */
struct upload_request_nameless {
    bool waits;
    const char *field, *type;
    int64_t most;
};

/* x->stream of the request. */
struct upload_request {
    struct multipart parser;
    bool raw;
    bool is_small;              /* all files can be held in memory until the commit */
    bool done;                  /* an earlier attempt was committed */
    bool has_chunk, has_chunks; /* the form has fields of these names */
    struct once_keys keys;
    struct uuid holder; /* of the lease of its pending rows, by which a later attempt finds them */
    struct upload_request_file *first, **last;
    struct upload_request_file *open; /* the file whose bytes come now; NULL in a field that is not a file */
    struct upload_request_nameless nameless;
};

/* --- upload_request_form.c */

/* Begins to read a form. */
bool upload_request_form_begin(struct exchange *, struct err *) MUST_CHECK;

/* ERR_VALUE: the field says that the body is a part of a file. Returns false. */
bool upload_request_refuse_chunk(const char *field, struct err *);

/* --- upload_request_file.c */

/* size -1: not known. most: at most so many bytes come. */
bool upload_request_file_begin(struct exchange *, const char *field, const char *name, size_t name_length,
                               const char *type, int64_t size, int64_t most, struct err *) MUST_CHECK;
bool upload_request_file_add(struct upload_request_file *, const void *bytes, size_t length, struct err *) MUST_CHECK;

/* Ends the open file, if there is one: seals it and begins to find its type. */
bool upload_request_file_end(struct exchange *, struct err *) MUST_CHECK;

/* --- upload_request_attempts.c */

/* The holder of the rows of an attempt that used this key of the secret first. */
struct uuid upload_request_holder(const struct once_keys *, size_t secret_key);

/*
 * *found: an earlier attempt was committed, which sets request->done, or its pending files were dropped and their room
 * is free.
 */
bool upload_request_find_earlier(struct exchange *, bool *found, struct err *) MUST_CHECK;

/* --- upload_request_commit.c */

/* The types of all files are known: commits the files with the outcome and fills the response. */
bool upload_request_finish(struct exchange *, struct err *) MUST_CHECK;

/* Drops the pending files: another attempt was committed, or this one has failed. */
void upload_request_drop(struct exchange *);

/* --- upload_request_answer.c */

bool upload_request_answer(struct exchange *, const struct upload_request_file *first, struct err *) MUST_CHECK;

#endif
