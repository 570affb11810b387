/*
 * A file that nginx itself gets from the object storage, by a URL that is signed for this request. Its bytes pass
 * through no worker. Location @mayfly_s3 in nginx/mayfly-locations.conf is the other half.
 *
 * nginx passes on any 2xx answer of the storage, so the worker first reads one byte, and checks that the object is the
 * file's and has its length. A part that fits into one piece is sent by the worker, which then has sent one request as
 * well. When nginx is refused nevertheless, it asks again (@mayfly_s3_failed), and the worker sends the file or an
 * error.
 */
#ifndef MAYFLY_APP_FILE_FILE_REDIRECT_H
#define MAYFLY_APP_FILE_FILE_REDIRECT_H

#include "app/exchange.h"
#include "http/range.h"

/*
 * Whether nginx sends this part of the file: nginx offers to (MAYFLY_S3) and has not failed, s3_accel permits it, the
 * back end signs URLs, and the part is longer than a piece.
 */
bool file_redirects(const struct exchange *, const struct file *, const struct range *);

/*
 * Checks that the storage has the file, and adds the headers that nginx needs. The other headers must be set as if the
 * worker sent the file. Errors are those of file_reader_next.
 */
bool file_redirect(struct exchange *, const struct file *, const struct range *, struct err *) MUST_CHECK;

#endif
