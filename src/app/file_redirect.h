/*
 * A file that nginx gets from the object storage itself, by a URL that is signed for this one request: its bytes pass no
 * worker. nginx/mayfly-locations.conf has the other end, location @mayfly_s3.
 */
#ifndef MAYFLY_APP_FILE_REDIRECT_H
#define MAYFLY_APP_FILE_REDIRECT_H

#include "app/exchange.h"
#include "http/range.h"

/* Whether this request's bytes are nginx's to send: it offers that (MAYFLY_S3), s3_accel agrees, the back end signs URLs. */
bool file_redirects(const struct exchange *, const struct file *);

/* Adds what nginx needs to know. The answer's other headers are to be there as if the worker sent it. */
bool file_redirect(struct exchange *, const struct file *, const struct range *, struct err *) MUST_CHECK;

#endif
