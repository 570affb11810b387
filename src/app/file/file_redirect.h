/*
 * A file that nginx gets from the object storage itself, by a URL that is signed for this one request: its bytes pass no
 * worker. nginx/mayfly-locations.conf has the other end, location @mayfly_s3.
 *
 * nginx passes on whatever the storage answers with a 2xx, so the worker reads a byte first, and whether it is one of that
 * file, and of its length. What comes in one piece is sent by the worker, which then has asked as often. When nginx is refused
 * all the same it asks again (@mayfly_s3_failed), and the worker sends the file or says why not.
 */
#ifndef MAYFLY_APP_FILE_FILE_REDIRECT_H
#define MAYFLY_APP_FILE_FILE_REDIRECT_H

#include "app/exchange.h"
#include "http/range.h"

/*
 * Whether this part of the file is nginx's to send: it offers that (MAYFLY_S3) and has not failed, s3_accel agrees, the back
 * end signs URLs, and it is more than a piece.
 */
bool file_redirects(const struct exchange *, const struct file *, const struct range *);

/*
 * Looks whether the storage gives the file out, and adds what nginx needs to know. The answer's other headers are to be there
 * as if the worker sent it. Errors are those of file_reader_next.
 */
bool file_redirect(struct exchange *, const struct file *, const struct range *, struct err *) MUST_CHECK;

#endif
